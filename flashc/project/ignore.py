"""Decide which files belong to the project, by ignore files and built-in patterns."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property

from msgspec import Struct
from pathspec import GitIgnoreSpec

from .ignore_patterns import compile_built_in, compile_patterns, expressions_of_valid
from .project_texts import ProjectTexts

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
    # Credentials and the state of tools, then the lock files and copies of editors.
    *("*.env", ".envrc", ".npmrc", ".pypirc", "*.tfstate", "*.tfstate.backup"),
    *(".pgpass", ".git-credentials", ".htpasswd", ".vault-token", ".s3cfg", ".boto", ".my.cnf"),
    *(".kube/", ".azure/", ".gnupg/", ".docker/config.json"),
    *(".streamlit/secrets.toml", ".#*", "\\#*#", "*~", ".*.sw?"),
)
IGNORE_FILES = (".gitignore", ".flashignore")


class IgnoreRule(Struct, frozen=True):
    """One pattern; `source` is "built-in" or the path of the ignore file that contains it."""

    pattern: str
    source: str


_GROUP = re.compile(r"\(\?P<\w+>")
_NEVER = r"(?!)"


class _Layer(Struct, frozen=True, eq=False, dict=True, kw_only=True):
    """The patterns of one ignore file.

    They are relative to the folder `inside` of the project, or to a folder above the root, from which
    the root has the path `above`, which ends with "/".
    """

    source: str
    lines: Sequence[str]
    inside: str = ""
    above: str = ""

    @cached_property
    def spec(self) -> GitIgnoreSpec:
        """The compiled patterns; they are not needed if no path matches one of them."""
        compiled = compile_built_in if self.lines is BUILT_IN else compile_patterns
        return compiled(self.lines)

    def matches(self, path: str) -> bool:
        """Return whether one of the patterns may match a path, also if a later one takes that back.

        Some built-in patterns match capitals as they match small letters, so both are tried.
        """
        if self._any_pattern.search(path) is not None:
            return True
        return (
            self.lines is BUILT_IN
            and not path.islower()
            and self._any_pattern.search(path.lower()) is not None
        )

    @cached_property
    def _any_pattern(self) -> re.Pattern[str]:
        """One expression for all patterns: most paths match none, and this finds it out fast."""
        if self.lines is BUILT_IN:
            expressions = expressions_of_valid(BUILT_IN)
        else:
            compiled = (pattern.regex for pattern in self.spec.patterns)
            expressions = [each.pattern for each in compiled if each is not None]
        texts = (_GROUP.sub("(?:", each) for each in expressions)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # `[[` in a pattern
            return re.compile("|".join(f"(?:{text})" for text in texts) or _NEVER)


class IgnoreRules:
    """All rules that apply in one folder, those of its parents first; the last match decides."""

    def __init__(self, layers: tuple[_Layer, ...]) -> None:
        self._layers = layers

    @classmethod
    def built_in(cls) -> IgnoreRules:
        """Return the built-in rules alone."""
        return cls((_Layer(source="built-in", lines=BUILT_IN),))

    @classmethod
    def of(cls, texts: ProjectTexts) -> IgnoreRules:
        """Return the rules that apply in a project's root before its own ignore files are read.

        They are the built-in rules, and those of the repository's folders above the root.  If the
        repository ignores the root itself, its rules do not count: the author builds it all the same.

        Raises:
            OSError: an ignore file can't be read.
        """
        built_in = _Layer(source="built-in", lines=BUILT_IN)
        above = _layers_above(texts)
        return cls((built_in,) if any(map(_ignores_root, above)) else (built_in, *above))

    def inside(self, texts: ProjectTexts, folder: str, files: Iterable[str]) -> IgnoreRules:
        """Return these rules and those of the ignore files `files` in the folder `folder`.

        Raises:
            OSError: an ignore file can't be read.
        """
        layers = [_Layer(source=file, lines=_lines(texts, file), inside=folder) for file in files]
        return IgnoreRules((*self._layers, *layers)) if layers else self

    def match(self, path: str, *, is_folder: bool) -> IgnoreRule | None:
        """Return the rule that excludes `path` (relative to the root); None if no rule does."""
        verdict: IgnoreRule | None = None
        for layer in self._layers:
            local = layer.above + (path[len(layer.inside) + 1 :] if layer.inside else path)
            local = local + "/" if is_folder else local
            if not layer.matches(local):
                continue
            result = layer.spec.check_file(local)
            if result.include is not None and result.index is not None:
                pattern = str(layer.spec.patterns[result.index].pattern)
                verdict = IgnoreRule(pattern, layer.source) if result.include else None
        return verdict


def _lines(texts: ProjectTexts, path: str) -> list[str]:
    """Return the lines of an ignore file.

    Raises:
        OSError: the file can't be read.
    """
    return texts.read(path).decode("utf-8", "replace").splitlines()


def _layers_above(texts: ProjectTexts) -> list[_Layer]:
    """Return the ignore files in the folders of the repository above the project, the outermost first.

    Raises:
        OSError: an ignore file can't be read.
    """
    root = texts.root
    found: list[_Layer] = []
    for folder in (root, *root.parents):
        file = folder / ".gitignore"
        if folder != root and file.is_file():
            source = os.path.relpath(file, root).replace(os.sep, "/")
            above = f"{root.relative_to(folder).as_posix()}/"
            found.append(_Layer(source=source, lines=_lines(texts, source), above=above))
        if (folder / ".git").exists():
            return found[::-1]
    return []  # no repository


def _ignores_root(layer: _Layer) -> bool:
    """Return whether the patterns of a folder above the project ignore the project itself."""
    parts = layer.above.rstrip("/").split("/")
    folders = ("/".join(parts[:length]) + "/" for length in range(1, len(parts) + 1))
    return any(layer.spec.check_file(folder).include for folder in folders)
