/* SPDX-License-Identifier: MIT */
/* peal/inspect.h: snapshots, counting, tracing. */
#include "contract.h"

struct beat_args {
	int number;
};
enum {
	BEAT_LINE = __LINE__ + 2
};
PEAL_SIGNAL(beat);

struct other_args {
	int number;
};
PEAL_SIGNAL(other);

struct never_args {
	int number;
};
PEAL_SIGNAL(never);

static int sender_a;
static struct peal_scope all;

static int hear(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	(void)args;
	return 0;
}

static int fail(struct peal_call *call, const struct beat_args *args)
{
	(void)call;
	return args->number;
}

static struct peal_snapshot *take(struct peal_signal *signal)
{
	struct peal_snapshot *snapshot;

	T_OK(peal_snapshot_take(signal, &snapshot));
	return snapshot;
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

TEST(a_signal_is_known_once_it_has_been_connected_to)
{
	struct peal_snapshot *snapshot = take(&never);

	T_UINT(snapshot->signal_count, 0);
	T_UINT(snapshot->receiver_count, 0);
	peal_snapshot_free(snapshot);
	T_OK(PEAL_CONNECT(beat, hear));
	T_OK(PEAL_DISCONNECT(beat, hear));
	snapshot = take(&beat);
	T_UINT(snapshot->signal_count, 1);
	T_PTR(snapshot->signals[0].signal, &beat);
	T_STR(snapshot->signals[0].name, "beat");
	T_HAS(snapshot->signals[0].file, "test_inspect.c");
	T_UINT(snapshot->signals[0].line, BEAT_LINE);
	T_UINT(snapshot->signals[0].receivers, 0);
	T_UINT(snapshot->receiver_count, 0);
	peal_snapshot_free(snapshot);
	peal_snapshot_free(NULL);
}

TEST(signals_in_the_order_in_which_they_became_known)
{
	struct peal_snapshot *snapshot;
	struct peal_signal *made;

	peal_signal_register(&other);
	T_OK(peal_signal_new("made", 4, &made));
	peal_signal_register(&beat);
	peal_signal_register(&other); /* twice does nothing */
	snapshot = take(NULL);
	T_UINT(snapshot->signal_count, 3);
	T_STR(snapshot->signals[0].name, "other");
	T_STR(snapshot->signals[1].name, "made");
	T_STR(snapshot->signals[1].file, "");
	T_UINT(snapshot->signals[1].line, 0);
	T_STR(snapshot->signals[2].name, "beat");
	peal_snapshot_free(snapshot);
	peal_signal_free(made);
}

TEST(what_is_told_of_a_receiver)
{
	const struct peal_receiver_info *info;
	struct peal_snapshot *snapshot;
	struct peal_handle handle;
	unsigned line = __LINE__ + 1; /* of the statement */

	T_OK(PEAL_CONNECT(beat, &hear, .sender = &sender_a, .uid = "u", .priority = -4,
			  .scope = &all, .ret_handle = &handle));
	snapshot = take(&beat);
	T_UINT(snapshot->receiver_count, 1);
	T_UINT(snapshot->signals[0].receivers, 1);
	info = &snapshot->receivers[0];
	T_PTR(info->signal, &beat);
	T_STR(info->signal_name, "beat");
	T_UINT(info->handle.serial, handle.serial);
	T_UINT(info->handle.slot, handle.slot);
	T_STR(info->name, "hear");
	T_HAS(info->file, "test_inspect.c");
	T_TRUE(info->line > line && info->line <= line + 3);
	T_PTR(info->sender, &sender_a);
	T_STR(info->sender_name, "");
	T_STR(info->uid, "u");
	T_INT(info->priority, -4);
	T_FALSE(info->pending);
	T_FALSE(info->asynchronous);
	T_TRUE(info->scoped);
	T_UINT(info->muted, 0);
	T_UINT(info->running, 0);
	T_UINT(info->calls, 0);
	peal_snapshot_free(snapshot);
	T_OK(peal_scope_end(&all));
}

TEST(what_is_told_of_a_plain_receiver)
{
	const struct peal_receiver_info *info;
	struct peal_snapshot *snapshot;

	T_OK(PEAL_CONNECT(beat, hear));
	snapshot = take(&beat);
	info = &snapshot->receivers[0];
	T_PTR(info->sender, NULL);
	T_STR(info->uid, "");
	T_STR(info->sender_name, "");
	T_INT(info->priority, 0);
	T_FALSE(info->scoped);
	peal_snapshot_free(snapshot);
	T_OK(PEAL_DISCONNECT(beat, hear));
}

TEST(a_receiver_without_a_site)
{
	struct peal_connection connection =
		beat_connection(&(struct beat_receiver){ .receiver = hear }, NULL);
	struct peal_snapshot *snapshot;

	T_OK(peal_connect(&beat, &connection));
	snapshot = take(&beat);
	T_STR(snapshot->receivers[0].name, "?");
	T_STR(snapshot->receivers[0].file, "");
	T_UINT(snapshot->receivers[0].line, 0);
	peal_snapshot_free(snapshot);
	T_OK(PEAL_DISCONNECT(beat, hear));
}

TEST(receivers_in_the_order_of_the_calls_and_pending_ones_last)
{
	static const char *const uids[] = { "high", "a", "b", "low", "waits" };
	struct peal_snapshot *snapshot;

	T_CODE(PEAL_CONNECT(beat, hear, .uid = "waits", .sender_name = "inspect.Later",
			    .priority = 99, .scope = &all),
	       PEAL_PENDING);
	T_OK(PEAL_CONNECT(beat, hear, .uid = "low", .priority = -1, .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .uid = "a", .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .uid = "b", .sender = &sender_a, .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .uid = "high", .priority = 1, .sender = &sender_a,
			  .scope = &all));
	snapshot = take(&beat);
	T_UINT(snapshot->signals[0].receivers, 4); /* pending ones are not counted */
	T_UINT(snapshot->receiver_count, 5);
	for (size_t i = 0; i < 5; i++)
		T_STR(snapshot->receivers[i].uid, uids[i]);
	T_TRUE(snapshot->receivers[1].order < snapshot->receivers[2].order);
	T_TRUE(snapshot->receivers[4].pending);
	T_PTR(snapshot->receivers[4].sender, NULL);
	T_STR(snapshot->receivers[4].sender_name, "inspect.Later");
	T_INT(snapshot->receivers[4].priority, 99);
	peal_snapshot_free(snapshot);
	T_OK(peal_sender_register("inspect.Later", &sender_a));
	snapshot = take(&beat);
	T_STR(snapshot->receivers[0].uid, "waits");
	T_FALSE(snapshot->receivers[0].pending);
	T_PTR(snapshot->receivers[0].sender, &sender_a);
	T_STR(snapshot->receivers[0].sender_name, "inspect.Later");
	T_UINT(snapshot->signals[0].receivers, 5);
	peal_snapshot_free(snapshot);
	T_UINT(peal_sender_forget(&sender_a), 3);
	T_OK(peal_scope_end(&all));
}

TEST(receivers_by_signal)
{
	struct peal_snapshot *snapshot;
	size_t seen = 0;

	T_OK(PEAL_CONNECT(beat, hear, .uid = "1", .scope = &all));
	T_CODE(PEAL_CONNECT(other, NULL), PEAL_EINVAL);
	T_OK(PEAL_CONNECT(other, (other_fn *)(peal_function *)hear, .uid = "x", .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .uid = "2", .scope = &all));
	snapshot = take(NULL);
	T_UINT(snapshot->receiver_count, 3);
	for (size_t i = 0; i < snapshot->signal_count; i++)
		for (size_t j = 0; j < snapshot->signals[i].receivers; j++)
			T_PTR(snapshot->receivers[seen++].signal, snapshot->signals[i].signal);
	T_UINT(seen, 3);
	peal_snapshot_free(snapshot);
	snapshot = take(&other);
	T_UINT(snapshot->signal_count, 1);
	T_UINT(snapshot->receiver_count, 1);
	peal_snapshot_free(snapshot);
	T_OK(peal_scope_end(&all));
}

TEST(a_snapshot_stays_good_when_everything_it_names_is_gone)
{
	char name[] = "gone";
	char uid[] = "uid";
	struct peal_snapshot *snapshot;
	struct peal_signal *signal;
	struct peal_connection connection = beat_connection(
		&(struct beat_receiver){ .receiver = hear, .uid = uid, .scope = &all }, NULL);

	T_OK(peal_signal_new(name, sizeof(struct beat_args), &signal));
	T_OK(peal_connect(signal, &connection));
	snapshot = take(signal);
	peal_signal_free(signal);
	peal_trim();
	memset(name, 'x', sizeof(name));
	memset(uid, 'x', sizeof(uid));
	T_STR(snapshot->signals[0].name, "gone");
	T_STR(snapshot->receivers[0].signal_name, "gone");
	T_STR(snapshot->receivers[0].uid, "uid");
	peal_snapshot_free(snapshot);
}

TEST(mutes_of_this_thread_are_seen)
{
	struct peal_snapshot *snapshot;

	T_OK(PEAL_CONNECT(beat, hear, .scope = &all));
	T_OK(PEAL_CONNECT(beat, fail, .scope = &all));
	T_OK(PEAL_CONNECT(beat, hear, .sender = &sender_a, .scope = &all));
	PEAL_MUTE(beat, hear) {
		PEAL_MUTE(beat, NULL) {
			PEAL_MUTE(beat, NULL, .sender = &all) {
				snapshot = take(&beat);
				T_UINT(snapshot->receivers[0].muted, 3);
				T_UINT(snapshot->receivers[1].muted, 2);
				T_UINT(snapshot->receivers[2].muted, 2); /* hears no such sender */
				peal_snapshot_free(snapshot);
			}
		}
	}
	snapshot = take(&beat);
	T_UINT(snapshot->receivers[0].muted, 0);
	peal_snapshot_free(snapshot);
	T_OK(peal_scope_end(&all));
}

static int wait_at_door(struct peal_call *call, const struct beat_args *args)
{
	(void)args;
	door_walk_through(call->user);
	return 0;
}

static void *send_beat(void *argument)
{
	T_OK(PEAL_SEND(beat, argument, .number = 0));
	return NULL;
}

TEST(running_calls_are_seen)
{
	struct peal_snapshot *snapshot;
	struct helper helpers[2];
	struct door door;

	door_init(&door);
	T_OK(PEAL_CONNECT(beat, hear, .scope = &all));
	T_OK(PEAL_CONNECT(beat, wait_at_door, .user = &door, .scope = &all));
	helper_start(&helpers[0], send_beat, NULL);
	helper_start(&helpers[1], send_beat, NULL);
	gate_pass(&door.entered);
	gate_pass(&door.entered);
	snapshot = take(&beat);
	T_UINT(snapshot->receivers[0].running, 0);
	T_UINT(snapshot->receivers[1].running, 2);
	peal_snapshot_free(snapshot);
	gate_open(&door.leave);
	gate_open(&door.leave);
	helper_join(&helpers[0]);
	helper_join(&helpers[1]);
	snapshot = take(&beat);
	T_UINT(snapshot->receivers[1].running, 0);
	peal_snapshot_free(snapshot);
	T_OK(peal_scope_end(&all));
}

static int take_inside(struct peal_call *call, const struct beat_args *args)
{
	struct peal_snapshot *snapshot;

	(void)args;
	snapshot = take(call->signal);
	T_UINT(snapshot->receivers[0].running, 1 + peal_call_depth(call));
	peal_snapshot_free(snapshot);
	if (peal_call_depth(call) < 3)
		T_OK(PEAL_SEND(beat, NULL, .number = 1));
	return 0;
}

TEST(a_snapshot_inside_a_receiver)
{
	T_OK(PEAL_CONNECT(beat, take_inside));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_OK(PEAL_DISCONNECT(beat, take_inside));
}

static void take_running_one(struct peal_task *task, const struct beat_args *args)
{
	struct peal_snapshot *snapshot = take(task->signal);

	(void)args;
	T_TRUE(snapshot->receivers[0].asynchronous);
	T_UINT(snapshot->receivers[0].running, 1);
	peal_snapshot_free(snapshot);
	peal_task_done(task, 0, NULL);
}

TEST(a_snapshot_inside_an_asynchronous_receiver)
{
	T_OK(PEAL_CONNECT_ASYNC(beat, take_running_one, .scope = &all));
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	T_OK(peal_scope_end(&all));
}

TEST(a_snapshot_out_of_memory)
{
	T_OK(PEAL_CONNECT(beat, hear, .uid = "u"));
	T_ALLOC_LOOP(run) {
		struct peal_snapshot *snapshot = NULL;
		int code = peal_snapshot_take(NULL, &snapshot);

		T_CODE(code, test_alloc_failed() ? PEAL_ENOMEM : 0);
		T_TRUE((snapshot == NULL) == (code != 0));
		peal_snapshot_free(snapshot);
	}
	T_OK(PEAL_DISCONNECT(beat, NULL, .uid = "u"));
}

/* ---- Counting -------------------------------------------------------------------------------- */

static uint64_t calls_of(size_t index)
{
	struct peal_snapshot *snapshot = take(&beat);
	uint64_t calls = snapshot->receivers[index].calls;

	peal_snapshot_free(snapshot);
	return calls;
}

TEST(calls_are_counted_while_counting_is_on)
{
	struct peal_results results = { 0 };

	T_OK(PEAL_CONNECT(beat, hear, .scope = &all));
	T_OK(PEAL_SEND(beat, NULL, .number = 0));
	T_UINT(calls_of(0), 0);
	T_OK(peal_count_calls(true));
	T_OK(PEAL_CONNECT(beat, fail, .sender = &sender_a, .scope = &all));
	T_OK(PEAL_SEND(beat, NULL, .number = 0));
	T_OK(PEAL_SEND(beat, &sender_a, .number = 0));
	T_OK(PEAL_SEND_COLLECT(beat, &sender_a, &results, .number = 0));
	peal_results_fini(&results);
	T_UINT(calls_of(0), 3);
	T_UINT(calls_of(1), 2);
	PEAL_MUTE(beat, hear) {
		T_OK(PEAL_SEND(beat, NULL, .number = 0));
	}
	T_UINT(calls_of(0), 3); /* what was muted was not called */
	T_OK(peal_count_calls(false));
	T_OK(PEAL_SEND(beat, NULL, .number = 0));
	T_UINT(calls_of(0), 3);
	T_OK(peal_scope_end(&all));
}

TEST(counting_stops_when_it_is_said)
{
	T_OK(PEAL_CONNECT(beat, hear));
	T_OK(peal_count_calls(false));
	T_OK(peal_count_calls(true));
	T_OK(peal_count_calls(true));
	T_OK(PEAL_SEND(beat, NULL, .number = 0));
	T_OK(peal_count_calls(false));
	T_OK(PEAL_SEND(beat, NULL, .number = 0));
	T_UINT(calls_of(0), 1);
	T_OK(peal_count_calls(false));
	T_OK(PEAL_DISCONNECT(beat, hear));
}

TEST(counting_out_of_memory_changes_nothing)
{
	T_OK(PEAL_CONNECT(beat, hear));
	T_OK(PEAL_CONNECT(beat, fail));
	for (size_t nth = 1; nth < 10; nth++) {
		bool failed;
		int code;

		test_alloc_fail(nth, false);
		code = peal_count_calls(true);
		failed = test_alloc_failed() > 0;
		test_alloc_fail(0, false);
		T_CODE(code, failed ? PEAL_ENOMEM : 0);
		T_OK(PEAL_SEND(beat, NULL, .number = 0));
		T_UINT(calls_of(0), code == 0);
		T_UINT(calls_of(1), code == 0);
		if (code == 0)
			break;
	}
	T_OK(peal_count_calls(false));
	T_OK(PEAL_DISCONNECT(beat, hear));
	T_OK(PEAL_DISCONNECT(beat, fail));
}

/* ---- Tracing --------------------------------------------------------------------------------- */

static struct peal_trace_event events[32];
static size_t event_count;
static char event_names[32][32];

static void keep_event(void *user, const struct peal_trace_event *event)
{
	T_PTR(user, &event_count);
	T_TRUE(event_count < PEAL_COUNTOF(events));
	snprintf(event_names[event_count], sizeof(event_names[0]), "%s", event->receiver);
	events[event_count++] = *event;
}

static void event_is(size_t index, enum peal_trace_kind kind, const char *receiver, unsigned depth,
		     int code)
{
	T_TRUE(index < event_count);
	T_INT(events[index].kind, kind);
	T_STR(event_names[index], receiver);
	T_UINT(events[index].depth, depth);
	T_INT(events[index].code, code);
}

TEST(the_steps_of_a_send)
{
	struct beat_args args = { .number = -9 };
	struct peal_handle handle;

	event_count = 0;
	T_OK(PEAL_CONNECT(beat, hear, .scope = &all));
	T_OK(PEAL_CONNECT(beat, fail, .scope = &all, .ret_handle = &handle));
	T_OK(PEAL_CONNECT(beat, hear, .scope = &all, .uid = "2"));
	peal_set_trace(keep_event, &event_count);
	T_CODE(peal_send(&beat, &sender_a, &args, sizeof(args)), -9);
	peal_set_trace(NULL, NULL);
	T_UINT(event_count, 6);
	event_is(0, PEAL_TRACE_SEND, "", 0, 0);
	event_is(1, PEAL_TRACE_CALL, "hear", 0, 0);
	event_is(2, PEAL_TRACE_RETURN, "hear", 0, 0);
	event_is(3, PEAL_TRACE_CALL, "fail", 0, 0);
	event_is(4, PEAL_TRACE_RETURN, "fail", 0, -9);
	event_is(5, PEAL_TRACE_SENT, "", 0, -9);
	for (size_t i = 0; i < event_count; i++) {
		T_PTR(events[i].signal, &beat);
		T_PTR(events[i].sender, &sender_a);
		T_PTR(events[i].args, &args);
		T_FALSE(events[i].asynchronous);
	}
	T_STR(events[0].site, "");
	T_UINT(events[0].handle.serial, 0);
	T_HAS(events[3].site, "test_inspect.c:");
	T_UINT(events[3].handle.serial, handle.serial);
	T_TRUE(events[5].elapsed_ns >= events[2].elapsed_ns + events[4].elapsed_ns);
	T_OK(peal_scope_end(&all));
}

static int send_inside(struct peal_call *call, const struct beat_args *args)
{
	if (args->number > 0)
		T_OK(PEAL_SEND(beat, NULL, .number = args->number - 1));
	(void)call;
	return 0;
}

TEST(nested_sends_are_traced_with_their_depth)
{
	event_count = 0;
	T_OK(PEAL_CONNECT(beat, send_inside));
	peal_set_trace(keep_event, &event_count);
	T_OK(PEAL_SEND(beat, NULL, .number = 1));
	peal_set_trace(NULL, NULL);
	T_UINT(event_count, 8);
	event_is(0, PEAL_TRACE_SEND, "", 0, 0);
	event_is(1, PEAL_TRACE_CALL, "send_inside", 0, 0);
	event_is(2, PEAL_TRACE_SEND, "", 1, 0);
	event_is(3, PEAL_TRACE_CALL, "send_inside", 1, 0);
	event_is(4, PEAL_TRACE_RETURN, "send_inside", 1, 0);
	event_is(5, PEAL_TRACE_SENT, "", 1, 0);
	event_is(6, PEAL_TRACE_RETURN, "send_inside", 0, 0);
	event_is(7, PEAL_TRACE_SENT, "", 0, 0);
	T_OK(PEAL_DISCONNECT(beat, send_inside));
}

TEST(a_muted_receiver_is_traced_as_muted)
{
	event_count = 0;
	T_OK(PEAL_CONNECT(beat, hear, .scope = &all));
	T_OK(PEAL_CONNECT(beat, fail, .scope = &all));
	peal_set_trace(keep_event, &event_count);
	PEAL_MUTE(beat, hear) {
		T_OK(PEAL_SEND(beat, NULL, .number = 0));
	}
	peal_set_trace(NULL, NULL);
	T_UINT(event_count, 5);
	event_is(0, PEAL_TRACE_SEND, "", 0, 0);
	event_is(1, PEAL_TRACE_MUTED, "hear", 0, 0);
	event_is(2, PEAL_TRACE_CALL, "fail", 0, 0);
	event_is(3, PEAL_TRACE_RETURN, "fail", 0, 0);
	event_is(4, PEAL_TRACE_SENT, "", 0, 0);
	T_OK(peal_scope_end(&all));
}

TEST(nobody_hears_nothing_is_traced)
{
	event_count = 0;
	peal_set_trace(keep_event, &event_count);
	T_OK(PEAL_SEND(beat, NULL, .number = 0));
	peal_set_trace(NULL, NULL);
	T_UINT(event_count, 0);
	T_OK(PEAL_CONNECT(beat, hear));
	T_OK(PEAL_SEND(beat, NULL, .number = 0));
	T_UINT(event_count, 0); /* NULL has taken the hook away */
	T_OK(PEAL_DISCONNECT(beat, hear));
}

static int heard_in_trace;

static int hear_in_trace(struct peal_call *call, const struct other_args *args)
{
	(void)call;
	(void)args;
	heard_in_trace++;
	return 0;
}

static void trace_and_send(void *user, const struct peal_trace_event *event)
{
	struct peal_handle handle;

	(void)user;
	T_PTR(event->signal, &beat); /* its own sends are not traced */
	T_OK(PEAL_CONNECT(other, hear_in_trace, .ret_handle = &handle));
	T_OK(PEAL_SEND(other, NULL, .number = 1));
	T_CODE(peal_disconnect_deferred(handle), PEAL_OK);
}

TEST(the_hook_may_send_connect_and_disconnect)
{
	heard_in_trace = 0;
	T_OK(PEAL_CONNECT(beat, hear));
	peal_set_trace(trace_and_send, NULL);
	T_OK(PEAL_SEND(beat, NULL, .number = 0));
	peal_set_trace(NULL, NULL);
	T_INT(heard_in_trace, 4);
	T_OK(PEAL_DISCONNECT(beat, hear));
}

TEST(sends_of_other_threads_are_traced_in_their_thread)
{
	struct helper helper;

	event_count = 0;
	T_OK(PEAL_CONNECT(beat, hear));
	peal_set_trace(keep_event, &event_count);
	helper_start(&helper, send_beat, NULL);
	helper_join(&helper);
	peal_set_trace(NULL, NULL);
	T_UINT(event_count, 4);
	T_OK(PEAL_DISCONNECT(beat, hear));
}

static void done_at_once(struct peal_task *task, const struct beat_args *args)
{
	(void)args;
	peal_task_done(task, 0, NULL);
}

TEST(an_asynchronous_receiver_is_traced_as_such)
{
	event_count = 0;
	T_OK(PEAL_CONNECT_ASYNC(beat, done_at_once, .scope = &all));
	peal_set_trace(keep_event, &event_count);
	T_OK(PEAL_SEND(beat, NULL, .number = 0));
	peal_set_trace(NULL, NULL);
	T_UINT(event_count, 4);
	event_is(0, PEAL_TRACE_SEND, "", 0, 0);
	event_is(1, PEAL_TRACE_CALL, "done_at_once", 0, 0);
	event_is(2, PEAL_TRACE_RETURN, "done_at_once", 0, 0);
	event_is(3, PEAL_TRACE_SENT, "", 0, 0);
	T_TRUE(events[1].asynchronous && events[2].asynchronous);
	T_OK(peal_scope_end(&all));
}
