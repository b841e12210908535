"""Commits one message to the outbox and rolls one back, for a test: outbox_django.py DATABASE EVENT."""

import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1], "OPTIONS": {"timeout": 60}}},
    USE_TZ=True,
)
django.setup()

from django.db import transaction  # noqa: E402  # Django wants its settings first

from fanmail_outbox_django import publish_event  # noqa: E402

with transaction.atomic():
    publish_event("UPDATED", int(sys.argv[2]), message_id="django")
try:
    with transaction.atomic():
        publish_event("CANCELLED", int(sys.argv[2]), message_id="rolled-back")
        raise KeyError("rolled back")
except KeyError:
    pass
