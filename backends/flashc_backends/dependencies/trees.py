"""Look at the source tree of a package: copy it, unpack it, and see whether a build runs its code."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, cast

from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from flashc_core.archives import InvalidArchive, unpack, unpack_zip
from flashc_core.documents import UnreadableDocument, parse_toml
from flashc_core.files import real_path, source_files
from flashc_core.packaging_texts import parse_requirement

# Build backends that run no code of a package that only describes itself, with their distributions.
_BACKENDS = {
    "setuptools.build_meta": "setuptools",
    "hatchling.build": "hatchling",
    "flit_core.buildapi": "flit-core",
    "poetry.core.masonry.api": "poetry-core",
    "pdm.backend": "pdm-backend",
    "uv_build": "uv-build",
}
_HELPERS = frozenset({"wheel", "setuptools"})


class InvalidTree(Exception):
    """The archive or folder is not the source of a package; the message says why."""


def copy_tree(folder: Path, target: Path, within: Path) -> None:
    """Copy the source files of a package, so that a build does not write into its folder.

    Links may lead to other files below `within`, and not further: what they lead to becomes a part of
    the artifact.

    Raises:
        InvalidTree: a link leaves `within`.
        OSError: a file can't be read or written.
    """
    for file in source_files(folder):
        if not real_path(file).is_relative_to(real_path(within)):
            name = file.relative_to(folder).as_posix()
            raise InvalidTree(f"its file `{name}` is a symbolic link that leads out of it")
        copy = target / file.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)


def unpack_tree(archive: Path, target: Path) -> Path:
    """Unpack a source archive below `target` and return the folder of the package.

    Raises:
        InvalidTree: it can't be unpacked, or has members outside of its folder.
        OSError: a file can't be read or written.
    """
    target.mkdir(parents=True, exist_ok=True)
    try:
        if archive.name.endswith(".zip"):
            unpack_zip(archive, target)
        else:
            unpack(archive, target, is_foreign=True)
    except InvalidArchive as error:
        raise InvalidTree(f"it can't be unpacked: {error}") from error
    inside = [path for path in target.iterdir() if path.is_dir()]
    return inside[0] if len(inside) == 1 else target


def code_of_build(folder: Path) -> str | None:
    """Return which code of the package a build would run; None if it would run none.

    A build runs none if a well-known build backend reads a description without programs in it.
    """
    if (folder / "setup.py").is_file():
        return "`setup.py` is a program"
    if not (folder / "pyproject.toml").is_file():
        return "it has no `pyproject.toml`"
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        document: dict[str, Any] = parse_toml(text)
    except (OSError, UnicodeDecodeError, UnreadableDocument) as error:
        raise InvalidTree(f"its `pyproject.toml` can't be read: {error}") from error
    system = _table(document, "build-system")
    backend = str(system.get("build-backend", "setuptools.build_meta"))
    if backend not in _BACKENDS or "backend-path" in system:
        return f"its build backend `{backend}` is not one that flashc knows"
    allowed = {_BACKENDS[backend], *_HELPERS}
    requires = system.get("requires", [])
    if not isinstance(requires, list):
        raise InvalidTree("`requires` in its `[build-system]` is not a list")
    for entry in cast("list[object]", requires):
        try:
            requirement = parse_requirement(str(entry))
        except InvalidRequirement as error:
            raise InvalidTree(f"`{entry}` is not a requirement") from error
        if canonicalize_name(requirement.name) not in allowed or requirement.url is not None:
            return f"its build needs `{entry}`"
    return _program_in_tables(document) or _program_in_setup_cfg(folder)


def _program_in_tables(document: dict[str, Any]) -> str | None:
    """Return the table of `pyproject.toml` that names a program of the build; None if none does."""
    setuptools = _table(document, "tool", "setuptools")
    for key in ("cmdclass", "ext-modules"):
        if key in setuptools:
            return f"`[tool.setuptools]` has `{key}`"
    dynamic = _table(setuptools, "dynamic")
    if any("attr" in _table(dynamic, key) for key in dynamic):
        return "`[tool.setuptools.dynamic]` reads an attribute of a module"
    hatch = _table(document, "tool", "hatch")
    if "hooks" in _table(hatch, "build") or "hooks" in _table(hatch, "metadata"):
        return "`[tool.hatch]` has hooks"
    targets = _table(hatch, "build", "targets")
    if any("hooks" in _table(targets, name) for name in targets):
        return "`[tool.hatch]` has hooks"
    if _table(hatch, "version").get("source", "regex") not in ("regex", "env"):
        return "`[tool.hatch.version]` has a program as its source"
    if "build" in _table(document, "tool", "poetry"):
        return "`[tool.poetry]` has `build`"
    pdm = _table(document, "tool", "pdm")
    if "run-setuptools" in _table(pdm, "build") or _table(pdm, "version").get("source") == "call":
        return "`[tool.pdm]` names a program"
    if "custom-hook" in _table(pdm, "build"):
        return "`[tool.pdm.build]` has a hook"
    return None


def _program_in_setup_cfg(folder: Path) -> str | None:
    """Return what in `setup.cfg` or `pdm_build.py` is a program of the build; None if nothing."""
    if (folder / "pdm_build.py").is_file():
        return "`pdm_build.py` is a program"
    file = folder / "setup.cfg"
    if file.is_file():
        text = file.read_text(encoding="utf-8", errors="replace")
        for word in ("attr:", "cmdclass", "command_packages", "[build_ext]"):
            if word in text:
                return f"`setup.cfg` has `{word}`"
    return None


def _table(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return a table inside a document; an empty one if it is missing."""
    for key in keys:
        value = document.get(key)
        document = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return document
