/* SPDX-License-Identifier: MIT */
/* What loading and dumping of fixtures share: bytes as base64 (RFC 4648, padded). */
#ifndef PEAL_MODEL_FIXTURE_H
#define PEAL_MODEL_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

extern const char peal__base64_digits[65];

/* Decodes into room for size / 4 * 3 bytes. False: it is not base64. */
bool peal__base64_read(const char *text, size_t size, unsigned char *room, size_t *ret_size);

#endif
