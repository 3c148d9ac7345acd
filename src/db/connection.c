/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include "heap.h"
#include "log.h"

#include <stdatomic.h>
#include <string.h>

PEAL_SIGNAL_DEFINE(peal_connection_created);

static const struct peal__driver *const drivers[] = {
	&peal__sqlite_driver,
#ifdef PEAL_HAVE_POSTGRESQL
	&peal__postgresql_driver,
#endif
};

static pthread_mutex_t databases_lock = PTHREAD_MUTEX_INITIALIZER;
static struct peal_db *databases;
static unsigned next_serial;

/* Counts the forks between the process that loaded the library and this one. */
static atomic_uint fork_generation;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void after_fork_in_child(void)
{
	atomic_fetch_add_explicit(&fork_generation, 1, memory_order_relaxed);
	pthread_mutex_init(&databases_lock, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, after_fork_in_child);
}

bool peal__db_is_foreign(const struct peal_db *db)
{
	return db->generation != atomic_load_explicit(&fork_generation, memory_order_relaxed);
}

/* ---- Statements ---------------------------------------------------------------------------------------------- */

/* Eight bytes at a time: statements are long, and looked up for each row. */
static uint32_t hash_of(const char *sql, size_t size)
{
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t hash = size, word;

	for (; size >= sizeof(word); size -= sizeof(word), sql += sizeof(word)) {
		memcpy(&word, sql, sizeof(word));
		hash = (hash ^ word) * factor;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, sql, size);
	hash = (hash ^ word) * factor;
	return (uint32_t)(hash >> 32);
}

static void used_unlink(struct peal__line *line, struct peal__statement *s)
{
	*(s->older ? &s->older->newer : &line->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &line->newest) = s->older;
}

static void used_link(struct peal__line *line, struct peal__statement *s)
{
	s->newer = NULL;
	s->older = line->newest;
	*(line->newest ? &line->newest->newer : &line->oldest) = s;
	line->newest = s;
}

static void statement_free(struct peal__connection *c, struct peal__statement *s)
{
	s->connection = c;
	c->db->driver->finalize(s);
	peal__db_free(s);
}

static void statement_uncache(struct peal__line *line, struct peal__statement *s)
{
	struct peal__statement **at = &line->buckets[s->hash % PEAL__STATEMENT_BUCKETS];

	while (*at != s)
		at = &(*at)->bucket_next;
	*at = s->bucket_next;
	used_unlink(line, s);
	line->statement_count--;
	s->cached = false;
}

static void statement_cache(struct peal__connection *c, struct peal__statement *s)
{
	struct peal__line *line = c->line;
	struct peal__statement **bucket = &line->buckets[s->hash % PEAL__STATEMENT_BUCKETS];

	for (struct peal__statement *old = line->oldest;
	     line->statement_count >= PEAL__STATEMENTS_MAX && old;) {
		struct peal__statement *newer = old->newer;

		if (!old->busy) {
			statement_uncache(line, old);
			statement_free(c, old);
		}
		old = newer;
	}
	s->bucket_next = *bucket;
	*bucket = s;
	used_link(line, s);
	line->statement_count++;
	s->cached = true;
}

void peal__statements_free(struct peal__connection *c)
{
	while (c->line->oldest) {
		struct peal__statement *s = c->line->oldest;

		statement_uncache(c->line, s);
		statement_free(c, s);
	}
}

/* What is looked for: a key, or else a text. */
struct wanted {
	uint32_t hash;
	const struct peal__statement_key *key;
	const char *sql;
	size_t size;
};

static bool is_wanted(const struct peal__statement *s, const struct wanted *wanted)
{
	if (s->hash != wanted->hash)
		return false;
	if (wanted->key)
		return memcmp(&s->key, wanted->key, sizeof(s->key)) == 0;
	return !s->key.owner && s->size == wanted->size &&
	       memcmp(s->sql, wanted->sql, wanted->size) == 0;
}

/* One which is not in use, or NULL. */
static struct peal__statement *statement_find(struct peal__line *line, const struct wanted *wanted,
					      bool *ret_known)
{
	struct peal__statement *s = line->buckets[wanted->hash % PEAL__STATEMENT_BUCKETS];

	for (; s; s = s->bucket_next) {
		if (!is_wanted(s, wanted))
			continue;
		*ret_known = true;
		if (s->busy)
			continue;
		if (line->newest != s) {
			used_unlink(line, s);
			used_link(line, s);
		}
		return s;
	}
	return NULL;
}

static int statement_new(struct peal__connection *c, const struct wanted *wanted,
			 struct peal__statement **ret_statement, struct peal_error *error)
{
	struct peal__statement *s = peal__db_alloc(sizeof(*s) + wanted->size + 1);
	int r;

	if (!s)
		return peal__no_memory(error);
	s->connection = c;
	s->hash = wanted->hash;
	if (wanted->key)
		s->key = *wanted->key;
	s->size = wanted->size;
	memcpy(s->sql, wanted->sql, wanted->size);
	r = c->db->driver->prepare(s, s->sql, s->size, error);
	if (r < 0) {
		peal__db_free(s);
		peal__transaction_check(c);
		return r;
	}
	*ret_statement = s;
	return 0;
}

static int statement_get(struct peal__connection *c, struct wanted *wanted, peal__sql_write *write,
			 const void *context, struct peal__statement **ret_statement,
			 struct peal_error *error)
{
	struct peal__text sql = { 0 };
	bool known = false;
	int r;

	*ret_statement = statement_find(c->line, wanted, &known);
	if (*ret_statement)
		return 0;
	if (write) {
		write(context, &sql);
		wanted->sql = sql.failed ? NULL : sql.data;
		wanted->size = sql.size;
	}
	if (!wanted->sql) {
		peal__text_fini(&sql);
		return peal__no_memory(error);
	}
	r = statement_new(c, wanted, ret_statement, error);
	if (r == 0 && !known)
		statement_cache(c, *ret_statement);
	peal__text_fini(&sql);
	return r;
}

static int statement_take(struct peal__connection *c, struct wanted *wanted, peal__sql_write *write,
			  const void *context, struct peal__statement **ret_statement,
			  struct peal_error *error)
{
	int r;

	if (c->broken)
		return peal__transaction_broken(c, "nothing can be done before its block ends",
						error);
	r = peal__connection_use(c, error);
	if (r != 0)
		return r;
	r = statement_get(c, wanted, write, context, ret_statement, error);
	if (r < 0) {
		peal__connection_done(c);
		return r;
	}
	(*ret_statement)->connection = c;
	(*ret_statement)->busy = true;
	return 0;
}

int peal__statement_get(struct peal__connection *c, const char *sql, size_t size,
			struct peal__statement **ret_statement, struct peal_error *error)
{
	struct wanted wanted = { .hash = hash_of(sql, size), .sql = sql, .size = size };

	return statement_take(c, &wanted, NULL, NULL, ret_statement, error);
}

int peal__statement_get_by(struct peal__connection *c, const struct peal__statement_key *key,
			   peal__sql_write *write, const void *context,
			   struct peal__statement **ret_statement, struct peal_error *error)
{
	struct wanted wanted = { .hash = hash_of((const char *)key, sizeof(*key)), .key = key };

	return statement_take(c, &wanted, write, context, ret_statement, error);
}

uint64_t peal__statement_owner(unsigned count)
{
	static _Atomic uint64_t last;

	return atomic_fetch_add_explicit(&last, count, memory_order_relaxed) + 1;
}

void peal__statement_put(struct peal__statement *s)
{
	struct peal__connection *c = s->connection;

	c->db->driver->reset(s);
	s->busy = s->cut_off = false;
	s->reading = PEAL__READ_ALL;
	if (!s->cached)
		statement_free(c, s);
	peal__connection_done(c);
}

int peal__statement_bind(struct peal__statement *s, size_t index, const struct peal_value *value,
			 struct peal_error *error)
{
	return s->connection->db->driver->bind(s, index, value, error);
}

static int say_cut_off(const struct peal__statement *s, struct peal_error *error)
{
	peal_error_set(error, PEAL_ETRANSACTION,
		       "the block in which these rows were being read has ended; read them "
		       "inside of it, or outside of any block: %s",
		       s->sql);
	if (error)
		memcpy(error->sqlstate, "24000", sizeof(error->sqlstate));
	return PEAL_ETRANSACTION;
}

int peal__statement_step(struct peal__statement *s, const uint8_t *kinds, struct peal_value *values,
			 struct peal_error *error)
{
	int r;

	if (PEAL_UNLIKELY(s->cut_off))
		return say_cut_off(s, error);
	r = s->connection->db->driver->step(s, kinds, values, error);
	if (PEAL_UNLIKELY(r < 0))
		peal__transaction_check(s->connection);
	return r;
}

/* ---- Cursors that end with a block ----------------------------------------------------------------------------- */

void peal__cursor_opened(struct peal__statement *s)
{
	struct peal__connection *c = s->connection;

	s->open_level = c->block_count;
	s->open_next = c->open_cursors;
	c->open_cursors = s;
}

void peal__cursor_closed(struct peal__statement *s)
{
	struct peal__statement **at = &s->connection->open_cursors;

	while (*at && *at != s)
		at = &(*at)->open_next;
	if (*at)
		*at = s->open_next;
}

void peal__cursors_leave(struct peal__connection *c, size_t blocks, bool cut_off)
{
	struct peal__statement **at = &c->open_cursors, *s;

	while ((s = *at) != NULL) {
		bool inside = s->open_level > blocks;

		if (inside && cut_off) {
			s->cut_off = true;
			*at = s->open_next;
			continue;
		}
		if (inside)
			s->open_level = blocks;
		at = &s->open_next;
	}
}

int peal__connection_run(struct peal__connection *c, const char *sql,
			 const struct peal_value *values, size_t count, int64_t *ret_changes,
			 struct peal_error *error)
{
	struct peal__statement *s;
	int r = peal__statement_get(c, sql, strlen(sql), &s, error);

	return r < 0 ? r : peal__statement_run(s, values, count, ret_changes, error);
}

int peal__statement_run(struct peal__statement *s, const struct peal_value *values, size_t count,
			int64_t *ret_changes, struct peal_error *error)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = peal__statement_bind(s, i, &values[i], error);
	if (r == 0 && s->width) {
		r = peal_error_set(error, PEAL_EINVAL,
				   "the statement returns rows: use peal_db_query(): %s", s->sql);
	} else {
		while (r == 0)
			r = peal__statement_step(s, NULL, NULL, error);
	}
	if (r == PEAL_DONE) {
		r = 0;
		if (ret_changes)
			*ret_changes = s->connection->db->driver->changes(s);
	}
	peal__statement_put(s);
	return r;
}

/* ---- Connections --------------------------------------------------------------------------------------------- */

static void connection_free(struct peal__connection *c)
{
	peal__transaction_end_all(c);
	peal__transaction_fini(c);
	if (c->line)
		peal__line_put(c);
	peal__db_free(c);
}

/*
 * The thread has ended: another one may have its line. When a cursor of it has not been freed, that keeps both until
 * the database is closed.
 */
static void connection_end(void *pointer)
{
	struct peal__connection *c = pointer, **at;
	struct peal_db *db = c->db;

	if (peal__db_is_foreign(db))
		return;
	peal__transaction_end_all(c);
	if (c->uses)
		return;
	pthread_mutex_lock(&db->lock);
	for (at = &db->connections; *at != c;)
		at = &(*at)->next;
	*at = c->next;
	pthread_mutex_unlock(&db->lock);
	connection_free(c);
}

static int connection_new(struct peal_db *db, struct peal__connection **ret_connection,
			  struct peal_error *error)
{
	struct peal__connection *c = peal__db_alloc(sizeof(*c));

	if (!c || pthread_setspecific(db->key, c) != 0) {
		peal__db_free(c);
		return peal__no_memory(error);
	}
	c->db = db;
	pthread_mutex_lock(&db->lock);
	c->next = db->connections;
	db->connections = c;
	pthread_mutex_unlock(&db->lock);
	*ret_connection = c;
	return 0;
}

int peal__send_connection_created(struct peal__connection *c, struct peal_error *error)
{
	if (!peal_signal_is_heard(&peal_connection_created))
		return 0;
	return PEAL_SEND_ERROR(peal_connection_created, c->db, error, .db = c->db,
			       .database = c->db->alias);
}

/* The server has gone away. Inside a block that is told to whoever uses it; outside it can come back. */
static bool is_lost(struct peal__connection *c)
{
	const struct peal__driver *driver = c->db->driver;

	if (c->block_count)
		return false;
	return c->lost || c->stuck || (driver->is_alive && !driver->is_alive(c));
}

static int renew(struct peal__connection *c, struct peal_error *error)
{
	int r;

	if (c->stuck && !c->lost) {
		r = c->db->driver->execute(c, "ROLLBACK", error);
		c->stuck = r < 0;
		return r;
	}
	c->stuck = false;
	c->lost = true;
	c->db->driver->close(c);
	r = c->db->driver->open(c, error);
	if (r < 0)
		return r;
	c->lost = false;
	c->generation++;
	return peal__send_connection_created(c, error);
}

int peal__connection_refresh(struct peal__connection *c, struct peal_error *error)
{
	return PEAL_UNLIKELY(is_lost(c)) ? renew(c, error) : 0;
}

int peal__connection_of(struct peal_db *db, struct peal__connection **ret_connection,
			struct peal_error *error)
{
	struct peal__connection *c;
	int r = 0;

	if (PEAL_UNLIKELY(peal__db_is_foreign(db)))
		return peal_error_set(
			error, PEAL_EFORK,
			"the database \"%s\" was opened before fork(): open it again in the child",
			db->alias);
	c = pthread_getspecific(db->key);
	if (PEAL_UNLIKELY(!c))
		r = connection_new(db, &c, error);
	if (r < 0)
		return r;
	*ret_connection = c;
	if (c->line)
		return peal__connection_refresh(c, error);
	return db->options.max_connections ? 0 : peal__line_take(c, error);
}

int peal__connection_get(const char *alias, struct peal__connection **ret_connection,
			 struct peal_error *error)
{
	struct peal_db *db = peal_db_get(alias);

	if (!db)
		return peal_error_set(error, PEAL_EINVAL,
				      "no database with the alias \"%s\" is open",
				      alias ? alias : "default");
	return peal__connection_of(db, ret_connection, error);
}

/* ---- Databases ----------------------------------------------------------------------------------------------- */

static struct peal_db *find(const char *alias)
{
	for (struct peal_db *db = databases; db; db = db->next)
		if (strcmp(db->alias, alias) == 0)
			return db;
	return NULL;
}

struct peal_db *peal_db_get(const char *alias)
{
	struct peal_db *db;

	pthread_mutex_lock(&databases_lock);
	db = find(alias ? alias : "default");
	pthread_mutex_unlock(&databases_lock);
	return db;
}

bool peal__db_is_open(const struct peal_db *db)
{
	const struct peal_db *open;

	pthread_mutex_lock(&databases_lock);
	for (open = databases; open && open != db; open = open->next)
		;
	pthread_mutex_unlock(&databases_lock);
	return open;
}

const char *peal_db_alias(const struct peal_db *db)
{
	return db->alias;
}

const char *peal_db_vendor(const struct peal_db *db)
{
	return db->driver->name;
}

static bool has_scheme(const char *url, const char *scheme)
{
	return scheme && strncmp(url, scheme, strlen(scheme)) == 0;
}

static const struct peal__driver *driver_for(const char *url)
{
	for (size_t i = 0; i < PEAL_COUNTOF(drivers); i++)
		if (has_scheme(url, drivers[i]->scheme) ||
		    has_scheme(url, drivers[i]->other_scheme))
			return drivers[i];
	return NULL;
}

/* A URL is not repeated whole where it may hold a password. */
static int no_driver(const char *url, struct peal_error *error)
{
	if (has_scheme(url, "postgresql:") || has_scheme(url, "postgres:"))
		return peal_error_set(
			error, PEAL_ENOTSUP,
			"this build has no PostgreSQL driver: libpq was not there when it was "
			"configured (meson option \"postgresql\")");
	return peal_error_set(error, PEAL_EINVAL,
			      "no driver for the database URL \"%.*s\": it must be sqlite:PATH, "
			      "sqlite::memory: or postgresql://HOST/DATABASE",
			      (int)strcspn(url, "@"), url);
}

/* Everything but the connections. */
static void db_free(struct peal_db *db)
{
	peal__db_free(db->alias);
	peal__db_free(db->url);
	peal__db_free(db);
}

static int db_new(const char *url, const struct peal_db_options *options, struct peal_db **ret_db,
		  struct peal_error *error)
{
	const struct peal__driver *driver = driver_for(url);
	struct peal_db *db;

	if (!driver)
		return no_driver(url, error);
	db = peal__db_alloc(sizeof(*db));
	if (!db)
		return peal__no_memory(error);
	db->driver = driver;
	db->options = options ? *options : (struct peal_db_options){ .alias = NULL };
	if (!db->options.busy_timeout_ms)
		db->options.busy_timeout_ms = 10000;
	if (!db->options.pool_timeout_ms)
		db->options.pool_timeout_ms = 30000;
	db->alias = peal__db_text_copy(db->options.alias ? db->options.alias : "default");
	db->options.alias = db->alias;
	db->url = peal__db_text_copy(strchr(url, ':') + 1);
	pthread_once(&fork_once, watch_forks);
	db->generation = atomic_load_explicit(&fork_generation, memory_order_relaxed);
	if (!db->alias || !db->url || pthread_key_create(&db->key, connection_end) != 0) {
		db_free(db);
		return peal__no_memory(error);
	}
	pthread_mutex_init(&db->lock, NULL);
	*ret_db = db;
	return 0;
}

static int db_publish(struct peal_db *db, struct peal_error *error)
{
	int r = 0;

	pthread_mutex_lock(&databases_lock);
	if (find(db->alias)) {
		r = peal_error_set(error, PEAL_EBUSY,
				   "a database with the alias \"%s\" is open already", db->alias);
	} else {
		db->serial = ++next_serial;
		db->next = databases;
		databases = db;
	}
	pthread_mutex_unlock(&databases_lock);
	return r;
}

static void db_close_all(struct peal_db *db)
{
	pthread_key_delete(db->key);
	while (db->connections && !peal__db_is_foreign(db)) {
		struct peal__connection *next = db->connections->next;

		if (db->connections->block_count)
			peal__log(PEAL_LOG_WARNING, "peal.db",
				  "the database \"%s\" was closed inside a block: rolled back; "
				  "end the block before peal_db_close()",
				  db->alias);
		connection_free(db->connections);
		db->connections = next;
	}
	if (!peal__db_is_foreign(db))
		peal__lines_close(db);
	pthread_mutex_destroy(&db->lock);
	db_free(db);
}

int peal_db_open_with(const char *url, const struct peal_db_options *options,
		      struct peal_db **ret_db, struct peal_error *error)
{
	struct peal__connection *c;
	struct peal_db *db = NULL;
	int r = db_new(url, options, &db, error);

	if (r < 0)
		return r;
	r = db_publish(db, error);
	if (r < 0) {
		db_close_all(db);
		return r;
	}
	r = peal__connection_of(db, &c, error);
	if (r == 0)
		r = peal__connection_use(c, error);
	if (r != 0) {
		peal_db_close(db);
		return r;
	}
	peal__connection_done(c);
	*ret_db = db;
	return 0;
}

int peal_db_open(const char *url, struct peal_db **ret_db, struct peal_error *error)
{
	return peal_db_open_with(url, NULL, ret_db, error);
}

void peal_db_close(struct peal_db *db)
{
	if (!db)
		return;
	pthread_mutex_lock(&databases_lock);
	for (struct peal_db **at = &databases; *at; at = &(*at)->next) {
		if (*at == db) {
			*at = db->next;
			break;
		}
	}
	pthread_mutex_unlock(&databases_lock);
	db_close_all(db);
}
