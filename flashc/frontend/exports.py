"""Compute fingerprints of the names that one module exports, so that the cache sees changes."""

from __future__ import annotations

from flashc.evaluator.fingerprint import NotComparable, fingerprint, fingerprints
from flashc.evaluator.machine import Machine
from flashc.project.environment import BuildEnvironment
from flashc.project.project import Project
from flashc_core.cache import digest
from flashc_core.diagnostics import Sink

from .dialect import Dialect
from .evaluation import Evaluation
from .summary import ModuleExports

_MAX_NAMES = 1_000


def read_exports(
    name: str, project: Project, environment: BuildEnvironment, dialects: tuple[Dialect, ...]
) -> ModuleExports:
    """Return what modules that import the module `name` can see of it."""
    sink = Sink()
    evaluation = Evaluation(
        project=project, roots=(name,), dialects=dialects, sink=sink, environment=environment
    )
    evaluation.run()
    evaluation.report_step_limits()
    machine = evaluation.machine
    interactions, frame = machine.interactions, machine.frames.get(name)
    is_entangled = (
        bool(interactions.cycles or interactions.changed_modules) or evaluation.is_entangled
    )
    found: dict[str, str | None] = {}
    if frame is not None and (is_entangled or len(frame.names) > _MAX_NAMES):
        found = {"": None, "*": None, **dict.fromkeys(frame.names)}
    elif frame is not None:
        found = fingerprints(frame)
        found[""] = _effects(machine, name)
        found["*"] = digest(*(each for each in frame.names if not each.startswith("_")))
    # If so, the importers depend on the texts of the modules.
    is_coarse = is_entangled or None in found.values()
    return ModuleExports(
        fingerprints=found,
        inputs=evaluation.inputs_by_text() if is_coarse else evaluation.inputs(),
        texts=evaluation.inputs_by_text(),
        imported=evaluation.loaded_modules if is_coarse else evaluation.imported,
        import_failure=evaluation.failure(name),
        diagnostics=tuple(sink),
    )


def _effects(machine: Machine, name: str) -> str | None:
    """Return the fingerprint of what an import of the module does besides defining names."""
    effects = machine.effects[name]
    try:
        assigned = [f"{name}={fingerprint(v)}" for name, v in sorted(effects.assigned.items())]
    except NotComparable:
        return None
    stopped, may_raise = machine.stopped.get(name), sorted(machine.interactions.may_raise)
    return digest(str(effects.has_guessed), repr(stopped), *assigned, "may raise", *may_raise)
