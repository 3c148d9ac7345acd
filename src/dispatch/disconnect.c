/* SPDX-License-Identifier: MIT */
/*
 * Disconnecting: one connection, those of a scope, a sender, a module, a signal.
 *
 * From peal__end() on no send starts the receiver; it may still run somewhere. Its release is
 * called when it does not:
 *
 *   the waiting forms    hold the connection, wait for its last call to return, and call the release
 *                        themselves;
 *   the deferred forms   put it on the list of held ones, and whoever finds that it has returned
 *                        calls the release: the caller at once, or a thread whose attention was
 *                        asked for (peal__attend).
 *
 * A held connection's memory is not used again, so that waiting for it is never waiting for another
 * one.
 */
#include "internal.h"

#include <link.h>

static conn_t *held; /* those whose release is to come, a chain */

enum scope_ending {
	SCOPE_WAITING = 1,
	SCOPE_DEFERRED = 2,
};

/*
 * Chains of ended connections go by slot, in .hash: the other members may still be read by a send.
 */
static conn_t *chain_next(const conn_t *conn)
{
	return conn->hash ? peal__conn_at(conn->hash - 1) : NULL;
}

static void chain_push(conn_t **chain, conn_t *conn)
{
	conn->hash = *chain ? (*chain)->slot + 1 : 0;
	conn_mark(conn, CONN_HELD, true);
	*chain = conn;
}

/* What ended connections do when a send comes across them. */
int peal__skip(struct peal_call *call, const void *args)
{
	(void)call;
	(void)args;
	return PEAL_OK;
}

/* --------------------------------------------------------------------------------------- ending */

static void scope_remove(conn_t *conn)
{
	struct extra *extra = conn->extra;
	struct peal_scope *scope = extra->scope;

	if (extra->scope_previous)
		extra->scope_previous->extra->scope_next = extra->scope_next;
	else
		scope->first = extra->scope_next;
	if (extra->scope_next)
		extra->scope_next->extra->scope_previous = extra->scope_previous;
	extra->scope_next = extra->scope_previous = NULL;
	scope->size--;
	scope->unsettled++;
}

bool peal__conn_busy(conn_t *conn, bool notify)
{
	return (conn->extra && conn->extra->tasks) || peal__running(conn, notify);
}

/* From here on no send starts the receiver. Its memory stays as long as something refers to it. */
void peal__end(conn_t *conn)
{
	peal__index_remove(conn);
	if (conn->extra && conn->extra->scope)
		scope_remove(conn);
	if (conn->state == CONN_PENDING) {
		peal__pending_remove(conn);
		conn->state = CONN_ENDED;
		conn_mark(conn, CONN_ORPHAN, true);
		return;
	}
	if (conn->extra && conn->extra->tasks)
		peal__tasks_cancel(conn);
	store_release(&conn->list->signal->listeners, conn->list->signal->listeners - 1);
	change(&conn->function, (peal_function *)peal__skip);
	conn->state = CONN_ENDED;
	peal__array_end(conn);
}

/*
 * Put an ended connection on the list of those whose release is to be called when it does not run.
 */
void peal__hold(conn_t *conn)
{
	chain_push(&held, conn);
}

/*
 * One of the ended connections of a scope does not run any more; the last one ends the scope. Before
 * the releases: they may free the scope.
 */
static void scope_settle(struct peal_scope *scope, struct release *ret_release)
{
	scope->unsettled--;
	if (scope->ending == SCOPE_WAITING)
		peal__wake();
	if (scope->ending != SCOPE_DEFERRED || scope->unsettled)
		return;
	ret_release->scope_function = scope->release;
	ret_release->scope_user = scope->user;
	*scope = (struct peal_scope){ .first = NULL };
}

/*
 * An ended connection does not run any more: what is to be called for it, and its memory if nobody
 * refers to it.
 */
static void settle(conn_t *conn, struct release *ret_release)
{
	struct extra *extra = conn->extra;

	*ret_release = (struct release){
		.user = conn->user,
		.function = extra ? extra->release : NULL,
	};
	if (extra && extra->scope)
		scope_settle(extra->scope, ret_release);
	conn_mark(conn, CONN_HELD, false);
	if (conn->flags & CONN_ORPHAN)
		peal__conn_free(conn);
}

bool peal__releasable(struct release *ret_release)
{
	conn_t *previous = NULL;

	for (conn_t *conn = held; conn; previous = conn, conn = chain_next(conn)) {
		if (peal__conn_busy(conn, true))
			continue;
		if (previous)
			previous->hash = conn->hash;
		else
			held = chain_next(conn);
		settle(conn, ret_release);
		return true;
	}
	return false;
}

void peal__release_run(const struct release *release)
{
	if (release->function)
		release->function(release->user);
	if (release->scope_function)
		release->scope_function(release->scope_user);
}

/* -------------------------------------------------------------------------------- disconnecting */

bool peal_is_connected(struct peal_handle handle)
{
	bool found;

	peal__lock();
	found = peal__conn_find(handle) != NULL;
	peal__unlock();
	return found;
}

/*
 * Wait until none of the held connections of a chain runs, then call their releases. With the lock,
 * and gives it up.
 */
static void wait_and_release(conn_t *chain)
{
	peal__barrier();
	for (conn_t *conn = chain; conn; conn = chain_next(conn))
		while (peal__conn_busy(conn, true))
			peal__wait();
	while (chain) {
		conn_t *conn = chain;
		struct release release;

		chain = chain_next(conn);
		settle(conn, &release);
		peal__unlock();
		peal__release_run(&release);
		peal__lock();
	}
	peal__reclaim_if_due();
	peal__unlock();
}

/* Call the releases that are due. With the lock, and gives it up. */
void peal__drain(void)
{
	struct release release;

	while (peal__releasable(&release)) {
		peal__unlock();
		peal__release_run(&release);
		peal__lock();
	}
	peal__reclaim_if_due();
	peal__unlock();
}

int peal_disconnect(struct peal_handle handle)
{
	conn_t *chain = NULL;
	conn_t *conn;

	if (peal__inside())
		return PEAL_EDEADLK;
	peal__lock();
	conn = peal__conn_find(handle);
	if (!conn) {
		peal__unlock();
		return PEAL_NOT_FOUND;
	}
	if (peal__tasks_hang(conn)) {
		peal__unlock();
		return PEAL_EDEADLK;
	}
	peal__end(conn);
	chain_push(&chain, conn);
	wait_and_release(chain);
	return PEAL_OK;
}

int peal_disconnect_deferred(struct peal_handle handle)
{
	bool running;
	conn_t *conn;

	peal__lock();
	conn = peal__conn_find(handle);
	if (!conn) {
		peal__unlock();
		return PEAL_NOT_FOUND;
	}
	peal__end(conn);
	peal__hold(conn);
	peal__barrier();
	running = peal__conn_busy(conn, true);
	peal__drain();
	return running ? PEAL_RUNNING : PEAL_OK;
}

int peal_disconnect_like(struct peal_signal *signal, struct peal_connection like, bool wait)
{
	struct peal_handle handle;
	int code;

	/*
	 * Between the two steps the connection may go, and that is PEAL_NOT_FOUND too; it cannot
	 * become another one.
	 */
	code = peal_find(signal, &like, &handle);
	if (code != PEAL_OK)
		return code;
	return wait ? peal_disconnect(handle) : peal_disconnect_deferred(handle);
}

/* The deferred form for a chain of ended connections. With the lock, and gives it up. */
static void hold_all(conn_t *chain)
{
	while (chain) {
		conn_t *conn = chain;

		chain = chain_next(conn);
		peal__hold(conn);
	}
	peal__barrier();
	peal__drain();
}

/* --------------------------------------------------------------------------------------- scopes */

static conn_t *scope_end_all(struct peal_scope *scope, enum scope_ending ending)
{
	conn_t *chain = NULL;

	scope->ending = ending;
	while (scope->first) {
		conn_t *conn = scope->first;

		peal__end(conn);
		chain_push(&chain, conn);
	}
	return chain;
}

static bool scope_hangs(const struct peal_scope *scope)
{
	for (conn_t *conn = scope->first; conn; conn = conn->extra->scope_next)
		if (peal__tasks_hang(conn))
			return true;
	return false;
}

int peal_scope_end(struct peal_scope *scope)
{
	struct release release;
	int code = PEAL_OK;

	if (peal__inside())
		return PEAL_EDEADLK;
	peal__lock();
	if (scope->ending)
		code = PEAL_EBUSY;
	else if (scope_hangs(scope))
		code = PEAL_EDEADLK;
	if (code) {
		peal__unlock();
		return code;
	}
	wait_and_release(scope_end_all(scope, SCOPE_WAITING));
	peal__lock();
	/* Connections that were disconnected one by one before may still run. */
	while (scope->unsettled) {
		if (peal__releasable(&release)) {
			peal__unlock();
			peal__release_run(&release);
			peal__lock();
		} else {
			peal__wait();
		}
	}
	*scope = (struct peal_scope){ .first = NULL };
	peal__unlock();
	return PEAL_OK;
}

int peal_scope_end_deferred(struct peal_scope *scope, void (*release)(void *user), void *user)
{
	bool done;

	peal__lock();
	if (scope->ending) {
		peal__unlock();
		return PEAL_EBUSY;
	}
	scope->release = release;
	scope->user = user;
	scope->unsettled++; /* one for this function: the scope is not to go before its end */
	hold_all(scope_end_all(scope, SCOPE_DEFERRED));
	peal__lock();
	done = --scope->unsettled == 0;
	if (done)
		*scope = (struct peal_scope){ .first = NULL };
	peal__unlock();
	if (done && release)
		release(user);
	return done ? PEAL_OK : PEAL_RUNNING;
}

size_t peal_scope_size(const struct peal_scope *scope)
{
	size_t size;

	peal__lock();
	size = scope->size;
	peal__unlock();
	return size;
}

/* -------------------------------------------------------------------- senders, modules, signals */

/* End all connections of a list; ending one may replace the array that is being looked through. */
static size_t list_end(list_t *list, conn_t **chain)
{
	size_t count = 0;

	while (list->live) {
		array_t *array = list->array;

		for (uint32_t i = 0; i < array->count && list->array == array; i++) {
			conn_t *conn = array->entry[i];

			if (conn->state != CONN_CONNECTED)
				continue;
			peal__end(conn);
			chain_push(chain, conn);
			count++;
			if (!list->live)
				break;
		}
	}
	return count;
}

static size_t levels_end(list_t *list, conn_t **chain)
{
	size_t count = 0;

	for (; list; list = list->levels)
		count += list_end(list, chain);
	return count;
}

size_t peal_sender_forget(const void *sender)
{
	conn_t *chain = NULL;
	size_t count = 0;

	if (!sender)
		return 0;
	peal__lock();
	peal__name_forget(sender);
	for (struct peal_signal *signal = peal__signals; signal; signal = signal->next)
		if (signal->senders)
			count += levels_end(table_find(signal->senders, sender), &chain);
	hold_all(chain);
	return count;
}

void peal_signal_free(struct peal_signal *signal)
{
	conn_t *chain = NULL;
	conn_t *next;

	if (!signal)
		return;
	peal__lock();
	levels_end(&signal->any, &chain);
	for (uint32_t i = 0; signal->senders && i < peal__table_slots(signal->senders); i++)
		levels_end(signal->senders->slot[i], &chain);
	for (conn_t *conn = peal__pending; conn; conn = next) {
		next = (conn_t *)(void *)conn->list;
		if (conn->extra->signal != signal)
			continue;
		peal__end(conn);
		chain_push(&chain, conn);
	}
	peal__signals_forget((uintptr_t)signal, (uintptr_t)signal + 1);
	hold_all(chain); /* before its memory can go: a release may still ask for it */
	peal__lock();
	peal__signal_retire(signal);
	peal__barrier();
	peal__notify_all(signal);
	peal__reclaim();
	peal__unlock();
}

/* The part of memory that a loaded object takes. */
struct range {
	uintptr_t inside;
	uintptr_t first;
	uintptr_t last;
};

static int range_of(struct dl_phdr_info *info, size_t size, void *result)
{
	struct range *range = result;
	uintptr_t first = UINTPTR_MAX;
	uintptr_t last = 0;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		if (start < first)
			first = start;
		if (start + info->dlpi_phdr[i].p_memsz > last)
			last = start + info->dlpi_phdr[i].p_memsz;
	}
	if (range->inside < first || range->inside >= last)
		return 0;
	range->first = first;
	range->last = last;
	return 1;
}

static bool within(const struct range *range, uintptr_t address)
{
	return address >= range->first && address < range->last;
}

static bool conn_within(const conn_t *conn, const struct range *range)
{
	const struct extra *extra = conn->extra;
	const struct peal_signal *signal =
		conn->state == CONN_PENDING ? extra->signal : conn->list->signal;

	return within(range, (uintptr_t)conn->function) || within(range, (uintptr_t)conn->site) ||
	       within(range, (uintptr_t)signal) ||
	       (extra && (within(range, (uintptr_t)extra->release) ||
			  within(range, (uintptr_t)extra->scope) ||
			  within(range, (uintptr_t)extra->executor)));
}

static bool in_module(const conn_t *conn, const struct range *range)
{
	return (conn->state == CONN_CONNECTED || conn->state == CONN_PENDING) &&
	       conn_within(conn, range);
}

static bool module_hangs(const struct range *range)
{
	conn_t *conn;

	for (uint32_t slot = 0; (conn = peal__conn_at(slot)); slot++)
		if (in_module(conn, range) && peal__tasks_hang(conn))
			return true;
	return false;
}

int peal_disconnect_module(const void *address, size_t *ret_count)
{
	struct range range = { .inside = (uintptr_t)address };
	conn_t *chain = NULL;
	size_t count = 0;
	conn_t *conn;

	if (peal__inside())
		return PEAL_EDEADLK;
	if (!dl_iterate_phdr(range_of, &range))
		return PEAL_EINVAL;
	peal__lock();
	if (module_hangs(&range)) {
		peal__unlock();
		return PEAL_EDEADLK;
	}
	for (uint32_t slot = 0; (conn = peal__conn_at(slot)); slot++) {
		if (!in_module(conn, &range))
			continue;
		peal__end(conn);
		chain_push(&chain, conn);
		count++;
	}
	peal__signals_forget(range.first, range.last);
	wait_and_release(chain);
	if (ret_count)
		*ret_count = count;
	return PEAL_OK;
}
