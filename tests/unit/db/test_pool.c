/* SPDX-License-Identifier: MIT */
/* Which thread has a connection, and for how long: few connections for many threads, and what each gives back. */
#include "fixture.h"

#include "connection.h"

#include <peal/async.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* In WAL mode, which spares the disk; otherwise these tests wait for nothing else. */
static struct peal_db *open_pool(uint32_t limit)
{
	struct peal_error error = { 0 };
	struct peal_db *db;

	if (peal_db_open_with(database_url(),
			      &(struct peal_db_options){ .max_connections = limit,
							 .pool_timeout_ms = 20000,
							 .wal = true },
			      &db, &error) != 0)
		T_FAIL("%s", error.message);
	return db;
}

static struct peal_db_counts stats(void)
{
	struct peal_db_counts now;

	peal_db_stats(peal_db_get(NULL), &now);
	return now;
}

static void wait_for_waiting(uint32_t count)
{
	while (stats().waiting != count)
		sched_yield();
}

static void join(pthread_t *threads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		T_INT(pthread_join(threads[i], NULL), 0);
}

static int count_up(struct peal_call *call, const struct peal_connection_created_args *args)
{
	(void)args;
	atomic_fetch_add((atomic_int *)call->user, 1);
	return 0;
}

/* ---- Few connections for many threads ----------------------------------------------------------------------------- */

enum {
	THREADS = 32,
	ROUNDS = 20
};

static void read_all(int64_t *ret_sum)
{
	const struct peal_value *values;
	struct peal_error error = { 0 };
	struct peal_cursor *cursor;
	int r;

	*ret_sum = 0;
	if (peal_db_query(NULL, "SELECT a FROM t", NULL, &cursor, &error) != 0)
		T_FAIL("%s", error.message);
	while ((r = peal_cursor_next(cursor, &values, &error)) == 0)
		*ret_sum += values[0].as.integer;
	if (r != PEAL_DONE)
		T_FAIL("%s", error.message);
	peal_cursor_free(cursor);
}

/* Statements, blocks and cursors, without a word about connections. */
static void *work(void *number)
{
	struct peal_error error = { 0 };
	int64_t sum;
	int r;

	for (int i = 0; i < ROUNDS; i++) {
		T_OK(peal_db_exec(NULL, "INSERT INTO t VALUES ($1)",
				  PEAL_PARAMS(PEAL_INT((intptr_t)number)), NULL, &error));
		PEAL_ATOMIC(r, &error) {
			exec("INSERT INTO t VALUES (1)");
			exec("INSERT INTO t VALUES (-1)");
		}
		if (r != 0)
			T_FAIL("%s", error.message);
		read_all(&sum);
		T_TRUE(sum >= (intptr_t)number); /* its own at least, and no half of a block */
	}
	return NULL;
}

TEST_TIMEOUT(many_threads_share_few_connections, 120)
{
	pthread_t threads[THREADS];
	atomic_int created = 0;
	struct peal_db *db;

	T_OK(PEAL_CONNECT(peal_connection_created, count_up, .user = &created));
	database_url();
	created = 0;
	db = open_pool(4);
	exec("CREATE TABLE t (a integer)");
	for (intptr_t i = 0; i < THREADS; i++)
		T_INT(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	join(threads, THREADS);
	T_INT(number_of("SELECT count(*) FROM t"), 3 * THREADS * ROUNDS);
	T_INT(number_of("SELECT sum(a) FROM t"), ROUNDS * THREADS * (THREADS - 1) / 2);
	T_TRUE(created >= 1 && created <= 4);
	T_UINT(stats().limit, 4);
	T_UINT(stats().open, (unsigned)created);
	T_UINT(stats().held, 0);
	T_UINT(stats().waiting, 0);
	peal_db_close(db);
	T_OK(PEAL_DISCONNECT(peal_connection_created, count_up, .user = &created));
}

static char order[8];

static void *append(void *letter)
{
	int r;

	PEAL_ATOMIC(r, NULL) {
		strcat(order, letter); /* the block is its lock */
	}
	T_OK(r);
	return NULL;
}

TEST(who_came_first_is_first)
{
	static char letters[][2] = { "a", "b", "c", "d", "e" };
	pthread_t threads[PEAL_COUNTOF(letters)];
	struct peal_db *db = open_pool(1);
	int r;

	PEAL_ATOMIC(r, NULL) {
		for (size_t i = 0; i < PEAL_COUNTOF(letters); i++) {
			T_INT(pthread_create(&threads[i], NULL, append, letters[i]), 0);
			wait_for_waiting((uint32_t)i + 1);
		}
		T_UINT(stats().held, 1);
	}
	T_OK(r);
	append((char[]){ "z" }); /* behind all that wait */
	join(threads, PEAL_COUNTOF(letters));
	T_STR(order, "abcdez");
	peal_db_close(db);
}

static void *find_none(void *unused)
{
	struct peal_error error = { 0 };
	int64_t begin = test_clock_ns();

	T_CODE(peal_db_exec(NULL, "SELECT 1", NULL, NULL, &error), PEAL_EBUSY);
	T_TRUE(test_clock_ns() - begin >= 50000000);
	T_HAS(error.message, "\"default\"");
	T_HAS(error.message, "50 ms (pool_timeout_ms)");
	T_HAS(error.message, "1 of 1 (max_connections)");
	T_HAS(error.message, "0 more threads wait");
	T_HAS(error.message, "raise max_connections");
	return unused;
}

static void in_thread(void *(*run)(void *))
{
	pthread_t thread;

	T_INT(pthread_create(&thread, NULL, run, NULL), 0);
	T_INT(pthread_join(thread, NULL), 0);
}

/* A block and a cursor hold a connection, and only these. */
TEST(waiting_ends)
{
	struct peal_error error = { 0 };
	const struct peal_value *values;
	struct peal_cursor *cursor;
	struct peal_db *db;
	int r;

	T_OK(peal_db_open_with(
		database_url(),
		&(struct peal_db_options){ .max_connections = 1, .pool_timeout_ms = 50 }, &db,
		&error));
	exec("CREATE TABLE t (a integer)");
	exec("INSERT INTO t VALUES (1), (2)");
	PEAL_ATOMIC(r, &error) {
		in_thread(find_none);
		exec("INSERT INTO t VALUES (3)");
	}
	T_OK(r);
	T_OK(peal_db_query(NULL, "SELECT a FROM t ORDER BY a", NULL, &cursor, &error));
	T_OK(peal_cursor_next(cursor, &values, &error));
	in_thread(find_none);
	T_INT(number_of("SELECT count(*) FROM t"), 3); /* on the same one */
	T_OK(peal_cursor_next(cursor, &values, &error));
	T_INT(values[0].as.integer, 2);
	peal_cursor_free(cursor);
	T_UINT(stats().held, 0);
	in_thread(work);
	peal_db_close(db);
}

static int nobody_holds_one(void *user, struct peal_error *error)
{
	(void)error;
	T_UINT(stats().held, 0);
	T_INT(number_of("SELECT 1"), 1);
	++*(int *)user;
	return 0;
}

TEST(callbacks_run_without_a_connection)
{
	struct peal_db *db = open_pool(1);
	int calls = 0, r;

	PEAL_ATOMIC(r, NULL) {
		r = PEAL_ON_COMMIT(NULL, nobody_holds_one, .user = &calls);
	}
	T_OK(r);
	T_INT(calls, 1);
	peal_db_close(db);
}

/* ---- Receivers on an executor ------------------------------------------------------------------------------------- */

struct note_args {
	int64_t number;
};
PEAL_SIGNAL_DECLARE(note);
PEAL_SIGNAL_DEFINE(note);

static void write_note(struct peal_task *task, const struct note_args *args)
{
	struct peal_error error = { 0 };
	int r = peal_db_exec(NULL, "INSERT INTO t VALUES ($1)", PEAL_PARAMS(PEAL_INT(args->number)),
			     NULL, &error);

	peal_task_done(task, r, error.message);
}

/* Threads of an executor, which live long, keep nothing; nor does who waits for them. */
TEST(executor_keeps_no_connection)
{
	struct peal_executor *executor;
	struct peal_db *db = open_pool(1);

	T_OK(peal_pool_new(4, &executor));
	exec("CREATE TABLE t (a integer)");
	T_OK(PEAL_CONNECT_ASYNC(note, write_note, .executor = executor));
	for (int i = 0; i < 20; i++) {
		exec("INSERT INTO t VALUES (0)");
		T_OK(PEAL_SEND(note, NULL, .number = i));
		T_UINT(stats().held, 0);
	}
	T_INT(number_of("SELECT count(*) FROM t"), 40);
	T_OK(PEAL_DISCONNECT_ASYNC(note, write_note));
	peal_pool_free(executor);
	peal_db_close(db);
}

/* ---- Without a limit ---------------------------------------------------------------------------------------------- */

static pthread_barrier_t together;

static void *use_and_release(void *unused)
{
	T_INT(number_of("SELECT 1"), 1);
	T_OK(peal_db_release(NULL));
	pthread_barrier_wait(&together); /* the thread lives on */
	pthread_barrier_wait(&together);
	return unused;
}

TEST(thread_may_release_its_connection)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	struct peal_cursor *cursor;
	pthread_t thread;
	int r;

	T_UINT(stats().limit, 0);
	T_UINT(stats().held, 1);
	T_CODE(peal_db_release("other"), PEAL_EINVAL);
	PEAL_ATOMIC(r, &error) {
		T_CODE(peal_db_release(NULL), PEAL_ETRANSACTION);
	}
	T_OK(r);
	T_OK(peal_db_query(NULL, "SELECT 1", NULL, &cursor, &error));
	T_CODE(peal_db_release(NULL), PEAL_EBUSY);
	peal_cursor_free(cursor);
	T_UINT(stats().held, 1);
	T_OK(peal_db_release(NULL));
	T_OK(peal_db_release(NULL));
	T_UINT(stats().held, 0);
	T_UINT(stats().open, 1);
	T_INT(pthread_barrier_init(&together, NULL, 2), 0);
	T_INT(pthread_create(&thread, NULL, use_and_release, NULL), 0);
	pthread_barrier_wait(&together);
	T_UINT(stats().open, 1);
	T_INT(number_of("SELECT 1"), 1);
	T_UINT(stats().open, 1);
	T_UINT(stats().held, 1);
	pthread_barrier_wait(&together);
	T_INT(pthread_join(thread, NULL), 0);
	pthread_barrier_destroy(&together);
	peal_db_close(db);
}

static void *leave_block(void *unused)
{
	struct peal_atomic atomic;

	T_OK(peal_atomic_enter(&atomic, NULL, NULL));
	exec("INSERT INTO t VALUES (1)");
	return unused;
}

TEST(thread_that_ends_gives_back)
{
	for (uint32_t limit = 0; limit < 2; limit++) {
		struct peal_db *db = open_pool(limit);

		exec("CREATE TABLE t (a integer)");
		T_OK(peal_db_release(NULL));
		in_thread(leave_block);
		T_UINT(stats().held, 0);
		T_UINT(stats().open, 1);
		T_INT(number_of("SELECT count(*) FROM t"), 0);
		exec("DROP TABLE t");
		peal_db_close(db);
	}
}

/* ---- What becomes of a connection --------------------------------------------------------------------------------- */

static void *hold_one(void *unused)
{
	int r;

	PEAL_ATOMIC_WITH(r, NULL, .read_only = true) {
		pthread_barrier_wait(&together);
	}
	T_OK(r);
	return unused;
}

TEST(idle_connections_are_closed)
{
	struct peal_error error = { 0 };
	pthread_t threads[3];
	struct peal_db *db;

	T_OK(peal_db_open_with(
		database_url(),
		&(struct peal_db_options){ .max_connections = 4, .max_idle_seconds = 100 }, &db,
		&error));
	exec("CREATE TABLE t (a integer)");
	T_INT(pthread_barrier_init(&together, NULL, 3), 0);
	for (size_t i = 0; i < 3; i++)
		T_INT(pthread_create(&threads[i], NULL, hold_one, NULL), 0);
	join(threads, 3);
	pthread_barrier_destroy(&together);
	T_UINT(stats().open, 3);
	T_INT(number_of("SELECT count(*) FROM t"), 0);
	T_UINT(stats().open, 3);
	for (struct peal__line *line = db->idle; line; line = line->next)
		line->idle_since -= INT64_C(101000000000);
	T_INT(number_of("SELECT count(*) FROM t"), 0); /* also in memory: one is always open */
	T_UINT(stats().open, 1);
	T_UINT(stats().held, 0);
	peal_db_close(db);
}

static const struct peal__driver *real;
static struct peal__driver faulty;

static int refuse(struct peal__connection *c, struct peal_error *error)
{
	(void)c;
	return peal_error_set(error, PEAL_ECONNECTION, "a planted fault");
}

static void *open_refused(void *unused)
{
	struct peal_error error = { 0 };

	T_CODE(peal_db_exec(NULL, "SELECT 1", NULL, NULL, &error), PEAL_ECONNECTION);
	T_STR(error.message, "a planted fault");
	return unused;
}

static void *work_once(void *unused)
{
	T_INT(number_of("SELECT 1"), 1);
	return unused;
}

TEST(failed_opening_leaves_the_place)
{
	struct peal_db *db = open_pool(2);
	int r;

	real = db->driver;
	faulty = *real;
	faulty.open = refuse;
	PEAL_ATOMIC_WITH(r, NULL, .read_only = true) {
		db->driver = &faulty;
		in_thread(open_refused);
		in_thread(open_refused);
		T_UINT(stats().open, 1);
		db->driver = real;
		in_thread(work_once);
		T_UINT(stats().open, 2);
	}
	T_OK(r);
	peal_db_close(db);
}

static int use_it(struct peal_call *call, const struct peal_connection_created_args *args)
{
	(void)call;
	T_UINT(stats().held, 1);
	T_INT(number_of("SELECT 7"), 7);
	T_UINT(stats().held, 1);
	T_STR(args->database, "default");
	return 0;
}

TEST(receivers_of_created_use_it)
{
	struct peal_db *db;

	database_url();
	T_OK(PEAL_CONNECT(peal_connection_created, use_it));
	db = open_pool(1);
	T_UINT(stats().held, 0);
	peal_db_close(db);
	T_OK(PEAL_DISCONNECT(peal_connection_created, use_it));
}

TEST(child_of_fork_has_none)
{
	struct peal_db *db = open_pool(2);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		T_CODE(peal_db_exec(NULL, "SELECT 1", NULL, NULL, NULL), PEAL_EFORK);
		T_CODE(peal_db_release(NULL), PEAL_EFORK);
		T_UINT(stats().open, 0);
		peal_db_close(db);
		_exit(0);
	}
	T_SYS(waitpid(pid, &status, 0));
	T_INT(status, 0);
	T_INT(number_of("SELECT 1"), 1);
	peal_db_close(db);
}

TEST(every_allocation_fails)
{
	const char *url = database_url();

	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db;
		int r = peal_db_open_with(
			url,
			&(struct peal_db_options){ .max_connections = 1, .pool_timeout_ms = 1 },
			&db, &error);

		if (r == 0) {
			r = peal_db_exec(NULL, "CREATE TABLE IF NOT EXISTS t (a integer)", NULL,
					 NULL, &error);
			if (r == 0)
				r = peal_db_exec(NULL, "DROP TABLE t", NULL, NULL, &error);
			T_UINT(stats().held, 0); /* else the next one would find none free */
			peal_db_close(db);
		}
		if (r != 0)
			T_CODE(r, PEAL_ENOMEM);
		T_TRUE(r == 0 || test_alloc_failed());
	}
}
