/* SPDX-License-Identifier: MIT */
/*
 * What it costs to connect a receiver and to disconnect it again, while so many others are
 * connected.
 */
#include "groups.h"
#include "receivers.h"

enum {
	MILLION = 1000000
};

/* Receivers are told apart by their user. These are only addresses: nobody sends here. */
static long users[MILLION + 1];

static void connect_many(struct peal_signal *signal, size_t count, struct peal_handle *handles)
{
	for (size_t i = 0; i < count; i++) {
		BENCH_CHECK(PEAL_CONNECT_TO(fired, signal, add_amount, .user = &users[i],
					    .ret_handle = handles ? &handles[i] : NULL) == 0);
	}
}

struct connect_state {
	struct peal_signal *signal;
	struct peal_handle *handles; /* of the others, for the random order */
	size_t others;
	uint64_t random;
};

static void waiting_loop(void *state, uint64_t count)
{
	struct peal_signal *signal = ((const struct connect_state *)state)->signal;
	struct peal_handle handle;

	for (uint64_t i = 0; i < count; i++) {
		BENCH_CHECK(PEAL_CONNECT_TO(fired, signal, add_amount, .user = &users[MILLION],
					    .ret_handle = &handle) == 0);
		BENCH_CHECK(peal_disconnect(handle) == 0);
	}
}

static void deferred_loop(void *state, uint64_t count)
{
	struct peal_signal *signal = ((const struct connect_state *)state)->signal;
	struct peal_handle handle;

	for (uint64_t i = 0; i < count; i++) {
		BENCH_CHECK(PEAL_CONNECT_TO(fired, signal, add_amount, .user = &users[MILLION],
					    .ret_handle = &handle) == 0);
		BENCH_CHECK(peal_disconnect_deferred(handle) == 0);
	}
}

static void priority_loop(void *state, uint64_t count)
{
	struct peal_signal *signal = ((const struct connect_state *)state)->signal;
	struct peal_handle handle;

	for (uint64_t i = 0; i < count; i++) {
		BENCH_CHECK(PEAL_CONNECT_TO(fired, signal, add_amount, .user = &users[MILLION],
					    .priority = 1, .ret_handle = &handle) == 0);
		BENCH_CHECK(peal_disconnect(handle) == 0);
	}
}

/* Not the newest but any of the others goes, and comes back: its memory has to be fetched. */
static void random_loop(void *state, uint64_t count)
{
	struct connect_state *connect = state;

	for (uint64_t i = 0; i < count; i++) {
		size_t which;

		connect->random = connect->random * 6364136223846793005u + 1442695040888963407u;
		which = (size_t)(connect->random >> 33) % connect->others;
		BENCH_CHECK(peal_disconnect(connect->handles[which]) == 0);
		BENCH_CHECK(PEAL_CONNECT_TO(fired, connect->signal, add_amount,
					    .user = &users[which],
					    .ret_handle = &connect->handles[which]) == 0);
	}
}

/* The thread that sleeps has sent: a disconnect has to think of it. */
static void send_once(void)
{
	struct peal_signal *signal = fired_new("parked");
	static long counter;

	BENCH_CHECK(PEAL_CONNECT_TO(fired, signal, add_amount, .user = &counter) == 0);
	PEAL_SEND_TO(fired, signal, NULL, .amount = 1);
	BENCH_CHECK(counter == 1);
	peal_signal_free(signal);
}

/* The slowest over the fastest, of the first count sides. */
static void report_flat(const struct bench_side *sides, size_t count)
{
	double ratios[BENCH_ROUNDS_MAX];

	for (unsigned round = 0; round < bench_rounds(); round++) {
		double slowest = sides[0].rounds[round];
		double fastest = slowest;

		for (size_t i = 1; i < count; i++) {
			double ns = sides[i].rounds[round];

			slowest = ns > slowest ? ns : slowest;
			fastest = ns < fastest ? ns : fastest;
		}
		ratios[round] = slowest / fastest;
	}
	printf("dispatch.connect_flat,%.4g,times\n", bench_median(ratios, bench_rounds()));
}

void bench_connect(void)
{
	static const struct {
		const char *name;
		size_t others;
	} sizes[] = {
		{ "dispatch.connect_0", 0 },
		{ "dispatch.connect_100", 100 },
		{ "dispatch.connect_10000", 10000 },
		{ "dispatch.connect_1000000", MILLION },
	};
	enum {
		SIZES = PEAL_COUNTOF(sizes)
	};
	enum {
		LIMIT = 2 * SIZES,
		PRIORITY,
		RANDOM,
		COUNT
	};
	struct connect_state states[SIZES];
	struct bench_side sides[COUNT] = {
		[LIMIT] = { .work = limit_connect_loop, .state = limit_new_with(0) },
		[PRIORITY] = { .work = priority_loop, .state = &states[2] },
		[RANDOM] = { .work = random_loop, .state = &states[SIZES - 1] },
	};
	struct peal_handle *handles = calloc(MILLION, sizeof(*handles));

	BENCH_CHECK(handles);
	bench_park(send_once);
	for (size_t i = 0; i < SIZES; i++) {
		states[i] = (struct connect_state){ .signal = fired_new(sizes[i].name),
						    .others = sizes[i].others,
						    .random = 1 };
		connect_many(states[i].signal, sizes[i].others, i == SIZES - 1 ? handles : NULL);
		sides[i] = (struct bench_side){ .work = waiting_loop, .state = &states[i] };
		sides[SIZES + i] =
			(struct bench_side){ .work = deferred_loop, .state = &states[i] };
	}
	states[SIZES - 1].handles = handles;

	bench_measure(sides, COUNT);
	for (size_t i = 0; i < SIZES; i++) {
		char name[64];

		bench_report(sizes[i].name, &sides[i], &sides[LIMIT]);
		snprintf(name, sizeof(name), "%s_deferred", sizes[i].name);
		bench_report(name, &sides[SIZES + i], &sides[LIMIT]);
	}
	report_flat(sides, SIZES);
	bench_report("dispatch.connect_10000_priority", &sides[PRIORITY], &sides[LIMIT]);
	bench_report("dispatch.connect_1000000_random", &sides[RANDOM], &sides[LIMIT]);
	free(handles);
}
