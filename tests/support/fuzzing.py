"""Give wrong input to the readers of flashc: each answers with a value or with its own kind of error.

`FLASHC_FUZZ_SECONDS=600` lets each reader try until so many seconds have passed;
`FLASHC_FUZZ_CORPUS=FOLDER` adds the files of a folder to the valid documents that are changed.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.profiles import chosen, examples

# Tests don't see such variables, so they are read before.
SECONDS = float(os.environ.get("FLASHC_FUZZ_SECONDS", "0"))
_CORPUS = os.environ.get("FLASHC_FUZZ_CORPUS", "")
_PROFILE = chosen()
_PROCESSOR_TIME = 30  # seconds that one input may take
_WALL_TIME = 120  # seconds; a reader that waits uses no processor time
_MEMORY = 400 * 1024  # KiB that one input may add to the largest size of the process
_ROUND = 200  # examples between two looks at the clock

tried: dict[str, int] = {}
"""The number of inputs that each reader got in this run, by its name."""


class TooMuch(BaseException):
    """A reader needs too much time or memory; no handler of exceptions catches this."""


@dataclass(frozen=True)
class Reader:
    """Code that reads what others have written.

    `read` gets an input that `inputs` draws.  It lets pass only exceptions that are wrong.  `usual`
    is the number of inputs in a usual run.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], object]
    usual: int = 60


def fuzz(reader: Reader) -> None:
    """Give a reader as many inputs as the profile says, or until its seconds have passed."""
    tried.setdefault(reader.name, 0)

    def attempt(given_input: Any) -> None:
        tried[reader.name] += 1
        try:
            with limits():
                reader.read(given_input)
        except BaseException as error:
            error.add_note(f"the input of {reader.name}: {given_input!r}")
            raise

    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    phases = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
    count = _ROUND if SECONDS else examples(reader.usual)
    run = settings(max_examples=count, suppress_health_check=checks, phases=phases, deadline=None)(
        given(reader.inputs)(attempt)
    )
    begin = time.monotonic()
    run()
    while time.monotonic() - begin < SECONDS:
        run()


@contextmanager
def limits() -> Generator[None]:
    """Stop the block if it needs too much processor time, waits too long or takes too much memory."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooMuch("the reader does not end")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    old = [signal.signal(each, stop) for each in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, _PROCESSOR_TIME)
    signal.setitimer(signal.ITIMER_REAL, _WALL_TIME)
    faulthandler.dump_traceback_later(_WALL_TIME * 2, exit=True)  # code in C that never returns
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip((signal.SIGPROF, signal.SIGALRM), old, strict=True):
            signal.signal(number, handler)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if grown > _MEMORY:
        raise TooMuch(f"the reader took {grown // 1024} MiB")


def corpus(*patterns: str, most: int = 40) -> list[bytes]:
    """Return files of the folder in `FLASHC_FUZZ_CORPUS` that match a pattern; none without it."""
    if not _CORPUS:
        return []
    found = [path for pattern in patterns for path in sorted(Path(_CORPUS).rglob(pattern))]
    files = [path for path in found if path.is_file() and path.stat().st_size < 2_000_000]
    step = max(1, len(files) // most)
    return [path.read_bytes() for path in files[::step][:most]]


def report() -> str:
    """Return the number of inputs of each reader."""
    lines = [f"  {name}: {count:,}" for name, count in sorted(tried.items())]
    return "\n".join([f"inputs of readers ({_PROFILE}):", *lines]) if lines else ""
