/* SPDX-License-Identifier: MIT */
/* peal/error.h: codes and their texts, and the detail of an error. */
#include "pealtest.h"

#include <peal/error.h>

#include <stdio.h>
#include <string.h>

TEST(the_version)
{
	char text[32];

	snprintf(text, sizeof(text), "%d.%d.%d", PEAL_VERSION_MAJOR, PEAL_VERSION_MINOR,
		 PEAL_VERSION_PATCH);
	T_STR(peal_version(), text);
	T_STR(peal_version(), PEAL_VERSION);
}

struct listed {
	const char *name;
	int value;
	int listed;
	const char *text;
};

static const struct listed list[] = {
#define LISTED(name_, value_, text_) { #name_, (value_), name_, (text_) },
	PEAL_ERROR_CODES(LISTED)
#undef LISTED
};

TEST(every_code_has_its_number_name_and_text)
{
	for (size_t i = 0; i < PEAL_COUNTOF(list); i++) {
		T_INT(list[i].listed, list[i].value);
		T_STR(peal_error_name(list[i].value), list[i].name);
		T_STR(peal_strerror(list[i].value), list[i].text);
		T_TRUE(strlen(list[i].text) < PEAL_ERROR_MESSAGE_MAX);
		for (size_t j = 0; j < i; j++) {
			T_TRUE(list[i].value != list[j].value);
			T_TRUE(strcmp(list[i].text, list[j].text) != 0);
		}
	}
}

TEST(the_numbers_never_change)
{
	T_INT(PEAL_OK, 0);
	T_INT(PEAL_EINVAL, -1);
	T_INT(PEAL_ENOMEM, -2);
	T_INT(PEAL_EDEPTH, -3);
	T_INT(PEAL_EDEADLK, -4);
	T_INT(PEAL_EBUSY, -5);
	T_INT(PEAL_ENOTSUP, -6);
	T_INT(PEAL_ECANCELED, -7);
	T_INT(PEAL_ESYS, -8);
	T_INT(PEAL_EDB, -9);
	T_INT(PEAL_EINTEGRITY, -10);
	T_INT(PEAL_ETRANSACTION, -11);
	T_INT(PEAL_EPROTECTED, -12);
	T_INT(PEAL_ERESTRICTED, -13);
	T_INT(PEAL_ECONNECTION, -14);
	T_INT(PEAL_EFORK, -15);
	T_INT(PEAL_ELIMIT, -16);
	T_INT(PEAL_ERECEIVER, -17);
	T_INT(PEAL_ETYPE, -18);
	T_INT(PEAL_ECONFLICT, -19);
	T_INT(PEAL_NOT_FOUND, 1);
	T_INT(PEAL_EXISTS, 2);
	T_INT(PEAL_MULTIPLE, 3);
	T_INT(PEAL_RUNNING, 4);
	T_INT(PEAL_PENDING, 5);
	T_INT(PEAL_INVALID, 6);
	T_INT(PEAL_DONE, 8);
}

TEST(a_number_that_is_no_code)
{
	static const int numbers[] = { 9, -77, 1000, -1000, INT32_MIN, INT32_MAX };

	for (size_t i = 0; i < PEAL_COUNTOF(numbers); i++) {
		T_STR(peal_strerror(numbers[i]), "unknown error");
		T_STR(peal_error_name(numbers[i]), "PEAL_?");
	}
}

static void fill(struct peal_error *error)
{
	*error = (struct peal_error){ .code = -9,
				      .system_errno = 5,
				      .sqlstate = "23505",
				      .field = "name",
				      .receiver = "hear",
				      .message = "before" };
}

TEST(set_writes_the_message_and_returns_the_code)
{
	struct peal_error error;

	fill(&error);
	T_CODE(peal_error_set(&error, PEAL_EINVAL, "student %d: %s", 4, "no name"), PEAL_EINVAL);
	T_INT(error.code, PEAL_EINVAL);
	T_STR(error.message, "student 4: no name");
	/* Nothing is left of the error before. */
	T_INT(error.system_errno, 0);
	T_STR(error.sqlstate, "");
	T_STR(error.field, "");
	T_STR(error.receiver, "");
}

TEST(where_nobody_asks_nothing_is_written)
{
	T_CODE(peal_error_set(NULL, PEAL_EBUSY, "%s", "text"), PEAL_EBUSY);
	peal_error_clear(NULL);
	peal_error_prefix(NULL, "%s", "text");
}

TEST(clear_makes_it_as_good_as_new)
{
	static const struct peal_error fresh;
	struct peal_error error;

	memset(&error, 0xee, sizeof(error));
	peal_error_clear(&error);
	T_MEM(&error, &fresh, sizeof(error));
}

TEST(a_message_that_is_too_long_is_cut)
{
	struct peal_error error;
	char text[2000];

	memset(&error, 0xee, sizeof(error));
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	peal_error_set(&error, PEAL_EINVAL, "%s", text);
	T_UINT(strlen(error.message), sizeof(error.message) - 1);
	for (size_t size = sizeof(error.message) - 3; size <= sizeof(error.message); size++) {
		peal_error_set(&error, PEAL_EINVAL, "%.*s", (int)size, text);
		T_UINT(strlen(error.message),
		       size < sizeof(error.message) ? size : sizeof(error.message) - 1);
	}
}

/* Whether a text is whole characters of UTF-8 (of those used here). */
static bool whole(const char *text)
{
	size_t i = 0;

	while (text[i]) {
		unsigned char c = (unsigned char)text[i];
		size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		for (size_t j = 1; j < size; j++)
			if (((unsigned char)text[i + j] & 0xc0) != 0x80)
				return false;
		i += size;
	}
	return true;
}

TEST(it_is_cut_at_a_character)
{
	static const char *const characters[] = { "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x94\x94" };
	struct peal_error error;

	for (size_t c = 0; c < PEAL_COUNTOF(characters); c++) {
		size_t size = strlen(characters[c]);

		for (size_t shift = 0; shift < 5; shift++) {
			char text[1200] = "";
			size_t cut;

			memset(text, 'x', shift);
			while (strlen(text) + size < sizeof(text))
				strcat(text, characters[c]); /* NOLINT: there is room */
			peal_error_set(&error, PEAL_EINVAL, "%s", text);
			cut = strlen(error.message);
			T_TRUE(whole(error.message));
			T_TRUE(cut <= sizeof(error.message) - 1);
			T_TRUE(cut > sizeof(error.message) - 1 - size); /* and not more */
			T_TRUE(strncmp(error.message, text, cut) == 0);
			peal_error_prefix(&error, "%.*s", (int)shift, "1234567");
			T_TRUE(whole(error.message));
			T_TRUE(strlen(error.message) > sizeof(error.message) - 1 - size);
		}
	}
}

TEST(prefix_puts_a_text_in_front)
{
	struct peal_error error;

	fill(&error);
	peal_error_prefix(&error, "while saving %s %d: ", "school.Student", 4);
	T_STR(error.message, "while saving school.Student 4: before");
	T_INT(error.code, -9); /* and leaves the rest as it is */
	T_INT(error.system_errno, 5);
	T_STR(error.sqlstate, "23505");
	T_STR(error.field, "name");
	T_STR(error.receiver, "hear");
	peal_error_prefix(&error, "%s", "");
	T_STR(error.message, "while saving school.Student 4: before");
}

TEST(prefix_cuts_what_does_not_fit)
{
	struct peal_error error;
	char text[600];

	memset(text, 'p', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fill(&error);
	peal_error_prefix(&error, "%.508s", text);
	T_UINT(strlen(error.message), 511);
	T_STR(error.message + 508, "bef");
	fill(&error);
	peal_error_prefix(&error, "%s", text);
	T_UINT(strlen(error.message), 511);
	T_STR(error.message + 510, "p");
}
