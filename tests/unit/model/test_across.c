/* SPDX-License-Identifier: MIT */
/* Queries across relations, trees of conditions, values, aggregates and expressions. */
#include "models.h"

#include <string.h>

/*
 *	articles  1 "C" by Ana, 2 "SQL" by Ana, 3 "C in depth" by Bo, 4 "Orphan" by nobody
 *	comments  1 and 2 on article 1, 3 on article 3
 */
static struct peal_db *begin_blog(void)
{
	struct peal_db *db = begin_models();

	exec("INSERT INTO lab_person (id, name, age, bio) VALUES"
	     " (1, 'Ana', 10, NULL), (2, 'Bo', 20, 'x'), (3, 'Cy', 30, NULL)");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) VALUES"
	     " (1, 'C', 'c', 10, 1), (2, 'SQL', 'sql', 20, 1), (3, 'C in depth', 'cid', 30, 2),"
	     " (4, 'Orphan', 'o', 40, NULL)");
	exec("INSERT INTO lab_comment (id, article_id, parent_id, text) VALUES"
	     " (1, 1, NULL, 'one'), (2, 1, 1, 'two'), (3, 3, NULL, 'three')");
	exec("INSERT INTO lab_profile (id, person_id, bio) VALUES (1, 1, 'pa'), (2, 3, 'pc')");
	return db;
}

static struct peal_query *filtered(const struct peal_model *model,
				   const struct peal_named_list *conditions)
{
	struct peal_query *query = peal_query_new(model);

	peal_query_filter(query, conditions);
	peal_query_order_by(query, "pk");
	return query;
}

static void expect(const char *keys, const struct peal_model *model,
		   const struct peal_named_list *conditions)
{
	T_STR(keys_of_once(filtered(model, conditions)), keys);
}

#define T_ARTICLES(keys_, ...) expect(keys_, &article_model, PEAL_WITH(__VA_ARGS__))
#define T_PEOPLE(keys_, ...) expect(keys_, &person_model, PEAL_WITH(__VA_ARGS__))
#define T_COMMENTS(keys_, ...) expect(keys_, &comment_model, PEAL_WITH(__VA_ARGS__))

TEST(forward)
{
	struct peal_db *db = begin_blog();
	struct person ana;

	T_ARTICLES("1 2", PEAL_IS(article_model, author->name, "Ana"));
	T_ARTICLES("1 2", PEAL_WHERE(article_model, author->name, icontains, "AN"));
	T_ARTICLES("3", PEAL_ARG("author__age__gt", PEAL_INT(10)));
	T_ARTICLES("1 2", PEAL_ARG("author__id", PEAL_INT(1)));
	T_ARTICLES("1 2", PEAL_ARG("author__pk__lt", PEAL_INT(2)));
	T_ARTICLES("4", PEAL_ARG("author__isnull", PEAL_BOOL(true)));
	T_ARTICLES("1 2 4", PEAL_IS_NULL(article_model, author->bio, true));
	T_ARTICLES("3", PEAL_IS_NULL(article_model, author->bio, false));
	T_COMMENTS("1 2", PEAL_IS(comment_model, article->author->name, "Ana"));
	T_COMMENTS("2", PEAL_IS(comment_model, parent->text, "one"));
	T_OK(person_model_get(&ana, PEAL_WITH(PEAL_IS(person_model, id, 1)), NULL));
	T_ARTICLES("1 2", PEAL_ARG("author", PEAL_VALUE(&ana.instance)));
	peal_fini(&ana.instance);
	end_models(db);
}

TEST(backward)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query;

	T_PEOPLE("1 2", PEAL_WHERE_OF("article", article_model, title, startswith, "C"));
	T_PEOPLE("1 1 2", PEAL_ARG("article__isnull", PEAL_BOOL(false)));
	T_PEOPLE("3", PEAL_ARG("article__isnull", PEAL_BOOL(true)));
	T_PEOPLE("2", PEAL_ARG("article", PEAL_INT(3)));
	T_PEOPLE("3", PEAL_ARG("profile__bio", PEAL_TEXT("pc")));
	T_PEOPLE("2", PEAL_ARG("article__comment__text__contains", PEAL_TEXT("thr")));
	query = filtered(&person_model, PEAL_WITH(PEAL_ARG("article__isnull", PEAL_BOOL(false))));
	peal_query_distinct(query);
	T_STR(keys_of_once(query), "1 2");
	end_models(db);
}

/* Conditions of one call are about one article, those of two calls may be about two. */
TEST(one_call_one_row)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query;

	T_PEOPLE("", PEAL_ARG("article__title", PEAL_TEXT("C")),
		 PEAL_ARG("article__word_count", PEAL_INT(20)));
	query = filtered(&person_model, PEAL_WITH(PEAL_ARG("article__title", PEAL_TEXT("C"))));
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("article__word_count", PEAL_INT(20))));
	T_STR(keys_of_once(query), "1");
	end_models(db);
}

TEST(trees)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query;

	T_ARTICLES("1 4", PEAL_ANY(PEAL_IS(article_model, title, "C"),
				   PEAL_IS(article_model, title, "Orphan")));
	T_ARTICLES("2 3 4", PEAL_NOT(PEAL_IS(article_model, title, "C")));
	T_ARTICLES("3 4", PEAL_NOT(PEAL_IS(article_model, author->name, "Ana")));
	T_ARTICLES("1 2", PEAL_NOT(PEAL_NOT(PEAL_IS(article_model, author->name, "Ana"))));
	T_ARTICLES("1 3",
		   PEAL_ANY(PEAL_ALL(PEAL_IS(article_model, author->name, "Ana"),
				     PEAL_WHERE(article_model, word_count, lt, 20)),
			    PEAL_NOT(PEAL_ANY(PEAL_IS(article_model, author_id, 1),
					      PEAL_IS_NULL(article_model, author_id, true)))));
	T_ARTICLES("1 2 4", PEAL_ANY(PEAL_IS(article_model, author->name, "Ana"),
				     PEAL_WHERE(article_model, word_count, gt, 35)));
	/* None of her articles, not "some other one". */
	T_PEOPLE("2 3", PEAL_NOT(PEAL_ARG("article__title", PEAL_TEXT("SQL"))));
	query = peal_query_new(&person_model);
	peal_query_exclude(query, PEAL_WITH(PEAL_ARG("article__isnull", PEAL_BOOL(true))));
	peal_query_order_by(query, "-pk");
	T_STR(keys_of_once(query), "2 1");
	end_models(db);
}

TEST(expressions)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query =
		filtered(&article_model, PEAL_WITH(PEAL_WHERE(article_model, word_count, lte, 20)));
	struct peal_query *all = peal_query_new(&article_model);
	struct peal_error error = { 0 };
	int64_t count;

	T_ARTICLES("1", PEAL_WHERE_F(article_model, word_count, lte,
				     PEAL_F(article_model, author->age)));
	T_ARTICLES("3 4", PEAL_WHERE_F(article_model, word_count, gt,
				       PEAL_PLUS(PEAL_TIMES(PEAL_F(article_model, id), 5), 10)));
	T_OK(peal_query_update(
		query,
		PEAL_WITH(PEAL_SET_F(article_model, word_count,
				     PEAL_MINUS(PEAL_TIMES(PEAL_F(article_model, word_count), 3),
						PEAL_F(article_model, id))),
			  PEAL_SET_F(article_model, slug, PEAL_F(article_model, title))),
		&count, &error));
	T_INT(count, 2);
	T_INT(number_of("SELECT word_count FROM lab_article WHERE id = 1"), 29);
	T_INT(COUNT("lab_article WHERE slug = title"), 2);
	T_CODE(peal_query_update(all,
				 PEAL_WITH(PEAL_SET_F(article_model, word_count,
						      PEAL_F(article_model, title))),
				 NULL, &error),
	       PEAL_ETYPE);
	T_CODE(peal_query_update(all,
				 PEAL_WITH(PEAL_SET_F(article_model, word_count,
						      PEAL_F(article_model, author->age))),
				 NULL, &error),
	       PEAL_EINVAL);
	T_OK(peal_query_count(all, &count, &error)); /* it is as good as before */
	peal_query_free(all);
	peal_query_free(query);
	end_models(db);
}

TEST(order_and_ends)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query =
		filtered(&article_model, PEAL_WITH(PEAL_IS_NULL(article_model, author_id, false)));
	struct article article;

	peal_query_order_by(query, "-author__name", "title");
	T_OK(peal_query_first(query, &article.instance, NULL));
	T_INT(article.id, 3);
	peal_fini(&article.instance);
	T_OK(peal_query_last(query, &article.instance, NULL));
	T_INT(article.id, 2);
	peal_fini(&article.instance);
	peal_query_distinct(query);
	T_STR(keys_of_once(query), "3 1 2");
	query = peal_query_new(&article_model);
	T_OK(peal_query_last(query, &article.instance, NULL));
	T_INT(article.id, 4);
	peal_fini(&article.instance);
	peal_query_slice(query, 0, 2);
	T_CODE(peal_query_last(query, &article.instance, NULL), PEAL_EINVAL);
	peal_query_free(query);
	end_models(db);
}

TEST(changes_across)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query =
		filtered(&article_model, PEAL_WITH(PEAL_IS(article_model, author->name, "Ana")));
	struct peal_deleted deleted = { 0 };
	int64_t count;

	T_OK(peal_query_update(query, PEAL_WITH(PEAL_SET(article_model, slug, "ana")), &count,
			       NULL));
	T_INT(count, 2);
	T_INT(COUNT("lab_article WHERE slug = 'ana'"), 2);
	T_OK(peal_query_delete(query, &deleted, NULL));
	T_INT(deleted.total, 4);
	T_INT(COUNT("lab_comment"), 1);
	peal_deleted_fini(&deleted);
	peal_query_free(query);
	query = filtered(&comment_model,
			 PEAL_WITH(PEAL_IS(comment_model, article->author->name, "Bo")));
	T_OK(peal_query_delete(query, NULL, NULL));
	T_INT(COUNT("lab_comment"), 0);
	peal_query_free(query);
	end_models(db);
}

TEST(queries_in_queries)
{
	struct peal_db *db = begin_blog();
	struct peal_query *people =
		filtered(&person_model, PEAL_WITH(PEAL_WHERE(person_model, age, lt, 20)));
	struct peal_query *copy;

	T_ARTICLES("1 2", PEAL_IN_QUERY(article_model, author_id, people, "pk"));
	T_ARTICLES("3 4", PEAL_NOT(PEAL_IN_QUERY(article_model, author_id, people, "id")));
	peal_query_slice(people, 0, 1);
	T_ARTICLES("1 2", PEAL_IN_QUERY(article_model, author_id, people, "id"));
	copy = filtered(&article_model,
			PEAL_WITH(PEAL_IN_QUERY(article_model, author_id, people, "id"),
				  PEAL_WHERE(article_model, author->age, lt, 15),
				  PEAL_WHERE_F(article_model, id, lt,
					       PEAL_PLUS(PEAL_F(article_model, author->age), 1))));
	peal_query_free(people);
	people = peal_query_copy(copy);
	peal_query_free(copy);
	T_STR(keys_of_once(people), "1 2");
	end_models(db);
}

/* What is not among what another query finds, although that finds a null too. */
TEST(null_among_what_another_query_finds)
{
	struct peal_db *db = begin_blog();
	struct peal_query *articles =
		filtered(&article_model, PEAL_WITH({ .name = "id__gt", .value = PEAL_INT(2) }));

	T_PEOPLE("2", PEAL_IN_QUERY(person_model, id, articles, "author"));
	T_PEOPLE("1 3", PEAL_NOT(PEAL_IN_QUERY(person_model, id, articles, "author")));
	peal_query_free(articles);
	end_models(db);
}

/* The order of a query of distinct rows may be by what is not asked for. */
TEST(distinct_rows_in_another_order)
{
	struct peal_db *db = begin_blog();
	struct peal_query *articles = peal_query_new(&article_model), *people;
	struct peal_values *values = NULL;

	peal_query_distinct(articles);
	peal_query_order_by(articles, "-word_count");
	T_OK(peal_query_values(articles, &(const struct peal_names)PEAL_NAMES("id"), &values,
			       NULL));
	T_UINT(peal_values_count(values), 4);
	T_INT(peal_values_at(values, 0)[0].as.integer, 4);
	peal_values_free(values);
	peal_query_slice(articles, 1, 2);
	T_PEOPLE("1 2", PEAL_IN_QUERY(person_model, id, articles, "author"));
	people = filtered(&person_model,
			  PEAL_WITH(PEAL_IN_QUERY(person_model, id, articles, "author"),
				    PEAL_WHERE(person_model, id, gt, 1)));
	peal_query_free(articles);
	T_STR(keys_of_once(people), "2");
	end_models(db);
}

/* A slice has a row as often as the query without it. */
TEST(aggregates_of_a_slice)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query =
		filtered(&article_model, PEAL_WITH(PEAL_ARG("comment__id__gt", PEAL_INT(0))));
	struct peal_value values[2];

	peal_query_slice(query, 0, 2);
	T_OK(peal_query_aggregate(query, PEAL_AGGREGATES(PEAL_COUNT(NULL), PEAL_SUM("word_count")),
				  values, NULL));
	T_INT(values[0].as.integer, 2);
	T_INT(values[1].as.integer, 20);
	peal_query_free(query);
	end_models(db);
}

/* ---- Values ---- */

static const char *text_of(const struct peal_values *values)
{
	static char text[512];
	char one[80];

	text[0] = '\0';
	for (size_t i = 0; i < peal_values_count(values); i++) {
		for (size_t k = 0; k < 2; k++) {
			strcat(text,
			       peal_value_format(peal_values_at(values, i)[k], one, sizeof(one)));
			strcat(text, k ? "; " : " ");
		}
	}
	return text;
}

#define T_VALUES(query_, expected_, ...)                                                  \
	do {                                                                              \
		struct peal_values *values_ = NULL;                                       \
		T_OK(peal_query_values((query_),                                          \
				       &(const struct peal_names)PEAL_NAMES(__VA_ARGS__), \
				       &values_, NULL));                                  \
		T_STR(text_of(values_), expected_);                                       \
		T_TRUE(!peal_values_at(values_, peal_values_count(values_)));             \
		peal_values_free(values_);                                                \
	} while (0)

TEST(values)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query =
		filtered(&article_model, PEAL_WITH(PEAL_WHERE(article_model, id, gt, 2)));
	struct peal_values *values;

	T_VALUES(query, "\"C in depth\" \"Bo\"; \"Orphan\" null; ", "title", "author__name");
	T_VALUES(query, "3 2; 4 null; ", "pk", "author");
	T_CODE(peal_query_values(query, &(const struct peal_names)PEAL_NAMES("titel"), &values,
				 NULL),
	       PEAL_EINVAL);
	peal_query_free(query);
	end_models(db);
}

TEST(aggregates)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query = peal_query_new(&article_model);
	struct peal_query *none =
		filtered(&article_model, PEAL_WITH(PEAL_IS(article_model, title, "-")));
	struct peal_value v[6];
	struct peal_error error = { 0 };

	T_OK(peal_query_aggregate(query,
				  PEAL_AGGREGATES(PEAL_COUNT(NULL), PEAL_SUM("word_count"),
						  PEAL_AVG("word_count"), PEAL_MIN("title"),
						  PEAL_MAX("author__age"),
						  PEAL_COUNT("author", .distinct = true)),
				  v, &error));
	T_INT(v[0].as.integer, 4);
	T_INT(v[1].as.integer, 100);
	T_TRUE(v[2].kind == PEAL_VALUE_REAL && v[2].as.real == 25.0);
	T_STR(v[3].as.text.data, "C");
	T_INT(v[4].as.integer, 20);
	T_INT(v[5].as.integer, 2);
	T_OK(peal_query_aggregate(none, PEAL_AGGREGATES(PEAL_SUM("word_count"), PEAL_COUNT(NULL)),
				  v, &error));
	T_INT(v[0].kind, PEAL_VALUE_NULL);
	T_INT(v[1].as.integer, 0);
	peal_query_order_by(query, "-word_count");
	peal_query_slice(query, 1, 2);
	T_OK(peal_query_aggregate(query, PEAL_AGGREGATES(PEAL_SUM("word_count")), v, &error));
	T_INT(v[0].as.integer, 50);
	T_CODE(peal_query_aggregate(none, PEAL_AGGREGATES(PEAL_SUM("title")), v, &error),
	       PEAL_ETYPE);
	T_HAS(error.message, "lab.Article.title");
	peal_query_free(query);
	peal_query_free(none);
	end_models(db);
}

TEST(groups)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query = peal_query_new(&article_model);
	int64_t count;

	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_COUNT("pk", .as = "n"),
						   PEAL_SUM("word_count", .as = "words")));
	peal_query_order_by(query, "-words", "author__name");
	T_VALUES(query, "null 1; \"Ana\" 2; \"Bo\" 1; ", "author__name", "n");
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("n__gt", PEAL_INT(1))));
	T_VALUES(query, "\"Ana\" 30; ", "author__name", "words");
	peal_query_free(query);

	query = peal_query_new(&person_model);
	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_COUNT("article", .as = "articles")));
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("articles__lte", PEAL_INT(1))));
	peal_query_order_by(query, "articles");
	T_OK(peal_query_count(query, &count, NULL));
	T_INT(count, 2);
	T_STR(keys_of_once(query), "3 2");
	end_models(db);
}

TEST(counting)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query =
		filtered(&person_model, PEAL_WITH(PEAL_ARG("article__isnull", PEAL_BOOL(false))));
	int64_t count;
	bool exists;

	T_OK(peal_query_count(query, &count, NULL));
	T_INT(count, 3);
	peal_query_distinct(query);
	T_OK(peal_query_count(query, &count, NULL));
	T_INT(count, 2);
	peal_query_slice(query, 1, 5);
	T_OK(peal_query_count(query, &count, NULL));
	T_INT(count, 1);
	T_OK(peal_query_exists(query, &exists, NULL));
	T_TRUE(exists);
	peal_query_slice(query, 1, 5);
	T_OK(peal_query_exists(query, &exists, NULL));
	T_FALSE(exists);
	peal_query_free(query);
	end_models(db);
}

/* ---- What is loaded ---- */

TEST(related_rows)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query = peal_query_new(&comment_model);
	struct peal_error error = { 0 };
	struct peal_rows *rows;
	struct comment *c, one;

	peal_query_select_related(query, "article__author", "parent");
	peal_query_order_by(query, "id");
	T_OK(peal_query_all(query, &rows, &error));
	T_INT(peal_rows_count(rows), 3);
	PEAL_EACH(comment_model, c, rows) {
		T_INT(c->article->id, c->article_id);
		T_STR(c->article->author->name, c->id < 3 ? "Ana" : "Bo");
		T_TRUE(!c->parent == !c->parent_id);
		T_OK(peal_set_text(&c->article->instance, &c->article->slug, "changed"));
	}
	T_OK(peal_save(&comment_model_from(peal_rows_at(rows, 0))->article->instance, &error));
	T_INT(COUNT("lab_article WHERE slug = 'changed'"), 1);
	peal_rows_free(rows);
	T_OK(peal_query_last(query, &one.instance, &error));
	T_STR(one.article->author->name, "Bo");
	T_OK(peal_set_text(&one.article->instance, &one.article->slug, "more"));
	peal_fini(&one.instance);
	peal_query_free(query);

	record(NULL);
	query = filtered(&profile_model, PEAL_WITH(PEAL_IS(profile_model, id, 1)));
	peal_query_select_related(query, "person");
	T_OK(peal_query_all(query, &rows, &error));
	T_STR(heard, "ir I1 ir I1");
	peal_rows_free(rows);
	stop_recording();
	peal_query_select_related(query, "bio");
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	peal_query_free(query);
	end_models(db);
}

TEST(deferred_fields)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query = filtered(&person_model, PEAL_WITH(PEAL_IS(person_model, id, 2)));
	struct peal_error error = { 0 };
	struct peal_value value;
	struct person p;

	peal_query_defer(query, "name");
	T_OK(peal_query_get(query, &p.instance, &error));
	T_TRUE(!p.name && p.age == 20);
	T_CODE(peal_field_get(&p.instance, "name", &value, &error), PEAL_NOT_FOUND);
	p.age = 21;
	T_OK(peal_save(&p.instance, &error));
	T_INT(COUNT("lab_person WHERE name = 'Bo' AND age = 21"), 1);
	T_OK(peal_set_text(&p.instance, &p.name, "Bob"));
	T_OK(peal_save(&p.instance, &error));
	T_INT(COUNT("lab_person WHERE name = 'Bob' AND age = 21"), 1);
	peal_fini(&p.instance);
	peal_query_only(query, "pk");
	T_OK(peal_query_get(query, &p.instance, &error));
	T_TRUE(p.id == 2 && !p.age);
	T_CODE(peal_save(&p.instance, &error), PEAL_EINVAL);
	T_OK(peal_refresh(&p.instance, &error));
	T_STR(p.name, "Bob");
	peal_fini(&p.instance);
	peal_query_only(query, "nam");
	T_CODE(peal_query_get(query, &p.instance, &error), PEAL_EINVAL);
	peal_query_free(query);
	end_models(db);
}

TEST(streams)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query = peal_query_new(&article_model);
	struct peal_error error = { 0 };
	struct peal_instance *instance;
	struct peal_stream *stream;
	int64_t sum = 0;
	int r;

	peal_query_select_related(query, "author");
	peal_query_order_by(query, "id");
	T_OK(peal_query_stream(query, &stream, &error));
	peal_query_free(query);
	while ((r = peal_stream_next(stream, &instance, &error)) == 0) {
		struct article *article = article_model_from(instance);

		sum += article->word_count;
		T_TRUE(!article->author == (article->id == 4));
	}
	T_CODE(r, PEAL_DONE);
	T_CODE(peal_stream_next(stream, &instance, &error), PEAL_DONE);
	T_INT(sum, 100);
	peal_stream_free(stream);
	query = peal_query_new(&article_model);
	T_OK(peal_query_stream(query, &stream, &error));
	T_OK(peal_stream_next(stream, &instance, &error));
	peal_stream_free(stream);
	peal_query_free(query);
	end_models(db);
}

TEST(rows_are_locked_in_transactions)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query = peal_query_new(&article_model);
	struct peal_error error = { 0 };
	struct peal_rows *rows;
	int r;

	peal_query_select_related(query, "author");
	for (int lock = PEAL_LOCK_WAIT; lock <= PEAL_LOCK_SKIP_LOCKED; lock++) {
		peal_query_for_update(query, (enum peal_lock)lock);
		T_CODE(peal_query_all(query, &rows, &error), PEAL_ETRANSACTION);
		PEAL_ATOMIC(r, &error) {
			r = peal_query_all(query, &rows, &error);
			if (r == 0)
				peal_rows_free(rows);
		}
		T_OK(r);
	}
	peal_query_free(query);
	end_models(db);
}

/* ---- What is refused, and what is only text ---- */

static void refused(const struct peal_model *model, const struct peal_named_list *conditions,
		    int code, const char *message)
{
	struct peal_query *query = filtered(model, conditions);
	struct peal_error error = { 0 };
	int64_t count;

	T_CODE(peal_query_count(query, &count, &error), code);
	T_HAS(error.message, message);
	peal_query_free(query);
}

#define T_REFUSED(code_, message_, ...) \
	refused(&article_model, PEAL_WITH(__VA_ARGS__), code_, message_)

TEST(queries_that_are_refused)
{
	struct peal_db *db = begin_blog();
	struct peal_query *query;
	struct peal_error error = { 0 };
	int64_t count;

	T_REFUSED(PEAL_EINVAL, "lab.Person.name: there is no lookup \"nam\"",
		  PEAL_ARG("author__name__nam", PEAL_TEXT("x")));
	T_REFUSED(PEAL_EINVAL, "lab.Article.author_id: there is no lookup \"nam\"",
		  PEAL_ARG("author__nam", PEAL_TEXT("x")));
	T_REFUSED(PEAL_EINVAL, "lab.Article has no field \"comments\"",
		  PEAL_ARG("comments__text", PEAL_TEXT("x")));
	T_REFUSED(PEAL_ETYPE, "lab.Person.age", PEAL_ARG("author__age", PEAL_TEXT("x")));
	T_REFUSED(PEAL_ETYPE, "lab.Comment.text", PEAL_ARG("comment__text", PEAL_INT(1)));
	T_REFUSED(PEAL_ETYPE, "another type",
		  PEAL_WHERE_F(article_model, word_count, gt, PEAL_F(article_model, title)));
	T_REFUSED(PEAL_ETYPE, "numbers",
		  PEAL_WHERE_F(article_model, word_count, gt,
			       PEAL_PLUS(PEAL_F(article_model, title), 1)));
	T_REFUSED(PEAL_EINVAL, "is no condition", { .operation = PEAL_ADD, .name = "word_count" });
	query = peal_query_new(&article_model);
	peal_query_slice(query, 0, 1);
	peal_query_filter(query, PEAL_WITH(PEAL_IS(article_model, id, 1)));
	T_CODE(peal_query_count(query, &count, &error), PEAL_EINVAL);
	T_HAS(error.message, "lab.Article: a slice");
	peal_query_free(query);
	query = peal_query_new(&article_model);
	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_COUNT(NULL, .as = "title")));
	T_CODE(peal_query_count(query, &count, &error), PEAL_EINVAL);
	peal_query_free(query);
	end_models(db);
}

TEST(injection_is_text)
{
	static const char *const texts[] = { "'; DROP TABLE lab_person; --",
					     "\" OR 1 = 1 --",
					     "$1",
					     "?",
					     "a' OR 'a'='a",
					     "%' OR name LIKE '%" };
	static const char *const names[] = { "\"", "name\" = name --", "author__\"", "pk--",
					     "article\"; --" };
	struct peal_db *db = begin_blog();

	for (size_t i = 0; i < PEAL_COUNTOF(texts); i++) {
		T_ARTICLES("", PEAL_IS(article_model, author->name, texts[i]));
		T_ARTICLES("", PEAL_WHERE(article_model, author->name, iendswith, texts[i]));
		T_PEOPLE("", PEAL_WHERE_OF("article", article_model, title, contains, texts[i]));
		T_PEOPLE("1 2 3", PEAL_NOT(PEAL_ARG("article__title", PEAL_TEXT(texts[i]))));
	}
	for (size_t i = 0; i < PEAL_COUNTOF(names); i++) {
		struct peal_query *query = peal_query_new(&person_model);
		struct peal_values *values;

		refused(&person_model, PEAL_WITH(PEAL_ARG(names[i], PEAL_INT(1))), PEAL_EINVAL,
			"lab.Person");
		T_CODE(peal_query_values(query, &(const struct peal_names)PEAL_NAMES(names[i]),
					 &values, NULL),
		       PEAL_EINVAL);
		peal_query_free(query);
	}
	end_models(db);
}

static int loading(struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&comment_model);
	struct peal_stream *stream = NULL;
	struct peal_instance *instance;
	struct comment last;
	int r;

	peal_query_select_related(query, "article__author");
	peal_query_defer(query, "text");
	r = peal_query_stream(query, &stream, error);
	while (r == 0)
		r = peal_stream_next(stream, &instance, error);
	peal_stream_free(stream);
	if (r == PEAL_DONE)
		r = peal_query_last(query, &last.instance, error);
	if (r == 0)
		peal_fini(&last.instance);
	peal_query_free(query);
	return r;
}

static int everything(struct peal_error *error)
{
	struct peal_query *people = peal_query_new(&person_model);
	struct peal_query *query = peal_query_new(&article_model), *copy = NULL;
	struct peal_values *values = NULL;
	struct peal_value sum;
	struct peal_rows *rows = NULL;
	int r;

	peal_query_filter(query,
			  PEAL_WITH(PEAL_ANY(PEAL_IS(article_model, author->name, "Ana"),
					     PEAL_NOT(PEAL_ARG("comment__text", PEAL_TEXT("x")))),
				    PEAL_IN_QUERY(article_model, author_id, people, "pk"),
				    PEAL_WHERE_F(article_model, word_count, lt,
						 PEAL_PLUS(PEAL_F(article_model, id), 100))));
	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_COUNT("comment", .as = "n")));
	peal_query_order_by(query, "n", "author__name");
	copy = peal_query_copy(query);
	peal_query_distinct(copy);
	r = peal_query_all(copy, &rows, error);
	if (r == 0)
		r = peal_query_values(query, &(const struct peal_names)PEAL_NAMES("title", "n"),
				      &values, error);
	if (r == 0)
		r = peal_query_aggregate(query, PEAL_AGGREGATES(PEAL_SUM("word_count")), &sum,
					 error);
	if (r == 0)
		T_INT(sum.as.integer, 60);
	peal_rows_free(rows);
	peal_values_free(values);
	peal_query_free(copy);
	peal_query_free(query);
	peal_query_free(people);
	return r == 0 ? loading(error) : r;
}

TEST_TIMEOUT(no_memory_anywhere, 300)
{
	struct peal_db *db = begin_blog();

	T_OK(everything(NULL)); /* its statements stay prepared */
	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		int r = everything(&error);

		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		if (r < 0)
			T_CODE(error.code, PEAL_ENOMEM);
	}
	end_models(db);
}
