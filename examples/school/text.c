/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include "text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

static bool is_blank(char c)
{
	return isspace((unsigned char)c) != 0;
}

char *strip(char *text)
{
	char *end;

	while (is_blank(*text))
		text++;
	end = text + strlen(text);
	while (end > text && is_blank(end[-1]))
		*--end = '\0';
	return text;
}

/* The next character of *text, which moves on; bytes that are none stand for themselves. */
static wchar_t next_character(const char **text, mbstate_t *state)
{
	wchar_t character;
	size_t size = mbrtowc(&character, *text, MB_CUR_MAX, state);

	if (size == (size_t)-1 || size == (size_t)-2) {
		memset(state, 0, sizeof(*state));
		return (unsigned char)*(*text)++;
	}
	*text += size;
	return size ? character : L'\0';
}

char *title_case(const char *text)
{
	mbstate_t in = { 0 }, out = { 0 };
	/* A letter's other case may be longer than itself. */
	char *copy = calloc(2 * strlen(text) + MB_CUR_MAX + 1, 1);
	char *at = copy;
	wint_t before = L' ', character;

	if (!copy)
		return NULL;
	while ((character = (wint_t)next_character(&text, &in)) != L'\0') {
		size_t size;

		if (iswspace(character) && (at == copy || iswspace(before)))
			continue; /* blanks in front, and all but one between words */
		size = wcrtomb(
			at, (wchar_t)(iswalpha(before) ? towlower(character) : towupper(character)),
			&out);
		if (size != (size_t)-1)
			at += size;
		before = character;
	}
	*at = '\0';
	strip(copy);
	return copy;
}

/* The letter under an accent, for Latin-1; 0 for what has none. */
static char plain_letter(wint_t character)
{
	static const char latin1[] =
		"aaaaaaaceeeeiiiidnooooo\0ouuuuy\0saaaaaaaceeeeiiiidnooooo\0ouuuuy\0y";

	if (character < 0x80)
		return (char)tolower((int)character);
	return character >= 0xc0 && character <= 0xff ? latin1[character - 0xc0] : '\0';
}

char *slugify(const char *text)
{
	mbstate_t state = { 0 };
	char *slug = malloc(strlen(text) + 1);
	char *at = slug;
	wint_t character;

	if (!slug)
		return NULL;
	while ((character = (wint_t)next_character(&text, &state)) != L'\0') {
		char letter = plain_letter(character);

		if (isalnum((unsigned char)letter) || letter == '_')
			*at++ = letter;
		else if ((is_blank(letter) || letter == '-') && at > slug && at[-1] != '-')
			*at++ = '-';
	}
	if (at > slug && at[-1] == '-')
		at--;
	*at = '\0';
	return slug;
}

int count_words(const char *text)
{
	int count = 0;

	for (bool inside = false; *text; text++) {
		if (!is_blank(*text) && !inside)
			count++;
		inside = !is_blank(*text);
	}
	return count;
}

int text_width(const char *text)
{
	mbstate_t state = { 0 };
	wchar_t character;
	int width = 0;

	while ((character = next_character(&text, &state)) != L'\0')
		width += wcwidth(character) > 0 ? wcwidth(character) : 0;
	return width;
}
