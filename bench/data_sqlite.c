/* SPDX-License-Identifier: MIT */
/*
 * The raw side of the SQLite figures: statements prepared once, texts bound where they are, a connection without
 * mutex, WAL and synchronous = NORMAL as on ours. Its only user is this program, so it asks nobody before it writes,
 * and it lets SQLite move the log by itself, at the same length as ours.
 */
#include "data.h"

#include <dirent.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS "id, title, body, words, score, updated"

static char folder[256];
static sqlite3 *db;
static sqlite3_stmt *insert_one, *select_one, *select_all, *update_one, *delete_one;

static void execute(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		exit(1);
	}
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *statement = NULL;

	BENCH_CHECK(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) ==
		    SQLITE_OK);
	return statement;
}

static void begin(char *ours_url, char *raw_url)
{
	const char *parent = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/peal-bench.XXXXXX", parent ? parent : "/var/tmp");
	BENCH_CHECK(mkdtemp(folder));
	snprintf(ours_url, DATA_URL_MAX, "sqlite:%s/ours.db", folder);
	snprintf(raw_url, DATA_URL_MAX, "sqlite:%s/raw.db", folder);
	printf("# SQLite %s\n", sqlite3_libversion());
}

static void open_raw(const char *raw_url)
{
	BENCH_CHECK(sqlite3_open_v2(strchr(raw_url, ':') + 1, &db,
				    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				    NULL) == SQLITE_OK);
	execute("PRAGMA journal_mode = WAL");
	execute("PRAGMA synchronous = NORMAL");
	insert_one = prepare("INSERT INTO " DATA_TABLE
			     " (title, body, words, score, updated) VALUES (?, ?, ?, ?, ?)");
	select_one = prepare("SELECT " COLUMNS " FROM " DATA_TABLE " WHERE id = ?");
	select_all = prepare("SELECT " COLUMNS " FROM " DATA_TABLE);
	update_one = prepare("UPDATE " DATA_TABLE " SET words = ? WHERE id = ?");
	delete_one = prepare("DELETE FROM " DATA_TABLE " WHERE id = ?");
}

static void close_raw(void)
{
	sqlite3_finalize(insert_one);
	sqlite3_finalize(select_one);
	sqlite3_finalize(select_all);
	sqlite3_finalize(update_one);
	sqlite3_finalize(delete_one);
	BENCH_CHECK(sqlite3_close(db) == SQLITE_OK);
}

static void end(void)
{
	DIR *files = opendir(folder);
	const struct dirent *file;
	char path[600];

	BENCH_CHECK(files);
	while ((file = readdir(files))) {
		snprintf(path, sizeof(path), "%s/%s", folder, file->d_name);
		unlink(path);
	}
	closedir(files);
	BENCH_CHECK(rmdir(folder) == 0);
}

static void run(sqlite3_stmt *statement)
{
	BENCH_CHECK(sqlite3_step(statement) == SQLITE_DONE);
	BENCH_CHECK(sqlite3_reset(statement) == SQLITE_OK);
}

static void insert(struct item *items, size_t count)
{
	sqlite3_stmt *s = insert_one;

	for (size_t i = 0; i < count; i++) {
		struct item *item = &items[i];
		char updated[32];

		data_time_write(item->updated, updated);
		BENCH_CHECK(sqlite3_bind_text(s, 1, item->title, -1, SQLITE_STATIC) == SQLITE_OK);
		BENCH_CHECK(sqlite3_bind_text(s, 2, item->body, -1, SQLITE_STATIC) == SQLITE_OK);
		BENCH_CHECK(sqlite3_bind_int(s, 3, item->words) == SQLITE_OK);
		BENCH_CHECK(sqlite3_bind_double(s, 4, item->score) == SQLITE_OK);
		BENCH_CHECK(sqlite3_bind_text(s, 5, updated, 26, SQLITE_STATIC) == SQLITE_OK);
		run(s);
		item->id = sqlite3_last_insert_rowid(db);
	}
}

static size_t text_size(sqlite3_stmt *s, int column)
{
	return (size_t)sqlite3_column_bytes(s, column);
}

static void read_numbers(sqlite3_stmt *s, struct item *item)
{
	item->id = sqlite3_column_int64(s, 0);
	item->words = sqlite3_column_int(s, 3);
	item->score = sqlite3_column_double(s, 4);
	item->updated = data_time_read((const char *)sqlite3_column_text(s, 5));
}

static void get_one(int64_t id, struct item *item)
{
	sqlite3_stmt *s = select_one;
	const char *title, *body;
	size_t title_size, body_size;
	char *texts;

	BENCH_CHECK(sqlite3_bind_int64(s, 1, id) == SQLITE_OK);
	BENCH_CHECK(sqlite3_step(s) == SQLITE_ROW);
	read_numbers(s, item);
	title = (const char *)sqlite3_column_text(s, 1);
	title_size = text_size(s, 1);
	body = (const char *)sqlite3_column_text(s, 2);
	body_size = text_size(s, 2);
	texts = malloc(title_size + body_size + 2);
	BENCH_CHECK(texts);
	item->title = memcpy(texts, title, title_size + 1);
	item->body = memcpy(texts + title_size + 1, body, body_size + 1);
	BENCH_CHECK(sqlite3_reset(s) == SQLITE_OK);
}

static void get(const int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct item item;

		get_one(ids[i], &item);
		BENCH_CHECK(item.id == ids[i]);
		free((char *)item.title);
	}
}

static void update(const int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		BENCH_CHECK(sqlite3_bind_int(update_one, 1, (int)i) == SQLITE_OK);
		BENCH_CHECK(sqlite3_bind_int64(update_one, 2, ids[i]) == SQLITE_OK);
		run(update_one);
		BENCH_CHECK(sqlite3_changes(db) == 1);
	}
}

static void delete_all(const int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		BENCH_CHECK(sqlite3_bind_int64(delete_one, 1, ids[i]) == SQLITE_OK);
		run(delete_one);
		BENCH_CHECK(sqlite3_changes(db) == 1);
	}
}

static void load(size_t expected)
{
	struct data_texts texts = { 0 };
	struct item *items = NULL;
	size_t count = 0, capacity = 0;
	sqlite3_stmt *s = select_all;
	int code;

	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct item *item;

		if (count == capacity) {
			capacity = capacity ? 2 * capacity : 64;
			items = realloc(items, capacity * sizeof(*items));
			BENCH_CHECK(items);
		}
		item = &items[count++];
		read_numbers(s, item);
		item->title =
			data_text(&texts, (const char *)sqlite3_column_text(s, 1), text_size(s, 1));
		item->body =
			data_text(&texts, (const char *)sqlite3_column_text(s, 2), text_size(s, 2));
	}
	BENCH_CHECK(code == SQLITE_DONE && count == expected);
	sqlite3_reset(s);
	free(items);
	data_texts_free(&texts);
}

/* Several rows in one statement are no faster: most of it is work on the tree. */
static void bulk(struct item *items, size_t count)
{
	execute("BEGIN IMMEDIATE");
	insert(items, count);
	execute("COMMIT");
}

const struct data_raw data_sqlite = {
	.name = "sqlite",
	.singles = 20000,
	.own = 5000,
	.empty = { "DELETE FROM " DATA_TABLE, "DELETE FROM sqlite_sequence" },
	.begin_sql = "BEGIN IMMEDIATE",
	.commit_sql = "COMMIT",
	.begin = begin,
	.open = open_raw,
	.close = close_raw,
	.end = end,
	.execute = execute,
	.insert = insert,
	.get = get,
	.update = update,
	.remove = delete_all,
	.load = load,
	.bulk = bulk,
};
