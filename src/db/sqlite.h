/* SPDX-License-Identifier: MIT */
/* What the files of the SQLite driver share. */
#ifndef PEAL_DB_SQLITE_H
#define PEAL_DB_SQLITE_H

#include "connection.h"
#include "ticket.h"

#include <sqlite3.h>

#define PEAL__SQLITE_BEGIN "BEGIN IMMEDIATE"

/* connection->handle. */
struct peal__sqlite {
	sqlite3 *db;
	struct peal__ticket *ticket; /* NULL: read only, or a folder without locks */
	unsigned writers;            /* statements that have begun to write and not ended */
	int log_pages;         /* of the write-ahead log, when something was committed to it */
	int64_t deadline;      /* of the running statement, in nanoseconds; 0: none */
	int64_t busy_timeout;  /* in nanoseconds */
	int64_t waiting_since; /* for a lock of SQLite */
};

static inline sqlite3 *peal__sqlite_of(const struct peal__connection *c)
{
	return ((const struct peal__sqlite *)c->handle)->db;
}

int peal__sqlite_open(struct peal__connection *c, struct peal_error *error);
void peal__sqlite_close(struct peal__connection *c);

/* Fill in the error for a result code of SQLite, when it did what; returns the code. */
int peal__sqlite_failed(const struct peal__connection *c, int code, const char *what,
			struct peal_error *error);

/* Take the ticket, when there is one and it is not held. 0 or a negative code. */
int peal__sqlite_take(struct peal__connection *c, struct peal_error *error);
/* Give it back, unless a transaction or a statement that writes is under way. A long log is moved before. */
void peal__sqlite_give(struct peal__sqlite *sqlite);

/* The statement that is about to run may take statement_timeout_ms. */
void peal__sqlite_limit_time(struct peal__connection *c);

#endif
