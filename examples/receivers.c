/* SPDX-License-Identifier: MIT */
/*
 * A tour of what a larger program needs: a table of receivers, a sender known by name before it exists, receivers
 * that end with the object they belong to, muting, a list of who is connected, and a trace of what happens.
 */
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct student_saved_args {
	const char *name;
	bool created;
};
PEAL_SIGNAL(student_saved);

struct bell_rung_args {
	const char *lesson;
};
PEAL_SIGNAL(bell_rung);

/* Two senders. Their addresses are what counts; a model will be such a descriptor too. */
struct register_of_students {
	const char *title;
};
static const struct register_of_students day_school = { "day school" };
static const struct register_of_students evening_school = { "evening school" };

/* ------------------------------------------------------------------------------------------- a table of receivers */

static int issue_card(struct peal_call *call, const struct student_saved_args *args)
{
	(void)call;
	if (args->created)
		printf("    library card for %s\n", args->name);
	return 0;
}

static int write_audit(struct peal_call *call, const struct student_saved_args *args)
{
	const struct register_of_students *sender = call->sender;

	printf("    audit: %s was saved in the %s\n", args->name, sender->title);
	return 0;
}

static const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(student_saved, write_audit, .uid = "audit", .priority = -1),
	PEAL_RECEIVER(student_saved, issue_card, .sender_name = "school.Student"),
};

/* ------------------------------------------------------------------------- receivers that belong to one object */

struct room {
	const char *name;
	struct peal_scope scope; /* all of this room's connections */
};

static int pack_up(struct peal_call *call, const struct bell_rung_args *args)
{
	const struct room *room = call->user;

	printf("    %s packs up after %s\n", room->name, args->lesson);
	return 0;
}

static struct room *room_new(const char *name)
{
	struct room *room = calloc(1, sizeof(*room));

	if (!room)
		return NULL;
	room->name = name;
	if (PEAL_CONNECT(bell_rung, pack_up, .user = room, .scope = &room->scope) != 0) {
		free(room);
		return NULL;
	}
	return room;
}

/* When peal_scope_end() has returned 0, no thread runs a receiver of this room, and none will. */
static int room_free(struct room *room)
{
	int r = room ? peal_scope_end(&room->scope) : 0;

	if (r == 0)
		free(room);
	return r;
}

/* ------------------------------------------------------------------------------------------- seeing what there is */

/* __FILE__ is what the build system gave to the compiler; the last part is enough here. */
static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void print_receiver(const struct peal_receiver_info *receiver)
{
	const char *sender = receiver->sender_name;

	if (!*sender)
		sender = receiver->sender ? "one sender" : "any sender";
	printf("    %-13s %s:%u, %s%s", receiver->name, last_part(receiver->file), receiver->line,
	       sender, receiver->pending ? " (pending)" : "");
	if (receiver->priority)
		printf(", priority %d", receiver->priority);
	if (*receiver->uid)
		printf(", uid %s", receiver->uid);
	printf("%s%s\n", receiver->scoped ? ", scoped" : "", receiver->muted ? ", muted" : "");
}

static int print_all(void)
{
	struct peal_snapshot *now;
	int r = peal_snapshot_take(NULL, &now);

	if (r < 0)
		return r;
	for (size_t i = 0; i < now->signal_count; i++) {
		const struct peal_signal_info *signal = &now->signals[i];

		printf("  %s (%s:%u), heard by %zu\n", signal->name, last_part(signal->file),
		       signal->line, signal->receivers);
		for (size_t j = 0; j < now->receiver_count; j++)
			if (now->receivers[j].signal == signal->signal)
				print_receiver(&now->receivers[j]);
	}
	peal_snapshot_free(now);
	return 0;
}

static void print_event(void *user, const struct peal_trace_event *event)
{
	static const char *const kinds[] = {
		[PEAL_TRACE_SEND] = "send",     [PEAL_TRACE_CALL] = "call",
		[PEAL_TRACE_RETURN] = "return", [PEAL_TRACE_MUTED] = "muted",
		[PEAL_TRACE_SENT] = "sent",
	};

	(void)user;
	printf("  %s: %s", event->signal->name, kinds[event->kind]);
	if (event->receiver[0])
		printf(" %s", event->receiver);
	puts("");
}

/* ------------------------------------------------------------------------------------------------------- the tour */

static int save(const struct register_of_students *sender, const char *name)
{
	printf("  saving %s in the %s\n", name, sender->title);
	return PEAL_SEND(student_saved, sender, .name = name, .created = true);
}

static int tour_of_senders(void)
{
	int r;

	puts("A receiver waits for its sender:");
	r = peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), NULL);
	if (r == 0)
		r = save(&day_school, "Rahul");
	if (r == 0)
		r = peal_sender_register("school.Student", &day_school);
	puts("and now it is registered:");
	if (r == 0)
		r = save(&day_school, "Priya");
	if (r == 0)
		r = save(&evening_school, "Sam");
	return r;
}

static int tour_of_scopes(void)
{
	struct room *laboratory = room_new("the laboratory");
	struct room *gym = room_new("the gym");
	int r = laboratory && gym ? 0 : PEAL_ENOMEM;

	puts("Who is connected:");
	if (r == 0)
		r = print_all();
	puts("The bell rings, the gym is torn down, the bell rings:");
	if (r == 0)
		r = PEAL_SEND(bell_rung, NULL, .lesson = "maths");
	if (r == 0)
		r = room_free(gym);
	if (r == 0)
		r = PEAL_SEND(bell_rung, NULL, .lesson = "music");
	return r ? r : room_free(laboratory);
}

static int tour_of_muting(void)
{
	int r = 0;

	puts("A trace, with the audit muted:");
	peal_set_trace(print_event, NULL);
	PEAL_MUTE(student_saved, write_audit) {
		r = save(&day_school, "Ann");
	}
	peal_set_trace(NULL, NULL);
	puts("and not muted:");
	return r ? r : save(&day_school, "Ben");
}

int main(void)
{
	int r;

	r = tour_of_senders();
	if (r == 0)
		r = tour_of_scopes();
	if (r == 0)
		r = tour_of_muting();
	if (r != 0)
		fprintf(stderr, "receivers: %s\n", peal_strerror(r));
	return r != 0;
}
