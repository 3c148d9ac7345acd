/* SPDX-License-Identifier: MIT */
/* peal_guard_saves(): what is refused, what is not, and the chain. */
#include "models.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct peal_scope all;
static int calls;

static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	calls = 0;
	T_FALSE(peal_guard_saves(true));
	return db;
}

static void end(struct peal_db *db)
{
	T_TRUE(peal_guard_saves(false));
	T_OK(peal_scope_end(&all));
	end_models(db);
}

/* Once only, so that the program ends when nothing stops it. */
static int save_itself(struct peal_call *call, const struct peal_post_save_args *args)
{
	return calls++ ? 0 : peal_save(args->instance, call->error);
}

static int save_itself_before(struct peal_call *call, const struct peal_pre_save_args *args)
{
	return calls++ ? 0 : peal_save(args->instance, call->error);
}

/* By another instance of the same row. */
static int save_the_row(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct person person;
	int r;

	if (calls++)
		return 0;
	r = person_model_get(&person, PEAL_WITH(PEAL_ARG("pk", peal_key(args->instance))),
			     call->error);
	if (r != 0)
		return r;
	r = PEAL_SAVE(&person.instance, call->error, .update_fields = PEAL_NAMES("bio"));
	peal_fini(&person.instance);
	return r;
}

TEST(off_at_first)
{
	struct peal_db *db = begin_models();
	struct person person;

	calls = 0;
	T_OK(PEAL_CONNECT(peal_post_save, save_itself, .scope = &all));
	T_OK(person_model_create(&person, NULL, NULL));
	T_INT(calls, 2);
	peal_fini(&person.instance);
	T_OK(peal_scope_end(&all));
	end_models(db);
}

TEST(the_same_instance)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;

	T_OK(PEAL_CONNECT(peal_post_save, save_itself, .scope = &all));
	T_CODE(person_model_create(&person, NULL, &error), PEAL_ERECURSION);
	T_STR(error.message,
	      "lab.Person 1 is saved by a receiver of its own save: peal_save lab.Person 1 > "
	      "peal_post_save > save_itself > peal_save lab.Person 1; set the fields in "
	      "peal_pre_save, or use peal_query_update()");
	T_STR(error.receiver, "save_itself");
	T_INT(calls, 1);
	T_OK(peal_scope_end(&all));
	/* Before it has a key. */
	calls = 0;
	T_OK(PEAL_CONNECT(peal_pre_save, save_itself_before, .scope = &all));
	T_CODE(person_model_create(&person, NULL, &error), PEAL_ERECURSION);
	T_STR(error.message,
	      "lab.Person (no key) is saved by a receiver of its own save: peal_save lab.Person "
	      "(no key) > peal_pre_save > save_itself_before > peal_save lab.Person (no key); set "
	      "the fields in peal_pre_save, or use peal_query_update()");
	T_INT(COUNT("lab_person"), 1);
	/* Nothing is left of it. */
	T_OK(person_model_create(&person, NULL, &error));
	T_OK(peal_save(&person.instance, &error));
	peal_fini(&person.instance);
	end(db);
}

TEST(another_instance_of_the_row)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;

	T_OK(PEAL_CONNECT(peal_post_save, save_the_row, .sender = &person_model, .scope = &all));
	T_CODE(person_model_create(&person, NULL, &error), PEAL_ERECURSION);
	T_HAS(error.message, "peal_post_save > save_the_row > peal_save lab.Person 1;");
	end(db);
}

static int create_profile(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct profile profile;
	int r;

	if (!args->created)
		return 0;
	r = profile_model_create(
		&profile, PEAL_WITH(PEAL_SET(profile_model, person, args->instance)), call->error);
	if (r == 0)
		peal_fini(&profile.instance);
	return r;
}

static int touch_person(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct profile *profile = PEAL_INSTANCE(profile_model, args->instance);

	return peal_save(&profile->person->instance, call->error);
}

static char logged[1200];

static void keep_log(void *user, enum peal_log_level level, const char *domain, const char *message)
{
	(void)user;
	T_INT(level, PEAL_LOG_ERROR);
	T_STR(domain, "peal.model");
	snprintf(logged, sizeof(logged), "%s", message);
}

struct tick_args {
	const struct peal_post_save_args *saved;
};
PEAL_SIGNAL(tick);

static int pass_on(struct peal_call *call, const struct peal_post_save_args *args)
{
	return PEAL_SEND_ERROR(tick, call->sender, call->error, .saved = args);
}

static int create_profile_then(struct peal_call *call, const struct tick_args *args)
{
	return create_profile(call, args->saved);
}

TEST(through_other_rows_and_signals)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;

	logged[0] = '\0';
	peal_set_log(keep_log, NULL);
	T_OK(PEAL_CONNECT(peal_post_save, create_profile, .sender = &person_model, .scope = &all));
	T_OK(PEAL_CONNECT(peal_post_save, touch_person, .sender = &profile_model, .scope = &all));
	T_CODE(person_model_create(&person, NULL, &error), PEAL_ERECURSION);
	T_STR(error.message,
	      "lab.Person 1 is saved by a receiver of its own save: peal_save lab.Person 1 > "
	      "peal_post_save > create_profile > peal_save lab.Profile 1 > peal_post_save > "
	      "touch_person > peal_save lab.Person 1; set the fields in peal_pre_save, or use "
	      "peal_query_update()");
	T_STR(logged,
	      "lab.Person 1 is saved by a receiver of its own save: peal_save lab.Person 1 > "
	      "peal_post_save > create_profile > peal_save lab.Profile 1 > peal_post_save > "
	      "touch_person > peal_save lab.Person 1");
	peal_set_log(NULL, NULL);
	T_OK(PEAL_DISCONNECT(peal_post_save, create_profile, .sender = &person_model));
	/* With a signal of the program between. */
	T_OK(PEAL_CONNECT(peal_post_save, pass_on, .sender = &person_model, .scope = &all));
	T_OK(PEAL_CONNECT(tick, create_profile_then, .scope = &all));
	T_CODE(person_model_create(&person, NULL, &error), PEAL_ERECURSION);
	T_HAS(error.message,
	      "peal_save lab.Person 2 > peal_post_save > pass_on > tick > create_profile_then > "
	      "peal_save lab.Profile 2 > peal_post_save > touch_person > peal_save lab.Person 2;");
	end(db);
}

/* Saves the person with the next key, and the last one the first. */
static int save_next(struct peal_call *call, const struct peal_post_save_args *args)
{
	int64_t key = PEAL_INSTANCE(person_model, args->instance)->id;
	struct person person;
	int r;

	r = person_model_get(&person, PEAL_WITH(PEAL_IS(person_model, id, key % 20 + 1)),
			     call->error);
	if (r != 0)
		return r;
	r = peal_save(&person.instance, call->error);
	peal_fini(&person.instance);
	return r;
}

TEST(a_long_chain_is_cut_in_the_middle)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;

	for (int i = 0; i < 20; i++) {
		person_new(&person, "x");
		peal_fini(&person.instance);
	}
	T_OK(person_model_get(&person, PEAL_WITH(PEAL_IS(person_model, id, 7)), &error));
	T_OK(PEAL_CONNECT(peal_post_save, save_next, .scope = &all));
	peal_set_log(keep_log, NULL);
	T_CODE(peal_save(&person.instance, &error), PEAL_ERECURSION);
	peal_set_log(NULL, NULL);
	T_HAS(error.message,
	      "lab.Person 7 is saved by a receiver of its own save: peal_save "
	      "lab.Person 7 > peal_post_save > save_next > peal_save lab.Person 8 > ");
	T_HAS(error.message, " ... ");
	T_HAS(error.message,
	      "peal_save lab.Person 6 > peal_post_save > save_next > peal_save lab.Person 7; set "
	      "the fields in peal_pre_save, or use peal_query_update()");
	/* The log has more of it. */
	T_HAS(logged,
	      "peal_save lab.Person 14 > peal_post_save > ... > save_next > peal_save lab.");
	T_HAS(logged,
	      "peal_save lab.Person 6 > peal_post_save > save_next > peal_save lab.Person 7");
	peal_fini(&person.instance);
	end(db);
}

static int update_by_query(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct peal_query *query = peal_query_new(&person_model);
	int r;

	peal_query_filter(query, PEAL_WITH(PEAL_ARG("pk", peal_key(args->instance))));
	r = peal_query_update(query, PEAL_WITH(PEAL_SET(person_model, age, 99)), NULL, call->error);
	peal_query_free(query);
	return r;
}

static int save_other_rows(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct person person;
	struct ticket ticket;
	int r;

	if (calls++)
		return 0;
	r = person_model_create(&person, NULL, call->error);
	if (r != 0)
		return r;
	T_TRUE(person.id != PEAL_INSTANCE(person_model, args->instance)->id);
	peal_fini(&person.instance);
	r = ticket_model_create(&ticket, PEAL_WITH(PEAL_SET(ticket_model, code, "1")), call->error);
	if (r == 0)
		peal_fini(&ticket.instance);
	return r;
}

/* The same row of another database is another row. */
static int copy_row(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct person person;
	int r;

	if (strcmp(args->database, "default") != 0)
		return 0;
	r = person_model_get(&person, PEAL_WITH(PEAL_ARG("pk", peal_key(args->instance))),
			     call->error);
	if (r != 0)
		return r;
	r = PEAL_SAVE(&person.instance, call->error, .database = "other");
	peal_fini(&person.instance);
	return r;
}

TEST(what_is_not_refused)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_db *other;
	struct person person;

	T_OK(PEAL_CONNECT(peal_post_save, update_by_query, .sender = &person_model, .scope = &all));
	T_OK(PEAL_CONNECT(peal_post_save, save_other_rows, .sender = &person_model, .scope = &all));
	T_OK(person_model_create(&person, NULL, &error));
	T_OK(peal_save(&person.instance, &error));
	T_OK(peal_refresh(&person.instance, &error));
	T_INT(person.age, 99);
	T_INT(COUNT("lab_ticket"), 1);
	T_OK(peal_scope_end(&all));
	T_OK(peal_db_open_with("sqlite::memory:", &(struct peal_db_options){ .alias = "other" },
			       &other, &error));
	T_OK(peal_models_create_tables("other", &error));
	T_OK(PEAL_CONNECT(peal_post_save, copy_row, .scope = &all));
	T_OK(peal_save(&person.instance, &error));
	peal_fini(&person.instance);
	peal_db_close(other);
	end(db);
}

/* The errors go to the log: first that of the guard, then that of the receiver. */
static char lines[2048];

static void keep_lines(void *user, enum peal_log_level level, const char *domain,
		       const char *message)
{
	(void)user;
	(void)level;
	(void)domain;
	snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "%s|", message);
}

TEST(after_the_commit)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;
	int r;

	T_OK(PEAL_CONNECT(peal_post_save, save_the_row, .sender = &person_model, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	lines[0] = '\0';
	peal_set_log(keep_lines, NULL);
	PEAL_ATOMIC(r, &error) {
		r = person_model_create(&person, NULL, &error);
	}
	T_OK(r);
	peal_set_log(NULL, NULL);
	T_HAS(lines,
	      "lab.Person 1 is saved by a receiver of its own save: peal_save lab.Person 1 > "
	      "peal_post_save after the commit > save_the_row > peal_save lab.Person 1|");
	T_INT(calls, 1);
	peal_fini(&person.instance);
	end(db);
}

TEST(without_a_transaction_after_the_write)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person person;

	T_OK(PEAL_CONNECT(peal_post_save, save_itself, .scope = &all, .when = PEAL_AFTER_COMMIT));
	lines[0] = '\0';
	peal_set_log(keep_lines, NULL);
	T_OK(person_model_create(&person, NULL, &error));
	peal_set_log(NULL, NULL);
	T_HAS(lines,
	      "|error calling save_itself in a send after a commit of peal_post_save: "
	      "lab.Person 1 is saved by a receiver of its own save: peal_save lab.Person 1 > "
	      "peal_post_save after the commit > save_itself > peal_save lab.Person 1; set");
	T_INT(calls, 1);
	peal_fini(&person.instance);
	end(db);
}

static void *save_in_thread(void *ctx)
{
	struct person person;

	T_OK(person_model_get(&person, PEAL_WITH(PEAL_IS(person_model, id, *(int64_t *)ctx)),
			      NULL));
	T_OK(peal_save(&person.instance, NULL));
	peal_fini(&person.instance);
	return NULL;
}

static int save_elsewhere(struct peal_call *call, const struct peal_post_save_args *args)
{
	pthread_t thread;

	(void)call;
	if (calls++)
		return 0;
	T_INT(pthread_create(&thread, NULL, save_in_thread,
			     &PEAL_INSTANCE(person_model, args->instance)->id),
	      0);
	T_INT(pthread_join(thread, NULL), 0);
	return 0;
}

TEST(it_looks_at_one_thread)
{
	struct peal_db *db = begin();
	struct person person;

	T_OK(PEAL_CONNECT(peal_post_save, save_elsewhere, .scope = &all));
	T_OK(person_model_create(&person, NULL, NULL));
	T_INT(calls, 2);
	peal_fini(&person.instance);
	end(db);
}
