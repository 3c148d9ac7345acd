/* SPDX-License-Identifier: MIT */
/* A cache in memory: a few pages by name. Good enough to have something to clear. */
#ifndef SCHOOL_CACHE_H
#define SCHOOL_CACHE_H

#include <stdbool.h>

void cache_set(const char *name, const char *page);
const char *cache_get(const char *name); /* NULL: not there */
bool cache_delete(const char *name);     /* whether it was there */
void cache_clear(void);

#endif
