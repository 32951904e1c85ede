"""Check and build published apps, load their handlers, and print what flashc says of each as JSON.

Usage: python scripts/precision.py FOLDER [--python PYTHON] [--only TEXT] [--apps FILE]

FOLDER has the checked-out repositories of `spec/precision.toml`, each in a folder `OWNER+NAME`; a project whose
repository is not there is left out. With `--python`, an interpreter as in the images of workers, every handler of every
artifact is loaded (see `load_handlers.py`): THIS RUNS THE CODE OF STRANGERS, so do it where it can do no harm.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flashc_core.archives import unpack

ROOT = Path(__file__).resolve().parent.parent
APPS = ROOT / "spec/precision.toml"
LOADER = ROOT / "scripts/load_handlers.py"


@dataclass
class Row:
    """What is known of one project."""

    repository: str
    commit: str
    folder: str
    files: int
    endpoints: int | None = None
    seconds: float = 0.0
    findings: dict[str, int] = field(default_factory=dict[str, int])
    messages: list[str] = field(default_factory=list[str])
    handlers: list[dict[str, object]] = field(default_factory=list[dict[str, object]])


def rows(corpus: Path, apps: Path, only: str, python: str | None) -> Iterator[Row]:
    """Yield a row for every project whose repository is in the corpus."""
    for entry in tomllib.loads(apps.read_text(encoding="utf-8"))["app"]:
        checkout = corpus / entry["repository"].replace("/", "+")
        if not checkout.is_dir() or only not in entry["repository"]:
            continue
        for folder in entry.get("folders", ["."]):
            yield _row(entry, checkout, folder, python)


def _row(entry: dict[str, Any], checkout: Path, folder: str, python: str | None) -> Row:
    project = checkout / folder
    files = sum(1 for path in project.rglob("*.py") if ".git" not in path.parts)
    row = Row(entry["repository"], _commit(checkout) or entry["commit"], folder, files)
    started = time.monotonic()
    findings = _flashc("check", project)
    row.seconds = round(time.monotonic() - started, 1)
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name, "app.tar.gz")
        built = _flashc("build", project, "--no-install", "-o", str(archive))
        findings += [each for each in built if each not in findings]
        if archive.exists():
            row.endpoints = _endpoints(archive)
            row.handlers = [] if python is None else _load(archive, python)
    row.findings = dict(sorted(Counter(each["code"] for each in findings).items()))
    row.messages = [_sentence(each) for each in findings]
    return row


def _commit(checkout: Path) -> str | None:
    """Return the commit that is checked out; None if the folder has files without a history."""
    command = ["git", "--git-dir", str(checkout / ".git"), "rev-parse", "--verify", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def _flashc(command: str, project: Path, *options: str) -> list[dict[str, Any]]:
    """Run flashc and return its findings."""
    arguments = [sys.executable, "-m", "flashc", command, str(project), "--format", "json"]
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "ir", ROOT / "backends")))
    done = subprocess.run(
        [*arguments, *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{command} {project} ended with {done.returncode}: {done.stderr}")
    diagnostics: list[dict[str, Any]] = json.loads(done.stdout)["diagnostics"]
    return diagnostics


def _endpoints(archive: Path) -> int:
    manifest = archive.parent / "flash_manifest.json"
    return len(json.loads(manifest.read_text(encoding="utf-8"))["resources"])


def _load(archive: Path, python: str) -> list[dict[str, object]]:
    """Load every handler of an artifact in a process of its own, without this one's variables."""
    app = archive.parent / "app"
    unpack(archive, app)
    results: list[dict[str, object]] = []
    for handler in sorted(app.glob("handler_*.py")):
        done = subprocess.run(
            [python, str(LOADER), str(app), handler.stem],
            env={
                "PATH": os.defpath,
                "HOME": str(app),
                "FLASH_RESOURCE_NAME": handler.stem.removeprefix("handler_"),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        *_, last = done.stdout.splitlines() or [""]
        failed: dict[str, object] = {"handler": handler.stem, "error": done.stderr[-500:]}
        results.append(json.loads(last) if last.startswith("{") else failed)
    return results


def _sentence(finding: dict[str, Any]) -> str:
    start = finding["start"]
    place = f"{finding['path']}:{start['line']}" if start else finding["path"]
    return f"{place}: {finding['severity']}: {finding['code']}: {finding['message']}"


def main() -> None:
    """Print one line of JSON for each project."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--python")
    parser.add_argument("--only", default="")
    parser.add_argument("--apps", type=Path, default=APPS)
    arguments = parser.parse_args()
    for row in rows(arguments.corpus, arguments.apps, arguments.only, arguments.python):
        print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    main()
