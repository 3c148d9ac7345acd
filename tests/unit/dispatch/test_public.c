/* SPDX-License-Identifier: MIT */
/* Signals across files: declared in public_signals.h, defined in public_signals.c, heard here. */
#include "public_signals.h"

#include "contract.h"

static int celebrate(struct peal_call *call, const struct exam_passed_args *args)
{
	T_PTR(call->signal, &exam_passed);
	T_PTR(call->sender, args->student);
	T_INT(args->grade, 1);
	note(args->student);
	return 0;
}

static int look_who_comes(struct peal_call *call, const struct door_opened_args *args)
{
	(void)call;
	T_INT(args->number, 7);
	note("door");
	return 0;
}

TEST(a_signal_of_another_file_is_heard)
{
	T_OK(exam_pass("Rahul", 1));
	T_OK(PEAL_CONNECT(exam_passed, celebrate));
	T_OK(exam_pass("Rahul", 1));
	T_JOURNAL("Rahul");
	T_OK(PEAL_DISCONNECT(exam_passed, celebrate));
	T_OK(exam_pass("Rahul", 1));
	T_JOURNAL("");
}

TEST(a_public_signal_is_sent_from_a_file_that_does_not_define_it)
{
	struct peal_results results = { 0 };

	T_OK(PEAL_CONNECT(door_opened, look_who_comes));
	T_OK(PEAL_SEND(door_opened, NULL, .number = 7));
	T_JOURNAL("door");
	T_OK(PEAL_SEND_COLLECT(door_opened, NULL, &results, .number = 7));
	T_JOURNAL("door");
	T_OK(PEAL_ASEND(door_opened, NULL, NULL, NULL, .number = 7));
	T_JOURNAL("door");
	peal_results_fini(&results);
	T_OK(PEAL_DISCONNECT(door_opened, look_who_comes));
}

TEST(a_signal_knows_where_it_is_defined)
{
	struct peal_snapshot *snapshot;

	peal_signal_register(&exam_passed);
	T_OK(peal_snapshot_take(&exam_passed, &snapshot));
	T_STR(snapshot->signals[0].name, "exam_passed");
	T_HAS(snapshot->signals[0].file, "public_signals.c");
	T_UINT(snapshot->signals[0].line, 4);
	peal_snapshot_free(snapshot);
}
