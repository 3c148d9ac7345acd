/* SPDX-License-Identifier: MIT */
/*
 * Databases, the connection that each thread has to each of them, and its prepared statements.
 *
 * A struct peal__connection belongs to one thread for as long as that lives, so nothing in it is locked and a pointer
 * to it stays good. What is open to the database is its line, with the prepared statements: it comes when a statement
 * or a block needs it, and may be another one, or none, as soon as neither is under way (pool.c). A child of fork()
 * finds its parent's connections foreign: every way to one goes through peal__connection_get(), which looks.
 */
#ifndef PEAL_DB_CONNECTION_H
#define PEAL_DB_CONNECTION_H

#include "driver.h"
#include "heap.h"
#include "turn.h"

#define PEAL__STATEMENTS_MAX 128 /* kept prepared per connection */
#define PEAL__STATEMENT_BUCKETS 256

struct peal_db {
	struct peal_db *next; /* all databases */
	const struct peal__driver *driver;
	char *alias;
	char *url; /* without the scheme */
	struct peal_db_options options;
	unsigned generation;                  /* of the process that opened it */
	unsigned serial;                      /* names a database in memory */
	pthread_key_t key;                    /* the thread's connection */
	pthread_mutex_t lock;                 /* of what follows */
	struct peal__connection *connections; /* all */
	struct peal__line *idle;              /* the last one put there first */
	struct peal__turn *waiters; /* for a line; each is given one, or NULL to open one */
	uint32_t line_count;        /* all, also those that are being opened */
	uint32_t idle_count;
	uint32_t waiting;
};

/*
 * What finds a statement whose text has not been made: an owner, which is not 0 and never given twice
 * (peal__statement_owner()), and what else its text depends on.
 */
struct peal__statement_key {
	uint64_t owner;
	uint64_t bits[2];
};

/* A prepared statement. In the cache while unused and used; another one with the same text is made when it is busy. */
struct peal__statement {
	struct peal__connection *connection;
	void *handle;
	size_t width;
	bool busy;
	bool cached;
	bool writes;       /* set by a driver that has to know */
	void *room;        /* of the driver */
	size_t bound;      /* and these: parameters that were bound since the last reset */
	bool begun;        /* stepped since */
	uint8_t reading;   /* enum peal__reading; until it is put back */
	bool cut_off;      /* the transaction has ended in which it was reading by a cursor */
	size_t open_level; /* how many blocks surrounded it then */
	struct peal__statement *open_next; /* of connection->open_cursors */
	uint32_t hash;
	struct peal__statement_key key; /* owner 0: none, it is found by its text */
	size_t size;
	struct peal__statement *bucket_next;
	struct peal__statement *older, *newer; /* by last use */
	char sql[];
};

struct peal__hook;
struct peal__block;

/* handle, lost, stuck and generation are kept here only while it is with no thread. */
struct peal__line {
	struct peal__line *next; /* of those that are idle */
	int64_t idle_since;
	void *handle;
	bool lost;
	bool stuck;
	unsigned generation;
	struct peal__statement *buckets[PEAL__STATEMENT_BUCKETS];
	struct peal__statement *oldest, *newest;
	size_t statement_count;
};

struct peal__connection {
	struct peal_db *db;
	struct peal__line *line; /* NULL: none at present */
	void *handle;            /* the driver's, of the line */
	bool lost;               /* set by the driver: the server is gone */
	bool stuck;          /* a ROLLBACK failed: its transaction is open still, around no block */
	unsigned generation; /* counts how often it was opened again */
	unsigned uses;       /* of the line: statements that are out, a block, ... */
	struct peal__connection *next;
	struct peal__statement *open_cursors; /* those that end with a block */

	/* transaction.c */
	struct peal__block *blocks;
	size_t block_count, block_capacity;
	struct peal__hook *hooks;
	size_t hook_count, hook_capacity;
	bool broken;     /* nothing may touch the database before a block has rolled back */
	char cause[160]; /* why a rollback has broken the transaction; "" otherwise */
};

bool peal__db_is_foreign(const struct peal_db *db);

/* Whether it has not been closed; may be asked of a pointer to what is gone. */
bool peal__db_is_open(const struct peal_db *db);

/* The calling thread's connection to a database; it has a line, unless their number is limited. */
int peal__connection_get(const char *alias, struct peal__connection **ret_connection,
			 struct peal_error *error);
int peal__connection_of(struct peal_db *db, struct peal__connection **ret_connection,
			struct peal_error *error);

/* ---- Lines: pool.c ---------------------------------------------------------------------------------------------- */

/* Get a line for a connection that has none: an idle one, a new one, or after waiting. It is alive. */
int peal__line_take(struct peal__connection *connection, struct peal_error *error);
/* Give it back: to the first that waits, or to the idle ones. Nothing of it is in use. */
void peal__line_put(struct peal__connection *connection);
void peal__lines_close(struct peal_db *db); /* the idle ones */

/* The connection has a line, and keeps it until as many calls of done. */
static inline int peal__connection_use(struct peal__connection *connection,
				       struct peal_error *error)
{
	int r = PEAL_UNLIKELY(!connection->line) ? peal__line_take(connection, error) : 0;

	if (r == 0)
		connection->uses++;
	return r;
}

static inline void peal__connection_done(struct peal__connection *connection)
{
	if (--connection->uses == 0 && connection->db->options.max_connections)
		peal__line_put(connection);
}

/* For pool.c: open a line again when its server has gone away, outside of a block. */
int peal__connection_refresh(struct peal__connection *connection, struct peal_error *error);
int peal__send_connection_created(struct peal__connection *connection, struct peal_error *error);
void peal__statements_free(struct peal__connection *connection);

/* ---- Statements --------------------------------------------------------------------------------------------------- */

/*
 * A statement ready to be bound, to be given back by peal__statement_put(). PEAL_ETRANSACTION while the transaction is
 * broken.
 */
int peal__statement_get(struct peal__connection *connection, const char *sql, size_t size,
			struct peal__statement **ret_statement, struct peal_error *error);
void peal__statement_put(struct peal__statement *statement);

/* The same by a key: its text is written only when there is none that is not busy. */
typedef void peal__sql_write(const void *context, struct peal__text *sql);
int peal__statement_get_by(struct peal__connection *connection,
			   const struct peal__statement_key *key, peal__sql_write *write,
			   const void *context, struct peal__statement **ret_statement,
			   struct peal_error *error);
/* The first of count owners that nobody has had. */
uint64_t peal__statement_owner(unsigned count);

int peal__statement_bind(struct peal__statement *statement, size_t index,
			 const struct peal_value *value, struct peal_error *error);
/* As the driver's step; sees whether an error has ended the transaction. */
int peal__statement_step(struct peal__statement *statement, const uint8_t *kinds,
			 struct peal_value *values, struct peal_error *error);

/*
 * A driver's cursors that live no longer than the block in which they were opened: after that the statement only fails,
 * and the driver must not touch the cursor any more.
 */
void peal__cursor_opened(struct peal__statement *statement);
void peal__cursor_closed(struct peal__statement *statement);
/* Blocks have ended, but for these; what was opened in them is cut off, or belongs to the block around them. */
void peal__cursors_leave(struct peal__connection *connection, size_t blocks, bool cut_off);

/* Bind, run to the end, put; with get before. ret_changes may be NULL. */
int peal__statement_run(struct peal__statement *statement, const struct peal_value *values,
			size_t count, int64_t *ret_changes, struct peal_error *error);
int peal__connection_run(struct peal__connection *connection, const char *sql,
			 const struct peal_value *values, size_t count, int64_t *ret_changes,
			 struct peal_error *error);

/* ---- Transactions: transaction.c ---------------------------------------------------------------------------------- */

/*
 * A callback of the layer above, among those of peal_on_commit(), inside a block. It is called when the
 * block has committed, whatever the others return, and gives user back itself; drop(user) is called when the block is
 * rolled back. reserve makes room for one.
 */
int peal__hook_reserve(struct peal__connection *connection, struct peal_error *error);
void peal__hook_add(struct peal__connection *connection, peal_on_commit_fn *callback,
		    void (*drop)(void *user), void *user);

/* Roll back what is open, drop the hooks, before the connection is closed or handed on. */
void peal__transaction_end_all(struct peal__connection *connection);
void peal__transaction_fini(struct peal__connection *connection);
/* Called after each error of the database. */
void peal__transaction_check(struct peal__connection *connection);
/* PEAL_ETRANSACTION: "the transaction is broken", and why; then what follows from it. */
int peal__transaction_broken(const struct peal__connection *connection, const char *consequence,
			     struct peal_error *error);
/* An error inside an operation that has begun to write: the innermost block can only roll back. */
void peal__transaction_break(struct peal__connection *connection);

#endif
