/* SPDX-License-Identifier: MIT */
#ifndef SCHOOL_MODELS_H
#define SCHOOL_MODELS_H

#include <peal/query.h>

struct user {
	struct peal_instance instance;
	int64_t id;
	const char *username;
	const char *email;
	bool is_active;
};
PEAL_MODEL_DECLARE(user_model, struct user);

struct profile {
	struct peal_instance instance;
	int64_t id;
	int64_t user_id;
	struct user *user;
	const char *bio;
};
PEAL_MODEL_DECLARE(profile_model, struct profile);

struct student {
	struct peal_instance instance;
	int64_t id;
	int32_t number;
	const char *name;
	int64_t born;
	const char *grade;
	const char *profile_photo;
	int32_t article_count; /* kept by receivers, so that nobody has to count */
	int64_t user_id;
	struct user *user;
};
PEAL_MODEL_DECLARE(student_model, struct student);

struct article {
	struct peal_instance instance;
	int64_t id;
	const char *title;
	const char *slug;
	const char *body;
	int32_t word_count;
	const char *image;
	int64_t updated_at;
	int64_t author_id;
	struct student *author;
};
PEAL_MODEL_DECLARE(article_model, struct article);

struct audit_log {
	struct peal_instance instance;
	int64_t id;
	int64_t at;
	const char *action;
	const char *model;
	int64_t row;
};
PEAL_MODEL_DECLARE(audit_log_model, struct audit_log);

/* Register them and create their tables. */
int models_begin(struct peal_error *error);

#endif
