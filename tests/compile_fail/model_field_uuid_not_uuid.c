/* expect-gcc: '_Generic' selector of type '(const char \*)' */
/* expect-clang: controlling expression type '(const char \*)' */
/* A uuid field on a text. */
#include <peal/model.h>

struct user {
	struct peal_instance instance;
	int64_t id;
	const char *token;
};
PEAL_MODEL_DECLARE(user_model, struct user);

static const struct peal_field fields[] = {
	PEAL_ID(struct user, id),
#ifdef CORRECT
	PEAL_CHAR(struct user, token, .max_length = 36),
#else
	PEAL_UUID(struct user, token),
#endif
};
PEAL_MODEL_DEFINE(user_model, struct user, .app = "auth", .name = "User",
		  .fields = PEAL_FIELDS(fields));
