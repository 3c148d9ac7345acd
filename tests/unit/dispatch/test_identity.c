/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h, "Identity", handles, and what peal_connect() refuses. */
#include "contract.h"

struct beat_args {
	int number;
};
PEAL_SIGNAL(beat);

struct other_args {
	int number;
};
PEAL_SIGNAL(other);

static int sender_a;
static int sender_b;
static int released;

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	note(call->user ? call->user : "-");
	return 0;
}

static int hear_too(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	note("too");
	return 0;
}

static int hear_other(struct peal_call *call, const struct other_args *args)
{
	(void)call;
	(void)args;
	note("other");
	return 0;
}

static void release(void *user)
{
	(void)user;
	released++;
}

static void beat_is_heard_as(const void *sender, const char *expected)
{
	T_OK(PEAL_SEND(beat, sender, .number = 1));
	T_JOURNAL(expected);
}

static bool same_handle(struct peal_handle a, struct peal_handle b)
{
	return a.serial == b.serial && a.slot == b.slot;
}

TEST(the_same_receiver_user_and_sender_is_the_same_connection)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a")));
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a")), PEAL_EXISTS);
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a")), PEAL_EXISTS);
	beat_is_heard_as(NULL, "a");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
	beat_is_heard_as(NULL, "");
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &sender_a));
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &sender_a), PEAL_EXISTS);
	beat_is_heard_as(&sender_a, "a");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a"), .sender = &sender_a));
}

TEST(another_user_is_another_connection)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a")));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b")));
	T_OK(PEAL_CONNECT(beat, hear));
	beat_is_heard_as(NULL, "ab-");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
	beat_is_heard_as(NULL, "b-");
	T_OK(PEAL_DISCONNECT(beat, hear));
	beat_is_heard_as(NULL, "b");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("b")));
}

TEST(another_sender_is_another_connection_and_one_event_may_match_both)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a")));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &sender_a));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &sender_b));
	beat_is_heard_as(&sender_a, "aa");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
	beat_is_heard_as(&sender_a, "a");
	T_CODE(PEAL_DISCONNECT(beat, hear, .user = USER("a")), PEAL_NOT_FOUND);
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a"), .sender = &sender_b));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a"), .sender = &sender_a));
}

TEST(another_receiver_is_another_connection)
{
	T_OK(PEAL_CONNECT(beat, hear));
	T_OK(PEAL_CONNECT(beat, hear_too));
	beat_is_heard_as(NULL, "-too");
	T_OK(PEAL_DISCONNECT(beat, hear));
	T_OK(PEAL_DISCONNECT(beat, hear_too));
}

TEST(another_signal_is_another_connection)
{
	T_OK(PEAL_CONNECT(beat, hear, .uid = "u"));
	T_OK(PEAL_CONNECT(other, hear_other, .uid = "u"));
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u"));
	T_OK(PEAL_SEND(other, NULL, .number = 1));
	T_JOURNAL("other");
	T_OK(PEAL_DISCONNECT(other, NULL, .uid = "u"));
}

TEST(the_uid_stands_for_receiver_and_user)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .uid = "u"));
	T_CODE(PEAL_CONNECT(beat, hear_too, .user = USER("b"), .uid = "u"), PEAL_EXISTS);
	beat_is_heard_as(NULL, "a");
	T_OK(PEAL_DISCONNECT(beat, hear_too, .user = USER("c"), .uid = "u"));
	beat_is_heard_as(NULL, "");
}

TEST(the_sender_belongs_to_the_identity_beside_the_uid)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .uid = "u", .sender = &sender_a));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .uid = "u", .sender = &sender_b));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("c"), .uid = "u"));
	beat_is_heard_as(&sender_a, "ac");
	beat_is_heard_as(&sender_b, "bc");
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u"));
	beat_is_heard_as(&sender_a, "a");
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u", .sender = &sender_b));
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u", .sender = &sender_a));
}

TEST(with_and_without_uid_are_two)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a")));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .uid = "u"));
	beat_is_heard_as(NULL, "aa");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
	T_CODE(PEAL_DISCONNECT(beat, hear, .user = USER("a")), PEAL_NOT_FOUND);
	beat_is_heard_as(NULL, "a");
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u"));
}

TEST(an_empty_uid_is_none)
{
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .uid = ""));
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a")), PEAL_EXISTS);
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .uid = ""));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a"), .uid = NULL));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("b"), .uid = ""));
}

TEST(the_uid_is_copied)
{
	char uid[] = "profiles";

	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .uid = uid));
	strcpy(uid, "x"); /* NOLINT: it is shorter */
	T_CODE(PEAL_CONNECT(beat, hear, .user = USER("a"), .uid = "profiles"), PEAL_EXISTS);
	T_CODE(PEAL_DISCONNECT(beat, NULL, .uid = "x"), PEAL_NOT_FOUND);
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "profiles"));
}

TEST(uids_are_compared_in_full)
{
	static const char *const uids[] = { "a", "b", "ab", "ba", "aa", "A", "a ", "\xc3\xa9" };

	for (size_t i = 0; i < PEAL_COUNTOF(uids); i++)
		T_OK(PEAL_CONNECT(beat, hear, .user = USER("x"), .uid = uids[i]));
	for (size_t i = 0; i < PEAL_COUNTOF(uids); i++)
		T_OK(PEAL_DISCONNECT(beat, NULL, .uid = uids[i]));
	beat_is_heard_as(NULL, "");
}

TEST(connecting_again_changes_nothing)
{
	struct peal_scope scope = { 0 };
	struct peal_handle first;
	struct peal_handle second = { 0 };

	released = 0;
	T_OK(PEAL_CONNECT(beat, hear_too));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .uid = "u", .ret_handle = &first));
	T_CODE(PEAL_CONNECT(beat, hear_too, .user = USER("b"), .uid = "u", .priority = 5,
			    .scope = &scope, .release = release, .ret_handle = &second),
	       PEAL_EXISTS);
	T_TRUE(same_handle(first, second));
	T_UINT(peal_scope_size(&scope), 0);
	beat_is_heard_as(NULL, "tooa");
	T_OK(peal_disconnect(first));
	T_INT(released, 0);
	T_OK(PEAL_DISCONNECT(beat, hear_too));
}

TEST(the_release_of_what_was_there_already_is_not_called)
{
	int users[2];

	released = 0;
	T_OK(PEAL_CONNECT(beat, hear_too, .user = &users[0], .uid = "u", .release = release));
	T_CODE(PEAL_CONNECT(beat, hear_too, .user = &users[1], .uid = "u", .release = release),
	       PEAL_EXISTS);
	T_INT(released, 0);
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u"));
	T_INT(released, 1);
}

TEST(after_a_disconnect_the_same_one_is_new_again)
{
	T_OK(PEAL_CONNECT(beat, hear, .uid = "u"));
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u"));
	T_OK(PEAL_CONNECT(beat, hear, .uid = "u"));
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u"));
	T_CODE(PEAL_DISCONNECT(beat, NULL, .uid = "u"), PEAL_NOT_FOUND);
}

TEST(what_was_never_connected_is_not_found)
{
	T_CODE(PEAL_DISCONNECT(beat, hear), PEAL_NOT_FOUND);
	T_CODE(PEAL_DISCONNECT(beat, NULL), PEAL_NOT_FOUND);
	T_CODE(PEAL_DISCONNECT(beat, NULL, .uid = "u"), PEAL_NOT_FOUND);
	T_CODE(PEAL_DISCONNECT_DEFERRED(beat, hear), PEAL_NOT_FOUND);
	T_CODE(PEAL_DISCONNECT(beat, hear, .sender_name = "school.Student"), PEAL_NOT_FOUND);
}

/* ---- Handles --------------------------------------------------------------------------------- */

TEST(the_zero_handle_is_none)
{
	struct peal_handle none = { 0 };

	T_FALSE(peal_is_connected(none));
	T_CODE(peal_disconnect(none), PEAL_NOT_FOUND);
	T_CODE(peal_disconnect_deferred(none), PEAL_NOT_FOUND);
	T_OK(PEAL_CONNECT(beat, hear));
	T_FALSE(peal_is_connected(none));
	T_CODE(peal_disconnect(none), PEAL_NOT_FOUND);
	T_OK(PEAL_DISCONNECT(beat, hear));
}

TEST(a_made_up_handle_is_none)
{
	T_OK(PEAL_CONNECT(beat, hear));
	T_CODE(peal_disconnect((struct peal_handle){ UINT64_MAX, 0 }), PEAL_NOT_FOUND);
	T_CODE(peal_disconnect((struct peal_handle){ 1, UINT32_MAX }), PEAL_NOT_FOUND);
	T_OK(PEAL_DISCONNECT(beat, hear));
}

TEST(a_handle_names_its_connection)
{
	struct peal_handle a;
	struct peal_handle b;

	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .ret_handle = &a));
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("b"), .ret_handle = &b));
	T_FALSE(same_handle(a, b));
	T_TRUE(peal_is_connected(a));
	T_OK(peal_disconnect(a));
	T_FALSE(peal_is_connected(a));
	T_TRUE(peal_is_connected(b));
	beat_is_heard_as(NULL, "b");
	T_CODE(peal_disconnect(a), PEAL_NOT_FOUND);
	T_OK(peal_disconnect(b));
}

TEST(a_handle_is_never_used_again)
{
	struct peal_handle seen[40];
	struct peal_handle handle;

	for (size_t i = 0; i < PEAL_COUNTOF(seen); i++) {
		T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .ret_handle = &seen[i]));
		for (size_t j = 0; j < i; j++) {
			T_FALSE(same_handle(seen[i], seen[j]));
			T_FALSE(peal_is_connected(seen[j]));
			T_CODE(peal_disconnect(seen[j]), PEAL_NOT_FOUND);
			T_CODE(peal_disconnect_deferred(seen[j]), PEAL_NOT_FOUND);
		}
		T_OK(peal_disconnect(seen[i]));
		if (i % 8 == 0)
			peal_trim(); /* not even when all memory has been given back */
	}
	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .ret_handle = &handle));
	beat_is_heard_as(NULL, "a");
	T_OK(peal_disconnect(handle));
}

TEST(find_by_identity)
{
	struct peal_handle made;
	struct peal_handle found = { 0 };
	struct peal_connection like;

	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .sender = &sender_a, .ret_handle = &made));
	like = beat_connection(
		&(struct beat_receiver){ .receiver = hear, .user = USER("a"), .sender = &sender_a },
		NULL);
	T_OK(peal_find(&beat, &like, &found));
	T_TRUE(same_handle(made, found));
	like.sender = &sender_b;
	found = (struct peal_handle){ 7, 7 };
	T_CODE(peal_find(&beat, &like, &found), PEAL_NOT_FOUND);
	T_TRUE(same_handle(found, (struct peal_handle){ 7, 7 })); /* written only on success */
	like.sender = &sender_a;
	like.user = USER("b");
	T_CODE(peal_find(&beat, &like, &found), PEAL_NOT_FOUND);
	T_OK(peal_disconnect(made));
}

TEST(find_by_uid)
{
	struct peal_handle made;
	struct peal_handle found;
	struct peal_connection like = beat_connection(&(struct beat_receiver){ .uid = "u" }, NULL);

	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a"), .uid = "u", .ret_handle = &made));
	T_OK(peal_find(&beat, &like, &found));
	T_TRUE(same_handle(made, found));
	T_OK(peal_disconnect(made));
	T_CODE(peal_find(&beat, &like, &found), PEAL_NOT_FOUND);
}

static struct peal_handle handle_in_call;

static int take_handle(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	handle_in_call = peal_call_handle(call);
	return 0;
}

TEST(the_handle_of_the_call)
{
	struct peal_handle handle;
	struct peal_error error = { 0 };

	T_OK(PEAL_CONNECT(beat, hear, .user = USER("a")));
	T_OK(PEAL_CONNECT(beat, take_handle, .ret_handle = &handle));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_TRUE(same_handle(handle, handle_in_call));
	handle_in_call = (struct peal_handle){ 0 };
	T_OK(PEAL_SEND_ERROR(beat, NULL, &error, .number = 1));
	T_TRUE(same_handle(handle, handle_in_call));
	T_OK(peal_disconnect(handle));
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
}

/* ---- What connect refuses -------------------------------------------------------------------- */

static void refused(struct peal_signal *signal, const struct beat_receiver *receiver)
{
	struct peal_connection connection = beat_connection(receiver, "x:1:y");
	struct peal_handle handle = { 5, 5 };

	connection.ret_handle = &handle;
	T_CODE(peal_connect(signal, &connection), PEAL_EINVAL);
	T_TRUE(same_handle(handle, (struct peal_handle){ 5, 5 }));
	T_FALSE(peal_signal_is_heard(&beat));
}

TEST(connect_refuses_no_receiver)
{
	refused(&beat, &(struct beat_receiver){ .uid = "u" });
}

TEST(connect_refuses_no_signal)
{
	refused(NULL, &(struct beat_receiver){ .receiver = hear });
}

TEST(connect_refuses_sender_and_sender_name_together)
{
	refused(&beat, &(struct beat_receiver){ .receiver = hear,
						.sender = &sender_a,
						.sender_name = "school.Student" });
}

TEST(connect_refuses_a_sender_name_that_is_not_group_and_name)
{
	static const char *const names[] = { "",        ".",    "Student", ".Student",
					     "school.", "a.b.", "a.b.c" };

	for (size_t i = 0; i < PEAL_COUNTOF(names); i++)
		refused(&beat,
			&(struct beat_receiver){ .receiver = hear, .sender_name = names[i] });
}

TEST(connect_refuses_options_of_another_size)
{
	struct peal_connection connection =
		beat_connection(&(struct beat_receiver){ .receiver = hear }, NULL);

	connection.size = sizeof(connection) - 1;
	T_CODE(peal_connect(&beat, &connection), PEAL_EINVAL);
	T_CODE(peal_connect(&beat, NULL), PEAL_EINVAL);
	T_FALSE(peal_signal_is_heard(&beat));
}

TEST(connect_without_a_site)
{
	struct peal_connection connection = beat_connection(
		&(struct beat_receiver){ .receiver = hear, .user = USER("a") }, NULL);

	T_OK(peal_connect(&beat, &connection));
	beat_is_heard_as(NULL, "a");
	T_OK(PEAL_DISCONNECT(beat, hear, .user = USER("a")));
}

TEST(out_of_memory_changes_nothing)
{
	struct peal_scope scope = { 0 };

	T_ALLOC_LOOP(run) {
		struct peal_handle handle = { 5, 5 };
		int code;

		released = 0;
		code = PEAL_CONNECT(beat, hear, .user = USER("a"), .uid = "u", .scope = &scope,
				    .sender = &sender_a, .priority = 2, .release = release,
				    .ret_handle = &handle);
		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_UINT(peal_scope_size(&scope), code == 0);
		T_INT(peal_signal_is_heard(&beat), code == 0);
		T_INT(peal_has_receivers(&beat, &sender_a), code == 0);
		beat_is_heard_as(&sender_a, code == 0 ? "a" : "");
		T_INT(released, 0);
		if (code == 0)
			T_OK(peal_disconnect(handle));
		else
			T_TRUE(same_handle(handle, (struct peal_handle){ 5, 5 }));
		T_INT(released, code == 0);
		peal_trim();
	}
}
