"""Verifies the DKIM signatures of mails with dkimpy. DNS is what standard input says; nothing is looked up.

Input: {"records": {name: TXT record}, "mails": [text]}. Output: for each mail, a list with one entry for each of its signatures: the
empty string if it is right, or what is wrong.
"""

import json
import sys

import dkim


def verify(mail, records):
    raw = mail.encode("utf-8")
    header = raw.split(b"\r\n\r\n", 1)[0]
    signatures = (b"\r\n" + header).lower().count(b"\r\ndkim-signature:")
    return [verify_one(raw, index, records) for index in range(signatures)]


def verify_one(raw, index, records):
    def look_up(name, timeout=5):
        return records.get(name.decode("ascii").rstrip("."), "").encode("ascii")

    try:
        right = dkim.DKIM(raw, minkey=1024).verify(idx=index, dnsfunc=look_up)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "" if right else "the signature is wrong"


def main():
    given = json.load(sys.stdin)
    json.dump([verify(mail, given["records"]) for mail in given["mails"]], sys.stdout)


main()
