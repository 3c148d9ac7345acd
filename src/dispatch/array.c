/* SPDX-License-Identifier: MIT */
/*
 * Lists and arrays: where connections stand for the sends to find.
 *
 * An array only grows at its end, and an ended connection stays in it with peal__skip for a
 * function, so that a send that walks through it needs no lock. When it is full, or more of it is
 * dead than alive, a new one with the living replaces it and the old one is retired. Each list
 * keeps its arrays that are not freed yet as a chain, oldest first:
 *
 *   A dead connection is referred to by the array that was replaced last while it was in it, and
 *   perhaps by older ones. When an array is freed, each of its dead connections is freed too,
 *   unless the next older array still in memory may hold it (its serial is below that array's end):
 *   then that array takes it over.
 *
 * Connecting costs an append, copying is paid for by the entries that made it necessary: both are
 * flat in the number of connections. Only a connection with a priority makes a list of its own, one
 * for each priority used.
 */
#include "internal.h"
#include "alloc.h"

enum {
	CAPACITY_MIN = 4,
	TABLE_MIN = 8,
	RETIRED_DUE = 64, /* retired things that make it worth to look for those not in use */
	RETIRED_BYTES_DUE = 1 << 20,
};

static array_t *retired_arrays;
static table_t *retired_tables; /* oldest first */
static table_t **retired_tables_end = &retired_tables;
static struct peal_signal *retired_signals;
static unsigned retired_count;
static size_t retired_bytes;

/* --------------------------------------------------------------------------------------- arrays */

static size_t array_size(uint32_t capacity)
{
	return sizeof(array_t) + capacity * sizeof(conn_t *);
}

static void array_put(array_t *array, conn_t *conn)
{
	conn->position = array->count;
	array->entry[array->count] = conn;
	if (conn->args_size > array->args_size)
		store_relaxed(&array->args_size, conn->args_size);
	if (conn->flags & CONN_ASYNC)
		store_relaxed(&array->args_size, ARGS_GENERAL);
	store_release(&array->count, array->count + 1);
}

/* Where there are levels, a send needs the general path to merge them. */
static array_t *array_new(const list_t *list, uint32_t capacity)
{
	array_t *array = peal__alloc(array_size(capacity));

	if (!array)
		return NULL;
	*array = (array_t){ .capacity = capacity, .args_size = list->levels ? ARGS_GENERAL : 0 };
	return array;
}

/*
 * Take the array out of sight; newer (or NULL) has replaced it. Its dead are collected for the time
 * when it goes.
 */
static void array_retire(array_t *array, array_t *newer)
{
	for (uint32_t i = 0; i < array->count; i++) {
		conn_t *conn = array->entry[i];

		if (conn->state == CONN_ENDED) {
			conn->list = (list_t *)(void *)array->dead_first;
			array->dead_first = conn;
		}
	}
	array->end = peal__next_serial;
	if (newer) {
		newer->older = array;
		array->newer = newer;
	}
	array->retired_next = retired_arrays;
	retired_arrays = array;
	retired_count++;
	retired_bytes += array_size(array->capacity);
}

/* Replace the array of a list by one with the living and room for more. */
static int array_replace(list_t *list, uint32_t capacity)
{
	array_t *old = list->array;
	array_t *fresh = array_new(list, capacity);

	if (!fresh)
		return PEAL_ENOMEM;
	for (uint32_t i = 0; i < old->count; i++)
		if (old->entry[i]->state == CONN_CONNECTED)
			array_put(fresh, old->entry[i]);
	change(&list->array, fresh);
	array_retire(old, fresh);
	return PEAL_OK;
}

int peal__array_reserve(list_t *list, uint32_t room)
{
	array_t *array = list->array;
	uint32_t living = array ? array->count - array->dead : 0;
	uint32_t wanted = living + (room > living / 2 + 2 ? room : living / 2 + 2);

	if (wanted < CAPACITY_MIN)
		wanted = CAPACITY_MIN;
	if (!array) {
		array = array_new(list, wanted);
		if (!array)
			return PEAL_ENOMEM;
		change(&list->array, array);
		return PEAL_OK;
	}
	return array->capacity - array->count >= room ? PEAL_OK : array_replace(list, wanted);
}

void peal__array_add(list_t *list, conn_t *conn)
{
	array_put(list->array, conn);
	list->live++;
}

void peal__array_drop(list_t *list)
{
	array_t *array = list->array;

	if (!array)
		return;
	change(&list->array, (array_t *)NULL);
	array_retire(array, NULL);
}

void peal__array_end(conn_t *conn)
{
	list_t *list = conn->list;
	array_t *array = list->array;

	array->dead++;
	list->live--;
	if (list->live == 0)
		peal__array_drop(list);
	else if (array->dead > list->live + CAPACITY_MIN)
		(void)array_replace(list, list->live + list->live / 2 +
						  2); /* no memory: it stays as it is */
}

/* -------------------------------------------------------------------------------- lists, levels */

static list_t *list_new(struct peal_signal *signal, const void *sender, int priority)
{
	list_t *list = peal__alloc(sizeof(*list));

	if (list)
		*list = (list_t){ .signal = signal, .sender = sender, .priority = priority };
	return list;
}

/*
 * A chain is the list of priority 0, and behind it, in levels, those of other priorities, the
 * highest first. Return the one of the highest priority below the given one that has an array, or
 * NULL.
 */
list_t *peal__level_below(list_t *chain, int64_t priority)
{
	list_t *usual =
		chain && load_relaxed(&chain->array) && chain->priority < priority ? chain : NULL;
	list_t *level = chain ? load_acquire(&chain->levels) : NULL;

	while (level && (level->priority >= priority || !load_relaxed(&level->array)))
		level = load_acquire(&level->levels);
	if (!level || (usual && usual->priority > level->priority))
		return usual;
	return level;
}

static int level_for(list_t *chain, int priority, list_t **ret_list)
{
	list_t **link = &chain->levels;
	list_t *level;

	if (priority == 0) {
		*ret_list = chain;
		return PEAL_OK;
	}
	while (*link && (*link)->priority > priority)
		link = &(*link)->levels;
	if (!*link || (*link)->priority != priority) {
		level = list_new(chain->signal, chain->sender, priority);
		if (!level)
			return PEAL_ENOMEM;
		level->levels = *link;
		if (chain->array)
			store_relaxed(&chain->array->args_size, ARGS_GENERAL);
		store_release(link, level);
	}
	*ret_list = *link;
	return PEAL_OK;
}

bool peal__chain_heard(const list_t *chain)
{
	for (; chain; chain = chain->levels)
		if (chain->live)
			return true;
	return false;
}

/* A chain goes with this table, the newest that has it. */
static void chain_hand(table_t *table, list_t *chain)
{
	chain->signal = (struct peal_signal *)(void *)table->dropped;
	table->dropped = chain;
}

/* Leave an empty chain out of the newer table: it goes with the old one. */
static void chain_drop(table_t *table, list_t *chain)
{
	for (list_t *level = chain; level; level = level->levels)
		peal__array_drop(level); /* room that was reserved and not used */
	chain_hand(table, chain);
}

static void chain_free(list_t *chain)
{
	while (chain) {
		list_t *next = chain->levels;

		peal__free(chain, sizeof(*chain));
		chain = next;
	}
}

/* --------------------------------------------------------------------------------------- tables */

uint32_t peal__table_slots(const table_t *table)
{
	return table->mask + 1;
}

static size_t table_size(uint32_t slots)
{
	return sizeof(table_t) + slots * sizeof(list_t *);
}

static table_t *table_new(struct peal_signal *signal, uint32_t slots)
{
	table_t *table = peal__alloc_zero(table_size(slots));

	if (table) {
		table->signal = signal;
		table->mask = slots - 1;
		table->shift = (uint32_t)(64 - __builtin_ctz(slots));
	}
	return table;
}

static void table_retire(table_t *table)
{
	table->retired_next = NULL;
	*retired_tables_end = table;
	retired_tables_end = &table->retired_next;
	retired_count++;
	retired_bytes += table_size(peal__table_slots(table));
}

static void table_put(table_t *table, list_t *list)
{
	uint32_t i = table_home(table, list->sender);

	while (table->slot[i])
		i = (i + 1) & table->mask;
	store_release(&table->slot[i], list);
	table->used++;
}

/* Make room in the table of a signal's senders; lists that have become empty are left out. */
static int table_grow(struct peal_signal *signal)
{
	table_t *old = signal->senders;
	uint32_t living = 0;
	uint32_t slots = TABLE_MIN;
	table_t *fresh;

	for (uint32_t i = 0; old && i < peal__table_slots(old); i++)
		living += old->slot[i] && peal__chain_heard(old->slot[i]);
	while (slots < 2 * (living + 1))
		slots *= 2;
	fresh = table_new(signal, slots);
	if (!fresh)
		return PEAL_ENOMEM;
	for (uint32_t i = 0; old && i < peal__table_slots(old); i++) {
		list_t *list = old->slot[i];

		if (list && peal__chain_heard(list))
			table_put(fresh, list);
		else if (list)
			chain_drop(old, list);
	}
	change(&signal->senders, fresh);
	if (old)
		table_retire(old);
	return PEAL_OK;
}

int peal__list_for(struct peal_signal *signal, const void *sender, int priority, list_t **ret_list)
{
	list_t *chain;

	if (!sender)
		return level_for(&signal->any, priority, ret_list);
	chain = signal->senders ? table_find(signal->senders, sender) : NULL;
	if (!chain) {
		table_t *table = signal->senders;

		if ((!table || 4 * (table->used + 1) > 3 * peal__table_slots(table)) &&
		    table_grow(signal) < 0)
			return PEAL_ENOMEM;
		chain = list_new(signal, sender, 0);
		if (!chain)
			return PEAL_ENOMEM;
		table_put(signal->senders, chain);
	}
	return level_for(chain, priority, ret_list);
}

/* ----------------------------------------------------------------------------------- reclaiming */

/* Free a retired array that no send walks through, and hand on what an older one may still hold. */
static void array_free(array_t *array)
{
	array_t *older = array->older;

	while (array->dead_first) {
		conn_t *conn = array->dead_first;

		array->dead_first = (conn_t *)(void *)conn->list;
		if (older && conn->serial < older->end) {
			conn->list = (list_t *)(void *)older->dead_first;
			older->dead_first = conn;
		} else {
			peal__conn_free(conn);
		}
	}
	if (older)
		older->newer = array->newer;
	if (array->newer)
		array->newer->older = older;
	peal__free(array, array_size(array->capacity));
}

static void arrays_reclaim(void)
{
	array_t *kept = NULL;

	while (retired_arrays) {
		array_t *array = retired_arrays;

		retired_arrays = array->retired_next;
		if (peal__pinned(array)) {
			array->retired_next = kept;
			kept = array;
			retired_count++;
			retired_bytes += array_size(array->capacity);
		} else {
			array_free(array);
		}
	}
	retired_arrays = kept;
}

/* The newest of the kept tables, which are the older ones, that has the chain too; or NULL. */
static table_t *table_holding(const struct peal_signal *signal, const list_t *chain)
{
	table_t *found = NULL;

	for (table_t *table = retired_tables; table; table = table->retired_next)
		if (table->signal == signal && table_find(table, chain->sender) == chain)
			found = table;
	return found;
}

/* Free a retired table that no send looks at, and hand on what an older one may still hold. */
static void table_free(table_t *table)
{
	while (table->dropped) {
		list_t *chain = table->dropped;
		table_t *older = table_holding(table->signal, chain);

		table->dropped = (list_t *)(void *)chain->signal;
		if (older)
			chain_hand(older, chain);
		else
			chain_free(chain);
	}
	peal__free(table, table_size(peal__table_slots(table)));
}

/* In their order, the oldest first. */
static void tables_reclaim(void)
{
	table_t *waiting = retired_tables;

	retired_tables = NULL;
	retired_tables_end = &retired_tables;
	while (waiting) {
		table_t *table = waiting;

		waiting = table->retired_next;
		if (peal__pinned(table))
			table_retire(table);
		else
			table_free(table);
	}
}

static void signals_reclaim(void)
{
	struct peal_signal *kept = NULL;

	while (retired_signals) {
		struct peal_signal *signal = retired_signals;

		retired_signals = signal->next;
		if (peal__pinned(signal)) {
			signal->next = kept;
			kept = signal;
			retired_count++;
		} else {
			chain_free(signal->any.levels);
			peal__text_free((char *)signal->name);
			peal__free(signal, sizeof(*signal));
		}
	}
	retired_signals = kept;
}

void peal__reclaim(void)
{
	if (!retired_count)
		return;
	peal__barrier();
	retired_count = 0;
	retired_bytes = 0;
	arrays_reclaim();
	tables_reclaim();
	signals_reclaim();
}

void peal__reclaim_if_due(void)
{
	if (retired_count >= RETIRED_DUE || retired_bytes >= RETIRED_BYTES_DUE)
		peal__reclaim();
}

static void senders_retire(struct peal_signal *signal)
{
	table_t *table = signal->senders;

	if (!table)
		return;
	for (uint32_t i = 0; i < peal__table_slots(table); i++)
		if (table->slot[i])
			chain_drop(table, table->slot[i]);
	change(&signal->senders, (table_t *)NULL);
	table_retire(table);
}

void peal__signal_clear(struct peal_signal *signal)
{
	list_t *levels = signal->any.levels;

	senders_retire(signal);
	for (list_t *level = &signal->any; level; level = level->levels)
		peal__array_drop(level);
	change(&signal->any.levels, (list_t *)NULL);
	peal__barrier();
	if (peal__pinned(signal))
		signal->any.levels = levels; /* a send looks at them: some other time */
	else
		chain_free(levels);
}

void peal__signal_retire(struct peal_signal *signal)
{
	senders_retire(signal);
	signal->next = retired_signals;
	retired_signals = signal;
	retired_count++;
}
