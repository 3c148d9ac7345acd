/* SPDX-License-Identifier: MIT */
/*
 * Memory of the data layer, which comes from libpeal's allocator: what remembers its own size, a growing text for
 * building SQL, and an arena for the rows of a query. A growing text remembers that it failed, so that a statement is built
 * by a row of calls and checked once.
 */
#ifndef PEAL_DB_HEAP_H
#define PEAL_DB_HEAP_H

#include <peal/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

void *peal__db_alloc(size_t size);             /* size > 0; zeroed; NULL when there is none */
void peal__db_free(void *pointer);             /* NULL does nothing */
int peal__no_memory(struct peal_error *error); /* PEAL_ENOMEM, and says so */
char *peal__db_text_copy(const char *text);
char *peal__db_text_copy_n(const char *text, size_t size);

/*
 * Make room for one more item in an array of count items; capacity is in items. Returns false, changing nothing, when
 * there is no memory.
 */
bool peal__db_grow(void *array, size_t *capacity, size_t count, size_t item_size);

/* A growing text; zero is empty. */
struct peal__text {
	char *data; /* ends with a NUL; NULL while empty */
	size_t size;
	size_t capacity;
	bool failed;
};

void peal__text_add(struct peal__text *text, const char *more);
void peal__text_add_n(struct peal__text *text, const char *more, size_t size);
void peal__text_add_name(struct peal__text *text, const char *name); /* "name", quoted for SQL */
void peal__text_add_number(struct peal__text *text, unsigned long long number);
void peal__text_fini(struct peal__text *text);
/* The text, to be freed with peal__db_free(), or NULL when it failed; text is empty afterwards. */
char *peal__text_take(struct peal__text *text);

/* An arena; zero is empty. What it gives is zeroed, aligned for any type, and freed all at once. */
struct peal__arena {
	struct peal__arena_block *blocks;
	size_t used;
	size_t size;
};

void *peal__arena_alloc(struct peal__arena *arena, size_t size);
void peal__arena_fini(struct peal__arena *arena);

/* A copy that ends with a NUL. The room for text needs no alignment, so texts are packed. */
char *peal__arena_text(struct peal__arena *arena, const char *text, size_t size);

#endif
