/* SPDX-License-Identifier: MIT */
#include "models.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct peal_field person_fields[] = {
	PEAL_ID(struct person, id),
	PEAL_CHAR(struct person, name, .max_length = 50),
	PEAL_INTEGER(struct person, age, .initial = PEAL_INITIAL_INT(7)),
	PEAL_LONG_TEXT(struct person, bio, .null = true),
};
PEAL_MODEL_DEFINE(person_model, struct person, .app = "lab", .name = "Person",
		  .fields = PEAL_FIELDS(person_fields));

static const struct peal_field profile_fields[] = {
	PEAL_ID(struct profile, id),
	PEAL_ONE_TO_ONE(struct profile, person, person_model, PEAL_CASCADE,
			.related_name = "profile"),
	PEAL_LONG_TEXT(struct profile, bio),
};
PEAL_MODEL_DEFINE(profile_model, struct profile, .app = "lab", .name = "Profile",
		  .fields = PEAL_FIELDS(profile_fields));

static const struct peal_field article_fields[] = {
	PEAL_ID(struct article, id),
	PEAL_CHAR(struct article, title, .max_length = 100, .unique = true),
	PEAL_SLUG(struct article, slug),
	PEAL_INTEGER(struct article, word_count),
	PEAL_DATETIME(struct article, updated_at, .null = true),
	PEAL_FOREIGN_KEY(struct article, author, person_model, PEAL_SET_NULL, .null = true),
};
PEAL_MODEL_DEFINE(article_model, struct article, .app = "lab", .name = "Article",
		  .fields = PEAL_FIELDS(article_fields));

static const struct peal_field comment_fields[] = {
	PEAL_ID(struct comment, id),
	PEAL_FOREIGN_KEY(struct comment, article, article_model, PEAL_CASCADE),
	PEAL_FOREIGN_KEY(struct comment, parent, comment_model, PEAL_CASCADE, .null = true),
	PEAL_LONG_TEXT(struct comment, text),
};
PEAL_MODEL_DEFINE(comment_model, struct comment, .app = "lab", .name = "Comment",
		  .fields = PEAL_FIELDS(comment_fields));

static const struct peal_field holder_fields[] = {
	PEAL_ID(struct holder, id),
	PEAL_FOREIGN_KEY(struct holder, protect, person_model, PEAL_PROTECT, .null = true),
	PEAL_FOREIGN_KEY(struct holder, initial, person_model, PEAL_SET_DEFAULT, .null = true,
			 .initial = PEAL_INITIAL_INT(1)),
	PEAL_FOREIGN_KEY(struct holder, value, person_model, PEAL_SET_VALUE, .null = true,
			 .set_value = PEAL_INITIAL_INT(1)),
	PEAL_FOREIGN_KEY(struct holder, nothing, person_model, PEAL_DO_NOTHING, .null = true,
			 .no_constraint = true),
};
PEAL_MODEL_DEFINE(holder_model, struct holder, .app = "lab", .name = "Holder",
		  .fields = PEAL_FIELDS(holder_fields));

static const struct peal_field ticket_fields[] = {
	PEAL_CHAR(struct ticket, code, .max_length = 20, .primary_key = true),
	PEAL_CHAR(struct ticket, label, .max_length = 30),
};
PEAL_MODEL_DEFINE(ticket_model, struct ticket, .app = "lab", .name = "Ticket",
		  .fields = PEAL_FIELDS(ticket_fields));

static struct peal_value next_token(void)
{
	static char text[32];
	static int number;

	snprintf(text, sizeof(text), "token-%d", ++number);
	return peal_value_text(text);
}

static const struct peal_field token_fields[] = {
	PEAL_CHAR(struct token, id, .max_length = 20, .primary_key = true,
		  .initial_fn = next_token),
	PEAL_CHAR(struct token, label, .max_length = 30),
};
PEAL_MODEL_DEFINE(token_model, struct token, .app = "lab", .name = "Token",
		  .fields = PEAL_FIELDS(token_fields));

static const struct peal_field sample_fields[] = {
	PEAL_ID(struct sample, id),
	PEAL_INTEGER(struct sample, i8),
	PEAL_INTEGER(struct sample, u8),
	PEAL_INTEGER(struct sample, i16),
	PEAL_INTEGER(struct sample, u16),
	PEAL_INTEGER(struct sample, i32),
	PEAL_INTEGER(struct sample, u32),
	PEAL_INTEGER(struct sample, i64),
	PEAL_INTEGER(struct sample, u64),
	PEAL_BOOLEAN(struct sample, flag, .initial = PEAL_INITIAL_BOOL(true)),
	PEAL_FLOAT(struct sample, f32),
	PEAL_FLOAT(struct sample, f64, .initial = PEAL_INITIAL_REAL(0.5)),
	PEAL_CHAR(struct sample, text, .max_length = 60, .initial = PEAL_INITIAL_TEXT("first"),
		  .column = "select"),
	PEAL_LONG_TEXT(struct sample, long_text, .null = true),
	PEAL_SLUG(struct sample, slug),
	PEAL_EMAIL(struct sample, email),
	PEAL_URL(struct sample, url),
	PEAL_FILE(struct sample, file, .null = true),
	PEAL_IMAGE(struct sample, image, .null = true),
	PEAL_BLOB(struct sample, bytes, .null = true),
	PEAL_DATETIME(struct sample, time),
	PEAL_INTEGER(struct sample, maybe, .null = true, .has = PEAL_HAS(struct sample, has_maybe)),
	PEAL_BOOLEAN(struct sample, maybe_flag, .null = true,
		     .has = PEAL_HAS(struct sample, has_maybe_flag)),
	PEAL_DATETIME(struct sample, maybe_time, .null = true),
};
PEAL_MODEL_DEFINE(sample_model, struct sample, .app = "lab", .name = "Sample",
		  .fields = PEAL_FIELDS(sample_fields));

void must(int r, const struct peal_error *error)
{
	if (r != 0)
		T_FAIL("%d: %s", r, error->message);
}

void add_models(const struct peal_model *const *models, size_t count)
{
	struct peal_error error = { 0 };

	must(peal_models_register(models, count, &error), &error);
	must(peal_models_create_tables(NULL, &error), &error);
}

const char *keys_of(struct peal_query *query)
{
	static char text[64];
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;

	text[0] = '\0';
	must(peal_query_all(query, &rows, &error), &error);
	for (size_t i = 0; i < peal_rows_count(rows); i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d", i ? " " : "",
			 (int)peal_key(peal_rows_at(rows, i)).as.integer);
	peal_rows_free(rows);
	return text;
}

const char *keys_of_once(struct peal_query *query)
{
	const char *text = keys_of(query);

	peal_query_free(query);
	return text;
}

struct peal_db *begin_models(void)
{
	struct peal_db *db = open_database();

	ADD_MODELS(&person_model, &profile_model, &article_model, &comment_model, &holder_model,
		   &ticket_model, &token_model, &sample_model);
	return db;
}

void end_models(struct peal_db *db)
{
	peal_models_forget();
	peal_db_close(db);
}

struct person *person_new(struct person *person, const char *name)
{
	struct peal_error error = { 0 };

	if (person_model_create(person, PEAL_WITH(PEAL_SET(person_model, name, name)), &error) != 0)
		T_FAIL("%s", error.message);
	return person;
}

/* ---- The recorder ------------------------------------------------------------------------------------------------- */

char heard[1024];
static struct peal_scope recording;

static void hear(const char *what, const struct peal_instance *instance)
{
	struct peal_value key = instance ? peal_key(instance) : peal_value_null();
	size_t at = strlen(heard);

	if (key.kind == PEAL_VALUE_INT)
		snprintf(heard + at, sizeof(heard) - at, "%s%s%" PRId64, at ? " " : "", what,
			 key.as.integer);
	else
		snprintf(heard + at, sizeof(heard) - at, "%s%s%s", at ? " " : "", what,
			 key.kind == PEAL_VALUE_TEXT ? key.as.text.data : "");
}

static int hear_pre_init(struct peal_call *call, const struct peal_pre_init_args *args)
{
	(void)call;
	hear(args->row ? "ir" : "i", NULL);
	return 0;
}

static int hear_post_init(struct peal_call *call, const struct peal_post_init_args *args)
{
	(void)call;
	T_TRUE(peal_is_new(args->instance));
	hear("I", args->instance);
	return 0;
}

static int hear_pre_save(struct peal_call *call, const struct peal_pre_save_args *args)
{
	T_PTR(call->sender, args->instance->model);
	T_STR(args->database, "default");
	hear(args->update_fields ? "su" : "s", args->instance);
	return 0;
}

static int hear_post_save(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	hear(args->created ? "S+" : "S", args->instance);
	return 0;
}

static int hear_pre_delete(struct peal_call *call, const struct peal_pre_delete_args *args)
{
	(void)call;
	T_UINT(peal_atomic_depth(NULL) > 0, 1);
	hear(args->origin.query ? "dq" : "d", args->instance);
	return 0;
}

static int hear_post_delete(struct peal_call *call, const struct peal_post_delete_args *args)
{
	(void)call;
	hear("D", args->instance);
	return 0;
}

void record(const struct peal_model *model)
{
	heard[0] = '\0';
	T_OK(PEAL_CONNECT(peal_pre_init, hear_pre_init, .sender = model, .scope = &recording));
	T_OK(PEAL_CONNECT(peal_post_init, hear_post_init, .sender = model, .scope = &recording));
	T_OK(PEAL_CONNECT(peal_pre_save, hear_pre_save, .sender = model, .scope = &recording));
	T_OK(PEAL_CONNECT(peal_post_save, hear_post_save, .sender = model, .scope = &recording));
	T_OK(PEAL_CONNECT(peal_pre_delete, hear_pre_delete, .sender = model, .scope = &recording));
	T_OK(PEAL_CONNECT(peal_post_delete, hear_post_delete, .sender = model,
			  .scope = &recording));
}

void stop_recording(void)
{
	T_OK(peal_scope_end(&recording));
}
