/* SPDX-License-Identifier: MIT */
#include "users.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "keep.h"
#include "signals.h"
#include "variables.h"

static struct user *session;

/* ---- Passwords: SALT$HASH ------------------------------------------------------------------- */

#define SALT_SIZE 16
#define PASSWORD_SIZE (SALT_SIZE + 1 + 16 + 1)

static void password_hash(const char *salt, const char *password, char *ret_text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < SALT_SIZE; i++)
			hash = (hash ^ (unsigned char)salt[i]) * UINT64_C(1099511628211);
		for (const char *at = password; *at; at++)
			hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
	}
	snprintf(ret_text, PASSWORD_SIZE, "%.*s$%016" PRIx64, SALT_SIZE, salt, hash);
}

static void password_make(const char *password, char *ret_text)
{
	char salt[SALT_SIZE];

	if (getrandom(salt, sizeof(salt), 0) != sizeof(salt))
		die("no random bytes");
	for (int i = 0; i < SALT_SIZE; i++)
		salt[i] = "0123456789abcdef"[salt[i] & 15];
	password_hash(salt, password, ret_text);
}

static bool password_is(const struct user *user, const char *password)
{
	char text[PASSWORD_SIZE];

	if (strlen(user->password) != PASSWORD_SIZE - 1)
		return false;
	password_hash(user->password, password, text);
	return strcmp(text, user->password) == 0;
}

/* ---- Users -------------------------------------------------------------------------------- */

static struct user *user_room(void)
{
	/* Not peal_instance's business yet: the room is not begun. */
	struct peal_instance *instance = instance_room(&user_model);

	return (struct user *)(void *)((char *)instance - offsetof(struct user, instance));
}

int user_create(const char *name, const char *password, struct peal_error *error)
{
	struct user *user = user_room();
	char hash[PASSWORD_SIZE];
	int r;

	if (!*name)
		return peal_error_set(error, PEAL_EINVAL, "a user needs a name");
	password_make(password, hash);
	r = user_model_init(user,
			    PEAL_WITH(PEAL_SET(user_model, username, name),
				      PEAL_SET(user_model, password, (const char *)hash)),
			    error);
	return r == 0 ? peal_save(&user->instance, error) : r;
}

static int user_get(const char *name, struct user **ret_user, struct peal_error *error)
{
	*ret_user = user_room();
	return user_model_get(*ret_user, PEAL_WITH(PEAL_SET(user_model, username, name)), error);
}

int user_authenticate(const char *name, const char *password, struct user **ret_user,
		      struct peal_error *error)
{
	int r = user_get(name, ret_user, error);

	if (r != 0 && r != PEAL_NOT_FOUND)
		return r;
	if (r == 0 && (*ret_user)->is_active && password_is(*ret_user, password))
		return 0;
	*ret_user = NULL;
	return PEAL_SEND_ERROR(user_login_failed, authentication_sender, error, .username = name);
}

int user_login(const char *name, struct peal_error *error)
{
	struct user *user;
	int r = user_get(name, &user, error);

	if (r != 0)
		return r;
	session = user;
	return PEAL_SEND_ERROR(user_logged_in, &user_model, error, .user = user);
}

/* When a receiver fails the user stays logged in. */
int user_logout(struct peal_error *error)
{
	int r = PEAL_SEND_ERROR(user_logged_out, session ? &user_model : NULL, error,
				.user = session);

	if (r == 0)
		session = NULL;
	return r;
}

static int update_last_login(struct peal_call *call, const struct user_logged_in_args *args)
{
	args->user->last_login = peal_now();
	args->user->has_last_login = true;
	return PEAL_SAVE(&args->user->instance, call->error,
			 .update_fields = PEAL_NAMES("last_login"));
}

void users_set_up(void)
{
	if (PEAL_CONNECT(user_logged_in, update_last_login) != 0)
		die("update_last_login cannot be connected");
}

void users_end(void)
{
	if (PEAL_DISCONNECT(user_logged_in, update_last_login) != 0)
		die("update_last_login cannot be disconnected");
}
