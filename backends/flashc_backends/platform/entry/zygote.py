"""Fork workers from a process that has imported their packages already; the user's modules it never imports.

Standard input is a socket to the supervisor.  For each worker it sends a line of JSON, `{"start": ID, "folder": "...",
"environ": {...}, "arguments": [...]}`, together with three file descriptors: standard output, standard error, and the one
that becomes the descriptor 3.  The answer is `{"start": ID, "pid": N}`; then the supervisor sends one byte, and the worker
becomes its child: it can wait for it as for one that it has started itself.

The first answer is `{"ready": true}`.  A worker behaves as a new process: `os.environ` is complete before the SDK is imported, which reads it while it is
imported.  What takes long in that import, a look at the processor, is kept.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import site
import socket
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn

_PRELOADED = (
    "runpod.serverless",
    "fastapi",
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)
_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")
_KEPT = "runpod.serverless.utils.rp_debugger"
_LARGEST = 1 << 16  # bytes read at once
_OTHER_FDS = 4  # the first descriptor that a worker does not have
_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36  # options of prctl(2)
_PAUSE = 0.0005  # seconds


def main() -> None:
    """Import the packages, then fork a worker for each request until the supervisor ends."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    control = socket.socket(fileno=os.dup(0))
    site.addsitedir(settings["layer"])
    del sys.path[0]  # the folder of this file
    for name in _PRELOADED:
        with suppress(ImportError):  # a worker then imports what it needs itself
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a worker would copy the pages that it shares with the others
    control.sendall(b'{"ready": true}\n')
    while True:
        message, fds = _receive(control)
        _start(control, message, fds)


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next request with its descriptors; end this process when the supervisor has ended."""
    received, fds = b"", []
    while not received.endswith(b"\n"):
        data, more, _, _ = socket.recv_fds(control, _LARGEST, 16)
        if not data:
            sys.exit(0)
        received += data
        fds += more
    return json.loads(received), fds


def _start(control: socket.socket, message: dict[str, Any], fds: list[int]) -> None:
    """Fork a worker by way of a process that ends, so that the supervisor adopts it."""
    told, telling = os.pipe()
    held, holding = os.pipe()
    supervisor = os.getppid()
    between = os.fork()
    if between == 0:
        os.close(told)
        os.close(holding)
        worker = os.fork()
        if worker == 0:
            os.close(telling)
            control.close()
            _become(message, fds, supervisor)
        os.write(telling, b"%d" % worker)
        os.read(held, 1)
        os._exit(0)
    for fd in (*fds, telling, held):
        os.close(fd)
    pid = int(os.read(told, 32) or b"0")
    os.close(told)
    control.sendall(json.dumps({"start": message["start"], "pid": pid}).encode() + b"\n")
    if not control.recv(1):  # the supervisor knows the worker now
        sys.exit(0)
    os.close(holding)
    os.waitpid(between, 0)


def _become(message: dict[str, Any], fds: list[int], supervisor: int) -> NoReturn:
    """Turn this new process into the worker, and end it as Python ends a process of its own."""
    while os.getppid() != supervisor:
        time.sleep(_PAUSE)
    os.setsid()
    libc = ctypes.CDLL(None)
    libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, fd in enumerate((nothing, *fds)):
        os.dup2(fd, number)
    os.closerange(_OTHER_FDS, 1 << 20)
    os.environ.clear()
    os.environ.update(message["environ"])
    time.tzset()
    os.chdir(message["folder"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "runpod"]:
        if name != _KEPT:
            del sys.modules[name]
    sys.argv = message["arguments"]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))  # as if it were started as a script
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit:
        raise
    except BaseException as error:
        sys.excepthook(type(error), error, _below(error.__traceback__))
        sys.exit(1)
    sys.exit(0)


def _below(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without what is of this file and of the module that runs the program."""
    while traceback is not None and traceback.tb_next is not None:
        if traceback.tb_frame.f_code.co_filename == _PROGRAM:
            break
        traceback = traceback.tb_next
    return traceback


if __name__ == "__main__":
    main()
