/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A receiver of another signal. */
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

struct other_args {
	int number;
};

static int hear_other(struct peal_call *call, const struct other_args *args)
{
	(void)call;
	return args->number;
}

int end(void);
int end(void)
{
	(void)hear;
	(void)hear_other;
#ifdef CORRECT
	PEAL_MUTE(beat, hear) {
		return 1;
	}
	return 0;
#else
	PEAL_MUTE(beat, hear_other) {
		return 1;
	}
	return 0;
#endif
}
