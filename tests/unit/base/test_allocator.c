/* SPDX-License-Identifier: MIT */
/* peal/base.h: the allocator and the log. */
#include "pealtest.h"

#include <peal/dispatch.h>

#include <stdlib.h>
#include <string.h>

struct beat_args {
	int number;
};
PEAL_SIGNAL(beat);

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	return 0;
}

#ifdef PEAL_FIXED_POOL

static void *never_alloc(void *ctx, size_t size)
{
	(void)ctx;
	T_FAIL("asked for %zu bytes", size);
}

static void never_free(void *ctx, void *pointer, size_t size)
{
	(void)ctx;
	(void)size;
	T_FAIL("gave back %p", pointer);
}

TEST(a_fixed_pool_takes_no_allocator)
{
	const struct peal_allocator allocator = { .alloc = never_alloc, .free = never_free };

	T_CODE(peal_set_allocator(&allocator), PEAL_ENOTSUP);
	T_OK(PEAL_CONNECT(beat, hear, .uid = "u"));
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u"));
	T_UINT(peal_trim(), 0);
}

#else

struct arena {
	size_t blocks;
	size_t bytes;
};

static void *arena_alloc(void *ctx, size_t size)
{
	struct arena *arena = ctx;

	T_TRUE(size > 0);
	arena->blocks++;
	arena->bytes += size;
	return malloc(size);
}

static void arena_free(void *ctx, void *pointer, size_t size)
{
	struct arena *arena = ctx;

	T_TRUE(pointer != NULL);
	T_TRUE(arena->blocks > 0 && arena->bytes >= size);
	arena->blocks--;
	arena->bytes -= size;
	free(pointer);
}

static const struct peal_allocator harness = { .alloc = test_alloc, .free = test_free };

TEST(all_memory_comes_from_the_allocator_and_goes_back_with_its_size)
{
	struct arena arena = { 0 };
	struct peal_allocator allocator = { &arena, arena_alloc, arena_free };
	struct peal_handle handle;

	T_UINT(peal_trim(), 0);
	T_OK(peal_set_allocator(&allocator));
	allocator = (struct peal_allocator){ NULL, NULL, NULL }; /* it was copied */
	T_OK(PEAL_CONNECT(beat, hear, .uid = "u", .sender = &arena, .ret_handle = &handle));
	T_TRUE(arena.blocks > 0);
	T_UINT(peal_trim(), arena.bytes);
	T_UINT(test_counts().live_count, 0);
	T_OK(peal_disconnect(handle));
	T_UINT(peal_trim(), 0);
	T_UINT(arena.blocks, 0);
	T_UINT(arena.bytes, 0);
	T_OK(peal_set_allocator(&harness));
}

TEST(while_memory_is_in_use_the_allocator_stays)
{
	struct arena arena = { 0 };
	const struct peal_allocator allocator = { &arena, arena_alloc, arena_free };

	T_OK(PEAL_CONNECT(beat, hear));
	T_CODE(peal_set_allocator(&allocator), PEAL_EBUSY);
	T_CODE(peal_set_allocator(NULL), PEAL_EBUSY);
	T_OK(PEAL_CONNECT(beat, hear, .uid = "u"));
	T_UINT(arena.blocks, 0);
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u"));
	T_OK(PEAL_DISCONNECT(beat, hear));
	/* What the library keeps for later use is in use; after a trim it keeps nothing. */
	T_UINT(peal_trim(), 0);
	T_OK(peal_set_allocator(&allocator));
	T_OK(peal_set_allocator(&harness));
}

TEST(null_restores_the_default)
{
	struct arena arena = { 0 };
	const struct peal_allocator allocator = { &arena, arena_alloc, arena_free };

	T_OK(peal_set_allocator(&allocator));
	T_OK(peal_set_allocator(NULL));
	T_OK(PEAL_CONNECT(beat, hear));
	T_UINT(arena.blocks, 0);
	T_UINT(test_counts().live_count, 0);
	T_TRUE(peal_trim() > 0);
	T_OK(PEAL_DISCONNECT(beat, hear));
	T_UINT(peal_trim(), 0);
	T_OK(peal_set_allocator(&harness));
}

TEST(half_an_allocator_is_refused)
{
	const struct peal_allocator no_free = { .alloc = test_alloc };
	const struct peal_allocator no_alloc = { .free = test_free };

	T_CODE(peal_set_allocator(&no_free), PEAL_EINVAL);
	T_CODE(peal_set_allocator(&no_alloc), PEAL_EINVAL);
	T_OK(PEAL_CONNECT(beat, hear)); /* and the present one stays */
	T_TRUE(test_counts().live_count > 0);
	T_OK(PEAL_DISCONNECT(beat, hear));
}

TEST(trim_gives_back_what_is_kept_and_leaves_what_is_connected)
{
	static int users[100];
	size_t full;
	size_t one;

	T_OK(PEAL_CONNECT(beat, hear));
	for (size_t i = 0; i < PEAL_COUNTOF(users); i++)
		T_OK(PEAL_CONNECT(beat, hear, .user = &users[i], .sender = &users[i]));
	full = peal_trim();
	T_UINT(test_counts().live_bytes, full);
	T_UINT(peal_trim(), full);
	for (size_t i = 0; i < PEAL_COUNTOF(users); i++)
		T_OK(PEAL_DISCONNECT(beat, hear, .user = &users[i], .sender = &users[i]));
	one = peal_trim();
	T_TRUE(one < full);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_CODE(PEAL_CONNECT(beat, hear), PEAL_EXISTS);
	T_OK(PEAL_DISCONNECT(beat, hear));
	T_UINT(peal_trim(), 0);
	T_UINT(test_counts().live_count, 0);
}

#endif

/* ---- The log --------------------------------------------------------------------------------- */

static int lines;

static void count_line(void *user, enum peal_log_level level, const char *domain,
		       const char *message)
{
	T_PTR(user, &lines);
	T_INT(level, PEAL_LOG_ERROR);
	T_TRUE(strncmp(domain, "peal.", 5) == 0);
	T_TRUE(message[0] != '\0');
	T_TRUE(strchr(message, '\n') == NULL); /* one line without its newline */
	lines++;
}

static int fail(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	return peal_error_set(call->error, PEAL_EINVAL, "%.400s", "it failed");
}

TEST(the_log_is_silent_unless_it_is_set)
{
	T_OK(PEAL_CONNECT(beat, fail));
	peal_set_log(count_line, &lines);
	T_OK(PEAL_SEND_ROBUST(beat, NULL, NULL, .number = 1));
	T_INT(lines, 1);
	peal_set_log(NULL, NULL);
	T_OK(PEAL_SEND_ROBUST(beat, NULL, NULL, .number = 1));
	T_INT(lines, 1);
	T_OK(PEAL_DISCONNECT(beat, fail));
}
