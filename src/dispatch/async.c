/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous receivers: tasks, and the operation that waits for all tasks of one send.
 *
 * An operation counts what is under way: its tasks, and the sender while it is still starting them.
 * A task is queued in its executor, then begun, then done. Disconnecting cancels what is queued:
 * the job still runs, in its turn, but does nothing, and the receiver counts as one that was not
 * called, like any that is disconnected before its turn. What has begun is waited for.
 */
#include "internal.h"
#include "log.h"
#include "alloc.h"

#include <pthread.h>
#include <string.h>

enum {
	MESSAGE_MAX = 120
};

struct task {
	struct peal_task public; /* what the receiver gets */
	struct peal_job job;
	struct operation *operation;
	struct task *next;      /* of the operation, in the order of starting */
	struct task *conn_next; /* of the connection */
	conn_t *conn;           /* NULL: cancelled, or done */
	peal_function *function;
	const char *site;
	struct peal_handle handle;
	bool begun;
	bool cancelled; /* disconnected before its turn: there is no answer */
	int code;
	char message[MESSAGE_MAX];
	char receiver[PEAL_ERROR_NAME_MAX];
	struct peal_results kept; /* the memory of the response */
	struct peal_value response;
	size_t size;
	_Alignas(max_align_t) unsigned char args[];
};

struct operation {
	size_t under_way;
	struct task *first;
	struct task **last;
	struct peal_results results; /* of an asend */
	int code;
	enum peal_send_mode mode;
	peal_done_fn *done;
	void *user;
	bool waited; /* by a send: it calls no done */
};

typedef void async_fn(struct peal_task *task, const void *args);

static uint32_t tasks_under_way; /* with a connection, in the process */

struct operation *peal__operation_new(void)
{
	struct operation *operation = peal__alloc_zero(sizeof(*operation));

	if (!operation)
		return NULL;
	operation->under_way = 1;
	operation->last = &operation->first;
	peal__results_reset(&operation->results);
	return operation;
}

struct peal_results *peal__operation_results(struct operation *operation)
{
	return &operation->results;
}

void peal__operation_free(struct operation *operation)
{
	while (operation->first) {
		struct task *task = operation->first;

		operation->first = task->next;
		peal_results_fini(&task->kept);
		peal__free(task, task->size);
	}
	peal_results_fini(&operation->results);
	peal__free(operation, sizeof(*operation));
}

/* The details of a task's error, when they are the first and somebody wants them. */
static void collect_error(const struct task *task, struct peal_error *error)
{
	if (!error || error->code)
		return;
	peal_error_set(error, task->code, "%s", task->message);
	memcpy(error->receiver, task->receiver, sizeof(error->receiver));
}

/*
 * Add the tasks' answers to results (or nowhere). Returns the first error; 0 when all were to be
 * called.
 */
static int collect(struct operation *operation, enum peal_send_mode mode,
		   struct peal_results *results, struct peal_error *error)
{
	int first = PEAL_OK;

	for (struct task *task = operation->first; task; task = task->next) {
		if (task->cancelled)
			continue;
		if (results) {
			struct peal_value copy = { .kind = PEAL_VALUE_NULL };

			(void)peal__results_keep(results, task->response,
						 &copy); /* no memory: no response */
			peal__results_add(results, task->handle, task->public.user, task->site,
					  task->code, task->message, copy);
		}
		if (!task->code)
			continue;
		if (!first)
			first = task->code;
		collect_error(task, results ? &results->error : NULL);
		collect_error(task, error);
		if (mode == PEAL_SEND_ALL)
			peal__log(PEAL_LOG_ERROR, "peal.dispatch",
				  "error in asynchronous receiver %s: %s", task->receiver,
				  task->message);
	}
	return mode == PEAL_SEND_ALL ? PEAL_OK : first;
}

/* Everybody is done with it. */
static void operation_end(struct operation *operation)
{
	int code = collect(operation, operation->mode, &operation->results, NULL);

	if (operation->code)
		code = operation->code;
	if (operation->done)
		operation->done(operation->user, code, &operation->results);
	peal__operation_free(operation);
}

/* One less under way. With the lock held; gives it up. */
static void operation_leave(struct operation *operation)
{
	bool last = --operation->under_way == 0;
	bool waited = operation->waited;

	peal__wake();
	peal__drain();
	if (last && !waited)
		operation_end(operation);
}

int peal__operation_wait(struct operation *operation, enum peal_send_mode mode,
			 struct peal_results *results, struct peal_error *error)
{
	int code;

	peal__lock();
	operation->waited = true;
	operation->under_way--;
	while (operation->under_way)
		peal__wait();
	peal__unlock();
	code = collect(operation, mode, results, error);
	peal__operation_free(operation);
	return code;
}

void peal__operation_finish(struct operation *operation, int code, enum peal_send_mode mode,
			    peal_done_fn *done, void *user)
{
	operation->code = code;
	operation->mode = mode;
	operation->done = done;
	operation->user = user;
	peal__lock();
	operation_leave(operation);
}

/* ---------------------------------------------------------------------------------------- tasks */

/* The connection has one task less. With the lock held. */
static void task_detach(struct task *task)
{
	struct extra *extra = task->conn->extra;
	struct task **link = &extra->task_first;
	conn_t *conn = task->conn;

	while (*link != task)
		link = &(*link)->conn_next;
	*link = task->conn_next;
	task->conn = NULL;
	extra->tasks--;
	tasks_under_way--;
	if (!extra->tasks && (conn->flags & CONN_ORPHAN))
		peal__conn_free(conn);
}

static void task_end(struct task *task, int code, const char *message)
{
	task->code = code;
	if (code)
		strncpy(task->message, message && *message ? message : peal_strerror(code),
			MESSAGE_MAX - 1);
	peal__lock();
	if (task->conn)
		task_detach(task);
	operation_leave(task->operation);
}

void peal_task_done(struct peal_task *task, int code, const char *message)
{
	task_end((struct task *)task, code, message);
}

int peal_task_respond(struct peal_task *public, struct peal_value response)
{
	struct task *task = (struct task *)public;

	return peal__results_keep(&task->kept, response, &task->response);
}

static void task_run(struct peal_job *job)
{
	struct task *task = (struct task *)((char *)job - offsetof(struct task, job));
	struct thread *thread = peal__thread_get();
	int state;

	if (!thread) {
		task_end(task, PEAL_ENOMEM, "no memory for the record of this thread");
		return;
	}
	peal__lock();
	task->cancelled = !task->conn;
	task->begun = true;
	peal__unlock();
	if (task->cancelled) {
		task_end(task, PEAL_OK, NULL);
		return;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	thread->jobs++;
	((async_fn *)task->function)(&task->public, task->args);
	thread->jobs--;
	pthread_setcancelstate(state, &state);
}

int peal__operation_start(struct operation *operation, conn_t *conn, peal_function *function,
			  const struct peal_call *call, const void *args, size_t args_size)
{
	struct peal_executor *executor = conn->extra->executor;
	struct task *task = peal__alloc_zero(sizeof(*task) + args_size);
	int code;

	if (!task)
		return PEAL_ENOMEM;
	task->size = sizeof(*task) + args_size;
	task->public = (struct peal_task){ .signal = call->signal,
					   .sender = call->sender,
					   .user = conn->user };
	task->job.run = task_run;
	task->operation = operation;
	task->function = function;
	task->site = conn->site;
	task->handle = peal__conn_handle(conn);
	peal__site_text(conn->site, task->receiver, sizeof(task->receiver));
	peal__results_reset(&task->kept);
	memcpy(task->args, args, args_size);
	peal__lock();
	if (conn->state != CONN_CONNECTED) { /* it has just been disconnected: not its turn */
		peal__unlock();
		peal__free(task, task->size);
		return PEAL_OK;
	}
	*operation->last = task;
	operation->last = &task->next;
	operation->under_way++;
	task->begun = !executor;
	task->conn = conn;
	task->conn_next = conn->extra->task_first;
	conn->extra->task_first = task;
	conn->extra->tasks++;
	tasks_under_way++;
	peal__unlock();
	if (!executor) {
		task_run(&task->job);
		return PEAL_OK;
	}
	code = executor->submit(executor, &task->job);
	if (code)
		task_end(task, code, "the executor refused it");
	return PEAL_OK;
}

bool peal__executor_inside(struct peal_executor *executor)
{
	return executor && executor->inside && executor->inside(executor);
}

void peal__tasks_cancel(conn_t *conn)
{
	struct task *next;

	for (struct task *task = conn->extra->task_first; task; task = next) {
		next = task->conn_next;
		if (!task->begun)
			task_detach(task);
	}
}

bool peal__tasks_hang(const conn_t *conn)
{
	if (!conn->extra)
		return false;
	for (struct task *task = conn->extra->task_first; task; task = task->conn_next)
		if (task->begun && peal__executor_inside(conn->extra->executor))
			return true;
	return false;
}

/*
 * The threads that would have finished them are not in this process. A send that was waiting for
 * what an executor had taken does not wait for it here.
 */
static void task_forget(struct task *task, bool taken)
{
	task_detach(task);
	if (!taken)
		return;
	task->code = PEAL_EFORK;
	strcpy(task->message, peal_strerror(PEAL_EFORK));
	task->operation->under_way--;
}

void peal__tasks_forget(void)
{
	conn_t *conn;

	for (uint32_t slot = 0; tasks_under_way && (conn = peal__conn_at(slot)); slot++)
		while (conn->state != CONN_FREE && conn->extra && conn->extra->task_first)
			task_forget(conn->extra->task_first, conn->extra->executor != NULL);
}
