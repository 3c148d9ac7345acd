/* SPDX-License-Identifier: MIT */
#include "turn.h"

#include <stddef.h>
#include <time.h>

#define NANOSECONDS INT64_C(1000000000)

int64_t peal__monotonic(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static void turn_init(struct peal__turn *turn)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&turn->come, &attributes);
	pthread_condattr_destroy(&attributes);
}

int peal__turn_wait(struct peal__turn **first, pthread_mutex_t *lock, int64_t deadline,
		    void **ret_gift)
{
	struct timespec until = { .tv_sec = deadline / NANOSECONDS,
				  .tv_nsec = deadline % NANOSECONDS };
	struct peal__turn turn = { .next = NULL };
	struct peal__turn **at = first;
	int r = 0;

	turn_init(&turn);
	while (*at)
		at = &(*at)->next;
	*at = &turn;
	while (!turn.granted && r == 0)
		r = pthread_cond_timedwait(&turn.come, lock, &until);
	if (!turn.granted) {
		for (at = first; *at != &turn;)
			at = &(*at)->next;
		*at = turn.next;
	}
	pthread_cond_destroy(&turn.come);
	if (ret_gift)
		*ret_gift = turn.gift;
	return turn.granted ? 0 : -r;
}

bool peal__turn_grant(struct peal__turn **first, void *gift)
{
	struct peal__turn *turn = *first;

	if (!turn)
		return false;
	*first = turn->next;
	turn->gift = gift;
	turn->granted = true;
	pthread_cond_signal(&turn->come);
	return true;
}
