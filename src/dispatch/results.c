/* SPDX-License-Identifier: MIT */
/*
 * The answers of a send. Room for all is made before the first receiver is called, so that a
 * receiver that has run is never missing; texts are kept in chunks that hang on the results.
 */
#include "internal.h"
#include "alloc.h"

#include <string.h>

enum {
	CHUNK_MIN = 1000
};

struct chunk {
	struct chunk *next;
	size_t size;
	size_t used;
	char data[];
};

/* A copy of some bytes, with a NUL behind them. NULL: out of memory. */
static char *keep(struct peal_results *results, const void *data, size_t size)
{
	struct chunk *chunk = results->internal;
	char *copy;

	if (!chunk || chunk->size - chunk->used <= size) {
		size_t wanted = size + 1 > CHUNK_MIN ? size + 1 : CHUNK_MIN;

		chunk = peal__alloc(sizeof(*chunk) + wanted);
		if (!chunk)
			return NULL;
		chunk->next = results->internal;
		chunk->size = wanted;
		chunk->used = 0;
		results->internal = chunk;
	}
	copy = chunk->data + chunk->used;
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	chunk->used += size + 1;
	return copy;
}

static void chunks_free(struct peal_results *results)
{
	struct chunk *chunk = results->internal;

	while (chunk) {
		struct chunk *next = chunk->next;

		peal__free(chunk, sizeof(*chunk) + chunk->size);
		chunk = next;
	}
	results->internal = NULL;
}

void peal__results_reset(struct peal_results *results)
{
	chunks_free(results);
	results->count = 0;
	peal_error_clear(&results->error);
	if (!results->items) {
		results->items = results->inside;
		results->capacity = PEAL_COUNTOF(results->inside);
	}
}

void peal_results_fini(struct peal_results *results)
{
	if (!results)
		return;
	chunks_free(results);
	if (results->items && results->items != results->inside)
		peal__free(results->items, results->capacity * sizeof(*results->items));
	results->items = NULL;
	results->count = results->capacity = 0;
}

int peal__results_reserve(struct peal_results *results, size_t count)
{
	struct peal_result *items;

	if (count <= results->capacity)
		return PEAL_OK;
	items = peal__alloc(count * sizeof(*items));
	if (!items)
		return PEAL_ENOMEM;
	if (results->count)
		memcpy(items, results->items, results->count * sizeof(*items));
	if (results->items != results->inside)
		peal__free(results->items, results->capacity * sizeof(*items));
	results->items = items;
	results->capacity = count;
	return PEAL_OK;
}

void peal__results_add(struct peal_results *results, struct peal_handle handle, void *user,
		       const char *site, int code, const char *message, struct peal_value response)
{
	const char *name;
	size_t size = peal__site_receiver(site, &name);
	const char *receiver = keep(results, name, size);
	const char *text = message && *message ? keep(results, message, strlen(message)) : "";

	results->items[results->count++] = (struct peal_result){
		.handle = handle,
		.user = user,
		.receiver = receiver ? receiver : "?",
		.code = code,
		.message = text ? text : peal_strerror(code),
		.response = response,
	};
}

int peal__results_keep(struct peal_results *results, struct peal_value value,
		       struct peal_value *ret_copy)
{
	if (value.kind == PEAL_VALUE_TEXT || value.kind == PEAL_VALUE_BYTES) {
		value.as.text.data = keep(results, value.as.text.data, value.as.text.size);
		if (!value.as.text.data)
			return PEAL_ENOMEM;
	}
	*ret_copy = value;
	return PEAL_OK;
}

int peal_call_respond(struct peal_call *call, struct peal_value response)
{
	struct collector *collector = ((struct frame *)call)->collector;

	if (!collector)
		return PEAL_OK;
	return peal__results_keep(collector->results, response, &collector->response);
}

/* "FILE:LINE:RECEIVER, OPTIONS": the receiver, without an & before it. */
size_t peal__site_receiver(const char *site, const char **ret_name)
{
	const char *name;

	*ret_name = "?";
	if (!site || !(name = strchr(site, ':')) || !(name = strchr(name + 1, ':')))
		return 1;
	name++;
	while (*name == '&' || *name == ' ')
		name++;
	*ret_name = name;
	return strcspn(name, ", \t\n");
}

void peal__site_text(const char *site, char *name, size_t size)
{
	const char *receiver;
	size_t length = peal__site_receiver(site, &receiver);

	if (length > size - 1)
		length = size - 1;
	memcpy(name, receiver, length);
	name[length] = '\0';
}
