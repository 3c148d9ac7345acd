/* SPDX-License-Identifier: MIT */
/*
 * peal/inspect.h: seeing what is connected, and what happens.
 *
 *	struct peal_snapshot *now;
 *
 *	if (peal_snapshot_take(NULL, &now) == 0) {
 *		for (size_t i = 0; i < now->receiver_count; i++)
 *			printf("%s -> %s\n", now->receivers[i].signal_name, now->receivers[i].name);
 *		peal_snapshot_free(now);
 *	}
 */
#ifndef PEAL_INSPECT_H
#define PEAL_INSPECT_H

#include <peal/dispatch.h>

PEAL_BEGIN_DECLS

struct peal_signal_info {
	struct peal_signal *signal; /* identity; do not follow it unless you know that it lives */
	const char *name;
	const char *file; /* where it is defined; "" for one made at run time */
	unsigned line;
	size_t receivers; /* connections of any .when, pending ones not counted */
	size_t first;     /* where its own begin in the receivers of the snapshot */
	size_t total;     /* and how many these are, pending ones included */
};

struct peal_receiver_info {
	struct peal_signal *signal;
	const char *signal_name;
	struct peal_handle handle;
	uint64_t order;   /* of connecting: among equal priorities the smaller is called first */
	void *user;       /* what it was connected with; follow it only if you know it lives */
	const char *name; /* as written at the connect; "?" when connected without a site */
	const char *file; /* where it was connected; "" when unknown */
	unsigned line;
	const void *sender; /* NULL: any, or pending */
	const char
		*sender_name; /* the registered name of the sender, or what a pending one waits for;
				    "" when there is none */
	const char *uid;      /* "" when it has none */
	int priority;
	bool pending; /* waits for its named sender */
	bool asynchronous;
	bool scoped;      /* ends with a scope */
	unsigned muted;   /* mutes of the calling thread that cover it, whoever sends */
	unsigned running; /* calls of it under way, in all threads, tasks included */
	uint64_t calls;   /* since peal_count_calls(true); 0 when never counted */
	enum peal_when when;
};

/* What was connected at one moment: a copy, which stays valid when everything it names is gone. */
struct peal_snapshot {
	size_t signal_count;
	const struct peal_signal_info *signals; /* in the order in which they became known */
	size_t receiver_count;
	const struct peal_receiver_info *receivers; /* by signal, in the order of the calls for one
						       sender; those that are called later behind
						       the others, pending ones last */
	uint64_t suppressed; /* calls that mutes have kept from happening, ever, in all threads */
};

/*
 * Take a snapshot of one signal, or of all that are known (NULL): those that ever had a connection,
 * were made by peal_signal_new() or given to peal_signal_register(). Returns 0 or PEAL_ENOMEM.
 */
PEAL_API PEAL_MUST_CHECK int peal_snapshot_take(struct peal_signal *signal,
						struct peal_snapshot **ret_snapshot);
PEAL_API void peal_snapshot_free(struct peal_snapshot *snapshot);

/*
 * Count the calls of every receiver, from now on, or stop. Off at first: a shared counter would be
 * written by every sending thread, which a send otherwise never does. While it is on a send takes
 * its longer way, and each connection takes some more memory. Returns 0, or PEAL_ENOMEM and nothing
 * has changed.
 */
PEAL_API PEAL_MUST_CHECK int peal_count_calls(bool on);

enum peal_trace_kind {
	PEAL_TRACE_SEND = 1,   /* a send begins; receiver fields are empty */
	PEAL_TRACE_CALL = 2,   /* a receiver is about to be called */
	PEAL_TRACE_RETURN = 3, /* it has returned code, after elapsed_ns */
	PEAL_TRACE_MUTED = 4,  /* it was not called: a mute covers it */
	PEAL_TRACE_SENT = 5,   /* the send has ended with code, after elapsed_ns */
};

struct peal_trace_event {
	enum peal_trace_kind kind;
	unsigned depth; /* sends around this one */
	struct peal_signal *signal;
	const void *sender;
	const void *args;
	const char *receiver; /* its name; "" for SEND and SENT */
	const char *site;     /* "FILE:LINE:..." of its connect, or "" */
	struct peal_handle handle;
	int code;
	uint64_t elapsed_ns;
	bool asynchronous; /* RETURN then means: started (or refused) */
	enum peal_when when;
};

/*
 * Called in the thread that sends, at each step of each send of every thread; with no lock held. It
 * may send, connect and disconnect; its own sends are not traced. A signal that nobody hears is not
 * traced: its sender does not even call the library. NULL takes the hook away; costs nothing then.
 * When it returns, calls of the old hook may still be under way in other threads.
 */
typedef void peal_trace_fn(void *user, const struct peal_trace_event *event);
PEAL_API void peal_set_trace(peal_trace_fn *trace, void *user);

/* A send that the calling thread is in. */
struct peal_chain_link {
	struct peal_signal *signal;
	const void *sender;
	enum peal_when when;
	char receiver[PEAL_ERROR_NAME_MAX]; /* which it is calling; "?" when it has no name */
};

/*
 * How the program came here: the sends around the caller, in this thread, the outermost first.
 * Fills at most count links and returns how many sends there are.
 */
PEAL_API size_t peal_call_chain(struct peal_chain_link *links, size_t count);

PEAL_END_DECLS

#endif
