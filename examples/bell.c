/* SPDX-License-Identifier: MIT */
/* The school bell. It rings, and every room that listens packs up; neither knows the other. */
#include <peal/peal.h>
#include <stdio.h>

struct bell_rung_args {
	const char *lesson;
	int minutes;
};
PEAL_SIGNAL(bell_rung);

static int pack_up(struct peal_call *call, const struct bell_rung_args *args)
{
	const char *room = call->user;

	printf("%s packs up after %d minutes of %s\n", room, args->minutes, args->lesson);
	return 0;
}

int main(void)
{
	char laboratory[] = "the laboratory";
	char gym[] = "the gym";
	int r;

	r = PEAL_CONNECT(bell_rung, pack_up, .user = laboratory);
	if (r == 0)
		r = PEAL_CONNECT(bell_rung, pack_up, .user = gym);
	if (r == 0)
		r = PEAL_SEND(bell_rung, NULL, .lesson = "maths", .minutes = 45);
	if (r != 0)
		fprintf(stderr, "bell: %s\n", peal_strerror(r));
	return r != 0;
}
