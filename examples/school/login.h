/* SPDX-License-Identifier: MIT */
/* A signal whose sender is a row: the user that somebody failed to be. */
#ifndef SCHOOL_LOGIN_H
#define SCHOOL_LOGIN_H

#include <peal/dispatch.h>

struct user;

struct user_logged_in_failed_args {
	const char *username;
	const char *reason;
};
PEAL_SIGNAL_DECLARE(user_logged_in_failed);

/* Log a user in, who must exist, be active and know the password. Nobody here knows it. */
int log_in(const char *username, const char *password, struct peal_error *error);

#endif
