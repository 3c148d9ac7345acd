/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Signals made at run time". */
#include "contract.h"

struct click_args {
	int x;
	int y;
};
PEAL_SIGNAL_TYPE(click);

static int sender_a;
static int released;

static int hear(struct peal_call *call, const struct click_args *args)
{
	T_INT(args->x, 3);
	T_INT(args->y, 0);
	note(call->user ? call->user : "-");
	return 0;
}

static void release(void *user)
{
	(void)user;
	__atomic_add_fetch(&released, 1, __ATOMIC_SEQ_CST);
}

static struct peal_signal *make(const char *name)
{
	struct peal_signal *signal;

	T_OK(peal_signal_new(name, sizeof(struct click_args), &signal));
	return signal;
}

TEST(a_signal_made_at_run_time)
{
	struct peal_signal *signal = make("click");

	T_FALSE(peal_signal_is_heard(signal));
	T_OK(PEAL_SEND_TO(click, signal, NULL, .x = 3));
	T_OK(PEAL_CONNECT_TO(click, signal, hear, .user = USER("a")));
	T_OK(PEAL_CONNECT_TO(click, signal, hear, .user = USER("b"), .sender = &sender_a));
	T_CODE(PEAL_CONNECT_TO(click, signal, hear, .user = USER("a")), PEAL_EXISTS);
	T_OK(PEAL_SEND_TO(click, signal, &sender_a, .x = 3));
	T_JOURNAL("ab");
	peal_signal_free(signal);
}

TEST(two_of_one_type_are_two)
{
	struct peal_signal *one = make("one");
	struct peal_signal *two = make("two");

	T_OK(PEAL_CONNECT_TO(click, one, hear, .user = USER("1")));
	T_OK(PEAL_CONNECT_TO(click, two, hear, .user = USER("2")));
	T_OK(PEAL_SEND_TO(click, two, NULL, .x = 3));
	T_JOURNAL("2");
	peal_signal_free(two);
	T_OK(PEAL_SEND_TO(click, one, NULL, .x = 3));
	T_JOURNAL("1");
	peal_signal_free(one);
}

TEST(the_name_is_copied)
{
	char name[] = "click";
	struct peal_signal *signal = make(name);
	struct peal_snapshot *snapshot;

	name[0] = 'x';
	T_STR(signal->name, "click");
	T_OK(peal_snapshot_take(signal, &snapshot));
	T_UINT(snapshot->signal_count, 1);
	T_STR(snapshot->signals[0].name, "click");
	T_STR(snapshot->signals[0].file, "");
	peal_snapshot_free(snapshot);
	peal_signal_free(signal);
}

TEST(what_new_refuses)
{
	struct peal_signal *signal = (struct peal_signal *)(void *)&sender_a;

	T_CODE(peal_signal_new(NULL, 4, &signal), PEAL_EINVAL);
	T_CODE(peal_signal_new("x", 4, NULL), PEAL_EINVAL);
	T_CODE(peal_signal_new("x", SIZE_MAX, &signal), PEAL_EINVAL);
	T_PTR(signal, &sender_a);
	peal_signal_free(NULL);
}

TEST(freeing_ends_all_connections_and_releases)
{
	struct peal_signal *signal = make("click");
	struct peal_scope scope = { 0 };
	struct peal_handle handles[4];

	released = 0;
	T_OK(PEAL_CONNECT_TO(click, signal, hear, .release = release, .ret_handle = &handles[0]));
	T_OK(PEAL_CONNECT_TO(click, signal, hear, .release = release, .sender = &sender_a,
			     .ret_handle = &handles[1]));
	T_OK(PEAL_CONNECT_TO(click, signal, hear, .release = release, .uid = "p", .priority = 8,
			     .scope = &scope, .ret_handle = &handles[2]));
	T_CODE(PEAL_CONNECT_TO(click, signal, hear, .release = release,
			       .sender_name = "runtime.Never", .ret_handle = &handles[3]),
	       PEAL_PENDING);
	peal_signal_free(signal);
	T_INT(released, 4);
	T_UINT(peal_scope_size(&scope), 0);
	for (int i = 0; i < 4; i++)
		T_FALSE(peal_is_connected(handles[i]));
	T_OK(peal_scope_end(&scope));
}

TEST(a_freed_signal_is_no_longer_known)
{
	struct peal_signal *first = make("first");
	struct peal_signal *second = make("second");
	struct peal_signal *third = make("third");
	struct peal_snapshot *snapshot;
	bool found = false;

	peal_signal_free(second);
	T_OK(peal_snapshot_take(NULL, &snapshot));
	for (size_t i = 0; i < snapshot->signal_count; i++) {
		T_TRUE(strcmp(snapshot->signals[i].name, "second") != 0);
		found |= strcmp(snapshot->signals[i].name, "third") == 0;
	}
	T_TRUE(found);
	peal_snapshot_free(snapshot);
	peal_signal_free(third);
	peal_signal_free(first);
	T_OK(peal_snapshot_take(NULL, &snapshot));
	for (size_t i = 0; i < snapshot->signal_count; i++)
		T_TRUE(strcmp(snapshot->signals[i].name, "first") != 0);
	peal_snapshot_free(snapshot);
	/* Walks over all that is known. */
	T_UINT(peal_sender_forget(&sender_a), 0);
	peal_trim();
}

TEST(memory_is_used_again)
{
	for (int i = 0; i < 200; i++) {
		struct peal_signal *signal = make("again");

		T_OK(PEAL_CONNECT_TO(click, signal, hear, .user = USER("a"), .sender = signal));
		T_OK(PEAL_CONNECT_TO(click, signal, hear, .user = USER("b"), .priority = i % 5));
		T_OK(PEAL_SEND_TO(click, signal, signal, .x = 3));
		T_TRUE(strlen(journal) == 2);
		journal_clear();
		peal_signal_free(signal);
	}
}

/* ---- Free during a send ---------------------------------------------------------------------- */

static struct peal_signal *current;

static int free_signal(struct peal_call *call, const struct click_args *args)
{
	(void)args;
	T_PTR(call->signal, current);
	note("f");
	peal_signal_free(current);
	T_STR(call->signal->name, "freed"); /* until its sends have returned */
	return 0;
}

static void free_inside(bool collect, const void *sender)
{
	struct peal_results results = { 0 };

	current = make("freed");
	released = 0;
	T_OK(PEAL_CONNECT_TO(click, current, hear, .user = USER("a"), .release = release));
	T_OK(PEAL_CONNECT_TO(click, current, free_signal, .release = release));
	T_OK(PEAL_CONNECT_TO(click, current, hear, .user = USER("b"), .release = release));
	if (sender) {
		T_OK(PEAL_CONNECT_TO(click, current, hear, .user = USER("c"), .sender = sender,
				     .release = release));
		T_OK(PEAL_CONNECT_TO(click, current, hear, .user = USER("d"), .priority = -1,
				     .release = release));
	}
	if (collect) {
		struct click_args args = { .x = 3 };

		T_OK(peal_send_with(current, sender, &args, sizeof(args), PEAL_SEND_STOP, &results,
				    NULL));
		T_UINT(results.count, 2);
		peal_results_fini(&results);
	} else {
		T_OK(PEAL_SEND_TO(click, current, sender, .x = 3));
	}
	T_JOURNAL("af");
	T_INT(released, sender ? 5 : 3);
}

TEST(free_inside_its_own_send)
{
	free_inside(false, NULL);
	free_inside(true, NULL);
	free_inside(false, &sender_a);
	free_inside(true, &sender_a);
}

static int send_inside(struct peal_call *call, const struct click_args *args)
{
	if (peal_call_depth(call) == 0)
		T_OK(PEAL_SEND_TO(click, call->signal, NULL, .x = args->x));
	else
		peal_signal_free(call->signal);
	T_STR(call->signal->name, "nested");
	return 0;
}

TEST(free_inside_an_inner_send_keeps_it_for_the_outer)
{
	struct peal_signal *signal = make("nested");

	T_OK(PEAL_CONNECT_TO(click, signal, send_inside));
	T_OK(PEAL_CONNECT_TO(click, signal, hear, .user = USER("b")));
	T_OK(PEAL_SEND_TO(click, signal, NULL, .x = 3));
	T_JOURNAL("");
}

static int connect_to_freed(struct peal_call *call, const struct click_args *args)
{
	(void)args;
	peal_signal_free(call->signal);
	T_CODE(PEAL_CONNECT_TO(click, call->signal, hear, .user = USER("x")), PEAL_EINVAL);
	T_CODE(PEAL_CONNECT_TO(click, call->signal, hear, .user = USER("x"),
			       .sender_name = "runtime.Never"),
	       PEAL_EINVAL);
	return 0;
}

TEST(a_signal_that_is_being_freed_takes_no_connection)
{
	struct peal_signal *signal = make("freed");

	T_OK(PEAL_CONNECT_TO(click, signal, connect_to_freed));
	T_OK(PEAL_SEND_TO(click, signal, NULL, .x = 3));
	T_JOURNAL("");
}

static struct peal_signal *in_release;

static void release_and_connect(void *user)
{
	(void)user;
	released++;
	T_CODE(PEAL_CONNECT_TO(click, in_release, hear, .user = USER("x")), PEAL_EINVAL);
}

TEST(a_release_cannot_connect_to_the_signal_that_is_being_freed)
{
	in_release = make("freed");
	released = 0;
	T_OK(PEAL_CONNECT_TO(click, in_release, hear, .release = release_and_connect));
	peal_signal_free(in_release);
	T_INT(released, 1);
}

static int wait_at_door(struct peal_call *call, const struct click_args *args)
{
	door_walk_through(call->user);
	T_INT(args->x, 3);
	T_STR(call->signal->name, "click");
	return 0;
}

static void *send_signal(void *argument)
{
	T_OK(PEAL_SEND_TO(click, (struct peal_signal *)argument, &sender_a, .x = 3));
	return NULL;
}

TEST(free_while_another_thread_sends)
{
	struct peal_signal *signal = make("click");
	struct helper sender;
	struct door door;

	door_init(&door);
	released = 0;
	T_OK(PEAL_CONNECT_TO(click, signal, wait_at_door, .user = &door, .release = door_release));
	T_OK(PEAL_CONNECT_TO(click, signal, hear, .user = USER("b"), .sender = &sender_a,
			     .release = release));
	helper_start(&sender, send_signal, signal);
	gate_pass(&door.entered);
	peal_signal_free(signal);
	T_INT(released, 1);
	T_INT(released_count(&door), 0);
	peal_trim();
	gate_open(&door.leave);
	helper_join(&sender);
	T_INT(released_count(&door), 1);
	T_JOURNAL("");
}

TEST(new_out_of_memory)
{
	T_ALLOC_LOOP(run) {
		struct peal_signal *signal = NULL;
		int code = peal_signal_new("click", 4, &signal);

		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_TRUE((signal == NULL) == (code != 0));
		peal_signal_free(signal);
	}
}

/* What a connect or a registration that failed half-way has reserved goes with the signal. */
TEST(free_after_failures)
{
	for (size_t nth = 1; nth < 40; nth++) {
		struct peal_signal *signal = make("click");
		int code;

		test_alloc_fail(nth, true);
		code = PEAL_CONNECT_TO(click, signal, hear, .sender = &sender_a, .priority = 4);
		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		test_alloc_fail(0, false);
		T_CODE(PEAL_CONNECT_TO(click, signal, hear, .sender_name = "runtime.A"),
		       PEAL_PENDING);
		T_CODE(PEAL_CONNECT_TO(click, signal, hear, .sender_name = "runtime.A", .uid = "u",
				       .priority = 3),
		       PEAL_PENDING);
		test_alloc_fail(nth, true);
		code = peal_sender_register("runtime.A", &sender_a);
		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		test_alloc_fail(0, false);
		peal_signal_free(signal);
		peal_sender_forget(&sender_a);
	}
}
