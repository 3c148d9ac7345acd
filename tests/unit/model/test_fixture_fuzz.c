/* SPDX-License-Identifier: MIT */
/* Fixtures that were changed at random (fixture_ops.h). PEAL_FUZZ_INPUTS says how many. */
#include "../db/fixture.h"

#include "fixture_ops.h"

#include <peal/model.h>

#include <dirent.h>

static uint8_t input[4096];
static size_t input_size;

static void fail(const char *message)
{
	fprintf(stderr, "%.*s\n", (int)input_size, (const char *)input);
	T_FAIL("%s", message);
}

static bool run(const void *data, size_t size)
{
	input_size = size < sizeof(input) ? size : sizeof(input);
	memmove(input, data, input_size);
	return fixture_ops_run(input, input_size);
}

static struct peal_db *begin(void)
{
	struct peal_db *db = open_database();

	fixture_ops_begin(fail);
	return db;
}

static void end(struct peal_db *db)
{
	peal_models_forget();
	peal_db_close(db);
}

TEST(corpus)
{
	static const char path[] = PEAL_SOURCE_ROOT "/tests/fuzz/corpus/fixture";
	struct peal_db *db = begin();
	DIR *directory = opendir(path);
	struct dirent *entry;

	if (!directory)
		T_FAIL("no directory %s", path);
	while ((entry = readdir(directory))) {
		char *data;
		size_t size;

		if (entry->d_name[0] == '.')
			continue;
		data = test_read_file(test_path(path, entry->d_name), &size);
		run(data, size);
		free(data);
	}
	closedir(directory);
	T_TRUE(run(fixture_ops_sample(), strlen(fixture_ops_sample())));
	end(db);
}

static void replace(size_t at, size_t size, const char *with, size_t with_size)
{
	if (at + size > input_size || input_size - size + with_size > sizeof(input))
		return;
	memmove(input + at + with_size, input + at + size, input_size - at - size);
	memcpy(input + at, with, with_size);
	input_size += with_size - size;
}

static void change(struct test_random *random)
{
	static const char *const tokens[] = {
		"null",
		"true",
		"0",
		"-1",
		"1e400",
		"123456789012345678901",
		"1.5",
		"\"\"",
		"\"x\"",
		"[",
		"]",
		"{",
		"}",
		",",
		":",
		"\"",
		"\\",
		"\\u0000",
		"\\ud800",
		"\\udc00",
		"\xff",
		"\xc3",
		"\"pk\": 1",
		"\"fields\": {}",
		"\"model\": \"fuzz.card\"",
		"\"text\": ",
		"[]",
		"{}",
		"\"tags\": [\"a\", 1]",
		"NaN",
		"//",
		"\xef\xbb\xbf",
		"\"a\", \"a\"",
		"=",
		"9999-12-31",
	};
	size_t at = test_random_below(random, input_size + 1);
	size_t size = test_random_below(random, 3) ? 0 : test_random_below(random, 20);
	const char *token = tokens[test_random_below(random, PEAL_COUNTOF(tokens))];
	char byte = (char)test_random_next(random);

	switch (test_random_below(random, 4)) {
	case 0:
		replace(at, 1, &byte, 1);
		break;
	case 1:
		replace(at, size, "", 0);
		break;
	case 2: {
		char copy[40];

		size = input_size - at < sizeof(copy) ? input_size - at : sizeof(copy);
		memcpy(copy, input + at, size);
		replace(test_random_below(random, input_size + 1), 0, copy, size);
		break;
	}
	default:
		replace(at, size, token, strlen(token));
		break;
	}
}

TEST_TIMEOUT(changed_at_random, 300)
{
	const char *wanted = getenv("PEAL_FUZZ_INPUTS");
	long inputs = wanted ? atol(wanted) : runs_on("sqlite-memory") ? 4000 : 400;
	struct test_random random = test_random_init(0);
	struct peal_db *db = begin();
	long loaded = 0;

	for (long i = 0; i < inputs; i++) {
		input_size = strlen(fixture_ops_sample());
		memcpy(input, fixture_ops_sample(), input_size);
		for (uint64_t n = test_random_below(&random, 4) + 1; n; n--)
			change(&random);
		loaded += run(input, input_size);
	}
	T_TRUE(loaded > inputs / 200 && loaded < inputs * 9 / 10);
	end(db);
}
