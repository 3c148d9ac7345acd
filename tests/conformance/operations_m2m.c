/* SPDX-License-Identifier: MIT */
/* m2m x.f add|remove|set|reset|clear [y z ...] [with f=v ...], m2m x.f create f=v ... [with ...] */
#include "operations.h"

#include <string.h>

#include <peal/m2m.h>

#include "keep.h"
#include "models.h"
#include "variables.h"

enum m2m_kind {
	M2M_ADD,
	M2M_REMOVE,
	M2M_SET,
	M2M_RESET, /* set, by clearing first */
	M2M_CLEAR,
	M2M_CREATE,
};

static const struct {
	const char *name;
	bool takes_values, takes_defaults;
} kinds[] = {
	[M2M_ADD] = { "add", true, true },       [M2M_REMOVE] = { "remove", true, false },
	[M2M_SET] = { "set", true, true },       [M2M_RESET] = { "reset", true, true },
	[M2M_CLEAR] = { "clear", false, false }, [M2M_CREATE] = { "create", false, true },
};

struct m2m {
	struct peal_instance *owner;
	const char *field; /* of either side */
	const struct relation *relation;
	const struct peal_model *other; /* side */
	enum m2m_kind kind;
	struct peal_params values;              /* instances or keys */
	const struct peal_named_list *fields;   /* of the row to create */
	const struct peal_named_list *defaults; /* of new rows of an explicit through */
};

static enum m2m_kind take_kind(struct step *step)
{
	const char *word = words_next(&step->words, "an action");

	for (size_t i = 0; i < PEAL_COUNTOF(kinds); i++)
		if (strcmp(kinds[i].name, word) == 0)
			return (enum m2m_kind)i;
	refuse("m2m knows no %s", word);
}

static void take_values(struct step *step, struct m2m *m2m)
{
	size_t room = step->words.count - step->words.at + 1;
	struct peal_value *items = keep(room * sizeof(*items));

	m2m->values.items = items;
	while (words_peek(&step->words) && strcmp(words_peek(&step->words), "with") != 0) {
		struct value value = words_value(&step->words);

		items[m2m->values.count++] = value_of(&value, NULL);
	}
}

static struct m2m m2m_parse(struct step *step)
{
	struct m2m m2m = { 0 };
	struct pairs pairs;

	m2m.owner = member_of(words_next(&step->words, "a relation"), &m2m.field);
	m2m.relation = relation_named(m2m.owner->model, m2m.field, &m2m.other);
	if (!m2m.relation)
		refuse("%s has no many-to-many field %s", m2m.owner->model->name, m2m.field);
	m2m.kind = take_kind(step);
	if (kinds[m2m.kind].takes_values)
		take_values(step, &m2m);
	if (m2m.kind == M2M_CREATE) {
		pairs = words_pairs(&step->words);
		m2m.fields = named_values(m2m.other, &pairs, NULL);
	}
	if (kinds[m2m.kind].takes_defaults && words_take(&step->words, "with")) {
		if (!m2m.relation->explicit_through)
			refuse("%s has no fields of its own", m2m.relation->through->name);
		pairs = words_pairs(&step->words);
		m2m.defaults = named_values(m2m.relation->through, &pairs, NULL);
	}
	words_end(&step->words);
	return m2m;
}

static int run(struct step *step)
{
	struct m2m m2m = m2m_parse(step);
	struct peal_error *error = &step->error;

	switch (m2m.kind) {
	case M2M_ADD:
		return peal_m2m_add(m2m.owner, m2m.field, &m2m.values, m2m.defaults, error);
	case M2M_REMOVE:
		return peal_m2m_remove(m2m.owner, m2m.field, &m2m.values, error);
	case M2M_SET:
		return peal_m2m_set(m2m.owner, m2m.field, &m2m.values, m2m.defaults, error);
	case M2M_RESET:
		return peal_m2m_reset(m2m.owner, m2m.field, &m2m.values, m2m.defaults, error);
	case M2M_CLEAR:
		return peal_m2m_clear(m2m.owner, m2m.field, error);
	case M2M_CREATE:
		break;
	}
	return peal_m2m_create(m2m.owner, m2m.field, instance_room(m2m.other), m2m.fields,
			       m2m.defaults, error);
}

const struct operation m2m_operations[] = {
	{ "m2m", run, false },
	{ 0 },
};
