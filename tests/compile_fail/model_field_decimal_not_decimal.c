/* expect-gcc: '_Generic' selector of type '(double)' */
/* expect-clang: controlling expression type '(double)' */
/* A decimal field on a double. */
#include <peal/model.h>

struct user {
	struct peal_instance instance;
	int64_t id;
	double price;
};
PEAL_MODEL_DECLARE(user_model, struct user);

static const struct peal_field fields[] = {
	PEAL_ID(struct user, id),
#ifdef CORRECT
	PEAL_FLOAT(struct user, price),
#else
	PEAL_DECIMAL(struct user, price, .max_digits = 8, .decimal_places = 2),
#endif
};
PEAL_MODEL_DEFINE(user_model, struct user, .app = "auth", .name = "User",
		  .fields = PEAL_FIELDS(fields));
