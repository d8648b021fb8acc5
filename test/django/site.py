"""Serves a small Django project: python3 site.py PORT SETTINGS. Settings are JSON. Users are in the table; views return JSON."""
import datetime, json, sys, time
from concurrent.futures import ThreadPoolExecutor
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

port, given = int(sys.argv[1]), json.loads(sys.argv[2])
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"]
    + given.pop("MORE_APPS", []),
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    PASSWORD_HASHERS=["__main__.Quick"],
    USE_TZ=True,
    **given,
)
django.setup()

from django.contrib.auth import authenticate, get_user_model, login, logout, update_session_auth_hash
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management import call_command
from django.core.signing import BadSignature
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone

from later import as_later


class Quick(PBKDF2PasswordHasher):
    """Django's password hasher, with fewer iterations."""

    iterations = 1000


as_later()
# Seconds by which Django's clock is ahead. The test sets it.
ahead_by = 0
real_time, real_now = time.time, timezone.now
time.time = lambda: real_time() + ahead_by
timezone.now = lambda: real_now() + datetime.timedelta(seconds=ahead_by)

call_command("migrate", verbosity=0, run_syncdb=True)
User = get_user_model()
for name in ("ada", "bob"):
    User.objects.create_user(name, password="secret")

OWN = {"_auth_user_id", "_auth_user_backend", "_auth_user_hash", "_session_expiry"}


def text_of(value):
    return json.dumps(value, separators=(",", ":"))


def state(request):
    """`data` is a string in the response, so that nothing between the session and the test alters its numbers."""
    data = {key: value for key, value in request.session.items() if key not in OWN}
    user = str(request.user.pk) if request.user.is_authenticated else None
    return HttpResponse(text_of({"user": user, "data": text_of(data)}), content_type="application/json")


def put(request):
    for key, value in json.loads(request.body).items():
        request.session[key] = value
    return state(request)


def delete(request):
    request.session.pop(request.GET["key"], None)
    return state(request)


def sign_in(request):
    login(request, authenticate(request, username=request.GET["name"], password=request.GET["password"]))
    return state(request)


def sign_out(request):
    logout(request)
    return state(request)


def renew(request):
    request.session.cycle_key()
    return state(request)


def password(request):
    request.user.set_password(request.GET["to"])
    request.user.save()
    update_session_auth_hash(request, request.user)
    return state(request)


def prove(request):
    """What a view of Django's stores that has asked for the password again."""
    proofs = [[int(time.time() * 1000), 1, "password"]]
    request.session["_strongroom_proof"] = {"user": request.GET.get("user", str(request.user.pk)), "proofs": proofs}
    return state(request)


def expiry(request):
    """`to` is JSON for set_expiry. Without it, returns the current expiry."""
    if "to" in request.GET:
        request.session.set_expiry(json.loads(request.GET["to"]))
    answer = [request.session.get_expiry_age(), request.session.get_expire_at_browser_close()]
    return HttpResponse(text_of({"user": None, "data": text_of(answer)}))


def ahead(request):
    global ahead_by
    ahead_by = int(request.GET["seconds"])
    return HttpResponse("{}")


def signed(request):
    """GET returns the signed cookie "note". POST sets it to the body."""
    if request.method == "POST":
        response = HttpResponse("null")
        response.set_signed_cookie("note", request.body.decode(), salt="shop", max_age=3600)
        return response
    try:
        note = request.get_signed_cookie("note", salt="shop", max_age=3600)
    except (BadSignature, KeyError) as error:
        note = [type(error).__name__]
    return HttpResponse(json.dumps(note))


urlpatterns = [
    path("signed", signed),
    path("state", state),
    path("put", put),
    path("delete", delete),
    path("login", sign_in),
    path("logout", sign_out),
    path("renew", renew),
    path("password", password),
    path("prove", prove),
    path("expiry", expiry),
    path("ahead", ahead),
]


class Server(ThreadingMixIn, WSGIServer):
    """Uses a thread pool, as in production, where each thread has its connection to the database."""

    request_queue_size = 64
    threads = ThreadPoolExecutor(8)

    def process_request(self, request, client_address):
        self.threads.submit(self.process_request_thread, request, client_address)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


make_server("127.0.0.1", port, get_wsgi_application(), server_class=Server, handler_class=Quiet).serve_forever()
