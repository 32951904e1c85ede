"""Start processes for flashc and end all of them, and all that they started, when flashc ends, however it ends.

This file is run as a program of its own, with a socket to flashc as standard input.  Messages are JSON objects,
one a line.  flashc sends

- `{"start": ID, "command": [...], "folder": "...", "environ": {...}, "inner": false}` together with three file
  descriptors: standard output, standard error, and the one that becomes the descriptor 3.  `inner`: signals are
  for the first child of the process, because the process itself is a sandbox's.
  With `"zygote": {"command": [...], "environ": {...}}`, a process that is started once for each such command is asked to
  fork the worker (see `entry/zygote.py`).  `command` is what is done if that process has died, or is not ready and
  `"waits"` is false.
- `{"warm": {"command": [...], "environ": {...}}}`: start that process now.
- `{"stop": ID, "grace": SECONDS}`.

It answers `{"exited": ID, "code": N}` when a process and all that it started are gone.  When the socket ends,
so does everything.

Orphans are found because each process adopts those below it, and this one adopts what they leave.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn

_LINUX = sys.platform == "linux"
_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36  # options of prctl(2)
_LARGEST = 1 << 16  # bytes read at once
_FDS_OF_A_START = 3
_OTHER_FDS = 4  # the first descriptor that a worker does not have
_PAUSE = 0.005  # seconds between two looks at dying processes


@dataclass
class _Child:
    """A running process; `deadline` is when it is killed, in monotonic seconds."""

    worker: str
    inner: bool
    deadline: float | None = None


@dataclass
class _Zygote:
    """A process that forks workers, and the starts that it has not answered, with their descriptors."""

    key: str
    control: socket.socket
    pending: dict[str, tuple[dict[str, Any], list[int]]] = field(
        default_factory=dict[str, tuple[dict[str, Any], list[int]]]
    )
    received: bytearray = field(default_factory=bytearray)
    is_ready: bool = False


@dataclass
class Supervisor:
    """The processes, by id, and the socket to flashc.  `deadlines` are of workers that are not forked yet."""

    control: socket.socket
    wakeup: int
    selector: selectors.BaseSelector
    children: dict[int, _Child] = field(default_factory=dict[int, _Child])
    zygotes: dict[int, _Zygote] = field(default_factory=dict[int, _Zygote])
    deadlines: dict[str, float] = field(default_factory=dict[str, float])
    _received: bytearray = field(default_factory=bytearray)
    _fds: list[int] = field(default_factory=list[int])

    def run(self) -> None:
        """Serve flashc until it ends; then kill everything."""
        self.selector.register(self.control, selectors.EVENT_READ)
        self.selector.register(self.wakeup, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in self.selector.select(self._patience())}
            if self.wakeup in ready:
                with suppress(BlockingIOError):
                    os.read(self.wakeup, _LARGEST)
            if self.control.fileno() in ready and not self._receive():
                break
            for zygote in list(self.zygotes.values()):
                if zygote.control.fileno() in ready:
                    self._hear(zygote)
            self._reap()
            self._kill_late()
        self._kill_all()

    def _patience(self) -> float | None:
        deadlines = [child.deadline for child in self.children.values() if child.deadline]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _receive(self) -> bool:
        """Take what flashc sent; return whether it is still there."""
        try:
            data, fds, _, _ = socket.recv_fds(self.control, _LARGEST, 16)
        except ConnectionError:
            return False
        if not data:
            return False
        self._fds += fds
        self._received += data
        *lines, rest = self._received.split(b"\n")
        self._received = bytearray(rest)
        for line in lines:
            message = json.loads(line)
            if "start" in message:
                fds, self._fds = self._fds[:_FDS_OF_A_START], self._fds[_FDS_OF_A_START:]
                self._start(message, fds)
            elif "warm" in message:
                self._zygote(message["warm"])
            else:
                self._stop(message["stop"], message["grace"])
        return True

    def _start(self, message: dict[str, Any], fds: list[int]) -> None:
        zygote = self._zygote(message["zygote"]) if "zygote" in message else None
        if zygote is not None and (zygote.is_ready or message["waits"]):
            zygote.pending[message["start"]] = (message, fds)
            if len(zygote.pending) == 1:
                self._ask(zygote)
            return
        self.children[_spawn(message, fds)] = _Child(message["start"], message["inner"])
        self._delay(message["start"])

    def _delay(self, worker: str) -> None:
        """Apply what was said about a worker before it was there."""
        deadline = self.deadlines.pop(worker, None)
        if deadline is not None:
            self._stop(worker, max(0.0, deadline - time.monotonic()))

    # Forking from a process that is warm already -------------------------------------------------

    def _zygote(self, asked: dict[str, Any]) -> _Zygote:
        """Return the process that forks workers, started if there is none."""
        key = json.dumps(asked, sort_keys=True)
        for zygote in self.zygotes.values():
            if zygote.key == key:
                return zygote
        mine, its = socket.socketpair()
        output = os.dup(2)
        with its:
            process = _spawn(
                {**asked, "folder": "/"}, [output, os.dup(output), os.dup(output)], its
            )
        self.zygotes[process] = zygote = _Zygote(key, mine)
        self.selector.register(mine, selectors.EVENT_READ)
        return zygote

    def _ask(self, zygote: _Zygote) -> None:
        """Ask for the first worker that waits; one at a time, so that an answer is the answer to the last question."""
        for message, fds in zygote.pending.values():
            wanted = {key: message[key] for key in ("start", "folder", "environ", "arguments")}
            with suppress(OSError):  # it has died: its end starts the worker in the other way
                send_all(zygote.control, json.dumps(wanted).encode() + b"\n", fds)
            return

    def _hear(self, zygote: _Zygote) -> None:
        """Take the ids of new workers; each then becomes a child of this process."""
        with suppress(ConnectionError):
            zygote.received += zygote.control.recv(_LARGEST)
        *lines, rest = zygote.received.split(b"\n")
        zygote.received = bytearray(rest)
        for line in lines:
            answer = json.loads(line)
            if "ready" in answer:
                zygote.is_ready = True
                continue
            message, fds = zygote.pending.pop(answer["start"])
            for fd in fds:
                os.close(fd)
            self.children[answer["pid"]] = _Child(message["start"], False)
            with suppress(OSError):
                zygote.control.sendall(b"\n")
            self._ask(zygote)
            self._delay(message["start"])

    def _bury(self, zygote: _Zygote) -> None:
        """Start what a dead process did not fork in the other way."""
        self.selector.unregister(zygote.control)
        zygote.control.close()
        for message, fds in zygote.pending.values():
            del message["zygote"]
            self._start(message, fds)

    # Stopping ------------------------------------------------------------------------------------

    def _stop(self, worker: str, grace: float) -> None:
        if any(worker in zygote.pending for zygote in self.zygotes.values()):
            self.deadlines[worker] = time.monotonic() + grace
        for process, child in self.children.items():
            if child.worker == worker:
                if grace > 0:
                    _signal(_target(process, child), signal.SIGTERM)
                child.deadline = time.monotonic() + grace

    def _kill_late(self) -> None:
        now = time.monotonic()
        for process, child in self.children.items():
            if child.deadline is not None and child.deadline <= now:
                _signal(process, signal.SIGKILL)
                child.deadline = None

    def _reap(self) -> None:
        """Collect the processes that ended, with what they left, and tell flashc."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            zygote = self.zygotes.pop(process, None)
            if zygote is not None:
                self._hear(zygote)
                self._bury(zygote)
            child = self.children.pop(process, None)
            if child is None:
                continue
            self._kill_what_is_left_of(process)
            code = os.waitstatus_to_exitcode(status)
            answer = json.dumps({"exited": child.worker, "code": code}) + "\n"
            with suppress(OSError):  # flashc has ended: the next read says so
                self.control.sendall(answer.encode())

    def _kill_what_is_left_of(self, process: int) -> None:
        """Kill the process's group and the orphans that this process has just adopted."""
        with suppress(OSError):
            os.killpg(process, signal.SIGKILL)
        known = self.children.keys() | self.zygotes.keys()
        while orphans := [kid for kid in _kids(os.getpid()) if kid not in known]:
            for orphan in orphans:
                _signal(orphan, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(orphan, 0)

    def _kill_all(self) -> None:
        for process in self.children:
            with suppress(OSError):
                os.killpg(process, signal.SIGKILL)
            _signal(process, signal.SIGKILL)
        with suppress(ChildProcessError):
            while True:
                process, _ = os.waitpid(-1, os.WNOHANG)
                if process == 0:
                    for kid in _kids(os.getpid()):
                        _signal(kid, signal.SIGKILL)
                    time.sleep(_PAUSE)


def send_all(control: socket.socket, data: bytes, fds: list[int]) -> None:
    """Send data together with descriptors.

    Raises:
        OSError: the other end is closed.
    """
    sent = socket.send_fds(control, [data], fds)
    control.sendall(data[sent:])


def _spawn(
    message: dict[str, Any], fds: list[int], standard_input: socket.socket | None = None
) -> int:
    """Start a process and close its descriptors here; return its id."""
    # A signal that arrives between `fork` and `exec` must not run this process's handlers in the child.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
    process = os.fork()
    if process == 0:
        given = (
            os.open(os.devnull, os.O_RDONLY) if standard_input is None else standard_input.fileno()
        )
        _become(message, [given, *fds], before)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for fd in fds:
        os.close(fd)
    return process


def _become(message: dict[str, Any], fds: list[int], mask: Collection[int]) -> NoReturn:
    """Turn this new process into the program; what goes wrong is the last line of its log."""
    try:
        os.setsid()
        if _LINUX:
            libc = ctypes.CDLL(None)
            libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            if "start" in message:
                libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # The copies are above all numbers that they go to, so that none overwrites another.
        copies = [_above(fd) for fd in fds]
        for number, copy in enumerate(copies):
            os.dup2(copy, number)
        os.closerange(_OTHER_FDS, os.sysconf("SC_OPEN_MAX") if not _LINUX else 1 << 20)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.chdir(message["folder"])
        os.execve(message["command"][0], message["command"], message["environ"])
    except OSError as error:
        os.write(2, f"the worker can't be started: {error}\n".encode())
    finally:
        os._exit(127)


def _above(fd: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD, _OTHER_FDS)


def _target(process: int, child: _Child) -> int:
    """Return the process that gets a signal."""
    return next(iter(_kids(process)), process) if child.inner else process


def _signal(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _kids(parent: int) -> list[int]:
    """Return the children of a process that have not ended; none where there is no /proc."""
    found: list[int] = []
    with suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stream:
                    state, ppid = stream.read().rpartition(b")")[2].split()[:2]
                    if int(ppid) == parent and state != b"Z":
                        found.append(int(name))
    return found


def main() -> None:
    """Serve on standard input."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    reader, writer = os.pipe()
    for fd in (reader, writer):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGCHLD, _ignore)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=os.dup(0))

    def end(_signal: int, _frame: FrameType | None) -> None:
        control.shutdown(socket.SHUT_RD)  # as if flashc had ended

    signal.signal(signal.SIGTERM, end)
    with selectors.DefaultSelector() as selector:
        Supervisor(control, reader, selector).run()


def _ignore(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: the signal also writes to the wake-up pipe, which it would not if it were ignored."""


if __name__ == "__main__":
    main()
