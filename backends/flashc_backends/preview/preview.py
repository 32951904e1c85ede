"""Run a preview: start the platform and an engine, deploy the artifact, wait until all workers are ready, and watch."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct, structs

from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.platform.artifacts import ArtifactError
from flashc_backends.platform.assembly import LocalPlatform, WorkerFailed
from flashc_backends.platform.engines.base import Engine, EngineError, WorkerKind, WorkerSpec
from flashc_backends.platform.engines.choice import EngineName, start_on_engine
from flashc_backends.platform.engines.owners import this_process
from flashc_backends.platform.engines.process import ProcessEngine
from flashc_backends.platform.faults import Faults
from flashc_backends.platform.fields import Invalid
from flashc_backends.platform.http.page import SHAPE
from flashc_backends.platform.http.port import PortTaken
from flashc_backends.platform.otlp import ExportError
from flashc_backends.platform.state import state_folder
from flashc_backends.platform.store import StoreError
from flashc_core import rules
from flashc_core.diagnostics import Rule

from .addresses import addresses_of
from .plan import PreviewPlan, variables_of
from .registry import Record, make_folder, write_record

READY_SECONDS = 300.0
_LINES = 20  # the last lines that are shown of a worker that does not become ready


class PreviewError(Exception):
    """A preview can't be started; `rule`, the message, `notes` and `help` are those of a finding."""

    def __init__(
        self, rule: Rule, message: str, *, notes: Sequence[str] = (), help: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.rule, self.notes, self.help = rule, tuple(notes), tuple(help)


class Settings(Struct, frozen=True, kw_only=True):
    """The choices of the user for a preview.

    `id` is the id of the preview; None makes a new one.  `engine` "auto" is Docker if its daemon answers, else
    processes.  `image` is the image for all workers, in place of the app's images.  `pull` is False if no image may be
    pulled.  With `port` 0, the platform takes a free port.  `otlp` is the URL of a collector of traces.  `environ` has
    the values of the environment variables to which the program refers.  `faults` are the faults on request.
    """

    id: str | None = None
    engine: EngineName = "auto"
    image: str | None = None
    pull: bool = True
    port: int = 0
    otlp: str | None = None
    ready_seconds: float = READY_SECONDS
    environ: Mapping[str, str] = {}
    faults: Faults = Faults()


class Happening(Struct, frozen=True, kw_only=True):
    """An entry of the platform's journal, with the name of its endpoint.

    `kind` is for example "line" (of a worker), "worker", "job", "request" or "span"; `what` has the entry's contents.
    """

    kind: str
    endpoint: str
    at: float
    what: dict[str, Any]


class Listener(Protocol):
    """Shows what a preview does; the preview calls these methods."""

    def show_phase(self, text: str) -> None:
        """Show what the preview does now; an empty text ends that."""
        ...

    def show_note(self, text: str) -> None:
        """Show a remark."""
        ...

    def show_ready(self, record: Record) -> None:
        """Show that every endpoint answers, with the addresses in the record."""
        ...

    def show_entry(self, happening: Happening) -> None:
        """Show an entry of the platform's journal."""
        ...


def new_id(app: str) -> str:
    """Return an id for a new preview, which begins with the app's name."""
    name = re.sub(r"[^a-z0-9]+", "-", app.lower()).strip("-") or "app"
    return f"{name[:40]}-{secrets.token_hex(3)}"


class Preview:
    """One preview, from its start to its end."""

    def __init__(
        self,
        *,
        plan: PreviewPlan,
        manifest: Manifest,
        artifact: Path,
        project: Path,
        cache: Path,
        settings: Settings,
        listener: Listener,
    ) -> None:
        self.id = settings.id or new_id(plan.app)
        self._plan, self._manifest, self._artifact = plan, manifest, artifact
        self._cache, self._settings, self._listener = cache, settings, listener
        self._record = Record(
            id=self.id,
            owner=this_process(),
            project=str(project),
            app=plan.app,
            started=time.time(),
        )
        self._folder = Path()
        self._engine: Engine | None = None
        self._platform: LocalPlatform | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Start the preview, watch it until `stop` is set, and remove everything.

        Raises:
            PreviewError: the preview can't be started.
        """
        self._folder = _make_folder(self.id)
        write_record(self._folder, self._record)
        starting = asyncio.ensure_future(self._start())
        stopping = asyncio.ensure_future(stop.wait())
        watching: asyncio.Future[None] | None = None
        try:
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                watching = starting.result()
                await stopping
        except PreviewError as error:
            self._update(state="failed", lines=(str(error), *error.notes))
            raise
        finally:
            for task in (starting, stopping, watching):
                if task is not None:
                    task.cancel()
            with suppress(asyncio.CancelledError, PreviewError):
                await starting
            await self._close()

    async def _start(self) -> asyncio.Future[None]:
        """Start the platform and the workers; return the task that passes the journal on to the listener.

        Raises:
            PreviewError: the preview can't be started.
        """
        try:
            self._platform = platform = await self._open()
            assert self._engine is not None
            await self._engine.prepare(self._needs())
            watching = asyncio.ensure_future(self._watch(platform))
            self._listener.show_phase("starting the workers")
            ids = await self._deploy(platform)
            await self._wait_until_ready(platform)
        except EngineError as error:
            raise PreviewError(
                error.rule, str(error), notes=error.notes, help=error.help
            ) from error
        except WorkerFailed as error:
            raise _never_ready(error.label, error.reason, error.lines) from error
        except TimeoutError as error:
            raise self._too_slow() from error
        except (StoreError, ArtifactError, OSError) as error:
            raise disk_error(error) from error
        except Invalid as error:
            raise _not_accepted(error) from error
        self._update(
            state="ready",
            url=platform.base,
            key=platform.key,
            page=platform.page_link(),
            addresses=addresses_of(self._plan, ids, platform.base, platform.key),
            differences=self._engine.differences,
            skipped=self._plan.skipped,
        )
        self._listener.show_ready(self._record)
        return watching

    async def _deploy(self, platform: LocalPlatform) -> dict[str, str]:
        """Deploy the artifact; return the ids of the endpoints by resource."""
        return await platform.deploy(
            self._plan.app,
            self._plan.environment,
            self._deployable_manifest(),
            self._artifact,
            env=self._variables(platform.key),
            least_workers=1,
        )

    async def _wait_until_ready(self, platform: LocalPlatform) -> None:
        """Wait until each endpoint has a ready worker.

        Raises:
            WorkerFailed: a worker ended before it was ready.
            TimeoutError: an endpoint has no ready worker in time.
        """
        await platform.wait_until_ready(self._settings.ready_seconds)

    async def _open(self) -> LocalPlatform:
        """Start the platform on the engine that the user chose; see `start_on_engine`."""
        return await start_on_engine(
            self._settings.engine,
            self._open_on,
            docker=self._make_docker_engine,
            processes=self._make_process_engine,
            note=self._listener.show_note,
        )

    async def _open_on(self, engine: Engine) -> LocalPlatform:
        """Start the platform on an engine; report a port or a collector that can't be used."""
        try:
            platform = await LocalPlatform.start(
                engine,
                folder=self._folder / "platform",
                port=self._settings.port,
                faults=self._settings.faults,
                otlp=self._settings.otlp,
            )
        except ExportError as error:
            raise PreviewError(error.rule, str(error), help=error.help) from error
        except PortTaken as error:
            raise PreviewError(
                rules.PORT_TAKEN,
                f"another program listens on port {self._settings.port}",
                help=("choose another one with `--port`, or omit `--port` to get a free port",),
            ) from error
        self._engine = engine
        self._update(engine=engine.name)
        return platform

    def _make_docker_engine(self) -> Engine:
        """Make the engine for containers."""
        from flashc_backends.platform.engines.docker_engine import DockerEngine

        settings = self._settings
        return DockerEngine(
            cache=self._cache,
            report=self._listener.show_phase,
            image=settings.image,
            pull=settings.pull,
        )

    def _make_process_engine(self) -> Engine:
        """Make the engine for processes."""
        workers = self._folder / "workers"
        workers.mkdir(exist_ok=True)
        return ProcessEngine(
            cache=self._cache,
            folder=workers,
            volumes=state_folder() / "volumes",
            report=self._listener.show_phase,
            warm=True,
        )

    def _deployable_manifest(self) -> dict[str, Any]:
        """Return the manifest without the endpoints that have a prebuilt image."""
        document: dict[str, Any] = json.loads(self._manifest.to_json())
        planned = {endpoint.name for endpoint in self._plan.endpoints}
        kept = {name: entry for name, entry in document["resources"].items() if name in planned}
        for endpoint in self._plan.endpoints:
            if endpoint.shape is not None:
                kept[endpoint.name][SHAPE] = msgspec.to_builtins(endpoint.shape)
        return {**document, "resources": kept}

    def _needs(self) -> list[WorkerSpec]:
        """Return a worker of each endpoint for `Engine.prepare`, with only the fields that decide what it needs."""
        return [
            WorkerSpec(
                worker="",
                endpoint="",
                label=endpoint.name,
                kind=WorkerKind(endpoint.kind),
                artifact=self._folder,
                python=endpoint.python,
                environ={},
                image=endpoint.image,
            )
            for endpoint in self._plan.endpoints
        ]

    def _variables(self, key: str) -> dict[str, dict[str, str]]:
        """Return the variables of each endpoint, without those that the platform sets."""
        found: dict[str, dict[str, str]] = {}
        for name, entry in self._manifest.resources.items():
            found[name] = variables_of(entry, self._settings.environ)
            if entry.makes_remote_calls:
                found[name].setdefault("RUNPOD_API_KEY", key)
        return found

    def _update(self, **changes: Any) -> None:
        """Change fields of the preview's record, and write the record."""
        self._record = structs.replace(self._record, **changes)
        with suppress(OSError):  # a full disk must not end a running preview
            write_record(self._folder, self._record)

    async def _watch(self, platform: LocalPlatform) -> None:
        """Pass the entries of the journal on to the listener, until this task is cancelled."""
        async for entries in platform.journal.follow(0):
            for entry in entries:
                endpoint = platform.control.endpoints.get(str(entry.what.get("endpoint", "")))
                name = endpoint.name if endpoint is not None else ""
                self._listener.show_entry(
                    Happening(kind=entry.kind, endpoint=name, at=entry.at, what=entry.what)
                )

    async def _close(self) -> None:
        """End the workers and the platform, and remove the preview's folder."""
        if self._platform is not None:
            await self._platform.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _too_slow(self) -> PreviewError:
        """Return the error that workers were not ready in time."""
        return PreviewError(
            rules.NEVER_READY,
            f"the workers were not ready in {self._settings.ready_seconds:.0f} s",
            help=("read what they print, or give them more time with `--ready-timeout`",),
        )


def _make_folder(preview: str) -> Path:
    """Make the folder of a preview; raise `PreviewError` if that fails."""
    try:
        return make_folder(preview)
    except OSError as error:
        raise disk_error(error) from error


def disk_error(error: Exception) -> PreviewError:
    """Return the error that the files of a preview can't be written."""
    return PreviewError(
        rules.DISK_FAILED,
        "the files of the preview can't be written",
        notes=(str(error)[:300],),
        help=("free some space, or set FLASHC_STATE_DIR to a folder that can be written",),
    )


def _not_accepted(error: Invalid) -> PreviewError:
    """Return the error that the platform does not accept a value of the app."""
    return PreviewError(
        rules.NEVER_READY,
        f"the platform does not accept the app: {error}",
        help=("correct the parameter of the endpoint",),
    )


def _never_ready(endpoint: str, reason: str, lines: Sequence[str]) -> PreviewError:
    """Return the error that a worker ended before it was ready."""
    return PreviewError(
        rules.NEVER_READY,
        f"a worker of `{endpoint}` ended before it was ready: {reason}",
        notes=tuple(lines[-_LINES:]),
        help=("correct what the worker reports, and start the preview again",),
    )
