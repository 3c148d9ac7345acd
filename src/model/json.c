/* SPDX-License-Identifier: MIT */
/*
 * Whether a text is a JSON document, strictly after RFC 8259, in UTF-8, nested at most 500 deep: every database and
 * every program can then read what is stored. Nothing is allocated.
 */
#include "state.h"

#define DEPTH_MAX 500

struct json {
	const unsigned char *at, *end;
	int depth;
};

static bool value(struct json *json);

static void blanks(struct json *json)
{
	while (json->at < json->end &&
	       (*json->at == ' ' || (*json->at >= '\t' && *json->at <= '\n') || *json->at == '\r'))
		json->at++;
}

static bool is_next(struct json *json, char c)
{
	if (json->at == json->end || *json->at != (unsigned char)c)
		return false;
	json->at++;
	return true;
}

static bool word(struct json *json, const char *word)
{
	while (*word)
		if (!is_next(json, *word++))
			return false;
	return true;
}

static bool digits(struct json *json)
{
	const unsigned char *first = json->at;

	while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
		json->at++;
	return json->at > first;
}

static bool number(struct json *json)
{
	is_next(json, '-');
	if (!is_next(json, '0') && !digits(json))
		return false;
	if (is_next(json, '.') && !digits(json))
		return false;
	if (is_next(json, 'e') || is_next(json, 'E')) {
		if (!is_next(json, '-'))
			is_next(json, '+');
		return digits(json);
	}
	return true;
}

static bool escape(struct json *json)
{
	static const char simple[] = "\"\\/bfnrt";

	if (is_next(json, 'u')) {
		for (int i = 0; i < 4; i++, json->at++)
			if (json->at == json->end || !*json->at ||
			    !strchr("0123456789abcdefABCDEF", *json->at))
				return false;
		return true;
	}
	if (json->at == json->end || !*json->at || !strchr(simple, *json->at))
		return false;
	json->at++;
	return true;
}

size_t peal__utf8_size(const char *text, size_t size)
{
	static const struct {
		unsigned char first, last, size, low, high; /* of the second byte */
	} forms[] = {
		{ 0x00, 0x7f, 1, 0, 0 },       { 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};
	const unsigned char *at = (const unsigned char *)text;
	size_t form = 0;

	while (form < PEAL_COUNTOF(forms) && (*at < forms[form].first || *at > forms[form].last))
		form++;
	if (form == PEAL_COUNTOF(forms) || forms[form].size > size)
		return 0;
	if (forms[form].size > 1 && (at[1] < forms[form].low || at[1] > forms[form].high))
		return 0;
	for (size_t i = 2; i < forms[form].size; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return forms[form].size;
}

static bool string(struct json *json)
{
	if (!is_next(json, '"'))
		return false;
	while (json->at < json->end && *json->at != '"') {
		size_t size =
			peal__utf8_size((const char *)json->at, (size_t)(json->end - json->at));

		if (!size || *json->at < 0x20)
			return false;
		if (*json->at != '\\') {
			json->at += size;
			continue;
		}
		json->at++;
		if (!escape(json))
			return false;
	}
	return is_next(json, '"');
}

static bool member(struct json *json)
{
	blanks(json);
	if (!string(json))
		return false;
	blanks(json);
	return is_next(json, ':') && value(json);
}

/* The rest of an array or object, behind its first bracket. */
static bool items(struct json *json, bool (*item)(struct json *json), char last)
{
	if (++json->depth > DEPTH_MAX)
		return false;
	blanks(json);
	if (!is_next(json, last)) {
		do
			if (!item(json))
				return false;
		while (is_next(json, ','));
		if (!is_next(json, last))
			return false;
	}
	json->depth--;
	return true;
}

/* With the blanks around it. */
static bool value(struct json *json)
{
	bool good;

	blanks(json);
	if (json->at == json->end)
		return false;
	switch (*json->at) {
	case '{':
		json->at++;
		good = items(json, member, '}');
		break;
	case '[':
		json->at++;
		good = items(json, value, ']');
		break;
	case '"':
		good = string(json);
		break;
	case 't':
		good = word(json, "true");
		break;
	case 'f':
		good = word(json, "false");
		break;
	case 'n':
		good = word(json, "null");
		break;
	default:
		good = number(json);
		break;
	}
	blanks(json);
	return good;
}

bool peal__json_is_valid(const char *text, size_t size)
{
	struct json json = { .at = (const unsigned char *)text,
			     .end = (const unsigned char *)text + size };

	return value(&json) && json.at == json.end;
}
