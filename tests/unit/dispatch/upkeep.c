/* SPDX-License-Identifier: MIT */
/*
 * What goes on beside sends costs them nothing, and the other way round: sends allocate nothing; while a receiver
 * blocks, others come and go by the million, in bounded memory, and nobody waits for it but who ends it.
 */
#include "pealtest.h"

#include <peal/peal.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLOWLY 4
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLOWLY 20
#endif
#endif
#ifndef SLOWLY
#define SLOWLY 1
#endif

enum {
	SENDS = 100000,
	CHANGES = 1000000 / SLOWLY,
	SENDERS = 1000,
};

struct some_args {
	int a;
	int later;
};
static struct peal_signal signals[2] = {
	{ .name = "upkeep.first", .site = "upkeep.c:1", .args_size = sizeof(struct some_args) },
	{ .name = "upkeep.second", .site = "upkeep.c:2", .args_size = sizeof(struct some_args) },
};
static const struct some_args args = { 1, 2 };
static char senders[SENDERS];
static _Thread_local unsigned calls;

static int receive(struct peal_call *call, const struct some_args *unused)
{
	(void)call;
	(void)unused;
	calls++;
	return 0;
}

static int send_inner(struct peal_call *call, const struct some_args *unused)
{
	(void)unused;
	calls++;
	return peal_send(&signals[1], call->sender, &args, sizeof(args));
}

static int fail(struct peal_call *call, const struct some_args *unused)
{
	(void)unused;
	calls++;
	return peal_error_set(call->error, PEAL_ERECEIVER, "it is to fail");
}

static struct peal_connection connection(void *user, struct peal_handle *ret_handle)
{
	return (struct peal_connection){
		.size = sizeof(struct peal_connection),
		.receiver = (peal_function *)receive,
		.site = "upkeep.c:3:receive",
		.args_size = sizeof(args),
		.user = user,
		.ret_handle = ret_handle,
	};
}

/* ------------------------------------------------------------------------------------ sends allocate nothing */

/* SENDS sends, each of which calls so many receivers. */
static void check_sends(const char *what, const void *sender, enum peal_send_mode mode,
			bool with_error, unsigned expected)
{
	struct peal_error error;
	size_t before;

	calls = 0;
	before = test_counts().total_count;
	for (unsigned i = 0; i < SENDS; i++) {
		if (with_error || mode != PEAL_SEND_STOP)
			(void)peal_send_with(&signals[0], sender, &args, sizeof(args), mode, NULL,
					     with_error ? &error : NULL);
		else
			(void)peal_send(&signals[0], sender, &args, sizeof(args));
	}
	if (test_counts().total_count != before)
		T_FAIL("%s: %zu allocations in %d sends", what, test_counts().total_count - before,
		       SENDS);
	if (calls != expected * SENDS)
		T_FAIL("%s: %u calls in %d sends", what, calls, SENDS);
}

static void trace_nothing(void *user, const struct peal_trace_event *event)
{
	(void)user;
	(void)event;
}

TEST(sends_allocate_nothing)
{
	struct peal_handle handles[16];
	struct peal_connection options;
	struct peal_mute mute = { .uid = "muted" };

	peal_set_log(NULL, NULL);
	T_OK(peal_thread_prepare());
	options = connection(NULL, &handles[0]);
	T_OK(peal_connect(&signals[0], &options));
	check_sends("one receiver", NULL, PEAL_SEND_STOP, false, 1);
	check_sends("one receiver, another sender", &senders[1], PEAL_SEND_STOP, false, 1);
	for (unsigned i = 1; i < 10; i++) {
		options = connection(&senders[i], &handles[i]);
		T_OK(peal_connect(&signals[0], &options));
	}
	check_sends("ten receivers", NULL, PEAL_SEND_STOP, false, 10);
	options = connection(NULL, &handles[10]);
	options.sender = &senders[1];
	T_OK(peal_connect(&signals[0], &options));
	check_sends("for this sender and for any", &senders[1], PEAL_SEND_STOP, false, 11);
	options.priority = 1;
	options.uid = "muted";
	options.ret_handle = &handles[11];
	T_OK(peal_connect(&signals[0], &options));
	check_sends("with priorities", &senders[1], PEAL_SEND_STOP, false, 12);
	check_sends("robust", &senders[1], PEAL_SEND_ALL, false, 12);
	check_sends("with an error's details", &senders[1], PEAL_SEND_STOP, true, 12);
	peal_mute_begin(&mute);
	check_sends("muted", &senders[1], PEAL_SEND_STOP, false, 11);
	peal_mute_end(&mute);
	peal_set_trace(trace_nothing, NULL);
	check_sends("traced", &senders[1], PEAL_SEND_STOP, false, 12);
	peal_set_trace(NULL, NULL);
	T_OK(peal_count_calls(true));
	check_sends("counted", &senders[1], PEAL_SEND_STOP, false, 12);
	T_OK(peal_count_calls(false));
	options = connection(NULL, &handles[12]);
	options.receiver = (peal_function *)fail;
	T_OK(peal_connect(&signals[0], &options));
	check_sends("robust, with an error", &senders[1], PEAL_SEND_ALL, true, 13);
	T_OK(peal_disconnect(handles[12]));
	options.receiver = (peal_function *)send_inner;
	T_OK(peal_connect(&signals[0], &options));
	options = connection(NULL, &handles[13]);
	T_OK(peal_connect(&signals[1], &options));
	check_sends("nested", &senders[1], PEAL_SEND_STOP, false, 14);
	for (unsigned i = 0; i < 14; i++)
		T_OK(peal_disconnect(handles[i]));
	check_sends("nobody any more", &senders[1], PEAL_SEND_STOP, false, 0);
}

/* -------------------------------------------------------------------------------------- a receiver that blocks */

static atomic_uint gate; /* 1: it is there; 2: it may return */
static atomic_uint blocked_released;

static int block(struct peal_call *call, const struct some_args *unused)
{
	(void)call;
	(void)unused;
	atomic_store(&gate, 1);
	while (atomic_load(&gate) != 2)
		sched_yield();
	return 0;
}

static void blocked_release(void *unused)
{
	(void)unused;
	atomic_fetch_add(&blocked_released, 1);
}

static void *send_blocked(void *general)
{
	if (*(bool *)general)
		T_OK(peal_send_with(&signals[0], &senders[0], &args, sizeof(args), PEAL_SEND_ALL,
				    NULL, NULL));
	else
		T_OK(peal_send(&signals[0], &senders[0], &args, sizeof(args)));
	return NULL;
}

/* Connect and disconnect one after the other, while some stay; the most that was in use meanwhile. */
static size_t changes(unsigned signal, bool by_sender, int priority)
{
	static struct peal_handle staying[16];
	size_t most = 0;
	struct peal_handle handle;

	for (unsigned i = 0; i < PEAL_COUNTOF(staying); i++)
		staying[i] = (struct peal_handle){ .serial = 0 };
	for (unsigned i = 0; i < CHANGES; i++) {
		struct peal_connection options = connection(&senders[i % SENDERS], &handle);
		struct peal_handle *old = &staying[i % PEAL_COUNTOF(staying)];

		options.sender = by_sender ? &senders[i % (SENDERS - 1) + 1] : NULL;
		options.priority = priority;
		if (i % 3 == 0)
			options.release = blocked_release;
		T_OK(peal_connect(&signals[signal], &options));
		if (i % 2) {
			T_OK(peal_disconnect(handle));
		} else {
			if (old->serial)
				peal_disconnect_deferred(*old);
			*old = handle;
		}
		if (i % 64 == 0 && test_counts().live_bytes > most)
			most = test_counts().live_bytes;
	}
	for (unsigned i = 0; i < PEAL_COUNTOF(staying); i++)
		if (staying[i].serial)
			T_OK(peal_disconnect(staying[i]));
	return most;
}

static void blocked(bool general)
{
	static const struct {
		const char *name;
		unsigned signal;
		bool by_sender;
		int priority;
	} kinds[] = {
		{ "the same signal", 0, false, 0 },
		{ "the same signal, of senders", 0, true, 0 },
		{ "the same signal, with priority", 0, true, 4 },
		{ "another signal", 1, false, 0 },
		{ "another signal, of senders", 1, true, 0 },
	};
	struct peal_handle handle;
	struct peal_handle some;
	struct peal_connection options = connection(&gate, &handle);
	pthread_t thread;
	unsigned releases;

	atomic_store(&gate, 0);
	options.receiver = (peal_function *)block;
	options.release = blocked_release;
	T_OK(peal_connect(&signals[0], &options));
	options = connection(NULL, &some);
	options.sender = &senders[0];
	if (general) /* two lists, and a table that this send looks at */
		T_OK(peal_connect(&signals[0], &options));
	T_INT(pthread_create(&thread, NULL, send_blocked, &general), 0);
	while (atomic_load(&gate) != 1)
		sched_yield();
	for (size_t i = 0; i < PEAL_COUNTOF(kinds); i++) {
		int64_t start = test_clock_ns();
		size_t before = test_counts().live_bytes;
		size_t most = changes(kinds[i].signal, kinds[i].by_sender, kinds[i].priority);
		double seconds = (double)(test_clock_ns() - start) / 1e9;

		printf("%s: %zu bytes at most, %.0f ns a change\n", kinds[i].name,
		       most > before ? most - before : 0, seconds * 1e9 / CHANGES);
		/* 1000 senders have lists of their own, and there is room for use again. */
		if (most > before + 1000000)
			T_FAIL("%s: %zu bytes more while a receiver blocks", kinds[i].name,
			       most - before);
		if (seconds > 40)
			T_FAIL("%s: %.1f s for %d connects", kinds[i].name, seconds, CHANGES);
	}
	/* It alone is still running. */
	releases = atomic_load(&blocked_released);
	T_CODE(peal_disconnect_deferred(handle), PEAL_RUNNING);
	T_UINT(atomic_load(&blocked_released), releases);
	atomic_store(&gate, 2);
	T_INT(pthread_join(thread, NULL), 0);
	T_UINT(atomic_load(&blocked_released), releases + 1);
	if (general)
		T_OK(peal_disconnect(some));
}

TEST_TIMEOUT(while_a_receiver_blocks, 120)
{
	blocked(false);
}

TEST_TIMEOUT(while_a_receiver_of_two_lists_blocks, 120)
{
	blocked(true);
}

/* --------------------------------------------------------------------- the kind of a receiver that has just come */

static _Thread_local bool sending;
static atomic_bool stop;
static atomic_uint mistaken;

static void receive_later(struct peal_task *task, const struct some_args *unused)
{
	(void)unused;
	if (sending) /* called as if it were an ordinary one, with a call for a task */
		atomic_fetch_add(&mistaken, 1);
	else
		peal_task_done(task, PEAL_OK, NULL);
}

static int receive_more(struct peal_call *call, const struct some_args *more)
{
	(void)call;
	if (more->later) /* an older sender does not know it: it is zero */
		atomic_fetch_add(&mistaken, 1);
	return 0;
}

static void *send_old(void *unused)
{
	struct some_args behind = { 1, 2 };

	(void)unused;
	sending = true;
	while (!atomic_load(&stop)) {
		int code = peal_send(&signals[0], NULL, &behind, sizeof(behind.a));

		if (code != PEAL_ECANCELED) /* disconnected while it was queued */
			T_OK(code);
	}
	return NULL;
}

TEST(kinds_that_come_during_sends)
{
	struct peal_executor *pool;
	struct peal_handle handle;
	struct peal_handle first;
	struct peal_connection options = connection(NULL, &first);
	pthread_t threads[2];

	T_OK(peal_pool_new(1, &pool));
	options.args_size = sizeof(int);
	T_OK(peal_connect(&signals[0], &options));
	for (unsigned i = 0; i < 2; i++)
		T_INT(pthread_create(&threads[i], NULL, send_old, NULL), 0);
	for (unsigned i = 0; i < CHANGES / 2; i++) {
		struct peal_connection other = connection(NULL, &handle);

		if (i % 2) {
			other.receiver = (peal_function *)receive_more;
		} else {
			other.receiver = (peal_function *)receive_later;
			other.asynchronous = 1;
			other.executor = pool;
		}
		T_OK(peal_connect(&signals[0], &other));
		T_OK(peal_disconnect(handle));
		/* A new array, without the mark of what was in it. */
		T_OK(peal_disconnect(first));
		T_OK(peal_connect(&signals[0], &options));
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		T_INT(pthread_join(threads[i], NULL), 0);
	T_OK(peal_disconnect(first));
	peal_pool_free(pool);
	T_UINT(atomic_load(&mistaken), 0);
}

/* ------------------------------------------------------------------------------------ a release at a send's end */

static void release_and_send(void *unused)
{
	(void)unused;
	errno = 99;
	T_OK(peal_send(&signals[1], NULL, &args, sizeof(args)));
	calls += 100;
}

static int end_itself(struct peal_call *call, const struct some_args *unused)
{
	(void)unused;
	T_CODE(peal_disconnect_deferred(peal_call_handle(call)), PEAL_RUNNING);
	return 0;
}

/* The release is called when the send has left its frame, and sends itself, in the same one. */
TEST(errno_after_a_release_that_sends)
{
	struct peal_handle handle;
	struct peal_connection options = connection(NULL, &handle);

	T_OK(peal_thread_prepare());
	T_OK(peal_connect(&signals[1], &options));
	options.receiver = (peal_function *)end_itself;
	options.release = release_and_send;
	options.ret_handle = NULL;
	T_OK(peal_connect(&signals[0], &options));
	errno = 5;
	T_OK(peal_send(&signals[0], NULL, &args, sizeof(args)));
	T_INT(errno, 5);
	T_UINT(calls, 101);
	T_OK(peal_disconnect(handle));
}
