/* SPDX-License-Identifier: MIT */
/*
 * What the files of the model layer share: a model's state, which is made from its table when it is registered, and
 * the reading and writing of members.
 *
 * "row" is the user's struct, "instance" our part in it. Members are touched by memcpy only, through their column.
 */
#ifndef PEAL_MODEL_STATE_H
#define PEAL_MODEL_STATE_H

#include <peal/model.h>

#include "connection.h"
#include "heap.h"

#define PEAL__SAVED 1u /* instance.flags: it has a row, as far as we know */
#define PEAL__HEAP 2u  /* made by peal_new() */

#define PEAL__NO_FIELD SIZE_MAX

struct peal__column {
	const struct peal_field *field;
	const char *name;    /* of the member: "author_id" */
	const char *db_name; /* of the column */
	uint32_t offset;     /* in the row */
	uint32_t has;        /* in the row, plus 1; 0: none */
	uint16_t storage;
	uint8_t value_kind; /* enum peal_value_kind */
	bool relation;
	bool zero_is_null; /* a key or a time without .has */
};

/* A column of another model that refers to this one. */
struct peal__referrer {
	const struct peal__model_state *model;
	size_t column;
};

/* A many-to-many relation as one of its sides sees it. */
struct peal__many {
	const struct peal_field *field;
	const struct peal__model_state *declared_by, *other, *through;
	size_t source, target; /* columns of through: to the side itself, and to the other one */
	bool reverse;          /* not the side that declares it */
	bool symmetrical;
};

struct peal__link;

/* The statements of a model that are found by a key. */
enum peal__statement_of {
	PEAL__INSERT,           /* all columns but the key */
	PEAL__INSERT_KEY,       /* all columns */
	PEAL__INSERT_RETURNING, /* all columns but the key, which comes back as a row */
	PEAL__UPDATE,      /* all columns but the key, by key; there is none when there are none */
	PEAL__UPDATE_SOME, /* the columns of the bits, by key; made when it is needed */
	PEAL__REMOVE,      /* by key */
	PEAL__STATEMENTS_OF
};

struct peal__model_state {
	const struct peal_model *model;
	struct peal__link *link;  /* an automatic relation table: its model, owned; else NULL */
	struct peal__arena arena; /* all of the following */
	const char *label;        /* "school.Student" */
	const char *table;
	struct peal__column *columns;
	uint8_t *value_kinds; /* of the columns, for the driver */
	size_t count;
	size_t key;            /* the primary key's column */
	char *initial;         /* a row that has just begun, but for what functions give */
	bool computes_initial; /* there are such functions */
	bool automatic;        /* there are date-times that a save sets */
	const char *select;    /* SELECT all columns FROM table */
	const char *sql[PEAL__STATEMENTS_OF]; /* of enum peal__statement_of; NULL: see there */
	uint64_t statements;                  /* owner of the first of enum peal__statement_of */
	struct peal__referrer *referrers;     /* from peal__db_alloc */
	size_t referrer_count, referrer_capacity;
	struct peal__many *many; /* from peal__db_alloc */
	size_t many_count, many_capacity;
};

static inline const struct peal__model_state *peal__state(const struct peal_model *model)
{
	return *model->state;
}

static inline char *peal__row(const struct peal_instance *instance)
{
	return (char *)instance - instance->model->offset;
}

static inline struct peal_instance *peal__instance_in(const struct peal_model *model, void *row)
{
	return (struct peal_instance *)(void *)((char *)row + model->offset);
}

/* Whether a column was not loaded. */
static inline bool peal__is_deferred(const struct peal_instance *instance, size_t column)
{
	return instance->deferred[column / 64] >> (column % 64) & 1;
}

/* One whose text the state has: all but PEAL__UPDATE_SOME. As peal__statement_get(). */
int peal__model_statement(const struct peal__model_state *state, enum peal__statement_of which,
			  struct peal__connection *connection,
			  struct peal__statement **ret_statement, struct peal_error *error);

/* "the model school.Student is not registered" unless it is. */
int peal__model_check(const struct peal_model *model, struct peal_error *error);
/* The same of the model that a relation's column refers to, naming both. */
int peal__relation_check(const struct peal__model_state *state, const struct peal__column *column,
			 struct peal_error *error);

/*
 * The column of a name: a member's ("author_id"), a relation's ("author"), or "pk"; by_relation (may be NULL) says
 * that it was the relation's. PEAL__NO_FIELD when there is none.
 */
size_t peal__column_find(const struct peal__model_state *state, const char *name, size_t size,
			 bool *by_relation);

/* ---- Names that do not exist: names.c --------------------------------------------------------------------------- */

enum peal__names {
	PEAL__NAMES_OF_FIELDS,    /* with a column */
	PEAL__NAMES_IN_PATHS,     /* and relations of all kinds */
	PEAL__NAMES_OF_RELATIONS, /* of all kinds */
	PEAL__NAMES_FORWARD,      /* relations with a column */
};

/* PEAL_EINVAL: "lab.Person has no field "nmae"; there are id, name, age", and the error's field is the name. */
int peal__no_such(const struct peal__model_state *state, enum peal__names names, const char *name,
		  size_t size, struct peal_error *error);

/* ---- Many-to-many relations: relation.c ------------------------------------------------------------------------- */

/* The model of the relation table of a field; ended by peal__link_free(). */
int peal__link_new(const struct peal_model *model, const struct peal_field *field,
		   struct peal__link **ret_link, struct peal_error *error);
const struct peal_model *peal__link_model(const struct peal__link *link);
void peal__link_free(struct peal__link *link);

/* Whether the database itself does what on_delete says. */
static inline bool peal__is_by_database(const struct peal_field *relation)
{
	return relation->on_delete >= PEAL_DB_CASCADE;
}

/* Whether a field is a relation without a column. */
static inline bool peal__is_many(const struct peal_field *field)
{
	return field->kind == PEAL_FIELD_MANY_TO_MANY;
}

/* Add a many-to-many field to both its sides. */
int peal__many_tie(struct peal__model_state *state, const struct peal_field *field,
		   struct peal__model_state *to, struct peal__model_state *through,
		   struct peal_error *error);

/* The relation of that name, of either side; NULL when there is none. */
const struct peal__many *peal__many_find(const struct peal__model_state *state, const char *name);

/* The largest length of a text, in characters; 0: any. (schema.c) */
unsigned peal__max_length(const struct peal_field *field);

/* The type of a column's values, without its length. (schema.c) */
const char *peal__type_name(const struct peal__dialect *dialect, const struct peal__column *column);

/* ---- Members: member.c --------------------------------------------------------------------------------------- */

struct peal_value peal__member_read(const struct peal__column *column, const char *row);

/* Whether it is null, or holds nothing but zeros, as a member does that was not loaded. */
bool peal__member_is_zero(const struct peal__column *column, const char *row);

/*
 * What accepting and writing do for the values that nearly every row has, in one: a value of the column's own kind that
 * fits, whose text lives as long as the row. Returns false, having done nothing, for all others.
 */
bool peal__member_load(const struct peal__column *column, char *row,
		       const struct peal_value *value);

enum peal__text_mode {
	PEAL__COPY,   /* into the instance */
	PEAL__BORROW, /* the text lives as long as the instance */
};

/* Write a value that peal__column_accept() has accepted. */
int peal__member_write(struct peal_instance *instance, const struct peal__column *column,
		       const struct peal_value *value, enum peal__text_mode mode,
		       struct peal_error *error);

/*
 * Convert *value to what the column holds (an integer to a boolean or a real, an instance to its key), or say why it
 * cannot be: PEAL_ETYPE, PEAL_EINVAL.
 */
int peal__column_accept(const struct peal__model_state *state, const struct peal__column *column,
			struct peal_value *value, struct peal_error *error);

/*
 * Why a decimal does not fit its field: "scale", "max_digits" or "max_decimal_places"; or NULL, and it has the field's
 * scale now.
 */
const char *peal__decimal_problem(const struct peal_field *field, struct peal_decimal *decimal);

/* Give a decimal of this column, or a sum of several, the decimal places of its field: SQLite keeps none. */
void peal__decimal_settle(const struct peal__column *column, struct peal_decimal *decimal);

/* The size of the first character of a text of size > 0 bytes, or 0: it is not UTF-8. */
size_t peal__utf8_size(const char *text, size_t size);
bool peal__json_is_valid(const char *text, size_t size);

/* What a member holds that the compiler cannot see, before it is written: PEAL_ETYPE. */
int peal__member_check(const struct peal__model_state *state, const struct peal__column *column,
		       struct peal_value *value, struct peal_error *error);

/* The pointer to the related row, as its instance. */
struct peal_instance *peal__object_get(const struct peal__column *column, const char *row);
void peal__object_set(const struct peal__column *column, char *row, struct peal_instance *instance);

/* Memory that belongs to the instance: for the member at an offset in its row, or for one of these instead. */
enum peal__owned_for {
	PEAL__OWNED_FIRST = INT32_MAX - 15, /* rows are smaller */
	PEAL__OWNED_TEXTS,                  /* of all members, as they were loaded */
	PEAL__OWNED_INSTANCE,               /* a struct peal__owned_row */
	PEAL__OWNED_CHANGES,                /* what peal_changes_get() has given */
	PEAL__OWNED_PREFETCHED,             /* of prefetch.c */
	PEAL__OWNED_EXTRAS,                 /* of raw.c */
};

/* A related row that ends with the instance it is attached to. */
struct peal__owned_row {
	struct peal_instance *instance;
	_Alignas(max_align_t) char row[];
};
void *peal__owned_alloc(struct peal_instance *instance, uint32_t offset, size_t size);
/* Free what there is for this offset: everything but keep. */
void peal__owned_forget(struct peal_instance *instance, uint32_t offset, const void *keep);
/* Everything, the snapshot included. */
void peal__owned_free(struct peal_instance *instance);
/* The next after item (NULL: the first) that was made with this offset; NULL: no more. */
void *peal__owned_next(const struct peal_instance *instance, uint32_t offset, const void *item);
void peal__owned_remove(struct peal_instance *instance, const void *item);
void peal__prefetched_fini(void *prefetched);

/* ---- Instances: instance.c ----------------------------------------------------------------------------------- */

/* Begin an instance with the values of a row of the database, whose texts live as long as it does. */
int peal__instance_load(const struct peal_model *model, struct peal_instance *instance,
			struct peal_db *db, const struct peal_value *values,
			struct peal_error *error);

/* Make state->initial. */
int peal__initial_make(struct peal__model_state *state, struct peal_error *error);

/* Whether the init signals of the model are heard; they are sent by peal__instance_load(). */
bool peal__init_is_heard(const struct peal_model *model);

/* Copy the texts of values behind each other into room, which has peal__texts_size() bytes. */
size_t peal__texts_size(const struct peal_value *values, size_t count);
void peal__texts_copy(struct peal_value *values, size_t count, char *room);

/* The connection for an operation on an instance: the named one, its own, or the default one. */
int peal__instance_connection(const struct peal_instance *instance, const char *database,
			      struct peal__connection **ret_connection, struct peal_error *error);

/* ---- Changed fields: changes.c, of models with .track_changes ------------------------------------------------------ */

struct peal__snapshot;

/* Remember what was loaded; nothing for other models. */
int peal__snapshot_load(struct peal_instance *instance, struct peal_error *error);

/*
 * Room for what the row will have when these columns (NULL: all) are written, made before; and, when they are, its
 * filling: it is the instance's then, and replaces the one before.
 */
int peal__snapshot_new(const struct peal_instance *instance, const bool *written,
		       struct peal__snapshot **ret_snapshot, struct peal_error *error);
void peal__snapshot_take(struct peal_instance *instance, struct peal__snapshot *snapshot,
			 const bool *written);
struct peal__snapshot *peal__snapshot_hold(struct peal__snapshot *snapshot); /* NULL gives NULL */
void peal__snapshot_put(struct peal__snapshot *snapshot); /* NULL does nothing; any thread */

/* All of these instances of one model have been written; after an error none has changed. */
int peal__snapshot_all(struct peal_instance *const *instances, size_t count, const bool *written,
		       struct peal_error *error);

/* A save: begin before the row is written, written after, end when post_save was sent or the save has failed. */
struct peal__track {
	struct peal__snapshot *before, *after;
	struct peal_changes *changes;
};
int peal__track_begin(struct peal__track *track, const struct peal_instance *instance,
		      const bool *written, struct peal_error *error);
void peal__track_written(struct peal__track *track, struct peal_instance *instance,
			 const bool *written, bool created);
void peal__track_end(struct peal__track *track);

/*
 * What a save has changed, for somebody who keeps it longer: the list in his own room, and both snapshots held, to be
 * given back by peal__snapshot_put().
 */
size_t peal__track_room(const struct peal_instance *instance);
void peal__track_share(const struct peal__track *track, void *room, struct peal__track *ret_track);

/* The columns but the key that have changed, into room for all; whether it still has the key that it was loaded with. */
size_t peal__changed_names(const struct peal_instance *instance, const char **names);
bool peal__is_same_row(const struct peal_instance *instance);

/* ---- Saving: save.c; for many rows at once ---------------------------------------------------------------------- */

/* Fields that were not loaded, and that the program has assigned since, are no longer deferred. */
void peal__deferred_settle(struct peal_instance *instance);

/* What comes before an INSERT: the key's default, attached rows, automatic date-times. */
int peal__save_prepare(struct peal_instance *instance, bool *ret_has_key, struct peal_error *error);

/* What comes before writing one column: a row attached to it gives its key. */
int peal__save_attached(struct peal_instance *instance, const struct peal__column *column,
			struct peal_error *error);

/* Bind a column of the instance to a parameter, which counts from 0. */
int peal__bind_column(const struct peal_instance *instance, struct peal__statement *s, size_t index,
		      size_t column, struct peal_error *error);

int peal__set_named(struct peal_instance *instance, const struct peal_named *named,
		    struct peal_error *error);

/* The order of two keys of one model: numbers, or texts by their bytes. */
int peal__key_compare(struct peal_value a, struct peal_value b);

/* Set the key to null. */
void peal__key_clear(struct peal_instance *instance);

#endif
