/* SPDX-License-Identifier: MIT */
#ifndef PEAL_BASE_LOG_H
#define PEAL_BASE_LOG_H

#include <peal/base.h>

/* Give a line to the application's log callback, if there is one. Never under a lock. */
PEAL_API void peal__log(enum peal_log_level level, const char *domain, const char *format, ...)
	PEAL_PRINTF(3, 4);

#endif
