/* SPDX-License-Identifier: MIT */
#include "limit.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	limit_fn *function;
	void *ctx;
};

struct limit_signal {
	struct entry *entries;
	size_t count;
	size_t capacity;
};

struct limit_signal *limit_new(void)
{
	struct limit_signal *signal = calloc(1, sizeof(*signal));

	if (!signal)
		abort();
	return signal;
}

void limit_free(struct limit_signal *signal)
{
	free(signal->entries);
	free(signal);
}

void limit_connect(struct limit_signal *signal, limit_fn *function, void *ctx)
{
	if (signal->count == signal->capacity) {
		signal->capacity = signal->capacity ? signal->capacity * 2 : 4;
		signal->entries =
			realloc(signal->entries, signal->capacity * sizeof(*signal->entries));
		if (!signal->entries)
			abort();
	}
	signal->entries[signal->count++] = (struct entry){ function, ctx };
}

void limit_disconnect(struct limit_signal *signal, limit_fn *function, void *ctx)
{
	for (size_t i = signal->count; i-- > 0;) {
		struct entry *entry = &signal->entries[i];

		if (entry->ctx == ctx && entry->function == function) {
			signal->count--;
			memmove(entry, entry + 1, (signal->count - i) * sizeof(*entry));
			return;
		}
	}
}

void limit_send(const struct limit_signal *signal, const void *sender, const void *args)
{
	const struct entry *end = signal->entries + signal->count;

	for (const struct entry *entry = signal->entries; entry < end; entry++)
		entry->function(entry->ctx, sender, args);
}
