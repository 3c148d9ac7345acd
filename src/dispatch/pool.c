/* SPDX-License-Identifier: MIT */
/*
 * Connections as memory, and the index by which they are found.
 *
 * Connections come from slabs, which are kept for use again: the slot number in a handle always
 * leads to a connection, and its serial tells whether it is still the same one. The index is an
 * open-addressed table of slot numbers, from the identity (uid or function and user; sender;
 * signal) to the connection; only writers read it.
 */
#include "internal.h"
#include "alloc.h"

#include <string.h>

enum {
	INDEX_MIN = 64
};

static conn_t **slabs;
static uint32_t slab_count;
static uint32_t slab_capacity;
static conn_t *free_first; /* by ->list */
static uint32_t in_use;

static uint32_t *index_slots; /* slot + 1; 0 is empty */
static uint32_t index_size;   /* a power of two, or 0 */
static uint32_t index_used;

/* --------------------------------------------------------------------------------------- memory */

static bool slab_add(void)
{
	conn_t *slab;

	if (slab_count == slab_capacity) {
		uint32_t wanted = slab_capacity ? 2 * slab_capacity : 16;
		conn_t **grown = peal__alloc(wanted * sizeof(*grown));

		if (!grown)
			return false;
		if (slabs)
			memcpy(grown, slabs, slab_count * sizeof(*grown));
		peal__free(slabs, slab_capacity * sizeof(*slabs));
		slabs = grown;
		slab_capacity = wanted;
	}
	slab = peal__alloc_zero(SLAB_SIZE * sizeof(*slab));
	if (!slab)
		return false;
	for (uint32_t i = SLAB_SIZE; i-- > 0;) {
		slab[i].slot = slab_count * SLAB_SIZE + i;
		slab[i].list = (list_t *)(void *)free_first;
		free_first = &slab[i];
	}
	slabs[slab_count++] = slab;
	return true;
}

conn_t *peal__conn_new(void)
{
	conn_t *conn;

	if (!free_first && !slab_add())
		return NULL;
	conn = free_first;
	free_first = (conn_t *)(void *)conn->list;
	*conn = (conn_t){ .slot = conn->slot };
	in_use++;
	return conn;
}

void peal__conn_free(conn_t *conn)
{
	struct extra *extra = conn->extra;

	if ((conn->flags & CONN_HELD) || (extra && extra->tasks)) {
		conn_mark(conn, CONN_ORPHAN, true);
		return;
	}
	if (extra) {
		peal__text_free(extra->uid);
		peal__text_free(extra->sender_name);
		peal__free(extra, sizeof(*extra));
	}
	conn->extra = NULL;
	conn->state = CONN_FREE;
	conn->list = (list_t *)(void *)free_first;
	free_first = conn;
	in_use--;
}

conn_t *peal__conn_at(uint32_t slot)
{
	return slot / SLAB_SIZE < slab_count ? &slabs[slot / SLAB_SIZE][slot % SLAB_SIZE] : NULL;
}

conn_t *peal__conn_find(struct peal_handle handle)
{
	conn_t *conn = peal__conn_at(handle.slot);

	if (!conn || !handle.serial ||
	    (conn->state != CONN_PENDING && conn->state != CONN_CONNECTED))
		return NULL;
	return peal__conn_handle(conn).serial == handle.serial ? conn : NULL;
}

struct peal_handle peal__conn_handle(const conn_t *conn)
{
	/* Sends ask too, while peal_count_calls() may be adding it. */
	const struct extra *extra = load_acquire(&conn->extra);
	uint64_t birth = extra ? extra->birth : 0;

	return (struct peal_handle){ .serial = birth ? birth : conn->serial, .slot = conn->slot };
}

int peal__extra_ensure(conn_t *conn)
{
	struct extra *extra;

	if (conn->extra)
		return PEAL_OK;
	extra = peal__alloc_zero(sizeof(*extra));
	if (!extra)
		return PEAL_ENOMEM;
	store_release(&conn->extra, extra);
	return PEAL_OK;
}

void peal__pool_trim(void)
{
	if (in_use)
		return;
	for (uint32_t i = 0; i < slab_count; i++)
		peal__free(slabs[i], SLAB_SIZE * sizeof(conn_t));
	peal__free(slabs, slab_capacity * sizeof(*slabs));
	peal__free(index_slots, index_size * sizeof(*index_slots));
	slabs = NULL;
	free_first = NULL;
	slab_count = slab_capacity = 0;
	index_slots = NULL;
	index_size = index_used = 0;
}

/* ---------------------------------------------------------------------------------------- index */

struct identity peal__identity_of(const conn_t *conn)
{
	const struct extra *extra = conn->extra;
	bool pending = conn->state == CONN_PENDING;

	return (struct identity){
		.signal = pending ? extra->signal : conn->list->signal,
		.function = conn->function,
		.user = conn->user,
		.uid = extra ? extra->uid : NULL,
		.sender = pending ? NULL : conn->list->sender,
		.sender_name = pending ? extra->sender_name : NULL,
	};
}

static bool same(const struct identity *a, const struct identity *b)
{
	if (a->signal != b->signal || a->sender != b->sender || !a->uid != !b->uid ||
	    !a->sender_name != !b->sender_name)
		return false;
	if (a->sender_name && !peal__name_equal(a->sender_name, b->sender_name))
		return false;
	if (a->uid)
		return strcmp(a->uid, b->uid) == 0;
	return a->function == b->function && a->user == b->user;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 32);
}

uint32_t peal__index_hash(const struct identity *identity)
{
	uint64_t hash = mix((uintptr_t)identity->signal, (uintptr_t)identity->sender);

	if (identity->sender_name)
		hash = mix(hash, peal__name_hash(identity->sender_name));
	if (identity->uid) {
		for (const char *c = identity->uid; *c; c++)
			hash = mix(hash, (unsigned char)*c);
	} else {
		hash = mix(hash, (uintptr_t)identity->function);
		hash = mix(hash, (uintptr_t)identity->user);
	}
	return (uint32_t)hash;
}

conn_t *peal__index_find(const struct identity *identity, uint32_t hash)
{
	uint32_t mask = index_size - 1;

	if (!index_size)
		return NULL;
	for (uint32_t i = hash & mask; index_slots[i]; i = (i + 1) & mask) {
		conn_t *conn = peal__conn_at(index_slots[i] - 1);

		if (conn->hash == hash) {
			struct identity other = peal__identity_of(conn);

			if (same(identity, &other))
				return conn;
		}
	}
	return NULL;
}

void peal__index_add(conn_t *conn)
{
	uint32_t mask = index_size - 1;
	uint32_t i = conn->hash & mask;

	while (index_slots[i])
		i = (i + 1) & mask;
	index_slots[i] = conn->slot + 1;
	index_used++;
}

int peal__index_reserve(void)
{
	uint32_t old_size = index_size;
	uint32_t *old = index_slots;
	uint32_t size = old_size ? 2 * old_size : INDEX_MIN;
	uint32_t *grown;

	if (4 * ((uint64_t)index_used + 1) <= 3 * (uint64_t)old_size)
		return PEAL_OK;
	grown = peal__alloc_zero(size * sizeof(*grown));
	if (!grown)
		return PEAL_ENOMEM;
	index_slots = grown;
	index_size = size;
	index_used = 0;
	for (uint32_t i = 0; i < old_size; i++)
		if (old[i])
			peal__index_add(peal__conn_at(old[i] - 1));
	peal__free(old, old_size * sizeof(*old));
	return PEAL_OK;
}

/* Close the gap, so that no search has to pass over what is gone. */
void peal__index_remove(conn_t *conn)
{
	uint32_t mask = index_size - 1;
	uint32_t gap = conn->hash & mask;

	while (index_slots[gap] != conn->slot + 1)
		gap = (gap + 1) & mask;
	for (uint32_t i = (gap + 1) & mask; index_slots[i]; i = (i + 1) & mask) {
		uint32_t home = peal__conn_at(index_slots[i] - 1)->hash & mask;

		if (((i - home) & mask) >= ((i - gap) & mask)) {
			index_slots[gap] = index_slots[i];
			gap = i;
		}
	}
	index_slots[gap] = 0;
	index_used--;
}
