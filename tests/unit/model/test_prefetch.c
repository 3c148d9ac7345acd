/* SPDX-License-Identifier: MIT */
/* Prefetching: all kinds of relations, paths, queries of their own; how many statements; what cannot be. */
#include "models.h"

#include <peal/bulk.h>
#include <peal/m2m.h>
#include <peal/model_signals.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"

struct tag {
	struct peal_instance instance;
	const char *name; /* the key */
};
PEAL_MODEL_DECLARE(tag_model, struct tag);

static const struct peal_field tag_fields[] = {
	PEAL_CHAR(struct tag, name, .max_length = 20, .primary_key = true),
};
PEAL_MODEL_DEFINE(tag_model, struct tag, .app = "lab", .name = "Tag",
		  .fields = PEAL_FIELDS(tag_fields));

struct team {
	struct peal_instance instance;
	int64_t id;
	const char *name;
};
PEAL_MODEL_DECLARE(team_model, struct team);

struct post {
	struct peal_instance instance;
	int64_t id;
	int64_t team_id;
	struct team *team;
	const char *person_id; /* a key of text */
	struct tag *person;
	int32_t rank;
};
PEAL_MODEL_DECLARE(post_model, struct post);

static const struct peal_field post_fields[] = {
	PEAL_ID(struct post, id),
	PEAL_FOREIGN_KEY(struct post, team, team_model, PEAL_CASCADE, .related_name = "posts"),
	PEAL_FOREIGN_KEY(struct post, person, tag_model, PEAL_CASCADE, .null = true),
	PEAL_INTEGER(struct post, rank),
};
PEAL_MODEL_DEFINE(post_model, struct post, .app = "lab", .name = "Post",
		  .fields = PEAL_FIELDS(post_fields));

static const struct peal_field team_fields[] = {
	PEAL_ID(struct team, id),
	PEAL_CHAR(struct team, name, .max_length = 20),
	PEAL_MANY_TO_MANY(struct team, tags, tag_model, .related_name = "teams"),
	PEAL_MANY_TO_MANY(struct team, people, tag_model, .related_name = "jobs",
			  .through = &post_model),
	PEAL_MANY_TO_MANY(struct team, rivals, team_model),
};
PEAL_MODEL_DEFINE(team_model, struct team, .app = "lab", .name = "Team",
		  .fields = PEAL_FIELDS(team_fields));

/*
 *	articles  1 "C" by Ana, 2 "SQL" by Ana, 3 "C in depth" by Bo, 4 "Orphan" by nobody
 *	comments  1 and 2 on article 1, 3 on article 3
 *	profiles  1 of Ana, 2 of Cy
 *	teams     1 with tags a and b, 2 with b, 3 with none; 1 and 2 are rivals
 *	posts     "ana" twice in team 1, "bo" in teams 1 and 2
 */
static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	ADD_MODELS(&tag_model, &team_model, &post_model);
	exec("INSERT INTO lab_person (id, name, age, bio) VALUES"
	     " (1, 'Ana', 10, NULL), (2, 'Bo', 20, 'x'), (3, 'Cy', 30, NULL)");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) VALUES"
	     " (1, 'C', 'c', 10, 1), (2, 'SQL', 'sql', 20, 1), (3, 'C in depth', 'cid', 30, 2),"
	     " (4, 'Orphan', 'o', 40, NULL)");
	exec("INSERT INTO lab_comment (id, article_id, parent_id, text) VALUES"
	     " (1, 1, NULL, 'one'), (2, 1, 1, 'two'), (3, 3, NULL, 'three')");
	exec("INSERT INTO lab_profile (id, person_id, bio) VALUES (1, 1, 'pa'), (2, 3, 'pc')");
	exec("INSERT INTO lab_tag (name) VALUES ('a'), ('b'), ('c'), ('ana'), ('bo')");
	exec("INSERT INTO lab_team (id, name) VALUES (1, 'x'), (2, 'y'), (3, 'z')");
	exec("INSERT INTO lab_team_tags (team_id, tag_id) VALUES (1, 'a'), (1, 'b'), (2, 'b')");
	exec("INSERT INTO lab_team_rivals (from_team_id, to_team_id) VALUES (1, 2), (2, 1)");
	exec("INSERT INTO lab_post (id, team_id, person_id, rank) VALUES"
	     " (1, 1, 'ana', 3), (2, 1, 'ana', 2), (3, 1, 'bo', 1), (4, 2, 'bo', 4)");
	return db;
}

static struct peal_query *ordered(const struct peal_model *model)
{
	struct peal_query *query = peal_query_new(model);

	peal_query_order_by(query, "pk");
	return query;
}

static struct peal_rows *rows_of(struct peal_query *query)
{
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;

	if (peal_query_all(query, &rows, &error) != 0)
		T_FAIL("%s", error.message);
	peal_query_free(query);
	return rows;
}

static void add_key(char *text, size_t size, const struct peal_instance *instance)
{
	struct peal_value key = peal_key(instance);
	size_t at = strlen(text);

	if (key.kind == PEAL_VALUE_TEXT)
		snprintf(text + at, size - at, "%s", key.as.text.data);
	else
		snprintf(text + at, size - at, "%" PRId64, key.as.integer);
}

/* Each row, and what was prefetched for it: "1(1 2) 2(3) 3()"; "1-" where nothing was. */
static const char *outline(const struct peal_rows *rows, const char *name)
{
	static char text[512];

	text[0] = '\0';
	for (size_t i = 0; i < peal_rows_count(rows); i++) {
		const struct peal_rows *part = peal_prefetched(peal_rows_at(rows, i), name);

		strcat(text, i ? " " : "");
		add_key(text, sizeof(text), peal_rows_at(rows, i));
		strcat(text, part ? "(" : "-");
		for (size_t k = 0; k < peal_rows_count(part); k++) {
			strcat(text, k ? " " : "");
			add_key(text, sizeof(text), peal_rows_at(part, k));
		}
		strcat(text, part ? ")" : "");
	}
	return text;
}

static size_t statements(void)
{
	struct peal__connection *c;

	T_OK(peal__connection_get(NULL, &c, NULL));
	return c->line->statement_count;
}

static void expect(const char *text, const struct peal_model *model, const char *name)
{
	struct peal_query *query = ordered(model);
	struct peal_rows *rows;

	peal_query_prefetch(query, name);
	rows = rows_of(query);
	T_STR(outline(rows, name), text);
	peal_rows_free(rows);
}

TEST(backward)
{
	struct peal_db *db = begin();
	struct peal_query *query = ordered(&person_model);
	struct peal_rows *rows;
	struct article *article;
	struct person *person;
	int count = 0;

	expect("1(1 2) 2(3) 3()", &person_model, "article");
	expect("1(1 2) 2(3) 3()", &person_model, "article_set");
	expect("1(1) 2() 3(2)", &person_model, "profile");
	peal_query_prefetch(query, "article");
	rows = rows_of(query);
	PEAL_EACH(person_model, person, rows) {
		PEAL_EACH(article_model, article, peal_prefetched(&person->instance, "article")) {
			T_PTR(article->author, person);
			T_INT(article->author_id, person->id);
			T_PTR(article->instance.db, db);
			count++;
		}
		T_PTR(peal_prefetched(&person->instance, "profile"), NULL);
		T_PTR(peal_prefetched(&person->instance, "nothing"), NULL);
	}
	T_INT(count, 3);
	peal_rows_free(rows);
	end_models(db);
}

TEST(forward)
{
	struct peal_db *db = begin();
	struct peal_query *query = ordered(&article_model);
	struct peal_rows *rows;
	struct article *articles[4];

	peal_query_prefetch(query, "author");
	rows = rows_of(query);
	for (size_t i = 0; i < 4; i++)
		articles[i] = article_model_from(peal_rows_at(rows, i));
	T_STR(articles[0]->author->name, "Ana");
	T_PTR(articles[1]->author, articles[0]->author);
	T_STR(articles[2]->author->name, "Bo");
	T_PTR(articles[3]->author, NULL);
	T_PTR(peal_prefetched(&articles[0]->instance, "author"), NULL);
	T_PTR(peal_prefetched_one(&articles[0]->instance, "author"),
	      &articles[0]->author->instance);
	T_PTR(peal_prefetched_one(&articles[3]->instance, "author"), NULL);
	peal_rows_free(rows);
	query = ordered(&profile_model);
	peal_query_prefetch(query, "person");
	rows = rows_of(query);
	T_STR(profile_model_from(peal_rows_at(rows, 1))->person->name, "Cy");
	peal_rows_free(rows);
	end_models(db);
}

TEST(many_to_many)
{
	struct peal_db *db = begin();

	expect("1(a b) 2(b) 3()", &team_model, "tags");
	expect("a(1) ana() b(1 2) bo() c()", &tag_model, "teams");
	expect("1(2) 2(1) 3()", &team_model, "rivals");
	/* A pair that a table of one's own has twice is one row, as in peal_m2m_query(). */
	expect("1(ana bo) 2(bo) 3()", &team_model, "people");
	expect("a() ana(1) b() bo(1 2) c()", &tag_model, "jobs");
	end_models(db);
}

/* One statement for each relation, and none for those without keys. */
TEST(statements)
{
	struct peal_db *db = begin();
	struct peal_query *query = ordered(&person_model);
	size_t before = statements();
	struct peal_rows *rows;

	peal_query_prefetch(query, "article__comment", "profile", "article__author", "article");
	rows = rows_of(query);
	T_UINT(statements() - before, 4); /* the authors are attached already */
	T_STR(outline(rows, "article"), "1(1 2) 2(3) 3()");
	T_STR(outline(peal_prefetched(peal_rows_at(rows, 0), "article"), "comment"), "1(1 2) 2()");
	peal_rows_free(rows);
	query = ordered(&person_model);
	peal_query_filter(query, PEAL_WITH(PEAL_IS(person_model, name, "nobody")));
	peal_query_prefetch(query, "article__comment");
	before = statements();
	rows = rows_of(query);
	T_UINT(statements() - before, 1);
	peal_rows_free(rows);
	end_models(db);
}

/* More rows than keys fit one statement. */
TEST(chunks)
{
	struct peal_db *db = begin();
	struct peal_query *query;
	struct peal_rows *rows;
	struct article *article;
	struct person *person;
	int64_t count = 0;

	exec("INSERT INTO lab_person (id, name, age) "
	     "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1399) "
	     "SELECT i, 'p', 1 FROM n");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) "
	     "SELECT id * 2, 't' || id, 's', 1, id FROM lab_person WHERE id >= 100");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) "
	     "SELECT id * 2 + 1, 'u' || id, 's', 1, id FROM lab_person WHERE id >= 100");
	query = ordered(&person_model);
	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(person_model, id, gte, 100)));
	peal_query_prefetch(query, "article");
	rows = rows_of(query);
	PEAL_EACH(person_model, person, rows) {
		T_UINT(peal_rows_count(peal_prefetched(&person->instance, "article")), 2);
		PEAL_EACH(article_model, article, peal_prefetched(&person->instance, "article")) {
			T_INT(article->id / 2, person->id);
			T_PTR(article->author, person);
			count++;
		}
	}
	T_INT(count, 2600);
	peal_rows_free(rows);
	end_models(db);
}

TEST(streams_prefetch_in_chunks)
{
	struct peal_db *db = begin();
	struct peal_query *query;
	struct peal_stream *stream;
	struct peal_instance *instance;
	struct peal_error error = { 0 };
	int64_t count = 0, r;

	exec("INSERT INTO lab_person (id, name, age) "
	     "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 4399) "
	     "SELECT i, 'p', 1 FROM n");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) "
	     "SELECT id, 't' || id, 's', 1, id FROM lab_person WHERE id >= 100");
	query = ordered(&person_model);
	peal_query_prefetch(query, "article");
	T_OK(peal_query_stream(query, &stream, &error));
	while ((r = peal_stream_next(stream, &instance, &error)) == 0) {
		const struct peal_rows *articles = peal_prefetched(instance, "article");
		struct person *person = person_model_from(instance);

		T_TRUE(articles != NULL);
		if (person->id < 100)
			continue;
		T_INT(article_model_from(peal_rows_at(articles, 0))->author_id, person->id);
		count++;
	}
	T_INT(r, PEAL_DONE);
	T_CODE(peal_stream_next(stream, &instance, &error), PEAL_DONE);
	T_INT(count, 4300);
	peal_stream_free(stream);
	T_OK(peal_query_stream(query, &stream, &error)); /* left early */
	T_OK(peal_stream_next(stream, &instance, &error));
	peal_stream_free(stream);
	peal_query_slice(query, 3, 2000); /* ends where a chunk ends */
	T_OK(peal_query_stream(query, &stream, &error));
	for (count = 0; peal_stream_next(stream, &instance, &error) == 0; count++)
		T_UINT(peal_rows_count(peal_prefetched(instance, "article")), 1);
	T_INT(count, 2000);
	peal_stream_free(stream);
	peal_query_free(query);
	end_models(db);
}

static int refuse_first(struct peal_call *call, const struct peal_post_init_args *args)
{
	bool *refused = call->user;

	(void)args;
	if (*refused)
		return 0;
	*refused = true;
	return peal_error_set(call->error, PEAL_ECANCELED, "not this one");
}

/* Those who go on asking must not miss rows without knowing. */
TEST(a_stream_ends_with_an_error_of_its_prefetch)
{
	struct peal_db *db = begin();
	struct peal_query *query;
	struct peal_stream *stream;
	struct peal_instance *instance;
	struct peal_error error = { 0 };
	struct peal_scope scope = { 0 };
	bool refused = false;

	exec("INSERT INTO lab_person (id, name, age) "
	     "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 4399) "
	     "SELECT i, 'p', 1 FROM n");
	T_OK(PEAL_CONNECT(peal_post_init, refuse_first, .user = &refused, .scope = &scope,
			  .sender = &article_model));
	query = ordered(&person_model);
	peal_query_prefetch(query, "article");
	T_OK(peal_query_stream(query, &stream, &error));
	T_CODE(peal_stream_next(stream, &instance, &error), PEAL_ECANCELED);
	T_CODE(peal_stream_next(stream, &instance, &error), PEAL_DONE);
	peal_stream_free(stream);
	peal_query_free(query);
	T_OK(peal_scope_end(&scope));
	end_models(db);
}

TEST(own_queries)
{
	struct peal_db *db = begin();
	struct peal_query *articles = peal_query_new(&article_model), *query;
	struct peal_rows *rows;
	struct article *article;

	peal_query_filter(articles, PEAL_WITH(PEAL_WHERE(article_model, word_count, gt, 5)));
	peal_query_order_by(articles, "-word_count");
	peal_query_only(articles, "title"); /* the key that it belongs by is loaded beside it */
	peal_query_prefetch(articles, "comment");
	query = ordered(&person_model);
	peal_query_prefetch_query(query, "article", articles);
	peal_query_prefetch(query, "article__comment__parent");
	rows = rows_of(query);
	T_STR(outline(rows, "article"), "1(2 1) 2(3) 3()");
	article = article_model_from(
		peal_rows_at(peal_prefetched(peal_rows_at(rows, 0), "article"), 1));
	T_STR(article->title, "C");
	T_PTR(article->slug, NULL);
	T_PTR(&article->author->instance, peal_rows_at(rows, 0));
	T_STR(outline(peal_prefetched(peal_rows_at(rows, 0), "article"), "comment"), "2() 1(1 2)");
	peal_rows_free(rows);
	peal_query_free(articles);

	articles = peal_query_new(&article_model);
	peal_query_select_related(articles, "author");
	query = ordered(&comment_model);
	peal_query_prefetch_query(query, "article", articles);
	rows = rows_of(query);
	T_STR(comment_model_from(peal_rows_at(rows, 2))->article->author->name, "Bo");
	peal_rows_free(rows);
	peal_query_free(articles);

	articles = ordered(&tag_model); /* tags of teams that have a rival */
	peal_query_filter(articles, PEAL_WITH(PEAL_ARG("teams__rivals__isnull", PEAL_BOOL(false)),
					      PEAL_ARG("teams__name", PEAL_TEXT("y"))));
	query = ordered(&team_model);
	peal_query_prefetch_query(query, "tags", articles);
	rows = rows_of(query);
	T_STR(outline(rows, "tags"), "1(b) 2(b) 3()");
	peal_rows_free(rows);
	peal_query_free(articles);
	end_models(db);
}

/* A slice is taken of the rows of each row (Django 4.2). */
TEST(own_slices)
{
	struct peal_db *db = begin();
	struct peal_query *posts = peal_query_new(&post_model), *query;
	struct peal_rows *rows;

	peal_query_order_by(posts, "rank");
	peal_query_slice(posts, 1, 2);
	query = ordered(&team_model);
	peal_query_prefetch_query(query, "posts", posts);
	rows = rows_of(query);
	T_STR(outline(rows, "posts"), "1(2 1) 2() 3()");
	peal_rows_free(rows);
	peal_query_free(posts);

	posts = peal_query_new(&tag_model);
	peal_query_order_by(posts, "-name");
	peal_query_slice(posts, 0, 1);
	query = ordered(&team_model);
	peal_query_prefetch_query(query, "tags", posts);
	rows = rows_of(query);
	T_STR(outline(rows, "tags"), "1(b) 2(b) 3()");
	peal_rows_free(rows);
	peal_query_free(posts);

	posts = peal_query_new(&post_model);
	peal_query_select_related(posts, "team");
	peal_query_slice(posts, 1, INT64_MAX);
	query = ordered(&team_model);
	peal_query_prefetch_query(query, "posts", posts);
	rows = rows_of(query);
	T_STR(outline(rows, "posts"), "1(2 3) 2() 3()");
	T_STR(post_model_from(peal_rows_at(peal_prefetched(peal_rows_at(rows, 0), "posts"), 0))
		      ->team->name,
	      "x");
	peal_rows_free(rows);
	peal_query_free(posts);
	end_models(db);
}

TEST(annotated)
{
	struct peal_db *db = begin();
	struct peal_query *articles = peal_query_new(&article_model), *query;
	struct peal_rows *rows;

	peal_query_annotate(articles, PEAL_AGGREGATES(PEAL_COUNT("comment", .as = "n")));
	peal_query_filter(articles, PEAL_WITH(PEAL_ARG("n__gt", PEAL_INT(0))));
	peal_query_order_by(articles, "-n");
	query = ordered(&person_model);
	peal_query_prefetch_query(query, "article", articles);
	rows = rows_of(query);
	T_STR(outline(rows, "article"), "1(1) 2(3) 3()");
	peal_rows_free(rows);
	peal_query_free(articles);
	end_models(db);
}

TEST(together_with_others)
{
	struct peal_db *db = begin();
	struct peal_query *query = ordered(&comment_model);
	struct peal_value keys[] = { PEAL_INT(2), PEAL_INT(1), PEAL_INT(2), PEAL_INT(9) };
	struct peal_rows *rows;
	struct person ana;
	size_t before;

	peal_query_select_related(query, "article");
	peal_query_prefetch(query, "article__author__profile");
	peal_query_slice(query, 1, 2);
	before = statements();
	rows = rows_of(query);
	T_UINT(statements() - before, 3); /* no articles */
	T_UINT(peal_rows_count(rows), 2);
	T_STR(comment_model_from(peal_rows_at(rows, 1))->article->author->name, "Bo");
	T_TRUE(peal_prefetched_one(
		       &comment_model_from(peal_rows_at(rows, 0))->article->author->instance,
		       "profile") != NULL);
	peal_rows_free(rows);

	query = peal_query_new(&person_model);
	peal_query_prefetch(query, "article");
	T_OK(peal_query_in_bulk(query, &(struct peal_params){ keys, 4 }, &rows, NULL));
	T_STR(outline(rows, "article"), "1(1 2) 2(3)");
	peal_rows_free(rows);
	peal_query_filter(query, PEAL_WITH(PEAL_IS(person_model, name, "Ana")));
	T_OK(peal_query_get(query, &ana.instance, NULL));
	T_UINT(peal_rows_count(peal_prefetched(&ana.instance, "article")), 2);
	T_OK(peal_refresh(&ana.instance, NULL)); /* what was loaded is out of date */
	T_PTR(peal_prefetched(&ana.instance, "article"), NULL);
	peal_fini(&ana.instance);
	T_OK(peal_query_first(query, &ana.instance, NULL));
	T_UINT(peal_rows_count(peal_prefetched(&ana.instance, "article")), 2);
	peal_fini(&ana.instance);
	T_OK(peal_query_delete(query, NULL, NULL));
	peal_query_free(query);
	end_models(db);
}

TEST(of_instances)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person ana, bo;
	struct peal_instance *people[] = { &ana.instance, &bo.instance, &ana.instance };
	const struct peal_rows *articles;
	struct article article;
	size_t before;

	T_OK(person_model_get(&ana, PEAL_WITH(PEAL_IS(person_model, id, 1)), &error));
	T_OK(person_model_get(&bo, PEAL_WITH(PEAL_IS(person_model, id, 2)), &error));
	T_OK(peal_prefetch(people, 3, PEAL_NAMES_OF("article"), &error));
	articles = peal_prefetched(&ana.instance, "article");
	T_UINT(peal_rows_count(articles), 2);
	before = statements();
	T_OK(PEAL_PREFETCH(&ana.instance, &error, "article__comment"));
	T_PTR(peal_prefetched(&ana.instance, "article"), articles); /* not again */
	T_UINT(statements() - before, 1);
	T_STR(outline(articles, "comment"), "1(1 2) 2()");
	/* Those of the other live on. */
	peal_fini(&ana.instance);
	articles = peal_prefetched(&bo.instance, "article");
	T_STR(article_model_from(peal_rows_at(articles, 0))->title, "C in depth");
	peal_fini(&bo.instance);
	T_OK(peal_prefetch(NULL, 0, PEAL_NAMES_OF("nothing"), &error));

	T_OK(person_model_init(&ana, NULL, &error));
	T_CODE(PEAL_PREFETCH(&ana.instance, &error, "article"), PEAL_EINVAL);
	T_HAS(error.message, "instance 0 has no key");
	T_OK(article_model_get(&article, PEAL_WITH(PEAL_IS(article_model, id, 1)), &error));
	T_CODE(peal_prefetch((struct peal_instance *[]){ &article.instance, &ana.instance }, 2,
			     PEAL_NAMES_OF("author"), &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "instance 1 is of another model");
	peal_fini(&ana.instance);
	T_CODE(PEAL_PREFETCH(&ana.instance, &error, "article"), PEAL_EINVAL);
	T_CODE(PEAL_PREFETCH(&article.instance, &error, "author__nothing"), PEAL_EINVAL);
	T_HAS(error.message, "lab.Person has no relation \"nothing\"");
	peal_fini(&article.instance);
	end_models(db);
}

TEST(errors_before_any_sql)
{
	static const struct {
		const char *path, *says;
	} wrong[] = {
		{ "nothing", "lab.Person has no relation \"nothing\"" },
		{ "article__nothing", "lab.Article has no relation \"nothing\"" },
		{ "name", "lab.Person has no relation \"name\"" },
		{ "article__title", "lab.Article has no relation \"title\"" },
		{ "article__author_id", "lab.Article has no relation \"author_id\"" },
		{ "", "lab.Person has no relation \"\"" },
	};
	struct peal_db *db = begin();
	struct peal_query *query, *own;
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;
	size_t before = statements();

	for (size_t i = 0; i < PEAL_COUNTOF(wrong); i++) {
		query = peal_query_new(&person_model);
		peal_query_prefetch_names(query, PEAL_NAMES_OF(wrong[i].path));
		T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
		T_HAS(error.message, wrong[i].says);
		T_HAS(error.message, "prefetch: ");
		peal_query_free(query);
	}
	own = peal_query_new(&person_model);
	query = peal_query_new(&person_model);
	peal_query_prefetch_query(query, "article", own);
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "another model");
	peal_query_free(query);
	peal_query_free(own);

	own = peal_query_new(&article_model);
	query = peal_query_new(&person_model);
	peal_query_prefetch(query, "article");
	peal_query_prefetch_query(query, "article", own);
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "prefetched already");
	peal_query_free(query);
	peal_query_order_by(own, "nothing");
	query = peal_query_new(&person_model);
	peal_query_prefetch_query(query, "article", own);
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "nothing");
	peal_query_free(query);
	peal_query_free(own);

	own = peal_query_new(&article_model);
	peal_query_only(own, "title");
	peal_query_prefetch(own, "author");
	T_CODE(peal_query_all(own, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "lab.Article.author_id is deferred");
	peal_query_free(own);
	own = peal_query_new(&article_model);
	peal_query_defer(own, "author");
	query = peal_query_new(&person_model);
	peal_query_prefetch_query(query, "article", own);
	peal_query_prefetch(query, "article__author");
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "lab.Article.author_id is deferred");
	peal_query_free(query);
	peal_query_distinct(own);
	peal_query_slice(own, 0, 1);
	query = peal_query_new(&person_model);
	peal_query_prefetch_query(query, "article", own);
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "slice of distinct");
	peal_query_free(query);
	peal_query_free(own);
	T_UINT(statements() - before, 0);
	end_models(db);
}

/* ---- Signals -------------------------------------------------------------------------------------------------------- */

static int look_for_readers(struct peal_call *call, const struct peal_post_init_args *args)
{
	struct peal__connection *c;

	(void)call;
	(void)args;
	T_OK(peal__connection_get(NULL, &c, NULL));
	for (const struct peal__statement *s = c->line->oldest; s; s = s->newer)
		T_FALSE(s->busy);
	return 0;
}

TEST(signals)
{
	struct peal_db *db = begin();
	struct peal_query *query = ordered(&person_model);
	struct peal_scope scope = { 0 };
	struct peal_rows *rows;

	T_OK(PEAL_CONNECT(peal_post_init, look_for_readers, .scope = &scope));
	record(&article_model);
	peal_query_prefetch(query, "article__comment", "profile");
	rows = rows_of(query);
	T_STR(heard, "ir I1 ir I2 ir I3");
	peal_rows_free(rows);
	/* Also when only those that are selected with the rows are heard. */
	T_OK(peal_scope_end(&scope));
	T_OK(PEAL_CONNECT(peal_post_init, look_for_readers, .sender = &article_model,
			  .scope = &scope));
	query = ordered(&comment_model);
	peal_query_select_related(query, "article");
	rows = rows_of(query);
	peal_rows_free(rows);
	stop_recording();
	T_OK(peal_scope_end(&scope));
	end_models(db);
}

static int refuse_article(struct peal_call *call, const struct peal_post_init_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);

	return article->id == 3 ? peal_error_set(call->error, PEAL_EINVAL, "not this one") : 0;
}

TEST(an_error_of_a_receiver_ends_it)
{
	struct peal_db *db = begin();
	struct peal_query *query = ordered(&person_model);
	struct peal_scope scope = { 0 };
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;
	struct person bo;

	T_OK(PEAL_CONNECT(peal_post_init, refuse_article, .sender = &article_model,
			  .scope = &scope));
	peal_query_prefetch(query, "article");
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "not this one");
	peal_query_filter(query, PEAL_WITH(PEAL_IS(person_model, id, 2)));
	T_CODE(peal_query_get(query, &bo.instance, &error), PEAL_EINVAL);
	T_PTR(bo.instance.model, NULL);
	peal_query_free(query);
	T_OK(peal_scope_end(&scope));
	end_models(db);
}

TEST(copies)
{
	struct peal_db *db = begin();
	struct peal_query *query = ordered(&person_model), *own = peal_query_new(&article_model);
	struct peal_query *copy;
	struct peal_rows *rows;

	peal_query_order_by(own, "-pk");
	peal_query_prefetch_query(query, "article", own);
	peal_query_prefetch(query, "article__comment");
	copy = peal_query_copy(query);
	peal_query_free(query);
	peal_query_free(own);
	rows = rows_of(copy);
	T_STR(outline(rows, "article"), "1(2 1) 2(3) 3()");
	T_STR(outline(peal_prefetched(peal_rows_at(rows, 0), "article"), "comment"), "2() 1(1 2)");
	peal_rows_free(rows);
	end_models(db);
}

static int prefetch_for_rows(void)
{
	struct peal_query *own = ordered(&article_model), *query = ordered(&person_model);
	struct peal_rows *rows = NULL;
	struct peal_error error = { 0 };
	int r;

	peal_query_prefetch_query(query, "article", own);
	peal_query_prefetch(query, "article__comment__article", "profile__person");
	r = peal_query_all(query, &rows, &error);
	if (r == 0)
		r = peal_rows_prefetch(rows, PEAL_NAMES_OF("article__author"), &error);
	peal_rows_free(rows);
	peal_query_free(query);
	peal_query_free(own);
	return r;
}

static int prefetch_for_stream(void)
{
	struct peal_query *query = ordered(&team_model);
	struct peal_stream *stream = NULL;
	struct peal_instance *instance;
	struct peal_error error = { 0 };
	int r;

	peal_query_prefetch(query, "tags__teams", "people", "rivals");
	r = peal_query_stream(query, &stream, &error);
	while (r == 0)
		r = peal_stream_next(stream, &instance, &error);
	peal_stream_free(stream);
	peal_query_free(query);
	return r == PEAL_DONE ? 0 : r;
}

TEST(allocations)
{
	struct peal_db *db = begin();

	T_OK(prefetch_for_rows()); /* the statements are prepared now */
	T_OK(prefetch_for_stream());
	T_ALLOC_LOOP(run) {
		int r = prefetch_for_rows();

		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
	}
	T_ALLOC_LOOP(run) {
		int r = prefetch_for_stream();

		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
	}
	end_models(db);
}

/* What an instance refers to is there, however far the prefetch has come. */
TEST(a_failed_prefetch_attaches_nothing_that_is_gone)
{
	struct peal_db *db = begin();

	for (size_t nth = 1, failed = 1; failed; nth++) {
		struct article article;
		struct peal_error error = { 0 };
		int r;

		T_OK(article_model_get(&article, PEAL_WITH(PEAL_IS(article_model, id, 3)), &error));
		test_alloc_fail(nth, false);
		r = PEAL_PREFETCH(&article.instance, &error, "author");
		failed = test_alloc_failed();
		test_alloc_fail(0, false);
		T_CODE(r, failed ? PEAL_ENOMEM : 0);
		T_TRUE(article.author || failed);
		if (article.author)
			T_STR(article.author->name, "Bo");
		peal_fini(&article.instance);
	}
	end_models(db);
}
