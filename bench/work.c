/* SPDX-License-Identifier: MIT */
#include "work.h"

long work_counters[WORK_RECEIVERS_MAX];

static struct {
	_Alignas(256) long counter;
} thread_lines[2];
long *const work_thread_counters[2] = { &thread_lines[0].counter, &thread_lines[1].counter };

static long total(void)
{
	long sum = 0;

	for (size_t i = 0; i < WORK_RECEIVERS_MAX; i++)
		sum += work_counters[i];
	return sum;
}

long work_reaches(const struct bench_side *side)
{
	long before = total();

	side->work(side->state, 1);
	return total() - before;
}

void limit_add_amount(void *ctx, const void *sender, const void *args)
{
	const struct fired_args *fired = args;

	(void)sender;
	*(long *)ctx += fired->amount;
}

void limit_count(void *ctx, const void *sender, const void *args)
{
	const struct counted_args *counted = args;

	(void)ctx;
	(void)sender;
	*counted->counter += 1;
}

struct limit_signal *limit_new_with(size_t receivers)
{
	struct limit_signal *signal = limit_new();

	BENCH_CHECK(receivers <= WORK_RECEIVERS_MAX);
	for (size_t i = 0; i < receivers; i++)
		limit_connect(signal, limit_add_amount, &work_counters[i]);
	return signal;
}
