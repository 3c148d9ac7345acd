/* SPDX-License-Identifier: MIT */
#include "login.h"

#include "models.h"

PEAL_SIGNAL_DEFINE(user_logged_in_failed);

int log_in(const char *username, const char *password, struct peal_error *error)
{
	struct user user;
	int r = user_model_get(&user, PEAL_WITH(PEAL_IS(user_model, username, username)), error);

	(void)password;
	if (r == PEAL_NOT_FOUND)
		return PEAL_SEND_ERROR(user_logged_in_failed, NULL, error, .username = username,
				       .reason = "there is no such user");
	if (r != 0)
		return r;
	r = PEAL_SEND_ERROR(user_logged_in_failed, &user, error, .username = user.username,
			    .reason = user.is_active ? "wrong password" : "the user is not active");
	peal_fini(&user.instance);
	return r;
}
