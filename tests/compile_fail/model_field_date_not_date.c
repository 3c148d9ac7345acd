/* expect-gcc: '_Generic' selector of type '(int64_t|long int)' */
/* expect-clang: controlling expression type '(int64_t|long int)' */
/* A date field on an integer. */
#include <peal/model.h>

struct user {
	struct peal_instance instance;
	int64_t id;
	int64_t born;
};
PEAL_MODEL_DECLARE(user_model, struct user);

static const struct peal_field fields[] = {
	PEAL_ID(struct user, id),
#ifdef CORRECT
	PEAL_DATETIME(struct user, born),
#else
	PEAL_DATE(struct user, born),
#endif
};
PEAL_MODEL_DEFINE(user_model, struct user, .app = "auth", .name = "User",
		  .fields = PEAL_FIELDS(fields));
