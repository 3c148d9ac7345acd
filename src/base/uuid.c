/* SPDX-License-Identifier: MIT */
/* Uuids: peal/value.h. */
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct peal_uuid peal_uuid_random(void)
{
	struct peal_uuid uuid;
	ssize_t got;

	/* So few bytes come at once, or, early in the life of a machine, not yet. */
	do
		got = getrandom(uuid.bytes, sizeof(uuid.bytes), 0);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(uuid.bytes))
		return (struct peal_uuid){ { 0 } };
	uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
	uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
	return uuid;
}

bool peal_uuid_is_null(struct peal_uuid uuid)
{
	static const struct peal_uuid null;

	return memcmp(&uuid, &null, sizeof(uuid)) == 0;
}

const char *peal_uuid_format(struct peal_uuid uuid, char *buffer, size_t size)
{
	const uint8_t *b = uuid.bytes;

	snprintf(buffer, size,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	return buffer;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int peal__uuid_read(const char *text, size_t size, struct peal_uuid *ret_uuid)
{
	struct peal_uuid uuid;
	size_t at = 0;

	if (size != 32 && size != 36)
		return PEAL_EINVAL;
	for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
		int high, low;

		if (size == 36 && (i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
			return PEAL_EINVAL;
		high = hex(text[at++]);
		low = hex(text[at++]);
		if (high < 0 || low < 0)
			return PEAL_EINVAL;
		uuid.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret_uuid = uuid;
	return 0;
}

int peal_uuid_parse(const char *text, struct peal_uuid *ret_uuid)
{
	return peal__uuid_read(text, strlen(text), ret_uuid);
}
