/* SPDX-License-Identifier: MIT */
/* The option .when in C++. */
#include <peal/model.h>

int use(const struct peal_model *model);

static int hear(struct peal_call *call, const struct peal_post_save_args *args)
{
	return args->created ? peal_save(args->instance, call->error) : 0;
}

int use(const struct peal_model *model)
{
	struct peal_post_save_receiver receiver = {};

	receiver.receiver = hear;
	receiver.sender = model;
	receiver.when = PEAL_AFTER_COMMIT;
	return peal_connect_described(&peal_post_save,
				      peal_post_save_connection(&receiver, "use.cc:1:hear"));
}
