"""Calls functions of a publisher for a test: driver.py MODULE. Each line of standard input is a call in JSON, each line of
standard output its result, with the seconds that it took."""

import importlib
import json
import os
import sys
import threading
import time

module = importlib.import_module(sys.argv[1])


def call(function, arguments):
    return getattr(module, function)(**arguments)


def in_threads(threads, function, arguments):
    """The same call from several threads at the same time."""
    results = []
    started = [
        threading.Thread(target=lambda: results.append(call(function, arguments))) for _ in range(threads)
    ]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return results


def in_forks(forks, function, arguments):
    """The same call from several children at the same time, and from this process."""
    children = []
    for _ in range(forks):
        child = os.fork()
        if child == 0:
            os._exit(0 if call(function, arguments) is True else 1)
        children.append(child)
    return [call(function, arguments)] + [os.waitpid(child, 0)[1] == 0 for child in children]


for line in sys.stdin:
    order = json.loads(line)
    start = time.monotonic()
    if "threads" in order or "forks" in order:
        result = (in_threads if "threads" in order else in_forks)(**order)
    else:
        result = call(**order)
    print(json.dumps({"result": result, "seconds": time.monotonic() - start}), flush=True)
