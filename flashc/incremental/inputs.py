"""What a fragment was read from, beside its own modules -> questions that can be asked again later.

If all answers are the same as before, reading the modules again would give the same fragment.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote

from flashc.project.discover import Tree

_MODULE, _FILE, _VARIABLE, _NEVER = "module", "file", "variable", "never"
UNREPEATABLE = f"{_NEVER}:"
"""What has another answer every time: the project changed while it was read."""


def module_question(name: str) -> str:
    """What is the text of this module?"""
    return f"{_MODULE}:{name}"


def file_question(path: str) -> str:
    """What is the content of this file of the project, or is it there at all?"""
    return f"{_FILE}:{path.encode('utf-8', 'backslashreplace').decode()}"


def environment_question(name: str) -> str:
    """What value has this variable?"""
    return f"{_VARIABLE}:{quote(name, errors='surrogatepass')}"


def modules_in(questions: tuple[str, ...]) -> list[str]:
    """The modules that some questions are about."""
    pairs = (question.partition(":") for question in questions)
    return [name for kind, _, name in pairs if kind == _MODULE]


def variables_in(questions: tuple[str, ...]) -> list[str]:
    """The variables that some questions are about."""
    pairs = (question.partition(":") for question in questions)
    return [_unquoted(name) for kind, _, name in pairs if kind == _VARIABLE]


def _unquoted(name: str) -> str:
    return unquote(name, errors="surrogatepass")


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
            name = _unquoted(name)
            return f"={self.environment[name]}" if name in self.environment else ""
        if kind == _NEVER:
            return secrets.token_hex()
        path = self.tree.modules.get(name, "") if kind == _MODULE else name
        return self.digests.get(path) or self.tree.presence(path).value
