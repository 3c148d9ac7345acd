/* SPDX-License-Identifier: MIT */
/*
 * peal/related.h: the rows that refer to an instance by a foreign key (Django: author.articles).
 *
 *	query = peal_related_query(&author.instance, "articles");
 *	peal_query_order_by(query, "title");
 *	r = peal_query_all(query, &rows, &error);
 *
 *	r = peal_related_add(&author.instance, "articles", PEAL_VALUES(&a.instance, &b.instance), PEAL_BY_UPDATE, &error);
 *	r = peal_related_create(&author.instance, "articles", &c.instance, PEAL_WITH(...), &error);
 *
 * Names       the foreign key's .related_name, or the other model's in small letters, with or without "_set".
 * Values      instances or keys, in PEAL_VALUES(). Instances must be saved, but for an add PEAL_BY_SAVES.
 * Ways        PEAL_BY_UPDATE changes the foreign key by statements and sends nothing; PEAL_BY_SAVES saves each row, with
 *             its signals (Django: bulk=False).
 * In memory   instances that were added have their foreign key set and the instance attached, as in Django. What was
 *             prefetched, and the rows that were removed, stay as they are in memory: PEAL_REFRESH().
 * Errors      PEAL_EINVAL: no such relation, an instance or a value without a key, a row of another model or database.
 *             Each call is one transaction: an error undoes it, and inside a block breaks that block.
 */
#ifndef PEAL_RELATED_H
#define PEAL_RELATED_H

#include <peal/m2m.h>

PEAL_BEGIN_DECLS

enum peal_related_way {
	PEAL_BY_UPDATE = 0,
	PEAL_BY_SAVES = 1,
};

/*
 * The rows of a backward or many-to-many relation as a query to build further on, in the instance's database. Like every
 * query it keeps what is wrong until it is run.
 */
PEAL_API struct peal_query *peal_related_query(const struct peal_instance *instance,
					       const char *name);

/* These rows refer to the instance from now on (Django: add). */
PEAL_API PEAL_MUST_CHECK int peal_related_add(struct peal_instance *instance, const char *name,
					      const struct peal_params *values,
					      enum peal_related_way way, struct peal_error *error);

/*
 * These refer to nothing any more. The foreign key must take null, else it is PEAL_EINVAL: such rows are deleted, or
 * given to another one. PEAL_NOT_FOUND, and nothing done: an instance that does not refer to this one.
 */
PEAL_API PEAL_MUST_CHECK int peal_related_remove(struct peal_instance *instance, const char *name,
						 const struct peal_params *values,
						 enum peal_related_way way,
						 struct peal_error *error);

/* None any more. */
PEAL_API PEAL_MUST_CHECK int peal_related_clear(struct peal_instance *instance, const char *name,
						enum peal_related_way way,
						struct peal_error *error);

/*
 * These and no others: the difference is removed, then added. The rows that there are are loaded for that. Where the
 * foreign key takes no null the others stay, as in Django.
 */
PEAL_API PEAL_MUST_CHECK int peal_related_set(struct peal_instance *instance, const char *name,
					      const struct peal_params *values,
					      enum peal_related_way way, struct peal_error *error);

/* The same by removing all and adding these (Django: set(..., clear=True)). */
PEAL_API PEAL_MUST_CHECK int peal_related_reset(struct peal_instance *instance, const char *name,
						const struct peal_params *values,
						enum peal_related_way way,
						struct peal_error *error);

/* peal_create() of a row that refers to the instance, which is attached to it. */
PEAL_API PEAL_MUST_CHECK int peal_related_create(struct peal_instance *instance, const char *name,
						 struct peal_instance *ret_row,
						 const struct peal_named_list *values,
						 struct peal_error *error);

/*
 * peal_get_or_create() and peal_update_or_create() among the rows of a backward or many-to-many relation. A new row
 * refers to the instance, or is added by peal_m2m_add(): if that fails the row stays, and ret_row is ended.
 */
PEAL_API PEAL_MUST_CHECK int peal_related_get_or_create(
	struct peal_instance *instance, const char *name, struct peal_instance *ret_row,
	const struct peal_named_list *conditions, const struct peal_named_list *defaults,
	bool *ret_created, struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_related_update_or_create(
	struct peal_instance *instance, const char *name, struct peal_instance *ret_row,
	const struct peal_named_list *conditions, const struct peal_named_list *defaults,
	bool *ret_created, struct peal_error *error);

PEAL_END_DECLS

#endif
