/* SPDX-License-Identifier: MIT */
/*
 * peal/m2m.h: the rows on the other side of a many-to-many relation.
 *
 *	static const struct peal_field article_fields[] = {
 *		PEAL_ID(struct article, id),
 *		PEAL_MANY_TO_MANY(struct article, tags, tag_model, .related_name = "articles"),
 *	};
 *
 *	r = peal_m2m_add(&article.instance, "tags", PEAL_VALUES(&news.instance, &sport.instance), NULL, &error);
 *	r = peal_m2m_remove(&tag.instance, "articles", PEAL_VALUES(17, 18), &error);
 *
 *	query = peal_m2m_query(&article.instance, "tags");
 *	peal_query_order_by(query, "name");
 *	r = peal_query_all(query, &rows, &error);
 *
 * Names       that of the field, on an instance of the model that declares it; its related_name on the other side.
 * Values      instances or keys; one that is given twice counts once. Keys need not exist: the database objects then,
 *             at the end of the transaction.
 * Signals     peal_m2m_changed, sent by the relation's table: before and after each addition, removal and clearing,
 *             all inside one transaction. The table's own rows begin with init signals and are never saved or deleted
 *             with signals; those of an explicit .through are deleted with signals, and inserted without. An add that
 *             nobody listens to is one INSERT for all values, without looking for those that are there.
 * Symmetry    a relation of a model to itself is kept in both directions, unless it is .asymmetrical. Signals are sent
 *             for the named direction only.
 * Errors      PEAL_EINVAL: no such relation, an owner without a key, a row of another model or database; in an add, a
 *             row that was neither saved nor loaded, whatever its key. An error undoes the whole call; inside a block it
 *             breaks that block.
 */
#ifndef PEAL_M2M_H
#define PEAL_M2M_H

#include <peal/query.h>

PEAL_BEGIN_DECLS

/* Up to 16 C values as a list: keys, instances (&tag.instance), texts. Borrowed for the call. */
#define PEAL_VALUES(...)                                                                           \
	PEAL_PARAMS(PEAL__PICK(__VA_ARGS__, PEAL__V16, PEAL__V15, PEAL__V14, PEAL__V13, PEAL__V12, \
			       PEAL__V11, PEAL__V10, PEAL__V9, PEAL__V8, PEAL__V7, PEAL__V6,       \
			       PEAL__V5, PEAL__V4, PEAL__V3, PEAL__V2, PEAL__V1, 0)(__VA_ARGS__))

/*
 * Relate the instance to these rows as well (Django: article.tags.add(...)). Rows that are related already stay as
 * they are. through_defaults are the fields of new rows of an explicit .through, or NULL. values may be NULL or empty:
 * nothing is done.
 */
PEAL_API PEAL_MUST_CHECK int peal_m2m_add(struct peal_instance *instance, const char *name,
					  const struct peal_params *values,
					  const struct peal_named_list *through_defaults,
					  struct peal_error *error);

/* No longer to these. */
PEAL_API PEAL_MUST_CHECK int peal_m2m_remove(struct peal_instance *instance, const char *name,
					     const struct peal_params *values,
					     struct peal_error *error);

/* To these and no others: the difference is removed, then added. */
PEAL_API PEAL_MUST_CHECK int peal_m2m_set(struct peal_instance *instance, const char *name,
					  const struct peal_params *values,
					  const struct peal_named_list *through_defaults,
					  struct peal_error *error);

/* The same by removing all and adding these (Django: set(..., clear=True)). */
PEAL_API PEAL_MUST_CHECK int peal_m2m_reset(struct peal_instance *instance, const char *name,
					    const struct peal_params *values,
					    const struct peal_named_list *through_defaults,
					    struct peal_error *error);

/* To none. */
PEAL_API PEAL_MUST_CHECK int peal_m2m_clear(struct peal_instance *instance, const char *name,
					    struct peal_error *error);

/*
 * Create a row of the other model by peal_create(), then add it. The two are not one transaction: when the add fails
 * the row stays, and ret_row is begun and to be ended by peal_fini(); when the row cannot be created, ret_row is ended.
 */
PEAL_API PEAL_MUST_CHECK int peal_m2m_create(struct peal_instance *instance, const char *name,
					     struct peal_instance *ret_row,
					     const struct peal_named_list *values,
					     const struct peal_named_list *through_defaults,
					     struct peal_error *error);

/*
 * The rows that the instance is related to, each once, as a query to build further on, in the instance's database. It
 * takes the key of the instance as it is now. Like every query it keeps what is wrong until it is run.
 */
PEAL_API struct peal_query *peal_m2m_query(const struct peal_instance *instance, const char *name);

/* The relation's table, the sender of peal_m2m_changed; NULL when the model has no such relation, on either side. */
PEAL_API const struct peal_model *peal_m2m_through(const struct peal_model *model,
						   const char *name);

#define PEAL__PICK(a_, b_, c_, d_, e_, f_, g_, h_, i_, j_, k_, l_, m_, n_, o_, p_, name_, ...) name_
#define PEAL__V1(a_) PEAL_VALUE(a_)
#define PEAL__V2(a_, ...) PEAL_VALUE(a_), PEAL__V1(__VA_ARGS__)
#define PEAL__V3(a_, ...) PEAL_VALUE(a_), PEAL__V2(__VA_ARGS__)
#define PEAL__V4(a_, ...) PEAL_VALUE(a_), PEAL__V3(__VA_ARGS__)
#define PEAL__V5(a_, ...) PEAL_VALUE(a_), PEAL__V4(__VA_ARGS__)
#define PEAL__V6(a_, ...) PEAL_VALUE(a_), PEAL__V5(__VA_ARGS__)
#define PEAL__V7(a_, ...) PEAL_VALUE(a_), PEAL__V6(__VA_ARGS__)
#define PEAL__V8(a_, ...) PEAL_VALUE(a_), PEAL__V7(__VA_ARGS__)
#define PEAL__V9(a_, ...) PEAL_VALUE(a_), PEAL__V8(__VA_ARGS__)
#define PEAL__V10(a_, ...) PEAL_VALUE(a_), PEAL__V9(__VA_ARGS__)
#define PEAL__V11(a_, ...) PEAL_VALUE(a_), PEAL__V10(__VA_ARGS__)
#define PEAL__V12(a_, ...) PEAL_VALUE(a_), PEAL__V11(__VA_ARGS__)
#define PEAL__V13(a_, ...) PEAL_VALUE(a_), PEAL__V12(__VA_ARGS__)
#define PEAL__V14(a_, ...) PEAL_VALUE(a_), PEAL__V13(__VA_ARGS__)
#define PEAL__V15(a_, ...) PEAL_VALUE(a_), PEAL__V14(__VA_ARGS__)
#define PEAL__V16(a_, ...) PEAL_VALUE(a_), PEAL__V15(__VA_ARGS__)

PEAL_END_DECLS

#endif
