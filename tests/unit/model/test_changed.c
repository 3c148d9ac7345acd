/* SPDX-License-Identifier: MIT */
/* Changed fields: of instances, in post_save, and saving only these. */
#include "models.h"

#include <peal/bulk.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct pupil {
	struct peal_instance instance;
	int64_t id;
	const char *name;
	int32_t age;
	bool has_age;
	struct peal_bytes photo;
	int64_t mentor_id;
	struct person *mentor;
	int64_t updated_at;
};
PEAL_MODEL_DECLARE(pupil_model, struct pupil);

static const struct peal_field pupil_fields[] = {
	PEAL_ID(struct pupil, id),
	PEAL_CHAR(struct pupil, name, .max_length = 20, .unique = true),
	PEAL_INTEGER(struct pupil, age, .null = true, .has = PEAL_HAS(struct pupil, has_age)),
	PEAL_BLOB(struct pupil, photo, .null = true),
	PEAL_FOREIGN_KEY(struct pupil, mentor, person_model, PEAL_SET_NULL, .null = true),
	PEAL_DATETIME(struct pupil, updated_at, .auto_now = true),
};
PEAL_MODEL_DEFINE(pupil_model, struct pupil, .app = "lab", .name = "Pupil",
		  .fields = PEAL_FIELDS(pupil_fields), .track_changes = true);

/* A key of text with a default. */
struct pass {
	struct peal_instance instance;
	const char *code;
	const char *owner;
};
PEAL_MODEL_DECLARE(pass_model, struct pass);

static struct peal_value next_code(void)
{
	static int number;
	static char text[16];

	snprintf(text, sizeof(text), "P%d", ++number);
	return peal_value_text(text);
}

static const struct peal_field pass_fields[] = {
	PEAL_CHAR(struct pass, code, .max_length = 20, .primary_key = true,
		  .initial_fn = next_code),
	PEAL_CHAR(struct pass, owner, .max_length = 20),
};
PEAL_MODEL_DEFINE(pass_model, struct pass, .app = "lab", .name = "Pass",
		  .fields = PEAL_FIELDS(pass_fields), .track_changes = true);

static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	ADD_MODELS(&pupil_model, &pass_model);
	return db;
}

/* "name=Ana>Bea age=null>3", without the times. */
static const char *text_of(const struct peal_changes *changes)
{
	static char text[512];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < changes->count; i++) {
		const struct peal_change *change = &changes->items[i];
		char before[PEAL_VALUE_TEXT_MAX], after[PEAL_VALUE_TEXT_MAX];

		if (strcmp(change->name, "updated_at") == 0)
			continue;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s=%s%s>%s", at ? " " : "",
				       change->name, change->unknown ? "?" : "",
				       peal_value_format(change->before, before, sizeof(before)),
				       peal_value_format(change->after, after, sizeof(after)));
	}
	return text;
}

static const char *changes_of(struct peal_instance *instance)
{
	const struct peal_changes *changes = NULL;
	struct peal_error error = { 0 };

	if (peal_changes_get(instance, &changes, &error) != 0)
		T_FAIL("%s", error.message);
	T_TRUE(peal_is_changed(instance) == (changes->count > 0));
	return text_of(changes);
}

static void pupil_new(struct pupil *pupil, const char *name)
{
	struct peal_error error = { 0 };

	if (pupil_model_create(pupil, PEAL_WITH(PEAL_SET(pupil_model, name, name)), &error) != 0)
		T_FAIL("%s", error.message);
}

static char told[512];
static int times;

static int hear(struct peal_call *call, const struct peal_post_save_args *args)
{
	const struct peal_change *updated = PEAL_CHANGE(pupil_model, updated_at, args->changes);

	(void)call;
	times += updated != NULL;
	if (updated && !args->created && !updated->unknown)
		T_TRUE(updated->before.as.integer <= updated->after.as.integer);
	snprintf(told, sizeof(told), "%s", text_of(args->changes));
	return 0;
}

/* ---- Instances ------------------------------------------------------------------------------------------------------ */

TEST(a_new_instance_has_changed_in_every_field)
{
	struct peal_db *db = begin();
	struct pupil p;

	T_OK(pupil_model_init(&p, PEAL_WITH(PEAL_SET(pupil_model, name, "Ana")), NULL));
	T_STR(changes_of(&p.instance), "id=null>null name=null>\"Ana\" age=null>null "
				       "photo=null>null mentor_id=null>null");
	T_OK(peal_save(&p.instance, NULL));
	T_STR(changes_of(&p.instance), "");
	T_FALSE(peal_is_changed(&p.instance));
	peal_fini(&p.instance);
	T_FALSE(peal_is_changed(&p.instance));
	end_models(db);
}

TEST(members_are_compared_however_they_were_set)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	const struct peal_changes *changes;
	struct person mentor;
	struct pupil p;

	person_new(&mentor, "Mia");
	pupil_new(&p, "Ana");
	p.name = "Bea";
	p.age = 3;
	p.has_age = true;
	T_OK(peal_set_bytes(&p.instance, &p.photo, "\x01\x02", 2));
	T_OK(peal_field_set(&p.instance, "mentor", PEAL_VALUE(&mentor.instance), &error));
	T_STR(changes_of(&p.instance), "name=\"Ana\">\"Bea\" age=null>3 photo=null>x'0102' "
				       "mentor_id=null>1");
	T_OK(peal_changes_get(&p.instance, &changes, &error));
	T_PTR(PEAL_CHANGE(pupil_model, mentor, changes), &changes->items[3]);
	T_PTR(PEAL_CHANGE(pupil_model, mentor_id, changes), &changes->items[3]);
	T_PTR(peal_change_of(changes, "name"), &changes->items[0]);
	T_PTR(peal_change_of(changes, "name")->field, &pupil_fields[1]);
	T_PTR(PEAL_CHANGE(pupil_model, id, changes), NULL);
	T_PTR(peal_change_of(changes, "nam"), NULL);
	T_PTR(peal_change_of(NULL, "name"), NULL);
	/* Back as it was. */
	T_OK(peal_set_text(&p.instance, &p.name, "Ana"));
	p.has_age = false;
	p.photo = (struct peal_bytes){ 0 };
	p.mentor_id = 0;
	T_STR(changes_of(&p.instance), "");
	peal_fini(&p.instance);
	peal_fini(&mentor.instance);
	end_models(db);
}

TEST(loaded_rows_know_what_they_were)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&pupil_model);
	struct peal_stream *stream;
	struct peal_instance *instance;
	struct peal_rows *rows;
	struct pupil p;

	pupil_new(&p, "Ana");
	peal_fini(&p.instance);
	T_OK(pupil_model_get(&p, PEAL_WITH(PEAL_IS(pupil_model, name, "Ana")), NULL));
	T_STR(changes_of(&p.instance), "");
	/* The old value stays when the text that was loaded is overwritten in place. */
	memcpy((char *)(uintptr_t)p.name, "Bea", 3);
	T_STR(changes_of(&p.instance), "name=\"Ana\">\"Bea\"");
	exec("UPDATE lab_pupil SET name = 'Eva'");
	T_OK(peal_refresh(&p.instance, NULL));
	T_STR(changes_of(&p.instance), "");
	p.name = "Ida";
	T_STR(changes_of(&p.instance), "name=\"Eva\">\"Ida\"");
	peal_fini(&p.instance);
	T_OK(peal_query_all(query, &rows, NULL));
	T_FALSE(peal_is_changed(peal_rows_at(rows, 0)));
	pupil_model_from(peal_rows_at(rows, 0))->name = "Ida";
	T_STR(changes_of(peal_rows_at(rows, 0)), "name=\"Eva\">\"Ida\"");
	peal_rows_free(rows);
	T_OK(peal_query_stream(query, &stream, NULL));
	T_OK(peal_stream_next(stream, &instance, NULL));
	pupil_model_from(instance)->name = "Ida";
	T_STR(changes_of(instance), "name=\"Eva\">\"Ida\"");
	peal_stream_free(stream);
	peal_query_free(query);
	end_models(db);
}

TEST(deferred_fields_are_unknown)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&pupil_model);
	struct peal_error error = { 0 };
	struct pupil p;

	pupil_new(&p, "Ana");
	peal_fini(&p.instance);
	T_OK(PEAL_CONNECT(peal_post_save, hear, .sender = &pupil_model));
	peal_query_only(query, "name");
	T_OK(peal_query_get(query, &p.instance, &error));
	T_STR(changes_of(&p.instance), "");
	T_OK(peal_field_set(&p.instance, "age", PEAL_INT(4), &error));
	T_STR(changes_of(&p.instance), "age=?null>4");
	T_OK(peal_save(&p.instance, &error));
	T_STR(told, "age=?null>4");
	T_STR(changes_of(&p.instance), "");
	p.age = 5;
	T_STR(changes_of(&p.instance), "age=4>5");
	peal_fini(&p.instance);
	T_OK(peal_query_get(query, &p.instance, &error));
	p.age = 6;
	p.has_age = true;
	T_OK(PEAL_SAVE(&p.instance, &error, .changed_only = true));
	T_STR(told, "age=?null>6");
	T_OK(PEAL_DISCONNECT(peal_post_save, hear, .sender = &pupil_model));
	peal_fini(&p.instance);
	peal_query_free(query);
	end_models(db);
}

TEST(models_that_do_not_track_say_so)
{
	struct peal_db *db = begin();
	const struct peal_changes *changes;
	struct peal_error error = { 0 };
	struct person p;

	person_new(&p, "Ana");
	T_TRUE(peal_is_changed(&p.instance));
	T_PTR(p.instance.internal, NULL);
	T_CODE(peal_changes_get(&p.instance, &changes, &error), PEAL_EINVAL);
	T_STR(error.message, "lab.Person does not keep track of changes: set .track_changes of "
			     "the model");
	T_CODE(PEAL_SAVE(&p.instance, &error, .changed_only = true), PEAL_EINVAL);
	T_STR(error.message, "lab.Person: changed_only needs .track_changes of the model");
	peal_fini(&p.instance);
	T_CODE(peal_changes_get(&p.instance, &changes, &error), PEAL_EINVAL);
	end_models(db);
}

/* ---- Saves ---------------------------------------------------------------------------------------------------------- */

TEST(post_save_tells_what_the_save_has_changed)
{
	struct peal_db *db = begin();
	struct pupil p;
	struct pass pass;

	told[0] = '\0';
	times = 0;
	T_OK(PEAL_CONNECT(peal_post_save, hear));
	pupil_new(&p, "Ana");
	T_STR(told, "id=null>1 name=null>\"Ana\" age=null>null photo=null>null "
		    "mentor_id=null>null");
	T_INT(times, 1);
	T_OK(peal_set_text(&p.instance, &p.name, "Bea"));
	T_OK(peal_save(&p.instance, NULL));
	T_STR(told, "name=\"Ana\">\"Bea\"");
	T_OK(peal_save(&p.instance, NULL));
	T_STR(told, "");
	T_OK(pass_model_create(&pass, PEAL_WITH(PEAL_SET(pass_model, owner, "Ana")), NULL));
	T_STR(told, "code=null>\"P1\" owner=null>\"Ana\"");
	T_FALSE(peal_is_changed(&pass.instance));
	T_OK(PEAL_DISCONNECT(peal_post_save, hear));
	peal_fini(&pass.instance);
	peal_fini(&p.instance);
	end_models(db);
}

TEST(a_row_that_was_never_loaded)
{
	struct peal_db *db = begin();
	struct pupil p;

	exec("INSERT INTO lab_pupil (id, name, updated_at) VALUES (7, 'Old', '2026-01-01 00:00:00')");
	T_OK(PEAL_CONNECT(peal_post_save, hear, .sender = &pupil_model));
	T_OK(pupil_model_init(&p, PEAL_WITH(PEAL_SET(pupil_model, name, "New")), NULL));
	p.id = 7;
	T_OK(peal_save(&p.instance, NULL));
	T_STR(told, "name=?null>\"New\" age=?null>null photo=?null>null mentor_id=?null>null");
	T_STR(changes_of(&p.instance), "");
	T_OK(PEAL_DISCONNECT(peal_post_save, hear, .sender = &pupil_model));
	peal_fini(&p.instance);
	end_models(db);
}

TEST(of_update_fields_only_what_is_written_counts)
{
	struct peal_db *db = begin();
	struct pupil p;

	T_OK(PEAL_CONNECT(peal_post_save, hear, .sender = &pupil_model));
	pupil_new(&p, "Ana");
	p.name = "Bea";
	p.age = 3;
	p.has_age = true;
	T_OK(PEAL_SAVE(&p.instance, NULL, .update_fields = PEAL_NAMES("name", "mentor")));
	T_STR(told, "name=\"Ana\">\"Bea\"");
	T_STR(changes_of(&p.instance), "age=null>3");
	T_OK(peal_save(&p.instance, NULL));
	T_STR(told, "age=null>3");
	T_STR(changes_of(&p.instance), "");
	T_OK(PEAL_DISCONNECT(peal_post_save, hear, .sender = &pupil_model));
	peal_fini(&p.instance);
	end_models(db);
}

static int look_before(struct peal_call *call, const struct peal_pre_save_args *args)
{
	const struct peal_changes *changes;
	int r = peal_changes_get(args->instance, &changes, call->error);

	if (r == 0)
		snprintf(told, sizeof(told), "%s", text_of(changes));
	return r;
}

TEST(pre_save_may_ask)
{
	struct peal_db *db = begin();
	struct pupil p;

	pupil_new(&p, "Ana");
	T_OK(PEAL_CONNECT(peal_pre_save, look_before, .sender = &pupil_model));
	p.name = "Bea";
	T_OK(peal_save(&p.instance, NULL));
	T_STR(told, "name=\"Ana\">\"Bea\"");
	T_OK(PEAL_DISCONNECT(peal_pre_save, look_before, .sender = &pupil_model));
	peal_fini(&p.instance);
	end_models(db);
}

static int refuse(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)args;
	return peal_error_set(call->error, PEAL_ERECEIVER, "no");
}

TEST(errors_and_rollbacks)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct pupil p, q;
	int r;

	pupil_new(&p, "Ana");
	pupil_new(&q, "Bea");
	/* It was not written. */
	q.name = "Ana";
	T_CODE(peal_save(&q.instance, &error), PEAL_EINTEGRITY);
	T_STR(changes_of(&q.instance), "name=\"Bea\">\"Ana\"");
	/* It was written, and only then refused. */
	T_OK(PEAL_CONNECT(peal_post_save, refuse, .sender = &pupil_model));
	q.name = "Eva";
	T_CODE(peal_save(&q.instance, &error), PEAL_ERECEIVER);
	T_STR(changes_of(&q.instance), "");
	T_OK(PEAL_DISCONNECT(peal_post_save, refuse, .sender = &pupil_model));
	/* As Django's instances do, it remembers the save, not the rollback. */
	PEAL_ATOMIC(r, &error) {
		q.name = "Ida";
		r = peal_save(&q.instance, &error);
		break;
	}
	T_CODE(r, PEAL_ECANCELED);
	T_STR(changes_of(&q.instance), "");
	T_OK(peal_refresh(&q.instance, &error));
	T_STR(q.name, "Eva");
	peal_fini(&p.instance);
	peal_fini(&q.instance);
	end_models(db);
}

TEST(a_deleted_row_is_new_again)
{
	struct peal_db *db = begin();
	struct pupil p;

	pupil_new(&p, "Ana");
	T_OK(peal_delete(&p.instance, NULL, NULL));
	T_STR(changes_of(&p.instance), "id=null>null name=null>\"Ana\" age=null>null "
				       "photo=null>null mentor_id=null>null");
	T_OK(PEAL_CONNECT(peal_post_save, hear, .sender = &pupil_model));
	T_OK(PEAL_SAVE(&p.instance, NULL, .changed_only = true));
	T_HAS(told, "name=null>\"Ana\"");
	T_OK(PEAL_DISCONNECT(peal_post_save, hear, .sender = &pupil_model));
	peal_fini(&p.instance);
	end_models(db);
}

/* The list and its texts stay good for all receivers, whatever one of them does to the instance. */
static int depth;

static int save_again(struct peal_call *call, const struct peal_post_save_args *args)
{
	struct pupil *pupil = PEAL_INSTANCE(pupil_model, args->instance);
	int r;

	if (depth++)
		return 0;
	r = peal_set_text(&pupil->instance, &pupil->name, "Ida");
	if (r == 0)
		r = peal_save(&pupil->instance, call->error);
	if (r == 0)
		r = peal_refresh(&pupil->instance, call->error);
	return r;
}

TEST(receivers_may_save_it_again)
{
	struct peal_db *db = begin();
	struct pupil p;

	pupil_new(&p, "Ana");
	T_OK(peal_set_text(&p.instance, &p.name, "Bea"));
	depth = 0;
	T_OK(PEAL_CONNECT(peal_post_save, save_again, .sender = &pupil_model));
	T_OK(PEAL_CONNECT(peal_post_save, hear, .sender = &pupil_model));
	T_OK(peal_save(&p.instance, NULL));
	T_STR(told, "name=\"Ana\">\"Bea\"");
	T_STR(p.name, "Ida");
	T_STR(changes_of(&p.instance), "");
	T_OK(PEAL_DISCONNECT(peal_post_save, save_again, .sender = &pupil_model));
	T_OK(PEAL_DISCONNECT(peal_post_save, hear, .sender = &pupil_model));
	peal_fini(&p.instance);
	end_models(db);
}

/* ---- Only what has changed ------------------------------------------------------------------------------------------- */

static char fields_told[128];
static int saves;

static int hear_fields(struct peal_call *call, const struct peal_pre_save_args *args)
{
	(void)call;
	saves++;
	fields_told[0] = '\0';
	for (size_t i = 0; args->update_fields && i < args->update_fields->count; i++)
		snprintf(fields_told + strlen(fields_told),
			 sizeof(fields_told) - strlen(fields_told), "%s ",
			 args->update_fields->items[i]);
	return 0;
}

TEST(changed_only)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct pupil p;

	saves = 0;
	T_OK(PEAL_CONNECT(peal_pre_save, hear_fields, .sender = &pupil_model));
	T_OK(pupil_model_init(&p, PEAL_WITH(PEAL_SET(pupil_model, name, "Ana")), NULL));
	T_OK(PEAL_SAVE(&p.instance, &error, .changed_only = true));
	T_STR(fields_told, "");
	T_INT(saves, 1);
	T_OK(PEAL_SAVE(&p.instance, &error, .changed_only = true));
	T_INT(saves, 1); /* nothing to do */
	exec("UPDATE lab_pupil SET age = 9");
	p.name = "Bea";
	T_OK(PEAL_SAVE(&p.instance, &error, .changed_only = true));
	T_STR(fields_told, "name updated_at ");
	T_INT(COUNT("lab_pupil WHERE name = 'Bea' AND age = 9"), 1);
	T_STR(changes_of(&p.instance), "");
	/* Under another key it is another row, which gets all. */
	p.id = 5;
	p.name = "Eva";
	T_OK(PEAL_SAVE(&p.instance, &error, .changed_only = true));
	T_STR(fields_told, "");
	T_INT(COUNT("lab_pupil WHERE id = 5 AND name = 'Eva' AND age IS NULL"), 1);
	T_INT(COUNT("lab_pupil"), 2);
	T_CODE(PEAL_SAVE(&p.instance, &error, .changed_only = true,
			 .update_fields = PEAL_NAMES("name")),
	       PEAL_EINVAL);
	T_HAS(error.message, "changed_only cannot go with");
	T_CODE(PEAL_SAVE(&p.instance, &error, .changed_only = true, .force_insert = true),
	       PEAL_EINVAL);
	T_OK(PEAL_DISCONNECT(peal_pre_save, hear_fields, .sender = &pupil_model));
	peal_fini(&p.instance);
	end_models(db);
}

/* ---- Many ------------------------------------------------------------------------------------------------------------ */

TEST(bulk_operations_leave_clean_what_they_write)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct pupil p[2];
	struct peal_instance *rows[] = { &p[0].instance, &p[1].instance };
	int64_t count, second;

	T_OK(pupil_model_init(&p[0], PEAL_WITH(PEAL_SET(pupil_model, name, "Ana")), NULL));
	T_OK(pupil_model_init(&p[1], PEAL_WITH(PEAL_SET(pupil_model, name, "Ana")), NULL));
	T_CODE(peal_bulk_create(&pupil_model, rows, 2, NULL, &error), PEAL_EINTEGRITY);
	T_TRUE(peal_is_changed(rows[0]));
	p[0].id = p[1].id = 0;
	p[1].name = "Bea";
	T_OK(peal_bulk_create(&pupil_model, rows, 2, NULL, &error));
	T_STR(changes_of(rows[0]), "");
	T_STR(changes_of(rows[1]), "");
	p[0].name = "Eva";
	p[1].name = "Ida";
	p[0].age = p[1].age = 6;
	p[0].has_age = p[1].has_age = true;
	T_OK(peal_bulk_update(&pupil_model, rows, 2, PEAL_NAMES_OF("name"), NULL, &count, &error));
	T_INT(count, 2);
	T_STR(changes_of(rows[0]), "age=null>6");
	T_STR(changes_of(rows[1]), "age=null>6");
	/* Of one that is given twice the first is written. */
	second = p[1].id;
	p[1].id = p[0].id;
	p[1].has_age = false;
	T_OK(peal_bulk_update(&pupil_model, rows, 2, PEAL_NAMES_OF("age"), NULL, &count, &error));
	T_STR(changes_of(rows[0]), "");
	snprintf(told, sizeof(told), "id=%" PRId64 ">%" PRId64, second, p[0].id);
	T_STR(changes_of(rows[1]), told);
	peal_fini(rows[0]);
	peal_fini(rows[1]);
	end_models(db);
}

/* ---- Memory ---------------------------------------------------------------------------------------------------------- */

static int live(struct peal_error *error)
{
	struct pupil p = { 0 }, q = { 0 };
	struct peal_instance *rows[] = { &p.instance };
	const struct peal_changes *changes;
	struct peal_rows *loaded = NULL;
	struct peal_query *query = peal_query_new(&pupil_model);
	int r = pupil_model_create(&p, PEAL_WITH(PEAL_SET(pupil_model, name, "Ana")), error);

	p.name = "Bea";
	if (r == 0)
		r = peal_changes_get(&p.instance, &changes, error);
	if (r == 0)
		r = PEAL_SAVE(&p.instance, error, .changed_only = true);
	if (r < 0 && p.instance.model)
		T_TRUE(peal_is_changed(&p.instance));
	if (r == 0)
		r = pupil_model_get(&q, PEAL_WITH(PEAL_IS(pupil_model, id, p.id)), error);
	if (r == 0)
		r = peal_refresh(&q.instance, error);
	if (r == 0)
		r = peal_query_all(query, &loaded, error);
	peal_rows_free(loaded);
	p.name = "Eva";
	if (r == 0)
		r = peal_bulk_update(&pupil_model, rows, 1, PEAL_NAMES_OF("name"), NULL, NULL,
				     error);
	p.id = 0;
	p.name = "Ida";
	if (r == 0)
		r = peal_bulk_create(&pupil_model, rows, 1, NULL, error);
	if (r == 0)
		T_FALSE(peal_is_changed(&p.instance));
	peal_query_free(query);
	peal_fini(&p.instance);
	peal_fini(&q.instance);
	return r;
}

TEST_TIMEOUT(every_allocation_may_fail, 300)
{
	const char *url = database_url();

	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		int r = peal_db_open(url, &db, &error);

		if (r == 0)
			r = PEAL_MODELS_REGISTER(&error, &person_model, &pupil_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		if (r == 0)
			r = PEAL_CONNECT(peal_post_save, hear, .sender = &pupil_model);
		if (r == 0)
			r = peal_db_exec(NULL, "DELETE FROM lab_pupil", NULL, NULL, &error);
		if (r == 0)
			r = live(&error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		peal_models_forget(); /* the receiver, too */
		peal_db_close(db);
	}
}

/* What is decided when the row is written is written by update_or_create too. */
TEST(update_or_create_writes_automatic_fields)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct pupil p;
	bool created;

	T_OK(pupil_model_create(&p, PEAL_WITH(PEAL_SET(pupil_model, name, "Ana")), &error));
	peal_fini(&p.instance);
	exec("UPDATE lab_pupil SET updated_at = '1999-01-01 00:00:00+00'");
	T_OK(pupil_model_get_or_create(&p, PEAL_WITH(PEAL_IS(pupil_model, name, "Ana")), NULL,
				       &created, &error));
	T_FALSE(created);
	peal_fini(&p.instance);
	T_OK(pupil_model_update_or_create(&p, PEAL_WITH(PEAL_IS(pupil_model, name, "Ana")),
					  PEAL_WITH(PEAL_SET(pupil_model, age, 3)), &created,
					  &error));
	T_FALSE(created);
	T_OK(peal_refresh(&p.instance, &error));
	T_INT(p.age, 3);
	T_TRUE(p.updated_at > INT64_C(1500000000) * 1000000);
	peal_fini(&p.instance);
	/* They are all that is written when there is nothing else to set. */
	exec("UPDATE lab_pupil SET updated_at = '1999-01-01 00:00:00+00'");
	T_OK(peal_update_or_create(&pupil_model, &p.instance, NULL,
				   PEAL_WITH(PEAL_IS(pupil_model, name, "Ana")), NULL, &created,
				   &error));
	T_TRUE(p.updated_at > INT64_C(1500000000) * 1000000);
	peal_fini(&p.instance);
	end_models(db);
}

/* Fields that are read again have not changed; what was set in the others still has. */
TEST(refresh_of_some_fields)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&pass_model);
	const struct peal_changes *changes;
	struct peal_error error = { 0 };
	struct pass pass;

	T_OK(pass_model_create(
		&pass,
		PEAL_WITH(PEAL_SET(pass_model, code, "c"), PEAL_SET(pass_model, owner, "ana")),
		&error));
	peal_fini(&pass.instance);
	peal_query_only(query, "code");
	T_OK(peal_query_get(query, &pass.instance, &error));
	exec("UPDATE lab_pass SET owner = 'bo'");
	T_OK(PEAL_REFRESH(&pass.instance, &error, "owner"));
	T_STR(pass.owner, "bo");
	T_FALSE(peal_is_changed(&pass.instance));
	T_OK(peal_set_text(&pass.instance, &pass.owner, "cy"));
	T_OK(peal_changes_get(&pass.instance, &changes, &error));
	T_STR(peal_change_of(changes, "owner")->before.as.text.data, "bo");
	T_OK(PEAL_REFRESH(&pass.instance, &error, "code"));
	T_TRUE(peal_is_changed(&pass.instance));
	peal_fini(&pass.instance);
	peal_query_free(query);
	end_models(db);
}
