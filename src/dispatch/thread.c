/* SPDX-License-Identifier: MIT */
/*
 * Threads: their records, the one lock, waiting for a receiver to return, and fork.
 *
 * A thread gets its record at its first send and gives it back when it ends, for the next one to
 * use. Only peal_trim() frees records, under the lock, so that a writer may look at all of them at
 * any time. Where no thread other than the caller has a record, there is nobody to pass a barrier,
 * and membarrier(2) is not called.
 */
#include "internal.h"
#include "alloc.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

struct thread peal__nobody; /* no top, no fast_end */
_Thread_local struct thread *peal__self = &peal__nobody;
_Thread_local struct peal_mute *peal__mutes;

static struct thread reserve[THREADS_RESERVED];
struct thread *peal__threads;
static unsigned threads_made;
static unsigned threads_used;
static unsigned depth_limit = DEPTH_MAX;
bool peal__fence_needed; /* membarrier(2) is not to be had: readers pass a fence of their own */
static uint32_t forks;

/* ------------------------------------------------------------------------------------- the lock */

static void membarrier_register(void)
{
#if PEAL__ASYMMETRIC
	peal__fence_needed =
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0;
#endif
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
	peal__memory_lock();
}

static void after_fork_in_parent(void)
{
	peal__memory_unlock();
	pthread_mutex_unlock(&lock);
}

/* A record without its thread, which may have been inside anything: as good as new. */
static void record_give_back(struct thread *thread)
{
	store_relaxed(&thread->top, thread->frames);
	for (struct frame *frame = thread->frames; frame < thread->frames + DEPTH_MAX; frame++) {
		frame->call.error = NULL;
		frame->collector = NULL;
		store_relaxed(&frame->pin[1], NULL);
		store_relaxed(&frame->table, NULL);
		store_relaxed(&frame->later, NULL);
		change(&frame->attention, 0u);
	}
	thread->tracing = false;
	thread->jobs = 0;
	thread->used = false;
	threads_used--;
}

/*
 * The child has one thread, the one that forked: the records of all others are free, and nothing
 * runs in them.
 */
static void after_fork_in_child(void)
{
	for (struct thread *thread = peal__threads; thread; thread = thread->next) {
		if (thread != peal__self && thread->used)
			record_give_back(thread);
	}
	forks++;
	membarrier_register();
	pthread_cond_init(&ended, NULL);
	peal__memory_unlock();
	peal__tasks_forget();
	pthread_mutex_unlock(&lock);
}

static void thread_end(void *record)
{
	struct thread *thread = record;

	peal__self = &peal__nobody;
	pthread_mutex_lock(&lock);
	record_give_back(thread);
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

static void start(void)
{
	membarrier_register();
	pthread_key_create(&key, thread_end);
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void peal__lock(void)
{
	pthread_once(&once, start);
	pthread_mutex_lock(&lock);
}

void peal__unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void peal__wait(void)
{
	int state;

	/* pthread_cond_wait is a cancellation point, and the lock must not go with the thread. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_cond_wait(&ended, &lock);
	pthread_setcancelstate(state, &state);
}

void peal__wake(void)
{
	pthread_cond_broadcast(&ended);
}

uint32_t peal__fork_count(void)
{
	return load_relaxed(&forks);
}

/* ---------------------------------------------------------------------------------- the records */

static void update(struct thread *thread)
{
	bool special = peal__trace || peal__counting || thread->muting || peal__fence_needed;

	store_relaxed(&thread->fast_end, special ? NULL : &thread->frames[depth_limit]);
}

void peal__threads_update(void)
{
	for (struct thread *thread = peal__threads; thread; thread = thread->next)
		update(thread);
}

void peal__thread_update_self(void)
{
	if (peal__self == &peal__nobody)
		return;
	peal__lock();
	peal__self->muting = peal__mutes != NULL;
	update(peal__self);
	for (unsigned i = 0; peal__self->muting && i < peal__depth(peal__self); i++)
		change(&peal__self->frames[i].attention, 1u);
	peal__unlock();
}

static struct thread *record_new(void)
{
	struct thread *thread;

	if (threads_made < THREADS_RESERVED) {
		thread = &reserve[threads_made];
	} else {
		thread = peal__alloc_zero(sizeof(*thread));
		if (!thread)
			return NULL;
	}
	threads_made++;
	thread->top = thread->frames;
	for (unsigned i = 0; i < DEPTH_MAX; i++)
		thread->frames[i].thread = thread;
	thread->next = peal__threads;
	store_release(&peal__threads, thread);
	return thread;
}

static bool reserved(const struct thread *thread)
{
	return thread >= reserve && thread < reserve + THREADS_RESERVED;
}

void peal__threads_trim(void)
{
	for (struct thread **link = &peal__threads; *link;) {
		struct thread *thread = *link;

		if (thread->used || reserved(thread)) {
			link = &thread->next;
			continue;
		}
		*link = thread->next;
		peal__free(thread, sizeof(*thread));
	}
}

struct thread *peal__thread_get(void)
{
	struct thread *thread;

	if (peal__self != &peal__nobody)
		return peal__self;
	peal__lock();
	for (thread = peal__threads; thread && thread->used; thread = thread->next)
		;
	if (!thread)
		thread = record_new();
	if (thread && pthread_setspecific(key, thread) != 0)
		thread = NULL;
	if (thread) {
		thread->used = true;
		threads_used++;
		thread->errno_address = &errno;
		peal__self = thread;
		thread->muting = peal__mutes != NULL;
		update(thread);
	}
	peal__unlock();
	return thread;
}

int peal_thread_prepare(void)
{
	return peal__thread_get() ? PEAL_OK : PEAL_ENOMEM;
}

bool peal__inside(void)
{
	return peal__depth(peal__self) > 0 || peal__self->jobs > 0;
}

unsigned peal_depth_limit(void)
{
	return load_relaxed(&depth_limit);
}

int peal_set_depth_limit(unsigned limit)
{
	if (limit < 1 || limit > DEPTH_MAX)
		return PEAL_EINVAL;
	peal__lock();
	store_relaxed(&depth_limit, limit);
	peal__threads_update();
	peal__unlock();
	return PEAL_OK;
}

/* --------------------------------------------------------------------------- looking at hazards */

/*
 * A record is counted in threads_used, under the lock, before its thread's first send: a writer
 * that finds nobody but itself has the lock after that thread had not yet begun, and before it can
 * begin.
 */
void peal__barrier(void)
{
#if PEAL__ASYMMETRIC
	if (threads_used <= (peal__self != &peal__nobody))
		return;
	if (!peal__fence_needed)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

unsigned peal__depth(struct thread *thread)
{
	return thread == &peal__nobody ? 0 : (unsigned)(look(&thread->top) - thread->frames);
}

static bool calls(struct frame *frame, const conn_t *conn)
{
	return look(&frame->conn) == conn && look(&frame->thread->top) > frame;
}

static bool calling(struct frame *frame, const conn_t *conn, bool notify)
{
	if (!calls(frame, conn))
		return false;
	if (!notify)
		return true;
	/*
	 * The send looks at attention after it has put another connection in its frame, or has
	 * left it: so either it sees this, or the frame does not name the connection any more.
	 */
	change(&frame->attention, 1u);
	peal__barrier();
	return calls(frame, conn);
}

unsigned peal__running(const conn_t *conn, bool notify)
{
	unsigned found = 0;

	for (struct thread *thread = peal__threads; thread; thread = thread->next) {
		unsigned depth = peal__depth(thread);

		for (unsigned i = 0; i < depth; i++)
			found += calling(&thread->frames[i], conn, notify);
	}
	return found;
}

static bool pins(struct frame *frame, const void *thing)
{
	return look(&frame->pin[0]) == thing || look(&frame->pin[1]) == thing ||
	       look(&frame->table) == thing || look(&frame->call.signal) == thing ||
	       look(&frame->later) == thing;
}

bool peal__pinned(const void *thing)
{
	for (struct thread *thread = peal__threads; thread; thread = thread->next) {
		unsigned depth = peal__depth(thread);

		for (unsigned i = 0; i < depth; i++)
			if (pins(&thread->frames[i], thing))
				return true;
	}
	return false;
}

void peal__notify_all(const void *signal)
{
	for (struct thread *thread = peal__threads; thread; thread = thread->next) {
		unsigned depth = peal__depth(thread);

		for (unsigned i = 0; i < depth; i++)
			if (pins(&thread->frames[i], signal))
				change(&thread->frames[i].attention, 1u);
	}
}

/*
 * Called by a send that has found its attention set, between two receivers or at its end: a
 * connection that was seen in its frame may be free now. Wake those who wait, and call the releases
 * that are due.
 */
void peal__attend(struct frame *frame)
{
	int saved_errno = errno;
	int frame_errno = frame->saved_errno; /* a release may send in this frame, if it is left */
	struct release release;

	peal__lock();
	/* While a mute is on that was begun inside this send, each receiver is looked at. */
	change(&frame->attention, frame->thread->muting ? 1u : 0u);
	peal__wake();
	while (peal__releasable(&release)) {
		peal__unlock();
		peal__release_run(&release);
		peal__lock();
	}
	peal__reclaim();
	peal__unlock();
	frame->saved_errno = frame_errno;
	errno = saved_errno;
}
