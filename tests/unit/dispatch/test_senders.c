/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Senders": names, receivers that wait for them, and senders that go away. */
#include "contract.h"

struct beat_args {
	int number;
};
PEAL_SIGNAL(beat);

struct other_args {
	int number;
};
PEAL_SIGNAL(other);

static int student;
static int teacher;
static int released;

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static int hear_other(struct peal_call *call, const struct other_args *args)
{
	(void)args;
	note(call->user);
	return 0;
}

static void release(void *user)
{
	(void)user;
	released++;
}

static int wait_for(const char *user, const char *name)
{
	return PEAL_CONNECT(beat, hear, .user = USER(user), .sender_name = name);
}

static void is_heard_as(const void *sender, const char *expected)
{
	T_OK(PEAL_SEND(beat, sender, .number = 1));
	T_JOURNAL(expected);
}

TEST(names_of_senders)
{
	T_PTR(peal_sender_get("school.Student"), NULL);
	T_OK(peal_sender_register("school.Student", &student));
	T_PTR(peal_sender_get("school.Student"), &student);
	T_CODE(peal_sender_register("school.Student", &student), PEAL_EXISTS);
	T_CODE(peal_sender_register("school.Student", &teacher), PEAL_EBUSY);
	T_PTR(peal_sender_get("school.Student"), &student);
	T_OK(peal_sender_register("school.Teacher", &teacher));
	T_PTR(peal_sender_get("school.Teacher"), &teacher);
	T_UINT(peal_sender_forget(&student), 0);
	T_PTR(peal_sender_get("school.Student"), NULL);
	T_PTR(peal_sender_get("school.Teacher"), &teacher);
	T_UINT(peal_sender_forget(&teacher), 0);
}

TEST(a_name_is_group_and_name)
{
	static const char *const names[] = { "",         ".",       "Student",
					     ".Student", "school.", "my.school.Student",
					     "a..b" };

	for (size_t i = 0; i < PEAL_COUNTOF(names); i++) {
		T_CODE(peal_sender_register(names[i], &student), PEAL_EINVAL);
		T_PTR(peal_sender_get(names[i]), NULL);
	}
	T_CODE(peal_sender_register(NULL, &student), PEAL_EINVAL);
	T_CODE(peal_sender_register("school.Student", NULL), PEAL_EINVAL);
	T_PTR(peal_sender_get(NULL), NULL);
}

TEST(the_second_part_is_compared_without_regard_to_case)
{
	T_OK(peal_sender_register("School.Student", &student));
	T_PTR(peal_sender_get("School.STUDENT"), &student);
	T_PTR(peal_sender_get("School.student"), &student);
	T_CODE(peal_sender_register("School.sTUDENT", &student), PEAL_EXISTS);
	T_CODE(peal_sender_register("School.sTUDENT", &teacher), PEAL_EBUSY);
	T_PTR(peal_sender_get("school.Student"), NULL);
	T_PTR(peal_sender_get("School.Students"), NULL);
	T_UINT(peal_sender_forget(&student), 0);
}

TEST(the_name_is_copied)
{
	char name[] = "school.Student";

	T_OK(peal_sender_register(name, &student));
	strcpy(name, "x.y"); /* NOLINT: it is shorter */
	T_PTR(peal_sender_get("school.Student"), &student);
	T_UINT(peal_sender_forget(&student), 0);
	strcpy(name, "school.Student"); /* NOLINT: it fits */
	T_CODE(wait_for("a", name), PEAL_PENDING);
	strcpy(name, "x.y"); /* NOLINT */
	T_OK(peal_sender_register("school.Student", &student));
	is_heard_as(&student, "a");
	T_UINT(peal_sender_forget(&student), 1);
}

TEST(a_receiver_waits_for_its_named_sender)
{
	T_CODE(wait_for("a", "school.Student"), PEAL_PENDING);
	T_FALSE(peal_signal_is_heard(&beat));
	T_FALSE(peal_has_receivers(&beat, &student));
	is_heard_as(&student, "");
	T_OK(peal_sender_register("school.Student", &student));
	T_TRUE(peal_has_receivers(&beat, &student));
	is_heard_as(&student, "a");
	is_heard_as(&teacher, "");
	is_heard_as(NULL, "");
	T_UINT(peal_sender_forget(&student), 1);
}

TEST(waiting_too_is_without_regard_to_case)
{
	T_CODE(wait_for("a", "school.STUDENT"), PEAL_PENDING);
	T_CODE(wait_for("x", "School.Student"), PEAL_PENDING);
	T_OK(peal_sender_register("school.student", &student));
	is_heard_as(&student, "a");
	T_UINT(peal_sender_forget(&student), 1);
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("x"), .sender_name = "School.sTUDENT"));
}

TEST(a_name_that_is_known_is_resolved_at_once)
{
	T_OK(peal_sender_register("school.Student", &student));
	T_OK(wait_for("a", "school.STUDENT"));
	is_heard_as(&student, "a");
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &student), PEAL_EXISTS);
	T_UINT(peal_sender_forget(&student), 1);
}

TEST(what_has_waited_is_connected_in_the_order_in_which_it_was_connected)
{
	T_CODE(wait_for("a", "school.Student"), PEAL_PENDING);
	T_CODE(wait_for("x", "school.Teacher"), PEAL_PENDING);
	T_CODE(wait_for("b", "school.Student"), PEAL_PENDING);
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("0"), .sender_name = "school.Student",
			    .priority = 1),
	       PEAL_PENDING);
	T_CODE(PEAL_CONNECT(other, hear_other, .user = USER("o"), .sender_name = "school.Student"),
	       PEAL_PENDING);
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("any")));
	T_CODE(wait_for("c", "school.Student"), PEAL_PENDING);
	T_OK(peal_sender_register("school.Student", &student));
	is_heard_as(&student, "0anyabc"); /* its place is that of the moment of registering */
	T_OK(PEAL_SEND(other, &student, .number = 1));
	T_JOURNAL("o");
	T_OK(peal_sender_register("school.Teacher", &teacher));
	is_heard_as(&teacher, "anyx");
	T_UINT(peal_sender_forget(&student), 5);
	T_UINT(peal_sender_forget(&teacher), 1);
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("any")));
}

TEST(waiting_twice_is_waiting_once)
{
	struct peal_handle first;
	struct peal_handle second;

	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender_name = "school.Student",
			    .ret_handle = &first),
	       PEAL_PENDING);
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender_name = "school.STUDENT",
			    .ret_handle = &second),
	       PEAL_EXISTS);
	T_UINT(first.serial, second.serial);
	T_UINT(first.slot, second.slot);
	T_CODE(wait_for("a", "school.Teacher"), PEAL_PENDING);
	T_OK(peal_sender_register("school.Student", &student));
	is_heard_as(&student, "a");
	T_CODE(wait_for("a", "school.Student"), PEAL_EXISTS);
	T_UINT(peal_sender_forget(&student), 1);
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a"), .sender_name = "school.Teacher"));
}

TEST(waiting_with_a_uid)
{
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender_name = "school.Student",
			    .uid = "u"),
	       PEAL_PENDING);
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("b"), .sender_name = "school.Student",
			    .uid = "u"),
	       PEAL_EXISTS);
	T_OK(peal_sender_register("school.Student", &student));
	is_heard_as(&student, "a");
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("b"), .sender = &student, .uid = "u"),
	       PEAL_EXISTS);
	T_OK(PEAL_DISCONNECT(beat, NULL, .sender_name = "school.Student", .uid = "u"));
	is_heard_as(&student, "");
	T_UINT(peal_sender_forget(&student), 0);
}

TEST(one_that_waits_and_was_also_connected_directly_is_one)
{
	struct peal_handle waiting;
	struct peal_handle direct;

	released = 0;
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender_name = "school.Student",
			    .release = release, .ret_handle = &waiting),
	       PEAL_PENDING);
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &student,
			  .ret_handle = &direct));
	T_OK(peal_sender_register("school.Student", &student));
	is_heard_as(&student, "a");
	T_FALSE(peal_is_connected(waiting));
	T_TRUE(peal_is_connected(direct));
	T_INT(released, 1);
	T_OK(peal_disconnect(direct));
	T_UINT(peal_sender_forget(&student), 0);
}

TEST(the_handle_of_one_that_waits_stays_good)
{
	struct peal_handle handle;

	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender_name = "school.Student",
			    .ret_handle = &handle),
	       PEAL_PENDING);
	T_TRUE(peal_is_connected(handle));
	T_OK(peal_sender_register("school.Student", &student));
	T_TRUE(peal_is_connected(handle));
	is_heard_as(&student, "a");
	T_OK(peal_disconnect(handle));
	is_heard_as(&student, "");
	T_UINT(peal_sender_forget(&student), 0);
}

static struct peal_handle handle_in_call;

static int take_handle(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	handle_in_call = peal_call_handle(call);
	T_CODE(peal_disconnect_deferred(handle_in_call), PEAL_RUNNING);
	return 0;
}

TEST(the_handle_in_the_call_is_that_of_the_connect)
{
	struct peal_handle handle;

	T_CODE(PEAL_CONNECT(beat, take_handle, .sender_name = "school.Student",
			    .ret_handle = &handle),
	       PEAL_PENDING);
	T_OK(peal_sender_register("school.Student", &student));
	T_OK(PEAL_SEND(beat, &student, .number = 1));
	T_UINT(handle_in_call.serial, handle.serial);
	T_UINT(handle_in_call.slot, handle.slot);
	T_FALSE(peal_is_connected(handle));
	T_UINT(peal_sender_forget(&student), 0);
}

TEST(one_that_waits_can_be_disconnected)
{
	struct peal_handle handle;

	released = 0;
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender_name = "school.Student",
			    .ret_handle = &handle, .release = release),
	       PEAL_PENDING);
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("b"), .sender_name = "school.Student",
			    .release = release),
	       PEAL_PENDING);
	T_CODE(wait_for("c", "school.Student"), PEAL_PENDING);
	T_OK(peal_disconnect(handle));
	T_INT(released, 1);
	T_FALSE(peal_is_connected(handle));
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, hear, .user = USER("b"),
					.sender_name = "school.STUDENT"),
	       PEAL_OK);
	T_INT(released, 2);
	T_OK(peal_sender_register("school.Student", &student));
	is_heard_as(&student, "c");
	T_UINT(peal_sender_forget(&student), 1);
}

TEST(connected_lazily_and_disconnected_by_the_sender_itself)
{
	T_CODE(wait_for("a", "school.Student"), PEAL_PENDING);
	T_CODE(PEAL_DISCONNECT(beat, hear, .user = USER("a"), .sender = &student), PEAL_NOT_FOUND);
	T_OK(peal_sender_register("school.Student", &student));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a"), .sender = &student));
	is_heard_as(&student, "");
	T_UINT(peal_sender_forget(&student), 0);
}

static int register_teacher(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	T_OK(peal_sender_register("school.Student", &student));
	return 0;
}

TEST(registered_during_a_send_what_waited_is_not_called_by_it)
{
	T_CODE(wait_for("a", "school.Student"), PEAL_PENDING);
	T_OK(PEAL_CONNECT(beat, register_teacher));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b")));
	is_heard_as(&student, "b");
	T_OK(PEAL_DISCONNECT(beat, register_teacher));
	is_heard_as(&student, "ba");
	T_UINT(peal_sender_forget(&student), 1);
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("b")));
}

/* ---- Forgetting ------------------------------------------------------------------------------ */

TEST(forgetting_a_sender_ends_every_connection_to_it)
{
	released = 0;
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &student, .release = release));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .sender = &student, .priority = 3,
			  .release = release));
	T_OK(PEAL_CONNECT(other, hear_other, .user = USER("c"), .sender = &student,
			  .release = release));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("t"), .sender = &teacher));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("any")));
	T_UINT(peal_sender_forget(&student), 3);
	T_INT(released, 3);
	is_heard_as(&student, "any");
	is_heard_as(&teacher, "tany");
	T_OK(PEAL_SEND(other, &student, .number = 1));
	T_JOURNAL("");
	T_UINT(peal_sender_forget(&student), 0);
	T_UINT(peal_sender_forget(&teacher), 1);
	T_UINT(peal_sender_forget(NULL), 0);
	is_heard_as(&student, "any");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("any")));
}

TEST(forgetting_many)
{
	static int users[60];

	for (size_t i = 0; i < PEAL_COUNTOF(users); i++) {
		T_OK(PEAL_CONNECT(beat, hear, .user = &users[i], .sender = &student,
				  .priority = (int)(i % 3)));
		T_OK(PEAL_CONNECT(beat, hear, .user = USER("t"), .sender = &users[i]));
	}
	T_UINT(peal_sender_forget(&student), PEAL_COUNTOF(users));
	T_FALSE(peal_has_receivers(&beat, &student));
	for (size_t i = 0; i < PEAL_COUNTOF(users); i++) {
		is_heard_as(&users[i], "t");
		T_UINT(peal_sender_forget(&users[i]), 1);
	}
	T_FALSE(peal_signal_is_heard(&beat));
}

TEST(forgetting_ends_the_name_and_it_may_be_given_again)
{
	T_OK(peal_sender_register("school.Student", &student));
	T_OK(peal_sender_register("school.Pupil", &student));
	T_UINT(peal_sender_forget(&student), 0);
	T_PTR(peal_sender_get("school.Student"), NULL);
	T_PTR(peal_sender_get("school.Pupil"), NULL);
	T_CODE(wait_for("a", "school.Student"), PEAL_PENDING);
	T_OK(peal_sender_register("school.Student", &teacher));
	is_heard_as(&teacher, "a");
	is_heard_as(&student, "");
	T_UINT(peal_sender_forget(&teacher), 1);
}

TEST(forgetting_leaves_what_waits_for_another_name)
{
	T_CODE(wait_for("a", "school.Student"), PEAL_PENDING);
	T_UINT(peal_sender_forget(&student), 0);
	T_OK(peal_sender_register("school.Student", &student));
	is_heard_as(&student, "a");
	T_UINT(peal_sender_forget(&student), 1);
}

static int wait_at_door(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	door_walk_through(call->user);
	return 0;
}

static void *send_beat(void *argument)
{
	T_OK(PEAL_SEND(beat, argument, .number = 1));
	return NULL;
}

TEST(forgetting_never_waits)
{
	struct helper sender;
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .sender = &student,
			  .release = door_release));
	helper_start(&sender, send_beat, &student);
	gate_pass(&door.entered);
	T_UINT(peal_sender_forget(&student), 1);
	T_INT(released_count(&door), 0);
	gate_open(&door.leave);
	helper_join(&sender);
	T_INT(released_count(&door), 1);
	T_INT(door.inside_at_release, 0);
}

/* ---- Out of memory --------------------------------------------------------------------------- */

TEST(registering_out_of_memory_changes_nothing)
{
	/* What waits is connected before, so that registering alone fails. */
	for (size_t nth = 1; nth < 100; nth++) {
		int code;

		T_OK(peal_sender_register("school.Pupil", &student));
		T_CODE(wait_for("a", "school.Student"), PEAL_PENDING);
		T_CODE(wait_for("b", "school.Student"), PEAL_PENDING);
		T_CODE(PEAL_CONNECT(other, hear_other, .user = USER("o"),
				    .sender_name = "school.Student", .priority = 2),
		       PEAL_PENDING);
		test_alloc_fail(nth, false);
		code = peal_sender_register("school.Student", &student);
		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		if (!test_alloc_failed())
			nth = 100;
		test_alloc_fail(0, false);
		/* A name that it had before is still its own. */
		T_PTR(peal_sender_get("school.Pupil"), &student);
		T_PTR(peal_sender_get("school.Student"), code == 0 ? &student : NULL);
		is_heard_as(&student, code == 0 ? "ab" : "");
		if (code != 0)
			T_OK(peal_sender_register("school.Student", &student));
		is_heard_as(&student, "ab");
		T_OK(PEAL_SEND(other, &student, .number = 1));
		T_JOURNAL("o");
		T_UINT(peal_sender_forget(&student), 3);
		peal_trim();
	}
}
