/* SPDX-License-Identifier: MIT */
/* Deleting: signals, cascades in their order, and what forbids it. */
#include "models.h"

#include <stdio.h>
#include <string.h>

static void article_new(struct article *article, struct person *author, const char *title)
{
	T_OK(article_model_create(
		article,
		PEAL_WITH(PEAL_SET(article_model, title, title),
			  PEAL_SET(article_model, author, author ? &author->instance : NULL)),
		NULL));
}

/* Adds a comment and returns its key. */
static int64_t comment_new(struct article *article, int64_t parent)
{
	struct comment comment;
	int64_t id;

	T_OK(comment_model_create(&comment,
				  PEAL_WITH(PEAL_SET(comment_model, article, &article->instance),
					    PEAL_SET(comment_model, parent_id,
						     parent ? PEAL_INT(parent) : PEAL_NULL)),
				  NULL));
	id = comment.id;
	peal_fini(&comment.instance);
	return id;
}

static int64_t rows_of(const struct peal_deleted *deleted, const struct peal_model *model)
{
	for (size_t i = 0; i < deleted->count; i++)
		if (deleted->models[i].model == model)
			return deleted->models[i].rows;
	return -1;
}

TEST(one_row)
{
	struct peal_db *db = begin_models();
	struct peal_deleted deleted;
	struct peal_error error = { 0 };
	struct person p;

	person_new(&p, "Ana");
	record(&person_model);
	T_OK(peal_delete(&p.instance, &deleted, &error));
	T_STR(heard, "d1 D1");
	T_INT(deleted.total, 1);
	T_INT(rows_of(&deleted, &person_model), 1);
	peal_deleted_fini(&deleted);
	T_INT(p.id, 0);
	T_CODE(peal_delete(&p.instance, NULL, &error), PEAL_EINVAL);
	p.id = 1;
	T_OK(peal_delete(&p.instance, &deleted,
			 &error)); /* gone already: the signals are sent all the same */
	T_STR(heard, "d1 D1 d1 D1");
	T_INT(deleted.total, 0);
	peal_deleted_fini(&deleted);
	peal_fini(&p.instance);
	stop_recording();
	end_models(db);
}

TEST(cascade_with_listeners)
{
	struct peal_db *db = begin_models();
	struct peal_deleted deleted;
	struct article a;
	int64_t parent;

	article_new(&a, NULL, "A");
	parent = comment_new(&a, 0);
	comment_new(&a, parent);
	comment_new(&a, 0);
	record(&article_model);
	record(&comment_model);
	heard[0] = '\0';
	T_OK(peal_delete(&a.instance, &deleted, NULL));
	/* Comments first; up by key before, down by key after. Loading sends their init signals. */
	T_HAS(heard, "d1 d2 d3 d1 D3 D2 D1 D1");
	T_INT(deleted.total, 4);
	T_INT(rows_of(&deleted, &comment_model), 3);
	T_INT(rows_of(&deleted, &article_model), 1);
	peal_deleted_fini(&deleted);
	T_INT(COUNT("lab_comment"), 0);
	peal_fini(&a.instance);
	stop_recording();
	end_models(db);
}

TEST(cascade_by_query_when_nobody_listens)
{
	struct peal_db *db = begin_models();
	struct peal_deleted deleted;
	struct person p;
	struct profile f;

	person_new(&p, "Ana");
	T_OK(profile_model_create(&f, PEAL_WITH(PEAL_SET(profile_model, person, &p.instance)),
				  NULL));
	T_OK(peal_delete(&p.instance, &deleted, NULL));
	T_INT(rows_of(&deleted, &profile_model), 1);
	T_INT(COUNT("lab_profile"), 0);
	T_INT(f.id, 1); /* this instance was not collected */
	peal_deleted_fini(&deleted);
	peal_fini(&p.instance);
	peal_fini(&f.instance);
	end_models(db);
}

TEST(other_kinds_of_on_delete)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct person keep, p;
	struct article a;
	struct holder h;

	person_new(&keep, "Keep");
	person_new(&p, "Gone");
	article_new(&a, &p, "A");
	T_OK(holder_model_create(&h,
				 PEAL_WITH(PEAL_SET(holder_model, protect, &p.instance),
					   PEAL_SET(holder_model, initial, &p.instance),
					   PEAL_SET(holder_model, value, &p.instance),
					   PEAL_SET(holder_model, nothing, &p.instance)),
				 &error));
	record(&person_model);
	T_CODE(peal_delete(&p.instance, NULL, &error), PEAL_EPROTECTED);
	T_STR(error.message, "lab.Person 2 cannot be deleted: 1 row of lab.Holder refers to it by "
			     "\"protect\" (PEAL_PROTECT), the first is lab.Holder 1");
	T_STR(error.field, "protect");
	T_STR(heard, "");
	T_INT(p.id, 2);
	T_OK(peal_field_set(&h.instance, "protect", PEAL_NULL, &error));
	T_OK(peal_save(&h.instance, &error));
	T_OK(peal_delete(&p.instance, NULL, &error));
	T_STR(heard, "d2 D2");
	T_OK(peal_refresh(&h.instance, &error));
	T_INT(h.initial_id, 1);
	T_INT(h.value_id, 1);
	T_INT(h.nothing_id, 2);
	T_OK(peal_refresh(&a.instance, &error));
	T_INT(a.author_id, 0);
	peal_fini(&keep.instance);
	peal_fini(&p.instance);
	peal_fini(&a.instance);
	peal_fini(&h.instance);
	stop_recording();
	end_models(db);
}

static int refuse(struct peal_call *call, const struct peal_post_delete_args *args)
{
	T_UINT(peal_atomic_depth(NULL), 1);
	T_INT(peal_key(args->instance).as.integer, 1);
	return peal_error_set(call->error, PEAL_ERECEIVER, "keep it");
}

TEST(error_of_a_receiver_undoes_all)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct article a;

	article_new(&a, NULL, "A");
	comment_new(&a, 0);
	T_OK(PEAL_CONNECT(peal_post_delete, refuse, .sender = &article_model));
	T_CODE(peal_delete(&a.instance, NULL, &error), PEAL_ERECEIVER);
	T_HAS(error.message, "keep it");
	T_INT(a.id, 1);
	T_INT(COUNT("lab_article"), 1);
	T_INT(COUNT("lab_comment"), 1);
	T_OK(PEAL_DISCONNECT(peal_post_delete, refuse, .sender = &article_model));
	peal_fini(&a.instance);
	end_models(db);
}

TEST(by_query)
{
	struct peal_db *db = begin_models();
	struct peal_query *query = peal_query_new(&ticket_model);
	struct peal_deleted deleted;

	exec("INSERT INTO lab_ticket VALUES ('A', 'x'), ('B', 'x'), ('C', 'y')");
	peal_query_filter(query, PEAL_WITH(PEAL_IS(ticket_model, label, "x")));
	T_OK(peal_query_delete(query, &deleted, NULL));
	T_INT(deleted.total, 2);
	peal_deleted_fini(&deleted);
	T_OK(peal_query_delete(query, &deleted, NULL));
	T_INT(deleted.total, 0);
	T_UINT(deleted.count, 0);
	peal_deleted_fini(&deleted);
	exec("INSERT INTO lab_ticket VALUES ('A', 'x'), ('B', 'x')");
	record(&ticket_model);
	T_OK(peal_query_delete(query, &deleted, NULL));
	T_STR(heard, "ir IA ir IB dqA dqB DB DA");
	T_INT(rows_of(&deleted, &ticket_model), 2);
	peal_deleted_fini(&deleted);
	peal_query_free(query);
	stop_recording();
	end_models(db);
}

/* Who hears the rows that are loaded hears them by key, whatever index found them. */
TEST(loads_by_key)
{
	struct peal_db *db = begin_models();
	struct peal_query *query;
	struct ticket t;

	for (const char *code = "b\0c\0a\0"; *code; code += 2) {
		T_OK(ticket_model_create(&t, PEAL_WITH(PEAL_SET(ticket_model, code, code)), NULL));
		peal_fini(&t.instance);
	}
	record(&ticket_model);
	query = peal_query_new(&ticket_model);
	T_OK(peal_query_delete(query, NULL, NULL));
	T_STR(heard, "ir Ia ir Ib ir Ic dqa dqb dqc Dc Db Da");
	stop_recording();
	peal_query_free(query);
	end_models(db);
}

TEST(many_rows)
{
	struct peal_db *db = begin_models();
	struct peal_query *query = peal_query_new(&article_model);
	struct peal_deleted deleted;

	exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
	     "INSERT INTO lab_article (id, title, slug, word_count) SELECT i, 't' || i, '', 0 FROM n");
	exec("INSERT INTO lab_comment (article_id, text) SELECT id, '' FROM lab_article");
	T_OK(peal_query_delete(query, &deleted, NULL));
	T_INT(rows_of(&deleted, &article_model), 3000);
	T_INT(rows_of(&deleted, &comment_model), 3000);
	peal_deleted_fini(&deleted);
	peal_query_free(query);
	T_INT(COUNT("lab_comment"), 0);
	end_models(db);
}

static int refer_late(struct peal_call *call, const struct peal_pre_delete_args *args)
{
	struct holder h;
	int r = holder_model_create(&h, PEAL_WITH(PEAL_SET(holder_model, initial, args->instance)),
				    call->error);

	peal_fini(&h.instance);
	return r;
}

TEST(set_default_is_for_the_rows_that_were_there)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct person first, p;
	struct holder h;

	person_new(&first, "First");
	person_new(&p, "Ana");
	T_OK(holder_model_create(&h, PEAL_WITH(PEAL_SET(holder_model, initial, &p.instance)),
				 &error));
	T_OK(PEAL_CONNECT(peal_pre_delete, refer_late, .sender = &person_model));
	T_CODE(peal_delete(&p.instance, NULL, &error), PEAL_EINTEGRITY);
	T_INT(COUNT("lab_holder WHERE initial_id = 2"), 1);
	T_OK(PEAL_DISCONNECT(peal_pre_delete, refer_late, .sender = &person_model));
	T_OK(peal_delete(&p.instance, NULL, &error));
	T_INT(COUNT("lab_holder WHERE initial_id = 1"), 1);
	peal_fini(&h.instance);
	peal_fini(&p.instance);
	peal_fini(&first.instance);
	end_models(db);
}

/* What says that nothing was done has done nothing. */
TEST(out_of_memory_undoes_all)
{
	struct peal_db *db = begin_models();

	for (size_t nth = 1, failed = 1; failed; nth++) {
		struct peal_query *query = peal_query_new(&ticket_model);
		struct peal_deleted deleted = { 0 };
		struct peal_error error = { 0 };
		int r;

		exec("DELETE FROM lab_ticket");
		exec("INSERT INTO lab_ticket VALUES ('A', 'x'), ('B', 'x')");
		test_alloc_fail(nth, false);
		r = peal_query_delete(query, &deleted, &error);
		failed = test_alloc_failed();
		test_alloc_fail(0, false);
		T_CODE(r, failed ? PEAL_ENOMEM : 0);
		T_INT(COUNT("lab_ticket"), failed ? 2 : 0);
		T_INT(deleted.total, failed ? 0 : 2);
		peal_deleted_fini(&deleted);
		peal_query_free(query);
	}
	for (size_t nth = 1, failed = 1; failed; nth++) {
		struct peal_error error = { 0 };
		struct ticket ticket;
		int r;

		exec("DELETE FROM lab_ticket");
		exec("INSERT INTO lab_ticket VALUES ('A', 'x')");
		T_OK(ticket_model_get(&ticket, NULL, &error));
		test_alloc_fail(nth, false);
		r = peal_delete(&ticket.instance, NULL, &error);
		failed = test_alloc_failed();
		test_alloc_fail(0, false);
		T_CODE(r, failed ? PEAL_ENOMEM : 0);
		T_INT(COUNT("lab_ticket"), failed ? 1 : 0);
		peal_fini(&ticket.instance);
	}
	end_models(db);
}
