/* SPDX-License-Identifier: MIT */
/*
 * The loops of the limit: apart from its receivers, as those of every other side.
 */
#include "work.h"

extern unsigned limit_heard;
unsigned limit_heard; /* seen by other files: the compiler cannot know that it stays 0 */

static inline void test(const struct limit_signal *signal)
{
	if (__atomic_load_n(&limit_heard, __ATOMIC_RELAXED) != 0)
		limit_send(signal, NULL, &(const struct fired_args){ .amount = 1 });
}

void limit_test(void *state, uint64_t count)
{
	for (uint64_t i = 0; i < count; i += 8) {
		WORK_EIGHT(test(state))
	}
}

void limit_send_loop(void *state, uint64_t count)
{
	const struct limit_signal *signal = state;

	for (uint64_t i = 0; i < count; i++) {
		limit_send(signal, NULL, &(const struct fired_args){ .amount = 1 });
		BENCH_BARRIER();
	}
}

void limit_connect_loop(void *state, uint64_t count)
{
	struct limit_signal *signal = state;

	for (uint64_t i = 0; i < count; i++) {
		limit_connect(signal, limit_add_amount, &work_counters[0]);
		limit_disconnect(signal, limit_add_amount, &work_counters[0]);
		BENCH_BARRIER();
	}
}

void limit_count_loop(void *state, uint64_t count)
{
	const struct limit_signal *signal = ((const struct limit_count_state *)state)->signal;
	long *counter = ((const struct limit_count_state *)state)->counter;

	for (uint64_t i = 0; i < count; i++) {
		limit_send(signal, NULL, &(const struct counted_args){ .counter = counter });
		BENCH_BARRIER();
	}
}
