/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Jumps": a C++ exception through a send leaves everything usable. */
#include "cpp_parts.h"

#include "contract.h"

PEAL_SIGNAL_DEFINE_PUBLIC(thrown);

static int sender_a;

static int hear(struct peal_call *call, const struct thrown_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static void throw_through(enum cpp_way way)
{
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(thrown, hear, .user = USER("a"), .sender = &sender_a));
	T_OK(cpp_connect(&door, door_release, &sender_a, false));
	T_OK(PEAL_CONNECT(thrown, hear, .user = USER("b"), .sender = &sender_a));
	for (int i = 0; i < 100; i++) { /* more often than there are frames */
		T_INT(cpp_send(way, &sender_a, 7), 7);
		T_JOURNAL("a");
		T_INT(cpp_send(way, &sender_a, 0), 0);
		T_JOURNAL("ab");
	}
	/* No frame is left: the waiting forms neither refuse nor wait. */
	T_OK(cpp_disconnect(&door, &sender_a));
	T_INT(released_count(&door), 1);
	T_UINT(peal_sender_forget(&sender_a), 2);
	T_FALSE(peal_signal_is_heard(&thrown));
}

TEST(an_exception_through_a_send)
{
	throw_through(CPP_PLAIN);
}

TEST(an_exception_through_a_send_that_collects)
{
	throw_through(CPP_COLLECT);
}

TEST(an_exception_through_nested_sends)
{
	throw_through(CPP_NESTED);
}

TEST(an_exception_under_a_mute_and_a_trace)
{
	T_OK(cpp_connect(NULL, NULL, &sender_a, false));
	PEAL_MUTE(thrown, hear) {
		T_INT(cpp_send(CPP_PLAIN, &sender_a, 3), 3);
	}
	T_OK(peal_count_calls(true));
	T_INT(cpp_send(CPP_PLAIN, &sender_a, 3), 3);
	T_OK(peal_count_calls(false));
	T_INT(cpp_send(CPP_PLAIN, &sender_a, 3), 3);
	T_OK(cpp_disconnect(NULL, &sender_a));
}

/* After it the thread's error and answers of a collecting send are not mixed up with the next one. */
static int look_at_call(struct peal_call *call, const struct thrown_args *args)
{
	(void)args;
	T_PTR(call->error, NULL);
	T_OK(peal_call_respond(call, PEAL_TEXT("to nobody")));
	return 0;
}

TEST(what_a_send_that_was_left_collected_is_not_seen_by_the_next)
{
	T_OK(cpp_connect(NULL, NULL, &sender_a, false));
	T_INT(cpp_send(CPP_COLLECT, &sender_a, 3), 3);
	T_OK(cpp_disconnect(NULL, &sender_a));
	T_OK(PEAL_CONNECT(thrown, look_at_call));
	T_OK(PEAL_SEND(thrown, NULL, .number = 0));
	T_OK(PEAL_DISCONNECT(thrown, look_at_call));
}

TEST(an_exception_of_a_receiver_that_knows_more_arguments)
{
	T_OK(cpp_connect(NULL, NULL, &sender_a, true));
	T_INT(cpp_send(CPP_PLAIN, &sender_a, 3), 3); /* and what was made for it does not leak */
	T_OK(cpp_disconnect(NULL, &sender_a));
}
