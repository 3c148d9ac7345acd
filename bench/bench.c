/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUND_NS 10000000u   /* one side in one round lasts at least this long */
#define THREADS_NS 20000000u /* threads run for this long */
#define THREADS_STEP 512u    /* pieces of work between two looks at the clock's flag */

static unsigned rounds = BENCH_ROUNDS_MAX;
static int processors[2];
static unsigned processor_count;

uint64_t bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned bench_rounds(void)
{
	return rounds;
}

unsigned bench_processors(void)
{
	return processor_count;
}

void bench_pin(unsigned which)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)processors[which < processor_count ? which : 0], &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int bench_begin(int argc, char **argv)
{
	cpu_set_t allowed;

	BENCH_CHECK(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
	for (int i = CPU_SETSIZE - 1; i >= 0 && processor_count < 2; i--) {
		if (CPU_ISSET((size_t)i, &allowed))
			processors[processor_count++] = i;
	}
	bench_pin(0);
	if (argc > 1 && strcmp(argv[1], "--quick") == 0) {
		rounds = 5;
		return 1;
	}
	return 0;
}

struct parking {
	void (*first)(void);
	sem_t parked;
};

static void *park(void *arg)
{
	struct parking *parking = arg;

	if (parking->first)
		parking->first();
	sem_post(&parking->parked);
	for (;;)
		pause();
	return NULL;
}

void bench_park(void (*first)(void))
{
	struct parking parking = { .first = first };
	pthread_t thread;

	sem_init(&parking.parked, 0, 0);
	BENCH_CHECK(pthread_create(&thread, NULL, park, &parking) == 0);
	pthread_detach(thread);
	while (sem_wait(&parking.parked) != 0)
		;
	sem_destroy(&parking.parked);
}

/* ----------------------------------------------------------------------------------------------
 * Statistics
 */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_quantile(const double *sorted, size_t count, double part)
{
	double place = part * (double)(count - 1);
	size_t below = (size_t)place;
	size_t above = below + 1 < count ? below + 1 : below;

	return sorted[below] + (sorted[above] - sorted[below]) * (place - (double)below);
}

double bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return bench_quantile(values, count, 0.5);
}

struct summary {
	double median;
	double spread; /* per cent */
};

static struct summary summarize(const double *values)
{
	double sorted[BENCH_ROUNDS_MAX];
	struct summary summary;

	memcpy(sorted, values, rounds * sizeof(*sorted));
	summary.median = bench_median(sorted, rounds);
	summary.spread =
		50.0 *
		(bench_quantile(sorted, rounds, 0.75) - bench_quantile(sorted, rounds, 0.25)) /
		summary.median;
	return summary;
}

/* The quotients, round by round. */
static struct summary summarize_ratio(const double *values, const double *limits)
{
	double ratios[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++)
		ratios[i] = values[i] / limits[i];
	return summarize(ratios);
}

double bench_ratio(const struct bench_side *side, const struct bench_side *limit)
{
	return summarize_ratio(side->rounds, limit->rounds).median;
}

static void report(const char *name, const char *unit, const double *values, const double *limits)
{
	struct summary value = summarize(values);

	if (limits) {
		struct summary ratio = summarize_ratio(values, limits);

		printf("%s,%.6g,%s,limit=%.6g,ratio=%.4g,spread=%.2g\n", name, value.median, unit,
		       summarize(limits).median, ratio.median, ratio.spread);
	} else {
		printf("%s,%.6g,%s,spread=%.2g\n", name, value.median, unit, value.spread);
	}
	fflush(stdout);
}

void bench_report(const char *name, const struct bench_side *side, const struct bench_side *limit)
{
	report(name, "ns", side->rounds, limit ? limit->rounds : NULL);
}

void bench_report_share(const char *name, const char *unit, const struct bench_side *side,
			const struct bench_side *limit)
{
	struct summary share = summarize_ratio(limit->rounds, side->rounds);

	printf("%s,%.6g,%s,limit=%.6g,ratio=%.4g,spread=%.2g\n", name,
	       summarize(side->rounds).median, unit, summarize(limit->rounds).median, share.median,
	       share.spread);
	fflush(stdout);
}

/* ----------------------------------------------------------------------------------------------
 * One thread
 */

static uint64_t time_side(const struct bench_side *side)
{
	uint64_t start = bench_now_ns();

	side->work(side->state, side->count);
	return bench_now_ns() - start;
}

static void calibrate(struct bench_side *side)
{
	side->count = 1;
	for (;;) {
		uint64_t ns = time_side(side);

		if (ns >= ROUND_NS)
			return;
		/* A short first look is no basis for a big step. */
		if (ns < ROUND_NS / 50)
			side->count *= 10;
		else
			side->count =
				(uint64_t)((double)side->count * 1.1 * ROUND_NS / (double)ns) + 1;
	}
}

void bench_measure(struct bench_side *sides, size_t count)
{
	for (size_t i = 0; i < count; i++)
		calibrate(&sides[i]);
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			/* To and fro, so that nobody always runs after the same other one. */
			struct bench_side *side = &sides[round % 2 == 0 ? i : count - 1 - i];

			side->rounds[round] = (double)time_side(side) / (double)side->count;
		}
	}
}

/* ----------------------------------------------------------------------------------------------
 * Two threads
 */

struct worker {
	const struct bench_threads *threads;
	unsigned index;
	pthread_barrier_t *start;
	int *stop;
	double rate; /* pieces of work in a ns */
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	bench_work *run = worker->threads->work;
	void *state = worker->threads->states[worker->index];
	uint64_t count = 0;
	uint64_t start;

	bench_pin(worker->index);
	run(state, THREADS_STEP);
	pthread_barrier_wait(worker->start);
	start = bench_now_ns();
	while (!__atomic_load_n(worker->stop, __ATOMIC_RELAXED)) {
		run(state, THREADS_STEP);
		count += THREADS_STEP;
	}
	worker->rate = (double)count / (double)(bench_now_ns() - start);
	return NULL;
}

/* The work that count threads do together in a ns, the first of them on this processor. */
static double throughput(const struct bench_threads *threads, unsigned first, unsigned count)
{
	const struct timespec while_running = { .tv_nsec = THREADS_NS };
	struct worker workers[2];
	pthread_t ids[2];
	pthread_barrier_t start;
	int stop = 0;
	double rate = 0;

	pthread_barrier_init(&start, NULL, count + 1);
	for (unsigned i = 0; i < count; i++) {
		workers[i] = (struct worker){ threads, first + i, &start, &stop, 0 };
		BENCH_CHECK(pthread_create(&ids[i], NULL, work, &workers[i]) == 0);
	}
	pthread_barrier_wait(&start);
	nanosleep(&while_running, NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(ids[i], NULL);
		rate += workers[i].rate;
	}
	pthread_barrier_destroy(&start);
	return rate;
}

/* Processors need not be equally fast, with other people's work on them: one thread is the mean. */
static double scale(const struct bench_threads *threads)
{
	double alone = (throughput(threads, 0, 1) + throughput(threads, 1, 1)) / 2;

	return throughput(threads, 0, 2) / alone;
}

void bench_report_scale(const char *name, const struct bench_threads *ours,
			const struct bench_threads *limit)
{
	double scales[BENCH_ROUNDS_MAX];
	double limits[BENCH_ROUNDS_MAX];

	if (processor_count < 2) {
		fprintf(stderr, "%s: not measured, there is only one processor\n", name);
		return;
	}
	for (unsigned round = 0; round < rounds; round++) {
		scales[round] = scale(ours);
		if (limit)
			limits[round] = scale(limit);
	}
	report(name, "times", scales, limit ? limits : NULL);
}

/* ----------------------------------------------------------------------------------------------
 * Memory
 */

double bench_heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)info.uordblks + (double)info.hblkhd;
}

double bench_in_child(double (*measure)(void *state), void *state)
{
	double result = 0;
	int ends[2];
	int status;
	pid_t child;

	BENCH_CHECK(pipe(ends) == 0);
	fflush(stdout);
	child = fork();
	BENCH_CHECK(child >= 0);
	if (child == 0) {
		result = measure(state);
		_exit(write(ends[1], &result, sizeof(result)) != sizeof(result));
	}
	BENCH_CHECK(waitpid(child, &status, 0) == child && status == 0);
	BENCH_CHECK(read(ends[0], &result, sizeof(result)) == sizeof(result));
	close(ends[0]);
	close(ends[1]);
	return result;
}
