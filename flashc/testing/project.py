"""Find the app that a test belongs to, and build and start it when a test needs it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

from flashc.api.result import render_diagnostics
from flashc_backends.cloud.keys import VARIABLE as KEY_VARIABLE
from flashc_core import rules
from flashc_core.credentials import looks_like_credential
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile

from .building import BuiltApp, NotBuilt, UnpackedApp, build_app, unpack_app
from .recorded_requests import of_endpoint
from .recordings import Ask, Calls, Recording, Recordings, Replay, Send, canonical, name_of
from .stale_recordings import Contracts

if TYPE_CHECKING:  # few test runs need both kinds of apps
    from .local import LocalApp
    from .local_api import Answers
    from .running import RunningApp

_SHOWN = 100  # characters of arguments
_SIGNS = ("pyproject.toml", ".flash", "requirements.txt")


def folder_for(config: pytest.Config, test: Path, marked: str | None) -> Path:
    """Return the folder of the app that a test belongs to.

    It is the folder that the marker names, relative to the test; else that of the option `flash_project`; else the
    nearest folder above the test with a `pyproject.toml`, a `requirements.txt` or a `.flash`; else pytest's root folder.
    """
    if marked is not None:
        return (test.parent / marked).resolve()
    chosen = config.getini("flash_project")
    if chosen:
        return (config.rootpath / str(chosen)).resolve()
    for folder in test.parents:
        if any((folder / sign).exists() for sign in _SIGNS):
            return folder.resolve()
    return config.rootpath.resolve()


def _report_stale(recording: Recording, problem: str, sink: Sink, file: str) -> None:
    """Report a recorded answer that does not fit the program any more."""
    name = name_of(recording.endpoint, recording.function)
    sink.report(
        rules.STALE_RECORDING,
        WholeFile(file),
        f"the recorded answer of {name} for {canonical(recording.arguments)[:_SHOWN]} is stale: {problem}",
        help=("`pytest --flash-record=local`, `app` or an environment records it again",),
    )


class Session:
    """An app during a test run: it is built and started at most once, and ends with the run."""

    def __init__(self, folder: Path, scratch: Path, config: pytest.Config) -> None:
        self.folder, self._scratch, self._config = folder, scratch, config
        self._stack = ExitStack()
        self._replayed: set[str] = set()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @cached_property
    def _built(self) -> BuiltApp | NotBuilt:
        """The artifact, or why there is none."""
        try:
            return build_app(self.folder)
        except NotBuilt as error:
            return error

    @cached_property
    def _started(self) -> RunningApp | NotBuilt:
        """The running app, or why it does not run."""
        from .running import running

        if isinstance(self._built, NotBuilt):
            return self._built
        try:
            return self._stack.enter_context(running(self._built))
        except NotBuilt as error:
            return error

    @cached_property
    def _unpacked(self) -> UnpackedApp | NotBuilt:
        """The files of the artifact, or why there are none."""
        try:
            return unpack_app(self.folder, self._scratch / "artifact")
        except NotBuilt as error:
            return error

    @property
    def running(self) -> RunningApp:
        """The running app.

        Raises:
            NotBuilt: the app can't be built or started.
        """
        if isinstance(self._started, NotBuilt):
            raise self._started
        return self._started

    @property
    def unpacked(self) -> UnpackedApp:
        """The files of the artifact.

        Raises:
            NotBuilt: the app can't be compiled.
        """
        if isinstance(self._unpacked, NotBuilt):
            raise self._unpacked
        return self._unpacked

    @cached_property
    def _contracts(self) -> Contracts:
        """The contracts of the app's functions and routes."""
        return Contracts(self.unpacked.program)

    @cached_property
    def _recordings(self) -> Recordings:
        """The recorded answers; new ones are written when the run ends."""
        environ = self.unpacked.workspace.environment
        secrets = (
            value
            for name, value in environ.items()
            if name == KEY_VARIABLE or looks_like_credential(name, value)
        )
        path = self._config.rootpath / str(self._config.getini("flash_recordings"))
        recordings = Recordings(path, secrets)
        self._stack.callback(recordings.save)
        return recordings

    @contextmanager
    def open_local(self, replayed: Iterable[str]) -> Generator[tuple[LocalApp, Replay], None, None]:
        """Open the app in this process until the block ends.

        Yield the app, and the `Replay` that gives recorded answers for the endpoints in `replayed`.

        Raises:
            NotBuilt: the app can't be compiled.
            RecordingError: the recordings can't be used.
            UnknownTarget: `replayed` has a name of no endpoint.
        """
        from .local import LocalApp
        from .local_api import Answers

        answers: dict[str, Answers] = {}
        app = LocalApp(self.unpacked, answers)
        replay = Replay(self._recordings, self._calls(app))
        for name in replayed:
            resource = app.targets.replayable(name)
            self._replayed.add(resource)
            answers[resource] = Answers(replay.answer, replay.answer_request)
        try:
            yield app, replay
        finally:
            app.close()

    def _calls(self, app: LocalApp) -> Calls:
        """Return the functions that make the keys of recorded calls, and those that get new answers to record."""
        source = self._source(app)
        return Calls(
            key_of=app.targets.recorded_call,
            request_key=app.targets.recorded_request,
            ask=None if source is None else source[0],
            send=None if source is None else source[1],
            digest_of=self._contracts.digest,
            problem_of=self._contracts.problem,
        )

    def _source(self, app: LocalApp) -> tuple[Ask, Send] | None:
        """Return the functions that get the answers to record, as `--flash-record` chooses; None without this option."""
        chosen: str | None = self._config.getoption("--flash-record")
        match chosen:
            case None:
                return None
            case "local":
                return app.run_own_code, app.send_to_own_code
            case "app":
                return (
                    lambda resource, function, given: self.running.run_job(
                        resource, function, given
                    ),
                    lambda resource, request: of_endpoint(self.running.send_on(resource, request)),
                )
            case environment:
                from .deployed import DeployedApp

                manifest, workspace = self.unpacked.manifest, self.unpacked.workspace
                there = DeployedApp(manifest.project_name, environment, workspace.environment)
                return (
                    there.run_job,
                    lambda resource, request: of_endpoint(there.send_on(resource, request)),
                )

    def stale(self) -> str:
        """Return the findings about recorded answers that are stale, as text; "" if there are none.

        They are about the endpoints whose answers a test has replayed; a run that records removes them.
        """
        if not self._replayed:
            return ""
        found = [
            (each, problem)
            for endpoint in sorted(self._replayed)
            for each in self._recordings.of(endpoint)
            if (problem := self._contracts.problem(each)) is not None
        ]
        if self._config.getoption("--flash-record"):
            self._recordings.remove(each for each, _ in found)
            return ""
        sink = Sink()
        for recording, problem in found:
            _report_stale(recording, problem, sink, str(self._config.getini("flash_recordings")))
        return render_diagnostics(self.unpacked.workspace, sink) if found else ""
