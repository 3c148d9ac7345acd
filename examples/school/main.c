/* SPDX-License-Identifier: MIT */
/*
 * school: a school that runs on signals. It reads its students and articles from files, publishes results, refuses
 * logins and lets a student go; everything that follows from that is done by receivers (receivers.c).
 */
#include "cache.h"
#include "exam.h"
#include "import.h"
#include "login.h"
#include "models.h"
#include "receivers.h"
#include "school.h"
#include "show.h"

#include <getopt.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef SCHOOL_DATA
#define SCHOOL_DATA "examples/school/data"
#endif

#define DATABASE_FILE "school.db"
#define APPLICATION_ID 1936226924 /* "school" in a SQLite file that this program has made */

struct school school = { .data = SCHOOL_DATA, .media = "school-media" };

/* ---- The database --------------------------------------------------------------------------------------------------- */

static int read_application_id(int64_t *ret, struct peal_error *error)
{
	const struct peal_value *values;
	struct peal_cursor *cursor;
	int r = peal_db_query(NULL, "PRAGMA application_id", NULL, &cursor, error);

	if (r < 0)
		return r;
	r = peal_cursor_next(cursor, &values, error);
	if (r == 0)
		*ret = values[0].as.integer;
	peal_cursor_free(cursor);
	return r;
}

/* Each run begins with an empty file; one that somebody else has made is not touched. */
static int remove_own_file(struct peal_error *error)
{
	struct peal_db *db;
	int64_t id = 0;
	int r;

	if (access(DATABASE_FILE, F_OK) != 0)
		return 0;
	r = peal_db_open_with("sqlite:" DATABASE_FILE,
			      &(struct peal_db_options){ .read_only = true }, &db, error);
	if (r < 0)
		return r;
	r = read_application_id(&id, error);
	peal_db_close(db);
	if (r == 0 && id != APPLICATION_ID)
		r = peal_error_set(error, PEAL_INVALID,
				   DATABASE_FILE
				   " is not a file of this program: move it, or give --database");
	if (r == 0 && unlink(DATABASE_FILE) != 0)
		r = peal_error_set(error, PEAL_ESYS, "cannot remove the old " DATABASE_FILE);
	return r;
}

static int open_database(const char *url, struct peal_db **ret_db, struct peal_error *error)
{
	char sql[64];
	int r;

	if (url)
		return peal_db_open(url, ret_db, error);
	r = remove_own_file(error);
	if (r == 0)
		r = peal_db_open("sqlite:" DATABASE_FILE, ret_db, error);
	if (r != 0)
		return r;
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
	return peal_db_exec(NULL, sql, NULL, NULL, error);
}

/* ---- A day at school -------------------------------------------------------------------------------------------------- */

/* The page of each article is rendered once; a receiver sees to it that an old one is never shown. */
static int render_articles(struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&article_model);
	struct article *article;
	struct peal_rows *rows;
	char name[64];
	int r = peal_query_all(query, &rows, error);

	peal_query_free(query);
	if (r < 0)
		return r;
	PEAL_EACH(article_model, article, rows) {
		snprintf(name, sizeof(name), "article:%" PRId64, article->id);
		cache_set(name, article->body);
		say("%s: /%s (%" PRId32 " words)", name, article->slug, article->word_count);
	}
	peal_rows_free(rows);
	return 0;
}

static int correct_article(struct peal_error *error)
{
	struct article article;
	int r = article_model_get(
		&article, PEAL_WITH(PEAL_WHERE(article_model, title, istartswith, "chess club")),
		error);

	if (r == PEAL_NOT_FOUND)
		return 0;
	if (r != 0)
		return r;
	article.body = "We played nine games and won five: the last one was counted wrongly.";
	r = peal_save(&article.instance, error);
	peal_fini(&article.instance);
	return r;
}

static int let_go(int32_t number, struct peal_error *error)
{
	struct peal_deleted deleted = { 0 };
	struct student student;
	int r = student_model_get(&student, PEAL_WITH(PEAL_IS(student_model, number, number)),
				  error);

	if (r == PEAL_NOT_FOUND)
		return 0;
	if (r != 0)
		return r;
	r = peal_delete(&student.instance, &deleted, error);
	for (size_t i = 0; i < deleted.count; i++)
		say("deleted: %" PRId64 " %s", deleted.models[i].rows,
		    peal_model_label(deleted.models[i].model));
	peal_deleted_fini(&deleted);
	peal_fini(&student.instance);
	return r;
}

static int publish_best(struct peal_error *error)
{
	return publish_results('A', error);
}

static int fail_to_log_in(struct peal_error *error)
{
	int r = log_in("rahul.sharma", "12345", error);

	return r == 0 ? log_in("root", "toor", error) : r;
}

static int zoe_leaves(struct peal_error *error)
{
	return let_go(1003, error);
}

static int publish_unheard(struct peal_error *error)
{
	int r = PEAL_DISCONNECT(exam_result_published, NULL, .uid = "notify");

	if (r != 0)
		return peal_error_set(error, r,
				      "the receiver with the uid \"notify\" is not connected");
	return publish_results('F', error);
}

static const struct {
	const char *title;
	int (*run)(struct peal_error *error);
} day[] = {
	{ "The students arrive", import_students },
	{ "Their articles", import_articles },
	{ "The articles' pages are rendered and cached", render_articles },
	{ "An article is corrected", correct_article },
	{ "The best results are published", publish_best },
	{ "Two logins fail", fail_to_log_in },
	{ "A student leaves", zoe_leaves },
	{ "All results are published, but the receiver is disconnected", publish_unheard },
};

static int run(struct peal_error *error)
{
	int r = 0;

	for (size_t i = 0; i < PEAL_COUNTOF(day) && r == 0; i++) {
		heading(day[i].title);
		r = day[i].run(error);
	}
	return r;
}

static int school_day(const char *url, struct peal_error *error)
{
	struct peal_db *db = NULL;
	int r = open_database(url, &db, error);

	if (r == 0)
		r = receivers_begin();
	if (r == 0)
		r = models_begin(error); /* the receivers of "auth.User" are waiting for it */
	show_begin();
	if (r == 0)
		r = run(error);
	show_end();
	if (r == 0)
		r = show_students(error);
	if (r == 0)
		r = show_summary(error);
	receivers_end();
	peal_models_forget();
	peal_db_close(db);
	cache_clear();
	return r;
}

/* ---- The command line --------------------------------------------------------------------------------------------------- */

static void usage(FILE *file)
{
	fprintf(file,
		"usage: school [--database URL] [--data DIR] [--quiet] [--help]\n"
		"\n"
		"  --database URL  sqlite:PATH, sqlite::memory: (default: a new " DATABASE_FILE
		" here; one that an\n"
		"                  earlier run has made is replaced)\n"
		"  --data DIR      where students.csv, photos/ and articles/ are\n"
		"                  (default: " SCHOOL_DATA ")\n"
		"  --quiet         only bad rows, the table and the summary\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "database", required_argument, NULL, 'b' },
		{ "data", required_argument, NULL, 'd' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct peal_error error = { 0 };
	const char *url = NULL;
	int option, r;

	setlocale(LC_CTYPE, "C.UTF-8");
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			url = optarg;
			break;
		case 'd':
			school.data = optarg;
			break;
		case 'q':
			school.quiet = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_FAILURE;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return EXIT_FAILURE;
	}
	r = school_day(url, &error);
	if (r == 0)
		return EXIT_SUCCESS;
	fflush(stdout);
	fprintf(stderr, "school: %s\n", error.code ? error.message : peal_strerror(r));
	return EXIT_FAILURE;
}
