/* SPDX-License-Identifier: MIT */
/*
 * main.c: what somebody else's program looks like; built against an installed Peal, and as a
 * subproject.
 */
#include <peal/peal.h>

#include <stdio.h>
#include <string.h>

struct bell_rung_args {
	const char *lesson;
	int minutes;
};
PEAL_SIGNAL(bell_rung);

static int pack_up(struct peal_call *call, const struct bell_rung_args *args)
{
	int *minutes = call->user;

	*minutes += args->minutes;
	return 0;
}

int main(void)
{
	int minutes = 0;

	if (strcmp(peal_version(), PEAL_VERSION) != 0) {
		fprintf(stderr, "header %s, library %s\n", PEAL_VERSION, peal_version());
		return 1;
	}
	if (PEAL_CONNECT(bell_rung, pack_up, .user = &minutes) != 0)
		return 1;
	if (PEAL_SEND(bell_rung, NULL, .lesson = "maths", .minutes = 45) != 0)
		return 1;
	printf("%d minutes\n", minutes);
	return minutes == 45 ? 0 : 1;
}
