"""Build an app whose packages come from a public and a private index of the test."""

from __future__ import annotations

import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flashc.cli.main import cli
from tests.support.package_index import Package, package_index
from tests.support.projects import write

WORKER = (
    "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="w", cpu="cpu3c-1-2")\n'
    "async def run(x: int):\n    import gauge\n    return gauge.VERSION\n"
)
FORK = b"VERSION = 'the fork'\n"


@dataclass(frozen=True)
class Stage:
    """A project, the address of a public and a private index, and the requests that failed there."""

    app: Path
    public: str
    private: str
    missed: list[str]

    def build(self, files: dict[str, str | bytes], *arguments: str) -> Result:
        """Write files into the project and build it."""
        texts = {
            name: text.replace("PRIVATE", self.private).replace("PUBLIC", self.public)
            if isinstance(text, str)
            else text
            for name, text in {"worker.py": WORKER, **files}.items()
        }
        write(self.app, texts)
        environment = {"UV_DEFAULT_INDEX": self.public, "UV_HTTP_RETRIES": "0"}
        return CliRunner().invoke(cli, ["build", str(self.app), *arguments], env=environment)

    def bundled(self) -> dict[str, bytes]:
        """Return the modules of packages in the artifact."""
        found: dict[str, bytes] = {}
        with tarfile.open(self.app / ".flash" / "artifact.tar.gz") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                stream = archive.extractfile(member)
                if stream is not None and name.endswith("/__init__.py") and "_flashc" not in name:
                    found[name] = stream.read()
        return found


PUBLIC = (Package("gauge", "1.0"), Package("gauge", "2.0"), Package("pointer", "1.0"))
PRIVATE = (Package("gauge", "1.0", module_text="VERSION = 'private'\n"),)


@contextmanager
def staged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Stage, None, None]:
    """Provide a stage with caches of its own, for a project below `folder`."""
    monkeypatch.setenv("FLASHC_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(folder / "uv-cache"))
    with package_index({}, PUBLIC) as (public, _), package_index({}, PRIVATE) as (private, missed):
        yield Stage(folder / "app", public, private, missed)
