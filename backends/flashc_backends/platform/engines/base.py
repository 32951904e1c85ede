"""Define the interface of engines: an engine starts and stops workers, and reports what happens to them as events.

An engine knows nothing of jobs, requests or releases.  The platform gives the engine the complete environment of a
worker, and learns of the worker's end from an event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from flashc_core.diagnostics import Rule

# Handlers install no packages of the operating system on this machine; see `runtime/system.py`.
NO_SYSTEM_PACKAGES = {"FLASHC_SYSTEM_PACKAGES": "as they are"}


class WorkerKind(Enum):
    """What a worker serves."""

    QUEUE = "queue"
    LOAD_BALANCED = "load-balanced"


class WorkerSpec(Struct, frozen=True, kw_only=True):
    """The description of a worker to start.

    `worker` and `endpoint` are ids; `label` is the endpoint's name, which log lines show.  `artifact` is the
    folder with the unpacked artifact.  `python` is the version of Python for the worker, such as "3.12".  `environ` has
    the variables of the endpoint and of the platform (`FLASH_RESOURCE_NAME` chooses the handler); it contains secrets
    and is never logged.  The engine and the worker's program add `HOME`, `PATH`, `PORT` and `PORT_HEALTH`.  `image` is
    the image that the endpoint's deployment names.  `gpus` is the number of GPUs, `volume` the name of the network
    volume at `/runpod-volume`.
    """

    worker: str
    endpoint: str
    label: str
    kind: WorkerKind
    artifact: Path
    python: str
    environ: Mapping[str, str]
    image: str | None = None
    memory_mb: int | None = None
    cpus: float | None = None
    gpus: int = 0
    volume: str | None = None


# Events -------------------------------------------------------------------------------------------


class Started(Struct, frozen=True, kw_only=True):
    """The worker's program runs; `address` is the address of a load-balanced worker, None for a queue's worker.

    The worker may not be ready yet: the platform sends requests to `/ping`, or waits for the first job-take.
    """

    worker: str
    address: tuple[str, int] | None


class Line(Struct, frozen=True, kw_only=True):
    """A line that the worker printed, without its end; `at` is seconds since the epoch."""

    worker: str
    stream: Literal["stdout", "stderr"]
    text: str
    at: float


class Exited(Struct, frozen=True, kw_only=True):
    """The worker and all of its processes are gone; no event of this worker follows.

    `code` is the exit code, or the negative number of the signal that ended the worker.  `oom` is True if the worker was
    killed because it used more memory than its limit.
    """

    worker: str
    code: int
    oom: bool
    at: float


Event = Started | Line | Exited

# Engines ------------------------------------------------------------------------------------------

Report = Callable[[str], None]
"""A function that shows what the engine does now, such as "installing the worker's packages for Python 3.12"."""


class EngineError(Exception):
    """An engine can't do what the platform asks; `rule`, the message, `notes` and `help` are those of a finding."""

    def __init__(
        self, rule: Rule, message: str, *, notes: Sequence[str] = (), help: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.rule = rule
        self.notes = tuple(notes)
        self.help = tuple(help)


class Engine(Protocol):
    """A way to run workers.  The order of calls is: `open`, `prepare`, any of `start` and `stop`, `close`."""

    @property
    def name(self) -> str:
        """The name for people: "docker", "bubblewrap" or "process"."""
        ...

    @property
    def differences(self) -> tuple[str, ...]:
        """What differs from the cloud for workers, one sentence for each difference; flashc shows them to the user."""
        ...

    @property
    def platform_host(self) -> str:
        """The address at which workers reach the platform; known after `open`.

        The platform listens on this address too, besides 127.0.0.1.
        """
        ...

    async def open(self) -> None:
        """Start what the engine needs for all workers, such as its supervisor or its network.

        Raises:
            EngineError: this machine can't run the engine.
        """
        ...

    async def prepare(self, specs: Sequence[WorkerSpec]) -> None:
        """Find or install the interpreters, images and packages that these workers need.

        The method can be called again for other workers; it installs nothing twice.

        Raises:
            EngineError: something is missing, and the engine can't get it.
        """
        ...

    async def start(self, spec: WorkerSpec) -> None:
        """Start a worker; the events `Started` and, in any case, `Exited` follow.

        Raises:
            EngineError: the worker can't be started; then no event follows.
        """
        ...

    async def stop(self, worker: str, grace: float) -> None:
        """Ask a worker to end, and kill all of its processes after `grace` seconds; the event `Exited` follows.

        If the worker has ended already, nothing happens.  If `grace` is 0, the worker is killed at once.
        """
        ...

    def events(self) -> AsyncIterator[Event]:
        """Yield the events in order, until the engine is closed.  Only one caller may iterate over them."""
        ...

    async def close(self) -> None:
        """Kill every worker and remove what the engine made; the named volumes stay."""
        ...
