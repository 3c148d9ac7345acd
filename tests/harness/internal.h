/* SPDX-License-Identifier: MIT */
/* internal.h: what the files of the harness share. */
#ifndef PEALTEST_INTERNAL_H
#define PEALTEST_INTERNAL_H

#include "glue.h"
#include "pealtest.h"

/* The test that runs in this process; NULL outside of tests. */
extern const struct test_case *test__current;

/* The directory in which the temporary directories of the present test are made. */
void test__tmp_set_base(const char *path);

/* Remove a directory with all its content; what is not there is no error. */
void test__remove_tree(const char *path);

/* Wait until the library holds no more than before, or fail with what is left. */
void test__check_counts(const char *when, const struct test_counts *before);

#endif
