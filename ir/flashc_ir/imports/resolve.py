"""Resolve the module names of import statements to absolute names.

Both collectors of imports use this module: `imports` (for LibCST's trees) and `ast_imports` (for
trees of `ast`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from flashc_ir.modules import ImportedName, Origin

IMPORT_FUNCTIONS = frozenset({"importlib.import_module", "import_module", "__import__"})
"""The callables that import a module by a name that is computed at run time, as they are written."""

START_FUNCTIONS = frozenset(
    "os.system os.popen subprocess.run subprocess.call subprocess.check_call "
    "subprocess.check_output subprocess.Popen asyncio.create_subprocess_exec "
    "asyncio.create_subprocess_shell".split()
)
"""The functions that start a process, as they are usually written."""

IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
"""The exception classes whose handlers also handle a failed import."""


def started_modules(words: Iterable[str], index: ModuleIndex) -> Iterator[str]:
    """Yield the modules of the project that a command runs: `python tools/job.py`, `python -m tools.job`.

    `words` are those of the texts in the call.  A worker runs the command in the project's root.
    """
    before = ""
    for word in words:
        path = word.removeprefix("/app/").removeprefix("./")
        name = path.removesuffix(".py").replace("/", ".") if path.endswith(".py") else ""
        if before == "-m":
            name = word
        if name and index.has(name):
            yield name
        before = word


class ModuleIndex(Protocol):
    """Tells which modules a project has."""

    def has(self, name: str) -> bool:
        """Return whether the project has a module or package of exactly this dotted name."""
        ...

    def origin(self, name: str, members: Iterable[str] = ()) -> Origin:
        """Return where Python finds a module of this dotted name, if `members` are imported from it."""
        ...


def resolve_relative(package: str, level: int, module: str) -> str | None:
    """Return the absolute module name of a relative import.

    `package` is the importing package ("" for a module at the project's root), `level` the number
    of leading dots, `module` the dotted name after them.  The result is None if the import leaves
    the project's root.
    """
    parts = package.split(".") if package else []
    if level > len(parts):  # the import leads out of the project's root
        return None
    base = parts[: len(parts) - (level - 1)]
    return ".".join((*base, *([module] if module else ())))


OWN_PACKAGE = frozenset({"__package__", "__name__"})
"""What a call of `import_module` names as its second argument to mean the package of its module."""


def resolve_name(package: str, name: str) -> str | None:
    """Return the absolute module name of a text that `import_module` takes, such as `..a`.

    `package` is the one from which a relative name starts.  The result is None if the import leaves
    the project's root.
    """
    level = len(name) - len(name.lstrip("."))
    return resolve_relative(package, level, name[level:]) if level else name


def origin_of(
    index: ModuleIndex,
    module: str,
    names: Iterable[ImportedName] | None,
    *,
    is_relative: bool,
) -> Origin:
    """Return where Python finds a module from which `names` are imported.

    A relative import (`is_relative`) finds modules of its own package only.
    """
    if is_relative:
        return Origin.PROJECT
    return index.origin(module, [name.name for name in names or ()])
