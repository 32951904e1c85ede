"""Check the data of a call against what the program says that a function or a route takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from flashc.passes.check_smoke import misfits
from flashc_backends.contracts.acceptance import Acceptance, Refusal
from flashc_backends.contracts.jobs import interface_of
from flashc_backends.contracts.routes import RequestArgument, request_arguments
from flashc_backends.runtime.web import texts_of
from flashc_ir.endpoints import Function, ParameterKind, Route
from flashc_ir.schemas import ListOf, Schema

_BODIES = ("body", "form", "file")
_PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")


class Mismatch(Exception):
    """Data that a function or a route does not take; `help` says what it takes."""

    def __init__(self, message: str, *help: str) -> None:
        super().__init__(message)
        self.help = help


# Jobs ---------------------------------------------------------------------------------------------


def check_arguments(function: Function, given: Mapping[str, Any]) -> None:
    """Check the arguments of a job, by their names.

    Raises:
        Mismatch: one is missing, not expected, or of another type.
    """
    if function.decorated:
        return
    names = [f"`{parameter.name}`" for parameter in function.parameters]
    help = (f"its parameters: {', '.join(names)}",) if names else ()
    problems = list(misfits(function, given))
    if problems:
        raise Mismatch(f"the data for `{function.name}` {' and '.join(problems)}", *help)
    wrong = list(_wrong_arguments(function, given))
    if wrong:
        raise Mismatch(f"in the data for `{function.name}`, {'; '.join(wrong)}", *help)


def _wrong_arguments(function: Function, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the values of arguments."""
    interface = interface_of(function)
    acceptance = Acceptance.of(interface)
    arguments = {each.name: each for each in interface.arguments}
    several = {p.name for p in function.parameters if p.kind is ParameterKind.VAR_POSITIONAL}
    for name, value in given.items():
        own = arguments.get(name)
        schema: Schema | None = interface.rest if own is None else own.schema
        if schema is None or (own is not None and own.loose) or name == "__empty":
            continue
        if name in several and isinstance(schema, ListOf) and not isinstance(value, list):
            schema = schema.item  # `**kwargs` takes it
        refusal = acceptance.refusal(value, schema)
        if refusal is not None:
            yield f"`{name}`{refusal}"


# Requests -----------------------------------------------------------------------------------------


def check_request(route: Route, target: str, data: Any) -> dict[str, Any]:
    """Check a request to a route: its path with the query, and its body, None if it has none.

    Returns:
        The keyword arguments of httpx that send the body.

    Raises:
        Mismatch: an argument is missing, not expected, or of another type.
    """
    return _Request(route).check(target, data)


class _Request:
    """Checks a request to a route."""

    def __init__(self, route: Route) -> None:
        self._route = route
        interface = interface_of(route.function)
        self._readers = [Acceptance.of(interface, by_pydantic=True)]
        if route.codec:  # the runtime's codec reads what pydantic can't
            self._readers.append(Acceptance.of(interface))
        self._given = [] if route.function.decorated else list(request_arguments(route))
        # What FastAPI makes itself may read the whole request.
        places = (*route.places, *route.needs)
        self._is_open = not self._given or any(
            place.where in ("provided", "unknown") for place in places
        )

    def check(self, target: str, data: Any) -> dict[str, Any]:
        """Check all parts, and return how the body is sent."""
        path, _, query = target.partition("?")
        self._check_path(path)
        self._check_query(parse_qsl(query, keep_blank_values=True))
        return self._check_body(data)

    def _in(self, *where: str) -> list[RequestArgument]:
        """Return the arguments that travel in some places."""
        return [each for each in self._given if each.place.where in where]

    def _refusal(self, data: Any, given: RequestArgument) -> Refusal | None:
        """Return why the route refuses an argument."""
        found = [reader.refusal(data, given.property.schema) for reader in self._readers]
        return None if given.property.loose or None in found else found[0]

    def _help(self) -> tuple[str, ...]:
        """Return the names of what the route takes."""
        named = [f"`{each.property.name}` ({each.place.where})" for each in self._given]
        return (f"it takes {', '.join(named)}",) if named else ()

    def _refuse(self, part: str, problems: list[str]) -> None:
        """Raise an exception for the problems of a part of the request, if there are any."""
        if problems:
            told = "; ".join(problems)
            raise Mismatch(f"in the {part} of `{self._route.key}`, {told}", *self._help())

    def _check_path(self, path: str) -> None:
        """Check the parameters of the path."""
        found = re.fullmatch(_named_pattern(self._route.path), path)
        texts = {} if found is None else found.groupdict()
        problems: list[str] = []
        for each in self._in("path"):
            name = each.property.name
            refusal = self._refusal(unquote(texts[name]), each) if name in texts else None
            problems += [f"`{name}`{refusal}"] if refusal is not None else []
        self._refuse("path", problems)

    def _check_query(self, pairs: list[tuple[str, str]]) -> None:
        """Check the parameters of the query."""
        known: set[str] = set()
        missing: list[str] = []
        problems: list[str] = []
        for each in self._in("query"):
            own = each.property
            known |= {own.name, *own.names}
            values = [value for name, value in pairs if name in (own.name, *own.names)]
            if not values:
                missing += [own.name] if own.required and not own.loose else []
                continue
            # A list is under one name several times; the last text counts for everything else.
            as_text, as_list = self._refusal(values[-1], each), self._refusal(values, each)
            refusal = as_list if as_list is None or as_list.path else as_text
            problems += [f"`{own.name}`{refusal}"] if refusal is not None else []
        has_fields = any(each.place.embed for each in self._in("query"))
        more = [] if self._is_open or has_fields else [n for n, _ in pairs if n not in known]
        self._check_names("query", missing, more)
        self._refuse("query", problems)

    def _check_names(self, part: str, missing: list[str], more: list[str]) -> None:
        """Refuse a part of the request that lacks a name, or has one too many."""
        told = [
            f"{word} {', '.join(f'`{name}`' for name in dict.fromkeys(names))}"
            for word, names in (("lacks", missing), ("has the unexpected", more))
            if names
        ]
        if told:
            message = f"the {part} of `{self._route.key}` {' and '.join(told)}"
            raise Mismatch(message, *self._help())

    def _check_body(self, data: Any) -> dict[str, Any]:
        """Check the body, and return how it is sent."""
        fields = self._in(*_BODIES)
        content = {} if data is None else {"json": data}
        if not fields:
            if data is not None and not self._is_open:
                raise Mismatch(f"`{self._route.key}` takes no body", *self._help())
            return content
        if not all(each.place.embed or each.place.where != "body" for each in fields):
            self._check_whole(data, fields[0])
            return content
        if any(each.place.where == "file" for each in fields):
            told = f"`{self._route.key}` takes files, which `flashc call` does not send"
            raise Mismatch(told, "send the request with `curl --form`")
        if not isinstance(data, (dict, type(None))):
            told = f"the body of `{self._route.key}` is an object with fields"
            raise Mismatch(told, *self._help())
        self._check_fields(data or {}, fields)
        if any(each.place.where == "form" for each in fields):
            return {"data": self._form(data or {})}
        return content

    def _check_whole(self, data: Any, only: RequestArgument) -> None:
        """Check a body that is one argument."""
        if data is None:
            if only.property.required:
                raise Mismatch(f"`{self._route.key}` lacks a body", *self._help())
            return
        refusal = self._refusal(data, only)
        if refusal is None:
            return
        if not refusal.path:
            raise Mismatch(f"the body of `{self._route.key}`{refusal}", *self._help())
        self._refuse("body", [f"`{refusal.path.removeprefix('.')}` {refusal.reason}"])

    def _check_fields(self, data: Mapping[str, Any], fields: list[RequestArgument]) -> None:
        """Check a body whose fields are the arguments."""
        by_name = {name: f for f in fields for name in (f.property.name, *f.property.names)}
        given = {by_name[name].property.name for name in data if name in by_name}
        needed = [each.property for each in fields if each.property.required]
        missing = [own.name for own in needed if own.name not in given and not own.loose]
        more = [name for name in data if name not in by_name]
        self._check_names("body", missing, [] if self._is_open else more)
        problems: list[str] = []
        for name, value in data.items():
            refusal = self._refusal(value, by_name[name]) if name in by_name else None
            problems += [f"`{name}`{refusal}"] if refusal is not None else []
        self._refuse("body", problems)

    def _form(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a form as texts."""
        found: dict[str, Any] = {}
        for name, value in data.items():
            try:
                found |= texts_of(name, value, f"`{name}`")
            except TypeError as error:
                raise Mismatch(f"{error}", *self._help()) from None
        return found


def _named_pattern(path: str) -> str:
    """Return a pattern of the paths of requests to a route, with a group for each parameter."""
    pattern, end = "", 0
    for found in _PARAMETER.finditer(path):
        inside = ".*" if found[2] == "path" else "[^/]+"
        pattern += f"{re.escape(path[end : found.start()])}(?P<{found[1]}>{inside})"
        end = found.end()
    return pattern + re.escape(path[end:])
