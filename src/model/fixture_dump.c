/* SPDX-License-Identifier: MIT */
/* Rows to JSON. A row is built as a text and then written, so a file never ends inside of one for lack of memory. */
#include "fixture.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include <peal/fixture.h>

#include "query_internal.h"

const char peal__base64_digits[65] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct dump {
	FILE *file;
	struct peal__connection *connection;
	struct peal_error *error;
	struct peal__text text; /* of one row */
	int64_t count;
};

/* ---- Values ---------------------------------------------------------------------------------------------------------- */

void peal__json_add_text(struct peal__text *text, const char *data, size_t size)
{
	char escape[8];

	peal__text_add(text, "\"");
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == '"' || c == '\\')
			snprintf(escape, sizeof(escape), "\\%c", c);
		else if (c == '\n')
			snprintf(escape, sizeof(escape), "\\n");
		else if (c < 0x20 || c == 0x7f)
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		else
			snprintf(escape, sizeof(escape), "%c", c);
		peal__text_add(text, escape);
	}
	peal__text_add(text, "\"");
}

static void add_base64(struct peal__text *text, const unsigned char *data, size_t size)
{
	peal__text_add(text, "\"");
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		unsigned bits = (unsigned)data[i] << 16 |
				(left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
				(left > 2 ? data[i + 2] : 0);
		char digits[5] = { peal__base64_digits[bits >> 18],
				   peal__base64_digits[bits >> 12 & 63],
				   left > 1 ? peal__base64_digits[bits >> 6 & 63] : '=',
				   left > 2 ? peal__base64_digits[bits & 63] : '=' };

		peal__text_add(text, digits);
	}
	peal__text_add(text, "\"");
}

/* A real that reads back as the same one; JSON knows no infinite ones. */
bool peal__json_add_real(struct peal__text *text, double real)
{
	char number[40];

	if (!isfinite(real))
		return false;
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(number, sizeof(number), "%.*g", digits, real);
		if (strtod(number, NULL) == real)
			break;
	}
	for (char *at = number; *at; at++)
		if (*at == ',')
			*at = '.'; /* of the locale */
	peal__text_add(text, number);
	if (!strpbrk(number, ".e"))
		peal__text_add(text, ".0");
	return true;
}

static bool is_utf8(const char *text, size_t size)
{
	size_t step = 1;

	for (; size && step; text += step, size -= step)
		step = peal__utf8_size(text, size);
	return step;
}

/* Returns why it cannot be written, or NULL. */
static const char *add_value(struct peal__text *text, const struct peal_value *value, bool is_json)
{
	char room[64];

	switch (value->kind) {
	case PEAL_VALUE_NULL:
	case PEAL_VALUE_BOOL:
	case PEAL_VALUE_INT:
		peal__text_add(text, peal_value_format(*value, room, sizeof(room)));
		return NULL;
	case PEAL_VALUE_REAL:
		return peal__json_add_real(text, value->as.real) ? NULL : "JSON has no such number";
	case PEAL_VALUE_TEXT:
		if (!is_utf8(value->as.text.data, value->as.text.size))
			return "a text that is no UTF-8 cannot be written as JSON";
		if (is_json)
			peal__text_add_n(text, value->as.text.data, value->as.text.size);
		else
			peal__json_add_text(text, value->as.text.data, value->as.text.size);
		return NULL;
	case PEAL_VALUE_BYTES:
		add_base64(text, (const unsigned char *)value->as.text.data, value->as.text.size);
		return NULL;
	default:
		peal_value_format(*value, room, sizeof(room));
		peal__json_add_text(text, room, strlen(room));
		return NULL;
	}
}

static int add_column(struct dump *dump, const struct peal__model_state *state,
		      const struct peal__column *column, const struct peal_value *value)
{
	struct peal_value settled = *value;
	const char *problem;

	if (settled.kind == PEAL_VALUE_DECIMAL)
		peal__decimal_settle(column, &settled.as.decimal);
	if (!peal_value_equal(settled, *value)) /* somebody else has written more of them */
		settled = *value;
	problem = add_value(&dump->text, &settled, column->field->kind == PEAL_FIELD_JSON);
	return problem ? peal_error_set(dump->error, PEAL_EINVAL, "%s.%s: %s", state->label,
					column->name, problem)
		       : 0;
}

static void add_key(struct peal__text *text, bool *comma, const char *name)
{
	peal__text_add(text, *comma ? ", " : "");
	peal__json_add_text(text, name, strlen(name));
	peal__text_add(text, ": ");
	*comma = true;
}

/* ---- Many-to-many ---------------------------------------------------------------------------------------------------- */

static int add_many(struct dump *dump, const struct peal__many *many, const struct peal_value *key)
{
	const struct peal__model_state *through = many->through;
	const struct peal__column *target = &through->columns[many->target];
	struct peal__compiled compiled = { 0 };
	struct peal__statement *s = NULL;
	struct peal_value value;
	bool comma = false;
	int r;

	peal__text_add(&compiled.sql, "SELECT ");
	peal__text_add_name(&compiled.sql, target->db_name);
	peal__text_add(&compiled.sql, " FROM ");
	peal__text_add_name(&compiled.sql, through->table);
	peal__text_add(&compiled.sql, " WHERE ");
	peal__text_add_name(&compiled.sql, through->columns[many->source].db_name);
	peal__text_add(&compiled.sql, " = ");
	peal__compile_value(&compiled, key);
	peal__text_add(&compiled.sql, " ORDER BY 1");
	r = peal__compiled_start(&compiled, dump->connection, &s, dump->error);
	peal__text_add(&dump->text, "[");
	while (r == 0) {
		r = peal__statement_step(s, &target->value_kind, &value, dump->error);
		if (r != 0)
			break;
		peal__text_add(&dump->text, comma ? ", " : "");
		r = add_column(dump, through, target, &value);
		comma = true;
	}
	peal__text_add(&dump->text, "]");
	if (s)
		peal__statement_put(s);
	return r == PEAL_DONE ? 0 : r;
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------ */

/* Django writes "school.student". */
static void add_label(struct peal__text *text, const struct peal_model *model)
{
	char letter[2] = { 0 };

	peal__text_add(text, model->app);
	peal__text_add(text, ".");
	for (const char *at = model->name; *at; at++) {
		letter[0] = (char)tolower((unsigned char)*at);
		peal__text_add(text, letter);
	}
}

static int add_fields(struct dump *dump, const struct peal__model_state *state,
		      const struct peal_value *values)
{
	bool comma = false;
	int r = 0;

	for (size_t i = 0; i < state->count && r == 0; i++) {
		if (i == state->key)
			continue;
		add_key(&dump->text, &comma, state->columns[i].field->name);
		r = add_column(dump, state, &state->columns[i], &values[i]);
	}
	for (size_t i = 0; i < state->many_count && r == 0; i++) {
		const struct peal__many *many = &state->many[i];

		if (many->reverse || !many->through->link)
			continue;
		add_key(&dump->text, &comma, many->field->name);
		r = add_many(dump, many, &values[state->key]);
	}
	return r;
}

static int write_row(struct dump *dump, const struct peal__model_state *state,
		     const struct peal_value *values)
{
	struct peal__text *text = &dump->text;
	int r;

	text->size = 0;
	peal__text_add(text, dump->count ? ",\n{\"model\": \"" : "{\"model\": \"");
	add_label(text, state->model);
	peal__text_add(text, "\", \"pk\": ");
	r = add_column(dump, state, &state->columns[state->key], &values[state->key]);
	peal__text_add(text, ", \"fields\": {");
	if (r == 0)
		r = add_fields(dump, state, values);
	peal__text_add(text, "}}");
	if (r == 0 && text->failed)
		r = peal__no_memory(dump->error);
	if (r == 0)
		fwrite(text->data, 1, text->size, dump->file); /* errors are seen at the end */
	dump->count++;
	return r;
}

static int dump_model(struct dump *dump, const struct peal__model_state *state)
{
	struct peal_value values[PEAL_FIELDS_MAX];
	struct peal__compiled compiled = { 0 };
	struct peal__statement *s = NULL;
	int r;

	peal__text_add(&compiled.sql, state->select);
	peal__text_add(&compiled.sql, " ORDER BY ");
	peal__text_add_name(&compiled.sql, state->columns[state->key].db_name);
	r = peal__compiled_start(&compiled, dump->connection, &s, dump->error);
	while (r == 0) {
		r = peal__statement_step(s, state->value_kinds, values, dump->error);
		if (r == 0)
			r = write_row(dump, state, values);
	}
	if (s)
		peal__statement_put(s);
	return r == PEAL_DONE ? 0 : r;
}

static int dump_models(struct dump *dump, const struct peal_model *const *models, size_t count)
{
	int r = 0;

	fputs("[\n", dump->file);
	for (size_t i = 0; i < (models ? count : peal_models_count()) && r == 0; i++) {
		const struct peal_model *model = models ? models[i] : peal_models_at(i);

		r = peal__model_check(model, dump->error);
		if (r == 0 && (models || !peal__state(model)->link))
			r = dump_model(dump, peal__state(model));
	}
	fputs("\n]\n", dump->file);
	if (r == 0 && (fflush(dump->file) != 0 || ferror(dump->file))) {
		r = peal_error_set(dump->error, PEAL_ESYS, "the fixture cannot be written");
		if (dump->error)
			dump->error->system_errno = errno;
	}
	return r;
}

int peal_fixture_dump(FILE *file, const struct peal_model *const *models, size_t count,
		      const char *database, int64_t *ret_count, struct peal_error *error)
{
	struct dump dump = { .file = file, .error = error };
	int r = peal__connection_get(database, &dump.connection, error);

	if (r != 0)
		return r;
	/* One moment of the database. */
	PEAL_ATOMIC_WITH(r, error, .database = database, .read_only = true) {
		r = dump_models(&dump, models, count);
	}
	peal__text_fini(&dump.text);
	if (r == 0 && ret_count)
		*ret_count = dump.count;
	return r;
}
