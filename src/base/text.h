/* SPDX-License-Identifier: MIT */
/* Reading values from texts of a given size: what the files of peal/value.h share. Each returns what its public
 * counterpart does. */
#ifndef PEAL_BASE_TEXT_H
#define PEAL_BASE_TEXT_H

#include <peal/error.h>
#include <peal/value.h>

int peal__uuid_read(const char *text, size_t size, struct peal_uuid *ret_uuid);
int peal__decimal_read(const char *text, size_t size, struct peal_decimal *ret_decimal);
int peal__date_read(const char *text, size_t size, struct peal_date *ret_date);
int peal__time_of_day_read(const char *text, size_t size, int64_t *ret_microseconds);
int peal__duration_read(const char *text, size_t size, int64_t *ret_microseconds);

void peal__time_of_day_write(int64_t microseconds, char *buffer, size_t size);
void peal__duration_write(int64_t microseconds, char *buffer, size_t size);

#endif
