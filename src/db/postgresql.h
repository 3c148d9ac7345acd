/* SPDX-License-Identifier: MIT */
/*
 * What the files of the PostgreSQL driver share: postgresql_connect.c opens connections and tells errors,
 * postgresql_types.c turns values into the forms of the server and back, postgresql.c runs statements.
 *
 * Statements are prepared on the server and run by their names; every parameter and every column has the type that
 * the server gave it, and travels in binary where we know the type, as text otherwise.
 */
#ifndef PEAL_DB_POSTGRESQL_H
#define PEAL_DB_POSTGRESQL_H

#include "connection.h"
#include "driver.h"
#include "heap.h"

#include <libpq-fe.h>

struct peal__pg_param;

struct peal__pg {
	PGconn *conn;
	struct peal__statement *streaming; /* its rows are still on their way */
	const char *begin; /* a transaction that is to begin together with the next command */
	bool in_block;     /* a transaction was open when the last statement began */
	bool dying;        /* the server has said that it ends the connection */
	bool knows_xid_query;
	int64_t changes;
	unsigned last_name; /* statements are called peal_1, peal_2, ... */
	unsigned *dropped;  /* the names of those that the server can forget */
	size_t dropped_count, dropped_capacity;
	struct peal__text copy; /* rows that are to be sent */
};

/* The types of a statement's parameters and columns, as the server described them, and behind these the names. */
struct peal__pg_shape {
	size_t param_count, column_count;
	const char *names; /* of the columns, behind each other, each with its NUL */
	bool binary;       /* the rows come in binary: all columns are of types that we know */
	Oid types[];       /* parameters, then columns */
};

static inline const Oid *peal__pg_columns(const struct peal__pg_shape *shape)
{
	return shape->types + shape->param_count;
}

/* A statement's handle. */
struct peal__pg_statement {
	struct peal__pg_shape *shape;
	unsigned name;
	char name_text[16];  /* "peal_" and the name */
	unsigned generation; /* of the connection that knows the name */
	bool prepared;
	bool started, ended;
	struct peal_value *values; /* as bound */
	struct peal__pg_param *params;
	const char **data; /* of the params, as libpq wants them */
	int *sizes, *formats;
	PGresult *result;
	int row, row_count;
	PGresult **aside; /* what was to come when another statement needed the connection */
	size_t aside_at, aside_count, aside_capacity;
	bool aside_failed;
	unsigned cursor;          /* the number of its cursor; 0: none is open */
	struct peal__arena arena; /* of the present row */
};

static inline struct peal__pg *peal__pg_of(const struct peal__connection *connection)
{
	return connection->handle;
}

/* ---- Statements: postgresql.c ---------------------------------------------------------------------------------- */

int peal__pg_check_lost(struct peal__connection *connection, struct peal_error *error);
/* Make the connection free for something else. */
void peal__pg_settle(struct peal__connection *connection);
/* Send a BEGIN that waits. */
int peal__pg_begin_now(struct peal__connection *connection, struct peal_error *error);
/* What was bound, as libpq wants it. */
int peal__pg_encode_all(struct peal__statement *statement, struct peal_error *error);
/* A command's result, or the error of the commit that follows it. */
PGresult *peal__pg_last_word(PGconn *conn, PGresult *result);

/* ---- Many rows: postgresql_copy.c; see driver.h ------------------------------------------------------------------ */

int peal__pg_copy_begin(struct peal__statement *insert, const struct peal__copy *copy,
			struct peal_error *error);
int peal__pg_copy_row(struct peal__statement *insert, struct peal_error *error);
int peal__pg_copy_end(struct peal__statement *insert, int result, struct peal_error *error);

/* ---- Connections and errors: postgresql_connect.c -------------------------------------------------------------- */

int peal__pg_open(struct peal__connection *connection, struct peal_error *error);
void peal__pg_close(struct peal__connection *connection);
bool peal__pg_is_alive(struct peal__connection *connection);

/*
 * Tell an error: result may be NULL (the library had no memory, or nothing to send it over). Marks the connection as
 * lost when it is. Returns the code.
 */
int peal__pg_failed(struct peal__connection *connection, const PGresult *result, const char *sql,
		    struct peal_error *error);

/* The connection is gone: what follows for the caller is in consequence. */
int peal__pg_lost(struct peal__connection *connection, const char *sqlstate,
		  const char *consequence, struct peal_error *error);

/*
 * What has become of a transaction whose COMMIT was not answered: asked over a connection of its own. Returns 1
 * (committed), 0 (not committed) or -1 (nobody can say).
 */
int peal__pg_resolve(struct peal__connection *connection, const char *xid);

/* ---- Values: postgresql_types.c -------------------------------------------------------------------------------- */

#define PEAL__PG_ROOM PEAL_VALUE_TEXT_MAX /* for a number or a time as text, or in binary */

/* One parameter as libpq wants it. */
struct peal__pg_param {
	const char *data; /* NULL: null */
	int size;
	int format; /* 1: binary */
	char room[PEAL__PG_ROOM];
};

bool peal__pg_type_is_known(Oid type);

/* Whether values of the kind go into a column of the type in binary. */
bool peal__pg_can_copy(uint32_t kind, Oid type);
bool peal__pg_has_version(Oid type); /* in a COPY its values begin with a byte 1 */

/* Fails with PEAL_ETYPE. number counts from 1. */
int peal__pg_encode(struct peal__pg_param *param, size_t number, Oid type,
		    const struct peal_value *value, struct peal_error *error);

/* A column of a row. What needs room of its own comes from the arena. kind is PEAL_VALUE_NULL when any will do. */
int peal__pg_decode(const PGresult *result, int row, int column, const struct peal__pg_shape *shape,
		    uint32_t kind, struct peal__arena *arena, struct peal_value *ret_value,
		    struct peal_error *error);

#endif
