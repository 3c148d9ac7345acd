/* SPDX-License-Identifier: MIT */
/*
 * Memory of the library. Sizes are known on both sides, so that an application's allocator needs no
 * headers, and the bytes in use are counted. With PEAL_FIXED_POOL everything comes from one static
 * area.
 */
#ifndef PEAL_BASE_ALLOC_H
#define PEAL_BASE_ALLOC_H

#include <peal/base.h>
#include <stddef.h>

/* size > 0; NULL when there is none. Any thread. */
PEAL_API void *peal__alloc(size_t size);
PEAL_API void *peal__alloc_zero(size_t size);
PEAL_API void peal__free(void *pointer, size_t size); /* NULL does nothing */

/* A copy of a text, to be freed with peal__text_free(); NULL when out of memory. */
char *peal__text_copy(const char *text);
void peal__text_free(char *text);

size_t peal__bytes_in_use(void);

/*
 * Around fork(), so that the child does not find the fixed area locked by a thread that it does not
 * have.
 */
void peal__memory_lock(void);
void peal__memory_unlock(void);

#endif
