"""Writes notifications for fanmail into its outbox, in the transaction of a Django application. Copy this one file into it.

    from django.db import transaction
    from fanmail_outbox_django import publish_event

    with transaction.atomic():
        meeting.starts_at = starts_at
        meeting.save()
        publish_event("UPDATED", meeting.id)

The notification exists if and only if the transaction is committed. No broker is needed: a worker with OUTBOX=True takes it
within milliseconds. The table `outbox` is made by `fanmail migrate`, in the database of the application; with several
databases, `using` names it. Django needs INSERT on it, and on PostgreSQL also SELECT. Errors of the database are raised, so
that the transaction is rolled back.
"""

import json
import uuid

from django.db import models

__all__ = ["OutboxMessage", "publish_event", "publish_notification"]


PRIORITIES = {"high": 1, "medium": 0, "low": -1}  # a notice's, as the column has it


class OutboxMessage(models.Model):
    """A row of fanmail's outbox. fanmail makes the table, Django makes no migration."""

    message_id = models.TextField(null=True)
    body = models.TextField()
    routing_key = models.TextField(null=True)
    priority = models.IntegerField(default=0)  # larger ones are taken first
    not_before = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "outbox"
        app_label = "fanmail_outbox"


def publish_event(type, event_id, note=None, reason=None, metadata=None, **options):
    """Tells everyone who takes part in an event that it was CREATED, UPDATED or CANCELLED.

    `options`, here and below: `message_id` (a new one unless it is given: one id is one notification), `priority`, `not_before`
    (a datetime, USE_TZ=True; on MariaDB the zone of the connection must be UTC), `routing_key` for fanmail's routes, and `using`.
    """
    body = {"type": type, "event_id": event_id, "note": note, "reason": reason, "metadata": metadata}
    return _write(body, **options)


def publish_notification(
    recipient_user_id, message, title=None, priority="medium", notification_type="OTHER", metadata=None, **options
):
    """Sends a notice to one user."""
    body = {
        "recipient_user_id": recipient_user_id,
        "message": message,
        "title": title,
        "priority": priority,
        "notification_type": notification_type,
        "metadata": metadata,
    }
    return _write(body, priority=PRIORITIES[priority], **options)


def _write(body, message_id=None, using=None, **columns):
    fields = {name: value for name, value in body.items() if value is not None}
    encoded = json.dumps(fields, default=str, ensure_ascii=False, allow_nan=False)
    row = OutboxMessage(message_id=str(message_id or uuid.uuid4()), body=encoded, **columns)
    row.save(force_insert=True, using=using)
    return row.message_id
