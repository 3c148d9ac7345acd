/* SPDX-License-Identifier: MIT */
#include "receivers.h"

int add_amount(struct peal_call *call, const struct fired_args *args)
{
	*(long *)call->user += args->amount;
	return 0;
}

int answer_amount(struct peal_call *call, const struct fired_args *args)
{
	*(long *)call->user += args->amount;
	return peal_call_respond(call, PEAL_INT(args->amount));
}

int count_one(struct peal_call *call, const struct counted_args *args)
{
	(void)call;
	*args->counter += 1;
	return 0;
}

struct peal_signal *fired_new(const char *name)
{
	struct peal_signal *signal;

	BENCH_CHECK(peal_signal_new(name, sizeof(struct fired_args), &signal) == 0);
	return signal;
}
