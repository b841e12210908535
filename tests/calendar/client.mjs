// A calendar that takes the entries of mails, for a test. Reads them with ical.js and does with them what RFC 5546 says, as mail clients do:
// client.mjs reads a JSON array of iCalendar objects from standard input, and writes what each says and what is left in the calendar.

import { readFileSync } from "node:fs";
import ICAL from "ical.js";

// The time in UTC by the rules that come with the entry, or the date.
function moment(property, zone) {
  if (!property) return null;
  const time = property.getFirstValue();
  if (time.isDate) return time.toString();
  const name = property.getParameter("tzid");
  if (name && name !== zone?.tzid) throw new Error(`there are no rules for ${name}`);
  if (name) time.zone = zone;
  else if (time.zone !== ICAL.Timezone.utcTimezone) throw new Error(`${time} is in no zone`);
  return new Date(time.toUnixTime() * 1000).toISOString();
}

function person(property) {
  const { cn, partstat, rsvp } = property.jCal[1];
  return { address: property.getFirstValue(), CN: cn, PARTSTAT: partstat, RSVP: rsvp };
}

function read(text) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  const event = calendar.getFirstSubcomponent("vevent");
  const component = calendar.getFirstSubcomponent("vtimezone");
  const zone = component && new ICAL.Timezone(component);
  const value = (name) => event.getFirstPropertyValue(name) ?? undefined;
  return {
    method: calendar.getFirstPropertyValue("method"),
    uid: value("uid"),
    sequence: value("sequence"),
    stamp: value("dtstamp").toJSDate().toISOString(),
    status: value("status"),
    start: moment(event.getFirstProperty("dtstart"), zone),
    end: moment(event.getFirstProperty("dtend"), zone),
    zone: zone?.tzid ?? null,
    summary: value("summary"),
    location: value("location"),
    description: value("description"),
    url: value("url"),
    organizer: person(event.getFirstProperty("organizer")),
    attendees: event.getAllProperties("attendee").map(person),
  };
}

// Of two versions of an entry, the one with the larger SEQUENCE counts, then the one with the later DTSTAMP (RFC 5546 section 2.1.5).
const isNewer = (entry, kept) =>
  !kept || entry.sequence > kept.sequence || (entry.sequence === kept.sequence && entry.stamp > kept.stamp);

// What a client does with an entry that a mail of `organizer` brings to the owner of the calendar.
function take(store, entry) {
  const kept = store.get(entry.uid);
  if (kept && kept.organizer.address !== entry.organizer.address) return "refused";
  if (!isNewer(entry, kept)) return "ignored";
  switch (entry.method) {
    case "REQUEST":
      if (entry.attendees.length !== 1) return "refused";
      store.set(entry.uid, entry);
      return kept ? "changed" : "added";
    case "CANCEL":
      if (entry.status !== "CANCELLED") return "refused";
      // Kept as gone, so that an older request which arrives late does not bring it back.
      store.set(entry.uid, entry);
      return "removed";
    case "PUBLISH":
      if (entry.attendees.length > 0) return "refused";
      store.set(entry.uid, entry);
      return kept ? "changed" : "offered";
    default:
      return "refused";
  }
}

const store = new Map();
const taken = JSON.parse(readFileSync(0, "utf8")).map(read).map((entry) => ({ ...entry, action: take(store, entry) }));
const shown = [...store.values()].filter((entry) => entry.status !== "CANCELLED");
process.stdout.write(JSON.stringify({ taken, shown }));
