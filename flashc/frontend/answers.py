"""What a fragment was read from, beside its own modules -> questions that can be asked again later.

If all answers are the same as before, reading the modules again would give the same fragment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .discover import Tree

_MODULE, _FILE, _VARIABLE = "module", "file", "variable"


def module_question(name: str) -> str:
    """What is the text of this module?"""
    return f"{_MODULE}:{name}"


def file_question(path: str) -> str:
    """What is the content of this file of the project, or is it there at all?"""
    return f"{_FILE}:{path}"


def environment_question(name: str) -> str:
    """What value has this variable?"""
    return f"{_VARIABLE}:{name}"


def modules_in(questions: tuple[str, ...]) -> list[str]:
    """The modules that some questions are about."""
    pairs = (question.partition(":") for question in questions)
    return [name for kind, _, name in pairs if kind == _MODULE]


def variables_in(questions: tuple[str, ...]) -> list[str]:
    """The variables that some questions are about."""
    pairs = (question.partition(":") for question in questions)
    return [name for kind, _, name in pairs if kind == _VARIABLE]


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers for one state of a project: digests, and values of variables, to be made into a key."""

    tree: Tree
    environment: Mapping[str, str]

    @cached_property
    def digests(self) -> dict[str, str]:
        """Of each file of the project, by path."""
        return {file.path: file.digest for file in self.tree.files}

    def __call__(self, question: str) -> str:
        kind, _, name = question.partition(":")
        if kind == _VARIABLE:
            return f"={self.environment[name]}" if name in self.environment else ""
        path = self.tree.modules.get(name, "") if kind == _MODULE else name
        present = (self.tree.root / path).is_file() if path else False
        return self.digests.get(path) or ("present" if present else "")
