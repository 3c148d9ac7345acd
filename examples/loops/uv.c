/* SPDX-License-Identifier: MIT */
/* The registration under libuv: a uv_poll_t on the executor's descriptor is the whole adaptor. */
#include "registration.h"

#include <stdio.h>
#include <uv.h>

struct uv {
	struct loop loop;
	uv_loop_t uv;
	uv_poll_t poll;
	uv_timer_t timer;
	void (*function)(void *);
	void *argument;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct uv *self = poll->data;

	(void)status;
	(void)events;
	peal_loop_dispatch(self->loop.executor, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct uv *self = timer->data;

	self->function(self->argument);
}

static void uv_after(struct loop *loop, unsigned ms, void (*function)(void *), void *argument)
{
	struct uv *self = (struct uv *)loop;

	self->function = function;
	self->argument = argument;
	uv_timer_start(&self->timer, on_timer, ms, 0);
}

static void uv_quit(struct loop *loop)
{
	struct uv *self = (struct uv *)loop;

	/* Without open handles uv_run() returns. */
	uv_close((uv_handle_t *)&self->poll, NULL);
	uv_close((uv_handle_t *)&self->timer, NULL);
}

static int uv_start(struct uv *self)
{
	self->poll.data = self->timer.data = self;
	if (uv_loop_init(&self->uv) != 0)
		return PEAL_ESYS;
	if (uv_timer_init(&self->uv, &self->timer) != 0 ||
	    uv_poll_init(&self->uv, &self->poll, peal_loop_fd(self->loop.executor)) != 0 ||
	    uv_poll_start(&self->poll, UV_READABLE, on_readable) != 0)
		return PEAL_ESYS;
	return registration_start(&self->loop);
}

int main(void)
{
	struct uv self = { .loop = { .after = uv_after, .quit = uv_quit } };
	int r;

	r = peal_loop_new(&self.loop.executor);
	if (r == 0)
		r = uv_start(&self);
	if (r == 0)
		r = uv_run(&self.uv, UV_RUN_DEFAULT) != 0 || uv_loop_close(&self.uv) != 0
			    ? PEAL_ESYS
			    : registration_finish();
	peal_loop_free(self.loop.executor);
	if (r != 0)
		fprintf(stderr, "uv: %s\n", peal_strerror(r));
	return r != 0;
}
