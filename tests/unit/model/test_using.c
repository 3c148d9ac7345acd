/* SPDX-License-Identifier: MIT */
/* Two databases: to which one each operation goes, and which one its signals name. */
#include "models.h"

#include <peal/bulk.h>
#include <peal/m2m.h>

#include <stdio.h>
#include <string.h>

struct kind {
	struct peal_instance instance;
	int64_t id;
	const char *name;
};
PEAL_MODEL_DECLARE(kind_model, struct kind);

static const struct peal_field kind_fields[] = {
	PEAL_ID(struct kind, id),
	PEAL_CHAR(struct kind, name, .max_length = 20),
	PEAL_MANY_TO_MANY(struct kind, people, person_model, .related_name = "kinds"),
};
PEAL_MODEL_DEFINE(kind_model, struct kind, .app = "lab", .name = "Kind",
		  .fields = PEAL_FIELDS(kind_fields));

static struct peal_db *other;

static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };

	T_OK(PEAL_MODELS_REGISTER(&error, &kind_model));
	T_OK(peal_models_create_tables(NULL, &error));
	T_OK(peal_db_open_with("sqlite::memory:", &(struct peal_db_options){ .alias = "other" },
			       &other, &error));
	T_OK(peal_models_create_tables("other", &error));
	return db;
}

static void end(struct peal_db *db)
{
	peal_db_close(other);
	end_models(db);
}

/* The first letter of the database of each signal, behind that of the signal: "so So+". */
static char said[256];

static void say(const char *signal, const char *database)
{
	size_t at = strlen(said);

	snprintf(said + at, sizeof(said) - at, "%s%s%c", at ? " " : "", signal, database[0]);
}

static int on_pre_save(struct peal_call *call, const struct peal_pre_save_args *args)
{
	(void)call;
	say("s", args->database);
	return 0;
}

static int on_post_save(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	say(args->created ? "S+" : "S", args->database);
	return 0;
}

static int on_pre_delete(struct peal_call *call, const struct peal_pre_delete_args *args)
{
	(void)call;
	say("d", args->database);
	return 0;
}

static int on_post_delete(struct peal_call *call, const struct peal_post_delete_args *args)
{
	(void)call;
	say("D", args->database);
	return 0;
}

static int on_m2m_changed(struct peal_call *call, const struct peal_m2m_changed_args *args)
{
	(void)call;
	say(peal_m2m_action_name(args->action), args->database);
	return 0;
}

static struct peal_scope listening;

static void listen(void)
{
	said[0] = '\0';
	T_OK(PEAL_CONNECT(peal_pre_save, on_pre_save, .scope = &listening));
	T_OK(PEAL_CONNECT(peal_post_save, on_post_save, .scope = &listening));
	T_OK(PEAL_CONNECT(peal_pre_delete, on_pre_delete, .scope = &listening));
	T_OK(PEAL_CONNECT(peal_post_delete, on_post_delete, .scope = &listening));
	T_OK(PEAL_CONNECT(peal_m2m_changed, on_m2m_changed, .scope = &listening));
}

static void stop(void)
{
	T_OK(peal_scope_end(&listening));
}

#define SAID(text_)                 \
	do {                        \
		T_STR(said, text_); \
		said[0] = '\0';     \
	} while (0)

static int64_t count_in(const char *database, const struct peal_model *model)
{
	struct peal_query *query = peal_query_new(model);
	int64_t count = -1;

	peal_query_using(query, database);
	T_OK(peal_query_count(query, &count, NULL));
	peal_query_free(query);
	return count;
}

static void person_in(const char *database, struct person *person, const char *name)
{
	T_OK(peal_create(&person_model, &person->instance, database,
			 PEAL_WITH(PEAL_SET(person_model, name, name)), NULL));
}

TEST(an_instance_stays_in_its_database)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person p;

	listen();
	T_OK(person_model_init(&p, PEAL_WITH(PEAL_SET(person_model, name, "Ana")), &error));
	T_PTR(p.instance.db, NULL);
	T_OK(PEAL_SAVE(&p.instance, &error, .database = "other"));
	SAID("so S+o");
	p.age = 3;
	T_OK(peal_save(&p.instance, &error));
	SAID("so So");
	p.age = 4;
	T_OK(peal_refresh(&p.instance, &error));
	T_INT(p.age, 3);
	T_INT(count_in(NULL, &person_model), 0);
	/* Until it is saved in another one: there it is new. */
	T_OK(PEAL_SAVE(&p.instance, &error, .database = "default"));
	SAID("sd S+d");
	T_PTR(p.instance.db, db);
	T_OK(peal_delete(&p.instance, NULL, &error));
	SAID("dd Dd");
	T_INT(count_in("other", &person_model), 1);
	T_INT(count_in(NULL, &person_model), 0);
	stop();
	peal_fini(&p.instance);
	end(db);
}

TEST(what_is_made_in_another_database)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_instance *rows[1];
	struct person p;
	bool created;

	listen();
	T_OK(peal_get_or_create(&person_model, &p.instance, "other",
				PEAL_WITH(PEAL_IS(person_model, name, "Ana")), NULL, &created,
				&error));
	T_TRUE(created);
	peal_fini(&p.instance);
	T_OK(peal_update_or_create(&person_model, &p.instance, "other",
				   PEAL_WITH(PEAL_IS(person_model, name, "Ana")),
				   PEAL_WITH(PEAL_SET(person_model, age, 2)), &created, &error));
	T_FALSE(created);
	SAID("so S+o so So");
	p.id = 0;
	rows[0] = &p.instance;
	T_OK(PEAL_BULK_CREATE(&person_model, rows, 1, &error, .database = "other"));
	T_PTR(p.instance.db, other);
	SAID("");
	T_INT(count_in("other", &person_model), 2);
	T_INT(count_in(NULL, &person_model), 0);
	stop();
	peal_fini(&p.instance);
	end(db);
}

TEST(a_deletion_is_of_one_database)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_deleted deleted;
	struct person p, q;
	struct profile f;

	person_in(NULL, &q, "Bo");
	person_in("other", &p, "Ana");
	T_OK(peal_create(&profile_model, &f.instance, "other",
			 PEAL_WITH(PEAL_SET(profile_model, person, &p.instance)), &error));
	peal_fini(&f.instance);
	T_OK(peal_create(&profile_model, &f.instance, NULL,
			 PEAL_WITH(PEAL_SET(profile_model, person, &q.instance)), &error));
	peal_fini(&f.instance);
	listen();
	T_OK(peal_delete(&p.instance, &deleted, &error));
	SAID("do do Do Do");
	T_INT(deleted.total, 2);
	peal_deleted_fini(&deleted);
	T_INT(count_in("other", &profile_model), 0);
	T_INT(count_in(NULL, &profile_model), 1);
	stop();
	peal_fini(&p.instance);
	peal_fini(&q.instance);
	end(db);
}

TEST(a_relation_is_of_one_database)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person p, q;
	struct kind k;

	person_in("other", &p, "Ana");
	person_in(NULL, &q, "Bo");
	T_OK(peal_create(&kind_model, &k.instance, "other",
			 PEAL_WITH(PEAL_SET(kind_model, name, "k")), &error));
	listen();
	T_OK(peal_m2m_add(&k.instance, "people", PEAL_VALUES(&p.instance), NULL, &error));
	SAID("pre_addo post_addo");
	T_CODE(peal_m2m_add(&k.instance, "people", PEAL_VALUES(&q.instance), NULL, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "another database");
	SAID("");
	T_OK(peal_m2m_clear(&p.instance, "kinds", &error));
	SAID("pre_clearo post_clearo");
	T_INT(count_in(NULL, peal_m2m_through(&kind_model, "people")), 0);
	stop();
	peal_fini(&p.instance);
	peal_fini(&q.instance);
	peal_fini(&k.instance);
	end(db);
}

static int ran;

static int run(void *user, struct peal_error *error)
{
	(void)user;
	(void)error;
	ran++;
	return 0;
}

/* A block of one database holds nothing of the other. */
TEST(blocks_are_of_one_database)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person p;
	int r;

	ran = 0;
	PEAL_ATOMIC(r, &error) {
		person_in("other", &p, "Ana");
		peal_fini(&p.instance);
		T_OK(PEAL_ON_COMMIT(&error, run, .database = "other"));
		T_INT(ran, 1);
		T_OK(PEAL_ON_COMMIT(&error, run));
		r = PEAL_EINVAL;
	}
	T_CODE(r, PEAL_EINVAL);
	T_INT(ran, 1);
	T_INT(count_in("other", &person_model), 1);
	end(db);
}
