/**
 * The Django project of the lab, as Python. The lab writes it into a folder of its own and runs it. It speaks the protocol of
 * ../../protocol.ts. Django's settings come in `settings.django`, as JSON.
 *
 * Users log in by `authenticate` and `login`, and out by `logout`, as in Django's documentation. `/revoke-all` changes the user's
 * password, which is how Django ends all sessions of a user ("Session invalidation on password change").
 */
export const SITE = `
import datetime, importlib, json, os, threading, time
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

from_lab, to_lab = open(3), open(3, "w", closefd=False)
config = json.loads(from_lab.readline())["config"]
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    PASSWORD_HASHERS=["__main__.Quick"],
    USE_TZ=True,
    LOGGING_CONFIG=None,
    SECRET_KEY=config["secrets"][0],
    SESSION_COOKIE_NAME=config["cookieName"],
    SESSION_COOKIE_AGE=max(config["idle"] // 1000, 1),
    # As "manage.py check --deploy" asks for.
    SESSION_COOKIE_SECURE=True,
    **json.loads(config["settings"]["django"]),
)
django.setup()

from django.contrib.auth import authenticate, get_user_model, login, logout
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import IntegrityError
from django.http import JsonResponse
from django.urls import path
from django.utils import timezone


class Quick(PBKDF2PasswordHasher):
    """Django's password hasher, with fewer iterations: no attack of the lab is about passwords."""

    iterations = 1000


# How far the clock of this process is ahead, in seconds.
ahead = config["clockBy"] / 1000
real_time, real_now = time.time, timezone.now
time.time = lambda: real_time() + ahead
timezone.now = lambda: real_now() + datetime.timedelta(seconds=ahead)

PASSWORD = "the password of every user of the lab"
User = get_user_model()
engine = importlib.import_module(settings.SESSION_ENGINE)
calls = 0
gates = {}
lock = threading.Lock()


def send(message):
    with lock:
        to_lab.write(json.dumps(message) + "\\n")
        to_lab.flush()


def count(name):
    method = getattr(engine.SessionStore, name)

    def counted(*args, **kwargs):
        global calls
        with lock:
            calls += 1
        return method(*args, **kwargs)

    setattr(engine.SessionStore, name, counted)


def stamp_files():
    # Django reads from a file when its session was saved. Files have the time of the system, which cannot be set.
    save = engine.SessionStore.save

    def stamped(self, *args, **kwargs):
        save(self, *args, **kwargs)
        if ahead:
            try:
                os.utime(self._key_to_file(), (time.time(), time.time()))
            except FileNotFoundError:
                pass  # Another request has ended it.

    engine.SessionStore.save = stamped


def wait(request):
    gate = request.GET.get("gate")
    if gate is None:
        return
    # Loads the session and the user.
    request.session.get("x")
    request.user.is_authenticated
    opened = gates[gate] = threading.Event()
    send({"is": "waiting", "gate": gate})
    opened.wait()


def state(request):
    data = {key: value for key, value in request.session.items() if not key.startswith("_auth_user_")}
    user = request.user.get_username() if request.user.is_authenticated else None
    return JsonResponse({"user": user, "data": data})


def view(do):
    def answer(request):
        wait(request)
        # Who is it? This is where Django ends a session whose user has changed the password.
        request.user.is_authenticated
        do(request)
        response = state(request)
        if "public" in request.GET:
            response["Cache-Control"] = response["CDN-Cache-Control"] = "public, max-age=60"
        return response

    return answer


@view
def read(request):
    pass


@view
def put(request):
    request.session[request.GET["key"]] = request.GET["value"]


@view
def add(request):
    key = request.GET["key"]
    request.session[key] = request.session.get(key, 0) + 1


def user_named(name):
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist:
        try:
            return User.objects.create_user(name, password=PASSWORD)
        except IntegrityError:
            return User.objects.get(username=name)


@view
def sign_in(request):
    user_named(request.GET["user"])
    login(request, authenticate(request, username=request.GET["user"], password=PASSWORD))


@view
def sign_out(request):
    logout(request)


@view
def renew(request):
    request.session.cycle_key()


@view
def revoke_all(request):
    user = user_named(request.GET["user"])
    # The same password with a new salt: the stored field is another one, and that is what sessions are bound to.
    user.set_password(PASSWORD)
    user.save()


@view
def fail(request):
    request.session[request.GET["key"]] = request.GET["value"]
    raise RuntimeError("This handler fails.")


urlpatterns = [
    path("read", read),
    path("set", put),
    path("add", add),
    path("login", sign_in),
    path("logout", sign_out),
    path("renew", renew),
    path("revoke-all", revoke_all),
    path("fail", fail),
]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def set_clock(by):
    global ahead
    ahead = by / 1000


def answer_to(what, value):
    if what == "clock":
        set_clock(value)
    if what == "sweep":
        call_command("clearsessions", verbosity=0)
    return calls if what == "storeCalls" else None


def take(message):
    if message["do"] == "open":
        return gates.pop(message["gate"]).set()
    answer = {"is": "answer", "id": message["id"]}
    try:
        answer["value"] = answer_to(message["what"], message.get("value"))
    except Exception as error:
        answer = {"is": "error", "id": message["id"], "message": type(error).__name__ + ": " + str(error)}
    send(answer)


if settings.SESSION_ENGINE.endswith(".file"):
    stamp_files()
for name in ("load", "save", "delete", "exists"):
    count(name)
call_command("migrate", verbosity=0, run_syncdb=True)
server = make_server("127.0.0.1", config["port"], get_wsgi_application(), server_class=Server, handler_class=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
abilities = ["clock", "sweep"]
if not settings.SESSION_ENGINE.endswith(".signed_cookies"):
    abilities.append("storeCalls")
send({"is": "ready", "abilities": abilities, "version": "Django " + django.get_version()})
# The channel ends when the lab ends, and this process with it.
for line in from_lab:
    take(json.loads(line))
`
