/* SPDX-License-Identifier: MIT */
/*
 * The write ticket: whoever writes to a SQLite file, or moves its write-ahead log into it, holds the file's ticket
 * meanwhile. Two things need it. SQLite before 3.51.3 can lose committed rows when a log is started anew while another
 * connection begins to move it ("WAL-reset"); and SQLite's own waiting is not fair, so that one of many writers waits
 * for seconds and then fails.
 *
 * The ticket is an flock() on a file of its own, DATABASE-ticket, on an open file description for each connection, so
 * the kernel takes it back from a process that dies; the threads of a process queue up in front of it, first come,
 * first served. Processes that have found it taken queue behind a second lock (an OFD lock, which flock() does not
 * see), whose holder alone tries to get the ticket: so it is not taken again and again by whoever has just had it.
 */
#ifndef PEAL_DB_TICKET_H
#define PEAL_DB_TICKET_H

#include <stdbool.h>
#include <sys/types.h>

struct peal__ticket;

/*
 * A connection's way to the ticket of a file; path names the ticket file, which is made with that mode when it is not
 * there. Or of a database in memory, which has a number: then it is a queue of threads only. 0 or -errno.
 */
int peal__ticket_open(const char *path, mode_t mode, struct peal__ticket **ret_ticket);
int peal__ticket_open_memory(unsigned serial, struct peal__ticket **ret_ticket);
void peal__ticket_close(struct peal__ticket *ticket); /* gives it back; NULL does nothing */

/* Not held yet. 0, -ETIMEDOUT, or -errno of the file. */
int peal__ticket_take(struct peal__ticket *ticket, unsigned timeout_ms);
void peal__ticket_give(struct peal__ticket *ticket);
bool peal__ticket_is_held(const struct peal__ticket *ticket);

#endif
