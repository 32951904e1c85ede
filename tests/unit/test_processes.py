"""Work on all processors: results in order, errors, killed processes, and the process that is started ahead."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from flashc_core.processes import Prefork, in_background, on_all_processors


def children() -> set[int]:
    """Return the processes that this one has started and not waited for, those that have ended too."""
    threads = Path("/proc/self/task").iterdir()
    return {int(child) for each in threads for child in (each / "children").read_text().split()}


def test_processes_are_forked_only_where_no_thread_is_lost() -> None:
    mine = str(os.getpid()).encode()

    def here(_: int) -> bytes:
        return str(os.getpid()).encode()

    forks = (
        sys.platform == "linux"
        and threading.active_count() == 1
        and len(os.sched_getaffinity(0)) > 1
    )
    assert (mine not in set(on_all_processors(here, 4))) == forks
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert set(on_all_processors(here, 4)) == {mine}
    done.set()
    thread.join()


def test_an_error_in_another_process_is_raised_here() -> None:
    def fail(number: int) -> bytes:
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"[0-3]"):
        list(on_all_processors(fail, 4))


def test_what_a_killed_process_leaves_is_done_here() -> None:
    mine = os.getpid()

    def work(number: int) -> bytes:
        if number == 5 and os.getpid() != mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return str(number).encode()

    assert list(on_all_processors(work, 9)) == [str(number).encode() for number in range(9)]


def test_nobody_waits_for_what_is_not_wanted_any_more() -> None:
    def work(number: int) -> bytes:
        time.sleep(60 * number)
        return b""

    started, before = time.monotonic(), children()
    results = on_all_processors(work, 4)
    assert next(results) == b""
    results.close()
    assert time.monotonic() - started < 30
    assert children() <= before


_ENDED = """
import os, sys, time
from flashc_core.processes import on_all_processors
def work(number):
    print(os.getpid(), flush=True)
    time.sleep(60)
    return b""
list(on_all_processors(work, 2))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_the_one_that_started_it(how: signal.Signals) -> None:
    command = [sys.executable, "-c", _ENDED]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.send_signal(how)
        ended = time.monotonic()
        parent.stdout.read()  # until nobody holds the other end any more
    assert time.monotonic() - ended < 30


def test_without_a_process_to_be_had_everything_is_done_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", fail)
    assert list(on_all_processors(lambda number: str(number).encode(), 3)) == [b"0", b"1", b"2"]


# A process that is started before its work is known --------------------------------------------


def nothing() -> None:
    """Prepare nothing."""


def process_id(_: int) -> bytes:
    return str(os.getpid()).encode()


def square(number: int) -> bytes:
    return str(number**2).encode()


def fail(number: int) -> bytes:
    raise ValueError(number)


def end_in_other_process(mine: int, number: int) -> bytes:
    if os.getpid() != mine:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def end_in_second_process(mine: int, number: int) -> bytes:
    """End the process if the process that was started ahead has forked it."""
    time.sleep(0.05)  # so that each process gets a number
    if mine not in (os.getpid(), os.getppid()):
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def test_work_in_the_background_is_done_once_and_by_another_process_if_that_is_safe() -> None:
    wait = in_background(os.getpid)
    found = wait()
    assert (found != os.getpid()) == (sys.platform == "linux" and threading.active_count() == 1)


def test_an_error_in_the_background_is_raised_where_the_result_is_taken() -> None:
    wait = in_background(partial(int, "no number"))
    with pytest.raises(ValueError, match="no number"):
        wait()


def test_work_in_the_background_that_is_killed_is_done_here() -> None:
    mine = os.getpid()

    def work() -> int:
        if os.getpid() != mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    assert in_background(work)() == mine


def test_work_in_the_background_that_nobody_waits_for_ends() -> None:
    before = children()
    wait = in_background(partial(time.sleep, 3600))
    del wait
    assert children() <= before


def process_and_parent(_: int) -> bytes:
    time.sleep(0.05)
    return f"{os.getpid()} {os.getppid()}".encode()


@pytest.fixture
def prefork() -> Iterator[Prefork]:
    found = Prefork.start(nothing)
    needs = "these tests need Linux, two processors and one thread"
    assert found is not None, (needs, threading.enumerate())
    yield found
    found.close()


def test_it_does_work_that_is_given_later_again_and_again(prefork: Prefork) -> None:
    mine = str(os.getpid()).encode()
    [first] = on_all_processors(process_id, 1, least=1, prefork=prefork)
    [second] = on_all_processors(process_id, 1, least=1, prefork=prefork)
    assert first == second != mine
    squares = [str(number**2).encode() for number in range(50)]
    assert list(on_all_processors(square, 50, prefork=prefork)) == squares


def test_it_prepares_while_nobody_waits(tmp_path: Path) -> None:
    file = tmp_path / "prepared"
    prefork = Prefork.start(partial(file.write_text, "yes"))
    assert prefork is not None
    assert list(on_all_processors(square, 1, least=1, prefork=prefork)) == [b"0"]
    assert file.read_text() == "yes"
    prefork.close()


def test_its_errors_are_raised_here_and_it_is_not_used_again(prefork: Prefork) -> None:
    with pytest.raises(ValueError, match=r"[0-3]"):
        list(on_all_processors(fail, 4, prefork=prefork))
    assert list(on_all_processors(square, 3, prefork=prefork)) == [b"0", b"1", b"4"]


@pytest.mark.parametrize("count", [1, 9])
def test_what_it_leaves_when_it_is_killed_is_done_here(prefork: Prefork, count: int) -> None:
    work = partial(end_in_other_process, os.getpid())
    squares = [str(number**2).encode() for number in range(count)]
    for _ in range(2):
        assert list(on_all_processors(work, count, least=1, prefork=prefork)) == squares


def test_it_forks_the_others_itself_so_that_they_are_prepared_too(prefork: Prefork) -> None:
    for _ in range(2):
        found = set(on_all_processors(process_and_parent, 40, prefork=prefork))
        parent_of = dict(each.decode().split() for each in found)
        assert len(parent_of) == min(len(os.sched_getaffinity(0)), 8)
        [ahead] = [process for process, parent in parent_of.items() if int(parent) == os.getpid()]
        assert {parent for process, parent in parent_of.items() if process != ahead} == {ahead}


def test_what_a_process_that_it_forked_leaves_is_done_here(prefork: Prefork) -> None:
    work = partial(end_in_second_process, os.getpid())
    squares = [str(number**2).encode() for number in range(9)]
    for _ in range(2):
        assert list(on_all_processors(work, 9, prefork=prefork)) == squares


def test_no_process_that_it_forked_outlives_it() -> None:
    prefork = Prefork.start(nothing)
    assert prefork is not None
    results = on_all_processors(process_and_parent, 1000, prefork=prefork)
    processes = {int(next(results).split()[0]) for _ in range(20)}
    results.close()
    ended = time.monotonic()
    while any(Path(f"/proc/{process}/exe").exists() for process in processes):  # not a zombie's
        assert time.monotonic() - ended < 30


def test_one_that_could_not_prepare_is_done_without() -> None:
    prefork = Prefork.start(partial(os._exit, 1))
    assert prefork is not None
    assert list(on_all_processors(square, 3, prefork=prefork)) == [b"0", b"1", b"4"]
    prefork.close()


def test_results_that_nobody_takes_stop_it() -> None:
    before = children()
    prefork = Prefork.start(nothing)
    assert prefork is not None
    assert len(children() - before) == 1
    results = on_all_processors(square, 1000, prefork=prefork)
    assert next(results) == b"0"
    results.close()
    assert list(on_all_processors(square, 2, prefork=prefork)) == [b"0", b"1"]
    assert children() <= before


def test_none_is_started_where_python_has_no_file_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pythons for an old C library, such as those of conda, have no `memfd_create`."""
    monkeypatch.delattr(os, "memfd_create")
    assert Prefork.start(nothing) is None


@pytest.mark.parametrize("after", range(4))
def test_one_that_can_not_open_its_files_leaves_none_open(
    after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, made = os.pipe, iter(range(after))

    def limited() -> tuple[int, int]:
        if next(made, None) is None:
            raise OSError(errno.EMFILE, "Too many open files")
        return pipe()

    monkeypatch.setattr(os, "pipe", limited)
    before = set(os.listdir("/proc/self/fd"))
    assert Prefork.start(nothing) is None
    assert set(os.listdir("/proc/self/fd")) == before
