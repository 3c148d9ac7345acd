/* SPDX-License-Identifier: MIT */
/* A plug-in: it counts the lessons. */
#include "bell.h"

#include <stdio.h>

static int lessons;

static int count_lesson(struct peal_call *call, const struct bell_rung_args *args)
{
	(void)call;
	lessons++;
	printf("counter: lesson %d was %s\n", lessons, args->lesson);
	return 0;
}

static const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(bell_rung, count_lesson),
};

extern const struct plugin plugin;
PEAL_API const struct plugin plugin = {
	.name = "counter",
	.receivers = receivers,
	.receiver_count = PEAL_COUNTOF(receivers),
};
