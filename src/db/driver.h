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
	PEAL__COLUMN_UUID,
	PEAL__COLUMN_DECIMAL, /* followed by (digits, places) */
	PEAL__COLUMN_DATE,
	PEAL__COLUMN_TIME_OF_DAY,
	PEAL__COLUMN_DURATION,
	PEAL__COLUMN_JSON,
	PEAL__COLUMN_COUNT
};

/* Functions and operators that are not spelt alike. %s: none; each is complete in itself. */
struct peal__dialect {
	const char *types[PEAL__COLUMN_COUNT];
	const char *position;     /* position(text, part): 0 when it is not in it */
	const char *like_nocase;  /* operator: matches without regard to case */
	const char *no_limit;     /* LIMIT that is none, before an OFFSET */
	const char *empty_insert; /* VALUES of a row without columns */
	/*
	 * A table can only refer to one that exists. What refers to a later one is added between these two; adding
	 * it again does nothing. NULL: a table may refer to what is not there yet.
	 */
	const char *add_reference[2];
	const char *text_order; /* behind the type of a text: compares by bytes; "": all do */
	bool typed_values; /* the first row of a VALUES in a query must tell the types of its parameters */
	bool row_locks; /* rows are locked one by one, by SELECT ... FOR UPDATE */
	bool returning; /* the new key comes as a row of INSERT ... RETURNING, not from insert_id */
};

enum peal__reading {
	PEAL__READ_ALL = 0,
	PEAL__READ_AS_THEY_COME, /* rows are given before all have come */
	PEAL__READ_BY_CURSOR, /* in constant memory, whatever else the connection does meanwhile */
};

/* Rows that are to be inserted in great numbers. */
struct peal__copy {
	const char *table, *key; /* names */
	const char *into;        /* SQL: the table and all columns of the INSERT, "t" ("a", "b") */
	const uint8_t *kinds;    /* enum peal_value_kind, of these columns */
	struct peal_value *keys; /* to be given by the database; NULL: none */
	size_t key_count;
};

/* What the database itself thinks of the connection's transaction. */
enum peal__transaction_state {
	PEAL__TRANSACTION_NONE,
	PEAL__TRANSACTION_OPEN,
	PEAL__TRANSACTION_FAILED, /* open, but only a rollback, to a savepoint or of all, can follow */
};

struct peal__driver {
	const char *name;         /* "sqlite" */
	const char *scheme;       /* of its URLs, with the colon */
	const char *other_scheme; /* another spelling of it; NULL: none */
	struct peal__dialect dialect;

	/*
	 * Sets connection->handle. A driver that sees its server gone sets connection->lost; outside of a transaction the
	 * connection is then closed and opened again, and connection->generation tells statements of before that they
	 * have to be prepared anew. Closing a connection that could not be opened again does nothing.
	 */
	int (*open)(struct peal__connection *connection, struct peal_error *error);
	void (*close)(struct peal__connection *connection);
	/* Asked before work begins outside of a transaction; NULL: it always is. */
	bool (*is_alive)(struct peal__connection *connection);

	/* Begin, commit, savepoints: SQL without parameters and rows. */
	int (*execute)(struct peal__connection *connection, const char *sql,
		       struct peal_error *error);
	const char *begin;
	const char *begin_read_only;
	/* 0 only when the transaction has been committed. */
	int (*commit)(struct peal__connection *connection, struct peal_error *error);
	enum peal__transaction_state (*transaction_state)(struct peal__connection *connection);

	/*
	 * Sets statement->handle and statement->width (columns of its rows; 0: it has none). statement->reading, set
	 * between prepare and the first step, says how a SELECT is read, where there is a difference.
	 */
	int (*prepare)(struct peal__statement *statement, const char *sql, size_t size,
		       struct peal_error *error);
	void (*finalize)(struct peal__statement *statement);
	/* Of a column of its rows; good until the next step. NULL: there is no memory, or no such column any more. */
	const char *(*column_name)(struct peal__statement *statement, size_t index);

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

	/*
	 * Rows in great numbers, faster than by INSERT; NULL: there is no such way. insert is the INSERT of one such row.
	 * begin takes the keys; it returns 0, an error, or PEAL_NOT_FOUND: these rows must be inserted. Then each row is
	 * bound to insert and put by row, and end follows in any case, with the result so far, which it returns unless
	 * there is an error now. Nothing else may use the connection meanwhile.
	 */
	int (*copy_begin)(struct peal__statement *insert, const struct peal__copy *copy,
			  struct peal_error *error);
	int (*copy_row)(struct peal__statement *insert, struct peal_error *error);
	int (*copy_end)(struct peal__statement *insert, int result, struct peal_error *error);

	/* Of a statement that is done and has not been put back: rows changed, the key of the last row inserted. */
	int64_t (*changes)(struct peal__statement *statement);
	int64_t (*insert_id)(struct peal__statement *statement);
};

extern const struct peal__driver peal__sqlite_driver;
extern const struct peal__driver peal__postgresql_driver; /* only with PEAL_HAVE_POSTGRESQL */

#endif
