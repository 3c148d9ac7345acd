/* SPDX-License-Identifier: MIT */
/*
 * How long a disconnect waits when its own receiver does not run, but another one of the same
 * signal does, for long, in a send that has yet to come to this one, or has passed it.
 */
#include "groups.h"
#include "receivers.h"

#include <pthread.h>
#include <semaphore.h>

#define BUSY_NS 100000000u

enum {
	WAIT_IDLE = 32,
	WAIT_ROUNDS = 64
};

struct busy {
	struct peal_signal *signal;
	sem_t go;
	sem_t gone;
	bool running;
	bool stop;
	bool quit;
};

/* The long-running receiver: until it is told to stop, or for 100 ms. */
static int stay_busy(struct peal_call *call, const struct fired_args *args)
{
	struct busy *busy = call->user;
	uint64_t end = bench_now_ns() + BUSY_NS;

	(void)args;
	__atomic_store_n(&busy->running, true, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&busy->stop, __ATOMIC_SEQ_CST) && bench_now_ns() < end)
		;
	__atomic_store_n(&busy->running, false, __ATOMIC_SEQ_CST);
	return 0;
}

static void *send_when_told(void *arg)
{
	struct busy *busy = arg;

	bench_pin(1);
	for (;;) {
		while (sem_wait(&busy->go) != 0)
			;
		if (busy->quit)
			return NULL;
		PEAL_SEND_TO(fired, busy->signal, NULL, .amount = 1);
		sem_post(&busy->gone);
	}
}

/*
 * Connect idle receivers before and after the busy one, start the send, and disconnect the idle
 * ones while it hangs in the busy one. Returns whether the busy one was still running at the end:
 * nobody has waited for it.
 */
static bool wait_round(struct busy *busy, double *ret_us)
{
	struct peal_handle handles[WAIT_IDLE];
	struct peal_handle busy_handle;
	bool still_running;

	for (size_t i = 0; i < WAIT_IDLE; i++) {
		if (i == WAIT_IDLE / 2)
			BENCH_CHECK(PEAL_CONNECT_TO(fired, busy->signal, stay_busy, .user = busy,
						    .ret_handle = &busy_handle) == 0);
		BENCH_CHECK(PEAL_CONNECT_TO(fired, busy->signal, add_amount,
					    .user = &work_counters[i],
					    .ret_handle = &handles[i]) == 0);
	}
	busy->stop = false;
	sem_post(&busy->go);
	while (!__atomic_load_n(&busy->running, __ATOMIC_SEQ_CST))
		;
	for (size_t i = 0; i < WAIT_IDLE; i++) {
		uint64_t start = bench_now_ns();

		BENCH_CHECK(peal_disconnect(handles[i]) == 0);
		ret_us[i] = (double)(bench_now_ns() - start) / 1e3;
	}
	still_running = __atomic_load_n(&busy->running, __ATOMIC_SEQ_CST);
	__atomic_store_n(&busy->stop, true, __ATOMIC_SEQ_CST);
	while (sem_wait(&busy->gone) != 0)
		;
	BENCH_CHECK(peal_disconnect(busy_handle) == 0);
	return still_running;
}

void bench_wait(void)
{
	static double us[WAIT_ROUNDS * WAIT_IDLE];
	struct busy busy = { .signal = fired_new("busy") };
	size_t waited = 0;
	pthread_t thread;
	double median;

	sem_init(&busy.go, 0, 0);
	sem_init(&busy.gone, 0, 0);
	BENCH_CHECK(pthread_create(&thread, NULL, send_when_told, &busy) == 0);
	for (size_t round = 0; round < WAIT_ROUNDS; round++) {
		if (!wait_round(&busy, &us[round * WAIT_IDLE]))
			waited++;
	}
	busy.quit = true;
	sem_post(&busy.go);
	pthread_join(thread, NULL);

	median = bench_median(us, PEAL_COUNTOF(us));
	printf("dispatch.disconnect_wait,%.3f,us,p99=%.3f,max=%.3f,waited=%zu\n", median,
	       bench_quantile(us, PEAL_COUNTOF(us), 0.99), us[PEAL_COUNTOF(us) - 1], waited);
	peal_signal_free(busy.signal);
}
