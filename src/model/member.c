/* SPDX-License-Identifier: MIT */
/* Members of rows: reading, writing, and what fits into which. */
#include "state.h"

#include <stdio.h>

/* ---- Integers of all sizes ------------------------------------------------------------------------------------ */

#define INTEGER_STORAGES(X)                           \
	X(PEAL__S_I8, int8_t, INT8_MIN, INT8_MAX)     \
	X(PEAL__S_U8, uint8_t, 0, UINT8_MAX)          \
	X(PEAL__S_I16, int16_t, INT16_MIN, INT16_MAX) \
	X(PEAL__S_U16, uint16_t, 0, UINT16_MAX)       \
	X(PEAL__S_I32, int32_t, INT32_MIN, INT32_MAX) \
	X(PEAL__S_U32, uint32_t, 0, UINT32_MAX)       \
	X(PEAL__S_I64, int64_t, INT64_MIN, INT64_MAX) \
	X(PEAL__S_U64, uint64_t, 0, INT64_MAX)

static bool integer_read(uint16_t storage, const char *member, int64_t *ret)
{
	switch (storage) {
#define X(storage_, type_, min_, max_)                   \
	case storage_: {                                 \
		type_ number;                            \
                                                         \
		memcpy(&number, member, sizeof(number)); \
		*ret = (int64_t)number;                  \
		return true;                             \
	}
		INTEGER_STORAGES(X)
#undef X
	default:
		return false;
	}
}

static bool integer_write(uint16_t storage, char *member, int64_t value)
{
	switch (storage) {
#define X(storage_, type_, min_, max_)                   \
	case storage_: {                                 \
		type_ number = (type_)value;             \
                                                         \
		memcpy(member, &number, sizeof(number)); \
		return true;                             \
	}
		INTEGER_STORAGES(X)
#undef X
	default:
		return false;
	}
}

static bool integer_fits(uint16_t storage, int64_t value)
{
	switch (storage) {
#define X(storage_, type_, min_, max_) \
	case storage_:                 \
		return value >= (min_) && value <= (max_);
		INTEGER_STORAGES(X)
#undef X
	default:
		return false;
	}
}

#define FIRST_TIME INT64_C(-62135596800000000) /* 0001-01-01 */
#define LAST_TIME INT64_C(253402300799999999)  /* 9999-12-31 */

/* ---- Reading --------------------------------------------------------------------------------------------------- */

static struct peal_value integer_value(const struct peal__column *column, int64_t number)
{
	if (!number && column->zero_is_null)
		return peal_value_null();
	return (struct peal_value){ .kind = column->value_kind, .as.integer = number };
}

static struct peal_value text_value(uint16_t storage, const char *member)
{
	struct peal_bytes bytes;
	const char *text;

	if (storage == PEAL__S_TEXT) {
		memcpy(&text, member, sizeof(text));
		return peal_value_text(text);
	}
	memcpy(&bytes, member, sizeof(bytes));
	return bytes.data ? peal_value_bytes(bytes.data, bytes.size) : peal_value_null();
}

static struct peal_value real_value(uint16_t storage, const char *member)
{
	double real;
	float small;

	if (storage == PEAL__S_FLOAT) {
		memcpy(&small, member, sizeof(small));
		return peal_value_real((double)small);
	}
	memcpy(&real, member, sizeof(real));
	return peal_value_real(real);
}

static struct peal_value struct_value(uint16_t storage, const char *member)
{
	struct peal_decimal decimal;
	struct peal_uuid uuid;
	struct peal_date date;

	switch (storage) {
	case PEAL__S_UUID:
		memcpy(&uuid, member, sizeof(uuid));
		return peal_value_uuid(uuid);
	case PEAL__S_DECIMAL:
		memcpy(&decimal, member, sizeof(decimal));
		return peal_value_decimal(decimal);
	default:
		memcpy(&date, member, sizeof(date));
		return peal_value_date(date);
	}
}

struct peal_value peal__member_read(const struct peal__column *column, const char *row)
{
	const char *member = row + column->offset;
	int64_t number;
	bool flag;

	if (column->has) {
		memcpy(&flag, row + column->has - 1, sizeof(flag));
		if (!flag)
			return peal_value_null();
	}
	if (integer_read(column->storage, member, &number))
		return integer_value(column, number);
	switch (column->storage) {
	case PEAL__S_BOOL:
		memcpy(&flag, member, sizeof(flag));
		return peal_value_bool(flag);
	case PEAL__S_FLOAT:
	case PEAL__S_DOUBLE:
		return real_value(column->storage, member);
	case PEAL__S_TEXT:
	case PEAL__S_BYTES:
		return text_value(column->storage, member);
	default:
		return struct_value(column->storage, member);
	}
}

bool peal__member_is_zero(const struct peal__column *column, const char *row)
{
	static const struct peal_uuid no_uuid;
	struct peal_value value = peal__member_read(column, row);

	if (value.kind == PEAL_VALUE_NULL || column->has)
		return value.kind == PEAL_VALUE_NULL;
	switch (value.kind) {
	case PEAL_VALUE_BOOL:
		return !value.as.boolean;
	case PEAL_VALUE_REAL:
		return value.as.real == 0;
	case PEAL_VALUE_TEXT:
	case PEAL_VALUE_BYTES:
		return !value.as.text.data;
	case PEAL_VALUE_UUID:
		return memcmp(&value.as.uuid, &no_uuid, sizeof(no_uuid)) == 0;
	case PEAL_VALUE_DECIMAL:
		return !value.as.decimal.coefficient && !value.as.decimal.scale;
	case PEAL_VALUE_DATE:
		return !value.as.date.year && !value.as.date.month && !value.as.date.day;
	default:
		return !value.as.integer;
	}
}

/* ---- What fits -------------------------------------------------------------------------------------------------- */

static const char *kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[PEAL_VALUE_NULL] = "null",           [PEAL_VALUE_BOOL] = "a boolean",
		[PEAL_VALUE_INT] = "an integer",      [PEAL_VALUE_REAL] = "a real",
		[PEAL_VALUE_TEXT] = "a text",         [PEAL_VALUE_BYTES] = "bytes",
		[PEAL_VALUE_TIME] = "a time",         [PEAL_VALUE_POINTER] = "a row",
		[PEAL_VALUE_UUID] = "a uuid",         [PEAL_VALUE_DECIMAL] = "a decimal",
		[PEAL_VALUE_DATE] = "a date",         [PEAL_VALUE_TIME_OF_DAY] = "a time of day",
		[PEAL_VALUE_DURATION] = "a duration",
	};

	return kind < PEAL_COUNTOF(names) ? names[kind] : "a value of unknown kind";
}

/* What there is to be given instead. */
static const char *taken_by(const struct peal__column *column)
{
	switch (column->value_kind) {
	case PEAL_VALUE_REAL:
		return "a real or an integer";
	case PEAL_VALUE_UUID:
		return "a uuid or its text";
	case PEAL_VALUE_DECIMAL:
		return "a decimal, its text (\"-12.50\") or an integer";
	case PEAL_VALUE_DATE:
		return "a date or its text (\"2001-12-31\")";
	case PEAL_VALUE_TIME:
		return "a time or its microseconds";
	case PEAL_VALUE_TIME_OF_DAY:
		return "a time of day, its text (\"23:59\") or its microseconds";
	case PEAL_VALUE_DURATION:
		return "a duration, its text or its microseconds";
	default:
		return kind_name(column->value_kind);
	}
}

static int refuse(const struct peal__model_state *state, const struct peal__column *column,
		  int code, const char *reason, const char *what, struct peal_error *error)
{
	peal_error_set(error, code, "%s.%s %s %s", state->label, column->name, reason, what);
	if (error)
		snprintf(error->field, sizeof(error->field), "%s", column->name);
	return code;
}

static bool convert(const struct peal__column *column, struct peal_value *value)
{
	uint32_t from = value->kind;

	switch (column->value_kind) {
	case PEAL_VALUE_BOOL:
		if (from == PEAL_VALUE_INT && (value->as.integer & ~INT64_C(1)) == 0)
			*value = peal_value_bool(value->as.integer == 1);
		break;
	case PEAL_VALUE_INT:
		if (from == PEAL_VALUE_BOOL)
			*value = peal_value_int(value->as.boolean);
		break;
	case PEAL_VALUE_REAL:
		if (from == PEAL_VALUE_INT)
			*value = peal_value_real((double)value->as.integer);
		break;
	case PEAL_VALUE_TIME:
	case PEAL_VALUE_TIME_OF_DAY:
	case PEAL_VALUE_DURATION:
		if (from == PEAL_VALUE_INT)
			value->kind = column->value_kind;
		break;
	case PEAL_VALUE_DECIMAL:
		if (from == PEAL_VALUE_INT)
			*value = peal_value_decimal((struct peal_decimal){ value->as.integer, 0 });
		break;
	default:
		break;
	}
	if (column->value_kind >= PEAL_VALUE_UUID && from == PEAL_VALUE_TEXT)
		return peal_value_parse(column->value_kind, value->as.text.data,
					value->as.text.size, value) == 0;
	return value->kind == column->value_kind;
}

static int key_of_row(const struct peal__model_state *state, const struct peal__column *column,
		      struct peal_value *value, struct peal_error *error)
{
	const struct peal_instance *instance = value->as.pointer;

	if (!column->relation || !instance || instance->model != column->field->to)
		return refuse(state, column, PEAL_EINVAL, "does not take a row of",
			      instance && instance->model ? peal_model_label(instance->model)
							  : "no model",
			      error);
	*value = peal_key(instance);
	if (value->kind == PEAL_VALUE_NULL)
		return refuse(state, column, PEAL_EINVAL, "was given a row that is not saved, of",
			      peal_model_label(instance->model), error);
	return 0;
}

const char *peal__decimal_problem(const struct peal_field *field, struct peal_decimal *decimal)
{
	struct peal_decimal fit;
	int64_t most = 1;

	for (int i = 0; i < field->max_digits; i++)
		most *= 10;
	if (decimal->scale < 0 || decimal->scale > 18)
		return "scale";
	if (peal_decimal_round(*decimal, field->decimal_places, &fit) < 0 ||
	    fit.coefficient >= most || fit.coefficient <= -most)
		return "max_digits";
	if (peal_decimal_compare(fit, *decimal) != 0)
		return "max_decimal_places";
	*decimal = fit;
	return NULL;
}

void peal__decimal_settle(const struct peal__column *column, struct peal_decimal *decimal)
{
	struct peal_decimal rounded;

	for (int hops = 0; column->relation && hops < 8; hops++) {
		const struct peal__model_state *to = peal__state(column->field->to);

		column = &to->columns[to->key];
	}
	if (peal_decimal_round(*decimal, column->field->decimal_places, &rounded) == 0)
		*decimal = rounded;
}

/* Values of which there are more than the column has room for. */
static bool has_room(const struct peal__column *column, struct peal_value *value)
{
	switch (value->kind) {
	case PEAL_VALUE_INT:
		return integer_fits(column->storage, value->as.integer);
	case PEAL_VALUE_TIME_OF_DAY:
		return value->as.integer >= 0 && value->as.integer < INT64_C(86400000000);
	case PEAL_VALUE_DATE:
		return peal_date_is_valid(value->as.date);
	case PEAL_VALUE_DECIMAL:
		return column->value_kind != PEAL_VALUE_DECIMAL ||
		       !peal__decimal_problem(column->field, &value->as.decimal);
	default:
		return true;
	}
}

static int wrong_kind(const struct peal__model_state *state, const struct peal__column *column,
		      uint32_t kind, struct peal_error *error)
{
	char what[160];

	snprintf(what, sizeof(what), "%s: it takes %s", kind_name(kind), taken_by(column));
	return refuse(state, column, PEAL_ETYPE, "does not take", what, error);
}

static int no_room(const struct peal__model_state *state, const struct peal__column *column,
		   struct peal_value value, struct peal_error *error)
{
	char text[64], what[160];

	peal_value_format(value, text, sizeof(text));
	if (value.kind != PEAL_VALUE_DECIMAL)
		return refuse(state, column, PEAL_ETYPE, "has no room for", text, error);
	snprintf(what, sizeof(what), "%s (max_digits %u, decimal_places %u)", text,
		 column->field->max_digits, column->field->decimal_places);
	return refuse(state, column, PEAL_ETYPE, "has no room for", what, error);
}

int peal__column_accept(const struct peal__model_state *state, const struct peal__column *column,
			struct peal_value *value, struct peal_error *error)
{
	if (value->kind == PEAL_VALUE_NULL)
		return 0;
	if (value->kind == PEAL_VALUE_POINTER) {
		int r = key_of_row(state, column, value, error);

		if (r < 0)
			return r;
	}
	if (!convert(column, value))
		return wrong_kind(state, column, value->kind, error);
	if (!has_room(column, value))
		return no_room(state, column, *value, error);
	if (value->kind == PEAL_VALUE_TEXT &&
	    memchr(value->as.text.data, '\0', value->as.text.size))
		return refuse(state, column, PEAL_ETYPE, "does not take",
			      "a text that contains a NUL", error);
	return 0;
}

int peal__member_check(const struct peal__model_state *state, const struct peal__column *column,
		       struct peal_value *value, struct peal_error *error)
{
	if (PEAL_UNLIKELY(value->kind >= PEAL_VALUE_UUID))
		return peal__column_accept(state, column, value, error);
	if (PEAL_UNLIKELY(column->field->kind == PEAL_FIELD_JSON &&
			  value->kind == PEAL_VALUE_TEXT) &&
	    !peal__json_is_valid(value->as.text.data, value->as.text.size))
		return refuse(state, column, PEAL_ETYPE, "must be", "valid JSON", error);
	if (PEAL_UNLIKELY(column->storage == PEAL__S_U64 && value->kind == PEAL_VALUE_INT &&
			  value->as.integer < 0))
		return refuse(state, column, PEAL_ETYPE, "is too large", "for a database", error);
	if (PEAL_UNLIKELY(value->kind == PEAL_VALUE_TIME &&
			  (value->as.integer < FIRST_TIME || value->as.integer > LAST_TIME)))
		return refuse(state, column, PEAL_ETYPE, "must be in", "the years 1 to 9999",
			      error);
	return 0;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

struct owned {
	struct owned *next;
	uint32_t offset;
	_Alignas(max_align_t) char data[];
};

void *peal__owned_alloc(struct peal_instance *instance, uint32_t offset, size_t size)
{
	struct owned *owned = peal__db_alloc(sizeof(*owned) + size);

	if (!owned)
		return NULL;
	owned->offset = offset;
	owned->next = instance->owned;
	instance->owned = owned;
	return owned->data;
}

void peal__owned_forget(struct peal_instance *instance, uint32_t offset, const void *keep)
{
	struct owned *first = instance->owned;
	struct owned **at = &first;

	while (*at) {
		struct owned *owned = *at;

		if (owned->offset == offset && owned->data != keep) {
			*at = owned->next;
			peal__db_free(owned);
		} else {
			at = &owned->next;
		}
	}
	instance->owned = first;
}

void *peal__owned_next(const struct peal_instance *instance, uint32_t offset, const void *item)
{
	struct owned *owned = instance->owned;

	while (owned && item) {
		if (owned->data == item)
			item = NULL;
		owned = owned->next;
	}
	while (owned && owned->offset != offset)
		owned = owned->next;
	return owned ? owned->data : NULL;
}

static void owned_end(struct owned *owned)
{
	if (owned->offset == PEAL__OWNED_INSTANCE)
		peal_fini(((struct peal__owned_row *)(void *)owned->data)->instance);
	if (owned->offset == PEAL__OWNED_PREFETCHED)
		peal__prefetched_fini(owned->data);
	peal__db_free(owned);
}

void peal__owned_remove(struct peal_instance *instance, const void *item)
{
	struct owned *first = instance->owned, *owned;
	struct owned **at = &first;

	while (*at && (*at)->data != item)
		at = &(*at)->next;
	owned = *at;
	if (!owned)
		return;
	*at = owned->next;
	instance->owned = first;
	owned_end(owned);
}

void peal__owned_free(struct peal_instance *instance)
{
	struct owned *owned = instance->owned;

	while (owned) {
		struct owned *next = owned->next;

		owned_end(owned);
		owned = next;
	}
	instance->owned = NULL;
	peal__snapshot_put(instance->internal);
	instance->internal = NULL;
}

/* The old copy goes after the new one is made: the new text may be a part of it. */
static int data_copy(struct peal_instance *instance, const struct peal__column *column,
		     const void **data, size_t size, struct peal_error *error)
{
	char *copy = NULL;

	if (*data) {
		copy = peal__owned_alloc(instance, column->offset, size + 1);
		if (!copy)
			return peal__no_memory(error);
		if (size)
			memcpy(copy, *data, size);
	}
	peal__owned_forget(instance, column->offset, copy);
	*data = copy;
	return 0;
}

static int data_write(struct peal_instance *instance, const struct peal__column *column,
		      const void *data, size_t size, enum peal__text_mode mode,
		      struct peal_error *error)
{
	char *member = peal__row(instance) + column->offset;

	if (mode == PEAL__COPY) {
		int r = data_copy(instance, column, &data, size, error);

		if (r < 0)
			return r;
	}
	if (column->storage == PEAL__S_TEXT) {
		const char *text = data;

		memcpy(member, &text, sizeof(text));
	} else {
		struct peal_bytes bytes = { data, data ? size : 0 };

		memcpy(member, &bytes, sizeof(bytes));
	}
	return 0;
}

/* value NULL: nothing but zeros. Members of other storages are left alone. */
static void struct_write(char *member, uint16_t storage, const struct peal_value *value)
{
	static const struct peal_value nothing;

	if (!value)
		value = &nothing;
	switch (storage) {
	case PEAL__S_UUID:
		memcpy(member, &value->as.uuid, sizeof(value->as.uuid));
		break;
	case PEAL__S_DECIMAL:
		memcpy(member, &value->as.decimal, sizeof(value->as.decimal));
		break;
	case PEAL__S_DATE:
		memcpy(member, &value->as.date, sizeof(value->as.date));
		break;
	default:
		break;
	}
}

static int null_write(struct peal_instance *instance, const struct peal__column *column,
		      enum peal__text_mode mode, struct peal_error *error)
{
	if (column->storage == PEAL__S_TEXT || column->storage == PEAL__S_BYTES)
		return data_write(instance, column, NULL, 0, mode, error);
	if (!column->has && !column->zero_is_null && column->storage != PEAL__S_UUID &&
	    column->storage != PEAL__S_DATE)
		return refuse(peal__state(instance->model), column, PEAL_ETYPE, "cannot be",
			      "null: it has no .has", error);
	struct_write(peal__row(instance) + column->offset, column->storage, NULL);
	integer_write(column->storage, peal__row(instance) + column->offset, 0);
	return 0;
}

static void real_write(const struct peal__column *column, char *member, double real)
{
	float small = (float)real;

	if (column->storage == PEAL__S_FLOAT)
		memcpy(member, &small, sizeof(small));
	else
		memcpy(member, &real, sizeof(real));
}

int peal__member_write(struct peal_instance *instance, const struct peal__column *column,
		       const struct peal_value *value, enum peal__text_mode mode,
		       struct peal_error *error)
{
	char *row = peal__row(instance);
	bool has = value->kind != PEAL_VALUE_NULL;
	int r = 0;

	switch (value->kind) {
	case PEAL_VALUE_NULL:
		r = null_write(instance, column, mode, error);
		break;
	case PEAL_VALUE_BOOL:
		memcpy(row + column->offset, &value->as.boolean, sizeof(bool));
		break;
	case PEAL_VALUE_REAL:
		real_write(column, row + column->offset, value->as.real);
		break;
	case PEAL_VALUE_TEXT:
	case PEAL_VALUE_BYTES:
		r = data_write(instance, column, value->as.text.data ? value->as.text.data : "",
			       value->as.text.size, mode, error);
		break;
	case PEAL_VALUE_UUID:
	case PEAL_VALUE_DECIMAL:
	case PEAL_VALUE_DATE:
		struct_write(row + column->offset, column->storage, value);
		break;
	default:
		integer_write(column->storage, row + column->offset, value->as.integer);
		break;
	}
	if (r == 0 && column->has)
		memcpy(row + column->has - 1, &has, sizeof(has));
	return r;
}

bool peal__member_load(const struct peal__column *column, char *row, const struct peal_value *value)
{
	char *member = row + column->offset;
	bool has = true;

	if (value->kind != column->value_kind)
		return false;
	switch (column->storage) {
	case PEAL__S_I32: {
		int32_t small = (int32_t)value->as.integer;

		if (small != value->as.integer)
			return false;
		memcpy(member, &small, sizeof(small));
		break;
	}
	case PEAL__S_I64:
		if (value->kind == PEAL_VALUE_TIME_OF_DAY)
			return false;
		memcpy(member, &value->as.integer, sizeof(int64_t));
		break;
	case PEAL__S_BOOL:
		memcpy(member, &value->as.boolean, sizeof(bool));
		break;
	case PEAL__S_DOUBLE:
		memcpy(member, &value->as.real, sizeof(double));
		break;
	case PEAL__S_TEXT:
		if (!value->as.text.data || memchr(value->as.text.data, '\0', value->as.text.size))
			return false;
		memcpy(member, &value->as.text.data, sizeof(value->as.text.data));
		break;
	default:
		return false;
	}
	if (column->has)
		memcpy(row + column->has - 1, &has, sizeof(has));
	return true;
}

/* ---- Related rows ------------------------------------------------------------------------------------------------ */

struct peal_instance *peal__object_get(const struct peal__column *column, const char *row)
{
	void *object;

	memcpy(&object, row + column->field->object - 1, sizeof(object));
	return object ? peal__instance_in(column->field->to, object) : NULL;
}

void peal__object_set(const struct peal__column *column, char *row, struct peal_instance *instance)
{
	void *object = instance ? peal__row(instance) : NULL;

	memcpy(row + column->field->object - 1, &object, sizeof(object));
}
