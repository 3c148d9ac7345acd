/* SPDX-License-Identifier: MIT */
/* What happens when a result is published. */
#ifndef NOTIFY_H
#define NOTIFY_H

/* Connect the receivers. Returns 0 or an error. */
int notify_connect(void);

#endif
