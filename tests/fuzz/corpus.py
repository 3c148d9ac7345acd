#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the corpus of the operation fuzzer from words, and shows an input in words.

usage: tests/fuzz/corpus.py              write tests/fuzz/corpus/dispatch
       tests/fuzz/corpus.py --check      1 when a file there is not as written here
       tests/fuzz/corpus.py --show FILE  the operations of an input
       tests/fuzz/corpus.py --bytes HEX  the same for one that a test has printed

Files that a fuzzer has found are named crash-* and are kept beside these.
tests/unit/dispatch/fuzz_ops.c says what the operations do.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "corpus", "dispatch")

# As enum fuzz_op in tests/unit/dispatch/fuzz_ops.h.
OPS = ("CONNECT DISCONNECT DISCONNECT_LIKE SEND SCRIPT SCOPE_END MUTE REGISTER FORGET SIGNAL_NEW "
       "SIGNAL_FREE TRIM SNAPSHOT ASK DEPTH WATCH RETURN RESPOND FAIL DISCONNECT_SELF").split()
PLAIN, COLLECT, ROBUST, ROBUST_SILENT, SHORT, ASEND, ASEND_ROBUST = range(7)
USUAL, _, HIGH, LOW = range(4)  # priorities


def op(name, a=0, b=0, c=0):
    """One operation."""
    return bytes((OPS.index(name), a, b, c))


def like(signal, function=0, user=0, release=False, sender=0, name=None, uid=0, old=False):
    """The first two arguments of CONNECT and DISCONNECT_LIKE."""
    if name is None:
        who = sender
    else:
        who = 0x40 | name | (8 if sender else 0)
    return signal | function << 2 | user << 4 | release << 7, who | uid << 4 | old << 7


def connect(signal=0, scope=0, priority=USUAL, slot=0, **options):
    a, b = like(signal, **options)
    return op("CONNECT", a, b, scope | priority << 2 | slot << 4)


def disconnect(slot=0, wait=False):
    return op("DISCONNECT", slot | wait << 7)


def disconnect_like(signal=0, wait=False, **options):
    return op("DISCONNECT_LIKE", *like(signal, **options), int(wait))


def send(signal=0, sender=0, kind=PLAIN):
    return op("SEND", signal, sender, kind)


def script(user, *operations):
    return op("SCRIPT", user, len(operations)) + b"".join(operations)


def scope_end(scope, wait=False):
    return op("SCOPE_END", scope | wait << 7)


def mute(signal=2, function=None, sender=0, uid=0, which=0):
    return op("MUTE", signal | (0 if function is None else 4 | function << 3), sender | uid << 2, which)


def muted_send(signal=0, kind=PLAIN):
    return op("MUTE", 2 | signal << 6, 0x80, kind)


def register(name=0, sender=1):
    return op("REGISTER", name, sender - 1)


def forget(sender=1):
    return op("FORGET", sender - 1)


def every_kind(signal=0, sender=0):
    return b"".join(send(signal, sender, kind) for kind in range(7))


def users(count, **options):
    return b"".join(connect(user=i, slot=i, **options) for i in range(count))


SELF = op("DISCONNECT_SELF")
SNAPSHOT = op("SNAPSHOT")
TRIM = op("TRIM")
FAIL = op("RETURN", 1)
NEW, NEW2 = op("SIGNAL_NEW", 0), op("SIGNAL_NEW", 1)
FREE, FREE2 = op("SIGNAL_FREE", 0), op("SIGNAL_FREE", 1)
TRACE, COUNT = op("WATCH", 1), op("WATCH", 0)

INPUTS = {
    # order and identity
    "order": (users(8), every_kind()),
    "order-any-and-sender": (connect(user=1), connect(user=2, sender=3), connect(user=3),
                             connect(user=4, sender=3), connect(user=5, sender=2),
                             every_kind(0, 3), every_kind(0, 2), every_kind()),
    "priorities": (connect(user=1, priority=LOW), connect(user=2), connect(user=3, priority=HIGH),
                   connect(user=4, priority=HIGH, sender=1), connect(user=5, sender=1),
                   connect(user=6, priority=LOW, sender=1), every_kind(0, 1), every_kind(), SNAPSHOT),
    "priority-alone": (connect(user=1, priority=HIGH), send(), disconnect(), send(), connect(user=2),
                       send(), connect(user=3, priority=LOW), send()),
    "twice": (connect(user=1), connect(user=1), connect(user=1, function=1), connect(user=2), send()),
    "uid": (connect(user=1, uid=1), connect(user=2, function=3, uid=1), connect(user=1, uid=2),
            connect(user=1), connect(user=1, uid=3), send(), disconnect_like(uid=1, function=2), send()),
    "uid-per-sender": (connect(user=1, uid=1), connect(user=1, uid=1, sender=1),
                       connect(user=1, uid=1, sender=2), send(0, 1), send(0, 2),
                       disconnect_like(uid=1, sender=1), send(0, 1)),
    "two-signals": (connect(0, user=1), connect(1, user=1), send(0), send(1), disconnect_like(0, user=1),
                    send(0), send(1)),
    "no-user": (connect(release=True), connect(release=True, sender=1), send(0, 1), disconnect(wait=True)),
    "growth": (b"".join(connect(user=u, function=f, slot=u) for u in range(8) for f in range(4)),
               every_kind(), b"".join(disconnect(i) for i in range(8)), every_kind(), TRIM, every_kind()),
    "many-senders": (b"".join(connect(user=1, sender=s, slot=s) for s in range(1, 16)),
                     b"".join(send(0, s) for s in range(16)),
                     b"".join(disconnect(s) for s in range(1, 16)), TRIM,
                     b"".join(connect(user=2, sender=s, slot=s) for s in range(1, 16)), send(0, 9)),
    "tables-in-turn": (b"".join(connect(user=1, sender=s, slot=1) + (disconnect(1) if s % 3 else b"")
                                for s in list(range(1, 16)) * 4),
                       b"".join(forget(s) for s in range(1, 16)), connect(user=2, sender=1), TRIM),
    # changes during a send
    "connect-inside": (script(1, connect(user=2), connect(user=3, priority=HIGH), connect(user=4, sender=1)),
                       connect(user=1), send(0, 1), send(0, 1), every_kind(0, 1)),
    "disconnect-later-one": (users(4), script(0, disconnect(2)), every_kind(), SNAPSHOT),
    "disconnect-earlier-one": (users(4, release=True), script(2, disconnect(0)), every_kind()),
    "disconnect-self": (script(1, SELF), connect(user=1, release=True), connect(user=2), send(), send()),
    "disconnect-self-and-again": (script(1, SELF, connect(user=1, release=True)),
                                  connect(user=1, release=True), send(), send(), send(kind=ROBUST)),
    "disconnect-all-inside": (users(6, release=True), script(3, *(disconnect(i) for i in range(4))),
                              script(4, disconnect(4), disconnect(5)), send(), send()),
    "wait-inside": (users(3), script(1, disconnect(2, True), disconnect(1, True), scope_end(1, True),
                                     disconnect_like(wait=True, user=2)), send(), disconnect(1, True)),
    "send-inside-self-gone": (script(1, SELF, send(1)), connect(user=1, release=True),
                              connect(1, user=2), send(), SNAPSHOT),
    "recursion": (script(1, send()), connect(user=1), connect(user=2), send(), send(kind=COLLECT)),
    "recursion-ends-itself": (script(1, send(), SELF, send()), connect(user=1, release=True),
                              connect(user=2), send(kind=ROBUST), send()),
    "nested-signals": (script(1, send(1, 2)), script(2, send(0, 1, ROBUST)), connect(user=1, sender=1),
                       connect(1, user=2), send(0, 1)),
    "nested-disconnect": (script(1, send(1)), script(2, disconnect(0), disconnect(1), SNAPSHOT),
                          connect(user=1, release=True, slot=0), connect(1, user=2, release=True, slot=1),
                          connect(user=3, slot=2), send(), send(1), send()),
    "trim-inside": (users(6), script(1, disconnect(1), disconnect(2), disconnect(3), TRIM),
                    script(4, TRIM, SNAPSHOT), every_kind()),
    "depth": (script(1, send()), connect(user=1), op("DEPTH", 0), send(), op("DEPTH", 2), every_kind()),
    "errors": (users(4), script(1, FAIL), every_kind(), script(2, op("RETURN", 2)), every_kind()),
    "answers": (users(8), connect(function=1, user=1), connect(function=1, user=2), connect(function=1, user=3),
                script(1, op("RESPOND", 7)), script(2, op("RESPOND", 8)), every_kind(0, 1)),
    "errors-nested": (script(1, send(1), FAIL), script(2, FAIL), connect(user=1), connect(1, user=2),
                      connect(user=3), every_kind()),
    # scopes
    "scope": (users(5, scope=1, release=True), send(), scope_end(1, True), send(), scope_end(1, True)),
    "scope-deferred": (users(5, scope=2, release=True), scope_end(2), scope_end(2), send()),
    "scope-inside": (script(1, scope_end(1)), connect(user=1, scope=1, release=True),
                     connect(user=2, scope=1), connect(user=3), send(), send(), connect(user=4, scope=1), send()),
    "scope-inside-twice": (script(1, scope_end(1), scope_end(1), connect(user=5, scope=1)),
                           connect(user=1, scope=1), connect(user=2), send(), connect(user=5, scope=1), send()),
    "scope-of-runner": (script(1, SELF, scope_end(3)), script(2, scope_end(3), SNAPSHOT),
                        connect(user=1, scope=3, release=True), connect(user=2, scope=2), send(), send()),
    "scope-nested": (script(1, send(1)), script(2, scope_end(1), op("ASK", 0, 1)),
                     connect(user=1, scope=1, release=True), connect(1, user=2, scope=1, release=True), send()),
    "scope-pending": (connect(user=1, name=0, scope=1, release=True), connect(user=2, scope=1),
                      scope_end(1, True), register(0, 3), send(0, 3)),
    "scopes-mixed": (users(8, scope=1), connect(1, user=1, scope=2), connect(1, user=2, scope=1),
                     disconnect(3), scope_end(1, True), send(1), scope_end(2), send(1)),
    # names
    "name": (connect(user=1, name=0), connect(user=2, sender=3), send(0, 3), register(0, 3), send(0, 3),
             connect(user=3, name=0), send(0, 3), SNAPSHOT),
    "name-order": (connect(user=1, name=1), connect(user=2), connect(user=3, name=1, priority=HIGH),
                   connect(user=4, name=3), SNAPSHOT, register(1, 2), SNAPSHOT, every_kind(0, 2)),
    "name-twice": (connect(user=1, name=0, release=True), connect(user=1, name=2, release=True),
                   connect(user=1, sender=2, release=True), register(0, 2), send(0, 2)),
    "name-taken": (register(0, 1), register(0, 1), register(0, 2), register(1, 1), register(2, 1), forget(1),
                   register(0, 2), op("ASK")),
    "name-and-sender": (connect(user=1, name=0, sender=1), disconnect_like(user=1, name=0, sender=1)),
    "name-inside": (script(1, register(0, 3), send(0, 3)), connect(user=1, sender=3),
                    connect(user=2, name=0), send(0, 3), send(0, 3)),
    "name-find": (connect(user=1, name=0), disconnect_like(user=1, name=2), connect(user=1, name=0),
                  register(0, 1), disconnect_like(user=1, name=0), send(0, 1)),
    "forget": (connect(user=1, sender=1, release=True), connect(1, user=1, sender=1, release=True),
               connect(user=2, sender=2), forget(1), send(0, 1), send(0, 2)),
    "forget-inside": (script(1, forget(1), SNAPSHOT), connect(user=1, sender=1, release=True),
                      connect(user=2, sender=1, release=True), connect(user=3), send(0, 1), send(0, 1)),
    # signals made at run time
    "signal": (NEW, connect(2, user=1, release=True), send(2), FREE, NEW, send(2), connect(2, user=1), send(2)),
    "signal-free-inside": (script(1, FREE), NEW, connect(2, user=1, release=True),
                           connect(2, user=2, release=True), send(2), send(0)),
    "signal-again-inside": (script(1, FREE, NEW, connect(2, user=2), send(2)), NEW,
                            connect(2, user=1, release=True), connect(2, user=3, sender=1),
                            send(2, 1), send(2, 1)),
    "signal-nested": (NEW, NEW2, script(1, send(3)), script(2, FREE, FREE2, TRIM),
                      connect(2, user=1, priority=HIGH, release=True), connect(3, user=2, sender=2),
                      connect(3, user=2, priority=LOW), send(2, 2), send(0)),
    "signal-pending": (NEW, connect(2, user=1, name=0, release=True), FREE, register(0, 1), TRIM),
    # muting, watching, memory
    "mute": (users(4), mute(0), send(), mute(0), send(), mute(2, function=0, uid=1), send(), SNAPSHOT),
    "mute-some": (connect(user=1, uid=1), connect(user=2, function=1), connect(user=3, sender=2),
                  mute(0, function=1), mute(2, uid=1, which=1), mute(2, sender=2, which=2), SNAPSHOT,
                  every_kind(0, 2), mute(which=1), every_kind(0, 2), every_kind()),
    "mute-inside": (script(1, muted_send(), muted_send(1, COLLECT)), connect(user=1),
                    connect(1, user=2), send(), send(1)),
    "mute-self-recursion": (script(1, muted_send(), send(1)), connect(user=1), connect(1, user=1),
                            send(), send(1)),
    "mute-from-here-on": (script(1, mute(function=2)), connect(user=1), connect(user=2, function=2),
                          connect(user=3), connect(user=4, function=2), every_kind()),
    "mute-from-inner-to-outer": (script(1, send(1)), script(2, mute(0, function=2), SNAPSHOT),
                                 script(5, mute(0, function=2)), connect(user=1), connect(user=3, function=2),
                                 connect(user=5, priority=LOW), connect(user=4, priority=LOW, function=2),
                                 connect(1, user=2), connect(1, user=3, function=2), every_kind(), every_kind(1)),
    "watched": (TRACE, users(3), script(1, send(1), SELF), connect(1, user=4, release=True), send(), COUNT,
                every_kind(), TRACE, every_kind(), SNAPSHOT, COUNT, send()),
    "short-arguments": (connect(user=1), connect(user=2, old=True), send(kind=SHORT),
                        script(1, send(0, 0, SHORT)), send()),
    "old-receivers-only": (connect(user=1, old=True), send(kind=SHORT), connect(user=2), send(kind=SHORT)),
    "no-memory": tuple(op("FAIL", n) + connect(user=n, sender=1 + n, uid=n % 3, scope=n % 3, priority=n % 4,
                                               release=True) + send(0, 1 + n) for n in range(8)) * 2,
    "no-memory-for-names": tuple(connect(user=n, name=0, priority=n % 4) for n in range(8)) +
                           tuple(op("FAIL", n) + register(1, 1) + op("FAIL", n) + register(0, 1)
                                 for n in range(8)) + (send(0, 1), SNAPSHOT),
    "no-memory-for-signals": (op("FAIL", 0), NEW, op("FAIL", 1), NEW, NEW, send(2)),
    "asend-inside": (script(1, send(1, 0, ASEND), send(1, 0, ASEND_ROBUST)), script(2, FAIL),
                     connect(user=1), connect(1, user=2), connect(1, user=3), send(kind=ASEND), send()),
}


def check():
    """The names of files that are not as written here."""
    wrong = []
    for name, parts in INPUTS.items():
        try:
            with open(os.path.join(CORPUS, name), "rb") as file:
                same = file.read() == b"".join(parts)
        except OSError:
            same = False
        if not same:
            wrong.append(name)
    there = {name for name in os.listdir(CORPUS) if not name.startswith("crash-")}
    return wrong + sorted(there - set(INPUTS))


def show(data):
    """In words, one operation a line."""
    for i in range(0, len(data) - 3, 4):
        print(f"{OPS[data[i] % len(OPS)]:16} {data[i + 1]:3} {data[i + 2]:3} {data[i + 3]:3}"
              f"   {data[i + 1]:#04x} {data[i + 2]:#04x} {data[i + 3]:#04x}")


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--show"] and len(arguments) == 2:
        with open(arguments[1], "rb") as file:
            show(file.read())
    elif arguments[:1] == ["--bytes"] and len(arguments) > 1:
        show(bytes.fromhex("".join(arguments[1:])))
    elif arguments == ["--check"]:
        wrong = check()
        for name in wrong:
            print(f"{os.path.join(CORPUS, name)}: not as in tests/fuzz/corpus.py")
        return 1 if wrong else 0
    elif arguments:
        print(__doc__)
        return 2
    else:
        os.makedirs(CORPUS, exist_ok=True)
        for name, parts in INPUTS.items():
            with open(os.path.join(CORPUS, name), "wb") as file:
                file.write(b"".join(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
