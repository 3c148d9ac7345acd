/* SPDX-License-Identifier: MIT */
/* Dates, times of day and durations: peal/value.h. No locale, no time zone of the machine. */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define FIRST_DAY INT64_C(-719162) /* 0001-01-01 */
#define LAST_DAY INT64_C(2932896)  /* 9999-12-31 */

static int days_in(int year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

bool peal_date_is_valid(struct peal_date date)
{
	return date.year >= 1 && date.year <= 9999 && date.month >= 1 && date.month <= 12 &&
	       date.day >= 1 && date.day <= days_in(date.year, date.month);
}

/* Years are counted as if they began in March. */
int64_t peal_date_to_days(struct peal_date date)
{
	int64_t year = date.year - (date.month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
	int of_year =
		(153 * (date.month > 2 ? date.month - 3 : date.month + 9) + 2) / 5 + date.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct peal_date peal_date_from_days(int64_t days)
{
	int64_t era, of_era, year_of_era, of_year, m, month;

	if (days < FIRST_DAY || days > LAST_DAY)
		return (struct peal_date){ 0, 0, 0 };
	days += 719468;
	era = days / 146097;
	of_era = days - era * 146097;
	year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	m = (5 * of_year + 2) / 153;
	month = m < 10 ? m + 3 : m - 9;
	return (struct peal_date){ .year = (int16_t)(year_of_era + era * 400 + (month <= 2)),
				   .month = (uint8_t)month,
				   .day = (uint8_t)(of_year - (153 * m + 2) / 5 + 1) };
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

/* From least to most digits at *at, which moves on. */
static bool digits(const char **at, const char *end, int least, int most, int64_t *ret)
{
	int count = 0;

	*ret = 0;
	for (; count < most && *at < end && **at >= '0' && **at <= '9'; count++, (*at)++)
		*ret = *ret * 10 + (**at - '0');
	return count >= least;
}

static bool is_next(const char **at, const char *end, char c)
{
	if (*at == end || **at != c)
		return false;
	(*at)++;
	return true;
}

static bool is_word(const char **at, const char *end, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(end - *at) < size || memcmp(*at, word, size) != 0)
		return false;
	*at += size;
	return true;
}

int peal__date_read(const char *text, size_t size, struct peal_date *ret_date)
{
	const char *at = text, *end = text + size;
	int64_t year, month, day;
	struct peal_date date;

	if (!digits(&at, end, 4, 4, &year) || !is_next(&at, end, '-') ||
	    !digits(&at, end, 1, 2, &month) || !is_next(&at, end, '-') ||
	    !digits(&at, end, 1, 2, &day) || at != end)
		return PEAL_EINVAL;
	date = (struct peal_date){ (int16_t)year, (uint8_t)month, (uint8_t)day };
	if (!peal_date_is_valid(date))
		return PEAL_EINVAL;
	*ret_date = date;
	return 0;
}

int peal_date_parse(const char *text, struct peal_date *ret_date)
{
	return peal__date_read(text, strlen(text), ret_date);
}

/* 1 to 6 digits of a second. */
static bool fraction(const char **at, const char *end, int64_t *ret)
{
	const char *first = *at;

	if (!digits(at, end, 1, 6, ret))
		return false;
	for (ptrdiff_t count = *at - first; count < 6; count++)
		*ret *= 10;
	return true;
}

/* HH:MM[:SS[.ffffff]] to its end. */
static int clock_read(const char *at, const char *end, int hour_digits, int64_t *ret)
{
	int64_t hour, minute, second = 0, part = 0;

	if (!digits(&at, end, 1, hour_digits, &hour) || !is_next(&at, end, ':') ||
	    !digits(&at, end, 2, 2, &minute))
		return PEAL_EINVAL;
	if (is_next(&at, end, ':') && (!digits(&at, end, 2, 2, &second) ||
				       (is_next(&at, end, '.') && !fraction(&at, end, &part))))
		return PEAL_EINVAL;
	if (at != end || minute > 59 || second > 59)
		return PEAL_EINVAL;
	*ret = ((hour * 60 + minute) * 60 + second) * SECOND + part;
	return 0;
}

int peal__time_of_day_read(const char *text, size_t size, int64_t *ret_microseconds)
{
	int64_t time;
	int r = clock_read(text, text + size, 2, &time);

	if (r < 0 || time >= DAY)
		return PEAL_EINVAL;
	*ret_microseconds = time;
	return 0;
}

/* "[-]D [day[s][,]] " in front of the hours. */
static bool days_read(const char **at, const char *end, int64_t *ret_days)
{
	const char *blank = memchr(*at, ' ', (size_t)(end - *at));
	bool negative;

	*ret_days = 0;
	if (!blank)
		return true;
	negative = is_next(at, end, '-');
	if (!digits(at, end, 1, 9, ret_days) || !is_next(at, end, ' '))
		return false;
	if (negative)
		*ret_days = -*ret_days;
	if (!is_word(at, end, "day"))
		return true;
	is_next(at, end, 's');
	is_next(at, end, ',');
	return is_next(at, end, ' ');
}

int peal__duration_read(const char *text, size_t size, int64_t *ret_microseconds)
{
	const char *at = text, *end = text + size;
	int64_t days, time;
	bool negative;

	if (!days_read(&at, end, &days))
		return PEAL_EINVAL;
	negative = is_next(&at, end, '-');
	if (!negative)
		is_next(&at, end, '+');
	if (clock_read(at, end, 9, &time) < 0)
		return PEAL_EINVAL;
	/* Of the least one the days alone are too many. */
	if (days < 0 && !negative && time) {
		days++;
		time -= DAY;
	}
	if (__builtin_mul_overflow(days, DAY, &days) ||
	    __builtin_add_overflow(days, negative ? -time : time, ret_microseconds))
		return PEAL_EINVAL;
	return 0;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

void peal__time_of_day_write(int64_t time, char *buffer, size_t size)
{
	int hour = (int)(time / (3600 * SECOND)), minute = (int)(time / (60 * SECOND) % 60);
	int second = (int)(time / SECOND % 60), part = (int)(time % SECOND);

	if (part)
		snprintf(buffer, size, "%02d:%02d:%02d.%06d", hour, minute, second, part);
	else
		snprintf(buffer, size, "%02d:%02d:%02d", hour, minute, second);
}

void peal__duration_write(int64_t duration, char *buffer, size_t size)
{
	int64_t days = duration / DAY, rest = duration % DAY;
	char time[32];

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	peal__time_of_day_write(rest, time, sizeof(time));
	if (days)
		snprintf(buffer, size, "%" PRId64 " %s", days, time);
	else
		snprintf(buffer, size, "%s", time);
}
