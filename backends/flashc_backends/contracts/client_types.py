"""Write schemas as types of Python for a generated client: `TypedDict`, `Literal`, unions, lists."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator

from flashc_ir.schemas import (
    Anything,
    Choice,
    Interface,
    ListOf,
    MapOf,
    OneOf,
    Plain,
    Record,
    Ref,
    Schema,
    TupleOf,
)

from .json_schema import Definitions

_TYPES = {"null": "None", "boolean": "bool", "integer": "int", "number": "float", "string": "str"}


class Names:
    """Chooses a name of Python for each text, which no other text of the same table has."""

    def __init__(self, *taken: str) -> None:
        self._taken = set(taken)

    def choose(self, text: str) -> str:
        """Return a name for a text."""
        base = re.sub(r"\W+", "_", text) or "_"
        base = f"_{base}" if base[0].isdigit() else base
        is_used = keyword.iskeyword(base) or base in self._taken
        name, number = f"{base}_" if is_used else base, 2
        while name in self._taken or not name.isidentifier():
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name


class ClientTypes:
    """The types of a client: the classes of the app by their names in `definitions`."""

    def __init__(self, definitions: Definitions) -> None:
        names = Names("Any", "TypedDict")
        self._definitions = definitions
        self._names = {
            name: names.choose(re.sub(r"[^\w]+", "", name.title() if name.islower() else name))
            for name, _, _ in definitions.listed()
        }

    def module(self) -> Iterator[str]:
        """Yield the lines of the module `models`.

        The types are written as texts, so that their order does not matter.
        """
        yield '"""The types of what the endpoints take and return, as JSON data."""'
        yield ""
        yield "from __future__ import annotations"
        if self._names:
            yield ""
            yield "import typing as t"
        for name, definition, interface in self._definitions.listed():
            own, schema = self._names[name], definition.schema
            yield ""
            if isinstance(schema, Record):
                yield from self._record(own, schema, interface)
            else:
                yield f"{own}: t.TypeAlias = {json.dumps(self.type_of(schema, interface, ''))}"

    def _record(self, name: str, record: Record, interface: Interface) -> Iterator[str]:
        """Yield the lines of a `TypedDict`; its keys may be any texts."""
        if not record.properties:
            yield f"{name}: t.TypeAlias = {json.dumps('dict[str, t.Any]')}"
            return
        yield f"{name} = t.TypedDict("
        yield f"    {name!r},"
        yield "    {"
        for each in record.properties:
            kind = self.type_of(each.schema, interface, "")
            kind = kind if each.required else f"t.NotRequired[{kind}]"
            yield f"        {each.name!r}: {kind!r},"
        yield "    },"
        yield ")"

    def type_of(self, schema: Schema, interface: Interface, prefix: str = "models.") -> str:
        """Return the text of a type; `prefix` is in front of the names of the module's own types."""
        match schema:
            case Anything():
                return "t.Any"
            case Plain(type=kind):
                return _TYPES[kind]
            case Choice(values=values):
                return _literal(values)
            case ListOf(item=item):
                return f"list[{self.type_of(item, interface, prefix)}]"
            case TupleOf(items=items):
                return f"list[{self._union(items, interface, prefix) or 't.Any'}]"
            case MapOf(value=value):
                return f"dict[str, {self.type_of(value, interface, prefix)}]"
            case OneOf(members=members):
                return self._union(members, interface, prefix)
            case Ref(key=key):
                name = self._definitions.name_of(key, interface)
                return "t.Any" if name is None else f"{prefix}{self._names[name]}"
            case Record():
                return "dict[str, t.Any]"

    def _union(self, members: tuple[Schema, ...], interface: Interface, prefix: str) -> str:
        """Return the union of types, each once."""
        found = dict.fromkeys(self.type_of(member, interface, prefix) for member in members)
        return "t.Any" if "t.Any" in found else " | ".join(found)


def _literal(values: tuple[str, ...]) -> str:
    """Return the type of one of some constants; those that `Literal` can't have are any data."""
    found = [json.loads(value) for value in values]
    if not found or any(isinstance(value, (list, dict, float)) for value in found):
        return "t.Any"
    return f"t.Literal[{', '.join(map(repr, found))}]"
