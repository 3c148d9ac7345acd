/* expect-gcc: discards 'const' qualifier */
/* expect-clang: discards qualifiers */
/* What was prefetched belongs to the instance. */
#include <peal/query.h>

void done(struct peal_instance *person);

void done(struct peal_instance *person)
{
#ifdef CORRECT
	(void)peal_prefetched(person, "articles");
#else
	peal_rows_free(peal_prefetched(person, "articles"));
#endif
}
