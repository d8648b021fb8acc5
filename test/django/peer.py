"""A real Django that runs operations for the tests. Each request and each response is a line of JSON. The first line is its settings."""
import datetime, importlib, json, os, sys, time

start = json.loads(sys.stdin.readline())
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    **{"USE_TZ": True, **start},
)
# As for settings in a module; configure() leaves it out.
if not settings.USE_TZ:
    os.environ["TZ"] = settings.TIME_ZONE
    time.tzset()
django.setup()

from django.core import signing
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from later import as_later

moment = [None]
real_time, real_now = time.time, timezone.now
time.time = lambda: moment[0] / 1000 if moment[0] is not None else real_time()
timezone.now = lambda: (
    datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(milliseconds=moment[0])
    if moment[0] is not None
    else real_now()
)


as_later()


def store(engine, key=None):
    return importlib.import_module("django.contrib.sessions.backends." + engine).SessionStore(key)


class LegacyHash:
    """Sets DEFAULT_HASHING_ALGORITHM = 'sha1', with which Django 3.1 and 3.2 write the formats of earlier versions."""

    def __enter__(self):
        settings.DEFAULT_HASHING_ALGORITHM = "sha1"

    def __exit__(self, *_):
        settings.DEFAULT_HASHING_ALGORITHM = "sha256"


def auth_hash(password):
    return salted_hmac(
        "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash", password, algorithm="sha256"
    ).hexdigest()


class Ops:
    def at(self, now):
        moment[0] = now

    def version(self):
        return django.get_version()

    def dumps(self, text, compress=False, salt="django.core.signing"):
        return signing.dumps(json.loads(text), compress=compress, salt=salt)

    def loads(self, signed, salt="django.core.signing", max_age=None):
        return json.dumps(signing.loads(signed, salt=salt, max_age=max_age), separators=(",", ":"))

    def rewrite(self, text):
        return json.dumps(json.loads(text), separators=(",", ":"))

    def floats(self, hexes):
        import struct

        return [json.dumps(struct.unpack('>d', bytes.fromhex(h))[0]) for h in hexes]

    def compress(self, hexes):
        import zlib

        return [zlib.compress(bytes.fromhex(h)).hex() for h in hexes]

    def sign(self, value, **options):
        return signing.TimestampSigner(**options).sign(value)

    def unsign(self, value, max_age=None, **options):
        return signing.TimestampSigner(**options).unsign(value, max_age=max_age)

    def set_signed_cookie(self, name, value, salt):
        response = HttpResponse()
        response.set_signed_cookie(name, value, salt)
        return response.cookies[name].value

    def get_signed_cookie(self, name, value, salt):
        request = HttpRequest()
        request.COOKIES[name] = value
        return request.get_signed_cookie(name, salt=salt)

    def encode(self, text, legacy=False):
        data = json.loads(text)
        if legacy:
            with LegacyHash():
                return store("db").encode(data)
        return store("db").encode(data)

    def decode(self, text):
        return json.dumps(store("db").decode(text), separators=(",", ":"))

    def legacy_sign(self, value):
        with LegacyHash():
            return signing.TimestampSigner().sign(value)

    def auth_hash(self, password, legacy=False):
        if legacy:
            return salted_hmac(
                "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash", password, algorithm="sha1"
            ).hexdigest()
        return auth_hash(password)

    def migrate(self):
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    # Empties the tables of a database that another Django has used.
    def empty(self):
        from django.core.management import call_command

        call_command("flush", verbosity=0, interactive=False)

    # Creates a user whose password field is this one, and returns the id.
    def add_user(self, name, password, active=True):
        from django.contrib.auth.models import User

        return str(User.objects.create(username=name, password=password, is_active=active).pk)

    # Makes the tables of all caches in the database.
    def create_caches(self):
        from django.core.management import call_command

        call_command("createcachetable", verbosity=0)

    # Opens, changes and saves a session like the middleware. `expiry` is for set_expiry.
    def put(self, engine, text, key=None, user=None, password=None, **rest):
        session = store(engine, key)
        session.update(json.loads(text))
        if "expiry" in rest:
            session.set_expiry(rest["expiry"])
        if user is not None:
            session[SESSION_KEY] = user
            session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            session[HASH_SESSION_KEY] = auth_hash(password)
        try:
            session.save()
        except UpdateError:
            return None
        if engine == "file" and moment[0] is not None:
            # The file system does not use the clock of the tests.
            os.utime(session._key_to_file(), (moment[0] / 1000, moment[0] / 1000))
        return session.session_key

    # Saves any JSON value as the data of a new session, as only a mistake could.
    def put_data(self, engine, text):
        session = store(engine)
        session._session_cache = json.loads(text)
        # A save asks the data for its expiry, which a list does not have.
        session.get_expiry_date = lambda **_: timezone.now() + datetime.timedelta(days=1)
        session.create()
        session.save()
        if engine == "file" and moment[0] is not None:
            os.utime(session._key_to_file(), (moment[0] / 1000, moment[0] / 1000))
        return session.session_key

    # Returns the JSON of the session that a request with this key gets, or null if it is a new one.
    def see(self, engine, key):
        session = store(engine, key)
        text = json.dumps(dict(session.items()), separators=(",", ":"))
        return text if session.session_key == key else None

    def expiry(self, engine, key):
        session = store(engine, key)
        session.get("x")
        return [session.get_expiry_age(), session.get_expire_at_browser_close()]

    def row(self, key):
        from django.contrib.sessions.models import Session

        row = Session.objects.filter(pk=key).first()
        return row and [row.session_data, row.expire_date.timestamp() * 1000]

    def flush(self, engine, key):
        store(engine, key).flush()

    def exists(self, engine, key):
        return store(engine, key).exists(key)

    def clear_expired(self, engine):
        type(store(engine)).clear_expired()

    # Returns who is signed in, by the rules of django.contrib.auth.get_user.
    def user(self, engine, key, password):
        session = store(engine, key)
        given = session.get(HASH_SESSION_KEY)
        return session.get(SESSION_KEY) if given and given == auth_hash(password) else None


ops = Ops()
for line in sys.stdin:
    name, args, options = json.loads(line)
    try:
        answer = {"value": getattr(ops, name)(*args, **options)}
    except Exception as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer), flush=True)
