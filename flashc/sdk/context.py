"""Find the app and the environment that a script calls, and the API key.

Variables of the process come first.  Then the project decides that contains the script, and if there
is none, the one that contains the working directory.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from flashc_backends.runtime.errors import RemoteError

MARKS = (".flash", "pyproject.toml", "flash.lock", ".flashignore", "requirements.txt")
"""A folder with one of these is a project."""
_ENVIRONMENT = "production"
_APP, _ENV, _KEY = "FLASH_APP", "FLASH_ENV", "RUNPOD_API_KEY"
_VARIABLES = (_APP, _ENV, _KEY)


class NoContext(RemoteError, RuntimeError):
    """A script calls an endpoint by its name, and nothing says of which app the endpoint is."""


class Found(NamedTuple):
    """A value, and where it was found."""

    value: str
    source: str


class Context(NamedTuple):
    """What a script calls: the app, None if nothing says which, the environment and the API key.

    `project` is the folder of the project, None if there is none.  `variables` are those of `.env`
    files.  `searched` are the folders from which a project was looked for.  `own_app` is the app of the
    project, whatever the variables say; `manifest` is that of its last build.
    """

    app: Found | None
    environment: Found
    key: Found | None
    project: Path | None
    variables: Mapping[str, Found]
    searched: tuple[str, ...]
    own_app: str = ""
    manifest: Path | None = None

    def missing(self, endpoint: str) -> NoContext:
        """Return the exception for a call of an endpoint without an app."""
        return NoContext(
            f"no flash context for endpoint {endpoint!r}: {self.why_missing()}. either:\n"
            "  - set FLASH_APP and FLASH_ENV to target a deployed environment\n"
            "  - keep the script in its project, or run it in the project's folder\n"
            "  - use `flashc run --local` for the platform of this machine"
        )

    def why_missing(self) -> str:
        """Return what was looked for in vain."""
        places = " and from ".join(self.searched)
        return (
            "FLASH_APP is not set, and no project was found upward from "
            f"{places} (a folder with {', '.join(MARKS[:-1])} or {MARKS[-1]})"
        )


def current() -> Context:
    """Return the context of this process as it is now."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return _context_of(main if isinstance(main, str) else None, *_surrounding())


@lru_cache(maxsize=16)
def _context_of(main: str | None, *surrounding: str) -> Context:
    """Return the context of a process whose program is the file `main`; a call asks for it often."""
    return _resolve(_script(main) if main is not None else None, *surrounding)


def resolve(script: Path | None) -> Context:
    """Return the context that a script would have if it were run from here; None is an interactive one."""
    return _resolve(script, *_surrounding())


def _surrounding() -> tuple[str, ...]:
    """Return what a context depends on besides the script, as it is now."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        folder = "/"
    return (folder, *(os.environ.get(name, "") for name in ("HOME", *_VARIABLES)))


def _resolve(script: Path | None, where: str, home: str, *chosen: str) -> Context:
    """Return the context for a script, a working directory, a home and the values of `_VARIABLES`."""
    folder = Path(where)
    given: dict[str, str] = dict(zip(_VARIABLES, map(str.strip, chosen), strict=True))
    begins = [begin for begin in (script and script.parent, folder) if begin is not None]
    projects = [project for begin in begins if (project := find_project(begin)) is not None]
    project = projects[0] if projects else None
    variables = _dotenv(project, folder)

    def variable(name: str) -> Found | None:
        if given[name]:
            return Found(given[name], f"the variable {name}")
        return variables.get(name)

    is_of_script = project is not None and script is not None and script.is_relative_to(project)
    own_app = _app_of(project, is_of_script) if project is not None else None
    return Context(
        app=variable(_APP) or own_app,
        environment=variable(_ENV) or Found(_ENVIRONMENT, "the default"),
        key=variable(_KEY) or _saved_key(Path(home) if home else Path.home()),
        project=project,
        variables=variables,
        searched=tuple(dict.fromkeys(str(begin) for begin in begins)),
        own_app=own_app.value if own_app is not None else "",
        manifest=manifest_of(project) if project is not None else None,
    )


def find_project(folder: Path) -> Path | None:
    """Return the nearest project that contains a folder; None if there is none."""
    for candidate in (folder, *folder.parents):
        if any(_is_mark(candidate / mark) for mark in MARKS):
            return candidate
    return None


def _is_mark(file: Path) -> bool:
    """Return whether a file or folder marks a project.

    A folder `.flash` that has only logs does not: Flash's own SDK makes one wherever it is imported.
    """
    try:
        return os.listdir(file) != ["logs"] if file.is_dir() else file.exists()
    except OSError:
        return False


def _script(main: str) -> Path | None:
    """Return the file of the running script; None for a program of a Python environment, such as pytest."""
    file = Path(main).resolve()
    environments = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)}
    return None if any(file.is_relative_to(each) for each in environments) else file


def _app_of(project: Path, is_of_script: bool) -> Found:
    """Return the name of a project's app: that of its options, its last build or its folder."""
    owner = "script" if is_of_script else "working directory"
    options = _document(project / "pyproject.toml", tomllib.loads)
    named = options.get("tool", {}).get("flashc", {}).get("app") if _is_nested(options) else None
    if isinstance(named, str) and named:
        return Found(named, f"[tool.flashc] in {project / 'pyproject.toml'}, of the {owner}")
    manifest = manifest_of(project)
    built = _document(manifest, json.loads).get("project_name")
    if isinstance(built, str) and built:
        return Found(built, f"the last build, {manifest}, of the {owner}")
    return Found(project.name, f"the folder {project}, the project of the {owner}")


def manifest_of(project: Path) -> Path:
    """Return the file with the manifest of a project's last build."""
    return project / ".flash" / "flash_manifest.json"


def _is_nested(options: Mapping[str, Any]) -> bool:
    """Return whether `pyproject.toml` has the table `[tool.flashc]`."""
    tool = options.get("tool")
    return isinstance(tool, dict) and isinstance(tool.get("flashc"), dict)


def _document(file: Path, parse: Any) -> Mapping[str, Any]:
    """Return the content of a file; {} if it can't be read."""
    try:
        content = parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _dotenv(project: Path | None, folder: Path) -> Mapping[str, Found]:
    """Return the variables of the project's `.env` and of the one upward from the working directory."""
    near = next((f for f in (folder, *folder.parents) if (f / ".env").is_file()), None)
    found: dict[str, Found] = {}
    for home in dict.fromkeys(each for each in (near, project) if each is not None):
        if not (home / ".env").is_file():
            continue
        from flashc_core.env_files import parse_env_file

        try:
            values = parse_env_file((home / ".env").read_text(encoding="utf-8")).variables
        except (OSError, UnicodeDecodeError):
            continue
        found.update({k: Found(v, f"{home / '.env'}") for k, v in values.items() if v})
    return found


def _saved_key(home: Path) -> Found | None:
    """Return the key that `flashc login`, `flash login` or `runpodctl` have saved."""
    file = home / ".runpod" / "config.toml"
    document = _document(file, tomllib.loads)
    table = document.get("default")
    found = table.get("api_key") if isinstance(table, dict) else document.get("apikey")
    return Found(found.strip(), str(file)) if isinstance(found, str) and found.strip() else None
