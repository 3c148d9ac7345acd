/* SPDX-License-Identifier: MIT */
/* Building queries: names are resolved and values checked and copied as they come. */
#include "query_internal.h"

#include <stdio.h>

static const struct {
	const char *name;
	enum peal__lookup lookup;
	const char *before, *after; /* of a pattern */
} lookups[] = {
	{ "exact", PEAL__EXACT, "", "" },
	{ "iexact", PEAL__LIKE, "", "" },
	{ "contains", PEAL__CONTAINS, "", "" },
	{ "icontains", PEAL__LIKE, "%", "%" },
	{ "startswith", PEAL__STARTSWITH, "", "" },
	{ "istartswith", PEAL__LIKE, "", "%" },
	{ "endswith", PEAL__ENDSWITH, "", "" },
	{ "iendswith", PEAL__LIKE, "%", "" },
	{ "gt", PEAL__GT, "", "" },
	{ "gte", PEAL__GTE, "", "" },
	{ "lt", PEAL__LT, "", "" },
	{ "lte", PEAL__LTE, "", "" },
	{ "isnull", PEAL__ISNULL, "", "" },
	{ "in", PEAL__IN, "", "" },
	{ "range", PEAL__RANGE, "", "" },
};

/* Something is wrong, and was not before. */
static int fail(struct peal_query *query, int code)
{
	if (!query->error.code)
		peal_error_set(&query->error, code, "%s", peal_strerror(code));
	return code;
}

static int no_memory(struct peal_query *query)
{
	return fail(query, PEAL_ENOMEM);
}

struct peal_query *peal_query_new(const struct peal_model *model)
{
	struct peal_query *query = peal__db_alloc(sizeof(*query));

	if (!query)
		return NULL;
	query->model = model;
	query->last_group = &query->groups;
	query->limit = INT64_MAX;
	if (peal__model_check(model, &query->error) == 0)
		query->state = peal__state(model);
	return query;
}

void peal_query_free(struct peal_query *query)
{
	if (!query)
		return;
	peal__arena_fini(&query->arena);
	peal__db_free(query);
}

const struct peal_model *peal_query_model(const struct peal_query *query)
{
	return query->model;
}

void peal_query_using(struct peal_query *query, const char *alias)
{
	if (!query)
		return;
	query->alias = alias ? peal__arena_text(&query->arena, alias, strlen(alias)) : NULL;
	if (alias && !query->alias)
		no_memory(query);
}

int peal__query_ready(struct peal_query *query, struct peal__connection **ret_connection,
		      struct peal_error *error)
{
	if (!query)
		return peal_error_set(error, PEAL_ENOMEM, "out of memory");
	if (query->error.code) {
		if (error)
			*error = query->error;
		return query->error.code;
	}
	return peal__connection_get(query->alias, ret_connection, error);
}

/* ---- Conditions ---------------------------------------------------------------------------------------------------- */

static int value_copy(struct peal_query *query, struct peal_value *value)
{
	char *copy;

	if (value->kind != PEAL_VALUE_TEXT && value->kind != PEAL_VALUE_BYTES)
		return 0;
	copy = peal__arena_text(&query->arena, value->as.text.data, value->as.text.size);
	if (!copy)
		return no_memory(query);
	value->as.text.data = copy;
	return 0;
}

/* The text as a pattern of LIKE with \ as its escape. */
static int pattern(struct peal_query *query, struct peal_value *value, const char *before,
		   const char *after)
{
	size_t size = value->as.text.size;
	char *text =
		peal__arena_alloc(&query->arena, 2 * size + strlen(before) + strlen(after) + 1);
	char *at = text;

	if (!text)
		return no_memory(query);
	at = stpcpy(at, before);
	for (size_t i = 0; i < size; i++) {
		char c = value->as.text.data[i];

		if (c == '%' || c == '_' || c == '\\')
			*at++ = '\\';
		*at++ = c;
	}
	stpcpy(at, after);
	*value = peal_value_text(text);
	return 0;
}

static int lookup_find(struct peal_query *query, const char *name, size_t *ret)
{
	for (size_t i = 0; i < PEAL_COUNTOF(lookups); i++) {
		if (strcmp(lookups[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return peal_error_set(&query->error, PEAL_EINVAL, "%s: there is no lookup \"%s\"",
			      query->state->label, name);
}

static int condition_value(struct peal_query *query, const struct peal__column *column,
			   size_t lookup, struct peal_value *value)
{
	bool textual =
		lookups[lookup].lookup >= PEAL__LIKE && lookups[lookup].lookup <= PEAL__ENDSWITH;
	int r;

	if (lookups[lookup].lookup == PEAL__ISNULL)
		return value->kind == PEAL_VALUE_BOOL
			       ? 0
			       : peal_error_set(&query->error, PEAL_ETYPE,
						"%s.%s: isnull takes a boolean",
						query->state->label, column->name);
	if (value->kind == PEAL_VALUE_NULL && lookups[lookup].lookup != PEAL__EXACT)
		return peal_error_set(&query->error, PEAL_ETYPE, "%s.%s: %s does not take null",
				      query->state->label, column->name, lookups[lookup].name);
	if (textual && column->value_kind != PEAL_VALUE_TEXT)
		return peal_error_set(&query->error, PEAL_ETYPE, "%s.%s: %s is for text",
				      query->state->label, column->name, lookups[lookup].name);
	r = peal__column_accept(query->state, column, value, &query->error);
	if (r < 0)
		return r;
	return lookups[lookup].lookup == PEAL__LIKE
		       ? pattern(query, value, lookups[lookup].before, lookups[lookup].after)
		       : value_copy(query, value);
}

static int condition_values(struct peal_query *query, struct peal__condition *condition,
			    size_t lookup, const struct peal_value *values, size_t count)
{
	condition->count = count;
	condition->values = peal__arena_alloc(&query->arena, (count + 1) * sizeof(*values));
	if (!condition->values)
		return no_memory(query);
	for (size_t i = 0; i < count; i++) {
		int r;

		condition->values[i] = values[i];
		r = condition_value(query, condition->column, lookup, &condition->values[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int condition_init(struct peal_query *query, struct peal__condition *condition,
			  const struct peal_named *named)
{
	const char *separator = strstr(named->name, "__");
	size_t size = separator ? (size_t)(separator - named->name) : strlen(named->name);
	size_t column = peal__column_find(query->state, named->name, size, NULL);
	size_t lookup = 0;
	bool wants_list;
	int r;

	if (column == PEAL__NO_FIELD)
		return peal_error_set(&query->error, PEAL_EINVAL, "%s has no field \"%.*s\"",
				      query->state->label, (int)size, named->name);
	r = lookup_find(query, separator ? separator + 2 : "exact", &lookup);
	if (r < 0)
		return r;
	condition->column = &query->state->columns[column];
	condition->lookup = lookups[lookup].lookup;
	wants_list = condition->lookup == PEAL__IN || condition->lookup == PEAL__RANGE;
	if (wants_list != (named->list || named->count) ||
	    (condition->lookup == PEAL__RANGE && named->count != 2))
		return peal_error_set(&query->error, PEAL_ETYPE, "%s.%s: %s takes %s",
				      query->state->label, condition->column->name,
				      lookups[lookup].name,
				      condition->lookup == PEAL__IN      ? "a list"
				      : condition->lookup == PEAL__RANGE ? "a list of two"
									 : "one value");
	return condition_values(query, condition, lookup, wants_list ? named->list : &named->value,
				wants_list ? named->count : 1);
}

static struct peal__group *group_new(struct peal_query *query, enum peal__group_kind kind,
				     size_t count)
{
	struct peal__group *group = peal__arena_alloc(&query->arena, sizeof(*group));

	if (group)
		group->conditions =
			peal__arena_alloc(&query->arena, (count + 1) * sizeof(*group->conditions));
	if (!group || !group->conditions) {
		no_memory(query);
		return NULL;
	}
	group->kind = kind;
	group->count = count;
	*query->last_group = group;
	query->last_group = &group->next;
	return group;
}

static void add_group(struct peal_query *query, enum peal__group_kind kind,
		      const struct peal_named_list *list)
{
	struct peal__group *group;

	if (!query || query->error.code || !list || !list->count)
		return;
	group = group_new(query, kind, list->count);
	for (size_t i = 0; group && i < list->count && !query->error.code; i++)
		condition_init(query, &group->conditions[i], &list->items[i]);
}

void peal_query_filter(struct peal_query *query, const struct peal_named_list *conditions)
{
	add_group(query, PEAL__ALL, conditions);
}

void peal_query_filter_any(struct peal_query *query, const struct peal_named_list *conditions)
{
	add_group(query, PEAL__ANY, conditions);
}

void peal_query_exclude(struct peal_query *query, const struct peal_named_list *conditions)
{
	add_group(query, PEAL__NOT_ALL, conditions);
}

void peal__query_filter_in(struct peal_query *query, const struct peal__column *column,
			   const struct peal_value *keys, size_t count)
{
	struct peal__group *group =
		query && !query->error.code ? group_new(query, PEAL__ALL, 1) : NULL;
	size_t lookup = 0;

	if (!group)
		return;
	while (lookups[lookup].lookup != PEAL__IN)
		lookup++;
	group->conditions[0] = (struct peal__condition){ .column = column, .lookup = PEAL__IN };
	condition_values(query, &group->conditions[0], lookup, keys, count);
}

void peal__query_filter_related(struct peal_query *query, const struct peal__many *many,
				struct peal_value key)
{
	struct peal__group *group =
		query && !query->error.code ? group_new(query, PEAL__ALL, 1) : NULL;
	struct peal__condition *condition = group ? group->conditions : NULL;

	if (!condition)
		return;
	*condition = (struct peal__condition){ .column = &query->state->columns[query->state->key],
					       .lookup = PEAL__RELATED,
					       .many = many };
	condition->values = peal__arena_alloc(&query->arena, sizeof(key));
	if (!condition->values) {
		no_memory(query);
		return;
	}
	condition->count = 1;
	condition->values[0] = key;
	value_copy(query, &condition->values[0]);
}

/* ---- Order, slices, copies ----------------------------------------------------------------------------------------- */

void peal_query_order_by_names(struct peal_query *query, const struct peal_names *names)
{
	if (!query || query->error.code)
		return;
	query->order_count = 0;
	query->order = peal__arena_alloc(&query->arena, (names->count + 1) * sizeof(*query->order));
	if (!query->order) {
		no_memory(query);
		return;
	}
	for (size_t i = 0; i < names->count; i++) {
		bool descending = names->items[i][0] == '-';
		const char *name = names->items[i] + descending;
		size_t column = peal__column_find(query->state, name, strlen(name), NULL);

		if (column == PEAL__NO_FIELD) {
			peal_error_set(&query->error, PEAL_EINVAL,
				       "order_by: %s has no field \"%s\"", query->state->label,
				       name);
			return;
		}
		query->order[query->order_count++] =
			(struct peal__order){ &query->state->columns[column], descending };
	}
}

void peal_query_slice(struct peal_query *query, int64_t offset, int64_t limit)
{
	if (!query || query->error.code)
		return;
	if (offset < 0 || limit < 0) {
		peal_error_set(&query->error, PEAL_EINVAL,
			       "%s: a slice does not count from the end", query->state->label);
		return;
	}
	/* A slice of a slice. */
	query->limit = offset >= query->limit      ? 0
		       : query->limit == INT64_MAX ? INT64_MAX
						   : query->limit - offset;
	query->limit = limit < query->limit ? limit : query->limit;
	query->offset = offset > INT64_MAX - query->offset ? INT64_MAX : query->offset + offset;
}

static void copy_group(struct peal_query *copy, const struct peal__group *group)
{
	struct peal__group *new = group_new(copy, group->kind, group->count);

	for (size_t i = 0; new &&i < group->count; i++) {
		struct peal__condition *condition = &new->conditions[i];

		*condition = group->conditions[i];
		condition->values = peal__arena_alloc(
			&copy->arena, (condition->count + 1) * sizeof(struct peal_value));
		if (!condition->values) {
			no_memory(copy);
			return;
		}
		for (size_t k = 0; k < condition->count; k++) {
			condition->values[k] = group->conditions[i].values[k];
			value_copy(copy, &condition->values[k]);
		}
	}
}

struct peal_query *peal_query_copy(const struct peal_query *query)
{
	struct peal_query *copy = query ? peal_query_new(query->model) : NULL;

	if (!copy)
		return NULL;
	copy->offset = query->offset;
	copy->limit = query->limit;
	copy->error = query->error;
	peal_query_using(copy, query->alias);
	for (const struct peal__group *group = query->groups; group && !copy->error.code;
	     group = group->next)
		copy_group(copy, group);
	if (query->order_count && !copy->error.code) {
		copy->order =
			peal__arena_alloc(&copy->arena, query->order_count * sizeof(*copy->order));
		if (copy->order) {
			memcpy(copy->order, query->order,
			       query->order_count * sizeof(*copy->order));
			copy->order_count = query->order_count;
		} else {
			no_memory(copy);
		}
	}
	return copy;
}
