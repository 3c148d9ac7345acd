/* SPDX-License-Identifier: MIT */
/* expect: incomplete type|invalid application of .sizeof. */
/* A signal needs its struct of arguments. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

#ifdef CORRECT
struct tone_args {
	int pitch;
};
#endif
PEAL_SIGNAL(tone);
