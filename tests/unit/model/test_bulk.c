/* SPDX-License-Identifier: MIT */
/* Many rows at once: bulk_create with its conflicts, bulk_update, in_bulk. */
#include "models.h"

#include "connection.h"

#include <peal/bulk.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
	MANY = 1203
};

static struct peal_instance **people_new(size_t count)
{
	struct peal_instance **rows = calloc(count, sizeof(struct peal_instance *));

	for (size_t i = 0; i < count; i++)
		T_OK(peal_new(&person_model,
			      PEAL_WITH(PEAL_SET(person_model, name, "p"),
					PEAL_SET(person_model, age, (int)(i % 100))),
			      &rows[i], NULL));
	return rows;
}

static void people_free(struct peal_instance **rows, size_t count)
{
	while (count)
		peal_free(rows[--count]);
	free(rows);
}

TEST(rows_get_their_keys_in_order)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct peal_instance **rows = people_new(MANY);
	int64_t count;

	person_model_from(rows[7])->id = 5000;
	record(&person_model);
	T_OK(peal_bulk_create(&person_model, rows, MANY, NULL, &error));
	T_STR(heard, "");
	stop_recording();
	T_INT(number_of("SELECT count(*) FROM lab_person"), MANY);
	T_FALSE(peal_is_new(rows[0]));
	for (size_t i = 8; i < MANY; i++)
		T_INT(person_model_from(rows[i])->id,
		      person_model_from(rows[i - 1])->id + 1 -
			      (i == 8 ? 5000 - person_model_from(rows[6])->id : 0));
	for (size_t i = 0; i < MANY; i++)
		person_model_from(rows[i])->age = -1;
	person_model_from(rows[1])->id = person_model_from(rows[0])->id;
	person_model_from(rows[1])->age = -2;
	T_OK(peal_bulk_update(&person_model, rows, MANY, PEAL_NAMES_OF("age"), NULL, &count,
			      &error));
	T_INT(count, MANY - 1);
	T_INT(number_of("SELECT count(*) FROM lab_person WHERE age = -1"), MANY - 1);
	people_free(rows, MANY);
	end_models(db);
}

/* What a text may hold, among so many rows that a database may have a way of its own for them; and null. */
TEST(texts_of_many_rows)
{
	static const char *const texts[] = {
		"",         "'; DROP TABLE lab_person; --", "\\N", "\\.", "a\tb\nc\r\\d",
		"\x01\x7f", "\xc3\xa9 \xe2\x82\xac",        NULL,
	};
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct peal_instance **rows = people_new(400);

	for (size_t i = 0; i < 400; i++)
		person_model_from(rows[i])->bio = texts[i % PEAL_COUNTOF(texts)];
	T_OK(peal_bulk_create(&person_model, rows, 400, NULL, &error));
	for (size_t i = 0; i < 400; i++) {
		struct person p;

		T_OK(person_model_get(&p, PEAL_WITH(PEAL_ARG("pk", peal_key(rows[i]))), &error));
		T_INT(p.age, i % 100);
		if (texts[i % PEAL_COUNTOF(texts)])
			T_STR(p.bio, texts[i % PEAL_COUNTOF(texts)]);
		else
			T_PTR(p.bio, NULL);
		peal_fini(&p.instance);
	}
	people_free(rows, 400);
	end_models(db);
}

/* One bad row among many: none is there, all are as they were. */
TEST(error_among_many_rows)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct peal_instance **rows = people_new(MANY);
	int r;

	exec("CREATE UNIQUE INDEX only_one ON lab_person (age)");
	for (int i = 0; i < MANY; i++)
		person_model_from(rows[i])->age = i < MANY - 1 ? i : 7;
	T_CODE(peal_bulk_create(&person_model, rows, MANY, NULL, &error), PEAL_EINTEGRITY);
	T_STR(error.sqlstate, "23505");
	T_STR(error.field, "age");
	T_HAS(error.message, "lab_person");
	T_INT(COUNT("lab_person"), 0);
	T_TRUE(peal_is_new(rows[0]));
	T_INT(person_model_from(rows[0])->id, 0);
	PEAL_ATOMIC(r, &error) {
		exec("INSERT INTO lab_ticket (code, label) VALUES ('a', '')");
		r = peal_bulk_create(&person_model, rows, MANY, NULL, &error);
		T_CODE(r, PEAL_EINTEGRITY);
		T_CODE(peal_db_exec(NULL, "SELECT 1", NULL, NULL, NULL), PEAL_ETRANSACTION);
	}
	T_CODE(r, PEAL_EINTEGRITY);
	T_INT(COUNT("lab_ticket"), 0);
	person_model_from(rows[MANY - 1])->age = MANY;
	if (runs_on("postgresql")) {
		person_model_from(rows[MANY / 2])->name = "\xff";
		T_CODE(peal_bulk_create(&person_model, rows, MANY, NULL, &error), PEAL_ETYPE);
		T_STR(error.sqlstate, "22021");
		T_INT(COUNT("lab_person"), 0);
		person_model_from(rows[MANY / 2])->name = "p";
	}
	T_OK(peal_bulk_create(&person_model, rows, MANY, NULL, &error));
	T_INT(COUNT("lab_person"), MANY);
	people_free(rows, MANY);
	end_models(db);
}

/* As many people, whose keys are those from the first on; given here, or by the database. */
static void create_people(int64_t first, bool with_keys)
{
	struct peal_instance **rows = people_new(MANY);
	struct peal_error error = { 0 };

	for (int i = 0; i < MANY && with_keys; i++)
		person_model_from(rows[i])->id = first + i;

	if (peal_bulk_create(&person_model, rows, MANY, NULL, &error) != 0)
		T_FAIL("%s", error.message);
	for (int i = 0; i < MANY; i++)
		T_INT(person_model_from(rows[i])->id, first + i);
	T_INT(number_of("SELECT max(id) FROM lab_person"), first + MANY - 1);
	people_free(rows, MANY);
}

/* Tables of a server that somebody else has made: triggers, keys that come from elsewhere, rules. */
TEST(tables_that_are_not_so_simple)
{
	struct peal_db *db = begin_models();

	create_people(1, false);
	if (runs_on("postgresql")) {
		exec("CREATE FUNCTION strange() RETURNS trigger LANGUAGE plpgsql AS "
		     "'BEGIN NEW.id := NEW.id + 1000000; RETURN NEW; END'");
		exec("CREATE TRIGGER strange BEFORE INSERT ON lab_person "
		     "FOR EACH ROW EXECUTE FUNCTION strange()");
		create_people(1000001 + MANY, false);
		exec("DROP TRIGGER strange ON lab_person");
		exec("ALTER TABLE lab_person ALTER id DROP IDENTITY");
		exec("CREATE SEQUENCE elsewhere START 5000000");
		exec("ALTER TABLE lab_person ALTER id SET DEFAULT nextval('elsewhere')");
		create_people(5000000, false);
		exec("CREATE TABLE kept (name text)");
		exec("CREATE RULE keep AS ON INSERT TO lab_person "
		     "DO ALSO INSERT INTO kept VALUES (NEW.name)");
		create_people(5000000 + MANY, true);
		T_INT(COUNT("kept"), MANY);
	}
	end_models(db);
}

/* ---- While rows are copied, a call fails or the connection is cut --------------------------------------------------- */

static const struct peal__driver *real;
static int countdown;
static bool cuts, failed;

/* The connection's socket is the only one of this process. */
static void cut(void)
{
	struct stat status;

	for (int fd = 3; fd < 64; fd++)
		if (fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode))
			shutdown(fd, SHUT_RDWR);
}

static bool fails(struct peal_error *error)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	failed = true;
	if (cuts)
		cut();
	else
		peal_error_set(error, PEAL_EDB, "a planted fault");
	return !cuts;
}

static int faulty_begin(struct peal__statement *insert, const struct peal__copy *copy,
			struct peal_error *error)
{
	return fails(error) ? PEAL_EDB : real->copy_begin(insert, copy, error);
}

static int faulty_row(struct peal__statement *insert, struct peal_error *error)
{
	return fails(error) ? PEAL_EDB : real->copy_row(insert, error);
}

static int faulty_end(struct peal__statement *insert, int result, struct peal_error *error)
{
	bool here = fails(error);
	int r = real->copy_end(insert, here ? PEAL_EDB : result, here ? NULL : error);

	return here ? PEAL_EDB : r;
}

static void copy_and_fail(struct peal_db *db, const struct peal__driver *faulty, int nth)
{
	struct peal_instance **rows = people_new(MANY);
	struct peal_error error = { 0 };
	int r;

	countdown = nth;
	failed = false;
	db->driver = faulty;
	r = peal_bulk_create(&person_model, rows, MANY, NULL, &error);
	db->driver = real;
	T_TRUE(failed);
	T_CODE(r, cuts ? PEAL_ECONNECTION : PEAL_EDB);
	T_HAS(error.message, cuts ? "was lost" : "a planted fault");
	T_UINT(peal_atomic_depth(NULL), 0);
	T_INT(COUNT("lab_person"), 0);
	for (int i = 0; i < MANY; i++)
		T_INT(person_model_from(rows[i])->id, 0);
	T_OK(peal_bulk_create(&person_model, rows, MANY, NULL, &error));
	T_INT(COUNT("lab_person"), MANY);
	exec("DELETE FROM lab_person");
	people_free(rows, MANY);
}

TEST(copy_that_fails)
{
	/* The beginning, some rows and the end. */
	static const int calls[] = { 1, 2, 3, MANY / 2, MANY + 1, MANY + 2 };
	struct peal_db *db = begin_models();
	struct peal__driver faulty = *db->driver;

	real = db->driver;
	faulty.copy_begin = faulty_begin;
	faulty.copy_row = faulty_row;
	faulty.copy_end = faulty_end;
	for (size_t i = 0; i < 2 * PEAL_COUNTOF(calls) && real->copy_begin; i++) {
		cuts = i % 2;
		copy_and_fail(db, &faulty, calls[i / 2]);
	}
	end_models(db);
}

TEST(columns_of_another_type)
{
	struct peal_db *db = begin_models();

	if (runs_on("postgresql")) {
		exec("CREATE TYPE words AS ENUM ('p')");
		exec("ALTER TABLE lab_person ALTER name TYPE words USING name::text::words");
		create_people(1, false);
	}
	end_models(db);
}

/* Rows that are gone do not count; what is null, longer or in another order is written as it is. */
TEST(many_rows_are_updated)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct peal_instance **rows = people_new(MANY), *swapped;
	int64_t count;

	T_OK(peal_bulk_create(&person_model, rows, MANY, NULL, &error));
	exec("DELETE FROM lab_person WHERE id % 10 = 0");
	for (int i = 0; i < MANY; i++) {
		person_model_from(rows[i])->name = i % 2 ? "a name that is longer" : "";
		person_model_from(rows[i])->age = -i;
	}
	swapped = rows[0];
	rows[0] = rows[MANY - 1];
	rows[MANY - 1] = swapped;
	T_OK(peal_bulk_update(&person_model, rows, MANY, PEAL_NAMES_OF("age", "name"), NULL, &count,
			      &error));
	T_INT(count, MANY - MANY / 10);
	T_INT(number_of("SELECT count(*) FROM lab_person WHERE age = 1 - id AND "
			"name = CASE WHEN id % 2 = 0 THEN 'a name that is longer' ELSE '' END"),
	      count);
	exec("CREATE UNIQUE INDEX only_one ON lab_person (age)");
	person_model_from(rows[5])->age = person_model_from(rows[6])->age;
	T_CODE(peal_bulk_update(&person_model, rows, MANY, PEAL_NAMES_OF("age"), NULL, NULL,
				&error),
	       PEAL_EINTEGRITY);
	T_STR(error.sqlstate, "23505");
	T_STR(error.field, "age");
	people_free(rows, MANY);
	end_models(db);
}

TEST(conflicts)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct ticket tickets[3];
	struct peal_instance *rows[3];

	for (int i = 0; i < 3; i++) {
		T_OK(ticket_model_init(&tickets[i],
				       PEAL_WITH(PEAL_SET(ticket_model, code,
							  i == 1 ? "a"
							  : i    ? "c"
								 : "b"),
						 PEAL_SET(ticket_model, label, "new")),
				       &error));
		rows[i] = &tickets[i].instance;
	}
	exec("INSERT INTO lab_ticket (code, label) VALUES ('a', 'old')");
	T_CODE(peal_bulk_create(&ticket_model, rows, 3, NULL, &error), PEAL_EINTEGRITY);
	T_INT(number_of("SELECT count(*) FROM lab_ticket"), 1);
	T_OK(PEAL_BULK_CREATE(&ticket_model, rows, 3, &error, .ignore_conflicts = true));
	T_INT(number_of("SELECT count(*) FROM lab_ticket WHERE label = 'new'"), 2);
	T_OK(PEAL_BULK_CREATE(&ticket_model, rows, 3, &error,
			      .update_fields = PEAL_NAMES("label")));
	T_INT(number_of("SELECT count(*) FROM lab_ticket WHERE label = 'new'"), 3);
	T_OK(PEAL_BULK_CREATE(&ticket_model, rows, 3, &error, .update_fields = PEAL_NAMES("label"),
			      .unique_fields = PEAL_NAMES("code")));
	T_INT(number_of("SELECT count(*) FROM lab_ticket"), 3);
	for (int i = 0; i < 3; i++)
		peal_fini(rows[i]);
	end_models(db);
}

TEST(what_cannot_be)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct peal_instance **rows = people_new(2);
	struct person *p = person_model_from(rows[0]);
	struct profile profile;
	struct peal_instance *one = &profile.instance;
	int64_t count = 7;

	T_OK(peal_bulk_create(&person_model, NULL, 0, NULL, &error));
	T_OK(peal_bulk_update(&person_model, NULL, 0, PEAL_NAMES_OF("age"), NULL, &count, &error));
	T_INT(count, 0);
	T_CODE(peal_bulk_create(&ticket_model, rows, 2, NULL, &error), PEAL_EINVAL);
	T_CODE(PEAL_BULK_CREATE(&person_model, rows, 2, &error,
				.update_fields = PEAL_NAMES("nothing")),
	       PEAL_EINVAL);
	T_HAS(error.message, "nothing");
	T_CODE(PEAL_BULK_CREATE(&person_model, rows, 2, &error, .ignore_conflicts = true,
				.update_fields = PEAL_NAMES("age")),
	       PEAL_EINVAL);
	T_CODE(peal_bulk_update(&person_model, rows, 2, PEAL_NAMES_OF("age"), NULL, NULL, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "no key");
	T_CODE(peal_bulk_update(&person_model, rows, 2, PEAL_NAMES_OF("id"), NULL, NULL, &error),
	       PEAL_EINVAL);
	T_OK(profile_model_init(&profile, PEAL_WITH(PEAL_SET(profile_model, person, rows[0])),
				&error));
	T_CODE(peal_bulk_create(&profile_model, &one, 1, NULL, &error), PEAL_EINVAL);
	T_OK(peal_save(rows[0], &error));
	T_OK(peal_bulk_create(&profile_model, &one, 1, NULL, &error));
	T_INT(profile.person_id, p->id);
	peal_fini(one);
	people_free(rows, 2);
	end_models(db);
}

TEST(rows_by_their_keys)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct peal_instance **people = people_new(MANY);
	struct peal_value *keys = calloc(MANY + 2, sizeof(*keys));
	struct peal_params params = { keys, MANY + 2 };
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_rows *rows;

	T_OK(peal_bulk_create(&person_model, people, MANY, NULL, &error));
	for (size_t i = 0; i < MANY; i++)
		keys[i] = peal_key(people[MANY - 1 - i]);
	keys[MANY] = keys[0]; /* in another statement */
	keys[MANY + 1] = peal_value_int(999999);
	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(person_model, age, gt, 49)));
	T_OK(peal_query_in_bulk(query, &params, &rows, &error));
	T_UINT(peal_rows_count(rows), 600);
	T_PTR(peal_rows_find(rows, peal_key(people[49])), NULL);
	T_TRUE(peal_value_equal(peal_key(peal_rows_find(rows, peal_key(people[50]))),
				peal_key(people[50])));
	peal_rows_free(rows);
	T_OK(peal_query_all(query, &rows, &error));
	T_TRUE(peal_rows_find(rows, peal_key(people[50])) != NULL);
	T_PTR(peal_rows_find(rows, peal_value_int(999999)), NULL);
	peal_rows_free(rows);
	peal_query_slice(query, 0, 1);
	T_CODE(peal_query_in_bulk(query, &params, &rows, &error), PEAL_EINVAL);
	peal_query_free(query);
	free(keys);
	people_free(people, MANY);
	end_models(db);
}

static int work(struct peal_error *error)
{
	struct person p = { 0 };
	struct peal_instance *row = &p.instance;
	struct peal_query *query = NULL;
	struct peal_rows *rows;
	int r = person_model_init(&p, NULL, error);

	if (r == 0)
		r = peal_bulk_create(&person_model, &row, 1, NULL, error);
	if (r == 0)
		r = peal_bulk_update(&person_model, &row, 1, PEAL_NAMES_OF("name"), NULL, NULL,
				     error);
	if (r == 0) {
		struct peal_value key = peal_key(row);

		query = peal_query_new(&person_model);
		r = peal_query_in_bulk(query, &(struct peal_params){ &key, 1 }, &rows, error);
		if (r == 0)
			peal_rows_free(rows);
	}
	peal_query_free(query);
	peal_fini(row);
	return r;
}

TEST_TIMEOUT(no_memory_anywhere, 300)
{
	const char *url = database_url();

	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		int r;

		r = peal_db_open(url, &db, &error);
		if (r == 0)
			r = PEAL_MODELS_REGISTER(&error, &person_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		if (r == 0)
			r = work(&error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		peal_models_forget();
		peal_db_close(db);
	}
}
