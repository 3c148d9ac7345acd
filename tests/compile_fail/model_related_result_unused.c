/* expect-gcc: ignoring return value of 'peal_related_add' */
/* expect-clang: ignoring return value of function */
/* Whether a relation has been changed must be looked at. */
#include <peal/related.h>

int add(struct peal_instance *author, struct peal_error *error);

int add(struct peal_instance *author, struct peal_error *error)
{
#ifdef CORRECT
	return peal_related_add(author, "articles", PEAL_VALUES(1, 2), PEAL_BY_UPDATE, error);
#else
	peal_related_add(author, "articles", PEAL_VALUES(1, 2), PEAL_BY_UPDATE, error);
	return 0;
#endif
}
