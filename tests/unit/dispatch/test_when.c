/* SPDX-License-Identifier: MIT */
/* peal/dispatch.h: .when, and what stands behind it. tests/unit/model has the moment itself. */
#include "contract.h"

struct stored_args {
	int number;
};
PEAL__SIGNAL_TYPE_WHEN(stored);
extern struct peal_signal stored;
PEAL__SIGNAL_DEFINE_WHEN(stored);
PEAL__SIGNAL_SENDER(stored);

struct begun_args {
	int number;
};
PEAL_SIGNAL(begun);

static int sender_a;
static int sender_b;
static struct peal_scope all;

/* How often it was said that all are done, and with which code. */
struct ending {
	int count;
	int code;
};

static int hear(struct peal_call *call, const struct stored_args *args)
{
	(void)args;
	T_PTR(call->signal, &stored);
	note(call->user ? call->user : "-");
	return 0;
}

static int fail(struct peal_call *call, const struct stored_args *args)
{
	note("f");
	return peal_error_set(call->error, PEAL_EUSER, "the printer is empty: %d", args->number);
}

static int hear_begun(struct peal_call *call, const struct begun_args *args)
{
	(void)call;
	return args->number;
}

static void finish(void *user, int code, const struct peal_results *results)
{
	struct ending *ending = user;

	T_TRUE(results != NULL);
	ending->code = code;
	ending->count++;
}

static struct peal__audience take(const void *sender)
{
	struct peal__audience audience = { .before = 0 };

	T_OK(peal__audience_take(&stored, sender, &audience));
	return audience;
}

/* The moment has come. Returns what the send came to. */
static int tell(const void *sender, struct peal__audience *audience)
{
	const struct stored_args args = { 7 };
	struct ending ending = { 0, -1 };

	peal__audience_send(&stored, sender, &args, sizeof(args), audience, finish, &ending);
	T_INT(ending.count, 1);
	peal__audience_fini(audience);
	return ending.code;
}

static int tell_now(const void *sender)
{
	struct peal__audience audience = take(sender);

	return tell(sender, &audience);
}

static char logged[512];

static void keep_log(void *user, enum peal_log_level level, const char *domain, const char *message)
{
	(void)user;
	T_INT(level, PEAL_LOG_ERROR);
	T_STR(domain, "peal.dispatch");
	snprintf(logged + strlen(logged), sizeof(logged) - strlen(logged), "%s|", message);
}

TEST(each_moment_has_its_receivers)
{
	struct peal__audience audience;

	T_OK(PEAL_CONNECT(stored, hear, .user = USER("n"), .scope = &all));
	T_FALSE(peal__is_awaited(&stored));
	T_CODE(peal__audience_take(&stored, NULL, &audience), PEAL_NOT_FOUND);
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("a"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_TRUE(peal__is_awaited(&stored));
	T_OK(PEAL_SEND(stored, NULL, .number = 7));
	T_JOURNAL("n");
	T_OK(tell_now(NULL));
	T_JOURNAL("a");
	T_TRUE(peal_has_receivers(&stored, NULL));
	T_OK(PEAL_DISCONNECT(stored, hear, .user = USER("n")));
	T_FALSE(peal_has_receivers(&stored, NULL));
	T_FALSE(peal_signal_is_heard(&stored));
	T_OK(tell_now(NULL));
	T_JOURNAL("a");
	T_UINT(peal_scope_size(&all), 1);
	T_OK(peal_scope_end(&all));
	T_FALSE(peal__is_awaited(&stored));
}

TEST(the_moment_is_part_of_the_identity)
{
	struct peal_handle now, later, found;
	const struct peal_connection like = stored_connection(
		&(struct stored_receiver){ .receiver = hear, .when = PEAL_AFTER_COMMIT }, NULL);

	T_OK(PEAL_CONNECT(stored, hear, .ret_handle = &now));
	T_OK(PEAL_CONNECT(stored, hear, .when = PEAL_AFTER_COMMIT, .ret_handle = &later));
	T_CODE(PEAL_CONNECT(stored, hear, .when = PEAL_AFTER_COMMIT), PEAL_EXISTS);
	T_OK(PEAL_CONNECT(stored, hear, .uid = "u"));
	T_OK(PEAL_CONNECT(stored, hear, .uid = "u", .when = PEAL_AFTER_COMMIT));
	T_OK(peal_find(&stored, &like, &found));
	T_UINT(found.serial, later.serial);
	T_OK(PEAL_DISCONNECT(stored, hear));
	T_FALSE(peal_is_connected(now));
	T_TRUE(peal_is_connected(later));
	T_CODE(PEAL_DISCONNECT(stored, hear), PEAL_NOT_FOUND);
	T_OK(PEAL_DISCONNECT(stored, hear, .when = PEAL_AFTER_COMMIT));
	T_FALSE(peal_is_connected(later));
	T_OK(PEAL_DISCONNECT(stored, NULL, .uid = "u", .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_DISCONNECT(stored, NULL, .uid = "u"));
}

TEST(order_is_that_of_any_send)
{
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("a"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("b"), .scope = &all, .sender = &sender_a,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("c"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("d"), .scope = &all, .sender = &sender_b,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("e"), .scope = &all, .priority = 1,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(tell_now(&sender_a));
	T_JOURNAL("eabc");
	T_OK(tell_now(NULL));
	T_JOURNAL("eac");
	T_OK(peal_scope_end(&all));
}

TEST(a_sender_that_nobody_waits_for)
{
	struct peal__audience audience;

	T_OK(PEAL_CONNECT(stored, hear, .scope = &all, .sender = &sender_a,
			  .when = PEAL_AFTER_COMMIT));
	T_CODE(peal__audience_take(&stored, &sender_b, &audience), PEAL_NOT_FOUND);
	T_CODE(peal__audience_take(&stored, NULL, &audience), PEAL_NOT_FOUND);
	T_OK(peal_scope_end(&all));
}

static int disconnect_next(struct peal_call *call, const struct stored_args *args)
{
	(void)args;
	note("x");
	T_OK(peal_disconnect_deferred(*(struct peal_handle *)call->user));
	return 0;
}

TEST(who_is_called_is_settled_at_first)
{
	struct peal_handle next;
	struct peal__audience audience;

	T_OK(PEAL_CONNECT(stored, hear, .user = USER("a"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("b"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	audience = take(NULL);
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("c"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_DISCONNECT(stored, hear, .user = USER("a"), .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("a"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(tell(NULL, &audience));
	T_JOURNAL("b");
	T_OK(tell_now(NULL));
	T_JOURNAL("bca");
	T_OK(peal_scope_end(&all));
	/* Also when it is gone only then. */
	T_OK(PEAL_CONNECT(stored, disconnect_next, .user = &next, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .scope = &all, .ret_handle = &next,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(tell_now(NULL));
	T_JOURNAL("x");
	T_OK(peal_scope_end(&all));
	/* And when nobody is left. */
	T_OK(PEAL_CONNECT(stored, hear, .scope = &all, .when = PEAL_AFTER_COMMIT));
	audience = take(NULL);
	T_OK(peal_scope_end(&all));
	T_OK(tell(NULL, &audience));
	T_JOURNAL("");
}

TEST(a_mute_holds_for_what_happens_in_it)
{
	struct peal_mute mute = { .signal = &stored, .user = USER("a") };
	struct peal_mute whole = { .signal = &stored };
	struct peal__audience audience;

	T_OK(PEAL_CONNECT(stored, hear, .user = USER("a"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("b"), .scope = &all, .sender = &sender_a,
			  .when = PEAL_AFTER_COMMIT));
	/* Muted when it happened: not called, although the mute is over. */
	peal_mute_begin(&mute);
	audience = take(&sender_a);
	T_UINT(mute.suppressed, 1);
	T_CODE(peal__audience_take(&stored, &sender_b, &(struct peal__audience){ .before = 0 }),
	       PEAL_NOT_FOUND);
	peal_mute_end(&mute);
	T_OK(tell(&sender_a, &audience));
	T_JOURNAL("b");
	/* Muted when it is told. */
	audience = take(&sender_a);
	peal_mute_begin(&mute);
	T_OK(tell(&sender_a, &audience));
	peal_mute_end(&mute);
	T_JOURNAL("b");
	/* All. */
	peal_mute_begin(&whole);
	T_CODE(peal__audience_take(&stored, &sender_a, &audience), PEAL_NOT_FOUND);
	peal_mute_end(&whole);
	T_UINT(whole.suppressed, 2);
	/* A mute of something else costs nothing. */
	PEAL_MUTE(begun, NULL) {
		audience = take(&sender_a);
	}
	T_OK(tell(&sender_a, &audience));
	T_JOURNAL("ab");
	T_OK(peal_scope_end(&all));
}

TEST(all_are_called_and_errors_go_to_the_log)
{
	logged[0] = '\0';
	peal_set_log(keep_log, NULL);
	T_OK(PEAL_CONNECT(stored, fail, .scope = &all, .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("b"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	T_OK(tell_now(NULL));
	T_JOURNAL("fb");
	T_STR(logged,
	      "error calling fail in a send after a commit of stored: the printer is empty: 7|");
	T_OK(peal_scope_end(&all));
	peal_set_log(NULL, NULL);
}

static int tell_again(struct peal_call *call, const struct stored_args *args)
{
	(void)args;
	note("t");
	return peal_call_depth(call) < 4 ? tell_now(NULL) : 0;
}

TEST(too_many_inside_each_other_are_logged)
{
	logged[0] = '\0';
	peal_set_log(keep_log, NULL);
	T_OK(PEAL_CONNECT(stored, tell_again, .scope = &all, .when = PEAL_AFTER_COMMIT));
	T_OK(peal_set_depth_limit(3));
	T_OK(tell_now(NULL)); /* the inner ones' errors are in the log */
	T_OK(peal_set_depth_limit(64));
	T_JOURNAL("ttt");
	T_HAS(logged, "3 sends are inside each other: stored -> tell_again -> stored");
	T_HAS(logged, "|stored was not sent after a commit: 3 sends");
	T_OK(peal_scope_end(&all));
	peal_set_log(NULL, NULL);
}

static struct peal_chain_link links[4];

static int look_around(struct peal_call *call, const struct stored_args *args)
{
	(void)call;
	(void)args;
	T_UINT(peal_call_chain(NULL, 0), 2);
	T_UINT(peal_call_chain(links, 1), 2);
	T_STR(links[1].receiver, "");
	T_UINT(peal_call_chain(links, PEAL_COUNTOF(links)), 2);
	return 0;
}

static int tell_inside(struct peal_call *call, const struct begun_args *args)
{
	(void)call;
	(void)args;
	return tell_now(&sender_a);
}

TEST(the_chain_of_calls)
{
	T_UINT(peal_call_chain(links, PEAL_COUNTOF(links)), 0);
	T_OK(PEAL_CONNECT(begun, tell_inside, .scope = &all));
	T_OK(PEAL_CONNECT(stored, look_around, .scope = &all, .when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_SEND(begun, &sender_b, .number = 1));
	T_PTR(links[0].signal, &begun);
	T_PTR(links[0].sender, &sender_b);
	T_STR(links[0].receiver, "tell_inside");
	T_INT(links[0].when, PEAL_AT_ONCE);
	T_PTR(links[1].signal, &stored);
	T_PTR(links[1].sender, &sender_a);
	T_STR(links[1].receiver, "look_around");
	T_INT(links[1].when, PEAL_AFTER_COMMIT);
	T_OK(peal_scope_end(&all));
	T_UINT(peal_call_chain(NULL, 0), 0);
}

static int traced[8];

static void trace(void *user, const struct peal_trace_event *event)
{
	(void)user;
	T_PTR(event->signal, &stored);
	traced[event->kind] += event->when == PEAL_AFTER_COMMIT;
}

TEST(they_are_seen)
{
	struct peal_snapshot *snapshot;
	const struct peal_receiver_info *info;

	T_OK(PEAL_CONNECT(stored, hear, .user = USER("a"), .scope = &all, .sender = &sender_a,
			  .priority = 3, .uid = "u", .when = PEAL_AFTER_COMMIT));
	T_CODE(PEAL_CONNECT(stored, hear, .sender_name = "when.Later", .scope = &all,
			    .when = PEAL_AFTER_COMMIT),
	       PEAL_PENDING);
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("n"), .scope = &all));
	T_OK(peal_snapshot_take(&stored, &snapshot));
	T_UINT(snapshot->signal_count, 1);
	T_PTR(snapshot->signals[0].signal, &stored);
	T_UINT(snapshot->signals[0].receivers, 2);
	T_UINT(snapshot->receiver_count, 3);
	T_INT(snapshot->receivers[0].when, PEAL_AT_ONCE);
	info = &snapshot->receivers[1];
	T_INT(info->when, PEAL_AFTER_COMMIT);
	T_PTR(info->signal, &stored);
	T_STR(info->signal_name, "stored");
	T_STR(info->name, "hear");
	T_STR(info->uid, "u");
	T_PTR(info->sender, &sender_a);
	T_INT(info->priority, 3);
	T_TRUE(info->scoped);
	T_FALSE(info->pending);
	T_TRUE(snapshot->receivers[2].pending);
	T_INT(snapshot->receivers[2].when, PEAL_AFTER_COMMIT);
	peal_snapshot_free(snapshot);
	/* No signal appears twice among all. */
	T_OK(peal_snapshot_take(NULL, &snapshot));
	for (size_t i = 0, seen = 0; i < snapshot->signal_count; i++) {
		seen += strcmp(snapshot->signals[i].name, "stored") == 0;
		T_TRUE(seen < 2);
	}
	peal_snapshot_free(snapshot);
	peal_set_trace(trace, NULL);
	T_OK(tell_now(&sender_a));
	T_OK(PEAL_SEND(stored, &sender_a, .number = 1));
	peal_set_trace(NULL, NULL);
	T_JOURNAL("an");
	T_INT(traced[PEAL_TRACE_SEND], 1);
	T_INT(traced[PEAL_TRACE_CALL], 1);
	T_INT(traced[PEAL_TRACE_RETURN], 1);
	T_INT(traced[PEAL_TRACE_SENT], 1);
	T_OK(peal_scope_end(&all));
}

static int released;

static void release(void *user)
{
	(void)user;
	released++;
}

static char text_t[] = "t";

static const struct peal_receiver table[] = {
	PEAL_RECEIVER(stored, hear, .user = text_t, .sender_name = "when.Student",
		      .when = PEAL_AFTER_COMMIT, .release = release),
	PEAL_RECEIVER(stored, hear, .user = text_t, .when = PEAL_AFTER_COMMIT),
};

TEST(tables_and_senders_by_name)
{
	struct peal__audience audience;

	T_OK(peal_receivers_connect(table, PEAL_COUNTOF(table), &all));
	audience = take(&sender_a);
	T_OK(peal_sender_register("when.Student", &sender_a));
	T_OK(tell(&sender_a, &audience));
	T_JOURNAL("t"); /* the other one was connected too late */
	T_OK(tell_now(&sender_a));
	T_JOURNAL("tt");
	T_UINT(peal_sender_forget(&sender_a), 1);
	T_INT(released, 1);
	T_OK(tell_now(&sender_a));
	T_JOURNAL("t");
	T_OK(peal_scope_end(&all));
}

TEST(what_cannot_be_connected_says_why)
{
	struct peal_connection connection =
		begun_connection(&(struct begun_receiver){ .receiver = hear_begun }, "x:1:y");

	logged[0] = '\0';
	peal_set_log(keep_log, NULL);
	connection.when = PEAL_AFTER_COMMIT;
	T_CODE(peal_connect(&begun, &connection), PEAL_EINVAL);
	T_STR(logged,
	      "begun is not sent after a commit: connect to the signal that says that it is "
	      "done, or call PEAL_ON_COMMIT in the receiver|");
	T_CODE(peal_find(&begun, &connection, NULL), PEAL_EINVAL);
	connection.when = (enum peal_when)2;
	T_CODE(peal_connect(&stored, &connection), PEAL_EINVAL);
	connection.when = PEAL_AT_ONCE;
	T_OK(peal_connect(&begun, &connection));
	T_CODE(PEAL_SEND(begun, NULL, .number = 3), 3);
	T_OK(peal_disconnect_like(&begun, connection, true));
	peal_set_log(NULL, NULL);
}

/* ---- Beside other threads -------------------------------------------------------------------- */

enum {
	ROUNDS = 2000,
	CHANGES = 400,
};

static int calls; /* atomic */

static int hear_alive(struct peal_call *call, const struct stored_args *args)
{
	(void)args;
	T_INT(*(int *)call->user, 1);
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	return 0;
}

static void *tell_often(void *argument)
{
	(void)argument;
	for (int i = 0; i < ROUNDS; i++) {
		struct peal__audience audience;

		if (peal__audience_take(&stored, &sender_a, &audience) == 0)
			T_OK(tell(&sender_a, &audience));
	}
	return NULL;
}

static void free_it(void *user)
{
	*(int *)user = 0;
	free(user);
}

TEST(while_others_connect_and_disconnect)
{
	static int always = 1;
	struct helper helpers[2];

	T_OK(PEAL_CONNECT(stored, hear_alive, .user = &always, .sender = &sender_a, .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		helper_start(&helpers[i], tell_often, NULL);
	for (int i = 0; i < CHANGES; i++) {
		int *alive = malloc(sizeof(*alive));
		struct peal_handle handle;

		*alive = 1;
		T_OK(PEAL_CONNECT(stored, hear_alive, .user = alive, .release = free_it,
				  .sender = i % 2 ? &sender_a : NULL, .priority = i % 3,
				  .ret_handle = &handle, .when = PEAL_AFTER_COMMIT));
		T_OK(peal_disconnect(handle));
		if (i % 16 == 0)
			peal_trim();
	}
	for (size_t i = 0; i < PEAL_COUNTOF(helpers); i++)
		helper_join(&helpers[i]);
	T_TRUE(__atomic_load_n(&calls, __ATOMIC_RELAXED) >= 2 * ROUNDS);
	T_OK(peal_scope_end(&all));
}

/* ---- Asynchronous receivers ------------------------------------------------------------------ */

static struct peal_task *waiting;

static void hear_async(struct peal_task *task, const struct stored_args *args)
{
	T_INT(args->number, 7);
	T_PTR(task->signal, &stored);
	note("y");
	waiting = task;
}

TEST(asynchronous_ones_are_not_waited_for)
{
	static const struct stored_args args = { 7 };
	struct peal__audience audience;
	struct peal_executor *loop;
	struct ending ending = { 0, -1 };

	logged[0] = '\0';
	peal_set_log(keep_log, NULL);
	T_OK(peal_loop_new(&loop));
	T_OK(PEAL_CONNECT_ASYNC(stored, hear_async, .executor = loop, .scope = &all,
				.when = PEAL_AFTER_COMMIT));
	T_OK(PEAL_CONNECT(stored, hear, .user = USER("s"), .scope = &all,
			  .when = PEAL_AFTER_COMMIT));
	audience = take(NULL);
	/* In the thread of the executor itself, where a send that waits is refused. */
	peal__audience_send(&stored, NULL, &args, sizeof(args), &audience, finish, &ending);
	peal__audience_fini(&audience);
	T_JOURNAL("s");
	T_INT(ending.count, 0);
	T_UINT(peal_loop_dispatch(loop, 0), 1);
	T_JOURNAL("y");
	T_INT(ending.count, 0);
	peal_task_done(waiting, PEAL_EUSER, "no paper");
	T_INT(ending.count, 1);
	T_INT(ending.code, 0);
	T_STR(logged, "error in asynchronous receiver hear_async: no paper|");
	T_OK(peal_scope_end(&all));
	peal_loop_free(loop);
	peal_set_log(NULL, NULL);
}

TEST(out_of_memory)
{
	struct peal_mute mute = { .signal = &stored, .user = USER("a") };

	peal_mute_begin(&mute);
	T_ALLOC_LOOP(run) {
		struct peal__audience audience;
		int code = PEAL_CONNECT(stored, hear, .user = USER("a"), .scope = &all,
					.when = PEAL_AFTER_COMMIT);

		if (code == 0)
			code = PEAL_CONNECT(stored, hear, .user = USER("b"), .scope = &all,
					    .when = PEAL_AFTER_COMMIT);
		if (code == 0) {
			code = peal__audience_take(&stored, NULL, &audience);
			if (code == 0)
				T_OK(tell(NULL, &audience));
		}
		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_JOURNAL(code ? "" : "b");
		T_OK(peal_scope_end(&all));
		peal_trim();
	}
	peal_mute_end(&mute);
}
