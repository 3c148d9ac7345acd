/* SPDX-License-Identifier: MIT */
/*
 * Memory that lives until the scenario has ended, and the ways in which the runner gives up.
 * A scenario is short: nothing of it is freed before its end.
 */
#ifndef KEEP_H
#define KEEP_H

#include <stddef.h>

/* Zeroed memory, never NULL. */
void *keep(size_t size);
char *keep_text(const char *text, size_t size);
void keep_free_all(void);

/* The file and the line that messages name. */
void place_set(const char *file, unsigned line);
unsigned place_line(void);

/* "FILE:LINE: ..." on stderr; the trace so far is written. */
_Noreturn void refuse(const char *format, ...) __attribute__((format(printf, 1, 2))); /* exit 2 */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));    /* exit 1 */
void remark(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
