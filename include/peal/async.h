/* SPDX-License-Identifier: MIT */
/*
 * peal/async.h: receivers that finish later, and the executors that start them.
 *
 *	static void send_mail(struct peal_task *task, const struct user_registered_args *args)
 *	{
 *		mailer_submit(args->address, on_mail_sent, task);
 *	}
 *
 *	static void on_mail_sent(void *task, int status)	... some time later
 *	{
 *		peal_task_done(task, status ? PEAL_ESYS : PEAL_OK, NULL);
 *	}
 *
 *	PEAL_CONNECT_ASYNC(user_registered, send_mail, .executor = pool);
 *	PEAL_ASEND(user_registered, NULL, when_all_are_done, user, .address = address);
 *
 * An asynchronous receiver is a type of its own: it takes a struct peal_task, and the work is done
 * when peal_task_done() is called, in the receiver or later, in any thread, exactly once. Where it
 * is started is decided by the connection's executor; without one it is started in the thread that
 * sends.
 *
 *   peal_send, PEAL_SEND...   First the synchronous receivers, in order; then the asynchronous ones
 *                             are started, in order, and the send waits for all of them (Django:
 *                             send(), async_to_sync). When a synchronous one fails, no asynchronous
 *                             one is started. An asynchronous one that fails does not keep the
 *                             others from running. Inside one of the executor's own threads waiting
 *                             could never end: the send calls the synchronous receivers and returns
 *                             PEAL_EDEADLK (Django: RuntimeError).
 *   PEAL_ASEND...             Returns at once. Asynchronous receivers are started, the synchronous
 *                             ones run in the calling thread, and when all are done, done() is
 *                             called once, in the thread in which the last one finished, perhaps
 *                             before PEAL_ASEND returns (Django: asend()).
 *
 * With PEAL_ASEND, synchronous receivers after one that failed are not called; asynchronous ones
 * always finish.
 *
 * The argument struct is copied for the tasks. What it points to must stay until they are done: for
 * PEAL_ASEND that is until done() is called. A connection with a task under way counts as running:
 * peal_disconnect() waits for it, and release is called after it. A task that is still queued when
 * its connection ends is not begun, and counts as not called.
 */
#ifndef PEAL_ASYNC_H
#define PEAL_ASYNC_H

#include <peal/dispatch.h>

PEAL_BEGIN_DECLS

/* One call of one asynchronous receiver. Valid until peal_task_done(). */
struct peal_task {
	struct peal_signal *signal;
	const void *sender;
	void *user;
};

/*
 * The receiver's work is done. code is 0 or its error, as a synchronous receiver would return it,
 * and message says more (NULL: nothing; copied, cut at 119 bytes). The task must not be used after
 * this.
 */
PEAL_API void peal_task_done(struct peal_task *task, int code, const char *message);

/* Give a response, before peal_task_done(). Text is copied. Returns 0 or PEAL_ENOMEM. */
PEAL_API int peal_task_respond(struct peal_task *task, struct peal_value response);

/* -------------------------------------------------------------------------------------------------
 * Executors
 */

/*
 * A piece of work that an executor runs once, by peal_job_run(). The memory belongs to the library.
 */
struct peal_job {
	struct peal_job *next; /* for the executor's queue */
	void (*run)(struct peal_job *job);
};

static inline void peal_job_run(struct peal_job *job)
{
	job->run(job);
}

/*
 * Where asynchronous receivers are started. Supply your own by filling these in, first member of
 * your own struct.
 *
 * submit  take the job and run it later with peal_job_run(), jobs in the order in which they came;
 *         it must not run it before it returns. 0, or an error, and the job is not run: that is
 *         then the receiver's error.
 * inside  whether the calling thread is one of those in which this executor runs its jobs.
 */
struct peal_executor {
	int (*submit)(struct peal_executor *executor, struct peal_job *job);
	bool (*inside)(struct peal_executor *executor);
};

/*
 * After a fork, jobs that the parent submitted are the parent's: a child must not run them. A send
 * that the child goes on with gets PEAL_EFORK for them; the done() of an asend never comes there.
 * An executor must live as long as connections name it: end them first, then free it. A task that
 * has begun and is not done is not the executor's any more. PEAL_ESYS: errno says why.
 *
 * A pool of threads (1 to 64) that run jobs in the order in which they were submitted. free waits
 * until all submitted jobs have run. new returns 0, PEAL_EINVAL, PEAL_ENOMEM or PEAL_ESYS (no
 * thread could be started). After a fork the child's pool has no threads: submit returns PEAL_EFORK
 * there.
 */
PEAL_API PEAL_MUST_CHECK int peal_pool_new(unsigned threads, struct peal_executor **ret_pool);
PEAL_API void peal_pool_free(struct peal_executor *pool);

/*
 * An executor for an event loop: it needs a descriptor to poll and nothing else. Jobs run in the
 * thread that calls peal_loop_dispatch(), which the loop calls when the descriptor is readable
 * (level-triggered). examples/ has it under poll(), libuv and GLib. free must be called in that
 * thread, and runs what is queued. new: 0, PEAL_ENOMEM, PEAL_ESYS.
 */
PEAL_API PEAL_MUST_CHECK int peal_loop_new(struct peal_executor **ret_loop);
PEAL_API void peal_loop_free(struct peal_executor *loop);
PEAL_API int peal_loop_fd(const struct peal_executor *loop);
/* Run at most max jobs (0: all that are there now); returns how many were run. */
PEAL_API size_t peal_loop_dispatch(struct peal_executor *loop, size_t max);

PEAL_END_DECLS

#endif
