/* SPDX-License-Identifier: MIT */
/* What every test of the data layer begins with: a database. */
#ifndef PEAL_TEST_DB_FIXTURE_H
#define PEAL_TEST_DB_FIXTURE_H

#include "pealtest.h"

#include <peal/db.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Whether the tests run on "sqlite-memory" (the default), "sqlite-file" or "postgresql". */
static inline bool runs_on(const char *kind)
{
	const char *wanted = getenv("PEAL_TEST_DATABASE");

	return strcmp(wanted ? wanted : "sqlite-memory", kind) == 0;
}

/* The server that tools/with-postgresql has started. */
static inline const char *server_url(void)
{
	const char *url = getenv("PEAL_TEST_POSTGRESQL_URL");

	if (!url)
		T_FAIL("PEAL_TEST_POSTGRESQL_URL is not set: run this by tools/with-postgresql");
	return url;
}

/* A schema of the test's own on the server that tools/with-postgresql has started. */
static inline void postgresql_url(char *url, size_t size)
{
	const char *server = server_url();
	struct peal_error error = { 0 };
	struct timespec now;
	struct peal_db *db;
	char schema[64], sql[96];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(schema, sizeof(schema), "t%ld_%ld_%ld", (long)getpid(), (long)now.tv_sec,
		 now.tv_nsec);
	snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", schema);
	snprintf(url, size, "%s&options=-csearch_path%%3D%s", server, schema);
	if (peal_db_open_with(server, &(struct peal_db_options){ .alias = "fixture" }, &db,
			      &error) != 0 ||
	    peal_db_exec("fixture", sql, NULL, NULL, &error) != 0)
		T_FAIL("%s", error.message);
	peal_db_close(db);
}

/* The URL of a database for this test, empty at first. Made by the first call in each test. */
static inline const char *database_url(void)
{
	static char url[600], folder[256];

	if (folder[0] && access(folder, F_OK) == 0)
		return url;
	snprintf(folder, sizeof(folder), "%s", test_tmpdir());
	if (runs_on("postgresql"))
		postgresql_url(url, sizeof(url));
	else if (runs_on("sqlite-file"))
		snprintf(url, sizeof(url), "sqlite:%s/test.db", folder);
	else
		snprintf(url, sizeof(url), "sqlite::memory:");
	return url;
}

/* To be closed by peal_db_close(). */
static inline struct peal_db *open_url(const char *url, const char *alias)
{
	struct peal_error error = { 0 };
	struct peal_db *db = NULL;

	if (peal_db_open_with(url, &(struct peal_db_options){ .alias = alias }, &db, &error) != 0)
		T_FAIL("%s", error.message);
	return db;
}

static inline struct peal_db *open_database(void)
{
	return open_url(database_url(), NULL);
}

static inline void exec(const char *sql)
{
	struct peal_error error = { 0 };

	if (peal_db_exec(NULL, sql, NULL, NULL, &error) != 0)
		T_FAIL("%s", error.message);
}

/* The one number that a query gives. */
static inline int64_t number_on(const char *alias, const char *sql)
{
	const struct peal_value *values;
	struct peal_cursor *cursor;
	struct peal_error error = { 0 };
	int64_t number;

	if (peal_db_query(alias, sql, NULL, &cursor, &error) != 0)
		T_FAIL("%s", error.message);
	T_OK(peal_cursor_next(cursor, &values, &error));
	number = values[0].as.integer;
	peal_cursor_free(cursor);
	return number;
}

static inline int64_t number_of(const char *sql)
{
	return number_on(NULL, sql);
}

#endif
