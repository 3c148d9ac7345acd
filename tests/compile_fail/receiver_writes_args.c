/* SPDX-License-Identifier: MIT */
/* expect-gcc: assignment of member .number. in read-only object */
/* expect-clang: read-only variable is not assignable|cannot assign to variable .args. with const-qualified */
/* A receiver that writes to its arguments. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
#ifndef CORRECT
	args->number = 1;
#endif
	return args->number;
}

int begin(void);
int begin(void)
{
	return PEAL_CONNECT(beat, hear);
}
