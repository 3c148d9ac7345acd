/* SPDX-License-Identifier: MIT */
/*
 * peal/fixture.h: rows from and to JSON, in Django's format.
 *
 *	[
 *	{"model": "school.student", "pk": 1, "fields": {"name": "Rahul Sharma", "school": 4, "courses": [1, 7]}}
 *	]
 *
 *	r = peal_fixture_load("school.json", NULL, &count, &error);
 *
 * Loading     Each object is saved raw (peal_pre_save and peal_post_save say so): with a key that exists it replaces that
 *             row, and a field that is left out gets its initial value. Then its many-to-many fields are set, with the
 *             usual signals. All is one transaction, a savepoint inside a block: an error leaves nothing behind, and names
 *             the file, the line and the record. Foreign keys are checked at the end, so the order does not matter.
 *             PostgreSQL's counters of keys are set behind the largest key.
 * Values      null, numbers, booleans and texts; a date-time is "2026-11-21T04:42:00Z", bytes are base64, a JSON field is
 *             any JSON. What does not fit its field, a field or a model that does not exist, and a name that stands twice
 *             in an object are errors.
 *             JSON that a C program can read: no number beyond a double, no whole one beyond 64 bits, no \u0000.
 * Build       without jansson, loading returns PEAL_ENOTSUP.
 */
#ifndef PEAL_FIXTURE_H
#define PEAL_FIXTURE_H

#include <stdio.h>

#include <peal/query.h>

PEAL_BEGIN_DECLS

struct peal_fixture_progress {
	int64_t objects; /* so far */
	size_t bytes, total_bytes;
};

/* Called after every so many objects and at the end. Anything but 0 ends the loading, undone, with that error. */
typedef int peal_fixture_progress_fn(void *user, const struct peal_fixture_progress *progress,
				     struct peal_error *error);

struct PEAL_NAMED_ONLY peal_fixture_options {
	const char *database; /* NULL: "default" */
	const char *name;     /* of a text, for messages; NULL: "fixture" */
	peal_fixture_progress_fn *progress;
	void *user;
	int64_t progress_every; /* objects; 0: 1000 */
};

/* options and ret_count, the number of objects, may be NULL. A file that cannot be read is PEAL_ESYS. */
PEAL_API PEAL_MUST_CHECK int peal_fixture_load(const char *path,
					       const struct peal_fixture_options *options,
					       int64_t *ret_count, struct peal_error *error);

/* The same from a text. */
PEAL_API PEAL_MUST_CHECK int peal_fixture_load_text(const char *json, size_t size,
						    const struct peal_fixture_options *options,
						    int64_t *ret_count, struct peal_error *error);

/*
 * Write all rows of these models, each model in the order of its keys, one row a line (Django: dumpdata). models may be
 * NULL: all that are registered, but automatic relation tables, whose rows stand with the model that declares them. No
 * instance is made and no signal sent. ret_count may be NULL.
 */
PEAL_API PEAL_MUST_CHECK int peal_fixture_dump(FILE *file, const struct peal_model *const *models,
					       size_t count, const char *database,
					       int64_t *ret_count, struct peal_error *error);

PEAL_END_DECLS

#endif
