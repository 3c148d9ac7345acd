/* SPDX-License-Identifier: MIT */
#include "peer.h"

static const struct peer *peer;

static void figure(char *name, size_t size, const char *what, size_t count)
{
	snprintf(name, size, "peer.%s.%s_%zu", peer->name, what, count);
}

static void send_n(size_t receivers)
{
	struct limit_signal *limit = limit_new_with(receivers);
	struct bench_side sides[] = {
		{ .work = peer->send_loop, .state = peer->signal_new() },
		{ .work = receivers ? limit_send_loop : limit_test, .state = limit },
	};
	char name[64];

	for (size_t i = 0; i < receivers; i++)
		peer->connect(sides[0].state, &work_counters[i]);
	BENCH_CHECK(work_reaches(&sides[0]) == (long)receivers);
	bench_measure(sides, 2);
	figure(name, sizeof(name), "send", receivers);
	bench_report(name, &sides[0], &sides[1]);
	limit_free(limit);
}

static void connect_n(size_t others)
{
	struct limit_signal *limit = limit_new();
	struct bench_side sides[] = {
		{ .work = peer->connect_loop, .state = peer->signal_new() },
		{ .work = limit_connect_loop, .state = limit },
	};
	static long users[10000];
	char name[64];

	for (size_t i = 0; i < others; i++)
		peer->connect(sides[0].state, &users[i]);
	bench_measure(sides, 2);
	figure(name, sizeof(name), "connect", others);
	bench_report(name, &sides[0], &sides[1]);
	limit_free(limit);
}

static void threads_2(void)
{
	void *signal = peer->counted_new();
	struct limit_signal *limit_signal = limit_new();
	struct peer_thread_state states[] = {
		{ signal, work_thread_counters[0] },
		{ signal, work_thread_counters[1] },
	};
	struct limit_count_state limit_states[] = {
		{ limit_signal, work_thread_counters[0] },
		{ limit_signal, work_thread_counters[1] },
	};
	const struct bench_threads threads = { peer->count_loop, { &states[0], &states[1] } };
	const struct bench_threads limit = { limit_count_loop,
					     { &limit_states[0], &limit_states[1] } };
	char name[64];

	limit_connect(limit_signal, limit_count, NULL);
	figure(name, sizeof(name), "threads", 2);
	bench_report_scale(name, &threads, &limit);
	limit_free(limit_signal);
}

static double connection_bytes(void *state)
{
	enum {
		MANY = 200000
	};
	static long users[MANY];
	void *signal = peer->signal_new();
	double before = bench_heap_bytes();

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		peer->connect(signal, &users[i]);
	return (bench_heap_bytes() - before) / MANY;
}

int peer_main(int argc, char **argv, const struct peer *the_peer)
{
	peer = the_peer;
	bench_begin(argc, argv);
	printf("# %s\n", peer->version);
	printf("peer.%s.connection_bytes,%.1f,bytes\n", peer->name,
	       bench_in_child(connection_bytes, NULL));
	bench_park(NULL);
	send_n(0);
	send_n(1);
	send_n(10);
	send_n(100);
	connect_n(0);
	connect_n(100);
	connect_n(10000);
	if (peer->counted_new)
		threads_2();
	return 0;
}
