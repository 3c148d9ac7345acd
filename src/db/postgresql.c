/* SPDX-License-Identifier: MIT */
/*
 * The PostgreSQL driver: statements and transactions.
 *
 * A connection does one thing at a time. A statement's rows are all in memory before the first is given, unless they
 * are to be read as they come: then, when something else needs the connection meanwhile, the rest is put aside into
 * memory first. So statements may be read inside each other. Or they are read by a cursor of the server, some at a time:
 * in a block it ends with the block, outside of one it is WITH HOLD, which keeps the rows on the server.
 *
 * A BEGIN waits for the first command of its transaction and travels with it; where none comes, nothing is sent at all.
 *
 * Statements live on the server under names. They are prepared again when the connection was renewed and when the
 * server says that their plan is out of date; in a transaction that error has ended it, and only the next run can.
 */
#include "postgresql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DROP_AT 16           /* statements that are forgotten together */
#define DROP_IN_BLOCK_AT 256 /* the same inside a transaction, which an error would end */
#define XID_QUERY "peal_xid"
#define FETCH_ROWS 1000 /* of a cursor at once */

static void skip_results(PGconn *conn)
{
	PGresult *result;

	while ((result = PQgetResult(conn)))
		PQclear(result);
}

static bool is_error(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

/*
 * What comes behind the last result of a statement: nothing; or, outside of a transaction, the error of the commit that
 * follows each statement, which is then the statement's.
 */
PGresult *peal__pg_last_word(PGconn *conn, PGresult *result)
{
	PGresult *next;

	while ((next = PQgetResult(conn))) {
		if (is_error(next) && !is_error(result)) {
			PQclear(result);
			result = next;
		} else {
			PQclear(next);
		}
	}
	return result;
}

/* Make the connection free for something else. */
void peal__pg_settle(struct peal__connection *c)
{
	struct peal__pg *pg = peal__pg_of(c);
	PGTransactionStatusType status;
	struct peal__pg_statement *st;
	PGresult *result;

	if (PEAL_UNLIKELY(pg->streaming != NULL)) {
		st = pg->streaming->handle;
		pg->streaming = NULL;
		while ((result = PQgetResult(pg->conn))) {
			if (!st->aside_failed &&
			    peal__db_grow(&st->aside, &st->aside_capacity, st->aside_count,
					  sizeof(PGresult *))) {
				st->aside[st->aside_count++] = result;
			} else {
				st->aside_failed = true;
				PQclear(result);
			}
		}
	}
	status = PQtransactionStatus(pg->conn);
	pg->in_block = pg->begin || status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

int peal__pg_check_lost(struct peal__connection *c, struct peal_error *error)
{
	if (!c->lost && c->handle)
		return 0;
	return peal__pg_lost(c, "08003", "nothing can be done with it", error);
}

/* ---- Several commands in one round trip ------------------------------------------------------------------------- */

/* Begins a pipeline, with a BEGIN that waits as its first command: how many there are (0 or 1), or -1. */
static int pipeline_begin(struct peal__pg *pg)
{
	const char *begin = pg->begin;

	if (!PQenterPipelineMode(pg->conn))
		return -1;
	if (!begin)
		return 0;
	if (PQsendQueryParams(pg->conn, begin, 0, NULL, NULL, NULL, NULL, 0)) {
		pg->begin = NULL;
		return 1;
	}
	PQexitPipelineMode(pg->conn);
	return -1;
}

/*
 * Ends a pipeline that was entered and filled with count commands, and gives the result of each. A result is NULL when
 * the connection broke before it. The last one is an error too when the commit failed that follows outside of a block.
 */
static void pipeline_end(PGconn *conn, PGresult **results, size_t count)
{
	bool synced = !PQpipelineSync(conn);

	for (size_t i = 0; i < count; i++) {
		results[i] = PQgetResult(conn);
		if (results[i] && PQresultStatus(results[i]) != PGRES_PIPELINE_SYNC)
			skip_results(conn); /* up to the NULL between two commands */
	}
	/* Two NULLs in a row: nothing more will come, although libpq may not have seen yet that the server is gone. */
	for (unsigned nothing = 0; !synced && nothing < 2 && PQstatus(conn) == CONNECTION_OK;) {
		PGresult *result = PQgetResult(conn);

		synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		nothing = result ? 0 : nothing + 1;
		if (result && is_error(result)) {
			PQclear(results[count - 1]);
			results[count - 1] = result;
		} else {
			PQclear(result);
		}
	}
	skip_results(conn);
	PQexitPipelineMode(conn);
}

/* ---- Preparing ----------------------------------------------------------------------------------------------------- */

/* Let the server forget statements. An error changes nothing for us; but in a transaction it would end that. */
static void forget_dropped(struct peal__connection *c)
{
	struct peal__pg *pg = peal__pg_of(c);
	struct peal__text sql = { 0 };

	if (pg->dropped_count < (pg->in_block ? DROP_IN_BLOCK_AT : DROP_AT) ||
	    PQtransactionStatus(pg->conn) == PQTRANS_INERROR)
		return;
	for (size_t i = 0; i < pg->dropped_count; i++) {
		peal__text_add(&sql, "DEALLOCATE peal_");
		peal__text_add_number(&sql, pg->dropped[i]);
		peal__text_add(&sql, ";");
	}
	if (!sql.failed)
		PQclear(PQexec(pg->conn, sql.data));
	peal__text_fini(&sql);
	pg->dropped_count = 0;
}

static void drop(struct peal__connection *c, struct peal__pg_statement *st)
{
	struct peal__pg *pg = peal__pg_of(c);

	if (!st->prepared || !pg || c->lost || st->generation != c->generation)
		return;
	st->prepared = false;
	if (peal__db_grow(&pg->dropped, &pg->dropped_capacity, pg->dropped_count,
			  sizeof(*pg->dropped)))
		pg->dropped[pg->dropped_count++] = st->name;
}

static struct peal__pg_shape *shape_new(const PGresult *described)
{
	size_t params = (size_t)PQnparams(described), columns = (size_t)PQnfields(described);
	size_t types = (params + columns) * sizeof(Oid), names = 0;
	struct peal__pg_shape *shape;
	char *at;

	for (size_t i = 0; i < columns; i++)
		names += strlen(PQfname(described, (int)i)) + 1;
	shape = peal__db_alloc(sizeof(*shape) + types + names);
	if (!shape)
		return NULL;
	shape->names = at = (char *)shape->types + types;
	for (size_t i = 0; i < columns; i++)
		at = stpcpy(at, PQfname(described, (int)i)) + 1;
	shape->param_count = params;
	shape->column_count = columns;
	shape->binary = true;
	for (size_t i = 0; i < params; i++)
		shape->types[i] = PQparamtype(described, (int)i);
	for (size_t i = 0; i < columns; i++) {
		shape->types[params + i] = PQftype(described, (int)i);
		shape->binary &= peal__pg_type_is_known(shape->types[params + i]);
	}
	return shape;
}

static void name_of(unsigned number, char *name, size_t size)
{
	snprintf(name, size, "peal_%u", number);
}

/* Prepare and describe in one round trip. */
static int describe(struct peal__connection *c, const char *sql, unsigned number,
		    struct peal__pg_shape **ret_shape, struct peal_error *error)
{
	PGconn *conn = peal__pg_of(c)->conn;
	PGresult *results[3] = { NULL };
	int begun = pipeline_begin(peal__pg_of(c));
	size_t count = (size_t)begun + 2, failed = 0;
	char name[32];
	int r = 0;

	if (begun < 0)
		return peal__pg_failed(c, NULL, sql, error);
	name_of(number, name, sizeof(name));
	PQsendPrepare(conn, name, sql, 0, NULL);
	PQsendDescribePrepared(conn, name);
	pipeline_end(conn, results, count);
	while (failed < count && PQresultStatus(results[failed]) == PGRES_COMMAND_OK)
		failed++;
	if (failed < count) {
		r = peal__pg_failed(c, results[failed], sql, error);
	} else {
		*ret_shape = shape_new(results[count - 1]);
		if (!*ret_shape)
			r = peal__no_memory(error);
	}
	for (size_t i = 0; i < count; i++)
		PQclear(results[i]);
	return r;
}

/* The server knows the statement now. */
static int make_known(struct peal__statement *s, struct peal_error *error)
{
	struct peal__connection *c = s->connection;
	struct peal__pg_statement *st = s->handle;
	struct peal__pg_shape *shape = NULL;
	unsigned number;
	int r;

	if (st->prepared && st->generation == c->generation)
		return 0;
	forget_dropped(c);
	number = ++peal__pg_of(c)->last_name;
	r = describe(c, s->sql, number, &shape, error);
	if (r < 0)
		return r;
	st->name = number;
	name_of(number, st->name_text, sizeof(st->name_text));
	st->generation = c->generation;
	st->prepared = true;
	peal__db_free(st->shape);
	st->shape = shape;
	return 0;
}

static bool make_room(struct peal__pg_statement *st)
{
	size_t count = st->shape->param_count;

	if (!count)
		return true;
	st->values = peal__db_alloc(count * sizeof(*st->values));
	st->params = peal__db_alloc(count * sizeof(*st->params));
	st->data = peal__db_alloc(count * sizeof(*st->data));
	st->sizes = peal__db_alloc(count * sizeof(*st->sizes));
	st->formats = peal__db_alloc(count * sizeof(*st->formats));
	return st->values && st->params && st->data && st->sizes && st->formats;
}

static void reset(struct peal__statement *s);

static void finalize(struct peal__statement *s)
{
	struct peal__pg_statement *st = s->handle;

	if (st->shape)
		reset(s);
	drop(s->connection, st);
	peal__db_free(st->shape);
	peal__db_free(st->values);
	peal__db_free(st->params);
	peal__db_free(st->data);
	peal__db_free(st->sizes);
	peal__db_free(st->formats);
	peal__db_free(st->aside);
	peal__arena_fini(&st->arena);
	peal__db_free(st);
	s->handle = NULL;
}

static int prepare(struct peal__statement *s, const char *sql, size_t size,
		   struct peal_error *error)
{
	struct peal__pg_statement *st;
	int r = peal__pg_check_lost(s->connection, error);

	if (r < 0)
		return r;
	if (strlen(sql) != size || size == strspn(sql, " \t\r\n;"))
		return peal_error_set(error, PEAL_EINVAL, "not one SQL statement: %s", sql);
	st = s->handle = peal__db_alloc(sizeof(*st));
	if (!st)
		return peal__no_memory(error);
	peal__pg_settle(s->connection);
	r = make_known(s, error);
	if (r == 0 && !make_room(st))
		r = peal__no_memory(error);
	if (r < 0) {
		finalize(s);
		return r;
	}
	s->width = st->shape->column_count;
	return 0;
}

static const char *column_name(struct peal__statement *s, size_t index)
{
	const struct peal__pg_shape *shape = ((struct peal__pg_statement *)s->handle)->shape;
	const char *name = index < shape->column_count ? shape->names : NULL;

	for (; name && index; index--)
		name += strlen(name) + 1;
	return name;
}

static int bind(struct peal__statement *s, size_t index, const struct peal_value *value,
		struct peal_error *error)
{
	struct peal__pg_statement *st = s->handle;

	if (index >= st->shape->param_count) {
		peal_error_set(error, PEAL_EINVAL, "there is no parameter $%zu: %s", index + 1,
			       s->sql);
		if (error)
			memcpy(error->sqlstate, "07001", sizeof(error->sqlstate));
		return PEAL_EINVAL;
	}
	st->values[index] = *value;
	return 0;
}

/* ---- Running ------------------------------------------------------------------------------------------------------- */

int peal__pg_encode_all(struct peal__statement *s, struct peal_error *error)
{
	struct peal__pg_statement *st = s->handle;

	for (size_t i = 0; i < st->shape->param_count; i++) {
		int r = peal__pg_encode(&st->params[i], i + 1, st->shape->types[i], &st->values[i],
					error);

		if (PEAL_UNLIKELY(r < 0)) {
			peal_error_prefix(error, "%s: ", s->sql);
			return r;
		}
		st->data[i] = st->params[i].data;
		st->sizes[i] = st->params[i].size;
		st->formats[i] = st->params[i].format;
	}
	return 0;
}

static bool send_execution(PGconn *conn, const struct peal__pg_statement *st)
{
	return PQsendQueryPrepared(conn, st->name_text, (int)st->shape->param_count, st->data,
				   st->sizes, st->formats, st->shape->binary);
}

static bool begins_with(const char *sql, const char *verb)
{
	return strncasecmp(sql, verb, strlen(verb)) == 0;
}

/* Whether a BEGIN can travel with it, which a COPY would take for an end of its data. Its rows come all at once then. */
static bool joins_begin(const struct peal__statement *s)
{
	return begins_with(s->sql, "SELECT") || begins_with(s->sql, "INSERT") ||
	       begins_with(s->sql, "UPDATE") || begins_with(s->sql, "DELETE");
}

int peal__pg_begin_now(struct peal__connection *c, struct peal_error *error)
{
	struct peal__pg *pg = peal__pg_of(c);
	const char *begin = pg->begin;
	PGresult *result;
	int r = 0;

	pg->begin = NULL;
	result = PQexec(pg->conn, begin);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		r = peal__pg_failed(c, result, begin, error);
	PQclear(result);
	return r;
}

/* BEGIN and the statement in one round trip; the result is the first error, or the statement's. */
static PGresult *run_with_begin(struct peal__connection *c, const struct peal__pg_statement *st)
{
	PGconn *conn = peal__pg_of(c)->conn;
	PGresult *results[2] = { NULL };

	if (pipeline_begin(peal__pg_of(c)) < 0)
		return NULL;
	send_execution(conn, st);
	pipeline_end(conn, results, 2);
	if (PQresultStatus(results[0]) == PGRES_COMMAND_OK) {
		PQclear(results[0]);
		return results[1];
	}
	PQclear(results[1]);
	return results[0];
}

/* 0 and the first result, or an error. */
static int send(struct peal__statement *s, PGresult **ret_result, struct peal_error *error)
{
	struct peal__pg *pg = peal__pg_of(s->connection);
	struct peal__pg_statement *st = s->handle;
	int r = peal__pg_encode_all(s, error);

	if (r == 0 && pg->begin && !joins_begin(s))
		r = peal__pg_begin_now(s->connection, error);
	if (r < 0)
		return r;
	if (pg->begin) {
		*ret_result = run_with_begin(s->connection, st);
		return 0;
	}
	if (!send_execution(pg->conn, st)) {
		r = peal__pg_failed(s->connection, NULL, s->sql, error);
		skip_results(pg->conn);
		return r;
	}
	/* What writes is run to its end before its rows are given: an error at its end must not go unseen. */
	if (s->reading && begins_with(s->sql, "SELECT") && PQsetSingleRowMode(pg->conn))
		pg->streaming = s;
	*ret_result = PQgetResult(pg->conn);
	return 0;
}

/* ---- Cursors --------------------------------------------------------------------------------------------------------- */

static bool reads_by_cursor(const struct peal__statement *s)
{
	return s->reading == PEAL__READ_BY_CURSOR && begins_with(s->sql, "SELECT");
}

/* DECLARE with the statement's parameters and the first FETCH in one round trip: how many results come before FETCH's, or -1. */
static int cursor_send(struct peal__statement *s, unsigned number, PGresult **results)
{
	struct peal__pg *pg = peal__pg_of(s->connection);
	const struct peal__pg_statement *st = s->handle;
	struct peal__text sql = { 0 };
	char fetch[64];
	int begun = -1;

	peal__text_add(&sql, "DECLARE peal_");
	peal__text_add_number(&sql, number);
	peal__text_add(&sql, s->connection->block_count ? " NO SCROLL CURSOR FOR "
							: " NO SCROLL CURSOR WITH HOLD FOR ");
	peal__text_add_n(&sql, s->sql, s->size);
	snprintf(fetch, sizeof(fetch), "FETCH %d FROM peal_%u", FETCH_ROWS, number);
	if (!sql.failed)
		begun = pipeline_begin(pg);
	if (begun >= 0) {
		PQsendQueryParams(pg->conn, sql.data, (int)st->shape->param_count, st->shape->types,
				  st->data, st->sizes, st->formats, 0);
		PQsendQueryParams(pg->conn, fetch, 0, NULL, NULL, NULL, NULL, st->shape->binary);
		pipeline_end(pg->conn, results, (size_t)begun + 2);
	}
	peal__text_fini(&sql);
	return begun < 0 ? -1 : begun + 1;
}

static bool has_shape(const PGresult *result, const struct peal__pg_shape *shape)
{
	if (PQnfields(result) != (int)shape->column_count)
		return false;
	for (int i = 0; i < PQnfields(result); i++)
		if (PQftype(result, i) != peal__pg_columns(shape)[i])
			return false;
	return true;
}

static int say_changed(const struct peal__statement *s, struct peal_error *error)
{
	return peal_error_set(error, PEAL_EDB,
			      "the statement's columns have changed; run it again: %s", s->sql);
}

/* What comes of the results of opening: 0, or the first error. */
static int cursor_opened(struct peal__statement *s, unsigned number, PGresult *const *results,
			 int last, struct peal_error *error)
{
	struct peal__connection *c = s->connection;
	struct peal__pg_statement *st = s->handle;

	for (int i = 0; i < last; i++)
		if (PQresultStatus(results[i]) != PGRES_COMMAND_OK)
			return peal__pg_failed(c, results[i], s->sql, error);
	if (PQresultStatus(results[last]) != PGRES_TUPLES_OK)
		return peal__pg_failed(c, results[last], s->sql, error);
	st->cursor = number;
	if (c->block_count)
		peal__cursor_opened(s);
	if (has_shape(results[last], st->shape))
		return 0;
	drop(c, st);
	return say_changed(s, error);
}

/* 0 and the first rows, or an error. */
static int cursor_open(struct peal__statement *s, PGresult **ret_result, struct peal_error *error)
{
	unsigned number = ++peal__pg_of(s->connection)->last_name;
	PGresult *results[3] = { NULL };
	int r = peal__pg_encode_all(s, error), last;

	if (r < 0)
		return r;
	last = cursor_send(s, number, results);
	if (last < 0)
		return peal__no_memory(error);
	r = cursor_opened(s, number, results, last, error);
	if (r == 0) {
		*ret_result = results[last];
		results[last] = NULL;
	}
	for (size_t i = 0; i < PEAL_COUNTOF(results); i++)
		PQclear(results[i]);
	return r;
}

/* Whether the server still has it. */
static bool cursor_is_there(const struct peal__statement *s)
{
	const struct peal__pg_statement *st = s->handle;
	const struct peal__connection *c = s->connection;

	return st->cursor && !s->cut_off && !c->lost && c->handle &&
	       st->generation == c->generation;
}

static PGresult *cursor_fetch(struct peal__statement *s)
{
	const struct peal__pg_statement *st = s->handle;
	char sql[64];

	snprintf(sql, sizeof(sql), "FETCH %d FROM peal_%u", FETCH_ROWS, st->cursor);
	peal__pg_settle(s->connection);
	return PQexecParams(peal__pg_of(s->connection)->conn, sql, 0, NULL, NULL, NULL, NULL,
			    st->shape->binary);
}

static void cursor_close(struct peal__statement *s)
{
	struct peal__pg_statement *st = s->handle;
	char sql[64];

	snprintf(sql, sizeof(sql), "CLOSE peal_%u", st->cursor);
	if (cursor_is_there(s)) {
		peal__pg_settle(s->connection);
		if (PQtransactionStatus(peal__pg_of(s->connection)->conn) != PQTRANS_INERROR)
			PQclear(PQexec(peal__pg_of(s->connection)->conn, sql));
	}
	peal__cursor_closed(s);
	st->cursor = 0;
}

/* ---- The course of a statement --------------------------------------------------------------------------------------- */

/* The plan is out of date, or somebody made the server forget it. */
static bool is_stale(const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	if (!sqlstate)
		return false;
	return strcmp(sqlstate, "26000") == 0 || (strcmp(sqlstate, "0A000") == 0 && function &&
						  strcmp(function, "RevalidateCachedQuery") == 0);
}

/* No rows travel in a COPY: end it. */
static int refuse_copy(struct peal__statement *s, ExecStatusType status, struct peal_error *error)
{
	PGconn *conn = peal__pg_of(s->connection)->conn;
	char *data;

	if (status == PGRES_COPY_IN)
		PQputCopyEnd(conn, "not by this way");
	while (status == PGRES_COPY_OUT && PQgetCopyData(conn, &data, 0) > 0)
		PQfreemem(data);
	skip_results(conn);
	return peal_error_set(error, PEAL_ENOTSUP, "COPY is not supported: %s", s->sql);
}

static int end(struct peal__statement *s, int r)
{
	struct peal__pg *pg = peal__pg_of(s->connection);
	struct peal__pg_statement *st = s->handle;

	st->ended = true;
	if (pg && pg->streaming == s) {
		skip_results(pg->conn);
		pg->streaming = NULL;
	}
	return r;
}

/* Reads a result to its end, unless more rows or a COPY come with it. */
static PGresult *all_of(struct peal__statement *s, PGresult *result)
{
	struct peal__pg *pg = peal__pg_of(s->connection);

	switch (PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
		return result;
	default:
		if (pg->streaming == s)
			pg->streaming = NULL;
		return peal__pg_last_word(pg->conn, result);
	}
}

/* A result has come, which is ours from now on: 0 with rows, or as step. */
static int take(struct peal__statement *s, PGresult *result, struct peal_error *error)
{
	struct peal__pg *pg = peal__pg_of(s->connection);
	struct peal__pg_statement *st = s->handle;
	ExecStatusType status = PQresultStatus(result);
	int r;

	switch (status) {
	case PGRES_SINGLE_TUPLE:
	case PGRES_TUPLES_OK:
		if (status == PGRES_TUPLES_OK && pg)
			pg->changes = strtoll(PQcmdTuples(result), NULL, 10);
		st->row_count = PQntuples(result);
		if (!st->row_count)
			break;
		st->result = result;
		st->row = 0;
		return 0;
	case PGRES_COMMAND_OK:
		if (pg)
			pg->changes = strtoll(PQcmdTuples(result), NULL, 10);
		break;
	case PGRES_EMPTY_QUERY:
		PQclear(result);
		return end(s,
			   peal_error_set(error, PEAL_EINVAL, "not one SQL statement: %s", s->sql));
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
		PQclear(result);
		return end(s, refuse_copy(s, status, error));
	default:
		r = pg ? peal__pg_failed(s->connection, result, s->sql, error)
		       : peal__pg_check_lost(s->connection, error);
		PQclear(result);
		return end(s, r);
	}
	PQclear(result);
	return end(s, PEAL_DONE);
}

static int start(struct peal__statement *s, struct peal_error *error)
{
	struct peal__connection *c = s->connection;
	struct peal__pg_statement *st = s->handle;
	PGresult *result = NULL;
	int r = peal__pg_check_lost(c, error);

	if (r < 0)
		return r;
	peal__pg_settle(c);
	for (int attempt = 0; attempt < 2; attempt++) {
		r = make_known(s, error);
		if (r == 0 && st->shape->column_count != s->width)
			r = say_changed(s, error);
		if (r == 0)
			r = reads_by_cursor(s) ? cursor_open(s, &result, error)
					       : send(s, &result, error);
		if (r < 0)
			return end(s, r);
		if (PEAL_UNLIKELY(is_stale(result)))
			drop(c, st);
		else
			break;
		if (peal__pg_of(c)->in_block || attempt)
			break;
		end(s, 0);
		skip_results(peal__pg_of(c)->conn);
		PQclear(result);
	}
	st->started = true;
	st->ended = false;
	return take(s, all_of(s, result), error);
}

/* The connection may have been opened again since, and be in order. */
static int say_cursor_lost(const struct peal__statement *s, struct peal_error *error)
{
	peal_error_set(
		error, PEAL_ECONNECTION,
		"the connection to the database \"%s\" was lost while rows were being read: %s",
		s->connection->db->alias, s->sql);
	if (error)
		memcpy(error->sqlstate, "08003", sizeof(error->sqlstate));
	return PEAL_ECONNECTION;
}

/* The next result of a statement whose present one is at its end. */
static int more(struct peal__statement *s, struct peal_error *error)
{
	struct peal__pg *pg = peal__pg_of(s->connection);
	struct peal__pg_statement *st = s->handle;
	bool may_have_more = st->cursor && st->row_count == FETCH_ROWS;

	PQclear(st->result);
	st->result = NULL;
	st->row = st->row_count = 0;
	if (st->aside_at < st->aside_count)
		return take(s, st->aside[st->aside_at++], error);
	if (st->aside_failed)
		return end(s, peal__no_memory(error));
	if (!st->ended && pg && pg->streaming == s)
		return take(s, all_of(s, PQgetResult(pg->conn)), error);
	if (!may_have_more || st->ended)
		return end(s, PEAL_DONE);
	if (!cursor_is_there(s))
		return end(s, say_cursor_lost(s, error));
	return take(s, cursor_fetch(s), error);
}

static int step(struct peal__statement *s, const uint8_t *kinds, struct peal_value *values,
		struct peal_error *error)
{
	struct peal__pg_statement *st = s->handle;
	int r = 0;

	if (!st->started)
		r = start(s, error);
	else if (st->row == st->row_count)
		r = more(s, error);
	if (r != 0)
		return r;
	if (st->arena.blocks)
		peal__arena_fini(&st->arena);
	for (size_t i = 0; values && i < s->width && r == 0; i++)
		r = peal__pg_decode(st->result, st->row, (int)i, st->shape,
				    kinds ? kinds[i] : PEAL_VALUE_NULL, &st->arena, &values[i],
				    error);
	st->row++;
	return r;
}

static void reset(struct peal__statement *s)
{
	struct peal__pg_statement *st = s->handle;

	end(s, 0);
	if (st->cursor)
		cursor_close(s);
	PQclear(st->result);
	st->result = NULL;
	st->row = st->row_count = 0;
	while (st->aside_at < st->aside_count)
		PQclear(st->aside[st->aside_at++]);
	st->aside_at = st->aside_count = 0;
	st->started = st->aside_failed = false;
	if (st->values)
		memset(st->values, 0, st->shape->param_count * sizeof(*st->values));
	peal__arena_fini(&st->arena);
	s->width = st->shape->column_count;
}

static int64_t changes(struct peal__statement *s)
{
	const struct peal__connection *c = s->connection;

	return c->handle ? peal__pg_of(c)->changes : 0;
}

static int64_t insert_id(struct peal__statement *s)
{
	(void)s;
	return 0;
}

/* ---- Transactions ---------------------------------------------------------------------------------------------------- */

/* Commands without parameters in one round trip, behind a BEGIN that waits; the last one's result. */
static PGresult *run_text(struct peal__pg *pg, const char *sql)
{
	char both[128];

	if (!pg->begin)
		return PQexec(pg->conn, sql);
	snprintf(both, sizeof(both), "%s; %s", pg->begin, sql);
	pg->begin = NULL;
	return PQexec(pg->conn, both);
}

static int execute(struct peal__connection *c, const char *sql, struct peal_error *error)
{
	int r = peal__pg_check_lost(c, error);
	PGresult *result;

	if (r < 0)
		return r;
	peal__pg_settle(c);
	if (begins_with(sql, "BEGIN")) {
		peal__pg_of(c)->begin = sql;
		return 0;
	}
	if (peal__pg_of(c)->begin && strcmp(sql, "ROLLBACK") == 0) {
		peal__pg_of(c)->begin = NULL;
		return 0;
	}
	result = run_text(peal__pg_of(c), sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		r = peal__pg_failed(c, result, sql, error);
	PQclear(result);
	return r;
}

static enum peal__transaction_state transaction_state(struct peal__connection *c)
{
	struct peal__pg *pg = peal__pg_of(c);

	if (!pg || c->lost)
		return PEAL__TRANSACTION_NONE;
	if (pg->begin)
		return PEAL__TRANSACTION_OPEN;
	switch (PQtransactionStatus(pg->conn)) {
	case PQTRANS_INTRANS:
		return PEAL__TRANSACTION_OPEN;
	case PQTRANS_INERROR:
		return PEAL__TRANSACTION_FAILED;
	case PQTRANS_ACTIVE:
		return pg->in_block ? PEAL__TRANSACTION_OPEN : PEAL__TRANSACTION_NONE;
	default:
		return PEAL__TRANSACTION_NONE;
	}
}

/*
 * COMMIT, and in the same round trip the transaction's number, which the server sends off before it commits. xid is
 * "?" when the number has not come, and "" when the transaction has written nothing and so has none.
 */
static PGresult *commit_send(struct peal__pg *pg, char *xid, size_t size)
{
	bool is_new = !pg->knows_xid_query;
	size_t count = is_new ? 3 : 2;
	PGresult *results[3] = { NULL };

	snprintf(xid, size, "?");
	if (!PQenterPipelineMode(pg->conn))
		return NULL;
	if (is_new)
		PQsendPrepare(pg->conn, XID_QUERY, "SELECT pg_current_xact_id_if_assigned()::text",
			      0, NULL);
	PQsendQueryPrepared(pg->conn, XID_QUERY, 0, NULL, NULL, NULL, 0);
	PQsendFlushRequest(pg->conn);
	PQsendQueryParams(pg->conn, "COMMIT", 0, NULL, NULL, NULL, NULL, 0);
	pipeline_end(pg->conn, results, count);
	if (is_new && PQresultStatus(results[0]) == PGRES_COMMAND_OK)
		pg->knows_xid_query = true;
	if (PQntuples(results[count - 2]) == 1)
		snprintf(xid, size, "%s", PQgetvalue(results[count - 2], 0, 0));
	for (size_t i = 0; i < count - 1; i++)
		PQclear(results[i]);
	return results[count - 1];
}

/* The answer to a COMMIT was lost. */
static int find_out(struct peal__connection *c, const char *xid, struct peal_error *error)
{
	int fate = -1;

	if (!*xid)
		return peal__pg_lost(c, "08006", "the transaction has written nothing", error);
	c->lost = true;
	if (*xid != '?')
		fate = peal__pg_resolve(c, xid);
	if (fate == 1)
		return 0;
	if (fate == 0)
		return peal__pg_lost(c, "08006", "the transaction has not been committed", error);
	return peal__pg_lost(c, "08007", "whether the transaction has been committed is not known",
			     error);
}

static int commit(struct peal__connection *c, struct peal_error *error)
{
	PGresult *result;
	char xid[32];
	int r = peal__pg_check_lost(c, error);

	if (r < 0)
		return r;
	peal__pg_settle(c);
	if (peal__pg_of(c)->begin) {
		peal__pg_of(c)->begin = NULL;
		return 0;
	}
	result = commit_send(peal__pg_of(c), xid, sizeof(xid));
	if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		struct peal_error own = { 0 };

		r = peal__pg_failed(c, result, "COMMIT", &own);
		if (c->lost)
			r = find_out(c, xid, error);
		else if (error)
			*error = own;
	} else if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
		/* The server answers so, without any error, when the transaction had failed before. */
		r = peal_error_set(
			error, PEAL_ETRANSACTION,
			"COMMIT: the transaction had failed; the server has rolled it back");
		if (error)
			memcpy(error->sqlstate, "25P02", sizeof(error->sqlstate));
	}
	PQclear(result);
	return r;
}

static void close_connection(struct peal__connection *c)
{
	struct peal__pg *pg = peal__pg_of(c);

	if (pg && pg->streaming)
		peal__pg_settle(c);
	peal__pg_close(c);
}

const struct peal__driver peal__postgresql_driver = {
	.name = "postgresql",
	.scheme = "postgresql:",
	.other_scheme = "postgres:",
	.dialect = {
		.types = {
			[PEAL__COLUMN_ID32] = "integer NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY",
			[PEAL__COLUMN_ID64] = "bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY",
			[PEAL__COLUMN_INT16] = "smallint",
			[PEAL__COLUMN_INT32] = "integer",
			[PEAL__COLUMN_INT64] = "bigint",
			[PEAL__COLUMN_BOOLEAN] = "boolean",
			[PEAL__COLUMN_REAL] = "double precision",
			[PEAL__COLUMN_VARCHAR] = "varchar",
			[PEAL__COLUMN_TEXT] = "text",
			[PEAL__COLUMN_BYTES] = "bytea",
			[PEAL__COLUMN_DATETIME] = "timestamptz",
			[PEAL__COLUMN_UUID] = "uuid",
			[PEAL__COLUMN_DECIMAL] = "numeric",
			[PEAL__COLUMN_DATE] = "date",
			[PEAL__COLUMN_TIME_OF_DAY] = "time",
			[PEAL__COLUMN_DURATION] = "interval",
			[PEAL__COLUMN_JSON] = "jsonb",
		},
		.position = "strpos",
		.like_nocase = "ILIKE",
		.no_limit = "LIMIT ALL",
		.empty_insert = "DEFAULT VALUES",
		.add_reference = { "DO $peal$ BEGIN ",
				   "; EXCEPTION WHEN duplicate_object THEN NULL; END $peal$" },
		.text_order = " COLLATE \"C\"",
		.typed_values = true,
		.row_locks = true,
		.returning = true,
	},
	.open = peal__pg_open,
	.close = close_connection,
	.is_alive = peal__pg_is_alive,
	.execute = execute,
	.begin = "BEGIN",
	.begin_read_only = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", /* one moment */
	.commit = commit,
	.transaction_state = transaction_state,
	.prepare = prepare,
	.finalize = finalize,
	.column_name = column_name,
	.bind = bind,
	.step = step,
	.reset = reset,
	.copy_begin = peal__pg_copy_begin,
	.copy_row = peal__pg_copy_row,
	.copy_end = peal__pg_copy_end,
	.changes = changes,
	.insert_id = insert_id,
};
