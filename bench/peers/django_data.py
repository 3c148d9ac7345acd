#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""django_data.py [--quick]: the figures of Django's models on SQLite, with the table of bench/data.c.

Prints NAME,VALUE,UNIT. Exits with 77 when Django is not installed.
"""
import datetime
import os
import statistics
import sys
import tempfile
import time

try:
    import django
    from django.conf import settings
except ImportError:
    sys.exit(77)

ROUNDS = 3 if "--quick" in sys.argv else 5
SINGLES = 2_000
MANY = 100_000

FOLDER = tempfile.TemporaryDirectory(prefix="peal-bench.", dir=os.environ.get("TMPDIR", "/var/tmp"))
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER.name}/django.db"}},
    INSTALLED_APPS=[], USE_TZ=False, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()

from django.db import connection, models, transaction  # noqa: E402
from django.db.models.signals import post_save, pre_save  # noqa: E402


class Item(models.Model):
    title = models.CharField(max_length=200)
    body = models.TextField()
    words = models.IntegerField()
    score = models.FloatField()
    updated = models.DateTimeField()

    class Meta:
        app_label = "bench"


def item(i):
    return Item(title=f"Title of the item number {i}", body=chr(97 + i % 26) * 200, words=i % 1000,
                score=i / 8, updated=datetime.datetime(2023, 11, 14, 22, 13, 20, 123456))


def measure(name, count, work, before=lambda: None):
    """before() is not timed; what it returns is given to work()."""
    rounds = []
    for _ in range(ROUNDS):
        ready = before()
        start = time.perf_counter_ns()
        work() if ready is None else work(ready)
        rounds.append((time.perf_counter_ns() - start) / count)
    print(f"peer.django.sqlite.{name},{statistics.median(rounds):.6g},ns", flush=True)


def empty():
    Item.objects.all().delete()


def insert_each():
    for i in range(SINGLES):
        item(i).save()


def insert_txn():
    with transaction.atomic():
        insert_each()


def fill():
    empty()
    with transaction.atomic():
        Item.objects.bulk_create([item(i) for i in range(MANY)], batch_size=100)


def keys():
    all_keys = list(Item.objects.order_by("pk").values_list("pk", flat=True))
    return [all_keys[i * 2654435761 % MANY] for i in range(SINGLES)]


def get_pk(wanted):
    for key in wanted:
        Item.objects.get(pk=key)


def held():
    return [Item.objects.get(pk=key) for key in keys()]


def update_pk(items):
    with transaction.atomic():
        for i, one in enumerate(items):
            one.words = i
            one.save(update_fields=["words"])


def delete_pk(items):
    with transaction.atomic():
        for one in items:
            one.delete()


def refilled():
    fill()
    return held()


def bulk_create(items):
    with transaction.atomic():
        Item.objects.bulk_create(items, batch_size=100)


def new_items():
    empty()
    return [item(i) for i in range(MANY)]


def listen(sender, **kwargs):
    pass


def main():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"# Django {django.get_version()}, Python {sys.version.split()[0]}")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
    with connection.schema_editor() as editor:
        editor.create_model(Item)
    measure("insert_txn", SINGLES, insert_txn, empty)
    for signal in (pre_save, post_save):
        signal.connect(listen, sender=Item)
    measure("insert_txn_receivers", SINGLES, insert_txn, empty)
    for signal in (pre_save, post_save):
        signal.disconnect(listen, sender=Item)
    measure("insert_each", SINGLES, insert_each, empty)
    fill()
    measure("get_pk", SINGLES, get_pk, keys)
    measure("update_pk", SINGLES, update_pk, held)
    measure("load", MANY, lambda: list(Item.objects.all()))
    measure("delete_pk", SINGLES, delete_pk, refilled)
    measure("bulk_create", MANY, bulk_create, new_items)
    connection.close()


main()
