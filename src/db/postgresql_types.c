/* SPDX-License-Identifier: MIT */
/*
 * Values in the forms of PostgreSQL. The server says which type a parameter has (that of the column it is compared
 * with or stored in), so a number travels in the binary form of exactly that type; what does not fit is an error here,
 * with the SQLSTATE that the server would give. So do all kinds of values into a column of their own type. Everything
 * else travels as text that the server reads.
 */
#include "postgresql.h"

#include "timestamp.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the server's catalog; these numbers never change. */
enum {
	BOOL = 16,
	BYTEA = 17,
	CHAR = 18,
	NAME = 19,
	INT8 = 20,
	INT2 = 21,
	INT4 = 23,
	TEXT = 25,
	OID = 26,
	JSON = 114,
	XML = 142,
	FLOAT4 = 700,
	FLOAT8 = 701,
	UNKNOWN = 705,
	BPCHAR = 1042,
	VARCHAR = 1043,
	DATE = 1082,
	TIME = 1083,
	TIMESTAMP = 1114,
	TIMESTAMPTZ = 1184,
	INTERVAL = 1186,
	NUMERIC = 1700,
	VOID = 2278,
	UUID = 2950,
	JSONB = 3802,
};

#define EPOCH INT64_C(946684800000000) /* the server counts from 2000-01-01 */
#define EPOCH_DAY 10957
#define DAY INT64_C(86400000000)

/* Bytes of a value in binary; 0: as many as it needs. */
static int size_of(Oid type)
{
	switch (type) {
	case BOOL:
		return 1;
	case INT2:
		return 2;
	case INT4:
	case OID:
	case FLOAT4:
	case DATE:
		return 4;
	case INT8:
	case FLOAT8:
	case TIMESTAMP:
	case TIMESTAMPTZ:
	case TIME:
		return 8;
	case INTERVAL:
	case UUID:
		return 16;
	default:
		return 0;
	}
}

bool peal__pg_type_is_known(Oid type)
{
	static const Oid known[] = { BOOL, BYTEA, CHAR,   NAME,    INT8,    INT2,      INT4,
				     TEXT, OID,   JSON,   XML,     FLOAT4,  FLOAT8,    UNKNOWN,
				     UUID, JSONB, BPCHAR, VARCHAR, NUMERIC, TIMESTAMP, TIMESTAMPTZ,
				     VOID, DATE,  TIME,   INTERVAL };

	for (size_t i = 0; i < PEAL_COUNTOF(known); i++)
		if (known[i] == type)
			return true;
	return false;
}

static bool is_text(Oid type)
{
	return type == TEXT || type == VARCHAR || type == BPCHAR || type == NAME || type == JSON ||
	       type == XML || type == UNKNOWN || type == CHAR;
}

static int fail(struct peal_error *error, const char *sqlstate, const char *format, ...)
	PEAL_PRINTF(3, 4);
static int fail(struct peal_error *error, const char *sqlstate, const char *format, ...)
{
	char message[160];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	peal_error_set(error, PEAL_ETYPE, "%s", message);
	if (error)
		memcpy(error->sqlstate, sqlstate, sizeof(error->sqlstate));
	return PEAL_ETYPE;
}

/* ---- Numbers in network order ---------------------------------------------------------------------------------- */

static void put(char *data, uint64_t number, int size)
{
	number = htobe64(number << (64 - 8 * size));
	memcpy(data, &number, (size_t)size);
}

static uint64_t get64(const char *data)
{
	uint64_t number;

	memcpy(&number, data, sizeof(number));
	return be64toh(number);
}

static uint32_t get32(const char *data)
{
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	return be32toh(number);
}

static uint64_t get(const char *data, int size)
{
	uint64_t number = 0;

	for (int i = 0; i < size; i++)
		number = number << 8 | (unsigned char)data[i];
	return number;
}

static int64_t get_signed(const char *data, int size)
{
	uint64_t number = get(data, size);

	switch (size) {
	case 2:
		return (int16_t)number;
	case 4:
		return (int32_t)number;
	default:
		return (int64_t)number;
	}
}

/* Numbers as text are in no country's spelling. */
static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void c_locale_init(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static locale_t no_country(void)
{
	pthread_once(&c_locale_once, c_locale_init);
	return c_locale;
}

/* The shortest text that reads as the same number. */
static void write_real(double real, char *text, size_t size)
{
	locale_t before = uselocale(no_country());

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, size, "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	uselocale(before);
}

/* ---- Parameters -------------------------------------------------------------------------------------------------- */

static int as_text(struct peal__pg_param *param)
{
	param->data = param->room;
	param->size = (int)strlen(param->room);
	param->format = 0;
	return 0;
}

static int as_binary(struct peal__pg_param *param, uint64_t number, int size)
{
	put(param->room, number, size);
	param->data = param->room;
	param->size = size;
	param->format = 1;
	return 0;
}

static int encode_bool(struct peal__pg_param *param, Oid type, bool value)
{
	switch (type) {
	case BOOL:
		return as_binary(param, value, 1);
	case INT2:
		return as_binary(param, value, 2);
	case INT4:
		return as_binary(param, value, 4);
	case INT8:
		return as_binary(param, value, 8);
	default:
		snprintf(param->room, sizeof(param->room), "%s", value ? "true" : "false");
		return as_text(param);
	}
}

static int encode_int(struct peal__pg_param *param, size_t number, Oid type, int64_t value,
		      struct peal_error *error)
{
	int size = type == INT2 ? 2 : type == INT4 ? 4 : 8;

	if (type == INT2 || type == INT4 || type == INT8) {
		if ((size == 2 && value != (int16_t)value) ||
		    (size == 4 && value != (int32_t)value))
			return fail(error, "22003",
				    "parameter $%zu: %" PRId64 " does not fit into %d bits", number,
				    value, 8 * size);
		return as_binary(param, (uint64_t)value, size);
	}
	snprintf(param->room, sizeof(param->room), "%" PRId64, value);
	return as_text(param);
}

static int encode_real(struct peal__pg_param *param, Oid type, double value)
{
	uint64_t bits;

	if (type == FLOAT8) {
		memcpy(&bits, &value, sizeof(bits));
		return as_binary(param, bits, 8);
	}
	write_real(value, param->room, sizeof(param->room));
	return as_text(param);
}

static int encode_time(struct peal__pg_param *param, size_t number, Oid type, int64_t value,
		       struct peal_error *error)
{
	size_t size;

	if (type == TIMESTAMPTZ || type == TIMESTAMP) {
		bool endless = value == INT64_MAX || value == INT64_MIN;

		if (!endless && value < INT64_MIN + EPOCH)
			return fail(error, "22008", "parameter $%zu: the time is out of range",
				    number);
		return as_binary(param, (uint64_t)(endless ? value : value - EPOCH), 8);
	}
	size = peal__timestamp_write(value, param->room);
	snprintf(param->room + size, sizeof(param->room) - size, "+00");
	return as_text(param);
}

/* As the server keeps a number: a sign, digits of base 10000, and how many decimals to show. */
static int encode_decimal(struct peal__pg_param *param, struct peal_decimal decimal)
{
	__extension__ unsigned __int128 rest =
		(uint64_t)(decimal.coefficient < 0 ? -decimal.coefficient : decimal.coefficient);
	int padding = (4 - decimal.scale % 4) % 4, count = 0;
	int weight = -(decimal.scale + padding) / 4 - 1;
	unsigned digits[8];

	for (int i = 0; i < padding; i++)
		rest *= 10;
	for (; rest; rest /= 10000, weight++)
		if (count || rest % 10000)
			digits[count++] = (unsigned)(rest % 10000);
	put(param->room, (uint64_t)count, 2);
	put(param->room + 2, (uint64_t)(count ? weight : 0), 2);
	put(param->room + 4, decimal.coefficient < 0 ? 0x4000 : 0, 2);
	put(param->room + 6, (uint64_t)decimal.scale, 2);
	for (int i = 0; i < count; i++)
		put(param->room + 8 + 2 * i, digits[count - 1 - i], 2);
	param->data = param->room;
	param->size = 8 + 2 * count;
	param->format = 1;
	return 0;
}

/* Microseconds, days and months. */
static int encode_interval(struct peal__pg_param *param, int64_t microseconds)
{
	memset(param->room, 0, 16);
	as_binary(param, (uint64_t)microseconds, 8);
	param->size = 16;
	return 0;
}

static int encode_form(struct peal__pg_param *param, size_t number, Oid type,
		       const struct peal_value *value, struct peal_error *error)
{
	if (value->kind == PEAL_VALUE_UUID && type == UUID) {
		memcpy(param->room, value->as.uuid.bytes, 16);
		param->data = param->room;
		param->size = 16;
		param->format = 1;
		return 0;
	}
	if (value->kind == PEAL_VALUE_DECIMAL && type == NUMERIC)
		return encode_decimal(param, value->as.decimal);
	if (value->kind == PEAL_VALUE_DATE && type == DATE)
		return as_binary(param, (uint64_t)(peal_date_to_days(value->as.date) - EPOCH_DAY),
				 4);
	if (value->kind == PEAL_VALUE_TIME_OF_DAY && type == TIME)
		return as_binary(param, (uint64_t)value->as.integer, 8);
	if (value->kind == PEAL_VALUE_DURATION && type == INTERVAL)
		return encode_interval(param, value->as.integer);
	if (value->kind == PEAL_VALUE_DURATION && type == INT8)
		return encode_int(param, number, type, value->as.integer, error);
	if (value->kind == PEAL_VALUE_DURATION)
		snprintf(param->room, sizeof(param->room), "%" PRId64 " microseconds",
			 value->as.integer);
	else
		peal_value_format(*value, param->room, sizeof(param->room));
	return as_text(param);
}

static int encode_text(struct peal__pg_param *param, size_t number, Oid type,
		       const struct peal_value *value, struct peal_error *error)
{
	const char *data = value->as.text.data;
	size_t size = value->as.text.size;

	if (size > INT32_MAX)
		return fail(error, "54000", "parameter $%zu: %zu bytes are too many", number, size);
	if (type != BYTEA && size && memchr(data, '\0', size))
		return fail(error, "22021",
			    "parameter $%zu: PostgreSQL keeps no text with a NUL in it", number);
	/* Text that the server has to read as something else must end with a NUL, as all our texts do. */
	param->data = data ? data : "";
	param->size = (int)size;
	param->format = is_text(type) || type == BYTEA;
	return 0;
}

static int encode_bytes(struct peal__pg_param *param, size_t number, Oid type,
			const struct peal_value *value, struct peal_error *error)
{
	if (type != BYTEA)
		return fail(
			error, "42804",
			"parameter $%zu is bytes, but the database expects none (write $%zu::bytea "
			"where it cannot know)",
			number, number);
	return encode_text(param, number, type, value, error);
}

int peal__pg_encode(struct peal__pg_param *param, size_t number, Oid type,
		    const struct peal_value *value, struct peal_error *error)
{
	switch (value->kind) {
	case PEAL_VALUE_NULL:
		param->data = NULL;
		param->size = param->format = 0;
		return 0;
	case PEAL_VALUE_BOOL:
		return encode_bool(param, type, value->as.boolean);
	case PEAL_VALUE_INT:
		return encode_int(param, number, type, value->as.integer, error);
	case PEAL_VALUE_REAL:
		return encode_real(param, type, value->as.real);
	case PEAL_VALUE_TEXT:
		return encode_text(param, number, type, value, error);
	case PEAL_VALUE_BYTES:
		return encode_bytes(param, number, type, value, error);
	case PEAL_VALUE_TIME:
		return encode_time(param, number, type, value->as.integer, error);
	case PEAL_VALUE_UUID:
	case PEAL_VALUE_DECIMAL:
	case PEAL_VALUE_DATE:
	case PEAL_VALUE_TIME_OF_DAY:
	case PEAL_VALUE_DURATION:
		return encode_form(param, number, type, value, error);
	default:
		return peal_error_set(error, PEAL_ETYPE,
				      "parameter $%zu is not a value that a database knows",
				      number);
	}
}

bool peal__pg_has_version(Oid type)
{
	return type == JSONB;
}

/* Those of the pairs above that need nothing to be read by the server. */
bool peal__pg_can_copy(uint32_t kind, Oid type)
{
	switch (kind) {
	case PEAL_VALUE_BOOL:
		return type == BOOL;
	case PEAL_VALUE_INT:
		return type == INT2 || type == INT4 || type == INT8;
	case PEAL_VALUE_REAL:
		return type == FLOAT8;
	case PEAL_VALUE_TEXT:
		return type == TEXT || type == VARCHAR || type == BPCHAR || type == JSON ||
		       type == JSONB;
	case PEAL_VALUE_BYTES:
		return type == BYTEA;
	case PEAL_VALUE_TIME:
		return type == TIMESTAMPTZ || type == TIMESTAMP;
	case PEAL_VALUE_UUID:
		return type == UUID;
	case PEAL_VALUE_DECIMAL:
		return type == NUMERIC;
	case PEAL_VALUE_DATE:
		return type == DATE;
	case PEAL_VALUE_TIME_OF_DAY:
		return type == TIME;
	case PEAL_VALUE_DURATION:
		return type == INTERVAL || type == INT8;
	default:
		return false;
	}
}

/* ---- Columns in binary ------------------------------------------------------------------------------------------- */

static struct peal_value text_of(const char *data, int size)
{
	return (struct peal_value){ .kind = PEAL_VALUE_TEXT,
				    .as = { .text = { data, (size_t)size } } };
}

/* Digits of base 10000, the first with the weight 10000^weight, and how many decimals to show. */
static char *write_digits(char *at, const char *digits, int count, int weight, int decimals)
{
	char group[8];

	if (weight < 0)
		*at++ = '0';
	for (int i = 0; i <= weight; i++)
		at += sprintf(at, i ? "%04u" : "%u",
			      i < count ? (unsigned)get(digits + 2 * i, 2) : 0);
	if (decimals)
		*at++ = '.';
	for (int i = weight + 1; decimals > 0; i++, decimals -= 4) {
		int part = decimals < 4 ? decimals : 4;

		snprintf(group, sizeof(group), "%04u",
			 i >= 0 && i < count ? (unsigned)(get(digits + 2 * i, 2) % 10000) : 0);
		memcpy(at, group, (size_t)part);
		at += part;
	}
	*at = '\0';
	return at;
}

static int decode_numeric(const char *data, int size, struct peal__arena *arena,
			  struct peal_value *value)
{
	int count, weight, decimals;
	unsigned sign;
	char *text, *at;

	if (size < 8)
		return -1;
	count = (int)get(data, 2);
	weight = (int)get_signed(data + 2, 2);
	sign = (unsigned)get(data + 4, 2);
	decimals = (int)get(data + 6, 2);
	if (size != 8 + 2 * count)
		return -1;
	if (sign == 0xc000 || sign == 0xd000 || sign == 0xf000) {
		const char *name = sign == 0xc000   ? "NaN"
				   : sign == 0xd000 ? "Infinity"
						    : "-Infinity";

		*value = text_of(name, (int)strlen(name));
		return 0;
	}
	text = at = peal__arena_alloc(arena, (size_t)(weight < 0 ? 0 : weight + 1) * 5 +
						     (size_t)decimals + 16);
	if (!text)
		return PEAL_ENOMEM;
	if (sign == 0x4000)
		*at++ = '-';
	at = write_digits(at, data + 8, count, weight, decimals);
	*value = text_of(text, (int)(at - text));
	return 0;
}

static int decode_uuid(const char *data, struct peal__arena *arena, struct peal_value *value)
{
	char *text, *at;

	text = at = peal__arena_alloc(arena, 37);
	if (!text)
		return PEAL_ENOMEM;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		at += sprintf(at, "%02x", (unsigned)(unsigned char)data[i]);
	}
	*value = text_of(text, 36);
	return 0;
}

static int decode_real(const char *data, int size, struct peal_value *value)
{
	uint64_t bits = get(data, size);
	uint32_t half = (uint32_t)bits;
	double real;
	float small;

	if (size == 4) {
		memcpy(&small, &half, sizeof(small));
		*value = peal_value_real((double)small);
		return 0;
	}
	memcpy(&real, &bits, sizeof(real));
	*value = peal_value_real(real);
	return 0;
}

static int decode_time(const char *data, struct peal_value *value)
{
	int64_t time = get_signed(data, 8);
	bool endless = time == INT64_MAX || time == INT64_MIN;

	*value = peal_value_time(endless || time > INT64_MAX - EPOCH ? time : time + EPOCH);
	return endless || time <= INT64_MAX - EPOCH ? 0 : -1;
}

static int decode_date(const char *data, struct peal_value *value)
{
	*value = peal_value_date(peal_date_from_days(get_signed(data, 4) + EPOCH_DAY));
	return value->kind == PEAL_VALUE_DATE ? 0 : -1;
}

/* Microseconds, days, and months, which are no exact time: 30 days, as the server has it when it must. */
static int decode_interval(const char *data, struct peal_value *value)
{
	int64_t days = get_signed(data + 8, 4) + 30 * get_signed(data + 12, 4), total;

	if (__builtin_mul_overflow(days, DAY, &total) ||
	    __builtin_add_overflow(total, get_signed(data, 8), &total))
		return -1;
	*value = peal_value_duration(total);
	return 0;
}

/* 0, PEAL_ENOMEM, or -1 when the data are not what the type says. */
static int decode_binary(Oid type, const char *data, int size, struct peal__arena *arena,
			 struct peal_value *value)
{
	int wanted = size_of(type);

	if (wanted && wanted != size)
		return -1;
	switch (type) {
	case BOOL:
		*value = peal_value_bool(data[0] != 0);
		return 0;
	case INT2:
	case INT4:
	case INT8:
		*value = peal_value_int(get_signed(data, size));
		return 0;
	case OID:
		*value = peal_value_int((int64_t)get(data, size));
		return 0;
	case FLOAT4:
	case FLOAT8:
		return decode_real(data, size, value);
	case TIMESTAMP:
	case TIMESTAMPTZ:
		return decode_time(data, value);
	case DATE:
		return decode_date(data, value);
	case TIME:
		*value = peal_value_time_of_day(get_signed(data, 8));
		return 0;
	case INTERVAL:
		return decode_interval(data, value);
	case NUMERIC:
		return decode_numeric(data, size, arena, value);
	case UUID:
		return decode_uuid(data, arena, value);
	case BYTEA:
		*value = peal_value_bytes(data, (size_t)size);
		return 0;
	case JSONB:
		*value = size ? text_of(data + 1, size - 1) : text_of(data, 0);
		return 0;
	default:
		*value = text_of(data, size);
		return 0;
	}
}

/* ---- Columns as text ---------------------------------------------------------------------------------------------- */

static int read_int(const char *data, int64_t *ret)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll_l(data, &end, 10, no_country());
	*ret = number;
	return end != data && !*end && !errno ? 0 : -1;
}

static int read_real(const char *data, double *ret)
{
	char *end;

	*ret = strtod_l(data, &end, no_country());
	return end != data && !*end ? 0 : -1;
}

static int decode_hex(const char *data, int size, struct peal__arena *arena,
		      struct peal_value *value)
{
	static const char digits[] = "0123456789abcdef";
	char *bytes;

	if (size < 2 || size % 2 || memcmp(data, "\\x", 2) != 0)
		return -1;
	bytes = peal__arena_alloc(arena, (size_t)size / 2 + 1);
	if (!bytes)
		return PEAL_ENOMEM;
	for (int i = 2; i < size; i += 2) {
		const char *high = strchr(digits, data[i]), *low = strchr(digits, data[i + 1]);

		if (!high || !low)
			return -1;
		bytes[i / 2 - 1] = (char)((high - digits) << 4 | (low - digits));
	}
	*value = peal_value_bytes(bytes, (size_t)size / 2 - 1);
	return 0;
}

static int decode_text(Oid type, const char *data, int size, struct peal__arena *arena,
		       struct peal_value *value)
{
	switch (type) {
	case BOOL:
		*value = peal_value_bool(data[0] == 't');
		return 0;
	case INT2:
	case INT4:
	case INT8:
	case OID:
		*value = peal_value_int(0);
		return read_int(data, &value->as.integer);
	case FLOAT4:
	case FLOAT8:
		*value = peal_value_real(0);
		return read_real(data, &value->as.real);
	case TIMESTAMP:
	case TIMESTAMPTZ:
		*value = peal_value_time(0);
		return peal__timestamp_read(data, (size_t)size, &value->as.integer) ? 0 : -1;
	case BYTEA:
		return decode_hex(data, size, arena, value);
	default:
		*value = text_of(data, size);
		return 0;
	}
}

/* ---- The kind that is wanted ---------------------------------------------------------------------------------------- */

static int convert(uint32_t kind, struct peal_value *value)
{
	struct peal_value from = *value;

	if (kind == PEAL_VALUE_BOOL && from.kind == PEAL_VALUE_INT) {
		*value = peal_value_bool(from.as.integer != 0);
	} else if (kind == PEAL_VALUE_INT && from.kind == PEAL_VALUE_BOOL) {
		*value = peal_value_int(from.as.boolean);
	} else if (kind == PEAL_VALUE_REAL && from.kind == PEAL_VALUE_INT) {
		*value = peal_value_real((double)from.as.integer);
	} else if (kind == PEAL_VALUE_INT && from.kind == PEAL_VALUE_TEXT) {
		*value = peal_value_int(0);
		return read_int(from.as.text.data, &value->as.integer);
	} else if (kind == PEAL_VALUE_REAL && from.kind == PEAL_VALUE_TEXT) {
		*value = peal_value_real(0);
		return read_real(from.as.text.data, &value->as.real);
	} else if (kind == PEAL_VALUE_TIME && from.kind == PEAL_VALUE_TEXT) {
		*value = peal_value_time(0);
		return peal__timestamp_read(from.as.text.data, from.as.text.size,
					    &value->as.integer)
			       ? 0
			       : -1;
	} else if (kind >= PEAL_VALUE_UUID && from.kind == PEAL_VALUE_TEXT) {
		return peal_value_parse(kind, from.as.text.data, from.as.text.size, value);
	} else if (kind == PEAL_VALUE_DECIMAL && from.kind == PEAL_VALUE_INT) {
		*value = peal_value_decimal((struct peal_decimal){ from.as.integer, 0 });
	} else if (kind == PEAL_VALUE_DURATION && from.kind == PEAL_VALUE_INT) {
		*value = peal_value_duration(from.as.integer);
	}
	return 0;
}

/* The types that most columns are of, in few steps; false: it is none of them, or no plain one. */
static bool decode_plain(Oid type, const char *data, int size, struct peal_value *value)
{
	uint64_t bits;

	switch (type) {
	case TEXT:
	case VARCHAR:
		*value = text_of(data, size);
		return true;
	case INT4:
		value->kind = PEAL_VALUE_INT;
		value->as.integer = size == 4 ? (int32_t)get32(data) : 0;
		return size == 4;
	case INT8:
		value->kind = PEAL_VALUE_INT;
		value->as.integer = size == 8 ? (int64_t)get64(data) : 0;
		return size == 8;
	case FLOAT8:
		bits = size == 8 ? get64(data) : 0;
		value->kind = PEAL_VALUE_REAL;
		memcpy(&value->as.real, &bits, sizeof(bits));
		return size == 8;
	case TIMESTAMPTZ:
		value->kind = PEAL_VALUE_TIME;
		value->as.integer = size == 8 ? (int64_t)get64(data) : INT64_MAX;
		if (value->as.integer > INT64_MAX - EPOCH || value->as.integer == INT64_MIN)
			return false;
		value->as.integer += EPOCH;
		return true;
	default:
		return false;
	}
}

int peal__pg_decode(const PGresult *result, int row, int column, const struct peal__pg_shape *shape,
		    uint32_t kind, struct peal__arena *arena, struct peal_value *ret_value,
		    struct peal_error *error)
{
	Oid type = peal__pg_columns(shape)[column];
	const char *data = PQgetvalue(result, row, column);
	int size = PQgetlength(result, row, column), r;

	if (!size && PQgetisnull(result, row, column)) {
		ret_value->kind = PEAL_VALUE_NULL;
		return 0;
	}
	if (shape->binary && decode_plain(type, data, size, ret_value) &&
	    (ret_value->kind == kind || !kind))
		return 0;
	if (type == UUID && kind == PEAL_VALUE_UUID && shape->binary && size == 16) {
		ret_value->kind = PEAL_VALUE_UUID;
		memcpy(ret_value->as.uuid.bytes, data, 16);
		return 0;
	}
	r = shape->binary ? decode_binary(type, data, size, arena, ret_value)
			  : decode_text(type, data, size, arena, ret_value);
	if (r == 0 && kind && PEAL_UNLIKELY(ret_value->kind != kind))
		r = convert(kind, ret_value);
	if (PEAL_UNLIKELY(r == PEAL_ENOMEM))
		return peal__no_memory(error);
	if (PEAL_UNLIKELY(r < 0))
		return fail(error, "22P03",
			    "column %s: the value cannot be read as what is wanted of it",
			    PQfname(result, column));
	return 0;
}
