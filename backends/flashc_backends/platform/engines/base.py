"""Define what an engine is: it starts and stops workers, and tells what happens to them.

An engine knows nothing of jobs, requests or releases.  The platform gives it complete environments, and
learns of a worker's end from its events; it never asks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from flashc_core.diagnostics import Rule


class WorkerKind(Enum):
    """What a worker serves."""

    QUEUE = "queue"
    LOAD_BALANCED = "load-balanced"


class WorkerSpec(Struct, frozen=True, kw_only=True):
    """One worker to start.

    `worker` and `endpoint` are ids; `label` is the endpoint's name, which log lines show.  `artifact` is the
    folder with the unpacked artifact.  `python` is the version of the worker, such as "3.12".  `environ` is
    complete: the endpoint's variables, and those of the platform (`FLASH_RESOURCE_NAME` chooses the handler).
    It contains secrets and is never logged.  An engine adds `HOME`, `PATH`, `PORT` and `PORT_HEALTH`.
    `image` is the image that the endpoint's deployment names.  `gpus` is a number, `volume` the name of the
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
    """The worker's program runs; `address` is where a load balancer will answer, None for a queue.

    It does not mean that the worker is ready: the platform asks `/ping`, or waits for the first job-take.
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

    `code` is the exit code, or minus the signal that ended it.  `oom`: it was killed because it used more
    memory than its limit.
    """

    worker: str
    code: int
    oom: bool
    at: float


Event = Started | Line | Exited

# Engines ------------------------------------------------------------------------------------------

Report = Callable[[str], None]
"""Is told in a few words what long work does, such as "installing the worker's packages for Python 3.12"."""


class EngineError(Exception):
    """An engine can't do what it should; `rule`, the message, `notes` and `help` are those of a finding."""

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
        """What workers see that differs from the cloud, one sentence each, for the screen."""
        ...

    @property
    def platform_host(self) -> str:
        """The address at which workers reach the platform; known after `open`.

        The platform listens on 127.0.0.1 and, if it is an address of this machine, on this one.
        """
        ...

    async def open(self) -> None:
        """Begin: start the supervisor, or make the network.

        Raises:
            EngineError: there is no such engine on this machine.
        """
        ...

    async def prepare(self, specs: Sequence[WorkerSpec]) -> None:
        """Get what these workers need before the first of them starts: interpreters, images and packages.

        It can be called again for other workers; what is there already costs nothing.

        Raises:
            EngineError: something is missing and can't be had.
        """
        ...

    async def start(self, spec: WorkerSpec) -> None:
        """Start a worker; `Started` and, whatever happens, `Exited` follow as events.

        Raises:
            EngineError: it can't be started; then no event follows.
        """
        ...

    async def stop(self, worker: str, grace: float) -> None:
        """Ask a worker to end, and kill all of its processes after `grace` seconds; `Exited` follows.

        Do nothing if it has ended already.  With a grace of 0 it is killed at once.
        """
        ...

    def events(self) -> AsyncIterator[Event]:
        """Yield what happens, in order, until the engine is closed.  There is one listener."""
        ...

    async def close(self) -> None:
        """Kill every worker and remove what the engine made; the named volumes stay."""
        ...
