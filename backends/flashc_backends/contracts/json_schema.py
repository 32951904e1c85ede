"""Write the schemas of interfaces as JSON Schema (2020-12), with one set of definitions for a document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from flashc_ir.schemas import (
    Anything,
    Choice,
    Definition,
    Interface,
    ListOf,
    MapOf,
    OneOf,
    Plain,
    Property,
    Record,
    Ref,
    Schema,
    TupleOf,
    references,
)

from .values import BASE64, SECONDS, fits

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The keywords of JSON Schema for those formats of `Plain` that JSON Schema does not define.
_FORMATS: dict[str, dict[str, Any]] = {
    "base64": {"contentEncoding": "base64", "pattern": BASE64},
    "binary": {"contentMediaType": "application/octet-stream"},
    "decimal": {"format": "decimal", "pattern": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"},
    "fraction": {"pattern": r"^[+-]?\d+(/0*[1-9]\d*)?$"},
    "seconds": {"format": "duration", "pattern": f"^{SECONDS}$"},
}
_OF_TEXT = re.compile(r"[^A-Za-z0-9._-]+")


class Definitions(Struct, eq=False):
    """The definitions of a document; `prefix` is the JSON pointer of the object that holds them.

    The classes of several interfaces that have the same schema have one definition.  If the
    schema of a class as input differs from its schema as output, the class has two definitions, with
    `-Input` and `-Output` after its name.
    """

    prefix: str
    _names: dict[tuple[int, str], str] = field(default_factory=dict[tuple[int, str], str])
    _shown: dict[str, tuple[Definition, Interface]] = field(
        default_factory=dict[str, tuple[Definition, Interface]]
    )

    @classmethod
    def of(cls, interfaces: Iterable[Interface], prefix: str) -> Definitions:
        """Return the definitions of all classes in some interfaces."""
        made = cls(prefix)
        by_title: dict[str, dict[str, list[tuple[Definition, Interface]]]] = {}
        for interface in interfaces:
            known = {each.key: each for each in interface.definitions}
            for each in interface.definitions:
                forms = by_title.setdefault(_OF_TEXT.sub("_", each.title), {})
                forms.setdefault(_form(each, known), []).append((each, interface))
        for title, forms in sorted(by_title.items()):
            for name, group in _names_of(title, list(forms.values())):
                made._shown[name] = group[0]
                for definition, interface in group:
                    made._names[id(interface), definition.key] = name
        return made

    def to_json(self) -> dict[str, Any]:
        """Return the definitions by their names."""
        return {
            name: {"title": name, **self.schema(definition.schema, interface)}
            for name, definition, interface in self.listed()
        }

    def listed(self) -> Iterator[tuple[str, Definition, Interface]]:
        """Yield each definition with its name and the interface that it is from, sorted by name."""
        for name, (definition, interface) in sorted(self._shown.items()):
            yield name, definition, interface

    def name_of(self, key: str, interface: Interface) -> str | None:
        """Return the name of the definition to which a reference in an interface refers; None without one."""
        return self._names.get((id(interface), key))

    def schema(self, schema: Schema, interface: Interface) -> dict[str, Any]:
        """Return a schema of an interface."""
        match schema:
            case Anything(note=note):
                return {"$comment": note} if note else {}
            case Plain(type=kind, format=text):
                said = _FORMATS.get(text, {"format": text} if text else {})
                return {"type": kind, **said, **_limits(schema.limits)}
            case Choice(values=values):
                return _choice(values)
            case ListOf(item=item, unique=unique, limits=limits):
                listed = {"type": "array", "items": self.schema(item, interface)}
                return {**listed, **({"uniqueItems": True} if unique else {}), **_limits(limits)}
            case TupleOf(items=items, required=required):
                prefix = [self.schema(item, interface) for item in items]
                sizes = {"minItems": required, "maxItems": len(items)}
                return {"type": "array", **({"prefixItems": prefix} if prefix else {}), **sizes}
            case MapOf(key=key, value=value, limits=limits):
                return self._mapping(key, value, interface) | _limits(limits)
            case OneOf(members=members, tagged=tagged):
                found = [self.schema(member, interface) for member in members]
                return {
                    "anyOf": [*found, *(map(_tagged, range(len(found)), found) if tagged else ())]
                }
            case Ref(key=key):
                name = self.name_of(key, interface)
                return {} if name is None else {"$ref": f"{self.prefix}{name}"}
            case Record(properties=properties, closed=closed, description=text):
                return {
                    **({"description": text} if text else {}),
                    **self.object(properties, interface),
                    **({"additionalProperties": False} if closed else {}),
                }

    def object(self, properties: Iterable[Property], interface: Interface) -> dict[str, Any]:
        """Return the schema of an object with these properties; it may have others."""
        listed = list(properties)
        required = [each.name for each in listed if each.required]
        return {
            "type": "object",
            "properties": {each.name: self.property(each, interface) for each in listed},
            **({"required": required} if required else {}),
        }

    def property(self, each: Property, interface: Interface) -> dict[str, Any]:
        """Return the schema of a property, with its description, and its default if it fits the schema."""
        found = self.schema(each.schema, interface)
        if each.description:
            found = {**found, "description": each.description}
        known = {definition.key: definition.schema for definition in interface.definitions}
        default = None if each.default is None else json.loads(each.default)
        if default is not None and fits(default, each.schema, known):
            found = {**found, "default": default}
        return found

    def _mapping(self, key: Schema, value: Schema, interface: Interface) -> dict[str, Any]:
        """Return the schema of an object whose keys are not known."""
        found: dict[str, Any] = {
            "type": "object",
            "additionalProperties": self.schema(value, interface),
        }
        names = self.schema(key, interface)
        return found if names == {"type": "string"} else {**found, "propertyNames": names}


def _limits(limits: Iterable[Any]) -> dict[str, Any]:
    return {limit.keyword: limit.value for limit in limits}


_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _choice(values: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of a value that is one of some; `type` helps generators of code."""
    found = [json.loads(value) for value in values]
    kinds = {_TYPES.get(type(each), "") for each in found}
    said = {"type": kinds.pop()} if len(kinds) == 1 and "" not in kinds else {}
    return {**said, "enum": found}


def _tagged(number: int, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that says which member of a union its value is."""
    return {
        "type": "object",
        "properties": {"$union": {"const": number}, "value": schema},
        "required": ["$union", "value"],
        "additionalProperties": False,
    }


def _names_of(
    title: str, groups: list[list[tuple[Definition, Interface]]]
) -> list[tuple[str, list[tuple[Definition, Interface]]]]:
    """Return a name for each form of the classes with a title."""
    if len(groups) == 1:
        return [(title, groups[0])]
    found: list[tuple[str, list[tuple[Definition, Interface]]]] = []
    taken: set[str] = set()
    for group in groups:
        ways = {definition.key.startswith("out:") for definition, _ in group}
        name = f"{title}-{'Output' if ways == {True} else 'Input'}"
        base, number = name, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        found.append((name, group))
    return found


def _form(definition: Definition, known: Mapping[str, Definition]) -> str:
    """Return a text that is the same for definitions that mean the same, whatever their keys."""
    pending, seen = [definition.key], dict[str, str]()
    while pending:
        key = pending.pop()
        if key in seen or key not in known:
            continue
        inner = references(known[key].schema)
        pending += inner
        titles = {each: known[each].title for each in inner if each in known}
        seen[key] = f"{known[key].title}: {renamed(known[key].schema, titles)!r}"
    return "\n".join([seen[definition.key], *sorted(seen.values())])


def renamed(schema: Schema, names: Mapping[str, str]) -> Schema:
    """Return a schema whose references have other keys."""
    match schema:
        case Ref(key=key):
            return Ref(key=names.get(key, key))
        case ListOf(item=item):
            return replace(schema, item=renamed(item, names))
        case TupleOf(items=items):
            return replace(schema, items=tuple(renamed(item, names) for item in items))
        case MapOf(key=key, value=value):
            return replace(schema, key=renamed(key, names), value=renamed(value, names))
        case OneOf(members=members):
            return replace(schema, members=tuple(renamed(member, names) for member in members))
        case Record(properties=properties):
            inner = tuple(replace(p, schema=renamed(p.schema, names)) for p in properties)
            return replace(schema, properties=inner)
        case Anything() | Plain() | Choice():
            return schema
