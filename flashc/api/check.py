"""A project -> what the compiler says of it, from memory where nothing that matters has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flashc.incremental.memo import Memory
from flashc.project.discover import NOTHING_UNSAVED, Tree, discover
from flashc.project.environment import Environment, build_environment
from flashc.project.options import Options
from flashc_core.cache import Store
from flashc_core.diagnostics import Diagnostic, Sink


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found; `endpoints` is their number, None where errors leave no program."""

    endpoints: int | None
    diagnostics: tuple[Diagnostic, ...]


def judge(
    root: Path,
    options: Options,
    sink: Sink,
    store: Store,
    unsaved: Mapping[str, bytes] = NOTHING_UNSAVED,
) -> int | None:
    """Check the project at `root` (absolute).  The number of its endpoints; None where it has errors.

    `unsaved` are files that are to be seen in another state than on the disk, by path.
    """
    tree = discover(root, sink, unsaved)
    environment = build_environment(root, options.env)
    memory = Memory.of(tree, options, environment, store)
    known = memory.recall("verdicts")
    if known is not None:
        verdict = msgspec.json.decode(known, type=Verdict)
    else:
        verdict = _compile(root, tree, options, environment, sink, store)
        memory.remember("verdicts", msgspec.json.encode(verdict))
    for diagnostic in verdict.diagnostics:
        sink.add(diagnostic)
    return verdict.endpoints


def _compile(
    root: Path,
    tree: Tree,
    options: Options,
    environment: Environment,
    sink: Sink,
    store: Store,
) -> Verdict:
    from flashc.compile import compile_tree  # imported by those checks only that need it

    program = compile_tree(root, tree, options, environment, sink, store=store)
    return Verdict(None if program is None else len(program.endpoints), tuple(sink))
