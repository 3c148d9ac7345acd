/* SPDX-License-Identifier: MIT */
/*
 * fuzz_ops.h: bytes become operations on the dispatcher, which are done in the library and in the reference model.
 *
 * An operation is four bytes, op a b c; what they mean stands at the functions do_... in fuzz_ops.c. FUZZ_SCRIPT takes
 * more: the operations that the receivers of one user are to do when they are called. tests/fuzz/corpus.py writes
 * the same in words.
 */
#ifndef PEAL_TEST_FUZZ_OPS_H
#define PEAL_TEST_FUZZ_OPS_H

#include <stddef.h>
#include <stdint.h>

/* The order is that of corpus.py. */
enum fuzz_op {
	FUZZ_CONNECT,
	FUZZ_DISCONNECT,
	FUZZ_DISCONNECT_LIKE,
	FUZZ_SEND,
	FUZZ_SCRIPT,
	FUZZ_SCOPE_END,
	FUZZ_MUTE,
	FUZZ_REGISTER,
	FUZZ_FORGET,
	FUZZ_SIGNAL_NEW,
	FUZZ_SIGNAL_FREE,
	FUZZ_TRIM,
	FUZZ_SNAPSHOT,
	FUZZ_ASK,
	FUZZ_DEPTH,
	FUZZ_WATCH,
	FUZZ_RETURN,
	FUZZ_RESPOND,
	FUZZ_FAIL,
	FUZZ_DISCONNECT_SELF,
	FUZZ_OP_COUNT,
};

struct fuzz_host {
	/* Told what differs and where; does not return. */
	void (*fail)(const char *message);
	/* Let the Nth allocation from now fail (0: none). NULL: the operation FAIL does nothing. */
	void (*fail_allocation)(size_t nth);
};

/* Returns how many operations were done, those of receivers included. */
size_t fuzz_ops_run(const struct fuzz_host *host, const uint8_t *data, size_t size);

#endif
