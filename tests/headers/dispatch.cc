/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h in C++, which has no compound literals: the functions behind the macros. */
#include <peal/async.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL_DECLARE_PUBLIC(beat);

int use(struct peal_scope *scope);

static int hear(struct peal_call *call, const struct beat_args *args)
{
	return peal_call_respond(call, PEAL_INT(args->number));
}

static void hear_later(struct peal_task *task, const struct beat_args *args)
{
	peal_task_done(task, args->number, args->text);
}

int use(struct peal_scope *scope)
{
	struct beat_args args = { 1, "x" };
	struct beat_receiver receiver = {};
	struct beat_async_receiver later = {};
	struct peal_results results = {};
	struct peal_error error = {};
	struct peal_mute mute = {};
	int code;

	receiver.receiver = hear;
	receiver.scope = scope;
	code = peal_connect_described(&beat, beat_connection(&receiver, "use.cc:1:hear"));
	later.receiver = hear_later;
	later.scope = scope;
	code |= peal_connect_described(&beat, beat_async_connection(&later, nullptr));
	mute.signal = &beat;
	peal_mute_begin(&mute);
	if (peal_signal_is_heard(&beat))
		code |= beat_send(nullptr, &args);
	peal_mute_end(&mute);
	code |= beat_send_with(nullptr, &args, PEAL_SEND_ALL, &results, &error);
	code |= beat_asend(nullptr, &args, PEAL_SEND_STOP, nullptr, nullptr);
	peal_results_fini(&results);
	code |= peal_disconnect_like(&beat, beat_connection(&receiver, nullptr), true);
	return code | peal_scope_end(scope);
}
