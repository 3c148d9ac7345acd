/* SPDX-License-Identifier: MIT */
/*
 * Running queries. No receiver is called while a statement is being read: rows whose init signals are heard are read
 * to their end first, so that a receiver may write, commit or roll back.
 */
#include "query_internal.h"

#define GET_MAX 21 /* rows that a get looks at, as in Django, whose init signals show it */

#define CHUNK 2000 /* rows of a stream for which it prefetches at once, as in Django */

/* The rows of a SELECT while they are read: the model's columns, and then those of related rows. */
struct reader {
	struct peal_query *query;
	struct peal__statement *statement;
	struct peal_db *db;
	const uint8_t *kinds;
	struct peal_value *values;
	size_t width;
	void *heap; /* kinds and values, when they are too many */
	struct peal_value own_values[PEAL_FIELDS_MAX];
	uint8_t own_kinds[PEAL_FIELDS_MAX];
};

static bool is_loaded(const struct peal_query *query, size_t column)
{
	if (query->key_only)
		return column == query->state->key;
	return !(query->deferred[column / 64] >> (column % 64) & 1);
}

/* Columns of the order that DISTINCT wants to see: those of the model's own table are there anyway. */
static bool is_extra(const struct peal_query *query, const struct peal__order *order)
{
	return query->distinct &&
	       (order->aggregate || order->place.join || query->key_only || query->defers);
}

static bool is_plain(const struct peal_query *query)
{
	return query->join_count == 1 && !query->inner && !query->key_only && !query->defers &&
	       !query->distinct && !query->aggregates && !query->owner.column;
}

/* As many as there may be at most. */
static int make_room(struct reader *reader, struct peal_error *error)
{
	const struct peal_query *query = reader->query;
	size_t most = query->state->count + query->order_count + 2; /* owner, row number */

	for (size_t i = 1; i < query->join_count; i++)
		if (query->joins[i].selected)
			most += query->joins[i].state->count;
	reader->values = reader->own_values;
	reader->kinds = reader->own_kinds;
	if (most <= PEAL_FIELDS_MAX)
		return 0;
	reader->heap = peal__db_alloc(most * (sizeof(struct peal_value) + 1));
	if (!reader->heap)
		return peal__no_memory(error);
	reader->values = reader->heap;
	reader->kinds = (const uint8_t *)&reader->values[most];
	return 0;
}

static void add_column(struct reader *reader, struct peal__compiled *compiled, size_t join,
		       const struct peal__column *column)
{
	uint8_t *kinds = (uint8_t *)reader->kinds;

	if (reader->width)
		peal__text_add(&compiled->sql, ", ");
	peal__compile_place(compiled, &(const struct peal__place){ join, column });
	kinds[reader->width++] = column->value_kind;
}

static void add_extras(struct reader *reader, struct peal__compiled *compiled)
{
	const struct peal_query *query = reader->query;

	for (size_t i = 0; i < query->order_count; i++) {
		const struct peal__order *order = &query->order[i];

		if (!is_extra(query, order))
			continue;
		if (order->aggregate) {
			peal__text_add(&compiled->sql, ", ");
			peal__compile_aggregate(compiled, order->aggregate);
			((uint8_t *)reader->kinds)[reader->width++] = PEAL_VALUE_NULL;
		} else {
			add_column(reader, compiled, order->place.join, order->place.column);
		}
	}
}

/* A slice of the rows of each owner, not of all. */
static bool is_sliced_apart(const struct peal_query *query)
{
	return query->owner.column && peal__query_is_sliced(query);
}

static void add_row_number(struct reader *reader, struct peal__compiled *compiled)
{
	const struct peal_query *query = reader->query;
	const struct peal__place key = { .column = &query->state->columns[query->state->key] };

	peal__text_add(&compiled->sql, ", row_number() OVER (PARTITION BY ");
	peal__compile_place(compiled, &query->owner);
	peal__compile_order(compiled, query);
	if (!query->order_count) {
		peal__text_add(&compiled->sql, " ORDER BY ");
		peal__compile_place(compiled, &key);
	}
	peal__text_add(&compiled->sql, ") AS peal_row");
	((uint8_t *)reader->kinds)[reader->width++] = PEAL_VALUE_INT;
}

static void compile_columns(struct reader *reader, struct peal__compiled *compiled)
{
	const struct peal_query *query = reader->query;
	const struct peal__place group[] = {
		{ .column = &query->state->columns[query->state->key] },
		query->owner,
	};

	peal__text_add(&compiled->sql, query->distinct ? "SELECT DISTINCT " : "SELECT ");
	for (size_t i = 0; i < query->state->count; i++)
		if (is_loaded(query, i))
			add_column(reader, compiled, 0, &query->state->columns[i]);
	for (size_t i = 1; i < query->join_count; i++)
		for (size_t k = 0; query->joins[i].selected && k < query->joins[i].state->count;
		     k++)
			add_column(reader, compiled, i, &query->joins[i].state->columns[k]);
	add_extras(reader, compiled);
	if (is_sliced_apart(query))
		add_row_number(reader, compiled);
	if (query->owner.column)
		add_column(reader, compiled, query->owner.join, query->owner.column);
	peal__compile_from(compiled, query);
	peal__compile_group(compiled, query, group, query->owner.column ? 2 : 1);
}

static void compile_slice_apart(struct peal__compiled *compiled, const struct peal_query *query)
{
	struct peal__text *sql = &compiled->sql;
	unsigned long long first = (unsigned long long)query->offset;

	peal__text_add(sql, ") AS part WHERE peal_row > ");
	peal__text_add_number(sql, first);
	if (query->limit != INT64_MAX) {
		peal__text_add(sql, " AND peal_row <= ");
		peal__text_add_number(sql, first + (unsigned long long)query->limit);
	}
	peal__text_add(sql, " ORDER BY peal_row");
}

static void compile_select(struct reader *reader, struct peal__compiled *compiled)
{
	const struct peal_query *query = reader->query;

	peal__compile_begin(compiled, query);
	if (is_plain(query)) {
		reader->kinds = query->state->value_kinds;
		reader->width = query->state->count;
		peal__text_add(&compiled->sql, query->state->select);
		peal__compile_where(compiled, query);
		peal__compile_tail(compiled, query);
	} else if (is_sliced_apart(query)) {
		peal__text_add(&compiled->sql, "SELECT * FROM (");
		compile_columns(reader, compiled);
		compile_slice_apart(compiled, query);
	} else {
		compile_columns(reader, compiled);
		peal__compile_tail(compiled, query);
	}
	peal__compile_lock(compiled, query);
}

static int reader_begin(struct reader *reader, struct peal_query *query, struct peal__connection *c,
			struct peal_error *error)
{
	struct peal__compiled compiled = { 0 };
	int r;

	reader->query = query;
	reader->db = c->db;
	reader->width = 0;
	reader->heap = NULL;
	if (query->lock && !peal_atomic_depth(query->alias))
		return peal_error_set(error, PEAL_ETRANSACTION,
				      "%s: rows are locked in a transaction only",
				      query->state->label);
	r = make_room(reader, error);
	if (r < 0)
		return r;
	compile_select(reader, &compiled);
	r = peal__compiled_start(&compiled, c, &reader->statement, error);
	if (r < 0)
		peal__db_free(reader->heap);
	return r;
}

static int reader_step(struct reader *reader, struct peal_error *error)
{
	return peal__statement_step(reader->statement, reader->kinds, reader->values, error);
}

static void reader_end(struct reader *reader)
{
	peal__statement_put(reader->statement);
	peal__db_free(reader->heap);
}

/* The columns of the model in the order of its fields; what is not loaded comes as a pointer to nothing. */
static const struct peal_value *spread(const struct peal_query *query,
				       const struct peal_value *values, struct peal_value *room)
{
	if (!query->key_only && !query->defers)
		return values;
	for (size_t i = 0; i < query->state->count; i++)
		room[i] = is_loaded(query, i) ? *values++ : peal_value_pointer(NULL);
	return room;
}

/* ---- Many ------------------------------------------------------------------------------------------------------------ */

int peal__rows_keep_texts(struct peal_rows *rows, struct peal_value *values, size_t count,
			  struct peal_error *error)
{
	for (size_t i = 0; i < count; i++) {
		if (values[i].kind != PEAL_VALUE_TEXT && values[i].kind != PEAL_VALUE_BYTES)
			continue;
		values[i].as.text.data = peal__arena_text(&rows->arena, values[i].as.text.data,
							  values[i].as.text.size);
		if (!values[i].as.text.data)
			return peal__no_memory(error);
	}
	return 0;
}

static int keep_in_instance(struct peal_instance *instance, struct peal_value *values, size_t count,
			    struct peal_error *error)
{
	size_t size = peal__texts_size(values, count);
	char *room = size ? peal__owned_alloc(instance, PEAL__OWNED_TEXTS, size) : NULL;

	if (size && !room)
		return peal__no_memory(error);
	peal__texts_copy(values, count, room);
	return 0;
}

/* Room for a related row, which ends with the rows or, where there are none, with its owner. */
static struct peal_instance *related_new(struct peal_rows *rows, struct peal_instance *owner,
					 const struct peal_model *model)
{
	struct peal__owned_row *owned =
		rows ? peal__arena_alloc(&rows->arena, sizeof(*owned) + model->size)
		     : peal__owned_alloc(owner, PEAL__OWNED_INSTANCE, sizeof(*owned) + model->size);

	if (!owned)
		return NULL;
	owned->instance = peal__instance_in(model, owned->row);
	return owned->instance;
}

static int keep_related(struct peal_rows *rows, struct peal_instance *instance,
			struct peal_error *error)
{
	if (!rows)
		return 0;
	if (!peal__db_grow(&rows->related, &rows->related_capacity, rows->related_count,
			   sizeof(struct peal_instance *)))
		return peal__no_memory(error);
	rows->related[rows->related_count++] = instance;
	return 0;
}

/* The rows of select_related, from the values behind the model's own: each is attached to the one that refers to it. */
static int load_related(const struct peal_query *query, struct peal_rows *rows,
			struct peal_instance *first, struct peal_db *db,
			const struct peal_value *values, struct peal_error *error)
{
	struct peal_instance *loaded[PEAL_FIELDS_MAX] = { first };
	int r = 0;

	for (size_t i = 0; i < query->state->count; i++)
		values += is_loaded(query, i);
	for (size_t i = 1; i < query->join_count && i < PEAL_FIELDS_MAX && r == 0; i++) {
		const struct peal__join *join = &query->joins[i];
		struct peal_instance *parent = loaded[join->parent];
		const struct peal_value *own = values;

		if (!join->selected)
			continue;
		values += join->state->count;
		if (!parent || own[join->state->key].kind == PEAL_VALUE_NULL)
			continue;
		loaded[i] = related_new(rows, first, join->state->model);
		if (!loaded[i])
			return peal__no_memory(error);
		r = keep_related(rows, loaded[i], error);
		if (r == 0)
			r = peal__instance_load(join->state->model, loaded[i], db, own, error);
		if (r == 0)
			peal__object_set(join->from, peal__row(parent), loaded[i]);
	}
	return r;
}

/* An instance and its related ones; rows NULL: these belong to the instance. */
static int load(const struct peal_query *query, struct peal_rows *rows,
		struct peal_instance *instance, struct peal_db *db, const struct peal_value *values,
		struct peal_error *error)
{
	struct peal_value room[PEAL_FIELDS_MAX];
	int r = peal__instance_load(query->model, instance, db, spread(query, values, room), error);

	if (r == 0 && query->join_count > 1)
		r = load_related(query, rows, instance, db, values, error);
	return r;
}

/* The owner is the last of the values. */
static int add_row(struct peal_query *query, struct peal_rows *rows, struct peal_db *db,
		   const struct peal_value *values, size_t width, struct peal_error *error)
{
	char *row = peal__arena_alloc(&rows->arena, query->model->size);
	struct peal_instance *instance;
	int r;

	if (!row || !peal__db_grow(&rows->items, &rows->capacity, rows->count,
				   sizeof(struct peal_instance *)))
		return peal__no_memory(error);
	if (query->owner.column) {
		if (!peal__db_grow(&rows->owners, &rows->owner_capacity, rows->count,
				   sizeof(*rows->owners)))
			return peal__no_memory(error);
		rows->owners[rows->count] = values[width - 1];
	}
	instance = peal__instance_in(query->model, row);
	r = load(query, rows, instance, db, values, error);
	if (r == 0)
		rows->items[rows->count++] = instance;
	else
		peal_fini(instance);
	return r;
}

static int read_rows(struct peal_query *query, struct peal_rows *rows, struct peal__connection *c,
		     struct peal_error *error)
{
	struct reader reader;
	int r = reader_begin(&reader, query, c, error);

	if (r != 0)
		return r;
	/* One is loaded while the next is sent. */
	reader.statement->reading = PEAL__READ_AS_THEY_COME;
	while (r == 0) {
		r = reader_step(&reader, error);
		if (r == 0)
			r = peal__rows_keep_texts(rows, reader.values, reader.width, error);
		if (r == 0)
			r = add_row(query, rows, c->db, reader.values, reader.width, error);
	}
	reader_end(&reader);
	return r == PEAL_DONE ? 0 : r;
}

struct value_row {
	struct value_row *next;
	struct peal_value values[];
};

static int read_values(struct peal_query *query, struct peal_rows *rows, struct peal__connection *c,
		       struct value_row **last, size_t *ret_width, struct peal_error *error)
{
	struct reader reader;
	int r = reader_begin(&reader, query, c, error);
	size_t size = reader.width * sizeof(struct peal_value);

	if (r != 0)
		return r;
	*ret_width = reader.width;
	while ((r = reader_step(&reader, error)) == 0) {
		struct value_row *row;

		r = peal__rows_keep_texts(rows, reader.values, reader.width, error);
		if (r < 0)
			break;
		row = peal__arena_alloc(&rows->arena, sizeof(*row) + size);
		if (!row) {
			r = peal__no_memory(error);
			break;
		}
		memcpy(row->values, reader.values, size);
		*last = row;
		last = &row->next;
	}
	reader_end(&reader);
	return r == PEAL_DONE ? 0 : r;
}

static int read_heard_rows(struct peal_query *query, struct peal_rows *rows,
			   struct peal__connection *c, struct peal_error *error)
{
	struct value_row *first = NULL;
	size_t width = 0;
	int r = read_values(query, rows, c, &first, &width, error);

	for (const struct value_row *row = first; row && r == 0; row = row->next)
		r = add_row(query, rows, c->db, row->values, width, error);
	return r;
}

/* Somebody hears the init signals of the rows, or of those selected with them. */
static bool is_heard(const struct peal_query *query)
{
	bool heard = peal__init_is_heard(query->model);

	for (size_t i = 1; i < query->join_count && !heard; i++)
		heard = query->joins[i].selected &&
			peal__init_is_heard(query->joins[i].state->model);
	return heard;
}

int peal__rows_read(struct peal_query *query, struct peal_rows *rows, struct peal__connection *c,
		    struct peal_error *error)
{
	return is_heard(query) ? read_heard_rows(query, rows, c, error)
			       : read_rows(query, rows, c, error);
}

struct peal_rows *peal__rows_new(struct peal_error *error)
{
	struct peal_rows *rows = peal__db_alloc(sizeof(*rows));

	if (!rows)
		peal__no_memory(error);
	return rows;
}

static int all(struct peal_query *query, struct peal_rows **ret_rows, struct peal_error *error)
{
	struct peal__connection *c;
	struct peal_rows *rows;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	rows = peal__rows_new(error);
	if (!rows)
		return PEAL_ENOMEM;
	r = peal__rows_read(query, rows, c, error);
	if (r == 0)
		r = peal__prefetch_run(query->prefetches, rows->items, rows->count, error);
	if (r == 0)
		*ret_rows = rows;
	else
		peal_rows_free(rows);
	return r;
}

/* A copy in the order of its model. */
static struct peal_query *in_order(const struct peal_query *query)
{
	struct peal_query *copy = peal_query_copy(query);

	peal__query_order_by_default(copy);
	return copy;
}

int peal_query_all(struct peal_query *query, struct peal_rows **ret_rows, struct peal_error *error)
{
	struct peal_query *copy;
	int r;

	if (!peal__query_has_default_order(query))
		return all(query, ret_rows, error);
	copy = in_order(query);
	r = all(copy, ret_rows, error);
	peal_query_free(copy);
	return r;
}

size_t peal_rows_count(const struct peal_rows *rows)
{
	return rows ? rows->count : 0;
}

struct peal_instance *peal_rows_at(const struct peal_rows *rows, size_t index)
{
	return rows && index < rows->count ? rows->items[index] : NULL;
}

void peal_rows_free(struct peal_rows *rows)
{
	if (!rows)
		return;
	for (size_t i = 0; i < rows->count; i++)
		if (rows->items[i]->owned || rows->items[i]->internal)
			peal_fini(rows->items[i]);
	for (size_t i = 0; i < rows->related_count; i++)
		if (rows->related[i]->owned || rows->related[i]->internal)
			peal_fini(rows->related[i]);
	peal__db_free(rows->related);
	peal__db_free(rows->owners);
	peal__db_free(rows->items);
	peal__arena_fini(&rows->arena);
	peal__db_free(rows);
}

/* ---- One after the other --------------------------------------------------------------------------------------------- */

struct peal_stream {
	struct peal_query *query; /* a copy */
	struct peal_instance *instance;
	struct peal_rows *rows; /* when it prefetches: those that are given next */
	size_t next;
	struct reader reader;
	bool open; /* there is a statement */
	_Alignas(max_align_t) char row[];
};

int peal_query_stream(struct peal_query *query, struct peal_stream **ret_stream,
		      struct peal_error *error)
{
	struct peal__connection *c;
	struct peal_stream *stream;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	stream = peal__db_alloc(sizeof(*stream) + query->model->size);
	if (!stream)
		return peal__no_memory(error);
	stream->instance = peal__instance_in(query->model, stream->row);
	stream->query = in_order(query);
	r = peal__query_ready(stream->query, &c, error);
	if (r == 0)
		r = reader_begin(&stream->reader, stream->query, c, error);
	stream->open = r == 0;
	if (r == 0) {
		stream->reader.statement->reading = PEAL__READ_BY_CURSOR;
		*ret_stream = stream;
	} else {
		peal_stream_free(stream);
	}
	return r;
}

static void close_statement(struct peal_stream *stream)
{
	if (stream->open)
		reader_end(&stream->reader);
	stream->open = false;
}

static int read_chunk(struct peal_stream *stream, struct peal_error *error)
{
	struct reader *reader = &stream->reader;
	int r = 0;

	while (r == 0 && stream->rows->count < CHUNK) {
		r = reader_step(reader, error);
		if (r == 0)
			r = peal__rows_keep_texts(stream->rows, reader->values, reader->width,
						  error);
		if (r == 0)
			r = add_row(stream->query, stream->rows, reader->db, reader->values,
				    reader->width, error);
	}
	if (r != 0)
		close_statement(stream);
	if (r == 0 || r == PEAL_DONE)
		r = peal__prefetch_run(stream->query->prefetches, stream->rows->items,
				       stream->rows->count, error);
	if (r != 0)
		close_statement(stream); /* its rows will be missing */
	return r;
}

static int next_of_chunk(struct peal_stream *stream, struct peal_instance **ret_instance,
			 struct peal_error *error)
{
	int r = 0;

	if (stream->next == peal_rows_count(stream->rows)) {
		peal_rows_free(stream->rows);
		stream->rows = NULL;
		stream->next = 0;
		if (!stream->open)
			return PEAL_DONE;
		stream->rows = peal__rows_new(error);
		r = stream->rows ? read_chunk(stream, error) : PEAL_ENOMEM;
	}
	if (r != 0) {
		peal_rows_free(stream->rows);
		stream->rows = NULL;
		return r;
	}
	*ret_instance = peal_rows_at(stream->rows, stream->next);
	if (!*ret_instance)
		return PEAL_DONE;
	stream->next++;
	return 0;
}

int peal_stream_next(struct peal_stream *stream, struct peal_instance **ret_instance,
		     struct peal_error *error)
{
	struct reader *reader = &stream->reader;
	int r;

	if (stream->query->prefetches)
		return next_of_chunk(stream, ret_instance, error);
	peal_fini(stream->instance);
	r = stream->open ? reader_step(reader, error) : PEAL_DONE;
	if (r == 0)
		r = keep_in_instance(stream->instance, reader->values, reader->width, error);
	if (r == 0)
		r = load(stream->query, NULL, stream->instance, reader->db, reader->values, error);
	if (r == 0) {
		*ret_instance = stream->instance;
		return 0;
	}
	peal__owned_free(stream->instance);
	*stream->instance = (struct peal_instance){ 0 };
	close_statement(stream);
	return r;
}

void peal_stream_free(struct peal_stream *stream)
{
	if (!stream)
		return;
	peal_fini(stream->instance);
	peal_rows_free(stream->rows);
	close_statement(stream);
	peal_query_free(stream->query);
	peal__db_free(stream);
}

/* ---- One ------------------------------------------------------------------------------------------------------------- */

/* Reads the first row and looks whether there is a second one. */
static int read_one(struct reader *reader, struct peal_instance *instance, struct peal_error *error)
{
	int r = reader_step(reader, error);

	if (r == 0)
		r = keep_in_instance(instance, reader->values, reader->width, error);
	else if (r == PEAL_DONE)
		r = PEAL_NOT_FOUND;
	if (r == 0 && reader->query->limit != 1) {
		r = peal__statement_step(reader->statement, NULL, NULL, error);
		r = r == 0 ? PEAL_MULTIPLE : r == PEAL_DONE ? 0 : r;
	}
	return r;
}

/* There are several: all that the get looks at are loaded, so that their init signals are sent. */
static int multiple(struct peal_query *query, struct peal_error *error)
{
	struct peal_rows *rows = NULL;

	if (is_heard(query)) {
		int r = peal_query_all(query, &rows, error);

		if (r != 0)
			return r;
		peal_rows_free(rows);
	}
	return peal_error_set(error, PEAL_MULTIPLE, "there is more than one such %s",
			      query->state->label);
}

static int load_one(struct peal_query *query, struct peal_instance *instance,
		    struct peal__connection *c, struct peal_error *error)
{
	struct reader reader;
	int r = reader_begin(&reader, query, c, error);

	if (r != 0)
		return r;
	r = read_one(&reader, instance, error);
	peal__statement_put(reader.statement); /* before receivers are called */
	if (r == 0)
		r = load(query, NULL, instance, c->db, reader.values, error);
	peal__db_free(reader.heap);
	if (r == 0)
		r = peal__prefetch_run(query->prefetches, &instance, 1, error);
	return r;
}

static int get_one(struct peal_query *query, struct peal_instance *instance, int64_t limit,
		   struct peal_error *error)
{
	struct peal__connection *c;
	int64_t whole;
	int r;

	*instance = (struct peal_instance){ 0 };
	r = peal__query_ready(query, &c, error);
	if (r != 0)
		return r;
	whole = query->limit;
	query->limit = limit < whole ? limit : whole;
	r = load_one(query, instance, c, error);
	if (r == PEAL_MULTIPLE)
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

typedef int get_fn(struct peal_query *query, struct peal_instance *instance,
		   struct peal_error *error);

/* In the order of the model, when it has one and the query none of its own. */
static int get_in_order(get_fn *get, struct peal_query *query, struct peal_instance *instance,
			struct peal_error *error)
{
	struct peal_query *copy;
	int r;

	if (!peal__query_has_default_order(query))
		return get(query, instance, error);
	copy = in_order(query);
	r = get(copy, instance, error);
	peal_query_free(copy);
	return r;
}

static int get(struct peal_query *query, struct peal_instance *instance, struct peal_error *error)
{
	return get_one(query, instance, GET_MAX, error);
}

/* Which row it is depends on the order of a slice only. */
int peal_query_get(struct peal_query *query, struct peal_instance *instance,
		   struct peal_error *error)
{
	if (query && !query->error.code && peal__query_is_sliced(query))
		return get_in_order(get, query, instance, error);
	return get(query, instance, error);
}

/* The first row in the order of the query, or by its key. */
static int first(struct peal_query *query, struct peal_instance *instance, struct peal_error *error)
{
	bool ordered = query && query->ordered, by_key = query && !query->order_count;
	int r;

	if (by_key)
		peal_query_order_by(query, "pk");
	r = get_one(query, instance, 1, error);
	if (by_key)
		query->order_count = 0;
	if (by_key)
		query->ordered = ordered;
	return r;
}

int peal_query_first(struct peal_query *query, struct peal_instance *instance,
		     struct peal_error *error)
{
	return get_in_order(first, query, instance, error);
}

static void turn_around(struct peal_query *query)
{
	for (size_t i = 0; i < query->order_count; i++)
		query->order[i].descending = !query->order[i].descending;
}

static int last(struct peal_query *query, struct peal_instance *instance, struct peal_error *error)
{
	bool ordered = query && query->ordered, by_key = query && !query->order_count;
	int r;

	*instance = (struct peal_instance){ 0 };
	if (!query)
		return peal__no_memory(error);
	if (!query->error.code && peal__query_is_sliced(query))
		return peal_error_set(error, PEAL_EINVAL, "%s: a slice cannot be read backwards",
				      query->state->label);
	if (by_key)
		peal_query_order_by(query, "pk");
	turn_around(query);
	r = get_one(query, instance, 1, error);
	turn_around(query);
	if (by_key)
		query->order_count = 0;
	if (by_key)
		query->ordered = ordered;
	return r;
}

int peal_query_last(struct peal_query *query, struct peal_instance *instance,
		    struct peal_error *error)
{
	return get_in_order(last, query, instance, error);
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
