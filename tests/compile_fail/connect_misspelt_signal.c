/* SPDX-License-Identifier: MIT */
/* expect: .baet. undeclared|use of undeclared identifier .baet. */
/* A signal that does not exist. */
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

int begin(void);
int begin(void)
{
#ifdef CORRECT
	return PEAL_CONNECT(beat, hear);
#else
	return PEAL_CONNECT(baet, hear);
#endif
}
