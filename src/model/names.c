/* SPDX-License-Identifier: MIT */
/* Errors about names that do not exist, which say what there is. */
#include "state.h"

#include <ctype.h>
#include <stdio.h>

/* Names behind each other, as many as there is room for. */
struct list {
	char text[320];
	size_t size;
	bool full;
};

static void append(struct list *list, const char *text, bool small)
{
	for (; *text; text++)
		list->text[list->size++] = small ? (char)tolower((unsigned char)*text) : *text;
	list->text[list->size] = '\0';
}

static void add(struct list *list, const char *name, bool small)
{
	if (list->full)
		return;
	if (list->size)
		append(list, ", ", false);
	list->full = list->size + strlen(name) + sizeof(", ...") > sizeof(list->text);
	append(list, list->full ? "..." : name, small);
}

static void add_columns(struct list *list, const struct peal__model_state *state, bool relations)
{
	for (size_t i = 0; i < state->count; i++)
		if (!relations || state->columns[i].relation)
			add(list, state->columns[i].field->name, false);
}

/* Of the other side: what it was named, or the other model in small letters. */
static void add_other_side(struct list *list, const struct peal_field *field,
			   const struct peal_model *model)
{
	if (field->related_name)
		add(list, field->related_name, false);
	else
		add(list, model->name, true);
}

static const struct peal_field *field_of(const struct peal__referrer *referrer)
{
	return referrer->model->columns[referrer->column].field;
}

/* Several relations of one model without names of their own have the same one. */
static bool is_told(const struct peal__model_state *state, size_t i)
{
	for (size_t k = 0; k < i && !field_of(&state->referrers[i])->related_name; k++)
		if (state->referrers[k].model == state->referrers[i].model &&
		    !field_of(&state->referrers[k])->related_name)
			return true;
	return false;
}

static void add_backward(struct list *list, const struct peal__model_state *state)
{
	for (size_t i = 0; i < state->many_count; i++) {
		const struct peal__many *many = &state->many[i];

		if (many->reverse)
			add_other_side(list, many->field, many->declared_by->model);
		else
			add(list, many->field->name, false);
	}
	for (size_t i = 0; i < state->referrer_count; i++) {
		const struct peal__referrer *referrer = &state->referrers[i];

		/* The rows of an automatic relation table are reached by its relation. */
		if (!referrer->model->link && !is_told(state, i))
			add_other_side(list, field_of(referrer), referrer->model->model);
	}
}

int peal__no_such(const struct peal__model_state *state, enum peal__names names, const char *name,
		  size_t size, struct peal_error *error)
{
	struct list list = { .size = 0 };

	if (names == PEAL__NAMES_OF_FIELDS || names == PEAL__NAMES_IN_PATHS)
		add_columns(&list, state, false);
	else
		add_columns(&list, state, true);
	if (names == PEAL__NAMES_IN_PATHS || names == PEAL__NAMES_OF_RELATIONS)
		add_backward(&list, state);
	peal_error_set(error, PEAL_EINVAL, "%s has no %s \"%.*s\"%s%s", state->label,
		       names == PEAL__NAMES_OF_RELATIONS || names == PEAL__NAMES_FORWARD
			       ? "relation"
			       : "field",
		       (int)(size < 64 ? size : 64), name,
		       list.size ? "; there are " : "; there are none", list.text);
	if (error)
		snprintf(error->field, sizeof(error->field), "%.*s", (int)(size < 63 ? size : 63),
			 name);
	return PEAL_EINVAL;
}
