"""Send the arguments of a route's function as an HTTP request, and return what the route answers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

from . import platform, trace
from .arguments import to_payload
from .exchange import Conversation, Item, Send, Unreachable, leaves_route
from .interface import Interface
from .place import Place
from .places import find
from .replies import Reply
from .wire import limit_of, lost, not_found, refused, strange


@dataclass(kw_only=True)
class Request:
    """An HTTP request to a route of a load-balanced endpoint.

    `headers` are those of arguments; `content` are keyword arguments of httpx.
    """

    resource: str
    function: str
    method: str
    path: str
    content: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def conversation(self) -> Conversation:
        """Send the request and return the answer."""
        location = yield from platform.locate(self.resource)
        limit = limit_of(self.resource, self.function)
        headers = {
            **self.headers,
            **location.headers,
            **location.host,
            "X-Flashc-Dispatch": platform.surroundings().proof(),
            **trace.timeout_header(limit),
        }
        url = location.web + self.path
        try:
            reply: Reply = yield Send(
                method=self.method, url=url, headers=headers, timeout=limit, content=self.content
            )
        except Unreachable as error:
            raise lost(error, self.resource, self.function) from None
        if location.sentinel and is_unknown(reply):
            raise not_found(self.resource, self.function)
        if not 200 <= reply.status < 300:
            raise refused(reply, self.resource, self.function)
        try:
            return _answer(reply)
        except (ValueError, RecursionError):
            raise strange(reply, "JSON", self.resource, self.function) from None

    def parts(self) -> Conversation:
        """Send the request to a generator and yield its results, which are the lines of one answer."""
        from .parts import chunks

        for item in chunks((yield from self.conversation())):
            yield Item(item)


def is_unknown(reply: Reply) -> bool:
    """Return whether the sentinel does not know the endpoint, and not the endpoint the route."""
    is_of_route = isinstance(reply.body, dict) and "detail" in reply.body
    return reply.status == 404 and not is_of_route and "endpoint" in str(reply.body).lower()


def _answer(reply: Reply) -> Any:
    """Return the body of an answer: parsed JSON, a text, or bytes.

    Raises:
        ValueError, RecursionError: the header says that it is JSON, and it is not.
    """
    if reply.content is not None and not reply.content:
        return None
    if reply.media.endswith(("jsonl", "ndjson")) and reply.content is not None:
        return [json.loads(line) for line in reply.content.splitlines() if line]
    if reply.media.endswith("json") and not reply.is_json:
        raise ValueError
    if reply.content is None or not reply.media or reply.media.endswith("json"):
        return reply.body
    is_text = reply.media.startswith("text/") or reply.media.endswith(("xml", "javascript"))
    return reply.content.decode("utf-8", "replace") if is_text else reply.content


@dataclass(kw_only=True)
class Route:
    """A route of another endpoint, as its stub sees it."""

    resource: str
    method: str
    path: str
    interface: Interface
    target: Callable[..., Any]

    @cached_property
    def places(self) -> dict[str, Place]:
        """Return where the argument of each parameter travels."""
        return find(self.resource, self.method, self.path, self._typed_parameters)

    def _typed_parameters(self) -> list[inspect.Parameter]:
        """Return the parameters with annotations that are objects, and FastAPI's markers."""
        texts = getattr(self.interface.names, "defaults", {}).get(self.target.__name__, {})
        evaluated = self.interface.evaluated
        return [
            p.replace(
                annotation=evaluated(p.annotation),
                default=evaluated(texts[p.name]) if p.name in texts else p.default,
            )
            for p in self.interface.signature.parameters.values()
        ]

    def request(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
        """Return the request for a call.

        Raises:
            TypeError: the arguments do not fit the signature, or a request can't have one.
            ValueError: a segment of the path would be `.` or `..`.
        """
        name = self.target.__name__
        built = _Building(self.path)
        for key, value in to_payload(self.interface.signature, name, args, kwargs).items():
            place = self.places.get(key)
            if place is None or place.where == "nowhere":
                if value in ((), []):
                    continue
                raise TypeError(f"{name}() takes {key!r} only from its own code, not by HTTP")
            if place.where == "provided":
                if value is not None:
                    raise TypeError(f"FastAPI makes {key!r} of {name}() itself; pass None for it")
            else:
                built.put(key, place, self._encoded(key, place, value), f"{key!r} of {name}()")
        if leaves_route(built.path):
            raise ValueError(
                f"the arguments of {name}() would lead to another route: {built.path!r}"
            )
        return Request(
            resource=self.resource,
            function=name,
            method=self.method,
            path=built.path,
            content=built.content(),
            headers=built.headers(),
        )

    def _encoded(self, key: str, place: Place, value: Any) -> Any:
        """Return an argument as JSON data; bytes of forms and files stay as they are."""
        if place.where in ("file", "form"):
            return _raw(value)
        return self.interface.encoded(key, value)

    def result(self, answer: Any) -> Any:
        """Return what the function returned, from what the route answered."""
        return answer if isinstance(answer, bytes) else self.interface.result(answer)


def _raw(value: Any) -> Any:
    """Return bytes and files as they are, and models as dictionaries."""
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


class _Building:
    """Collects the parts of a request."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._params: dict[str, Any] = {}
        self._headers: dict[str, str] = {}
        self._cookies: list[str] = []
        self._fields: dict[str, Any] = {}
        self._form: dict[str, Any] = {}
        self._files: list[tuple[str, Any]] = []
        self._whole: list[Any] = []

    def put(self, key: str, place: Place, value: Any, what: str) -> None:
        """Put an argument into its place.

        Raises:
            TypeError: it can't be there.
        """
        alias = place.alias
        if place.where == "path":
            self._into_path(alias, _text(value, what))
        elif place.where == "body":
            if place.embed:
                self._fields[alias] = value
            else:
                self._whole.append(value)
        elif place.where == "file":
            several = value if isinstance(value, (list, tuple)) and not _named(value) else [value]
            self._files += [(alias, _file(item, what)) for item in several if item is not None]
        elif place.embed and isinstance(value, dict) and place.where in ("query", "form"):
            for inner, item in value.items():  # a model whose fields are parameters
                self.put(inner, Place(place.where, inner), item, what)
        elif place.where == "query":
            self._params.update(texts_of(alias, value, what))
        elif place.where == "form":
            self._form.update(texts_of(alias, value, what))
        elif value is not None:
            self._into_header(alias, place.where, _text(value, what))

    def _into_path(self, name: str, text: str) -> None:
        """Replace a parameter of the path."""
        whole = "{%s:path}" % name
        if whole in self.path:
            self.path = self.path.replace(whole, quote(text, safe="/"))
        else:
            self.path = self.path.replace("{%s}" % name, quote(text, safe=""))

    def _into_header(self, alias: str, where: str, text: str) -> None:
        """Add a header or a cookie."""
        if where == "cookie":
            self._cookies.append(f"{alias}={text}")
        else:
            self._headers[alias] = text

    def headers(self) -> dict[str, str]:
        """Return the headers of arguments."""
        cookies = {"Cookie": "; ".join(self._cookies)} if self._cookies else {}
        return {**self._headers, **cookies}

    def content(self) -> dict[str, Any]:
        """Return the keyword arguments of httpx."""
        found: dict[str, Any] = {}
        if self._params:
            found["params"] = self._params
        if self._files:
            found["files"] = self._files
        if self._form:
            found["data"] = self._form
        if self._whole:
            found["json"] = self._whole[0]
        elif self._fields:
            found["json"] = self._fields
        return found


def _text(value: Any, what: str) -> str:
    """Return an encoded value as the text of a path, a query or a header.

    Raises:
        TypeError: it is a list or an object.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise TypeError(
            f"argument {what} is a {type(value).__name__}; a path, a query and a header take text "
            "and numbers"
        )
    return str(value)


def texts_of(alias: str, value: Any, what: str) -> dict[str, Any]:
    """Return a value, or each of several, as texts under one name; None is not sent."""
    if value is None:
        return {}
    if isinstance(value, (list, tuple, set, frozenset)):
        return {alias: [_text(item, what) for item in value]}
    return {alias: _text(value, what)}


def _named(value: Any) -> bool:
    """Return whether a value is a file with its name, as httpx takes it: `(name, content)`."""
    return isinstance(value, tuple) and len(value) > 1 and isinstance(value[0], str)


def _file(value: Any, what: str) -> Any:
    """Return a file as httpx takes it: bytes, an open file, an `UploadFile`, or one with its name.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, (bytes, bytearray)):
        return ("upload", bytes(value))
    if _named(value):
        return value
    if hasattr(value, "filename") and hasattr(value, "file"):  # an `UploadFile`
        return (value.filename or "upload", value.file, value.content_type)
    if hasattr(value, "read"):
        return (getattr(value, "name", "upload"), value)
    raise TypeError(f"argument {what} is a {type(value).__name__}, not bytes or a file")
