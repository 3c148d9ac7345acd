/* SPDX-License-Identifier: MIT */
/*
 * Telling of many rows written at once:
 *
 *	r = peal__affected_new(state, PEAL_QUERY_UPDATED, &affected, error);     NULL: nobody listens
 *	...the rows are written, and gathered in affected
 *	r = peal__affected_send(affected, connection, error);
 *	peal__affected_free(affected);
 *
 * What costs something is done only when somebody listens: asking the database for keys before, copying those of
 * instances not before a receiver wants them.
 */
#ifndef PEAL_MODEL_POST_BULK_H
#define PEAL_MODEL_POST_BULK_H

#include "query_internal.h"

struct peal__affected {
	const struct peal__model_state *state;
	uint32_t operation; /* enum peal_bulk_operation */
	int64_t rows;
	const char **fields; /* none: all; room for all of the model */
	size_t field_count;
	struct peal_instance *const *instances; /* whose keys are to be added; or NULL */
	size_t instance_count;
	struct peal_value except; /* the key of a row that is not told of; null: none */
	struct peal_value *keys;
	size_t count, capacity;
	struct peal_params params; /* the keys, as they are handed out */
	struct peal__arena arena;  /* texts of keys; fields */
	struct peal__affected *next;
};

int peal__affected_new(const struct peal__model_state *state, uint32_t operation,
		       struct peal__affected **ret_affected, struct peal_error *error);
void peal__affected_free(struct peal__affected *affected); /* NULL does nothing */

/* A key, copied. */
int peal__affected_add(struct peal__affected *affected, const struct peal_value *key,
		       struct peal_error *error);

/* A field that was written, by the name of its member, which outlives the signal. There is room for all of a model. */
int peal__affected_add_field(struct peal__affected *affected, const char *name,
			     struct peal_error *error);

/* Run an UPDATE or DELETE; when affected is not NULL, gather the keys of its rows. ret_changes may be NULL. */
int peal__affected_run(struct peal__affected *affected, struct peal__compiled *compiled,
		       struct peal__connection *connection, int64_t *ret_changes,
		       struct peal_error *error);

/* Unless affected is NULL or no row was. */
int peal__affected_send(struct peal__affected *affected, struct peal__connection *connection,
			struct peal_error *error);

#endif
