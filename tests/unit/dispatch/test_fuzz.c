/* SPDX-License-Identifier: MIT */
/*
 * The operation fuzzer (fuzz_ops.h) on the corpus and on random inputs. PEAL_FUZZ_INPUTS says how many of the latter.
 * An input that fails is printed as tests/fuzz/corpus.py --bytes takes it.
 */
#include "fuzz_ops.h"
#include "pealtest.h"

#include <peal/base.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* It has one thread: the thread sanitizer finds no more in more of it. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define INPUTS 4000
#endif
#endif
#ifndef INPUTS
#define INPUTS 20000
#endif

static const uint8_t *input;
static size_t input_size;
static const char *input_name;

static void fail(const char *message)
{
	fprintf(stderr, "%s:", input_name);
	for (size_t i = 0; i < input_size; i++)
		fprintf(stderr, "%s%02x", i % 4 ? "" : " ", input[i]);
	fprintf(stderr, "\n");
	T_FAIL("%s", message);
}

#ifndef PEAL_FIXED_POOL
static void fail_allocation(size_t nth)
{
	test_alloc_fail(nth, false);
}
#endif

static const struct fuzz_host host = {
	.fail = fail,
#ifndef PEAL_FIXED_POOL
	.fail_allocation = fail_allocation,
#endif
};

static size_t run(const char *name, const uint8_t *data, size_t size)
{
	input_name = name;
	input = data;
	input_size = size;
	peal_set_log(NULL, NULL); /* it would be of expected errors only */
	return fuzz_ops_run(&host, data, size);
}

TEST(corpus)
{
	static const char path[] = PEAL_SOURCE_ROOT "/tests/fuzz/corpus/dispatch";
	DIR *directory = opendir(path);
	struct dirent *entry;
	size_t files = 0;

	if (!directory)
		T_FAIL("no directory %s", path);
	while ((entry = readdir(directory))) {
		char file[4096];
		size_t size;
		char *data;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		data = test_read_file(file, &size);
		run(entry->d_name, (const uint8_t *)data, size);
		free(data);
		files++;
	}
	closedir(directory);
	T_TRUE(files >= 30);
}

/* Random bytes, but rather things that do something: a connect, a send. */
static size_t random_input(struct test_random *random, uint8_t *data, size_t limit)
{
	static const uint8_t usual[] = { FUZZ_CONNECT, FUZZ_CONNECT, FUZZ_CONNECT, FUZZ_SEND,
					 FUZZ_SEND,    FUZZ_SCRIPT,  FUZZ_SCRIPT,  FUZZ_SCOPE_END };
	size_t size = 4 + test_random_below(random, limit - 4) / 4 * 4;
	/* Of few things, so that operations meet. */
	uint8_t few = (uint8_t)test_random_next(random) | (uint8_t)test_random_next(random);

	for (size_t i = 0; i < size; i++) {
		data[i] = (uint8_t)test_random_next(random) & few;
		if (i % 4 == 0)
			data[i] = test_random_below(random, 2)
					  ? (uint8_t)test_random_below(random, FUZZ_OP_COUNT)
					  : usual[test_random_below(random, sizeof(usual))];
	}
	return size;
}

TEST_TIMEOUT(random, 120)
{
	const char *wanted = getenv("PEAL_FUZZ_INPUTS");
	size_t inputs = wanted ? strtoul(wanted, NULL, 0) : INPUTS;
	struct test_random random = test_random_init(0);
	int64_t start = test_clock_ns();
	size_t operations = 0;
	uint8_t data[480];

	for (size_t i = 0; i < inputs; i++) {
		char name[48];

		snprintf(name, sizeof(name), "random input %zu", i);
		operations += run(name, data, random_input(&random, data, sizeof(data)));
	}
	printf("%zu inputs, %zu operations, %.1f s\n", inputs, operations,
	       (double)(test_clock_ns() - start) / 1e9);
}
