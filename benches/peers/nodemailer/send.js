// nodemailer with a pool, fed as its documentation feeds one: https://nodemailer.com/smtp/pooled
//
// node send.js PORT CONNECTIONS MAILS.json; says how many were sent, and in how many seconds by its own clock.

const { readFileSync } = require("node:fs");
const nodemailer = require("nodemailer");

const [port, connections, file] = process.argv.slice(2);
const { from, subject, text, html, recipients } = JSON.parse(readFileSync(file, "utf8"));
const total = recipients.length;
let sent = 0;

const begin = performance.now();
const transporter = nodemailer.createTransport({
  host: "127.0.0.1",
  port: Number(port),
  pool: true,
  maxConnections: Number(connections),
  maxMessages: Infinity, // as https://nodemailer.com/usage/bulk-mail has it
});

transporter.on("idle", () => {
  while (transporter.isIdle() && recipients.length) send(recipients.pop());
});

function send({ name, address }) {
  transporter.sendMail(
    {
      from,
      to: { name, address },
      subject,
      text: text.replaceAll("{{name}}", name),
      html: html.replaceAll("{{name}}", name),
    },
    (error) => {
      if (error) throw error;
      sent += 1;
      if (sent === total) end();
    },
  );
}

function end() {
  const seconds = (performance.now() - begin) / 1000;
  transporter.close();
  console.log(JSON.stringify({ sent, seconds }));
}
