"""Build the FastAPI app of a load-balanced endpoint from its route functions."""

from __future__ import annotations

import functools
import importlib
import inspect
import traceback
import typing
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import Body, FastAPI, File, Form, Request
from fastapi.params import Body as BodyParam
from fastapi.params import Depends, Param
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from starlette.background import BackgroundTasks
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import identity, registry, trace

_NATIVE_TYPES = (HTTPConnection, Response, BackgroundTasks)
_NATIVE_DEFAULTS = (Param, Depends, BodyParam)


def load(resource: str, modules: Sequence[str]) -> FastAPI:
    """Import the endpoint's modules and build the app from the routes that they declare."""
    identity.become(resource)
    for module in modules:
        importlib.import_module(module)
    app = FastAPI(title=resource)
    app.add_exception_handler(Exception, _on_error)
    app.add_middleware(_InTrace)

    @app.get("/ping")  # first, so that a route such as `/{name}` can't catch the health check
    async def ping() -> dict[str, str]:
        return {"status": "healthy"}

    for method, path, function in registry.routes(resource):
        app.add_api_route(path, _bound(function, method, path), methods=[method])
    return app


class _InTrace:
    """Notes for each request which trace it belongs to, and how long its caller waits."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        running = trace.begin_request(scope["headers"])

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                running.deadline = None  # what goes on in the background has no caller that waits
            await send(message)

        await self._app(scope, receive, pass_on)


async def _on_error(request: Request, error: Exception) -> Response:
    """Answer 500; an endpoint of the same app gets the details of the exception to raise it again.

    Such an endpoint marks its requests with a header.
    """
    if request.headers.get("x-flashc-dispatch") != "1":
        return PlainTextResponse("Internal Server Error", status_code=500)
    kind = type(error)
    shown = "".join(traceback.format_exception(kind, error, error.__traceback__))
    return JSONResponse(
        {
            "error_type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
            "error_message": str(error),
            "error_traceback": shown,
        },
        status_code=500,
    )


def _bound(function: Callable[..., Any], method: str, path: str) -> Callable[..., Any]:
    """Return `function` with a signature that tells FastAPI where each argument comes from."""
    parameters = list(inspect.signature(function).parameters.values())
    hints = _hints(function)
    typed = [p.replace(annotation=hints.get(p.name, p.annotation)) for p in parameters]
    native = method == "GET" or any(_is_model(p.annotation) for p in typed)
    body = [] if native else [p for p in typed if _is_field(p, path)]
    multipart = any(p.annotation is bytes for p in body)
    placed = [_placed(p, multipart) if p in body else p for p in typed]
    wrapper = _forward(function)
    wrapper.__signature__ = inspect.Signature(_ordered(placed))  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in placed}
    return wrapper


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations as types; {} if one can't be evaluated, which FastAPI then reports."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def _is_model(kind: Any) -> bool:
    """Return whether a parameter is a pydantic model.

    If there is one, FastAPI decides where all parameters come from, as in Flash.
    """
    return _is_class(kind) and issubclass(kind, BaseModel)


def _is_class(kind: Any) -> bool:
    """Return whether `issubclass` accepts `kind`.

    In Python 3.10, `list[str]` is an instance of `type`, but not a class.
    """
    return isinstance(kind, type) and typing.get_origin(kind) is None


def _is_field(parameter: inspect.Parameter, path: str) -> bool:
    """Return whether a parameter is one of Flash's JSON fields, and not provided by FastAPI."""
    if "{%s}" % parameter.name in path or "{%s:" % parameter.name in path:
        return False
    if isinstance(parameter.default, _NATIVE_DEFAULTS):
        return False
    kind = parameter.annotation
    if typing.get_origin(kind) is typing.Annotated:
        return False
    return not (_is_class(kind) and issubclass(kind, _NATIVE_TYPES))


def _placed(parameter: inspect.Parameter, multipart: bool) -> inspect.Parameter:
    """Return a parameter that FastAPI reads from the form or from the JSON body."""
    kind = Any if parameter.annotation is inspect.Parameter.empty else parameter.annotation
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    if multipart:
        source = File(default) if kind is bytes else Form(default)
    else:
        source = Body(default, embed=True)
    return parameter.replace(annotation=kind, default=source)


def _ordered(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """Return all parameters as keyword-only, because FastAPI passes them by name.

    So a required parameter may follow one with a default.
    """
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters if p.kind not in variable
    ]


def _forward(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a wrapper of the same kind that passes positional-only parameters by position."""
    positional = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.kind is inspect.Parameter.POSITIONAL_ONLY
    ]

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def forward(**given: Any) -> Any:
            return await function(*[given.pop(name) for name in positional], **given)

        return forward

    @functools.wraps(function)
    def forward_plain(**given: Any) -> Any:
        return function(*[given.pop(name) for name in positional], **given)

    return forward_plain
