/* SPDX-License-Identifier: MIT */
/*
 * What both steps and actions of receivers do with the database. All return 0 or an error, as the
 * library gives it, and print nothing unless the text says so.
 */
#ifndef DATABASE_H
#define DATABASE_H

#include <peal/model.h>

#include "scenario.h"
#include "signals.h"

int database_create(const struct peal_model *model, const struct pairs *values,
		    const struct event *event, struct peal_instance **ret_instance,
		    struct peal_error *error);

int database_update(const struct peal_model *model, const struct peal_named_list *conditions,
		    const struct peal_named_list *values, int64_t *ret_count,
		    struct peal_error *error);

int database_delete_where(const struct peal_model *model, const struct pairs *conditions,
			  const struct event *event, struct peal_deleted *ret_deleted,
			  struct peal_error *error);

/* Load the rows as instances, in the order of the key, and drop them. */
int database_fetch(const struct peal_model *model, const struct pairs *conditions,
		   struct peal_error *error);

/* Assign an attribute; the field must exist. */
int database_set(struct peal_instance *instance, const char *field, const struct value *value,
		 const struct event *event, struct peal_error *error);

/* Prints the table; prints the pairs of a relation. */
int database_rows(const struct peal_model *model, struct peal_error *error);
int database_through(const struct relation *relation, struct peal_error *error);

/* Register a callback, which prints its name and then raises if asked. */
int database_on_commit(const char *name, bool raise, bool robust, struct peal_error *error);

#endif
