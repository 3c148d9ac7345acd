/* SPDX-License-Identifier: MIT */
/*
 * peer.h: what a program for a peer has to bring, so that peer.c can measure it. The loops are the
 * peer's own: whatever it can inline is inlined.
 *
 * Its receivers do what ours do (work.h): *counter += args->amount. Its sends pass struct
 * fired_args by pointer.
 */
#ifndef PEER_H
#define PEER_H

#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

struct peer_thread_state {
	void *signal;
	long *counter;
};

struct peer {
	const char *name; /* in the figures: "gobject" */
	const char *version;
	void *(*signal_new)(void);
	/* Connect a receiver that adds amounts to the counter. It stays. */
	void (*connect)(void *signal, long *counter);
	/* The state is the signal. */
	bench_work *send_loop;
	/* The state is the signal: connect a receiver for work_counters[0], and disconnect it. */
	bench_work *connect_loop;
	/*
	 * Two threads that send the same signal, where the peer allows that; else NULL. Connect a
	 * receiver of struct counted_args; the loop's state is a struct peer_thread_state.
	 */
	void *(*counted_new)(void);
	bench_work *count_loop;
};

int peer_main(int argc, char **argv, const struct peer *peer);

#ifdef __cplusplus
}
#endif

#endif
