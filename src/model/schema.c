/* SPDX-License-Identifier: MIT */
/* Tables and indexes from models. What exists is left alone: changing it is the work of migrations. */
#include "state.h"

#include <stdio.h>

#define IDENTIFIER_MAX 63 /* of PostgreSQL */

static enum peal__column_type type_of(const struct peal__column *column)
{
	const struct peal_field *field = column->field;

	if (field->kind == PEAL_FIELD_JSON)
		return PEAL__COLUMN_JSON;
	switch (column->value_kind) {
	case PEAL_VALUE_BOOL:
		return PEAL__COLUMN_BOOLEAN;
	case PEAL_VALUE_REAL:
		return PEAL__COLUMN_REAL;
	case PEAL_VALUE_BYTES:
		return PEAL__COLUMN_BYTES;
	case PEAL_VALUE_TIME:
		return PEAL__COLUMN_DATETIME;
	case PEAL_VALUE_UUID:
		return PEAL__COLUMN_UUID;
	case PEAL_VALUE_DECIMAL:
		return PEAL__COLUMN_DECIMAL;
	case PEAL_VALUE_DATE:
		return PEAL__COLUMN_DATE;
	case PEAL_VALUE_TIME_OF_DAY:
		return PEAL__COLUMN_TIME_OF_DAY;
	case PEAL_VALUE_DURATION:
		return PEAL__COLUMN_DURATION;
	case PEAL_VALUE_TEXT:
		return field->kind == PEAL_FIELD_LONG_TEXT ? PEAL__COLUMN_TEXT
							   : PEAL__COLUMN_VARCHAR;
	default:
		break;
	}
	if (field->kind == PEAL_FIELD_ID)
		return column->storage == PEAL__S_I32 ? PEAL__COLUMN_ID32 : PEAL__COLUMN_ID64;
	if (column->storage <= PEAL__S_I16)
		return PEAL__COLUMN_INT16;
	return column->storage <= PEAL__S_I32 ? PEAL__COLUMN_INT32 : PEAL__COLUMN_INT64;
}

unsigned peal__max_length(const struct peal_field *field)
{
	static const unsigned short defaults[] = {
		[PEAL_FIELD_SLUG] = 50,  [PEAL_FIELD_EMAIL] = 254, [PEAL_FIELD_URL] = 200,
		[PEAL_FIELD_FILE] = 100, [PEAL_FIELD_IMAGE] = 100,
	};

	if (field->max_length || field->kind >= PEAL_COUNTOF(defaults))
		return field->max_length;
	return defaults[field->kind];
}

/* A relation's column has the type of the key that it refers to, or of what that refers to. */
static const struct peal__column *target_of(const struct peal__column *column)
{
	for (int hops = 0; column->relation && hops < 8; hops++) {
		const struct peal__model_state *to = peal__state(column->field->to);

		column = &to->columns[to->key];
	}
	return column;
}

/* A counter's type, where it does not count. */
static enum peal__column_type value_type(enum peal__column_type type)
{
	return type == PEAL__COLUMN_ID32   ? PEAL__COLUMN_INT32
	       : type == PEAL__COLUMN_ID64 ? PEAL__COLUMN_INT64
					   : type;
}

const char *peal__type_name(const struct peal__dialect *dialect, const struct peal__column *column)
{
	return dialect->types[value_type(type_of(target_of(column)))];
}

static void add_type(struct peal__text *sql, const struct peal__dialect *dialect,
		     const struct peal__column *column)
{
	const struct peal__column *target = target_of(column);
	enum peal__column_type type = type_of(target);

	if (target != column)
		type = value_type(type);
	peal__text_add(sql, dialect->types[type]);
	if (type == PEAL__COLUMN_VARCHAR && peal__max_length(target->field)) {
		peal__text_add(sql, "(");
		peal__text_add_number(sql, peal__max_length(target->field));
		peal__text_add(sql, ")");
	}
	if (type == PEAL__COLUMN_DECIMAL) {
		peal__text_add(sql, "(");
		peal__text_add_number(sql, target->field->max_digits);
		peal__text_add(sql, ", ");
		peal__text_add_number(sql, target->field->decimal_places);
		peal__text_add(sql, ")");
	}
	if (type == PEAL__COLUMN_VARCHAR || type == PEAL__COLUMN_TEXT)
		peal__text_add(sql, dialect->text_order);
}

static void add_references(struct peal__text *sql, const struct peal__column *column)
{
	static const char *const on_delete[] = {
		[PEAL_DB_CASCADE] = " ON DELETE CASCADE",
		[PEAL_DB_SET_NULL] = " ON DELETE SET NULL",
		[PEAL_DB_SET_DEFAULT] = " ON DELETE SET DEFAULT",
	};
	const struct peal__model_state *to = peal__state(column->field->to);

	peal__text_add(sql, " REFERENCES ");
	peal__text_add_name(sql, to->table);
	peal__text_add(sql, " (");
	peal__text_add_name(sql, to->columns[to->key].db_name);
	peal__text_add(sql, ")");
	if (peal__is_by_database(column->field))
		peal__text_add(sql, on_delete[column->field->on_delete]);
	peal__text_add(sql, " DEFERRABLE INITIALLY DEFERRED");
}

static void add_literal(struct peal__text *sql, const struct peal_value *value)
{
	char text[PEAL_VALUE_TEXT_MAX];

	if (value->kind != PEAL_VALUE_TEXT) {
		bool quoted = value->kind == PEAL_VALUE_UUID;

		peal__text_add(sql, quoted ? "'" : "");
		for (const char *at = peal_value_format(*value, text, sizeof(text)); *at; at++)
			if (*at != '-' || !quoted) /* both databases read a uuid's digits alone */
				peal__text_add_n(sql, at, 1);
		peal__text_add(sql, quoted ? "'" : "");
		return;
	}
	peal__text_add(sql, "'");
	for (size_t i = 0; i < value->as.text.size; i++)
		peal__text_add_n(sql,
				 value->as.text.data[i] == '\'' ? "''" : value->as.text.data + i,
				 value->as.text.data[i] == '\'' ? 2 : 1);
	peal__text_add(sql, "'");
}

/* Only what the database itself must know. */
static void add_default(struct peal__text *sql, const struct peal__model_state *state,
			const struct peal__column *column)
{
	struct peal_value value = column->field->initial;

	if (!column->relation || column->field->on_delete != PEAL_DB_SET_DEFAULT ||
	    peal__column_accept(state, column, &value, NULL) < 0)
		return;
	peal__text_add(sql, " DEFAULT ");
	add_literal(sql, &value);
}

static bool is_made_later(const struct peal_model *to, const struct peal_model *model)
{
	for (size_t i = 0; peal_models_at(i) && peal_models_at(i) != to; i++)
		if (peal_models_at(i) == model)
			return true;
	return false;
}

static void add_column(struct peal__text *sql, const struct peal__dialect *dialect,
		       const struct peal__model_state *state, const struct peal__column *column)
{
	const struct peal_field *field = column->field;

	peal__text_add_name(sql, column->db_name);
	peal__text_add(sql, " ");
	add_type(sql, dialect, column);
	if (field->kind == PEAL_FIELD_ID)
		return; /* its type says all */
	peal__text_add(sql, field->null ? " NULL" : " NOT NULL");
	if (field->primary_key)
		peal__text_add(sql, " PRIMARY KEY");
	else if (field->unique || field->kind == PEAL_FIELD_ONE_TO_ONE)
		peal__text_add(sql, " UNIQUE");
	add_default(sql, state, column);
	if (column->relation && !field->no_constraint &&
	    !(dialect->add_reference[0] && is_made_later(field->to, state->model)))
		add_references(sql, column);
}

static int run(struct peal__connection *c, struct peal__text *sql, struct peal_error *error)
{
	int r = sql->failed ? peal__no_memory(error)
			    : peal__connection_run(c, sql->data, NULL, 0, NULL, error);

	peal__text_fini(sql);
	return r;
}

static int create_table(struct peal__connection *c, const struct peal__model_state *state,
			struct peal_error *error)
{
	struct peal__text sql = { 0 };

	for (size_t i = 0; i < state->count; i++) {
		int r = state->columns[i].relation
				? peal__relation_check(state, &state->columns[i], error)
				: 0;

		if (r < 0)
			return r;
	}
	peal__text_add(&sql, "CREATE TABLE IF NOT EXISTS ");
	peal__text_add_name(&sql, state->table);
	for (size_t i = 0; i < state->count; i++) {
		peal__text_add(&sql, i ? ", " : " (");
		add_column(&sql, &c->db->driver->dialect, state, &state->columns[i]);
	}
	peal__text_add(&sql, ")");
	return run(c, &sql, error);
}

struct index {
	const struct peal__column *columns[PEAL_INDEX_FIELDS_MAX];
	bool descending[PEAL_INDEX_FIELDS_MAX];
	size_t count;
	const char *suffix; /* of its name */
	bool unique;
};

/* A name that PostgreSQL would cut ends with a number made of all of it, so that no two are alike. */
static void add_cut_name(struct peal__text *sql, struct peal__text *name)
{
	uint32_t hash = 2166136261u;
	size_t end = IDENTIFIER_MAX - 9;

	for (size_t i = 0; i < name->size; i++)
		hash = (hash ^ (unsigned char)name->data[i]) * 16777619u;
	if (!name->failed && name->size > IDENTIFIER_MAX) {
		/* Not inside of a letter. */
		while (end && (name->data[end] & 0xc0) == 0x80)
			end--;
		snprintf(name->data + end, 10, "_%08lx", (unsigned long)hash);
	}
	peal__text_add_name(sql, name->failed ? "" : name->data);
	sql->failed |= name->failed;
	peal__text_fini(name);
}

static int create_index(struct peal__connection *c, const struct peal__model_state *state,
			const struct index *index, struct peal_error *error)
{
	struct peal__text name = { 0 }, sql = { 0 };

	peal__text_add(&name, state->table);
	for (size_t i = 0; i < index->count; i++) {
		peal__text_add(&name, "_");
		peal__text_add(&name, index->columns[i]->db_name);
	}
	peal__text_add(&name, index->suffix);
	peal__text_add(&sql, index->unique ? "CREATE UNIQUE INDEX IF NOT EXISTS "
					   : "CREATE INDEX IF NOT EXISTS ");
	add_cut_name(&sql, &name);
	peal__text_add(&sql, " ON ");
	peal__text_add_name(&sql, state->table);
	for (size_t i = 0; i < index->count; i++) {
		peal__text_add(&sql, i ? ", " : " (");
		peal__text_add_name(&sql, index->columns[i]->db_name);
		peal__text_add(&sql, index->descending[i] ? " DESC" : "");
	}
	peal__text_add(&sql, ")");
	return run(c, &sql, error);
}

static int create_model_index(struct peal__connection *c, const struct peal__model_state *state,
			      const struct peal_index *from, struct peal_error *error)
{
	struct index index = { .suffix = from->unique ? "_unique" : "_index",
			       .unique = from->unique };

	for (; from->fields[index.count]; index.count++) {
		const char *name = from->fields[index.count];

		index.descending[index.count] = *name == '-';
		name += *name == '-';
		index.columns[index.count] =
			&state->columns[peal__column_find(state, name, strlen(name), NULL)];
	}
	return create_index(c, state, &index, error);
}

/* The columns that refer to a table which did not exist when theirs was made. */
static int refer_to_later(struct peal__connection *c, const struct peal__model_state *state,
			  struct peal_error *error)
{
	const struct peal__dialect *dialect = &c->db->driver->dialect;
	int r = 0;

	for (size_t i = 0; i < state->count && dialect->add_reference[0] && r == 0; i++) {
		const struct peal__column *column = &state->columns[i];
		struct peal__text name = { 0 }, sql = { 0 };

		if (!column->relation || column->field->no_constraint ||
		    !is_made_later(column->field->to, state->model))
			continue;
		peal__text_add(&name, state->table);
		peal__text_add(&name, "_");
		peal__text_add(&name, column->db_name);
		peal__text_add(&name, "_fkey");
		peal__text_add(&sql, dialect->add_reference[0]);
		peal__text_add(&sql, "ALTER TABLE ");
		peal__text_add_name(&sql, state->table);
		peal__text_add(&sql, " ADD CONSTRAINT ");
		add_cut_name(&sql, &name);
		peal__text_add(&sql, " FOREIGN KEY (");
		peal__text_add_name(&sql, column->db_name);
		peal__text_add(&sql, ")");
		add_references(&sql, column);
		peal__text_add(&sql, dialect->add_reference[1]);
		r = run(c, &sql, error);
	}
	return r;
}

static int create(struct peal__connection *c, const struct peal_model *model,
		  struct peal_error *error)
{
	const struct peal__model_state *state = peal__state(model);
	int r = create_table(c, state, error);

	for (size_t i = 0; i < state->count && r == 0; i++) {
		const struct peal__column *column = &state->columns[i];
		const struct peal_field *field = column->field;
		bool unique = field->unique || field->primary_key || field->kind == PEAL_FIELD_ID ||
			      field->kind == PEAL_FIELD_ONE_TO_ONE;

		if (!unique && (field->index || column->relation || field->kind == PEAL_FIELD_SLUG))
			r = create_index(c, state,
					 &(struct index){ .columns = { column },
							  .count = 1,
							  .suffix = "_index" },
					 error);
	}
	for (size_t i = 0; i < model->indexes.count && r == 0; i++)
		r = create_model_index(c, state, &model->indexes.items[i], error);
	if (r == 0 && state->link)
		r = create_index(
			c, state,
			&(struct index){ .columns = { &state->columns[1], &state->columns[2] },
					 .count = 2,
					 .suffix = "_pair",
					 .unique = true },
			error);
	return r;
}

int peal_models_create_tables(const char *database, struct peal_error *error)
{
	struct peal__connection *c;
	int r = peal__connection_get(database, &c, error);

	if (r != 0)
		return r;
	PEAL_ATOMIC_WITH(r, error, .database = database) {
		for (size_t i = 0; i < peal_models_count() && r == 0; i++)
			r = create(c, peal_models_at(i), error);
		for (size_t i = 0; i < peal_models_count() && r == 0; i++)
			r = refer_to_later(c, peal__state(peal_models_at(i)), error);
	}
	return r;
}
