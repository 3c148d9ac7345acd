/* SPDX-License-Identifier: MIT */
/* The lines of the trace. */
#ifndef TRACE_H
#define TRACE_H

#include <peal/model.h>

#include "json.h"
#include "signals.h"

/* Codes of errors that only a scenario knows; what the library returns is forwarded unchanged. */
#define CALLBACK_ERROR (-1000)
#define BLOCK_RAISED (-1001)

/* The class of an error in Django; an error that no scenario can mean ends the program. */
const char *error_class(int code);

/* The value of a field (NULL: of none); an instance as {"model", "pk"}. */
void trace_value(struct json *json, const struct peal_field *field, struct peal_value value);
/* {"model": LABEL, "pk": ...} */
void trace_reference(struct json *json, const struct peal_instance *instance);
/* "pk": ..., "fields": {...} */
void trace_contents(struct json *json, const struct peal_instance *instance);
/* The same of a row of the database, in the order of the model's fields. */
void trace_row(struct json *json, const struct peal_model *model, const struct peal_value *values);

/* What the recorder prints. */
void trace_event(const struct event *event);

#endif
