"""Read JSON documents and validate them by their schemas; list everything that is wrong."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from flashc_core.documents import UnreadableDocument, parse_json

_Model = TypeVar("_Model", bound=msgspec.Struct)

_LONGEST = 200  # characters


class InvalidDocument(ValueError):
    """The data does not fit the schema of the document.

    `problems` are pairs of a JSON path, such as `$.resources.api`, and what is wrong at that path.
    """

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{path}: {problem}" for path, problem in problems))
        self.problems = problems


def schema_of(model: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of a document, as `spec/` publishes it."""
    described = msgspec.json.schema(model)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


def read_document(data: bytes, model: type[_Model]) -> _Model:
    """Decode and validate a JSON document.

    jsonschema is imported only if the document is wrong: the import takes longer than verifying an
    artifact.
    """
    try:
        try:
            return msgspec.json.decode(data, type=model)
        except msgspec.ValidationError as error:
            first = str(error)
        document = parse_json(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, UnreadableDocument) as error:
        raise InvalidDocument((("$", f"it is not JSON: {error}"),)) from error
    raise InvalidDocument(_problems(document, model) or (("$", first),))


def known_part(document: Any, model: type[msgspec.Struct]) -> Any:
    """Return a JSON value without the keys that the model does not have, at any depth.

    Other tools, and other versions of flashc, write further keys into the documents of a platform.
    """
    return _known(document, inspect.type_info(model))


def _known(value: Any, kind: inspect.Type) -> Any:
    match kind, value:
        case inspect.StructType(fields=fields), dict():
            known = {field.encode_name: field.type for field in fields}
            return {key: _known(part, known[key]) for key, part in value.items() if key in known}
        case inspect.DictType(value_type=inner), dict():
            return {key: _known(part, inner) for key, part in value.items()}
        case inspect.ListType(item_type=inner), list():
            return [_known(part, inner) for part in value]
        case inspect.Metadata(type=inner), _:
            return _known(value, inner)
        case inspect.UnionType(types=inners), dict() | list():
            # In these documents, a value that has parts is of one type, or None.
            inner = next(each for each in inners if not isinstance(each, inspect.NoneType))
            return _known(value, inner)
        case _:  # a value without parts, or one that the schema refuses
            return value


def _problems(document: Any, model: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Return everything that the schema refuses, by JSON path.

    msgspec itself stops at the first problem.
    """
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema_of(model))
    return tuple(
        sorted(
            {(error.json_path, _short(error.message)) for error in validator.iter_errors(document)}
        )
    )


def _short(message: str) -> str:
    """Return a message in which the middle of a long value is left out."""
    return message if len(message) <= _LONGEST else f"{message[:80]} ... {message[-80:]}"
