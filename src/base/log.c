/* SPDX-License-Identifier: MIT */
/* The log callback: the only way in which the library speaks. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

static peal_log_fn *log_function;
static void *log_user;

void peal_set_log(peal_log_fn *log, void *user)
{
	log_user = user;
	__atomic_store_n(&log_function, log, __ATOMIC_RELEASE);
}

void peal__log(enum peal_log_level level, const char *domain, const char *format, ...)
{
	peal_log_fn *log = __atomic_load_n(&log_function, __ATOMIC_ACQUIRE);
	char line[1024];
	va_list args;

	if (!log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log(log_user, level, domain, line);
}
