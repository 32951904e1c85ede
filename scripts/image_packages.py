"""Write what worker images install into `ir/flashc_ir/platform/data/worker-packages.json`.

    python scripts/image_packages.py CHECKOUT

CHECKOUT is a git checkout of the worker's repository with `pyproject.toml` and `uv.lock`.  An image
of this release has the versions of its lock.  Images of later releases have these or newer
versions, but at most those that the package index offers today.  So the data has both ends, with
what these versions require and the modules that they install.
"""

from __future__ import annotations

import csv
import datetime
import json
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "ir"))

from flashc_ir.platform.images import supported_pythons  # noqa: E402 - the path comes first
from flashc_ir.platform.markers import worker_environment  # noqa: E402

# Later releases of the worker name newer versions of these in their CHANGELOG.md (1.4.1, 2026-04-09).
FLOORS = {"runpod": "1.9.0", "runpod-flash": "1.11.3"}
DATA = ROOT / "ir" / "flashc_ir" / "platform" / "data" / "worker-packages.json"
PLATFORM = "x86_64-manylinux_2_28"
Versions = dict[str, str]


def main() -> None:
    """Write the data for a checkout."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    checkout = Path(sys.argv[1])
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = supported_pythons()
    lowest = {python: {**locked(checkout, python), **FLOORS} for python in pythons}
    highest = {python: newest(project["dependencies"], python) for python in pythons}
    requirements: dict[str, list[str]] = {}
    modules: dict[str, set[str]] = {}
    for python in pythons:
        for versions in (lowest[python], highest[python]):
            read_metadata(versions, python, requirements, modules)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    release = f"{project['name']} {project['version']}, {commit(checkout)}"
    data: dict[str, dict[str, object]] = {
        "packages": {
            "source": f"uv.lock of {release}, CHANGELOG.md of 1.4.1; the package index",
            "date": today,
            "note": "The version in the lock, and the newest one: an image has one between them.",
            "versions": ranges(lowest, highest),
        },
        "requirements": {
            "source": "the metadata of these distributions, without their extras",
            "date": today,
            "requirements": dict(sorted(requirements.items())),
        },
        "modules": {
            "source": "the files of these distributions",
            "date": today,
            "note": "The modules that they install, unless it is one with the distribution's name.",
            "names": {
                name: sorted(found)
                for name, found in sorted(modules.items())
                if found != {name.replace("-", "_")}
            },
        },
    }
    DATA.write_text(compact(data), encoding="utf-8")


def locked(checkout: Path, python: str) -> Versions:
    """Return the versions that the lock of a checkout has for workers with a Python version."""
    command = "export --frozen --no-dev --no-hashes --no-header --no-annotate --no-emit-project"
    return pins(uv(*command.split(), "--project", str(checkout)), python)


def newest(requirements: list[str], python: str) -> Versions:
    """Return the newest versions that fit the worker's requirements."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "requirements.in")
        source.write_text("".join(f"{each}\n" for each in requirements), encoding="utf-8")
        options = ("--python-platform", PLATFORM, "--python-version", python, "--no-header")
        return pins(uv("pip", "compile", str(source), "--no-annotate", *options), python)


def pins(text: str, python: str) -> Versions:
    """Return the versions in a list of pins, by canonical names, as far as their markers hold."""
    environment = worker_environment(python)
    found: Versions = {}
    for line in text.splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (pin,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = pin.version
    return found


def read_metadata(
    versions: Versions,
    python: str,
    requirements: dict[str, list[str]],
    modules: dict[str, set[str]],
) -> None:
    """Install distributions, and add what they require and the modules that they install."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{name}=={version}" for name, version in sorted(versions.items())]
        options = ("--python-platform", PLATFORM, "--python-version", python, "--no-deps")
        uv("pip", "install", "--target", folder, *options, *lines)
        for info in Path(folder).glob("*.dist-info"):
            distribution = Distribution.at(info)
            name = canonicalize_name(distribution.metadata["Name"])
            required = map(Requirement, distribution.requires or ())
            requirements[f"{name}=={distribution.version}"] = sorted(
                str(each) for each in required if "extra" not in str(each.marker)
            )
            modules.setdefault(name, set()).update(top_modules(info))


def top_modules(info: Path) -> set[str]:
    """Return the top-level modules that a distribution installs."""
    with (info / "RECORD").open(newline="", encoding="utf-8") as stream:
        paths = [row[0] for row in csv.reader(stream) if row]
    tops = {path.partition("/") for path in paths if path.endswith((".py", ".so", ".pyi"))}
    names = {top if separator else top.partition(".")[0] for top, separator, _ in tops}
    return {name for name in names if name.isidentifier() and name != "bin"}


def ranges(lowest: dict[str, Versions], highest: dict[str, Versions]) -> dict[str, list[object]]:
    """Return for each package its ranges of versions, each with the Pythons that it is for."""
    found: dict[str, dict[tuple[str | None, str | None], list[str]]] = {}
    for python, versions in lowest.items():
        for name in {*versions, *highest[python]}:
            ends = (versions.get(name), highest[python].get(name))
            found.setdefault(name, {}).setdefault(ends, []).append(python)
    return {
        name: [_range(ends, pythons) for ends, pythons in entries.items()]
        for name, entries in sorted(found.items())
    }


def _range(ends: tuple[str | None, str | None], pythons: list[str]) -> dict[str, object]:
    """Return a range of versions; a package that one end lacks is optional."""
    versions = list(dict.fromkeys(end for end in ends if end is not None))
    optional = {"optional": True} if None in ends else {}
    return {"versions": versions, "pythons": pythons, **optional}


def commit(checkout: Path) -> str:
    """Return the commit of a checkout."""
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def uv(*arguments: str) -> str:
    """Run uv and return its output."""
    command = [find_uv_bin(), *arguments, "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def compact(data: dict[str, dict[str, object]]) -> str:
    """Return the data as JSON with one line for each package."""
    facts: list[str] = []
    for name, fact in data.items():
        lines = [f'    "{key}": {_block(value)}' for key, value in fact.items()]
        facts.append(f'  "{name}": {{\n' + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(facts) + "\n}\n"


def _block(value: object) -> str:
    """Return a value as JSON; each entry of a mapping on its own line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    lines = (f"      {json.dumps(key)}: {json.dumps(each)}" for key, each in value.items())
    return "{\n" + ",\n".join(lines) + "\n    }"


if __name__ == "__main__":
    main()
