/* SPDX-License-Identifier: MIT */
/* Examinations. Nothing here knows who wants to hear of a result. */
#include "exam.h"

PEAL_SIGNAL_DEFINE(exam_result_published);

int exam_publish_result(const char *student_name, char grade, struct peal_error *error)
{
	return PEAL_SEND_ERROR(exam_result_published, NULL, error, .student_name = student_name,
			       .grade = grade);
}
