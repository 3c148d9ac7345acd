/* SPDX-License-Identifier: MIT */
/*
 * Everything that happens by itself. Nothing else in the program knows that any of it exists: take a line out of the
 * table below, and that is not done any more.
 */
#include "receivers.h"

#include "cache.h"
#include "exam.h"
#include "files.h"
#include "login.h"
#include "models.h"
#include "show.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Users and their profiles ------------------------------------------------------------------------------------ */

/* Only for a new user: without the check there would be a new profile at every save. */
static int create_profile(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct user *user = PEAL_INSTANCE(user_model, args->instance);
	struct profile profile;
	int r;

	if (!args->created)
		return 0;
	r = profile_model_create(
		&profile, PEAL_WITH(PEAL_SET(profile_model, user, &user->instance)), call->error);
	if (r != 0)
		return r;
	peal_fini(&profile.instance);
	say("Profile created for %s", user->username);
	return 0;
}

/* The user may be undone with the transaction that it is in: connected for the time when it cannot. */
static int welcome(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct user *user = PEAL_INSTANCE(user_model, args->instance);

	(void)call;
	if (args->created)
		say("Welcome, %s! (the profile is committed)", user->username);
	return 0;
}

static int save_user_profile(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct user *user = PEAL_INSTANCE(user_model, args->instance);
	struct profile profile;
	int r = profile_model_get(&profile, PEAL_WITH(PEAL_IS(profile_model, user_id, user->id)),
				  call->error);

	if (r == PEAL_NOT_FOUND)
		return 0;
	if (r != 0)
		return r;
	r = peal_save(&profile.instance, call->error);
	peal_fini(&profile.instance);
	return r;
}

/* ---- Students ------------------------------------------------------------------------------------------------------ */

static int capitalize_name(struct peal_call *call, const struct peal_pre_save_args *args)
{
	struct student *student = PEAL_INSTANCE(student_model, args->instance);
	char *name = title_case(student->name);
	int r = name ? peal_set_text(&student->instance, &student->name, name) : PEAL_ENOMEM;

	(void)call;
	free(name);
	return r;
}

/* A file does not come back with a rollback either. */
static int delete_student_photo(struct peal_call *call, const struct peal_post_delete_args *args)
{
	struct student *student = PEAL_INSTANCE(student_model, args->instance);

	(void)call;
	if (student->profile_photo && media_remove(student->profile_photo))
		say("removed the file %s", student->profile_photo);
	return 0;
}

/* ---- Articles ------------------------------------------------------------------------------------------------------ */

static int auto_slug(struct peal_call *call, const struct peal_pre_save_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);
	char *slug;
	int r;

	(void)call;
	if (*article->slug)
		return 0;
	slug = slugify(article->title);
	r = slug ? peal_set_text(&article->instance, &article->slug, slug) : PEAL_ENOMEM;
	free(slug);
	return r;
}

static int set_word_count(struct peal_call *call, const struct peal_pre_save_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);

	(void)call;
	article->word_count = count_words(article->body);
	return 0;
}

/* By a query: saving the article here would send post_save again, without end. */
static int update_related(struct peal_call *call, const struct peal_post_save_args *args)
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

static int article_pre_delete(struct peal_call *call, const struct peal_pre_delete_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);

	(void)call;
	if (article->image && media_remove(article->image))
		say("removed the file %s", article->image);
	return 0;
}

/* One thing to do for two signals: their arguments have different types, so each has its own two lines. */
static void forget_page(const struct article *article)
{
	char name[64];

	snprintf(name, sizeof(name), "article:%" PRId64, article->id);
	if (cache_delete(name))
		say("the cache forgets %s", name);
}

static int article_saved(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	forget_page(PEAL_INSTANCE(article_model, args->instance));
	return 0;
}

static int article_post_delete(struct peal_call *call, const struct peal_post_delete_args *args)
{
	struct article *article = PEAL_INSTANCE(article_model, args->instance);

	(void)call;
	forget_page(article);
	say("Article %" PRId64 " deleted by signal", article->id);
	return 0;
}

/* ---- A counter that nobody has to count --------------------------------------------------------------------------- */

/* In the database, so that two programs at once lose nothing. */
static int add_to_count(const struct article *article, int change, struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&student_model);
	int r;

	peal_query_filter(query, PEAL_WITH(PEAL_IS(student_model, id, article->author_id)));
	r = peal_query_update(query,
			      PEAL_WITH(PEAL_INCREMENT(student_model, article_count, change)), NULL,
			      error);
	peal_query_free(query);
	return r;
}

static int count_new_article(struct peal_call *call, const struct peal_post_save_args *args)
{
	return args->created
		       ? add_to_count(PEAL_INSTANCE(article_model, args->instance), 1, call->error)
		       : 0;
}

static int count_deleted_article(struct peal_call *call, const struct peal_post_delete_args *args)
{
	return add_to_count(PEAL_INSTANCE(article_model, args->instance), -1, call->error);
}

/* ---- The audit log ------------------------------------------------------------------------------------------------- */

static int audit(struct peal_call *call, struct peal_instance *instance, const char *action)
{
	struct audit_log log;
	int r = 0;

	/* It hears every model, so its own rows too, which would never end. */
	PEAL_MUTE(peal_post_save, NULL, .sender = &audit_log_model) {
		r = audit_log_model_create(
			&log,
			PEAL_WITH(
				PEAL_SET(audit_log_model, action, action),
				PEAL_SET(audit_log_model, model, peal_model_label(instance->model)),
				PEAL_SET(audit_log_model, row, peal_key(instance))),
			call->error);
		if (r == 0)
			peal_fini(&log.instance);
	}
	return r;
}

static int audit_save(struct peal_call *call, const struct peal_post_save_args *args)
{
	return audit(call, args->instance, args->created ? "created" : "changed");
}

static int audit_delete(struct peal_call *call, const struct peal_post_delete_args *args)
{
	return audit(call, args->instance, "deleted");
}

/* ---- Signals of our own --------------------------------------------------------------------------------------------- */

static int notify_student(struct peal_call *call, const struct exam_result_published_args *args)
{
	(void)call;
	say("Notifying %s: your grade is %c", args->student_name, args->grade);
	return 0;
}

static int log_failed_login(struct peal_call *call, const struct user_logged_in_failed_args *args)
{
	const struct user *user = call->sender;

	if (user)
		say("login of %s (user %" PRId64 ") failed: %s", args->username, user->id,
		    args->reason);
	else
		say("login of \"%s\" failed: %s", args->username, args->reason);
	return 0;
}

static const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(peal_post_save, create_profile, .sender_name = "auth.User"),
	PEAL_RECEIVER(peal_post_save, welcome, .sender_name = "auth.User",
		      .when = PEAL_AFTER_COMMIT),
	PEAL_RECEIVER(peal_post_save, save_user_profile, .sender_name = "auth.User"),
	PEAL_RECEIVER(peal_pre_save, capitalize_name, .sender = &student_model),
	PEAL_RECEIVER(peal_post_delete, delete_student_photo, .sender = &student_model,
		      .when = PEAL_AFTER_COMMIT),
	PEAL_RECEIVER(peal_pre_save, auto_slug, .sender = &article_model),
	PEAL_RECEIVER(peal_pre_save, set_word_count, .sender = &article_model),
	PEAL_RECEIVER(peal_post_save, update_related, .sender = &article_model),
	PEAL_RECEIVER(peal_post_save, article_saved, .sender = &article_model),
	PEAL_RECEIVER(peal_pre_delete, article_pre_delete, .sender = &article_model),
	PEAL_RECEIVER(peal_post_delete, article_post_delete, .sender = &article_model),
	PEAL_RECEIVER(peal_post_save, count_new_article, .sender = &article_model),
	PEAL_RECEIVER(peal_post_delete, count_deleted_article, .sender = &article_model),
	/* of every model, after all others */
	PEAL_RECEIVER(peal_post_save, audit_save, .uid = "audit", .priority = -1),
	PEAL_RECEIVER(peal_post_delete, audit_delete, .uid = "audit", .priority = -1),
	PEAL_RECEIVER(exam_result_published, notify_student, .uid = "notify"),
	PEAL_RECEIVER(user_logged_in_failed, log_failed_login),
};

static struct peal_scope scope;

int receivers_begin(void)
{
	return peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope);
}

void receivers_end(void)
{
	if (peal_scope_end(&scope) != 0)
		say("receivers are still running");
}
