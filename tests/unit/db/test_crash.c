/* SPDX-License-Identifier: MIT */
/* A server that crashes and comes back, and writers that are killed: nothing that was committed is lost. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

struct server {
	pid_t pid;
	int in, out;
	char url[300];
};

static void server_start(struct server *server)
{
	static const char script[] = "echo \"$PEAL_TEST_POSTGRESQL_URL\"; cat >/dev/null";
	int in[2], out[2];
	size_t length = 0;

	T_SYS(pipe2(in, O_CLOEXEC));
	T_SYS(pipe2(out, O_CLOEXEC));
	server->pid = (pid_t)T_SYS(fork());
	if (server->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		unsetenv("PEAL_TEST_POSTGRESQL_URL");
		execl(test_source_path("tools/with-postgresql"), "with-postgresql", "--durable",
		      "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server->in = in[1];
	server->out = out[0];
	while (length + 1 < sizeof(server->url) &&
	       read(server->out, server->url + length, 1) == 1 && server->url[length] != '\n')
		length++;
	server->url[length] = '\0';
	T_HAS(server->url, "host=");
}

static void server_stop(struct server *server)
{
	int status;

	close(server->in);
	close(server->out);
	T_SYS(waitpid(server->pid, &status, 0));
	T_INT(status, 0);
}

/* Until it answers: how long a server needs is not ours to say, the time-out of the test is. */
static int64_t answer_of(const char *sql)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct peal_error error = { 0 };
	struct peal_cursor *cursor;
	const struct peal_value *values;
	int64_t number = 0;
	int r = PEAL_ECONNECTION;

	while (r == PEAL_ECONNECTION) {
		r = peal_db_query(NULL, sql, NULL, &cursor, &error);
		if (r == 0) {
			r = peal_cursor_next(cursor, &values, &error);
			number = r == 0 ? values[0].as.integer : 0;
			peal_cursor_free(cursor);
		}
		if (r < 0)
			nanosleep(&pause, NULL);
	}
	T_OK(r);
	return number;
}

static void until_it_answers(void)
{
	T_INT(answer_of("SELECT 1"), 1);
}

TEST_TIMEOUT(server_is_restarted, 120)
{
	struct server server;
	struct peal_error error = { 0 };
	struct peal_db *db = NULL;
	int64_t pid;
	int r;

	server_start(&server);
	T_OK(peal_db_open(server.url, &db, &error));
	exec("CREATE TABLE t (a integer)");
	pid = number_of("SELECT pg_backend_pid()");
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (1)");
	}
	T_OK(r);
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO t VALUES (2)");
		/* As in a crash: nothing that was not committed survives. */
		T_SYS(kill(server.pid, SIGUSR1));
		while (r == 0)
			r = peal_db_exec(NULL, "SET peal.still_there = '1'", NULL, NULL, &error);
		T_CODE(r, PEAL_ECONNECTION);
		T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (3)", NULL, NULL, &error),
		       PEAL_ETRANSACTION);
	}
	T_CODE(r, PEAL_ECONNECTION);
	until_it_answers();
	T_TRUE(number_of("SELECT pg_backend_pid()") != pid || pid);
	T_INT(number_of("SELECT sum(a) FROM t"), 1);
	exec("INSERT INTO t VALUES (4)");
	T_INT(number_of("SELECT sum(a) FROM t"), 5);
	peal_db_close(db);
	server_stop(&server);
}

/* ---- Killed writers ---------------------------------------------------------------------------------------------------- */

static int report_end;

static int report(void *user, struct peal_error *error)
{
	(void)error;
	T_INT(write(report_end, user, sizeof(int64_t)), sizeof(int64_t));
	return 0;
}

/* Two rows of two tables at a time, until something fails; each is reported when it is committed. */
static _Noreturn void write_and_report(const char *url)
{
	struct peal_error error = { 0 };
	struct peal_db *db;
	int64_t number;
	int r = 0;

	peal_db_close(peal_db_get(NULL)); /* the parent's */
	db = open_url(url, NULL);

	/* Until this session has ended, whatever ends it. */
	T_INT(number_on(NULL, "SELECT 1 FROM pg_advisory_lock(1)"), 1);
	number = number_on(NULL, "SELECT coalesce(max(a), 0) FROM t");
	T_OK(report(&(int64_t){ 0 }, NULL)); /* that it begins */
	while (r == 0) {
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
	T_CODE(r, PEAL_ECONNECTION);
	peal_db_close(db);
	_exit(0);
}

/* Returns when it is about to write. */
static pid_t writer_start(const char *url, int *ret_end)
{
	int64_t number = 1;
	int ends[2];
	pid_t pid;

	T_SYS(pipe(ends));
	pid = fork();
	T_SYS(pid);
	if (pid == 0) {
		close(ends[0]);
		report_end = ends[1];
		write_and_report(url);
	}
	close(ends[1]);
	T_INT(read(ends[0], &number, sizeof(number)), sizeof(number));
	T_INT(number, 0);
	*ret_end = ends[0];
	return pid;
}

/* Kills the writer, unless it has seen an error already. Returns the highest number reported, 0 when none was. */
static int64_t writer_end(pid_t pid, int end)
{
	int64_t number, highest = 0;
	int status;

	T_SYS(kill(pid, SIGKILL));
	while (read(end, &number, sizeof(number)) == sizeof(number))
		highest = number;
	close(end);
	T_SYS(waitpid(pid, &status, 0));
	T_TRUE(status == 0 || status == SIGKILL);
	return highest;
}

/* All that was reported is there, and at most the one more that could not be reported any more; and whole. */
static void nothing_is_lost(int64_t highest, int64_t before)
{
	int64_t last;

	T_INT(number_on(NULL, "SELECT 1 FROM pg_advisory_lock(1)"), 1);
	last = number_on(NULL, "SELECT coalesce(max(a), 0) FROM t");
	T_INT(number_on(NULL, "SELECT pg_advisory_unlock(1)::int"), 1);
	if (!highest)
		highest = before;
	T_TRUE(last == highest || last == highest + 1);
	T_INT(number_on(NULL, "SELECT count(*) FROM t"), last);
	T_INT(number_on(NULL, "SELECT count(*) FROM u"), last);
	T_INT(number_on(NULL, "SELECT coalesce(max(a), 0) FROM u"), last);
}

static int64_t rows_so_far(void)
{
	int64_t rows = number_on(NULL, "SELECT count(*) FROM t");

	if (rows < 3000)
		return rows;
	exec("TRUNCATE t, u");
	return 0;
}

static void make_tables(void)
{
	exec("CREATE TABLE t (a bigint UNIQUE)");
	exec("CREATE TABLE u (a bigint UNIQUE)");
}

TEST_TIMEOUT(killed_writers_lose_nothing, 1200)
{
	const char *wanted = getenv("PEAL_TEST_KILLS");
	long kills = wanted ? atol(wanted) / 2 : 100;
	struct test_random random = test_random_init(0);
	struct peal_db *db = open_database();

	make_tables();
	for (long i = 0; i < kills; i++) {
		int64_t before = rows_so_far();
		int end;
		pid_t pid = writer_start(database_url(), &end);

		usleep((useconds_t)test_random_below(&random, 15000));
		nothing_is_lost(writer_end(pid, end), before);
	}
	peal_db_close(db);
}

/* The writer has come back to the server after the crash, and what it did last may be going on. */
static void until_alone(void)
{
	while (number_on(NULL, "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
			       " AND backend_type = 'client backend'") > 0)
		usleep(2000);
}

#define STARTED "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint"

static void crash(const struct server *server)
{
	int64_t started = answer_of(STARTED);

	T_SYS(kill(server->pid, SIGUSR1));
	while (answer_of(STARTED) == started)
		usleep(2000);
}

TEST_TIMEOUT(crashed_server_loses_nothing, 300)
{
	const char *wanted = getenv("PEAL_TEST_KILLS");
	long crashes = wanted ? atol(wanted) / 200 : 3;
	struct test_random random = test_random_init(0);
	struct server server;
	struct peal_db *db;

	server_start(&server);
	db = open_url(server.url, NULL);
	make_tables();
	for (long i = 0; i < crashes; i++) {
		int64_t before = rows_so_far(), highest;
		int end;
		pid_t pid = writer_start(server.url, &end);

		usleep((useconds_t)test_random_below(&random, 100000));
		crash(&server);
		highest = writer_end(pid, end);
		until_alone();
		nothing_is_lost(highest, before);
	}
	peal_db_close(db);
	server_stop(&server);
}
