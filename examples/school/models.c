/* SPDX-License-Identifier: MIT */
#include "models.h"

static const struct peal_field user_fields[] = {
	PEAL_ID(struct user, id),
	PEAL_CHAR(struct user, username, .max_length = 150, .unique = true),
	PEAL_EMAIL(struct user, email, .blank = true),
	PEAL_BOOLEAN(struct user, is_active, .initial = PEAL_INITIAL_BOOL(true)),
};
PEAL_MODEL_DEFINE(user_model, struct user, .app = "auth", .name = "User",
		  .fields = PEAL_FIELDS(user_fields));

static const struct peal_field profile_fields[] = {
	PEAL_ID(struct profile, id),
	PEAL_ONE_TO_ONE(struct profile, user, user_model, PEAL_CASCADE, .related_name = "profile"),
	PEAL_LONG_TEXT(struct profile, bio, .null = true, .blank = true),
};
PEAL_MODEL_DEFINE(profile_model, struct profile, .app = "school", .name = "Profile",
		  .fields = PEAL_FIELDS(profile_fields));

static const struct peal_field student_fields[] = {
	PEAL_ID(struct student, id),
	PEAL_INTEGER(struct student, number, .unique = true),
	PEAL_CHAR(struct student, name, .max_length = 100),
	PEAL_DATETIME(struct student, born),
	PEAL_CHAR(struct student, grade, .max_length = 1),
	PEAL_IMAGE(struct student, profile_photo, .upload_to = "profiles/", .null = true,
		   .blank = true),
	PEAL_INTEGER(struct student, article_count),
	PEAL_ONE_TO_ONE(struct student, user, user_model, PEAL_CASCADE, .related_name = "student"),
};
PEAL_MODEL_DEFINE(student_model, struct student, .app = "school", .name = "Student",
		  .fields = PEAL_FIELDS(student_fields));

static const struct peal_field article_fields[] = {
	PEAL_ID(struct article, id),
	PEAL_CHAR(struct article, title, .max_length = 200, .unique = true),
	PEAL_SLUG(struct article, slug, .max_length = 200),
	PEAL_LONG_TEXT(struct article, body),
	PEAL_INTEGER(struct article, word_count),
	PEAL_IMAGE(struct article, image, .upload_to = "articles/", .null = true, .blank = true),
	PEAL_DATETIME(struct article, updated_at, .null = true),
	PEAL_FOREIGN_KEY(struct article, author, student_model, PEAL_CASCADE,
			 .related_name = "articles"),
};
PEAL_MODEL_DEFINE(article_model, struct article, .app = "school", .name = "Article",
		  .fields = PEAL_FIELDS(article_fields));

static const struct peal_field audit_log_fields[] = {
	PEAL_ID(struct audit_log, id),
	PEAL_DATETIME(struct audit_log, at, .auto_now_add = true),
	PEAL_CHAR(struct audit_log, action, .max_length = 10),
	PEAL_CHAR(struct audit_log, model, .max_length = 100),
	PEAL_INTEGER(struct audit_log, row),
};
PEAL_MODEL_DEFINE(audit_log_model, struct audit_log, .app = "school", .name = "AuditLog",
		  .fields = PEAL_FIELDS(audit_log_fields));

int models_begin(struct peal_error *error)
{
	int r = PEAL_MODELS_REGISTER(error, &user_model, &profile_model, &student_model,
				     &article_model, &audit_log_model);

	return r < 0 ? r : peal_models_create_tables(NULL, error);
}
