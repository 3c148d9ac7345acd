/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Sending", "Errors", "Arguments", "Cost" and "errno". */
#include "contract.h"

#include <stdlib.h>

struct beat_args {
	int number;
	const char *text;
	double real;
};
PEAL_SIGNAL(beat);

struct other_args {
	int number;
};
PEAL_SIGNAL(other);

struct lights_out_args {
	PEAL_NO_ARGS;
};
PEAL_SIGNAL(lights_out);

static int sender_a;

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

/* ---- What a receiver gets -------------------------------------------------------------------- */

static struct peal_call seen_call;
static struct beat_args seen_args;
static const struct beat_args *seen_pointer;

static int look(struct peal_call *call, const struct beat_args *args)
{
	seen_call = *call;
	seen_args = *args;
	seen_pointer = args;
	return 0;
}

TEST(what_a_receiver_is_told)
{
	int user;
	struct peal_error error = { 0 };

	T_OK(PEAL_CONNECT(beat, look, .user = &user));
	T_OK(PEAL_SEND(beat, &sender_a, .number = 7, .text = "x", .real = 1.5));
	T_PTR(seen_call.signal, &beat);
	T_PTR(seen_call.sender, &sender_a);
	T_PTR(seen_call.user, &user);
	T_PTR(seen_call.error, NULL); /* nobody asked for the details */
	T_INT(seen_args.number, 7);
	T_STR(seen_args.text, "x");
	T_DOUBLE(seen_args.real, 1.5);
	T_OK(PEAL_SEND_ERROR(beat, &sender_a, &error, .number = 8));
	T_TRUE(seen_call.error != NULL);
	T_PTR(seen_call.user, &user);
	T_PTR(seen_call.sender, &sender_a);
	T_OK(PEAL_SEND(beat, NULL, .number = 7));
	T_PTR(seen_call.sender, NULL);
	T_PTR(seen_call.error, NULL);
	T_OK(PEAL_DISCONNECT(beat, look, .user = &user));
}

TEST(an_argument_left_out_is_zero)
{
	T_OK(PEAL_CONNECT(beat, look));
	T_OK(PEAL_SEND(beat, NULL, .text = "x"));
	T_INT(seen_args.number, 0);
	T_DOUBLE(seen_args.real, 0);
	T_STR(seen_args.text, "x");
	T_OK(PEAL_DISCONNECT(beat, look));
}

TEST(the_arguments_are_not_copied_for_synchronous_receivers)
{
	struct beat_args args = { .number = 4 };

	T_OK(PEAL_CONNECT(beat, look));
	T_OK(peal_send(&beat, NULL, &args, sizeof(args)));
	T_PTR(seen_pointer, &args);
	T_OK(PEAL_DISCONNECT(beat, look));
}

static int lights;

static int hear_lights_out(struct peal_call *call, const struct lights_out_args *args)
{
	(void)call;
	(void)args;
	lights++;
	return 0;
}

TEST(a_signal_without_arguments)
{
	T_OK(PEAL_SEND(lights_out, NULL, PEAL_NONE));
	T_OK(PEAL_CONNECT(lights_out, hear_lights_out));
	T_OK(PEAL_SEND(lights_out, NULL, PEAL_NONE));
	T_INT(lights, 1);
	T_OK(PEAL_DISCONNECT(lights_out, hear_lights_out));
}

static int evaluated;

static int evaluate(void)
{
	return ++evaluated;
}

TEST(the_arguments_are_not_evaluated_when_nobody_hears)
{
	evaluated = 0;
	T_OK(PEAL_SEND(beat, NULL, .number = evaluate()));
	T_INT(evaluated, 0);
	T_OK(PEAL_CONNECT(beat, look));
	T_OK(PEAL_SEND(beat, NULL, .number = evaluate()));
	T_INT(evaluated, 1);
	T_INT(seen_args.number, 1);
	T_OK(PEAL_DISCONNECT(beat, look));
	T_OK(PEAL_SEND(beat, NULL, .number = evaluate()));
	T_INT(evaluated, 1);
	/* Nor when all that there is waits for its sender. */
	T_CODE(PEAL_CONNECT(beat, look, .sender_name = "send.Never"), PEAL_PENDING);
	T_OK(PEAL_SEND(beat, NULL, .number = evaluate()));
	T_INT(evaluated, 1);
	T_OK(PEAL_DISCONNECT(beat, look, .sender_name = "send.Never"));
}

TEST(a_send_that_nobody_hears)
{
	struct peal_results results = { 0 };
	struct peal_error error = { 0 };
	struct beat_args args = { .number = 1 };

	T_OK(peal_send(&beat, NULL, &args, sizeof(args)));
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 1));
	T_UINT(results.count, 0);
	T_OK(PEAL_SEND_ROBUST(beat, NULL, &results, .number = 1));
	T_UINT(results.count, 0);
	error.code = 5;
	T_OK(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1));
	T_INT(error.code, 0);
	peal_results_fini(&results);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static int fail(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	note("!");
	return args->number;
}

static int fail_with_message(struct peal_call *call, const struct beat_args *args)
{
	note("?");
	return peal_error_set(call->error, PEAL_EINVAL, "number %d is bad", args->number);
}

static void connect_failing(void)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a")));
	T_OK(PEAL_CONNECT(beat, fail));
	T_OK(PEAL_CONNECT(beat, fail_with_message));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b")));
}

static void disconnect_failing(void)
{
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
	T_OK(PEAL_DISCONNECT(beat, fail));
	T_OK(PEAL_DISCONNECT(beat, fail_with_message));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("b")));
}

TEST(the_first_error_ends_the_send_and_is_returned)
{
	connect_failing();
	T_CODE(PEAL_SEND(beat, NULL, .number = -77), -77);
	T_JOURNAL("a!");
	T_CODE(PEAL_SEND(beat, NULL, .number = 0), PEAL_EINVAL);
	T_JOURNAL("a!?");
	disconnect_failing();
}

TEST(what_is_not_zero_ends_the_send_also_when_positive)
{
	connect_failing();
	T_CODE(PEAL_SEND(beat, NULL, .number = 5), 5);
	T_JOURNAL("a!");
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("s"), .sender = &sender_a, .priority = -1));
	T_CODE(PEAL_SEND(beat, &sender_a, .number = 5), 5);
	T_JOURNAL("a!");
	T_UINT(peal_sender_forget(&sender_a), 1);
	disconnect_failing();
}

TEST(the_details_of_an_error)
{
	struct peal_error error = { 0 };

	connect_failing();
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = 0), PEAL_EINVAL);
	T_INT(error.code, PEAL_EINVAL);
	T_STR(error.message, "number 0 is bad");
	T_STR(error.receiver, "fail_with_message");
	/* A receiver that says nothing: the text of its code. */
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = PEAL_EBUSY), PEAL_EBUSY);
	T_INT(error.code, PEAL_EBUSY);
	T_STR(error.message, peal_strerror(PEAL_EBUSY));
	T_STR(error.receiver, "fail");
	disconnect_failing();
	/* And what was there before is no more after a send that went well. */
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a")));
	T_OK(PEAL_SEND_ERROR(beat, NULL, &error, .number = 0));
	T_INT(error.code, 0);
	T_STR(error.message, "");
	T_STR(error.receiver, "");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
}

static int say_and_go_on(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	peal_error_set(call->error, PEAL_EINVAL, "only thought of");
	return 0;
}

TEST(details_without_an_error_are_none)
{
	struct peal_results results = { 0 };
	struct peal_error error = { 0 };

	T_OK(PEAL_CONNECT(beat, say_and_go_on));
	T_OK(PEAL_CONNECT(beat, fail));
	T_OK(PEAL_SEND_ERROR(beat, NULL, &error, .number = 0));
	T_INT(error.code, 0);
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = PEAL_EBUSY), PEAL_EBUSY);
	T_STR(error.message, peal_strerror(PEAL_EBUSY));
	T_OK(PEAL_SEND_ROBUST(beat, NULL, &results, .number = 0));
	T_INT(results.error.code, 0);
	T_STR(results.items[0].message, "");
	peal_results_fini(&results);
	T_OK(PEAL_DISCONNECT(beat, say_and_go_on));
	T_OK(PEAL_DISCONNECT(beat, fail));
}

static int send_other_that_fails(struct peal_call *call, const struct beat_args *args)
{
	struct peal_error error = { 0 };

	T_CODE(PEAL_SEND_ERROR(other, NULL, &error, .number = args->number), args->number);
	note(error.receiver);
	(void)call;
	return 0;
}

static int fail_other(struct peal_call *call, const struct other_args *args)
{
	(void)call;
	return args->number;
}

TEST(an_error_of_an_inner_send_is_not_that_of_the_outer)
{
	struct peal_error error = { 0 };

	T_OK(PEAL_CONNECT(beat, send_other_that_fails));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b")));
	T_OK(PEAL_CONNECT(other, fail_other));
	T_OK(PEAL_SEND_ERROR(beat, NULL, &error, .number = PEAL_EBUSY));
	T_JOURNAL("fail_otherb");
	T_INT(error.code, 0);
	T_OK(PEAL_DISCONNECT(beat, send_other_that_fails));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("b")));
	T_OK(PEAL_DISCONNECT(other, fail_other));
}

static int forward_other(struct peal_call *call, const struct beat_args *args)
{
	return PEAL_SEND_ERROR(other, NULL, call->error, .number = args->number);
}

TEST(an_error_unwinds_all_sends_that_forward_it)
{
	struct peal_error error = { 0 };

	T_OK(PEAL_CONNECT(beat, forward_other));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b")));
	T_OK(PEAL_CONNECT(other, fail_other));
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = PEAL_EDB), PEAL_EDB);
	T_JOURNAL("");
	T_STR(error.receiver, "fail_other"); /* the one that failed, not the one that forwarded */
	T_OK(PEAL_DISCONNECT(beat, forward_other));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("b")));
	T_OK(PEAL_DISCONNECT(other, fail_other));
}

/* ---- Robust ---------------------------------------------------------------------------------- */

static char logged[1024];
static int logged_lines;

static void keep_log(void *user, enum peal_log_level level, const char *domain, const char *message)
{
	T_PTR(user, logged);
	T_INT(level, PEAL_LOG_ERROR);
	T_STR(domain, "peal.dispatch");
	T_TRUE(strlen(logged) + strlen(message) + 2 < sizeof(logged));
	strcat(strcat(logged, message), "\n"); /* NOLINT: there is room */
	logged_lines++;
}

TEST(robust_calls_all_and_collects_and_logs)
{
	struct peal_results results = { 0 };

	peal_set_log(keep_log, logged);
	connect_failing();
	T_OK(PEAL_SEND_ROBUST(beat, NULL, &results, .number = -77));
	T_JOURNAL("a!?b");
	T_UINT(results.count, 4);
	T_STR(results.items[0].receiver, "hear");
	T_INT(results.items[0].code, 0);
	T_STR(results.items[0].message, "");
	T_STR(results.items[1].receiver, "fail");
	T_INT(results.items[1].code, -77);
	T_STR(results.items[1].message, "unknown error");
	T_STR(results.items[2].receiver, "fail_with_message");
	T_INT(results.items[2].code, PEAL_EINVAL);
	T_STR(results.items[2].message, "number -77 is bad");
	T_STR(results.items[3].receiver, "hear");
	T_INT(results.items[3].code, 0);
	T_INT(results.error.code, -77); /* of the first that failed */
	T_STR(results.error.receiver, "fail");
	T_INT(logged_lines, 2);
	T_HAS(logged, "fail");
	T_HAS(logged, "fail_with_message");
	T_HAS(logged, "number -77 is bad");
	T_HAS(logged, "beat");
	peal_results_fini(&results);
	disconnect_failing();
	peal_set_log(NULL, NULL);
}

TEST(robust_without_a_place_for_the_results)
{
	peal_set_log(NULL, NULL);
	connect_failing();
	T_OK(PEAL_SEND_ROBUST(beat, NULL, NULL, .number = -77));
	T_JOURNAL("a!?b");
	disconnect_failing();
}

static void log_and_connect(void *user, enum peal_log_level level, const char *domain,
			    const char *message)
{
	(void)user;
	(void)level;
	(void)domain;
	(void)message;
	T_OK(PEAL_CONNECT(other, fail_other));
	T_OK(PEAL_SEND(other, NULL, .number = 0));
	T_CODE(PEAL_DISCONNECT_DEFERRED(other, fail_other), PEAL_OK);
}

TEST(the_log_is_called_without_a_lock)
{
	peal_set_log(log_and_connect, NULL);
	connect_failing();
	T_OK(PEAL_SEND_ROBUST(beat, NULL, NULL, .number = -77));
	T_JOURNAL("a!?b");
	disconnect_failing();
	peal_set_log(NULL, NULL);
}

TEST(robust_with_the_first_error_in_the_details)
{
	struct peal_error error = { 0 };
	struct beat_args args = { .number = PEAL_EBUSY };

	peal_set_log(NULL, NULL);
	connect_failing();
	T_OK(peal_send_with(&beat, NULL, &args, sizeof(args), PEAL_SEND_ALL, NULL, &error));
	T_INT(error.code, PEAL_EBUSY);
	T_STR(error.receiver, "fail");
	disconnect_failing();
}

/* ---- Responses ------------------------------------------------------------------------------- */

static int respond(struct peal_call *call, const struct beat_args *args)
{
	char text[] = "borrowed";

	switch (args->number) {
	case 0:
		T_OK(peal_call_respond(call, PEAL_INT(42)));
		break;
	case 1:
		T_OK(peal_call_respond(call, PEAL_TEXT(text)));
		break;
	case 2:
		T_OK(peal_call_respond(call, PEAL_BYTES(text, 3)));
		break;
	case 3:
		T_OK(peal_call_respond(call, PEAL_TEXT("first")));
		T_OK(peal_call_respond(call, PEAL_REAL(2.5)));
		break;
	case 4:
		T_OK(peal_call_respond(call, PEAL_TEXT("")));
		break;
	default:
		break;
	}
	memset(text, 'x', sizeof(text));
	return args->number == 5 ? PEAL_EINVAL : 0;
}

TEST(responses)
{
	struct peal_results results = { 0 };

	T_OK(PEAL_CONNECT(beat, respond));
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 0));
	T_UINT(results.count, 1);
	T_TRUE(peal_value_equal(results.items[0].response, PEAL_INT(42)));
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 1));
	T_UINT(results.count, 1); /* a use again empties it first */
	T_TRUE(peal_value_equal(results.items[0].response, PEAL_TEXT("borrowed")));
	T_STR(results.items[0].response.as.text.data, "borrowed"); /* with its NUL */
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 2));
	T_TRUE(peal_value_equal(results.items[0].response, PEAL_BYTES("bor", 3)));
	T_OK(PEAL_SEND_ROBUST(beat, NULL, &results, .number = 3));
	T_TRUE(peal_value_equal(results.items[0].response, PEAL_REAL(2.5)));
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 4));
	T_TRUE(peal_value_equal(results.items[0].response, PEAL_TEXT("")));
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 9));
	T_TRUE(peal_value_equal(results.items[0].response, PEAL_NULL));
	T_CODE(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 5), PEAL_EINVAL);
	T_UINT(results.count, 1); /* the answer of the one that failed too */
	T_INT(results.items[0].code, PEAL_EINVAL);
	T_OK(PEAL_SEND(beat, NULL, .number = 1)); /* nobody collects: no harm */
	peal_results_fini(&results);
	peal_results_fini(&results);
	peal_results_fini(NULL);
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 0));
	T_TRUE(peal_value_equal(results.items[0].response, PEAL_INT(42)));
	peal_results_fini(&results);
	T_OK(PEAL_DISCONNECT(beat, respond));
}

TEST(results_that_are_used_again_do_not_grow)
{
	struct peal_results results = { 0 };
	size_t before;

	T_OK(PEAL_CONNECT(beat, respond));
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 1));
	before = test_counts().live_bytes;
	for (int i = 0; i < 1000; i++)
		T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 1));
	T_UINT(test_counts().live_bytes, before);
	peal_results_fini(&results);
	T_OK(PEAL_DISCONNECT(beat, respond));
}

static int respond_with_user(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	T_OK(peal_call_respond(call, PEAL_POINTER(call->user)));
	return 0;
}

TEST(the_results_are_in_the_order_of_the_calls_and_as_many_as_there_are)
{
	static struct peal_handle handles[40];
	struct peal_results results = { 0 };

	for (size_t i = 0; i < PEAL_COUNTOF(handles); i++) {
		T_OK(PEAL_CONNECT(beat, respond_with_user, .user = &handles[i],
				  .sender = i % 2 ? NULL : &sender_a, .ret_handle = &handles[i]));
		T_OK(PEAL_SEND_COLLECT(beat, &sender_a, &results, .number = 0));
		T_UINT(results.count, i + 1);
	}
	for (size_t i = 0; i < PEAL_COUNTOF(handles); i++) {
		T_PTR(results.items[i].response.as.pointer, &handles[i]);
		T_UINT(results.items[i].handle.serial, handles[i].serial);
		T_UINT(results.items[i].handle.slot, handles[i].slot);
		T_STR(results.items[i].receiver, "respond_with_user");
		T_OK(peal_disconnect(handles[i]));
	}
	peal_results_fini(&results);
}

static int respond_from_an_inner_send(struct peal_call *call, const struct beat_args *args)
{
	struct peal_results inner = { 0 };

	T_OK(peal_call_respond(call, PEAL_TEXT("outer")));
	if (args->number > 0) {
		T_OK(PEAL_SEND_COLLECT(beat, NULL, &inner, .number = args->number - 1));
		T_UINT(inner.count, 1);
		T_STR(inner.items[0].response.as.text.data, "outer");
		peal_results_fini(&inner);
	}
	return 0;
}

TEST(the_responses_of_an_inner_send_are_its_own)
{
	struct peal_results results = { 0 };

	T_OK(PEAL_CONNECT(beat, respond_from_an_inner_send));
	T_OK(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 3));
	T_UINT(results.count, 1);
	T_STR(results.items[0].response.as.text.data, "outer");
	peal_results_fini(&results);
	T_OK(PEAL_DISCONNECT(beat, respond_from_an_inner_send));
}

TEST(results_stay_good_when_what_they_name_is_gone)
{
	struct peal_results results = { 0 };

	connect_failing();
	T_CODE(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 0), PEAL_EINVAL);
	disconnect_failing();
	journal_clear();
	peal_trim();
	T_UINT(results.count, 3);
	T_STR(results.items[2].receiver, "fail_with_message");
	T_STR(results.items[2].message, "number 0 is bad");
	T_STR(results.error.message, "number 0 is bad");
	peal_results_fini(&results);
}

static int respond_or_not(struct peal_call *call, const struct beat_args *args)
{
	int *code = call->user;

	(void)args;
	*code = peal_call_respond(call, PEAL_TEXT("response"));
	return 0;
}

TEST(collecting_out_of_memory)
{
	static int codes[12];
	struct peal_handle handles[PEAL_COUNTOF(codes)];

	for (size_t i = 0; i < PEAL_COUNTOF(codes); i++)
		T_OK(PEAL_CONNECT(beat, respond_or_not, .user = &codes[i],
				  .ret_handle = &handles[i]));
	T_ALLOC_LOOP(run) {
		struct peal_results results = { 0 };
		struct peal_error error = { 0 };
		struct beat_args args = { .number = 1 };
		int code;

		for (size_t i = 0; i < PEAL_COUNTOF(codes); i++)
			codes[i] = 7;
		code = peal_send_with(&beat, NULL, &args, sizeof(args), PEAL_SEND_STOP, &results,
				      &error);
		T_INT(error.code, code);
		if (code) {
			/* Then nobody was called. */
			T_CODE(code, PEAL_ENOMEM);
			T_TRUE(error.message[0] != '\0');
			T_INT(codes[0], 7);
		} else {
			T_UINT(results.count, PEAL_COUNTOF(codes));
			for (size_t i = 0; i < results.count; i++) {
				const struct peal_result *result = &results.items[i];

				T_TRUE(codes[i] == 0 || codes[i] == PEAL_ENOMEM);
				T_TRUE(peal_value_equal(result->response,
							codes[i] ? PEAL_NULL
								 : PEAL_TEXT("response")));
			}
			if (!test_alloc_failed())
				T_INT(codes[0], 0);
		}
		peal_results_fini(&results);
	}
	for (size_t i = 0; i < PEAL_COUNTOF(codes); i++)
		T_OK(peal_disconnect(handles[i]));
}

/* ---- Arguments of another size --------------------------------------------------------------- */

struct short_args {
	int first;
};

struct long_args {
	int first;
	int second;
	const char *third;
	char fourth[100];
};

static int hear_short(struct peal_call *call, const struct short_args *args)
{
	(void)call;
	T_INT(args->first, 5);
	note("s");
	return 0;
}

static int second_expected;

static int hear_long(struct peal_call *call, const struct long_args *args)
{
	(void)call;
	T_INT(args->first, 5);
	T_INT(args->second, second_expected);
	if (!second_expected) {
		T_PTR(args->third, NULL);
		for (size_t i = 0; i < sizeof(args->fourth); i++)
			T_INT(args->fourth[i], 0);
	}
	note("l");
	return 0;
}

static struct peal_connection connection_of(peal_function *function, size_t args_size)
{
	return (struct peal_connection){
		.size = sizeof(struct peal_connection),
		.receiver = function,
		.args_size = (uint32_t)args_size,
	};
}

static void send_sizes(struct peal_signal *signal, const void *sender, const void *args,
		       size_t size, const char *expected)
{
	struct peal_results results = { 0 };

	T_OK(peal_send(signal, sender, args, size));
	T_JOURNAL(expected);
	T_OK(peal_send_with(signal, sender, args, size, PEAL_SEND_STOP, &results, NULL));
	T_JOURNAL(expected);
	T_OK(peal_send_with(signal, sender, args, size, PEAL_SEND_ALL, NULL, NULL));
	T_JOURNAL(expected);
	peal_results_fini(&results);
}

TEST(an_older_sender_and_newer_receivers)
{
	/* What follows the short struct in memory must not be seen. */
	struct {
		struct short_args args;
		unsigned char behind[200];
	} sent = { .args = { 5 } };
	struct peal_connection of_short =
		connection_of((peal_function *)hear_short, sizeof(struct short_args));
	struct peal_connection of_long =
		connection_of((peal_function *)hear_long, sizeof(struct long_args));

	memset(sent.behind, 0xee, sizeof(sent.behind));
	second_expected = 0;
	T_OK(peal_connect(&beat, &of_long));
	send_sizes(&beat, NULL, &sent.args, sizeof(sent.args), "l");
	T_OK(peal_connect(&beat, &of_short));
	of_long.sender = &sender_a;
	T_OK(peal_connect(&beat, &of_long));
	send_sizes(&beat, NULL, &sent.args, sizeof(sent.args), "ls");
	send_sizes(&beat, &sender_a, &sent.args, sizeof(sent.args), "lsl");
	T_OK(peal_disconnect_like(&beat, of_long, true));
	of_long.sender = NULL;
	T_OK(peal_disconnect_like(&beat, of_long, true));
	T_OK(peal_disconnect_like(&beat, of_short, true));
}

TEST(a_newer_sender_and_older_receivers)
{
	struct long_args sent = { .first = 5, .second = 6, .third = "x" };
	struct peal_connection of_short =
		connection_of((peal_function *)hear_short, sizeof(struct short_args));
	struct peal_connection of_long =
		connection_of((peal_function *)hear_long, sizeof(struct long_args));

	second_expected = 6;
	T_OK(peal_connect(&beat, &of_short));
	send_sizes(&beat, NULL, &sent, sizeof(sent), "s");
	T_OK(peal_connect(&beat, &of_long));
	send_sizes(&beat, NULL, &sent, sizeof(sent), "sl");
	T_OK(peal_disconnect_like(&beat, of_short, true));
	T_OK(peal_disconnect_like(&beat, of_long, true));
}

static char pattern_seen[300];

static int hear_bytes(struct peal_call *call, const void *args)
{
	memcpy(pattern_seen, args, *(size_t *)call->user);
	return 0;
}

/* Every pair of sizes around the ones that matter. */
TEST(arguments_of_many_sizes)
{
	static const size_t sizes[] = { 1, 2, 7, 8, 9, 16, 31, 64, 65, 255, 256 };
	static unsigned char bytes[256];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i + 1);
	for (size_t r = 0; r < PEAL_COUNTOF(sizes); r++) {
		size_t known = sizes[r];
		struct peal_connection connection =
			connection_of((peal_function *)hear_bytes, known);
		struct peal_handle handle;

		connection.user = &known;
		connection.ret_handle = &handle;
		T_OK(peal_connect(&beat, &connection));
		for (size_t s = 0; s < PEAL_COUNTOF(sizes); s++) {
			/* In memory of exactly that size: nothing may be read behind it. */
			unsigned char *sent = malloc(sizes[s]);
			unsigned char expected[300] = { 0 };

			T_TRUE(sent != NULL);
			memcpy(sent, bytes, sizes[s]);
			memcpy(expected, bytes, sizes[s] < known ? sizes[s] : known);
			memset(pattern_seen, 0xaa, sizeof(pattern_seen));
			T_OK(peal_send(&beat, NULL, sent, sizes[s]));
			T_MEM(pattern_seen, expected, known);
			free(sent);
		}
		T_OK(peal_disconnect(handle));
	}
}

TEST(a_longer_receiver_out_of_memory)
{
	struct short_args sent = { 5 };
	struct peal_connection of_long =
		connection_of((peal_function *)hear_long, sizeof(struct long_args));

	second_expected = 0;
	T_OK(peal_connect(&beat, &of_long));
	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		int code = peal_send_with(&beat, NULL, &sent, sizeof(sent), PEAL_SEND_STOP, NULL,
					  &error);

		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_INT(error.code, code);
		T_JOURNAL(code ? "" : "l");
	}
	T_OK(peal_disconnect_like(&beat, of_long, true));
}

/* ---- Depth ----------------------------------------------------------------------------------- */

static int deepest;

static int dive(struct peal_call *call, const struct beat_args *args)
{
	int depth = (int)peal_call_depth(call);

	(void)args;
	if (depth > deepest)
		deepest = depth;
	return PEAL_SEND_ERROR(beat, NULL, call->error, .number = 1);
}

TEST(more_sends_inside_each_other_than_the_limit_are_an_error_that_shows_the_chain)
{
	struct peal_error error = { 0 };

	peal_set_log(NULL, NULL);
	T_UINT(peal_depth_limit(), 64);
	T_OK(PEAL_CONNECT(beat, dive));
	deepest = -1;
	T_CODE(PEAL_SEND(beat, NULL, .number = 1), PEAL_EDEPTH);
	T_INT(deepest, 63);
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1), PEAL_EDEPTH);
	T_INT(error.code, PEAL_EDEPTH);
	T_HAS(error.message, "beat -> dive -> beat");
	T_HAS(error.message, "64");
	deepest = -1;
	T_CODE(PEAL_SEND(beat, NULL, .number = 1), PEAL_EDEPTH); /* and all is as before */
	T_INT(deepest, 63);
	T_OK(PEAL_DISCONNECT(beat, dive));
}

static int ping(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	return PEAL_SEND_ERROR(other, NULL, call->error, .number = 1);
}

static int pong(struct peal_call *call, const struct other_args *args)
{
	(void)args;
	return PEAL_SEND_ERROR(beat, NULL, call->error, .number = 1);
}

TEST(the_chain_names_the_signals_and_receivers_in_their_order)
{
	struct peal_error error = { 0 };

	peal_set_log(keep_log, logged);
	logged[0] = '\0';
	T_OK(peal_set_depth_limit(3));
	T_UINT(peal_depth_limit(), 3);
	T_OK(PEAL_CONNECT(beat, ping));
	T_OK(PEAL_CONNECT(other, pong));
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1), PEAL_EDEPTH);
	T_HAS(error.message, "beat -> ping -> other -> pong -> beat -> ping -> other");
	T_HAS(logged, "beat -> ping -> other -> pong -> beat -> ping -> other");
	T_OK(peal_set_depth_limit(64));
	T_CODE(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1), PEAL_EDEPTH);
	T_HAS(error.message, "beat -> ping -> other -> pong"); /* the middle may be left out */
	T_TRUE(strlen(error.message) < sizeof(error.message));
	T_OK(PEAL_DISCONNECT(beat, ping));
	T_OK(PEAL_DISCONNECT(other, pong));
	peal_set_log(NULL, NULL);
}

TEST(the_depth_limit_is_1_to_64)
{
	struct peal_results results = { 0 };

	peal_set_log(NULL, NULL);
	T_CODE(peal_set_depth_limit(0), PEAL_EINVAL);
	T_CODE(peal_set_depth_limit(65), PEAL_EINVAL);
	T_UINT(peal_depth_limit(), 64);
	T_OK(PEAL_CONNECT(beat, dive));
	for (unsigned limit = 1; limit <= 64; limit += 21) {
		T_OK(peal_set_depth_limit(limit));
		deepest = -1;
		T_CODE(PEAL_SEND(beat, NULL, .number = 1), PEAL_EDEPTH);
		T_INT(deepest, (int)limit - 1);
		deepest = -1;
		T_CODE(PEAL_SEND_COLLECT(beat, NULL, &results, .number = 1), PEAL_EDEPTH);
		T_INT(deepest, (int)limit - 1);
		T_UINT(results.count, 1);
	}
	peal_results_fini(&results);
	T_OK(peal_set_depth_limit(64));
	T_OK(PEAL_DISCONNECT(beat, dive));
}

static int asend_inside(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	return PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1);
}

TEST(an_asend_too_deep_is_refused)
{
	peal_set_log(NULL, NULL);
	T_OK(peal_set_depth_limit(1));
	T_OK(PEAL_CONNECT(beat, asend_inside));
	T_CODE(PEAL_SEND(beat, NULL, .number = 1), PEAL_EDEPTH);
	T_OK(peal_set_depth_limit(64));
	T_OK(PEAL_DISCONNECT(beat, asend_inside));
}

/* ---- errno, and what a send does not do ------------------------------------------------------ */

static int spoil_errno(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	errno = 1000 + args->number;
	return 0;
}

static void release_and_spoil(void *user)
{
	(void)user;
	errno = 3000;
}

static int spoil_and_end(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	T_CODE(peal_disconnect_deferred(peal_call_handle(call)), PEAL_RUNNING);
	errno = 2000;
	return 0;
}

static void *send_keeps_errno(void *argument)
{
	struct peal_results results = { 0 };
	struct peal_error error = { 0 };
	struct short_args sent = { 5 };

	(void)argument;
	errno = 4; /* this thread's first send */
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_INT(errno, 4);
	T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
	T_INT(errno, 4);
	T_OK(PEAL_SEND_COLLECT(beat, &sender_a, &results, .number = 1));
	T_INT(errno, 4);
	T_OK(PEAL_SEND_ROBUST(beat, NULL, NULL, .number = 1));
	T_INT(errno, 4);
	T_OK(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1));
	T_INT(errno, 4);
	T_OK(PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1));
	T_INT(errno, 4);
	T_OK(peal_send(&beat, NULL, &sent, sizeof(sent)));
	T_INT(errno, 4);
	T_OK(PEAL_CONNECT(beat, spoil_and_end, .release = release_and_spoil));
	errno = 0;
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_INT(errno, 0);
	peal_results_fini(&results);
	return NULL;
}

TEST(a_send_leaves_errno_as_it_was)
{
	struct helper helper;

	T_OK(PEAL_CONNECT(beat, spoil_errno));
	helper_start_unprepared(&helper, send_keeps_errno, NULL);
	helper_join(&helper);
	T_OK(PEAL_CONNECT(beat, spoil_errno, .sender = &sender_a));
	send_keeps_errno(NULL);
	T_OK(PEAL_DISCONNECT(beat, spoil_errno));
	T_OK(PEAL_DISCONNECT(beat, spoil_errno, .sender = &sender_a));
}

static int read_errno(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	*(int *)call->user = errno;
	return 0;
}

TEST(a_send_allocates_nothing)
{
	static int users[30];
	struct peal_error error = { 0 };
	struct peal_mute mute = { .signal = &beat, .receiver = (peal_function *)fail };
	size_t before;

	for (size_t i = 0; i < PEAL_COUNTOF(users); i++)
		T_OK(PEAL_CONNECT(beat, read_errno, .user = &users[i], .priority = (int)i % 2,
				  .sender = i % 3 ? NULL : &sender_a));
	before = test_counts().total_count;
	for (int i = 0; i < 10; i++) {
		T_OK(PEAL_SEND(beat, NULL, .number = 1));
		T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
		T_OK(PEAL_SEND_ERROR(beat, &sender_a, &error, .number = 1));
		T_OK(PEAL_SEND_ROBUST(beat, &sender_a, NULL, .number = 1));
		peal_mute_begin(&mute);
		T_OK(PEAL_SEND(beat, &sender_a, .number = 1));
		peal_mute_end(&mute);
	}
	T_UINT(test_counts().total_count, before);
	T_UINT(peal_sender_forget(&sender_a), 10);
	for (size_t i = 0; i < PEAL_COUNTOF(users); i++)
		if (i % 3)
			T_OK(PEAL_DISCONNECT(beat, read_errno, .user = &users[i]));
}

TEST(names_of_receivers_in_results)
{
	struct peal_results results = { 0 };
	struct peal_connection nameless = connection_of((peal_function *)hear_lights_out, 0);

	T_OK(PEAL_CONNECT(lights_out, &hear_lights_out, .uid = "2"));
	T_OK(peal_connect(&lights_out, &nameless));
	T_OK(PEAL_SEND_COLLECT(lights_out, NULL, &results, PEAL_NONE));
	T_STR(results.items[0].receiver, "hear_lights_out");
	T_STR(results.items[1].receiver, "?");
	peal_results_fini(&results);
	T_OK(PEAL_DISCONNECT(lights_out, NULL, .uid = "2"));
	T_OK(peal_disconnect_like(&lights_out, nameless, true));
}
