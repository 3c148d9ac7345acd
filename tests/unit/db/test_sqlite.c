/* SPDX-License-Identifier: MIT */
/* Files of SQLite: writers that take turns, the write-ahead log, time-outs, and files that are no use. */
#include "fixture.h"

#include "sqlite.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char url[512];

static const char *path(void)
{
	return url + strlen("sqlite:");
}

static struct peal_db *open_file(const struct peal_db_options *options)
{
	struct peal_error error = { 0 };
	struct peal_db *db;

	if (!url[0])
		snprintf(url, sizeof(url), "sqlite:%s", test_path(test_tmpdir(), "x.db"));
	if (peal_db_open_with(url, options, &db, &error) != 0)
		T_FAIL("%s", error.message);
	return db;
}

static struct peal_db *open_wal(void)
{
	return open_file(&(struct peal_db_options){ .wal = true });
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void wait_for(pid_t pid)
{
	int status;

	T_SYS(waitpid(pid, &status, 0));
	T_INT(status, 0);
}

/* ---- Writers ------------------------------------------------------------------------------------------------------ */

/* One transaction that reads, changes and writes; how long it took, in microseconds. */
static int64_t count_up(void)
{
	struct peal_error error = { 0 };
	int64_t begin = now_us(), number;
	int r;

	PEAL_ATOMIC(r, &error) {
		number = number_of("SELECT max(a) FROM t");
		r = peal_db_exec(NULL, "INSERT INTO t VALUES ($1)",
				 PEAL_PARAMS(PEAL_INT(number + 1)), NULL, &error);
	}
	if (r != 0)
		T_FAIL("%s", error.message);
	return now_us() - begin;
}

static int64_t count_up_often(int times)
{
	int64_t worst = 0;

	for (int i = 0; i < times; i++) {
		int64_t took = count_up();

		worst = took > worst ? took : worst;
	}
	return worst;
}

static void write_in_child(bool wal, int times, int report)
{
	struct peal_db *db = open_file(&(struct peal_db_options){ .wal = wal });
	int64_t worst = count_up_often(times);

	peal_db_close(db);
	T_INT(write(report, &worst, sizeof(worst)), sizeof(worst));
}

static void write_in_processes(bool wal, int processes, int times)
{
	struct peal_db *db = open_file(&(struct peal_db_options){ .wal = wal });
	int64_t worst, all = 0, begin = now_us();
	int ends[2];

	exec("CREATE TABLE t (a integer UNIQUE)");
	exec("INSERT INTO t VALUES (0)");
	peal_db_close(db);
	T_SYS(pipe(ends));
	for (int i = 0; i < processes; i++) {
		pid_t pid = fork();

		T_SYS(pid);
		if (pid == 0) {
			write_in_child(wal, times, ends[1]);
			_exit(0);
		}
	}
	for (int i = 0; i < processes; i++)
		wait_for(-1);
	for (int i = 0; i < processes; i++) {
		T_INT(read(ends[0], &worst, sizeof(worst)), sizeof(worst));
		all = worst > all ? worst : all;
	}
	close(ends[0]);
	close(ends[1]);
	fprintf(stderr, "%d writers, %d transactions in %.0f ms: worst wait %.1f ms\n", processes,
		processes * times, (double)(now_us() - begin) / 1e3, (double)all / 1e3);
	db = open_file(&(struct peal_db_options){ .wal = wal });
	T_INT(number_of("SELECT count(*) FROM t"), processes * times + 1);
	T_INT(number_of("SELECT max(a) FROM t"), processes * times);
	peal_db_close(db);
}

TEST_TIMEOUT(processes_take_turns, 120)
{
	write_in_processes(false, 16, 50);
}

TEST_TIMEOUT(processes_take_turns_in_wal_mode, 120)
{
	write_in_processes(true, 16, 200);
}

static void *count_up_in_thread(void *unused)
{
	count_up_often(100);
	return unused;
}

static void write_in_threads(struct peal_db *db)
{
	pthread_t threads[8];

	exec("CREATE TABLE t (a integer UNIQUE)");
	exec("INSERT INTO t VALUES (0)");
	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++)
		T_INT(pthread_create(&threads[i], NULL, count_up_in_thread, NULL), 0);
	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++)
		T_INT(pthread_join(threads[i], NULL), 0);
	T_INT(number_of("SELECT count(*) FROM t"), 801);
	T_INT(number_of("SELECT max(a) FROM t"), 800);
	peal_db_close(db);
}

TEST(threads_on_a_file)
{
	write_in_threads(open_file(NULL));
}

TEST(threads_on_a_file_in_wal_mode)
{
	write_in_threads(open_wal());
}

TEST(threads_in_memory)
{
	struct peal_db *db;

	T_OK(peal_db_open("sqlite::memory:", &db, NULL));
	write_in_threads(db);
}

/* ---- Mixed work ------------------------------------------------------------------------------------------------------ */

/* In blocks the table "count" is kept at the number of rows of "t", and beside it the statements outside of blocks. */
static int add_rows(struct test_random *random, struct peal_error *error)
{
	int64_t rows = 1 + (int64_t)test_random_below(random, 30), changed = 0;
	int r, inner = 0;

	PEAL_ATOMIC(r, error) {
		r = peal_db_exec(
			NULL,
			"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"
			" INSERT INTO t (b) SELECT i FROM n",
			PEAL_PARAMS(PEAL_INT(rows)), &changed, error);
		if (r == 0) {
			PEAL_ATOMIC(inner, error) {
				inner = peal_db_exec(NULL, "DELETE FROM t", NULL, NULL, error);
				if (inner == 0)
					inner = PEAL_EUSER; /* undone */
			}
			r = inner == PEAL_EUSER ? 0 : inner;
		}
		if (r == 0)
			r = peal_db_exec(NULL, "UPDATE count SET n = n + $1",
					 PEAL_PARAMS(PEAL_INT(changed)), NULL, error);
	}
	return r;
}

static int remove_rows(struct test_random *random, struct peal_error *error)
{
	int64_t changed = 0, most = 0;
	int r;

	PEAL_ATOMIC(r, error) {
		most = number_of("SELECT coalesce(max(a), 0) FROM t");
		r = peal_db_exec(NULL, "DELETE FROM t WHERE a > $1",
				 PEAL_PARAMS(PEAL_INT(most - (int)test_random_below(random, 20))),
				 &changed, error);
		if (r == 0)
			r = peal_db_exec(NULL, "UPDATE count SET n = n - $1",
					 PEAL_PARAMS(PEAL_INT(changed)), NULL, error);
	}
	return r;
}

static int write_outside(struct test_random *random, struct peal_error *error)
{
	(void)random;
	return peal_db_exec(NULL, "UPDATE count SET outside = outside + 1", NULL, NULL, error);
}

/* Others write while it reads; what it sees is of one moment. */
static int look(struct test_random *random, struct peal_error *error)
{
	int r;

	PEAL_ATOMIC_WITH(r, error, .read_only = test_random_below(random, 2)) {
		T_INT(number_of("SELECT count(*) FROM t"), number_of("SELECT n FROM count"));
		sched_yield();
		T_INT(number_of("SELECT count(*) FROM t"), number_of("SELECT n FROM count"));
	}
	return r;
}

static void *mixed_work(void *stream)
{
	static int (*const works[])(struct test_random * random,
				    struct peal_error * error) = { add_rows, remove_rows,
								   write_outside, look };
	struct test_random random = test_random_init((uint64_t)(uintptr_t)stream);
	int64_t *outside = calloc(1, sizeof(*outside));

	for (int i = 0; i < 60; i++) {
		uint64_t which = test_random_below(&random, PEAL_COUNTOF(works));
		struct peal_error error = { 0 };

		if (works[which](&random, &error) != 0)
			T_FAIL("%s", error.message);
		*outside += works[which] == write_outside;
	}
	return outside;
}

static void mixed_process(bool wal, int process, int report)
{
	struct peal_db *db = open_file(&(struct peal_db_options){ .wal = wal });
	pthread_t threads[4];
	int64_t outside = 0;

	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++)
		T_INT(pthread_create(&threads[i], NULL, mixed_work,
				     (void *)((uintptr_t)process * 4 + i)),
		      0);
	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++) {
		void *result;

		T_INT(pthread_join(threads[i], &result), 0);
		outside += *(int64_t *)result;
		free(result);
	}
	peal_db_close(db);
	T_INT(write(report, &outside, sizeof(outside)), sizeof(outside));
	_exit(0);
}

/* 16 of them: four threads in each of four processes. Not one error. */
static void work_mixed(bool wal)
{
	struct peal_db *db = open_file(&(struct peal_db_options){ .wal = wal });
	int64_t outside, all = 0;
	int ends[2];

	exec("CREATE TABLE t (a integer PRIMARY KEY, b integer)");
	exec("CREATE TABLE count (n integer, outside integer)");
	exec("INSERT INTO count VALUES (0, 0)");
	peal_db_close(db);
	T_SYS(pipe(ends));
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		T_SYS(pid);
		if (pid == 0)
			mixed_process(wal, i, ends[1]);
	}
	for (int i = 0; i < 4; i++)
		wait_for(-1);
	for (int i = 0; i < 4; i++) {
		T_INT(read(ends[0], &outside, sizeof(outside)), sizeof(outside));
		all += outside;
	}
	close(ends[0]);
	close(ends[1]);
	db = open_file(&(struct peal_db_options){ .wal = wal });
	T_INT(number_of("SELECT count(*) FROM t"), number_of("SELECT n FROM count"));
	T_INT(number_of("SELECT outside FROM count"), all);
	peal_db_close(db);
}

TEST_TIMEOUT(mixed_work_of_16_without_one_error, 120)
{
	work_mixed(false);
}

TEST_TIMEOUT(mixed_work_of_16_without_one_error_in_wal_mode, 120)
{
	work_mixed(true);
}

static atomic_bool enough;
static atomic_int commits;

static void *write_until_enough(void *unused)
{
	while (!enough) {
		exec("UPDATE t SET a = a + 1");
		commits++;
	}
	return unused;
}

/* Without a log it can begin only between two commits: it finds one soon, however many are writing. */
TEST(reader_among_many_writers)
{
	struct peal_db *db = open_file(NULL);
	pthread_t threads[8];
	int before;

	exec("CREATE TABLE t (a integer)");
	exec("INSERT INTO t VALUES (0)");
	enough = false;
	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++)
		T_INT(pthread_create(&threads[i], NULL, write_until_enough, NULL), 0);
	while (commits < 8)
		sched_yield();
	before = commits;
	for (int i = 0; i < 60; i++)
		T_TRUE(number_of("SELECT a FROM t") >= before);
	T_TRUE(commits - before < 60 * 20);
	enough = true;
	for (size_t i = 0; i < PEAL_COUNTOF(threads); i++)
		T_INT(pthread_join(threads[i], NULL), 0);
	T_INT(number_of("SELECT a FROM t"), commits);
	peal_db_close(db);
}

/* Another database of the same file, as another process would have it. */
static struct peal_db *open_other(bool wal, uint32_t busy_timeout_ms)
{
	return open_file(&(struct peal_db_options){
		.alias = "other", .wal = wal, .busy_timeout_ms = busy_timeout_ms });
}

TEST(waiting_for_a_writer_ends)
{
	struct peal_db *db = open_file(NULL), *other = open_other(false, 50);
	struct peal_error error = { 0 };
	int64_t begin;
	int r;

	exec("CREATE TABLE t (a integer)");
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (1)");
		begin = now_us();
		T_CODE(peal_db_exec("other", "INSERT INTO t VALUES (2)", NULL, NULL, &error),
		       PEAL_EBUSY);
		T_TRUE(now_us() - begin >= 50000);
		T_HAS(error.message, "busy_timeout_ms");
		T_HAS(error.message, path());
		T_STR(error.sqlstate, "55P03");
	}
	T_OK(r);
	T_OK(peal_db_exec("other", "INSERT INTO t VALUES (2)", NULL, NULL, &error));
	T_INT(number_of("SELECT count(*) FROM t"), 2);
	peal_db_close(other);
	peal_db_close(db);
}

/* A transaction that has read an old state of the file cannot write into the new one, wait or not. */
TEST(reader_that_comes_too_late_to_write)
{
	struct peal_db *db = open_wal(), *other = open_other(true, 1000);
	struct peal_error error = { 0 };
	int r;

	exec("CREATE TABLE t (a integer)");
	PEAL_ATOMIC_WITH(r, &error, .read_only = true) {
		T_INT(number_of("SELECT count(*) FROM t"), 0);
		T_OK(peal_db_exec("other", "INSERT INTO t VALUES (1)", NULL, NULL, &error));
		r = peal_db_exec(NULL, "INSERT INTO t VALUES (2)", NULL, NULL, &error);
	}
	T_CODE(r, PEAL_ECONFLICT);
	T_STR(error.sqlstate, "40001");
	T_HAS(error.message, "run it again");
	T_INT(number_of("SELECT sum(a) FROM t"), 1);
	peal_db_close(other);
	peal_db_close(db);
}

/* Whatever ends a write gives the ticket back: the other one can write. */
TEST(ticket_comes_back)
{
	struct peal_db *db = open_file(NULL), *other = open_other(false, 100);
	static const char write_other[] = "INSERT INTO t VALUES (7)";
	struct peal_error error = { 0 };
	const struct peal_value *values;
	struct peal_cursor *cursor;
	int r;

	exec("CREATE TABLE t (a integer CHECK (a > 0))");
	T_OK(peal_db_exec("other", write_other, NULL, NULL, &error));
	T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (0)", NULL, NULL, &error), PEAL_EINTEGRITY);
	T_OK(peal_db_exec("other", write_other, NULL, NULL, &error));
	T_OK(peal_db_query(NULL, "INSERT INTO t VALUES (1), (2) RETURNING a", NULL, &cursor,
			   &error));
	T_OK(peal_cursor_next(cursor, &values, &error));
	T_CODE(peal_db_exec("other", write_other, NULL, NULL, &error), PEAL_EBUSY);
	peal_cursor_free(cursor);
	T_OK(peal_db_exec("other", write_other, NULL, NULL, &error));
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (3)");
		r = PEAL_EINVAL;
	}
	T_OK(peal_db_exec("other", write_other, NULL, NULL, &error));
	PEAL_ATOMIC_WITH(r, &error, .read_only = true) {
		T_INT(number_of("SELECT count(*) FROM t"), 6);
	}
	T_OK(peal_db_exec("other", write_other, NULL, NULL, &error));
	T_INT(number_of("SELECT count(*) FROM t"), 7);
	peal_db_close(other);
	peal_db_close(db);
}

TEST(readers_do_not_wait_in_wal_mode)
{
	struct peal_db *db = open_wal(), *other = open_other(true, 50);
	struct peal_error error = { 0 };
	const struct peal_value *values;
	struct peal_cursor *cursor;
	int r;

	exec("CREATE TABLE t (a integer)");
	exec("INSERT INTO t VALUES (1), (2)");
	T_OK(peal_db_query("other", "SELECT a FROM t", NULL, &cursor, &error));
	T_OK(peal_cursor_next(cursor, &values, &error));
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (3)");
		T_OK(peal_cursor_next(cursor, &values, &error));
	}
	T_OK(r);
	T_CODE(peal_cursor_next(cursor, &values, &error), PEAL_DONE); /* as when it began */
	peal_cursor_free(cursor);
	peal_db_close(other);
	peal_db_close(db);
}

/* A log does not grow for ever, and is gone when the last connection has been closed. */
TEST(log_is_moved)
{
	struct peal_db *db = open_wal();
	struct stat status;
	char log[600];

	exec("CREATE TABLE t (a blob)");
	for (int i = 0; i < 3000; i++)
		exec("INSERT INTO t VALUES (randomblob(3000))");
	snprintf(log, sizeof(log), "%s-wal", path());
	T_SYS(stat(log, &status));
	T_TRUE(status.st_size > 0 && status.st_size < 8 * 1000 * 1000);
	peal_db_close(db);
	T_INT(stat(log, &status), -1);
	db = open_file(NULL); /* and the file is put back to a rollback journal */
	T_INT(number_of("SELECT count(*) FROM t"), 3000);
	T_INT(access(log, F_OK), -1);
	peal_db_close(db);
}

/* A statement that is used again has the values of this time, and null where there are none. */
TEST(parameters_of_the_time_before_are_gone)
{
	const char *const insert = "INSERT INTO t VALUES ($1, $2, $3)";
	struct peal_error error = { 0 };
	struct peal_db *db = open_wal();
	char text[] = "gone";

	T_OK(peal_db_exec(NULL, "CREATE TABLE t (a, b, c)", NULL, NULL, &error));
	T_OK(peal_db_exec(NULL, insert,
			  PEAL_PARAMS(PEAL_INT(1), peal_value_text(text), peal_value_time(0)), NULL,
			  &error));
	memset(text, 'x', sizeof(text) - 1);
	T_OK(peal_db_exec(NULL, insert, PEAL_PARAMS(PEAL_INT(2)), NULL, &error));
	T_OK(peal_db_exec(NULL, insert, NULL, NULL, &error));
	T_INT(number_of("SELECT count(*) FROM t WHERE a = 1 AND b = 'gone' AND c LIKE '1970%'"), 1);
	T_INT(number_of("SELECT count(*) FROM t WHERE b IS NULL AND c IS NULL"), 2);
	T_INT(number_of("SELECT count(*) FROM t WHERE a IS NULL"), 1);
	T_CODE(peal_db_exec(NULL, insert,
			    PEAL_PARAMS(PEAL_INT(1), PEAL_INT(1), PEAL_INT(1), peal_value_time(0)),
			    NULL, &error),
	       PEAL_EINVAL);
	peal_db_close(db);
}

static int64_t deadline_of(struct peal_db *db)
{
	struct peal__connection *c;

	T_OK(peal__connection_of(db, &c, NULL));
	return ((const struct peal__sqlite *)c->handle)->deadline;
}

TEST(statement_that_takes_too_long)
{
	struct peal_db *db = open_file(&(struct peal_db_options){ .statement_timeout_ms = 50 });
	struct peal_error error = { 0 };
	int r;

	exec("CREATE TABLE t (a integer)");
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (1)");
		r = peal_db_exec(NULL,
				 "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
				 "SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0",
				 NULL, NULL, &error);
	}
	T_CODE(r, PEAL_ECANCELED);
	T_STR(error.sqlstate, "57014");
	T_INT(number_of("SELECT count(*) FROM t"), 0);
	exec("INSERT INTO t VALUES (1)");
	T_INT(deadline_of(db), 0); /* what comes next, a COMMIT perhaps, has all the time */
	peal_db_close(db);
}

/* A child's copy of the ticket's description would keep the ticket when the parent dies. */
TEST(child_does_not_keep_the_ticket)
{
	struct peal_db *db = open_file(NULL);
	int ends[2], stay[2];
	pid_t holder;
	char byte;

	exec("CREATE TABLE t (a integer)");
	peal_db_close(db);
	T_SYS(pipe(ends));
	T_SYS(pipe(stay));
	holder = fork();
	if (holder == 0) {
		struct peal_atomic atomic;

		db = open_file(NULL);
		T_OK(peal_atomic_enter(&atomic, NULL, NULL));
		exec("INSERT INTO t VALUES (1)");
		if (fork() == 0) {
			close(ends[1]);
			close(stay[1]);
			_exit((int)read(stay[0], &byte, 1)); /* outlives the holder */
		}
		raise(SIGKILL);
	}
	close(ends[1]);
	T_INT(read(ends[0], &byte, 1), 0); /* the holder is dead */
	close(ends[0]);
	T_SYS(waitpid(holder, NULL, 0));
	db = open_file(&(struct peal_db_options){ .busy_timeout_ms = 1000 });
	exec("INSERT INTO t VALUES (2)");
	T_INT(number_of("SELECT count(*) FROM t"), 1);
	close(stay[0]);
	close(stay[1]);
	peal_db_close(db);
}
