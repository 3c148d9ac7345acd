/* SPDX-License-Identifier: MIT */
/*
 * One line of JSON, built in memory and then printed as a whole: what a step prints must not be
 * torn by what its receivers print.
 *
 *	struct json json = json_line("result", "delete");
 *	json_key(&json, "count");
 *	json_int(&json, 3);
 *	json_print(&json);                                  {"result": "delete", "count": 3}
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *text;
	size_t size, capacity;
	bool comma; /* something stands before the next element */
};

/* Begins an object with this first key; text may be NULL for null. */
struct json json_line(const char *key, const char *text);
/* Ends the object, writes the line and frees it. */
void json_print(struct json *json);
/* Frees it unprinted. */
void json_drop(struct json *json);

void json_open(struct json *json, char bracket);
void json_close(struct json *json, char bracket);
void json_key(struct json *json, const char *key);

void json_null(struct json *json);
void json_bool(struct json *json, bool value);
void json_int(struct json *json, int64_t value);
void json_text(struct json *json, const char *text); /* NULL: null */
void json_bytes(struct json *json, const char *data, size_t size);

#endif
