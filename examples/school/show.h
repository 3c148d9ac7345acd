/* SPDX-License-Identifier: MIT */
/* All output of the program, on stdout; problems and progress go to stderr. */
#ifndef SCHOOL_SHOW_H
#define SCHOOL_SHOW_H

#include <peal/error.h>

/* Show every signal and receiver from now on, unless the program is quiet; count them in any case. */
void show_begin(void);
void show_end(void);

/* A line of the program's own, and the title of what follows; not when it is quiet. */
void say(const char *format, ...) PEAL_PRINTF(1, 2);
void heading(const char *title);

/* "students.csv:7: skipped: there is no name", and counted. */
void skipped(const char *file, unsigned line, const char *reason);

/* How far something is, on a terminal only. 100 ends the line. */
void progress(const char *what, unsigned percent);

/* The students as a table, and what the program has done. */
int show_students(struct peal_error *error);
int show_summary(struct peal_error *error);

#endif
