/* SPDX-License-Identifier: MIT */
/* Rows one by one: whatever else the connection does meanwhile, in constant memory, and what ends them. */
#include "models.h"

#include "connection.h"

#include <peal/bulk.h>

#include <malloc.h>

#define PEOPLE 2500 /* a server's cursor is read in several pieces */

static struct peal_db *begin_people(size_t count, const char *bio)
{
	struct peal_db *db = begin_models();
	struct peal_instance **rows = calloc(count, sizeof(struct peal_instance *));

	for (size_t i = 0; i < count; i++)
		T_OK(peal_new(&person_model,
			      PEAL_WITH(PEAL_SET(person_model, name, "p"),
					PEAL_SET(person_model, age, (int)i),
					PEAL_SET(person_model, bio, bio)),
			      &rows[i], NULL));
	T_OK(peal_bulk_create(&person_model, rows, count, NULL, NULL));
	while (count)
		peal_free(rows[--count]);
	free(rows);
	return db;
}

static bool on_server(void)
{
	return runs_on("postgresql");
}

static struct peal_stream *stream_of_people(void)
{
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_stream *stream = NULL;
	struct peal_error error = { 0 };

	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(person_model, age, gte, 0)));
	peal_query_order_by(query, "pk");
	if (peal_query_stream(query, &stream, &error) != 0)
		T_FAIL("%s", error.message);
	peal_query_free(query);
	return stream;
}

/* The age of the next one, which counts from 0; -1: that was the last. */
static int next_age(struct peal_stream *stream)
{
	struct peal_instance *instance;
	struct peal_error error = { 0 };
	int r = peal_stream_next(stream, &instance, &error);

	if (r == PEAL_DONE)
		return -1;
	if (r != 0)
		T_FAIL("%s", error.message);
	return person_model_from(instance)->age;
}

static void read_from(struct peal_stream *stream, int first, int end)
{
	for (int age = first; age < end; age++)
		T_INT(next_age(stream), age);
}

/* Two streams of the same statement in turns, writing and counting in between. */
static void two_at_once(void)
{
	struct peal_stream *a = stream_of_people(), *b = stream_of_people();

	for (int age = 0; age < PEOPLE; age++) {
		T_INT(next_age(a), age);
		T_INT(next_age(b), age);
		if (age % 400)
			continue;
		exec("INSERT INTO lab_ticket (code, label) VALUES (CAST((SELECT count(*) FROM lab_ticket) AS text), '')");
		T_INT(COUNT("lab_person"), PEOPLE);
	}
	T_INT(next_age(a), -1);
	T_INT(next_age(b), -1);
	T_INT(next_age(b), -1);
	peal_stream_free(b);
	peal_stream_free(a);
}

TEST(other_statements_meanwhile)
{
	struct peal_db *db = begin_people(PEOPLE, "");
	struct peal_error error = { 0 };
	int r;

	two_at_once();
	PEAL_ATOMIC(r, &error) {
		two_at_once();
	}
	T_OK(r);
	T_INT(COUNT("lab_ticket"), 14);
	if (on_server())
		T_INT(COUNT("pg_cursors WHERE name <> ''"), 0);
	end_models(db);
}

/* As much as a block more or less: not what is still to come. */
TEST(memory_is_constant)
{
	static char bio[2001];
	struct peal_stream *stream;
	struct peal_db *db;
	size_t before;

	memset(bio, 'x', sizeof(bio) - 1);
	db = begin_people(10000, bio); /* 20 MB */
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	stream = stream_of_people();
	for (int age = 0; age < 10000; age++) {
		T_INT(next_age(stream), age);
		if (age % 1000)
			continue;
		T_INT(COUNT("lab_person"), 10000);
		T_TRUE(mallinfo2().uordblks + mallinfo2().hblkhd < before + 8000000);
	}
	peal_stream_free(stream);
	end_models(db);
}

/* ---- Blocks that end before the stream ---- */

static void is_cut_off(struct peal_stream *stream)
{
	struct peal_instance *instance;
	struct peal_error error = { 0 };

	T_CODE(peal_stream_next(stream, &instance, &error), PEAL_ETRANSACTION);
	T_STR(error.sqlstate, "24000");
	T_HAS(error.message, "the block in which these rows were being read has ended");
	T_CODE(peal_stream_next(stream, &instance, &error), PEAL_DONE);
}

TEST(block_that_ends_before_its_stream)
{
	struct peal_db *db = begin_people(PEOPLE, "");
	struct peal_stream *streams[2], *around = stream_of_people();
	int r;

	read_from(around, 0, 10);
	for (int i = 0; i < 2; i++) {
		PEAL_ATOMIC(r, NULL) {
			streams[i] = stream_of_people();
			read_from(streams[i], 0, 10);
			exec("INSERT INTO lab_ticket (code, label) VALUES ('a', '')");
			r = i == 0 ? PEAL_EUSER : 0;
		}
		T_CODE(r, i == 0 ? PEAL_EUSER : 0);
		if (on_server())
			is_cut_off(streams[i]);
		else
			read_from(streams[i], 10, PEOPLE);
	}
	/* One that was begun outside goes on through both. */
	read_from(around, 10, PEOPLE);
	T_INT(next_age(around), -1);
	T_INT(COUNT("lab_ticket"), 1);
	peal_stream_free(streams[0]);
	peal_stream_free(streams[1]);
	peal_stream_free(around);
	end_models(db);
}

TEST(savepoints_and_streams)
{
	struct peal_db *db = begin_people(PEOPLE, "");
	struct peal_stream *outer, *kept = NULL, *undone = NULL;
	int r, inner = 0;

	PEAL_ATOMIC(r, NULL) {
		outer = stream_of_people();
		read_from(outer, 0, 10);
		PEAL_ATOMIC(inner, NULL) {
			kept = stream_of_people();
			read_from(kept, 0, 10);
			exec("INSERT INTO lab_ticket (code, label) VALUES ('a', '')");
		}
		T_OK(inner);
		PEAL_ATOMIC(inner, NULL) {
			undone = stream_of_people();
			read_from(undone, 0, 10);
			exec("INSERT INTO lab_ticket (code, label) VALUES ('b', '')");
			inner = PEAL_EUSER;
		}
		T_CODE(inner, PEAL_EUSER);
		if (on_server())
			is_cut_off(undone);
		read_from(outer, 10, PEOPLE);
		read_from(kept, 10, PEOPLE);
		peal_stream_free(undone);
		peal_stream_free(kept);
		peal_stream_free(outer);
		T_INT(COUNT("lab_ticket"), 1);
	}
	T_OK(r);
	end_models(db);
}

/* ---- What only a server does ---- */

TEST(rows_that_are_locked)
{
	struct peal_db *db = begin_people(PEOPLE, "");
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_instance *instance;
	struct peal_error error = { 0 };
	struct peal_stream *stream;
	int r, count = 0;

	peal_query_for_update(query, PEAL_LOCK_NOWAIT);
	T_CODE(peal_query_stream(query, &stream, &error), PEAL_ETRANSACTION);
	PEAL_ATOMIC(r, &error) {
		r = peal_query_stream(query, &stream, &error);
		while (r == 0 && (r = peal_stream_next(stream, &instance, &error)) == 0) {
			person_model_from(instance)->age += 1;
			r = peal_save(instance, &error);
			count += r == 0;
		}
		r = r == PEAL_DONE ? 0 : r;
		peal_stream_free(stream);
	}
	T_OK(r);
	T_INT(count, PEOPLE);
	T_INT(number_of("SELECT sum(age) FROM lab_person"), PEOPLE * (PEOPLE + 1) / 2);
	peal_query_free(query);
	end_models(db);
}

/* A statement whose rows a cursor reads, first and beyond the first piece. */
static int read_numbers(const char *sql, int64_t *ret_last, struct peal_error *error)
{
	const uint8_t kinds[] = { PEAL_VALUE_INT };
	struct peal__connection *c;
	struct peal__statement *s;
	struct peal_value value;
	int r;

	T_OK(peal__connection_get(NULL, &c, error));
	r = peal__statement_get(c, sql, strlen(sql), &s, error);
	if (r != 0)
		return r;
	s->reading = PEAL__READ_BY_CURSOR;
	*ret_last = 0;
	while ((r = peal__statement_step(s, kinds, &value, error)) == 0)
		*ret_last = value.as.integer;
	peal__statement_put(s);
	return r;
}

TEST(errors_among_the_rows)
{
	static const char failing[] =
		"SELECT 1 / (1500 - n) + n - n / 3000 FROM generate_series(1, 3000) n";
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	int64_t last;
	int r;

	if (!on_server()) {
		end_models(db);
		return;
	}
	T_CODE(read_numbers("SELECT n FROM generate_series(1, 3000) n", &last, &error), PEAL_DONE);
	T_INT(last, 3000);
	/* Outside of a block the server reads all rows before it gives the first. */
	T_CODE(read_numbers(failing, &last, &error), PEAL_EDB);
	T_STR(error.sqlstate, "22012");
	T_INT(last, 0);
	T_INT(number_of("SELECT 7"), 7);
	PEAL_ATOMIC(r, &error) {
		r = read_numbers(failing, &last, &error);
		T_CODE(r, PEAL_EDB);
		T_STR(error.sqlstate, "22012");
		T_INT(last, 1000);
		T_CODE(peal_db_exec(NULL, "SELECT 1", NULL, NULL, NULL), PEAL_ETRANSACTION);
	}
	T_CODE(r, PEAL_EDB);
	T_INT(COUNT("pg_cursors WHERE name <> ''"), 0);
	end_models(db);
}

static void kill_the_connection(void)
{
	struct peal_error error = { 0 };
	struct peal_cursor *cursor;
	const struct peal_value *values;
	char sql[80];

	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%ld, 5000)::int",
		 (long)number_of("SELECT pg_backend_pid()"));
	T_OK(peal_db_query("other", sql, NULL, &cursor, &error));
	T_OK(peal_cursor_next(cursor, &values, &error));
	T_INT(values[0].as.integer, 1);
	peal_cursor_free(cursor);
}

TEST(connection_that_is_lost)
{
	struct peal_db *db = begin_people(on_server() ? PEOPLE : 1, ""), *other;
	struct peal_error error = { 0 };
	struct peal_instance *instance;
	struct peal_stream *stream;
	char url[600];
	int r;

	if (!on_server()) {
		end_models(db);
		return;
	}
	snprintf(url, sizeof(url), "postgresql:%s", db->url);
	T_OK(peal_db_open_with(url, &(struct peal_db_options){ .alias = "other" }, &other, &error));
	for (int renewed = 0; renewed < 2; renewed++) {
		stream = stream_of_people();
		read_from(stream, 0, 1000);
		kill_the_connection();
		if (renewed)
			T_INT(COUNT("lab_person"), PEOPLE);
		T_CODE(peal_stream_next(stream, &instance, &error), PEAL_ECONNECTION);
		T_HAS(error.message, "was lost");
		T_CODE(peal_stream_next(stream, &instance, &error), PEAL_DONE);
		peal_stream_free(stream);
		T_INT(COUNT("lab_person"), PEOPLE);
	}
	PEAL_ATOMIC(r, &error) {
		stream = stream_of_people();
		read_from(stream, 0, 1000);
		kill_the_connection();
		r = peal_stream_next(stream, &instance, &error);
		T_CODE(r, PEAL_ECONNECTION);
		peal_stream_free(stream);
	}
	T_CODE(r, PEAL_ECONNECTION);
	T_INT(COUNT("lab_person"), PEOPLE);
	peal_db_close(other);
	end_models(db);
}

/* The columns have changed since the statement was prepared. */
TEST(table_that_has_changed)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	int64_t last;

	if (on_server()) {
		exec("CREATE TABLE t (a smallint)");
		exec("INSERT INTO t VALUES (7)");
		T_CODE(read_numbers("SELECT * FROM t", &last, &error), PEAL_DONE);
		exec("ALTER TABLE t ALTER a TYPE bigint");
		T_CODE(read_numbers("SELECT * FROM t", &last, &error), PEAL_EDB);
		T_HAS(error.message, "run it again");
		T_CODE(read_numbers("SELECT * FROM t", &last, &error), PEAL_DONE);
		T_INT(last, 7);
		T_INT(COUNT("pg_cursors WHERE name <> ''"), 0);
	}
	end_models(db);
}
