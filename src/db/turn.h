/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for one thing, first come, first served: who gives it up hands it to the first of them, so that
 * nobody who comes later is sooner.
 */
#ifndef PEAL_DB_TURN_H
#define PEAL_DB_TURN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* One waiting thread, on its stack. A list of them is a pointer to the first; NULL: nobody waits. */
struct peal__turn {
	struct peal__turn *next;
	pthread_cond_t come;
	bool granted;
	void *gift; /* what it was given; the list's owner knows what that is */
};

int64_t peal__monotonic(void); /* now, in nanoseconds */

/*
 * Wait behind all others until a turn is granted, or the deadline has passed. lock is the list's; it is held at the
 * call and afterwards, and not meanwhile. 0, or -ETIMEDOUT.
 */
int peal__turn_wait(struct peal__turn **first, pthread_mutex_t *lock, int64_t deadline,
		    void **ret_gift);

/* Under the lock: the first one's turn has come. False when nobody waits. */
bool peal__turn_grant(struct peal__turn **first, void *gift);

#endif
