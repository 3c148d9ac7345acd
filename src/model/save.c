/* SPDX-License-Identifier: MIT */
/*
 * Saving. The order of things is Django's (Model.save and save_base): attached rows, options, pre_save, the key's
 * default, UPDATE or INSERT, post_save. No transaction is opened here.
 */
#include "after_commit.h"
#include "guard.h"

PEAL_SIGNAL_DEFINE(peal_pre_save);
PEAL__SIGNAL_DEFINE_WHEN(peal_post_save);
PEAL__SIGNAL_SENDER(peal_post_save);

struct save {
	struct peal_instance *instance;
	const struct peal__model_state *state;
	const struct peal_save_options *options;
	struct peal__connection *connection;
	struct peal_error *error;
	struct peal__later *later;              /* peal_post_save after the commit; or NULL */
	struct peal_value new_key;              /* of the inserted row */
	const struct peal_names *update_fields; /* NULL: all */
	bool written[PEAL_FIELDS_MAX];          /* the columns of update_fields */
	struct peal__track track;               /* of a model with .track_changes */
};

/* ---- Before pre_save ----------------------------------------------------------------------------------------------- */

static int attached_check(struct save *save, const struct peal__column *column)
{
	char *row = peal__row(save->instance);
	struct peal_instance *object = peal__object_get(column, row);
	struct peal_value key, mine;

	if (!object)
		return 0;
	if (object->model != column->field->to)
		return peal_error_set(save->error, PEAL_EINVAL,
				      "%s.%s: the attached row is not an instance of %s",
				      save->state->label, column->field->name,
				      peal_model_label(column->field->to));
	key = peal_key(object);
	mine = peal__member_read(column, row);
	if (key.kind == PEAL_VALUE_NULL)
		return peal_error_set(save->error, PEAL_EINVAL,
				      "%s.%s: the attached %s is not saved", save->state->label,
				      column->field->name, peal_model_label(object->model));
	if (mine.kind == PEAL_VALUE_NULL)
		return peal__member_write(save->instance, column, &key, PEAL__COPY, save->error);
	if (!peal_value_equal(key, mine))
		peal__object_set(column, row, NULL);
	return 0;
}

static int unknown_field(const struct save *save, const char *name)
{
	int r = peal__no_such(save->state, PEAL__NAMES_OF_FIELDS, name, strlen(name), save->error);

	peal_error_prefix(save->error, "update_fields: ");
	return r;
}

static int names_check(struct save *save)
{
	const struct peal_names *names = save->update_fields;

	for (size_t i = 0; i < names->count; i++) {
		size_t column = peal__column_find(save->state, names->items[i],
						  strlen(names->items[i]), NULL);

		if (column == PEAL__NO_FIELD)
			return unknown_field(save, names->items[i]);
		if (column == save->state->key)
			return peal_error_set(save->error, PEAL_EINVAL,
					      "update_fields: \"%s\" is the primary key of %s",
					      names->items[i], save->state->label);
		save->written[column] = true;
	}
	return 0;
}

/* A field that was not loaded was zero: one that is no longer was assigned by the program, and counts as set. */
void peal__deferred_settle(struct peal_instance *instance)
{
	const struct peal__model_state *state = peal__state(instance->model);

	if (!instance->deferred[0] && !instance->deferred[1])
		return;
	for (size_t i = 0; i < state->count; i++)
		if (peal__is_deferred(instance, i) &&
		    !peal__member_is_zero(&state->columns[i], peal__row(instance)))
			instance->deferred[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* Writing a field that was not loaded would write nothing over what the row has. */
static int deferred_check(const struct save *save)
{
	if (!save->instance->deferred[0] && !save->instance->deferred[1])
		return 0;
	for (size_t i = 0; i < save->state->count; i++)
		if (peal__is_deferred(save->instance, i) &&
		    (!save->update_fields || save->written[i]))
			return peal_error_set(
				save->error, PEAL_EINVAL,
				"%s.%s was not loaded: load it by PEAL_REFRESH(), set it by "
				"peal_field_set(), or leave it out of update_fields",
				save->state->label, save->state->columns[i].name);
	return 0;
}

/* A row that was loaded in part is saved in that part, as if these were its update_fields (not into another database). */
static void imply_fields(struct save *save, struct peal_names *names, const char **items)
{
	const struct peal_instance *instance = save->instance;

	if (save->update_fields || save->options->force_insert || !instance->db ||
	    (save->options->database && peal_db_get(save->options->database) != instance->db))
		return;
	if (!instance->deferred[0] && !instance->deferred[1])
		return;
	names->items = items;
	for (size_t i = 0; i < save->state->count; i++)
		if (i != save->state->key && !peal__is_deferred(instance, i))
			items[names->count++] = save->state->columns[i].name;
	if (names->count)
		save->update_fields = names;
}

static bool is_named(const struct peal_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

/* Of a row that is known to be there, what has changed. */
static int imply_changed(struct save *save, struct peal_names *names, const char **items)
{
	const struct peal_save_options *options = save->options;
	const struct peal_instance *instance = save->instance;

	if (!save->state->model->track_changes)
		return peal_error_set(save->error, PEAL_EINVAL,
				      "%s: changed_only needs .track_changes of the model",
				      save->state->label);
	if (options->force_insert || save->update_fields)
		return peal_error_set(
			save->error, PEAL_EINVAL,
			"%s: changed_only cannot go with force_insert or update_fields",
			save->state->label);
	if (peal_is_new(instance) || !peal__is_same_row(instance) ||
	    (options->database && peal_db_get(options->database) != instance->db))
		return 0;
	names->items = items;
	names->count = peal__changed_names(instance, items);
	save->update_fields = names;
	for (size_t i = 0; i < save->state->count && names->count && !options->raw; i++) {
		const struct peal__column *column = &save->state->columns[i];

		if (column->field->auto_now && !peal__is_deferred(instance, i) &&
		    !is_named(names, column->name))
			items[names->count++] = column->name;
	}
	return 0;
}

static int options_check(struct save *save)
{
	const struct peal_save_options *options = save->options;
	int r;

	if (options->force_insert &&
	    (options->force_update || (save->update_fields && save->update_fields->count)))
		return peal_error_set(
			save->error, PEAL_EINVAL,
			"%s: force_insert cannot go with force_update or update_fields",
			save->state->label);
	r = save->update_fields ? names_check(save) : 0;
	return r == 0 ? deferred_check(save) : r;
}

/* ---- The row -------------------------------------------------------------------------------------------------------- */

static struct peal_value now_for(const struct peal__column *column, int64_t now)
{
	const int64_t day = INT64_C(86400000000);

	if (column->value_kind == PEAL_VALUE_DATE)
		return peal_value_date(peal_date_from_days(now / day));
	if (column->value_kind == PEAL_VALUE_TIME_OF_DAY)
		return peal_value_time_of_day(now % day);
	return peal_value_time(now);
}

/* One moment for all fields. */
static int set_now(struct save *save, bool inserting)
{
	int64_t now;
	int r = 0;

	if (!save->state->automatic || save->options->raw)
		return 0;
	now = peal_now();
	for (size_t i = 0; i < save->state->count && r == 0; i++) {
		const struct peal__column *column = &save->state->columns[i];

		if (save->update_fields && !inserting && !save->written[i])
			continue;
		if (column->field->auto_now || (column->field->auto_now_add && inserting)) {
			struct peal_value value = now_for(column, now);

			r = peal__member_write(save->instance, column, &value, PEAL__BORROW,
					       save->error);
		}
	}
	return r;
}

int peal__bind_column(const struct peal_instance *instance, struct peal__statement *s, size_t index,
		      size_t i, struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(instance->model);
	const struct peal__column *column = &state->columns[i];
	struct peal_value value = peal__member_read(column, peal__row(instance));
	int r = peal__member_check(state, column, &value, error);

	return r < 0 ? r : peal__statement_bind(s, index, &value, error);
}

/* Runs a statement whose parameters are the wanted columns, and then perhaps the key; puts it back. */
static int run(struct save *save, struct peal__statement *s, bool with_key_column, bool by_key,
	       int64_t *ret_changes)
{
	const struct peal__driver *driver = save->connection->db->driver;
	const struct peal__model_state *state = save->state;
	bool some = !with_key_column && by_key && save->update_fields;
	size_t index = 0;
	int r = 0;

	for (size_t i = 0; i < state->count && r == 0; i++)
		if ((i != state->key || with_key_column) && (!some || save->written[i]))
			r = peal__bind_column(save->instance, s, index++, i, save->error);
	if (r == 0 && by_key)
		r = peal__bind_column(save->instance, s, index, state->key, save->error);
	while (r == 0)
		r = peal__statement_step(s, NULL, s->width ? &save->new_key : NULL, save->error);
	if (r == PEAL_DONE) {
		r = 0;
		*ret_changes = driver->changes(s);
		if (!by_key && !with_key_column && !s->width)
			save->new_key = peal_value_int(driver->insert_id(s));
	}
	peal__statement_put(s);
	return r;
}

static void update_some_sql(const void *context, struct peal__text *sql)
{
	const struct save *save = context;
	const struct peal__model_state *state = save->state;
	const char *between = " SET ";
	size_t number = 0;

	peal__text_add(sql, "UPDATE ");
	peal__text_add_name(sql, state->table);
	for (size_t i = 0; i < state->count; i++) {
		if (!save->written[i])
			continue;
		peal__text_add(sql, between);
		peal__text_add_name(sql, state->columns[i].db_name);
		peal__text_add(sql, " = $");
		peal__text_add_number(sql, ++number);
		between = ", ";
	}
	peal__text_add(sql, " WHERE ");
	peal__text_add_name(sql, state->columns[state->key].db_name);
	peal__text_add(sql, " = $");
	peal__text_add_number(sql, number + 1);
}

static int update_some(struct save *save, int64_t *ret_changes)
{
	struct peal__statement_key key = { .owner = save->state->statements + PEAL__UPDATE_SOME };
	struct peal__statement *s;
	int r;

	for (size_t i = 0; i < save->state->count; i++)
		key.bits[i / 64] |= (uint64_t)save->written[i] << (i % 64);
	r = peal__statement_get_by(save->connection, &key, update_some_sql, save, &s, save->error);
	return r == 0 ? run(save, s, false, true, ret_changes) : r;
}

/* A model that is nothing but its key: a row is there or not. */
static int update_nothing(struct save *save, int64_t *ret_changes)
{
	struct peal__text sql = { 0 };
	struct peal_value key = peal_key(save->instance), found;
	struct peal__statement *s = NULL;
	int r;

	peal__text_add(&sql, save->state->select);
	peal__text_add(&sql, " WHERE ");
	peal__text_add_name(&sql, save->state->columns[save->state->key].db_name);
	peal__text_add(&sql, " = $1");
	r = sql.failed ? peal__no_memory(save->error)
		       : peal__statement_get(save->connection, sql.data, sql.size, &s, save->error);
	peal__text_fini(&sql);
	if (r != 0)
		return r;
	r = peal__statement_bind(s, 0, &key, save->error);
	if (r == 0)
		r = peal__statement_step(s, NULL, &found, save->error);
	peal__statement_put(s);
	*ret_changes = r == 0;
	return r == PEAL_DONE ? 0 : r;
}

static int update(struct save *save, int64_t *ret_changes)
{
	struct peal__statement *s;
	int r = set_now(save, false);

	if (r != 0)
		return r;
	if (save->update_fields)
		return update_some(save, ret_changes);
	if (!save->state->sql[PEAL__UPDATE])
		return update_nothing(save, ret_changes);
	r = peal__model_statement(save->state, PEAL__UPDATE, save->connection, &s, save->error);
	return r == 0 ? run(save, s, false, true, ret_changes) : r;
}

static int insert(struct save *save, bool with_key)
{
	const struct peal__column *key = &save->state->columns[save->state->key];
	const struct peal__driver *driver = save->connection->db->driver;
	enum peal__statement_of which = with_key                    ? PEAL__INSERT_KEY
					: driver->dialect.returning ? PEAL__INSERT_RETURNING
								    : PEAL__INSERT;
	struct peal__statement *s;
	int64_t changes;
	int r = set_now(save, true);

	if (r == 0)
		r = peal__model_statement(save->state, which, save->connection, &s, save->error);
	if (r == 0)
		r = run(save, s, with_key, false, &changes);
	if (r == 0 && !with_key) {
		struct peal_value id = save->new_key;

		r = peal__column_accept(save->state, key, &id, save->error);
		if (r == 0)
			r = peal__member_write(save->instance, key, &id, PEAL__BORROW, save->error);
	}
	return r;
}

/* A key without a value gets its default: not one that the database gives. */
static int key_default(struct save *save, bool *ret_has_key)
{
	const struct peal__column *key = &save->state->columns[save->state->key];
	struct peal_value value = peal_key(save->instance);
	int r = 0;

	if (value.kind == PEAL_VALUE_NULL && key->field->kind != PEAL_FIELD_ID) {
		value = key->field->initial_fn ? key->field->initial_fn() : key->field->initial;
		if (value.kind == PEAL_VALUE_NULL && key->storage == PEAL__S_TEXT)
			value = peal_value_text("");
		r = peal__column_accept(save->state, key, &value, save->error);
		if (r == 0)
			r = peal__member_write(save->instance, key, &value, PEAL__COPY,
					       save->error);
	}
	*ret_has_key = value.kind != PEAL_VALUE_NULL;
	return r;
}

static bool only_inserts(const struct save *save)
{
	const struct peal_field *key = save->state->columns[save->state->key].field;

	if (save->options->force_insert)
		return true;
	return peal_is_new(save->instance) && (key->initial.kind || key->initial_fn) &&
	       !save->options->raw && !save->options->force_update;
}

/* The columns that are written; NULL: all. */
static const bool *written(const struct save *save)
{
	return save->update_fields ? save->written : NULL;
}

/* The rows of an automatic relation table are saved in silence, whoever listens. */
static bool is_silent(const struct save *save)
{
	return save->state->link != NULL;
}

/* Memory for what is told after the commit: from here on no text of the instance is changed. */
static int later_new(struct save *save)
{
	const struct peal__later_wanted wanted = { .signal = &peal_post_save,
						   .sender = save->state->model,
						   .args_size = sizeof(struct peal_post_save_args),
						   .connection = save->connection,
						   .instance = save->instance,
						   .changes = save->track.changes != NULL,
						   .names = save->update_fields };

	return peal__later_new(&wanted, &save->later, save->error);
}

static int write_row(struct save *save, bool *ret_created)
{
	bool has_key, must_update = save->options->force_update || save->update_fields;
	int64_t changes = 0;
	int r = key_default(save, &has_key);

	if (r == 0 && save->state->model->track_changes)
		r = peal__track_begin(&save->track, save->instance, written(save), save->error);
	if (r == 0 && PEAL_UNLIKELY(peal__is_awaited(&peal_post_save)) && !is_silent(save))
		r = later_new(save);
	if (r != 0)
		return r;
	if (!has_key && must_update)
		return peal_error_set(save->error, PEAL_EINVAL, "%s: an update needs a key",
				      save->state->label);
	if (has_key && !only_inserts(save)) {
		r = update(save, &changes);
		if (r < 0)
			return r;
		if (!changes && must_update)
			return peal_error_set(save->error, PEAL_EDB, "%s: the update found no row",
					      save->state->label);
	}
	*ret_created = !changes;
	return changes ? 0 : insert(save, has_key);
}

/* ---- All of it ------------------------------------------------------------------------------------------------------ */

static int send_pre_save(struct save *save)
{
	if (!peal_signal_is_heard(&peal_pre_save) || is_silent(save))
		return 0;
	return PEAL_SEND_ERROR(peal_pre_save, save->state->model, save->error,
			       .instance = save->instance, .raw = save->options->raw,
			       .database = save->connection->db->alias,
			       .update_fields = save->update_fields);
}

static int send_post_save(struct save *save, bool created)
{
	if (!peal_signal_is_heard(&peal_post_save) || is_silent(save))
		return 0;
	return PEAL_SEND_ERROR(peal_post_save, save->state->model, save->error,
			       .instance = save->instance, .created = created,
			       .raw = save->options->raw, .database = save->connection->db->alias,
			       .update_fields = save->update_fields,
			       .changes = save->track.changes);
}

/* The row is written: what is told after the commit is told of it as it is now. */
static void later_wait(struct save *save, bool created)
{
	struct peal__later *later = save->later;

	peal__later_keep(later, save->instance);
	if (save->track.changes)
		peal__track_share(&save->track, later->changes, &later->track);
	*(struct peal_post_save_args *)later->args =
		(struct peal_post_save_args){ .instance = later->instance,
					      .created = created,
					      .raw = save->options->raw,
					      .database = save->connection->db->alias,
					      .update_fields = later->names,
					      .changes = later->track.changes };
	if (peal__later_wait(later))
		save->later = NULL;
}

static int save_checked(struct save *save)
{
	bool created = false;
	int r = send_pre_save(save);

	if (r != 0)
		return r;
	r = write_row(save, &created);
	if (r < 0) {
		peal__later_free(save->later);
		peal__transaction_break(save->connection);
		return r;
	}
	save->instance->db = save->connection->db;
	save->instance->flags |= PEAL__SAVED;
	if (save->track.after)
		peal__track_written(&save->track, save->instance, written(save), created);
	if (save->later)
		later_wait(save, created);
	r = send_post_save(save, created);
	if (save->later)
		peal__later_send(save->later);
	return r;
}

static int save_guarded(struct save *save)
{
	struct peal__saving saving PEAL_CLEANUP(peal__saving_end) = { .instance = NULL };
	int r = peal__guard_check(save->instance, save->connection->db, save->error);

	if (r < 0)
		return r;
	peal__saving_begin(&saving, save->instance, save->connection->db);
	return save_checked(save);
}

int peal_save_with(struct peal_instance *instance, const struct peal_save_options *options,
		   struct peal_error *error)
{
	static const struct peal_save_options defaults;
	struct save save = { .instance = instance, .error = error };
	const char *names[PEAL_FIELDS_MAX];
	struct peal_names implied = { 0 };
	int r;

	if (!instance->model)
		return peal_error_set(error, PEAL_EINVAL,
				      "the instance was never begun, or has ended");
	save.state = peal__state(instance->model);
	save.options = options ? options : &defaults;
	save.update_fields =
		save.options->update_fields.items ? &save.options->update_fields : NULL;
	for (size_t i = 0; i < save.state->count; i++) {
		r = save.state->columns[i].relation ? attached_check(&save, &save.state->columns[i])
						    : 0;
		if (r < 0)
			return r;
	}
	peal__deferred_settle(instance);
	r = save.options->changed_only ? imply_changed(&save, &implied, names) : 0;
	if (r < 0)
		return r;
	imply_fields(&save, &implied, names);
	r = options_check(&save);
	if (r < 0 || (save.update_fields && !save.update_fields->count))
		return r;
	r = peal__instance_connection(instance, save.options->database, &save.connection, error);
	if (r == 0)
		r = PEAL_UNLIKELY(peal__guard_is_on()) ? save_guarded(&save) : save_checked(&save);
	peal__track_end(&save.track);
	return r;
}

/* ---- For bulk.c ----------------------------------------------------------------------------------------------------- */

int peal__save_attached(struct peal_instance *instance, const struct peal__column *column,
			struct peal_error *error)
{
	struct save save = { .instance = instance,
			     .state = peal__state(instance->model),
			     .error = error };

	return column->relation ? attached_check(&save, column) : 0;
}

int peal__save_prepare(struct peal_instance *instance, bool *ret_has_key, struct peal_error *error)
{
	static const struct peal_save_options defaults;
	struct save save = { .instance = instance,
			     .state = peal__state(instance->model),
			     .options = &defaults,
			     .error = error };
	int r = key_default(&save, ret_has_key);

	for (size_t i = 0; i < save.state->count && r == 0; i++)
		r = peal__save_attached(instance, &save.state->columns[i], error);
	return r == 0 ? set_now(&save, true) : r;
}

int peal_save(struct peal_instance *instance, struct peal_error *error)
{
	return peal_save_with(instance, NULL, error);
}
