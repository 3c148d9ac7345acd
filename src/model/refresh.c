/* SPDX-License-Identifier: MIT */
/* Reading an instance's row again, all of it or some fields. */
#include "query_internal.h"

/* The fresh instance's members become the old one's, and its texts with them. */
static int take_over(struct peal_instance *instance, struct peal_instance *fresh,
		     struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	int r = 0;

	for (size_t i = 0; i < state->count && r == 0; i++) {
		const struct peal__column *column = &state->columns[i];
		struct peal_value value = peal__member_read(column, peal__row(fresh));

		r = peal__member_write(instance, column, &value, PEAL__BORROW, error);
		if (column->relation)
			peal__object_set(column, peal__row(instance), NULL);
	}
	peal__owned_free(instance);
	instance->owned = fresh->owned;
	instance->internal = fresh->internal;
	fresh->owned = fresh->internal = NULL;
	instance->db = fresh->db;
	instance->flags |= PEAL__SAVED;
	memset(instance->deferred, 0, sizeof(instance->deferred));
	return r;
}

/* A copy of one member, which is no longer deferred. */
static int take_column(struct peal_instance *instance, const struct peal_instance *fresh, size_t i,
		       struct peal_error *error)
{
	const struct peal__column *column = &peal__state(instance->model)->columns[i];
	struct peal_value value = peal__member_read(column, peal__row(fresh));
	int r = peal__member_write(instance, column, &value, PEAL__COPY, error);

	if (r < 0)
		return r;
	if (column->relation)
		peal__object_set(column, peal__row(instance), NULL);
	instance->deferred[i / 64] &= ~(UINT64_C(1) << (i % 64));
	return 0;
}

static int take_some(struct peal_instance *instance, const struct peal_instance *fresh,
		     const struct peal_names *names, struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	bool taken[PEAL_FIELDS_MAX] = { false };
	int r = 0;

	for (size_t i = 0; i < names->count && r == 0; i++) {
		size_t column =
			peal__column_find(state, names->items[i], strlen(names->items[i]), NULL);

		taken[column] = true;
		r = take_column(instance, fresh, column, error);
	}
	instance->db = fresh->db;
	return r == 0 ? peal__snapshot_all(&instance, 1, taken, error) : r;
}

/* names NULL: all fields. */
static int read_again(struct peal_instance *instance, const struct peal_names *names,
		      struct peal_error *error)
{
	const struct peal_model *model = instance->model;
	struct peal_query *query = peal_query_new(model);
	char *row = peal__db_alloc(model->size);
	struct peal_instance *fresh = peal__instance_in(model, row);
	int r = row ? 0 : peal__no_memory(error);

	peal_query_using(query, instance->db ? instance->db->alias : NULL);
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("pk", peal_key(instance))));
	if (names)
		peal_query_only_names(query, names);
	if (r == 0)
		r = peal_query_get(query, fresh, error);
	if (r == 0) {
		r = names ? take_some(instance, fresh, names, error)
			  : take_over(instance, fresh, error);
		peal_fini(fresh);
	}
	peal__db_free(row);
	peal_query_free(query);
	return r;
}

static int begun_check(const struct peal_instance *instance, struct peal_error *error)
{
	return instance->model ? 0
			       : peal_error_set(error, PEAL_EINVAL,
						"the instance was never begun, or has ended");
}

int peal_refresh(struct peal_instance *instance, struct peal_error *error)
{
	int r = begun_check(instance, error);

	return r == 0 ? read_again(instance, NULL, error) : r;
}

/* The names of fields among those of fields and relations. */
static int fields_of(const struct peal_instance *instance, const struct peal_names *names,
		     const char **items, size_t *ret_count, struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	struct peal__relation relation;
	int r = 0;

	for (size_t i = 0; i < names->count && r == 0; i++) {
		const char *name = names->items[i];

		if (peal__column_find(state, name, strlen(name), NULL) != PEAL__NO_FIELD)
			items[(*ret_count)++] = name;
		else if (peal__relation_find(state, name, strlen(name), &relation, NULL) < 0)
			r = peal__no_such(state, PEAL__NAMES_IN_PATHS, name, strlen(name), error);
	}
	if (r < 0)
		peal_error_prefix(error, "refresh: ");
	return r;
}

static void forget_prefetched(struct peal_instance *instance, const struct peal_names *names)
{
	struct peal__relation relation;

	for (size_t i = 0; i < names->count; i++)
		if (peal__relation_find(peal__state(instance->model), names->items[i],
					strlen(names->items[i]), &relation, NULL) == 0)
			peal__prefetch_forget(instance, &relation);
}

int peal_refresh_fields(struct peal_instance *instance, const struct peal_names *names,
			struct peal_error *error)
{
	struct peal_names fields = { 0 };
	const char **items;
	int r = begun_check(instance, error);

	if (r < 0)
		return r;
	items = peal__db_alloc((names->count + 1) * sizeof(*items));
	if (!items)
		return peal__no_memory(error);
	fields.items = items;
	r = fields_of(instance, names, items, &fields.count, error);
	if (r == 0 && fields.count)
		r = read_again(instance, &fields, error);
	if (r == 0)
		forget_prefetched(instance, names);
	peal__db_free(items);
	return r;
}
