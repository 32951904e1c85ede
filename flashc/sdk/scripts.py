"""Let functions, classes and routes with a decorator call what is deployed, with the runtime's code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flashc_backends.runtime import app, platform, waiting
from flashc_backends.runtime.proof import digest_of
from flashc_ir.resource_names import resource_name

from . import context

if TYPE_CHECKING:
    from flashc_backends.runtime.client import Client

    from . import Endpoint

_T = TypeVar("_T")
_PYTEST_PLUGIN = "flashc.testing.plugin"  # only pytest imports it


def _runs_here() -> bool:
    """Return whether functions with a decorator are left as they are, so that calls run in this process."""
    return _PYTEST_PLUGIN in sys.modules


class _Surroundings(platform.Surroundings):
    """What a script knows of the platform: its variables, `.env`, the saved key, and its project."""

    def variable(self, name: str) -> str:
        """Return the value of a variable; "" if it is not set."""
        found = super().variable(name)
        if found:
            return found
        here = context.current()
        other = here.key if name == "RUNPOD_API_KEY" else here.variables.get(name)
        return other.value if other is not None else ""

    def context(self, resource: str) -> tuple[str, str]:
        """Return the app and the environment of an endpoint that is called by its name."""
        found = context.current()
        if found.app is None:
            raise found.missing(resource)
        return found.app.value, found.environment.value

    def proof(self) -> str:
        """Return the digest of the project's last build, if the app that is called is the project's own."""
        found = context.current()
        if found.manifest is None or found.app is None or found.app.value != found.own_app:
            return ""
        return digest_of(str(found.manifest))


@cache
def _prepare() -> None:
    """Let the runtime find the platform as scripts do."""
    platform.set_surroundings(_Surroundings())
    waiting.OWN.add(__package__)


def target_of(endpoint: Endpoint, target: _T) -> _T:
    """Return what a call of the decorated function, or of the methods of the class, does in a script."""
    if _runs_here():
        return target
    from flashc_backends.runtime import dispatch

    from .results import readable

    resource = _resource(endpoint, cast("Any", target).__name__)
    return cast("_T", _with_local(readable(dispatch.stub_of(resource, target)), target))


def route_of(endpoint: Endpoint, method: str, path: str) -> Callable[[Any], Any]:
    """Return the decorator of a route's function."""

    def decorate(function: Any) -> Any:
        if _runs_here():
            return function
        from flashc_backends.runtime import dispatch

        resource = _resource(endpoint, function.__name__)
        return _with_local(dispatch.route_stub_of(resource, method, path, function), function)

    return decorate


def _resource(endpoint: Endpoint, function: str) -> str:
    """Return the resource name of an endpoint, whose time limit the runtime gets to know."""
    _prepare()
    resource = resource_name(endpoint.name or function)
    if endpoint.execution_timeout_ms:
        app.TIMEOUTS[resource] = endpoint.execution_timeout_ms / 1000
    return resource


def _with_local(stub: Any, target: Any) -> Any:
    """Return a stub with the attribute `local`: the function itself, which runs in this process."""
    stub.local = target
    return stub


def client_of(endpoint: Endpoint) -> Client:
    """Return the client of an endpoint that exists or is deployed from an image.

    Raises:
        AttributeError: the endpoint is none of these.
    """
    _prepare()
    from flashc_backends.runtime.client import Client

    if endpoint.id is None and endpoint.image is None:
        raise AttributeError(
            "only a client has this method: Endpoint(id=...) or Endpoint(name=..., image=...); "
            "call the decorated function instead"
        )
    return Client(resource_name(endpoint.name) if endpoint.name else None, endpoint.id)


@contextmanager
def timeout(seconds: float) -> Generator[None]:
    """Limit how long the calls in a `with` block may take, all together.

    A call that has not finished in time raises `RemoteTimeout`.  The limit travels with the call, so that
    a platform that knows it does not start the job later.
    """
    from flashc_backends.runtime import trace

    before = trace.running.get()
    trace.begin(before.traceparent if before is not None else "", max(int(seconds * 1000), 0))
    try:
        yield
    finally:
        trace.running.set(before)


def load_dotenv() -> None:
    """Put the variables of `.env` files into the environment, as Flash's own SDK does."""
    for name, found in context.current().variables.items():
        os.environ.setdefault(name, found.value)
