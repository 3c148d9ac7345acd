/* expect-gcc: '_Generic' selector of type '(int(32_t)?)' */
/* expect-clang: controlling expression type '(int(32_t)?)' */
/* A duration in 32 bits. */
#include <peal/model.h>

struct user {
	struct peal_instance instance;
	int64_t id;
	int32_t length;
};
PEAL_MODEL_DECLARE(user_model, struct user);

static const struct peal_field fields[] = {
	PEAL_ID(struct user, id),
#ifdef CORRECT
	PEAL_INTEGER(struct user, length),
#else
	PEAL_DURATION(struct user, length),
#endif
};
PEAL_MODEL_DEFINE(user_model, struct user, .app = "auth", .name = "User",
		  .fields = PEAL_FIELDS(fields));
