/* expect-gcc: the value does not fit the type of the field */
/* expect-clang: the value does not fit the type of the field */
/* A text where a uuid belongs. */
#include <peal/model.h>

struct token {
	struct peal_instance instance;
	struct peal_uuid id;
};
PEAL_MODEL_DECLARE(token_model, struct token);

int use(struct token *token, struct peal_error *error);
int use(struct token *token, struct peal_error *error)
{
#ifdef CORRECT
	return token_model_create(token, PEAL_WITH(PEAL_SET(token_model, id, peal_uuid_random())),
				  error);
#else
	return token_model_create(token, PEAL_WITH(PEAL_SET(token_model, id, "16fd2706")), error);
#endif
}
