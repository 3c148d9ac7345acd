/* SPDX-License-Identifier: MIT */
/*
 * What rows had when they were loaded or last saved, for the models that ask for it.
 *
 * instance.internal is a snapshot: one block with the values and their texts, which never changes once it is filled.
 * A save makes a new one beside it, before it writes, so that nothing can fail afterwards; and holds both while
 * post_save is sent, whatever receivers do to the instance. Snapshots are counted for that.
 */
#include "state.h"

struct peal__snapshot {
	unsigned holders;
	uint64_t known[2]; /* fields whose values these are, one bit each */
	struct peal_value values[];
};

static struct peal__snapshot *snapshot_of(const struct peal_instance *instance)
{
	return instance->internal;
}

static bool is_known(const struct peal__snapshot *snapshot, size_t i)
{
	return snapshot && snapshot->known[i / 64] >> (i % 64) & 1;
}

/* ---- Snapshots ------------------------------------------------------------------------------------------------------ */

/*
 * What the row of the instance has in a column when the columns of the mask (NULL: all) have been written to it: false
 * when nobody knows.
 */
static bool value_of(const struct peal_instance *instance, size_t i, const bool *written,
		     struct peal_value *ret_value)
{
	const struct peal__model_state *state = peal__state(instance->model);
	const struct peal__snapshot *before = snapshot_of(instance);

	if (!peal__is_deferred(instance, i) && (!written || written[i] || i == state->key))
		*ret_value = peal__member_read(&state->columns[i], peal__row(instance));
	else if (is_known(before, i))
		*ret_value = before->values[i];
	else
		return false;
	return true;
}

int peal__snapshot_new(const struct peal_instance *instance, const bool *written,
		       struct peal__snapshot **ret_snapshot, struct peal_error *error)
{
	size_t count = peal__state(instance->model)->count, texts = 0;
	struct peal__snapshot *snapshot;
	struct peal_value value;

	for (size_t i = 0; i < count; i++)
		if (value_of(instance, i, written, &value))
			texts += peal__texts_size(&value, 1);
	snapshot = peal__db_alloc(sizeof(*snapshot) + count * sizeof(value) + texts);
	if (!snapshot)
		return peal__no_memory(error);
	snapshot->holders = 1;
	*ret_snapshot = snapshot;
	return 0;
}

struct peal__snapshot *peal__snapshot_hold(struct peal__snapshot *snapshot)
{
	if (snapshot)
		__atomic_add_fetch(&snapshot->holders, 1, __ATOMIC_RELAXED);
	return snapshot;
}

void peal__snapshot_put(struct peal__snapshot *snapshot)
{
	if (snapshot && __atomic_sub_fetch(&snapshot->holders, 1, __ATOMIC_ACQ_REL) == 0)
		peal__db_free(snapshot);
}

void peal__snapshot_take(struct peal_instance *instance, struct peal__snapshot *snapshot,
			 const bool *written)
{
	size_t count = peal__state(instance->model)->count;

	for (size_t i = 0; i < count; i++)
		if (value_of(instance, i, written, &snapshot->values[i]))
			snapshot->known[i / 64] |= UINT64_C(1) << (i % 64);
	peal__texts_copy(snapshot->values, count, (char *)&snapshot->values[count]);
	peal__snapshot_put(instance->internal);
	instance->internal = snapshot;
}

int peal__snapshot_load(struct peal_instance *instance, struct peal_error *error)
{
	struct peal__snapshot *snapshot;
	int r;

	if (!instance->model->track_changes)
		return 0;
	r = peal__snapshot_new(instance, NULL, &snapshot, error);
	if (r == 0)
		peal__snapshot_take(instance, snapshot, NULL);
	return r;
}

int peal__snapshot_all(struct peal_instance *const *instances, size_t count, const bool *written,
		       struct peal_error *error)
{
	struct peal__snapshot **snapshots;
	size_t made = 0;
	int r = 0;

	if (!count || !instances[0]->model->track_changes)
		return 0;
	snapshots = peal__db_alloc(count * sizeof(struct peal__snapshot *));
	if (!snapshots)
		return peal__no_memory(error);
	while (made < count && r == 0) {
		r = peal__snapshot_new(instances[made], written, &snapshots[made], error);
		made += r == 0;
	}
	for (size_t i = 0; i < made; i++) {
		if (r == 0)
			peal__snapshot_take(instances[i], snapshots[i], written);
		else
			peal__snapshot_put(snapshots[i]);
	}
	peal__db_free(snapshots);
	return r;
}

/* ---- What has changed ------------------------------------------------------------------------------------------------ */

/* Whether a column differs from what it was before (NULL: there was no row). */
static bool differs(const struct peal_instance *instance, const struct peal__snapshot *before,
		    size_t i, struct peal_change *ret_change)
{
	const struct peal__column *column = &peal__state(instance->model)->columns[i];

	*ret_change = (struct peal_change){
		.field = column->field,
		.name = column->name,
		.before = is_known(before, i) ? before->values[i] : peal_value_null(),
		.after = peal__member_read(column, peal__row(instance)),
		.unknown = before && !is_known(before, i),
	};
	return !is_known(before, i) || !peal_value_equal(ret_change->before, ret_change->after);
}

/* Without a key it is a new row, also when it was loaded. */
static const struct peal__snapshot *before_of(const struct peal_instance *instance)
{
	return peal_key(instance).kind == PEAL_VALUE_NULL ? NULL : snapshot_of(instance);
}

bool peal_is_changed(const struct peal_instance *instance)
{
	const struct peal__snapshot *before;
	struct peal_change change;

	if (!instance->model || !instance->model->track_changes)
		return instance->model != NULL;
	before = before_of(instance);
	for (size_t i = 0; i < peal__state(instance->model)->count; i++)
		if (!peal__is_deferred(instance, i) && differs(instance, before, i, &change))
			return true;
	return false;
}

/* A list with room for all fields. */
struct list {
	struct peal_changes changes;
	struct peal_change items[];
};

static size_t list_size(const struct peal_instance *instance)
{
	return sizeof(struct list) +
	       peal__state(instance->model)->count * sizeof(struct peal_change);
}

int peal_changes_get(struct peal_instance *instance, const struct peal_changes **ret_changes,
		     struct peal_error *error)
{
	struct list *list;

	if (!instance->model || !instance->model->track_changes)
		return peal_error_set(error, PEAL_EINVAL, "%s does not keep track of changes: %s",
				      instance->model ? peal_model_label(instance->model)
						      : "an instance that has ended",
				      "set .track_changes of the model");
	list = peal__owned_alloc(instance, PEAL__OWNED_CHANGES, list_size(instance));
	if (!list)
		return peal__no_memory(error);
	peal__owned_forget(instance, PEAL__OWNED_CHANGES, list);
	list->changes.items = list->items;
	for (size_t i = 0; i < peal__state(instance->model)->count; i++)
		if (!peal__is_deferred(instance, i) &&
		    differs(instance, before_of(instance), i, &list->items[list->changes.count]))
			list->changes.count++;
	*ret_changes = &list->changes;
	return 0;
}

const struct peal_change *peal_change_of(const struct peal_changes *changes, const char *name)
{
	for (size_t i = 0; changes && i < changes->count; i++)
		if (strcmp(changes->items[i].name, name) == 0 ||
		    strcmp(changes->items[i].field->name, name) == 0)
			return &changes->items[i];
	return NULL;
}

size_t peal__changed_names(const struct peal_instance *instance, const char **names)
{
	const struct peal__model_state *state = peal__state(instance->model);
	struct peal_change change;
	size_t count = 0;

	for (size_t i = 0; i < state->count; i++)
		if (i != state->key && !peal__is_deferred(instance, i) &&
		    differs(instance, snapshot_of(instance), i, &change))
			names[count++] = change.name;
	return count;
}

bool peal__is_same_row(const struct peal_instance *instance)
{
	const struct peal__snapshot *before = snapshot_of(instance);
	size_t key = peal__state(instance->model)->key;

	return is_known(before, key) && peal_value_equal(before->values[key], peal_key(instance));
}

/* ---- A save ---------------------------------------------------------------------------------------------------------- */

int peal__track_begin(struct peal__track *track, const struct peal_instance *instance,
		      const bool *written, struct peal_error *error)
{
	struct list *list = peal__db_alloc(list_size(instance));
	int r;

	if (!list)
		return peal__no_memory(error);
	track->changes = &list->changes;
	r = peal__snapshot_new(instance, written, &track->after, error);
	if (r != 0)
		peal__track_end(track);
	return r;
}

void peal__track_written(struct peal__track *track, struct peal_instance *instance,
			 const bool *written, bool created)
{
	struct list *list = (struct list *)(void *)track->changes;
	const struct peal__model_state *state = peal__state(instance->model);

	track->before = peal__snapshot_hold(snapshot_of(instance));
	peal__snapshot_hold(track->after);
	peal__snapshot_take(instance, track->after, written);
	list->changes.items = list->items;
	for (size_t i = 0; i < state->count; i++) {
		struct peal_change *change = &list->items[list->changes.count];

		if ((written && !written[i]) || (i == state->key && !created) ||
		    peal__is_deferred(instance, i) ||
		    !differs(instance, created ? NULL : track->before, i, change))
			continue;
		change->after = track->after->values[i];
		change->unknown = !created && !is_known(track->before, i);
		list->changes.count++;
	}
}

size_t peal__track_room(const struct peal_instance *instance)
{
	return list_size(instance);
}

void peal__track_share(const struct peal__track *track, void *room, struct peal__track *ret_track)
{
	const struct list *list = (const struct list *)(const void *)track->changes;
	struct list *copy = room;

	memcpy(copy->items, list->items, list->changes.count * sizeof(*copy->items));
	copy->changes = (struct peal_changes){ copy->items, list->changes.count };
	*ret_track = (struct peal__track){ .before = peal__snapshot_hold(track->before),
					   .after = peal__snapshot_hold(track->after),
					   .changes = &copy->changes };
}

void peal__track_end(struct peal__track *track)
{
	peal__snapshot_put(track->before);
	peal__snapshot_put(track->after);
	peal__db_free(track->changes);
	*track = (struct peal__track){ 0 };
}
