"""What a pass may use besides the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flashc.project.options import Options
from flashc.project.project import Project
from flashc_core.diagnostics import Sink
from flashc_ir.program import Program

from .resolver import CallResolver


@dataclass(frozen=True, eq=False, kw_only=True)
class PassContext:
    """Where passes report to, and the project that the program was read from.

    `environment` are the variables of the building process, of which every lookup is recorded.
    `how_to_declare` says how a program declares an endpoint, for each dialect.
    """

    sink: Sink
    project: Project
    options: Options
    environment: Mapping[str, str]
    how_to_declare: tuple[str, ...]
    _resolvers: list[CallResolver] = field(default_factory=list[CallResolver])

    def resolver(self, program: Program) -> CallResolver:
        """Return a resolver for this program: the last one, if the modules and endpoints are the same."""
        for resolver in self._resolvers:
            known = resolver.program
            if known.modules is program.modules and known.endpoints is program.endpoints:
                return resolver
        self._resolvers[:] = [CallResolver(program)]
        return self._resolvers[0]
