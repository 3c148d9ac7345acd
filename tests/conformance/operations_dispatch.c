/* SPDX-License-Identifier: MIT */
/* Steps on signals and receivers. */
#include "operations.h"

#include <string.h>

#include "keep.h"
#include "models.h"
#include "receivers.h"
#include "signals.h"
#include "trace.h"
#include "variables.h"

/* ---- The recorder, receivers, connections ---------------------------------------------------- */

static void for_each_signal(struct step *step, void (*function)(const char *signal))
{
	do {
		struct words signals = signal_group(words_next(&step->words, "a signal"));

		for (size_t i = 0; i < signals.count; i++)
			function(signals.items[i]);
	} while (words_peek(&step->words));
}

static int record(struct step *step)
{
	for_each_signal(step, recorder_connect);
	return 0;
}

static int silence(struct step *step)
{
	for_each_signal(step, recorder_disconnect);
	return 0;
}

static int receiver(struct step *step)
{
	receiver_define(&step->words);
	return 0;
}

static int drop(struct step *step)
{
	const char *name = words_name(&step->words, "a receiver");

	words_end(&step->words);
	receiver_drop(name);
	return 0;
}

static int connect(struct step *step)
{
	struct connecting connecting = connecting_parse(&step->words);

	words_end(&step->words);
	return connecting_run(&connecting, &step->error);
}

static int disconnect(struct step *step)
{
	struct connecting connecting = connecting_parse(&step->words);
	bool was;
	int r;

	words_end(&step->words);
	r = disconnecting_run(&connecting, &was, &step->error);
	if (r == 0 && connecting.sender_name) {
		struct json json = json_line("result", step->op);

		json_key(&json, "value");
		json_null(&json); /* what Django returns for a lazy sender */
		json_print(&json);
	} else if (r == 0) {
		print_result_bool(step->op, "value", was);
	}
	return r;
}

/* ---- Custom signals ------------------------------------------------------------------------- */

static int define(struct step *step)
{
	const char *name = words_name(&step->words, "a signal");

	words_end(&step->words);
	signal_define(name);
	return 0;
}

struct sending {
	const struct signal_entry *signal;
	const struct peal_model *sender;
	struct custom_args args;
};

static const struct peal_model *take_sender(struct step *step)
{
	const char *sender = words_option(&step->words, "sender");

	return sender ? model_named(sender) : NULL;
}

static struct sending sending_parse(struct step *step)
{
	struct sending sending = { .signal = signal_named(words_name(&step->words, "a signal")) };
	struct pairs pairs;
	struct argument *items;

	if (sending.signal->kind != EVENT_CUSTOM)
		refuse("%s is not a custom signal", sending.signal->name);
	sending.sender = take_sender(step);
	pairs = words_pairs(&step->words);
	words_end(&step->words);
	items = keep((pairs.count + 1) * sizeof(*items));
	for (size_t i = 0; i < pairs.count; i++)
		items[i] = (struct argument){ pairs.items[i].name,
					      value_of(&pairs.items[i].value, NULL) };
	sending.args = (struct custom_args){ items, pairs.count };
	return sending;
}

static void print_responses(const struct step *step, const struct peal_results *results)
{
	struct json json = json_line("result", step->op);

	json_key(&json, "responses");
	json_open(&json, '[');
	for (size_t i = 0; i < results->count; i++) {
		const struct peal_result *result = &results->items[i];

		json_open(&json, '{');
		json_key(&json, "receiver");
		json_text(&json, receiver_of(result->handle));
		json_key(&json, result->code ? "error" : "value");
		if (result->code)
			json_text(&json, error_class(result->code));
		else
			trace_value(&json, NULL, result->response);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_print(&json);
}

static int send_in_mode(struct step *step, enum peal_send_mode mode)
{
	struct sending sending = sending_parse(step);
	struct peal_results results = { 0 };
	int r = peal_send_with(sending.signal->signal, sending.sender, &sending.args,
			       sizeof(sending.args), mode, &results, &step->error);

	if (r == 0)
		print_responses(step, &results);
	peal_results_fini(&results);
	return r;
}

static int send(struct step *step)
{
	return send_in_mode(step, PEAL_SEND_STOP);
}

static int send_robust(struct step *step)
{
	return send_in_mode(step, PEAL_SEND_ALL);
}

struct sent {
	struct step *step;
	bool done;
	int code;
};

static void when_done(void *user, int code, const struct peal_results *results)
{
	struct sent *sent = user;

	sent->done = true;
	sent->code = code;
	if (code == 0)
		print_responses(sent->step, results);
	else
		sent->step->error = results->error;
}

/* Without an executor all receivers run in this thread: it is done when it returns. */
static int asend_in_mode(struct step *step, enum peal_send_mode mode)
{
	struct sending sending = sending_parse(step);
	struct sent sent = { .step = step };
	int r = peal_asend(sending.signal->signal, sending.sender, &sending.args,
			   sizeof(sending.args), mode, when_done, &sent);

	if (r != 0)
		return r;
	if (!sent.done)
		die("%s: not done", step->op);
	return sent.code;
}

static int asend(struct step *step)
{
	return asend_in_mode(step, PEAL_SEND_STOP);
}

static int asend_robust(struct step *step)
{
	return asend_in_mode(step, PEAL_SEND_ALL);
}

static int has_listeners(struct step *step)
{
	const struct signal_entry *signal = signal_named(words_name(&step->words, "a signal"));
	const struct peal_model *sender = take_sender(step);

	words_end(&step->words);
	if (!sender && signal_is_of_models(signal))
		refuse("has_listeners %s needs a sender", signal->name);
	print_result_bool(step->op, "value", peal_has_receivers(signal->signal, sender));
	return 0;
}

const struct operation dispatch_operations[] = {
	{ "record", record, false },
	{ "silence", silence, false },
	{ "receiver", receiver, false },
	{ "drop", drop, false },
	{ "connect", connect, false },
	{ "disconnect", disconnect, false },
	{ "signal", define, false },
	{ "send", send, false },
	{ "send_robust", send_robust, false },
	{ "asend", asend, false },
	{ "asend_robust", asend_robust, false },
	{ "has_listeners", has_listeners, false },
	{ 0 },
};
