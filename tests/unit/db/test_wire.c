/* SPDX-License-Identifier: MIT */
/* What passes between us and a server: how much of it there is, and what happens when it is cut at each message. */
#include "fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

enum cut {
	CUT_REQUEST, /* the server never sees it */
	CUT_ANSWER,  /* the server does it, and nobody hears */
	CUT_END,     /* all of the answer comes but its last words */
	CUT_COUNT
};

/* Between client and server; shared with the process that carries the messages. */
struct wire {
	int nth; /* request to be cut; 0: none */
	int count;
	enum cut cut;
	char folder[200]; /* of the server's socket */
};

static int socket_in(const char *folder, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "%.90s/.s.PGSQL.5432", folder);
	return (int)T_SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* All that the server says to one request: it ends with ReadyForQuery, or an R of the greeting. */
static size_t read_answer(int from, char *data, size_t size)
{
	size_t length = 0;
	ssize_t part;

	do {
		part = read(from, data + length, size - length);
		length += part > 0 ? (size_t)part : 0;
	} while (part > 0 && !(length >= 6 && memcmp(data + length - 6, "Z\0\0\0\5", 5) == 0));
	return length;
}

static void cut_here(struct wire *wire, int client, int server, const char *request, size_t size)
{
	static char answer[65536];
	size_t length;

	wire->nth = 0;
	if (wire->cut == CUT_REQUEST)
		return;
	if (write(server, request, size) < 0)
		return;
	length = read_answer(server, answer, sizeof(answer));
	/* "C....COMMIT" and ReadyForQuery are 18 bytes. */
	if (wire->cut == CUT_END && length > 18 && write(client, answer, length - 18) < 0)
		return;
}

/* Carries one connection until it ends. */
static void carry(struct wire *wire, int client)
{
	static char data[65536];
	struct sockaddr_un address;
	int server = socket_in(wire->folder, &address);
	struct pollfd ends[2] = { { .fd = client, .events = POLLIN },
				  { .fd = server, .events = POLLIN } };

	T_SYS(connect(server, (struct sockaddr *)&address, sizeof(address)));
	for (;;) {
		T_SYS(poll(ends, 2, -1));
		for (int i = 0; i < 2; i++) {
			ssize_t size = ends[i].revents ? read(ends[i].fd, data, sizeof(data)) : -1;

			if (ends[i].revents && size <= 0)
				return;
			/* A farewell is no request; it may come when the next connection is there already. */
			if (i == 0 && size > 0 && *data != 'X' && ++wire->count == wire->nth) {
				cut_here(wire, client, server, data, (size_t)size);
				return;
			}
			if (size > 0 && write(ends[!i].fd, data, (size_t)size) != size)
				return;
		}
	}
}

static pid_t wire_start(struct wire *wire, const char *folder)
{
	struct sockaddr_un address;
	int listener = socket_in(folder, &address);
	pid_t pid;

	T_SYS(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	T_SYS(listen(listener, 16));
	pid = (pid_t)T_SYS(fork());
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		signal(SIGCHLD, SIG_IGN); /* connections are carried by processes of their own */
		for (;;) {
			int client = accept(listener, NULL, NULL);

			if (client >= 0 && fork() == 0) {
				close(listener);
				carry(wire, client);
				_exit(0);
			}
			close(client);
		}
	}
	close(listener);
	return pid;
}

/* A server whose answers come by the wire. */
static pid_t wire_open(struct wire *wire, char *url, size_t size)
{
	const char *begin = strstr(server_url(), "host=") + 5, *folder = test_tmpdir();

	snprintf(wire->folder, sizeof(wire->folder), "%.*s", (int)strcspn(begin, "&"), begin);
	snprintf(url, size, "postgresql://peal@/postgres?host=%s%s", folder,
		 strstr(database_url(), "&options="));
	return wire_start(wire, folder);
}

static int ran;

static int note_ran(void *unused, struct peal_error *error)
{
	(void)unused;
	(void)error;
	ran++;
	return 0;
}

static int work(int number, struct peal_error *error)
{
	int r, inner = 0;

	PEAL_ATOMIC(r, error) {
		r = PEAL_ON_COMMIT(error, note_ran, .user = NULL);
		if (r == 0)
			r = peal_db_exec(NULL, "INSERT INTO t VALUES ($1)",
					 PEAL_PARAMS(PEAL_INT(number)), NULL, error);
		PEAL_ATOMIC(inner, NULL) {
			inner = peal_db_exec(NULL, "INSERT INTO t VALUES ($1)",
					     PEAL_PARAMS(PEAL_INT(number)), NULL, NULL);
		}
		if (r == 0)
			r = inner;
	}
	return r;
}

static void cut_everywhere(struct wire *wire, const char *url, enum cut cut, int *ret_unknown,
			   int *ret_resolved)
{
	for (int nth = 1;; nth++) {
		struct peal_error error = { 0 };
		struct peal_db *db = NULL;
		int64_t rows;
		char sql[80];
		int r, number = (int)cut * 1000 + nth;

		wire->count = 0;
		wire->cut = cut;
		wire->nth = nth;
		ran = 0;
		r = peal_db_open(url, &db, &error);
		if (r == 0)
			r = work(number, &error);
		if (wire->nth) {
			T_OK(r);
			wire->nth = 0;
			peal_db_close(db);
			return;
		}
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM t WHERE a = %d", number);
		rows = number_on("other", sql);
		T_TRUE(r == 0 || r == PEAL_ECONNECTION);
		T_INT(ran, r == 0);
		if (strcmp(error.sqlstate, "08007") == 0)
			++*ret_unknown;
		else
			T_INT(rows, r == 0 ? 2 : 0);
		T_TRUE(r < 0 || !error.code);
		*ret_resolved += r == 0;
		/* The next use of the database finds it in order. */
		if (db)
			T_INT(number_of(sql), rows);
		peal_db_close(db);
	}
}

TEST_TIMEOUT(wire_is_cut_everywhere, 120)
{
	struct peal_db *other = open_url(database_url(), "other");
	int unknown[CUT_COUNT] = { 0 }, resolved[CUT_COUNT] = { 0 }, status;
	struct wire *wire = mmap(NULL, sizeof(*wire), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char url[900];
	pid_t pid;

	T_OK(peal_db_exec("other", "CREATE TABLE t (a integer)", NULL, NULL, NULL));
	pid = wire_open(wire, url, sizeof(url));
	for (int cut = 0; cut < CUT_COUNT; cut++)
		cut_everywhere(wire, url, (enum cut)cut, &unknown[cut], &resolved[cut]);
	T_SYS(kill(pid, SIGKILL));
	T_SYS(waitpid(pid, &status, 0));
	/* A COMMIT of which nothing was heard stays unknown; one whose number was heard has been found out. */
	T_INT(unknown[CUT_REQUEST], 1);
	T_INT(unknown[CUT_ANSWER], 1);
	T_INT(unknown[CUT_END], 0);
	T_INT(resolved[CUT_END], 1);
	munmap(wire, sizeof(*wire));
	peal_db_close(other);
}

/* How often something was sent since the last call. */
static int requests(struct wire *wire)
{
	int count = wire->count;

	wire->count = 0;
	return count;
}

static int insert_in_block(int number, bool nested)
{
	int r, inner = 0;

	PEAL_ATOMIC(r, NULL) {
		exec("INSERT INTO t VALUES (1)");
		for (int i = 1; i < number; i++)
			exec("INSERT INTO t VALUES (1)");
		if (nested) {
			PEAL_ATOMIC(inner, NULL) {
				exec("INSERT INTO t VALUES (1)");
			}
			T_OK(inner);
		}
	}
	return r;
}

TEST(round_trips)
{
	struct wire *wire = mmap(NULL, sizeof(*wire), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct peal_db *db = NULL;
	char url[900];
	pid_t pid = wire_open(wire, url, sizeof(url));
	int r, inner = 0;

	T_OK(peal_db_open(url, &db, NULL));
	exec("CREATE TABLE t (a integer)");
	T_OK(insert_in_block(1, false)); /* everything is prepared now */
	requests(wire);
	exec("INSERT INTO t VALUES (1)");
	T_INT(requests(wire), 1);
	/* BEGIN and INSERT, COMMIT with the question for the transaction's number. */
	T_OK(insert_in_block(1, false));
	T_INT(requests(wire), 2);
	T_OK(insert_in_block(10, false));
	T_INT(requests(wire), 11);
	T_OK(insert_in_block(1, true));
	T_INT(requests(wire), 5);
	PEAL_ATOMIC(r, NULL) {
		PEAL_ATOMIC(inner, NULL) {
			T_INT(requests(wire), 1); /* BEGIN; SAVEPOINT */
		}
	}
	T_OK(r);
	T_INT(requests(wire), 2);
	/* Nothing happens in it, so nothing is sent. */
	PEAL_ATOMIC(r, NULL) {
		r = 0;
	}
	T_OK(r);
	PEAL_ATOMIC(r, NULL) {
		r = PEAL_EUSER;
	}
	T_CODE(r, PEAL_EUSER);
	T_INT(requests(wire), 0);
	peal_db_close(db);
	T_SYS(kill(pid, SIGKILL));
	T_SYS(waitpid(pid, NULL, 0));
	munmap(wire, sizeof(*wire));
}

/* What is wrong with the first statement of a block is told as with any other, and ends the block. */
TEST(errors_beside_a_begin)
{
	struct peal_db *db = open_database();
	struct peal_error error = { 0 };
	int r;

	exec("CREATE TABLE t (a integer UNIQUE)");
	exec("INSERT INTO t VALUES (1)");
	for (int i = 0; i < 2; i++) {
		PEAL_ATOMIC(r, &error) {
			T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (1)", NULL, NULL, &error),
			       PEAL_EINTEGRITY);
			T_STR(error.sqlstate, "23505");
			T_CODE(peal_db_exec(NULL, "INSERT INTO t VALUES (2)", NULL, NULL, &error),
			       PEAL_ETRANSACTION);
		}
		T_CODE(r, PEAL_ETRANSACTION);
		PEAL_ATOMIC(r, &error) {
			r = peal_db_exec(NULL, "INSERT INTO nowhere VALUES (1)", NULL, NULL,
					 &error);
			T_STR(error.sqlstate, "42P01");
		}
		T_CODE(r, PEAL_EDB);
		PEAL_ATOMIC_WITH(r, &error, .read_only = true) {
			r = peal_db_exec(NULL, "INSERT INTO t VALUES (3)", NULL, NULL, &error);
			T_STR(error.sqlstate, "25006");
		}
		T_CODE(r, PEAL_EDB);
	}
	/* A COPY would wait for data behind the BEGIN. */
	PEAL_ATOMIC(r, &error) {
		r = peal_db_exec(NULL, "COPY t FROM STDIN", NULL, NULL, &error);
	}
	T_CODE(r, PEAL_ENOTSUP);
	T_INT(number_of("SELECT count(*) FROM t"), 1);
	peal_db_close(db);
}
