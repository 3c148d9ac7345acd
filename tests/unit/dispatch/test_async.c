/* SPDX-License-Identifier: MIT */
/* peal/async.h: asynchronous receivers, the two executors, and what waits for what. */
#include "contract.h"

#include <poll.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/wait.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

struct other_args {
	int number;
};
PEAL_SIGNAL(other);

struct wide_args {
	int number;
	long double wide;
};
PEAL_SIGNAL(wide);

static int sender_a;
static struct peal_scope all;
static int released;

static void release(void *user)
{
	(void)user;
	__atomic_add_fetch(&released, 1, __ATOMIC_SEQ_CST);
}

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static int fail(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	note("!");
	return args->number;
}

/* Done when it returns. */
static void at_once(struct peal_task *task, const struct beat_args *args)
{
	(void)args;
	note(task->user);
	peal_task_done(task, 0, NULL);
}

static void fail_at_once(struct peal_task *task, const struct beat_args *args)
{
	note(task->user);
	peal_task_done(task, args->number, "it is late");
}

/* Kept, to be done later by the test. */
static struct peal_task *kept[8];
static int kept_count;

static void keep(struct peal_task *task, const struct beat_args *args)
{
	(void)args;
	note(task->user);
	__atomic_store_n(&kept[kept_count], task, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&kept_count, 1, __ATOMIC_SEQ_CST);
}

/* Waits at a door, then is done. */
static void wait_at_door(struct peal_task *task, const struct beat_args *args)
{
	(void)args;
	door_walk_through(task->user);
	peal_task_done(task, 0, NULL);
}

/* What done() was told. */
struct completion {
	sem_t gate;
	int calls;
	int code;
	size_t count;
	struct peal_result items[8];
	int error_code;
	pthread_t thread;
	char receivers[8][32];
};

static void completion_init(struct completion *completion)
{
	memset(completion, 0, sizeof(*completion));
	gate_init(&completion->gate);
}

static void complete(void *user, int code, const struct peal_results *results)
{
	struct completion *completion = user;

	completion->calls++;
	completion->code = code;
	completion->count = results->count;
	completion->error_code = results->error.code;
	completion->thread = pthread_self();
	for (size_t i = 0; i < results->count && i < PEAL_COUNTOF(completion->items); i++) {
		completion->items[i] = results->items[i];
		snprintf(completion->receivers[i], sizeof(completion->receivers[i]), "%s",
			 results->items[i].receiver);
	}
	gate_open(&completion->gate);
}

/* ---- An executor under the test's control ---------------------------------------------------- */

struct hand {
	struct peal_executor executor;
	struct peal_job *first;
	struct peal_job **last;
	int refuse;
	bool inside;
};

static int hand_submit(struct peal_executor *executor, struct peal_job *job)
{
	struct hand *hand = (struct hand *)executor;

	if (hand->refuse)
		return hand->refuse;
	job->next = NULL;
	*hand->last = job;
	hand->last = &job->next;
	return 0;
}

static bool hand_inside(struct peal_executor *executor)
{
	return ((struct hand *)executor)->inside;
}

static void hand_init(struct hand *hand)
{
	*hand = (struct hand){ .executor = { hand_submit, hand_inside } };
	hand->last = &hand->first;
}

/* Run one job; false when there is none. */
static bool hand_run(struct hand *hand)
{
	struct peal_job *job = hand->first;

	if (!job)
		return false;
	hand->first = job->next;
	if (!hand->first)
		hand->last = &hand->first;
	hand->inside = true;
	peal_job_run(job);
	hand->inside = false;
	return true;
}

/* ---- PEAL_SEND ------------------------------------------------------------------------------- */

TEST(first_the_synchronous_ones_then_the_asynchronous_ones_each_in_order)
{
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("B"), .scope = &all,
				.sender = &sender_a));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .scope = &all, .sender = &sender_a));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("0"), .scope = &all, .priority = 1));
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_JOURNAL("ab0AB");
	T_OK(PEAL_SEND_ROBUST(beat, &sender_a, NULL, .number = 1));
	T_JOURNAL("ab0AB");
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("a0A");
	T_OK(peal_scope_end(&all));
}

static void *send_beat(void *argument)
{
	T_OK(PEAL_SEND(beat, argument, .number = 1));
	return NULL;
}

TEST(a_send_waits_for_all_asynchronous_receivers)
{
	struct helper sender;

	kept_count = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("A"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("B"), .scope = &all));
	helper_start(&sender, send_beat, NULL);
	while (__atomic_load_n(&kept_count, __ATOMIC_SEQ_CST) < 2)
		sched_yield();
	peal_task_done(kept[1], 0, NULL);
	wait_until_blocked(&sender);
	T_FALSE(helper_returned(&sender));
	peal_task_done(kept[0], 0, NULL);
	helper_join(&sender);
	T_JOURNAL("AB");
	T_OK(peal_scope_end(&all));
}

TEST(when_a_synchronous_one_fails_no_asynchronous_one_is_started)
{
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, fail, .scope = &all));
	T_CODE(PEAL_SEND(beat, NULL, .number = -5), -5);
	T_JOURNAL("!");
	peal_set_log(NULL, NULL);
	T_OK(PEAL_SEND_ROBUST(beat, NULL, NULL, .number = -5));
	T_JOURNAL("!A"); /* robust: it is */
	T_OK(peal_scope_end(&all));
}

TEST(an_asynchronous_one_that_fails_does_not_keep_the_others_from_running)
{
	struct peal_results results = { 0 };
	struct peal_error error = { 0 };

	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, fail_at_once, .user = USER("F"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("B"), .scope = &all));
	T_CODE(PEAL_SEND(beat, NULL, .number = PEAL_EBUSY), PEAL_EBUSY);
	T_JOURNAL("AFB");
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = PEAL_EBUSY), PEAL_EBUSY);
	T_JOURNAL("AFB");
	T_INT(error.code, PEAL_EBUSY);
	T_STR(error.message, "it is late");
	T_STR(error.receiver, "fail_at_once");
	T_CODE(PEAL_SEND_COLLECT(beat, NULL, &results, .number = PEAL_EBUSY), PEAL_EBUSY);
	T_JOURNAL("AFB");
	T_UINT(results.count, 3);
	T_INT(results.items[0].code, 0);
	T_INT(results.items[1].code, PEAL_EBUSY);
	T_STR(results.items[1].message, "it is late");
	T_STR(results.items[1].receiver, "fail_at_once");
	T_INT(results.items[2].code, 0);
	T_INT(results.error.code, PEAL_EBUSY);
	T_STR(results.error.receiver, "fail_at_once");
	peal_results_fini(&results);
	T_OK(peal_scope_end(&all));
}

static char logged[512];

static void keep_log(void *user, enum peal_log_level level, const char *domain, const char *message)
{
	(void)user;
	(void)domain;
	T_INT(level, PEAL_LOG_ERROR);
	snprintf(logged, sizeof(logged), "%s", message);
}

TEST(robust_logs_the_error_of_an_asynchronous_one)
{
	struct peal_results results = { 0 };

	peal_set_log(keep_log, NULL);
	T_OK(PEAL_CONNECT_ASYNC(beat, fail_at_once, .user = USER("F"), .scope = &all));
	T_OK(PEAL_SEND_ROBUST(beat, NULL, &results, .number = -9));
	T_INT(results.items[0].code, -9);
	T_INT(results.error.code, -9);
	T_HAS(logged, "fail_at_once");
	T_HAS(logged, "it is late");
	peal_results_fini(&results);
	T_OK(peal_scope_end(&all));
	peal_set_log(NULL, NULL);
}

static void done_with_a_long_message(struct peal_task *task, const struct beat_args *args)
{
	char message[300];

	(void)args;
	memset(message, 'm', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	peal_task_done(task, -9, message);
}

static void done_without_message(struct peal_task *task, const struct beat_args *args)
{
	(void)args;
	peal_task_done(task, PEAL_EBUSY, NULL);
}

TEST(the_message_of_a_task_is_copied_and_cut)
{
	struct peal_error error = { 0 };

	T_OK(PEAL_CONNECT_ASYNC(beat, done_with_a_long_message, .scope = &all));
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1), -9);
	T_UINT(strlen(error.message), 119);
	T_UINT(strspn(error.message, "m"), 119);
	T_OK(peal_scope_end(&all));
	T_OK(PEAL_CONNECT_ASYNC(beat, done_without_message, .scope = &all));
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1), PEAL_EBUSY);
	T_STR(error.message, peal_strerror(PEAL_EBUSY));
	T_OK(peal_scope_end(&all));
}

static struct peal_task seen_task;
static struct beat_args seen_args;

static void look(struct peal_task *task, const struct beat_args *args)
{
	seen_task = *task;
	seen_args = *args;
	peal_task_done(task, 0, NULL);
}

TEST(what_a_task_is_told)
{
	int user;

	T_OK(PEAL_CONNECT_ASYNC(beat, look, .user = &user, .scope = &all));
	T_OK(PEAL_SEND(beat, &sender_a, .number = 3, .text = "x"));
	T_PTR(seen_task.signal, &beat);
	T_PTR(seen_task.sender, &sender_a);
	T_PTR(seen_task.user, &user);
	T_INT(seen_args.number, 3);
	T_STR(seen_args.text, "x");
	T_OK(peal_scope_end(&all));
}

static const struct beat_args *args_of_task;

static void keep_with_args(struct peal_task *task, const struct beat_args *args)
{
	kept[0] = task;
	args_of_task = args;
}

TEST(the_arguments_are_copied_for_the_tasks)
{
	struct beat_args args = { .number = 3, .text = "x" };

	T_OK(PEAL_CONNECT_ASYNC(beat, keep_with_args, .scope = &all));
	T_OK(peal_asend(&beat, NULL, &args, sizeof(args), PEAL_SEND_STOP, NULL, NULL));
	memset(&args, 0xee, sizeof(args));
	T_INT(args_of_task->number, 3);
	T_STR(args_of_task->text, "x");
	peal_task_done(kept[0], 0, NULL);
	T_OK(peal_scope_end(&all));
}

static void look_at_wide(struct peal_task *task, const struct wide_args *args)
{
	T_UINT((uintptr_t)args % alignof(struct wide_args), 0);
	T_TRUE(args->wide == 2.5L);
	peal_task_done(task, 0, NULL);
}

TEST(the_copy_of_the_arguments_is_aligned_for_any_type)
{
	T_OK(PEAL_CONNECT_ASYNC(wide, look_at_wide, .scope = &all));
	T_OK(PEAL_SEND(wide, NULL, .wide = 2.5L));
	T_OK(peal_scope_end(&all));
}

static void look_longer(struct peal_task *task, const void *args)
{
	const struct {
		struct beat_args beat;
		char more[40];
	} *longer = args;

	T_INT(longer->beat.number, 3);
	for (size_t i = 0; i < sizeof(longer->more); i++)
		T_INT(longer->more[i], 0);
	peal_task_done(task, 0, NULL);
}

TEST(an_older_sender_and_a_newer_asynchronous_receiver)
{
	struct peal_connection connection = {
		.size = sizeof(connection),
		.receiver = (peal_function *)look_longer,
		.args_size = sizeof(struct beat_args) + 40,
		.asynchronous = 1,
		.scope = &all,
	};

	T_OK(peal_connect(&beat, &connection));
	T_OK(PEAL_SEND(beat, NULL, .number = 3));
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 3));
	T_OK(peal_scope_end(&all));
}

static void respond(struct peal_task *task, const struct beat_args *args)
{
	char text[] = "borrowed";

	(void)args;
	T_OK(peal_task_respond(task, PEAL_INT(1)));
	T_OK(peal_task_respond(task, PEAL_TEXT(text)));
	memset(text, 'x', sizeof(text));
	peal_task_done(task, 0, NULL);
}

static int respond_now(struct peal_call *call, const struct beat_args *args)
{
	return peal_call_respond(call, PEAL_INT(args->number));
}

TEST(responses_of_tasks_come_behind_the_synchronous_ones)
{
	struct peal_results results = { 0 };

	T_OK(PEAL_CONNECT_ASYNC(beat, respond, .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER(""), .scope = &all));
	T_OK(PEAL_CONNECT(beat, respond_now, .scope = &all));
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 8));
	T_UINT(results.count, 3);
	T_TRUE(peal_value_equal(results.items[0].response, PEAL_INT(8)));
	T_TRUE(peal_value_equal(results.items[1].response, PEAL_TEXT("borrowed")));
	T_STR(results.items[1].receiver, "respond");
	T_TRUE(peal_value_equal(results.items[2].response, PEAL_NULL));
	peal_results_fini(&results);
	T_OK(peal_scope_end(&all));
}

/* ---- PEAL_ASEND ------------------------------------------------------------------------------ */

TEST(an_asend_returns_at_once_and_done_is_called_when_all_are_done)
{
	struct completion completion;

	completion_init(&completion);
	kept_count = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("A"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("B"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, respond_now, .scope = &all));
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1));
	T_JOURNAL("AB");
	T_INT(completion.calls, 0);
	peal_task_done(kept[1], 0, NULL);
	T_INT(completion.calls, 0);
	peal_task_done(kept[0], 0, NULL);
	T_INT(completion.calls, 1);
	T_INT(completion.code, 0);
	T_UINT(completion.count, 3);
	T_STR(completion.receivers[0], "respond_now"); /* then the others in their order */
	T_STR(completion.receivers[1], "keep");
	T_TRUE(pthread_equal(completion.thread, pthread_self()));
	T_OK(peal_scope_end(&all));
}

TEST(done_may_be_called_before_the_asend_returns)
{
	struct completion completion;

	completion_init(&completion);
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1)); /* nobody hears */
	T_INT(completion.calls, 1);
	T_INT(completion.code, 0);
	T_UINT(completion.count, 0);
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all));
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1));
	T_INT(completion.calls, 2);
	T_UINT(completion.count, 2);
	journal_clear();
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1)); /* done may be NULL */
	T_TRUE(strlen(journal) == 2);
	T_OK(peal_scope_end(&all));
	T_INT(completion.calls, 2);
}

TEST(synchronous_receivers_behind_one_that_failed_are_not_called_asynchronous_ones_finish)
{
	struct completion completion;

	completion_init(&completion);
	kept_count = 0;
	T_OK(PEAL_CONNECT(beat, fail, .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("A"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .scope = &all));
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = -5));
	T_INT(kept_count, 1);
	T_INT(completion.calls, 0);
	peal_task_done(kept[0], PEAL_EBUSY, NULL);
	T_INT(completion.calls, 1);
	T_INT(completion.code, -5); /* the first in the order of the results */
	T_INT(completion.error_code, -5);
	T_UINT(completion.count, 2);
	T_STR(completion.receivers[0], "fail");
	T_STR(completion.receivers[1], "keep");
	T_INT(completion.items[1].code, PEAL_EBUSY);
	T_TRUE(strchr(journal, 'b') == NULL);
	journal_clear();
	/* And when no asynchronous one failed. */
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = -6));
	peal_task_done(kept[1], 0, NULL);
	T_INT(completion.calls, 2);
	T_INT(completion.code, -6);
	journal_clear();
	T_OK(peal_scope_end(&all));
}

TEST(an_error_of_a_task_reaches_done)
{
	struct completion completion;

	completion_init(&completion);
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, fail_at_once, .user = USER("F"), .scope = &all));
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = PEAL_EBUSY));
	T_INT(completion.calls, 1);
	T_INT(completion.code, PEAL_EBUSY);
	T_INT(completion.items[1].code, PEAL_EBUSY);
	T_OK(peal_scope_end(&all));
}

TEST(a_robust_asend_calls_all_and_ends_well)
{
	struct completion completion;

	peal_set_log(NULL, NULL);
	completion_init(&completion);
	T_OK(PEAL_CONNECT(beat, fail, .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, fail_at_once, .user = USER("F"), .scope = &all));
	T_OK(PEAL_ASEND_ROBUST(beat, NULL, complete, &completion, .number = -5));
	T_INT(completion.calls, 1);
	T_INT(completion.code, 0);
	T_UINT(completion.count, 3);
	T_INT(completion.items[0].code, -5);
	T_INT(completion.items[1].code, 0);
	T_INT(completion.items[2].code, -5);
	T_INT(completion.error_code, -5);
	T_OK(peal_scope_end(&all));
}

static void *finish_kept(void *argument)
{
	(void)argument;
	peal_task_done(kept[0], 0, NULL);
	return NULL;
}

TEST(done_is_called_in_the_thread_in_which_the_last_one_finished)
{
	struct completion completion;
	struct helper helper;

	completion_init(&completion);
	kept_count = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("A"), .scope = &all));
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1));
	helper_start(&helper, finish_kept, NULL);
	helper_join(&helper);
	T_INT(completion.calls, 1);
	T_TRUE(pthread_equal(completion.thread, helper.thread));
	T_OK(peal_scope_end(&all));
}

static void done_and_send(void *user, int code, const struct peal_results *results)
{
	(void)code;
	(void)results;
	T_OK(peal_scope_end(&all)); /* no lock, no send around */
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	++*(int *)user;
}

TEST(done_may_send_and_disconnect)
{
	int calls = 0;

	kept_count = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("A"), .scope = &all));
	T_OK(PEAL_ASEND(beat, NULL, done_and_send, &calls, .number = 1));
	peal_task_done(kept[0], 0, NULL);
	T_INT(calls, 1);
}

TEST(asend_out_of_memory)
{
	T_OK(PEAL_CONNECT(beat, respond_now, .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, respond, .scope = &all, .uid = "2"));
	T_OK(peal_scope_end(&all));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all));
	T_ALLOC_LOOP(run) {
		struct completion completion;
		int code;

		completion_init(&completion);
		code = PEAL_ASEND(beat, NULL, complete, &completion, .number = 1);
		if (code) {
			T_CODE(code, PEAL_ENOMEM);
			T_INT(completion.calls, 0); /* nothing has been called and never will be */
			T_JOURNAL("");
		} else {
			T_INT(completion.calls, 1);
			if (!test_alloc_failed())
				T_INT(completion.code, 0);
		}
		journal_clear();
	}
	T_OK(peal_scope_end(&all));
}

TEST(send_out_of_memory)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &all));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all));
	T_ALLOC_LOOP(run) {
		int code = PEAL_SEND(beat, NULL, .number = 1);

		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_JOURNAL(code ? "a" : "aA");
	}
	T_OK(peal_scope_end(&all));
}

/* ---- Executors ------------------------------------------------------------------------------- */

TEST(an_executor_decides_where_a_receiver_is_started)
{
	struct completion completion;
	struct hand hand;

	hand_init(&hand);
	completion_init(&completion);
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all,
				.executor = &hand.executor));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("B"), .scope = &all,
				.executor = &hand.executor));
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1));
	T_JOURNAL("");
	T_TRUE(hand_run(&hand));
	T_JOURNAL("A");
	T_INT(completion.calls, 0);
	T_TRUE(hand_run(&hand));
	T_JOURNAL("B");
	T_INT(completion.calls, 1);
	T_FALSE(hand_run(&hand));
	T_OK(peal_scope_end(&all));
}

TEST(an_executor_that_refuses_is_the_error_of_the_receiver)
{
	struct completion completion;
	struct hand hand;

	hand_init(&hand);
	hand.refuse = PEAL_ELIMIT;
	completion_init(&completion);
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all,
				.executor = &hand.executor));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("B"), .scope = &all));
	T_CODE(PEAL_SEND(beat, NULL, .number = 1), PEAL_ELIMIT);
	T_JOURNAL("B");
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1));
	T_JOURNAL("B");
	T_INT(completion.code, PEAL_ELIMIT);
	T_INT(completion.items[0].code, PEAL_ELIMIT);
	T_OK(peal_scope_end(&all));
}

TEST(inside_an_executor_a_send_does_not_wait)
{
	struct peal_error error = { 0 };
	struct hand hand;

	hand_init(&hand);
	hand.inside = true;
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all,
				.executor = &hand.executor));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("B"), .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &all));
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1), PEAL_EDEADLK);
	T_JOURNAL("a"); /* the synchronous ones, and none of the others */
	T_INT(error.code, PEAL_EDEADLK);
	T_HAS(error.message, "PEAL_ASEND");
	T_TRUE(hand.first == NULL);
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1)); /* that is the way */
	T_TRUE(hand_run(&hand));
	journal_clear();
	T_OK(peal_scope_end(&all));
}

/* ---- Disconnecting --------------------------------------------------------------------------- */

TEST(disconnecting_cancels_what_is_queued)
{
	struct completion completion;
	struct hand hand;

	hand_init(&hand);
	completion_init(&completion);
	released = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .executor = &hand.executor,
				.release = release, .scope = &all));
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1));
	T_OK(peal_scope_end(&all)); /* does not wait for the queue */
	T_INT(released, 1);
	T_INT(completion.calls, 0);
	T_TRUE(hand_run(&hand));
	T_JOURNAL("");
	T_INT(completion.calls, 1);
	T_OK(completion.code);
	T_INT(completion.count, 0); /* not called, as any that is disconnected before its turn */
}

static void *end_all(void *argument)
{
	(void)argument;
	T_OK(peal_scope_end(&all));
	return NULL;
}

static void *disconnect_handle(void *argument)
{
	T_OK(peal_disconnect(*(struct peal_handle *)argument));
	return NULL;
}

TEST(disconnecting_waits_for_a_task_that_has_begun)
{
	struct peal_handle handle;
	struct helper disconnecter;

	kept_count = 0;
	released = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("A"), .release = release,
				.ret_handle = &handle));
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1));
	helper_start(&disconnecter, disconnect_handle, &handle);
	wait_until_blocked(&disconnecter);
	T_FALSE(helper_returned(&disconnecter));
	T_INT(__atomic_load_n(&released, __ATOMIC_SEQ_CST), 0);
	peal_task_done(kept[0], 0, NULL);
	helper_join(&disconnecter);
	T_INT(released, 1);
	journal_clear();
}

TEST(ending_a_scope_waits_for_a_task_that_has_begun)
{
	struct helper ender;

	kept_count = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("A"), .scope = &all));
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1));
	helper_start(&ender, end_all, NULL);
	wait_until_blocked(&ender);
	T_FALSE(helper_returned(&ender));
	peal_task_done(kept[0], 0, NULL);
	helper_join(&ender);
	journal_clear();
}

TEST(the_deferred_form_releases_after_the_task)
{
	struct peal_handle handle;

	kept_count = 0;
	released = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("A"), .release = release,
				.ret_handle = &handle));
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1));
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1));
	T_CODE(peal_disconnect_deferred(handle), PEAL_RUNNING);
	peal_task_done(kept[0], 0, NULL);
	T_INT(released, 0);
	peal_trim();
	peal_task_done(kept[1], 0, NULL);
	T_INT(released, 1);
	journal_clear();
}

static void disconnect_inside(struct peal_task *task, const struct beat_args *args)
{
	struct peal_handle *handle = task->user;

	(void)args;
	T_CODE(peal_disconnect(*handle), PEAL_EDEADLK);
	T_CODE(peal_scope_end(&all), PEAL_EDEADLK);
	T_TRUE(peal_is_connected(*handle));
	T_CODE(peal_disconnect_deferred(*handle), PEAL_RUNNING);
	T_INT(released, 0);
	peal_task_done(task, 0, NULL);
}

TEST(the_waiting_forms_inside_an_asynchronous_receiver_are_refused)
{
	struct peal_executor *pool;
	struct peal_handle handle;

	T_OK(peal_pool_new(1, &pool));
	for (int i = 0; i < 2; i++) {
		released = 0;
		T_OK(PEAL_CONNECT_ASYNC(beat, disconnect_inside, .user = &handle, .scope = &all,
					.release = release, .ret_handle = &handle,
					.executor = i ? pool : NULL));
		T_OK(PEAL_SEND(beat, NULL, .number = 1));
		T_OK(peal_scope_end(&all));
		while (__atomic_load_n(&released, __ATOMIC_SEQ_CST) == 0)
			sched_yield(); /* the release is in the thread of the pool */
		T_INT(released, 1);
	}
	peal_pool_free(pool);
}

/* The task has begun in this thread's loop: nobody would finish it while this thread waits. */
TEST(waiting_for_a_task_of_this_threads_own_executor_is_refused)
{
	struct peal_handle handle;
	struct hand hand;

	hand_init(&hand);
	kept_count = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, keep, .user = USER("A"), .scope = &all,
				.executor = &hand.executor, .ret_handle = &handle));
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1));
	T_TRUE(hand_run(&hand));
	hand.inside = true;
	T_CODE(peal_disconnect(handle), PEAL_EDEADLK);
	T_CODE(peal_scope_end(&all), PEAL_EDEADLK);
	T_CODE(peal_disconnect_module((const void *)(uintptr_t)keep, NULL), PEAL_EDEADLK);
	T_TRUE(peal_is_connected(handle));
	T_UINT(peal_scope_size(&all), 1);
	peal_task_done(kept[0], 0, NULL);
	T_OK(peal_disconnect(handle));
	journal_clear();
}

/* ---- The pool -------------------------------------------------------------------------------- */

TEST(what_a_pool_refuses)
{
	struct peal_executor *pool;

	T_CODE(peal_pool_new(0, &pool), PEAL_EINVAL);
	T_CODE(peal_pool_new(65, &pool), PEAL_EINVAL);
	T_OK(peal_pool_new(64, &pool));
	peal_pool_free(pool);
	peal_pool_free(NULL);
	T_ALLOC_LOOP(run) {
		struct peal_executor *made = NULL;
		int code = peal_pool_new(1, &made);

		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_TRUE((made == NULL) == (code != 0));
		peal_pool_free(made);
	}
}

static pthread_t started_in;

static void look_at_thread(struct peal_task *task, const struct beat_args *args)
{
	(void)args;
	started_in = pthread_self();
	peal_task_done(task, 0, NULL);
}

TEST(a_pool_starts_receivers_in_its_threads)
{
	struct peal_executor *pool;

	T_OK(peal_pool_new(2, &pool));
	T_OK(PEAL_CONNECT_ASYNC(beat, look_at_thread, .scope = &all, .executor = pool));
	started_in = pthread_self();
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_FALSE(pthread_equal(started_in, pthread_self()));
	T_OK(peal_scope_end(&all));
	T_OK(PEAL_CONNECT_ASYNC(beat, look_at_thread, .scope = &all)); /* without one: here */
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_TRUE(pthread_equal(started_in, pthread_self()));
	T_OK(peal_scope_end(&all));
	peal_pool_free(pool);
}

static void note_number(struct peal_task *task, const struct beat_args *args)
{
	note(args->text);
	peal_task_done(task, 0, NULL);
}

TEST(a_pool_of_one_runs_jobs_in_the_order_of_submitting)
{
	static const char *const texts[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
	struct peal_executor *pool;

	T_OK(peal_pool_new(1, &pool));
	T_OK(PEAL_CONNECT_ASYNC(beat, note_number, .scope = &all, .executor = pool));
	for (size_t i = 0; i < PEAL_COUNTOF(texts); i++)
		T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .text = texts[i]));
	peal_pool_free(pool); /* waits until all submitted jobs have run */
	T_JOURNAL("0123456789");
	T_OK(peal_scope_end(&all));
}

TEST(the_receivers_of_a_pool_run_side_by_side)
{
	struct completion completion;
	struct peal_executor *pool;
	struct door doors[3];

	completion_init(&completion);
	T_OK(peal_pool_new(3, &pool));
	for (int i = 0; i < 3; i++) {
		door_init(&doors[i]);
		T_OK(PEAL_CONNECT_ASYNC(beat, wait_at_door, .user = &doors[i], .scope = &all,
					.executor = pool));
	}
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1));
	for (int i = 0; i < 3; i++)
		gate_pass(&doors[i].entered); /* all are in before any is let out */
	for (int i = 2; i >= 0; i--)
		gate_open(&doors[i].leave);
	gate_pass(&completion.gate);
	T_INT(completion.calls, 1);
	T_UINT(completion.count, 3);
	T_OK(peal_scope_end(&all));
	peal_pool_free(pool);
}

static int sent_inside;

static void send_from_inside(struct peal_task *task, const struct beat_args *args)
{
	(void)args;
	sent_inside = PEAL_SEND(other, NULL, .number = 1);
	peal_task_done(task, 0, NULL);
}

static void other_at_once(struct peal_task *task, const struct other_args *args)
{
	(void)args;
	peal_task_done(task, 0, NULL);
}

TEST(a_send_inside_a_pool_to_the_same_pool_is_refused)
{
	struct peal_executor *pool;
	struct peal_executor *second;

	T_OK(peal_pool_new(1, &pool));
	T_OK(peal_pool_new(1, &second));
	T_OK(PEAL_CONNECT_ASYNC(beat, send_from_inside, .scope = &all, .executor = pool));
	T_OK(PEAL_CONNECT_ASYNC(other, other_at_once, .scope = &all, .executor = pool));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_CODE(sent_inside, PEAL_EDEADLK);
	T_OK(peal_scope_end(&all));
	T_OK(PEAL_CONNECT_ASYNC(beat, send_from_inside, .scope = &all, .executor = pool));
	T_OK(PEAL_CONNECT_ASYNC(other, other_at_once, .scope = &all, .executor = second));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_CODE(sent_inside, 0); /* to another one it may wait */
	T_OK(peal_scope_end(&all));
	peal_pool_free(pool);
	peal_pool_free(second);
}

TEST(after_a_fork_a_pool_refuses)
{
	struct peal_executor *pool;
	int status;
	pid_t child;

	T_OK(peal_pool_new(1, &pool));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all, .executor = pool));
	child = (pid_t)T_SYS(fork());
	if (child == 0) {
		T_CODE(PEAL_SEND(beat, NULL, .number = 1), PEAL_EFORK);
		T_OK(peal_scope_end(&all));
		peal_pool_free(pool);
		_exit(0);
	}
	T_INT(waitpid(child, &status, 0), child);
	T_INT(status, 0);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_JOURNAL("A");
	T_OK(peal_scope_end(&all));
	peal_pool_free(pool);
}

/* ---- The loop -------------------------------------------------------------------------------- */

static bool readable(struct peal_executor *loop)
{
	struct pollfd poll_fd = { .fd = peal_loop_fd(loop), .events = POLLIN };
	int count = poll(&poll_fd, 1, 0);

	T_TRUE(count >= 0);
	return count == 1 && (poll_fd.revents & POLLIN);
}

TEST(a_loop_is_readable_while_there_are_jobs)
{
	struct completion completion;
	struct peal_executor *loop;

	completion_init(&completion);
	T_OK(peal_loop_new(&loop));
	T_FALSE(readable(loop));
	T_UINT(peal_loop_dispatch(loop, 0), 0);
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all, .executor = loop));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("B"), .scope = &all, .executor = loop));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("C"), .scope = &all, .executor = loop));
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1));
	T_JOURNAL("");
	T_TRUE(readable(loop));
	T_UINT(peal_loop_dispatch(loop, 1), 1);
	T_JOURNAL("A");
	T_TRUE(readable(loop)); /* level-triggered */
	T_TRUE(readable(loop));
	T_UINT(peal_loop_dispatch(loop, 0), 2);
	T_JOURNAL("BC");
	T_FALSE(readable(loop));
	T_INT(completion.calls, 1);
	T_TRUE(pthread_equal(completion.thread, pthread_self()));
	T_OK(PEAL_ASEND(beat, NULL, complete, &completion, .number = 1));
	T_TRUE(readable(loop));
	T_UINT(peal_loop_dispatch(loop, 100), 3);
	T_FALSE(readable(loop));
	journal_clear();
	T_OK(peal_scope_end(&all));
	peal_loop_free(loop);
	peal_loop_free(NULL);
}

static void asend_again(struct peal_task *task, const struct beat_args *args)
{
	note("x");
	if (args->number > 0)
		T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = args->number - 1));
	peal_task_done(task, 0, NULL);
}

TEST(all_that_are_there_now_are_not_those_that_come_meanwhile)
{
	struct peal_executor *loop;

	T_OK(peal_loop_new(&loop));
	T_OK(PEAL_CONNECT_ASYNC(beat, asend_again, .scope = &all, .executor = loop));
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 2));
	T_UINT(peal_loop_dispatch(loop, 0), 1);
	T_TRUE(readable(loop));
	T_UINT(peal_loop_dispatch(loop, 0), 1);
	T_JOURNAL("xx");
	peal_loop_free(loop); /* runs what is queued */
	T_JOURNAL("x");
	T_OK(peal_scope_end(&all));
}

TEST(a_send_in_the_thread_of_the_loop_is_refused)
{
	struct peal_executor *loop;

	T_OK(peal_loop_new(&loop));
	T_OK(PEAL_CONNECT_ASYNC(beat, at_once, .user = USER("A"), .scope = &all, .executor = loop));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .scope = &all));
	T_CODE(PEAL_SEND(beat, NULL, .number = 1), PEAL_EDEADLK);
	T_JOURNAL("a");
	T_FALSE(readable(loop));
	T_OK(peal_scope_end(&all));
	peal_loop_free(loop);
}

TEST(a_send_in_another_thread_waits_for_the_loop)
{
	struct peal_executor *loop;
	struct pollfd poll_fd;
	struct helper sender;

	T_OK(peal_loop_new(&loop));
	T_OK(PEAL_CONNECT_ASYNC(beat, look_at_thread, .scope = &all, .executor = loop));
	helper_start(&sender, send_beat, NULL);
	poll_fd = (struct pollfd){ .fd = peal_loop_fd(loop), .events = POLLIN };
	T_INT(poll(&poll_fd, 1, -1), 1);
	T_FALSE(helper_returned(&sender));
	T_UINT(peal_loop_dispatch(loop, 0), 1);
	helper_join(&sender);
	T_TRUE(pthread_equal(started_in, pthread_self()));
	T_OK(peal_scope_end(&all));
	peal_loop_free(loop);
}

TEST(a_loop_out_of_memory)
{
	T_ALLOC_LOOP(run) {
		struct peal_executor *loop = NULL;
		int code = peal_loop_new(&loop);

		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_TRUE((loop == NULL) == (code != 0));
		peal_loop_free(loop);
	}
}
