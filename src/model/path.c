/* SPDX-License-Identifier: MIT */
/*
 * Names of columns, across relations, become places in the query's tables.
 *
 * A relation over which there is one row at most is joined once for the whole query; one with several rows once for
 * each filter(), so that conditions of one call are about the same row and those of different calls need not be.
 */
#include "query_internal.h"

#include <ctype.h>

struct segment {
	const char *name;
	size_t size;
	const char *rest; /* "" behind the last one */
};

/* Names end at "__" or "->", behind which there is something; of several underscores the last two separate. */
static struct segment segment_of(const char *name)
{
	const char *arrow = strstr(name, "->");
	const char *at = strstr(name, "__");

	while (at && at[2] == '_')
		at++;
	if (arrow && (!at || arrow < at))
		at = arrow;
	if (!at || !at[2])
		return (struct segment){ name, strlen(name), "" };
	return (struct segment){ name, (size_t)(at - name), at + 2 };
}

static bool name_is(const struct segment *segment, const char *name)
{
	return strncmp(name, segment->name, segment->size) == 0 && !name[segment->size];
}

/* The name of a relation for the other side: what it was given, or the model's in small letters. */
static bool is_named(const struct peal__referrer *referrer, const struct segment *segment)
{
	const char *name = referrer->model->columns[referrer->column].field->related_name;

	if (name)
		return name_is(segment, name);
	name = referrer->model->model->name;
	for (size_t i = 0; i < segment->size; i++)
		if (tolower((unsigned char)name[i]) != segment->name[i])
			return false;
	return !name[segment->size];
}

/* "article_set", as Django's managers are called, is "article" here. */
static struct segment without_set(const struct segment *segment)
{
	struct segment shorter = *segment;

	if (segment->size > 4 && memcmp(segment->name + segment->size - 4, "_set", 4) == 0)
		shorter.size -= 4;
	return shorter;
}

static const struct peal__referrer *referrer_find(const struct peal__model_state *state,
						  const struct segment *segment)
{
	for (size_t i = 0; i < state->referrer_count; i++)
		if (is_named(&state->referrers[i], segment))
			return &state->referrers[i];
	return NULL;
}

/* A many-to-many relation, from either side; the other side's may be without its "_set". */
static const struct peal__many *many_find(const struct peal__model_state *state,
					  const struct segment *segment)
{
	char name[128];
	const struct peal__many *many;

	if (segment->size >= sizeof(name) - sizeof("_set"))
		return NULL;
	memcpy(name, segment->name, segment->size);
	name[segment->size] = '\0';
	many = peal__many_find(state, name);
	if (!many)
		many = peal__many_find(state, strcat(name, "_set"));
	return many;
}

static bool leads_on(const struct peal__model_state *state, const char *rest)
{
	struct segment segment = segment_of(rest);

	return *rest &&
	       (peal__column_find(state, segment.name, segment.size, NULL) != PEAL__NO_FIELD ||
		many_find(state, &segment) || referrer_find(state, &segment));
}

/* ---- Relations -------------------------------------------------------------------------------------------------------- */

size_t peal__path_step(const char *path, const char **ret_rest)
{
	struct segment segment = segment_of(path);

	*ret_rest = segment.rest;
	return segment.size;
}

static int forward_relation(const struct peal__model_state *state,
			    const struct peal__column *column, struct peal__relation *ret,
			    struct peal_error *error)
{
	int r = peal__relation_check(state, column, error);

	if (r == 0)
		*ret = (struct peal__relation){ .other = peal__state(column->field->to),
						.forward = column };
	return r;
}

int peal__relation_find(const struct peal__model_state *state, const char *name, size_t size,
			struct peal__relation *ret, struct peal_error *error)
{
	struct segment segment = { name, size, "" };
	struct segment shorter = without_set(&segment);
	const struct peal__referrer *referrer;
	const struct peal__many *many;
	bool by_relation;
	size_t i = peal__column_find(state, name, size, &by_relation);

	if (i != PEAL__NO_FIELD && by_relation)
		return forward_relation(state, &state->columns[i], ret, error);
	many = many_find(state, &segment);
	if (many) {
		*ret = (struct peal__relation){ .other = many->other, .many = *many };
		return 0;
	}
	referrer = referrer_find(state, &segment);
	if (!referrer)
		referrer = referrer_find(state, &shorter);
	if (!referrer)
		return peal__no_such(state, PEAL__NAMES_OF_RELATIONS, name, size, error);
	*ret = (struct peal__relation){ .other = referrer->model,
					.backward = &referrer->model->columns[referrer->column] };
	return 0;
}

/* ---- Joins ----------------------------------------------------------------------------------------------------------- */

/* The first table lies in the query itself: most have no other. */
static bool grow(struct peal_query *query)
{
	struct peal__join *joins = query->joins == &query->own ? NULL : query->joins;
	size_t capacity = joins ? query->join_capacity : 0;
	bool first = !joins;

	if (!peal__db_grow(&joins, &capacity, joins ? query->join_count : 0, sizeof(*joins)))
		return false;
	if (first)
		joins[0] = query->own;
	query->joins = joins;
	query->join_capacity = capacity;
	return true;
}

static int join(struct peal_query *query, const struct peal__join *wanted, bool any, size_t *ret)
{
	for (size_t i = query->join_count; i-- > 1;) {
		struct peal__join *old = &query->joins[i];

		if (old->parent == wanted->parent && old->from == wanted->from &&
		    old->to == wanted->to &&
		    (!old->many || any || old->call == wanted->call || !old->call)) {
			/* Rows are ordered by what the first filter asks of them. */
			if (!old->call && !query->loose)
				old->call = wanted->call;
			*ret = i;
			return 0;
		}
	}
	if (!grow(query))
		return peal__query_no_memory(query);
	*ret = query->join_count++;
	query->joins[*ret] = *wanted;
	if (query->loose)
		query->joins[*ret].call = 0;
	return 0;
}

static int join_forward(struct peal_query *query, const struct peal__place *place, bool any,
			size_t *ret)
{
	const struct peal_model *to = place->column->field->to;
	int r = peal__relation_check(query->joins[place->join].state, place->column, &query->error);

	if (r < 0)
		return r;
	return join(query,
		    &(struct peal__join){
			    .state = peal__state(to),
			    .from = place->column,
			    .to = &peal__state(to)->columns[peal__state(to)->key],
			    .parent = place->join,
		    },
		    any, ret);
}

static int join_backward(struct peal_query *query, size_t parent,
			 const struct peal__model_state *from, size_t column, bool any, size_t *ret)
{
	const struct peal__model_state *state = query->joins[parent].state;
	const struct peal__column *to = &from->columns[column];

	return join(query,
		    &(struct peal__join){
			    .state = from,
			    .from = &state->columns[state->key],
			    .to = to,
			    .parent = parent,
			    .call = query->call,
			    .many = to->field->kind != PEAL_FIELD_ONE_TO_ONE && !to->field->unique,
		    },
		    any, ret);
}

int peal__join_many(struct peal_query *query, const struct peal__many *many,
		    struct peal__place *ret)
{
	int r;

	query->call++;
	r = join_backward(query, 0, many->through, many->target, false, &ret->join);
	if (r != 0)
		return r;
	query->joins[ret->join].inner = true;
	ret->column = &many->through->columns[many->source];
	return 0;
}

/* ---- Walking --------------------------------------------------------------------------------------------------------- */

/* The other row's key is in this one already. */
static bool is_its_key(const struct peal__model_state *to, const char *rest)
{
	struct segment segment = segment_of(rest);

	return !to->columns[to->key].relation &&
	       peal__column_find(to, segment.name, segment.size, NULL) == to->key;
}

/* From a column on: true when the walk goes on in another table. */
static int forward(struct peal_query *query, struct peal__place *place, bool by_relation, bool any,
		   const char **rest, bool *ret_goes_on)
{
	const struct peal__model_state *to;
	int r;

	*ret_goes_on = false;
	if (!by_relation || !**rest)
		return 0;
	if (!*place->column->field->to->state)
		return peal__is_lookup(*rest)
			       ? 0
			       : peal__relation_check(query->joins[place->join].state,
						      place->column, &query->error);
	to = peal__state(place->column->field->to);
	if (!leads_on(to, *rest))
		return 0;
	if (is_its_key(to, *rest)) {
		*rest = segment_of(*rest).rest;
		return 0;
	}
	r = join_forward(query, place, any, &place->join);
	*ret_goes_on = r == 0;
	return r;
}

/* A name that is no column: a relation that others have to this table. */
static int backward(struct peal_query *query, const struct segment *segment,
		    struct peal__place *place, bool any, const char **rest, bool *ret_goes_on)
{
	const struct peal__model_state *state = query->joins[place->join].state;
	const struct peal__many *many = many_find(state, segment);
	const struct peal__referrer *referrer = many ? NULL : referrer_find(state, segment);
	int r;

	if (many) {
		r = join_backward(query, place->join, many->through, many->source, any,
				  &place->join);
		place->column = &many->through->columns[many->target];
		return r == 0 ? forward(query, place, true, any, rest, ret_goes_on) : r;
	}
	if (!referrer)
		return peal__no_such(state, PEAL__NAMES_IN_PATHS, segment->name, segment->size,
				     &query->error);
	*ret_goes_on = leads_on(referrer->model, *rest);
	if (**rest && !*ret_goes_on && !peal__is_lookup(*rest))
		return peal__no_such(referrer->model, PEAL__NAMES_IN_PATHS, *rest,
				     segment_of(*rest).size, &query->error);
	r = join_backward(query, place->join, referrer->model, referrer->column, any, &place->join);
	place->column = &referrer->model->columns[referrer->model->key];
	return r;
}

int peal__place_find(struct peal_query *query, const char *name, bool any, struct peal__place *ret,
		     const char **ret_rest)
{
	bool goes_on = true;
	int r = 0;

	*ret_rest = name;
	ret->join = 0;
	while (goes_on && r == 0) {
		const struct peal__model_state *state = query->joins[ret->join].state;
		struct segment segment = segment_of(*ret_rest);
		bool by_relation;
		size_t i = peal__column_find(state, segment.name, segment.size, &by_relation);

		*ret_rest = segment.rest;
		if (i != PEAL__NO_FIELD) {
			ret->column = &state->columns[i];
			r = forward(query, ret, by_relation, any, ret_rest, &goes_on);
		} else {
			r = backward(query, &segment, ret, any, ret_rest, &goes_on);
		}
	}
	return r;
}

int peal__leads_nowhere(struct peal_query *query, const struct peal__place *place, const char *rest)
{
	const struct peal__column *column = place->column;
	const char *label = query->joins[place->join].state->label;
	const struct peal__model_state *to = column->relation && *column->field->to->state
						     ? peal__state(column->field->to)
						     : NULL;

	if (to && !leads_on(to, rest))
		return peal__no_such(to, PEAL__NAMES_IN_PATHS, rest, segment_of(rest).size,
				     &query->error);
	if (to)
		return peal_error_set(&query->error, PEAL_EINVAL,
				      "%s.%s is a key: the way to \"%s\" is \"%s\"", label,
				      column->name, rest, column->field->name);
	return peal_error_set(&query->error, PEAL_EINVAL,
			      "%s.%s is no relation: it leads to no \"%s\"", label, column->name,
			      rest);
}

int peal__place_find_all(struct peal_query *query, const char *name, const char *what,
			 struct peal__place *ret)
{
	const char *rest;
	int r = peal__place_find(query, name, true, ret, &rest);

	if (r == 0 && *rest)
		r = peal__leads_nowhere(query, ret, rest);
	if (r < 0)
		peal_error_prefix(&query->error, "%s: ", what);
	return r;
}

static bool is_one(const struct peal__relation *relation)
{
	return relation->backward && relation->backward->field->kind == PEAL_FIELD_ONE_TO_ONE;
}

/* A name that is no forward relation: perhaps one of the other side. */
static int not_forward(struct peal_query *query, const struct peal__model_state *state,
		       const struct segment *segment)
{
	struct peal__relation relation = { 0 };
	int r;

	if (peal__relation_find(state, segment->name, segment->size, &relation, NULL) < 0)
		r = peal__no_such(state, PEAL__NAMES_FORWARD, segment->name, segment->size,
				  &query->error);
	else
		r = peal_error_set(&query->error, PEAL_EINVAL,
				   "\"%.*s\" of %s leads to %s: use peal_query_prefetch()",
				   (int)segment->size, segment->name, state->label,
				   is_one(&relation) ? "a row that refers to it" : "several rows");
	peal_error_prefix(&query->error, "select_related: ");
	return r;
}

int peal__select_related(struct peal_query *query, const char *name)
{
	struct peal__place place = { 0 };
	int r = 0;

	const char *rest = name;

	do {
		const struct peal__model_state *state = query->joins[place.join].state;
		struct segment segment = segment_of(rest);
		bool by_relation;
		size_t i = peal__column_find(state, segment.name, segment.size, &by_relation);

		if (i == PEAL__NO_FIELD || !by_relation)
			return not_forward(query, state, &segment);
		place.column = &state->columns[i];
		r = join_forward(query, &place, true, &place.join);
		if (r == 0)
			query->joins[place.join].selected = true;
		rest = segment.rest;
	} while (*rest && r == 0);
	return r;
}

void peal__place_require(struct peal_query *query, const struct peal__place *place)
{
	for (size_t i = place->join; i; i = query->joins[i].parent)
		query->joins[i].inner = true;
}

bool peal__place_is_many(const struct peal_query *query, const struct peal__place *place)
{
	for (size_t i = place->join; i; i = query->joins[i].parent)
		if (query->joins[i].many)
			return true;
	return false;
}

bool peal__place_may_be_null(const struct peal_query *query, const struct peal__place *place)
{
	return place->column->field->null || (place->join && !query->joins[place->join].inner);
}
