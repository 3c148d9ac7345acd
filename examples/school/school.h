/* SPDX-License-Identifier: MIT */
/* What the parts of the program share: its settings, and what it has counted. */
#ifndef SCHOOL_H
#define SCHOOL_H

#include <stdbool.h>
#include <stddef.h>

struct school {
	const char *data;  /* directory with students.csv, photos/ and articles/ */
	const char *media; /* directory for uploaded files; what is in there is ours */
	bool quiet;
	unsigned rows_accepted;
	unsigned rows_skipped;
	unsigned signals_sent;
	unsigned receivers_called;
};

extern struct school school;

#endif
