/* SPDX-License-Identifier: MIT */
/*
 * Rows from JSON. The list is taken apart here, and each object is parsed by itself, so what is in memory beside the
 * text is one object.
 */
#include "fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <peal/fixture.h>
#include <peal/m2m.h>

#include "query_internal.h"
#include "timestamp.h"

bool peal__base64_read(const char *text, size_t size, unsigned char *room, size_t *ret_size)
{
	unsigned bits = 0;
	size_t count = 0, digits = size;

	while (digits && size - digits < 2 && text[digits - 1] == '=')
		digits--;
	if (size % 4)
		return false;
	for (size_t i = 0; i < digits; i++) {
		const char *digit = text[i] ? strchr(peal__base64_digits, text[i]) : NULL;

		if (!digit)
			return false;
		bits = bits << 6 | (unsigned)(digit - peal__base64_digits);
		if (i % 4)
			room[count++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
	}
	*ret_size = count;
	return true;
}

#ifdef PEAL_HAVE_JANSSON

#include <jansson.h>

struct load {
	const struct peal_fixture_options *options;
	const char *name, *text;
	size_t size, at;
	size_t line, line_at; /* the line of the byte line_at */
	struct peal__connection *connection;
	struct peal_error *error;
	struct peal__arena arena; /* of one object */
	const struct peal__model_state **loaded;
	size_t loaded_count, loaded_capacity;
	int64_t count;
};

static int no_memory(struct load *load)
{
	return peal__no_memory(load->error);
}

static size_t line_of(struct load *load, size_t at)
{
	for (; load->line_at < at; load->line_at++)
		load->line += load->text[load->line_at] == '\n';
	return load->line;
}

static int wrong(struct load *load, const char *what)
{
	return peal_error_set(load->error, PEAL_EINVAL, "%s:%zu: %s", load->name,
			      line_of(load, load->at), what);
}

/* ---- Values ---------------------------------------------------------------------------------------------------------- */

static int value_of_text(struct load *load, const struct peal__column *column, const json_t *json,
			 struct peal_value *ret)
{
	const char *text = json_string_value(json);
	size_t size = json_string_length(json), bytes;
	unsigned char *room;
	int64_t time;

	*ret = (struct peal_value){ .kind = PEAL_VALUE_TEXT, .as.text = { text, size } };
	if (column->value_kind == PEAL_VALUE_TIME) {
		if (!peal__timestamp_read(text, size, &time))
			return peal_error_set(load->error, PEAL_ETYPE, "%s: \"%s\" is no date-time",
					      column->name, text);
		*ret = peal_value_time(time);
	} else if (column->value_kind == PEAL_VALUE_BYTES) {
		room = peal__arena_alloc(&load->arena, size + 1);
		if (!room)
			return no_memory(load);
		if (!peal__base64_read(text, size, room, &bytes))
			return peal_error_set(load->error, PEAL_ETYPE, "%s: it is not base64",
					      column->name);
		*ret = peal_value_bytes(room, bytes);
	}
	return 0;
}

/* jansson would write 0.1 with 17 digits. */
static void write_json(struct peal__text *text, const json_t *json)
{
	const char *before = "", *name;
	json_t *item;
	size_t i;

	switch (json_typeof(json)) {
	case JSON_OBJECT:
		peal__text_add(text, "{");
		json_object_foreach((json_t *)json, name, item)
		{
			peal__text_add(text, before);
			peal__json_add_text(text, name, strlen(name));
			peal__text_add(text, ": ");
			write_json(text, item);
			before = ", ";
		}
		peal__text_add(text, "}");
		break;
	case JSON_ARRAY:
		peal__text_add(text, "[");
		json_array_foreach(json, i, item)
		{
			peal__text_add(text, before);
			write_json(text, item);
			before = ", ";
		}
		peal__text_add(text, "]");
		break;
	case JSON_STRING:
		peal__json_add_text(text, json_string_value(json), json_string_length(json));
		break;
	case JSON_INTEGER: {
		char number[32];

		snprintf(number, sizeof(number), "%" PRId64, (int64_t)json_integer_value(json));
		peal__text_add(text, number);
		break;
	}
	case JSON_REAL:
		peal__json_add_real(text, json_real_value(json));
		break;
	default:
		peal__text_add(text, json_is_null(json)   ? "null"
				     : json_is_true(json) ? "true"
							  : "false");
		break;
	}
}

static int value_of_json(struct load *load, const json_t *json, struct peal_value *ret)
{
	struct peal__text text = { 0 };
	char *copy = NULL;

	write_json(&text, json);
	if (!text.failed)
		copy = peal__arena_text(&load->arena, text.data, text.size);
	peal__text_fini(&text);
	if (!copy)
		return no_memory(load);
	*ret = peal_value_text(copy);
	return 0;
}

static int value_of(struct load *load, const struct peal__column *column, const json_t *json,
		    struct peal_value *ret)
{
	if (column->field->kind == PEAL_FIELD_JSON && !json_is_null(json))
		return value_of_json(load, json, ret);
	switch (json_typeof(json)) {
	case JSON_NULL:
		*ret = peal_value_null();
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		*ret = peal_value_bool(json_is_true(json));
		return 0;
	case JSON_INTEGER:
		*ret = peal_value_int(json_integer_value(json));
		return 0;
	case JSON_REAL:
		*ret = peal_value_real(json_real_value(json));
		return 0;
	case JSON_STRING:
		return value_of_text(load, column, json, ret);
	default:
		return peal_error_set(load->error, PEAL_ETYPE,
				      "%s does not take a list or an object", column->name);
	}
}

/* ---- Objects --------------------------------------------------------------------------------------------------------- */

static const struct peal__many *many_of(const struct peal__model_state *state, const char *name)
{
	const struct peal__many *many = peal__many_find(state, name);

	return many && !many->reverse ? many : NULL;
}

/* Its references are checked at the end. */
static int note_model(struct load *load, const struct peal__model_state *state)
{
	for (size_t i = 0; i < load->loaded_count; i++)
		if (load->loaded[i] == state)
			return 0;
	if (!peal__db_grow(&load->loaded, &load->loaded_capacity, load->loaded_count,
			   sizeof(struct peal__model_state *)))
		return no_memory(load);
	load->loaded[load->loaded_count++] = state;
	return 0;
}

static int set_many(struct load *load, struct peal_instance *instance,
		    const struct peal__many *many, json_t *list)
{
	struct peal_value *keys =
		peal__arena_alloc(&load->arena, (json_array_size(list) + 1) * sizeof(*keys));
	const struct peal__column *column = &many->through->columns[many->target];
	int r = keys ? 0 : no_memory(load);

	if (!json_is_array(list))
		return peal_error_set(load->error, PEAL_ETYPE, "%s takes a list of keys",
				      many->field->name);
	for (size_t i = 0; i < json_array_size(list) && r == 0; i++)
		r = value_of(load, column, json_array_get(list, i), &keys[i]);
	if (r == 0)
		r = note_model(load, many->through);
	if (r != 0)
		return r;
	return peal_m2m_set(instance, many->field->name,
			    &(const struct peal_params){ keys, json_array_size(list) }, NULL,
			    load->error);
}

static int set_all_many(struct load *load, struct peal_instance *instance, json_t *fields)
{
	const struct peal__model_state *state = peal__state(instance->model);
	const char *name;
	json_t *json;
	int r = 0;

	json_object_foreach(fields, name, json)
	{
		const struct peal__many *many = many_of(state, name);

		if (many && r == 0)
			r = set_many(load, instance, many, json);
	}
	return r;
}

static int add_value(struct load *load, const struct peal__model_state *state, size_t column,
		     const json_t *json, struct peal_named *named)
{
	named->name = state->columns[column].name;
	return value_of(load, &state->columns[column], json, &named->value);
}

/* The columns of an object, and perhaps its key. */
static int values_of(struct load *load, const struct peal__model_state *state, const json_t *key,
		     json_t *fields, struct peal_named_list *list)
{
	size_t most = json_object_size(fields) + 1;
	struct peal_named *items = peal__arena_alloc(&load->arena, most * sizeof(*items));
	const char *name;
	json_t *json;
	int r = items ? 0 : no_memory(load);

	list->items = items;
	if (r == 0 && key && !json_is_null(key))
		r = add_value(load, state, state->key, key, &items[list->count++]);
	json_object_foreach(fields, name, json)
	{
		size_t column = peal__column_find(state, name, strlen(name), NULL);

		if (r != 0 || many_of(state, name))
			continue;
		if (column == PEAL__NO_FIELD)
			r = peal__no_such(state, PEAL__NAMES_OF_FIELDS, name, strlen(name),
					  load->error);
		else
			r = add_value(load, state, column, json, &items[list->count++]);
	}
	return r;
}

static int save(struct load *load, const struct peal__model_state *state, const json_t *key,
		json_t *fields)
{
	struct peal_named_list list = { 0 };
	struct peal_instance *instance = NULL;
	int r = values_of(load, state, key, fields, &list);

	if (r == 0)
		r = peal_new(state->model, &list, &instance, load->error);
	if (r == 0)
		r = PEAL_SAVE(instance, load->error, .database = load->connection->db->alias,
			      .raw = true);
	if (r == 0)
		r = set_all_many(load, instance, fields);
	peal_free(instance);
	return r;
}

static int load_object(struct load *load, json_t *object)
{
	const char *label = json_string_value(json_object_get(object, "model"));
	const struct peal_model *model = label ? peal_model_get(label) : NULL;
	json_t *fields = json_object_get(object, "fields");
	int r;

	if (!label || !json_is_object(fields))
		return peal_error_set(
			load->error, PEAL_EINVAL,
			"an object needs \"model\", a text, and \"fields\", an object");
	if (!model)
		return peal_error_set(load->error, PEAL_EINVAL, "there is no model \"%s\"", label);
	r = note_model(load, peal__state(model));
	return r == 0 ? save(load, peal__state(model), json_object_get(object, "pk"), fields) : r;
}

/* ---- The list -------------------------------------------------------------------------------------------------------- */

static char next(struct load *load)
{
	static const char blanks[] = { ' ', '\t', '\r', '\n' };

	while (load->at < load->size && memchr(blanks, load->text[load->at], sizeof(blanks)))
		load->at++;
	return load->at < load->size ? load->text[load->at] : '\0';
}

static int progress(struct load *load, bool end)
{
	const struct peal_fixture_options *options = load->options;
	int64_t every = options->progress_every > 0 ? options->progress_every : 1000;
	const struct peal_fixture_progress now = { load->count, load->at, load->size };

	if (!options->progress || (!end && load->count % every))
		return 0;
	return options->progress(options->user, &now, load->error);
}

static int load_next(struct load *load)
{
	json_error_t error;
	json_t *object = json_loadb(load->text + load->at, load->size - load->at,
				    JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
	size_t line = line_of(load, load->at);
	int r;

	if (!object)
		return peal_error_set(load->error, PEAL_EINVAL, "%s:%zu: record %" PRId64 ": %s",
				      load->name, line + (size_t)error.line - 1, load->count + 1,
				      error.text);
	r = load_object(load, object);
	if (r != 0)
		peal_error_prefix(load->error, "%s:%zu: record %" PRId64 ": ", load->name, line,
				  load->count + 1);
	json_decref(object);
	peal__arena_fini(&load->arena);
	if (r != 0)
		return r;
	load->at += (size_t)error.position;
	load->count++;
	return progress(load, false);
}

static int load_list(struct load *load)
{
	int r = 0;

	if (next(load) != '[')
		return wrong(load, "a fixture is a list: [ is missing");
	load->at++;
	if (next(load) != ']') {
		r = load_next(load);
		while (r == 0 && next(load) == ',') {
			load->at++;
			next(load);
			r = load_next(load);
		}
	}
	if (r == 0 && next(load) != ']')
		return wrong(load, ", or ] is missing");
	load->at++;
	if (r == 0 && next(load))
		return wrong(load, "something stands behind the list");
	return r;
}

/* ---- The end --------------------------------------------------------------------------------------------------------- */

static bool is_postgresql(const struct load *load)
{
	return strcmp(load->connection->db->driver->name, "postgresql") == 0;
}

/* SQLite checks a deferred key at the commit only, and a savepoint has none. */
static int check_table(struct load *load, const struct peal__model_state *state)
{
	struct peal__compiled compiled = { 0 };
	struct peal__statement *s = NULL;
	int r;

	peal__text_add(&compiled.sql, "PRAGMA foreign_key_check(");
	peal__text_add_name(&compiled.sql, state->table);
	peal__text_add(&compiled.sql, ")");
	r = peal__compiled_start(&compiled, load->connection, &s, load->error);
	if (r != 0)
		return r;
	r = peal__statement_step(s, NULL, NULL, load->error);
	peal__statement_put(s);
	if (r == 0)
		return peal_error_set(load->error, PEAL_EINTEGRITY,
				      "%s: a row of %s refers to one that does not exist",
				      load->name, state->label);
	return r == PEAL_DONE ? 0 : r;
}

static int check_references(struct load *load)
{
	struct peal__connection *c = load->connection;
	int r = 0;

	if (is_postgresql(load)) {
		r = peal__connection_run(c, "SET CONSTRAINTS ALL IMMEDIATE", NULL, 0, NULL,
					 load->error);
		if (r == 0)
			r = peal__connection_run(c, "SET CONSTRAINTS ALL DEFERRED", NULL, 0, NULL,
						 load->error);
		if (r < 0)
			peal_error_prefix(load->error, "%s: ", load->name);
		return r;
	}
	for (size_t i = 0; i < load->loaded_count && r == 0; i++)
		r = check_table(load, load->loaded[i]);
	return r;
}

/* PostgreSQL's counter does not see keys that were given. */
static int set_counter(struct load *load, const struct peal__model_state *state)
{
	const struct peal__column *key = &state->columns[state->key];
	struct peal__compiled compiled = { 0 };
	struct peal__text table = { 0 };
	struct peal_value values[2];
	int r;

	peal__text_add_name(&table, state->table);
	values[0] = peal_value_text(table.failed ? "" : table.data);
	values[1] = peal_value_text(key->db_name);
	peal__text_add(&compiled.sql, "SELECT setval(pg_get_serial_sequence(");
	peal__compile_value(&compiled, &values[0]);
	peal__text_add(&compiled.sql, ", ");
	peal__compile_value(&compiled, &values[1]);
	peal__text_add(&compiled.sql, "), coalesce(max(");
	peal__text_add_name(&compiled.sql, key->db_name);
	peal__text_add(&compiled.sql, "), 1), max(");
	peal__text_add_name(&compiled.sql, key->db_name);
	peal__text_add(&compiled.sql, ") IS NOT NULL) FROM ");
	peal__text_add_name(&compiled.sql, state->table);
	compiled.sql.failed |= table.failed;
	r = peal__compiled_run(&compiled, load->connection, NULL, load->error);
	peal__text_fini(&table);
	return r;
}

static int load_all(struct load *load)
{
	int r = load_list(load);

	if (r == 0)
		r = check_references(load);
	for (size_t i = 0; i < load->loaded_count && r == 0 && is_postgresql(load); i++) {
		const struct peal__model_state *state = load->loaded[i];

		if (state->columns[state->key].field->kind == PEAL_FIELD_ID && !state->link)
			r = set_counter(load, state);
	}
	return r == 0 ? progress(load, true) : r;
}

int peal_fixture_load_text(const char *json, size_t size,
			   const struct peal_fixture_options *options, int64_t *ret_count,
			   struct peal_error *error)
{
	static const struct peal_fixture_options defaults;
	struct load load = { .options = options ? options : &defaults,
			     .text = json,
			     .size = size,
			     .line = 1,
			     .error = error };
	const char *database = load.options->database;
	int r = peal__connection_get(database, &load.connection, error);

	if (r != 0)
		return r;
	load.name = load.options->name ? load.options->name : "fixture";
	PEAL_ATOMIC_WITH(r, error, .database = database) {
		r = load_all(&load);
	}
	peal__arena_fini(&load.arena);
	peal__db_free(load.loaded);
	if (r == 0 && ret_count)
		*ret_count = load.count;
	return r;
}

#else

int peal_fixture_load_text(const char *json, size_t size,
			   const struct peal_fixture_options *options, int64_t *ret_count,
			   struct peal_error *error)
{
	(void)json;
	(void)size;
	(void)options;
	(void)ret_count;
	return peal_error_set(error, PEAL_ENOTSUP,
			      "this build loads no fixtures: jansson was missing");
}

#endif

/* ---- Files ----------------------------------------------------------------------------------------------------------- */

static int unreadable(const char *path, struct peal_error *error)
{
	int code = errno;

	peal_error_set(error, PEAL_ESYS, "%s: %s", path, strerror(code));
	if (error)
		error->system_errno = code;
	return PEAL_ESYS;
}

static int read_file(const char *path, struct peal__text *text, struct peal_error *error)
{
	FILE *file = fopen(path, "rbe");
	char part[4096];
	size_t size;
	int r = 0;

	if (!file)
		return unreadable(path, error);
	while (!text->failed && (size = fread(part, 1, sizeof(part), file)) > 0)
		peal__text_add_n(text, part, size);
	if (ferror(file))
		r = unreadable(path, error);
	else if (text->failed)
		r = peal__no_memory(error);
	fclose(file);
	return r;
}

int peal_fixture_load(const char *path, const struct peal_fixture_options *options,
		      int64_t *ret_count, struct peal_error *error)
{
	struct peal_fixture_options named = { .name = NULL };
	struct peal__text text = { 0 };
	int r = read_file(path, &text, error);

	if (options)
		named = *options;
	if (!named.name)
		named.name = path;
	if (r == 0)
		r = peal_fixture_load_text(text.data ? text.data : "", text.size, &named, ret_count,
					   error);
	peal__text_fini(&text);
	return r;
}
