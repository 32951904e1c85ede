"""Name the inputs of a cached result (files, variables, modules), and digest their contents.

An input is a string `KIND:NAME`, so that a list of inputs can be stored next to the result.  If all
inputs have the same digests as before, computing again would give the same result.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote

from msgspec import Struct

from flashc_core.files import tree_digest

from .project import Project

_MODULE, _VALUE, _FILE = "module", "value", "file"
_EFFECTS = "effects"
_TREE, _VARIABLE, _VOLATILE, _LISTING = "tree", "variable", "volatile", "listing"
VOLATILE = f"{_VOLATILE}:"
"""An input that makes the cached result invalid in the next run.

It is recorded if the project changed while flashc read it.
"""


def module_input(name: str) -> str:
    """Return the input for the text of a module."""
    return f"{_MODULE}:{name}"


def value_input(module: str, name: str) -> str:
    """Return the input for what importers see of `module.name`; see `ModuleExports`."""
    return f"{_VALUE}:{module}:{quote(name, errors='surrogatepass')}"


def effects_input(module: str) -> str:
    """Return the input for whether importing a module may change other modules; see `import_effects`."""
    return f"{_EFFECTS}:{module}"


def module_of_value(item: str) -> str | None:
    """Return the module of an input that `value_input` made; None for other inputs."""
    kind, _, name = item.partition(":")
    return name.partition(":")[0] if kind == _VALUE else None


def file_input(path: str) -> str:
    """Return the input for the content of a file below the root, or for its absence."""
    return f"{_FILE}:{path.encode('utf-8', 'backslashreplace').decode()}"


def tree_input(path: str) -> str:
    """Return the input for a file or for the content of a whole folder."""
    return f"{_TREE}:{path}"


def listing_input(path: str) -> str:
    """Return the input for the names of the files below a folder."""
    return f"{_LISTING}:{path.encode('utf-8', 'backslashreplace').decode()}"


def variable_input(name: str) -> str:
    """Return the input for the value of an environment variable, or for its absence."""
    return f"{_VARIABLE}:{quote(name, errors='surrogatepass')}"


def is_about_code(item: str) -> bool:
    """Return whether an input is a module or a part of one, not a file or a variable."""
    return item.startswith((f"{_MODULE}:", f"{_VALUE}:", f"{_EFFECTS}:"))


class InputDigests(Struct, frozen=True, eq=False):
    """The digests of inputs in one state of a project.

    For a variable, the digest is "=" and its value; callers compute a digest of it before they store it.  `value_of(module,
    name)` returns the fingerprint of what importers see of `module.name`.
    """

    project: Project
    environment: Mapping[str, str]
    value_of: Callable[[str, str], str] | None = None

    def digest(self, item: str) -> str:
        """Return a text that changes when the input changes; empty if the input does not exist."""
        kind, _, name = item.partition(":")
        if kind == _VARIABLE:
            name = unquote(name, errors="surrogatepass")
            return f"={self.environment[name]}" if name in self.environment else ""
        if kind == _TREE:
            return tree_digest(self.project.root / name)
        if kind == _LISTING:
            return self._listing(name)
        if kind == _VOLATILE:
            return os.urandom(16).hex()
        if kind == _EFFECTS:
            from .import_effects import (
                may_act,  # it imports `ast`, which the other inputs do not need
            )

            return "acts" if may_act(self.project, name) else "changes nothing"
        if kind == _VALUE:
            if (
                self.value_of is None
            ):  # only a forged entry of the cache gets here; it is never valid
                return os.urandom(16).hex()
            module, _, member = name.partition(":")
            return self.value_of(module, unquote(member, errors="surrogatepass"))
        path = self.project.modules.get(name, "") if kind == _MODULE else name
        return self.of_file(path)

    def _listing(self, folder: str) -> str:
        """Return a digest of the file names below a folder; excluded files are listed separately."""
        excluded = [rule.path for rule in self.project.exclusions]
        names = [
            sorted(p for p in paths if folder == "." or p.startswith(f"{folder}/"))
            for paths in (self.project.by_path, excluded)
        ]
        return hashlib.sha256(repr(names).encode("utf-8", "backslashreplace")).hexdigest()

    def of_file(self, path: str) -> str:
        """Return the digest of a file's content; "" if there is no file.

        `path` is relative to the root.
        """
        known = self.project.by_path.get(path)
        return known.digest if known is not None else self._digest_of_other(path)

    def _digest_of_other(self, path: str) -> str:
        """Return a digest of the presence and content of a file that is not in the artifact."""
        presence = self.project.presence(path).value
        if not presence and path not in self.project.unsaved:
            return ""
        try:
            if not self.project.has_text(path):
                return presence
            return f"{presence} {self.project.texts.digest(path)}"
        except OSError:  # a file that can't be read, or a link out of the project
            return f"{presence} unreadable"
