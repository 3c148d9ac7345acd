/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Lifetime": two ways to disconnect, waiting, and the release of user data. */
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
static int released;

static void release(void *user)
{
	(void)user;
	__atomic_add_fetch(&released, 1, __ATOMIC_SEQ_CST);
}

static int hear(struct peal_call *call, const struct beat_args *args)
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

static void *send_beat(void *argument)
{
	T_OK(PEAL_SEND(beat, argument, .number = 1));
	return NULL;
}

static void *disconnect_handle(void *argument)
{
	T_OK(peal_disconnect(*(struct peal_handle *)argument));
	return NULL;
}

/* ---- The waiting form ------------------------------------------------------------------------ */

TEST(after_a_disconnect_the_receiver_is_not_called)
{
	struct peal_handle handle;

	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .ret_handle = &handle));
	T_OK(peal_disconnect(handle));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("");
	T_CODE(peal_disconnect(handle), PEAL_NOT_FOUND);
}

TEST(when_a_disconnect_returns_release_has_been_called_once_with_the_user)
{
	struct peal_handle handle;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .release = door_release,
			  .ret_handle = &handle));
	T_OK(peal_disconnect(handle));
	T_INT(released_count(&door), 1);
	T_CODE(peal_disconnect(handle), PEAL_NOT_FOUND);
	T_CODE(peal_disconnect_deferred(handle), PEAL_NOT_FOUND);
	peal_trim();
	T_INT(released_count(&door), 1);
}

TEST(a_disconnect_waits_until_the_receiver_runs_in_no_thread)
{
	struct peal_handle handle;
	struct helper senders[2];
	struct helper disconnecter;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .release = door_release,
			  .ret_handle = &handle));
	helper_start(&senders[0], send_beat, NULL);
	helper_start(&senders[1], send_beat, NULL);
	gate_pass(&door.entered);
	gate_pass(&door.entered);
	helper_start(&disconnecter, disconnect_handle, &handle);
	wait_until_blocked(&disconnecter);
	T_FALSE(helper_returned(&disconnecter));
	T_FALSE(peal_is_connected(handle));
	gate_open(&door.leave); /* one of the two returns */
	while (__atomic_load_n(&door.inside, __ATOMIC_SEQ_CST) == 2)
		sched_yield();
	wait_until_blocked(&disconnecter);
	T_FALSE(helper_returned(&disconnecter));
	T_INT(released_count(&door), 0);
	gate_open(&door.leave);
	helper_join(&disconnecter);
	T_INT(released_count(&door), 1);
	T_INT(door.inside_at_release, 0);
	helper_join(&senders[0]);
	helper_join(&senders[1]);
	T_INT(door.calls, 2);
}

/* A send on the general path as well. */
static void *send_beat_collecting(void *argument)
{
	struct peal_results results = { 0 };

	T_OK(PEAL_SEND_COLLECT(beat, argument, &results, .number = 1));
	peal_results_fini(&results);
	return NULL;
}

TEST(a_disconnect_waits_for_a_send_that_collects)
{
	struct peal_handle handle;
	struct helper sender;
	struct helper disconnecter;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .ret_handle = &handle,
			  .release = door_release, .sender = &sender_a));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b")));
	helper_start(&sender, send_beat_collecting, &sender_a);
	gate_pass(&door.entered);
	helper_start(&disconnecter, disconnect_handle, &handle);
	wait_until_blocked(&disconnecter);
	T_FALSE(helper_returned(&disconnecter));
	gate_open(&door.leave);
	helper_join(&disconnecter);
	T_INT(released_count(&door), 1);
	helper_join(&sender);
	T_JOURNAL("b");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("b")));
}

TEST(a_disconnect_waits_for_no_other_receiver)
{
	struct peal_handle before;
	struct peal_handle after;
	struct helper sender;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .ret_handle = &before,
			  .release = release));
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .ret_handle = &after, .release = release));
	helper_start(&sender, send_beat, NULL);
	gate_pass(&door.entered);
	released = 0;
	/* In the same send, before and behind the one that blocks; the door is opened only afterwards. */
	T_OK(peal_disconnect(before));
	T_OK(peal_disconnect(after));
	T_INT(released, 2);
	gate_open(&door.leave);
	helper_join(&sender);
	T_JOURNAL("a");
	T_OK(PEAL_DISCONNECT(beat, wait_at_door, .user = &door));
}

TEST(a_disconnect_does_not_wait_for_the_rest_of_the_send)
{
	struct peal_handle handle;
	struct helper sender;
	struct helper disconnecter;
	struct door first;
	struct door second;

	door_init(&first);
	door_init(&second);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &first, .ret_handle = &handle,
			  .release = door_release));
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &second));
	helper_start(&sender, send_beat, NULL);
	gate_pass(&first.entered);
	helper_start(&disconnecter, disconnect_handle, &handle);
	wait_until_blocked(&disconnecter);
	gate_open(&first.leave);
	helper_join(&disconnecter); /* while the second receiver blocks */
	T_INT(released_count(&first), 1);
	gate_pass(&second.entered);
	gate_open(&second.leave);
	helper_join(&sender);
	T_OK(PEAL_DISCONNECT(beat, wait_at_door, .user = &second));
}

TEST(one_that_another_thread_is_disconnecting_is_not_found)
{
	struct peal_handle handle;
	struct helper sender;
	struct helper disconnecter;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .ret_handle = &handle));
	helper_start(&sender, send_beat, NULL);
	gate_pass(&door.entered);
	helper_start(&disconnecter, disconnect_handle, &handle);
	while (peal_is_connected(handle))
		sched_yield();
	T_CODE(peal_disconnect(handle), PEAL_NOT_FOUND);
	T_CODE(peal_disconnect_deferred(handle), PEAL_NOT_FOUND);
	gate_open(&door.leave);
	helper_join(&disconnecter);
	helper_join(&sender);
}

/* ---- Inside a receiver ----------------------------------------------------------------------- */

static struct peal_handle target;

static int disconnect_inside(struct peal_call *call, const struct other_args *args)
{
	(void)args;
	T_CODE(peal_disconnect(target), PEAL_EDEADLK);
	T_CODE(peal_disconnect(peal_call_handle(call)), PEAL_EDEADLK);
	T_CODE(PEAL_DISCONNECT(beat, hear, .user = USER("a")), PEAL_EDEADLK);
	T_CODE(peal_disconnect_module((const void *)(uintptr_t)hear, NULL), PEAL_EDEADLK);
	T_TRUE(peal_is_connected(target));
	T_TRUE(peal_is_connected(peal_call_handle(call)));
	return 0;
}

TEST(the_waiting_forms_inside_a_receiver_are_refused_and_change_nothing)
{
	struct peal_results results = { 0 };

	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .ret_handle = &target));
	T_OK(PEAL_CONNECT(other, disconnect_inside));
	T_OK(PEAL_SEND(other, NULL, .number = 1));
	T_OK(PEAL_SEND_COLLECT(other, NULL, &results, .number = 1));
	peal_results_fini(&results);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("a");
	T_OK(PEAL_DISCONNECT(other, disconnect_inside));
	T_OK(peal_disconnect(target)); /* outside again */
}

/* ---- The deferred form ----------------------------------------------------------------------- */

TEST(the_deferred_form_of_one_that_does_not_run)
{
	struct peal_handle handle;

	released = 0;
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .release = release,
			  .ret_handle = &handle));
	T_CODE(peal_disconnect_deferred(handle), PEAL_OK);
	T_INT(released, 1);
	T_CODE(peal_disconnect_deferred(handle), PEAL_NOT_FOUND);
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .release = release));
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, hear, .user = USER("a")), PEAL_OK);
	T_INT(released, 2);
}

TEST(the_deferred_form_of_one_that_runs_elsewhere)
{
	struct peal_handle handle;
	struct helper senders[2];
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .release = door_release,
			  .ret_handle = &handle));
	helper_start(&senders[0], send_beat, NULL);
	helper_start(&senders[1], send_beat, NULL);
	gate_pass(&door.entered);
	gate_pass(&door.entered);
	T_CODE(peal_disconnect_deferred(handle), PEAL_RUNNING);
	T_FALSE(peal_is_connected(handle));
	T_OK(PEAL_SEND(beat, NULL, .number = 1)); /* it is not started again */
	T_INT(released_count(&door), 0);
	gate_open(&door.leave);
	while (__atomic_load_n(&door.inside, __ATOMIC_SEQ_CST) == 2)
		sched_yield();
	T_INT(released_count(&door), 0); /* it still runs in the other thread */
	gate_open(&door.leave);
	helper_join(&senders[0]);
	helper_join(&senders[1]);
	T_INT(released_count(&door), 1);
	T_INT(door.inside_at_release, 0);
	T_INT(door.calls, 2);
}

static void *send_and_report(void *argument)
{
	struct door *door = argument;

	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_INT(released_count(door), 1); /* by this thread, before its send returned */
	return NULL;
}

TEST(the_release_comes_before_the_send_with_the_last_call_returns)
{
	struct helper sender;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .release = door_release));
	helper_start(&sender, send_and_report, &door);
	gate_pass(&door.entered);
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, wait_at_door, .user = &door), PEAL_RUNNING);
	gate_open(&door.leave);
	helper_join(&sender);
}

TEST(the_deferred_release_does_not_wait_for_the_rest_of_the_send)
{
	struct helper sender;
	struct door first;
	struct door second;

	door_init(&first);
	door_init(&second);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &first, .release = door_release));
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &second));
	helper_start(&sender, send_beat, NULL);
	gate_pass(&first.entered);
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, wait_at_door, .user = &first), PEAL_RUNNING);
	gate_open(&first.leave);
	gate_pass(&second.entered);
	T_INT(released_count(&first), 1);
	gate_open(&second.leave);
	helper_join(&sender);
	T_OK(PEAL_DISCONNECT(beat, wait_at_door, .user = &second));
}

static int disconnect_self(struct peal_call *call, const struct beat_args *args)
{
	if (args->number > 1) {
		T_OK(PEAL_SEND(beat, NULL, .number = args->number - 1));
		T_INT(released, 0); /* the inner call has returned, this one has not */
		return 0;
	}
	T_CODE(peal_disconnect_deferred(peal_call_handle(call)), PEAL_RUNNING);
	T_INT(released, 0);
	return 0;
}

TEST(the_deferred_release_of_oneself_comes_after_the_outermost_call)
{
	for (int depth = 1; depth < 5; depth++) {
		released = 0;
		T_OK(PEAL_CONNECT(beat, disconnect_self, .release = release));
		T_OK(PEAL_SEND(beat, NULL, .number = depth));
		T_INT(released, 1);
	}
}

TEST(disconnecting_oneself_without_a_release)
{
	T_OK(PEAL_CONNECT(beat, disconnect_self));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b")));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("b");
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("b");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("b")));
}

static int free_self(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	T_CODE(peal_disconnect_deferred(peal_call_handle(call)), PEAL_RUNNING);
	*(int *)call->user += 1; /* still there */
	return 0;
}

TEST(release_may_be_free)
{
	for (int i = 0; i < 10; i++) {
		int *user = calloc(1, sizeof(*user));

		T_TRUE(user != NULL);
		T_OK(PEAL_CONNECT(beat, free_self, .user = user, .release = free));
	}
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_FALSE(peal_signal_is_heard(&beat));
}

/* ---- What a release may do ------------------------------------------------------------------- */

static int heard_in_release;

static int hear_in_release(struct peal_call *call, const struct other_args *args)
{
	(void)call;
	(void)args;
	heard_in_release++;
	return 0;
}

/* All kinds of calls: with the lock of the library held, the first would hang. */
static void release_and_call(void *user)
{
	struct peal_scope scope = { 0 };
	struct peal_snapshot *snapshot;
	struct peal_handle handle;
	bool inside = *(bool *)user;

	released++;
	T_OK(PEAL_CONNECT(other, hear_in_release, .scope = &scope, .ret_handle = &handle));
	T_TRUE(peal_has_receivers(&other, NULL));
	T_OK(PEAL_SEND(other, NULL, .number = 1));
	T_OK(peal_snapshot_take(NULL, &snapshot));
	peal_snapshot_free(snapshot);
	T_UINT(peal_scope_size(&scope), 1);
	if (inside) {
		T_CODE(peal_disconnect_deferred(handle), PEAL_OK);
	} else {
		T_OK(peal_disconnect(handle));
		T_OK(peal_scope_end(&scope));
	}
	peal_trim();
}

TEST(release_is_called_without_a_lock_by_the_waiting_form)
{
	bool inside = false;

	released = heard_in_release = 0;
	T_OK(PEAL_CONNECT(beat, hear, .user = &inside, .release = release_and_call));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = &inside));
	T_INT(released, 1);
	T_INT(heard_in_release, 1);
}

TEST(release_is_called_without_a_lock_by_the_deferred_form)
{
	bool inside = false;

	released = heard_in_release = 0;
	T_OK(PEAL_CONNECT(beat, hear, .user = &inside, .release = release_and_call));
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, hear, .user = &inside), PEAL_OK);
	T_INT(released, 1);
	T_INT(heard_in_release, 1);
}

static int end_self(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	T_CODE(peal_disconnect_deferred(peal_call_handle(call)), PEAL_RUNNING);
	return 0;
}

TEST(release_is_called_without_a_lock_at_the_end_of_a_send)
{
	bool inside = true; /* whether it is, the text leaves open */

	released = heard_in_release = 0;
	T_OK(PEAL_CONNECT(beat, end_self, .user = &inside, .release = release_and_call));
	T_OK(PEAL_CONNECT(beat, end_self, .user = &inside, .release = release_and_call,
			  .uid = "2"));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_INT(released, 2);
	T_INT(heard_in_release, 2);
}

static void release_by_scope(void *user)
{
	(void)user;
	released++;
}

/* A release that disconnects the next one, whose release disconnects the next one... */
static struct peal_handle chain[20];

static void release_next(void *user)
{
	struct peal_handle *next = user;

	released++;
	if (next < &chain[PEAL_COUNTOF(chain)])
		T_CODE(peal_disconnect_deferred(*next), PEAL_OK);
}

TEST(a_release_may_disconnect_others)
{
	released = 0;
	for (size_t i = 0; i < PEAL_COUNTOF(chain); i++)
		T_OK(PEAL_CONNECT(beat, hear, .user = &chain[i + 1], .release = release_next,
				  .ret_handle = &chain[i]));
	T_OK(peal_disconnect(chain[0]));
	T_INT(released, PEAL_COUNTOF(chain));
	T_FALSE(peal_signal_is_heard(&beat));
}

TEST(a_release_may_connect_the_same_again)
{
	struct peal_handle handle;

	released = 0;
	for (int i = 0; i < 3; i++) {
		T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .release = release_by_scope,
				  .ret_handle = &handle));
		T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
		T_FALSE(peal_is_connected(handle));
	}
	T_INT(released, 3);
}

/* ---- By identity ----------------------------------------------------------------------------- */

TEST(disconnect_by_receiver_user_and_sender)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &sender_a));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a")));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a"), .sender = &sender_a));
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_JOURNAL("a");
	T_CODE(PEAL_DISCONNECT(beat, hear, .user = USER("b")), PEAL_NOT_FOUND);
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, hear, .user = USER("a")), PEAL_OK);
	T_FALSE(peal_signal_is_heard(&beat));
}

TEST(disconnect_by_uid_and_sender)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &sender_a, .uid = "u"));
	T_CODE(PEAL_DISCONNECT(beat, NULL, .uid = "u"), PEAL_NOT_FOUND);
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, NULL, .uid = "v", .sender = &sender_a),
	       PEAL_NOT_FOUND);
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, NULL, .uid = "u", .sender = &sender_a), PEAL_OK);
	T_FALSE(peal_signal_is_heard(&beat));
}

/* ---- Whether somebody hears ------------------------------------------------------------------ */

TEST(is_heard_and_has_receivers)
{
	struct peal_handle handle;

	T_FALSE(peal_signal_is_heard(&beat));
	T_FALSE(peal_has_receivers(&beat, NULL));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &sender_a,
			  .ret_handle = &handle));
	T_TRUE(peal_signal_is_heard(&beat));
	T_TRUE(peal_has_receivers(&beat, &sender_a));
	T_FALSE(peal_has_receivers(&beat, NULL)); /* receivers for any sender only */
	T_FALSE(peal_has_receivers(&beat, &handle));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .priority = -4));
	T_TRUE(peal_has_receivers(&beat, NULL));
	T_TRUE(peal_has_receivers(&beat, &handle));
	T_OK(peal_disconnect(handle));
	T_TRUE(peal_has_receivers(&beat, &sender_a));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("b")));
	T_FALSE(peal_signal_is_heard(&beat));
	T_FALSE(peal_has_receivers(&beat, &sender_a));
}
