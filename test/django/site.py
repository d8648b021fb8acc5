"""A small Django project, served: python3 site.py PORT DATABASE. Users come from the table; views answer JSON."""
import json, sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

port, database = int(sys.argv[1]), sys.argv[2]
settings.configure(
    SECRET_KEY="test-secret-key-do-not-use",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database, "OPTIONS": {"timeout": 20}}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import authenticate, get_user_model, login, logout, update_session_auth_hash
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

call_command("migrate", verbosity=0)
User = get_user_model()
for name in ("ada", "bob"):
    User.objects.create_user(name, password="secret")


def state(request):
    data = {key: value for key, value in request.session.items() if not key.startswith("_")}
    user = str(request.user.pk) if request.user.is_authenticated else None
    return JsonResponse({"user": user, "data": data})


def put(request):
    for key, value in json.loads(request.body).items():
        request.session[key] = value
    return state(request)


def sign_in(request):
    login(request, authenticate(request, username=request.GET["name"], password=request.GET["password"]))
    return state(request)


def sign_out(request):
    logout(request)
    return state(request)


def password(request):
    request.user.set_password(request.GET["to"])
    request.user.save()
    update_session_auth_hash(request, request.user)
    return state(request)


urlpatterns = [
    path("state", state),
    path("put", put),
    path("login", sign_in),
    path("logout", sign_out),
    path("password", password),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


make_server("127.0.0.1", port, get_wsgi_application(), handler_class=Quiet).serve_forever()
