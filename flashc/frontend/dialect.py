"""Define the interface of a dialect: what the front end needs to know about one SDK.

A dialect is a package next to `flash`.  It converts declarations and imports of its SDK into facts
of the IR.  So passes and backends need to know no SDK.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct, field
from msgspec.structs import replace

from flashc_core.source import Edit, Span
from flashc_ir.endpoints import Endpoint
from flashc_ir.modules import Import, ImportedName, Module
from flashc_ir.program import UnloweredEndpoint
from flashc_ir.spelling import Spelling

if TYPE_CHECKING:  # a run that finds everything in the cache does not import the evaluator
    from flashc.evaluator.declarations import EndpointValue
    from flashc.evaluator.dialect import Semantics
    from flashc.evaluator.objects import Argument
    from flashc.evaluator.values import Value

    from .decode import ArgumentDecoder

RUNTIME_SDK = "_flashc.sdk"
"""The module of every artifact that replaces an SDK.

Its `Endpoint(resource)` is a decorator, an object with routes (`.get(path)`, ...) or, with `image=` or `id=`, a
client.
"""


class Lowered(Struct, frozen=True, kw_only=True):
    """The result of lowering the endpoints of one dialect.

    `unlowered` are the endpoints with an error, which is already reported.  `edits` are the
    `Module.sdk_edits` by module.
    """

    endpoints: tuple[Endpoint, ...] = ()
    unlowered: tuple[UnloweredEndpoint, ...] = ()
    edits: Mapping[str, tuple[Edit, ...]] = field(default_factory=dict[str, tuple[Edit, ...]])


class Tracing(ABC):
    """How `--trace` replaces an SDK: by a stub that records what the program declares.

    `stub` is a Python file that defines `install(tracer, *support)`; see `trace_runner`.  `support`
    are the files of modules that the stub needs.  `enums` are the SDK's enums by name.
    """

    stub: ClassVar[Path]
    support: ClassVar[tuple[Path, ...]] = ()
    enums: ClassVar[Mapping[str, type[Enum]]] = {}

    @abstractmethod
    def make(self, kind: str, arguments: dict[str, Argument], span: Span) -> Value:
        """Return the value of an object of the SDK that the stub recorded as `kind`."""


class Dialect(ABC):
    """The interface to one SDK.

    `name` is unique.  `packages` are the top-level packages of the SDK.  `how_to_declare` is the
    help for a project that declares no endpoint.  `spelling` is how programs write what the IR says
    of endpoints, for the help and the positions of findings.  `substitutes` has the runtime's name
    for each name of the SDK that the runtime replaces.

    Each version of a dialect has its own results in the cache: `version` and the text of the file
    that defines the class are part of the keys.  A dialect outside of flashc that consists of more
    files needs another `version` whenever one of them changes.

    The module of the class does not import LibCST, so methods import what needs it: with a cached
    result, only the class is needed.
    """

    name: ClassVar[str]
    version: ClassVar[str] = ""
    packages: ClassVar[frozenset[str]]
    how_to_declare: ClassVar[str]
    spelling: ClassVar[Spelling] = Spelling()
    substitutes: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def objects(self) -> Mapping[str, object]:
        """Return the meanings of the SDK's public names.

        They are `DialectObject`s, enum classes or constants.

        Every endpoint that they declare has the dialect's name in `EndpointValue.dialect`.
        """

    @abstractmethod
    def lower(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
        """Lower the endpoints that are declared in this dialect, in the order of their declaration.

        Errors in the endpoints are reported to `decoder.sink`.
        """

    def semantics(self) -> Semantics:
        """Return the meaning of the SDK's names for the evaluator.

        If this is not overridden, only the names in `objects` have a meaning.
        """
        from flashc.evaluator.dialect import Semantics

        return Semantics(self.packages, self.objects())

    def annotate(self, module: Module) -> Module:
        """Return the module with the dialect's facts about its imports and references.

        These are `Import.substitute` and `ImportedName.substitute` of the SDK's imports,
        `sdk_problems` and `client_uses`.  If this is not overridden, only the imports are changed:
        they get their `substitutes`.
        """
        imports = (
            with_substitutes(item, self.substitutes) if item.module in self.packages else item
            for item in module.imports
        )
        return replace(module, imports=tuple(imports))

    def tracing(self) -> Tracing | None:
        """Return how `--trace` replaces the SDK; None if the dialect does not support `--trace`."""
        return None


def with_substitutes(item: Import, substitutes: Mapping[str, str]) -> Import:
    """Return an import of the SDK that is replaced by the runtime.

    `substitutes` has the runtime's name for each name of the SDK.
    """
    names = None
    if item.names is not None:
        found = (substitutes.get(name.name, name.substitute) for name in item.names)
        names = tuple(map(_with_substitute, item.names, found))
    return replace(item, substitute=RUNTIME_SDK, names=names)


def _with_substitute(name: ImportedName, substitute: str | None) -> ImportedName:
    """Return an imported name with the name that replaces it."""
    return replace(name, substitute=substitute)


def packages_of(dialects: Iterable[Dialect]) -> frozenset[str]:
    """Return the packages of all SDKs."""
    return frozenset(package for dialect in dialects for package in dialect.packages)


def spellings_of(dialects: Iterable[Dialect]) -> tuple[Spelling, ...]:
    """Return how each dialect writes what the IR says."""
    return tuple(replace(each.spelling, dialect=each.name) for each in dialects)


def lower_all(
    dialects: Iterable[Dialect], decoder: ArgumentDecoder, declared: Sequence[EndpointValue]
) -> list[Lowered]:
    """Lower every endpoint by the dialect that it is declared in."""
    return [
        dialect.lower(
            replace(decoder, spelling=dialect.spelling),
            [value for value in declared if value.dialect == dialect.name],
        )
        for dialect in dialects
    ]
