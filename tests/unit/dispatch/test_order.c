/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Order": which receivers a send calls, and in which order. */
#include "contract.h"

#include <limits.h>

struct beat_args {
	int number;
};
PEAL_SIGNAL(beat);

static int sender_a;
static int sender_b;

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static void connect(const char *name, const void *sender, int priority, struct peal_scope *scope)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER(name), .sender = sender, .priority = priority,
			  .scope = scope));
}

/* By each of the ways of sending; all have the same order. */
static void send_all_ways(const void *sender, const char *expected)
{
	struct peal_results results = { 0 };
	struct peal_error error = { 0 };

	T_OK(PEAL_SEND(beat, sender, .number = 1));
	T_JOURNAL(expected);
	T_OK(PEAL_SEND_ERROR(beat, sender, &error, .number = 1));
	T_JOURNAL(expected);
	T_OK(PEAL_SEND_COLLECT(beat, sender, &results, .number = 1));
	T_JOURNAL(expected);
	T_OK(PEAL_SEND_ROBUST(beat, sender, &results, .number = 1));
	T_JOURNAL(expected);
	T_OK(PEAL_ASEND(beat, sender, NULL, NULL, .number = 1));
	T_JOURNAL(expected);
	peal_results_fini(&results);
}

TEST(order_of_connecting)
{
	struct peal_scope scope = { 0 };

	connect("a", NULL, 0, &scope);
	connect("b", NULL, 0, &scope);
	connect("c", NULL, 0, &scope);
	send_all_ways(NULL, "abc");
	send_all_ways(&sender_a, "abc");
	T_OK(peal_scope_end(&scope));
}

TEST(receivers_of_this_sender_and_of_any_are_mixed_in_the_order_of_connecting)
{
	struct peal_scope scope = { 0 };

	connect("a", NULL, 0, &scope);
	connect("B", &sender_a, 0, &scope);
	connect("c", NULL, 0, &scope);
	connect("D", &sender_a, 0, &scope);
	connect("x", &sender_b, 0, &scope);
	connect("E", &sender_a, 0, &scope);
	connect("f", NULL, 0, &scope);
	send_all_ways(&sender_a, "aBcDEf");
	send_all_ways(&sender_b, "acxf");
	send_all_ways(NULL, "acf");
	send_all_ways(&scope, "acf");
	T_OK(peal_scope_end(&scope));
}

TEST(a_receiver_of_one_sender_hears_no_other_and_none)
{
	struct peal_scope scope = { 0 };

	connect("a", &sender_a, 0, &scope);
	send_all_ways(&sender_a, "a");
	send_all_ways(&sender_b, "");
	send_all_ways(NULL, "");
	T_OK(peal_scope_end(&scope));
}

TEST(a_higher_priority_runs_earlier)
{
	struct peal_scope scope = { 0 };

	connect("late", NULL, -1, &scope);
	connect("usual", NULL, 0, &scope);
	connect("early", NULL, 1, &scope);
	send_all_ways(NULL, "earlyusuallate");
	T_OK(peal_scope_end(&scope));
}

TEST(of_one_priority_the_order_of_connecting)
{
	struct peal_scope scope = { 0 };

	connect("a", NULL, 7, &scope);
	connect("p", NULL, 0, &scope);
	connect("x", NULL, -7, &scope);
	connect("b", &sender_a, 7, &scope);
	connect("q", &sender_a, 0, &scope);
	connect("y", &sender_a, -7, &scope);
	connect("c", NULL, 7, &scope);
	connect("r", NULL, 0, &scope);
	connect("z", NULL, -7, &scope);
	send_all_ways(&sender_a, "abcpqrxyz");
	send_all_ways(NULL, "acprxz");
	T_OK(peal_scope_end(&scope));
}

TEST(the_whole_range_of_int_is_a_priority)
{
	struct peal_scope scope = { 0 };

	connect("5", NULL, INT_MIN, &scope);
	connect("4", NULL, -1, &scope);
	connect("1", NULL, INT_MAX, &scope);
	connect("2", &sender_a, INT_MAX - 1, &scope);
	connect("3", &sender_a, 0, &scope);
	connect("6", &sender_a, INT_MIN, &scope);
	send_all_ways(&sender_a, "123456");
	T_OK(peal_scope_end(&scope));
}

TEST(a_sender_with_priorities_only_beside_receivers_of_any)
{
	struct peal_scope scope = { 0 };

	connect("b", NULL, 0, &scope);
	connect("a", &sender_a, 1, &scope);
	connect("c", &sender_a, -1, &scope);
	send_all_ways(&sender_a, "abc");
	send_all_ways(NULL, "b");
	T_OK(peal_scope_end(&scope));
}

TEST(priorities_of_any_beside_a_plain_receiver_of_the_sender)
{
	struct peal_scope scope = { 0 };

	connect("b", &sender_a, 0, &scope);
	connect("a", NULL, 1, &scope);
	connect("c", NULL, -1, &scope);
	send_all_ways(&sender_a, "abc");
	send_all_ways(&sender_b, "ac");
	T_OK(peal_scope_end(&scope));
}

TEST(a_priority_that_nobody_uses_any_more_changes_nothing)
{
	struct peal_scope scope = { 0 };
	struct peal_handle handle;

	connect("a", NULL, 0, &scope);
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("x"), .priority = 3, .ret_handle = &handle));
	T_OK(peal_disconnect(handle));
	connect("b", NULL, 0, &scope);
	send_all_ways(NULL, "ab");
	connect("c", NULL, 3, &scope);
	send_all_ways(NULL, "cab");
	T_OK(peal_scope_end(&scope));
}

TEST(disconnecting_and_connecting_again_moves_to_the_end)
{
	struct peal_scope scope = { 0 };

	connect("a", NULL, 0, &scope);
	connect("b", NULL, 0, &scope);
	connect("c", NULL, 0, &scope);
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
	connect("a", NULL, 0, &scope);
	send_all_ways(NULL, "bca");
	T_OK(peal_scope_end(&scope));
}

TEST(connecting_again_keeps_the_place)
{
	struct peal_scope scope = { 0 };

	connect("a", NULL, 0, &scope);
	connect("b", NULL, 0, &scope);
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a")), PEAL_EXISTS);
	send_all_ways(NULL, "ab");
	T_OK(peal_scope_end(&scope));
}

/* The order survives growing, shrinking and copying of whatever holds it. */
static int numbers[120];
static int heard[120];
static int heard_count;

static int hear_number(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	heard[heard_count++] = *(int *)call->user;
	return 0;
}

TEST(order_among_many_and_with_gaps)
{
	struct peal_scope scope = { 0 };

	for (int i = 0; i < 120; i++) {
		numbers[i] = i;
		T_OK(PEAL_CONNECT(beat, hear_number, .user = &numbers[i], .scope = &scope,
				  .sender = i % 3 ? NULL : &sender_a));
	}
	heard_count = 0;
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_INT(heard_count, 120);
	for (int i = 0; i < 120; i++)
		T_INT(heard[i], i);
	for (int i = 0; i < 120; i++)
		if (i % 5)
			T_OK(PEAL_DISCONNECT(beat, hear_number, .user = &numbers[i],
					     .sender = i % 3 ? NULL : &sender_a));
	heard_count = 0;
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_INT(heard_count, 24);
	for (int i = 0; i < 24; i++)
		T_INT(heard[i], 5 * i);
	T_OK(peal_scope_end(&scope));
}

TEST(each_of_many_senders_is_heard_by_its_own_receiver_alone)
{
	struct peal_scope scope = { 0 };

	for (int i = 0; i < 120; i++) {
		numbers[i] = i;
		T_OK(PEAL_CONNECT(beat, hear_number, .user = &numbers[i], .scope = &scope,
				  .sender = &heard[i]));
	}
	for (int i = 0; i < 120; i++) {
		heard_count = 0;
		T_OK(PEAL_SEND(beat, &heard[i], .number = 1));
		T_INT(heard_count, 1);
		T_INT(heard[0], i);
	}
	/* Half of them go; the others still hear, and none of those that went. */
	for (int i = 0; i < 120; i += 2)
		T_OK(PEAL_DISCONNECT(beat, hear_number, .user = &numbers[i], .sender = &heard[i]));
	for (int i = 0; i < 120; i++) {
		heard_count = 0;
		T_OK(PEAL_SEND(beat, &heard[i], .number = 1));
		T_INT(heard_count, i % 2);
	}
	T_OK(peal_scope_end(&scope));
}

static pthread_t heard_in;

static int hear_thread(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	heard_in = pthread_self();
	return 0;
}

static void *send_once(void *argument)
{
	(void)argument;
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	return NULL;
}

TEST(a_receiver_runs_in_the_thread_that_sends)
{
	struct helper helper;

	T_OK(PEAL_CONNECT(beat, hear_thread));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_TRUE(pthread_equal(heard_in, pthread_self()));
	helper_start(&helper, send_once, NULL);
	helper_join(&helper);
	T_TRUE(pthread_equal(heard_in, helper.thread));
	T_OK(PEAL_DISCONNECT(beat, hear_thread));
}
