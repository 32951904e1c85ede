"""What commands found out about a project -> remembered until something that matters changes.

What matters are the compiler itself, the options, the project's files, the packages installed beside the
compiler, and the environment variables that were read.  Which variables these are is known afterwards only,
so one entry names them, and their values are part of the key of the entry that holds what was found.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from flashc.project.discover import Tree
from flashc.project.environment import Environment
from flashc.project.options import Options
from flashc_backends.base import LOCK_FILE
from flashc_core.cache import Store, digest

from .compiler import compiler_identity

_NESTED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The memory for one state of a project; `environment` notes what is read meanwhile."""

    store: Store
    key: str
    environment: Environment
    exact: bool

    @classmethod
    def of(cls, tree: Tree, options: Options, environment: Environment, store: Store) -> Memory:
        exact = not options.trace and not _reads_outside(tree)
        return cls(
            store=store, key=fingerprint(tree, options), environment=environment, exact=exact
        )

    def recall(self, kind: str, oldest: float | None = None) -> bytes | None:
        """What was remembered, at most `oldest` seconds ago."""
        names = self.store.read(f"{kind}-reads", self.key)
        if names is None or not self.exact:
            return None
        return self.store.read(kind, self._with_values(json.loads(names)), oldest)

    def remember(self, kind: str, content: bytes) -> None:
        """Keep something, unless it may depend on what no key covers."""
        if self.exact and self.environment.is_settled:
            names = sorted(self.environment.asked)
            self.store.write(f"{kind}-reads", self.key, json.dumps(names).encode())
            self.store.write(kind, self._with_values(names), content)

    def _with_values(self, names: list[str]) -> str:
        environment = self.environment
        values = (f"={environment[name]}" if name in environment else "" for name in names)
        return digest(self.key, *names, *values)


def fingerprint(tree: Tree, options: Options) -> str:
    """A key for everything that a compilation depends on but environment variables."""
    return digest(
        compiler_identity(),
        tree.root.name,
        repr(options),
        *(f"{f.path}\0{f.digest}\0{f.executable}" for f in tree.files),
        *(f"{e.path}\0{e.pattern}\0{e.source}" for e in tree.exclusions),
        _lock(tree.root),
    )


def _lock(root: Path) -> bytes:
    """`flash.lock`, which is no file of the app but decides about its packages."""
    try:
        return (root / LOCK_FILE).read_bytes()
    except OSError:
        return b""


def _reads_outside(tree: Tree) -> bool:
    """Whether the requirements lead to files that are none of the project's, so that no digest has them."""
    file = tree.root / "requirements.txt"
    try:
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    except OSError:
        return True
    inside = {file.path for file in tree.files}
    return any(os.path.normpath(path) not in inside for path in _NESTED.findall(text))
