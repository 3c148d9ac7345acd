/* SPDX-License-Identifier: MIT */
/*
 * peal/value.h: a value of one of a few types, for the places where the type is known only at run
 * time: the response of a receiver, a parameter of a query.
 *
 *	PEAL_INT(42)   PEAL_TEXT("Rahul")   PEAL_BOOL(true)   PEAL_REAL(1.5)   PEAL_NULL
 *
 * A value owns nothing: text and bytes are borrowed from whoever made it.
 */
#ifndef PEAL_VALUE_H
#define PEAL_VALUE_H

#include <peal/base.h>

PEAL_BEGIN_DECLS

enum peal_value_kind {
	PEAL_VALUE_NULL = 0,
	PEAL_VALUE_BOOL = 1,
	PEAL_VALUE_INT = 2,
	PEAL_VALUE_REAL = 3,
	PEAL_VALUE_TEXT = 4, /* UTF-8, length in bytes, may contain NUL */
	PEAL_VALUE_BYTES = 5,
	PEAL_VALUE_TIME = 6, /* microseconds since 1970-01-01T00:00:00Z */
	PEAL_VALUE_POINTER = 7,
};

struct peal_value {
	uint32_t kind; /* enum peal_value_kind */
	union {
		bool boolean;
		int64_t integer; /* also PEAL_VALUE_TIME */
		double real;
		struct { /* text has a NUL behind it, which size does not count */
			const char *data;
			size_t size;
		} text; /* also PEAL_VALUE_BYTES */
		void *pointer;
	} as;
};

PEAL_API struct peal_value peal_value_null(void);
PEAL_API struct peal_value peal_value_bool(bool value);
PEAL_API struct peal_value peal_value_int(int64_t value);
PEAL_API struct peal_value peal_value_real(double value);
/* NULL text is PEAL_NULL. */
PEAL_API struct peal_value peal_value_text(const char *text);
PEAL_API struct peal_value peal_value_bytes(const void *data, size_t size);
PEAL_API struct peal_value peal_value_time(int64_t microseconds);
PEAL_API struct peal_value peal_value_pointer(void *pointer);

/* Same kind and same content; pointers by identity, NULL equals NULL. */
PEAL_API bool peal_value_equal(struct peal_value a, struct peal_value b);

/*
 * Write the value as text, cut to size and terminated: 42, true, 1.5, null, "Rahul" in quotes,
 * bytes as x'00ff', a time as 2026-11-21T04:42:00.000000Z, a pointer as its address. Returns
 * buffer.
 */
PEAL_API const char *peal_value_format(struct peal_value value, char *buffer, size_t size);

#define PEAL_NULL peal_value_null()
#define PEAL_BOOL(value_) peal_value_bool(value_)
#define PEAL_INT(value_) peal_value_int(value_)
#define PEAL_REAL(value_) peal_value_real(value_)
#define PEAL_TEXT(text_) peal_value_text(text_)
#define PEAL_BYTES(data_, size_) peal_value_bytes((data_), (size_))
#define PEAL_TIME(microseconds_) peal_value_time(microseconds_)
#define PEAL_POINTER(pointer_) peal_value_pointer(pointer_)

PEAL_END_DECLS

#endif
