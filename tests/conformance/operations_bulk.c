/* SPDX-License-Identifier: MIT */
/* Steps on many instances at once, and on fixtures: bulk_create, bulk_update, loaddata. */
#include "operations.h"

#include <peal/bulk.h>

#include "keep.h"
#include "models.h"
#include "variables.h"

static const struct peal_model *take_model(struct step *step)
{
	return model_named(words_next(&step->words, "a model"));
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

	if (!model_field(model, field))
		refuse("%s has no field %s", model->name, field);
	while (words_peek(&step->words))
		instances[count++] = variable_get(words_name(&step->words, "a variable"));
	r = peal_bulk_update(model, instances, count, PEAL_NAMES_OF(field), NULL, &updated,
			     &step->error);
	if (r == 0)
		print_result_int(step->op, "count", updated);
	return r;
}

/* One object of a fixture. */
static int loaddata(struct step *step)
{
	const struct peal_model *model = take_model(step);
	struct pairs pairs = words_pairs(&step->words);

	words_end(&step->words);
	refuse("not supported: loaddata (%zu values of %s)",
	       named_values(model, &pairs, NULL)->count, model->name);
}

const struct operation bulk_operations[] = {
	{ "bulk_create", bulk_create, false },
	{ "bulk_update", bulk_update, false },
	{ "loaddata", loaddata, false },
	{ 0 },
};
