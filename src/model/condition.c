/* SPDX-License-Identifier: MIT */
/* Conditions of queries: everything in them is checked and copied when it is added. */
#include "query_internal.h"

#include <ctype.h>
#include <stdio.h>

static const struct lookup {
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

/* A condition while it is checked. */
struct check {
	struct peal_query *query;
	struct peal__condition *condition;
	const struct lookup *lookup;
	const struct peal__model_state *state; /* of the column */
	const char *name;                      /* of the column or aggregate */
};

static const struct lookup *lookup_find(const char *name)
{
	for (size_t i = 0; i < PEAL_COUNTOF(lookups); i++)
		if (strcmp(lookups[i].name, name) == 0)
			return &lookups[i];
	return NULL;
}

bool peal__is_lookup(const char *name)
{
	return lookup_find(name) != NULL;
}

static int refuse(const struct check *check, int code, const char *reason, const char *what)
{
	return peal_error_set(&check->query->error, code, "%s.%s: %s%s", check->state->label,
			      check->name, reason, what);
}

/* ---- Values ---------------------------------------------------------------------------------------------------------- */

int peal__value_keep(struct peal_query *query, struct peal_value *value)
{
	char *copy;

	if (value->kind != PEAL_VALUE_TEXT && value->kind != PEAL_VALUE_BYTES)
		return 0;
	copy = peal__arena_text(&query->arena, value->as.text.data, value->as.text.size);
	if (!copy)
		return peal__query_no_memory(query);
	value->as.text.data = copy;
	return 0;
}

/* The text as a pattern of LIKE with \ as its escape. */
static int pattern(struct peal_query *query, struct peal_value *value, const struct lookup *lookup)
{
	size_t size = value->as.text.size;
	char *text = peal__arena_alloc(&query->arena, 2 * size + strlen(lookup->before) +
							      strlen(lookup->after) + 1);
	char *at = text;

	if (!text)
		return peal__query_no_memory(query);
	at = stpcpy(at, lookup->before);
	for (size_t i = 0; i < size; i++) {
		char c = value->as.text.data[i];

		if (c == '%' || c == '_' || c == '\\')
			*at++ = '\\';
		*at++ = c;
	}
	stpcpy(at, lookup->after);
	*value = peal_value_text(text);
	return 0;
}

bool peal__is_number(uint32_t kind)
{
	return kind == PEAL_VALUE_INT || kind == PEAL_VALUE_REAL || kind == PEAL_VALUE_DECIMAL ||
	       kind == PEAL_VALUE_DURATION;
}

/* What an aggregate gives is a number, or for the least and the most what the column has. */
static bool takes_any_number(const struct peal__aggregate *aggregate)
{
	return aggregate && aggregate->function != PEAL_FUNCTION_MIN &&
	       aggregate->function != PEAL_FUNCTION_MAX;
}

/* All of a text as a whole number, blanks around it allowed; as Python's int() does, but for "_" in it. */
static bool read_number(const struct peal_value *text, int64_t *ret)
{
	const char *at = text->as.text.data, *end = at + text->as.text.size;
	uint64_t number = 0, most = INT64_MAX;
	bool negative;

	while (at < end && isspace((unsigned char)*at))
		at++;
	while (end > at && isspace((unsigned char)end[-1]))
		end--;
	negative = at < end && *at == '-';
	at += at < end && (*at == '-' || *at == '+');
	most += negative;
	if (at == end)
		return false;
	for (; at < end; at++) {
		uint64_t digit = (uint64_t)(unsigned char)*at - '0';

		if (digit > 9 || number > (most - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret = negative ? (int64_t)(0 - number) : (int64_t)number;
	return true;
}

/* A key that came as text, from an address or a form. */
static int number_of(const struct check *check, struct peal_value *value)
{
	int64_t number;

	if (!read_number(value, &number))
		return peal_error_set(&check->query->error, PEAL_ETYPE,
				      "%s.%s: expected a number but got \"%.60s\"",
				      check->state->label, check->name, value->as.text.data);
	*value = peal_value_int(number);
	return 0;
}

static int accept(const struct check *check, struct peal_value *value)
{
	const struct peal__column *column = check->condition->place.column;
	const struct peal_instance *row =
		value->kind == PEAL_VALUE_POINTER ? value->as.pointer : NULL;

	if (takes_any_number(check->condition->aggregate))
		return peal__is_number(value->kind)
			       ? 0
			       : refuse(check, PEAL_ETYPE, "takes a number", "");
	/* A row for the key of its own model: the end of a way back over a relation. */
	if (row && !column->relation && column == &check->state->columns[check->state->key] &&
	    row->model == check->state->model)
		*value = peal_key(row);
	if (value->kind == PEAL_VALUE_TEXT && column->value_kind == PEAL_VALUE_INT &&
	    number_of(check, value) < 0)
		return PEAL_ETYPE;
	return peal__column_accept(check->state, column, value, &check->query->error);
}

static bool is_textual(enum peal__lookup lookup)
{
	return lookup >= PEAL__LIKE && lookup <= PEAL__ENDSWITH;
}

static int value_check(const struct check *check, struct peal_value *value)
{
	const struct lookup *lookup = check->lookup;
	int r;

	if (lookup->lookup == PEAL__ISNULL)
		return value->kind == PEAL_VALUE_BOOL
			       ? 0
			       : refuse(check, PEAL_ETYPE, "isnull takes a boolean", "");
	if (value->kind == PEAL_VALUE_NULL && lookup->lookup != PEAL__EXACT)
		return refuse(check, PEAL_ETYPE, lookup->name, " does not take null");
	if (is_textual(lookup->lookup) &&
	    (check->condition->aggregate ||
	     check->condition->place.column->value_kind != PEAL_VALUE_TEXT))
		return refuse(check, PEAL_ETYPE, lookup->name, " is for text");
	r = accept(check, value);
	if (r < 0)
		return r;
	return lookup->lookup == PEAL__LIKE ? pattern(check->query, value, lookup)
					    : peal__value_keep(check->query, value);
}

static int values_check(const struct check *check, const struct peal_value *values, size_t count)
{
	struct peal__condition *condition = check->condition;

	condition->count = count;
	condition->values = peal__arena_alloc(&check->query->arena, (count + 1) * sizeof(*values));
	if (!condition->values)
		return peal__query_no_memory(check->query);
	for (size_t i = 0; i < count; i++) {
		int r;

		condition->values[i] = values[i];
		r = value_check(check, &condition->values[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- Expressions ------------------------------------------------------------------------------------------------------- */

static int leaf_init(struct peal_query *query, struct peal__operand *operand,
		     const struct peal_value *value, bool across, uint32_t *ret_kind)
{
	int r;

	if (value->kind != PEAL_VALUE_FIELD) {
		operand->value = *value;
		*ret_kind = value->kind;
		return peal__value_keep(query, &operand->value);
	}
	r = peal__place_find_all(query, value->as.text.data, "an expression", &operand->place);
	if (r == 0 && operand->place.join && !across)
		r = peal_error_set(&query->error, PEAL_EINVAL,
				   "%s: an update takes no \"%s\" from another table",
				   query->state->label, value->as.text.data);
	if (r == 0)
		*ret_kind = operand->place.column->value_kind;
	return r;
}

static int both_sides(struct peal_query *query, struct peal__operand *operand,
		      const struct peal_expression *expression, bool across, uint32_t *ret_kind)
{
	uint32_t left, right;
	int r = peal__operand_new(query, &expression->left, across, &operand->left, &left);

	if (r == 0)
		r = peal__operand_new(query, &expression->right, across, &operand->right, &right);
	if (r < 0)
		return r;
	if (!peal__is_number(left) || !peal__is_number(right) || expression->operation < PEAL_ADD ||
	    expression->operation > PEAL_MULTIPLY)
		return peal_error_set(&query->error, PEAL_ETYPE,
				      "%s: an expression computes with numbers",
				      query->state->label);
	operand->operation = expression->operation;
	*ret_kind = left == right || right == PEAL_VALUE_INT ? left
		    : left == PEAL_VALUE_INT                 ? right
							     : PEAL_VALUE_REAL;
	return 0;
}

int peal__operand_new(struct peal_query *query, const struct peal_value *value, bool across,
		      struct peal__operand **ret, uint32_t *ret_kind)
{
	struct peal__operand *operand = peal__arena_alloc(&query->arena, sizeof(*operand));

	if (!operand)
		return peal__query_no_memory(query);
	*ret = operand;
	if (value->kind != PEAL_VALUE_EXPRESSION)
		return leaf_init(query, operand, value, across, ret_kind);
	return both_sides(query, operand, (const void *)value->as.text.data, across, ret_kind);
}

static bool is_computed(const struct peal_value *value)
{
	return value->kind == PEAL_VALUE_FIELD || value->kind == PEAL_VALUE_EXPRESSION;
}

static int operand_check(const struct check *check, const struct peal_value *value)
{
	struct peal__condition *condition = check->condition;
	uint32_t kind = 0, wanted = condition->aggregate ? PEAL_VALUE_REAL
							 : condition->place.column->value_kind;
	int r = peal__operand_new(check->query, value, true, &condition->operand, &kind);

	if (r < 0)
		return r;
	if (is_textual(check->lookup->lookup) || check->lookup->lookup >= PEAL__ISNULL)
		return refuse(check, PEAL_ETYPE, check->lookup->name, " takes no expression");
	if (kind != wanted && !(peal__is_number(kind) && peal__is_number(wanted)))
		return refuse(check, PEAL_ETYPE, "the expression has another type", "");
	return 0;
}

/* ---- Other queries ---------------------------------------------------------------------------------------------------- */

struct peal_query *peal__query_adopt(struct peal_query *query, const struct peal_query *other)
{
	struct peal_query *inner = peal_query_copy(other);

	if (!inner) {
		peal__query_no_memory(query);
		return NULL;
	}
	inner->next = query->inner;
	query->inner = inner;
	if (inner->error.code)
		query->error = inner->error;
	return inner->error.code ? NULL : inner;
}

static int query_check(const struct check *check, const struct peal_named *named)
{
	struct peal_query *inner = peal__query_adopt(check->query, named->query);
	int r;

	if (!inner)
		return check->query->error.code;
	if (peal__query_is_sliced(inner)) /* else its order does not matter */
		peal__query_order_by_default(inner);
	if (named->value.kind != PEAL_VALUE_TEXT)
		return refuse(check, PEAL_ETYPE, "a query needs the name of its column", "");
	r = peal__place_find_all(inner, named->value.as.text.data, "in", &inner->column);
	if (r < 0)
		check->query->error = inner->error;
	else if (check->condition->aggregate ||
		 inner->column.column->value_kind != check->condition->place.column->value_kind)
		r = refuse(check, PEAL_ETYPE, "the query's column has another type", "");
	check->condition->query = inner;
	return r;
}

/* ---- A condition ------------------------------------------------------------------------------------------------------ */

/* The annotation of that name, and what follows it. */
static const struct peal__aggregate *annotation_of(const struct peal_query *query, const char *name,
						   const char **ret_rest)
{
	const char *end = strstr(name, "__");
	size_t size;

	if (end && !end[2])
		end = NULL;
	size = end ? (size_t)(end - name) : strlen(name);
	*ret_rest = end ? end + 2 : "";
	return peal__aggregate_find(query, name, size);
}

/* Behind a relation it may have been meant as a field of the other model. */
static int no_lookup(const struct check *check, const char *rest)
{
	const struct peal__condition *condition = check->condition;
	struct peal_error *error = &check->query->error;
	char known[160] = "";
	size_t size = 0;
	int r;

	if (!condition->aggregate && condition->place.column->relation) {
		r = peal__leads_nowhere(check->query, &condition->place, rest);
		peal_error_prefix(error, "%s.%s: there is no lookup \"%s\", and ",
				  check->state->label, check->name, rest);
		return r;
	}
	for (size_t i = 0; i < PEAL_COUNTOF(lookups) && size < sizeof(known); i++)
		size += (size_t)snprintf(known + size, sizeof(known) - size, "%s%s", i ? ", " : "",
					 lookups[i].name);
	return peal_error_set(error, PEAL_EINVAL, "%s.%s: there is no lookup \"%s\"; there are %s",
			      check->state->label, check->name, rest, known);
}

static int target_find(struct check *check, const char *name)
{
	struct peal__condition *condition = check->condition;
	const char *rest;
	int r;

	condition->aggregate = annotation_of(check->query, name, &rest);
	if (condition->aggregate) {
		condition->place = condition->aggregate->place;
		check->name = condition->aggregate->name;
		check->state = check->query->state;
		if (condition->place.column)
			check->state = check->query->joins[condition->place.join].state;
	} else {
		r = peal__place_find(check->query, name, false, &condition->place, &rest);
		if (r < 0)
			return r;
		check->name = condition->place.column->name;
		check->state = check->query->joins[condition->place.join].state;
	}
	check->lookup = lookup_find(*rest ? rest : "exact");
	if (!check->lookup)
		return no_lookup(check, rest);
	condition->lookup = check->lookup->lookup;
	return 0;
}

static int condition_init(struct peal_query *query, struct peal__condition *condition,
			  const struct peal_named *named)
{
	struct check check = { .query = query, .condition = condition };
	bool is_list = named->list || named->count;
	bool wants_list;
	int r = target_find(&check, named->name);

	if (r < 0)
		return r;
	wants_list = condition->lookup == PEAL__IN || condition->lookup == PEAL__RANGE;
	if (named->operation == PEAL_OF_QUERY && condition->lookup == PEAL__IN)
		return query_check(&check, named);
	if (wants_list != is_list || named->operation == PEAL_OF_QUERY ||
	    (condition->lookup == PEAL__RANGE && named->count != 2))
		return refuse(&check, PEAL_ETYPE, check.lookup->name,
			      condition->lookup == PEAL__IN      ? " takes a list"
			      : condition->lookup == PEAL__RANGE ? " takes a list of two"
								 : " takes one value");
	if (!is_list && is_computed(&named->value))
		return operand_check(&check, &named->value);
	return values_check(&check, is_list ? named->list : &named->value,
			    is_list ? named->count : 1);
}

/* ---- Trees ------------------------------------------------------------------------------------------------------------- */

static struct peal__node *node_new(struct peal_query *query, struct peal__node_list *list)
{
	struct peal__node *node = peal__arena_alloc(&query->arena, sizeof(*node));

	if (!node) {
		peal__query_no_memory(query);
		return NULL;
	}
	if (!list->last)
		list->last = &list->first;
	*list->last = node;
	list->last = &node->next;
	return node;
}

static bool asks_for_null(const struct peal__condition *condition)
{
	return condition->lookup == PEAL__ISNULL ||
	       (condition->lookup == PEAL__EXACT && condition->count == 1 &&
		condition->values[0].kind == PEAL_VALUE_NULL);
}

/* How a part of the tree is added. */
struct adding {
	struct peal_query *query;
	bool negated;  /* somewhere above is a PEAL_NOT */
	bool optional; /* somewhere above is more than "and" */
	bool has_aggregate;
};

static int nodes_add(struct adding *adding, struct peal__node_list *list,
		     const struct peal_named *named);

/* key IN (SELECT key ... WHERE the condition): "none of them" once it is negated. */
static int apart(struct peal_query *query, struct peal__condition *condition,
		 const struct peal_named *named)
{
	struct peal_query *inner = peal_query_new(query->model);

	peal_query_filter(inner, &(const struct peal_named_list){ named, 1 });
	if (!inner)
		return peal__query_no_memory(query);
	inner->next = query->inner;
	query->inner = inner;
	query->error = inner->error;
	inner->column.column = &query->state->columns[query->state->key];
	*condition = (struct peal__condition){ .place = inner->column,
					       .lookup = PEAL__IN,
					       .query = inner };
	return query->error.code;
}

static int condition_add(struct adding *adding, struct peal__node *node,
			 const struct peal_named *named)
{
	struct peal_query *query = adding->query;
	struct peal__condition *condition = &node->condition;
	size_t before = query->join_count;
	int r = condition_init(query, condition, named);

	if (r < 0)
		return r;
	node->negated = adding->negated;
	adding->has_aggregate |= condition->aggregate != NULL;
	if (condition->aggregate)
		return 0;
	if (adding->negated && peal__place_is_many(query, &condition->place)) {
		query->join_count = before;
		return apart(query, condition, named);
	}
	if (!adding->optional && !asks_for_null(condition))
		peal__place_require(query, &condition->place);
	return 0;
}

static int node_add(struct adding *adding, struct peal__node_list *list,
		    const struct peal_named *named)
{
	struct adding inside = *adding;
	struct peal__node_list children = { 0 };
	struct peal__node *node = node_new(adding->query, list);
	int r;

	if (!node)
		return PEAL_ENOMEM;
	if ((named->operation == PEAL_ASSIGN || named->operation == PEAL_OF_QUERY) && named->name)
		return condition_add(adding, node, named);
	if (named->operation < PEAL_ANY_OF || named->operation > PEAL_NOT_ALL_OF ||
	    !named->conditions)
		return peal_error_set(&adding->query->error, PEAL_EINVAL,
				      "%s: \"%s\" is no condition", adding->query->state->label,
				      named->name ? named->name : "");
	inside.negated |= named->operation == PEAL_NOT_ALL_OF;
	inside.optional |= named->operation != PEAL_ALL_OF;
	r = nodes_add(&inside, &children, named->conditions);
	adding->has_aggregate |= inside.has_aggregate;
	node->operation = named->operation;
	node->children = children.first;
	return r;
}

static int nodes_add(struct adding *adding, struct peal__node_list *list,
		     const struct peal_named *named)
{
	int r = 0;

	for (; r == 0 && (named->name || named->operation != PEAL_ASSIGN); named++)
		r = node_add(adding, list, named);
	return r;
}

/* Conditions that have an aggregate in them are asked of groups. */
static int add_one(struct peal_query *query, const struct peal_named *named)
{
	struct adding adding = { .query = query };
	struct peal__node_list one = { 0 };
	int r = node_add(&adding, &one, named);
	struct peal__node_list *list = adding.has_aggregate ? &query->having : &query->where;

	if (r < 0)
		return r;
	if (!list->last)
		list->last = &list->first;
	*list->last = one.first;
	list->last = &one.first->next;
	return 0;
}

int peal__conditions_add(struct peal_query *query, uint32_t operation,
			 const struct peal_named_list *list)
{
	struct peal_named *items;
	int r = 0;

	query->call++;
	for (size_t i = 0; i < list->count && r == 0 && operation == PEAL_ALL_OF; i++)
		r = add_one(query, &list->items[i]);
	if (operation == PEAL_ALL_OF)
		return r;
	items = peal__arena_alloc(&query->arena, (list->count + 1) * sizeof(*items));
	if (!items)
		return peal__query_no_memory(query);
	memcpy(items, list->items, list->count * sizeof(*items));
	return add_one(query,
		       &(const struct peal_named){ .operation = operation, .conditions = items });
}

/* A condition that the library itself makes. */
static struct peal__condition *own_condition(struct peal_query *query,
					     const struct peal__place *place,
					     enum peal__lookup lookup)
{
	struct peal__node *node =
		query && !query->error.code ? node_new(query, &query->where) : NULL;

	if (!node)
		return NULL;
	node->condition = (struct peal__condition){ .place = *place, .lookup = lookup };
	return &node->condition;
}

void peal__query_filter_place_in(struct peal_query *query, const struct peal__place *place,
				 const struct peal_value *keys, size_t count)
{
	struct check check = { .query = query, .condition = own_condition(query, place, PEAL__IN) };

	if (!check.condition)
		return;
	check.lookup = lookup_find("in");
	check.state = query->joins[place->join].state;
	check.name = place->column->name;
	values_check(&check, keys, count);
}

void peal__query_filter_in(struct peal_query *query, const struct peal__column *column,
			   const struct peal_value *keys, size_t count)
{
	peal__query_filter_place_in(query, &(const struct peal__place){ .column = column }, keys,
				    count);
}

void peal__query_filter_related(struct peal_query *query, const struct peal__many *many,
				struct peal_value key)
{
	struct peal__condition *condition =
		query && query->state
			? own_condition(
				  query,
				  &(const struct peal__place){
					  .column = &query->state->columns[query->state->key] },
				  PEAL__RELATED)
			: NULL;

	if (!condition)
		return;
	condition->many = many;
	condition->values = peal__arena_alloc(&query->arena, sizeof(key));
	if (!condition->values) {
		peal__query_no_memory(query);
		return;
	}
	condition->count = 1;
	condition->values[0] = key;
	peal__value_keep(query, &condition->values[0]);
}

/* ---- Copies ------------------------------------------------------------------------------------------------------------ */

static struct peal__operand *operand_copy(struct peal_query *copy, const struct peal__operand *from)
{
	struct peal__operand *to =
		from ? peal__arena_alloc(&copy->arena, sizeof(struct peal__operand)) : NULL;

	if (!to) {
		if (from)
			peal__query_no_memory(copy);
		return NULL;
	}
	*to = *from;
	peal__value_keep(copy, &to->value);
	to->left = operand_copy(copy, from->left);
	to->right = operand_copy(copy, from->right);
	return to;
}

static int condition_copy(struct peal_query *copy, struct peal__condition *to,
			  const struct peal__condition *from)
{
	*to = *from;
	to->operand = operand_copy(copy, from->operand);
	if (from->aggregate)
		to->aggregate = peal__aggregate_find(copy, from->aggregate->name,
						     strlen(from->aggregate->name));
	if (from->query) {
		to->query = peal__query_adopt(copy, from->query);
		return copy->error.code;
	}
	to->values = peal__arena_alloc(&copy->arena, (from->count + 1) * sizeof(*to->values));
	if (!to->values)
		return peal__query_no_memory(copy);
	for (size_t i = 0; i < from->count && !copy->error.code; i++) {
		to->values[i] = from->values[i];
		peal__value_keep(copy, &to->values[i]);
	}
	return copy->error.code;
}

int peal__node_list_copy(struct peal_query *copy, struct peal__node_list *list,
			 const struct peal__node *from)
{
	int r = 0;

	for (; from && r == 0; from = from->next) {
		struct peal__node_list children = { 0 };
		struct peal__node *node = node_new(copy, list);

		if (!node)
			return PEAL_ENOMEM;
		node->operation = from->operation;
		node->negated = from->negated;
		if (from->operation)
			r = peal__node_list_copy(copy, &children, from->children);
		else
			r = condition_copy(copy, &node->condition, &from->condition);
		node->children = children.first;
	}
	return r;
}
