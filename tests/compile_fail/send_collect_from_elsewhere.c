/* SPDX-License-Identifier: MIT */
/* expect-gcc: implicit declaration of function .beat_send_with. */
/* expect-clang: (implicit declaration of|call to undeclared) function .beat_send_with. */
/* Nor with answers. */
#include <peal/dispatch.h>

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
	return PEAL_SEND_COLLECT(beat, NULL, NULL, .number = 1);
}
