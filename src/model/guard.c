/* SPDX-License-Identifier: MIT */
/* The guard against receivers that save the row they are told about. */
#include "guard.h"

#include "log.h"

#include <peal/inspect.h>

#include <stdio.h>

enum {
	LINKS_MAX = 64, /* as deep as sends can be */
	DESCRIBED = 96,
	/* Of a longer chain the middle is left out. */
	SHOWN_IN_LOG = 860,
	SHOWN_IN_ERROR = 300,
};

bool peal__guard;

/* initial-exec, as in libpeal: it needs nothing of the loader at run time. */
static _Thread_local struct peal__saving *innermost __attribute__((tls_model("initial-exec")));

bool peal_guard_saves(bool on)
{
	return __atomic_exchange_n(&peal__guard, on, __ATOMIC_RELAXED);
}

void peal__saving_begin(struct peal__saving *saving, const struct peal_instance *instance,
			const struct peal_db *db)
{
	*saving = (struct peal__saving){ innermost, instance, db, peal_call_chain(NULL, 0) };
	innermost = saving;
}

void peal__saving_end(struct peal__saving *saving)
{
	if (saving->instance)
		innermost = saving->outer;
}

static bool is_same_row(const struct peal__saving *saving, const struct peal_instance *instance,
			const struct peal_db *db)
{
	struct peal_value key;

	if (saving->instance == instance)
		return true;
	if (saving->instance->model != instance->model || saving->db != db)
		return false;
	key = peal_key(instance);
	return key.kind != PEAL_VALUE_NULL && peal_value_equal(key, peal_key(saving->instance));
}

/* ---- The chain --------------------------------------------------------------------------------------------------- */

/* From the outer save to the one that is refused: the saves, and between them the sends. */
static void add_saves(struct peal__text *chain, const struct peal__saving *saving,
		      const struct peal__saving *from, const struct peal_chain_link *links,
		      size_t until)
{
	char row[DESCRIBED];

	if (saving != from)
		add_saves(chain, saving->outer, from, links, saving->depth);
	peal__text_add(chain, "peal_save ");
	peal__text_add(chain, peal_describe(saving->instance, row, sizeof(row)));
	peal__text_add(chain, " > ");
	for (size_t i = saving->depth; i < until && i < LINKS_MAX; i++) {
		peal__text_add(chain, links[i].signal->name);
		peal__text_add(chain,
			       links[i].when == PEAL_AFTER_COMMIT ? " after the commit > " : " > ");
		peal__text_add(chain, links[i].receiver);
		peal__text_add(chain, " > ");
	}
}

/* A chain as it is shown: its beginning, and where it is too long only that and its end. */
struct shown {
	int size; /* of the beginning */
	const char *between, *end;
};

static struct shown show(const struct peal__text *chain, size_t most)
{
	struct shown shown = { (int)chain->size, "", "" };

	if (chain->size <= most)
		return shown;
	shown.size = (int)(most / 2);
	while (shown.size && chain->data[shown.size - 1] != '>')
		shown.size--;
	shown.between = " ... > ";
	shown.end = strstr(chain->data + chain->size - most / 2, " > ");
	shown.end = shown.end ? shown.end + strlen(" > ") : "";
	return shown;
}

static int refuse(const struct peal__saving *from, const struct peal_instance *instance,
		  struct peal_error *error)
{
	struct peal_chain_link links[LINKS_MAX];
	size_t count = peal_call_chain(links, LINKS_MAX);
	struct peal__text chain = { 0 };
	char row[DESCRIBED];
	struct shown shown;
	const char *text;

	peal_describe(instance, row, sizeof(row));
	add_saves(&chain, innermost, from, links, count);
	peal__text_add(&chain, "peal_save ");
	peal__text_add(&chain, row);
	if (chain.failed) /* no memory: without the chain, then */
		peal__text_fini(&chain);
	text = chain.data ? chain.data : "";
	shown = show(&chain, SHOWN_IN_LOG);
	peal__log(PEAL_LOG_ERROR, "peal.model",
		  "%s is saved by a receiver of its own save: %.*s%s%s", row, shown.size, text,
		  shown.between, shown.end);
	shown = show(&chain, SHOWN_IN_ERROR);
	peal_error_set(error, PEAL_ERECURSION,
		       "%s is saved by a receiver of its own save: %.*s%s%s; set the fields in "
		       "peal_pre_save, or use peal_query_update()",
		       row, shown.size, text, shown.between, shown.end);
	peal__text_fini(&chain);
	return PEAL_ERECURSION;
}

int peal__guard_check(const struct peal_instance *instance, const struct peal_db *db,
		      struct peal_error *error)
{
	for (const struct peal__saving *saving = innermost; saving; saving = saving->outer)
		if (is_same_row(saving, instance, db))
			return refuse(saving, instance, error);
	return 0;
}
