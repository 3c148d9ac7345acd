/* SPDX-License-Identifier: MIT */
/*
 * The build with a fixed pool (meson -Dfixed_pool=N): as many connections as were asked for fit, whatever they are
 * like; then there is PEAL_ENOMEM and nothing else changes; all comes back; and malloc is never called.
 */
#include "pealtest.h"

#include <peal/peal.h>

#include <stdio.h>
#include <stdlib.h>

/* The program's malloc is this one. Only what is called between watch_begin() and watch_end() counts. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);

static _Thread_local volatile bool watched;
static _Thread_local volatile unsigned mallocs;

void *malloc(size_t size)
{
	mallocs += watched;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	mallocs += watched;
	return __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size)
{
	mallocs += watched;
	return __libc_realloc(pointer, size);
}

static void watch_begin(void)
{
	mallocs = 0;
	watched = true;
}

static void watch_end(void)
{
	watched = false;
	T_UINT(mallocs, 0);
}

TEST(the_watch_sees)
{
	void *volatile pointer;

	watch_begin();
	pointer = malloc(1);
	watched = false;
	free(pointer);
	T_UINT(mallocs, 1);
}

enum {
	LIMIT = 4 * PEAL_FIXED_POOL
};

struct none_args {
	int none;
};
static struct peal_signal signals[16];
static char senders[LIMIT];
static struct peal_scope scopes[LIMIT];
static struct peal_handle handles[LIMIT];
static char uids[LIMIT][24];
static unsigned releases;

static int receive(struct peal_call *call, const struct none_args *args)
{
	(void)args;
	++*(char *)call->user;
	return 0;
}

static void released(void *user)
{
	(void)user;
	releases++;
}

static char heard[LIMIT];

/* Ways of being different. */
enum kind {
	ALIKE,
	SENDERS,
	PRIORITIES,
	SIGNALS,
	PENDING,
	MIXED,
	KINDS
};

static int connect(enum kind kind, unsigned i)
{
	struct peal_connection options = {
		.size = sizeof(options),
		.receiver = (peal_function *)receive,
		.site = "fixed.c:1:receive",
		.args_size = sizeof(struct none_args),
		.user = &heard[i],
		.release = released,
		.uid = uids[i],
		.scope = kind == MIXED ? &scopes[i] : &scopes[i % 3],
		.ret_handle = &handles[i],
	};
	unsigned signal = kind == SIGNALS || kind == MIXED ? i % PEAL_COUNTOF(signals) : 0;

	if (kind == SENDERS || (kind == MIXED && i % 3))
		options.sender = &senders[i];
	if (kind == PRIORITIES || (kind == MIXED && i % 5 == 0))
		options.priority = (int)(i % 16);
	if (kind == PENDING)
		options.sender_name = "fixed.Later";
	snprintf(uids[i], sizeof(uids[i]), "fixed.uid.%u", i);
	return peal_connect(&signals[signal], &options);
}

static const char *const kinds[] = {
	"alike", "senders", "priorities", "signals", "pending", "mixed"
};

static unsigned fill(enum kind kind)
{
	unsigned count = 0;
	int code;

	while (count < LIMIT && (code = connect(kind, count)) >= 0)
		count++;
	if (count < LIMIT)
		T_CODE(code, PEAL_ENOMEM);
	return count;
}

static void prepare(void)
{
	for (unsigned i = 0; i < PEAL_COUNTOF(signals); i++)
		signals[i] = (struct peal_signal){ .name = "fixed",
						   .site = "fixed.c:1",
						   .args_size = sizeof(struct none_args) };
	T_OK(peal_thread_prepare());
}

TEST(as_many_as_asked_for)
{
	static const struct none_args args;

	prepare();
	for (int kind = 0; kind < KINDS; kind++)
		for (unsigned round = 0; round < 2; round++) {
			unsigned count;

			watch_begin();
			count = fill((enum kind)kind);
			/* Full: what is there goes on as before. */
			for (unsigned i = 0; i < LIMIT; i++)
				heard[i] = 0;
			for (unsigned i = 0; i < PEAL_COUNTOF(signals); i++)
				T_OK(peal_send(&signals[i], &senders[1], &args, sizeof(args)));
			watch_end();
			if (kind != PENDING)
				T_INT(heard[0], kind != SENDERS);
			if (count < PEAL_FIXED_POOL)
				T_FAIL("%s: %u connections fit, of %u", kinds[kind], count,
				       PEAL_FIXED_POOL);
			if (round == 0)
				printf("%s: %u%s\n", kinds[kind], count,
				       count == LIMIT ? " and more" : "");
			watch_begin();
			releases = 0;
			if (round == 1)
				for (unsigned i = 0; i < LIMIT; i++)
					T_OK(peal_scope_end(&scopes[i]));
			/* In another order than that of connecting, and those that it left out. */
			for (unsigned i = 0; i < 2 * count; i++)
				(void)!peal_disconnect(
					handles[i < count ? i * 7 % count : i - count]);
			T_UINT(releases, count);
			T_UINT(peal_trim(), 0);
			watch_end();
		}
}

/* Coming and going in random order: the pool does not crumble. */
TEST(a_long_life)
{
	struct test_random random = test_random_init(0);
	static bool there[PEAL_FIXED_POOL];

	prepare();
	watch_begin();
	for (unsigned i = 0; i < 200000; i++) {
		unsigned which = (unsigned)test_random_below(&random, PEAL_FIXED_POOL * 3 / 4);

		if (there[which])
			T_OK(peal_disconnect(handles[which]));
		else
			T_OK(connect(MIXED, which));
		there[which] = !there[which];
	}
	for (unsigned i = 0; i < PEAL_FIXED_POOL; i++)
		if (there[i])
			T_OK(peal_disconnect(handles[i]));
	T_UINT(peal_trim(), 0);
	watch_end();
}

TEST(no_other_allocator)
{
	static const struct peal_allocator other = { .alloc = test_alloc, .free = test_free };

	T_CODE(peal_set_allocator(&other), PEAL_ENOTSUP);
	T_OK(peal_set_allocator(NULL));
}
