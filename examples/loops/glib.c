/* SPDX-License-Identifier: MIT */
/* The registration under GLib: g_unix_fd_add() on the executor's descriptor is the whole adaptor. */
#include "registration.h"

#include <glib-unix.h>
#include <stdio.h>

struct glib {
	struct loop loop;
	GMainLoop *main;
	void (*function)(void *);
	void *argument;
};

static gboolean on_readable(gint fd, GIOCondition condition, gpointer user)
{
	struct glib *self = user;

	(void)fd;
	(void)condition;
	peal_loop_dispatch(self->loop.executor, 0);
	return G_SOURCE_CONTINUE;
}

static gboolean on_timer(gpointer user)
{
	struct glib *self = user;

	self->function(self->argument);
	return G_SOURCE_REMOVE;
}

static void glib_after(struct loop *loop, unsigned ms, void (*function)(void *), void *argument)
{
	struct glib *self = (struct glib *)loop;

	self->function = function;
	self->argument = argument;
	g_timeout_add(ms, on_timer, self);
}

static void glib_quit(struct loop *loop)
{
	g_main_loop_quit(((struct glib *)loop)->main);
}

static int glib_run(struct glib *self)
{
	guint source = g_unix_fd_add(peal_loop_fd(self->loop.executor), G_IO_IN, on_readable, self);
	int r;

	self->main = g_main_loop_new(NULL, FALSE);
	r = registration_start(&self->loop);
	if (r == 0) {
		g_main_loop_run(self->main);
		r = registration_finish();
	}
	g_main_loop_unref(self->main);
	g_source_remove(source);
	return r;
}

int main(void)
{
	struct glib self = { .loop = { .after = glib_after, .quit = glib_quit } };
	int r;

	r = peal_loop_new(&self.loop.executor);
	if (r == 0)
		r = glib_run(&self);
	peal_loop_free(self.loop.executor);
	if (r != 0)
		fprintf(stderr, "glib: %s\n", peal_strerror(r));
	return r != 0;
}
