/* SPDX-License-Identifier: MIT */
/* From a query to SQL. Every value is a parameter; only names of the models' tables and numbers become text. */
#include "query_internal.h"

void peal__compile_value(struct peal__compiled *compiled, const struct peal_value *value)
{
	if (!peal__db_grow(&compiled->values, &compiled->capacity, compiled->count,
			   sizeof(*value))) {
		compiled->sql.failed = true;
		return;
	}
	compiled->values[compiled->count++] = *value;
	peal__text_add(&compiled->sql, "$");
	peal__text_add_number(&compiled->sql, compiled->count);
}

/* The parameter that was added last, once more. */
static void again(struct peal__compiled *compiled)
{
	peal__text_add(&compiled->sql, "$");
	peal__text_add_number(&compiled->sql, compiled->count);
}

/* ---- Names ----------------------------------------------------------------------------------------------------------- */

/* The model's table has its own name, those joined to it t1, t2, ...; in the second inner query s2t0, s2t1, ... */
static void table_name(struct peal__compiled *compiled, size_t join)
{
	struct peal__text *sql = &compiled->sql;

	if (!compiled->scope && !join) {
		peal__text_add_name(sql, compiled->query->state->table);
		return;
	}
	if (compiled->scope) {
		peal__text_add(sql, "s");
		peal__text_add_number(sql, compiled->scope);
	}
	peal__text_add(sql, "t");
	peal__text_add_number(sql, join);
}

static void column_name(struct peal__compiled *compiled, size_t join,
			const struct peal__column *column)
{
	if (compiled->qualified) {
		table_name(compiled, join);
		peal__text_add(&compiled->sql, ".");
	}
	peal__text_add_name(&compiled->sql, column->db_name);
}

void peal__compile_place(struct peal__compiled *compiled, const struct peal__place *place)
{
	column_name(compiled, place->join, place->column);
}

static const struct peal__dialect *dialect_of(const struct peal_query *query)
{
	return &peal_db_get(query->alias)->driver->dialect;
}

void peal__compile_begin(struct peal__compiled *compiled, const struct peal_query *query)
{
	if (!compiled->dialect)
		compiled->dialect = dialect_of(query);
	compiled->query = query;
	compiled->qualified = compiled->scope || query->join_count > 1 || query->part;
}

/* ---- Expressions ------------------------------------------------------------------------------------------------------- */

void peal__compile_operand(struct peal__compiled *compiled, const struct peal__operand *operand)
{
	static const char *const signs[] = {
		[PEAL_ADD] = " + ",
		[PEAL_SUBTRACT] = " - ",
		[PEAL_MULTIPLY] = " * ",
	};

	if (operand->operation == PEAL_ASSIGN) {
		if (operand->place.column)
			peal__compile_place(compiled, &operand->place);
		else
			peal__compile_value(compiled, &operand->value);
		return;
	}
	peal__text_add(&compiled->sql, "(");
	peal__compile_operand(compiled, operand->left);
	peal__text_add(&compiled->sql, signs[operand->operation]);
	peal__compile_operand(compiled, operand->right);
	peal__text_add(&compiled->sql, ")");
}

/* Databases differ in the types of sums and averages: they are made whole and real. */
void peal__compile_aggregate(struct peal__compiled *compiled,
			     const struct peal__aggregate *aggregate)
{
	static const char *const names[] = {
		[PEAL_FUNCTION_COUNT] = "count(",  [PEAL_FUNCTION_SUM] = "CAST(sum(",
		[PEAL_FUNCTION_AVG] = "CAST(avg(", [PEAL_FUNCTION_MIN] = "min(",
		[PEAL_FUNCTION_MAX] = "max(",
	};
	struct peal__text *sql = &compiled->sql;

	peal__text_add(sql, names[aggregate->function]);
	if (aggregate->distinct)
		peal__text_add(sql, "DISTINCT ");
	if (aggregate->place.column)
		peal__compile_place(compiled, &aggregate->place);
	else
		peal__text_add(sql, "*");
	peal__text_add(sql, ")");
	if (aggregate->function == PEAL_FUNCTION_AVG ||
	    (aggregate->function == PEAL_FUNCTION_SUM &&
	     aggregate->place.column->value_kind == PEAL_VALUE_REAL))
		peal__text_add(sql, " AS double precision)");
	else if (aggregate->function == PEAL_FUNCTION_SUM)
		peal__text_add(sql, aggregate->place.column->value_kind == PEAL_VALUE_DECIMAL
					    ? " AS numeric)"
					    : " AS bigint)");
}

/* ---- Conditions -------------------------------------------------------------------------------------------------------- */

static void target(struct peal__compiled *compiled, const struct peal__condition *condition)
{
	if (condition->aggregate)
		peal__compile_aggregate(compiled, condition->aggregate);
	else
		peal__compile_place(compiled, &condition->place);
}

static void compare(struct peal__compiled *compiled, const struct peal__condition *condition)
{
	static const char *const operators[] = {
		[PEAL__EXACT] = " = ", [PEAL__GT] = " > ",   [PEAL__GTE] = " >= ",
		[PEAL__LT] = " < ",    [PEAL__LTE] = " <= ",
	};

	if (!condition->operand && condition->values[0].kind == PEAL_VALUE_NULL) {
		peal__text_add(&compiled->sql, " IS NULL");
		return;
	}
	peal__text_add(&compiled->sql, operators[condition->lookup]);
	if (condition->operand)
		peal__compile_operand(compiled, condition->operand);
	else
		peal__compile_value(compiled, &condition->values[0]);
}

/* DISTINCT wants to see what rows are ordered by; so does PostgreSQL. */
static void order_columns(struct peal__compiled *compiled, const struct peal_query *query)
{
	for (size_t i = 0; i < query->order_count; i++) {
		peal__text_add(&compiled->sql, ", ");
		if (query->order[i].aggregate)
			peal__compile_aggregate(compiled, query->order[i].aggregate);
		else
			peal__compile_place(compiled, &query->order[i].place);
	}
}

/* SELECT column AS c FROM ... WHERE ...; in which order matters to a slice alone. */
static void select_column(struct peal__compiled *compiled, const struct peal_query *inner)
{
	struct peal_query unordered = *inner;
	bool sliced = peal__query_is_sliced(inner);
	bool wide = sliced && inner->distinct && inner->order_count;

	if (!sliced)
		unordered.order_count = 0;
	if (wide)
		peal__text_add(&compiled->sql, "SELECT part.c FROM (");
	peal__text_add(&compiled->sql, inner->distinct ? "SELECT DISTINCT " : "SELECT ");
	peal__compile_place(compiled, &inner->column);
	peal__text_add(&compiled->sql, " AS c");
	if (wide)
		order_columns(compiled, inner);
	peal__compile_from(compiled, inner);
	peal__compile_group(compiled, &unordered, &inner->column, 1);
	peal__compile_tail(compiled, &unordered);
	peal__text_add(&compiled->sql, wide ? ") AS part" : "");
}

/* In brackets and in a scope of its own. */
static void inner_select(struct peal__compiled *compiled, const struct peal_query *inner)
{
	const struct peal_query *outer = compiled->query;
	unsigned scope = compiled->scope;
	bool qualified = compiled->qualified;

	compiled->scope = ++compiled->scopes;
	peal__compile_begin(compiled, inner);
	peal__text_add(&compiled->sql, "(");
	select_column(compiled, inner);
	peal__text_add(&compiled->sql, ")");
	compiled->query = outer;
	compiled->scope = scope;
	compiled->qualified = qualified;
}

static void one_of(struct peal__compiled *compiled, const struct peal__condition *condition)
{
	peal__text_add(&compiled->sql, " IN ");
	if (condition->query) {
		inner_select(compiled, condition->query);
		return;
	}
	for (size_t i = 0; i < condition->count; i++) {
		peal__text_add(&compiled->sql, i ? ", " : "(");
		peal__compile_value(compiled, &condition->values[i]);
	}
	peal__text_add(&compiled->sql, ")");
}

void peal__compile_related(struct peal__compiled *compiled, const struct peal__many *many,
			   const struct peal_value *key)
{
	const struct peal__column *columns = many->through->columns;

	peal__text_add(&compiled->sql, " IN (SELECT ");
	peal__text_add_name(&compiled->sql, columns[many->target].db_name);
	peal__text_add(&compiled->sql, " FROM ");
	peal__text_add_name(&compiled->sql, many->through->table);
	peal__text_add(&compiled->sql, " WHERE ");
	peal__text_add_name(&compiled->sql, columns[many->source].db_name);
	peal__text_add(&compiled->sql, " = ");
	peal__compile_value(compiled, key);
	peal__text_add(&compiled->sql, ")");
}

/* length(column) >= length($1) AND substr(column, first, length($1)) = $1 */
static void part(struct peal__compiled *compiled, const struct peal__condition *condition)
{
	struct peal__text *sql = &compiled->sql;

	peal__text_add(sql, "length(");
	target(compiled, condition);
	peal__text_add(sql, ") >= length(");
	peal__compile_value(compiled, &condition->values[0]);
	peal__text_add(sql, ") AND substr(");
	target(compiled, condition);
	peal__text_add(sql, ", 1");
	if (condition->lookup == PEAL__ENDSWITH) {
		peal__text_add(sql, " + length(");
		target(compiled, condition);
		peal__text_add(sql, ") - length(");
		again(compiled);
		peal__text_add(sql, ")");
	}
	peal__text_add(sql, ", length(");
	again(compiled);
	peal__text_add(sql, ")) = ");
	again(compiled);
}

static void contains(struct peal__compiled *compiled, const struct peal__condition *condition)
{
	peal__text_add(&compiled->sql, compiled->dialect->position);
	peal__text_add(&compiled->sql, "(");
	target(compiled, condition);
	peal__text_add(&compiled->sql, ", ");
	peal__compile_value(compiled, &condition->values[0]);
	peal__text_add(&compiled->sql, ") > 0");
}

/* What follows the column. */
static void test(struct peal__compiled *compiled, const struct peal__condition *condition)
{
	struct peal__text *sql = &compiled->sql;

	switch (condition->lookup) {
	case PEAL__LIKE:
		peal__text_add(sql, " ");
		peal__text_add(sql, compiled->dialect->like_nocase);
		peal__text_add(sql, " ");
		peal__compile_value(compiled, &condition->values[0]);
		peal__text_add(sql, " ESCAPE '\\'");
		break;
	case PEAL__ISNULL:
		peal__text_add(sql, condition->values[0].as.boolean ? " IS NULL" : " IS NOT NULL");
		break;
	case PEAL__IN:
		one_of(compiled, condition);
		break;
	case PEAL__RELATED:
		peal__compile_related(compiled, condition->many, &condition->values[0]);
		break;
	case PEAL__RANGE:
		peal__text_add(sql, " BETWEEN ");
		peal__compile_value(compiled, &condition->values[0]);
		peal__text_add(sql, " AND ");
		peal__compile_value(compiled, &condition->values[1]);
		break;
	default:
		compare(compiled, condition);
		break;
	}
}

static void operand_is_not_null(struct peal__compiled *compiled,
				const struct peal__operand *operand)
{
	if (!operand)
		return;
	if (operand->place.column && peal__place_may_be_null(compiled->query, &operand->place)) {
		peal__text_add(&compiled->sql, " AND ");
		peal__compile_place(compiled, &operand->place);
		peal__text_add(&compiled->sql, " IS NOT NULL");
	}
	operand_is_not_null(compiled, operand->left);
	operand_is_not_null(compiled, operand->right);
}

/* In a negation a null column must make the condition false, not unknown. */
static void is_not_null(struct peal__compiled *compiled, const struct peal__condition *condition)
{
	if (condition->aggregate || condition->lookup == PEAL__ISNULL ||
	    (condition->count && condition->values[0].kind == PEAL_VALUE_NULL))
		return;
	operand_is_not_null(compiled, condition->operand);
	if (!peal__place_may_be_null(compiled->query, &condition->place))
		return;
	peal__text_add(&compiled->sql, " AND ");
	target(compiled, condition);
	peal__text_add(&compiled->sql, " IS NOT NULL");
}

static void compile_condition(struct peal__compiled *compiled, const struct peal__node *node)
{
	const struct peal__condition *condition = &node->condition;

	peal__text_add(&compiled->sql, node->negated && condition->query ? "((" : "(");
	if (condition->lookup == PEAL__IN && !condition->count && !condition->query) {
		peal__text_add(&compiled->sql, "1 = 0");
	} else if (condition->lookup == PEAL__STARTSWITH || condition->lookup == PEAL__ENDSWITH) {
		part(compiled, condition);
	} else if (condition->lookup == PEAL__CONTAINS) {
		contains(compiled, condition);
	} else {
		target(compiled, condition);
		test(compiled, condition);
	}
	/* A query that finds a null beside others leaves it unknown what is not among them. */
	if (node->negated && condition->query)
		peal__text_add(&compiled->sql, ") IS TRUE");
	else if (node->negated)
		is_not_null(compiled, condition);
	peal__text_add(&compiled->sql, ")");
}

static void compile_node(struct peal__compiled *compiled, const struct peal__node *node)
{
	struct peal__text *sql = &compiled->sql;

	if (!node->operation) {
		compile_condition(compiled, node);
		return;
	}
	peal__text_add(sql, node->operation == PEAL_NOT_ALL_OF ? "NOT (" : "(");
	/* Nothing: all of none, or any of none. */
	if (!node->children)
		peal__text_add(sql, node->operation == PEAL_ANY_OF ? "1 = 0" : "1 = 1");
	for (const struct peal__node *child = node->children; child; child = child->next) {
		if (child != node->children)
			peal__text_add(sql, node->operation == PEAL_ANY_OF ? " OR " : " AND ");
		compile_node(compiled, child);
	}
	peal__text_add(sql, ")");
}

static void compile_list(struct peal__compiled *compiled, const char *before,
			 const struct peal__node_list *list)
{
	for (const struct peal__node *node = list->first; node; node = node->next) {
		peal__text_add(&compiled->sql, before);
		compile_node(compiled, node);
		before = " AND ";
	}
}

/* ---- Parts of a statement --------------------------------------------------------------------------------------------- */

static void compile_join(struct peal__compiled *compiled, size_t i)
{
	const struct peal__join *join = &compiled->query->joins[i];
	struct peal__text *sql = &compiled->sql;

	peal__text_add(sql, join->inner ? " JOIN " : " LEFT JOIN ");
	peal__text_add_name(sql, join->state->table);
	peal__text_add(sql, " AS ");
	table_name(compiled, i);
	peal__text_add(sql, " ON ");
	column_name(compiled, i, join->to);
	peal__text_add(sql, " = ");
	column_name(compiled, join->parent, join->from);
}

/* JOIN (SELECT key AS c ...) AS part ON part.c = key */
static void compile_part(struct peal__compiled *compiled, const struct peal_query *query)
{
	const struct peal__column *key = &query->state->columns[query->state->key];

	peal__text_add(&compiled->sql, " JOIN ");
	inner_select(compiled, query->part);
	peal__text_add(&compiled->sql, " AS part ON part.c = ");
	column_name(compiled, 0, key);
}

void peal__compile_from(struct peal__compiled *compiled, const struct peal_query *query)
{
	peal__text_add(&compiled->sql, " FROM ");
	peal__text_add_name(&compiled->sql, query->state->table);
	if (compiled->scope) {
		peal__text_add(&compiled->sql, " AS ");
		table_name(compiled, 0);
	}
	if (query->part)
		compile_part(compiled, query);
	for (size_t i = 1; i < query->join_count; i++)
		compile_join(compiled, i);
	compile_list(compiled, " WHERE ", &query->where);
}

/*
 * Conditions that have a query in them stand in a query of their own: SQLite 3.40 asks an inner query of an UPDATE when
 * it first needs it, and that may be after rows have been changed.
 */
void peal__compile_where(struct peal__compiled *compiled, const struct peal_query *query)
{
	struct peal_query keys = *query;

	peal__compile_begin(compiled, query);
	compiled->qualified = false;
	if (query->join_count == 1 && !query->having.first && !query->inner) {
		compile_list(compiled, " WHERE ", &query->where);
		return;
	}
	keys.column = (struct peal__place){ .column = &query->state->columns[query->state->key] };
	keys.order_count = 0;
	peal__text_add(&compiled->sql, " WHERE ");
	peal__text_add_name(&compiled->sql, keys.column.column->db_name);
	peal__text_add(&compiled->sql, " IN ");
	inner_select(compiled, &keys);
}

bool peal__place_is_among(const struct peal__place *place, const struct peal__place *places,
			  size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (places[i].join == place->join && places[i].column == place->column)
			return true;
	return false;
}

/* What rows are ordered by belongs to their group too. */
void peal__compile_group(struct peal__compiled *compiled, const struct peal_query *query,
			 const struct peal__place *places, size_t count)
{
	const char *before = " GROUP BY ";

	if (!query->aggregates)
		return;
	for (size_t i = 0; i < count; i++, before = ", ") {
		peal__text_add(&compiled->sql, before);
		peal__compile_place(compiled, &places[i]);
	}
	for (size_t i = 0; i < query->order_count; i++) {
		const struct peal__order *order = &query->order[i];

		if (order->aggregate || peal__place_is_among(&order->place, places, count))
			continue;
		peal__text_add(&compiled->sql, before);
		peal__compile_place(compiled, &order->place);
		before = ", ";
	}
	compile_list(compiled, " HAVING ", &query->having);
}

void peal__compile_order(struct peal__compiled *compiled, const struct peal_query *query)
{
	struct peal__text *sql = &compiled->sql;

	for (size_t i = 0; i < query->order_count; i++) {
		peal__text_add(sql, i ? ", " : " ORDER BY ");
		if (query->order[i].aggregate)
			peal__compile_aggregate(compiled, query->order[i].aggregate);
		else
			peal__compile_place(compiled, &query->order[i].place);
		if (query->order[i].descending)
			peal__text_add(sql, " DESC");
	}
}

void peal__compile_tail(struct peal__compiled *compiled, const struct peal_query *query)
{
	struct peal__text *sql = &compiled->sql;

	peal__compile_order(compiled, query);
	if (query->limit != INT64_MAX) {
		peal__text_add(sql, " LIMIT ");
		peal__text_add_number(sql, (unsigned long long)query->limit);
	} else if (query->offset) {
		peal__text_add(sql, " ");
		peal__text_add(sql, compiled->dialect->no_limit);
	}
	if (query->offset) {
		peal__text_add(sql, " OFFSET ");
		peal__text_add_number(sql, (unsigned long long)query->offset);
	}
}

void peal__compile_lock(struct peal__compiled *compiled, const struct peal_query *query)
{
	static const char *const locks[] = {
		[PEAL_LOCK_WAIT] = "",
		[PEAL_LOCK_NOWAIT] = " NOWAIT",
		[PEAL_LOCK_SKIP_LOCKED] = " SKIP LOCKED",
	};

	if (!query->lock || query->lock >= PEAL_COUNTOF(locks) || !compiled->dialect->row_locks)
		return;
	peal__text_add(&compiled->sql, " FOR UPDATE OF ");
	table_name(compiled, 0);
	peal__text_add(&compiled->sql, locks[query->lock]);
}

void peal__compiled_fini(struct peal__compiled *compiled)
{
	peal__text_fini(&compiled->sql);
	peal__db_free(compiled->values);
	*compiled = (struct peal__compiled){ 0 };
}

int peal__compiled_start(struct peal__compiled *compiled, struct peal__connection *c,
			 struct peal__statement **ret_statement, struct peal_error *error)
{
	struct peal__statement *s = NULL;
	int r = compiled->sql.failed
			? peal__no_memory(error)
			: peal__statement_get(c, compiled->sql.data, compiled->sql.size, &s, error);

	for (size_t i = 0; i < compiled->count && r == 0; i++)
		r = peal__statement_bind(s, i, &compiled->values[i], error);
	if (r < 0 && s)
		peal__statement_put(s);
	peal__compiled_fini(compiled);
	if (r == 0)
		*ret_statement = s;
	return r;
}

int peal__compiled_run(struct peal__compiled *compiled, struct peal__connection *c,
		       int64_t *ret_changes, struct peal_error *error)
{
	struct peal__statement *s = NULL;
	int r = peal__compiled_start(compiled, c, &s, error);

	if (r != 0)
		return r;
	while (r == 0)
		r = peal__statement_step(s, NULL, NULL, error);
	if (r == PEAL_DONE) {
		r = 0;
		if (ret_changes)
			*ret_changes = c->db->driver->changes(s);
	}
	peal__statement_put(s);
	return r;
}
