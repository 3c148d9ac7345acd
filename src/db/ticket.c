/* SPDX-License-Identifier: MIT */
#include "ticket.h"

#include "heap.h"
#include "turn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY 1000000 /* nanoseconds */

/* The threads of this process that want one ticket. */
struct queue {
	struct queue *next;
	dev_t device; /* of the ticket file; in memory: 0 and the serial */
	ino_t inode;
	size_t references;
	bool taken;
	struct peal__turn *first;
};

struct peal__ticket {
	struct peal__ticket *next; /* all */
	struct queue *queue;
	int file; /* -1: in memory, or in a child of fork() */
	bool held;
	bool contended; /* the last time, another process had it */
	int64_t looked; /* when, whether another process waits for it */
};

/* Of all queues and both lists; never held while waiting. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue *queues;
static struct peal__ticket *tickets;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/* ---- fork() ------------------------------------------------------------------------------------------------------ */

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

/* A child that kept the descriptions open would keep the tickets of a parent that dies. */
static void after_fork_in_child(void)
{
	for (struct peal__ticket *t = tickets; t; t = t->next) {
		if (t->file >= 0)
			close(t->file);
		t->file = -1;
	}
	tickets = NULL;
	queues = NULL;
	pthread_mutex_unlock(&lock);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static struct queue *queue_find(dev_t device, ino_t inode)
{
	struct queue *queue = queues;

	while (queue && (queue->device != device || queue->inode != inode))
		queue = queue->next;
	return queue;
}

/* Returns what is to be freed when the lock is not held any more: the new one when there is one already. */
static struct queue *queue_join(struct peal__ticket *ticket, struct queue *new)
{
	ticket->queue = queue_find(new->device, new->inode);
	if (!ticket->queue) {
		ticket->queue = new;
		new->next = queues;
		queues = new;
		new = NULL;
	}
	ticket->queue->references++;
	return new;
}

/* Returns what is to be freed, likewise. */
static struct queue *queue_part(struct queue *queue)
{
	struct queue **at = &queues;

	if (--queue->references)
		return NULL;
	while (*at != queue)
		at = &(*at)->next;
	*at = queue->next;
	return queue;
}

static int ticket_new(int file, dev_t device, ino_t inode, struct peal__ticket **ret_ticket)
{
	struct peal__ticket *ticket = peal__db_alloc(sizeof(*ticket));
	struct queue *queue = peal__db_alloc(sizeof(*queue));

	if (!ticket || !queue) {
		peal__db_free(ticket);
		peal__db_free(queue);
		return -ENOMEM;
	}
	pthread_once(&fork_once, watch_forks);
	ticket->file = file;
	queue->device = device;
	queue->inode = inode;
	pthread_mutex_lock(&lock);
	queue = queue_join(ticket, queue);
	ticket->next = tickets;
	tickets = ticket;
	pthread_mutex_unlock(&lock);
	peal__db_free(queue);
	*ret_ticket = ticket;
	return 0;
}

int peal__ticket_open(const char *path, mode_t mode, struct peal__ticket **ret_ticket)
{
	struct stat status;
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode & 0666);
	int r;

	if (file < 0)
		return -errno;
	r = fstat(file, &status) < 0 ? -errno : 0;
	if (r == 0)
		r = ticket_new(file, status.st_dev, status.st_ino, ret_ticket);
	if (r < 0)
		close(file);
	return r;
}

int peal__ticket_open_memory(unsigned serial, struct peal__ticket **ret_ticket)
{
	return ticket_new(-1, 0, serial, ret_ticket);
}

void peal__ticket_close(struct peal__ticket *ticket)
{
	struct peal__ticket **at = &tickets;
	struct queue *queue;

	if (!ticket)
		return;
	if (ticket->held)
		peal__ticket_give(ticket);
	pthread_mutex_lock(&lock);
	while (*at != ticket)
		at = &(*at)->next;
	*at = ticket->next;
	queue = queue_part(ticket->queue);
	pthread_mutex_unlock(&lock);
	if (ticket->file >= 0)
		close(ticket->file);
	peal__db_free(queue);
	peal__db_free(ticket);
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

static int queue_enter(struct queue *queue, int64_t deadline)
{
	int r = 0;

	pthread_mutex_lock(&lock);
	if (queue->taken)
		r = peal__turn_wait(&queue->first, &lock, deadline, NULL);
	else
		queue->taken = true;
	pthread_mutex_unlock(&lock);
	return r;
}

static void queue_leave(struct queue *queue)
{
	pthread_mutex_lock(&lock);
	queue->taken = peal__turn_grant(&queue->first, NULL);
	pthread_mutex_unlock(&lock);
}

static int try_ticket(int file)
{
	return flock(file, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
}

static int set_turn(int file, short type)
{
	struct flock turn = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

	return fcntl(file, F_OFD_SETLK, &turn) == 0 ? 0 : -errno;
}

static int try_turn(int file)
{
	return set_turn(file, F_WRLCK);
}

/*
 * Whether another process waits for its turn. Who has just given the ticket back would be the first to have it again,
 * for ever; so it looks, but not more often than that matters.
 */
static bool is_waited_for(struct peal__ticket *ticket, int64_t now)
{
	struct flock turn = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	if (now - ticket->looked < LOOK_EVERY)
		return false;
	ticket->looked = now;
	return fcntl(ticket->file, F_OFD_GETLK, &turn) == 0 && turn.l_type != F_UNLCK;
}

/* Try until it works: the more rarely the longer it lasts, so that a long transaction is not waited for busily. */
static int poll_until(int (*try)(int file), int file, int64_t shortest, int64_t deadline)
{
	const int64_t longest = 1000000;
	int64_t begin = peal__monotonic();
	int r = try(file);

	while (r == -EWOULDBLOCK || r == -EACCES || r == -EINTR) {
		int64_t time = peal__monotonic();
		int64_t pause = (time - begin) / 16;

		if (time >= deadline)
			return -ETIMEDOUT;
		pause = pause < shortest ? shortest : pause > longest ? longest : pause;
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
		r = try(file);
	}
	return r;
}

/* Behind other processes. */
static int file_wait(struct peal__ticket *ticket, int64_t deadline)
{
	int r = try_turn(ticket->file);

	ticket->contended = r < 0;
	if (r < 0)
		r = poll_until(try_turn, ticket->file, 200000, deadline);
	if (r < 0)
		return r;
	r = try_ticket(ticket->file);
	if (r < 0) {
		ticket->contended = true;
		r = poll_until(try_ticket, ticket->file, 40000, deadline);
	}
	set_turn(ticket->file, F_UNLCK);
	return r;
}

int peal__ticket_take(struct peal__ticket *ticket, unsigned timeout_ms)
{
	int64_t now = peal__monotonic(), deadline = now + (int64_t)timeout_ms * 1000000;
	int r = queue_enter(ticket->queue, deadline);

	if (r < 0)
		return r;
	if (ticket->file >= 0 &&
	    (ticket->contended || is_waited_for(ticket, now) || try_ticket(ticket->file) < 0)) {
		r = file_wait(ticket, deadline);
		if (r < 0) {
			queue_leave(ticket->queue);
			return r;
		}
	}
	ticket->held = true;
	return 0;
}

void peal__ticket_give(struct peal__ticket *ticket)
{
	ticket->held = false;
	if (ticket->file >= 0)
		flock(ticket->file, LOCK_UN);
	queue_leave(ticket->queue);
}

bool peal__ticket_is_held(const struct peal__ticket *ticket)
{
	return ticket && ticket->held;
}
