/* SPDX-License-Identifier: MIT */
/*
 * bench.h: how everything in this folder is measured.
 *
 * A side is one way of doing some work: ours, the limit, a peer's. bench_measure() calibrates each
 * side until it runs for at least 10 ms, and then runs all of them, one after the other, in every
 * round. The machine may be slow in one round and fast in the next: so a ratio is taken within each
 * round, and what is reported is the median of the rounds. The spread is half the interquartile
 * range, in per cent of the median.
 *
 * Results go to standard output, one per line, and are read by bench/run:
 *
 *	NAME,VALUE,UNIT[,KEY=VALUE...]
 *	# PROGRAM VERSION
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	BENCH_ROUNDS_MAX = 25
};

/* Do the work count times. */
typedef void bench_work(void *state, uint64_t count);

struct bench_side {
	bench_work *work;
	void *state;
	uint64_t count;                  /* of one round, from the calibration */
	double rounds[BENCH_ROUNDS_MAX]; /* ns for one piece of work */
};

/* Between two pieces of work: the compiler may carry nothing over. */
#define BENCH_BARRIER() __asm__ volatile("" ::: "memory")

/* What a benchmark relies on: a wrong result must not be timed. */
#define BENCH_CHECK(condition_)                                                                    \
	do {                                                                                       \
		if (__builtin_expect(!(condition_), 0)) {                                          \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition_); \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/*
 * To be called first: reads --quick and pins the thread to the last processor. Returns how many
 * arguments it took.
 */
int bench_begin(int argc, char **argv);

/*
 * Start a thread that calls first() (may be NULL) and then sleeps for good. With one thread in the
 * process the C library leaves the atomic instructions out of its locks, which no server would ever
 * see.
 */
void bench_park(void (*first)(void));

/* Pin the calling thread: 0 is the processor of the benchmark, 1 another one, if there is one. */
void bench_pin(unsigned which);
unsigned bench_processors(void);

uint64_t bench_now_ns(void);
unsigned bench_rounds(void);

void bench_measure(struct bench_side *sides, size_t count);

/* Report a side in ns; against another one measured with it, unless limit is NULL. */
void bench_report(const char *name, const struct bench_side *side, const struct bench_side *limit);

/*
 * Report a side whose rounds somebody else has measured, in that unit, less being better; the ratio is the share of the
 * limit's speed that it reaches.
 */
void bench_report_share(const char *name, const char *unit, const struct bench_side *side,
			const struct bench_side *limit);

/* The median of the ratios within the rounds. */
double bench_ratio(const struct bench_side *side, const struct bench_side *limit);

/* The median; sorts the values. */
double bench_median(double *values, size_t count);
/* The value below which this part of the sorted values lies. */
double bench_quantile(const double *sorted, size_t count, double part);

/* What two threads do at once, each with a state of its own. */
struct bench_threads {
	bench_work *work;
	void *states[2];
};

/*
 * Report how many times the work of one thread two do together; against the same factor of the
 * limit (NULL: none). Reports nothing when there is only one processor.
 */
void bench_report_scale(const char *name, const struct bench_threads *ours,
			const struct bench_threads *limit);

/*
 * Call measure() in a process of its own, whose heap has seen nothing else. To be called before
 * there are threads.
 */
double bench_in_child(double (*measure)(void *state), void *state);
/* Bytes that malloc has given out, with its own overhead. */
double bench_heap_bytes(void);

#ifdef __cplusplus
}
#endif

#endif
