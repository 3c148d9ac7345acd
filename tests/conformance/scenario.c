/* SPDX-License-Identifier: MIT */
#include "scenario.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep.h"

/* ---- Lines and words ---------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Behind a JSON string that starts at at. */
static const char *string_end(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		if (*at == '\\')
			at++;
	if (at >= end)
		refuse("a string does not end");
	return at + 1;
}

static const char *word_end(const char *at, const char *end)
{
	while (at < end && !is_blank(*at))
		at = *at == '"' ? string_end(at, end) : at + 1;
	return at;
}

static size_t words_split(const char *at, const char *end, const char **ret_words)
{
	size_t count = 0;

	for (;;) {
		const char *start;

		while (at < end && is_blank(*at))
			at++;
		if (at == end || *at == '#')
			return count;
		start = at;
		at = word_end(at, end);
		if (ret_words)
			ret_words[count] = keep_text(start, (size_t)(at - start));
		count++;
	}
}

static struct words line_words(const char *at, const char *end)
{
	size_t count = words_split(at, end, NULL);
	const char **items = keep((count + 1) * sizeof(*items));

	words_split(at, end, items);
	return (struct words){ items, count, 0 };
}

static char *file_text(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t size = 0, more;

	if (!file)
		die("%s", strerror(errno));
	do {
		text = realloc(text, size + 65536);
		if (!text)
			die("out of memory");
		more = fread(text + size, 1, 65536, file);
		size += more;
	} while (more);
	if (ferror(file))
		die("%s", strerror(errno));
	fclose(file);
	*ret_size = size;
	return text;
}

struct scenario scenario_read(const char *path)
{
	size_t size, capacity = 1, count = 0;
	char *text = file_text(path, &size);
	const char *at = text, *end = text + size;
	struct line *lines;

	for (size_t i = 0; i < size; i++)
		capacity += text[i] == '\n';
	lines = keep(capacity * sizeof(*lines));
	for (unsigned number = 1; at < end; number++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		stop = stop ? stop : end;
		place_set(path, number);
		if (memchr(at, '\0', (size_t)(stop - at)))
			refuse("a NUL in the line");
		lines[count].number = number;
		lines[count].words = line_words(at, stop);
		count += lines[count].words.count > 0;
		at = stop < end ? stop + 1 : end;
	}
	free(text);
	return (struct scenario){ lines, count };
}

const char *words_peek(const struct words *words)
{
	return words->at < words->count ? words->items[words->at] : NULL;
}

const char *words_next(struct words *words, const char *what)
{
	const char *word = words_peek(words);

	if (!word)
		refuse("%s is missing", what);
	words->at++;
	return word;
}

bool words_take(struct words *words, const char *word)
{
	bool is = words_peek(words) && strcmp(words_peek(words), word) == 0;

	words->at += is;
	return is;
}

const char *words_option(struct words *words, const char *prefix)
{
	const char *word = words_peek(words);
	size_t size = strlen(prefix);

	if (!word || strncmp(word, prefix, size) != 0 || word[size] != '=')
		return NULL;
	words->at++;
	return word + size + 1;
}

void words_end(const struct words *words)
{
	if (words_peek(words))
		refuse("\"%s\" is not understood here", words_peek(words));
}

/* ---- Names and values --------------------------------------------------------------------- */

static size_t name_size(const char *text)
{
	size_t size = 0;

	if (!isalpha((unsigned char)*text))
		return 0;
	while (isalnum((unsigned char)text[size]) || text[size] == '_')
		size++;
	return size;
}

bool is_name(const char *text)
{
	size_t size = name_size(text);

	return size && !text[size];
}

const char *words_name(struct words *words, const char *what)
{
	const char *word = words_next(words, what);

	if (!is_name(word))
		refuse("%s: \"%s\" is not a name", what, word);
	return word;
}

static unsigned hex4(const char *at)
{
	unsigned number = 0;

	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef";
		const char *digit = at[i] ? strchr(digits, tolower((unsigned char)at[i])) : NULL;

		if (!digit)
			refuse("\\u needs four hexadecimal digits");
		number = number * 16 + (unsigned)(digit - digits);
	}
	return number;
}

static char *utf8_put(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* The character of "\uXXXX", perhaps with the second half of a pair; *at stands on the digits. */
static char *unicode(const char **at, char *to)
{
	unsigned c = hex4(*at), low;

	*at += 4;
	if (c >= 0xd800 && c < 0xdc00 && (*at)[0] == '\\' && (*at)[1] == 'u') {
		low = hex4(*at + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			*at += 6;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	if (!c || (c >= 0xd800 && c < 0xe000))
		refuse("not supported: U+%04X in a text", c);
	return utf8_put(to, c);
}

static char *escape(const char **at, char *to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *found;
	char c = *(*at)++;

	if (c == 'u')
		return unicode(at, to);
	found = c ? strchr(from, c) : NULL;
	if (!found)
		refuse("\\%c is no escape of JSON", c);
	*to++ = into[found - from];
	return to;
}

static struct peal_value string_parse(const char *text)
{
	char *start = keep(strlen(text)), *to = start;
	const char *at = text + 1;

	while (*at != '"') {
		if ((unsigned char)*at < 0x20)
			refuse("a control character in a string");
		if (*at == '\\') {
			at++;
			to = escape(&at, to);
		} else {
			*to++ = *at++;
		}
	}
	if (at[1])
		refuse("\"%s\" follows a string", at + 1);
	return (struct peal_value){ .kind = PEAL_VALUE_TEXT,
				    .as = { .text = { start, (size_t)(to - start) } } };
}

static struct peal_value integer_parse(const char *text)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (*end || !isdigit((unsigned char)end[-1]))
		refuse("\"%s\" is no value", text);
	if (errno)
		refuse("not supported: an integer as large as %s", text);
	return peal_value_int(number);
}

struct value value_parse(const char *text)
{
	if (*text == '"')
		return (struct value){ NULL, string_parse(text) };
	if (*text == '-' || isdigit((unsigned char)*text))
		return (struct value){ NULL, integer_parse(text) };
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		return (struct value){ NULL, peal_value_bool(*text == 't') };
	if (strcmp(text, "null") == 0)
		return (struct value){ NULL, peal_value_null() };
	if (!is_name(text))
		refuse("\"%s\" is no value", text);
	return (struct value){ text, peal_value_null() };
}

struct value words_value(struct words *words)
{
	return value_parse(words_next(words, "a value"));
}

const char *text_parse(const char *word)
{
	return *word == '"' ? string_parse(word).as.text.data : word;
}

const char *words_text(struct words *words, const char *what)
{
	return text_parse(words_next(words, what));
}

static bool is_pair(const char *word)
{
	size_t size = word ? name_size(word) : 0;

	return size && word[size] == '=';
}

struct pairs words_pairs(struct words *words)
{
	struct pair *items = keep((words->count - words->at + 1) * sizeof(*items));
	size_t count = 0;

	for (; is_pair(words_peek(words)); count++) {
		const char *word = words_next(words, "a pair");
		size_t size = name_size(word);

		items[count].name = keep_text(word, size);
		items[count].value = value_parse(word + size + 1);
	}
	return (struct pairs){ items, count };
}

struct words list_parse(const char *text)
{
	const char **items = keep((strlen(text) + 2) * sizeof(*items));
	size_t count = 0;

	while (*text) {
		size_t size = strcspn(text, ",");

		items[count++] = keep_text(text, size);
		text += size;
		if (*text && !*++text)
			items[count++] = "";
	}
	return (struct words){ items, count, 0 };
}
