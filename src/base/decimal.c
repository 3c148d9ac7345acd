/* SPDX-License-Identifier: MIT */
/* Exact decimal numbers: peal/value.h. What is between two of them is worked out in 128 bits, where nothing of 18
 * digits can overflow. */
#include "text.h"

#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 18
#define LARGEST INT64_C(999999999999999999)

__extension__ typedef __int128 wide;

static wide power(int exponent)
{
	wide result = 1;

	while (exponent-- > 0)
		result *= 10;
	return result;
}

static bool is_whole(struct peal_decimal d)
{
	return d.scale >= 0 && d.scale <= DIGITS_MAX && d.coefficient <= LARGEST &&
	       d.coefficient >= -LARGEST;
}

/* Zeros at the end go as far as they must. */
static int fit(wide coefficient, int scale, struct peal_decimal *ret)
{
	while ((scale > DIGITS_MAX || coefficient > LARGEST || coefficient < -LARGEST) &&
	       scale > 0 && coefficient % 10 == 0) {
		coefficient /= 10;
		scale--;
	}
	if (scale > DIGITS_MAX || coefficient > LARGEST || coefficient < -LARGEST)
		return PEAL_ELIMIT;
	*ret = (struct peal_decimal){ (int64_t)coefficient, scale };
	return 0;
}

int peal_decimal_compare(struct peal_decimal a, struct peal_decimal b)
{
	int scale = a.scale > b.scale ? a.scale : b.scale;
	wide left = a.coefficient * power(scale - a.scale);
	wide right = b.coefficient * power(scale - b.scale);

	return (left > right) - (left < right);
}

int peal_decimal_add(struct peal_decimal a, struct peal_decimal b, struct peal_decimal *ret_sum)
{
	int scale = a.scale > b.scale ? a.scale : b.scale;

	if (!is_whole(a) || !is_whole(b))
		return PEAL_ELIMIT;
	return fit(a.coefficient * power(scale - a.scale) + b.coefficient * power(scale - b.scale),
		   scale, ret_sum);
}

int peal_decimal_subtract(struct peal_decimal a, struct peal_decimal b,
			  struct peal_decimal *ret_difference)
{
	if (!is_whole(b))
		return PEAL_ELIMIT;
	b.coefficient = -b.coefficient;
	return peal_decimal_add(a, b, ret_difference);
}

int peal_decimal_multiply(struct peal_decimal a, struct peal_decimal b,
			  struct peal_decimal *ret_product)
{
	if (!is_whole(a) || !is_whole(b))
		return PEAL_ELIMIT;
	return fit((wide)a.coefficient * b.coefficient, a.scale + b.scale, ret_product);
}

int peal_decimal_round(struct peal_decimal d, int32_t scale, struct peal_decimal *ret_rounded)
{
	wide coefficient = d.coefficient, unit, rest;

	if (scale < 0 || scale > DIGITS_MAX || d.scale < 0 || d.scale > DIGITS_MAX)
		return PEAL_ELIMIT;
	if (scale >= d.scale) {
		coefficient *= power(scale - d.scale);
	} else {
		unit = power(d.scale - scale);
		rest = coefficient % unit < 0 ? -(coefficient % unit) : coefficient % unit;
		coefficient /= unit;
		if (2 * rest > unit || (2 * rest == unit && coefficient % 2))
			coefficient += d.coefficient < 0 ? -1 : 1;
	}
	if (coefficient > LARGEST || coefficient < -LARGEST)
		return PEAL_ELIMIT;
	*ret_rounded = (struct peal_decimal){ (int64_t)coefficient, scale };
	return 0;
}

const char *peal_decimal_format(struct peal_decimal d, char *buffer, size_t size)
{
	uint64_t number = d.coefficient < 0 ? -(uint64_t)d.coefficient : (uint64_t)d.coefficient;
	int scale = d.scale < 0 ? 0 : d.scale > DIGITS_MAX ? DIGITS_MAX : d.scale;
	uint64_t unit = (uint64_t)power(scale);
	const char *sign = d.coefficient < 0 ? "-" : "";

	if (scale)
		snprintf(buffer, size, "%s%llu.%0*llu", sign, (unsigned long long)(number / unit),
			 scale, (unsigned long long)(number % unit));
	else
		snprintf(buffer, size, "%s%llu", sign, (unsigned long long)number);
	return buffer;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

struct reading {
	const char *at, *end;
	wide coefficient;
	int digits; /* seen, without zeros in front */
	bool too_many;
	int scale;
	bool any;
};

static bool is_next(struct reading *reading, const char *set)
{
	if (reading->at == reading->end || !*reading->at || !strchr(set, *reading->at))
		return false;
	reading->at++;
	return true;
}

/* Zeros at the end of a fraction that has no room for them do not count. */
static void digits(struct reading *reading, bool fraction)
{
	for (; reading->at < reading->end && *reading->at >= '0' && *reading->at <= '9';
	     reading->at++) {
		reading->any = true;
		reading->scale += fraction && reading->scale < 1000;
		if (reading->digits || *reading->at != '0')
			reading->digits++;
		if (reading->digits <= 2 * DIGITS_MAX)
			reading->coefficient = reading->coefficient * 10 + (*reading->at - '0');
		else if (*reading->at != '0' || !fraction)
			reading->too_many = true;
		else
			reading->scale--;
	}
}

static int exponent(struct reading *reading, int *ret)
{
	int number = 0, sign = 1;

	if (is_next(reading, "-"))
		sign = -1;
	else
		is_next(reading, "+");
	if (reading->at == reading->end)
		return PEAL_EINVAL;
	for (; reading->at < reading->end; reading->at++) {
		if (*reading->at < '0' || *reading->at > '9')
			return PEAL_EINVAL;
		if (number < 1000)
			number = number * 10 + (*reading->at - '0');
	}
	*ret = sign * number;
	return 0;
}

static int scaled(struct reading *reading, bool negative, struct peal_decimal *ret)
{
	int shift = reading->scale < 0 ? -reading->scale : 0;

	if (reading->too_many || (reading->coefficient && shift > DIGITS_MAX))
		return PEAL_ELIMIT;
	if (!reading->coefficient) {
		int scale = reading->scale > DIGITS_MAX ? DIGITS_MAX : reading->scale;

		*ret = (struct peal_decimal){ 0, scale < 0 ? 0 : scale };
		return 0;
	}
	if (reading->coefficient > LARGEST && shift)
		return PEAL_ELIMIT;
	reading->coefficient *= power(shift);
	return fit(negative ? -reading->coefficient : reading->coefficient,
		   shift ? 0 : reading->scale, ret);
}

int peal__decimal_read(const char *text, size_t size, struct peal_decimal *ret_decimal)
{
	struct reading reading = { .at = text, .end = text + size };
	bool negative = is_next(&reading, "-");
	int shift = 0;

	if (!negative)
		is_next(&reading, "+");
	digits(&reading, false);
	if (is_next(&reading, "."))
		digits(&reading, true);
	if (!reading.any)
		return PEAL_EINVAL;
	if (is_next(&reading, "eE") && exponent(&reading, &shift) < 0)
		return PEAL_EINVAL;
	if (reading.at != reading.end)
		return PEAL_EINVAL;
	reading.scale -= shift;
	return scaled(&reading, negative, ret_decimal);
}

int peal_decimal_parse(const char *text, struct peal_decimal *ret_decimal)
{
	return peal__decimal_read(text, strlen(text), ret_decimal);
}
