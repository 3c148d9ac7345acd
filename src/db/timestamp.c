/* SPDX-License-Identifier: MIT */
#include "timestamp.h"

#include <peal/value.h>

#include <string.h>

#define DAY INT64_C(86400000000)
#define FIRST INT64_C(-62135596800000000) /* 0001-01-01 */
#define LAST INT64_C(253402300799999999)  /* 9999-12-31 */
#define DATE_SIZE 10
#define SIZE 19           /* "2026-03-01 09:30:00" */
#define SIZE_WITH_PART 26 /* "2026-03-01 09:30:00.000000" */

static void digits_write(char *text, int64_t number, int count)
{
	while (count-- > 0) {
		text[count] = (char)('0' + number % 10);
		number /= 10;
	}
}

size_t peal__timestamp_write(int64_t t, char *text)
{
	struct peal_date date;
	uint32_t second, part;
	int64_t days;

	t = t < FIRST ? FIRST : t > LAST ? LAST : t;
	days = t / DAY - (t % DAY < 0);
	date = peal_date_from_days(days);
	second = (uint32_t)((t - days * DAY) / 1000000);
	part = (uint32_t)((t - days * DAY) % 1000000);
	memcpy(text, "0000-00-00 00:00:00.000000", SIZE_WITH_PART + 1);
	digits_write(text, date.year, 4);
	digits_write(text + 5, date.month, 2);
	digits_write(text + 8, date.day, 2);
	digits_write(text + 11, second / 3600, 2);
	digits_write(text + 14, second / 60 % 60, 2);
	digits_write(text + 17, second % 60, 2);
	if (part)
		digits_write(text + SIZE + 1, part, 6);
	else
		text[SIZE] = '\0';
	return part ? SIZE_WITH_PART : SIZE;
}

static bool is_utc(const char *at, const char *end)
{
	static const char *const forms[] = { "", "Z", "+00", "+00:00" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strlen(forms[i]) == (size_t)(end - at) &&
		    memcmp(at, forms[i], (size_t)(end - at)) == 0)
			return true;
	return false;
}

/* Two digits; more than 99 when one of them is none. */
static inline int two(const char *text)
{
	unsigned tens = (unsigned)(text[0] - '0'), ones = (unsigned)(text[1] - '0');

	return tens > 9 || ones > 9 ? 100 : (int)(tens * 10 + ones);
}

/* The form that peal__timestamp_write() gives, which nearly all are in. */
static bool own_form_read(const char *text, size_t size, int64_t *ret_microseconds)
{
	int century, year, month, day, hour, minute, second, part[3] = { 0 };
	struct peal_date date;

	if ((size != SIZE && size != SIZE_WITH_PART) || text[4] != '-' || text[7] != '-' ||
	    text[DATE_SIZE] != ' ' || text[13] != ':' || text[16] != ':')
		return false;
	for (int i = 0; size == SIZE_WITH_PART && i < 3; i++)
		part[i] = text[SIZE] == '.' ? two(text + SIZE + 1 + (size_t)i * 2) : 100;
	century = two(text);
	year = two(text + 2);
	month = two(text + 5);
	day = two(text + 8);
	hour = two(text + 11);
	minute = two(text + 14);
	second = two(text + 17);
	if (century > 99 || year > 99 || hour > 23 || minute > 59 || second > 59 || part[0] > 99 ||
	    part[1] > 99 || part[2] > 99)
		return false;
	date = (struct peal_date){ (int16_t)(century * 100 + year), (uint8_t)month, (uint8_t)day };
	if (!peal_date_is_valid(date))
		return false;
	*ret_microseconds = peal_date_to_days(date) * DAY +
			    ((hour * 60 + minute) * 60 + second) * INT64_C(1000000) +
			    (part[0] * 100 + part[1]) * 100 + part[2];
	return true;
}

bool peal__timestamp_read(const char *text, size_t size, int64_t *ret_microseconds)
{
	struct peal_value date, time;
	size_t zone = DATE_SIZE + 1;

	if (own_form_read(text, size, ret_microseconds))
		return true;
	if (size < DATE_SIZE + 9 || (text[DATE_SIZE] != ' ' && text[DATE_SIZE] != 'T'))
		return false;
	while (zone < size && text[zone] && strchr("0123456789:.", text[zone]))
		zone++;
	if (!is_utc(text + zone, text + size) ||
	    peal_value_parse(PEAL_VALUE_DATE, text, DATE_SIZE, &date) < 0 ||
	    peal_value_parse(PEAL_VALUE_TIME_OF_DAY, text + DATE_SIZE + 1, zone - DATE_SIZE - 1,
			     &time) < 0)
		return false;
	*ret_microseconds = peal_date_to_days(date.as.date) * DAY + time.as.integer;
	return true;
}
