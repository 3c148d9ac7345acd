/* expect: the value does not fit the type of the field */
/* A value that does not fit the type of the field. */
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
	return user_model_create(user, PEAL_WITH(PEAL_SET(user_model, age, 7)), error);
#else
	return user_model_create(user, PEAL_WITH(PEAL_SET(user_model, age, "7")), error);
#endif
}
