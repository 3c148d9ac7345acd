/* SPDX-License-Identifier: MIT */
/*
 * peal/model.h: models, their fields, and instances that are saved and deleted.
 *
 * A model is a struct of yours and a table that says which of its members are columns:
 *
 *	struct student {
 *		struct peal_instance instance;
 *		int64_t id;
 *		const char *name;
 *		const char *profile_photo;
 *	};
 *	PEAL_MODEL_DECLARE(student_model, struct student);                               in a header
 *
 *	static const struct peal_field student_fields[] = {                              in one .c file
 *		PEAL_ID(struct student, id),
 *		PEAL_CHAR(struct student, name, .max_length = 100),
 *		PEAL_IMAGE(struct student, profile_photo, .upload_to = "profiles/", .null = true, .blank = true),
 *	};
 *	PEAL_MODEL_DEFINE(student_model, struct student, .app = "school", .name = "Student",
 *			  .fields = PEAL_FIELDS(student_fields));
 *
 * A member that does not exist or has another type than its field is a compile error. The model's address is its
 * identity, and the sender of its signals:
 *
 *	static int capitalize_name(struct peal_call *call, const struct peal_pre_save_args *args)
 *	{
 *		struct student *student = PEAL_INSTANCE(student_model, args->instance);
 *
 *		return peal_set_text(&student->instance, &student->name, title_case(student->name, buffer));
 *	}
 *	PEAL_CONNECT(peal_pre_save, capitalize_name, .sender = &student_model);
 *
 *	struct student student;
 *
 *	r = student_model_create(&student, PEAL_WITH(PEAL_SET(student_model, name, "rahul sharma")), &error);
 *	...
 *	peal_fini(&student.instance);
 *
 * Text       A const char * or struct peal_bytes member is read like any other, and THE LIBRARY NEVER FREES WHAT IT
 *            POINTS TO unless it made that copy itself. So there are two ways to change one: assign a pointer to
 *            something that outlives the instance (a literal, your own buffer), or call peal_set_text(), which copies
 *            it into the instance. Nothing is leaked or freed twice either way. What a query has loaded lives as long
 *            as its rows. Text is UTF-8 and ends at its NUL.
 * Null       A null text is NULL, null bytes have .data NULL. A key (PEAL_ID, a relation) or a date-time that is 0 is
 *            null, so is a uuid or a date whose bytes are all 0. For another member, or where 0 is a value, name a
 *            bool: .has = PEAL_HAS(struct person, has_age); the column is null while has_age is false.
 * Instances  Start with peal_init() (or _create(), _get(), a query), end with peal_fini(), which may be called on a
 *            zeroed or ended one. Do not copy the struct: two would own the same text.
 * Threads    Register models before other threads use them. An instance is used by one thread at a time.
 */
#ifndef PEAL_MODEL_H
#define PEAL_MODEL_H

#include <stdint.h>

#include <peal/base.h>
#include <peal/db.h>
#include <peal/error.h>
#include <peal/value.h>

PEAL_BEGIN_DECLS

struct peal_model;

/* The most fields that a model may have. */
#define PEAL_FIELDS_MAX 128

/*
 * The part of a row's struct that belongs to the library: the member named instance of every model's struct.
 */
struct peal_instance {
	const struct peal_model *model; /* NULL: not begun, or ended */
	struct peal_db *db;             /* where it was loaded from or saved to; NULL: neither */
	uint32_t flags;
	uint32_t reserved;
	void *owned;          /* copies made by peal_set_text() and its like */
	void *internal;       /* what it was when loaded or last saved, if the model keeps that */
	uint64_t deferred[2]; /* fields that were not loaded, one bit each */
};

struct peal_bytes {
	const void *data; /* NULL: null */
	size_t size;
};

/* ------------------------------------------------------------------------------------------------------------------
 * Fields
 */

enum peal_field_kind {
	PEAL_FIELD_ID = 1, /* primary key, given by the database */
	PEAL_FIELD_INTEGER = 2,
	PEAL_FIELD_BOOLEAN = 3,
	PEAL_FIELD_FLOAT = 4,
	PEAL_FIELD_CHAR = 5,      /* text of a largest length, in characters */
	PEAL_FIELD_LONG_TEXT = 6, /* (Django: TextField) */
	PEAL_FIELD_SLUG = 7,
	PEAL_FIELD_EMAIL = 8,
	PEAL_FIELD_URL = 9,
	PEAL_FIELD_FILE = 10, /* a path below the application's media directory */
	PEAL_FIELD_IMAGE = 11,
	PEAL_FIELD_BLOB = 12,     /* bytes (Django: BinaryField) */
	PEAL_FIELD_DATETIME = 13, /* microseconds since 1970-01-01T00:00:00Z */
	PEAL_FIELD_FOREIGN_KEY = 14,
	PEAL_FIELD_ONE_TO_ONE = 15,
	PEAL_FIELD_UUID = 20,
	PEAL_FIELD_DECIMAL = 21,
	PEAL_FIELD_DATE = 22,
	PEAL_FIELD_TIME_OF_DAY = 23, /* (Django: TimeField) */
	PEAL_FIELD_DURATION = 24,
	PEAL_FIELD_JSON = 25,
	PEAL_FIELD_MANY_TO_MANY = 64, /* no column: a table of its own */
};

/* What happens to a row when the row that it refers to is deleted. */
enum peal_on_delete {
	PEAL_CASCADE = 1,  /* it is deleted too */
	PEAL_PROTECT = 2,  /* PEAL_EPROTECTED */
	PEAL_RESTRICT = 3, /* PEAL_ERESTRICTED, unless it is deleted anyway */
	PEAL_SET_NULL = 4,
	PEAL_SET_DEFAULT = 5,
	PEAL_SET_VALUE = 6,  /* .set_value (Django: SET) */
	PEAL_DO_NOTHING = 7, /* the database may object */
	/*
	 * The database does it (ON DELETE ...), however the other row is deleted: the rows are not loaded, not counted
	 * in struct peal_deleted, AND NO SIGNALS ARE SENT FOR THEM (Django 6.1: DB_CASCADE and so on). A model whose
	 * relations are of these kinds may refer neither by another kind nor to a model that does, except by
	 * PEAL_DO_NOTHING. They stand in the table when it is created: a table that is there stays as it is.
	 */
	PEAL_DB_CASCADE = 8,
	PEAL_DB_SET_NULL = 9,     /* needs .null = true */
	PEAL_DB_SET_DEFAULT = 10, /* needs .initial, which becomes the column's DEFAULT */
};

/* The values that a field may have, and what people call them: checked by peal_full_clean() (peal/validate.h). */
struct peal_choice {
	struct peal_value value;
	const char *label;
};

struct peal_choice_list {
	const struct peal_choice *items;
	size_t count;
};

/*
 *	static const struct peal_choice sizes[] = { PEAL_CHOICE_TEXT("S", "small"), PEAL_CHOICE_TEXT("L", "large") };
 *	PEAL_CHAR(struct shirt, size, .max_length = 1, .choices = PEAL_CHOICES(sizes))
 */
#define PEAL_CHOICE_TEXT(value_, label_)                              \
	{                                                             \
		.value = PEAL_INITIAL_TEXT(value_), .label = (label_) \
	}
#define PEAL_CHOICE_INT(value_, label_)                              \
	{                                                            \
		.value = PEAL_INITIAL_INT(value_), .label = (label_) \
	}
#define PEAL_CHOICES(array_)                   \
	{                                      \
		(array_), PEAL_COUNTOF(array_) \
	}

/*
 * A field. Made by the macros below; the members after the line are options, whose zero is the default.
 */
struct PEAL_NAMED_ONLY peal_field {
	const char *name; /* of the member; of a relation without its "_id" */
	uint32_t offset;
	uint16_t kind;               /* enum peal_field_kind */
	uint16_t storage;            /* enum peal__storage */
	const struct peal_model *to; /* of a relation */
	uint32_t object;    /* of a relation: offset of the pointer to the related row, plus 1 */
	uint32_t on_delete; /* of a relation: enum peal_on_delete */
	/* ---- */
	uint32_t has; /* PEAL_HAS(struct, member): false is null */
	uint32_t max_length;
	uint16_t max_digits;     /* decimal: digits in all, 1 to 18 */
	uint16_t decimal_places; /* decimal: those behind the point */
	bool null;               /* the column may be null */
	bool blank;              /* validation: may be empty */
	bool primary_key;
	bool unique;
	bool index;        /* relations always have one */
	bool auto_now;     /* date-time, date, time of day: set at every save, in UTC */
	bool auto_now_add; /* likewise: set at the first one */
	bool no_constraint; /* relation: the database does not check it (Django: db_constraint=False) */
	bool asymmetrical; /* many-to-many to the own model: who follows is not followed for that */
	struct peal_value initial; /* PEAL_INITIAL_INT(5) and so on (Django: default) */
	struct peal_value (*initial_fn)(void);
	struct peal_value set_value;      /* for PEAL_SET_VALUE */
	const char *column;               /* name in the database; NULL: the member's */
	const char *related_name;         /* relation: the name of the other side */
	const char *upload_to;            /* file: directory below the media directory */
	const struct peal_model *through; /* many-to-many: a relation table of yours */
	const char *through_fields[2];    /* its relations to this model and to the other one */
	const char *table;                /* many-to-many: name of the automatic relation table */
	struct peal_choice_list choices;
	const char *verbose_name; /* NULL: the name with blanks for "_" */
	const char *help_text;
	uint32_t reserved;
};

/*
 * PEAL_ID(struct student, id)                              int64_t or int32_t; 0 until it is saved
 * PEAL_INTEGER(struct student, age, .initial = ...)        int8_t to int64_t, uint8_t to uint64_t; checked when saved
 * PEAL_BOOLEAN(struct user, is_active)                     bool
 * PEAL_FLOAT(struct sample, mean)                          double or float
 * PEAL_CHAR(struct student, name, .max_length = 100)       const char *
 * PEAL_LONG_TEXT(struct article, body)                     const char *, of any length
 * PEAL_SLUG, PEAL_EMAIL, PEAL_URL, PEAL_FILE, PEAL_IMAGE   const char *; 50, 254, 200, 100 and 100 characters at most
 * PEAL_BLOB(struct upload, content)                        struct peal_bytes
 * PEAL_DATETIME(struct article, updated_at)                int64_t, microseconds in UTC, years 1 to 9999
 * PEAL_DATE(struct person, born)                           struct peal_date
 * PEAL_TIME_OF_DAY(struct lesson, begins)                  int64_t, microseconds since midnight
 * PEAL_DURATION(struct lesson, length)                     int64_t, microseconds
 * PEAL_UUID(struct token, id, .primary_key = true, .initial_fn = peal_initial_uuid)       struct peal_uuid
 * PEAL_DECIMAL(struct item, price, .max_digits = 10, .decimal_places = 2)                 struct peal_decimal
 * PEAL_JSON(struct event, payload)                         const char *, a document of RFC 8259
 *
 * A decimal is stored with decimal_places; one that has more, or too many digits, is refused (PEAL_ETYPE), never
 * rounded. SQLite keeps 15 digits exactly (all 18 when there are no decimal places) and refuses others in the same
 * way; what it has calculated itself is read with 15 digits. A JSON text that is none is refused when
 * it is saved (PEAL_ETYPE); PostgreSQL keeps what it says (jsonb), not its blanks and the order of its members.
 *
 * Each takes options after the member.
 */
#define PEAL_ID(struct_, ...) PEAL__FIELD(PEAL_FIELD_ID, PEAL__KEY, struct_, __VA_ARGS__)
#define PEAL_INTEGER(struct_, ...) PEAL__FIELD(PEAL_FIELD_INTEGER, PEAL__INT, struct_, __VA_ARGS__)
#define PEAL_BOOLEAN(struct_, ...) PEAL__FIELD(PEAL_FIELD_BOOLEAN, PEAL__BOOL, struct_, __VA_ARGS__)
#define PEAL_FLOAT(struct_, ...) PEAL__FIELD(PEAL_FIELD_FLOAT, PEAL__REAL, struct_, __VA_ARGS__)
#define PEAL_CHAR(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_CHAR, PEAL__TEXT_MEMBER, struct_, __VA_ARGS__)
#define PEAL_LONG_TEXT(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_LONG_TEXT, PEAL__TEXT_MEMBER, struct_, __VA_ARGS__)
#define PEAL_SLUG(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_SLUG, PEAL__TEXT_MEMBER, struct_, __VA_ARGS__)
#define PEAL_EMAIL(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_EMAIL, PEAL__TEXT_MEMBER, struct_, __VA_ARGS__)
#define PEAL_URL(struct_, ...) PEAL__FIELD(PEAL_FIELD_URL, PEAL__TEXT_MEMBER, struct_, __VA_ARGS__)
#define PEAL_FILE(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_FILE, PEAL__TEXT_MEMBER, struct_, __VA_ARGS__)
#define PEAL_IMAGE(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_IMAGE, PEAL__TEXT_MEMBER, struct_, __VA_ARGS__)
#define PEAL_BLOB(struct_, ...) PEAL__FIELD(PEAL_FIELD_BLOB, PEAL__BLOB, struct_, __VA_ARGS__)
#define PEAL_DATETIME(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_DATETIME, PEAL__DATETIME, struct_, __VA_ARGS__)
#define PEAL_DATE(struct_, ...) PEAL__FIELD(PEAL_FIELD_DATE, PEAL__DATE, struct_, __VA_ARGS__)
#define PEAL_TIME_OF_DAY(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_TIME_OF_DAY, PEAL__DATETIME, struct_, __VA_ARGS__)
#define PEAL_DURATION(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_DURATION, PEAL__DATETIME, struct_, __VA_ARGS__)
#define PEAL_UUID(struct_, ...) PEAL__FIELD(PEAL_FIELD_UUID, PEAL__UUID, struct_, __VA_ARGS__)
#define PEAL_DECIMAL(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_DECIMAL, PEAL__DECIMAL, struct_, __VA_ARGS__)
#define PEAL_JSON(struct_, ...) \
	PEAL__FIELD(PEAL_FIELD_JSON, PEAL__TEXT_MEMBER, struct_, __VA_ARGS__)

/*
 * PEAL_FOREIGN_KEY(struct article, author, user_model, PEAL_CASCADE[, .related_name = "articles", ...])
 * PEAL_ONE_TO_ONE(struct profile, user, user_model, PEAL_CASCADE[, ...])
 *
 * A relation has two members: the key, which is the column, and a pointer to the related row:
 *
 *	int64_t author_id;        as the other model's key: an integer type, const char * or struct peal_uuid
 *	struct user *author;      a row that you attached, borrowed; or NULL. Never loaded behind your back.
 *
 * At a save an attached row must have a key, and gives it to a key member that is still null.
 */
#define PEAL_FOREIGN_KEY(struct_, member_, model_, ...) \
	PEAL__RELATION(PEAL_FIELD_FOREIGN_KEY, struct_, member_, model_, __VA_ARGS__)
#define PEAL_ONE_TO_ONE(struct_, member_, model_, ...) \
	PEAL__RELATION(PEAL_FIELD_ONE_TO_ONE, struct_, member_, model_, __VA_ARGS__)

/*
 * PEAL_MANY_TO_MANY(struct article, tags, tag_model[, .related_name = "articles", ...])
 *
 * Any number of rows of the one model for any number of the other. It has no column and no member; the rows on the
 * other side are changed and read by peal_m2m_add() and its like (peal/m2m.h). Behind it is a relation table, which is
 * a model as well: "blog.Article_tags" with the fields id, article and tag (or from_person and to_person, when a model
 * refers to itself), registered just before the model of the field. It is the sender of peal_m2m_changed.
 *
 *	.related_name         the relation's name for the other side; NULL: "article_set"
 *	.through              the relation table is this model, which has fields of its own (Django: through)
 *	.through_fields       {"course", "person"}: which of its relations, when there are several
 *	.table                the automatic table's name; NULL: "blog_article_tags"
 *	.asymmetrical         of a model to itself; otherwise both rows of a pair are related to each other
 */
#define PEAL_MANY_TO_MANY(struct_, name_, ...)                            \
	PEAL__MANY_EXPANDED(struct_, #name_, PEAL__FIRST(__VA_ARGS__, 0), \
			    PEAL__REST(__VA_ARGS__, .reserved = 0))

/* The bool member that says whether the column has a value. */
#define PEAL_HAS(struct_, member_) \
	_Generic(((struct_ *)0)->member_, bool : offsetof(struct_, member_) + 1)

/* Values for .initial and .set_value. */
#define PEAL_INITIAL_INT(value_)                                     \
	{                                                            \
		.kind = PEAL_VALUE_INT, .as = {.integer = (value_) } \
	}
#define PEAL_INITIAL_BOOL(value_)                                     \
	{                                                             \
		.kind = PEAL_VALUE_BOOL, .as = {.boolean = (value_) } \
	}
#define PEAL_INITIAL_REAL(value_)                                  \
	{                                                          \
		.kind = PEAL_VALUE_REAL, .as = {.real = (value_) } \
	}
#define PEAL_INITIAL_TEXT(value_)                                                           \
	{                                                                                   \
		.kind = PEAL_VALUE_TEXT, .as = {.text = { "" value_, sizeof(value_) - 1 } } \
	}

#define PEAL_INITIAL_BYTES(value_)                                                           \
	{                                                                                    \
		.kind = PEAL_VALUE_BYTES, .as = {.text = { "" value_, sizeof(value_) - 1 } } \
	}
/* PEAL_INITIAL_DECIMAL(1250, 2) is 12.50. */
#define PEAL_INITIAL_DECIMAL(coefficient_, scale_)                                           \
	{                                                                                    \
		.kind = PEAL_VALUE_DECIMAL, .as = {.decimal = { (coefficient_), (scale_) } } \
	}
#define PEAL_INITIAL_DATE(year_, month_, day_)                                          \
	{                                                                               \
		.kind = PEAL_VALUE_DATE, .as = {.date = { (year_), (month_), (day_) } } \
	}

/* For .initial_fn: a new random uuid (Django: default=uuid.uuid4); today's date in UTC; the time now. */
PEAL_API struct peal_value peal_initial_uuid(void);
PEAL_API struct peal_value peal_initial_today(void);
PEAL_API struct peal_value peal_initial_now(void);

/* ------------------------------------------------------------------------------------------------------------------
 * Models
 */

struct peal_field_list {
	const struct peal_field *items;
	size_t count;
};

#define PEAL_FIELDS(array_)                    \
	{                                      \
		(array_), PEAL_COUNTOF(array_) \
	}

/*
 * Indexes of several fields, named by their members or relations; "-" in front of one: from large to small.
 *
 *	static const struct peal_index article_indexes[] = {
 *		PEAL_UNIQUE("author", "slug"),                  (Django: unique_together, UniqueConstraint)
 *		PEAL_INDEX("status", "-published_at"),
 *	};
 *	PEAL_MODEL_DEFINE(article_model, struct article, ..., .indexes = PEAL_INDEXES(article_indexes));
 */
#define PEAL_INDEX_FIELDS_MAX 8

struct peal_index {
	const char *fields[PEAL_INDEX_FIELDS_MAX + 1]; /* ends with NULL */
	bool unique;
};

#define PEAL_INDEX(...)                   \
	{                                 \
		.fields = { __VA_ARGS__ } \
	}
#define PEAL_UNIQUE(...)                                  \
	{                                                 \
		.fields = { __VA_ARGS__ }, .unique = true \
	}

struct peal_index_list {
	const struct peal_index *items;
	size_t count;
};

#define PEAL_INDEXES(array_)                   \
	{                                      \
		(array_), PEAL_COUNTOF(array_) \
	}

/* Fields by their names. */
struct peal_names {
	const char *const *items; /* NULL: not given */
	size_t count;
};

#define PEAL_NAMES(...)                                                                     \
	{                                                                                   \
		(const char *const[]){ __VA_ARGS__ },                                       \
			sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *) \
	}
/* The same as an argument: PEAL_NAMES_OF("title", "author__name") */
#define PEAL_NAMES_OF(...) (&(const struct peal_names)PEAL_NAMES(__VA_ARGS__))
/* A list that is given and empty. */
#define PEAL_NO_NAMES                          \
	{                                      \
		(const char *const[]){ "" }, 0 \
	}

struct peal_problems; /* peal/validate.h */

struct PEAL_NAMED_ONLY peal_model {
	size_t size;   /* of the struct */
	size_t offset; /* of its member instance */
	struct peal__model_state **state;
	/* ---- */
	const char *app; /* "school" */
	const char
		*name; /* "Student"; with the app it is the name of the sender, "school.Student" */
	struct peal_field_list fields;
	const char *table;        /* NULL: "school_student" */
	const char *verbose_name; /* NULL: the name in small letters */
	struct peal_index_list indexes;
	/* A part of peal_full_clean(): adds what is wrong with the row. Returns 0, PEAL_INVALID or a failure. */
	int (*clean)(struct peal_instance *instance, struct peal_problems *problems,
		     struct peal_error *error);
	bool track_changes; /* instances know what has changed since they were loaded: peal/changes.h */
	/*
	 * The order of queries that have none of their own: PEAL_NAMES("-published_at", "title"), as of
	 * peal_query_order_by(). Not of counts, aggregates, groups, updates and deletions.
	 */
	struct peal_names ordering;
};

/*
 * Declare a model, in a header, after its struct. Makes, beside the model itself:
 *
 *	student_model_row                               struct student
 *	student_model_from(instance)                    the struct student around a struct peal_instance; NULL when it
 *	                                                is NULL or an instance of another model
 *	student_model_init(&s, values, &error)          peal_init()
 *	student_model_create(&s, values, &error)        peal_create()
 *	student_model_get(&s, conditions, &error)       peal_get()
 *	student_model_get_or_create(&s, conditions, defaults, &created, &error)         peal_get_or_create()
 *	student_model_update_or_create(&s, conditions, defaults, &created, &error)      peal_update_or_create()
 */
#define PEAL_MODEL_DECLARE(model_, struct_)                                                       \
	typedef struct_ model_##_row;                                                             \
	extern const struct peal_model model_;                                                    \
	PEAL__UNUSED static inline struct_ *model_##_from(struct peal_instance *instance)         \
	{                                                                                         \
		return instance && instance->model == &model_                                     \
			       ? (struct_ *)(void *)((char *)instance -                           \
						     offsetof(struct_, instance))                 \
			       : NULL;                                                            \
	}                                                                                         \
	PEAL__UNUSED PEAL_MUST_CHECK static inline int model_##_init(                             \
		struct_ *row, const struct peal_named_list *values, struct peal_error *error)     \
	{                                                                                         \
		return peal_init(&model_, &row->instance, values, error);                         \
	}                                                                                         \
	PEAL__UNUSED PEAL_MUST_CHECK static inline int model_##_create(                           \
		struct_ *row, const struct peal_named_list *values, struct peal_error *error)     \
	{                                                                                         \
		return peal_create(&model_, &row->instance, NULL, values, error);                 \
	}                                                                                         \
	PEAL__UNUSED PEAL_MUST_CHECK static inline int model_##_get(                              \
		struct_ *row, const struct peal_named_list *conditions, struct peal_error *error) \
	{                                                                                         \
		return peal_get(&model_, &row->instance, NULL, conditions, error);                \
	}                                                                                         \
	PEAL__UNUSED PEAL_MUST_CHECK static inline int model_##_get_or_create(                    \
		struct_ *row, const struct peal_named_list *conditions,                           \
		const struct peal_named_list *defaults, bool *ret_created,                        \
		struct peal_error *error)                                                         \
	{                                                                                         \
		return peal_get_or_create(&model_, &row->instance, NULL, conditions, defaults,    \
					  ret_created, error);                                    \
	}                                                                                         \
	PEAL__UNUSED PEAL_MUST_CHECK static inline int model_##_update_or_create(                 \
		struct_ *row, const struct peal_named_list *conditions,                           \
		const struct peal_named_list *defaults, bool *ret_created,                        \
		struct peal_error *error)                                                         \
	{                                                                                         \
		return peal_update_or_create(&model_, &row->instance, NULL, conditions, defaults, \
					     ret_created, error);                                 \
	}                                                                                         \
	struct peal_model

/* Define it, in one .c file that has seen the declaration. */
#define PEAL_MODEL_DEFINE(model_, struct_, ...)                                               \
	static struct peal__model_state *model_##_state;                                      \
	const struct peal_model model_ = { .size = _Generic((struct_ *)0, model_##_row *      \
							    : sizeof(struct_)),               \
					   .offset = _Generic(((struct_ *)0)->instance,       \
							      struct peal_instance            \
							      : offsetof(struct_, instance)), \
					   .state = &model_##_state,                          \
					   __VA_ARGS__ }

/* Declare and define, for a model of one file. */
#define PEAL_MODEL(model_, struct_, ...)     \
	PEAL_MODEL_DECLARE(model_, struct_); \
	PEAL_MODEL_DEFINE(model_, struct_, __VA_ARGS__)

/* The typed row around args->instance and the like: PEAL_INSTANCE(student_model, args->instance). May be NULL. */
#define PEAL_INSTANCE(model_, instance_) model_##_from(instance_)

/*
 * Make models known: their tables are checked (what the compiler cannot see, PEAL_EINVAL naming model and field),
 * their senders get their names, so that lazy connections find them, and class_prepared is sent for each. A model
 * that another one refers to may be registered later. Registering again does nothing.
 */
PEAL_API PEAL_MUST_CHECK int peal_models_register(const struct peal_model *const *models,
						  size_t count, struct peal_error *error);
#define PEAL_MODELS_REGISTER(error_, ...)                                                \
	peal_models_register((const struct peal_model *const[]){ __VA_ARGS__ },          \
			     sizeof((const struct peal_model *const[]){ __VA_ARGS__ }) / \
				     sizeof(const struct peal_model *),                  \
			     (error_))

/* Forget all models; their senders are forgotten as by peal_sender_forget(). No instance may be in use. */
PEAL_API void peal_models_forget(void);

/* The model of that label ("school.Student", in any case), or NULL. */
PEAL_API const struct peal_model *peal_model_get(const char *label);

/* "school.Student". Valid while the model is registered. */
PEAL_API const char *peal_model_label(const struct peal_model *model);

/* The number of registered models, and one of them, in the order of registration. */
PEAL_API size_t peal_models_count(void);
PEAL_API const struct peal_model *peal_models_at(size_t index);

/*
 * Create the tables and indexes of all registered models that the database does not have, in one transaction. Tables
 * that are there are left as they are.
 */
PEAL_API PEAL_MUST_CHECK int peal_models_create_tables(const char *database,
						       struct peal_error *error);

/* ------------------------------------------------------------------------------------------------------------------
 * Named values: C's keyword arguments for fields
 */

struct peal_query;

/* A field (or a lookup, see peal/query.h) by name, and a value. Borrowed for the call. */
struct PEAL_NAMED_ONLY peal_named {
	const char *name;
	struct peal_value value;
	const struct peal_value *list; /* the values of "in" and "range" */
	size_t count;
	uint32_t operation; /* enum peal_operation */
	uint32_t reserved;
	const struct peal_named
		*conditions;            /* of PEAL_ANY() and its like, up to one without a name */
	const struct peal_query *query; /* "in" what it finds, of which value is a column's name */
};

struct peal_named_list {
	const struct peal_named *items;
	size_t count;
};

enum peal_operation {
	PEAL_ASSIGN = 0,
	PEAL_ADD = 1, /* in an update: to the column's value, in the database */
	PEAL_SUBTRACT = 2,
	PEAL_MULTIPLY = 3,
	PEAL_ANY_OF = 4, /* conditions: peal/query.h */
	PEAL_ALL_OF = 5,
	PEAL_NOT_ALL_OF = 6,
	PEAL_OF_QUERY = 7, /* PEAL_IN_QUERY() */
};

/* PEAL_WITH(PEAL_SET(...), PEAL_SET(...), ...): a list of them. */
#define PEAL_WITH(...)                                                                         \
	(&(const struct peal_named_list){ (const struct peal_named[]){ __VA_ARGS__ },          \
					  sizeof((const struct peal_named[]){ __VA_ARGS__ }) / \
						  sizeof(struct peal_named) })

/*
 * PEAL_SET(student_model, name, "Rahul")     the member must exist, and the value fit its type: else a compile error
 * PEAL_ARG("name", PEAL_TEXT("Rahul"))       the same by a name that is known at run time only
 *
 * A relation takes an instance under its name, and a key under that of its key:
 *	PEAL_SET(profile_model, user, &user->instance)    PEAL_SET(profile_model, user_id, user->id)
 * The value may also be a struct peal_value (PEAL_NULL), or a struct written in place:
 *	PEAL_SET(book_model, price, (struct peal_decimal){ 1250, 2 })                     12.50
 *	PEAL_SET(author_model, born, (struct peal_date){ 1974, 5, 1 })
 */
#define PEAL_SET(model_, member_, ...)                                                \
	{                                                                             \
		.name = #member_,                                                     \
		.value = PEAL__VALUE_FOR(((model_##_row *)0)->member_, (__VA_ARGS__)) \
	}
#define PEAL_ARG(name_, value_)                    \
	{                                          \
		.name = (name_), .value = (value_) \
	}

/* Any C value of a field's type as a struct peal_value; a struct peal_instance * is a row. */
#define PEAL_VALUE(x_) \
	_Generic((x_),                                                                                             \
		bool: peal_value_bool,                                                                             \
		signed char: peal_value_int, unsigned char: peal_value_int,                                        \
		short: peal_value_int, unsigned short: peal_value_int,                                             \
		int: peal_value_int, unsigned int: peal_value_int,                                                 \
		long: peal_value_int, unsigned long: peal_value_int,                                               \
		long long: peal_value_int, unsigned long long: peal_value_int,                                     \
		float: peal_value_real, double: peal_value_real,                                                   \
		char *: peal_value_text, const char *: peal_value_text,                                            \
		struct peal_bytes: peal__value_bytes,                                                              \
		struct peal_uuid: peal_value_uuid,                                                                 \
		struct peal_decimal: peal_value_decimal,                                                           \
		struct peal_date: peal_value_date,                                                                 \
		struct peal_instance *: peal__value_instance,                                                      \
		struct peal_value: peal__value_same)(x_)

/* ------------------------------------------------------------------------------------------------------------------
 * Instances
 */

/*
 * Begin an instance in memory of the model's size, whatever it contains: pre_init, the fields' initial values, the
 * given values (may be NULL), post_init (Django: Student(name="Rahul")). Text is copied. An instance that has begun must
 * be ended before it begins again, or its memory is lost.
 * Returns 0; PEAL_EINVAL (no such field; a model that is not registered), PEAL_ETYPE (a value that does not fit),
 * PEAL_ENOMEM, or the error of a receiver; the instance is ended then.
 */
PEAL_API PEAL_MUST_CHECK int peal_init(const struct peal_model *model,
				       struct peal_instance *instance,
				       const struct peal_named_list *values,
				       struct peal_error *error);

/* Free what it owns. The database is not touched. Its members must not be read any more. */
PEAL_API void peal_fini(struct peal_instance *instance);

/* The same on the heap, for code that knows the model at run time only. */
PEAL_API PEAL_MUST_CHECK int peal_new(const struct peal_model *model,
				      const struct peal_named_list *values,
				      struct peal_instance **ret_instance,
				      struct peal_error *error);
PEAL_API void peal_free(struct peal_instance *instance);

/* peal_init() and a save that only inserts (Django: objects.create). After an error the instance is ended. */
PEAL_API PEAL_MUST_CHECK int peal_create(const struct peal_model *model,
					 struct peal_instance *instance, const char *database,
					 const struct peal_named_list *values,
					 struct peal_error *error);

/*
 * Begin an instance with the one row that meets all conditions (Django: objects.get). Returns 0, PEAL_NOT_FOUND,
 * PEAL_MULTIPLE, or an error; unless it is 0 the instance is ended.
 */
PEAL_API PEAL_MUST_CHECK int peal_get(const struct peal_model *model,
				      struct peal_instance *instance, const char *database,
				      const struct peal_named_list *conditions,
				      struct peal_error *error);

/*
 * The row that meets all conditions, or a new one with the values of the plain conditions and the defaults (Django:
 * objects.get_or_create). Conditions that are not plain (lookups, over relations, PEAL_ANY) only find. The insert has a
 * block of its own; when it is refused because somebody was faster, that row is the answer. ret_created (may be NULL)
 * says which. Errors as of peal_get() and peal_create().
 */
PEAL_API PEAL_MUST_CHECK int peal_get_or_create(const struct peal_model *model,
						struct peal_instance *instance,
						const char *database,
						const struct peal_named_list *conditions,
						const struct peal_named_list *defaults,
						bool *ret_created, struct peal_error *error);

/*
 * The same, and a row that was there is locked, gets the defaults and is saved, with these as its update_fields, and its
 * date and file fields, .auto_now among them; all in one block (Django: objects.update_or_create).
 */
PEAL_API PEAL_MUST_CHECK int peal_update_or_create(const struct peal_model *model,
						   struct peal_instance *instance,
						   const char *database,
						   const struct peal_named_list *conditions,
						   const struct peal_named_list *defaults,
						   bool *ret_created, struct peal_error *error);

/*
 * Read its row again, by a second instance with its init signals: all fields, or some, which are then no longer deferred
 * (Django: refresh_from_db). A row that was attached over one of the relations is no longer, and what was prefetched is
 * forgotten: all of it, or that of the relations named. What the program set in other fields stays as it is.
 * PEAL_NOT_FOUND when the row is gone; PEAL_EINVAL (no such field).
 *
 *	r = PEAL_REFRESH(&article.instance, &error, "body", "author");
 */
PEAL_API PEAL_MUST_CHECK int peal_refresh(struct peal_instance *instance, struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_refresh_fields(struct peal_instance *instance,
						 const struct peal_names *names,
						 struct peal_error *error);
#define PEAL_REFRESH(instance_, error_, ...)                                                \
	peal_refresh_fields((instance_), &(const struct peal_names)PEAL_NAMES(__VA_ARGS__), \
			    (error_))

struct PEAL_NAMED_ONLY peal_save_options {
	const char *database; /* NULL: the instance's own database, or "default" */
	struct peal_names
		update_fields; /* write only these columns; an empty list does nothing at all */
	bool force_insert;
	bool force_update;
	bool raw; /* as loaded from a fixture: signals say so, no automatic date-times */
	/*
	 * Of a model with .track_changes: write only what has changed when the save begins, and the .auto_now fields, as
	 * if these were its update_fields. Nothing has: nothing is done, and nothing sent. A row that is new, that got
	 * another key or goes to another database is written whole.
	 */
	bool changed_only;
};

/*
 * Save: pre_save, the row, post_save. Without a key it inserts and stores the new key; with one it updates, and
 * inserts when there is no such row. No transaction is opened: outside an atomic block the row is there for good
 * before post_save is sent.
 * Returns 0; PEAL_EINVAL before any signal (options that contradict each other, update_fields that are no columns,
 * an attached row without key); PEAL_EINTEGRITY, PEAL_EDB (a forced update found no row), ...; a receiver's error.
 *
 *	peal_save(&student.instance, &error);
 *	PEAL_SAVE(&student.instance, &error, .update_fields = PEAL_NAMES("name"));
 */
PEAL_API PEAL_MUST_CHECK int peal_save(struct peal_instance *instance, struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_save_with(struct peal_instance *instance,
					    const struct peal_save_options *options,
					    struct peal_error *error);
#define PEAL_SAVE(instance_, error_, ...) \
	peal_save_with((instance_), &(const struct peal_save_options){ __VA_ARGS__ }, (error_))

/*
 * A guard for programs that are being written: while it is on, a save of a row whose own peal_pre_save or peal_post_save
 * is being sent in this thread, by one of its receivers or by what these set off, is refused with PEAL_ERECURSION. The
 * same row is the same instance, or the same key of the same model in the same database; a receiver that was connected
 * with PEAL_AFTER_COMMIT counts as well. The message, and a line of the log, show how it came about:
 *
 *	school.Student 4 is saved by a receiver of its own save: peal_save school.Student 4 > peal_post_save >
 *	create_profile > peal_save school.Profile 1 > peal_post_save > touch_student > peal_save school.Student 4; set the
 *	fields in peal_pre_save, or use peal_query_update()
 *
 * Those are the two remedies: what pre_save sets is saved with the row, and an update by query sends no signals. Off at
 * first, when a save costs one branch more; without it the 64th send inside another is PEAL_EDEPTH. Returns whether it
 * was on. For the whole process; to be set before other threads save.
 */
PEAL_API bool peal_guard_saves(bool on);

/* How many rows a deletion took, of which models. */
struct peal_deleted_model {
	const struct peal_model *model;
	int64_t rows;
};

struct peal_deleted {
	int64_t total;
	size_t count;
	struct peal_deleted_model *models;
};
PEAL_API void peal_deleted_fini(struct peal_deleted *deleted);

/*
 * Delete the row and, as their on_delete says, those that refer to it: in one transaction all pre_delete, the rows,
 * and post_delete model by model. After success the instance's key is null. ret_deleted may be NULL, else it is to be
 * ended by peal_deleted_fini().
 * Returns 0; PEAL_EINVAL (no key); PEAL_EPROTECTED, PEAL_ERESTRICTED before anything is sent or written; ...
 */
PEAL_API PEAL_MUST_CHECK int peal_delete(struct peal_instance *instance,
					 struct peal_deleted *ret_deleted,
					 struct peal_error *error);

/*
 * Set a text or bytes member to a copy (NULL: null), which belongs to the instance until the member is set again or
 * the instance ends. The new text may be part of the old one. PEAL_EINVAL when member is not one of the instance's.
 */
PEAL_API PEAL_MUST_CHECK int peal_set_text(struct peal_instance *instance, const char **member,
					   const char *text);
PEAL_API PEAL_MUST_CHECK int peal_set_bytes(struct peal_instance *instance,
					    struct peal_bytes *member, const void *data,
					    size_t size);

/*
 * Fields by name, for code that knows the model at run time only. A value that was got borrows its text from the
 * instance; one that is set is copied, checked and, for a relation given by instance, attached. PEAL_EINVAL names
 * what is wrong; PEAL_NOT_FOUND: the field was not loaded.
 */
PEAL_API PEAL_MUST_CHECK int peal_field_get(const struct peal_instance *instance, const char *name,
					    struct peal_value *ret_value, struct peal_error *error);
PEAL_API PEAL_MUST_CHECK int peal_field_set(struct peal_instance *instance, const char *name,
					    struct peal_value value, struct peal_error *error);

/* The label of the value that a field of choices has; NULL when it is none of them, or there is no such field. */
PEAL_API const char *peal_field_label(const struct peal_instance *instance, const char *name);

/* The field of a member or relation, or NULL; and its .verbose_name, or its name in words. Returns buffer. */
PEAL_API const struct peal_field *peal_model_field(const struct peal_model *model,
						   const char *name);
PEAL_API const char *peal_field_verbose_name(const struct peal_field *field, char *buffer,
					     size_t size);

/* The key; PEAL_NULL when it has none, and for an instance that has ended. */
PEAL_API struct peal_value peal_key(const struct peal_instance *instance);

/* Whether it has not been saved or loaded yet. */
PEAL_API bool peal_is_new(const struct peal_instance *instance);

/* "school.Student 4", for messages, cut at size. Returns buffer. */
PEAL_API const char *peal_describe(const struct peal_instance *instance, char *buffer, size_t size);

/* The time now, in microseconds since 1970, as a PEAL_DATETIME has it. */
PEAL_API int64_t peal_now(void);

/* ------------------------------------------------------------------------------------------------------------------
 * Behind the macros
 */

/* How a member is stored. Members are read and written by memcpy, through this. */
enum peal__storage {
	PEAL__S_I8 = 1,
	PEAL__S_U8,
	PEAL__S_I16,
	PEAL__S_U16,
	PEAL__S_I32,
	PEAL__S_U32,
	PEAL__S_I64,
	PEAL__S_U64,
	PEAL__S_BOOL,
	PEAL__S_FLOAT,
	PEAL__S_DOUBLE,
	PEAL__S_TEXT,
	PEAL__S_BYTES,
	PEAL__S_UUID,
	PEAL__S_DECIMAL,
	PEAL__S_DATE,
};

#define PEAL__KEY(x_) _Generic((x_), int32_t : PEAL__S_I32, int64_t : PEAL__S_I64)
#define PEAL__INT(x_)                    \
	_Generic((x_), int8_t            \
		 : PEAL__S_I8, uint8_t   \
		 : PEAL__S_U8, int16_t   \
		 : PEAL__S_I16, uint16_t \
		 : PEAL__S_U16, int32_t  \
		 : PEAL__S_I32, uint32_t \
		 : PEAL__S_U32, int64_t  \
		 : PEAL__S_I64, uint64_t \
		 : PEAL__S_U64)
#define PEAL__BOOL(x_) _Generic((x_), bool : PEAL__S_BOOL)
#define PEAL__REAL(x_) _Generic((x_), float : PEAL__S_FLOAT, double : PEAL__S_DOUBLE)
#define PEAL__TEXT_MEMBER(x_) _Generic((x_), const char * : PEAL__S_TEXT)
#define PEAL__BLOB(x_) _Generic((x_), struct peal_bytes : PEAL__S_BYTES)
#define PEAL__DATETIME(x_) _Generic((x_), int64_t : PEAL__S_I64)
#define PEAL__UUID(x_) _Generic((x_), struct peal_uuid : PEAL__S_UUID)
#define PEAL__DECIMAL(x_) _Generic((x_), struct peal_decimal : PEAL__S_DECIMAL)
#define PEAL__DATE(x_) _Generic((x_), struct peal_date : PEAL__S_DATE)
#define PEAL__REFERENCE(x_) \
	_Generic((x_),                                                                                             \
		int16_t: PEAL__S_I16, uint16_t: PEAL__S_U16, int32_t: PEAL__S_I32, uint32_t: PEAL__S_U32,          \
		int64_t: PEAL__S_I64, uint64_t: PEAL__S_U64, const char *: PEAL__S_TEXT,                           \
		struct peal_uuid: PEAL__S_UUID)

/* With PEAL__FIRST: the member is the first argument, and .reserved ends the options. */
#define PEAL__REST(first_, ...) __VA_ARGS__

#define PEAL__FIELD(kind_, storage_, struct_, ...)                                  \
	PEAL__FIELD_EXPANDED(kind_, storage_, struct_, PEAL__FIRST(__VA_ARGS__, 0), \
			     PEAL__REST(__VA_ARGS__, .reserved = 0))
#define PEAL__FIELD_EXPANDED(...) PEAL__FIELD_OF(__VA_ARGS__)
#define PEAL__FIELD_OF(kind_, storage_, struct_, member_, ...)                         \
	{                                                                              \
		.name = #member_, .offset = offsetof(struct_, member_), .kind = kind_, \
		.storage = storage_(((struct_ *)0)->member_), __VA_ARGS__              \
	}

#define PEAL__RELATION(kind_, struct_, member_, model_, ...)                                \
	{                                                                                   \
		.name = #member_, .offset = offsetof(struct_, member_##_id), .kind = kind_, \
		.storage = PEAL__REFERENCE(((struct_ *)0)->member_##_id), .to = &model_,    \
		.object = _Generic(((struct_ *)0)->member_, model_##_row *                  \
				   : offsetof(struct_, member_) + 1),                       \
		.on_delete = __VA_ARGS__                                                    \
	}

#define PEAL__MANY_EXPANDED(...) PEAL__MANY_OF(__VA_ARGS__)
#define PEAL__MANY_OF(struct_, name_, model_, ...)                           \
	{                                                                    \
		.name = name_, .offset = 0 * sizeof(struct_), .to = &model_, \
		.kind = PEAL_FIELD_MANY_TO_MANY, __VA_ARGS__                 \
	}

/* Classes of types, one bit each; a member's and its value's must have one in common. */
#define PEAL__CLASS_OF_VALUE(x_)                                                                   \
	_Generic((x_), char * : 1, const char * : 1, float : 4, double : 4, struct peal_bytes : 8, \
		 struct peal_instance * : 16, struct peal_uuid : 32, struct peal_decimal : 64,     \
		 struct peal_date : 128, struct peal_value : 255, default : 2)
#define PEAL__CLASS_OF_MEMBER(x_)                                                                \
	_Generic((x_), const char * : 1, float : 6, double : 6, struct peal_bytes : 8, bool : 2, \
		 int8_t : 2, uint8_t : 2, int16_t : 2, uint16_t : 2, int32_t : 2, uint32_t : 2,  \
		 int64_t : 2, uint64_t : 2, struct peal_uuid : 32, struct peal_decimal : 66,     \
		 struct peal_date : 128, default : 16)
#define PEAL__VALUE_FOR(member_, value_)                                                     \
	PEAL__VALUE_CHECKED(value_, sizeof(struct {                                          \
				    _Static_assert(                                          \
					    PEAL__CLASS_OF_MEMBER(member_) &                 \
						    PEAL__CLASS_OF_VALUE(value_),            \
					    "the value does not fit the type of the field"); \
				    char unused;                                             \
			    }))
#define PEAL__VALUE_CHECKED(value_, size_) (peal__value_checked(size_, PEAL_VALUE(value_)))

static inline struct peal_value peal__value_checked(size_t size, struct peal_value value)
{
	(void)size;
	return value;
}

static inline struct peal_value peal__value_same(struct peal_value value)
{
	return value;
}

static inline struct peal_value peal__value_bytes(struct peal_bytes bytes)
{
	return bytes.data ? peal_value_bytes(bytes.data, bytes.size) : peal_value_null();
}

static inline struct peal_value peal__value_instance(struct peal_instance *instance)
{
	return instance ? peal_value_pointer(instance) : peal_value_null();
}

PEAL_END_DECLS

#include <peal/model_signals.h>

#endif
