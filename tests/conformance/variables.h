/* SPDX-License-Identifier: MIT */
/*
 * Variables and the instances they hold. An instance lives until the scenario has ended, also when
 * its variable got another one: what was assigned to a foreign key stays attached there.
 */
#ifndef VARIABLES_H
#define VARIABLES_H

#include <peal/model.h>

#include "scenario.h"
#include "signals.h"

/* Room for an instance of a model, to be begun by peal_init() and its like. */
struct peal_instance *instance_room(const struct peal_model *model);
void instances_end(void);

/* Refused when there is no such variable. */
struct peal_instance *variable_get(const char *name);
void variable_set(const char *name, struct peal_instance *instance);

/*
 * What a VALUE stands for. In an action of a receiver "instance" is that of the event; outside of
 * actions event is NULL.
 */
struct peal_value value_of(const struct value *value, const struct event *event);

/* Pairs as named values of a model, whose fields must exist. Kept. */
const struct peal_named_list *named_values(const struct peal_model *model,
					   const struct pairs *pairs, const struct event *event);

/* "x.f": the instance of x, and f. */
struct peal_instance *member_of(const char *word, const char **ret_member);

#endif
