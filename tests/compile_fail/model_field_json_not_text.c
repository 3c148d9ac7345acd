/* expect-gcc: '_Generic' selector of type '(struct peal_bytes)' */
/* expect-clang: controlling expression type '(struct peal_bytes)' */
/* A JSON field on bytes. */
#include <peal/model.h>

struct user {
	struct peal_instance instance;
	int64_t id;
	struct peal_bytes payload;
};
PEAL_MODEL_DECLARE(user_model, struct user);

static const struct peal_field fields[] = {
	PEAL_ID(struct user, id),
#ifdef CORRECT
	PEAL_BLOB(struct user, payload),
#else
	PEAL_JSON(struct user, payload),
#endif
};
PEAL_MODEL_DEFINE(user_model, struct user, .app = "auth", .name = "User",
		  .fields = PEAL_FIELDS(fields));
