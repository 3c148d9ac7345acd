/* SPDX-License-Identifier: MIT */
/* Steps on the rows of a model: fetch, update, delete_where, rows, through. */
#include "operations.h"

#include <peal/model.h>

#include "database.h"
#include "keep.h"
#include "models.h"
#include "variables.h"

static const struct peal_model *take_model(struct step *step)
{
	return model_named(words_next(&step->words, "a model"));
}

static struct pairs take_where(struct step *step)
{
	return words_take(&step->words, "where") ? words_pairs(&step->words) : (struct pairs){ 0 };
}

static int fetch(struct step *step)
{
	const struct peal_model *model = take_model(step);
	struct pairs where = take_where(step);

	words_end(&step->words);
	return database_fetch(model, &where, &step->error);
}

static int update(struct step *step)
{
	const struct peal_model *model = take_model(step);
	struct pairs where = take_where(step), values;
	int64_t count;
	int r;

	if (!words_take(&step->words, "set"))
		refuse("update needs \"set\"");
	values = words_pairs(&step->words);
	words_end(&step->words);
	r = database_update(model, named_values(model, &where, NULL),
			    named_values(model, &values, NULL), &count, &step->error);
	if (r == 0)
		print_result_int(step->op, "count", count);
	return r;
}

static int delete_where(struct step *step)
{
	const struct peal_model *model = take_model(step);
	struct pairs where = words_pairs(&step->words);
	struct peal_deleted deleted = { 0 };
	int r;

	words_end(&step->words);
	r = database_delete_where(model, &where, NULL, &deleted, &step->error);
	if (r == 0)
		print_deleted(step->op, &deleted);
	return r;
}

static int rows(struct step *step)
{
	const struct peal_model *model = take_model(step);

	words_end(&step->words);
	return database_rows(model, &step->error);
}

static int through(struct step *step)
{
	const char *field;
	struct peal_instance *instance = member_of(words_next(&step->words, "a relation"), &field);
	const struct peal_model *other;
	const struct relation *relation = relation_named(instance->model, field, &other);

	words_end(&step->words);
	if (!relation)
		refuse("%s has no many-to-many field %s", instance->model->name, field);
	return database_through(relation, &step->error);
}

const struct operation query_operations[] = {
	{ "fetch", fetch, false },
	{ "update", update, false },
	{ "delete_where", delete_where, false },
	{ "rows", rows, false },
	{ "through", through, false },
	{ 0 },
};
