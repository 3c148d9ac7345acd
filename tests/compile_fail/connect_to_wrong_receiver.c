/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A receiver of another signal for one made at run time. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL_TYPE(beat);

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

int begin(struct peal_signal *signal);
int begin(struct peal_signal *signal)
{
	(void)hear;
	(void)hear_other;
#ifdef CORRECT
	return PEAL_CONNECT_TO(beat, signal, hear);
#else
	return PEAL_CONNECT_TO(beat, signal, hear_other);
#endif
}
