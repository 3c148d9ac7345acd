/* SPDX-License-Identifier: MIT */
/*
 * Deleting. First everything that goes is collected, without any signal or transaction; then it is done in one
 * transaction. The order of both is Django's (django.db.models.deletion.Collector):
 *
 *   collect   depth first, relation by relation. A related model that nobody listens to and nothing refers to is
 *             deleted by one query without loading it (a "fast delete"). PROTECT fails when all relations of a model
 *             were looked at, RESTRICT at the end, unless the row goes away by a cascade as well.
 *   delete    pre_delete of all; fast deletes; SET_NULL and its like by query; then model by model the rows, and
 *             when all of a model are gone their post_delete.
 *
 * A collected model comes before those that its rows refer to by a cascading key that is not nullable, or by RESTRICT.
 */
#include "after_commit.h"
#include "post_bulk.h"

#include <stdio.h>
#include <stdlib.h>

PEAL_SIGNAL_DEFINE(peal_pre_delete);
PEAL__SIGNAL_DEFINE_WHEN(peal_post_delete);
PEAL__SIGNAL_SENDER(peal_post_delete);

#define BATCH 500 /* keys in one IN (...) */

struct collected {
	const struct peal__model_state *state;
	struct peal_instance **items;
	size_t count, capacity;
	size_t *index;     /* positions in items plus 1, hashed by key; 0 is free */
	size_t index_size; /* a power of two, more than twice count; or 0 */
	size_t *before;    /* collected models that must be deleted before this one */
	size_t before_count, before_capacity;
	bool taken;
};

/* Rows that are deleted, or whose column is set, by query. */
struct by_query {
	const struct peal__referrer *by;
	struct peal_value *keys; /* of the rows referred to; with by_key, of the rows themselves */
	size_t count;
	bool by_key;
	struct peal_value value; /* of a column that is set */
};

struct query_list {
	struct by_query *items;
	size_t count, capacity;
};

struct row_list {
	struct peal_instance **items;
	size_t count, capacity;
};

struct collector {
	struct peal__connection *connection;
	struct peal_origin origin;
	struct peal_error *error;
	struct collected *models;
	size_t count, capacity;
	size_t *order; /* of the models, when sorted */
	struct query_list fast, updates;
	struct row_list restricted;
	struct peal_rows **loaded; /* owns the related rows */
	size_t loaded_count, loaded_capacity;
	struct peal__arena arena; /* keys */
	struct peal_deleted deleted;
	struct peal__affected
		*affected; /* what to tell of rows written together, in reverse order */
};

static int no_memory(struct collector *c)
{
	return peal__no_memory(c->error);
}

static bool is_heard(const struct peal_model *model)
{
	return peal_has_receivers(&peal_pre_delete, model) ||
	       peal_has_receivers(&peal_post_delete, model) ||
	       peal_has_receivers(peal_post_delete.after_commit, model);
}

/* Rows that refer by such a column are nobody's business, or the database's. */
static bool is_left_alone(const struct peal__referrer *by)
{
	const struct peal_field *field = by->model->columns[by->column].field;

	return field->on_delete == PEAL_DO_NOTHING || peal__is_by_database(field);
}

static bool is_referred_to(const struct peal__model_state *state)
{
	for (size_t i = 0; i < state->referrer_count; i++)
		if (!is_left_alone(&state->referrers[i]))
			return true;
	return false;
}

/* Rows of automatic relation tables come and go without these signals, whoever listens. */
static bool is_silent(const struct peal__model_state *state)
{
	return state->link != NULL;
}

static bool can_delete_fast(const struct peal__model_state *state)
{
	return !is_heard(state->model) && !is_referred_to(state);
}

/* ---- What is collected ------------------------------------------------------------------------------------------- */

/* The slot of a model, made when it is new: its place in the order is that of its first mention. */
static int slot_of(struct collector *c, const struct peal__model_state *state, size_t *ret)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->models[i].state == state) {
			*ret = i;
			return 0;
		}
	}
	if (!peal__db_grow(&c->models, &c->capacity, c->count, sizeof(*c->models)))
		return no_memory(c);
	c->models[c->count] = (struct collected){ .state = state };
	*ret = c->count++;
	return 0;
}

static size_t hash_of(struct peal_value key)
{
	uint64_t hash = 14695981039346656037u;
	const unsigned char *data = (const unsigned char *)&key.as.integer;
	size_t size = sizeof(key.as.integer);

	if (key.kind == PEAL_VALUE_TEXT) {
		data = (const unsigned char *)key.as.text.data;
		size = key.as.text.size;
	} else if (key.kind == PEAL_VALUE_UUID) {
		data = key.as.uuid.bytes;
		size = sizeof(key.as.uuid.bytes);
	}
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 1099511628211u;
	return (size_t)(hash ^ hash >> 32);
}

/* The place of a key in the index: that of its row, or a free one. */
static size_t *place_of(const struct collected *model, struct peal_value key)
{
	size_t i = hash_of(key);

	for (;; i++) {
		size_t *place = &model->index[i & (model->index_size - 1)];

		if (!*place || peal_value_equal(peal_key(model->items[*place - 1]), key))
			return place;
	}
}

static bool is_collected(const struct collected *model, const struct peal_instance *instance)
{
	return model->count && *place_of(model, peal_key(instance));
}

static bool index_grow(struct collected *model)
{
	size_t size = model->index_size ? model->index_size * 2 : 16;
	size_t *index = peal__db_alloc(size * sizeof(*index));

	if (!index)
		return false;
	peal__db_free(model->index);
	model->index = index;
	model->index_size = size;
	for (size_t i = 0; i < model->count; i++)
		*place_of(model, peal_key(model->items[i])) = i + 1;
	return true;
}

static bool append(struct collected *model, struct peal_instance *instance)
{
	if (2 * (model->count + 1) >= model->index_size && !index_grow(model))
		return false;
	if (!peal__db_grow(&model->items, &model->capacity, model->count,
			   sizeof(struct peal_instance *)))
		return false;
	*place_of(model, peal_key(instance)) = model->count + 1;
	model->items[model->count++] = instance;
	return true;
}

static int add_dependency(struct collector *c, size_t slot, size_t first)
{
	struct collected *model = &c->models[slot];

	for (size_t i = 0; i < model->before_count; i++)
		if (model->before[i] == first)
			return 0;
	if (!peal__db_grow(&model->before, &model->before_capacity, model->before_count,
			   sizeof(size_t)))
		return no_memory(c);
	model->before[model->before_count++] = first;
	return 0;
}

/* Adds what is not there yet and gives it back in *new_rows, which has room for all. */
static int add(struct collector *c, struct peal_instance *const *rows, size_t count,
	       const struct peal__model_state *source, struct peal_instance **new_rows,
	       size_t *ret_new)
{
	size_t slot = 0, first = 0;
	int r = slot_of(c, peal__state(rows[0]->model), &slot);

	*ret_new = 0;
	for (size_t i = 0; i < count && r == 0; i++) {
		struct collected *model = &c->models[slot];

		if (is_collected(model, rows[i]))
			continue;
		if (!append(model, rows[i]))
			return no_memory(c);
		new_rows[(*ret_new)++] = rows[i];
	}
	if (r == 0 && source) {
		r = slot_of(c, source, &first);
		if (r == 0)
			r = add_dependency(c, first, slot);
	}
	return r;
}

static int keys_of(struct collector *c, struct peal_instance *const *rows, size_t count,
		   struct peal_value **ret_keys)
{
	struct peal_value *keys = peal__arena_alloc(&c->arena, count * sizeof(*keys));

	if (!keys)
		return no_memory(c);
	for (size_t i = 0; i < count; i++)
		keys[i] = peal_key(rows[i]);
	*ret_keys = keys;
	return 0;
}

static int add_by_query(struct collector *c, struct query_list *list,
			const struct peal__referrer *by, struct peal_instance *const *rows,
			size_t count, struct peal_value value)
{
	struct by_query item = { .by = by, .count = count, .value = value };
	int r = keys_of(c, rows, count, &item.keys);

	if (r == 0 && !peal__db_grow(&list->items, &list->capacity, list->count, sizeof(item)))
		r = no_memory(c);
	if (r == 0)
		list->items[list->count++] = item;
	return r;
}

/* ---- Collecting ---------------------------------------------------------------------------------------------------- */

static int collect(struct collector *c, struct peal_instance *const *rows, size_t count,
		   const struct peal__model_state *source);

/*
 * A deletion needs no order, but who hears of each row that is loaded hears of them in one that no index decides.
 */
static void order_for_init(struct peal_query *query)
{
	peal_query_unordered(query);
	if (query && peal__init_is_heard(query->model))
		peal_query_order_by(query, "pk");
}

/* The rows of a model that refer to these; c owns them. *ret_rows is NULL when there are none. */
static int load_related(struct collector *c, const struct peal__referrer *by,
			const struct peal_value *keys, size_t count, struct peal_rows **ret_rows)
{
	struct peal_query *query = peal_query_new(by->model->model);
	struct peal_rows *rows;
	int r;

	*ret_rows = NULL;
	peal_query_using(query, c->connection->db->alias);
	peal__query_filter_in(query, &by->model->columns[by->column], keys, count);
	if (!by->model->model->ordering.count || !peal__init_is_heard(by->model->model))
		order_for_init(query);
	/* To find further rows the key is enough; receivers must see all. */
	if (query)
		query->key_only = is_referred_to(by->model) && !is_heard(by->model->model);
	r = peal_query_all(query, &rows, c->error);
	peal_query_free(query);
	if (r != 0)
		return r;
	if (!peal__db_grow(&c->loaded, &c->loaded_capacity, c->loaded_count,
			   sizeof(struct peal_rows *))) {
		peal_rows_free(rows);
		return no_memory(c);
	}
	c->loaded[c->loaded_count++] = rows;
	if (peal_rows_count(rows))
		*ret_rows = rows;
	return 0;
}

/* They must be gone before the rows of state: at best by a cascade of the same deletion. */
static int add_restricted(struct collector *c, struct peal_rows *rows,
			  const struct peal__referrer *by, const struct peal__model_state *state)
{
	struct row_list *list = &c->restricted;
	size_t slot = 0, first = 0;
	int r = slot_of(c, state, &slot);

	if (r == 0)
		r = slot_of(c, by->model, &first);
	if (r == 0)
		r = add_dependency(c, slot, first);
	if (r < 0)
		return r;
	for (size_t i = 0; i < peal_rows_count(rows); i++) {
		if (!peal__db_grow(&list->items, &list->capacity, list->count,
				   sizeof(struct peal_instance *)))
			return no_memory(c);
		list->items[list->count++] = peal_rows_at(rows, i);
	}
	return 0;
}

static struct peal_value default_of(const struct peal_field *field)
{
	return field->initial_fn ? field->initial_fn() : field->initial;
}

static struct peal_instance **items_of(struct collector *c, struct peal_rows *rows)
{
	size_t count = peal_rows_count(rows);
	struct peal_instance **items =
		peal__arena_alloc(&c->arena, count * sizeof(struct peal_instance *));

	for (size_t i = 0; items && i < count; i++)
		items[i] = peal_rows_at(rows, i);
	return items;
}

static int collect_rows(struct collector *c, struct peal_rows *rows,
			const struct peal__model_state *source)
{
	struct peal_instance **items = items_of(c, rows);

	return items ? collect(c, items, peal_rows_count(rows), source) : no_memory(c);
}

/* Of the rows that there are now: what comes to refer to a row that goes is an error. */
static int set_default(struct collector *c, const struct peal__referrer *by, struct peal_rows *rows)
{
	struct peal_value value = default_of(by->model->columns[by->column].field);
	struct peal_instance **items = items_of(c, rows);
	int r = items ? add_by_query(c, &c->updates, by, items, peal_rows_count(rows), value)
		      : no_memory(c);

	if (r == 0)
		c->updates.items[c->updates.count - 1].by_key = true;
	return r;
}

/* Rows that must not lose what they refer to: those of the first relation that has any. */
struct protection {
	const struct peal__referrer *by; /* NULL: there are none */
	size_t rows;
	struct peal_instance *first;
};

static void protect(struct protection *protection, const struct peal__referrer *by,
		    struct peal_rows *rows)
{
	if (!protection->by) {
		protection->by = by;
		protection->first = peal_rows_at(rows, 0);
	}
	if (protection->by == by)
		protection->rows += peal_rows_count(rows);
}

/* What the rows of one batch mean for those that refer to them by one column. */
static int related_batch(struct collector *c, const struct peal__referrer *by,
			 struct peal_instance *const *rows, size_t count,
			 const struct peal__model_state *state, struct protection *protection)
{
	const struct peal_field *field = by->model->columns[by->column].field;
	struct peal_rows *related = NULL;
	struct peal_value *keys = NULL;
	int r;

	if (field->on_delete == PEAL_SET_NULL || field->on_delete == PEAL_SET_VALUE)
		return add_by_query(c, &c->updates, by, rows, count, field->set_value);
	r = keys_of(c, rows, count, &keys);
	if (r == 0)
		r = load_related(c, by, keys, count, &related);
	if (r != 0 || !related)
		return r;
	switch (field->on_delete) {
	case PEAL_CASCADE:
		return collect_rows(c, related, field->null ? NULL : state);
	case PEAL_PROTECT:
		protect(protection, by, related);
		return 0;
	case PEAL_RESTRICT:
		return add_restricted(c, related, by, state);
	default:
		return set_default(c, by, related);
	}
}

/* row: the one that was to be deleted; NULL: there are several. */
static int protected_error(struct collector *c, const struct protection *protection,
			   const struct peal_instance *row, const struct peal__model_state *state)
{
	const struct peal__column *column = &protection->by->model->columns[protection->by->column];
	char name[128], first[128];

	peal_error_set(c->error, PEAL_EPROTECTED,
		       "%s cannot be deleted: %zu row%s of %s refer%s to it by \"%s\" "
		       "(PEAL_PROTECT), the first is %s",
		       row ? peal_describe(row, name, sizeof(name)) : state->label,
		       protection->rows, protection->rows == 1 ? "" : "s",
		       protection->by->model->label, protection->rows == 1 ? "s" : "",
		       column->field->name, peal_describe(protection->first, first, sizeof(first)));
	if (c->error)
		snprintf(c->error->field, sizeof(c->error->field), "%s", column->field->name);
	return PEAL_EPROTECTED;
}

static int related_to(struct collector *c, struct peal_instance *const *rows, size_t count,
		      const struct peal__model_state *state)
{
	struct protection protection = { .by = NULL };
	int r = 0;

	for (size_t i = 0; i < state->referrer_count && r == 0; i++) {
		const struct peal__referrer *by = &state->referrers[i];
		uint32_t on_delete = by->model->columns[by->column].field->on_delete;

		if (is_left_alone(by))
			continue;
		if (on_delete == PEAL_CASCADE && can_delete_fast(by->model)) {
			r = add_by_query(c, &c->fast, by, rows, count, peal_value_null());
			continue;
		}
		for (size_t at = 0; at < count && r == 0; at += BATCH)
			r = related_batch(c, by, rows + at, count - at < BATCH ? count - at : BATCH,
					  state, &protection);
	}
	if (r == 0 && protection.by)
		r = protected_error(c, &protection, count == 1 ? rows[0] : NULL, state);
	return r;
}

static int collect(struct collector *c, struct peal_instance *const *rows, size_t count,
		   const struct peal__model_state *source)
{
	const struct peal__model_state *state;
	struct peal_instance **new_rows;
	size_t new_count;
	int r;

	if (!count)
		return 0;
	state = peal__state(rows[0]->model);
	new_rows = peal__arena_alloc(&c->arena, count * sizeof(struct peal_instance *));
	if (!new_rows)
		return no_memory(c);
	r = add(c, rows, count, source, new_rows, &new_count);
	if (r != 0 || !new_count)
		return r;
	return related_to(c, new_rows, new_count, state);
}

static const struct collected *collected_of(const struct collector *c,
					    const struct peal__model_state *state)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->models[i].state == state)
			return &c->models[i];
	return NULL;
}

static void forget_collected(struct collector *c)
{
	struct row_list *list = &c->restricted;
	size_t left = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct peal_instance *row = list->items[i];
		const struct collected *model = collected_of(c, peal__state(row->model));

		if (!model || !is_collected(model, row))
			list->items[left++] = row;
	}
	list->count = left;
}

static void forget_row(struct row_list *list, const struct peal_instance *row)
{
	size_t left = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i]->model != row->model ||
		    !peal_value_equal(peal_key(list->items[i]), peal_key(row)))
			list->items[left++] = list->items[i];
	list->count = left;
}

/* Those of the restricted rows with these keys that a query deletes anyway. */
static int forget_batch(struct collector *c, const struct by_query *fast, size_t at,
			const struct peal_value *keys, size_t count)
{
	const struct peal__model_state *state = fast->by->model;
	struct peal_query *query = peal_query_new(state->model);
	size_t fast_count = fast->count - at < BATCH ? fast->count - at : BATCH;
	struct peal_rows *rows;
	int r;

	peal_query_using(query, c->connection->db->alias);
	peal__query_filter_in(query, &state->columns[fast->by->column], fast->keys + at,
			      fast_count);
	peal__query_filter_in(query, &state->columns[state->key], keys, count);
	order_for_init(query);
	r = peal_query_all(query, &rows, c->error);
	peal_query_free(query);
	if (r != 0)
		return r;
	for (size_t i = 0; i < peal_rows_count(rows); i++)
		forget_row(&c->restricted, peal_rows_at(rows, i));
	peal_rows_free(rows);
	return 0;
}

/* As in Django they are loaded once more to compare, which their init signals show. */
static int forget_fast(struct collector *c, const struct by_query *fast)
{
	size_t room = c->restricted.count + 1, count = 0;
	struct peal_value *keys = peal__arena_alloc(&c->arena, room * sizeof(*keys));
	int r = 0;

	if (!keys)
		return no_memory(c);
	for (size_t i = 0; i < c->restricted.count; i++)
		if (c->restricted.items[i]->model == fast->by->model->model)
			keys[count++] = peal_key(c->restricted.items[i]);
	for (size_t k = 0; k < count && r == 0; k += BATCH)
		for (size_t at = 0; at < fast->count && r == 0; at += BATCH)
			r = forget_batch(c, fast, at, keys + k,
					 count - k < BATCH ? count - k : BATCH);
	return r;
}

/* A restricted row may go when the same deletion takes it on another way. */
static int restricted_check(struct collector *c)
{
	char name[128];
	int r = 0;

	forget_collected(c);
	for (size_t i = 0; i < c->fast.count && c->restricted.count && r == 0; i++)
		r = forget_fast(c, &c->fast.items[i]);
	if (r == 0 && c->restricted.count)
		r = peal_error_set(c->error, PEAL_ERESTRICTED,
				   "%s refers to a row that was to be deleted, and does not go "
				   "with it (PEAL_RESTRICT)",
				   peal_describe(c->restricted.items[0], name, sizeof(name)));
	return r;
}

/* ---- Sorting -------------------------------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	return peal__key_compare(peal_key(*(struct peal_instance *const *)a),
				 peal_key(*(struct peal_instance *const *)b));
}

static bool may_be_taken(const struct collector *c, const struct collected *model)
{
	for (size_t i = 0; i < model->before_count; i++)
		if (!c->models[model->before[i]].taken)
			return false;
	return true;
}

/* Passes over the models in the order found; a cycle keeps that order for all. */
static int sort(struct collector *c)
{
	size_t count = 0, before;

	c->order = peal__arena_alloc(&c->arena, (c->count + 1) * sizeof(*c->order));
	if (!c->order)
		return no_memory(c);
	do {
		before = count;
		for (size_t i = 0; i < c->count; i++) {
			if (c->models[i].taken || !may_be_taken(c, &c->models[i]))
				continue;
			c->models[i].taken = true;
			c->order[count++] = i;
		}
	} while (count > before && count < c->count);
	for (size_t i = 0; i < c->count; i++) {
		if (count < c->count)
			c->order[i] = i;
		if (c->models[i].count)
			qsort(c->models[i].items, c->models[i].count,
			      sizeof(struct peal_instance *), compare_keys);
	}
	return 0;
}

/* ---- Deleting ------------------------------------------------------------------------------------------------------- */

static int count_deleted(struct collector *c, const struct peal_model *model, int64_t rows)
{
	struct peal_deleted *deleted = &c->deleted;
	size_t capacity = deleted->count;

	deleted->total += rows;
	for (size_t i = 0; i < deleted->count; i++) {
		if (deleted->models[i].model == model) {
			deleted->models[i].rows += rows;
			return 0;
		}
	}
	/* Few models: the array is made anew for each. */
	if (!peal__db_grow(&deleted->models, &capacity, deleted->count, sizeof(*deleted->models)))
		return no_memory(c);
	deleted->models[deleted->count++] = (struct peal_deleted_model){ model, rows };
	return 0;
}

static int send_pre_delete(struct collector *c, struct peal_instance *instance)
{
	return PEAL_SEND_ERROR(peal_pre_delete, instance->model, c->error, .instance = instance,
			       .database = c->connection->db->alias, .origin = c->origin);
}

/* Whose deletion it was may be gone by then, unless it was the row's own. */
static int send_post_delete_later(struct collector *c, struct peal_instance *instance)
{
	const struct peal__later_wanted wanted = {
		.signal = &peal_post_delete,
		.sender = instance->model,
		.args_size = sizeof(struct peal_post_delete_args),
		.connection = c->connection,
		.instance = instance,
	};
	bool own = c->origin.instance == instance;
	struct peal__later *later;
	int r = peal__later_new(&wanted, &later, c->error);

	if (!later)
		return r;
	peal__later_keep(later, instance);
	*(struct peal_post_delete_args *)later->args = (struct peal_post_delete_args){
		.instance = later->instance,
		.database = c->connection->db->alias,
		.origin = { .instance = own ? later->instance : NULL },
	};
	peal__later_wait(later); /* whoever is heard is deleted in a block */
	return 0;
}

static int send_post_delete(struct collector *c, struct peal_instance *instance)
{
	int r = 0;

	if (peal__is_awaited(&peal_post_delete))
		r = send_post_delete_later(c, instance);
	if (r != 0)
		return r;
	return PEAL_SEND_ERROR(peal_post_delete, instance->model, c->error, .instance = instance,
			       .database = c->connection->db->alias, .origin = c->origin);
}

static int send_all_pre_delete(struct collector *c)
{
	int r = 0;

	if (!peal_signal_is_heard(&peal_pre_delete))
		return 0;
	for (size_t i = 0; i < c->count; i++) {
		struct collected *model = &c->models[c->order[i]];

		for (size_t k = 0; k < model->count && r == 0 && !is_silent(model->state); k++)
			r = send_pre_delete(c, model->items[k]);
	}
	return r;
}

static void add_in(struct peal__compiled *compiled, const char *column,
		   const struct peal_value *keys, size_t count)
{
	peal__text_add(&compiled->sql, " WHERE ");
	peal__text_add_name(&compiled->sql, column);
	peal__text_add(&compiled->sql, " IN (");
	for (size_t i = 0; i < count; i++) {
		if (i)
			peal__text_add(&compiled->sql, ", ");
		peal__compile_value(compiled, &keys[i]);
	}
	peal__text_add(&compiled->sql, ")");
}

/* Where rows of the model are gathered that are deleted, or set in a column; *ret is NULL when nobody listens. */
static int affected_of(struct collector *c, const struct peal__model_state *state,
		       const struct peal__column *column, struct peal__affected **ret)
{
	int r;

	for (*ret = c->affected; *ret; *ret = (*ret)->next)
		if ((*ret)->state == state &&
		    (column ? (*ret)->field_count && (*ret)->fields[0] == column->name
			    : !(*ret)->field_count))
			return 0;
	r = peal__affected_new(state, column ? PEAL_QUERY_UPDATED : PEAL_QUERY_DELETED, ret,
			       c->error);
	if (r < 0 || !*ret)
		return r;
	/* The row that peal_delete() was given is no bulk. */
	if (!column && c->origin.instance && c->origin.instance->model == state->model)
		(*ret)->except = peal_key(c->origin.instance);
	(*ret)->next = c->affected;
	c->affected = *ret;
	return column ? peal__affected_add_field(*ret, column->name, c->error) : 0;
}

/* In the order in which they were found. */
static int send_affected(struct collector *c, struct peal__affected *affected)
{
	int r = affected ? send_affected(c, affected->next) : 0;

	return r == 0 ? peal__affected_send(affected, c->connection, c->error) : r;
}

static int delete_in(struct collector *c, const struct peal__model_state *state, size_t column,
		     const struct peal_value *keys, size_t count, struct peal__affected *affected)
{
	int64_t total = 0;
	int r = 0;

	for (size_t at = 0; at < count && r == 0; at += BATCH) {
		struct peal__compiled compiled = { 0 };
		int64_t changes = 0;

		peal__text_add(&compiled.sql, "DELETE FROM ");
		peal__text_add_name(&compiled.sql, state->table);
		add_in(&compiled, state->columns[column].db_name, keys + at,
		       count - at < BATCH ? count - at : BATCH);
		r = peal__affected_run(affected, &compiled, c->connection, &changes, c->error);
		total += changes;
	}
	return r == 0 && total ? count_deleted(c, state->model, total) : r;
}

static int update_in(struct collector *c, const struct by_query *update)
{
	const struct peal__model_state *state = update->by->model;
	const struct peal__column *column = &state->columns[update->by->column];
	const struct peal__column *where = update->by_key ? &state->columns[state->key] : column;
	struct peal_value value = update->value;
	struct peal__affected *affected = NULL;
	int r = peal__column_accept(state, column, &value, c->error);

	if (r == 0)
		r = affected_of(c, state, column, &affected);
	for (size_t at = 0; at < update->count && r == 0; at += BATCH) {
		struct peal__compiled compiled = { 0 };

		peal__text_add(&compiled.sql, "UPDATE ");
		peal__text_add_name(&compiled.sql, state->table);
		peal__text_add(&compiled.sql, " SET ");
		peal__text_add_name(&compiled.sql, column->db_name);
		peal__text_add(&compiled.sql, " = ");
		peal__compile_value(&compiled, &value);
		add_in(&compiled, where->db_name, update->keys + at,
		       update->count - at < BATCH ? update->count - at : BATCH);
		r = peal__affected_run(affected, &compiled, c->connection, NULL, c->error);
	}
	return r;
}

static int delete_fast(struct collector *c, const struct by_query *fast)
{
	const struct peal__model_state *state = fast->by->model;
	struct peal__affected *affected;
	int r = affected_of(c, state, NULL, &affected);

	if (r < 0)
		return r;
	return delete_in(c, state, fast->by->column, fast->keys, fast->count, affected);
}

static int delete_model(struct collector *c, struct collected *model)
{
	struct peal__affected *affected;
	struct peal_value *keys = NULL;
	int r;

	if (!model->count)
		return 0;
	r = keys_of(c, model->items, model->count, &keys);
	if (r == 0)
		r = affected_of(c, model->state, NULL, &affected);
	if (r == 0)
		r = delete_in(c, model->state, model->state->key, keys, model->count, affected);
	if (is_silent(model->state) ||
	    (!peal_signal_is_heard(&peal_post_delete) && !peal__is_awaited(&peal_post_delete)))
		return r;
	for (size_t k = model->count; k-- > 0 && r == 0;)
		r = send_post_delete(c, model->items[k]);
	return r;
}

static int delete_collected(struct collector *c)
{
	int r = send_all_pre_delete(c);

	for (size_t i = 0; i < c->fast.count && r == 0; i++)
		r = delete_fast(c, &c->fast.items[i]);
	for (size_t i = 0; i < c->updates.count && r == 0; i++)
		r = update_in(c, &c->updates.items[i]);
	for (size_t i = 0; i < c->count && r == 0; i++)
		r = delete_model(c, &c->models[c->order[i]]);
	return r == 0 ? send_affected(c, c->affected) : r;
}

static int delete_all(struct collector *c)
{
	int r = sort(c);

	if (r == 0) {
		PEAL_ATOMIC_WITH(r, c->error, .database = c->connection->db->alias,
				 .no_savepoint = true) {
			r = delete_collected(c);
		}
	}
	if (r < 0)
		peal__transaction_break(c->connection);
	for (size_t i = 0; i < c->count && r == 0; i++)
		for (size_t k = 0; k < c->models[i].count; k++)
			peal__key_clear(c->models[i].items[k]);
	return r;
}

static void by_query_fini(struct query_list *list)
{
	peal__db_free(list->items);
}

static int finish(struct collector *c, int r, struct peal_deleted *ret_deleted)
{
	if (r == 0 && ret_deleted) {
		*ret_deleted = c->deleted;
		c->deleted = (struct peal_deleted){ 0 };
	}
	for (size_t i = 0; i < c->count; i++) {
		peal__db_free(c->models[i].items);
		peal__db_free(c->models[i].index);
		peal__db_free(c->models[i].before);
	}
	peal__db_free(c->models);
	by_query_fini(&c->fast);
	by_query_fini(&c->updates);
	peal__db_free(c->restricted.items);
	for (size_t i = 0; i < c->loaded_count; i++)
		peal_rows_free(c->loaded[i]);
	while (c->affected) {
		struct peal__affected *next = c->affected->next;

		peal__affected_free(c->affected);
		c->affected = next;
	}
	peal__db_free(c->loaded);
	peal__arena_fini(&c->arena);
	peal_deleted_fini(&c->deleted);
	return r;
}

void peal_deleted_fini(struct peal_deleted *deleted)
{
	peal__db_free(deleted->models);
	*deleted = (struct peal_deleted){ 0 };
}

/* A single row that nobody listens to and nothing refers to needs no transaction, and no collecting. */
static int delete_alone(struct collector *c, struct peal_instance *instance)
{
	const struct peal__model_state *state = peal__state(instance->model);
	struct peal_value key = peal_key(instance);
	struct peal__statement *s;
	int64_t changes = 0;
	int r = count_deleted(c, state->model, 0); /* there is memory for it, then */

	if (r == 0)
		r = peal__model_statement(state, PEAL__REMOVE, c->connection, &s, c->error);
	if (r == 0)
		r = peal__statement_run(s, &key, 1, &changes, c->error);
	if (r == 0)
		r = count_deleted(c, state->model, changes);
	if (r == 0)
		peal__key_clear(instance);
	else
		peal__transaction_break(c->connection);
	return r;
}

static int delete_with_others(struct collector *c, struct peal_instance *instance)
{
	int r = collect(c, &instance, 1, NULL);

	if (r == 0)
		r = restricted_check(c);
	return r == 0 ? delete_all(c) : r;
}

int peal_delete(struct peal_instance *instance, struct peal_deleted *ret_deleted,
		struct peal_error *error)
{
	struct collector c = { .origin = { .instance = instance }, .error = error };
	int r;

	if (!instance->model)
		return peal_error_set(error, PEAL_EINVAL,
				      "the instance was never begun, or has ended");
	if (peal_key(instance).kind == PEAL_VALUE_NULL)
		return peal_error_set(error, PEAL_EINVAL, "%s: a row without key cannot be deleted",
				      peal_model_label(instance->model));
	r = peal__instance_connection(instance, NULL, &c.connection, error);
	if (r != 0)
		return r;
	r = can_delete_fast(peal__state(instance->model)) ? delete_alone(&c, instance)
							  : delete_with_others(&c, instance);
	return finish(&c, r, ret_deleted);
}

/* ---- By query -------------------------------------------------------------------------------------------------------- */

static int delete_by_query(struct collector *c, struct peal_query *query)
{
	struct peal__compiled compiled = { 0 };
	struct peal__affected *affected;
	int64_t changes = 0;
	int r = 0;

	peal__text_add(&compiled.sql, "DELETE FROM ");
	peal__text_add_name(&compiled.sql, query->state->table);
	peal__compile_where(&compiled, query);
	PEAL_ATOMIC_WITH(r, c->error, .database = query->alias, .no_savepoint = true) {
		r = affected_of(c, query->state, NULL, &affected);
		if (r == 0)
			r = peal__affected_run(affected, &compiled, c->connection, &changes,
					       c->error);
		if (r == 0)
			r = peal__affected_send(affected, c->connection, c->error);
		if (r == 0 && changes)
			r = count_deleted(c, query->model, changes);
	}
	peal__compiled_fini(&compiled);
	if (r < 0)
		peal__transaction_break(c->connection);
	return r;
}

/* Each row once, also when it is reached over several others. */
static int load_once(struct collector *c, struct peal_query *query, struct peal_rows **ret_rows)
{
	struct peal__order *order = query->order;
	size_t order_count = query->order_count;
	struct peal__prefetch *prefetches = query->prefetches;
	bool distinct = query->distinct, ordered = query->ordered;
	int r;

	query->distinct |= query->join_count > 1;
	query->prefetches = NULL;
	order_for_init(query);
	r = peal_query_all(query, ret_rows, c->error);
	query->order = order;
	query->order_count = order_count;
	query->ordered = ordered;
	query->prefetches = prefetches;
	query->distinct = distinct;
	return r;
}

static int delete_loaded(struct collector *c, struct peal_query *query)
{
	struct peal_rows *rows;
	int r = load_once(c, query, &rows);

	if (r != 0)
		return r;
	if (!peal__db_grow(&c->loaded, &c->loaded_capacity, c->loaded_count,
			   sizeof(struct peal_rows *))) {
		peal_rows_free(rows);
		return no_memory(c);
	}
	c->loaded[c->loaded_count++] = rows;
	r = peal_rows_count(rows) ? collect_rows(c, rows, NULL) : 0;
	if (r == 0)
		r = restricted_check(c);
	return r == 0 ? delete_all(c) : r;
}

int peal_query_delete(struct peal_query *query, struct peal_deleted *ret_deleted,
		      struct peal_error *error)
{
	struct collector c = { .origin = { .query = query }, .error = error };
	int r = peal__query_ready(query, &c.connection, error);

	if (r != 0)
		return r;
	if (query->limit != INT64_MAX || query->offset)
		return peal_error_set(error, PEAL_EINVAL, "delete: the query of %s is sliced",
				      query->state->label);
	if (can_delete_fast(query->state))
		r = delete_by_query(&c, query);
	else
		r = delete_loaded(&c, query);
	return finish(&c, r, ret_deleted);
}
