/* SPDX-License-Identifier: MIT */
/* peal/value.h */
#include "pealtest.h"

#include <peal/value.h>

#include <math.h>
#include <string.h>

static int here;
static int there;

TEST(what_is_put_in_is_in_it)
{
	const char *text = "Rahul";
	unsigned char bytes[] = { 1, 0, 2 };

	T_UINT(PEAL_NULL.kind, PEAL_VALUE_NULL);
	T_UINT(PEAL_BOOL(true).kind, PEAL_VALUE_BOOL);
	T_TRUE(PEAL_BOOL(true).as.boolean);
	T_FALSE(PEAL_BOOL(false).as.boolean);
	T_UINT(PEAL_INT(1).kind, PEAL_VALUE_INT);
	T_INT(PEAL_INT(INT64_MIN).as.integer, INT64_MIN);
	T_INT(PEAL_INT(INT64_MAX).as.integer, INT64_MAX);
	T_UINT(PEAL_REAL(1.5).kind, PEAL_VALUE_REAL);
	T_DOUBLE(PEAL_REAL(-1.5).as.real, -1.5);
	T_UINT(PEAL_TEXT(text).kind, PEAL_VALUE_TEXT);
	T_PTR(PEAL_TEXT(text).as.text.data, text); /* borrowed */
	T_UINT(PEAL_TEXT(text).as.text.size, 5);
	T_UINT(PEAL_TEXT("").as.text.size, 0);
	T_UINT(PEAL_TEXT("\xc3\xa9").as.text.size, 2); /* bytes, not characters */
	T_UINT(PEAL_TEXT(NULL).kind, PEAL_VALUE_NULL);
	T_UINT(PEAL_BYTES(bytes, 3).kind, PEAL_VALUE_BYTES);
	T_PTR(PEAL_BYTES(bytes, 3).as.text.data, bytes);
	T_UINT(PEAL_BYTES(bytes, 3).as.text.size, 3);
	T_UINT(PEAL_TIME(5).kind, PEAL_VALUE_TIME);
	T_INT(PEAL_TIME(-5).as.integer, -5);
	T_UINT(PEAL_POINTER(&here).kind, PEAL_VALUE_POINTER);
	T_PTR(PEAL_POINTER(&here).as.pointer, &here);
}

TEST(the_numbers_of_the_kinds)
{
	T_INT(PEAL_VALUE_NULL, 0); /* so that zeroed memory is PEAL_NULL */
	T_INT(PEAL_VALUE_BOOL, 1);
	T_INT(PEAL_VALUE_INT, 2);
	T_INT(PEAL_VALUE_REAL, 3);
	T_INT(PEAL_VALUE_TEXT, 4);
	T_INT(PEAL_VALUE_BYTES, 5);
	T_INT(PEAL_VALUE_TIME, 6);
	T_INT(PEAL_VALUE_POINTER, 7);
}

/* One of each kind, and others of that kind: each equals itself alone. */
TEST(equal_is_same_kind_and_same_content)
{
	const struct peal_value values[] = {
		PEAL_NULL,
		PEAL_BOOL(false),
		PEAL_BOOL(true),
		PEAL_INT(0),
		PEAL_INT(1),
		PEAL_INT(-1),
		PEAL_REAL(0),
		PEAL_REAL(1),
		PEAL_TEXT(""),
		PEAL_TEXT("1"),
		PEAL_TEXT("12"),
		PEAL_TEXT("13"),
		PEAL_BYTES("", 0),
		PEAL_BYTES("12", 2),
		PEAL_BYTES("12\0", 3),
		PEAL_BYTES("12\0x", 4),
		PEAL_BYTES("12\0y", 4),
		PEAL_TIME(0),
		PEAL_TIME(1),
		PEAL_POINTER(NULL),
		PEAL_POINTER(&here),
		PEAL_POINTER(&there),
	};

	for (size_t i = 0; i < PEAL_COUNTOF(values); i++)
		for (size_t j = 0; j < PEAL_COUNTOF(values); j++)
			T_INT(peal_value_equal(values[i], values[j]), i == j);
}

TEST(texts_are_equal_by_content)
{
	char copy[] = "Rahul";

	T_TRUE(peal_value_equal(PEAL_TEXT("Rahul"), PEAL_TEXT(copy)));
	copy[4] = 'x';
	T_FALSE(peal_value_equal(PEAL_TEXT("Rahul"), PEAL_TEXT(copy)));
	T_TRUE(peal_value_equal(PEAL_BYTES(NULL, 0), PEAL_BYTES("x", 0)));
}

TEST(pointers_are_equal_by_identity)
{
	here = there = 5;
	T_FALSE(peal_value_equal(PEAL_POINTER(&here), PEAL_POINTER(&there)));
	T_TRUE(peal_value_equal(PEAL_POINTER(&here), PEAL_POINTER(&here)));
}

TEST(a_kind_that_is_none_equals_nothing)
{
	struct peal_value strange = { .kind = 99 };

	T_FALSE(peal_value_equal(strange, strange));
}
