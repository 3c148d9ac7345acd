/* SPDX-License-Identifier: MIT */
/*
 * A registration, without a word about event loops: it needs an executor to start its receivers on, and somebody who
 * calls it back later. poll.c, uv.c and glib.c supply both, each by its own loop.
 */
#ifndef REGISTRATION_H
#define REGISTRATION_H

#include <peal/async.h>

/* What the loop supplies. */
struct loop {
	struct peal_executor *executor; /* made by peal_loop_new() */
	/* Call function(argument) in the loop's thread, after so many milliseconds. */
	void (*after)(struct loop *loop, unsigned ms, void (*function)(void *), void *argument);
	/* The program is done: leave the loop. */
	void (*quit)(struct loop *loop);
};

/* Connect the receivers and register a user; returns at once, 0 or an error. loop->quit() is called at the end. */
int registration_start(struct loop *loop);

/*
 * End the connections, which must be gone before the executor is. Returns what the receivers met with: 0 when all
 * went well, PEAL_PENDING when they were not done.
 */
int registration_finish(void);

#endif
