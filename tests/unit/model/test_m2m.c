/* SPDX-License-Identifier: MIT */
/* Many-to-many relations: both sides, symmetrical and not, a table of one's own; their signal; what cannot be. */
#include "models.h"

#include <peal/m2m.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct label {
	struct peal_instance instance;
	const char *name; /* the key */
};
PEAL_MODEL_DECLARE(label_model, struct label);

static const struct peal_field label_fields[] = {
	PEAL_CHAR(struct label, name, .max_length = 20, .primary_key = true),
};
PEAL_MODEL_DEFINE(label_model, struct label, .app = "club", .name = "Label",
		  .fields = PEAL_FIELDS(label_fields));

struct member {
	struct peal_instance instance;
	int32_t id;
	const char *name;
};
PEAL_MODEL_DECLARE(member_model, struct member);

static const struct peal_field member_fields[] = {
	PEAL_ID(struct member, id),
	PEAL_CHAR(struct member, name, .max_length = 50),
	PEAL_MANY_TO_MANY(struct member, labels, label_model),
	PEAL_MANY_TO_MANY(struct member, friends, member_model),
	PEAL_MANY_TO_MANY(struct member, follows, member_model, .related_name = "followers",
			  .asymmetrical = true, .table = "club_following"),
};
PEAL_MODEL_DEFINE(member_model, struct member, .app = "club", .name = "Member",
		  .fields = PEAL_FIELDS(member_fields));

struct club {
	struct peal_instance instance;
	int64_t id;
	const char *title;
};
PEAL_MODEL_DECLARE(club_model, struct club);

struct joining {
	struct peal_instance instance;
	int64_t id;
	int32_t sponsor_id;
	struct member *sponsor;
	int32_t member_id;
	struct member *member;
	int64_t club_id;
	struct club *club;
	int16_t year;
};

PEAL_MODEL_DECLARE(joining_model, struct joining);

static const struct peal_field joining_fields[] = {
	PEAL_ID(struct joining, id),
	PEAL_FOREIGN_KEY(struct joining, sponsor, member_model, PEAL_SET_NULL, .null = true),
	PEAL_FOREIGN_KEY(struct joining, member, member_model, PEAL_CASCADE),
	PEAL_FOREIGN_KEY(struct joining, club, club_model, PEAL_CASCADE),
	PEAL_INTEGER(struct joining, year),
};
PEAL_MODEL_DEFINE(joining_model, struct joining, .app = "club", .name = "Joining",
		  .fields = PEAL_FIELDS(joining_fields));

static const struct peal_field club_fields[] = {
	PEAL_ID(struct club, id),
	PEAL_CHAR(struct club, title, .max_length = 50),
	PEAL_MANY_TO_MANY(struct club, members, member_model, .related_name = "clubs",
			  .through = &joining_model, .through_fields = { "club", "member" }),
};
PEAL_MODEL_DEFINE(club_model, struct club, .app = "club", .name = "Club",
		  .fields = PEAL_FIELDS(club_fields));

static int set_up(struct peal_error *error)
{
	int r = PEAL_MODELS_REGISTER(error, &member_model, &label_model, &club_model,
				     &joining_model);

	return r == 0 ? peal_models_create_tables(NULL, error) : r;
}

static struct peal_db *begin(void)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };

	if (set_up(&error) != 0)
		T_FAIL("%s", error.message);
	return db;
}

static void member_new(struct member *member, const char *name)
{
	T_OK(member_model_create(member, PEAL_WITH(PEAL_SET(member_model, name, name)), NULL));
}

static void label_new(struct label *label, const char *name)
{
	T_OK(label_model_create(label, PEAL_WITH(PEAL_SET(label_model, name, name)), NULL));
}

/* What m2m_changed says: "+1,2" before an add, "-" before a remove, "!" a clear; upper side "^". */
static char said[512];

static int hear(struct peal_call *call, const struct peal_m2m_changed_args *args)
{
	size_t at = strlen(said);

	T_UINT(peal_atomic_depth(NULL) > 0, 1);
	T_STR(args->database, "default");
	T_TRUE(call->sender != args->instance->model);
	at += (size_t)snprintf(said + at, sizeof(said) - at, "%s%s%s", at ? " " : "",
			       args->reverse ? "^" : "", peal_m2m_action_name(args->action));
	for (size_t i = 0; i < args->pk_count; i++) {
		const struct peal_value *key = &args->pk_set[i];

		if (key->kind == PEAL_VALUE_NULL)
			at += (size_t)snprintf(said + at, sizeof(said) - at, ",null");
		else if (key->kind == PEAL_VALUE_TEXT)
			at += (size_t)snprintf(said + at, sizeof(said) - at, ",%s",
					       key->as.text.data);
		else
			at += (size_t)snprintf(said + at, sizeof(said) - at, ",%" PRId64,
					       key->as.integer);
	}
	return 0;
}

#define SAID(text_)                 \
	do {                        \
		T_STR(said, text_); \
		said[0] = '\0';     \
	} while (0)

static void listen(void)
{
	said[0] = '\0';
	T_OK(PEAL_CONNECT(peal_m2m_changed, hear));
}

static int64_t related(struct peal_instance *instance, const char *name)
{
	struct peal_query *query = peal_m2m_query(instance, name);
	int64_t count = -1;

	T_OK(peal_query_count(query, &count, NULL));
	peal_query_free(query);
	return count;
}

TEST(both_sides_with_keys_of_text)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct member m;
	struct label a, b;
	const struct peal_model *table = peal_m2m_through(&member_model, "labels");

	T_STR(peal_model_label(table), "club.Member_labels");
	T_PTR(peal_m2m_through(&label_model, "member_set"), table);
	T_PTR(peal_m2m_through(&label_model, "labels"), NULL);
	T_PTR(peal_model_get("club.member_labels"), table);
	member_new(&m, "Ana");
	label_new(&a, "a");
	label_new(&b, "b");
	/* Nobody listens: rows that are there stay as they are. */
	T_OK(peal_m2m_add(&m.instance, "labels", PEAL_VALUES(&a.instance, "a"), NULL, &error));
	T_OK(peal_m2m_add(&m.instance, "labels", PEAL_VALUES("a"), NULL, &error));
	T_INT(related(&m.instance, "labels"), 1);
	listen();
	T_OK(peal_m2m_add(&m.instance, "labels", PEAL_VALUES("b", &a.instance), NULL, &error));
	SAID("pre_add,b post_add,b");
	T_OK(peal_m2m_add(&m.instance, "labels", NULL, NULL, &error));
	SAID("");
	T_OK(peal_m2m_remove(&b.instance, "member_set", PEAL_VALUES(m.id), &error));
	SAID("^pre_remove,1 ^post_remove,1");
	T_OK(peal_m2m_set(&m.instance, "labels", PEAL_VALUES("b"), NULL, &error));
	SAID("pre_remove,a post_remove,a pre_add,b post_add,b");
	T_OK(peal_m2m_reset(&m.instance, "labels", PEAL_VALUES("a", "b"), NULL, &error));
	SAID("pre_clear post_clear pre_add,a,b post_add,a,b");
	T_INT(related(&a.instance, "member_set"), 1);
	T_OK(peal_m2m_clear(&m.instance, "labels", &error));
	SAID("pre_clear post_clear");
	T_INT(related(&m.instance, "labels"), 0);
	T_OK(PEAL_DISCONNECT(peal_m2m_changed, hear));
	peal_fini(&m.instance);
	peal_fini(&a.instance);
	peal_fini(&b.instance);
	end_models(db);
}

TEST(of_a_model_to_itself)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct member m[3];

	for (int i = 0; i < 3; i++)
		member_new(&m[i], "x");
	listen();
	T_OK(peal_m2m_add(&m[0].instance, "friends", PEAL_VALUES(2, 3), NULL, &error));
	SAID("pre_add,2,3 post_add,2,3");
	T_INT(related(&m[1].instance, "friends"), 1);
	T_OK(peal_m2m_add(&m[1].instance, "friends", PEAL_VALUES(&m[0].instance, 3), NULL, &error));
	SAID("pre_add,3 post_add,3");
	T_OK(peal_m2m_remove(&m[2].instance, "friends", PEAL_VALUES(2), &error));
	SAID("pre_remove,2 post_remove,2");
	T_INT(related(&m[0].instance, "friends"), 2);
	T_INT(related(&m[1].instance, "friends"), 1);
	T_INT(number_of("SELECT count(*) FROM club_member_friends"), 4);
	T_OK(peal_m2m_clear(&m[0].instance, "friends", &error));
	T_INT(number_of("SELECT count(*) FROM club_member_friends"), 0);
	said[0] = '\0';
	T_OK(peal_m2m_add(&m[0].instance, "follows", PEAL_VALUES(2), NULL, &error));
	T_OK(peal_m2m_add(&m[0].instance, "followers", PEAL_VALUES(3), NULL, &error));
	SAID("pre_add,2 post_add,2 ^pre_add,3 ^post_add,3");
	T_INT(number_of("SELECT count(*) FROM club_following"), 2);
	T_INT(related(&m[1].instance, "follows"), 0);
	T_OK(PEAL_DISCONNECT(peal_m2m_changed, hear));
	for (int i = 0; i < 3; i++)
		peal_fini(&m[i].instance);
	end_models(db);
}

TEST(by_a_table_of_its_own)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct member m, n;
	struct club c;

	member_new(&m, "Ana");
	member_new(&n, "Bo");
	T_OK(club_model_create(&c, NULL, &error));
	record(&joining_model);
	listen();
	T_OK(peal_m2m_add(&c.instance, "members", PEAL_VALUES(&n.instance, &m.instance),
			  PEAL_WITH(PEAL_SET(joining_model, year, 1984)), &error));
	SAID("pre_add,1,2 post_add,1,2");
	T_STR(heard, "i I i I"); /* no save signals */
	T_OK(peal_m2m_add(&n.instance, "clubs", PEAL_VALUES(c.id),
			  PEAL_WITH(PEAL_SET(joining_model, year, 1990)), &error));
	SAID("^pre_add ^post_add");
	T_INT(number_of("SELECT count(*) FROM club_joining WHERE year = 1984"), 2);
	T_INT(number_of("SELECT count(*) FROM club_joining WHERE sponsor_id IS NULL"), 2);
	heard[0] = '\0';
	T_OK(peal_m2m_remove(&c.instance, "members", PEAL_VALUES(m.id), &error));
	T_STR(heard, "ir I1 dq1 D1");
	stop_recording();
	T_OK(PEAL_DISCONNECT(peal_m2m_changed, hear));
	peal_fini(&m.instance);
	T_OK(peal_m2m_create(&c.instance, "members", &m.instance,
			     PEAL_WITH(PEAL_SET(member_model, name, "Cy")),
			     PEAL_WITH(PEAL_SET(joining_model, year, 7)), &error));
	T_STR(m.name, "Cy");
	T_INT(number_of("SELECT count(*) FROM club_joining WHERE year = 7"), 1);
	peal_fini(&m.instance);
	peal_fini(&n.instance);
	peal_fini(&c.instance);
	end_models(db);
}

TEST(contents_as_a_query)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query, *copy;
	struct peal_rows *rows;
	struct member m, n;
	struct label *label;
	char names[16] = "";

	member_new(&m, "Ana");
	T_OK(peal_init(&member_model, &n.instance, NULL, &error));
	for (const char *name = "cab"; *name; name++) {
		char text[] = { *name, '\0' };
		struct label l;

		T_OK(peal_m2m_create(&m.instance, "labels", &l.instance,
				     PEAL_WITH(PEAL_SET(label_model, name, text)), NULL, &error));
		peal_fini(&l.instance);
	}
	query = peal_m2m_query(&m.instance, "labels");
	peal_query_exclude(query, PEAL_WITH(PEAL_IS(label_model, name, "b")));
	peal_query_order_by(query, "-name");
	copy = peal_query_copy(query);
	peal_query_free(query);
	T_OK(peal_query_all(copy, &rows, &error));
	peal_query_free(copy);
	PEAL_EACH(label_model, label, rows)
		strcat(names, label->name);
	T_STR(names, "ca");
	peal_rows_free(rows);
	query = peal_m2m_query(&n.instance, "labels");
	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_HAS(error.message, "needs a key");
	peal_query_free(query);
	peal_fini(&m.instance);
	peal_fini(&n.instance);
	end_models(db);
}

static int refuse(struct peal_call *call, const struct peal_m2m_changed_args *args)
{
	(void)args;
	return peal_error_set(call->error, PEAL_ERECEIVER, "no");
}

TEST(what_cannot_be)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct member m, n;
	struct label l;
	int r;

	member_new(&m, "Ana");
	label_new(&l, "a");
	T_OK(peal_init(&member_model, &n.instance, NULL, &error));
	T_CODE(peal_m2m_add(&m.instance, "nothing", PEAL_VALUES(1), NULL, &error), PEAL_EINVAL);
	T_HAS(error.message, "nothing");
	T_CODE(peal_m2m_clear(&n.instance, "friends", &error), PEAL_EINVAL);
	T_CODE(peal_m2m_add(&m.instance, "friends", PEAL_VALUES(&n.instance), NULL, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "not saved");
	T_CODE(peal_m2m_add(&m.instance, "friends", PEAL_VALUES(&l.instance), NULL, &error),
	       PEAL_EINVAL);
	T_CODE(peal_m2m_add(&m.instance, "friends", PEAL_VALUES("text"), NULL, &error), PEAL_ETYPE);
	T_CODE(peal_m2m_add(&m.instance, "friends", PEAL_VALUES(99), NULL, &error),
	       PEAL_EINTEGRITY);
	T_OK(peal_m2m_add(&m.instance, "labels", PEAL_VALUES("a"), NULL, &error));
	/* An error undoes the call, and breaks the block around it. */
	T_OK(PEAL_CONNECT(peal_m2m_changed, refuse));
	T_CODE(peal_m2m_clear(&m.instance, "labels", &error), PEAL_ERECEIVER);
	T_INT(related(&m.instance, "labels"), 1);
	PEAL_ATOMIC(r, &error) {
		T_CODE(peal_m2m_clear(&m.instance, "labels", &error), PEAL_ERECEIVER);
		T_CODE(peal_refresh(&m.instance, &error), PEAL_ETRANSACTION);
	}
	T_CODE(r, PEAL_ETRANSACTION);
	T_OK(PEAL_DISCONNECT(peal_m2m_changed, refuse));
	T_INT(related(&m.instance, "labels"), 1);
	peal_fini(&m.instance);
	peal_fini(&n.instance);
	peal_fini(&l.instance);
	end_models(db);
}

/* What is not saved has no key to be removed by, and is told all the same; it cannot be added, whatever its key. */
TEST(rows_that_are_not_saved)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct member m, n;

	member_new(&m, "Ana");
	T_OK(peal_init(&member_model, &n.instance, NULL, &error));
	T_OK(peal_m2m_add(&m.instance, "friends", PEAL_VALUES(m.id), NULL, &error));
	listen();
	T_OK(peal_m2m_remove(&m.instance, "friends", PEAL_VALUES(&n.instance), &error));
	SAID("pre_remove,null post_remove,null");
	T_INT(related(&m.instance, "friends"), 1);
	T_OK(peal_m2m_remove(&m.instance, "friends", PEAL_VALUES(&n.instance, &m.instance),
			     &error));
	SAID("pre_remove,null,1 post_remove,null,1");
	T_INT(related(&m.instance, "friends"), 0);
	n.id = m.id;
	T_CODE(peal_m2m_add(&m.instance, "friends", PEAL_VALUES(&n.instance), NULL, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "is not saved");
	T_CODE(peal_m2m_add(&n.instance, "friends", PEAL_VALUES(&m.instance), NULL, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "its owner is not");
	T_CODE(peal_m2m_add(&m.instance, "friends", PEAL_PARAMS(PEAL_NULL), NULL, &error),
	       PEAL_EINVAL);
	SAID("");
	T_OK(PEAL_DISCONNECT(peal_m2m_changed, hear));
	peal_fini(&m.instance);
	peal_fini(&n.instance);
	end_models(db);
}

/* The rows of an automatic table are instances that come and go in silence, saved by hand too. */
TEST(rows_of_the_table)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_instance *row;
	struct member m;
	struct label l;

	member_new(&m, "Ana");
	label_new(&l, "a");
	record(NULL);
	T_OK(peal_new(peal_m2m_through(&member_model, "labels"),
		      PEAL_WITH(PEAL_ARG("member", PEAL_VALUE(&m.instance)),
				PEAL_ARG("label", PEAL_VALUE(&l.instance))),
		      &row, &error));
	T_OK(peal_save(row, &error));
	T_INT(related(&m.instance, "labels"), 1);
	T_OK(peal_save(row, &error));
	T_OK(peal_delete(row, NULL, &error));
	T_STR(heard, "i I");
	stop_recording();
	peal_free(row);
	peal_fini(&m.instance);
	peal_fini(&l.instance);
	end_models(db);
}

/* Rows of relation tables are counted, and go without signals of their own. */
TEST(deletion)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_deleted deleted;
	struct member m;
	struct label l;

	member_new(&m, "Ana");
	label_new(&l, "a");
	T_OK(peal_m2m_add(&m.instance, "labels", PEAL_VALUES("a"), NULL, &error));
	T_OK(peal_m2m_add(&m.instance, "follows", PEAL_VALUES(m.id), NULL, &error));
	record(NULL);
	T_OK(peal_delete(&m.instance, &deleted, &error));
	T_STR(heard, "ir I1 ir I1 ir I1 d1 D1"); /* the second one from both sides */
	T_INT(deleted.total, 3);
	T_INT(deleted.count, 3);
	peal_deleted_fini(&deleted);
	stop_recording();
	peal_fini(&m.instance);
	peal_fini(&l.instance);
	end_models(db);
}

TEST(many_keys)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_params all = { .count = 1200 };
	struct peal_value keys[1200];
	struct member m;

	exec("INSERT INTO club_label (name) WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL "
	     "SELECT i + 1 FROM n WHERE i < 2199) SELECT 'l' || i FROM n");
	member_new(&m, "Ana");
	for (size_t i = 0; i < 1200; i++) {
		static char names[1200][8];

		snprintf(names[i], sizeof(names[i]), "l%zu", 1000 + i);
		keys[i] = peal_value_text(names[i]);
	}
	all.items = keys;
	T_OK(peal_m2m_set(&m.instance, "labels", &all, NULL, &error));
	T_INT(related(&m.instance, "labels"), 1200);
	T_OK(PEAL_CONNECT(peal_m2m_changed, hear, .sender = &joining_model));
	all.items++;
	all.count--;
	T_OK(peal_m2m_remove(&m.instance, "labels", &all, &error));
	T_INT(related(&m.instance, "labels"), 1);
	T_OK(PEAL_DISCONNECT(peal_m2m_changed, hear, .sender = &joining_model));
	peal_fini(&m.instance);
	end_models(db);
}

static const struct peal_field lost_fields[] = {
	PEAL_ID(struct club, id),
	PEAL_CHAR(struct club, title, .max_length = 50),
	PEAL_MANY_TO_MANY(struct club, members, member_model, .through = &label_model),
};
PEAL_MODEL(lost_model, struct club, .app = "club", .name = "Lost",
	   .fields = PEAL_FIELDS(lost_fields));

static const struct peal_field again_fields[] = {
	PEAL_ID(struct club, id),
	PEAL_CHAR(struct club, title, .max_length = 50),
	PEAL_MANY_TO_MANY(struct club, members, member_model, .related_name = "clubs"),
};
PEAL_MODEL(again_model, struct club, .app = "club", .name = "Again",
	   .fields = PEAL_FIELDS(again_fields));

TEST(tables_that_are_wrong)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	size_t count = peal_models_count();

	T_CODE(PEAL_MODELS_REGISTER(&error, &lost_model), PEAL_EINVAL);
	T_HAS(error.message, "club.Lost.members");
	T_STR(error.field, "members");
	T_CODE(PEAL_MODELS_REGISTER(&error, &again_model), PEAL_EINVAL);
	T_HAS(error.message, "clubs");
	T_INT(peal_models_count(), count);
	end_models(db);
}

static int change(struct peal_error *error)
{
	struct member m = { 0 };
	struct label l = { 0 };
	int r = member_model_create(&m, PEAL_WITH(PEAL_SET(member_model, name, "Ana")), error);

	if (r == 0)
		r = peal_m2m_create(&m.instance, "labels", &l.instance,
				    PEAL_WITH(PEAL_SET(label_model, name, "a")), NULL, error);
	if (r == 0)
		r = peal_m2m_add(&m.instance, "friends", PEAL_VALUES(&m.instance), NULL, error);
	if (r == 0)
		r = peal_m2m_set(&m.instance, "labels", NULL, NULL, error);
	if (r == 0)
		r = peal_m2m_remove(&m.instance, "friends", PEAL_VALUES(m.id), error);
	peal_fini(&m.instance);
	peal_fini(&l.instance);
	return r;
}

TEST_TIMEOUT(no_memory_anywhere, 300)
{
	const char *url = database_url();

	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		int r;

		r = peal_db_open(url, &db, &error);
		if (r == 0)
			r = set_up(&error);
		if (r == 0)
			r = peal_db_exec(NULL, "DELETE FROM club_member_labels", NULL, NULL,
					 &error);
		if (r == 0)
			r = peal_db_exec(NULL, "DELETE FROM club_label", NULL, NULL, &error);
		if (r == 0)
			r = change(&error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		peal_models_forget();
		peal_db_close(db);
	}
}

static int64_t matches(const struct peal_model *model, const struct peal_named_list *conditions)
{
	struct peal_query *query = peal_query_new(model);
	struct peal_error error = { 0 };
	int64_t count = -1;

	peal_query_filter(query, conditions);
	if (peal_query_count(query, &count, &error) != 0)
		T_FAIL("%s", error.message);
	peal_query_free(query);
	return count;
}

TEST(conditions_across)
{
	struct peal_db *db = begin();
	struct member ana, bo;
	struct label c;

	member_new(&ana, "Ana");
	member_new(&bo, "Bo");
	label_new(&c, "c");
	T_OK(peal_m2m_add(&ana.instance, "labels", PEAL_PARAMS(PEAL_TEXT("c")), NULL, NULL));
	T_OK(peal_m2m_add(&ana.instance, "follows", PEAL_PARAMS(PEAL_INT(bo.id)), NULL, NULL));
	T_INT(matches(&member_model, PEAL_WITH(PEAL_ARG("labels__name", PEAL_TEXT("c")))), 1);
	T_INT(matches(&member_model, PEAL_WITH(PEAL_ARG("labels", PEAL_TEXT("d")))), 0);
	T_INT(matches(&label_model, PEAL_WITH(PEAL_ARG("member__name", PEAL_TEXT("Ana")))), 1);
	T_INT(matches(&member_model, PEAL_WITH(PEAL_ARG("follows__name", PEAL_TEXT("Bo")))), 1);
	T_INT(matches(&member_model, PEAL_WITH(PEAL_ARG("followers__name", PEAL_TEXT("Bo")))), 0);
	T_INT(matches(&member_model, PEAL_WITH(PEAL_NOT(PEAL_ARG("labels__name", PEAL_TEXT("c"))))),
	      1);
	peal_fini(&ana.instance);
	peal_fini(&bo.instance);
	peal_fini(&c.instance);
	peal_models_forget();
	peal_db_close(db);
}
