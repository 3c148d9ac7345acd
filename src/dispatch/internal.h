/* SPDX-License-Identifier: MIT */
/*
 * The inside of the dispatcher.
 *
 * Readers and writers
 *
 *   A *send* is a reader: it takes no lock. Everything that changes what is connected is a writer,
 *   and holds the one lock of the library (peal__lock), which is never held while code of the
 *   application runs, the allocator excepted.
 *
 * What a send walks through
 *
 *   signal -> list (those for any sender) -> array -> connections
 *          -> table -> list (those for one sender) -> array -> connections
 *
 *   An array holds the connections of one list in the order of their serials. It only grows at its
 *   end: a send takes the count when it begins and so does not see what is connected later.
 *   Disconnecting replaces the connection's function by peal__skip, which does nothing; the entry
 *   stays until the array is replaced by one without the dead.
 *
 * How memory is given back (hazard pointers)
 *
 *   Each thread has a record with a frame for each send that it is in. In its frame a send
 *   publishes the table and the arrays that it walks through, and the connection that it is
 *   calling. What was replaced is *retired*; a retired array or table is freed when no frame names
 *   it. A dead connection is freed with the array that held it, or handed to the older array that
 *   still may hold it (array.c). So a receiver that blocks keeps what its own send walks through,
 *   and nothing else. User data is released earlier: when no frame names the connection itself.
 *
 * Publishing without a fence
 *
 *   A reader stores a hazard and then looks again at what it read. On x86 and ARM a store and a
 *   later load may pass each other, and a fence between them would cost ten times what a send
 *   costs. So the writer pays instead: membarrier(2) makes every running thread pass a fence
 *   (peal__barrier). Where it is missing (old kernels, the thread sanitizer, -Dasymmetric=false),
 *   readers and writers use sequentially consistent operations: same code, other order.
 */
#ifndef PEAL_DISPATCH_INTERNAL_H
#define PEAL_DISPATCH_INTERNAL_H

#include <peal/async.h>
#include <peal/dispatch.h>
#include <peal/inspect.h>
#include <pthread.h>

#if defined(__SANITIZE_THREAD__)
#define PEAL__ASYMMETRIC 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PEAL__ASYMMETRIC 0
#endif
#endif
#if !defined(PEAL__ASYMMETRIC) && defined(PEAL_NO_MEMBARRIER)
#define PEAL__ASYMMETRIC 0
#endif
#ifndef PEAL__ASYMMETRIC
#define PEAL__ASYMMETRIC 1
#endif

#define ARGS_GENERAL UINT32_MAX

#define load_acquire(pointer_) __atomic_load_n((pointer_), __ATOMIC_ACQUIRE)
#define store_relaxed(pointer_, value_) __atomic_store_n((pointer_), (value_), __ATOMIC_RELAXED)
#define store_release(pointer_, value_) __atomic_store_n((pointer_), (value_), __ATOMIC_RELEASE)
#define load_relaxed(pointer_) __atomic_load_n((pointer_), __ATOMIC_RELAXED)

/*
 * The two halves of every hazard: a reader publishes with publish() and looks with look()
 * afterwards; a writer changes with change(), passes peal__barrier(), and looks at the hazards with
 * look(). One of the two sees the other.
 *
 * On x86 a volatile access is the same instruction as the acquire load or the release store, and
 * GCC addresses it directly, where it would give the operand of an __atomic builtin a register of
 * its own: a fifth of a send.
 */
#if PEAL__ASYMMETRIC && defined(__x86_64__)
#define publish(pointer_, value_)                                           \
	do {                                                                \
		__atomic_signal_fence(__ATOMIC_SEQ_CST);                    \
		*(__typeof__(*(pointer_)) volatile *)(pointer_) = (value_); \
		__atomic_signal_fence(__ATOMIC_SEQ_CST);                    \
	} while (0)
#define look(pointer_) (*(__typeof__(*(pointer_)) volatile *)(pointer_))
#define change(pointer_, value_) __atomic_store_n((pointer_), (value_), __ATOMIC_RELEASE)
#elif PEAL__ASYMMETRIC
#define publish(pointer_, value_)                                         \
	do {                                                              \
		__atomic_store_n((pointer_), (value_), __ATOMIC_RELEASE); \
		__atomic_signal_fence(__ATOMIC_SEQ_CST);                  \
	} while (0)
#define look(pointer_) __atomic_load_n((pointer_), __ATOMIC_ACQUIRE)
#define change(pointer_, value_) __atomic_store_n((pointer_), (value_), __ATOMIC_RELEASE)
#else
#define publish(pointer_, value_) __atomic_store_n((pointer_), (value_), __ATOMIC_SEQ_CST)
#define look(pointer_) __atomic_load_n((pointer_), __ATOMIC_SEQ_CST)
#define change(pointer_, value_) __atomic_store_n((pointer_), (value_), __ATOMIC_SEQ_CST)
#endif

typedef struct peal__list list_t;
typedef struct peal__array array_t;
typedef struct peal__table table_t;

enum {
	DEPTH_MAX = 64,        /* frames of a thread record */
	THREADS_RESERVED = 32, /* thread records that need no allocator */
	SLAB_SIZE = 64,        /* connections allocated together */
	ARGS_MAX = UINT16_MAX, /* size of an argument struct */
};

/* ---------------------------------------------------------------------------------- connections */

enum conn_state {
	CONN_FREE = 0,
	CONN_PENDING = 1, /* waits for the sender of extra->sender_name */
	CONN_CONNECTED = 2,
	CONN_ENDED = 3, /* disconnected; its memory waits for the array that held it */
};

enum conn_flags {
	CONN_ASYNC = 1,
	CONN_HELD = 2, /* somebody waits for it to return, or its release is still to be called */
	CONN_ORPHAN =
		4, /* no array holds it any more: free it when it is neither held nor has tasks */
};

/* A connection. One cache line; what only some need is in extra. */
typedef struct peal__conn {
	peal_function *function; /* read by sends; peal__skip once ended */
	void *user;
	list_t *list; /* while connected; else the next one of whatever chain it is on */
	const char *site;
	struct extra *extra; /* or NULL */
	uint64_t serial;     /* order of connecting; never used again: what makes a handle safe */
	uint32_t position;   /* in the array of its list */
	uint32_t hash; /* of its identity; once ended: of the next one on a chain, slot + 1, or 0 */
	uint32_t slot; /* its own place in the slabs, for life */
	uint16_t args_size;
	uint8_t state;
	uint8_t flags; /* changed by conn_mark(): sends read CONN_ASYNC in it meanwhile */
} conn_t;

_Static_assert(sizeof(void *) != 8 || sizeof(conn_t) == 64, "a connection is one cache line");

static inline bool conn_is_async(const conn_t *conn)
{
	return load_relaxed(&conn->flags) & CONN_ASYNC;
}

static inline void conn_mark(conn_t *conn, enum conn_flags flag, bool on)
{
	unsigned flags = on ? conn->flags | (unsigned)flag : conn->flags & ~(unsigned)flag;

	store_relaxed(&conn->flags, (uint8_t)flags);
}

struct extra {
	char *uid;
	char *sender_name;
	void (*release)(void *user);
	struct peal_executor *executor;
	struct peal_scope *scope;
	conn_t *scope_next;
	conn_t *scope_previous;
	uint64_t birth; /* of a connection that was pending: the serial of its handle */
	uint64_t calls;
	struct peal_signal *signal; /* of a pending one */
	int priority;
	uint32_t tasks; /* asynchronous calls under way */
	struct task *task_first;
};

/* ----------------------------------------------------------------------------- lists and arrays */

struct peal__array {
	uint32_t count; /* entries that sends may see; stored after the entry */
	uint32_t capacity;
	uint32_t dead;      /* of them, ended */
	uint32_t args_size; /* the largest that a receiver knows; ARGS_GENERAL: general path */
	uint64_t end;       /* once retired: serials from here on are not in it */
	array_t *older;     /* arrays of the same list that are not freed yet */
	array_t *newer;
	conn_t *dead_first; /* once retired: connections to free with it */
	array_t *retired_next;
	conn_t *entry[];
};

struct peal__table {
	uint32_t mask;  /* the number of slots, a power of two, less 1 */
	uint32_t shift; /* 64 less its logarithm */
	uint32_t used;
	struct peal_signal *signal;
	table_t *retired_next;
	list_t *dropped; /* lists to free with it, by ->signal: no newer table has them */
	list_t *slot[];
};

/* The upper bits of a product spread senders that lie at equal distances, as those of an array do. */
static inline uint32_t table_home(const table_t *table, const void *sender)
{
	uint64_t product = (uintptr_t)sender * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(product >> table->shift);
}

/* The list of a sender, or NULL. Safe for a reader that has published the table. */
static inline list_t *table_find(table_t *table, const void *sender)
{
	uint32_t i = table_home(table, sender);
	list_t *list;

	while ((list = look(&table->slot[i])) && list->sender != sender)
		i = (i + 1) & table->mask;
	return list;
}

/* -------------------------------------------------------------------------------------- threads */

/* One send that a thread is in: what its receivers get, and what it has published. */
struct frame {
	struct peal_call call;
	conn_t *conn;                /* hazard: being called */
	array_t *pin[2];             /* hazards: being walked through */
	table_t *table;              /* hazard */
	struct peal_signal *later;   /* hazard: of a send to an audience, the signal that has it */
	struct collector *collector; /* where the response goes, or NULL */
	struct thread *thread;
	unsigned attention; /* somebody waits for a connection that was seen here */
	int saved_errno;
};

struct thread {
	struct frame *top;      /* the first frame not in use; written by the owner alone */
	struct frame *fast_end; /* from this frame on a send takes the general path: the limit of
				   depth; NULL when tracing, counting, muting, without membarrier */
	int *errno_address;
	struct thread *next;
	bool used;
	bool tracing;  /* inside the trace hook */
	bool muting;   /* the owner has mutes on */
	unsigned jobs; /* asynchronous receivers that it is starting */
	struct frame frames[DEPTH_MAX];
};

/* This thread's record; that of nobody, which has no frames, before its first send. */
extern _Thread_local struct thread *peal__self
	__attribute__((tls_model("initial-exec"), visibility("hidden")));
extern _Thread_local struct peal_mute *peal__mutes
	__attribute__((tls_model("initial-exec"), visibility("hidden")));
extern struct thread peal__nobody __attribute__((visibility("hidden")));
extern struct thread *peal__threads
	__attribute__((visibility("hidden"))); /* all records, used or not */
extern bool peal__fence_needed __attribute__((visibility("hidden")));

/* publish(), for the general path, which also serves where membarrier(2) is missing. */
#define publish_anywhere(pointer_, value_)                       \
	do {                                                     \
		publish((pointer_), (value_));                   \
		if (PEAL__ASYMMETRIC && peal__fence_needed)      \
			__atomic_thread_fence(__ATOMIC_SEQ_CST); \
	} while (0)

/* ------------------------------------------------------------------------------------ functions */

/* thread.c */
void peal__lock(void);
void peal__unlock(void);
void peal__wait(
	void); /* for something to end; the lock is released meanwhile, and held again after */
void peal__wake(void); /* all that wait; with the lock held */
struct thread *peal__thread_get(
	void); /* this thread's record, taken if need be; NULL: out of memory. No lock. */
void peal__threads_update(void);     /* recompute every fast_end; with the lock held */
void peal__thread_update_self(void); /* the same for this thread alone; no lock */
void peal__threads_trim(void);       /* free the records that nobody uses; with the lock held */
void peal__barrier(void);            /* with the lock held */
unsigned peal__depth(struct thread *thread); /* frames in use */
bool peal__inside(void);                     /* whether this thread is in a send */
unsigned peal__running(const conn_t *conn,
		       bool notify);  /* frames that call it; notify: they are to look up after
							    the call. After a barrier, with the lock held. */
bool peal__pinned(const void *thing); /* whether a send walks through this array, table or signal */
void peal__notify_all(const void *signal); /* the threads that send it: look up at the end */
__attribute__((cold)) void peal__attend(
	struct frame *frame);    /* what a send does whose attention was asked for */
uint32_t peal__fork_count(void); /* how many forks this process is away from the first */

/* array.c: all with the lock held */
int peal__array_reserve(list_t *list, uint32_t room); /* 0 or PEAL_ENOMEM */
void peal__array_add(list_t *list, conn_t *conn);     /* never fails after a reserve */
void peal__array_end(conn_t *conn);  /* the entry of a connection that has just ended */
void peal__array_drop(list_t *list); /* retire the array of a list without connections */
int peal__list_for(struct peal_signal *signal, const void *sender, int priority, list_t **ret_list);
void peal__signal_clear(
	struct peal_signal
		*signal); /* retire its arrays, tables and lists: it has no connections */
void peal__signal_retire(struct peal_signal *signal);
bool peal__chain_heard(
	const list_t *chain); /* whether anything in it is connected; NULL is allowed */
uint32_t peal__table_slots(const table_t *table);
void peal__reclaim(void); /* free what is retired and not in use */
void peal__reclaim_if_due(void);
list_t *peal__level_below(list_t *chain, int64_t priority); /* for readers too */

/* pool.c: connections as memory; all with the lock held */
conn_t *peal__conn_new(void);                       /* NULL: out of memory */
void peal__conn_free(conn_t *conn);                 /* now, or when it is not busy any more */
conn_t *peal__conn_at(uint32_t slot);               /* NULL past the end */
conn_t *peal__conn_find(struct peal_handle handle); /* pending or connected; or NULL */
struct peal_handle peal__conn_handle(const conn_t *conn);
int peal__extra_ensure(conn_t *conn);
void peal__pool_trim(void);

/* What a connection is known by. */
struct identity {
	struct peal_signal *signal;
	peal_function *function;
	void *user;
	const char *uid; /* or NULL: then by function and user */
	const void *sender;
	const char *sender_name; /* of a pending one; else NULL */
};
conn_t *peal__index_find(const struct identity *identity, uint32_t hash);
uint32_t peal__index_hash(const struct identity *identity);
int peal__index_reserve(void);      /* room for one more */
void peal__index_add(conn_t *conn); /* by conn->hash; never fails after a reserve */
void peal__index_remove(conn_t *conn);
struct identity peal__identity_of(const conn_t *conn);

/* connect.c: with the lock held */
/* The signal in whose lists a connection stands; NULL: it has no such moment. No lock. */
struct peal_signal *peal__signal_for(struct peal_signal *signal, enum peal_when when);
extern uint64_t peal__next_serial __attribute__((visibility("hidden")));
extern struct peal_signal *peal__signals __attribute__((visibility("hidden")));
extern conn_t *peal__pending
	__attribute__((visibility("hidden"))); /* in the order of connecting, by ->list */
int peal__skip(struct peal_call *call, const void *args);
void peal__pending_remove(conn_t *conn);
struct release {
	void (*function)(void *user);
	void *user;
	void (*scope_function)(void *user);
	void *scope_user;
};
/* disconnect.c: with the lock held */
void peal__end(conn_t *conn);
void peal__hold(conn_t *conn);
void peal__drain(void); /* call the releases that are due; gives the lock up */
bool peal__releasable(struct release *ret_release);    /* take one that is due off the list */
void peal__release_run(const struct release *release); /* without the lock */
bool peal__conn_busy(conn_t *conn,
		     bool notify); /* running in a frame or as a task; after a barrier */
void peal__signals_forget(uintptr_t first, uintptr_t last); /* those in memory that goes away */
int peal__resolve(
	const char *name,
	const void *sender); /* connect what waits for it; or PEAL_ENOMEM, nothing changed */

/* names.c: with the lock held */
bool peal__name_valid(const char *name); /* "group.Name" */
bool peal__name_equal(const char *a, const char *b);
uint32_t peal__name_hash(const char *name);
const void *peal__name_sender(const char *name);   /* NULL: not registered */
const char *peal__sender_name(const void *sender); /* "" when it has none */
void peal__name_forget(const void *sender);

/* audience.c */
bool peal__is_absent(const struct peal__audience *audience, uint64_t serial); /* no lock */

/* results.c */
struct collector {
	struct peal_results *results;
	struct peal_value response;
};
void peal__results_reset(struct peal_results *results);
int peal__results_reserve(struct peal_results *results, size_t count); /* 0 or PEAL_ENOMEM */
void peal__results_add(struct peal_results *results, struct peal_handle handle, void *user,
		       const char *site, int code, const char *message,
		       struct peal_value response); /* never fails after a reserve */
int peal__results_keep(struct peal_results *results, struct peal_value value,
		       struct peal_value *ret_copy);
size_t peal__site_receiver(const char *site, const char **ret_name); /* its length */
void peal__site_text(const char *site, char *name,
		     size_t size); /* the receiver's name, cut to fit */

/* async.c */
struct operation; /* the asynchronous part of one send */
struct task;
struct operation *peal__operation_new(void); /* NULL: out of memory */
void peal__operation_free(struct operation *operation);
struct peal_results *peal__operation_results(struct operation *operation);
int peal__operation_start(struct operation *operation, conn_t *conn, peal_function *function,
			  const struct peal_call *call, const void *args, size_t args_size);
/*
 * Wait for all, add their answers to results and free it. Returns the first error; 0 when all are
 * to be called.
 */
int peal__operation_wait(struct operation *operation, enum peal_send_mode mode,
			 struct peal_results *results, struct peal_error *error);
/* The sender has done its part with code: the last task to end calls done and frees it. */
void peal__operation_finish(struct operation *operation, int code, enum peal_send_mode mode,
			    peal_done_fn *done, void *user);
bool peal__executor_inside(struct peal_executor *executor);
void peal__tasks_cancel(conn_t *conn); /* those that have not begun; with the lock held */
bool peal__tasks_hang(
	const conn_t *conn); /* one has begun in this thread's executor: waiting would never end */
void peal__tasks_forget(void); /* in the child of a fork */

/* inspect.c */
extern peal_trace_fn *peal__trace __attribute__((visibility("hidden")));
extern void *peal__trace_user __attribute__((visibility("hidden")));
extern uint32_t peal__counting __attribute__((visibility("hidden")));
extern uint64_t peal__suppressed __attribute__((visibility("hidden")));
/* function: the connection's, as it was read: another thread may be ending the connection. */
bool peal__mute_covers(const struct peal_mute *mute, const struct peal_signal *signal,
		       const void *sender, const conn_t *conn, peal_function *function);
/* Whether one of this thread's mutes covers it; all that do have kept a call from happening. */
bool peal__muted(const struct peal_signal *signal, const void *sender, const conn_t *conn,
		 peal_function *function);

#endif
