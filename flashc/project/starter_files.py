"""Make the files of a new project from the templates in `starter`."""

from __future__ import annotations

import re
from importlib.resources import files

_TEMPLATES = {
    "worker.py": "worker.py.txt",
    "tests/test_worker.py": "tests.test_worker.py.txt",
    "pyproject.toml": "pyproject.toml.txt",
    ".gitignore": ".gitignore.txt",
    ".env.example": ".env.example.txt",
    "AGENTS.md": "AGENTS.md.txt",
}
_NAME = "@NAME@"


def starter_files(folder_name: str) -> dict[str, str]:
    """Return the files of a new project by their paths in its folder."""
    name = project_name(folder_name)
    templates = files("flashc.project") / "starter"
    return {
        path: (templates / template).read_text(encoding="utf-8").replace(_NAME, name)
        for path, template in _TEMPLATES.items()
    }


def project_name(folder_name: str) -> str:
    """Return the name of a project in a folder, with the characters that packages may have."""
    return re.sub(r"[^a-z0-9]+", "-", folder_name.lower()).strip("-") or "app"
