/* SPDX-License-Identifier: MIT */
/* What only a server can do to us: refuse, answer late, close a connection; and the exact values of its types. */
#include "fixture.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sys/wait.h>

static void kill_backend(int64_t pid)
{
	char sql[80];

	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%ld, 5000)::int", (long)pid);
	T_INT(number_on("other", sql), 1);
}

/* ---- Opening ------------------------------------------------------------------------------------------------------ */

TEST(urls_that_are_wrong)
{
	static const struct {
		const char *url;
		int code;
		const char *sqlstate, *message;
	} cases[] = {
		{ "postgresql:school", PEAL_EINVAL, "", "postgresql://USER@HOST:PORT/DATABASE" },
		{ "postgresql:///x?nonsense=1", PEAL_EINVAL, "", "nonsense" },
		{ "postgres://me:s3cret@[::1/x", PEAL_EINVAL, "", "postgresql://USER@HOST" },
		{ "postgres://me:s3cret@localhost:99999/x", PEAL_ECONNECTION, "08001", "99999" },
		{ "postgresql://127.0.0.1:1/school", PEAL_ECONNECTION, "08001", "127.0.0.1:1" },
		{ "postgresql:///school?host=/no/such/folder", PEAL_ECONNECTION, "08001",
		  "/no/such/folder" },
	};
	struct peal_db *db;

	for (size_t i = 0; i < PEAL_COUNTOF(cases); i++) {
		struct peal_error error = { 0 };

		T_CODE(peal_db_open(cases[i].url, &db, &error), cases[i].code);
		T_HAS(error.message, cases[i].message);
		T_STR(error.sqlstate, cases[i].sqlstate);
		T_TRUE(!strstr(error.message, "s3cret"));
		T_PTR(peal_db_get(NULL), NULL);
	}
}

TEST(database_or_user_that_is_not_there)
{
	const char *folder = strstr(server_url(), "host=");
	struct peal_error error = { 0 };
	struct peal_db *db;
	char url[400];

	snprintf(url, sizeof(url), "postgresql://peal@/no_school?%s", folder);
	T_CODE(peal_db_open(url, &db, &error), PEAL_ECONNECTION);
	T_STR(error.sqlstate, "3D000");
	T_HAS(error.message, "\"no_school\"");
	T_HAS(error.message, "createdb");
	snprintf(url, sizeof(url), "postgresql://nobody_here@/postgres?%s", folder);
	T_CODE(peal_db_open(url, &db, &error), PEAL_ECONNECTION);
	T_STR(error.sqlstate, "28000");
	T_HAS(error.message, "nobody_here");
	T_HAS(error.message, "pg_hba.conf");
}

TEST(settings_of_a_connection)
{
	struct peal_db *db = NULL;
	struct peal_error error = { 0 };

	T_OK(peal_db_open_with(database_url(),
			       &(struct peal_db_options){ .busy_timeout_ms = 1234,
							  .statement_timeout_ms = 4321,
							  .read_only = true },
			       &db, &error));
	T_STR(peal_db_vendor(db), "postgresql");
	T_INT(number_of(
		      "SELECT count(*) FROM pg_settings WHERE (name, setting) IN (('TimeZone', 'UTC'),"
		      " ('lock_timeout', '1234'), ('statement_timeout', '4321'), ('client_encoding', 'UTF8'),"
		      " ('application_name', 'peal'), ('default_transaction_read_only', 'on'))"),
	      6);
	T_CODE(peal_db_exec(NULL, "CREATE TABLE t (a integer)", NULL, NULL, &error), PEAL_EDB);
	T_STR(error.sqlstate, "25006");
	peal_db_close(db);
}

/* ---- Values ------------------------------------------------------------------------------------------------------- */

/* The value that comes back of a parameter, cast to a type; it stays good until the next call. */
static struct peal_value back(const char *type, struct peal_value value)
{
	static char texts[4096];
	static struct peal_cursor *cursor;
	const struct peal_value *values;
	struct peal_error error = { 0 };
	struct peal_value result;
	char sql[80];

	snprintf(sql, sizeof(sql), "SELECT $1::%s", type);
	if (peal_db_query(NULL, sql, PEAL_PARAMS(value), &cursor, &error) != 0 ||
	    peal_cursor_next(cursor, &values, &error) != 0)
		T_FAIL("%s", error.message);
	result = values[0];
	if (result.kind == PEAL_VALUE_TEXT || result.kind == PEAL_VALUE_BYTES) {
		T_TRUE(result.as.text.size < sizeof(texts));
		memcpy(texts, result.as.text.data, result.as.text.size);
		texts[result.as.text.size] = '\0';
		result.as.text.data = texts;
	}
	peal_cursor_free(cursor);
	return result;
}

static void same(const char *type, struct peal_value value)
{
	T_TRUE(peal_value_equal(back(type, value), value));
}

TEST(numbers_are_exact)
{
	static const double reals[] = { 0.0,    0.1,      -1.0 / 3, DBL_MAX,  DBL_MIN,
					5e-324, -DBL_MAX, 1e22,     INFINITY, -INFINITY };
	struct peal_db *db = open_database();

	same("smallint", PEAL_INT(INT16_MIN));
	same("smallint", PEAL_INT(INT16_MAX));
	same("integer", PEAL_INT(INT32_MIN));
	same("integer", PEAL_INT(INT32_MAX));
	same("bigint", PEAL_INT(INT64_MIN));
	same("bigint", PEAL_INT(INT64_MAX));
	same("oid", PEAL_INT(UINT32_MAX));
	same("boolean", PEAL_BOOL(true));
	same("boolean", PEAL_BOOL(false));
	same("boolean", PEAL_NULL);
	for (size_t i = 0; i < PEAL_COUNTOF(reals); i++) {
		same("double precision", PEAL_REAL(reals[i]));
		T_STR(back("double precision::text::double precision::text", PEAL_REAL(reals[i]))
			      .as.text.data,
		      back("double precision::text", PEAL_REAL(reals[i])).as.text.data);
	}
	T_TRUE(isnan(back("double precision", PEAL_REAL(NAN)).as.real));
	same("real", PEAL_REAL(0.25));
	T_STR(back("numeric", PEAL_INT(INT64_MIN)).as.text.data, "-9223372036854775808");
	T_STR(back("numeric", PEAL_REAL(0.1)).as.text.data, "0.1");
	peal_db_close(db);
}

TEST(decimals_are_exact)
{
	static const char *const decimals[] = {
		"0",
		"0.00",
		"1",
		"-1",
		"10000",
		"100000000",
		"9999.9999",
		"0.0001",
		"0.00000001",
		"-0.000000010000",
		"12345678901234567890123456789012345678901234567890.000000000000000000000000000001",
		"NaN",
		"Infinity",
		"-Infinity",
	};
	struct peal_db *db = open_database();

	for (size_t i = 0; i < PEAL_COUNTOF(decimals); i++)
		T_STR(back("numeric", PEAL_TEXT(decimals[i])).as.text.data, decimals[i]);
	peal_db_close(db);
}

/* The value as peal_value_format() writes it. */
static const char *written(const char *type, struct peal_value value)
{
	static char text[100];

	return peal_value_format(back(type, value), text, sizeof(text));
}

TEST(texts_and_bytes_are_exact)
{
	static const char *const texts[] = {
		"",
		"'; DROP TABLE t; --",
		"\"quoted\" and \\back\\slashed\\",
		"J\xc3\xb3zef \xe2\x82\xac \xf0\x9f\x94\x94",
		"$1 ? :a %s",
		"\\x41",
		"line\nline\r\t\x01",
	};
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	char bytes[256];

	for (size_t i = 0; i < PEAL_COUNTOF(texts); i++) {
		same("text", PEAL_TEXT(texts[i]));
		same("varchar(50)", PEAL_TEXT(texts[i]));
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	same("bytea", PEAL_BYTES(bytes, sizeof(bytes)));
	same("bytea", PEAL_BYTES("", 0));
	T_STR(back("uuid", PEAL_TEXT("00112233-4455-6677-8899-AABBCCDDEEFF")).as.text.data,
	      "00112233-4455-6677-8899-aabbccddeeff");
	T_STR(back("jsonb", PEAL_TEXT("{\"b\":1}")).as.text.data, "{\"b\": 1}");
	T_STR(back("json", PEAL_TEXT("{\"b\":1}")).as.text.data, "{\"b\":1}");
	T_STR(written("interval", PEAL_TEXT("90 minutes")), "01:30:00");
	T_STR(written("date", PEAL_TEXT("2026-03-01")), "2026-03-01");

	/* Refused before the server sees it, and refused by the server. */
	T_CODE(peal_db_exec(NULL, "SET peal.a = 'x'", NULL, NULL, &error), 0);
	exec("CREATE TABLE t (a text, b varchar(3), c smallint)");
	T_CODE(peal_db_exec(NULL, "INSERT INTO t (a) VALUES ($1)",
			    PEAL_PARAMS((struct peal_value){ .kind = PEAL_VALUE_TEXT,
							     .as = { .text = { "a\0b", 3 } } }),
			    NULL, &error),
	       PEAL_ETYPE);
	T_STR(error.sqlstate, "22021");
	T_CODE(peal_db_exec(NULL, "INSERT INTO t (a) VALUES ($1)", PEAL_PARAMS(PEAL_TEXT("\xc3(")),
			    NULL, &error),
	       PEAL_ETYPE);
	T_STR(error.sqlstate, "22021");
	T_CODE(peal_db_exec(NULL, "INSERT INTO t (b) VALUES ($1)", PEAL_PARAMS(PEAL_TEXT("four")),
			    NULL, &error),
	       PEAL_ETYPE);
	T_STR(error.sqlstate, "22001");
	T_CODE(peal_db_exec(NULL, "INSERT INTO t (c) VALUES ($1)", PEAL_PARAMS(PEAL_INT(40000)),
			    NULL, &error),
	       PEAL_ETYPE);
	T_STR(error.sqlstate, "22003");
	T_CODE(peal_db_exec(NULL, "INSERT INTO t (c) VALUES ($1)", PEAL_PARAMS(PEAL_TEXT("x")),
			    NULL, &error),
	       PEAL_ETYPE);
	T_STR(error.sqlstate, "22P02");
	T_CODE(peal_db_exec(NULL, "INSERT INTO t (a) VALUES ($1)", PEAL_PARAMS(PEAL_BYTES("x", 1)),
			    NULL, &error),
	       PEAL_ETYPE);
	T_CODE(peal_db_exec(NULL, "INSERT INTO t (a) VALUES ($1)",
			    PEAL_PARAMS(PEAL_TEXT("a"), PEAL_TEXT("b")), NULL, &error),
	       PEAL_EINVAL);
	T_STR(error.sqlstate, "07001");
	T_INT(number_of("SELECT count(*) FROM t"), 0);
	peal_db_close(db);
}

TEST(times_are_exact)
{
	static const int64_t times[] = { 0,
					 1,
					 -1,
					 INT64_C(1772357400123456),
					 INT64_C(-62135596800000000),
					 INT64_C(253402300799999999),
					 INT64_C(9000000000000000000),
					 INT64_C(-210000000000000000),
					 INT64_MAX,
					 INT64_MIN };
	struct peal_db *db = open_database();

	for (size_t i = 0; i < PEAL_COUNTOF(times); i++)
		same("timestamptz", PEAL_TIME(times[i]));
	exec("SET TIME ZONE 'Asia/Kolkata'");
	same("timestamptz", PEAL_TIME(INT64_C(1772357400123456)));
	exec("SET TIME ZONE 'UTC'");
	T_STR(back("timestamptz::text", PEAL_TIME(INT64_C(1772357400123456))).as.text.data,
	      "2026-03-01 09:30:00.123456+00");
	T_STR(back("timestamptz::text", PEAL_TIME(INT64_MAX)).as.text.data, "infinity");
	T_STR(back("text", PEAL_TIME(0)).as.text.data, "1970-01-01 00:00:00+00");
	peal_db_close(db);
}

/* Columns of types that we do not know make all of the row come as text. */
TEST(rows_as_text)
{
	struct peal_db *db = open_database();
	const struct peal_value *values;
	struct peal_cursor *cursor;

	T_OK(peal_db_query(NULL,
			   "SELECT ARRAY[1, 2], true, -5::bigint, 0.1::float8, '\\x00ff'::bytea,"
			   " '2026-03-01 09:30:00.5+00'::timestamptz, 2.50, NULL, 'x'",
			   NULL, &cursor, NULL));
	T_OK(peal_cursor_next(cursor, &values, NULL));
	T_STR(values[0].as.text.data, "{1,2}");
	T_TRUE(peal_value_equal(values[1], PEAL_BOOL(true)));
	T_TRUE(peal_value_equal(values[2], PEAL_INT(-5)));
	T_TRUE(peal_value_equal(values[3], PEAL_REAL(0.1)));
	T_TRUE(peal_value_equal(values[4], PEAL_BYTES("\0\xff", 2)));
	T_TRUE(peal_value_equal(values[5], PEAL_TIME(INT64_C(1772357400500000))));
	T_STR(values[6].as.text.data, "2.50");
	T_INT(values[7].kind, PEAL_VALUE_NULL);
	T_STR(values[8].as.text.data, "x");
	peal_cursor_free(cursor);
	peal_db_close(db);
}

/* ---- Errors ------------------------------------------------------------------------------------------------------- */

static void violates(const char *sql, const char *sqlstate, const char *field)
{
	struct peal_error error = { 0 };

	T_CODE(peal_db_exec(NULL, sql, NULL, NULL, &error), PEAL_EINTEGRITY);
	T_STR(error.sqlstate, sqlstate);
	T_STR(error.field, field);
}

TEST(constraints_name_their_column)
{
	struct peal_db *db = open_database();

	exec("CREATE TABLE parent (id integer PRIMARY KEY, \"Odd name\" integer UNIQUE)");
	exec("CREATE TABLE t (a integer UNIQUE, b integer NOT NULL DEFAULT 0, c integer CONSTRAINT small CHECK (c < 9),"
	     " d integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED, UNIQUE (b, c))");
	exec("INSERT INTO parent VALUES (1, 1)");
	exec("INSERT INTO t VALUES (1, 1, 1, 1)");
	violates("INSERT INTO t (a) VALUES (1)", "23505", "a");
	violates("INSERT INTO t (b, c) VALUES (1, 1)", "23505", "t_b_c_key");
	violates("INSERT INTO t (b) VALUES (NULL)", "23502", "b");
	violates("INSERT INTO t (c) VALUES (10)", "23514", "small");
	violates("INSERT INTO t (d) VALUES (7)", "23503", "d");
	violates("INSERT INTO parent VALUES (2, 1)", "23505", "Odd name");
	violates("DELETE FROM parent", "23503", "id");
	T_INT(number_of("SELECT count(*) FROM t"), 1);
	peal_db_close(db);
}

TEST(failed_statement_ends_the_transaction)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	struct peal_cursor *cursor;
	const struct peal_value *values;
	int r, inner = 0;

	exec("CREATE TABLE t (a integer)");
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (1)");
		PEAL_ATOMIC(inner, NULL) {
			T_OK(peal_db_query(NULL, "SELECT 1 / (a - 1) FROM t", NULL, &cursor,
					   &error));
			T_CODE(peal_cursor_next(cursor, &values, &error), PEAL_EDB);
			T_STR(error.sqlstate, "22012");
			peal_cursor_free(cursor);
			T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (2)", NULL, NULL, &error),
			       PEAL_ETRANSACTION);
		}
		T_CODE(inner, PEAL_ETRANSACTION);
		exec("INSERT INTO t VALUES (3)");
	}
	T_OK(r);
	T_INT(number_of("SELECT sum(a) FROM t"), 4);
	/* Behind our back: COMMIT is answered by ROLLBACK, without an error of the server. */
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (5)");
		T_OK(peal_db_query(NULL, "SELECT 1 / 0", NULL, &cursor, NULL));
		T_CODE(peal_cursor_next(cursor, &values, NULL), PEAL_EDB);
		peal_cursor_free(cursor);
		T_CODE(peal_set_rollback(NULL, false), 0);
	}
	T_CODE(r, PEAL_ETRANSACTION);
	T_INT(number_of("SELECT count(*) FROM t"), 2);
	peal_db_close(db);
}

/* At a statement, and at the commit: what a server says whose disk is full. */
TEST(disk_of_the_server_is_full)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	int r;

	exec("CREATE TABLE t (a integer)");
	exec("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
	     " 'BEGIN RAISE EXCEPTION ''could not extend file: No space left on device'' USING ERRCODE = "
	     "''53100''; END'");
	exec("INSERT INTO t VALUES (1)");
	for (int deferred = 0; deferred < 2; deferred++) {
		exec(deferred ? "CREATE CONSTRAINT TRIGGER full_now AFTER INSERT ON t DEFERRABLE"
				" INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION full_disk()"
			      : "CREATE TRIGGER full_now BEFORE INSERT ON t"
				" FOR EACH ROW EXECUTE FUNCTION full_disk()");
		T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (2)", NULL, NULL, &error),
		       PEAL_EDB);
		T_STR(error.sqlstate, "53100");
		PEAL_ATOMIC(r, &error) {
			r = peal_db_exec(NULL, "INSERT INTO t VALUES (3)", NULL, NULL, &error);
			T_CODE(r, deferred ? 0 : PEAL_EDB);
		}
		T_CODE(r, PEAL_EDB);
		T_STR(error.sqlstate, "53100");
		T_HAS(error.message, "No space left on device");
		T_INT(number_of("SELECT count(*) FROM t"), 1);
		exec("DROP TRIGGER full_now ON t");
	}
	exec("INSERT INTO t VALUES (4)");
	T_INT(number_of("SELECT count(*) FROM t"), 2);
	peal_db_close(db);
}

/* As a full disk gives it, with what to do about it. */
TEST(lack_of_room_comes_with_its_remedy)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };

	T_CODE(peal_db_exec(NULL,
			    "DO $$ BEGIN RAISE disk_full USING MESSAGE = 'no space', "
			    "HINT = 'Make room.'; END $$",
			    NULL, NULL, &error),
	       PEAL_EDB);
	T_STR(error.sqlstate, "53100");
	T_HAS(error.message, "no space: Make room.");
	peal_db_close(db);
}

TEST(plan_that_is_out_of_date)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	struct peal_cursor *cursor;
	const struct peal_value *values;

	exec("CREATE TABLE t (a smallint)");
	exec("INSERT INTO t VALUES (1)");
	T_INT(number_of("SELECT a FROM t"), 1);
	exec("ALTER TABLE t ALTER a TYPE bigint");
	T_INT(number_of("SELECT a FROM t"), 1);
	T_INT(number_of("SELECT * FROM t"), 1);
	exec("ALTER TABLE t ADD b integer");
	T_OK(peal_db_query(NULL, "SELECT * FROM t", NULL, &cursor, &error));
	T_UINT(peal_cursor_width(cursor), 1);
	T_CODE(peal_cursor_next(cursor, &values, &error), PEAL_EDB);
	T_HAS(error.message, "run it again");
	peal_cursor_free(cursor);
	T_OK(peal_db_query(NULL, "SELECT * FROM t", NULL, &cursor, &error));
	T_UINT(peal_cursor_width(cursor), 2);
	T_OK(peal_cursor_next(cursor, &values, &error));
	peal_cursor_free(cursor);
	exec("DEALLOCATE ALL");
	T_INT(number_of("SELECT a FROM t"), 1);
	peal_db_close(db);
}

TEST(time_outs)
{
	struct peal_db *db = NULL, *other;
	struct peal_error error = { 0 };
	int64_t start;
	int r, inner = 0;

	T_OK(peal_db_open_with(
		database_url(),
		&(struct peal_db_options){ .busy_timeout_ms = 50, .statement_timeout_ms = 200 },
		&db, &error));
	other = open_url(database_url(), "other");
	exec("CREATE TABLE t (a integer)");
	start = test_clock_ns();
	T_CODE(peal_db_exec(NULL, "DO $$ BEGIN PERFORM pg_sleep(30); END $$", NULL, NULL, &error),
	       PEAL_ECANCELED);
	T_STR(error.sqlstate, "57014");
	T_TRUE(test_clock_ns() - start < INT64_C(10000000000));
	PEAL_ATOMIC_WITH(r, NULL, .database = "other") {
		T_OK(peal_db_exec("other", "LOCK TABLE t", NULL, NULL, NULL));
		PEAL_ATOMIC(inner, NULL) {
			inner = peal_db_exec(NULL, "INSERT INTO t VALUES (1)", NULL, NULL, &error);
		}
		T_CODE(inner, PEAL_EBUSY);
		T_STR(error.sqlstate, "55P03");
	}
	T_OK(r);
	T_INT(number_of("SELECT count(*) FROM t"), 0);
	peal_db_close(other);
	peal_db_close(db);
}

/* ---- Rows as they come -------------------------------------------------------------------------------------------- */

TEST(rows_are_streamed)
{
	struct peal_db *db = open_database();
	const struct peal_value *values;
	struct peal_cursor *outer;
	struct peal_error error = { 0 };
	int64_t sum = 0, count = 0;
	int r;

	T_OK(peal_db_query(NULL, "SELECT n FROM generate_series(1, 2000) n", NULL, &outer, &error));
	while (peal_cursor_next(outer, &values, &error) == 0) {
		sum += values[0].as.integer;
		/* The connection is needed in the middle: the rest of the rows is put aside. */
		if (++count % 500 == 0)
			T_INT(number_of("SELECT count(*) FROM generate_series(1, 10)"), 10);
	}
	peal_cursor_free(outer);
	T_INT(sum, 2001000);
	/* An error behind the first rows, and a cursor that is left early. */
	T_OK(peal_db_query(NULL, "SELECT 1 / (n - 3) FROM generate_series(1, 5) n", NULL, &outer,
			   &error));
	T_OK(peal_cursor_next(outer, &values, &error));
	T_INT(number_of("SELECT 7"), 7);
	T_OK(peal_cursor_next(outer, &values, &error));
	T_CODE(peal_cursor_next(outer, &values, &error), PEAL_EDB);
	T_STR(error.sqlstate, "22012");
	T_CODE(peal_cursor_next(outer, &values, &error), PEAL_DONE);
	peal_cursor_free(outer);
	PEAL_ATOMIC(r, &error) {
		T_OK(peal_db_query(NULL, "SELECT n FROM generate_series(1, 5) n", NULL, &outer,
				   &error));
		T_OK(peal_cursor_next(outer, &values, &error));
		peal_cursor_free(outer);
		T_OK(peal_db_query(NULL, "SELECT n FROM generate_series(1, 5) n", NULL, &outer,
				   &error));
		T_OK(peal_cursor_next(outer, &values, &error));
	}
	T_OK(r);
	T_OK(peal_cursor_next(outer, &values, &error));
	T_INT(values[0].as.integer, 2);
	peal_cursor_free(outer);
	peal_db_close(db);
}

TEST(statements_that_are_forgotten)
{
	struct peal_db *db = open_database();
	char sql[64];
	int r;

	for (int i = 0; i < 400; i++) {
		snprintf(sql, sizeof(sql), "SELECT %d", i);
		T_INT(number_of(sql), i);
	}
	T_TRUE(number_of("SELECT count(*) FROM pg_prepared_statements") < 160);
	PEAL_ATOMIC(r, NULL) {
		for (int i = 400; i < 1200; i++) {
			snprintf(sql, sizeof(sql), "SELECT %d", i);
			T_INT(number_of(sql), i);
		}
	}
	T_OK(r);
	T_TRUE(number_of("SELECT count(*) FROM pg_prepared_statements") < 400);
	peal_db_close(db);
}

/* ---- Connections that are lost -------------------------------------------------------------------------------------- */

static int count_created(struct peal_call *call, const struct peal_connection_created_args *args)
{
	(void)args;
	++*(int *)call->user;
	return 0;
}

static void killed_between_statements(uint32_t max_connections)
{
	struct peal_db *other = open_url(database_url(), "other"), *db;
	int created = 0;

	T_OK(peal_db_open_with(database_url(),
			       &(struct peal_db_options){ .max_connections = max_connections }, &db,
			       NULL));
	exec("CREATE TABLE t (a integer)");
	T_INT(number_of("SELECT count(*) FROM t"), 0);
	T_OK(PEAL_CONNECT(peal_connection_created, count_created, .user = &created));
	for (int i = 1; i <= 3; i++) {
		kill_backend(number_of("SELECT pg_backend_pid()"));
		exec("INSERT INTO t VALUES (1)");
		T_INT(number_of("SELECT count(*) FROM t"), i);
		T_INT(created, i);
	}
	T_OK(PEAL_DISCONNECT(peal_connection_created, count_created, .user = &created));
	exec("DROP TABLE t");
	peal_db_close(other);
	peal_db_close(db);
}

TEST(backend_killed_between_statements)
{
	killed_between_statements(0);
	killed_between_statements(1);
}

static void killed_inside_a_block(uint32_t max_connections)
{
	struct peal_db *other = open_url(database_url(), "other"), *db;
	struct peal_error error = { 0 };
	int r, inner = 0;

	T_OK(peal_db_open_with(database_url(),
			       &(struct peal_db_options){ .max_connections = max_connections }, &db,
			       NULL));
	exec("CREATE TABLE t (a integer)");
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (1)");
		PEAL_ATOMIC(inner, NULL) {
			kill_backend(number_of("SELECT pg_backend_pid()"));
			inner = peal_db_exec(NULL, "INSERT INTO t VALUES (2)", NULL, NULL, &error);
			T_CODE(inner, PEAL_ECONNECTION);
			T_TRUE(!strcmp(error.sqlstate, "57P01") ||
			       !strcmp(error.sqlstate, "08006"));
		}
		T_CODE(inner, PEAL_ECONNECTION);
		/* Nothing happens by accident on a new connection, outside of the transaction. */
		T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (3)", NULL, NULL, &error),
		       PEAL_ETRANSACTION);
	}
	T_CODE(r, PEAL_ETRANSACTION);
	T_INT(number_of("SELECT count(*) FROM t"), 0);
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (4)");
		kill_backend(number_of("SELECT pg_backend_pid()"));
	}
	T_CODE(r, PEAL_ECONNECTION);
	T_INT(number_of("SELECT count(*) FROM t"), 0);
	exec("DROP TABLE t");
	peal_db_close(other);
	peal_db_close(db);
}

TEST(backend_killed_inside_a_block)
{
	killed_inside_a_block(0);
	killed_inside_a_block(1);
}

TEST(backend_killed_under_a_cursor)
{
	struct peal_db *db = open_database(), *other = open_url(database_url(), "other");
	const struct peal_value *values;
	struct peal_cursor *cursor;
	struct peal_error error = { 0 };
	int64_t pid = number_of("SELECT pg_backend_pid()");
	int r = 0;

	T_OK(peal_db_query(NULL, "SELECT n, repeat('x', 1000) FROM generate_series(1, 100000) n",
			   NULL, &cursor, &error));
	T_OK(peal_cursor_next(cursor, &values, &error));
	kill_backend(pid);
	while (r == 0)
		r = peal_cursor_next(cursor, &values, &error);
	T_CODE(r, PEAL_ECONNECTION);
	peal_cursor_free(cursor);
	T_TRUE(number_of("SELECT pg_backend_pid()") != pid);
	peal_db_close(other);
	peal_db_close(db);
}

static void *use_in_thread(void *result)
{
	struct peal_error error = { 0 };
	int r = 0;

	for (int i = 0; i < 50 && r == 0; i++) {
		PEAL_ATOMIC(r, &error) {
			r = peal_db_exec(NULL, "UPDATE t SET a = a + 1", NULL, NULL, &error);
		}
	}
	*(int *)result = r;
	return NULL;
}

TEST(threads)
{
	struct peal_db *db = open_database();
	pthread_t threads[8];
	int results[8];

	exec("CREATE TABLE t (a integer)");
	exec("INSERT INTO t VALUES (0)");
	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++)
		T_INT(pthread_create(&threads[i], NULL, use_in_thread, &results[i]), 0);
	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++) {
		T_INT(pthread_join(threads[i], NULL), 0);
		T_OK(results[i]);
	}
	T_INT(number_of("SELECT a FROM t"), 400);
	peal_db_close(db);
}

TEST(child_of_fork_leaves_the_connection_alone)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	int64_t backend = number_of("SELECT pg_backend_pid()");
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int r = peal_db_exec(NULL, "SELECT 1", NULL, NULL, &error);

		peal_db_close(db);
		_exit(r == PEAL_EFORK ? 0 : 1);
	}
	T_SYS(waitpid(pid, &status, 0));
	T_INT(status, 0);
	T_INT(number_of("SELECT pg_backend_pid()"), backend);
	peal_db_close(db);
}
