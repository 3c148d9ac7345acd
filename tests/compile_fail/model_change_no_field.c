/* expect: no member named .{1,3}nam\b */
/* The change of a field that the model does not have. */
#include <peal/model.h>

struct user {
	struct peal_instance instance;
	int64_t id;
	const char *name;
};
PEAL_MODEL_DECLARE(user_model, struct user);

const struct peal_change *use(const struct peal_post_save_args *args);
const struct peal_change *use(const struct peal_post_save_args *args)
{
#ifdef CORRECT
	return PEAL_CHANGE(user_model, name, args->changes);
#else
	return PEAL_CHANGE(user_model, nam, args->changes);
#endif
}
