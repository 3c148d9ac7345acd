/* SPDX-License-Identifier: MIT */
/* Building queries: names are resolved and values checked and copied as they come. */
#include "query_internal.h"

/* Something is wrong, and was not before. */
static int fail(struct peal_query *query, int code)
{
	if (!query->error.code)
		peal_error_set(&query->error, code, "%s", peal_strerror(code));
	return code;
}

int peal__query_no_memory(struct peal_query *query)
{
	return fail(query, PEAL_ENOMEM);
}

/* Whether it can be built further. */
static bool is_good(const struct peal_query *query)
{
	return query && !query->error.code;
}

struct peal_query *peal_query_new(const struct peal_model *model)
{
	struct peal_query *query = peal__db_alloc(sizeof(*query));

	if (!query)
		return NULL;
	query->model = model;
	query->limit = INT64_MAX;
	if (peal__model_check(model, &query->error) != 0)
		return query;
	query->state = peal__state(model);
	query->joins = &query->own;
	query->own.state = query->state;
	query->join_count = query->join_capacity = 1;
	query->call = 1;
	return query;
}

void peal_query_free(struct peal_query *query)
{
	if (!query)
		return;
	while (query->inner) {
		struct peal_query *next = query->inner->next;

		peal_query_free(query->inner);
		query->inner = next;
	}
	if (query->joins != &query->own)
		peal__db_free(query->joins);
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
		peal__query_no_memory(query);
}

int peal__query_ready(struct peal_query *query, struct peal__connection **ret_connection,
		      struct peal_error *error)
{
	int r;

	if (!query)
		return peal__no_memory(error);
	if (query->error.code) {
		if (error)
			*error = query->error;
		return query->error.code;
	}
	r = peal__prefetch_check(query, error);
	return r == 0 ? peal__connection_get(query->alias, ret_connection, error) : r;
}

bool peal__query_is_sliced(const struct peal_query *query)
{
	return query->limit != INT64_MAX || query->offset;
}

/* ---- Conditions ---------------------------------------------------------------------------------------------------- */

static void add(struct peal_query *query, uint32_t operation, const struct peal_named_list *list)
{
	if (!is_good(query) || !list || !list->count)
		return;
	if (peal__query_is_sliced(query))
		peal_error_set(&query->error, PEAL_EINVAL, "%s: a slice cannot be filtered further",
			       query->state->label);
	else
		peal__conditions_add(query, operation, list);
}

void peal_query_filter(struct peal_query *query, const struct peal_named_list *conditions)
{
	add(query, PEAL_ALL_OF, conditions);
}

void peal_query_filter_any(struct peal_query *query, const struct peal_named_list *conditions)
{
	add(query, PEAL_ANY_OF, conditions);
}

void peal_query_exclude(struct peal_query *query, const struct peal_named_list *conditions)
{
	add(query, PEAL_NOT_ALL_OF, conditions);
}

/* ---- Aggregates ----------------------------------------------------------------------------------------------------- */

const struct peal__aggregate *peal__aggregate_find(const struct peal_query *query, const char *name,
						   size_t size)
{
	for (const struct peal__aggregate *a = query->aggregates; a; a = a->next)
		if (a->name && strncmp(a->name, name, size) == 0 && !a->name[size])
			return a;
	return NULL;
}

static int aggregate_check(struct peal_query *query, const struct peal__aggregate *aggregate)
{
	const struct peal__column *column = aggregate->place.column;

	if (aggregate->function < PEAL_FUNCTION_COUNT || aggregate->function > PEAL_FUNCTION_MAX ||
	    (!column && (aggregate->function != PEAL_FUNCTION_COUNT || aggregate->distinct)))
		return peal_error_set(&query->error, PEAL_EINVAL,
				      "%s: an aggregate is a function of a field",
				      query->state->label);
	if ((aggregate->function == PEAL_FUNCTION_SUM ||
	     aggregate->function == PEAL_FUNCTION_AVG) &&
	    !peal__is_number(column->value_kind))
		return peal_error_set(&query->error, PEAL_ETYPE, "%s.%s: there is no %s of it",
				      query->joins[aggregate->place.join].state->label,
				      column->name,
				      aggregate->function == PEAL_FUNCTION_SUM ? "sum" : "average");
	return 0;
}

int peal__aggregate_init(struct peal_query *query, struct peal__aggregate *aggregate,
			 const struct peal_aggregate *from)
{
	int r = 0;

	aggregate->function = from->function;
	aggregate->distinct = from->distinct;
	if (from->field)
		r = peal__place_find_all(query, from->field, "aggregate", &aggregate->place);
	return r == 0 ? aggregate_check(query, aggregate) : r;
}

static int annotation_add(struct peal_query *query, const struct peal_aggregate *from)
{
	struct peal__aggregate *aggregate = peal__arena_alloc(&query->arena, sizeof(*aggregate));
	struct peal__aggregate **last = &query->aggregates;
	int r;

	if (!aggregate)
		return peal__query_no_memory(query);
	if (!from->as || !*from->as || strstr(from->as, "__") ||
	    peal__aggregate_find(query, from->as, strlen(from->as)) ||
	    peal__column_find(query->state, from->as, strlen(from->as), NULL) != PEAL__NO_FIELD)
		return peal_error_set(&query->error, PEAL_EINVAL,
				      "%s: an annotation needs a name of its own, not \"%s\"",
				      query->state->label, from->as ? from->as : "");
	r = peal__aggregate_init(query, aggregate, from);
	if (r < 0)
		return r;
	aggregate->name = peal__arena_text(&query->arena, from->as, strlen(from->as));
	if (!aggregate->name)
		return peal__query_no_memory(query);
	while (*last)
		last = &(*last)->next;
	*last = aggregate;
	return 0;
}

void peal_query_annotate(struct peal_query *query, const struct peal_aggregate_list *aggregates)
{
	for (size_t i = 0; is_good(query) && i < aggregates->count; i++)
		annotation_add(query, &aggregates->items[i]);
}

/* ---- Order, slices --------------------------------------------------------------------------------------------------- */

#define ORDERINGS_MAX 8 /* of models that lead to each other */

static struct peal__order *order_push(struct peal_query *query)
{
	struct peal__order *order =
		peal__arena_alloc(&query->arena, (query->order_count + 1) * sizeof(*order));

	if (!order) {
		peal__query_no_memory(query);
		return NULL;
	}
	if (query->order_count)
		memcpy(order, query->order, query->order_count * sizeof(*order));
	query->order = order;
	return &order[query->order_count++];
}

/* The ordering of the model that a path leads to by the name of a relation; NULL when there is none. */
static const struct peal_names *ordering_of(const struct peal__column *column, const char *path)
{
	size_t size = strlen(path), name = strlen(column->field->name);

	if (!column->relation || size < name ||
	    strcmp(path + size - name, column->field->name) != 0)
		return NULL;
	return column->field->to->ordering.count ? &column->field->to->ordering : NULL;
}

static int order_add(struct peal_query *query, const char *name, bool backward, int depth);

static int order_add_all(struct peal_query *query, const char *path, const struct peal_names *names,
			 bool backward, int depth)
{
	int r = 0;

	if (depth > ORDERINGS_MAX)
		return peal_error_set(&query->error, PEAL_EINVAL,
				      "order_by: %s: the .ordering of its models goes in circles",
				      query->state->label);
	for (size_t i = 0; i < names->count && r == 0; i++) {
		bool descending = names->items[i][0] == '-';
		const char *name = names->items[i] + descending;
		size_t size = strlen(path) + strlen(name) + sizeof("__");
		char *text = peal__arena_alloc(&query->arena, size);

		if (!text)
			return peal__query_no_memory(query);
		stpcpy(stpcpy(stpcpy(text, path), "__"), name);
		r = order_add(query, text, descending != backward, depth);
	}
	return r;
}

static int order_add(struct peal_query *query, const char *name, bool backward, int depth)
{
	const struct peal__aggregate *aggregate = peal__aggregate_find(query, name, strlen(name));
	const struct peal_names *ordering = NULL;
	struct peal__place place = { 0 };
	struct peal__order *order;
	int r = 0;

	query->loose = true;
	if (!aggregate)
		r = peal__place_find_all(query, name, "order_by", &place);
	query->loose = false;
	if (r < 0)
		return r;
	if (place.column)
		ordering = ordering_of(place.column, name);
	if (ordering)
		return order_add_all(query, name, ordering, backward, depth + 1);
	order = order_push(query);
	if (!order)
		return PEAL_ENOMEM;
	*order = (struct peal__order){ .place = place,
				       .aggregate = aggregate,
				       .descending = backward };
	return 0;
}

void peal_query_order_by_names(struct peal_query *query, const struct peal_names *names)
{
	int r = 0;

	if (!is_good(query))
		return;
	query->order_count = 0;
	query->ordered = true;
	for (size_t i = 0; i < names->count && r == 0; i++) {
		bool descending = names->items[i][0] == '-';

		r = order_add(query, names->items[i] + descending, descending, 0);
	}
}

void peal_query_unordered(struct peal_query *query)
{
	if (!is_good(query))
		return;
	query->order_count = 0;
	query->ordered = true;
}

/* Groups are not ordered by the model: what they were ordered by would have to belong to each group. */
bool peal__query_has_default_order(const struct peal_query *query)
{
	return is_good(query) && !query->ordered && query->model->ordering.count &&
	       !query->aggregates;
}

void peal__query_order_by_default(struct peal_query *query)
{
	if (peal__query_has_default_order(query))
		peal_query_order_by_names(query, &query->model->ordering);
}

void peal_query_distinct(struct peal_query *query)
{
	if (query)
		query->distinct = true;
}

/* ---- What is loaded -------------------------------------------------------------------------------------------------- */

void peal_query_select_related_names(struct peal_query *query, const struct peal_names *names)
{
	for (size_t i = 0; is_good(query) && i < names->count; i++)
		peal__select_related(query, names->items[i]);
}

static void set_deferred(struct peal_query *query, const struct peal_names *names, bool deferred)
{
	const struct peal__model_state *state = query->state;

	query->defers = true;
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];
		size_t column = peal__column_find(state, name, strlen(name), NULL);
		uint64_t bit = UINT64_C(1) << (column % 64);

		if (column == PEAL__NO_FIELD) {
			peal__no_such(state, PEAL__NAMES_OF_FIELDS, name, strlen(name),
				      &query->error);
			peal_error_prefix(&query->error, deferred ? "defer: " : "only: ");
			return;
		}
		if (deferred)
			query->deferred[column / 64] |= bit;
		else
			query->deferred[column / 64] &= ~bit;
	}
	query->deferred[state->key / 64] &= ~(UINT64_C(1) << (state->key % 64));
}

void peal_query_only_names(struct peal_query *query, const struct peal_names *names)
{
	if (!is_good(query))
		return;
	memset(query->deferred, 0xff, sizeof(query->deferred));
	set_deferred(query, names, false);
}

void peal_query_defer_names(struct peal_query *query, const struct peal_names *names)
{
	if (is_good(query))
		set_deferred(query, names, true);
}

void peal_query_for_update(struct peal_query *query, enum peal_lock lock)
{
	if (query)
		query->lock = lock;
}

void peal_query_slice(struct peal_query *query, int64_t offset, int64_t limit)
{
	if (!is_good(query))
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

/* ---- Copies ----------------------------------------------------------------------------------------------------------- */

static void *arena_copy(struct peal_query *copy, const void *from, size_t size)
{
	void *to = peal__arena_alloc(&copy->arena, size ? size : 1);

	if (!to)
		peal__query_no_memory(copy);
	else if (size)
		memcpy(to, from, size);
	return to;
}

static int copy_joins(struct peal_query *copy, const struct peal_query *query)
{
	struct peal__join *joins;

	if (query->join_count <= 1)
		return 0;
	joins = peal__db_alloc(query->join_count * sizeof(*joins));
	if (!joins)
		return peal__query_no_memory(copy);
	memcpy(joins, query->joins, query->join_count * sizeof(*joins));
	copy->joins = joins;
	copy->join_count = copy->join_capacity = query->join_count;
	return 0;
}

static int copy_aggregates(struct peal_query *copy, const struct peal_query *query)
{
	struct peal__aggregate **last = &copy->aggregates;

	for (const struct peal__aggregate *from = query->aggregates; from; from = from->next) {
		struct peal__aggregate *to = arena_copy(copy, from, sizeof(*from));

		if (!to)
			return PEAL_ENOMEM;
		to->next = NULL;
		to->name = peal__arena_text(&copy->arena, from->name, strlen(from->name));
		if (!to->name)
			return peal__query_no_memory(copy);
		*last = to;
		last = &to->next;
	}
	return 0;
}

static int copy_order(struct peal_query *copy, const struct peal_query *query)
{
	copy->ordered = query->ordered;
	if (!query->order_count)
		return 0;
	copy->order = arena_copy(copy, query->order, query->order_count * sizeof(*query->order));
	if (!copy->order)
		return PEAL_ENOMEM;
	copy->order_count = query->order_count;
	for (size_t i = 0; i < copy->order_count; i++)
		if (copy->order[i].aggregate)
			copy->order[i].aggregate =
				peal__aggregate_find(copy, query->order[i].aggregate->name,
						     strlen(query->order[i].aggregate->name));
	return 0;
}

static void copy_plain(struct peal_query *copy, const struct peal_query *query)
{
	copy->call = query->call;
	copy->column = query->column;
	copy->owner = query->owner;
	copy->offset = query->offset;
	copy->limit = query->limit;
	copy->distinct = query->distinct;
	copy->key_only = query->key_only;
	copy->defers = query->defers;
	memcpy(copy->deferred, query->deferred, sizeof(copy->deferred));
	copy->lock = query->lock;
	copy->error = query->error;
}

struct peal_query *peal_query_copy(const struct peal_query *query)
{
	struct peal_query *copy = query ? peal_query_new(query->model) : NULL;

	if (!copy)
		return NULL;
	copy_plain(copy, query);
	peal_query_using(copy, query->alias);
	if (copy->error.code || copy_joins(copy, query) < 0 || copy_aggregates(copy, query) < 0 ||
	    copy_order(copy, query) < 0 || peal__prefetch_copy(copy, query) < 0)
		return copy;
	if (peal__node_list_copy(copy, &copy->where, query->where.first) == 0)
		peal__node_list_copy(copy, &copy->having, query->having.first);
	return copy;
}
