/* SPDX-License-Identifier: MIT */
/*
 * limit.h: what no library can beat. A shared library that holds an array of (function, ctx) and
 * calls one after the other: no locks, no threads, no senders, no errors, no changes during a send.
 */
#ifndef LIMIT_H
#define LIMIT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef void limit_fn(void *ctx, const void *sender, const void *args);

struct limit_signal;

struct limit_signal *limit_new(void);
void limit_free(struct limit_signal *signal);
void limit_connect(struct limit_signal *signal, limit_fn *function, void *ctx);
/* Looks from the newest backwards. */
void limit_disconnect(struct limit_signal *signal, limit_fn *function, void *ctx);
void limit_send(const struct limit_signal *signal, const void *sender, const void *args);

#ifdef __cplusplus
}
#endif

#endif
