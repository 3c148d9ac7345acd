/* SPDX-License-Identifier: MIT */
/* Rows by their keys. */
#include <peal/bulk.h>

#include <stdlib.h>

#include "query_internal.h"

#define KEYS 500 /* in one statement */

static int compare_rows(const void *a, const void *b)
{
	return peal__key_compare(peal_key(*(struct peal_instance *const *)a),
				 peal_key(*(struct peal_instance *const *)b));
}

static int read_some(const struct peal_query *query, const struct peal_value *keys, size_t count,
		     struct peal_rows *rows, struct peal_error *error)
{
	struct peal_query *some = peal_query_copy(query);
	struct peal__connection *c;
	int r;

	if (some && some->state)
		peal__query_filter_in(some, &some->state->columns[some->state->key], keys, count);
	r = peal__query_ready(some, &c, error);
	if (r == 0)
		r = peal__rows_read(some, rows, c, error);
	peal_query_free(some);
	return r;
}

/* A key that is given twice may stand in two statements. */
static void sort_rows(struct peal_rows *rows)
{
	size_t count = 0;

	if (rows->count)
		qsort(rows->items, rows->count, sizeof(struct peal_instance *), compare_rows);
	for (size_t i = 0; i < rows->count; i++) {
		if (count && compare_rows(&rows->items[count - 1], &rows->items[i]) == 0)
			peal_fini(rows->items[i]);
		else
			rows->items[count++] = rows->items[i];
	}
	rows->count = count;
	rows->by_key = true;
}

int peal_query_in_bulk(const struct peal_query *query, const struct peal_params *keys,
		       struct peal_rows **ret_rows, struct peal_error *error)
{
	struct peal_rows *rows;
	int r = 0;

	if (query && peal__query_is_sliced(query))
		return peal_error_set(error, PEAL_EINVAL, "in_bulk: the query of %s is sliced",
				      query->state->label);
	rows = peal__rows_new(error);
	if (!rows)
		return PEAL_ENOMEM;
	for (size_t at = 0; at < keys->count && r == 0; at += KEYS)
		r = read_some(query, keys->items + at,
			      keys->count - at < KEYS ? keys->count - at : KEYS, rows, error);
	sort_rows(rows);
	if (r == 0 && query)
		r = peal__prefetch_run(query->prefetches, rows->items, rows->count, error);
	if (r == 0)
		*ret_rows = rows;
	else
		peal_rows_free(rows);
	return r;
}

struct peal_instance *peal_rows_find(const struct peal_rows *rows, struct peal_value key)
{
	size_t low = 0, high = rows->count;

	while (rows->by_key && low < high) {
		size_t middle = low + (high - low) / 2;
		int order = peal__key_compare(key, peal_key(rows->items[middle]));

		if (order == 0)
			return rows->items[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	for (size_t i = 0; i < rows->count && !rows->by_key; i++)
		if (peal_value_equal(peal_key(rows->items[i]), key))
			return rows->items[i];
	return NULL;
}
