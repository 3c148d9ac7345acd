/* SPDX-License-Identifier: MIT */
/* The signal of many rows written at once: what it says for each operation, and that nothing else changes. */
#include "models.h"

#include <peal/bulk.h>
#include <peal/m2m.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char told[1024];
static struct peal_scope scope;
static bool keys_wanted;

static void tell(const char *text)
{
	size_t at = strlen(told);

	snprintf(told + at, sizeof(told) - at, "%s", text);
}

static int compare_keys(const void *a, const void *b)
{
	const struct peal_value *x = a, *y = b;

	if (x->kind == PEAL_VALUE_TEXT)
		return strcmp(x->as.text.data, y->as.text.data);
	return (x->as.integer > y->as.integer) - (x->as.integer < y->as.integer);
}

static void tell_keys(const struct peal_params *keys)
{
	struct peal_value sorted[64];
	char text[PEAL_VALUE_TEXT_MAX];

	T_TRUE(keys->count <= PEAL_COUNTOF(sorted));
	if (keys->count)
		memcpy(sorted, keys->items, keys->count * sizeof(sorted[0]));
	qsort(sorted, keys->count, sizeof(sorted[0]), compare_keys);
	for (size_t i = 0; i < keys->count; i++) {
		tell(" ");
		tell(peal_value_format(sorted[i], text, sizeof(text)));
	}
}

/* "lab.Person update(age) 2: 1 2; " */
static int hear_bulk(struct peal_call *call, const struct peal_post_bulk_args *args)
{
	const struct peal_params *keys, *again;
	char text[64];

	T_STR(args->database, "default");
	T_UINT(peal_atomic_depth(NULL) > 0, 1);
	tell(peal_model_label(call->sender));
	tell(" ");
	tell(peal_bulk_operation_name(args->operation));
	for (size_t i = 0; args->fields && i < args->fields->count; i++) {
		tell(i ? " " : "(");
		tell(args->fields->items[i]);
	}
	snprintf(text, sizeof(text), "%s %" PRId64 ":", args->fields ? ")" : "", args->rows);
	tell(text);
	if (keys_wanted) {
		T_OK(peal_bulk_keys(args, &keys, call->error));
		tell_keys(keys);
		T_OK(peal_bulk_keys(args, &again, call->error));
		T_PTR(again->items, keys->items);
		T_UINT(again->count, keys->count);
	}
	tell("; ");
	return 0;
}

static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	told[0] = '\0';
	keys_wanted = true;
	T_OK(PEAL_CONNECT(peal_post_bulk, hear_bulk, .scope = &scope));
	return db;
}

static void end(struct peal_db *db)
{
	T_OK(peal_scope_end(&scope));
	end_models(db);
}

static void three_people(void)
{
	exec("INSERT INTO lab_person (id, name, age) VALUES (11, 'Ana', 1), (12, 'Bea', 2), "
	     "(13, 'Eva', 3)");
}

TEST(bulk_create)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct ticket t[3];
	struct person p[2];
	struct peal_instance *rows[] = { &p[0].instance, &p[1].instance };
	struct peal_instance *tickets[] = { &t[0].instance, &t[1].instance, &t[2].instance };

	for (int i = 0; i < 2; i++)
		T_OK(person_model_init(&p[i], PEAL_WITH(PEAL_SET(person_model, name, "x")), NULL));
	p[1].id = 77;
	T_OK(peal_bulk_create(&person_model, rows, 2, NULL, &error));
	T_STR(told, runs_on("postgresql") ? "lab.Person bulk_create 2: 1 77; "
					  : "lab.Person bulk_create 2: 77 78; ");
	for (int i = 0; i < 3; i++)
		T_OK(ticket_model_init(&t[i],
				       PEAL_WITH(PEAL_SET(ticket_model, label, "new"),
						 PEAL_SET(ticket_model, code, i ? "B" : "A")),
				       NULL));
	t[2].code = "C";
	exec("INSERT INTO lab_ticket VALUES ('B', 'old')");
	/* Only what was inserted counts. */
	told[0] = '\0';
	T_OK(PEAL_BULK_CREATE(&ticket_model, tickets, 3, &error, .ignore_conflicts = true));
	T_STR(told, "lab.Ticket bulk_create 2: \"A\" \"C\"; ");
	told[0] = '\0';
	T_OK(PEAL_BULK_CREATE(&ticket_model, tickets, 3, &error, .ignore_conflicts = true));
	T_STR(told, "");
	/* Whatever was written, under the keys that the rows really have. */
	T_OK(PEAL_BULK_CREATE(&ticket_model, tickets, 3, &error,
			      .update_fields = PEAL_NAMES("label")));
	T_STR(told, "lab.Ticket bulk_create 3: \"A\" \"B\" \"C\"; ");
	for (int i = 0; i < 3; i++)
		peal_fini(&t[i].instance);
	peal_fini(&p[0].instance);
	peal_fini(&p[1].instance);
	end(db);
}

TEST(bulk_update)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_instance *instances[3];
	struct peal_rows *rows;
	int64_t count;

	three_people();
	T_OK(peal_query_all(query, &rows, &error));
	for (size_t i = 0; i < 3; i++)
		instances[i] = peal_rows_at(rows, i);
	exec("DELETE FROM lab_person WHERE id = 12");
	T_OK(peal_bulk_update(&person_model, instances, 3, PEAL_NAMES_OF("age", "name"), NULL,
			      &count, &error));
	T_INT(count, 2);
	T_STR(told, "lab.Person bulk_update(age name) 2: 11 13; ");
	peal_rows_free(rows);
	peal_query_free(query);
	end(db);
}

TEST(update_by_query)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_query *tickets = peal_query_new(&ticket_model);
	struct peal_query *articles = peal_query_new(&article_model);
	int64_t count;

	three_people();
	record(&person_model);
	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(person_model, age, gt, 1)));
	T_OK(peal_query_update(query, PEAL_WITH(PEAL_INCREMENT(person_model, age, 5)), &count,
			       &error));
	T_INT(count, 2);
	T_STR(told, "lab.Person update(age) 2: 12 13; ");
	T_STR(heard, ""); /* no other signal, nothing loaded */
	/* A key that changes is told as it is afterwards. */
	told[0] = '\0';
	exec("INSERT INTO lab_ticket VALUES ('A', 'x')");
	T_OK(peal_query_update(
		tickets,
		PEAL_WITH(PEAL_SET(ticket_model, code, "Z"), PEAL_SET(ticket_model, label, "y")),
		&count, &error));
	T_STR(told, "lab.Ticket update(code label) 1: \"Z\"; ");
	/* Over a join; and nothing at all. */
	told[0] = '\0';
	peal_query_filter(articles, PEAL_WITH(PEAL_WHERE(article_model, author->age, gt, 1)));
	T_OK(peal_query_update(articles, PEAL_WITH(PEAL_ARG("author", PEAL_NULL)), &count, &error));
	T_STR(told, "");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) VALUES (5, 'a', 'a', "
	     "0, 12), (6, 'b', 'b', 0, 11)");
	T_OK(peal_query_update(articles, PEAL_WITH(PEAL_ARG("author", PEAL_NULL)), NULL, &error));
	T_STR(told, "lab.Article update(author_id) 1: 5; ");
	T_CODE(peal_query_update(articles, PEAL_WITH(PEAL_ARG("nothing", PEAL_NULL)), NULL, &error),
	       PEAL_EINVAL);
	T_INT((int)peal_atomic_depth(NULL), 0);
	stop_recording();
	peal_query_free(query);
	peal_query_free(tickets);
	peal_query_free(articles);
	end(db);
}

TEST(delete_by_query)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query = peal_query_new(&ticket_model);
	struct peal_deleted deleted;

	exec("INSERT INTO lab_ticket VALUES ('A', 'x'), ('B', 'x'), ('C', 'y')");
	peal_query_filter(query, PEAL_WITH(PEAL_IS(ticket_model, label, "x")));
	T_OK(peal_query_delete(query, &deleted, &error));
	T_INT(deleted.total, 2);
	peal_deleted_fini(&deleted);
	T_STR(told, "lab.Ticket delete 2: \"A\" \"B\"; ");
	told[0] = '\0';
	T_OK(peal_query_delete(query, NULL, &error));
	T_STR(told, "");
	/* Row by row as well, when somebody wants that. */
	exec("INSERT INTO lab_ticket VALUES ('A', 'x'), ('B', 'x')");
	record(&ticket_model);
	T_OK(peal_query_delete(query, NULL, &error));
	T_STR(heard, "ir IA ir IB dqA dqB DB DA");
	T_STR(told, "lab.Ticket delete 2: \"A\" \"B\"; ");
	stop_recording();
	peal_query_free(query);
	end(db);
}

static void family(void)
{
	three_people();
	exec("INSERT INTO lab_profile (id, person_id, bio) VALUES (1, 11, ''), (2, 12, '')");
	exec("INSERT INTO lab_article (id, title, slug, word_count, author_id) VALUES "
	     "(5, 'a', 'a', 0, 11), (6, 'b', 'b', 0, 11), (7, 'c', 'c', 0, 13)");
	exec("INSERT INTO lab_comment (id, article_id, parent_id, text) VALUES (1, 5, NULL, ''), "
	     "(2, 5, 1, ''), (3, 6, NULL, '')");
}

/* Of a deletion everything but the row that was asked for, however it goes. */
TEST(what_goes_along_with_a_deletion)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct comment c;
	struct person p;
	struct article a;

	family();
	T_OK(person_model_get(&p, PEAL_WITH(PEAL_IS(person_model, id, 11)), &error));
	T_OK(peal_delete(&p.instance, NULL, &error));
	T_STR(told, "lab.Profile delete 1: 1; lab.Article update(author_id) 2: 5 6; ");
	/* Comments are loaded: they may refer to each other. */
	told[0] = '\0';
	T_OK(article_model_get(&a, PEAL_WITH(PEAL_IS(article_model, id, 6)), &error));
	T_OK(peal_delete(&a.instance, NULL, &error));
	T_STR(told, "lab.Comment delete 1: 3; ");
	told[0] = '\0';
	T_OK(comment_model_get(&c, PEAL_WITH(PEAL_IS(comment_model, id, 1)), &error));
	T_OK(peal_delete(&c.instance, NULL, &error));
	T_STR(told, "lab.Comment delete 1: 2; ");
	/* A row alone is no bulk. */
	told[0] = '\0';
	peal_fini(&a.instance);
	T_OK(article_model_get(&a, PEAL_WITH(PEAL_IS(article_model, id, 5)), &error));
	T_OK(peal_delete(&a.instance, NULL, &error));
	T_STR(told, "");
	peal_fini(&a.instance);
	peal_fini(&c.instance);
	peal_fini(&p.instance);
	end(db);
}

static int delete_before(struct peal_call *call, const struct peal_pre_delete_args *args)
{
	(void)args;
	if (call->user)
		exec(call->user);
	call->user = NULL;
	return 0;
}

/* The keys are those of the rows that there were, and as many, also when one was gone before. */
TEST(rows_that_were_gone)
{
	static const char *const gone[][2] = {
		{ "DELETE FROM lab_comment WHERE id = 2", "lab.Comment delete 1: 4; " },
		{ "DELETE FROM lab_comment WHERE id = 1", "lab.Comment delete 2: 2 4; " },
		{ "DELETE FROM lab_comment WHERE id > 1", "" },
	};
	struct peal_db *db = begin();
	struct peal_error error = { 0 };

	three_people();
	for (size_t i = 0; i < PEAL_COUNTOF(gone); i++) {
		struct peal_deleted deleted;
		struct comment comment;

		exec("DELETE FROM lab_article");
		exec("INSERT INTO lab_article (id, title, slug, word_count) VALUES (5, 'a', 'a', 0)");
		exec("INSERT INTO lab_comment (id, article_id, parent_id, text) VALUES "
		     "(1, 5, NULL, ''), (2, 5, 1, ''), (4, 5, 1, '')");
		told[0] = '\0';
		T_OK(comment_model_get(&comment, PEAL_WITH(PEAL_IS(comment_model, id, 1)), &error));
		T_OK(PEAL_CONNECT(peal_pre_delete, delete_before, .user = (void *)gone[i][0],
				  .sender = &comment_model));
		T_OK(peal_delete(&comment.instance, &deleted, &error));
		T_OK(PEAL_DISCONNECT(peal_pre_delete, delete_before, .user = (void *)gone[i][0],
				     .sender = &comment_model));
		T_STR(told, gone[i][1]);
		T_INT(deleted.total, i == 2 ? 1 : 2);
		peal_deleted_fini(&deleted);
		peal_fini(&comment.instance);
	}
	end(db);
}

TEST(everything_of_a_deletion_by_query)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query = peal_query_new(&person_model);

	family();
	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(person_model, id, lt, 13)));
	T_OK(peal_query_delete(query, NULL, &error));
	T_STR(told, "lab.Profile delete 2: 1 2; lab.Article update(author_id) 2: 5 6; "
		    "lab.Person delete 2: 11 12; ");
	peal_query_free(query);
	end(db);
}

TEST(not_for_a_row_alone)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person p;

	person_new(&p, "Ana");
	T_OK(peal_save(&p.instance, &error));
	T_OK(peal_delete(&p.instance, NULL, &error));
	peal_fini(&p.instance);
	T_STR(told, "");
	end(db);
}

struct club {
	struct peal_instance instance;
	int64_t id;
};
static const struct peal_field club_fields[] = {
	PEAL_ID(struct club, id),
	PEAL_MANY_TO_MANY(struct club, members, person_model, .related_name = "clubs"),
};
PEAL_MODEL(club_model, struct club, .app = "lab", .name = "Club",
	   .fields = PEAL_FIELDS(club_fields));

/* The sender is the relation's table; a pair that is there already is not written. */
TEST(many_to_many_relations)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct club c;

	T_OK(PEAL_MODELS_REGISTER(&error, &club_model));
	T_OK(peal_models_create_tables(NULL, &error));
	three_people();
	T_OK(club_model_create(&c, NULL, &error));
	T_OK(peal_m2m_add(&c.instance, "members", PEAL_VALUES(11, 12), NULL, &error));
	T_STR(told, "lab.Club_members bulk_create 2: 1 2; ");
	told[0] = '\0';
	T_OK(peal_m2m_add(&c.instance, "members", PEAL_VALUES(11, 12), NULL, &error));
	T_STR(told, "");
	T_OK(peal_m2m_remove(&c.instance, "members", PEAL_VALUES(12), &error));
	T_STR(told, "lab.Club_members delete 1: 2; ");
	told[0] = '\0';
	T_OK(peal_delete(&c.instance, NULL, &error));
	T_STR(told, "lab.Club_members delete 1: 1; ");
	peal_fini(&c.instance);
	end(db);
}

static int refuse(struct peal_call *call, const struct peal_post_bulk_args *args)
{
	(void)args;
	return peal_error_set(call->error, PEAL_ERECEIVER, "not so");
}

TEST(an_error_undoes_it)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct peal_query *query = peal_query_new(&person_model);
	struct person p;
	struct peal_instance *rows[] = { &p.instance };
	int64_t count = 42;

	family();
	T_OK(PEAL_CONNECT(peal_post_bulk, refuse, .scope = &scope));
	T_CODE(peal_query_update(query, PEAL_WITH(PEAL_SET(person_model, age, 50)), &count, &error),
	       PEAL_ERECEIVER);
	T_HAS(error.message, "not so");
	T_INT(count, 42);
	T_INT(COUNT("lab_person WHERE age = 50"), 0);
	T_CODE(peal_query_delete(query, NULL, &error), PEAL_ERECEIVER);
	T_INT(COUNT("lab_person"), 3);
	T_INT(COUNT("lab_profile"), 2);
	T_OK(person_model_init(&p, PEAL_WITH(PEAL_SET(person_model, name, "x")), NULL));
	T_CODE(peal_bulk_create(&person_model, rows, 1, NULL, &error), PEAL_ERECEIVER);
	T_INT(COUNT("lab_person"), 3);
	p.id = 11;
	T_CODE(peal_bulk_update(&person_model, rows, 1, PEAL_NAMES_OF("name"), NULL, NULL, &error),
	       PEAL_ERECEIVER);
	T_INT(COUNT("lab_person WHERE name = 'x'"), 0);
	peal_fini(&p.instance);
	peal_query_free(query);
	end(db);
}

/* A receiver for another model costs nothing here: no transaction, no RETURNING. */
TEST(only_for_those_who_listen)
{
	struct peal_db *db = begin_models();
	struct peal_query *query = peal_query_new(&person_model);
	int64_t count;

	told[0] = '\0';
	three_people();
	T_OK(PEAL_CONNECT(peal_post_bulk, hear_bulk, .sender = &ticket_model, .scope = &scope));
	T_OK(peal_query_update(query, PEAL_WITH(PEAL_SET(person_model, age, 50)), &count, NULL));
	T_INT(count, 3);
	T_OK(peal_query_delete(query, NULL, NULL));
	T_STR(told, "");
	peal_query_free(query);
	end(db);
}

TEST(names_of_operations)
{
	T_STR(peal_bulk_operation_name(0), "?");
	T_STR(peal_bulk_operation_name(PEAL_QUERY_DELETED + 1), "?");
	T_STR(peal_bulk_operation_name(PEAL_BULK_CREATED), "bulk_create");
}

static int live(struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&ticket_model);
	struct peal_query *people = peal_query_new(&person_model);
	struct ticket t = { 0 };
	struct person p = { 0 };
	struct peal_instance *rows[] = { &t.instance };
	int r = ticket_model_init(&t, PEAL_WITH(PEAL_SET(ticket_model, code, "A")), error);

	if (r == 0)
		r = peal_bulk_create(&ticket_model, rows, 1, NULL, error);
	if (r == 0)
		r = PEAL_BULK_CREATE(&ticket_model, rows, 1, error,
				     .update_fields = PEAL_NAMES("label"));
	if (r == 0)
		r = peal_bulk_update(&ticket_model, rows, 1, PEAL_NAMES_OF("label"), NULL, NULL,
				     error);
	if (r == 0)
		r = peal_query_update(query, PEAL_WITH(PEAL_SET(ticket_model, label, "y")), NULL,
				      error);
	if (r == 0)
		r = peal_query_delete(query, NULL, error);
	if (r == 0)
		r = person_model_create(&p, PEAL_WITH(PEAL_SET(person_model, name, "x")), error);
	if (r == 0)
		r = peal_db_exec(NULL,
				 "INSERT INTO lab_article (title, slug, word_count, author_id) "
				 "SELECT 'a', 'a', 0, id FROM lab_person",
				 NULL, NULL, error);
	if (r == 0)
		r = peal_query_delete(people, NULL, error);
	peal_query_free(query);
	peal_query_free(people);
	peal_fini(&t.instance);
	peal_fini(&p.instance);
	return r;
}

static int ask(struct peal_call *call, const struct peal_post_bulk_args *args)
{
	const struct peal_params *keys;

	return peal_bulk_keys(args, &keys, call->error);
}

TEST_TIMEOUT(every_allocation_may_fail, 300)
{
	const char *url = database_url();

	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		int r = peal_db_open(url, &db, &error);

		if (r == 0)
			r = PEAL_MODELS_REGISTER(&error, &person_model, &ticket_model,
						 &article_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		if (r == 0)
			r = PEAL_CONNECT(peal_post_bulk, ask, .scope = &scope);
		if (r == 0)
			r = peal_db_exec(NULL, "DELETE FROM lab_article", NULL, NULL, &error);
		if (r == 0)
			r = peal_db_exec(NULL, "DELETE FROM lab_person", NULL, NULL, &error);
		if (r == 0)
			r = peal_db_exec(NULL, "DELETE FROM lab_ticket", NULL, NULL, &error);
		if (r == 0)
			r = live(&error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_OK(peal_scope_end(&scope));
		peal_models_forget();
		peal_db_close(db);
	}
}
