/* SPDX-License-Identifier: MIT */
/*
 * data.h: the table of the figures of the data layer, and what a raw side is: a program that does the same work
 * by the database's own library, with statements that are prepared once.
 *
 * To add the raw side of a database: write data_NAME.c, which defines one struct data_raw with all its functions, list
 * it in `sides` of data.c and in meson.build (with -DDATA_NAME, where the database need not be installed), and add
 * its figures to bench/run by one line in DATABASES: "postgresql": (ROOT / "tools" / "with-postgresql",). What holds for
 * all of them:
 *
 *	- The work of both sides goes to databases of the same settings, one each, so that neither warms the other's
 *	  caches: begin() makes two that are empty and gives the URL that the library opens. The library makes the
 *	  table "bench_item" in both, by the same SQL.
 *	- Items are written and read as the library keeps them: the same columns in the same form.
 *	- A raw side is as fast as a careful programmer would write it, and no faster: it looks at the result of each
 *	  call, its texts are copies, and a row that is inserted gets its key.
 *	- Whatever goes wrong ends the program by BENCH_CHECK().
 */
#ifndef DATA_H
#define DATA_H

#include "bench.h"

#include <peal/model.h>

#define DATA_TABLE "bench_item"

/* Both sides read into this. */
struct item {
	struct peal_instance instance; /* of ours */
	int64_t id;
	const char *title;
	const char *body; /* of some 200 bytes */
	int32_t words;
	double score;
	int64_t updated; /* microseconds */
};

struct data_raw {
	const char *name; /* "sqlite": its figures are sqlite.NAME */
	size_t singles;   /* rows that one round writes or reads one by one */
	size_t own;       /* the same, each in its own transaction */
	/* SQL that empties the table and lets its keys begin at 1 again. */
	const char *empty[2];
	const char *begin_sql, *commit_sql;

	/* Make two empty databases, and print "# NAME VERSION". URLs have room for DATA_URL_MAX bytes. */
	void (*begin)(char *ours_url, char *raw_url);
	/* Connect to the second one, whose table is there, and prepare the statements. */
	void (*open)(const char *raw_url);
	void (*close)(void);
	/* Take away what begin() has made; no connection is open any more. */
	void (*end)(void);

	void (*execute)(const char *sql);
	/* One statement for each item; sets the ids. */
	void (*insert)(struct item *items, size_t count);
	/* One statement for each id; the texts live in one piece of memory for each row, freed at once. */
	void (*get)(const int64_t *ids, size_t count);
	/* Set "words" of the rows with these ids, to the number of the row. */
	void (*update)(const int64_t *ids, size_t count);
	void (*remove)(const int64_t *ids, size_t count);
	/* All rows into an array that grows, with their texts in memory that is freed at once; free it all. */
	void (*load)(size_t expected);
	/* The fastest way that there is, transaction included; sets the ids. */
	void (*bulk)(struct item *items, size_t count);
};

enum {
	DATA_URL_MAX = 600
};

extern const struct data_raw data_sqlite;
extern const struct data_raw data_postgresql;

/* Texts of a row behind each other in blocks that are freed together, as a raw program would keep them. */
struct data_texts {
	struct data_block *last;
	size_t used, size;
};
char *data_text(struct data_texts *texts, const char *text, size_t size);
void data_texts_free(struct data_texts *texts);

/* "2026-03-01 09:30:00.000000", 26 characters, to and from microseconds. */
void data_time_write(int64_t microseconds, char *text);
int64_t data_time_read(const char *text);

#endif
