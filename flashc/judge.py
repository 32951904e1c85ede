"""A project -> what the compiler says of it, from the cache where nothing that matters has changed.

What matters are the compiler itself, the options, the project's files, the packages installed beside the
compiler, and the environment variables that the project's constants read.  Which variables these are is
known after the first compilation only, so an entry of the kind `reads` names them, and their values are
part of the key of the entry that holds the verdict.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

import flashc_backends
import flashc_ir
from flashc_backends.store import Store, digest
from flashc_ir.diagnostics import Diagnostic, Sink

from . import __version__
from .environ import Environment, build_environment
from .frontend.discover import NOTHING_UNSAVED, Tree, discover
from .options import Options

_NESTED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)", re.MULTILINE)


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
    key = fingerprint(tree, options)
    verdict = _recall(key, environment, store)
    if verdict is None:
        verdict = _compile(root, tree, options, environment, sink)
        if not options.trace and not _reads_outside(tree):
            _remember(key, environment, verdict, store)
    for diagnostic in verdict.diagnostics:
        sink.add(diagnostic)
    return verdict.endpoints


def fingerprint(tree: Tree, options: Options) -> str:
    """A key for everything that a compilation depends on but environment variables."""
    return digest(
        _compiler(),
        tree.root.name,
        repr(options),
        *(f"{f.path}\0{f.digest}\0{f.executable}" for f in tree.files),
        *(f"{e.path}\0{e.pattern}\0{e.source}" for e in tree.exclusions),
    )


@cache
def _compiler() -> str:
    """The compiler's own sources, its Python, and the packages beside it (their folders change when one
    comes or goes)."""
    parts = [__version__, sys.version]
    for package in (__file__, flashc_ir.__file__, flashc_backends.__file__):
        for file in sorted(Path(str(package)).parent.rglob("*.py")):
            status = file.stat()
            parts.append(f"{file}\0{status.st_size}\0{status.st_mtime_ns}")
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")) and os.path.isdir(folder):
            parts.append(f"{folder}\0{os.stat(folder).st_mtime_ns}")
    return digest(*parts)


def _recall(key: str, environment: Environment, store: Store) -> Verdict | None:
    names = store.read("reads", key)
    if names is None:
        return None
    data = store.read("verdicts", _with_values(key, json.loads(names), environment))
    return None if data is None else msgspec.json.decode(data, type=Verdict)


def _remember(key: str, environment: Environment, verdict: Verdict, store: Store) -> None:
    names = sorted(environment.asked)
    store.write("reads", key, json.dumps(names).encode())
    store.write("verdicts", _with_values(key, names, environment), msgspec.json.encode(verdict))


def _with_values(key: str, names: list[str], environment: Environment) -> str:
    values = (f"={environment[name]}" if name in environment else "" for name in names)
    return digest(key, *names, *values)


def _compile(
    root: Path, tree: Tree, options: Options, environment: Environment, sink: Sink
) -> Verdict:
    from .compile import compile_tree  # imported by those checks only that need it

    program = compile_tree(root, tree, options, environment, sink)
    return Verdict(None if program is None else len(program.endpoints), tuple(sink))


def _reads_outside(tree: Tree) -> bool:
    """Whether the requirements lead to files that are none of the project's, so that no digest has them."""
    file = tree.root / "requirements.txt"
    try:
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    except OSError:
        return True
    inside = {file.path for file in tree.files}
    return any(os.path.normpath(path) not in inside for path in _NESTED.findall(text))
