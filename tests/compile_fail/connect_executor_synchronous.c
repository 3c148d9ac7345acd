/* SPDX-License-Identifier: MIT */
/* expect-gcc: has no member named .executor. */
/* expect-clang: does not refer to any field */
/* A synchronous receiver has no executor. */
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

int begin(struct peal_executor *pool);
int begin(struct peal_executor *pool)
{
	int code = PEAL_CONNECT_ASYNC(beat, hear_later, .executor = pool);

#ifdef CORRECT
	return code ? code : PEAL_CONNECT(beat, hear);
#else
	return code ? code : PEAL_CONNECT(beat, hear, .executor = pool);
#endif
}
