/* SPDX-License-Identifier: MIT */
/* Fixtures: what is dumped loads again; raw saving; a bad one leaves nothing and says where it is bad. */
#include "models.h"

#include <peal/fixture.h>
#include <peal/m2m.h>

#include "connection.h"

#include <stdio.h>
#include <string.h>

struct note {
	struct peal_instance instance;
	int64_t id;
	const char *text;
	struct peal_bytes data;
	double real;
	int64_t at;
	const char *payload;
	int64_t person_id;
	struct person *person;
};
PEAL_MODEL_DECLARE(note_model, struct note);

static const struct peal_field note_fields[] = {
	PEAL_ID(struct note, id),
	PEAL_LONG_TEXT(struct note, text, .null = true),
	PEAL_BLOB(struct note, data, .null = true),
	PEAL_FLOAT(struct note, real),
	PEAL_DATETIME(struct note, at, .null = true),
	PEAL_JSON(struct note, payload, .null = true),
	PEAL_FOREIGN_KEY(struct note, person, person_model, PEAL_CASCADE, .null = true),
	PEAL_MANY_TO_MANY(struct note, readers, person_model, .related_name = "notes"),
};
PEAL_MODEL_DEFINE(note_model, struct note, .app = "lab", .name = "Note",
		  .fields = PEAL_FIELDS(note_fields));

static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	T_OK(PEAL_MODELS_REGISTER(NULL, &note_model));
	T_OK(peal_models_create_tables(NULL, NULL));
	return db;
}

static int load(const char *json, int64_t *ret_count, struct peal_error *error)
{
	return peal_fixture_load_text(json, strlen(json), NULL, ret_count, error);
}

static char *dump(void)
{
	static const struct peal_model *const models[] = { &person_model, &note_model };
	static char text[4096];
	struct peal_error error = { 0 };
	FILE *file = tmpfile();
	int64_t count;

	if (peal_fixture_dump(file, models, 2, NULL, &count, &error) != 0)
		T_FAIL("%s", error.message);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static const char notes[] =
	"[\n"
	"{\"model\": \"lab.person\", \"pk\": 7, \"fields\": {\"name\": \"Ana\", \"age\": 3, "
	"\"bio\": null}},\n"
	"{\"model\": \"lab.person\", \"pk\": 9, \"fields\": {\"name\": \"Bo\", \"age\": -1, "
	"\"bio\": \"\\\"\\\\\\n\\u0001\xc3\xa9\"}},\n"
	"{\"model\": \"lab.note\", \"pk\": 1, \"fields\": {\"text\": null, \"data\": null, "
	"\"real\": 0.0, \"at\": null, \"payload\": null, \"person\": null, \"readers\": []}},\n"
	"{\"model\": \"lab.note\", \"pk\": 2, \"fields\": {\"text\": \"\", \"data\": \"AP9h\", "
	"\"real\": 0.1, \"at\": \"2026-11-21T04:42:00.000001Z\", "
	"\"payload\": {\"a\": [1, 2.5, null, 0.1, -1.75, true, \"x\"]}, \"person\": 7, \"readers\": [7, 9]}},\n"
	"{\"model\": \"lab.note\", \"pk\": 3, \"fields\": {\"text\": \"x\", \"data\": \"AP8=\", "
	"\"real\": 1e+300, \"at\": null, \"payload\": 5, \"person\": 9, \"readers\": [9]}}\n"
	"]\n";

TEST(what_is_dumped_loads_again)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person p;
	int64_t count;

	if (load(notes, &count, &error) != 0)
		T_FAIL("%s", error.message);
	T_INT(count, 5);
	T_HAS(dump(), "AP9h");
	T_OK(load(notes, NULL, &error)); /* the same rows again */
	exec("DELETE FROM lab_note_readers");
	exec("DELETE FROM lab_note");
	T_OK(load(notes, NULL, &error));
	T_INT(number_of("SELECT count(*) FROM lab_note_readers"), 3);
	T_STR(dump(), notes);
	/* The counter of keys is behind those that were given. */
	person_new(&p, "Cy");
	T_INT(p.id, 10);
	peal_fini(&p.instance);
	end_models(db);
}

static ssize_t write_and_change(void *text, const char *data, size_t size)
{
	struct peal_error error = { 0 };

	strncat(text, data, size);
	for (int i = 0; i < 2 && strstr(text, "lab.person"); i++)
		if (peal_db_exec("other",
				 i ? "INSERT INTO lab_note (id, \"real\", person_id)"
				     " VALUES (99, 1, 99) ON CONFLICT DO NOTHING"
				   : "INSERT INTO lab_person (id, name, age) VALUES (99, 'late', 1)"
				     " ON CONFLICT DO NOTHING",
				 NULL, NULL, &error) != 0)
			T_FAIL("%s", error.message);
	return (ssize_t)size;
}

/* What others write meanwhile is in no part of it. (On SQLite nobody can.) */
TEST(a_dump_is_of_one_moment)
{
	struct peal_db *db = begin(), *other;
	static char text[4000];
	FILE *file = fopencookie(text, "w", (cookie_io_functions_t){ .write = write_and_change });
	struct peal_error error = { 0 };
	char url[700];

	T_OK(load(notes, NULL, &error));
	setvbuf(file, NULL, _IONBF, 0);
	snprintf(url, sizeof(url), "%s:%s", peal_db_vendor(db), db->url);
	T_OK(peal_db_open_with(url, &(struct peal_db_options){ .alias = "other" }, &other, &error));
	if (runs_on("postgresql")) {
		if (peal_fixture_dump(file, NULL, 0, NULL, NULL, &error) != 0)
			T_FAIL("%s", error.message);
		T_STR(text, notes);
		T_INT(number_of("SELECT count(*) FROM lab_note WHERE id = 99"), 1);
	}
	fclose(file);
	peal_db_close(other);
	end_models(db);
}

static int raw_count;

static int count_raw(struct peal_call *call, const struct peal_pre_save_args *args)
{
	(void)call;
	raw_count += args->raw;
	return 0;
}

TEST(objects_are_saved_raw_and_in_any_order)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int64_t count = 0;

	raw_count = 0;
	T_OK(PEAL_CONNECT(peal_pre_save, count_raw));
	T_OK(load(" [ {\"model\":\"lab.Note\",\"pk\":4,\"fields\":{\"person_id\":5}} , "
		  "{\"model\":\"lab.person\",\"pk\":5,\"fields\":{}},"
		  "{\"model\":\"lab.person\",\"fields\":{\"name\":\"new\"}}]",
		  &count, &error));
	T_INT(count, 3);
	T_INT(raw_count, 3);
	T_INT(number_of("SELECT age FROM lab_person WHERE id = 5"), 7);
	T_OK(load("[]", &count, &error));
	T_INT(count, 0);
	T_OK(PEAL_DISCONNECT(peal_pre_save, count_raw));
	end_models(db);
}

static char told[256];

static int tell_save(struct peal_call *call, const struct peal_post_save_args *args)
{
	strcat(told, args->created ? " S+" : " S");
	strcat(told, call->sender == &person_model ? "p" : "n");
	return 0;
}

static int tell_relation(struct peal_call *call, const struct peal_m2m_changed_args *args)
{
	size_t at = strlen(told);

	(void)call;
	snprintf(told + at, sizeof(told) - at, " %s%zu", peal_m2m_action_name(args->action),
		 args->pk_count);
	return 0;
}

/* The relations of an object are set right behind its save, and tell what changes in them. */
TEST(relations_are_set_with_signals)
{
	static const char json[] =
		"[{\"model\":\"lab.note\",\"pk\":1,\"fields\":{\"person\":5,\"readers\":[5,6]}},"
		"{\"model\":\"lab.person\",\"pk\":5,\"fields\":{}},"
		"{\"model\":\"lab.person\",\"pk\":6,\"fields\":{}}]";
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int64_t count;

	T_OK(PEAL_CONNECT(peal_post_save, tell_save));
	T_OK(PEAL_CONNECT(peal_m2m_changed, tell_relation));
	told[0] = '\0';
	T_OK(load(json, &count, &error));
	T_STR(told, " S+n pre_add2 post_add2 S+p S+p");
	told[0] = '\0';
	T_OK(load(json, &count, &error));
	T_STR(told, " Sn Sp Sp");
	T_OK(PEAL_DISCONNECT(peal_post_save, tell_save));
	T_OK(PEAL_DISCONNECT(peal_m2m_changed, tell_relation));
	end_models(db);
}

#define GOOD "[{\"model\": \"lab.person\", \"fields\": {\"name\": \"x\"}}"
#define PERSON(fields_) GOOD ",\n{\"model\": \"lab.person\", \"fields\": {" fields_ "}}]"
#define NOTE(fields_) GOOD ",\n{\"model\": \"lab.note\", \"fields\": {" fields_ "}}]"

TEST(what_is_bad_is_named_and_undone)
{
	static const struct {
		const char *json, *message;
	} bad[] = {
		{ "", "fixture:1: a fixture is a list" },
		{ "{}", "is a list" },
		{ GOOD, ", or ] is missing" },
		{ GOOD "] x", "behind the list" },
		{ GOOD ",]", "record 2" },
		{ GOOD ",\n\n 5 }", "fixture:3: record 2" },
		{ GOOD ",\n{\"a\": \n\n \"b}", "fixture:4: record 2" },
		{ GOOD ",{}]", "\"model\"" },
		{ GOOD ",{\"model\": \"lab.none\", \"fields\": {}}]", "no model \"lab.none\"" },
		{ PERSON("\"nome\": 1"), "fixture:2: record 2: lab.Person has no field \"nome\"" },
		{ PERSON("\"name\": 1"), "lab.Person.name" },
		{ PERSON("\"age\": 5000000000"), "lab.Person.age" },
		{ PERSON("\"age\": 99999999999999999999"), "record 2" },
		{ PERSON("\"age\": 1, \"age\": 2"), "duplicate" },
		{ PERSON("\"name\": [1]"), "list or an object" },
		{ PERSON("\"name\": \"a\\u0000b\""), "record 2" },
		{ NOTE("\"data\": \"A\""), "base64" },
		{ NOTE("\"data\": \"A*==\""), "base64" },
		{ NOTE("\"at\": \"yesterday\""), "date-time" },
		{ NOTE("\"readers\": 4"), "list of keys" },
		{ NOTE("\"readers\": [null]"), "record 2" },
		{ NOTE("\"person\": 99"), "" },
		{ NOTE("\"readers\": [99]"), "" },
	};
	struct peal_db *db = begin();

	for (size_t i = 0; i < PEAL_COUNTOF(bad); i++) {
		struct peal_error error = { 0 };
		int r;

		if (load(bad[i].json, NULL, &error) == 0)
			T_FAIL("%s was loaded", bad[i].json);
		T_HAS(error.message, bad[i].message);
		/* Inside a block too, which stays whole. */
		PEAL_ATOMIC(r, &error) {
			T_TRUE(load(bad[i].json, NULL, NULL) < 0);
			T_INT(number_of("SELECT count(*) FROM lab_person"), 0);
		}
		T_OK(r);
		T_INT(number_of("SELECT count(*) FROM lab_person"), 0);
	}
	end_models(db);
}

static int64_t steps[8];
static size_t step_count;

static int step(void *user, const struct peal_fixture_progress *progress, struct peal_error *error)
{
	T_TRUE(progress->bytes <= progress->total_bytes);
	steps[step_count++] = progress->objects;
	return user && progress->objects >= 4 ? peal_error_set(error, PEAL_ECANCELED, "enough") : 0;
}

TEST(files_and_their_progress)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_fixture_options options = { .progress = step, .progress_every = 2 };
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/notes.json", test_tmpdir());
	T_CODE(peal_fixture_load(path, NULL, NULL, &error), PEAL_ESYS);
	T_HAS(error.message, "notes.json");
	file = fopen(path, "w");
	fputs(notes, file);
	fclose(file);
	options.user = path;
	T_CODE(peal_fixture_load(path, &options, NULL, &error), PEAL_ECANCELED);
	T_INT(number_of("SELECT count(*) FROM lab_note"), 0);
	T_UINT(step_count, 2);
	options.user = NULL;
	step_count = 0;
	T_OK(peal_fixture_load(path, &options, NULL, &error));
	T_UINT(step_count, 3);
	T_INT(steps[2], 5);
	file = fopen(path, "w");
	fputs("\n?", file);
	fclose(file);
	T_CODE(peal_fixture_load(path, NULL, NULL, &error), PEAL_EINVAL);
	T_HAS(error.message, "notes.json:2:");
	end_models(db);
}

static int work(struct peal_error *error)
{
	FILE *file = tmpfile();
	int r = load(notes, NULL, error);

	if (r == 0)
		r = peal_fixture_dump(file, NULL, 0, NULL, NULL, error);
	fclose(file);
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
			r = PEAL_MODELS_REGISTER(&error, &person_model, &note_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		if (r == 0)
			r = work(&error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		peal_models_forget();
		peal_db_close(db);
	}
}
