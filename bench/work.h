/* SPDX-License-Identifier: MIT */
/*
 * work.h: what a receiver does, on every side the same; and the limit's side of each comparison.
 *
 * A receiver adds an amount to a counter of its own: with one counter for all of them, each
 * addition would wait for the one before and hide what the dispatcher costs.
 */
#ifndef WORK_H
#define WORK_H

#include "bench.h"
#include "limit.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
	WORK_RECEIVERS_MAX = 100
};

/* For one thread: *ctx += amount. */
struct fired_args {
	long amount;
};

/* For several: the counter belongs to the sending thread. */
struct counted_args {
	long *counter;
};

extern long work_counters[WORK_RECEIVERS_MAX];

/* Eight times in a row: around something so short the loop would be most of what is measured. */
#define WORK_EIGHT(...)        \
	WORK_FOUR(__VA_ARGS__) \
	WORK_FOUR(__VA_ARGS__)
#define WORK_FOUR(...)        \
	WORK_TWO(__VA_ARGS__) \
	WORK_TWO(__VA_ARGS__)
#define WORK_TWO(...)    \
	__VA_ARGS__;     \
	BENCH_BARRIER(); \
	__VA_ARGS__;     \
	BENCH_BARRIER();

/* What all counters gain when the work is done once: how many receivers it reaches. */
long work_reaches(const struct bench_side *side);

limit_fn limit_add_amount; /* struct fired_args */
limit_fn limit_count;      /* struct counted_args */

/* A load and a branch in the caller, eight in a row: nothing finds out faster that nobody hears. */
bench_work limit_test;

/* Send to the receivers of a struct limit_signal. */
bench_work limit_send_loop;

/* Connect one receiver to a struct limit_signal and disconnect it. */
bench_work limit_connect_loop;

/* A limit_signal with so many limit_add_amount, each with one of work_counters. */
struct limit_signal *limit_new_with(size_t receivers);

/* For threads: each has a state of its own, with the same signal, which has one limit_count. */
struct limit_count_state {
	struct limit_signal *signal;
	long *counter;
};
bench_work limit_count_loop;

/* Two counters that share no cache line, not even with a line fetched along. */
extern long *const work_thread_counters[2];

#ifdef __cplusplus
}
#endif

#endif
