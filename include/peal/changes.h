/* SPDX-License-Identifier: MIT */
/*
 * peal/changes.h: which fields of a row have changed, and what they were before.
 *
 * For models that ask for it; others pay nothing:
 *
 *	PEAL_MODEL_DEFINE(student_model, struct student, ..., .track_changes = true);
 *
 *	static int mail_old_address(struct peal_call *call, const struct peal_post_save_args *args)
 *	{
 *		const struct peal_change *email = PEAL_CHANGE(student_model, email, args->changes);
 *
 *		if (!email || email->before.kind == PEAL_VALUE_NULL)
 *			return 0;
 *		return mail(email->before.as.text.data, "your address is now", email->after.as.text.data);
 *	}
 *
 * An instance remembers what its row had when it was loaded or last saved, and compares: it does not matter how a member
 * was set. (Django has nothing like it; its users add a tracker in post_init and post_save.)
 *
 *   a new instance        every field is a change, with null before
 *   a field not loaded    no change until it is set; then one whose before is null and unknown
 *   update_fields         only what was written counts, and stays clean afterwards; the rest stays changed
 *   automatic date-times  are part of the changes in post_save: they are set after pre_save
 *   a save that fails     leaves the changes pending. When it was a receiver of post_save that failed, the row is
 *                         written, and the changes are over.
 *   a rollback            is not seen: the instance remembers what was saved last. peal_refresh() tells it what is
 *                         there; to write it once more use a plain save, for .changed_only finds nothing to do.
 *   bulk operations       peal_bulk_create() and peal_bulk_update() leave clean what they have written; an update by
 *                         query knows no instances.
 *
 * Costs, when a model asks: one block of memory for each instance that is loaded or saved, with 24 bytes a field and a
 * copy of its text and bytes. On SQLite, for rows of five fields, that was 70 % more instructions to load one and 40 %
 * more to save one.
 */
#ifndef PEAL_CHANGES_H
#define PEAL_CHANGES_H

#include <peal/error.h>
#include <peal/value.h>

PEAL_BEGIN_DECLS

struct peal_field;
struct peal_instance;

struct peal_change {
	const struct peal_field *field;
	const char *name; /* of the member; of a relation that of its key: "author_id" */
	struct peal_value before;
	struct peal_value after;
	bool unknown; /* there is a value before, but it was never loaded */
};

/* In the order of the fields. */
struct peal_changes {
	const struct peal_change *items;
	size_t count;
};

/*
 * PEAL_CHANGE(student_model, name, args->changes)     the member must exist: else a compile error
 * peal_change_of(args->changes, "name")               the same by a name that is known at run time only
 *
 * The change of a field (a relation by its own name or its key's), or NULL: it did not change, or changes is NULL.
 * Borrowed from changes.
 */
PEAL_API const struct peal_change *peal_change_of(const struct peal_changes *changes,
						  const char *name);
#define PEAL_CHANGE(model_, member_, changes_) \
	peal_change_of((changes_), &#member_[0 * sizeof(((model_##_row *)0)->member_)])

/*
 * What a save of the instance would change, in pre_save and everywhere else. The list belongs to the instance until the
 * next call, the next save, or its end; the values before to the tracker, those after are the members' own.
 * PEAL_EINVAL: the model has no .track_changes.
 *
 *	r = peal_changes_get(&student->instance, &changes, call->error);
 *	if (r == 0 && PEAL_CHANGE(student_model, name, changes))
 *		...
 */
PEAL_API PEAL_MUST_CHECK int peal_changes_get(struct peal_instance *instance,
					      const struct peal_changes **ret_changes,
					      struct peal_error *error);

/* Whether there is any change. True as well when the model has no .track_changes, and so does not know. */
PEAL_API bool peal_is_changed(const struct peal_instance *instance);

PEAL_END_DECLS

#endif
