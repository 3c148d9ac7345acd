/* SPDX-License-Identifier: MIT */
/* The signals of test_public.c, as a library would declare its own in a header. */
#ifndef PEAL_TEST_PUBLIC_SIGNALS_H
#define PEAL_TEST_PUBLIC_SIGNALS_H

#include <peal/dispatch.h>

struct exam_passed_args {
	const char *student;
	int grade;
};
/* Anybody may connect; only public_signals.c can send it. */
PEAL_SIGNAL_DECLARE(exam_passed);

struct door_opened_args {
	int number;
};
/* Whoever includes this may send it. */
PEAL_SIGNAL_DECLARE_PUBLIC(door_opened);

int exam_pass(const char *student, int grade);

#endif
