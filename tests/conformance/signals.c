/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include <string.h>

#include "keep.h"
#include "receivers.h"
#include "scenario.h"

PEAL_SIGNAL_DEFINE_PUBLIC(user_logged_in);
PEAL_SIGNAL_DEFINE_PUBLIC(user_logged_out);
PEAL_SIGNAL_DEFINE_PUBLIC(user_login_failed);

const char authentication_sender[] = "django.contrib.auth";

static const char *name_of(const struct peal_signal *signal);

/* ---- Handlers: from the arguments of each signal to an event --------------------------------- */

static struct peal_instance *custom_instance(const struct custom_args *args)
{
	for (size_t i = 0; i < args->count; i++)
		if (strcmp(args->items[i].name, "instance") == 0 &&
		    args->items[i].value.kind == PEAL_VALUE_POINTER)
			return args->items[i].value.as.pointer;
	return NULL;
}

#define HANDLERS(type_, kind_, instance_)                                                       \
	static int on_##type_(struct peal_call *call, const struct type_##_args *args)          \
	{                                                                                       \
		struct event event = { kind_, name_of(call->signal), call->sender, (instance_), \
				       args };                                                  \
		return receiver_call(call->user, &event, call);                                 \
	}                                                                                       \
	static void start_##type_(struct peal_task *task, const struct type_##_args *args)      \
	{                                                                                       \
		struct event event = { kind_, name_of(task->signal), task->sender, (instance_), \
				       args };                                                  \
		receiver_start(task->user, &event, task);                                       \
	}                                                                                       \
	/* The compiler agrees that these are receivers of the signal. */                       \
	PEAL__UNUSED static type_##_fn *const is_##type_ = on_##type_;                          \
	PEAL__UNUSED static type_##_async_fn *const is_async_##type_ = start_##type_

HANDLERS(peal_pre_init, EVENT_PRE_INIT, NULL);
HANDLERS(peal_post_init, EVENT_POST_INIT, args->instance);
HANDLERS(peal_pre_save, EVENT_PRE_SAVE, args->instance);
HANDLERS(peal_post_save, EVENT_POST_SAVE, args->instance);
HANDLERS(peal_pre_delete, EVENT_PRE_DELETE, args->instance);
HANDLERS(peal_post_delete, EVENT_POST_DELETE, args->instance);
HANDLERS(peal_m2m_changed, EVENT_M2M_CHANGED, args->instance);
HANDLERS(user_logged_in, EVENT_LOGGED_IN, NULL);
HANDLERS(user_logged_out, EVENT_LOGGED_OUT, NULL);
HANDLERS(user_login_failed, EVENT_LOGIN_FAILED, NULL);
HANDLERS(custom, EVENT_CUSTOM, custom_instance(args));

/* ---- By name ------------------------------------------------------------------------------ */

#define ENTRY(name_, type_, kind_)                                                              \
	{                                                                                       \
		name_, kind_, &type_, sizeof(struct type_##_args), (peal_function *)on_##type_, \
			(peal_function *)start_##type_                                          \
	}

static const struct signal_entry built_in[] = {
	ENTRY("pre_init", peal_pre_init, EVENT_PRE_INIT),
	ENTRY("post_init", peal_post_init, EVENT_POST_INIT),
	ENTRY("pre_save", peal_pre_save, EVENT_PRE_SAVE),
	ENTRY("post_save", peal_post_save, EVENT_POST_SAVE),
	ENTRY("pre_delete", peal_pre_delete, EVENT_PRE_DELETE),
	ENTRY("post_delete", peal_post_delete, EVENT_POST_DELETE),
	ENTRY("m2m_changed", peal_m2m_changed, EVENT_M2M_CHANGED),
	ENTRY("user_logged_in", user_logged_in, EVENT_LOGGED_IN),
	ENTRY("user_logged_out", user_logged_out, EVENT_LOGGED_OUT),
	ENTRY("user_login_failed", user_login_failed, EVENT_LOGIN_FAILED),
};

struct custom {
	struct custom *next;
	struct signal_entry entry;
};

static struct custom *customs;

static const struct signal_entry *find(const char *name)
{
	for (size_t i = 0; i < PEAL_COUNTOF(built_in); i++)
		if (strcmp(built_in[i].name, name) == 0)
			return &built_in[i];
	for (const struct custom *custom = customs; custom; custom = custom->next)
		if (strcmp(custom->entry.name, name) == 0)
			return &custom->entry;
	return NULL;
}

/* As the scenario calls it: peal_pre_save is pre_save there. */
static const char *name_of(const struct peal_signal *signal)
{
	for (size_t i = 0; i < PEAL_COUNTOF(built_in); i++)
		if (built_in[i].signal == signal)
			return built_in[i].name;
	return signal->name;
}

const struct signal_entry *signal_named(const char *name)
{
	const struct signal_entry *entry = find(name);

	if (!entry)
		refuse("there is no signal %s", name);
	return entry;
}

bool signal_is_of_models(const struct signal_entry *entry)
{
	return entry->kind <= EVENT_M2M_CHANGED;
}

void signal_define(const char *name)
{
	struct custom *custom;

	if (find(name))
		refuse("there is a signal %s already", name);
	custom = keep(sizeof(*custom));
	custom->entry = (struct signal_entry){ .name = name,
					       .kind = EVENT_CUSTOM,
					       .args_size = sizeof(struct custom_args),
					       .handler = (peal_function *)on_custom,
					       .async_handler = (peal_function *)start_custom };
	if (peal_signal_new(name, sizeof(struct custom_args), &custom->entry.signal) != 0)
		die("the signal %s cannot be made", name);
	custom->next = customs;
	customs = custom;
}

void signals_free(void)
{
	for (; customs; customs = customs->next)
		peal_signal_free(customs->entry.signal);
}

struct words signal_group(const char *name)
{
	static const struct {
		const char *name, *signals;
	} groups[] = {
		{ "model", "pre_save,post_save,pre_delete,post_delete,m2m_changed" },
		{ "init", "pre_init,post_init" },
		{ "auth", "user_logged_in,user_logged_out,user_login_failed" },
	};

	for (size_t i = 0; i < PEAL_COUNTOF(groups); i++)
		if (strcmp(groups[i].name, name) == 0)
			return list_parse(groups[i].signals);
	return list_parse(name);
}

struct peal_connection signal_connection(const struct signal_entry *entry,
					 struct receiver *receiver, bool asynchronous)
{
	return (struct peal_connection){
		.size = sizeof(struct peal_connection),
		.receiver = asynchronous ? entry->async_handler : entry->handler,
		.args_size = entry->args_size,
		.asynchronous = asynchronous,
		.user = receiver,
	};
}

const char *sender_label(const void *sender)
{
	if (!sender || sender == authentication_sender)
		return sender;
	return peal_model_label(sender);
}
