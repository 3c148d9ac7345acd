/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of every public function fails once, alone and with all that come after it: the function returns
 * PEAL_ENOMEM, what is connected is the same as before (by introspection: the same receivers in the same order with
 * the same handles), nothing has leaked, and the same call succeeds afterwards. Each is tried with so many connections
 * already there that slabs, index, arrays and tables have to grow, or not.
 */
#include "pealtest.h"

#include <peal/peal.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct some_args {
	int a;
	int later;
};
static struct peal_signal signals[2] = {
	{ .name = "alloc.first", .site = "alloc.c:1", .args_size = sizeof(struct some_args) },
	{ .name = "alloc.second", .site = "alloc.c:2", .args_size = sizeof(struct some_args) },
};
static char senders[16];
static char users[256];
static struct peal_scope scope;
static struct peal_handle handles[256];
static unsigned before_count;
static unsigned calls, releases, dones;
static int done_code;

static int receive(struct peal_call *call, const struct some_args *args)
{
	(void)args;
	calls++;
	(void)peal_call_respond(call, PEAL_TEXT("a text that has to be kept"));
	return 0;
}

static int receive_too(struct peal_call *call, const struct some_args *args)
{
	return receive(call, args);
}

static void receive_later(struct peal_task *task, const struct some_args *args)
{
	(void)args;
	calls++;
	(void)peal_task_respond(task, PEAL_TEXT("a text that has to be kept"));
	peal_task_done(task, 0, NULL);
}

static void released(void *user)
{
	(void)user;
	releases++;
}

static void done(void *user, int code, const struct peal_results *results)
{
	(void)user;
	(void)results;
	dones++;
	done_code = code;
}

static struct peal_connection connection(void *user)
{
	return (struct peal_connection){
		.size = sizeof(struct peal_connection),
		.receiver = (peal_function *)receive,
		.site = "alloc.c:3:receive",
		.args_size = sizeof(struct some_args),
		.user = user,
	};
}

/* --------------------------------------------------------------------------------------------- the operations */

static struct peal_handle made;

static int connect_plain(void)
{
	struct peal_connection options = connection(&made);

	options.ret_handle = &made;
	return peal_connect(&signals[0], &options);
}

static int connect_rich(void)
{
	struct peal_connection options = connection(&made);

	options.ret_handle = &made;
	options.uid = "a uid";
	options.scope = &scope;
	options.release = released;
	options.sender = &senders[9];
	options.priority = 3;
	return peal_connect(&signals[0], &options);
}

static int connect_pending(void)
{
	struct peal_connection options = connection(&made);
	int code;

	options.ret_handle = &made;
	options.sender_name = "alloc.Waiting";
	options.uid = "another uid";
	options.scope = &scope;
	code = peal_connect(&signals[1], &options);
	return code == PEAL_PENDING ? PEAL_OK : code;
}

static int connect_asynchronous(void)
{
	struct peal_connection options = connection(&made);

	options.ret_handle = &made;
	options.receiver = (peal_function *)receive_later;
	options.asynchronous = 1;
	return peal_connect(&signals[1], &options);
}

static int connect_counted(void)
{
	return connect_plain();
}

static void end_made(void)
{
	T_OK(peal_disconnect(made));
}

static void counting_on(void)
{
	T_OK(peal_count_calls(true));
}

static void counting_off(void)
{
	T_OK(peal_count_calls(false));
}

static void end_made_and_counting(void)
{
	end_made();
	counting_off();
}

static int count_calls(void)
{
	return peal_count_calls(true);
}

/* What waits for a name, of two signals, with and without priority; the same one made to the sender itself. */
static void connect_waiting(void)
{
	for (unsigned i = 0; i < 6; i++) {
		struct peal_connection options = connection(&senders[i]);

		options.sender_name = "alloc.Later";
		options.release = released;
		options.priority = (int)(i % 3) - 1;
		T_CODE(peal_connect(&signals[i % 2], &options), PEAL_PENDING);
		options.sender_name = NULL;
		options.sender = &senders[11];
		if (i == 5)
			T_OK(peal_connect(&signals[i % 2], &options));
	}
	T_OK(peal_sender_register("alloc.Earlier", &senders[11]));
}

static int register_sender(void)
{
	return peal_sender_register("alloc.Later", &senders[11]);
}

static void end_waiting(void)
{
	T_PTR(peal_sender_get("alloc.Earlier"), &senders[11]);
	T_UINT(peal_sender_forget(&senders[11]), 6);
}

static struct peal_signal *new_signal;

static int make_signal(void)
{
	return peal_signal_new("alloc.made", sizeof(struct some_args), &new_signal);
}

static void free_signal(void)
{
	peal_signal_free(new_signal);
}

static struct peal_connection describe(const void *receiver, const char *site)
{
	struct peal_connection options = connection(NULL);
	size_t which = (size_t)((const char *)receiver - senders);

	options.receiver = (peal_function *)receive_too;
	options.site = site;
	options.user = &senders[which];
	options.sender = which % 2 ? &senders[which] : NULL;
	options.uid = which == 3 ? "in a table" : NULL;
	options.release = released;
	options.priority = which == 4 ? 7 : 0;
	return options;
}

static int connect_table(void)
{
	static const struct peal_receiver table[] = {
		{ &signals[0], describe, &senders[0], "alloc.c:4:receive_too" },
		{ &signals[0], describe, &senders[1], "alloc.c:5:receive_too" },
		{ &signals[1], describe, &senders[2], "alloc.c:6:receive_too" },
		{ &signals[0], describe, &senders[3], "alloc.c:7:receive_too" },
		{ &signals[0], describe, &senders[4], "alloc.c:8:receive_too" },
		{ &signals[1], describe, &senders[4], "alloc.c:9:receive_too" },
	};

	return peal_receivers_connect(table, PEAL_COUNTOF(table), &scope);
}

static void end_scope(void)
{
	T_OK(peal_scope_end(&scope));
}

static struct peal_snapshot *taken;

static int take_snapshot(void)
{
	return peal_snapshot_take(NULL, &taken);
}

static void free_snapshot(void)
{
	peal_snapshot_free(taken);
}

static struct peal_executor *executor;

static int make_pool(void)
{
	return peal_pool_new(2, &executor);
}

static void free_pool(void)
{
	peal_pool_free(executor);
}

static int make_loop(void)
{
	return peal_loop_new(&executor);
}

static void free_loop(void)
{
	peal_loop_free(executor);
}

/* Room for the answers is made before anybody is called. */
static int send_and_collect(void)
{
	static const struct some_args args = { 1, 2 };
	struct peal_results results = { 0 };
	int code;

	calls = 0;
	code = peal_send_with(&signals[0], NULL, &args, sizeof(args), PEAL_SEND_STOP, &results,
			      NULL);
	T_UINT(calls, code ? 0 : before_count);
	T_UINT(results.count, code ? 0 : before_count);
	for (size_t i = 0; i < results.count; i++)
		T_INT(results.items[i].code, 0);
	peal_results_fini(&results);
	return code;
}

/* An older sender, whose arguments are copied for receivers that know more. */
static int send_short(void)
{
	static const struct some_args args = { 1, 2 };

	return peal_send(&signals[0], NULL, &args, sizeof(args.a));
}

static struct peal_handle tasks[3];

static void connect_tasks(void)
{
	T_OK(peal_loop_new(&executor));
	for (unsigned i = 0; i < 3; i++) {
		struct peal_connection options = connection(&senders[i]);

		options.receiver = (peal_function *)receive_later;
		options.asynchronous = 1;
		options.executor = i == 1 ? executor : NULL;
		options.ret_handle = &tasks[i];
		T_OK(peal_connect(&signals[1], &options));
	}
}

static void end_tasks(void)
{
	peal_loop_dispatch(executor, 0);
	for (unsigned i = 0; i < 3; i++)
		T_OK(peal_disconnect(tasks[i]));
	peal_loop_free(executor);
}

static int asend(void)
{
	static const struct some_args args = { 1, 2 };
	int code;

	calls = dones = 0;
	done_code = 0;
	code = peal_asend(&signals[1], NULL, &args, sizeof(args), PEAL_SEND_STOP, done, NULL);
	if (code)
		T_UINT(calls, 0);
	peal_loop_dispatch(executor, 0);
	T_UINT(dones, code ? 0 : 1);
	if (!code && !done_code)
		T_UINT(calls, 3);
	return code ? code : done_code;
}

static void connect_tasks_here(void)
{
	connect_tasks();
	T_OK(peal_disconnect(tasks[1]));
}

static void end_tasks_here(void)
{
	T_OK(peal_disconnect(tasks[0]));
	T_OK(peal_disconnect(tasks[2]));
	peal_loop_free(executor);
}

static int send_to_tasks(void)
{
	static const struct some_args args = { 1, 2 };
	int code;

	calls = 0;
	code = peal_send(&signals[1], NULL, &args, sizeof(args));
	if (!code)
		T_UINT(calls, 2);
	return code;
}

static int send_to_tasks_and_collect(void)
{
	static const struct some_args args = { 1, 2 };
	struct peal_results results = { 0 };
	int code;

	calls = 0;
	code = peal_send_with(&signals[1], NULL, &args, sizeof(args), PEAL_SEND_STOP, &results,
			      NULL);
	if (!code)
		T_UINT(results.count, 2);
	peal_results_fini(&results);
	return code;
}

struct operation {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	void (*undo)(void);
	bool leaves_room; /* it may keep what it could get: memory of the library, no change */
};

static const struct operation operations[] = {
	{ "connect", NULL, connect_plain, end_made, false },
	{ "connect with everything", NULL, connect_rich, end_made, false },
	{ "connect to a name", NULL, connect_pending, end_made, false },
	{ "connect an asynchronous one", NULL, connect_asynchronous, end_made, false },
	{ "connect while counting", counting_on, connect_counted, end_made_and_counting, false },
	{ "count calls", NULL, count_calls, counting_off, false },
	{ "register a sender", connect_waiting, register_sender, end_waiting, false },
	{ "make a signal", NULL, make_signal, free_signal, false },
	{ "connect a table", NULL, connect_table, end_scope, false },
	{ "take a snapshot", NULL, take_snapshot, free_snapshot, false },
	{ "make a pool", NULL, make_pool, free_pool, false },
	{ "make a loop", NULL, make_loop, free_loop, false },
	{ "send and collect", NULL, send_and_collect, NULL, false },
	{ "send fewer arguments", NULL, send_short, NULL, false },
	{ "asend", connect_tasks, asend, end_tasks, false },
	{ "send to tasks", connect_tasks_here, send_to_tasks, end_tasks_here, false },
	{ "send to tasks and collect", connect_tasks_here, send_to_tasks_and_collect,
	  end_tasks_here, false },
};

/* ------------------------------------------------------------------------------------------------- the loop */

static void connect_before(unsigned count)
{
	before_count = 0;
	for (unsigned i = 0; i < count; i++) {
		struct peal_connection options = connection(&users[i]);

		options.ret_handle = &handles[i];
		/* A sixth to senders, so that their table is nearly full. */
		if (i % 6 == 5 && i / 6 < 6)
			options.sender = &senders[1 + i / 6];
		else
			before_count++;
		T_OK(peal_connect(&signals[0], &options));
	}
}

static void disconnect_before(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		T_OK(peal_disconnect(handles[i]));
}

static void check_same(const struct peal_snapshot *a, const struct peal_snapshot *b)
{
	T_UINT(b->receiver_count, a->receiver_count);
	for (size_t i = 0; i < a->receiver_count; i++) {
		const struct peal_receiver_info *x = &a->receivers[i];
		const struct peal_receiver_info *y = &b->receivers[i];

		T_PTR(y->signal, x->signal);
		T_UINT(y->handle.serial, x->handle.serial);
		T_UINT(y->handle.slot, x->handle.slot);
		T_UINT(y->order, x->order);
		T_STR(y->name, x->name);
		T_PTR(y->sender, x->sender);
		T_STR(y->sender_name, x->sender_name);
		T_STR(y->uid, x->uid);
		T_INT(y->priority, x->priority);
		T_INT(y->pending, x->pending);
		T_INT(y->asynchronous, x->asynchronous);
		T_INT(y->scoped, x->scoped);
		T_UINT(y->running, 0);
	}
}

static void check_names(void)
{
	T_UINT(peal_scope_size(&scope), 0);
	T_PTR(peal_sender_get("alloc.Later"), NULL);
	T_PTR(peal_sender_get("alloc.Waiting"), NULL);
}

/* One operation, its Nth allocation failing; whether there was one. */
static bool try(const struct operation *operation, unsigned count, size_t nth, bool sticky)
{
	struct test_counts at_first;
	struct peal_snapshot *before;
	struct peal_snapshot *after;
	unsigned releases_before;
	bool failed;
	int code;

	peal_trim();
	at_first = test_counts();
	connect_before(count);
	if (operation->prepare)
		operation->prepare();
	T_OK(peal_snapshot_take(NULL, &before));
	releases_before = releases;
	test_alloc_fail(nth, sticky);
	code = operation->run();
	failed = test_alloc_failed() > 0;
	test_alloc_fail(0, false);
	if (!failed || code != PEAL_ENOMEM)
		T_OK(code);
	if (code) {
		T_OK(peal_snapshot_take(NULL, &after));
		check_same(before, after);
		peal_snapshot_free(after);
		check_names();
		if (operation->run != connect_table)
			T_UINT(releases, releases_before);
		T_OK(operation->run());
	}
	peal_snapshot_free(before);
	if (operation->undo)
		operation->undo();
	disconnect_before(count);
	peal_trim();
	if (test_counts().live_bytes != at_first.live_bytes)
		T_FAIL("%s, %u connections, allocation %zu%s: %zu bytes are left", operation->name,
		       count, nth, sticky ? " and all after it" : "",
		       test_counts().live_bytes - at_first.live_bytes);
	return failed;
}

TEST(everything_that_allocates)
{
	/* Around the sizes of arrays (4, 8...), the index (48, 96, 192) and the slabs (64). */
	static const unsigned counts[] = { 0,  1,  3,  4,  5,  7,   35,  36,  41, 47,
					   48, 63, 64, 95, 96, 127, 128, 191, 192 };
	size_t tried = 0;

	peal_set_log(NULL, NULL);
	for (size_t i = 0; i < PEAL_COUNTOF(signals); i++)
		peal_signal_register(&signals[i]);
	for (size_t i = 0; i < PEAL_COUNTOF(operations); i++)
		for (size_t k = 0; k < PEAL_COUNTOF(counts); k++)
			for (int sticky = 0; sticky < 2; sticky++)
				for (size_t nth = 1; try(&operations[i], counts[k], nth, sticky);
				     nth++)
					tried++;
	T_TRUE(tried > 1000);
}

/* What takes things away needs no memory. */
TEST(ending_needs_none)
{
	for (unsigned round = 0; round < 8; round++) {
		struct peal_connection options = connection(&made);
		struct peal_signal *signal;

		options.scope = &scope;
		options.sender = &senders[1];
		options.release = released;
		connect_before(200);
		T_OK(peal_connect(&signals[0], &options));
		T_OK(connect_pending());
		T_OK(peal_sender_register("alloc.Sender", &senders[1]));
		T_OK(peal_signal_new("alloc.made", 0, &signal));
		options.scope = NULL;
		options.sender = NULL;
		options.ret_handle = &made;
		T_OK(peal_connect(signal, &options));
		test_alloc_fail(1, true);
		for (unsigned i = 0; i < 200; i++)
			if (i % 2)
				T_OK(peal_disconnect(handles[i * 7 % 200]));
		if (round & 1)
			T_OK(peal_scope_end(&scope));
		else
			T_OK(peal_scope_end_deferred(&scope, NULL, NULL));
		peal_sender_forget(&senders[1]);
		peal_signal_free(signal);
		T_FALSE(peal_is_connected(made));
		for (unsigned i = 0; i < 200; i++)
			(void)peal_disconnect_deferred(handles[i]);
		peal_trim();
		T_FALSE(peal_has_receivers(&signals[0], &senders[1]));
		test_alloc_fail(0, false);
		T_UINT(signals[0].listeners, 0);
	}
}

/* Threads beyond the reserve need memory for their records. */
enum {
	THREADS = 40
};
static pthread_barrier_t all_there;
static unsigned refused;
static pthread_mutex_t in_turn = PTHREAD_MUTEX_INITIALIZER;

static void *first_send(void *unused)
{
	static const struct some_args args = { 1, 2 };

	(void)unused;
	pthread_mutex_lock(&in_turn);
	test_alloc_fail(1, true);
	if (peal_thread_prepare() == PEAL_ENOMEM) {
		refused++;
		T_CODE(peal_send(&signals[0], NULL, &args, sizeof(args)), PEAL_ENOMEM);
		T_FALSE(test_alloc_failed() == 0);
		test_alloc_fail(0, false);
		T_OK(peal_thread_prepare());
	}
	test_alloc_fail(1, true); /* a prepared thread needs nothing */
	T_OK(peal_send(&signals[0], NULL, &args, sizeof(args)));
	T_UINT(test_alloc_failed(), 0);
	test_alloc_fail(0, false);
	pthread_mutex_unlock(&in_turn);
	pthread_barrier_wait(&all_there);
	return NULL;
}

static void many_threads(void)
{
	pthread_t threads[THREADS];

	T_INT(pthread_barrier_init(&all_there, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++)
		T_INT(pthread_create(&threads[i], NULL, first_send, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		T_INT(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&all_there);
}

TEST(records_of_threads)
{
	struct peal_handle handle;
	struct peal_connection options = connection(NULL);

	options.ret_handle = &handle;
	options.args_size = sizeof(int);
	T_OK(peal_connect(&signals[0], &options));
	many_threads();
	T_UINT(refused, THREADS - 32);
	many_threads(); /* now the records of those that have ended are there */
	T_UINT(refused, THREADS - 32);
	T_OK(peal_disconnect(handle));
}
