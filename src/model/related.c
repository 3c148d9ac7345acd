/* SPDX-License-Identifier: MIT */
/*
 * Changing the foreign keys of the rows that refer to an instance. Which statements run, and which signals are sent, is
 * Django's (create_reverse_many_to_one_manager).
 */
#include <peal/related.h>

#include "query_internal.h"

#define BATCH 500 /* keys in one IN (...) */

/* One call on the rows that refer to an instance. */
struct change {
	struct peal_instance *owner;
	struct peal_value key; /* the owner's */
	struct peal__relation relation;
	const struct peal__column *column; /* of the other model; what refers to the owner */
	struct peal__connection *connection;
	enum peal_related_way way;
	struct peal_error *error;
};

static int refuse(const struct change *change, const char *reason)
{
	return peal_error_set(change->error, PEAL_EINVAL, "%s.%s %s", change->relation.other->label,
			      change->column->field->name, reason);
}

/* The relation, whatever its kind, and the owner's key. */
static int owner_check(const struct peal_instance *owner, const char *name,
		       struct peal__relation *relation, struct peal_error *error)
{
	int r;

	if (!owner->model)
		return peal_error_set(error, PEAL_EINVAL,
				      "the instance was never begun, or has ended");
	r = peal__relation_find(peal__state(owner->model), name, strlen(name), relation, error);
	if (r == 0 && relation->forward)
		r = peal_error_set(error, PEAL_EINVAL,
				   "%s.%s leads to one row: read and set the member",
				   peal_model_label(owner->model), name);
	if (r == 0 && peal_key(owner).kind == PEAL_VALUE_NULL)
		r = peal_error_set(error, PEAL_EINVAL,
				   "%s needs a key before its \"%s\" can be used",
				   peal_model_label(owner->model), name);
	return r;
}

static int begin(struct change *change, struct peal_instance *owner, const char *name,
		 enum peal_related_way way, struct peal_error *error)
{
	int r;

	*change = (struct change){ .owner = owner, .way = way, .error = error };
	r = owner_check(owner, name, &change->relation, error);
	if (r != 0)
		return r;
	if (change->relation.many.field)
		return peal_error_set(error, PEAL_EINVAL,
				      "%s.%s is a many-to-many relation: peal/m2m.h is for these",
				      peal_model_label(owner->model), name);
	change->column = change->relation.backward;
	change->key = peal_key(owner);
	return peal__instance_connection(owner, NULL, &change->connection, error);
}

/* ---- Values ------------------------------------------------------------------------------------------------------------ */

static struct peal_instance *row_of(const struct peal_value *value)
{
	return value->kind == PEAL_VALUE_POINTER ? value->as.pointer : NULL;
}

/* What is wrong with a row that is given; NULL: nothing. */
static const char *row_fault(const struct change *change, const struct peal_instance *row,
			     bool may_be_new)
{
	if (!row || row->model != change->relation.other->model)
		return "takes rows of its own model, or their keys";
	if (row->db && row->db != change->connection->db)
		return "was given a row of another database";
	if (!may_be_new && (peal_is_new(row) || peal_key(row).kind == PEAL_VALUE_NULL))
		return "was given a row that is not saved: save it, or add it PEAL_BY_SAVES";
	return NULL;
}

/* The key of a value, which is an instance or a key. */
static int key_of(const struct change *change, const struct peal_value *value,
		  struct peal_value *ret_key)
{
	const struct peal__model_state *other = change->relation.other;

	*ret_key = *value;
	if (value->kind == PEAL_VALUE_POINTER)
		*ret_key = peal_key(row_of(value));
	if (ret_key->kind == PEAL_VALUE_NULL)
		return refuse(change, "was given a key that is null");
	return peal__column_accept(other, &other->columns[other->key], ret_key, change->error);
}

static int values_check(const struct change *change, const struct peal_params *values,
			bool may_be_new)
{
	int r = 0;

	for (size_t i = 0; i < values->count && r == 0; i++) {
		const struct peal_value *value = &values->items[i];
		const char *fault = value->kind == PEAL_VALUE_POINTER
					    ? row_fault(change, row_of(value), may_be_new)
				    : may_be_new ? "takes rows, not keys, when it is PEAL_BY_SAVES"
						 : NULL;
		struct peal_value key;

		if (fault)
			r = refuse(change, fault);
		else if (!may_be_new)
			r = key_of(change, value, &key);
	}
	return r;
}

/* ---- By statements ------------------------------------------------------------------------------------------------------ */

/* Sets the foreign key of these rows; of those that refer to the owner only. */
static int update_some(const struct change *change, const struct peal_value *keys, size_t count,
		       bool only_own, struct peal_value foreign_key)
{
	const struct peal__model_state *other = change->relation.other;
	struct peal_query *query = peal_query_new(other->model);
	int r;

	peal_query_using(query, change->connection->db->alias);
	if (only_own)
		peal__query_filter_in(query, change->column, &change->key, 1);
	if (keys)
		peal__query_filter_in(query, &other->columns[other->key], keys, count);
	r = peal_query_update(query, PEAL_WITH(PEAL_ARG(change->column->name, foreign_key)), NULL,
			      change->error);
	peal_query_free(query);
	return r;
}

static int update_values(const struct change *change, const struct peal_params *values,
			 bool only_own, struct peal_value foreign_key)
{
	struct peal_value keys[BATCH];
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < values->count && r == 0; i++) {
		r = key_of(change, &values->items[i], &keys[count]);
		count += r == 0;
		if (r == 0 && (count == BATCH || i + 1 == values->count)) {
			r = update_some(change, keys, count, only_own, foreign_key);
			count = 0;
		}
	}
	return r;
}

/* In memory too. */
static int attach_all(const struct change *change, const struct peal_params *values)
{
	const struct peal__model_state *other = change->relation.other;
	size_t i = (size_t)(change->column - other->columns);
	bool written[PEAL_FIELDS_MAX] = { false };
	int r = 0;

	written[i] = true;
	for (size_t k = 0; k < values->count && r == 0; k++) {
		struct peal_instance *row = row_of(&values->items[k]);

		if (row)
			r = peal_field_set(row, change->column->field->name,
					   peal_value_pointer(change->owner), change->error);
		if (row && r == 0)
			r = peal__snapshot_all(&row, 1, written, change->error);
	}
	return r;
}

/* ---- By saves ------------------------------------------------------------------------------------------------------------ */

static int save_added(const struct change *change, const struct peal_params *values)
{
	int r = 0;

	for (size_t i = 0; i < values->count && r == 0; i++) {
		struct peal_instance *row = row_of(&values->items[i]);

		r = peal_field_set(row, change->column->field->name,
				   peal_value_pointer(change->owner), change->error);
		if (r == 0)
			r = PEAL_SAVE(row, change->error,
				      .database = change->connection->db->alias);
	}
	return r;
}

static int save_removed(const struct change *change, struct peal_query *query)
{
	const char *const name = change->column->field->name;
	struct peal_rows *rows = NULL;
	int r = peal_query_all(query, &rows, change->error);

	for (size_t i = 0; r == 0 && i < peal_rows_count(rows); i++) {
		struct peal_instance *row = peal_rows_at(rows, i);

		r = peal_field_set(row, name, peal_value_null(), change->error);
		if (r == 0)
			r = PEAL_SAVE(row, change->error, .update_fields = PEAL_NAMES(name),
				      .database = change->connection->db->alias);
	}
	peal_rows_free(rows);
	return r;
}

/* ---- Adding, removing ---------------------------------------------------------------------------------------------------- */

static struct peal_query *query_of(const struct change *change)
{
	struct peal_query *query = peal_query_new(change->relation.other->model);

	peal_query_using(query, change->connection->db->alias);
	peal__query_filter_in(query, change->column, &change->key, 1);
	return query;
}

static int add(const struct change *change, const struct peal_params *values)
{
	int r = values_check(change, values, change->way == PEAL_BY_SAVES);

	if (r != 0)
		return r;
	if (change->way == PEAL_BY_SAVES)
		return save_added(change, values);
	r = update_values(change, values, false, change->key);
	return r == 0 ? attach_all(change, values) : r;
}

static int takes_null(const struct change *change)
{
	return change->column->field->null
		       ? 0
		       : refuse(change, "takes no null: delete the rows, or add them to another");
}

/* An instance must refer to the owner, as far as it knows. */
static int are_own(const struct change *change, const struct peal_params *values)
{
	char text[128];

	for (size_t i = 0; i < values->count; i++) {
		const struct peal_instance *row = row_of(&values->items[i]);

		if (row && !peal_value_equal(peal__member_read(change->column, peal__row(row)),
					     change->key))
			return peal_error_set(
				change->error, PEAL_NOT_FOUND, "%s is not related by %s.%s",
				peal_describe(row, text, sizeof(text)),
				change->relation.other->label, change->column->field->name);
	}
	return 0;
}

static int remove_saving(const struct change *change, const struct peal_params *values)
{
	const struct peal__model_state *other = change->relation.other;
	struct peal_value *keys = peal__db_alloc((values->count + 1) * sizeof(*keys));
	struct peal_query *query = query_of(change);
	int r = keys ? 0 : peal__no_memory(change->error);

	for (size_t i = 0; i < values->count && r == 0; i++)
		r = key_of(change, &values->items[i], &keys[i]);
	if (r == 0) {
		peal__query_filter_in(query, &other->columns[other->key], keys, values->count);
		r = save_removed(change, query);
	}
	peal_query_free(query);
	peal__db_free(keys);
	return r;
}

static int remove_values(const struct change *change, const struct peal_params *values)
{
	int r = takes_null(change);

	if (r == 0)
		r = values_check(change, values, false);
	if (r == 0)
		r = are_own(change, values);
	if (r != 0)
		return r;
	if (change->way == PEAL_BY_SAVES)
		return remove_saving(change, values);
	return update_values(change, values, true, peal_value_null());
}

static int clear(const struct change *change)
{
	struct peal_query *query;
	int r = takes_null(change);

	if (r != 0)
		return r;
	if (change->way != PEAL_BY_SAVES)
		return update_some(change, NULL, 0, true, peal_value_null());
	query = query_of(change);
	r = save_removed(change, query);
	peal_query_free(query);
	return r;
}

/* ---- Setting --------------------------------------------------------------------------------------------------------------- */

static bool is_among(const struct change *change, const struct peal_rows *rows,
		     const struct peal_value *value, size_t *ret_index)
{
	struct peal_value key;

	if ((value->kind == PEAL_VALUE_POINTER && row_fault(change, row_of(value), false)) ||
	    key_of(change, value, &key) != 0)
		return false;
	for (size_t i = 0; i < peal_rows_count(rows); i++)
		if (peal_value_equal(peal_key(peal_rows_at(rows, i)), key)) {
			*ret_index = i;
			return true;
		}
	return false;
}

/* Those that are there and stay are neither removed nor added. */
static int set_difference(const struct change *change, const struct peal_params *values,
			  const struct peal_rows *rows, struct peal_value *gone,
			  struct peal_value *new)
{
	struct change quiet = *change;
	size_t gone_count = 0, new_count = 0, at;
	int r;

	quiet.error = NULL; /* what is wrong is said when it is added */
	for (size_t i = 0; i < peal_rows_count(rows); i++)
		gone[i] = peal_value_pointer(peal_rows_at(rows, i));
	for (size_t i = 0; i < values->count; i++) {
		if (is_among(&quiet, rows, &values->items[i], &at) &&
		    gone[at].kind != PEAL_VALUE_NULL)
			gone[at] = peal_value_null();
		else
			new[new_count++] = values->items[i];
	}
	for (size_t i = 0; i < peal_rows_count(rows); i++)
		if (gone[i].kind != PEAL_VALUE_NULL)
			gone[gone_count++] = gone[i];
	r = gone_count ? remove_values(change, &(const struct peal_params){ gone, gone_count }) : 0;
	return r == 0 && new_count ? add(change, &(const struct peal_params){ new, new_count }) : r;
}

static int set(const struct change *change, const struct peal_params *values)
{
	struct peal_query *query = query_of(change);
	struct peal_rows *rows = NULL;
	struct peal_value *room;
	int r;

	if (!change->column->field->null) {
		peal_query_free(query);
		return add(change, values);
	}
	r = peal_query_all(query, &rows, change->error);
	peal_query_free(query);
	if (r != 0)
		return r;
	room = peal__db_alloc((peal_rows_count(rows) + values->count + 1) * sizeof(*room));
	r = room ? set_difference(change, values, rows, room, room + peal_rows_count(rows))
		 : peal__no_memory(change->error);
	peal__db_free(room);
	peal_rows_free(rows);
	return r;
}

static int reset(const struct change *change, const struct peal_params *values)
{
	int r = change->column->field->null ? clear(change) : 0;

	return r == 0 && values->count ? add(change, values) : r;
}

/* ---- The calls ----------------------------------------------------------------------------------------------------------- */

static int run(struct change *change,
	       int (*by)(const struct change *change, const struct peal_params *values),
	       const struct peal_params *values)
{
	static const struct peal_params none;
	int r;

	PEAL_ATOMIC_WITH(r, change->error, .database = change->connection->db->alias,
			 .no_savepoint = true) {
		r = by(change, values ? values : &none);
	}
	return r;
}

int peal_related_add(struct peal_instance *instance, const char *name,
		     const struct peal_params *values, enum peal_related_way way,
		     struct peal_error *error)
{
	struct change change;
	int r = begin(&change, instance, name, way, error);

	return r == 0 && values && values->count ? run(&change, add, values) : r;
}

int peal_related_remove(struct peal_instance *instance, const char *name,
			const struct peal_params *values, enum peal_related_way way,
			struct peal_error *error)
{
	struct change change;
	int r = begin(&change, instance, name, way, error);

	return r == 0 && values && values->count ? run(&change, remove_values, values) : r;
}

static int clear_all(const struct change *change, const struct peal_params *values)
{
	(void)values;
	return clear(change);
}

int peal_related_clear(struct peal_instance *instance, const char *name, enum peal_related_way way,
		       struct peal_error *error)
{
	struct change change;
	int r = begin(&change, instance, name, way, error);

	return r == 0 ? run(&change, clear_all, NULL) : r;
}

int peal_related_set(struct peal_instance *instance, const char *name,
		     const struct peal_params *values, enum peal_related_way way,
		     struct peal_error *error)
{
	struct change change;
	int r = begin(&change, instance, name, way, error);

	return r == 0 ? run(&change, set, values) : r;
}

int peal_related_reset(struct peal_instance *instance, const char *name,
		       const struct peal_params *values, enum peal_related_way way,
		       struct peal_error *error)
{
	struct change change;
	int r = begin(&change, instance, name, way, error);

	return r == 0 ? run(&change, reset, values) : r;
}

struct peal_query *peal_related_query(const struct peal_instance *instance, const char *name)
{
	struct peal__relation relation = { 0 };
	struct peal_error error = { 0 };
	struct peal_query *query;
	int r = owner_check(instance, name, &relation, &error);

	if (!instance->model)
		return NULL;
	if (r == 0 && relation.many.field)
		return peal_m2m_query(instance, name);
	query = peal_query_new(r == 0 ? relation.other->model : instance->model);
	if (!query)
		return NULL;
	peal_query_using(query, instance->db ? instance->db->alias : NULL);
	if (r != 0) {
		query->error = error;
	} else {
		struct peal_value key = peal_key(instance);

		peal__query_filter_in(query, relation.backward, &key, 1);
	}
	return query;
}

/* ---- Creating ------------------------------------------------------------------------------------------------------------ */

/* The values, and the owner; to be freed by peal__db_free(). */
static struct peal_named *with_owner(const struct change *change,
				     const struct peal_named_list *values)
{
	size_t count = values ? values->count : 0;
	struct peal_named *items = peal__db_alloc((count + 1) * sizeof(*items));

	if (!items) {
		peal__no_memory(change->error);
		return NULL;
	}
	if (count)
		memcpy(items, values->items, count * sizeof(*items));
	items[count] = (struct peal_named)PEAL_ARG(change->column->field->name,
						   peal_value_pointer(change->owner));
	return items;
}

int peal_related_create(struct peal_instance *instance, const char *name,
			struct peal_instance *ret_row, const struct peal_named_list *values,
			struct peal_error *error)
{
	struct change change;
	struct peal_named *items;
	int r = begin(&change, instance, name, PEAL_BY_SAVES, error);

	*ret_row = (struct peal_instance){ 0 };
	if (r != 0)
		return r;
	items = with_owner(&change, values);
	if (!items)
		return PEAL_ENOMEM;
	r = peal_create(change.relation.other->model, ret_row, change.connection->db->alias,
			&(const struct peal_named_list){ items, (values ? values->count : 0) + 1 },
			error);
	peal__db_free(items);
	return r;
}

typedef int find_fn(const struct peal__finder *finder, struct peal_instance *ret_row,
		    const struct peal_named_list *conditions,
		    const struct peal_named_list *defaults, bool *ret_created,
		    struct peal_error *error);

/* Found among the related rows of a many-to-many relation, or made and added. */
static int find_of_many(find_fn *find, struct peal_instance *instance, const char *name,
			struct peal_instance *ret_row, const struct peal_named_list *conditions,
			const struct peal_named_list *defaults, bool *ret_created,
			struct peal_error *error)
{
	const struct peal__many *many = peal__many_find(peal__state(instance->model), name);
	struct peal__connection *c;
	bool created = false;
	int r = peal__instance_connection(instance, NULL, &c, error);

	if (r == 0 && !many)
		r = peal_error_set(error, PEAL_EINVAL, "%s has no many-to-many relation \"%s\"",
				   peal_model_label(instance->model), name);
	if (r == 0)
		r = find(&(const struct peal__finder){ .model = many->other->model,
						       .database = c->db->alias,
						       .owner = instance,
						       .relation = name },
			 ret_row, conditions, defaults, &created, error);
	if (r != 0)
		return r;
	if (created)
		r = peal_m2m_add(instance, name, PEAL_PARAMS(peal_value_pointer(ret_row)), NULL,
				 error);
	if (r != 0)
		peal_fini(ret_row);
	else if (ret_created)
		*ret_created = created;
	return r;
}

static int find_of(find_fn *find, struct peal_instance *instance, const char *name,
		   struct peal_instance *ret_row, const struct peal_named_list *conditions,
		   const struct peal_named_list *defaults, bool *ret_created,
		   struct peal_error *error)
{
	struct peal__relation relation = { 0 };
	struct peal_named *items;
	struct change change;
	int r = owner_check(instance, name, &relation, error);

	*ret_row = (struct peal_instance){ 0 };
	if (r == 0 && relation.many.field)
		return find_of_many(find, instance, name, ret_row, conditions, defaults,
				    ret_created, error);
	if (r == 0)
		r = begin(&change, instance, name, PEAL_BY_SAVES, error);
	if (r != 0)
		return r;
	items = with_owner(&change, conditions);
	if (!items)
		return PEAL_ENOMEM;
	r = find(&(const struct peal__finder){ .model = relation.other->model,
					       .database = change.connection->db->alias },
		 ret_row,
		 &(const struct peal_named_list){ items, (conditions ? conditions->count : 0) + 1 },
		 defaults, ret_created, error);
	peal__db_free(items);
	return r;
}

int peal_related_get_or_create(struct peal_instance *instance, const char *name,
			       struct peal_instance *ret_row,
			       const struct peal_named_list *conditions,
			       const struct peal_named_list *defaults, bool *ret_created,
			       struct peal_error *error)
{
	return find_of(peal__get_or_create, instance, name, ret_row, conditions, defaults,
		       ret_created, error);
}

int peal_related_update_or_create(struct peal_instance *instance, const char *name,
				  struct peal_instance *ret_row,
				  const struct peal_named_list *conditions,
				  const struct peal_named_list *defaults, bool *ret_created,
				  struct peal_error *error)
{
	return find_of(peal__update_or_create, instance, name, ret_row, conditions, defaults,
		       ret_created, error);
}
