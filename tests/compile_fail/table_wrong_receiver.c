/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A table with a receiver of another signal. */
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

extern const struct peal_receiver receivers[];
const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(beat, hear),
#ifndef CORRECT
	PEAL_RECEIVER(beat, hear_other),
#endif
};

int (*unused(void))(struct peal_call *, const struct other_args *);
int (*unused(void))(struct peal_call *, const struct other_args *)
{
	return hear_other;
}
