/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a fixture: either they are loaded, and then what is dumped loads again and is dumped as the same; or they
 * are refused, with an error that names the place, and nothing of them is left. Beside that the check of JSON fields
 * must agree with jansson's parser. For test_fixture_fuzz.c and tests/fuzz/fuzz_fixture.c.
 */
#ifndef PEAL_TEST_FIXTURE_OPS_H
#define PEAL_TEST_FIXTURE_OPS_H

#include <peal/db.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called with what is wrong; does not return. */
typedef void fixture_ops_fail(const char *message);

/* Registers the models and creates their tables in the database "default". */
void fixture_ops_begin(fixture_ops_fail *fail);
/* Returns whether they were loaded. The tables are as before. */
bool fixture_ops_run(const uint8_t *data, size_t size);
/* A fixture in which every field has a value. */
const char *fixture_ops_sample(void);

#endif
