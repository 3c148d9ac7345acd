/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include "alloc.h"

#include <stdint.h>

#define ALIGNMENT _Alignof(max_align_t)
#define ARENA_BLOCK_MIN ((size_t)4096)
#define ARENA_BLOCK_MAX ((size_t)256 * 1024)

/* In front of each allocation stands its size, which libpeal wants back. */
union header {
	size_t size;
	max_align_t align;
};

static void *alloc_dirty(size_t size)
{
	union header *header;

	if (size > SIZE_MAX - sizeof(*header))
		return NULL;
	header = peal__alloc(sizeof(*header) + size);
	if (!header)
		return NULL;
	header->size = sizeof(*header) + size;
	return header + 1;
}

void *peal__db_alloc(size_t size)
{
	void *pointer = alloc_dirty(size);

	return pointer ? memset(pointer, 0, size) : NULL;
}

void peal__db_free(void *pointer)
{
	union header *header = pointer;

	if (!header)
		return;
	header--;
	peal__free(header, header->size);
}

char *peal__db_text_copy_n(const char *text, size_t size)
{
	char *copy = size < SIZE_MAX ? alloc_dirty(size + 1) : NULL;

	if (!copy)
		return NULL;
	if (size)
		memcpy(copy, text, size);
	copy[size] = '\0';
	return copy;
}

int peal__no_memory(struct peal_error *error)
{
	return peal_error_set(error, PEAL_ENOMEM, "out of memory");
}

char *peal__db_text_copy(const char *text)
{
	return peal__db_text_copy_n(text, strlen(text));
}

bool peal__db_grow(void *array, size_t *capacity, size_t count, size_t item_size)
{
	size_t larger = *capacity ? *capacity * 2 : 8;
	void *old;
	void *new;

	if (count < *capacity)
		return true;
	if (larger > SIZE_MAX / 2 / item_size)
		return false;
	new = peal__db_alloc(larger * item_size);
	if (!new)
		return false;
	/* array is a pointer to a pointer of any type: copied as bytes, not as a void *. */
	memcpy(&old, array, sizeof(old));
	if (count)
		memcpy(new, old, count * item_size);
	peal__db_free(old);
	memcpy(array, &new, sizeof(new));
	*capacity = larger;
	return true;
}

void peal__text_add_n(struct peal__text *text, const char *more, size_t size)
{
	size_t needed = text->size + size + 1;

	if (text->failed)
		return;
	if (needed > text->capacity) {
		size_t capacity = needed < 512 ? 512 : needed * 2;
		char *data = alloc_dirty(capacity);

		if (!data) {
			text->failed = true;
			return;
		}
		if (text->size)
			memcpy(data, text->data, text->size);
		peal__db_free(text->data);
		text->data = data;
		text->capacity = capacity;
	}
	memcpy(text->data + text->size, more, size);
	text->size += size;
	text->data[text->size] = '\0';
}

void peal__text_add(struct peal__text *text, const char *more)
{
	peal__text_add_n(text, more, strlen(more));
}

void peal__text_add_name(struct peal__text *text, const char *name)
{
	const char *quote;

	peal__text_add_n(text, "\"", 1);
	while ((quote = strchr(name, '"')) != NULL) {
		peal__text_add_n(text, name, (size_t)(quote - name));
		peal__text_add_n(text, "\"\"", 2);
		name = quote + 1;
	}
	peal__text_add(text, name);
	peal__text_add_n(text, "\"", 1);
}

void peal__text_add_number(struct peal__text *text, unsigned long long number)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	peal__text_add_n(text, digits + at, sizeof(digits) - at);
}

void peal__text_fini(struct peal__text *text)
{
	peal__db_free(text->data);
	*text = (struct peal__text){ 0 };
}

char *peal__text_take(struct peal__text *text)
{
	char *data = text->failed ? NULL : text->data;

	if (!data)
		peal__db_free(text->data);
	*text = (struct peal__text){ 0 };
	return data;
}

struct peal__arena_block {
	struct peal__arena_block *next;
	max_align_t data[];
};

/* Blocks double up to a limit; something larger than a block gets one of its own, behind the current one. */
static char *arena_room(struct peal__arena *arena, size_t size)
{
	struct peal__arena_block *block;
	size_t block_size = arena->size ? arena->size * 2 : ARENA_BLOCK_MIN;
	bool large;

	if (size <= arena->size - arena->used) {
		char *room = (char *)arena->blocks->data + arena->used;

		arena->used += size;
		return room;
	}
	if (block_size > ARENA_BLOCK_MAX)
		block_size = ARENA_BLOCK_MAX;
	large = size > block_size;
	block = alloc_dirty(sizeof(*block) + (large ? size : block_size));
	if (!block)
		return NULL;
	if (large && arena->blocks) {
		block->next = arena->blocks->next;
		arena->blocks->next = block;
		return (char *)block->data;
	}
	block->next = arena->blocks;
	arena->blocks = block;
	arena->size = large ? size : block_size;
	arena->used = size;
	return (char *)block->data;
}

void *peal__arena_alloc(struct peal__arena *arena, size_t size)
{
	size_t padding = (ALIGNMENT - arena->used % ALIGNMENT) % ALIGNMENT;
	void *room;

	if (padding <= arena->size - arena->used)
		arena->used += padding;
	else
		arena->used = arena->size;
	room = arena_room(arena, size);
	return room ? memset(room, 0, size) : NULL;
}

char *peal__arena_text(struct peal__arena *arena, const char *text, size_t size)
{
	char *copy = size < SIZE_MAX ? arena_room(arena, size + 1) : NULL;

	if (!copy)
		return NULL;
	if (size)
		memcpy(copy, text, size);
	copy[size] = '\0';
	return copy;
}

void peal__arena_fini(struct peal__arena *arena)
{
	while (arena->blocks) {
		struct peal__arena_block *next = arena->blocks->next;

		peal__db_free(arena->blocks);
		arena->blocks = next;
	}
	*arena = (struct peal__arena){ 0 };
}
