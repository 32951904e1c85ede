"""Define classes that represent library objects in the evaluator: of the standard library, pydantic, FastAPI and environs."""

from __future__ import annotations

import configparser
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from flashc_core.source import Span

from .values import (
    Compound,
    DictValue,
    IteratorValue,
    Known,
    MappingObject,
    Unknown,
    Value,
    lift,
)


class FileValue(Struct, eq=False):
    """An open file of the project: the lines that are left to read, and whether they are bytes."""

    lines: IteratorValue
    in_bytes: bool


class AttributesValue(Compound, Struct, eq=False):
    """A `types.SimpleNamespace(...)` with its attributes.

    `escaped` says why other attributes are possible; None if they are not.
    """

    names: dict[str, Value]
    escaped: Unknown | None = None

    def parts(self) -> Iterable[Value]:
        """Return the values inside: those of the attributes."""
        return self.names.values()


class ChainValue(MappingObject, Struct, frozen=True, eq=False):
    """A `collections.ChainMap(...)` of mappings of the program; it always shows their current entries."""

    maps: tuple[Value, ...]

    def current(self) -> DictValue:
        """Return the entries of all mappings; a key has the value of the first mapping that contains it.

        As in Python, the entries of the last mapping come first.
        """
        merged = DictValue()
        for value in reversed(self.maps):
            mapping = value.value if isinstance(value, Known) else None
            assert isinstance(mapping, (DictValue, MappingObject))
            below = mapping.current()
            merged.escaped = merged.escaped or below.escaped
            for key, (shown, item) in below.entries.items():
                kept = merged.entries.get(key)
                merged.entries[key] = (kept[0] if kept is not None else shown, item)
        return merged

    def parts(self) -> Iterable[Value]:
        """Return the values inside: the mappings."""
        return self.maps


Step = tuple[str, tuple[Any, ...]]


class ParserValue(MappingObject, Struct, eq=False):
    """A `configparser.ConfigParser(...)`: how it was made, and what was done with it since.

    `escaped` is the reason why its contents are not known any more, None if they are known.
    """

    kind: str
    options: dict[str, Any]
    origin: Span
    steps: list[Step] = field(default_factory=list[Step])
    escaped: Unknown | None = None

    def parser(self) -> configparser.RawConfigParser:
        """Return Python's own parser with the same contents."""
        made: configparser.RawConfigParser = getattr(configparser, self.kind)(**self.options)
        for name, given in self.steps:
            if name == "optionxform":
                setattr(made, name, str)
            else:
                getattr(made, name)(*given)
        return made

    def current(self) -> DictValue:
        """Return the sections by their names."""
        names = [] if self.escaped is not None else list(self.parser())
        entries: dict[object, tuple[Value, Value]] = {
            name: (Known(name, self.origin), self.section(name)) for name in names
        }
        return DictValue(entries, self.escaped)

    def section(self, name: str) -> Value:
        """Return a section."""
        return Known(SectionValue(self, name), self.origin)

    def escape(self, reason: Unknown) -> None:
        """Note that the contents are not known any more."""
        self.escaped = self.escaped or reason

    def state(self) -> object:
        """Return a value that is different after each change of the contents."""
        return len(self.steps), self.escaped

    def parts(self) -> Iterable[Value]:
        """Return nothing: the contents are texts."""
        return ()


class SectionValue(MappingObject, Struct, frozen=True):
    """A section of a parser, `parser["name"]`."""

    of: ParserValue
    name: str

    def proxy(self) -> configparser.SectionProxy:
        """Return Python's own object."""
        return self.of.parser()[self.name]

    def current(self) -> DictValue:
        """Return the options with their texts."""
        if self.of.escaped is not None:
            return DictValue(escaped=self.of.escaped)
        try:
            options = dict(self.proxy())
        except (configparser.Error, KeyError, ValueError) as error:
            reason = f"Python raises {type(error).__name__}"
            return DictValue(escaped=Unknown(reason=reason, origin=self.of.origin))
        lifted = lift(options, self.of.origin)
        assert isinstance(lifted, Known)
        assert isinstance(lifted.value, DictValue)
        return lifted.value

    def entry(self, key: object) -> Value | None:
        """Return the text of an option; the option's name may be in upper or lower case.

        With `optionxform = str`, the case of the name matters.
        """
        name = self.of.parser().optionxform(key) if isinstance(key, str) else key
        return MappingObject.entry(self, name)

    def escape(self, reason: Unknown) -> None:
        """Note that the contents of the parser are not known any more."""
        self.of.escape(reason)

    def state(self) -> object:
        """Return a value that is different after each change of the contents."""
        return self.of.state()

    def parts(self) -> Iterable[Value]:
        """Return nothing: the contents are texts."""
        return ()


class VersionValue(Struct, frozen=True):
    """The value of `sys.version_info`: the version of one of the Pythons that workers may run."""


class LiteralType(Struct, frozen=True):
    """A `typing.Literal[...]` with its members."""

    members: tuple[Value, ...]


class TypeForm(Struct, frozen=True, eq=False):
    """An annotation that is made of others, such as `list[int]`, `Annotated[int, Query()]`, `int | None`.

    `origin` is what stands before the brackets; for `X | Y`, it is `typing.Union`.
    """

    origin: Known
    arguments: tuple[Value, ...]


class RouteMarker(Struct, frozen=True, eq=False, kw_only=True):
    """A marker of FastAPI that says where an argument of a route comes from, such as `Query(alias="n")`.

    `name` is its name in FastAPI.  `options` are the arguments of the marker that decide where the
    route's argument is sent; None if not all are known.  `dependency` is the function or class of `Depends`.
    `has_default` says that the marker has a default for the argument.  `given` are all named
    arguments, with the default as `default`.
    """

    name: str
    options: dict[str, object] | None
    has_default: bool = False
    dependency: Value | None = None
    given: dict[str, Value] = field(default_factory=dict[str, Value])


class TypeVariable(Struct, frozen=True, eq=False):
    """A `typing.TypeVar(...)` with its bound and its constraints."""

    name: str
    bound: Value | None = None
    constraints: tuple[Value, ...] = ()


class NewTypeValue(Struct, frozen=True, eq=False):
    """A `typing.NewType(name, of)`; a call of it returns its argument."""

    name: str
    of: Value


class AliasesValue(Struct, frozen=True):
    """A `pydantic.AliasChoices(...)`: the names by which a field may be given."""

    names: tuple[str, ...]


class ValidatorMark(Struct, frozen=True):
    """A decorator of pydantic that makes a method check or change fields of a model.

    `fields` are the names of the fields; it is empty if the method takes the whole model.  `mode`
    is that of pydantic: "before", "after", "plain" or "wrap"; "dump" for a method that takes part
    in `model_dump()`.
    """

    fields: tuple[str, ...]
    mode: str


class VariableReader(Struct, eq=False):
    """An `environs.Env()`, which reads environment variables.

    `escaped` says why flashc does not know how it reads variables; None if flashc knows.
    """

    escaped: Unknown | None = None


class SecretText(Compound, Struct, frozen=True, eq=False):
    """A `pydantic.SecretStr`, which shows its text only to `get_secret_value()`."""

    text: Value

    def parts(self) -> Iterable[Value]:
        """Return the values inside: only the text."""
        return (self.text,)
