/* SPDX-License-Identifier: MIT */
#include "keep.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kept {
	struct kept *next;
	max_align_t memory[];
};

static struct kept *all;
static const char *place_file = "?";
static unsigned place_number;

void *keep(size_t size)
{
	struct kept *kept = calloc(1, sizeof(*kept) + size);

	if (!kept)
		die("out of memory");
	kept->next = all;
	all = kept;
	return kept->memory;
}

char *keep_text(const char *text, size_t size)
{
	char *copy = keep(size + 1);

	if (size)
		memcpy(copy, text, size);
	return copy;
}

void keep_free_all(void)
{
	while (all) {
		struct kept *next = all->next;

		free(all);
		all = next;
	}
}

void place_set(const char *file, unsigned line)
{
	if (file)
		place_file = file;
	place_number = line;
}

unsigned place_line(void)
{
	return place_number;
}

static void __attribute__((format(printf, 1, 0))) say(const char *format, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "%s:%u: ", place_file, place_number);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void remark(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

/* This may be inside a receiver: leave at once, the database rolls back by itself. */
void refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	_exit(2);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	_exit(1);
}
