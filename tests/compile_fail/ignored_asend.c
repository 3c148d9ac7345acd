/* SPDX-License-Identifier: MIT */
/* expect-gcc: ignoring return value of .(peal_asend|beat_asend). declared with attribute .warn_unused_result. */
/* expect-clang: ignoring return value of function declared with .warn_unused_result. */
/* The result of an asend is ignored: done might never be called. */
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

int begin(void);
int begin(void)
{
	int code = 0;

#ifdef CORRECT
	code = PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1);
#else
	PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1);
#endif
	(void)hear;
	return code;
}
