/* SPDX-License-Identifier: MIT */
/*
 * Seeing and muting: snapshots, the trace hook, counting, mutes. What sends need of it is behind
 * one test: while any of these is on, no frame is below fast_end and sends take the general path.
 */
#include "internal.h"
#include "alloc.h"

#include <stdlib.h>
#include <string.h>

peal_trace_fn *peal__trace;
void *peal__trace_user;
uint32_t peal__counting;
uint64_t peal__suppressed;

void peal_set_trace(peal_trace_fn *trace, void *user)
{
	peal__lock();
	peal__trace_user = user;
	store_release(&peal__trace, trace);
	peal__threads_update();
	peal__unlock();
}

int peal_count_calls(bool on)
{
	conn_t *conn;
	int code = PEAL_OK;

	peal__lock();
	for (uint32_t slot = 0; on && code == PEAL_OK && (conn = peal__conn_at(slot)); slot++)
		if (conn->state == CONN_PENDING || conn->state == CONN_CONNECTED)
			code = peal__extra_ensure(conn);
	if (code == PEAL_OK) {
		store_relaxed(&peal__counting, on);
		peal__threads_update();
	}
	peal__unlock();
	return code;
}

/* ---------------------------------------------------------------------------------------- mutes */

void peal_mute_begin(struct peal_mute *mute)
{
	mute->internal[0] = peal__mutes;
	peal__mutes = mute;
	peal__thread_update_self();
}

void peal_mute_end(struct peal_mute *mute)
{
	struct peal_mute *before = NULL;

	for (struct peal_mute *on = peal__mutes; on; before = on, on = on->internal[0]) {
		if (on != mute)
			continue;
		if (before)
			before->internal[0] = mute->internal[0];
		else
			peal__mutes = mute->internal[0];
		break;
	}
	if (!peal__mutes)
		peal__thread_update_self();
}

bool peal__mute_covers(const struct peal_mute *mute, const struct peal_signal *signal,
		       const void *sender, const conn_t *conn, peal_function *function)
{
	const struct extra *extra = load_acquire(&conn->extra);

	if ((mute->signal && mute->signal != signal) || (mute->sender && mute->sender != sender))
		return false;
	if (mute->user && mute->user != conn->user)
		return false;
	if (mute->uid && (!extra || !extra->uid || strcmp(mute->uid, extra->uid) != 0))
		return false;
	return !mute->receiver || mute->receiver == function;
}

bool peal__muted(const struct peal_signal *signal, const void *sender, const conn_t *conn,
		 peal_function *function)
{
	bool found = false;

	for (struct peal_mute *mute = peal__mutes; mute; mute = mute->internal[0]) {
		if (!peal__mute_covers(mute, signal, sender, conn, function))
			continue;
		mute->suppressed++;
		found = true;
	}
	if (found)
		__atomic_fetch_add(&peal__suppressed, 1, __ATOMIC_RELAXED);
	return found;
}

/* ------------------------------------------------------------------------------------ snapshots */

/*
 * A snapshot is one block: itself, the two tables, the texts. It is filled in two passes over the
 * same code, the first of which only measures; both under one hold of the lock.
 */
struct filling {
	struct peal_snapshot *snapshot; /* NULL: measuring */
	struct peal_signal_info *signals;
	struct peal_receiver_info *receivers;
	char *text;
	size_t signal_count;
	size_t receiver_count;
	size_t text_size;
	size_t total;
};

static const char *fill_text(struct filling *filling, const char *text, size_t size)
{
	size_t at = filling->text_size;
	char *copy;

	filling->text_size += size + 1;
	if (!filling->snapshot)
		return NULL;
	copy = filling->text + at;
	memcpy(copy, text, size);
	copy[size] = '\0';
	return copy;
}

/* "FILE:LINE..." into its parts. */
static const char *fill_place(struct filling *filling, const char *site, unsigned *ret_line)
{
	const char *colon = site ? strchr(site, ':') : NULL;

	*ret_line = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
	return fill_text(filling, colon ? site : "", colon ? (size_t)(colon - site) : 0);
}

static const char *fill_whole(struct filling *filling, const char *text)
{
	return fill_text(filling, text ? text : "", text ? strlen(text) : 0);
}

static unsigned mutes_over(const struct peal_signal *signal, const void *sender, const conn_t *conn)
{
	unsigned count = 0;

	for (struct peal_mute *mute = peal__mutes; mute; mute = mute->internal[0])
		count += peal__mute_covers(mute, signal, sender ? sender : mute->sender, conn,
					   conn->function);
	return count;
}

static void fill_receiver(struct filling *filling, struct peal_signal *signal, conn_t *conn,
			  enum peal_when when)
{
	const struct extra *extra = conn->extra;
	bool pending = conn->state == CONN_PENDING;
	const void *sender = pending ? NULL : conn->list->sender;
	struct peal_receiver_info info = {
		.signal = signal,
		.handle = peal__conn_handle(conn),
		.order = conn->serial,
		.user = conn->user,
		.sender = sender,
		.priority = pending ? extra->priority : conn->list->priority,
		.pending = pending,
		.asynchronous = conn->flags & CONN_ASYNC,
		.scoped = extra && extra->scope,
		.muted = mutes_over(signal, sender, conn),
		/* A task that is begun in the sending thread is in a frame as well. */
		.running = conn->flags & CONN_ASYNC ? extra->tasks : peal__running(conn, false),
		.calls = extra ? load_relaxed(&extra->calls) : 0,
		.when = when,
	};
	const char *name;
	size_t size = peal__site_receiver(conn->site, &name);

	info.signal_name = fill_whole(filling, signal->name);
	info.name = fill_text(filling, name, size);
	info.file = fill_place(filling, conn->site, &info.line);
	info.sender_name =
		fill_whole(filling, pending ? extra->sender_name : peal__sender_name(sender));
	info.uid = fill_whole(filling, extra ? extra->uid : NULL);
	if (filling->snapshot)
		filling->receivers[filling->receiver_count] = info;
	filling->receiver_count++;
}

static void fill_chain(struct filling *filling, struct peal_signal *signal, list_t *chain,
		       enum peal_when when)
{
	for (list_t *level = chain; level; level = level->levels)
		for (uint32_t i = 0; level->array && i < level->array->count; i++)
			if (level->array->entry[i]->state == CONN_CONNECTED)
				fill_receiver(filling, signal, level->array->entry[i], when);
}

static int by_turn(const void *a, const void *b)
{
	const struct peal_receiver_info *x = a;
	const struct peal_receiver_info *y = b;

	if (x->pending != y->pending)
		return x->pending - y->pending;
	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	if (x->priority != y->priority)
		return x->priority < y->priority ? 1 : -1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Those who hear the signal at one of its moments. Returns how many of them are connected. */
static size_t fill_moment(struct filling *filling, struct peal_signal *signal, enum peal_when when)
{
	struct peal_signal *from = peal__signal_for(signal, when);

	if (!from)
		return 0;
	fill_chain(filling, signal, &from->any, when);
	for (uint32_t i = 0; from->senders && i < peal__table_slots(from->senders); i++)
		fill_chain(filling, signal, from->senders->slot[i], when);
	for (conn_t *conn = peal__pending; conn; conn = (conn_t *)(void *)conn->list)
		if (conn->extra->signal == from)
			fill_receiver(filling, signal, conn, when);
	return from->listeners;
}

static void fill_signal(struct filling *filling, struct peal_signal *signal)
{
	size_t first = filling->receiver_count;
	struct peal_signal_info info = { .signal = signal };

	info.name = fill_whole(filling, signal->name);
	info.file = fill_place(filling, signal->site, &info.line);
	info.receivers = fill_moment(filling, signal, PEAL_AT_ONCE);
	info.receivers += fill_moment(filling, signal, PEAL_AFTER_COMMIT);
	info.first = first;
	info.total = filling->receiver_count - first;
	if (filling->snapshot) {
		filling->signals[filling->signal_count] = info;
		qsort(filling->receivers + first, filling->receiver_count - first,
		      sizeof(*filling->receivers), by_turn);
	}
	filling->signal_count++;
}

static void fill(struct filling *filling, struct peal_signal *only)
{
	filling->signal_count = filling->receiver_count = filling->text_size = 0;
	for (struct peal_signal *signal = peal__signals; signal; signal = signal->next)
		if (!signal->told && (!only || only == signal))
			fill_signal(filling, signal);
}

struct snapshot_block {
	struct peal_snapshot public;
	size_t size;
};

int peal_snapshot_take(struct peal_signal *signal, struct peal_snapshot **ret_snapshot)
{
	struct filling filling = { .snapshot = NULL };
	struct snapshot_block *block;
	size_t size;

	peal__lock();
	fill(&filling, signal);
	size = sizeof(*block) + filling.signal_count * sizeof(*filling.signals) +
	       filling.receiver_count * sizeof(*filling.receivers) + filling.text_size;
	block = peal__alloc(size);
	if (!block) {
		peal__unlock();
		return PEAL_ENOMEM;
	}
	block->size = size;
	filling.snapshot = &block->public;
	filling.receivers = (struct peal_receiver_info *)(block + 1);
	filling.signals = (struct peal_signal_info *)(filling.receivers + filling.receiver_count);
	filling.text = (char *)(filling.signals + filling.signal_count);
	fill(&filling, signal);
	block->public = (struct peal_snapshot){
		.signal_count = filling.signal_count,
		.signals = filling.signals,
		.receiver_count = filling.receiver_count,
		.receivers = filling.receivers,
		.suppressed = load_relaxed(&peal__suppressed),
	};
	peal__unlock();
	*ret_snapshot = &block->public;
	return PEAL_OK;
}

void peal_snapshot_free(struct peal_snapshot *snapshot)
{
	if (snapshot)
		peal__free(snapshot, ((struct snapshot_block *)snapshot)->size);
}

/* ------------------------------------------------------------------------------------- the call */

struct peal_handle peal_call_handle(const struct peal_call *call)
{
	return peal__conn_handle(((const struct frame *)call)->conn);
}

unsigned peal_call_depth(const struct peal_call *call)
{
	return (unsigned)((const struct frame *)call -
			  ((const struct frame *)call)->thread->frames);
}

size_t peal_call_chain(struct peal_chain_link *links, size_t count)
{
	unsigned depth = peal__depth(peal__self);

	for (unsigned i = 0; i < depth && i < count; i++) {
		const struct frame *frame = &peal__self->frames[i];

		links[i].signal = frame->call.signal;
		links[i].sender = frame->call.sender;
		links[i].when = frame->later ? PEAL_AFTER_COMMIT : PEAL_AT_ONCE;
		peal__site_text(frame->conn ? frame->conn->site : NULL, links[i].receiver,
				sizeof(links[i].receiver));
	}
	return depth;
}
