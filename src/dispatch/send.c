/* SPDX-License-Identifier: MIT */
/*
 * Sending.
 *
 * peal_send() is the fast path: one list of receivers, nothing unusual. All else, and a thread's
 * first send, takes the general path below it, which is the same in plainer words: two lists merged
 * by serial, levels of priority, mutes, tracing, counting, collecting, asynchronous receivers,
 * argument structs of another size.
 *
 * The rules of both (internal.h says why):
 *   - publish the frame, then what is walked through, and look again whether it is still the one in
 *   place;
 *   - publish a connection, then see whether attention was asked for, then load its function and
 *   call it;
 *   - at the end take the frame back, and look for attention once more.
 */
#include "internal.h"
#include "log.h"
#include "alloc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * The true type of a receiver is int (struct peal_call *, const struct NAME_args *). It is called
 * through this one: all pointers to structs and to void are passed alike wherever dlsym() works.
 * docs/decisions/ has the measurement of the alternative, one more indirect call for each receiver.
 */
typedef int receiver_fn(struct peal_call *call, const void *args);

static int send_general(struct peal_signal *signal, const void *sender, const void *args,
			size_t args_size, enum peal_send_mode mode, struct peal_results *results,
			struct peal_error *error);

static inline struct frame *enter(struct thread *thread, struct peal_signal *signal,
				  const void *sender)
{
	struct frame *frame = thread->top;

	publish(&thread->top, frame + 1);
	store_release(&frame->call.signal, signal); /* the one before may be freed from here on */
	frame->call.sender = sender;
	frame->saved_errno = *thread->errno_address;
	return frame;
}

/*
 * The frame goes on naming the connection that was called last. That is no harm: only frames below
 * top count, and the next send in it names another one before it calls anything.
 *
 * The thread is handed down, not read from the frame: the next send's first load waits for the
 * address of this store.
 */
static inline void leave(struct thread *thread, struct frame *frame)
{
	publish(&thread->top, frame);
	if (PEAL_UNLIKELY(look(&frame->attention)))
		peal__attend(frame);
}

/*
 * However the receivers are left: by return, by a C++ exception, by pthread_cancel. (The guard is
 * the frame alone: a struct would live on the stack, and cost a sixth of a send.)
 */
static inline void leave_guarded(struct frame **guard)
{
	struct frame *frame = *guard;
	struct thread *thread = peal__self;
	int *address = thread->errno_address;

	leave(thread, frame);
	if (*address != frame->saved_errno)
		*address = frame->saved_errno;
}

/* ------------------------------------------------------------------------------------ fast path */

static inline int call_now(struct frame *frame, conn_t *conn, const void *args)
{
	frame->call.user = conn->user;
	return ((receiver_fn *)look(&conn->function))(&frame->call, args);
}

__attribute__((noinline, cold)) static int attend_and_call(struct frame *frame, conn_t *conn,
							   const void *args)
{
	peal_function *function;

	peal__attend(frame);
	function = look(&conn->function);
	/* A receiver before this one has begun a mute. */
	if (peal__mutes && function != (peal_function *)peal__skip &&
	    peal__muted(frame->call.signal, frame->call.sender, conn, function))
		return PEAL_OK;
	return call_now(frame, conn, args);
}

static inline int call(struct frame *frame, conn_t *conn, const void *args)
{
	publish(&frame->conn, conn);
	if (PEAL_UNLIKELY(look(&frame->attention)))
		return attend_and_call(frame, conn, args);
	return call_now(frame, conn, args);
}

/*
 * Call the receivers of one array: functions of their own, so that what comes before them needs no
 * register saved, and the loop has all of them. The commonest case, one receiver, needs hardly any.
 */
__attribute__((noinline)) static int call_one(struct frame *frame, conn_t *conn, const void *args)
{
	struct frame *guard PEAL__UNUSED PEAL_CLEANUP(leave_guarded) = frame;

	return call(frame, conn, args);
}

__attribute__((noinline)) static int call_each(struct frame *frame, array_t *array, uint32_t count,
					       const void *args)
{
	struct frame *guard PEAL__UNUSED PEAL_CLEANUP(leave_guarded) = frame;
	conn_t **entry = array->entry;
	int code = PEAL_OK;

	for (conn_t **end = entry + count; entry != end; entry++) {
		code = call(frame, *entry, args);
		if (PEAL_UNLIKELY(code))
			break;
	}
	return code;
}

/*
 * The one list that a send from this sender walks through, of a signal with a table; NULL when
 * there are two, or levels. The table is published for as long as the list is looked at.
 */
static inline list_t *simple_list(struct frame *frame, struct peal_signal *signal,
				  const void *sender, table_t *table)
{
	list_t *list;

	publish(&frame->table, table);
	if (PEAL_UNLIKELY(look(&signal->senders) != table))
		return NULL;
	list = table_find(table, sender);
	if (!list)
		return look(&signal->any.levels) ? NULL : &signal->any;
	return look(&signal->any.array) || look(&signal->any.levels) ? NULL : list;
}

__attribute__((noinline, cold)) static int send_unusual(struct peal_signal *signal,
							const void *sender, const void *args,
							size_t args_size)
{
	return send_general(signal, sender, args, args_size, PEAL_SEND_STOP, NULL, NULL);
}

/* The same for a send that has entered its frame and seen that it is not simple. */
__attribute__((noinline, cold)) static int turn_unusual(struct frame *frame,
							struct peal_signal *signal,
							const void *sender, const void *args,
							size_t args_size)
{
	leave(peal__self, frame);
	return send_unusual(signal, sender, args, args_size);
}

/* Walk through the one list, if its array is still there when it has been published. */
static inline int send_to_list(struct frame *frame, list_t *list, struct peal_signal *signal,
			       const void *sender, const void *args, size_t args_size)
{
	array_t *array = look(&list->array);
	uint32_t count;

	publish(&frame->pin[0], array);
	if (PEAL_UNLIKELY(!array || array != look(&list->array)))
		return turn_unusual(frame, signal, sender, args, args_size);
	/* First the count: args_size then speaks of all that it counts. */
	count = load_acquire(&array->count);
	if (PEAL_UNLIKELY(args_size < look(&array->args_size)))
		return turn_unusual(frame, signal, sender, args, args_size);
	/* A receiver that blocks is not to keep the table. */
	store_release(&frame->table, (table_t *)NULL);
	return count == 1 ? call_one(frame, array->entry[0], args)
			  : call_each(frame, array, count, args);
}

int peal_send(struct peal_signal *signal, const void *sender, const void *args, size_t args_size)
{
	struct thread *thread = peal__self;
	struct frame *frame;
	table_t *table;
	list_t *list;

	if (PEAL_UNLIKELY(thread->top >= look(&thread->fast_end)))
		return send_unusual(signal, sender, args, args_size);
	frame = enter(thread, signal, sender);
	table = look(&signal->senders);
	if (!table)
		return send_to_list(frame, &signal->any, signal, sender, args, args_size);
	list = simple_list(frame, signal, sender, table);
	if (PEAL_UNLIKELY(!list))
		return turn_unusual(frame, signal, sender, args, args_size);
	return send_to_list(frame, list, signal, sender, args, args_size);
}

int peal_send_with(struct peal_signal *signal, const void *sender, const void *args,
		   size_t args_size, enum peal_send_mode mode, struct peal_results *results,
		   struct peal_error *error)
{
	if (results)
		peal__results_reset(results);
	if (error)
		peal_error_clear(error);
	if (!peal_signal_is_heard(signal))
		return PEAL_OK;
	return send_general(signal, sender, args, args_size, mode, results, error);
}

/* --------------------------------------------------------------------------------- general path */

/* One send on the general path. */
struct sending {
	struct thread *thread;
	struct frame *frame;
	struct peal_signal *signal;
	const void *sender;
	const void *args;
	size_t args_size;
	void *longer; /* args and zeroes, for receivers that know more members; or NULL */
	size_t longer_size;
	enum peal_send_mode mode;
	struct peal_results *results;
	struct peal_error *error;
	const struct peal__audience *audience; /* who may be called; NULL: all */
	uint64_t start;                        /* serials from here on are too late */
	list_t *chains[2];                     /* for any sender, and for this one */
	struct operation *operation; /* of an asend; or while asynchronous receivers are started */
	enum pass {
		PASS_CALL,  /* call the synchronous ones */
		PASS_CHECK, /* see whether waiting for the asynchronous ones could end */
		PASS_START, /* start the asynchronous ones */
	} pass;
	bool plain; /* a receiver is just called: nothing is collected, traced, counted or muted */
	bool asynchronous_seen;
	bool begun; /* from here on receivers may have been called */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void trace(const struct sending *send, enum peal_trace_kind kind, const conn_t *conn,
		  const char *site, int code, uint64_t elapsed_ns)
{
	peal_trace_fn *function;
	void *user;
	struct peal_trace_event event = {
		.kind = kind,
		.depth = (unsigned)(send->frame - send->thread->frames),
		.signal = send->signal,
		.sender = send->sender,
		.args = send->args,
		.receiver = "",
		.site = site ? site : "",
		.code = code,
		.elapsed_ns = elapsed_ns,
		.when = send->audience ? PEAL_AFTER_COMMIT : PEAL_AT_ONCE,
	};

	char receiver[PEAL_ERROR_NAME_MAX];

	if (!load_relaxed(&peal__trace) || send->thread->tracing)
		return;
	/* The two belong together. */
	peal__lock();
	function = peal__trace;
	user = peal__trace_user;
	peal__unlock();
	if (!function)
		return;
	if (conn) {
		peal__site_text(site, receiver, sizeof(receiver));
		event.receiver = receiver;
		event.handle = peal__conn_handle(conn);
		event.asynchronous = conn_is_async(conn);
	}
	send->thread->tracing = true;
	function(user, &event);
	send->thread->tracing = false;
}

static int out_of_memory(const struct sending *send)
{
	if (send->error && send->error->code)
		return PEAL_ENOMEM; /* the details are those of the first error */
	return peal_error_set(send->error, PEAL_ENOMEM, "no memory for a send of %s",
			      send->signal->name);
}

/*
 * The arguments for a receiver that may know more members than the sender sent. NULL: out of
 * memory.
 */
static const void *args_for(struct sending *send, const conn_t *conn)
{
	if (conn->args_size <= send->args_size)
		return send->args;
	if (send->longer_size < conn->args_size) {
		peal__free(send->longer, send->longer_size);
		send->longer_size = conn->args_size;
		send->longer = peal__alloc_zero(send->longer_size);
		if (!send->longer) {
			send->longer_size = 0;
			return NULL;
		}
		memcpy(send->longer, send->args, send->args_size);
	}
	return send->longer;
}

/*
 * The details of a receiver's error, where somebody wants them: the first one's to error, each
 * one's to the results.
 */
static void report(const struct sending *send, const char *site, int code,
		   struct peal_error *detail)
{
	struct peal_error *first = send->results ? &send->results->error : NULL;

	detail->code = code;
	if (!detail->receiver[0])
		peal__site_text(site, detail->receiver, sizeof(detail->receiver));
	if (!detail->message[0])
		strcpy(detail->message, peal_strerror(code)); /* NOLINT: the texts are short */
	if (first && !first->code)
		*first = *detail;
	if (send->error && !send->error->code)
		*send->error = *detail;
	if (send->mode == PEAL_SEND_ALL)
		peal__log(PEAL_LOG_ERROR, "peal.dispatch", "error calling %s in %s of %s: %s",
			  detail->receiver,
			  send->audience ? "a send after a commit" : "send_robust",
			  send->signal->name, detail->message);
}

/* As good as all zero, without writing all of it for each receiver. */
static void error_begin(struct peal_error *error)
{
	error->code = 0;
	error->system_errno = 0;
	error->sqlstate[0] = '\0';
	error->field[0] = '\0';
	error->receiver[0] = '\0';
	error->message[0] = '\0';
}

/* Call a synchronous receiver, with all that may be wanted around it. */
static int call_fully(struct sending *send, conn_t *conn, peal_function *function)
{
	struct peal_call *call = &send->frame->call;
	struct extra *extra = load_acquire(&conn->extra);
	bool detailed = send->results || send->error || send->mode == PEAL_SEND_ALL;
	struct collector collector = { .results = send->results,
				       .response = { .kind = PEAL_VALUE_NULL } };
	const char *site = conn->site;
	bool tracing = load_relaxed(&peal__trace) != NULL;
	const void *args = args_for(send, conn);
	struct peal_error detail;
	uint64_t begin = 0;
	int code;

	if (!args)
		return out_of_memory(send);
	if (extra && load_relaxed(&peal__counting))
		__atomic_fetch_add(&extra->calls, 1, __ATOMIC_RELAXED);
	if (tracing) {
		trace(send, PEAL_TRACE_CALL, conn, site, 0, 0);
		begin = now_ns();
	}
	if (detailed)
		error_begin(&detail);
	call->user = conn->user;
	call->error = detailed ? &detail : NULL;
	send->frame->collector = send->results ? &collector : NULL;
	code = ((receiver_fn *)function)(call, args);
	send->frame->collector = NULL;
	call->error = NULL;
	if (tracing)
		trace(send, PEAL_TRACE_RETURN, conn, site, code, now_ns() - begin);
	if (code && detailed)
		report(send, site, code, &detail);
	if (send->results)
		peal__results_add(send->results, peal__conn_handle(conn), conn->user, site, code,
				  code ? detail.message : "", collector.response);
	return send->mode == PEAL_SEND_ALL ? PEAL_OK : code;
}

/* Start an asynchronous receiver; what it answers comes later. */
static int start_one(struct sending *send, conn_t *conn, peal_function *function)
{
	const char *site = conn->site;
	const void *args = args_for(send, conn);
	int code;

	if (!args)
		return out_of_memory(send);
	if (load_relaxed(&peal__counting))
		__atomic_fetch_add(&conn->extra->calls, 1, __ATOMIC_RELAXED);
	trace(send, PEAL_TRACE_CALL, conn, site, 0, 0);
	code = peal__operation_start(send->operation, conn, function, &send->frame->call, args,
				     conn->args_size > send->args_size ? conn->args_size
								       : send->args_size);
	trace(send, PEAL_TRACE_RETURN, conn, site, code, 0);
	return code;
}

/* The turn of one connection. */
static int turn(struct sending *send, conn_t *conn)
{
	peal_function *function;

	if (conn->serial >= send->start)
		return PEAL_OK;
	if (conn_is_async(conn) != (send->pass != PASS_CALL)) {
		send->asynchronous_seen |= send->pass == PASS_CALL;
		return PEAL_OK;
	}
	publish_anywhere(&send->frame->conn, conn);
	if (PEAL_UNLIKELY(look(&send->frame->attention))) {
		peal__attend(send->frame);
		send->plain = send->plain && !peal__mutes;
	}
	function = look(&conn->function);
	if (function == (peal_function *)peal__skip)
		return PEAL_OK;
	if (send->audience && peal__is_absent(send->audience, conn->serial))
		return PEAL_OK;
	if (send->plain && send->pass == PASS_CALL && conn->args_size <= send->args_size)
		return call_now(send->frame, conn, send->args);
	if (send->pass == PASS_CHECK)
		return peal__executor_inside(conn->extra->executor) ? PEAL_EDEADLK : PEAL_OK;
	if (peal__mutes && peal__muted(send->signal, send->sender, conn, function)) {
		trace(send, PEAL_TRACE_MUTED, conn, conn->site, 0, 0);
		return PEAL_OK;
	}
	return send->pass == PASS_CALL ? call_fully(send, conn, function)
				       : start_one(send, conn, function);
}

static array_t *pin(struct frame *frame, unsigned which, list_t *list)
{
	array_t *array = NULL;

	do {
		if (list)
			array = load_acquire(&list->array);
		publish_anywhere(&frame->pin[which], array);
	} while (list && look(&list->array) != array);
	return array;
}

/* Two arrays of one priority, merged in the order of connecting. */
static int walk_level(struct sending *send, list_t *any, list_t *special)
{
	array_t *a = pin(send->frame, 0, any);
	array_t *b = pin(send->frame, 1, special);
	uint32_t a_count = a ? load_acquire(&a->count) : 0;
	uint32_t b_count = b ? load_acquire(&b->count) : 0;
	uint32_t i = 0;
	uint32_t j = 0;
	int code = PEAL_OK;

	while (code == PEAL_OK && (i < a_count || j < b_count)) {
		bool from_a =
			j >= b_count || (i < a_count && a->entry[i]->serial < b->entry[j]->serial);

		code = turn(send, from_a ? a->entry[i++] : b->entry[j++]);
	}
	return code;
}

/* All receivers of one kind, the highest priority first. */
static int walk(struct sending *send, enum pass pass)
{
	int64_t below = INT64_MAX;
	int code = PEAL_OK;

	send->pass = pass;
	while (code == PEAL_OK) {
		list_t *any = peal__level_below(send->chains[0], below);
		list_t *special = peal__level_below(send->chains[1], below);

		if (!any && !special)
			break;
		below = any ? any->priority : INT64_MIN;
		if (special && special->priority > below)
			below = special->priority;
		code = walk_level(send, any && any->priority == below ? any : NULL,
				  special && special->priority == below ? special : NULL);
	}
	/* What comes now, perhaps waiting for tasks, is not the last receiver's running. */
	publish_anywhere(&send->frame->conn, (conn_t *)NULL);
	if (PEAL_UNLIKELY(look(&send->frame->attention)))
		peal__attend(send->frame);
	return code;
}

/*
 * How many receivers there may be, for the room in the results. An upper bound: only more, never
 * fewer, are seen.
 */
static size_t count_at_most(const struct sending *send)
{
	size_t count = 0;

	for (unsigned i = 0; i < 2; i++)
		for (list_t *level = send->chains[i]; level; level = load_acquire(&level->levels)) {
			array_t *array = pin(send->frame, 0, level);

			count += array ? load_acquire(&array->count) : 0;
		}
	return count;
}

/* Find the lists, with the table published for as long as the sender's list is needed. */
static void find_chains(struct sending *send)
{
	struct peal_signal *signal = send->audience ? send->signal->after_commit : send->signal;
	struct frame *frame = send->frame;
	table_t *table;

	if (send->audience)
		publish_anywhere(&frame->later, signal);
	send->chains[0] = &signal->any;
	do {
		table = load_acquire(&signal->senders);
		publish_anywhere(&frame->table, table);
	} while (look(&signal->senders) != table);
	send->chains[1] = table && send->sender ? table_find(table, send->sender) : NULL;
}

/* Those of a send that does not. */
static int start_asynchronous(struct sending *send)
{
	send->operation = peal__operation_new();
	return send->operation ? walk(send, PASS_START) : out_of_memory(send);
}

/* Asynchronous receivers of a send that waits for them. */
static int walk_asynchronous(struct sending *send)
{
	int code;
	int waited;

	if (send->audience)
		return start_asynchronous(send);
	code = walk(send, PASS_CHECK);
	if (code)
		return peal_error_set(
			send->error, code,
			"%s has asynchronous receivers whose executor is the thread that sends: "
			"waiting for them would never end; use PEAL_ASEND",
			send->signal->name);
	send->operation = peal__operation_new();
	if (!send->operation)
		return out_of_memory(send);
	code = walk(send, PASS_START);
	waited = peal__operation_wait(send->operation, send->mode, send->results, send->error);
	send->operation = NULL;
	return code ? code : waited;
}

/*
 * "post_save -> a.c:3:save_profile -> post_save -> ..." of all sends that this thread is in; the
 * middle left out.
 */
static int too_deep(struct thread *thread, struct peal_signal *signal, struct peal_error *error)
{
	char chain[PEAL_ERROR_MESSAGE_MAX - 80];
	size_t used = 0;
	char name[PEAL_ERROR_NAME_MAX];
	unsigned depth = peal__depth(thread);

	for (unsigned i = 0; i < depth && used < sizeof(chain) - 1; i++) {
		struct frame *frame = &thread->frames[i];

		if (i == 4 && depth > 8) {
			i = depth - 4;
			frame = &thread->frames[i];
			used += (size_t)snprintf(chain + used, sizeof(chain) - used, "... -> ");
			if (used >= sizeof(chain))
				break;
		}
		peal__site_text(frame->conn ? frame->conn->site : NULL, name, sizeof(name));
		used += (size_t)snprintf(chain + used, sizeof(chain) - used, "%s -> %s -> ",
					 frame->call.signal->name, name);
	}
	peal__log(PEAL_LOG_ERROR, "peal.dispatch", "%u sends are inside each other: %s%s", depth,
		  chain, signal->name);
	return peal_error_set(
		error, PEAL_EDEPTH,
		"%u sends are inside each other, which looks like a loop: %s%s; end it, or see "
		"peal_set_depth_limit()",
		depth, chain, signal->name);
}

/* Everything between the frame and its end. */
static int send_framed(struct sending *send)
{
	bool tracing = load_relaxed(&peal__trace) != NULL;
	uint64_t begin = 0;
	int code;

	find_chains(send);
	send->start = send->audience ? send->audience->before : load_acquire(&peal__next_serial);
	send->plain = !send->results && !send->error && send->mode == PEAL_SEND_STOP && !tracing &&
		      !load_relaxed(&peal__counting) && !peal__mutes;
	if (send->results && peal__results_reserve(send->results, count_at_most(send)) < 0)
		return out_of_memory(send);
	send->begun = true;
	if (tracing) {
		trace(send, PEAL_TRACE_SEND, NULL, NULL, 0, 0);
		begin = now_ns();
	}
	if (send->operation) {
		code = walk(send, PASS_START);
		if (code == PEAL_OK)
			code = walk(send, PASS_CALL);
	} else {
		code = walk(send, PASS_CALL);
		if (code == PEAL_OK && send->asynchronous_seen)
			code = walk_asynchronous(send);
	}
	if (tracing)
		trace(send, PEAL_TRACE_SENT, NULL, NULL, code, now_ns() - begin);
	return code;
}

static void leave_general(struct sending **guard)
{
	struct sending *send = *guard;
	struct frame *frame = send->frame;

	peal__free(send->longer, send->longer_size);
	/* An exception has left walk() before its end. */
	publish_anywhere(&frame->conn, (conn_t *)NULL);
	/* The fast path relies on these being empty. */
	frame->call.error = NULL;
	frame->collector = NULL;
	store_release(&frame->pin[1], (array_t *)NULL);
	store_release(&frame->table, (table_t *)NULL);
	store_release(&frame->later, (struct peal_signal *)NULL);
	leave_guarded(&frame);
}

static int send_in_frame(struct sending *send)
{
	struct thread *thread = peal__thread_get();

	if (!thread)
		return peal_error_set(send->error, PEAL_ENOMEM,
				      "no memory for the record of this thread");
	if (peal__depth(thread) >= peal_depth_limit())
		return too_deep(thread, send->signal, send->error);
	send->thread = thread;
	send->frame = enter(thread, send->signal, send->sender);
	/* Until the first turn the frame names nobody: a trace hook may run long. */
	publish_anywhere(&send->frame->conn, (conn_t *)NULL);
	{
		struct sending *guard PEAL__UNUSED PEAL_CLEANUP(leave_general) = send;

		return send_framed(send);
	}
}

__attribute__((noinline)) static int send_general(struct peal_signal *signal, const void *sender,
						  const void *args, size_t args_size,
						  enum peal_send_mode mode,
						  struct peal_results *results,
						  struct peal_error *error)
{
	struct sending send = { .signal = signal,
				.sender = sender,
				.args = args,
				.args_size = args_size,
				.mode = mode,
				.results = results,
				.error = error };

	return send_in_frame(&send);
}

int peal_asend(struct peal_signal *signal, const void *sender, const void *args, size_t args_size,
	       enum peal_send_mode mode, peal_done_fn *done, void *user)
{
	struct sending send = { .signal = signal,
				.sender = sender,
				.args = args,
				.args_size = args_size,
				.mode = mode };
	int saved_errno = errno;
	int cancel_state;
	int code;

	if (!peal_signal_is_heard(signal)) {
		struct peal_results none = { .items = NULL };

		if (done)
			done(user, PEAL_OK, &none);
		return PEAL_OK;
	}
	send.operation = peal__operation_new();
	if (!send.operation)
		return PEAL_ENOMEM;
	send.results = peal__operation_results(send.operation);
	/* Leaving a receiver by the back door would leave the operation without its end. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	code = send_in_frame(&send);
	if (send.begun) {
		peal__operation_finish(send.operation, code, mode, done, user);
		code = PEAL_OK;
	} else {
		peal__operation_free(send.operation);
	}
	pthread_setcancelstate(cancel_state, &cancel_state);
	errno = saved_errno;
	return code;
}

void peal__audience_send(struct peal_signal *signal, const void *sender, const void *args,
			 size_t args_size, const struct peal__audience *audience,
			 peal_done_fn *done, void *user)
{
	struct peal_error error = { 0 };
	struct sending send = { .signal = signal,
				.sender = sender,
				.args = args,
				.args_size = args_size,
				.audience = audience,
				.mode = PEAL_SEND_ALL,
				.error = &error };
	struct peal_results none = { .items = NULL };
	int saved_errno = errno;
	int cancel_state;
	int code;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	code = send_in_frame(&send);
	/* Those of the receivers are in the log already. */
	if (code)
		peal__log(PEAL_LOG_ERROR, "peal.dispatch", "%s was not sent after a commit: %s",
			  signal->name, error.message);
	if (send.operation)
		peal__operation_finish(send.operation, code, PEAL_SEND_ALL, done, user);
	else
		done(user, code, &none);
	pthread_setcancelstate(cancel_state, &cancel_state);
	errno = saved_errno;
}
