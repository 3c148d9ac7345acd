/* SPDX-License-Identifier: MIT */
/* expect-gcc: has no member named .when. */
/* expect-clang: does not refer to any field */
/* A signal that comes before the write is not committed: it has no such moment. */
#include <peal/model.h>

static int hear(struct peal_call *call, const struct peal_pre_save_args *args)
{
	(void)call;
	return args->raw;
}

static int hear_after(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	return args->raw;
}

int begin(void);
int begin(void)
{
#ifdef CORRECT
	int r = PEAL_CONNECT(peal_pre_save, hear);

	return r < 0 ? r : PEAL_CONNECT(peal_post_save, hear_after, .when = PEAL_AFTER_COMMIT);
#else
	int r = PEAL_CONNECT(peal_pre_save, hear, .when = PEAL_AFTER_COMMIT);

	return r < 0 ? r : PEAL_CONNECT(peal_post_save, hear_after);
#endif
}
