"""What a pass may use besides the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flashc.project.options import Options
from flashc.project.project import Project
from flashc_core.diagnostics import Sink


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
