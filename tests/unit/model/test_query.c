/* SPDX-License-Identifier: MIT */
/* Query sets: lookups, order, slices, updates, and what is refused before any SQL. */
#include "models.h"

#include <string.h>

static struct peal_db *begin_people(void)
{
	struct peal_db *db = begin_models();

	exec("INSERT INTO lab_person (id, name, age, bio) VALUES"
	     " (1, 'Ana', 10, NULL), (2, 'Bo', 20, 'likes 100% milk'), (3, 'anabel', 30, ''),"
	     " (4, 'C_lo', 40, 'a\\b'), (5, 'Dora', 50, NULL)");
	if (runs_on("postgresql"))
		number_of("SELECT setval(pg_get_serial_sequence('lab_person', 'id'), 5)");
	return db;
}

static struct peal_query *filtered(const struct peal_named_list *conditions)
{
	struct peal_query *query = peal_query_new(&person_model);

	peal_query_filter(query, conditions);
	peal_query_order_by(query, "id");
	return query;
}

#define T_KEYS(expected_, ...) T_STR(keys_of_once(filtered(PEAL_WITH(__VA_ARGS__))), expected_)

TEST(lookups)
{
	struct peal_db *db = begin_people();
	const struct peal_value ids[] = { PEAL_INT(2), PEAL_INT(4), PEAL_INT(99) };

	T_KEYS("1", PEAL_IS(person_model, name, "Ana"));
	T_KEYS("", PEAL_IS(person_model, name, "ana"));
	T_KEYS("1", PEAL_WHERE(person_model, name, iexact, "aNA"));
	T_KEYS("3", PEAL_WHERE(person_model, name, contains, "ana"));
	T_KEYS("1 3", PEAL_WHERE(person_model, name, icontains, "ANA"));
	T_KEYS("1", PEAL_WHERE(person_model, name, startswith, "An"));
	T_KEYS("1 3", PEAL_WHERE(person_model, name, istartswith, "an"));
	T_KEYS("2 4", PEAL_WHERE(person_model, name, endswith, "o"));
	T_KEYS("5", PEAL_WHERE(person_model, name, iendswith, "RA"));
	T_KEYS("1 2 3 4 5", PEAL_WHERE(person_model, name, endswith, ""));
	T_KEYS("4 5", PEAL_WHERE(person_model, age, gt, 30));
	T_KEYS("3 4 5", PEAL_WHERE(person_model, age, gte, 30));
	T_KEYS("1", PEAL_WHERE(person_model, age, lt, 20));
	T_KEYS("1 2", PEAL_WHERE(person_model, age, lte, 20));
	T_KEYS("2 4", PEAL_IN(person_model, id, ids, 3));
	T_KEYS("", PEAL_IN(person_model, id, ids, 0));
	T_KEYS("2 3", { .name = "age__range",
			.list = (const struct peal_value[]){ PEAL_INT(15), PEAL_INT(30) },
			.count = 2 });
	T_KEYS("2 3", PEAL_RANGE(person_model, age, 15, 30));
	T_KEYS("", PEAL_RANGE(person_model, age, 30, 15));
	T_KEYS("1 5", PEAL_IS_NULL(person_model, bio, true));
	T_KEYS("2 3 4", PEAL_IS_NULL(person_model, bio, false));
	T_KEYS("1 5", PEAL_IS(person_model, bio, PEAL_NULL));
	T_KEYS("3", PEAL_ARG("pk", PEAL_INT(3)));
	T_KEYS("5", PEAL_IS(person_model, bio, PEAL_NULL), PEAL_WHERE(person_model, age, gt, 10));
	end_models(db);
}

TEST(wildcards_are_text)
{
	struct peal_db *db = begin_people();

	T_KEYS("2", PEAL_WHERE(person_model, bio, icontains, "100%"));
	T_KEYS("", PEAL_WHERE(person_model, bio, icontains, "l%s"));
	T_KEYS("4", PEAL_WHERE(person_model, name, istartswith, "c_"));
	T_KEYS("", PEAL_WHERE(person_model, name, istartswith, "b_"));
	T_KEYS("4", PEAL_WHERE(person_model, bio, icontains, "a\\b"));
	T_KEYS("2", PEAL_WHERE(person_model, bio, contains, "%"));
	end_models(db);
}

TEST(injection_is_text)
{
	static const char *const texts[] = { "'; DROP TABLE lab_person; --",
					     "\" OR 1 = 1 --",
					     "$1",
					     "?",
					     "a' OR 'a'='a",
					     "\\'; --",
					     "%' OR name LIKE '%" };
	struct peal_db *db = begin_people();

	for (size_t i = 0; i < PEAL_COUNTOF(texts); i++) {
		struct peal_query *query;
		struct person p;

		T_KEYS("", PEAL_IS(person_model, name, texts[i]));
		T_KEYS("", PEAL_WHERE(person_model, name, icontains, texts[i]));
		T_KEYS("", PEAL_WHERE(person_model, name, startswith, texts[i]));
		person_new(&p, texts[i]);
		T_OK(peal_refresh(&p.instance, NULL));
		T_STR(p.name, texts[i]);
		query = filtered(PEAL_WITH(PEAL_IS(person_model, name, texts[i])));
		T_OK(peal_query_update(query, PEAL_WITH(PEAL_SET(person_model, bio, texts[i])),
				       NULL, NULL));
		T_OK(peal_query_delete(query, NULL, NULL));
		peal_query_free(query);
		peal_fini(&p.instance);
		T_INT(COUNT("lab_person"), 5);
	}
	end_models(db);
}

TEST(and_or_not)
{
	struct peal_db *db = begin_people();
	struct peal_query *query = peal_query_new(&person_model);

	peal_query_order_by(query, "-age", "id");
	peal_query_filter_any(query, PEAL_WITH(PEAL_WHERE(person_model, age, lt, 20),
					       PEAL_WHERE(person_model, age, gt, 30)));
	peal_query_exclude(query, PEAL_WITH(PEAL_IS(person_model, name, "C_lo")));
	T_STR(keys_of_once(query), "5 1");
	/* A null is not "a\b": it stays, as in Django. */
	query = peal_query_new(&person_model);
	peal_query_exclude(query, PEAL_WITH(PEAL_IS(person_model, bio, "a\\b")));
	peal_query_order_by(query, "pk");
	T_STR(keys_of_once(query), "1 2 3 5");
	end_models(db);
}

TEST(slices_counts_and_first)
{
	struct peal_db *db = begin_people();
	struct peal_query *query = filtered(NULL), *copy;
	struct person p;
	int64_t count;
	bool exists;

	peal_query_slice(query, 1, 3);
	copy = peal_query_copy(query);
	T_OK(peal_query_count(query, &count, NULL));
	T_INT(count, 3);
	T_OK(peal_query_exists(query, &exists, NULL));
	T_TRUE(exists);
	T_OK(peal_query_first(query, &p.instance, NULL));
	T_INT(p.id, 2);
	peal_fini(&p.instance);
	T_CODE(peal_query_get(query, &p.instance, NULL), PEAL_MULTIPLE);
	T_STR(keys_of_once(query), "2 3 4");
	peal_query_slice(copy, 2, INT64_MAX);
	T_CODE(peal_query_update(copy, PEAL_WITH(PEAL_SET(person_model, age, 1)), NULL, NULL),
	       PEAL_EINVAL);
	T_CODE(peal_query_delete(copy, NULL, NULL), PEAL_EINVAL);
	T_STR(keys_of_once(copy), "4");
	query = filtered(NULL);
	peal_query_slice(query, 3, INT64_MAX);
	T_STR(keys_of_once(query), "4 5");
	query = filtered(PEAL_WITH(PEAL_IS(person_model, id, 99)));
	T_CODE(peal_query_get(query, &p.instance, NULL), PEAL_NOT_FOUND);
	T_OK(peal_query_exists(query, &exists, NULL));
	T_FALSE(exists);
	peal_query_free(query);
	end_models(db);
}

TEST(update_sends_nothing)
{
	struct peal_db *db = begin_people();
	struct peal_query *query = filtered(PEAL_WITH(PEAL_WHERE(person_model, age, gt, 20)));
	int64_t count;

	record(&person_model);
	T_OK(peal_query_update(query,
			       PEAL_WITH(PEAL_INCREMENT(person_model, age, 5),
					 PEAL_SET(person_model, name, "X"),
					 PEAL_SET(person_model, bio, PEAL_NULL)),
			       &count, NULL));
	T_INT(count, 3);
	T_STR(heard, "");
	T_INT(number_of("SELECT sum(age) FROM lab_person WHERE name = 'X' AND bio IS NULL"), 135);
	peal_query_free(query);
	stop_recording();
	end_models(db);
}

TEST(update_to_no_key)
{
	struct peal_db *db = begin_people();
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_error error = { 0 };
	int64_t count;

	T_CODE(peal_query_update(query, PEAL_WITH(PEAL_SET(person_model, id, PEAL_NULL)), &count,
				 &error),
	       PEAL_EINTEGRITY);
	T_STR(error.sqlstate, "23502");
	T_INT(COUNT("lab_person WHERE id IS NULL"), 0);
	peal_query_free(query);
	end_models(db);
}

/* What is wrong is said before any SQL, whatever runs the query. */
static void refused(const struct peal_named named, int code, const char *message)
{
	struct peal_named_list list = { &named, 1 };
	struct peal_error error = { 0 };
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_rows *rows;
	int64_t count;

	peal_query_filter(query, &list);
	T_CODE(peal_query_all(query, &rows, &error), code);
	T_HAS(error.message, message);
	T_CODE(peal_query_count(query, &count, NULL), code);
	T_CODE(peal_query_delete(query, NULL, NULL), code);
	peal_query_free(query);
}

#define NAMED(...) ((const struct peal_named)__VA_ARGS__)

TEST(queries_that_are_refused)
{
	struct peal_db *db = begin_people();
	struct peal_error error = { 0 };
	struct peal_query *query;
	struct peal_rows *rows;
	struct person p;

	refused(NAMED({ .name = "nmae", .value = PEAL_TEXT("x") }), PEAL_EINVAL,
		"lab.Person has no field \"nmae\"");
	refused(NAMED({ .name = "name__icontain", .value = PEAL_TEXT("x") }), PEAL_EINVAL,
		"lab.Person.name: there is no lookup \"icontain\"");
	refused(NAMED({ .name = "age", .value = PEAL_TEXT("x") }), PEAL_ETYPE,
		"lab.Person.age: expected a number but got \"x\"");
	refused(NAMED({ .name = "age__contains", .value = PEAL_INT(1) }), PEAL_ETYPE,
		"lab.Person.age: contains");
	refused(NAMED({ .name = "age__gt", .value = PEAL_NULL }), PEAL_ETYPE,
		"gt does not take null");
	refused(NAMED({ .name = "age__in", .value = PEAL_INT(1) }), PEAL_ETYPE, "in takes a list");
	refused(NAMED({ .name = "name__isnull", .value = PEAL_INT(1) }), PEAL_ETYPE,
		"isnull takes a boolean");
	refused(NAMED({ .name = "", .value = PEAL_INT(1) }), PEAL_EINVAL, "has no field \"\"");

	query = filtered(NULL);
	peal_query_order_by(query, "agee");
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "order_by: lab.Person has no field \"agee\"");
	peal_query_free(query);
	query = filtered(NULL);
	peal_query_slice(query, -1, 2);
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	peal_query_free(query);
	query = filtered(NULL);
	T_CODE(peal_query_update(query, PEAL_WITH(PEAL_ARG("agee", PEAL_INT(1))), NULL, &error),
	       PEAL_EINVAL);
	T_CODE(peal_query_update(query, PEAL_WITH(PEAL_ARG("name", PEAL_INT(1))), NULL, &error),
	       PEAL_ETYPE);
	peal_query_using(query, "elsewhere");
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "elsewhere");
	peal_query_free(query);
	T_CODE(peal_query_all(NULL, &rows, &error), PEAL_ENOMEM);

	T_OK(person_model_init(&p, NULL, NULL));
	T_CODE(article_model_get(&(struct article){ .id = 0 },
				 PEAL_WITH(PEAL_SET(article_model, author, &p.instance)), &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "not saved");
	peal_fini(&p.instance);
	end_models(db);
}

TEST(rows_with_signals)
{
	struct peal_db *db = begin_people();

	record(&person_model);
	T_KEYS("1 2", PEAL_WHERE(person_model, age, lte, 20));
	T_STR(heard, "ir I1 ir I2");
	stop_recording();
	end_models(db);
}

TEST(rows_are_changed_and_saved)
{
	struct peal_db *db = begin_people();
	struct peal_query *query = filtered(NULL);
	struct peal_rows *rows;
	struct person *person;

	T_OK(peal_query_all(query, &rows, NULL));
	T_UINT(peal_rows_count(rows), 5);
	T_PTR(peal_rows_at(rows, 5), NULL);
	PEAL_EACH(person_model, person, rows) {
		T_OK(peal_set_text(&person->instance, &person->name, person->name + 1));
		T_OK(peal_save(&person->instance, NULL));
	}
	peal_rows_free(rows);
	peal_query_free(query);
	T_KEYS("1", PEAL_IS(person_model, name, "na"));
	end_models(db);
}

TEST(row_that_does_not_fit)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct person p;

	/* PostgreSQL keeps nothing that does not fit. */
	if (runs_on("postgresql")) {
		T_CODE(peal_db_exec(
			       NULL,
			       "INSERT INTO lab_person (id, name, age) VALUES (1, 'x', 5000000000)",
			       NULL, NULL, &error),
		       PEAL_ETYPE);
		T_STR(error.sqlstate, "22003");
		end_models(db);
		return;
	}
	exec("INSERT INTO lab_person (id, name, age) VALUES (1, 'x', 5000000000), (2, CAST(x'6100' AS TEXT), 1)");
	T_CODE(person_model_get(&p, PEAL_WITH(PEAL_IS(person_model, id, 1)), &error), PEAL_ETYPE);
	T_STR(error.message, "lab.Person.age has no room for 5000000000");
	T_CODE(person_model_get(&p, PEAL_WITH(PEAL_IS(person_model, id, 2)), &error), PEAL_ETYPE);
	T_HAS(error.message, "lab.Person.name does not take a text that contains a NUL");
	end_models(db);
}

/* ---- Fields that were not loaded ------------------------------------------------------------------------------------ */

TEST(refresh_of_some_fields)
{
	struct peal_db *db = begin_models();
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_error error = { 0 };
	struct peal_value value;
	struct person ana;

	exec("INSERT INTO lab_person (id, name, age, bio) VALUES (1, 'Ana', 10, 'long')");
	peal_query_only(query, "name");
	T_OK(peal_query_get(query, &ana.instance, &error));
	T_OK(peal_set_text(&ana.instance, &ana.name, "mine"));
	T_CODE(peal_field_get(&ana.instance, "bio", &value, &error), PEAL_NOT_FOUND);
	record(&person_model);
	T_OK(PEAL_REFRESH(&ana.instance, &error, "bio"));
	T_STR(heard, "ir I1"); /* of the second instance, as in Django */
	stop_recording();
	T_STR(ana.bio, "long");
	T_STR(ana.name, "mine");
	T_OK(peal_field_get(&ana.instance, "bio", &value, &error));
	T_STR(value.as.text.data, "long");
	T_CODE(peal_field_get(&ana.instance, "age", &value, &error), PEAL_NOT_FOUND);
	exec("UPDATE lab_person SET name = 'theirs', age = 11");
	T_OK(PEAL_REFRESH(&ana.instance, &error, "name", "age", "pk"));
	T_STR(ana.name, "theirs");
	T_INT(ana.age, 11);
	T_INT(ana.id, 1);
	ana.age = 12;
	T_OK(peal_save(&ana.instance, &error)); /* all are loaded now: not only some are written */
	T_INT(COUNT("lab_person WHERE name = 'theirs' AND age = 12 AND bio = 'long'"), 1);
	T_OK(peal_refresh_fields(&ana.instance, &(struct peal_names)PEAL_NO_NAMES, &error));
	T_CODE(PEAL_REFRESH(&ana.instance, &error, "nothing"), PEAL_EINVAL);
	T_HAS(error.message, "refresh: lab.Person has no");
	T_HAS(error.message, "\"nothing\"");
	exec("DELETE FROM lab_person");
	T_CODE(PEAL_REFRESH(&ana.instance, &error, "name"), PEAL_NOT_FOUND);
	T_STR(ana.name, "theirs");
	peal_fini(&ana.instance);
	T_CODE(PEAL_REFRESH(&ana.instance, &error, "name"), PEAL_EINVAL);
	peal_query_free(query);
	end_models(db);
}

TEST(refresh_of_relations)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct article article;
	struct person ana;

	exec("INSERT INTO lab_person (id, name, age) VALUES (1, 'Ana', 10), (2, 'Bo', 20)");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) VALUES"
	     " (1, 'C', 'c', 10, 1)");
	T_OK(article_model_get(&article, PEAL_WITH(PEAL_IS(article_model, id, 1)), &error));
	T_OK(PEAL_PREFETCH(&article.instance, &error, "author", "comment"));
	T_STR(article.author->name, "Ana");
	exec("UPDATE lab_article SET author_id = 2, title = 'D'");
	T_OK(PEAL_REFRESH(&article.instance, &error, "author"));
	T_PTR(article.author, NULL);
	T_INT(article.author_id, 2);
	T_STR(article.title, "C");
	T_TRUE(peal_prefetched(&article.instance, "comment") != NULL);
	T_OK(PEAL_REFRESH(&article.instance, &error, "comment"));
	T_PTR(peal_prefetched(&article.instance, "comment"), NULL);
	T_OK(PEAL_PREFETCH(&article.instance, &error, "author"));
	T_STR(article.author->name, "Bo");
	peal_fini(&article.instance);

	T_OK(person_model_get(&ana, PEAL_WITH(PEAL_IS(person_model, id, 1)), &error));
	T_OK(PEAL_PREFETCH(&ana.instance, &error, "article"));
	T_UINT(peal_rows_count(peal_prefetched(&ana.instance, "article")), 0);
	exec("UPDATE lab_article SET author_id = 1");
	T_OK(PEAL_REFRESH(&ana.instance, &error, "article_set"));
	T_OK(PEAL_PREFETCH(&ana.instance, &error, "article"));
	T_UINT(peal_rows_count(peal_prefetched(&ana.instance, "article")), 1);
	peal_fini(&ana.instance);
	end_models(db);
}

/* What was not loaded is never written: what to do is said, naming the field. */
TEST(saves_of_what_was_not_loaded)
{
	struct peal_db *db = begin_models();
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_error error = { 0 };
	struct person ana;

	exec("INSERT INTO lab_person (id, name, age, bio) VALUES (1, 'Ana', 10, 'long')");
	peal_query_only(query, "pk");
	T_OK(peal_query_get(query, &ana.instance, &error));
	record(&person_model);
	T_CODE(peal_save(&ana.instance, &error), PEAL_EINVAL);
	T_HAS(error.message, "lab.Person.name was not loaded: load it by PEAL_REFRESH()");
	T_CODE(PEAL_SAVE(&ana.instance, &error, .update_fields = PEAL_NAMES("age")), PEAL_EINVAL);
	T_HAS(error.message, "lab.Person.age was not loaded");
	T_STR(heard, "");
	stop_recording();
	T_OK(PEAL_REFRESH(&ana.instance, &error, "name", "age", "bio"));
	T_OK(peal_save(&ana.instance, &error));
	peal_fini(&ana.instance);
	peal_query_free(query);
	end_models(db);
}

static int refresh_some(struct person *person)
{
	return PEAL_REFRESH(&person->instance, NULL, "name", "bio");
}

/* A member that was not loaded was zero: what is assigned to it is written, as in Django. */
TEST(what_is_assigned_to_a_field_that_was_not_loaded_is_saved)
{
	struct peal_db *db = begin_models();
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_error error = { 0 };
	struct peal_value value;
	struct person ana;

	exec("INSERT INTO lab_person (id, name, age, bio) VALUES (1, 'Ana', 10, 'long')");
	peal_query_only(query, "name");
	T_OK(peal_query_first(query, &ana.instance, &error));
	ana.age = 99;
	ana.name = "Bo";
	T_OK(peal_save(&ana.instance, &error));
	T_INT(COUNT("lab_person WHERE name = 'Bo' AND age = 99 AND bio = 'long'"), 1);
	T_OK(peal_field_get(&ana.instance, "age", &value, &error)); /* no longer deferred */
	T_INT(value.as.integer, 99);
	ana.age = 0;
	T_OK(peal_save(&ana.instance, &error));
	T_INT(COUNT("lab_person WHERE age = 0 AND bio = 'long'"), 1);

	/* Zero says nothing by itself. */
	exec("UPDATE lab_person SET age = 5");
	peal_fini(&ana.instance);
	T_OK(peal_query_first(query, &ana.instance, &error));
	ana.age = 0;
	T_OK(peal_save(&ana.instance, &error));
	T_INT(COUNT("lab_person WHERE age = 5"), 1);
	T_OK(peal_field_set(&ana.instance, "age", PEAL_INT(0), &error));
	ana.bio = "short";
	T_OK(PEAL_SAVE(&ana.instance, &error, .update_fields = PEAL_NAMES("bio")));
	T_INT(COUNT("lab_person WHERE age = 5 AND bio = 'short'"), 1);
	T_OK(peal_save(&ana.instance, &error));
	T_INT(COUNT("lab_person WHERE age = 0 AND bio = 'short'"), 1);
	peal_fini(&ana.instance);
	peal_query_free(query);
	end_models(db);
}

/* A relation by its pointer too; every field that was assigned makes the row whole. */
TEST(a_row_attached_to_a_relation_that_was_not_loaded_is_saved)
{
	struct peal_db *db = begin_models();
	struct peal_query *query = peal_query_new(&article_model);
	struct peal_error error = { 0 };
	struct article article;
	struct person bo;

	exec("INSERT INTO lab_person (id, name, age) VALUES (1, 'Ana', 1), (2, 'Bo', 2)");
	exec("INSERT INTO lab_article (id, title, slug, word_count, updated_at, author_id)"
	     " VALUES (1, 'T', 't', 3, '2020-01-01 00:00:00', 1)");
	T_OK(person_model_get(&bo, PEAL_WITH(PEAL_ARG("pk", PEAL_INT(2))), &error));
	peal_query_only(query, "title");
	T_OK(peal_query_first(query, &article.instance, &error));
	article.author = &bo;
	T_OK(peal_save(&article.instance, &error));
	T_INT(COUNT("lab_article WHERE author_id = 2 AND word_count = 3"), 1);
	peal_fini(&article.instance);
	peal_fini(&bo.instance);
	peal_query_free(query);
	end_models(db);
}

TEST(refresh_for_want_of_memory)
{
	struct peal_db *db = begin_models();
	struct person ana;

	exec("INSERT INTO lab_person (id, name, age, bio) VALUES (1, 'Ana', 10, 'long')");
	T_OK(person_model_get(&ana, PEAL_WITH(PEAL_IS(person_model, id, 1)), NULL));
	T_OK(refresh_some(&ana));
	T_ALLOC_LOOP(run) {
		int r = refresh_some(&ana);

		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_STR(ana.name, "Ana");
		T_STR(ana.bio, "long");
	}
	peal_fini(&ana.instance);
	end_models(db);
}

/* Keys that come as text, from an address or a form. */
TEST(texts_for_numbers)
{
	struct peal_db *db = begin_people();
	const struct peal_value ids[] = { PEAL_TEXT("2"), PEAL_TEXT(" 4\n") };
	struct peal_error error = { 0 };
	struct person p;

	T_KEYS("2", PEAL_ARG("pk", PEAL_TEXT("2")));
	T_KEYS("2", PEAL_ARG("id", PEAL_TEXT("+2")));
	T_KEYS("2 4", PEAL_IN(person_model, id, ids, 2));
	T_KEYS("", PEAL_ARG("id", PEAL_TEXT("-9223372036854775808")));
	T_KEYS("3 4 5", PEAL_ARG("id__gt", PEAL_TEXT("2")));
	T_OK(peal_get(&person_model, &p.instance, NULL, PEAL_WITH(PEAL_ARG("pk", PEAL_TEXT("2"))),
		      &error));
	T_INT(p.id, 2);
	T_CODE(peal_field_set(&p.instance, "age", PEAL_TEXT("2"), &error), PEAL_ETYPE);
	peal_fini(&p.instance);
	refused(NAMED({ .name = "pk", .value = PEAL_TEXT("abc") }), PEAL_ETYPE,
		"lab.Person.id: expected a number but got \"abc\"");
	refused(NAMED({ .name = "pk", .value = PEAL_TEXT("") }), PEAL_ETYPE, "but got \"\"");
	refused(NAMED({ .name = "pk", .value = PEAL_TEXT("-") }), PEAL_ETYPE, "but got \"-\"");
	refused(NAMED({ .name = "pk", .value = PEAL_TEXT("1 2") }), PEAL_ETYPE, "but got \"1 2\"");
	refused(NAMED({ .name = "pk", .value = PEAL_TEXT("2.0") }), PEAL_ETYPE, "but got \"2.0\"");
	refused(NAMED({ .name = "pk", .value = PEAL_TEXT("0x2") }), PEAL_ETYPE, "but got \"0x2\"");
	refused(NAMED({ .name = "pk", .value = PEAL_TEXT("9223372036854775808") }), PEAL_ETYPE,
		"expected a number but got");
	refused(NAMED({ .name = "age", .value = PEAL_TEXT("9223372036854775807") }), PEAL_ETYPE,
		"lab.Person.age has no room for 9223372036854775807");
	end_models(db);
}

/* An inner query of an update sees the rows as they were before it, also when it is asked late. */
TEST(updates_by_inner_queries)
{
	struct peal_db *db = begin_models();
	struct peal_query *names = peal_query_new(&person_model);
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_error error = { 0 };
	int64_t count;

	exec("INSERT INTO lab_person (id, name, age, bio) VALUES"
	     " (1, 'a', 7, NULL), (2, 'b', 8, 'new'), (3, 'c', 8, 'a')");
	peal_query_filter_any(query, PEAL_WITH(PEAL_IS(person_model, age, 7),
					       PEAL_IN_QUERY(person_model, bio, names, "name")));
	T_OK(peal_query_update(query, PEAL_WITH(PEAL_SET(person_model, name, "new")), &count,
			       &error));
	T_INT(count, 2);
	T_INT(COUNT("lab_person WHERE name = 'new' AND id <> 2"), 2);
	peal_query_free(query);
	query = peal_query_new(&person_model);
	peal_query_filter_any(query, PEAL_WITH(PEAL_IS(person_model, id, 3),
					       PEAL_IN_QUERY(person_model, bio, names, "name")));
	T_OK(peal_query_delete(query, NULL, &error));
	T_INT(COUNT("lab_person"), 1); /* the second one's bio was a name */
	peal_query_free(query);
	peal_query_free(names);
	end_models(db);
}

/* The columns of values() are joined for that call, whatever becomes of it. */
TEST(values_that_failed_leave_the_query_as_it_was)
{
	struct peal_db *db = begin_models();
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_values *values;
	struct peal_error error = { 0 };
	int64_t count = 0;

	exec("INSERT INTO lab_person (id, name, age) VALUES (1, 'Ana', 10)");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) VALUES"
	     " (1, 'a', 'a', 1, 1), (2, 'b', 'b', 1, 1)");
	peal_query_using(query, "nowhere");
	T_CODE(peal_query_values(query, PEAL_NAMES_OF("article__title"), &values, &error),
	       PEAL_EINVAL);
	peal_query_using(query, "default");
	T_OK(peal_query_count(query, &count, &error));
	T_INT(count, 1);
	peal_query_free(query);
	end_models(db);
}
