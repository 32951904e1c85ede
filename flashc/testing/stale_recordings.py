"""Tell which recorded answers do not fit the program any more, because a signature has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET

from flashc_backends.contracts.documents import document_of
from flashc_ir.endpoints import CodeEndpoint, LoadBalanced, QueueClass
from flashc_ir.program import Program

from .recordings import Recording

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_Side = Literal["input", "output"]
_SIDES: tuple[_Side, _Side] = ("input", "output")
_DIGITS = 12  # of a digest
_LONGEST = 200  # characters of a reason


class Contracts:
    """The contracts of the functions and routes of a program, for recorded answers."""

    def __init__(self, program: Program) -> None:
        self._endpoints = {each.resource: each for each in program.code_endpoints}

    def digest(self, endpoint: str, function: str) -> str | None:
        """Return a text that changes with the contract of a function; None if no code of the app runs it."""
        found = self._documents.get(endpoint)
        schemas = [found["$defs"].get(f"{function}.{side}") for side in _SIDES] if found else []
        if not found or None in schemas:
            return None
        known = {
            name: each
            for name, each in found["$defs"].items()
            if not name.endswith((".input", ".output"))
        }
        text = json.dumps([known, *schemas], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

    def problem(self, recording: Recording) -> str | None:
        """Return why a recorded answer is stale; None if it is not.

        An answer is never stale if the contract has not changed since the recording, even if the answer does not fit
        the schema: workers accept and return more than schemas say.
        """
        endpoint = self._endpoints.get(recording.endpoint)
        if endpoint is None:
            return None
        digest = self.digest(recording.endpoint, recording.function)
        if digest is None:
            what = "route" if isinstance(endpoint, LoadBalanced) else "function"
            return f"there is no {what} `{recording.function}` any more"
        if recording.contract == digest:
            return None
        return next(self._misfits(endpoint, recording), None)

    @cached_property
    def _documents(self) -> dict[str, dict[str, Any]]:
        """The JSON Schemas of each endpoint."""
        return {name: document_of(endpoint) for name, endpoint in self._endpoints.items()}

    def _misfits(self, endpoint: CodeEndpoint, recording: Recording) -> Iterator[str]:
        """Yield why the arguments and the output of a recording do not fit the contract of today."""
        takes, gives = (self._schema(recording, side) for side in _SIDES)
        sent: Any = recording.arguments
        output: Any = recording.output
        if isinstance(endpoint, LoadBalanced):
            takes = _checked(takes, sent)
            sent = _parts(sent, takes)
            output = output.get("json", UNSET) if _has_succeeded(output) else UNSET
        elif isinstance(endpoint, QueueClass) and len(endpoint.methods) > 1:
            sent = {"method": recording.function, **sent}
        else:
            sent = sent or {"__empty": True}
        yield from _misfit(takes, sent, "the arguments do not fit")
        if output is not UNSET:
            yield from _misfit(gives, output, "the result does not fit")

    def _schema(self, recording: Recording, side: _Side) -> dict[str, Any]:
        """Return the schema of the input or the output of a recorded function or route.

        It contains the definitions to which the schema refers.
        """
        known = self._documents[recording.endpoint]["$defs"]
        return {**known[f"{recording.function}.{side}"], "$defs": known}


def _misfit(schema: dict[str, Any], data: Any, told: str) -> Iterator[str]:
    """Yield why data does not fit a schema."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(schema).iter_errors(data))
    if error is not None:
        place = error.json_path.removeprefix("$").lstrip(".")
        yield f"{told}: {place} {error.message}"[:_LONGEST].replace(":  ", ": ")


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Return what checks data against a schema."""
    # The import takes up to a second with the packages that check formats, and is seldom needed.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)


def _has_succeeded(output: Any) -> bool:
    """Return whether a recorded output is an answer of a route that returned."""
    return isinstance(output, dict) and output.get("status") == 200


def _checked(schema: dict[str, Any], recorded: Any) -> dict[str, Any]:
    """Return the schema of the parts of a request that can be checked.

    The path is not checked, because the route has matched it.  A form is not checked, because all its fields are
    recorded as one text.
    """
    skipped = {"path", "cookie", *(() if "json" in recorded else ("body",))}
    if not any(key in recorded for key in ("text", "base64")):
        skipped.discard("body")
    return {
        **schema,
        "properties": {n: s for n, s in schema["properties"].items() if n not in skipped},
        "required": [name for name in schema.get("required", []) if name not in skipped],
    }


def _parts(recorded: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a recorded request under the names that the route's schema uses for them."""
    found: dict[str, Any] = {"body": recorded["json"]} if "json" in recorded else {}
    for mine, name in (("query", "query"), ("headers", "header")):
        place = schema["properties"].get(name)
        if place is not None:
            types, known = place["properties"], schema["$defs"]
            found[name] = {
                key: _value(text, {**types.get(key, {}), "$defs": known})
                for key, text in recorded.get(mine, {}).items()
            }
    return found


def _value(given: str | list[str], schema: dict[str, Any]) -> Any:
    """Return the value of a text, or of the texts with one name in a query, that fits a schema, if one does."""
    texts = given if isinstance(given, list) else [given]
    values = [_parsed(text) for text in texts]
    check = _validator(schema).is_valid
    return next((each for each in (texts[-1], values[-1], texts, values) if check(each)), given)


def _parsed(text: str) -> Any:
    """Return what a text means as JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
