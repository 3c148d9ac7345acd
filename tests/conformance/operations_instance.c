/* SPDX-License-Identifier: MIT */
/* Steps on one instance: new, create, get, set, save, delete, refresh, show. */
#include "operations.h"

#include <peal/model.h>

#include "database.h"
#include "keep.h"
#include "models.h"
#include "trace.h"
#include "variables.h"

static const struct peal_model *take_model(struct step *step)
{
	return model_named(words_next(&step->words, "a model"));
}

static struct peal_instance *take_variable(struct step *step)
{
	return variable_get(words_name(&step->words, "a variable"));
}

static int keep_result(struct step *step, struct peal_instance *instance, int r)
{
	if (r == 0 && step->target)
		variable_set(step->target, instance);
	return r;
}

static int new_instance(struct step *step)
{
	const struct peal_model *model = take_model(step);
	struct pairs pairs = words_pairs(&step->words);
	struct peal_instance *instance = instance_room(model);

	words_end(&step->words);
	if (!step->target)
		refuse("new needs a variable");
	return keep_result(
		step, instance,
		peal_init(model, instance, named_values(model, &pairs, NULL), &step->error));
}

static int create(struct step *step)
{
	const struct peal_model *model = take_model(step);
	struct pairs pairs = words_pairs(&step->words);
	struct peal_instance *instance = NULL;
	int r;

	words_end(&step->words);
	r = database_create(model, &pairs, NULL, &instance, &step->error);
	return keep_result(step, instance, r);
}

static int get(struct step *step)
{
	const struct peal_model *model = take_model(step);
	struct pairs pairs = words_pairs(&step->words);
	struct peal_instance *instance = instance_room(model);

	words_end(&step->words);
	return keep_result(
		step, instance,
		peal_get(model, instance, NULL, named_values(model, &pairs, NULL), &step->error));
}

typedef int find_or_create_fn(const struct peal_model *model, struct peal_instance *instance,
			      const char *database, const struct peal_named_list *conditions,
			      const struct peal_named_list *defaults, bool *ret_created,
			      struct peal_error *error);

static int find_or_create(struct step *step, find_or_create_fn *find)
{
	const struct peal_model *model = take_model(step);
	struct pairs pairs = words_pairs(&step->words), defaults = { 0 };
	struct peal_instance *instance = instance_room(model);
	bool created = false;
	int r;

	if (words_take(&step->words, "defaults"))
		defaults = words_pairs(&step->words);
	words_end(&step->words);
	r = find(model, instance, NULL, named_values(model, &pairs, NULL),
		 named_values(model, &defaults, NULL), &created, &step->error);
	if (r == 0)
		print_result_bool(step->op, "created", created);
	return keep_result(step, instance, r);
}

static int get_or_create(struct step *step)
{
	return find_or_create(step, peal_get_or_create);
}

static int update_or_create(struct step *step)
{
	return find_or_create(step, peal_update_or_create);
}

static int set(struct step *step)
{
	const char *field;
	struct peal_instance *instance =
		member_of(words_next(&step->words, "an attribute"), &field);
	struct value value = words_value(&step->words);

	words_end(&step->words);
	return database_set(instance, field, &value, NULL, &step->error);
}

static int save(struct step *step)
{
	struct peal_instance *instance = take_variable(step);
	struct peal_save_options options = { .database = NULL };
	const char *list;

	while (words_peek(&step->words)) {
		if (words_take(&step->words, "force_insert")) {
			options.force_insert = true;
		} else if (words_take(&step->words, "force_update")) {
			options.force_update = true;
		} else if ((list = words_option(&step->words, "update_fields"))) {
			struct words names = list_parse(list);

			options.update_fields.items = names.items;
			options.update_fields.count = names.count;
		} else {
			words_end(&step->words);
		}
	}
	return peal_save_with(instance, &options, &step->error);
}

static int delete (struct step *step)
{
	struct peal_instance *instance = take_variable(step);
	struct peal_deleted deleted = { 0 };
	int r;

	words_end(&step->words);
	r = peal_delete(instance, &deleted, &step->error);
	if (r == 0)
		print_deleted(step->op, &deleted);
	return r;
}

static int refresh(struct step *step)
{
	struct peal_instance *instance = take_variable(step);

	words_end(&step->words);
	return peal_refresh(instance, &step->error);
}

static int show(struct step *step)
{
	struct peal_instance *instance = take_variable(step);
	struct json json = json_line("instance", peal_model_label(instance->model));

	words_end(&step->words);
	trace_contents(&json, instance);
	json_print(&json);
	return 0;
}

const struct operation instance_operations[] = {
	{ "new", new_instance, true },
	{ "create", create, true },
	{ "get", get, true },
	{ "set", set, false },
	{ "save", save, false },
	{ "delete", delete, false },
	{ "refresh", refresh, false },
	{ "show", show, false },
	{ "get_or_create", get_or_create, true },
	{ "update_or_create", update_or_create, true },
	{ 0 },
};
