/* SPDX-License-Identifier: MIT */
/*
 * Names that do not exist, in every function that takes names: an error before any SQL that names the model and the name
 * and says what there is. And paths that do exist, in those that read values and count.
 */
#include "models.h"

#include <peal/m2m.h>

#include <peal/bulk.h>
#include <peal/related.h>

#include <string.h>

#include "connection.h"

struct mark {
	struct peal_instance instance;
	int64_t id;
	const char *name;
};
PEAL_MODEL_DECLARE(mark_model, struct mark);

static const struct peal_field mark_fields[] = {
	PEAL_ID(struct mark, id),
	PEAL_CHAR(struct mark, name, .max_length = 20),
};
PEAL_MODEL_DEFINE(mark_model, struct mark, .app = "lab", .name = "Mark",
		  .fields = PEAL_FIELDS(mark_fields));

struct book {
	struct peal_instance instance;
	int64_t id;
	const char *title;
	int64_t owner_id;
	struct person *owner;
};
PEAL_MODEL_DECLARE(book_model, struct book);

static const struct peal_field book_fields[] = {
	PEAL_ID(struct book, id),
	PEAL_CHAR(struct book, title, .max_length = 20),
	PEAL_FOREIGN_KEY(struct book, owner, person_model, PEAL_SET_NULL, .null = true,
			 .related_name = "books"),
	PEAL_MANY_TO_MANY(struct book, marks, mark_model),
	PEAL_MANY_TO_MANY(struct book, likes, book_model),
};
PEAL_MODEL_DEFINE(book_model, struct book, .app = "lab", .name = "Book",
		  .fields = PEAL_FIELDS(book_fields));

/*
 *	books  1 "a" of Ana with the marks x and y, 2 "b" of Ana with y, 3 "c" of nobody without; 1 and 2 are alike
 */
static struct peal_db *begin(void)
{
	struct peal_db *db = begin_models();

	ADD_MODELS(&mark_model, &book_model);
	exec("INSERT INTO lab_person (id, name, age) VALUES (1, 'Ana', 10), (2, 'Bo', 20)");
	exec("INSERT INTO lab_book (id, title, owner_id) VALUES"
	     " (1, 'a', 1), (2, 'b', 1), (3, 'c', NULL)");
	exec("INSERT INTO lab_mark (id, name) VALUES (1, 'x'), (2, 'y')");
	exec("INSERT INTO lab_book_marks (book_id, mark_id) VALUES (1, 1), (1, 2), (2, 2)");
	exec("INSERT INTO lab_book_likes (from_book_id, to_book_id) VALUES (1, 2), (2, 1)");
	return db;
}

/* ---- Wrong names ----------------------------------------------------------------------------------------------------- */

static int run(struct peal_query *query, struct peal_error *error)
{
	struct peal_rows *rows = NULL;
	int r = peal_query_all(query, &rows, error);

	peal_rows_free(rows);
	return r;
}

#define ONE_NAME(name_) (&(const struct peal_names){ (const char *const[]){ name_ }, 1 })

static int by_filter(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_filter(query, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))));
	return run(query, error);
}

static int by_filter_any(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_filter_any(
		query, PEAL_WITH(PEAL_IS(book_model, title, "a"), PEAL_ARG(name, PEAL_TEXT("x"))));
	return run(query, error);
}

static int by_exclude(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_exclude(query, PEAL_WITH(PEAL_NOT(PEAL_ARG(name, PEAL_TEXT("x")))));
	return run(query, error);
}

static int by_expression(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_filter(query,
			  PEAL_WITH({ .name = "title__gt", .value = peal__value_field(0, name) }));
	return run(query, error);
}

static int by_inner_query(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct peal_query *inner = peal_query_new(&book_model);
	int r;

	peal_query_filter(query, PEAL_WITH({ .name = "title__in",
					     .operation = PEAL_OF_QUERY,
					     .query = inner,
					     .value = peal_value_text(name) }));
	r = run(query, error);
	peal_query_free(inner);
	return r;
}

static int by_order(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_order_by_names(query, ONE_NAME(name));
	return run(query, error);
}

static int by_select_related(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_select_related_names(query, ONE_NAME(name));
	return run(query, error);
}

static int by_prefetch(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_prefetch_names(query, ONE_NAME(name));
	return run(query, error);
}

static int by_only(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_only_names(query, ONE_NAME(name));
	return run(query, error);
}

static int by_defer(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_defer_names(query, ONE_NAME(name));
	return run(query, error);
}

static int by_values(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct peal_values *values = NULL;

	return peal_query_values(query, ONE_NAME(name), &values, error);
}

static int by_aggregate(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct peal_value value;

	return peal_query_aggregate(query, PEAL_AGGREGATES(PEAL_COUNT(name)), &value, error);
}

static int by_annotate(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_MAX(name, .as = "most")));
	return run(query, error);
}

static int by_update(struct peal_query *query, const char *name, struct peal_error *error)
{
	return peal_query_update(query, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))), NULL, error);
}

static int by_update_to(struct peal_query *query, const char *name, struct peal_error *error)
{
	return peal_query_update(
		query, PEAL_WITH({ .name = "title", .value = peal__value_field(0, name) }), NULL,
		error);
}

/* What counts, looks or deletes is given the conditions of a query. */
static int by_count(struct peal_query *query, const char *name, struct peal_error *error)
{
	int64_t count;

	peal_query_filter(query, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))));
	return peal_query_count(query, &count, error);
}

static int by_exists(struct peal_query *query, const char *name, struct peal_error *error)
{
	bool exists;

	peal_query_filter(query, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))));
	return peal_query_exists(query, &exists, error);
}

static int by_delete(struct peal_query *query, const char *name, struct peal_error *error)
{
	peal_query_filter(query, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))));
	return peal_query_delete(query, NULL, error);
}

static int by_stream(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct peal_stream *stream = NULL;

	peal_query_filter(query, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))));
	return peal_query_stream(query, &stream, error);
}

static int by_first(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct book book;

	peal_query_order_by_names(query, ONE_NAME(name));
	return peal_query_first(query, &book.instance, error);
}

static int by_last(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct book book;

	peal_query_order_by_names(query, ONE_NAME(name));
	return peal_query_last(query, &book.instance, error);
}

static int by_in_bulk(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct peal_rows *rows = NULL;

	peal_query_filter(query, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))));
	return peal_query_in_bulk(query, PEAL_VALUES(1), &rows, error);
}

static int by_get(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct book book;

	(void)query;
	return book_model_get(&book, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))), error);
}

static int by_get_or_create(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct book book;

	(void)query;
	return peal_get_or_create(&book_model, &book.instance, NULL,
				  PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))), NULL, NULL, error);
}

static int by_init(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct book book;

	(void)query;
	return book_model_init(&book, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT("x"))), error);
}

/* An instance that is there, without a statement. */
static struct book loaded;

static int by_field(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct peal_value value;
	int r = peal_field_set(&loaded.instance, name, PEAL_TEXT("x"), error);

	(void)query;
	T_CODE(peal_field_get(&loaded.instance, name, &value, error), r);
	return r;
}

static int by_update_fields(struct peal_query *query, const char *name, struct peal_error *error)
{
	(void)query;
	return PEAL_SAVE(&loaded.instance, error, .update_fields = { ONE_NAME(name)->items, 1 });
}

static int by_refresh(struct peal_query *query, const char *name, struct peal_error *error)
{
	(void)query;
	return peal_refresh_fields(&loaded.instance, ONE_NAME(name), error);
}

static int by_bulk_update(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct peal_instance *rows[] = { &loaded.instance };

	(void)query;
	return peal_bulk_update(&book_model, rows, 1, ONE_NAME(name), NULL, NULL, error);
}

static int by_bulk_create(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct peal_instance *rows[] = { &loaded.instance };

	(void)query;
	return PEAL_BULK_CREATE(&book_model, rows, 1, error,
				.update_fields = { ONE_NAME(name)->items, 1 });
}

static int by_unique_fields(struct peal_query *query, const char *name, struct peal_error *error)
{
	struct peal_instance *rows[] = { &loaded.instance };

	(void)query;
	return PEAL_BULK_CREATE(&book_model, rows, 1, error, .update_fields = PEAL_NAMES("title"),
				.unique_fields = { ONE_NAME(name)->items, 1 });
}

static int by_related(struct peal_query *query, const char *name, struct peal_error *error)
{
	(void)query;
	return peal_related_clear(&loaded.instance, name, PEAL_BY_UPDATE, error);
}

static int by_prefetch_of_instance(struct peal_query *query, const char *name,
				   struct peal_error *error)
{
	(void)query;
	return peal_prefetch((struct peal_instance *[]){ &loaded.instance }, 1, ONE_NAME(name),
			     error);
}

enum takes {
	PATHS,
	FIELDS,
	RELATIONS,
	BOTH, /* fields, and relations without further steps */
	FORWARD,
};

static const struct {
	const char *name;
	int (*use)(struct peal_query *query, const char *name, struct peal_error *error);
	enum takes takes;
} uses[] = {
	{ "filter", by_filter, PATHS },
	{ "filter_any", by_filter_any, PATHS },
	{ "exclude", by_exclude, PATHS },
	{ "expression", by_expression, PATHS },
	{ "inner query", by_inner_query, PATHS },
	{ "order_by", by_order, PATHS },
	{ "values", by_values, PATHS },
	{ "aggregate", by_aggregate, PATHS },
	{ "annotate", by_annotate, PATHS },
	{ "update to", by_update_to, PATHS },
	{ "count", by_count, PATHS },
	{ "exists", by_exists, PATHS },
	{ "delete", by_delete, PATHS },
	{ "stream", by_stream, PATHS },
	{ "first", by_first, PATHS },
	{ "last", by_last, PATHS },
	{ "in_bulk", by_in_bulk, PATHS },
	{ "get", by_get, PATHS },
	{ "get_or_create", by_get_or_create, PATHS },
	{ "only", by_only, FIELDS },
	{ "defer", by_defer, FIELDS },
	{ "update", by_update, FIELDS },
	{ "init", by_init, FIELDS },
	{ "field", by_field, FIELDS },
	{ "update_fields", by_update_fields, FIELDS },
	{ "bulk_update", by_bulk_update, FIELDS },
	{ "bulk_create", by_bulk_create, FIELDS },
	{ "unique_fields", by_unique_fields, FIELDS },
	{ "prefetch", by_prefetch, RELATIONS },
	{ "prefetch of an instance", by_prefetch_of_instance, RELATIONS },
	{ "related", by_related, RELATIONS },
	{ "refresh", by_refresh, BOTH },
	{ "select_related", by_select_related, FORWARD },
};

static size_t statements(void)
{
	struct peal__connection *c;

	T_OK(peal__connection_get(NULL, &c, NULL));
	return c->line->statement_count;
}

static void expect(size_t use, const char *name, const char *says)
{
	struct peal_query *query = peal_query_new(&book_model);
	struct peal_error error = { 0 };
	size_t before = statements();
	int r = uses[use].use(query, name, &error);

	if (r != PEAL_EINVAL || !strstr(error.message, says))
		T_FAIL("%s by \"%s\": %d: %s; expected: %s", uses[use].name, name, r, error.message,
		       says);
	T_UINT(statements(), before);
	peal_query_free(query);
}

TEST(every_function_says_what_there_is)
{
	static const char *const choices[] = {
		[PATHS] = "lab.Book has no field \"nothing\"; there are id, title, owner, marks",
		[FIELDS] = "lab.Book has no field \"nothing\"; there are id, title, owner",
		[RELATIONS] = "lab.Book has no relation \"nothing\"; there are owner, marks, likes",
		[BOTH] =
			"refresh: lab.Book has no field \"nothing\"; there are id, title, owner, marks",
		[FORWARD] = "lab.Book has no relation \"nothing\"; there are owner",
	};
	struct peal_db *db = begin();

	T_OK(book_model_get(&loaded, PEAL_WITH(PEAL_IS(book_model, id, 1)), NULL));
	for (size_t i = 0; i < PEAL_COUNTOF(uses); i++)
		expect(i, "nothing", choices[uses[i].takes]);
	peal_fini(&loaded.instance);
	end_models(db);
}

TEST(wrong_steps_of_paths)
{
	static const struct {
		enum takes takes;
		const char *name, *says;
	} wrong[] = {
		{ PATHS, "owner__nothing",
		  "lab.Person has no field \"nothing\"; there are id, name, age, bio, profile" },
		{ PATHS, "owner->nothing", "lab.Person has no field \"nothing\"" },
		{ PATHS, "marks__nothing",
		  "lab.Mark has no field \"nothing\"; there are id, name, book" },
		{ PATHS, "owner__books__nothing", "lab.Book has no field \"nothing\"" },
		{ PATHS, "nothing__title", "lab.Book has no field \"nothing\"" },
		{ PATHS, "title__nothing", "lab.Book.title" },
		{ PATHS, "owner_id__name", "lab.Book.owner_id" },
		{ PATHS, "", "lab.Book has no field \"\"" },
		{ PATHS, "__title", "lab.Book has no field \"\"" },
		{ FIELDS, "owner__name", "lab.Book has no field \"owner__name\"" },
		{ FIELDS, "marks", "lab.Book has no field \"marks\"" },
		{ FIELDS, "", "lab.Book has no field \"\"" },
		{ RELATIONS, "title", "lab.Book has no relation \"title\"" },
		{ BOTH, "owner__name", "lab.Book has no field \"owner__name\"" },
		{ BOTH, "", "lab.Book has no field \"\"" },
		{ FORWARD, "owner__nothing", "lab.Person has no relation \"nothing\"" },
		{ FORWARD, "marks",
		  "select_related: \"marks\" of lab.Book leads to several rows: use "
		  "peal_query_prefetch()" },
		{ FORWARD, "owner__books",
		  "select_related: \"books\" of lab.Person leads to several rows: use "
		  "peal_query_prefetch()" },
		{ FORWARD, "owner__profile",
		  "select_related: \"profile\" of lab.Person leads to a row that refers to it: use "
		  "peal_query_prefetch()" },
		{ FORWARD, "owner_id", "lab.Book has no relation \"owner_id\"" },
		{ FORWARD, "title", "lab.Book has no relation \"title\"" },
		{ FORWARD, "", "lab.Book has no relation \"\"" },
	};
	struct peal_db *db = begin();

	T_OK(book_model_get(&loaded, PEAL_WITH(PEAL_IS(book_model, id, 1)), NULL));
	for (size_t i = 0; i < PEAL_COUNTOF(uses); i++)
		for (size_t k = 0; k < PEAL_COUNTOF(wrong); k++)
			if (wrong[k].takes == uses[i].takes && *wrong[k].says)
				expect(i, wrong[k].name, wrong[k].says);
	peal_fini(&loaded.instance);
	end_models(db);
}

/* A model that was forgotten in PEAL_MODELS_REGISTER() is named by what refers to it. */
TEST(models_that_are_not_registered)
{
	static const char says[] = "lab.Book.owner refers to the model lab.Person, which is not "
				   "registered: give it to PEAL_MODELS_REGISTER() too";
	static const char *const names[] = { "owner__name", "owner->name", "owner__name__gt" };
	struct peal_db *db = open_database();
	struct peal_query *query;
	struct peal_error error = { 0 };

	T_OK(PEAL_MODELS_REGISTER(&error, &mark_model, &book_model));
	for (size_t i = 0; i < PEAL_COUNTOF(names); i++) {
		query = peal_query_new(&book_model);
		T_CODE(by_filter(query, names[i], &error), PEAL_EINVAL);
		T_STR(error.message, says);
		peal_query_free(query);
	}
	query = peal_query_new(&book_model);
	T_CODE(by_select_related(query, "owner", &error), PEAL_EINVAL);
	T_HAS(error.message, says);
	peal_query_free(query);
	T_CODE(peal_models_create_tables(NULL, &error), PEAL_EINVAL);
	T_STR(error.message, says);
	peal_models_forget();
	peal_db_close(db);
}

TEST(many_to_many_functions_name_those_for_foreign_keys)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct person ana;

	T_OK(person_model_get(&ana, PEAL_WITH(PEAL_IS(person_model, id, 1)), &error));
	T_CODE(peal_m2m_add(&ana.instance, "books", PEAL_VALUES(&ana.instance), NULL, &error),
	       PEAL_EINVAL);
	T_STR(error.message, "\"books\" of lab.Person is no many-to-many relation, but the other "
			     "side of a foreign key: use peal_related_add() and the others of "
			     "peal/related.h");
	peal_fini(&ana.instance);
	T_OK(book_model_get(&loaded, PEAL_WITH(PEAL_IS(book_model, id, 1)), NULL));
	T_CODE(peal_m2m_clear(&loaded.instance, "owner", &error), PEAL_EINVAL);
	T_STR(error.message, "\"owner\" of lab.Book is no many-to-many relation, but a foreign "
			     "key: set it by peal_field_set()");
	T_CODE(peal_m2m_clear(&loaded.instance, "nothing", &error), PEAL_EINVAL);
	T_HAS(error.message, "lab.Book has no many-to-many relation \"nothing\"");
	peal_fini(&loaded.instance);
	end_models(db);
}

TEST(lookups_that_are_none)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&book_model);
	struct peal_error error = { 0 };

	T_CODE(by_filter(query, "title__icontain", &error), PEAL_EINVAL);
	T_STR(error.message, "lab.Book.title: there is no lookup \"icontain\"; there are exact, "
			     "iexact, contains, icontains, startswith, istartswith, endswith, "
			     "iendswith, gt, gte, lt, lte, isnull, in, range");
	peal_query_free(query);
	query = peal_query_new(&book_model);
	T_CODE(by_filter(query, "owner__nme", &error), PEAL_EINVAL);
	T_HAS(error.message, "lab.Book.owner_id: there is no lookup \"nme\", and lab.Person has no "
			     "field \"nme\"; there are id, name, age, bio");
	T_STR(error.field, "nme");
	peal_query_free(query);
	end_models(db);
}

/* A list that is too long is cut at a name. */
TEST(many_names)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct sample sample;

	T_OK(sample_model_init(&sample, NULL, NULL));
	T_CODE(peal_field_set(&sample.instance,
			      "a_name_that_is_so_long_that_it_could_leave_no_room_for_the_others_"
			      "and_more_of_it",
			      PEAL_NULL, &error),
	       PEAL_EINVAL);
	T_HAS(error.message, "; there are id, i8, u8, i16, ");
	T_TRUE(strlen(error.message) < PEAL_ERROR_MESSAGE_MAX - 1);
	peal_fini(&sample.instance);
	end_models(db);
}

/* ---- Values and counts --------------------------------------------------------------------------------------------------- */

/* The rows of values as a text: "1 x, 1 y, 2 y, 3 -". */
static const char *values_of(struct peal_query *query, const struct peal_names *names)
{
	static char text[256];
	char one[PEAL_VALUE_TEXT_MAX + 64];
	struct peal_error error = { 0 };
	struct peal_values *values = NULL;

	text[0] = '\0';
	if (peal_query_values(query, names, &values, &error) != 0)
		T_FAIL("%s", error.message);
	for (size_t i = 0; i < peal_values_count(values); i++)
		for (size_t k = 0; k < names->count; k++) {
			struct peal_value value = peal_values_at(values, i)[k];

			strcat(text, k ? " " : i ? ", " : "");
			strcat(text, value.kind == PEAL_VALUE_NULL ? "-"
				     : value.kind == PEAL_VALUE_TEXT
					     ? value.as.text.data
					     : peal_value_format(value, one, sizeof(one)));
		}
	peal_values_free(values);
	peal_query_free(query);
	return text;
}

static struct peal_query *ordered(const struct peal_model *model, const char *second)
{
	struct peal_query *query = peal_query_new(model);

	peal_query_order_by(query, "pk", second);
	return query;
}

/* As Django's values_list(): a row for each of the related rows, and one for those without. */
TEST(values_over_many_to_many)
{
	struct peal_db *db = begin();
	struct peal_values *values;
	struct peal_query *query;
	int64_t count;

	T_STR(values_of(ordered(&book_model, "marks__name"), PEAL_NAMES_OF("id", "marks__name")),
	      "1 x, 1 y, 2 y, 3 -");
	T_STR(values_of(ordered(&book_model, "marks"), PEAL_NAMES_OF("title", "marks")),
	      "a 1, a 2, b 2, c -");
	T_STR(values_of(ordered(&mark_model, "book__title"),
			PEAL_NAMES_OF("name", "book__title", "book__owner__name")),
	      "x a Ana, y a Ana, y b Ana");
	T_STR(values_of(ordered(&book_model, "likes__marks__name"),
			PEAL_NAMES_OF("id", "likes__marks__name")),
	      "1 y, 2 x, 2 y, 3 -");
	T_STR(values_of(ordered(&person_model, "books__marks__name"),
			PEAL_NAMES_OF("name", "books", "books__marks__name")),
	      "Ana 1 x, Ana 1 y, Ana 2 y, Bo - -");
	/* The marks that are filtered are those that are read. */
	query = ordered(&book_model, "marks__name");
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("marks__name", PEAL_TEXT("y"))));
	T_STR(values_of(query, PEAL_NAMES_OF("id", "marks__name")), "1 y, 2 y");
	/* Reading columns leaves the query as it was. */
	query = peal_query_new(&book_model);
	T_OK(peal_query_values(query, PEAL_NAMES_OF("marks__name"), &values, NULL));
	peal_values_free(values);
	T_OK(peal_query_count(query, &count, NULL));
	T_INT(count, 3);
	peal_query_free(query);
	query = peal_query_new(&book_model);
	peal_query_order_by(query, "marks__name");
	peal_query_distinct(query);
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("marks__isnull", PEAL_BOOL(false))));
	T_STR(values_of(query, PEAL_NAMES_OF("marks__name")), "x, y");
	query = peal_query_new(&mark_model);
	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_COUNT("book", .as = "n")));
	peal_query_order_by(query, "name");
	T_STR(values_of(query, PEAL_NAMES_OF("name", "n")), "x 1, y 2");
	query = ordered(&book_model, "marks__name");
	peal_query_slice(query, 1, 2);
	T_STR(values_of(query, PEAL_NAMES_OF("id", "marks__name")), "1 y, 2 y");
	end_models(db);
}

/* A count is the number of rows that the same query gives. */
static void count_is(int64_t count, struct peal_query *query)
{
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;
	int64_t counted = -1;
	bool exists;

	if (peal_query_count(query, &counted, &error) != 0 ||
	    peal_query_exists(query, &exists, &error) != 0 ||
	    peal_query_all(query, &rows, &error) != 0)
		T_FAIL("%s", error.message);
	T_INT(counted, count);
	T_UINT(peal_rows_count(rows), count);
	T_INT(exists, count > 0);
	peal_rows_free(rows);
	peal_query_free(query);
}

TEST(counts_of_distinct_and_sliced_queries)
{
	struct peal_db *db = begin();
	struct peal_query *query;

	count_is(4, ordered(&book_model, "marks__name"));
	query = ordered(&book_model, "title");
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("marks__isnull", PEAL_BOOL(false))));
	count_is(3, peal_query_copy(query));
	peal_query_distinct(query);
	count_is(2, peal_query_copy(query));
	peal_query_slice(query, 1, 5);
	count_is(1, peal_query_copy(query));
	peal_query_slice(query, 1, 5);
	count_is(0, query);
	query = ordered(&book_model, "title");
	peal_query_slice(query, 1, INT64_MAX);
	count_is(2, peal_query_copy(query));
	peal_query_slice(query, 0, 1);
	count_is(1, query);
	query = peal_query_new(&book_model);
	peal_query_slice(query, 0, 0);
	count_is(0, query);
	query = peal_query_new(&book_model);
	peal_query_slice(query, 100, 10);
	count_is(0, query);
	/* Of groups. */
	query = peal_query_new(&book_model);
	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_COUNT("marks", .as = "n")));
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("n__gt", PEAL_INT(0))));
	count_is(2, peal_query_copy(query));
	peal_query_order_by(query, "-n");
	peal_query_slice(query, 0, 1);
	count_is(1, query);
	/* What is loaded besides does not count. */
	query = peal_query_new(&book_model);
	peal_query_select_related(query, "owner");
	peal_query_prefetch(query, "marks");
	peal_query_only(query, "title");
	peal_query_distinct(query);
	count_is(3, query);
	end_models(db);
}
