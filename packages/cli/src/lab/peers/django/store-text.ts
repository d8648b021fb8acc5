/**
 * Reads and writes single sessions where a Django keeps them, with Django's own drivers: `python3 store.py SETTINGS`. One line of
 * JSON for each request and each response. A row's value is everything that is stored beside the key.
 */
export const STORE = `
import base64, json, os, sys

import django
from django.conf import settings

given = json.loads(sys.argv[1])
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.sessions"],
    USE_TZ=True,
    LOGGING_CONFIG=None,
    **given["settings"],
)
django.setup()


class Table:
    columns = "session_key, session_data, expire_date"

    def run(self, sql, values=()):
        from django.db import connection, transaction

        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def list(self):
        rows = self.run("SELECT " + self.columns + " FROM django_session")
        return [[key, json.dumps([data, str(expires)]).encode()] for key, data, expires in rows]

    def put(self, key, value):
        self.delete(key)
        self.run("INSERT INTO django_session (" + self.columns + ") VALUES (%s, %s, %s)", [key, *json.loads(value)])

    def delete(self, key):
        self.run("DELETE FROM django_session WHERE session_key = %s", [key])


class Redis:
    """The value is what DUMP gives, which has no deadline: PTTL is put before it."""

    def __init__(self):
        import redis

        self.client = redis.Redis.from_url(given["redis"])

    def list(self):
        return [
            [key.decode("latin-1"), b"%d " % self.client.pttl(key) + self.client.dump(key)]
            for key in self.client.scan_iter()
        ]

    def put(self, key, value):
        ttl, dump = value.split(b" ", 1)
        self.client.restore(key.encode("latin-1"), max(int(ttl), 0), dump, replace=True)

    def delete(self, key):
        self.client.delete(key.encode("latin-1"))


class Backup:
    """A copy of a SQLite database by SQLite's own backup, in "copy"."""

    def sqlite(self, path, copy):
        import sqlite3

        source, target = sqlite3.connect(path), sqlite3.connect(copy)
        source.backup(target)
        source.close()
        target.close()


class Pickle:
    """What is in the values of a cache: a thief unpickles them. RESTORE is not needed, because GET gives the bytes."""

    def texts(self):
        import pickle, zlib

        client = Redis().client
        return [self.text_of(client.get(key)) for key in client.scan_iter()]

    def text_of(self, value):
        import pickle

        return json.dumps(pickle.loads(value), default=str)


parts = {"table": Table, "redis": Redis, "backup": Backup, "pickle": Pickle}
made = {}


def decoded(value):
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def encoded(value):
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return [encoded(each) for each in value] if isinstance(value, list) else value


for line in sys.stdin:
    request = json.loads(line)
    try:
        part, name = request["ask"].split(".")
        made.setdefault(part, parts[part]())
        value = getattr(made[part], name)(*[decoded(each) for each in request["values"]])
        reply = {"id": request["id"], "value": encoded(value)}
    except Exception as error:
        reply = {"id": request["id"], "error": type(error).__name__ + ": " + str(error)}
    print(json.dumps(reply), flush=True)
`
