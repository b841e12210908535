// The same as driver.py, for the publisher of Node.js. Names and arguments come as Python has them.

import readline from "node:readline";
import * as module from "./fanmail_publisher.mjs";

const camel = (name) => name.replace(/_[a-z]/g, (pair) => pair[1].toUpperCase());
const renamed = (fields) => Object.fromEntries(Object.entries(fields).map(([name, value]) => [camel(name), value]));

function call(name, fields) {
  switch (name) {
    case "publish_event":
      return module.publishEvent(fields.type, fields.eventId, fields);
    case "publish_notification":
      return module.publishNotification(fields);
    case "publish_bulk_notifications":
      return module.publishBulkNotifications(fields.notifications.map(renamed), fields);
    case "notify_appointment_created":
      return module.notifyAppointmentCreated(fields.userId, fields.appointmentDetails, fields);
    case "notify_vehicle_status_changed":
      return module.notifyVehicleStatusChanged(fields.userId, fields.vehicleId, fields.newStatus, fields);
    case "notify_system_alert":
      return module.notifySystemAlert(fields.userIds, fields.message, fields);
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const start = performance.now();
  const calls = Array.from({ length: order.tasks ?? 1 }, () => call(order.function, renamed(order.arguments)));
  const results = await Promise.all(calls);
  const result = "tasks" in order ? results : results[0];
  console.log(JSON.stringify({ result, seconds: (performance.now() - start) / 1000 }));
}
