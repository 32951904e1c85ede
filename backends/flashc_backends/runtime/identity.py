"""Store which endpoint this worker process runs, and tell which build it is of."""

import os

# The input of a job that asks which build a worker runs; no parameter of a function has such a name.
QUESTION = {"__flashc.identity": True}
_own = None


def become(resource: str) -> None:
    """Set the running endpoint; a handler file calls it before it imports the user's modules."""
    global _own
    _own = resource


def running():
    """Return the resource name of the running endpoint; None outside a worker.

    Outside a worker, every function runs locally.
    """
    return _own if _own is not None else os.environ.get("FLASH_RESOURCE_NAME") or None


def build():
    """Return which build this worker runs: the digest of the files of its artifact."""
    from .app import BUILD

    return BUILD
