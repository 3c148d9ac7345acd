/* SPDX-License-Identifier: MIT */
/*
 * bench-dispatch [--quick] GROUP...
 *
 * The figures of the dispatcher, against the limit (limit.h). The method is in bench.h.
 */
#include "bench.h"
#include "groups.h"

#include <peal/base.h>

#include <string.h>

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static const struct group {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "send", bench_send },           { "senders", bench_senders },
	{ "threads", bench_two_threads }, { "connect", bench_connect },
	{ "memory", bench_memory },       { "wait", bench_wait },
};

static const struct group *find(const char *name)
{
	for (size_t i = 0; i < PEAL_COUNTOF(groups); i++) {
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int first = 1 + bench_begin(argc, argv);

	for (int i = first; i < argc; i++) {
		if (!find(argv[i]))
			first = argc;
	}
	if (first >= argc) {
		fputs("usage: bench-dispatch [--quick] GROUP...\ngroups:", stderr);
		for (size_t i = 0; i < PEAL_COUNTOF(groups); i++)
			fprintf(stderr, " %s", groups[i].name);
		fputc('\n', stderr);
		return 2;
	}
	printf("# Peal %s\n# %s\n", peal_version(), COMPILER);
	for (int i = first; i < argc; i++)
		find(argv[i])->run();
	return 0;
}
