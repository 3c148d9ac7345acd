/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A receiver that takes the arguments to write to them. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

#ifdef CORRECT
static int hear(struct peal_call *call, const struct beat_args *args)
#else
static int hear(struct peal_call *call, struct beat_args *args)
#endif
{
	(void)call;
	return args->number;
}

int begin(void);
int begin(void)
{
	return PEAL_CONNECT(beat, hear);
}
