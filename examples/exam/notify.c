/* SPDX-License-Identifier: MIT */
/* The receivers of exam_result_published. exam.c has never heard of them. */
#include "notify.h"
#include "exam.h"

#include <stdio.h>

static int check_grade(struct peal_call *call, const struct exam_result_published_args *args)
{
	if (args->grade >= 'A' && args->grade <= 'F')
		return 0;
	return peal_error_set(call->error, PEAL_EINVAL, "there is no grade '%c'", args->grade);
}

static int notify_student(struct peal_call *call, const struct exam_result_published_args *args)
{
	(void)call;
	printf("Notifying %s: your grade is %c\n", args->student_name, args->grade);
	return 0;
}

static int praise(struct peal_call *call, const struct exam_result_published_args *args)
{
	(void)call;
	if (args->grade == 'A')
		printf("%s is on the list of honour\n", args->student_name);
	return 0;
}

/* What @receiver is in Django: the table is the decorator, peal_receivers_connect() the ready(). */
static const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(exam_result_published, notify_student),
	PEAL_RECEIVER(exam_result_published, praise),
	PEAL_RECEIVER(exam_result_published, check_grade, .priority = 10), /* before the others */
};

int notify_connect(void)
{
	return peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), NULL);
}
