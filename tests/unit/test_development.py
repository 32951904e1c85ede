"""The files of the development environment fit each other."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.projects import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements-dev.lock").read_text("utf-8")
_ENTRY = re.compile(
    r"^([\w.-]+)==(\S+?)(?: ; .+?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)


def test_the_lock_holds_what_the_project_asks_for() -> None:
    """`scripts/lock` writes it anew."""
    project = PROJECT["project"]
    asked = [
        *project["dependencies"],
        *project["optional-dependencies"]["test"],
        *PROJECT["build-system"]["requires"],
    ]
    locked = {name: version for name, version, _ in _ENTRY.findall(LOCK)}
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        assert name in locked, name
        assert requirement.specifier.contains(locked[name]), (name, locked[name])


def test_every_line_of_the_lock_belongs_to_a_hashed_entry() -> None:
    """A lock in which only some entries have hashes is refused by pip; an address belongs to one machine."""
    assert _ENTRY.sub("", LOCK) == ""
    assert "://" not in LOCK
