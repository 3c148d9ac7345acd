/* SPDX-License-Identifier: MIT */
/* Uploaded files: they live in the media directory, and rows have their paths below it. */
#ifndef SCHOOL_FILES_H
#define SCHOOL_FILES_H

#include <stdbool.h>

struct peal_error;

/* Whether it begins as a PNG or JPEG does. 0, or PEAL_INVALID with the reason. */
int image_check(const char *path, struct peal_error *error);

/* Copy a file to the media directory, under a path relative to it. */
int media_add(const char *from, const char *name, struct peal_error *error);

/* Remove one; it is no error when it is not there. Returns whether it was. */
bool media_remove(const char *name);

#endif
