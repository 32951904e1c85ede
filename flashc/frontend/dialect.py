"""Define the interface of a dialect: what the front end needs to know about one SDK.

A dialect is a package next to `flash`.  It turns what the program says in its SDK into facts of the IR; passes
and backends know no SDK.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace

from flashc_core.source import Edit, Span
from flashc_ir.endpoints import Endpoint
from flashc_ir.modules import Import, ImportedName, Module
from flashc_ir.program import UnloweredEndpoint

if TYPE_CHECKING:  # the evaluator takes a while to import, and a run that finds everything in the cache does not need it
    from flashc.evaluator.declarations import EndpointValue
    from flashc.evaluator.dialect import Semantics
    from flashc.evaluator.objects import Argument
    from flashc.evaluator.values import Value

    from .decode import ArgumentDecoder

RUNTIME_SDK = "_flashc.sdk"
"""The module of every artifact that takes the place of an SDK: `Endpoint(resource)` as a decorator, as an
object with routes (`.get(path)`, ...) or, with `image=` or `id=`, as a client."""


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """What a dialect makes of the endpoints that modules declare in it.

    `unlowered` are those with an error, which has been reported.  `edits` are the `Module.sdk_edits` by
    module.
    """

    endpoints: tuple[Endpoint, ...] = ()
    unlowered: tuple[UnloweredEndpoint, ...] = ()
    edits: Mapping[str, tuple[Edit, ...]] = field(default_factory=dict[str, tuple[Edit, ...]])


class Tracing(ABC):
    """How `--trace` sees an SDK: by a stub that takes its place and records what the program declares.

    `stub` is a Python file that defines `install(tracer, *support)`; see `trace_runner`.  `support` are
    modules that the stub needs, as files.  `enums` are the SDK's enums by name.
    """

    stub: ClassVar[Path]
    support: ClassVar[tuple[Path, ...]] = ()
    enums: ClassVar[Mapping[str, type[Enum]]] = {}

    @abstractmethod
    def make(self, kind: str, arguments: dict[str, Argument], span: Span) -> Value:
        """Return the value of an object of the SDK that the stub recorded as `kind`."""


class Dialect(ABC):
    """One SDK.

    `name` is unique.  `packages` are the top-level packages of the SDK.  `how_to_declare` is the help for a
    project that declares no endpoint.  `substitutes` are the runtime's names that take the place of the SDK's, by
    name.

    The cache has the results of another version of a dialect under other keys.  Part of the keys are `version` and
    the text of the file that defines the class.  A dialect outside of flashc that has further files needs another
    `version` whenever one of these files changes.
    """

    name: ClassVar[str]
    version: ClassVar[str] = ""
    packages: ClassVar[frozenset[str]]
    how_to_declare: ClassVar[str]
    substitutes: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def objects(self) -> Mapping[str, object]:
        """Return what the SDK's public names stand for: `DialectObject`s, enum classes or constants.

        Every endpoint that they declare has the dialect's name in `EndpointValue.dialect`.
        """

    @abstractmethod
    def lower(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
        """Lower the endpoints that are declared in this dialect, in the order of their declaration.

        Reports what is wrong with them to `decoder.sink`.
        """

    def semantics(self) -> Semantics:
        """Return what the SDK's names mean to the evaluator: by default those of `objects`, nothing of others."""
        from flashc.evaluator.dialect import Semantics

        return Semantics(self.packages, self.objects())

    def annotate(self, module: Module) -> Module:
        """Return the module with what the dialect knows of its imports and references.

        That is: `Import.substitute` and `ImportedName.substitute` of the SDK's imports, `sdk_problems` and
        `client_uses`.  By default the imports get the `substitutes`, and nothing else is known.
        """
        imports = (
            with_substitutes(item, self.substitutes) if item.module in self.packages else item
            for item in module.imports
        )
        return replace(module, imports=tuple(imports))

    def tracing(self) -> Tracing | None:
        """Return how `--trace` sees the SDK; None where it does not."""
        return None


def with_substitutes(item: Import, substitutes: Mapping[str, str]) -> Import:
    """Return an import of the SDK with the runtime in its place; `substitutes` are the runtime's names by name."""
    names = None
    if item.names is not None:
        found = (substitutes.get(name.name, name.substitute) for name in item.names)
        names = tuple(map(_with_substitute, item.names, found))
    return replace(item, substitute=RUNTIME_SDK, names=names)


def _with_substitute(name: ImportedName, substitute: str | None) -> ImportedName:
    return replace(name, substitute=substitute)


def packages_of(dialects: Iterable[Dialect]) -> frozenset[str]:
    """Return the packages of all SDKs."""
    return frozenset(package for dialect in dialects for package in dialect.packages)


def lower_all(
    dialects: Iterable[Dialect], decoder: ArgumentDecoder, declared: Sequence[EndpointValue]
) -> list[Lowered]:
    """Lower every endpoint by the dialect that it is declared in."""
    return [
        dialect.lower(decoder, [value for value in declared if value.dialect == dialect.name])
        for dialect in dialects
    ]
