/* SPDX-License-Identifier: MIT */
/*
 * What a send costs its sender.
 */
#include "groups.h"
#include "receivers.h"

#include <peal/inspect.h>

PEAL_SIGNAL_DEFINE(fired);
PEAL_SIGNAL_DEFINE(counted);

/* ----------------------------------------------------------------------------------------------
 * Our sides
 */

static void send_eight_loop(void *state, uint64_t count)
{
	(void)state;
	for (uint64_t i = 0; i < count; i += 8) {
		WORK_EIGHT(PEAL_SEND(fired, NULL, .amount = 1))
	}
}

/* The state is the sender. */
static void send_loop(void *state, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		PEAL_SEND(fired, state, .amount = 1);
		BENCH_BARRIER();
	}
}

static void send_robust_loop(void *state, uint64_t count)
{
	struct peal_results *results = state;

	for (uint64_t i = 0; i < count; i++) {
		PEAL_SEND_ROBUST(fired, NULL, results, .amount = 1);
		BENCH_BARRIER();
	}
}

/* Eight signals in turn: no send waits for what the one before has written. */
struct turn {
	struct peal_signal *signals[8];
	struct limit_signal *limits[8];
};

static void send_turn_loop(void *state, uint64_t count)
{
	const struct turn *turn = state;

	for (uint64_t i = 0; i < count; i++) {
		PEAL_SEND_TO(fired, turn->signals[i % 8], NULL, .amount = 1);
		BENCH_BARRIER();
	}
}

static void limit_turn_loop(void *state, uint64_t count)
{
	const struct turn *turn = state;

	for (uint64_t i = 0; i < count; i++) {
		limit_send(turn->limits[i % 8], NULL, &(const struct fired_args){ .amount = 1 });
		BENCH_BARRIER();
	}
}

struct sender_state {
	struct peal_signal *signal;
	const void *sender;
};

static void send_from_loop(void *state, uint64_t count)
{
	struct peal_signal *signal = ((const struct sender_state *)state)->signal;
	const void *sender = ((const struct sender_state *)state)->sender;

	for (uint64_t i = 0; i < count; i++) {
		PEAL_SEND_TO(fired, signal, sender, .amount = 1);
		BENCH_BARRIER();
	}
}

/* The state is the counter. */
static void count_loop(void *state, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		PEAL_SEND(counted, NULL, .counter = state);
		BENCH_BARRIER();
	}
}

/* ----------------------------------------------------------------------------------------------
 * Helpers
 */

/* What the parked thread does before it sleeps: the library then knows two threads. */
static void send_once(void)
{
	static long counter;
	struct peal_handle handle;

	BENCH_CHECK(PEAL_CONNECT(counted, count_one, .ret_handle = &handle) == 0);
	count_loop(&counter, 1);
	BENCH_CHECK(counter == 1);
	BENCH_CHECK(peal_disconnect(handle) == 0);
}

static void connect_fired(struct peal_scope *scope, size_t first, size_t count, const void *sender)
{
	for (size_t i = first; i < first + count; i++) {
		BENCH_CHECK(PEAL_CONNECT(fired, add_amount, .user = &work_counters[i],
					 .sender = sender, .scope = scope) == 0);
	}
}

/* Measure ours against the limit with as many receivers, and report. */
static void compare(const char *name, bench_work *ours, void *state, size_t receivers)
{
	struct bench_side sides[] = {
		{ .work = ours, .state = state },
		{ .work = limit_send_loop, .state = limit_new_with(receivers) },
	};

	BENCH_CHECK(work_reaches(&sides[0]) == (long)receivers);
	BENCH_CHECK(work_reaches(&sides[1]) == (long)receivers);
	bench_measure(sides, 2);
	bench_report(name, &sides[0], &sides[1]);
	limit_free(sides[1].state);
}

/* ----------------------------------------------------------------------------------------------
 * Figures
 */

static void send_0(void)
{
	struct bench_side sides[] = {
		{ .work = send_eight_loop },
		{ .work = limit_test },
	};

	bench_measure(sides, 2);
	bench_report("dispatch.send_0", &sides[0], &sides[1]);
}

static void send_n(const char *name, size_t receivers)
{
	struct peal_scope scope = { 0 };

	connect_fired(&scope, 0, receivers, NULL);
	compare(name, send_loop, NULL, receivers);
	BENCH_CHECK(peal_scope_end(&scope) == 0);
}

static void send_1_turn8(void)
{
	struct turn turn;
	struct bench_side sides[] = {
		{ .work = send_turn_loop, .state = &turn },
		{ .work = limit_turn_loop, .state = &turn },
	};

	for (size_t i = 0; i < 8; i++) {
		turn.signals[i] = fired_new("turn");
		turn.limits[i] = limit_new();
		limit_connect(turn.limits[i], limit_add_amount, &work_counters[i]);
		BENCH_CHECK(PEAL_CONNECT_TO(fired, turn.signals[i], add_amount,
					    .user = &work_counters[i]) == 0);
	}
	bench_measure(sides, 2);
	bench_report("dispatch.send_1_turn8", &sides[0], &sides[1]);
	for (size_t i = 0; i < 8; i++) {
		peal_signal_free(turn.signals[i]);
		limit_free(turn.limits[i]);
	}
}

static void send_10_mixed(void)
{
	static char sender;
	struct peal_scope scope = { 0 };

	for (size_t i = 0; i < 10; i += 2) {
		connect_fired(&scope, i, 1, NULL);
		connect_fired(&scope, i + 1, 1, &sender);
	}
	compare("dispatch.send_10_mixed", send_loop, &sender, 10);
	BENCH_CHECK(peal_scope_end(&scope) == 0);
}

static void send_10_robust(void)
{
	struct peal_scope scope = { 0 };
	struct peal_results results = { 0 };

	connect_fired(&scope, 0, 10, NULL);
	compare("dispatch.send_10_robust", send_robust_loop, &results, 10);
	BENCH_CHECK(results.count == 10);
	BENCH_CHECK(peal_scope_end(&scope) == 0);

	for (size_t i = 0; i < 10; i++) {
		BENCH_CHECK(PEAL_CONNECT(fired, answer_amount, .user = &work_counters[i],
					 .scope = &scope) == 0);
	}
	compare("dispatch.send_10_responses", send_robust_loop, &results, 10);
	BENCH_CHECK(results.count == 10 && results.items[9].response.as.integer == 1);
	BENCH_CHECK(peal_scope_end(&scope) == 0);
	peal_results_fini(&results);
}

static void ignore(void *user, const struct peal_trace_event *event)
{
	(void)event;
	++*(long *)user;
}

static void send_1_trace(void)
{
	static long events;
	struct peal_scope scope = { 0 };

	connect_fired(&scope, 0, 1, NULL);
	peal_set_trace(ignore, &events);
	compare("dispatch.send_1_traced", send_loop, NULL, 1);
	BENCH_CHECK(events > 0);
	peal_set_trace(NULL, NULL);
	compare("dispatch.send_1_untraced", send_loop, NULL, 1);
	BENCH_CHECK(peal_scope_end(&scope) == 0);
}

void bench_send(void)
{
	bench_park(send_once);
	send_0();
	send_n("dispatch.send_1", 1);
	send_n("dispatch.send_10", 10);
	send_n("dispatch.send_100", 100);
	send_1_turn8();
	send_10_mixed();
	send_10_robust();
	send_1_trace();
}

/* One receiver for this sender (any, if NULL), and so many for as many other senders. */
static struct sender_state senders_new(const char *name, const void *sender, size_t others)
{
	struct sender_state state = { fired_new(name), sender };
	long *other_senders =
		calloc(others + 1, sizeof(long)); /* for their addresses; never freed */

	BENCH_CHECK(other_senders);
	for (size_t i = 0; i < others; i++) {
		BENCH_CHECK(PEAL_CONNECT_TO(fired, state.signal, add_amount,
					    .user = &work_counters[1],
					    .sender = &other_senders[i]) == 0);
	}
	BENCH_CHECK(PEAL_CONNECT_TO(fired, state.signal, add_amount, .user = &work_counters[0],
				    .sender = sender) == 0);
	return state;
}

static void report_of(const char *name, const struct bench_side *side,
		      const struct bench_side *with_sender, const struct bench_side *plain)
{
	bench_report(name, side, plain);
	printf("%s.to_sender,%.4g,times\n", name, bench_ratio(side, with_sender));
}

void bench_senders(void)
{
	static char sender;
	struct sender_state plain;
	struct sender_state with_sender;
	struct sender_state of_100;
	struct sender_state of_1000000;
	enum {
		LIMIT,
		PLAIN,
		WITH_SENDER,
		OF_100,
		OF_1000000,
		COUNT
	};
	struct bench_side sides[COUNT] = {
		[LIMIT] = { .work = limit_send_loop },
		[PLAIN] = { .work = send_from_loop, .state = &plain },
		[WITH_SENDER] = { .work = send_from_loop, .state = &with_sender },
		[OF_100] = { .work = send_from_loop, .state = &of_100 },
		[OF_1000000] = { .work = send_from_loop, .state = &of_1000000 },
	};

	bench_park(send_once);
	sides[LIMIT].state = limit_new_with(1);
	plain = senders_new("plain", NULL, 0);
	with_sender = senders_new("with_sender", &sender, 0);
	of_100 = senders_new("of_100", &sender, 100);
	of_1000000 = senders_new("of_1000000", &sender, 1000000);
	for (size_t i = 0; i < COUNT; i++)
		BENCH_CHECK(work_reaches(&sides[i]) == 1);
	bench_measure(sides, COUNT);
	bench_report("dispatch.send_1_sender", &sides[WITH_SENDER], &sides[LIMIT]);
	report_of("dispatch.send_1_of_100", &sides[OF_100], &sides[WITH_SENDER], &sides[PLAIN]);
	report_of("dispatch.send_1_of_1000000", &sides[OF_1000000], &sides[WITH_SENDER],
		  &sides[PLAIN]);
}

void bench_two_threads(void)
{
	struct limit_signal *signal = limit_new();
	struct limit_count_state limit_states[] = {
		{ signal, work_thread_counters[0] },
		{ signal, work_thread_counters[1] },
	};
	const struct bench_threads limit = { limit_count_loop,
					     { &limit_states[0], &limit_states[1] } };
	const struct bench_threads ours = { count_loop,
					    { work_thread_counters[0], work_thread_counters[1] } };
	struct peal_handle handle;

	bench_park(send_once);
	limit_connect(signal, limit_count, NULL);
	BENCH_CHECK(PEAL_CONNECT(counted, count_one, .ret_handle = &handle) == 0);
	bench_report_scale("dispatch.threads_2", &ours, &limit);
	BENCH_CHECK(*work_thread_counters[0] > 0);
	BENCH_CHECK(peal_disconnect(handle) == 0);
	limit_free(signal);
}
