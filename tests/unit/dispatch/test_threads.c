/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Threads", "fork" and "Jumps": how threads come and go around sends. */
#include "contract.h"

#include <stdlib.h>
#include <sys/wait.h>

struct beat_args {
	int number;
};
PEAL_SIGNAL(beat);

static int sender_a;
static int calls;

static int count(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int wait_at_door(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	door_walk_through(call->user);
	return 0;
}

static void *send_beat(void *argument)
{
	T_OK(PEAL_SEND(beat, argument, .number = 1));
	return NULL;
}

/* ---- Records --------------------------------------------------------------------------------- */

TEST(the_record_of_a_thread_that_has_ended_is_used_again)
{
	size_t before;

	calls = 0;
	T_OK(PEAL_CONNECT(beat, count));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	before = test_counts().total_count;
	for (int i = 0; i < 100; i++) {
		struct helper helper;

		helper_start_unprepared(&helper, send_beat, NULL);
		helper_join(&helper);
	}
	T_UINT(test_counts().total_count, before); /* 100 are more than the reserve of 32 */
	T_INT(calls, 101);
	T_OK(PEAL_DISCONNECT(beat, count));
}

enum {
	MANY = 40
};

TEST(more_threads_than_the_reserve_send_at_once)
{
	static struct helper helpers[MANY];
	struct peal_handle handle;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .release = door_release,
			  .ret_handle = &handle));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < MANY; i++)
			helper_start(&helpers[i], send_beat, NULL);
		for (int i = 0; i < MANY; i++)
			gate_pass(&door.entered); /* all are inside: nothing serialises them */
		T_INT(door.inside, MANY);
		if (round == 1)
			T_CODE(peal_disconnect_deferred(handle), PEAL_RUNNING);
		for (int i = 0; i < MANY; i++)
			gate_open(&door.leave);
		for (int i = 0; i < MANY; i++)
			helper_join(&helpers[i]);
	}
	T_INT(released_count(&door), 1);
	T_INT(door.inside_at_release, 0);
	T_INT(door.calls, 2 * MANY);
}

static sem_t prepared;
static sem_t go_on;

static void *prepare_and_wait(void *argument)
{
	(void)argument;
	T_OK(peal_thread_prepare());
	T_OK(peal_thread_prepare());
	gate_open(&prepared);
	gate_pass(&go_on);
	return NULL;
}

#ifndef PEAL_FIXED_POOL
static void *send_without_memory(void *argument)
{
	struct peal_error error = { 0 };

	(void)argument;
	test_alloc_fail(1, true);
	T_CODE(peal_thread_prepare(), PEAL_ENOMEM);
	T_CODE(PEAL_SEND(beat, NULL, .number = 1), PEAL_ENOMEM);
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1), PEAL_ENOMEM);
	T_INT(error.code, PEAL_ENOMEM);
	T_CODE(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1), PEAL_ENOMEM);
	T_INT(calls, 0);
	test_alloc_fail(0, false);
	T_OK(peal_thread_prepare());
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_INT(calls, 1);
	return NULL;
}

TEST(the_first_send_of_a_thread_without_memory)
{
	static struct helper helpers[32];
	struct helper last;

	gate_init(&prepared);
	gate_init(&go_on);
	calls = 0;
	T_OK(PEAL_CONNECT(beat, count));
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		helper_start_unprepared(&helpers[i], prepare_and_wait, NULL);
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		gate_pass(&prepared);
	helper_start_unprepared(&last, send_without_memory, NULL);
	helper_join(&last);
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		gate_open(&go_on);
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		helper_join(&helpers[i]);
	T_OK(PEAL_DISCONNECT(beat, count));
}
#endif

static void *send_and_count_allocations(void *argument)
{
	size_t before;

	T_OK(peal_thread_prepare());
	before = test_counts().total_count;
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_UINT(test_counts().total_count, before);
	return argument;
}

TEST(after_prepare_the_first_send_allocates_nothing)
{
	static struct helper helpers[MANY];
	struct helper helper;

	gate_init(&prepared);
	gate_init(&go_on);
	T_OK(PEAL_CONNECT(beat, count));
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		helper_start_unprepared(&helpers[i], prepare_and_wait, NULL);
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		gate_pass(&prepared);
	helper_start_unprepared(&helper, send_and_count_allocations, NULL);
	helper_join(&helper);
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		gate_open(&go_on);
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		helper_join(&helpers[i]);
	T_OK(PEAL_DISCONNECT(beat, count));
}

/* ---- At the end of a thread ------------------------------------------------------------------ */

static pthread_key_t key_before; /* made before the library has made its own */
static pthread_key_t key_after;

static void send_at_exit(void *value)
{
	(void)value;
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
}

static void send_at_exit_twice(void *value)
{
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	if (*(int *)value)
		T_INT(pthread_setspecific(key_after, value), 0);
	*(int *)value = 0;
}

static void *send_and_exit(void *argument)
{
	T_INT(pthread_setspecific(key_before, argument), 0);
	T_INT(pthread_setspecific(key_after, argument), 0);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	return NULL;
}

TEST(a_destructor_at_the_end_of_a_thread_may_send)
{
	size_t before;

	T_INT(pthread_key_create(&key_before, send_at_exit), 0);
	calls = 0;
	T_OK(PEAL_CONNECT(beat, count));
	T_INT(pthread_key_create(&key_after, send_at_exit_twice), 0);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	before = test_counts().total_count;
	for (int i = 0; i < 100; i++) {
		struct helper helper;
		int again = 1;

		helper_start_unprepared(&helper, send_and_exit, &again);
		helper_join(&helper);
	}
	T_INT(calls, 1 + 5 * 100);
	T_UINT(test_counts().total_count, before); /* the records have come back */
	T_OK(PEAL_DISCONNECT(beat, count));        /* and nobody is believed to be in a send */
	T_INT(pthread_key_delete(key_before), 0);
	T_INT(pthread_key_delete(key_after), 0);
}

/* ---- Cancelling ------------------------------------------------------------------------------ */

/* Not in sem_wait(): the thread sanitizer loses sight of a thread that is cancelled there. */
static int wait_to_be_cancelled(struct peal_call *call, const struct beat_args *args)
{
	struct door *door = call->user;

	(void)args;
	gate_open(&door->entered);
	for (;;) {
		pthread_testcancel();
		sched_yield();
	}
	return 0;
}

static struct peal_results results_of_cancelled;

static void *send_collecting(void *argument)
{
	T_OK(PEAL_SEND_COLLECT(beat, argument, &results_of_cancelled, .number = 1));
	return NULL;
}

static int send_inside(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	return PEAL_SEND(beat, &sender_a, .number = args->number + 1);
}

static void cancel_inside(void *(*send)(void *), const void *sender)
{
	struct peal_handle handle;
	struct helper helper;
	struct door door;

	door_init(&door);
	calls = 0;
	T_OK(PEAL_CONNECT(beat, wait_to_be_cancelled, .user = &door, .release = door_release,
			  .ret_handle = &handle, .sender = sender));
	T_OK(PEAL_CONNECT(beat, count, .priority = 1));
	T_OK(PEAL_CONNECT(beat, count, .uid = "behind"));
	helper_start(&helper, send, USER(sender));
	gate_pass(&door.entered);
	T_INT(pthread_cancel(helper.thread), 0);
	T_PTR(helper_join(&helper), PTHREAD_CANCELED);
	/* Nobody waits for the one that was cancelled, sends go on, records are used again. */
	T_OK(peal_disconnect(handle));
	T_INT(released_count(&door), 1);
	calls = 0;
	helper_start(&helper, send_beat, NULL);
	helper_join(&helper);
	T_INT(calls, 2);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_INT(calls, 4);
	T_OK(PEAL_DISCONNECT(beat, count));
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "behind"));
	peal_results_fini(&results_of_cancelled);
}

TEST(cancelled_inside_a_receiver)
{
	cancel_inside(send_beat, NULL);
}

TEST(cancelled_inside_a_receiver_of_a_sender)
{
	cancel_inside(send_beat, &sender_a);
}

TEST(cancelled_inside_a_receiver_of_a_send_that_collects)
{
	cancel_inside(send_collecting, &sender_a);
}

TEST(cancelled_inside_nested_sends)
{
	struct peal_handle handle;
	struct helper helper;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_to_be_cancelled, .user = &door, .sender = &sender_a,
			  .release = door_release));
	T_OK(PEAL_CONNECT(beat, send_inside, .sender = &door, .ret_handle = &handle));
	helper_start(&helper, send_beat, &door);
	gate_pass(&door.entered);
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, wait_to_be_cancelled, .user = &door,
					.sender = &sender_a),
	       PEAL_RUNNING);
	T_INT(released_count(&door), 0);
	T_INT(pthread_cancel(helper.thread), 0);
	T_PTR(helper_join(&helper), PTHREAD_CANCELED);
	T_INT(released_count(&door), 1); /* its last call has been left */
	T_OK(peal_disconnect(handle));
	T_FALSE(peal_signal_is_heard(&beat));
}

TEST(a_disconnect_waits_for_the_one_that_is_cancelled)
{
	struct peal_handle handle;
	struct helper helper;
	struct door door;

	for (int i = 0; i < 10; i++) {
		door_init(&door);
		T_OK(PEAL_CONNECT(beat, wait_to_be_cancelled, .user = &door,
				  .ret_handle = &handle));
		helper_start(&helper, send_beat, NULL);
		gate_pass(&door.entered);
		T_INT(pthread_cancel(helper.thread), 0);
		T_OK(peal_disconnect(handle)); /* woken by the unwinding */
		helper_join(&helper);
	}
}

/* The copy of the arguments for a receiver that knows more of them must not be lost. */
TEST(cancelled_inside_a_receiver_that_knows_more_arguments)
{
	struct peal_connection connection;
	struct helper helper;
	struct door door;

	door_init(&door);
	connection = beat_connection(
		&(struct beat_receiver){ .receiver = wait_to_be_cancelled, .user = &door }, NULL);
	connection.args_size = 200;
	T_OK(peal_connect(&beat, &connection));
	helper_start(&helper, send_beat, NULL);
	gate_pass(&door.entered);
	T_INT(pthread_cancel(helper.thread), 0);
	T_PTR(helper_join(&helper), PTHREAD_CANCELED);
	T_OK(peal_disconnect_like(&beat, connection, true));
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void wait_for(pid_t child)
{
	int status;

	T_INT(waitpid(child, &status, 0), child);
	T_INT(status, 0);
}

TEST(the_child_of_a_fork_has_the_same_connections)
{
	struct peal_handle handle;
	pid_t child;

	calls = 0;
	T_OK(PEAL_CONNECT(beat, count, .ret_handle = &handle));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	child = (pid_t)T_SYS(fork());
	if (child == 0) {
		T_OK(PEAL_SEND(beat, NULL, .number = 1));
		T_INT(calls, 2);
		T_OK(peal_disconnect(handle));
		T_FALSE(peal_signal_is_heard(&beat));
		_exit(0);
	}
	wait_for(child);
	T_TRUE(peal_is_connected(handle)); /* the parent's are its own */
	T_OK(peal_disconnect(handle));
}

static int fork_inside(struct peal_call *call, const struct beat_args *args)
{
	pid_t *child = call->user;

	(void)args;
	*child = (pid_t)T_SYS(fork());
	if (*child == 0)
		T_CODE(peal_disconnect_deferred(peal_call_handle(call)), PEAL_RUNNING);
	return 0;
}

TEST(fork_in_a_receiver)
{
	pid_t child = -1;
	int before;

	calls = 0;
	T_OK(PEAL_CONNECT(beat, fork_inside, .user = &child));
	T_OK(PEAL_CONNECT(beat, count));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_INT(calls, 1); /* the rest of the send, in both */
	before = calls;
	if (child == 0) {
		struct helper helper;

		T_OK(PEAL_SEND(beat, NULL, .number = 1));
		helper_start(&helper, send_beat, NULL);
		helper_join(&helper);
		T_INT(calls, before + 2);
		T_OK(PEAL_DISCONNECT(beat, count));
		T_FALSE(peal_signal_is_heard(&beat));
		_exit(0);
	}
	wait_for(child);
	T_OK(PEAL_DISCONNECT(beat, fork_inside, .user = &child));
	T_OK(PEAL_DISCONNECT(beat, count));
}

TEST(the_child_does_not_wait_for_receivers_of_threads_that_it_does_not_have)
{
	struct peal_handle handle;
	struct helper helper;
	struct door door;
	pid_t child;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .release = door_release,
			  .ret_handle = &handle));
	helper_start(&helper, send_beat, NULL);
	gate_pass(&door.entered);
	child = (pid_t)T_SYS(fork());
	if (child == 0) {
		T_OK(peal_disconnect(handle));
		T_INT(released_count(&door), 1);
		_exit(0);
	}
	wait_for(child);
	T_INT(released_count(&door), 0);
	gate_open(&door.leave);
	helper_join(&helper);
	T_OK(peal_disconnect(handle));
	T_INT(released_count(&door), 1);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static int fail_when_told(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	return args->number;
}

static void *send_without_error(void *argument)
{
	for (int i = 0; i < 1000; i++)
		T_CODE(PEAL_SEND(beat, NULL, .number = 0), 0);
	return argument;
}

TEST(an_error_of_one_thread_is_not_seen_by_another)
{
	struct helper helper;

	T_OK(PEAL_CONNECT(beat, fail_when_told));
	helper_start(&helper, send_without_error, NULL);
	for (int i = 0; i < 1000; i++)
		T_CODE(PEAL_SEND(beat, NULL, .number = -5), -5);
	helper_join(&helper);
	T_OK(PEAL_DISCONNECT(beat, fail_when_told));
}

/* Receivers for other sizes of arguments and asynchronous ones come while a thread sends. */
static int look_at_all(struct peal_call *call, const void *args)
{
	const unsigned char *bytes = args;

	(void)call;
	for (size_t i = sizeof(struct beat_args); i < 64; i++)
		T_INT(bytes[i], 0);
	return 0;
}

static void later(struct peal_task *task, const struct beat_args *args)
{
	T_INT(args->number, 0);
	T_PTR(task->signal, &beat);
	peal_task_done(task, 0, NULL);
}

static bool ending;

static void *send_short_arguments(void *argument)
{
	union {
		struct beat_args args;
		unsigned char bytes[64];
	} sent;

	memset(&sent, 0xee, sizeof(sent));
	sent.args.number = 0;
	while (!__atomic_load_n(&ending, __ATOMIC_RELAXED))
		T_OK(peal_send(&beat, NULL, &sent, sizeof(sent.args)));
	return argument;
}

TEST(unusual_receivers_come_and_go_while_another_thread_sends)
{
	struct helper helper;
	struct peal_connection longer = {
		.size = sizeof(longer),
		.receiver = (peal_function *)look_at_all,
		.args_size = 64,
	};

	ending = false;
	calls = 0;
	T_OK(PEAL_CONNECT(beat, count));
	helper_start(&helper, send_short_arguments, NULL);
	while (__atomic_load_n(&calls, __ATOMIC_SEQ_CST) == 0)
		sched_yield();
	for (int i = 0; i < 3000; i++) {
		struct peal_handle handle;

		T_OK(peal_connect(&beat, &longer));
		T_OK(peal_disconnect_like(&beat, longer, true));
		T_OK(PEAL_CONNECT_ASYNC(beat, later, .ret_handle = &handle));
		T_OK(peal_disconnect(handle));
	}
	__atomic_store_n(&ending, true, __ATOMIC_RELAXED);
	helper_join(&helper);
	T_OK(PEAL_DISCONNECT(beat, count));
}
