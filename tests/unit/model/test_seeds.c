/* SPDX-License-Identifier: MIT */
/*
 * What every introduction to Django's signals shows, here: one test for each example. (The examples with files and
 * requests are in examples/school.)
 */
#include "models.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int save_new_person(struct person *person, const char *name)
{
	return person_model_create(person, PEAL_WITH(PEAL_SET(person_model, name, name)), NULL);
}

/* ---- "Automatically creating a profile when a user is created" --------------------------------------------------- */

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

static int save_profile(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct person *person = PEAL_INSTANCE(person_model, args->instance);
	struct profile profile;
	int r = profile_model_get(
		&profile, PEAL_WITH(PEAL_IS(profile_model, person_id, person->id)), call->error);

	if (r != 0)
		return r;
	r = peal_set_text(&profile.instance, &profile.bio, person->bio ? person->bio : "");
	if (r == 0)
		r = peal_save(&profile.instance, call->error);
	peal_fini(&profile.instance);
	return r;
}

static const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(peal_post_save, create_profile, .sender_name = "lab.Person"),
	PEAL_RECEIVER(peal_post_save, save_profile, .sender = &person_model),
};

static struct peal_scope scope;

TEST(profile_of_a_new_user)
{
	struct peal_error error = { 0 };
	struct person p;
	struct peal_db *db = open_database();

	T_OK(PEAL_MODELS_REGISTER(&error, &person_model, &profile_model));
	T_OK(peal_models_create_tables(NULL, &error));
	T_OK(peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope));
	T_OK(save_new_person(&p, "Ana"));
	T_INT(COUNT("lab_profile WHERE person_id = 1 AND bio = ''"), 1);
	p.bio = "something to tell";
	T_OK(peal_save(&p.instance, &error));
	T_INT(COUNT("lab_profile WHERE bio = 'something to tell'"), 1);
	T_INT(COUNT("lab_profile"), 1);
	T_OK(peal_scope_end(&scope));
	peal_fini(&p.instance);
	end_models(db);
}

/* A lazy sender: the receiver is connected before its model is known, by an application that comes first. */
TEST(receiver_that_is_there_before_the_model)
{
	struct peal_error error = { 0 };
	struct person p;
	struct peal_db *db = open_database();

	T_CODE(PEAL_CONNECT(peal_post_save, create_profile, .sender_name = "lab.person"),
	       PEAL_PENDING);
	T_OK(PEAL_MODELS_REGISTER(&error, &person_model, &profile_model));
	T_OK(peal_models_create_tables(NULL, &error));
	T_OK(save_new_person(&p, "Ana"));
	T_INT(COUNT("lab_profile"), 1);
	peal_fini(&p.instance);
	end_models(db);
}

/* ---- "Running code before saving" ----------------------------------------------------------------------------------- */

static int capitalize_name(struct peal_call *call, const struct peal_pre_save_args *args)
{
	struct person *person = PEAL_INSTANCE(person_model, args->instance);
	char name[64];

	(void)call;
	snprintf(name, sizeof(name), "%s", person->name + strspn(person->name, " "));
	for (size_t i = 0; name[i]; i++)
		name[i] = (char)(i && name[i - 1] != ' ' ? tolower(name[i]) : toupper(name[i]));
	name[strcspn(name, "\n")] = '\0';
	return peal_set_text(&person->instance, &person->name, name);
}

TEST(name_in_capitals)
{
	struct peal_db *db = begin_models();
	struct person p;

	T_OK(PEAL_CONNECT(peal_pre_save, capitalize_name, .sender = &person_model));
	T_OK(save_new_person(&p, " rahul SHARMA"));
	T_STR(p.name, "Rahul Sharma");
	T_INT(COUNT("lab_person WHERE name = 'Rahul Sharma'"), 1);
	peal_fini(&p.instance);
	end_models(db);
}

static int auto_slug(struct peal_call *call, const struct peal_pre_save_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);
	char slug[64];

	(void)call;
	if (*article->slug)
		return 0;
	snprintf(slug, sizeof(slug), "%s", article->title);
	for (char *at = slug; *at; at++)
		*at = (char)(isalnum((unsigned char)*at) ? tolower(*at) : '-');
	return peal_set_text(&article->instance, &article->slug, slug);
}

static int set_word_count(struct peal_call *call, const struct peal_pre_save_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);

	(void)call;
	article->word_count = 1;
	for (const char *at = article->title; *at; at++)
		article->word_count += *at == ' ';
	return 0;
}

TEST(slug_and_word_count)
{
	struct peal_db *db = begin_models();
	struct article a;

	T_OK(PEAL_CONNECT(peal_pre_save, auto_slug, .sender = &article_model));
	T_OK(PEAL_CONNECT(peal_pre_save, set_word_count, .sender = &article_model));
	T_OK(article_model_create(
		&a, PEAL_WITH(PEAL_SET(article_model, title, "Hello Signals World")), NULL));
	T_INT(COUNT("lab_article WHERE slug = 'hello-signals-world' AND word_count = 3"), 1);
	peal_fini(&a.instance);
	end_models(db);
}

/* ---- "Avoiding infinite loops" ---------------------------------------------------------------------------------------- */

static int update_by_saving(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);

	article->updated_at = peal_now();
	return peal_save(&article->instance, call->error);
}

static int update_by_query(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);
	struct peal_query *query = peal_query_new(&article_model);
	int r;

	peal_query_filter(query, PEAL_WITH(PEAL_IS(article_model, id, article->id)));
	r = peal_query_update(query, PEAL_WITH(PEAL_SET(article_model, updated_at, peal_now())),
			      NULL, call->error);
	peal_query_free(query);
	return r;
}

TEST(saving_in_post_save_is_stopped)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct article a;

	T_OK(PEAL_CONNECT(peal_post_save, update_by_saving, .sender = &article_model));
	T_CODE(article_model_create(&a, PEAL_WITH(PEAL_SET(article_model, title, "A")), &error),
	       PEAL_EDEPTH);
	T_HAS(error.message, "update_by_saving");
	end_models(db);
}

TEST(updating_in_post_save_is_fine)
{
	struct peal_db *db = begin_models();
	struct article a;

	T_OK(PEAL_CONNECT(peal_post_save, update_by_query, .sender = &article_model));
	T_OK(article_model_create(&a, PEAL_WITH(PEAL_SET(article_model, title, "A")), NULL));
	T_INT(COUNT("lab_article WHERE updated_at IS NOT NULL"), 1);
	peal_fini(&a.instance);
	end_models(db);
}

/* ---- "Running code after deletion" --------------------------------------------------------------------------------- */

/* The bio is the path of a file here. */
static int delete_file(struct peal_call *call, const struct peal_post_delete_args *args)
{
	struct person *person = PEAL_INSTANCE(person_model, args->instance);

	(void)call;
	T_INT(COUNT("lab_person"), 0);
	return unlink(person->bio) == 0 ? 0 : PEAL_ESYS;
}

TEST(file_goes_with_its_row)
{
	const char *path = test_path(test_tmpdir(), "photo.png");
	struct peal_db *db = begin_models();
	struct person p;

	test_write_file(path, "x", 1);
	T_OK(PEAL_CONNECT(peal_post_delete, delete_file, .sender = &person_model));
	T_OK(save_new_person(&p, "Ana"));
	p.bio = path;
	T_OK(peal_save(&p.instance, NULL));
	T_OK(peal_delete(&p.instance, NULL, NULL));
	T_INT(access(path, F_OK), -1);
	peal_fini(&p.instance);
	end_models(db);
}

/* ---- "Logging or auditing changes", "updating counters" ---------------------------------------------------------- */

static int audit(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct ticket log;
	char text[64];
	int r;

	if (call->sender == &ticket_model)
		return 0;
	r = ticket_model_create(
		&log,
		PEAL_WITH(PEAL_SET(ticket_model, code,
				   peal_describe(args->instance, text, sizeof(text)))),
		call->error);
	if (r == 0)
		peal_fini(&log.instance);
	return r;
}

TEST(audit_of_every_model)
{
	struct peal_db *db = begin_models();
	struct person p;
	struct article a;

	T_OK(PEAL_CONNECT(peal_post_save, audit));
	T_OK(save_new_person(&p, "Ana"));
	T_OK(article_model_create(&a, PEAL_WITH(PEAL_SET(article_model, title, "A")), NULL));
	T_INT(COUNT("lab_ticket WHERE code IN ('lab.Person 1', 'lab.Article 1')"), 2);
	T_INT(COUNT("lab_ticket"), 2);
	T_OK(PEAL_DISCONNECT(peal_post_save, audit));
	peal_fini(&p.instance);
	peal_fini(&a.instance);
	end_models(db);
}

static int count_articles(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);
	struct peal_query *query = peal_query_new(&person_model);
	int r;

	peal_query_filter(query, PEAL_WITH(PEAL_IS(person_model, id, article->author_id)));
	r = args->created
		    ? peal_query_update(query, PEAL_WITH(PEAL_INCREMENT(person_model, age, 1)),
					NULL, call->error)
		    : 0;
	peal_query_free(query);
	return r;
}

TEST(counter_kept_by_a_receiver)
{
	struct peal_db *db = begin_models();
	struct person p;
	struct article a;
	char title[2] = "A";

	T_OK(PEAL_CONNECT(peal_post_save, count_articles, .sender = &article_model));
	T_OK(save_new_person(&p, "Ana"));
	for (; *title < 'E'; ++*title) {
		T_OK(article_model_create(&a,
					  PEAL_WITH(PEAL_SET(article_model, title, title),
						    PEAL_SET(article_model, author, &p.instance)),
					  NULL));
		T_OK(peal_save(&a.instance, NULL));
		peal_fini(&a.instance);
	}
	T_OK(peal_refresh(&p.instance, NULL));
	T_INT(p.age, 7 + 4);
	peal_fini(&p.instance);
	end_models(db);
}

/* ---- "Transactional signals": use on_commit inside the handler ------------------------------------------------------ */

static int mails;

static int send_mail(void *user, struct peal_error *error)
{
	(void)user;
	(void)error;
	mails++;
	return 0;
}

static int mail_later(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)args;
	return PEAL_ON_COMMIT(call->error, send_mail, .user = NULL);
}

TEST(mail_only_for_what_is_committed)
{
	struct peal_db *db = begin_models();
	struct person p;
	int r;

	T_OK(PEAL_CONNECT(peal_post_save, mail_later, .sender = &person_model));
	PEAL_ATOMIC(r, NULL) {
		T_OK(save_new_person(&p, "Ana"));
		T_INT(mails, 0);
	}
	T_INT(mails, 1);
	peal_fini(&p.instance);
	PEAL_ATOMIC(r, NULL) {
		T_OK(save_new_person(&p, "Bo"));
		r = PEAL_EINVAL;
	}
	T_INT(mails, 1);
	peal_fini(&p.instance);
	T_OK(save_new_person(&p, "Cy"));
	T_INT(mails, 2);
	peal_fini(&p.instance);
	end_models(db);
}
