/* SPDX-License-Identifier: MIT */
/* A plug-in: its receivers, its release function and its signal are gone after dlclose(). */
#include "plugin.h"

PEAL_SIGNAL_DEFINE(said);

extern const struct plugin plugin;

static int *calls;

static int hear_host(struct peal_call *call, const struct host_args *args)
{
	(void)args;
	__atomic_add_fetch((int *)call->user, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int hear_said(struct peal_call *call, const struct said_args *args)
{
	(void)call;
	__atomic_add_fetch(calls, args->number, __ATOMIC_SEQ_CST);
	return 0;
}

static void release(void *user)
{
	__atomic_add_fetch((int *)user, 1, __ATOMIC_SEQ_CST);
}

static int start(struct peal_signal *host, int *ret_calls, int *releases)
{
	int code;

	calls = ret_calls;
	if ((code = PEAL_CONNECT_TO(host, host, hear_host, .user = calls)) ||
	    (code = PEAL_CONNECT_TO(host, host, hear_host, .user = calls, .sender = host)) ||
	    (code = PEAL_CONNECT_TO(host, host, hear_host, .user = releases, .uid = "releases",
				    .sender = &code, .release = release)) ||
	    (code = PEAL_CONNECT(said, hear_said)))
		return code;
	code = PEAL_CONNECT_TO(host, host, hear_host, .sender_name = "plugin.Never");
	return code == PEAL_PENDING ? 0 : code;
}

static int call_back(struct peal_call *call, const struct host_args *args)
{
	struct call_back *back = call->user;

	(void)args;
	back->function(back->user);
	return 0;
}

static int say(int number)
{
	return PEAL_SEND(said, NULL, .number = number);
}

const struct plugin plugin = { start, call_back, release, &said, say };
