"""Handler of a queue-based endpoint.  Written by flashc; the code is in the modules below."""

from _flashc import queue

RESOURCE = "resource"
MODULES = ("module",)
MAX_CONCURRENCY = 1

handler = queue.load(RESOURCE, MODULES, MAX_CONCURRENCY)

if __name__ == "__main__":
    queue.start(handler)
