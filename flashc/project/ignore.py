"""Decide which files belong to the project, by ignore files and built-in patterns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

# The patterns that Flash itself never deploys (gitignore syntax), then those that flashc adds.
BUILT_IN = (
    *(".build/", ".flash/", ".runpod/", "*.tar.gz", ".git/", ".gitignore", "__pycache__/"),
    *("*.pyc", "*.pyo", "*.pyd", "*.egg-info/", "dist/", "build/", ".venv/", "venv/", "env/"),
    *(".vscode/", ".idea/", ".env", ".env.local", "tests/", "test_*.py", "*_test.py", "docs/"),
    *("*.md", "!README.md"),
    *(
        ".env.*",
        "node_modules/",
        ".flashignore",
        "flash.lock",
        ".mypy_cache/",
        ".ruff_cache/",
        ".pytest_cache/",
    ),
    *(".hypothesis/", ".tox/", ".nox/", ".ssh/", ".aws/", ".netrc", ".DS_Store"),
)
IGNORE_FILES = (".gitignore", ".flashignore")


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """One pattern; `source` is "built-in" or the path of the ignore file that contains it."""

    pattern: str
    source: str


class IgnoreRules:
    """All rules that apply in one folder, those of its parents first; the last match decides."""

    def __init__(self, layers: tuple[tuple[str, str, GitIgnoreSpec], ...]) -> None:
        self._layers = layers

    @classmethod
    def built_in(cls) -> IgnoreRules:
        """Return the built-in rules, which apply in the project's root."""
        return cls((("", "built-in", GitIgnoreSpec.from_lines(BUILT_IN)),))

    def inside(self, root: Path, folder: str) -> IgnoreRules:
        """Return these rules and those of the ignore files in `folder`, relative to `root`.

        Raises:
            OSError: an ignore file can't be read.
        """
        layers = list(self._layers)
        for name in IGNORE_FILES:
            file = root / folder / name
            if file.is_file():
                text = file.read_text(encoding="utf-8", errors="replace")
                path = f"{folder}/{name}" if folder else name
                layers.append((folder, path, GitIgnoreSpec.from_lines(text.splitlines())))
        return self if len(layers) == len(self._layers) else IgnoreRules(tuple(layers))

    def match(self, path: str, *, is_folder: bool) -> IgnoreRule | None:
        """Return the rule that excludes `path` (relative to the root); None if no rule does."""
        verdict: IgnoreRule | None = None
        for base, source, spec in self._layers:
            local = path[len(base) + 1 :] if base else path
            result = spec.check_file(local + "/" if is_folder else local)
            if result.include is not None and result.index is not None:
                pattern = str(spec.patterns[result.index].pattern)
                verdict = IgnoreRule(pattern, source) if result.include else None
        return verdict
