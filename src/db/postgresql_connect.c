/* SPDX-License-Identifier: MIT */
/*
 * Connections to PostgreSQL, and what its errors mean here.
 *
 * A connection fails within a bounded time: connect_timeout while it is made, TCP's own time-outs afterwards. All of
 * that can be set otherwise in the URL. A password is in no message.
 */
#include "postgresql.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VERSION_MIN 130000      /* pg_current_xact_id() and its like */
#define SQL_SHOWN 240           /* bytes of a statement in a message */
#define RESOLVE_TIMEOUT_MS 5000 /* how long to ask for the fate of a COMMIT */

/* Used where neither the URL nor the environment says otherwise. */
static const char *const defaults[][2] = {
	{ "connect_timeout", "10" },
	{ "keepalives", "1" },
	{ "keepalives_idle", "30" },
	{ "keepalives_interval", "10" },
	{ "keepalives_count", "3" },
	{ "tcp_user_timeout", "30000" },
	{ "fallback_application_name", "peal" },
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Errors ------------------------------------------------------------------------------------------------------ */

/* What a SQLSTATE, or all that begin with it, means. The first match is taken. */
static const struct {
	char sqlstate[6];
	int code;
} meanings[] = {
	{ "23", PEAL_EINTEGRITY },      { "40003", PEAL_ECONNECTION }, { "40001", PEAL_ECONFLICT },
	{ "40P01", PEAL_ECONFLICT },    { "40", PEAL_ETRANSACTION },   { "57014", PEAL_ECANCELED },
	{ "25P02", PEAL_ETRANSACTION }, { "25P03", PEAL_ECONNECTION }, { "08", PEAL_ECONNECTION },
	{ "57P", PEAL_ECONNECTION },    { "28", PEAL_ECONNECTION },    { "3D", PEAL_ECONNECTION },
	{ "53300", PEAL_ECONNECTION },  { "55P03", PEAL_EBUSY },       { "0A", PEAL_ENOTSUP },
	{ "22001", PEAL_ETYPE },        { "22003", PEAL_ETYPE },       { "22007", PEAL_ETYPE },
	{ "22008", PEAL_ETYPE },        { "22021", PEAL_ETYPE },       { "22P", PEAL_ETYPE },
	{ "54", PEAL_ELIMIT },
};

static int meaning_of(const char *sqlstate)
{
	for (size_t i = 0; i < PEAL_COUNTOF(meanings); i++)
		if (strncmp(sqlstate, meanings[i].sqlstate, strlen(meanings[i].sqlstate)) == 0)
			return meanings[i].code;
	return PEAL_EDB;
}

static void set_sqlstate(struct peal_error *error, const char *sqlstate)
{
	if (error)
		snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate);
}

/* Messages of libpq have several lines; ours have one. */
static void one_line(const char *message, char *line, size_t size)
{
	size_t length = 0;

	for (; *message && length + 1 < size; message++) {
		bool blank = *message == '\n' || *message == '\t' || *message == ' ';

		if (blank && (!length || line[length - 1] == ' '))
			continue;
		line[length++] = blank ? ' ' : *message;
	}
	while (length && line[length - 1] == ' ')
		length--;
	line[length] = '\0';
}

/*
 * "Key (name)=(Ana) already exists.": the column, when it is one. The words are in the language of the server, the
 * parentheses are not.
 */
static bool column_of_detail(const char *detail, char *field, size_t size)
{
	const char *begin = detail ? strchr(detail, '(') : NULL;
	const char *end = begin ? strstr(begin, ")=(") : NULL;
	size_t length;

	if (!end)
		return false;
	begin++;
	if (end - begin > 2 && *begin == '"' && end[-1] == '"') {
		begin++;
		end--;
	}
	length = (size_t)(end - begin);
	if (!length || length >= size || memchr(begin, ',', length) || memchr(begin, '(', length) ||
	    memchr(begin, '"', length))
		return false;
	memcpy(field, begin, length);
	field[length] = '\0';
	return true;
}

static void field_of(const PGresult *result, struct peal_error *error)
{
	const char *column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

	if (!column && column_of_detail(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
					error->field, sizeof(error->field)))
		return;
	if (column || constraint)
		snprintf(error->field, sizeof(error->field), "%s", column ? column : constraint);
}

int peal__pg_lost(struct peal__connection *c, const char *sqlstate, const char *consequence,
		  struct peal_error *error)
{
	c->lost = true;
	peal_error_set(error, PEAL_ECONNECTION,
		       "the connection to the database \"%s\" was lost: %s", c->db->alias,
		       consequence);
	set_sqlstate(error, sqlstate);
	return PEAL_ECONNECTION;
}

static int told(const PGresult *result, const char *sqlstate, const char *sql,
		struct peal_error *error)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
	/* What the server has too little of, a full disk for example, comes with what to do about it. */
	const char *hint = strncmp(sqlstate, "53", 2) == 0
				   ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT)
				   : NULL;
	int code = meaning_of(sqlstate);

	if (strcmp(sqlstate, "42601") == 0 && function &&
	    strcmp(function, "exec_parse_message") == 0)
		code = PEAL_EINVAL;
	/* The reason first: of a long message the end is lost. */
	peal_error_set(error, code, "%s%s%s%s%s: %.*s%s",
		       message ? message : "an error without words", detail ? ": " : "",
		       detail ? detail : "", hint ? ": " : "", hint ? hint : "", SQL_SHOWN, sql,
		       strlen(sql) > SQL_SHOWN ? "..." : "");
	if (!error)
		return code;
	set_sqlstate(error, sqlstate);
	if (code == PEAL_EINTEGRITY)
		field_of(result, error);
	return code;
}

int peal__pg_failed(struct peal__connection *c, const PGresult *result, const char *sql,
		    struct peal_error *error)
{
	struct peal__pg *pg = c->handle;
	const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *severity =
		result ? PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;
	char line[256];

	/* After FATAL the server says no more. */
	if (PQstatus(pg->conn) != CONNECTION_OK ||
	    (severity && (*severity == 'F' || *severity == 'P')))
		c->lost = true;
	if (sqlstate)
		return told(result, sqlstate, sql, error);
	one_line(PQerrorMessage(pg->conn), line, sizeof(line));
	/* A write that failed leaves the status as it was: libpq waits for what the server may still have said. */
	if (strstr(line, "data to server") || strstr(line, "server closed the connection"))
		c->lost = true;
	if (c->lost)
		return peal__pg_lost(c, "08006",
				     pg->in_block ? "the transaction has ended"
						  : "what this statement did is not known",
				     error);
	if (!*line || strstr(line, "out of memory"))
		return peal_error_set(error, PEAL_ENOMEM, "out of memory: %s", sql);
	return peal_error_set(error, PEAL_EDB, "%s: %s", line, sql);
}

/* ---- Opening ------------------------------------------------------------------------------------------------------- */

/* Put *** for the password of a URL wherever it stands in a text. */
static void hide_password(char *text)
{
	char *at = strstr(text, "://");
	char *end = at ? strchr(at, '@') : NULL;
	char *colon = at ? strchr(at + 3, ':') : NULL;

	while (end && strchr(end + 1, '@'))
		end = strchr(end + 1, '@');
	if (end && colon && colon < end) {
		memset(colon + 1, '*', (size_t)(end - colon - 1));
	}
	at = strstr(text, "password=");
	for (at = at ? at + 9 : NULL; at && *at && *at != '&' && *at != '"' && *at != ' '; at++)
		*at = '*';
}

static const char *option_of(const PQconninfoOption *options, const char *name)
{
	for (; options && options->keyword; options++)
		if (strcmp(options->keyword, name) == 0 && options->val && *options->val)
			return options->val;
	return NULL;
}

static PQconninfoOption *parse(const struct peal_db *db, struct peal_error *error)
{
	char *url = peal__db_alloc(strlen(db->url) + sizeof("postgresql:")), *message = NULL;
	char line[320];
	PQconninfoOption *options;

	if (!url) {
		peal__no_memory(error);
		return NULL;
	}
	strcat(strcpy(url, "postgresql:"), db->url);
	if (strncmp(db->url, "//", 2) != 0) {
		hide_password(url);
		peal_error_set(
			error, PEAL_EINVAL,
			"the database URL \"%s\" must begin with postgresql://, as in "
			"postgresql://USER@HOST:PORT/DATABASE or postgresql:///DATABASE?host=/FOLDER/OF/SOCKET",
			url);
		peal__db_free(url);
		return NULL;
	}
	options = PQconninfoParse(url, &message);
	if (!options) {
		one_line(message ? message : "out of memory", line, sizeof(line));
		hide_password(line);
		peal_error_set(
			error, message ? PEAL_EINVAL : PEAL_ENOMEM,
			"the database URL cannot be read: %s (it is postgresql://USER@HOST:PORT/DATABASE)",
			line);
		PQfreemem(message);
	}
	peal__db_free(url);
	return options;
}

/* How long all hosts together may take. */
static int64_t patience_ms(const PQconninfoOption *options)
{
	const char *seconds = option_of(options, "connect_timeout");
	const char *hosts = option_of(options, "host");
	int64_t each = seconds ? strtol(seconds, NULL, 10) : 10, count = 1;

	for (; hosts && *hosts; hosts++)
		count += *hosts == ',';
	return each > 0 ? (each < 2 ? 2 : each) * 1000 * count : INT64_MAX / 2;
}

static PGconn *start(const PQconninfoOption *options)
{
	const char *keywords[64], *values[64];
	size_t count = 0;

	for (; options->keyword && count < PEAL_COUNTOF(keywords) - 1; options++) {
		const char *value = options->val;

		for (size_t i = 0; i < PEAL_COUNTOF(defaults) && (!value || !*value); i++)
			if (strcmp(options->keyword, defaults[i][0]) == 0 &&
			    !(options->envvar && getenv(options->envvar)))
				value = defaults[i][1];
		if (strcmp(options->keyword, "client_encoding") == 0)
			value = "UTF8";
		if (!value)
			continue;
		keywords[count] = options->keyword;
		values[count++] = value;
	}
	keywords[count] = values[count] = NULL;
	return PQconnectStartParams(keywords, values, 0);
}

/* False when the time is over. */
static bool finish(PGconn *conn, int64_t deadline)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
		struct pollfd ready = { .fd = PQsocket(conn),
					.events =
						state == PGRES_POLLING_READING ? POLLIN : POLLOUT };
		int64_t left = deadline - now_ms();

		if (left <= 0)
			return false;
		if (poll(&ready, 1, left < 60000 ? (int)left : 60000) < 0 && errno != EINTR)
			return false;
		if (ready.revents)
			state = PQconnectPoll(conn);
	}
	return true;
}

/* "FATAL:  3D000: database ...": verbose messages have the SQLSTATE in them, which libpq gives in no other way. */
static void sqlstate_of_message(const char *message, char sqlstate[6])
{
	memcpy(sqlstate, "08001", 6);
	for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  ")) {
		if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[8] == ':') {
			memcpy(sqlstate, at + 3, 5);
			return;
		}
	}
}

static const char *remedy_for(const char *sqlstate)
{
	if (strcmp(sqlstate, "3D000") == 0)
		return "; create it by createdb, or name another one in the URL";
	if (strncmp(sqlstate, "28", 2) == 0)
		return "; the URL needs another user or password, or the server's pg_hba.conf another line";
	if (strcmp(sqlstate, "53300") == 0)
		return "; use fewer threads, or raise the server's max_connections";
	if (strcmp(sqlstate, "57P03") == 0)
		return "; try again in a moment";
	return "";
}

static int not_opened(PGconn *conn, const PQconninfoOption *options, bool in_time,
		      struct peal_error *error)
{
	const char *host = option_of(options, "host"), *database = option_of(options, "dbname");
	const char *port = option_of(options, "port"), *message = PQerrorMessage(conn);
	char line[300], sqlstate[6];
	char *location = strstr(message, "LOCATION:");

	sqlstate_of_message(message, sqlstate);
	if (location)
		*location = '\0';
	one_line(in_time ? message : "it did not answer in time", line, sizeof(line));
	hide_password(line);
	peal_error_set(error, PEAL_ECONNECTION, "cannot open the database \"%s\" on %s%s%s: %s%s",
		       database     ? database
		       : PQdb(conn) ? PQdb(conn)
				    : "",
		       host ? host : "the local server", host && port ? ":" : "",
		       host && port ? port : "", line, remedy_for(sqlstate));
	set_sqlstate(error, sqlstate);
	return PEAL_ECONNECTION;
}

/* A connection, or NULL and the error. */
static PGconn *dial(const struct peal_db *db, const PQconninfoOption *options,
		    struct peal_error *error)
{
	PGconn *conn = start(options);
	bool in_time;

	if (!conn) {
		peal__no_memory(error);
		return NULL;
	}
	PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	in_time = PQstatus(conn) == CONNECTION_BAD || finish(conn, now_ms() + patience_ms(options));
	if (!in_time || PQstatus(conn) != CONNECTION_OK) {
		not_opened(conn, options, in_time, error);
		PQfinish(conn);
		return NULL;
	}
	PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
	if (PQserverVersion(conn) < VERSION_MIN) {
		peal_error_set(error, PEAL_ENOTSUP,
			       "the database \"%s\" is on PostgreSQL %d: it must be %d or later",
			       db->alias, PQserverVersion(conn) / 10000, VERSION_MIN / 10000);
		PQfinish(conn);
		return NULL;
	}
	return conn;
}

/* Notices are for people at a terminal; the last words of a server are not. */
static void notice(void *user, const PGresult *result)
{
	struct peal__pg *pg = user;
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity && (*severity == 'F' || *severity == 'P'))
		pg->dying = true;
}

static int set_up(struct peal__connection *c, const PQconninfoOption *options,
		  struct peal_error *error)
{
	struct peal__pg *pg = c->handle;
	const char *given = option_of(options, "options");
	char sql[400], *at = sql;
	PGresult *result;
	int r = 0;

	at = stpcpy(at,
		    "SET TIME ZONE 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; "
		    "SET bytea_output = 'hex'; SET standard_conforming_strings = on");
	if (!given || !strstr(given, "lock_timeout"))
		at += sprintf(at, "; SET lock_timeout = %u",
			      (unsigned)c->db->options.busy_timeout_ms);
	if (c->db->options.statement_timeout_ms)
		at += sprintf(at, "; SET statement_timeout = %u",
			      (unsigned)c->db->options.statement_timeout_ms);
	if (c->db->options.read_only)
		stpcpy(at, "; SET default_transaction_read_only = on");
	result = PQexec(pg->conn, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		r = peal__pg_failed(c, result, "setting the connection up", error);
	PQclear(result);
	return r;
}

int peal__pg_open(struct peal__connection *c, struct peal_error *error)
{
	struct peal_error own = { 0 }, *told_error = error ? error : &own;
	PQconninfoOption *options = parse(c->db, told_error);
	struct peal__pg *pg = options ? peal__db_alloc(sizeof(*pg)) : NULL;
	int r = 0;

	if (options && !pg)
		peal__no_memory(told_error);
	if (pg)
		pg->conn = dial(c->db, options, told_error);
	if (!pg || !pg->conn) {
		peal__db_free(pg);
		PQconninfoFree(options);
		return told_error->code;
	}
	c->handle = pg;
	PQsetNoticeReceiver(pg->conn, notice, pg);
	r = set_up(c, options, error);
	PQconninfoFree(options);
	if (r < 0)
		peal__pg_close(c);
	return r;
}

void peal__pg_close(struct peal__connection *c)
{
	struct peal__pg *pg = c->handle;

	if (!pg)
		return;
	c->handle = NULL;
	PQfinish(pg->conn);
	peal__db_free(pg->dropped);
	peal__text_fini(&pg->copy);
	peal__db_free(pg);
}

/* Nothing is to be read from a server that has nothing to say, but its farewell. */
bool peal__pg_is_alive(struct peal__connection *c)
{
	struct peal__pg *pg = peal__pg_of(c);
	struct pollfd ready = { .events = POLLIN };

	if (pg->streaming)
		return true;
	ready.fd = PQsocket(pg->conn);
	while (ready.fd >= 0 && !pg->dying && poll(&ready, 1, 0) > 0) {
		if (!PQconsumeInput(pg->conn))
			return false;
		PQisBusy(pg->conn); /* which reads what has come */
		ready.fd = PQsocket(pg->conn);
	}
	return ready.fd >= 0 && !pg->dying && PQstatus(pg->conn) == CONNECTION_OK;
}

/* ---- The fate of a COMMIT --------------------------------------------------------------------------------------------- */

/* 1, 0, -1 as peal__pg_resolve(); 2: it has not ended yet. */
static int ask(PGconn *conn, const char *xid)
{
	const char *values[] = { xid };
	PGresult *result = PQexecParams(conn, "SELECT pg_xact_status($1::text::xid8)", 1, NULL,
					values, NULL, NULL, 0);
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *state =
		PQresultStatus(result) == PGRES_TUPLES_OK ? PQgetvalue(result, 0, 0) : "";
	int answer = -1;

	if (strcmp(state, "committed") == 0)
		answer = 1;
	else if (strcmp(state, "in progress") == 0)
		answer = 2;
	else if (strcmp(state, "aborted") == 0 || (sqlstate && strcmp(sqlstate, "22023") == 0))
		answer = 0; /* 22023: a number that the server, after a crash, has yet to give */
	PQclear(result);
	return answer;
}

int peal__pg_resolve(struct peal__connection *c, const char *xid)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	PQconninfoOption *options = parse(c->db, NULL);
	int64_t deadline = now_ms() + RESOLVE_TIMEOUT_MS;
	PGconn *conn = NULL;
	int answer = 2;

	while (options && answer == 2 && now_ms() < deadline) {
		if (!conn)
			conn = dial(c->db, options, NULL);
		if (conn)
			answer = ask(conn, xid);
		if (conn && PQstatus(conn) != CONNECTION_OK) {
			PQfinish(conn);
			conn = NULL;
			answer = 2;
		}
		if (answer == 2)
			nanosleep(&pause, NULL);
	}
	PQfinish(conn);
	PQconninfoFree(options);
	return answer == 2 ? -1 : answer;
}
