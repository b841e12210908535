"""Publishes notifications for fanmail from asyncio. Copy this one file into your service; it needs aio-pika 9 or newer
(pip install aio-pika).

    from fanmail_publisher_async import publish_event, publish_notification

    await publish_event("UPDATED", 123)
    await publish_notification(recipient_user_id=7, message="Your car is ready", title="Pick-up", priority="high")

Publish after the commit of your transaction, or use an outbox: docs/publishing.md of fanmail explains both.

What the results mean:

- `True`: the broker has confirmed the message and has it on disk. fanmail will process it.
- `False`: the broker has not confirmed it within the timeout, or the message cannot be published; the log has the reason.
  A message that was not confirmed may have been stored all the same. To try again, pass the same `message_id`: fanmail takes
  two messages with one id for one notification.
- The bulk functions return how many messages were confirmed.

No function raises an exception because of the broker or the data, and none takes longer than its timeout. Many tasks may call
them at the same time. Each event loop has a connection of its own, opened at its first message, kept, and renewed when it is
lost; so does each process after a fork. Code that is not asynchronous should take fanmail_publisher.py instead.

Environment: `RABBITMQ_URL` (amqp:// or amqps://), or `RABBITMQ_HOST` (several with commas), `RABBITMQ_PORT`, `RABBITMQ_USER`,
`RABBITMQ_PASSWORD`, `RABBITMQ_VHOST`; `RABBITMQ_QUEUE` (event_notifications), `RABBITMQ_EXCHANGE` (none: straight to the queue),
`RABBITMQ_TIMEOUT` (10 seconds for one call; also when it is no positive number, which the log says).
"""

import asyncio
import json
import logging
import os
import random
import time
import uuid
import weakref
from typing import Any, Dict, Iterable, Optional, Union

import aio_pika
from aio_pika.exceptions import AuthenticationError, DeliveryError, ProbableAuthenticationError, PublishError
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity, ChannelPreconditionFailed

__all__ = [
    "Publisher",
    "publish_event",
    "publish_notification",
    "publish_bulk_notifications",
    "notify_appointment_created",
    "notify_vehicle_status_changed",
    "notify_system_alert",
]

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024  # fanmail reads no larger message
PRIORITIES = ("high", "medium", "low")
DEFAULT_TIMEOUT = 10  # seconds
BATCH = 500  # messages that are on their way at the same time
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between two attempts
SHORTEST_ATTEMPT = 0.1  # seconds; in less, nothing comes of it
# No later attempt would succeed.
FINAL = (
    AuthenticationError,
    ProbableAuthenticationError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)


async def publish_event(
    type: str,
    event_id: Union[int, str],
    note: Optional[str] = None,
    reason: Optional[str] = None,
    metadata: Optional[Dict[str, Any]] = None,
    **options: Any,
) -> bool:
    """Tells everyone who takes part in an event that it was CREATED, UPDATED or CANCELLED.

    `options`, here and below: `message_id`, `timeout` in seconds, and `routing_key` for an exchange.
    """
    body = {"type": type, "event_id": event_id, "note": note, "reason": reason, "metadata": metadata}
    return await _publisher.publish(body, **options)


async def publish_notification(
    recipient_user_id: Union[int, str],
    message: str,
    title: Optional[str] = None,
    priority: str = "medium",
    notification_type: str = "OTHER",
    metadata: Optional[Dict[str, Any]] = None,
    **options: Any,
) -> bool:
    """Sends a notice to one user."""
    return await _publisher.publish(
        _notice(recipient_user_id, message, title, priority, notification_type, metadata), **options
    )


async def publish_bulk_notifications(notifications: Iterable[Dict[str, Any]], **options: Any) -> int:
    """Sends many notices. Each is a dict with the arguments of `publish_notification`, and `message_id` if you like.

    Returns how many were confirmed. The timeout is for all of them together.
    """
    messages = []
    for notification in notifications:
        try:
            fields = dict(notification)
            message_id = fields.pop("message_id", None)
            messages.append((_notice(**fields), message_id))
        except (TypeError, ValueError) as error:
            logger.error("a notification was not published: %s", error)
    return sum(await _publisher.publish_all(messages, **options))


async def notify_appointment_created(
    user_id: Union[int, str], appointment_details: Dict[str, Any], **options: Any
) -> bool:
    """Confirms an appointment. `appointment_details` may have `service`, `date` and `time`."""
    details = dict(appointment_details or {})
    what = details.get("service") or "Your appointment"
    when = " ".join(str(details[name]) for name in ("date", "time") if details.get(name))
    message = f"{what} is booked for {when}." if when else f"{what} is booked."
    return await publish_notification(
        user_id, message, "Appointment confirmed", "high", "APPOINTMENT", details, **options
    )


async def notify_vehicle_status_changed(
    user_id: Union[int, str], vehicle_id: Union[int, str], new_status: str, **options: Any
) -> bool:
    """Tells the owner of a vehicle about its new status."""
    message = f"The status of your vehicle {vehicle_id} is now: {new_status}."
    return await publish_notification(user_id, message, "Vehicle status", "medium", "VEHICLE", **options)


async def notify_system_alert(user_ids: Iterable[Union[int, str]], message: str, **options: Any) -> int:
    """Alerts many users. Returns how many messages were confirmed."""
    alert = {"message": message, "title": "System alert", "priority": "high", "notification_type": "SYSTEM"}
    return await publish_bulk_notifications([{"recipient_user_id": user, **alert} for user in user_ids], **options)


def _notice(
    recipient_user_id, message, title=None, priority="medium", notification_type="OTHER", metadata=None
):
    return {
        "recipient_user_id": recipient_user_id,
        "message": message,
        "title": title,
        "priority": priority,
        "notification_type": notification_type,
        "metadata": metadata,
    }


class Publisher:
    """A connection for each event loop, kept and renewed. Without arguments, the environment decides."""

    def __init__(self, url=None, queue=None, exchange=None, timeout=None):
        self._url, self._queue, self._exchange, self._timeout = url, queue, exchange, timeout
        self._connections = weakref.WeakKeyDictionary()  # by event loop
        self._tasks = set()  # asyncio itself keeps no task alive

    async def publish(self, body, message_id=None, timeout=None, routing_key=None):
        """Publishes one message, a dict that becomes JSON. Returns whether it was confirmed."""
        return await self.publish_all([(body, message_id)], timeout, routing_key) == [True]

    async def publish_all(self, messages, timeout=None, routing_key=None):
        """Publishes pairs of a dict and a message id (or None). Returns for each whether it was confirmed."""
        seconds = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + float(_default_timeout() if seconds is None else seconds)
        routing_key = routing_key or self._queue or _setting("QUEUE", "event_notifications")
        outgoing = [_Outgoing(body, message_id, routing_key) for body, message_id in messages]
        waiting = [message for message in outgoing if message.outcome is None]
        if waiting:
            await self._send(waiting, deadline)
        for message in outgoing:
            if message.outcome is not True:
                logger.error(
                    "message %s was not published: %s", message.message_id, message.outcome or message.trouble
                )
        return [message.outcome is True for message in outgoing]

    async def close(self):
        """Closes the connection of this event loop, which the next message opens again. Takes a second at most."""
        connection = self._connections.pop(asyncio.get_running_loop(), None)
        if connection is not None:
            await self._limited(connection.close(), time.monotonic() + 1)

    async def _send(self, messages, deadline):
        pause = FIRST_PAUSE
        while True:
            # Half of the time for an attempt leaves time for another one, over a new connection.
            until = (time.monotonic() + deadline) / 2
            trouble = await self._attempt(messages, until)
            messages = [message for message in messages if message.outcome is None]
            left = deadline - time.monotonic()
            if not messages or left < SHORTEST_ATTEMPT:
                break
            logger.warning("publishing is tried again: %s", trouble)
            await asyncio.sleep(min(pause * random.uniform(0.5, 1.0), left / 2))
            pause = min(pause * 2, LONGEST_PAUSE)
        for message in messages:
            message.trouble = trouble

    async def _attempt(self, messages, until):
        """Sets outcomes. Returns why some have none, if so."""
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None or not connection.is_usable():
            self._abandon(connection)
            connection = self._connections[loop] = _Connection(self._url)
        exchange = _setting("EXCHANGE", "") if self._exchange is None else self._exchange
        try:
            for start in range(0, len(messages), BATCH):
                batch = messages[start : start + BATCH]
                await self._limited(connection.publish(batch, exchange), until)
        except FINAL as error:
            for message in messages:
                message.outcome = message.outcome or _reason(error)
        except DeliveryError:
            return "the broker has refused messages (nack); the queue may be full"
        except asyncio.TimeoutError:
            trouble = "the broker did not answer in time"
        except Exception as error:  # aio-pika, ssl and the socket have their own; none may reach the application
            trouble = _reason(error)
        else:
            return None
        if self._connections.get(loop) is connection:
            del self._connections[loop]
        self._abandon(connection)
        return trouble if any(message.outcome is None for message in messages) else None

    async def _limited(self, work, until):
        """Unlike asyncio.wait_for, this does not wait until the work has noticed that it was cancelled."""
        task = self._keep(work)
        try:
            await asyncio.wait({task}, timeout=max(0.0, until - time.monotonic()))
        finally:
            if not task.done():
                task.cancel()
        if task.done():
            return task.result()
        raise asyncio.TimeoutError

    def _abandon(self, connection):
        """Closes it without waiting for that: a frozen broker does not answer."""
        if connection is not None and connection.process == os.getpid():
            self._keep(asyncio.wait_for(connection.close(), 1))

    def _keep(self, work):
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task):
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # otherwise asyncio logs that it was never looked at


def _setting(name, default=None):
    return os.environ.get("RABBITMQ_" + name) or default


def _default_timeout():
    """Seconds for one call. A typing error must raise no exception."""
    given = _setting("TIMEOUT", DEFAULT_TIMEOUT)
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0
    if 0 < seconds < float("inf"):
        return seconds
    logger.error("RABBITMQ_TIMEOUT is %r, which is no positive number; %s seconds are used", given, DEFAULT_TIMEOUT)
    return DEFAULT_TIMEOUT


class _Outgoing:
    """A message, and what became of it: `outcome` is None (nothing yet), True (confirmed), or why it never will be."""

    def __init__(self, body, message_id, routing_key):
        self.message_id = str(message_id or uuid.uuid4())
        self.routing_key = routing_key
        self.trouble = None
        self.outcome = None
        try:
            encoded = _encode(body)
        except (TypeError, ValueError) as error:
            self.outcome = str(error)
            return
        self.message = aio_pika.Message(
            encoded,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=self.message_id,
            timestamp=int(time.time()),
        )


def _encode(body):
    fields = {name: value for name, value in body.items() if value is not None}
    if fields.get("priority", "medium") not in PRIORITIES:
        raise ValueError(f"the priority {fields['priority']!r} is none of {', '.join(PRIORITIES)}")
    if not isinstance(fields.get("metadata", {}), dict):
        raise ValueError("metadata must be a dict")
    # A UUID, a date or a Decimal becomes its text.
    encoded = json.dumps(fields, default=str, ensure_ascii=False, allow_nan=False).encode()
    if len(encoded) > MAX_BODY:
        raise ValueError(f"it has {len(encoded)} bytes as JSON; at most {MAX_BODY} are possible")
    return encoded


class _Connection:
    """A connection and its channel, with confirms. All tasks of an event loop share them."""

    attempts = 0

    def __init__(self, url):
        self.process = os.getpid()
        self._url = url
        self._opening = asyncio.Lock()
        self._connection = None
        self._channel = None

    def is_usable(self):
        closed = self._channel is not None and (self._channel.is_closed or self._connection.is_closed)
        return self.process == os.getpid() and not closed

    async def publish(self, messages, exchange_name):
        channel = await self._open()
        exchange = channel.default_exchange
        if exchange_name:
            exchange = await channel.get_exchange(exchange_name, ensure=False)
        returned = await self._publish_all(messages, exchange)
        if returned and not exchange_name:
            # The queue does not exist: fanmail has never run. This is how fanmail creates it.
            for queue in {message.routing_key for message in returned}:
                await channel.declare_queue(queue, durable=True)
            returned = await self._publish_all(returned, exchange)
        for message in returned:
            message.outcome = f"no queue is bound for {message.routing_key!r}"

    async def close(self):
        if self._connection is not None:
            await self._connection.close()

    async def _open(self):
        async with self._opening:
            if self._channel is None:
                self._connection = await aio_pika.connect(**self._target())
                self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            return self._channel

    async def _publish_all(self, messages, exchange):
        """Sets the outcome of those that were confirmed. Returns those that no queue took."""
        publishing = [
            exchange.publish(message.message, message.routing_key, mandatory=True) for message in messages
        ]
        results = await asyncio.gather(*publishing, return_exceptions=True)
        returned, errors = [], []
        for message, result in zip(messages, results):
            if isinstance(result, PublishError):
                returned.append(message)
            elif isinstance(result, BaseException):
                errors.append(result)
            else:
                message.outcome = True
        if errors:
            raise errors[0]
        return returned

    def _target(self):
        url = self._url or _setting("URL")
        if url:
            return {"url": url}
        hosts = _setting("HOST", "localhost").split(",")
        host, _, port = hosts[_Connection.attempts % len(hosts)].strip().partition(":")
        _Connection.attempts += 1
        return {
            "host": host,
            "port": int(port or _setting("PORT", "5672")),
            "login": _setting("USER", "guest"),
            "password": _setting("PASSWORD", "guest"),
            "virtualhost": _setting("VHOST", "/"),
        }


def _reason(error):
    return str(error) or repr(error)


_publisher = Publisher()
