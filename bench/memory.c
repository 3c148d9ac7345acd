/* SPDX-License-Identifier: MIT */
/*
 * What a connection costs in memory, all included: a million of them, divided by a million.
 */
#include "groups.h"
#include "receivers.h"

enum {
	MILLION = 1000000
};

static long users[MILLION]; /* only their addresses count: as users, and as senders */

struct memory_state {
	bool by_sender; /* a sender for each connection */
	bool counted;   /* by an allocator of ours; else by asking malloc */
};

static size_t counted_bytes;

static void *count_alloc(void *ctx, size_t size)
{
	*(size_t *)ctx += size;
	return malloc(size);
}

static void count_free(void *ctx, void *pointer, size_t size)
{
	if (pointer)
		*(size_t *)ctx -= size;
	free(pointer);
}

static double bytes_in_use(const struct memory_state *state)
{
	return state->counted ? (double)counted_bytes : bench_heap_bytes();
}

static double connection_bytes(void *arg)
{
	static const struct peal_allocator counting = { &counted_bytes, count_alloc, count_free };
	const struct memory_state *state = arg;
	struct peal_signal *signal;
	double before;

	if (state->counted)
		BENCH_CHECK(peal_set_allocator(&counting) == 0);
	signal = fired_new("memory");
	before = bytes_in_use(state);
	for (size_t i = 0; i < MILLION; i++) {
		const void *sender = state->by_sender ? &users[i] : NULL;

		BENCH_CHECK(PEAL_CONNECT_TO(fired, signal, add_amount, .user = &users[i],
					    .sender = sender) == 0);
	}
	return (bytes_in_use(state) - before) / MILLION;
}

/* The larger of what the library asked for, and what malloc took for it. */
static void report_bytes(const char *name, bool by_sender)
{
	struct memory_state asking = { .by_sender = by_sender, .counted = true };
	struct memory_state taking = { .by_sender = by_sender };
	double asked = bench_in_child(connection_bytes, &asking);
	double taken = bench_in_child(connection_bytes, &taking);

	printf("%s,%.1f,bytes,asked=%.1f,malloc=%.1f\n", name, asked > taken ? asked : taken, asked,
	       taken);
	fflush(stdout);
}

void bench_memory(void)
{
	report_bytes("dispatch.connection_bytes", false);
	report_bytes("dispatch.connection_bytes_by_sender", true);
}
