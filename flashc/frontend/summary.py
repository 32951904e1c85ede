"""What reading the modules of a project brings to light, before any pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import Struct

from flashc.project.discover import Tree
from flashc_core.diagnostics import Diagnostic, Sink
from flashc_core.source import Span
from flashc_ir.endpoints import Endpoint
from flashc_ir.imports.resolve import ImportProblem
from flashc_ir.modules import Module

from .relevance import Survey


class Failure(Struct, frozen=True):
    """Importing a module is certain to raise this, at this place."""

    span: Span
    text: str


class TopImport(Struct, frozen=True):
    """An import that binds `names` for functions only; a finding, unless another module takes one of them."""

    names: tuple[str, ...]
    finding: Diagnostic


class Fragment(Struct, frozen=True, kw_only=True):
    """What some modules say that have to be read together.  Everything by module is by the module's name.

    `reads` are the questions whose answers decided it, beside the modules' own text: see `Answers`.
    """

    modules: tuple[Module, ...]
    endpoints: tuple[Endpoint, ...]
    diagnostics: tuple[Diagnostic, ...]
    problems: dict[str, tuple[ImportProblem, ...]]
    installs: dict[str, tuple[Span, ...]]
    failures: dict[str, Failure]
    top_imports: dict[str, tuple[TopImport, ...]]
    reads: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Facts:
    """All fragments of a project together, and its other modules; in the order of names."""

    modules: tuple[Module, ...]
    endpoints: tuple[Endpoint, ...]
    problems: dict[str, tuple[ImportProblem, ...]]
    installs: dict[str, tuple[Span, ...]]
    failures: dict[str, Failure]
    top_imports: dict[str, tuple[TopImport, ...]]
    broken: frozenset[str]


def assemble_facts(tree: Tree, survey: Survey, fragments: Iterable[Fragment], sink: Sink) -> Facts:
    """Put the fragments together, and report what was found while reading them."""
    modules = dict(survey.plain)
    endpoints: list[Endpoint] = []
    problems = dict(survey.problems)
    installs: dict[str, tuple[Span, ...]] = {}
    failures: dict[str, Failure] = {}
    top_imports: dict[str, tuple[TopImport, ...]] = {}
    for fragment in fragments:
        modules.update((module.name, module) for module in fragment.modules)
        endpoints += fragment.endpoints
        problems |= fragment.problems
        installs |= fragment.installs
        failures |= fragment.failures
        top_imports |= fragment.top_imports
        for diagnostic in fragment.diagnostics:
            sink.add(diagnostic)
    ordered = tuple(modules[name] for name in tree.modules)
    return Facts(
        modules=ordered,
        endpoints=tuple(endpoints),
        problems=problems,
        installs=installs,
        failures=failures,
        top_imports=top_imports,
        broken=survey.broken,
    )
