"""Make stubs: functions and classes that send jobs or HTTP requests to other endpoints.

The stub of a function has the signature, docstring and kind (plain, async, generator) of the
function.  The stub of a class has the docstring and the methods of the class, and its constructor
refuses arguments.  `waiting.py` decides whether the stub of a plain function waits for the result,
or returns something to await.

A stub module is a generated module of the artifact.  It defines the functions and classes of another
module without their code, and decorates them with functions of this file, which make the stubs.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from . import identity, registry, sending, waiting, web
from .arguments import input_of
from .interface import Interface
from .names import Names

# Stubs made from the real function or class -----------------------------------------------------


def stub_of(resource: str, target: Any) -> Any:
    """Return the stub of a queue-based endpoint's function or class."""
    if isinstance(target, type):
        return _class_stub(resource, target, registry.methods_of(target))
    return _function_stub(resource, target)


def route_stub_of(resource: str, method: str, path: str, function: Callable[..., Any]) -> Any:
    """Return the stub of a load-balanced endpoint's route function."""
    return _route_stub(resource, method, path, function)


# Stubs made in generated stub modules, without importing the real module ------------------------


def endpoint_function(resource: str, module: str) -> Callable[[Any], Any]:
    """Return the decorator of a function in a stub module."""
    return lambda skeleton: (
        _own(resource, module, skeleton)
        or _function_stub(resource, skeleton, Names(module, skeleton))
    )


def endpoint_class(resource: str, module: str) -> Callable[[Any], Any]:
    """Return the decorator of a class in a stub module."""
    return lambda skeleton: (
        _own(resource, module, skeleton)
        or _class_stub(resource, skeleton, registry.methods_of(skeleton), Names(module, skeleton))
    )


def endpoint_route(resource: str, module: str, method: str, path: str) -> Callable[[Any], Any]:
    """Return the decorator of a route's function in a stub module."""
    return lambda skeleton: (
        _own(resource, module, skeleton)
        or _route_stub(resource, method, path, skeleton, Names(module, skeleton))
    )


def _own(resource: str, module: str, skeleton: Any) -> Any:
    """Return the real object if the running endpoint owns it or no endpoint runs; else None."""
    if identity.running() in (resource, None):
        return getattr(importlib.import_module(module), skeleton.__name__)
    return None


# Stubs ------------------------------------------------------------------------------------------


def _function_stub(
    resource: str, target: Callable[..., Any], names: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    """Return the stub of a function: a call of it sends a job."""
    interface = Interface(target, names)

    def job(args: tuple[Any, ...], kwargs: dict[str, Any]) -> sending.Job:
        payload = interface.payload(args, kwargs)
        return sending.Job(resource, target.__qualname__, input_of(payload))

    return _shaped_like(target, job, interface.result)


def _class_stub(
    resource: str,
    target: type,
    methods: dict[str, Any],
    names: Mapping[str, Any] | None = None,
) -> type:
    """Return the stub of a class: a call of one of `methods` sends a job."""

    def build(self: Any, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            raise TypeError(
                f"{target.__name__} lives on the endpoint {resource!r}, which builds it once per "
                "worker without arguments; pass them to a method instead"
            )

    body: dict[str, Any] = {
        "__init__": build,
        "__doc__": target.__doc__,
        "__module__": target.__module__,
        "__qualname__": target.__qualname__,
    }
    for name, method in methods.items():
        body[name] = _method_stub(resource, target.__name__, name, method, names)
    return type(target.__name__, (), body)


def _method_stub(
    resource: str, owner: str, name: str, method: Any, names: Mapping[str, Any] | None
) -> Any:
    """Return the stub of a method: a call of it sends a job that names the method."""
    static = isinstance(method, staticmethod)
    function = method.__func__ if isinstance(method, (staticmethod, classmethod)) else method
    interface = Interface(function, names, receiver=not static)

    def job(args: tuple[Any, ...], kwargs: dict[str, Any]) -> sending.Job:
        payload = interface.payload(args if static else args[1:], kwargs)
        return sending.Job(resource, f"{owner}.{name}", input_of(payload, name))

    stub = _shaped_like(function, job, interface.result)
    return type(method)(stub) if isinstance(method, (staticmethod, classmethod)) else stub


def _route_stub(
    resource: str,
    method: str,
    path: str,
    target: Callable[..., Any],
    names: Mapping[str, Any] | None = None,
) -> Callable[..., Any]:
    """Return the stub of a route's function: a call of it sends an HTTP request."""
    route = web.Route(
        resource=resource,
        method=method,
        path=path,
        interface=Interface(target, names, web=True),
        target=target,
    )
    return _shaped_like(target, route.request, route.result)


def _shaped_like(
    target: Callable[..., Any], message: Callable[..., Any], load: Callable[[Any], Any]
) -> Callable[..., Any]:
    """Return a function of the same kind as `target` that sends `message(args, kwargs)`.

    `load` makes the result, or an item of a generator, from what the endpoint answers.
    """
    if inspect.iscoroutinefunction(target):

        @functools.wraps(target)
        async def stub(*args: Any, **kwargs: Any) -> Any:
            return load(await sending.send_async(message(args, kwargs)))

    elif inspect.isasyncgenfunction(target):

        @functools.wraps(target)
        async def stub(*args: Any, **kwargs: Any) -> Any:
            async with contextlib.aclosing(sending.stream_async(message(args, kwargs))) as parts:
                async for part in parts:
                    yield load(part)

    elif inspect.isgeneratorfunction(target):

        @functools.wraps(target)
        def stub(*args: Any, **kwargs: Any) -> Any:
            for part in sending.stream(message(args, kwargs)):
                yield load(part)

    else:

        @functools.wraps(target)
        def stub(*args: Any, **kwargs: Any) -> Any:
            prepared = message(args, kwargs)

            async def start() -> Any:
                return load(await sending.send_async(prepared))

            return waiting.result_of(lambda: load(sending.send(prepared)), start)

    # Remove `__wrapped__`: in a stub module it is an empty function that the app must not reach.
    del stub.__wrapped__
    stub.__signature__ = inspect.signature(target)  # type: ignore[attr-defined]
    return stub
