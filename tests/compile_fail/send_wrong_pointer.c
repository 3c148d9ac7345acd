/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* An argument that points to another type. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

int ring(const int *number);
int ring(const int *number)
{
#ifdef CORRECT
	(void)number;
	return PEAL_SEND(beat, NULL, .text = "x");
#else
	return PEAL_SEND(beat, NULL, .text = number);
#endif
}
