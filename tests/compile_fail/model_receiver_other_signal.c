/* expect: incompatible (function )?pointer type */
/* A receiver of post_save connected to post_delete. */
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

static int saved(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	return args->created;
}

int use(void);
int use(void)
{
#ifdef CORRECT
	return PEAL_CONNECT(peal_post_save, saved, .sender = &user_model);
#else
	return PEAL_CONNECT(peal_post_delete, saved, .sender = &user_model);
#endif
}
