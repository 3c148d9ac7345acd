/* SPDX-License-Identifier: MIT */
/*
 * alloc.c: the counting and failing allocator.
 *
 * Every block has a header before it and a guard after it. All state is relaxed atomics: a lock
 * would order the library's threads and hide its races from the thread sanitizer, and could be held
 * across a fork.
 */
#include "internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The address sanitizer watches the end of a block by itself, if it is the block's true end. */
#if defined(__SANITIZE_ADDRESS__)
#define GUARD_SIZE 0u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARD_SIZE 0u
#endif
#endif
#ifndef GUARD_SIZE
#define GUARD_SIZE 8u
#endif

#define MAGIC_LIVE UINT64_C(0x70656c61746c6976)
#define MAGIC_DEAD UINT64_C(0x6465616464656164)
#define MAX_RUNS 1000000u

struct header {
	_Alignas(max_align_t) uint64_t magic;
	size_t size;
};

static const unsigned char guard[8] = { 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd };

static atomic_size_t live_count;
static atomic_size_t live_bytes;
static atomic_size_t total_count;

/* Failing: how many more allocations succeed first, counted down; negative or zero afterwards. */
static atomic_bool fail_armed;
static atomic_bool fail_sticky;
static atomic_llong fail_countdown;
static atomic_size_t fail_hits;

static bool must_fail(void)
{
	if (!atomic_load_explicit(&fail_armed, memory_order_relaxed))
		return false;
	long long left = atomic_fetch_sub_explicit(&fail_countdown, 1, memory_order_relaxed) - 1;
	if (left > 0 || (left < 0 && !atomic_load_explicit(&fail_sticky, memory_order_relaxed)))
		return false;
	atomic_fetch_add_explicit(&fail_hits, 1, memory_order_relaxed);
	return true;
}

void *test_alloc(void *ctx, size_t size)
{
	(void)ctx;
	atomic_fetch_add_explicit(&total_count, 1, memory_order_relaxed);
	if (size == 0)
		T_FAIL("the library asked for 0 bytes");
	if (size > PTRDIFF_MAX)
		T_FAIL("the library asked for %zu bytes: an overflow?", size);
	if (must_fail())
		return NULL;

	struct header *header = malloc(sizeof(*header) + size + GUARD_SIZE);
	if (!header)
		T_FAIL("the machine has no %zu bytes left", size);
	unsigned char *block = (unsigned char *)(header + 1);
	header->magic = MAGIC_LIVE;
	header->size = size;
	memset(block, 0xa5, size);
	memcpy(block + size, guard, GUARD_SIZE);
	atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&live_bytes, size, memory_order_relaxed);
	return block;
}

void test_free(void *ctx, void *pointer, size_t size)
{
	(void)ctx;
	if (!pointer)
		T_FAIL("the library freed NULL");
	struct header *header = (struct header *)pointer - 1;
	if (header->magic != MAGIC_LIVE)
		T_FAIL("the library freed %p, which %s", pointer,
		       header->magic == MAGIC_DEAD ? "was freed before"
						   : "is no block of the allocator");
	if (header->size != size)
		T_FAIL("the library freed a block of %zu bytes as one of %zu", header->size, size);
	if (memcmp((unsigned char *)pointer + size, guard, GUARD_SIZE) != 0)
		T_FAIL("the library wrote beyond a block of %zu bytes", size);
	header->magic = MAGIC_DEAD;
	memset(pointer, 0xdd, size);
	atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&live_bytes, size, memory_order_relaxed);
	free(header);
}

struct test_counts test_counts(void)
{
	return (struct test_counts){
		.live_count = atomic_load_explicit(&live_count, memory_order_relaxed),
		.live_bytes = atomic_load_explicit(&live_bytes, memory_order_relaxed),
		.total_count = atomic_load_explicit(&total_count, memory_order_relaxed),
	};
}

void test_alloc_fail(size_t nth, bool sticky)
{
	atomic_store_explicit(&fail_armed, false, memory_order_relaxed);
	atomic_store_explicit(&fail_hits, 0, memory_order_relaxed);
	atomic_store_explicit(&fail_sticky, sticky, memory_order_relaxed);
	atomic_store_explicit(&fail_countdown, (long long)nth, memory_order_relaxed);
	atomic_store_explicit(&fail_armed, nth > 0, memory_order_relaxed);
}

size_t test_alloc_failed(void)
{
	return atomic_load_explicit(&fail_hits, memory_order_relaxed);
}

void test__check_counts(const char *when, const struct test_counts *before)
{
	if (test_glue.settle)
		test_glue.settle();
	struct test_counts now = test_counts();
	if (now.live_count != before->live_count || now.live_bytes != before->live_bytes)
		T_FAIL("%s the library holds %zu blocks of %zu bytes; before it were %zu of %zu",
		       when, now.live_count, now.live_bytes, before->live_count,
		       before->live_bytes);
}

static void check_run(const struct test_alloc_run *run)
{
	char when[96] = "after a run without failures";

	if (run->injected)
		snprintf(when, sizeof(when), "after failing allocation %zu%s", run->nth,
			 run->sticky ? " and all later ones" : "");
	test__check_counts(when, &run->before);
}

bool test_alloc_next(struct test_alloc_run *run)
{
	if (!run->started) {
		if (test_glue.settle)
			test_glue.settle();
		run->started = true;
		run->count = 1;
		run->before = test_counts();
		test_alloc_fail(0, false);
		return true;
	}

	size_t failed = test_alloc_failed();
	test_alloc_fail(0, false);
	check_run(run);
	if (++run->count > MAX_RUNS)
		T_FAIL("a loop of failing allocations has no end");
	if (run->injected && !failed) {
		if (run->sticky)
			return false;
		run->sticky = true;
		run->nth = 0;
	}
	run->injected = true;
	test_alloc_fail(++run->nth, run->sticky);
	return true;
}

void test_alloc_loop(void (*body)(void *ctx, bool injected), void *ctx)
{
	T_ALLOC_LOOP(run)
		body(ctx, run.injected);
}
