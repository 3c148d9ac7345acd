/* SPDX-License-Identifier: MIT */
/*
 * What a database must be able to do. Everything above speaks SQL with parameters $1, $2, ... (numbered in the order
 * of their first appearance) and "quoted" names, and leaves the rest to the driver.
 *
 * A driver keeps no state of transactions and caches nothing: that is done once, in connection.c and transaction.c.
 * Each function that fails fills in the error: code, sqlstate, field, message.
 */
#ifndef PEAL_DB_DRIVER_H
#define PEAL_DB_DRIVER_H

#include <peal/db.h>

struct peal__connection;
struct peal__statement;

/* The types of columns. */
enum peal__column_type {
	PEAL__COLUMN_ID32, /* given by the database, never twice */
	PEAL__COLUMN_ID64,
	PEAL__COLUMN_INT16,
	PEAL__COLUMN_INT32,
	PEAL__COLUMN_INT64,
	PEAL__COLUMN_BOOLEAN,
	PEAL__COLUMN_REAL,
	PEAL__COLUMN_VARCHAR, /* followed by (length) */
	PEAL__COLUMN_TEXT,
	PEAL__COLUMN_BYTES,
	PEAL__COLUMN_DATETIME,
	PEAL__COLUMN_COUNT
};

/* Functions and operators that are not spelt alike. %s: none; each is complete in itself. */
struct peal__dialect {
	const char *types[PEAL__COLUMN_COUNT];
	const char *position;     /* position(text, part): 0 when it is not in it */
	const char *like_nocase;  /* operator: matches without regard to case */
	const char *no_limit;     /* LIMIT that is none, before an OFFSET */
	const char *empty_insert; /* VALUES of a row without columns */
	bool returning; /* the new key comes as a row of INSERT ... RETURNING, not from insert_id */
};

struct peal__driver {
	const char *name;   /* "sqlite" */
	const char *scheme; /* of its URLs, with the colon */
	struct peal__dialect dialect;

	/* Sets connection->handle. */
	int (*open)(struct peal__connection *connection, struct peal_error *error);
	void (*close)(struct peal__connection *connection);

	/* Begin, commit, savepoints: SQL without parameters and rows. */
	int (*execute)(struct peal__connection *connection, const char *sql,
		       struct peal_error *error);
	const char *begin;
	const char *begin_read_only;
	bool (*in_transaction)(struct peal__connection *connection);

	/* Sets statement->handle and statement->width (columns of its rows; 0: it has none). */
	int (*prepare)(struct peal__statement *statement, const char *sql, size_t size,
		       struct peal_error *error);
	void (*finalize)(struct peal__statement *statement);

	/* index counts from 0. Text and bytes stay where they are until reset. */
	int (*bind)(struct peal__statement *statement, size_t index, const struct peal_value *value,
		    struct peal_error *error);

	/*
	 * The next row: 0, and statement->width values, good until the next call; or PEAL_DONE. kinds (may be NULL) are
	 * the enum peal_value_kind wanted: what the database keeps in another form (times, booleans) is converted,
	 * everything else comes as it is.
	 */
	int (*step)(struct peal__statement *statement, const uint8_t *kinds,
		    struct peal_value *values, struct peal_error *error);
	void (*reset)(struct peal__statement *statement);

	int64_t (*changes)(struct peal__connection *connection);   /* of the last statement */
	int64_t (*insert_id)(struct peal__connection *connection); /* of the last INSERT */
};

extern const struct peal__driver peal__sqlite_driver;

#endif
