/* SPDX-License-Identifier: MIT */
#ifndef SCHOOL_RECEIVERS_H
#define SCHOOL_RECEIVERS_H

/* Connect all receivers of the program: what Django does when an application is ready. */
int receivers_begin(void);
void receivers_end(void);

#endif
