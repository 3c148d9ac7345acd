/* SPDX-License-Identifier: MIT */
/*
 * A user registers. One receiver sends a welcome mail, which takes its time, another one prints a library card; the
 * sender waits for neither, and is told when both are done.
 */
#include "registration.h"

#include <stdio.h>

struct user_registered_args {
	const char *address;
};
PEAL_SIGNAL(user_registered);

static struct peal_scope scope;
static int result = PEAL_PENDING;

static void mail_delivered(void *argument)
{
	struct peal_task *task = argument;

	puts("mail: delivered");
	/* The task is done here, long after its receiver has returned. */
	peal_task_done(task, peal_task_respond(task, PEAL_TEXT("250 OK")), NULL);
}

static void send_mail(struct peal_task *task, const struct user_registered_args *args)
{
	struct loop *loop = task->user;

	printf("mail: connecting, for %s\n", args->address);
	loop->after(loop, 20, mail_delivered, task);
}

static void print_card(struct peal_task *task, const struct user_registered_args *args)
{
	printf("library: card printed, for %s\n", args->address);
	peal_task_done(task, peal_task_respond(task, PEAL_INT(1)), NULL);
}

static int write_log(struct peal_call *call, const struct user_registered_args *args)
{
	(void)call;
	printf("log: %s has registered\n", args->address);
	return 0;
}

static void print_response(const struct peal_value *response)
{
	switch (response->kind) {
	case PEAL_VALUE_TEXT:
		printf("%s\n", response->as.text.data);
		break;
	case PEAL_VALUE_INT:
		printf("%lld\n", (long long)response->as.integer);
		break;
	default:
		puts("no response");
	}
}

static void when_all_are_done(void *user, int code, const struct peal_results *results)
{
	struct loop *loop = user;

	printf("all done: %s\n", peal_strerror(code));
	for (size_t i = 0; i < results->count; i++) {
		printf("  %s: ", results->items[i].receiver);
		print_response(&results->items[i].response);
	}
	result = code;
	loop->quit(loop);
}

int registration_start(struct loop *loop)
{
	const struct peal_receiver receivers[] = {
		PEAL_RECEIVER_ASYNC(user_registered, send_mail, .executor = loop->executor,
				    .user = loop),
		PEAL_RECEIVER_ASYNC(user_registered, print_card, .executor = loop->executor),
		PEAL_RECEIVER(user_registered, write_log),
	};
	int r;

	r = peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), &scope);
	if (r < 0)
		return r;
	/* The address must stay until all are done: the receivers get the pointer, not a copy of the text. */
	r = PEAL_ASEND(user_registered, NULL, when_all_are_done, loop,
		       .address = "rahul@example.org");
	if (r < 0)
		return r;
	puts("sent");
	return 0;
}

int registration_finish(void)
{
	int r = peal_scope_end(&scope);

	return r ? r : result;
}
