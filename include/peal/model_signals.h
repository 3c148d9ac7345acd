/* SPDX-License-Identifier: MIT */
/*
 * peal/model_signals.h: the signals of the models. The sender is always the model.
 *
 *	peal_pre_init, peal_post_init        an instance begins: made by the program, or loaded from a row
 *	peal_pre_save, peal_post_save        peal_save() and what stands on it; never for an update by query
 *	peal_pre_delete, peal_post_delete    each row that a deletion takes, cascades included
 *	peal_m2m_changed                     a many-to-many relation changes; the sender is the relation's table
 *	peal_post_bulk                       many rows were written at once, which sends none of the signals above
 *	peal_class_prepared                  a model was registered; just before it can be found by name
 *
 * After the commit
 *
 * Each signal that says that something is done can also be heard when it is committed:
 *
 *	PEAL_CONNECT(peal_post_save, send_welcome, .sender = &user_model, .when = PEAL_AFTER_COMMIT);
 *
 *   Signals    peal_post_save, peal_post_delete, peal_post_bulk, and the "post" actions of peal_m2m_changed.
 *   Moment     when the outermost block has committed, with no transaction open, among the callbacks of
 *              peal_on_commit() in the order of registration; outside a block right after the write, behind the
 *              receivers that are called at once. Never when the block, or the block with a savepoint that the write
 *              was in, is rolled back, or the COMMIT fails.
 *   Values     as written: the instance is a copy, made when the row was, and belongs to the library until the receiver
 *              returns (an asynchronous one: until its task is done). It has texts of its own and the key; no rows are
 *              attached to it, members that are no fields are zero, and no init signals are sent for it. The same copy
 *              goes to all receivers. update_fields, changes, pk_set and the keys of peal_post_bulk are copies; origin has
 *              the instance only when the row itself was deleted, and no query. The receiver may change and save the copy,
 *              as a save of its own.
 *   Who        is called is settled at the write: whoever is connected then, not muted then, and still connected at the
 *              commit.
 *   Errors     undo nothing any more: all receivers are called, an error goes to the log (peal_set_log()), and the block
 *              and the save return what they return without it.
 *   Memory     one block for each row until the commit; out of memory is PEAL_ENOMEM of the save, before anything is
 *              written. Without such a connection there is no copy, and no cost but a load and a branch.
 *   Otherwise  like any other connection: scopes, uids, priorities, tables, senders by name, executors, introspection. With
 *              an executor nobody waits for the receiver. It must not be left by a C++ exception.
 *   Deletion   rows are loaded, and relations looked up, as for a receiver that is called at once.
 *
 * What a receiver does when it returns an error: in pre_save nothing is written; in post_save the row stays, unless a
 * surrounding transaction is rolled back; in pre_delete and post_delete the whole deletion is rolled back, and in
 * m2m_changed and post_bulk the whole change. The error is what the operation returns.
 */
#ifndef PEAL_MODEL_SIGNALS_H
#define PEAL_MODEL_SIGNALS_H

#include <peal/changes.h>
#include <peal/dispatch.h>
#include <peal/model.h>

PEAL_BEGIN_DECLS

struct peal_query;

/*
 * The row that will be: from the program, named values and no row; from the database, the whole row in the order of
 * the fields and no named values. A field that is not loaded has the kind PEAL_VALUE_POINTER, with NULL.
 */
struct PEAL_NAMED_ONLY peal_pre_init_args {
	const struct peal_value *row; /* NULL, or as many as the model has fields */
	size_t row_count;
	const struct peal_named_list *values; /* never NULL */
};

struct PEAL_NAMED_ONLY peal_post_init_args {
	struct peal_instance *instance;
};

struct PEAL_NAMED_ONLY peal_pre_save_args {
	struct peal_instance
		*instance; /* may be changed: what it contains after the last receiver is saved */
	bool raw;          /* loaded from a fixture: do not read or change other rows */
	const char *database;
	const struct peal_names *update_fields; /* NULL: all */
};

struct PEAL_NAMED_ONLY peal_post_save_args {
	struct peal_instance *instance;
	bool created; /* inserted, not updated */
	bool raw;
	const char *database;
	const struct peal_names *update_fields;
	/*
	 * What this save has changed, with the values before and as written, good until the signal was sent: see
	 * peal/changes.h. Created: every field. NULL: the model has no .track_changes.
	 */
	const struct peal_changes *changes;
};

/* Whose deletion it is: the instance or the query that was told to delete; the other one is NULL. */
struct peal_origin {
	struct peal_instance *instance;
	struct peal_query *query;
};

struct PEAL_NAMED_ONLY peal_pre_delete_args {
	struct peal_instance *instance; /* still has its key */
	const char *database;
	struct peal_origin origin;
};

struct PEAL_NAMED_ONLY peal_post_delete_args {
	struct peal_instance *instance; /* still has its key; the row is gone */
	const char *database;
	struct peal_origin origin;
};

enum peal_m2m_action {
	PEAL_PRE_ADD = 1,
	PEAL_POST_ADD = 2,
	PEAL_PRE_REMOVE = 3,
	PEAL_POST_REMOVE = 4,
	PEAL_PRE_CLEAR = 5,
	PEAL_POST_CLEAR = 6,
};

/* "pre_add" and so on; "?" for any other number. */
PEAL_API const char *peal_m2m_action_name(uint32_t action);

struct PEAL_NAMED_ONLY peal_m2m_changed_args {
	struct peal_instance *instance; /* whose relation was changed */
	uint32_t action;                /* enum peal_m2m_action */
	bool reverse;                   /* from the side that does not declare the field */
	const struct peal_model *model; /* of the rows on the other side */
	/*
	 * The keys of the other side, ascending: with add those that were not related yet (perhaps none), with remove
	 * all that were named, PEAL_NULL for one that is not saved. NULL with clear.
	 */
	const struct peal_value *pk_set;
	size_t pk_count;
	const char *database;
};

/* What has written many rows. */
enum peal_bulk_operation {
	PEAL_BULK_CREATED = 1,  /* peal_bulk_create() */
	PEAL_BULK_UPDATED = 2,  /* peal_bulk_update() */
	PEAL_QUERY_UPDATED = 3, /* peal_query_update(); a deletion by PEAL_SET_NULL and its like */
	PEAL_QUERY_DELETED = 4, /* peal_query_delete(); any deletion, by PEAL_CASCADE */
};

/* "bulk_create", "bulk_update", "update", "delete"; "?" for any other number. */
PEAL_API const char *peal_bulk_operation_name(uint32_t operation);

/*
 * Rows of the sender were created, changed or deleted together: after the write, in the transaction of the operation.
 * (Django has no such signal, and sends nothing for most of these writes.) It says what was done to the database, not
 * who was told: the rows of a deletion that have sent post_delete each are in it as well, and those of a many-to-many
 * relation's table, which is the sender then. The row that peal_delete() was given, saves, and what the database does
 * itself (PEAL_DB_CASCADE, SQL of your own) are not. No rows, no signal.
 *
 *	static int drop_cached(struct peal_call *call, const struct peal_post_bulk_args *args)
 *	{
 *		const struct peal_params *keys;
 *		int r = peal_bulk_keys(args, &keys, call->error);
 *
 *		for (size_t i = 0; r == 0 && i < keys->count; i++)
 *			cache_drop(keys->items[i].as.integer);
 *		return r;
 *	}
 *	PEAL_CONNECT(peal_post_bulk, drop_cached, .sender = &student_model);
 *
 * While a receiver is connected for the model, updates by query and deletions give their keys back (RETURNING), and an
 * update by query has a transaction of its own; it stays one statement, and no row is loaded.
 */
struct PEAL_NAMED_ONLY peal_post_bulk_args {
	uint32_t operation; /* enum peal_bulk_operation */
	const char *database;
	int64_t rows; /* that there were */
	const struct peal_names
		*fields; /* that were written, by the names of their members; NULL: all */
	struct peal__affected *affected; /* for peal_bulk_keys() */
};

/*
 * The keys of the rows, in no particular order, as they are after the write; good until the signal was sent. They can be
 * given to peal_query_in_bulk().
 */
PEAL_API PEAL_MUST_CHECK int peal_bulk_keys(const struct peal_post_bulk_args *args,
					    const struct peal_params **ret_keys,
					    struct peal_error *error);

struct PEAL_NAMED_ONLY peal_class_prepared_args {
	const struct peal_model *model;
};

PEAL__SIGNAL_EXPORT(peal_pre_init);
PEAL__SIGNAL_EXPORT(peal_post_init);
PEAL__SIGNAL_EXPORT(peal_pre_save);
PEAL__SIGNAL_EXPORT_WHEN(peal_post_save);
PEAL__SIGNAL_EXPORT(peal_pre_delete);
PEAL__SIGNAL_EXPORT_WHEN(peal_post_delete);
PEAL__SIGNAL_EXPORT_WHEN(peal_m2m_changed);
PEAL__SIGNAL_EXPORT_WHEN(peal_post_bulk);
PEAL__SIGNAL_EXPORT(peal_class_prepared);

PEAL_END_DECLS

#endif
