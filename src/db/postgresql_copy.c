/* SPDX-License-Identifier: MIT */
/*
 * The PostgreSQL driver: rows in great numbers, by a binary COPY.
 *
 * A COPY is the fastest way into a table, but it tells no keys. So they are taken from the column's sequence before. That
 * is only done where an INSERT would do the same: not with rules or triggers of the user's, which might do something else
 * than to insert, not with row security, which COPY refuses, and not into columns whose binary form is not known here.
 */
#include "postgresql.h"

#include <stdio.h>

#define FLUSH_AT 65536 /* bytes of rows handed to libpq at once */
#define INT8_OID 20

/* No row: this is no table for a COPY. */
#define TARGET                                                                                     \
	"WITH target AS MATERIALIZED (SELECT pg_get_serial_sequence($1::text, $2::text)::regclass" \
	" AS keys FROM pg_class c WHERE c.oid = to_regclass($1::text) AND c.relkind IN ('r', 'p')" \
	" AND NOT c.relhasrules AND NOT row_security_active(c.oid) AND NOT EXISTS (SELECT FROM"    \
	" pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)) "

static const char check[] = TARGET "SELECT 0::bigint FROM target WHERE $3::bigint IS NOT NULL";
static const char take_keys[] =
	TARGET "SELECT nextval(keys) FROM target, generate_series(1, $3::bigint)"
	       " WHERE keys IS NOT NULL AND has_sequence_privilege(keys, 'USAGE')";

static bool has_known_columns(const struct peal__pg_shape *shape, const struct peal__copy *copy)
{
	for (size_t i = 0; i < shape->param_count; i++)
		if (!peal__pg_can_copy(copy->kinds[i], shape->types[i]))
			return false;
	return true;
}

static PGresult *ask(PGconn *conn, const struct peal__copy *copy, const char *table)
{
	char count[24];
	const char *values[] = { table, copy->key, count };

	snprintf(count, sizeof(count), "%zu", copy->key_count);
	return PQexecParams(conn, copy->keys ? take_keys : check, 3, NULL, values, NULL, NULL, 1);
}

static uint64_t get64(const char *data)
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++)
		number = number << 8 | (unsigned char)data[i];
	return number;
}

/* 0 and the keys, PEAL_NOT_FOUND, or an error. */
static int prepare_target(struct peal__statement *s, const struct peal__copy *copy,
			  struct peal_error *error)
{
	struct peal__connection *c = s->connection;
	struct peal__text table = { 0 };
	PGresult *result;
	int r = 0;

	peal__text_add_name(&table, copy->table);
	if (table.failed) {
		peal__text_fini(&table);
		return peal__no_memory(error);
	}
	result = ask(peal__pg_of(c)->conn, copy, table.data);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		r = peal__pg_failed(c, result, s->sql, error);
	else if (PQntuples(result) != (copy->keys ? (int)copy->key_count : 1) ||
		 PQftype(result, 0) != INT8_OID)
		r = PEAL_NOT_FOUND;
	for (size_t i = 0; i < copy->key_count && copy->keys && r == 0; i++)
		copy->keys[i] = peal_value_int((int64_t)get64(PQgetvalue(result, (int)i, 0)));
	PQclear(result);
	peal__text_fini(&table);
	return r;
}

static int start(struct peal__statement *s, const struct peal__copy *copy, struct peal_error *error)
{
	static const char head[19] = "PGCOPY\n\377\r\n";
	struct peal__pg *pg = peal__pg_of(s->connection);
	PGresult *result = NULL;
	int r = 0;

	peal__text_fini(&pg->copy);
	peal__text_add(&pg->copy, "COPY ");
	peal__text_add(&pg->copy, copy->into);
	peal__text_add(&pg->copy, " FROM STDIN (FORMAT binary)");
	if (pg->copy.failed)
		return peal__no_memory(error);
	result = PQexec(pg->conn, pg->copy.data);
	if (PQresultStatus(result) != PGRES_COPY_IN)
		r = peal__pg_failed(s->connection, result, s->sql, error);
	PQclear(result);
	pg->copy.size = 0;
	peal__text_add_n(&pg->copy, head, sizeof(head));
	return r;
}

int peal__pg_copy_begin(struct peal__statement *s, const struct peal__copy *copy,
			struct peal_error *error)
{
	struct peal__connection *c = s->connection;
	struct peal__pg_statement *st = s->handle;
	int r = peal__pg_check_lost(c, error);

	if (r < 0)
		return r;
	if (!has_known_columns(st->shape, copy))
		return PEAL_NOT_FOUND;
	peal__pg_settle(c);
	if (peal__pg_of(c)->begin)
		r = peal__pg_begin_now(c, error);
	if (r == 0)
		r = prepare_target(s, copy, error);
	return r == 0 ? start(s, copy, error) : r;
}

static void add_number(struct peal__text *rows, uint32_t number, int size)
{
	char data[4];

	for (int i = size; i-- > 0; number >>= 8)
		data[i] = (char)(number & 0xff);
	peal__text_add_n(rows, data, (size_t)size);
}

/* What the server has to say when it takes no more, or when all has been sent. */
static int finish(struct peal__statement *s, struct peal_error *error)
{
	PGconn *conn = peal__pg_of(s->connection)->conn;
	PGresult *result = PQgetResult(conn);
	int r = 0;

	/* The library cannot end the COPY, so nothing else can be done with the connection. */
	if (PQresultStatus(result) == PGRES_COPY_IN)
		s->connection->lost = true;
	else
		result = peal__pg_last_word(conn, result);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		r = peal__pg_failed(s->connection, result, s->sql, error);
	PQclear(result);
	return r;
}

static int flush(struct peal__statement *s, struct peal_error *error)
{
	struct peal__pg *pg = peal__pg_of(s->connection);
	int r;

	if (pg->copy.failed)
		return peal__no_memory(error);
	if (PQputCopyData(pg->conn, pg->copy.data, (int)pg->copy.size) == 1) {
		pg->copy.size = 0;
		return 0;
	}
	r = finish(s, error);
	return r < 0 ? r : peal_error_set(error, PEAL_EDB, "COPY ended early: %s", s->sql);
}

int peal__pg_copy_row(struct peal__statement *s, struct peal_error *error)
{
	const struct peal__pg_statement *st = s->handle;
	struct peal__text *rows = &peal__pg_of(s->connection)->copy;
	int r = peal__pg_encode_all(s, error);

	if (r < 0)
		return r;
	add_number(rows, (uint32_t)st->shape->param_count, 2);
	for (size_t i = 0; i < st->shape->param_count; i++) {
		bool versioned = st->data[i] && peal__pg_has_version(st->shape->types[i]);

		if (!st->data[i]) {
			add_number(rows, UINT32_MAX, 4);
			continue;
		}
		add_number(rows, (uint32_t)st->sizes[i] + versioned, 4);
		if (versioned)
			add_number(rows, 1, 1);
		peal__text_add_n(rows, st->data[i], (size_t)st->sizes[i]);
	}
	return rows->size < FLUSH_AT && !rows->failed ? 0 : flush(s, error);
}

int peal__pg_copy_end(struct peal__statement *s, int result, struct peal_error *error)
{
	struct peal__connection *c = s->connection;
	struct peal__pg *pg = peal__pg_of(c);
	int r = result;

	if (r == 0) {
		add_number(&pg->copy, UINT16_MAX, 2);
		r = flush(s, error);
	}
	if (r == 0) {
		/* When this fails, the result says why. */
		PQputCopyEnd(pg->conn, NULL);
		r = finish(s, error);
	} else if (!c->lost && PQputCopyEnd(pg->conn, "an error here") == 1) {
		finish(s, NULL); /* otherwise an error has ended it already */
	}
	peal__text_fini(&pg->copy);
	return r;
}
