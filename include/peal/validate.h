/* SPDX-License-Identifier: MIT */
/*
 * peal/validate.h: what is wrong with an instance, field by field, before it is saved.
 *
 *	struct peal_problems problems;
 *
 *	r = peal_full_clean(&article.instance, &problems, &error);
 *	if (r == PEAL_INVALID)
 *		for (size_t i = 0; i < problems.count; i++)
 *			printf("%s: %s\n", problems.items[i].field ? problems.items[i].field : "article",
 *			       problems.items[i].message);
 *	peal_problems_fini(&problems);
 *
 * As in Django nothing of this happens by itself: a save checks only what the database could not keep.
 */
#ifndef PEAL_VALIDATE_H
#define PEAL_VALIDATE_H

#include <peal/model.h>

PEAL_BEGIN_DECLS

struct peal_problem {
	const char *
		code; /* Django's: "null", "blank", "max_length", "unique", "unique_together", ... */
	const char *field;   /* of the member or relation; NULL: the row as a whole */
	const char *message; /* a sentence for people */
};

/* Belongs to the caller. Zero is none. */
struct peal_problems {
	struct peal_problem *items;
	size_t count;
	size_t capacity;
};

/* Free what it holds; it is empty then. */
PEAL_API void peal_problems_fini(struct peal_problems *problems);

/* Add one; field may be NULL. For a model's own .clean. Returns 0 or PEAL_ENOMEM. */
PEAL_API PEAL_MUST_CHECK int peal_problems_add(struct peal_problems *problems, const char *field,
					       const char *code, const char *format, ...)
	PEAL_PRINTF(4, 5);

/*
 * Check the instance; Django's rules in Django's order:
 *
 *   fields   that were loaded, unless .blank and empty: choices, null, empty, the length in characters, UTF-8, the
 *            syntax of e-mail addresses, URLs, slugs and JSON, the digits of a decimal, days and times that there are,
 *            numbers too large for a database, and whether the row exists that a key refers to
 *   row      the model's .clean, which sees the instance as it is and may change it
 *   unique   by a query for each unique field and PEAL_UNIQUE, of those whose fields had no problem and are not null
 *
 * Queries go to the instance's own database, or to "default". Between the check and a save another row may come:
 * the database has the last word.
 *
 * *problems is begun here, and is to be ended by peal_problems_fini() whatever is returned: 0; PEAL_INVALID, and the
 * error (may be NULL) names the first problem; or a failure.
 */
PEAL_API PEAL_MUST_CHECK int peal_full_clean(struct peal_instance *instance,
					     struct peal_problems *problems,
					     struct peal_error *error);

/* The syntax checks alone. */
PEAL_API bool peal_is_email(const char *text);
PEAL_API bool peal_is_url(const char *text); /* http, https, ftp, ftps */
PEAL_API bool peal_is_slug(const char *text);
PEAL_API bool peal_is_json(const char *text);

PEAL_END_DECLS

#endif
