/* SPDX-License-Identifier: MIT */
/*
 * Every call of a driver fails once: the Nth, for N = 1, 2, ... until nothing fails. Whatever fails, the error arrives,
 * the database is as before or as wanted, and the next use of it works.
 */
#include "fixture.h"

#include "connection.h"

static const struct peal__driver *real;
static struct peal__driver faulty;
static int countdown, failed;

/* Whether the call is the one to fail. */
static bool fails(struct peal_error *error)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	failed++;
	peal_error_set(error, PEAL_EDB, "a planted fault");
	return true;
}

static int faulty_execute(struct peal__connection *c, const char *sql, struct peal_error *error)
{
	return fails(error) ? PEAL_EDB : real->execute(c, sql, error);
}

static int faulty_commit(struct peal__connection *c, struct peal_error *error)
{
	return fails(error) ? PEAL_EDB : real->commit(c, error);
}

static int faulty_prepare(struct peal__statement *s, const char *sql, size_t size,
			  struct peal_error *error)
{
	return fails(error) ? PEAL_EDB : real->prepare(s, sql, size, error);
}

static int faulty_bind(struct peal__statement *s, size_t index, const struct peal_value *value,
		       struct peal_error *error)
{
	return fails(error) ? PEAL_EDB : real->bind(s, index, value, error);
}

static int faulty_step(struct peal__statement *s, const uint8_t *kinds, struct peal_value *values,
		       struct peal_error *error)
{
	return fails(error) ? PEAL_EDB : real->step(s, kinds, values, error);
}

static int called;

static int note_called(void *unused, struct peal_error *error)
{
	(void)unused;
	(void)error;
	called++;
	return 0;
}

static int insert(int number, struct peal_error *error)
{
	return peal_db_exec(NULL, "INSERT INTO t VALUES ($1)", PEAL_PARAMS(PEAL_INT(number)), NULL,
			    error);
}

static int work(struct peal_error *error)
{
	int r, inner = 0;

	PEAL_ATOMIC(r, error) {
		r = PEAL_ON_COMMIT(error, note_called, .user = NULL);
		if (r == 0)
			r = insert(1, error);
		if (r == 0) {
			PEAL_ATOMIC(inner, error) {
				inner = insert(2, error);
			}
			r = inner;
		}
	}
	return r;
}

TEST(every_call_fails_once)
{
	struct peal_db *db = open_database();

	exec("CREATE TABLE t (a integer)");
	real = db->driver;
	faulty = *real;
	faulty.execute = faulty_execute;
	faulty.commit = faulty_commit;
	faulty.prepare = faulty_prepare;
	faulty.bind = faulty_bind;
	faulty.step = faulty_step;
	for (int nth = 1;; nth++) {
		struct peal_error error = { 0 };
		int r;

		db->driver = &faulty;
		failed = called = 0;
		countdown = nth;
		r = work(&error);
		countdown = 0;
		db->driver = real;
		T_UINT(peal_atomic_depth(NULL), 0);
		T_INT(called, r == 0);
		T_INT(number_of("SELECT count(*) FROM t"), r == 0 ? 2 : 0);
		if (!failed) {
			T_OK(r);
			T_TRUE(nth > 8);
			break;
		}
		T_CODE(r, PEAL_EDB);
		T_STR(error.message, "a planted fault");
	}
	peal_db_close(db);
}
