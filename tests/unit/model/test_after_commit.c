/* SPDX-License-Identifier: MIT */
/* .when = PEAL_AFTER_COMMIT: when it is told, what is told, to whom, and what becomes of errors. */
#include "models.h"

#include <peal/async.h>
#include <peal/bulk.h>
#include <peal/inspect.h>
#include <peal/m2m.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct team {
	struct peal_instance instance;
	const char *code; /* the key */
	const char *motto;
	int not_a_field;
};
PEAL_MODEL_DECLARE(team_model, struct team);

static const struct peal_field team_fields[] = {
	PEAL_CHAR(struct team, code, .max_length = 10, .primary_key = true),
	PEAL_CHAR(struct team, motto, .max_length = 50),
	PEAL_MANY_TO_MANY(struct team, friends, team_model),
	PEAL_MANY_TO_MANY(struct team, people, person_model, .related_name = "teams"),
};
PEAL_MODEL_DEFINE(team_model, struct team, .app = "lab", .name = "Team",
		  .fields = PEAL_FIELDS(team_fields), .track_changes = true);

static struct peal_scope all;

static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	ADD_MODELS(&team_model);
	return db;
}

static void end(struct peal_db *db)
{
	T_OK(peal_scope_end(&all));
	end_models(db);
}

/* ---- What is heard ----------------------------------------------------------------------------------------------- */

static char said[1024];

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	size_t at = strlen(said);
	va_list args;

	if (at)
		said[at++] = ' ';
	va_start(args, format);
	vsnprintf(said + at, sizeof(said) - at, format, args);
	va_end(args);
}

#define SAID(text_)                 \
	do {                        \
		T_STR(said, text_); \
		said[0] = '\0';     \
	} while (0)

static int hear(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct person *person = PEAL_INSTANCE(person_model, args->instance);

	T_PTR(call->signal, &peal_post_save);
	T_PTR(call->sender, &person_model);
	T_UINT(peal_atomic_depth(args->database), 0);
	T_STR(args->database, "default");
	T_FALSE(peal_is_new(args->instance));
	say("%s%" PRId64 "%s", args->created ? "+" : "", person->id, person->name);
	return 0;
}

static int hear_at_once(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	say("now%s", PEAL_INSTANCE(person_model, args->instance)->name);
	return 0;
}

static void listen(void)
{
	said[0] = '\0';
	T_OK(PEAL_CONNECT(peal_post_save, hear, .sender = &person_model, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
}

/* Saves a new person and ends it. */
static void save_new(const char *name)
{
	struct person person;

	peal_fini(&person_new(&person, name)->instance);
}

/* ---- When -------------------------------------------------------------------------------------------------------- */

TEST(a_commit_tells_and_a_rollback_does_not)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int r;

	listen();
	PEAL_ATOMIC(r, &error) {
		save_new("a");
		save_new("b");
		SAID("");
	}
	T_OK(r);
	SAID("+1a +2b");
	PEAL_ATOMIC(r, &error) {
		save_new("c");
		r = PEAL_EUSER;
	}
	T_CODE(r, PEAL_EUSER);
	SAID("");
	PEAL_ATOMIC(r, &error) {
		save_new("d");
		T_OK(peal_set_rollback(NULL, true));
	}
	T_CODE(r, PEAL_ETRANSACTION);
	SAID("");
	PEAL_ATOMIC(r, &error) {
		save_new("e");
		break;
	}
	T_CODE(r, PEAL_ECANCELED);
	SAID("");
	T_INT(COUNT("lab_person"), 2);
	end(db);
}

TEST(savepoints)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int r, inner, innermost;

	listen();
	PEAL_ATOMIC(r, &error) {
		save_new("a");
		PEAL_ATOMIC(inner, &error) {
			save_new("b");
			PEAL_ATOMIC(innermost, &error) {
				save_new("c");
			}
			SAID("");
			inner = PEAL_EUSER;
		}
		PEAL_ATOMIC(inner, &error) {
			save_new("d");
			PEAL_ATOMIC(innermost, &error) {
				save_new("e");
				innermost = PEAL_EUSER;
			}
			save_new("f");
		}
		T_OK(inner);
		SAID("");
	}
	T_OK(r);
	T_INT(COUNT("lab_person"), 3);
	T_HAS(said, "a +");
	T_HAS(said, "d +");
	T_INT(said[strlen(said) - 1], 'f');
	T_PTR(strpbrk(said, "bce"), NULL);
	end(db);
}

TEST(without_a_block_right_after_the_write)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;

	listen();
	T_OK(PEAL_CONNECT(peal_post_save, hear_at_once, .scope = &all));
	person_new(&person, "a");
	SAID("nowa +1a");
	T_OK(peal_save(&person.instance, &error));
	SAID("nowa 1a");
	peal_fini(&person.instance);
	end(db);
}

TEST(a_commit_that_fails)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct article article;
	int r;

	listen();
	PEAL_ATOMIC(r, &error) {
		save_new("a");
		/* The foreign key is looked at by the COMMIT. */
		r = article_model_create(
			&article, PEAL_WITH(PEAL_SET(article_model, author_id, 999)), &error);
		T_OK(r);
		peal_fini(&article.instance);
	}
	T_CODE(r, PEAL_EINTEGRITY);
	SAID("");
	T_INT(COUNT("lab_person"), 0);
	save_new("b");
	T_HAS(said, "b");
	end(db);
}

TEST(a_block_that_is_broken)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int r;

	listen();
	PEAL_ATOMIC(r, &error) {
		save_new("a");
		T_TRUE(peal_db_exec(NULL, "SELECT nonsense FROM nowhere", NULL, NULL, &error) < 0);
	}
	T_TRUE(r < 0);
	SAID("");
	end(db);
}

static void *leave_open(void *ctx)
{
	struct peal_error error = { 0 };
	struct peal_atomic atomic;

	(void)ctx;
	T_OK(peal_atomic_enter(&atomic, NULL, &error));
	save_new("a");
	return NULL;
}

TEST(a_thread_that_ends_inside_a_block)
{
	struct peal_db *db = begin();
	pthread_t thread;

	listen();
	T_INT(pthread_create(&thread, NULL, leave_open, NULL), 0);
	T_INT(pthread_join(thread, NULL), 0);
	SAID("");
	save_new("b");
	T_INT(COUNT("lab_person"), 1);
	T_HAS(said, "b");
	end(db);
}

TEST(a_database_that_is_closed_inside_a_block)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_atomic atomic;

	listen();
	T_OK(peal_atomic_enter(&atomic, NULL, &error));
	save_new("a");
	end(db);
	SAID("");
}

/* ---- What -------------------------------------------------------------------------------------------------------- */

static int change_name(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct person *person = PEAL_INSTANCE(person_model, args->instance);

	(void)call;
	return peal_set_text(args->instance, &person->name, "changed at once");
}

TEST(values_as_written)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;
	int r;

	listen();
	person_new(&person, "a");
	SAID("+1a");
	PEAL_ATOMIC(r, &error) {
		T_OK(peal_set_text(&person.instance, &person.name, "b"));
		T_OK(peal_save(&person.instance, &error));
		T_OK(peal_set_text(&person.instance, &person.name, "c"));
		person.id = 77;
		peal_fini(&person.instance);
		memset(&person, 0xee, sizeof(person));
	}
	T_OK(r);
	SAID("1b");
	T_OK(PEAL_CONNECT(peal_post_save, change_name, .scope = &all));
	person_new(&person, "d");
	SAID("+2d");
	T_STR(person.name, "changed at once");
	peal_fini(&person.instance);
	end(db);
}

static struct sample wanted;

static int hear_sample(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct sample *sample = PEAL_INSTANCE(sample_model, args->instance);

	(void)call;
	T_TRUE(args->instance != &wanted.instance);
	T_TRUE(args->instance->db == wanted.instance.db);
	for (size_t i = 0; i < sample_model.fields.count; i++) {
		const char *name = sample_model.fields.items[i].name;
		struct peal_value a, b;

		T_OK(peal_field_get(&wanted.instance, name, &a, NULL));
		T_OK(peal_field_get(args->instance, name, &b, NULL));
		if (!peal_value_equal(a, b))
			T_FAIL("%s is another", name);
		if (a.kind == PEAL_VALUE_TEXT || a.kind == PEAL_VALUE_BYTES)
			T_TRUE(a.as.text.data != b.as.text.data);
	}
	T_INT(sample->has_maybe, wanted.has_maybe);
	say("same");
	return 0;
}

TEST(every_kind_of_member)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };

	T_OK(PEAL_CONNECT(peal_post_save, hear_sample, .sender = &sample_model, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(sample_model_init(&wanted, NULL, &error));
	T_OK(peal_save(&wanted.instance, &error));
	SAID("same");
	wanted.i8 = INT8_MIN;
	wanted.u8 = UINT8_MAX;
	wanted.i16 = INT16_MIN;
	wanted.u16 = UINT16_MAX;
	wanted.i32 = INT32_MIN;
	wanted.u32 = UINT32_MAX;
	wanted.i64 = INT64_MIN;
	wanted.u64 = INT64_MAX;
	wanted.flag = false;
	wanted.f32 = 0.1f;
	wanted.f64 = -1e300;
	wanted.text = "";
	wanted.long_text = "über\nalles";
	wanted.file = "a/b";
	wanted.bytes = (struct peal_bytes){ "\0\1", 2 };
	wanted.time = 1;
	wanted.has_maybe = true;
	wanted.has_maybe_flag = true;
	wanted.maybe_time = 5;
	T_OK(peal_save(&wanted.instance, &error));
	SAID("same");
	wanted.bytes = (struct peal_bytes){ "", 0 };
	wanted.long_text = NULL;
	wanted.maybe = 9;
	T_OK(peal_save(&wanted.instance, &error));
	SAID("same");
	peal_fini(&wanted.instance);
	end(db);
}

static int hear_article(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);

	(void)call;
	T_PTR(article->author, NULL);
	T_INT(article->author_id, 1);
	say("%s", args->raw ? "raw" : article->title);
	for (size_t i = 0; args->update_fields && i < args->update_fields->count; i++)
		say("%s", args->update_fields->items[i]);
	return 0;
}

TEST(relations_update_fields_and_raw)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;
	struct article article;
	int r;

	T_OK(PEAL_CONNECT(peal_post_save, hear_article, .sender = &article_model, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	person_new(&person, "a");
	T_OK(article_model_create(&article,
				  PEAL_WITH(PEAL_SET(article_model, title, "t"),
					    PEAL_SET(article_model, author, &person.instance)),
				  &error));
	T_PTR(article.author, &person);
	SAID("t");
	PEAL_ATOMIC(r, &error) {
		char slug[] = "slug", title[] = "title";

		T_OK(PEAL_SAVE(&article.instance, &error,
			       .update_fields = PEAL_NAMES(slug, title)));
		memset(slug, 'x', sizeof(slug));
		memset(title, 'x', sizeof(title));
		T_OK(PEAL_SAVE(&article.instance, &error, .update_fields = PEAL_NO_NAMES));
		T_OK(PEAL_SAVE(&article.instance, &error, .raw = true));
	}
	T_OK(r);
	SAID("t slug title raw");
	peal_fini(&article.instance);
	peal_fini(&person.instance);
	end(db);
}

static int hear_team(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct team *team = PEAL_INSTANCE(team_model, args->instance);

	T_INT(team->not_a_field, 0);
	say("%s:%s", team->code, team->motto);
	/* It is the receiver's to change. */
	T_OK(peal_set_text(args->instance, &team->motto, "a motto that is rather longer"));
	if (!call->user)
		return 0;
	return peal_save(args->instance, call->error);
}

TEST(the_copy_may_be_changed_and_saved)
{
	static bool once = true;
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct team team;
	int r;

	T_OK(PEAL_CONNECT(peal_post_save, hear_team, .sender = &team_model, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	PEAL_ATOMIC(r, &error) {
		T_OK(team_model_init(&team, NULL, &error));
		team.code = "red";
		team.motto = "win";
		team.not_a_field = 3;
		T_OK(peal_save(&team.instance, &error));
		peal_fini(&team.instance);
	}
	T_OK(r);
	SAID("red:win");
	T_OK(peal_scope_end(&all));
	/* It saves it once more, which tells of that save, and so on: the depth of sends ends it. */
	T_OK(PEAL_CONNECT(peal_post_save, hear_team, .sender = &team_model, .scope = &all,
			  .user = &once, .when = PEAL_AFTER_COMMIT));
	T_OK(peal_set_depth_limit(2));
	T_OK(team_model_get(&team, PEAL_WITH(PEAL_IS(team_model, code, "red")), &error));
	T_OK(peal_save(&team.instance, &error));
	T_OK(peal_set_depth_limit(64));
	SAID("red:win red:a motto that is rather longer");
	T_OK(peal_refresh(&team.instance, &error));
	T_STR(team.motto, "a motto that is rather longer");
	peal_fini(&team.instance);
	end(db);
}

static int hear_changes(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	for (size_t i = 0; i < args->changes->count; i++) {
		const struct peal_change *change = &args->changes->items[i];

		say("%s:%s>%s", change->name,
		    change->before.kind == PEAL_VALUE_TEXT ? change->before.as.text.data : "-",
		    change->after.as.text.data);
	}
	/* The copy knows it as well. */
	T_FALSE(peal_is_changed(args->instance));
	PEAL_INSTANCE(team_model, args->instance)->motto = "other";
	T_TRUE(peal_is_changed(args->instance));
	return 0;
}

TEST(what_has_changed)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct team team;
	int r;

	T_OK(PEAL_CONNECT(peal_post_save, hear_changes, .sender = &team_model, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	PEAL_ATOMIC(r, &error) {
		T_OK(team_model_create(&team, PEAL_WITH(PEAL_SET(team_model, code, "red")),
				       &error));
		T_OK(peal_set_text(&team.instance, &team.motto, "win"));
		T_OK(peal_save(&team.instance, &error));
		T_OK(peal_save(&team.instance, &error));
		T_OK(peal_set_text(&team.instance, &team.motto, "play"));
		T_OK(PEAL_SAVE(&team.instance, &error, .changed_only = true));
		peal_fini(&team.instance);
		SAID("");
	}
	T_OK(r);
	SAID("code:->red motto:-> motto:>win motto:win>play");
	end(db);
}

TEST(no_init_signals)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;

	listen();
	record(&person_model);
	person_new(&person, "a");
	T_STR(heard, "i I s S+1");
	heard[0] = '\0';
	T_OK(peal_delete(&person.instance, NULL, &error));
	T_STR(heard, "d1 D1");
	stop_recording();
	peal_fini(&person.instance);
	end(db);
}

/* ---- Deleting ---------------------------------------------------------------------------------------------------- */

static int hear_delete(struct peal_call *call, const struct peal_post_delete_args *args)
{
	char row[64];

	T_PTR(call->signal, &peal_post_delete);
	T_STR(args->database, "default");
	T_PTR(args->origin.query, NULL);
	say("%s%s", peal_describe(args->instance, row, sizeof(row)),
	    args->origin.instance == args->instance ? "!" : "");
	if (args->origin.instance)
		T_PTR(args->origin.instance, args->instance);
	return 0;
}

TEST(deletions)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query;
	struct profile profile;
	struct person person;
	int r;

	T_OK(PEAL_CONNECT(peal_post_delete, hear_delete, .scope = &all, .when = PEAL_AFTER_COMMIT));
	person_new(&person, "a");
	T_OK(profile_model_create(
		&profile, PEAL_WITH(PEAL_SET(profile_model, person, &person.instance)), &error));
	peal_fini(&profile.instance);
	PEAL_ATOMIC(r, &error) {
		T_OK(peal_delete(&person.instance, NULL, &error));
		T_INT(person.id, 0);
		r = PEAL_EUSER;
	}
	SAID("");
	person.id = 1;
	PEAL_ATOMIC(r, &error) {
		T_OK(peal_delete(&person.instance, NULL, &error));
		peal_fini(&person.instance);
		SAID("");
	}
	T_OK(r);
	SAID("lab.Profile 1 lab.Person 1!");
	save_new("b");
	save_new("c");
	query = peal_query_new(&person_model);
	T_OK(peal_query_delete(query, NULL, &error));
	peal_query_free(query);
	SAID("lab.Person 3 lab.Person 2");
	T_INT(COUNT("lab_person"), 0);
	end(db);
}

/* ---- Many-to-many relations -------------------------------------------------------------------------------------- */

static int hear_m2m(struct peal_call *call, const struct peal_m2m_changed_args *args)
{
	T_PTR(call->signal, &peal_m2m_changed);
	T_UINT(peal_atomic_depth(NULL), 0);
	T_TRUE(call->sender != args->instance->model);
	say("%s%s", args->reverse ? "^" : "", peal_m2m_action_name(args->action));
	T_INT(args->pk_set == NULL, args->action == PEAL_POST_CLEAR);
	for (size_t i = 0; i < args->pk_count; i++) {
		if (args->pk_set[i].kind == PEAL_VALUE_TEXT)
			say("%s", args->pk_set[i].as.text.data);
		else
			say("%" PRId64, args->pk_set[i].as.integer);
	}
	if (!args->reverse)
		say("of %s", PEAL_INSTANCE(team_model, args->instance)->code);
	return 0;
}

TEST(many_to_many_relations)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;
	struct team team, other;
	int r, inner;

	T_OK(PEAL_CONNECT(peal_m2m_changed, hear_m2m, .scope = &all, .when = PEAL_AFTER_COMMIT));
	person_new(&person, "a");
	T_OK(team_model_create(&team, PEAL_WITH(PEAL_SET(team_model, code, "red")), &error));
	T_OK(team_model_create(&other, PEAL_WITH(PEAL_SET(team_model, code, "blue")), &error));
	T_OK(peal_m2m_add(&team.instance, "people", PEAL_VALUES(&person.instance), NULL, &error));
	SAID("post_add 1 of red");
	T_OK(peal_m2m_add(&team.instance, "people", PEAL_VALUES(1), NULL, &error));
	SAID("post_add of red");
	PEAL_ATOMIC(r, &error) {
		char name[] = "blue";

		T_OK(peal_m2m_add(&team.instance, "friends", PEAL_VALUES(name), NULL, &error));
		memset(name, 'x', sizeof(name));
		PEAL_ATOMIC(inner, &error) {
			T_OK(peal_m2m_clear(&team.instance, "friends", &error));
			inner = PEAL_EUSER;
		}
		T_OK(peal_m2m_remove(&person.instance, "teams", PEAL_VALUES("red"), &error));
		T_OK(peal_m2m_clear(&team.instance, "people", &error));
		peal_fini(&team.instance);
		SAID("");
	}
	T_OK(r);
	SAID("post_add blue of red ^post_remove red post_clear of red");
	peal_fini(&other.instance);
	peal_fini(&person.instance);
	end(db);
}

/* The table of an automatic relation is silent, whoever listens. */
TEST(rows_of_a_relation_table)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_instance *row;
	struct person person;
	struct team team;

	T_OK(PEAL_CONNECT(peal_post_delete, hear_delete, .scope = &all, .when = PEAL_AFTER_COMMIT));
	person_new(&person, "a");
	T_OK(team_model_create(&team, PEAL_WITH(PEAL_SET(team_model, code, "red")), &error));
	T_OK(PEAL_CONNECT(peal_post_save, hear, .scope = &all, .when = PEAL_AFTER_COMMIT));
	T_OK(peal_new(peal_m2m_through(&team_model, "people"),
		      PEAL_WITH(PEAL_ARG("team", PEAL_VALUE(&team.instance)),
				PEAL_ARG("person", PEAL_VALUE(&person.instance))),
		      &row, &error));
	T_OK(peal_save(row, &error));
	T_OK(peal_delete(row, NULL, &error));
	SAID("");
	peal_free(row);
	peal_fini(&person.instance);
	peal_fini(&team.instance);
	end(db);
}

/* ---- Many rows at once ------------------------------------------------------------------------------------------- */

static int hear_bulk(struct peal_call *call, const struct peal_post_bulk_args *args)
{
	const struct peal_params *keys;

	T_PTR(call->signal, &peal_post_bulk);
	T_UINT(peal_atomic_depth(NULL), 0);
	T_STR(args->database, "default");
	say("%s", peal_bulk_operation_name(args->operation));
	for (size_t i = 0; args->fields && i < args->fields->count; i++)
		say("(%s)", args->fields->items[i]);
	T_OK(peal_bulk_keys(args, &keys, call->error));
	T_INT(args->rows, (int64_t)keys->count);
	for (size_t i = 0; i < keys->count; i++) {
		if (keys->items[i].kind == PEAL_VALUE_TEXT)
			say("%s", keys->items[i].as.text.data);
		else
			say("%" PRId64, keys->items[i].as.integer);
	}
	return 0;
}

TEST(many_rows_at_once)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query = peal_query_new(&team_model);
	struct team teams[2];
	struct peal_instance *rows[] = { &teams[0].instance, &teams[1].instance };
	int r;

	T_OK(PEAL_CONNECT(peal_post_bulk, hear_bulk, .sender = &team_model, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	for (int i = 0; i < 2; i++)
		T_OK(team_model_init(&teams[i],
				     PEAL_WITH(PEAL_SET(team_model, code, i ? "red" : "blue")),
				     &error));
	PEAL_ATOMIC(r, &error) {
		T_OK(peal_bulk_create(&team_model, rows, 2, NULL, &error));
		r = PEAL_EUSER;
	}
	SAID("");
	PEAL_ATOMIC(r, &error) {
		T_OK(peal_bulk_create(&team_model, rows, 2, NULL, &error));
		for (int i = 0; i < 2; i++)
			peal_fini(&teams[i].instance);
		SAID("");
	}
	T_OK(r);
	SAID("bulk_create blue red");
	peal_query_filter(query, PEAL_WITH(PEAL_IS(team_model, code, "red")));
	T_OK(peal_query_update(query, PEAL_WITH(PEAL_SET(team_model, motto, "win")), NULL, &error));
	SAID("update (motto) red");
	T_OK(peal_query_delete(query, NULL, &error));
	SAID("delete red");
	peal_query_free(query);
	end(db);
}

/* ---- Beside the callbacks ---------------------------------------------------------------------------------------- */

static int call_back(void *user, struct peal_error *error)
{
	say("%s", (const char *)user);
	if (strcmp(user, "fails") == 0)
		return peal_error_set(error, PEAL_EUSER, "this failed");
	return 0;
}

static void on_commit(const char *what)
{
	T_OK(PEAL_ON_COMMIT(NULL, call_back, .user = (void *)(uintptr_t)what));
}

static char logged[512];

static void keep_log(void *user, enum peal_log_level level, const char *domain, const char *message)
{
	(void)user;
	(void)level;
	(void)domain;
	snprintf(logged + strlen(logged), sizeof(logged) - strlen(logged), "%s|", message);
}

static int fail(struct peal_call *call, const struct peal_post_save_args *args)
{
	say("fail");
	(void)args;
	return peal_error_set(call->error, PEAL_EUSER, "no paper");
}

TEST(in_the_order_of_registration)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int r;

	listen();
	PEAL_ATOMIC(r, &error) {
		on_commit("first");
		save_new("a");
		on_commit("fails");
		save_new("b");
		on_commit("never");
		save_new("c");
	}
	/* What is committed is told, whatever a callback between makes of it. */
	T_CODE(r, PEAL_EUSER);
	T_STR(error.message, "this failed");
	SAID("first +1a fails +2b +3c");
	end(db);
}

TEST(errors_are_logged_and_nothing_else)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;
	int r;

	logged[0] = '\0';
	peal_set_log(keep_log, NULL);
	T_OK(PEAL_CONNECT(peal_post_save, fail, .scope = &all, .when = PEAL_AFTER_COMMIT));
	listen();
	PEAL_ATOMIC(r, &error) {
		save_new("a");
		on_commit("too");
	}
	T_OK(r);
	T_INT(error.code, 0);
	SAID("fail +1a too");
	T_STR(logged, "error calling fail in a send after a commit of peal_post_save: no paper|");
	logged[0] = '\0';
	T_OK(person_model_create(&person, NULL, &error));
	T_INT(error.code, 0);
	T_STR(logged, "error calling fail in a send after a commit of peal_post_save: no paper|");
	peal_fini(&person.instance);
	peal_set_log(NULL, NULL);
	end(db);
}

static int refuse(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)args;
	return peal_error_set(call->error, PEAL_EUSER, "I do not like it");
}

/* The error of an immediate receiver leaves the row where it is, so it is told of. */
TEST(after_an_error_of_an_immediate_receiver)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;
	int r;

	listen();
	T_OK(PEAL_CONNECT(peal_post_save, refuse, .scope = &all));
	T_OK(person_model_init(&person, PEAL_WITH(PEAL_SET(person_model, name, "a")), &error));
	T_CODE(peal_save(&person.instance, &error), PEAL_EUSER);
	T_STR(error.message, "I do not like it");
	SAID("+1a");
	PEAL_ATOMIC(r, &error) {
		T_CODE(peal_save(&person.instance, &error), PEAL_EUSER);
	}
	T_OK(r);
	SAID("1a");
	PEAL_ATOMIC(r, &error) {
		r = peal_save(&person.instance, &error);
	}
	T_CODE(r, PEAL_EUSER);
	SAID("");
	peal_fini(&person.instance);
	end(db);
}

static int save_another(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct person *person = PEAL_INSTANCE(person_model, args->instance);
	struct peal_error error = { 0 };
	int r;

	(void)call;
	if (strlen(person->name) > 1)
		return 0;
	PEAL_ATOMIC(r, &error) {
		save_new("inner");
		say("saved");
	}
	return r;
}

TEST(a_receiver_with_a_block_of_its_own)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int r;

	T_OK(PEAL_CONNECT(peal_post_save, save_another, .sender = &person_model, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	listen();
	PEAL_ATOMIC(r, &error) {
		save_new("a");
		save_new("b");
	}
	T_OK(r);
	SAID("saved +3inner +1a saved +4inner +2b");
	end(db);
}

/* ---- To whom ----------------------------------------------------------------------------------------------------- */

TEST(who_hears_is_settled_at_the_write)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int r;

	said[0] = '\0';
	PEAL_ATOMIC(r, &error) {
		save_new("a"); /* nobody is connected: no copy, and nobody to tell later */
		listen();
		save_new("b");
		PEAL_MUTE(peal_post_save, hear) {
			save_new("c");
		}
	}
	T_OK(r);
	SAID("+2b");
	PEAL_ATOMIC(r, &error) {
		save_new("d");
		T_OK(PEAL_DISCONNECT(peal_post_save, hear, .sender = &person_model,
				     .when = PEAL_AFTER_COMMIT));
	}
	T_OK(r);
	SAID("");
	end(db);
}

TEST(a_model_by_name)
{
	struct peal_db *db = begin();

	said[0] = '\0';
	T_OK(PEAL_CONNECT(peal_post_save, hear, .sender_name = "lab.person", .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	save_new("a");
	SAID("+1a");
	end(db);
}

struct desk {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int64_t id;
	char name[16];
};

static void hear_elsewhere(struct peal_task *task, const struct peal_post_save_args *args)
{
	struct desk *desk = task->user;
	struct person *person = PEAL_INSTANCE(person_model, args->instance);

	pthread_mutex_lock(&desk->lock);
	desk->id = person->id;
	snprintf(desk->name, sizeof(desk->name), "%s", person->name);
	pthread_cond_signal(&desk->changed);
	pthread_mutex_unlock(&desk->lock);
	peal_task_done(task, 0, NULL);
}

TEST(an_executor_gets_the_copy_and_nobody_waits)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_executor *pool;
	struct desk desk = { .id = 0 };
	int r;

	pthread_mutex_init(&desk.lock, NULL);
	pthread_cond_init(&desk.changed, NULL);
	T_OK(peal_pool_new(1, &pool));
	T_OK(PEAL_CONNECT_ASYNC(peal_post_save, hear_elsewhere, .executor = pool, .user = &desk,
				.scope = &all, .when = PEAL_AFTER_COMMIT));
	pthread_mutex_lock(&desk.lock); /* a save that waited would never return */
	PEAL_ATOMIC(r, &error) {
		save_new("a");
	}
	T_OK(r);
	while (!desk.id)
		pthread_cond_wait(&desk.changed, &desk.lock);
	pthread_mutex_unlock(&desk.lock);
	T_INT(desk.id, 1);
	T_STR(desk.name, "a");
	T_OK(peal_scope_end(&all));
	peal_pool_free(pool);
	pthread_mutex_destroy(&desk.lock);
	pthread_cond_destroy(&desk.changed);
	end(db);
}

static int hear_database(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	say("%s", args->database);
	return 0;
}

TEST(each_database_has_its_own_commit)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_db *other;
	struct person person;
	int r, inner;

	T_OK(peal_db_open_with("sqlite::memory:", &(struct peal_db_options){ .alias = "other" },
			       &other, &error));
	T_OK(peal_models_create_tables("other", &error));
	said[0] = '\0';
	T_OK(PEAL_CONNECT(peal_post_save, hear_database, .scope = &all, .when = PEAL_AFTER_COMMIT));
	T_OK(person_model_init(&person, PEAL_WITH(PEAL_SET(person_model, name, "a")), &error));
	PEAL_ATOMIC(r, &error) {
		PEAL_ATOMIC_WITH(inner, &error, .database = "other") {
			T_OK(peal_save(&person.instance, &error));
			T_OK(PEAL_SAVE(&person.instance, &error, .database = "other"));
		}
		SAID("other");
	}
	SAID("default");
	peal_fini(&person.instance);
	T_OK(peal_scope_end(&all));
	peal_db_close(other);
	end(db);
}

TEST(they_are_shown)
{
	struct peal_db *db = begin();
	struct peal_snapshot *snapshot;

	listen();
	T_OK(peal_snapshot_take(&peal_post_save, &snapshot));
	T_UINT(snapshot->receiver_count, 1);
	T_STR(snapshot->receivers[0].name, "hear");
	T_STR(snapshot->receivers[0].signal_name, "peal_post_save");
	T_STR(snapshot->receivers[0].sender_name, "lab.Person");
	T_INT(snapshot->receivers[0].when, PEAL_AFTER_COMMIT);
	peal_snapshot_free(snapshot);
	end(db);
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

enum {
	ROWS = 2000
};

TEST(many_rows_in_one_transaction)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct test_counts before;
	struct person person;
	size_t blocks = 0, bytes = 0;
	int r;

	T_OK(PEAL_CONNECT(peal_post_save, hear, .sender = &person_model, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(person_model_init(&person, PEAL_WITH(PEAL_SET(person_model, name, "Rahul")), &error));
	T_OK(peal_save(&person.instance, &error));
	PEAL_ATOMIC(r, &error) {
		T_OK(peal_save(&person.instance, &error)); /* its statement is prepared */
		before = test_counts();
		for (int i = 0; i < ROWS && r == 0; i++)
			r = peal_save(&person.instance, &error);
		blocks = test_counts().live_count - before.live_count;
		bytes = test_counts().live_bytes - before.live_bytes;
		T_OK(r);
		r = PEAL_EUSER;
	}
	T_CODE(r, PEAL_EUSER);
	/* A block for each row, and the list of callbacks, which is twice as large as it need be at most. */
	T_TRUE(blocks >= ROWS && blocks < ROWS + 16);
	if (bytes / ROWS > 600)
		T_FAIL("%zu bytes for each row", bytes / ROWS);
	peal_fini(&person.instance);
	end(db);
}

static int save_one(bool in_block, struct peal_error *error)
{
	struct peal_atomic atomic;
	struct person person;
	int r = in_block ? peal_atomic_enter(&atomic, NULL, error) : 0;

	if (r != 0)
		return r;
	r = person_model_create(&person, PEAL_WITH(PEAL_SET(person_model, name, "a longer name")),
				error);
	if (r == 0)
		peal_fini(&person.instance);
	return in_block ? peal_atomic_leave(&atomic, r, error) : r;
}

/* Each allocation of a save has failed once: then nothing is written, and nothing is told. */
static void fail_each(bool in_block, bool sticky)
{
	int64_t rows = COUNT("lab_person");
	size_t failed = 1;

	for (size_t nth = 1; failed; nth++) {
		struct peal_error error = { 0 };
		int r;

		said[0] = '\0';
		test_alloc_fail(nth, sticky);
		r = save_one(in_block, &error);
		failed = test_alloc_failed();
		test_alloc_fail(0, false);
		T_CODE(r, failed ? PEAL_ENOMEM : 0);
		T_INT(said[0] != '\0', !failed);
		T_INT(COUNT("lab_person"), rows + !failed);
	}
}

TEST(out_of_memory)
{
	struct peal_db *db = begin();

	listen();
	save_new("so that the statements are prepared");
	for (int i = 0; i < 4; i++)
		fail_each(i & 1, i & 2);
	end(db);
}

static int hear_row(struct peal_call *call, const struct peal_post_save_args *args)
{
	char row[64];

	(void)call;
	say("%s", peal_describe(args->instance, row, sizeof(row)));
	return 0;
}

static int change_much(struct team *team, struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&team_model);
	int r = team_model_create(team, PEAL_WITH(PEAL_SET(team_model, code, "red")), error);

	if (r == 0)
		r = peal_m2m_add(&team->instance, "friends", PEAL_VALUES("red"), NULL, error);
	if (r == 0)
		r = PEAL_SAVE(&team->instance, error, .update_fields = PEAL_NAMES("motto"));
	if (r == 0)
		r = peal_m2m_clear(&team->instance, "friends", error);
	if (r == 0)
		r = peal_query_update(query, PEAL_WITH(PEAL_SET(team_model, motto, "win")), NULL,
				      error);
	peal_query_free(query);
	return r == 0 ? peal_delete(&team->instance, NULL, error) : r;
}

TEST_TIMEOUT(no_memory_anywhere, 300)
{
	const char *url = database_url();

	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		struct team team = { .code = NULL };
		int r;

		said[0] = '\0';
		r = PEAL_CONNECT(peal_post_save, hear_row, .scope = &all,
				 .when = PEAL_AFTER_COMMIT);
		if (r == 0)
			r = PEAL_CONNECT(peal_m2m_changed, hear_m2m, .scope = &all,
					 .when = PEAL_AFTER_COMMIT);
		if (r == 0)
			r = PEAL_CONNECT(peal_post_delete, hear_delete, .scope = &all,
					 .when = PEAL_AFTER_COMMIT);
		if (r == 0)
			r = PEAL_CONNECT(peal_post_bulk, hear_bulk, .scope = &all,
					 .when = PEAL_AFTER_COMMIT);
		if (r == 0)
			r = peal_db_open(url, &db, &error);
		if (r == 0)
			r = PEAL_MODELS_REGISTER(&error, &person_model, &team_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		if (r == 0)
			r = peal_db_exec(NULL, "DELETE FROM lab_team_friends", NULL, NULL, &error);
		if (r == 0)
			r = peal_db_exec(NULL, "DELETE FROM lab_team", NULL, NULL, &error);
		if (r == 0)
			r = change_much(&team, &error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		peal_fini(&team.instance);
		T_OK(peal_scope_end(&all));
		peal_models_forget();
		peal_db_close(db);
		peal_trim();
	}
}
