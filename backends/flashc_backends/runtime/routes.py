"""Build the FastAPI app of a load-balanced endpoint from its route functions."""

from __future__ import annotations

import functools
import hmac
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import Body, FastAPI, File, Form, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import FastAPIError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import identity, registry, trace
from .hints import MISSING, evaluate
from .place import Place
from .places import find
from .proof import proof


def load(resource: str, modules: Sequence[str]) -> FastAPI:
    """Import the endpoint's modules and build the app from the routes that they declare."""
    identity.become(resource)
    for module in modules:
        importlib.import_module(module)
    app = FastAPI(title=resource)
    app.add_exception_handler(Exception, _on_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(_InTrace)

    @app.get("/ping")  # first, so that a route such as `/{name}` can't catch the health check
    async def ping() -> dict[str, str]:
        return {"status": "healthy", "build": identity.build()}

    for method, path, function in registry.routes(resource):
        _add(app, resource, method, path, function)
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
    """Answer 500; callers of the same app get the details of the exception to raise it again."""
    if not _is_of_app(request):
        return PlainTextResponse("Internal Server Error", status_code=500)
    return JSONResponse(_record(error), status_code=500)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Answer as FastAPI does; callers of the same app get the details of the exception too."""
    assert isinstance(error, HTTPException)
    answer = await http_exception_handler(request, error)
    if not answer.body or not _is_of_app(request):
        return answer
    content = {"detail": error.detail, **_record(error)}
    return JSONResponse(content, error.status_code, error.headers)


def _is_of_app(request: Request) -> bool:
    """Return whether the caller proves with a header that it has the app's artifact, or its manifest."""
    expected = proof().encode()
    given = request.headers.get("x-flashc-dispatch", "").encode()
    return bool(expected) and hmac.compare_digest(given, expected)


def _record(error: Exception) -> dict[str, Any]:
    """Return an exception as the platform's SDK reports one."""
    kind = type(error)
    shown = "".join(traceback.format_exception(kind, error, error.__traceback__))
    return {
        "error_type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "error_message": str(error),
        "error_traceback": shown,
    }


def _add(app: FastAPI, resource: str, method: str, path: str, function: Callable[..., Any]) -> None:
    """Add a route to the app.

    FastAPI reads, documents and filters by the annotations.  For a type of which it has no schema,
    the codec of queue functions reads fields of the body and writes the answer.  If there is none
    either, the annotation is left out, because one route must not keep all others from starting.
    """
    endpoint = _bound(resource, method, path, function)
    try:
        app.add_api_route(path, endpoint, methods=[method])
    except (FastAPIError, PydanticUserError):
        endpoint = _bound(resource, method, path, function, without_schema=True)
        app.add_api_route(path, endpoint, methods=[method])


def _bound(
    resource: str,
    method: str,
    path: str,
    function: Callable[..., Any],
    *,
    without_schema: bool = False,
) -> Callable[..., Any]:
    """Return `function` with a signature that tells FastAPI where each argument comes from.

    `without_schema` says that FastAPI has no schema for some of its types.
    """
    signature = inspect.signature(function)
    typed = [
        p.replace(annotation=evaluate(p.annotation, function))
        for p in signature.parameters.values()
    ]
    places = find(resource, method, path, lambda: typed)
    returns = evaluate(signature.return_annotation, function)
    wrapper = _forward(function)
    if without_schema:
        from . import schemas

        typed = [schemas.readable(p) if places[p.name].where == "body" else p for p in typed]
        wrapper, returns = schemas.writing(wrapper, function, returns)
    placed = [_placed(p, places[p.name]) for p in typed if places[p.name].where != "nowhere"]
    # FastAPI passes all by name, so a required parameter may follow one with a default.
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in placed]
    wrapper.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        keyword_only, return_annotation=returns
    )
    wrapper.__annotations__ = {p.name: p.annotation for p in placed}
    if returns is not MISSING:
        wrapper.__annotations__["return"] = returns
    return wrapper


_PRIVATE = "flashc"  # in front of names with `_`, which are no fields of a pydantic model


def _placed(parameter: inspect.Parameter, place: Place) -> inspect.Parameter:
    """Return a parameter as FastAPI has to see it; Flash's own places are marked."""
    if not place.by_flash:
        return parameter
    kind = Any if parameter.annotation is MISSING else parameter.annotation
    source = {"file": File, "form": Form, "body": Body}[place.where]
    options: dict[str, Any] = {"embed": True} if place.where == "body" else {}
    name, default = parameter.name, parameter.default
    if name.startswith("_"):
        options["alias"] = name
        name = f"{_PRIVATE}{name}"
    notes: tuple[Any, ...] = ()
    if isinstance(default, FieldInfo):  # `= Field(1, gt=0)`: one default, and the constraints
        notes = tuple(default.metadata)
        default = (
            MISSING if default.is_required() else default.get_default(call_default_factory=True)
        )
    annotated: Any = Annotated  # for a type checker, its arguments must be types
    parts = (kind, *notes, source(**options))
    marked: Any = annotated[parts]
    return parameter.replace(name=name, annotation=marked, default=default)


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
            given = _renamed(given)
            found = await function(*[given.pop(name) for name in positional], **given)
            waiting = sys.modules.get(f"{__package__}.waiting")  # an app without calls has none
            return await waiting.with_calls_awaited(found) if waiting else found

        return forward

    @functools.wraps(function)
    def forward_plain(**given: Any) -> Any:
        given = _renamed(given)
        return function(*[given.pop(name) for name in positional], **given)

    return forward_plain


def _renamed(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments by the names that the function has for them."""
    return {
        name.removeprefix(_PRIVATE) if name.startswith(f"{_PRIVATE}_") else name: value
        for name, value in given.items()
    }
