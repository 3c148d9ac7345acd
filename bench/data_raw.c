/* SPDX-License-Identifier: MIT */
/* What several raw sides need: memory for texts, and date-times as text. */
#include "data.h"

#include <string.h>

#define BLOCK_SIZE 65536u
#define DAY INT64_C(86400000000)

struct data_block {
	struct data_block *before;
	char data[];
};

char *data_text(struct data_texts *texts, const char *text, size_t size)
{
	char *copy;

	if (texts->size - texts->used < size + 1) {
		size_t room = size + 1 > BLOCK_SIZE ? size + 1 : BLOCK_SIZE;
		struct data_block *block = malloc(sizeof(*block) + room);

		BENCH_CHECK(block);
		block->before = texts->last;
		texts->last = block;
		texts->used = 0;
		texts->size = room;
	}
	copy = texts->last->data + texts->used;
	memcpy(copy, text, size);
	copy[size] = '\0';
	texts->used += size + 1;
	return copy;
}

void data_texts_free(struct data_texts *texts)
{
	while (texts->last) {
		struct data_block *before = texts->last->before;

		free(texts->last);
		texts->last = before;
	}
}

static void digits(char *text, int64_t number, int count)
{
	while (count-- > 0) {
		text[count] = (char)('0' + number % 10);
		number /= 10;
	}
}

static int64_t number(const char *text, int count)
{
	int64_t value = 0;

	for (int i = 0; i < count; i++)
		value = value * 10 + (text[i] - '0');
	return value;
}

/* Years begin in March here, so that the day that is sometimes missing is their last. */
void data_time_write(int64_t t, char *text)
{
	int64_t days = t / DAY - (t % DAY < 0);
	int64_t time = t - days * DAY, since = days + 719468;
	int64_t era = since / 146097, day = since % 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t in_year = day - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * in_year + 2) / 153;

	memcpy(text, "0000-00-00 00:00:00.000000", 26);
	digits(text, year + era * 400 + (month >= 10), 4);
	digits(text + 5, month < 10 ? month + 3 : month - 9, 2);
	digits(text + 8, in_year - (153 * month + 2) / 5 + 1, 2);
	digits(text + 11, time / 3600000000, 2);
	digits(text + 14, time / 60000000 % 60, 2);
	digits(text + 17, time / 1000000 % 60, 2);
	digits(text + 20, time % 1000000, 6);
}

int64_t data_time_read(const char *text)
{
	int64_t year = number(text, 4), month = number(text + 5, 2);
	int64_t era, in_era, in_year, days;

	year -= month <= 2;
	era = year / 400;
	in_era = year % 400;
	in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + number(text + 8, 2) - 1;
	days = era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
	return days * DAY +
	       ((number(text + 11, 2) * 60 + number(text + 14, 2)) * 60 + number(text + 17, 2)) *
		       1000000 +
	       number(text + 20, 6);
}
