// @ts-check
/**
 * Publishes notifications for fanmail. Copy this one file into your service; it needs Node.js 18 or newer and amqplib 0.10 or
 * newer (npm install amqplib; with 0.10 also @types/amqplib). TypeScript takes the types from the comments (`allowJs`).
 *
 *     import { publishEvent, publishNotification } from "./fanmail_publisher.mjs";
 *
 *     await publishEvent("UPDATED", 123);
 *     await publishNotification({ recipientUserId: 7, message: "Your car is ready", title: "Pick-up", priority: "high" });
 *
 * Publish after the commit of your transaction, or use an outbox: docs/publishing.md of fanmail explains both.
 *
 * What the results mean:
 *
 * - `true`: the broker has confirmed the message and has it on disk. fanmail will process it.
 * - `false`: the broker has not confirmed it within the timeout, or the message cannot be published; `log` has the reason.
 *   A message that was not confirmed may have been stored all the same. To try again, pass the same `messageId`: fanmail takes
 *   two messages with one id for one notification.
 * - The bulk functions return how many messages were confirmed.
 *
 * No promise is rejected because of the broker or the data, and none takes longer than its timeout. Many calls may run at the
 * same time. They share one connection, which the first one opens, and which is kept and renewed; `close()` ends it, and lets
 * the process end.
 *
 * Environment: `RABBITMQ_URL` (amqp:// or amqps://), or `RABBITMQ_HOST` (several with commas), `RABBITMQ_PORT`, `RABBITMQ_USER`,
 * `RABBITMQ_PASSWORD`, `RABBITMQ_VHOST`; `RABBITMQ_QUEUE` (event_notifications), `RABBITMQ_EXCHANGE` (none: straight to the
 * queue), `RABBITMQ_TIMEOUT` (10 seconds for one call; also when it is no positive number, which `log` says).
 */

import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import process from "node:process";
import amqp from "amqplib";

/**
 * @typedef {object} Options
 * @property {string} [messageId] The identity of the notification; a new one unless it is given.
 * @property {number} [timeout] The longest that the call may take, in seconds.
 * @property {string} [routingKey] For an exchange; otherwise the queue.
 *
 * @typedef {{note?: string, reason?: string, metadata?: Record<string, unknown>}} EventDetails
 *
 * @typedef {object} Notice
 * @property {number | string} recipientUserId
 * @property {string} message
 * @property {string} [title]
 * @property {"high" | "medium" | "low"} [priority]
 * @property {string} [notificationType]
 * @property {Record<string, unknown>} [metadata]
 *
 * @typedef {{service?: string, date?: string, time?: string} & Record<string, unknown>} Appointment
 *
 * @typedef {object} Outgoing
 * @property {string} messageId
 * @property {string} routingKey
 * @property {Buffer} [content]
 * @property {true | string} [outcome] Confirmed, or why it never will be. Without it nothing is known yet.
 * @property {boolean} [returned] No queue took it.
 *
 * @typedef {object} Open
 * @property {amqp.ChannelModel} model
 * @property {amqp.ConfirmChannel} channel
 * @property {Map<string, Outgoing>} waiting By message id.
 * @property {unknown} [error] Why it does not work any more.
 */

const MAX_BODY = 64 * 1024; // fanmail reads no larger message
const PRIORITIES = ["high", "medium", "low"];
const DEFAULT_TIMEOUT = 10; // seconds
const BATCH = 500; // messages that are on their way at the same time
const [FIRST_PAUSE, LONGEST_PAUSE] = [100, 2000]; // milliseconds between two attempts
const SHORTEST_ATTEMPT = 100; // milliseconds; in less, nothing comes of it
const ACCESS_REFUSED_NOT_FOUND_PRECONDITION_FAILED = [403, 404, 406]; // no later attempt would succeed

/** Where the reasons go. Put your own logger here. */
export const log = { warn: console.warn, error: console.error };

/**
 * Tells everyone who takes part in an event that it was CREATED, UPDATED or CANCELLED.
 * @param {string} type
 * @param {number | string} eventId
 * @param {EventDetails & Options} [options]
 */
export async function publishEvent(type, eventId, options = {}) {
  const { note, reason, metadata, ...rest } = options;
  return publish({ type, event_id: eventId, note, reason, metadata }, rest);
}

/**
 * Sends a notice to one user.
 * @param {Notice & Options} notice
 */
export async function publishNotification(notice) {
  return publish(noticeBody(notice), notice);
}

/**
 * Sends many notices, and returns how many were confirmed. The timeout is for all of them together.
 * @param {(Notice & {messageId?: string})[]} notices
 * @param {Omit<Options, "messageId">} [options]
 */
export async function publishBulkNotifications(notices, options = {}) {
  const messages = notices.map((notice) => outgoing(noticeBody(notice), { ...options, messageId: notice.messageId }));
  return (await publishAll(messages, options.timeout)).filter(Boolean).length;
}

/**
 * Confirms an appointment.
 * @param {number | string} userId
 * @param {Appointment} appointment
 * @param {Options} [options]
 */
export async function notifyAppointmentCreated(userId, appointment, options = {}) {
  const when = [appointment.date, appointment.time].filter(Boolean).join(" ");
  return publishNotification({
    recipientUserId: userId,
    message: `${appointment.service || "Your appointment"} is booked${when && ` for ${when}`}.`,
    title: "Appointment confirmed",
    priority: "high",
    notificationType: "APPOINTMENT",
    metadata: appointment,
    ...options,
  });
}

/**
 * Tells the owner of a vehicle about its new status.
 * @param {number | string} userId
 * @param {number | string} vehicleId
 * @param {string} newStatus
 * @param {Options} [options]
 */
export async function notifyVehicleStatusChanged(userId, vehicleId, newStatus, options = {}) {
  return publishNotification({
    recipientUserId: userId,
    message: `The status of your vehicle ${vehicleId} is now: ${newStatus}.`,
    title: "Vehicle status",
    notificationType: "VEHICLE",
    ...options,
  });
}

/**
 * Alerts many users, and returns how many messages were confirmed.
 * @param {(number | string)[]} userIds
 * @param {string} message
 * @param {Omit<Options, "messageId">} [options]
 */
export async function notifySystemAlert(userIds, message, options = {}) {
  /** @type {Omit<Notice, "recipientUserId">} */
  const alert = { message, title: "System alert", priority: "high", notificationType: "SYSTEM" };
  return publishBulkNotifications(userIds.map((user) => ({ recipientUserId: user, ...alert })), options);
}

/**
 * Publishes one message of any form, and returns whether it was confirmed.
 * @param {Record<string, unknown>} body
 * @param {Options} [options]
 */
export async function publish(body, options = {}) {
  const [confirmed] = await publishAll([outgoing(body, options)], options.timeout);
  return confirmed;
}

/** Closes the connection, which the next message opens again. Takes a second at most. */
export async function close() {
  const closing = current;
  current = undefined;
  if (!closing) return;
  await within(Date.now() + 1000, closing.then((open) => open.model.close())).catch(() => {});
  abandon(closing);
}

/** @param {Notice} notice */
function noticeBody({ recipientUserId, message, title, priority, notificationType, metadata }) {
  return {
    recipient_user_id: recipientUserId,
    message,
    title,
    priority: priority ?? "medium",
    notification_type: notificationType ?? "OTHER",
    metadata,
  };
}

/**
 * @param {Record<string, unknown>} body
 * @param {Options} options
 * @returns {Outgoing}
 */
function outgoing(body, { messageId, routingKey }) {
  /** @type {Outgoing} */
  const message = {
    messageId: messageId ?? randomUUID(),
    routingKey: routingKey ?? setting("QUEUE", "event_notifications"),
  };
  try {
    const { priority = "medium", metadata = {} } = body;
    if (!PRIORITIES.includes(String(priority))) {
      throw new Error(`the priority "${priority}" is none of ${PRIORITIES.join(", ")}`);
    }
    if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
      throw new Error("metadata must be an object");
    }
    message.content = Buffer.from(JSON.stringify(body));
    if (message.content.length > MAX_BODY) {
      throw new Error(`it has ${message.content.length} bytes as JSON; at most ${MAX_BODY} are possible`);
    }
  } catch (error) {
    message.outcome = reasonOf(error);
  }
  return message;
}

/**
 * @param {Outgoing[]} messages
 * @param {number} [timeout]
 */
async function publishAll(messages, timeout) {
  const deadline = Date.now() + 1000 * (timeout ?? defaultTimeout());
  const waiting = () => messages.filter((message) => message.outcome === undefined);
  let trouble = "";
  for (let pause = FIRST_PAUSE; waiting().length > 0; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    // Half of the time for an attempt leaves time for another one, over a new connection.
    trouble = await attempt(waiting(), (Date.now() + deadline) / 2);
    const left = deadline - Date.now();
    if (waiting().length === 0 || left < SHORTEST_ATTEMPT) break;
    log.warn(`fanmail: publishing is tried again: ${trouble}`);
    const chosen = Math.min(pause * (0.5 + Math.random() / 2), left / 2);
    await new Promise((resolve) => setTimeout(resolve, chosen));
  }
  for (const { messageId, outcome } of messages) {
    if (outcome !== true) log.error(`fanmail: message ${messageId} was not published: ${outcome ?? trouble}`);
  }
  return messages.map((message) => message.outcome === true);
}

/**
 * Sets outcomes. Returns why some have none, if so.
 * @param {Outgoing[]} messages
 * @param {number} until
 */
async function attempt(messages, until) {
  const opening = (current ??= openConnection(until));
  try {
    const open = await within(until, opening);
    for (let start = 0; start < messages.length; start += BATCH) {
      await within(until, publishBatch(open, messages.slice(start, start + BATCH)));
    }
    return messages.some((message) => message.outcome === undefined)
      ? "the broker has refused messages (nack); the queue may be full"
      : "";
  } catch (error) {
    if (current === opening) current = undefined;
    abandon(opening);
    const code = Number(/** @type {{code?: unknown}} */ (error).code ?? /\b403\b/.exec(reasonOf(error))?.[0]);
    if (ACCESS_REFUSED_NOT_FOUND_PRECONDITION_FAILED.includes(code)) {
      for (const message of messages) message.outcome ??= reasonOf(error);
    }
    return reasonOf(error);
  }
}

/**
 * @param {Open} open
 * @param {Outgoing[]} messages
 */
async function publishBatch(open, messages) {
  const exchange = setting("EXCHANGE", "");
  await send(open, messages, exchange);
  let returned = messages.filter((message) => message.returned);
  if (returned.length > 0 && exchange === "") {
    // The queue does not exist: fanmail has never run. This is how fanmail creates it.
    for (const queue of new Set(returned.map((message) => message.routingKey))) {
      await open.channel.assertQueue(queue, { durable: true });
    }
    await send(open, returned, exchange);
    returned = returned.filter((message) => message.returned);
  }
  for (const message of returned) message.outcome = `no queue is bound for "${message.routingKey}"`;
}

/**
 * Resolves when the broker has confirmed, refused or returned all of them.
 * @param {Open} open
 * @param {Outgoing[]} messages
 * @param {string} exchange
 */
async function send(open, messages, exchange) {
  const { channel, waiting } = open;
  const confirms = messages.map((message) => {
    message.returned = false;
    waiting.set(message.messageId, message);
    const options = {
      contentType: "application/json",
      persistent: true,
      mandatory: true,
      messageId: message.messageId,
      timestamp: Math.floor(Date.now() / 1000),
    };
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const content = /** @type {Buffer} */ (message.content);
        channel.publish(exchange, message.routingKey, content, options, (refused) => {
          waiting.delete(message.messageId);
          // A message that no queue took is returned first, and then confirmed.
          if (!refused && !message.returned) message.outcome = true;
          resolve();
        });
      })
    );
  });
  await Promise.all(confirms);
  if (open.error) throw open.error;
}

/** @type {Promise<Open> | undefined} */
let current;
/** @type {WeakMap<Promise<Open>, AbortController>} */
const sockets = new WeakMap();
let attempts = 0;

/**
 * @param {number} until
 * @returns {Promise<Open>}
 */
function openConnection(until) {
  const socket = new AbortController();
  const opening = (async () => {
    const options = { signal: socket.signal, timeout: Math.max(1, until - Date.now()), keepAlive: true, noDelay: true };
    const model = await amqp.connect(target(), options);
    /** @type {Open | undefined} */
    let open;
    // amqplib then ends what waits for a confirm. Without listeners, errors would end the process.
    const lost = (/** @type {unknown} */ error) => {
      if (open) open.error ??= error ?? new Error("the connection was closed");
      if (current === opening) current = undefined;
    };
    model.on("error", lost);
    model.on("close", lost);
    const channel = await model.createConfirmChannel();
    channel.on("error", lost);
    channel.on("return", ({ properties }) => {
      const message = open?.waiting.get(properties.messageId);
      if (message) message.returned = true;
    });
    open = { model, channel, waiting: new Map() };
    return open;
  })();
  sockets.set(opening, socket);
  opening.catch(() => {});
  return opening;
}

/**
 * Closes the socket without waiting for the broker: a frozen one does not answer.
 * @param {Promise<Open>} opening
 */
function abandon(opening) {
  sockets.get(opening)?.abort();
}

function target() {
  const url = setting("URL", "");
  if (url) return url;
  const hosts = setting("HOST", "localhost").split(",");
  const [hostname, port] = hosts[attempts++ % hosts.length].trim().split(":");
  return {
    protocol: "amqp",
    hostname,
    port: Number(port ?? setting("PORT", "5672")),
    username: setting("USER", "guest"),
    password: setting("PASSWORD", "guest"),
    vhost: setting("VHOST", "/"),
  };
}

/**
 * @template T
 * @param {number} until
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
function within(until, work) {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error("the broker did not answer in time"));
    const timer = setTimeout(late, Math.max(0, until - Date.now()));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * @param {string} name
 * @param {string} otherwise
 */
function setting(name, otherwise) {
  return process.env[`RABBITMQ_${name}`] || otherwise;
}

/** Seconds for one call. A typing error must not leave a call without a deadline. */
function defaultTimeout() {
  const given = setting("TIMEOUT", String(DEFAULT_TIMEOUT));
  const seconds = Number(given);
  if (seconds > 0 && Number.isFinite(seconds)) return seconds;
  log.error(`fanmail: RABBITMQ_TIMEOUT is "${given}", which is no positive number; ${DEFAULT_TIMEOUT} seconds are used`);
  return DEFAULT_TIMEOUT;
}

/** @param {unknown} error */
function reasonOf(error) {
  return error instanceof Error ? error.message || String(error) : String(error);
}
