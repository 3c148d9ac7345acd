/* SPDX-License-Identifier: MIT */
/* Values of a type known only at run time: peal/value.h. */
#include <peal/value.h>
#include <string.h>

struct peal_value peal_value_null(void)
{
	return (struct peal_value){ .kind = PEAL_VALUE_NULL };
}

struct peal_value peal_value_bool(bool value)
{
	return (struct peal_value){ .kind = PEAL_VALUE_BOOL, .as.boolean = value };
}

struct peal_value peal_value_int(int64_t value)
{
	return (struct peal_value){ .kind = PEAL_VALUE_INT, .as.integer = value };
}

struct peal_value peal_value_real(double value)
{
	return (struct peal_value){ .kind = PEAL_VALUE_REAL, .as.real = value };
}

struct peal_value peal_value_text(const char *text)
{
	if (!text)
		return peal_value_null();
	return (struct peal_value){ .kind = PEAL_VALUE_TEXT, .as.text = { text, strlen(text) } };
}

struct peal_value peal_value_bytes(const void *data, size_t size)
{
	return (struct peal_value){ .kind = PEAL_VALUE_BYTES, .as.text = { data, size } };
}

struct peal_value peal_value_time(int64_t microseconds)
{
	return (struct peal_value){ .kind = PEAL_VALUE_TIME, .as.integer = microseconds };
}

struct peal_value peal_value_pointer(void *pointer)
{
	return (struct peal_value){ .kind = PEAL_VALUE_POINTER, .as.pointer = pointer };
}

bool peal_value_equal(struct peal_value a, struct peal_value b)
{
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
	case PEAL_VALUE_NULL:
		return true;
	case PEAL_VALUE_BOOL:
		return a.as.boolean == b.as.boolean;
	case PEAL_VALUE_INT:
	case PEAL_VALUE_TIME:
		return a.as.integer == b.as.integer;
	case PEAL_VALUE_REAL:
		return a.as.real == b.as.real;
	case PEAL_VALUE_TEXT:
	case PEAL_VALUE_BYTES:
		return a.as.text.size == b.as.text.size &&
		       (a.as.text.size == 0 ||
			memcmp(a.as.text.data, b.as.text.data, a.as.text.size) == 0);
	case PEAL_VALUE_POINTER:
		return a.as.pointer == b.as.pointer;
	}
	return false;
}
