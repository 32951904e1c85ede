"""Which endpoint this process is."""

import os

_own = None


def become(resource: str) -> None:
    """Called by a handler file before it imports anything of the user's."""
    global _own
    _own = resource


def running():
    """The resource name of the running endpoint; None outside a worker, where every function is local."""
    return _own if _own is not None else os.environ.get("FLASH_RESOURCE_NAME") or None
