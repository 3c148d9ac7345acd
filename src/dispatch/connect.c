/* SPDX-License-Identifier: MIT */
/*
 * Signals, and connecting receivers to them.
 *
 * All that can fail is done first: the connection's memory, room in the index, its list, room in
 * the array. Then it is put in place, which cannot.
 */
#include "internal.h"
#include "alloc.h"
#include "log.h"

#include <string.h>

uint64_t peal__next_serial = 1;
struct peal_signal *peal__signals;
static struct peal_signal **signals_end = &peal__signals;
conn_t *peal__pending;
static conn_t **pending_end = &peal__pending;

enum signal_state {
	SIGNAL_KNOWN = 1,
	SIGNAL_MADE = 2,  /* by peal_signal_new() */
	SIGNAL_FREED = 4, /* by peal_signal_free(), and waits for its sends to return */
};

/* -------------------------------------------------------------------------------------- signals */

static void signal_know(struct peal_signal *signal)
{
	if (signal->state & SIGNAL_KNOWN)
		return;
	signal->state |= SIGNAL_KNOWN;
	signal->any.signal = signal;
	signal->next = NULL;
	*signals_end = signal;
	signals_end = &signal->next;
}

void peal__signals_forget(uintptr_t first, uintptr_t last)
{
	struct peal_signal **link = &peal__signals;

	while (*link) {
		struct peal_signal *signal = *link;

		if ((uintptr_t)signal < first || (uintptr_t)signal >= last) {
			link = &signal->next;
			continue;
		}
		peal__signal_clear(signal);
		*link = signal->next;
		signal->state &= ~(uint32_t)SIGNAL_KNOWN;
		if (signal->state & SIGNAL_MADE)
			signal->state |= SIGNAL_FREED;
	}
	signals_end = link;
}

void peal_signal_register(struct peal_signal *signal)
{
	peal__lock();
	signal_know(signal);
	peal__unlock();
}

int peal_signal_new(const char *name, size_t args_size, struct peal_signal **ret_signal)
{
	struct peal_signal *signal;

	if (!name || !ret_signal || args_size > ARGS_MAX)
		return PEAL_EINVAL;
	signal = peal__alloc_zero(sizeof(*signal));
	if (!signal)
		return PEAL_ENOMEM;
	signal->name = peal__text_copy(name);
	if (!signal->name) {
		peal__free(signal, sizeof(*signal));
		return PEAL_ENOMEM;
	}
	signal->site = "";
	signal->args_size = (uint32_t)args_size;
	signal->state = SIGNAL_MADE;
	peal_signal_register(signal);
	*ret_signal = signal;
	return PEAL_OK;
}

struct peal_signal *peal__signal_for(struct peal_signal *signal, enum peal_when when)
{
	if (when == PEAL_AT_ONCE)
		return signal;
	return when == PEAL_AFTER_COMMIT ? signal->after_commit : NULL;
}

/* --------------------------------------------------------------------------------------- scopes */

static void scope_add(struct peal_scope *scope, conn_t *conn)
{
	struct extra *extra = conn->extra;

	extra->scope = scope;
	extra->scope_next = scope->first;
	if (scope->first)
		scope->first->extra->scope_previous = conn;
	scope->first = conn;
	scope->size++;
}

/* ----------------------------------------------------------------------------- where they stand */

/* Put a connection, complete but for its list, where sends find it; its list has room. */
static void attach(conn_t *conn, list_t *list)
{
	struct peal_signal *signal = list->signal;

	conn->list = list;
	conn->state = CONN_CONNECTED;
	conn->serial = peal__next_serial;
	peal__array_add(list, conn);
	/* After it: a send that sees the serial taken also sees the connection. */
	store_release(&peal__next_serial, conn->serial + 1);
	store_release(&signal->listeners, signal->listeners + 1);
}

static void pending_add(conn_t *conn)
{
	conn->state = CONN_PENDING;
	conn->list = NULL;
	*pending_end = conn;
	pending_end = (conn_t **)(void *)&conn->list;
}

void peal__pending_remove(conn_t *conn)
{
	conn_t **link = &peal__pending;

	while (*link != conn)
		link = (conn_t **)(void *)&(*link)->list;
	*link = (conn_t *)(void *)conn->list;
	if (!*link)
		pending_end = link;
}

/* ----------------------------------------------------------------------------------- connecting */

static int extra_fill(conn_t *conn, const struct peal_connection *from,
		      const struct identity *identity)
{
	struct extra *extra;

	if (!from->release && !from->scope && !identity->uid && !identity->sender_name &&
	    !from->asynchronous && !peal__counting)
		return PEAL_OK;
	if (peal__extra_ensure(conn) < 0)
		return PEAL_ENOMEM;
	extra = conn->extra;
	extra->release = from->release;
	extra->executor = from->executor;
	if (identity->uid && !(extra->uid = peal__text_copy(identity->uid)))
		return PEAL_ENOMEM;
	if (identity->sender_name && !(extra->sender_name = peal__text_copy(identity->sender_name)))
		return PEAL_ENOMEM;
	return PEAL_OK;
}

static int connect_new(const struct identity *identity, uint32_t hash,
		       const struct peal_connection *from, conn_t **ret_conn)
{
	conn_t *conn = peal__conn_new();
	list_t *list = NULL;

	if (!conn)
		return PEAL_ENOMEM;
	conn->function = from->receiver;
	conn->user = from->user;
	conn->site = from->site;
	conn->hash = hash;
	conn->args_size = (uint16_t)from->args_size;
	conn->flags = from->asynchronous ? CONN_ASYNC : 0;
	if (extra_fill(conn, from, identity) < 0 || peal__index_reserve() < 0)
		goto out_of_memory;
	if (!identity->sender_name &&
	    (peal__list_for(identity->signal, identity->sender, from->priority, &list) < 0 ||
	     peal__array_reserve(list, 1) < 0))
		goto out_of_memory;
	if (from->scope)
		scope_add(from->scope, conn);
	if (identity->sender_name) {
		conn->extra->signal = identity->signal;
		conn->extra->priority = from->priority;
		conn->extra->birth = conn->serial = peal__next_serial;
		store_release(&peal__next_serial, conn->serial + 1);
		pending_add(conn);
	} else {
		attach(conn, list);
	}
	peal__index_add(conn);
	*ret_conn = conn;
	return identity->sender_name ? PEAL_PENDING : PEAL_OK;

out_of_memory:
	peal__conn_free(conn);
	return PEAL_ENOMEM;
}

static bool valid(struct peal_signal *signal, const struct peal_connection *connection)
{
	return signal && connection && connection->size >= sizeof(*connection) &&
	       !(connection->sender && connection->sender_name) &&
	       connection->args_size <= ARGS_MAX &&
	       (!connection->sender_name || peal__name_valid(connection->sender_name)) &&
	       peal__signal_for(signal, connection->when);
}

/* A connect has no place for details, and nobody guesses this one. */
static int refuse(const struct peal_signal *signal, const struct peal_connection *connection)
{
	if (signal && connection && connection->size >= sizeof(*connection) &&
	    connection->when == PEAL_AFTER_COMMIT && !signal->after_commit)
		peal__log(PEAL_LOG_ERROR, "peal.dispatch",
			  "%s is not sent after a commit: connect to the signal that says that it "
			  "is done, or call PEAL_ON_COMMIT in the receiver",
			  signal->name);
	return PEAL_EINVAL;
}

static struct identity identity_asked(struct peal_signal *signal,
				      const struct peal_connection *connection)
{
	const char *name = connection->sender_name;
	const void *sender = name ? peal__name_sender(name) : connection->sender;

	return (struct identity){
		.signal = peal__signal_for(signal, connection->when),
		.function = connection->receiver,
		.user = connection->user,
		.uid = connection->uid && *connection->uid ? connection->uid : NULL,
		.sender = sender,
		.sender_name = sender ? NULL : name,
	};
}

int peal_connect(struct peal_signal *signal, const struct peal_connection *connection)
{
	struct identity identity;
	uint32_t hash;
	conn_t *conn;
	int code = PEAL_EXISTS;

	if (!valid(signal, connection) || !connection->receiver)
		return refuse(signal, connection);
	peal__lock();
	if ((connection->scope && connection->scope->ending) || (signal->state & SIGNAL_FREED)) {
		peal__unlock();
		return PEAL_EINVAL;
	}
	signal_know(signal);
	peal__reclaim_if_due();
	identity = identity_asked(signal, connection);
	signal_know(identity.signal);
	hash = peal__index_hash(&identity);
	conn = peal__index_find(&identity, hash);
	if (!conn)
		code = connect_new(&identity, hash, connection, &conn);
	if (code >= 0 && connection->ret_handle)
		*connection->ret_handle = peal__conn_handle(conn);
	peal__unlock();
	return code;
}

int peal_find(struct peal_signal *signal, const struct peal_connection *connection,
	      struct peal_handle *ret_handle)
{
	struct identity identity;
	conn_t *conn;

	if (!valid(signal, connection))
		return PEAL_EINVAL;
	peal__lock();
	identity = identity_asked(signal, connection);
	conn = peal__index_find(&identity, peal__index_hash(&identity));
	if (conn && ret_handle)
		*ret_handle = peal__conn_handle(conn);
	peal__unlock();
	return conn ? PEAL_OK : PEAL_NOT_FOUND;
}

/* How many pending connections will go to the same list. */
static uint32_t pending_for(const char *name, const struct extra *like)
{
	uint32_t count = 0;

	for (conn_t *conn = peal__pending; conn; conn = (conn_t *)(void *)conn->list)
		count += conn->extra->signal == like->signal &&
			 conn->extra->priority == like->priority &&
			 peal__name_equal(conn->extra->sender_name, name);
	return count;
}

static int pending_reserve(const char *name, const void *sender)
{
	for (conn_t *conn = peal__pending; conn; conn = (conn_t *)(void *)conn->list) {
		struct extra *extra = conn->extra;
		list_t *list;

		if (!peal__name_equal(extra->sender_name, name))
			continue;
		if (peal__list_for(extra->signal, sender, extra->priority, &list) < 0 ||
		    peal__array_reserve(list, pending_for(name, extra)) < 0)
			return PEAL_ENOMEM;
	}
	return PEAL_OK;
}

int peal__resolve(const char *name, const void *sender)
{
	conn_t *next;

	if (pending_reserve(name, sender) < 0)
		return PEAL_ENOMEM;
	for (conn_t *conn = peal__pending; conn; conn = next) {
		struct extra *extra = conn->extra;
		struct identity identity;
		list_t *list;

		next = (conn_t *)(void *)conn->list;
		if (!peal__name_equal(extra->sender_name, name))
			continue;
		identity = peal__identity_of(conn);
		identity.sender = sender;
		identity.sender_name = NULL;
		if (peal__index_find(&identity, peal__index_hash(&identity))) {
			/* The same one has been made to the sender itself meanwhile. */
			peal__end(conn);
			peal__hold(conn);
			continue;
		}
		peal__index_remove(conn);
		peal__pending_remove(conn);
		conn->hash = peal__index_hash(&identity);
		(void)peal__list_for(extra->signal, sender, extra->priority,
				     &list); /* it is there */
		attach(conn, list);
		peal__index_add(conn);
	}
	return PEAL_OK;
}

bool peal_has_receivers(struct peal_signal *signal, const void *sender)
{
	bool found;

	if (!peal_signal_is_heard(signal))
		return false;
	peal__lock();
	found = peal__chain_heard(&signal->any) ||
		(sender && signal->senders &&
		 peal__chain_heard(table_find(signal->senders, sender)));
	peal__unlock();
	return found;
}

int peal_receivers_connect(const struct peal_receiver *receivers, size_t count,
			   struct peal_scope *scope)
{
	struct peal_handle *made = count ? peal__alloc(count * sizeof(*made)) : NULL;
	int code = count && !made ? PEAL_ENOMEM : PEAL_OK;
	size_t made_count = 0;

	for (size_t i = 0; code >= 0 && i < count; i++) {
		struct peal_connection connection =
			receivers[i].describe(receivers[i].receiver, receivers[i].site);
		struct peal_handle *wanted = connection.ret_handle;

		connection.ret_handle = &made[made_count];
		if (!connection.scope)
			connection.scope = scope;
		code = peal_connect(receivers[i].signal, &connection);
		if (code >= 0 && wanted)
			*wanted = made[made_count];
		if (code == PEAL_OK || code == PEAL_PENDING)
			made_count++;
	}
	while (code < 0 && made_count > 0)
		peal_disconnect_deferred(made[--made_count]);
	peal__free(made, count * sizeof(*made));
	return code < 0 ? code : PEAL_OK;
}

size_t peal_trim(void)
{
	size_t bytes;

	peal__lock();
	peal__reclaim();
	for (struct peal_signal *signal = peal__signals; signal; signal = signal->next)
		if (!signal->listeners)
			peal__signal_clear(signal);
	peal__reclaim();
	peal__pool_trim();
	peal__threads_trim();
	bytes = peal__bytes_in_use();
	peal__unlock();
	return bytes;
}
