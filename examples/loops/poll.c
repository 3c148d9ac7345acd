/* SPDX-License-Identifier: MIT */
/* The registration under plain poll(2). */
#include "registration.h"

#include <poll.h>
#include <stdio.h>

struct poll_loop {
	struct loop loop;
	bool quit;
	/* One timer is all that the registration needs. */
	int wait_ms; /* -1: not set */
	void (*function)(void *);
	void *argument;
};

static void poll_after(struct loop *loop, unsigned ms, void (*function)(void *), void *argument)
{
	struct poll_loop *self = (struct poll_loop *)loop;

	self->wait_ms = (int)ms;
	self->function = function;
	self->argument = argument;
}

static void poll_quit(struct loop *loop)
{
	((struct poll_loop *)loop)->quit = true;
}

static int poll_run(struct poll_loop *self)
{
	struct pollfd fd = { .fd = peal_loop_fd(self->loop.executor), .events = POLLIN };

	while (!self->quit) {
		int ready = poll(&fd, 1, self->wait_ms);

		if (ready < 0)
			return PEAL_ESYS;
		if (ready > 0) {
			peal_loop_dispatch(self->loop.executor, 0);
		} else {
			self->wait_ms = -1;
			self->function(self->argument);
		}
	}
	return registration_finish();
}

int main(void)
{
	struct poll_loop self = { .loop = { .after = poll_after, .quit = poll_quit },
				  .wait_ms = -1 };
	int r;

	r = peal_loop_new(&self.loop.executor);
	if (r == 0)
		r = registration_start(&self.loop);
	if (r == 0)
		r = poll_run(&self);
	peal_loop_free(self.loop.executor);
	if (r != 0)
		fprintf(stderr, "poll: %s\n", peal_strerror(r));
	return r != 0;
}
