/* expect-gcc: 'tag' undeclared */
/* expect-clang: use of undeclared identifier 'tag' */
/* A many-to-many relation names the other model, not its struct. */
#include <peal/m2m.h>

struct tag {
	struct peal_instance instance;
	int64_t id;
};
PEAL_MODEL_DECLARE(tag_model, struct tag);

struct note {
	struct peal_instance instance;
	int64_t id;
};
PEAL_MODEL_DECLARE(note_model, struct note);

static const struct peal_field fields[] = {
	PEAL_ID(struct note, id),
#ifdef CORRECT
	PEAL_MANY_TO_MANY(struct note, tags, tag_model, .related_name = "notes"),
#else
	PEAL_MANY_TO_MANY(struct note, tags, tag, .related_name = "notes"),
#endif
};
PEAL_MODEL_DEFINE(note_model, struct note, .app = "auth", .name = "Note",
		  .fields = PEAL_FIELDS(fields));
