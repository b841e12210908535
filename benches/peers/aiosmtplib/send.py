"""aiosmtplib over several connections, with the work split between them, as its documentation recommends under
"Parallel Execution".

python send.py PORT CONNECTIONS MAILS.json; says how many were sent, and in how many seconds by its own clock.
"""

import asyncio
import json
import sys
import time
from email.headerregistry import Address
from email.message import EmailMessage

import aiosmtplib


def compose(mails, recipient):
    name = recipient["name"]
    message = EmailMessage()
    message["From"] = mails["from"]
    message["To"] = Address(display_name=name, addr_spec=recipient["address"])
    message["Subject"] = mails["subject"]
    message.set_content(mails["text"].replace("{{name}}", name))
    message.add_alternative(mails["html"].replace("{{name}}", name), subtype="html")
    return message


async def lane(port, mails, queue):
    sent = 0
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as client:
        while not queue.empty():
            await client.send_message(compose(mails, queue.get_nowait()))
            sent += 1
    return sent


async def main():
    port, connections = int(sys.argv[1]), int(sys.argv[2])
    with open(sys.argv[3], encoding="utf-8") as file:
        mails = json.load(file)
    queue = asyncio.Queue()
    for recipient in mails["recipients"]:
        queue.put_nowait(recipient)

    begin = time.perf_counter()
    sent = sum(await asyncio.gather(*(lane(port, mails, queue) for _ in range(connections))))
    seconds = time.perf_counter() - begin
    print(json.dumps({"sent": sent, "seconds": seconds}))


asyncio.run(main())
