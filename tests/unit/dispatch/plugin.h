/* SPDX-License-Identifier: MIT */
/* What test_plugin.c and the plug-in that it loads know of each other. */
#ifndef PEAL_TEST_PLUGIN_H
#define PEAL_TEST_PLUGIN_H

#include <peal/dispatch.h>

struct host_args {
	int number;
};
PEAL_SIGNAL_TYPE(host);

struct said_args {
	int number;
};
PEAL_SIGNAL_DECLARE(said);

enum {
	PLUGIN_CONNECTIONS = 5
};

/* The symbol "plugin" of the module. */
struct plugin {
	/* Make PLUGIN_CONNECTIONS connections, four to the signal of the host, one to its own. */
	int (*start)(struct peal_signal *host, int *calls, int *releases);
	/* A receiver for struct host_args that calls back, with a function for user data. */
	host_fn *call_back;
	void (*release)(void *user);
	struct peal_signal *said;
	int (*say)(int number);
};

struct call_back {
	void (*function)(void *user);
	void *user;
};

#endif
