/* SPDX-License-Identifier: MIT */
/* Fields that hold what C has no type for: uuid, decimal, date, time of day, duration, JSON. */
#include "models.h"

#include "state.h"

#include <peal/bulk.h>
#include <peal/fixture.h>

#include <stdio.h>
#include <string.h>

#define DAY INT64_C(86400000000)

struct exotic {
	struct peal_instance instance;
	struct peal_uuid id;
	struct peal_uuid other;
	struct peal_decimal price;
	struct peal_decimal wide;
	struct peal_decimal discount;
	struct peal_date born;
	struct peal_date died;
	int64_t begins;
	int64_t length;
	const char *payload;
	const char *extra;
	bool has_discount, has_begins, has_length;
};
PEAL_MODEL_DECLARE(exotic_model, struct exotic);

static const struct peal_field exotic_fields[] = {
	PEAL_UUID(struct exotic, id, .primary_key = true, .initial_fn = peal_initial_uuid),
	PEAL_UUID(struct exotic, other, .null = true, .unique = true),
	PEAL_DECIMAL(struct exotic, price, .max_digits = 15, .decimal_places = 2,
		     .initial = PEAL_INITIAL_DECIMAL(125, 1)),
	PEAL_DECIMAL(struct exotic, wide, .max_digits = 18),
	PEAL_DECIMAL(struct exotic, discount, .max_digits = 18, .decimal_places = 18, .null = true,
		     .has = PEAL_HAS(struct exotic, has_discount)),
	PEAL_DATE(struct exotic, born, .initial = PEAL_INITIAL_DATE(2000, 2, 29)),
	PEAL_DATE(struct exotic, died, .null = true, .index = true),
	PEAL_TIME_OF_DAY(struct exotic, begins, .null = true,
			 .has = PEAL_HAS(struct exotic, has_begins)),
	PEAL_DURATION(struct exotic, length, .null = true,
		      .has = PEAL_HAS(struct exotic, has_length)),
	PEAL_JSON(struct exotic, payload, .initial = PEAL_INITIAL_TEXT("{}")),
	PEAL_JSON(struct exotic, extra, .null = true),
};
PEAL_MODEL_DEFINE(exotic_model, struct exotic, .app = "lab", .name = "Exotic",
		  .fields = PEAL_FIELDS(exotic_fields));

/* Refers to a key that is a uuid. */
struct follower {
	struct peal_instance instance;
	int64_t id;
	struct peal_uuid exotic_id;
	struct exotic *exotic;
};
PEAL_MODEL_DECLARE(follower_model, struct follower);

static const struct peal_field follower_fields[] = {
	PEAL_ID(struct follower, id),
	PEAL_FOREIGN_KEY(struct follower, exotic, exotic_model, PEAL_CASCADE, .null = true),
};
PEAL_MODEL_DEFINE(follower_model, struct follower, .app = "lab", .name = "Follower",
		  .fields = PEAL_FIELDS(follower_fields));

static struct peal_db *begin(void)
{
	struct peal_db *db = open_database();

	ADD_MODELS(&exotic_model, &follower_model);
	return db;
}

static void compare(const struct exotic *a, const struct exotic *b)
{
	for (size_t i = 0; i < PEAL_COUNTOF(exotic_fields); i++) {
		struct peal_value x, y;
		char text[2][100];

		T_OK(peal_field_get(&a->instance, exotic_fields[i].name, &x, NULL));
		T_OK(peal_field_get(&b->instance, exotic_fields[i].name, &y, NULL));
		if (!peal_value_equal(x, y))
			T_FAIL("%s: %s, not %s", exotic_fields[i].name,
			       peal_value_format(y, text[0], sizeof(text[0])),
			       peal_value_format(x, text[1], sizeof(text[1])));
	}
}

/* Saves it, and reads it in both ways. */
static void round_trip(struct exotic *exotic)
{
	struct peal_error error = { 0 };
	struct exotic copy;

	must(peal_save(&exotic->instance, &error), &error);
	must(exotic_model_get(&copy, PEAL_WITH(PEAL_SET(exotic_model, id, exotic->id)), &error),
	     &error);
	compare(exotic, &copy);
	must(peal_refresh(&copy.instance, &error), &error);
	compare(exotic, &copy);
	peal_fini(&copy.instance);
}

static void fill(struct exotic *e)
{
	e->other = peal_uuid_random();
	e->price = (struct peal_decimal){ INT64_C(-999999999999999), 2 };
	e->wide = (struct peal_decimal){ INT64_C(999999999999999999), 0 };
	e->discount = (struct peal_decimal){ 999999999999999, 18 };
	e->has_discount = e->has_begins = e->has_length = true;
	e->born = (struct peal_date){ 1, 1, 1 };
	e->died = (struct peal_date){ 9999, 12, 31 };
	e->begins = DAY - 1;
	e->length = -DAY - 1;
	e->payload = "[1, 2.5, null, true, \"\xc3\xa9\"]";
	e->extra = "\"x\"";
}

TEST(initial_values_are_there)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct exotic e, f;

	must(exotic_model_init(&e, NULL, &error), &error);
	must(exotic_model_init(&f, NULL, &error), &error);
	T_FALSE(peal_uuid_is_null(e.id));
	T_FALSE(peal_value_equal(peal_value_uuid(e.id), peal_value_uuid(f.id)));
	T_INT(e.price.coefficient, 1250);
	T_INT(e.price.scale, 2);
	T_INT(e.born.day, 29);
	T_STR(e.payload, "{}");
	T_PTR(e.extra, NULL);
	T_FALSE(e.has_begins);
	round_trip(&e);
	peal_fini(&e.instance);
	peal_fini(&f.instance);
	peal_models_forget();
	peal_db_close(db);
}

TEST(extremes_are_kept)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct exotic e;

	must(exotic_model_init(&e, NULL, &error), &error);
	fill(&e);
	round_trip(&e);
	e.begins = 0;
	e.length = 0;
	e.price = (struct peal_decimal){ 1, 2 };
	e.wide = (struct peal_decimal){ INT64_C(-999999999999999999), 0 };
	e.discount = (struct peal_decimal){ 0, 18 };
	round_trip(&e);
	e.length = 100 * DAY + 1;
	e.has_discount = e.has_begins = false;
	e.died = (struct peal_date){ 0, 0, 0 };
	e.other = (struct peal_uuid){ { 0 } };
	round_trip(&e);
	peal_fini(&e.instance);
	peal_models_forget();
	peal_db_close(db);
}

static void vary(struct exotic *e, int i)
{
	int64_t power = 1;

	fill(e);
	for (int n = 0; n < i % 15; n++)
		power *= 10;
	e->price = (struct peal_decimal){ i % 2 ? power : -power, 2 };
	e->wide = (struct peal_decimal){ i % 5 ? power * (i % 9) : -i, 0 };
	e->discount = (struct peal_decimal){ power + i % 3, 18 };
	e->born = peal_date_from_days(i * 997 - 30000);
	e->begins = i * INT64_C(280000001);
	e->length = (i - 150) * INT64_C(86399999999);
	e->has_discount = i % 7 != 0;
	e->has_length = i % 11 != 0;
	if (i % 13 == 0)
		e->died = (struct peal_date){ 0, 0, 0 };
	if (i % 6 == 0)
		e->extra = NULL;
}

static void compare_all(const struct exotic *rows, int count)
{
	struct peal_error error = { 0 };
	struct exotic copy;

	for (int i = 0; i < count; i++) {
		must(exotic_model_get(&copy, PEAL_WITH(PEAL_SET(exotic_model, id, rows[i].id)),
				      &error),
		     &error);
		compare(&rows[i], &copy);
		peal_fini(&copy.instance);
	}
}

/* So many that a database may have a way of its own for them. */
TEST(many_at_once_are_kept_exactly)
{
	enum {
		MANY = 300
	};
	static struct exotic rows[MANY];
	struct peal_instance *instances[MANY];
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int64_t count;

	for (int i = 0; i < MANY; i++) {
		must(exotic_model_init(&rows[i], NULL, &error), &error);
		vary(&rows[i], i);
		instances[i] = &rows[i].instance;
	}
	must(peal_bulk_create(&exotic_model, instances, MANY, NULL, &error), &error);
	compare_all(rows, MANY);
	for (int i = 0; i < MANY; i++)
		vary(&rows[i], MANY - i);
	must(peal_bulk_update(&exotic_model, instances, MANY,
			      PEAL_NAMES_OF("other", "price", "wide", "discount", "born", "died",
					    "begins", "length", "payload", "extra"),
			      NULL, &count, &error),
	     &error);
	T_INT(count, MANY);
	compare_all(rows, MANY);
	for (int i = 0; i < MANY; i++)
		peal_fini(&rows[i].instance);
	peal_models_forget();
	peal_db_close(db);
}

TEST(values_are_found_by_lookups)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct exotic e, found;
	char text[PEAL_VALUE_TEXT_MAX];

	must(exotic_model_init(&e, NULL, &error), &error);
	fill(&e);
	e.price = (struct peal_decimal){ 1010, 2 };
	must(peal_save(&e.instance, &error), &error);
	must(exotic_model_get(
		     &found,
		     PEAL_WITH(
			     PEAL_IS(exotic_model, price, (struct peal_decimal){ 1010, 2 }),
			     PEAL_WHERE(exotic_model, born, lt, (struct peal_date){ 1974, 5, 1 })),
		     &error),
	     &error);
	peal_fini(&found.instance);
	must(exotic_model_get(&found,
			      PEAL_WITH(PEAL_ARG("id", PEAL_TEXT(peal_uuid_format(e.id, text,
										  sizeof(text)))),
					PEAL_ARG("price", PEAL_TEXT("10.1")),
					PEAL_ARG("price__gt", PEAL_TEXT("9.99")),
					PEAL_ARG("price__lte", PEAL_INT(11)),
					PEAL_ARG("died", PEAL_TEXT("9999-12-31")),
					PEAL_ARG("born__lt", PEAL_TEXT("0001-01-02")),
					PEAL_ARG("begins", PEAL_TEXT("23:59:59.999999")),
					PEAL_ARG("length__lt", PEAL_INT(0))),
			      &error),
	     &error);
	compare(&e, &found);
	peal_fini(&found.instance);
	T_CODE(exotic_model_get(&found, PEAL_WITH(PEAL_ARG("price", PEAL_REAL(10.1))), &error),
	       PEAL_ETYPE);
	T_CODE(exotic_model_get(&found, PEAL_WITH(PEAL_ARG("born", PEAL_TEXT("2001-02-29"))),
				&error),
	       PEAL_ETYPE);
	T_CODE(exotic_model_get(&found, PEAL_WITH(PEAL_ARG("id", PEAL_TEXT("x"))), &error),
	       PEAL_ETYPE);
	peal_fini(&e.instance);
	peal_models_forget();
	peal_db_close(db);
}

/* "10.10 -3.00": all columns of the first row. */
static void value_texts(struct peal_query *query, const struct peal_names *names, char *texts)
{
	struct peal_error error = { 0 };
	struct peal_values *values;
	char text[PEAL_VALUE_TEXT_MAX];

	*texts = '\0';
	must(peal_query_values(query, names, &values, &error), &error);
	T_INT(peal_values_count(values), 1);
	for (size_t i = 0; i < names->count; i++)
		sprintf(texts + strlen(texts), "%s%s", i ? " " : "",
			peal_value_format(peal_values_at(values, 0)[i], text, sizeof(text)));
	peal_values_free(values);
}

static void priced(struct exotic *e, int64_t cents)
{
	struct peal_error error = { 0 };

	must(exotic_model_init(e, NULL, &error), &error);
	e->price = (struct peal_decimal){ cents, 2 };
	must(peal_save(&e->instance, &error), &error);
}

/* SQLite keeps a number without its decimal places: they are the field's, as on PostgreSQL. */
TEST(values_have_the_decimal_places_of_their_field)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_query *query = peal_query_new(&exotic_model);
	struct peal_query *followers = peal_query_new(&follower_model);
	struct follower follower;
	struct exotic a, b;
	struct peal_value got[5];
	char texts[300];

	priced(&a, 1010);
	must(follower_model_create(&follower, PEAL_WITH(PEAL_SET(follower_model, exotic_id, a.id)),
				   &error),
	     &error);
	value_texts(query, &(struct peal_names)PEAL_NAMES("price", "wide"), texts);
	T_STR(texts, "10.10 0");
	value_texts(followers, &(struct peal_names)PEAL_NAMES("exotic__price"), texts);
	T_STR(texts, "10.10");

	priced(&b, -300);
	peal_query_filter(followers, PEAL_WITH(PEAL_ARG("exotic__price", PEAL_TEXT("10.1"))));
	value_texts(followers, &(struct peal_names)PEAL_NAMES("exotic__price"), texts);
	T_STR(texts, "10.10");
	must(peal_query_aggregate(query,
				  PEAL_AGGREGATES(PEAL_SUM("price"), PEAL_MIN("price"),
						  PEAL_MAX("price"), PEAL_AVG("price"),
						  PEAL_COUNT("price")),
				  got, &error),
	     &error);
	T_STR(peal_value_format(got[0], texts, sizeof(texts)), "7.10");
	T_STR(peal_value_format(got[1], texts, sizeof(texts)), "-3.00");
	T_STR(peal_value_format(got[2], texts, sizeof(texts)), "10.10");
	T_INT(got[3].kind, PEAL_VALUE_REAL);
	T_INT(got[4].kind, PEAL_VALUE_INT);

	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_SUM("price", .as = "total")));
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("price__lt", PEAL_INT(0))));
	value_texts(query, &(struct peal_names)PEAL_NAMES("total", "price"), texts);
	T_STR(texts, "-3.00 -3.00");
	peal_query_free(query);
	peal_query_free(followers);
	peal_fini(&follower.instance);
	peal_fini(&a.instance);
	peal_fini(&b.instance);
	peal_models_forget();
	peal_db_close(db);
}

TEST(a_fixture_has_the_decimal_places_of_the_field)
{
	static const struct peal_model *const models[] = { &exotic_model };
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	FILE *file = tmpfile();
	char text[1000];
	struct exotic a, b;

	priced(&a, 1010);
	priced(&b, -300);
	must(peal_fixture_dump(file, models, 1, NULL, NULL, &error), &error);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	T_HAS(text, "\"price\": \"10.10\"");
	T_HAS(text, "\"price\": \"-3.00\"");
	T_HAS(text, "\"wide\": \"0\"");
	peal_fini(&a.instance);
	peal_fini(&b.instance);
	peal_models_forget();
	peal_db_close(db);
}

static void refused(struct exotic *e, const char *field, struct peal_value value)
{
	struct peal_error error = { 0 };

	T_CODE(peal_field_set(&e->instance, field, value, &error), PEAL_ETYPE);
	T_STR(error.field, field);
}

TEST(what_does_not_fit_is_refused)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct exotic e;

	must(exotic_model_init(&e, NULL, &error), &error);
	fill(&e);
	refused(&e, "price", PEAL_TEXT("0.001"));
	refused(&e, "price", PEAL_TEXT("10000000000000"));
	refused(&e, "price", PEAL_REAL(0.5));
	refused(&e, "price", PEAL_NULL);
	refused(&e, "begins", PEAL_INT(DAY));
	refused(&e, "begins", PEAL_INT(-1));
	refused(&e, "born", PEAL_INT(1));
	refused(&e, "born", peal_value_date((struct peal_date){ 2001, 2, 29 }));
	refused(&e, "id", PEAL_TEXT("16fd2706"));
	T_CODE(peal_field_set(&e.instance, "price", PEAL_REAL(0.5), &error), PEAL_ETYPE);
	T_STR(error.message, "lab.Exotic.price does not take a real: it takes a decimal, its text "
			     "(\"-12.50\") or an integer");
	T_CODE(peal_field_set(&e.instance, "born", PEAL_TEXT("soon"), &error), PEAL_ETYPE);
	T_STR(error.message, "lab.Exotic.born does not take a text: it takes a date or its text "
			     "(\"2001-12-31\")");
	T_CODE(peal_field_set(&e.instance, "price", PEAL_TEXT("99.999"), &error), PEAL_ETYPE);
	T_STR(error.message,
	      "lab.Exotic.price has no room for 99.999 (max_digits 15, decimal_places 2)");
	T_OK(peal_field_set(&e.instance, "price", PEAL_TEXT("1.5000"), &error));
	T_INT(e.price.coefficient, 150);

	e.price = (struct peal_decimal){ 1, 3 };
	T_CODE(peal_save(&e.instance, &error), PEAL_ETYPE);
	T_STR(error.field, "price");
	e.price = (struct peal_decimal){ 1, 77 };
	T_CODE(peal_save(&e.instance, &error), PEAL_ETYPE);
	e.price = (struct peal_decimal){ 1, 0 };
	e.born.month = 13;
	T_CODE(peal_save(&e.instance, &error), PEAL_ETYPE);
	T_STR(error.field, "born");
	e.born.month = 12;
	e.begins = DAY;
	T_CODE(peal_save(&e.instance, &error), PEAL_ETYPE);
	e.begins = 0;
	e.discount.coefficient = INT64_C(123456789012345678);
	if (!runs_on("postgresql"))
		T_CODE(peal_save(&e.instance, &error), PEAL_ETYPE); /* SQLite would round it */
	e.discount.coefficient = 1;
	e.payload = "{";
	T_CODE(peal_save(&e.instance, &error), PEAL_ETYPE);
	T_HAS(error.message, "lab.Exotic.payload must be valid JSON");
	e.payload = NULL;
	T_CODE(peal_save(&e.instance, &error), PEAL_EINTEGRITY);
	e.payload = "{}";
	e.born = (struct peal_date){ 0, 0, 0 };
	T_CODE(peal_save(&e.instance, &error), PEAL_EINTEGRITY);
	T_INT(COUNT("lab_exotic"), 0);
	peal_fini(&e.instance);
	peal_models_forget();
	peal_db_close(db);
}

TEST(a_uuid_is_a_key)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct follower follower, other;
	struct exotic e;
	char text[100];

	must(exotic_model_create(&e, NULL, &error), &error);
	T_HAS(peal_describe(&e.instance, text, sizeof(text)), "lab.Exotic ");
	T_UINT(strlen(text), 11 + 36);
	must(follower_model_create(
		     &follower, PEAL_WITH(PEAL_SET(follower_model, exotic, &e.instance)), &error),
	     &error);
	T_MEM(&follower.exotic_id, &e.id, sizeof(e.id));
	must(follower_model_create(&other, NULL, &error), &error);
	must(peal_refresh(&other.instance, &error), &error);
	T_TRUE(peal_uuid_is_null(other.exotic_id));
	must(peal_delete(&e.instance, NULL, &error), &error);
	T_TRUE(peal_uuid_is_null(e.id));
	T_INT(COUNT("lab_follower"), 1);
	peal_fini(&e.instance);
	peal_fini(&follower.instance);
	peal_fini(&other.instance);
	peal_models_forget();
	peal_db_close(db);
}

TEST(numbers_and_durations_are_added_in_the_database)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct exotic e;

	must(exotic_model_create(&e, NULL, &error), &error);
	e.price = (struct peal_decimal){ 10, 2 };
	e.length = 1;
	e.has_length = true;
	must(peal_save(&e.instance, &error), &error);
	for (int i = 0; i < 2; i++) {
		struct peal_query *query = peal_query_new(&exotic_model);

		must(peal_query_update(query,
				       PEAL_WITH({ .name = "price",
						   .value = PEAL_TEXT("0.10"),
						   .operation = PEAL_ADD },
						 { .name = "length",
						   .value = PEAL_INT(DAY),
						   .operation = PEAL_ADD }),
				       NULL, &error),
		     &error);
		peal_query_free(query);
	}
	must(peal_refresh(&e.instance, &error), &error);
	T_INT(e.price.coefficient, 30);
	T_INT(e.length, 2 * DAY + 1);
	peal_fini(&e.instance);
	peal_models_forget();
	peal_db_close(db);
}

struct visit {
	struct peal_instance instance;
	int64_t id;
	struct peal_date day;
	int64_t time;
	bool has_time;
	struct peal_date first_day;
	int64_t first_time;
};
static const struct peal_field visit_fields[] = {
	PEAL_ID(struct visit, id),
	PEAL_DATE(struct visit, day, .auto_now = true),
	PEAL_TIME_OF_DAY(struct visit, time, .auto_now = true, .null = true,
			 .has = PEAL_HAS(struct visit, has_time)),
	PEAL_DATE(struct visit, first_day, .auto_now_add = true),
	PEAL_TIME_OF_DAY(struct visit, first_time, .auto_now_add = true),
};
PEAL_MODEL(visit_model, struct visit, .app = "lab", .name = "Visit",
	   .fields = PEAL_FIELDS(visit_fields));

static int64_t days_of(struct peal_date date)
{
	return peal_date_to_days(date);
}

/* As of this moment in UTC, give or take the time that the test needs. */
static void is_now(struct peal_date date, int64_t time, int64_t before)
{
	int64_t then = days_of(date) * INT64_C(86400000000) + time;

	T_TRUE(then >= before);
	T_TRUE(then <= peal_now());
}

TEST(dates_and_times_of_day_are_set_by_themselves)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	int64_t before = peal_now(), second;
	struct visit v;

	T_OK(PEAL_MODELS_REGISTER(&error, &visit_model));
	T_OK(peal_models_create_tables(NULL, &error));
	T_OK(visit_model_create(&v, NULL, &error));
	T_TRUE(v.has_time);
	is_now(v.day, v.time, before);
	T_INT(days_of(v.day), days_of(v.first_day));
	T_INT(v.time, v.first_time);
	v.day = v.first_day = (struct peal_date){ 2000, 1, 1 };
	v.time = v.first_time = 5;
	second = peal_now();
	T_OK(peal_save(&v.instance, &error));
	T_OK(peal_refresh(&v.instance, &error));
	is_now(v.day, v.time, second);
	T_INT(v.first_day.year, 2000);
	T_INT(v.first_time, 5);
	peal_fini(&v.instance);
	peal_models_forget();
	peal_db_close(db);
}

TEST(json_is_checked_strictly)
{
	static const char *const good[] = {
		"null", " [ ] ", "{\"a\": {\"b\": [1, -0.5e+10, \"\\u00e9\\n\"]}}", "0", "\"\"",
	};
	static const char *const bad[] = {
		"",
		"nul",
		"[1,]",
		"{\"a\"}",
		"{a: 1}",
		"01",
		"1.",
		"-",
		"1 2",
		"'a'",
		"\"\\x\"",
		"\"\xff\"",
		"\"\t\"",
		"[1}",
		"NaN",
		"\"",
		"\"\\u12\"",
		"[\"a\" 1]",
		"\"\xed\xa0\x80\"",
		"\"\xc0\x80\"",
		"1e",
		"+1",
		"{\"a\":1,}",
	};
	char deep[1200];

	for (size_t i = 0; i < PEAL_COUNTOF(good); i++)
		if (!peal__json_is_valid(good[i], strlen(good[i])))
			T_FAIL("%s", good[i]);
	for (size_t i = 0; i < PEAL_COUNTOF(bad); i++)
		if (peal__json_is_valid(bad[i], strlen(bad[i])))
			T_FAIL("%s", bad[i]);
	memset(deep, '[', 600);
	memset(deep + 600, ']', 600);
	T_FALSE(peal__json_is_valid(deep, 1200));
	T_TRUE(peal__json_is_valid(deep + 100, 1000));
}

/* ---- Choices, indexes, names ---------------------------------------------------------------------------------------- */

struct shirt {
	struct peal_instance instance;
	int64_t id;
	const char *size;
	int16_t colour;
	int64_t follower_id;
	struct follower *follower;
};
PEAL_MODEL_DECLARE(shirt_model, struct shirt);

static const struct peal_choice sizes[] = {
	PEAL_CHOICE_TEXT("S", "small"),
	PEAL_CHOICE_TEXT("L", "large"),
};
static const struct peal_choice colours[] = { PEAL_CHOICE_INT(1, "red"),
					      PEAL_CHOICE_INT(2, "blue") };

static const struct peal_field shirt_fields[] = {
	PEAL_ID(struct shirt, id),
	PEAL_CHAR(struct shirt, size, .max_length = 1, .choices = PEAL_CHOICES(sizes),
		  .help_text = "as it is sewn"),
	PEAL_INTEGER(struct shirt, colour, .choices = PEAL_CHOICES(colours),
		     .verbose_name = "the colour"),
	PEAL_FOREIGN_KEY(struct shirt, follower, follower_model, PEAL_CASCADE, .null = true),
};
static const struct peal_index shirt_indexes[] = {
	PEAL_UNIQUE("size", "follower"),
	PEAL_INDEX("-colour", "size"),
};
PEAL_MODEL_DEFINE(shirt_model, struct shirt, .app = "lab", .name = "Shirt",
		  .table = "a_table_whose_name_is_so_long_that_every_index_of_it_is_cut",
		  .fields = PEAL_FIELDS(shirt_fields), .indexes = PEAL_INDEXES(shirt_indexes));

TEST(choices_have_labels_and_fields_have_names)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct shirt shirt;
	char text[32];

	T_OK(PEAL_MODELS_REGISTER(&error, &shirt_model));
	must(shirt_model_init(&shirt, PEAL_WITH(PEAL_SET(shirt_model, size, "L")), &error), &error);
	T_STR(peal_field_label(&shirt.instance, "size"), "large");
	T_PTR(peal_field_label(&shirt.instance, "colour"), NULL);
	T_PTR(peal_field_label(&shirt.instance, "nothing"), NULL);
	shirt.colour = 2;
	T_STR(peal_field_label(&shirt.instance, "colour"), "blue");
	T_PTR(peal_model_field(&shirt_model, "follower_id"), &shirt_fields[3]);
	T_PTR(peal_model_field(&shirt_model, "size"), &shirt_fields[1]);
	T_PTR(peal_model_field(&shirt_model, "siz"), NULL);
	T_STR(peal_model_field(&shirt_model, "size")->help_text, "as it is sewn");
	T_STR(peal_field_verbose_name(&shirt_fields[2], text, sizeof(text)), "the colour");
	T_STR(peal_field_verbose_name(peal_model_field(&exotic_model, "died"), text, sizeof(text)),
	      "died");
	peal_fini(&shirt.instance);
	peal_models_forget();
	peal_db_close(db);
}

TEST(several_fields_are_unique_together)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct follower follower;
	struct shirt shirt, other;

	T_OK(PEAL_MODELS_REGISTER(&error, &shirt_model));
	must(peal_models_create_tables(NULL, &error), &error);
	must(peal_models_create_tables(NULL, &error), &error);
	must(follower_model_create(&follower, NULL, &error), &error);
	must(shirt_model_create(&shirt,
				PEAL_WITH(PEAL_SET(shirt_model, size, "L"),
					  PEAL_SET(shirt_model, follower_id, follower.id)),
				&error),
	     &error);
	T_CODE(shirt_model_create(&other,
				  PEAL_WITH(PEAL_SET(shirt_model, size, "L"),
					    PEAL_SET(shirt_model, follower_id, follower.id)),
				  &error),
	       PEAL_EINTEGRITY);
	must(shirt_model_create(&other, PEAL_WITH(PEAL_SET(shirt_model, size, "L")), &error),
	     &error);
	if (!runs_on("postgresql"))
		T_INT(number_of("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND "
				"tbl_name LIKE 'a_table%'"),
		      3);
	else
		T_INT(number_of("SELECT count(*) FROM pg_indexes WHERE tablename LIKE 'a_table%' "
				"AND schemaname = current_schema"),
		      4);
	peal_fini(&shirt.instance);
	peal_fini(&other.instance);
	peal_fini(&follower.instance);
	peal_models_forget();
	peal_db_close(db);
}

#define WRONG(name_, field_, ...)                                                           \
	static const struct peal_field name_##_fields[] = { PEAL_ID(struct exotic, length), \
							    field_ };                       \
	PEAL_MODEL(name_##_model, struct exotic, .app = "lab", .name = "Wrong",             \
		   .fields = PEAL_FIELDS(name_##_fields), __VA_ARGS__)

static const struct peal_index no_such[] = { PEAL_INDEX("born", "-nothing") };
static const struct peal_index of_none[] = { { .unique = true } };

WRONG(digits, PEAL_DECIMAL(struct exotic, price, .decimal_places = 2), .table = "t");
WRONG(many_digits, PEAL_DECIMAL(struct exotic, price, .max_digits = 19), .table = "t");
WRONG(places, PEAL_DECIMAL(struct exotic, price, .max_digits = 2, .decimal_places = 3),
      .table = "t");
WRONG(initial, PEAL_DATE(struct exotic, born, .initial = PEAL_INITIAL_INT(1)), .table = "t");
WRONG(initial_digits,
      PEAL_DECIMAL(struct exotic, price, .max_digits = 2, .decimal_places = 1,
		   .initial = PEAL_INITIAL_DECIMAL(1234, 1)),
      .table = "t");
WRONG(choice, PEAL_DURATION(struct exotic, begins, .choices = PEAL_CHOICES(sizes)), .table = "t");
WRONG(time_null, PEAL_TIME_OF_DAY(struct exotic, begins, .null = true), .table = "t");
WRONG(now, PEAL_DURATION(struct exotic, begins, .auto_now = true), .table = "t");
WRONG(order, PEAL_DATE(struct exotic, born), .ordering = PEAL_NAMES("-born", "nothing"));
WRONG(index_field, PEAL_DATE(struct exotic, born), .indexes = PEAL_INDEXES(no_such));
WRONG(index_empty, PEAL_DATE(struct exotic, born), .indexes = PEAL_INDEXES(of_none));

TEST(tables_of_such_fields_are_checked)
{
	static const struct {
		const struct peal_model *model;
		const char *message;
	} cases[] = {
		{ &digits_model, "lab.Wrong.price: PEAL_DECIMAL needs .max_digits" },
		{ &many_digits_model, "lab.Wrong.price: PEAL_DECIMAL needs .max_digits" },
		{ &places_model, "lab.Wrong.price: PEAL_DECIMAL needs .max_digits" },
		{ &initial_model, "lab.Wrong.born: .initial does not fit" },
		{ &initial_digits_model, "lab.Wrong.price: .initial does not fit" },
		{ &choice_model, "lab.Wrong.begins: a choice does not fit" },
		{ &time_null_model, "lab.Wrong.begins: .null needs .has" },
		{ &index_field_model, "lab.Wrong: an index of \"nothing\"" },
		{ &index_empty_model, "lab.Wrong: an index of no fields" },
		{ &now_model, "lab.Wrong.begins: .auto_now is for date-times, dates and times" },
		{ &order_model, "lab.Wrong: .ordering by \"nothing\", which is no field" },
	};
	struct peal_error error = { 0 };

	for (size_t i = 0; i < PEAL_COUNTOF(cases); i++) {
		T_CODE(PEAL_MODELS_REGISTER(&error, cases[i].model), PEAL_EINVAL);
		T_HAS(error.message, cases[i].message);
		T_UINT(peal_models_count(), 0);
	}
}

static int live(struct peal_error *error)
{
	struct exotic e, copy = { 0 };
	int r = exotic_model_init(&e, NULL, error);

	if (r != 0)
		return r;
	fill(&e);
	r = peal_save(&e.instance, error);
	if (r == 0)
		r = exotic_model_get(&copy, PEAL_WITH(PEAL_SET(exotic_model, id, e.id)), error);
	if (r == 0)
		compare(&e, &copy);
	peal_fini(&e.instance);
	peal_fini(&copy.instance);
	return r;
}

TEST(memory_may_end_at_any_point)
{
	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		int r = peal_db_open("sqlite::memory:", &db, &error);

		if (r == 0)
			r = PEAL_MODELS_REGISTER(&error, &exotic_model, &follower_model,
						 &shirt_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		if (r == 0)
			r = live(&error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		peal_models_forget();
		peal_db_close(db);
	}
}
