/* SPDX-License-Identifier: MIT */
/* expect-gcc: has no member named .numbre. */
/* expect-clang: does not refer to any field */
/* An argument that the signal does not have. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

int ring(void);
int ring(void)
{
#ifdef CORRECT
	return PEAL_SEND(beat, NULL, .number = 1);
#else
	return PEAL_SEND(beat, NULL, .numbre = 1);
#endif
}
