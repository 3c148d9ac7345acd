/* SPDX-License-Identifier: MIT */
/* The models of the tests of the model layer. */
#ifndef PEAL_TEST_MODELS_H
#define PEAL_TEST_MODELS_H

#include "../db/fixture.h"

#include <peal/query.h>

struct person {
	struct peal_instance instance;
	int64_t id;
	const char *name;
	int32_t age;
	const char *bio;
};
PEAL_MODEL_DECLARE(person_model, struct person);

struct profile {
	struct peal_instance instance;
	int64_t id;
	int64_t person_id;
	struct person *person;
	const char *bio;
};
PEAL_MODEL_DECLARE(profile_model, struct profile);

struct article {
	struct peal_instance instance;
	int64_t id;
	const char *title;
	const char *slug;
	int32_t word_count;
	int64_t updated_at;
	int64_t author_id;
	struct person *author;
};
PEAL_MODEL_DECLARE(article_model, struct article);

struct comment {
	struct peal_instance instance;
	int64_t id;
	int64_t article_id;
	struct article *article;
	int64_t parent_id;
	struct comment *parent;
	const char *text;
};
PEAL_MODEL_DECLARE(comment_model, struct comment);

/* Refers to a person in each of the other ways. */
struct holder {
	struct peal_instance instance;
	int64_t id;
	int64_t protect_id;
	struct person *protect;
	int64_t restrict_id;
	struct person *restrict_;
	int64_t initial_id;
	struct person *initial;
	int64_t value_id;
	struct person *value;
	int64_t nothing_id;
	struct person *nothing;
};
PEAL_MODEL_DECLARE(holder_model, struct holder);

/* A key of text, and one with a default. */
struct ticket {
	struct peal_instance instance;
	const char *code;
	const char *label;
};
PEAL_MODEL_DECLARE(ticket_model, struct ticket);

struct token {
	struct peal_instance instance;
	const char *id;
	const char *label;
};
PEAL_MODEL_DECLARE(token_model, struct token);

/* One member of every type. */
struct sample {
	struct peal_instance instance;
	int32_t id;
	int8_t i8;
	uint8_t u8;
	int16_t i16;
	uint16_t u16;
	int32_t i32;
	uint32_t u32;
	int64_t i64;
	uint64_t u64;
	bool flag;
	float f32;
	double f64;
	const char *text;
	const char *long_text;
	const char *slug;
	const char *email;
	const char *url;
	const char *file;
	const char *image;
	struct peal_bytes bytes;
	int64_t time;
	bool has_maybe;
	int32_t maybe;
	bool has_maybe_flag;
	bool maybe_flag;
	int64_t maybe_time;
};
PEAL_MODEL_DECLARE(sample_model, struct sample);

/* Memory counted, a database in memory, all models registered and their tables made. */
struct peal_db *begin_models(void);
void end_models(struct peal_db *db);

/* More models, and their tables: ADD_MODELS(&team_model, &post_model); */
#define ADD_MODELS(...)                                                        \
	add_models((const struct peal_model *const[]){ __VA_ARGS__ },          \
		   sizeof((const struct peal_model *const[]){ __VA_ARGS__ }) / \
			   sizeof(const struct peal_model *))
void add_models(const struct peal_model *const *models, size_t count);

/* What a test needs to go on. */
void must(int r, const struct peal_error *error);

/* The keys of the rows, in the order in which they come: "1 3"; until the next call. once: and frees the query. */
const char *keys_of(struct peal_query *query);
const char *keys_of_once(struct peal_query *query);

/* What the recorder heard: one character for a signal ('i' pre_init, 'I' post_init, 's', 'S', 'd', 'D') and, behind
 * it, "+" when created, and the key. Separated by blanks. */
extern char heard[1024];
void record(const struct peal_model *model);
void stop_recording(void);

struct person *person_new(struct person *person, const char *name);
#define COUNT(table_) number_of("SELECT count(*) FROM " table_)

#endif
