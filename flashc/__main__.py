"""Start the command line; `flashc --version` answers without importing the commands."""

from __future__ import annotations

import gc
import os
import sys

from . import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` takes a while
    from typing import NoReturn

_WITH_READER = frozenset({"check", "build", "emit", "size"})
"""The commands for which the reader process is started."""
# Syntax trees, and the parts of a program, are many small objects that live as long as the command.
# With Python's default threshold, collecting garbage among them takes a quarter of the time of a
# large project.
_OBJECTS_BETWEEN_COLLECTIONS = 200_000
_OBJECTS_OF_A_PROJECT = 2_000_000


def main() -> None:
    """Run the command line; print the version without importing click.

    Scripts ask for the version often, and importing click takes longer than starting Python.
    """
    _open_closed_streams()
    if sys.argv[1:] == ["--version"]:
        _print_version()
    try:
        _hold_reserve()
        _stop_at_once_when_interrupted()
        _run()
    except KeyboardInterrupt:
        _stop()
    except (OSError, MemoryError, RuntimeError, ImportError, SystemError) as error:
        _stop_for_environment(error)


def _print_version() -> NoReturn:
    """Print the version and exit; standard output may be full, or closed at the other end."""
    try:
        print(f"flashc {__version__}", flush=True)
    except BrokenPipeError:
        os._exit(0)
    except OSError as error:
        os.write(2, f"the version can't be printed: {error.strerror}\n".encode())
        os._exit(3)
    os._exit(0)


def _hold_reserve() -> None:
    """Keep memory back for the case that it runs out, and import what says so."""
    from flashc_core.environment_failures import hold_reserve

    hold_reserve()


def _run() -> None:
    """Import the command line, and run it."""
    from flashc.incremental.reader_process import start_reader

    reads = sys.argv[1:2] and sys.argv[1] in _WITH_READER
    gc.set_threshold(_OBJECTS_OF_A_PROJECT if reads else _OBJECTS_BETWEEN_COLLECTIONS)
    # This process is started first, because its imports take longer than opening the project.
    reader = start_reader() if reads else None
    from flashc.cli.main import main as run

    _interrupt_as_usual()
    try:
        run(reader)
    except SystemExit as end:
        _exit_at_once(end)


def _stop_at_once_when_interrupted() -> None:
    """Let Ctrl+C end the program at once while it imports modules.

    There is nothing to clean up then, and an exception in the middle of an import may be printed
    and ignored.  A program that runs in the background keeps ignoring the signal.
    """
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def _interrupt_as_usual() -> None:
    """Let Ctrl+C raise KeyboardInterrupt again."""
    import signal

    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(*_signal: object) -> NoReturn:
    """Say that the program was interrupted, and exit."""
    os.write(2, b"interrupted\n")
    os._exit(130)


def _stop_for_environment(error: Exception) -> NoReturn:
    """Say what the machine lacks if that is why the command line can't be imported, and exit.

    Raises:
        Exception: the reason is another one.
    """
    from flashc_core.environment_failures import environment_failure

    reason = environment_failure(error)
    if reason is None:
        raise error
    os.write(2, f"{reason}\n".encode())
    os._exit(3)


def _open_closed_streams() -> None:
    """Open the null device for each standard stream that was closed before Python began.

    Else the next file that is opened would have the number of that stream, and what another process
    prints would be written into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            file = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(file, True)
            setattr(sys, name, os.fdopen(file, mode, encoding="utf-8"))


def _exit_at_once(end: SystemExit) -> NoReturn:
    """Exit without freeing the program's objects, which would take as long as a small check."""
    from contextlib import suppress

    status = 0 if end.code is None else end.code
    if isinstance(status, int):
        # If the reader of our output has ended, Python's own exit reports that.
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    raise end


if __name__ == "__main__":
    main()
