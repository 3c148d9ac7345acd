/* SPDX-License-Identifier: MIT */
/*
 * peal/base.h: what every other header of Peal stands on.
 *
 * Attributes, small helpers, the allocator and the log callback. Nothing here knows what a signal
 * is.
 *
 * Conventions of the whole library
 *
 *   Results    Functions return int: 0 is success, a negative code is a failure to forward
 *              unchanged, a positive code is a condition that the function's own text names and the
 *              caller handles (see peal/error.h). Outputs are named ret_x, come last, and are
 *              written only on success.
 *   Ownership  init/fini work on the caller's memory, new/free on the heap (free(NULL) does
 *              nothing), get borrows, take takes over. Pointers handed in are borrowed for the call
 *              unless the text says otherwise.
 *   Options    Structs whose every member's zero value is the default, written with designated
 *              initialisers.
 *   Threads    Each function says from which threads it may be called. Where it says nothing: from
 *              any thread.
 *   Output     The library never prints and never ends the process. What it has to say goes to the
 *              log callback.
 */
#ifndef PEAL_BASE_H
#define PEAL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define PEAL_BEGIN_DECLS extern "C" {
#define PEAL_END_DECLS }
#else
#define PEAL_BEGIN_DECLS
#define PEAL_END_DECLS
#endif

#if defined(__GNUC__)
#define PEAL_API __attribute__((visibility("default")))
#define PEAL_MUST_CHECK __attribute__((warn_unused_result))
#define PEAL_PRINTF(format_, first_) __attribute__((format(printf, format_, first_)))
#define PEAL_CLEANUP(function_) __attribute__((cleanup(function_)))
#define PEAL__UNUSED __attribute__((unused))
#define PEAL_UNLIKELY(condition_) __builtin_expect(!!(condition_), 0)
#else
#error "Peal needs GCC or Clang"
#endif

/*
 * Only named members in an initialiser: an argument or option added later then never shifts a
 * value.
 */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__cplusplus)
#define PEAL_NAMED_ONLY __attribute__((designated_init))
#else
#define PEAL_NAMED_ONLY
#endif

/* Number of elements of an array (not of a pointer). */
#define PEAL_COUNTOF(array_) (sizeof(array_) / sizeof((array_)[0]))

#define PEAL__TEXT_(x_) #x_
#define PEAL__TEXT(x_) PEAL__TEXT_(x_)
#define PEAL__JOIN_(a_, b_) a_##b_
#define PEAL__JOIN(a_, b_) PEAL__JOIN_(a_, b_)

/* Strict C11 wants an argument for every "...": PEAL__FIRST(__VA_ARGS__, 0). */
#define PEAL__FIRST(first_, ...) first_

#define PEAL_VERSION_MAJOR 0
#define PEAL_VERSION_MINOR 1
#define PEAL_VERSION_PATCH 0
#define PEAL_VERSION "0.1.0"

PEAL_BEGIN_DECLS

/* The version of the library that is running, "0.1.0"; a static string. */
PEAL_API const char *peal_version(void);

/*
 * The allocator of the whole library. alloc returns size bytes aligned for any type, or NULL; free
 * gets back what alloc returned, with the same size. Both are called with a lock of the library
 * held: they must not call Peal.
 */
struct peal_allocator {
	void *ctx;
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *pointer, size_t size);
};

/*
 * Replace malloc and free. Call it before any other function of the library, or after peal_trim()
 * has given back everything; NULL restores the default. Returns 0, or PEAL_EBUSY when memory of the
 * present allocator is in use. In a build with a fixed pool (meson -Dfixed_pool=N) nothing is ever
 * allocated, and this returns PEAL_ENOTSUP.
 */
PEAL_API PEAL_MUST_CHECK int peal_set_allocator(const struct peal_allocator *allocator);

/*
 * Give back all memory that the library keeps for later use, also what was waiting for a running
 * send to end. What is still connected stays. Returns the number of bytes that the library goes on
 * using.
 */
PEAL_API size_t peal_trim(void);

enum peal_log_level {
	PEAL_LOG_ERROR = 1,
	PEAL_LOG_WARNING = 2,
	PEAL_LOG_INFO = 3,
	PEAL_LOG_DEBUG = 4,
};

/*
 * Called with one line of text without its newline, at the moment it happens, in the thread where
 * it happens, with no lock held. domain is the part that speaks: "peal.dispatch", "peal.db".
 * Everything is borrowed for the call.
 */
typedef void peal_log_fn(void *user, enum peal_log_level level, const char *domain,
			 const char *message);

/*
 * Set the log callback; NULL (the default) is silence. To be set before other threads use the
 * library.
 */
PEAL_API void peal_set_log(peal_log_fn *log, void *user);

PEAL_END_DECLS

#endif
