"""Import the packages of the worker image once, and fork workers from this process, so that workers start fast.

This program is run under the worker's Python: `zygote.py LAYER`, with a socket to the supervisor as the file
descriptor 3.  When the packages are imported, it writes a JSON object to standard output, whose key `preloaded` has the
names of the imported top-level modules.  For each worker, the supervisor sends a message `{"folder", "environ",
"settings", "parent"}` with three descriptors: standard output, standard error, and the descriptor 3 of the worker.
The zygote answers with the worker's process id, or with 0 if it can't fork.

A worker is forked twice, so that it becomes a child of the supervisor, like a worker that the supervisor starts.  The
zygote imports no code of users and has none of their variables.  Modules that read variables when they are imported are
imported again in the worker.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import gc
import importlib
import importlib.util
import json
import os
import signal
import site
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import ModuleType, TracebackType
from typing import Any

_CHANNEL = 3  # the file descriptor
_LARGEST = 1 << 20  # bytes of a message
_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36  # options of prctl(2)
_PRELOADED = (
    "runpod",
    "fastapi",
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
# This module finds the name of the processor when it is imported, and reads no variable.
_KEPT = "runpod.serverless.utils.rp_debugger"


def main() -> None:
    """Import the packages, then fork workers until the supervisor ends."""
    site.addsitedir(sys.argv[1])
    channel = socket.socket(fileno=os.dup(_CHANNEL))
    os.close(_CHANNEL)
    with _known_processor():
        for name in _PRELOADED:
            importlib.import_module(name)
    worker = _import_worker_program()
    # The supervisor has to adopt orphans, not this process.
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    gc.collect()
    gc.freeze()
    names = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps({"preloaded": names}), flush=True)
    while True:
        message, descriptors = _receive(channel)
        if not message:
            return
        middle = os.fork()
        if middle == 0:
            wanted = json.loads(message)
            _fork_again(channel)
            _become(wanted, descriptors)
            # The worker ends in the usual way, by the end of this program.
            sys.excepthook = _print_exception
            worker.run(wanted["settings"])
            return
        for descriptor in descriptors:
            os.close(descriptor)
        os.waitpid(middle, 0)


@contextmanager
def _known_processor() -> Generator[None, None, None]:
    """Answer `cpuinfo.get_cpu_info()` with the name that the kernel has for the processor.

    `runpod` asks for it while it is imported, and `cpuinfo` uses up a second of several processors to find the same name.
    """
    stand_in: Any = ModuleType("cpuinfo")
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as table:
            fields = [line.split(":", 1) for line in table if line.startswith("model name")]
        stand_in.get_cpu_info = lambda: {"brand_raw": fields[0][1].strip()}
    except OSError:
        fields = []
    if not fields:
        yield
        return
    sys.modules["cpuinfo"] = stand_in
    try:
        yield
    finally:
        del sys.modules["cpuinfo"]  # workers import the real one


def _import_worker_program() -> ModuleType:
    """Import `worker.py` under a name that no module of users has."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")
    spec = importlib.util.spec_from_file_location("_flashc_worker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _print_exception(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print an exception without the lines of this program, as a worker prints it that was not forked."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    sys.__excepthook__(kind, error.with_traceback(traceback), traceback)


def _receive(channel: socket.socket) -> tuple[bytes, list[int]]:
    """Return the next message and its file descriptors."""
    descriptors = array.array("i")
    space = socket.CMSG_LEN(8 * descriptors.itemsize)
    data, ancillary, _, _ = channel.recvmsg(_LARGEST, space)
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    return data, list(descriptors)


def _fork_again(channel: socket.socket) -> None:
    """Fork the worker, send its process id to the supervisor, and end this process; return only in the worker."""
    middle = os.getpid()
    try:
        process = os.fork()
    except OSError:
        process = -1
    if process == 0:
        os.setsid()
        while os.getppid() == middle:
            time.sleep(0.0005)
        return
    with suppress(OSError):  # the supervisor has ended; the worker ends too
        channel.send(b"%d" % max(process, 0))
    os._exit(0)


def _become(message: dict[str, Any], descriptors: list[int]) -> None:
    """Give this process the descriptors, variables and folder that a process of the supervisor has."""
    libc = ctypes.CDLL(None)
    libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != message["parent"]:  # the supervisor ended before the call of `prctl`
        os._exit(128 + signal.SIGKILL)
    # The copies get numbers above all numbers to which they go, so that no copy overwrites another.
    wanted = (os.open(os.devnull, os.O_RDONLY), *descriptors)
    copies = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, len(wanted)) for descriptor in wanted]
    for number, copy in enumerate(copies):
        os.dup2(copy, number)
    os.closerange(len(copies), 1 << 16)
    os.environ.clear()
    os.environ.update(message["environ"])
    os.chdir(message["folder"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "runpod"]:
        if name != _KEPT:
            del sys.modules[name]
    gc.unfreeze()


if __name__ == "__main__":
    main()
