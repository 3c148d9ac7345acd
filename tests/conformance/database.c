/* SPDX-License-Identifier: MIT */
#include "database.h"

#include <stdio.h>
#include <string.h>

#include <peal/db.h>
#include <peal/query.h>

#include "keep.h"
#include "trace.h"
#include "variables.h"

int database_create(const struct peal_model *model, const struct pairs *values,
		    const struct event *event, struct peal_instance **ret_instance,
		    struct peal_error *error)
{
	const struct peal_named_list *list = named_values(model, values, event);
	struct peal_instance *instance = instance_room(model);
	int r = peal_create(model, instance, NULL, list, error);

	if (r == 0)
		*ret_instance = instance;
	return r;
}

int database_update(const struct peal_model *model, const struct peal_named_list *conditions,
		    const struct peal_named_list *values, int64_t *ret_count,
		    struct peal_error *error)
{
	struct peal_query *query = peal_query_new(model);
	int r;

	peal_query_filter(query, conditions);
	r = peal_query_update(query, values, ret_count, error);
	peal_query_free(query);
	return r;
}

int database_delete_where(const struct peal_model *model, const struct pairs *conditions,
			  const struct event *event, struct peal_deleted *ret_deleted,
			  struct peal_error *error)
{
	const struct peal_named_list *list = named_values(model, conditions, event);
	struct peal_query *query = peal_query_new(model);
	int r;

	peal_query_filter(query, list);
	r = peal_query_delete(query, ret_deleted, error);
	peal_query_free(query);
	return r;
}

int database_fetch(const struct peal_model *model, const struct pairs *conditions,
		   struct peal_error *error)
{
	const struct peal_named_list *list = named_values(model, conditions, NULL);
	struct peal_query *query = peal_query_new(model);
	struct peal_rows *rows;
	int r;

	peal_query_filter(query, list);
	peal_query_order_by(query, "pk");
	r = peal_query_all(query, &rows, error);
	peal_query_free(query);
	if (r == 0)
		peal_rows_free(rows);
	return r;
}

int database_set(struct peal_instance *instance, const char *field, const struct value *value,
		 const struct event *event, struct peal_error *error)
{
	if (!model_field(instance->model, field))
		refuse("%s has no field %s", instance->model->name, field);
	return peal_field_set(instance, field, value_of(value, event), error);
}

/* ---- Tables without instances --------------------------------------------------------------- */

/* Text sorts by bytes, whatever the order of the database is. */
static const char *key_order(const struct peal_field *key)
{
	bool is_text = key->storage == PEAL__S_TEXT;

	return is_text && strcmp(peal_db_vendor(peal_db_get(NULL)), "sqlite") != 0
		       ? " COLLATE \"C\""
		       : "";
}

static const char *select_all(const struct peal_model *model)
{
	const struct peal_field *key = model_key(model);
	char *sql = keep(4096);
	int size = snprintf(sql, 4096, "SELECT ");

	for (size_t i = 0; i < model->fields.count; i++)
		if (field_is_column(&model->fields.items[i]))
			size += snprintf(sql + size, 4096 - (size_t)size, "%s\"%s\"", i ? ", " : "",
					 field_member(&model->fields.items[i]));
	snprintf(sql + size, 4096 - (size_t)size, " FROM %s ORDER BY \"%s\"%s", model->table,
		 key->name, key_order(key));
	return sql;
}

/* Calls add for each row, between the brackets of the key. */
static int list_rows(struct json *json, const char *key, const char *sql,
		     void (*add)(struct json *json, const struct peal_model *model,
				 const struct peal_value *values),
		     const struct peal_model *model, struct peal_error *error)
{
	struct peal_cursor *cursor;
	const struct peal_value *values;
	int r = peal_db_query(NULL, sql, NULL, &cursor, error);

	if (r != 0)
		return r;
	json_key(json, key);
	json_open(json, '[');
	while ((r = peal_cursor_next(cursor, &values, error)) == 0)
		add(json, model, values);
	json_close(json, ']');
	peal_cursor_free(cursor);
	return r == PEAL_DONE ? 0 : r;
}

static void add_row(struct json *json, const struct peal_model *model,
		    const struct peal_value *values)
{
	json_open(json, '{');
	trace_row(json, model, values);
	json_close(json, '}');
}

static void add_pair(struct json *json, const struct peal_model *model,
		     const struct peal_value *values)
{
	(void)model;
	json_open(json, '[');
	trace_value(json, NULL, values[0]);
	trace_value(json, NULL, values[1]);
	json_close(json, ']');
}

static int print_or_drop(struct json *json, int r)
{
	if (r == 0)
		json_print(json);
	else
		json_drop(json);
	return r;
}

int database_rows(const struct peal_model *model, struct peal_error *error)
{
	struct json json = json_line("rows", peal_model_label(model));

	return print_or_drop(&json,
			     list_rows(&json, "values", select_all(model), add_row, model, error));
}

int database_through(const struct relation *relation, struct peal_error *error)
{
	struct json json = json_line("through", peal_model_label(relation->through));
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT %s, %s FROM %s ORDER BY 1, 2", relation->from_column,
		 relation->to_column, relation->through->table);
	return print_or_drop(&json, list_rows(&json, "pairs", sql, add_pair, NULL, error));
}

/* ---- Callbacks ---------------------------------------------------------------------------- */

struct callback {
	const char *name;
	bool raise;
};

static int run_callback(void *user, struct peal_error *error)
{
	const struct callback *callback = user;
	struct json json = json_line("on_commit", callback->name);

	json_print(&json);
	if (callback->raise)
		return peal_error_set(error, CALLBACK_ERROR, "%s raises", callback->name);
	return 0;
}

int database_on_commit(const char *name, bool raise, bool robust, struct peal_error *error)
{
	struct callback *callback = keep(sizeof(*callback));

	*callback = (struct callback){ name, raise };
	return PEAL_ON_COMMIT(error, run_callback, .user = callback, .robust = robust);
}
