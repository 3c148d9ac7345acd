/* SPDX-License-Identifier: MIT */
/* expect: .baet. undeclared|use of undeclared identifier .baet. */
/* A signal that does not exist. */
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
	return PEAL_SEND(baet, NULL, .number = 1);
#endif
}
