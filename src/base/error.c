/* SPDX-License-Identifier: MIT */
/* Result codes and the detail of an error: peal/error.h. Nothing here allocates. */
#include <peal/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *peal_version(void)
{
	return PEAL_VERSION;
}

const char *peal_strerror(int code)
{
	switch (code) {
#define TEXT(name_, value_, text_) \
	case value_:               \
		return text_;
		PEAL_ERROR_CODES(TEXT)
#undef TEXT
	}
	return "unknown error";
}

const char *peal_error_name(int code)
{
	switch (code) {
#define NAME(name_, value_, text_) \
	case value_:               \
		return #name_;
		PEAL_ERROR_CODES(NAME)
#undef NAME
	}
	return "PEAL_?";
}

/*
 * How much of the first size bytes of a text is whole characters of UTF-8: all, or all but the
 * beginning of one at the end. What is no UTF-8 is left as it is.
 */
static size_t cut_at_character(const char *text, size_t size)
{
	size_t lead = size;
	size_t wanted;

	while (lead > 0 && size - lead < 4) {
		unsigned char byte = (unsigned char)text[--lead];

		if ((byte & 0xc0) == 0x80)
			continue;
		wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
		return size - lead < wanted ? lead : size;
	}
	return size;
}

PEAL_PRINTF(2, 0)
static void set_message(struct peal_error *error, const char *format, va_list args)
{
	int size = vsnprintf(error->message, sizeof(error->message), format, args);

	if (size >= (int)sizeof(error->message))
		error->message[cut_at_character(error->message, sizeof(error->message) - 1)] = '\0';
}

int peal_error_set(struct peal_error *error, int code, const char *format, ...)
{
	va_list args;

	if (!error)
		return code;
	peal_error_clear(error);
	error->code = code;
	va_start(args, format);
	set_message(error, format, args);
	va_end(args);
	return code;
}

void peal_error_clear(struct peal_error *error)
{
	if (error)
		memset(error, 0, sizeof(*error));
}

void peal_error_prefix(struct peal_error *error, const char *format, ...)
{
	char rest[PEAL_ERROR_MESSAGE_MAX];
	size_t used;
	size_t size;
	va_list args;

	if (!error)
		return;
	memcpy(rest, error->message, sizeof(rest));
	va_start(args, format);
	set_message(error, format, args);
	va_end(args);
	used = strlen(error->message);
	size = strlen(rest);
	if (size > sizeof(error->message) - 1 - used)
		size = cut_at_character(rest, sizeof(error->message) - 1 - used);
	memcpy(error->message + used, rest, size);
	error->message[used + size] = '\0';
}
