/* SPDX-License-Identifier: MIT */
/* Queries that make no instances: counts, values, aggregates, and updates. */
#include "post_bulk.h"

/* ---- One value ------------------------------------------------------------------------------------------------------- */

/* The first value of the first row; PEAL_DONE when there is none. A text is lost. */
static int read_first(struct peal__compiled *compiled, struct peal__connection *c,
		      struct peal_value *ret, struct peal_error *error)
{
	struct peal__statement *s = NULL;
	int r = peal__compiled_start(compiled, c, &s, error);

	if (r != 0)
		return r;
	r = peal__statement_step(s, NULL, ret, error);
	peal__statement_put(s);
	return r;
}

static struct peal__place key_of(const struct peal_query *query)
{
	return (struct peal__place){ .column = &query->state->columns[query->state->key] };
}

/* Their keys, when there may be more or fewer of them than rows. */
static void compile_keys(struct peal__compiled *compiled, const struct peal_query *query)
{
	const struct peal__place key = key_of(query);
	struct peal_query unordered = *query;

	unordered.order_count = 0;
	peal__text_add(&compiled->sql, query->distinct ? "SELECT DISTINCT " : "SELECT ");
	peal__compile_place(compiled, &key);
	peal__compile_from(compiled, query);
	peal__compile_group(compiled, &unordered, &key, 1);
	peal__compile_tail(compiled, &unordered);
}

int peal_query_count(struct peal_query *query, int64_t *ret_count, struct peal_error *error)
{
	struct peal__compiled compiled = { 0 };
	struct peal_value value;
	struct peal__connection *c;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	peal__compile_begin(&compiled, query);
	if (peal__query_is_sliced(query) || query->distinct || query->aggregates) {
		peal__text_add(&compiled.sql, "SELECT count(*) FROM (");
		compile_keys(&compiled, query);
		peal__text_add(&compiled.sql, ") AS part");
	} else {
		peal__text_add(&compiled.sql, "SELECT count(*)");
		peal__compile_from(&compiled, query);
	}
	r = read_first(&compiled, c, &value, error);
	if (r == 0)
		*ret_count = value.as.integer;
	return r;
}

int peal_query_exists(struct peal_query *query, bool *ret_exists, struct peal_error *error)
{
	struct peal__compiled compiled = { 0 };
	struct peal__connection *c;
	struct peal_value value;
	struct peal_query one;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	one = *query;
	one.limit = query->limit < 1 ? query->limit : 1;
	peal__compile_begin(&compiled, &one);
	compile_keys(&compiled, &one);
	r = read_first(&compiled, c, &value, error);
	if (r < 0)
		return r;
	*ret_exists = r == 0;
	return 0;
}

/* ---- Rows of values ---------------------------------------------------------------------------------------------------- */

struct peal_values {
	struct peal__arena arena;
	struct peal_value **rows;
	size_t count, capacity;
};

/* What a query of values gives: annotations, and columns, which make the groups. */
struct shape {
	size_t width;
	size_t all; /* with what DISTINCT has to see of the order */
	size_t group_count;
	const struct peal__aggregate **aggregates; /* NULL: the next column */
	struct peal__place *group;
	uint8_t *kinds;
	const struct peal__column **columns; /* what each is of; NULL: rows */
};

static uint8_t kind_of(const struct peal__aggregate *aggregate)
{
	if (aggregate->function == PEAL_FUNCTION_COUNT)
		return PEAL_VALUE_INT;
	if (aggregate->function == PEAL_FUNCTION_AVG)
		return PEAL_VALUE_REAL;
	return aggregate->place.column->value_kind;
}

static int shape_add(struct peal_query *query, struct shape *shape, const char *name)
{
	const struct peal__aggregate *aggregate = peal__aggregate_find(query, name, strlen(name));
	struct peal__place *place = &shape->group[shape->group_count];
	int r = aggregate ? 0 : peal__place_find_all(query, name, "values", place);

	if (r < 0)
		return r;
	shape->group_count += !aggregate;
	shape->kinds[shape->width] = aggregate ? kind_of(aggregate) : place->column->value_kind;
	shape->columns[shape->width] = aggregate ? aggregate->place.column : place->column;
	shape->aggregates[shape->width++] = aggregate;
	return 0;
}

static int shape_init(struct peal_query *query, struct shape *shape, const struct peal_names *names)
{
	size_t most = names->count + query->order_count + 1;
	int r = 0;

	shape->aggregates =
		peal__arena_alloc(&query->arena, most * sizeof(const struct peal__aggregate *));
	shape->group = peal__arena_alloc(&query->arena, most * sizeof(*shape->group));
	shape->kinds = peal__arena_alloc(&query->arena, most);
	shape->columns = peal__arena_alloc(&query->arena, most * sizeof(struct peal__column *));
	if (!shape->aggregates || !shape->group || !shape->kinds || !shape->columns)
		return peal__query_no_memory(query);
	for (size_t i = 0; i < names->count && r == 0; i++)
		r = shape_add(query, shape, names->items[i]);
	if (r == 0 && !names->count)
		r = peal_error_set(&query->error, PEAL_EINVAL, "values: %s: no columns are named",
				   query->state->label);
	return r;
}

/* What the rows are ordered by, behind what is wanted: databases that do without it would give rows twice then. */
static void compile_extras(struct peal__compiled *compiled, const struct peal_query *query,
			   struct shape *shape)
{
	for (size_t i = 0; i < query->order_count && query->distinct; i++) {
		const struct peal__order *order = &query->order[i];

		if (!order->aggregate &&
		    peal__place_is_among(&order->place, shape->group, shape->group_count))
			continue;
		peal__text_add(&compiled->sql, ", ");
		if (order->aggregate)
			peal__compile_aggregate(compiled, order->aggregate);
		else
			peal__compile_place(compiled, &order->place);
		shape->kinds[shape->all++] = PEAL_VALUE_NULL;
	}
}

static void compile_values(struct peal__compiled *compiled, const struct peal_query *query,
			   struct shape *shape)
{
	const struct peal__place *place = shape->group;

	shape->all = shape->width;
	peal__compile_begin(compiled, query);
	peal__text_add(&compiled->sql, query->distinct ? "SELECT DISTINCT " : "SELECT ");
	for (size_t i = 0; i < shape->width; i++) {
		if (i)
			peal__text_add(&compiled->sql, ", ");
		if (shape->aggregates[i])
			peal__compile_aggregate(compiled, shape->aggregates[i]);
		else
			peal__compile_place(compiled, place++);
	}
	compile_extras(compiled, query, shape);
	peal__compile_from(compiled, query);
	peal__compile_group(compiled, query, shape->group, shape->group_count);
	peal__compile_tail(compiled, query);
}

static int keep_row(struct peal__arena *arena, struct peal_value *row, const struct shape *shape,
		    struct peal_error *error)
{
	for (size_t i = 0; i < shape->width; i++) {
		if (row[i].kind == PEAL_VALUE_DECIMAL)
			peal__decimal_settle(shape->columns[i], &row[i].as.decimal);
		if (row[i].kind != PEAL_VALUE_TEXT && row[i].kind != PEAL_VALUE_BYTES)
			continue;
		row[i].as.text.data =
			peal__arena_text(arena, row[i].as.text.data, row[i].as.text.size);
		if (!row[i].as.text.data)
			return peal__no_memory(error);
	}
	return 0;
}

static int read_values(struct peal_values *values, struct peal__statement *s,
		       const struct shape *shape, struct peal_error *error)
{
	int r = 0;

	while (r == 0) {
		struct peal_value *row =
			peal__arena_alloc(&values->arena, shape->all * sizeof(*row));

		if (!row || !peal__db_grow(&values->rows, &values->capacity, values->count,
					   sizeof(struct peal_value *)))
			return peal__no_memory(error);
		r = peal__statement_step(s, shape->kinds, row, error);
		if (r == 0)
			r = keep_row(&values->arena, row, shape, error);
		if (r == 0)
			values->rows[values->count++] = row;
	}
	return r == PEAL_DONE ? 0 : r;
}

static int values_of(struct peal_query *query, const struct peal_names *names,
		     struct peal_values **ret_values, struct peal_error *error)
{
	struct peal__compiled compiled = { 0 };
	struct peal__statement *s = NULL;
	struct peal_values *values = NULL;
	struct shape shape = { 0 };
	struct peal__connection *c;
	size_t joins = query ? query->join_count : 0;
	int r;

	if (query && !query->error.code) {
		query->loose = true;
		shape_init(query, &shape, names);
		query->loose = false;
	}
	r = peal__query_ready(query, &c, error);
	if (r == 0)
		values = peal__db_alloc(sizeof(*values));
	if (values)
		compile_values(&compiled, query, &shape);
	if (query)
		query->join_count = joins; /* what was joined for the columns is not the query's */
	if (!values)
		return r == 0 ? peal__no_memory(error) : r;
	r = peal__compiled_start(&compiled, c, &s, error);
	if (r == 0)
		r = read_values(values, s, &shape, error);
	if (s)
		peal__statement_put(s);
	if (r == 0)
		*ret_values = values;
	else
		peal_values_free(values);
	return r;
}

int peal_query_values(struct peal_query *query, const struct peal_names *names,
		      struct peal_values **ret_values, struct peal_error *error)
{
	struct peal_query *copy;
	int r;

	if (!peal__query_has_default_order(query))
		return values_of(query, names, ret_values, error);
	copy = peal_query_copy(query);
	peal__query_order_by_default(copy);
	r = values_of(copy, names, ret_values, error);
	peal_query_free(copy);
	return r;
}

size_t peal_values_count(const struct peal_values *values)
{
	return values->count;
}

const struct peal_value *peal_values_at(const struct peal_values *values, size_t row)
{
	return row < values->count ? values->rows[row] : NULL;
}

void peal_values_free(struct peal_values *values)
{
	if (!values)
		return;
	peal__arena_fini(&values->arena);
	peal__db_free(values->rows);
	peal__db_free(values);
}

/* ---- Aggregates ---------------------------------------------------------------------------------------------------------- */

/* The same rows, as often, as a query whose own shape (slice, groups, each once) no longer matters. */
static struct peal_query *flattened(const struct peal_query *query)
{
	struct peal_query *copy = peal_query_copy(query), *flat;

	if (peal__query_is_sliced(query)) /* else its order does not matter */
		peal__query_order_by_default(copy);
	if (!copy || copy->error.code ||
	    (!peal__query_is_sliced(query) && !query->distinct && !query->aggregates))
		return copy;
	flat = peal_query_new(query->model);
	if (!flat) {
		peal_query_free(copy);
		return NULL;
	}
	peal_query_using(flat, query->alias);
	copy->column = key_of(query);
	flat->part = flat->inner = copy;
	return flat;
}

static int aggregates_init(struct peal_query *query, struct shape *shape,
			   const struct peal_aggregate_list *list)
{
	struct peal__aggregate *items =
		peal__arena_alloc(&query->arena, (list->count + 1) * sizeof(*items));
	int r = 0;

	shape->aggregates = peal__arena_alloc(
		&query->arena, (list->count + 1) * sizeof(const struct peal__aggregate *));
	shape->kinds = peal__arena_alloc(&query->arena, list->count + 1);
	shape->columns =
		peal__arena_alloc(&query->arena, (list->count + 1) * sizeof(struct peal__column *));
	if (!items || !shape->aggregates || !shape->kinds || !shape->columns)
		return peal__query_no_memory(query);
	for (size_t i = 0; i < list->count && r == 0; i++) {
		r = peal__aggregate_init(query, &items[i], &list->items[i]);
		if (r == 0)
			shape->kinds[i] = kind_of(&items[i]);
		shape->columns[i] = items[i].place.column;
		shape->aggregates[i] = &items[i];
	}
	shape->width = list->count;
	return r;
}

static int read_aggregates(struct peal_query *flat, struct shape *shape, struct peal__arena *arena,
			   struct peal_value *ret_values, struct peal_error *error)
{
	struct peal__compiled compiled = { 0 };
	struct peal__statement *s = NULL;
	struct peal__connection *c;
	int r = peal__query_ready(flat, &c, error);

	if (r != 0)
		return r;
	flat->order_count = 0;
	compile_values(&compiled, flat, shape);
	r = peal__compiled_start(&compiled, c, &s, error);
	if (r != 0)
		return r;
	r = peal__statement_step(s, shape->kinds, ret_values, error);
	if (r == 0)
		r = keep_row(arena, ret_values, shape, error);
	peal__statement_put(s);
	return r;
}

int peal_query_aggregate(struct peal_query *query, const struct peal_aggregate_list *aggregates,
			 struct peal_value *ret_values, struct peal_error *error)
{
	struct shape shape = { 0 };
	struct peal__connection *c;
	struct peal_query *flat;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	flat = flattened(query);
	if (!flat)
		return peal__no_memory(error);
	if (!flat->error.code)
		aggregates_init(flat, &shape, aggregates);
	r = read_aggregates(flat, &shape, &query->arena, ret_values, error);
	peal_query_free(flat);
	return r;
}

/* ---- Update ----------------------------------------------------------------------------------------------------------- */

/* A plain value, or an expression: an operation is one of the column itself. */
static int set_operand(struct peal_query *sets, const struct peal__column *column,
		       const struct peal_named *named, struct peal__operand **ret)
{
	struct peal_expression change = { .operation = named->operation,
					  .left = peal__value_field(0, column->name),
					  .right = named->value };
	struct peal_value value = named->value;
	uint32_t kind;
	int r = 0;

	if (value.kind != PEAL_VALUE_FIELD && value.kind != PEAL_VALUE_EXPRESSION) {
		r = peal__column_accept(sets->state, column, &change.right, &sets->error);
		if (r == 0 && named->operation == PEAL_ASSIGN)
			r = peal__member_check(sets->state, column, &change.right, &sets->error);
	}
	if (r < 0)
		return r;
	value = named->operation == PEAL_ASSIGN ? change.right : peal__value_expression(&change);
	r = peal__operand_new(sets, &value, false, ret, &kind);
	if (r == 0 && kind != PEAL_VALUE_NULL && kind != column->value_kind &&
	    !(kind == PEAL_VALUE_INT && peal__is_number(column->value_kind)))
		r = peal_error_set(&sets->error, PEAL_ETYPE,
				   "update: the expression for %s.%s has another type",
				   sets->state->label, column->name);
	return r;
}

static int no_column(struct peal_query *sets, const char *name)
{
	int r = peal__no_such(sets->state, PEAL__NAMES_OF_FIELDS, name, strlen(name), &sets->error);

	peal_error_prefix(&sets->error, "update: ");
	return r;
}

static int compile_set(struct peal__compiled *compiled, struct peal_query *sets,
		       const struct peal_named *named)
{
	size_t i = named->name
			   ? peal__column_find(sets->state, named->name, strlen(named->name), NULL)
			   : PEAL__NO_FIELD;
	struct peal__operand *operand = NULL;
	int r;

	if (i == PEAL__NO_FIELD)
		return no_column(sets, named->name ? named->name : "");
	r = set_operand(sets, &sets->state->columns[i], named, &operand);
	if (r < 0)
		return r;
	peal__text_add_name(&compiled->sql, sets->state->columns[i].db_name);
	peal__text_add(&compiled->sql, " = ");
	peal__compile_operand(compiled, operand);
	return 0;
}

/* sets holds what is computed: it belongs to the statement, not to the query. */
static int update(struct peal_query *query, struct peal_query *sets,
		  const struct peal_named_list *values, struct peal__affected *affected,
		  struct peal__connection *c, int64_t *ret_count, struct peal_error *error)
{
	struct peal__compiled compiled = { 0 };
	int r = peal__query_ready(sets, &c, error);

	if (r < 0)
		return r;
	peal__text_add(&compiled.sql, "UPDATE ");
	peal__text_add_name(&compiled.sql, query->state->table);
	compiled.query = sets;
	for (size_t i = 0; i < values->count && r == 0; i++) {
		peal__text_add(&compiled.sql, i ? ", " : " SET ");
		r = compile_set(&compiled, sets, &values->items[i]);
	}
	if (r < 0) {
		peal__compiled_fini(&compiled);
		if (error)
			*error = sets->error;
		return r;
	}
	peal__compile_where(&compiled, query);
	return peal__affected_run(affected, &compiled, c, ret_count, error);
}

static int add_fields(struct peal__affected *affected, const struct peal_named_list *values,
		      struct peal_error *error)
{
	const struct peal__model_state *state = affected->state;
	int r = 0;

	for (size_t i = 0; i < values->count && r == 0; i++) {
		const char *name = values->items[i].name;
		size_t column =
			name ? peal__column_find(state, name, strlen(name), NULL) : PEAL__NO_FIELD;

		if (column != PEAL__NO_FIELD) /* else the update says so */
			r = peal__affected_add_field(affected, state->columns[column].name, error);
	}
	return r;
}

/* Somebody listens: what it does with the rows belongs to the update. */
static int update_and_tell(struct peal_query *query, struct peal_query *sets,
			   const struct peal_named_list *values, struct peal__affected *affected,
			   struct peal__connection *c, int64_t *ret_count, struct peal_error *error)
{
	int r;

	PEAL_ATOMIC_WITH(r, error, .database = query->alias, .no_savepoint = true) {
		r = add_fields(affected, values, error);
		if (r == 0)
			r = update(query, sets, values, affected, c, NULL, error);
		if (r == 0)
			r = peal__affected_send(affected, c, error);
	}
	if (r == 0 && ret_count)
		*ret_count = affected->rows;
	return r;
}

int peal_query_update(struct peal_query *query, const struct peal_named_list *values,
		      int64_t *ret_count, struct peal_error *error)
{
	struct peal__affected *affected = NULL;
	struct peal__connection *c;
	struct peal_query *sets;
	int r = peal__query_ready(query, &c, error);

	if (r != 0)
		return r;
	if (peal__query_is_sliced(query) || !values->count)
		return peal_error_set(error, PEAL_EINVAL, "update: %s %s", query->state->label,
				      values->count ? "is sliced" : "is given nothing to set");
	sets = peal_query_new(query->model);
	peal_query_using(sets, query->alias);
	r = peal__affected_new(query->state, PEAL_QUERY_UPDATED, &affected, error);
	if (r == 0 && affected)
		r = update_and_tell(query, sets, values, affected, c, ret_count, error);
	else if (r == 0)
		r = update(query, sets, values, NULL, c, ret_count, error);
	peal__affected_free(affected);
	peal_query_free(sets);
	if (r < 0)
		peal__transaction_break(c);
	return r;
}
