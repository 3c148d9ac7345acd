/* SPDX-License-Identifier: MIT */
/* expect-gcc: ignoring return value of .peal_scope_end. declared with attribute .warn_unused_result. */
/* expect-clang: ignoring return value of function declared with .warn_unused_result. */
/* The result of ending a scope is ignored. */
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

static struct peal_scope scope;

int begin(void);
int begin(void)
{
	int code = 0;

#ifdef CORRECT
	code = peal_scope_end(&scope);
#else
	peal_scope_end(&scope);
#endif
	(void)hear;
	return code;
}
