"""The same as driver.py, for a publisher whose functions are asynchronous."""

import asyncio
import importlib
import json
import sys
import time

module = importlib.import_module(sys.argv[1])


async def main():
    loop = asyncio.get_running_loop()
    # In a thread, so that heartbeats are answered meanwhile.
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        start = time.monotonic()
        calls = [getattr(module, order["function"])(**order["arguments"]) for _ in range(order.get("tasks", 1))]
        results = await asyncio.gather(*calls)
        result = results if "tasks" in order else results[0]
        print(json.dumps({"result": result, "seconds": time.monotonic() - start}), flush=True)


asyncio.run(main())
