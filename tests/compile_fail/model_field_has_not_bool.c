/* expect-gcc: '_Generic' selector of type 'int' */
/* expect-clang: controlling expression type 'int' */
/* The member that says whether there is a value is not a bool. */
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
	PEAL_ID(struct user, id),
#ifdef CORRECT
	PEAL_FLOAT(struct user, limit, .has = PEAL_HAS(struct user, has_limit)),
#else
	PEAL_INTEGER(struct user, age, .has = PEAL_HAS(struct user, has_age)),
#endif
};
PEAL_MODEL_DEFINE(user_model, struct user, .app = "auth", .name = "User",
		  .fields = PEAL_FIELDS(fields));
