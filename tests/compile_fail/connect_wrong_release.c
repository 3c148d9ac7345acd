/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A release function of another type. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	return args->number;
}

#ifdef CORRECT
static void release(void *user)
#else
static void release(int *user)
#endif
{
	(void)user;
}

int begin(void);
int begin(void)
{
	return PEAL_CONNECT(beat, hear, .release = release);
}
