/* SPDX-License-Identifier: MIT */
#include "variables.h"

#include <string.h>

#include "keep.h"

struct variable {
	struct variable *next;
	const char *name;
	struct peal_instance *instance;
};

struct room {
	struct room *next;
	struct peal_instance *instance;
};

static struct variable *variables;
static struct room *rooms;

struct peal_instance *instance_room(const struct peal_model *model)
{
	struct room *room = keep(sizeof(*room));
	char *row = keep(model->size);

	room->instance = (struct peal_instance *)(void *)(row + model->offset);
	room->next = rooms;
	rooms = room;
	return room->instance;
}

void instances_end(void)
{
	for (; rooms; rooms = rooms->next)
		peal_fini(rooms->instance);
	variables = NULL;
}

static struct variable *find(const char *name)
{
	struct variable *variable = variables;

	while (variable && strcmp(variable->name, name) != 0)
		variable = variable->next;
	return variable;
}

struct peal_instance *variable_get(const char *name)
{
	struct variable *variable = find(name);

	if (!variable)
		refuse("there is no variable %s", name);
	return variable->instance;
}

void variable_set(const char *name, struct peal_instance *instance)
{
	struct variable *variable = find(name);

	if (!variable) {
		variable = keep(sizeof(*variable));
		*variable = (struct variable){ variables, name, NULL };
		variables = variable;
	}
	variable->instance = instance;
}

/* A custom signal's "instance" is an argument like any other, and may be any value. */
static struct peal_value event_instance(const struct event *event)
{
	const struct custom_args *args = event->kind == EVENT_CUSTOM ? event->args : NULL;

	for (size_t i = 0; args && i < args->count; i++)
		if (strcmp(args->items[i].name, "instance") == 0)
			return args->items[i].value;
	if (!event->instance)
		refuse("%s has no instance", event->signal);
	return peal_value_pointer(event->instance);
}

struct peal_value value_of(const struct value *value, const struct event *event)
{
	if (!value->variable)
		return value->literal;
	if (event && strcmp(value->variable, "instance") == 0)
		return event_instance(event);
	return peal_value_pointer(variable_get(value->variable));
}

/* The last value of a name counts, in the place of the first. */
static struct peal_named *place_of(struct peal_named_list *list, struct peal_named *items,
				   const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(items[i].name, name) == 0)
			return &items[i];
	items[list->count].name = name;
	return &items[list->count++];
}

const struct peal_named_list *named_values(const struct peal_model *model,
					   const struct pairs *pairs, const struct event *event)
{
	struct peal_named *items = keep((pairs->count + 1) * sizeof(*items));
	struct peal_named_list *list = keep(sizeof(*list));

	list->items = items;
	for (size_t i = 0; i < pairs->count; i++) {
		const char *name = pairs->items[i].name;

		if (!model_has(model, name))
			refuse("%s has no field %s", model->name, name);
		place_of(list, items, name)->value = value_of(&pairs->items[i].value, event);
	}
	return list;
}

struct peal_instance *member_of(const char *word, const char **ret_member)
{
	const char *point = strchr(word, '.');
	const char *name = point ? keep_text(word, (size_t)(point - word)) : word;

	if (!point || !is_name(name) || !is_name(point + 1))
		refuse("\"%s\" is not VARIABLE.FIELD", word);
	*ret_member = point + 1;
	return variable_get(name);
}
