/* SPDX-License-Identifier: MIT */
/* Every macro of peal/dispatch.h and peal/async.h as the strictest user would write it. */
#include <peal/async.h>

struct beat_args {
	int number;
	const char *text;
};
PEAL_SIGNAL(beat);

struct lights_out_args {
	PEAL_NO_ARGS;
};
PEAL_SIGNAL_DECLARE(lights_out);
PEAL_SIGNAL_DEFINE(lights_out);

struct door_args {
	int number;
};
PEAL_SIGNAL_DECLARE_PUBLIC(door);
PEAL_SIGNAL_DEFINE_PUBLIC(door);

struct click_args {
	int x;
};
PEAL_SIGNAL_TYPE(click);

/* A signal may have any name. */
struct sender_args {
	int number;
};
PEAL_SIGNAL(sender);

int use(struct peal_signal *made, struct peal_scope *scope, struct peal_executor *executor);

static int hear(struct peal_call *call, const struct beat_args *args)
{
	return peal_call_respond(call, PEAL_INT(args->number));
}

static void hear_later(struct peal_task *task, const struct beat_args *args)
{
	peal_task_done(task, args->number, args->text);
}

static int hear_click(struct peal_call *call, const struct click_args *args)
{
	return peal_error_set(call->error, PEAL_EINVAL, "%d", args->x);
}

static const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(beat, hear),
	PEAL_RECEIVER(beat, hear, .uid = "u", .priority = 1),
	PEAL_RECEIVER_ASYNC(beat, hear_later),
};

static void done(void *user, int code, const struct peal_results *results)
{
	*(int *)user = code + (int)results->count;
}

static int connect(struct peal_signal *made, struct peal_scope *scope,
		   struct peal_executor *executor)
{
	struct peal_handle handle;
	int code = PEAL_CONNECT(beat, hear);

	if (code == 0)
		code = PEAL_CONNECT(beat, &hear, .uid = "u", .ret_handle = &handle);
	if (code == 0)
		code = PEAL_CONNECT_ASYNC(beat, hear_later, .executor = executor, .scope = scope);
	if (code == 0)
		code = PEAL_CONNECT_TO(click, made, hear_click, .sender_name = "a.B");
	return code ? code : peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), scope);
}

static int send(struct peal_signal *made, int *user)
{
	struct peal_results results = { 0 };
	struct peal_error error = { 0 };
	int code = PEAL_SEND(beat, NULL, .number = 1, .text = "x");

	code |= PEAL_SEND(lights_out, NULL, PEAL_NONE);
	code |= PEAL_SEND(door, user, .number = 1);
	code |= PEAL_SEND(sender, NULL, .number = 1);
	code |= PEAL_SEND_COLLECT(beat, NULL, &results, .number = 1);
	code |= PEAL_SEND_ROBUST(beat, NULL, &results, .number = 1);
	code |= PEAL_SEND_ERROR(beat, NULL, &error, .number = 1);
	code |= PEAL_SEND_TO(click, made, NULL, .x = 1);
	code |= PEAL_ASEND(beat, NULL, done, user, .number = 1);
	code |= PEAL_ASEND_ROBUST(beat, NULL, done, user, .number = 1);
	peal_results_fini(&results);
	return code;
}

int use(struct peal_signal *made, struct peal_scope *scope, struct peal_executor *executor)
{
	int user = 0;
	int code = connect(made, scope, executor);

	PEAL_MUTE(beat, hear) {
		PEAL_MUTE(beat, NULL, .sender = made) {
			code |= send(made, &user);
		}
	}
	PEAL_DISCONNECT_DEFERRED(beat, hear);
	code |= PEAL_DISCONNECT(beat, NULL, .uid = "u");
	return code | peal_scope_end(scope);
}
