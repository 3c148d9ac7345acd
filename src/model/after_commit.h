/* SPDX-License-Identifier: MIT */
/*
 * A model signal that waits for its commit, with a copy of what it tells of.
 *
 *	struct peal__later *later = NULL;
 *
 *	if (peal__is_awaited(&peal_post_x))
 *		r = peal__later_new(&(struct peal__later_wanted){ .signal = &peal_post_x, ... }, &later, error);
 *	...the row is written
 *	if (later) {
 *		peal__later_keep(later, instance);
 *		*(struct peal_post_x_args *)later->args = (struct peal_post_x_args){ .instance = later->instance, ... };
 *		if (!peal__later_wait(later))
 *			...there is no transaction: peal__later_send(later), behind the immediate receivers
 *	}
 *
 * All that can fail is done first, before anything is written, so that no row is ever there whose signal is lost. A copy
 * is one block of memory: a transaction may have a hundred thousand of them.
 */
#ifndef PEAL_MODEL_AFTER_COMMIT_H
#define PEAL_MODEL_AFTER_COMMIT_H

#include "state.h"

struct peal__later_wanted {
	struct peal_signal *signal;
	const struct peal_model *sender;
	size_t args_size;
	struct peal__connection *connection;
	const struct peal_instance *instance; /* to be kept; or NULL */
	bool changes;                         /* room for those of the instance */
	const struct peal_names *names;       /* to be copied; or NULL */
	const struct peal_value *keys;        /* likewise */
	size_t key_count;
};

struct peal__later {
	void *args;                     /* zeroed: to be filled in */
	struct peal_instance *instance; /* the copy, once it is kept; or NULL */
	const struct peal_names *names; /* the copy, or NULL */
	struct peal_value *keys; /* the copy, or NULL; not NULL for an empty list that is given */
	struct peal_signal *signal;
	const struct peal_model *sender;
	struct peal__connection *connection;
	struct peal__audience audience;
	size_t args_size;
	char *texts;   /* room for those of the row */
	void *changes; /* room, for peal__track_share() */
	struct peal__track track;
	struct peal_names name_list;
};

/*
 * Memory for a signal, if anybody is to hear it: else *ret_later is NULL. The texts of the instance must not grow until
 * it is kept. Returns 0 or PEAL_ENOMEM.
 */
int peal__later_new(const struct peal__later_wanted *wanted, struct peal__later **ret_later,
		    struct peal_error *error);
void peal__later_free(struct peal__later *later); /* NULL does nothing */

/*
 * Copy the row as it is now. The copy is an instance that owns its texts and has no attached rows; members that are no
 * fields are zero.
 */
void peal__later_keep(struct peal__later *later, const struct peal_instance *instance);

/* Hand it to the transaction, which sends or drops it. False: there is none. */
bool peal__later_wait(struct peal__later *later);

/* Send it now; it is gone then. */
void peal__later_send(struct peal__later *later);

#endif
