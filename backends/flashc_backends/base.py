"""Define the types that all backends share: drafts (files to write), plans, targets, contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct, field

from flashc_core.cache import Store, open_store
from flashc_core.diagnostics import Sink
from flashc_ir.artifact_paths import MANIFEST_PATH as MANIFEST_PATH
from flashc_ir.artifact_paths import WORKER_REQUIREMENTS_PATH as WORKER_REQUIREMENTS_PATH
from flashc_ir.program import Program

ARTIFACT_PATH = "artifact.tar.gz"
SBOM_PATH = "sbom.cdx.json"
PROVENANCE_PATH = "provenance.json"
RESOLUTION_MAX_AGE = 24 * 3600  # seconds after which the index is asked for newer versions again
ResolverName = Literal["uv", "pip-tools"]


class Changed(Exception):
    """A file of the project has changed since it was compiled; the argument is its path."""


# Results ------------------------------------------------------------------------------------------


class Draft(Struct, frozen=True, kw_only=True):
    """A file that is to be written.

    `path` is POSIX and relative; `content` is its bytes, or the file to copy.  `digest` is the
    SHA-256 in hex that the file to copy must have.
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

    Making a plan changes nothing; another function of the backend executes the plan.  So the steps
    can be shown, compared and tested before they are executed.
    """

    def to_text(self) -> str:
        """Return the plan for people to read, with a newline at the end."""
        ...

    def to_json(self) -> bytes:
        """Return the plan as a JSON document in UTF-8, with a newline at the end."""
        ...


# Contexts -----------------------------------------------------------------------------------------


class Progress(Protocol):
    """A listener that gets the name of the work that flashc does, and how much of it is done."""

    def start(self, what: str, total: int | None = None, unit: Unit = "steps") -> None:
        """Begin a phase, which ends the previous one; `total` is the number of units, if known."""
        ...

    def advance(self, amount: int = 0) -> None:
        """Say that `amount` more units are done; 0 only says that the work continues."""
        ...


Unit = Literal["steps", "packages", "bytes"]


class Silent:
    """A `Progress` that shows nothing."""

    def start(self, what: str, total: int | None = None, unit: Unit = "steps") -> None:
        """Do nothing."""

    def advance(self, amount: int = 0) -> None:
        """Do nothing."""


class ProjectAccess(Struct, frozen=True, eq=False, kw_only=True):
    """The folder of the project, and the environment variables that the build may read.

    `root` is absolute.  Environment variables choose images, the time stamp and the package index.
    """

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


class DependencyOptions(Struct, frozen=True, kw_only=True):
    """How dependencies are resolved and installed.

    `exclude` are names of distributions to leave out; `no_deps` bundles only those that the app asks
    for itself, and `no_install` none at all.  `locked` requires a current `flash.lock`; `allow_build` allows building packages without wheels on this
    machine.
    """

    exclude: tuple[str, ...] = ()
    no_deps: bool = False
    no_install: bool = False
    resolver: ResolverName = "uv"
    locked: bool = False
    allow_build: bool = False


class ArtifactOptions(Struct, frozen=True, kw_only=True):
    """Options of the artifact.

    `budget` is the largest size in bytes that the project allows an artifact; None if only the
    platform's limit holds.  `per_endpoint` asks for an artifact of each endpoint as well.
    """

    budget: int | None = None
    per_endpoint: bool = False


class Services(Struct, frozen=True, eq=False, kw_only=True):
    """What a backend uses for its work: the sink for findings, the cache, and the progress.

    `compiler` is a key of the program that runs, for cached results that depend on its code; if it
    is empty, such results are not cached.
    """

    sink: Sink
    compiler: str = ""
    cache: Store = field(default_factory=open_store)
    progress: Progress = field(default_factory=Silent)


class DependencyContext(Struct, frozen=True, eq=False, kw_only=True):
    """What resolving and installing depend on, besides the program."""

    project: ProjectAccess
    services: Services
    options: DependencyOptions = field(default_factory=DependencyOptions)


class Context(Struct, frozen=True, eq=False, kw_only=True):
    """What the targets depend on, besides the program; each target uses only a part of it."""

    project: ProjectAccess
    services: Services
    dependency_options: DependencyOptions = field(default_factory=DependencyOptions)
    artifact_options: ArtifactOptions = field(default_factory=ArtifactOptions)

    @property
    def dependencies(self) -> DependencyContext:
        """The part that resolving and installing need."""
        return DependencyContext(
            project=self.project, services=self.services, options=self.dependency_options
        )


# Targets ------------------------------------------------------------------------------------------


class DraftTarget(Struct, frozen=True, kw_only=True):
    """A target that makes files; `emit` returns no drafts if it reported errors.

    `emit` changes no file of the project; it may read the project, use the cache and ask the
    package index.
    """

    name: str
    summary: str
    emit: Callable[[Program, Context], tuple[Draft, ...]]
    makes: Literal["drafts"] = "drafts"


class PlanTarget(Struct, frozen=True, kw_only=True):
    """A target that makes a plan and changes nothing; `emit` returns None if it reported errors."""

    name: str
    summary: str
    emit: Callable[[Program, Context], Plan | None]
    makes: Literal["plan"] = "plan"


EmitTarget = DraftTarget | PlanTarget
