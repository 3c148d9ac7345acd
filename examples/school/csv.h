/* SPDX-License-Identifier: MIT */
/* Comma-separated values: fields may be "quoted", with "" for a quote and line breaks inside. */
#ifndef SCHOOL_CSV_H
#define SCHOOL_CSV_H

#include <stddef.h>

#define CSV_FIELDS_MAX 16

struct csv {
	char *text; /* the whole file, cut into fields as it is read */
	char *at;
	unsigned line; /* of the next record */
	unsigned record_line;
	size_t count;
	char *fields[CSV_FIELDS_MAX];
};

/* 0, or -1 with errno set. */
int csv_open(struct csv *csv, const char *path);
void csv_close(struct csv *csv);

/* The next record: 1, or 0 at the end. Fields beyond the most are counted, but not kept. */
int csv_next(struct csv *csv);

/* How far it is, in percent. */
unsigned csv_progress(const struct csv *csv);

/* The text of a file, to be freed; NULL with errno set. */
char *read_file(const char *path);

#endif
