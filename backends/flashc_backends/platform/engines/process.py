"""Run workers as processes of this machine, in sandboxes if bubblewrap works.

A supervisor starts the workers, and ends them when flashc ends, even if flashc is killed; see `supervisor.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from flashc_core import rules

from . import supervisor
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
from .bubblewrap import APP, HOME, Mounts, find_bubblewrap, sandbox_command
from .interpreters import Interpreter, require_interpreter
from .layers import HERE, ensure_layer
from .lines import Events, LineSplitter
from .zygotes import Zygote, may_fork

ENTRY = Path(__file__).parent.parent / "entry"
_LOOPBACK = "127.0.0.1"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_END_SECONDS = 10.0  # within which the supervisor has to end all workers

_ALWAYS = (
    "workers may use all memory and processors of this machine",
    "workers use the network of this machine; each load-balanced worker listens on its own port of 127.0.0.1",
    "programs such as git and compilers are those of this machine",
)
_PLAIN = (
    "the folders /app and /runpod-volume are missing: workers start in another folder",
    "workers run with your user id and see all processes of this machine",
)
_WARM = "workers are forked from a process that has loaded the packages of the worker image"
_SANDBOX = (
    "/app is read-only; /tmp and /root are empty at the start, and are deleted with the worker",
)


@dataclass(kw_only=True)
class _Running:
    """A worker: for each of its pipes, a future that is done when the pipe has ended; and its exit code."""

    spec: WorkerSpec
    ended: dict[str, asyncio.Future[None]]
    code: int | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])


class ProcessEngine:
    """The engine that runs workers as processes.

    `cache` is the folder of flashc's cache, `folder` a folder for the workers' files, and `volumes` the folder that has
    the network volumes.  With `warm`, workers without a sandbox are forked from a zygote if `may_fork` allows that; they
    are then ready much sooner.
    """

    def __init__(
        self,
        *,
        cache: Path,
        folder: Path,
        volumes: Path,
        report: Report,
        sandbox: bool = True,
        warm: bool = False,
    ) -> None:
        self._cache, self._folder, self._volumes = cache, folder, volumes
        self._report = report
        self._bubblewrap = find_bubblewrap() if sandbox else None
        self._events = Events()
        self._running: dict[str, _Running] = {}
        self._layers: dict[str, tuple[Interpreter, Path]] = {}
        self._is_warm = warm and self._bubblewrap is None and sys.platform == "linux"
        self._zygotes: dict[str, Zygote] = {}
        self._control: socket.socket | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    @property
    def name(self) -> str:
        """The name of this engine, for people."""
        return "bubblewrap" if self._bubblewrap else "process"

    @property
    def differences(self) -> tuple[str, ...]:
        """What differs from the cloud for workers."""
        kind = _SANDBOX if self._bubblewrap else _PLAIN
        return (*kind, *([_WARM] if self._is_warm else []), *_ALWAYS)

    @property
    def platform_host(self) -> str:
        """The address at which workers reach the platform."""
        return _LOOPBACK

    async def open(self) -> None:
        """Start the supervisor.

        Raises:
            EngineError: the supervisor can't be started.
        """
        mine, its = socket.socketpair()
        with its:
            try:
                self._supervisor = subprocess.Popen(
                    [sys.executable, "-I", "-S", supervisor.__file__],
                    stdin=its.fileno(),
                    start_new_session=True,
                )
            except OSError as error:
                mine.close()
                raise EngineError(
                    rules.ENGINE_FAILED, f"the supervisor of workers can't be started: {error}"
                ) from error
        mine.setblocking(False)
        self._control = mine
        asyncio.get_running_loop().add_reader(mine.fileno(), self._read_reports, bytearray())

    async def prepare(self, specs: Sequence[WorkerSpec]) -> None:
        """Find the interpreters of these workers, install their packages, and start their zygotes.

        Raises:
            EngineError: this machine has no such Python, or the packages can't be installed, or the supervisor is gone.
        """
        for version in {spec.python for spec in specs} - set(self._layers):
            self._layers[version] = await asyncio.to_thread(self._prepare_python, version)
        if self._is_warm:
            for version in {spec.python for spec in specs} - set(self._zygotes):
                self._zygotes[version] = await self._start_zygote(version)

    def _prepare_python(self, version: str) -> tuple[Interpreter, Path]:
        """Find the interpreter of a version, and install the packages of its workers; return both."""
        return (
            require_interpreter(version),
            ensure_layer(self._cache, version, HERE, self._report),
        )

    async def start(self, spec: WorkerSpec) -> None:
        """Start a worker.

        Raises:
            EngineError: the worker can't be prepared, the supervisor is gone, or a folder can't be made.
        """
        await self.prepare([spec])
        try:
            settings = self._settings(spec)
            command, folder, home = self._prepare_command(spec, settings)
        except OSError as error:
            raise EngineError(
                rules.DISK_FAILED,
                f"the folders of a worker of `{spec.label}` can't be made: {error.strerror}",
                help=("free some space, or set TMPDIR to a folder that can be written",),
            ) from error
        running = _Running(spec=spec, ended={})
        self._running[spec.worker] = running
        writers = [self._make_pipe(running, name) for name in ("stdout", "stderr", "announce")]
        message = {
            "start": spec.worker,
            "command": command,
            "folder": folder,
            "environ": {
                "PYTHONUNBUFFERED": "1",
                **spec.environ,
                **NO_SYSTEM_PACKAGES,
                "PATH": _PATH,
                "HOME": home,
            },
            "inner": self._bubblewrap is not None,
        }
        zygote = self._zygotes.get(spec.python)
        if zygote is not None and may_fork(spec, await zygote.wait_until_loaded()):
            message |= {"zygote": zygote.name, "settings": {**settings, "layer": None}}
        try:
            await self._send(message, writers)
        finally:
            for writer in writers:
                os.close(writer)
        if spec.kind is WorkerKind.QUEUE:
            self._events.put(Started(worker=spec.worker, address=None))

    def _settings(self, spec: WorkerSpec) -> dict[str, Any]:
        """Return the settings for the worker's program (see `entry/worker.py`)."""
        return {
            "kind": spec.kind.value,
            "app": APP if self._bubblewrap else str(spec.artifact),
            "layer": str(self._layers[spec.python][1]),
            "python": spec.python,
            "host": _LOOPBACK,
            "port": 0,
            "announce": True,
            "tether": False,
        }

    def _prepare_command(
        self, spec: WorkerSpec, settings: dict[str, Any]
    ) -> tuple[list[str], str, str]:
        """Make the folders of a worker; return its command, the folder in which it starts, and its home.

        Raises:
            OSError: a folder can't be made.
        """
        interpreter, layer = self._layers[spec.python]
        command = [
            interpreter.executable,
            "-S",
            "-s",
            str(ENTRY / "worker.py"),
            json.dumps(settings),
        ]
        if self._bubblewrap is None:
            home = self._folder / f"home-{spec.worker}"
            home.mkdir(parents=True, exist_ok=True)
            return command, str(spec.artifact), str(home)
        volume = self._volumes / spec.volume if spec.volume else None
        if volume is not None:
            volume.mkdir(parents=True, exist_ok=True)
        mounts = Mounts(
            artifact=spec.artifact,
            volume=volume,
            seen=(interpreter.prefix, layer, ENTRY),
            devices=spec.gpus > 0 and os.path.exists("/dev/nvidiactl"),
        )
        return sandbox_command(self._bubblewrap, command, mounts, spec.worker), "/", HOME

    async def _start_zygote(self, version: str) -> Zygote:
        """Start the zygote for a version of Python: the process from which workers are forked."""
        interpreter, layer = self._layers[version]
        home = self._folder / "home-zygote"
        home.mkdir(parents=True, exist_ok=True)
        zygote = Zygote(f"zygote-{version}")
        fds = zygote.open()
        message = {
            "start": zygote.name,
            "command": [
                interpreter.executable, "-S", "-s", str(ENTRY / "zygote.py"), str(layer)
            ],
            "folder": str(home),
            "environ": {"PYTHONUNBUFFERED": "1", "PATH": _PATH, "HOME": str(home)},
            "inner": False,
            "channel": True,
        }  # fmt: skip
        try:
            await self._send(message, fds)
        finally:
            for fd in fds:
                os.close(fd)
        return zygote

    def _make_pipe(self, running: _Running, name: str) -> int:
        """Make a pipe for a worker, and return the end to write to; the lines from the other end become events."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        loop = asyncio.get_running_loop()
        running.ended[name] = loop.create_future()
        loop.add_reader(reader, self._read_pipe, running, name, reader, LineSplitter())
        return writer

    def _read_pipe(self, running: _Running, name: str, reader: int, lines: LineSplitter) -> None:
        """Read what a worker has written to a pipe, and handle its complete lines."""
        try:
            data = os.read(reader, 1 << 16)
        except BlockingIOError:
            return
        for text in lines.feed(data) if data else lines.end():
            self._on_line(running, name, text)
        if not data:
            asyncio.get_running_loop().remove_reader(reader)
            os.close(reader)
            running.ended[name].set_result(None)

    def _on_line(self, running: _Running, name: str, text: str) -> None:
        """Emit the event for a line from the pipe `name`: the worker runs, or it printed the line."""
        worker = running.spec.worker
        if name == "announce":
            self._events.put(Started(worker=worker, address=(_LOOPBACK, int(text))))
            return
        stream: Literal["stdout", "stderr"] = "stdout" if name == "stdout" else "stderr"
        self._events.put(Line(worker=worker, stream=stream, text=text, at=time.time()))

    async def stop(self, worker: str, grace: float) -> None:
        """Ask a worker to end, and kill it after `grace` seconds; if `grace` is 0, only kill it."""
        if worker in self._running:
            await self._send({"stop": worker, "grace": grace}, [])

    def events(self) -> AsyncIterator[Event]:
        """Yield the events of workers until the engine is closed."""
        return self._events.all()

    async def close(self) -> None:
        """End the supervisor, which kills every worker, and remove the workers' homes."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
            self._control = None
        if self._supervisor is not None:
            await asyncio.to_thread(self._supervisor.wait, _END_SECONDS)
        for zygote in self._zygotes.values():
            zygote.close()
        for running in list(self._running.values()):
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*running.ended.values()), 1)
            self._end(running, running.code if running.code is not None else -9)
        self._events.end()

    # The supervisor ------------------------------------------------------------------------------

    async def _send(self, message: dict[str, Any], fds: list[int]) -> None:
        """Send a message to the supervisor.

        Raises:
            EngineError: the supervisor is gone.
        """
        data = json.dumps(message).encode() + b"\n"
        try:
            if self._control is None:
                raise BrokenPipeError
            sent = socket.send_fds(self._control, [data], fds)
            await asyncio.get_running_loop().sock_sendall(self._control, data[sent:])
        except OSError as error:
            raise EngineError(
                rules.ENGINE_FAILED,
                "the supervisor of workers is gone",
                help=("start the command again",),
            ) from error

    def _read_reports(self, received: bytearray) -> None:
        """Read the supervisor's messages about ended workers."""
        assert self._control is not None
        data = self._control.recv(1 << 16)
        if not data:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            return
        received += data
        *lines, rest = bytes(received).split(b"\n")
        received[:] = rest
        for line in lines:
            message = json.loads(line)
            running = self._running.get(message["exited"])
            if running is not None:
                running.code = message["code"]
                task = asyncio.get_running_loop().create_task(self._end_after_output(running))
                running.tasks.add(task)

    async def _end_after_output(self, running: _Running) -> None:
        """Emit the event of a worker's end as soon as the worker's last line has been read."""
        await asyncio.gather(*running.ended.values())
        self._end(running, running.code if running.code is not None else -9)

    def _end(self, running: _Running, code: int) -> None:
        """Remove the home of a worker that has ended, and emit the event of its end."""
        worker = running.spec.worker
        if self._running.pop(worker, None) is None:
            return
        shutil.rmtree(self._folder / f"home-{worker}", ignore_errors=True)
        self._events.put(Exited(worker=worker, code=code, oom=False, at=time.time()))
