/* SPDX-License-Identifier: MIT */
/*
 * The raw side of the PostgreSQL figures: libpq, statements prepared once and run by name, parameters and rows in
 * binary. Rows in great numbers go by a binary COPY, with keys that are taken from the sequence before. The server is
 * that of tools/with-postgresql, which does not wait for the disk.
 */
#include "data.h"

#include <endian.h>
#include <libpq-fe.h>
#include <string.h>

#define COLUMNS "id, title, body, words, score, updated"
#define EPOCH INT64_C(946684800000000) /* the server counts from 2000-01-01 */
#define COPY_SIZE 65536                /* handed to libpq at once */

static PGconn *conn;

/* ---- Bytes in the order of the network ------------------------------------------------------------------------- */

static char *put16(char *at, uint16_t number)
{
	number = htobe16(number);
	return (char *)memcpy(at, &number, 2) + 2;
}

static char *put32(char *at, uint32_t number)
{
	number = htobe32(number);
	return (char *)memcpy(at, &number, 4) + 4;
}

static char *put64(char *at, uint64_t number)
{
	number = htobe64(number);
	return (char *)memcpy(at, &number, 8) + 8;
}

static uint64_t bits_of(double real)
{
	uint64_t bits;

	memcpy(&bits, &real, sizeof(bits));
	return bits;
}

static uint32_t get32(const char *data)
{
	uint32_t number;

	memcpy(&number, data, 4);
	return be32toh(number);
}

static uint64_t get64(const char *data)
{
	uint64_t number;

	memcpy(&number, data, 8);
	return be64toh(number);
}

static double get_real(const char *data)
{
	uint64_t bits = get64(data);
	double real;

	memcpy(&real, &bits, sizeof(real));
	return real;
}

/* ---- The server ------------------------------------------------------------------------------------------------ */

static PGresult *checked(PGresult *result, const char *what)
{
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) {
		fprintf(stderr, "%s: %s\n", what, PQerrorMessage(conn));
		exit(1);
	}
	return result;
}

static void execute(const char *sql)
{
	PQclear(checked(PQexec(conn, sql), sql));
}

static void prepare(const char *name, const char *sql)
{
	PQclear(checked(PQprepare(conn, name, sql, 0, NULL), sql));
}

static void connect_to(const char *url)
{
	conn = PQconnectdb(url);
	if (PQstatus(conn) != CONNECTION_OK) {
		fprintf(stderr, "%s\n", PQerrorMessage(conn));
		exit(1);
	}
	execute("SET client_min_messages = warning");
}

static const char *server_url(void)
{
	const char *url = getenv("PEAL_TEST_POSTGRESQL_URL");

	if (!url || !strstr(url, "/postgres?")) {
		fputs("bench-data: PEAL_TEST_POSTGRESQL_URL is not set: run this by tools/with-postgresql\n",
		      stderr);
		exit(1);
	}
	return url;
}

static void url_of(const char *database, char *url)
{
	const char *server = server_url(), *name = strstr(server, "/postgres?");

	snprintf(url, DATA_URL_MAX, "%.*s/%s?%s", (int)(name - server), server, database,
		 strchr(name, '?') + 1);
}

static void begin(char *ours_url, char *raw_url)
{
	connect_to(server_url());
	execute("DROP DATABASE IF EXISTS bench_ours");
	execute("DROP DATABASE IF EXISTS bench_raw");
	execute("CREATE DATABASE bench_ours");
	execute("CREATE DATABASE bench_raw");
	printf("# PostgreSQL %s\n", PQparameterStatus(conn, "server_version"));
	PQfinish(conn);
	url_of("bench_ours", ours_url);
	url_of("bench_raw", raw_url);
}

static void open_raw(const char *raw_url)
{
	connect_to(raw_url);
	prepare("insert_one", "INSERT INTO " DATA_TABLE " (title, body, words, score, updated) "
			      "VALUES ($1, $2, $3, $4, $5) RETURNING id");
	prepare("select_one", "SELECT " COLUMNS " FROM " DATA_TABLE " WHERE id = $1");
	prepare("select_all", "SELECT " COLUMNS " FROM " DATA_TABLE);
	prepare("update_one", "UPDATE " DATA_TABLE " SET words = $1 WHERE id = $2");
	prepare("delete_one", "DELETE FROM " DATA_TABLE " WHERE id = $1");
	prepare("take_keys", "SELECT nextval((SELECT pg_get_serial_sequence('" DATA_TABLE
			     "', 'id')::regclass)) FROM generate_series(1, $1)");
}

static void close_raw(void)
{
	PQfinish(conn);
}

static void end(void)
{
	connect_to(server_url());
	execute("DROP DATABASE bench_ours");
	execute("DROP DATABASE bench_raw");
	PQfinish(conn);
}

/* ---- Row by row ------------------------------------------------------------------------------------------------ */

static const int binary[] = { 1, 1, 1, 1, 1 };

static PGresult *run(const char *name, int count, const char *const *data, const int *sizes)
{
	return checked(PQexecPrepared(conn, name, count, data, sizes, binary, 1), name);
}

static void insert_one(struct item *item)
{
	char words[4], score[8], updated[8];
	const char *data[] = { item->title, item->body, words, score, updated };
	const int sizes[] = { (int)strlen(item->title), (int)strlen(item->body), 4, 8, 8 };
	PGresult *result;

	put32(words, (uint32_t)item->words);
	put64(score, bits_of(item->score));
	put64(updated, (uint64_t)(item->updated - EPOCH));
	result = run("insert_one", 5, data, sizes);
	BENCH_CHECK(PQntuples(result) == 1);
	item->id = (int64_t)get64(PQgetvalue(result, 0, 0));
	PQclear(result);
}

static void insert(struct item *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		insert_one(&items[i]);
}

static void read_numbers(const PGresult *result, int row, struct item *item)
{
	item->id = (int64_t)get64(PQgetvalue(result, row, 0));
	item->words = (int32_t)get32(PQgetvalue(result, row, 3));
	item->score = get_real(PQgetvalue(result, row, 4));
	item->updated = (int64_t)get64(PQgetvalue(result, row, 5)) + EPOCH;
}

static void get_one(int64_t id, struct item *item)
{
	char key[8];
	const char *data[] = { key };
	const int sizes[] = { 8 };
	size_t title_size, body_size;
	PGresult *result;
	char *texts;

	put64(key, (uint64_t)id);
	result = run("select_one", 1, data, sizes);
	BENCH_CHECK(PQntuples(result) == 1);
	read_numbers(result, 0, item);
	title_size = (size_t)PQgetlength(result, 0, 1);
	body_size = (size_t)PQgetlength(result, 0, 2);
	texts = malloc(title_size + body_size + 2);
	BENCH_CHECK(texts);
	item->title = memcpy(texts, PQgetvalue(result, 0, 1), title_size + 1);
	item->body = memcpy(texts + title_size + 1, PQgetvalue(result, 0, 2), body_size + 1);
	PQclear(result);
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

static void change_one(const char *name, int count, const char *const *data, const int *sizes)
{
	PGresult *result = run(name, count, data, sizes);

	BENCH_CHECK(strcmp(PQcmdTuples(result), "1") == 0);
	PQclear(result);
}

static void update(const int64_t *ids, size_t count)
{
	char words[4], key[8];
	const char *data[] = { words, key };
	const int sizes[] = { 4, 8 };

	for (size_t i = 0; i < count; i++) {
		put32(words, (uint32_t)i);
		put64(key, (uint64_t)ids[i]);
		change_one("update_one", 2, data, sizes);
	}
}

static void delete_all(const int64_t *ids, size_t count)
{
	char key[8];
	const char *data[] = { key };
	const int sizes[] = { 8 };

	for (size_t i = 0; i < count; i++) {
		put64(key, (uint64_t)ids[i]);
		change_one("delete_one", 1, data, sizes);
	}
}

/* ---- All at once ----------------------------------------------------------------------------------------------- */

static void load(size_t expected)
{
	PGresult *result = run("select_all", 0, NULL, NULL);
	struct data_texts texts = { 0 };
	int count = PQntuples(result);
	struct item *items = malloc((size_t)count * sizeof(*items));

	BENCH_CHECK(items && (size_t)count == expected);
	for (int i = 0; i < count; i++) {
		read_numbers(result, i, &items[i]);
		items[i].title = data_text(&texts, PQgetvalue(result, i, 1),
					   (size_t)PQgetlength(result, i, 1));
		items[i].body = data_text(&texts, PQgetvalue(result, i, 2),
					  (size_t)PQgetlength(result, i, 2));
	}
	PQclear(result);
	free(items);
	data_texts_free(&texts);
}

static void take_keys(struct item *items, size_t count)
{
	char number[4];
	const char *data[] = { number };
	const int sizes[] = { 4 };
	PGresult *result;

	put32(number, (uint32_t)count);
	result = run("take_keys", 1, data, sizes);
	BENCH_CHECK((size_t)PQntuples(result) == count);
	for (size_t i = 0; i < count; i++)
		items[i].id = (int64_t)get64(PQgetvalue(result, (int)i, 0));
	PQclear(result);
}

static char *put_text(char *at, const char *text)
{
	size_t size = strlen(text);

	at = put32(at, (uint32_t)size);
	return (char *)memcpy(at, text, size) + size;
}

static char *put_item(char *at, const struct item *item)
{
	at = put16(at, 6);
	at = put64(put32(at, 8), (uint64_t)item->id);
	at = put_text(at, item->title);
	at = put_text(at, item->body);
	at = put32(put32(at, 4), (uint32_t)item->words);
	at = put64(put32(at, 8), bits_of(item->score));
	return put64(put32(at, 8), (uint64_t)(item->updated - EPOCH));
}

static void copy(const struct item *items, size_t count)
{
	static char data[COPY_SIZE + 1000];
	char *at = data;

	execute("COPY " DATA_TABLE " (" COLUMNS ") FROM STDIN (FORMAT binary)");
	at = (char *)memcpy(at, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19) + 19;
	for (size_t i = 0; i < count; i++) {
		at = put_item(at, &items[i]);
		if (at - data < COPY_SIZE)
			continue;
		BENCH_CHECK(PQputCopyData(conn, data, (int)(at - data)) == 1);
		at = data;
	}
	at = put16(at, UINT16_MAX);
	BENCH_CHECK(PQputCopyData(conn, data, (int)(at - data)) == 1);
	BENCH_CHECK(PQputCopyEnd(conn, NULL) == 1);
	PQclear(checked(PQgetResult(conn), "COPY"));
	BENCH_CHECK(!PQgetResult(conn));
}

static void bulk(struct item *items, size_t count)
{
	execute("BEGIN");
	take_keys(items, count);
	copy(items, count);
	execute("COMMIT");
}

const struct data_raw data_postgresql = {
	.name = "postgresql",
	.singles = 5000,
	.own = 2500,
	.empty = { "TRUNCATE " DATA_TABLE " RESTART IDENTITY" },
	.begin_sql = "BEGIN",
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
