/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A receiver of the arguments of another signal. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

struct other_args {
	int number;
	const char *text;
};

#ifdef CORRECT
static int hear(struct peal_call *call, const struct beat_args *args)
#else
static int hear(struct peal_call *call, const struct other_args *args)
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
