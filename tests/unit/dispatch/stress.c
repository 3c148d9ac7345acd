/* SPDX-License-Identifier: MIT */
/*
 * Many threads do everything at once, in random order, and these must hold:
 *
 *   - After a waiting disconnect has returned, or the end of a scope, the receiver is not called: its user data is
 *     poisoned then, and receivers look at it first and last. It is plain memory: that nobody reads it while it is
 *     poisoned is the library's doing alone, which the thread sanitizer sees too.
 *   - A release function is called once, when the receiver does not run.
 *   - A connection that stays is called by every send, once.
 *   - In the end nothing of the library's memory is left (the harness looks).
 *
 * PEAL_STRESS_OPS sets the number of operations of each test.
 */
#include "pealtest.h"

#include <peal/peal.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <errno.h>

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

enum {
#if defined(THREAD_SANITIZER)
	OPS_DEFAULT = 400000,
#elif defined(__SANITIZE_ADDRESS__)
	OPS_DEFAULT = 1000000,
#else
	OPS_DEFAULT = 3000000,
#endif
	SIGNALS = 4, /* priorities are used with the last two */
	SENDERS = 8, /* the last MORTALS of them are forgotten now and then */
	MORTALS = 2,
	OWNED = 12, /* objects that one thread has */
	SHARED = 24,
	ACTORS = 4,
	PARTS = 3,
	DEPTH = 4,
	QUARANTINE = 64,
	ALIVE = 0x600df00d,
	DEAD = 0x0dead0,
};

struct note_args {
	uint32_t magic;
	atomic_int *counter; /* asynchronous receivers that stay count here */
};

/* The user data of a receiver. */
struct listener {
	uint32_t canary;
	int released;
	atomic_int running;
	struct peal_handle handle;
};

/* An object with a scope. */
struct actor {
	uint32_t canary;
	struct peal_scope scope;
	struct listener parts[PARTS];
};

struct worker {
	pthread_t thread;
	struct test_random random;
	uint64_t wanted, done;
	uint64_t sent[SIGNALS], seen[SIGNALS]; /* calls of those that stay: due, and counted */
	unsigned depth;
	bool muting;
	struct listener *owned[OWNED];
	void *quarantine[QUARANTINE];
	unsigned buried;
	char name[32];
};

static struct peal_signal signals[SIGNALS] = {
	{ .name = "stress.0", .site = "stress.c:1", .args_size = sizeof(struct note_args) },
	{ .name = "stress.1", .site = "stress.c:2", .args_size = sizeof(struct note_args) },
	{ .name = "stress.2", .site = "stress.c:3", .args_size = sizeof(struct note_args) },
	{ .name = "stress.3", .site = "stress.c:4", .args_size = sizeof(struct note_args) },
};
static struct peal_signal later = { .name = "stress.later",
				    .site = "stress.c:5",
				    .args_size = sizeof(struct note_args) };
static char senders[SENDERS];
static atomic_uint_fast64_t shared[SHARED]; /* handles; whoever wants may end them */
static _Atomic(struct actor *) actors[ACTORS];
static struct peal_executor *pool;
static atomic_size_t asends_under_way;
static _Thread_local struct worker *me; /* NULL in the threads of the pool */

static uint64_t below(uint64_t limit)
{
	return test_random_below(&me->random, limit);
}

/* The build with a fixed pool may run out; the others may not. */
static bool out_of_memory(int code)
{
#ifdef PEAL_FIXED_POOL
	return code == PEAL_ENOMEM;
#else
	(void)code;
	return false;
#endif
}

/* ------------------------------------------------------------------------------------ objects and their end */

/* Poison memory, and free it some time later, so that a late look finds the poison. */
static void bury(void *object, size_t size)
{
	void **place;

	memset(object, 0xdd, size);
	if (!me) {
		free(object);
		return;
	}
	place = &me->quarantine[me->buried++ % QUARANTINE];
	free(*place);
	*place = object;
}

static struct listener *listener_new(void)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		T_FAIL("no memory");
	listener->canary = ALIVE;
	return listener;
}

static void check_end(const struct listener *listener, const char *what)
{
	int running = atomic_load_explicit(&listener->running, memory_order_relaxed);

	if (listener->canary != ALIVE || running)
		T_FAIL("%s: canary %#x, %d calls under way", what, listener->canary, running);
}

static void listener_end(struct listener *listener, const char *what)
{
	check_end(listener, what);
	bury(listener, sizeof(*listener));
}

static void listener_release(void *user)
{
	struct listener *listener = user;

	if (listener->released++)
		T_FAIL("released twice");
	listener_end(listener, "release");
}

static void actor_end(void *user)
{
	struct actor *actor = user;

	if (actor->canary != ALIVE)
		T_FAIL("an actor ends twice");
	for (unsigned i = 0; i < PARTS; i++)
		check_end(&actor->parts[i], "end of a scope");
	bury(actor, sizeof(*actor));
}

/* ------------------------------------------------------------------------------------------- connecting */

static void act_inside(struct peal_call *call);

static int hear(struct peal_call *call, const struct note_args *args)
{
	struct listener *listener = call->user;

	if (listener->canary != ALIVE || args->magic != ALIVE)
		T_FAIL("called after its end: canary %#x", listener->canary);
	atomic_fetch_add_explicit(&listener->running, 1, memory_order_relaxed);
	act_inside(call);
	if (listener->canary != ALIVE)
		T_FAIL("ended while it ran: canary %#x", listener->canary);
	atomic_fetch_sub_explicit(&listener->running, 1, memory_order_relaxed);
	return 0;
}

static int stay(struct peal_call *call, const struct note_args *args)
{
	(void)args;
	if (me)
		me->seen[call->signal - signals]++;
	return 0;
}

static void hear_later(struct peal_task *task, const struct note_args *args)
{
	struct listener *listener = task->user;

	if (listener->canary != ALIVE || args->magic != ALIVE)
		T_FAIL("a task after its end: canary %#x", listener->canary);
	atomic_fetch_add_explicit(&listener->running, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&listener->running, 1, memory_order_relaxed);
	peal_task_done(task, PEAL_OK, NULL);
}

static void stay_later(struct peal_task *task, const struct note_args *args)
{
	if (args->counter)
		atomic_fetch_add_explicit(args->counter, 1, memory_order_relaxed);
	peal_task_done(task, PEAL_OK, NULL);
}

/* Something to connect, at random. */
static struct peal_connection any_connection(struct listener *listener, unsigned signal,
					     bool mortal)
{
	struct peal_connection connection = {
		.size = sizeof(connection),
		.receiver = (peal_function *)hear,
		.site = "stress.c:1:hear",
		.args_size = below(16) ? sizeof(struct note_args) : sizeof(uint32_t),
		.user = listener,
		.ret_handle = &listener->handle,
	};
	uint64_t sender = below(2 * SENDERS);

	if (sender < SENDERS - (mortal ? 0 : MORTALS))
		connection.sender = &senders[sender];
	if (signal >= 2 && below(2))
		connection.priority = (int)below(5) - 2;
	if (mortal) {
		connection.release = listener_release;
		if (below(4) == 0)
			connection.uid = (const char *[]){ "a", "b", "c", "d" }[below(4)];
		if (below(8) == 0) {
			connection.sender = NULL;
			connection.sender_name = below(2) ? "stress.One" : "stress.Two";
		}
	}
	return connection;
}

static void connect_owned(void)
{
	struct listener **place = &me->owned[below(OWNED)];
	unsigned signal = (unsigned)below(SIGNALS);
	struct listener *listener;
	struct peal_connection connection;
	int code;

	if (*place) {
		T_OK(peal_disconnect((*place)->handle));
		listener_end(*place, "a waiting disconnect");
		*place = NULL;
		return;
	}
	listener = listener_new();
	connection = any_connection(listener, signal, false);
	code = peal_connect(&signals[signal], &connection);
	if (out_of_memory(code)) {
		bury(listener, sizeof(*listener));
		return;
	}
	T_OK(code);
	*place = listener;
}

static uint64_t packed(struct peal_handle handle)
{
	return handle.serial << 24 | handle.slot;
}

static struct peal_handle unpacked(uint64_t handle)
{
	return (struct peal_handle){ .serial = handle >> 24, .slot = handle & 0xffffff };
}

/* One that anybody ends, and that frees itself. */
static void connect_shared(void)
{
	struct listener *listener = listener_new();
	unsigned signal = (unsigned)below(SIGNALS + 1);
	struct peal_connection connection = any_connection(listener, signal, true);
	struct peal_handle handle = { 0 };
	uint64_t before;
	int code;

	connection.ret_handle = &handle; /* the listener may be gone when connect returns */
	if (signal == SIGNALS) {
		connection.receiver = (peal_function *)hear_later;
		connection.asynchronous = 1;
		connection.executor = below(4) ? pool : NULL;
	}
	code = peal_connect(signal == SIGNALS ? &later : &signals[signal], &connection);
	if (code == PEAL_EXISTS || out_of_memory(code)) {
		bury(listener, sizeof(*listener));
		return;
	}
	if (code != PEAL_PENDING)
		T_OK(code);
	before = atomic_exchange_explicit(&shared[below(SHARED)], packed(handle),
					  memory_order_relaxed);
	if (before)
		peal_disconnect_deferred(unpacked(before));
}

static void disconnect_shared(bool wait)
{
	uint64_t handle = atomic_load_explicit(&shared[below(SHARED)], memory_order_relaxed);
	int code;

	if (!handle)
		return;
	code = wait ? peal_disconnect(unpacked(handle))
		    : peal_disconnect_deferred(unpacked(handle));
	if (code < 0)
		T_OK(code);
	if (peal_is_connected(unpacked(handle)))
		T_FAIL("connected after a disconnect");
}

static struct actor *actor_new(void)
{
	struct actor *actor = calloc(1, sizeof(*actor));

	if (!actor)
		T_FAIL("no memory");
	actor->canary = ALIVE;
	for (unsigned i = 0; i < PARTS; i++) {
		unsigned signal = (unsigned)below(SIGNALS);
		struct peal_connection connection;
		int code;

		actor->parts[i].canary = ALIVE;
		connection = any_connection(&actor->parts[i], signal, false);
		connection.scope = &actor->scope;
		code = peal_connect(&signals[signal], &connection);
		if (!out_of_memory(code))
			T_OK(code);
	}
	return actor;
}

/* Take an actor, and put another one or none in its place. */
static void actor_step(bool wait)
{
	_Atomic(struct actor *) *place = &actors[below(ACTORS)];
	struct actor *actor = atomic_exchange(place, NULL);
	struct actor *other = NULL;

	if (!actor) {
		actor = actor_new();
		if (!atomic_compare_exchange_strong(place, &other, actor))
			peal_scope_end_deferred(&actor->scope, actor_end, actor);
		return;
	}
	if (below(4) == 0)
		peal_disconnect_deferred(actor->parts[below(PARTS)].handle);
	if (wait) {
		T_OK(peal_scope_end(&actor->scope));
		actor_end(actor);
	} else {
		peal_scope_end_deferred(&actor->scope, actor_end, actor);
	}
}

/* ---------------------------------------------------------------------------------------------------- sending */

static void send_note(void)
{
	unsigned signal = (unsigned)below(SIGNALS);
	uint64_t sender = below(SENDERS + 1);
	struct note_args args = { .magic = ALIVE };
	uint64_t due = me->muting ? 0 : signal < 2 ? 1 : 2;
	uint64_t before = me->seen[signal] - me->sent[signal];

	me->depth++;
	if (below(16)) {
		T_OK(peal_send(&signals[signal], sender ? &senders[sender - 1] : NULL, &args,
			       sizeof(args)));
	} else {
		struct peal_results results = { 0 };
		int code = peal_send_with(&signals[signal], sender ? &senders[sender - 1] : NULL,
					  &args, sizeof(args), PEAL_SEND_ALL, &results, NULL);

		if (out_of_memory(code))
			due = 0;
		else
			T_OK(code);
		peal_results_fini(&results);
	}
	me->depth--;
	/* Sends inside this one have counted on both sides. */
	me->sent[signal] += due;
	if (me->seen[signal] - me->sent[signal] != before)
		T_FAIL("those that stay on signal %u were called %d times too often", signal,
		       (int)(me->seen[signal] - me->sent[signal] - before));
}

static void all_done(void *user, int code, const struct peal_results *results)
{
	atomic_int *counter = user;

	(void)results;
	if (code && !out_of_memory(code))
		T_OK(code);
	if (!code && atomic_load(counter) != 2)
		T_FAIL("%d of 2 asynchronous receivers were called", atomic_load(counter));
	free(counter);
	atomic_fetch_sub(&asends_under_way, 1);
}

static void send_later(void)
{
	atomic_int *counter = calloc(1, sizeof(*counter));
	struct note_args args = { .magic = ALIVE, .counter = counter };
	int code;

	if (!counter)
		T_FAIL("no memory");
	if (below(2)) {
		code = peal_send(&later, NULL, &args, sizeof(args));
		if (code && !out_of_memory(code))
			T_OK(code);
		if (!code && atomic_load(counter) != 2)
			T_FAIL("%d of 2 asynchronous receivers were called", atomic_load(counter));
		free(counter);
		return;
	}
	if (atomic_fetch_add(&asends_under_way, 1) > 64) {
		/* The pool is to keep up. */
		atomic_fetch_sub(&asends_under_way, 1);
		free(counter);
		return;
	}
	code = peal_asend(&later, NULL, &args, sizeof(args), PEAL_SEND_STOP, all_done, counter);
	if (code) {
		if (!out_of_memory(code))
			T_OK(code);
		atomic_fetch_sub(&asends_under_way, 1);
		free(counter);
	}
}

/* A signal of this thread's own: made, heard, sent, and freed, in a receiver as well. */
static int hear_and_free(struct peal_call *call, const struct note_args *args)
{
	struct listener *listener = call->user;

	(void)args;
	if (listener->canary != ALIVE)
		T_FAIL("called after its end: canary %#x", listener->canary);
	peal_signal_free(call->signal);
	if (below(2))
		act_inside(call);
	if (listener->canary != ALIVE)
		T_FAIL("ended while it ran: canary %#x", listener->canary);
	return 0;
}

static void own_signal(void)
{
	struct listener *listener = listener_new();
	struct note_args args = { .magic = ALIVE };
	struct peal_connection connection = any_connection(listener, 0, true);
	bool inside = below(2);
	struct peal_signal *signal;
	int code;

	code = peal_signal_new("stress.own", sizeof(args), &signal);
	if (out_of_memory(code)) {
		bury(listener, sizeof(*listener));
		return;
	}
	T_OK(code);
	connection.sender_name = NULL;
	connection.sender = NULL;
	connection.ret_handle = NULL;
	if (inside)
		connection.receiver = (peal_function *)hear_and_free;
	code = peal_connect(signal, &connection);
	if (out_of_memory(code)) {
		bury(listener, sizeof(*listener));
		inside = false;
	} else {
		T_OK(code);
		me->depth++;
		T_OK(peal_send(signal, &senders[0], &args, sizeof(args)));
		me->depth--;
	}
	if (!inside)
		peal_signal_free(signal);
}

/* ------------------------------------------------------------------------------------------------- operations */

static void look(void)
{
	struct peal_snapshot *snapshot;
	int code = peal_snapshot_take(below(2) ? NULL : &signals[below(SIGNALS)], &snapshot);

	if (out_of_memory(code))
		return;
	T_OK(code);
	for (size_t i = 0; i < snapshot->receiver_count; i++)
		if (!snapshot->receivers[i].name[0] || snapshot->receivers[i].running > 1000)
			T_FAIL("a snapshot of nonsense");
	peal_snapshot_free(snapshot);
}

static void mute_and_send(void)
{
	struct peal_mute mute = { .receiver = (peal_function *)stay };
	bool before = me->muting;

	peal_mute_begin(&mute);
	me->muting = true;
	send_note();
	me->muting = before;
	peal_mute_end(&mute);
}

static void name_step(void)
{
	static const char *const names[] = { "stress.One", "stress.Two" };
	uint64_t which = below(MORTALS);
	const char *sender = &senders[SENDERS - MORTALS + which];

	if (below(2)) {
		int code = peal_sender_register(names[which], sender);

		if (code < 0 && !out_of_memory(code))
			T_OK(code);
	} else {
		peal_sender_forget(sender);
	}
}

static void traced(void *user, const struct peal_trace_event *event)
{
	(void)user;
	if (event->kind < PEAL_TRACE_SEND || event->kind > PEAL_TRACE_SENT || !event->signal)
		T_FAIL("a trace of nonsense");
}

/* What one thread alone switches. */
static void watch(unsigned step)
{
	int code;

	switch (step % 4) {
	case 0:
		peal_set_trace(traced, &senders);
		break;
	case 1:
		code = peal_count_calls(true);
		if (!out_of_memory(code))
			T_OK(code);
		break;
	case 2:
		peal_set_trace(NULL, NULL);
		break;
	default:
		T_OK(peal_count_calls(false));
		break;
	}
}

/* In a receiver: mostly nothing. */
static void act_inside(struct peal_call *call)
{
	if (!me || me->depth > DEPTH || below(16))
		return;
	me->done++;
	switch (below(12)) {
	case 0:
	case 1:
	case 2:
		send_note();
		break;
	case 3:
	case 4:
		connect_shared();
		break;
	case 5:
	case 6:
		disconnect_shared(false);
		break;
	case 7:
		actor_step(false);
		break;
	case 8:
		mute_and_send();
		break;
	case 9:
		own_signal();
		break;
	case 10:
		T_CODE(peal_disconnect(peal_call_handle(call)), PEAL_EDEADLK);
		break;
	default:
		if (below(16) == 0)
			name_step();
		else if (below(4) == 0)
			look();
		break;
	}
}

static void act(bool first)
{
	static unsigned step;
	uint64_t dice = below(1000);

	me->done++;
	if (dice < 860)
		send_note();
	else if (dice < 920)
		connect_owned();
	else if (dice < 940)
		connect_shared();
	else if (dice < 955)
		disconnect_shared(below(2));
	else if (dice < 970)
		actor_step(below(2));
	else if (dice < 978)
		mute_and_send();
	else if (dice < 984)
		own_signal();
	else if (dice < 990)
		send_later();
	else if (dice < 993)
		name_step();
	else if (dice < 995)
		(void)peal_has_receivers(&signals[below(SIGNALS)], &senders[below(SENDERS)]);
	else if (dice < 996)
		look();
	else if (dice < 997 && below(4) == 0)
		peal_trim();
	else if (first && dice < 998 && below(16) == 0)
		watch(step++);
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	me = worker;
	while (worker->done < worker->wanted)
		act(worker->name[0] == '0');
	for (unsigned i = 0; i < OWNED; i++)
		if (worker->owned[i]) {
			T_OK(peal_disconnect(worker->owned[i]->handle));
			listener_end(worker->owned[i], "the last disconnect");
		}
	for (unsigned i = 0; i < QUARANTINE; i++)
		free(worker->quarantine[i]);
	me = NULL;
	return NULL;
}

/* --------------------------------------------------------------------------------------------------- the tests */

static struct peal_handle staying[SIGNALS + 4];

static void stay_connected(void)
{
	struct peal_connection connection = {
		.size = sizeof(connection),
		.receiver = (peal_function *)stay,
		.site = "stress.c:1:stay",
		.args_size = sizeof(struct note_args),
	};
	unsigned count = 0;

	for (unsigned i = 0; i < SIGNALS; i++) {
		connection.ret_handle = &staying[count++];
		T_OK(peal_connect(&signals[i], &connection));
	}
	for (unsigned i = 2; i < SIGNALS; i++) {
		struct peal_connection last = connection;

		last.priority = -100;
		last.user = &senders; /* another identity */
		last.ret_handle = &staying[count++];
		T_OK(peal_connect(&signals[i], &last));
	}
	connection.receiver = (peal_function *)stay_later;
	connection.asynchronous = 1;
	for (unsigned i = 0; i < 2; i++) {
		connection.executor = i ? pool : NULL;
		connection.user = &senders[i];
		connection.ret_handle = &staying[count++];
		T_OK(peal_connect(&later, &connection));
	}
}

static void end_all(void)
{
	for (unsigned i = 0; i < PEAL_COUNTOF(staying); i++)
		T_OK(peal_disconnect(staying[i]));
	for (unsigned i = 0; i < SHARED; i++)
		if (shared[i])
			peal_disconnect_deferred(unpacked(shared[i]));
	for (unsigned i = 0; i < ACTORS; i++)
		if (actors[i]) {
			T_OK(peal_scope_end(&actors[i]->scope));
			actor_end(actors[i]);
		}
	for (unsigned i = 0; i < SENDERS; i++)
		peal_sender_forget(&senders[i]);
	for (unsigned i = 0; i < SIGNALS; i++)
		T_UINT(signals[i].listeners, 0);
	T_UINT(later.listeners, 0);
}

static void stress(unsigned threads)
{
	const char *wanted = getenv("PEAL_STRESS_OPS");
	uint64_t operations = wanted ? strtoull(wanted, NULL, 0) : OPS_DEFAULT;
	struct worker *workers = calloc(threads, sizeof(*workers));
	int64_t start = test_clock_ns();
	uint64_t done = 0;
	double seconds;

	T_OK(peal_pool_new(2, &pool));
	stay_connected();
	for (unsigned i = 0; i < threads; i++) {
		snprintf(workers[i].name, sizeof(workers[i].name), "%u", i);
		workers[i].random = test_random_init(i);
		workers[i].wanted = operations / threads;
		T_INT(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < threads; i++) {
		T_INT(pthread_join(workers[i].thread, NULL), 0);
		done += workers[i].done;
	}
	seconds = (double)(test_clock_ns() - start) / 1e9;
	peal_set_trace(NULL, NULL);
	(void)!peal_count_calls(false);
	peal_pool_free(pool);
	T_UINT(atomic_load(&asends_under_way), 0);
	end_all();
	free(workers);
	printf("%u threads: %llu operations, %.1f s, %.2f million a second\n", threads,
	       (unsigned long long)done, seconds, (double)done / seconds / 1e6);
}

TEST_TIMEOUT(two_threads, 200)
{
	stress(2);
}

TEST_TIMEOUT(four_threads, 200)
{
	stress(4);
}

TEST_TIMEOUT(eight_threads, 200)
{
	stress(8);
}

TEST_TIMEOUT(sixteen_threads, 200)
{
	stress(16);
}

/* As on a kernel that does not know membarrier(2), or where it is not allowed. */
static void forbid_membarrier(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { PEAL_COUNTOF(filter), filter };

	T_SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	T_SYS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

TEST_TIMEOUT(four_threads_without_membarrier, 200)
{
	forbid_membarrier();
	stress(4);
}

/*
 * One send and one waiting disconnect at the same moment, again and again. The sender does nothing afterwards: if it
 * did not see that somebody waits, nobody would wake him.
 */
static atomic_uint duel_round;
static atomic_uint duel_answer;
static atomic_bool duel_goes_on;

static void spin(unsigned turns)
{
	while (turns-- > 0)
		__asm__ volatile("" ::: "memory");
}

static int duel_hear(struct peal_call *call, const struct note_args *args)
{
	(void)args;
	spin(*(unsigned *)call->user);
	return 0;
}

static void await(const atomic_uint *number, unsigned wanted)
{
	for (unsigned turns = 0; atomic_load(number) != wanted; turns++)
		if (turns > 10000) /* there is one processor for both */
			sched_yield();
}

static void *duel_send(void *unused)
{
	struct note_args args = { .magic = ALIVE };

	(void)unused;
	for (unsigned i = 1;; i++) {
		await(&duel_round, i);
		if (!atomic_load(&duel_goes_on))
			return NULL;
		T_OK(peal_send(&signals[0], NULL, &args, sizeof(args)));
		atomic_store(&duel_answer, i);
	}
}

/* So many rounds, or as many as there are in three seconds. */
static void duel(unsigned rounds)
{
	unsigned turns;
	struct peal_handle handle;
	struct peal_connection connection = {
		.size = sizeof(connection),
		.receiver = (peal_function *)duel_hear,
		.user = &turns,
		.args_size = sizeof(struct note_args),
		.ret_handle = &handle,
	};
	struct test_random random = test_random_init(0);
	int64_t end = test_clock_ns() + 3000000000;
	pthread_t thread;
	unsigned i;

	atomic_store(&duel_goes_on, true);
	T_INT(pthread_create(&thread, NULL, duel_send, NULL), 0);
	for (i = 1; i <= rounds && test_clock_ns() < end; i++) {
		turns = (unsigned)test_random_below(&random, 512);
		T_OK(peal_connect(&signals[0], &connection));
		atomic_store(&duel_round, i);
		spin((unsigned)test_random_below(&random, 256));
		T_OK(peal_disconnect(handle));
		await(&duel_answer, i);
	}
	atomic_store(&duel_goes_on, false);
	atomic_store(&duel_round, i);
	T_INT(pthread_join(thread, NULL), 0);
	printf("%u rounds\n", i - 1);
}

TEST(duel)
{
	duel(OPS_DEFAULT / 10);
}

TEST(duel_without_membarrier)
{
	forbid_membarrier();
	duel(OPS_DEFAULT / 10);
}
