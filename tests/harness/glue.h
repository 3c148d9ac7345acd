/* SPDX-License-Identifier: MIT */
/*
 * glue.h: what the harness does for a library around each test.
 *
 * The harness knows no library. A file that does (tests/harness/glue_*.c) defines test_glue, and is
 * linked into the test executables of that library; without one, nothing is called.
 *
 *	static void before(void) { T_OK(peal_set_allocator(&counting_allocator)); }
 *	static void settle(void) { peal_trim(); }
 *	const struct test_glue test_glue = { .before = before, .settle = settle };
 *
 * All run in the process of the test, and may use the asserts: what fails there fails the test.
 */
#ifndef PEALTEST_GLUE_H
#define PEALTEST_GLUE_H

struct test_glue {
	/* Before the test. The counts of allocations and descriptors are taken first. */
	void (*before)(void);
	/* After the body returned: undo what before() did. The counts are compared afterwards. */
	void (*after)(void);
	/* Make the library give back what it only keeps; before each comparison of counts. */
	void (*settle)(void);
	/* The name of a result code, for messages: "PEAL_ENOMEM"; NULL when there is none. */
	const char *(*code_name)(int code);
};

extern const struct test_glue test_glue;

#endif
