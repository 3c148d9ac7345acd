/* SPDX-License-Identifier: MIT */
/*
 * Date and time in UTC as text: "2026-03-01 09:30:00" with ".000000" behind it where there are microseconds, for all
 * years from 0001 to 9999. No locale, no time zone of the machine.
 */
#ifndef PEAL_DB_TIMESTAMP_H
#define PEAL_DB_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEAL__TIMESTAMP_MAX 32

/* Write it with a NUL; returns its length. Times beyond the years are cut to the first or last moment. */
size_t peal__timestamp_write(int64_t microseconds, char *text);

/* Reads also a "T" between the two, 1 to 6 digits of a second or none, and "Z", "+00:00" or "+00" at the end. */
bool peal__timestamp_read(const char *text, size_t size, int64_t *ret_microseconds);

#endif
