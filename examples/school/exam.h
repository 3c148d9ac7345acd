/* SPDX-License-Identifier: MIT */
/* A signal of our own: whoever includes this may listen, exam.c alone may send. */
#ifndef SCHOOL_EXAM_H
#define SCHOOL_EXAM_H

#include <peal/dispatch.h>

struct exam_result_published_args {
	const char *student_name;
	char grade;
};
PEAL_SIGNAL_DECLARE(exam_result_published);

/* Send it for every student who has a grade of at least this. */
int publish_results(char at_least, struct peal_error *error);

#endif
