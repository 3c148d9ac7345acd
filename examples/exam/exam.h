/* SPDX-License-Identifier: MIT */
/*
 * Examinations: what the rest of the program may know of them.
 *
 * Everybody who includes this may listen to exam_result_published. Only exam.c can send it: in any other file
 * PEAL_SEND(exam_result_published, ...) does not compile.
 */
#ifndef EXAM_H
#define EXAM_H

#include <peal/dispatch.h>

struct exam_result_published_args {
	const char *student_name;
	char grade; /* 'A' to 'F' */
};
PEAL_SIGNAL_DECLARE(exam_result_published);

/* Publish a result. Returns 0, or what a receiver objected to, with the details in *error. */
int exam_publish_result(const char *student_name, char grade, struct peal_error *error);

#endif
