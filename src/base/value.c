/* SPDX-License-Identifier: MIT */
/* Values of a type known only at run time: peal/value.h. */
#include <peal/value.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct peal_value peal_value_null(void)
{
	return (struct peal_value){ .kind = PEAL_VALUE_NULL };
}

struct peal_value peal_value_bool(bool value)
{
	return (struct peal_value){ .kind = PEAL_VALUE_BOOL, .as.boolean = value };
}

struct peal_value peal_value_int(int64_t value)
{
	return (struct peal_value){ .kind = PEAL_VALUE_INT, .as.integer = value };
}

struct peal_value peal_value_real(double value)
{
	return (struct peal_value){ .kind = PEAL_VALUE_REAL, .as.real = value };
}

struct peal_value peal_value_text(const char *text)
{
	if (!text)
		return peal_value_null();
	return (struct peal_value){ .kind = PEAL_VALUE_TEXT, .as.text = { text, strlen(text) } };
}

struct peal_value peal_value_bytes(const void *data, size_t size)
{
	return (struct peal_value){ .kind = PEAL_VALUE_BYTES, .as.text = { data, size } };
}

struct peal_value peal_value_time(int64_t microseconds)
{
	return (struct peal_value){ .kind = PEAL_VALUE_TIME, .as.integer = microseconds };
}

struct peal_value peal_value_pointer(void *pointer)
{
	return (struct peal_value){ .kind = PEAL_VALUE_POINTER, .as.pointer = pointer };
}

bool peal_value_equal(struct peal_value a, struct peal_value b)
{
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
	case PEAL_VALUE_NULL:
		return true;
	case PEAL_VALUE_BOOL:
		return a.as.boolean == b.as.boolean;
	case PEAL_VALUE_INT:
	case PEAL_VALUE_TIME:
		return a.as.integer == b.as.integer;
	case PEAL_VALUE_REAL:
		return a.as.real == b.as.real;
	case PEAL_VALUE_TEXT:
	case PEAL_VALUE_BYTES:
		return a.as.text.size == b.as.text.size &&
		       (a.as.text.size == 0 ||
			memcmp(a.as.text.data, b.as.text.data, a.as.text.size) == 0);
	case PEAL_VALUE_POINTER:
		return a.as.pointer == b.as.pointer;
	}
	return false;
}

static void format_time(int64_t microseconds, char *buffer, size_t size)
{
	int64_t seconds = microseconds / 1000000;
	int64_t rest = microseconds % 1000000;
	time_t whole;
	struct tm tm;
	char date[64];

	if (rest < 0) {
		rest += 1000000;
		seconds--;
	}
	whole = (time_t)seconds;
	if (!gmtime_r(&whole, &tm) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(buffer, size, "%" PRId64 " us", microseconds);
	else
		snprintf(buffer, size, "%s.%06" PRId64 "Z", date, rest);
}

static void format_bytes(const char *data, size_t count, char *buffer, size_t size)
{
	size_t used = (size_t)snprintf(buffer, size, "x'");

	for (size_t i = 0; i < count && used + 4 < size; i++)
		used += (size_t)snprintf(buffer + used, size - used, "%02x",
					 (unsigned)(unsigned char)data[i]);
	if (used + 1 < size)
		snprintf(buffer + used, size - used, "'");
}

const char *peal_value_format(struct peal_value value, char *buffer, size_t size)
{
	if (size == 0)
		return buffer;
	switch (value.kind) {
	case PEAL_VALUE_BOOL:
		snprintf(buffer, size, "%s", value.as.boolean ? "true" : "false");
		break;
	case PEAL_VALUE_INT:
		snprintf(buffer, size, "%" PRId64, value.as.integer);
		break;
	case PEAL_VALUE_REAL:
		snprintf(buffer, size, "%.17g", value.as.real);
		break;
	case PEAL_VALUE_TEXT:
		snprintf(buffer, size, "\"%.*s\"", (int)value.as.text.size, value.as.text.data);
		break;
	case PEAL_VALUE_BYTES:
		format_bytes(value.as.text.data, value.as.text.size, buffer, size);
		break;
	case PEAL_VALUE_TIME:
		format_time(value.as.integer, buffer, size);
		break;
	case PEAL_VALUE_POINTER:
		snprintf(buffer, size, "%p", value.as.pointer);
		break;
	default:
		snprintf(buffer, size, "null");
	}
	return buffer;
}
