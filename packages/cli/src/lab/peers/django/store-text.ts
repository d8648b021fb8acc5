/**
 * Reads and writes single sessions where a Django keeps them, with Django's own drivers: `python3 store.py SETTINGS`. One line of
 * JSON for each request and each response. A row is its key, everything that is stored beside it, and of this the session.
 */
export const STORE = `
import base64, json, sys

import django
from django.conf import settings

given = json.loads(sys.argv[1])
settings.configure(INSTALLED_APPS=["django.contrib.sessions"], USE_TZ=True, **given["settings"])
django.setup()


class Table:
    def run(self, sql, values=()):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            rows = cursor.fetchall() if cursor.description else []
        # Another time, the server may be another process.
        connection.close()
        return rows

    def list(self):
        rows = self.run("SELECT session_key, session_data, expire_date FROM django_session")
        return [[key, json.dumps([data, str(expires)]).encode(), data.encode()] for key, data, expires in rows]

    def put(self, key, value, data):
        old, expires = json.loads(value)
        self.delete(key)
        self.run(
            "INSERT INTO django_session (session_key, session_data, expire_date) VALUES (%s, %s, %s)",
            [key, old if data is None else data.decode("latin-1"), expires],
        )

    def delete(self, key):
        self.run("DELETE FROM django_session WHERE session_key = %s", [key])

    def checkpoint(self):
        self.run("CHECKPOINT")

    def version(self):
        from django.db import connection

        connection.ensure_connection()
        return connection.pg_version if connection.vendor == "postgresql" else None


class Redis:
    """The remaining time is put before the value, in ms."""

    def client(self, url=None):
        import redis

        return redis.Redis.from_url(url or given["redis"])

    def list(self, url=None):
        client = self.client(url)
        rows = [(key, client.get(key), client.pttl(key)) for key in client.scan_iter()]
        return [[key.decode("latin-1"), b"%d " % ttl + data, data] for key, data, ttl in rows if data is not None]

    def put(self, key, value, data):
        ttl, old = value.split(b" ", 1)
        self.client().set(key.encode("latin-1"), old if data is None else data, px=max(int(ttl), 1))

    def delete(self, key):
        self.client().delete(key.encode("latin-1"))

    def age(self, by):
        client = self.client()
        for key in client.scan_iter():
            left = client.pttl(key)
            if left > by:
                client.pexpire(key, left - by)
            elif left >= 0:
                client.delete(key)

    def save(self):
        self.client().save()

    def version(self):
        return self.client().info("server")["redis_version"]


parts = {"table": Table(), "redis": Redis()}


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
        value = getattr(parts[part], name)(*[decoded(each) for each in request["values"]])
        reply = {"id": request["id"], "value": encoded(value)}
    except Exception as error:
        reply = {"id": request["id"], "error": type(error).__name__ + ": " + str(error)}
    print(json.dumps(reply), flush=True)
`
