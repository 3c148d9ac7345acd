/* SPDX-License-Identifier: MIT */
#include "timestamp.h"

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define FIRST INT64_C(-62135596800000000) /* 0001-01-01 */
#define LAST INT64_C(253402300799999999)  /* 9999-12-31 */

/* Days since 1970-01-01 of the Gregorian calendar, and back, counted in years that begin in March. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t era, of_era;
	unsigned of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	of_era = (year - era * 400) * 365 + (year - era * 400) / 4 - (year - era * 400) / 100 +
		 of_year;
	return era * 146097 + of_era - 719468;
}

static void date_of(int64_t days, int *year, unsigned *month, unsigned *day)
{
	int64_t era, of_era, year_of_era, of_year, m;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	of_era = days - era * 146097;
	year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	m = (5 * of_year + 2) / 153;
	*day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
	*month = (unsigned)(m < 10 ? m + 3 : m - 9);
	*year = (int)(year_of_era + era * 400 + (*month <= 2));
}

size_t peal__timestamp_write(int64_t t, char *text)
{
	int64_t days, rest;
	unsigned month, day;
	int year, size;

	t = t < FIRST ? FIRST : t > LAST ? LAST : t;
	days = t / DAY - (t % DAY < 0);
	rest = t - days * DAY;
	date_of(days, &year, &month, &day);
	size = snprintf(text, PEAL__TIMESTAMP_MAX, "%04d-%02u-%02u %02d:%02d:%02d", year, month,
			day, (int)(rest / (3600 * SECOND)), (int)(rest / (60 * SECOND) % 60),
			(int)(rest / SECOND % 60));
	if (rest % SECOND)
		size += snprintf(text + size, PEAL__TIMESTAMP_MAX - (size_t)size, ".%06d",
				 (int)(rest % SECOND));
	return (size_t)size;
}

/* count digits at *at, which moves on. */
static bool digits(const char **at, const char *end, int count, unsigned *ret)
{
	unsigned number = 0;

	for (int i = 0; i < count; i++, (*at)++) {
		if (*at == end || **at < '0' || **at > '9')
			return false;
		number = number * 10 + (unsigned)(**at - '0');
	}
	*ret = number;
	return true;
}

static bool one_of(const char **at, const char *end, const char *set)
{
	if (*at == end || !**at || !strchr(set, **at))
		return false;
	(*at)++;
	return true;
}

static unsigned fraction(const char **at, const char *end)
{
	unsigned value = 0, digit;

	for (int i = 0; i < 6; i++) {
		if (!digits(at, end, 1, &digit))
			digit = 0;
		value = value * 10 + digit;
	}
	return value;
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

static unsigned days_in(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

bool peal__timestamp_read(const char *text, size_t size, int64_t *ret_microseconds)
{
	const char *at = text, *end = text + size;
	unsigned year, month, day, hour, minute, second, part = 0;

	if (!digits(&at, end, 4, &year) || !one_of(&at, end, "-") || !digits(&at, end, 2, &month) ||
	    !one_of(&at, end, "-") || !digits(&at, end, 2, &day) || !one_of(&at, end, " T") ||
	    !digits(&at, end, 2, &hour) || !one_of(&at, end, ":") ||
	    !digits(&at, end, 2, &minute) || !one_of(&at, end, ":") ||
	    !digits(&at, end, 2, &second))
		return false;
	if (one_of(&at, end, "."))
		part = fraction(&at, end);
	if (!is_utc(at, end) || year < 1 || month < 1 || month > 12 || day < 1 ||
	    day > days_in(year, month) || hour > 23 || minute > 59 || second > 59)
		return false;
	*ret_microseconds = days_of((int64_t)year, month, day) * DAY +
			    (int64_t)(hour * 3600 + minute * 60 + second) * SECOND + part;
	return true;
}
