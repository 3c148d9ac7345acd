/* SPDX-License-Identifier: MIT */
/* Rows of SQL of the application's own: which columns become what, and what is refused. */
#include "models.h"

#include <peal/bulk.h>

#include <string.h>

static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	exec("INSERT INTO lab_person (id, name, age, bio) VALUES"
	     " (1, 'Ana', 10, NULL), (2, 'Bo', 20, 'x'), (3, 'Cy', 30, NULL)");
	exec("INSERT INTO lab_article (id, title, slug, word_count, updated_at, author_id) VALUES"
	     " (1, 'C', 'c', 10, '2026-01-02 03:04:05', 1), (2, 'SQL', 'sql', 20, NULL, 1)");
	return db;
}

static struct peal_rows *raw(const struct peal_model *model, const char *sql,
			     const struct peal_params *params)
{
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;

	if (peal_query_raw(model, NULL, sql, params, &rows, &error) != 0)
		T_FAIL("%s", error.message);
	return rows;
}

static void refused(const struct peal_model *model, const char *sql, int code, const char *says)
{
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;

	T_CODE(peal_query_raw(model, NULL, sql, NULL, &rows, &error), code);
	T_HAS(error.message, says);
	T_PTR(rows, NULL);
}

TEST(columns_in_any_order)
{
	struct peal_db *db = begin();
	struct peal_rows *rows = raw(&person_model,
				     "SELECT bio, age, id, name FROM lab_person WHERE age > $1 "
				     "ORDER BY id DESC",
				     PEAL_PARAMS(PEAL_INT(10)));
	struct person *person;
	struct article *article;

	T_UINT(peal_rows_count(rows), 2);
	person = person_model_from(peal_rows_at(rows, 1));
	T_INT(person->id, 2);
	T_STR(person->name, "Bo");
	T_INT(person->age, 20);
	T_STR(person->bio, "x");
	T_PTR(person->instance.db, db);
	T_FALSE(peal_is_new(&person->instance));
	peal_rows_free(rows);
	rows = raw(&article_model, "SELECT * FROM lab_article WHERE title = $1",
		   PEAL_PARAMS(PEAL_TEXT("C")));
	article = article_model_from(peal_rows_at(rows, 0));
	T_INT(article->author_id, 1);
	T_INT(article->updated_at, INT64_C(1767323045000000));
	T_OK(peal_rows_prefetch(rows, PEAL_NAMES_OF("author"), NULL));
	T_STR(article->author->name, "Ana");
	peal_rows_free(rows);
	rows = raw(&person_model, "SELECT id FROM lab_person WHERE name = $1",
		   PEAL_PARAMS(PEAL_TEXT("'; DROP TABLE lab_person; --")));
	T_UINT(peal_rows_count(rows), 0);
	peal_rows_free(rows);
	end_models(db);
}

TEST(missing_ones_are_deferred)
{
	struct peal_db *db = begin();
	struct peal_rows *rows =
		raw(&person_model, "SELECT id, name FROM lab_person WHERE id = 2", NULL);
	struct person *person = person_model_from(peal_rows_at(rows, 0));
	struct peal_value value;

	T_CODE(peal_field_get(&person->instance, "age", &value, NULL), PEAL_NOT_FOUND);
	T_OK(peal_set_text(&person->instance, &person->name, "Bob"));
	T_OK(peal_save(&person->instance, NULL));
	T_INT(COUNT("lab_person WHERE name = 'Bob' AND age = 20"), 1);
	peal_rows_free(rows);
	end_models(db);
}

TEST(others_are_beside_the_row)
{
	struct peal_db *db = begin();
	struct peal_rows *rows =
		raw(&person_model,
		    "SELECT p.id, count(a.id) AS articles, 'a text' AS remark FROM lab_person p "
		    "LEFT JOIN lab_article a ON a.author_id = p.id GROUP BY p.id ORDER BY p.id",
		    NULL);
	struct peal_instance *ana = peal_rows_at(rows, 0);
	struct peal_error error = { 0 };
	struct peal_value value;

	T_OK(peal_extra_get(ana, "articles", &value, &error));
	T_INT(value.as.integer, 2);
	T_OK(peal_extra_get(peal_rows_at(rows, 2), "articles", &value, &error));
	T_INT(value.as.integer, 0);
	T_OK(peal_extra_get(ana, "remark", &value, &error));
	T_STR(value.as.text.data, "a text");
	T_CODE(peal_extra_get(ana, "artikles", &value, &error), PEAL_EINVAL);
	T_HAS(error.message,
	      "lab.Person came with no column \"artikles\" (peal_query_values() gives "
	      "annotations)");
	T_CODE(peal_extra_get(ana, "id", &value, &error), PEAL_EINVAL);
	T_OK(peal_refresh(ana, &error));
	T_CODE(peal_extra_get(ana, "remark", &value, &error), PEAL_EINVAL);
	peal_rows_free(rows);
	end_models(db);
}

/* A column's name in the database, not the member's; every kind of value. */
TEST(column_names_and_kinds)
{
	struct peal_db *db = begin();
	struct sample sample, *again;
	struct peal_rows *rows;

	T_OK(sample_model_create(&sample,
				 PEAL_WITH(PEAL_SET(sample_model, flag, false),
					   PEAL_SET(sample_model, f64, 2.5),
					   PEAL_SET(sample_model, text, "column"),
					   PEAL_SET(sample_model, time, 1767323045000001),
					   PEAL_SET(sample_model, u64, INT64_MAX)),
				 NULL));
	rows = raw(&sample_model,
		   "SELECT \"select\", \"time\", flag, u64, f64, maybe, id FROM lab_sample", NULL);
	again = sample_model_from(peal_rows_at(rows, 0));
	T_STR(again->text, "column");
	T_INT(again->time, 1767323045000001);
	T_FALSE(again->flag);
	T_UINT(again->u64, INT64_MAX);
	T_DOUBLE(again->f64, 2.5);
	T_FALSE(again->has_maybe);
	peal_rows_free(rows);
	peal_fini(&sample.instance);
	end_models(db);
}

TEST(signals)
{
	struct peal_db *db = begin();
	struct peal_rows *rows;

	record(&person_model);
	rows = raw(&person_model, "SELECT id FROM lab_person ORDER BY id", NULL);
	T_STR(heard, "ir I1 ir I2 ir I3");
	stop_recording();
	peal_rows_free(rows);
	end_models(db);
}

TEST(refused)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;
	int r;

	refused(&person_model, "SELECT name FROM lab_person", PEAL_EINVAL,
		"no column \"id\", the key of lab.Person");
	refused(&person_model, "UPDATE lab_person SET age = 1", PEAL_EINVAL, "no column \"id\"");
	T_INT(COUNT("lab_person WHERE age = 1"), 0);
	refused(&person_model, "SELECT id, name, age AS name FROM lab_person", PEAL_EINVAL,
		"\"name\" comes twice");
	refused(&person_model, "SELECT id, 1 AS x, 2 AS x FROM lab_person", PEAL_EINVAL,
		"\"x\" comes twice");
	refused(&person_model, "SELECT id, name AS age FROM lab_person", PEAL_ETYPE, "lab.Person");
	refused(&person_model, "SELECT id, name AS age FROM lab_person", PEAL_ETYPE, "age");
	refused(&person_model, "SELECT id, 12345678901 AS age FROM lab_person", PEAL_ETYPE,
		"lab.Person.age has no room for 12345678901");
	refused(&article_model, "SELECT id, slug AS updated_at FROM lab_article", PEAL_ETYPE,
		"updated_at");
	refused(&article_model, "SELECT id, slug AS updated_at FROM lab_article", PEAL_ETYPE,
		"lab.Article");
	refused(&person_model, "SELECT NULL AS id", PEAL_ETYPE, "lab.Person.id, the key, is null");
	refused(&person_model, "SELECT id FROM lab_nothing", PEAL_EDB, "lab_nothing");
	refused(&person_model, "", PEAL_EINVAL, "not one SQL statement");
	T_CODE(peal_query_raw(&person_model, "nowhere", "SELECT 1", NULL, &rows, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "nowhere");
	T_CODE(peal_query_raw(&person_model, NULL, "SELECT id FROM lab_person",
			      PEAL_PARAMS(PEAL_INT(1)), &rows, &error),
	       PEAL_EINVAL);
	PEAL_ATOMIC(r, &error) {
		r = peal_query_raw(&person_model, NULL, "SELECT id FROM lab_person", NULL, &rows,
				   &error);
	}
	T_INT(r, 0);
	peal_rows_free(rows);
	end_models(db);
}

/* The columns of a statement that is kept prepared change under it: an error at most, never values of other columns. */
TEST(altered_tables)
{
	static const char sql[] = "SELECT * FROM lab_person ORDER BY id";
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_rows *rows = raw(&person_model, sql, NULL);
	struct person *person;
	int r;

	peal_rows_free(rows);
	exec("ALTER TABLE lab_person RENAME COLUMN name TO other");
	exec("ALTER TABLE lab_person RENAME COLUMN bio TO name");
	exec("ALTER TABLE lab_person RENAME COLUMN other TO bio");
	rows = NULL;
	r = peal_query_raw(&person_model, NULL, sql, NULL, &rows, &error);
	if (r != 0) {
		T_CODE(r, PEAL_EDB);
		T_HAS(error.message, "columns have changed");
		T_OK(peal_query_raw(&person_model, NULL, sql, NULL, &rows, &error));
	}
	person = person_model_from(peal_rows_at(rows, 0));
	T_STR(person->bio, "Ana");
	T_PTR(person->name, NULL);
	peal_rows_free(rows);
	end_models(db);
}

TEST(cursors_name_their_columns)
{
	struct peal_db *db = begin();
	struct peal_cursor *cursor;

	T_OK(peal_db_query(NULL, "SELECT age AS a, name FROM lab_person WHERE id = 99", NULL,
			   &cursor, NULL));
	T_UINT(peal_cursor_width(cursor), 2);
	T_STR(peal_cursor_name(cursor, 0), "a");
	T_STR(peal_cursor_name(cursor, 1), "name");
	T_PTR(peal_cursor_name(cursor, 2), NULL);
	peal_cursor_free(cursor);
	end_models(db);
}

static int read_raw(void)
{
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;
	int r = peal_query_raw(
		&person_model, NULL,
		"SELECT id, bio, name, age * 2 AS twice, name AS again FROM lab_person", NULL,
		&rows, &error);

	peal_rows_free(rows);
	return r;
}

TEST(allocations)
{
	struct peal_db *db = begin();

	T_OK(read_raw());
	T_ALLOC_LOOP(run) {
		int r = read_raw();

		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
	}
	end_models(db);
}
