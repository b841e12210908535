"""Writes notifications for fanmail into its outbox, in the transaction of an application with SQLAlchemy 1.4 or newer. Copy this
one file into it.

    from fanmail_outbox_sqlalchemy import event

    with Session(engine) as session, session.begin():
        meeting.starts_at = starts_at
        session.execute(event("UPDATED", meeting.id))          # `await` with an AsyncSession

The notification exists if and only if the transaction is committed. No broker is needed: a worker with OUTBOX=True takes it
within milliseconds. The table `outbox` is made by `fanmail migrate`, in the database of the application, which needs INSERT
on it.

Leave the table out of Alembic's autogenerate: it is not in the metadata of your models, so name it in `include_name`.
"""

import json
import uuid
from datetime import timezone

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, insert

__all__ = ["event", "notice"]

PRIORITIES = {"high": 1, "medium": 0, "low": -1}  # a notice's, as the column has it

outbox = Table(
    "outbox",
    MetaData(),
    Column("message_id", Text),
    Column("body", Text, nullable=False),
    Column("routing_key", Text),
    Column("priority", Integer),  # larger ones are taken first
    Column("not_before", DateTime(timezone=True)),
)


def event(type, event_id, note=None, reason=None, metadata=None, **options):
    """The statement that tells everyone who takes part in an event that it was CREATED, UPDATED or CANCELLED.

    `options`, here and below: `message_id` (a new one unless it is given: one id is one notification), `priority`, `not_before`
    (a datetime with a zone; on MariaDB the zone of the connection must be UTC), and `routing_key` for fanmail's routes.
    """
    return _statement(
        {"type": type, "event_id": event_id, "note": note, "reason": reason, "metadata": metadata}, **options
    )


def notice(
    recipient_user_id, message, title=None, priority="medium", notification_type="OTHER", metadata=None, **options
):
    """The statement that sends a notice to one user."""
    body = {
        "recipient_user_id": recipient_user_id,
        "message": message,
        "title": title,
        "priority": priority,
        "notification_type": notification_type,
        "metadata": metadata,
    }
    return _statement(body, priority=PRIORITIES[priority], **options)


def _statement(body, message_id=None, not_before=None, **columns):
    fields = {name: value for name, value in body.items() if value is not None}
    encoded = json.dumps(fields, default=str, ensure_ascii=False, allow_nan=False)
    if not_before is not None:
        columns["not_before"] = not_before.astimezone(timezone.utc)  # SQLite keeps the digits, and no zone
    return insert(outbox).values(message_id=str(message_id or uuid.uuid4()), body=encoded, **columns)
