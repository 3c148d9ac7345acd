/* SPDX-License-Identifier: MIT */
/* The life of an instance: begun by the program or from a row, its fields by name, and its end. */
#include "state.h"

#include <stdio.h>
#include <time.h>

PEAL_SIGNAL_DEFINE(peal_pre_init);
PEAL_SIGNAL_DEFINE(peal_post_init);

static const struct peal_named_list no_values;

static int send_pre_init(const struct peal_model *model, const struct peal_value *row,
			 const struct peal_named_list *values, struct peal_error *error)
{
	if (!peal_signal_is_heard(&peal_pre_init))
		return 0;
	return PEAL_SEND_ERROR(peal_pre_init, model, error, .row = row,
			       .row_count = row ? peal__state(model)->count : 0, .values = values);
}

static int send_post_init(struct peal_instance *instance, struct peal_error *error)
{
	if (!peal_signal_is_heard(&peal_post_init))
		return 0;
	return PEAL_SEND_ERROR(peal_post_init, instance->model, error, .instance = instance);
}

bool peal__init_is_heard(const struct peal_model *model)
{
	return (peal_signal_is_heard(&peal_pre_init) &&
		peal_has_receivers(&peal_pre_init, model)) ||
	       (peal_signal_is_heard(&peal_post_init) &&
		peal_has_receivers(&peal_post_init, model));
}

/* ---- Fields by name ---------------------------------------------------------------------------------------------- */

static int attach(struct peal_instance *instance, const struct peal__column *column,
		  struct peal_value value, struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	struct peal_instance *object = value.kind == PEAL_VALUE_POINTER ? value.as.pointer : NULL;
	struct peal_value key =
		object && object->model == column->field->to ? peal_key(object) : peal_value_null();
	int r;

	if (value.kind != PEAL_VALUE_NULL && (!object || object->model != column->field->to))
		return peal_error_set(error, PEAL_EINVAL,
				      "%s.%s takes a row of %s or null; a key goes to %s",
				      state->label, column->field->name,
				      peal_model_label(column->field->to), column->name);
	r = peal__member_write(instance, column, &key, PEAL__COPY, error);
	if (r == 0)
		peal__object_set(column, peal__row(instance), object);
	return r;
}

int peal_field_set(struct peal_instance *instance, const char *name, struct peal_value value,
		   struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	bool by_relation, other;
	size_t i = peal__column_find(state, name, strlen(name), &by_relation);
	const struct peal__column *column;
	int r;

	if (i == PEAL__NO_FIELD)
		return peal__no_such(state, PEAL__NAMES_OF_FIELDS, name, strlen(name), error);
	column = &state->columns[i];
	if (by_relation) {
		r = attach(instance, column, value, error);
	} else {
		r = peal__column_accept(state, column, &value, error);
		other = r == 0 &&
			!peal_value_equal(peal__member_read(column, peal__row(instance)), value);
		if (r == 0)
			r = peal__member_write(instance, column, &value, PEAL__COPY, error);
		/* Another key detaches, and the same one does not, whatever is attached. */
		if (r == 0 && column->relation && other)
			peal__object_set(column, peal__row(instance), NULL);
	}
	if (r == 0)
		instance->deferred[i / 64] &= ~(UINT64_C(1) << (i % 64));
	return r;
}

int peal_field_get(const struct peal_instance *instance, const char *name,
		   struct peal_value *ret_value, struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	bool by_relation;
	size_t i = peal__column_find(state, name, strlen(name), &by_relation);

	if (i == PEAL__NO_FIELD)
		return peal__no_such(state, PEAL__NAMES_OF_FIELDS, name, strlen(name), error);
	if (peal__is_deferred(instance, i))
		return PEAL_NOT_FOUND;
	if (by_relation)
		*ret_value = peal__value_instance(
			peal__object_get(&state->columns[i], peal__row(instance)));
	else
		*ret_value = peal__member_read(&state->columns[i], peal__row(instance));
	return 0;
}

const char *peal_field_label(const struct peal_instance *instance, const char *name)
{
	const struct peal__model_state *state = peal__state(instance->model);
	size_t i = peal__column_find(state, name, strlen(name), NULL);
	const struct peal_choice_list *choices;
	struct peal_value value;

	if (i == PEAL__NO_FIELD)
		return NULL;
	choices = &state->columns[i].field->choices;
	value = peal__member_read(&state->columns[i], peal__row(instance));
	for (size_t k = 0; k < choices->count; k++) {
		struct peal_value choice = choices->items[k].value;

		if (peal__column_accept(state, &state->columns[i], &choice, NULL) == 0 &&
		    peal_value_equal(choice, value))
			return choices->items[k].label;
	}
	return NULL;
}

static int set_data(struct peal_instance *instance, size_t offset, uint16_t storage,
		    struct peal_value value)
{
	const struct peal__model_state *state = peal__state(instance->model);

	for (size_t i = 0; i < state->count; i++)
		if (state->columns[i].offset == offset && state->columns[i].storage == storage) {
			instance->deferred[i / 64] &= ~(UINT64_C(1) << (i % 64));
			return peal__member_write(instance, &state->columns[i], &value, PEAL__COPY,
						  NULL);
		}
	return PEAL_EINVAL;
}

int peal_set_text(struct peal_instance *instance, const char **member, const char *text)
{
	return set_data(instance, (size_t)((char *)member - peal__row(instance)), PEAL__S_TEXT,
			peal_value_text(text));
}

int peal_set_bytes(struct peal_instance *instance, struct peal_bytes *member, const void *data,
		   size_t size)
{
	return set_data(instance, (size_t)((char *)member - peal__row(instance)), PEAL__S_BYTES,
			data ? peal_value_bytes(data, size) : peal_value_null());
}

struct peal_value peal_key(const struct peal_instance *instance)
{
	const struct peal__model_state *state;

	if (!instance->model)
		return peal_value_null();
	state = peal__state(instance->model);
	return peal__member_read(&state->columns[state->key], peal__row(instance));
}

int peal__key_compare(struct peal_value a, struct peal_value b)
{
	if (a.kind == PEAL_VALUE_TEXT && b.kind == PEAL_VALUE_TEXT)
		return strcmp(a.as.text.data, b.as.text.data);
	if (a.kind == PEAL_VALUE_UUID && b.kind == PEAL_VALUE_UUID)
		return memcmp(&a.as.uuid, &b.as.uuid, sizeof(a.as.uuid));
	return (a.as.integer > b.as.integer) - (a.as.integer < b.as.integer);
}

void peal__key_clear(struct peal_instance *instance)
{
	const struct peal__model_state *state = peal__state(instance->model);
	struct peal_value null = peal_value_null();

	peal__member_write(instance, &state->columns[state->key], &null, PEAL__BORROW, NULL);
}

bool peal_is_new(const struct peal_instance *instance)
{
	return !(instance->flags & PEAL__SAVED);
}

const char *peal_describe(const struct peal_instance *instance, char *buffer, size_t size)
{
	const char *label = instance->model ? peal_model_label(instance->model) : "(ended)";
	struct peal_value key = instance->model ? peal_key(instance) : peal_value_null();
	char text[PEAL_VALUE_TEXT_MAX];

	if (key.kind == PEAL_VALUE_TEXT)
		snprintf(buffer, size, "%s %s", label, key.as.text.data);
	else if (key.kind != PEAL_VALUE_NULL)
		snprintf(buffer, size, "%s %s", label, peal_value_format(key, text, sizeof(text)));
	else
		snprintf(buffer, size, "%s (no key)", label);
	return buffer;
}

/* ---- Beginning and end ------------------------------------------------------------------------------------------- */

static void begin(const struct peal_model *model, struct peal_instance *instance)
{
	memset((char *)instance - model->offset, 0, model->size);
	instance->model = model;
}

/* As in Django, a text that may not be null starts empty, also when it is the primary key. */
static struct peal_value initial_of(const struct peal__column *column)
{
	const struct peal_field *field = column->field;
	struct peal_value value = field->initial_fn ? field->initial_fn() : field->initial;

	if (value.kind == PEAL_VALUE_NULL && column->storage == PEAL__S_TEXT && !field->null &&
	    !column->relation && field->kind != PEAL_FIELD_JSON)
		return peal_value_text("");
	return value;
}

static int set_initial(const struct peal__model_state *state, struct peal_instance *instance,
		       const struct peal__column *column, struct peal_error *error)
{
	struct peal_value value = initial_of(column);
	int r;

	if (value.kind == PEAL_VALUE_NULL)
		return 0;
	r = peal__column_accept(state, column, &value, error);
	if (r < 0)
		return r;
	return peal__member_write(instance, column, &value,
				  column->field->initial_fn ? PEAL__COPY : PEAL__BORROW, error);
}

int peal__initial_make(struct peal__model_state *state, struct peal_error *error)
{
	struct peal_instance *instance;
	int r = 0;

	state->initial = peal__arena_alloc(&state->arena, state->model->size);
	if (!state->initial)
		return peal__no_memory(error);
	instance = peal__instance_in(state->model, state->initial);
	instance->model = state->model;
	for (size_t i = 0; i < state->count && r == 0; i++) {
		if (state->columns[i].field->initial_fn)
			state->computes_initial = true;
		else
			r = set_initial(state, instance, &state->columns[i], error);
	}
	return r;
}

/* What functions give; the others are in state->initial. */
static int compute_initial(struct peal_instance *instance, struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	int r = 0;

	for (size_t i = 0; i < state->count && r == 0; i++)
		if (state->columns[i].field->initial_fn)
			r = set_initial(state, instance, &state->columns[i], error);
	return r;
}

int peal__set_named(struct peal_instance *instance, const struct peal_named *named,
		    struct peal_error *error)
{
	if (named->list || named->operation != PEAL_ASSIGN)
		return peal_error_set(error, PEAL_EINVAL, "%s.%s: an instance takes plain values",
				      peal_model_label(instance->model), named->name);
	return peal_field_set(instance, named->name, named->value, error);
}

/* Where a row and a key are given for the same relation, the key stands, whichever comes first. */
static int set_keys_again(struct peal_instance *instance, const struct peal_named_list *values,
			  struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	int r = 0;

	for (size_t i = 0; i < values->count && r == 0; i++) {
		const struct peal_named *named = &values->items[i];
		bool by_relation;
		size_t at =
			peal__column_find(state, named->name, strlen(named->name), &by_relation);

		if (state->columns[at].relation && !by_relation)
			r = peal__set_named(instance, named, error);
	}
	return r;
}

static int set_all(struct peal_instance *instance, const struct peal_named_list *values,
		   struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	bool objects = false;
	int r = 0;

	if (state->computes_initial)
		r = compute_initial(instance, error);
	for (size_t i = 0; i < values->count && r == 0; i++) {
		r = peal__set_named(instance, &values->items[i], error);
		objects |= values->items[i].value.kind == PEAL_VALUE_POINTER ||
			   values->items[i].value.kind == PEAL_VALUE_NULL;
	}
	return r == 0 && objects ? set_keys_again(instance, values, error) : r;
}

int peal_init(const struct peal_model *model, struct peal_instance *instance,
	      const struct peal_named_list *values, struct peal_error *error)
{
	int r = peal__model_check(model, error);

	if (!values)
		values = &no_values;
	instance->model = NULL;
	if (r == 0)
		r = send_pre_init(model, NULL, values, error);
	if (r != 0) {
		*instance = (struct peal_instance){ 0 };
		return r;
	}
	memcpy((char *)instance - model->offset, peal__state(model)->initial, model->size);
	r = set_all(instance, values, error);
	if (r == 0)
		r = send_post_init(instance, error);
	if (r != 0)
		peal_fini(instance);
	return r;
}

void peal_fini(struct peal_instance *instance)
{
	if (!instance->model)
		return;
	peal__owned_free(instance);
	*instance = (struct peal_instance){ 0 };
}

int peal_new(const struct peal_model *model, const struct peal_named_list *values,
	     struct peal_instance **ret_instance, struct peal_error *error)
{
	char *row = peal__db_alloc(model->size);
	struct peal_instance *instance;
	int r;

	if (!row)
		return peal__no_memory(error);
	instance = peal__instance_in(model, row);
	r = peal_init(model, instance, values, error);
	if (r != 0) {
		peal__db_free(row);
		return r;
	}
	instance->flags |= PEAL__HEAP;
	*ret_instance = instance;
	return 0;
}

void peal_free(struct peal_instance *instance)
{
	char *row;

	if (!instance)
		return;
	row = instance->model && (instance->flags & PEAL__HEAP) ? peal__row(instance) : NULL;
	peal_fini(instance);
	peal__db_free(row);
}

/* ---- From the database -------------------------------------------------------------------------------------------- */

int peal__instance_load(const struct peal_model *model, struct peal_instance *instance,
			struct peal_db *db, const struct peal_value *values,
			struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(model);
	void *owned = instance->owned;
	int r = send_pre_init(model, values, &no_values, error);

	if (r == 0) {
		begin(model, instance);
		instance->owned = owned; /* where the texts may be */
	}
	for (size_t i = 0; i < state->count && r == 0; i++) {
		struct peal_value value = values[i];

		if (value.kind == PEAL_VALUE_POINTER) {
			instance->deferred[i / 64] |= UINT64_C(1) << (i % 64);
			continue;
		}
		if (peal__member_load(&state->columns[i], peal__row(instance), &value))
			continue;
		r = peal__column_accept(state, &state->columns[i], &value, error);
		if (r == 0)
			r = peal__member_write(instance, &state->columns[i], &value, PEAL__BORROW,
					       error);
	}
	if (r == 0)
		r = peal__snapshot_load(instance, error);
	if (r == 0)
		r = send_post_init(instance, error);
	if (r != 0)
		return r;
	instance->db = db;
	instance->flags |= PEAL__SAVED;
	return 0;
}

static bool has_text(const struct peal_value *value)
{
	return value->kind == PEAL_VALUE_TEXT || value->kind == PEAL_VALUE_BYTES;
}

size_t peal__texts_size(const struct peal_value *values, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		if (has_text(&values[i]))
			size += values[i].as.text.size + 1;
	return size;
}

void peal__texts_copy(struct peal_value *values, size_t count, char *room)
{
	for (size_t i = 0; i < count; i++) {
		size_t size = values[i].as.text.size;

		if (!has_text(&values[i]))
			continue;
		if (size)
			memcpy(room, values[i].as.text.data, size);
		room[size] = '\0';
		values[i].as.text.data = room;
		room += size + 1;
	}
}

int peal__instance_connection(const struct peal_instance *instance, const char *database,
			      struct peal__connection **ret_connection, struct peal_error *error)
{
	if (!database && instance->db)
		return peal__connection_of(instance->db, ret_connection, error);
	return peal__connection_get(database, ret_connection, error);
}

int64_t peal_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct peal_value peal_initial_uuid(void)
{
	return peal_value_uuid(peal_uuid_random());
}

struct peal_value peal_initial_today(void)
{
	return peal_value_date(peal_date_from_days(peal_now() / INT64_C(86400000000)));
}

struct peal_value peal_initial_now(void)
{
	return peal_value_time(peal_now());
}
