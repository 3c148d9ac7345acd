/* SPDX-License-Identifier: MIT */
/* Steps on users. */
#include "operations.h"

#include "json.h"
#include "users.h"

static int create(struct step *step)
{
	const char *name = words_text(&step->words, "the name of a user");
	const char *password = words_text(&step->words, "a password");

	words_end(&step->words);
	return user_create(name, password, &step->error);
}

static int authenticate(struct step *step)
{
	const char *name = words_text(&step->words, "the name of a user");
	const char *password = words_text(&step->words, "a password");
	struct user *user;
	int r;

	words_end(&step->words);
	r = user_authenticate(name, password, &user, &step->error);
	if (r == 0) {
		struct json json = json_line("result", step->op);

		json_key(&json, "user");
		json_text(&json, user ? user->username : NULL);
		json_print(&json);
	}
	return r;
}

static int login(struct step *step)
{
	const char *name = words_text(&step->words, "the name of a user");

	words_end(&step->words);
	return user_login(name, &step->error);
}

static int logout(struct step *step)
{
	words_end(&step->words);
	return user_logout(&step->error);
}

const struct operation user_operations[] = {
	{ "user_create", create, false },
	{ "authenticate", authenticate, false },
	{ "login", login, false },
	{ "logout", logout, false },
	{ 0 },
};
