/* SPDX-License-Identifier: MIT */
#include "public_signals.h"

PEAL_SIGNAL_DEFINE(exam_passed);
PEAL_SIGNAL_DEFINE_PUBLIC(door_opened);

int exam_pass(const char *student, int grade)
{
	return PEAL_SEND(exam_passed, student, .student = student, .grade = grade);
}
