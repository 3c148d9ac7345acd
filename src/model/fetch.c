/* SPDX-License-Identifier: MIT */
/*
 * Running queries. No receiver is called while a statement is being read: rows whose init signals are heard are read
 * to their end first, so that a receiver may write, commit or roll back.
 */
#include <peal/bulk.h>

#include <stdlib.h>

#include "query_internal.h"

#define GET_MAX 21 /* rows that a get looks at, as in Django, whose init signals show it */

#define IN_BULK 500 /* keys in one statement */

struct peal_rows {
	struct peal__arena arena;
	struct peal_instance **items;
	size_t count, capacity;
	bool by_key; /* sorted */
};

static int select_start(struct peal_query *query, struct peal__connection *c,
			struct peal__statement **ret_statement, struct peal_error *error)
{
	const struct peal__model_state *state = query->state;
	struct peal__compiled compiled = { 0 };

	if (query->key_only) {
		peal__text_add(&compiled.sql, "SELECT ");
		peal__text_add_name(&compiled.sql, state->columns[state->key].db_name);
		peal__text_add(&compiled.sql, " FROM ");
		peal__text_add_name(&compiled.sql, state->table);
	} else {
		peal__text_add(&compiled.sql, state->select);
	}
	peal__compile_where(&compiled, query);
	peal__compile_tail(&compiled, query);
	return peal__compiled_start(&compiled, c, ret_statement, error);
}

/* A row in the order of the fields; what is not loaded comes as a pointer to nothing. */
static int read_row(const struct peal_query *query, struct peal__statement *s,
		    struct peal_value *values, struct peal_error *error)
{
	const struct peal__model_state *state = query->state;
	struct peal_value key;
	int r;

	if (!query->key_only)
		return peal__statement_step(s, state->value_kinds, values, error);
	r = peal__statement_step(s, &state->value_kinds[state->key], &key, error);
	for (size_t i = 0; i < state->count && r == 0; i++)
		values[i] = i == state->key ? key : peal_value_pointer(NULL);
	return r;
}

/* ---- Many ------------------------------------------------------------------------------------------------------------ */

/* The texts of a row go where its instance is. */
static int keep_texts(struct peal_rows *rows, struct peal_value *values, size_t count,
		      struct peal_error *error)
{
	for (size_t i = 0; i < count; i++) {
		if (values[i].kind != PEAL_VALUE_TEXT && values[i].kind != PEAL_VALUE_BYTES)
			continue;
		values[i].as.text.data = peal__arena_text(&rows->arena, values[i].as.text.data,
							  values[i].as.text.size);
		if (!values[i].as.text.data)
			return peal_error_set(error, PEAL_ENOMEM, "out of memory");
	}
	return 0;
}

static int add_row(struct peal_query *query, struct peal_rows *rows, struct peal_db *db,
		   const struct peal_value *values, struct peal_error *error)
{
	char *row = peal__arena_alloc(&rows->arena, query->model->size);
	struct peal_instance *instance;
	int r;

	if (!row || !peal__db_grow(&rows->items, &rows->capacity, rows->count,
				   sizeof(struct peal_instance *)))
		return peal_error_set(error, PEAL_ENOMEM, "out of memory");
	instance = peal__instance_in(query->model, row);
	r = peal__instance_load(query->model, instance, db, values, error);
	if (r == 0)
		rows->items[rows->count++] = instance;
	else
		peal_fini(instance);
	return r;
}

static int read_rows(struct peal_query *query, struct peal_rows *rows, struct peal__connection *c,
		     struct peal_error *error)
{
	struct peal_value values[PEAL_FIELDS_MAX];
	struct peal__statement *s = NULL;
	int r = select_start(query, c, &s, error);

	if (r != 0)
		return r;
	while (r == 0) {
		r = read_row(query, s, values, error);
		if (r == 0)
			r = keep_texts(rows, values, query->state->count, error);
		if (r == 0)
			r = add_row(query, rows, c->db, values, error);
	}
	peal__statement_put(s);
	return r == PEAL_DONE ? 0 : r;
}

struct value_row {
	struct value_row *next;
	struct peal_value values[];
};

static int read_values(struct peal_query *query, struct peal_rows *rows, struct peal__connection *c,
		       struct value_row **ret_first, struct peal_error *error)
{
	size_t size = query->state->count * sizeof(struct peal_value);
	struct value_row **last = ret_first;
	struct peal__statement *s = NULL;
	int r = select_start(query, c, &s, error);

	if (r != 0)
		return r;
	while (r == 0) {
		struct value_row *row = peal__arena_alloc(&rows->arena, sizeof(*row) + size);

		if (!row) {
			r = peal_error_set(error, PEAL_ENOMEM, "out of memory");
			break;
		}
		r = read_row(query, s, row->values, error);
		if (r == 0)
			r = keep_texts(rows, row->values, query->state->count, error);
		if (r == 0) {
			*last = row;
			last = &row->next;
		}
	}
	peal__statement_put(s);
	return r == PEAL_DONE ? 0 : r;
}

static int read_heard_rows(struct peal_query *query, struct peal_rows *rows,
			   struct peal__connection *c, struct peal_error *error)
{
	struct value_row *first = NULL;
	int r = read_values(query, rows, c, &first, error);

	for (const struct value_row *row = first; row && r == 0; row = row->next)
		r = add_row(query, rows, c->db, row->values, error);
	return r;
}

static int read_all(struct peal_query *query, struct peal_rows *rows, struct peal__connection *c,
		    struct peal_error *error)
{
	return peal__init_is_heard(query->model) ? read_heard_rows(query, rows, c, error)
						 : read_rows(query, rows, c, error);
}

int peal_query_all(struct peal_query *query, struct peal_rows **ret_rows, struct peal_error *error)
{
	struct peal__connection *c;
	struct peal_rows *rows;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	rows = peal__db_alloc(sizeof(*rows));
	if (!rows)
		return peal_error_set(error, PEAL_ENOMEM, "out of memory");
	r = read_all(query, rows, c, error);
	if (r == 0)
		*ret_rows = rows;
	else
		peal_rows_free(rows);
	return r;
}

size_t peal_rows_count(const struct peal_rows *rows)
{
	return rows->count;
}

struct peal_instance *peal_rows_at(const struct peal_rows *rows, size_t index)
{
	return index < rows->count ? rows->items[index] : NULL;
}

void peal_rows_free(struct peal_rows *rows)
{
	if (!rows)
		return;
	for (size_t i = 0; i < rows->count; i++)
		if (rows->items[i]->owned)
			peal_fini(rows->items[i]);
	peal__db_free(rows->items);
	peal__arena_fini(&rows->arena);
	peal__db_free(rows);
}

/* ---- By key ---------------------------------------------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
	return peal__key_compare(peal_key(*(struct peal_instance *const *)a),
				 peal_key(*(struct peal_instance *const *)b));
}

static int read_some(const struct peal_query *query, const struct peal_value *keys, size_t count,
		     struct peal_rows *rows, struct peal_error *error)
{
	struct peal_query *some = peal_query_copy(query);
	struct peal__connection *c;
	int r;

	if (some && some->state)
		peal__query_filter_in(some, &some->state->columns[some->state->key], keys, count);
	r = peal__query_ready(some, &c, error);
	if (r == 0)
		r = read_all(some, rows, c, error);
	peal_query_free(some);
	return r;
}

/* A key that is given twice may stand in two statements. */
static void sort_rows(struct peal_rows *rows)
{
	size_t count = 0;

	if (rows->count)
		qsort(rows->items, rows->count, sizeof(struct peal_instance *), compare_rows);
	for (size_t i = 0; i < rows->count; i++) {
		if (count && compare_rows(&rows->items[count - 1], &rows->items[i]) == 0)
			peal_fini(rows->items[i]);
		else
			rows->items[count++] = rows->items[i];
	}
	rows->count = count;
	rows->by_key = true;
}

int peal_query_in_bulk(const struct peal_query *query, const struct peal_params *keys,
		       struct peal_rows **ret_rows, struct peal_error *error)
{
	struct peal_rows *rows;
	int r = 0;

	if (query && (query->limit != INT64_MAX || query->offset))
		return peal_error_set(error, PEAL_EINVAL, "in_bulk: the query of %s is sliced",
				      query->state->label);
	rows = peal__db_alloc(sizeof(*rows));
	if (!rows)
		return peal_error_set(error, PEAL_ENOMEM, "out of memory");
	for (size_t at = 0; at < keys->count && r == 0; at += IN_BULK)
		r = read_some(query, keys->items + at,
			      keys->count - at < IN_BULK ? keys->count - at : IN_BULK, rows, error);
	sort_rows(rows);
	if (r == 0)
		*ret_rows = rows;
	else
		peal_rows_free(rows);
	return r;
}

struct peal_instance *peal_rows_find(const struct peal_rows *rows, struct peal_value key)
{
	size_t low = 0, high = rows->count;

	while (rows->by_key && low < high) {
		size_t middle = low + (high - low) / 2;
		int order = peal__key_compare(key, peal_key(rows->items[middle]));

		if (order == 0)
			return rows->items[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	for (size_t i = 0; i < rows->count && !rows->by_key; i++)
		if (peal_value_equal(peal_key(rows->items[i]), key))
			return rows->items[i];
	return NULL;
}

/* ---- One ------------------------------------------------------------------------------------------------------------- */

static int keep_in_instance(struct peal_instance *instance, struct peal_value *values, size_t count,
			    struct peal_error *error)
{
	size_t size = peal__texts_size(values, count);
	char *room = size ? peal__owned_alloc(instance, PEAL__OWNED_BY_ROW, size) : NULL;

	if (size && !room)
		return peal_error_set(error, PEAL_ENOMEM, "out of memory");
	peal__texts_copy(values, count, room);
	return 0;
}

/* Reads the first row into values and looks whether there is a second one. */
static int read_one(struct peal_query *query, struct peal_instance *instance,
		    struct peal__connection *c, struct peal_value *values, struct peal_error *error)
{
	struct peal__statement *s = NULL;
	int r = select_start(query, c, &s, error);

	if (r != 0)
		return r;
	r = peal__statement_step(s, query->state->value_kinds, values, error);
	if (r == 0)
		r = keep_in_instance(instance, values, query->state->count, error);
	else if (r == PEAL_DONE)
		r = PEAL_NOT_FOUND;
	if (r == 0 && query->limit != 1) {
		r = peal__statement_step(s, NULL, NULL, error);
		r = r == 0 ? PEAL_MULTIPLE : r == PEAL_DONE ? 0 : r;
	}
	peal__statement_put(s);
	return r;
}

/* There are several: all that the get looks at are loaded, so that their init signals are sent. */
static int multiple(struct peal_query *query, struct peal_error *error)
{
	struct peal_rows *rows = NULL;

	if (peal__init_is_heard(query->model)) {
		int r = peal_query_all(query, &rows, error);

		if (r != 0)
			return r;
		peal_rows_free(rows);
	}
	return peal_error_set(error, PEAL_MULTIPLE, "there is more than one such %s",
			      query->state->label);
}

static int get_one(struct peal_query *query, struct peal_instance *instance, int64_t limit,
		   struct peal_error *error)
{
	struct peal_value values[PEAL_FIELDS_MAX];
	struct peal__connection *c;
	int64_t whole;
	int r;

	*instance = (struct peal_instance){ 0 };
	if (!query)
		return peal_error_set(error, PEAL_ENOMEM, "out of memory");
	r = peal__query_ready(query, &c, error);
	if (r != 0)
		return r;
	whole = query->limit;
	query->limit = limit < whole ? limit : whole;
	r = read_one(query, instance, c, values, error);
	if (r == 0)
		r = peal__instance_load(query->model, instance, c->db, values, error);
	else if (r == PEAL_MULTIPLE)
		r = multiple(query, error);
	else if (r == PEAL_NOT_FOUND)
		peal_error_set(error, r, "there is no such %s", query->state->label);
	query->limit = whole;
	if (r != 0) {
		peal__owned_free(instance);
		*instance = (struct peal_instance){ 0 };
	}
	return r;
}

int peal_query_get(struct peal_query *query, struct peal_instance *instance,
		   struct peal_error *error)
{
	return get_one(query, instance, GET_MAX, error);
}

int peal_query_first(struct peal_query *query, struct peal_instance *instance,
		     struct peal_error *error)
{
	if (query && !query->order_count)
		peal_query_order_by(query, "pk");
	return get_one(query, instance, 1, error);
}

int peal_get(const struct peal_model *model, struct peal_instance *instance, const char *database,
	     const struct peal_named_list *conditions, struct peal_error *error)
{
	struct peal_query *query = peal_query_new(model);
	int r;

	peal_query_using(query, database);
	peal_query_filter(query, conditions);
	r = peal_query_get(query, instance, error);
	peal_query_free(query);
	return r;
}

/* ---- Refresh --------------------------------------------------------------------------------------------------------- */

/* The fresh instance's members become the old one's, and its texts with them. */
static int take_over(struct peal_instance *instance, struct peal_instance *fresh,
		     struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	int r = 0;

	for (size_t i = 0; i < state->count && r == 0; i++) {
		const struct peal__column *column = &state->columns[i];
		struct peal_value value = peal__member_read(column, peal__row(fresh));

		r = peal__member_write(instance, column, &value, PEAL__BORROW, error);
		if (column->relation)
			peal__object_set(column, peal__row(instance), NULL);
	}
	peal__owned_free(instance);
	instance->owned = fresh->owned;
	fresh->owned = NULL;
	instance->db = fresh->db;
	instance->flags |= PEAL__SAVED;
	memset(instance->deferred, 0, sizeof(instance->deferred));
	return r;
}

int peal_refresh(struct peal_instance *instance, struct peal_error *error)
{
	const struct peal_model *model = instance->model;
	struct peal_instance *fresh;
	char *row;
	int r;

	if (!model)
		return peal_error_set(error, PEAL_EINVAL,
				      "the instance was never begun, or has ended");
	row = peal__db_alloc(model->size);
	if (!row)
		return peal_error_set(error, PEAL_ENOMEM, "out of memory");
	fresh = peal__instance_in(model, row);
	r = peal_get(model, fresh, instance->db ? instance->db->alias : NULL,
		     PEAL_WITH(PEAL_ARG("pk", peal_key(instance))), error);
	if (r == 0)
		r = take_over(instance, fresh, error);
	peal_fini(fresh);
	peal__db_free(row);
	return r;
}

/* ---- Without instances ------------------------------------------------------------------------------------------------ */

static int read_number(struct peal__compiled *compiled, struct peal__connection *c, int64_t *ret,
		       struct peal_error *error)
{
	struct peal_value value = { .kind = PEAL_VALUE_NULL };
	struct peal__statement *s = NULL;
	int r = peal__compiled_start(compiled, c, &s, error);

	if (r != 0)
		return r;
	r = peal__statement_step(s, NULL, &value, error);
	peal__statement_put(s);
	if (r < 0)
		return r;
	*ret = r == 0 && value.kind == PEAL_VALUE_INT ? value.as.integer : 0;
	return 0;
}

int peal_query_count(struct peal_query *query, int64_t *ret_count, struct peal_error *error)
{
	struct peal__compiled compiled = { 0 };
	struct peal__connection *c;
	bool sliced;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	sliced = query->limit != INT64_MAX || query->offset;
	peal__text_add(&compiled.sql,
		       sliced ? "SELECT count(*) FROM (SELECT 1 FROM " : "SELECT count(*) FROM ");
	peal__text_add_name(&compiled.sql, query->state->table);
	peal__compile_where(&compiled, query);
	if (sliced) {
		peal__compile_tail(&compiled, query);
		peal__text_add(&compiled.sql, ") AS part");
	}
	return read_number(&compiled, c, ret_count, error);
}

int peal_query_exists(struct peal_query *query, bool *ret_exists, struct peal_error *error)
{
	struct peal__compiled compiled = { 0 };
	struct peal__connection *c;
	int64_t found, whole;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	peal__text_add(&compiled.sql, "SELECT 1 FROM ");
	peal__text_add_name(&compiled.sql, query->state->table);
	peal__compile_where(&compiled, query);
	whole = query->limit;
	query->limit = whole < 1 ? whole : 1;
	peal__compile_tail(&compiled, query);
	query->limit = whole;
	r = read_number(&compiled, c, &found, error);
	if (r == 0)
		*ret_exists = found != 0;
	return r;
}

/* ---- Update ----------------------------------------------------------------------------------------------------------- */

static int compile_set(struct peal__compiled *compiled, const struct peal__model_state *state,
		       const struct peal_named *named, struct peal_error *error)
{
	size_t i = peal__column_find(state, named->name, strlen(named->name), NULL);
	const struct peal__column *column;
	struct peal_value value = named->value;
	int r;

	if (i == PEAL__NO_FIELD)
		return peal_error_set(error, PEAL_EINVAL, "update: %s has no field \"%s\"",
				      state->label, named->name);
	column = &state->columns[i];
	r = peal__column_accept(state, column, &value, error);
	if (r != 0)
		return r;
	if (named->operation == PEAL_ADD && value.kind != PEAL_VALUE_INT &&
	    value.kind != PEAL_VALUE_REAL && value.kind != PEAL_VALUE_DECIMAL &&
	    value.kind != PEAL_VALUE_DURATION)
		return peal_error_set(error, PEAL_ETYPE,
				      "update: only a number can be added to %s.%s", state->label,
				      column->name);
	peal__text_add_name(&compiled->sql, column->db_name);
	peal__text_add(&compiled->sql, " = ");
	if (named->operation == PEAL_ADD) {
		peal__text_add_name(&compiled->sql, column->db_name);
		peal__text_add(&compiled->sql, " + ");
	}
	peal__compile_value(compiled, &value);
	return 0;
}

static int update(struct peal_query *query, const struct peal_named_list *values,
		  struct peal__connection *c, int64_t *ret_count, struct peal_error *error)
{
	struct peal__compiled compiled = { 0 };
	int r = 0;

	peal__text_add(&compiled.sql, "UPDATE ");
	peal__text_add_name(&compiled.sql, query->state->table);
	for (size_t i = 0; i < values->count && r == 0; i++) {
		peal__text_add(&compiled.sql, i ? ", " : " SET ");
		r = compile_set(&compiled, query->state, &values->items[i], error);
	}
	if (r < 0) {
		peal__compiled_fini(&compiled);
		return r;
	}
	peal__compile_where(&compiled, query);
	return peal__compiled_run(&compiled, c, ret_count, error);
}

int peal_query_update(struct peal_query *query, const struct peal_named_list *values,
		      int64_t *ret_count, struct peal_error *error)
{
	struct peal__connection *c;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	if (query->limit != INT64_MAX || query->offset || !values->count)
		return peal_error_set(error, PEAL_EINVAL, "update: %s %s", query->state->label,
				      values->count ? "is sliced" : "is given nothing to set");
	r = update(query, values, c, ret_count, error);
	if (r < 0)
		peal__transaction_break(c);
	return r;
}
