/* SPDX-License-Identifier: MIT */
/* Receivers, their actions, and their connections. */
#ifndef RECEIVERS_H
#define RECEIVERS_H

#include <peal/dispatch.h>

#include "scenario.h"
#include "signals.h"

struct receiver;

/* From the handlers of signals.c. */
int receiver_call(struct receiver *receiver, const struct event *event, struct peal_call *call);
void receiver_start(struct receiver *receiver, const struct event *event, struct peal_task *task);

/* receiver NAME [async] ACTION... */
void receiver_define(struct words *words);
/* Its weak connections end, the name is free. */
void receiver_drop(const char *name);
/* The receiver behind an answer. */
const char *receiver_of(struct peal_handle handle);

/* NAME SIGNAL,SIGNAL [sender=MODEL] [uid=ID] [strong] */
struct connecting {
	const char *receiver;
	struct words signals;
	const struct peal_model *sender;
	const char *sender_name; /* lazy */
	const char *uid;
	bool strong;
};
struct connecting connecting_parse(struct words *words);
int connecting_run(const struct connecting *connecting, struct peal_error *error);
/* Whether it was there. */
int disconnecting_run(const struct connecting *connecting, bool *ret_was, struct peal_error *error);

void recorder_connect(const char *signal);
void recorder_disconnect(const char *signal);

void receivers_end(void);

#endif
