/* SPDX-License-Identifier: MIT */
/* Creating, and what finds or creates: peal_create(), peal_get_or_create(), peal_update_or_create(). */
#include <peal/m2m.h>

#include "query_internal.h"

int peal_create(const struct peal_model *model, struct peal_instance *instance,
		const char *database, const struct peal_named_list *values,
		struct peal_error *error)
{
	int r = peal_init(model, instance, values, error);

	if (r != 0)
		return r;
	r = PEAL_SAVE(instance, error, .database = database, .force_insert = true);
	if (r != 0)
		peal_fini(instance);
	return r;
}

static bool is_named(const struct peal_named_list *list, const char *name)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (list->items[i].name && strcmp(list->items[i].name, name) == 0)
			return true;
	return false;
}

/* A condition that says what a field of the new row is to be: no lookup, no way over a relation, none of several. */
static bool is_value(const struct peal_named *named)
{
	return named->name && !strstr(named->name, "__") && !strstr(named->name, "->") &&
	       named->operation == PEAL_ASSIGN && !named->list;
}

/* The plain conditions, unless a default has the same name, and the defaults; to be freed by peal__db_free(). */
static struct peal_named *merge(const struct peal_named_list *conditions,
				const struct peal_named_list *defaults, size_t *ret_count)
{
	size_t most = (conditions ? conditions->count : 0) + (defaults ? defaults->count : 0) + 1;
	struct peal_named *items = peal__db_alloc(most * sizeof(*items));
	size_t count = 0;

	if (!items)
		return NULL;
	for (size_t i = 0; conditions && i < conditions->count; i++)
		if (is_value(&conditions->items[i]) &&
		    !is_named(defaults, conditions->items[i].name))
			items[count++] = conditions->items[i];
	for (size_t i = 0; defaults && i < defaults->count; i++)
		items[count++] = defaults->items[i];
	*ret_count = count;
	return items;
}

static int find(const struct peal__finder *finder, struct peal_instance *instance,
		const struct peal_named_list *conditions, struct peal_error *error)
{
	struct peal_query *query = finder->owner ? peal_m2m_query(finder->owner, finder->relation)
						 : peal_query_new(finder->model);
	int r;

	peal_query_using(query, finder->database);
	peal_query_filter(query, conditions);
	if (finder->lock)
		peal_query_for_update(query, PEAL_LOCK_WAIT);
	r = peal_query_get(query, instance, error);
	peal_query_free(query);
	return r;
}

/* In a block of its own, so that a refused insert leaves the block around it whole. */
static int create_apart(const struct peal__finder *finder, struct peal_instance *instance,
			const struct peal_named_list *conditions,
			const struct peal_named_list *defaults, struct peal_error *error)
{
	struct peal_named_list values = { 0 };
	struct peal_named *items = merge(conditions, defaults, &values.count);
	int r;

	if (!items)
		return peal__no_memory(error);
	values.items = items;
	PEAL_ATOMIC_WITH(r, error, .database = finder->database) {
		r = peal_create(finder->model, instance, finder->database, &values, error);
	}
	peal__db_free(items);
	if (r != 0)
		peal_fini(instance);
	return r;
}

int peal__get_or_create(const struct peal__finder *finder, struct peal_instance *instance,
			const struct peal_named_list *conditions,
			const struct peal_named_list *defaults, bool *ret_created,
			struct peal_error *error)
{
	struct peal_error found = { 0 }, refused = { 0 };
	const struct peal_error *details = &found;
	int r = find(finder, instance, conditions, &found);
	bool created = r == PEAL_NOT_FOUND;

	if (created) {
		details = &refused;
		r = create_apart(finder, instance, conditions, defaults, &refused);
	}
	if (created && r == PEAL_EINTEGRITY) {
		int again = find(finder, instance, conditions, &found);

		/* Somebody else may have made it meanwhile. If not, the refusal is what counts. */
		if (again != PEAL_NOT_FOUND) {
			details = &found;
			r = again;
		}
		created = again != 0;
	}
	if (r != 0 && error)
		*error = *details;
	if (r == 0 && ret_created)
		*ret_created = created;
	return r;
}

int peal_get_or_create(const struct peal_model *model, struct peal_instance *instance,
		       const char *database, const struct peal_named_list *conditions,
		       const struct peal_named_list *defaults, bool *ret_created,
		       struct peal_error *error)
{
	return peal__get_or_create(
		&(const struct peal__finder){ .model = model, .database = database }, instance,
		conditions, defaults, ret_created, error);
}

/* Of these kinds Django decides the value when a row is written, and so writes them always: .auto_now is among them. */
static bool is_decided_late(const struct peal_field *field)
{
	switch (field->kind) {
	case PEAL_FIELD_DATETIME:
	case PEAL_FIELD_DATE:
	case PEAL_FIELD_TIME_OF_DAY:
	case PEAL_FIELD_FILE:
	case PEAL_FIELD_IMAGE:
		return !field->primary_key;
	default:
		return false;
	}
}

static size_t add_late(const struct peal__model_state *state, const char **names, size_t count)
{
	size_t given = count;

	for (size_t i = 0; i < state->count; i++) {
		const struct peal_field *field = state->columns[i].field;
		size_t k = 0;

		while (k < given && strcmp(names[k], field->name) != 0)
			k++;
		if (k == given && is_decided_late(field))
			names[count++] = field->name;
	}
	return count;
}

/* Without values, and without fields that are decided late, there is nothing to save. */
static int set_and_save(struct peal_instance *instance, const char *database,
			const struct peal_named_list *values, struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	static const struct peal_named_list no_values;
	const char *names[2 * PEAL_FIELDS_MAX];
	bool moves = false; /* to another key: then all fields are saved there */
	int r = 0;

	if (!values)
		values = &no_values;
	if (values->count > PEAL_FIELDS_MAX)
		return peal_error_set(error, PEAL_EINVAL, "%s: more values than a model has fields",
				      peal_model_label(instance->model));
	for (size_t i = 0; i < values->count && r == 0; i++) {
		names[i] = values->items[i].name;
		r = peal__set_named(instance, &values->items[i], error);
		moves |= r == 0 &&
			 peal__column_find(state, names[i], strlen(names[i]), NULL) == state->key;
	}
	if (r != 0)
		return r;
	if (moves)
		return PEAL_SAVE(instance, error, .database = database);
	return PEAL_SAVE(instance, error, .database = database,
			 .update_fields = { names, add_late(state, names, values->count) });
}

int peal__update_or_create(const struct peal__finder *finder, struct peal_instance *instance,
			   const struct peal_named_list *conditions,
			   const struct peal_named_list *defaults, bool *ret_created,
			   struct peal_error *error)
{
	struct peal__finder locking = *finder;
	bool created = false;
	int r;

	locking.lock = true;
	*instance = (struct peal_instance){ 0 };
	PEAL_ATOMIC_WITH(r, error, .database = finder->database) {
		r = peal__get_or_create(&locking, instance, conditions, defaults, &created, error);
		if (r == 0 && !created)
			r = set_and_save(instance, finder->database, defaults, error);
	}
	if (r != 0)
		peal_fini(instance);
	else if (ret_created)
		*ret_created = created;
	return r;
}

int peal_update_or_create(const struct peal_model *model, struct peal_instance *instance,
			  const char *database, const struct peal_named_list *conditions,
			  const struct peal_named_list *defaults, bool *ret_created,
			  struct peal_error *error)
{
	return peal__update_or_create(
		&(const struct peal__finder){ .model = model, .database = database }, instance,
		conditions, defaults, ret_created, error);
}
