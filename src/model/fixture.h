/* SPDX-License-Identifier: MIT */
/* What loading and dumping of fixtures share: parts of JSON, and bytes as base64 (RFC 4648, padded). */
#ifndef PEAL_MODEL_FIXTURE_H
#define PEAL_MODEL_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "heap.h"

extern const char peal__base64_digits[65];

/* Decodes into room for size / 4 * 3 bytes. False: it is not base64. */
bool peal__base64_read(const char *text, size_t size, unsigned char *room, size_t *ret_size);

/* A text in quotes; a real, in the shortest form that reads back as the same. False: JSON has no such number. */
void peal__json_add_text(struct peal__text *text, const char *data, size_t size);
bool peal__json_add_real(struct peal__text *text, double real);

#endif
