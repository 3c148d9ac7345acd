/* SPDX-License-Identifier: MIT */
/*
 * fork(2) at any time: in the parent while its threads send, connect and disconnect, and in a receiver. The child has
 * the connections, none of the threads, and must not wait for anything that they would have done.
 */
#include "pealtest.h"

#include <peal/peal.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

enum {
#ifdef THREAD_SANITIZER
	FORKS = 150, /* each takes 20 times as long */
#else
	FORKS = 500,
#endif
	CHILD_SECONDS = 20,
};

struct none_args {
	int none;
};
static const struct none_args args;
static struct peal_signal busy = { .name = "fork.busy",
				   .site = "fork.c:1",
				   .args_size = sizeof(args) };
static struct peal_signal quiet = { .name = "fork.quiet",
				    .site = "fork.c:2",
				    .args_size = sizeof(args) };
static struct peal_signal forking = { .name = "fork.forking",
				      .site = "fork.c:4",
				      .args_size = sizeof(args) };
static char senders[8];
static atomic_bool stop;

#ifdef __SANITIZE_ADDRESS__
/*
 * The address sanitizer's malloc has locks that a fork may find taken by another thread, for ever. So the library gets
 * its memory from here: lists of free blocks for each thread, and one area for all, without a lock.
 */
#define SANITIZED 1

enum {
	CLASSES = 24,
	AREA_SIZE = 1 << 28,
};
static _Alignas(64) unsigned char area[AREA_SIZE]; /* touched as far as it is used */
static atomic_size_t area_used;
static _Thread_local void *free_first[CLASSES];

static unsigned class_of(size_t size)
{
	unsigned class = 5;

	while (((size_t)1 << class) < size)
		class ++;
	return class;
}

static void *plain_alloc(void *ctx, size_t size)
{
	unsigned class = class_of(size);
	void *block = free_first[class];
	size_t at;

	(void)ctx;
	if (block) {
		free_first[class] = *(void **)block;
		return block;
	}
	at = atomic_fetch_add(&area_used, (size_t)1 << class);
	return at + ((size_t)1 << class) <= AREA_SIZE ? area + at : NULL;
}

static void plain_free(void *ctx, void *pointer, size_t size)
{
	unsigned class = class_of(size);

	(void)ctx;
	*(void **)pointer = free_first[class];
	free_first[class] = pointer;
}

static void use_plain_memory(void)
{
	static const struct peal_allocator allocator = { .alloc = plain_alloc, .free = plain_free };

	T_OK(peal_set_allocator(&allocator));
}
#else
#define SANITIZED 0
static void use_plain_memory(void)
{
}
#endif

/* The child's exit status, or the end of the test when it hangs. */
static void wait_for(pid_t child, const char *what)
{
	int status;

	T_INT(T_SYS(waitpid(child, &status, 0)), child);
	if (WIFSIGNALED(status))
		T_FAIL("%s: %s", what, WTERMSIG(status) == SIGALRM ? "it hangs" : "it crashed");
	T_INT(WEXITSTATUS(status), 0);
}

static pid_t fork_child(void)
{
	pid_t child = (pid_t)T_SYS(fork());

	if (!child)
		alarm(CHILD_SECONDS);
	return child;
}

static int receive(struct peal_call *call, const struct none_args *unused)
{
	(void)unused;
	if (call->user)
		++*(unsigned *)call->user;
	return 0;
}

static struct peal_connection connection(void *user, struct peal_handle *ret_handle)
{
	return (struct peal_connection){
		.size = sizeof(struct peal_connection),
		.receiver = (peal_function *)receive,
		.site = "fork.c:3:receive",
		.args_size = sizeof(args),
		.user = user,
		.ret_handle = ret_handle,
	};
}

/* Everything once, in the child; nothing of it may hang. */
static void use_all(void)
{
	struct peal_scope scope = { .first = NULL };
	struct peal_snapshot *snapshot;
	struct peal_signal *made;
	struct peal_handle handle;
	unsigned count = 0;

	for (unsigned i = 0; i < 20; i++) {
		struct peal_connection options = connection(&count, &handle);

		count = 0;
		T_OK(peal_connect(&busy, &options));
		T_OK(peal_send(&busy, NULL, &args, sizeof(args)));
		T_UINT(count, 1);
		T_OK(peal_disconnect(handle));
		options.scope = &scope;
		options.sender = &senders[i % 8];
		T_OK(peal_connect(&busy, &options));
		T_OK(peal_send(&busy, options.sender, &args, sizeof(args)));
		T_OK(peal_scope_end(&scope));
		T_OK(peal_send(&busy, options.sender, &args, sizeof(args)));
		T_UINT(count, 2);
		T_OK(peal_signal_new("fork.made", sizeof(args), &made));
		options.scope = NULL;
		T_OK(peal_connect(made, &options));
		T_OK(peal_send(made, options.sender, &args, sizeof(args)));
		peal_signal_free(made);
		peal_trim();
	}
	T_OK(peal_snapshot_take(NULL, &snapshot));
	peal_snapshot_free(snapshot);
}

/* A new thread of the child takes the record of one of the parent's: nothing of that may be left in it. */
static void *use_all_in_thread(void *unused)
{
	(void)unused;
	use_all();
	return NULL;
}

static void child(void)
{
	pthread_t thread;

	use_all();
	if (!SANITIZED) { /* its pthread_create calls its malloc */
		T_INT(pthread_create(&thread, NULL, use_all_in_thread, NULL), 0);
		T_INT(pthread_join(thread, NULL), 0);
	}
	_exit(0);
}

static void *work(void *number)
{
	struct test_random random = test_random_init((uintptr_t)number);

	while (!atomic_load(&stop)) {
		struct peal_results results = { 0 };
		struct peal_handle handle;
		struct peal_connection options = connection(NULL, &handle);

		options.user = NULL;
		options.uid = (const char *[]){ "1", "2", "3", "4" }[(uintptr_t)number];
		options.sender = test_random_below(&random, 2)
					 ? &senders[test_random_below(&random, 8)]
					 : NULL;
		T_OK(peal_connect(&busy, &options));
		for (unsigned i = 0; i < 8; i++)
			T_OK(peal_send(&busy, &senders[i], &args, sizeof(args)));
		T_OK(peal_send_with(&busy, NULL, &args, sizeof(args), PEAL_SEND_ALL, &results,
				    NULL));
		peal_results_fini(&results);
		if (test_random_below(&random, 2))
			T_OK(peal_disconnect(handle));
		else
			peal_disconnect_deferred(handle);
		if (test_random_below(&random, 64) == 0)
			peal_trim();
	}
	return NULL;
}

static void forks_while_threads_work(unsigned threads, unsigned forks)
{
	pthread_t workers[4];
	int64_t start = test_clock_ns();

	use_plain_memory();
	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < threads; i++)
		T_INT(pthread_create(&workers[i], NULL, work, (void *)i), 0);
	for (unsigned i = 0; i < forks; i++) {
		pid_t pid = fork_child();

		if (!pid)
			child();
		wait_for(pid, "a child of a process whose threads work");
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < threads; i++)
		T_INT(pthread_join(workers[i], NULL), 0);
	printf("%u forks with %u threads, %.1f s\n", forks, threads,
	       (double)(test_clock_ns() - start) / 1e9);
}

TEST_TIMEOUT(two_threads, 120)
{
	forks_while_threads_work(2, FORKS / 2);
}

TEST_TIMEOUT(four_threads, 120)
{
	forks_while_threads_work(4, FORKS / 2);
}

/* ------------------------------------------------------------------------------------------- in a receiver */

static pid_t forked;
static struct peal_handle forking_handle;

static int fork_here(struct peal_call *call, const struct none_args *unused)
{
	(void)unused;
	forked = fork_child();
	if (!forked) {
		/* The child is in the send too, and goes on with it. */
		T_CODE(peal_disconnect(peal_call_handle(call)), PEAL_EDEADLK);
		T_CODE(peal_disconnect_deferred(peal_call_handle(call)), PEAL_RUNNING);
		T_OK(peal_send(&quiet, NULL, &args, sizeof(args)));
	}
	return 0;
}

static void fork_in_receiver(bool general)
{
	unsigned before = 0;
	unsigned after = 0;
	unsigned inner = 0;
	struct peal_handle handles[3];
	struct peal_connection options = connection(&before, &handles[0]);
	struct peal_results results = { 0 };

	T_OK(peal_connect(&forking, &options));
	options = connection(NULL, &forking_handle);
	options.receiver = (peal_function *)fork_here;
	T_OK(peal_connect(&forking, &options));
	options = connection(&after, &handles[1]);
	T_OK(peal_connect(&forking, &options));
	options = connection(&inner, &handles[2]);
	T_OK(peal_connect(&quiet, &options));
	T_OK(general ? peal_send_with(&forking, NULL, &args, sizeof(args), PEAL_SEND_ALL, &results,
				      NULL)
		     : peal_send(&forking, NULL, &args, sizeof(args)));
	T_UINT(before, 1);
	T_UINT(after, 1);
	T_UINT(results.count, general ? 3 : 0);
	peal_results_fini(&results);
	if (!forked) {
		T_UINT(inner, 1);
		T_FALSE(peal_is_connected(forking_handle));
		for (unsigned i = 0; i < 3; i++)
			T_OK(peal_disconnect(handles[i]));
		child();
	}
	wait_for(forked, "a child of a receiver");
	T_UINT(inner, 0);
	T_OK(peal_disconnect(forking_handle));
	for (unsigned i = 0; i < 3; i++)
		T_OK(peal_disconnect(handles[i]));
}

TEST(in_a_receiver)
{
	fork_in_receiver(false);
	fork_in_receiver(true);
}

TEST_TIMEOUT(in_a_receiver_while_threads_work, 120)
{
	pthread_t workers[2];

	use_plain_memory();
	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < 2; i++)
		T_INT(pthread_create(&workers[i], NULL, work, (void *)i), 0);
	for (unsigned i = 0; i < FORKS / 10; i++)
		fork_in_receiver(i & 1);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		T_INT(pthread_join(workers[i], NULL), 0);
}

/* ------------------------------------------------------------- while others are in a receiver, or wait for one */

static atomic_uint gate; /* 0: nobody there; 1: a receiver runs; 2: it may return */
static atomic_uint released;

static int block(struct peal_call *call, const struct none_args *unused)
{
	(void)call;
	(void)unused;
	atomic_store(&gate, 1);
	while (atomic_load(&gate) != 2)
		sched_yield();
	return 0;
}

static void count_release(void *user)
{
	(void)user;
	atomic_fetch_add(&released, 1);
}

static void *send_quiet(void *results)
{
	T_OK(peal_send_with(&quiet, &senders[1], &args, sizeof(args), PEAL_SEND_ALL, results,
			    NULL));
	return NULL;
}

/*
 * In the child nobody runs the receiver any more: a disconnect does not wait for it, and what was disconnected while
 * it ran is released by the next who looks.
 */
TEST(while_another_is_in_a_receiver)
{
	struct peal_results results = { 0 };
	struct peal_handle handle;
	struct peal_handle held;
	struct peal_connection options = connection(NULL, &handle);
	pthread_t thread;
	pid_t pid;

	options.receiver = (peal_function *)block;
	options.release = count_release;
	T_OK(peal_connect(&quiet, &options));
	T_INT(pthread_create(&thread, NULL, send_quiet, &results), 0);
	while (atomic_load(&gate) != 1)
		sched_yield();
	pid = fork_child();
	if (!pid) {
		T_OK(peal_disconnect(handle));
		T_UINT(atomic_load(&released), 1);
		child();
	}
	wait_for(pid, "a child that ends what ran in the parent");
	held = handle;
	T_CODE(peal_disconnect_deferred(held), PEAL_RUNNING);
	pid = fork_child();
	if (!pid) {
		T_UINT(atomic_load(&released), 0);
		options.release = NULL;
		T_OK(peal_connect(&busy, &options));
		peal_disconnect_deferred(handle);
		T_UINT(atomic_load(&released), 1);
		child();
	}
	wait_for(pid, "a child that has a release to do");
	atomic_store(&gate, 2);
	T_INT(pthread_join(thread, NULL), 0);
	T_UINT(atomic_load(&released), 1);
	peal_results_fini(&results);
}

/* The record of a thread that was in a send with answers, or ran a job, is used again in the child. */
static void *fast_send(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < 3; i++) {
		struct peal_handle handle;
		unsigned count = 0;
		struct peal_connection options = connection(&count, &handle);

		T_OK(peal_connect(&busy, &options));
		T_OK(peal_send(&busy, NULL, &args, sizeof(args)));
		T_UINT(count, 1);
		T_OK(peal_disconnect(handle)); /* not inside anything */
	}
	return NULL;
}

static int no_details(struct peal_call *call, const struct none_args *unused)
{
	(void)unused;
	T_PTR(call->error, NULL);
	return peal_call_respond(call, PEAL_TEXT("nobody collects it"));
}

static void *look_at_call(void *unused)
{
	struct peal_handle handle;
	struct peal_connection options = connection(NULL, &handle);

	(void)unused;
	options.receiver = (peal_function *)no_details;
	T_OK(peal_connect(&busy, &options));
	T_OK(peal_send(&busy, NULL, &args, sizeof(args)));
	T_OK(peal_disconnect(handle));
	return fast_send(NULL);
}

TEST(a_record_used_again)
{
	struct peal_results results = { 0 };
	struct peal_handle handle;
	struct peal_connection options = connection(NULL, &handle);
	pthread_t thread;
	pthread_t another;
	pid_t pid;

	atomic_store(&gate, 0);
	options.receiver = (peal_function *)block;
	T_OK(peal_connect(&quiet, &options));
	T_INT(pthread_create(&thread, NULL, send_quiet, &results), 0);
	while (atomic_load(&gate) != 1)
		sched_yield();
	pid = fork_child();
	if (!pid) {
		T_INT(pthread_create(&another, NULL, look_at_call, NULL), 0);
		T_INT(pthread_join(another, NULL), 0);
		_exit(0);
	}
	wait_for(pid, "a child whose thread has an old record");
	atomic_store(&gate, 2);
	T_INT(pthread_join(thread, NULL), 0);
	T_OK(peal_disconnect(handle));
	peal_results_fini(&results);
}

/* -------------------------------------------------------------------------------------------- executors */

static void task(struct peal_task *the_task, const struct none_args *unused)
{
	(void)unused;
	peal_task_done(the_task, 0, NULL);
}

static void slow_task(struct peal_task *the_task, const struct none_args *unused)
{
	(void)unused;
	atomic_store(&gate, 1);
	while (atomic_load(&gate) != 2)
		sched_yield();
	peal_task_done(the_task, 0, NULL);
}

static void done(void *user, int code, const struct peal_results *results)
{
	(void)results;
	*(int *)user = code;
}

TEST(executors)
{
	struct peal_executor *pool;
	struct peal_executor *loop;
	struct peal_handle handles[2];
	struct peal_connection options = connection(NULL, &handles[0]);
	int code = 1;
	pid_t pid;

	T_OK(peal_pool_new(2, &pool));
	T_OK(peal_loop_new(&loop));
	options.receiver = (peal_function *)task;
	options.asynchronous = 1;
	options.executor = pool;
	T_OK(peal_connect(&quiet, &options));
	T_OK(peal_send(&quiet, NULL, &args, sizeof(args)));
	pid = fork_child();
	if (!pid) {
		T_CODE(peal_send(&quiet, NULL, &args, sizeof(args)), PEAL_EFORK);
		T_OK(peal_asend(&quiet, NULL, &args, sizeof(args), PEAL_SEND_STOP, done, &code));
		T_INT(code, PEAL_EFORK);
		T_OK(peal_disconnect(handles[0]));
		options.executor = loop;
		T_OK(peal_connect(&quiet, &options));
		T_OK(peal_asend(&quiet, NULL, &args, sizeof(args), PEAL_SEND_STOP, done, &code));
		T_INT(code, PEAL_EFORK);
		T_OK(peal_disconnect(handles[0]));
		peal_pool_free(pool);
		peal_loop_free(loop);
		/* Its own work. */
		T_OK(peal_pool_new(2, &pool));
		options.executor = pool;
		T_OK(peal_connect(&quiet, &options));
		T_OK(peal_send(&quiet, NULL, &args, sizeof(args)));
		T_OK(peal_disconnect(handles[0]));
		peal_pool_free(pool);
		child();
	}
	wait_for(pid, "a child of a process with executors");
	T_OK(peal_disconnect(handles[0]));
	peal_pool_free(pool);
	peal_loop_free(loop);
}

/* With a task under way in a thread of the pool: in the child nobody will finish it, and nobody waits for it. */
TEST(a_task_under_way)
{
	struct peal_executor *pool;
	struct peal_handle handle;
	struct peal_connection options = connection(NULL, &handle);
	pthread_t another;
	int code = 1;
	pid_t pid;

	atomic_store(&gate, 0);
	T_OK(peal_pool_new(1, &pool));
	options.receiver = (peal_function *)slow_task;
	options.asynchronous = 1;
	options.executor = pool;
	T_OK(peal_connect(&quiet, &options));
	T_OK(peal_asend(&quiet, NULL, &args, sizeof(args), PEAL_SEND_STOP, done, &code));
	while (atomic_load(&gate) != 1)
		sched_yield();
	pid = fork_child();
	if (!pid) {
		T_OK(peal_disconnect(handle));
		T_INT(pthread_create(&another, NULL, look_at_call, NULL), 0);
		T_INT(pthread_join(another, NULL), 0);
		child();
	}
	wait_for(pid, "a child of a process with a task under way");
	atomic_store(&gate, 2);
	T_OK(peal_disconnect(handle));
	peal_pool_free(pool);
	T_INT(code, 0);
}
