/* expect: incompatible pointer type|incompatible-pointer-types */
/* The row of one model as the struct of another. */
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

int use(const struct peal_post_save_args *args);
int use(const struct peal_post_save_args *args)
{
#ifdef CORRECT
	struct user *user = PEAL_INSTANCE(user_model, args->instance);

	return user ? user->age : 0;
#else
	struct user *user = PEAL_INSTANCE(note_model, args->instance);

	return user ? user->age : 0;
#endif
}
