/* SPDX-License-Identifier: MIT */
/*
 * The operation fuzzer: fuzz_ops.h.
 *
 * An operation runs in the library first, then in the model. Both write down what happens: who is called (the Nth
 * connection), what each function returns, what a snapshot shows. The two records must be the same, and so must the
 * release functions that were called meanwhile, in whatever order. Receivers do operations as well, those of
 * their user's script; since both sides have the same scripts, both do the same if the library is right.
 */
#include "fuzz_ops.h"
#include "reference.h"

#include <peal/peal.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	SIGNALS = 4, /* places for them; those in the first two are static */
	STATICS = 2,
	FUNCTIONS = 4,
	USERS = 8,
	SENDERS = 16, /* enough for a table to grow */
	SCOPES = 4,
	SLOTS = 16, /* places for handles */
	SCRIPT_MAX = 4,
	OPS_MAX = 400,    /* of one input */
	NESTED_MAX = 150, /* operations inside one operation */
	SCRIPT_DEPTH = 4,
	EVENTS_MAX = 32768,
	EVENTS_ENOUGH = 8192, /* scripts do not go on */
	MUTES_AT_TOP = REF_MUTES - SCRIPT_DEPTH,
	DEPTH_LIMIT = 64,
	ERRNO = 4711,
	MAGIC = 0x5045414c,
	EXTRA = 77,
};

struct op {
	uint8_t op, a, b, c;
};

enum event_kind {
	CALL,
	ANSWER,
	CODE,
	NUMBER,
	SEEN
};
static const char *const event_names[] = { "call", "answer", "code", "number", "seen" };

struct event {
	enum event_kind kind;
	int a, b;
};

/* What one side has done during one operation, and its places. Connections are numbers, in the order of connecting. */
struct side {
	const char *name;
	bool library;
	struct event events[EVENTS_MAX];
	size_t event_count;
	int released[USERS];
	int scopes_ended[SCOPES];
	int slots[SLOTS];
	int signals[SIGNALS]; /* -1: none there */
	int signals_made;
	bool muted[MUTES_AT_TOP];
	int nested;
	int depth;                 /* receivers inside each other */
	int self[DEPTH_LIMIT + 1]; /* the connection that is called at each depth */
	int code, response;        /* of the receiver that is called */
};

struct fuzz_args {
	uint32_t magic;
	uint32_t extra; /* an older sender does not know it */
};

static const struct fuzz_host *host;
static struct side sides[2] = { { .name = "the library", .library = true },
				{ .name = "the model" } };
static struct reference ref;
static struct op scripts[USERS][SCRIPT_MAX];
static int script_sizes[USERS];
static size_t op_number;
static struct op op_now;
static size_t nested_total;
static size_t fail_next;
static bool failed; /* for want of memory: the model does nothing */

/* The library's side of things. */
static struct {
	struct peal_handle handle;
	int signal, function, user;
	bool release;
	int running;
} known[REF_CONNECTIONS];
static int known_count;
static struct peal_signal statics[STATICS] = {
	{ .name = "fuzz.first", .site = "fuzz_ops.c:1", .args_size = sizeof(struct fuzz_args) },
	{ .name = "fuzz.second", .site = "fuzz_ops.c:2", .args_size = sizeof(struct fuzz_args) },
};
static struct peal_signal *places[SIGNALS] = { &statics[0], &statics[1] };
static struct peal_scope scopes[SCOPES];
static struct peal_mute mutes[REF_MUTES];
static char senders[SENDERS];
static char users[USERS];
static int releases_due[USERS]; /* negative: more than due */
static int trace_depth;
static bool tracing;
static bool counting;

static const char *const uids[] = { NULL, "u1", "second uid", "" };
static const char *const names[2][2] = { { "app.Alpha", "app.ALPHA" }, { "app.Beta", "app.beta" } };
static const int priorities[] = { 0, 0, 5, -5 };

/* ------------------------------------------------------------------------------------------------------- records */

static void wrong(const struct side *side, const char *what, int a, int b)
{
	char message[256];

	snprintf(message, sizeof(message), "operation %zu (%d %d %d %d), %s: %s (%d, %d)",
		 op_number, op_now.op, op_now.a, op_now.b, op_now.c, side->name, what, a, b);
	host->fail(message);
}

static void note(struct side *side, enum event_kind kind, int a, int b)
{
	if (side->event_count == EVENTS_MAX)
		wrong(side, "too many events", 0, 0);
	side->events[side->event_count++] = (struct event){ kind, a, b };
}

static void compare(void)
{
	const struct side *library = &sides[0];
	const struct side *model = &sides[1];

	for (size_t i = 0; i < library->event_count || i < model->event_count; i++) {
		const struct event *l = &library->events[i];
		const struct event *m = &model->events[i];

		if (i >= library->event_count)
			wrong(library, "nothing, where the model has an event", (int)i,
			      (int)m->kind);
		if (i >= model->event_count)
			wrong(library, "an event that the model does not have", (int)i,
			      (int)l->kind);
		if (l->kind != m->kind || l->a != m->a || l->b != m->b) {
			char message[256];

			snprintf(
				message, sizeof(message),
				"operation %zu (%d %d %d %d), event %zu: the library has %s %d %d, the model %s "
				"%d %d",
				op_number, op_now.op, op_now.a, op_now.b, op_now.c, i,
				event_names[l->kind], l->a, l->b, event_names[m->kind], m->a, m->b);
			host->fail(message);
		}
	}
	for (int i = 0; i < USERS; i++)
		if (library->released[i] != model->released[i])
			wrong(library, "releases of a user, and the model's", library->released[i],
			      model->released[i]);
	for (int i = 0; i < SCOPES; i++)
		if (library->scopes_ended[i] != model->scopes_ended[i])
			wrong(library, "releases of a scope, and the model's",
			      library->scopes_ended[i], model->scopes_ended[i]);
	if (trace_depth)
		wrong(library, "traced sends that did not end", trace_depth, 0);
}

/* ----------------------------------------------------------------------------------------------- receivers called */

static void do_op(struct side *side, const struct op *op);

/* What a receiver does, on either side. */
static int act(struct side *side, int id, int user)
{
	int code;

	note(side, CALL, id, side->depth);
	side->self[side->depth++] = id;
	side->code = PEAL_OK;
	side->response = 0;
	if (side->depth <= SCRIPT_DEPTH)
		for (int i = 0; i < script_sizes[user] && side->nested < NESTED_MAX &&
				side->event_count < EVENTS_ENOUGH;
		     i++) {
			int code_so_far = side->code;
			int response_so_far = side->response;

			side->nested++;
			do_op(side, &scripts[user][i]);
			if (scripts[user][i].op % FUZZ_OP_COUNT != FUZZ_RETURN)
				side->code = code_so_far;
			if (scripts[user][i].op % FUZZ_OP_COUNT != FUZZ_RESPOND)
				side->response = response_so_far;
		}
	side->depth--;
	code = side->code;
	return code;
}

static int model_call(int id)
{
	return act(&sides[1], id, ref.all[id].user);
}

static void model_released(int user)
{
	sides[1].released[user]++;
}

static void model_scope_ended(int scope)
{
	sides[1].scopes_ended[scope]++;
}

static int id_of(struct peal_handle handle)
{
	for (int i = known_count; i-- > 0;)
		if (known[i].handle.serial == handle.serial && known[i].handle.slot == handle.slot)
			return i;
	return -1;
}

static int user_of(const void *user)
{
	return user ? (int)((const char *)user - users) : 0;
}

static int receive(struct peal_call *call, const struct fuzz_args *args, int function, bool old)
{
	struct side *side = &sides[0];
	int id = id_of(peal_call_handle(call));
	int code;

	if (id < 0)
		wrong(side, "an unknown connection is called", (int)peal_call_handle(call).slot,
		      function);
	if (known[id].function != function || known[id].user != user_of(call->user))
		wrong(side, "called with another function or user", id, function);
	if ((int)peal_call_depth(call) != side->depth)
		wrong(side, "depth", (int)peal_call_depth(call), side->depth);
	if (args->magic != MAGIC || (!old && args->extra != EXTRA && args->extra != 0))
		wrong(side, "arguments", (int)args->magic, 0);
	if (!peal_is_connected(known[id].handle))
		wrong(side, "a connection is called that has ended", id, 0);
	errno = 1;
	known[id].running++;
	code = act(side, id, known[id].user);
	known[id].running--;
	if (side->response & 1)
		(void)peal_call_respond(call, PEAL_TEXT(&"0123456789"[side->response % 10]));
	else if (side->response)
		(void)peal_call_respond(call, PEAL_INT(side->response));
	return code;
}

#define RECEIVER(n_)                                                                  \
	static int receive_##n_(struct peal_call *call, const struct fuzz_args *args) \
	{                                                                             \
		return receive(call, args, n_, false);                                \
	}
RECEIVER(0)
RECEIVER(1)
RECEIVER(2)
RECEIVER(3)
static peal_function *const functions[FUNCTIONS] = { (peal_function *)receive_0,
						     (peal_function *)receive_1,
						     (peal_function *)receive_2,
						     (peal_function *)receive_3 };

/* Releases are due for connections that have ended and do not run; which of several is not told. */
static void released(void *user)
{
	struct side *side = &sides[0];
	int number = user_of(user);
	int due = 0;

	for (int i = 0; i < known_count; i++)
		due += known[i].release && known[i].user == number && !known[i].running &&
		       !peal_is_connected(known[i].handle);
	if (++releases_due[number] > due)
		wrong(side, "a release too early or twice", number, due);
	side->released[number]++;
}

static void scope_ended(void *scope)
{
	int number = (int)((struct peal_scope *)scope - scopes);

	sides[0].scopes_ended[number]++;
}

static void traced(void *user, const struct peal_trace_event *event)
{
	(void)user;
	trace_depth += (event->kind == PEAL_TRACE_SEND) - (event->kind == PEAL_TRACE_SENT);
	trace_depth += (event->kind == PEAL_TRACE_CALL) - (event->kind == PEAL_TRACE_RETURN);
}

/* ---------------------------------------------------------------------------------------------------- operations */

static struct ref_connection described(const struct side *side, const struct op *op)
{
	bool named = op->b >> 6 & 1;

	return (struct ref_connection){
		.signal = side->signals[op->a & 3],
		.function = op->a >> 2 & 3,
		.user = op->a >> 4 & 7,
		.release = op->a >> 7,
		.sender = named ? op->b >> 3 & 1 : op->b & 15, /* a name and a sender: refused */
		.name = named ? 1 + (op->b & 1) : 0,
		.uid = (op->b >> 4 & 3) % 3, /* the fourth is the empty one */
		.scope = op->c & 3,
		.priority = priorities[op->c >> 2 & 3],
	};
}

static struct peal_connection connection(const struct op *op)
{
	struct ref_connection like = described(&sides[0], op);

	return (struct peal_connection){
		.size = sizeof(struct peal_connection),
		.receiver = functions[like.function],
		.site = "fuzz_ops.c:100:receiver, options",
		.args_size = op->b >> 7 ? sizeof(uint32_t) : sizeof(struct fuzz_args),
		.sender = like.sender ? &senders[like.sender] : NULL,
		.sender_name = like.name ? names[like.name - 1][op->b >> 1 & 1] : NULL,
		.user = like.user ? &users[like.user] : NULL,
		.release = like.release ? released : NULL,
		.uid = uids[op->b >> 4 & 3],
		.scope = like.scope ? &scopes[like.scope] : NULL,
		.priority = like.priority,
	};
}

/* a: signal, function, user, release; b: sender or name, uid, named, old; c: scope, priority, slot */
static void do_connect(struct side *side, const struct op *op)
{
	struct ref_connection like = described(side, op);
	int id = -1;
	int code = PEAL_EINVAL;

	if (like.signal < 0 || (side->library ? known_count : ref.count) == REF_CONNECTIONS)
		return;
	if (side->library) {
		struct peal_connection options = connection(op);
		struct peal_handle handle = { 0 };

		options.ret_handle = &handle;
		code = peal_connect(places[op->a & 3], &options);
		failed = code == PEAL_ENOMEM;
		if (code == PEAL_OK || code == PEAL_PENDING) {
			known[known_count].handle = handle;
			known[known_count].signal = like.signal;
			known[known_count].function = like.function;
			known[known_count].user = like.user;
			known[known_count].release = like.release;
			known[known_count++].running = 0;
		}
		id = code >= 0 ? id_of(handle) : -1;
	} else if (!(like.sender && like.name) && !ref.ending[like.scope]) {
		code = ref_connect(&ref, like, &id);
	}
	if (id >= 0)
		side->slots[op->c >> 4] = id;
	note(side, CODE, code, id);
}

static int disconnect(struct side *side, int id, bool wait)
{
	if (!side->library)
		return ref_disconnect(&ref, id, wait);
	return wait ? peal_disconnect(known[id].handle)
		    : peal_disconnect_deferred(known[id].handle);
}

/* a: slot, wait */
static void do_disconnect(struct side *side, const struct op *op)
{
	int id = side->slots[op->a & 15];

	if (id >= 0)
		note(side, CODE, disconnect(side, id, op->a >> 7), id);
}

/* as connect, but c: wait */
static void do_disconnect_like(struct side *side, const struct op *op)
{
	struct ref_connection like = described(side, op);
	int code = PEAL_EINVAL;

	if (like.signal < 0)
		return;
	if (side->library)
		code = peal_disconnect_like(places[op->a & 3], connection(op), op->c & 1);
	else if (!(like.sender && like.name))
		code = ref_find(&ref, like) < 0
			       ? PEAL_NOT_FOUND
			       : ref_disconnect(&ref, ref_find(&ref, like), op->c & 1);
	note(side, CODE, code, 0);
}

static void note_answers(struct side *side, const struct peal_results *results)
{
	for (size_t i = 0; i < results->count; i++)
		note(side, ANSWER, id_of(results->items[i].handle), results->items[i].code);
}

static void asend_done(void *user, int code, const struct peal_results *results)
{
	note_answers(user, results);
	note(user, NUMBER, code, 0);
}

enum send_kind {
	PLAIN,
	COLLECT,
	ROBUST,
	ROBUST_SILENT,
	SHORT,
	ASEND,
	ASEND_ROBUST,
	SEND_KINDS
};

static int library_send(struct side *side, struct peal_signal *signal, const void *sender, int kind)
{
	struct fuzz_args args = { MAGIC, EXTRA };
	struct peal_results results = { 0 };
	int code;

	if (kind == PLAIN)
		return peal_signal_is_heard(signal) ? peal_send(signal, sender, &args, sizeof(args))
						    : 0;
	if (kind == SHORT)
		return peal_signal_is_heard(signal)
			       ? peal_send(signal, sender, &args, sizeof(args.magic))
			       : 0;
	if (kind >= ASEND)
		return peal_asend(signal, sender, &args, sizeof(args),
				  kind == ASEND ? PEAL_SEND_STOP : PEAL_SEND_ALL, asend_done, side);
	if (kind == ROBUST_SILENT)
		return peal_send_with(signal, sender, &args, sizeof(args), PEAL_SEND_ALL, NULL,
				      NULL);
	code = peal_send_with(signal, sender, &args, sizeof(args),
			      kind == ROBUST ? PEAL_SEND_ALL : PEAL_SEND_STOP, &results, NULL);
	note_answers(side, &results);
	peal_results_fini(&results);
	return code;
}

static int model_send(struct side *side, int signal, int sender, int kind)
{
	bool all = kind == ROBUST || kind == ROBUST_SILENT || kind == ASEND_ROBUST;
	struct ref_answers answers = { .count = 0 };
	int code = ref_send(&ref, signal, sender, all, &answers);

	if (kind == PLAIN || kind == SHORT || kind == ROBUST_SILENT)
		return code;
	for (int i = 0; i < answers.count; i++)
		note(side, ANSWER, answers.ids[i], answers.codes[i]);
	if (kind < ASEND || code == PEAL_EDEPTH)
		return code;
	note(side, NUMBER, code, 0);
	return PEAL_OK;
}

/* a: signal; b: sender; c: kind */
static void do_send(struct side *side, const struct op *op)
{
	int signal = side->signals[op->a & 3];
	int sender = op->b & 15;
	int kind = op->c % SEND_KINDS;
	int code;

	if (signal < 0)
		return;
	errno = ERRNO;
	code = side->library ? library_send(side, places[op->a & 3],
					    sender ? &senders[sender] : NULL, kind)
			     : model_send(side, signal, sender, kind);
	if (errno != ERRNO)
		wrong(side, "errno", errno, ERRNO);
	note(side, CODE, code, 0);
}

/* a: scope, wait */
static void do_scope_end(struct side *side, const struct op *op)
{
	int scope = op->a & 3;
	bool wait = op->a >> 7;
	int code;

	if (!scope)
		return;
	if (side->library)
		code = wait ? peal_scope_end(&scopes[scope])
			    : peal_scope_end_deferred(&scopes[scope], scope_ended, &scopes[scope]);
	else if (ref.ending[scope] && !(wait && ref.depth))
		code = PEAL_EBUSY;
	else
		code = ref_scope_end(&ref, scope, wait);
	note(side, CODE, code, 0);
}

static void mute_begin(struct side *side, int number, struct ref_mute mute)
{
	if (side->library) {
		mutes[number] = (struct peal_mute){
			.signal = mute.signal < 0 ? NULL : &statics[mute.signal],
			.receiver = mute.function < 0 ? NULL : functions[mute.function],
			.sender = mute.sender ? &senders[mute.sender] : NULL,
			.uid = uids[mute.uid],
		};
		peal_mute_begin(&mutes[number]);
	} else {
		mute.on = true;
		ref.mutes[number] = mute;
	}
}

static void mute_end(struct side *side, int number)
{
	if (side->library) {
		peal_mute_end(&mutes[number]);
		mutes[number].internal[1] = NULL;
		note(side, NUMBER, (int)mutes[number].suppressed, number);
	} else {
		ref.mutes[number].on = false;
		note(side, NUMBER, ref.mutes[number].suppressed, number);
	}
}

/*
 * a: signal (a static one, or any), function (or any); b: sender, uid; c: which. On, or off when it is on. In a
 * receiver, with bit 7 of b: on for one send, and off.
 */
static void do_mute(struct side *side, const struct op *op)
{
	struct ref_mute mute = {
		.signal = (op->a & 3) < STATICS ? op->a & 3 : -1,
		.function = op->a & 4 ? op->a >> 3 & 3 : -1,
		.sender = op->b & 3,
		.uid = (op->b >> 2 & 3) % 3,
	};
	int number = op->c % MUTES_AT_TOP;

	if (side->depth && op->b >> 7) {
		mute_begin(side, MUTES_AT_TOP + side->depth - 1, mute);
		do_send(side, &(struct op){ FUZZ_SEND, op->a >> 6, op->b >> 4, op->c });
		mute_end(side, MUTES_AT_TOP + side->depth - 1);
		return;
	}
	if (side->muted[number])
		mute_end(side, number);
	else
		mute_begin(side, number, mute);
	side->muted[number] = !side->muted[number];
}

/* a: name; b: sender */
static void do_register(struct side *side, const struct op *op)
{
	int sender = 1 + op->b % (SENDERS - 1);
	int code = side->library ? peal_sender_register(names[op->a & 1][op->a >> 1 & 1],
							&senders[sender])
				 : ref_register(&ref, 1 + (op->a & 1), sender);

	failed = code == PEAL_ENOMEM;
	note(side, CODE, code, 0);
}

/* a: sender */
static void do_forget(struct side *side, const struct op *op)
{
	int sender = 1 + op->a % (SENDERS - 1);
	int count;

	if (side->library) {
		count = (int)peal_sender_forget(&senders[sender]);
	} else {
		for (int name = 1; name < 4; name++)
			ref.named[name] = ref.named[name] == sender ? 0 : ref.named[name];
		count = ref_end_all(&ref, -1, sender, -1);
	}
	note(side, NUMBER, count, 0);
}

/* a: place */
static void do_signal_new(struct side *side, const struct op *op)
{
	int place = STATICS + op->a % (SIGNALS - STATICS);

	if (side->signals[place] >= 0)
		return;
	if (side->library) {
		int code = peal_signal_new("fuzz.made", sizeof(struct fuzz_args), &places[place]);

		failed = code == PEAL_ENOMEM;
		if (code)
			return;
	}
	side->signals[place] = STATICS + side->signals_made++;
}

static void do_signal_free(struct side *side, const struct op *op)
{
	int place = STATICS + op->a % (SIGNALS - STATICS);
	int signal = side->signals[place];

	if (signal < 0)
		return;
	side->signals[place] = -1;
	if (side->library)
		peal_signal_free(places[place]);
	else
		ref_end_all(&ref, signal, -1, -1);
}

static int muted(const struct ref_connection *conn)
{
	int count = 0;

	for (const struct ref_mute *mute = ref.mutes; mute < ref.mutes + REF_MUTES; mute++)
		count += ref_covers(mute, conn, conn->sender ? conn->sender : mute->sender);
	return count;
}

static void library_snapshot(struct side *side, struct peal_signal *signal)
{
	struct peal_snapshot *snapshot;

	if (peal_snapshot_take(signal, &snapshot) != PEAL_OK) {
		wrong(side, "no snapshot", 0, 0);
		return;
	}
	for (size_t i = 0; i < snapshot->receiver_count; i++) {
		const struct peal_receiver_info *info = &snapshot->receivers[i];

		note(side, SEEN, id_of(info->handle), info->priority);
		note(side, SEEN, info->sender ? (int)((const char *)info->sender - senders) : 0,
		     info->pending + 2 * info->scoped + 4 * (info->uid[0] != '\0'));
		note(side, SEEN, (int)info->muted, (int)info->running);
	}
	peal_snapshot_free(snapshot);
}

/* a: signal */
static void do_snapshot(struct side *side, const struct op *op)
{
	int signal = side->signals[op->a & 3];

	if (signal < 0)
		return;
	if (side->library) {
		library_snapshot(side, places[op->a & 3]);
		return;
	}
	for (struct ref_connection *conn = ref_next(&ref, signal, REF_FIRST); conn;
	     conn = ref_next(&ref, signal, ref_rank(conn))) {
		note(side, SEEN, (int)(conn - ref.all), conn->priority);
		note(side, SEEN, conn->sender,
		     !conn->sender && conn->name ? 1 + 2 * !!conn->scope + 4 * !!conn->uid
						 : 2 * !!conn->scope + 4 * !!conn->uid);
		note(side, SEEN, muted(conn), conn->running);
	}
}

static bool hears(const struct ref_connection *conn, int sender)
{
	return conn->state == REF_CONNECTED && (!conn->sender || conn->sender == sender);
}

/* a: signal, slot; b: scope, name */
static void do_ask(struct side *side, const struct op *op)
{
	int signal = side->signals[op->a & 3];
	int id = side->slots[op->a >> 4];
	int scope = op->b & 3;
	int name = op->b >> 2 & 1;

	if (side->library) {
		const char *sender = peal_sender_get(names[name][op->b >> 3 & 1]);

		for (int i = 0; signal >= 0 && i < 4; i++)
			note(side, NUMBER,
			     peal_has_receivers(places[op->a & 3], i ? &senders[i] : NULL), i);
		if (signal >= 0)
			note(side, NUMBER, (int)places[op->a & 3]->listeners, -1);
		note(side, NUMBER, id >= 0 && peal_is_connected(known[id].handle), -2);
		note(side, NUMBER, (int)peal_scope_size(&scopes[scope]), -3);
		note(side, NUMBER, sender ? (int)(sender - senders) : 0, -4);
		return;
	}
	for (int i = 0; signal >= 0 && i < 4; i++) {
		bool heard = false;

		for (int k = 0; k < ref.count; k++)
			heard |= ref.all[k].signal == signal && hears(&ref.all[k], i);
		note(side, NUMBER, heard, i);
	}
	if (signal >= 0) {
		int listeners = 0;

		for (int k = 0; k < ref.count; k++)
			listeners +=
				ref.all[k].signal == signal && ref.all[k].state == REF_CONNECTED;
		note(side, NUMBER, listeners, -1);
	}
	note(side, NUMBER, id >= 0 && ref.all[id].state <= REF_CONNECTED, -2);
	id = 0;
	for (int k = 0; scope && k < ref.count; k++)
		id += ref.all[k].scope == scope && ref.all[k].state <= REF_CONNECTED;
	note(side, NUMBER, id, -3);
	note(side, NUMBER, ref.named[1 + name], -4);
}

/* a: limit. Not inside a send. */
static void do_depth(struct side *side, const struct op *op)
{
	int limit = 1 + op->a % 6;

	if (side->depth)
		return;
	if (side->library)
		note(side, CODE, peal_set_depth_limit((unsigned)limit), 0);
	else
		note(side, CODE, 0, 0);
	ref.depth_limit = limit;
}

/* a: trace, or count calls: on, or off when it is on. What sends do stays the same. */
static void do_watch(struct side *side, const struct op *op)
{
	if (side->depth || !side->library)
		return;
	if (op->a & 1) {
		tracing = !tracing;
		peal_set_trace(tracing ? traced : NULL, NULL);
	} else {
		if (peal_count_calls(!counting) == PEAL_OK)
			counting = !counting;
	}
}

static void do_disconnect_self(struct side *side, const struct op *op)
{
	(void)op;
	if (side->depth)
		note(side, CODE, disconnect(side, side->self[side->depth - 1], op->a & 1), 0);
}

static void do_op(struct side *side, const struct op *op)
{
	nested_total++;
	switch ((enum fuzz_op)(op->op % FUZZ_OP_COUNT)) {
	case FUZZ_CONNECT:
		do_connect(side, op);
		break;
	case FUZZ_DISCONNECT:
		do_disconnect(side, op);
		break;
	case FUZZ_DISCONNECT_LIKE:
		do_disconnect_like(side, op);
		break;
	case FUZZ_SEND:
		do_send(side, op);
		break;
	case FUZZ_SCOPE_END:
		do_scope_end(side, op);
		break;
	case FUZZ_MUTE:
		do_mute(side, op);
		break;
	case FUZZ_REGISTER:
		do_register(side, op);
		break;
	case FUZZ_FORGET:
		do_forget(side, op);
		break;
	case FUZZ_SIGNAL_NEW:
		do_signal_new(side, op);
		break;
	case FUZZ_SIGNAL_FREE:
		do_signal_free(side, op);
		break;
	case FUZZ_TRIM:
		if (side->library)
			peal_trim();
		break;
	case FUZZ_SNAPSHOT:
		do_snapshot(side, op);
		break;
	case FUZZ_ASK:
		do_ask(side, op);
		break;
	case FUZZ_DEPTH:
		do_depth(side, op);
		break;
	case FUZZ_WATCH:
		do_watch(side, op);
		break;
	case FUZZ_RETURN:
		side->code = op->a & 1 ? PEAL_ERECEIVER : op->a & 2 ? 42 : PEAL_OK;
		break;
	case FUZZ_RESPOND:
		side->response = op->a;
		break;
	case FUZZ_DISCONNECT_SELF:
		do_disconnect_self(side, op);
		break;
	case FUZZ_SCRIPT: /* these two are not for receivers */
	case FUZZ_FAIL:
	case FUZZ_OP_COUNT:
		break;
	}
}

/* --------------------------------------------------------------------------------------------------------- an input */

static void side_begin(struct side *side)
{
	side->event_count = 0;
	side->nested = 0;
	memset(side->released, 0, sizeof(side->released));
	memset(side->scopes_ended, 0, sizeof(side->scopes_ended));
}

/* One operation on both sides, and what can be seen after it. */
static void do_both(const struct op *op)
{
	bool failing =
		fail_next && host->fail_allocation &&
		(op->op == FUZZ_CONNECT || op->op == FUZZ_REGISTER || op->op == FUZZ_SIGNAL_NEW);

	op_number++;
	op_now = *op;
	failed = false;
	for (int i = 0; i < 2; i++)
		side_begin(&sides[i]);
	if (failing)
		host->fail_allocation(fail_next);
	do_op(&sides[0], op);
	if (failing) {
		host->fail_allocation(0);
		fail_next = 0;
	}
	if (failed)
		side_begin(&sides[0]);
	else
		do_op(&sides[1], op);
	for (uint8_t i = 0; i < SIGNALS; i++)
		for (int side = 0; side < 2; side++) {
			struct op ask = { FUZZ_ASK, (uint8_t)(i | op_number << 4), (uint8_t)(i * 5),
					  0 };

			do_ask(&sides[side], &ask);
			if (op_number % 8 == 0)
				do_snapshot(&sides[side], &ask);
		}
	compare();
}

static void begin(void)
{
	memset(&ref, 0, sizeof(ref));
	ref.call = model_call;
	ref.released = model_released;
	ref.scope_ended = model_scope_ended;
	ref.depth_limit = DEPTH_LIMIT;
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < SIGNALS; k++)
			sides[i].signals[k] = k < STATICS ? k : -1;
		for (int k = 0; k < SLOTS; k++)
			sides[i].slots[k] = -1;
		sides[i].signals_made = 0;
		sides[i].depth = 0;
	}
	memset(script_sizes, 0, sizeof(script_sizes));
	memset(releases_due, 0, sizeof(releases_due));
	known_count = 0;
	op_number = nested_total = 0;
	fail_next = 0;
}

/* Everything away, by both sides; nothing of the library's memory may be left. */
static void finish(size_t bytes_before)
{
	memset(script_sizes, 0, sizeof(script_sizes));
	for (uint8_t i = 0; i < MUTES_AT_TOP; i++)
		if (sides[0].muted[i])
			do_both(&(struct op){ FUZZ_MUTE, 0, 0, i });
	if (tracing)
		do_both(&(struct op){ FUZZ_WATCH, 1, 0, 0 });
	if (counting)
		do_both(&(struct op){ FUZZ_WATCH, 0, 0, 0 });
	for (uint8_t i = 0; i < SIGNALS; i++)
		do_both(&(struct op){ FUZZ_SEND, i, 1, ROBUST });
	for (uint8_t i = 0; i < SIGNALS - STATICS; i++)
		do_both(&(struct op){ FUZZ_SIGNAL_FREE, i, 0, 0 });
	for (uint8_t i = 0; i < SENDERS - 1; i++)
		do_both(&(struct op){ FUZZ_FORGET, i, 0, 0 });
	for (int i = 0; i < known_count; i++) {
		sides[0].slots[0] = sides[1].slots[0] = i;
		do_both(&(struct op){ FUZZ_DISCONNECT, 0x80, 0, 0 });
	}
	if (peal_set_depth_limit(DEPTH_LIMIT) != PEAL_OK)
		wrong(&sides[0], "depth limit", 0, 0);
	if (peal_trim() != bytes_before)
		wrong(&sides[0], "bytes left in use, and before", (int)peal_trim(),
		      (int)bytes_before);
}

size_t fuzz_ops_run(const struct fuzz_host *fuzz_host, const uint8_t *data, size_t size)
{
	size_t bytes_before = peal_trim();
	size_t count = 0;

	host = fuzz_host;
	begin();
	while (size >= sizeof(struct op) && count++ < OPS_MAX) {
		struct op op = { data[0] % FUZZ_OP_COUNT, data[1], data[2], data[3] };

		data += sizeof(op);
		size -= sizeof(op);
		if (op.op == FUZZ_FAIL) {
			fail_next = 1 + op.a % 8;
		} else if (op.op == FUZZ_SCRIPT) {
			int user = op.a % USERS;

			script_sizes[user] = 0;
			while (script_sizes[user] < op.b % (SCRIPT_MAX + 1) && size >= sizeof(op)) {
				memcpy(&scripts[user][script_sizes[user]++], data, sizeof(op));
				data += sizeof(op);
				size -= sizeof(op);
			}
		} else {
			do_both(&op);
		}
	}
	finish(bytes_before);
	return nested_total / 2;
}
