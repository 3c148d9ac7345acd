/* SPDX-License-Identifier: MIT */
/*
 * The language: a file is lines, a line is words, and a word may be a NAME, a VALUE or a pair
 * NAME=VALUE. What cannot be parsed ends the program with exit status 2.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include <peal/value.h>

/* The words of a line that are still to be read. Copy it to look ahead. */
struct words {
	const char *const *items;
	size_t count, at;
};

struct line {
	unsigned number;
	struct words words; /* at least one */
};

struct scenario {
	const struct line *lines;
	size_t count;
};

/* A VALUE: a literal, or the name of a variable. */
struct value {
	const char *variable; /* NULL: literal */
	struct peal_value literal;
};

struct pair {
	const char *name;
	struct value value;
};

struct pairs {
	const struct pair *items;
	size_t count;
};

struct scenario scenario_read(const char *path);

/* The next word, or NULL; taken by words_next(), which refuses the line when there is none. */
const char *words_peek(const struct words *words);
const char *words_next(struct words *words, const char *what);
/* Whether the next word is this one; it is taken then. */
bool words_take(struct words *words, const char *word);
/* What stands behind "PREFIX=" in the next word, which is taken then; else NULL. */
const char *words_option(struct words *words, const char *prefix);
void words_end(const struct words *words);

const char *words_name(struct words *words, const char *what);
struct value words_value(struct words *words);
/* A word or a JSON string, for what is always text. */
const char *words_text(struct words *words, const char *what);
/* All pairs that follow, up to a word that is none. */
struct pairs words_pairs(struct words *words);

bool is_name(const char *text);
struct value value_parse(const char *text);
/* "a,b,c" in parts. */
struct words list_parse(const char *text);
/* The text of a word that is a JSON string, or the word itself. */
const char *text_parse(const char *word);

#endif
