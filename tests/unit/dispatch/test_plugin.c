/* SPDX-License-Identifier: MIT */
/* peal_disconnect_module(): what a plug-in has connected goes before its code does. */
#include "plugin.h"

#include "contract.h"

#include <dlfcn.h>

static struct peal_signal *host;

static int hear_host(struct peal_call *call, const struct host_args *args)
{
	(void)args;
	__atomic_add_fetch((int *)call->user, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int hear_said(struct peal_call *call, const struct said_args *args)
{
	(void)args;
	__atomic_add_fetch((int *)call->user, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void release_here(void *user)
{
	__atomic_add_fetch((int *)user, 1, __ATOMIC_SEQ_CST);
}

static const struct plugin *load(void **ret_module)
{
	const struct plugin *plugin;

	*ret_module = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
	if (!*ret_module)
		T_FAIL("%s", dlerror());
	plugin = dlsym(*ret_module, "plugin");
	T_TRUE(plugin != NULL);
	return plugin;
}

/* The module must be gone, or the test shows nothing. */
static void unload(void *module)
{
	T_INT(dlclose(module), 0);
	module = dlopen(PLUGIN, RTLD_NOW | RTLD_NOLOAD);
	T_TRUE(module == NULL);
}

static void host_begin(void)
{
	T_OK(peal_signal_new("host", sizeof(struct host_args), &host));
}

static void host_end(void)
{
	peal_signal_free(host);
}

TEST(all_connections_of_a_module_end)
{
	const struct plugin *plugin;
	struct peal_snapshot *snapshot;
	struct peal_handle by_release;
	struct peal_handle by_signal;
	size_t count = 0;
	int calls = 0;
	int releases = 0;
	int heard = 0;
	void *module;

	host_begin();
	plugin = load(&module);
	T_OK(PEAL_CONNECT_TO(host, host, hear_host, .user = &heard, .uid = "stays"));
	T_OK(plugin->start(host, &calls, &releases));
	/* A receiver here, with a release function there; and one here of the signal there. */
	T_OK(PEAL_CONNECT_TO(host, host, hear_host, .user = &releases, .uid = "release",
			     .sender = &heard, .release = plugin->release,
			     .ret_handle = &by_release));
	T_OK(PEAL_CONNECT_TO(said, plugin->said, hear_said, .user = &heard, .release = release_here,
			     .ret_handle = &by_signal));
	T_OK(PEAL_SEND_TO(host, host, host, .number = 1));
	T_INT(calls, 2);
	T_INT(heard, 1);
	T_OK(plugin->say(10));
	T_INT(calls, 12);
	T_INT(heard, 2);
	T_OK(peal_disconnect_module(plugin, &count));
	T_UINT(count, PLUGIN_CONNECTIONS + 2);
	T_INT(releases, 2);
	T_INT(heard, 3);
	T_FALSE(peal_is_connected(by_release));
	T_FALSE(peal_is_connected(by_signal));
	T_OK(peal_disconnect_module(plugin, &count));
	T_UINT(count, 0);
	T_OK(peal_disconnect_module(plugin, NULL));
	unload(module);
	/* Everything that looks at what there is must not find the module. */
	T_OK(peal_snapshot_take(NULL, &snapshot));
	for (size_t i = 0; i < snapshot->signal_count; i++)
		T_TRUE(strcmp(snapshot->signals[i].name, "said") != 0);
	T_UINT(snapshot->receiver_count, 1);
	T_STR(snapshot->receivers[0].uid, "stays");
	peal_snapshot_free(snapshot);
	T_OK(PEAL_SEND_TO(host, host, host, .number = 1));
	T_INT(heard, 4);
	T_INT(calls, 12);
	T_UINT(peal_sender_forget(host), 0);
	T_UINT(peal_sender_forget(&heard), 0);
	T_OK(PEAL_CONNECT_TO(host, host, hear_host, .user = &heard, .uid = "another"));
	host_end();
	peal_trim();
}

TEST(a_module_may_be_loaded_again)
{
	const struct plugin *plugin;
	size_t count;
	int calls = 0;
	int releases = 0;
	void *module;

	host_begin();
	for (int i = 1; i <= 3; i++) {
		plugin = load(&module);
		T_OK(plugin->start(host, &calls, &releases));
		T_OK(PEAL_SEND_TO(host, host, host, .number = 1));
		T_INT(calls, 2 * i);
		T_OK(peal_disconnect_module(plugin, &count));
		T_UINT(count, PLUGIN_CONNECTIONS);
		T_INT(releases, i);
		unload(module);
	}
	host_end();
}

static void walk_through(void *user)
{
	door_walk_through(user);
}

static int call_back_here(struct peal_call *call, const struct host_args *args)
{
	struct call_back *back = call->user;

	(void)args;
	back->function(back->user);
	return 0;
}

static void *send_host(void *argument)
{
	T_OK(PEAL_SEND_TO(host, host, argument, .number = 1));
	return NULL;
}

static void *disconnect_module(void *argument)
{
	size_t count = 0;

	T_OK(peal_disconnect_module(argument, &count));
	T_UINT(count, 1);
	return NULL;
}

TEST(it_waits_for_the_receivers_of_the_module_and_no_others)
{
	const struct plugin *plugin;
	struct call_back there;
	struct call_back here;
	struct helper disconnecter;
	struct helper sender;
	struct helper other_sender;
	struct door door;
	struct door other_door;
	int a;
	int b;
	void *module;

	host_begin();
	door_init(&door);
	door_init(&other_door);
	here = (struct call_back){ walk_through, &other_door };
	T_OK(PEAL_CONNECT_TO(host, host, call_back_here, .user = &here, .sender = &b));
	helper_start(&other_sender, send_host, &b);
	gate_pass(&other_door.entered);
	plugin = load(&module);
	there = (struct call_back){ walk_through, &door };
	T_OK(PEAL_CONNECT_TO(host, host, plugin->call_back, .user = &there, .sender = &a));
	helper_start(&sender, send_host, &a);
	gate_pass(&door.entered);
	helper_start(&disconnecter, disconnect_module, USER(plugin));
	wait_until_blocked(&disconnecter);
	T_FALSE(helper_returned(&disconnecter));
	gate_open(&door.leave);
	helper_join(&disconnecter);
	helper_join(&sender);
	unload(module); /* while the receiver here still runs */
	gate_open(&other_door.leave);
	helper_join(&other_sender);
	host_end();
}

static bool ending;

static void *send_all_the_time(void *argument)
{
	unsigned long count = 0;

	while (!__atomic_load_n(&ending, __ATOMIC_SEQ_CST)) {
		T_OK(PEAL_SEND_TO(host, host, argument, .number = 1));
		count++;
	}
	T_TRUE(count > 0);
	return NULL;
}

TEST_TIMEOUT(loaded_and_unloaded_1000_times_while_another_thread_sends, 180)
{
	struct helper sender;
	int heard = 0;
	int releases = 0;
	int total = 0;

	host_begin();
	ending = false;
	T_OK(PEAL_CONNECT_TO(host, host, hear_host, .user = &heard));
	helper_start(&sender, send_all_the_time, host);
	for (int i = 0; i < 1000; i++) {
		const struct plugin *plugin;
		size_t count;
		int calls = 0;
		void *module;

		plugin = load(&module);
		T_OK(plugin->start(host, &calls, &releases));
		/* Sometimes until it has surely been called, sometimes at once. */
		while (i % 4 == 0 && __atomic_load_n(&calls, __ATOMIC_SEQ_CST) == 0)
			sched_yield();
		T_OK(plugin->say(0));
		T_OK(peal_disconnect_module(plugin, &count));
		T_UINT(count, PLUGIN_CONNECTIONS);
		total += calls;
		unload(module);
	}
	__atomic_store_n(&ending, true, __ATOMIC_SEQ_CST);
	helper_join(&sender);
	T_INT(releases, 1000);
	T_TRUE(total >= 250);
	T_TRUE(heard > 0);
	host_end();
}

TEST(a_module_that_has_connected_nothing)
{
	size_t count = 7;
	void *module;
	const struct plugin *plugin = load(&module);

	T_OK(peal_disconnect_module(plugin, &count));
	T_UINT(count, 0);
	unload(module);
}
