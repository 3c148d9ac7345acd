/* SPDX-License-Identifier: MIT */
/* peal/value.h: uuids, decimals, dates, times of day, durations. */
#include "pealtest.h"

#include <peal/error.h>
#include <peal/value.h>

#include <string.h>

static const char *text_of(struct peal_value value)
{
	static char text[PEAL_VALUE_TEXT_MAX];

	return peal_value_format(value, text, sizeof(text));
}

/* Reads a text and writes it again. */
static const char *again(enum peal_value_kind kind, const char *text)
{
	struct peal_value value = PEAL_NULL;
	int r = peal_value_parse(kind, text, strlen(text), &value);

	if (r < 0)
		return r == PEAL_ELIMIT ? "limit" : "invalid";
	T_UINT(value.kind, kind);
	return text_of(value);
}

struct pair {
	const char *text, *expected;
};

static void check(enum peal_value_kind kind, const struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(again(kind, pairs[i].text), pairs[i].expected) != 0)
			T_FAIL("\"%s\" is %s, not %s", pairs[i].text, again(kind, pairs[i].text),
			       pairs[i].expected);
}

TEST(uuids_are_read_and_written)
{
	static const struct pair pairs[] = {
		{ "16fd2706-8baf-433b-82eb-8c7fada847da", "16fd2706-8baf-433b-82eb-8c7fada847da" },
		{ "16FD27068BAF433B82EB8C7FADA847DA", "16fd2706-8baf-433b-82eb-8c7fada847da" },
		{ "ffffffff-ffff-ffff-ffff-ffffffffffff", "ffffffff-ffff-ffff-ffff-ffffffffffff" },
		{ "", "invalid" },
		{ "16fd2706-8baf-433b-82eb-8c7fada847d", "invalid" },
		{ "16fd2706-8baf-433b-82eb-8c7fada847dg", "invalid" },
		{ "16fd27068-baf-433b-82eb-8c7fada847da", "invalid" },
		{ "16fd27068baf433b82eb8c7fada847da ", "invalid" },
	};
	struct peal_uuid uuid;

	check(PEAL_VALUE_UUID, pairs, PEAL_COUNTOF(pairs));
	T_OK(peal_uuid_parse("00000000-0000-0000-0000-000000000000", &uuid));
	T_TRUE(peal_uuid_is_null(uuid));
	T_UINT(peal_value_uuid(uuid).kind, PEAL_VALUE_NULL);
	T_CODE(peal_uuid_parse("x", &uuid), PEAL_EINVAL);
}

TEST(random_uuids_are_of_version_4_and_differ)
{
	struct peal_uuid last = peal_uuid_random();
	char text[PEAL_VALUE_TEXT_MAX];

	for (int i = 0; i < 1000; i++) {
		struct peal_uuid uuid = peal_uuid_random();

		T_FALSE(peal_value_equal(peal_value_uuid(uuid), peal_value_uuid(last)));
		peal_uuid_format(uuid, text, sizeof(text));
		T_UINT(strlen(text), 36);
		T_INT(text[14], '4');
		T_TRUE(strchr("89ab", text[19]) != NULL);
		last = uuid;
	}
}

TEST(decimals_are_read_and_written)
{
	static const struct pair pairs[] = {
		{ "12.50", "12.50" },
		{ "-0.05", "-0.05" },
		{ "+7", "7" },
		{ ".5", "0.5" },
		{ "5.", "5" },
		{ "0", "0" },
		{ "-0.00", "0.00" },
		{ "000012", "12" },
		{ "1e3", "1000" },
		{ "1.5E+2", "150" },
		{ "15e-1", "1.5" },
		{ "0e999999", "0" },
		{ "999999999999999999", "999999999999999999" },
		{ "-999999999999999999", "-999999999999999999" },
		{ "0.999999999999999999", "0.999999999999999999" },
		{ "0.000000000000000001", "0.000000000000000001" },
		{ "1.00000000000000000000000000000000000000000000", "1.00000000000000000" },
		{ "1000000000000000000", "limit" },
		{ "0.0000000000000000001", "limit" },
		{ "1.0000000000000000001", "limit" },
		{ "99999999999999999999999999999999999999999999999", "limit" },
		{ "1e18", "limit" },
		{ "1e-19", "limit" },
		{ "1e99999999999", "limit" },
		{ "", "invalid" },
		{ "-", "invalid" },
		{ ".", "invalid" },
		{ "1e", "invalid" },
		{ "1,5", "invalid" },
		{ "1.5 ", "invalid" },
		{ "NaN", "invalid" },
		{ "1.2.3", "invalid" },
	};

	check(PEAL_VALUE_DECIMAL, pairs, PEAL_COUNTOF(pairs));
}

#define D(coefficient_, scale_) ((struct peal_decimal){ (coefficient_), (scale_) })

static void same(struct peal_decimal decimal, struct peal_decimal expected)
{
	T_INT(decimal.coefficient, expected.coefficient);
	T_INT(decimal.scale, expected.scale);
}

TEST(decimals_are_compared_by_number)
{
	T_INT(peal_decimal_compare(D(10, 1), D(100, 2)), 0);
	T_TRUE(peal_value_equal(peal_value_decimal(D(10, 1)), peal_value_decimal(D(1, 0))));
	T_TRUE(peal_decimal_compare(D(1, 18), D(999999999999999999, 0)) < 0);
	T_TRUE(peal_decimal_compare(D(-1, 18), D(-2, 18)) > 0);
}

TEST(decimals_are_calculated_exactly_or_not_at_all)
{
	struct peal_decimal d;

	T_OK(peal_decimal_add(D(1, 1), D(2, 1), &d));
	same(d, D(3, 1));
	T_OK(peal_decimal_add(D(125, 2), D(1, 0), &d));
	same(d, D(225, 2));
	T_OK(peal_decimal_subtract(D(1, 0), D(1, 2), &d));
	same(d, D(99, 2));
	T_OK(peal_decimal_multiply(D(-125, 2), D(4, 0), &d));
	same(d, D(-500, 2));
	T_OK(peal_decimal_multiply(D(5, 10), D(2, 9), &d));
	same(d, D(1, 18));
	T_CODE(peal_decimal_add(D(999999999999999999, 0), D(1, 0), &d), PEAL_ELIMIT);
	T_CODE(peal_decimal_add(D(999999999999999999, 0), D(1, 18), &d), PEAL_ELIMIT);
	T_CODE(peal_decimal_multiply(D(999999999999999999, 0), D(2, 0), &d), PEAL_ELIMIT);
	T_CODE(peal_decimal_add(D(INT64_MAX, 0), D(1, 0), &d), PEAL_ELIMIT);
	T_CODE(peal_decimal_subtract(D(1, 0), D(INT64_MIN, 0), &d), PEAL_ELIMIT);
	T_CODE(peal_decimal_multiply(D(1, 19), D(1, 0), &d), PEAL_ELIMIT);
	same(d, D(1, 18));
}

TEST(a_half_is_rounded_to_the_even_neighbour)
{
	struct peal_decimal d;

	T_OK(peal_decimal_round(D(125, 2), 1, &d));
	same(d, D(12, 1));
	T_OK(peal_decimal_round(D(135, 2), 1, &d));
	same(d, D(14, 1));
	T_OK(peal_decimal_round(D(-135, 2), 1, &d));
	same(d, D(-14, 1));
	T_OK(peal_decimal_round(D(1251, 3), 1, &d));
	same(d, D(13, 1));
	T_OK(peal_decimal_round(D(999999999999999999, 18), 0, &d));
	same(d, D(1, 0));
	T_OK(peal_decimal_round(D(5, 0), 2, &d));
	same(d, D(500, 2));
	T_CODE(peal_decimal_round(D(999999999999999999, 0), 1, &d), PEAL_ELIMIT);
	T_CODE(peal_decimal_round(D(1, 0), 19, &d), PEAL_ELIMIT);
	T_CODE(peal_decimal_round(D(1, 0), -1, &d), PEAL_ELIMIT);
}

TEST(dates_are_read_and_written)
{
	static const struct pair pairs[] = {
		{ "2026-11-21", "2026-11-21" },
		{ "0001-01-01", "0001-01-01" },
		{ "9999-12-31", "9999-12-31" },
		{ "2024-02-29", "2024-02-29" },
		{ "2000-02-29", "2000-02-29" },
		{ "2026-1-2", "2026-01-02" },
		{ "2026-02-29", "invalid" },
		{ "1900-02-29", "invalid" },
		{ "0000-01-01", "invalid" },
		{ "2026-00-01", "invalid" },
		{ "2026-13-01", "invalid" },
		{ "2026-01-00", "invalid" },
		{ "2026-01-32", "invalid" },
		{ "2026-01-01T", "invalid" },
		{ "", "invalid" },
		{ "26-01-01", "invalid" },
	};

	check(PEAL_VALUE_DATE, pairs, PEAL_COUNTOF(pairs));
	T_UINT(peal_value_date((struct peal_date){ 0, 0, 0 }).kind, PEAL_VALUE_NULL);
}

TEST(days_are_counted_both_ways)
{
	struct peal_date date;

	T_OK(peal_date_parse("1970-01-01", &date));
	T_INT(peal_date_to_days(date), 0);
	for (int64_t day = -719162; day <= 2932896; day += 1) {
		struct peal_date next = peal_date_from_days(day);

		if (!peal_date_is_valid(next) || peal_date_to_days(next) != day)
			T_FAIL("day %lld", (long long)day);
	}
	T_FALSE(peal_date_is_valid(peal_date_from_days(-719163)));
	T_FALSE(peal_date_is_valid(peal_date_from_days(2932897)));
	T_FALSE(peal_date_is_valid(peal_date_from_days(INT64_MIN)));
}

TEST(times_of_day_are_read_and_written)
{
	static const struct pair pairs[] = {
		{ "00:00:00", "00:00:00" },
		{ "23:59:59.999999", "23:59:59.999999" },
		{ "9:30", "09:30:00" },
		{ "09:30:00.5", "09:30:00.500000" },
		{ "24:00:00", "invalid" },
		{ "23:60:00", "invalid" },
		{ "23:59:60", "invalid" },
		{ "23:59:59.", "invalid" },
		{ "23:59:59.1234567", "invalid" },
		{ "-1:00:00", "invalid" },
		{ "12", "invalid" },
		{ "", "invalid" },
	};

	check(PEAL_VALUE_TIME_OF_DAY, pairs, PEAL_COUNTOF(pairs));
}

TEST(durations_are_read_and_written)
{
	static const struct pair pairs[] = {
		{ "00:00:00", "00:00:00" },
		{ "1 02:00:00", "1 02:00:00" },
		{ "26:00:00", "1 02:00:00" },
		{ "3 days, 4:05:06.7", "3 04:05:06.700000" },
		{ "1 day 00:00:01", "1 00:00:01" },
		{ "-00:00:00.000001", "-1 23:59:59.999999" },
		{ "-1 23:59:59.999999", "-1 23:59:59.999999" },
		{ "-106751992 19:59:05.224192", "-106751992 19:59:05.224192" },
		{ "-106751992 19:59:05.224191", "invalid" },
		{ "106751991 04:00:54.775807", "106751991 04:00:54.775807" },
		{ "106751991 04:00:54.775808", "invalid" },
		{ "999999999 00:00:00", "invalid" },
		{ "1 ", "invalid" },
		{ "1 week", "invalid" },
		{ "", "invalid" },
	};

	check(PEAL_VALUE_DURATION, pairs, PEAL_COUNTOF(pairs));
	T_STR(text_of(peal_value_duration(INT64_MIN)), "-106751992 19:59:05.224192");
	T_STR(text_of(peal_value_duration(INT64_MAX)), "106751991 04:00:54.775807");
}

TEST(other_kinds_are_not_parsed)
{
	struct peal_value value;

	T_CODE(peal_value_parse(PEAL_VALUE_INT, "1", 1, &value), PEAL_EINVAL);
	T_CODE(peal_value_parse(PEAL_VALUE_NULL, "", 0, &value), PEAL_EINVAL);
}
