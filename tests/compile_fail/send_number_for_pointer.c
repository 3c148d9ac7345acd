/* SPDX-License-Identifier: MIT */
/* expect-gcc: makes pointer from integer */
/* expect-clang: incompatible integer to pointer conversion */
/* A number where a pointer is expected. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

int ring(int number);
int ring(int number)
{
#ifdef CORRECT
	return PEAL_SEND(beat, NULL, .number = number);
#else
	return PEAL_SEND(beat, NULL, .text = number);
#endif
}
