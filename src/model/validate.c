/* SPDX-License-Identifier: MIT */
/*
 * Validation: peal/validate.h. Functions that check return 0 when they have done their work, whether or not they found
 * a problem, and a failure when they could not.
 */
#include "state.h"

#include <peal/query.h>
#include <peal/validate.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

struct clean {
	struct peal_instance *instance;
	const struct peal__model_state *state;
	struct peal_problems *problems;
	struct peal_error *error;
	const char *database;
};

/* ---- The list -------------------------------------------------------------------------------------------------- */

void peal_problems_fini(struct peal_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		peal__db_free((char *)problems->items[i].code); /* the others are behind it */
	peal__db_free(problems->items);
	*problems = (struct peal_problems){ 0 };
}

int peal_problems_add(struct peal_problems *problems, const char *field, const char *code,
		      const char *format, ...)
{
	char message[PEAL_ERROR_MESSAGE_MAX];
	size_t code_size = strlen(code) + 1, field_size = field ? strlen(field) + 1 : 0;
	struct peal_problem *problem;
	va_list args;
	char *text;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (!peal__db_grow(&problems->items, &problems->capacity, problems->count,
			   sizeof(*problems->items)))
		return PEAL_ENOMEM;
	text = peal__db_alloc(code_size + field_size + strlen(message) + 1);
	if (!text)
		return PEAL_ENOMEM;
	problem = &problems->items[problems->count++];
	problem->code = memcpy(text, code, code_size);
	problem->field = field ? memcpy(text + code_size, field, field_size) : NULL;
	problem->message = strcpy(text + code_size + field_size, message);
	return 0;
}

#define FOUND(clean_, column_, ...) \
	checked(clean_, peal_problems_add((clean_)->problems, (column_)->field->name, __VA_ARGS__))

static int checked(struct clean *clean, int r)
{
	return r < 0 ? peal_error_set(clean->error, r, "out of memory") : 0;
}

static bool has_problem(const struct clean *clean, const struct peal__column *column)
{
	for (size_t i = 0; i < clean->problems->count; i++) {
		const char *field = clean->problems->items[i].field;

		if (field &&
		    (strcmp(field, column->field->name) == 0 || strcmp(field, column->name) == 0))
			return true;
	}
	return false;
}

/* ---- Names ----------------------------------------------------------------------------------------------------- */

static const char *with_capital(char *text)
{
	*text = (char)toupper((unsigned char)*text);
	return text;
}

static const char *field_title(const struct peal__column *column, char *buffer, size_t size)
{
	peal_field_verbose_name(column->field, buffer, size);
	return with_capital(buffer);
}

static const char *model_title(const struct peal_model *model, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s", model->verbose_name ? model->verbose_name : model->name);
	for (char *at = buffer; *at && !model->verbose_name; at++)
		*at = (char)tolower((unsigned char)*at);
	return with_capital(buffer);
}

/* ---- Fields ---------------------------------------------------------------------------------------------------- */

/* Characters; SIZE_MAX: it is not UTF-8. */
static size_t length_of(const char *text, size_t size)
{
	size_t count = 0, step;

	for (; size; text += step, size -= step, count++) {
		step = peal__utf8_size(text, size);
		if (!step)
			return SIZE_MAX;
	}
	return count;
}

static int clean_syntax(struct clean *clean, const struct peal__column *column, const char *text)
{
	switch (column->field->kind) {
	case PEAL_FIELD_EMAIL:
		return peal_is_email(text)
			       ? 0
			       : FOUND(clean, column, "invalid", "Enter a valid email address.");
	case PEAL_FIELD_URL:
		return peal_is_url(text) ? 0
					 : FOUND(clean, column, "invalid", "Enter a valid URL.");
	case PEAL_FIELD_SLUG:
		return peal_is_slug(text)
			       ? 0
			       : FOUND(clean, column, "invalid",
				       "Enter a valid \"slug\" consisting of letters, numbers, "
				       "underscores or hyphens.");
	case PEAL_FIELD_JSON:
		return peal_is_json(text)
			       ? 0
			       : FOUND(clean, column, "invalid", "Value must be valid JSON.");
	default:
		return 0;
	}
}

static int clean_text(struct clean *clean, const struct peal__column *column,
		      const struct peal_value *value)
{
	size_t length = length_of(value->as.text.data, value->as.text.size);
	unsigned most =
		column->field->kind == PEAL_FIELD_JSON ? 0 : peal__max_length(column->field);
	int r = clean_syntax(clean, column, value->as.text.data);

	if (r < 0)
		return r;
	if (length == SIZE_MAX)
		return FOUND(clean, column, "invalid_utf8", "The text is not valid UTF-8.");
	if (most && length > most)
		return FOUND(clean, column, "max_length",
			     "Ensure this value has at most %u character%s (it has %zu).", most,
			     most == 1 ? "" : "s", length);
	return 0;
}

static int clean_decimal(struct clean *clean, const struct peal__column *column,
			 struct peal_decimal decimal)
{
	const struct peal_field *field = column->field;
	const char *problem = peal__decimal_problem(field, &decimal);

	if (!problem)
		return 0;
	if (strcmp(problem, "max_digits") == 0)
		return FOUND(clean, column, problem,
			     "Ensure that there are no more than %u digits in total.",
			     field->max_digits);
	if (strcmp(problem, "max_decimal_places") == 0)
		return FOUND(clean, column, problem,
			     "Ensure that there are no more than %u decimal places.",
			     field->decimal_places);
	return FOUND(clean, column, "invalid", "The value must be a decimal number.");
}

/* What kinds without a syntax of their own cannot hold. */
static int clean_range(struct clean *clean, const struct peal__column *column,
		       struct peal_value *value)
{
	if (peal__member_check(clean->state, column, value, NULL) == 0)
		return 0;
	switch (column->value_kind) {
	case PEAL_VALUE_DATE:
		return FOUND(clean, column, "invalid_date", "There is no such date.");
	case PEAL_VALUE_TIME_OF_DAY:
		return FOUND(clean, column, "invalid_time", "There is no such time of day.");
	default:
		return FOUND(clean, column, "max_value",
			     "Ensure this value is less than or equal to 9223372036854775807.");
	}
}

/* Whether a row meets the conditions, other than the one that is excluded (may be NULL). */
static int exists(struct clean *clean, const struct peal_model *model,
		  const struct peal_named_list *conditions, const struct peal_named_list *exclude,
		  bool *ret_exists)
{
	struct peal_query *query = peal_query_new(model);
	int r;

	peal_query_using(query, clean->database);
	peal_query_filter(query, conditions);
	if (exclude)
		peal_query_exclude(query, exclude);
	r = peal_query_exists(query, ret_exists, clean->error);
	peal_query_free(query);
	return r;
}

static int clean_reference(struct clean *clean, const struct peal__column *column,
			   const struct peal_value *value)
{
	char title[64], key[64];
	bool there = true;
	int r = 0;

	if (*column->field->to->state)
		r = exists(clean, column->field->to, PEAL_WITH(PEAL_ARG("pk", *value)), NULL,
			   &there);
	if (r != 0 || there)
		return r;
	return FOUND(clean, column, "invalid", "%s instance with key %s does not exist.",
		     model_title(column->field->to, title, sizeof(title)),
		     peal_value_format(*value, key, sizeof(key)));
}

static bool is_choice(const struct clean *clean, const struct peal__column *column,
		      const struct peal_value *value)
{
	const struct peal_choice_list *choices = &column->field->choices;

	for (size_t i = 0; i < choices->count; i++) {
		struct peal_value choice = choices->items[i].value;

		if (peal__column_accept(clean->state, column, &choice, NULL) == 0 &&
		    peal_value_equal(choice, *value))
			return true;
	}
	return !choices->count;
}

static int clean_value(struct clean *clean, const struct peal__column *column,
		       struct peal_value *value)
{
	char text[128];

	if (!is_choice(clean, column, value))
		return FOUND(clean, column, "invalid_choice", "Value %s is not a valid choice.",
			     peal_value_format(*value, text, sizeof(text)));
	if (column->relation)
		return clean_reference(clean, column, value);
	if (column->value_kind == PEAL_VALUE_TEXT)
		return clean_text(clean, column, value);
	if (column->value_kind == PEAL_VALUE_DECIMAL)
		return clean_decimal(clean, column, value->as.decimal);
	return clean_range(clean, column, value);
}

/* A key that an attached row would give at a save is as good as there. */
static struct peal_value value_of(const struct clean *clean, const struct peal__column *column)
{
	const char *row = peal__row(clean->instance);
	struct peal_value value = peal__member_read(column, row);
	struct peal_instance *object = NULL;

	if (column->relation && value.kind == PEAL_VALUE_NULL)
		object = peal__object_get(column, row);
	return object ? peal_key(object) : value;
}

static int clean_field(struct clean *clean, const struct peal__column *column)
{
	const struct peal_field *field = column->field;
	struct peal_value value = value_of(clean, column);
	bool may_be_empty = field->blank || field->auto_now || field->auto_now_add ||
			    field->kind == PEAL_FIELD_ID;
	bool is_empty = value.kind == PEAL_VALUE_NULL ||
			(value.kind == PEAL_VALUE_TEXT && !value.as.text.size);

	if (!is_empty)
		return clean_value(clean, column, &value);
	if (may_be_empty)
		return 0;
	if (value.kind == PEAL_VALUE_NULL && !field->null)
		return FOUND(clean, column, "null", "This field cannot be null.");
	return FOUND(clean, column, "blank", "This field cannot be blank.");
}

/* ---- Unique ---------------------------------------------------------------------------------------------------- */

/* The columns of one thing that is unique. */
struct unique {
	const struct peal__column *columns[PEAL_INDEX_FIELDS_MAX];
	size_t count;
};

static int unique_problem(struct clean *clean, const struct unique *unique)
{
	char model[64], title[64], titles[256] = "";
	size_t used = 0;

	model_title(clean->state->model, model, sizeof(model));
	for (size_t i = 0; i < unique->count && used < sizeof(titles); i++)
		used += (size_t)snprintf(titles + used, sizeof(titles) - used, "%s%s",
					 !i                       ? ""
					 : i + 1 == unique->count ? " and "
								  : ", ",
					 field_title(unique->columns[i], title, sizeof(title)));
	if (unique->count == 1)
		return FOUND(clean, unique->columns[0], "unique", "%s with this %s already exists.",
			     model, titles);
	return checked(clean, peal_problems_add(clean->problems, NULL, "unique_together",
						"%s with this %s already exists.", model, titles));
}

static int clean_unique(struct clean *clean, const struct unique *unique)
{
	struct peal_named conditions[PEAL_INDEX_FIELDS_MAX];
	struct peal_value key = peal_key(clean->instance);
	bool is_there = false;
	int r;

	for (size_t i = 0; i < unique->count; i++) {
		struct peal_value value = value_of(clean, unique->columns[i]);

		if (value.kind == PEAL_VALUE_NULL || has_problem(clean, unique->columns[i]))
			return 0;
		conditions[i] = (struct peal_named)PEAL_ARG(unique->columns[i]->name, value);
	}
	r = exists(clean, clean->state->model,
		   &(struct peal_named_list){ conditions, unique->count },
		   peal_is_new(clean->instance) ? NULL : PEAL_WITH(PEAL_ARG("pk", key)), &is_there);
	return r == 0 && is_there ? unique_problem(clean, unique) : r;
}

static bool is_unique(const struct clean *clean, size_t column)
{
	const struct peal_field *field = clean->state->columns[column].field;

	if (column == clean->state->key)
		return peal_is_new(clean->instance);
	return field->unique || field->kind == PEAL_FIELD_ONE_TO_ONE;
}

static int clean_index(struct clean *clean, const struct peal_index *index)
{
	struct unique unique = { .count = 0 };

	for (; index->unique && index->fields[unique.count]; unique.count++) {
		const char *name = index->fields[unique.count];

		name += *name == '-';
		unique.columns[unique.count] = &clean->state->columns[peal__column_find(
			clean->state, name, strlen(name), NULL)];
	}
	return unique.count ? clean_unique(clean, &unique) : 0;
}

/* ---- All of it ------------------------------------------------------------------------------------------------- */

static int clean_all(struct clean *clean)
{
	const struct peal__model_state *state = clean->state;
	const struct peal_model *model = state->model;
	int r = 0;

	for (size_t i = 0; i < state->count && r == 0; i++)
		if (!(clean->instance->deferred[i / 64] >> (i % 64) & 1))
			r = clean_field(clean, &state->columns[i]);
	if (r == 0 && model->clean)
		r = model->clean(clean->instance, clean->problems, clean->error);
	for (size_t i = 0; i < model->indexes.count && r == 0; i++)
		r = clean_index(clean, &model->indexes.items[i]);
	for (size_t i = 0; i < state->count && r == 0; i++)
		if (is_unique(clean, i))
			r = clean_unique(clean, &(struct unique){ { &state->columns[i] }, 1 });
	return r;
}

int peal_full_clean(struct peal_instance *instance, struct peal_problems *problems,
		    struct peal_error *error)
{
	struct clean clean = { .instance = instance, .problems = problems, .error = error };
	const struct peal_problem *first;
	int r;

	*problems = (struct peal_problems){ 0 };
	if (!instance->model)
		return peal_error_set(error, PEAL_EINVAL,
				      "the instance was never begun, or has ended");
	peal__deferred_settle(instance);
	clean.state = peal__state(instance->model);
	clean.database = instance->db ? instance->db->alias : NULL;
	r = clean_all(&clean);
	if (r < 0 || !problems->count)
		return r;
	first = &problems->items[0];
	peal_error_set(error, PEAL_INVALID, "%s%s%s: %s", clean.state->label,
		       first->field ? "." : "", first->field ? first->field : "", first->message);
	if (error && first->field)
		snprintf(error->field, sizeof(error->field), "%s", first->field);
	return PEAL_INVALID;
}
