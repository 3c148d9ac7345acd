/* SPDX-License-Identifier: MIT */
/* The signal of many rows written at once, and their keys. */
#include "post_bulk.h"

#include "after_commit.h"

#include <pthread.h>

PEAL__SIGNAL_DEFINE_WHEN(peal_post_bulk);
PEAL__SIGNAL_SENDER(peal_post_bulk);

const char *peal_bulk_operation_name(uint32_t operation)
{
	static const char *const names[] = {
		[PEAL_BULK_CREATED] = "bulk_create",
		[PEAL_BULK_UPDATED] = "bulk_update",
		[PEAL_QUERY_UPDATED] = "update",
		[PEAL_QUERY_DELETED] = "delete",
	};

	return operation < PEAL_COUNTOF(names) && names[operation] ? names[operation] : "?";
}

int peal__affected_new(const struct peal__model_state *state, uint32_t operation,
		       struct peal__affected **ret_affected, struct peal_error *error)
{
	*ret_affected = NULL;
	if (!peal_has_receivers(&peal_post_bulk, state->model) &&
	    !peal_has_receivers(peal_post_bulk.after_commit, state->model))
		return 0;
	*ret_affected = peal__db_alloc(sizeof(struct peal__affected));
	if (!*ret_affected)
		return peal__no_memory(error);
	(*ret_affected)->state = state;
	(*ret_affected)->operation = operation;
	return 0;
}

void peal__affected_free(struct peal__affected *affected)
{
	if (!affected)
		return;
	peal__arena_fini(&affected->arena);
	peal__db_free(affected->keys);
	peal__db_free(affected);
}

int peal__affected_add(struct peal__affected *affected, const struct peal_value *key,
		       struct peal_error *error)
{
	struct peal_value copy = *key;

	if (key->kind == PEAL_VALUE_TEXT)
		copy.as.text.data =
			peal__arena_text(&affected->arena, key->as.text.data, key->as.text.size);
	if ((key->kind == PEAL_VALUE_TEXT && !copy.as.text.data) ||
	    !peal__db_grow(&affected->keys, &affected->capacity, affected->count, sizeof(copy)))
		return peal__no_memory(error);
	affected->keys[affected->count++] = copy;
	return 0;
}

int peal__affected_add_field(struct peal__affected *affected, const char *name,
			     struct peal_error *error)
{
	if (!affected->fields)
		affected->fields = peal__arena_alloc(&affected->arena,
						     affected->state->count * sizeof(char *));
	if (!affected->fields)
		return peal__no_memory(error);
	for (size_t i = 0; i < affected->field_count; i++)
		if (strcmp(affected->fields[i], name) == 0)
			return 0;
	affected->fields[affected->field_count++] = name;
	return 0;
}

static int run_returning(struct peal__affected *affected, struct peal__compiled *compiled,
			 struct peal__connection *c, int64_t *ret_changes, struct peal_error *error)
{
	const struct peal__model_state *state = affected->state;
	struct peal__statement *s = NULL;
	int64_t changes = 0;
	struct peal_value key;
	int r;

	peal__text_add(&compiled->sql, " RETURNING ");
	peal__text_add_name(&compiled->sql, state->columns[state->key].db_name);
	r = peal__compiled_start(compiled, c, &s, error);
	while (r == 0) {
		r = peal__statement_step(s, &state->value_kinds[state->key], &key, error);
		changes += r == 0;
		if (r == 0 && !peal_value_equal(key, affected->except))
			r = peal__affected_add(affected, &key, error);
	}
	if (s)
		peal__statement_put(s);
	if (r != PEAL_DONE)
		return r;
	if (ret_changes)
		*ret_changes = changes;
	return 0;
}

int peal__affected_run(struct peal__affected *affected, struct peal__compiled *compiled,
		       struct peal__connection *c, int64_t *ret_changes, struct peal_error *error)
{
	size_t before;
	int r;

	if (!affected)
		return peal__compiled_run(compiled, c, ret_changes, error);
	before = affected->count;
	r = run_returning(affected, compiled, c, ret_changes, error);
	affected->rows += (int64_t)(affected->count - before);
	return r;
}

/* The arguments for after the commit, and behind them what peal_bulk_keys() then looks at. */
struct later_args {
	struct peal_post_bulk_args args;
	struct peal__affected affected;
};

/* Nobody knows yet whether a receiver will want the keys; afterwards they are not to be had any more. */
static int send_later(const struct peal_post_bulk_args *args, struct peal__connection *c,
		      struct peal_error *error)
{
	const struct peal_model *model = args->affected->state->model;
	const struct peal_params *keys = NULL;
	struct peal__later *later = NULL;
	struct later_args *copy;
	int r = peal_bulk_keys(args, &keys, error);

	if (r == 0)
		r = peal__later_new(&(const struct peal__later_wanted){ .signal = &peal_post_bulk,
									.sender = model,
									.args_size = sizeof(*copy),
									.connection = c,
									.names = args->fields,
									.keys = keys->items,
									.key_count = keys->count },
				    &later, error);
	if (!later)
		return r;
	copy = later->args;
	copy->affected = (struct peal__affected){ .state = args->affected->state,
						  .keys = later->keys,
						  .count = keys->count };
	copy->args = *args;
	copy->args.fields = later->names;
	copy->args.affected = &copy->affected;
	peal__later_wait(later); /* all of this is done in a block */
	return 0;
}

int peal__affected_send(struct peal__affected *affected, struct peal__connection *c,
			struct peal_error *error)
{
	struct peal_post_bulk_args args;
	struct peal_names fields;
	int r = 0;

	if (!affected || !affected->rows)
		return 0;
	fields = (struct peal_names){ affected->fields, affected->field_count };
	args = (struct peal_post_bulk_args){
		.operation = affected->operation,
		.database = c->db->alias,
		.rows = affected->rows,
		.fields = fields.count ? &fields : NULL,
		.affected = affected,
	};
	if (peal__is_awaited(&peal_post_bulk))
		r = send_later(&args, c, error);
	if (r == 0 && peal_signal_is_heard(&peal_post_bulk))
		r = peal_post_bulk_send_with(affected->state->model, &args, PEAL_SEND_STOP, NULL,
					     error);
	return r;
}

/* Asynchronous receivers ask from their threads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int peal_bulk_keys(const struct peal_post_bulk_args *args, const struct peal_params **ret_keys,
		   struct peal_error *error)
{
	struct peal__affected *affected = args->affected;
	int r = 0;

	pthread_mutex_lock(&lock);
	while (affected->instance_count && r == 0) {
		const struct peal_instance *instance = *affected->instances;
		struct peal_value key = peal_key(instance);

		r = peal__affected_add(affected, &key, error);
		if (r == 0) {
			affected->instances++;
			affected->instance_count--;
		}
	}
	affected->params = (struct peal_params){ affected->keys, affected->count };
	if (r == 0)
		*ret_keys = &affected->params;
	pthread_mutex_unlock(&lock);
	return r;
}
