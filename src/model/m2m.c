/* SPDX-License-Identifier: MIT */
/*
 * Changing many-to-many relations. Which statements run, and which signals are sent between them, is Django's
 * (create_forward_many_to_many_manager), its short cut for relations that nobody listens to included.
 */
#include <peal/bulk.h>
#include <peal/m2m.h>

#include <stdio.h>
#include <stdlib.h>

#include "after_commit.h"
#include "query_internal.h"

PEAL__SIGNAL_DEFINE_WHEN(peal_m2m_changed);
PEAL__SIGNAL_SENDER(peal_m2m_changed);

#define BATCH 500 /* keys in one IN (...) */

/* One call on one side of a relation. */
struct change {
	struct peal_instance *owner;
	struct peal_value key; /* the owner's */
	const struct peal__many *many;
	struct peal__connection *connection;
	const struct peal_named_list *defaults; /* of new rows of an explicit through; or NULL */
	struct peal__arena arena;
	struct peal_error *error;
};

/* Keys of the other side, ascending, each once; in the arena of the change. */
struct keys {
	struct peal_value *items;
	size_t count, capacity;
};

const char *peal_m2m_action_name(uint32_t action)
{
	static const char *const names[] = {
		[PEAL_PRE_ADD] = "pre_add",       [PEAL_POST_ADD] = "post_add",
		[PEAL_PRE_REMOVE] = "pre_remove", [PEAL_POST_REMOVE] = "post_remove",
		[PEAL_PRE_CLEAR] = "pre_clear",   [PEAL_POST_CLEAR] = "post_clear",
	};

	return action && action < PEAL_COUNTOF(names) ? names[action] : "?";
}

static int no_memory(struct change *change)
{
	return peal__no_memory(change->error);
}

/* ---- Beginning ------------------------------------------------------------------------------------------------------- */

static int relation_of(const struct peal_instance *instance, const char *name,
		       const struct peal__many **ret_many, struct peal_error *error)
{
	struct peal__relation relation;

	if (!instance->model)
		return peal_error_set(error, PEAL_EINVAL,
				      "the instance was never begun, or has ended");
	*ret_many = peal__many_find(peal__state(instance->model), name);
	if (!*ret_many && peal__relation_find(peal__state(instance->model), name, strlen(name),
					      &relation, NULL) == 0)
		return peal_error_set(
			error, PEAL_EINVAL, "\"%s\" of %s is no many-to-many relation, but %s",
			name, peal_model_label(instance->model),
			relation.backward ? "the other side of a foreign key: use "
					    "peal_related_add() and the others of "
					    "peal/related.h"
					  : "a foreign key: set it by peal_field_set()");
	if (!*ret_many)
		return peal_error_set(error, PEAL_EINVAL,
				      "%s has no many-to-many relation \"%s\" (or not all of its "
				      "models are registered)",
				      peal_model_label(instance->model), name);
	if (peal_key(instance).kind == PEAL_VALUE_NULL)
		return peal_error_set(error, PEAL_EINVAL,
				      "%s needs a key before its \"%s\" can be used",
				      peal_model_label(instance->model), name);
	return 0;
}

static int begin(struct change *change, struct peal_instance *owner, const char *name,
		 const struct peal_named_list *defaults, struct peal_error *error)
{
	int r;

	*change = (struct change){ .owner = owner, .defaults = defaults, .error = error };
	r = relation_of(owner, name, &change->many, error);
	if (r != 0)
		return r;
	change->key = peal_key(owner);
	return peal__instance_connection(owner, NULL, &change->connection, error);
}

static int finish(struct change *change, int r)
{
	peal__arena_fini(&change->arena);
	return r;
}

/* ---- Keys ------------------------------------------------------------------------------------------------------------ */

/* Null is before all others. */
static int compare(const void *a, const void *b)
{
	const struct peal_value *left = a, *right = b;

	if (left->kind == PEAL_VALUE_NULL || right->kind == PEAL_VALUE_NULL)
		return (left->kind != PEAL_VALUE_NULL) - (right->kind != PEAL_VALUE_NULL);
	return peal__key_compare(*left, *right);
}

static void sort(struct keys *keys)
{
	size_t count = 0;

	if (!keys->count)
		return;
	qsort(keys->items, keys->count, sizeof(*keys->items), compare);
	for (size_t i = 0; i < keys->count; i++)
		if (!count || compare(&keys->items[count - 1], &keys->items[i]) != 0)
			keys->items[count++] = keys->items[i];
	keys->count = count;
}

static const struct peal_value *find(const struct keys *keys, const struct peal_value *key)
{
	return keys->count ? bsearch(key, keys->items, keys->count, sizeof(*key), compare) : NULL;
}

static int keys_add(struct change *change, struct keys *keys, struct peal_value key)
{
	size_t capacity = keys->capacity ? keys->capacity * 2 : 16;
	struct peal_value *items;

	if (keys->count == keys->capacity) {
		items = peal__arena_alloc(&change->arena, capacity * sizeof(*items));
		if (!items)
			return no_memory(change);
		if (keys->count)
			memcpy(items, keys->items, keys->count * sizeof(*items));
		keys->items = items;
		keys->capacity = capacity;
	}
	keys->items[keys->count++] = key;
	return 0;
}

/* What is wrong with a row that is given; NULL: nothing. */
static const char *row_fault(const struct change *change, const struct peal_instance *row)
{
	if (!row || row->model != change->many->other->model)
		return "is wanted, or its key";
	return row->db && row->db != change->connection->db ? "is in another database" : NULL;
}

/* As in Django a row that was neither saved nor loaded cannot be added, even when it has a key. */
static const char *add_fault(const struct change *change, const struct peal_value *value)
{
	const struct peal_instance *row = value->as.pointer;

	if (value->kind == PEAL_VALUE_NULL)
		return "cannot be null";
	if (value->kind != PEAL_VALUE_POINTER || row_fault(change, row))
		return NULL;
	if (peal_key(row).kind == PEAL_VALUE_NULL || (!row->db && change->owner->db))
		return "is not saved";
	return row->db && !change->owner->db ? "is saved, and its owner is not" : NULL;
}

/* An instance or a key as a key; that of a row that is not saved is null. */
static int key_of(const struct change *change, struct peal_value *value, struct peal_error *error)
{
	const struct peal__model_state *through = change->many->through;

	if (value->kind == PEAL_VALUE_POINTER) {
		const struct peal_instance *row = value->as.pointer;
		const char *fault = row_fault(change, row);

		if (fault)
			return peal_error_set(error, PEAL_EINVAL, "%s: a row of %s %s",
					      through->label, change->many->other->label, fault);
		*value = peal_key(row);
	}
	return value->kind == PEAL_VALUE_NULL
		       ? 0
		       : peal__column_accept(through, &through->columns[change->many->target],
					     value, error);
}

static int keys_of(struct change *change, const struct peal_params *values, bool to_add,
		   struct keys *keys)
{
	int r = 0;

	for (size_t i = 0; i < values->count && r == 0; i++) {
		struct peal_value key = values->items[i];
		const char *fault = to_add ? add_fault(change, &key) : NULL;

		r = fault ? peal_error_set(change->error, PEAL_EINVAL, "%s: a row of %s %s",
					   change->many->through->label, change->many->other->label,
					   fault)
			  : key_of(change, &key, change->error);
		if (r == 0)
			r = keys_add(change, keys, key);
	}
	sort(keys);
	return r;
}

static int read_keys(struct change *change, struct peal__compiled *compiled, uint8_t kind,
		     struct keys *keys)
{
	struct peal__statement *s = NULL;
	int r = peal__compiled_start(compiled, change->connection, &s, change->error);

	while (r == 0) {
		struct peal_value key;

		r = peal__statement_step(s, &kind, &key, change->error);
		if (r == 0 && (key.kind == PEAL_VALUE_TEXT || key.kind == PEAL_VALUE_BYTES)) {
			key.as.text.data = peal__arena_text(&change->arena, key.as.text.data,
							    key.as.text.size);
			if (!key.as.text.data)
				r = no_memory(change);
		}
		if (r == 0)
			r = keys_add(change, keys, key);
	}
	if (s)
		peal__statement_put(s);
	return r == PEAL_DONE ? 0 : r;
}

/* Of these keys those that are related already, by the direction from source to target. */
static int read_related(struct change *change, size_t source, size_t target,
			const struct keys *keys, struct keys *related)
{
	const struct peal__model_state *through = change->many->through;
	int r = 0;

	for (size_t at = 0; at < keys->count && r == 0; at += BATCH) {
		struct peal__compiled compiled = { 0 };

		peal__text_add(&compiled.sql, "SELECT DISTINCT ");
		peal__text_add_name(&compiled.sql, through->columns[target].db_name);
		peal__text_add(&compiled.sql, " FROM ");
		peal__text_add_name(&compiled.sql, through->table);
		peal__text_add(&compiled.sql, " WHERE ");
		peal__text_add_name(&compiled.sql, through->columns[source].db_name);
		peal__text_add(&compiled.sql, " = ");
		peal__compile_value(&compiled, &change->key);
		peal__text_add(&compiled.sql, " AND ");
		peal__text_add_name(&compiled.sql, through->columns[target].db_name);
		peal__text_add(&compiled.sql, " IN (");
		for (size_t i = at; i < keys->count && i < at + BATCH; i++) {
			peal__text_add(&compiled.sql, i > at ? ", " : "");
			peal__compile_value(&compiled, &keys->items[i]);
		}
		peal__text_add(&compiled.sql, ")");
		r = read_keys(change, &compiled, through->columns[target].value_kind, related);
	}
	sort(related);
	return r;
}

/* The keys that are not related yet. */
static int find_missing(struct change *change, size_t source, size_t target,
			const struct keys *keys, struct keys *missing)
{
	struct keys related = { 0 };
	int r = read_related(change, source, target, keys, &related);

	for (size_t i = 0; i < keys->count && r == 0; i++)
		if (!find(&related, &keys->items[i]))
			r = keys_add(change, missing, keys->items[i]);
	return r;
}

/* ---- Adding ---------------------------------------------------------------------------------------------------------- */

static bool is_after(uint32_t action)
{
	return action == PEAL_POST_ADD || action == PEAL_POST_REMOVE || action == PEAL_POST_CLEAR;
}

static int send_later(struct change *change, const struct peal_m2m_changed_args *args)
{
	const struct peal_model *through = change->many->through->model;
	const struct peal__later_wanted wanted = { .signal = &peal_m2m_changed,
						   .sender = through,
						   .args_size = sizeof(*args),
						   .connection = change->connection,
						   .instance = change->owner,
						   .keys = args->pk_set,
						   .key_count = args->pk_count };
	struct peal_m2m_changed_args *copy;
	struct peal__later *later;
	int r = peal__later_new(&wanted, &later, change->error);

	if (!later)
		return r;
	peal__later_keep(later, change->owner);
	copy = later->args;
	*copy = *args;
	copy->instance = later->instance;
	copy->pk_set = later->keys;
	peal__later_wait(later); /* all changes are made in a block */
	return 0;
}

static int send(struct change *change, uint32_t action, const struct keys *keys)
{
	static const struct peal_value none;
	const struct peal__many *many = change->many;
	const struct peal_m2m_changed_args args = {
		.instance = change->owner,
		.action = action,
		.reverse = many->reverse,
		.model = many->other->model,
		.pk_set = !keys         ? NULL
			  : keys->count ? keys->items
					: &none,
		.pk_count = keys ? keys->count : 0,
		.database = change->connection->db->alias,
	};
	int r = 0;

	if (peal__is_awaited(&peal_m2m_changed) && is_after(action))
		r = send_later(change, &args);
	if (r == 0 && peal_signal_is_heard(&peal_m2m_changed))
		r = peal_m2m_changed_send_with(many->through->model, &args, PEAL_SEND_STOP, NULL,
					       change->error);
	return r;
}

/* A row of the relation's table, begun: its init signals are sent. */
static int row_new(struct change *change, size_t source, size_t target,
		   const struct peal_value *key, struct peal_instance **ret_row)
{
	const struct peal__model_state *through = change->many->through;
	size_t count = change->defaults ? change->defaults->count : 0;
	struct peal_named *items = peal__arena_alloc(&change->arena, (count + 2) * sizeof(*items));
	struct peal_named_list list = { items, count + 2 };

	if (!items)
		return no_memory(change);
	if (count)
		memcpy(items, change->defaults->items, count * sizeof(*items));
	items[count] = (struct peal_named)PEAL_ARG(through->columns[source].name, change->key);
	items[count + 1] = (struct peal_named)PEAL_ARG(through->columns[target].name, *key);
	return peal_new(through->model, &list, ret_row, change->error);
}

static int insert(struct change *change, size_t source, size_t target, const struct keys *keys)
{
	const struct peal__model_state *through = change->many->through;
	struct peal_instance **rows =
		peal__db_alloc((keys->count + 1) * sizeof(struct peal_instance *));
	size_t count = 0;
	int r = rows ? 0 : no_memory(change);

	while (count < keys->count && r == 0) {
		r = row_new(change, source, target, &keys->items[count], &rows[count]);
		count += r == 0;
	}
	if (r == 0)
		r = PEAL_BULK_CREATE(through->model, rows, count, change->error,
				     .database = change->connection->db->alias,
				     .ignore_conflicts = through->link != NULL);
	while (count)
		peal_free(rows[--count]);
	peal__db_free(rows);
	return r;
}

static bool is_heard(const struct peal__many *many)
{
	return peal_has_receivers(&peal_m2m_changed, many->through->model) ||
	       peal_has_receivers(peal_m2m_changed.after_commit, many->through->model);
}

/* Rows from source to target, unless they are there. The mirror of a symmetrical relation is written without signals. */
static int add_keys(struct change *change, bool mirror, struct keys keys)
{
	const struct peal__many *many = change->many;
	size_t source = mirror ? many->target : many->source;
	size_t target = mirror ? many->source : many->target;
	bool sends = !mirror && is_heard(many);
	struct keys missing = { 0 };
	int r = 0;

	if (!sends && many->through->link)
		return insert(change, source, target, &keys);
	r = find_missing(change, source, target, &keys, &missing);
	if (r == 0 && sends)
		r = send(change, PEAL_PRE_ADD, &missing);
	if (r == 0)
		r = insert(change, source, target, &missing);
	if (r == 0 && sends)
		r = send(change, PEAL_POST_ADD, &missing);
	return r;
}

static int add(struct change *change, const struct peal_params *values)
{
	struct keys keys = { 0 };
	int r;

	if (!values || !values->count)
		return 0;
	PEAL_ATOMIC_WITH(r, change->error, .database = change->connection->db->alias,
			 .no_savepoint = true) {
		r = keys_of(change, values, true, &keys);
		if (r == 0)
			r = add_keys(change, false, keys);
		if (r == 0 && change->many->symmetrical)
			r = add_keys(change, true, keys);
	}
	return r;
}

int peal_m2m_add(struct peal_instance *instance, const char *name, const struct peal_params *values,
		 const struct peal_named_list *through_defaults, struct peal_error *error)
{
	struct change change;
	int r = begin(&change, instance, name, through_defaults, error);

	return finish(&change, r == 0 ? add(&change, values) : r);
}

int peal_m2m_create(struct peal_instance *instance, const char *name, struct peal_instance *ret_row,
		    const struct peal_named_list *values,
		    const struct peal_named_list *through_defaults, struct peal_error *error)
{
	struct change change;
	int r = begin(&change, instance, name, through_defaults, error);

	*ret_row = (struct peal_instance){ 0 };
	if (r == 0)
		r = peal_create(change.many->other->model, ret_row, change.connection->db->alias,
				values, error);
	if (r == 0)
		r = add(&change, PEAL_PARAMS(peal_value_pointer(ret_row)));
	return finish(&change, r);
}

/* ---- Removing -------------------------------------------------------------------------------------------------------- */

/* "tag_id__in" */
static const char *in_name(struct change *change, struct peal_query *query, const char *name)
{
	size_t size = strlen(name) + sizeof("__in");
	char *text = peal__arena_alloc(&change->arena, size);

	if (!text) {
		peal__query_no_memory(query);
		return name;
	}
	snprintf(text, size, "%s__in", name);
	return text;
}

/*
 * The rows of the table that go: those from the owner to the keys (NULL: to any), and of a symmetrical relation also
 * those from the keys to the owner. (s = k and t in S) or (t = k and s in S) is written as the four conditions that
 * multiplying it out gives.
 */
static void filter_rows(struct change *change, struct peal_query *query, const struct keys *keys)
{
	const struct peal__many *many = change->many;
	const struct peal__column *columns = many->through->columns;
	const struct peal_named from = { .name = columns[many->source].name, .value = change->key };
	const struct peal_named to = { .name = columns[many->target].name, .value = change->key };
	const struct peal_named from_keys = { .name = in_name(change, query, from.name),
					      .list = keys ? keys->items : NULL,
					      .count = keys ? keys->count : 0 };
	const struct peal_named to_keys = { .name = in_name(change, query, to.name),
					    .list = from_keys.list,
					    .count = from_keys.count };

	if (many->symmetrical) {
		peal_query_filter_any(query, PEAL_WITH(from, to));
		if (!keys)
			return;
		peal_query_filter_any(query, PEAL_WITH(from, from_keys));
		peal_query_filter_any(query, PEAL_WITH(to_keys, to));
		peal_query_filter_any(query, PEAL_WITH(to_keys, from_keys));
		return;
	}
	peal_query_filter(query, PEAL_WITH(from));
	if (keys)
		peal_query_filter(query, PEAL_WITH(to_keys));
}

static int delete_rows(struct change *change, const struct keys *keys)
{
	bool null = keys && keys->items[0].kind == PEAL_VALUE_NULL; /* nothing is related to it */
	const struct keys others = { null ? keys->items + 1 : NULL, null ? keys->count - 1 : 0, 0 };
	struct peal_query *query;
	int r;

	if (null && !others.count)
		return 0;
	query = peal_query_new(change->many->through->model);
	peal_query_using(query, change->connection->db->alias);
	if (query)
		filter_rows(change, query, null ? &others : keys);
	r = peal_query_delete(query, NULL, change->error);
	peal_query_free(query);
	return r;
}

/* keys: NULL for all. */
static int remove_keys(struct change *change, const struct keys *keys)
{
	int r = send(change, keys ? PEAL_PRE_REMOVE : PEAL_PRE_CLEAR, keys);

	if (r == 0)
		r = delete_rows(change, keys);
	if (r == 0)
		r = send(change, keys ? PEAL_POST_REMOVE : PEAL_POST_CLEAR, keys);
	return r;
}

int peal_m2m_remove(struct peal_instance *instance, const char *name,
		    const struct peal_params *values, struct peal_error *error)
{
	struct change change;
	struct keys keys = { 0 };
	int r = begin(&change, instance, name, NULL, error);

	if (r != 0 || !values || !values->count)
		return finish(&change, r);
	PEAL_ATOMIC_WITH(r, error, .database = change.connection->db->alias, .no_savepoint = true) {
		r = keys_of(&change, values, false, &keys);
		if (r == 0)
			r = remove_keys(&change, &keys);
	}
	return finish(&change, r);
}

int peal_m2m_clear(struct peal_instance *instance, const char *name, struct peal_error *error)
{
	struct change change;
	int r = begin(&change, instance, name, NULL, error);

	if (r != 0)
		return finish(&change, r);
	PEAL_ATOMIC_WITH(r, error, .database = change.connection->db->alias, .no_savepoint = true) {
		r = remove_keys(&change, NULL);
	}
	return finish(&change, r);
}

/* ---- Setting --------------------------------------------------------------------------------------------------------- */

/* The keys of the rows that there are on the other side. */
static int read_contents(struct change *change, struct keys *keys)
{
	const struct peal__model_state *other = change->many->other;
	const struct peal__column *key = &other->columns[other->key];
	struct peal__compiled compiled = { 0 };
	int r;

	peal__text_add(&compiled.sql, "SELECT ");
	peal__text_add_name(&compiled.sql, key->db_name);
	peal__text_add(&compiled.sql, " FROM ");
	peal__text_add_name(&compiled.sql, other->table);
	peal__text_add(&compiled.sql, " WHERE ");
	peal__text_add_name(&compiled.sql, key->db_name);
	peal__compile_related(&compiled, change->many, &change->key);
	r = read_keys(change, &compiled, key->value_kind, keys);
	sort(keys);
	return r;
}

/* Splits what there is and what is wanted: a row that is not saved is new, and refused when it is added. */
static int split(struct change *change, const struct peal_params *values, const struct keys *old,
		 struct keys *gone, struct keys *new)
{
	bool *stays = peal__arena_alloc(&change->arena, old->count + 1);
	int r = stays ? 0 : no_memory(change);

	for (size_t i = 0; values && i < values->count && r == 0; i++) {
		struct peal_value key = values->items[i];
		const struct peal_value *found =
			key_of(change, &key, NULL) == 0 ? find(old, &key) : NULL;

		if (found && !stays[found - old->items])
			stays[found - old->items] = true;
		else
			r = keys_add(change, new, values->items[i]);
	}
	for (size_t i = 0; i < old->count && r == 0; i++)
		if (!stays[i])
			r = keys_add(change, gone, old->items[i]);
	return r;
}

static int set(struct change *change, const struct peal_params *values)
{
	struct keys old = { 0 }, gone = { 0 }, new = { 0 };
	int r = read_contents(change, &old);

	if (r == 0)
		r = split(change, values, &old, &gone, &new);
	if (r == 0 && gone.count)
		r = remove_keys(change, &gone);
	if (r == 0)
		r = add(change, &(const struct peal_params){ new.items, new.count });
	return r;
}

static int reset(struct change *change, const struct peal_params *values)
{
	int r = remove_keys(change, NULL);

	return r == 0 ? add(change, values) : r;
}

static int replace(struct peal_instance *instance, const char *name,
		   int (*by)(struct change *change, const struct peal_params *values),
		   const struct peal_params *values, const struct peal_named_list *through_defaults,
		   struct peal_error *error)
{
	struct change change;
	int r = begin(&change, instance, name, through_defaults, error);

	if (r != 0)
		return finish(&change, r);
	PEAL_ATOMIC_WITH(r, error, .database = change.connection->db->alias, .no_savepoint = true) {
		r = by(&change, values);
	}
	return finish(&change, r);
}

int peal_m2m_set(struct peal_instance *instance, const char *name, const struct peal_params *values,
		 const struct peal_named_list *through_defaults, struct peal_error *error)
{
	return replace(instance, name, set, values, through_defaults, error);
}

int peal_m2m_reset(struct peal_instance *instance, const char *name,
		   const struct peal_params *values, const struct peal_named_list *through_defaults,
		   struct peal_error *error)
{
	return replace(instance, name, reset, values, through_defaults, error);
}

/* ---- Asking ---------------------------------------------------------------------------------------------------------- */

struct peal_query *peal_m2m_query(const struct peal_instance *instance, const char *name)
{
	const struct peal__many *many = NULL;
	struct peal_error error = { 0 };
	int r = relation_of(instance, name, &many, &error);
	struct peal_query *query;

	if (!instance->model)
		return NULL;
	query = peal_query_new(many ? many->other->model : instance->model);
	if (!query)
		return NULL;
	if (r != 0)
		query->error = error;
	else
		peal__query_filter_related(query, many, peal_key(instance));
	peal_query_using(query, instance->db ? instance->db->alias : NULL);
	return query;
}

const struct peal_model *peal_m2m_through(const struct peal_model *model, const char *name)
{
	const struct peal__many *many =
		*model->state ? peal__many_find(peal__state(model), name) : NULL;

	return many ? many->through->model : NULL;
}
