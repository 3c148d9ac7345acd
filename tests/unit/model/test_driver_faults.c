/* SPDX-License-Identifier: MIT */
/*
 * Everything that the model layer does with a database, while the database fails: each call of the driver once, alone
 * and together with the rollback that follows; each allocation of SQLite, and of the library; and on PostgreSQL the connection is cut before
 * each call. Whatever fails, the error says so, the rows are as before the call or, in a block, before the block (a dump
 * of all tables is compared), nothing was told to be committed, and the same call then works.
 */
#include "models.h"

#include <peal/bulk.h>
#include <peal/fixture.h>
#include <peal/m2m.h>
#include <peal/validate.h>

#include "connection.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct note {
	struct peal_instance instance;
	int64_t id;
	const char *text;
	int64_t person_id;
	struct person *person;
};
PEAL_MODEL_DECLARE(note_model, struct note);

static const struct peal_field note_fields[] = {
	PEAL_ID(struct note, id),
	PEAL_LONG_TEXT(struct note, text),
	PEAL_FOREIGN_KEY(struct note, person, person_model, PEAL_CASCADE, .null = true),
	PEAL_MANY_TO_MANY(struct note, readers, person_model, .related_name = "notes"),
};
PEAL_MODEL_DEFINE(note_model, struct note, .app = "lab", .name = "Note",
		  .fields = PEAL_FIELDS(note_fields));

/* ---- What is done ---------------------------------------------------------------------------------------------------- */

static int committed; /* calls of the hook */

static int note_committed(void *unused, struct peal_error *error)
{
	(void)unused;
	(void)error;
	committed++;
	return 0;
}

static struct peal_query *by_id(const struct peal_model *model, int64_t id)
{
	struct peal_query *query = peal_query_new(model);

	peal_query_filter(query, PEAL_WITH(PEAL_ARG("pk__gte", PEAL_INT(id))));
	peal_query_order_by(query, "pk");
	return query;
}

static int create(struct peal_error *error)
{
	struct person p;
	int r = person_model_create(
		&p, PEAL_WITH(PEAL_SET(person_model, id, 100), PEAL_SET(person_model, name, "new")),
		error);

	if (r == 0)
		peal_fini(&p.instance);
	return r;
}

static int change(struct peal_error *error)
{
	struct person p;
	int r = person_model_get(&p, PEAL_WITH(PEAL_IS(person_model, id, 100)), error);

	if (r != 0)
		return r;
	r = peal_refresh(&p.instance, error);
	p.age = 44;
	p.bio = "changed";
	if (r == 0)
		r = peal_save(&p.instance, error);
	peal_fini(&p.instance);
	return r;
}

static int change_one_field(struct peal_error *error)
{
	struct person p;
	int r = person_model_init(&p, PEAL_WITH(PEAL_SET(person_model, id, 100)), error);

	if (r == 0) {
		p.name = "renamed";
		r = PEAL_SAVE(&p.instance, error, .update_fields = PEAL_NAMES("name"));
		peal_fini(&p.instance);
	}
	return r;
}

static int with_note(int (*what)(struct note *note, struct peal_error *error),
		     struct peal_error *error)
{
	struct note note;
	int r = note_model_get(&note, PEAL_WITH(PEAL_IS(note_model, id, 1)), error);

	if (r == 0) {
		r = what(&note, error);
		peal_fini(&note.instance);
	}
	return r;
}

static int add(struct note *note, struct peal_error *error)
{
	return peal_m2m_add(&note->instance, "readers", PEAL_VALUES(1, 2, 100), NULL, error);
}

static int set(struct note *note, struct peal_error *error)
{
	return peal_m2m_set(&note->instance, "readers", PEAL_VALUES(2, 3), NULL, error);
}

static int reset(struct note *note, struct peal_error *error)
{
	return peal_m2m_reset(&note->instance, "readers", PEAL_VALUES(1, 2, 3), NULL, error);
}

static int remove_one(struct note *note, struct peal_error *error)
{
	return peal_m2m_remove(&note->instance, "readers", PEAL_VALUES(3), error);
}

static int m2m_add(struct peal_error *error)
{
	return with_note(add, error);
}

static int m2m_set(struct peal_error *error)
{
	return with_note(set, error);
}

static int m2m_reset(struct peal_error *error)
{
	return with_note(reset, error);
}

static int m2m_remove(struct peal_error *error)
{
	return with_note(remove_one, error);
}

static int m2m_clear(struct peal_error *error)
{
	struct person p;
	int r = person_model_get(&p, PEAL_WITH(PEAL_IS(person_model, id, 1)), error);

	if (r == 0) {
		r = peal_m2m_clear(&p.instance, "notes", error);
		peal_fini(&p.instance);
	}
	return r;
}

static int bulk(struct peal_error *error)
{
	struct person people[3] = { { .id = 0 } };
	struct peal_instance *rows[3];
	int64_t count;
	int r = 0, made;

	for (int i = 0; i < 3; i++) {
		rows[i] = &people[i].instance;
		if (r == 0)
			r = person_model_init(&people[i],
					      PEAL_WITH(PEAL_SET(person_model, id, 200 + i),
							PEAL_SET(person_model, name, "bulk")),
					      error);
	}
	made = r;
	PEAL_ATOMIC(r, error) {
		r = made ? made : peal_bulk_create(&person_model, rows, 3, NULL, error);
		for (int i = 0; i < 3; i++)
			people[i].age = 60 + i;
		if (r == 0)
			r = peal_bulk_update(&person_model, rows, 3, PEAL_NAMES_OF("age"), NULL,
					     &count, error);
	}
	for (int i = 0; i < 3; i++)
		peal_fini(rows[i]);
	return r;
}

static int update(struct peal_error *error)
{
	struct peal_query *query = by_id(&person_model, 200);
	int r = peal_query_update(query, PEAL_WITH(PEAL_INCREMENT(person_model, age, 5)), NULL,
				  error);

	peal_query_free(query);
	return r;
}

static int find_or_create(struct peal_error *error)
{
	struct ticket a = { .code = NULL }, b = { .code = NULL };
	int r;

	PEAL_ATOMIC(r, error) {
		r = peal_get_or_create(&ticket_model, &a.instance, NULL,
				       PEAL_WITH(PEAL_SET(ticket_model, code, "T")),
				       PEAL_WITH(PEAL_SET(ticket_model, label, "x")), NULL, error);
		if (r == 0)
			r = peal_update_or_create(&ticket_model, &b.instance, NULL,
						  PEAL_WITH(PEAL_SET(ticket_model, code, "T")),
						  PEAL_WITH(PEAL_SET(ticket_model, label, "y")),
						  NULL, error);
	}
	peal_fini(&a.instance);
	peal_fini(&b.instance);
	return r;
}

static int read_stream(struct peal_error *error)
{
	struct peal_query *query = by_id(&person_model, 1);
	struct peal_stream *stream = NULL;
	struct peal_instance *instance;
	int r = peal_query_stream(query, &stream, error);

	while (r == 0)
		r = peal_stream_next(stream, &instance, error);
	peal_stream_free(stream);
	peal_query_free(query);
	return r == PEAL_DONE ? 0 : r;
}

static int read_all(struct peal_error *error)
{
	struct peal_query *query = by_id(&article_model, 1);
	struct peal_rows *rows = NULL, *some = NULL;
	struct peal_values *values = NULL;
	struct peal_value sum;
	struct article last;
	int64_t count;
	bool exists;
	int r;

	peal_query_select_related(query, "author");
	r = peal_query_all(query, &rows, error);
	if (r == 0)
		r = peal_query_values(query, PEAL_NAMES_OF("title", "author__name"), &values,
				      error);
	if (r == 0)
		r = peal_query_count(query, &count, error);
	if (r == 0)
		r = peal_query_exists(query, &exists, error);
	if (r == 0)
		r = peal_query_aggregate(query, PEAL_AGGREGATES(PEAL_SUM("word_count")), &sum,
					 error);
	if (r == 0)
		r = peal_query_in_bulk(query, PEAL_PARAMS(PEAL_INT(1), PEAL_INT(2)), &some, error);
	if (r == 0)
		r = peal_query_last(query, &last.instance, error);
	if (r == 0)
		peal_fini(&last.instance);
	peal_rows_free(rows);
	peal_rows_free(some);
	peal_values_free(values);
	peal_query_free(query);
	return r;
}

static int clean(struct peal_error *error)
{
	struct article a = { .id = 0 };
	struct peal_problems problems = { 0 };
	int r = article_model_init(&a,
				   PEAL_WITH(PEAL_SET(article_model, title, "clean"),
					     PEAL_SET(article_model, slug, "clean"),
					     PEAL_SET(article_model, word_count, 1),
					     PEAL_SET(article_model, updated_at, 1),
					     PEAL_SET(article_model, author_id, 1)),
				   error);

	if (r == 0)
		r = peal_full_clean(&a.instance, &problems, error);
	peal_problems_fini(&problems);
	peal_fini(&a.instance);
	return r;
}

static int load(struct peal_error *error)
{
	static const char json[] =
		"[{\"model\": \"lab.note\", \"pk\": 7, \"fields\": {\"text\": \"seven\", "
		"\"person\": 300, \"readers\": [1, 300]}},"
		"{\"model\": \"lab.person\", \"pk\": 300, \"fields\": {\"name\": \"Flo\"}}]";

	return peal_fixture_load_text(json, strlen(json), NULL, NULL, error);
}

static int blocks(struct peal_error *error)
{
	int r, inner = 0;

	PEAL_ATOMIC(r, error) {
		r = PEAL_ON_COMMIT(error, note_committed, .user = NULL);
		if (r == 0)
			r = peal_db_exec(NULL, "UPDATE lab_person SET age = $1 WHERE id = 1",
					 PEAL_PARAMS(PEAL_INT(77)), NULL, error);
		if (r == 0) {
			PEAL_ATOMIC(inner, error) {
				inner = peal_db_exec(NULL, "DELETE FROM lab_comment", NULL, NULL,
						     error);
				if (inner == 0)
					inner = PEAL_EUSER; /* not this */
			}
			r = inner == PEAL_EUSER ? 0 : inner;
		}
		if (r == 0) {
			PEAL_ATOMIC_WITH(inner, error, .no_savepoint = true) {
				inner = update(error);
			}
			r = inner;
		}
	}
	return r;
}

static int remove_cascade(struct peal_error *error)
{
	struct person p;
	int r = person_model_get(&p, PEAL_WITH(PEAL_IS(person_model, id, 1)), error);

	if (r == 0) {
		r = peal_delete(&p.instance, NULL, error);
		peal_fini(&p.instance);
	}
	return r;
}

static int quiet(struct peal_call *call, const struct peal_pre_delete_args *args)
{
	(void)call;
	(void)args;
	return 0;
}

static int remove_by_query(struct peal_error *error)
{
	struct peal_query *query = by_id(&person_model, 200);
	int r = peal_query_delete(query, NULL, error);

	peal_query_free(query);
	return r;
}

static int remove_heard(struct peal_error *error)
{
	struct peal_query *query = by_id(&person_model, 100);
	struct peal_scope scope = { 0 };
	int r = PEAL_CONNECT(peal_pre_delete, quiet, .sender = &person_model, .scope = &scope);

	if (r < 0)
		peal_error_set(error, r, "%s", peal_strerror(r));
	if (r == 0)
		r = peal_query_delete(query, NULL, error);
	T_OK(peal_scope_end(&scope));
	peal_query_free(query);
	return r;
}

static int tables(struct peal_error *error)
{
	return peal_models_create_tables(NULL, error);
}

static int (*const steps[])(struct peal_error *error) = {
	create,         change,     change_one_field, m2m_add,      m2m_set,
	m2m_reset,      m2m_remove, m2m_clear,        bulk,         update,
	find_or_create, read_all,   read_stream,      clean,        load,
	blocks,         tables,     remove_by_query,  remove_heard, remove_cascade,
};

/* ---- The rows that there are ------------------------------------------------------------------------------------------ */

static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	T_OK(PEAL_MODELS_REGISTER(NULL, &note_model));
	T_OK(peal_models_create_tables(NULL, NULL));
	return db;
}

static void fill(void)
{
	static const char *const all[] = {
		"DELETE FROM lab_note_readers",
		"DELETE FROM lab_note",
		"DELETE FROM lab_comment",
		"DELETE FROM lab_article",
		"DELETE FROM lab_profile",
		"DELETE FROM lab_ticket",
		"DELETE FROM lab_person",
		"INSERT INTO lab_person (id, name, age, bio) VALUES (1, 'Ana', 10, NULL),"
		" (2, 'Bo', 20, 'x'), (3, 'Cy', 30, NULL)",
		"INSERT INTO lab_article (id, title, slug, word_count, author_id) VALUES"
		" (1, 'C', 'c', 10, 1), (2, 'SQL', 'sql', 20, 2)",
		"INSERT INTO lab_comment (id, article_id, parent_id, text) VALUES"
		" (1, 1, NULL, 'one'), (2, 1, 1, 'two')",
		"INSERT INTO lab_profile (id, person_id, bio) VALUES (1, 1, 'pa')",
		"INSERT INTO lab_note (id, text, person_id) VALUES (1, 'a', 1), (2, 'b', NULL)",
	};

	int r;

	PEAL_ATOMIC(r, NULL) {
		for (size_t i = 0; i < PEAL_COUNTOF(all); i++)
			exec(all[i]);
	}
	T_OK(r);
	committed = 0;
}

/* To be freed. */
static char *dump(void)
{
	struct peal_error error = { 0 };
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (peal_fixture_dump(file, NULL, 0, NULL, NULL, &error) != 0)
		T_FAIL("%s", error.message);
	fclose(file);
	return text;
}

/* ---- Faults ----------------------------------------------------------------------------------------------------------- */

enum fault {
	REFUSED,         /* the call does nothing and says so */
	TWICE,           /* and so does the rollback that follows */
	CUT,             /* the connection is cut before it */
	NO_MEMORY,       /* SQLite's allocation is refused */
	NO_MEMORY_AGAIN, /* and so are all that follow */
	OURS,            /* the library's allocation is refused */
	OURS_AGAIN,      /* and so are all that follow */
};

static const struct peal__driver *real;
static struct peal__driver faulty;
static enum fault fault;
static int countdown;
static bool failed, rollback_failed;

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
	if (fault >= NO_MEMORY || countdown == 0 || --countdown > 0)
		return false;
	failed = true;
	if (fault == CUT) {
		cut();
		return false;
	}
	peal_error_set(error, PEAL_EDB, "a planted fault");
	return true;
}

static int faulty_execute(struct peal__connection *c, const char *sql, struct peal_error *error)
{
	if (failed && fault == TWICE && !rollback_failed && strncmp(sql, "ROLLBACK", 8) == 0) {
		rollback_failed = true;
		return peal_error_set(error, PEAL_EDB, "a planted fault of the rollback");
	}
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

static void plant(struct peal_db *db)
{
	real = db->driver;
	faulty = *real;
	faulty.execute = faulty_execute;
	faulty.commit = faulty_commit;
	faulty.prepare = faulty_prepare;
	faulty.bind = faulty_bind;
	faulty.step = faulty_step;
}

static sqlite3_mem_methods memory;

static bool has_no_memory(void)
{
	if (fault < NO_MEMORY || fault > NO_MEMORY_AGAIN || countdown == 0 || --countdown > 0)
		return false;
	countdown = fault == NO_MEMORY_AGAIN;
	return failed = true;
}

static void *memory_alloc(int size)
{
	return has_no_memory() ? NULL : memory.xMalloc(size);
}

static void *memory_change(void *old, int size)
{
	return has_no_memory() ? NULL : memory.xRealloc(old, size);
}

/* Before the first use of SQLite. */
static void watch_memory(void)
{
	sqlite3_mem_methods ours;

	T_INT(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory), SQLITE_OK);
	ours = memory;
	ours.xMalloc = memory_alloc;
	ours.xRealloc = memory_change;
	T_INT(sqlite3_config(SQLITE_CONFIG_MALLOC, &ours), SQLITE_OK);
}

static void arm(struct peal_db *db, enum fault how, int nth)
{
	fault = how;
	failed = rollback_failed = false;
	countdown = nth;
	db->driver = &faulty;
	if (how >= OURS)
		test_alloc_fail((size_t)nth, how == OURS_AGAIN);
}

static void disarm(struct peal_db *db)
{
	countdown = 0;
	db->driver = real;
	failed |= test_alloc_failed() > 0;
	test_alloc_fail(0, false);
}

static void is_told(size_t step, int nth, int r, const struct peal_error *error)
{
	if (r >= 0)
		T_FAIL("step %zu, call %d: %d", step, nth, r);
	T_CODE(error->code, r);
	if (fault == CUT) {
		if (r != PEAL_ECONNECTION && !strstr(error->message, "was lost"))
			T_FAIL("step %zu, call %d: %d: %s", step, nth, r, error->message);
	} else if (!strstr(error->message,
			   fault >= NO_MEMORY ? "out of memory" : "a planted fault")) {
		T_FAIL("step %zu, call %d: %d: %s", step, nth, r, error->message);
	}
}

static void is_same(const char *before, size_t step, int nth)
{
	char *now = dump();

	if (strcmp(now, before) != 0)
		T_FAIL("step %zu, call %d: before:\n%s\nnow:\n%s", step, nth, before, now);
	free(now);
}

/* The rows before each step, and behind the last. */
static char *expected[PEAL_COUNTOF(steps) + 1];

static void learn(void)
{
	fill();
	for (size_t step = 0; step < PEAL_COUNTOF(steps); step++) {
		struct peal_error error = { 0 };

		expected[step] = dump();
		if (steps[step](&error) != 0)
			T_FAIL("step %zu: %s", step, error.message);
	}
	expected[PEAL_COUNTOF(steps)] = dump();
}

/* Each step by itself; returns whether something failed. Ends with the same rows whatever failed meanwhile. */
static bool alone(struct peal_db *db, enum fault how, int nth)
{
	fill();
	arm(db, how, nth);
	for (size_t step = 0; step < PEAL_COUNTOF(steps); step++) {
		struct peal_error error = { 0 };
		int before = committed, r = steps[step](&error);

		if (r != 0) {
			disarm(db);
			T_TRUE(failed);
			is_told(step, nth, r, &error);
			T_UINT(peal_atomic_depth(NULL), 0);
			is_same(expected[step], step, nth);
			T_INT(committed, before);
			if (steps[step](&error) != 0)
				T_FAIL("step %zu, call %d, again: %s", step, nth, error.message);
		}
	}
	disarm(db);
	is_same(expected[PEAL_COUNTOF(steps)], PEAL_COUNTOF(steps), nth);
	T_INT(committed, 1);
	return failed;
}

/* All of them in one block: then all or nothing. */
static bool together(struct peal_db *db, enum fault how, int nth)
{
	struct peal_error error = { 0 };
	size_t done = 0;
	int r;

	fill();
	arm(db, how, nth);
	PEAL_ATOMIC(r, &error) {
		while (done < PEAL_COUNTOF(steps) && r == 0)
			r = steps[done++](&error);
	}
	disarm(db);
	T_UINT(peal_atomic_depth(NULL), 0);
	T_INT(committed, r == 0);
	/* SQLite can do without some of its memory. */
	if (failed && (r != 0 || fault < NO_MEMORY)) {
		is_told(done - 1, nth, r, &error);
		is_same(expected[0], done - 1, nth);
	} else {
		T_OK(r);
		is_same(expected[PEAL_COUNTOF(steps)], done - 1, nth);
	}
	return failed;
}

static struct peal_db *begin_to_fail(void)
{
	struct peal_db *db = begin();

	plant(db);
	learn();
	return db;
}

static void end_of_faults(struct peal_db *db)
{
	for (size_t i = 0; i < PEAL_COUNTOF(expected); i++)
		free(expected[i]);
	end_models(db);
}

/* Some of them where each takes longer. */
static void each_fails(bool (*work)(struct peal_db *db, enum fault how, int nth))
{
	struct peal_db *db = begin_to_fail();
	struct test_random random = test_random_init(0);
	uint64_t stride = runs_on("sqlite-memory") ? 1 : 9;
	int nth;

	for (int how = REFUSED; how <= (runs_on("postgresql") ? CUT : TWICE); how++) {
		for (nth = 1; work(db, (enum fault)how, nth);)
			nth += 1 + (int)test_random_below(&random, stride);
		T_TRUE(nth > 100);
	}
	end_of_faults(db);
}

TEST_TIMEOUT(every_call_of_the_driver_fails, 300)
{
	each_fails(alone);
}

TEST_TIMEOUT(every_call_of_the_driver_fails_in_a_block, 300)
{
	each_fails(together);
}

/* So many others that none of ours stays prepared. */
static void forget_statements(void)
{
	char sql[40];

	/* On PostgreSQL that takes long. */
	for (int i = 0; i < PEAL__STATEMENTS_MAX && !runs_on("postgresql"); i++) {
		snprintf(sql, sizeof(sql), "SELECT %d", i);
		number_of(sql);
	}
}

/* All of the first, then fewer and fewer of the thousands. */
static void memory_ends(bool (*work)(struct peal_db *db, enum fault how, int nth), enum fault first)
{
	struct test_random random = test_random_init(0);
	struct peal_db *db = begin_to_fail();
	uint64_t few = !runs_on("sqlite-memory") ? 5 : first == OURS ? 150 : 50;
	int nth;

	for (int how = (int)first; how <= (int)first + 1; how++) {
		for (nth = 1; work(db, (enum fault)how, nth); forget_statements())
			nth += 1 + (int)test_random_below(&random, (uint64_t)nth / few + 1);
		T_TRUE(nth > 200);
	}
	end_of_faults(db);
}

static void memory_of_sqlite_ends(bool (*work)(struct peal_db *db, enum fault how, int nth))
{
	if (!runs_on("sqlite-memory"))
		return;
	watch_memory();
	memory_ends(work, NO_MEMORY);
}

TEST_TIMEOUT(memory_of_sqlite_ends, 300)
{
	memory_of_sqlite_ends(alone);
}

TEST_TIMEOUT(memory_of_sqlite_ends_in_a_block, 300)
{
	memory_of_sqlite_ends(together);
}

TEST_TIMEOUT(memory_of_the_library_ends, 300)
{
	memory_ends(alone, OURS);
}

TEST_TIMEOUT(memory_of_the_library_ends_in_a_block, 300)
{
	memory_ends(together, OURS);
}
