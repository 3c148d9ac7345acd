/* SPDX-License-Identifier: MIT */
/* Many rows by few statements, without save signals: peal_bulk_create() and peal_bulk_update(). */
#include <peal/bulk.h>

#include <stdlib.h>

#include "post_bulk.h"

#define PARAMETERS 1000       /* of one statement, about */
#define UPDATE_PARAMETERS 240 /* of an UPDATE; more make it no faster */
#define COPY_FROM 200         /* rows: so many are worth a COPY */

struct bulk {
	const struct peal_model *model;
	const struct peal__model_state *state;
	const struct peal_bulk_options *options;
	struct peal__connection *connection;
	struct peal_error *error;
	struct peal_instance **rows; /* sorted: those with a key first */
	size_t count, with_key;
	struct peal_value *keys;         /* given by the database, for the rows behind them */
	struct peal__affected *affected; /* NULL: nobody listens */
	struct peal__text sql;           /* of a statement for sql_rows rows */
	size_t sql_rows;
	bool sql_with_key;
};

static int instances_check(const struct peal_model *model, struct peal_instance *const *instances,
			   size_t count, struct peal_error *error)
{
	int r = peal__model_check(model, error);

	for (size_t i = 0; i < count && r == 0; i++)
		if (instances[i]->model != model)
			r = peal_error_set(error, PEAL_EINVAL,
					   "row %zu is not an instance of %s, or has ended", i,
					   peal_model_label(model));
	return r;
}

static int column_of(const struct peal__model_state *state, const char *name, size_t *ret,
		     struct peal_error *error)
{
	*ret = peal__column_find(state, name, strlen(name), NULL);
	if (*ret == PEAL__NO_FIELD)
		return peal__no_such(state, PEAL__NAMES_OF_FIELDS, name, strlen(name), error);
	return 0;
}

/* ---- The statement --------------------------------------------------------------------------------------------------- */

static bool is_written(const struct bulk *bulk, size_t column, bool with_key)
{
	return with_key || column != bulk->state->key;
}

static size_t width(const struct bulk *bulk, bool with_key)
{
	return bulk->state->count - !with_key;
}

static void add_names(struct peal__text *sql, const struct peal__model_state *state,
		      const struct peal_names *names, const char *excluded)
{
	for (size_t i = 0; i < names->count; i++) {
		size_t column = 0;

		column_of(state, names->items[i], &column, NULL); /* they were checked */
		peal__text_add(sql, i ? ", " : "");
		peal__text_add_name(sql, state->columns[column].db_name);
		if (!excluded)
			continue;
		peal__text_add(sql, excluded);
		peal__text_add_name(sql, state->columns[column].db_name);
	}
}

static void add_conflict(struct bulk *bulk)
{
	static const char *const key[] = { "pk" };
	const struct peal_bulk_options *options = bulk->options;
	struct peal_names unique = options->unique_fields;

	if (options->ignore_conflicts)
		peal__text_add(&bulk->sql, " ON CONFLICT DO NOTHING");
	if (!options->update_fields.count)
		return;
	if (!unique.count)
		unique = (struct peal_names){ key, 1 };
	peal__text_add(&bulk->sql, " ON CONFLICT (");
	add_names(&bulk->sql, bulk->state, &unique, NULL);
	peal__text_add(&bulk->sql, ") DO UPDATE SET ");
	add_names(&bulk->sql, bulk->state, &options->update_fields, " = excluded.");
}

static void add_values(struct bulk *bulk, size_t rows, bool with_key)
{
	size_t number = 0;

	for (size_t row = 0; row < rows; row++) {
		peal__text_add(&bulk->sql, row ? "), (" : ") VALUES (");
		for (size_t i = 0; i < width(bulk, with_key); i++) {
			peal__text_add(&bulk->sql, i ? ", $" : "$");
			peal__text_add_number(&bulk->sql, ++number);
		}
	}
	peal__text_add(&bulk->sql, ")");
}

/* Whether the database tells the keys of the rows that come without one. */
static bool returns_keys(const struct bulk *bulk, bool with_key)
{
	return !with_key && !bulk->options->ignore_conflicts;
}

/* Which rows the database has left out, or written under another key, is only asked when somebody listens. */
static bool asks_for_keys(const struct bulk *bulk)
{
	return bulk->affected &&
	       (bulk->options->ignore_conflicts || bulk->options->update_fields.count);
}

static int make_sql(struct bulk *bulk, size_t rows, bool with_key)
{
	const struct peal__model_state *state = bulk->state;
	const char *between = " (";

	if (bulk->sql.data && bulk->sql_rows == rows && bulk->sql_with_key == with_key)
		return 0;
	peal__text_fini(&bulk->sql);
	peal__text_add(&bulk->sql, "INSERT INTO ");
	peal__text_add_name(&bulk->sql, state->table);
	for (size_t i = 0; i < state->count; i++) {
		if (!is_written(bulk, i, with_key))
			continue;
		peal__text_add(&bulk->sql, between);
		peal__text_add_name(&bulk->sql, state->columns[i].db_name);
		between = ", ";
	}
	if (width(bulk, with_key))
		add_values(bulk, rows, with_key);
	else
		peal__text_add(&bulk->sql, " DEFAULT VALUES");
	add_conflict(bulk);
	if (returns_keys(bulk, with_key) || asks_for_keys(bulk)) {
		peal__text_add(&bulk->sql, " RETURNING ");
		peal__text_add_name(&bulk->sql, state->columns[state->key].db_name);
	}
	bulk->sql_rows = rows;
	bulk->sql_with_key = with_key;
	return bulk->sql.failed ? peal__no_memory(bulk->error) : 0;
}

/* ---- Inserting ------------------------------------------------------------------------------------------------------- */

static int insert_batch(struct bulk *bulk, size_t first, size_t rows, bool with_key)
{
	const struct peal__model_state *state = bulk->state;
	struct peal__statement *s = NULL;
	size_t index = 0;
	int r = make_sql(bulk, rows, with_key);

	if (r == 0)
		r = peal__statement_get(bulk->connection, bulk->sql.data, bulk->sql.size, &s,
					bulk->error);
	for (size_t row = first; row < first + rows && r == 0; row++)
		for (size_t i = 0; i < state->count && r == 0; i++)
			if (is_written(bulk, i, with_key))
				r = peal__bind_column(bulk->rows[row], s, index++, i, bulk->error);
	for (size_t row = first; r == 0; row++) {
		struct peal_value key = { 0 };

		r = peal__statement_step(s, &state->value_kinds[state->key], s->width ? &key : NULL,
					 bulk->error);
		if (r == 0 && asks_for_keys(bulk))
			r = peal__affected_add(bulk->affected, &key, bulk->error);
		if (r == 0 && returns_keys(bulk, with_key) && row < first + rows)
			bulk->keys[row - bulk->with_key] = key;
	}
	if (s)
		peal__statement_put(s);
	return r == PEAL_DONE ? 0 : r;
}

/* ---- Copying, where the database has a faster way than to insert --------------------------------------------------- */

/* "table" ("column", ...), all of them */
static void add_into(struct peal__text *sql, const struct peal__model_state *state)
{
	const char *between = " (";

	peal__text_add_name(sql, state->table);
	for (size_t i = 0; i < state->count; i++) {
		peal__text_add(sql, between);
		peal__text_add_name(sql, state->columns[i].db_name);
		between = ", ";
	}
	peal__text_add(sql, ")");
}

static int copy_row(struct bulk *bulk, struct peal__statement *s, const struct peal_instance *row,
		    const struct peal_value *key)
{
	const struct peal__model_state *state = bulk->state;
	int r = 0;

	for (size_t i = 0; i < state->count && r == 0; i++)
		r = key && i == state->key ? peal__statement_bind(s, i, key, bulk->error)
					   : peal__bind_column(row, s, i, i, bulk->error);
	return r == 0 ? bulk->connection->db->driver->copy_row(s, bulk->error) : r;
}

static int copy_begin(struct bulk *bulk, struct peal__statement *s, size_t count, bool with_key)
{
	const struct peal__model_state *state = bulk->state;
	struct peal__text into = { 0 };
	struct peal__copy copy = { .table = state->table,
				   .key = state->columns[state->key].db_name,
				   .kinds = state->value_kinds,
				   .keys = with_key ? NULL : bulk->keys,
				   .key_count = with_key ? 0 : count };
	int r;

	add_into(&into, state);
	copy.into = into.data;
	r = into.failed ? peal__no_memory(bulk->error)
			: bulk->connection->db->driver->copy_begin(s, &copy, bulk->error);
	peal__text_fini(&into);
	return r;
}

/* 0, an error, or PEAL_NOT_FOUND: insert them. */
static int copy_some(struct bulk *bulk, size_t first, size_t end, bool with_key)
{
	const struct peal__driver *driver = bulk->connection->db->driver;
	const struct peal_bulk_options *options = bulk->options;
	struct peal__statement *s;
	int r;

	if (!driver->copy_begin || end - first < COPY_FROM || options->ignore_conflicts ||
	    options->update_fields.count)
		return PEAL_NOT_FOUND;
	r = peal__model_statement(bulk->state, PEAL__INSERT_KEY, bulk->connection, &s, bulk->error);
	if (r != 0)
		return r;
	r = copy_begin(bulk, s, end - first, with_key);
	if (r == 0) {
		for (size_t i = first; i < end && r == 0; i++)
			r = copy_row(bulk, s, bulk->rows[i],
				     with_key ? NULL : &bulk->keys[i - bulk->with_key]);
		r = driver->copy_end(s, r, bulk->error);
	}
	peal__statement_put(s);
	if (r < 0)
		peal__transaction_check(bulk->connection);
	return r;
}

static int insert_some(struct bulk *bulk, size_t first, size_t end, bool with_key)
{
	size_t columns = width(bulk, with_key);
	size_t most = !columns ? 1 : columns < PARAMETERS ? PARAMETERS / columns : 1;
	int r = copy_some(bulk, first, end, with_key);

	if (r != PEAL_NOT_FOUND)
		return r;
	r = 0;
	while (first < end && r == 0) {
		size_t rows = end - first < most ? end - first : most;

		r = insert_batch(bulk, first, rows, with_key);
		first += rows;
	}
	return r;
}

static int write_keys(struct bulk *bulk)
{
	const struct peal__column *column = &bulk->state->columns[bulk->state->key];
	int r = 0;

	for (size_t i = bulk->with_key; i < bulk->count && r == 0; i++) {
		struct peal_value key = bulk->keys[i - bulk->with_key];

		r = peal__column_accept(bulk->state, column, &key, bulk->error);
		if (r == 0)
			r = peal__member_write(bulk->rows[i], column, &key, PEAL__COPY,
					       bulk->error);
	}
	return r;
}

static int insert_all(struct bulk *bulk)
{
	int r = insert_some(bulk, 0, bulk->with_key, true);

	if (r == 0)
		r = insert_some(bulk, bulk->with_key, bulk->count, false);
	if (r == 0 && returns_keys(bulk, false))
		r = write_keys(bulk);
	if (r == 0)
		r = peal__snapshot_all(bulk->rows, bulk->count, NULL, bulk->error);
	for (size_t i = 0; i < bulk->count && r == 0; i++) {
		bulk->rows[i]->db = bulk->connection->db;
		bulk->rows[i]->flags |= PEAL__SAVED;
	}
	return r;
}

static int names_check(const struct peal__model_state *state, const struct peal_names *names,
		       struct peal_error *error)
{
	size_t column;
	int r = 0;

	for (size_t i = 0; i < names->count && r == 0; i++)
		r = column_of(state, names->items[i], &column, error);
	return r;
}

static int options_check(const struct bulk *bulk)
{
	const struct peal_bulk_options *options = bulk->options;
	int r = names_check(bulk->state, &options->update_fields, bulk->error);

	if (r == 0)
		r = names_check(bulk->state, &options->unique_fields, bulk->error);
	if (r == 0 && options->ignore_conflicts && options->update_fields.count)
		r = peal_error_set(bulk->error, PEAL_EINVAL,
				   "bulk_create: ignore_conflicts cannot go with update_fields");
	if (r == 0 && options->unique_fields.count && !options->update_fields.count)
		r = peal_error_set(bulk->error, PEAL_EINVAL,
				   "bulk_create: unique_fields need update_fields");
	return r;
}

/* Everything before writing. Rows with a key go to the front, in their order, and those without to the back. */
static int prepare(struct bulk *bulk, struct peal_instance *const *instances)
{
	struct peal_instance **without = bulk->rows + bulk->count;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < bulk->count && r == 0; i++) {
		bool has_key = false;

		r = peal__save_prepare(instances[i], &has_key, bulk->error);
		if (has_key)
			bulk->rows[bulk->with_key++] = instances[i];
		else
			without[count++] = instances[i];
	}
	memmove(bulk->rows + bulk->with_key, without, count * sizeof(struct peal_instance *));
	return r;
}

static int insert_and_tell(struct bulk *bulk)
{
	struct peal__affected *affected;
	int r = peal__affected_new(bulk->state, PEAL_BULK_CREATED, &bulk->affected, bulk->error);

	if (r == 0)
		r = insert_all(bulk);
	affected = bulk->affected;
	if (affected && !asks_for_keys(bulk)) {
		affected->instances = bulk->rows;
		affected->instance_count = bulk->count;
	}
	if (affected)
		affected->rows = (int64_t)(affected->instance_count + affected->count);
	if (r == 0)
		r = peal__affected_send(affected, bulk->connection, bulk->error);
	peal__affected_free(affected);
	return r;
}

int peal_bulk_create(const struct peal_model *model, struct peal_instance *const *instances,
		     size_t count, const struct peal_bulk_options *options,
		     struct peal_error *error)
{
	static const struct peal_bulk_options defaults;
	struct bulk bulk = { .model = model,
			     .options = options ? options : &defaults,
			     .error = error,
			     .count = count };
	int r = instances_check(model, instances, count, error);

	if (r != 0)
		return r;
	bulk.state = peal__state(model);
	r = options_check(&bulk);
	if (r == 0)
		r = peal__connection_get(bulk.options->database, &bulk.connection, error);
	if (r != 0 || !count)
		return r;
	bulk.rows = peal__db_alloc(2 * count * sizeof(struct peal_instance *));
	bulk.keys = peal__db_alloc(count * sizeof(*bulk.keys));
	r = bulk.rows && bulk.keys ? prepare(&bulk, instances) : peal__no_memory(error);
	if (r == 0) {
		PEAL_ATOMIC_WITH(r, error, .database = bulk.options->database,
				 .no_savepoint = true) {
			r = insert_and_tell(&bulk);
		}
	}
	peal__text_fini(&bulk.sql);
	peal__db_free(bulk.keys);
	peal__db_free(bulk.rows);
	return r;
}

/* ---- Updating -------------------------------------------------------------------------------------------------------- */

struct bulk_update {
	const struct peal__model_state *state;
	struct peal__connection *connection;
	struct peal_error *error;
	size_t columns[PEAL_FIELDS_MAX];
	size_t column_count;
	struct peal__text sql; /* for so many rows */
	size_t sql_rows;
	int64_t changes;
	struct peal__affected *affected; /* NULL: nobody listens */
};

static int update_columns(struct bulk_update *update, const struct peal_names *fields)
{
	const struct peal__model_state *state = update->state;
	int r = 0;

	if (!fields->count || fields->count > PEAL_FIELDS_MAX)
		return peal_error_set(update->error, PEAL_EINVAL,
				      "bulk_update: %s: name the fields", state->label);
	for (size_t i = 0; i < fields->count && r == 0; i++) {
		r = column_of(state, fields->items[i], &update->columns[i], update->error);
		if (r == 0 && update->columns[i] == state->key)
			r = peal_error_set(update->error, PEAL_EINVAL,
					   "bulk_update: \"%s\" is the primary key of %s",
					   fields->items[i], state->label);
	}
	update->column_count = fields->count;
	return r;
}

static int update_prepare(struct bulk_update *update, struct peal_instance *const *instances,
			  size_t count)
{
	const struct peal__model_state *state = update->state;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		if (peal_key(instances[i]).kind == PEAL_VALUE_NULL)
			r = peal_error_set(update->error, PEAL_EINVAL,
					   "bulk_update: row %zu of %s has no key", i,
					   state->label);
	for (size_t i = 0; i < count && r == 0; i++)
		for (size_t k = 0; k < update->column_count && r == 0; k++)
			r = peal__save_attached(instances[i], &state->columns[update->columns[k]],
						update->error);
	return r;
}

/* ($1, $2), ($3, $4), ...: key and values of so many rows. Some databases want to know the types. */
static void add_rows(struct bulk_update *update, size_t rows)
{
	const struct peal__model_state *state = update->state;
	const struct peal__dialect *dialect = &update->connection->db->driver->dialect;
	struct peal__text *sql = &update->sql;
	size_t number = 0;

	for (size_t row = 0; row < rows; row++) {
		for (size_t i = 0; i <= update->column_count; i++) {
			size_t column = i ? update->columns[i - 1] : state->key;

			peal__text_add(sql, i ? ", $" : row ? "), ($" : "($");
			peal__text_add_number(sql, ++number);
			if (row || !dialect->typed_values)
				continue;
			peal__text_add(sql, "::");
			peal__text_add(sql, peal__type_name(dialect, &state->columns[column]));
		}
	}
	peal__text_add(sql, ")");
}

static int update_sql(struct bulk_update *update, size_t rows)
{
	const struct peal__model_state *state = update->state;
	struct peal__text *sql = &update->sql;

	if (update->sql_rows == rows)
		return 0;
	peal__text_fini(sql);
	peal__text_add(sql, "UPDATE ");
	peal__text_add_name(sql, state->table);
	for (size_t i = 0; i < update->column_count; i++) {
		peal__text_add(sql, i ? ", " : " SET ");
		peal__text_add_name(sql, state->columns[update->columns[i]].db_name);
		peal__text_add(sql, " = v.column");
		peal__text_add_number(sql, i + 2);
	}
	peal__text_add(sql, " FROM (VALUES ");
	add_rows(update, rows);
	peal__text_add(sql, ") AS v WHERE ");
	peal__text_add_name(sql, state->table);
	peal__text_add(sql, ".");
	peal__text_add_name(sql, state->columns[state->key].db_name);
	peal__text_add(sql, " = v.column1");
	if (update->affected) {
		peal__text_add(sql, " RETURNING ");
		peal__text_add_name(sql, state->columns[state->key].db_name);
	}
	update->sql_rows = rows;
	return sql->failed ? peal__no_memory(update->error) : 0;
}

static int update_run(struct bulk_update *update, struct peal__statement *s)
{
	const uint8_t kinds[] = { update->state->value_kinds[update->state->key] };
	struct peal_value key;
	int r = 0;

	while (r == 0) {
		r = peal__statement_step(s, kinds, s->width ? &key : NULL, update->error);
		if (r == 0 && update->affected)
			r = peal__affected_add(update->affected, &key, update->error);
	}
	if (r != PEAL_DONE)
		return r;
	update->changes += update->connection->db->driver->changes(s);
	return 0;
}

static int update_some(struct bulk_update *update, struct peal_instance *const *rows, size_t count)
{
	struct peal__statement *s = NULL;
	size_t index = 0;
	int r = update_sql(update, count);

	if (r == 0)
		r = peal__statement_get(update->connection, update->sql.data, update->sql.size, &s,
					update->error);
	for (size_t row = 0; row < count && r == 0; row++) {
		r = peal__bind_column(rows[row], s, index++, update->state->key, update->error);
		for (size_t i = 0; i < update->column_count && r == 0; i++)
			r = peal__bind_column(rows[row], s, index++, update->columns[i],
					      update->error);
	}
	if (r == 0)
		r = update_run(update, s);
	if (s)
		peal__statement_put(s);
	return r;
}

struct place {
	struct peal_instance *instance;
	size_t index;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = peal__key_compare(peal_key(x->instance), peal_key(y->instance));

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Those to be written, in the order of their keys, so that two calls do not lock each other out. Returns how many. */
static size_t sort_places(struct place *places, struct peal_instance *const *instances,
			  size_t count, struct peal_instance **rows)
{
	size_t row_count = 0;

	for (size_t i = 0; i < count; i++)
		places[i] = (struct place){ instances[i], i };
	qsort(places, count, sizeof(*places), compare_places);
	for (size_t i = 0; i < count; i++)
		if (!i || !peal_value_equal(peal_key(places[i].instance),
					    peal_key(places[i - 1].instance)))
			rows[row_count++] = places[i].instance;
	return row_count;
}

static int update_all(struct bulk_update *update, struct peal_instance *const *instances,
		      size_t count)
{
	struct place *places = peal__db_alloc(count * sizeof(*places));
	struct peal_instance **rows = peal__db_alloc(count * sizeof(struct peal_instance *));
	bool written[PEAL_FIELDS_MAX] = { false };
	int r = places && rows ? 0 : peal__no_memory(update->error);
	size_t row_count = r == 0 ? sort_places(places, instances, count, rows) : 0;
	size_t wanted = UPDATE_PARAMETERS / (update->column_count + 1), most = wanted ? wanted : 1;

	for (size_t i = 0; i < row_count && r == 0; i += most)
		r = update_some(update, rows + i, row_count - i < most ? row_count - i : most);
	for (size_t i = 0; i < update->column_count; i++)
		written[update->columns[i]] = true;
	if (r == 0)
		r = peal__snapshot_all(rows, row_count, written, update->error);
	peal__db_free(rows);
	peal__db_free(places);
	return r;
}

static int update_and_tell(struct bulk_update *update, struct peal_instance *const *instances,
			   size_t count)
{
	int r = peal__affected_new(update->state, PEAL_BULK_UPDATED, &update->affected,
				   update->error);
	struct peal__affected *affected = update->affected;

	for (size_t i = 0; i < update->column_count && affected && r == 0; i++)
		r = peal__affected_add_field(
			affected, update->state->columns[update->columns[i]].name, update->error);
	if (r == 0)
		r = update_all(update, instances, count);
	if (affected)
		affected->rows = update->changes;
	if (r == 0)
		r = peal__affected_send(affected, update->connection, update->error);
	peal__affected_free(affected);
	return r;
}

int peal_bulk_update(const struct peal_model *model, struct peal_instance *const *instances,
		     size_t count, const struct peal_names *fields, const char *database,
		     int64_t *ret_count, struct peal_error *error)
{
	struct bulk_update update = { .error = error };
	int r = instances_check(model, instances, count, error);

	if (r != 0)
		return r;
	update.state = peal__state(model);
	r = update_columns(&update, fields);
	if (r == 0)
		r = update_prepare(&update, instances, count);
	if (r == 0)
		r = peal__connection_get(database, &update.connection, error);
	if (r == 0 && count) {
		PEAL_ATOMIC_WITH(r, error, .database = database, .no_savepoint = true) {
			r = update_and_tell(&update, instances, count);
		}
		peal__text_fini(&update.sql);
	}
	if (r == 0 && ret_count)
		*ret_count = update.changes;
	return r;
}
