"""Fixtures that tests share: separate environments, created once per session."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import fuzzing
from tests.support.docker_daemon import REQUIRED, NoDaemon, daemon
from tests.support.environments import shared_environment
from tests.support.interpreters import oldest_worker_python
from tests.support.profiles import chosen, use_profile
from tests.support.pytest_runs import TEMPORARY
from tests.support.runtime_threads import end_runtime_threads

_PATIENCE = 5  # seconds until a thread has ended that was told to

# A shell starts a command in the background with SIGINT ignored, and the processes that tests start and
# interrupt would inherit this.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Tests start flashc hundreds of times, and each start would compile all of its modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
use_profile()  # before the tests are imported, whose settings start from the profile


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-snapshots`, which the tests of pages use."""
    parser.addoption(
        "--update-snapshots",
        action="store_true",
        default=False,
        help="write what flashc prints into the chapters; review the difference with `git diff`",
    )


def pytest_collection_finish() -> None:
    """Let Python not look for garbage among the modules of all tests and of flashc again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def updating(request: pytest.FixtureRequest) -> bool:
    """Return whether snapshots are to be rewritten."""
    return bool(request.config.getoption("--update-snapshots", default=False))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the whole run, also if it has several processes."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def incumbent(shared_folder: Path) -> Path:
    """The real `flash` command, in a separate environment."""
    return shared_environment(shared_folder / "incumbent", "runpod-flash").with_name("flash")


@pytest.fixture(scope="session")
def successor(shared_folder: Path) -> Path:
    """The `rp` of the successor of the incumbent."""
    folder = shared_folder / "successor"
    return shared_environment(folder, "runpod==2.0.0rc2", "pip").with_name("rp")


@pytest.fixture(scope="session")
def docker_address() -> Iterator[str]:
    """The address of a Docker daemon; tests that need it are skipped where there can't be one."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(daemon())
        except NoDaemon as error:
            if os.environ.get(REQUIRED) == "required":
                raise
            pytest.skip(str(error))
        yield address


@pytest.fixture
def docker_host(docker_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The daemon's address, which this test's Docker clients use."""
    monkeypatch.setenv("DOCKER_HOST", docker_address)
    return docker_address


@pytest.fixture(autouse=True)
def plain_environment(
    monkeypatch: pytest.MonkeyPatch, cache_folder: Path, state_folder: Path, runs_folder: Path
) -> None:
    """Tests do not see the variables by which a user's shell could change a build, nor the user's cache and options."""
    for name in list(os.environ):
        if name.startswith(("FLASH", "RUNPOD_")) or name == "SOURCE_DATE_EPOCH":
            monkeypatch.delenv(name)
    monkeypatch.setenv("FLASHC_CACHE_DIR", str(cache_folder))
    monkeypatch.setenv("FLASHC_CONFIG_FILE", str(cache_folder / "no-config.toml"))
    monkeypatch.setenv("FLASHC_STATE_DIR", str(state_folder))
    monkeypatch.setenv(TEMPORARY, str(runs_folder))


@pytest.fixture(autouse=True, scope="module")
def no_thread_stays() -> Iterator[None]:
    """The threads that the tests of a module start end with them.

    A process that has threads is not forked, so that other tests would find other ways taken.
    """
    before = set(threading.enumerate())
    yield
    end_runtime_threads()
    left = set(threading.enumerate()) - before
    if left:
        gc.collect()  # the threads of an app's pool end with it
    for thread in left:
        thread.join(_PATIENCE)
    assert not [thread for thread in left if thread.is_alive()]


@pytest.fixture(scope="session")
def cache_folder(shared_folder: Path) -> Path:
    """One cache for the whole run, also if it has several processes, so that packages are installed once."""
    folder = shared_folder / "cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where flashc keeps what runs, such as previews; each process has its own."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of pytest that tests start have their temporary folders.

    Runs that share this folder delete what older runs left there, and one that finds another deleting the same
    fails where warnings are errors.
    """
    return tmp_path_factory.mktemp("runs")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say under which Python the runtime was tested, and how hard the property tests tried."""
    terminalreporter.write_line(f"oldest Python for workers here: {oldest_worker_python()}")
    terminalreporter.write_line(f"profile of Hypothesis: {chosen()}")
    if fuzzing.SECONDS:
        terminalreporter.write_line(fuzzing.report())
