/* expect: force_inser */
/* An option that a save does not have. */
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
	return PEAL_SAVE(&user->instance, error, .force_insert = true);
#else
	return PEAL_SAVE(&user->instance, error, .force_inser = true);
#endif
}
