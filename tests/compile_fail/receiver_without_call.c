/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A receiver without the call. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

#ifdef CORRECT
static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	return args->number;
}
#else
static int hear(const struct beat_args *args)
{
	return args->number;
}
#endif

int begin(void);
int begin(void)
{
	return PEAL_CONNECT(beat, hear);
}
