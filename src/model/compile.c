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

static void compare(struct peal__compiled *compiled, const struct peal__condition *condition)
{
	static const char *const operators[] = {
		[PEAL__EXACT] = " = ", [PEAL__GT] = " > ",   [PEAL__GTE] = " >= ",
		[PEAL__LT] = " < ",    [PEAL__LTE] = " <= ",
	};

	if (condition->lookup == PEAL__EXACT && condition->values[0].kind == PEAL_VALUE_NULL) {
		peal__text_add(&compiled->sql, " IS NULL");
		return;
	}
	peal__text_add(&compiled->sql, operators[condition->lookup]);
	peal__compile_value(compiled, &condition->values[0]);
}

static void one_of(struct peal__compiled *compiled, const struct peal__condition *condition)
{
	peal__text_add(&compiled->sql, " IN (");
	for (size_t i = 0; i < condition->count; i++) {
		if (i)
			peal__text_add(&compiled->sql, ", ");
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
	const char *name = condition->column->db_name;

	peal__text_add(sql, "length(");
	peal__text_add_name(sql, name);
	peal__text_add(sql, ") >= length(");
	peal__compile_value(compiled, &condition->values[0]);
	peal__text_add(sql, ") AND substr(");
	peal__text_add_name(sql, name);
	peal__text_add(sql, ", 1");
	if (condition->lookup == PEAL__ENDSWITH) {
		peal__text_add(sql, " + length(");
		peal__text_add_name(sql, name);
		peal__text_add(sql, ") - length(");
		again(compiled);
		peal__text_add(sql, ")");
	}
	peal__text_add(sql, ", length(");
	again(compiled);
	peal__text_add(sql, ")) = ");
	again(compiled);
}

static void compile_condition(struct peal__compiled *compiled, const struct peal__dialect *dialect,
			      const struct peal__condition *condition)
{
	struct peal__text *sql = &compiled->sql;

	if (condition->lookup == PEAL__IN && !condition->count) {
		peal__text_add(sql, "1 = 0");
		return;
	}
	if (condition->lookup == PEAL__STARTSWITH || condition->lookup == PEAL__ENDSWITH) {
		part(compiled, condition);
		return;
	}
	if (condition->lookup == PEAL__CONTAINS) {
		peal__text_add(sql, dialect->position);
		peal__text_add(sql, "(");
		peal__text_add_name(sql, condition->column->db_name);
		peal__text_add(sql, ", ");
		peal__compile_value(compiled, &condition->values[0]);
		peal__text_add(sql, ") > 0");
		return;
	}
	peal__text_add_name(sql, condition->column->db_name);
	switch (condition->lookup) {
	case PEAL__LIKE:
		peal__text_add(sql, " ");
		peal__text_add(sql, dialect->like_nocase);
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

/* In a negation a null column must make the condition false, not unknown. */
static bool needs_not_null(const struct peal__group *group, const struct peal__condition *condition)
{
	return group->kind == PEAL__NOT_ALL && condition->column->field->null &&
	       condition->lookup != PEAL__ISNULL &&
	       !(condition->lookup == PEAL__EXACT && condition->values[0].kind == PEAL_VALUE_NULL);
}

static void compile_group(struct peal__compiled *compiled, const struct peal__dialect *dialect,
			  const struct peal__group *group)
{
	struct peal__text *sql = &compiled->sql;

	peal__text_add(sql, group->kind == PEAL__NOT_ALL ? "NOT (" : "(");
	for (size_t i = 0; i < group->count; i++) {
		if (i)
			peal__text_add(sql, group->kind == PEAL__ANY ? " OR " : " AND ");
		peal__text_add(sql, "(");
		compile_condition(compiled, dialect, &group->conditions[i]);
		if (needs_not_null(group, &group->conditions[i])) {
			peal__text_add(sql, " AND ");
			peal__text_add_name(sql, group->conditions[i].column->db_name);
			peal__text_add(sql, " IS NOT NULL");
		}
		peal__text_add(sql, ")");
	}
	peal__text_add(sql, ")");
}

static const struct peal__dialect *dialect_of(const struct peal_query *query)
{
	return &peal_db_get(query->alias)->driver->dialect;
}

void peal__compile_where(struct peal__compiled *compiled, const struct peal_query *query)
{
	const char *before = " WHERE ";

	for (const struct peal__group *group = query->groups; group; group = group->next) {
		peal__text_add(&compiled->sql, before);
		compile_group(compiled, dialect_of(query), group);
		before = " AND ";
	}
}

void peal__compile_tail(struct peal__compiled *compiled, const struct peal_query *query)
{
	struct peal__text *sql = &compiled->sql;

	for (size_t i = 0; i < query->order_count; i++) {
		peal__text_add(sql, i ? ", " : " ORDER BY ");
		peal__text_add_name(sql, query->order[i].column->db_name);
		if (query->order[i].descending)
			peal__text_add(sql, " DESC");
	}
	if (query->limit != INT64_MAX) {
		peal__text_add(sql, " LIMIT ");
		peal__text_add_number(sql, (unsigned long long)query->limit);
	} else if (query->offset) {
		peal__text_add(sql, " ");
		peal__text_add(sql, dialect_of(query)->no_limit);
	}
	if (query->offset) {
		peal__text_add(sql, " OFFSET ");
		peal__text_add_number(sql, (unsigned long long)query->offset);
	}
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
			? peal_error_set(error, PEAL_ENOMEM, "out of memory")
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
			*ret_changes = c->db->driver->changes(c);
	}
	peal__statement_put(s);
	return r;
}
