/* SPDX-License-Identifier: MIT */
#include "fixture_ops.h"

#include <peal/fixture.h>
#include <peal/m2m.h>
#include <peal/query.h>

#include "state.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct tag {
	struct peal_instance instance;
	const char *word;
	int16_t rank;
};
PEAL_MODEL_DECLARE(tag_model, struct tag);

static const struct peal_field tag_fields[] = {
	PEAL_CHAR(struct tag, word, .max_length = 30, .primary_key = true),
	PEAL_INTEGER(struct tag, rank),
};
PEAL_MODEL_DEFINE(tag_model, struct tag, .app = "fuzz", .name = "Tag",
		  .fields = PEAL_FIELDS(tag_fields));

struct card {
	struct peal_instance instance;
	int64_t id;
	const char *text;
	struct peal_bytes data;
	bool flag;
	double real;
	int64_t at;
	struct peal_date day;
	struct peal_decimal price;
	struct peal_uuid token;
	bool has_length;
	int64_t length;
	const char *payload;
	const char *tag_id;
	struct tag *tag;
	int64_t parent_id;
	struct card *parent;
};
PEAL_MODEL_DECLARE(card_model, struct card);

static const struct peal_field card_fields[] = {
	PEAL_ID(struct card, id),
	PEAL_LONG_TEXT(struct card, text, .null = true),
	PEAL_BLOB(struct card, data, .null = true),
	PEAL_BOOLEAN(struct card, flag),
	PEAL_FLOAT(struct card, real),
	PEAL_DATETIME(struct card, at, .null = true),
	PEAL_DATE(struct card, day, .null = true),
	PEAL_DECIMAL(struct card, price, .max_digits = 9, .decimal_places = 3),
	PEAL_UUID(struct card, token, .null = true),
	PEAL_DURATION(struct card, length, .null = true, .has = PEAL_HAS(struct card, has_length)),
	PEAL_JSON(struct card, payload, .null = true),
	PEAL_FOREIGN_KEY(struct card, tag, tag_model, PEAL_CASCADE, .null = true),
	PEAL_FOREIGN_KEY(struct card, parent, card_model, PEAL_CASCADE, .null = true),
	PEAL_MANY_TO_MANY(struct card, tags, tag_model, .related_name = "cards"),
};
PEAL_MODEL_DEFINE(card_model, struct card, .app = "fuzz", .name = "Card",
		  .fields = PEAL_FIELDS(card_fields));

const char *fixture_ops_sample(void)
{
	return "[{\"model\": \"fuzz.tag\", \"pk\": \"a\", \"fields\": {\"rank\": 3}},\n"
	       "{\"model\": \"fuzz.tag\", \"pk\": \"\\u00e9\\n\", \"fields\": {\"rank\": -4}},\n"
	       "{\"model\": \"fuzz.card\", \"pk\": 1, \"fields\": {\"text\": \"one \\\"x\\\"\", "
	       "\"data\": \"AP9h\", \"flag\": true, \"real\": 2.5e-3, "
	       "\"at\": \"2026-11-21T04:42:00.000001Z\", \"day\": \"2026-02-28\", "
	       "\"price\": \"12.500\", \"token\": \"16fd2706-8baf-433b-82eb-8c7fada847da\", "
	       "\"length\": \"-1 23:59:59.999999\", \"payload\": {\"a\": [1, 2.5, null, \"x\"]}, "
	       "\"tag\": \"a\", \"parent\": 2, \"tags\": [\"a\", \"\\u00e9\\n\"]}},\n"
	       "{\"model\": \"fuzz.card\", \"pk\": 2, \"fields\": {\"text\": null, \"payload\": 5}}]";
}

static fixture_ops_fail *fail_with;

static void fail(const char *format, ...) PEAL_PRINTF(1, 2);
static void fail(const char *format, ...)
{
	char message[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	fail_with(message);
}

void fixture_ops_begin(fixture_ops_fail *how)
{
	struct peal_error error = { 0 };

	fail_with = how;
	if (PEAL_MODELS_REGISTER(&error, &tag_model, &card_model) != 0 ||
	    peal_models_create_tables(NULL, &error) != 0)
		fail("%s", error.message);
}

/* To be freed. */
static char *dump(size_t *ret_size)
{
	struct peal_error error = { 0 };
	char *text = NULL;
	FILE *file = open_memstream(&text, ret_size);
	int r = peal_fixture_dump(file, NULL, 0, NULL, NULL, &error);

	fclose(file);
	if (r != 0)
		fail("dump: %s", error.message);
	return text;
}

static void clear(void)
{
	static const char *const sql[] = { "DELETE FROM fuzz_card_tags", "DELETE FROM fuzz_card",
					   "DELETE FROM fuzz_tag" };
	struct peal_error error = { 0 };

	for (size_t i = 0; i < PEAL_COUNTOF(sql); i++)
		if (peal_db_exec(NULL, sql[i], NULL, NULL, &error) != 0)
			fail("%s", error.message);
}

static int load(const char *text, size_t size, struct peal_error *error)
{
	return peal_fixture_load_text(text, size, NULL, NULL, error);
}

static void is_loaded(void)
{
	struct peal_error error = { 0 };
	size_t sizes[2];
	char *first = dump(&sizes[0]), *second;

	clear();
	if (load(first, sizes[0], &error) != 0)
		fail("what is dumped is not loaded: %s: %s", error.message, first);
	second = dump(&sizes[1]);
	if (sizes[0] != sizes[1] || memcmp(first, second, sizes[0]) != 0)
		fail("what is dumped is loaded as something else:\n%s\n%s", first, second);
	free(first);
	free(second);
	clear();
}

static void is_refused(int r, const struct peal_error *error)
{
	size_t size;
	char *text = dump(&size);

	if (r >= 0 || error->code != r || strncmp(error->message, "fixture:", 8) != 0)
		fail("refused with %d: %s", r, error->message);
	if (strcmp(text, "[\n\n]\n") != 0)
		fail("refused, but there is: %s", text);
	free(text);
}

/* What jansson cannot keep or does not want may be JSON all the same. */
static void check_syntax(const char *text, size_t size)
{
	json_error_t error;
	json_t *json = json_loadb(
		text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
	bool valid = peal__json_is_valid(text, size);

	if (json && !valid)
		fail("jansson reads it as JSON: %.*s", (int)size, text);
	if (!json && valid && json_error_code(&error) != json_error_numeric_overflow &&
	    json_error_code(&error) != json_error_stack_overflow &&
	    !strstr(error.text, "Unicode") && !strstr(error.text, "NUL"))
		fail("jansson says %s: %.*s", error.text, (int)size, text);
	json_decref(json);
}

bool fixture_ops_run(const uint8_t *data, size_t size)
{
	struct peal_error error = { 0 };
	char *text = malloc(size ? size : 1);
	int r;

	/* With nothing behind it: a look beyond the end is seen by the sanitizer. */
	if (size)
		memcpy(text, data, size);
	check_syntax(text, size);
	r = load(text, size, &error);
	free(text);
	if (r == 0)
		is_loaded();
	else
		is_refused(r, &error);
	return r == 0;
}
