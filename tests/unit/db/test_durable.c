/* SPDX-License-Identifier: MIT */
/* What a SQLite file keeps: overtaken checkpoints, killed writers, failing disks; and files that are no use. */
#include "fixture.h"

#include "shim.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char url[512];

static const char *path(void)
{
	return url + strlen("sqlite:");
}

static void new_file(const char *name)
{
	snprintf(url, sizeof(url), "sqlite:%s", test_path(test_tmpdir(), name));
}

static struct peal_db *open_as(const char *alias, bool wal)
{
	struct peal_error error = { 0 };
	struct peal_db *db;

	if (peal_db_open_with(url, &(struct peal_db_options){ .alias = alias, .wal = wal }, &db,
			      &error) != 0)
		T_FAIL("%s", error.message);
	return db;
}

static void is_intact(void)
{
	const struct peal_value *values;
	struct peal_cursor *cursor;

	T_OK(peal_db_query(NULL, "PRAGMA integrity_check", NULL, &cursor, NULL));
	T_OK(peal_cursor_next(cursor, &values, NULL));
	T_STR(values[0].as.text.data, "ok");
	peal_cursor_free(cursor);
}

/* ---- A checkpoint that is overtaken by a writer ------------------------------------------------------------------ */

/* Runs SQL on connection 0 or 1. */
static void (*run)(int which, const char *sql);
static sqlite3 *raw[2];
static bool overtaken; /* the writer had committed before the checkpoint went on */
static pthread_t writer;

static void run_raw(int which, const char *sql)
{
	T_INT(sqlite3_exec(raw[which], sql, NULL, NULL, NULL), SQLITE_OK);
}

static void run_peal(int which, const char *sql)
{
	struct peal_error error = { 0 };
	struct peal_cursor *cursor;
	const struct peal_value *values;
	int r = peal_db_query(which ? "other" : NULL, sql, NULL, &cursor, &error);

	if (r != 0)
		T_FAIL("%s", error.message);
	while (r == 0)
		r = peal_cursor_next(cursor, &values, &error);
	if (r != PEAL_DONE)
		T_FAIL("%s", error.message);
	peal_cursor_free(cursor);
}

static void *write_three(void *unused)
{
	for (int i = 0; i < 3; i++)
		run(1, "UPDATE t SET b = randomblob(400)");
	return unused;
}

/* SQLite 3.51.3, and what was mended in older series: there a checkpoint that is overtaken loses nothing. */
static bool is_mended(void)
{
	int version = sqlite3_libversion_number();

	return version >= 3051003 || (version >= 3050007 && version < 3051000) ||
	       (version >= 3044006 && version < 3045000);
}

/* A writer that waits, for the ticket or for a lock of a mended SQLite, cannot end here. */
static void overtake(void)
{
	struct timespec until;

	T_INT(pthread_create(&writer, NULL, write_three, NULL), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	if (run == run_peal)
		until.tv_nsec += 50000000;
	else
		until.tv_sec += is_mended() ? 1 : 30;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	overtaken = pthread_timedjoin_np(writer, NULL, &until) == 0;
}

static void force_race(void)
{
	run(1, "CREATE TABLE t (a integer PRIMARY KEY, b blob)");
	run(0,
	    "SELECT count(*) FROM t"); /* it knows the schema, so that a checkpoint reads nothing first */
	run(1, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
	       "INSERT INTO t SELECT i, randomblob(400) FROM n");
	for (int i = 0; i < 10; i++)
		run(1, "UPDATE t SET b = randomblob(400)");
	run(1, "PRAGMA wal_checkpoint(passive)");
	shim.in_checkpoint = overtake;
	run(0, "PRAGMA wal_checkpoint(passive)");
	T_PTR((void *)(uintptr_t)shim.in_checkpoint, NULL);
	if (!overtaken)
		T_INT(pthread_join(writer, NULL), 0);
	run(1, "INSERT INTO t SELECT a + 200, b FROM t");
	run(1, "PRAGMA wal_checkpoint(truncate)");
}

/* Shows that the test below can fail: without the ticket, a SQLite that is not mended loses the INSERT. */
TEST(sqlite_loses_rows_without_ticket)
{
	struct peal_db *db;

	new_file("x.db");
	shim_install();
	run = run_raw;
	for (int i = 0; i < 2; i++) {
		T_INT(sqlite3_open(path(), &raw[i]), SQLITE_OK);
		T_INT(sqlite3_busy_timeout(raw[i], 20000), SQLITE_OK);
		run(i, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
	}
	force_race();
	T_TRUE(overtaken || is_mended());
	T_INT(sqlite3_close(raw[0]), SQLITE_OK);
	T_INT(sqlite3_close(raw[1]), SQLITE_OK);
	db = open_as(NULL, true);
	T_INT(number_of("SELECT count(*) FROM t"), is_mended() ? 400 : 200);
	peal_db_close(db);
}

TEST(nothing_is_lost_with_ticket)
{
	shim_install();
	run = run_peal;
	for (int i = 0; i < 20; i++) {
		struct peal_db *db, *other;
		char name[16];

		snprintf(name, sizeof(name), "%d.db", i);
		new_file(name);
		db = open_as(NULL, true);
		other = open_as("other", true);
		force_race();
		T_FALSE(overtaken);
		peal_db_close(other);
		peal_db_close(db);
		db = open_as(NULL, true);
		T_INT(number_of("SELECT count(*) FROM t"), 400);
		is_intact();
		peal_db_close(db);
	}
}

/* ---- Killed writers ---------------------------------------------------------------------------------------------- */

static int report_end = -1;

static int report(void *user, struct peal_error *error)
{
	(void)error;
	T_INT(write(report_end, user, sizeof(int64_t)), sizeof(int64_t));
	return 0;
}

/* Two rows of two tables at a time, for ever. */
static void write_for_ever(bool wal)
{
	struct peal_db *db = open_as(NULL, wal);
	struct peal_error error = { 0 };
	int64_t number = number_of("SELECT coalesce(max(a), 0) FROM t");
	int r = 0;

	while (db && r == 0) {
		number++;
		PEAL_ATOMIC(r, &error) {
			r = PEAL_ON_COMMIT(&error, report, .user = &number);
			if (r == 0)
				r = peal_db_exec(NULL, "INSERT INTO t VALUES ($1)",
						 PEAL_PARAMS(PEAL_INT(number)), NULL, &error);
			if (r == 0)
				r = peal_db_exec(NULL, "INSERT INTO u VALUES ($1)",
						 PEAL_PARAMS(PEAL_INT(number)), NULL, &error);
		}
	}
	T_FAIL("%s", error.message);
}

/* Returns the highest number that was reported, 0 when none was. */
static int64_t kill_once(bool wal, int64_t after_us)
{
	int64_t number, highest = 0;
	int ends[2], status;
	pid_t pid;

	T_SYS(pipe(ends));
	pid = fork();
	T_SYS(pid);
	if (pid == 0) {
		close(ends[0]);
		report_end = ends[1];
		write_for_ever(wal);
	}
	close(ends[1]);
	usleep((useconds_t)after_us);
	T_SYS(kill(pid, SIGKILL));
	while (read(ends[0], &number, sizeof(number)) == sizeof(number))
		highest = number;
	close(ends[0]);
	T_SYS(waitpid(pid, &status, 0));
	T_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return highest;
}

static void kill_often(bool wal)
{
	const char *wanted = getenv("PEAL_TEST_KILLS");
	int64_t cycles = wanted ? atoll(wanted) / 2 : 500, acknowledged = 0;
	struct test_random random = test_random_init(wal);
	struct peal_db *db;

	new_file("x.db");
	db = open_as(NULL, wal);
	exec("CREATE TABLE t (a integer UNIQUE)");
	exec("CREATE TABLE u (a integer UNIQUE)");
	peal_db_close(db);
	for (int64_t i = 0; i < cycles; i++) {
		int64_t highest = kill_once(wal, 2000 + (int64_t)test_random_below(&random, 12000)),
			last;

		acknowledged = highest ? highest : acknowledged;
		db = open_as(NULL, wal);
		last = number_of("SELECT coalesce(max(a), 0) FROM t");
		/* What was committed when it was killed may not have been reported yet. */
		T_TRUE(last == acknowledged || last == acknowledged + 1 || !highest);
		T_TRUE(last >= acknowledged);
		T_INT(number_of("SELECT count(*) FROM t"), last);
		T_INT(number_of("SELECT coalesce(max(a), 0) FROM u"), last);
		T_INT(number_of("SELECT count(*) FROM u"), last);
		is_intact();
		if (last > 3000) {
			exec("DELETE FROM t");
			exec("DELETE FROM u");
			acknowledged = 0;
		}
		peal_db_close(db);
	}
}

TEST_TIMEOUT(killed_writers_lose_nothing, 1200)
{
	kill_often(false);
}

TEST_TIMEOUT(killed_writers_lose_nothing_in_wal_mode, 1200)
{
	kill_often(true);
}

/* ---- Failing disks ----------------------------------------------------------------------------------------------- */

static int called;

static int note_called(void *unused, struct peal_error *error)
{
	(void)unused;
	(void)error;
	called++;
	return 0;
}

static int write_two(struct peal_error *error)
{
	int r;

	PEAL_ATOMIC(r, error) {
		r = PEAL_ON_COMMIT(error, note_called, .user = NULL);
		if (r == 0)
			r = peal_db_exec(NULL, "INSERT INTO t VALUES (randomblob(9000))", NULL,
					 NULL, error);
		if (r == 0)
			r = peal_db_exec(NULL, "INSERT INTO t VALUES (1)", NULL, NULL, error);
	}
	return r;
}

/* As somebody else sees them. */
static int64_t rows_again(void)
{
	sqlite3_stmt *statement;
	sqlite3 *other;
	int64_t rows;

	T_INT(sqlite3_open(path(), &other), SQLITE_OK);
	T_INT(sqlite3_prepare_v2(other, "SELECT count(*) FROM t", -1, &statement, NULL), SQLITE_OK);
	T_INT(sqlite3_step(statement), SQLITE_ROW);
	rows = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(other);
	return rows;
}

/* Returns whether something failed. before counts the rows that must be there, and is kept. */
static bool write_with_fault(bool wal, int nth, int64_t *before)
{
	struct peal_error error = { 0 };
	struct peal_db *db;
	int r, opened;

	called = shim.failed = 0;
	shim.countdown = nth;
	r = opened = peal_db_open_with(url, &(struct peal_db_options){ .wal = wal }, &db, &error);
	if (r == 0)
		r = write_two(&error);
	shim.countdown = 0;
	T_INT(called, r == 0);
	if (r != 0)
		T_HAS(error.message, "x.db");
	/* Nobody knows: all of it or nothing. */
	if (strcmp(error.sqlstate, "08007") == 0 && rows_again() == *before + 2)
		*before += 2;
	else if (r == 0)
		*before += 2;
	if (opened == 0) {
		T_UINT(peal_atomic_depth(NULL), 0);
		T_INT(number_of("SELECT count(*) FROM t"), *before);
		T_OK(write_two(&error)); /* the disk is well again, and so is the connection */
		*before += 2;
		peal_db_close(db);
	}
	db = open_as(NULL, wal);
	T_INT(number_of("SELECT count(*) FROM t"), *before);
	is_intact();
	exec("DELETE FROM t");
	*before = 0;
	peal_db_close(db);
	return shim.failed > 0;
}

static void fail_each(bool wal)
{
	struct peal_db *db;
	int64_t before = 0;
	int nth;

	new_file("x.db");
	shim_install();
	db = open_as(NULL, wal);
	exec("CREATE TABLE t (a)");
	peal_db_close(db);
	for (int kind = 0; kind < 4; kind++) {
		shim.sticky = kind & 1;
		shim.full = kind & 2;
		for (nth = 1; write_with_fault(wal, nth, &before);)
			nth++;
		T_TRUE(nth > 4);
	}
}

TEST_TIMEOUT(every_access_to_the_disk_fails, 300)
{
	fail_each(false);
}

TEST_TIMEOUT(every_access_to_the_disk_fails_in_wal_mode, 300)
{
	fail_each(true);
}

/* ---- Files that are no use --------------------------------------------------------------------------------------- */

static void is_refused_with(bool read_only, const char *remedy)
{
	struct peal_error error = { 0 };
	struct peal_db *db;

	T_CODE(peal_db_open_with(url, &(struct peal_db_options){ .read_only = read_only }, &db,
				 &error),
	       PEAL_ECONNECTION);
	T_STR(error.sqlstate, "08001");
	T_HAS(error.message, path());
	T_HAS(error.message, remedy);
	T_PTR(peal_db_get(NULL), NULL);
}

static void is_refused(const char *remedy)
{
	is_refused_with(false, remedy);
}

TEST(files_that_cannot_be_opened)
{
	char text[200];

	new_file("no-folder/x.db");
	is_refused("the folder must exist");
	new_file("folder");
	T_SYS(mkdir(path(), 0700));
	is_refused("this is a folder: name a file in it");
	is_refused_with(true, "this is a folder: name a file in it");
	new_file("missing.db");
	is_refused_with(true, "there is no such file, and .read_only makes none");
	T_INT(access(path(), F_OK), -1);
	new_file("pipe");
	T_SYS(mkfifo(path(), 0600));
	is_refused("this is not a regular file");
	snprintf(url, sizeof(url), "sqlite:/dev/null"); /* which would take everything */
	is_refused("this is not a regular file");
	T_INT(access("/dev/null-ticket", F_OK), -1);
	new_file("text");
	memset(text, 'x', sizeof(text));
	test_write_file(path(), text, sizeof(text));
	is_refused("check the path");
}

/* Root may do everything. */
static bool give_up_root(void)
{
	return geteuid() != 0 || (setegid(65534) == 0 && seteuid(65534) == 0);
}

static void take_root_back(void)
{
	if (getuid() == 0)
		T_SYS(seteuid(0));
}

/* Others may enter the folder of the file and those around it, which are the test's own. */
static void open_folders(void)
{
	char folder[512];

	snprintf(folder, sizeof(folder), "%s", path());
	for (int i = 0; i < 3; i++) {
		*strrchr(folder, '/') = '\0';
		T_SYS(chmod(folder, 0755));
	}
}

TEST(files_without_permission)
{
	struct peal_error error = { 0 };
	struct peal_db *db;

	new_file("x.db");
	db = open_as(NULL, false);
	exec("CREATE TABLE t (a)");
	peal_db_close(db);
	open_folders();
	T_SYS(chmod(path(), 0444));
	T_TRUE(give_up_root());
	if (peal_db_open(url, &db, &error) != 0)
		T_FAIL("%s", error.message);
	T_INT(number_of("SELECT count(*) FROM t"), 0);
	T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (1)", NULL, NULL, &error), PEAL_EDB);
	T_STR(error.sqlstate, "25006");
	T_HAS(error.message, path());
	T_HAS(error.message, "check the permissions");
	peal_db_close(db);
	take_root_back();
	T_SYS(chmod(path(), 0));
	T_TRUE(give_up_root());
	is_refused("a file that may be opened");
	take_root_back();
}

/* Neither a journal nor a ticket can be made beside the file: it can be read, and nothing is lost. */
TEST(folder_without_permission)
{
	struct peal_error error = { 0 };
	char folder[512];
	struct peal_db *db;

	new_file("folder");
	T_SYS(mkdir(path(), 0700));
	snprintf(folder, sizeof(folder), "%s", path());
	strcat(url, "/x.db");
	db = open_as(NULL, false);
	exec("CREATE TABLE t (a integer)");
	exec("INSERT INTO t VALUES (1)");
	peal_db_close(db);
	T_SYS(unlink(test_path(folder, "x.db-ticket")));
	(void)unlink(test_path(folder, "x.db-journal"));
	open_folders();
	T_SYS(chmod(path(), 0666));
	T_SYS(chmod(folder, 0555));
	T_TRUE(give_up_root());
	if (peal_db_open(url, &db, &error) != 0)
		T_FAIL("%s", error.message);
	T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (2)", NULL, NULL, &error), PEAL_EDB);
	T_STR(error.sqlstate, "25006");
	T_HAS(error.message, path());
	T_HAS(error.message, "permissions of the file and its folder");
	T_INT(number_of("SELECT count(*) FROM t"), 1);
	peal_db_close(db);
	take_root_back();
	T_SYS(chmod(folder, 0700));
}

TEST(wal_needs_a_ticket)
{
	struct peal_error error = { 0 };
	struct peal_db *db;
	char ticket[600];
	int r;

	new_file("x.db");
	snprintf(ticket, sizeof(ticket), "%s-ticket", path());
	T_SYS(mkdir(ticket, 0700));
	r = peal_db_open_with(url, &(struct peal_db_options){ .wal = true }, &db, &error);
	if (!is_mended()) {
		T_CODE(r, PEAL_ENOTSUP);
		T_HAS(error.message, "x.db");
		T_HAS(error.message, "-ticket");
		T_HAS(error.message, "open without .wal");
		r = peal_db_open(url, &db, &error);
	}
	T_OK(r);
	peal_db_close(db);
}
