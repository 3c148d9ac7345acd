/* SPDX-License-Identifier: MIT */
/* expect-gcc: has no member named .sendername. */
/* expect-clang: does not refer to any field */
/* A table with an option that does not exist. */
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

extern const struct peal_receiver receivers[];
const struct peal_receiver receivers[] = {
#ifdef CORRECT
	PEAL_RECEIVER(beat, hear, .sender_name = "school.Student"),
#else
	PEAL_RECEIVER(beat, hear, .sendername = "school.Student"),
#endif
};
