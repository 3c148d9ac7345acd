/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Scopes". */
#include "contract.h"

#include <stdlib.h>

struct beat_args {
	int number;
};
PEAL_SIGNAL(beat);

struct other_args {
	int number;
};
PEAL_SIGNAL(other);

static int sender_a;

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static int hear_other(struct peal_call *call, const struct other_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static int wait_at_door(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	door_walk_through(call->user);
	return 0;
}

static int wait_at_other_door(struct peal_call *call, const struct other_args *args)
{
	(void)args;
	door_walk_through(call->user);
	return 0;
}

static void *send_beat(void *argument)
{
	T_OK(PEAL_SEND(beat, argument, .number = 1));
	return NULL;
}

static void *send_other(void *argument)
{
	T_OK(PEAL_SEND(other, argument, .number = 1));
	return NULL;
}

static void *end_scope(void *argument)
{
	T_OK(peal_scope_end(argument));
	return NULL;
}

static int released;

static void release(void *user)
{
	T_TRUE(user == (void *)&released);
	released++;
}

TEST(all_connections_of_a_scope_end_together)
{
	struct peal_scope scope = { 0 };

	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &scope));
	T_OK(PEAL_CONNECT(other, hear_other, .user = USER("b"), .scope = &scope));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("c"), .scope = &scope, .sender = &sender_a));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("d"), .scope = &scope, .priority = 9));
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("e"), .scope = &scope,
			    .sender_name = "scope.Never"),
	       PEAL_PENDING);
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("stays")));
	T_UINT(peal_scope_size(&scope), 5);
	T_OK(peal_scope_end(&scope));
	T_UINT(peal_scope_size(&scope), 0);
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_OK(PEAL_SEND(other, &sender_a, .number = 1));
	T_JOURNAL("stays");
	T_CODE(PEAL_DISCONNECT(beat, hear, .user = USER("e"), .sender_name = "scope.Never"),
	       PEAL_NOT_FOUND);
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("stays")));
}

TEST(ending_an_empty_scope_does_nothing)
{
	struct peal_scope scope = { 0 };

	T_UINT(peal_scope_size(&scope), 0);
	T_OK(peal_scope_end(&scope));
	T_OK(peal_scope_end(&scope));
	released = 0;
	T_CODE(peal_scope_end_deferred(&scope, release, &released), PEAL_OK);
	T_INT(released, 1);
	T_CODE(peal_scope_end_deferred(&scope, NULL, NULL), PEAL_OK);
}

TEST(a_scope_may_be_used_again)
{
	struct peal_scope scope = { 0 };

	for (int i = 0; i < 3; i++) {
		T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &scope));
		T_OK(PEAL_SEND(beat, NULL, .number = 1));
		T_JOURNAL("a");
		T_OK(peal_scope_end(&scope));
		T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &scope));
		T_CODE(peal_scope_end_deferred(&scope, NULL, NULL), PEAL_OK);
		T_OK(PEAL_SEND(beat, NULL, .number = 1));
		T_JOURNAL("");
	}
}

TEST(disconnecting_takes_out_of_the_scope)
{
	struct peal_scope scope = { 0 };
	static char names[5][2] = { "0", "1", "2", "3", "4" };
	static const int order[] = { 2, 0, 4, 3, 1 }; /* middle, first, last, ... */

	for (int i = 0; i < 5; i++)
		T_OK(PEAL_CONNECT(beat, hear, .user = names[i], .scope = &scope));
	for (unsigned i = 0; i < 5; i++) {
		T_OK(PEAL_DISCONNECT(beat, hear, .user = names[order[i]]));
		T_UINT(peal_scope_size(&scope), 4 - i);
	}
	T_OK(peal_scope_end(&scope));
	for (int i = 0; i < 5; i++)
		T_OK(PEAL_CONNECT(beat, hear, .user = names[i], .scope = &scope));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = names[1]));
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, hear, .user = names[3]), PEAL_OK);
	T_UINT(peal_scope_size(&scope), 3);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("024");
	T_OK(peal_scope_end(&scope));
	T_FALSE(peal_signal_is_heard(&beat));
}

TEST(ending_a_scope_releases)
{
	struct peal_scope scope = { 0 };

	released = 0;
	T_OK(PEAL_CONNECT(beat, hear, .user = &released, .scope = &scope, .release = release));
	T_CODE(PEAL_CONNECT(beat, hear, .user = &released, .scope = &scope, .release = release,
			    .sender_name = "scope.Never"),
	       PEAL_PENDING);
	T_OK(peal_scope_end(&scope));
	T_INT(released, 2);
	T_OK(PEAL_CONNECT(beat, hear, .user = &released, .scope = &scope, .release = release));
	T_CODE(peal_scope_end_deferred(&scope, NULL, NULL), PEAL_OK);
	T_INT(released, 3);
}

/* ---- Inside a receiver ----------------------------------------------------------------------- */

static struct peal_scope inner;

static int end_inside(struct peal_call *call, const struct other_args *args)
{
	(void)call;
	(void)args;
	T_CODE(peal_scope_end(&inner), PEAL_EDEADLK);
	T_UINT(peal_scope_size(&inner), 1);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	return 0;
}

TEST(ending_inside_a_receiver_is_refused_and_changes_nothing)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &inner));
	T_OK(PEAL_CONNECT(other, end_inside));
	T_OK(PEAL_SEND(other, NULL, .number = 1));
	T_JOURNAL("a");
	T_OK(PEAL_DISCONNECT(other, end_inside));
	T_OK(peal_scope_end(&inner));
}

static int connect_into(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	(void)call;
	T_CODE(peal_scope_end_deferred(&inner, release, &released), PEAL_RUNNING);
	T_INT(released, 0);
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("x"), .scope = &inner), PEAL_EINVAL);
	T_CODE(peal_scope_end_deferred(&inner, NULL, NULL), PEAL_EBUSY);
	T_UINT(peal_scope_size(&inner), 0);
	return 0;
}

TEST(while_a_scope_is_being_ended_nothing_can_be_connected_into_it)
{
	released = 0;
	T_OK(PEAL_CONNECT(beat, connect_into, .scope = &inner));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_INT(released, 1);
	/* And then it may be used again. */
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("x"), .scope = &inner));
	T_OK(peal_scope_end(&inner));
}

/* ---- Waiting --------------------------------------------------------------------------------- */

TEST(ending_waits_until_no_receiver_of_the_scope_runs)
{
	struct peal_scope scope = { 0 };
	struct helper sender;
	struct helper ender;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .scope = &scope,
			  .release = door_release));
	T_OK(PEAL_CONNECT(other, hear_other, .user = USER("b"), .scope = &scope));
	helper_start(&sender, send_beat, NULL);
	gate_pass(&door.entered);
	helper_start(&ender, end_scope, &scope);
	wait_until_blocked(&ender);
	T_FALSE(helper_returned(&ender));
	T_INT(released_count(&door), 0);
	gate_open(&door.leave);
	helper_join(&ender);
	T_INT(released_count(&door), 1);
	T_INT(door.inside_at_release, 0);
	helper_join(&sender);
}

TEST(ending_waits_for_no_receiver_of_another_scope)
{
	struct peal_scope scope = { 0 };
	struct peal_scope another = { 0 };
	struct helper sender;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .scope = &another));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &scope));
	helper_start(&sender, send_beat, NULL);
	gate_pass(&door.entered);
	T_OK(peal_scope_end(&scope)); /* the door is still closed */
	T_CODE(peal_scope_end_deferred(&scope, NULL, NULL), PEAL_OK);
	gate_open(&door.leave);
	helper_join(&sender);
	T_JOURNAL("");
	T_OK(peal_scope_end(&another));
}

TEST(a_scope_that_is_being_ended_is_busy)
{
	struct peal_scope scope = { 0 };
	struct helper sender;
	struct helper ender;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .scope = &scope));
	helper_start(&sender, send_beat, NULL);
	gate_pass(&door.entered);
	helper_start(&ender, end_scope, &scope);
	while (peal_scope_size(&scope) > 0)
		sched_yield();
	T_CODE(peal_scope_end(&scope), PEAL_EBUSY);
	T_CODE(peal_scope_end_deferred(&scope, release, &released), PEAL_EBUSY);
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("x"), .scope = &scope), PEAL_EINVAL);
	gate_open(&door.leave);
	helper_join(&ender);
	helper_join(&sender);
	T_OK(peal_scope_end(&scope));
}

TEST(ending_waits_for_one_that_was_disconnected_before_and_still_runs)
{
	struct peal_scope scope = { 0 };
	struct helper sender;
	struct helper ender;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .scope = &scope));
	helper_start(&sender, send_beat, NULL);
	gate_pass(&door.entered);
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, wait_at_door, .user = &door), PEAL_RUNNING);
	T_UINT(peal_scope_size(&scope), 0);
	helper_start(&ender, end_scope, &scope);
	wait_until_blocked(&ender);
	T_FALSE(helper_returned(&ender));
	gate_open(&door.leave);
	helper_join(&ender);
	helper_join(&sender);
}

static void *disconnect_door(void *argument)
{
	T_OK(PEAL_DISCONNECT(beat, wait_at_door, .user = argument));
	return NULL;
}

TEST(ending_waits_for_one_that_another_thread_is_disconnecting)
{
	struct peal_scope *scope = calloc(1, sizeof(*scope));
	struct helper sender;
	struct helper disconnecter;
	struct helper ender;
	struct door door;

	T_TRUE(scope != NULL);
	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .scope = scope));
	helper_start(&sender, send_beat, NULL);
	gate_pass(&door.entered);
	helper_start(&disconnecter, disconnect_door, &door);
	while (peal_signal_is_heard(&beat))
		sched_yield();
	helper_start(&ender, end_scope, scope);
	wait_until_blocked(&ender);
	T_FALSE(helper_returned(&ender));
	gate_open(&door.leave);
	helper_join(&ender);
	free(scope); /* as its text allows; the other disconnect must not look at it any more */
	helper_join(&disconnecter);
	helper_join(&sender);
}

/* ---- The deferred form ----------------------------------------------------------------------- */

static void free_scope(void *user)
{
	released++;
	free(user);
}

TEST(the_deferred_form_never_waits_and_releases_after_the_last_call)
{
	struct peal_scope *scope = calloc(1, sizeof(*scope));
	struct helper senders[2];
	struct door doors[2];

	T_TRUE(scope != NULL);
	released = 0;
	door_init(&doors[0]);
	door_init(&doors[1]);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &doors[0], .scope = scope));
	T_OK(PEAL_CONNECT(other, wait_at_other_door, .user = &doors[1], .scope = scope));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = scope));
	helper_start(&senders[0], send_beat, NULL);
	helper_start(&senders[1], send_other, NULL);
	gate_pass(&doors[0].entered);
	gate_pass(&doors[1].entered);
	T_CODE(peal_scope_end_deferred(scope, free_scope, scope), PEAL_RUNNING);
	T_FALSE(peal_signal_is_heard(&beat));
	gate_open(&doors[0].leave);
	helper_join(&senders[0]);
	T_INT(__atomic_load_n(&released, __ATOMIC_SEQ_CST), 0); /* the other one still runs */
	gate_open(&doors[1].leave);
	helper_join(&senders[1]);
	T_INT(released, 1);
	T_JOURNAL("");
}

TEST(the_deferred_form_releases_at_once_when_nothing_runs)
{
	struct peal_scope *scope = calloc(1, sizeof(*scope));

	T_TRUE(scope != NULL);
	released = 0;
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = scope));
	T_CODE(peal_scope_end_deferred(scope, free_scope, scope), PEAL_OK);
	T_INT(released, 1);
	T_FALSE(peal_signal_is_heard(&beat));
}

static int end_deferred_twice_deep(struct peal_call *call, const struct beat_args *args)
{
	if (args->number == 2) {
		T_CODE(peal_scope_end_deferred(&inner, release, &released), PEAL_RUNNING);
		return 0;
	}
	(void)call;
	T_OK(PEAL_SEND(beat, NULL, .number = 2));
	T_INT(released, 0); /* the inner call has returned, this one has not */
	return 0;
}

TEST(the_deferred_release_waits_for_every_call_of_this_thread)
{
	released = 0;
	T_OK(PEAL_CONNECT(beat, end_deferred_twice_deep, .scope = &inner));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_INT(released, 1);
}

static int order_of_release;
static int connection_released_as;
static int scope_released_as;

static void release_connection(void *user)
{
	(void)user;
	connection_released_as = ++order_of_release;
}

static void release_scope(void *user)
{
	(void)user;
	scope_released_as = ++order_of_release;
	/* No lock is held, and the scope is free to be used. */
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("again"), .scope = &inner));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("again")));
}

TEST(the_release_of_a_scope_comes_after_those_of_its_connections)
{
	order_of_release = 0;
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &inner,
			  .release = release_connection));
	T_CODE(peal_scope_end_deferred(&inner, release_scope, NULL), PEAL_OK);
	T_INT(connection_released_as, 1);
	T_INT(scope_released_as, 2);
	T_JOURNAL("again");
}
