/* SPDX-License-Identifier: MIT */
/*
 * peal/db.h: databases, transactions, and what happens after a commit.
 *
 *	struct peal_db *db;
 *	struct peal_error error = { 0 };
 *	int r;
 *
 *	r = peal_db_open("sqlite:school.db", &db, &error);
 *	if (r < 0)
 *		return complain(&error);
 *
 *	PEAL_ATOMIC(r, &error) {
 *		r = peal_save(&student.instance, &error);
 *		if (r < 0)
 *			break;
 *		r = PEAL_ON_COMMIT(&error, send_welcome, .user = &student);
 *	}
 *	... r is 0 here exactly when the transaction has committed
 *
 *	peal_db_close(db);
 *
 * Databases   Each has an alias; "default" is the one that is used where no other is named (Django: DATABASES).
 *             Functions and signals name a database by its alias, in a parameter called database; NULL is "default".
 * URLs        sqlite:PATH, sqlite:///ABSOLUTE/PATH, sqlite::memory: (private to this peal_db, shared by its threads),
 *             postgresql://...
 * Threads     Every function may be called from any thread. Each thread works on a connection of its own, which is
 *             opened when the thread first needs it and handed on when the thread ends, or calls peal_db_release(). So
 *             a transaction belongs to the thread that began it.
 * Pool        With the option .max_connections there are never more than so many, and threads share them without
 *             doing anything about it: a thread has one while it is in a block, or a cursor, a stream or a statement of
 *             it is under way, and no longer. Who finds none free waits in turn, up to .pool_timeout_ms.
 * fork        A child cannot use the connections of its parent: every function returns PEAL_EFORK there. It opens
 *             its own database under another alias, or after peal_db_close(), which in a child closes nothing.
 * SQLite      Foreign keys are checked, a misspelt "column" is an error, a block that may write begins with BEGIN
 *             IMMEDIATE. Writers take turns by the file DATABASE-ticket, so that none of them waits much longer than
 *             the others. The journal is a rollback journal (journal_mode TRUNCATE, synchronous FULL), which is safe
 *             with every version of SQLite and beside other programs; files in WAL mode are put back to it. With the
 *             option .wal readers and writers do not wait for each other and commits are cheap (synchronous NORMAL:
 *             a power cut may take the last of them); then nobody may write to the file without the ticket, because
 *             SQLite before 3.51.3 can lose committed rows in WAL mode.
 * PostgreSQL  postgresql://USER@HOST:PORT/DATABASE, as libpq reads it. A lost connection is an error to whoever was
 *             using it, and is opened again outside of a block. When it is lost during a COMMIT, the server is asked
 *             what became of the transaction; SQLSTATE 08007 says that nobody knows. docs/databases.md has the rest.
 */
#ifndef PEAL_DB_H
#define PEAL_DB_H

#include <peal/base.h>
#include <peal/dispatch.h>
#include <peal/error.h>
#include <peal/value.h>

PEAL_BEGIN_DECLS

struct peal_db;

/* ------------------------------------------------------------------------------------------------------------------
 * Databases
 */

struct PEAL_NAMED_ONLY peal_db_options {
	const char *alias;        /* NULL: "default". Copied. */
	uint32_t busy_timeout_ms; /* how long to wait for another writer; 0: 10 seconds */
	bool read_only;           /* nothing may be written; SQLite: the file must exist */
	bool wal; /* SQLite: write-ahead log, see above. All users of the file must agree */
	uint32_t
		statement_timeout_ms; /* then a statement gives PEAL_ECANCELED (57014); 0: never, or the server's own */
	uint32_t max_connections;  /* see "Pool" above; 0: one for each thread */
	uint32_t pool_timeout_ms;  /* how long to wait for one of them; 0: 30 seconds */
	uint32_t max_idle_seconds; /* close what no thread has had for so long; 0: never */
};

/*
 * Open a database, which is then known by its alias until peal_db_close(). The calling thread's connection is opened
 * at once, so that a wrong URL is noticed here. options may be NULL.
 * Returns 0; PEAL_EINVAL (a URL that no driver understands: the message says which ones there are), PEAL_EBUSY (the
 * alias is taken), PEAL_ECONNECTION, PEAL_ENOMEM, PEAL_ENOTSUP (a driver that this build does not have).
 */
PEAL_API PEAL_MUST_CHECK int peal_db_open(const char *url, struct peal_db **ret_db,
					  struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_db_open_with(const char *url,
					       const struct peal_db_options *options,
					       struct peal_db **ret_db, struct peal_error *error);

/*
 * Close all connections of all threads; an open transaction is rolled back, which is logged as a warning, and its
 * callbacks are dropped. No other
 * thread may be using the database, nor wait for a connection. NULL does nothing.
 */
PEAL_API void peal_db_close(struct peal_db *db);

/* The database of that alias (NULL: "default"), or NULL. Borrowed until it is closed. */
PEAL_API struct peal_db *peal_db_get(const char *alias);

/* The alias: one address for the life of the database. */
PEAL_API const char *peal_db_alias(const struct peal_db *db);

/* "sqlite" or "postgresql". */
PEAL_API const char *peal_db_vendor(const struct peal_db *db);

/*
 * The calling thread needs its connection to that database (NULL: "default") no more for now: another thread may have
 * it, and the next use gets one again. Called at the end of a request (Django: close_old_connections) where there is
 * no .max_connections, with which it does nothing. It may be called anywhere, and again.
 * Returns 0; PEAL_ETRANSACTION (inside a block) and PEAL_EBUSY (a cursor or a stream is open), and the thread keeps
 * it; PEAL_EINVAL (no such database), PEAL_EFORK.
 */
PEAL_API int peal_db_release(const char *database);

/* How many connections a database has at this moment. */
struct peal_db_counts {
	uint32_t limit;   /* .max_connections; 0: none */
	uint32_t open;    /* to the database, or being opened */
	uint32_t held;    /* of these: by threads; the others are idle */
	uint32_t waiting; /* threads that wait for one */
};
PEAL_API void peal_db_stats(struct peal_db *db, struct peal_db_counts *ret_stats);

/* ------------------------------------------------------------------------------------------------------------------
 * Transactions
 */

/*
 * PEAL_ATOMIC(RESULT, ERROR) { ... }
 * PEAL_ATOMIC_WITH(RESULT, ERROR, .database = "other", ...) { ... }
 *
 * A block that is done as a whole or not at all (Django: transaction.atomic). RESULT is an int variable of yours; it
 * is set to 0 when the block begins, or to an error when it cannot begin, and then the block is not entered.
 *
 *   the end of the block, or continue    commits when RESULT is 0, and rolls back otherwise;
 *   break, return, goto                  roll back, and RESULT becomes PEAL_ECANCELED if it was 0, which is logged
 *                                        as a warning: it is set before by who rolls back on purpose.
 *
 * After the block RESULT is 0 exactly when everything in it is committed (in a nested block: kept for the block
 * around it). It cannot be left without being ended, and an early return can never commit.
 *
 * A block inside a block is a savepoint: it rolls back alone. When the database itself has ended the transaction (a
 * full disk, a deadlock), or an error inside a nested block without savepoint was swallowed, the transaction is
 * broken: everything that touches the database returns PEAL_ETRANSACTION until the block that can be rolled back
 * ends, and that block then rolls back and returns PEAL_ETRANSACTION if RESULT was 0.
 *
 * PEAL_ECONFLICT says that another transaction was in the way (a deadlock, a serialization failure) and that the whole
 * outermost block may be run once more, with what it has read read again:
 *
 *	do {
 *		PEAL_ATOMIC(r, &error) {
 *			r = move_money(from, to, &error);
 *		}
 *	} while (r == PEAL_ECONFLICT);
 */
#define PEAL_ATOMIC(result_, error_) PEAL_ATOMIC_WITH(result_, error_, .database = NULL)
#define PEAL_ATOMIC_WITH(result_, error_, ...)                                                    \
	for (struct peal_atomic PEAL__JOIN(peal_atomic_, __LINE__)                                \
		     PEAL_CLEANUP(peal_atomic_abandon) =                                          \
			     peal_atomic_open(&(const struct peal_atomic_options){ __VA_ARGS__ }, \
					      &(result_), (error_));                              \
	     peal_atomic_next(&PEAL__JOIN(peal_atomic_, __LINE__));)

struct PEAL_NAMED_ONLY peal_atomic_options {
	const char *database; /* the database; NULL: "default" */
	bool durable; /* refuse to be nested: when the block ends without error the data are committed */
	bool no_savepoint; /* nested: an error in this block breaks the block around it */
	bool read_only; /* outermost: nothing is written, and all reads see one moment; takes no write lock */
};

/* A block under way; its members are the library's. */
struct peal_atomic {
	struct peal_db *db;
	int *result;
	struct peal_error *error;
	uint32_t level; /* 1 is the outermost block */
	uint32_t state;
	void *internal[2];
};

/*
 * The same by functions, for blocks that do not follow the program's own. enter returns 0, PEAL_ETRANSACTION (durable
 * and nested) or an error of the database. leave ends the innermost block, which must be this one: result 0 commits,
 * anything else rolls back. It returns 0 when all is well; result when it rolled back for that; PEAL_ETRANSACTION when
 * result is 0 but the block was broken and has been rolled back; the error of a failed COMMIT (it is rolled back
 * then); or the error of a callback of peal_on_commit() (the data are committed then).
 */
PEAL_API PEAL_MUST_CHECK int peal_atomic_enter(struct peal_atomic *atomic,
					       const struct peal_atomic_options *options,
					       struct peal_error *error);
PEAL_API int peal_atomic_leave(struct peal_atomic *atomic, int result, struct peal_error *error);

/* Behind PEAL_ATOMIC. */
PEAL_API struct peal_atomic peal_atomic_open(const struct peal_atomic_options *options, int *result,
					     struct peal_error *error);
PEAL_API bool peal_atomic_next(struct peal_atomic *atomic);
PEAL_API void peal_atomic_abandon(struct peal_atomic *atomic);

/* How many blocks surround the caller in this thread; 0: every statement commits by itself. */
PEAL_API unsigned peal_atomic_depth(const char *database);

/* Let the innermost block roll back at its end although nothing failed (Django: set_rollback), or not after all. */
PEAL_API PEAL_MUST_CHECK int peal_set_rollback(const char *database, bool rollback);

/*
 * PEAL_ON_COMMIT(ERROR, CALLBACK[, .user = ..., .database = ..., .robust = true, .release = ...])
 *
 * Call CALLBACK(user, error) when the outermost block has committed, with no transaction open, in the order of
 * registration; outside a block: now. It is dropped when the block it was registered in, or one around it, is rolled
 * back. An error of a callback ends the callbacks and is returned by the block, with details even when the callback
 * gave none (the data are committed); with .robust it is logged (peal_set_log()) and the others run. release(user) is
 * called exactly once, after the call or when it is dropped; also when registering fails. Receivers that are connected
 * with .when = PEAL_AFTER_COMMIT (peal/model_signals.h) are called between the callbacks, in the same order, and also
 * when one of these has failed.
 * Returns 0, PEAL_ENOMEM, or what a callback called now returned. In a block that is broken it returns 0, and the
 * callback is dropped with the block.
 */
#define PEAL_ON_COMMIT(error_, ...) \
	peal_on_commit(&(const struct peal_commit_hook){ .callback = __VA_ARGS__ }, (error_))

typedef int peal_on_commit_fn(void *user, struct peal_error *error);

struct PEAL_NAMED_ONLY peal_commit_hook {
	peal_on_commit_fn *callback;
	void *user;
	void (*release)(void *user);
	const char *database;
	bool robust;
};

PEAL_API int peal_on_commit(const struct peal_commit_hook *hook, struct peal_error *error);

/* ------------------------------------------------------------------------------------------------------------------
 * SQL
 */

/*
 * Run one statement with parameters $1, $2, ... in the order of values, which are bound, never pasted. No signal is
 * sent. ret_changes (may be NULL) is the number of rows it changed. An error inside an atomic block breaks the block.
 *
 *	peal_db_exec(NULL, "UPDATE school_student SET name = $1 WHERE id = $2",
 *		     PEAL_PARAMS(PEAL_TEXT(name), PEAL_INT(id)), NULL, &error);
 */
struct peal_params {
	const struct peal_value *items;
	size_t count;
};

#define PEAL_PARAMS(...)                                                                   \
	(&(const struct peal_params){ (const struct peal_value[]){ __VA_ARGS__ },          \
				      sizeof((const struct peal_value[]){ __VA_ARGS__ }) / \
					      sizeof(struct peal_value) })

PEAL_API PEAL_MUST_CHECK int peal_db_exec(const char *database, const char *sql,
					  const struct peal_params *params, int64_t *ret_changes,
					  struct peal_error *error);

/*
 * Read rows. The cursor keeps a statement of this thread's connection until it is freed; read it to its end or free
 * it soon. next returns 0 and lends the values of a row until the next call, or PEAL_DONE. Values have the kinds
 * that the database gives: SQLite has no booleans and no times.
 */
struct peal_cursor;

PEAL_API PEAL_MUST_CHECK int peal_db_query(const char *database, const char *sql,
					   const struct peal_params *params,
					   struct peal_cursor **ret_cursor,
					   struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_cursor_next(struct peal_cursor *cursor,
					      const struct peal_value **ret_values,
					      struct peal_error *error);
PEAL_API size_t peal_cursor_width(const struct peal_cursor *cursor);
/* Of a column, as the statement calls it; good until the next row. NULL: there is no such column. */
PEAL_API const char *peal_cursor_name(const struct peal_cursor *cursor, size_t column);
PEAL_API void peal_cursor_free(struct peal_cursor *cursor);

/* ------------------------------------------------------------------------------------------------------------------
 * Signals
 */

/* A signal of this library, visible outside it. */
#define PEAL__SIGNAL_EXPORT(name_)                \
	PEAL_API extern struct peal_signal name_; \
	PEAL_SIGNAL_DECLARE(name_)
/* One that can be heard when it is committed: it has the option .when. */
#define PEAL__SIGNAL_EXPORT_WHEN(name_)           \
	PEAL_API extern struct peal_signal name_; \
	PEAL__SIGNAL_TYPE_WHEN(name_)

/* A connection was opened, in the thread that will use it. Sender: the peal_db. (Django: connection_created.) */
struct PEAL_NAMED_ONLY peal_connection_created_args {
	struct peal_db *db;
	const char *database;
};
PEAL__SIGNAL_EXPORT(peal_connection_created);

PEAL_END_DECLS

#endif
