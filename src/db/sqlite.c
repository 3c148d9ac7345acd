/* SPDX-License-Identifier: MIT */
/*
 * The SQLite driver.
 *
 * Date-times are kept as text, "2026-03-01 09:30:00.000000" in UTC, so are dates and times of day; booleans as 0 and 1,
 * uuids as 32 hexadecimal digits, durations as microseconds, decimals as numbers: as Django keeps them, so that both
 * may use a file. A decimal of more than 15 digits, which SQLite would round, is refused. A database in memory is the "memdb" of SQLite, which connections of one process share.
 */
#include "sqlite.h"

#include "heap.h"
#include "timestamp.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Statements ---------------------------------------------------------------------------------------------- */

static int execute(struct peal__connection *c, const char *sql, struct peal_error *error)
{
	struct peal__sqlite *sqlite = c->handle;
	int r = 0;

	if (strcmp(sql, PEAL__SQLITE_BEGIN) == 0)
		r = peal__sqlite_take(c, error);
	if (r == 0 && sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		r = peal__sqlite_failed(c, sqlite3_extended_errcode(sqlite->db), sql, error);
	peal__sqlite_give(sqlite);
	return r;
}

static int commit(struct peal__connection *c, struct peal_error *error)
{
	int r = execute(c, "COMMIT", error);
	int code = sqlite3_extended_errcode(peal__sqlite_of(c));

	/* The journal may have been ended already: as PostgreSQL calls it, transaction resolution unknown. */
	if (r < 0 && error &&
	    (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_TRUNCATE ||
	     code == SQLITE_IOERR_DIR_FSYNC))
		memcpy(error->sqlstate, "08007", sizeof(error->sqlstate));
	return r;
}

static enum peal__transaction_state transaction_state(struct peal__connection *c)
{
	return sqlite3_get_autocommit(peal__sqlite_of(c)) ? PEAL__TRANSACTION_NONE
							  : PEAL__TRANSACTION_OPEN;
}

static int prepare(struct peal__statement *s, const char *sql, size_t size,
		   struct peal_error *error)
{
	sqlite3_stmt *handle = NULL;
	const char *rest = NULL;
	int code = sqlite3_prepare_v3(peal__sqlite_of(s->connection), sql, (int)size,
				      SQLITE_PREPARE_PERSISTENT, &handle, &rest);

	if (code != SQLITE_OK)
		return peal__sqlite_failed(s->connection, code, sql, error);
	if (!handle || rest[strspn(rest, " \t\n;")]) {
		sqlite3_finalize(handle);
		return peal_error_set(error, PEAL_EINVAL, "not one SQL statement: %s", sql);
	}
	s->handle = handle;
	s->width = (size_t)sqlite3_column_count(handle);
	s->writes = !sqlite3_stmt_readonly(handle);
	return 0;
}

static void finalize(struct peal__statement *s)
{
	sqlite3_finalize(s->handle);
	peal__db_free(s->room);
}

static const char *column_name(struct peal__statement *s, size_t index)
{
	return sqlite3_column_name(s->handle, (int)index);
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

/* Where the texts of parameters stay until they are bound again; NULL: no memory. */
static char *room_for(struct peal__statement *s, size_t index)
{
	if (!s->room)
		s->room = peal__db_alloc((size_t)sqlite3_bind_parameter_count(s->handle) *
					 PEAL_VALUE_TEXT_MAX);
	return s->room ? (char *)s->room + index * PEAL_VALUE_TEXT_MAX : NULL;
}

/* Kinds that are kept as text, or as the number that it is; SQLite's code, SQLITE_NOMEM being ours. */
static int bind_form(struct peal__statement *s, size_t index, const struct peal_value *value)
{
	size_t size = 0;
	char *text;

	if (index >= (size_t)sqlite3_bind_parameter_count(s->handle))
		return SQLITE_RANGE;
	text = room_for(s, index);
	if (!text)
		return SQLITE_NOMEM;
	if (value->kind == PEAL_VALUE_TIME) {
		size = peal__timestamp_write(value->as.integer, text);
	} else {
		peal_value_format(*value, text, PEAL_VALUE_TEXT_MAX);
		for (const char *from = text; *from; from++)
			if (value->kind != PEAL_VALUE_UUID || *from != '-')
				text[size++] = *from;
	}
	return sqlite3_bind_text(s->handle, (int)index + 1, text, (int)size, SQLITE_STATIC);
}

/* It would be bound as null. */
static int no_nan(int at, struct peal_error *error)
{
	peal_error_set(error, PEAL_ETYPE, "parameter $%d: SQLite keeps no real that is no number",
		       at);
	if (error)
		memcpy(error->sqlstate, "22003", sizeof(error->sqlstate));
	return PEAL_ETYPE;
}

static int bind(struct peal__statement *s, size_t index, const struct peal_value *value,
		struct peal_error *error)
{
	sqlite3_stmt *handle = s->handle;
	int at = (int)index + 1;
	int code;

	if (index >= s->bound)
		s->bound = index + 1;
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
		if (PEAL_UNLIKELY(isnan(value->as.real)))
			return no_nan(at, error);
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
	case PEAL_VALUE_DECIMAL:
		if (!is_exact(value->as.decimal))
			return peal_error_set(error, PEAL_ETYPE,
					      "parameter $%d: SQLite keeps 15 digits of a decimal "
					      "number, and would round this one",
					      at);
		code = bind_form(s, index, value);
		break;
	case PEAL_VALUE_TIME:
	case PEAL_VALUE_UUID:
	case PEAL_VALUE_DATE:
	case PEAL_VALUE_TIME_OF_DAY:
		code = bind_form(s, index, value);
		break;
	default:
		return peal_error_set(error, PEAL_ETYPE,
				      "parameter $%d is not a value that a database knows", at);
	}
	if (code == SQLITE_NOMEM)
		return peal__no_memory(error);
	return code == SQLITE_OK ? 0 : peal__sqlite_failed(s->connection, code, s->sql, error);
}

/*
 * One column as SQLite keeps it. The value is asked, not the statement, which would take a mutex and look for failed
 * allocations at each question: a connection without mutex makes no difference between protected values and others.
 */
static void read_column(sqlite3_stmt *handle, int i, struct peal_value *ret_value)
{
	sqlite3_value *from = sqlite3_column_value(handle, i);

	switch (sqlite3_value_type(from)) {
	case SQLITE_INTEGER:
		ret_value->kind = PEAL_VALUE_INT;
		ret_value->as.integer = sqlite3_value_int64(from);
		break;
	case SQLITE_FLOAT:
		ret_value->kind = PEAL_VALUE_REAL;
		ret_value->as.real = sqlite3_value_double(from);
		break;
	case SQLITE_TEXT:
		ret_value->kind = PEAL_VALUE_TEXT;
		ret_value->as.text.data = (const char *)sqlite3_value_text(from);
		ret_value->as.text.size = (size_t)sqlite3_value_bytes(from);
		break;
	case SQLITE_BLOB:
		ret_value->kind = PEAL_VALUE_BYTES;
		ret_value->as.text.data = sqlite3_value_blob(from);
		ret_value->as.text.size = (size_t)sqlite3_value_bytes(from);
		break;
	default:
		*ret_value = peal_value_null();
		break;
	}
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

/*
 * Parameters keep what they were bound to, which costs less than taking it away, and may be memory that is gone: those
 * that were not bound again are null.
 */
static void unbind_rest(struct peal__statement *s)
{
	int count = sqlite3_bind_parameter_count(s->handle);

	for (int at = (int)s->bound + 1; at <= count; at++)
		sqlite3_bind_null(s->handle, at);
}

/* A statement that writes begins: it needs the ticket, and keeps it at least until it has ended. */
static int begin_writing(struct peal__statement *s, struct peal_error *error)
{
	struct peal__sqlite *sqlite = s->connection->handle;
	int r = peal__sqlite_take(s->connection, error);

	if (r == 0)
		sqlite->writers++;
	return r;
}

static void end_writing(struct peal__sqlite *sqlite)
{
	if (sqlite->writers)
		sqlite->writers--;
	peal__sqlite_give(sqlite);
}

/* SQLite's result. */
static int run(struct peal__statement *s)
{
	struct peal__sqlite *sqlite = s->connection->handle;
	int code;

	peal__sqlite_limit_time(s->connection);
	code = sqlite3_step(s->handle);
	sqlite->deadline = 0; /* what follows, a COMMIT for example, is not part of it */
	if (s->writes && sqlite->ticket && code != SQLITE_ROW)
		end_writing(sqlite);
	return code;
}

static bool begins_to_write(const struct peal__statement *s)
{
	const struct peal__sqlite *sqlite = s->connection->handle;

	return s->writes && sqlite->ticket && !sqlite3_stmt_busy(s->handle);
}

static int step(struct peal__statement *s, const uint8_t *kinds, struct peal_value *values,
		struct peal_error *error)
{
	int code, r;

	if (!s->begun)
		unbind_rest(s);
	s->begun = true;
	if (begins_to_write(s)) {
		r = begin_writing(s, error);
		if (r < 0)
			return r;
	}
	code = run(s);
	if (code == SQLITE_DONE)
		return PEAL_DONE;
	if (code != SQLITE_ROW)
		return peal__sqlite_failed(s->connection, code, s->sql, error);
	for (int i = 0; values && i < (int)s->width; i++) {
		read_column(s->handle, i, &values[i]);
		/* A text or bytes without memory for it comes as NULL. */
		if (PEAL_UNLIKELY(
			    (values[i].kind == PEAL_VALUE_TEXT ||
			     (values[i].kind == PEAL_VALUE_BYTES && values[i].as.text.size)) &&
			    !values[i].as.text.data))
			return peal__sqlite_failed(s->connection, SQLITE_NOMEM, s->sql, error);
		if (kinds && PEAL_UNLIKELY(kinds[i] != values[i].kind)) {
			r = convert(s, i, kinds[i], &values[i], error);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void reset(struct peal__statement *s)
{
	struct peal__sqlite *sqlite = s->connection->handle;
	bool writing = s->writes && sqlite->ticket && sqlite3_stmt_busy(s->handle);

	sqlite3_reset(s->handle);
	if (writing)
		end_writing(sqlite);
	s->bound = 0;
	s->begun = false;
}

static int64_t changes(struct peal__statement *s)
{
	return sqlite3_changes64(peal__sqlite_of(s->connection));
}

static int64_t insert_id(struct peal__statement *s)
{
	return sqlite3_last_insert_rowid(peal__sqlite_of(s->connection));
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
		.row_locks = false, /* a transaction has locked everything already */
		.returning = false,
	},
	.open = peal__sqlite_open,
	.close = peal__sqlite_close,
	.execute = execute,
	.begin = PEAL__SQLITE_BEGIN,
	.begin_read_only = "BEGIN DEFERRED",
	.commit = commit,
	.transaction_state = transaction_state,
	.prepare = prepare,
	.finalize = finalize,
	.column_name = column_name,
	.bind = bind,
	.step = step,
	.reset = reset,
	.changes = changes,
	.insert_id = insert_id,
};
