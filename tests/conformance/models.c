/* SPDX-License-Identifier: MIT */
/*
 * Every member that is not text has a bool beside it, so that null and 0 are two things, as in
 * Django; text that is NULL is null. The columns themselves are null or not by .null.
 */
#include "models.h"

#include <stdio.h>
#include <string.h>

#include <peal/db.h>
#include <peal/m2m.h>

#include "keep.h"

#define KEY         \
	int64_t id; \
	bool has_id
#define KEY_FIELD(struct_) PEAL_ID(struct_, id, .has = PEAL_HAS(struct_, has_id))

#define TO(name_)           \
	struct row *name_;  \
	int64_t name_##_id; \
	bool has_##name_
#define TO_FIELD(name_, model_, on_delete_, ...)                \
	PEAL_FOREIGN_KEY(struct row, name_, model_, on_delete_, \
			 .has = PEAL_HAS(struct row, has_##name_), __VA_ARGS__)

#define NUMBER(name_)  \
	int32_t name_; \
	bool has_##name_
#define NUMBER_FIELD(name_)                                                       \
	PEAL_INTEGER(struct row, name_, .has = PEAL_HAS(struct row, has_##name_), \
		     .initial = PEAL_INITIAL_INT(0))

/* The model of name_##_fields. */
#define LAB(name_, label_)                                                         \
	PEAL_MODEL_DEFINE(name_##_model, struct row, .app = "lab", .name = label_, \
			  .table = "lab_" #name_, .fields = PEAL_FIELDS(name_##_fields))

/* ---- Structs ------------------------------------------------------------------------------ */

/* One for all models whose key is a number or a text; each uses the members that its fields name. */
struct row {
	struct peal_instance instance;
	KEY;
	const char *name, *title, *code, *label, *slug, *body, *bio, *text, *grade;
	NUMBER(age);
	NUMBER(word_count);
	NUMBER(value);
	TO(person);
	TO(author);
	TO(article);
	TO(parent);
	TO(owner);
	TO(room);
	TO(course);
};
PEAL_MODEL_DECLARE(person_model, struct row);
PEAL_MODEL_DECLARE(profile_model, struct row);
PEAL_MODEL_DECLARE(tag_model, struct row);
PEAL_MODEL_DECLARE(article_model, struct row);
PEAL_MODEL_DECLARE(comment_model, struct row);
PEAL_MODEL_DECLARE(badge_model, struct row);
PEAL_MODEL_DECLARE(desk_model, struct row);
PEAL_MODEL_DECLARE(owner_model, struct row);
PEAL_MODEL_DECLARE(room_model, struct row);
PEAL_MODEL_DECLARE(lamp_model, struct row);
PEAL_MODEL_DECLARE(locker_model, struct row);
PEAL_MODEL_DECLARE(memo_model, struct row);
PEAL_MODEL_DECLARE(pet_model, struct row);
PEAL_MODEL_DECLARE(course_model, struct row);
PEAL_MODEL_DECLARE(enrolment_model, struct row);
PEAL_MODEL_DECLARE(ticket_model, struct row);
PEAL_MODEL_DECLARE(counter_model, struct row);

/* Its key is neither. */
struct token {
	struct peal_instance instance;
	struct peal_uuid id;
	const char *label;
};
PEAL_MODEL_DECLARE(token_model, struct token);

/* ---- Fields, in the order of the specification ---------------------------------------------- */

static const struct peal_field user_fields[] = {
	KEY_FIELD(struct user),
	PEAL_CHAR(struct user, username, .max_length = 150, .unique = true),
	PEAL_CHAR(struct user, password, .max_length = 128),
	PEAL_BOOLEAN(struct user, is_active, .has = PEAL_HAS(struct user, has_is_active),
		     .initial = PEAL_INITIAL_BOOL(true)),
	PEAL_DATETIME(struct user, last_login, .has = PEAL_HAS(struct user, has_last_login),
		      .null = true),
	PEAL_DATETIME(struct user, date_joined, .has = PEAL_HAS(struct user, has_date_joined),
		      .initial_fn = peal_initial_now),
};
PEAL_MODEL_DEFINE(user_model, struct user, .app = "auth", .name = "User", .table = "auth_user",
		  .fields = PEAL_FIELDS(user_fields));

/* As Django's tables of groups and permissions do: a user is never a row that nothing refers to. */
struct membership {
	struct peal_instance instance;
	KEY;
	struct user *user;
	int64_t user_id;
	bool has_user;
};
PEAL_MODEL_DECLARE(membership_model, struct membership);

static const struct peal_field membership_fields[] = {
	KEY_FIELD(struct membership),
	PEAL_FOREIGN_KEY(struct membership, user, user_model, PEAL_CASCADE,
			 .has = PEAL_HAS(struct membership, has_user)),
};
PEAL_MODEL_DEFINE(membership_model, struct membership, .app = "auth", .name = "User_groups",
		  .table = "auth_user_groups", .fields = PEAL_FIELDS(membership_fields));

static const struct peal_field person_fields[] = {
	KEY_FIELD(struct row),
	PEAL_CHAR(struct row, name, .max_length = 50),
	NUMBER_FIELD(age),
	PEAL_LONG_TEXT(struct row, bio, .null = true),
	PEAL_MANY_TO_MANY(struct row, friends, person_model),
	PEAL_MANY_TO_MANY(struct row, follows, person_model, .related_name = "followers",
			  .asymmetrical = true),
};
LAB(person, "Person");

static const struct peal_field profile_fields[] = {
	KEY_FIELD(struct row),
	PEAL_ONE_TO_ONE(struct row, person, person_model, PEAL_CASCADE,
			.has = PEAL_HAS(struct row, has_person), .related_name = "profile"),
	PEAL_LONG_TEXT(struct row, bio, .initial = PEAL_INITIAL_TEXT("")),
};
LAB(profile, "Profile");

static const struct peal_field tag_fields[] = {
	KEY_FIELD(struct row),
	PEAL_CHAR(struct row, name, .max_length = 30, .unique = true),
};
LAB(tag, "Tag");

static const struct peal_field article_fields[] = {
	KEY_FIELD(struct row),
	PEAL_CHAR(struct row, title, .max_length = 100),
	PEAL_CHAR(struct row, slug, .max_length = 100, .initial = PEAL_INITIAL_TEXT("")),
	PEAL_LONG_TEXT(struct row, body, .initial = PEAL_INITIAL_TEXT("")),
	NUMBER_FIELD(word_count),
	TO_FIELD(author, person_model, PEAL_SET_NULL, .null = true, .related_name = "articles"),
	PEAL_MANY_TO_MANY(struct row, tags, tag_model, .related_name = "articles"),
};
LAB(article, "Article");

static const struct peal_field comment_fields[] = {
	KEY_FIELD(struct row),
	TO_FIELD(article, article_model, PEAL_CASCADE, .related_name = "comments"),
	TO_FIELD(parent, comment_model, PEAL_CASCADE, .null = true, .related_name = "replies"),
	PEAL_LONG_TEXT(struct row, text, .initial = PEAL_INITIAL_TEXT("")),
};
LAB(comment, "Comment");

static const struct peal_field badge_fields[] = {
	KEY_FIELD(struct row),
	TO_FIELD(person, person_model, PEAL_PROTECT, .related_name = "badges"),
	PEAL_CHAR(struct row, label, .max_length = 30),
};
LAB(badge, "Badge");

static const struct peal_field desk_fields[] = {
	KEY_FIELD(struct row),
	TO_FIELD(person, person_model, PEAL_RESTRICT, .related_name = "desks"),
	PEAL_CHAR(struct row, label, .max_length = 30),
};
LAB(desk, "Desk");

static const struct peal_field owner_fields[] = {
	KEY_FIELD(struct row),
	PEAL_CHAR(struct row, name, .max_length = 50),
};
LAB(owner, "Owner");

static const struct peal_field room_fields[] = {
	KEY_FIELD(struct row),
	TO_FIELD(owner, owner_model, PEAL_CASCADE, .related_name = "rooms"),
	PEAL_CHAR(struct row, name, .max_length = 30),
};
LAB(room, "Room");

static const struct peal_field lamp_fields[] = {
	KEY_FIELD(struct row),
	TO_FIELD(room, room_model, PEAL_RESTRICT, .related_name = "lamps"),
	TO_FIELD(owner, owner_model, PEAL_CASCADE, .related_name = "lamps"),
	PEAL_CHAR(struct row, name, .max_length = 30),
};
LAB(lamp, "Lamp");

static const struct peal_field locker_fields[] = {
	KEY_FIELD(struct row),
	TO_FIELD(person, person_model, PEAL_SET_DEFAULT, .null = true, .related_name = "lockers"),
	PEAL_CHAR(struct row, code, .max_length = 10),
};
LAB(locker, "Locker");

static const struct peal_field memo_fields[] = {
	KEY_FIELD(struct row),
	TO_FIELD(person, person_model, PEAL_DO_NOTHING, .null = true, .no_constraint = true,
		 .related_name = "memos"),
	PEAL_LONG_TEXT(struct row, text, .initial = PEAL_INITIAL_TEXT("")),
};
LAB(memo, "Memo");

static const struct peal_field pet_fields[] = {
	KEY_FIELD(struct row),
	TO_FIELD(person, person_model, PEAL_SET_VALUE, .set_value = PEAL_INITIAL_INT(1),
		 .null = true, .related_name = "pets"),
	PEAL_CHAR(struct row, name, .max_length = 30),
};
LAB(pet, "Pet");

static const struct peal_field course_fields[] = {
	KEY_FIELD(struct row),
	PEAL_CHAR(struct row, title, .max_length = 50),
	PEAL_MANY_TO_MANY(struct row, students, person_model, .related_name = "courses",
			  .through = &enrolment_model),
};
LAB(course, "Course");

static const struct peal_field enrolment_fields[] = {
	KEY_FIELD(struct row),
	TO_FIELD(person, person_model, PEAL_CASCADE, .related_name = "enrolments"),
	TO_FIELD(course, course_model, PEAL_CASCADE, .related_name = "enrolments"),
	PEAL_CHAR(struct row, grade, .max_length = 2, .initial = PEAL_INITIAL_TEXT("")),
};
LAB(enrolment, "Enrolment");

static const struct peal_field ticket_fields[] = {
	PEAL_CHAR(struct row, code, .max_length = 20, .primary_key = true),
	PEAL_CHAR(struct row, label, .max_length = 30, .initial = PEAL_INITIAL_TEXT("")),
};
LAB(ticket, "Ticket");

static const struct peal_field token_fields[] = {
	PEAL_UUID(struct token, id, .primary_key = true, .initial_fn = peal_initial_uuid),
	PEAL_CHAR(struct token, label, .max_length = 30, .initial = PEAL_INITIAL_TEXT("")),
};
PEAL_MODEL_DEFINE(token_model, struct token, .app = "lab", .name = "Token", .table = "lab_token",
		  .fields = PEAL_FIELDS(token_fields));

static const struct peal_field counter_fields[] = {
	PEAL_CHAR(struct row, name, .max_length = 20, .primary_key = true),
	NUMBER_FIELD(value),
};
LAB(counter, "Counter");

/* In the order in which a deletion looks for related rows. */
static const struct peal_model *const models[] = {
	&membership_model, &user_model,      &person_model, &profile_model, &tag_model,
	&article_model,    &comment_model,   &badge_model,  &desk_model,    &owner_model,
	&room_model,       &lamp_model,      &locker_model, &memo_model,    &pet_model,
	&course_model,     &enrolment_model, &ticket_model, &token_model,   &counter_model,
};

/* ---- Asking ------------------------------------------------------------------------------- */

const struct peal_model *model_named(const char *name)
{
	for (size_t i = 0; i < peal_models_count(); i++)
		if (strcmp(peal_models_at(i)->name, name) == 0 &&
		    peal_models_at(i) != &membership_model)
			return peal_models_at(i);
	refuse("there is no model %s", name);
}

const struct peal_field *model_key(const struct peal_model *model)
{
	const struct peal_field *field = model->fields.items;

	while (field->kind != PEAL_FIELD_ID && !field->primary_key)
		field++;
	return field;
}

bool field_is_column(const struct peal_field *field)
{
	return field->kind != PEAL_FIELD_MANY_TO_MANY;
}

bool field_is_relation(const struct peal_field *field)
{
	return field->to != NULL;
}

bool field_is_shown(const struct peal_field *field)
{
	return strcmp(field->name, "password") != 0 && strcmp(field->name, "date_joined") != 0;
}

const char *field_member(const struct peal_field *field)
{
	char name[64];

	if (!field_is_relation(field))
		return field->name;
	return keep_text(name, (size_t)snprintf(name, sizeof(name), "%s_id", field->name));
}

const struct peal_field *model_field(const struct peal_model *model, const char *name)
{
	for (size_t i = 0; i < model->fields.count; i++) {
		const struct peal_field *field = &model->fields.items[i];

		if (!field_is_column(field))
			continue;
		if (strcmp(field->name, name) == 0 ||
		    (field_is_relation(field) && strcmp(field_member(field), name) == 0))
			return field;
	}
	return NULL;
}

bool model_has(const struct peal_model *model, const char *name)
{
	bool found = model_field(model, name) != NULL;

	for (size_t i = 0; i < model->fields.count && !found; i++)
		found = strcmp(model->fields.items[i].name, name) == 0;
	return found;
}

static const char *column_to(const struct peal_model *model, const struct peal_model *to,
			     size_t skip)
{
	for (size_t i = 0; i < model->fields.count; i++)
		if (model->fields.items[i].to == to && !skip--)
			return field_member(&model->fields.items[i]);
	die("%s does not refer to %s", model->name, to->name);
}

static const struct relation *relation_of(const struct peal_model *model,
					  const struct peal_field *field)
{
	struct relation *relation = keep(sizeof(*relation));

	relation->through = peal_m2m_through(model, field->name);
	relation->to = field->to;
	relation->explicit_through = field->through != NULL;
	relation->from_column = column_to(relation->through, model, 0);
	relation->to_column = column_to(relation->through, field->to, field->to == model);
	return relation;
}

const struct relation *relation_named(const struct peal_model *model, const char *name,
				      const struct peal_model **ret_other)
{
	for (size_t i = 0; i < PEAL_COUNTOF(models); i++) {
		for (size_t k = 0; k < models[i]->fields.count; k++) {
			const struct peal_field *field = &models[i]->fields.items[k];
			bool reverse = field->to == model && field->related_name &&
				       strcmp(field->related_name, name) == 0;

			if (field_is_column(field) ||
			    (!reverse && (models[i] != model || strcmp(field->name, name) != 0)))
				continue;
			*ret_other = reverse ? models[i] : field->to;
			return relation_of(models[i], field);
		}
	}
	return NULL;
}

/* ---- Setting up --------------------------------------------------------------------------- */

static void run(const char *sql)
{
	struct peal_error error = { 0 };

	if (peal_db_exec(NULL, sql, NULL, NULL, &error) != 0)
		die("%s: %s", sql, error.message);
}

/* The database may have served another scenario. */
static void drop_tables(void)
{
	bool cascade = strcmp(peal_db_vendor(peal_db_get(NULL)), "sqlite") != 0;
	char sql[128];

	for (size_t i = peal_models_count(); i > 0; i--) {
		snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS %s%s",
			 peal_models_at(i - 1)->table, cascade ? " CASCADE" : "");
		run(sql);
	}
}

void models_set_up(void)
{
	struct peal_error error = { 0 };

	if (peal_models_register(models, PEAL_COUNTOF(models), &error) != 0)
		die("%s", error.message);
	drop_tables();
	if (peal_models_create_tables(NULL, &error) != 0)
		die("%s", error.message);
}
