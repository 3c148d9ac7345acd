/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h: tables of receivers, connected at once. */
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
static struct peal_scope own_scope;
static struct peal_handle handle;
static int released;

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user ? call->user : "-");
	return 0;
}

static int hear_other(struct peal_call *call, const struct other_args *args)
{
	(void)call;
	(void)args;
	note("o");
	return 0;
}

static void hear_later(struct peal_task *task, const struct beat_args *args)
{
	(void)args;
	note("l");
	peal_task_done(task, 0, NULL);
}

static void release(void *user)
{
	(void)user;
	released++;
}

static char text_a[] = "a";
static char text_b[] = "b";
static char text_c[] = "c";

static const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(beat, hear, .user = text_a),
	PEAL_RECEIVER(beat, hear, .user = text_b, .sender = &sender_a, .release = release),
	PEAL_RECEIVER(other, hear_other, .ret_handle = &handle),
	PEAL_RECEIVER(beat, hear, .user = text_c, .priority = 1, .uid = "c"),
	PEAL_RECEIVER_ASYNC(beat, hear_later),
	PEAL_RECEIVER(beat, hear, .sender_name = "tables.Student", .scope = &own_scope),
};

enum {
	IN_SCOPE = PEAL_COUNTOF(receivers) - 1
}; /* one has a scope of its own */

TEST(a_table_is_connected_in_its_order)
{
	struct peal_scope scope = { 0 };

	T_OK(peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope));
	T_UINT(peal_scope_size(&scope), IN_SCOPE);
	T_UINT(peal_scope_size(&own_scope), 1);
	T_TRUE(peal_is_connected(handle));
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_JOURNAL("cabl");
	T_OK(PEAL_SEND(other, NULL, .number = 1));
	T_JOURNAL("o");
	T_OK(peal_sender_register("tables.Student", &sender_a));
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_JOURNAL("cab-l");
	T_OK(peal_scope_end(&scope));
	T_UINT(peal_sender_forget(&sender_a), 1);
	T_UINT(peal_scope_size(&own_scope), 0);
}

TEST(a_table_twice_is_once)
{
	struct peal_scope scope = { 0 };
	struct peal_handle first;

	T_OK(peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope));
	first = handle;
	T_OK(peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope));
	T_UINT(first.serial, handle.serial);
	T_UINT(peal_scope_size(&scope), IN_SCOPE);
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_JOURNAL("cabl");
	T_OK(peal_scope_end(&scope));
	T_OK(peal_scope_end(&own_scope));
}

TEST(an_empty_table)
{
	T_OK(peal_receivers_connect(NULL, 0, NULL));
}

TEST(a_table_without_a_scope)
{
	T_OK(peal_receivers_connect(receivers, 1, NULL));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("a");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = text_a));
}

TEST(names_in_a_table)
{
	struct peal_scope scope = { 0 };
	struct peal_snapshot *snapshot;

	T_OK(peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope));
	T_OK(peal_snapshot_take(&other, &snapshot));
	T_STR(snapshot->receivers[0].name, "hear_other");
	T_HAS(snapshot->receivers[0].file, "test_tables.c");
	peal_snapshot_free(snapshot);
	T_OK(peal_scope_end(&scope));
	T_OK(peal_scope_end(&own_scope));
}

static const struct peal_receiver broken[] = {
	PEAL_RECEIVER(beat, hear, .user = text_a, .release = release),
	PEAL_RECEIVER(beat, hear, .user = text_b),
	PEAL_RECEIVER(beat, hear, .user = text_c, .sender_name = "no name"),
	PEAL_RECEIVER(other, hear_other),
};

TEST(after_an_error_those_of_this_call_are_disconnected)
{
	struct peal_scope scope = { 0 };

	released = 0;
	T_OK(PEAL_CONNECT(beat, hear, .user = text_b)); /* this one was there before */
	T_CODE(peal_receivers_connect(broken, PEAL_COUNTOF(broken), &scope), PEAL_EINVAL);
	T_UINT(peal_scope_size(&scope), 0);
	T_INT(released, 1);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("b");
	T_FALSE(peal_signal_is_heard(&other));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = text_b));
}

static void connect_the_table_beside_one_that_was_there(void)
{
	struct peal_scope scope = { 0 };
	int code = peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope);

	T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
	T_UINT(peal_scope_size(&scope), code ? 0 : IN_SCOPE - 1);
	T_UINT(peal_scope_size(&own_scope), code ? 0 : 1);
	T_INT(peal_signal_is_heard(&other), code == 0);
	test_alloc_fail(0, false);
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_JOURNAL(code ? "a" : "cabl");
	T_OK(peal_scope_end(&scope));
	T_OK(peal_scope_end(&own_scope));
}

TEST(all_or_nothing_with_failing_allocations)
{
	for (size_t nth = 1; nth < 60; nth++) {
		for (int sticky = 0; sticky < 2; sticky++) {
			size_t before = peal_trim();

			T_OK(PEAL_CONNECT(beat, hear, .user = text_a));
			test_alloc_fail(nth, sticky);
			connect_the_table_beside_one_that_was_there();
			T_OK(PEAL_DISCONNECT(beat, hear, .user = text_a));
			T_UINT(peal_trim(), before);
		}
	}
}
