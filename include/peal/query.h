/* SPDX-License-Identifier: MIT */
/*
 * peal/query.h: query sets.
 *
 *	struct peal_query *query = peal_query_new(&student_model);
 *	struct peal_rows *rows;
 *	struct student *student;
 *
 *	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(student_model, name, icontains, "sharma")));
 *	peal_query_order_by(query, "name", "-id");
 *	r = peal_query_all(query, &rows, &error);
 *	peal_query_free(query);
 *	if (r < 0)
 *		return r;
 *	PEAL_EACH(student_model, student, rows)
 *		puts(student->name);
 *	peal_rows_free(rows);
 *
 * A query is built by calls that need no checking: what goes wrong (a field or lookup that does not exist, a value of
 * the wrong type, no memory, a query that could not be made at all) is remembered, and returned by the function that
 * runs the query, before any SQL. With PEAL_WHERE and PEAL_IS the compiler finds most of it.
 *
 * Lookups     exact, iexact, contains, icontains, startswith, istartswith, endswith, iendswith, gt, gte, lt, lte,
 *             isnull, in, range; by name "name__icontains". The i-forms fold ASCII letters only on SQLite. pk is
 *             the primary key, whatever its name.
 * Rows        belong to the struct peal_rows: one free ends them all.
 * Threads     A query is used by one thread at a time.
 */
#ifndef PEAL_QUERY_H
#define PEAL_QUERY_H

#include <peal/model.h>

PEAL_BEGIN_DECLS

struct peal_query;

/* All rows of a model. NULL when there is no memory, which the other functions accept and report. */
PEAL_API struct peal_query *peal_query_new(const struct peal_model *model);
PEAL_API void peal_query_free(struct peal_query *query);

/* A copy to build further on; NULL when there is no memory. */
PEAL_API struct peal_query *peal_query_copy(const struct peal_query *query);

PEAL_API const struct peal_model *peal_query_model(const struct peal_query *query);

/* The database; NULL: "default". The alias is copied. */
PEAL_API void peal_query_using(struct peal_query *query, const char *alias);

/*
 * Keep the rows that meet all conditions; any of them; not all of them. Calls add up: a row must pass each. Values
 * are copied. For rows whose column is null a negated condition holds, as in Django.
 */
PEAL_API void peal_query_filter(struct peal_query *query, const struct peal_named_list *conditions);
PEAL_API void peal_query_filter_any(struct peal_query *query,
				    const struct peal_named_list *conditions);
PEAL_API void peal_query_exclude(struct peal_query *query,
				 const struct peal_named_list *conditions);

/* PEAL_WHERE(student_model, name, icontains, "sharma"), and PEAL_IS(student_model, name, "Rahul") for exact. */
#define PEAL_WHERE(model_, member_, lookup_, value_)                             \
	{                                                                        \
		.name = #member_ PEAL__LOOKUP_##lookup_,                         \
		.value = PEAL__VALUE_FOR(((model_##_row *)0)->member_, (value_)) \
	}
#define PEAL_IS(model_, member_, value_) PEAL_WHERE(model_, member_, exact, value_)

/* PEAL_IS_NULL(article_model, author_id, true) */
#define PEAL_IS_NULL(model_, member_, null_)                                  \
	{                                                                     \
		.name = #member_ "__isnull", .value = peal_value_bool(null_), \
		.reserved = PEAL__EXISTS(model_, member_)                     \
	}

/* One of an array of struct peal_value: PEAL_IN(student_model, id, ids, count). */
#define PEAL_IN(model_, member_, values_, count_)                              \
	{                                                                      \
		.name = #member_ "__in", .list = (values_), .count = (count_), \
		.reserved = PEAL__EXISTS(model_, member_)                      \
	}

/* Columns by name, "-" in front for descending. Replaces an earlier order. */
#define peal_query_order_by(query_, ...) \
	peal_query_order_by_names((query_), &(const struct peal_names)PEAL_NAMES(__VA_ARGS__))
PEAL_API void peal_query_order_by_names(struct peal_query *query, const struct peal_names *names);

/* Of what there is, skip offset rows, then take limit (INT64_MAX: all). */
PEAL_API void peal_query_slice(struct peal_query *query, int64_t offset, int64_t limit);

/* ------------------------------------------------------------------------------------------------------------------
 * Running it
 */

struct peal_rows;

/* All rows as instances, each with its init signals. */
PEAL_API PEAL_MUST_CHECK int peal_query_all(struct peal_query *query, struct peal_rows **ret_rows,
					    struct peal_error *error);

PEAL_API size_t peal_rows_count(const struct peal_rows *rows);
/* Borrowed from rows; NULL when index is too large. */
PEAL_API struct peal_instance *peal_rows_at(const struct peal_rows *rows, size_t index);
PEAL_API void peal_rows_free(struct peal_rows *rows);

/* PEAL_EACH(student_model, student, rows) statement */
#define PEAL_EACH(model_, row_, rows_)                                                         \
	for (size_t PEAL__JOIN(peal_i_, __LINE__) = 0;                                         \
	     ((row_) = model_##_from(peal_rows_at((rows_), PEAL__JOIN(peal_i_, __LINE__)))) != \
	     NULL;                                                                             \
	     PEAL__JOIN(peal_i_, __LINE__)++)

/*
 * Begin an instance (of the model's struct: student_model_get() is the typed form) with the one row of the query, or
 * the first. Return 0; PEAL_NOT_FOUND; get also PEAL_MULTIPLE.
 */
PEAL_API PEAL_MUST_CHECK int peal_query_get(struct peal_query *query,
					    struct peal_instance *instance,
					    struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_query_first(struct peal_query *query,
					      struct peal_instance *instance,
					      struct peal_error *error);

PEAL_API PEAL_MUST_CHECK int peal_query_count(struct peal_query *query, int64_t *ret_count,
					      struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_query_exists(struct peal_query *query, bool *ret_exists,
					       struct peal_error *error);

/*
 * Change columns of all rows of the query by one statement; no signals. PEAL_INCREMENT adds to what the column has, in
 * the database, so that nothing is lost to another writer (Django: F("articles") + 1). ret_count may be NULL.
 *
 *	peal_query_update(query, PEAL_WITH(PEAL_INCREMENT(user_model, article_count, 1)), NULL, &error);
 */
PEAL_API PEAL_MUST_CHECK int peal_query_update(struct peal_query *query,
					       const struct peal_named_list *values,
					       int64_t *ret_count, struct peal_error *error);
#define PEAL_INCREMENT(model_, member_, value_)                                   \
	{                                                                         \
		.name = #member_,                                                 \
		.value = PEAL__VALUE_FOR(((model_##_row *)0)->member_, (value_)), \
		.operation = PEAL_ADD                                             \
	}

/* Delete the rows, as peal_delete() does for each; by one statement where nobody listens and nothing refers to them. */
PEAL_API PEAL_MUST_CHECK int peal_query_delete(struct peal_query *query,
					       struct peal_deleted *ret_deleted,
					       struct peal_error *error);

/* 0, when there is such a member. */
#define PEAL__EXISTS(model_, member_) (0 * (uint32_t)sizeof(((model_##_row *)0)->member_))

/* The suffix of each lookup that PEAL_WHERE knows: a lookup that is not here is a compile error. */
#define PEAL__LOOKUP_exact ""
#define PEAL__LOOKUP_iexact "__iexact"
#define PEAL__LOOKUP_contains "__contains"
#define PEAL__LOOKUP_icontains "__icontains"
#define PEAL__LOOKUP_startswith "__startswith"
#define PEAL__LOOKUP_istartswith "__istartswith"
#define PEAL__LOOKUP_endswith "__endswith"
#define PEAL__LOOKUP_iendswith "__iendswith"
#define PEAL__LOOKUP_gt "__gt"
#define PEAL__LOOKUP_gte "__gte"
#define PEAL__LOOKUP_lt "__lt"
#define PEAL__LOOKUP_lte "__lte"

PEAL_END_DECLS

#endif
