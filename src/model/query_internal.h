/* SPDX-License-Identifier: MIT */
/*
 * A query while it is built (query.c, path.c, condition.c), its SQL (compile.c), its rows (fetch.c, in_bulk.c), its
 * values (values.c), and deleting (collector.c).
 *
 * Everything in a query is checked and copied when it is added, so compiling cannot fail but for memory.
 */
#ifndef PEAL_QUERY_INTERNAL_H
#define PEAL_QUERY_INTERNAL_H

#include <stdatomic.h>

#include <peal/query.h>

#include "state.h"

enum peal__lookup {
	PEAL__EXACT,
	PEAL__LIKE, /* all i-forms: the value is a pattern */
	PEAL__CONTAINS,
	PEAL__STARTSWITH,
	PEAL__ENDSWITH,
	PEAL__GT,
	PEAL__GTE,
	PEAL__LT,
	PEAL__LTE,
	PEAL__ISNULL,
	PEAL__IN,
	PEAL__RANGE,
	PEAL__RELATED, /* the other side of a relation; the value is the key of this one */
};

/* A table of a query: the model's own one is the first, the others are joined to one before them. */
struct peal__join {
	const struct peal__model_state *state;
	const struct peal__column *from; /* of the parent */
	const struct peal__column *to;   /* of this one, equal to it */
	size_t parent;
	unsigned
		call; /* which filter() has made it; 0: an order_by(), and no filter() has used it yet */
	bool many;     /* several rows for one of the parent */
	bool inner;    /* without it the row does not count */
	bool selected; /* its rows are loaded too */
};

/* A column of one of the tables. */
struct peal__place {
	size_t join;
	const struct peal__column *column;
};

struct peal__aggregate {
	struct peal__aggregate *next;
	const char *name;
	struct peal__place place; /* column NULL: the rows */
	uint32_t function;        /* enum peal_aggregate_function */
	bool distinct;
};

/* What a column is compared with or set to, when that is not just a value. */
struct peal__operand {
	uint32_t operation; /* PEAL_ASSIGN: a leaf */
	struct peal__operand *left, *right;
	struct peal__place place; /* column NULL: value */
	struct peal_value value;
};

struct peal__condition {
	struct peal__place place;
	const struct peal__aggregate *aggregate; /* instead of the place */
	enum peal__lookup lookup;
	size_t count;
	struct peal_value *values;     /* in the query's arena */
	const struct peal__many *many; /* of PEAL__RELATED */
	struct peal__operand *operand; /* instead of the value */
	struct peal_query *query;      /* instead of the values of "in" */
};

/* A tree of conditions. */
struct peal__node {
	struct peal__node *next;
	uint32_t operation;          /* PEAL_ANY_OF, PEAL_ALL_OF, PEAL_NOT_ALL_OF; 0: a condition */
	struct peal__node *children; /* of the first three */
	struct peal__condition condition;
	bool negated; /* in a PEAL_NOT_ALL_OF: null must make it false, not unknown */
};

struct peal__node_list {
	struct peal__node *first, **last;
};

struct peal__order {
	struct peal__place place;
	const struct peal__aggregate *aggregate;
	bool descending;
};

/*
 * A relation as the model on one of its sides sees it. The columns that refer are its identity: its own one (forward),
 * the other model's, or both of a table between them.
 */
struct peal__relation {
	const struct peal__model_state *other; /* the model on the other side */
	const struct peal__column *forward;    /* the own column that refers to it; or NULL */
	const struct peal__column *backward; /* the other column that refers to this one; or NULL */
	struct peal__many many;              /* field NULL: none */
};

/* What is loaded as well; a tree, as its names are paths. */
struct peal__prefetch {
	struct peal__prefetch *next, *children;
	struct peal__relation relation;
	struct peal_query *query; /* whose rows; NULL: all */
};

/*
 * Instances that were loaded together. Those of a prefetch are shared by the instances that they were loaded for, each
 * of which has a part of them.
 */
struct peal_rows {
	struct peal__arena arena;
	struct peal_instance **items;
	size_t count, capacity;
	struct peal_instance **related; /* of select_related */
	size_t related_count, related_capacity;
	struct peal_value *owners; /* of a query with an owner: whom each item belongs to */
	size_t owner_capacity;
	atomic_uint references; /* of a prefetch */
	bool by_key;            /* sorted */
};

struct peal_query {
	const struct peal_model *model;
	const struct peal__model_state *state;
	struct peal__arena arena;
	const char *alias;
	struct peal__join *joins; /* own until there are more */
	size_t join_count, join_capacity;
	struct peal__join own;
	unsigned call; /* of filter, so far, and 1 */
	bool loose;    /* what is joined now is for order_by(): a filter() may use it */
	struct peal__node_list where, having;
	struct peal__aggregate *aggregates;
	struct peal__order *order;
	size_t order_count;
	bool ordered; /* by the program, perhaps by nothing: the model's ordering does not count */
	struct peal__place column; /* what it gives inside of another query */
	struct peal__place
		owner; /* loaded too: for which row it is prefetched; column NULL: none */
	struct peal__prefetch *prefetches;
	struct peal_query *part;  /* its rows are those that this one finds, as often; or NULL */
	struct peal_query *inner; /* queries that conditions refer to, by next */
	struct peal_query *next;
	int64_t offset;
	int64_t limit; /* INT64_MAX: all */
	bool distinct;
	bool key_only;           /* load nothing else */
	bool defers;             /* not all columns are loaded */
	uint64_t deferred[2];    /* which are not, as in an instance */
	uint32_t lock;           /* enum peal_lock; 0: none */
	struct peal_error error; /* the first thing that went wrong */
};

/* ---- path.c: names become places ------------------------------------------------------------------------------- */

/*
 * The column of "author__name" or "author->name", joining what is needed; what follows the column is *ret_rest, ""
 * when that is all. Conditions of one filter() share their joins over several rows; any: take the last such join.
 */
int peal__place_find(struct peal_query *query, const char *name, bool any, struct peal__place *ret,
		     const char **ret_rest);
/* The same, when nothing may follow; what: "order_by". */
int peal__place_find_all(struct peal_query *query, const char *name, const char *what,
			 struct peal__place *ret);
/* Says so of a place, behind which a path goes on. */
int peal__leads_nowhere(struct peal_query *query, const struct peal__place *place,
			const char *rest);
/* Join forward relations, whose rows are loaded too. */
int peal__select_related(struct peal_query *query, const char *name);
/* The relation of that name, of the model; PEAL_EINVAL says which there are. */
int peal__relation_find(const struct peal__model_state *state, const char *name, size_t size,
			struct peal__relation *ret, struct peal_error *error);
/* The first name of a path, and what follows it. */
size_t peal__path_step(const char *path, const char **ret_rest);
/* Join the table of a many-to-many relation anew, for the keys of its other side. */
int peal__join_many(struct peal_query *query, const struct peal__many *many,
		    struct peal__place *ret);
/* Rows without these joins do not count. */
void peal__place_require(struct peal_query *query, const struct peal__place *place);
bool peal__place_is_many(const struct peal_query *query, const struct peal__place *place);
bool peal__place_may_be_null(const struct peal_query *query, const struct peal__place *place);

/* ---- condition.c: conditions, checked -------------------------------------------------------------------------- */

int peal__conditions_add(struct peal_query *query, uint32_t operation,
			 const struct peal_named_list *list);
bool peal__is_lookup(const char *name);
int peal__node_list_copy(struct peal_query *copy, struct peal__node_list *to,
			 const struct peal__node *from);
/* An expression for a column of the query's own table. */
int peal__operand_new(struct peal_query *query, const struct peal_value *value, bool across,
		      struct peal__operand **ret, uint32_t *ret_kind);
bool peal__is_number(uint32_t kind); /* enum peal_value_kind */
int peal__value_keep(struct peal_query *query, struct peal_value *value);
const struct peal__aggregate *peal__aggregate_find(const struct peal_query *query, const char *name,
						   size_t size);
int peal__aggregate_init(struct peal_query *query, struct peal__aggregate *aggregate,
			 const struct peal_aggregate *from);
int peal__query_no_memory(struct peal_query *query);
bool peal__query_is_sliced(const struct peal_query *query);
/*
 * Whether its rows come in the order of the model; and to order it so, if they do: of a copy, for the joins stay.
 */
bool peal__query_has_default_order(const struct peal_query *query);
void peal__query_order_by_default(struct peal_query *query);

/* A copy that belongs to the query; NULL, and its error is set, when it cannot be. */
struct peal_query *peal__query_adopt(struct peal_query *query, const struct peal_query *other);

/* filter(column IN keys), for relations. */
void peal__query_filter_place_in(struct peal_query *query, const struct peal__place *place,
				 const struct peal_value *keys, size_t count);
void peal__query_filter_in(struct peal_query *query, const struct peal__column *column,
			   const struct peal_value *keys, size_t count);

/* The rows that a many-to-many relation has for the key of its other side. */
void peal__query_filter_related(struct peal_query *query, const struct peal__many *many,
				struct peal_value key);

/* ---- fetch.c ------------------------------------------------------------------------------------------------------- */

struct peal_rows *peal__rows_new(struct peal_error *error);
/* The texts of a row go where its instance is. */
int peal__rows_keep_texts(struct peal_rows *rows, struct peal_value *values, size_t count,
			  struct peal_error *error);
/* Add the rows of a query, without what it prefetches. */
int peal__rows_read(struct peal_query *query, struct peal_rows *rows,
		    struct peal__connection *connection, struct peal_error *error);

/* ---- create.c ------------------------------------------------------------------------------------------------------ */

/* Where a row is looked for, and made when it is not there. */
struct peal__finder {
	const struct peal_model *model;
	const char *database;
	const struct peal_instance *owner; /* among its rows of a many-to-many relation; or NULL */
	const char *relation;
	bool lock; /* what is found, until the end of the transaction */
};

int peal__get_or_create(const struct peal__finder *finder, struct peal_instance *instance,
			const struct peal_named_list *conditions,
			const struct peal_named_list *defaults, bool *ret_created,
			struct peal_error *error);
int peal__update_or_create(const struct peal__finder *finder, struct peal_instance *instance,
			   const struct peal_named_list *conditions,
			   const struct peal_named_list *defaults, bool *ret_created,
			   struct peal_error *error);

/* ---- prefetch.c ---------------------------------------------------------------------------------------------------- */

/* Nothing stands against it: PEAL_EINVAL. */
int peal__prefetch_check(const struct peal_query *query, struct peal_error *error);
/* As if the relation had not been prefetched for the instance. */
void peal__prefetch_forget(struct peal_instance *instance, const struct peal__relation *relation);
int peal__prefetch_copy(struct peal_query *copy, const struct peal_query *query);
/* For instances of the query's model, in the database that they are from. */
int peal__prefetch_run(const struct peal__prefetch *prefetch,
		       struct peal_instance *const *instances, size_t count,
		       struct peal_error *error);

/* ---- compile.c ----------------------------------------------------------------------------------------------------- */

/* SQL and its parameters, which borrow from the query. */
struct peal__compiled {
	struct peal__text sql;
	struct peal_value *values;
	size_t count, capacity;
	const struct peal__dialect *dialect;
	const struct peal_query *query; /* whose places are written now */
	unsigned scope, scopes;         /* 0: the outermost query; how many there are */
	bool qualified;                 /* columns are written with their tables */
};

void peal__compile_value(struct peal__compiled *compiled,
			 const struct peal_value *value); /* adds $n */
void peal__compile_place(struct peal__compiled *compiled, const struct peal__place *place);
void peal__compile_operand(struct peal__compiled *compiled, const struct peal__operand *operand);
void peal__compile_aggregate(struct peal__compiled *compiled,
			     const struct peal__aggregate *aggregate);
/* Before a SELECT's columns. */
void peal__compile_begin(struct peal__compiled *compiled, const struct peal_query *query);
/* FROM, joins and WHERE */
void peal__compile_from(struct peal__compiled *compiled, const struct peal_query *query);
/* GROUP BY ... HAVING, of the places; ORDER BY and the slice */
void peal__compile_group(struct peal__compiled *compiled, const struct peal_query *query,
			 const struct peal__place *places, size_t count);
void peal__compile_order(struct peal__compiled *compiled, const struct peal_query *query);
void peal__compile_tail(struct peal__compiled *compiled, const struct peal_query *query);
bool peal__place_is_among(const struct peal__place *place, const struct peal__place *places,
			  size_t count);
/* FOR UPDATE, where rows are locked one by one */
void peal__compile_lock(struct peal__compiled *compiled, const struct peal_query *query);
/* WHERE of an UPDATE or DELETE of the query's own table. */
void peal__compile_where(struct peal__compiled *compiled, const struct peal_query *query);
/* " IN (...)": the keys that a relation has for the key of one side */
void peal__compile_related(struct peal__compiled *compiled, const struct peal__many *many,
			   const struct peal_value *key);
void peal__compiled_fini(struct peal__compiled *compiled);

/* A statement with everything bound, to be given back by peal__statement_put(); ends *compiled whatever happens. */
int peal__compiled_start(struct peal__compiled *compiled, struct peal__connection *connection,
			 struct peal__statement **ret_statement, struct peal_error *error);
/* The same, run to its end. ret_changes may be NULL. */
int peal__compiled_run(struct peal__compiled *compiled, struct peal__connection *connection,
		       int64_t *ret_changes, struct peal_error *error);

/* The error that building has left, or 0; and the connection. query may be NULL: there was no memory for it. */
int peal__query_ready(struct peal_query *query, struct peal__connection **ret_connection,
		      struct peal_error *error);

#endif
