/* SPDX-License-Identifier: MIT */
/*
 * The models that are known, and their states.
 *
 * A batch of models is registered as a whole: first every state is made and checked, then the relations are tied, and
 * only then are the models published and class_prepared sent. Registration is for the start of the program: nothing
 * here is locked.
 */
#include "state.h"

#include <ctype.h>
#include <stdio.h>

PEAL_SIGNAL_DEFINE(peal_class_prepared);

static struct peal__model_state **models;
static size_t model_count, model_capacity;

static void write_text(const void *context, struct peal__text *sql)
{
	peal__text_add(sql, context);
}

int peal__model_statement(const struct peal__model_state *state, enum peal__statement_of which,
			  struct peal__connection *connection,
			  struct peal__statement **ret_statement, struct peal_error *error)
{
	const struct peal__statement_key key = { .owner = state->statements + which };

	return peal__statement_get_by(connection, &key, write_text, state->sql[which],
				      ret_statement, error);
}

int peal__model_check(const struct peal_model *model, struct peal_error *error)
{
	if (PEAL_UNLIKELY(!*model->state))
		return peal_error_set(error, PEAL_EINVAL, "the model %s.%s is not registered",
				      model->app ? model->app : "", model->name ? model->name : "");
	return 0;
}

int peal__relation_check(const struct peal__model_state *state, const struct peal__column *column,
			 struct peal_error *error)
{
	const struct peal_model *to = column->field->to;

	if (PEAL_UNLIKELY(!*to->state))
		return peal_error_set(error, PEAL_EINVAL,
				      "%s.%s refers to the model %s.%s, which is not registered: "
				      "give it to PEAL_MODELS_REGISTER() too",
				      state->label, column->field->name, to->app ? to->app : "",
				      to->name ? to->name : "");
	return 0;
}

/* ---- The tables, checked ---------------------------------------------------------------------------------------- */

static int wrong(const struct peal_model *model, const struct peal_field *field, const char *reason,
		 struct peal_error *error)
{
	peal_error_set(error, PEAL_EINVAL, "%s.%s%s%s: %s", model->app ? model->app : "?",
		       model->name ? model->name : "?", field ? "." : "", field ? field->name : "",
		       reason);
	if (error && field)
		snprintf(error->field, sizeof(error->field), "%s", field->name);
	return PEAL_EINVAL;
}

static bool is_identifier(const char *text)
{
	if (!text || !(isalpha((unsigned char)*text) || *text == '_'))
		return false;
	while (isalnum((unsigned char)*text) || *text == '_')
		text++;
	return !*text;
}

static bool is_relation(const struct peal_field *field)
{
	return field->kind == PEAL_FIELD_FOREIGN_KEY || field->kind == PEAL_FIELD_ONE_TO_ONE;
}

static bool is_key(const struct peal_field *field)
{
	return field->kind == PEAL_FIELD_ID || field->primary_key;
}

/* Whether the member itself can say that it is null. */
static bool can_be_null(const struct peal_field *field)
{
	return field->has || field->storage == PEAL__S_TEXT || field->storage == PEAL__S_BYTES ||
	       field->storage == PEAL__S_UUID || field->storage == PEAL__S_DATE ||
	       is_relation(field) || is_key(field) || field->kind == PEAL_FIELD_DATETIME;
}

/*
 * What the database deletes is never seen here, so what refers to it cannot be either: as in Django, a model and those
 * that it refers to leave all deletions to the database, or none.
 */
static int levels_check(const struct peal_model *model, const struct peal_field *field,
			const struct peal_model *other_model, struct peal_error *error)
{
	for (size_t i = 0; i < other_model->fields.count; i++) {
		const struct peal_field *other = &other_model->fields.items[i];
		char reason[256];

		if (!is_relation(other) || other->on_delete == PEAL_DO_NOTHING ||
		    peal__is_by_database(other) == peal__is_by_database(field))
			continue;
		snprintf(reason, sizeof(reason),
			 "its on_delete is %s, that of %s.%s.%s is not: use one sort for both",
			 peal__is_by_database(field) ? "done by the database" : "done by Peal",
			 other_model->app, other_model->name, other->name);
		return wrong(model, field, reason, error);
	}
	return 0;
}

static int by_database_check(const struct peal_model *model, const struct peal_field *field,
			     struct peal_error *error)
{
	if (field->no_constraint)
		return wrong(model, field, "PEAL_DB_... needs the constraint: no .no_constraint",
			     error);
	if (field->on_delete == PEAL_DB_SET_NULL && !field->null)
		return wrong(model, field, "PEAL_DB_SET_NULL needs .null = true", error);
	if (field->on_delete == PEAL_DB_SET_DEFAULT && !field->initial.kind)
		return wrong(model, field,
			     "PEAL_DB_SET_DEFAULT needs .initial, which the database knows too",
			     error);
	return 0;
}

static int relation_check(const struct peal_model *model, const struct peal_field *field,
			  struct peal_error *error)
{
	int r = 0;

	if (field->on_delete < PEAL_CASCADE || field->on_delete > PEAL_DB_SET_DEFAULT)
		return wrong(model, field, "on_delete is missing", error);
	if (field->on_delete == PEAL_SET_NULL && !field->null)
		return wrong(model, field, "PEAL_SET_NULL needs .null = true", error);
	if (field->on_delete == PEAL_SET_DEFAULT && !field->null && !field->initial.kind &&
	    !field->initial_fn)
		return wrong(model, field, "PEAL_SET_DEFAULT needs .initial or .null = true",
			     error);
	if (peal__is_by_database(field))
		r = by_database_check(model, field, error);
	if (r == 0 && field->on_delete != PEAL_DO_NOTHING)
		r = levels_check(model, field, model, error);
	if (r == 0 && field->on_delete != PEAL_DO_NOTHING)
		r = levels_check(model, field, field->to, error);
	return r;
}

static int field_check(const struct peal_model *model, const struct peal_field *field,
		       struct peal_error *error)
{
	if (field->column && !*field->column)
		return wrong(model, field, ".column is empty", error);
	if (strstr(field->name, "__"))
		return wrong(model, field,
			     "a name must not contain \"__\", which separates lookups", error);
	if (peal__is_many(field))
		return 0;
	if (field->null && is_key(field))
		return wrong(model, field, "a primary key is never null", error);
	if (field->null && !can_be_null(field))
		return wrong(model, field,
			     ".null needs .has, a bool that says whether there is a value", error);
	if (field->kind == PEAL_FIELD_CHAR && !field->max_length)
		return wrong(model, field, "PEAL_CHAR needs .max_length (or use PEAL_LONG_TEXT)",
			     error);
	if (field->kind == PEAL_FIELD_DECIMAL && (!field->max_digits || field->max_digits > 18 ||
						  field->decimal_places > field->max_digits))
		return wrong(model, field,
			     "PEAL_DECIMAL needs .max_digits, 1 to 18, of which .decimal_places",
			     error);
	if ((field->auto_now || field->auto_now_add) && field->kind != PEAL_FIELD_DATETIME &&
	    field->kind != PEAL_FIELD_DATE && field->kind != PEAL_FIELD_TIME_OF_DAY)
		return wrong(model, field, ".auto_now is for date-times, dates and times of day",
			     error);
	return is_relation(field) ? relation_check(model, field, error) : 0;
}

static int model_check(const struct peal_model *model, struct peal_error *error)
{
	size_t keys = 0;

	if (!is_identifier(model->app) || !is_identifier(model->name))
		return wrong(model, NULL, ".app and .name must be words of letters, digits and _",
			     error);
	if (!model->fields.count || model->fields.count > PEAL_FIELDS_MAX)
		return wrong(model, NULL, "a model has 1 to 128 fields", error);
	for (size_t i = 0; i < model->fields.count; i++) {
		int r = field_check(model, &model->fields.items[i], error);

		if (r < 0)
			return r;
		keys += is_key(&model->fields.items[i]);
		for (size_t k = 0; k < i; k++)
			if (strcmp(model->fields.items[i].name, model->fields.items[k].name) == 0)
				return wrong(model, &model->fields.items[i],
					     "there are two fields of this name", error);
	}
	if (keys != 1)
		return wrong(model, NULL,
			     keys ? "there are two primary keys"
				  : "there is no primary key (PEAL_ID)",
			     error);
	return 0;
}

/* ---- The state --------------------------------------------------------------------------------------------------- */

static char *arena_join(struct peal__arena *arena, const char *a, const char *b, const char *c)
{
	size_t sizes[] = { strlen(a), strlen(b), strlen(c) };
	char *text = peal__arena_alloc(arena, sizes[0] + sizes[1] + sizes[2] + 1);

	if (!text)
		return NULL;
	memcpy(text, a, sizes[0]);
	memcpy(text + sizes[0], b, sizes[1]);
	memcpy(text + sizes[0] + sizes[1], c, sizes[2]);
	return text;
}

static uint8_t value_kind_of(const struct peal_field *field)
{
	switch (field->kind) {
	case PEAL_FIELD_DATETIME:
		return PEAL_VALUE_TIME;
	case PEAL_FIELD_TIME_OF_DAY:
		return PEAL_VALUE_TIME_OF_DAY;
	case PEAL_FIELD_DURATION:
		return PEAL_VALUE_DURATION;
	default:
		break;
	}
	switch (field->storage) {
	case PEAL__S_BOOL:
		return PEAL_VALUE_BOOL;
	case PEAL__S_FLOAT:
	case PEAL__S_DOUBLE:
		return PEAL_VALUE_REAL;
	case PEAL__S_TEXT:
		return PEAL_VALUE_TEXT;
	case PEAL__S_BYTES:
		return PEAL_VALUE_BYTES;
	case PEAL__S_UUID:
		return PEAL_VALUE_UUID;
	case PEAL__S_DECIMAL:
		return PEAL_VALUE_DECIMAL;
	case PEAL__S_DATE:
		return PEAL_VALUE_DATE;
	default:
		return PEAL_VALUE_INT;
	}
}

static bool column_init(struct peal__model_state *state, struct peal__column *column,
			const struct peal_field *field)
{
	column->field = field;
	column->relation = is_relation(field);
	column->name =
		column->relation ? arena_join(&state->arena, field->name, "_id", "") : field->name;
	column->db_name = field->column ? field->column : column->name;
	column->offset = field->offset;
	column->has = field->has;
	column->storage = field->storage;
	column->value_kind = value_kind_of(field);
	column->zero_is_null = !field->has && field->storage <= PEAL__S_U64 &&
			       (column->relation || is_key(field) ||
				(field->kind == PEAL_FIELD_DATETIME && field->null));
	return column->name;
}

static void add_columns(struct peal__text *sql, const struct peal__model_state *state,
			bool with_key, const char *after_each)
{
	const char *between = "";

	for (size_t i = 0, number = 1; i < state->count; i++) {
		if (i == state->key && !with_key)
			continue;
		peal__text_add(sql, between);
		peal__text_add_name(sql, state->columns[i].db_name);
		peal__text_add(sql, after_each);
		if (*after_each)
			peal__text_add_number(sql, number++);
		between = ", ";
	}
}

static void add_parameters(struct peal__text *sql, size_t count)
{
	for (size_t i = 1; i <= count; i++) {
		peal__text_add(sql, i > 1 ? ", $" : "$");
		peal__text_add_number(sql, i);
	}
}

static void add_by_key(struct peal__text *sql, const struct peal__model_state *state, size_t number)
{
	peal__text_add(sql, " WHERE ");
	peal__text_add_name(sql, state->columns[state->key].db_name);
	peal__text_add(sql, " = $");
	peal__text_add_number(sql, number);
}

static const char *sql_keep(struct peal__model_state *state, struct peal__text *sql)
{
	const char *text =
		sql->failed ? NULL : peal__arena_text(&state->arena, sql->data, sql->size);

	peal__text_fini(sql);
	return text;
}

static const char *sql_insert(struct peal__model_state *state, bool with_key, bool returning)
{
	struct peal__text sql = { 0 };
	size_t count = state->count - !with_key;

	peal__text_add(&sql, "INSERT INTO ");
	peal__text_add_name(&sql, state->table);
	if (count) {
		peal__text_add(&sql, " (");
		add_columns(&sql, state, with_key, "");
		peal__text_add(&sql, ") VALUES (");
		add_parameters(&sql, count);
		peal__text_add(&sql, ")");
	} else {
		peal__text_add(&sql, " DEFAULT VALUES");
	}
	if (returning) {
		peal__text_add(&sql, " RETURNING ");
		peal__text_add_name(&sql, state->columns[state->key].db_name);
	}
	return sql_keep(state, &sql);
}

static bool state_sql(struct peal__model_state *state)
{
	struct peal__text sql = { 0 };

	peal__text_add(&sql, "SELECT ");
	add_columns(&sql, state, true, "");
	peal__text_add(&sql, " FROM ");
	peal__text_add_name(&sql, state->table);
	state->select = sql_keep(state, &sql);

	peal__text_add(&sql, "DELETE FROM ");
	peal__text_add_name(&sql, state->table);
	add_by_key(&sql, state, 1);
	state->sql[PEAL__REMOVE] = sql_keep(state, &sql);

	state->sql[PEAL__INSERT] = sql_insert(state, false, false);
	state->sql[PEAL__INSERT_KEY] = sql_insert(state, true, false);
	state->sql[PEAL__INSERT_RETURNING] = sql_insert(state, false, true);
	if (state->count > 1) {
		peal__text_add(&sql, "UPDATE ");
		peal__text_add_name(&sql, state->table);
		peal__text_add(&sql, " SET ");
		add_columns(&sql, state, false, " = $");
		add_by_key(&sql, state, state->count);
		state->sql[PEAL__UPDATE] = sql_keep(state, &sql);
	}
	state->statements = peal__statement_owner(PEAL__STATEMENTS_OF);
	return state->select && state->sql[PEAL__REMOVE] && state->sql[PEAL__INSERT] &&
	       state->sql[PEAL__INSERT_KEY] && state->sql[PEAL__INSERT_RETURNING] &&
	       (state->sql[PEAL__UPDATE] || state->count == 1);
}

static bool state_names(struct peal__model_state *state)
{
	const struct peal_model *model = state->model;
	char *table = arena_join(&state->arena, model->app, "_", model->name);

	for (char *at = table; at && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	state->table = model->table ? model->table : table;
	state->label = arena_join(&state->arena, model->app, ".", model->name);
	return table && state->label;
}

static bool state_columns(struct peal__model_state *state)
{
	size_t fields = state->model->fields.count;

	state->columns = peal__arena_alloc(&state->arena, fields * sizeof(*state->columns));
	state->value_kinds = peal__arena_alloc(&state->arena, fields);
	if (!state->columns || !state->value_kinds)
		return false;
	for (size_t i = 0; i < fields; i++) {
		const struct peal_field *field = &state->model->fields.items[i];
		struct peal__column *column = &state->columns[state->count];

		if (peal__is_many(field))
			continue;
		if (!column_init(state, column, field))
			return false;
		state->value_kinds[state->count] = column->value_kind;
		if (is_key(field))
			state->key = state->count;
		state->automatic |= field->auto_now || field->auto_now_add;
		state->count++;
	}
	return true;
}

static void state_free(struct peal__model_state *state)
{
	if (!state)
		return;
	peal__db_free(state->referrers);
	peal__db_free(state->many);
	peal__link_free(state->link);
	peal__arena_fini(&state->arena);
	peal__db_free(state);
}

/* Whether the value is one that the column takes. */
static bool is_taken(const struct peal__model_state *state, const struct peal__column *column,
		     struct peal_value value)
{
	return peal__column_accept(state, column, &value, NULL) == 0;
}

static int values_check(const struct peal__model_state *state, const struct peal__column *column,
			struct peal_error *error)
{
	const struct peal_field *field = column->field;

	if (!is_taken(state, column, field->initial))
		return wrong(state->model, field, ".initial does not fit the field", error);
	if (!is_taken(state, column, field->set_value))
		return wrong(state->model, field, ".set_value does not fit the field", error);
	for (size_t i = 0; i < field->choices.count; i++)
		if (!is_taken(state, column, field->choices.items[i].value))
			return wrong(state->model, field, "a choice does not fit the field", error);
	return 0;
}

static int index_check(const struct peal__model_state *state, const struct peal_index *index,
		       struct peal_error *error)
{
	size_t count = 0;

	while (index->fields[count]) {
		const char *name = index->fields[count] + (index->fields[count][0] == '-');

		if (peal__column_find(state, name, strlen(name), NULL) == PEAL__NO_FIELD)
			return peal_error_set(error, PEAL_EINVAL,
					      "%s: an index of \"%s\", which is no "
					      "field",
					      state->label, name);
		if (++count > PEAL_INDEX_FIELDS_MAX)
			return wrong(state->model, NULL, "an index has at most 8 fields", error);
	}
	return count ? 0 : wrong(state->model, NULL, "an index of no fields", error);
}

/* What leads to other models is known when they are: by a query. */
static int ordering_check(const struct peal__model_state *state, struct peal_error *error)
{
	const struct peal_names *names = &state->model->ordering;

	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i] + (names->items[i][0] == '-');

		if (!strstr(name, "__") && !strstr(name, "->") &&
		    peal__column_find(state, name, strlen(name), NULL) == PEAL__NO_FIELD)
			return peal_error_set(error, PEAL_EINVAL,
					      "%s: .ordering by \"%s\", which is no field",
					      state->label, name);
	}
	return 0;
}

/* What only the columns can tell. */
static int state_check(const struct peal__model_state *state, struct peal_error *error)
{
	int r = 0;

	for (size_t i = 0; i < state->count && r == 0; i++)
		r = values_check(state, &state->columns[i], error);
	for (size_t i = 0; i < state->model->indexes.count && r == 0; i++)
		r = index_check(state, &state->model->indexes.items[i], error);
	return r == 0 ? ordering_check(state, error) : r;
}

static int state_new(const struct peal_model *model, struct peal__model_state **ret_state,
		     struct peal_error *error)
{
	struct peal__model_state *state = peal__db_alloc(sizeof(*state));
	int r;

	if (!state)
		return peal__no_memory(error);
	state->model = model;
	if (!state_names(state) || !state_columns(state) || !state_sql(state)) {
		state_free(state);
		return peal__no_memory(error);
	}
	r = state_check(state, error);
	if (r == 0)
		r = peal__initial_make(state, error);
	if (r < 0)
		state_free(state);
	else
		*ret_state = state;
	return r;
}

/* ---- The list ---------------------------------------------------------------------------------------------------- */

static struct peal__model_state *state_of(const struct peal_model *model)
{
	for (size_t i = 0; i < model_count; i++)
		if (models[i]->model == model)
			return models[i];
	return NULL;
}

static int tie_columns(struct peal__model_state *state, struct peal_error *error)
{
	for (size_t i = 0; i < state->count; i++) {
		const struct peal__column *column = &state->columns[i];
		struct peal__model_state *to =
			column->relation ? state_of(column->field->to) : NULL;

		if (!to)
			continue;
		if (!peal__db_grow(&to->referrers, &to->referrer_capacity, to->referrer_count,
				   sizeof(*to->referrers)))
			return peal__no_memory(error);
		to->referrers[to->referrer_count++] = (struct peal__referrer){ state, i };
	}
	return 0;
}

/* The automatic table of a field was registered before the model, in the order of its fields. */
static struct peal__model_state *through_of(size_t index, const struct peal_field *field)
{
	if (field->through)
		return state_of(field->through);
	for (const struct peal_field *after =
		     &models[index]->model->fields.items[models[index]->model->fields.count];
	     after-- > field;)
		index -= peal__is_many(after) && !after->through;
	return models[index];
}

static int tie_many(size_t index, struct peal_error *error)
{
	const struct peal_model *model = models[index]->model;
	int r = 0;

	for (size_t i = 0; i < model->fields.count && r == 0; i++) {
		const struct peal_field *field = &model->fields.items[i];

		if (peal__is_many(field))
			r = peal__many_tie(models[index], field, state_of(field->to),
					   through_of(index, field), error);
	}
	return r;
}

/* Who refers to whom, anew for all models, in the order of models and fields. */
static int tie_relations(struct peal_error *error)
{
	int r = 0;

	for (size_t i = 0; i < model_count; i++)
		models[i]->referrer_count = models[i]->many_count = 0;
	for (size_t i = 0; i < model_count && r == 0; i++) {
		r = tie_columns(models[i], error);
		if (r == 0)
			r = tie_many(i, error);
	}
	return r;
}

static void unlist(size_t from)
{
	while (model_count > from)
		state_free(models[--model_count]);
	tie_relations(NULL); /* needs no more room than before */
	if (!model_count) {
		peal__db_free(models);
		models = NULL;
		model_capacity = 0;
	}
}

static int enlist_one(const struct peal_model *model, struct peal_error *error)
{
	int r;

	if (!peal__db_grow(&models, &model_capacity, model_count,
			   sizeof(struct peal__model_state *)))
		return peal__no_memory(error);
	r = state_new(model, &models[model_count], error);
	if (r == 0)
		model_count++;
	return r;
}

static int enlist_link(const struct peal_model *model, const struct peal_field *field,
		       struct peal_error *error)
{
	struct peal__link *link;
	int r = peal__link_new(model, field, &link, error);

	if (r != 0)
		return r;
	r = enlist_one(peal__link_model(link), error);
	if (r == 0)
		models[model_count - 1]->link = link;
	else
		peal__link_free(link);
	return r;
}

/* A model, after its automatic relation tables. */
static int enlist(const struct peal_model *model, struct peal_error *error)
{
	int r;

	if (state_of(model))
		return 0;
	r = model_check(model, error);
	for (size_t i = 0; i < model->fields.count && r == 0; i++) {
		const struct peal_field *field = &model->fields.items[i];

		if (peal__is_many(field) && !field->through)
			r = enlist_link(model, field, error);
	}
	return r == 0 ? enlist_one(model, error) : r;
}

static int publish(struct peal__model_state *state, struct peal_error *error)
{
	int r = 0;

	*state->model->state = state;
	if (peal_signal_is_heard(&peal_class_prepared))
		r = PEAL_SEND_ERROR(peal_class_prepared, state->model, error,
				    .model = state->model);
	if (r != 0)
		return r;
	r = peal_sender_register(state->label, state->model);
	if (r == PEAL_EBUSY)
		peal_error_set(error, r, "another sender has the name %s", state->label);
	else if (r < 0)
		peal_error_set(error, r, "%s: %s", state->label, peal_strerror(r));
	return r < 0 ? r : 0;
}

static void unpublish(struct peal__model_state *state)
{
	peal_sender_forget(state->model);
	*state->model->state = NULL;
}

int peal_models_register(const struct peal_model *const *wanted, size_t count,
			 struct peal_error *error)
{
	size_t before = model_count;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = enlist(wanted[i], error);
	if (r == 0)
		r = tie_relations(error);
	for (size_t i = before; i < model_count && r == 0; i++)
		r = publish(models[i], error);
	if (r != 0) {
		for (size_t i = before; i < model_count; i++)
			if (*models[i]->model->state)
				unpublish(models[i]);
		unlist(before);
	}
	return r;
}

void peal_models_forget(void)
{
	for (size_t i = 0; i < model_count; i++)
		unpublish(models[i]);
	unlist(0);
}

const struct peal_model *peal_model_get(const char *label)
{
	for (size_t i = 0; i < model_count; i++)
		if (strcasecmp(models[i]->label, label) == 0)
			return models[i]->model;
	return NULL;
}

const char *peal_model_label(const struct peal_model *model)
{
	return *model->state ? peal__state(model)->label : model->name;
}

size_t peal_models_count(void)
{
	return model_count;
}

const struct peal_model *peal_models_at(size_t index)
{
	return index < model_count ? models[index]->model : NULL;
}

size_t peal__column_find(const struct peal__model_state *state, const char *name, size_t size,
			 bool *by_relation)
{
	bool unused;

	if (!by_relation)
		by_relation = &unused;
	*by_relation = false;
	for (size_t i = 0; i < state->count; i++) {
		const struct peal__column *column = &state->columns[i];

		if (strncmp(column->name, name, size) == 0 && !column->name[size])
			return i;
		*by_relation = column->relation && strncmp(column->field->name, name, size) == 0 &&
			       !column->field->name[size];
		if (*by_relation)
			return i;
	}
	return size == 2 && memcmp(name, "pk", 2) == 0 ? state->key : PEAL__NO_FIELD;
}

const struct peal_field *peal_model_field(const struct peal_model *model, const char *name)
{
	for (size_t i = 0; i < model->fields.count; i++) {
		const struct peal_field *field = &model->fields.items[i];
		size_t size = strlen(field->name);

		if (strcmp(field->name, name) == 0 ||
		    (is_relation(field) && strncmp(field->name, name, size) == 0 &&
		     strcmp(name + size, "_id") == 0))
			return field;
	}
	return NULL;
}

const char *peal_field_verbose_name(const struct peal_field *field, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s", field->verbose_name ? field->verbose_name : field->name);
	for (char *at = buffer; size && *at && !field->verbose_name; at++)
		if (*at == '_')
			*at = ' ';
	return buffer;
}
