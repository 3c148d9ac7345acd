/* SPDX-License-Identifier: MIT */
/*
 * receivers.h: Peal's receivers; what they do is in work.h.
 */
#ifndef RECEIVERS_H
#define RECEIVERS_H

#include "work.h"

#include <peal/dispatch.h>

/* Both signals are defined in send.c. Other files make signals of these types at run time. */
PEAL_SIGNAL_DECLARE(fired);
PEAL_SIGNAL_DECLARE(counted);

fired_fn add_amount;
fired_fn answer_amount; /* also responds with it */
counted_fn count_one;

/* A signal of type fired, with no receivers yet. */
struct peal_signal *fired_new(const char *name);

#endif
