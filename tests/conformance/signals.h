/* SPDX-License-Identifier: MIT */
/*
 * The signals by their names. Whatever a signal's arguments are, its handler makes a struct event
 * of them, and the receiver (receivers.h) works on that.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <peal/async.h>
#include <peal/dispatch.h>
#include <peal/model.h>

#include "models.h"

/* An argument of a custom signal. */
struct argument {
	const char *name;
	struct peal_value value;
};

struct custom_args {
	const struct argument *items;
	size_t count;
};
PEAL_SIGNAL_TYPE(custom);

/* Django's for users. */
struct user_logged_in_args {
	struct user *user;
};
PEAL_SIGNAL_DECLARE_PUBLIC(user_logged_in);

struct user_logged_out_args {
	struct user *user; /* NULL: nobody was logged in */
};
PEAL_SIGNAL_DECLARE_PUBLIC(user_logged_out);

struct user_login_failed_args {
	const char *username;
};
PEAL_SIGNAL_DECLARE_PUBLIC(user_login_failed);

/* The sender of user_login_failed. */
extern const char authentication_sender[];

enum event_kind {
	EVENT_PRE_INIT,
	EVENT_POST_INIT,
	EVENT_PRE_SAVE,
	EVENT_POST_SAVE,
	EVENT_PRE_DELETE,
	EVENT_POST_DELETE,
	EVENT_M2M_CHANGED,
	EVENT_LOGGED_IN,
	EVENT_LOGGED_OUT,
	EVENT_LOGIN_FAILED,
	EVENT_CUSTOM,
};

struct event {
	enum event_kind kind;
	const char *signal;
	const void *sender;
	struct peal_instance *instance; /* the argument of that name; NULL when there is none */
	const void *args;               /* of the signal's type */
};

struct signal_entry {
	const char *name;
	enum event_kind kind;
	struct peal_signal *signal;
	uint32_t args_size;
	peal_function *handler, *async_handler;
};

/* Refused when there is none of that name. */
const struct signal_entry *signal_named(const char *name);
/* Of models: those that may have a lazy sender. */
bool signal_is_of_models(const struct signal_entry *entry);
void signal_define(const char *name);
void signals_free(void);

/* The names that "model", "init" and "auth" stand for, or the name itself. */
struct words;
struct words signal_group(const char *name);

/* Any receiver's connection to a signal, for peal_connect() and peal_disconnect_like(). */
struct receiver;
struct peal_connection signal_connection(const struct signal_entry *entry,
					 struct receiver *receiver, bool asynchronous);

/* "lab.Person", "django.contrib.auth"; NULL without a sender. */
const char *sender_label(const void *sender);

#endif
