/* SPDX-License-Identifier: MIT */
/*
 * peal/bulk.h: many rows at once. No save signals are sent; the init signals are those of the instances themselves.
 * peal_post_bulk (peal/model_signals.h) tells whoever listens of the whole.
 *
 *	struct peal_instance *rows[1000];
 *	...
 *	r = peal_bulk_create(&person_model, rows, 1000, NULL, &error);
 *	r = peal_bulk_update(&person_model, rows, 1000, PEAL_NAMES_OF("age"), NULL, &count, &error);
 *
 * Each call is one transaction: an error undoes it, and inside a block breaks that block. An attached row without a key
 * (PEAL_EINVAL) is noticed before anything is written.
 */
#ifndef PEAL_BULK_H
#define PEAL_BULK_H

#include <peal/query.h>

PEAL_BEGIN_DECLS

struct PEAL_NAMED_ONLY peal_bulk_options {
	const char *database; /* NULL: "default" */
	bool ignore_conflicts; /* rows that a constraint refuses are left out; no keys are written back */
	/*
	 * Instead of inserting a row that is there already, write these fields of it. unique_fields are the fields that
	 * tell so; none: the key.
	 */
	struct peal_names update_fields;
	struct peal_names unique_fields;
};

/*
 * Insert instances of the model, those with a key first, and give the others the keys that the database gave them
 * (Django: bulk_create). Automatic date-times are set.
 * Returns 0; PEAL_EINVAL (an instance of another model; options that contradict each other; an unknown field), ...
 */
PEAL_API PEAL_MUST_CHECK int peal_bulk_create(const struct peal_model *model,
					      struct peal_instance *const *instances, size_t count,
					      const struct peal_bulk_options *options,
					      struct peal_error *error);
#define PEAL_BULK_CREATE(model_, instances_, count_, error_, ...) \
	peal_bulk_create((model_), (instances_), (count_),        \
			 &(const struct peal_bulk_options){ __VA_ARGS__ }, (error_))

/*
 * Write these fields of instances of the model, which need keys (Django: bulk_update). Of an instance given twice the
 * first one counts. ret_count (may be NULL) is the number of rows that there were.
 */
PEAL_API PEAL_MUST_CHECK int peal_bulk_update(const struct peal_model *model,
					      struct peal_instance *const *instances, size_t count,
					      const struct peal_names *fields, const char *database,
					      int64_t *ret_count, struct peal_error *error);

/*
 * The rows of the query that have one of these keys, in the order of their keys, to be found by peal_rows_find() (Django:
 * in_bulk). The query stays as it is; it must not be sliced.
 */
PEAL_API PEAL_MUST_CHECK int peal_query_in_bulk(const struct peal_query *query,
						const struct peal_params *keys,
						struct peal_rows **ret_rows,
						struct peal_error *error);

/* The row with that key, or NULL: quickly in the rows of peal_query_in_bulk(), else one row after the other. */
PEAL_API struct peal_instance *peal_rows_find(const struct peal_rows *rows, struct peal_value key);

PEAL_END_DECLS

#endif
