"""Prepare scripts and commands that call the endpoints of an app: their variables, and what they find."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

import flashc.sdk
from flashc.sdk import context
from flashc.sdk.context import Context
from flashc_backends.platform.clients import Running, client_variables
from flashc_backends.preview.registry import ENVIRONMENT, read_entries

from .platform import find_platform


class Choices(Struct, frozen=True, kw_only=True):
    """What the user chose: the app, the environment, and whether to use the platform of this machine.

    `state` is the folder of the platform that `flashc platform` runs; None is the default folder.
    """

    app: str | None = None
    environment: str | None = None
    local: bool = False
    state: Path | None = None


class NoPlatform(Exception):
    """No platform runs on this machine."""


def is_script(word: str) -> bool:
    """Return whether a word of a command line is a script, which flashc's own Python runs."""
    return word.endswith(".py")


def command_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that runs a script or a command."""
    return (sys.executable, *words) if is_script(words[0]) else words


def variables_for(script: Path | None, choices: Choices) -> dict[str, str]:
    """Return the variables by which a script, or a command if it is None, calls what the user chose.

    The script finds the SDK `runpod_flash` also if it is not installed.

    Raises:
        NoPlatform: the platform of this machine is chosen, and none runs.
    """
    found = {"PYTHONPATH": _with_stand_in(os.environ.get("PYTHONPATH", ""))}
    here = context.resolve(script)
    if choices.local:
        found |= local_variables(here.project, choices.state)
    if choices.environment is not None:
        found["FLASH_ENV"] = choices.environment
    if choices.app is not None:
        found["FLASH_APP"] = choices.app
    elif script is not None and here.app is not None:
        # The SDK that is installed knows only the working directory.
        found.setdefault("FLASH_APP", here.app.value)
    return found


def _with_stand_in(paths: str) -> str:
    """Return `PYTHONPATH` with the folder that stands in for the SDK `runpod_flash`."""
    folder = str(Path(flashc.sdk.__file__).parent / "stand_in")
    others = [path for path in paths.split(os.pathsep) if path and path != folder]
    return os.pathsep.join([folder, *others])


def local_variables(project: Path | None, state: Path | None) -> Mapping[str, str]:
    """Return the variables for the preview of a project, else for the platform that runs.

    Raises:
        NoPlatform: none runs.
    """
    for entry in reversed(list(read_entries()) if state is None else []):
        record = entry.record
        is_here = project is not None and Path(record.project) == project
        if is_here and record.state == "ready" and record.is_running:
            port = int(record.url.rpartition(":")[2].strip("/"))
            running = Running(port=port, key=record.key, bundle="", engine=record.engine)
            certain = {k: v for k, v in client_variables(running).items() if v}
            return {**certain, "FLASH_APP": record.app, "FLASH_ENV": ENVIRONMENT}
    platform = find_platform(state)
    if platform is None:
        raise NoPlatform
    return client_variables(platform)


class Described(Struct, frozen=True, kw_only=True):
    """What a script calls, and why; the key is masked, and "" if there is none."""

    app: str
    app_source: str
    environment: str
    environment_source: str
    project: str
    key: str
    key_source: str
    url: str
    missing: str


def describe_context(script: Path | None) -> Described:
    """Return the context of a script, or of an interactive session in this folder."""
    found = context.resolve(script)
    base = os.environ.get("RUNPOD_ENDPOINT_BASE_URL") or _from_files(found)
    return Described(
        app=found.app.value if found.app is not None else "",
        app_source=found.app.source if found.app is not None else "",
        environment=found.environment.value,
        environment_source=found.environment.source,
        project=str(found.project or ""),
        key=_masked(found.key.value) if found.key is not None else "",
        key_source=found.key.source if found.key is not None else "",
        url=base,
        missing=found.why_missing() if found.app is None else "",
    )


def _from_files(found: Context) -> str:
    """Return the URL of the job API of `.env`, else the platform's own."""
    saved = found.variables.get("RUNPOD_ENDPOINT_BASE_URL")
    return saved.value if saved is not None else "https://api.runpod.ai/v2"


def _masked(key: str) -> str:
    """Return the end of a key."""
    return f"***{key[-4:]}" if len(key) >= 16 else "***"
