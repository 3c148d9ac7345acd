/* SPDX-License-Identifier: MIT */
#include "receivers.h"

#include <string.h>

#include <peal/async.h>

#include "database.h"
#include "keep.h"
#include "models.h"
#include "trace.h"
#include "variables.h"

enum action_kind {
	ACTION_NOTE,
	ACTION_RAISE,
	ACTION_RETURN,
	ACTION_SET,
	ACTION_SAVE,
	ACTION_UPDATE_ROW,
	ACTION_CREATE,
	ACTION_DELETE_WHERE,
	ACTION_ROWS,
	ACTION_CONNECT,
	ACTION_DISCONNECT,
	ACTION_ON_COMMIT,
};

struct action {
	enum action_kind kind;
	const char *name;               /* of a field or a callback */
	struct value value;             /* return, set */
	const struct peal_model *model; /* create, delete_where, rows */
	struct pairs pairs;             /* update_row, create, delete_where */
	struct connecting connecting;
};

struct receiver {
	struct receiver *next;
	const char *name;
	unsigned line;
	bool asynchronous;
	bool records; /* it is the recorder */
	bool saving;
	struct action *actions;
	size_t count;
	struct peal_scope scope; /* the weak connections */
};

/* Every connection that was made, for the names in answers and for the end. */
struct connection {
	struct connection *next;
	struct peal_handle handle;
	const struct receiver *receiver;
};

static struct receiver recorder = { .name = "recorder", .records = true };
static struct receiver *receivers;
static struct connection *connections;

/* ---- Actions ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	enum action_kind kind;
	bool for_async;
} action_names[] = {
	{ "note", ACTION_NOTE, true },
	{ "raise", ACTION_RAISE, true },
	{ "return", ACTION_RETURN, true },
	{ "set", ACTION_SET, false },
	{ "save", ACTION_SAVE, false },
	{ "update_row", ACTION_UPDATE_ROW, false },
	{ "create", ACTION_CREATE, false },
	{ "delete_where", ACTION_DELETE_WHERE, false },
	{ "rows", ACTION_ROWS, false },
	{ "connect", ACTION_CONNECT, false },
	{ "disconnect", ACTION_DISCONNECT, false },
	{ "on_commit", ACTION_ON_COMMIT, false },
};

static enum action_kind action_kind(const char *word, bool asynchronous)
{
	for (size_t i = 0; i < PEAL_COUNTOF(action_names); i++)
		if (strcmp(action_names[i].name, word) == 0 &&
		    (action_names[i].for_async || !asynchronous))
			return action_names[i].kind;
	refuse("\"%s\" is no action of %s receiver", word, asynchronous ? "an asynchronous" : "a");
}

static struct action action_parse(struct words *words, bool asynchronous)
{
	struct action action = { .kind = action_kind(words_next(words, "an action"),
						     asynchronous) };

	switch (action.kind) {
	case ACTION_NOTE:
	case ACTION_RAISE:
	case ACTION_SAVE:
		break;
	case ACTION_RETURN:
		action.value = words_value(words);
		break;
	case ACTION_SET:
		action.name = words_name(words, "a field");
		action.value = words_value(words);
		break;
	case ACTION_UPDATE_ROW:
		action.pairs = words_pairs(words);
		break;
	case ACTION_CREATE:
	case ACTION_DELETE_WHERE:
		action.model = model_named(words_next(words, "a model"));
		action.pairs = words_pairs(words);
		break;
	case ACTION_ROWS:
		action.model = model_named(words_next(words, "a model"));
		break;
	case ACTION_CONNECT:
	case ACTION_DISCONNECT:
		action.connecting = connecting_parse(words);
		break;
	case ACTION_ON_COMMIT:
		action.name = words_text(words, "a callback");
		break;
	}
	return action;
}

static void note(const struct receiver *receiver, const struct event *event)
{
	struct json json = json_line("receiver", receiver->name);

	json_key(&json, "signal");
	json_text(&json, event->signal);
	json_key(&json, "sender");
	json_text(&json, sender_label(event->sender));
	json_print(&json);
}

static struct peal_instance *instance_of(const struct event *event)
{
	if (!event->instance)
		refuse("%s has no instance", event->signal);
	return event->instance;
}

/* Not again while its own save is under way. */
static int save(struct receiver *receiver, const struct event *event, struct peal_error *error)
{
	int r;

	if (receiver->saving)
		return 0;
	receiver->saving = true;
	r = peal_save(instance_of(event), error);
	receiver->saving = false;
	return r;
}

static int update_row(const struct action *action, const struct event *event,
		      struct peal_error *error)
{
	struct peal_instance *instance = instance_of(event);
	const struct peal_model *model = instance->model;
	struct peal_named pk = { .name = "pk", .value = peal_key(instance) };
	const struct peal_named_list only = { &pk, 1 };

	return database_update(model, &only, named_values(model, &action->pairs, event), NULL,
			       error);
}

static int act(struct receiver *receiver, const struct action *action, const struct event *event,
	       struct peal_error *error)
{
	struct peal_instance *instance;
	bool was;

	switch (action->kind) {
	case ACTION_NOTE:
		note(receiver, event);
		return 0;
	case ACTION_RAISE:
		return peal_error_set(error, PEAL_ERECEIVER, "%s raises", receiver->name);
	case ACTION_SET:
		return database_set(instance_of(event), action->name, &action->value, event, error);
	case ACTION_SAVE:
		return save(receiver, event, error);
	case ACTION_UPDATE_ROW:
		return update_row(action, event, error);
	case ACTION_CREATE:
		return database_create(action->model, &action->pairs, event, &instance, error);
	case ACTION_DELETE_WHERE:
		return database_delete_where(action->model, &action->pairs, event, NULL, error);
	case ACTION_ROWS:
		return database_rows(action->model, error);
	case ACTION_CONNECT:
		return connecting_run(&action->connecting, error);
	case ACTION_DISCONNECT:
		return disconnecting_run(&action->connecting, &was, error);
	case ACTION_ON_COMMIT:
		return database_on_commit(action->name, false, false, error);
	case ACTION_RETURN:
		break; /* it ends the receiver, and is handled there */
	}
	return 0;
}

/* The actions up to an error or a return, whose value goes to ret_response. */
static int act_all(struct receiver *receiver, const struct event *event,
		   struct peal_value *ret_response, struct peal_error *error)
{
	unsigned line = place_line();
	int r = 0;

	place_set(NULL, receiver->line);
	for (size_t i = 0; i < receiver->count && r == 0; i++) {
		const struct action *action = &receiver->actions[i];

		if (action->kind == ACTION_RETURN) {
			*ret_response = value_of(&action->value, event);
			break;
		}
		r = act(receiver, action, event, error);
	}
	place_set(NULL, line);
	return r;
}

int receiver_call(struct receiver *receiver, const struct event *event, struct peal_call *call)
{
	struct peal_value response = peal_value_null();
	int r;

	if (receiver->records) {
		trace_event(event);
		return 0;
	}
	r = act_all(receiver, event, &response, call->error);
	return r == 0 ? peal_call_respond(call, response) : r;
}

void receiver_start(struct receiver *receiver, const struct event *event, struct peal_task *task)
{
	struct peal_value response = peal_value_null();
	struct peal_error error = { 0 };
	int r = act_all(receiver, event, &response, &error);

	if (r == 0)
		r = peal_task_respond(task, response);
	peal_task_done(task, r, error.message);
}

/* ---- By name ------------------------------------------------------------------------------ */

static struct receiver **find(const char *name)
{
	struct receiver **at = &receivers;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static struct receiver *receiver_named(const char *name)
{
	struct receiver *receiver = *find(name);

	if (!receiver)
		refuse("there is no receiver %s", name);
	return receiver;
}

static void end(struct receiver **at)
{
	struct receiver *receiver = *at;

	*at = receiver->next;
	if (peal_scope_end(&receiver->scope) != 0)
		die("the connections of %s do not end", receiver->name);
}

void receiver_define(struct words *words)
{
	struct receiver *receiver = keep(sizeof(*receiver));

	receiver->name = words_name(words, "the name of a receiver");
	receiver->line = place_line();
	receiver->asynchronous = words_take(words, "async");
	receiver->actions = keep((words->count + 1) * sizeof(*receiver->actions));
	while (words_peek(words))
		receiver->actions[receiver->count++] = action_parse(words, receiver->asynchronous);
	if (strcmp(receiver->name, recorder.name) == 0)
		refuse("the name %s is taken", receiver->name);
	if (*find(receiver->name))
		end(find(receiver->name));
	receiver->next = receivers;
	receivers = receiver;
}

void receiver_drop(const char *name)
{
	receiver_named(name);
	end(find(name));
}

/* ---- Connections -------------------------------------------------------------------------- */

static void sender_parse(struct connecting *connecting, const char *text)
{
	if (*text == '"')
		connecting->sender_name = text_parse(text);
	else
		connecting->sender = model_named(text);
}

struct connecting connecting_parse(struct words *words)
{
	struct connecting connecting = { .receiver = words_name(words, "a receiver") };

	connecting.signals = list_parse(words_next(words, "a signal"));
	for (;;) {
		const char *text;

		if ((text = words_option(words, "sender")))
			sender_parse(&connecting, text);
		else if ((text = words_option(words, "uid")))
			connecting.uid = text_parse(text);
		else if (words_take(words, "strong"))
			connecting.strong = true;
		else
			return connecting;
	}
}

static struct peal_connection connection_of(const struct connecting *connecting,
					    const struct signal_entry *signal)
{
	struct receiver *receiver = receiver_named(connecting->receiver);
	struct peal_connection connection =
		signal_connection(signal, receiver, receiver->asynchronous);

	if (connecting->sender_name && !signal_is_of_models(signal))
		refuse("a sender by name is for the signals of models");
	connection.sender = connecting->sender;
	connection.sender_name = connecting->sender_name;
	connection.uid = connecting->uid;
	connection.scope = connecting->strong ? NULL : &receiver->scope;
	return connection;
}

static int connect_to(const struct signal_entry *signal, struct peal_connection connection,
		      struct peal_error *error)
{
	struct connection *known = keep(sizeof(*known));
	int r;

	connection.ret_handle = &known->handle;
	r = peal_connect(signal->signal, &connection);
	if (r == 0 || r == PEAL_PENDING) {
		known->receiver = connection.user;
		known->next = connections;
		connections = known;
	}
	if (r < 0)
		return peal_error_set(error, r, "connect to %s: %s", signal->name,
				      peal_strerror(r));
	return 0;
}

int connecting_run(const struct connecting *connecting, struct peal_error *error)
{
	int r = 0;

	for (size_t i = 0; i < connecting->signals.count && r == 0; i++) {
		const struct signal_entry *signal = signal_named(connecting->signals.items[i]);

		r = connect_to(signal, connection_of(connecting, signal), error);
	}
	return r;
}

int disconnecting_run(const struct connecting *connecting, bool *ret_was, struct peal_error *error)
{
	const struct signal_entry *signal;
	int r;

	if (connecting->signals.count != 1 || connecting->strong)
		refuse("disconnect takes one signal, and no strength");
	signal = signal_named(connecting->signals.items[0]);
	/* This may be inside the receiver that it ends. */
	r = peal_disconnect_like(signal->signal, connection_of(connecting, signal), false);
	if (r < 0)
		return peal_error_set(error, r, "disconnect: %s", peal_strerror(r));
	*ret_was = r != PEAL_NOT_FOUND;
	return 0;
}

void recorder_connect(const char *signal)
{
	const struct signal_entry *entry = signal_named(signal);

	if (connect_to(entry, signal_connection(entry, &recorder, false), NULL) != 0)
		die("the recorder cannot be connected to %s", signal);
}

void recorder_disconnect(const char *signal)
{
	const struct signal_entry *entry = signal_named(signal);

	if (peal_disconnect_like(entry->signal, signal_connection(entry, &recorder, false), false) <
	    0)
		die("the recorder cannot be disconnected from %s", signal);
}

const char *receiver_of(struct peal_handle handle)
{
	for (const struct connection *known = connections; known; known = known->next)
		if (known->handle.serial == handle.serial)
			return known->receiver->name;
	die("an answer of nobody");
}

void receivers_end(void)
{
	for (; connections; connections = connections->next)
		peal_disconnect_deferred(connections->handle);
}
