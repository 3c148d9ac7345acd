/* SPDX-License-Identifier: MIT */
/* The ordering of a model: where it counts, where it does not, and what takes its place. */
#include "models.h"

#include <peal/bulk.h>

#include <stdio.h>
#include <string.h>

struct writer {
	struct peal_instance instance;
	int64_t id;
	const char *name;
};
PEAL_MODEL_DECLARE(writer_model, struct writer);

struct book {
	struct peal_instance instance;
	int64_t id;
	const char *title;
	int32_t year;
	int64_t writer_id;
	struct writer *writer;
};
PEAL_MODEL_DECLARE(book_model, struct book);

struct page {
	struct peal_instance instance;
	int64_t id;
	int64_t book_id;
	struct book *book;
};
PEAL_MODEL_DECLARE(page_model, struct page);

/* Ordered by itself: it never ends. */
struct ring {
	struct peal_instance instance;
	int64_t id;
	int64_t next_id;
	struct ring *next;
};
PEAL_MODEL_DECLARE(ring_model, struct ring);

static const struct peal_field writer_fields[] = {
	PEAL_ID(struct writer, id),
	PEAL_CHAR(struct writer, name, .max_length = 20),
};
PEAL_MODEL_DEFINE(writer_model, struct writer, .app = "shop", .name = "Writer",
		  .fields = PEAL_FIELDS(writer_fields), .ordering = PEAL_NAMES("-name"));

static const struct peal_field book_fields[] = {
	PEAL_ID(struct book, id),
	PEAL_CHAR(struct book, title, .max_length = 20),
	PEAL_INTEGER(struct book, year),
	PEAL_FOREIGN_KEY(struct book, writer, writer_model, PEAL_CASCADE, .related_name = "books"),
};
PEAL_MODEL_DEFINE(book_model, struct book, .app = "shop", .name = "Book",
		  .fields = PEAL_FIELDS(book_fields), .ordering = PEAL_NAMES("-year", "title"));

static const struct peal_field page_fields[] = {
	PEAL_ID(struct page, id),
	PEAL_FOREIGN_KEY(struct page, book, book_model, PEAL_CASCADE, .related_name = "pages"),
};
PEAL_MODEL_DEFINE(page_model, struct page, .app = "shop", .name = "Page",
		  .fields = PEAL_FIELDS(page_fields), .ordering = PEAL_NAMES("book", "-pk"));

static const struct peal_field ring_fields[] = {
	PEAL_ID(struct ring, id),
	PEAL_FOREIGN_KEY(struct ring, next, ring_model, PEAL_CASCADE, .null = true),
};
PEAL_MODEL_DEFINE(ring_model, struct ring, .app = "shop", .name = "Ring",
		  .fields = PEAL_FIELDS(ring_fields), .ordering = PEAL_NAMES("next"));

static struct peal_db *begin(void)
{
	struct peal_db *db = open_database();

	ADD_MODELS(&writer_model, &book_model, &page_model, &ring_model);
	exec("INSERT INTO shop_writer (id, name) VALUES (1, 'Ana'), (2, 'Bea')");
	exec("INSERT INTO shop_book (id, title, year, writer_id) VALUES (1, 'c', 1990, 1), "
	     "(2, 'b', 2010, 2), (3, 'a', 2010, 1), (4, 'd', 2000, 2)");
	exec("INSERT INTO shop_page (id, book_id) VALUES (1, 1), (2, 1), (3, 2), (4, 3), (5, 4)");
	return db;
}

/* Asked twice: asking must not change the query. */
#define T_ORDER(query_, expected_)                 \
	do {                                       \
		T_STR(keys_of(query_), expected_); \
		T_STR(keys_of(query_), expected_); \
	} while (0)

TEST(rows_come_in_the_order_of_the_model)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&book_model);
	struct peal_stream *stream;
	struct peal_instance *instance;
	struct peal_values *values;
	struct book b;

	T_ORDER(query, "3 2 4 1");
	T_OK(peal_query_first(query, &b.instance, NULL));
	T_INT(b.id, 3);
	peal_fini(&b.instance);
	T_OK(peal_query_last(query, &b.instance, NULL));
	T_INT(b.id, 1);
	peal_fini(&b.instance);
	T_OK(peal_query_stream(query, &stream, NULL));
	T_OK(peal_stream_next(stream, &instance, NULL));
	T_INT(peal_key(instance).as.integer, 3);
	peal_stream_free(stream);
	T_OK(peal_query_values(query, PEAL_NAMES_OF("id"), &values, NULL));
	T_INT(peal_values_at(values, 3)[0].as.integer, 1);
	peal_values_free(values);
	T_ORDER(query, "3 2 4 1");
	peal_query_slice(query, 1, 2);
	T_ORDER(query, "2 4");
	peal_query_slice(query, 1, 1);
	T_OK(peal_query_get(query, &b.instance, NULL));
	T_INT(b.id, 4);
	peal_fini(&b.instance);
	peal_query_free(query);
	end_models(db);
}

TEST(the_querys_own_order_takes_its_place)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&book_model);
	struct peal_query *copy;
	struct book b;

	peal_query_order_by(query, "id");
	T_ORDER(query, "1 2 3 4");
	copy = peal_query_copy(query);
	T_ORDER(copy, "1 2 3 4");
	peal_query_free(copy);
	/* None: then the first is that of the smallest key. */
	peal_query_unordered(query);
	T_OK(peal_query_first(query, &b.instance, NULL));
	T_INT(b.id, 1);
	peal_fini(&b.instance);
	T_OK(peal_query_last(query, &b.instance, NULL));
	T_INT(b.id, 4);
	peal_fini(&b.instance);
	copy = peal_query_copy(query);
	T_OK(peal_query_last(copy, &b.instance, NULL));
	T_INT(b.id, 4);
	peal_fini(&b.instance);
	peal_query_free(copy);
	peal_query_order_by_names(query, &(const struct peal_names)PEAL_NO_NAMES);
	T_OK(peal_query_first(query, &b.instance, NULL));
	T_INT(b.id, 1);
	peal_fini(&b.instance);
	peal_query_free(query);
	end_models(db);
}

/* By the name of a relation: by the ordering of its model. */
TEST(orders_of_related_models)
{
	struct peal_db *db = begin();
	struct peal_query *pages = peal_query_new(&page_model);
	struct peal_query *books = peal_query_new(&book_model);

	T_ORDER(pages, "4 3 5 2 1");
	peal_query_order_by(pages, "-book", "pk");
	T_ORDER(pages, "1 2 5 3 4");
	peal_query_order_by(pages, "book_id", "pk");
	T_ORDER(pages, "1 2 3 4 5");
	peal_query_order_by(pages, "book__writer", "-pk");
	T_ORDER(pages, "5 3 4 2 1");
	peal_query_order_by(books, "writer", "id");
	T_ORDER(books, "2 4 1 3");
	peal_query_order_by(books, "-writer", "id");
	T_ORDER(books, "1 3 2 4");
	peal_query_order_by(books, "-writer_id", "id");
	T_ORDER(books, "2 4 1 3");
	peal_query_free(pages);
	peal_query_free(books);
	end_models(db);
}

TEST(circles_are_seen)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&ring_model);
	struct peal_error error = { 0 };
	struct peal_rows *rows;
	int64_t count;

	T_CODE(peal_query_all(query, &rows, &error), PEAL_EINVAL);
	T_STR(error.message, "order_by: shop.Ring: the .ordering of its models goes in circles");
	T_OK(peal_query_count(query, &count, &error));
	peal_query_order_by(query, "next_id");
	T_OK(peal_query_all(query, &rows, &error));
	peal_rows_free(rows);
	peal_query_free(query);
	end_models(db);
}

/* Groups would become others; for the rest an order means nothing. */
TEST(where_it_does_not_count)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&page_model);
	struct peal_query *inner = peal_query_new(&book_model);
	struct peal_value value;
	struct peal_values *values;
	int64_t count;
	bool exists;

	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_COUNT("pk", .as = "n")));
	T_OK(peal_query_values(query, PEAL_NAMES_OF("book__year", "n"), &values, NULL));
	T_UINT(peal_values_count(values), 3);
	peal_values_free(values);
	peal_query_free(query);
	query = peal_query_new(&page_model);
	T_OK(peal_query_count(query, &count, NULL));
	T_INT(count, 5);
	T_OK(peal_query_exists(query, &exists, NULL));
	T_TRUE(exists);
	T_OK(peal_query_aggregate(query, PEAL_AGGREGATES(PEAL_MAX("id")), &value, NULL));
	T_INT(value.as.integer, 5);
	/* In a query, but for a slice of it. */
	peal_query_filter(query, PEAL_WITH(PEAL_IN_QUERY(page_model, book_id, inner, "pk")));
	T_ORDER(query, "4 3 5 2 1");
	peal_query_free(query);
	query = peal_query_new(&page_model);
	peal_query_slice(inner, 0, 2);
	peal_query_filter(query, PEAL_WITH(PEAL_IN_QUERY(page_model, book_id, inner, "pk")));
	T_ORDER(query, "4 3");
	T_OK(peal_query_aggregate(inner, PEAL_AGGREGATES(PEAL_MIN("year")), &value, NULL));
	T_INT(value.as.integer, 2010);
	T_OK(peal_query_update(query, PEAL_WITH(PEAL_SET(page_model, book_id, 1)), &count, NULL));
	T_INT(count, 2);
	peal_query_free(query);
	query = peal_query_new(&book_model);
	T_OK(peal_query_delete(query, NULL, NULL));
	T_INT(COUNT("shop_page"), 0);
	peal_query_free(query);
	peal_query_free(inner);
	end_models(db);
}

TEST(distinct_rows_are_ordered_too)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&page_model);

	peal_query_distinct(query);
	T_ORDER(query, "4 3 5 2 1");
	peal_query_free(query);
	query = peal_query_new(&book_model);
	peal_query_distinct(query);
	peal_query_filter(query, PEAL_WITH(PEAL_ARG("pages__id__gt", PEAL_INT(0))));
	T_ORDER(query, "3 2 4 1");
	peal_query_free(query);
	end_models(db);
}

TEST(prefetched_rows_are_ordered_too)
{
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&writer_model);
	const struct peal_rows *books;
	struct peal_rows *rows;

	peal_query_prefetch(query, "books");
	T_OK(peal_query_all(query, &rows, NULL));
	T_INT(peal_key(peal_rows_at(rows, 0)).as.integer, 2);
	books = peal_prefetched(peal_rows_at(rows, 1), "books");
	T_INT(peal_key(peal_rows_at(books, 0)).as.integer, 3);
	T_INT(peal_key(peal_rows_at(books, 1)).as.integer, 1);
	peal_rows_free(rows);
	peal_query_free(query);
	end_models(db);
}

static int look(struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&page_model);
	struct page p = { 0 };
	struct peal_values *values = NULL;
	struct peal_rows *rows = NULL;
	int r = peal_query_all(query, &rows, error);

	peal_rows_free(rows);
	if (r == 0)
		r = peal_query_values(query, PEAL_NAMES_OF("id"), &values, error);
	peal_values_free(values);
	if (r == 0)
		r = peal_query_last(query, &p.instance, error);
	peal_query_free(query);
	peal_fini(&p.instance);
	return r == PEAL_NOT_FOUND ? 0 : r;
}

TEST(every_allocation_may_fail)
{
	const char *url = database_url();

	T_ALLOC_LOOP(run) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		int r = peal_db_open(url, &db, &error);

		if (r == 0)
			r = PEAL_MODELS_REGISTER(&error, &writer_model, &book_model, &page_model);
		if (r == 0)
			r = peal_models_create_tables(NULL, &error);
		if (r == 0)
			r = look(&error);
		T_CODE(r, test_alloc_failed() ? PEAL_ENOMEM : 0);
		peal_models_forget();
		peal_db_close(db);
	}
}
