"""Features of later Django versions that Django 3.2 lacks and the formats have."""
import datetime

import django


def since_4_1(old):
    """Since 4.1, _session_expiry stores a moment as an ISO string. Django 3.2 would take the string for seconds."""

    def method(self, **kwargs):
        expiry = kwargs["expiry"] if "expiry" in kwargs else self.get("_session_expiry")
        if isinstance(expiry, str):
            kwargs["expiry"] = datetime.datetime.fromisoformat(expiry)
        return old(self, **kwargs)

    return method


def as_later():
    if django.VERSION >= (4, 1):
        return
    from django.contrib.sessions.backends.base import SessionBase
    from django.contrib.sessions.backends.file import SessionStore as FileStore

    SessionBase.get_expiry_age = since_4_1(SessionBase.get_expiry_age)
    SessionBase.get_expiry_date = since_4_1(SessionBase.get_expiry_date)
    expiry_date_3_2 = FileStore._expiry_date
    FileStore._expiry_date = lambda self, data: (
        datetime.datetime.fromisoformat(data["_session_expiry"])
        if isinstance(data.get("_session_expiry"), str)
        else expiry_date_3_2(self, data)
    )
