/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

#include <peal/model_signals.h>
#include <peal/query.h>

#include "keep.h"

const char *error_class(int code)
{
	switch (code) {
	case PEAL_EINTEGRITY:
		return "IntegrityError";
	case PEAL_EPROTECTED:
		return "ProtectedError";
	case PEAL_ERESTRICTED:
		return "RestrictedError";
	case PEAL_NOT_FOUND:
		return "DoesNotExist";
	case PEAL_MULTIPLE:
		return "MultipleObjectsReturned";
	case PEAL_EDB:
		return "DatabaseError";
	case PEAL_EINVAL:
	case PEAL_ETYPE:
		return "ValueError";
	case PEAL_ETRANSACTION:
		return "TransactionManagementError";
	case PEAL_ERECEIVER:
		return "ReceiverError";
	case CALLBACK_ERROR:
		return "CallbackError";
	case PEAL_ENOTSUP:
		refuse("not supported: %s", peal_strerror(code));
	default:
		die("%s (%d)", peal_strerror(code), code);
	}
}

/* ---- Values ------------------------------------------------------------------------------- */

static void trace_uuid(struct json *json, struct peal_uuid uuid)
{
	char text[PEAL_VALUE_TEXT_MAX];
	bool random = uuid.bytes[6] >> 4 == 4 && uuid.bytes[8] >> 6 == 2;

	json_text(json, random ? "<uuid>" : peal_uuid_format(uuid, text, sizeof(text)));
}

/* A row that was read without its model has the uuid as the database keeps it. */
static void trace_text(struct json *json, const struct peal_field *field, struct peal_value value)
{
	struct peal_uuid uuid;

	if (field && field->kind == PEAL_FIELD_UUID &&
	    peal_uuid_parse(value.as.text.data, &uuid) == 0)
		trace_uuid(json, uuid);
	else if (field && field->kind == PEAL_FIELD_DATETIME)
		json_text(json, "<datetime>");
	else
		json_bytes(json, value.as.text.data, value.as.text.size);
}

void trace_value(struct json *json, const struct peal_field *field, struct peal_value value)
{
	switch (value.kind) {
	case PEAL_VALUE_NULL:
		json_null(json);
		break;
	case PEAL_VALUE_BOOL:
		json_bool(json, value.as.boolean);
		break;
	case PEAL_VALUE_INT: /* a row as SQLite has it knows no booleans */
		if (field && field->kind == PEAL_FIELD_BOOLEAN)
			json_bool(json, value.as.integer != 0);
		else
			json_int(json, value.as.integer);
		break;
	case PEAL_VALUE_TEXT:
		trace_text(json, field, value);
		break;
	case PEAL_VALUE_TIME:
		json_text(json, "<datetime>");
		break;
	case PEAL_VALUE_UUID:
		trace_uuid(json, value.as.uuid);
		break;
	case PEAL_VALUE_POINTER:
		if (value.as.pointer)
			trace_reference(json, value.as.pointer);
		else
			json_text(json, "<deferred>");
		break;
	default:
		die("a value of kind %u", value.kind);
	}
}

void trace_reference(struct json *json, const struct peal_instance *instance)
{
	json_open(json, '{');
	json_key(json, "model");
	json_text(json, peal_model_label(instance->model));
	json_key(json, "pk");
	trace_value(json, model_key(instance->model), peal_key(instance));
	json_close(json, '}');
}

static struct peal_value value_in(const struct peal_instance *instance,
				  const struct peal_field *field)
{
	struct peal_value value;
	int r = peal_field_get(instance, field_member(field), &value, NULL);

	if (r == PEAL_NOT_FOUND)
		return peal_value_pointer(NULL);
	if (r != 0)
		die("%s: %s", field->name, peal_strerror(r));
	return value;
}

static void trace_fields(struct json *json, const struct peal_model *model,
			 const struct peal_instance *instance, const struct peal_value *values)
{
	const struct peal_field *key = model_key(model);

	json_key(json, "pk");
	trace_value(json, key,
		    instance ? value_in(instance, key) : values[key - model->fields.items]);
	json_key(json, "fields");
	json_open(json, '{');
	for (size_t i = 0; i < model->fields.count; i++) {
		const struct peal_field *field = &model->fields.items[i];

		if (field == key || !field_is_shown(field) || !field_is_column(field))
			continue;
		json_key(json, field->name);
		trace_value(json, field, instance ? value_in(instance, field) : values[i]);
	}
	json_close(json, '}');
}

void trace_contents(struct json *json, const struct peal_instance *instance)
{
	trace_fields(json, instance->model, instance, NULL);
}

void trace_row(struct json *json, const struct peal_model *model, const struct peal_value *values)
{
	trace_fields(json, model, NULL, values);
}

/* ---- The arguments of the signals ----------------------------------------------------------- */

static void key_bool(struct json *json, const char *key, bool value)
{
	json_key(json, key);
	json_bool(json, value);
}

static void key_text(struct json *json, const char *key, const char *text)
{
	json_key(json, key);
	json_text(json, text);
}

static void key_instance(struct json *json, const char *key, const struct peal_instance *instance)
{
	json_key(json, key);
	if (!instance) {
		json_null(json);
		return;
	}
	json_open(json, '{');
	trace_contents(json, instance);
	json_close(json, '}');
}

static void pre_init(struct json *json, const struct peal_pre_init_args *args,
		     const struct peal_model *model)
{
	json_key(json, "args");
	json_open(json, '[');
	for (size_t i = 0; i < args->row_count; i++)
		trace_value(json, &model->fields.items[i], args->row[i]);
	json_close(json, ']');
	json_key(json, "kwargs");
	json_open(json, '{');
	for (size_t i = 0; i < args->values->count; i++) {
		const struct peal_named *named = &args->values->items[i];

		json_key(json, named->name);
		trace_value(json, model_field(model, named->name), named->value);
	}
	json_close(json, '}');
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A set in Django: sorted here, each name once. */
static void update_fields(struct json *json, const struct peal_names *names)
{
	const char **sorted;

	json_key(json, "update_fields");
	if (!names) {
		json_null(json);
		return;
	}
	sorted = keep((names->count + 1) * sizeof(*sorted));
	memcpy(sorted, names->items, names->count * sizeof(*sorted));
	qsort(sorted, names->count, sizeof(*sorted), compare_names);
	json_open(json, '[');
	for (size_t i = 0; i < names->count; i++)
		if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
			json_text(json, sorted[i]);
	json_close(json, ']');
}

static void pre_save(struct json *json, const struct peal_pre_save_args *args)
{
	key_instance(json, "instance", args->instance);
	key_bool(json, "raw", args->raw);
	key_text(json, "using", args->database);
	update_fields(json, args->update_fields);
}

static void post_save(struct json *json, const struct peal_post_save_args *args)
{
	key_instance(json, "instance", args->instance);
	key_bool(json, "created", args->created);
	key_bool(json, "raw", args->raw);
	key_text(json, "using", args->database);
	update_fields(json, args->update_fields);
}

static void deletion(struct json *json, const struct peal_instance *instance, const char *database,
		     const struct peal_origin *origin)
{
	key_instance(json, "instance", instance);
	key_text(json, "using", database);
	json_key(json, "origin");
	if (origin->instance) {
		trace_reference(json, origin->instance);
		return;
	}
	json_open(json, '{');
	key_text(json, "queryset", peal_model_label(peal_query_model(origin->query)));
	json_close(json, '}');
}

static void m2m(struct json *json, const struct peal_m2m_changed_args *args)
{
	key_instance(json, "instance", args->instance);
	key_text(json, "action", peal_m2m_action_name(args->action));
	key_bool(json, "reverse", args->reverse);
	key_text(json, "model", peal_model_label(args->model));
	json_key(json, "pk_set");
	if (args->pk_set) {
		json_open(json, '[');
		for (size_t i = 0; i < args->pk_count; i++)
			trace_value(json, model_key(args->model), args->pk_set[i]);
		json_close(json, ']');
	} else {
		json_null(json);
	}
	key_text(json, "using", args->database);
}

static void login_failed(struct json *json, const struct user_login_failed_args *args)
{
	json_key(json, "credentials");
	json_open(json, '{');
	key_text(json, "username", args->username);
	key_text(json, "password", "********************");
	json_close(json, '}');
}

static void custom(struct json *json, const struct custom_args *args)
{
	json_key(json, "args");
	json_open(json, '{');
	for (size_t i = 0; i < args->count; i++) {
		json_key(json, args->items[i].name);
		trace_value(json, NULL, args->items[i].value);
	}
	json_close(json, '}');
}

static struct peal_instance *instance_of(struct user *user)
{
	return user ? &user->instance : NULL;
}

static void arguments(struct json *json, const struct event *event)
{
	const union {
		const void *any;
		const struct peal_pre_init_args *pre_init;
		const struct peal_pre_save_args *pre_save;
		const struct peal_post_save_args *post_save;
		const struct peal_pre_delete_args *pre_delete;
		const struct peal_post_delete_args *post_delete;
		const struct peal_m2m_changed_args *m2m;
		const struct user_logged_in_args *logged_in;
		const struct user_logged_out_args *logged_out;
		const struct user_login_failed_args *login_failed;
		const struct custom_args *custom;
	} args = { event->args };

	switch (event->kind) {
	case EVENT_PRE_INIT:
		pre_init(json, args.pre_init, event->sender);
		break;
	case EVENT_POST_INIT:
		key_instance(json, "instance", event->instance);
		break;
	case EVENT_PRE_SAVE:
		pre_save(json, args.pre_save);
		break;
	case EVENT_POST_SAVE:
		post_save(json, args.post_save);
		break;
	case EVENT_PRE_DELETE:
		deletion(json, event->instance, args.pre_delete->database,
			 &args.pre_delete->origin);
		break;
	case EVENT_POST_DELETE:
		deletion(json, event->instance, args.post_delete->database,
			 &args.post_delete->origin);
		break;
	case EVENT_M2M_CHANGED:
		m2m(json, args.m2m);
		break;
	case EVENT_LOGGED_IN:
		key_instance(json, "user", instance_of(args.logged_in->user));
		break;
	case EVENT_LOGGED_OUT:
		key_instance(json, "user", instance_of(args.logged_out->user));
		break;
	case EVENT_LOGIN_FAILED:
		login_failed(json, args.login_failed);
		break;
	case EVENT_CUSTOM:
		custom(json, args.custom);
		break;
	}
}

void trace_event(const struct event *event)
{
	struct json json = json_line("signal", event->signal);

	json_key(&json, "sender");
	json_text(&json, sender_label(event->sender));
	arguments(&json, event);
	json_print(&json);
}
