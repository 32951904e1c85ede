"""Provide the fixtures, options and markers of pytest for tests of Flash apps.

Everything that takes time is imported when a fixture is used first, because every run of pytest loads this module.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .local import LocalApp
    from .project import Session
    from .running import RunningApp

_FIXTURES = ("flash_app", "flash_local")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("flashc", "Flash apps")
    parser.addini(
        "flash_project",
        "The folder of the Flash app, relative to the configuration file; default: the folder above the tests that "
        "pyproject.toml or the modules of the app are in.",
        default="",
    )
    parser.addini(
        "flash_replay", "Endpoints whose answers come from the recordings.", type="args", default=[]
    )
    parser.addini(
        "flash_recordings",
        "The file of recorded answers, relative to the configuration file.",
        default="flash-recordings.json",
    )
    group.addoption(
        "--flash-record",
        metavar="SOURCE",
        help="Record the answers of the endpoints in `flash_replay`: `local` runs them in this process, `app` on the "
        "local platform; another word is the environment to which they are deployed.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; refuse to record in several processes, which would write the same file.

    Raises:
        UsageError: answers are to be recorded in several processes.
    """
    if config.getoption("--flash-record") and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("--flash-record writes one file: leave out -n")
    config.addinivalue_line(
        "markers", "flash_project(folder): use the Flash app in this folder, relative to the test"
    )
    config.addinivalue_line(
        "markers",
        "flash_replay(*endpoints): take the answers of these endpoints from the recordings",
    )
    config.addinivalue_line(
        "markers",
        "flash_faults(*faults, seed=0): make these faults happen on the local platform during the test",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the marker `flash_faults` use the fixture of the same name."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("flash_faults"):
            if "flash_faults" not in item.fixturenames:
                item.fixturenames.append("flash_faults")


_marks: pytest.StashKey[list[tuple[RunningApp, int]]] = pytest.StashKey()
_problems: pytest.StashKey[list[str]] = pytest.StashKey()
_reports: pytest.StashKey[list[str]] = pytest.StashKey()
_has_failed: pytest.StashKey[bool] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what workers have printed during a test, and why there is no recorded answer, to its report if it fails."""
    report = yield
    if report.failed:
        item.stash[_has_failed] = True
        for app, begin in item.stash.get(_marks, []):
            lines = app.printed[begin:]
            if lines:
                report.sections.append(("Captured output of workers", "\n".join(lines)))
        item.stash[_marks] = []
        problems: list[str] = item.stash.get(_problems, [])
        if problems:
            report.sections.append(("Recorded answers", "\n".join(dict.fromkeys(problems))))
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what flashc finds in an app that can't be built, once."""
    reports: list[str] = config.stash.get(_reports, [])
    for report in dict.fromkeys(reports):
        terminalreporter.section("findings of flashc", red=True)
        terminalreporter.write_line(report.rstrip())


@pytest.fixture(scope="session")
def _flash_sessions(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Path], Session]]:
    """Return what opens the apps of this test run by their folders; they end with the run."""
    from .project import Session

    found: dict[Path, Session] = {}
    with ExitStack() as stack:

        def open_session(folder: Path) -> Session:
            """Return the session for the app in a folder."""
            if folder not in found:
                config = request.config
                scratch = tmp_path_factory.mktemp("flash")
                found[folder] = stack.enter_context(Session(folder, scratch, config))
            return found[folder]

        yield open_session
        for session in found.values():
            stale = session.stale()
            if stale:
                request.config.stash.setdefault(_reports, []).append(stale)


@pytest.fixture
def flash_session(
    request: pytest.FixtureRequest, _flash_sessions: Callable[[Path], Session]
) -> Session:
    """Return the app that the test belongs to."""
    from .project import folder_for

    marker = request.node.get_closest_marker("flash_project")
    if marker is not None and len(marker.args) != 1:
        raise _failed("the marker flash_project needs one folder")
    folder = folder_for(request.config, request.path, marker.args[0] if marker else None)
    if not folder.is_dir():
        raise _failed(f"there is no folder {folder}")
    return _flash_sessions(folder)


@pytest.fixture
def flash_app(request: pytest.FixtureRequest, flash_session: Session) -> RunningApp:
    """Return the app on the local platform, with workers as processes; it is started once and ends with the run."""
    with _findings_shown_once(request.config):
        app = flash_session.running
    request.node.stash.setdefault(_marks, []).append((app, len(app.printed)))
    return app


@pytest.fixture
def flash_fresh_app(flash_app: RunningApp) -> RunningApp:
    """Return the app on the local platform with new workers, which know nothing of earlier tests."""
    flash_app.replace_workers()
    return flash_app


@pytest.fixture
def flash_faults(
    request: pytest.FixtureRequest, flash_app: RunningApp
) -> Iterator[Callable[..., None]]:
    """Return a function that makes faults happen until the test ends; the marker calls it before the test."""

    def make_happen(*faults: Any, seed: int = 0) -> None:
        """Replace the faults that happen."""
        flash_app.set_faults(faults, seed=seed)

    marker = request.node.get_closest_marker("flash_faults")
    if marker is not None:
        make_happen(*marker.args, **marker.kwargs)
    yield make_happen
    flash_app.set_faults(())


@pytest.fixture
def flash_local(request: pytest.FixtureRequest, flash_session: Session) -> Iterator[LocalApp]:
    """Return the app in the process of the test; each test has its own, so no state is left from other tests."""
    marker = request.node.get_closest_marker("flash_replay")
    replayed = marker.args if marker else request.config.getini("flash_replay")
    with _findings_shown_once(request.config):
        opened = flash_session.open_local(replayed)
        app, replay = request.getfixturevalue("_flash_stack").enter_context(opened)
    request.node.stash[_problems] = replay.problems
    yield app
    if replay.problems and not request.node.stash.get(_has_failed, False):
        pytest.fail("\n".join(dict.fromkeys(replay.problems)), pytrace=False)


@pytest.fixture
def _flash_stack() -> Iterator[ExitStack]:
    """Return a stack that is closed when the test ends."""
    with ExitStack() as stack:
        yield stack


@contextmanager
def _findings_shown_once(config: pytest.Config) -> Generator[None, None, None]:
    """Fail the test in one line if the app can't be built; the end of the run shows the findings."""
    from .building import NotBuilt
    from .recordings import RecordingError
    from .targets import UnknownTarget

    try:
        yield
    except (RecordingError, UnknownTarget) as error:
        raise _failed(str(error)) from None
    except NotBuilt as error:
        reports = config.stash.setdefault(_reports, [])
        shown = error.report.partition("\n")[0]
        if hasattr(config, "workerinput") and not reports:
            shown = error.report  # a process of pytest-xdist can't print at the end of the run
        reports.append(error.report)
        raise _failed(f"the app can't be built or started: {shown}") from None


def _failed(reason: str) -> BaseException:
    """Return the exception that fails a test and is shown as its message alone."""
    return pytest.fail.Exception(reason, pytrace=False)
