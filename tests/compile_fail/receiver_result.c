/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A receiver that returns nothing. */
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
	(void)args;
	return 0;
}
#else
static void hear(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
}
#endif

int begin(void);
int begin(void)
{
	return PEAL_CONNECT(beat, hear);
}
