/* SPDX-License-Identifier: MIT */
/* expect-gcc: expects argument of type .char \*. */
/* expect-clang: format specifies type .char \*. */
/* The format of a message is checked. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

int report(struct peal_error *error, int number);
int report(struct peal_error *error, int number)
{
#ifdef CORRECT
	return peal_error_set(error, PEAL_EINVAL, "number %d", number);
#else
	return peal_error_set(error, PEAL_EINVAL, "number %s", number);
#endif
}
