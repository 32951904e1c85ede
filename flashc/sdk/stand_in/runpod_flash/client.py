"""Stand in for the module of the SDK that defines `remote`."""

from flashc.sdk.older import remote

__all__ = ["remote"]
