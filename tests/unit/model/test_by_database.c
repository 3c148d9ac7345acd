/* SPDX-License-Identifier: MIT */
/* Relations whose on_delete is the database's: what it takes, what is not collected, and which mixes are refused. */
#include "models.h"

#include <peal/m2m.h>

#include <stdio.h>
#include <string.h>

struct owner {
	struct peal_instance instance;
	int64_t id;
	const char *name;
};
PEAL_MODEL_DECLARE(owner_model, struct owner);

struct kid {
	struct peal_instance instance;
	int64_t id;
	int64_t owner_id;
	struct owner *owner;
	int64_t second_id;
	struct owner *second;
	int64_t third_id;
	struct owner *third;
};
PEAL_MODEL_DECLARE(kid_model, struct kid);

struct grandkid {
	struct peal_instance instance;
	int64_t id;
	int64_t kid_id;
	struct kid *kid;
};
PEAL_MODEL_DECLARE(grandkid_model, struct grandkid);

/* Keys of text and of uuids as defaults. */
struct mark {
	struct peal_instance instance;
	const char *code;
};
PEAL_MODEL_DECLARE(mark_model, struct mark);

struct badge {
	struct peal_instance instance;
	struct peal_uuid id;
};
PEAL_MODEL_DECLARE(badge_model, struct badge);

struct wearer {
	struct peal_instance instance;
	int64_t id;
	const char *mark_id;
	struct mark *mark;
	struct peal_uuid badge_id;
	struct badge *badge;
};
PEAL_MODEL_DECLARE(wearer_model, struct wearer);

static const struct peal_field owner_fields[] = {
	PEAL_ID(struct owner, id),
	PEAL_CHAR(struct owner, name, .max_length = 20),
};
PEAL_MODEL_DEFINE(owner_model, struct owner, .app = "yard", .name = "Owner",
		  .fields = PEAL_FIELDS(owner_fields));

static const struct peal_field kid_fields[] = {
	PEAL_ID(struct kid, id),
	PEAL_FOREIGN_KEY(struct kid, owner, owner_model, PEAL_DB_CASCADE),
	PEAL_FOREIGN_KEY(struct kid, second, owner_model, PEAL_DB_SET_NULL, .null = true,
			 .related_name = "second_kids"),
	PEAL_FOREIGN_KEY(struct kid, third, owner_model, PEAL_DB_SET_DEFAULT, .null = true,
			 .initial = PEAL_INITIAL_INT(1), .related_name = "third_kids"),
	PEAL_MANY_TO_MANY(struct kid, friends, person_model, .related_name = "kids"),
};
PEAL_MODEL_DEFINE(kid_model, struct kid, .app = "yard", .name = "Kid",
		  .fields = PEAL_FIELDS(kid_fields));

static const struct peal_field grandkid_fields[] = {
	PEAL_ID(struct grandkid, id),
	PEAL_FOREIGN_KEY(struct grandkid, kid, kid_model, PEAL_DB_CASCADE),
};
PEAL_MODEL_DEFINE(grandkid_model, struct grandkid, .app = "yard", .name = "Grandkid",
		  .fields = PEAL_FIELDS(grandkid_fields));

static const struct peal_field mark_fields[] = {
	PEAL_CHAR(struct mark, code, .max_length = 20, .primary_key = true),
};
PEAL_MODEL_DEFINE(mark_model, struct mark, .app = "yard", .name = "Mark",
		  .fields = PEAL_FIELDS(mark_fields));

static const struct peal_field badge_fields[] = {
	PEAL_UUID(struct badge, id, .primary_key = true),
};
PEAL_MODEL_DEFINE(badge_model, struct badge, .app = "yard", .name = "Badge",
		  .fields = PEAL_FIELDS(badge_fields));

static const struct peal_field wearer_fields[] = {
	PEAL_ID(struct wearer, id),
	PEAL_FOREIGN_KEY(struct wearer, mark, mark_model, PEAL_DB_SET_DEFAULT,
			 .initial = PEAL_INITIAL_TEXT("it's")),
	PEAL_FOREIGN_KEY(struct wearer, badge, badge_model, PEAL_DB_SET_DEFAULT,
			 .initial = PEAL_INITIAL_TEXT("16fd2706-8baf-433b-82eb-8c7fada847da")),
};
PEAL_MODEL_DEFINE(wearer_model, struct wearer, .app = "yard", .name = "Wearer",
		  .fields = PEAL_FIELDS(wearer_fields));

/* grandkid before kid: on PostgreSQL its reference is added afterwards, with the same ON DELETE. */
static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	ADD_MODELS(&owner_model, &grandkid_model, &kid_model, &mark_model, &badge_model,
		   &wearer_model);
	exec("INSERT INTO yard_owner (id, name) VALUES (1, 'first'), (2, 'second'), (3, 'third')");
	exec("INSERT INTO yard_kid (id, owner_id, second_id, third_id) VALUES "
	     "(1, 2, 2, 2), (2, 3, 2, 2), (3, 3, 3, 3)");
	exec("INSERT INTO yard_grandkid (id, kid_id) VALUES (1, 1), (2, 1), (3, 2)");
	return db;
}

TEST(the_database_takes_them_and_no_signal_is_sent)
{
	struct peal_db *db = begin();
	struct peal_deleted deleted;
	struct peal_error error = { 0 };
	struct owner owner;

	T_OK(owner_model_get(&owner, PEAL_WITH(PEAL_IS(owner_model, id, 2)), &error));
	record(&owner_model);
	record(&kid_model);
	record(&grandkid_model);
	heard[0] = '\0';
	T_OK(peal_delete(&owner.instance, &deleted, &error));
	T_STR(heard, "d2 D2");
	T_INT(deleted.total, 1);
	T_UINT(deleted.count, 1);
	T_PTR(deleted.models[0].model, &owner_model);
	peal_deleted_fini(&deleted);
	T_INT(COUNT("yard_kid"), 2);
	T_INT(COUNT("yard_grandkid"), 1);
	T_INT(COUNT("yard_kid WHERE id = 2 AND second_id IS NULL AND third_id = 1"), 1);
	T_INT(COUNT("yard_kid WHERE id = 3 AND second_id = 3 AND third_id = 3"), 1);
	peal_fini(&owner.instance);
	stop_recording();
	end_models(db);
}

static int refuse_init(struct peal_call *call, const struct peal_post_init_args *args)
{
	(void)args;
	return peal_error_set(call->error, PEAL_ERECEIVER, "it was loaded");
}

/* Nobody listens and nothing refers to it that has to be looked at: one statement, outside of a transaction. */
TEST(it_is_still_a_fast_delete)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&owner_model);
	struct peal_deleted deleted;

	T_OK(PEAL_CONNECT(peal_post_init, refuse_init, .sender = &owner_model));
	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(owner_model, id, gt, 1)));
	T_OK(peal_query_delete(query, &deleted, NULL));
	T_INT(deleted.total, 2);
	T_INT(COUNT("yard_kid"), 0);
	T_INT(COUNT("yard_grandkid"), 0);
	peal_deleted_fini(&deleted);
	peal_query_free(query);
	T_OK(PEAL_DISCONNECT(peal_post_init, refuse_init, .sender = &owner_model));
	end_models(db);
}

TEST(sql_of_the_programs_own_does_the_same)
{
	struct peal_db *db = begin();

	exec("DELETE FROM yard_owner WHERE id = 3");
	T_INT(COUNT("yard_kid"), 1);
	T_INT(COUNT("yard_grandkid"), 2);
	end_models(db);
}

TEST(rows_of_a_relation_table_go_along)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct owner owner;
	struct person p;
	struct kid kid;

	person_new(&p, "Ana");
	T_OK(kid_model_get(&kid, PEAL_WITH(PEAL_IS(kid_model, id, 1)), &error));
	T_OK(peal_m2m_add(&kid.instance, "friends", PEAL_VALUES(&p.instance), NULL, &error));
	T_INT(COUNT("yard_kid_friends"), 1);
	T_OK(owner_model_get(&owner, PEAL_WITH(PEAL_IS(owner_model, id, 2)), &error));
	T_OK(peal_delete(&owner.instance, NULL, &error));
	T_INT(COUNT("yard_kid_friends"), 0);
	/* From the other side the library takes them, as ever. */
	peal_fini(&owner.instance);
	T_OK(owner_model_get(&owner, PEAL_WITH(PEAL_IS(owner_model, id, 3)), &error));
	peal_fini(&kid.instance);
	T_OK(kid_model_get(&kid, PEAL_WITH(PEAL_IS(kid_model, id, 3)), &error));
	T_OK(peal_m2m_add(&kid.instance, "friends", PEAL_VALUES(&p.instance), NULL, &error));
	T_OK(peal_delete(&p.instance, NULL, &error));
	T_INT(COUNT("yard_kid_friends"), 0);
	peal_fini(&owner.instance);
	peal_fini(&kid.instance);
	peal_fini(&p.instance);
	end_models(db);
}

TEST(defaults_of_text_and_uuid)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *marks = peal_query_new(&mark_model);
	struct peal_query *badges = peal_query_new(&badge_model);
	struct wearer w;
	struct mark m[2];
	struct badge b[2];

	T_OK(mark_model_create(&m[0], PEAL_WITH(PEAL_SET(mark_model, code, "it's")), &error));
	T_OK(mark_model_create(&m[1], PEAL_WITH(PEAL_SET(mark_model, code, "other")), &error));
	T_OK(wearer_model_init(&w, NULL, &error));
	T_OK(badge_model_create(&b[0], PEAL_WITH(PEAL_SET(badge_model, id, w.badge_id)), &error));
	T_OK(badge_model_create(&b[1], PEAL_WITH(PEAL_SET(badge_model, id, peal_uuid_random())),
				&error));
	T_OK(peal_field_set(&w.instance, "mark", PEAL_VALUE(&m[1].instance), &error));
	T_OK(peal_field_set(&w.instance, "badge", PEAL_VALUE(&b[1].instance), &error));
	T_OK(peal_save(&w.instance, &error));
	peal_query_filter(marks, PEAL_WITH(PEAL_IS(mark_model, code, "other")));
	T_OK(peal_query_delete(marks, NULL, &error));
	peal_query_filter(badges, PEAL_WITH(PEAL_IS(badge_model, id, b[1].id)));
	T_OK(peal_query_delete(badges, NULL, &error));
	T_OK(peal_refresh(&w.instance, &error));
	T_STR(w.mark_id, "it's");
	T_MEM(&w.badge_id, &b[0].id, sizeof(w.badge_id));
	for (int i = 0; i < 2; i++) {
		peal_fini(&m[i].instance);
		peal_fini(&b[i].instance);
	}
	peal_fini(&w.instance);
	peal_query_free(marks);
	peal_query_free(badges);
	end_models(db);
}

/* ---- What registering refuses -------------------------------------------------------------------------------------- */

static void refused(const struct peal_field *relation, const char *reason)
{
	struct peal_field fields[] = { owner_fields[0], *relation };
	struct peal__model_state *state = NULL;
	const struct peal_model model = { .size = sizeof(struct kid),
					  .offset = offsetof(struct kid, instance),
					  .state = &state,
					  .app = "yard",
					  .name = "Bad",
					  .fields = PEAL_FIELDS(fields) };
	struct peal_error error = { 0 };

	fields[0].offset = offsetof(struct kid, id);
	T_CODE(PEAL_MODELS_REGISTER(&error, &model), PEAL_EINVAL);
	T_HAS(error.message, "yard.Bad.owner");
	T_HAS(error.message, reason);
	T_STR(error.field, "owner");
}

TEST(impossible_kinds_are_refused)
{
	static const struct peal_field no_null =
		PEAL_FOREIGN_KEY(struct kid, owner, owner_model, PEAL_DB_SET_NULL);
	static const struct peal_field no_default =
		PEAL_FOREIGN_KEY(struct kid, owner, owner_model, PEAL_DB_SET_DEFAULT, .null = true);
	static const struct peal_field no_reference = PEAL_FOREIGN_KEY(
		struct kid, owner, owner_model, PEAL_DB_CASCADE, .no_constraint = true);
	static const struct peal_field unknown =
		PEAL_FOREIGN_KEY(struct kid, owner, owner_model, (enum peal_on_delete)11);

	refused(&no_null, ".null = true");
	refused(&no_default, ".initial");
	refused(&no_reference, ".no_constraint");
	refused(&unknown, "on_delete");
}

struct mixed {
	struct peal_instance instance;
	int64_t id;
	int64_t owner_id;
	struct owner *owner;
	int64_t kid_id;
	struct kid *kid;
	int64_t article_id;
	struct article *article;
};
PEAL_MODEL_DECLARE(mixed_model, struct mixed);

static int register_mixed(const struct peal_field *fields, size_t count, struct peal_error *error)
{
	struct peal__model_state *state = NULL;
	const struct peal_model model = { .size = sizeof(struct mixed),
					  .offset = offsetof(struct mixed, instance),
					  .state = &state,
					  .app = "yard",
					  .name = "Mixed",
					  .fields = { fields, count } };
	int r = PEAL_MODELS_REGISTER(error, &model);

	peal_models_forget();
	return r;
}

TEST(kinds_are_not_mixed)
{
	static const struct peal_field in_one[] = {
		PEAL_ID(struct mixed, id),
		PEAL_FOREIGN_KEY(struct mixed, owner, owner_model, PEAL_DB_CASCADE),
		PEAL_FOREIGN_KEY(struct mixed, kid, kid_model, PEAL_CASCADE),
	};
	static const struct peal_field up[] = {
		PEAL_ID(struct mixed, id),
		PEAL_FOREIGN_KEY(struct mixed, kid, kid_model, PEAL_PROTECT),
	};
	static const struct peal_field down[] = {
		PEAL_ID(struct mixed, id),
		PEAL_FOREIGN_KEY(struct mixed, article, article_model, PEAL_DB_CASCADE),
	};
	static const struct peal_field nothing[] = {
		PEAL_ID(struct mixed, id),
		PEAL_FOREIGN_KEY(struct mixed, owner, owner_model, PEAL_DB_CASCADE),
		PEAL_FOREIGN_KEY(struct mixed, article, article_model, PEAL_DO_NOTHING),
	};
	struct peal_error error = { 0 };

	T_CODE(register_mixed(in_one, PEAL_COUNTOF(in_one), &error), PEAL_EINVAL);
	T_STR(error.message, "yard.Mixed.owner: its on_delete is done by the database, that of "
			     "yard.Mixed.kid is not: use one sort for both");
	T_CODE(register_mixed(up, PEAL_COUNTOF(up), &error), PEAL_EINVAL);
	T_STR(error.message, "yard.Mixed.kid: its on_delete is done by Peal, that of "
			     "yard.Kid.owner is not: use one sort for both");
	T_CODE(register_mixed(down, PEAL_COUNTOF(down), &error), PEAL_EINVAL);
	T_STR(error.message, "yard.Mixed.article: its on_delete is done by the database, that of "
			     "lab.Article.author is not: use one sort for both");
	T_OK(register_mixed(nothing, PEAL_COUNTOF(nothing), &error));
}

TEST(every_allocation_may_fail)
{
	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		int r = peal_db_open(database_url(), &db, &error);

		if (r == 0)
			r = PEAL_MODELS_REGISTER(&error, &owner_model, &person_model, &kid_model,
						 &mark_model, &badge_model, &wearer_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		peal_models_forget();
		peal_db_close(db);
	}
}
