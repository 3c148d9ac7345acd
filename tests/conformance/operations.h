/* SPDX-License-Identifier: MIT */
/*
 * The steps of a scenario. An operation reads the words of its step, does its work on the public
 * API, and prints its line; or it returns an error, which becomes a line of the trace.
 */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <peal/error.h>

#include "scenario.h"

struct step {
	const char *op;
	const char *target; /* of "x = ", or NULL */
	struct words words;
	struct peal_error error;
};

struct operation {
	const char *name;
	int (*run)(struct step *step);
	bool has_target; /* "x = " may stand before it */
};

/* Each file's operations; the last one has no name. */
extern const struct operation instance_operations[];    /* operations_instance.c */
extern const struct operation query_operations[];       /* operations_query.c */
extern const struct operation dispatch_operations[];    /* operations_dispatch.c */
extern const struct operation transaction_operations[]; /* operations_transaction.c */
extern const struct operation user_operations[];        /* operations_user.c */
extern const struct operation m2m_operations[];         /* operations_m2m.c */
extern const struct operation bulk_operations[];        /* operations_bulk.c */

/* Read one line and do it. */
void step_run(const struct words *words);
/* At the end of the file: a block that was not closed is refused. */
void blocks_check(void);

/* {"result": op, key: value} */
void print_result_int(const char *op, const char *key, int64_t value);
void print_result_bool(const char *op, const char *key, bool value);
struct peal_deleted;
void print_deleted(const char *op, struct peal_deleted *deleted); /* and frees it */

#endif
