/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A table with a synchronous receiver as an asynchronous one. */
#include <peal/async.h>

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

static void hear_later(struct peal_task *task, const struct beat_args *args)
{
	(void)args;
	peal_task_done(task, 0, NULL);
}

extern const struct peal_receiver receivers[];
const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(beat, hear),
	PEAL_RECEIVER_ASYNC(beat, hear_later),
#ifndef CORRECT
	PEAL_RECEIVER_ASYNC(beat, hear),
#endif
};
