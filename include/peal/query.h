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
 * Relations   A condition, an order or a column may be reached through relations, forward by the relation's name and
 *             backward by its related_name (else the other model's name in small letters): "author__name__icontains",
 *             "articles__title". C knows the forward ones: PEAL_WHERE(article_model, author->name, icontains, "sharma").
 *             A row that is reached over several rows comes once for each of them: peal_query_distinct(). Conditions of
 *             one call are about the same of several rows, those of separate calls each about any.
 * Values      are checked when they are added. A text for a column of whole numbers is read as one ("2", as it comes from
 *             an address or a form); one that is none is PEAL_ETYPE.
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
 * Keep the rows that meet all conditions; any of them; not all of them. Calls add up: a row must pass each; not after
 * a slice. Values are copied. For rows whose column is null a negated condition holds, as in Django, and a condition
 * over several rows that is negated means: none of them.
 */
PEAL_API void peal_query_filter(struct peal_query *query, const struct peal_named_list *conditions);
PEAL_API void peal_query_filter_any(struct peal_query *query,
				    const struct peal_named_list *conditions);
PEAL_API void peal_query_exclude(struct peal_query *query,
				 const struct peal_named_list *conditions);

/* PEAL_WHERE(student_model, name, icontains, "sharma"), and PEAL_IS(student_model, name, "Rahul") for exact. */
#define PEAL_WHERE(model_, member_, lookup_, ...)                                     \
	{                                                                             \
		.name = #member_ PEAL__LOOKUP_##lookup_,                              \
		.value = PEAL__VALUE_FOR(((model_##_row *)0)->member_, (__VA_ARGS__)) \
	}
#define PEAL_IS(model_, member_, ...) PEAL_WHERE(model_, member_, exact, __VA_ARGS__)

/* PEAL_IS_NULL(article_model, author_id, true) */
#define PEAL_IS_NULL(model_, member_, null_)                                  \
	{                                                                     \
		.name = #member_ "__isnull", .value = peal_value_bool(null_), \
		.reserved = PEAL__EXISTS(model_, member_)                     \
	}

/* From low to high, both included: PEAL_RANGE(student_model, age, 6, 10). */
#define PEAL_RANGE(model_, member_, low_, high_)                                        \
	{                                                                               \
		.name = #member_ "__range",                                             \
		.list =                                                                 \
			(const struct peal_value[]){                                    \
				PEAL__VALUE_FOR(((model_##_row *)0)->member_, (low_)),  \
				PEAL__VALUE_FOR(((model_##_row *)0)->member_, (high_)), \
			},                                                              \
		.count = 2                                                              \
	}

/* One of an array of struct peal_value: PEAL_IN(student_model, id, ids, count). */
#define PEAL_IN(model_, member_, values_, count_)                              \
	{                                                                      \
		.name = #member_ "__in", .list = (values_), .count = (count_), \
		.reserved = PEAL__EXISTS(model_, member_)                      \
	}

/* Over a relation from several rows: PEAL_WHERE_OF("articles", article_model, title, contains, "C"). */
#define PEAL_WHERE_OF(path_, model_, member_, lookup_, ...)                           \
	{                                                                             \
		.name = path_ "__" #member_ PEAL__LOOKUP_##lookup_,                   \
		.value = PEAL__VALUE_FOR(((model_##_row *)0)->member_, (__VA_ARGS__)) \
	}

/* One of those that another query finds, by a column of its: PEAL_IN_QUERY(article_model, author_id, people, "pk"). */
#define PEAL_IN_QUERY(model_, member_, query_, column_)                                      \
	{                                                                                    \
		.name = #member_ "__in", .operation = PEAL_OF_QUERY, .query = (query_),      \
		.value = peal_value_text(column_), .reserved = PEAL__EXISTS(model_, member_) \
	}

/*
 * Conditions in conditions:
 *
 *	peal_query_filter(query, PEAL_WITH(PEAL_IS(article_model, status, 1),
 *					   PEAL_ANY(PEAL_WHERE(article_model, word_count, lt, 100),
 *						    PEAL_NOT(PEAL_IS(article_model, author->name, "Ana")))));
 *
 * PEAL_NOT with several means: not all of them.
 */
#define PEAL_ANY(...) PEAL__CONDITIONS(PEAL_ANY_OF, __VA_ARGS__)
#define PEAL_ALL(...) PEAL__CONDITIONS(PEAL_ALL_OF, __VA_ARGS__)
#define PEAL_NOT(...) PEAL__CONDITIONS(PEAL_NOT_ALL_OF, __VA_ARGS__)

/*
 * What the database computes from columns, for a condition or an update (Django: F). Whether it fits the field is
 * checked when it is added to the query.
 *
 *	PEAL_WHERE_F(article_model, word_count, gt, PEAL_F(article_model, author->age))
 *	PEAL_SET_F(article_model, word_count, PEAL_PLUS(PEAL_TIMES(PEAL_F(article_model, word_count), 2), 1))
 */
#define PEAL_WHERE_F(model_, member_, lookup_, expression_)                                  \
	{                                                                                    \
		.name = #member_ PEAL__LOOKUP_##lookup_, .value = PEAL_VALUE((expression_)), \
		.reserved = PEAL__EXISTS(model_, member_)                                    \
	}
#define PEAL_SET_F(model_, member_, expression_)                      \
	{                                                             \
		.name = #member_, .value = PEAL_VALUE((expression_)), \
		.reserved = PEAL__EXISTS(model_, member_)             \
	}

enum {
	PEAL_VALUE_FIELD = 64, /* as.text: a name */
	PEAL_VALUE_EXPRESSION = 65,
};

struct PEAL_NAMED_ONLY peal_expression {
	uint32_t operation; /* PEAL_ADD, PEAL_SUBTRACT, PEAL_MULTIPLY */
	struct peal_value left, right;
};

#define PEAL_F(model_, member_) peal__value_field(PEAL__EXISTS(model_, member_), #member_)
#define PEAL_PLUS(a_, b_) PEAL__EXPRESSION(PEAL_ADD, a_, b_)
#define PEAL_MINUS(a_, b_) PEAL__EXPRESSION(PEAL_SUBTRACT, a_, b_)
#define PEAL_TIMES(a_, b_) PEAL__EXPRESSION(PEAL_MULTIPLY, a_, b_)

/*
 * Columns by name, "-" in front for descending. Replaces an earlier order, and the .ordering of the model. A relation's
 * name ("author") stands for the .ordering of its model, or else for its key.
 */
#define peal_query_order_by(query_, ...) \
	peal_query_order_by_names((query_), &(const struct peal_names)PEAL_NAMES(__VA_ARGS__))
PEAL_API void peal_query_order_by_names(struct peal_query *query, const struct peal_names *names);
/* In no order, whatever the model's .ordering says (Django: order_by() without names). */
PEAL_API void peal_query_unordered(struct peal_query *query);

/* Each row once. */
PEAL_API void peal_query_distinct(struct peal_query *query);

/*
 * Load the rows that forward relations lead to by the same statement, and attach them: "author", "article__author". They
 * belong to the rows, or to the instance that was got. Init signals: the outer row first, complete, then the related.
 */
#define peal_query_select_related(query_, ...) \
	peal_query_select_related_names((query_), &(const struct peal_names)PEAL_NAMES(__VA_ARGS__))
PEAL_API void peal_query_select_related_names(struct peal_query *query,
					      const struct peal_names *names);

/*
 * Load the rows that relations lead to as well, by one more statement for each relation, however many rows there are
 * (Django: prefetch_related). Relations of every kind, named as in conditions, and several after each other:
 *
 *	peal_query_prefetch(query, "articles__tags", "profile");
 *	r = peal_query_all(query, &rows, &error);
 *	...
 *	PEAL_EACH(person_model, person, rows) {
 *		PEAL_EACH(article_model, article, peal_prefetched(&person->instance, "articles"))
 *			puts(article->title);
 *		profile = profile_model_from(peal_prefetched_one(&person->instance, "profile"));
 *	}
 *
 * A forward relation's rows are attached to its pointer; where one is attached already (select_related), it stays. Rows
 * of a backward relation get the row that they belong to attached. The prefetched rows belong to the rows and instances
 * that they were loaded for, and end with the last of these. A row that several share is one instance when it was
 * reached forward, and one for each of them when it was reached by a many-to-many relation.
 *
 * Init signals are sent relation by relation, when all rows of the one before are complete, and never while a statement
 * of a prefetch is being read. A stream reads 2000 rows, prefetches for these, and goes on. The key of a forward
 * relation must not be deferred: PEAL_EINVAL.
 */
#define peal_query_prefetch(query_, ...) \
	peal_query_prefetch_names((query_), &(const struct peal_names)PEAL_NAMES(__VA_ARGS__))
PEAL_API void peal_query_prefetch_names(struct peal_query *query, const struct peal_names *names);

/*
 * The same for one path, of whose end only the rows of another query are loaded, in its order, with what it selects,
 * defers and prefetches itself (Django: Prefetch). related is copied as it is now; its slice is taken of the rows of
 * each row. A relation that is prefetched already cannot get a query: PEAL_EINVAL.
 *
 *	peal_query_filter(published, PEAL_WITH(PEAL_IS(article_model, status, 1)));
 *	peal_query_prefetch_query(query, "articles", published);
 */
PEAL_API void peal_query_prefetch_query(struct peal_query *query, const char *path,
					const struct peal_query *related);

/*
 * Load these columns only (and the key), or all but these. A field that was not loaded is zero in its row, and
 * peal_field_get() says PEAL_NOT_FOUND; PEAL_REFRESH() loads it, peal_refresh() all. A plain save of such a row writes
 * what was loaded and what has been set since, with these as its update_fields; PEAL_EINVAL when that is nothing, or
 * into another database. Set is what peal_field_set() or peal_set_text() has set, and every member that is no longer
 * zero or null at the save. Zero or null assigned to a field that was not loaded cannot be seen, and is not written:
 * use peal_field_set() for these.
 */
#define peal_query_only(query_, ...) \
	peal_query_only_names((query_), &(const struct peal_names)PEAL_NAMES(__VA_ARGS__))
#define peal_query_defer(query_, ...) \
	peal_query_defer_names((query_), &(const struct peal_names)PEAL_NAMES(__VA_ARGS__))
PEAL_API void peal_query_only_names(struct peal_query *query, const struct peal_names *names);
PEAL_API void peal_query_defer_names(struct peal_query *query, const struct peal_names *names);

/*
 * Lock the rows until the end of the transaction, without which it is PEAL_ETRANSACTION. On SQLite the transaction has
 * locked everything already.
 */
enum peal_lock {
	PEAL_LOCK_WAIT = 1,
	PEAL_LOCK_NOWAIT = 2,      /* PEAL_EBUSY when somebody else has one of them */
	PEAL_LOCK_SKIP_LOCKED = 3, /* without those that somebody else has */
};
PEAL_API void peal_query_for_update(struct peal_query *query, enum peal_lock lock);

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
/* Borrowed from rows; NULL when index is too large, and for rows that are NULL. */
PEAL_API struct peal_instance *peal_rows_at(const struct peal_rows *rows, size_t index);
PEAL_API void peal_rows_free(struct peal_rows *rows);

/*
 * The rows that were prefetched for an instance over a backward or many-to-many relation; borrowed from it, until it ends
 * or is refreshed. NULL: nothing was prefetched there. No rows: there are none.
 */
PEAL_API const struct peal_rows *peal_prefetched(const struct peal_instance *instance,
						 const char *name);
/* The first of them; of a forward relation the row that is attached. NULL: there is none, or nothing was prefetched. */
PEAL_API struct peal_instance *peal_prefetched_one(const struct peal_instance *instance,
						   const char *name);

/*
 * Prefetch for instances of one model that the program has already, in their database (Django: prefetch_related_objects).
 * What was prefetched before stays as it is. After an error some relations may have been prefetched.
 * Returns 0; PEAL_EINVAL (no such relation; an instance without a key, of another model or of another database; a
 * deferred key), ...
 *
 *	r = PEAL_PREFETCH(&person.instance, &error, "articles__tags");
 */
PEAL_API PEAL_MUST_CHECK int peal_prefetch(struct peal_instance *const *instances, size_t count,
					   const struct peal_names *paths,
					   struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_rows_prefetch(struct peal_rows *rows,
						const struct peal_names *paths,
						struct peal_error *error);
#define PEAL_PREFETCH(instance_, error_, ...)                            \
	peal_prefetch((struct peal_instance *const[]){ (instance_) }, 1, \
		      &(const struct peal_names)PEAL_NAMES(__VA_ARGS__), (error_))

/*
 * The rows of a SELECT of yours as instances, each with its init signals (Django: objects.raw). Its columns are found by
 * their names, in any order: those of the model's columns fill its fields, whose key must be there; fields without a
 * column are deferred; other columns come beside the row. Parameters are $1, $2, ..., bound, never pasted.
 * Returns 0; PEAL_EINVAL (no key; a column twice), PEAL_ETYPE (a value that does not fit, naming model and field), ...
 *
 *	r = peal_query_raw(&person_model, NULL,
 *			   "SELECT p.id, p.name, count(a.id) AS articles FROM blog_person p"
 *			   " JOIN blog_article a ON a.author_id = p.id WHERE p.age > $1 GROUP BY p.id, p.name",
 *			   PEAL_PARAMS(PEAL_INT(17)), &rows, &error);
 *	PEAL_EACH(person_model, person, rows)
 *		r = peal_extra_get(&person->instance, "articles", &value, &error);
 */
PEAL_API PEAL_MUST_CHECK int peal_query_raw(const struct peal_model *model, const char *database,
					    const char *sql, const struct peal_params *params,
					    struct peal_rows **ret_rows, struct peal_error *error);
/*
 * A column that came beside a row of peal_query_raw(), of the kind that the database gives it; text is borrowed from the
 * rows. PEAL_EINVAL: there was none of that name; annotations are none, see peal_query_annotate(). A refresh forgets them.
 */
PEAL_API PEAL_MUST_CHECK int peal_extra_get(const struct peal_instance *instance, const char *name,
					    struct peal_value *ret_value, struct peal_error *error);

/*
 * Rows one by one, in constant memory (Django: iterator): next returns 0 and lends an instance until the next call, or
 * PEAL_DONE. Other statements may run meanwhile, and other streams. A stream that was begun in a block belongs to it:
 * when that block has ended (or was rolled back to a savepoint from before the stream), next returns PEAL_ETRANSACTION
 * on PostgreSQL. One that was begun outside of any block goes on through all that begin and end meanwhile. An error ends
 * the stream: what comes next is PEAL_DONE.
 *
 *	r = peal_query_stream(query, &stream, &error);
 *	while (r == 0 && (r = peal_stream_next(stream, &instance, &error)) == 0)
 *		puts(student_model_from(instance)->name);
 *	peal_stream_free(stream);
 */
struct peal_stream;

PEAL_API PEAL_MUST_CHECK int peal_query_stream(struct peal_query *query,
					       struct peal_stream **ret_stream,
					       struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_stream_next(struct peal_stream *stream,
					      struct peal_instance **ret_instance,
					      struct peal_error *error);
PEAL_API void peal_stream_free(struct peal_stream *stream);

/* PEAL_EACH(student_model, student, rows) statement */
#define PEAL_EACH(model_, row_, rows_)                                                       \
	for (struct peal__each PEAL__JOIN(peal_each_, __LINE__) = { (rows_), 0 };            \
	     ((row_) = model_##_from(peal__each_next(&PEAL__JOIN(peal_each_, __LINE__)))) != \
	     NULL;)

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

/* The last one: the first in the opposite order. */
PEAL_API PEAL_MUST_CHECK int peal_query_last(struct peal_query *query,
					     struct peal_instance *instance,
					     struct peal_error *error);

PEAL_API PEAL_MUST_CHECK int peal_query_count(struct peal_query *query, int64_t *ret_count,
					      struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_query_exists(struct peal_query *query, bool *ret_exists,
					       struct peal_error *error);

/* ------------------------------------------------------------------------------------------------------------------
 * Values and aggregates
 */

/*
 * Columns instead of instances, relations included (Django: values_list). No init signals. A decimal has the
 * decimal_places of its field.
 *
 *	r = peal_query_values(query, PEAL_NAMES_OF("title", "author__name"), &values, &error);
 *	for (size_t i = 0; i < peal_values_count(values); i++)
 *		puts(peal_values_at(values, i)[1].as.text.data);
 *	peal_values_free(values);
 */
struct peal_values;

PEAL_API PEAL_MUST_CHECK int peal_query_values(struct peal_query *query,
					       const struct peal_names *names,
					       struct peal_values **ret_values,
					       struct peal_error *error);
PEAL_API size_t peal_values_count(const struct peal_values *values);
/* The values of a row, in the order of the names; borrowed from values. NULL when row is too large. */
PEAL_API const struct peal_value *peal_values_at(const struct peal_values *values, size_t row);
PEAL_API void peal_values_free(struct peal_values *values);

/*
 * What they give: count an integer; sum, min and max the kind of the field, a decimal with its decimal_places; avg a
 * real, whatever the field.
 */
enum peal_aggregate_function {
	PEAL_FUNCTION_COUNT = 1,
	PEAL_FUNCTION_SUM = 2,
	PEAL_FUNCTION_AVG = 3,
	PEAL_FUNCTION_MIN = 4,
	PEAL_FUNCTION_MAX = 5,
};

struct PEAL_NAMED_ONLY peal_aggregate {
	uint32_t function; /* enum peal_aggregate_function */
	bool distinct;     /* of equal values only one counts */
	const char *field; /* NULL, with count: the rows */
	const char *as;    /* its name in an annotation */
};

struct peal_aggregate_list {
	const struct peal_aggregate *items;
	size_t count;
};

/* PEAL_AGGREGATES(PEAL_COUNT("articles", .as = "article_count"), PEAL_AVG("age")) */
#define PEAL_AGGREGATES(...)                                             \
	(&(const struct peal_aggregate_list){                            \
		(const struct peal_aggregate[]){ __VA_ARGS__ },          \
		sizeof((const struct peal_aggregate[]){ __VA_ARGS__ }) / \
			sizeof(struct peal_aggregate) })
#define PEAL_COUNT(...) PEAL__AGGREGATE(PEAL_FUNCTION_COUNT, __VA_ARGS__)
#define PEAL_SUM(...) PEAL__AGGREGATE(PEAL_FUNCTION_SUM, __VA_ARGS__)
#define PEAL_AVG(...) PEAL__AGGREGATE(PEAL_FUNCTION_AVG, __VA_ARGS__)
#define PEAL_MIN(...) PEAL__AGGREGATE(PEAL_FUNCTION_MIN, __VA_ARGS__)
#define PEAL_MAX(...) PEAL__AGGREGATE(PEAL_FUNCTION_MAX, __VA_ARGS__)

/*
 * Aggregates of all rows of the query, in their order. Of no rows everything but a count is null. A text belongs to
 * the query.
 *
 *	struct peal_value values[2];
 *	r = peal_query_aggregate(query, PEAL_AGGREGATES(PEAL_SUM("word_count"), PEAL_MAX("title")), values, &error);
 */
PEAL_API PEAL_MUST_CHECK int peal_query_aggregate(struct peal_query *query,
						  const struct peal_aggregate_list *aggregates,
						  struct peal_value *ret_values,
						  struct peal_error *error);

/*
 * Aggregates of groups, known by their names to the calls that follow: filter, order, values. With values, rows that
 * are equal in all the other columns named make a group; with instances each row is one (Django: annotate).
 *
 *	peal_query_annotate(articles, PEAL_AGGREGATES(PEAL_COUNT("pk", .as = "n")));
 *	peal_query_filter(articles, PEAL_WITH(PEAL_ARG("n__gt", PEAL_INT(1))));
 *	r = peal_query_values(articles, PEAL_NAMES_OF("author__name", "n"), &values, &error);
 *
 * Instances do not carry an annotation: it filters and orders them, and peal_query_values() gives it, beside the key:
 *
 *	peal_query_annotate(people, PEAL_AGGREGATES(PEAL_COUNT("articles", .as = "n")));
 *	r = peal_query_values(people, PEAL_NAMES_OF("pk", "name", "n"), &values, &error);
 */
PEAL_API void peal_query_annotate(struct peal_query *query,
				  const struct peal_aggregate_list *aggregates);

/* ------------------------------------------------------------------------------------------------------------------
 * Changing rows
 */

/*
 * Change columns of all rows of the query by one statement; no signals. PEAL_INCREMENT adds to what the column has, in
 * the database, so that nothing is lost to another writer (Django: F("articles") + 1). ret_count may be NULL.
 *
 *	peal_query_update(query, PEAL_WITH(PEAL_INCREMENT(user_model, article_count, 1)), NULL, &error);
 */
PEAL_API PEAL_MUST_CHECK int peal_query_update(struct peal_query *query,
					       const struct peal_named_list *values,
					       int64_t *ret_count, struct peal_error *error);
#define PEAL_INCREMENT(model_, member_, ...)                                           \
	{                                                                              \
		.name = #member_,                                                      \
		.value = PEAL__VALUE_FOR(((model_##_row *)0)->member_, (__VA_ARGS__)), \
		.operation = PEAL_ADD                                                  \
	}

/* Delete the rows, as peal_delete() does for each; by one statement where nobody listens and nothing refers to them. */
PEAL_API PEAL_MUST_CHECK int peal_query_delete(struct peal_query *query,
					       struct peal_deleted *ret_deleted,
					       struct peal_error *error);

/* Rows on the way through them. */
struct peal__each {
	const struct peal_rows *rows;
	size_t next;
};

static inline struct peal_instance *peal__each_next(struct peal__each *each)
{
	return peal_rows_at(each->rows, each->next++);
}

/* Without a second mention of the arguments: they would double with each level. */
#define PEAL__CONDITIONS(operation_, ...)                                          \
	{                                                                          \
		.operation = operation_, .conditions = (const struct peal_named[]) \
		{                                                                  \
			__VA_ARGS__,                                               \
			{                                                          \
				.name = NULL                                       \
			}                                                          \
		}                                                                  \
	}
#define PEAL__AGGREGATE(function_, ...)                     \
	{                                                   \
		.function = function_, .field = __VA_ARGS__ \
	}
#define PEAL__EXPRESSION(operation_, a_, b_)                    \
	peal__value_expression(&(const struct peal_expression){ \
		.operation = operation_, .left = PEAL_VALUE(a_), .right = PEAL_VALUE(b_) })

static inline struct peal_value peal__value_field(uint32_t unused, const char *name)
{
	struct peal_value value = peal_value_text(name);

	value.kind = PEAL_VALUE_FIELD + unused;
	return value;
}

static inline struct peal_value peal__value_expression(const struct peal_expression *expression)
{
	struct peal_value value = peal_value_null();

	value.kind = PEAL_VALUE_EXPRESSION;
	value.as.text.data = (const char *)expression;
	return value;
}

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
/* These have macros of their own, whose names are to be read in the compiler's message. */
#define PEAL__LOOKUP_isnull use_PEAL_IS_NULL_for_isnull
#define PEAL__LOOKUP_in use_PEAL_IN_for_in
#define PEAL__LOOKUP_range use_PEAL_RANGE_for_range

PEAL_END_DECLS

#endif
