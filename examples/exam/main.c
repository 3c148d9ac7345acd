/* SPDX-License-Identifier: MIT */
/* A custom signal across files: exam.c sends it, notify.c receives it, and this file brings them together. */
#include "exam.h"
#include "notify.h"

#include <stdio.h>

static void publish(const char *student_name, char grade)
{
	struct peal_error error = { 0 };

	if (exam_publish_result(student_name, grade, &error) != 0)
		printf("not published: %s says: %s\n", error.receiver, error.message);
}

int main(void)
{
	int r = notify_connect();

	if (r < 0) {
		fprintf(stderr, "exam: %s\n", peal_strerror(r));
		return 1;
	}
	publish("Rahul", 'A');
	publish("Priya", 'B');
	publish("Sam", '?');
	return 0;
}
