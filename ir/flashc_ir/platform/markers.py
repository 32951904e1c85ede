"""Evaluate environment markers (PEP 508) for workers: Linux, x86_64, and the app's Python."""

from __future__ import annotations

from functools import cache


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


def holds_on_workers(requirement: str, python_version: str) -> bool:
    """Return whether the marker of a requirement holds on workers, or it has none."""
    if ";" not in requirement:
        return True
    from packaging.requirements import Requirement  # takes long to import

    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate(worker_environment(python_version))
