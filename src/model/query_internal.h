/* SPDX-License-Identifier: MIT */
/*
 * A query while it is built (query.c), its SQL (compile.c), its rows (fetch.c), and deleting (collector.c).
 *
 * Everything in a query is checked and copied when it is added, so compiling cannot fail but for memory.
 */
#ifndef PEAL_QUERY_INTERNAL_H
#define PEAL_QUERY_INTERNAL_H

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

struct peal__condition {
	const struct peal__column *column;
	enum peal__lookup lookup;
	size_t count;
	struct peal_value *values;     /* in the query's arena */
	const struct peal__many *many; /* of PEAL__RELATED */
};

enum peal__group_kind {
	PEAL__ALL,
	PEAL__ANY,
	PEAL__NOT_ALL,
};

struct peal__group {
	struct peal__group *next;
	enum peal__group_kind kind;
	size_t count;
	struct peal__condition *conditions;
};

struct peal__order {
	const struct peal__column *column;
	bool descending;
};

struct peal_query {
	const struct peal_model *model;
	const struct peal__model_state *state;
	struct peal__arena arena;
	const char *alias;
	struct peal__group *groups;
	struct peal__group **last_group;
	struct peal__order *order;
	size_t order_count;
	int64_t offset;
	int64_t limit;           /* INT64_MAX: all */
	bool key_only;           /* load nothing else */
	struct peal_error error; /* the first thing that went wrong */
};

/* SQL and its parameters, which borrow from the query. */
struct peal__compiled {
	struct peal__text sql;
	struct peal_value *values;
	size_t count, capacity;
};

void peal__compile_value(struct peal__compiled *compiled,
			 const struct peal_value *value); /* adds $n */
void peal__compile_where(struct peal__compiled *compiled, const struct peal_query *query);
void peal__compile_tail(struct peal__compiled *compiled,
			const struct peal_query *query); /* order, slice */
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

/* filter(column IN keys), for relations. */
void peal__query_filter_in(struct peal_query *query, const struct peal__column *column,
			   const struct peal_value *keys, size_t count);
/* The rows that a many-to-many relation has for the key of its other side. */
void peal__query_filter_related(struct peal_query *query, const struct peal__many *many,
				struct peal_value key);

#endif
