/* expect-gcc: '_Generic' selector of type 'struct note \*' */
/* expect-clang: controlling expression type 'struct note \*' */
/* A relation to a model whose rows are of another type than the member points to. */
#include <peal/query.h>

struct user {
	struct peal_instance instance;
	int64_t id;
	const char *name;
	int32_t age;
	char *nickname;
	int has_age;
	bool has_limit;
	double limit;
};
PEAL_MODEL_DECLARE(user_model, struct user);

struct note {
	struct peal_instance instance;
	int64_t id;
	int64_t user_id;
	struct user *user;
	int64_t other_id;
	struct note *other;
};
PEAL_MODEL_DECLARE(note_model, struct note);

static const struct peal_field fields[] = {
	PEAL_ID(struct note, id),
#ifdef CORRECT
	PEAL_FOREIGN_KEY(struct note, user, user_model, PEAL_CASCADE),
#else
	PEAL_FOREIGN_KEY(struct note, other, user_model, PEAL_CASCADE),
#endif
};
PEAL_MODEL_DEFINE(note_model, struct note, .app = "auth", .name = "Note",
		  .fields = PEAL_FIELDS(fields));
