/* SPDX-License-Identifier: MIT */
/* Steps on many instances at once, and on fixtures: bulk_create, bulk_update, loaddata. */
#include "operations.h"

#include <peal/bulk.h>
#include <peal/fixture.h>

#include "keep.h"
#include "models.h"
#include "trace.h"
#include "variables.h"

static const struct peal_model *take_model(struct step *step)
{
	return model_named(words_next(&step->words, "a model"));
}

/* As it stands in a fixture: a row by its key. */
static void json_value(struct json *json, struct peal_value value)
{
	if (value.kind == PEAL_VALUE_POINTER)
		value = peal_key(value.as.pointer);
	trace_value(json, NULL, value);
}

static int create_all(struct step *step, const struct peal_model *model,
		      const struct peal_named_list *const *lists, size_t count)
{
	struct peal_instance **instances = keep((count + 1) * sizeof(*instances));
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		instances[i] = instance_room(model);
		r = peal_init(model, instances[i], lists[i], &step->error);
	}
	if (r == 0)
		r = peal_bulk_create(model, instances, count, NULL, &step->error);
	if (r == 0)
		print_result_int(step->op, "count", (int64_t)count);
	return r;
}

/* f=v ... ; f=v ... ; ...: a list of values for each instance. */
static int bulk_create(struct step *step)
{
	const struct peal_model *model = take_model(step);
	size_t room = step->words.count - step->words.at + 1, count = 0;
	const struct peal_named_list **lists = keep(room * sizeof(*lists));
	bool more = words_peek(&step->words) != NULL;

	while (more) {
		struct pairs pairs = words_pairs(&step->words);

		lists[count++] = named_values(model, &pairs, NULL);
		more = words_take(&step->words, ";");
	}
	words_end(&step->words);
	return create_all(step, model, lists, count);
}

static int bulk_update(struct step *step)
{
	const struct peal_model *model = take_model(step);
	const char *field = words_name(&step->words, "a field");
	size_t room = step->words.count - step->words.at + 1, count = 0;
	struct peal_instance **instances = keep(room * sizeof(*instances));
	int64_t updated;
	int r;

	if (!model_has(model, field))
		refuse("%s has no field %s", model->name, field);
	while (words_peek(&step->words))
		instances[count++] = variable_get(words_name(&step->words, "a variable"));
	r = peal_bulk_update(model, instances, count, PEAL_NAMES_OF(field), NULL, &updated,
			     &step->error);
	if (r == 0)
		print_result_int(step->op, "count", updated);
	return r;
}

/* One object of a fixture, in a list. */
static struct json fixture_of(const struct peal_model *model, const struct pairs *pairs)
{
	const struct peal_named_list *values = named_values(model, pairs, NULL);
	const struct peal_field *key = model_key(model);
	struct json json = { 0 };

	json_open(&json, '[');
	json_open(&json, '{');
	json_key(&json, "model");
	json_text(&json, peal_model_label(model));
	for (size_t i = 0; i < values->count; i++) {
		if (model_field(model, values->items[i].name) == key) {
			json_key(&json, "pk");
			json_value(&json, values->items[i].value);
		}
	}
	json_key(&json, "fields");
	json_open(&json, '{');
	for (size_t i = 0; i < values->count; i++) {
		if (model_field(model, values->items[i].name) != key) {
			json_key(&json, values->items[i].name);
			json_value(&json, values->items[i].value);
		}
	}
	json_close(&json, '}');
	json_close(&json, '}');
	json_close(&json, ']');
	return json;
}

static int loaddata(struct step *step)
{
	const struct peal_model *model = take_model(step);
	struct pairs pairs = words_pairs(&step->words);
	struct json json;
	int r;

	words_end(&step->words);
	json = fixture_of(model, &pairs);
	r = peal_fixture_load_text(json.text, json.size, NULL, NULL, &step->error);
	json_drop(&json);
	return r;
}

const struct operation bulk_operations[] = {
	{ "bulk_create", bulk_create, false },
	{ "bulk_update", bulk_update, false },
	{ "loaddata", loaddata, false },
	{ 0 },
};
