/* SPDX-License-Identifier: MIT */
#include "exam.h"

#include "models.h"

PEAL_SIGNAL_DEFINE(exam_result_published);

int publish_results(char at_least, struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&student_model);
	struct student *student;
	struct peal_rows *rows;
	char grade[] = { at_least, '\0' };
	int r;

	peal_query_filter(query, PEAL_WITH(PEAL_WHERE(student_model, grade, lte, grade)));
	peal_query_order_by(query, "number");
	r = peal_query_all(query, &rows, error);
	peal_query_free(query);
	if (r < 0)
		return r;
	PEAL_EACH(student_model, student, rows) {
		r = PEAL_SEND_ERROR(exam_result_published, NULL, error,
				    .student_name = student->name, .grade = student->grade[0]);
		if (r < 0)
			break;
	}
	peal_rows_free(rows);
	return r;
}
