/* SPDX-License-Identifier: MIT */
/* The signals of models with the option .when, as the strictest user would write it. */
#include <peal/async.h>
#include <peal/model.h>

static int hear(struct peal_call *call, const struct peal_post_save_args *args)
{
	return args->created ? peal_save(args->instance, call->error) : 0;
}

static int hear_m2m(struct peal_call *call, const struct peal_m2m_changed_args *args)
{
	(void)call;
	return (int)args->pk_count;
}

static void hear_later(struct peal_task *task, const struct peal_post_delete_args *args)
{
	peal_task_done(task, args->instance ? 0 : PEAL_EINVAL, NULL);
}

static const struct peal_receiver receivers[] = {
	PEAL_RECEIVER(peal_post_save, hear, .when = PEAL_AFTER_COMMIT),
	PEAL_RECEIVER(peal_m2m_changed, hear_m2m, .uid = "u", .when = PEAL_AFTER_COMMIT),
	PEAL_RECEIVER_ASYNC(peal_post_delete, hear_later, .when = PEAL_AFTER_COMMIT),
};

int use(const struct peal_model *model, struct peal_scope *scope, struct peal_executor *executor);
int use(const struct peal_model *model, struct peal_scope *scope, struct peal_executor *executor)
{
	int code = peal_receivers_connect(receivers, PEAL_COUNTOF(receivers), scope);

	code |= PEAL_CONNECT(peal_post_save, hear, .sender = model, .when = PEAL_AFTER_COMMIT);
	code |= PEAL_CONNECT(peal_post_save, hear, .when = PEAL_AT_ONCE);
	code |= PEAL_CONNECT_ASYNC(peal_post_delete, hear_later, .executor = executor,
				   .when = PEAL_AFTER_COMMIT);
	PEAL_MUTE(peal_post_save, hear) {
		code |= PEAL_DISCONNECT_ASYNC(peal_post_delete, hear_later,
					      .when = PEAL_AFTER_COMMIT);
	}
	PEAL_DISCONNECT_DEFERRED(peal_post_save, hear, .sender = model, .when = PEAL_AFTER_COMMIT);
	return code | PEAL_DISCONNECT(peal_post_save, hear, .when = PEAL_AT_ONCE);
}
