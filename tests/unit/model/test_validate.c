/* SPDX-License-Identifier: MIT */
/* peal/validate.h */
#include "models.h"

#include <peal/validate.h>

#include <string.h>

struct paper {
	struct peal_instance instance;
	int64_t id;
	const char *title;
	const char *slug;
	const char *email;
	const char *url;
	const char *json;
	const char *kind;
	struct peal_decimal price;
	struct peal_date day;
	int64_t time;
	uint64_t big;
	int64_t author_id;
	struct person *author;
	const char *note;
	int64_t changed_at;
	bool has_time;
};
PEAL_MODEL_DECLARE(paper_model, struct paper);

static const struct peal_choice kinds[] = {
	PEAL_CHOICE_TEXT("a", "article"),
	PEAL_CHOICE_TEXT("b", "book"),
};

static const struct peal_field paper_fields[] = {
	PEAL_ID(struct paper, id),
	PEAL_CHAR(struct paper, title, .max_length = 5, .unique = true),
	PEAL_SLUG(struct paper, slug, .blank = true),
	PEAL_EMAIL(struct paper, email, .blank = true),
	PEAL_URL(struct paper, url, .blank = true),
	PEAL_JSON(struct paper, json, .blank = true, .null = true),
	PEAL_CHAR(struct paper, kind, .max_length = 1, .choices = PEAL_CHOICES(kinds),
		  .initial = PEAL_INITIAL_TEXT("a"), .verbose_name = "sort of paper"),
	PEAL_DECIMAL(struct paper, price, .max_digits = 5, .decimal_places = 2),
	PEAL_DATE(struct paper, day, .initial = PEAL_INITIAL_DATE(2026, 11, 21)),
	PEAL_TIME_OF_DAY(struct paper, time, .null = true, .blank = true,
			 .has = PEAL_HAS(struct paper, has_time)),
	PEAL_INTEGER(struct paper, big),
	PEAL_FOREIGN_KEY(struct paper, author, person_model, PEAL_CASCADE, .null = true,
			 .blank = true),
	PEAL_LONG_TEXT(struct paper, note, .null = true, .blank = true),
	PEAL_DATETIME(struct paper, changed_at, .null = true, .auto_now = true),
};
static const struct peal_index paper_indexes[] = {
	PEAL_INDEX("day"),
	PEAL_UNIQUE("kind", "author"),
};

static int clean_paper(struct peal_instance *instance, struct peal_problems *problems,
		       struct peal_error *error)
{
	const struct paper *paper = PEAL_INSTANCE(paper_model, instance);

	if (!paper->note)
		return 0;
	if (strcmp(paper->note, "fail") == 0)
		return peal_error_set(error, PEAL_ERECEIVER, "as it was told");
	if (strcmp(paper->note, paper->title) == 0)
		return peal_problems_add(problems, NULL, "same", "%s twice", paper->note);
	return 0;
}
PEAL_MODEL_DEFINE(paper_model, struct paper, .app = "lab", .name = "Paper",
		  .fields = PEAL_FIELDS(paper_fields), .indexes = PEAL_INDEXES(paper_indexes),
		  .clean = clean_paper);

static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	ADD_MODELS(&paper_model);
	return db;
}

static void paper_new(struct paper *paper, const char *title)
{
	struct peal_error error = { 0 };

	if (paper_model_init(paper, PEAL_WITH(PEAL_SET(paper_model, title, title)), &error) != 0)
		T_FAIL("%s", error.message);
}

/* All problems, as "field code: message" in lines. */
static const char *problems_of(struct paper *paper)
{
	static char text[2000];
	struct peal_problems problems;
	struct peal_error error = { 0 };
	int r = peal_full_clean(&paper->instance, &problems, &error);
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < problems.count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %s: %s", i ? "\n" : "",
				       problems.items[i].field ? problems.items[i].field : "-",
				       problems.items[i].code, problems.items[i].message);
	T_CODE(r, at ? PEAL_INVALID : 0);
	T_CODE(error.code, r);
	peal_problems_fini(&problems);
	T_UINT(problems.count, 0);
	return text;
}

TEST(a_good_row_has_no_problem)
{
	struct peal_db *db = begin();
	struct paper paper;

	paper_new(&paper, "title");
	T_STR(problems_of(&paper), "");
	paper.title = "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"; /* characters, not bytes */
	paper.slug = "a-b_C9";
	paper.email = "a@example.org";
	paper.url = "https://example.org/";
	paper.json = "{}";
	paper.kind = "b";
	paper.price = (struct peal_decimal){ 99999, 2 };
	T_STR(problems_of(&paper), "");
	peal_fini(&paper.instance);
	end_models(db);
}

TEST(each_field_tells_its_own_problem)
{
	struct peal_db *db = begin();
	struct paper paper;

	paper_new(&paper, "too long");
	paper.slug = "a b";
	paper.email = "a@b";
	paper.url = "example.org";
	paper.json = "{";
	paper.kind = "c";
	paper.price = (struct peal_decimal){ 1001, 3 };
	paper.day = (struct peal_date){ 2026, 2, 29 };
	paper.has_time = true;
	paper.time = -1;
	paper.big = UINT64_MAX;
	paper.author_id = 99;
	paper.note = "\xff";
	T_STR(problems_of(&paper),
	      "title max_length: Ensure this value has at most 5 characters (it has 8).\n"
	      "slug invalid: Enter a valid \"slug\" consisting of letters, numbers, underscores or "
	      "hyphens.\n"
	      "email invalid: Enter a valid email address.\n"
	      "url invalid: Enter a valid URL.\n"
	      "json invalid: Value must be valid JSON.\n"
	      "kind invalid_choice: Value \"c\" is not a valid choice.\n"
	      "price max_decimal_places: Ensure that there are no more than 2 decimal places.\n"
	      "day invalid_date: There is no such date.\n"
	      "time invalid_time: There is no such time of day.\n"
	      "big max_value: Ensure this value is less than or equal to 9223372036854775807.\n"
	      "author invalid: Person instance with key 99 does not exist.\n"
	      "note invalid_utf8: The text is not valid UTF-8.");
	peal_fini(&paper.instance);
	end_models(db);
}

TEST(null_and_blank_are_two_things)
{
	struct peal_db *db = begin();
	struct paper paper;

	paper_new(&paper, "");
	paper.kind = NULL;
	paper.price = (struct peal_decimal){ 100000, 2 };
	paper.day = (struct peal_date){ 0, 0, 0 };
	T_STR(problems_of(&paper),
	      "title blank: This field cannot be blank.\n"
	      "kind null: This field cannot be null.\n"
	      "price max_digits: Ensure that there are no more than 5 digits in total.\n"
	      "day null: This field cannot be null.");
	peal_fini(&paper.instance);
	end_models(db);
}

TEST(what_is_unique_is_asked_of_the_database)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct paper paper, other;
	struct person person;

	person_new(&person, "Ann");
	paper_new(&paper, "one");
	paper.author_id = person.id;
	T_STR(problems_of(&paper), "");
	T_OK(peal_save(&paper.instance, &error));
	T_STR(problems_of(&paper), ""); /* itself does not count */

	paper_new(&other, "one");
	other.author = &person; /* attached: the key is as good as there */
	T_STR(problems_of(&other),
	      "- unique_together: Paper with this Sort of paper and Author already exists.\n"
	      "title unique: Paper with this Title already exists.");
	other.id = paper.id;
	other.title = "two";
	other.kind = "b";
	T_STR(problems_of(&other), "id unique: Paper with this Id already exists.");
	other.id = 0;
	T_STR(problems_of(&other), "");
	other.kind = "a";
	other.author = NULL; /* null is never the same as null */
	T_STR(problems_of(&other), "");
	other.kind = "c"; /* a field with a problem is not asked about */
	other.author_id = person.id;
	T_STR(problems_of(&other), "kind invalid_choice: Value \"c\" is not a valid choice.");
	peal_fini(&other.instance);
	peal_fini(&paper.instance);
	peal_fini(&person.instance);
	end_models(db);
}

TEST(a_model_has_a_say)
{
	struct peal_db *db = begin();
	struct peal_problems problems;
	struct peal_error error = { 0 };
	struct paper paper;

	paper_new(&paper, "one");
	paper.note = "one";
	T_STR(problems_of(&paper), "- same: one twice");
	paper.note = "fail";
	T_CODE(peal_full_clean(&paper.instance, &problems, &error), PEAL_ERECEIVER);
	T_STR(error.message, "as it was told");
	peal_problems_fini(&problems);
	T_CODE(peal_full_clean(&paper.instance, &problems, NULL), PEAL_ERECEIVER);
	peal_problems_fini(&problems);
	peal_fini(&paper.instance);
	T_CODE(peal_full_clean(&paper.instance, &problems, &error), PEAL_EINVAL);
	peal_problems_fini(&problems);
	end_models(db);
}

static void all(bool (*is)(const char *text), const char *const *texts, size_t count, bool wanted)
{
	for (size_t i = 0; i < count; i++)
		if (is(texts[i]) != wanted)
			T_FAIL("%s", texts[i]);
}

TEST(addresses_are_those_of_django)
{
	/* From the tests of Django's validators. */
	static const char *const emails[] = {
		"email@here.com",
		"weirder-email@here.and.there.com",
		"email@[127.0.0.1]",
		"email@[2001:dB8::1]",
		"email@[::fffF:127.0.0.1]",
		"example@valid-----hyphens.com",
		"example@valid-with-hyphens.com",
		"test@domain.with.idn.tld.\xe0\xa4\x89\xe0\xa4\xa6.com",
		"email@localhost",
		"\"test@test\"@example.com",
		"!def!xyz%abc@example.com",
		"example@atm.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	static const char *const no_emails[] = {
		"",
		"abc",
		"abc@",
		"abc@bar",
		"a @x.cz",
		"abc@.com",
		"something@@somewhere.com",
		"email@127.0.0.1",
		"email@[127.0.0.256]",
		"email@[2001:db8::12345]",
		"email@[2001:db8:0:0:1]",
		"email@[::ffff:127.0.0.256]",
		"example@invalid-.com",
		"example@-invalid.com",
		"example@invalid.com-",
		"example@inv-.alid-.com",
		"example@inv-.-alid.com",
		"test@example.com\n\n<script src=\"x.js\">",
		"\"\n\"@here.com",
		"trailingdot@shouldfail.com.",
		"a@b.com\n",
		"a\n@b.com",
		"\"\\\"@x.org",
		".a@x.org",
		"a..b@x.org",
		"a.@x.org",
		"@x.org",
	};

	all(peal_is_email, emails, PEAL_COUNTOF(emails), true);
	all(peal_is_email, no_emails, PEAL_COUNTOF(no_emails), false);
}

TEST(urls_are_those_of_django)
{
	static const char *const urls[] = {
		"http://www.djangoproject.com/",
		"HTTP://WWW.DJANGOPROJECT.COM/",
		"http://localhost/",
		"http://example.com/",
		"http://example.com:0",
		"http://example.com:65535",
		"http://example.com./",
		"http://www.example.com:8000/test",
		"http://valid-with-hyphens.com/",
		"http://200.8.9.10/",
		"http://200.8.9.10:8000/test",
		"http://example.com?something=value",
		"http://example.com/index.php?something=value&another=value2",
		"https://example.com/",
		"ftp://example.com/",
		"ftps://example.com/",
		"http://userid:password@example.com:8080/",
		"http://userid@example.com",
		"http://142.42.1.1:8080/",
		"http://\xe2\x9e\xa1.ws/\xe4\xa8\xb9",
		"http://[FEDC:BA98:7654:3210:FEDC:BA98:7654:3210]:80/index.html",
		"http://[::192.9.5.5]/ipng",
		"http://1337.net",
		"http://a.b-c.de",
		"http://foo.com/blah_(wikipedia)#cite-1",

	};
	static const char *const no_urls[] = {
		"",
		"foo",
		"http://",
		"http://example",
		"http://example.",
		"http://example.com:-1",
		"http://example.com:-/",
		"http://example.com:000000080",
		"http://.com",
		"http://invalid-.com",
		"http://-invalid.com",
		"http://invalid.com-",
		"http://inv-.alid-.com",
		"file://localhost/path",
		"git://example.com/",
		"http://.",
		"http://..",
		"http://../",
		"http://?",
		"http://##/",
		"http://foo.bar?q=Spaces should be encoded",
		"//a",
		"rdar://1234",
		":// should fail",
		"http://foo.bar/foo(bar)baz quux",
		"http://-error-.invalid/",
		"http://a.b--c.de-",
		"http://1.1.1.1.1",
		"http://123.123.123",
		"http://3628126748",
		"http://[::1:2::3]:8080/",
		"http://[]",
		"http://[a",
		"http://example.com:123456",
		"http://www.djangoproject.com/\n",
		"http://a@b@example.com",
		"http://a:b:c@example.com",
		"http://example.com\t/",
		"http://@",
	};

	all(peal_is_url, urls, PEAL_COUNTOF(urls), true);
	all(peal_is_url, no_urls, PEAL_COUNTOF(no_urls), false);
}

TEST(slugs_and_json)
{
	static const char *const slugs[] = { "slug-ok",  "longer-slug-still-ok",
					     "--------", "nohyphensoranything",
					     "a",        "1",
					     "a1",       "_" };
	static const char *const no_slugs[] = { "",    " text ",   " ",  "some@mail.com",
						"a b", "\xc3\xa9", "a\n" };

	all(peal_is_slug, slugs, PEAL_COUNTOF(slugs), true);
	all(peal_is_slug, no_slugs, PEAL_COUNTOF(no_slugs), false);
	T_TRUE(peal_is_json("{\"a\": 1}"));
	T_FALSE(peal_is_json(""));
}

TEST(memory_may_end_at_any_point)
{
	T_ALLOC_LOOP(run) {
		struct peal_problems problems = { 0 };
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		struct paper paper = { 0 };
		int r = peal_db_open("sqlite::memory:", &db, &error);

		if (r == 0)
			r = PEAL_MODELS_REGISTER(&error, &person_model, &paper_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		if (r == 0)
			r = paper_model_create(
				&paper, PEAL_WITH(PEAL_SET(paper_model, title, "one")), &error);
		if (r == 0) {
			paper.slug = "a b";
			paper.email = "a";
			paper.author_id = 3;
			r = peal_full_clean(&paper.instance, &problems, &error);
		}
		if (r == PEAL_INVALID)
			T_UINT(problems.count, 3);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : PEAL_INVALID);
		peal_problems_fini(&problems);
		peal_fini(&paper.instance);
		peal_models_forget();
		peal_db_close(db);
	}
}
