"""Define the values for objects of the standard library that the evaluator follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .values import Compound, IteratorValue, Known, Unknown, Value


@dataclass(slots=True, eq=False)
class FileValue:
    """An open file of the project: the lines that are left to read, and whether they are bytes."""

    lines: IteratorValue
    in_bytes: bool


@dataclass(slots=True, eq=False)
class AttributesValue(Compound):
    """A `types.SimpleNamespace(...)` with its attributes.

    `escaped` is the reason why it may have other attributes, None if it does not.
    """

    names: dict[str, Value]
    escaped: Unknown | None = None

    def parts(self) -> Iterable[Value]:
        """Return the values of the attributes."""
        return self.names.values()


@dataclass(frozen=True, slots=True)
class VersionValue:
    """The value of `sys.version_info`: that of a Python that workers may have."""


@dataclass(frozen=True, slots=True)
class LiteralType:
    """A `typing.Literal[...]` with its members."""

    members: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TypeForm:
    """An annotation that is made of others, such as `list[int]`, `Annotated[int, Query()]`, `int | None`.

    `origin` is what stands before the brackets; for `X | Y`, it is `typing.Union`.
    """

    origin: Known
    arguments: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RouteMarker:
    """A marker of FastAPI that says where an argument of a route comes from, such as `Query(alias="n")`.

    `name` is its name in FastAPI.  `options` are its named arguments that can be constants, None if
    they are not all known; `dependency` is the function or class of `Depends`.  `has_default` says
    that the marker has a default for the argument.
    """

    name: str
    options: dict[str, object] | None
    has_default: bool = False
    dependency: Value | None = None
