/* SPDX-License-Identifier: MIT */
/*
 * Rows of SQL of the application's own: its columns are found by their names. The rows are read to their end before the
 * first instance begins, so that no receiver is called while the statement is being read.
 */
#include "query_internal.h"

/* Behind the fields of a row that has them: the columns that are no fields. */
struct extras {
	size_t count;
	const char *const *names; /* with the rows */
	struct peal_value values[];
};

struct value_row {
	struct value_row *next;
	struct peal_value values[];
};

/* What the columns of a statement are, in their order. */
struct mapping {
	const struct peal__model_state *state;
	size_t width, extra_count;
	size_t *fields;     /* columns of the model; PEAL__NO_FIELD: an extra one */
	const char **names; /* of the extra ones */
	uint8_t *kinds;
};

/* ---- Columns ----------------------------------------------------------------------------------------------------------- */

static size_t field_of(const struct peal__model_state *state, const char *name)
{
	for (size_t i = 0; i < state->count; i++)
		if (strcmp(state->columns[i].db_name, name) == 0)
			return i;
	return PEAL__NO_FIELD;
}

static int check_twice(const struct mapping *mapping, size_t i, const char *name,
		       struct peal_error *error)
{
	bool twice = false;

	for (size_t k = 0; k < i && mapping->fields[i] != PEAL__NO_FIELD; k++)
		twice |= mapping->fields[k] == mapping->fields[i];
	for (size_t k = 0; k < mapping->extra_count && mapping->fields[i] == PEAL__NO_FIELD; k++)
		twice |= strcmp(mapping->names[k], name) == 0;
	return twice ? peal_error_set(error, PEAL_EINVAL,
				      "raw: %s: the column \"%s\" comes twice: name each AS it is "
				      "to be called",
				      mapping->state->label, name)
		     : 0;
}

static int map_column(struct mapping *mapping, size_t i, const char *name,
		      struct peal__arena *arena, struct peal_error *error)
{
	int r;

	if (!name)
		return peal__no_memory(error);
	mapping->fields[i] = field_of(mapping->state, name);
	r = check_twice(mapping, i, name, error);
	if (r < 0)
		return r;
	if (mapping->fields[i] != PEAL__NO_FIELD) {
		mapping->kinds[i] = mapping->state->columns[mapping->fields[i]].value_kind;
		return 0;
	}
	mapping->kinds[i] = PEAL_VALUE_NULL;
	mapping->names[mapping->extra_count] = peal__arena_text(arena, name, strlen(name));
	return mapping->names[mapping->extra_count++] ? 0 : peal__no_memory(error);
}

static int check_key(const struct mapping *mapping, struct peal_error *error)
{
	const struct peal__column *key = &mapping->state->columns[mapping->state->key];

	for (size_t i = 0; i < mapping->width; i++)
		if (mapping->fields[i] == mapping->state->key)
			return 0;
	return peal_error_set(error, PEAL_EINVAL,
			      "raw: the rows have no column \"%s\", the key of %s", key->db_name,
			      mapping->state->label);
}

static int mapping_init(struct mapping *mapping, struct peal__statement *s,
			struct peal__arena *arena, struct peal_error *error)
{
	const struct peal__driver *driver = s->connection->db->driver;
	int r = 0;

	mapping->width = s->width;
	mapping->fields = peal__arena_alloc(arena, (s->width + 1) * sizeof(*mapping->fields));
	mapping->names = peal__arena_alloc(arena, (s->width + 1) * sizeof(*mapping->names));
	mapping->kinds = peal__arena_alloc(arena, s->width + 1);
	if (!mapping->fields || !mapping->names || !mapping->kinds)
		return peal__no_memory(error);
	for (size_t i = 0; i < s->width && r == 0; i++)
		r = map_column(mapping, i, driver->column_name(s, i), arena, error);
	return r == 0 ? check_key(mapping, error) : r;
}

/* A table that was altered gives other columns to a statement that was prepared before, once it runs. */
static int check_unchanged(const struct mapping *mapping, struct peal__statement *s,
			   struct peal_error *error)
{
	const struct peal__driver *driver = s->connection->db->driver;
	size_t extra = 0;

	for (size_t i = 0; i < mapping->width; i++) {
		const char *name = driver->column_name(s, i);
		const char *was = mapping->fields[i] == PEAL__NO_FIELD
					  ? mapping->names[extra++]
					  : mapping->state->columns[mapping->fields[i]].db_name;

		if (!name || strcmp(name, was) != 0)
			return peal_error_set(error, PEAL_EDB,
					      "raw: %s: the columns have changed; run it again",
					      mapping->state->label);
	}
	return 0;
}

/* ---- Rows -------------------------------------------------------------------------------------------------------------- */

/* All rows, in an arena that ends before they do; their texts are with the rows. */
static int read_values(const struct mapping *mapping, struct peal__statement *s,
		       struct peal_rows *rows, struct peal__arena *arena, struct value_row **last,
		       struct peal_error *error)
{
	const size_t size = sizeof(struct value_row) + mapping->width * sizeof(struct peal_value);
	bool first = true;
	int r = 0;

	while (r == 0) {
		struct value_row *row = peal__arena_alloc(arena, size);

		if (!row)
			return peal__no_memory(error);
		r = peal__statement_step(s, mapping->kinds, row->values, error);
		if (r == 0 && first)
			r = check_unchanged(mapping, s, error);
		if (r == 0)
			r = peal__rows_keep_texts(rows, row->values, mapping->width, error);
		if (r != 0)
			break;
		first = false;
		*last = row;
		last = &row->next;
	}
	if (r == PEAL_ETYPE)
		peal_error_prefix(error, "raw: %s: ", mapping->state->label);
	return r == PEAL_DONE ? 0 : r;
}

static int add_extras(const struct mapping *mapping, struct peal_instance *instance,
		      const struct peal_value *values, struct peal_error *error)
{
	struct extras *extras;
	size_t at = 0;

	if (!mapping->extra_count)
		return 0;
	extras = peal__owned_alloc(instance, PEAL__OWNED_EXTRAS,
				   sizeof(*extras) +
					   mapping->extra_count * sizeof(extras->values[0]));
	if (!extras)
		return peal__no_memory(error);
	extras->count = mapping->extra_count;
	extras->names = mapping->names;
	for (size_t i = 0; i < mapping->width; i++)
		if (mapping->fields[i] == PEAL__NO_FIELD)
			extras->values[at++] = values[i];
	return 0;
}

/* The extras are there when the init signals are sent. */
static int load(const struct mapping *mapping, struct peal_instance *instance, struct peal_db *db,
		const struct peal_value *values, struct peal_error *error)
{
	const struct peal__model_state *state = mapping->state;
	struct peal_value fields[PEAL_FIELDS_MAX];
	int r;

	for (size_t i = 0; i < state->count; i++)
		fields[i] = peal_value_pointer(NULL);
	for (size_t i = 0; i < mapping->width; i++)
		if (mapping->fields[i] != PEAL__NO_FIELD)
			fields[mapping->fields[i]] = values[i];
	if (fields[state->key].kind == PEAL_VALUE_NULL)
		return peal_error_set(error, PEAL_ETYPE, "raw: %s.%s, the key, is null",
				      state->label, state->columns[state->key].name);
	r = add_extras(mapping, instance, values, error);
	return r == 0 ? peal__instance_load(state->model, instance, db, fields, error) : r;
}

static int add_row(const struct mapping *mapping, struct peal_rows *rows, struct peal_db *db,
		   const struct peal_value *values, struct peal_error *error)
{
	const struct peal_model *model = mapping->state->model;
	char *row = peal__arena_alloc(&rows->arena, model->size);
	struct peal_instance *instance;
	int r;

	if (!row || !peal__db_grow(&rows->items, &rows->capacity, rows->count,
				   sizeof(struct peal_instance *)))
		return peal__no_memory(error);
	instance = peal__instance_in(model, row);
	r = load(mapping, instance, db, values, error);
	if (r == 0)
		rows->items[rows->count++] = instance;
	else
		peal__owned_free(instance);
	return r;
}

static int read_rows(const struct peal__model_state *state, struct peal__statement *s,
		     struct peal_rows *rows, struct peal_error *error)
{
	struct mapping mapping = { .state = state };
	struct peal__arena arena = { 0 };
	struct value_row *first = NULL;
	struct peal_db *db = s->connection->db;
	int r = mapping_init(&mapping, s, &rows->arena, error);

	if (r == 0)
		r = read_values(&mapping, s, rows, &arena, &first, error);
	peal__statement_put(s);
	for (const struct value_row *row = first; row && r == 0; row = row->next)
		r = add_row(&mapping, rows, db, row->values, error);
	peal__arena_fini(&arena);
	return r;
}

static int bind_all(struct peal__statement *s, const struct peal_params *params,
		    struct peal_error *error)
{
	int r = 0;

	for (size_t i = 0; params && i < params->count && r == 0; i++)
		r = peal__statement_bind(s, i, &params->items[i], error);
	return r;
}

int peal_query_raw(const struct peal_model *model, const char *database, const char *sql,
		   const struct peal_params *params, struct peal_rows **ret_rows,
		   struct peal_error *error)
{
	struct peal__connection *c;
	struct peal__statement *s;
	struct peal_rows *rows;
	int r = peal__model_check(model, error);

	if (r == 0)
		r = peal__connection_get(database, &c, error);
	if (r == 0)
		r = peal__statement_get(c, sql, strlen(sql), &s, error);
	if (r != 0)
		return r;
	rows = peal__rows_new(error);
	r = rows ? bind_all(s, params, error) : PEAL_ENOMEM;
	if (r == 0)
		r = read_rows(peal__state(model), s, rows, error);
	else
		peal__statement_put(s);
	if (r == 0)
		*ret_rows = rows;
	else
		peal_rows_free(rows);
	return r;
}

int peal_extra_get(const struct peal_instance *instance, const char *name,
		   struct peal_value *ret_value, struct peal_error *error)
{
	const struct extras *extras = peal__owned_next(instance, PEAL__OWNED_EXTRAS, NULL);

	for (size_t i = 0; extras && i < extras->count; i++)
		if (strcmp(extras->names[i], name) == 0) {
			*ret_value = extras->values[i];
			return 0;
		}
	return peal_error_set(
		error, PEAL_EINVAL,
		"the row of %s came with no column \"%s\" (peal_query_values() gives annotations)",
		instance->model ? peal_model_label(instance->model) : "no model", name);
}
