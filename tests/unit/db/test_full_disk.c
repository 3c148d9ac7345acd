/* SPDX-License-Identifier: MIT */
/*
 * A full disk: whatever is done with SQLite when there is room for 0, 4, 8, ... kB, each end of the room is told
 * clearly, nothing that was committed is lost, and when there is room again everything works again.
 */
#include "fixture.h"

#include "disk.h"

#define ROOM_MAX 160 /* kB; at least as much as any of the works below needs */

static char url[600];
static bool wal;
static int committed, told;

static int note_committed(void *unused, struct peal_error *error)
{
	(void)unused;
	(void)error;
	committed++;
	return 0;
}

static int open_db(struct peal_db **ret_db, struct peal_error *error)
{
	return peal_db_open_with(url, &(struct peal_db_options){ .wal = wal }, ret_db, error);
}

static struct peal_db *must_open(void)
{
	struct peal_error error = { 0 };
	struct peal_db *db;

	if (open_db(&db, &error) != 0)
		T_FAIL("%s", error.message);
	return db;
}

static int query(const char *sql, struct peal_error *error)
{
	const struct peal_value *values;
	struct peal_cursor *cursor = NULL;
	int r = peal_db_query(NULL, sql, NULL, &cursor, error);

	while (r == 0)
		r = peal_cursor_next(cursor, &values, error);
	peal_cursor_free(cursor);
	return r == PEAL_DONE ? 0 : r;
}

/* ---- Works: each does all or nothing, and says how many rows more there are ------------------------------------------ */

static int insert_one(struct peal_error *error)
{
	return peal_db_exec(NULL, "INSERT INTO t (a) VALUES (randomblob(20000))", NULL, NULL,
			    error);
}

static int insert_in_a_block(struct peal_error *error)
{
	int r;

	PEAL_ATOMIC(r, error) {
		r = PEAL_ON_COMMIT(error, note_committed, .user = NULL);
		for (int i = 0; i < 30 && r == 0; i++)
			r = peal_db_exec(NULL, "INSERT INTO t (a) VALUES (randomblob(2000))", NULL,
					 NULL, error);
	}
	return r;
}

/* So few pages in memory that it writes before its commit. */
static int insert_in_a_small_cache(struct peal_error *error)
{
	int r = query("PRAGMA cache_size = 5", error);

	if (r == 0)
		r = insert_in_a_block(error);
	return r;
}

static int insert_in_savepoints(struct peal_error *error)
{
	int r, inner = 0;

	PEAL_ATOMIC(r, error) {
		for (int i = 0; i < 3 && r == 0; i++) {
			PEAL_ATOMIC(inner, error) {
				inner = peal_db_exec(NULL,
						     "INSERT INTO t (a) VALUES (randomblob(9000))",
						     NULL, NULL, error);
			}
			r = inner;
		}
	}
	return r;
}

static int make_a_table(struct peal_error *error)
{
	int r;

	PEAL_ATOMIC(r, error) {
		r = peal_db_exec(NULL, "CREATE TABLE u (a integer PRIMARY KEY, b text UNIQUE)",
				 NULL, NULL, error);
		if (r == 0)
			r = peal_db_exec(NULL, "CREATE INDEX i ON u (b, a)", NULL, NULL, error);
	}
	return r;
}

static int change_all(struct peal_error *error)
{
	return peal_db_exec(NULL, "UPDATE t SET a = randomblob(4000), b = b + 1", NULL, NULL,
			    error);
}

static int remove_all(struct peal_error *error)
{
	return peal_db_exec(NULL, "DELETE FROM t", NULL, NULL, error);
}

static const struct work {
	const char *name;
	int (*run)(struct peal_error *error);
	int rows; /* that it adds; -1: it removes all */
	bool hook;
} works[] = {
	{ "insert", insert_one, 1, false },
	{ "block", insert_in_a_block, 30, true },
	{ "small cache", insert_in_a_small_cache, 30, true },
	{ "savepoints", insert_in_savepoints, 3, false },
	{ "create table", make_a_table, 0, false },
	{ "update", change_all, 0, false },
	{ "delete", remove_all, -1, false },
};

/* ---- What is there --------------------------------------------------------------------------------------------------- */

static void is_intact(int64_t rows, int64_t sum)
{
	const struct peal_value *values;
	struct peal_cursor *cursor;

	T_INT(number_of("SELECT count(*) FROM t"), rows);
	T_INT(number_of("SELECT coalesce(sum(b), 0) FROM t"), sum);
	T_OK(peal_db_query(NULL, "PRAGMA integrity_check", NULL, &cursor, NULL));
	T_OK(peal_cursor_next(cursor, &values, NULL));
	T_STR(values[0].as.text.data, "ok");
	peal_cursor_free(cursor);
}

static void is_told(const struct work *work, int room, int r, const struct peal_error *error)
{
	told++;
	if (r != PEAL_EDB || !strstr(error->message, "x.db") ||
	    !(strcmp(error->sqlstate, "53100") == 0
		      ? strstr(error->message, "the disk is full: make room")
		      : strstr(error->message, "check the disk")))
		T_FAIL("%s, %d kB: %d: %s: %s", work->name, room, r, error->sqlstate,
		       error->message);
}

/* Ten rows; returns the sum of their b. */
static int64_t fill(void)
{
	exec("CREATE TABLE t (a blob, b integer NOT NULL DEFAULT 1)");
	for (int i = 0; i < 10; i++)
		exec("INSERT INTO t (a) VALUES (randomblob(3000))");
	return 10;
}

/* Returns whether there was room. */
static bool work_in(const struct work *work, int room)
{
	struct peal_error error = { 0 };
	char path[560];
	struct peal_db *db;
	int64_t rows, sum;
	int r;

	snprintf(path, sizeof(path), "%s/%s-%d-x.db", disk.folder, work->name, room);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	disk_room(8 << 20);
	db = must_open();
	rows = sum = fill();
	committed = 0;
	disk_room((int64_t)room << 10);
	r = work->run(&error);
	if (r == 0) {
		sum = work->run == change_all ? rows * 2 : work->rows < 0 ? 0 : sum + work->rows;
		rows = work->rows < 0 ? 0 : rows + work->rows;
	} else {
		is_told(work, room, r, &error);
		T_UINT(peal_atomic_depth(NULL), 0);
	}
	T_INT(committed, r == 0 && work->hook);
	is_intact(rows, sum); /* reading needs no room */
	disk_room(8 << 20);
	is_intact(rows, sum);
	if (insert_in_a_block(&error) != 0)
		T_FAIL("%s, %d kB, room again: %s", work->name, room, error.message);
	is_intact(rows + 30, sum + 30);
	peal_db_close(db);
	db = must_open();
	is_intact(rows + 30, sum + 30);
	peal_db_close(db);
	T_SYS(unlink(path));
	return r == 0;
}

/* The whole of a database is made where there is little room, or opened by a second process. */
static bool open_in(int room)
{
	static const struct work opening = { "open", NULL, 0, false };
	struct peal_error error = { 0 };
	struct peal_db *db = NULL;
	char path[560];
	int r;

	snprintf(path, sizeof(path), "%s/%d-x.db", disk.folder, room);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	disk_room((int64_t)room << 10);
	r = open_db(&db, &error);
	if (r == 0)
		r = make_a_table(&error);
	if (r != 0 && r != PEAL_ECONNECTION)
		is_told(&opening, room, r, &error);
	peal_db_close(db);
	disk_room(8 << 20);
	db = must_open();
	fill();
	is_intact(10, 10);
	peal_db_close(db);
	T_SYS(unlink(path));
	return r == 0;
}

static void fill_the_disk(bool mounted)
{
	int worked = 0, step = mounted ? 4 : 12;

	disk_begin(mounted);
	for (size_t i = 0; i < PEAL_COUNTOF(works); i++) {
		worked = 0;
		for (int room = 0; room <= ROOM_MAX && worked < 2; room += step)
			worked += work_in(&works[i], room);
		if (worked < 2)
			T_FAIL("%s: %d kB are not enough", works[i].name, ROOM_MAX);
	}
	worked = 0;
	for (int room = 0; room <= ROOM_MAX && worked < 2; room += step)
		worked += open_in(room);
	T_INT(worked, 2);
	T_TRUE(told > 10);
	disk_end();
}

TEST_TIMEOUT(full_disk, 300)
{
	fill_the_disk(true);
}

TEST_TIMEOUT(full_disk_in_wal_mode, 300)
{
	wal = true;
	fill_the_disk(true);
}

TEST_TIMEOUT(full_quota, 300)
{
	fill_the_disk(false);
}

TEST_TIMEOUT(full_quota_in_wal_mode, 300)
{
	wal = true;
	fill_the_disk(false);
}
