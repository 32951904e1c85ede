"""Define the interface of a dialect: everything that the front end needs to know about one SDK.

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

from flashc_core.source import Edit, Span
from flashc_ir.endpoints import Endpoint
from flashc_ir.modules import Module
from flashc_ir.program import UnloweredEndpoint

if TYPE_CHECKING:  # the evaluator takes a while to import, and a run that finds everything in the cache does not need it
    from flashc.evaluator.declarations import EndpointValue
    from flashc.evaluator.dialect import Dialect as Semantics
    from flashc.evaluator.objects import Argument, Frame
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
    project that declares no endpoint.  `version` is part of the key of everything that is cached, as is the file
    of the class; a dialect of several files that is not part of flashc changes it with every change of the
    others.
    """

    name: ClassVar[str]
    version: ClassVar[str] = ""
    packages: ClassVar[frozenset[str]]
    how_to_declare: ClassVar[str]

    @abstractmethod
    def semantics(self) -> Semantics:
        """Return what the SDK's names and objects mean to the evaluator.

        Every endpoint that they declare has the dialect's name in `EndpointValue.dialect`.
        """

    @abstractmethod
    def lower(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
        """Lower the endpoints that are declared in this dialect, in the order of their declaration.

        Reports what is wrong with them to `decoder.sink`.
        """

    @abstractmethod
    def annotate(self, module: Module) -> Module:
        """Return the module with what the dialect knows of its imports and references.

        That is: `Import.substitute` and `ImportedName.substitute` of the SDK's imports, `sdk_problems` and
        `client_uses`.
        """

    def declaring_decorators(self, frame: Frame) -> Iterable[str]:
        """Return the calls, as dotted text (`flash.Endpoint`), that declare an endpoint as a decorator.

        `frame` has the names of a module after its import.
        """
        return ()

    def tracing(self) -> Tracing | None:
        """Return how `--trace` sees the SDK; None where it does not."""
        return None


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
