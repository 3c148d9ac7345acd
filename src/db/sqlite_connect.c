/* SPDX-License-Identifier: MIT */
/* The SQLite driver: opening and closing, the write ticket, time-outs, and what went wrong. */
#include "sqlite.h"

#include "heap.h"
#include "turn.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LOG_PAGES_MAX 1000   /* then the write-ahead log is moved into the file */
#define PROGRESS_STEPS 10000 /* of SQLite's machine between two looks at the clock */

/* What each result code of SQLite means here. Extended codes first: the first match is taken. */
static const struct {
	int code;
	int mask;
	int peal_code;
	char sqlstate[6];
} results[] = {
	{ SQLITE_CONSTRAINT_UNIQUE, ~0, PEAL_EINTEGRITY, "23505" },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, ~0, PEAL_EINTEGRITY, "23505" },
	{ SQLITE_CONSTRAINT_ROWID, ~0, PEAL_EINTEGRITY, "23505" },
	{ SQLITE_CONSTRAINT_FOREIGNKEY, ~0, PEAL_EINTEGRITY, "23503" },
	{ SQLITE_CONSTRAINT_NOTNULL, ~0, PEAL_EINTEGRITY, "23502" },
	{ SQLITE_CONSTRAINT_CHECK, ~0, PEAL_EINTEGRITY, "23514" },
	{ SQLITE_CONSTRAINT, 0xff, PEAL_EINTEGRITY, "23000" },
	{ SQLITE_MISMATCH, 0xff, PEAL_EINTEGRITY, "23502" }, /* a null INTEGER PRIMARY KEY */
	{ SQLITE_NOMEM, 0xff, PEAL_ENOMEM, "53200" },
	{ SQLITE_BUSY_SNAPSHOT, ~0, PEAL_ECONFLICT, "40001" },
	{ SQLITE_BUSY, 0xff, PEAL_EBUSY, "55P03" },
	{ SQLITE_LOCKED, 0xff, PEAL_EBUSY, "55P03" },
	{ SQLITE_CANTOPEN, 0xff, PEAL_ECONNECTION, "08001" },
	{ SQLITE_NOTADB, 0xff, PEAL_ECONNECTION, "08001" },
	{ SQLITE_FULL, 0xff, PEAL_EDB, "53100" },
	{ SQLITE_IOERR, 0xff, PEAL_EDB, "58030" },
	{ SQLITE_CORRUPT, 0xff, PEAL_EDB, "XX001" },
	{ SQLITE_READONLY, 0xff, PEAL_EDB, "25006" },
	{ SQLITE_INTERRUPT, 0xff, PEAL_ECANCELED, "57014" },
	{ SQLITE_TOOBIG, 0xff, PEAL_ELIMIT, "54000" },
	{ SQLITE_RANGE, 0xff, PEAL_EINVAL, "07001" },
	{ SQLITE_ERROR, 0xff, PEAL_EDB, "42000" },
};

/* "UNIQUE constraint failed: school_student.name": the column of a constraint that names just one. */
static void field_of_message(struct peal_error *error, const char *message)
{
	const char *at = strstr(message, "constraint failed: ");
	const char *point = at ? strchr(at, '.') : NULL;
	size_t size = point ? strlen(point + 1) : 0;

	if (!size || size >= sizeof(error->field) || strchr(point, ','))
		return;
	memcpy(error->field, point + 1, size + 1);
}

/* What is wrong with the file, and what to do about it; NULL: nothing is. */
static const char *remedy(const struct peal_db *db, int code)
{
	if (code == SQLITE_BUSY_SNAPSHOT)
		return "somebody else has written since this transaction began to read: run it again";
	switch (code & 0xff) {
	case SQLITE_CANTOPEN:
		return "the folder must exist and be writable, and the file be a file that may be opened";
	case SQLITE_NOTADB:
		return "this is another kind of file, or encrypted: check the path";
	case SQLITE_READONLY:
		return db->options.read_only
			       ? "it was opened with .read_only"
			       : "check the permissions of the file and its folder, or open it with .read_only";
	case SQLITE_FULL:
		return "the disk is full: make room and do it again";
	case SQLITE_IOERR:
		return "reading or writing failed: check the disk and its mount";
	case SQLITE_CORRUPT:
		return "the file is damaged: restore it from a backup";
	case SQLITE_BUSY:
		return "another connection did not let go of it within busy_timeout_ms";
	default:
		return NULL;
	}
}

/* The file of a database, as the application wrote it. */
static const char *path_of(const struct peal_db *db)
{
	return strncmp(db->url, "///", 3) == 0 ? db->url + 2 : db->url;
}

static void set_message(const struct peal__connection *c, int peal_code, const char *message,
			int system_errno, const char *advice, const char *what,
			struct peal_error *error)
{
	const char *reason = system_errno ? strerrordesc_np(system_errno) : NULL;

	if (advice)
		peal_error_set(error, peal_code, "%s: %s%s%s%s: %s: %s", path_of(c->db), message,
			       reason ? " (" : "", reason ? reason : "", reason ? ")" : "", advice,
			       what);
	else
		peal_error_set(error, peal_code, "%s: %s", message, what);
	if (error)
		error->system_errno = system_errno;
}

int peal__sqlite_failed(const struct peal__connection *c, int code, const char *what,
			struct peal_error *error)
{
	sqlite3 *db = c->handle ? peal__sqlite_of(c) : NULL;
	const char *message = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
	const char *advice = remedy(c->db, code);
	size_t i = 0;

	while (i < PEAL_COUNTOF(results) - 1 && (code & results[i].mask) != results[i].code)
		i++;
	set_message(c, results[i].peal_code, message,
		    db && ((code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_IOERR)
			    ? sqlite3_system_errno(db)
			    : 0,
		    advice, what, error);
	if (error) {
		memcpy(error->sqlstate, results[i].sqlstate, sizeof(error->sqlstate));
		if (results[i].peal_code == PEAL_EINTEGRITY)
			field_of_message(error, message);
	}
	return results[i].peal_code;
}

/* ---- The write ticket -------------------------------------------------------------------------------------------- */

int peal__sqlite_take(struct peal__connection *c, struct peal_error *error)
{
	struct peal__sqlite *sqlite = c->handle;
	int r;

	if (!sqlite->ticket || peal__ticket_is_held(sqlite->ticket))
		return 0;
	r = peal__ticket_take(sqlite->ticket, c->db->options.busy_timeout_ms);
	if (r == 0)
		return 0;
	if (r == -ETIMEDOUT) {
		r = peal_error_set(error, PEAL_EBUSY,
				   "%s: another writer did not end its transaction within %u ms "
				   "(busy_timeout_ms)",
				   path_of(c->db), c->db->options.busy_timeout_ms);
		if (error)
			memcpy(error->sqlstate, "55P03", sizeof(error->sqlstate));
		return r;
	}
	set_message(c, PEAL_EDB, "cannot lock its -ticket file", -r, "check the disk and its mount",
		    PEAL__SQLITE_BEGIN, error);
	if (error)
		memcpy(error->sqlstate, "58030", sizeof(error->sqlstate));
	return PEAL_EDB;
}

void peal__sqlite_give(struct peal__sqlite *sqlite)
{
	if (!peal__ticket_is_held(sqlite->ticket) || sqlite->writers ||
	    !sqlite3_get_autocommit(sqlite->db))
		return;
	if (sqlite->log_pages >= LOG_PAGES_MAX) {
		/* What readers still need stays in the log, for the next time. */
		sqlite->log_pages = 0;
		sqlite3_wal_checkpoint_v2(sqlite->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	}
	peal__ticket_give(sqlite->ticket);
}

static int note_log_pages(void *handle, sqlite3 *db, const char *name, int pages)
{
	struct peal__sqlite *sqlite = handle;

	(void)db;
	(void)name;
	sqlite->log_pages = pages;
	return SQLITE_OK;
}

/* Versions of SQLite in which a log that is started anew cannot lose rows. */
static bool log_is_safe(void)
{
	int version = sqlite3_libversion_number();

	return version >= 3051003 || (version >= 3050007 && version < 3051000) ||
	       (version >= 3044006 && version < 3045000);
}

/* ---- Time-outs --------------------------------------------------------------------------------------------------- */

static int is_late(void *handle)
{
	const struct peal__sqlite *sqlite = handle;

	return sqlite->deadline && peal__monotonic() > sqlite->deadline;
}

void peal__sqlite_limit_time(struct peal__connection *c)
{
	struct peal__sqlite *sqlite = c->handle;

	if (c->db->options.statement_timeout_ms)
		sqlite->deadline =
			peal__monotonic() + c->db->options.statement_timeout_ms * INT64_C(1000000);
}

/*
 * Without a write-ahead log a reader can only begin between two commits. SQLite's own way of waiting looks every 100 ms,
 * and so seldom finds such a moment while many are writing.
 */
static int wait_for_lock(void *handle, int times)
{
	const int64_t shortest = 100000, longest = 2000000;
	struct peal__sqlite *sqlite = handle;
	int64_t now = peal__monotonic(), pause;

	if (times == 0)
		sqlite->waiting_since = now;
	if (now - sqlite->waiting_since >= sqlite->busy_timeout)
		return 0;
	pause = (now - sqlite->waiting_since) / 16;
	pause = pause < shortest ? shortest : pause > longest ? longest : pause;
	nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
	return 1;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static bool is_memory(const struct peal_db *db)
{
	return strcmp(db->url, ":memory:") == 0;
}

/* What SQLite would open, to fail at it later, or to lose what is written to it; and what it tells less well. */
static const char *refusal(const struct peal_db *db, const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return errno == ENOENT && db->options.read_only
			       ? "there is no such file, and .read_only makes none: check the path"
			       : NULL;
	if (S_ISDIR(status.st_mode))
		return "this is a folder: name a file in it";
	return S_ISREG(status.st_mode) ? NULL : "this is not a regular file: check the path";
}

static int refuse(const char *path, const char *why, struct peal_error *error)
{
	peal_error_set(error, PEAL_ECONNECTION, "%s: %s", path, why);
	if (error)
		memcpy(error->sqlstate, "08001", sizeof(error->sqlstate));
	return PEAL_ECONNECTION;
}

static int open_file(struct peal__connection *c, struct peal_error *error)
{
	const struct peal_db *db = c->db;
	struct peal__sqlite *sqlite = c->handle;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	const char *path = path_of(db);
	char memory_name[64];
	int code;

	if (!*path || (path[0] == ':' && !is_memory(db)))
		return peal_error_set(
			error, PEAL_EINVAL,
			"the database URL \"sqlite:%s\" names no file: it must be sqlite:PATH or "
			"sqlite::memory:",
			db->url);
	if (!is_memory(db) && refusal(db, path))
		return refuse(path, refusal(db, path), error);
	flags |= db->options.read_only ? SQLITE_OPEN_READONLY
				       : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	if (is_memory(db)) {
		snprintf(memory_name, sizeof(memory_name), "file:/peal-%u?vfs=memdb", db->serial);
		path = memory_name;
		flags |= SQLITE_OPEN_URI;
	}
	code = sqlite3_open_v2(path, &sqlite->db, flags, NULL);
	return code == SQLITE_OK ? 0 : peal__sqlite_failed(c, code, "open", error);
}

/* In rollback mode SQLite's own locks are enough where there can be no ticket; in WAL mode they are not. */
static int open_ticket(struct peal__connection *c, struct peal_error *error)
{
	struct peal__sqlite *sqlite = c->handle;
	const char *file = sqlite3_db_filename(sqlite->db, "main");
	struct peal__text path = { 0 };
	struct stat status = { .st_mode = 0644 };
	int r;

	if (c->db->options.read_only ||
	    (!is_memory(c->db) && sqlite3_db_readonly(sqlite->db, "main")))
		return 0;
	if (is_memory(c->db)) {
		r = peal__ticket_open_memory(c->db->serial, &sqlite->ticket);
	} else {
		stat(file, &status);
		peal__text_add(&path, file);
		peal__text_add(&path, "-ticket");
		r = path.failed ? -ENOMEM
				: peal__ticket_open(path.data, status.st_mode, &sqlite->ticket);
		peal__text_fini(&path);
	}
	if (r == -ENOMEM)
		return peal__no_memory(error);
	if (r == 0 || !c->db->options.wal || log_is_safe())
		return 0;
	set_message(c, PEAL_ENOTSUP, "cannot open its -ticket file", -r,
		    "WAL mode needs it with SQLite before 3.51.3: open without .wal", "open",
		    error);
	return PEAL_ENOTSUP;
}

static int set_journal(struct peal__connection *c, struct peal_error *error)
{
	struct peal__sqlite *sqlite = c->handle;
	int code, r;

	if (!sqlite->ticket && sqlite3_db_readonly(sqlite->db, "main"))
		return 0;
	r = peal__sqlite_take(c, error);
	if (r < 0)
		return r;
	code = sqlite3_exec(sqlite->db,
			    c->db->options.wal
				    ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"
				    : "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL",
			    NULL, NULL, NULL);
	if (code != SQLITE_OK)
		r = peal__sqlite_failed(c, code, "setting the journal mode", error);
	if (sqlite->ticket)
		sqlite3_wal_hook(sqlite->db, note_log_pages, sqlite); /* no checkpoints but ours */
	peal__sqlite_give(sqlite);
	return r;
}

static int set_up(struct peal__connection *c, struct peal_error *error)
{
	struct peal__sqlite *sqlite = c->handle;
	sqlite3 *db = sqlite->db;
	int code, r;

	sqlite->busy_timeout = c->db->options.busy_timeout_ms * INT64_C(1000000);
	sqlite3_busy_handler(db, wait_for_lock, sqlite);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	if (c->db->options.statement_timeout_ms)
		sqlite3_progress_handler(db, PROGRESS_STEPS, is_late, c->handle);
	/* The first read of the file: here it turns out not to be a database. Writers would let it wait for long. */
	r = peal__sqlite_take(c, error);
	if (r < 0)
		return r;
	code = sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	if (code != SQLITE_OK)
		r = peal__sqlite_failed(c, code, "open", error);
	else if (!c->db->options.read_only && !is_memory(c->db))
		r = set_journal(c, error);
	peal__sqlite_give(c->handle);
	return r;
}

int peal__sqlite_open(struct peal__connection *c, struct peal_error *error)
{
	int r;

	c->handle = peal__db_alloc(sizeof(struct peal__sqlite));
	if (!c->handle)
		return peal__no_memory(error);
	r = open_file(c, error);
	if (r == 0)
		r = open_ticket(c, error);
	if (r == 0)
		r = set_up(c, error);
	if (r < 0)
		peal__sqlite_close(c);
	return r;
}

/* The last connection to a file moves the log into it; without the ticket the log is left to the next one. */
void peal__sqlite_close(struct peal__connection *c)
{
	struct peal__sqlite *sqlite = c->handle;

	if (!sqlite)
		return;
	if (sqlite->db && !log_is_safe() && (!sqlite->ticket || peal__sqlite_take(c, NULL) < 0))
		sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(sqlite->db);
	peal__ticket_close(sqlite->ticket);
	peal__db_free(sqlite);
	c->handle = NULL;
}
