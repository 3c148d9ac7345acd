/* SPDX-License-Identifier: MIT */
/* Two who want the same row of a server at once: waiting, not waiting, skipping, and being in each other's way. */
#include "models.h"

#include "connection.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS 25

/* People, and perhaps a second database that is the first one. */
static struct peal_db *begin_people(const struct peal_db_options *options, int count)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };

	for (int i = 1; i <= count; i++)
		T_OK(peal_db_exec(NULL,
				  "INSERT INTO lab_person (name, age, bio) VALUES ('p', 0, '')",
				  NULL, NULL, &error));
	if (options) {
		struct peal_db *other;
		char url[600];

		snprintf(url, sizeof(url), "postgresql:%s", db->url);
		T_OK(peal_db_open_with(url, options, &other, &error));
	}
	return db;
}

/* The person of that key, locked. */
static int lock_person(int64_t id, enum peal_lock lock, struct person *person,
		       struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&person_model);
	int r;

	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(person_model, id, exact, id)));
	peal_query_for_update(query, lock);
	r = peal_query_get(query, &person->instance, error);
	peal_query_free(query);
	return r;
}

/* ---- Waiting ---- */

static int count_up(struct peal_error *error)
{
	struct person person;
	int r;

	PEAL_ATOMIC(r, error) {
		r = lock_person(1, PEAL_LOCK_WAIT, &person, error);
		if (r != 0)
			break;
		person.age++;
		r = peal_save(&person.instance, error);
		peal_fini(&person.instance);
	}
	return r;
}

static void *count_in_thread(void *result)
{
	int *r = result;

	for (int i = 0; i < ROUNDS && *r == 0; i++)
		*r = count_up(NULL);
	return NULL;
}

TEST(who_waits_sees_what_the_other_has_written)
{
	struct peal_db *db = begin_people(NULL, 1);
	pthread_t threads[THREADS];
	int results[THREADS] = { 0 };

	for (int i = 0; i < THREADS; i++)
		T_INT(pthread_create(&threads[i], NULL, count_in_thread, &results[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		T_INT(pthread_join(threads[i], NULL), 0);
		T_OK(results[i]);
	}
	T_INT(number_of("SELECT age FROM lab_person"), (int64_t)THREADS * ROUNDS);
	end_models(db);
}

/* ---- While somebody else has the row ---- */

struct attempt {
	const char *database;
	enum peal_lock lock;
	int64_t wanted; /* 0: all rows */
	int result;
	size_t count;
	struct peal_error error;
};

static void *attempt_in_thread(void *pointer)
{
	struct attempt *attempt = pointer;
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_rows *rows;
	int r;

	peal_query_using(query, attempt->database);
	if (attempt->wanted)
		peal_query_filter(query,
				  PEAL_WITH(PEAL_WHERE(person_model, id, exact, attempt->wanted)));
	peal_query_for_update(query, attempt->lock);
	PEAL_ATOMIC_WITH(r, &attempt->error, .database = attempt->database) {
		r = peal_query_all(query, &rows, &attempt->error);
		if (r != 0)
			break;
		attempt->count = peal_rows_count(rows);
		peal_rows_free(rows);
	}
	attempt->result = r;
	peal_query_free(query);
	return NULL;
}

/* Another thread tries while this one has the first row. */
static void try_meanwhile(struct attempt *attempt)
{
	struct peal_error error = { 0 };
	struct person person;
	pthread_t thread;
	int r;

	PEAL_ATOMIC(r, &error) {
		r = lock_person(1, PEAL_LOCK_WAIT, &person, &error);
		T_OK(r);
		T_INT(pthread_create(&thread, NULL, attempt_in_thread, attempt), 0);
		T_INT(pthread_join(thread, NULL), 0);
		peal_fini(&person.instance);
	}
	T_OK(r);
}

TEST(not_waiting)
{
	struct peal_db *db = begin_people(NULL, 3);
	struct attempt attempt = { .lock = PEAL_LOCK_NOWAIT };

	try_meanwhile(&attempt);
	T_CODE(attempt.result, PEAL_EBUSY);
	T_STR(attempt.error.sqlstate, "55P03");
	attempt = (struct attempt){ .lock = PEAL_LOCK_NOWAIT, .wanted = 2 };
	try_meanwhile(&attempt);
	T_OK(attempt.result);
	T_UINT(attempt.count, 1);
	end_models(db);
}

TEST(skipping)
{
	struct peal_db *db = begin_people(NULL, 3);
	struct attempt attempt = { .lock = PEAL_LOCK_SKIP_LOCKED };

	try_meanwhile(&attempt);
	T_OK(attempt.result);
	T_UINT(attempt.count, 2);
	end_models(db);
}

TEST(waiting_in_vain)
{
	struct peal_db *db = begin_people(
		&(struct peal_db_options){ .alias = "hasty", .busy_timeout_ms = 50 }, 1);
	struct attempt attempt = { .database = "hasty", .lock = PEAL_LOCK_WAIT };

	try_meanwhile(&attempt);
	T_CODE(attempt.result, PEAL_EBUSY);
	T_STR(attempt.error.sqlstate, "55P03");
	peal_db_close(peal_db_get("hasty"));
	end_models(db);
}

/* ---- In each other's way ---- */

struct rival {
	int64_t first, second;
	pthread_barrier_t *both_have_one;
	int attempts, conflicts, result;
	struct peal_error error; /* of the conflict */
};

static int count_two(struct rival *rival, struct peal_error *error)
{
	struct person a, b;
	int r;

	PEAL_ATOMIC(r, error) {
		r = lock_person(rival->first, PEAL_LOCK_WAIT, &a, error);
		if (r != 0)
			break;
		if (rival->attempts++ == 0)
			pthread_barrier_wait(rival->both_have_one);
		r = lock_person(rival->second, PEAL_LOCK_WAIT, &b, error);
		if (r == 0) {
			a.age++;
			b.age++;
			r = peal_save(&a.instance, error);
			if (r == 0)
				r = peal_save(&b.instance, error);
			peal_fini(&b.instance);
		}
		peal_fini(&a.instance);
	}
	return r;
}

static void *count_two_in_thread(void *pointer)
{
	struct rival *rival = pointer;

	do {
		struct peal_error error = { 0 };

		rival->result = count_two(rival, &error);
		if (rival->result == PEAL_ECONFLICT) {
			rival->conflicts++;
			rival->error = error;
		}
	} while (rival->result == PEAL_ECONFLICT);
	return NULL;
}

TEST(deadlock_is_a_conflict_and_can_be_repeated)
{
	struct peal_db *db = begin_people(NULL, 2);
	pthread_barrier_t both_have_one;
	struct rival rivals[] = { { 1, 2, &both_have_one, 0, 0, 0, { 0 } },
				  { 2, 1, &both_have_one, 0, 0, 0, { 0 } } };
	pthread_t thread;

	T_INT(pthread_barrier_init(&both_have_one, NULL, 2), 0);
	T_INT(pthread_create(&thread, NULL, count_two_in_thread, &rivals[0]), 0);
	count_two_in_thread(&rivals[1]);
	T_INT(pthread_join(thread, NULL), 0);
	T_OK(rivals[0].result);
	T_OK(rivals[1].result);
	/* More than one when both notice it at the same moment. */
	T_TRUE(rivals[0].conflicts + rivals[1].conflicts >= 1);
	T_STR(rivals[rivals[1].conflicts > 0].error.sqlstate, "40P01");
	T_INT(number_of("SELECT sum(age) FROM lab_person"), 4);
	pthread_barrier_destroy(&both_have_one);
	end_models(db);
}

/* One reads what the other then writes: the one that read cannot write over it. */
TEST(serialization_failure_is_a_conflict)
{
	struct peal_db *db = begin_people(&(struct peal_db_options){ .alias = "other" }, 1);
	struct peal_error error = { 0 };
	int r;

	PEAL_ATOMIC(r, &error) {
		exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
		T_INT(number_of("SELECT age FROM lab_person"), 0);
		T_OK(peal_db_exec("other", "UPDATE lab_person SET age = 7", NULL, NULL, NULL));
		r = peal_db_exec(NULL, "UPDATE lab_person SET age = age + 1", NULL, NULL, &error);
	}
	T_CODE(r, PEAL_ECONFLICT);
	T_STR(error.sqlstate, "40001");
	T_INT(number_of("SELECT age FROM lab_person"), 7);
	peal_db_close(peal_db_get("other"));
	end_models(db);
}
