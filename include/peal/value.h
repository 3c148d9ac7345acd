/* SPDX-License-Identifier: MIT */
/*
 * peal/value.h: a value of one of a few types, for the places where the type is known only at run
 * time: the response of a receiver, a parameter of a query.
 *
 *	PEAL_INT(42)   PEAL_TEXT("Rahul")   PEAL_BOOL(true)   PEAL_REAL(1.5)   PEAL_NULL
 *
 * A value owns nothing: text and bytes are borrowed from whoever made it.
 *
 * Four types of values that C has not are here too, with what a program needs to work with them: uuids, exact decimal
 * numbers, dates, and times of day and durations, which are both an int64_t of microseconds.
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
	PEAL_VALUE_UUID = 8,
	PEAL_VALUE_DECIMAL = 9,
	PEAL_VALUE_DATE = 10,
	PEAL_VALUE_TIME_OF_DAY = 11, /* microseconds since midnight */
	PEAL_VALUE_DURATION = 12,    /* microseconds */
};

/* All bytes zero is no uuid (the "nil" one of RFC 4122). */
struct peal_uuid {
	uint8_t bytes[16];
};

/*
 * coefficient / 10^scale, exactly: { 1250, 2 } is 12.50. At most 18 digits, and a scale of 0 to 18.
 */
struct peal_decimal {
	int64_t coefficient;
	int32_t scale;
};

/* A day of the Gregorian calendar, years 1 to 9999. All members zero is no date. */
struct peal_date {
	int16_t year;
	uint8_t month; /* 1 to 12 */
	uint8_t day;
};

struct peal_value {
	uint32_t kind; /* enum peal_value_kind */
	union {
		bool boolean;
		int64_t integer; /* also PEAL_VALUE_TIME, _TIME_OF_DAY, _DURATION */
		double real;
		struct { /* text has a NUL behind it, which size does not count */
			const char *data;
			size_t size;
		} text; /* also PEAL_VALUE_BYTES */
		void *pointer;
		struct peal_uuid uuid;
		struct peal_decimal decimal;
		struct peal_date date;
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
/* No uuid and no date are PEAL_NULL. */
PEAL_API struct peal_value peal_value_uuid(struct peal_uuid uuid);
PEAL_API struct peal_value peal_value_decimal(struct peal_decimal decimal);
PEAL_API struct peal_value peal_value_date(struct peal_date date);
PEAL_API struct peal_value peal_value_time_of_day(int64_t microseconds);
PEAL_API struct peal_value peal_value_duration(int64_t microseconds);

/* Same kind and same content; 1.0 is 1.00, pointers by identity, NULL equals NULL. */
PEAL_API bool peal_value_equal(struct peal_value a, struct peal_value b);

/*
 * Write the value as text, cut to size and terminated: 42, true, 1.5, null, "Rahul" in quotes,
 * bytes as x'00ff', a time as 2026-11-21T04:42:00.000000Z, a pointer as its address, a uuid as
 * 16fd2706-8baf-433b-82eb-8c7fada847da, 12.50, 2026-11-21, 23:59:59.000001 (microseconds only where there are some), a
 * duration as days and the rest, "1 02:00:00" or "-1 23:00:00". Returns buffer.
 */
PEAL_API const char *peal_value_format(struct peal_value value, char *buffer, size_t size);

/* Room for each of these four texts, and for those of the functions below. */
#define PEAL_VALUE_TEXT_MAX 48

/*
 * Read a uuid (32 digits, or 36 characters), a decimal (also with an exponent), a date, a time of day (seconds may be
 * missing) or a duration (days may be missing, or be followed by "day" or "days") from all of a text, without regard
 * to the locale. Returns 0; PEAL_EINVAL: it is none, or the kind is another one; PEAL_ELIMIT: a decimal of too many
 * digits.
 */
PEAL_API PEAL_MUST_CHECK int peal_value_parse(enum peal_value_kind kind, const char *text,
					      size_t size, struct peal_value *ret_value);

/* ------------------------------------------------------------------------------------------------------------------
 * Uuids
 */

/* A new one of random bits from the system (version 4). */
PEAL_API struct peal_uuid peal_uuid_random(void);
PEAL_API bool peal_uuid_is_null(struct peal_uuid uuid);
PEAL_API PEAL_MUST_CHECK int peal_uuid_parse(const char *text, struct peal_uuid *ret_uuid);
/* The form of 36 characters. Returns buffer. */
PEAL_API const char *peal_uuid_format(struct peal_uuid uuid, char *buffer, size_t size);

/* ------------------------------------------------------------------------------------------------------------------
 * Decimals
 */

/* See peal_value_parse(). */
PEAL_API PEAL_MUST_CHECK int peal_decimal_parse(const char *text, struct peal_decimal *ret_decimal);
PEAL_API const char *peal_decimal_format(struct peal_decimal decimal, char *buffer, size_t size);

/* Negative, 0 or positive. */
PEAL_API int peal_decimal_compare(struct peal_decimal a, struct peal_decimal b);

/*
 * The exact result, with the larger scale (of a product: the sum of both, as far as its zeros cannot go). PEAL_ELIMIT,
 * and nothing written, when it has more than 18 digits or decimal places.
 */
PEAL_API PEAL_MUST_CHECK int peal_decimal_add(struct peal_decimal a, struct peal_decimal b,
					      struct peal_decimal *ret_sum);
PEAL_API PEAL_MUST_CHECK int peal_decimal_subtract(struct peal_decimal a, struct peal_decimal b,
						   struct peal_decimal *ret_difference);
PEAL_API PEAL_MUST_CHECK int peal_decimal_multiply(struct peal_decimal a, struct peal_decimal b,
						   struct peal_decimal *ret_product);

/* With so many decimal places; a half goes to the even neighbour. PEAL_ELIMIT as above. */
PEAL_API PEAL_MUST_CHECK int peal_decimal_round(struct peal_decimal decimal, int32_t scale,
						struct peal_decimal *ret_rounded);

/* ------------------------------------------------------------------------------------------------------------------
 * Dates
 */

PEAL_API bool peal_date_is_valid(struct peal_date date);
/* Days since 1970-01-01, of a valid date; and back, no date when the day is not in the years 1 to 9999. */
PEAL_API int64_t peal_date_to_days(struct peal_date date);
PEAL_API struct peal_date peal_date_from_days(int64_t days);
PEAL_API PEAL_MUST_CHECK int peal_date_parse(const char *text, struct peal_date *ret_date);

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
