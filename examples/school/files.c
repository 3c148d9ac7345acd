/* SPDX-License-Identifier: MIT */
#include "files.h"

#include "school.h"

#include <peal/error.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const char *path, struct peal_error *error)
{
	int code = errno;

	peal_error_set(error, PEAL_ESYS, "%s: %s", path, strerror(code));
	if (error)
		error->system_errno = code;
	return PEAL_ESYS;
}

int image_check(const char *path, struct peal_error *error)
{
	unsigned char start[8] = { 0 };
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file)
		return peal_error_set(error, PEAL_INVALID, "there is no file %s", path);
	size = fread(start, 1, sizeof(start), file);
	fclose(file);
	if (size == sizeof(start) &&
	    (memcmp(start, "\x89PNG\r\n\x1a\n", 8) == 0 || memcmp(start, "\xff\xd8\xff", 3) == 0))
		return 0;
	return peal_error_set(error, PEAL_INVALID, "%s is neither a PNG nor a JPEG", path);
}

static int copy(FILE *from, FILE *to)
{
	char buffer[4096];
	size_t size;

	while ((size = fread(buffer, 1, sizeof(buffer), from)) > 0)
		if (fwrite(buffer, 1, size, to) != size)
			return -1;
	return ferror(from) ? -1 : 0;
}

static void path_of(const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", school.media, name);
}

/* The directories of a path below the media directory. */
static void make_directories(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		mkdir(path, 0777);
		*slash = '/';
	}
}

int media_add(const char *from_path, const char *name, struct peal_error *error)
{
	char path[4096];
	FILE *from = fopen(from_path, "rb"), *to;
	int r;

	if (!from)
		return failed(from_path, error);
	path_of(name, path, sizeof(path));
	make_directories(path);
	to = fopen(path, "wb");
	if (!to) {
		r = failed(path, error);
		fclose(from);
		return r;
	}
	r = copy(from, to);
	fclose(from);
	if (fclose(to) != 0)
		r = -1;
	return r < 0 ? failed(path, error) : 0;
}

bool media_remove(const char *name)
{
	char path[4096];

	path_of(name, path, sizeof(path));
	return unlink(path) == 0;
}
