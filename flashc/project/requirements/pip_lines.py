"""Parse the lines of a list of requirements in pip's format, and of the lists that it includes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def lines_of_lists(project: Project, path: str, *, nested: bool) -> list[Any]:
    """Return what the parser makes of the lines of the list `path`.

    `nested` says that the lines of an included list come before the line that includes it; else they
    are left out.  The `filename` of a line is the path of its list, relative to the root.  If `nested`,
    no list may include itself.

    Raises:
        UnreadableList: one of the lists can't be read.
    """
    # The parser reads only files on disk, and its own `from_string` raises NameError.
    with temporary_folder("requirements") as folder:
        draft = folder / "list.txt"
        return list(_lines(project, path, draft, nested=nested, is_constraint=False))


def _lines(
    project: Project, path: str, draft: Path, *, nested: bool, is_constraint: bool
) -> Iterator[Any]:
    """Yield the lines of one list, and those of the lists that it includes if `nested`.

    `draft` is the file for the parser.
    """
    from pip_requirements_parser import (
        CommentRequirementLine,
        InstallationError,
        OptionLine,
        RequirementsFile,
    )  # imported only if the project has such a list

    try:
        draft.write_bytes(project.read(path))
        parsed = list(RequirementsFile.parse(str(draft), is_constraint=is_constraint))
    except (OSError, ValueError, InstallationError) as error:
        raise UnreadableList(path, error) from None
    for line in parsed:
        if isinstance(line, CommentRequirementLine):
            continue
        assert line.requirement_line is not None
        line.requirement_line.filename = path
        if nested and isinstance(line, OptionLine):
            for option, is_limit in (("requirements", False), ("constraints", True)):
                if names := line.options.get(option):
                    included = posixpath.normpath(posixpath.join(posixpath.dirname(path), names[0]))
                    yield from _lines(project, included, draft, nested=True, is_constraint=is_limit)
                    break  # as pip does, which takes one list of a line
        yield line
