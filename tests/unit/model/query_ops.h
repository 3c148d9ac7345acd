/* SPDX-License-Identifier: MIT */
/*
 * Random queries with an oracle: bytes become a query (conditions in trees, over relations both ways, with lists,
 * expressions and other queries; order, slices, distinct), which the database answers and so does a plain evaluator over
 * an array in C. For test_query_fuzz.c and tests/fuzz/fuzz_query.c.
 */
#ifndef PEAL_TEST_QUERY_OPS_H
#define PEAL_TEST_QUERY_OPS_H

#include <peal/db.h>

#include <stddef.h>
#include <stdint.h>

/* Called with what is wrong; does not return. */
typedef void query_ops_fail(const char *message);

/* Registers the model, creates its table in the database "default" and fills it. */
void query_ops_begin(query_ops_fail *fail);
/* Runs the query that the bytes mean. The table stays as it is. Returns the number of rows that it found. */
size_t query_ops_run(const uint8_t *data, size_t size);
/* What the last query was, in words. */
const char *query_ops_words(void);

#endif
