/* SPDX-License-Identifier: MIT */
/*
 * Random queries and their oracle (tests/unit/model/query_ops.h) under libFuzzer, on SQLite in memory:
 *
 *	ninja -C build/test/clang fuzz-query && mkdir -p build/corpus-query
 *	build/test/clang/tests/fuzz/fuzz-query -max_len=160 build/corpus-query tests/fuzz/corpus/query
 */
#include "query_ops.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *message)
{
	fprintf(stderr, "%s\n%s\n", query_ops_words(), message);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peal_db *db;
	struct peal_error error = { 0 };

	if (!db) {
		if (peal_db_open("sqlite::memory:", &db, &error) != 0)
			fail(error.message);
		query_ops_begin(fail);
	}
	query_ops_run(data, size);
	return 0;
}
