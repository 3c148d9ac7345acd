/* SPDX-License-Identifier: MIT */
#include "operations.h"

#include <string.h>

#include <peal/model.h>

#include "keep.h"
#include "trace.h"

static const struct operation *const tables[] = {
	instance_operations, query_operations, dispatch_operations, transaction_operations,
	user_operations,     m2m_operations,   bulk_operations,
};

static const struct operation *operation_named(const char *name)
{
	for (size_t i = 0; i < PEAL_COUNTOF(tables); i++)
		for (const struct operation *at = tables[i]; at->name; at++)
			if (strcmp(at->name, name) == 0)
				return at;
	refuse("there is no step %s", name);
}

static void print_error(const struct step *step, int code)
{
	/* What closes a block is the end of "atomic". */
	const char *op = strcmp(step->op, "}") == 0 ? "atomic" : step->op;
	struct json json = json_line("error", error_class(code));

	json_key(&json, "op");
	json_text(&json, op);
	json_print(&json);
	remark("%s: %s (%s)", op, step->error.message, peal_error_name(code));
}

void step_run(const struct words *words)
{
	struct step step = { .words = *words };
	const struct operation *operation;
	int r;

	if (words->count > 1 && strcmp(words->items[1], "=") == 0) {
		step.target = words_name(&step.words, "a variable");
		step.words.at++;
	}
	step.op = words_next(&step.words, "a step");
	operation = operation_named(step.op);
	if (step.target && !operation->has_target)
		refuse("%s gives nothing", step.op);
	r = operation->run(&step);
	if (r != 0)
		print_error(&step, r);
}

/* ---- Lines of results --------------------------------------------------------------------- */

void print_result_int(const char *op, const char *key, int64_t value)
{
	struct json json = json_line("result", op);

	json_key(&json, key);
	json_int(&json, value);
	json_print(&json);
}

void print_result_bool(const char *op, const char *key, bool value)
{
	struct json json = json_line("result", op);

	json_key(&json, key);
	json_bool(&json, value);
	json_print(&json);
}

void print_deleted(const char *op, struct peal_deleted *deleted)
{
	struct json json = json_line("result", op);

	json_key(&json, "count");
	json_int(&json, deleted->total);
	json_key(&json, "models");
	json_open(&json, '{');
	for (size_t i = 0; i < deleted->count; i++) {
		json_key(&json, peal_model_label(deleted->models[i].model));
		json_int(&json, deleted->models[i].rows);
	}
	json_close(&json, '}');
	json_print(&json);
	peal_deleted_fini(deleted);
}
