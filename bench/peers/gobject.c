/* SPDX-License-Identifier: MIT */
/*
 * GObject: g_signal_emit() with the C marshaller for one pointer, both by values and by va_list, as
 * glib-genmarshal and today's code generators set them up.
 */
#include "peer.h"

#include <glib-object.h>

struct bell {
	GObject parent;
};

struct bell_class {
	GObjectClass parent;
};

enum {
	FIRED,
	COUNTED,
	SIGNALS
};
static guint signals[SIGNALS];

static GType bell_get_type(void);
typedef struct bell Bell;
typedef struct bell_class BellClass;
G_DEFINE_TYPE(Bell, bell, G_TYPE_OBJECT)

static void bell_init(Bell *bell)
{
	(void)bell;
}

static void bell_class_init(BellClass *class)
{
	static const char *const names[SIGNALS] = { "fired", "counted" };
	GType type = G_TYPE_FROM_CLASS(class);

	for (int i = 0; i < SIGNALS; i++) {
		signals[i] = g_signal_new(names[i], type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
					  g_cclosure_marshal_VOID__POINTER, G_TYPE_NONE, 1,
					  G_TYPE_POINTER);
		g_signal_set_va_marshaller(signals[i], type, g_cclosure_marshal_VOID__POINTERv);
	}
}

static void add_amount(Bell *bell, const struct fired_args *args, long *counter)
{
	(void)bell;
	*counter += args->amount;
}

static void count_one(Bell *bell, const struct counted_args *args, void *user)
{
	(void)bell;
	(void)user;
	*args->counter += 1;
}

static void *signal_new(void)
{
	return g_object_new(bell_get_type(), NULL);
}

static void connect(void *signal, long *counter)
{
	g_signal_connect(signal, "fired", G_CALLBACK(add_amount), counter);
}

static void send_loop(void *signal, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		g_signal_emit(signal, signals[FIRED], 0, &(const struct fired_args){ .amount = 1 });
		BENCH_BARRIER();
	}
}

static void connect_loop(void *signal, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		gulong id =
			g_signal_connect(signal, "fired", G_CALLBACK(add_amount), work_counters);

		g_signal_handler_disconnect(signal, id);
	}
}

static void *counted_new(void)
{
	void *signal = signal_new();

	g_signal_connect(signal, "counted", G_CALLBACK(count_one), NULL);
	return signal;
}

static void count_loop(void *state, uint64_t count)
{
	const struct peer_thread_state *thread = state;

	for (uint64_t i = 0; i < count; i++) {
		g_signal_emit(thread->signal, signals[COUNTED], 0,
			      &(const struct counted_args){ .counter = thread->counter });
		BENCH_BARRIER();
	}
}

int main(int argc, char **argv)
{
	char version[32];
	const struct peer peer = {
		.name = "gobject",
		.version = version,
		.signal_new = signal_new,
		.connect = connect,
		.send_loop = send_loop,
		.connect_loop = connect_loop,
		.counted_new = counted_new,
		.count_loop = count_loop,
	};

	snprintf(version, sizeof(version), "GLib %u.%u.%u", glib_major_version, glib_minor_version,
		 glib_micro_version);
	return peer_main(argc, argv, &peer);
}
