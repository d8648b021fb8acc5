import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone


class Members(BaseUserManager):
    def create_user(self, username, password):
        member = self.model(username=username)
        member.set_password(password)
        member.save()
        return member


class Member(AbstractBaseUser):
    """Has no column is_active, and a UUID as its key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = models.CharField(max_length=40, unique=True)
    objects = Members()
    USERNAME_FIELD = "username"

    class Meta:
        db_table = "auth_user"


class MemberSession(AbstractBaseSession):
    """Like those of django-user-sessions and django-qsessions: columns that Django fills, and that must not be null."""

    member = models.ForeignKey(Member, null=True, on_delete=models.CASCADE)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    is_mobile = models.BooleanField(default=False)

    class Meta:
        db_table = "member_session"

    @classmethod
    def get_session_store_class(cls):
        from members.sessions import SessionStore

        return SessionStore
