/* SPDX-License-Identifier: MIT */
/*
 * The models of the scenarios, and what the runner must know of them that their tables do not say.
 */
#ifndef MODELS_H
#define MODELS_H

#include <stdbool.h>

#include <peal/model.h>

/* The user of the auth application, as far as scenarios use it. */
struct user {
	struct peal_instance instance;
	int64_t id;
	bool has_id;
	const char *username;
	const char *password; /* SALT$HASH */
	bool is_active, has_is_active;
	int64_t last_login;
	bool has_last_login;
	int64_t date_joined; /* not shown, but update_or_create writes it */
	bool has_date_joined;
};
PEAL_MODEL_DECLARE(user_model, struct user);

/* A many-to-many relation, with the table between its two sides. */
struct relation {
	const struct peal_model *through, *to;
	const char *from_column, *to_column; /* of the side that declares it, and the other one */
	bool explicit_through;
};

/* Register all, and make their tables new in the default database. */
void models_set_up(void);

/* The model of a name in a scenario ("Person", "Article_tags", "User"); refused when unknown. */
const struct peal_model *model_named(const char *name);

/* Its primary key. */
const struct peal_field *model_key(const struct peal_model *model);

/* The field of "author", "author_id" or "title"; NULL when there is none. */
const struct peal_field *model_field(const struct peal_model *model, const char *name);

/* Whether it is a field of the model that conditions may name: one with a column, or a many-to-many field. */
bool model_has(const struct peal_model *model, const char *name);

bool field_is_relation(const struct peal_field *field);
/* "author_id" for a relation, else the name. Kept. */
const char *field_member(const struct peal_field *field);
/* Whether traces show it: of a user not the password, nor when he joined. */
bool field_is_shown(const struct peal_field *field);

/* Whether it has a column: a many-to-many field has none. */
bool field_is_column(const struct peal_field *field);

/*
 * The relation behind model.name, from the side that declares it; *ret_other is the model on the other side of name.
 * NULL when there is none.
 */
const struct relation *relation_named(const struct peal_model *model, const char *name,
				      const struct peal_model **ret_other);

#endif
