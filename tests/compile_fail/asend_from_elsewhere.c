/* SPDX-License-Identifier: MIT */
/* expect-gcc: implicit declaration of function .beat_asend. */
/* expect-clang: (implicit declaration of|call to undeclared) function .beat_asend. */
/* Nor without waiting. */
#include <peal/async.h>

struct beat_args {
	int number;
	const char *text;
};
#ifdef CORRECT
PEAL_SIGNAL_DECLARE_PUBLIC(beat);
#else
PEAL_SIGNAL_DECLARE(beat);
#endif

int ring(void);
int ring(void)
{
	return PEAL_ASEND(beat, NULL, NULL, NULL, .number = 1);
}
