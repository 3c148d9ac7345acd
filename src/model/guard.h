/* SPDX-License-Identifier: MIT */
/*
 * The guard against receivers that save the row they are told about: the saves that a thread is in, as a chain of
 * structs on its stack. Only with peal_guard_saves(true) is anything noted.
 */
#ifndef PEAL_MODEL_GUARD_H
#define PEAL_MODEL_GUARD_H

#include "state.h"

extern bool peal__guard;

static inline bool peal__guard_is_on(void)
{
	return __atomic_load_n(&peal__guard, __ATOMIC_RELAXED);
}

/* A row whose signals are being sent. Zero: none. */
struct peal__saving {
	struct peal__saving *outer;
	const struct peal_instance *instance;
	const struct peal_db *db;
	size_t depth; /* sends around it */
};

void peal__saving_begin(struct peal__saving *saving, const struct peal_instance *instance,
			const struct peal_db *db);
void peal__saving_end(struct peal__saving *saving);

/* PEAL_ERECURSION when the row's own signals are being sent in this thread; else 0. */
int peal__guard_check(const struct peal_instance *instance, const struct peal_db *db,
		      struct peal_error *error);

#endif
