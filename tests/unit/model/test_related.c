/* SPDX-License-Identifier: MIT */
/* The rows that refer to an instance: added, removed, set and made; finding or making a row. */
#include "models.h"

#include <peal/related.h>

#include <string.h>

struct note {
	struct peal_instance instance;
	int64_t id;
	const char *title;
	int32_t stars;
	int64_t made_at;
	int64_t updated_at;
};
PEAL_MODEL_DECLARE(note_model, struct note);

struct word {
	struct peal_instance instance;
	const char *text; /* the key */
	int32_t weight;
};
PEAL_MODEL_DECLARE(word_model, struct word);

static const struct peal_field word_fields[] = {
	PEAL_CHAR(struct word, text, .max_length = 20, .primary_key = true),
	PEAL_INTEGER(struct word, weight),
};
PEAL_MODEL_DEFINE(word_model, struct word, .app = "lab", .name = "Word",
		  .fields = PEAL_FIELDS(word_fields));

static const struct peal_field note_fields[] = {
	PEAL_ID(struct note, id),
	PEAL_CHAR(struct note, title, .max_length = 20),
	PEAL_INTEGER(struct note, stars),
	PEAL_DATETIME(struct note, made_at, .auto_now_add = true),
	PEAL_DATETIME(struct note, updated_at, .auto_now = true),
	PEAL_MANY_TO_MANY(struct note, words, word_model),
};
PEAL_MODEL_DEFINE(note_model, struct note, .app = "lab", .name = "Note",
		  .fields = PEAL_FIELDS(note_fields));

/*
 *	articles  1 and 2 by Ana, 3 by Bo, 4 by nobody
 *	comments  1 and 2 on article 1, 3 on article 3
 */
static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	ADD_MODELS(&word_model, &note_model);
	exec("INSERT INTO lab_person (id, name, age, bio) VALUES"
	     " (1, 'Ana', 10, NULL), (2, 'Bo', 20, 'x'), (3, 'Cy', 30, NULL)");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) VALUES"
	     " (1, 'C', 'c', 10, 1), (2, 'SQL', 'sql', 20, 1), (3, 'C in depth', 'cid', 30, 2),"
	     " (4, 'Orphan', 'o', 40, NULL)");
	exec("INSERT INTO lab_comment (id, article_id, parent_id, text) VALUES"
	     " (1, 1, NULL, 'one'), (2, 1, 1, 'two'), (3, 3, NULL, 'three')");
	return db;
}

static void get_person(struct person *person, int64_t id)
{
	T_OK(person_model_get(person, PEAL_WITH(PEAL_IS(person_model, id, id)), NULL));
}

static void get_article(struct article *article, int64_t id)
{
	T_OK(article_model_get(article, PEAL_WITH(PEAL_IS(article_model, id, id)), NULL));
}

/* The keys of her articles: "1 2". */
static const char *articles_of(struct person *person)
{
	static char text[64];
	struct peal_query *query = peal_related_query(&person->instance, "article");
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;

	text[0] = '\0';
	peal_query_order_by(query, "pk");
	if (peal_query_all(query, &rows, &error) != 0)
		T_FAIL("%s", error.message);
	for (size_t i = 0; i < peal_rows_count(rows); i++) {
		int64_t id = peal_key(peal_rows_at(rows, i)).as.integer;
		char key[] = { ' ', (char)('0' + id), '\0' };

		strcat(text, key + !*text);
	}
	peal_rows_free(rows);
	peal_query_free(query);
	return text;
}

TEST(adding_by_update)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct article third, fourth;
	struct person ana;

	get_person(&ana, 1);
	get_article(&third, 3);
	get_article(&fourth, 4);
	record(&article_model);
	T_OK(peal_related_add(&ana.instance, "article",
			      PEAL_VALUES(&third.instance, &fourth.instance), PEAL_BY_UPDATE,
			      &error));
	T_STR(heard, "");
	stop_recording();
	T_STR(articles_of(&ana), "1 2 3 4");
	T_PTR(third.author, &ana);
	T_INT(third.author_id, 1);
	T_INT(fourth.author_id, 1);
	exec("UPDATE lab_article SET author_id = NULL");
	T_OK(peal_related_add(&ana.instance, "article_set", PEAL_VALUES(2, &third.instance, 2, 99),
			      PEAL_BY_UPDATE, &error));
	T_STR(articles_of(&ana), "2 3");
	T_OK(peal_related_add(&ana.instance, "article", NULL, PEAL_BY_UPDATE, &error));
	peal_fini(&third.instance);
	peal_fini(&fourth.instance);
	peal_fini(&ana.instance);
	end_models(db);
}

/* More than one statement takes. */
TEST(adding_many)
{
	struct peal_db *db = begin();
	static struct peal_value keys[1201];
	struct person ana;

	exec("INSERT INTO lab_article (id, title, slug, word_count) "
	     "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1300) "
	     "SELECT i, 't' || i, 's', 1 FROM n");
	for (size_t i = 0; i < PEAL_COUNTOF(keys); i++)
		keys[i] = peal_value_int((int64_t)i + 100);
	get_person(&ana, 3);
	T_OK(peal_related_set(&ana.instance, "article",
			      &(struct peal_params){ keys, PEAL_COUNTOF(keys) }, PEAL_BY_UPDATE,
			      NULL));
	T_INT(COUNT("lab_article WHERE author_id = 3"), 1201);
	T_OK(peal_related_remove(&ana.instance, "article", &(struct peal_params){ keys, 1200 },
				 PEAL_BY_UPDATE, NULL));
	T_INT(COUNT("lab_article WHERE author_id = 3"), 1);
	peal_fini(&ana.instance);
	end_models(db);
}

TEST(adding_by_saves)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct article third, new;
	struct person ana;

	get_person(&ana, 1);
	get_article(&third, 3);
	T_OK(article_model_init(&new,
				PEAL_WITH(PEAL_SET(article_model, title, "new"),
					  PEAL_SET(article_model, slug, "n")),
				&error));
	T_CODE(peal_related_add(&ana.instance, "article", PEAL_VALUES(&new.instance),
				PEAL_BY_UPDATE, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "lab.Article.author was given a row that is not saved");
	new.id = 20;
	record(&article_model);
	T_OK(peal_related_add(&ana.instance, "article", PEAL_VALUES(&third.instance, &new.instance),
			      PEAL_BY_SAVES, &error));
	T_STR(heard, "s3 S3 s20 S+20");
	stop_recording();
	T_PTR(new.author, &ana);
	T_INT(COUNT("lab_article WHERE author_id = 1"), 4);
	T_CODE(peal_related_add(&ana.instance, "article", PEAL_VALUES(1), PEAL_BY_SAVES, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "takes rows, not keys");
	peal_fini(&third.instance);
	peal_fini(&new.instance);
	peal_fini(&ana.instance);
	end_models(db);
}

TEST(removing)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct article first, third;
	struct person ana;

	get_person(&ana, 1);
	get_article(&first, 1);
	get_article(&third, 3);
	T_CODE(peal_related_remove(&ana.instance, "article",
				   PEAL_VALUES(&first.instance, &third.instance), PEAL_BY_UPDATE,
				   &error),
	       PEAL_NOT_FOUND);
	T_HAS(error.message, "lab.Article 3 is not related by lab.Article.author");
	T_STR(articles_of(&ana), "1 2");
	record(&article_model);
	T_OK(peal_related_remove(&ana.instance, "article", PEAL_VALUES(&first.instance, 3),
				 PEAL_BY_UPDATE, &error));
	T_STR(heard, "");
	T_INT(first.author_id, 1); /* as in Django */
	T_OK(peal_related_remove(&ana.instance, "article", PEAL_VALUES(2, 3), PEAL_BY_SAVES,
				 &error));
	T_STR(heard, "ir I2 su2 S2");
	stop_recording();
	T_STR(articles_of(&ana), "");
	T_INT(COUNT("lab_article WHERE author_id = 2"), 1);
	exec("UPDATE lab_article SET author_id = 1 WHERE id < 3");
	T_OK(peal_related_clear(&ana.instance, "article", PEAL_BY_UPDATE, &error));
	T_STR(articles_of(&ana), "");
	exec("UPDATE lab_article SET author_id = 1 WHERE id = 1");
	record(&article_model);
	T_OK(peal_related_clear(&ana.instance, "article", PEAL_BY_SAVES, &error));
	T_STR(heard, "ir I1 su1 S1");
	stop_recording();
	T_INT(COUNT("lab_article WHERE author_id = 2"), 1);
	peal_fini(&first.instance);
	peal_fini(&third.instance);
	peal_fini(&ana.instance);
	end_models(db);
}

TEST(setting)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct article first, fourth;
	struct person ana;

	get_person(&ana, 1);
	get_article(&first, 1);
	get_article(&fourth, 4);
	T_OK(peal_related_set(&ana.instance, "article",
			      PEAL_VALUES(&first.instance, &fourth.instance), PEAL_BY_UPDATE,
			      &error));
	T_STR(articles_of(&ana), "1 4");
	record(&article_model);
	T_OK(peal_related_set(&ana.instance, "article",
			      PEAL_VALUES(&first.instance, &first.instance, 4), PEAL_BY_UPDATE,
			      &error));
	T_HAS(heard, "I1");
	T_HAS(heard, "I4");
	stop_recording();
	T_STR(articles_of(&ana), "1 4");
	T_OK(peal_related_set(&ana.instance, "article", NULL, PEAL_BY_UPDATE, &error));
	T_STR(articles_of(&ana), "");
	record(&article_model);
	T_OK(peal_related_reset(&ana.instance, "article", PEAL_VALUES(&fourth.instance),
				PEAL_BY_SAVES, &error));
	T_STR(heard, "s4 S4");
	stop_recording();
	T_STR(articles_of(&ana), "4");
	peal_fini(&first.instance);
	peal_fini(&fourth.instance);
	peal_fini(&ana.instance);
	end_models(db);
}

/* A foreign key that takes no null: rows can be added, and nothing else. */
TEST(without_null)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct article second;

	get_article(&second, 2);
	T_CODE(peal_related_remove(&second.instance, "comment", PEAL_VALUES(1), PEAL_BY_UPDATE,
				   &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "lab.Comment.article takes no null");
	T_CODE(peal_related_clear(&second.instance, "comment", PEAL_BY_SAVES, &error), PEAL_EINVAL);
	T_OK(peal_related_add(&second.instance, "comment", PEAL_VALUES(3), PEAL_BY_UPDATE, &error));
	T_OK(peal_related_set(&second.instance, "comment", PEAL_VALUES(2), PEAL_BY_UPDATE, &error));
	T_INT(COUNT("lab_comment WHERE article_id = 2"), 2); /* Django's set() only adds here */
	T_OK(peal_related_reset(&second.instance, "comment", NULL, PEAL_BY_UPDATE, &error));
	peal_fini(&second.instance);
	end_models(db);
}

TEST(creating)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct article article;
	struct person ana;
	bool created;

	get_person(&ana, 1);
	exec("DELETE FROM lab_comment");
	exec("DELETE FROM lab_article");
	T_OK(peal_related_create(&ana.instance, "article", &article.instance,
				 PEAL_WITH(PEAL_SET(article_model, title, "new"),
					   PEAL_SET(article_model, slug, "n")),
				 &error));
	T_PTR(article.author, &ana);
	T_INT(article.author_id, 1);
	peal_fini(&article.instance);
	T_OK(peal_related_get_or_create(&ana.instance, "article", &article.instance,
					PEAL_WITH(PEAL_IS(article_model, title, "new")), NULL,
					&created, &error));
	T_FALSE(created);
	peal_fini(&article.instance);
	T_OK(peal_related_update_or_create(&ana.instance, "article", &article.instance,
					   PEAL_WITH(PEAL_IS(article_model, title, "other")),
					   PEAL_WITH(PEAL_SET(article_model, word_count, 5)),
					   &created, &error));
	T_TRUE(created);
	T_INT(article.author_id, 1);
	peal_fini(&article.instance);
	T_OK(peal_related_update_or_create(&ana.instance, "article", &article.instance,
					   PEAL_WITH(PEAL_IS(article_model, title, "other")),
					   PEAL_WITH(PEAL_SET(article_model, word_count, 6)),
					   &created, &error));
	T_FALSE(created);
	T_INT(COUNT("lab_article WHERE author_id = 1 AND word_count = 6"), 1);
	peal_fini(&article.instance);
	T_CODE(peal_related_create(&ana.instance, "article", &article.instance,
				   PEAL_WITH(PEAL_ARG("nothing", PEAL_INT(1))), &error),
	       PEAL_EINVAL);
	T_PTR(article.instance.model, NULL);
	peal_fini(&ana.instance);
	end_models(db);
}

/* Looked for among the related rows only, and added when it is new. */
TEST(creating_over_many_to_many)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query;
	struct note note;
	struct word word;
	bool created = false;
	int64_t count;

	T_OK(note_model_create(&note, PEAL_WITH(PEAL_SET(note_model, title, "n")), &error));
	exec("INSERT INTO lab_word (text, weight) VALUES ('old', 1)");
	T_OK(peal_related_get_or_create(&note.instance, "words", &word.instance,
					PEAL_WITH(PEAL_IS(word_model, text, "new")),
					PEAL_WITH(PEAL_SET(word_model, weight, 2)), &created,
					&error));
	T_TRUE(created);
	T_INT(word.weight, 2);
	peal_fini(&word.instance);
	T_OK(peal_related_update_or_create(&note.instance, "words", &word.instance,
					   PEAL_WITH(PEAL_IS(word_model, text, "new")),
					   PEAL_WITH(PEAL_SET(word_model, weight, 3)), &created,
					   &error));
	T_FALSE(created);
	T_INT(word.weight, 3);
	/* It is there, but not related, so it is made: the key is taken. */
	peal_fini(&word.instance);
	T_CODE(peal_related_get_or_create(&note.instance, "words", &word.instance,
					  PEAL_WITH(PEAL_IS(word_model, text, "old")), NULL,
					  &created, &error),
	       PEAL_EINTEGRITY);
	T_PTR(word.instance.model, NULL);
	query = peal_related_query(&note.instance, "words");
	T_OK(peal_query_count(query, &count, &error));
	T_INT(count, 1);
	peal_query_free(query);
	T_OK(word_model_get(&word, PEAL_WITH(PEAL_IS(word_model, text, "new")), &error));
	query = peal_related_query(&word.instance, "note");
	T_OK(peal_query_count(query, &count, &error));
	T_INT(count, 1);
	peal_query_free(query);
	peal_fini(&word.instance);
	peal_fini(&note.instance);
	end_models(db);
}

TEST(wrong_uses)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query;
	struct article article;
	struct note note;
	struct person ana;
	int64_t count;

	get_person(&ana, 1);
	get_article(&article, 1);
	T_OK(note_model_create(&note, PEAL_WITH(PEAL_SET(note_model, title, "n")), &error));
	T_CODE(peal_related_add(&ana.instance, "nothing", PEAL_VALUES(1), PEAL_BY_UPDATE, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "lab.Person has no relation \"nothing\"");
	T_CODE(peal_related_clear(&article.instance, "author", PEAL_BY_UPDATE, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "leads to one row");
	T_CODE(peal_related_add(&note.instance, "words", PEAL_VALUES("a"), PEAL_BY_UPDATE, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "many-to-many");
	T_CODE(peal_related_add(&ana.instance, "article", PEAL_VALUES(&ana.instance),
				PEAL_BY_UPDATE, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "lab.Article.author takes rows of its own model");
	T_CODE(peal_related_add(&ana.instance, "article", PEAL_VALUES("text"), PEAL_BY_UPDATE,
				&error),
	       PEAL_ETYPE);
	T_CODE(peal_related_add(&ana.instance, "article", PEAL_VALUES(PEAL_NULL), PEAL_BY_UPDATE,
				&error),
	       PEAL_EINVAL);
	T_CODE(peal_related_set(&ana.instance, "article", PEAL_VALUES(3, &ana.instance),
				PEAL_BY_UPDATE, &error),
	       PEAL_EINVAL);
	T_STR(articles_of(&ana), "1 2"); /* undone as a whole */
	query = peal_related_query(&ana.instance, "nothing");
	T_CODE(peal_query_count(query, &count, &error), PEAL_EINVAL);
	peal_query_free(query);
	peal_fini(&ana.instance);
	T_PTR(peal_related_query(&ana.instance, "article"), NULL);
	T_CODE(peal_related_clear(&ana.instance, "article", PEAL_BY_UPDATE, &error), PEAL_EINVAL);
	T_OK(person_model_init(&ana, NULL, &error));
	T_CODE(peal_related_clear(&ana.instance, "article", PEAL_BY_UPDATE, &error), PEAL_EINVAL);
	T_HAS(error.message, "lab.Person needs a key before its \"article\"");
	peal_fini(&ana.instance);
	peal_fini(&article.instance);
	peal_fini(&note.instance);
	end_models(db);
}

/* ---- peal_get_or_create() and peal_update_or_create() -------------------------------------------------------------------- */

TEST(conditions_that_only_find)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct article article;
	bool created;

	T_OK(peal_get_or_create(&article_model, &article.instance, NULL,
				PEAL_WITH(PEAL_IS(article_model, author->name, "Ana"),
					  PEAL_IS(article_model, title, "SQL"),
					  PEAL_ANY(PEAL_IS(article_model, word_count, 20),
						   PEAL_IS(article_model, word_count, 21))),
				NULL, &created, &error));
	T_FALSE(created);
	T_INT(article.id, 2);
	peal_fini(&article.instance);
	exec("DELETE FROM lab_comment");
	exec("DELETE FROM lab_article");
	T_OK(peal_get_or_create(&article_model, &article.instance, NULL,
				PEAL_WITH(PEAL_IS(article_model, author->name, "Nobody"),
					  PEAL_ARG("author__age__gt", PEAL_INT(99)),
					  PEAL_WHERE(article_model, slug, startswith, "x"),
					  PEAL_NOT(PEAL_IS(article_model, word_count, 1)),
					  PEAL_IS(article_model, title, "Made")),
				PEAL_WITH(PEAL_SET(article_model, slug, "made"),
					  PEAL_SET(article_model, author_id, 3)),
				&created, &error));
	T_TRUE(created);
	T_STR(article.title, "Made");
	T_STR(article.slug, "made");
	T_INT(article.author_id, 3);
	peal_fini(&article.instance);
	T_CODE(peal_get_or_create(&article_model, &article.instance, NULL,
				  PEAL_WITH(PEAL_IS(article_model, title, "Again")),
				  PEAL_WITH(PEAL_ARG("author__name", PEAL_TEXT("x"))), &created,
				  &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "author__name");
	T_CODE(peal_get_or_create(&article_model, &article.instance, NULL,
				  PEAL_WITH(PEAL_IS(article_model, title, "Again")),
				  PEAL_WITH(PEAL_ANY(PEAL_IS(article_model, title, "x"))), &created,
				  &error),
	       PEAL_EINVAL);
	T_CODE(peal_get_or_create(&article_model, &article.instance, NULL,
				  PEAL_WITH(PEAL_WHERE_F(article_model, word_count, exact,
							 PEAL_F(article_model, id))),
				  NULL, &created, &error),
	       PEAL_ETYPE);
	T_HAS(error.message, "word_count");
	T_INT(COUNT("lab_article"), 1);
	T_CODE(peal_update_or_create(&article_model, &article.instance, NULL,
				     PEAL_WITH(PEAL_IS(article_model, title, "Made")),
				     PEAL_WITH(PEAL_ANY(PEAL_IS(article_model, title, "x"))),
				     &created, &error),
	       PEAL_EINVAL);
	end_models(db);
}

static char written[128];

static int note_fields_written(struct peal_call *call, const struct peal_pre_save_args *args)
{
	(void)call;
	written[0] = '\0';
	for (size_t i = 0; args->update_fields && i < args->update_fields->count; i++) {
		strcat(written, i ? " " : "");
		strcat(written, args->update_fields->items[i]);
	}
	return 0;
}

/* What a save sets by itself is written as well (Django 4.2). */
TEST(updates_write_automatic_fields)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_scope scope = { 0 };
	struct note note;
	bool created;

	T_OK(note_model_create(&note, PEAL_WITH(PEAL_SET(note_model, title, "n")), &error));
	peal_fini(&note.instance);
	exec("UPDATE lab_note SET made_at = '2001-01-01 00:00:00', updated_at = '2001-01-01 00:00:00'");
	T_OK(PEAL_CONNECT(peal_pre_save, note_fields_written, .sender = &note_model,
			  .scope = &scope));
	T_OK(peal_update_or_create(&note_model, &note.instance, NULL,
				   PEAL_WITH(PEAL_IS(note_model, title, "n")),
				   PEAL_WITH(PEAL_SET(note_model, stars, 5)), &created, &error));
	T_FALSE(created);
	T_STR(written, "stars made_at updated_at");
	peal_fini(&note.instance);
	T_INT(COUNT("lab_note WHERE made_at < '2002-01-01 00:00:00' AND stars = 5"), 1);
	T_INT(COUNT("lab_note WHERE updated_at > '2002-01-01 00:00:00'"), 1);
	T_OK(peal_update_or_create(
		&note_model, &note.instance, NULL, PEAL_WITH(PEAL_IS(note_model, title, "n")),
		PEAL_WITH(PEAL_SET(note_model, updated_at, 1)), &created, &error));
	T_STR(written, "updated_at made_at");
	peal_fini(&note.instance);
	T_OK(peal_scope_end(&scope));
	end_models(db);
}

static int change_all(struct person *person)
{
	struct article article;
	bool created;
	int r = peal_related_add(&person->instance, "article", PEAL_VALUES(1, 3), PEAL_BY_UPDATE,
				 NULL);

	if (r == 0)
		r = peal_related_set(&person->instance, "article", PEAL_VALUES(1, 4),
				     PEAL_BY_UPDATE, NULL);
	if (r == 0)
		r = peal_related_remove(&person->instance, "article", PEAL_VALUES(4), PEAL_BY_SAVES,
					NULL);
	if (r != 0)
		return r;
	r = peal_related_update_or_create(&person->instance, "article", &article.instance,
					  PEAL_WITH(PEAL_IS(article_model, title, "C")),
					  PEAL_WITH(PEAL_SET(article_model, slug, "new")), &created,
					  NULL);
	peal_fini(&article.instance);
	return r;
}

TEST(allocations)
{
	struct peal_db *db = begin();
	struct person ana;

	get_person(&ana, 1);
	T_OK(change_all(&ana));
	T_OK(change_all(&ana)); /* there is other work for it now */
	T_ALLOC_LOOP(run) {
		int r = change_all(&ana);

		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
	}
	peal_fini(&ana.instance);
	end_models(db);
}
