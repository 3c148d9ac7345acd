#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""django_signals.py [--quick]: the figures of django.dispatch.Signal, as peer.c has them.

Prints NAME,VALUE,UNIT. Exits with 77 when Django is not installed.
"""
import os
import resource
import statistics
import sys
import threading
import time

try:
    import django
    from django.conf import settings
    from django.dispatch import Signal
except ImportError:
    sys.exit(77)

ROUND_NS = 10_000_000
ROUNDS = 3 if "--quick" in sys.argv else 9
MEMORY_CONNECTIONS = 2_000  # a connect walks all receivers that are there


def report(name, value, unit):
    print(f"peer.django.{name},{value:.6g},{unit}", flush=True)


def measure(name, run):
    """run(count) does the work so many times."""
    count = 1
    while True:
        start = time.perf_counter_ns()
        run(count)
        elapsed = time.perf_counter_ns() - start
        if elapsed >= ROUND_NS:
            break
        count = count * 10 if elapsed < ROUND_NS / 50 else int(count * 1.1 * ROUND_NS / elapsed) + 1
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        run(count)
        rounds.append((time.perf_counter_ns() - start) / count)
    report(name, statistics.median(rounds), "ns")


def receiver_new():
    """A receiver with a counter of its own."""
    total = 0

    def add_amount(sender, amount, **kwargs):
        nonlocal total
        total += amount

    return add_amount


def connected(count):
    """A signal with so many receivers, and the receivers: a signal holds them weakly."""
    signal = Signal()
    receivers = [receiver_new() for _ in range(count)]
    for receiver in receivers:
        signal.connect(receiver)
    return signal, receivers


def send(receivers):
    signal, keep = connected(receivers)
    assert len(signal.send(sender=None, amount=1)) == receivers

    def run(count):
        for _ in range(count):
            signal.send(sender=None, amount=1)

    measure(f"send_{receivers}", run)
    del keep


def connect(others):
    signal, keep = connected(others)
    receiver = receiver_new()

    def run(count):
        for _ in range(count):
            signal.connect(receiver)
            signal.disconnect(receiver)

    measure(f"connect_{others}", run)
    del keep


def resident_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def connection_bytes():
    receivers = [receiver_new() for _ in range(MEMORY_CONNECTIONS)]
    signal = Signal()
    before = resident_bytes()
    for receiver in receivers:
        signal.connect(receiver)
    report("connection_bytes", (resident_bytes() - before) / MEMORY_CONNECTIONS, "bytes")


def main():
    settings.configure()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"# Django {django.get_version()}, Python {sys.version.split()[0]}")
    connection_bytes()
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    for receivers in (0, 1, 10, 100):
        send(receivers)
    for others in (0, 100, 10_000):
        connect(others)


main()
