/* SPDX-License-Identifier: MIT */
/*
 * The allocator behind the library: malloc, the application's own, or a fixed area.
 *
 * The fixed area (meson -Dfixed_pool=N) is a buddy allocator: blocks of 2^k units, split and joined
 * again, with the order of each free block beside it. It exists for programs that must not call
 * malloc at all; its size is chosen so that N connections with scope and uid fit whatever the order
 * of connecting.
 */
#include "alloc.h"

#include <peal/base.h>
#include <peal/error.h>
#include <stdlib.h>
#include <string.h>

static size_t bytes_in_use;

size_t peal__bytes_in_use(void)
{
	return __atomic_load_n(&bytes_in_use, __ATOMIC_RELAXED);
}

#ifdef PEAL_FIXED_POOL

#include <pthread.h>

enum {
	UNIT = 64,
	UNITS_WANTED = (PEAL_FIXED_POOL)*6 +
		       1024, /* see the head comment; measured by tests/unit/dispatch */
	ORDERS = 20,
};

static _Alignas(UNIT) unsigned char area[(size_t)UNITS_WANTED * UNIT];
static signed char
	free_order[UNITS_WANTED];        /* order + 1 of the free block that begins here, else 0 */
static uint32_t next_free[UNITS_WANTED]; /* unit + 1 of the next free block of that order */
static uint32_t first_free[ORDERS];      /* unit + 1 */
static bool area_ready;
static pthread_mutex_t area_lock = PTHREAD_MUTEX_INITIALIZER;

static void block_add(uint32_t unit, unsigned order)
{
	free_order[unit] = (signed char)(order + 1);
	next_free[unit] = first_free[order];
	first_free[order] = unit + 1;
}

static void block_remove(uint32_t unit, unsigned order)
{
	uint32_t *link = &first_free[order];

	while (*link != unit + 1)
		link = &next_free[*link - 1];
	*link = next_free[unit];
	free_order[unit] = 0;
}

/* The area as the largest aligned blocks that fit. */
static void area_prepare(void)
{
	for (uint32_t unit = 0; unit < UNITS_WANTED;) {
		unsigned order = 0;

		while (order + 1 < ORDERS && (unit & ((2u << order) - 1)) == 0 &&
		       unit + (2u << order) <= UNITS_WANTED)
			order++;
		block_add(unit, order);
		unit += 1u << order;
	}
	area_ready = true;
}

static unsigned order_of(size_t size)
{
	unsigned order = 0;

	while (((size_t)UNIT << order) < size)
		order++;
	return order;
}

static void *area_alloc(size_t size)
{
	unsigned wanted = order_of(size);
	unsigned order = wanted;
	uint32_t unit;

	if (!area_ready)
		area_prepare();
	while (order < ORDERS && !first_free[order])
		order++;
	if (order >= ORDERS)
		return NULL;
	unit = first_free[order] - 1;
	block_remove(unit, order);
	while (order > wanted) {
		order--;
		block_add(unit + (1u << order), order);
	}
	return area + (size_t)unit * UNIT;
}

static void area_free(void *pointer, size_t size)
{
	uint32_t unit = (uint32_t)(((unsigned char *)pointer - area) / UNIT);
	unsigned order = order_of(size);

	for (; order + 1 < ORDERS; order++) {
		uint32_t buddy = unit ^ (1u << order);

		if (buddy + (1u << order) > UNITS_WANTED ||
		    free_order[buddy] != (signed char)(order + 1))
			break;
		block_remove(buddy, order);
		unit &= ~(1u << order);
	}
	block_add(unit, order);
}

void *peal__alloc(size_t size)
{
	void *pointer;

	pthread_mutex_lock(&area_lock);
	pointer = area_alloc(size);
	pthread_mutex_unlock(&area_lock);
	if (pointer)
		__atomic_fetch_add(&bytes_in_use, size, __ATOMIC_RELAXED);
	return pointer;
}

void peal__free(void *pointer, size_t size)
{
	if (!pointer)
		return;
	pthread_mutex_lock(&area_lock);
	area_free(pointer, size);
	pthread_mutex_unlock(&area_lock);
	__atomic_fetch_sub(&bytes_in_use, size, __ATOMIC_RELAXED);
}

int peal_set_allocator(const struct peal_allocator *allocator)
{
	return allocator ? PEAL_ENOTSUP : PEAL_OK;
}

void peal__memory_lock(void)
{
	pthread_mutex_lock(&area_lock);
}

void peal__memory_unlock(void)
{
	pthread_mutex_unlock(&area_lock);
}

#else

static void *default_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void default_free(void *ctx, void *pointer, size_t size)
{
	(void)ctx;
	(void)size;
	free(pointer);
}

static struct peal_allocator allocator = { .alloc = default_alloc, .free = default_free };

int peal_set_allocator(const struct peal_allocator *wanted)
{
	if (wanted && (!wanted->alloc || !wanted->free))
		return PEAL_EINVAL;
	if (peal__bytes_in_use())
		return PEAL_EBUSY;
	allocator =
		wanted ? *wanted
		       : (struct peal_allocator){ .alloc = default_alloc, .free = default_free };
	return PEAL_OK;
}

void *peal__alloc(size_t size)
{
	void *pointer = allocator.alloc(allocator.ctx, size);

	if (pointer)
		__atomic_fetch_add(&bytes_in_use, size, __ATOMIC_RELAXED);
	return pointer;
}

void peal__free(void *pointer, size_t size)
{
	if (!pointer)
		return;
	allocator.free(allocator.ctx, pointer, size);
	__atomic_fetch_sub(&bytes_in_use, size, __ATOMIC_RELAXED);
}

void peal__memory_lock(void)
{
}

void peal__memory_unlock(void)
{
}

#endif

void *peal__alloc_zero(size_t size)
{
	void *pointer = peal__alloc(size);

	return pointer ? memset(pointer, 0, size) : NULL;
}

char *peal__text_copy(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = peal__alloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void peal__text_free(char *text)
{
	if (text)
		peal__free(text, strlen(text) + 1);
}
