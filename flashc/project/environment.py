"""The variables that a build may read, and which of them it did read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path


class Environment(Mapping[str, str]):
    """Variables by name; `asked` collects the names that anybody wanted to know about, absent ones too."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)
        self.asked: set[str] = set()
        self.is_settled = True  # nothing else that decided what was found changed meanwhile

    def fresh(self) -> Environment:
        """The same variables, of which nobody has asked for any yet."""
        return Environment(self._variables)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._variables[name]

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        self.asked |= self._variables.keys()
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def build_environment(root: Path, given: Mapping[str, str]) -> Environment:
    """The variables that a build may read: the project's `.env`, the process's, `[tool.flashc.env]`."""
    from_file: dict[str, str] = {}
    file = root / ".env"
    if file.is_file():
        from dotenv import dotenv_values  # imported by those projects only that need it

        from_file = {k: v for k, v in dotenv_values(file).items() if v is not None}
    return Environment({**from_file, **os.environ, **given})
