/* SPDX-License-Identifier: MIT */
/*
 * Steps whose operations the library does not have yet. When it gets one, its step goes from here
 * to the file of its kind.
 */
#include "operations.h"

#include "keep.h"

static int missing(struct step *step)
{
	refuse("not supported: %s", step->op);
}

const struct operation missing_operations[] = {
	{ "bulk_create", missing, false },
	{ "bulk_update", missing, false },
	{ "m2m", missing, false },
	{ "loaddata", missing, false },
	{ 0 },
};
