/* SPDX-License-Identifier: MIT */
/*
 * glue_peal.c: each test of libpeal runs on the counting allocator, and sees the library's log on
 * stderr.
 */
#include "glue.h"
#include "pealtest.h"

#include <peal/peal.h>

#include <stdio.h>
#include <unistd.h>

static void show_log(void *user, enum peal_log_level level, const char *domain, const char *message)
{
	(void)user;
	dprintf(STDERR_FILENO, "log: %s %d: %s\n", domain, (int)level, message);
}

static void before(void)
{
	static bool installed;
	static const struct peal_allocator allocator = { .alloc = test_alloc, .free = test_free };

	peal_set_log(show_log, NULL);
	/* Once per process: with --no-fork the next test finds it there. */
	if (!installed) {
#ifdef PEAL_FIXED_POOL
		T_CODE(peal_set_allocator(&allocator), PEAL_ENOTSUP);
#else
		T_OK(peal_set_allocator(&allocator));
#endif
	}
	installed = true;
}

static void settle(void)
{
	peal_trim();
}

const struct test_glue test_glue = {
	.before = before,
	.settle = settle,
	.code_name = peal_error_name,
};
