/* SPDX-License-Identifier: MIT */
/*
 * faults.c: tests that pass, and tests with a planted fault each. check-faults runs every one of
 * them by itself and demands the result that it lists. The name says which: good_ or bad_.
 */
#include "pealtest.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int zero;

TEST(good_asserts)
{
	int one = 1;

	T_OK(zero);
	T_CODE(zero - 2, -2);
	T_INT(-5 + zero, -5);
	T_UINT(UINT64_MAX, UINT64_MAX);
	T_STR("a", "a");
	T_STR(NULL, NULL);
	T_HAS("a needle in hay", "needle");
	T_PTR(&one, &one);
	T_TRUE(one);
	T_FALSE(zero);
	T_DOUBLE(0.5, 0.5);
	T_DOUBLE(NAN, NAN);
	T_NEAR(0.1 + 0.2, 0.3, 1e-12);
	T_MEM("abc", "abd", 2);
	T_SYS(getpid());
}

TEST(good_arguments_are_evaluated_once)
{
	int n = 0;

	T_INT(++n, 1);
	T_TRUE(++n == 2);
	T_INT(n, 2);
}

TEST(good_tmpdir_and_files)
{
	const char *directory = test_tmpdir();
	const char *path = test_path(directory, "file");
	size_t size;

	T_TRUE(strcmp(directory, test_tmpdir()) != 0);
	test_write_file(path, "a\0b", 3);
	char *data = test_read_file(path, &size);
	T_UINT(size, 3);
	T_MEM(data, "a\0b", 4);
	free(data);
	/* Shown by --verbose: check-faults looks whether it is gone afterwards. */
	printf("tmpdir %s\n", directory);
}

TEST(good_command)
{
	char *output;

	T_INT(test_command(
		      (const char *const[]){ "sh", "-c", "echo out; echo err >&2; exit 3", NULL },
		      &output),
	      3);
	T_STR(output, "out\nerr\n");
	free(output);
	T_INT(test_command((const char *const[]){ "sh", "-c", "kill -9 $$", NULL }, NULL),
	      128 + SIGKILL);
	T_INT(test_command((const char *const[]){ "/nonexistent/program", NULL }, NULL), 127);
}

TEST(good_source_path)
{
	char *text = test_read_file(test_source_path("tests/harness/faults.c"), NULL);

	T_HAS(text, "good_source_path");
	free(text);
}

TEST(good_random_repeats)
{
	struct test_random a = test_random_init(1), b = test_random_init(1),
			   c = test_random_init(2);
	int same = 0;

	for (int i = 0; i < 100; i++) {
		uint64_t x = test_random_next(&a);
		T_UINT(test_random_next(&b), x);
		same += test_random_next(&c) == x;
		T_TRUE(test_random_below(&a, 7) < 7);
		test_random_next(&b);
		test_random_next(&c);
	}
	T_INT(same, 0);
}

/* What a library with two allocations does when either fails. */
static int make_pair(void **ret_a, void **ret_b)
{
	void *a = test_alloc(NULL, 10), *b = a ? test_alloc(NULL, 20) : NULL;

	if (!b) {
		if (a)
			test_free(NULL, a, 10);
		return -2;
	}
	*ret_a = a;
	*ret_b = b;
	return 0;
}

TEST(good_alloc_loop)
{
	size_t runs = 0, failures = 0, plain = 0;

	T_ALLOC_LOOP(run) {
		void *a = NULL, *b = NULL;

		runs++;
		plain += !run.injected;
		T_CODE(make_pair(&a, &b), test_alloc_failed() ? -2 : 0);
		failures += test_alloc_failed() > 0;
		if (!test_alloc_failed()) {
			test_free(NULL, a, 10);
			test_free(NULL, b, 20);
		}
	}
	/* None; 1st, 2nd, and a 3rd that does not come; the same from the Nth on. */
	T_UINT(runs, 7);
	T_UINT(plain, 1);
	T_UINT(failures, 4);
}

TEST(good_alloc_fails_once_or_for_good)
{
	test_alloc_fail(2, false);
	void *a = test_alloc(NULL, 1);
	T_PTR(test_alloc(NULL, 1), NULL);
	void *b = test_alloc(NULL, 1);
	T_TRUE(a && b);
	T_UINT(test_alloc_failed(), 1);
	test_alloc_fail(1, true);
	T_PTR(test_alloc(NULL, 1), NULL);
	T_PTR(test_alloc(NULL, 1), NULL);
	T_UINT(test_alloc_failed(), 2);
	test_free(NULL, a, 1);
	test_free(NULL, b, 1);
}

static void *nothing(void *user)
{
	return user;
}

TEST(good_threads_and_children_that_end)
{
	pthread_t thread;
	int status;

	T_OK(pthread_create(&thread, NULL, nothing, NULL));
	T_OK(pthread_join(thread, NULL));
	pid_t pid = fork();
	if (pid == 0)
		_exit(7);
	T_INT(waitpid(pid, &status, 0), pid);
	T_INT(WEXITSTATUS(status), 7);
}

TEST(bad_code)
{
	T_OK(zero - 2);
}

TEST(bad_int)
{
	T_INT(zero + 3, 4);
}

TEST(bad_uint)
{
	T_UINT((unsigned int)zero + 3u, 4);
}

TEST(bad_str)
{
	T_STR("one\n", "two");
}

TEST(bad_str_null)
{
	T_STR(NULL, "two");
}

TEST(bad_has)
{
	T_HAS("hay", "needle");
}

TEST(bad_ptr)
{
	int one = 1;

	T_PTR(&one, NULL);
}

TEST(bad_true)
{
	T_TRUE(zero);
}

TEST(bad_double)
{
	T_DOUBLE(0.1 + 0.2 + zero, 0.3);
}

TEST(bad_near)
{
	T_NEAR(1.0 + zero, NAN, 10);
}

TEST(bad_mem)
{
	T_MEM("abc", "abd", 3);
}

TEST(bad_sys)
{
	T_SYS(close(-1));
}

TEST(bad_fail)
{
	T_FAIL("the number is %d", zero + 42);
}

static void *fail_in_thread(void *user)
{
	(void)user;
	T_INT(zero, 77);
	return NULL;
}

TEST(bad_assert_in_thread)
{
	pthread_t thread;

	T_OK(pthread_create(&thread, NULL, fail_in_thread, NULL));
	T_OK(pthread_join(thread, NULL));
}

TEST(bad_abort)
{
	abort();
}

TEST(bad_segv)
{
	*(volatile int *)(uintptr_t)zero = 1;
}

TEST(bad_exit)
{
	exit(9);
}

TEST_TIMEOUT(bad_timeout, 1)
{
	for (;;)
		pause();
}

TEST(bad_fd_leak)
{
	T_SYS(open("/dev/null", O_RDONLY));
}

TEST(bad_fd_closed)
{
	close(STDIN_FILENO);
}

TEST(bad_alloc_leak)
{
	T_TRUE(test_alloc(NULL, 123));
}

TEST(bad_alloc_double_free)
{
	/* Not freed for real: the sanitizer would stop the second look at the header. */
	char *block = test_alloc(NULL, 8);
	test_free(NULL, block + 1, 8);
}

TEST(bad_alloc_wrong_size)
{
	test_free(NULL, test_alloc(NULL, 8), 9);
}

TEST(bad_alloc_overrun)
{
	volatile char *block = test_alloc(NULL, 8);

	block[8 + zero] = 1;
	test_free(NULL, (void *)(uintptr_t)block, 8);
}

TEST(bad_alloc_loop_leak)
{
	T_ALLOC_LOOP(run) {
		void *a = test_alloc(NULL, 10), *b = a ? test_alloc(NULL, 20) : NULL;

		/* The mistake: a is lost when b fails. */
		if (b) {
			test_free(NULL, a, 10);
			test_free(NULL, b, 20);
		}
	}
}

static void *sleeper(void *user)
{
	sleep(1000);
	return user;
}

TEST(bad_thread_left)
{
	pthread_t thread;

	T_OK(pthread_create(&thread, NULL, sleeper, NULL));
}

TEST(bad_child_left)
{
	pid_t pid = fork();

	T_SYS(pid);
	if (pid == 0) {
		sleep(1000);
		_exit(0);
	}
}

TEST(bad_child_not_waited_for)
{
	pid_t pid = fork();

	T_SYS(pid);
	if (pid == 0)
		_exit(0);
	siginfo_t info;
	T_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
}

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif

TEST(bad_heap_leak_under_asan)
{
#ifdef ASAN
	void *volatile lost = malloc(321);
	T_TRUE(lost);
	lost = NULL;
#else
	T_FAIL("needs the address sanitizer");
#endif
}

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

#ifdef TSAN
static int raced;

static void *race(void *user)
{
	for (int i = 0; i < 1000; i++)
		raced++;
	return user;
}
#endif

TEST(bad_race_under_tsan)
{
#ifdef TSAN
	pthread_t thread;

	T_OK(pthread_create(&thread, NULL, race, NULL));
	race(NULL);
	T_OK(pthread_join(thread, NULL));
#else
	T_FAIL("needs the thread sanitizer");
#endif
}

TEST(bad_overflow_under_ubsan)
{
#ifdef PEAL_TEST_UBSAN
	volatile int large = INT_MAX;
	large = large + 1;
#else
	T_FAIL("needs the undefined behaviour sanitizer");
#endif
}
