/* SPDX-License-Identifier: MIT */
/* Databases, SQL, transactions and what runs after a commit. */
#include "fixture.h"

#include "timestamp.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

TEST(url_that_no_driver_knows)
{
	struct peal_error error = { 0 };
	struct peal_db *db;

	T_CODE(peal_db_open("mysql://x", &db, &error), PEAL_EINVAL);
	T_HAS(error.message, "mysql://x");
	T_HAS(error.message, "sqlite:PATH");
	T_CODE(peal_db_open("sqlite:", &db, &error), PEAL_EINVAL);
	T_CODE(peal_db_open("sqlite::what", &db, &error), PEAL_EINVAL);
	T_PTR(peal_db_get(NULL), NULL);
}

TEST(file_that_cannot_be_opened)
{
	struct peal_error error = { 0 };
	struct peal_db *db;
	char url[512];

	T_CODE(peal_db_open("sqlite:/no/such/folder/x.db", &db, &error), PEAL_ECONNECTION);
	T_HAS(error.message, "/no/such/folder/x.db");
	snprintf(url, sizeof(url), "sqlite:%s", test_path(test_tmpdir(), "text.db"));
	test_write_file(url + 7, "this is not a database, and long enough to be seen as such", 58);
	T_CODE(peal_db_open(url, &db, &error), PEAL_ECONNECTION);
	T_HAS(error.message, "text.db");
}

TEST(file_is_read_only)
{
	struct peal_error error = { 0 };
	struct peal_db *db;
	char url[512];

	snprintf(url, sizeof(url), "sqlite:%s", test_path(test_tmpdir(), "x.db"));
	T_OK(peal_db_open(url, &db, &error));
	exec("CREATE TABLE t (a integer)");
	peal_db_close(db);
	T_OK(peal_db_open_with(url, &(struct peal_db_options){ .read_only = true }, &db, &error));
	T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (1)", NULL, NULL, &error), PEAL_EDB);
	T_STR(error.sqlstate, "25006");
	T_INT(number_of("SELECT count(*) FROM t"), 0);
	peal_db_close(db);
}

TEST(aliases)
{
	struct peal_error error = { 0 };
	struct peal_db *db = open_database(), *other;

	T_STR(peal_db_alias(db), "default");
	T_STR(peal_db_vendor(db), runs_on("postgresql") ? "postgresql" : "sqlite");
	T_PTR(peal_db_get("default"), db);
	T_CODE(peal_db_open("sqlite::memory:", &other, &error), PEAL_EBUSY);
	T_OK(peal_db_open_with("sqlite::memory:", &(struct peal_db_options){ .alias = "other" },
			       &other, &error));
	exec("CREATE TABLE t (a integer)");
	T_CODE(peal_db_exec("other", "INSERT INTO t VALUES (1)", NULL, NULL, &error), PEAL_EDB);
	T_CODE(peal_db_exec("third", "SELECT 1", NULL, NULL, &error), PEAL_EINVAL);
	T_HAS(error.message, "third");
	peal_db_close(other);
	peal_db_close(db);
	peal_db_close(NULL);
}

static int count_created(struct peal_call *call, const struct peal_connection_created_args *args)
{
	T_PTR(call->sender, args->db);
	T_STR(args->database, "default");
	++*(int *)call->user;
	return 0;
}

static void *use_in_thread(void *unused)
{
	T_INT(number_of("SELECT count(*) FROM t"), 1);
	return unused;
}

TEST(each_thread_has_its_connection)
{
	struct peal_db *db;
	pthread_t thread;
	int created = 0;

	database_url();
	T_OK(PEAL_CONNECT(peal_connection_created, count_created, .user = &created));
	db = open_database();
	exec("CREATE TABLE t (a integer)");
	exec("INSERT INTO t VALUES (1)");
	for (int i = 0; i < 3; i++) {
		T_INT(pthread_create(&thread, NULL, use_in_thread, NULL), 0);
		T_INT(pthread_join(thread, NULL), 0);
	}
	T_INT(created, 2); /* the second and third thread took over the connection of the first */
	peal_db_close(db);
	T_OK(PEAL_DISCONNECT(peal_connection_created, count_created, .user = &created));
}

static void *write_rows(void *unused)
{
	struct peal_error error = { 0 };
	int r;

	for (int i = 0; i < 25; i++) {
		PEAL_ATOMIC(r, &error) {
			exec("UPDATE t SET a = a + 1");
			exec("INSERT INTO t VALUES (1000)");
		}
		if (r != 0)
			T_FAIL("%s", error.message);
		exec("UPDATE t SET a = a + 1 WHERE a < 1000");
	}
	return unused;
}

/* Of the same file, each on its own connection: nobody is turned away, and nothing is lost. */
TEST(writers_take_turns)
{
	const char *path = test_path(test_tmpdir(), "shared.db");
	pthread_t threads[4];
	struct peal_db *db;
	char url[512];

	snprintf(url, sizeof(url), "sqlite:%s", path);
	T_OK(peal_db_open(url, &db, NULL));
	exec("CREATE TABLE t (a integer)");
	exec("INSERT INTO t VALUES (0)");
	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++)
		T_INT(pthread_create(&threads[i], NULL, write_rows, NULL), 0);
	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++)
		T_INT(pthread_join(threads[i], NULL), 0);
	T_INT(number_of("SELECT count(*) FROM t"), 101);
	T_INT(number_of("SELECT min(a) FROM t"), 200);
	peal_db_close(db);
}

TEST(child_of_fork_is_refused)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(peal_db_exec(NULL, "SELECT 1", NULL, NULL, &error) == PEAL_EFORK ? 0 : 1);
	T_SYS(waitpid(pid, &status, 0));
	T_INT(status, 0);
	T_INT(number_of("SELECT 1"), 1);
	peal_db_close(db);
}

/* ---- SQL ---------------------------------------------------------------------------------------------------------- */

TEST(values_are_bound)
{
	static const char text[] = "x'); DROP TABLE t; --";
	struct peal_db *db = open_database();
	const struct peal_value *values;
	struct peal_cursor *cursor;
	struct peal_error error = { 0 };
	int64_t changes;

	exec(runs_on("postgresql")
		     ? "CREATE TABLE t (a text, b bigint, c double precision, d bytea, e text)"
		     : "CREATE TABLE t (a text, b bigint, c double precision, d blob, e text)");
	T_OK(peal_db_exec(NULL, "INSERT INTO t VALUES ($1, $2, $3, $4, $5)",
			  PEAL_PARAMS(PEAL_TEXT(text), PEAL_INT(INT64_MIN), PEAL_REAL(0.5),
				      PEAL_BYTES("\0a", 2), PEAL_NULL),
			  &changes, &error));
	T_INT(changes, 1);
	T_OK(peal_db_query(NULL, "SELECT a, b, c, d, e FROM t WHERE a = $1",
			   PEAL_PARAMS(PEAL_TEXT(text)), &cursor, &error));
	T_UINT(peal_cursor_width(cursor), 5);
	T_OK(peal_cursor_next(cursor, &values, &error));
	T_STR(values[0].as.text.data, text);
	T_INT(values[1].as.integer, INT64_MIN);
	T_DOUBLE(values[2].as.real, 0.5);
	T_UINT(values[3].as.text.size, 2);
	T_MEM(values[3].as.text.data, "\0a", 2);
	T_INT(values[4].kind, PEAL_VALUE_NULL);
	T_CODE(peal_cursor_next(cursor, &values, &error), PEAL_DONE);
	T_CODE(peal_cursor_next(cursor, &values, &error), PEAL_DONE);
	peal_cursor_free(cursor);
	peal_db_close(db);
}

TEST(cursor_keeps_its_parameters)
{
	struct peal_db *db = open_database();
	const struct peal_value *values;
	struct peal_cursor *cursor;
	char text[] = "b";

	exec("CREATE TABLE t (a text)");
	exec("INSERT INTO t VALUES ('a'), ('b'), ('c')");
	T_OK(peal_db_query(NULL, "SELECT a FROM t WHERE a >= $1 ORDER BY a",
			   PEAL_PARAMS(PEAL_TEXT(text)), &cursor, NULL));
	text[0] = 'z';
	T_OK(peal_cursor_next(cursor, &values, NULL));
	T_STR(values[0].as.text.data, "b");
	T_OK(peal_cursor_next(cursor, &values, NULL));
	T_CODE(peal_cursor_next(cursor, &values, NULL), PEAL_DONE);
	peal_cursor_free(cursor);
	peal_db_close(db);
}

TEST(sql_that_is_wrong)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };

	exec("CREATE TABLE t (a integer UNIQUE, b integer NOT NULL, c integer CHECK (c > 0))");
	T_CODE(peal_db_exec(NULL, "SELEKT 1", NULL, NULL, &error), PEAL_EDB);
	T_HAS(error.message, "SELEKT");
	T_CODE(peal_db_exec(NULL, "DELETE FROM t; DELETE FROM t", NULL, NULL, &error), PEAL_EINVAL);
	T_CODE(peal_db_exec(NULL, "SELECT \"no_such_column\" FROM t", NULL, NULL, &error),
	       PEAL_EDB);
	T_CODE(peal_db_exec(NULL, "SELECT 1", NULL, NULL, &error), PEAL_EINVAL);
	exec("INSERT INTO t VALUES (1, 1, 1)");
	T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (1, 1, 1)", NULL, NULL, &error),
	       PEAL_EINTEGRITY);
	T_STR(error.sqlstate, "23505");
	T_STR(error.field, "a");
	T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (2, NULL, 1)", NULL, NULL, &error),
	       PEAL_EINTEGRITY);
	T_STR(error.sqlstate, "23502");
	T_STR(error.field, "b");
	T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (2, 1, 0)", NULL, NULL, &error),
	       PEAL_EINTEGRITY);
	T_STR(error.sqlstate, "23514");
	peal_db_close(db);
}

TEST(more_statements_than_are_kept)
{
	struct peal_db *db = open_database();
	char sql[64];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 300; i++) {
			snprintf(sql, sizeof(sql), "SELECT %d", i);
			T_INT(number_of(sql), i);
		}
	}
	peal_db_close(db);
}

TEST(same_statement_inside_itself)
{
	static const char sql[] = "SELECT a FROM t ORDER BY a";
	struct peal_db *db = open_database();
	const struct peal_value *values;
	struct peal_cursor *outer;
	struct peal_error error = { 0 };
	int64_t sum = 0;

	exec("CREATE TABLE t (a integer)");
	exec("INSERT INTO t VALUES (1), (2), (3)");
	T_OK(peal_db_query(NULL, sql, NULL, &outer, &error));
	while (peal_cursor_next(outer, &values, &error) == 0)
		sum += values[0].as.integer * number_of(sql);
	peal_cursor_free(outer);
	T_INT(sum, 6);
	peal_db_close(db);
}

/* ---- Transactions --------------------------------------------------------------------------------------------------- */

static int insert_row(int number)
{
	return peal_db_exec(NULL, "INSERT INTO t VALUES ($1)", PEAL_PARAMS(PEAL_INT(number)), NULL,
			    NULL);
}

static struct peal_db *open_table(void)
{
	struct peal_db *db = open_database();

	exec("CREATE TABLE t (a integer UNIQUE)");
	return db;
}

static int64_t rows(void)
{
	return number_of("SELECT count(*) FROM t");
}

TEST(block_commits_at_its_end)
{
	struct peal_db *db = open_table();
	int r = -1;

	PEAL_ATOMIC(r, NULL) {
		T_INT(r, 0);
		T_UINT(peal_atomic_depth(NULL), 1);
		r = insert_row(1);
	}
	T_OK(r);
	T_UINT(peal_atomic_depth(NULL), 0);
	T_INT(rows(), 1);
	peal_db_close(db);
}

static int leave_by_return(void)
{
	int r;

	PEAL_ATOMIC(r, NULL) {
		T_OK(insert_row(1));
		return r;
	}
	return 99;
}

TEST(ways_out_of_a_block)
{
	struct peal_db *db = open_table();
	int r;

	PEAL_ATOMIC(r, NULL) {
		T_OK(insert_row(1));
		r = PEAL_NOT_FOUND;
	}
	T_CODE(r, PEAL_NOT_FOUND);
	PEAL_ATOMIC(r, NULL) {
		T_OK(insert_row(1));
		break;
	}
	T_CODE(r, PEAL_ECANCELED);
	PEAL_ATOMIC(r, NULL) {
		T_OK(insert_row(1));
		r = PEAL_EINVAL;
		break;
	}
	T_CODE(r, PEAL_EINVAL);
	T_OK(leave_by_return());
	T_UINT(peal_atomic_depth(NULL), 0);
	T_INT(rows(), 0);
	PEAL_ATOMIC(r, NULL) {
		T_OK(insert_row(1));
		continue;
	}
	T_OK(r);
	T_INT(rows(), 1);
	peal_db_close(db);
}

TEST(inner_block_rolls_back_alone)
{
	struct peal_db *db = open_table();
	int r, inner = 0;

	PEAL_ATOMIC(r, NULL) {
		T_OK(insert_row(1));
		PEAL_ATOMIC(inner, NULL) {
			T_OK(insert_row(2));
			inner = insert_row(1);
		}
		T_CODE(inner, PEAL_EINTEGRITY);
		T_OK(insert_row(3));
	}
	T_OK(r);
	T_INT(rows(), 2);
	peal_db_close(db);
}

TEST(swallowed_error_without_savepoint)
{
	struct peal_db *db = open_table();
	int r, inner = 0;

	PEAL_ATOMIC(r, NULL) {
		T_OK(insert_row(1));
		PEAL_ATOMIC_WITH(inner, NULL, .no_savepoint = true) {
			inner = PEAL_EINVAL;
		}
		T_CODE(insert_row(2), PEAL_ETRANSACTION);
	}
	T_CODE(r, PEAL_ETRANSACTION);
	T_INT(rows(), 0);
	peal_db_close(db);
}

TEST(rollback_may_be_asked_for)
{
	struct peal_db *db = open_table();
	int r;

	PEAL_ATOMIC(r, NULL) {
		T_OK(insert_row(1));
		T_OK(peal_set_rollback(NULL, true));
	}
	T_CODE(r, PEAL_ETRANSACTION);
	T_INT(rows(), 0);
	T_CODE(peal_set_rollback(NULL, true), PEAL_ETRANSACTION);
	PEAL_ATOMIC(r, NULL) {
		PEAL_ATOMIC_WITH(r, NULL, .durable = true) {
			T_FAIL("a durable block was nested");
		}
		T_CODE(r, PEAL_ETRANSACTION);
		r = 0;
	}
	T_OK(r);
	peal_db_close(db);
}

TEST(commit_that_fails)
{
	struct peal_db *db = open_table();
	struct peal_error error = { 0 };
	int r;

	exec("CREATE TABLE child (t integer REFERENCES t (a) DEFERRABLE INITIALLY DEFERRED)");
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO child VALUES (77)");
	}
	T_CODE(r, PEAL_EINTEGRITY);
	T_STR(error.sqlstate, "23503");
	T_INT(number_of("SELECT count(*) FROM child"), 0);
	T_OK(insert_row(1));
	peal_db_close(db);
}

/* ---- After the commit ------------------------------------------------------------------------------------------------- */

static char order[64];
static int released;

static char N[] = "n", R[] = "r";

static int note(void *user, struct peal_error *error)
{
	(void)error;
	T_UINT(peal_atomic_depth(NULL), 0);
	strcat(order, user);
	return 0;
}

static int note_and_fail(void *user, struct peal_error *error)
{
	note(user, error);
	return peal_error_set(error, PEAL_ERECEIVER, "this one fails");
}

static int note_nested(void *user, struct peal_error *error)
{
	int r;

	note(user, error);
	PEAL_ATOMIC(r, error) {
		r = PEAL_ON_COMMIT(error, note, .user = N);
	}
	return r;
}

static void count_released(void *user)
{
	(void)user;
	released++;
}

static int after(peal_on_commit_fn *callback, const char *name)
{
	return PEAL_ON_COMMIT(NULL, callback, .user = (void *)(uintptr_t)name,
			      .release = count_released);
}

TEST(callbacks_run_in_order_after_the_outermost_commit)
{
	struct peal_db *db = open_table();
	int r, inner = 0;

	order[0] = '\0';
	T_OK(after(note, "0"));
	T_STR(order, "0");
	PEAL_ATOMIC(r, NULL) {
		T_OK(after(note, "1"));
		PEAL_ATOMIC(inner, NULL) {
			T_OK(after(note_nested, "2"));
		}
		PEAL_ATOMIC(inner, NULL) {
			T_OK(after(note, "x"));
			PEAL_ATOMIC(inner, NULL) {
				T_OK(after(note, "y"));
			}
			inner = PEAL_EINVAL;
		}
		T_OK(after(note, "3"));
		T_STR(order, "0");
	}
	T_OK(r);
	T_STR(order, "012n3");
	T_INT(released, 6);
	PEAL_ATOMIC(r, NULL) {
		T_OK(after(note, "z"));
		r = PEAL_EINVAL;
	}
	T_STR(order, "012n3");
	T_INT(released, 7);
	PEAL_ATOMIC(r, NULL) {
		T_OK(peal_set_rollback(NULL, true));
		T_OK(after(note, "b")); /* no use of the database: it is lost with the block */
	}
	T_CODE(r, PEAL_ETRANSACTION);
	T_STR(order, "012n3");
	T_INT(released, 8);
	peal_db_close(db);
}

TEST(callback_that_fails)
{
	struct peal_db *db = open_table();
	struct peal_error error = { 0 };
	int r;

	order[0] = '\0';
	PEAL_ATOMIC(r, &error) {
		T_OK(insert_row(1));
		T_OK(PEAL_ON_COMMIT(NULL, note_and_fail, .user = R, .robust = true));
		T_OK(after(note_and_fail, "f"));
		T_OK(after(note, "never"));
	}
	T_CODE(r, PEAL_ERECEIVER);
	T_HAS(error.message, "this one fails");
	T_STR(order, "rf");
	T_INT(released, 2);
	T_INT(rows(), 1);
	peal_db_close(db);
}

static int fail_silently(void *unused, struct peal_error *error)
{
	(void)unused;
	(void)error;
	return PEAL_ELIMIT;
}

static int succeed_after_an_error(void *unused, struct peal_error *error)
{
	(void)unused;
	return peal_error_set(error, PEAL_EDB, "no such table") == PEAL_EDB ? 0 : PEAL_EDB;
}

static int fail_after_another_error(void *unused, struct peal_error *error)
{
	succeed_after_an_error(unused, error);
	return PEAL_ELIMIT;
}

static char logged[1024];

static void note_log(void *unused, enum peal_log_level level, const char *domain, const char *text)
{
	(void)unused;
	T_INT(level, PEAL_LOG_ERROR);
	T_STR(domain, "peal.db");
	snprintf(logged, sizeof(logged), "%s", text);
}

/* The error of an earlier call is not taken for the callback's own. */
TEST(callback_that_fails_without_a_word)
{
	struct peal_error error = { .code = PEAL_ELIMIT, .message = "of before" };
	struct peal_db *db = open_table();

	peal_set_log(note_log, NULL);
	T_CODE(PEAL_ON_COMMIT(&error, fail_silently), PEAL_ELIMIT);
	T_HAS(error.message, "peal_on_commit() failed after the commit on \"default\"");
	T_STR(logged, "");
	T_OK(PEAL_ON_COMMIT(&error, fail_silently, .robust = true));
	T_HAS(logged, "peal_on_commit() failed after the commit on \"default\"");
	T_HAS(logged, peal_strerror(PEAL_ELIMIT));
	T_OK(PEAL_ON_COMMIT(&error, note_and_fail, .user = R, .robust = true));
	T_HAS(logged, "this one fails");
	T_OK(PEAL_ON_COMMIT(&error, fail_after_another_error, .robust = true));
	T_HAS(logged, "PEAL_ELIMIT");
	T_HAS(logged, "no such table");
	T_CODE(PEAL_ON_COMMIT(&error, fail_after_another_error), PEAL_ELIMIT);
	T_HAS(error.message, "no such table");
	error = (struct peal_error){ 0 };
	T_OK(PEAL_ON_COMMIT(&error, succeed_after_an_error));
	T_INT(error.code, 0);
	T_STR(error.message, "");
	peal_db_close(db);
}

static void keep_log(void *user, enum peal_log_level level, const char *domain, const char *message)
{
	(void)user;
	snprintf(logged + strlen(logged), sizeof(logged) - strlen(logged), "%d %s %s|", (int)level,
		 domain, message);
}

static int left_by_return(int result)
{
	int r;

	PEAL_ATOMIC(r, NULL) {
		T_OK(insert_row(9));
		r = result;
		return r;
	}
	return r;
}

TEST(a_block_that_is_left_with_its_work_undone_is_logged)
{
	struct peal_db *db = open_table();
	struct peal_atomic atomic;

	peal_set_log(keep_log, NULL);
	logged[0] = '\0';
	T_INT(left_by_return(PEAL_EUSER), PEAL_EUSER);
	T_STR(logged, "");
	T_INT(left_by_return(0), 0);
	T_STR(logged, "2 peal.db a PEAL_ATOMIC block was left by break, return or goto while its "
		      "result was 0: rolled back; to commit, write continue or let it end, and "
		      "return behind it; to roll back, set its result before|");
	T_INT(number_of("SELECT count(*) FROM t"), 0);

	logged[0] = '\0';
	T_OK(peal_atomic_enter(&atomic, NULL, NULL));
	T_OK(peal_atomic_leave(&atomic, 0, NULL));
	T_OK(peal_atomic_enter(&atomic, NULL, NULL));
	T_STR(logged, "");
	peal_db_close(db);
	T_STR(logged, "2 peal.db the database \"default\" was closed inside a block: rolled back; "
		      "end the block before peal_db_close()|");
	logged[0] = '\0';
	peal_db_close(open_database());
	T_STR(logged, "");
	peal_set_log(NULL, NULL);
}

/* The reason comes first, the statement behind it. */
TEST(errors_of_statements_begin_with_the_reason)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };

	T_CODE(peal_db_exec(NULL, "INSERT INTO nowhere VALUES (1)", NULL, NULL, &error), PEAL_EDB);
	T_STR(error.message,
	      runs_on("postgresql")
		      ? "relation \"nowhere\" does not exist: INSERT INTO nowhere VALUES (1)"
		      : "no such table: nowhere: INSERT INTO nowhere VALUES (1)");
	peal_db_close(db);
}

TEST(close_inside_a_block)
{
	struct peal_db *db = open_table();
	struct peal_atomic atomic;

	T_OK(peal_atomic_enter(&atomic, NULL, NULL));
	T_OK(after(note, "never"));
	peal_db_close(db);
	T_INT(released, 1);
	T_CODE(peal_atomic_leave(&atomic, 0, NULL), PEAL_ETRANSACTION);
}

TEST(close_inside_a_block_that_goes_on)
{
	struct peal_db *db = open_table();
	struct peal_error error = { 0 };
	int r;

	PEAL_ATOMIC(r, &error) {
		T_OK(after(note, "never"));
		peal_db_close(db);
	}
	T_CODE(r, PEAL_ETRANSACTION);
	T_HAS(error.message, "closed inside this block");
	T_INT(released, 1);
}

TEST_TIMEOUT(no_memory_anywhere, 300)
{
	const char *url = database_url();

	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		int r;

		r = peal_db_open(url, &db, &error);
		if (r == 0)
			r = peal_db_exec(NULL, "CREATE TABLE IF NOT EXISTS t (a integer)", NULL,
					 NULL, &error);
		if (r == 0) {
			PEAL_ATOMIC(r, &error) {
				r = after(note, "1");
				if (r == 0)
					r = peal_db_exec(NULL, "INSERT INTO t VALUES (1)", NULL,
							 NULL, &error);
			}
		}
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		peal_db_close(db);
	}
}

/* ---- Times -------------------------------------------------------------------------------------------------------------- */

TEST(timestamps)
{
	static const struct {
		int64_t time;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01 00:00:00" },
		{ 1, "1970-01-01 00:00:00.000001" },
		{ -1, "1969-12-31 23:59:59.999999" },
		{ INT64_C(951782400000000), "2000-02-29 00:00:00" },
		{ INT64_C(1772357400500000), "2026-03-01 09:30:00.500000" },
		{ INT64_C(-62135596800000000), "0001-01-01 00:00:00" },
		{ INT64_C(253402300799999999), "9999-12-31 23:59:59.999999" },
	};
	char text[PEAL__TIMESTAMP_MAX];
	int64_t time;

	for (size_t i = 0; i < PEAL_COUNTOF(cases); i++) {
		T_UINT(peal__timestamp_write(cases[i].time, text), strlen(cases[i].text));
		T_STR(text, cases[i].text);
		T_TRUE(peal__timestamp_read(text, strlen(text), &time));
		T_INT(time, cases[i].time);
	}
	for (int64_t day = -800000; day < 2900000; day += 13) {
		size_t size = peal__timestamp_write(day * INT64_C(86400000000), text);

		T_TRUE(peal__timestamp_read(text, size, &time));
		if (day > -719163 && day < 2932896)
			T_INT(time, day * INT64_C(86400000000));
	}
}

TEST(timestamps_in_other_forms)
{
	static const char *const good[] = { "2026-03-01T09:30:00Z", "2026-03-01 09:30:00+00",
					    "2026-03-01 09:30:00.0+00:00",
					    "2026-03-01 09:30:00.000" };
	static const char *const bad[] = { "",
					   "2026-03-01",
					   "2026-02-29 00:00:00",
					   "2026-13-01 00:00:00",
					   "2026-01-01 24:00:00",
					   "2026-01-01 00:00:00+01",
					   "2026-01-01 00:00:00 x",
					   "x026-01-01 00:00:00" };
	int64_t time;

	for (size_t i = 0; i < PEAL_COUNTOF(good); i++) {
		T_TRUE(peal__timestamp_read(good[i], strlen(good[i]), &time));
		T_INT(time, INT64_C(1772357400000000));
	}
	for (size_t i = 0; i < PEAL_COUNTOF(bad); i++)
		T_FALSE(peal__timestamp_read(bad[i], strlen(bad[i]), &time));
}
