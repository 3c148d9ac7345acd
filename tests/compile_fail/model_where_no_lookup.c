/* expect: PEAL__LOOKUP_icontain */
/* A lookup that does not exist. */
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

int use(struct user *user, struct peal_error *error);
int use(struct user *user, struct peal_error *error)
{
#ifdef CORRECT
	return user_model_get(user, PEAL_WITH(PEAL_WHERE(user_model, name, icontains, "a")), error);
#else
	return user_model_get(user, PEAL_WITH(PEAL_WHERE(user_model, name, icontain, "a")), error);
#endif
}
