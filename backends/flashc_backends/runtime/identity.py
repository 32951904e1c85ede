"""Store which endpoint this worker process runs."""

import os

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
