/* SPDX-License-Identifier: MIT */
/*
 * peal/dispatch.h: signals, and the receivers that are connected to them.
 *
 * A signal says that something happened; whoever is connected acts; the two know nothing of each
 * other.
 *
 *	struct bell_rung_args { const char *lesson; int minutes; };
 *	PEAL_SIGNAL(bell_rung);
 *
 *	static int pack_up(struct peal_call *call, const struct bell_rung_args *args)
 *	{
 *		struct room *room = call->user;
 *
 *		printf("%s packs up after %s\n", room->name, args->lesson);
 *		return 0;
 *	}
 *
 *	PEAL_CONNECT(bell_rung, pack_up, .user = room);
 *	PEAL_SEND(bell_rung, NULL, .lesson = "maths", .minutes = 45);
 *
 * The contract
 *
 *   Order      Receivers run one after the other, in the order in which they were connected, those
 *              for this sender and those for any sender alike. A higher .priority runs earlier.
 *              (django.dispatch.Signal.send; Django has no priorities.)
 *   Identity   A connection is known by its uid and sender or, without a uid, by receiver, user
 *              data and sender. Connecting it again changes nothing and returns PEAL_EXISTS.
 *              (Django: dispatch_uid.)
 *   Changes    A receiver connected during a send is not called by that send. One disconnected
 *              before its turn is not called (Django would call it: here its data may already be
 *              gone).
 *   Nesting    A receiver may send, also the same signal: the inner send is complete before the
 *              outer goes on. More than peal_depth_limit() sends inside each other are PEAL_EDEPTH,
 *              and the message shows the chain.
 *   Lifetime   After peal_disconnect() or peal_scope_end() has returned 0 the receiver does not run
 *              in any thread and will not run again: what it uses may be freed. Senders, receivers,
 *              signals made by peal_signal_new() and scopes may all go away during a send.
 *   Errors     A receiver returns 0, or an error that ends PEAL_SEND and is returned by it.
 *              PEAL_SEND_ROBUST calls all and collects.
 *   Arguments  What args points to is borrowed until the receiver returns: copy what you keep.
 *              Members may be added at the end of an argument struct later: receivers compiled
 *              before do not see them, and receivers compiled after see zero there when an older
 *              sender sends.
 *   Threads    Every function here may be called from any thread, also from inside a receiver; what
 *              a function refuses inside a send, its text says. A receiver runs in the thread that
 *              sends; the library has no threads of its own and holds no lock while a receiver
 *              runs. An error of one thread's send is not seen by another's.
 *   Cost       A signal that nobody hears costs a load and a branch, and PEAL_SEND does not
 *              evaluate its arguments. A send takes no lock, changes no shared memory and allocates
 *              nothing. A thread's first send registers the thread (see peal_thread_prepare()).
 *   errno      A send leaves errno as it was.
 *   fork       May be called at any time, in a receiver too. The child has the same connections.
 *   Jumps      A receiver may be cancelled (pthread_cancel) or leave by a C++ exception, but for
 *              the latter not in an asend; longjmp out of a receiver is not allowed. Signal
 *              handlers (sigaction) must not call Peal.
 */
#ifndef PEAL_DISPATCH_H
#define PEAL_DISPATCH_H

#include <peal/base.h>
#include <peal/error.h>
#include <peal/value.h>

PEAL_BEGIN_DECLS

/* Any function pointer, between the typed connect below and the library. */
typedef void peal_function(void);

struct peal_executor; /* peal/async.h */
struct peal_task;

/*
 * A signal. Its address is its identity. PEAL_SIGNAL_DEFINE makes one in static storage, ready
 * without any call; peal_signal_new() makes one at run time. All members but name are the
 * library's.
 */
struct peal_signal {
	const char *name;
	const char *site;   /* where it is defined: "school/exam.c:12" */
	uint32_t args_size; /* of the argument struct, as its definer knew it */
	uint32_t listeners; /* connections; read by peal_signal_is_heard() */
	struct peal__list {
		struct peal__array *array;
		struct peal_signal *signal;
		const void *sender;
		struct peal__list *levels;
		int32_t priority;
		uint32_t live;
	} any;                       /* receivers that hear any sender */
	struct peal__table *senders; /* and those that hear one */
	struct peal_signal *next;
	uint32_t state;
	struct peal_signal *after_commit; /* has those with PEAL_AFTER_COMMIT; NULL: it cannot */
	struct peal_signal *told;         /* of such a one: the signal that its receivers hear */
};

/*
 * Names one connection, also after it has ended: a handle is never used again for another one.
 * Zero: none. Pass it by value, copy it freely.
 */
struct peal_handle {
	uint64_t serial;
	uint32_t slot;
};

/*
 * What a receiver is told besides its arguments. Borrowed until the receiver returns.
 */
struct peal_call {
	struct peal_signal *signal;
	const void *sender;       /* as given to the send; NULL when sent without one */
	void *user;               /* .user of this connection */
	struct peal_error *error; /* for the details of an error; NULL when nobody asked */
};

/*
 * Give the response of this receiver (Django: its return value). Text and bytes are copied if
 * somebody collects them: 0 or PEAL_ENOMEM.
 */
PEAL_API int peal_call_respond(struct peal_call *call, struct peal_value response);

/* The handle of the connection that is being called. */
PEAL_API struct peal_handle peal_call_handle(const struct peal_call *call);

/* How many sends surround this one in this thread: 0 for an outermost one. */
PEAL_API unsigned peal_call_depth(const struct peal_call *call);

/* -------------------------------------------------------------------------------------------------
 * Scopes: the lifetime of connections
 */

/*
 * A set of connections that end together, for the object that their receivers belong to. Embed it,
 * zero it, name it in .scope, and end it before the object goes away. (What Django does by weak
 * references.)
 *
 *	struct room { struct peal_scope scope; ... };
 *	PEAL_CONNECT(bell_rung, pack_up, .user = room, .scope = &room->scope);
 *	...
 *	peal_scope_end(&room->scope);
 *	free(room);
 */
struct peal_scope {
	struct peal__conn *first; /* the members are the library's */
	uint32_t size;
	uint32_t unsettled;
	uint32_t ending;
	void (*release)(void *user);
	void *user;
};

/*
 * End all connections of a scope and wait until none of their receivers runs. Waits for no other
 * receiver. The scope may then be used again or freed. Ending an empty scope does nothing. Returns
 * 0; PEAL_EDEADLK, changing nothing, inside a receiver: two receivers that wait for each other
 * would hang; PEAL_EBUSY when the scope is already being ended.
 */
PEAL_API PEAL_MUST_CHECK int peal_scope_end(struct peal_scope *scope);

/*
 * End all connections of a scope and never wait: no receiver of it is started any more, and once
 * none runs, release(user) is called, once: before this function returns, or later by the thread in
 * which the last of them returns. The scope must stay in memory until then; release may free it.
 * release may be NULL. Returns 0 when release has been called, PEAL_RUNNING when it is still to be
 * called; PEAL_EBUSY when the scope is already being ended.
 */
PEAL_API int peal_scope_end_deferred(struct peal_scope *scope, void (*release)(void *user),
				     void *user);

/* The number of connections in the scope, those that wait for a named sender included. */
PEAL_API size_t peal_scope_size(const struct peal_scope *scope);

/* -------------------------------------------------------------------------------------------------
 * Connecting
 */

/* When a receiver is called. */
enum peal_when {
	PEAL_AT_ONCE = 0,      /* by the send, before it returns */
	PEAL_AFTER_COMMIT = 1, /* when what the signal tells of is committed */
};

/*
 * The options of a connection; each may be left out.
 *
 *   sender       hear only this sender; NULL: any. Compared by address.
 *   sender_name  instead of sender: a name, "school.Student", that peal_sender_register() has given
 *                or will give.
 *   user         given to each call as call->user.
 *   release      called once with user when the connection has ended and its last call has
 *                returned; never under a lock.
 *   uid          part of the identity instead of receiver and user; copied. NULL and "" are none.
 *   scope        the connection ends with this scope.
 *   ret_handle   where the handle goes, also that of a connection that was there already.
 *   priority     higher runs earlier; 0 is the usual one.
 *   when         only of signals that tell what becomes of a transaction (peal/model_signals.h):
 *                PEAL_AFTER_COMMIT. It is part of the identity: a receiver may be connected for
 *                both moments, and is disconnected from the one that is named. For a signal that
 *                has no such moment it does not compile; untyped it is PEAL_EINVAL, and the log
 *                says what to do instead.
 */
#define PEAL_CONNECT_OPTIONS            \
	const void *sender;             \
	const char *sender_name;        \
	void *user;                     \
	void (*release)(void *user);    \
	const char *uid;                \
	struct peal_scope *scope;       \
	struct peal_handle *ret_handle; \
	int priority

/*
 * The untyped form of a receiver and its options, for bindings to other languages; C code uses
 * PEAL_CONNECT.
 */
struct peal_connection {
	size_t size; /* sizeof(struct peal_connection) */
	peal_function *receiver;
	const char *site;      /* "FILE:LINE:RECEIVER", static: kept, not copied; NULL is allowed */
	uint32_t args_size;    /* of the argument struct that the receiver knows */
	uint32_t asynchronous; /* 1: a receiver of peal/async.h */
	struct peal_executor *executor; /* of an asynchronous one; NULL: the sending thread */
	PEAL_CONNECT_OPTIONS;
	enum peal_when when;
};

/*
 * Connect. Returns 0 for a new connection; PEAL_EXISTS when the same one is there already (nothing
 * has changed, and release will not be called for this user); PEAL_PENDING when it waits for its
 * named sender to be registered. Errors: PEAL_EINVAL (no receiver; both sender and sender_name; a
 * sender_name that is not "group.Name"; a scope that is being ended; a .when that the signal does
 * not have), PEAL_ENOMEM: nothing has changed.
 */
PEAL_API PEAL_MUST_CHECK int peal_connect(struct peal_signal *signal,
					  const struct peal_connection *connection);

PEAL_MUST_CHECK static inline int peal_connect_described(struct peal_signal *signal,
							 struct peal_connection connection)
{
	return peal_connect(signal, &connection);
}

/*
 * End the connection and wait until its receiver runs in no thread; waits for no other receiver.
 * When it returns 0, release has been called. Returns 0; PEAL_NOT_FOUND when there is no such
 * connection (any more): its receiver is not running either, unless it was ended by a deferred form
 * or another thread is ending it right now; PEAL_EDEADLK, changing nothing, inside a receiver.
 */
PEAL_API PEAL_MUST_CHECK int peal_disconnect(struct peal_handle handle);

/*
 * End the connection and never wait: its receiver is not started again. May be called inside a
 * receiver, also for itself (peal_call_handle()). Returns 0 when it does not run and release has
 * been called; PEAL_RUNNING when it still runs somewhere, perhaps in the caller: release is called
 * after its last call has returned; PEAL_NOT_FOUND.
 */
PEAL_API int peal_disconnect_deferred(struct peal_handle handle);

/*
 * Find a connection by its identity: the receiver (or uid), user, sender and when of *connection.
 * 0 or PEAL_NOT_FOUND.
 */
PEAL_API PEAL_MUST_CHECK int peal_find(struct peal_signal *signal,
				       const struct peal_connection *connection,
				       struct peal_handle *ret_handle);

/* Whether the connection is there (it may be gone in the next moment). */
PEAL_API bool peal_is_connected(struct peal_handle handle);

/*
 * End all connections that have anything in the same loaded object (program or plug-in) as address:
 * signal, receiver, release function, the place of the connect, scope or executor. Wait for them,
 * and forget the signals there: to be called before dlclose(). Returns 0; PEAL_EDEADLK, changing
 * nothing, inside a receiver; PEAL_EINVAL when the address is in no loaded object. ret_count (may
 * be NULL) is how many there were.
 */
PEAL_API PEAL_MUST_CHECK int peal_disconnect_module(const void *address, size_t *ret_count);

/* -------------------------------------------------------------------------------------------------
 * Senders
 */

/*
 * Give a sender a name, "group.Name" (Django: "app_label.ModelName"): two parts and one point, the
 * second part compared without regard to case; and connect what has been waiting for it, in the
 * order in which it was connected. The name is copied. Returns 0; PEAL_EXISTS when the name belongs
 * to this sender already; PEAL_EBUSY when it belongs to another one; PEAL_EINVAL; PEAL_ENOMEM.
 */
PEAL_API PEAL_MUST_CHECK int peal_sender_register(const char *name, const void *sender);

/* The sender of that name, or NULL. */
PEAL_API const void *peal_sender_get(const char *name);

/*
 * Forget a sender that goes away: every connection to it, of any signal, ends as by
 * peal_disconnect_deferred(), and so does its name. To be called before its memory is used for
 * something else: senders are compared by address. May be called inside a send. Returns the number
 * of connections that ended.
 */
PEAL_API size_t peal_sender_forget(const void *sender);

/* -------------------------------------------------------------------------------------------------
 * Sending
 */

/* One receiver's answer. All borrowed from the results. */
struct peal_result {
	struct peal_handle handle;
	void *user;                 /* of the connection */
	const char *receiver;       /* its name */
	int code;                   /* what it returned */
	const char *message;        /* the details of its error; "" when there are none */
	struct peal_value response; /* what it gave to peal_call_respond(); PEAL_NULL otherwise */
};

/*
 * The answers of all receivers of one send, in the order of the calls. Zero-initialise;
 * peal_results_fini() frees what was needed beyond the room inside (more than eight receivers, or
 * text in a response). May be used again for another send, which empties it first.
 */
struct peal_results {
	size_t count;
	struct peal_result *items;
	struct peal_error error; /* of the first receiver that failed */
	size_t capacity;
	struct peal_result inside[8];
	void *internal;
};

PEAL_API void peal_results_fini(struct peal_results *results);

enum peal_send_mode {
	PEAL_SEND_STOP = 0, /* stop at the first error (Django: send) */
	PEAL_SEND_ALL = 1,  /* call all, log errors (Django: send_robust) */
};

/* Whether anybody hears the signal at all. The test that PEAL_SEND makes. */
static inline bool peal_signal_is_heard(const struct peal_signal *signal)
{
	return __atomic_load_n(&signal->listeners, __ATOMIC_RELAXED) != 0;
}

/*
 * Whether a send from this sender would call anybody at once (Django: has_listeners). NULL:
 * receivers for any sender only.
 */
PEAL_API bool peal_has_receivers(struct peal_signal *signal, const void *sender);

/*
 * The untyped sends, for bindings; C code uses PEAL_SEND and its like, below.
 *
 * peal_send() returns 0, or what the first receiver that did not return 0 returned (later ones are
 * not called), or PEAL_EDEPTH, or PEAL_ENOMEM (only a thread's first send, receivers of
 * peal/async.h, and receivers that know more arguments than the sender). peal_send_with() also
 * takes the place for the answers (NULL: none) and for the details of the error (NULL: none); with
 * PEAL_SEND_ALL it returns 0 whatever the receivers returned, and each error goes to results and
 * to the log.
 */
PEAL_API int peal_send(struct peal_signal *signal, const void *sender, const void *args,
		       size_t args_size);
PEAL_API int peal_send_with(struct peal_signal *signal, const void *sender, const void *args,
			    size_t args_size, enum peal_send_mode mode,
			    struct peal_results *results, struct peal_error *error);

/*
 * All receivers are done. code is 0 or the first error, in the order of the results, which are
 * borrowed.
 */
typedef void peal_done_fn(void *user, int code, const struct peal_results *results);

/*
 * Send, and be told when all receivers are done, asynchronous ones too; see peal/async.h. Returns
 * 0, and done will be called or has been; or an error (PEAL_ENOMEM, PEAL_EDEPTH): nothing has been
 * called and done never will be. done may be NULL.
 */
PEAL_API PEAL_MUST_CHECK int peal_asend(struct peal_signal *signal, const void *sender,
					const void *args, size_t args_size,
					enum peal_send_mode mode, peal_done_fn *done, void *user);

/*
 * The largest number of sends inside each other in one thread, 1 to 64; 64 at first. Set it before
 * sending.
 */
PEAL_API unsigned peal_depth_limit(void);
PEAL_API PEAL_MUST_CHECK int peal_set_depth_limit(unsigned limit);

/*
 * Do now what the first send of this thread would do: take the thread's record, from those of ended
 * threads, from a reserve of 32, or else from the allocator. Returns 0, or PEAL_ENOMEM. The record
 * goes back when the thread ends.
 */
PEAL_API PEAL_MUST_CHECK int peal_thread_prepare(void);

/* -------------------------------------------------------------------------------------------------
 * Signals made at run time
 */

/*
 * Make a signal, for one object's own events for example. The name is copied. args_size is that of
 * its argument struct. Used with PEAL_CONNECT_TO and PEAL_SEND_TO. Returns 0, PEAL_EINVAL or
 * PEAL_ENOMEM.
 */
PEAL_API PEAL_MUST_CHECK int peal_signal_new(const char *name, size_t args_size,
					     struct peal_signal **ret_signal);

/*
 * End all its connections, as by peal_disconnect_deferred(), and free the signal: at once, or when
 * the sends of it that are running, here or in other threads, have returned. Nobody may use it in a
 * new call. free(NULL) does nothing.
 */
PEAL_API void peal_signal_free(struct peal_signal *signal);

/*
 * Make a signal known to introspection before anybody has connected to it. Registering twice does
 * nothing.
 */
PEAL_API void peal_signal_register(struct peal_signal *signal);

/* -------------------------------------------------------------------------------------------------
 * Muting
 */

/*
 * While a mute is on, this thread's sends do not call what it names: neither at once nor, where
 * there is a .when, afterwards. Mutes may be nested and overlap; the receiver is called again when
 * none of them is on. The struct belongs to the caller, who ends it in the same thread.
 */
struct peal_mute {
	struct peal_signal *signal; /* NULL: every signal */
	peal_function *receiver;    /* NULL: every receiver */
	const void *sender;         /* NULL: every sender */
	const char *uid;            /* NULL: with any uid or none; borrowed until the end */
	void *user;                 /* NULL: with any user data */
	uint64_t suppressed;        /* how many calls it has kept from happening */
	void *internal[3];
};

PEAL_API void peal_mute_begin(struct peal_mute *mute);
PEAL_API void peal_mute_end(struct peal_mute *mute);

/* -------------------------------------------------------------------------------------------------
 * The typed layer: macros, each for what a function cannot do
 *
 * For a signal NAME with arguments struct NAME_args they make:
 *   NAME_fn                     the type of its receivers
 *   struct NAME_receiver        a receiver and its options
 *   NAME_connection()           that as the untyped struct peal_connection, for peal_connect()
 *   NAME_async_...              the same for asynchronous receivers (peal/async.h)
 *   NAME_send(), NAME_send_with()  where the signal may be sent
 * In C++, which has no compound literals, use these directly.
 */

/*
 * The types that go with struct NAME_args, for signals made at run time (PEAL_SIGNAL_DECLARE
 * includes it).
 */
#define PEAL_SIGNAL_TYPE(name_) PEAL__SIGNAL_TYPE(name_, PEAL_CONNECT_OPTIONS, PEAL_AT_ONCE)
/* Those of a signal that has the option .when. */
#define PEAL__SIGNAL_TYPE_WHEN(name_) \
	PEAL__SIGNAL_TYPE(name_, PEAL_CONNECT_OPTIONS; enum peal_when when, r->when)
#define PEAL__SIGNAL_TYPE(name_, options_, when_)                                                  \
	typedef int name_##_fn(struct peal_call *call, const struct name_##_args *args);           \
	struct PEAL_NAMED_ONLY name_##_receiver {                                                  \
		name_##_fn *receiver;                                                              \
		options_;                                                                          \
	};                                                                                         \
	PEAL__UNUSED static inline struct peal_connection name_##_connection(                      \
		const struct name_##_receiver *r, const char *site)                                \
	{                                                                                          \
		struct peal_connection connection = PEAL__CONNECTION(name_, r, site, when_);       \
		return connection;                                                                 \
	}                                                                                          \
	PEAL__UNUSED static inline struct peal_connection name_##_describe(const void *r,          \
									   const char *site)       \
	{                                                                                          \
		return name_##_connection((const struct name_##_receiver *)r, site);               \
	}                                                                                          \
	typedef void name_##_async_fn(struct peal_task *task, const struct name_##_args *args);    \
	struct PEAL_NAMED_ONLY name_##_async_receiver {                                            \
		name_##_async_fn *receiver;                                                        \
		/* where the receiver is started; NULL: in the thread that sends. */               \
		struct peal_executor *executor;                                                    \
		options_;                                                                          \
	};                                                                                         \
	PEAL__UNUSED static inline struct peal_connection name_##_async_connection(                \
		const struct name_##_async_receiver *r, const char *site)                          \
	{                                                                                          \
		struct peal_connection connection = PEAL__CONNECTION(name_, r, site, when_);       \
		connection.asynchronous = 1;                                                       \
		connection.executor = r->executor;                                                 \
		return connection;                                                                 \
	}                                                                                          \
	PEAL__UNUSED static inline struct peal_connection name_##_async_describe(const void *r,    \
										 const char *site) \
	{                                                                                          \
		return name_##_async_connection((const struct name_##_async_receiver *)r, site);   \
	}                                                                                          \
	struct peal_signal

#define PEAL__CONNECTION(name_, r_, site_, when_)                                             \
	{                                                                                     \
		sizeof(struct peal_connection), (peal_function *)(r_)->receiver, (site_),     \
			(uint32_t)sizeof(struct name_##_args), 0, NULL, (r_)->sender,         \
			(r_)->sender_name, (r_)->user, (r_)->release, (r_)->uid, (r_)->scope, \
			(r_)->ret_handle, (r_)->priority, when_                               \
	}

/*
 * Declare a signal, in a header. Anybody may connect to it; only the file that defines it can send
 * it. Expects struct NAME_args before it.
 */
#define PEAL_SIGNAL_DECLARE(name_) \
	PEAL_SIGNAL_TYPE(name_);   \
	extern struct peal_signal name_

/* Define the signal, in exactly one .c file, which alone can then PEAL_SEND it. */
#define PEAL_SIGNAL_DEFINE(name_)         \
	PEAL_SIGNAL_DEFINE_PUBLIC(name_); \
	PEAL__SIGNAL_SENDER(name_)

/* The same two for a signal that whoever includes the header may send. */
#define PEAL_SIGNAL_DECLARE_PUBLIC(name_) \
	PEAL_SIGNAL_DECLARE(name_);       \
	PEAL__SIGNAL_SENDER(name_)
#define PEAL_SIGNAL_DEFINE_PUBLIC(name_) \
	struct peal_signal name_ =       \
		PEAL__SIGNAL_VALUE(#name_, sizeof(struct name_##_args), NULL, NULL)

/* A signal declared by PEAL__SIGNAL_TYPE_WHEN, for PEAL__SIGNAL_SENDER. */
#define PEAL__SIGNAL_DEFINE_WHEN(name_)                                                  \
	static struct peal_signal name_##_after =                                        \
		PEAL__SIGNAL_VALUE(#name_, sizeof(struct name_##_args), NULL, &(name_)); \
	struct peal_signal name_ =                                                       \
		PEAL__SIGNAL_VALUE(#name_, sizeof(struct name_##_args), &name_##_after, NULL)

#define PEAL__SIGNAL_VALUE(text_, size_, after_, told_)                                \
	{                                                                              \
		(text_), __FILE__ ":" PEAL__TEXT(__LINE__), (uint32_t)(size_), 0,      \
			{ NULL, NULL, NULL, NULL, 0, 0 }, NULL, NULL, 0, after_, told_ \
	}

/* The parameters end in "_" because a signal may be called "error" or "done". */
#define PEAL__SIGNAL_SENDER(name_)                                                                \
	PEAL__UNUSED static inline int name_##_send(const void *sender_,                          \
						    const struct name_##_args *args_)             \
	{                                                                                         \
		return peal_send(&name_, sender_, args_, sizeof(*args_));                         \
	}                                                                                         \
	PEAL__UNUSED static inline int name_##_send_with(                                         \
		const void *sender_, const struct name_##_args *args_, enum peal_send_mode mode_, \
		struct peal_results *results_, struct peal_error *error_)                         \
	{                                                                                         \
		return peal_send_with(&name_, sender_, args_, sizeof(*args_), mode_, results_,    \
				      error_);                                                    \
	}                                                                                         \
	PEAL__UNUSED PEAL_MUST_CHECK static inline int name_##_asend(                             \
		const void *sender_, const struct name_##_args *args_, enum peal_send_mode mode_, \
		peal_done_fn *done_, void *user_)                                                 \
	{                                                                                         \
		return peal_asend(&name_, sender_, args_, sizeof(*args_), mode_, done_, user_);   \
	}                                                                                         \
	struct peal_signal

/* Declare and define in one line, for a signal of one file. */
#define PEAL_SIGNAL(name_)          \
	PEAL_SIGNAL_DECLARE(name_); \
	PEAL_SIGNAL_DEFINE(name_)

/*
 * For a signal without arguments: struct lights_out_args { PEAL_NO_ARGS; }; PEAL_SEND(lights_out,
 * NULL, PEAL_NONE)
 */
#define PEAL_NO_ARGS char none
#define PEAL_NONE .none = 0

/*
 * FILE:LINE:RECEIVER, OPTIONS: one static text; introspection shows the receiver up to the first
 * comma.
 */
#define PEAL__SITE(type_, ...) \
	&(__FILE__ ":" PEAL__TEXT(__LINE__) ":" #__VA_ARGS__)[PEAL__FITS(type_, __VA_ARGS__)]

/* 0 when the receiver is a TYPE, or NULL: a receiver of another type does not compile. */
#define PEAL__FITS(type_, ...) _Generic((PEAL__FIRST(__VA_ARGS__, 0)), type_ * : 0, void * : 0)

/*
 * PEAL_CONNECT(SIGNAL, RECEIVER[, .option = value...])        see peal_connect()
 *
 *	PEAL_CONNECT(peal_post_save, create_profile, .sender = &user_model, .uid = "profiles")
 */
#define PEAL_CONNECT(signal_, ...)                                                                 \
	peal_connect_described(                                                                    \
		&(signal_), signal_##_connection(                                                  \
				    &(const struct signal_##_receiver){ .receiver = __VA_ARGS__ }, \
				    PEAL__SITE(signal_##_fn, __VA_ARGS__)))

/* The same for a signal made at run time, of PEAL_SIGNAL_TYPE type_. */
#define PEAL_CONNECT_TO(type_, signal_, ...)                                                    \
	peal_connect_described(                                                                 \
		(signal_),                                                                      \
		type_##_connection(&(const struct type_##_receiver){ .receiver = __VA_ARGS__ }, \
				   PEAL__SITE(type_##_fn, __VA_ARGS__)))

/* An asynchronous receiver (peal/async.h), which has .executor besides the options. */
#define PEAL_CONNECT_ASYNC(signal_, ...)                                                     \
	peal_connect_described(&(signal_), signal_##_async_connection(                       \
						   &(const struct signal_##_async_receiver){ \
							   .receiver = __VA_ARGS__ },        \
						   PEAL__SITE(signal_##_async_fn, __VA_ARGS__)))

/*
 * PEAL_DISCONNECT(SIGNAL, RECEIVER[, .user = ..., .sender = ..., .uid = ...])
 *
 * By identity, as given to connect, .when included; with a uid the receiver may be NULL. The
 * waiting form, and the other one; and the two for asynchronous receivers.
 */
#define PEAL_DISCONNECT(signal_, ...) \
	peal_disconnect_like(&(signal_), PEAL__IDENTITY(signal_, __VA_ARGS__), true)
#define PEAL_DISCONNECT_DEFERRED(signal_, ...) \
	peal_disconnect_deferred_like(&(signal_), PEAL__IDENTITY(signal_, __VA_ARGS__))
#define PEAL_DISCONNECT_ASYNC(signal_, ...) \
	peal_disconnect_like(&(signal_), PEAL__ASYNC_IDENTITY(signal_, __VA_ARGS__), true)
#define PEAL_DISCONNECT_DEFERRED_ASYNC(signal_, ...) \
	peal_disconnect_like(&(signal_), PEAL__ASYNC_IDENTITY(signal_, __VA_ARGS__), false)
#define PEAL__IDENTITY(signal_, ...)                                                        \
	signal_##_connection(&(const struct signal_##_receiver){ .receiver = __VA_ARGS__ }, \
			     PEAL__FITS(signal_##_fn, __VA_ARGS__) ? "" : NULL)
#define PEAL__ASYNC_IDENTITY(signal_, ...)                                           \
	signal_##_async_connection(                                                  \
		&(const struct signal_##_async_receiver){ .receiver = __VA_ARGS__ }, \
		PEAL__FITS(signal_##_async_fn, __VA_ARGS__) ? "" : NULL)

/*
 * peal_find() and peal_disconnect() (wait) or peal_disconnect_deferred(), in one step that nothing
 * comes between.
 */
PEAL_API PEAL_MUST_CHECK int peal_disconnect_like(struct peal_signal *signal,
						  struct peal_connection like, bool wait);

/* The result may be ignored, as that of peal_disconnect_deferred(). */
static inline int peal_disconnect_deferred_like(struct peal_signal *signal,
						struct peal_connection like)
{
	return peal_disconnect_like(signal, like, false);
}

/*
 * PEAL_SEND(SIGNAL, SENDER, .argument = value...)              see peal_send()
 * An argument left out is zero. When nobody hears the signal the arguments are not evaluated.
 */
#define PEAL_SEND(signal_, sender_, ...)                                                    \
	(peal_signal_is_heard(&(signal_))                                                   \
		 ? signal_##_send((sender_), &(const struct signal_##_args){ __VA_ARGS__ }) \
		 : 0)

/* The same with the answers of the receivers, in a struct peal_results (or NULL). */
#define PEAL_SEND_COLLECT(signal_, sender_, results_, ...)                            \
	signal_##_send_with((sender_), &(const struct signal_##_args){ __VA_ARGS__ }, \
			    PEAL_SEND_STOP, (results_), NULL)

/*
 * Call every receiver whatever it returns, and collect. Errors go to the results and to the log
 * callback: without either nobody sees them.
 */
#define PEAL_SEND_ROBUST(signal_, sender_, results_, ...)                             \
	signal_##_send_with((sender_), &(const struct signal_##_args){ __VA_ARGS__ }, \
			    PEAL_SEND_ALL, (results_), NULL)

/* PEAL_SEND with a struct peal_error * for the details of what went wrong. */
#define PEAL_SEND_ERROR(signal_, sender_, error_, ...)                                           \
	(peal_signal_is_heard(&(signal_))                                                        \
		 ? signal_##_send_with((sender_), &(const struct signal_##_args){ __VA_ARGS__ }, \
				       PEAL_SEND_STOP, NULL, (error_))                           \
		 : (peal_error_clear(error_), 0))

/*
 * Send and go on; done(user, code, results) is called when all receivers are done: see
 * peal/async.h.
 */
#define PEAL_ASEND(signal_, sender_, done_, user_, ...)                                           \
	signal_##_asend((sender_), &(const struct signal_##_args){ __VA_ARGS__ }, PEAL_SEND_STOP, \
			(done_), (user_))
#define PEAL_ASEND_ROBUST(signal_, sender_, done_, user_, ...)                                   \
	signal_##_asend((sender_), &(const struct signal_##_args){ __VA_ARGS__ }, PEAL_SEND_ALL, \
			(done_), (user_))

/* A signal made at run time, of PEAL_SIGNAL_TYPE type_. */
#define PEAL_SEND_TO(type_, signal_, sender_, ...)                                              \
	(peal_signal_is_heard(signal_)                                                          \
		 ? peal_send((signal_), (sender_), &(const struct type_##_args){ __VA_ARGS__ }, \
			     sizeof(struct type_##_args))                                       \
		 : 0)

/*
 * A table of receivers, connected at once: what Django's @receiver decorator and AppConfig.ready()
 * do together.
 *
 *	static const struct peal_receiver receivers[] = {
 *		PEAL_RECEIVER(peal_pre_save, capitalize_name, .sender = &student_model),
 *		PEAL_RECEIVER(peal_post_save, create_profile, .sender_name = "auth.User"),
 *	};
 *	peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope);
 */
struct peal_receiver {
	struct peal_signal *signal;
	struct peal_connection (*describe)(const void *receiver, const char *site);
	const void *receiver;
	const char *site;
};

#define PEAL_RECEIVER(signal_, ...)                                                    \
	{                                                                              \
		&(signal_), signal_##_describe,                                        \
			&(const struct signal_##_receiver){ .receiver = __VA_ARGS__ }, \
			PEAL__SITE(signal_##_fn, __VA_ARGS__)                          \
	}

#define PEAL_RECEIVER_ASYNC(signal_, ...)                                                    \
	{                                                                                    \
		&(signal_), signal_##_async_describe,                                        \
			&(const struct signal_##_async_receiver){ .receiver = __VA_ARGS__ }, \
			PEAL__SITE(signal_##_async_fn, __VA_ARGS__)                          \
	}

/*
 * Connect all, in the order of the table; scope (may be NULL) is for those that name none.
 * Returns 0, also when some were connected already or wait for their sender. On an error those
 * that this call has connected are disconnected again (deferred).
 */
PEAL_API PEAL_MUST_CHECK int peal_receivers_connect(const struct peal_receiver *receivers,
						    size_t count, struct peal_scope *scope);

/*
 * PEAL_MUTE(SIGNAL, RECEIVER[, .user = ..., .sender = ..., .uid = ...]) { ... }
 *
 * For this thread, until the end of the block, however it is left. A receiver of NULL means all of
 * the signal's; without user data, sender or uid it covers connections with any.
 */
#define PEAL_MUTE(signal_, ...) PEAL__MUTE(&(signal_), PEAL__IDENTITY(signal_, __VA_ARGS__))
#define PEAL_MUTE_ASYNC(signal_, ...) \
	PEAL__MUTE(&(signal_), PEAL__ASYNC_IDENTITY(signal_, __VA_ARGS__))
#define PEAL__MUTE(signal_, ...)                                                                  \
	PEAL__MUTE_BLOCK(PEAL__JOIN(peal_mute_, __LINE__), PEAL__JOIN(peal_mute_once_, __LINE__), \
			 signal_, __VA_ARGS__)
#define PEAL__MUTE_BLOCK(mute_, once_, signal_, ...)                                       \
	for (struct peal_mute mute_                                                        \
		     PEAL_CLEANUP(peal_mute_end) = peal_mute_like((signal_), __VA_ARGS__), \
		     *once_ = (peal_mute_begin(&mute_), &mute_);                           \
	     once_; once_ = NULL)

static inline struct peal_mute peal_mute_like(struct peal_signal *signal,
					      struct peal_connection like)
{
	struct peal_mute mute = { signal, like.receiver,       like.sender, like.uid, like.user,
				  0,      { NULL, NULL, NULL } };

	return mute;
}

/* -------------------------------------------------------------------------------------------------
 * Behind .when, for the layer that knows the moment
 *
 * Who hears a signal is settled when the thing happens: whoever is connected for the later moment
 * then, and not muted. What it is told, and when, is that layer's affair.
 */

/* Those who are to be called later. */
struct peal__audience {
	uint64_t before;  /* whoever is connected from here on is not one of them */
	uint64_t *absent; /* nor are these, which were muted: serials; or NULL */
	size_t absent_count, absent_room;
};

/* Whether anybody at all asked for the later moment. The signal must have one. */
static inline bool peal__is_awaited(const struct peal_signal *signal)
{
	return peal_signal_is_heard(signal->after_commit);
}

/*
 * Settle who is to be called. 0; PEAL_NOT_FOUND: nobody; PEAL_ENOMEM. The send that may come then
 * is possible from this thread.
 */
PEAL_API int peal__audience_take(struct peal_signal *signal, const void *sender,
				 struct peal__audience *ret_audience);
PEAL_API void peal__audience_fini(struct peal__audience *audience);

/*
 * Call those of them that are still connected, all, in their order, first the synchronous ones.
 * What they return is logged. done(user) is called when all are done: asynchronous ones are not
 * waited for. args must stay until then.
 */
PEAL_API void peal__audience_send(struct peal_signal *signal, const void *sender, const void *args,
				  size_t args_size, const struct peal__audience *audience,
				  peal_done_fn *done, void *user);

PEAL_END_DECLS

#endif
