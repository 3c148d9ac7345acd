/* SPDX-License-Identifier: MIT */
/*
 * Random decimals, dates, times, durations, uuids and reals: written and read as text, through the database, and in
 * comparisons that the database makes. PEAL_FUZZ_INPUTS says how many.
 */
#include "models.h"

#include <peal/fixture.h>

#include <math.h>
#include <string.h>

#define DAY INT64_C(86400000000)
#define FIRST_TIME INT64_C(-62135596800000000) /* 0001-01-01 */
#define LAST_TIME INT64_C(253402300799999999)  /* 9999-12-31 */

struct measure {
	struct peal_instance instance;
	int64_t id;
	struct peal_decimal price;
	struct peal_decimal whole;
	struct peal_date day;
	int64_t clock;
	int64_t length;
	int64_t at;
	struct peal_uuid token;
	double real;
	int64_t big;
};
PEAL_MODEL_DECLARE(measure_model, struct measure);

static const struct peal_field measure_fields[] = {
	PEAL_ID(struct measure, id),
	PEAL_DECIMAL(struct measure, price, .max_digits = 15, .decimal_places = 4),
	PEAL_DECIMAL(struct measure, whole, .max_digits = 18),
	PEAL_DATE(struct measure, day, .initial = PEAL_INITIAL_DATE(2000, 1, 1)),
	PEAL_TIME_OF_DAY(struct measure, clock),
	PEAL_DURATION(struct measure, length),
	PEAL_DATETIME(struct measure, at, .null = true),
	PEAL_UUID(struct measure, token, .initial_fn = peal_initial_uuid),
	PEAL_FLOAT(struct measure, real),
	PEAL_INTEGER(struct measure, big),
};
PEAL_MODEL_DEFINE(measure_model, struct measure, .app = "fuzz", .name = "Measure",
		  .fields = PEAL_FIELDS(measure_fields));

static struct peal_db *begin(void)
{
	struct peal_db *db = open_database();

	ADD_MODELS(&measure_model);
	return db;
}

static long inputs(long usual)
{
	const char *wanted = getenv("PEAL_FUZZ_INPUTS");

	return wanted ? atol(wanted) : usual;
}

/* Of all sizes, the ends more often than others. */
static int64_t random_number(struct test_random *random, int64_t low, int64_t high)
{
	uint64_t range = (uint64_t)high - (uint64_t)low;
	uint64_t below = range >> (test_random_below(random, 63) + 1);

	switch (test_random_below(random, 8)) {
	case 0:
		return low;
	case 1:
		return high;
	case 2:
		return (int64_t)((uint64_t)low + test_random_next(random) % (below + 1));
	case 3:
		return (int64_t)((uint64_t)high - test_random_next(random) % (below + 1));
	default:
		return (int64_t)((uint64_t)low +
				 (range == UINT64_MAX ? test_random_next(random)
						      : test_random_next(random) % (range + 1)));
	}
}

static struct peal_value random_value(struct test_random *random, enum peal_value_kind kind)
{
	struct peal_uuid uuid;

	switch (kind) {
	case PEAL_VALUE_DECIMAL:
		return peal_value_decimal(
			(struct peal_decimal){ random_number(random, INT64_C(-999999999999999999),
							     INT64_C(999999999999999999)),
					       (int32_t)test_random_below(random, 19) });
	case PEAL_VALUE_DATE:
		return peal_value_date(
			peal_date_from_days(random_number(random, -719162, 2932896)));
	case PEAL_VALUE_TIME_OF_DAY:
		return peal_value_time_of_day(random_number(random, 0, DAY - 1));
	case PEAL_VALUE_DURATION:
		return peal_value_duration(random_number(random, INT64_MIN, INT64_MAX));
	default:
		for (size_t i = 0; i < 16; i++)
			uuid.bytes[i] = (uint8_t)test_random_next(random);
		uuid.bytes[0] |= 1;
		return peal_value_uuid(uuid);
	}
}

static const enum peal_value_kind kinds[] = { PEAL_VALUE_UUID, PEAL_VALUE_DECIMAL, PEAL_VALUE_DATE,
					      PEAL_VALUE_TIME_OF_DAY, PEAL_VALUE_DURATION };

/* What is written is read as the same; what is read at all is written so that it is read as the same. */
TEST(text_and_back)
{
	struct test_random random = test_random_init(0);
	long accepted = 0;

	for (long i = 0; i < inputs(100000); i++) {
		enum peal_value_kind kind = kinds[test_random_below(&random, PEAL_COUNTOF(kinds))];
		struct peal_value value = random_value(&random, kind), back;
		char text[PEAL_VALUE_TEXT_MAX], again[PEAL_VALUE_TEXT_MAX];
		size_t size;

		peal_value_format(value, text, sizeof(text));
		size = strlen(text);
		if (peal_value_parse(kind, text, size, &back) != 0 ||
		    !peal_value_equal(value, back))
			T_FAIL("\"%s\" is not read as what was written", text);
		/* Another text, that looks like it. */
		for (uint64_t n = test_random_below(&random, 3) + 1; n; n--)
			text[test_random_below(&random, size)] =
				"0123456789-+:. eE\0xday,"[test_random_below(&random, 23)];
		if (peal_value_parse(kind, text, size, &back) != 0)
			continue;
		accepted++;
		peal_value_format(back, again, sizeof(again));
		if (peal_value_parse(kind, again, strlen(again), &value) != 0 ||
		    !peal_value_equal(value, back))
			T_FAIL("\"%.*s\" is read, but not what is written of it: \"%s\"", (int)size,
			       text, again);
	}
	T_TRUE(accepted > 0);
}

static long double power(int exponent)
{
	long double result = 1;

	while (exponent-- > 0)
		result *= 10;
	return result;
}

/* As peal_decimal_compare() and the like say, by numbers that are large enough. */
TEST(decimals_add_up)
{
	struct test_random random = test_random_init(0);

	for (long i = 0; i < inputs(100000); i++) {
		struct peal_decimal a = random_value(&random, PEAL_VALUE_DECIMAL).as.decimal;
		struct peal_decimal b = random_value(&random, PEAL_VALUE_DECIMAL).as.decimal, sum;
		long double x = (long double)a.coefficient / power(a.scale);
		long double y = (long double)b.coefficient / power(b.scale);

		if (fabsl(x - y) > fabsl(x) * 1e-15L)
			T_INT(peal_decimal_compare(a, b), x > y ? 1 : -1);
		T_INT(peal_decimal_compare(a, b), -peal_decimal_compare(b, a));
		if (peal_decimal_add(a, b, &sum) == 0) {
			struct peal_decimal back;

			T_NEAR((double)((long double)sum.coefficient / power(sum.scale)),
			       (double)(x + y), (double)(fabsl(x) + fabsl(y)) * 1e-15);
			if (peal_decimal_subtract(sum, b, &back) == 0)
				T_INT(peal_decimal_compare(back, a), 0);
		}
		if (peal_decimal_multiply(a, b, &sum) == 0)
			T_NEAR((double)((long double)sum.coefficient / power(sum.scale)),
			       (double)(x * y), (double)fabsl(x * y) * 1e-15);
	}
}

static double random_real(struct test_random *random)
{
	uint64_t bits = test_random_next(random);
	double real;

	memcpy(&real, &bits, sizeof(real));
	return isnan(real) ? 0.5 : real;
}

static void fill(struct measure *m, struct test_random *random)
{
	m->price = (struct peal_decimal){
		random_number(random, INT64_C(-999999999999999), INT64_C(999999999999999)), 4
	};
	m->whole = (struct peal_decimal){
		random_number(random, INT64_C(-999999999999999999), INT64_C(999999999999999999)), 0
	};
	m->day = random_value(random, PEAL_VALUE_DATE).as.date;
	m->clock = random_number(random, 0, DAY - 1);
	m->length = random_number(random, INT64_MIN, INT64_MAX);
	m->at = random_number(random, FIRST_TIME, LAST_TIME);
	m->token = random_value(random, PEAL_VALUE_UUID).as.uuid;
	m->real = random_real(random);
	m->big = random_number(random, INT64_MIN, INT64_MAX);
}

static void compare(const struct measure *a, const struct measure *b)
{
	for (size_t i = 0; i < PEAL_COUNTOF(measure_fields); i++) {
		struct peal_value x, y;
		char text[2][100];

		T_OK(peal_field_get(&a->instance, measure_fields[i].name, &x, NULL));
		T_OK(peal_field_get(&b->instance, measure_fields[i].name, &y, NULL));
		if (!peal_value_equal(x, y))
			T_FAIL("%s: %s, not %s", measure_fields[i].name,
			       peal_value_format(y, text[0], sizeof(text[0])),
			       peal_value_format(x, text[1], sizeof(text[1])));
	}
}

/* Its row is found by each of its values, alone and compared. */
static void is_found(const struct measure *m)
{
	for (size_t i = 0; i < PEAL_COUNTOF(measure_fields); i++) {
		static const char *const suffixes[] = { "", "__gte", "__lte", "__in" };
		struct peal_value value;

		T_OK(peal_field_get(&m->instance, measure_fields[i].name, &value, NULL));
		if (value.kind == PEAL_VALUE_NULL)
			continue;
		for (size_t k = 0; k < PEAL_COUNTOF(suffixes); k++) {
			struct peal_query *query = peal_query_new(&measure_model);
			struct peal_error error = { 0 };
			char name[40];
			int64_t count;

			snprintf(name, sizeof(name), "%s%s", measure_fields[i].name, suffixes[k]);
			peal_query_filter(query, PEAL_WITH(PEAL_IS(measure_model, id, m->id)));
			if (k == 3)
				peal_query_filter(
					query,
					PEAL_WITH({ .name = name, .list = &value, .count = 1 }));
			else
				peal_query_filter(query, PEAL_WITH(PEAL_ARG(name, value)));
			if (peal_query_count(query, &count, &error) != 0)
				T_FAIL("%s: %s", name, error.message);
			if (count != 1)
				T_FAIL("%s finds %ld rows", name, (long)count);
			peal_query_free(query);
		}
	}
}

TEST_TIMEOUT(through_the_database, 120)
{
	struct test_random random = test_random_init(0);
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct measure m, back;
	int r;

	PEAL_ATOMIC(r, &error) {
		for (long i = 0; i < inputs(300); i++) {
			T_OK(measure_model_init(&m, NULL, &error));
			fill(&m, &random);
			if (peal_save(&m.instance, &error) != 0)
				T_FAIL("%s", error.message);
			T_OK(measure_model_get(&back, PEAL_WITH(PEAL_IS(measure_model, id, m.id)),
					       &error));
			compare(&m, &back);
			is_found(&m);
			peal_fini(&back.instance);
			peal_fini(&m.instance);
		}
	}
	T_OK(r);
	peal_models_forget();
	peal_db_close(db);
}

static int by_kind(struct peal_value a, struct peal_value b)
{
	switch (a.kind) {
	case PEAL_VALUE_DECIMAL:
		return peal_decimal_compare(a.as.decimal, b.as.decimal);
	case PEAL_VALUE_DATE:
		return (peal_date_to_days(a.as.date) > peal_date_to_days(b.as.date)) -
		       (peal_date_to_days(a.as.date) < peal_date_to_days(b.as.date));
	case PEAL_VALUE_UUID:
		return memcmp(&a.as.uuid, &b.as.uuid, sizeof(a.as.uuid));
	case PEAL_VALUE_REAL:
		return (a.as.real > b.as.real) - (a.as.real < b.as.real);
	default:
		return (a.as.integer > b.as.integer) - (a.as.integer < b.as.integer);
	}
}

TEST_TIMEOUT(order_and_fixtures, 120)
{
	struct test_random random = test_random_init(0);
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct measure all[60];
	char *text = NULL, *again = NULL;
	size_t size;
	FILE *file;

	for (size_t i = 0; i < PEAL_COUNTOF(all); i++) {
		T_OK(measure_model_init(&all[i], NULL, &error));
		fill(&all[i], &random);
		if (!isfinite(all[i].real))
			all[i].real = 0;
		T_OK(peal_save(&all[i].instance, &error));
	}
	for (size_t i = 0; i < PEAL_COUNTOF(measure_fields); i++) {
		struct peal_query *query = peal_query_new(&measure_model);
		struct peal_values *values = NULL;

		peal_query_order_by(query, measure_fields[i].name);
		T_OK(peal_query_values(query,
				       &(const struct peal_names)PEAL_NAMES(measure_fields[i].name),
				       &values, &error));
		for (size_t k = 1; k < PEAL_COUNTOF(all); k++) {
			struct peal_value a = peal_values_at(values, k - 1)[0];
			struct peal_value b = peal_values_at(values, k)[0];

			if (a.kind == b.kind && by_kind(a, b) > 0)
				T_FAIL("the order by %s is another one", measure_fields[i].name);
		}
		peal_values_free(values);
		peal_query_free(query);
	}
	file = open_memstream(&text, &size);
	T_OK(peal_fixture_dump(file, NULL, 0, NULL, NULL, &error));
	fclose(file);
	exec("DELETE FROM fuzz_measure");
	if (peal_fixture_load_text(text, size, NULL, NULL, &error) != 0)
		T_FAIL("%s", error.message);
	file = open_memstream(&again, &size);
	T_OK(peal_fixture_dump(file, NULL, 0, NULL, NULL, &error));
	fclose(file);
	T_STR(again, text);
	for (size_t i = 0; i < PEAL_COUNTOF(all); i++) {
		struct measure back;

		T_OK(measure_model_get(&back, PEAL_WITH(PEAL_IS(measure_model, id, all[i].id)),
				       &error));
		compare(&all[i], &back);
		peal_fini(&back.instance);
		peal_fini(&all[i].instance);
	}
	free(text);
	free(again);
	peal_models_forget();
	peal_db_close(db);
}

/* What a database would change silently is refused. */
TEST(what_a_database_cannot_keep)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	const int64_t times[] = { FIRST_TIME - 1, LAST_TIME + 1, INT64_MIN + 1, INT64_MAX - 1 };
	struct peal_query *all = peal_query_new(&measure_model);
	struct measure m;

	for (size_t i = 0; i < PEAL_COUNTOF(times); i++) {
		T_OK(measure_model_init(&m, NULL, &error));
		m.at = times[i];
		T_CODE(peal_save(&m.instance, &error), PEAL_ETYPE);
		T_HAS(error.message, "fuzz.Measure.at");
		T_CODE(peal_query_update(all, PEAL_WITH(PEAL_SET(measure_model, at, times[i])),
					 NULL, &error),
		       PEAL_ETYPE);
		peal_fini(&m.instance);
	}
	T_OK(measure_model_init(&m, NULL, &error));
	m.real = NAN;
	if (peal_save(&m.instance, &error) == 0) {
		T_OK(peal_refresh(&m.instance, &error));
		T_TRUE(isnan(m.real));
	} else {
		T_CODE(error.code, PEAL_ETYPE);
		T_STR(error.sqlstate, "22003");
	}
	peal_query_free(all);
	peal_fini(&m.instance);
	peal_models_forget();
	peal_db_close(db);
}
