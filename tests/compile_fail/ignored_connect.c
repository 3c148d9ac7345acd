/* SPDX-License-Identifier: MIT */
/* expect-gcc: ignoring return value of .peal_connect_described. declared with attribute .warn_unused_result. */
/* expect-clang: ignoring return value of function declared with .warn_unused_result. */
/* The result of a connect is ignored. */
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
	int code = 0;

#ifdef CORRECT
	code = PEAL_CONNECT(beat, hear);
#else
	PEAL_CONNECT(beat, hear);
#endif
	(void)hear;
	return code;
}
