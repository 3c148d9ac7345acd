/* SPDX-License-Identifier: MIT */
/*
 * bench-data [--quick] DATABASE [FIGURE...]
 *
 * The figures of the data layer beside a raw side, which does the same work by the database's own library (data.h says
 * how one is added). Each side has a database of its own with the same table. In every round both do the same number
 * of rows, one after the other; what has to be made ready for a round is not timed. The ratio is the share of the raw
 * side's speed that ours reaches: 1 is as fast, 0.5 takes twice as long.
 */
#include "data.h"

#include <peal/bulk.h>
#include <peal/query.h>

#include <string.h>

enum {
	MANY = 100000,  /* rows that load and bulk_create are about, and get_pk chooses from */
	CHUNK = 100000, /* rows in one transaction while a table is filled */
	SMALLEST = 10000,
	LARGEST = 10000000,
	LARGEST_QUICK = 1000000,
};

static const struct peal_field item_fields[] = {
	PEAL_ID(struct item, id),          PEAL_CHAR(struct item, title, .max_length = 200),
	PEAL_LONG_TEXT(struct item, body), PEAL_INTEGER(struct item, words),
	PEAL_FLOAT(struct item, score),    PEAL_DATETIME(struct item, updated),
};
PEAL_MODEL(item_model, struct item, .app = "bench", .name = "Item",
	   .fields = PEAL_FIELDS(item_fields));

static const struct data_raw *const sides[] = {
	&data_sqlite,
#ifdef DATA_POSTGRESQL
	&data_postgresql,
#endif
};

static const struct data_raw *raw;
static bool quick;
static struct peal_error error;
static struct item items[MANY];               /* what is written, with texts that stay */
static struct peal_instance *instances[MANY]; /* theirs */
static int64_t ids[MANY];                     /* in an order without pattern, or rising */
static struct item held[MANY];                /* loaded, in the order of the ids */
static size_t held_count;

static void check(int r)
{
	if (r != 0) {
		fprintf(stderr, "bench-data: %s: %s\n", peal_error_name(r), error.message);
		exit(1);
	}
}

/* ---- What is in the tables ------------------------------------------------------------------------------------- */

static void make_items(void)
{
	for (size_t i = 0; i < MANY; i++) {
		char *texts = malloc(300);

		BENCH_CHECK(texts);
		snprintf(texts, 64, "Title of the item number %zu", i);
		memset(texts + 64, (int)('a' + i % 26), 200);
		texts[264] = '\0';
		items[i] = (struct item){ .title = texts,
					  .body = texts + 64,
					  .words = (int32_t)(i % 1000),
					  .score = (double)i / 8,
					  .updated = INT64_C(1700000000123456) +
						     (int64_t)i * 1000003 };
		instances[i] = &items[i].instance;
	}
}

static void execute(const char *sql)
{
	if (!sql)
		return;
	check(peal_db_exec(NULL, sql, NULL, NULL, &error));
	raw->execute(sql);
}

static void empty(void)
{
	execute(raw->empty[0]);
	execute(raw->empty[1]);
}

/* The keys go on where they were. */
static void add_rows(size_t count)
{
	char sql[1000];

	for (size_t left = count; left; left -= left < CHUNK ? left : CHUNK) {
		snprintf(
			sql, sizeof(sql),
			"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %zu) "
			"INSERT INTO " DATA_TABLE " (title, body, words, score, updated) "
			"SELECT 'Title of the item number ' || i, '%0200d', i %% 1000, i / 8.0, "
			"'2026-03-01 09:30:00.123456' FROM n",
			left < CHUNK ? left : (size_t)CHUNK, 0);
		execute(sql);
	}
}

static void fill(size_t count)
{
	empty();
	add_rows(count);
}

static void choose_ids(void)
{
	for (size_t i = 0; i < MANY; i++)
		ids[i] = (int64_t)(i * UINT64_C(2654435761) % MANY) + 1;
}

static void count_ids(void)
{
	for (size_t i = 0; i < MANY; i++)
		ids[i] = (int64_t)i + 1;
}

/* As a program has them that has got them one by one. */
static void hold(size_t count)
{
	while (held_count > 0)
		peal_fini(&held[--held_count].instance);
	for (; held_count < count; held_count++)
		check(item_model_get(&held[held_count],
				     PEAL_WITH(PEAL_IS(item_model, id, ids[held_count])), &error));
}

/* ---- Work, ours and raw ---------------------------------------------------------------------------------------- */

/* As a program does it: a new instance, its members, saved, ended. */
static void save_new(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct item *from = &items[i];
		struct item item;

		check(item_model_init(&item, NULL, &error));
		item.title = from->title;
		item.body = from->body;
		item.words = from->words;
		item.score = from->score;
		item.updated = from->updated;
		check(peal_save(&item.instance, &error));
		BENCH_CHECK(item.id > 0);
		peal_fini(&item.instance);
	}
}

static void insert_txn(size_t count)
{
	int r;

	PEAL_ATOMIC(r, &error) {
		save_new(count);
	}
	check(r);
}

static void raw_insert_txn(size_t count)
{
	raw->execute(raw->begin_sql);
	raw->insert(items, count);
	raw->execute(raw->commit_sql);
}

static void raw_insert_each(size_t count)
{
	raw->insert(items, count);
}

static void get_pk(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct item item;

		check(item_model_get(&item, PEAL_WITH(PEAL_IS(item_model, id, ids[i])), &error));
		BENCH_CHECK(item.id == ids[i]);
		peal_fini(&item.instance);
	}
}

static void raw_get_pk(size_t count)
{
	raw->get(ids, count);
}

static void update_pk(size_t count)
{
	int r;

	PEAL_ATOMIC(r, &error) {
		for (size_t i = 0; i < count; i++) {
			held[i].words = (int32_t)i;
			check(PEAL_SAVE(&held[i].instance, &error,
					.update_fields = PEAL_NAMES("words")));
		}
	}
	check(r);
}

static void raw_update_pk(size_t count)
{
	raw->execute(raw->begin_sql);
	raw->update(ids, count);
	raw->execute(raw->commit_sql);
}

static void delete_pk(size_t count)
{
	int r;

	PEAL_ATOMIC(r, &error) {
		for (size_t i = 0; i < count; i++)
			check(peal_delete(&held[i].instance, NULL, &error));
	}
	check(r);
}

static void raw_delete_pk(size_t count)
{
	raw->execute(raw->begin_sql);
	raw->remove(ids, count);
	raw->execute(raw->commit_sql);
}

static void load(size_t count)
{
	struct peal_query *query = peal_query_new(&item_model);
	struct peal_rows *rows;

	check(peal_query_all(query, &rows, &error));
	BENCH_CHECK(peal_rows_count(rows) == count);
	peal_rows_free(rows);
	peal_query_free(query);
}

static void bulk_create(size_t count)
{
	check(peal_bulk_create(&item_model, instances, count, NULL, &error));
}

static void raw_bulk(size_t count)
{
	raw->bulk(items, count);
}

/* ---- What has to be ready -------------------------------------------------------------------------------------- */

static void nothing(void)
{
}

static void fill_many(void)
{
	fill(MANY);
	choose_ids();
}

static void refill_and_hold(void)
{
	fill(raw->singles);
	count_ids();
	hold(raw->singles);
}

/* Instances that are new again; the raw side writes nothing but members. */
static void begin_instances(void)
{
	empty();
	for (size_t i = 0; i < MANY; i++) {
		const struct item kept = items[i];
		struct item *item = &items[i];

		if (item->instance.model)
			peal_fini(&item->instance);
		check(item_model_init(item, NULL, &error));
		item->title = kept.title;
		item->body = kept.body;
		item->words = kept.words;
		item->score = kept.score;
		item->updated = kept.updated;
	}
}

/* ---- Measuring ------------------------------------------------------------------------------------------------- */

static double time_of(void (*work)(size_t count), size_t count)
{
	uint64_t start = bench_now_ns();

	work(count);
	return (double)(bench_now_ns() - start) / (double)count;
}

/* To and fro, so that nobody always runs after the other one. */
static void measure(void (*ours)(size_t count), void (*theirs)(size_t count), void (*before)(void),
		    size_t count, struct bench_side *ret_ours, struct bench_side *ret_raw)
{
	for (unsigned round = 0; round < bench_rounds(); round++) {
		before();
		if (round % 2)
			ret_raw->rounds[round] = time_of(theirs, count);
		ret_ours->rounds[round] = time_of(ours, count);
		if (round % 2 == 0)
			ret_raw->rounds[round] = time_of(theirs, count);
	}
}

static void figure(const char *name, void (*ours)(size_t count), void (*theirs)(size_t count),
		   void (*before)(void), size_t count)
{
	struct bench_side ours_side, raw_side;
	char full[64];

	/* Once untimed: caches, and the statements that are prepared. */
	before();
	ours(count);
	theirs(count);
	measure(ours, theirs, before, count, &ours_side, &raw_side);
	snprintf(full, sizeof(full), "%s.%s", raw->name, name);
	bench_report_share(full, "ns", &ours_side, &raw_side);
}

static void figure_insert_txn(void)
{
	figure("insert_txn", insert_txn, raw_insert_txn, empty, raw->singles);
}

static uint64_t heard;

static int hear_pre_save(struct peal_call *call, const struct peal_pre_save_args *args)
{
	(void)call;
	(void)args;
	heard++;
	return 0;
}

static int hear_post_save(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	heard += args->created;
	return 0;
}

static const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(peal_pre_save, hear_pre_save, .sender = &item_model),
	PEAL_RECEIVER(peal_post_save, hear_post_save, .sender = &item_model),
};

static void figure_insert_txn_receivers(void)
{
	struct peal_scope scope = { 0 };

	check(peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope));
	figure("insert_txn_receivers", insert_txn, raw_insert_txn, empty, raw->singles);
	BENCH_CHECK(heard == 2 * raw->singles * (bench_rounds() + 1));
	check(peal_scope_end(&scope));
}

static void figure_insert_each(void)
{
	figure("insert_each", save_new, raw_insert_each, empty, raw->own);
}

static void figure_get_pk(void)
{
	fill_many();
	figure("get_pk", get_pk, raw_get_pk, nothing, raw->singles);
}

static void figure_update_pk(void)
{
	fill_many();
	hold(raw->singles);
	figure("update_pk", update_pk, raw_update_pk, nothing, raw->singles);
}

static void figure_delete_pk(void)
{
	figure("delete_pk", delete_pk, raw_delete_pk, refill_and_hold, raw->singles);
}

static void figure_load(void)
{
	fill_many();
	figure("load", load, raw->load, nothing, MANY);
}

static void figure_bulk_create(void)
{
	figure("bulk_create", bulk_create, raw_bulk, begin_instances, MANY);
}

/* The cost of a row among so many, of each side. */
static void measure_among(size_t rows, size_t *have, struct bench_side *ours,
			  struct bench_side *theirs)
{
	size_t count = raw->singles / 4;

	add_rows(rows - *have);
	*have = rows + count * bench_rounds();
	measure(insert_txn, raw_insert_txn, nothing, count, ours, theirs);
}

static void divide(struct bench_side *side, const struct bench_side *by)
{
	for (unsigned round = 0; round < bench_rounds(); round++)
		side->rounds[round] /= by->rounds[round];
}

/* Rows that a measurement adds stay, and count for the next one. */
static void figure_growth(void)
{
	struct bench_side ours_first, raw_first, ours, theirs;
	size_t have = 0;
	char name[64];

	empty();
	measure_among(SMALLEST, &have, &ours_first, &raw_first);
	for (size_t rows = LARGEST_QUICK; rows <= (quick ? LARGEST_QUICK : LARGEST); rows *= 10) {
		measure_among(rows, &have, &ours, &theirs);
		divide(&ours, &ours_first);
		divide(&theirs, &raw_first);
		if (rows == (quick ? LARGEST_QUICK : LARGEST))
			snprintf(name, sizeof(name), "%s.growth", raw->name);
		else
			snprintf(name, sizeof(name), "%s.growth_%zu", raw->name, rows);
		bench_report_share(name, "times", &ours, &theirs);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} figures[] = {
	{ "insert_txn", figure_insert_txn },
	{ "insert_txn_receivers", figure_insert_txn_receivers },
	{ "insert_each", figure_insert_each },
	{ "get_pk", figure_get_pk },
	{ "update_pk", figure_update_pk },
	{ "delete_pk", figure_delete_pk },
	{ "load", figure_load },
	{ "bulk_create", figure_bulk_create },
	{ "growth", figure_growth },
};

/* ---- The program ----------------------------------------------------------------------------------------------- */

static int usage(void)
{
	fputs("usage: bench-data [--quick] DATABASE [FIGURE...]\ndatabases:", stderr);
	for (size_t i = 0; i < PEAL_COUNTOF(sides); i++)
		fprintf(stderr, " %s", sides[i]->name);
	fputs("\nfigures:", stderr);
	for (size_t i = 0; i < PEAL_COUNTOF(figures); i++)
		fprintf(stderr, " %s", figures[i].name);
	fputc('\n', stderr);
	return 2;
}

static bool is_figure(const char *name)
{
	for (size_t i = 0; i < PEAL_COUNTOF(figures); i++)
		if (strcmp(figures[i].name, name) == 0)
			return true;
	return false;
}

static bool is_wanted(const char *name, char **wanted, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(wanted[i], name) == 0)
			return true;
	return count == 0;
}

/* Both tables are made by the library, so they are the same. */
static struct peal_db *open_both(const char *ours_url, const char *raw_url)
{
	struct peal_db *db, *other;

	check(PEAL_MODELS_REGISTER(&error, &item_model));
	check(peal_db_open_with(ours_url, &(struct peal_db_options){ .wal = true }, &db, &error));
	check(peal_models_create_tables(NULL, &error));
	check(peal_db_open_with(raw_url, &(struct peal_db_options){ .alias = "raw", .wal = true },
				&other, &error));
	check(peal_models_create_tables("raw", &error));
	peal_db_close(other);
	raw->open(raw_url);
	return db;
}

int main(int argc, char **argv)
{
	char ours_url[DATA_URL_MAX], raw_url[DATA_URL_MAX];
	int first = 1 + bench_begin(argc, argv);
	struct peal_db *db;

	quick = first > 1;
	for (size_t i = 0; i < PEAL_COUNTOF(sides) && first < argc; i++)
		if (strcmp(argv[first], sides[i]->name) == 0)
			raw = sides[i];
	first++;
	for (int i = first; i < argc; i++)
		if (!is_figure(argv[i]))
			raw = NULL;
	if (!raw)
		return usage();

	bench_park(NULL);
	make_items();
	raw->begin(ours_url, raw_url);
	db = open_both(ours_url, raw_url);
	for (size_t i = 0; i < PEAL_COUNTOF(figures); i++)
		if (is_wanted(figures[i].name, argv + first, argc - first))
			figures[i].run();
	raw->close();
	hold(0);
	peal_models_forget();
	peal_db_close(db);
	raw->end();
	return 0;
}
