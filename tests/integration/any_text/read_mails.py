"""Reads mails as Python does: read_mails.py FOLDER. Reads a JSON object from standard input: for the name of each file, the fields that it
must have. Writes a JSON array with a sentence for each thing that is wrong."""

import email
import email.header
import email.policy
import email.utils
import json
import pathlib
import re
import sys


def unlike(name, found, expected):
    return [] if found == expected else [f"{name}: {found!r}, expected {expected!r}"]


def lines_of(text):
    return text.replace("\r\n", "\n").rstrip("\n")


def display_name(value):
    """The name in front of an address. Without gh-128110, policy.default keeps the blank between two encoded words of a name, which RFC 2047
    section 6.2 ignores; the older functions do not."""
    name = re.sub(r"\r?\n ", " ", value).rpartition("<")[0].strip()
    if "=?" in name:
        return str(email.header.make_header(email.header.decode_header(name)))
    return email.utils.unquote(name)


def problems(data, expected):
    message = email.message_from_bytes(data, policy=email.policy.default)
    found = [f"defect: {defect!r}" for part in message.walk() for defect in part.defects]
    for name, value in message.items():
        found += [f"defect of {name}: {defect!r}" for defect in getattr(value, "defects", ())]
    for name in set(message.keys()):
        found += unlike(f"number of {name}", len(message.get_all(name)), 2 if name == "DKIM-Signature" else 1)
    (to,) = message["To"].addresses
    name, address = expected["to"]
    found += unlike("To", to.addr_spec, address)
    found += unlike("To without blanks", "".join(to.display_name.split()), "".join(name.split()))
    found += unlike("To", display_name(email.message_from_bytes(data)["To"]), name)
    (sender,) = message["From"].addresses
    found += unlike("From", [sender.display_name, sender.addr_spec], expected["from"])
    found += unlike("Subject", str(message["Subject"]), expected["subject"])
    for name, value in expected["headers"].items():
        found += unlike(name, str(message[name]), value)
    for subtype in ("plain", "html"):
        part = message.get_body(preferencelist=(subtype,))
        found += unlike(subtype, lines_of(part.get_content()), lines_of(expected[subtype]))
    again = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
    found += unlike("Subject, written and read again", str(again["Subject"]), expected["subject"])
    return found + long_lines(data)


def long_lines(data):
    """RFC 5322 section 2.1.1 and RFC 2047 section 2; the longest line of a body is that of RFC 2045 section 6.7."""
    header, body = data.split(b"\r\n\r\n", 1)
    found = []
    if re.search(rb"(?<!\r)\n|\r(?!\n)", data):
        found.append("a bare CR or LF")
    for line in header.split(b"\r\n"):
        longest = 76 if b"=?" in line else 78
        if len(line) > longest:
            found.append(f"a header line of {len(line)} bytes: {line!r}")
    longest = max(map(len, body.split(b"\r\n")))
    if longest > 78:
        found.append(f"a body line of {longest} bytes")
    return found


def main():
    folder = pathlib.Path(sys.argv[1])
    expected = json.load(sys.stdin)
    found = sorted(path.name for path in folder.glob("*.eml"))
    wrong = unlike("files", found, sorted(expected))
    for name in found:
        if name in expected:
            wrong += [f"{name}: {problem}" for problem in problems((folder / name).read_bytes(), expected[name])]
    json.dump(wrong, sys.stdout)


main()
