/* SPDX-License-Identifier: MIT */
/* Steps on transactions: atomic { ... }, on_commit. */
#include "operations.h"

#include <peal/db.h>

#include "database.h"
#include "keep.h"
#include "trace.h"

struct block {
	struct block *outer;
	struct peal_atomic atomic;
	unsigned line;
};

static struct block *innermost;

static int begin(struct step *step)
{
	struct block *block = keep(sizeof(*block));
	int r;

	if (!words_take(&step->words, "{"))
		refuse("atomic needs \"{\"");
	words_end(&step->words);
	r = peal_atomic_enter(&block->atomic, NULL, &step->error);
	if (r != 0)
		die("a block cannot begin: %s", step->error.message);
	block->line = place_line();
	block->outer = innermost;
	innermost = block;
	return 0;
}

/* A block that was broken is rolled back without a word, and so is one that an error leaves. */
static int end(struct step *step)
{
	int result = words_take(&step->words, "raise") ? BLOCK_RAISED : 0;
	struct block *block = innermost;
	int r;

	words_end(&step->words);
	if (!block)
		refuse("there is no block to close");
	innermost = block->outer;
	r = peal_atomic_leave(&block->atomic, result, &step->error);
	return r == BLOCK_RAISED || r == PEAL_ETRANSACTION ? 0 : r;
}

void blocks_check(void)
{
	if (innermost)
		refuse("the block of line %u is not closed", innermost->line);
}

static int on_commit(struct step *step)
{
	const char *name = words_text(&step->words, "a callback");
	bool robust = words_take(&step->words, "robust");
	bool raise = words_take(&step->words, "raise");

	robust |= words_take(&step->words, "robust");
	words_end(&step->words);
	return database_on_commit(name, raise, robust, &step->error);
}

const struct operation transaction_operations[] = {
	{ "atomic", begin, false },
	{ "}", end, false },
	{ "on_commit", on_commit, false },
	{ 0 },
};
