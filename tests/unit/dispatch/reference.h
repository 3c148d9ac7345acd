/* SPDX-License-Identifier: MIT */
/*
 * reference.h: what the dispatcher shall do, in the plainest words.
 *
 * A list of all connections that ever were, in the order of connecting; what comes next is always searched for in all
 * of it. No threads, no memory to give back, nothing fast: short enough to be seen to be right. fuzz_ops.c does the
 * same operations here and in the library and compares.
 */
#ifndef PEAL_TEST_REFERENCE_H
#define PEAL_TEST_REFERENCE_H

#include <limits.h>
#include <stdbool.h>

enum {
	REF_CONNECTIONS = 200, /* in all; a build with a fixed pool has room for them */
	REF_MUTES = 8,
	REF_FIRST = INT_MIN, /* before all ranks */
};

/* Senders, names, uids and scopes are numbers from 1; 0 is none. Numbers of signals are not used again. */
struct ref_connection {
	int signal, function, user, sender, name, uid, scope, priority;
	bool release;
	enum {
		REF_PENDING,
		REF_CONNECTED,
		REF_ENDED,
		REF_RELEASED
	} state;
	int running; /* calls under way */
	int order;
};

/* As struct peal_mute; -1: every signal, every function. */
struct ref_mute {
	bool on;
	int signal, function, sender, uid, suppressed;
};

struct reference {
	struct ref_connection all[REF_CONNECTIONS];
	int count;
	int next_order;
	int named[4];   /* the sender of each name */
	bool ending[4]; /* scopes whose deferred end is not complete */
	struct ref_mute mutes[REF_MUTES];
	int depth, depth_limit;
	int (*call)(int id);            /* what the receiver of that connection does */
	void (*released)(int user);     /* its release function is due */
	void (*scope_ended)(int scope); /* that of a scope is due */
};

/* Who was called, and what it returned. */
struct ref_answers {
	int count;
	int ids[REF_CONNECTIONS], codes[REF_CONNECTIONS];
};

/* Connections are numbers here, from 0; -1 is none. */
int ref_find(struct reference *ref, struct ref_connection like);
int ref_connect(struct reference *ref, struct ref_connection like, int *ret_id);
int ref_disconnect(struct reference *ref, int id, bool wait);
/* End those of a signal, a sender, a scope (-1: any); returns how many. */
int ref_end_all(struct reference *ref, int signal, int sender, int scope);
int ref_scope_end(struct reference *ref, int scope, bool wait);
int ref_register(struct reference *ref, int name, int sender);
bool ref_covers(const struct ref_mute *mute, const struct ref_connection *conn, int sender);
/* Where it stands: by priority, then in the order of connecting, pending ones last. */
int ref_rank(const struct ref_connection *conn);
/* The first of a signal's connections behind that rank. */
struct ref_connection *ref_next(struct reference *ref, int signal, int rank);
int ref_send(struct reference *ref, int signal, int sender, bool all, struct ref_answers *answers);

#endif
