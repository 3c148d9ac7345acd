/* SPDX-License-Identifier: MIT */
/* expect-gcc: has no member named .numbre. */
/* expect-clang: does not refer to any field */
/* An argument that a signal made at run time does not have. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL_TYPE(beat);

int ring(struct peal_signal *signal);
int ring(struct peal_signal *signal)
{
#ifdef CORRECT
	return PEAL_SEND_TO(beat, signal, NULL, .number = 1);
#else
	return PEAL_SEND_TO(beat, signal, NULL, .numbre = 1);
#endif
}
