/* SPDX-License-Identifier: MIT */
/*
 * The operation fuzzer (tests/unit/dispatch/fuzz_ops.h) under libFuzzer, which looks for inputs that reach new code:
 *
 *	CC=clang meson setup build/fuzz && ninja -C build/fuzz fuzz-dispatch && mkdir -p build/corpus
 *	build/fuzz/tests/fuzz/fuzz-dispatch -max_len=400 build/corpus tests/fuzz/corpus/dispatch
 */
#include "fuzz_ops.h"

#include <peal/base.h>
#include <peal/error.h>

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t fail_nth;

static void *counting_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return fail_nth && --fail_nth == 0 ? NULL : malloc(size);
}

static void counting_free(void *ctx, void *pointer, size_t size)
{
	(void)ctx;
	(void)size;
	free(pointer);
}

static void fail_allocation(size_t nth)
{
	fail_nth = nth;
}

static void fail(const char *message)
{
	fprintf(stderr, "%s\n", message);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct peal_allocator allocator = { .alloc = counting_alloc,
							 .free = counting_free };
	static const struct fuzz_host host = { .fail = fail, .fail_allocation = fail_allocation };
	static bool ready;

	if (!ready && peal_set_allocator(&allocator) != PEAL_OK)
		fail("the allocator cannot be set");
	ready = true;
	fuzz_ops_run(&host, data, size);
	return 0;
}
