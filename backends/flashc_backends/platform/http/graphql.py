"""Serve the GraphQL API, whose schema is `runpod.graphql`."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute,
    parse,
    validate,
)
from msgspec import Struct

from flashc_backends.platform.artifacts import ArtifactError
from flashc_backends.platform.control import Control
from flashc_backends.platform.fields import Invalid, NotFound
from flashc_backends.platform.store import StoreError

from .asgi import Refused, Request
from .auth import Gate
from .decoding import decode
from .graphql_root import Logins, Root

_LIMIT = 20 * 1024**2
_LIMIT_WITHOUT_KEY = 16 * 1024  # the operations of a login are short, and parsed queries are kept
_MOST_TOKENS = 10_000
_EXPECTED = (NotFound, Invalid, ArtifactError, StoreError)
_WITHOUT_KEY = frozenset(["createFlashAuthRequest", "flashAuthRequestStatus"])


class _Query(Struct, rename="camel"):
    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


_QUERY = msgspec.json.Decoder(_Query)


@cache
def read_schema() -> GraphQLSchema:
    """Read `runpod.graphql` and return the schema."""
    text = files("flashc_backends.platform.http").joinpath("runpod.graphql").read_text("utf-8")
    built = build_schema(text)
    for name in ("JSON", "Done"):
        scalar = built.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        scalar.serialize = scalar.parse_value = lambda value: value  # type: ignore[method-assign]
    return built


class GraphqlApi:
    """The GraphQL API; if it is `retired`, it answers with status 410, as announced for the cloud."""

    def __init__(self, control: Control, logins: Logins, *, retired: bool = False) -> None:
        self._root = Root(control, logins)
        self._retired = retired

    async def serve(self, request: Request, gate: Gate) -> None:
        """Serve one request.

        Raises:
            Refused: the request is not a query, or its key is missing or wrong.
        """
        if request.method != "POST":
            raise Refused(405, "use the method POST")
        has_key = gate.has_key(request)
        if has_key and self._retired:
            raise Refused(410, "the GraphQL API is retired")
        if not has_key and request.header(b"authorization"):
            raise Refused(401, "the API key is missing or wrong")
        body = await request.body(_LIMIT if has_key else _LIMIT_WITHOUT_KEY)
        given = decode(body, _QUERY, "query")
        document = _parse(given.query)
        if not has_key and not _needs_no_key(document):
            raise Refused(401, "the API key is missing or wrong")
        base = f"{request.scope['scheme']}://{request.header(b'host')}"
        await request.reply_json(200, await self._execute(document, given, base))

    async def _execute(
        self, document: DocumentNode | list[GraphQLError], given: _Query, base: str
    ) -> dict[str, Any]:
        """Execute a query, and return the answer; it has the key `errors` only if there are errors."""
        if isinstance(document, list):
            return {"errors": [error.formatted for error in document]}
        outcome = execute(
            read_schema(),
            document,
            self._root,
            base,
            given.variables,
            given.operation_name,
        )
        result = await outcome if isinstance(outcome, Awaitable) else outcome
        assert isinstance(result, ExecutionResult)
        for error in result.errors or ():
            original = error.original_error
            if original is not None and not isinstance(original, (*_EXPECTED, GraphQLError)):
                raise original  # a fault of the platform, not of the query
        errors = [error.formatted for error in result.errors or ()]
        return {"data": result.data, **({"errors": errors} if errors else {})}


@lru_cache(maxsize=256)
def _parse(text: str) -> DocumentNode | list[GraphQLError]:
    """Parse and validate a query; return its document, or the list of its errors."""
    try:
        document = parse(text, max_tokens=_MOST_TOKENS)
        return validate(read_schema(), document) or document
    except GraphQLError as error:
        return [error]
    except RecursionError:
        return [GraphQLError("the query is nested too deeply")]


def _needs_no_key(document: DocumentNode | list[GraphQLError]) -> bool:
    """Return whether a document contains only the operations of a login, by which a tool gets the key."""
    if isinstance(document, list):
        return False
    return all(
        isinstance(definition, OperationDefinitionNode)
        and all(
            isinstance(field, FieldNode) and field.name.value in _WITHOUT_KEY
            for field in definition.selection_set.selections
        )
        for definition in document.definitions
    )
