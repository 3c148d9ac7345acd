/* SPDX-License-Identifier: MIT */
/* Model signals that wait for their commit: what is copied, and how it is told. */
#include "after_commit.h"

#include "guard.h"

static bool has_text(const struct peal_value *value)
{
	return value->kind == PEAL_VALUE_TEXT || value->kind == PEAL_VALUE_BYTES;
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

/* The parts of the block: everything aligned for any type, and behind it the texts. */
static size_t aligned(size_t size)
{
	return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

static size_t row_texts_size(const struct peal_instance *instance)
{
	const struct peal__model_state *state = peal__state(instance->model);
	size_t size = 0;

	for (size_t i = 0; i < state->count; i++) {
		struct peal_value value =
			peal__member_read(&state->columns[i], peal__row(instance));

		size += peal__texts_size(&value, 1);
	}
	return size;
}

static size_t block_size(const struct peal__later_wanted *wanted)
{
	size_t size = aligned(sizeof(struct peal__later)) + aligned(wanted->args_size);

	if (wanted->instance)
		size += aligned(wanted->instance->model->size) + row_texts_size(wanted->instance);
	if (wanted->changes)
		size += aligned(peal__track_room(wanted->instance));
	if (wanted->names) {
		size += aligned(wanted->names->count * sizeof(char *));
		for (size_t i = 0; i < wanted->names->count; i++)
			size += strlen(wanted->names->items[i]) + 1;
	}
	if (wanted->keys)
		size += aligned(wanted->key_count * sizeof(struct peal_value)) +
			peal__texts_size(wanted->keys, wanted->key_count);
	return size;
}

/* A part of the block, from *at on. */
static void *take(char **at, size_t size)
{
	void *part = *at;

	*at += aligned(size);
	return part;
}

static void copy_names(struct peal__later *later, const struct peal_names *names,
		       const char **items, char **texts)
{
	for (size_t i = 0; i < names->count; i++) {
		size_t size = strlen(names->items[i]) + 1;

		items[i] = memcpy(*texts, names->items[i], size);
		*texts += size;
	}
	later->name_list = (struct peal_names){ items, names->count };
	later->names = &later->name_list;
}

static void copy_keys(struct peal__later *later, const struct peal__later_wanted *wanted,
		      struct peal_value *keys, char **texts)
{
	if (wanted->key_count)
		memcpy(keys, wanted->keys, wanted->key_count * sizeof(*keys));
	peal__texts_copy(keys, wanted->key_count, *texts);
	*texts += peal__texts_size(keys, wanted->key_count);
	later->keys = keys;
}

static void lay_out(struct peal__later *later, const struct peal__later_wanted *wanted)
{
	char *at = (char *)later + aligned(sizeof(*later));
	const struct peal_model *model = wanted->instance ? wanted->instance->model : NULL;
	const char **names = NULL;
	struct peal_value *keys = NULL;

	later->args = take(&at, wanted->args_size);
	if (model)
		later->instance = peal__instance_in(model, take(&at, model->size));
	if (wanted->changes)
		later->changes = take(&at, peal__track_room(wanted->instance));
	if (wanted->names)
		names = take(&at, wanted->names->count * sizeof(*names));
	if (wanted->keys)
		keys = take(&at, wanted->key_count * sizeof(*keys));
	if (wanted->names)
		copy_names(later, wanted->names, names, &at);
	if (wanted->keys)
		copy_keys(later, wanted, keys, &at);
	later->texts = at;
}

static int no_memory(const struct peal__later_wanted *wanted, struct peal_error *error)
{
	return peal_error_set(error, PEAL_ENOMEM, "no memory to keep a %s of %s until its commit",
			      wanted->signal->name, peal_model_label(wanted->sender));
}

int peal__later_new(const struct peal__later_wanted *wanted, struct peal__later **ret_later,
		    struct peal_error *error)
{
	struct peal__audience audience;
	struct peal__later *later;
	int r = peal__audience_take(wanted->signal, wanted->sender, &audience);

	*ret_later = NULL;
	if (r == PEAL_NOT_FOUND)
		return 0;
	if (r < 0)
		return no_memory(wanted, error);
	later = peal__db_alloc(block_size(wanted));
	if (!later || peal__hook_reserve(wanted->connection, NULL) < 0) {
		peal__db_free(later);
		peal__audience_fini(&audience);
		return no_memory(wanted, error);
	}
	later->signal = wanted->signal;
	later->sender = wanted->sender;
	later->connection = wanted->connection;
	later->audience = audience;
	later->args_size = wanted->args_size;
	lay_out(later, wanted);
	*ret_later = later;
	return 0;
}

void peal__later_free(struct peal__later *later)
{
	if (!later)
		return;
	if (later->instance)
		peal_fini(later->instance); /* a receiver may have set texts of it */
	peal__snapshot_put(later->track.before);
	peal__snapshot_put(later->track.after);
	peal__audience_fini(&later->audience);
	peal__db_free(later);
}

void peal__later_keep(struct peal__later *later, const struct peal_instance *instance)
{
	const struct peal__model_state *state = peal__state(instance->model);
	char *texts = later->texts;

	*later->instance = (struct peal_instance){
		.model = instance->model,
		.db = instance->db,
		.flags = instance->flags & PEAL__SAVED,
		.internal = peal__snapshot_hold(instance->internal),
		.deferred = { instance->deferred[0], instance->deferred[1] },
	};
	for (size_t i = 0; i < state->count; i++) {
		const struct peal__column *column = &state->columns[i];
		struct peal_value value = peal__member_read(column, peal__row(instance));

		if (has_text(&value)) {
			peal__texts_copy(&value, 1, texts);
			texts += value.as.text.size + 1;
		}
		/* What a member holds it can hold. */
		(void)peal__member_write(later->instance, column, &value, PEAL__BORROW, NULL);
	}
}

/* ---- Telling ----------------------------------------------------------------------------------------------------- */

static void told(void *user, int code, const struct peal_results *results)
{
	(void)code;
	(void)results;
	peal__later_free(user);
}

void peal__later_send(struct peal__later *later)
{
	struct peal__saving saving PEAL_CLEANUP(peal__saving_end) = { .instance = NULL };

	if (peal__guard_is_on() && later->instance)
		peal__saving_begin(&saving, later->instance, later->instance->db);
	peal__audience_send(later->signal, later->sender, later->args, later->args_size,
			    &later->audience, told, later);
}

static int committed(void *user, struct peal_error *error)
{
	(void)error;
	peal__later_send(user);
	return 0;
}

static void rolled_back(void *user)
{
	peal__later_free(user);
}

bool peal__later_wait(struct peal__later *later)
{
	if (!later->connection->block_count)
		return false;
	peal__hook_add(later->connection, committed, rolled_back, later);
	return true;
}
