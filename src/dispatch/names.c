/* SPDX-License-Identifier: MIT */
/*
 * Names of senders, "group.Name", so that a receiver can be connected before its sender exists.
 * There are as many as an application has models: a list is enough.
 */
#include "internal.h"
#include "alloc.h"

#include <string.h>
#include <strings.h>

struct name {
	struct name *next;
	const void *sender;
	char *text;
};

static struct name *names;

/* One point with something on both sides, as in Django's "app_label.ModelName". */
bool peal__name_valid(const char *name)
{
	const char *point = strchr(name, '.');

	return point && point > name && point[1] != '\0' && !strchr(point + 1, '.');
}

/* The group as it is written, the name without regard to case. */
bool peal__name_equal(const char *a, const char *b)
{
	size_t group = (size_t)(strchr(a, '.') - a) + 1;

	return strncmp(a, b, group) == 0 && strcasecmp(a + group, b + group) == 0;
}

uint32_t peal__name_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ ((unsigned char)*name | 0x20u)) * 16777619u;
	return hash;
}

const void *peal__name_sender(const char *name)
{
	for (struct name *known = names; known; known = known->next)
		if (peal__name_equal(known->text, name))
			return known->sender;
	return NULL;
}

const char *peal__sender_name(const void *sender)
{
	for (struct name *known = names; sender && known; known = known->next)
		if (known->sender == sender)
			return known->text;
	return "";
}

static int name_add(const char *text, const void *sender)
{
	struct name *name = peal__alloc_zero(sizeof(*name));
	struct name **end = &names;

	if (name)
		name->text = peal__text_copy(text);
	if (!name || !name->text) {
		peal__free(name, sizeof(*name));
		return PEAL_ENOMEM;
	}
	name->sender = sender;
	while (*end)
		end = &(*end)->next;
	*end = name;
	return PEAL_OK;
}

/* Forget the names of a sender: all, or one. */
static void names_remove(const void *sender, const char *text)
{
	for (struct name **link = &names; *link;) {
		struct name *name = *link;

		if (name->sender != sender || (text && !peal__name_equal(name->text, text))) {
			link = &name->next;
			continue;
		}
		*link = name->next;
		peal__text_free(name->text);
		peal__free(name, sizeof(*name));
	}
}

void peal__name_forget(const void *sender)
{
	names_remove(sender, NULL);
}

int peal_sender_register(const char *name, const void *sender)
{
	const void *known;
	int code;

	if (!name || !sender || !peal__name_valid(name))
		return PEAL_EINVAL;
	peal__lock();
	known = peal__name_sender(name);
	if (known) {
		code = known == sender ? PEAL_EXISTS : PEAL_EBUSY;
	} else {
		code = name_add(name, sender);
		if (code == PEAL_OK) {
			code = peal__resolve(name, sender);
			if (code < 0)
				names_remove(sender, name);
		}
	}
	peal__drain();
	return code;
}

const void *peal_sender_get(const char *name)
{
	const void *sender;

	if (!name || !peal__name_valid(name))
		return NULL;
	peal__lock();
	sender = peal__name_sender(name);
	peal__unlock();
	return sender;
}
