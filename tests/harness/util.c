/* SPDX-License-Identifier: MIT */
/* util.c: random numbers, temporary directories, files, commands, the clock. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * No library: an executable that has one defines its own. (Here, where nobody uses it: in a file
 * that does, clang takes the zeroes for granted, weak or not.)
 */
__attribute__((weak)) const struct test_glue test_glue = { 0 };

#ifndef PEAL_SOURCE_ROOT
#define PEAL_SOURCE_ROOT "."
#endif

static char tmp_base[PATH_MAX];

struct test_random test_random_init(uint64_t stream)
{
	/* FNV-1a of the name: each test has numbers of its own. */
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (const char *c = test__current ? test__current->name : ""; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	struct test_random random = { .state = test_seed() ^ hash };
	random.state = test_random_next(&random) + stream;
	return random;
}

uint64_t test_random_next(struct test_random *random)
{
	uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t test_random_below(struct test_random *random, uint64_t limit)
{
	T_TRUE(limit > 0);
	/* The remainder's bias is below 2^-32 for any limit that a test asks for. */
	return test_random_next(random) % limit;
}

void test__tmp_set_base(const char *path)
{
	snprintf(tmp_base, sizeof(tmp_base), "%s", path);
}

const char *test_tmpdir(void)
{
	static _Thread_local char path[8][PATH_MAX];
	static _Thread_local unsigned int next;

	char *slot = path[next++ % 8];
	int length = snprintf(slot, PATH_MAX, "%s/XXXXXX", tmp_base);
	if (length < 0 || length >= PATH_MAX)
		T_FAIL("the name of the temporary directory is too long: %s", tmp_base);
	if (!mkdtemp(slot))
		T_FAIL("cannot make a directory in %s: %s", tmp_base, strerror(errno));
	return slot;
}

static char *join(const char *directory, const char *name)
{
	static _Thread_local char path[4][PATH_MAX];
	static _Thread_local unsigned int next;

	char *slot = path[next++ % 4];
	int length = snprintf(slot, PATH_MAX, "%s/%s", directory, name);
	if (length < 0 || length >= PATH_MAX)
		T_FAIL("a path is too long: %s/%s", directory, name);
	return slot;
}

const char *test_path(const char *directory, const char *name)
{
	return join(directory, name);
}

const char *test_source_path(const char *name)
{
	return join(PEAL_SOURCE_ROOT, name);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	if (remove(path) != 0)
		fprintf(stderr, "cannot remove %s: %s\n", path, strerror(errno));
	return 0;
}

void test__remove_tree(const char *path)
{
	if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
		fprintf(stderr, "cannot remove %s: %s\n", path, strerror(errno));
}

/* All that can be read from a descriptor, with a NUL after it. */
static char *read_all(int fd, const char *what, size_t *ret_size)
{
	size_t size = 0;
	size_t room = 4096;
	char *data = malloc(room);

	for (;;) {
		if (!data)
			T_FAIL("no memory to read %s", what);
		ssize_t n = read(fd, data + size, room - size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			T_FAIL("cannot read %s: %s", what, strerror(errno));
		if (n == 0)
			break;
		size += (size_t)n;
		if (size + 1 == room) {
			room *= 2;
			data = realloc(data, room);
		}
	}
	data[size] = '\0';
	if (ret_size)
		*ret_size = size;
	return data;
}

char *test_read_file(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		T_FAIL("cannot open %s: %s", path, strerror(errno));
	char *data = read_all(fd, path, ret_size);
	close(fd);
	return data;
}

void test_write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		T_FAIL("cannot create %s: %s", path, strerror(errno));
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, (const char *)data + done, size - done);
		if (n < 0 && errno != EINTR)
			T_FAIL("cannot write %s: %s", path, strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	if (close(fd) != 0)
		T_FAIL("cannot write %s: %s", path, strerror(errno));
}

int test_command(const char *const argv[], char **ret_output)
{
	int ends[2];

	T_SYS(pipe2(ends, O_CLOEXEC));
	pid_t pid = fork();
	T_SYS(pid);
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		/*
		 * execvp() takes the pointers without const for historical reasons; it does not
		 * write.
		 */
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	char *output = read_all(ends[0], argv[0], NULL);
	close(ends[0]);

	int status;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			T_FAIL("waitpid: %s", strerror(errno));
	}
	if (ret_output)
		*ret_output = output;
	else
		free(output);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int64_t test_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
