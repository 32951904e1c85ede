"""Run workers as containers on a private network of Docker."""

from __future__ import annotations

import asyncio
import math
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import docker
import docker.errors
import requests
from docker.models.containers import Container
from docker.types import DeviceRequest, Mount
from docker.types.daemon import CancellableStream

from flashc_core import rules

from . import sweeper
from .attachment import Attachment
from .base import (
    NO_SYSTEM_PACKAGES,
    EngineError,
    Event,
    Exited,
    Line,
    Report,
    Started,
    WorkerKind,
    WorkerSpec,
)
from .bubblewrap import APP
from .cleaning import sweep_dead
from .containers import (
    PORT,
    PROCESSES,
    TMPFS,
    VOLUME_LABEL,
    WORKER_LABEL,
    container_of,
    volume_name,
)
from .containers import Container as PlannedContainer
from .daemon import THREADS, connect, engine_errors, start_error
from .images import Images, compile_layer
from .layers import LINUX, ensure_layer
from .lines import Events
from .owners import LABEL, OWNER, this_process

_T = TypeVar("_T")
_EVENT_SECONDS = 10.0  # within which the daemon has to report the end of a container

_DIFFERENCES = (
    "/app and the rest of the image are read-only; /tmp and /root are empty at the start, and are deleted with the worker",
)


@dataclass(kw_only=True)
class _Running:
    """A running container, the connection that keeps its standard input open, and what is known of its end."""

    worker: str
    container: Container
    attachment: Attachment
    ran_out_of_memory: bool = False
    code: int = -9
    ended: threading.Event = field(default_factory=threading.Event)


class DockerEngine:
    """The engine that runs workers as containers.

    `cache` is the folder of flashc's cache.  `image` is the image that the user names for all workers.  `pull` is False
    if no image may be pulled.  Make the engine in a running event loop.
    """

    def __init__(
        self, *, cache: Path, report: Report, image: str | None = None, pull: bool = True
    ) -> None:
        self.preview = f"flashc-{secrets.token_hex(4)}"
        self._cache, self._image, self._pull, self._report = cache, image, pull, report
        self._events = Events()
        self._loop = asyncio.get_running_loop()
        self._running: dict[str, _Running] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._client: docker.DockerClient | None = None
        self._images: Images | None = None
        self._sweeper: subprocess.Popen[bytes] | None = None
        self._listened: CancellableStream[dict[str, Any]] | None = None
        self._followers: list[threading.Thread] = []
        self._gateway = ""
        self._processors = 1
        self._has_gpus = False
        self._is_closed = False

    @property
    def name(self) -> str:
        """The name of this engine, for people."""
        return "docker"

    @property
    def differences(self) -> tuple[str, ...]:
        """What differs from the cloud for workers."""
        return _DIFFERENCES if self._has_gpus else (*_DIFFERENCES, "there is no GPU")

    @property
    def platform_host(self) -> str:
        """The address at which containers reach the platform: this machine's address on the containers' network."""
        return self._gateway

    @property
    def _daemon(self) -> docker.DockerClient:
        """The connection to the daemon; the engine must be open."""
        assert self._client is not None, "the engine is not open"
        return self._client

    # Opening and closing -------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect to the daemon, remove what killed previews have left, make the network, and listen to events.

        Raises:
            EngineError: no daemon answers, the daemon is not on this machine, or it can't make the network.
        """
        with engine_errors("Docker can't be prepared for workers"):
            await self._call(self._open)

    def _open(self) -> None:
        """Connect to the daemon, remove what killed previews left, make the network, and listen to events; this runs in a thread.

        It also checks that the daemon runs on this machine, and starts the sweeper.
        """
        self._client = client = connect()
        info = client.info()
        self._processors = int(info["NCPU"])
        self._has_gpus = "nvidia" in info.get("Runtimes", {})
        self._images = Images(client, override=self._image, pull=self._pull, report=self._report)
        for _ in sweep_dead(client):
            pass
        self._sweeper = self._start_sweeper()
        labels = {LABEL: self.preview, OWNER: this_process()}
        network = client.networks.create(self.preview, labels=labels)
        network.reload()
        self._gateway = network.attrs["IPAM"]["Config"][0]["Gateway"]
        self._check_gateway()
        filters = {"label": f"{LABEL}={self.preview}", "event": ["die", "oom"]}
        self._listened = client.events(decode=True, filters=filters)
        threading.Thread(target=self._listen, args=(self._listened,), daemon=True).start()

    def _check_gateway(self) -> None:
        """Check that the daemon runs on this machine, because its containers have to reach the platform here.

        Raises:
            EngineError: the daemon runs elsewhere.
        """
        try:
            with socket.socket() as probe:
                probe.bind((self._gateway, 0))
        except OSError as error:
            raise EngineError(
                rules.ENGINE_MISSING,
                "the Docker daemon runs on another machine, or in a virtual machine",
                help=("pass `--engine process`; workers then run as processes here",),
            ) from error

    def _start_sweeper(self) -> subprocess.Popen[bytes]:
        """Start the process that removes the containers and the network if flashc is killed."""
        return subprocess.Popen(
            [sys.executable, "-I", sweeper.__file__, f"{LABEL}={self.preview}"],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    async def close(self) -> None:
        """Remove the containers and the network; images and volumes stay."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._images is not None:
            self._images.is_closed = True
        await self._call(self._close)
        self._threads.shutdown(wait=False)
        self._events.end()

    def _close(self) -> None:
        """Remove the containers and the network, and wait for the threads that follow workers; this runs in a thread.

        It waits at most `_EVENT_SECONDS` for each of these threads.
        """
        if self._client is not None:
            with suppress(docker.errors.DockerException, requests.RequestException):
                sweeper.sweep(self._client, f"{LABEL}={self.preview}")
        if self._sweeper is not None and self._sweeper.stdin is not None:
            with suppress(OSError):
                self._sweeper.stdin.write(b"\n")
                self._sweeper.stdin.close()
            self._sweeper.wait()
        for thread in self._followers:
            thread.join(_EVENT_SECONDS)
        if self._listened is not None:
            self._listened.close()
        if self._client is not None:
            self._client.close()

    # Workers -------------------------------------------------------------------------------------

    async def prepare(self, specs: Sequence[WorkerSpec]) -> None:
        """Get the images of these workers, and install the packages of the worker image into the cache.

        Raises:
            EngineError: an image can't be pulled or made, or a package can't be installed.
        """
        for image, python in sorted({(spec.image or "", spec.python) for spec in specs}):
            with engine_errors("Docker can't prepare the image of the workers"):
                await self._call(self._prepare, image or None, python)

    def _prepare(self, named: str | None, python: str) -> tuple[str, Path]:
        """Get a worker's image, and install the packages of the worker image (SDK, FastAPI) into the cache.

        The image is pulled or made.  Return the image and the folder of these packages.
        """
        assert self._images is not None, "the engine is not open"
        image = self._images.get(named, python)
        layer = ensure_layer(self._cache, python, LINUX, self._report)
        compile_layer(self._daemon, image, layer)
        return image, layer

    async def start(self, spec: WorkerSpec) -> None:
        """Start a worker in a container.

        Raises:
            EngineError: the container's image or packages can't be prepared, or the daemon refuses to start it.
        """
        await self._call(self._start, spec)

    def _start(self, spec: WorkerSpec) -> None:
        """Make a worker's container, connect to it and start it; this runs in a thread."""
        with engine_errors("Docker can't prepare the image of the workers"):
            image, layer = self._prepare(spec.image, spec.python)
        planned = container_of(spec, layer=layer, preview=self.preview)
        volume = volume_name(spec.volume)
        container: Container | None = None
        try:
            if volume is not None:
                self._daemon.volumes.create(volume, labels={VOLUME_LABEL: "1"})
            container = self._daemon.containers.create(
                image,
                name=f"{self.preview}-{spec.worker}",
                network=self.preview,
                **self._options(planned),
            )
            running = _Running(
                worker=spec.worker, container=container, attachment=Attachment(container)
            )
            self._running[spec.worker] = running
            container.start()
        except (docker.errors.DockerException, requests.RequestException) as error:
            failed = self._running.pop(spec.worker, None)
            if failed is not None:
                failed.attachment.close()
            if container is not None:
                with suppress(docker.errors.DockerException, requests.RequestException):
                    container.remove(force=True)
            raise start_error(spec, error) from error
        self._emit(Started(worker=spec.worker, address=self._address(spec, container)))
        follower = threading.Thread(target=self._follow, args=(running,), daemon=True)
        self._followers = [thread for thread in self._followers if thread.is_alive()]
        self._followers.append(follower)
        follower.start()

    def _options(self, planned: PlannedContainer) -> dict[str, Any]:
        """Return docker-py's keyword arguments for a container.

        A container gets no more CPUs than this machine has, and no GPUs if the daemon has none.
        """
        options: dict[str, Any] = {
            "entrypoint": [],
            "command": list(planned.command),
            "environment": {**planned.environment, **NO_SYSTEM_PACKAGES},
            "hostname": planned.hostname,
            "labels": planned.labels,
            "working_dir": APP,
            "user": "0",
            "mounts": [
                Mount(mount.target, mount.source, type=mount.type, read_only=mount.read_only)
                for mount in planned.mounts
            ],
            "tmpfs": TMPFS,
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "pids_limit": PROCESSES,
            "stdin_open": planned.is_tethered,
            "auto_remove": True,
        }
        if planned.memory_mb is not None:
            options["mem_limit"] = options["memswap_limit"] = f"{planned.memory_mb}m"
        if planned.cpus is not None:
            options["nano_cpus"] = int(min(planned.cpus, self._processors) * 1_000_000_000)
        if planned.gpus and self._has_gpus:
            options["device_requests"] = [DeviceRequest(count=planned.gpus, capabilities=[["gpu"]])]
        return options

    def _address(self, spec: WorkerSpec, container: Container) -> tuple[str, int] | None:
        """Return the address of a load-balanced worker; None for a queue's worker, and if the container has ended."""
        if spec.kind is WorkerKind.QUEUE:
            return None
        with suppress(docker.errors.DockerException, requests.RequestException, KeyError):
            container.reload()
            address = container.attrs["NetworkSettings"]["Networks"][self.preview]["IPAddress"]
            return (address, PORT) if address else None
        return None

    async def stop(self, worker: str, grace: float) -> None:
        """Ask a worker to end, and kill its container after `grace` seconds; if `grace` is 0, only kill it."""
        running = self._running.get(worker)
        if running is not None:
            await self._call(self._stop, running, grace)

    def _stop(self, running: _Running, grace: float) -> None:
        """Stop a worker's container, or kill it if `grace` is 0; this runs in a thread."""
        # If the container has ended, the daemon refuses; then nothing is left to do.
        with suppress(docker.errors.DockerException, requests.RequestException):
            if grace > 0:
                running.container.stop(timeout=math.ceil(grace))
            else:
                running.container.kill()

    # Events --------------------------------------------------------------------------------------

    def events(self) -> AsyncIterator[Event]:
        """Yield the events of workers until the engine is closed."""
        return self._events.all()

    def _emit(self, event: Event) -> None:
        """Put an event into the queue, from a thread that is not the event loop's."""
        with suppress(RuntimeError):  # the event loop has ended
            self._loop.call_soon_threadsafe(self._events.put, event)

    def _follow(self, running: _Running) -> None:
        """Emit the lines that a container prints, then its end; this runs in a thread of its own."""
        for stream, text in running.attachment.lines():
            self._emit(Line(worker=running.worker, stream=stream, text=text, at=time.time()))
        running.ended.wait(_EVENT_SECONDS)
        running.attachment.close()
        if self._running.pop(running.worker, None) is not None:
            code, oom = running.code, running.ran_out_of_memory
            self._emit(Exited(worker=running.worker, code=code, oom=oom, at=time.time()))

    def _listen(self, events: Iterator[dict[str, Any]]) -> None:
        """Process the daemon's events about the containers of this preview; this runs in a thread of its own."""
        with suppress(requests.RequestException, docker.errors.DockerException, OSError):
            for event in events:
                attributes = event["Actor"]["Attributes"]
                running = self._running.get(attributes.get(WORKER_LABEL, ""))
                if running is None:
                    continue
                if event["Action"] == "oom":
                    running.ran_out_of_memory = True
                else:
                    running.code = int(attributes.get("exitCode", running.code))
                    running.ended.set()

    # Threads -------------------------------------------------------------------------------------

    async def _call(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function in a thread of the pool, and wait for its result."""
        return await self._loop.run_in_executor(self._threads, function, *arguments)
