/* SPDX-License-Identifier: MIT */
/*
 * Reading the school's files. A bad record is reported by file and line, and skipped with everything that was done for
 * it; the others go in. An error that is not a record's ends the import, and nothing of that file goes in.
 */
#ifndef SCHOOL_IMPORT_H
#define SCHOOL_IMPORT_H

#include <peal/error.h>

int import_students(struct peal_error *error);
int import_articles(struct peal_error *error);

#endif
