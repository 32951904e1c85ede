"""Read the text of an annotation as a schema, as far as the text alone says what it is.

A manifest repeats only the schemas that the texts of the types do not say.
"""

from __future__ import annotations

import ast
import json
from functools import lru_cache

from flashc_core.python_texts import parse_expression
from flashc_ir.schemas import (
    ANY,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    Choice,
    ListOf,
    MapOf,
    OneOf,
    Plain,
    Ref,
    Schema,
    TupleOf,
    optional,
    union_of,
)

_SCALARS: dict[str, Schema] = {
    "int": INTEGER,
    "float": NUMBER,
    "bool": BOOLEAN,
    "str": STRING,
    "Any": ANY,
    "object": ANY,
}
_BY_TEXT = "text:"  # in front of the key of a reference to a class that is known by its name alone


@lru_cache(1024)  # most annotations of an app are a few texts
def schema_of_text(annotation: str | None) -> Schema:
    """Return the schema that an annotation's text says; what it does not say is a reference to the text."""
    if annotation is None:
        return ANY
    try:
        return _schema(parse_expression(annotation.strip()))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Ref(key=_BY_TEXT + annotation)


def is_said(schema: Schema) -> bool:
    """Return whether a schema that was read from a text says all."""
    match schema:
        case Ref(key=key):
            return not key.startswith(_BY_TEXT)
        case ListOf(item=item):
            return is_said(item)
        case TupleOf(items=items) | OneOf(members=items):
            return all(map(is_said, items))
        case MapOf(value=value):
            return is_said(value)
        case _:
            return True


def _schema(node: ast.expr) -> Schema:
    """Return the schema of an annotation."""
    match node:
        case ast.Constant(value=None):
            return NULL
        case ast.Constant(value=str(text)):
            return schema_of_text(text)
        case ast.Name() | ast.Attribute():
            return _of_name(node)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([_schema(left), _schema(right)], node)
        case ast.Subscript(value=base, slice=inner):
            parts = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
            return _of_form(_name(base), parts, node)
        case _:
            return _unknown(node)


def _of_name(node: ast.Name | ast.Attribute) -> Schema:
    """Return the schema of a class without brackets."""
    name = _name(node)
    if name in _SCALARS:
        return _SCALARS[name]
    if name in ("list", "tuple"):
        return ListOf(item=ANY)
    return MapOf(key=STRING, value=ANY) if name == "dict" else _unknown(node)


def _of_form(name: str, parts: list[ast.expr], node: ast.expr) -> Schema:
    """Return the schema of `name[parts]`."""
    if name == "Literal":
        values = [_literal(part) for part in parts]
        known = tuple(value for value in values if value is not None)
        return Choice(values=known) if len(known) == len(values) else _unknown(node)
    schemas = [ANY if isinstance(p, ast.Constant) and p.value is ... else _schema(p) for p in parts]
    if name == "Union":
        return _union(schemas, node)
    if name == "Optional" and len(schemas) == 1:
        return optional(schemas[0])
    if name == "list" and len(schemas) == 1:
        return ListOf(item=schemas[0])
    if name == "tuple":
        last = parts[-1] if parts else None
        if isinstance(last, ast.Constant) and last.value is ...:
            return ListOf(item=schemas[0])
        return TupleOf(items=tuple(schemas), required=len(schemas))
    if name == "dict" and len(schemas) == 2 and schemas[0] == STRING:
        return MapOf(key=STRING, value=schemas[1])
    return _unknown(node)


def _union(members: list[Schema], node: ast.expr) -> Schema:
    """Return the schema of a union whose members have different kinds of JSON."""
    kinds = [_kind(member) for member in members]
    classes = [member for member in members if isinstance(member, Ref)]
    if len(classes) <= 1 and len(set(kinds)) == len(kinds):
        return union_of(tuple(members))
    return union_of(tuple(members)) if classes else _unknown(node)


def _kind(schema: Schema) -> str:
    """Return the kind of JSON of a schema; a union has one of its own."""
    if isinstance(schema, Plain):
        return "number" if schema.type == "integer" else schema.type
    return {"list": "array", "tuple": "array", "map": "object"}.get(schema.kind, repr(schema))


def _literal(node: ast.expr) -> str | None:
    """Return the JSON of a member of a `Literal`; None if it is no text, number, or the like."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, SyntaxError):
        return None
    if value is None or isinstance(value, (str, int, bool)):
        return json.dumps(value, ensure_ascii=False)
    return None


def _name(node: ast.expr) -> str:
    """Return the last part of a dotted name; names of `typing` such as `List` as those of Python."""
    last = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return {"List": "list", "Dict": "dict", "Tuple": "tuple"}.get(last, str(last))


def _unknown(node: ast.expr) -> Schema:
    """Return a reference to what an annotation says, which is known by its text alone."""
    return Ref(key=_BY_TEXT + ast.unparse(node))
