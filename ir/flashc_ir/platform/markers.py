"""Evaluate environment markers (PEP 508) for workers: Linux, x86_64, and the app's Python."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from flashc_core.packaging_texts import parse_marker

if TYPE_CHECKING:  # `packaging` takes long to import
    from packaging.markers import Marker


@cache
def worker_environment(python_version: str) -> dict[str, str]:
    """Return the variables of markers on a worker.

    The patch version of its Python and the version of its kernel are not known: the first of each
    Python, and an empty text, stand for them.
    """
    return {
        "extra": "",
        "implementation_name": "cpython",
        "implementation_version": f"{python_version}.0",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python_version}.0",
        "python_version": python_version,
        "sys_platform": "linux",
    }


def marker_holds(marker: str, python_version: str) -> bool:
    """Return whether a marker holds on workers; an empty one and one that is not valid do."""
    if not marker:
        return True
    from packaging.markers import InvalidMarker  # takes long to import

    try:
        return evaluate_marker(parse_marker(marker), worker_environment(python_version))
    except InvalidMarker:
        return True


def holds_on_workers(requirement: str, python_version: str) -> bool:
    """Return whether the marker of a requirement holds on workers, or it has none.

    Raises:
        packaging.markers.InvalidMarker: the marker has no value.
    """
    if ";" not in requirement:
        return True
    from packaging.requirements import Requirement  # takes long to import

    marker = Requirement(requirement).marker
    return marker is None or evaluate_marker(marker, worker_environment(python_version))


def evaluate_marker(marker: Marker, environment: Mapping[str, str]) -> bool:
    """Return whether a marker holds where its variables have the values in `environment`.

    Raises:
        packaging.markers.InvalidMarker: it has no value, such as `os_name ~= "posix"`.
    """
    from packaging.markers import InvalidMarker, UndefinedComparison, UndefinedEnvironmentName

    try:
        return marker.evaluate(dict(environment))
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        raise InvalidMarker(f"the marker `{marker}` has no value on a worker") from error
