/* SPDX-License-Identifier: MIT */
/*
 * Atomic blocks and what runs after a commit.
 *
 * A connection has a stack of blocks and one list of hooks. A hook is dropped when a block with a savepoint (or the
 * outermost) is rolled back that was open when it was registered: those are the ones behind the block's mark, because
 * the list is in the order of registration and a block that is released leaves its hooks to the one around it.
 *
 * broken means: the innermost block that can be rolled back must be, and nothing else may happen before. It is set by
 * an error inside an operation that writes, by an error that leaves a block without savepoint, and by the database
 * ending the transaction on its own.
 */
#include "connection.h"

#include "heap.h"
#include "log.h"

#include <stdio.h>

enum block_kind {
	BLOCK_OUTERMOST,
	BLOCK_SAVEPOINT,
	BLOCK_PLAIN, /* nested, and cannot be rolled back alone */
};

struct peal__block {
	enum block_kind kind;
	size_t mark; /* hooks registered before it */
};

struct peal__hook {
	peal_on_commit_fn *callback;
	void *user;
	void (*release)(void *user);
	bool robust;
	bool certain; /* runs although one before it has failed */
};

enum atomic_state {
	ATOMIC_REFUSED = 0,
	ATOMIC_READY = 1,
	ATOMIC_ENTERED = 2,
	ATOMIC_DONE = 3,
};

void peal__transaction_check(struct peal__connection *c)
{
	if (c->block_count && c->db->driver->transaction_state(c) != PEAL__TRANSACTION_OPEN)
		c->broken = true;
}

void peal__transaction_break(struct peal__connection *c)
{
	if (c->block_count)
		c->broken = true;
}

int peal__transaction_broken(const struct peal__connection *c, const char *consequence,
			     struct peal_error *error)
{
	return peal_error_set(error, PEAL_ETRANSACTION, "the transaction is broken%s%s%s: %s",
			      *c->cause ? " (" : "", c->cause, *c->cause ? ")" : "", consequence);
}

/* ---- Hooks --------------------------------------------------------------------------------------------------- */

static void hook_release(const struct peal__hook *hook)
{
	if (hook->release)
		hook->release(hook->user);
}

/* Releasing is the application's code: the list is in order before each call. */
static void hooks_drop(struct peal__connection *c, size_t mark)
{
	while (c->hook_count > mark) {
		struct peal__hook hook = c->hooks[--c->hook_count];

		hook_release(&hook);
	}
}

/* A callback that returned an error without a word about it; perhaps it has met another one before. */
static void hook_explain(int code, struct peal_error *details)
{
	struct peal_error before = *details;

	if (details->code == code && details->message[0])
		return;
	peal_error_set(details, code, "%s%s%s", peal_strerror(code),
		       before.message[0] ? "; before that: " : "", before.message);
}

/* Django logs "Error calling %s in on_commit() during transaction (%s)." */
static int hook_failed(const struct peal__connection *c, const struct peal__hook *hook, int code,
		       struct peal_error *details, struct peal_error *error)
{
	static const char what[] = "a callback of peal_on_commit() failed after the commit on";
	bool silent = details->code != code || !details->message[0];

	hook_explain(code, details);
	if (hook->robust) {
		peal__log(PEAL_LOG_ERROR, "peal.db", "%s \"%s\" (%s: %s)", what, c->db->alias,
			  peal_error_name(code), details->message);
		return 0;
	}
	if (silent)
		peal_error_prefix(details, "%s \"%s\": ", what, c->db->alias);
	if (error)
		*error = *details;
	return code;
}

static int hook_call(const struct peal__connection *c, const struct peal__hook *hook,
		     struct peal_error *error)
{
	struct peal_error details = { 0 };
	int r = hook->callback(hook->user, &details);

	hook_release(hook);
	return r < 0 ? hook_failed(c, hook, r, &details, error) : r;
}

/* The list is taken off first: a hook may open a block and register hooks of its own, which run at its commit. */
static int hooks_run(struct peal__connection *c, struct peal_error *error)
{
	struct peal__hook *hooks = c->hooks;
	size_t count = c->hook_count;
	int r = 0;

	c->hooks = NULL;
	c->hook_count = c->hook_capacity = 0;
	for (size_t i = 0; i < count; i++) {
		if (hooks[i].certain)
			hooks[i].callback(hooks[i].user, NULL);
		else if (r == 0)
			r = hook_call(c, &hooks[i], error);
		else
			hook_release(&hooks[i]);
	}
	peal__db_free(hooks);
	return r;
}

int peal__hook_reserve(struct peal__connection *c, struct peal_error *error)
{
	if (peal__db_grow(&c->hooks, &c->hook_capacity, c->hook_count, sizeof(*c->hooks)))
		return 0;
	return peal__no_memory(error);
}

void peal__hook_add(struct peal__connection *c, peal_on_commit_fn *callback,
		    void (*drop)(void *user), void *user)
{
	c->hooks[c->hook_count++] = (struct peal__hook){
		.callback = callback, .user = user, .release = drop, .certain = true
	};
}

int peal_on_commit(const struct peal_commit_hook *wanted, struct peal_error *error)
{
	struct peal__hook hook = { .callback = wanted->callback,
				   .user = wanted->user,
				   .release = wanted->release,
				   .robust = wanted->robust };
	struct peal__connection *c;
	int r = peal__connection_get(wanted->database, &c, error);

	if (r == 0 && !c->block_count)
		return hook_call(c, &hook, error);
	if (r == 0)
		r = peal__hook_reserve(c, error);
	if (r != 0) {
		hook_release(&hook);
		return r;
	}
	c->hooks[c->hook_count++] = hook;
	return 0;
}

/* ---- Blocks -------------------------------------------------------------------------------------------------- */

#define SAVEPOINT_BEGIN "SAVEPOINT"
#define SAVEPOINT_KEEP "RELEASE SAVEPOINT"
#define SAVEPOINT_UNDO "ROLLBACK TO SAVEPOINT"

static int savepoint(struct peal__connection *c, const char *verb, size_t level,
		     struct peal_error *error)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "%s peal_%zu", verb, level);
	return c->db->driver->execute(c, sql, error);
}

static int block_begin(struct peal__connection *c, const struct peal_atomic_options *options,
		       struct peal_error *error)
{
	const struct peal__driver *driver = c->db->driver;
	struct peal__block block = { BLOCK_OUTERMOST, c->hook_count };
	int r = 0;

	if (!peal__db_grow(&c->blocks, &c->block_capacity, c->block_count, sizeof(*c->blocks)))
		return peal__no_memory(error);
	if (!c->block_count) {
		c->cause[0] = '\0';
		r = peal__connection_use(c, error);
		if (r != 0)
			return r;
		r = driver->execute(c, options->read_only ? driver->begin_read_only : driver->begin,
				    error);
		if (r < 0)
			peal__connection_done(c);
	} else if (options->durable) {
		return peal_error_set(error, PEAL_ETRANSACTION,
				      "a durable block must be the outermost one");
	} else if (options->no_savepoint || c->broken) {
		block.kind = BLOCK_PLAIN;
	} else {
		block.kind = BLOCK_SAVEPOINT;
		r = savepoint(c, SAVEPOINT_BEGIN, c->block_count, error);
	}
	if (r < 0) {
		peal__transaction_check(c);
		return r;
	}
	c->blocks[c->block_count++] = block;
	return 0;
}

static int outermost_end(struct peal__connection *c, int result, struct peal_error *error)
{
	const struct peal__driver *driver = c->db->driver;
	bool broken = c->broken, committed;
	int r = 0;

	c->broken = false;
	peal__cursors_leave(c, 0, true);
	if (result == 0 && !broken)
		r = driver->commit(c, error);
	committed = r == 0 && result == 0 && !broken;
	/* A failed COMMIT leaves the transaction open; an error before it may have ended it already. */
	if (!committed && driver->transaction_state(c) != PEAL__TRANSACTION_NONE)
		c->stuck = driver->execute(c, "ROLLBACK", NULL) < 0;
	peal__connection_done(c);
	if (committed)
		return hooks_run(c, error);
	hooks_drop(c, 0);
	if (r < 0)
		return r;
	return result ? result : peal__transaction_broken(c, "rolled back", error);
}

static int savepoint_end(struct peal__connection *c, size_t mark, int result,
			 struct peal_error *error)
{
	struct peal_error cause = { 0 };
	size_t level = c->block_count;
	bool broken = c->broken;
	int r = 0;

	if (result == 0 && !broken) {
		r = savepoint(c, SAVEPOINT_KEEP, level, error);
		if (r == 0) {
			peal__cursors_leave(c, level, false);
			return 0;
		}
	}
	peal__cursors_leave(c, level, true);
	c->broken = savepoint(c, SAVEPOINT_UNDO, level, &cause) < 0 ||
		    savepoint(c, SAVEPOINT_KEEP, level, &cause) < 0;
	if (c->broken)
		snprintf(c->cause, sizeof(c->cause), "%.*s", (int)sizeof(c->cause) - 1,
			 cause.message);
	hooks_drop(c, mark);
	if (r < 0)
		return r;
	return result ? result
		      : peal_error_set(error, PEAL_ETRANSACTION,
				       "the block was broken: rolled back");
}

static int block_end(struct peal__connection *c, int result, struct peal_error *error)
{
	struct peal__block block = c->blocks[--c->block_count];

	switch (block.kind) {
	case BLOCK_OUTERMOST:
		return outermost_end(c, result, error);
	case BLOCK_SAVEPOINT:
		return savepoint_end(c, block.mark, result, error);
	default:
		peal__cursors_leave(c, c->block_count, false);
		if (result)
			c->broken = true;
		if (result || !c->broken)
			return result;
		return peal_error_set(error, PEAL_ETRANSACTION, "the transaction is broken");
	}
}

void peal__transaction_end_all(struct peal__connection *c)
{
	while (c->block_count)
		block_end(c, PEAL_ECANCELED, NULL);
}

void peal__transaction_fini(struct peal__connection *c)
{
	hooks_drop(c, 0);
	peal__db_free(c->hooks);
	peal__db_free(c->blocks);
}

/* ---- The public side ------------------------------------------------------------------------------------------ */

int peal_atomic_enter(struct peal_atomic *atomic, const struct peal_atomic_options *options,
		      struct peal_error *error)
{
	static const struct peal_atomic_options defaults;
	struct peal__connection *c;
	int r;

	if (!options)
		options = &defaults;
	r = peal__connection_get(options->database, &c, error);
	if (r == 0)
		r = block_begin(c, options, error);
	if (r != 0)
		return r;
	*atomic = (struct peal_atomic){ .db = c->db,
					.level = (uint32_t)c->block_count,
					.state = ATOMIC_ENTERED };
	return 0;
}

int peal_atomic_leave(struct peal_atomic *atomic, int result, struct peal_error *error)
{
	struct peal__connection *c;
	int r;

	if (!peal__db_is_open(atomic->db))
		return peal_error_set(error, PEAL_ETRANSACTION,
				      "the database was closed inside this block: rolled back");
	r = peal__connection_of(atomic->db, &c, error);
	if (r < 0)
		return r;
	if (atomic->state != ATOMIC_ENTERED || atomic->level != c->block_count)
		return peal_error_set(error, PEAL_EINVAL,
				      "this is not the innermost atomic block of this thread");
	atomic->state = ATOMIC_DONE;
	return block_end(c, result, error);
}

struct peal_atomic peal_atomic_open(const struct peal_atomic_options *options, int *result,
				    struct peal_error *error)
{
	struct peal_atomic atomic = { .state = ATOMIC_REFUSED };

	*result = peal_atomic_enter(&atomic, options, error);
	if (*result == 0)
		atomic.state = ATOMIC_READY;
	atomic.result = result;
	atomic.error = error;
	return atomic;
}

bool peal_atomic_next(struct peal_atomic *atomic)
{
	if (atomic->state == ATOMIC_READY) {
		atomic->state = ATOMIC_ENTERED;
		return true;
	}
	if (atomic->state == ATOMIC_ENTERED)
		*atomic->result = peal_atomic_leave(atomic, *atomic->result, atomic->error);
	return false;
}

void peal_atomic_abandon(struct peal_atomic *atomic)
{
	if (atomic->state != ATOMIC_ENTERED)
		return;
	if (*atomic->result == 0) {
		*atomic->result = peal_error_set(atomic->error, PEAL_ECANCELED,
						 "the block was left before its end: rolled back");
		peal__log(PEAL_LOG_WARNING, "peal.db",
			  "a PEAL_ATOMIC block was left by break, return or goto while its result "
			  "was 0: rolled back; to commit, write continue or let it end, and return "
			  "behind it; to roll back, set its result before");
	}
	peal_atomic_leave(atomic, *atomic->result, NULL);
}

unsigned peal_atomic_depth(const char *database)
{
	struct peal__connection *c;

	return peal__connection_get(database, &c, NULL) == 0 ? (unsigned)c->block_count : 0;
}

int peal_set_rollback(const char *database, bool rollback)
{
	struct peal__connection *c;
	int r = peal__connection_get(database, &c, NULL);

	if (r < 0)
		return r;
	if (!c->block_count)
		return PEAL_ETRANSACTION;
	c->broken = rollback;
	peal__transaction_check(c);
	return 0;
}
