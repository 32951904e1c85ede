"""Install packages of the operating system before an endpoint's code is loaded."""

from __future__ import annotations

import os
import subprocess

_SECONDS = 600.0


def install(packages: tuple[str, ...]) -> None:
    """Install the packages that this worker lacks, with apt.

    Nothing is installed outside a worker, or if FLASHC_SYSTEM_PACKAGES is set, as it is for workers
    on the machine of a developer.

    Raises:
        RuntimeError: apt can't install them.
    """
    if not os.environ.get("RUNPOD_ENDPOINT_ID") or os.environ.get("FLASHC_SYSTEM_PACKAGES"):
        return
    missing = [name for name in packages if not _is_installed(name)]
    if missing:
        _run("apt-get", "update")
        _run("apt-get", "install", "-y", "--no-install-recommends", "--", *missing)


def _is_installed(package: str) -> bool:
    """Return whether the worker has a package; of one with a version, it is not known."""
    command = ["dpkg-query", "-W", "-f", "${db:Status-Status}", "--", package]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout == "installed"


def _run(*command: str) -> None:
    """Run a program; its last line of output is the reason if it fails."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
        )
        failed, lines = done.returncode != 0, done.stdout.strip().splitlines()
    except (OSError, subprocess.TimeoutExpired) as error:
        failed, lines = True, [str(error)]
    if failed:
        reason = lines[-1] if lines else "it says nothing"
        raise RuntimeError(
            f"`system_dependencies` can't be installed: {' '.join(command)}: {reason}"
        )
