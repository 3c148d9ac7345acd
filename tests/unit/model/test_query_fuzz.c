/* SPDX-License-Identifier: MIT */
/*
 * Random queries, answered by the database and by C (query_ops.h). PEAL_FUZZ_INPUTS says how many. One that is answered
 * otherwise is printed in words and as bytes.
 */
#include "../db/fixture.h"

#include "query_ops.h"

#include <peal/model.h>

#include <dirent.h>

#define INPUTS 1500
#define INPUTS_POSTGRESQL 500

static uint8_t input[160];
static size_t input_size;

static void fail(const char *message)
{
	fprintf(stderr, "%s\n# ", query_ops_words());
	for (size_t i = 0; i < input_size; i++)
		fprintf(stderr, "%02x", input[i]);
	fprintf(stderr, "\n");
	T_FAIL("%s", message);
}

static size_t run(const void *data, size_t size)
{
	input_size = size < sizeof(input) ? size : sizeof(input);
	memcpy(input, data, input_size);
	return query_ops_run(input, input_size);
}

TEST(corpus)
{
	static const char path[] = PEAL_SOURCE_ROOT "/tests/fuzz/corpus/query";
	struct peal_db *db = open_database();
	DIR *directory = opendir(path);
	struct dirent *entry;
	size_t files = 0;

	if (!directory)
		T_FAIL("no directory %s", path);
	query_ops_begin(fail);
	while ((entry = readdir(directory))) {
		char *data;
		size_t size;

		if (entry->d_name[0] == '.')
			continue;
		data = test_read_file(test_path(path, entry->d_name), &size);
		run(data, size);
		free(data);
		files++;
	}
	closedir(directory);
	T_TRUE(files > 0);
	peal_models_forget();
	peal_db_close(db);
}

TEST_TIMEOUT(queries_are_answered_as_by_c, 300)
{
	const char *wanted = getenv("PEAL_FUZZ_INPUTS");
	long inputs = wanted ? atol(wanted) : runs_on("postgresql") ? INPUTS_POSTGRESQL : INPUTS;
	struct test_random random = test_random_init(0);
	struct peal_db *db = open_database();
	long empty = 0, full = 0;

	query_ops_begin(fail);
	for (long i = 0; i < inputs; i++) {
		uint8_t bytes[sizeof(input)];
		size_t count;

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = (uint8_t)test_random_next(&random);
		count = run(bytes, 8 + test_random_below(&random, sizeof(bytes) - 8));
		empty += count == 0;
		full += count >= 24;
	}
	/* Neither all nor nothing, most of the time. */
	T_TRUE(empty < inputs * 3 / 4 && full < inputs / 2);
	peal_models_forget();
	peal_db_close(db);
}
