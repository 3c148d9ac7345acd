/* SPDX-License-Identifier: MIT */
/* What the host and its plug-ins agree upon: a signal, and how a plug-in presents itself. */
#ifndef BELL_H
#define BELL_H

#include <peal/dispatch.h>

struct bell_rung_args {
	const char *lesson;
};
PEAL_SIGNAL_DECLARE(bell_rung);

/* Every plug-in exports one of these by the name "plugin". */
struct plugin {
	const char *name;
	const struct peal_receiver *receivers;
	size_t receiver_count;
};

#endif
