/* SPDX-License-Identifier: MIT */
/*
 * peal/error.h: result codes, and the optional detail of an error.
 *
 * Every code, its text and its Django counterpart stand in one list, PEAL_ERROR_CODES; the enum,
 * peal_strerror() and docs/errors.md come from it.
 *
 *	struct peal_error error = { 0 };
 *	if (peal_db_open("sqlite:school.db", &db, &error) < 0)
 *		fprintf(stderr, "school: %s\n", error.message);
 *
 * There is no thread-local "last error": what was not asked for is not kept.
 *
 * Look at it after a failure only. A call that succeeds puts nothing into it: it stays as it was,
 * or is cleared (by a send, and so by what sends signals). So what was zero stays zero until a call
 * fails; what a failure has put there may be gone after the next call.
 */
#ifndef PEAL_ERROR_H
#define PEAL_ERROR_H

#include <peal/base.h>

PEAL_BEGIN_DECLS

/*
 * X(name, value, text). Negative: a failure, to forward unchanged. Positive: a condition, which the
 * function that returns it names and the caller handles. The numbers never change.
 */
#define PEAL_ERROR_CODES(X)                                                                 \
	X(PEAL_OK, 0, "success")                                                            \
	X(PEAL_EINVAL, -1, "invalid argument")                                              \
	X(PEAL_ENOMEM, -2, "out of memory")                                                 \
	X(PEAL_EDEPTH, -3, "sends are nested too deeply")                                   \
	X(PEAL_EDEADLK, -4, "waiting here could never end")                                 \
	X(PEAL_EBUSY, -5, "in use")                                                         \
	X(PEAL_ENOTSUP, -6, "not supported by this build or this database")                 \
	X(PEAL_ECANCELED, -7, "cancelled")                                                  \
	X(PEAL_ESYS, -8, "a system call failed")                                            \
	X(PEAL_EDB, -9, "database error")                                                   \
	X(PEAL_EINTEGRITY, -10, "a constraint of the database was violated")                \
	X(PEAL_ETRANSACTION, -11, "the transaction is broken or not in the state for this") \
	X(PEAL_EPROTECTED, -12, "protected rows refer to what was to be deleted")           \
	X(PEAL_ERESTRICTED, -13, "restricted rows refer to what was to be deleted")         \
	X(PEAL_ECONNECTION, -14, "the connection to the database was lost or refused")      \
	X(PEAL_EFORK, -15, "the connection belongs to the parent process")                  \
	X(PEAL_ELIMIT, -16, "a limit of the library was reached")                           \
	X(PEAL_ERECEIVER, -17, "a receiver failed")                                         \
	X(PEAL_ETYPE, -18, "a value has the wrong type")                                    \
	X(PEAL_ECONFLICT, -19, "another transaction was in the way: do it again")           \
	X(PEAL_ERECURSION, -20, "a receiver saves the row that it is told about")           \
	X(PEAL_NOT_FOUND, 1, "not found")                                                   \
	X(PEAL_EXISTS, 2, "exists already")                                                 \
	X(PEAL_MULTIPLE, 3, "more than one found")                                          \
	X(PEAL_RUNNING, 4, "still running")                                                 \
	X(PEAL_PENDING, 5, "waiting for its sender to be registered")                       \
	X(PEAL_INVALID, 6, "the values are not valid")                                      \
	X(PEAL_DONE, 8, "nothing more to come")

/*
 * Codes of an application: those from here down, PEAL_EUSER - 1 and so on, are never Peal's. A
 * receiver may return them; they reach the sender as they are.
 */
#define PEAL_EUSER (-1000)

enum peal_code {
#define PEAL__X(name_, value_, text_) name_ = (value_),
	PEAL_ERROR_CODES(PEAL__X)
#undef PEAL__X
};

#define PEAL_ERROR_MESSAGE_MAX 512
#define PEAL_ERROR_NAME_MAX 64

/*
 * The detail of an error, in the caller's memory, filled only when there is one. Zero-initialise
 * it; it owns nothing and needs no clean-up. Messages name the thing and, where there is one, the
 * remedy.
 */
struct peal_error {
	int code;                           /* the code that the function returned; 0 when unused */
	int system_errno;                   /* errno, where a system call failed; else 0 */
	char sqlstate[6];                   /* "23505", where a database spoke; else "" */
	char field[PEAL_ERROR_NAME_MAX];    /* the field or column concerned; else "" */
	char receiver[PEAL_ERROR_NAME_MAX]; /* the receiver that failed; else "" */
	char message
		[PEAL_ERROR_MESSAGE_MAX]; /* one line of text, cut at a character when too long */
};

/* The text of a code, as in the list above; "unknown error" for any other number. Static. */
PEAL_API const char *peal_strerror(int code);

/* The name of a code ("PEAL_ENOMEM"), or "PEAL_?" for a number that is none. Static. */
PEAL_API const char *peal_error_name(int code);

/*
 * Fill *error (NULL is allowed: then nothing is written) with a message, and return code, so that
 *
 *	return peal_error_set(call->error, PEAL_EINVAL, "the name of student %d is empty", id);
 *
 * is the whole of reporting. Never allocates. peal_error_clear() makes it as good as new.
 */
PEAL_API int peal_error_set(struct peal_error *error, int code, const char *format, ...)
	PEAL_PRINTF(3, 4);
PEAL_API void peal_error_clear(struct peal_error *error);

/*
 * Put a text in front of the message: "while saving school.Student 4: " + what it said. NULL is
 * allowed.
 */
PEAL_API void peal_error_prefix(struct peal_error *error, const char *format, ...)
	PEAL_PRINTF(2, 3);

PEAL_END_DECLS

#endif
