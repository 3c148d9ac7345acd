/* SPDX-License-Identifier: MIT */
/*
 * Fixtures (tests/unit/model/fixture_ops.h) under libFuzzer, on SQLite in memory:
 *
 *	ninja -C build/test/clang fuzz-fixture && mkdir -p build/corpus-fixture
 *	build/test/clang/tests/fuzz/fuzz-fixture -max_len=4096 build/corpus-fixture tests/fuzz/corpus/fixture
 */
#include "fixture_ops.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *message)
{
	fprintf(stderr, "%s\n", message);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peal_db *db;
	struct peal_error error = { 0 };

	if (!db) {
		if (peal_db_open("sqlite::memory:", &db, &error) != 0)
			fail(error.message);
		fixture_ops_begin(fail);
	}
	fixture_ops_run(data, size);
	return 0;
}
