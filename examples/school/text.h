/* SPDX-License-Identifier: MIT */
/* Text in UTF-8. main() sets LC_CTYPE to C.UTF-8, where letters of all scripts have their cases. */
#ifndef SCHOOL_TEXT_H
#define SCHOOL_TEXT_H

#include <stddef.h>

/* A copy without blanks around it, every word with a capital, to be freed. NULL: no memory. (Python: strip().title()) */
char *title_case(const char *text);

/* "Crêpes à la Mode" becomes "crepes-a-la-mode"; to be freed. */
char *slugify(const char *text);

int count_words(const char *text);

/* How many columns of a terminal it takes. */
int text_width(const char *text);

/* Cut blanks off the end, in place, and return the start without blanks. */
char *strip(char *text);

#endif
