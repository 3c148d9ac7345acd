/* SPDX-License-Identifier: MIT */
/*
 * Many-to-many relations: the models of their automatic tables, and what each side knows of them.
 *
 * An automatic table's model is made here and owned by its state. Its rows are instances like any others, of a struct
 * that nobody but the library needs to know.
 */
#include "state.h"

#include <ctype.h>
#include <stdio.h>

struct peal__reference {
	bool has;
	union { /* a key of any storage that a relation may have */
		int64_t integer;
		const char *text;
		struct peal_uuid uuid;
	} key;
	struct peal_instance *object;
};

struct peal__link_row {
	struct peal_instance instance;
	int64_t id;
	struct peal__reference ends[2];
};

struct peal__link {
	struct peal_model model;
	struct peal__model_state *state;
	struct peal_field fields[3];
	struct peal__arena arena; /* names */
};

const struct peal_model *peal__link_model(const struct peal__link *link)
{
	return &link->model;
}

void peal__link_free(struct peal__link *link)
{
	if (!link)
		return;
	peal__arena_fini(&link->arena);
	peal__db_free(link);
}

static const struct peal_field *key_of(const struct peal_model *model)
{
	for (size_t i = 0; i < model->fields.count; i++)
		if (model->fields.items[i].kind == PEAL_FIELD_ID ||
		    model->fields.items[i].primary_key)
			return &model->fields.items[i];
	return NULL;
}

/* a, b and c behind each other; in small letters if asked. NULL when there is no memory. */
static char *join(struct peal__link *link, const char *a, const char *b, const char *c, bool small)
{
	size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
	char *text = peal__arena_alloc(&link->arena, size);

	if (!text)
		return NULL;
	snprintf(text, size, "%s%s%s", a, b, c);
	for (char *at = text; small && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return text;
}

static const char *link_table(struct peal__link *link, const struct peal_model *model,
			      const struct peal_field *field)
{
	const char *table = field->table   ? field->table
			    : model->table ? model->table
					   : join(link, model->app, "_", model->name, true);

	return field->table || !table ? table : join(link, table, "_", field->name, false);
}

static bool link_names(struct peal__link *link, const struct peal_model *model,
		       const struct peal_field *field)
{
	bool self = field->to == model;

	link->model.app = model->app;
	link->model.name = join(link, model->name, "_", field->name, false);
	link->model.table = link_table(link, model, field);
	link->fields[0].name = "id";
	link->fields[1].name = join(link, self ? "from_" : "", model->name, "", true);
	link->fields[2].name = join(link, self ? "to_" : "", field->to->name, "", true);
	return link->model.name && link->model.table && link->fields[1].name &&
	       link->fields[2].name;
}

/* Whether the database may delete the model's rows by itself: then it must take those of the relation table along. */
static bool by_database(const struct peal_model *model)
{
	for (size_t i = 0; i < model->fields.count; i++)
		if (peal__is_by_database(&model->fields.items[i]))
			return true;
	return false;
}

static void link_fields(struct peal__link *link, const struct peal_model *const ends[2])
{
	link->fields[0].kind = PEAL_FIELD_ID;
	link->fields[0].storage = PEAL__S_I64;
	link->fields[0].offset = offsetof(struct peal__link_row, id);
	for (size_t i = 0; i < 2; i++) {
		struct peal_field *field = &link->fields[1 + i];
		size_t end =
			offsetof(struct peal__link_row, ends) + i * sizeof(struct peal__reference);

		field->kind = PEAL_FIELD_FOREIGN_KEY;
		field->to = ends[i];
		field->on_delete = by_database(ends[i]) ? PEAL_DB_CASCADE : PEAL_CASCADE;
		field->storage = key_of(ends[i])->storage;
		field->offset = (uint32_t)(end + offsetof(struct peal__reference, key));
		field->has = (uint32_t)(end + offsetof(struct peal__reference, has) + 1);
		field->object = (uint32_t)(end + offsetof(struct peal__reference, object) + 1);
	}
}

int peal__link_new(const struct peal_model *model, const struct peal_field *field,
		   struct peal__link **ret_link, struct peal_error *error)
{
	const struct peal_model *const ends[] = { model, field->to };
	struct peal__link *link;

	if (!key_of(field->to))
		return peal_error_set(error, PEAL_EINVAL, "%s.%s.%s: %s has no primary key",
				      model->app, model->name, field->name, field->to->name);
	link = peal__db_alloc(sizeof(*link));
	if (!link || !link_names(link, model, field)) {
		peal__link_free(link);
		return peal__no_memory(error);
	}
	link_fields(link, ends);
	link->model.size = sizeof(struct peal__link_row);
	link->model.offset = offsetof(struct peal__link_row, instance);
	link->model.state = &link->state;
	link->model.fields = (struct peal_field_list)PEAL_FIELDS(link->fields);
	*ret_link = link;
	return 0;
}

/* ---- Both sides ---------------------------------------------------------------------------------------------------- */

static int wrong(const struct peal__model_state *state, const struct peal_field *field,
		 const char *reason, const char *name, struct peal_error *error)
{
	peal_error_set(error, PEAL_EINVAL, "%s.%s: %s %s", state->label, field->name, reason, name);
	if (error)
		snprintf(error->field, sizeof(error->field), "%s", field->name);
	return PEAL_EINVAL;
}

/* The column of through that refers to a model: the named one, or the first but for the one that is taken. */
static size_t end_of(const struct peal__model_state *through, const struct peal_model *model,
		     const char *name, size_t taken)
{
	for (size_t i = 0; i < through->count; i++) {
		const struct peal__column *column = &through->columns[i];

		if (column->relation && column->field->to == model && i != taken &&
		    (!name || strcmp(column->field->name, name) == 0))
			return i;
	}
	return PEAL__NO_FIELD;
}

static bool is_named(const struct peal__many *many, const char *name)
{
	const struct peal_field *field = many->field;
	const char *model = many->declared_by->model->name;
	size_t size = strlen(model);

	if (!many->reverse)
		return strcmp(field->name, name) == 0;
	if (field->related_name)
		return strcmp(field->related_name, name) == 0;
	for (size_t i = 0; i < size; i++)
		if (tolower((unsigned char)model[i]) != name[i])
			return false;
	return !name[size] || strcmp(name + size, "_set") == 0;
}

static bool add_side(struct peal__model_state *state, const struct peal__many *many)
{
	if (!peal__db_grow(&state->many, &state->many_capacity, state->many_count,
			   sizeof(*state->many)))
		return false;
	state->many[state->many_count++] = *many;
	return true;
}

int peal__many_tie(struct peal__model_state *state, const struct peal_field *field,
		   struct peal__model_state *to, struct peal__model_state *through,
		   struct peal_error *error)
{
	struct peal__many many = { .field = field,
				   .declared_by = state,
				   .other = to,
				   .through = through,
				   .symmetrical = to == state && !field->asymmetrical };
	struct peal__many back = many;

	if (!to || !through)
		return 0; /* not registered yet */
	many.source = end_of(through, state->model, field->through_fields[0], PEAL__NO_FIELD);
	many.target = end_of(through, to->model, field->through_fields[1], many.source);
	if (many.source == PEAL__NO_FIELD || many.target == PEAL__NO_FIELD)
		return wrong(state, field, "there are no relations to both sides in",
			     through->label, error);
	if (field->related_name && !many.symmetrical && peal__many_find(to, field->related_name))
		return wrong(state, field, "another relation is named", field->related_name, error);
	back.other = state;
	back.source = many.target;
	back.target = many.source;
	back.reverse = true;
	if (!add_side(state, &many) || (!many.symmetrical && !add_side(to, &back)))
		return peal__no_memory(error);
	return 0;
}

const struct peal__many *peal__many_find(const struct peal__model_state *state, const char *name)
{
	for (size_t i = 0; i < state->many_count; i++)
		if (is_named(&state->many[i], name))
			return &state->many[i];
	return NULL;
}
