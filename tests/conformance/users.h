/* SPDX-License-Identifier: MIT */
/*
 * THE TEST'S OWN stand-in for the auth application, until that is a library: just enough of users
 * for the traces. Its password hash is salted and nothing more; do not take it for a good one.
 */
#ifndef USERS_H
#define USERS_H

#include <peal/error.h>

#include "models.h"

/* Connects the receiver that keeps last_login: the first of user_logged_in, as in Django. */
void users_set_up(void);
void users_end(void);

int user_create(const char *name, const char *password, struct peal_error *error);
/* *ret_user is NULL when the name, the password or the user is not good. */
int user_authenticate(const char *name, const char *password, struct user **ret_user,
		      struct peal_error *error);
/* Of the one session. */
int user_login(const char *name, struct peal_error *error);
int user_logout(struct peal_error *error);

#endif
