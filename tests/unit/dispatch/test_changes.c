/* SPDX-License-Identifier: MIT */
/*
 * peal/dispatch.h, "Changes" and "Nesting": connecting, disconnecting and freeing while a send is
 * under way.
 *
 * Each test runs once for each way of sending: a send that asks for nothing takes another path
 * through the library than one that collects, and one with receivers for a sender another than one
 * without.
 */
#include "contract.h"

#include <stdlib.h>

struct beat_args {
	int number;
};
PEAL_SIGNAL(beat);

static int sender_a;

enum way {
	WAY_PLAIN,
	WAY_COLLECT,
	WAY_ROBUST,
	WAY_SENDER, /* with a receiver of that sender: two lists are merged */
	WAYS,
};

static enum way way;

static int nothing(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	return 0;
}

static int send_beat(int number)
{
	struct peal_results results = { 0 };
	int code = 0;

	switch (way) {
	case WAY_PLAIN:
		return PEAL_SEND(beat, NULL, .number = number);
	case WAY_SENDER:
		return PEAL_SEND(beat, &sender_a, .number = number);
	case WAY_COLLECT:
		code = PEAL_SEND_COLLECT(beat, NULL, &results, .number = number);
		break;
	case WAY_ROBUST:
		code = PEAL_SEND_ROBUST(beat, NULL, &results, .number = number);
		break;
	case WAYS:
		break;
	}
	peal_results_fini(&results);
	return code;
}

/* TEST_WAYS(name) { body } runs the body for each way; nobody may be connected after it. */
#define TEST_WAYS(name_)                                                                   \
	static void ways_##name_(void);                                                    \
	TEST(name_)                                                                        \
	{                                                                                  \
		for (way = WAY_PLAIN; way < WAYS; way++) {                                 \
			journal_clear();                                                   \
			if (way == WAY_SENDER)                                             \
				T_OK(PEAL_CONNECT(beat, nothing, .sender = &sender_a));    \
			ways_##name_();                                                    \
			if (way == WAY_SENDER)                                             \
				T_OK(PEAL_DISCONNECT(beat, nothing, .sender = &sender_a)); \
			T_FALSE(peal_signal_is_heard(&beat));                              \
		}                                                                          \
	}                                                                                  \
	static void ways_##name_(void)

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static void connect(const char *name)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER(name)));
}

static void disconnect(const char *name)
{
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER(name)));
}

/* A receiver that does something once: what its user data points to. */
struct act {
	const char *name;
	void (*once)(struct peal_call *call);
};

static int act(struct peal_call *call, const struct beat_args *args)
{
	struct act *self = call->user;
	void (*once)(struct peal_call * call) = self->once;

	(void)args;
	note(self->name);
	self->once = NULL;
	if (once)
		once(call);
	return 0;
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static void connect_x(struct peal_call *call)
{
	(void)call;
	connect("x");
}

TEST_WAYS(connected_during_a_send_is_not_called_by_it)
{
	struct act actor = { "1", connect_x };

	connect("a");
	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("b");
	T_OK(send_beat(1));
	T_JOURNAL("a1b");
	T_OK(send_beat(1));
	T_JOURNAL("a1bx");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("a");
	disconnect("b");
	disconnect("x");
}

TEST_WAYS(connected_by_the_last_receiver_is_not_called_by_that_send)
{
	struct act actor = { "1", connect_x };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	T_OK(send_beat(1));
	T_JOURNAL("1");
	T_OK(send_beat(1));
	T_JOURNAL("1x");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("x");
}

static void connect_for_sender(struct peal_call *call)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("s"), .sender = &sender_a));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("l"), .priority = -1));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("e"), .priority = 1));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("m"), .sender = &sender_a, .priority = -1));
	(void)call;
}

TEST_WAYS(connected_during_a_send_to_other_places_is_not_called_by_it)
{
	struct act actor = { "1", connect_for_sender };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("b");
	T_OK(send_beat(1));
	T_JOURNAL("1b");
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_JOURNAL("e1bslm");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("b");
	T_UINT(peal_sender_forget(&sender_a), way == WAY_SENDER ? 3 : 2);
	disconnect("l");
	disconnect("e");
	if (way == WAY_SENDER)
		T_OK(PEAL_CONNECT(beat, nothing, .sender = &sender_a));
}

static int many[60];

static int hear_many(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	note("m");
	return 0;
}

static void connect_many(struct peal_call *call)
{
	(void)call;
	for (size_t i = 0; i < PEAL_COUNTOF(many); i++)
		T_OK(PEAL_CONNECT(beat, hear_many, .user = &many[i]));
}

TEST_WAYS(many_connected_during_a_send_are_not_called_by_it)
{
	struct act actor = { "1", connect_many };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("b");
	T_OK(send_beat(1));
	T_JOURNAL("1b");
	T_OK(send_beat(1));
	T_UINT(strlen(journal), 2 + PEAL_COUNTOF(many));
	journal_clear();
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("b");
	for (size_t i = 0; i < PEAL_COUNTOF(many); i++)
		T_OK(PEAL_DISCONNECT(beat, hear_many, .user = &many[i]));
}

static void connect_x_and_send(struct peal_call *call)
{
	(void)call;
	connect("x");
	note("(");
	T_OK(send_beat(2));
	note(")");
}

TEST_WAYS(connected_before_an_inner_send_is_called_by_the_inner_one_alone)
{
	struct act actor = { "1", connect_x_and_send };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("b");
	T_OK(send_beat(1));
	T_JOURNAL("1(1bx)b");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("b");
	disconnect("x");
}

/* ---- Disconnecting --------------------------------------------------------------------------- */

static void disconnect_b(struct peal_call *call)
{
	(void)call;
	T_OK(PEAL_DISCONNECT_DEFERRED(beat, hear, .user = USER("b")));
}

TEST_WAYS(disconnected_before_its_turn_is_not_called)
{
	struct act actor = { "1", disconnect_b };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("a");
	connect("b");
	connect("c");
	T_OK(send_beat(1));
	T_JOURNAL("1ac");
	T_OK(send_beat(1));
	T_JOURNAL("1ac");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("a");
	disconnect("c");
}

TEST_WAYS(disconnecting_one_whose_turn_has_passed_changes_nothing_for_the_others)
{
	struct act actor = { "1", disconnect_b };

	connect("a");
	connect("b");
	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("c");
	T_OK(send_beat(1));
	T_JOURNAL("ab1c");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("a");
	disconnect("c");
}

static void disconnect_self(struct peal_call *call)
{
	T_CODE(peal_disconnect_deferred(peal_call_handle(call)), PEAL_RUNNING);
	T_FALSE(peal_is_connected(peal_call_handle(call)));
	T_CODE(peal_disconnect_deferred(peal_call_handle(call)), PEAL_NOT_FOUND);
}

TEST_WAYS(a_receiver_disconnects_itself)
{
	struct act actor = { "1", disconnect_self };

	connect("a");
	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("b");
	T_OK(send_beat(1));
	T_JOURNAL("a1b");
	T_OK(send_beat(1));
	T_JOURNAL("ab");
	disconnect("a");
	disconnect("b");
}

TEST_WAYS(the_only_receiver_disconnects_itself)
{
	struct act actor = { "1", disconnect_self };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	T_OK(send_beat(1));
	T_JOURNAL("1");
	T_OK(send_beat(1));
	T_JOURNAL("");
}

static struct peal_scope everything;

static void disconnect_all(struct peal_call *call)
{
	(void)call;
	T_CODE(peal_scope_end_deferred(&everything, NULL, NULL), PEAL_RUNNING);
}

TEST_WAYS(a_receiver_disconnects_all)
{
	struct act actor = { "1", disconnect_all };

	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &everything));
	T_OK(PEAL_CONNECT(beat, act, .user = &actor, .scope = &everything));
	for (size_t i = 0; i < PEAL_COUNTOF(many); i++)
		T_OK(PEAL_CONNECT(beat, hear_many, .user = &many[i], .scope = &everything));
	T_OK(send_beat(1));
	T_JOURNAL("a1");
	T_OK(send_beat(1));
	T_JOURNAL("");
	T_UINT(peal_scope_size(&everything), 0);
}

static void replace_b(struct peal_call *call)
{
	disconnect_b(call);
	connect("b");
}

TEST_WAYS(disconnected_and_connected_again_waits_for_the_next_send)
{
	struct act actor = { "1", replace_b };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("b");
	connect("c");
	T_OK(send_beat(1));
	T_JOURNAL("1c");
	T_OK(send_beat(1));
	T_JOURNAL("1cb");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("b");
	disconnect("c");
}

/*
 * What is disconnected has its memory used again at once; a send under way must not take one for
 * the other.
 */
static void replace_many(struct peal_call *call)
{
	(void)call;
	for (size_t i = 0; i < PEAL_COUNTOF(many); i++)
		T_OK(PEAL_DISCONNECT_DEFERRED(beat, hear_many, .user = &many[i]));
	peal_trim();
	for (size_t i = 0; i < PEAL_COUNTOF(many); i++)
		T_OK(PEAL_CONNECT(beat, hear, .user = USER("n"), .sender = &many[i]));
	for (size_t i = 0; i < PEAL_COUNTOF(many); i++)
		T_OK(PEAL_CONNECT(beat, hear, .user = &many[i]));
}

TEST_WAYS(memory_used_again_during_a_send_is_not_mistaken)
{
	struct act actor = { "1", replace_many };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	for (size_t i = 0; i < PEAL_COUNTOF(many); i++)
		T_OK(PEAL_CONNECT(beat, hear_many, .user = &many[i]));
	connect("z");
	T_OK(send_beat(1));
	T_JOURNAL("1z");
	disconnect("z");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	for (size_t i = 0; i < PEAL_COUNTOF(many); i++) {
		T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("n"), .sender = &many[i]));
		T_OK(PEAL_DISCONNECT(beat, hear, .user = &many[i]));
	}
}

/* ---- Nesting --------------------------------------------------------------------------------- */

static void send_inner(struct peal_call *call)
{
	T_UINT(peal_call_depth(call), 0);
	note("(");
	T_OK(send_beat(2));
	note(")");
}

TEST_WAYS(an_inner_send_is_complete_before_the_outer_goes_on)
{
	struct act actor = { "1", send_inner };

	connect("a");
	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("b");
	T_OK(send_beat(1));
	T_JOURNAL("a1(a1b)b");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("a");
	disconnect("b");
}

static void disconnect_b_in_an_inner_send(struct peal_call *call)
{
	static struct act inner = { "2", NULL };

	(void)call;
	inner.once = disconnect_b;
	T_OK(PEAL_CONNECT(beat, act, .user = &inner));
	note("(");
	T_OK(send_beat(2));
	note(")");
	T_OK(PEAL_DISCONNECT_DEFERRED(beat, act, .user = &inner));
}

TEST_WAYS(what_an_inner_send_disconnects_the_outer_does_not_call)
{
	struct act actor = { "1", disconnect_b_in_an_inner_send };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .priority = -1));
	connect("c");
	T_OK(send_beat(1));
	T_JOURNAL("1(1c2)c");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("c");
}

static void disconnect_self_in_an_inner_send(struct peal_call *call)
{
	struct act *self = call->user;

	self->once = disconnect_self;
	note("(");
	T_OK(send_beat(2));
	note(")");
}

TEST_WAYS(a_receiver_that_runs_twice_disconnects_itself_inside)
{
	struct act actor = { "1", disconnect_self_in_an_inner_send };

	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	connect("b");
	T_OK(send_beat(1));
	T_JOURNAL("1(1b)b");
	T_OK(send_beat(1));
	T_JOURNAL("b");
	disconnect("b");
}

static int count_down(struct peal_call *call, const struct beat_args *args)
{
	char text[2] = { (char)('0' + args->number), '\0' };

	T_UINT(peal_call_depth(call), 5u - (unsigned)args->number);
	note(text);
	if (args->number > 0)
		T_OK(send_beat(args->number - 1));
	note(text);
	return 0;
}

TEST_WAYS(depth_counts_the_sends_around)
{
	T_OK(PEAL_CONNECT(beat, count_down));
	connect(".");
	T_OK(send_beat(5));
	T_JOURNAL("5432100.1.2.3.4.5.");
	T_OK(PEAL_DISCONNECT(beat, count_down));
	disconnect(".");
}

/* ---- Owners ---------------------------------------------------------------------------------- */

/* An object whose receiver ends it: the memory goes with the last call. */
struct owner {
	struct peal_scope scope;
	char name[16];
	int *freed;
};

static void owner_free(void *user)
{
	struct owner *owner = user;

	++*owner->freed;
	free(owner);
}

static int owner_ends(struct peal_call *call, const struct beat_args *args)
{
	struct owner *owner = call->user;

	(void)args;
	note(owner->name);
	T_CODE(peal_scope_end_deferred(&owner->scope, owner_free, owner), PEAL_RUNNING);
	T_INT(*owner->freed, 0);
	note(owner->name); /* it is still there */
	return 0;
}

static int owner_hears(struct peal_call *call, const struct beat_args *args)
{
	struct owner *owner = call->user;

	(void)args;
	note(owner->name);
	return 0;
}

TEST_WAYS(a_receiver_frees_its_own_owner)
{
	int freed = 0;
	struct owner *owner = calloc(1, sizeof(*owner));

	T_TRUE(owner != NULL);
	strcpy(owner->name, "o"); /* NOLINT */
	owner->freed = &freed;
	T_OK(PEAL_CONNECT(beat, owner_hears, .user = owner, .scope = &owner->scope, .uid = "1"));
	T_OK(PEAL_CONNECT(beat, owner_ends, .user = owner, .scope = &owner->scope));
	T_OK(PEAL_CONNECT(beat, owner_hears, .user = owner, .scope = &owner->scope));
	connect("z");
	T_OK(send_beat(1));
	T_JOURNAL("oooz");
	T_INT(freed, 1);
	T_OK(send_beat(1));
	T_JOURNAL("z");
	disconnect("z");
}

static struct owner *victim;

static void end_the_victim(struct peal_call *call)
{
	(void)call;
	/* None of its receivers runs: its memory is gone when this returns. */
	T_CODE(peal_scope_end_deferred(&victim->scope, owner_free, victim), PEAL_OK);
}

TEST_WAYS(a_receiver_frees_the_owner_of_others)
{
	struct act actor = { "1", end_the_victim };
	int freed = 0;

	victim = calloc(1, sizeof(*victim));
	T_TRUE(victim != NULL);
	strcpy(victim->name, "v"); /* NOLINT */
	victim->freed = &freed;
	T_OK(PEAL_CONNECT(beat, owner_hears, .user = victim, .scope = &victim->scope));
	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	T_OK(PEAL_CONNECT(beat, owner_hears, .user = victim, .scope = &victim->scope, .uid = "2"));
	connect("z");
	T_OK(send_beat(1));
	T_JOURNAL("v1z");
	T_INT(freed, 1);
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("z");
}

static int forgotten_sender;

static void forget_sender(struct peal_call *call)
{
	T_TRUE(peal_sender_forget(call->sender) > 0);
	T_UINT(peal_sender_forget(call->sender), 0);
}

TEST(a_sender_goes_away_during_its_own_send)
{
	struct act actor = { "1", forget_sender };

	connect("a");
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .sender = &forgotten_sender));
	T_OK(PEAL_CONNECT(beat, act, .user = &actor));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("c"), .sender = &forgotten_sender));
	connect("d");
	T_OK(PEAL_SEND(beat, &forgotten_sender, .number = 1));
	T_JOURNAL("ab1d");
	T_OK(PEAL_SEND(beat, &forgotten_sender, .number = 1));
	T_JOURNAL("a1d");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &actor));
	disconnect("a");
	disconnect("d");
}

static void trim(struct peal_call *call)
{
	(void)call;
	peal_trim();
}

TEST_WAYS(trimming_during_a_send_keeps_what_it_needs)
{
	struct act first = { "1", disconnect_b };
	struct act second = { "2", trim };
	struct act third = { "3", connect_many };
	struct act fourth = { "4", trim };

	T_OK(PEAL_CONNECT(beat, act, .user = &first));
	T_OK(PEAL_CONNECT(beat, act, .user = &second));
	connect("b");
	T_OK(PEAL_CONNECT(beat, act, .user = &third));
	T_OK(PEAL_CONNECT(beat, act, .user = &fourth));
	connect("c");
	T_OK(send_beat(1));
	T_JOURNAL("1234c");
	T_OK(PEAL_DISCONNECT(beat, act, .user = &first));
	T_OK(PEAL_DISCONNECT(beat, act, .user = &second));
	T_OK(PEAL_DISCONNECT(beat, act, .user = &third));
	T_OK(PEAL_DISCONNECT(beat, act, .user = &fourth));
	disconnect("c");
	for (size_t i = 0; i < PEAL_COUNTOF(many); i++)
		T_OK(PEAL_DISCONNECT(beat, hear_many, .user = &many[i]));
}
