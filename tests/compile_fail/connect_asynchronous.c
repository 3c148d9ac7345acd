/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* An asynchronous receiver where a synchronous one is expected. */
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

int begin(void);
int begin(void)
{
	int code = PEAL_CONNECT_ASYNC(beat, hear_later);

#ifdef CORRECT
	return code ? code : PEAL_CONNECT(beat, hear);
#else
	(void)hear;
	return code ? code : PEAL_CONNECT(beat, hear_later);
#endif
}
