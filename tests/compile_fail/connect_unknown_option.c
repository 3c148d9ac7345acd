/* SPDX-License-Identifier: MIT */
/* expect-gcc: has no member named .prio. */
/* expect-clang: does not refer to any field */
/* An option that does not exist. */
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
	return PEAL_CONNECT(beat, hear, .priority = 1);
#else
	return PEAL_CONNECT(beat, hear, .prio = 1);
#endif
}
