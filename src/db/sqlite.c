/* SPDX-License-Identifier: MIT */
/*
 * The SQLite driver.
 *
 * Date-times are kept as text, "2026-03-01 09:30:00.000000" in UTC, so are dates and times of day; booleans as 0 and 1,
 * uuids as 32 hexadecimal digits, durations as microseconds, decimals as numbers: as Django keeps them, so that both
 * may use a file. A decimal of more than 15 digits, which SQLite would round, is refused. A database in memory is the "memdb" of SQLite, which connections of one process share.
 */
#include "driver.h"

#include "connection.h"
#include "heap.h"
#include "timestamp.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	{ SQLITE_NOMEM, 0xff, PEAL_ENOMEM, "53200" },
	{ SQLITE_BUSY, 0xff, PEAL_EBUSY, "55P03" },
	{ SQLITE_LOCKED, 0xff, PEAL_EBUSY, "55P03" },
	{ SQLITE_CANTOPEN, 0xff, PEAL_ECONNECTION, "08001" },
	{ SQLITE_NOTADB, 0xff, PEAL_ECONNECTION, "08001" },
	{ SQLITE_FULL, 0xff, PEAL_EDB, "53100" },
	{ SQLITE_IOERR, 0xff, PEAL_EDB, "58030" },
	{ SQLITE_CORRUPT, 0xff, PEAL_EDB, "XX001" },
	{ SQLITE_READONLY, 0xff, PEAL_EDB, "25006" },
	{ SQLITE_TOOBIG, 0xff, PEAL_ELIMIT, "54000" },
	{ SQLITE_RANGE, 0xff, PEAL_EINVAL, "07001" },
	{ SQLITE_ERROR, 0xff, PEAL_EDB, "42000" },
};

static sqlite3 *handle_of(const struct peal__connection *c)
{
	return c->handle;
}

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

static int failed(const struct peal__connection *c, int code, const char *what,
		  struct peal_error *error)
{
	const char *message = c->handle ? sqlite3_errmsg(handle_of(c)) : sqlite3_errstr(code);
	size_t i = 0;

	while (i < PEAL_COUNTOF(results) - 1 && (code & results[i].mask) != results[i].code)
		i++;
	peal_error_set(error, results[i].peal_code, "%s: %s", message, what);
	if (error) {
		memcpy(error->sqlstate, results[i].sqlstate, sizeof(error->sqlstate));
		if (results[i].peal_code == PEAL_EINTEGRITY)
			field_of_message(error, message);
		if ((code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_IOERR)
			error->system_errno = c->handle ? sqlite3_system_errno(handle_of(c)) : 0;
	}
	return results[i].peal_code;
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

static bool is_memory(const struct peal_db *db)
{
	return strcmp(db->url, ":memory:") == 0;
}

static int open_handle(struct peal__connection *c, struct peal_error *error)
{
	const struct peal_db *db = c->db;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	const char *path = db->url;
	char memory_name[64];
	sqlite3 *handle = NULL;
	int code;

	flags |= db->options.read_only ? SQLITE_OPEN_READONLY
				       : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	if (is_memory(db)) {
		snprintf(memory_name, sizeof(memory_name), "file:/peal-%u?vfs=memdb", db->serial);
		path = memory_name;
		flags |= SQLITE_OPEN_URI;
	} else if (strncmp(path, "///", 3) == 0) {
		path += 2;
	}
	if (!*path || (path[0] == ':' && !is_memory(db)))
		return peal_error_set(
			error, PEAL_EINVAL,
			"the database URL \"sqlite:%s\" names no file: it must be sqlite:PATH or "
			"sqlite::memory:",
			db->url);
	code = sqlite3_open_v2(path, &handle, flags, NULL);
	c->handle = handle;
	if (code == SQLITE_OK)
		return 0;
	failed(c, code, path, error);
	sqlite3_close(handle);
	c->handle = NULL;
	return error && error->code ? error->code : PEAL_ECONNECTION;
}

static int set_up(struct peal__connection *c, struct peal_error *error)
{
	sqlite3 *db = c->handle;
	int code;

	sqlite3_busy_timeout(db, (int)c->db->options.busy_timeout_ms);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	/* The first read of the file: here it turns out not to be a database, or not to be readable. */
	code = sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	if (code == SQLITE_OK && !c->db->options.read_only && !is_memory(c->db))
		code = sqlite3_exec(db, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL",
				    NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : failed(c, code, c->db->url, error);
}

static int open_connection(struct peal__connection *c, struct peal_error *error)
{
	int r = open_handle(c, error);

	if (r < 0)
		return r;
	r = set_up(c, error);
	if (r < 0) {
		sqlite3_close(c->handle);
		c->handle = NULL;
	}
	return r;
}

static void close_connection(struct peal__connection *c)
{
	sqlite3_close(c->handle);
	c->handle = NULL;
}

/* ---- Statements ---------------------------------------------------------------------------------------------- */

static int execute(struct peal__connection *c, const char *sql, struct peal_error *error)
{
	int code = sqlite3_exec(c->handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : failed(c, code, sql, error);
}

static int commit(struct peal__connection *c, struct peal_error *error)
{
	return execute(c, "COMMIT", error);
}

static enum peal__transaction_state transaction_state(struct peal__connection *c)
{
	return sqlite3_get_autocommit(c->handle) ? PEAL__TRANSACTION_NONE : PEAL__TRANSACTION_OPEN;
}

static int prepare(struct peal__statement *s, const char *sql, size_t size,
		   struct peal_error *error)
{
	sqlite3_stmt *handle = NULL;
	const char *rest = NULL;
	int code = sqlite3_prepare_v3(s->connection->handle, sql, (int)size,
				      SQLITE_PREPARE_PERSISTENT, &handle, &rest);

	if (code != SQLITE_OK)
		return failed(s->connection, code, sql, error);
	if (!handle || rest[strspn(rest, " \t\n;")]) {
		sqlite3_finalize(handle);
		return peal_error_set(error, PEAL_EINVAL, "not one SQL statement: %s", sql);
	}
	s->handle = handle;
	s->width = (size_t)sqlite3_column_count(handle);
	return 0;
}

static void finalize(struct peal__statement *s)
{
	sqlite3_finalize(s->handle);
}

static int bind_time(sqlite3_stmt *handle, int at, int64_t microseconds)
{
	char text[PEAL__TIMESTAMP_MAX];
	size_t size = peal__timestamp_write(microseconds, text);

	return sqlite3_bind_text(handle, at, text, (int)size, SQLITE_TRANSIENT);
}

/* Whether SQLite gives back what it is given: whole numbers, and others of 15 digits. */
static bool is_exact(struct peal_decimal decimal)
{
	while (decimal.scale > 0 && decimal.coefficient % 10 == 0) {
		decimal.coefficient /= 10;
		decimal.scale--;
	}
	return decimal.scale == 0 || (decimal.coefficient < INT64_C(1000000000000000) &&
				      decimal.coefficient > INT64_C(-1000000000000000));
}

/* Kinds that are kept as text, or as the number that it is. */
static int bind_form(sqlite3_stmt *handle, int at, const struct peal_value *value)
{
	char text[PEAL_VALUE_TEXT_MAX];
	size_t size = 0;

	peal_value_format(*value, text, sizeof(text));
	for (const char *from = text; *from; from++)
		if (value->kind != PEAL_VALUE_UUID || *from != '-')
			text[size++] = *from;
	return sqlite3_bind_text(handle, at, text, (int)size, SQLITE_TRANSIENT);
}

static int bind(struct peal__statement *s, size_t index, const struct peal_value *value,
		struct peal_error *error)
{
	sqlite3_stmt *handle = s->handle;
	int at = (int)index + 1;
	int code;

	switch (value->kind) {
	case PEAL_VALUE_NULL:
		code = sqlite3_bind_null(handle, at);
		break;
	case PEAL_VALUE_BOOL:
		code = sqlite3_bind_int(handle, at, value->as.boolean);
		break;
	case PEAL_VALUE_INT:
	case PEAL_VALUE_DURATION:
		code = sqlite3_bind_int64(handle, at, value->as.integer);
		break;
	case PEAL_VALUE_REAL:
		code = sqlite3_bind_double(handle, at, value->as.real);
		break;
	case PEAL_VALUE_TEXT:
		code = sqlite3_bind_text64(handle, at, value->as.text.data, value->as.text.size,
					   SQLITE_STATIC, SQLITE_UTF8);
		break;
	case PEAL_VALUE_BYTES:
		/* A NULL pointer would bind null; no bytes are not null. */
		code = sqlite3_bind_blob64(handle, at,
					   value->as.text.data ? value->as.text.data : "",
					   value->as.text.size, SQLITE_STATIC);
		break;
	case PEAL_VALUE_TIME:
		code = bind_time(handle, at, value->as.integer);
		break;
	case PEAL_VALUE_DECIMAL:
		if (!is_exact(value->as.decimal))
			return peal_error_set(error, PEAL_ETYPE,
					      "parameter $%d: SQLite keeps 15 digits of a decimal "
					      "number, and would round this one",
					      at);
		code = bind_form(handle, at, value);
		break;
	case PEAL_VALUE_UUID:
	case PEAL_VALUE_DATE:
	case PEAL_VALUE_TIME_OF_DAY:
		code = bind_form(handle, at, value);
		break;
	default:
		return peal_error_set(error, PEAL_ETYPE,
				      "parameter $%d is not a value that a database knows", at);
	}
	return code == SQLITE_OK ? 0 : failed(s->connection, code, s->sql, error);
}

/* One column as SQLite keeps it. */
static struct peal_value column(sqlite3_stmt *handle, int i)
{
	struct peal_value value = { .kind = PEAL_VALUE_NULL };

	switch (sqlite3_column_type(handle, i)) {
	case SQLITE_INTEGER:
		value.kind = PEAL_VALUE_INT;
		value.as.integer = sqlite3_column_int64(handle, i);
		break;
	case SQLITE_FLOAT:
		value.kind = PEAL_VALUE_REAL;
		value.as.real = sqlite3_column_double(handle, i);
		break;
	case SQLITE_TEXT:
		value.kind = PEAL_VALUE_TEXT;
		value.as.text.data = (const char *)sqlite3_column_text(handle, i);
		value.as.text.size = (size_t)sqlite3_column_bytes(handle, i);
		break;
	case SQLITE_BLOB:
		value.kind = PEAL_VALUE_BYTES;
		value.as.text.data = sqlite3_column_blob(handle, i);
		value.as.text.size = (size_t)sqlite3_column_bytes(handle, i);
		break;
	default:
		break;
	}
	return value;
}

/* 15 digits, which are what was written, whatever the locale puts between the first and the others. */
static bool decimal_of(double real, struct peal_value *ret)
{
	char text[40], digits[40];
	size_t size = 0;
	int exponent = 0;

	snprintf(text, sizeof(text), "%.14e", real);
	for (const char *at = text; *at && *at != 'e'; at++)
		if ((*at >= '0' && *at <= '9') || *at == '-')
			digits[size++] = *at;
	if (!strchr(text, 'e'))
		return false;
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10) - 14;
	size += (size_t)snprintf(digits + size, sizeof(digits) - size, "e%d", exponent);
	return peal_value_parse(PEAL_VALUE_DECIMAL, digits, size, ret) == 0;
}

/* Kinds that are kept in a form of their own; false: it is none. */
static bool read_form(uint32_t kind, struct peal_value *value)
{
	if (kind == PEAL_VALUE_DURATION && value->kind == PEAL_VALUE_INT)
		*value = peal_value_duration(value->as.integer);
	else if (kind == PEAL_VALUE_DECIMAL && value->kind == PEAL_VALUE_INT)
		*value = peal_value_decimal((struct peal_decimal){ value->as.integer, 0 });
	else if (kind == PEAL_VALUE_DECIMAL && value->kind == PEAL_VALUE_REAL)
		return decimal_of(value->as.real, value);
	else if (value->kind == PEAL_VALUE_TEXT)
		return peal_value_parse(kind, value->as.text.data, value->as.text.size, value) == 0;
	return true;
}

static int convert(struct peal__statement *s, int i, uint32_t kind, struct peal_value *value,
		   struct peal_error *error)
{
	if (kind == PEAL_VALUE_BOOL && value->kind == PEAL_VALUE_INT) {
		*value = peal_value_bool(value->as.integer != 0);
	} else if (kind == PEAL_VALUE_REAL && value->kind == PEAL_VALUE_INT) {
		*value = peal_value_real((double)value->as.integer);
	} else if (kind == PEAL_VALUE_TIME && value->kind == PEAL_VALUE_TEXT) {
		int64_t microseconds;

		if (!peal__timestamp_read(value->as.text.data, value->as.text.size, &microseconds))
			return peal_error_set(
				error, PEAL_ETYPE, "column %s: not a date and time: \"%.*s\"",
				sqlite3_column_name(s->handle, i),
				(int)(value->as.text.size < 40 ? value->as.text.size : 40),
				value->as.text.data);
		*value = peal_value_time(microseconds);
	} else if (kind >= PEAL_VALUE_UUID && value->kind != PEAL_VALUE_NULL &&
		   !read_form(kind, value)) {
		return peal_error_set(error, PEAL_ETYPE,
				      "column %s: the value cannot be read as what is wanted of it",
				      sqlite3_column_name(s->handle, i));
	}
	return 0;
}

static int step(struct peal__statement *s, const uint8_t *kinds, struct peal_value *values,
		struct peal_error *error)
{
	int code = sqlite3_step(s->handle);

	if (code == SQLITE_DONE)
		return PEAL_DONE;
	if (code != SQLITE_ROW)
		return failed(s->connection, code, s->sql, error);
	for (int i = 0; values && i < (int)s->width; i++) {
		values[i] = column(s->handle, i);
		/* A text or bytes without memory for it comes as NULL. */
		if (PEAL_UNLIKELY(
			    (values[i].kind == PEAL_VALUE_TEXT ||
			     (values[i].kind == PEAL_VALUE_BYTES && values[i].as.text.size)) &&
			    !values[i].as.text.data))
			return failed(s->connection, SQLITE_NOMEM, s->sql, error);
		if (kinds && PEAL_UNLIKELY(kinds[i] != values[i].kind)) {
			int r = convert(s, i, kinds[i], &values[i], error);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void reset(struct peal__statement *s)
{
	sqlite3_reset(s->handle);
	sqlite3_clear_bindings(s->handle);
}

static int64_t changes(struct peal__connection *c)
{
	return sqlite3_changes64(c->handle);
}

static int64_t insert_id(struct peal__connection *c)
{
	return sqlite3_last_insert_rowid(c->handle);
}

const struct peal__driver peal__sqlite_driver = {
	.name = "sqlite",
	.scheme = "sqlite:",
	.dialect = {
		.types = {
			[PEAL__COLUMN_ID32] = "integer NOT NULL PRIMARY KEY AUTOINCREMENT",
			[PEAL__COLUMN_ID64] = "integer NOT NULL PRIMARY KEY AUTOINCREMENT",
			[PEAL__COLUMN_INT16] = "smallint",
			[PEAL__COLUMN_INT32] = "integer",
			[PEAL__COLUMN_INT64] = "bigint",
			[PEAL__COLUMN_BOOLEAN] = "bool",
			[PEAL__COLUMN_REAL] = "real",
			[PEAL__COLUMN_VARCHAR] = "varchar",
			[PEAL__COLUMN_TEXT] = "text",
			[PEAL__COLUMN_BYTES] = "BLOB",
			[PEAL__COLUMN_DATETIME] = "datetime",
			[PEAL__COLUMN_UUID] = "char(32)",
			[PEAL__COLUMN_DECIMAL] = "decimal",
			[PEAL__COLUMN_DATE] = "date",
			[PEAL__COLUMN_TIME_OF_DAY] = "time",
			[PEAL__COLUMN_DURATION] = "bigint",
			[PEAL__COLUMN_JSON] = "text",
		},
		.position = "instr",
		.like_nocase = "LIKE",
		.no_limit = "LIMIT -1",
		.empty_insert = "DEFAULT VALUES",
		.text_order = "",
		.returning = false,
	},
	.open = open_connection,
	.close = close_connection,
	.execute = execute,
	.begin = "BEGIN IMMEDIATE",
	.begin_read_only = "BEGIN DEFERRED",
	.commit = commit,
	.transaction_state = transaction_state,
	.prepare = prepare,
	.finalize = finalize,
	.bind = bind,
	.step = step,
	.reset = reset,
	.changes = changes,
	.insert_id = insert_id,
};
