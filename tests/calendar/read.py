"""Reads mails for a test as Python's email package and icalendar do: a JSON array of mails from standard input, and what they say to
standard output. Fails where a mail is not what RFC 6047 wants."""

import email
import email.policy
import json
import sys
from datetime import UTC, date, datetime

from icalendar import Calendar


def parts(mail):
    """The entry among the alternatives and the file, after a look at where they are."""
    message = email.message_from_bytes(mail.encode(), policy=email.policy.default)
    defects = [defect for part in message.walk() for defect in part.defects]
    assert not defects, defects
    assert message.get_content_type() == "multipart/mixed", message.get_content_type()
    alternatives, attached = message.iter_parts()
    assert alternatives.get_content_type() == "multipart/alternative"
    types = [part.get_content_type() for part in alternatives.iter_parts()]
    assert types == ["text/plain", "text/html", "text/calendar"], types
    entry = list(alternatives.iter_parts())[-1]
    assert entry["Content-Type"].params["charset"].lower() == "utf-8"
    assert attached.get_content_disposition() == "attachment" and attached.get_filename() == "invite.ics"
    content = entry.get_payload(decode=True)
    assert attached.get_payload(decode=True) == content
    return message, entry["Content-Type"].params["method"], content


def moment(component, name, zone):
    """A date, or the time in UTC by the rules that come with the entry."""
    found = component.get(name)
    if found is None or type(found.dt) is date:
        return found and found.dt.isoformat()
    if found.dt.tzinfo is UTC or found.params.get("TZID") is None:
        assert found.dt.utcoffset().total_seconds() == 0, found
        return found.dt.astimezone(UTC).isoformat()
    by_rules = found.dt.replace(tzinfo=zone).astimezone(UTC)
    return by_rules.isoformat()


def person(address):
    return {"address": str(address), **{name: str(value) for name, value in address.params.items()}}


def read(mail):
    message, method, content = parts(mail)
    lines = content.split(b"\r\n")
    assert all(len(line) <= 75 and b"\n" not in line for line in lines), "a line is too long, or has another end"
    for line in lines:
        line.decode()  # no character is cut
    calendar = Calendar.from_ical(content)
    assert calendar["METHOD"] == method, "the parameter is not the method"
    assert calendar["VERSION"] == "2.0" and calendar["PRODID"]
    (event,) = calendar.walk("VEVENT")
    assert not calendar.errors and not event.errors, (calendar.errors, event.errors)
    zones = calendar.walk("VTIMEZONE")
    names = {event[name].params["TZID"] for name in ("DTSTART", "DTEND") if name in event and "TZID" in event[name].params}
    assert names == {str(zone["TZID"]) for zone in zones}, "each zone has a component, and each component is used"
    zone = zones[0].to_tz(lookup_tzid=False) if zones else None
    text = {name.lower(): str(event[name]) for name in ("UID", "STATUS", "SUMMARY", "LOCATION", "DESCRIPTION", "URL") if name in event}
    attendees = event.get("ATTENDEE", [])
    return {
        "to": message["To"].addresses[0].addr_spec if message["To"].addresses else "",
        "method": method,
        "sequence": int(event["SEQUENCE"]),
        "stamp": event["DTSTAMP"].dt.isoformat(),
        "start": moment(event, "DTSTART", zone),
        "end": moment(event, "DTEND", zone),
        "zone": str(zones[0]["TZID"]) if zones else None,
        "organizer": person(event["ORGANIZER"]),
        "attendees": [person(attendee) for attendee in (attendees if isinstance(attendees, list) else [attendees])],
        "ics": content.decode(),
        **text,
    }


assert isinstance(datetime.now(UTC), datetime)
json.dump([read(mail) for mail in json.load(sys.stdin)], sys.stdout)
