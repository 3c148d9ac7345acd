/* SPDX-License-Identifier: MIT */
/* expect-gcc: incompatible[ -]pointer[ -]type */
/* expect-clang: incompatible (function )?pointer types */
/* A scope that is something else. */
#include <peal/dispatch.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	return args->number;
}

struct room {
	struct peal_scope scope;
};

int begin(struct room *room);
int begin(struct room *room)
{
#ifdef CORRECT
	return PEAL_CONNECT(beat, hear, .scope = &room->scope);
#else
	return PEAL_CONNECT(beat, hear, .scope = room);
#endif
}
