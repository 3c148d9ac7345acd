/* SPDX-License-Identifier: MIT */
/*
 * pealtest.c: the runner and the asserts.
 *
 * The parent process stays single-threaded and touches nothing of the library. For each test it
 * forks a child in a process group of its own, whose output goes to an unlinked file that is shown
 * when the test fails; the child runs the test and the checks after it, and its exit status is the
 * result. Nothing of a test survives: the group is killed and the temporary directories are removed
 * even when the child crashed.
 */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The linker's bounds of the section; weak, so that an executable without tests links. */
extern const struct test_case *const __start_pealtest[] __attribute__((weak, visibility("hidden")));
extern const struct test_case *const __stop_pealtest[] __attribute__((weak, visibility("hidden")));

static struct {
	bool list;
	bool no_fork;
	bool verbose;
	bool keep;
	uint64_t seed;
	long repeat;
	double timeout_scale;
	char **names;
	int name_count;
	char tmp[PATH_MAX];
} options = { .repeat = 1, .timeout_scale = 1.0 };

const struct test_case *test__current;

/* ---- Asserts --------------------------------------------------------------------------------- */

/*
 * One write per message and no stdio: it must work in any thread, and in the child of a threaded
 * process.
 */
__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args,
						      const char *file, int line)
{
	char text[2048];
	int used = snprintf(text, sizeof(text), "%s:%d: ", file, line);
	size_t length = used > 0 ? (size_t)used : 0;

	used = vsnprintf(text + length, sizeof(text) - length, format, args);
	length += used > 0 ? (size_t)used : 0;
	if (length > sizeof(text) - 2)
		length = sizeof(text) - 2;
	text[length++] = '\n';
	for (size_t done = 0; done < length;) {
		ssize_t n = write(STDERR_FILENO, text + done, length - done);
		if (n < 0 && errno != EINTR)
			return;
		done += n > 0 ? (size_t)n : 0;
	}
}

void test__fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, file, line);
	va_end(args);
	if (options.no_fork)
		abort();
	_exit(1);
}

/* A result code as text: "-2 (PEAL_ENOMEM)". */
static const char *code_text(int code, char *text, size_t size)
{
	const char *name = test_glue.code_name ? test_glue.code_name(code) : NULL;

	if (name)
		snprintf(text, size, "%d (%s)", code, name);
	else
		snprintf(text, size, "%d", code);
	return text;
}

void test__code(const char *file, int line, const char *text, int value, int expected)
{
	char got[80], wanted[80];

	if (value != expected)
		test__fail(file, line, "%s returned %s, expected %s", text,
			   code_text(value, got, sizeof(got)),
			   code_text(expected, wanted, sizeof(wanted)));
}

void test__int(const char *file, int line, const char *text, const char *expected_text,
	       intmax_t value, intmax_t expected)
{
	if (value != expected)
		test__fail(file, line, "%s is %jd, expected %jd (%s)", text, value, expected,
			   expected_text);
}

void test__uint(const char *file, int line, const char *text, const char *expected_text,
		uintmax_t value, uintmax_t expected)
{
	if (value != expected)
		test__fail(file, line, "%s is %ju (0x%jx), expected %ju (0x%jx) (%s)", text, value,
			   value, expected, expected, expected_text);
}

/* A text in quotes, with what cannot be printed as \xNN; cut at the buffer's end. */
static const char *quote(const char *value, char *text, size_t size)
{
	size_t length = 0;

	if (!value)
		return "NULL";
	text[length++] = '"';
	for (const unsigned char *c = (const unsigned char *)value; *c && length + 8 < size; c++) {
		if (*c == '"' || *c == '\\')
			length += (size_t)snprintf(text + length, size - length, "\\%c", *c);
		else if (*c == '\n')
			length += (size_t)snprintf(text + length, size - length, "\\n");
		else if (*c < 0x20 || *c == 0x7f)
			length += (size_t)snprintf(text + length, size - length, "\\x%02x", *c);
		else
			text[length++] = (char)*c;
	}
	text[length++] = '"';
	text[length] = '\0';
	return text;
}

void test__str(const char *file, int line, const char *text, const char *expected_text,
	       const char *value, const char *expected)
{
	char got[800], wanted[800];

	(void)expected_text;
	if (value == expected || (value && expected && strcmp(value, expected) == 0))
		return;
	test__fail(file, line, "%s is %s,\n\texpected %s", text, quote(value, got, sizeof(got)),
		   quote(expected, wanted, sizeof(wanted)));
}

void test__has(const char *file, int line, const char *text, const char *value, const char *part)
{
	char got[800], wanted[800];

	if (!value || !strstr(value, part))
		test__fail(file, line, "%s is %s,\n\twithout %s", text,
			   quote(value, got, sizeof(got)), quote(part, wanted, sizeof(wanted)));
}

void test__ptr(const char *file, int line, const char *text, const char *expected_text,
	       const void *value, const void *expected)
{
	if (value != expected)
		test__fail(file, line, "%s is %p, expected %p (%s)", text, value, expected,
			   expected_text);
}

void test__bool(const char *file, int line, const char *text, bool value, bool expected)
{
	if (value != expected)
		test__fail(file, line, "%s is %s", text, value ? "true" : "false");
}

void test__double(const char *file, int line, const char *text, double value, double expected,
		  double distance)
{
	bool both_nan = value != value && expected != expected;
	double difference = value > expected ? value - expected : expected - value;

	if (!both_nan && value != expected && !(difference <= distance))
		test__fail(file, line, "%s is %.17g, expected %.17g (within %g)", text, value,
			   expected, distance);
}

void test__mem(const char *file, int line, const char *text, const void *value,
	       const void *expected, size_t size)
{
	const unsigned char *got = value, *wanted = expected;

	for (size_t i = 0; i < size; i++) {
		if (got[i] != wanted[i])
			test__fail(file, line,
				   "%s differs at byte %zu of %zu: 0x%02x, expected 0x%02x", text,
				   i, size, got[i], wanted[i]);
	}
}

intmax_t test__sys(const char *file, int line, const char *text, intmax_t value)
{
	if (value == -1)
		test__fail(file, line, "%s: %s", text, strerror(errno));
	return value;
}

uint64_t test_seed(void)
{
	return options.seed;
}

/* ---- The child: one test and the checks after it --------------------------------------------- */

#define FDS_MAX 4096

/* Bit n of fds is set when descriptor n is open. */
struct fd_set_image {
	unsigned char open[FDS_MAX];
};

static void fds_take(struct fd_set_image *image)
{
	memset(image, 0, sizeof(*image));
	DIR *directory = opendir("/proc/self/fd");
	if (!directory)
		T_FAIL("cannot list /proc/self/fd: %s", strerror(errno));
	for (struct dirent *entry; (entry = readdir(directory));) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);
		if (end != entry->d_name && fd >= 0 && fd < FDS_MAX && fd != dirfd(directory))
			image->open[fd] = 1;
	}
	closedir(directory);
}

static void fds_check(const struct fd_set_image *before)
{
	struct fd_set_image now;

	fds_take(&now);
	for (int fd = 0; fd < FDS_MAX; fd++) {
		char path[64], target[256] = "?";

		if (before->open[fd] == now.open[fd])
			continue;
		if (before->open[fd])
			T_FAIL("the test closed descriptor %d, which was open before it", fd);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n >= 0)
			target[n] = '\0';
		T_FAIL("the test leaves descriptor %d open: %s", fd, target);
	}
}

static int thread_count(void)
{
	int count = 0;
	DIR *directory = opendir("/proc/self/task");

	if (!directory)
		T_FAIL("cannot list /proc/self/task: %s", strerror(errno));
	for (struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

/*
 * The thread sanitizer runs a thread of its own in each process, from the first pthread_create()
 * on. Have it started before the threads are counted.
 */
#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

#ifdef TSAN
static void *end_at_once(void *user)
{
	return user;
}
#endif

static void threads_settle(void)
{
#ifdef TSAN
	pthread_t thread;

	T_OK(pthread_create(&thread, NULL, end_at_once, NULL));
	T_OK(pthread_join(thread, NULL));
	nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
#endif
}

/* A joined thread may be listed a moment longer: the kernel wakes its joiner first. */
static void threads_check(int before)
{
	int now = 0;

	for (int tries = 0; tries < 1000; tries++) {
		now = thread_count();
		if (now <= before)
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	T_FAIL("the test leaves %d threads running", now - before);
}

static void children_check(void)
{
	pid_t pid = waitpid(-1, NULL, WNOHANG);

	if (pid > 0)
		T_FAIL("the test leaves the ended child process %d without having waited for it",
		       (int)pid);
	if (pid == 0)
		T_FAIL("the test leaves a child process running");
}

static void run_in_this_process(const struct test_case *test)
{
	struct fd_set_image fds;
	struct test_counts counts = test_counts();

	threads_settle();
	int threads = thread_count();

	test__current = test;
	fds_take(&fds);
	test_alloc_fail(0, false);
	if (test_glue.before)
		test_glue.before();
	test->run();
	test_alloc_fail(0, false);
	if (test_glue.after)
		test_glue.after();
	threads_check(threads);
	children_check();
	fds_check(&fds);
	test__check_counts("after the test", &counts);
	test__current = NULL;
}

/* ---- The parent ------------------------------------------------------------------------------ */

/* Wait for the child; false when the time is over, and the child is then killed. */
static bool wait_for(pid_t pid, double seconds, int *ret_status)
{
	int64_t end = test_clock_ns() + (int64_t)(seconds * 1e9);
	int pidfd = pidfd_open(pid, 0);
	bool in_time = true;

	if (pidfd < 0) {
		perror("pidfd_open");
		exit(2);
	}
	for (;;) {
		int64_t left_ms = (end - test_clock_ns()) / 1000000 + 1;
		struct pollfd event = { .fd = pidfd, .events = POLLIN };
		int n = poll(&event, 1,
			     left_ms > 0 ? (int)(left_ms < INT_MAX ? left_ms : INT_MAX) : 0);

		if (n > 0)
			break;
		if (n == 0 && left_ms <= 0) {
			in_time = false;
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			break;
		}
	}
	close(pidfd);
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		continue;
	/* Whatever the test has left behind. */
	kill(-pid, SIGKILL);
	return in_time;
}

static void show_output(int fd)
{
	char buffer[4096];
	bool line_start = true;
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (line_start)
				fputs("# ", stdout);
			putchar(buffer[i]);
			line_start = buffer[i] == '\n';
		}
	}
	if (!line_start)
		putchar('\n');
}

static bool run_forked(const struct test_case *test, char *reason, size_t reason_size)
{
	double timeout = test->timeout_s * options.timeout_scale;
	int output = memfd_create("pealtest", MFD_CLOEXEC);
	int status = 0;

	if (output < 0) {
		perror("memfd_create");
		exit(2);
	}
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid == 0) {
		setpgid(0, 0);
		dup2(output, STDOUT_FILENO);
		dup2(output, STDERR_FILENO);
		close(output);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		run_in_this_process(test);
		/* Not _exit(): the leak check of the sanitizer runs at exit. */
		exit(0);
	}
	setpgid(pid, pid);
	if (!wait_for(pid, timeout, &status))
		snprintf(reason, reason_size, "not done after %g seconds", timeout);
	else if (WIFSIGNALED(status))
		snprintf(reason, reason_size, "killed by signal %d (SIG%s)", WTERMSIG(status),
			 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
	else if (WEXITSTATUS(status) != 0)
		snprintf(reason, reason_size, "exit status %d", WEXITSTATUS(status));
	else
		reason[0] = '\0';
	if (reason[0] || options.verbose)
		show_output(output);
	close(output);
	return !reason[0];
}

static bool run_one(const struct test_case *test, int number)
{
	char reason[128] = "";
	char directory[PATH_MAX + 16];
	int64_t start = test_clock_ns();
	bool passed = true;

	snprintf(directory, sizeof(directory), "%s/%d", options.tmp, number);
	if (mkdir(directory, 0700) != 0) {
		fprintf(stderr, "cannot make %s: %s\n", directory, strerror(errno));
		exit(2);
	}
	test__tmp_set_base(directory);
	if (options.no_fork)
		run_in_this_process(test);
	else
		passed = run_forked(test, reason, sizeof(reason));
	if (!options.keep)
		test__remove_tree(directory);

	double seconds = (double)(test_clock_ns() - start) / 1e9;
	if (passed)
		printf("ok %d - %s (%.3f s)\n", number, test->name, seconds);
	else
		printf("not ok %d - %s (%.3f s): %s\n# %s:%d; again with --seed 0x%" PRIx64 " %s\n",
		       number, test->name, seconds, reason, test->file, test->line, options.seed,
		       test->name);
	fflush(stdout);
	return passed;
}

/* ---- Command line ---------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct test_case *const *x = a, *const *y = b;
	int order = strcmp((*x)->file, (*y)->file);

	return order ? order : ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

static bool is_wanted(const struct test_case *test, const struct test_case *const *all,
		      size_t count)
{
	for (int i = 0; i < options.name_count; i++) {
		bool exact = false;
		for (size_t j = 0; j < count; j++)
			exact = exact || strcmp(all[j]->name, options.names[i]) == 0;
		if (exact ? strcmp(test->name, options.names[i]) == 0
			  : !!strstr(test->name, options.names[i]))
			return true;
	}
	return options.name_count == 0;
}

static _Noreturn void usage(const char *program)
{
	fprintf(stderr,
		"usage: %s [--list] [--no-fork] [--verbose] [--keep] [--seed N] [--repeat N] "
		"[name ...]\n",
		program);
	exit(2);
}

/* A whole number in C's notations, or the end of the program. */
static uint64_t number_of(const char *text, const char *what)
{
	char *end;

	errno = 0;
	uint64_t value = text ? strtoull(text, &end, 0) : 0;
	if (!text || end == text || *end || errno) {
		fprintf(stderr, "%s wants a number\n", what);
		exit(2);
	}
	return value;
}

static void parse_options(int argc, char **argv)
{
	const char *scale = getenv("PEAL_TEST_TIMEOUT_SCALE");
	const char *seed = getenv("PEAL_TEST_SEED");

	if (scale && atof(scale) > 0)
		options.timeout_scale = atof(scale);
	if (seed && *seed)
		options.seed = number_of(seed, "PEAL_TEST_SEED");
	else if (getrandom(&options.seed, sizeof(options.seed), 0) != sizeof(options.seed))
		options.seed = (uint64_t)time(NULL);

	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--list") == 0)
			options.list = true;
		else if (strcmp(argv[i], "--no-fork") == 0)
			options.no_fork = true;
		else if (strcmp(argv[i], "--verbose") == 0)
			options.verbose = true;
		else if (strcmp(argv[i], "--keep") == 0)
			options.keep = true;
		else if (strcmp(argv[i], "--seed") == 0)
			options.seed = number_of(argv[++i], "--seed");
		else if (strcmp(argv[i], "--repeat") == 0)
			options.repeat = (long)number_of(argv[++i], "--repeat");
		else
			usage(argv[0]);
	}
	options.names = argv + i;
	options.name_count = argc - i;
}

/*
 * The wanted tests in the order of the source, NULL-terminated; for --repeat the caller walks it
 * again.
 */
static const struct test_case **choose(size_t *ret_count)
{
	size_t count = (size_t)(__stop_pealtest - __start_pealtest);
	const struct test_case **tests = calloc(count + 1, sizeof(*tests));
	size_t chosen = 0;

	if (!tests)
		exit(2);
	for (size_t i = 0; i < count; i++) {
		if (is_wanted(__start_pealtest[i], __start_pealtest, count))
			tests[chosen++] = __start_pealtest[i];
	}
	qsort(tests, chosen, sizeof(*tests), by_place);
	*ret_count = chosen;
	return tests;
}

int main(int argc, char **argv)
{
	size_t count;
	unsigned long passed = 0, failed = 0;
	int number = 0;

	parse_options(argc, argv);
	const struct test_case **tests = choose(&count);
	if (options.list) {
		for (size_t i = 0; i < count; i++)
			puts(tests[i]->name);
		free(tests);
		return 0;
	}
	if (count == 0) {
		fprintf(stderr, "%s: no test of that name\n", argv[0]);
		free(tests);
		return 2;
	}

	const char *tmp = getenv("TMPDIR");
	snprintf(options.tmp, sizeof(options.tmp), "%s/pealtest.XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(options.tmp)) {
		fprintf(stderr, "cannot make %s: %s\n", options.tmp, strerror(errno));
		return 2;
	}
	printf("1..%ld\n# seed 0x%" PRIx64 "\n", (long)count * options.repeat, options.seed);
	for (long round = 0; round < options.repeat; round++) {
		for (size_t i = 0; i < count; i++) {
			if (run_one(tests[i], ++number))
				passed++;
			else
				failed++;
		}
	}
	if (options.keep)
		printf("# temporary files: %s\n", options.tmp);
	else
		test__remove_tree(options.tmp);
	free(tests);
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed ? 1 : 0;
}
