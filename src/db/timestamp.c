/* SPDX-License-Identifier: MIT */
#include "timestamp.h"

#include <peal/value.h>

#include <string.h>

#define DAY INT64_C(86400000000)
#define FIRST INT64_C(-62135596800000000) /* 0001-01-01 */
#define LAST INT64_C(253402300799999999)  /* 9999-12-31 */
#define DATE_SIZE 10

size_t peal__timestamp_write(int64_t t, char *text)
{
	int64_t days;

	t = t < FIRST ? FIRST : t > LAST ? LAST : t;
	days = t / DAY - (t % DAY < 0);
	peal_value_format(peal_value_date(peal_date_from_days(days)), text, PEAL__TIMESTAMP_MAX);
	text[DATE_SIZE] = ' ';
	peal_value_format(peal_value_time_of_day(t - days * DAY), text + DATE_SIZE + 1,
			  PEAL__TIMESTAMP_MAX - DATE_SIZE - 1);
	return strlen(text);
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

bool peal__timestamp_read(const char *text, size_t size, int64_t *ret_microseconds)
{
	struct peal_value date, time;
	size_t zone = DATE_SIZE + 1;

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
