/* SPDX-License-Identifier: MIT */
/* Models, members, instances, saving. */
#include "models.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Tables that are wrong ----------------------------------------------------------------------------------------- */

struct broken {
	struct peal_instance instance;
	int64_t id;
	int32_t number;
	const char *text;
	int64_t person_id;
	struct person *person;
};

#define BROKEN(name_, ...)                                                       \
	static const struct peal_field name_##_fields[] = { __VA_ARGS__ };       \
	PEAL_MODEL(name_##_model, struct broken, .app = "lab", .name = "Broken", \
		   .fields = PEAL_FIELDS(name_##_fields))

BROKEN(no_key, PEAL_INTEGER(struct broken, number));
BROKEN(two_keys, PEAL_ID(struct broken, id),
       PEAL_INTEGER(struct broken, number, .primary_key = true));
BROKEN(no_length, PEAL_ID(struct broken, id), PEAL_CHAR(struct broken, text));
BROKEN(no_has, PEAL_ID(struct broken, id), PEAL_INTEGER(struct broken, number, .null = true));
BROKEN(same_name, PEAL_ID(struct broken, id), PEAL_INTEGER(struct broken, number),
       PEAL_INTEGER(struct broken, number));
BROKEN(not_nullable, PEAL_ID(struct broken, id),
       PEAL_FOREIGN_KEY(struct broken, person, person_model, PEAL_SET_NULL));

TEST(tables_that_are_wrong)
{
	static const struct {
		const struct peal_model *model;
		const char *message;
	} cases[] = {
		{ &no_key_model, "lab.Broken: there is no primary key" },
		{ &two_keys_model, "lab.Broken: there are two primary keys" },
		{ &no_length_model, "lab.Broken.text: PEAL_CHAR needs .max_length" },
		{ &no_has_model, "lab.Broken.number: .null needs .has" },
		{ &same_name_model, "lab.Broken.number: there are two fields of this name" },
		{ &not_nullable_model, "lab.Broken.person: PEAL_SET_NULL needs .null" },
	};
	struct peal_error error = { 0 };
	struct broken broken;

	for (size_t i = 0; i < PEAL_COUNTOF(cases); i++) {
		T_CODE(PEAL_MODELS_REGISTER(&error, &person_model, cases[i].model), PEAL_EINVAL);
		T_HAS(error.message, cases[i].message);
		T_UINT(peal_models_count(), 0);
	}
	T_CODE(no_key_model_init(&broken, NULL, &error), PEAL_EINVAL);
	T_HAS(error.message, "not registered");
	T_CODE(PEAL_MODELS_REGISTER(&error, &person_model, &article_model), 0);
	T_CODE(PEAL_MODELS_REGISTER(&error, &person_model, &article_model), 0);
	T_UINT(peal_models_count(), 2);
	peal_models_forget();
}

static int count_prepared(struct peal_call *call, const struct peal_class_prepared_args *args)
{
	T_PTR(call->sender, args->model);
	T_PTR(peal_sender_get("lab.Person"), NULL);
	++*(int *)call->user;
	return 0;
}

TEST(registering_names_the_sender)
{
	struct peal_error error = { 0 };
	int prepared = 0;

	T_OK(PEAL_CONNECT(peal_class_prepared, count_prepared, .sender = &person_model,
			  .user = &prepared));
	T_OK(PEAL_MODELS_REGISTER(&error, &person_model, &profile_model));
	T_INT(prepared, 1);
	T_PTR(peal_sender_get("lab.Person"), &person_model);
	T_PTR(peal_model_get("lab.person"), &person_model);
	T_STR(peal_model_label(&profile_model), "lab.Profile");
	T_PTR(peal_models_at(1), &profile_model);
	T_PTR(peal_models_at(2), NULL);
	peal_models_forget();
	T_PTR(peal_model_get("lab.Person"), NULL);
	/* The model is gone as a sender, and what was connected to it as well. */
	T_CODE(PEAL_DISCONNECT(peal_class_prepared, count_prepared, .sender = &person_model,
			       .user = &prepared),
	       PEAL_NOT_FOUND);
}

/* ---- Members --------------------------------------------------------------------------------------------------------- */

static void fill(struct sample *s)
{
	s->i8 = INT8_MIN;
	s->u8 = UINT8_MAX;
	s->i16 = INT16_MIN;
	s->u16 = UINT16_MAX;
	s->i32 = INT32_MIN;
	s->u32 = UINT32_MAX;
	s->i64 = INT64_MIN;
	s->u64 = INT64_MAX;
	s->flag = false;
	s->f32 = 0.25f;
	s->f64 = -1e300;
	s->text = "J\xc3\xb3zef's \"name\"; DROP TABLE lab_sample; --";
	s->long_text = "";
	s->slug = "a-b";
	s->email = "a@example.org";
	s->url = "https://example.org/?a=1";
	s->file = "files/a.pdf";
	s->image = NULL;
	s->bytes = (struct peal_bytes){ "\0\1\xff", 3 };
	s->time = INT64_C(1772357400123456);
	s->has_maybe = true;
	s->maybe = 0;
	s->maybe_time = 0;
}

static void compare(const struct sample *a, const struct sample *b)
{
	T_INT(a->i8, b->i8);
	T_INT(a->u8, b->u8);
	T_INT(a->i16, b->i16);
	T_INT(a->u16, b->u16);
	T_INT(a->i32, b->i32);
	T_UINT(a->u32, b->u32);
	T_INT(a->i64, b->i64);
	T_UINT(a->u64, b->u64);
	T_INT(a->flag, b->flag);
	T_DOUBLE((double)a->f32, (double)b->f32);
	T_DOUBLE(a->f64, b->f64);
	T_STR(a->text, b->text);
	T_STR(a->long_text, b->long_text);
	T_STR(a->slug, b->slug);
	T_STR(a->email, b->email);
	T_STR(a->url, b->url);
	T_STR(a->file, b->file);
	T_STR(a->image, b->image);
	T_UINT(a->bytes.size, b->bytes.size);
	T_INT(a->bytes.data != NULL, b->bytes.data != NULL);
	T_INT(a->time, b->time);
	T_INT(a->has_maybe, b->has_maybe);
	T_INT(a->maybe, b->maybe);
	T_INT(a->has_maybe_flag, b->has_maybe_flag);
	T_INT(a->maybe_time, b->maybe_time);
}

TEST(every_type_comes_back)
{
	struct peal_db *db = begin_models();
	struct sample a, b;

	T_OK(sample_model_init(&a, NULL, NULL));
	T_TRUE(a.flag);
	T_DOUBLE(a.f64, 0.5);
	T_STR(a.text, "first");
	T_STR(a.slug, "");
	T_STR(a.file, NULL);
	fill(&a);
	T_OK(peal_save(&a.instance, NULL));
	T_INT(a.id, 1);
	T_OK(sample_model_get(&b, PEAL_WITH(PEAL_IS(sample_model, id, a.id)), NULL));
	compare(&a, &b);
	T_MEM(b.bytes.data, "\0\1\xff", 3);

	b.bytes = (struct peal_bytes){ "", 0 };
	b.file = NULL;
	b.has_maybe = false;
	b.has_maybe_flag = b.maybe_flag = true;
	b.maybe_time = -1;
	T_OK(peal_save(&b.instance, NULL));
	T_OK(peal_refresh(&a.instance, NULL));
	compare(&a, &b);
	T_INT(COUNT("lab_sample"), 1);
	peal_fini(&a.instance);
	peal_fini(&b.instance);
	peal_fini(&b.instance);
	end_models(db);
}

TEST(values_that_do_not_fit)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct sample s;

	T_OK(sample_model_init(&s, NULL, &error));
	T_CODE(peal_field_set(&s.instance, "i8", PEAL_INT(128), &error), PEAL_ETYPE);
	T_STR(error.message, "lab.Sample.i8 has no room for 128");
	T_STR(error.field, "i8");
	T_CODE(peal_field_set(&s.instance, "u32", PEAL_INT(-1), &error), PEAL_ETYPE);
	T_CODE(peal_field_set(&s.instance, "flag", PEAL_INT(2), &error), PEAL_ETYPE);
	T_CODE(peal_field_set(&s.instance, "text", PEAL_INT(2), &error), PEAL_ETYPE);
	T_STR(error.message, "lab.Sample.text does not take an integer: it takes a text");
	T_CODE(peal_field_set(&s.instance, "i32", PEAL_TEXT("2"), &error), PEAL_ETYPE);
	T_CODE(peal_field_set(&s.instance, "i32", PEAL_NULL, &error), PEAL_ETYPE);
	T_CODE(peal_field_set(&s.instance, "text",
			      (struct peal_value){ .kind = PEAL_VALUE_TEXT,
						   .as = { .text = { "a\0b", 3 } } },
			      &error),
	       PEAL_ETYPE);
	T_CODE(peal_field_set(&s.instance, "no_such", PEAL_INT(2), &error), PEAL_EINVAL);
	T_HAS(error.message, "lab.Sample has no field \"no_such\"; there are id, i8, u8, ");
	T_STR(error.field, "no_such");
	T_OK(peal_field_set(&s.instance, "f64", PEAL_INT(2), &error));
	T_DOUBLE(s.f64, 2.0);
	T_OK(peal_field_set(&s.instance, "maybe", PEAL_INT(5), &error));
	T_TRUE(s.has_maybe);
	T_OK(peal_field_set(&s.instance, "maybe", PEAL_NULL, &error));
	T_FALSE(s.has_maybe);
	s.u64 = UINT64_MAX;
	T_CODE(peal_save(&s.instance, &error), PEAL_ETYPE);
	T_HAS(error.message, "lab.Sample.u64");
	peal_fini(&s.instance);
	end_models(db);
}

TEST(text_is_copied_or_borrowed)
{
	struct peal_db *db = begin_models();
	char buffer[] = "a text of somebody else";
	struct person p;

	T_OK(person_model_init(&p, NULL, NULL));
	p.name = buffer;
	T_OK(peal_set_text(&p.instance, &p.name, p.name + 2));
	buffer[2] = 'X';
	T_STR(p.name, "text of somebody else");
	for (int i = 0; i < 100; i++)
		T_OK(peal_set_text(&p.instance, &p.name, p.name));
	T_OK(peal_set_text(&p.instance, &p.name, p.name + 5));
	T_STR(p.name, "of somebody else");
	T_OK(peal_set_text(&p.instance, &p.bio, NULL));
	T_PTR(p.bio, NULL);
	p.name = "a literal";
	T_OK(peal_save(&p.instance, NULL));
	T_CODE(peal_set_text(&p.instance, &(const char *){ NULL }, "x"), PEAL_EINVAL);
	peal_fini(&p.instance);
	end_models(db);
}

/* ---- Saving ------------------------------------------------------------------------------------------------------------ */

TEST(insert_then_update)
{
	struct peal_db *db = begin_models();
	struct person p;

	record(&person_model);
	T_OK(person_model_init(&p, NULL, NULL));
	T_STR(heard, "i I");
	T_INT(p.age, 7);
	T_TRUE(peal_is_new(&p.instance));
	p.name = "Ana";
	T_OK(peal_save(&p.instance, NULL));
	T_FALSE(peal_is_new(&p.instance));
	T_STR(heard, "i I s S+1");
	p.name = "Anna";
	T_OK(peal_save(&p.instance, NULL));
	T_STR(heard, "i I s S+1 s1 S1");
	T_INT(COUNT("lab_person WHERE name = 'Anna' AND age = 7"), 1);
	peal_fini(&p.instance);
	stop_recording();
	end_models(db);
}

TEST(key_of_its_own)
{
	struct peal_db *db = begin_models();
	struct person p;

	record(&person_model);
	T_OK(person_model_init(
		&p, PEAL_WITH(PEAL_SET(person_model, id, 500), PEAL_SET(person_model, name, "Ana")),
		NULL));
	T_OK(peal_save(&p.instance, NULL));
	T_OK(peal_save(&p.instance, NULL));
	p.id = 7; /* a copy */
	T_OK(peal_save(&p.instance, NULL));
	p.id = 0; /* a new one */
	T_OK(peal_save(&p.instance, NULL));
	/* A key of one's own moves the counter of SQLite, and not that of PostgreSQL. */
	T_STR(heard, runs_on("postgresql") ? "i I500 s500 S+500 s500 S500 s7 S+7 s S+1"
					   : "i I500 s500 S+500 s500 S500 s7 S+7 s S+501");
	T_INT(COUNT("lab_person"), 3);
	peal_fini(&p.instance);
	stop_recording();
	end_models(db);
}

TEST(options_of_save)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct person p;

	person_new(&p, "Ana");
	record(&person_model);
	T_CODE(PEAL_SAVE(&p.instance, &error, .force_insert = true, .force_update = true),
	       PEAL_EINVAL);
	T_CODE(PEAL_SAVE(&p.instance, &error, .force_insert = true,
			 .update_fields = PEAL_NAMES("name")),
	       PEAL_EINVAL);
	T_CODE(PEAL_SAVE(&p.instance, &error, .update_fields = PEAL_NAMES("nmae")), PEAL_EINVAL);
	T_STR(error.message,
	      "update_fields: lab.Person has no field \"nmae\"; there are id, name, age, bio");
	T_CODE(PEAL_SAVE(&p.instance, &error, .update_fields = PEAL_NAMES("id")), PEAL_EINVAL);
	T_OK(PEAL_SAVE(&p.instance, &error, .update_fields = PEAL_NO_NAMES));
	T_STR(heard, "");
	T_CODE(PEAL_SAVE(&p.instance, &error, .force_insert = true), PEAL_EINTEGRITY);
	T_STR(error.field, "id");
	p.name = "Bo";
	p.age = 99;
	T_OK(PEAL_SAVE(&p.instance, &error, .update_fields = PEAL_NAMES("name")));
	T_INT(COUNT("lab_person WHERE name = 'Bo' AND age = 7"), 1);
	p.id = 12;
	T_CODE(PEAL_SAVE(&p.instance, &error, .force_update = true), PEAL_EDB);
	T_HAS(error.message, "found no row");
	p.id = 0;
	T_CODE(PEAL_SAVE(&p.instance, &error, .force_update = true), PEAL_EINVAL);
	T_STR(heard, "s1 su1 S1 s12 s");
	peal_fini(&p.instance);
	stop_recording();
	end_models(db);
}

TEST(keys_of_text)
{
	struct peal_db *db = begin_models();
	struct ticket t, u;
	struct token n;

	record(&token_model);
	T_OK(ticket_model_create(&t, PEAL_WITH(PEAL_SET(ticket_model, code, "A")), NULL));
	t.label = "one";
	T_OK(peal_save(&t.instance, NULL));
	T_OK(ticket_model_init(&u, NULL, NULL));
	T_STR(u.code, "");
	T_OK(peal_field_set(&u.instance, "code", PEAL_NULL, NULL));
	T_INT(peal_key(&u.instance).kind, PEAL_VALUE_NULL);
	T_OK(peal_save(&u.instance, NULL));
	T_STR(u.code, "");
	T_INT(COUNT("lab_ticket"), 2);
	T_OK(token_model_create(&n, NULL, NULL));
	T_STR(n.id, "token-1");
	T_OK(peal_save(&n.instance, NULL));
	peal_fini(&n.instance);
	T_OK(token_model_init(&n, PEAL_WITH(PEAL_SET(token_model, id, "token-1")), NULL));
	T_CODE(peal_save(&n.instance, NULL), PEAL_EINTEGRITY);
	T_STR(heard, "i Itoken-1 stoken-1 S+token-1 stoken-1 Stoken-1 i Itoken-1 stoken-1");
	peal_fini(&n.instance);
	peal_fini(&t.instance);
	peal_fini(&u.instance);
	stop_recording();
	end_models(db);
}

TEST(attached_rows)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct person p;
	struct profile f;

	T_OK(person_model_init(&p, PEAL_WITH(PEAL_SET(person_model, name, "Ana")), NULL));
	T_OK(profile_model_init(&f, PEAL_WITH(PEAL_SET(profile_model, person, &p.instance)), NULL));
	T_PTR(f.person, &p);
	record(&profile_model);
	T_CODE(peal_save(&f.instance, &error), PEAL_EINVAL);
	T_HAS(error.message, "lab.Profile.person: the attached lab.Person is not saved");
	T_STR(heard, "");
	T_OK(peal_save(&p.instance, NULL));
	T_OK(peal_save(&f.instance, NULL));
	T_INT(f.person_id, 1);
	f.person_id = 77;
	T_CODE(peal_save(&f.instance, &error), PEAL_EINTEGRITY);
	T_PTR(f.person, NULL);
	T_CODE(peal_field_set(&f.instance, "person", PEAL_INT(1), &error), PEAL_EINVAL);
	T_CODE(peal_field_set(&f.instance, "person", PEAL_POINTER(&f.instance), &error),
	       PEAL_EINVAL);
	T_OK(peal_field_set(&f.instance, "person", PEAL_POINTER(&p.instance), &error));
	T_OK(peal_field_set(&f.instance, "person_id", PEAL_INT(1), &error));
	T_PTR(f.person, &p);
	p.id = 0;
	T_OK(peal_field_set(&f.instance, "person_id", PEAL_INT(1), &error));
	T_PTR(f.person, &p);
	T_OK(peal_field_set(&f.instance, "person_id", PEAL_INT(2), &error));
	T_PTR(f.person, NULL);
	peal_fini(&p.instance);
	peal_fini(&f.instance);
	stop_recording();
	end_models(db);
}

static int fail_once(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)args;
	return peal_error_set(call->error, PEAL_ERECEIVER, "not today");
}

/* Given both, the key stands and the row is attached only when it is of that key, in any order. */
TEST(row_and_key_given)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct person p;
	struct article a;

	person_new(&p, "Ana");
	T_OK(article_model_init(&a,
				PEAL_WITH(PEAL_SET(article_model, author_id, 7),
					  PEAL_SET(article_model, author, &p.instance)),
				&error));
	T_INT(a.author_id, 7);
	T_PTR(a.author, NULL);
	T_OK(article_model_init(&a,
				PEAL_WITH(PEAL_SET(article_model, author_id, p.id),
					  PEAL_SET(article_model, author, &p.instance)),
				&error));
	T_PTR(a.author, &p);
	T_OK(article_model_init(&a,
				PEAL_WITH(PEAL_SET(article_model, author_id, p.id),
					  PEAL_SET(article_model, author, PEAL_NULL)),
				&error));
	T_INT(a.author_id, p.id);
	peal_fini(&a.instance);
	peal_fini(&p.instance);
	end_models(db);
}

TEST(error_of_a_receiver)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct person p;
	int r;

	T_OK(PEAL_CONNECT(peal_post_save, fail_once));
	T_OK(person_model_init(&p, PEAL_WITH(PEAL_SET(person_model, name, "Ana")), NULL));
	T_CODE(peal_save(&p.instance, &error), PEAL_ERECEIVER);
	T_HAS(error.message, "not today");
	T_INT(COUNT("lab_person"), 1);
	PEAL_ATOMIC(r, &error) {
		T_CODE(peal_save(&p.instance, NULL), PEAL_ERECEIVER);
		T_INT(COUNT("lab_person"), 1);
	}
	T_OK(r);
	T_OK(PEAL_DISCONNECT(peal_post_save, fail_once));
	peal_fini(&p.instance);
	end_models(db);
}

TEST(error_of_the_database_breaks_the_block)
{
	struct peal_db *db = begin_models();
	struct article a;
	int r, inner = 0;

	T_OK(article_model_create(&a, PEAL_WITH(PEAL_SET(article_model, title, "A")), NULL));
	peal_fini(&a.instance);
	PEAL_ATOMIC(r, NULL) {
		PEAL_ATOMIC(inner, NULL) {
			inner = article_model_create(
				&a, PEAL_WITH(PEAL_SET(article_model, title, "A")), NULL);
			T_CODE(inner, PEAL_EINTEGRITY);
			T_CODE(article_model_create(
				       &a, PEAL_WITH(PEAL_SET(article_model, title, "B")), NULL),
			       PEAL_ETRANSACTION);
		}
		T_OK(article_model_create(&a, PEAL_WITH(PEAL_SET(article_model, title, "C")),
					  NULL));
		peal_fini(&a.instance);
	}
	T_OK(r);
	T_INT(COUNT("lab_article"), 2);
	end_models(db);
}

TEST(init_signals)
{
	struct peal_db *db = begin_models();
	struct person p;

	person_new(&p, "Ana");
	peal_fini(&p.instance);
	record(&person_model);
	T_OK(person_model_get(&p, PEAL_WITH(PEAL_IS(person_model, name, "Ana")), NULL));
	T_STR(heard, "ir I1");
	T_OK(peal_refresh(&p.instance, NULL));
	T_STR(heard, "ir I1 ir I1");
	peal_fini(&p.instance);
	T_CODE(person_model_init(&p, PEAL_WITH(PEAL_ARG("nmae", PEAL_TEXT("x"))), NULL),
	       PEAL_EINVAL);
	T_STR(heard, "ir I1 ir I1 i");
	T_PTR(p.instance.model, NULL);
	stop_recording();
	end_models(db);
}

TEST(find_or_create)
{
	struct peal_db *db = begin_models();
	struct peal_error error = { 0 };
	struct article a;
	struct ticket t;
	bool created;

	T_OK(peal_get_or_create(&article_model, &a.instance, NULL,
				PEAL_WITH(PEAL_IS(article_model, title, "A"),
					  PEAL_WHERE(article_model, word_count, lt, 9)),
				PEAL_WITH(PEAL_SET(article_model, slug, "a")), &created, &error));
	T_TRUE(created);
	T_STR(a.slug, "a");
	T_INT(a.word_count, 0);
	peal_fini(&a.instance);
	T_OK(peal_get_or_create(&article_model, &a.instance, NULL,
				PEAL_WITH(PEAL_IS(article_model, title, "A")), NULL, &created,
				&error));
	T_FALSE(created);
	peal_fini(&a.instance);
	record(&article_model);
	T_OK(peal_update_or_create(
		&article_model, &a.instance, NULL, PEAL_WITH(PEAL_IS(article_model, title, "A")),
		PEAL_WITH(PEAL_SET(article_model, word_count, 3)), &created, &error));
	T_FALSE(created);
	T_STR(heard, "ir I1 su1 S1");
	peal_fini(&a.instance);
	/* Not there, and refused by another row. */
	T_CODE(peal_get_or_create(&article_model, &a.instance, NULL,
				  PEAL_WITH(PEAL_IS(article_model, slug, "other")),
				  PEAL_WITH(PEAL_SET(article_model, title, "A")), &created, &error),
	       PEAL_EINTEGRITY);
	T_STR(error.field, "title");
	T_PTR(a.instance.model, NULL);
	T_INT(COUNT("lab_article WHERE word_count = 3"), 1);
	/* To another key: a save of all fields there, and the old row stays. */
	T_OK(ticket_model_create(&t, PEAL_WITH(PEAL_SET(ticket_model, code, "A")), NULL));
	peal_fini(&t.instance);
	T_OK(peal_update_or_create(&ticket_model, &t.instance, NULL,
				   PEAL_WITH(PEAL_IS(ticket_model, code, "A")),
				   PEAL_WITH(PEAL_SET(ticket_model, code, "B")), &created, &error));
	T_FALSE(created);
	T_INT(COUNT("lab_ticket"), 2);
	peal_fini(&t.instance);
	stop_recording();
	end_models(db);
}

TEST(instances_of_a_model_known_at_run_time)
{
	struct peal_db *db = begin_models();
	struct peal_instance *instance;
	struct peal_value value;
	char text[64];

	T_OK(peal_new(peal_model_get("lab.Person"), PEAL_WITH(PEAL_ARG("name", PEAL_TEXT("Ana"))),
		      &instance, NULL));
	T_STR(peal_describe(instance, text, sizeof(text)), "lab.Person (no key)");
	T_OK(peal_save(instance, NULL));
	T_STR(peal_describe(instance, text, sizeof(text)), "lab.Person 1");
	T_OK(peal_field_get(instance, "pk", &value, NULL));
	T_INT(value.as.integer, 1);
	T_OK(peal_field_get(instance, "name", &value, NULL));
	T_STR(value.as.text.data, "Ana");
	T_CODE(peal_field_get(instance, "x", &value, NULL), PEAL_EINVAL);
	T_PTR(PEAL_INSTANCE(profile_model, instance), NULL);
	T_STR(PEAL_INSTANCE(person_model, instance)->name, "Ana");
	peal_free(instance);
	peal_free(NULL);
	end_models(db);
}

static int query_some(struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_rows *rows = NULL;
	int r;

	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(person_model, name, icontains, "n")));
	peal_query_order_by(query, "name");
	r = peal_query_all(query, &rows, error);
	if (r == 0)
		r = peal_query_update(query, PEAL_WITH(PEAL_INCREMENT(person_model, age, 1)), NULL,
				      error);
	peal_query_free(query);
	peal_rows_free(rows);
	return r;
}

static int live_and_die(struct peal_error *error)
{
	struct profile f = { 0 };
	struct person p = { 0 }, q = { 0 };
	int r = person_model_create(&p, PEAL_WITH(PEAL_SET(person_model, name, "Ana")), error);

	if (r == 0 && peal_set_text(&p.instance, &p.bio, "a text") < 0)
		r = peal_error_set(error, PEAL_ENOMEM, "set_text has no error of its own");
	if (r == 0)
		r = peal_save(&p.instance, error);
	if (r == 0)
		r = profile_model_create(
			&f, PEAL_WITH(PEAL_SET(profile_model, person, &p.instance)), error);
	if (r == 0)
		r = person_model_get(&q, PEAL_WITH(PEAL_IS(person_model, id, p.id)), error);
	peal_fini(&q.instance);
	if (r == 0)
		r = peal_update_or_create(&person_model, &q.instance, NULL,
					  PEAL_WITH(PEAL_IS(person_model, id, p.id)),
					  PEAL_WITH(PEAL_SET(person_model, bio, "b")), NULL, error);
	peal_fini(&q.instance);
	if (r == 0)
		r = peal_get_or_create(&person_model, &q.instance, NULL,
				       PEAL_WITH(PEAL_IS(person_model, name, "New")), NULL, NULL,
				       error);
	if (r == 0)
		r = query_some(error);
	if (r == 0)
		r = peal_delete(&p.instance, NULL, error);
	peal_fini(&p.instance);
	peal_fini(&q.instance);
	peal_fini(&f.instance);
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
			r = PEAL_MODELS_REGISTER(&error, &person_model, &profile_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		if (r == 0)
			r = live_and_die(&error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		if (r < 0)
			T_CODE(error.code, PEAL_ENOMEM);
		peal_models_forget();
		peal_db_close(db);
	}
}
