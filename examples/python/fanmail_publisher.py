"""Publishes notifications for fanmail. Copy this one file into your service; it needs pika 1.2 or newer (pip install pika).

    from fanmail_publisher import publish_event, publish_notification

    transaction.on_commit(lambda: publish_event("UPDATED", 123))
    publish_notification(recipient_user_id=7, message="Your car is ready", title="Pick-up", priority="high")

Publish after the commit of your transaction, or use an outbox: docs/publishing.md of fanmail explains both.

What the results mean:

- `True`: the broker has confirmed the message and has it on disk. fanmail will process it.
- `False`: the broker has not confirmed it within the timeout, or the message cannot be published; the log has the reason.
  A message that was not confirmed may have been stored all the same. To try again, pass the same `message_id`: fanmail takes
  two messages with one id for one notification.
- The bulk functions return how many messages were confirmed.

No function raises an exception because of the broker or the data, and none takes longer than its timeout. All are safe to call
from several threads and after a fork (gunicorn, uWSGI with `enable-threads`, Celery): each process has a connection of its own,
opened at its first message, kept, and renewed when it is lost.

Environment: `RABBITMQ_URL` (amqp:// or amqps://), or `RABBITMQ_HOST` (several with commas), `RABBITMQ_PORT`, `RABBITMQ_USER`,
`RABBITMQ_PASSWORD`, `RABBITMQ_VHOST`; `RABBITMQ_QUEUE` (event_notifications), `RABBITMQ_EXCHANGE` (none: straight to the queue),
`RABBITMQ_TIMEOUT` (10 seconds for one call; also when it is no positive number, which the log says).
"""

import atexit
import json
import logging
import os
import random
import threading
import time
import uuid
import weakref
from typing import Any, Dict, Iterable, Optional, Union

import pika
import pika.exceptions

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
ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED = 403, 404, 406  # no later attempt would succeed


def publish_event(
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
    return _publisher.publish(body, **options)


def publish_notification(
    recipient_user_id: Union[int, str],
    message: str,
    title: Optional[str] = None,
    priority: str = "medium",
    notification_type: str = "OTHER",
    metadata: Optional[Dict[str, Any]] = None,
    **options: Any,
) -> bool:
    """Sends a notice to one user."""
    return _publisher.publish(
        _notice(recipient_user_id, message, title, priority, notification_type, metadata), **options
    )


def publish_bulk_notifications(notifications: Iterable[Dict[str, Any]], **options: Any) -> int:
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
    return sum(_publisher.publish_all(messages, **options))


def notify_appointment_created(
    user_id: Union[int, str], appointment_details: Dict[str, Any], **options: Any
) -> bool:
    """Confirms an appointment. `appointment_details` may have `service`, `date` and `time`."""
    details = dict(appointment_details or {})
    what = details.get("service") or "Your appointment"
    when = " ".join(str(details[name]) for name in ("date", "time") if details.get(name))
    message = f"{what} is booked for {when}." if when else f"{what} is booked."
    return publish_notification(user_id, message, "Appointment confirmed", "high", "APPOINTMENT", details, **options)


def notify_vehicle_status_changed(
    user_id: Union[int, str], vehicle_id: Union[int, str], new_status: str, **options: Any
) -> bool:
    """Tells the owner of a vehicle about its new status."""
    message = f"The status of your vehicle {vehicle_id} is now: {new_status}."
    return publish_notification(user_id, message, "Vehicle status", "medium", "VEHICLE", **options)


def notify_system_alert(user_ids: Iterable[Union[int, str]], message: str, **options: Any) -> int:
    """Alerts many users. Returns how many messages were confirmed."""
    alert = {"message": message, "title": "System alert", "priority": "high", "notification_type": "SYSTEM"}
    return publish_bulk_notifications([{"recipient_user_id": user, **alert} for user in user_ids], **options)


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
    """A connection that is kept and renewed. Without arguments, the environment decides."""

    def __init__(self, url=None, queue=None, exchange=None, timeout=None):
        self._url, self._queue, self._exchange, self._timeout = url, queue, exchange, timeout
        self._attempts = 0
        self._forget()
        if hasattr(os, "register_at_fork"):
            this = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: this() and this()._forget())
        atexit.register(self.close)

    def publish(self, body, message_id=None, timeout=None, routing_key=None):
        """Publishes one message, a dict that becomes JSON. Returns whether it was confirmed."""
        return self.publish_all([(body, message_id)], timeout, routing_key) == [True]

    def publish_all(self, messages, timeout=None, routing_key=None):
        """Publishes pairs of a dict and a message id (or None). Returns for each whether it was confirmed."""
        seconds = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + float(_default_timeout() if seconds is None else seconds)
        routing_key = routing_key or self._queue or _setting("QUEUE", "event_notifications")
        outgoing = [_Outgoing(body, message_id, routing_key) for body, message_id in messages]
        waiting = [message for message in outgoing if message.outcome is None]
        if waiting and self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            try:
                self._send(waiting, deadline)
            finally:
                self._lock.release()
        for message in outgoing:
            if message.outcome is not True:
                reason = message.outcome or message.trouble or "other messages took all the time"
                logger.error("message %s was not published: %s", message.message_id, reason)
        return [message.outcome is True for message in outgoing]

    def close(self):
        """Closes the connection, which the next message opens again. Takes a second at most."""
        deadline = time.monotonic() + 1
        if self._lock.acquire(timeout=1):
            try:
                self._drop(deadline)
            finally:
                self._lock.release()

    def _forget(self):
        # After a fork, also another thread may have held the lock, and the connection is the parent's: not a byte may be
        # written to it.
        self._lock = threading.Lock()
        self._connection = None

    def _send(self, messages, deadline):
        pause = FIRST_PAUSE
        while True:
            # Half of the time for an attempt leaves time for another one, over a new connection.
            until = (time.monotonic() + deadline) / 2
            trouble = self._attempt(messages, until)
            messages = [message for message in messages if message.outcome is None]
            left = deadline - time.monotonic()
            if not messages or left < SHORTEST_ATTEMPT:
                break
            logger.warning("publishing is tried again: %s", trouble)
            time.sleep(min(pause * random.uniform(0.5, 1.0), left / 2))
            pause = min(pause * 2, LONGEST_PAUSE)
        for message in messages:
            message.trouble = trouble

    def _attempt(self, messages, until):
        """Sets outcomes. Returns why some have none, if so."""
        done = False
        try:
            if self._connection is None or not self._connection.is_usable():
                self._drop()
                self._connection = _Connection(self._parameters())
                self._connection.open(until)
            exchange = _setting("EXCHANGE", "") if self._exchange is None else self._exchange
            for start in range(0, len(messages), BATCH):
                self._connection.publish(messages[start : start + BATCH], exchange, until)
            done = True
        except _Refused as error:
            for message in messages:
                message.outcome = message.outcome or str(error)
        except Exception as error:  # pika, ssl and the socket have their own; none may reach the application
            return _reason(error)
        finally:
            # Also after KeyboardInterrupt or the like: nothing is known about its state.
            if not done:
                self._drop()
        return None

    def _drop(self, wait_until=None):
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close(wait_until)
            except Exception as error:
                logger.debug("closing the connection: %s", _reason(error))

    def _parameters(self):
        url = self._url or _setting("URL")
        if url:
            parameters = pika.URLParameters(url)
        else:
            hosts = _setting("HOST", "localhost").split(",")
            host, _, port = hosts[self._attempts % len(hosts)].strip().partition(":")
            self._attempts += 1
            parameters = pika.ConnectionParameters(
                host=host,
                port=int(port or _setting("PORT", "5672")),
                virtual_host=_setting("VHOST", "/"),
                credentials=pika.PlainCredentials(
                    _setting("USER", "guest"), _setting("PASSWORD", "guest")
                ),
            )
        parameters.connection_attempts = 1  # the attempts are counted here
        # Between two messages nothing answers heartbeats: the broker drops a connection that is unused for 20 minutes, and
        # the kernel keeps it known to routers meanwhile.
        parameters.heartbeat = 600
        parameters.tcp_options = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
        return parameters


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
        self.returned = None
        self.outcome = None
        try:
            self.body = _encode(body)
        except (TypeError, ValueError) as error:
            self.outcome = str(error)
        self.properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=2,  # kept on disk
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


class _Refused(Exception):
    """The broker has refused it for a reason that does not go away by itself."""


class _Connection:
    """A connection and its channel, with confirms.

    pika's BlockingConnection waits for a confirm without a limit. So this drives its asynchronous connection, from the thread
    that calls it, until something has happened or the time is over.
    """

    def __init__(self, parameters):
        self._channel = None
        self._ready = False
        self._error = None
        self._unconfirmed = {}  # delivery tag: message
        self._running = False
        self._connection = _Stream(
            parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._on_channel),
            on_open_error_callback=lambda _, error: self._fail(error),
            on_close_callback=lambda _, error: self._fail(error),
        )
        self._next_tag = 1

    def open(self, until):
        self._run(lambda: self._ready, until, "connect")

    def is_usable(self):
        """Reads what has come since the last message, such as the end of the connection."""
        self._run_once()
        return self._error is None

    def publish(self, messages, exchange, until):
        self._send(messages, exchange, until)
        returned = [message for message in messages if message.returned]
        if returned and not exchange:
            # The queue does not exist: fanmail has never run. This is how fanmail creates it.
            for queue in {message.routing_key for message in returned}:
                self._declare(queue, until)
            self._send(returned, exchange, until)
        for message in returned:
            message.outcome = message.outcome or message.returned

    def close(self, until=None):
        """Closes in good order if there is time for it, and at once otherwise."""
        if until is not None and self._connection.is_open:
            self._connection.close()
            self._run_while(lambda: self._error is None, until)
        if not self._connection.is_closed:
            self._connection.abort()
            self._run_while(lambda: not self._connection.is_closed, time.monotonic() + 0.1)
        self._connection.ioloop.close()

    def _on_channel(self, channel):
        self._channel = channel
        channel.add_on_close_callback(lambda _, error: self._fail(error))
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=self._on_ready)

    def _on_ready(self, _):
        self._ready = True
        self._wake()

    def _on_return(self, _, method, properties, __):
        # The confirm follows.
        for message in self._unconfirmed.values():
            if message.message_id == properties.message_id:
                message.returned = f"{method.reply_text}: no queue is bound for {method.routing_key!r}"

    def _on_confirm(self, frame):
        confirm = frame.method
        tags = [confirm.delivery_tag]
        if confirm.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= confirm.delivery_tag]
        for tag in tags:
            message = self._unconfirmed.pop(tag)
            if isinstance(confirm, pika.spec.Basic.Ack) and not message.returned:
                message.outcome = True
        self._wake()

    def _send(self, messages, exchange, until):
        self._unconfirmed = {}
        for message in messages:
            message.returned = None
            self._channel.basic_publish(
                exchange, message.routing_key, message.body, message.properties, mandatory=True
            )
            self._unconfirmed[self._next_tag] = message
            self._next_tag += 1
        self._run(lambda: not self._unconfirmed, until, "confirm the messages")
        if any(message.outcome is None and not message.returned for message in messages):
            raise TimeoutError("the broker has refused messages (nack); the queue may be full")

    def _declare(self, queue, until):
        declared = []
        self._channel.queue_declare(queue, durable=True, callback=lambda ok: (declared.append(ok), self._wake()))
        self._run(lambda: declared, until, f"declare the queue {queue}")

    def _run(self, is_done, until, what):
        self._run_while(lambda: self._error is None and not is_done(), until)
        if self._error is not None:
            raise self._error
        if not is_done():
            raise TimeoutError(f"the broker did not {what} in time")

    def _run_while(self, condition, until):
        loop = self._connection.ioloop
        while condition():
            left = until - time.monotonic()
            if left <= 0:
                break
            timer = loop.call_later(left, self._wake)
            self._start()
            loop.remove_timeout(timer)

    def _run_once(self):
        self._connection.ioloop.call_later(0, self._wake)
        self._start()

    def _start(self):
        self._running = True
        try:
            self._connection.ioloop.start()
        finally:
            self._running = False

    def _wake(self):
        # A stop of a loop that does not run would end its next run at once.
        if self._running:
            self._connection.ioloop.stop()

    def _fail(self, error):
        if self._error is None:
            code = getattr(error, "reply_code", None)
            final = isinstance(error, pika.exceptions.ProbableAuthenticationError) or (
                code in (ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED)
            )
            self._error = _Refused(_reason(error)) if final else error
        self._wake()


class _Stream(pika.SelectConnection):
    def abort(self):
        """Closes the socket at once. pika's `close` waits for the broker's answer."""
        self._terminate_stream(pika.exceptions.ConnectionWrongStateError("given up"))


def _reason(error):
    """One line. pika puts the cause into lists, and some of its errors have no text."""
    while getattr(error, "exceptions", None):
        error = error.exceptions[-1]
    cause = getattr(error, "exception", None) or (error.args[0] if error.args else None)
    if isinstance(cause, BaseException):
        return _reason(cause)
    return str(error) or repr(error)


_publisher = Publisher()
