/* SPDX-License-Identifier: MIT */
/*
 * Two executors: a pool of threads, and a queue with a descriptor for an event loop. Both are first
 * in, first out.
 */
#include "internal.h"
#include "alloc.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum {
	POOL_THREADS_MAX = 64
};

/* Jobs that wait, and the lock over them. */
struct queue {
	pthread_mutex_t lock;
	struct peal_job *first;
	struct peal_job **last;
	uint32_t forks; /* as it was made: in a child of that process it is of no use */
};

static void queue_init(struct queue *queue)
{
	pthread_mutex_init(&queue->lock, NULL);
	queue->first = NULL;
	queue->last = &queue->first;
	queue->forks = peal__fork_count();
}

static void queue_push(struct queue *queue, struct peal_job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct peal_job *queue_pop(struct queue *queue)
{
	struct peal_job *job = queue->first;

	if (!job)
		return NULL;
	queue->first = job->next;
	if (!queue->first)
		queue->last = &queue->first;
	return job;
}

static bool queue_foreign(const struct queue *queue)
{
	return queue->forks != peal__fork_count();
}

/* ----------------------------------------------------------------------------------------- pool */

struct pool {
	struct peal_executor executor;
	struct queue queue;
	pthread_cond_t changed;
	bool ending;
	unsigned count;
	pthread_t threads[];
};

static _Thread_local const struct pool *pool_of_this_thread;

static void *pool_thread(void *argument)
{
	struct pool *pool = argument;
	struct peal_job *job;

	pool_of_this_thread = pool;
	pthread_mutex_lock(&pool->queue.lock);
	for (;;) {
		while (!pool->queue.first && !pool->ending)
			pthread_cond_wait(&pool->changed, &pool->queue.lock);
		job = queue_pop(&pool->queue);
		if (!job)
			break;
		pthread_mutex_unlock(&pool->queue.lock);
		peal_job_run(job);
		pthread_mutex_lock(&pool->queue.lock);
	}
	pthread_mutex_unlock(&pool->queue.lock);
	return NULL;
}

static int pool_submit(struct peal_executor *executor, struct peal_job *job)
{
	struct pool *pool = (struct pool *)executor;

	if (queue_foreign(&pool->queue))
		return PEAL_EFORK;
	pthread_mutex_lock(&pool->queue.lock);
	queue_push(&pool->queue, job);
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->queue.lock);
	return PEAL_OK;
}

static bool pool_inside(struct peal_executor *executor)
{
	return pool_of_this_thread == (struct pool *)executor;
}

static size_t pool_size(unsigned threads)
{
	return sizeof(struct pool) + threads * sizeof(pthread_t);
}

int peal_pool_new(unsigned threads, struct peal_executor **ret_pool)
{
	struct pool *pool;

	if (threads < 1 || threads > POOL_THREADS_MAX || !ret_pool)
		return PEAL_EINVAL;
	pool = peal__alloc_zero(pool_size(POOL_THREADS_MAX));
	if (!pool)
		return PEAL_ENOMEM;
	pool->executor = (struct peal_executor){ .submit = pool_submit, .inside = pool_inside };
	queue_init(&pool->queue);
	pthread_cond_init(&pool->changed, NULL);
	for (; pool->count < threads; pool->count++) {
		if (pthread_create(&pool->threads[pool->count], NULL, pool_thread, pool) != 0) {
			peal_pool_free(&pool->executor);
			return PEAL_ESYS;
		}
	}
	*ret_pool = &pool->executor;
	return PEAL_OK;
}

void peal_pool_free(struct peal_executor *executor)
{
	struct pool *pool = (struct pool *)executor;

	if (!pool)
		return;
	if (!queue_foreign(&pool->queue)) {
		pthread_mutex_lock(&pool->queue.lock);
		pool->ending = true;
		pthread_cond_broadcast(&pool->changed);
		pthread_mutex_unlock(&pool->queue.lock);
		for (unsigned i = 0; i < pool->count; i++)
			pthread_join(pool->threads[i], NULL);
		pthread_cond_destroy(&pool->changed);
		pthread_mutex_destroy(&pool->queue.lock);
	}
	peal__free(pool, pool_size(POOL_THREADS_MAX));
}

/* ----------------------------------------------------------------------------------------- loop */

struct loop {
	struct peal_executor executor;
	struct queue queue;
	pthread_t owner;
	int fd;
};

static int loop_submit(struct peal_executor *executor, struct peal_job *job)
{
	struct loop *loop = (struct loop *)executor;
	bool first;

	if (queue_foreign(&loop->queue))
		return PEAL_EFORK;
	pthread_mutex_lock(&loop->queue.lock);
	first = !loop->queue.first;
	queue_push(&loop->queue, job);
	if (first)
		(void)!write(loop->fd, &(uint64_t){ 1 },
			     sizeof(uint64_t)); /* fails only when it is readable already */
	pthread_mutex_unlock(&loop->queue.lock);
	return PEAL_OK;
}

static bool loop_inside(struct peal_executor *executor)
{
	return pthread_equal(((struct loop *)executor)->owner, pthread_self());
}

int peal_loop_new(struct peal_executor **ret_loop)
{
	struct loop *loop;

	if (!ret_loop)
		return PEAL_EINVAL;
	loop = peal__alloc_zero(sizeof(*loop));
	if (!loop)
		return PEAL_ENOMEM;
	loop->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->fd < 0) {
		peal__free(loop, sizeof(*loop));
		return PEAL_ESYS;
	}
	loop->executor = (struct peal_executor){ .submit = loop_submit, .inside = loop_inside };
	loop->owner = pthread_self();
	queue_init(&loop->queue);
	*ret_loop = &loop->executor;
	return PEAL_OK;
}

int peal_loop_fd(const struct peal_executor *executor)
{
	return ((const struct loop *)executor)->fd;
}

/* The descriptor is readable exactly while the queue is not empty. */
static struct peal_job *loop_take(struct loop *loop)
{
	struct peal_job *job;
	uint64_t count;

	pthread_mutex_lock(&loop->queue.lock);
	job = queue_pop(&loop->queue);
	if (!loop->queue.first)
		(void)!read(loop->fd, &count, sizeof(count));
	pthread_mutex_unlock(&loop->queue.lock);
	return job;
}

size_t peal_loop_dispatch(struct peal_executor *executor, size_t max)
{
	struct loop *loop = (struct loop *)executor;
	size_t count = 0;
	struct peal_job *job;

	if (queue_foreign(&loop->queue))
		return 0;
	if (max == 0) {
		/*
		 * Those that are there now: jobs that these submit wait for the next turn of the
		 * loop.
		 */
		pthread_mutex_lock(&loop->queue.lock);
		for (job = loop->queue.first; job; job = job->next)
			max++;
		pthread_mutex_unlock(&loop->queue.lock);
	}
	for (; count < max && (job = loop_take(loop)); count++)
		peal_job_run(job);
	return count;
}

void peal_loop_free(struct peal_executor *executor)
{
	struct loop *loop = (struct loop *)executor;

	if (!loop)
		return;
	while (peal_loop_dispatch(executor, 0) > 0)
		;
	close(loop->fd);
	if (!queue_foreign(&loop->queue))
		pthread_mutex_destroy(&loop->queue.lock);
	peal__free(loop, sizeof(*loop));
}
