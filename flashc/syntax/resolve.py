"""What an import statement is resolved with, whichever parser read it."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from flashc_core.source import Span
from flashc_ir.modules import Origin

IMPORT_FUNCTIONS = frozenset({"importlib.import_module", "import_module", "__import__"})


class ModuleIndex(Protocol):
    """What modules a project has."""

    def has(self, name: str) -> bool:
        """Whether the project has a module or package of exactly this name."""
        ...

    def origin(self, name: str) -> Origin:
        """Where Python would look for a module of this name."""
        ...


class ImportProblem(Struct, frozen=True, kw_only=True):
    """An import whose module can't be told: it climbs out of the project, or its name is computed.

    `expected`: the program is ready for its failure (`try: ... except ImportError`).
    """

    span: Span
    text: str
    computed: bool
    expected: bool = False


def resolve_relative(package: str, level: int, module: str) -> str | None:
    """The absolute name of `from {'.' * level}{module} import ...` in `package`; None outside."""
    parts = package.split(".") if package else []
    if level > len(parts):  # a module at the root has no package that it could be relative to
        return None
    base = parts[: len(parts) - (level - 1)]
    return ".".join((*base, *([module] if module else ())))
