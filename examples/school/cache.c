/* SPDX-License-Identifier: MIT */
#include "cache.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	struct entry *next;
	char *name;
	char *page;
};

static struct entry *entries;

static struct entry **find(const char *name)
{
	struct entry **at = &entries;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static void entry_free(struct entry *entry)
{
	free(entry->name);
	free(entry->page);
	free(entry);
}

/* A page that finds no memory is simply not cached. */
void cache_set(const char *name, const char *page)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	cache_delete(name);
	if (!entry)
		return;
	entry->name = strdup(name);
	entry->page = strdup(page);
	if (!entry->name || !entry->page) {
		entry_free(entry);
		return;
	}
	entry->next = entries;
	entries = entry;
}

const char *cache_get(const char *name)
{
	const struct entry *entry = *find(name);

	return entry ? entry->page : NULL;
}

bool cache_delete(const char *name)
{
	struct entry **at = find(name);
	struct entry *entry = *at;

	if (!entry)
		return false;
	*at = entry->next;
	entry_free(entry);
	return true;
}

void cache_clear(void)
{
	while (entries)
		cache_delete(entries->name);
}
