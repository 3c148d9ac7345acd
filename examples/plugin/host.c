/* SPDX-License-Identifier: MIT */
/*
 * A host that loads a plug-in, rings the bell, and unloads the plug-in. What must not happen is that a receiver is
 * called whose code is gone: peal_disconnect_module() ends everything that lies in the plug-in, and waits for it.
 */
#include "bell.h"

#include <dlfcn.h>
#include <stdio.h>

PEAL_SIGNAL_DEFINE(bell_rung);

static int ring(const char *lesson)
{
	printf("host: the bell rings, %s\n",
	       peal_signal_is_heard(&bell_rung) ? "and somebody listens" : "and nobody listens");
	return PEAL_SEND(bell_rung, NULL, .lesson = lesson);
}

static int use_plugin(void *module, const struct plugin *plugin)
{
	size_t count;
	int r;

	r = peal_receivers_connect(plugin->receivers, plugin->receiver_count, NULL);
	if (r < 0)
		return r;
	printf("host: %s is loaded\n", plugin->name);
	r = ring("maths");
	if (r == 0)
		r = ring("music");
	if (r != 0)
		return r;
	r = peal_disconnect_module(plugin, &count);
	if (r < 0)
		return r;
	if (dlclose(module) != 0)
		return PEAL_ESYS;
	printf("host: unloaded, %zu receiver went with it\n", count);
	return ring("sports");
}

int main(int argc, char **argv)
{
	void *module = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	const struct plugin *plugin = module ? dlsym(module, "plugin") : NULL;
	int r;

	if (!plugin) {
		fprintf(stderr, "usage: host PLUGIN.so\n");
		return 2;
	}
	r = use_plugin(module, plugin);
	if (r != 0)
		fprintf(stderr, "host: %s\n", peal_strerror(r));
	return r != 0;
}
