/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Muting". */
#include "contract.h"

struct beat_args {
	int number;
};
PEAL_SIGNAL(beat);

struct other_args {
	int number;
};
PEAL_SIGNAL(other);

static int sender_a;
static int sender_b;

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static int hear_too(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static int hear_other(struct peal_call *call, const struct other_args *args)
{
	(void)call;
	(void)args;
	note("o");
	return 0;
}

static struct peal_scope all;

static void connect_all(void)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear_too, .user = USER("b"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("c"), .scope = &all, .uid = "u"));
	T_OK(PEAL_CONNECT(other, hear_other, .scope = &all));
}

static void disconnect_all(void)
{
	T_OK(peal_scope_end(&all));
}

static void sends_are_heard_as(const void *sender, const char *expected)
{
	struct peal_results results = { 0 };

	T_OK(PEAL_SEND(beat, sender, .number = 1));
	T_OK(PEAL_SEND(other, sender, .number = 1));
	T_JOURNAL(expected);
	T_OK(PEAL_SEND_COLLECT(beat, sender, &results, .number = 1));
	T_OK(PEAL_SEND_ROBUST(other, sender, NULL, .number = 1));
	T_JOURNAL(expected);
	/* What was not called has no answer. */
	T_UINT(results.count, strlen(expected) - (strchr(expected, 'o') != NULL));
	peal_results_fini(&results);
}

TEST(a_receiver_is_muted_until_the_end_of_the_block)
{
	connect_all();
	PEAL_MUTE(beat, hear) {
		sends_are_heard_as(NULL, "bo");
	}
	sends_are_heard_as(NULL, "abco");
	disconnect_all();
}

static int leave_by_return(void)
{
	PEAL_MUTE(beat, hear) {
		sends_are_heard_as(NULL, "bo");
		return 1;
	}
	return 0;
}

TEST(however_the_block_is_left)
{
	connect_all();
	T_INT(leave_by_return(), 1);
	sends_are_heard_as(NULL, "abco");
	PEAL_MUTE(beat, hear) {
		break;
	}
	sends_are_heard_as(NULL, "abco");
	for (int i = 0; i < 2; i++) {
		PEAL_MUTE(beat, hear) {
			continue;
		}
		sends_are_heard_as(NULL, "abco");
	}
	PEAL_MUTE(beat, hear) {
		goto out;
	}
out:
	sends_are_heard_as(NULL, "abco");
	disconnect_all();
}

TEST(the_block_runs_once)
{
	int runs = 0;

	PEAL_MUTE(beat, hear)
		runs++;
	T_INT(runs, 1);
}

TEST(without_a_receiver_all_of_the_signal)
{
	connect_all();
	PEAL_MUTE(beat, NULL) {
		sends_are_heard_as(NULL, "o");
	}
	sends_are_heard_as(NULL, "abco");
	disconnect_all();
}

TEST(by_sender)
{
	connect_all();
	PEAL_MUTE(beat, hear, .sender = &sender_a) {
		sends_are_heard_as(&sender_a, "bo");
		sends_are_heard_as(&sender_b, "abco");
		sends_are_heard_as(NULL, "abco");
	}
	disconnect_all();
}

TEST(by_uid)
{
	connect_all();
	PEAL_MUTE(beat, NULL, .uid = "u") {
		sends_are_heard_as(NULL, "abo");
	}
	PEAL_MUTE(beat, NULL, .uid = "v") {
		sends_are_heard_as(NULL, "abco");
	}
	PEAL_MUTE(beat, hear_too, .uid = "u") {
		sends_are_heard_as(NULL, "abco");
	}
	disconnect_all();
}

TEST(every_signal)
{
	struct peal_mute mute = { .sender = &sender_a };
	struct peal_mute silence = { 0 };

	connect_all();
	peal_mute_begin(&mute);
	sends_are_heard_as(&sender_a, "");
	sends_are_heard_as(&sender_b, "abco");
	peal_mute_end(&mute);
	sends_are_heard_as(&sender_a, "abco");
	peal_mute_begin(&silence);
	sends_are_heard_as(NULL, "");
	peal_mute_end(&silence);
	sends_are_heard_as(NULL, "abco");
	disconnect_all();
}

TEST(mutes_nest)
{
	connect_all();
	PEAL_MUTE(beat, hear) {
		PEAL_MUTE(beat, hear_too) {
			PEAL_MUTE(beat, hear) {
				sends_are_heard_as(NULL, "o");
			}
			sends_are_heard_as(NULL, "o");
		}
		sends_are_heard_as(NULL, "bo");
	}
	sends_are_heard_as(NULL, "abco");
	disconnect_all();
}

TEST(mutes_overlap)
{
	struct peal_mute first = { .signal = &beat, .receiver = (peal_function *)hear };
	struct peal_mute second = { .signal = &beat, .receiver = (peal_function *)hear };
	struct peal_mute third = { .signal = &beat, .receiver = (peal_function *)hear_too };

	connect_all();
	peal_mute_begin(&first);
	peal_mute_begin(&second);
	peal_mute_begin(&third);
	peal_mute_end(&first); /* not the last that was begun */
	sends_are_heard_as(NULL, "o");
	peal_mute_end(&third);
	sends_are_heard_as(NULL, "bo");
	peal_mute_end(&second);
	sends_are_heard_as(NULL, "abco");
	disconnect_all();
}

TEST(suppressed_calls_are_counted)
{
	struct peal_mute by_receiver = { .signal = &beat, .receiver = (peal_function *)hear };
	struct peal_mute by_sender = { .sender = &sender_a };
	struct peal_snapshot *snapshot;
	uint64_t before;

	connect_all();
	T_OK(peal_snapshot_take(&beat, &snapshot));
	before = snapshot->suppressed;
	peal_snapshot_free(snapshot);
	peal_mute_begin(&by_receiver);
	peal_mute_begin(&by_sender);
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("b");
	peal_mute_end(&by_sender);
	peal_mute_end(&by_receiver);
	T_UINT(by_receiver.suppressed, 4);
	T_UINT(by_sender.suppressed, 3);
	T_OK(peal_snapshot_take(&beat, &snapshot));
	T_UINT(snapshot->suppressed, before + 5); /* a call that two mutes keep is one call */
	peal_snapshot_free(snapshot);
	disconnect_all();
}

static void *send_in_thread(void *argument)
{
	T_OK(PEAL_SEND(beat, argument, .number = 1));
	return NULL;
}

TEST(a_mute_is_of_its_thread_alone)
{
	struct helper helper;

	connect_all();
	PEAL_MUTE(beat, NULL) {
		helper_start(&helper, send_in_thread, NULL);
		helper_join(&helper);
		T_JOURNAL("abc");
		sends_are_heard_as(NULL, "o");
	}
	disconnect_all();
}

static void *mute_before_the_first_send(void *argument)
{
	(void)argument;
	PEAL_MUTE(beat, hear) {
		T_OK(PEAL_SEND(beat, NULL, .number = 1));
		T_JOURNAL("b");
		T_OK(PEAL_SEND(beat, NULL, .number = 1));
		T_JOURNAL("b");
	}
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("abc");
	return NULL;
}

TEST(a_mute_before_the_first_send_of_a_thread)
{
	struct helper helper;

	connect_all();
	helper_start_unprepared(&helper, mute_before_the_first_send, NULL);
	helper_join(&helper);
	disconnect_all();
}

static void *leave_a_mute_on(void *argument)
{
	struct peal_mute *mute = argument;

	T_OK(peal_thread_prepare());
	peal_mute_begin(mute);
	return NULL;
}

/* The next thread may get the record of the one that has ended, but not its mutes. */
TEST(a_mute_that_was_left_on_ends_with_its_thread)
{
	struct peal_mute mute = { .signal = &beat };
	struct helper helper;

	connect_all();
	helper_start_unprepared(&helper, leave_a_mute_on, &mute);
	helper_join(&helper);
	helper_start(&helper, send_in_thread, NULL);
	helper_join(&helper);
	T_JOURNAL("abc");
	disconnect_all();
}

/* ---- Inside a send --------------------------------------------------------------------------- */

static struct peal_mute mute_from_inside;

static int begin_mute(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	mute_from_inside = (struct peal_mute){ .signal = &beat, .receiver = (peal_function *)hear };
	peal_mute_begin(&mute_from_inside);
	return 0;
}

static int end_mute(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	peal_mute_end(&mute_from_inside);
	return 0;
}

TEST(a_mute_begun_by_a_receiver_holds_for_those_behind_it)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("1"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, begin_mute, .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("2"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear_too, .user = USER("t"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, end_mute, .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("3"), .scope = &all));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("1t3");
	T_UINT(mute_from_inside.suppressed, 1);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("1t3");
	T_OK(peal_scope_end(&all));
}

static int send_with_mute(struct peal_call *call, const struct beat_args *args)
{
	if (args->number == 1)
		return 0;
	(void)call;
	PEAL_MUTE(beat, hear) {
		T_OK(PEAL_SEND(beat, NULL, .number = 1));
	}
	note("|");
	return 0;
}

TEST(a_mute_around_an_inner_send)
{
	T_OK(PEAL_CONNECT(beat, send_with_mute, .scope = &all));
	connect_all();
	T_OK(PEAL_SEND(beat, NULL, .number = 2));
	T_JOURNAL("b|abc");
	disconnect_all();
}

TEST(connecting_and_disconnecting_under_a_mute)
{
	PEAL_MUTE(beat, hear) {
		connect_all();
		sends_are_heard_as(NULL, "bo");
		T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
		T_TRUE(peal_has_receivers(&beat, NULL));
	}
	sends_are_heard_as(NULL, "bco");
	disconnect_all();
}
