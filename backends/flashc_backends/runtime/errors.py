"""Define the exceptions of a call to another endpoint, and of what a job brings and returns."""

from __future__ import annotations


class RemoteError(Exception):
    """A call to another endpoint failed; `str()` gives the remote message.

    `endpoint` and `function` name what was called.  `remote_type` is the qualified name of the
    exception's type on the other worker, `remote_traceback` its traceback there, `status` the
    platform's name of the failure, or the status of an answer.  `detail` is that of an `HTTPException`, or
    what FastAPI says of arguments that it refuses; None for other failures.
    """

    endpoint: str = ""
    function: str = ""
    remote_type: str = ""
    remote_traceback: str = ""
    status: str = ""
    detail: object = None


class RemoteTimeout(RemoteError, TimeoutError):
    """The called endpoint did not answer in time."""


class EndpointNotFound(RemoteError, LookupError):
    """The platform knows no endpoint of this name in this app and environment."""


class InvalidInput(ValueError):
    """A job's input does not fit the endpoint's function."""


class InvalidResult(TypeError):
    """JSON can't represent what an endpoint's function returned."""
