/* SPDX-License-Identifier: MIT */
/* What test_cpp.c and its C++ half know of each other. */
#ifndef PEAL_TEST_CPP_PARTS_H
#define PEAL_TEST_CPP_PARTS_H

#include <peal/dispatch.h>

struct thrown_args {
	int number;
};

PEAL_BEGIN_DECLS

PEAL_SIGNAL_DECLARE_PUBLIC(thrown);

enum cpp_way {
	CPP_PLAIN,
	CPP_COLLECT,
	CPP_NESTED,
	CPP_WAYS
};

/* Connect a receiver that throws args->number when it is not zero. */
int cpp_connect(void *user, void (*release)(void *user), const void *sender, bool longer);
int cpp_disconnect(void *user, const void *sender);

/* Send; the number that was thrown through the send, or 0. */
int cpp_send(enum cpp_way way, const void *sender, int number);

PEAL_END_DECLS

#endif
