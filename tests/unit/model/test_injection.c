/* SPDX-License-Identifier: MIT */
/*
 * What people type never becomes SQL: hostile texts through every kind of field and every lookup, compared with what C
 * finds in them; hostile names wherever a name may be given at run time, refused; and tables and columns whose own
 * names are hostile.
 */
#include "models.h"

#include <peal/bulk.h>
#include <peal/fixture.h>
#include <peal/m2m.h>
#include <peal/validate.h>

#include "hostile.h"

#include <ctype.h>
#include <string.h>

#define LONG ((size_t)1 << 20)

struct hostile {
	struct peal_instance instance;
	int64_t id;
	const char *name;
	const char *body;
	const char *slug;
	const char *email;
	const char *url;
	const char *file;
	const char *image;
	struct peal_bytes bytes;
	const char *json;
	int64_t parent_id;
	struct hostile *parent;
};
PEAL_MODEL_DECLARE(hostile_model, struct hostile);

#define ROOM .max_length = 2000000
static const struct peal_field hostile_fields[] = {
	PEAL_ID(struct hostile, id, .column = "i\"d"),
	PEAL_CHAR(struct hostile, name, ROOM, .column = "select"),
	PEAL_LONG_TEXT(struct hostile, body, .column = "a'b; --"),
	/* Without its index: that of PostgreSQL has no room for long texts. */
	PEAL_CHAR(struct hostile, slug, ROOM, .column = "$1"),
	PEAL_EMAIL(struct hostile, email, ROOM, .column = "?"),
	PEAL_URL(struct hostile, url, ROOM, .column = "\"\""),
	PEAL_FILE(struct hostile, file, ROOM, .column = "a.b"),
	PEAL_IMAGE(struct hostile, image, ROOM, .column = "%s"),
	PEAL_BLOB(struct hostile, bytes, .column = "/*", .initial = PEAL_INITIAL_BYTES("")),
	PEAL_JSON(struct hostile, json, .column = "a\\b", .initial = PEAL_INITIAL_TEXT("{}")),
	PEAL_FOREIGN_KEY(struct hostile, parent, hostile_model, PEAL_CASCADE, .null = true,
			 .column = "gro\xc3\x9f \xf0\x9f\x98\x80", .related_name = "children"),
};
static const struct peal_index hostile_indexes[] = { PEAL_INDEX("parent", "-id") };
PEAL_MODEL_DEFINE(hostile_model, struct hostile, .app = "lab", .name = "Hostile",
		  .table = "hos\"tile'; DROP TABLE \"x\" --", .fields = PEAL_FIELDS(hostile_fields),
		  .indexes = PEAL_INDEXES(hostile_indexes));
#define TABLE "\"hos\"\"tile'; DROP TABLE \"\"x\"\" --\""

/* A key of text, and relations by it. */
struct label {
	struct peal_instance instance;
	const char *text;
	const char *note;
};
PEAL_MODEL_DECLARE(label_model, struct label);

struct labelled {
	struct peal_instance instance;
	int64_t id;
	const char *label_id;
	struct label *label;
};
PEAL_MODEL_DECLARE(labelled_model, struct labelled);

static const struct peal_field label_fields[] = {
	PEAL_CHAR(struct label, text, .max_length = 100, .primary_key = true),
	PEAL_CHAR(struct label, note, .max_length = 100),
};
PEAL_MODEL_DEFINE(label_model, struct label, .app = "lab", .name = "Label", .table = "order",
		  .fields = PEAL_FIELDS(label_fields));

static const struct peal_field labelled_fields[] = {
	PEAL_ID(struct labelled, id),
	PEAL_FOREIGN_KEY(struct labelled, label, label_model, PEAL_CASCADE, .column = "group"),
	PEAL_MANY_TO_MANY(struct labelled, others, label_model, .related_name = "those",
			  .table = "where"),
};
PEAL_MODEL_DEFINE(labelled_model, struct labelled, .app = "lab", .name = "Labelled",
		  .table = "user", .fields = PEAL_FIELDS(labelled_fields));

static struct peal_db *begin(void)
{
	struct peal_db *db = open_database();

	for (int i = 0; i < 2; i++)
		ADD_MODELS(&hostile_model, &label_model, &labelled_model);
	return db;
}

/* Refers twice to a table that is made later; PostgreSQL cuts the names of what belongs to it. */
struct lengthy {
	struct peal_instance instance;
	int64_t id;
	int64_t first_id;
	struct hostile *first;
	int64_t second_id;
	struct hostile *second;
};
PEAL_MODEL_DECLARE(lengthy_model, struct lengthy);

static const struct peal_field lengthy_fields[] = {
	PEAL_ID(struct lengthy, id),
	PEAL_FOREIGN_KEY(struct lengthy, first, hostile_model, PEAL_CASCADE, .null = true,
			 .related_name = "firsts"),
	PEAL_FOREIGN_KEY(struct lengthy, second, hostile_model, PEAL_CASCADE, .null = true,
			 .related_name = "seconds"),
};
/* Its 54th byte is in the middle of a letter. */
#define LENGTHY "a_table_with_a_name_that_is_so_long_that_it_is_cut_in\xf0\x9f\x98\x80"
PEAL_MODEL_DEFINE(lengthy_model, struct lengthy, .app = "lab", .name = "Lengthy",
		  .table = LENGTHY "_xxxxx", .fields = PEAL_FIELDS(lengthy_fields));

TEST(names_that_are_too_long)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	struct lengthy row;

	for (int i = 0; i < 2; i++) {
		must(PEAL_MODELS_REGISTER(&error, &lengthy_model, &hostile_model), &error);
		must(peal_models_create_tables(NULL, &error), &error);
	}
	T_CODE(lengthy_model_create(&row, PEAL_WITH(PEAL_SET(lengthy_model, first_id, 99)), &error),
	       PEAL_EINTEGRITY);
	T_CODE(lengthy_model_create(&row, PEAL_WITH(PEAL_SET(lengthy_model, second_id, 99)),
				    &error),
	       PEAL_EINTEGRITY);
	must(lengthy_model_create(&row, NULL, &error), &error);
	peal_fini(&row.instance);
	end_models(db);
}

/* ---- Texts ----------------------------------------------------------------------------------------------------------- */

#define TEXTS_MAX (PEAL_COUNTOF(hostile_texts) + 1)

/* All of them, and a long one. */
static size_t texts(const char **ret, size_t size)
{
	static char large[LONG + 1];

	memcpy(ret, hostile_texts, sizeof(hostile_texts));
	for (size_t i = 0; i < size; i++)
		large[i] = "x'%\\"[i % 4];
	memcpy(large + size - 3, "end", 3);
	ret[PEAL_COUNTOF(hostile_texts)] = large;
	return TEXTS_MAX;
}

/* A JSON text that says it. */
static const char *quoted(const char *text)
{
	static char json[6 * LONG];
	char *at = json;

	*at++ = '"';
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == '"' || c == '\\')
			at += sprintf(at, "\\u%04x", c);
		else
			*at++ = (char)c;
	}
	strcpy(at, "\"");
	return json;
}

static const char **text_member(struct hostile *h, int i)
{
	const char **const members[] = { &h->name, &h->body, &h->slug, &h->email,
					 &h->url,  &h->file, &h->image };

	return members[i];
}
#define TEXT_MEMBERS 7
static const char *const text_names[TEXT_MEMBERS] = { "name", "body", "slug", "email",
						      "url",  "file", "image" };

static void fill(struct hostile *h, const char *text)
{
	for (int i = 0; i < TEXT_MEMBERS; i++)
		T_OK(peal_set_text(&h->instance, text_member(h, i), text));
	T_OK(peal_set_bytes(&h->instance, &h->bytes, text, strlen(text)));
	T_OK(peal_set_text(&h->instance, &h->json, quoted(text)));
}

/* Byte by byte. Of JSON PostgreSQL keeps what it says: its words may be spelt otherwise. */
static void is_filled(struct hostile *h, const char *text)
{
	for (int i = 0; i < TEXT_MEMBERS; i++)
		T_STR(*text_member(h, i), text);
	T_UINT(h->bytes.size, strlen(text));
	T_MEM(h->bytes.data, text, h->bytes.size);
	if (!runs_on("postgresql"))
		T_STR(h->json, quoted(text));
	T_TRUE(peal_is_json(h->json));
}

static void get_by_id(struct hostile *h, int64_t id)
{
	struct peal_error error = { 0 };

	must(hostile_model_get(h, PEAL_WITH(PEAL_IS(hostile_model, id, id)), &error), &error);
}

TEST(texts_come_back_as_they_were)
{
	const char *all[TEXTS_MAX];
	size_t count = texts(all, LONG);
	struct peal_db *db = begin();
	struct peal_error error = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct hostile h, back;

		/* created */
		must(hostile_model_create(&h,
					  PEAL_WITH(PEAL_SET(hostile_model, name, all[i]),
						    PEAL_ARG("body", PEAL_TEXT(all[i])),
						    PEAL_SET(hostile_model, json, "[]")),
					  &error),
		     &error);
		get_by_id(&back, h.id);
		T_STR(back.name, all[i]);
		T_STR(back.body, all[i]);
		peal_fini(&back.instance);
		/* saved */
		fill(&h, all[i]);
		must(peal_save(&h.instance, &error), &error);
		get_by_id(&back, h.id);
		is_filled(&back, all[i]);
		/* saved, some fields only */
		fill(&back, "x");
		must(PEAL_SAVE(&back.instance, &error,
			       .update_fields = PEAL_NAMES("name", "bytes")),
		     &error);
		must(peal_refresh(&back.instance, &error), &error);
		T_STR(back.name, "x");
		T_STR(back.body, all[i]);
		peal_fini(&back.instance);
		peal_fini(&h.instance);
	}
	T_INT(COUNT(TABLE), (int64_t)count);
	end_models(db);
}

TEST(many_texts_at_once)
{
	const char *all[TEXTS_MAX];
	size_t count = texts(all, LONG);
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct peal_instance *rows[TEXTS_MAX];
	int64_t changed;

	for (size_t i = 0; i < count; i++) {
		must(peal_new(&hostile_model, NULL, &rows[i], &error), &error);
		fill(hostile_model_from(rows[i]), all[i]);
	}
	must(peal_bulk_create(&hostile_model, rows, count, NULL, &error), &error);
	for (size_t i = 0; i < count; i++) {
		struct hostile back;

		get_by_id(&back, hostile_model_from(rows[i])->id);
		is_filled(&back, all[i]);
		peal_fini(&back.instance);
		fill(hostile_model_from(rows[i]), all[count - 1 - i]);
	}
	must(peal_bulk_update(&hostile_model, rows, count,
			      PEAL_NAMES_OF("name", "body", "slug", "email", "url", "file", "image",
					    "bytes", "json"),
			      NULL, &changed, &error),
	     &error);
	T_INT(changed, (int64_t)count);
	for (size_t i = 0; i < count; i++) {
		struct hostile back;

		get_by_id(&back, hostile_model_from(rows[i])->id);
		is_filled(&back, all[count - 1 - i]);
		peal_fini(&back.instance);
		peal_free(rows[i]);
	}
	end_models(db);
}

/* One row of all is changed, and to what was said. */
TEST(texts_in_updates_by_query)
{
	const char *all[TEXTS_MAX];
	size_t count = texts(all, LONG);
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct hostile h, other, back;

	must(hostile_model_create(&h, NULL, &error), &error);
	must(hostile_model_create(&other, NULL, &error), &error);
	for (size_t i = 0; i < count; i++) {
		struct peal_query *query = peal_query_new(&hostile_model);
		int64_t changed;

		peal_query_filter(query, PEAL_WITH(PEAL_IS(hostile_model, id, h.id)));
		must(peal_query_update(
			     query,
			     PEAL_WITH(PEAL_SET(hostile_model, name, all[i]),
				       PEAL_ARG("body", PEAL_TEXT(all[i])),
				       PEAL_SET(hostile_model, slug, all[i]),
				       PEAL_SET(hostile_model, email, all[i]),
				       PEAL_SET(hostile_model, url, all[i]),
				       PEAL_SET(hostile_model, file, all[i]),
				       PEAL_SET(hostile_model, image, all[i]),
				       PEAL_ARG("bytes", PEAL_BYTES(all[i], strlen(all[i]))),
				       PEAL_SET(hostile_model, json, quoted(all[i]))),
			     &changed, &error),
		     &error);
		T_INT(changed, 1);
		get_by_id(&back, h.id);
		is_filled(&back, all[i]);
		peal_fini(&back.instance);
		peal_query_free(query);
	}
	get_by_id(&back, other.id);
	T_STR(back.name, "");
	peal_fini(&back.instance);
	peal_fini(&other.instance);
	peal_fini(&h.instance);
	end_models(db);
}

TEST(texts_as_keys_and_in_relations)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };

	for (size_t i = 0; i < PEAL_COUNTOF(hostile_texts); i++) {
		const char *text = hostile_texts[i];
		struct labelled labelled, back;
		struct label label, other;
		struct peal_query *query;
		int64_t count;
		bool created;

		must(peal_get_or_create(&label_model, &label.instance, NULL,
					PEAL_WITH(PEAL_SET(label_model, text, text)),
					PEAL_WITH(PEAL_SET(label_model, note, text)), &created,
					&error),
		     &error);
		T_TRUE(created);
		must(peal_update_or_create(&label_model, &other.instance, NULL,
					   PEAL_WITH(PEAL_SET(label_model, text, text)),
					   PEAL_WITH(PEAL_SET(label_model, note, "changed")),
					   &created, &error),
		     &error);
		T_FALSE(created);
		T_STR(other.text, text);
		must(labelled_model_create(&labelled,
					   PEAL_WITH(PEAL_SET(labelled_model, label_id, text)),
					   &error),
		     &error);
		must(labelled_model_get(
			     &back, PEAL_WITH(PEAL_IS(labelled_model, label->text, text)), &error),
		     &error);
		T_INT(back.id, labelled.id);
		must(peal_m2m_add(&labelled.instance, "others", PEAL_VALUES(text), NULL, &error),
		     &error);
		must(peal_m2m_set(&label.instance, "those", PEAL_VALUES(labelled.id), NULL, &error),
		     &error);
		query = peal_m2m_query(&label.instance, "those");
		must(peal_query_count(query, &count, &error), &error);
		T_INT(count, 1);
		peal_query_free(query);
		must(peal_m2m_remove(&labelled.instance, "others", PEAL_VALUES(text), &error),
		     &error);
		T_INT(COUNT("\"where\""), 0);
		/* It takes what refers to it, and nothing else. */
		must(peal_delete(&label.instance, NULL, &error), &error);
		T_INT(COUNT("\"user\""), 0);
		T_INT(COUNT("\"order\""), 0);
		peal_fini(&other.instance);
		peal_fini(&label.instance);
		peal_fini(&labelled.instance);
		peal_fini(&back.instance);
	}
	end_models(db);
}

TEST(texts_in_fixtures)
{
	const char *all[TEXTS_MAX];
	size_t count = texts(all, LONG);
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	int64_t ids[TEXTS_MAX], dumped, loaded;
	FILE *file = tmpfile();
	size_t size;
	char *json;

	for (size_t i = 0; i < count; i++) {
		struct hostile h;

		must(hostile_model_init(&h, NULL, &error), &error);
		fill(&h, all[i]);
		must(peal_save(&h.instance, &error), &error);
		ids[i] = h.id;
		peal_fini(&h.instance);
	}
	must(peal_fixture_dump(file, NULL, 0, NULL, &dumped, &error), &error);
	T_INT(dumped, (int64_t)count);
	exec("DELETE FROM " TABLE);
	size = (size_t)ftell(file);
	json = malloc(size);
	rewind(file);
	T_UINT(fread(json, 1, size, file), size);
	must(peal_fixture_load_text(json, size, NULL, &loaded, &error), &error);
	T_INT(loaded, dumped);
	free(json);
	fclose(file);
	for (size_t i = 0; i < count; i++) {
		struct hostile back;

		get_by_id(&back, ids[i]);
		/* Of JSON the loader keeps what it says. */
		T_OK(peal_set_text(&back.instance, &back.json, quoted(all[i])));
		is_filled(&back, all[i]);
		peal_fini(&back.instance);
	}
	end_models(db);
}

/* A text with a NUL is refused wherever it is given, and nothing of it is kept. */
TEST(texts_with_a_nul)
{
	static const struct {
		const char *data;
		size_t size;
	} nuls[] = { { "", 1 }, { "a\0b", 3 }, { "'\0--", 4 }, { "\0\0\0", 3 }, { "end\0", 4 } };
	struct peal_db *db = begin();
	struct hostile h;

	for (size_t i = 0; i < PEAL_COUNTOF(nuls); i++) {
		struct peal_value value = { .kind = PEAL_VALUE_TEXT,
					    .as.text = { nuls[i].data, nuls[i].size } };
		struct peal_error error = { 0 };

		for (int j = 0; j < TEXT_MEMBERS; j++) {
			struct peal_query *query = peal_query_new(&hostile_model);
			int64_t count;

			T_CODE(hostile_model_create(&h, PEAL_WITH(PEAL_ARG(text_names[j], value)),
						    &error),
			       PEAL_ETYPE);
			T_HAS(error.message, text_names[j]);
			T_HAS(error.message, "NUL");
			T_CODE(peal_query_update(query, PEAL_WITH(PEAL_ARG(text_names[j], value)),
						 NULL, &error),
			       PEAL_ETYPE);
			peal_query_filter(query, PEAL_WITH(PEAL_ARG(text_names[j], value)));
			T_CODE(peal_query_count(query, &count, &error), PEAL_ETYPE);
			peal_query_free(query);
		}
		/* JSON: refused too, as text and as an escape that PostgreSQL cannot keep. */
		T_CODE(hostile_model_create(&h, PEAL_WITH(PEAL_ARG("json", value)), &error),
		       PEAL_ETYPE);
		T_OK(hostile_model_init(&h, NULL, &error));
		T_CODE(peal_field_set(&h.instance, "name", value, &error), PEAL_ETYPE);
		T_STR(h.name, "");
		/* Bytes may have one. */
		T_OK(peal_set_bytes(&h.instance, &h.bytes, nuls[i].data, nuls[i].size));
		T_OK(peal_save(&h.instance, &error));
		T_OK(peal_refresh(&h.instance, &error));
		T_UINT(h.bytes.size, nuls[i].size);
		T_MEM(h.bytes.data, nuls[i].data, nuls[i].size);
		peal_fini(&h.instance);
	}
	T_INT(COUNT(TABLE), (int64_t)PEAL_COUNTOF(nuls));
	end_models(db);
}

/* PostgreSQL refuses what is no UTF-8; SQLite keeps it byte by byte, but no JSON file can. */
TEST(texts_that_are_no_utf8)
{
	struct peal_db *db = begin();
	struct peal_query *every = peal_query_new(&hostile_model);

	for (size_t i = 0; i < PEAL_COUNTOF(hostile_bytes); i++) {
		const char *text = hostile_bytes[i];
		struct peal_error error = { 0 };
		struct hostile h, back;
		FILE *file = tmpfile();
		int r;

		T_CODE(hostile_model_create(
			       &h, PEAL_WITH(PEAL_SET(hostile_model, json, quoted(text))), &error),
		       PEAL_ETYPE);
		T_CODE(peal_query_update(every,
					 PEAL_WITH(PEAL_SET(hostile_model, json, quoted(text))),
					 NULL, &error),
		       PEAL_ETYPE);
		T_OK(hostile_model_init(&h, PEAL_WITH(PEAL_SET(hostile_model, name, text)),
					&error));
		r = peal_save(&h.instance, &error);
		if (runs_on("postgresql")) {
			T_CODE(r, PEAL_ETYPE);
			T_STR(error.sqlstate, "22021");
		} else {
			must(r, &error);
			must(hostile_model_get(&back, PEAL_WITH(PEAL_IS(hostile_model, name, text)),
					       &error),
			     &error);
			T_STR(back.name, text);
			peal_fini(&back.instance);
			T_CODE(peal_fixture_dump(file, NULL, 0, NULL, NULL, &error), PEAL_EINVAL);
			T_HAS(error.message, "lab.Hostile.name");
			T_HAS(error.message, "UTF-8");
			exec("DELETE FROM " TABLE);
		}
		fclose(file);
		peal_fini(&h.instance);
		T_INT(COUNT(TABLE), 0);
	}
	peal_query_free(every);
	end_models(db);
}

/* ---- Lookups --------------------------------------------------------------------------------------------------------- */

/* SQLite compares no patterns of more than 50000 bytes. */
#define NEEDLE ((size_t)12000)

static bool same_folded(const char *a, const char *b, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]))
			return false;
	return true;
}

static bool has_folded(const char *text, const char *part)
{
	size_t size = strlen(text), part_size = strlen(part);

	for (size_t i = 0; i + part_size <= size; i++)
		if (same_folded(text + i, part, part_size))
			return true;
	return false;
}

static bool begins(const char *text, const char *part)
{
	return strncmp(text, part, strlen(part)) == 0;
}

static bool ends(const char *text, const char *part)
{
	size_t size = strlen(text), part_size = strlen(part);

	return part_size <= size && memcmp(text + size - part_size, part, part_size) == 0;
}

static bool is_exact(const char *text, const char *part)
{
	return strcmp(text, part) == 0;
}

static bool is_iexact(const char *text, const char *part)
{
	return strlen(text) == strlen(part) && same_folded(text, part, strlen(text));
}

static bool contains(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static bool ibegins(const char *text, const char *part)
{
	return strlen(part) <= strlen(text) && same_folded(text, part, strlen(part));
}

static bool iends(const char *text, const char *part)
{
	size_t size = strlen(text), part_size = strlen(part);

	return part_size <= size && same_folded(text + size - part_size, part, part_size);
}

static bool is_greater(const char *text, const char *part)
{
	return strcmp(text, part) > 0;
}

static bool is_not_less(const char *text, const char *part)
{
	return strcmp(text, part) >= 0;
}

static bool is_less(const char *text, const char *part)
{
	return strcmp(text, part) < 0;
}

static bool is_not_greater(const char *text, const char *part)
{
	return strcmp(text, part) <= 0;
}

/* The lookup, typed and by name; and what C says of it. */
#define LOOKUPS(X)                     \
	X(exact, is_exact, false)      \
	X(iexact, is_iexact, true)     \
	X(contains, contains, false)   \
	X(icontains, has_folded, true) \
	X(startswith, begins, false)   \
	X(istartswith, ibegins, true)  \
	X(endswith, ends, false)       \
	X(iendswith, iends, true)      \
	X(gt, is_greater, false)       \
	X(gte, is_not_less, false)     \
	X(lt, is_less, false)          \
	X(lte, is_not_greater, false)

static const struct {
	const char *name;
	bool (*matches)(const char *text, const char *part);
	bool folds;
} lookups[] = {
#define X(lookup_, matches_, folds_) { #lookup_, matches_, folds_ },
	LOOKUPS(X)
#undef X
};

static void filter_typed(struct peal_query *query, size_t lookup, const char *text)
{
	const struct peal_named_list *typed[] = {
#define X(lookup_, matches_, folds_) PEAL_WITH(PEAL_WHERE(hostile_model, name, lookup_, text)),
		LOOKUPS(X)
#undef X
	};

	peal_query_filter(query, typed[lookup]);
}

static void filter_named(struct peal_query *query, const char *field, size_t lookup,
			 const char *text)
{
	char name[64];

	snprintf(name, sizeof(name), "%s__%s", field, lookups[lookup].name);
	peal_query_filter(query, PEAL_WITH(PEAL_ARG(name, PEAL_TEXT(text))));
}

/* Ends the query, and says which of the rows 1, 2, ... it finds. */
static void found(struct peal_query *query, bool *rows, size_t count)
{
	struct peal_values *values = NULL;
	struct peal_error error = { 0 };

	memset(rows, 0, count * sizeof(*rows));
	must(peal_query_values(query, PEAL_NAMES_OF("pk"), &values, &error), &error);
	for (size_t i = 0; i < peal_values_count(values); i++) {
		int64_t id = peal_values_at(values, i)[0].as.integer;

		T_TRUE(id >= 1 && id <= (int64_t)count);
		T_FALSE(rows[id - 1]);
		rows[id - 1] = true;
	}
	peal_values_free(values);
	peal_query_free(query);
}

static bool is_ascii(const char *text)
{
	while (*text && !(*text & 0x80))
		text++;
	return !*text;
}

static void compare(const char *what, const char *const *all, const bool *rows, size_t count,
		    size_t lookup, const char *needle)
{
	for (size_t i = 0; i < count; i++) {
		/* Letters beyond ASCII: SQLite leaves them as they are, PostgreSQL has rules of its own. */
		if (lookups[lookup].folds && (!is_ascii(all[i]) || !is_ascii(needle)))
			continue;
		if (rows[i] != lookups[lookup].matches(all[i], needle))
			T_FAIL("%s: \"%.60s\" %s \"%.60s\" is %d", what, all[i],
			       lookups[lookup].name, needle, rows[i]);
	}
}

static void save_all(const char *const *all, size_t count)
{
	struct peal_error error = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct hostile h;

		must(hostile_model_init(&h, NULL, &error), &error);
		fill(&h, all[i]);
		h.id = (int64_t)i + 1;
		h.parent_id = (int64_t)i + 1;
		must(PEAL_SAVE(&h.instance, &error, .force_insert = true), &error);
		peal_fini(&h.instance);
	}
}

static void look_for(const char *const *all, size_t count, const char *needle)
{
	bool rows[TEXTS_MAX];

	for (size_t lookup = 0; lookup < PEAL_COUNTOF(lookups); lookup++) {
		const char *field = text_names[(lookup + strlen(needle)) % TEXT_MEMBERS];
		struct peal_query *query;

		query = peal_query_new(&hostile_model);
		filter_typed(query, lookup, needle);
		found(query, rows, count);
		compare("typed", all, rows, count, lookup, needle);
		query = peal_query_new(&hostile_model);
		filter_named(query, field, lookup, needle);
		found(query, rows, count);
		compare(field, all, rows, count, lookup, needle);
		query = peal_query_new(&hostile_model);
		filter_named(query, "parent__children__name", lookup, needle);
		found(query, rows, count);
		compare("joined", all, rows, count, lookup, needle);
	}
}

TEST_TIMEOUT(lookups_say_what_c_says, 300)
{
	const char *all[TEXTS_MAX];
	size_t count = texts(all, NEEDLE);
	struct peal_db *db = begin();

	save_all(all, count);
	for (size_t i = 0; i < count; i++)
		look_for(all, count, all[i]);
	T_INT(COUNT(TABLE), (int64_t)count);
	end_models(db);
}

TEST(in_range_and_isnull_say_what_c_says)
{
	const char *all[TEXTS_MAX];
	size_t count = texts(all, NEEDLE);
	struct peal_db *db = begin();
	bool rows[TEXTS_MAX];

	save_all(all, count);
	for (size_t i = 0; i < count; i++) {
		const char *low = all[i], *high = all[(i + 37) % count];
		struct peal_value ends_of[] = { PEAL_TEXT(low), PEAL_TEXT(high) };
		struct peal_query *query = peal_query_new(&hostile_model);

		peal_query_filter(query, PEAL_WITH(PEAL_IN(hostile_model, body, ends_of, 2)));
		found(query, rows, count);
		for (size_t j = 0; j < count; j++)
			T_INT(rows[j], is_exact(all[j], low) || is_exact(all[j], high));
		query = peal_query_new(&hostile_model);
		peal_query_exclude(query,
				   PEAL_WITH({ .name = "name__in", .list = ends_of, .count = 2 }));
		found(query, rows, count);
		for (size_t j = 0; j < count; j++)
			T_INT(rows[j], !is_exact(all[j], low) && !is_exact(all[j], high));
		query = peal_query_new(&hostile_model);
		peal_query_filter(query,
				  PEAL_WITH({ .name = "url__range", .list = ends_of, .count = 2 }));
		found(query, rows, count);
		for (size_t j = 0; j < count; j++)
			T_INT(rows[j], is_not_less(all[j], low) && is_not_greater(all[j], high));
		query = peal_query_new(&hostile_model);
		peal_query_filter(query, PEAL_WITH(PEAL_IS(hostile_model, name, low),
						   PEAL_IS_NULL(hostile_model, image, false)));
		found(query, rows, count);
		for (size_t j = 0; j < count; j++)
			T_INT(rows[j], is_exact(all[j], low));
		query = peal_query_new(&hostile_model);
		peal_query_filter(query,
				  PEAL_WITH(PEAL_ARG("bytes", PEAL_BYTES(low, strlen(low)))));
		found(query, rows, count);
		for (size_t j = 0; j < count; j++)
			T_INT(rows[j], is_exact(all[j], low));
	}
	end_models(db);
}

/* By bytes, on every database. */
TEST(order_is_that_of_the_bytes)
{
	const char *all[TEXTS_MAX];
	size_t count = texts(all, NEEDLE);
	struct peal_db *db = begin();
	struct peal_query *query = peal_query_new(&hostile_model);
	struct peal_error error = { 0 };
	struct peal_values *values = NULL;

	save_all(all, count);
	peal_query_order_by(query, "-name", "id");
	must(peal_query_values(query, PEAL_NAMES_OF("name"), &values, &error), &error);
	T_UINT(peal_values_count(values), count);
	for (size_t i = 1; i < count; i++)
		T_TRUE(strcmp(peal_values_at(values, i - 1)[0].as.text.data,
			      peal_values_at(values, i)[0].as.text.data) >= 0);
	peal_values_free(values);
	peal_query_free(query);
	end_models(db);
}

/* ---- Names ----------------------------------------------------------------------------------------------------------- */

/* Whatever asks for it is refused, names the model, and has touched nothing. */
static void refused(struct peal_query *query, const char *where, const char *name)
{
	struct peal_error error = { 0 };
	struct peal_rows *rows = NULL;
	int64_t count;
	bool exists;
	int r = peal_query_all(query, &rows, &error);

	if (r != PEAL_EINVAL)
		T_FAIL("%s \"%s\" gives %d: %s", where, name, r, error.message);
	T_HAS(error.message, "lab.Hostile");
	T_CODE(error.code, PEAL_EINVAL);
	T_CODE(peal_query_count(query, &count, &error), PEAL_EINVAL);
	T_CODE(peal_query_exists(query, &exists, &error), PEAL_EINVAL);
	T_CODE(peal_query_update(query, PEAL_WITH(PEAL_ARG("name", PEAL_TEXT("gone"))), NULL,
				 &error),
	       PEAL_EINVAL);
	T_CODE(peal_query_delete(query, NULL, &error), PEAL_EINVAL);
	peal_query_free(query);
}

static struct peal_query *fresh(void)
{
	return peal_query_new(&hostile_model);
}

/* Names that are known where a sign or a lookup may stand around them. */
static bool is_known_order(const char *name)
{
	return strcmp(name, "-id") == 0;
}

static void try_in_queries(const char *name)
{
	struct peal_error error = { 0 };
	struct peal_values *values = NULL;
	struct peal_value value;
	struct peal_query *query, *inner;

	query = fresh();
	peal_query_filter(query, PEAL_WITH(PEAL_ARG(name, PEAL_INT(1))));
	refused(query, "filter", name);
	query = fresh();
	peal_query_exclude(query, PEAL_WITH(PEAL_ANY(PEAL_ARG(name, PEAL_TEXT("x")))));
	refused(query, "exclude", name);
	if (!is_known_order(name)) {
		query = fresh();
		peal_query_order_by(query, name);
		refused(query, "order_by", name);
	}
	query = fresh();
	peal_query_only(query, name);
	refused(query, "only", name);
	query = fresh();
	peal_query_defer(query, name);
	refused(query, "defer", name);
	if (*name) {
		query = fresh();
		peal_query_select_related(query, name);
		refused(query, "select_related", name);
	}
	query = fresh();
	peal_query_annotate(query, PEAL_AGGREGATES(PEAL_MAX(name, .as = "n")));
	refused(query, "annotate", name);
	query = fresh();
	inner = fresh();
	peal_query_filter(query, PEAL_WITH({ .name = "pk__in",
					     .operation = PEAL_OF_QUERY,
					     .query = inner,
					     .value = peal_value_text(name) }));
	refused(query, "in", name);
	peal_query_free(inner);
	query = fresh();
	T_CODE(peal_query_values(query, PEAL_NAMES_OF(name), &values, &error), PEAL_EINVAL);
	peal_query_free(query);
	query = fresh();
	T_CODE(peal_query_aggregate(query, PEAL_AGGREGATES(PEAL_SUM(name)), &value, &error),
	       PEAL_EINVAL);
	peal_query_free(query);
	query = fresh();
	T_CODE(peal_query_update(query, PEAL_WITH(PEAL_ARG(name, PEAL_INT(1))), NULL, &error),
	       PEAL_EINVAL);
	T_CODE(peal_query_update(query,
				 PEAL_WITH({ .name = "name", .value = peal__value_field(0, name) }),
				 NULL, &error),
	       PEAL_EINVAL);
	peal_query_using(query, name);
	T_CODE(peal_query_all(query, &(struct peal_rows *){ NULL }, &error), PEAL_EINVAL);
	T_HAS(error.message, "no database with the alias");
	peal_query_free(query);
}

static void try_in_instances(struct hostile *h, const char *name)
{
	struct peal_instance *rows[] = { &h->instance };
	struct peal_error error = { 0 };
	struct peal_value value;
	struct hostile other;
	int64_t count;

	T_CODE(PEAL_SAVE(&h->instance, &error, .update_fields = PEAL_NAMES(name)), PEAL_EINVAL);
	T_HAS(error.message, "lab.Hostile");
	T_CODE(hostile_model_create(&other, PEAL_WITH(PEAL_ARG(name, PEAL_INT(1))), &error),
	       PEAL_EINVAL);
	T_CODE(peal_field_get(&h->instance, name, &value, &error), PEAL_EINVAL);
	T_CODE(peal_field_set(&h->instance, name, PEAL_INT(1), &error), PEAL_EINVAL);
	T_PTR(peal_field_label(&h->instance, name), NULL);
	T_PTR(peal_model_field(&hostile_model, name), NULL);
	T_PTR(peal_model_get(name), NULL);
	T_CODE(peal_bulk_update(&hostile_model, rows, 1, PEAL_NAMES_OF(name), NULL, &count, &error),
	       PEAL_EINVAL);
	T_CODE(PEAL_BULK_CREATE(&hostile_model, rows, 1, &error, .update_fields = PEAL_NAMES(name)),
	       PEAL_EINVAL);
	T_CODE(PEAL_BULK_CREATE(&hostile_model, rows, 1, &error,
				.update_fields = PEAL_NAMES("name"),
				.unique_fields = PEAL_NAMES(name)),
	       PEAL_EINVAL);
	T_CODE(peal_m2m_add(&h->instance, name, PEAL_VALUES(1), NULL, &error), PEAL_EINVAL);
	T_CODE(peal_m2m_clear(&h->instance, name, &error), PEAL_EINVAL);
	T_PTR(peal_m2m_through(&hostile_model, name), NULL);
	T_CODE(peal_get_or_create(&hostile_model, &other.instance, NULL,
				  PEAL_WITH(PEAL_ARG("id", PEAL_INT(99))),
				  PEAL_WITH(PEAL_ARG(name, PEAL_INT(1))), NULL, &error),
	       PEAL_EINVAL);
}

static void try_in_fixtures(const char *name)
{
	struct peal_error error = { 0 };
	char json[2048], escaped[1024];
	char *at = escaped;

	for (const char *from = name; *from; from++) {
		if (*from == '"')
			*at++ = '\\';
		if (*from == '\n')
			at += sprintf(at, "\\n");
		else
			*at++ = *from;
	}
	*at = '\0';
	snprintf(json, sizeof(json),
		 "[{\"model\": \"lab.hostile\", \"pk\": 50, \"fields\": {\"%s\": 1}}]", escaped);
	T_CODE(peal_fixture_load_text(json, strlen(json), NULL, NULL, &error), PEAL_EINVAL);
	T_HAS(error.message, "fixture:1: record 1:");
	snprintf(json, sizeof(json), "[{\"model\": \"%s\", \"pk\": 50, \"fields\": {}}]", escaped);
	T_CODE(peal_fixture_load_text(json, strlen(json), NULL, NULL, &error), PEAL_EINVAL);
}

TEST(names_are_refused_and_never_pasted)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct hostile h;

	must(hostile_model_create(&h, PEAL_WITH(PEAL_SET(hostile_model, name, "stays")), &error),
	     &error);
	for (size_t i = 0; i < PEAL_COUNTOF(hostile_names); i++) {
		try_in_queries(hostile_names[i]);
		try_in_instances(&h, hostile_names[i]);
		try_in_fixtures(hostile_names[i]);
		T_INT(COUNT(TABLE " WHERE \"select\" = 'stays'"), 1);
		T_INT(COUNT(TABLE), 1);
	}
	peal_fini(&h.instance);
	end_models(db);
}

/* The name of an aggregate is only looked up: it may be anything that does not mean something else. */
TEST(names_of_aggregates)
{
	struct peal_db *db = begin();
	struct peal_error error = { 0 };
	struct hostile h;

	must(hostile_model_create(&h, NULL, &error), &error);
	for (size_t i = 0; i < PEAL_COUNTOF(hostile_names); i++) {
		const char *name = hostile_names[i];
		struct peal_query *query = fresh();
		struct peal_values *values = NULL;
		int r;

		peal_query_annotate(query, PEAL_AGGREGATES(PEAL_COUNT("pk", .as = name)));
		r = peal_query_values(query, PEAL_NAMES_OF("pk", name), &values, &error);
		if (r == 0) {
			T_UINT(peal_values_count(values), 1);
			T_INT(peal_values_at(values, 0)[1].as.integer, 1);
		} else {
			T_CODE(r, PEAL_EINVAL);
		}
		peal_values_free(values);
		peal_query_free(query);
	}
	T_INT(COUNT(TABLE), 1);
	peal_fini(&h.instance);
	end_models(db);
}

/* Aliases and files of databases. */
TEST(names_of_databases)
{
	struct peal_error error = { 0 };
	const char *folder = test_tmpdir();

	for (size_t i = 0; i < PEAL_COUNTOF(hostile_texts); i++) {
		const char *text = hostile_texts[i];
		struct peal_db *db = NULL;
		char url[600];

		if (!*text || strchr(text, '/') || strlen(text) > 200)
			continue;
		snprintf(url, sizeof(url), "sqlite:%s/x%s", folder, text);
		must(peal_db_open_with(url, &(struct peal_db_options){ .alias = text }, &db,
				       &error),
		     &error);
		must(peal_db_exec(text, "CREATE TABLE t (a integer)", NULL, NULL, &error), &error);
		T_PTR(peal_db_get(text), db);
		T_STR(peal_db_alias(db), text);
		peal_db_close(db);
		T_SYS(access(url + strlen("sqlite:"), R_OK));
	}
}
