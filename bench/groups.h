/* SPDX-License-Identifier: MIT */
/*
 * groups.h: the groups of figures of bench-dispatch. bench/run gives each group a process of its
 * own.
 */
#ifndef GROUPS_H
#define GROUPS_H

void bench_send(void);        /* send_0 to send_100, and what goes with a send */
void bench_senders(void);     /* send_1 while others listen to other senders */
void bench_two_threads(void); /* threads_2 */
void bench_connect(void);
void bench_memory(void);
void bench_wait(void);

#endif
