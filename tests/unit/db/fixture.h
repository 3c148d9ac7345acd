/* SPDX-License-Identifier: MIT */
/* What every test of the data layer begins with: its memory counted by the harness, and a database in memory. */
#ifndef PEAL_TEST_DB_FIXTURE_H
#define PEAL_TEST_DB_FIXTURE_H

#include "pealtest.h"

#include <peal/db.h>

#include "heap.h"

static inline void count_memory(void)
{
	peal__db_memory = (struct peal__memory){ .alloc = test_alloc, .free = test_free };
}

/* To be closed by peal_db_close(). */
static inline struct peal_db *open_memory(void)
{
	struct peal_error error = { 0 };
	struct peal_db *db = NULL;

	count_memory();
	if (peal_db_open("sqlite::memory:", &db, &error) != 0)
		T_FAIL("%s", error.message);
	return db;
}

static inline void exec(const char *sql)
{
	struct peal_error error = { 0 };

	if (peal_db_exec(NULL, sql, NULL, NULL, &error) != 0)
		T_FAIL("%s", error.message);
}

/* The one number that a query gives. */
static inline int64_t number_of(const char *sql)
{
	const struct peal_value *values;
	struct peal_cursor *cursor;
	struct peal_error error = { 0 };
	int64_t number;

	if (peal_db_query(NULL, sql, NULL, &cursor, &error) != 0)
		T_FAIL("%s", error.message);
	T_OK(peal_cursor_next(cursor, &values, &error));
	number = values[0].as.integer;
	peal_cursor_free(cursor);
	return number;
}

#endif
