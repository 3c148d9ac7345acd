/* SPDX-License-Identifier: MIT */
/* What peal/error.h promises: a call that succeeds puts nothing into the error it was given. */
#include "models.h"

#include <peal/bulk.h>
#include <peal/fixture.h>
#include <peal/m2m.h>
#include <peal/validate.h>

struct word {
	struct peal_instance instance;
	int64_t id;
	const char *text;
};
PEAL_MODEL_DECLARE(word_model, struct word);

static const struct peal_field word_fields[] = {
	PEAL_ID(struct word, id),
	PEAL_CHAR(struct word, text, .max_length = 20, .unique = true),
	PEAL_MANY_TO_MANY(struct word, synonyms, word_model),
};
PEAL_MODEL_DEFINE(word_model, struct word, .app = "success", .name = "Word",
		  .fields = PEAL_FIELDS(word_fields));

static struct peal_error error;

static void expect_nothing(int line, int r, struct peal_error before)
{
	struct peal_error cleared = { 0 };

	if (r != 0 && r != PEAL_DONE)
		T_FAIL("line %d: %s: %s", line, peal_error_name(r), error.message);
	if (memcmp(&error, &cleared, sizeof(error)) != 0 &&
	    memcmp(&error, &before, sizeof(error)) != 0)
		T_FAIL("line %d: it has succeeded, and says: %s", line, error.message);
}

/* Twice, with an error that is zero and with one of before. */
#define SUCCEEDS(call_)                                                     \
	do {                                                                \
		struct peal_error t_before = { 0 };                         \
                                                                            \
		if (of_before)                                              \
			peal_error_set(&t_before, PEAL_EUSER, "of before"); \
		error = t_before;                                           \
		expect_nothing(__LINE__, (call_), t_before);                \
	} while (0)

static int succeed(void *user, struct peal_error *details)
{
	(void)user;
	(void)details;
	return 0;
}

/* A receiver that meets an error and goes on. */
static int look_for_nobody(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct word word;

	(void)args;
	T_CODE(word_model_get(&word, PEAL_WITH(PEAL_ARG("text", PEAL_TEXT("nobody"))), call->error),
	       PEAL_NOT_FOUND);
	return 0;
}

static struct peal_named_list *named(struct peal_named_list *list, const struct peal_named_list *x)
{
	*list = *x;
	return list;
}

static void use_sql(bool of_before)
{
	const struct peal_value *values;
	struct peal_cursor *cursor;
	int64_t changes;
	int r, inner;

	SUCCEEDS(peal_db_exec(NULL, "DELETE FROM success_word WHERE id < 0", NULL, &changes,
			      &error));
	SUCCEEDS(peal_db_query(NULL, "SELECT 1", NULL, &cursor, &error));
	SUCCEEDS(peal_cursor_next(cursor, &values, &error));
	SUCCEEDS(peal_cursor_next(cursor, &values, &error));
	peal_cursor_free(cursor);
	SUCCEEDS(PEAL_ON_COMMIT(&error, succeed));
	error = (struct peal_error){ 0 };
	PEAL_ATOMIC(r, &error) {
		SUCCEEDS(PEAL_ON_COMMIT(&error, succeed));
		PEAL_ATOMIC(inner, &error) {
			continue;
		}
		SUCCEEDS(inner);
		if (!of_before)
			error = (struct peal_error){ 0 };
	}
	SUCCEEDS(r);
}

static void use_instances(bool of_before)
{
	struct peal_named_list with, also;
	struct peal_problems problems;
	struct word word;
	bool created;

	named(&with, PEAL_WITH(PEAL_ARG("text", PEAL_TEXT("a"))));
	named(&also, PEAL_WITH(PEAL_ARG("text", PEAL_TEXT("b"))));
	SUCCEEDS(word_model_init(&word, &with, &error));
	SUCCEEDS(peal_full_clean(&word.instance, &problems, &error));
	peal_problems_fini(&problems);
	SUCCEEDS(peal_save(&word.instance, &error));
	SUCCEEDS(peal_save(&word.instance, &error));
	SUCCEEDS(peal_refresh(&word.instance, &error));
	SUCCEEDS(peal_set_text(&word.instance, &word.text, "aa"));
	SUCCEEDS(PEAL_SAVE(&word.instance, &error, .update_fields = PEAL_NAMES("text")));
	SUCCEEDS(peal_delete(&word.instance, NULL, &error));
	peal_fini(&word.instance);
	for (int i = 0; i < 2; i++) {
		SUCCEEDS(peal_get_or_create(&word_model, &word.instance, NULL, &with, NULL,
					    &created, &error));
		T_INT(created, i == 0);
		peal_fini(&word.instance);
	}
	for (int i = 0; i < 2; i++) {
		SUCCEEDS(peal_update_or_create(&word_model, &word.instance, NULL, &also, &also,
					       &created, &error));
		T_INT(created, i == 0);
		peal_fini(&word.instance);
	}
	SUCCEEDS(peal_get(&word_model, &word.instance, NULL, &with, &error));
	peal_fini(&word.instance);
}

static void use_queries(bool of_before)
{
	struct peal_query *query = peal_query_new(&word_model);
	struct peal_instance *instance;
	struct peal_stream *stream;
	struct peal_values *values;
	struct peal_rows *rows;
	struct word word;
	int64_t count;
	bool exists;

	SUCCEEDS(peal_query_all(query, &rows, &error));
	T_UINT(peal_rows_count(rows), 2);
	SUCCEEDS(peal_rows_prefetch(rows, PEAL_NAMES_OF("synonyms"), &error));
	SUCCEEDS(peal_bulk_update(&word_model, (struct peal_instance *[]){ peal_rows_at(rows, 0) },
				  1, PEAL_NAMES_OF("text"), NULL, &count, &error));
	peal_rows_free(rows);
	SUCCEEDS(peal_query_count(query, &count, &error));
	SUCCEEDS(peal_query_exists(query, &exists, &error));
	SUCCEEDS(peal_query_first(query, &word.instance, &error));
	peal_fini(&word.instance);
	SUCCEEDS(peal_query_last(query, &word.instance, &error));
	SUCCEEDS(peal_query_in_bulk(query, PEAL_PARAMS(PEAL_INT(word.id)), &rows, &error));
	peal_rows_free(rows);
	peal_fini(&word.instance);
	SUCCEEDS(peal_query_values(query, PEAL_NAMES_OF("text"), &values, &error));
	peal_values_free(values);
	SUCCEEDS(peal_query_stream(query, &stream, &error));
	for (int i = 0; i < 3; i++)
		SUCCEEDS(peal_stream_next(stream, &instance, &error));
	peal_stream_free(stream);
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("text", PEAL_TEXT("a"))));
	SUCCEEDS(peal_query_update(query, PEAL_WITH(PEAL_ARG("text", PEAL_TEXT("z"))), &count,
				   &error));
	T_INT(count, 1);
	peal_query_free(query);
}

static void use_relations(bool of_before)
{
	struct word a, b;

	SUCCEEDS(peal_create(&word_model, &a.instance, NULL,
			     PEAL_WITH(PEAL_ARG("text", PEAL_TEXT("c"))), &error));
	SUCCEEDS(peal_m2m_create(&a.instance, "synonyms", &b.instance,
				 PEAL_WITH(PEAL_ARG("text", PEAL_TEXT("d"))), NULL, &error));
	SUCCEEDS(peal_m2m_add(&a.instance, "synonyms", PEAL_PARAMS(PEAL_INT(b.id)), NULL, &error));
	SUCCEEDS(peal_m2m_set(&a.instance, "synonyms", PEAL_PARAMS(PEAL_INT(b.id)), NULL, &error));
	SUCCEEDS(peal_m2m_remove(&a.instance, "synonyms", PEAL_PARAMS(PEAL_INT(b.id)), &error));
	SUCCEEDS(peal_m2m_clear(&a.instance, "synonyms", &error));
	peal_fini(&a.instance);
	peal_fini(&b.instance);
}

static void use_fixtures(bool of_before)
{
	static const char json[] = "[{\"model\": \"success.word\", \"pk\": 70, \"fields\": "
				   "{\"text\": \"seventy\", \"synonyms\": []}}]";
	FILE *file = tmpfile();
	int64_t count;

	SUCCEEDS(peal_fixture_load_text(json, strlen(json), NULL, &count, &error));
	SUCCEEDS(peal_fixture_dump(file, NULL, 0, NULL, &count, &error));
	fclose(file);
}

static void use_all(bool of_before)
{
	struct peal_query *query = peal_query_new(&word_model);

	use_sql(of_before);
	use_instances(of_before);
	use_queries(of_before);
	use_relations(of_before);
	use_fixtures(of_before);
	SUCCEEDS(peal_query_delete(query, NULL, &error));
	peal_query_free(query);
}

TEST(success_puts_nothing_into_the_error)
{
	struct peal_db *db = begin_models();

	T_OK(PEAL_MODELS_REGISTER(&error, &word_model));
	T_OK(peal_models_create_tables(NULL, &error));
	for (int receivers = 0; receivers < 2; receivers++) {
		use_all(false);
		use_all(true);
		if (!receivers)
			T_OK(PEAL_CONNECT(peal_post_save, look_for_nobody));
	}
	T_OK(PEAL_DISCONNECT(peal_post_save, look_for_nobody));
	end_models(db);
}
