"""Start processes for flashc, and kill them and all their descendants when flashc ends, even if flashc is killed.

This file is run as a program of its own, with a socket to flashc as standard input.  Messages are JSON objects,
one a line.  flashc sends

- `{"start": ID, "command": [...], "folder": "...", "environ": {...}, "inner": false}` together with three file
  descriptors: standard output, standard error, and the descriptor 3 of the process.  If `inner` is true, the process is
  the program of a sandbox, and signals go to its first child.
- the same with `"channel": true` and a fourth descriptor: the process is a zygote (see `entry/zygote.py`).  The zygote
  has one end of a socket as its descriptor 3; the fourth descriptor is the other end, for this program.
- the same with `"zygote": ID` and `"settings": {...}`: the process is forked from the zygote, or started by the command
  if the zygote has ended.
- `{"stop": ID, "grace": SECONDS}`: the process gets SIGTERM, and is killed after these seconds; it is
  killed at once, without SIGTERM, if they are 0.

This program answers `{"exited": ID, "code": N}` when a process and all its descendants have ended.  When the socket
ends, this program kills everything and ends.

Each started process adopts its orphaned descendants (`PR_SET_CHILD_SUBREAPER`).  When the process ends, this program
adopts those that are left, and kills them.
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
_OTHER_FDS = 4  # the lowest descriptor that a worker does not have
_PAUSE = 0.005  # seconds between two checks of processes that are being killed
_FORK_SECONDS = 5.0  # within which a zygote has to fork a worker


@dataclass
class _Child:
    """A running process; `deadline` is when it is killed, in seconds of the monotonic clock."""

    worker: str
    inner: bool
    deadline: float | None = None


@dataclass(kw_only=True)
class Supervisor:
    """The processes, by id, and the socket to flashc."""

    control: socket.socket
    wakeup: int
    children: dict[int, _Child] = field(default_factory=dict[int, _Child])
    zygotes: dict[str, socket.socket] = field(default_factory=dict[str, socket.socket])
    _received: bytearray = field(default_factory=bytearray)
    _fds: list[int] = field(default_factory=list[int])

    def run(self) -> None:
        """Serve flashc until it ends; then kill everything."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(self.wakeup, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(self._seconds_to_kill())}
                if self.wakeup in ready:
                    with suppress(BlockingIOError):
                        os.read(self.wakeup, _LARGEST)
                if self.control.fileno() in ready and not self._receive():
                    break
                self._reap()
                self._kill_late()
        self._kill_all()

    def _seconds_to_kill(self) -> float | None:
        """Return the seconds until the next process has to be killed; None if none has to."""
        deadlines = [child.deadline for child in self.children.values() if child.deadline]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _receive(self) -> bool:
        """Read and process messages of flashc; return False if flashc has ended."""
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
                count = _FDS_OF_A_START + bool(message.get("channel"))
                fds, self._fds = self._fds[:count], self._fds[count:]
                self._start(message, fds)
            else:
                self._stop(message["stop"], message["grace"])
        return True

    def _start(self, message: dict[str, Any], fds: list[int]) -> None:
        """Start the process that a message describes: from a zygote if possible, else by a fork of this program."""
        if message.get("channel"):
            self.zygotes[message["start"]] = socket.socket(fileno=fds.pop())
        process = self._fork_from(message, fds) or self._fork_self(message, fds)
        for fd in fds:
            os.close(fd)
        self.children[process] = _Child(message["start"], message["inner"])

    def _fork_from(self, message: dict[str, Any], fds: list[int]) -> int:
        """Let a zygote fork the process; return the process id, 0 if there is no zygote or it does not answer."""
        channel = self.zygotes.get(message.get("zygote", ""))
        if channel is None:
            return 0
        wanted = {name: message[name] for name in ("folder", "environ", "settings")}
        data = json.dumps({**wanted, "parent": os.getpid()}).encode()
        try:
            channel.settimeout(_FORK_SECONDS)
            socket.send_fds(channel, [data], fds)
            return int(channel.recv(_LARGEST) or 0)
        except (OSError, ValueError):  # a late answer must not be taken for the next one
            channel.close()
            del self.zygotes[message["zygote"]]
            return 0

    def _fork_self(self, message: dict[str, Any], fds: list[int]) -> int:
        """Fork this program into the process that a message describes; return its id."""
        # A signal that arrives between `fork` and `exec` must not run this process's handlers in the child.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
        process = os.fork()
        if process == 0:
            _become(message, fds, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return process

    def _stop(self, worker: str, grace: float) -> None:
        """Ask the processes of a worker to end, and kill them after `grace` seconds; if it is 0, only kill them."""
        for process, child in self.children.items():
            if child.worker == worker:
                if grace > 0:
                    _signal(_receiver_of(process, child), signal.SIGTERM)
                child.deadline = time.monotonic() + grace

    def _kill_late(self) -> None:
        """Kill the processes whose time to end is over."""
        now = time.monotonic()
        for process, child in self.children.items():
            if child.deadline is not None and child.deadline <= now:
                _signal(process, signal.SIGKILL)
                child.deadline = None

    def _reap(self) -> None:
        """Collect the processes that have ended, kill their descendants, and report their ends to flashc."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            child = self.children.pop(process, None)
            if child is None:
                continue
            zygote = self.zygotes.pop(child.worker, None)
            if zygote is not None:
                zygote.close()
            self._kill_descendants(process)
            code = os.waitstatus_to_exitcode(status)
            answer = json.dumps({"exited": child.worker, "code": code}) + "\n"
            with suppress(OSError):  # flashc has ended; the next call of `_receive` notices that
                self.control.sendall(answer.encode())

    def _kill_descendants(self, process: int) -> None:
        """Kill the group of an ended process, and the orphans that this program has adopted from it."""
        with suppress(OSError):
            os.killpg(process, signal.SIGKILL)
        while orphans := [kid for kid in _children_of(os.getpid()) if kid not in self.children]:
            for orphan in orphans:
                _signal(orphan, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(orphan, 0)

    def _kill_all(self) -> None:
        """Kill all processes and their descendants, and wait until they are gone."""
        for process in self.children:
            with suppress(OSError):
                os.killpg(process, signal.SIGKILL)
            _signal(process, signal.SIGKILL)
        with suppress(ChildProcessError):
            while True:
                process, _ = os.waitpid(-1, os.WNOHANG)
                if process == 0:
                    for kid in _children_of(os.getpid()):
                        _signal(kid, signal.SIGKILL)
                    time.sleep(_PAUSE)


def _become(message: dict[str, Any], fds: list[int], mask: Collection[int]) -> NoReturn:
    """Turn this new process into the worker; if that fails, write the error to the worker's standard error."""
    try:
        os.setsid()
        if _LINUX:
            libc = ctypes.CDLL(None)
            libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # The copies get numbers above all numbers to which they go, so that no copy overwrites another.
        copies = [_copy_above(fd) for fd in (os.open(os.devnull, os.O_RDONLY), *fds)]
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


def _copy_above(fd: int) -> int:
    """Return a copy of a file descriptor with a number that no standard stream of the worker has."""
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD, _OTHER_FDS)


def _receiver_of(process: int, child: _Child) -> int:
    """Return the process that gets a signal for `process`."""
    return next(iter(_children_of(process)), process) if child.inner else process


def _signal(process: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _children_of(parent: int) -> list[int]:
    """Return the children of a process that have not ended; none if the system has no /proc."""
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
    """Serve flashc over the socket at standard input."""
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
        """End the service as if flashc had ended."""
        control.shutdown(socket.SHUT_RD)  # as if flashc had ended

    signal.signal(signal.SIGTERM, end)
    Supervisor(control=control, wakeup=reader).run()


def _ignore(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: this handler exists so that the signal wakes the supervisor's `select`.

    With a handler, the signal also writes to the wake-up pipe; if the signal were ignored, it would not.
    """


if __name__ == "__main__":
    main()
