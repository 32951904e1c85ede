"""Define the types that all backends share: drafts (files to write), plans, targets, contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from flashc_core.cache import Store, open_store
from flashc_core.diagnostics import Sink
from flashc_ir.program import Program

ARTIFACT_PATH = "artifact.tar.gz"
WORKER_REQUIREMENTS_PATH = (
    "requirements.txt"  # the lock's entries in an artifact, for the worker image
)
MANIFEST_PATH = "flash_manifest.json"
SBOM_PATH = "sbom.cdx.json"
PROVENANCE_PATH = "provenance.json"
RESOLUTION_MAX_AGE = 24 * 3600  # seconds; then the index is asked for newer versions again
ResolverName = Literal["uv", "pip-tools"]


class Changed(Exception):
    """A file is not what was compiled any more; the argument is its path in the project."""


# Results ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A file that is to be written.

    `path` is POSIX and relative; `content` is its bytes, or the file to copy.  `digest` is the SHA-256 in hex
    that the file to copy must have.
    """

    path: str
    content: bytes | Path
    executable: bool = False
    digest: str | None = None

    def read(self) -> bytes:
        """Return the content.

        Raises:
            OSError: the file to copy can't be read.
        """
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


class Plan(Protocol):
    """Steps that change something other than files on this machine, such as a deployment, as data.

    Making a plan changes nothing; another function of the backend executes it.  So what it would do can be shown,
    compared and tested before.
    """

    def to_text(self) -> str:
        """Return the plan for people to read, with a newline at the end."""
        ...

    def to_json(self) -> bytes:
        """Return the plan as a JSON document in UTF-8, with a newline at the end."""
        ...


# Contexts -----------------------------------------------------------------------------------------


class Progress(Protocol):
    """A listener that long work tells what it does and how far it is."""

    def start(self, what: str, total: int | None = None, unit: Unit = "steps") -> None:
        """Begin a phase, which ends the one before; `total` is the number of units to do, None if unknown."""
        ...

    def advance(self, amount: int = 0) -> None:
        """Say that `amount` more units of the phase are done; 0 says that the work goes on."""
        ...


Unit = Literal["steps", "packages", "bytes"]


class Silent:
    """A `Progress` that shows nothing."""

    def start(self, what: str, total: int | None = None, unit: Unit = "steps") -> None:
        """Do nothing."""

    def advance(self, amount: int = 0) -> None:
        """Do nothing."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ProjectAccess:
    """Where the project's files are, and the variables of the build's environment.

    `root` is absolute.  Variables choose images, time stamps and the package index.
    """

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyOptions:
    """How dependencies are resolved and installed.

    `exclude` are names of distributions to leave out; `no_deps` bundles none at all; `locked`: `flash.lock` must
    be current; `allow_build`: packages without wheels may be built here.
    """

    exclude: tuple[str, ...] = ()
    no_deps: bool = False
    resolver: ResolverName = "uv"
    locked: bool = False
    allow_build: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactOptions:
    """What is made.

    `budget` is the largest size in bytes that the project allows an artifact, None for the platform's limit;
    `per_endpoint` asks for an artifact of each endpoint as well.
    """

    budget: int | None = None
    per_endpoint: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Services:
    """What work uses: the sink for findings, the cache, and where progress is shown."""

    sink: Sink
    cache: Store = field(default_factory=open_store)
    progress: Progress = field(default_factory=Silent)


@dataclass(frozen=True, eq=False, kw_only=True)
class DependencyContext:
    """What resolving and installing depend on besides the program."""

    project: ProjectAccess
    services: Services
    options: DependencyOptions = field(default_factory=DependencyOptions)


@dataclass(frozen=True, eq=False, kw_only=True)
class Context:
    """What the targets together depend on besides the program; each passes on only what it needs."""

    project: ProjectAccess
    services: Services
    dependency_options: DependencyOptions = field(default_factory=DependencyOptions)
    artifact_options: ArtifactOptions = field(default_factory=ArtifactOptions)

    @property
    def dependencies(self) -> DependencyContext:
        """The part for resolving and installing."""
        return DependencyContext(
            project=self.project, services=self.services, options=self.dependency_options
        )


# Targets ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTarget:
    """A target that makes files; `emit` returns none where it reported errors.

    `emit` writes nothing of the project's; it may read the project, use the cache and ask the package index.
    """

    name: str
    summary: str
    emit: Callable[[Program, Context], tuple[Draft, ...]]
    makes: Literal["drafts"] = "drafts"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTarget:
    """A target that makes a plan; `emit` returns None where it reported errors, and changes nothing."""

    name: str
    summary: str
    emit: Callable[[Program, Context], Plan | None]
    makes: Literal["plan"] = "plan"


EmitTarget = DraftTarget | PlanTarget
