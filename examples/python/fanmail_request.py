"""Publishes a message to fanmail and waits for its reply (fanmail needs REPLIES=True). One file to copy; needs pika.

    from fanmail_request import request
    request({"type": "UPDATED", "event_id": 123}, timeout=60)   # {'notification': 7, 'state': 'completed', 'sent': 248, …}

None means that no reply came in time. The message may be processed all the same: with the same message_id, ask again.
"""

import json
import os
import time
import uuid

import pika

DIRECT = "amq.rabbitmq.reply-to"  # RabbitMQ and LavinMQ hand the reply to this connection; no queue is needed.


def request(message, timeout=60, message_id=None):
    deadline = time.monotonic() + timeout
    correlation_id = str(uuid.uuid4())
    answers = []

    def on_reply(_channel, _method, properties, body):
        if properties.correlation_id == correlation_id:
            answers.append(json.loads(body))

    url = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@localhost")
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        channel.basic_consume(DIRECT, on_reply, auto_ack=True)  # Before the request is published.
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=2,
            message_id=message_id or str(uuid.uuid4()),
            reply_to=DIRECT,
            correlation_id=correlation_id,
            timestamp=int(time.time()),
        )
        queue = os.environ.get("RABBITMQ_QUEUE", "event_notifications")
        channel.basic_publish("", queue, json.dumps(message).encode(), properties)
        while not answers and (left := deadline - time.monotonic()) > 0:
            connection.process_data_events(time_limit=left)
    finally:
        connection.close()
    return answers[0] if answers else None
