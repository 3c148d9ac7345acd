/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep.h"

static void add(struct json *json, const char *text, size_t size)
{
	if (json->size + size > json->capacity) {
		json->capacity = 2 * (json->size + size) + 256;
		json->text = realloc(json->text, json->capacity);
		if (!json->text)
			die("out of memory");
	}
	memcpy(json->text + json->size, text, size);
	json->size += size;
}

static void add_text(struct json *json, const char *text)
{
	add(json, text, strlen(text));
}

static void element(struct json *json)
{
	if (json->comma)
		add_text(json, ", ");
	json->comma = true;
}

void json_open(struct json *json, char bracket)
{
	element(json);
	add(json, &bracket, 1);
	json->comma = false;
}

void json_close(struct json *json, char bracket)
{
	add(json, &bracket, 1);
	json->comma = true;
}

void json_key(struct json *json, const char *key)
{
	json_text(json, key);
	add_text(json, ": ");
	json->comma = false;
}

void json_null(struct json *json)
{
	element(json);
	add_text(json, "null");
}

void json_bool(struct json *json, bool value)
{
	element(json);
	add_text(json, value ? "true" : "false");
}

void json_int(struct json *json, int64_t value)
{
	char number[32];

	element(json);
	snprintf(number, sizeof(number), "%" PRId64, value);
	add_text(json, number);
}

void json_bytes(struct json *json, const char *data, size_t size)
{
	element(json);
	add_text(json, "\"");
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];
		char escape[8];

		if (c == '"' || c == '\\')
			snprintf(escape, sizeof(escape), "\\%c", c);
		else if (c < 0x20)
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		else
			snprintf(escape, sizeof(escape), "%c", c);
		add_text(json, escape);
	}
	add_text(json, "\"");
}

void json_text(struct json *json, const char *text)
{
	if (text)
		json_bytes(json, text, strlen(text));
	else
		json_null(json);
}

struct json json_line(const char *key, const char *text)
{
	struct json json = { 0 };

	json_open(&json, '{');
	json_key(&json, key);
	json_text(&json, text);
	return json;
}

void json_print(struct json *json)
{
	json_close(json, '}');
	fwrite(json->text, 1, json->size, stdout);
	putchar('\n');
	json_drop(json);
}

void json_drop(struct json *json)
{
	free(json->text);
	*json = (struct json){ 0 };
}
