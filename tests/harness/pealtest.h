/* SPDX-License-Identifier: MIT */
/*
 * pealtest.h: the test harness of Peal; one executable per file of tests, one process per test.
 *
 *	#include "pealtest.h"
 *
 *	TEST(connect_twice_is_one)
 *	{
 *		T_OK(connect());
 *		T_CODE(connect(), PEAL_EXISTS);
 *	}
 *
 * After each test the harness demands that the live allocations of the library (test_alloc), the
 * open descriptors, the threads and the child processes are as before; under the address sanitizer
 * also that nothing leaked. A test that cannot run fails: there is no skipping.
 *
 * An assert evaluates its arguments once, prints their values when it fails, and ends the process;
 * it may be used in any thread and in forked children (the parent sees exit status 1). The value
 * under test comes first.
 *
 * Command line: test-x [--list] [--no-fork] [--verbose] [--keep] [--seed N] [--repeat N] [name ...]
 * A name runs the test of exactly that name, or else all tests with that substring. --no-fork is
 * for debuggers: a failure aborts the whole run. --keep leaves temporary directories. Environment:
 * PEAL_TEST_SEED as --seed, PEAL_TEST_TIMEOUT_SCALE multiplies all time-outs (the sanitizers need
 * it).
 */
#ifndef PEALTEST_H
#define PEALTEST_H

#ifdef NDEBUG
#error "tests are not built with NDEBUG"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Tests ----------------------------------------------------------------------------------- */

struct test_case {
	const char *name;
	const char *file;
	int line;
	int timeout_s;
	void (*run)(void);
};

/*
 * TEST(name) { ... } defines and registers a test that may take 60 seconds; TEST_TIMEOUT says
 * otherwise. It expands to a static function test_<name>, its description, and a pointer to that in
 * the section pealtest (sections are safe here: an executable's objects are all linked).
 */
#define TEST(name_) TEST_TIMEOUT(name_, 60)
#define TEST_TIMEOUT(name_, seconds_)                                                    \
	static void test_##name_(void);                                                  \
	static const struct test_case test_case_##name_ = { #name_, __FILE__, __LINE__,  \
							    (seconds_), test_##name_ };  \
	static const struct test_case *test_entry_##name_                                \
		__attribute__((used, retain, section("pealtest"))) = &test_case_##name_; \
	static void test_##name_(void)

/* ---- Asserts --------------------------------------------------------------------------------- */

/* expr is a result code: 0, or exactly code. */
#define T_OK(expr_) test__code(__FILE__, __LINE__, #expr_, (expr_), 0)
#define T_CODE(expr_, code_)                                              \
	do {                                                              \
		const int t_value = (expr_);                              \
		test__code(__FILE__, __LINE__, #expr_, t_value, (code_)); \
	} while (0)

/* The value is evaluated before what is expected, which may thus speak of its effect. */
#define T_INT(value_, expected_) T__COMPARE(int, intmax_t, value_, #value_, expected_, #expected_)
#define T_UINT(value_, expected_) \
	T__COMPARE(uint, uintmax_t, value_, #value_, expected_, #expected_)
#define T_PTR(value_, expected_) \
	T__COMPARE(ptr, const void *, value_, #value_, expected_, #expected_)
/* Equal texts; NULL equals NULL only. */
#define T_STR(value_, expected_) \
	T__COMPARE(str, const char *, value_, #value_, expected_, #expected_)
#define T__COMPARE(kind_, type_, value_, text_, expected_, expected_text_)                      \
	do {                                                                                    \
		type_ t_value = (value_);                                                       \
		test__##kind_(__FILE__, __LINE__, text_, expected_text_, t_value, (expected_)); \
	} while (0)
/* The text contains the other. */
#define T_HAS(text_, part_) test__has(__FILE__, __LINE__, #text_, (text_), (part_))
#define T_TRUE(expr_) test__bool(__FILE__, __LINE__, #expr_, (expr_), true)
#define T_FALSE(expr_) test__bool(__FILE__, __LINE__, #expr_, (expr_), false)
/* Equal numbers, or both not a number; T_NEAR allows a distance. */
#define T_DOUBLE(value_, expected_) \
	test__double(__FILE__, __LINE__, #value_, (value_), (expected_), 0.0)
#define T_NEAR(value_, expected_, distance_) \
	test__double(__FILE__, __LINE__, #value_, (value_), (expected_), (distance_))
#define T_MEM(value_, expected_, size_) \
	test__mem(__FILE__, __LINE__, #value_, (value_), (expected_), (size_))
/* A system call: not -1; prints errno. The value is the call's own. */
#define T_SYS(expr_) test__sys(__FILE__, __LINE__, #expr_, (expr_))
#define T_FAIL(...) test__fail(__FILE__, __LINE__, __VA_ARGS__)

/* ---- Allocations ----------------------------------------------------------------------------- */

/*
 * A counting allocator to install in the library under test. It checks the size given back,
 * overruns and double frees, and fills memory with rubbish at both ends of its life. It takes no
 * lock, so it orders no threads that the library does not order itself.
 */
void *test_alloc(void *ctx, size_t size);
void test_free(void *ctx, void *pointer, size_t size);

struct test_counts {
	size_t live_count; /* blocks */
	size_t live_bytes;
	size_t total_count; /* calls of test_alloc so far */
};

/* Any thread; the three numbers are not one snapshot while other threads allocate. */
struct test_counts test_counts(void);

/*
 * Runs its block again and again: first with no failure; then with the 1st, 2nd, 3rd... allocation
 * failing, until a run has fewer allocations than that; then the same with all allocations failing
 * from the Nth on. After each run the library must hold as many blocks and bytes as before it.
 *
 *	T_ALLOC_LOOP(run) {
 *		int r = connect();
 *		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
 *		...undo
 *	}
 *
 * Do not leave the block by break or return. test_alloc_failed() says how many allocations have
 * failed in this run; run.injected is false in the first run, where none will.
 */
struct test_alloc_run {
	bool started;
	bool injected;
	bool sticky;  /* all allocations from the Nth on fail */
	size_t nth;   /* the allocation that fails */
	size_t count; /* runs so far */
	struct test_counts before;
};

#define T_ALLOC_LOOP(run_) for (struct test_alloc_run run_ = { 0 }; test_alloc_next(&run_);)

bool test_alloc_next(struct test_alloc_run *run);
size_t test_alloc_failed(void);

/* The loop with the block as a function. */
void test_alloc_loop(void (*body)(void *ctx, bool injected), void *ctx);

/* By hand: fail the Nth allocation from now (1 is the next; 0 none), and all after it if sticky. */
void test_alloc_fail(size_t nth, bool sticky);

/* ---- Random numbers -------------------------------------------------------------------------- */

/*
 * splitmix64, seeded by the run's seed, the name of the test and a number of your choice (the
 * thread, say), so that a test repeats with the same seed whatever ran before it. The seed is
 * printed with every failure.
 */
struct test_random {
	uint64_t state;
};

struct test_random test_random_init(uint64_t stream);
uint64_t test_random_next(struct test_random *random);
/* 0 to limit - 1; limit is not 0. */
uint64_t test_random_below(struct test_random *random, uint64_t limit);
uint64_t test_seed(void);

/* ---- Files and commands ---------------------------------------------------------------------- */

/*
 * A new empty directory, removed with all its content after the test; the text stays valid during
 * the test.
 */
const char *test_tmpdir(void);

/* "directory/name" in a static buffer of the calling thread, good until the fourth next call. */
const char *test_path(const char *directory, const char *name);

/* The content of a file with a NUL after it, to be freed by the caller; ret_size may be NULL. */
char *test_read_file(const char *path, size_t *ret_size);
void test_write_file(const char *path, const void *data, size_t size);

/*
 * Run a command (argv ends with NULL; found through PATH), wait for it, and return its exit status,
 * or 128 + N when signal N ended it. *ret_output (may be NULL) is what it wrote to stdout and
 * stderr, to be freed by the caller.
 */
int test_command(const char *const argv[], char **ret_output);

/* The path of a file of the source tree, "tests/corpus/x"; valid like test_path(). */
const char *test_source_path(const char *name);

/* Monotonic, for measuring and for deadlines. */
int64_t test_clock_ns(void);

/* ---- Behind the macros ----------------------------------------------------------------------- */

void test__code(const char *file, int line, const char *text, int value, int expected);
void test__int(const char *file, int line, const char *text, const char *expected_text,
	       intmax_t value, intmax_t expected);
void test__uint(const char *file, int line, const char *text, const char *expected_text,
		uintmax_t value, uintmax_t expected);
void test__str(const char *file, int line, const char *text, const char *expected_text,
	       const char *value, const char *expected);
void test__has(const char *file, int line, const char *text, const char *value, const char *part);
void test__ptr(const char *file, int line, const char *text, const char *expected_text,
	       const void *value, const void *expected);
void test__bool(const char *file, int line, const char *text, bool value, bool expected);
void test__double(const char *file, int line, const char *text, double value, double expected,
		  double distance);
void test__mem(const char *file, int line, const char *text, const void *value,
	       const void *expected, size_t size);
intmax_t test__sys(const char *file, int line, const char *text, intmax_t value);
_Noreturn void test__fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
