"""Say which settings of an endpoint differ, in words for people, without showing a secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from flashc_backends.cloud.keys import VARIABLE as KEY_VARIABLE
from flashc_backends.cloud.model import Settings

from .variables import FINGERPRINT, secrets_in

HIDDEN = "***"
"""Stands for a value that is not shown."""
_OURS = frozenset(
    (
        FINGERPRINT,
        "FLASH_RESOURCE_NAME",
        "FLASH_APP",
        "FLASH_ENV",
        "FLASH_ENDPOINT_TYPE",
        "FLASH_ENVIRONMENT_ID",
    )
)


class Change(Struct, frozen=True, kw_only=True):
    """A setting that differs.

    `before` and `after` are texts, "" if there is no value.  `restarts`: the platform replaces the
    workers for it.
    """

    setting: str
    before: str
    after: str
    restarts: bool


class _Setting(Struct, frozen=True, kw_only=True):
    """How a field of `Settings` is called and shown; `restarts` as in `Change`."""

    field: str
    name: str
    restarts: bool
    show: Callable[[Any], str] = str


def _listed(values: tuple[Any, ...]) -> str:
    return ", ".join(map(str, values))


# What replaces workers: the fields that `_has_structural_changes` of runpod_flash 1.21 names, and
# everything that the template has.
_SETTINGS = (
    _Setting(field="kind", name="type", restarts=True),
    _Setting(field="image", name="image", restarts=True),
    _Setting(field="gpus", name="gpu", restarts=True, show=_listed),
    _Setting(field="gpu_count", name="gpu count", restarts=True),
    _Setting(field="min_cuda", name="lowest CUDA version", restarts=True),
    _Setting(field="instances", name="cpu", restarts=True, show=_listed),
    _Setting(field="data_centers", name="data centres", restarts=True, show=_listed),
    _Setting(field="volumes", name="volumes", restarts=True, show=_listed),
    _Setting(field="disk_gb", name="container disk", restarts=True, show=lambda size: f"{size} GB"),
    _Setting(field="start_command", name="start command", restarts=True),
    _Setting(field="registry", name="registry credentials", restarts=True),
    _Setting(
        field="flashboot", name="flashboot", restarts=True, show=lambda on: "on" if on else "off"
    ),
    _Setting(field="workers_min", name="least workers", restarts=False),
    _Setting(field="workers_max", name="most workers", restarts=False),
    _Setting(
        field="idle_timeout",
        name="idle timeout",
        restarts=False,
        show=lambda seconds: f"{seconds} s",
    ),
    _Setting(
        field="scaler", name="scaling", restarts=False, show=lambda pair: f"{pair[0]} {pair[1]}"
    ),
    _Setting(
        field="timeout_ms",
        name="time limit",
        restarts=False,
        show=lambda ms: f"{ms} ms" if ms else "default",
    ),
)


def changes(
    before: Settings,
    after: Settings,
    deployed: Mapping[str, Any],
    declared: Mapping[str, Any],
) -> tuple[Change, ...]:
    """Return the settings that differ.

    `deployed` and `declared` are the manifest's entries of the endpoint in the build that runs and
    in the new one; the value of a variable is shown only if it is there as a literal of the program.
    """
    found = [
        Change(
            setting=setting.name,
            before=setting.show(old),
            after=setting.show(new),
            restarts=setting.restarts,
        )
        for setting in _SETTINGS
        if (old := getattr(before, setting.field)) != (new := getattr(after, setting.field))
    ]
    return (
        *found,
        *_variables(
            before.environment, after.environment, _literals(deployed), _literals(declared)
        ),
    )


def _variables(
    before: Mapping[str, str],
    after: Mapping[str, str],
    old_literals: Mapping[str, str],
    new_literals: Mapping[str, str],
) -> list[Change]:
    """Return the variables that differ; the one that changes with the code is called "code"."""
    found: list[Change] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name == FINGERPRINT:
            found.append(Change(setting="code", before="", after="", restarts=True))
            continue
        found.append(
            Change(
                setting=f"variable {name}",
                before=_shown(name, old, old_literals),
                after=_shown(name, new, new_literals),
                restarts=True,
            )
        )
    return found


def _literals(resource: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the variables whose values a manifest's entry has as literals of the program."""
    template = resource.get("template")
    of_template = template.get("env") if isinstance(template, dict) else None
    return {**(of_template or {}), **(resource.get("env") or {})}


def _shown(name: str, value: str | None, literals: Mapping[str, str]) -> str:
    """Return a value for the output: a literal of the program, or what kind of value it is."""
    if value is None:
        return ""
    if any(secrets_in({name: value})):
        return "a secret"
    return value if _is_public(name, value, literals) else HIDDEN


def public_variables(settings: Settings, declared: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the variables whose values may be shown, sorted.

    `declared` is the manifest's entry of the endpoint.
    """
    literals = _literals(declared)
    variables = settings.environment.items()
    return tuple(sorted(name for name, value in variables if _is_public(name, value, literals)))


def _is_public(name: str, value: str, literals: Mapping[str, str]) -> bool:
    return name != KEY_VARIABLE and (name in _OURS or literals.get(name) == value)
