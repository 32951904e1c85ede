"""What backends have in common: drafts (files to be), targets, and the context that they emit in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flashc_core.cache import Store, open_store
from flashc_core.diagnostics import Sink
from flashc_ir.program import Program

ARTIFACT_PATH = "artifact.tar.gz"
LOCK_FILE = "flash.lock"
LOCK_PATH = "requirements.txt"  # the lock's entries in an artifact, for the worker image
LEFT_TO_OTHERS = "# left to other endpoints: "
MANIFEST_PATH = "flash_manifest.json"
SBOM_PATH = "sbom.cdx.json"
PROVENANCE_PATH = "provenance.json"
REMEMBERED = 24 * 3600  # seconds; then the newest versions of dependencies are looked for again
LockerName = Literal["uv", "pip-tools"]


class Changed(Exception):
    """A file is not what was compiled any more; the argument is its path in the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A file to be.  `path` is POSIX and relative; `content` is its bytes, or the file to copy, which has
    the SHA-256 `digest` if one is given."""

    path: str
    content: bytes | Path
    executable: bool = False
    digest: str | None = None

    def read(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


def silent(_message: str) -> None:
    """A progress listener that does not listen."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Context:
    """What emitting depends on beside the program.

    `store` is the cache; `root` is the project's absolute path; `environ` are the variables that choose images;
    `locked`: `flash.lock` must be current; `budget` is the most bytes that an artifact may have;
    `allow_build`: packages without wheels may be built here; `per_endpoint` asks for an artifact of each endpoint too; `progress` is told in words what is going on.
    """

    root: Path
    sink: Sink
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    exclude: tuple[str, ...] = ()
    no_deps: bool = False
    locker: LockerName = "uv"
    locked: bool = False
    budget: int | None = None
    per_endpoint: bool = False
    allow_build: bool = False
    store: Store = field(default_factory=open_store)
    progress: Callable[[str], None] = silent


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a program can become; `emit` is pure but for reading the project's files."""

    name: str
    summary: str
    emit: Callable[[Program, Context], tuple[Draft, ...]]
