/* SPDX-License-Identifier: MIT */
/*
 * contract.h: what the contract tests of the dispatcher share.
 *
 * A journal, in which receivers write that they were called; gates, at which threads wait for each
 * other; and wait_until_blocked(), which makes "it does not return yet" something that can be seen
 * without sleeping.
 */
#ifndef PEAL_TEST_CONTRACT_H
#define PEAL_TEST_CONTRACT_H

#include "pealtest.h"

#include <peal/async.h>
#include <peal/dispatch.h>
#include <peal/inspect.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A text as user data. */
#define USER(text_) ((void *)(uintptr_t)(text_))

/* ---- The journal: short texts, one behind the other ------------------------------------------ */

static char journal[4096];
static pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((unused)) static void note(const char *text)
{
	pthread_mutex_lock(&journal_lock);
	T_TRUE(strlen(journal) + strlen(text) + 1 < sizeof(journal));
	strcat(journal, text); /* NOLINT: there is room */
	pthread_mutex_unlock(&journal_lock);
}

__attribute__((unused)) static void journal_clear(void)
{
	pthread_mutex_lock(&journal_lock);
	journal[0] = '\0';
	pthread_mutex_unlock(&journal_lock);
}

/* The journal is this, and is empty again. */
#define T_JOURNAL(expected_)               \
	do {                               \
		T_STR(journal, expected_); \
		journal_clear();           \
	} while (0)

/* ---- Gates ----------------------------------------------------------------------------------- */

__attribute__((unused)) static void gate_init(sem_t *gate)
{
	T_SYS(sem_init(gate, 0, 0));
}

__attribute__((unused)) static void gate_open(sem_t *gate)
{
	T_SYS(sem_post(gate));
}

__attribute__((unused)) static void gate_pass(sem_t *gate)
{
	while (sem_wait(gate) != 0)
		T_INT(errno, EINTR);
}

/* ---- Threads --------------------------------------------------------------------------------- */

/*
 * A thread's first send goes the general way through the library, and most sends do not: the main
 * thread and the helpers are prepared, but for those that say so.
 */
__attribute__((constructor, unused)) static void prepare_main_thread(void)
{
	if (peal_thread_prepare() != 0)
		abort();
}

/* A thread of a test: what it does, and what came of it. */
struct helper {
	bool unprepared;
	pthread_t thread;
	pid_t tid;
	sem_t started;
	void *(*function)(void *argument);
	void *argument;
	bool returned; /* atomic */
};

__attribute__((unused)) static void *helper_main(void *argument)
{
	struct helper *helper = argument;
	void *result;

	helper->tid = (pid_t)syscall(SYS_gettid);
	if (!helper->unprepared)
		T_OK(peal_thread_prepare());
	gate_open(&helper->started);
	result = helper->function(helper->argument);
	__atomic_store_n(&helper->returned, true, __ATOMIC_SEQ_CST);
	return result;
}

__attribute__((unused)) static void helper_run(struct helper *helper, void *(*function)(void *),
					       void *argument)
{
	helper->function = function;
	helper->argument = argument;
	helper->returned = false;
	gate_init(&helper->started);
	T_INT(pthread_create(&helper->thread, NULL, helper_main, helper), 0);
	gate_pass(&helper->started);
}

__attribute__((unused)) static void helper_start(struct helper *helper, void *(*function)(void *),
						 void *argument)
{
	helper->unprepared = false;
	helper_run(helper, function, argument);
}

/* One whose first send is to be seen. */
__attribute__((unused)) static void helper_start_unprepared(struct helper *helper,
							    void *(*function)(void *),
							    void *argument)
{
	helper->unprepared = true;
	helper_run(helper, function, argument);
}

__attribute__((unused)) static void *helper_join(struct helper *helper)
{
	void *result;

	T_INT(pthread_join(helper->thread, &result), 0);
	sem_destroy(&helper->started);
	return result;
}

__attribute__((unused)) static bool helper_returned(struct helper *helper)
{
	return __atomic_load_n(&helper->returned, __ATOMIC_SEQ_CST);
}

/* The state of a thread as the kernel sees it: 'S' while it waits; 0 when it is gone. */
__attribute__((unused)) static char thread_state(pid_t tid)
{
	char path[64];
	char text[512];
	const char *end;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return 0;
	text[size] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : 0;
}

/*
 * Until the thread waits for something (as seen several times in a row), or has returned. A library
 * that does not wait where it must has returned by then; one that is right can never fail by it,
 * only be looked at too early.
 */
__attribute__((unused)) static void wait_until_blocked(struct helper *helper)
{
	for (int seen = 0; seen < 20 && !helper_returned(helper);) {
		seen = thread_state(helper->tid) == 'S' ? seen + 1 : 0;
		sched_yield();
	}
}

/* ---- Receivers that wait --------------------------------------------------------------------- */

/* A receiver with this as its user data opens entered, and waits at leave. */
struct door {
	sem_t entered;
	sem_t leave;
	int calls;    /* atomic */
	int inside;   /* atomic: calls that have begun and not ended */
	int released; /* atomic: calls of door_release() */
	int inside_at_release;
};

__attribute__((unused)) static void door_init(struct door *door)
{
	memset(door, 0, sizeof(*door));
	gate_init(&door->entered);
	gate_init(&door->leave);
}

__attribute__((unused)) static void door_walk_through(struct door *door)
{
	__atomic_add_fetch(&door->calls, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&door->inside, 1, __ATOMIC_SEQ_CST);
	gate_open(&door->entered);
	gate_pass(&door->leave);
	__atomic_sub_fetch(&door->inside, 1, __ATOMIC_SEQ_CST);
}

__attribute__((unused)) static void door_release(void *user)
{
	struct door *door = user;

	__atomic_store_n(&door->inside_at_release, __atomic_load_n(&door->inside, __ATOMIC_SEQ_CST),
			 __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&door->released, 1, __ATOMIC_SEQ_CST);
}

__attribute__((unused)) static int released_count(struct door *door)
{
	return __atomic_load_n(&door->released, __ATOMIC_SEQ_CST);
}

#endif
