"""Stand in for the module of the SDK that defines `Endpoint`."""

from flashc.sdk import Endpoint, EndpointJob

__all__ = ["Endpoint", "EndpointJob"]
