/* expect-gcc: ignoring return value of 'peal_m2m_add' */
/* expect-clang: ignoring return value of function */
/* Whether a relation has been changed must be looked at. */
#include <peal/m2m.h>

int add(struct peal_instance *article, struct peal_error *error);

int add(struct peal_instance *article, struct peal_error *error)
{
#ifdef CORRECT
	return peal_m2m_add(article, "tags", PEAL_VALUES(1, 2, "news"), NULL, error);
#else
	peal_m2m_add(article, "tags", PEAL_VALUES(1, 2, "news"), NULL, error);
	return 0;
#endif
}
