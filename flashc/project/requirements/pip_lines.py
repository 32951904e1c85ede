"""Parse the lines of a list of requirements in pip's format, and of the lists that it includes."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from flashc.project.links import opened_path
from flashc.project.project import Project
from flashc_core.temporary import temporary_folder


class UnreadableList(Exception):
    """A list of requirements that can't be read: its path, why, and what the user can do."""

    def __init__(self, path: str, error: Exception) -> None:
        """Keep the path, and take the reason from the error."""
        reason = error.strerror if isinstance(error, OSError) else str(error)
        super().__init__(reason or type(error).__name__)
        self.path = path
        self.help = (
            "remove the line, or name a file of the project with one requirement in each line"
            if isinstance(error, OSError)
            else "save it as UTF-8, with one requirement in each line"
        )


def included_path(project: Project, path: str, name: str) -> str:
    """Return the path, relative to the root, of the list that the list `path` includes as `name`; a URL stays as it is."""
    if "://" in name:
        return name
    return opened_path(str(project.root), posixpath.join(posixpath.dirname(path), name))


def lines_of_lists(project: Project, path: str, *, nested: bool) -> list[Any]:
    """Return what the parser makes of the lines of the list `path`.

    `nested` says that the lines of an included list come before the line that includes it; else they
    are left out.  The lines of a list that is included again come once; only its last `--index-url`,
    which replaces those before it, comes again.  The `filename` of a line is the path of its list, relative to the root.

    Raises:
        UnreadableList: one of the lists can't be read.
    """
    # The parser reads only files on disk, and its own `from_string` raises NameError.
    with temporary_folder("requirements") as folder:
        reader = _Lists(project=project, draft=folder / "list.txt", nested=nested)
        reader.read(path, is_constraint=False)
        return reader.lines


class _Lists(Struct, eq=False, kw_only=True):
    """The lines of the lists that were read so far; `draft` is the file for the parser.

    `_indexes` has for each list, as requirements or as constraints, the last of its lines that sets the index.
    """

    project: Project
    draft: Path
    nested: bool
    lines: list[Any] = field(default_factory=list[Any])
    _indexes: dict[tuple[str, bool], Any] = field(default_factory=dict[tuple[str, bool], Any])

    def read(self, path: str, *, is_constraint: bool) -> Any:
        """Add the lines of a list, and those of the lists that it includes; return the last line that sets the index.

        Raises:
            UnreadableList: one of the lists can't be read.
        """
        key = (path, is_constraint)
        if key in self._indexes:
            index = self._indexes[key]
            if index is not None:
                self.lines.append(index)
            return index
        self._indexes[key] = index = None
        for line in self._parsed(path, is_constraint):
            included = self._included(path, line)
            if included is not None:
                index = self.read(included[0], is_constraint=included[1]) or index
            self.lines.append(line)
            if "index_url" in _options_of(line):
                index = line
        self._indexes[key] = index
        return index

    def _included(self, path: str, line: Any) -> tuple[str, bool] | None:
        """Return the list that a line includes, and whether its requirements only limit versions; None if it includes none."""
        options = _options_of(line) if self.nested else {}
        for option, is_limit in (("requirements", False), ("constraints", True)):
            if names := options.get(option):  # of a line, pip takes one list
                return included_path(self.project, path, names[0]), is_limit
        return None

    def _parsed(self, path: str, is_constraint: bool) -> list[Any]:
        """Return the parsed lines of one list, without comments.

        Raises:
            UnreadableList: the list can't be read.
        """
        from pip_requirements_parser import (
            CommentRequirementLine,
            InstallationError,
            RequirementsFile,
        )  # imported only if the project has such a list

        try:
            self.draft.write_bytes(self.project.read(path))
            parsed = list(RequirementsFile.parse(str(self.draft), is_constraint=is_constraint))
        except (OSError, ValueError, InstallationError) as error:
            raise UnreadableList(path, error) from None
        lines = [line for line in parsed if not isinstance(line, CommentRequirementLine)]
        for line in lines:
            assert line.requirement_line is not None
            line.requirement_line.filename = path
        return lines


def _options_of(line: Any) -> dict[str, Any]:
    """Return the options of a parsed line that is no requirement."""
    from pip_requirements_parser import OptionLine  # imported only if the project has such a list

    return line.options if isinstance(line, OptionLine) else {}
