/* SPDX-License-Identifier: MIT */
#include "csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t size = 0, capacity = 4096, got;
	char *text = file ? malloc(capacity + 1) : NULL;

	while (text && (got = fread(text + size, 1, capacity - size, file)) > 0) {
		char *larger;

		size += got;
		if (size < capacity)
			continue;
		capacity *= 2;
		larger = realloc(text, capacity + 1);
		if (!larger)
			free(text);
		text = larger;
	}
	if (text)
		text[size] = '\0';
	if (file)
		fclose(file);
	return text;
}

int csv_open(struct csv *csv, const char *path)
{
	*csv = (struct csv){ .line = 1 };
	csv->text = read_file(path);
	csv->at = csv->text;
	return csv->text ? 0 : -1;
}

void csv_close(struct csv *csv)
{
	free(csv->text);
	*csv = (struct csv){ 0 };
}

/* Unquotes in place, and leaves csv->at behind the closing quote. */
static char *quoted(struct csv *csv)
{
	char *start = csv->at, *out = start;

	for (csv->at++; *csv->at; csv->at++) {
		if (*csv->at == '"' && *++csv->at != '"')
			break;
		csv->line += *csv->at == '\n';
		*out++ = *csv->at;
	}
	/* What follows the quote belongs to the field as well. */
	while (*csv->at && !strchr(",\r\n", *csv->at))
		*out++ = *csv->at++;
	if (out < csv->at)
		*out = '\0';
	return start;
}

/* One field; what ended it (',', '\n' or '\0') is overwritten and returned. */
static char field(struct csv *csv)
{
	char *start = csv->at, end;

	if (*start == '"')
		start = quoted(csv);
	else
		csv->at += strcspn(csv->at, ",\r\n");
	end = *csv->at;
	if (end)
		*csv->at++ = '\0';
	if (end == '\r' && *csv->at == '\n')
		csv->at++;
	if (csv->count < CSV_FIELDS_MAX)
		csv->fields[csv->count] = start;
	csv->count++;
	return end == '\r' ? '\n' : end;
}

int csv_next(struct csv *csv)
{
	while (*csv->at == '\r' || *csv->at == '\n')
		csv->line += *csv->at++ == '\n';
	if (!*csv->at)
		return 0;
	csv->record_line = csv->line;
	csv->count = 0;
	for (;;) {
		char end = field(csv);

		if (end == ',')
			continue;
		csv->line += end == '\n';
		return 1;
	}
}

unsigned csv_progress(const struct csv *csv)
{
	size_t done = (size_t)(csv->at - csv->text), left = strlen(csv->at);

	return done + left ? (unsigned)(100 * done / (done + left)) : 100;
}
