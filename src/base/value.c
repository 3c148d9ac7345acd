/* SPDX-License-Identifier: MIT */
/* Values of a type known only at run time: peal/value.h. */
#include "text.h"

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

struct peal_value peal_value_uuid(struct peal_uuid uuid)
{
	if (peal_uuid_is_null(uuid))
		return peal_value_null();
	return (struct peal_value){ .kind = PEAL_VALUE_UUID, .as.uuid = uuid };
}

struct peal_value peal_value_decimal(struct peal_decimal decimal)
{
	return (struct peal_value){ .kind = PEAL_VALUE_DECIMAL, .as.decimal = decimal };
}

struct peal_value peal_value_date(struct peal_date date)
{
	struct peal_value value = { .kind = PEAL_VALUE_DATE, .as.integer = 0 };

	if (!date.year && !date.month && !date.day)
		return peal_value_null();
	value.as.date = date;
	return value;
}

struct peal_value peal_value_time_of_day(int64_t microseconds)
{
	return (struct peal_value){ .kind = PEAL_VALUE_TIME_OF_DAY, .as.integer = microseconds };
}

struct peal_value peal_value_duration(int64_t microseconds)
{
	return (struct peal_value){ .kind = PEAL_VALUE_DURATION, .as.integer = microseconds };
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
	case PEAL_VALUE_TIME_OF_DAY:
	case PEAL_VALUE_DURATION:
		return a.as.integer == b.as.integer;
	case PEAL_VALUE_UUID:
		return memcmp(&a.as.uuid, &b.as.uuid, sizeof(a.as.uuid)) == 0;
	case PEAL_VALUE_DECIMAL:
		return peal_decimal_compare(a.as.decimal, b.as.decimal) == 0;
	case PEAL_VALUE_DATE:
		return memcmp(&a.as.date, &b.as.date, sizeof(a.as.date)) == 0;
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

	if (rest < 0) {
		rest += 1000000;
		seconds--;
	}
	whole = (time_t)seconds;
	if (!gmtime_r(&whole, &tm))
		snprintf(buffer, size, "%" PRId64 " us", microseconds);
	else
		snprintf(buffer, size, "%04lld-%02d-%02dT%02d:%02d:%02d.%06" PRId64 "Z",
			 tm.tm_year + 1900LL, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec, rest);
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
	case PEAL_VALUE_UUID:
		return peal_uuid_format(value.as.uuid, buffer, size);
	case PEAL_VALUE_DECIMAL:
		return peal_decimal_format(value.as.decimal, buffer, size);
	case PEAL_VALUE_DATE:
		snprintf(buffer, size, "%04d-%02d-%02d", value.as.date.year, value.as.date.month,
			 value.as.date.day);
		break;
	case PEAL_VALUE_TIME_OF_DAY:
		peal__time_of_day_write(value.as.integer, buffer, size);
		break;
	case PEAL_VALUE_DURATION:
		peal__duration_write(value.as.integer, buffer, size);
		break;
	default:
		snprintf(buffer, size, "null");
	}
	return buffer;
}

int peal_value_parse(enum peal_value_kind kind, const char *text, size_t size,
		     struct peal_value *ret_value)
{
	struct peal_value value = { .kind = kind };
	int r = PEAL_EINVAL;

	switch (kind) {
	case PEAL_VALUE_UUID:
		r = peal__uuid_read(text, size, &value.as.uuid);
		break;
	case PEAL_VALUE_DECIMAL:
		r = peal__decimal_read(text, size, &value.as.decimal);
		break;
	case PEAL_VALUE_DATE:
		r = peal__date_read(text, size, &value.as.date);
		break;
	case PEAL_VALUE_TIME_OF_DAY:
		r = peal__time_of_day_read(text, size, &value.as.integer);
		break;
	case PEAL_VALUE_DURATION:
		r = peal__duration_read(text, size, &value.as.integer);
		break;
	default:
		break;
	}
	if (r == 0)
		*ret_value = value;
	return r;
}
