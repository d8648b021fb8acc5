from django.contrib.sessions.backends.db import SessionStore as DBStore


class SessionStore(DBStore):
    @classmethod
    def get_model_class(cls):
        from members.models import MemberSession

        return MemberSession

    def create_model_instance(self, data):
        row = super().create_model_instance(data)
        row.member_id = data.get("_auth_user_id")
        return row
