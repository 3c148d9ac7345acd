/* SPDX-License-Identifier: MIT */
/*
 * The lines of a database, and which thread has them.
 *
 * A line is with a thread, or idle, or being opened; line_count counts all of these and never exceeds max_connections.
 * Whoever gives a line back hands it to the thread that has waited longest, so there are never idle lines and waiting
 * threads at once. A thread that waits may also be given a place: then it opens a line itself.
 *
 * A thread gives its line back when nothing of it is in use (peal__connection_done()) and the number of connections is
 * limited; otherwise when it ends or asks for it. So the statements of a line, and what the driver knows of it, are
 * touched only between a peal__connection_use() and its peal__connection_done().
 */
#include "connection.h"

#include "heap.h"

#define NANOSECONDS INT64_C(1000000000)

static void attach(struct peal__connection *c, struct peal__line *line)
{
	c->line = line;
	c->handle = line->handle;
	c->lost = line->lost;
	c->stuck = line->stuck;
	c->generation = line->generation;
}

static struct peal__line *detach(struct peal__connection *c)
{
	struct peal__line *line = c->line;

	line->handle = c->handle;
	line->lost = c->lost;
	line->stuck = c->stuck;
	line->generation = c->generation;
	c->line = NULL;
	c->handle = NULL;
	return line;
}

static void line_close(struct peal_db *db, struct peal__line *line)
{
	struct peal__connection c = { .db = db };

	attach(&c, line);
	peal__statements_free(&c);
	db->driver->close(&c);
	peal__db_free(line);
}

/* ---- Lines that have been idle for long -------------------------------------------------------------------------- */

/* Under the lock: takes them off the list. The newest ones are in front; one line stays open, idle or not. */
static struct peal__line *take_old(struct peal_db *db)
{
	int64_t before = peal__monotonic() - db->options.max_idle_seconds * NANOSECONDS;
	struct peal__line **at = &db->idle, *old;

	if (*at && db->idle_count == db->line_count)
		at = &(*at)->next;
	while (*at && (*at)->idle_since > before)
		at = &(*at)->next;
	old = *at;
	*at = NULL;
	for (const struct peal__line *line = old; line; line = line->next) {
		db->idle_count--;
		db->line_count--;
	}
	return old;
}

static void unlock_and_close_old(struct peal_db *db)
{
	struct peal__line *old = db->options.max_idle_seconds ? take_old(db) : NULL;

	pthread_mutex_unlock(&db->lock);
	while (old) {
		struct peal__line *next = old->next;

		line_close(db, old);
		old = next;
	}
}

/* ---- Taking -------------------------------------------------------------------------------------------------------- */

static int no_line(const struct peal_db *db, const struct peal_db_counts *stats,
		   struct peal_error *error)
{
	return peal_error_set(
		error, PEAL_EBUSY,
		"no connection to the database \"%s\" became free within %u ms (pool_timeout_ms): "
		"%u of %u (max_connections) are held by threads in a block, a cursor or a stream, "
		"%u more threads wait; end these sooner, or raise max_connections",
		db->alias, db->options.pool_timeout_ms, stats->held, stats->limit, stats->waiting);
}

static struct peal_db_counts stats_of(const struct peal_db *db)
{
	return (struct peal_db_counts){
		.limit = db->options.max_connections,
		.open = db->line_count,
		.held = db->line_count - db->idle_count,
		.waiting = db->waiting,
	};
}

/* Under the lock. */
static int line_wait(struct peal_db *db, struct peal__line **ret_line, struct peal_error *error)
{
	int64_t deadline = peal__monotonic() + db->options.pool_timeout_ms * (NANOSECONDS / 1000);
	struct peal_db_counts stats;
	void *gift = NULL;
	int r;

	db->waiting++;
	r = peal__turn_wait(&db->waiters, &db->lock, deadline, &gift);
	db->waiting--;
	stats = stats_of(db);
	*ret_line = gift;
	return r < 0 ? no_line(db, &stats, error) : 0;
}

/* A line; NULL: a place for a new one. */
static int line_get(struct peal_db *db, struct peal__line **ret_line, struct peal_error *error)
{
	uint32_t limit = db->options.max_connections;
	int r = 0;

	pthread_mutex_lock(&db->lock);
	*ret_line = db->idle;
	if (db->idle) {
		db->idle = db->idle->next;
		db->idle_count--;
	} else if (!limit || db->line_count < limit) {
		db->line_count++;
	} else {
		r = line_wait(db, ret_line, error);
	}
	unlock_and_close_old(db);
	return r;
}

static void place_give(struct peal_db *db)
{
	pthread_mutex_lock(&db->lock);
	if (!peal__turn_grant(&db->waiters, NULL))
		db->line_count--;
	pthread_mutex_unlock(&db->lock);
}

static int line_open(struct peal__connection *c, struct peal_error *error)
{
	struct peal__line *line = peal__db_alloc(sizeof(*line));
	int r;

	if (!line) {
		place_give(c->db);
		return peal__no_memory(error);
	}
	attach(c, line);
	r = c->db->driver->open(c, error);
	if (r == 0)
		return peal__send_connection_created(c, error);
	peal__db_free(detach(c));
	place_give(c->db);
	return r;
}

int peal__line_take(struct peal__connection *c, struct peal_error *error)
{
	struct peal__line *line;
	int r = line_get(c->db, &line, error);

	if (r < 0)
		return r;
	c->uses++; /* receivers of peal_connection_created may use it, and do not give it away */
	if (line) {
		attach(c, line);
		r = peal__connection_refresh(c, error);
	} else {
		r = line_open(c, error);
	}
	c->uses--;
	if (r != 0 && c->line && c->db->options.max_connections)
		peal__line_put(c);
	return r;
}

void peal__line_put(struct peal__connection *c)
{
	struct peal_db *db = c->db;
	struct peal__line *line;

	if (peal__db_is_foreign(db))
		return;
	line = detach(c);
	if (db->options.max_idle_seconds)
		line->idle_since = peal__monotonic();
	pthread_mutex_lock(&db->lock);
	if (!peal__turn_grant(&db->waiters, line)) {
		line->next = db->idle;
		db->idle = line;
		db->idle_count++;
	}
	unlock_and_close_old(db);
}

void peal__lines_close(struct peal_db *db)
{
	while (db->idle) {
		struct peal__line *line = db->idle;

		db->idle = line->next;
		line_close(db, line);
	}
}

/* ---- The public side ----------------------------------------------------------------------------------------------- */

void peal_db_stats(struct peal_db *db, struct peal_db_counts *ret_stats)
{
	*ret_stats = (struct peal_db_counts){ 0 };
	if (peal__db_is_foreign(db))
		return;
	pthread_mutex_lock(&db->lock);
	*ret_stats = stats_of(db);
	pthread_mutex_unlock(&db->lock);
}

int peal_db_release(const char *database)
{
	struct peal_db *db = peal_db_get(database);
	struct peal__connection *c;

	if (!db)
		return PEAL_EINVAL;
	if (peal__db_is_foreign(db))
		return PEAL_EFORK;
	c = pthread_getspecific(db->key);
	if (!c || !c->line)
		return 0;
	if (c->block_count)
		return PEAL_ETRANSACTION;
	if (c->uses)
		return PEAL_EBUSY;
	peal__line_put(c);
	return 0;
}
