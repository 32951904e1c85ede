"""Start and stop a whole platform: its store, its core, its workers, its APIs and its port."""

from __future__ import annotations

import asyncio
import gc
import secrets
import shutil
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flashc_core.files import replacing

from .artifacts import Artifacts
from .control import Control
from .core import Core
from .deploy import deploy_artifact
from .engines.base import Engine
from .faults import Faults
from .fleet import Fleet
from .http.app import PlatformApp
from .http.auth import Gate
from .http.balance import Balancer
from .http.faults import FaultApi
from .http.graphql import GraphqlApi
from .http.graphql_root import Logins
from .http.job_api import JobApi
from .http.management import Management
from .http.page import Page
from .http.port import Port, bind
from .http.rest import RestApi
from .http.tls import Authority
from .http.worker_api import WorkerApi
from .journal import Journal
from .otlp import Exporter
from .store import Store
from .upstream import Upstream
from .webhooks import Webhooks

_NO_FAULTS = Faults()
# With Python's default thresholds, garbage collection takes a tenth of the time of a job.
_GARBAGE = (50_000, 50, 100)


class WorkerFailed(Exception):
    """A worker ended before it was ready; `label` is the endpoint's name, `lines` are the worker's last lines."""

    def __init__(self, label: str, reason: str, lines: list[str]) -> None:
        super().__init__(f"a worker of {label} ended before it was ready: {reason}")
        self.label = label
        self.reason = reason
        self.lines = lines


class LocalPlatform:
    """A platform in this process.  `base` is its URL, `key` its API key."""

    def __init__(
        self,
        engine: Engine | None,
        folder: Path,
        *,
        key: str,
        durable: bool,
        retired: frozenset[str],
        faults: Faults = _NO_FAULTS,
        exporter: Exporter | None = None,
    ) -> None:
        self.folder = folder
        self.key = key
        self.port = 0
        self.store = Store(folder, durable=durable)
        self.journal = Journal()
        self.core = Core(self.store, self.journal)
        self.core.faults.replace_faults(faults)
        self.core.faults.name_of = self._name
        self.control = Control(self.store, self.core, Artifacts(folder / "artifacts"))
        self.authority = Authority(folder)
        self.upstream = Upstream()
        self.engine = engine
        self.fleet: Fleet | None = None
        if engine is not None:
            self.fleet = Fleet(self.core, engine, self.upstream, self.control.make_spec)
            self.control.fleet = self.fleet
        self.core.spans.label = self._name
        self._exporter = exporter
        if exporter is not None:
            self.core.spans.export = exporter.export
        self._retired = retired
        self._tasks: list[asyncio.Task[Any]] = []
        self._port: Port | None = None
        self._gate: Gate | None = None

    @property
    def base(self) -> str:
        """The URL of the platform on this machine, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def page_link(self) -> str:
        """Return a link to the platform's page; the link works once, and admits the browser that opens it."""
        assert self._gate is not None
        return f"{self.base}/?token={self._gate.sessions.new_token()}"

    @classmethod
    async def start(
        cls,
        engine: Engine | None,
        *,
        folder: Path,
        port: int = 0,
        key: str | None = None,
        durable: bool = False,
        retired: frozenset[str] = frozenset(),
        faults: Faults = _NO_FAULTS,
        otlp: str | None = None,
    ) -> LocalPlatform:
        """Start the platform with its state in `folder`.

        With port 0, a free port is taken.  Without `key`, the key in the folder is used.  The APIs in `retired`
        ("rest-v1", "graphql") answer with status 410.  `faults` are the faults on request.  `otlp` is the URL of a
        collector of traces.

        Raises:
            StoreError: the state can't be read.
            EngineError: the engine can't be used.
            PortTaken: another program listens on the port.
            ExportError: traces can't be exported.
            OSError: a file of the folder can't be read or written.
        """
        exporter = Exporter(otlp) if otlp is not None else None
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        key = key or ensure_key(folder)
        platform = cls(
            engine,
            folder,
            key=key,
            durable=durable,
            retired=retired,
            faults=faults,
            exporter=exporter,
        )
        try:
            await platform._start(port)
        except BaseException:
            await platform.close()
            raise
        return platform

    async def _start(self, port: int) -> None:
        """Open the port and the engine; then start everything that runs in the background."""
        listeners = [bind("127.0.0.1", port)]
        self.port = int(listeners[0].getsockname()[1])
        with suppress(OSError):  # the machine may have no IPv6
            listeners.append(bind("::1", self.port))
        addresses: set[str] = set()
        try:
            if self.engine is not None:
                await self.engine.open()
                addresses.add(self.engine.platform_host)
                if self.engine.platform_host != "127.0.0.1":
                    listeners.append(bind(self.engine.platform_host, self.port))
            host = self.engine.platform_host if self.engine is not None else "127.0.0.1"
            self.control.base = f"http://{host}:{self.port}"
            self._listen(listeners, frozenset(addresses))
        except BaseException:
            for listener in listeners:
                listener.close()
            raise

    def _listen(self, listeners: list[socket.socket], addresses: frozenset[str]) -> None:
        """Start everything that runs in the background, then accept connections."""
        gc.set_threshold(*_GARBAGE)
        self.store.start()
        jobs = JobApi(self.core)
        webhooks = Webhooks(self.store, jobs.view)
        self.core.on_webhook_due = webhooks.wake
        logins = Logins(self.key)
        self._gate = gate = Gate(self.key, addresses)
        app = PlatformApp(
            gate=gate,
            page=Page(gate, self.control, self.core),
            faults=FaultApi(self.core.faults),
            management=Management(lambda: self.core.faults.limits),
            control=self.control,
            journal=self.journal,
            spans=self.core.spans,
            logins=logins,
            jobs=jobs,
            workers=WorkerApi(self.core),
            balancer=Balancer(
                self.core, self.upstream, self.fleet.addresses if self.fleet is not None else {}
            ),
            graphql=GraphqlApi(self.control, logins, retired="graphql" in self._retired),
            rest=RestApi(self.control, self.core, retired="rest-v1" in self._retired),
        )
        self.control.start()
        self._tasks = [asyncio.ensure_future(work) for work in (self.core.run(), webhooks.run())]
        if self.fleet is not None:
            self._tasks.append(asyncio.ensure_future(self.fleet.run()))
        self._port = Port(app, self.authority.context(), self.key)
        for listener in listeners:
            self._port.listen(listener)

    async def deploy(
        self,
        app: str,
        environment: str,
        manifest: dict[str, Any],
        artifact: Path,
        *,
        env: Mapping[str, Mapping[str, str]] | None = None,
        least_workers: int | None = None,
    ) -> dict[str, str]:
        """Deploy an artifact as `flash deploy` does; return the ids of the endpoints by resource.

        `artifact` is an archive, which is copied, or a folder with an unpacked artifact, which is moved; the folder has
        to be on the same disk as the state.  `env` are further variables, by resource.  `least_workers` replaces the
        minimum number of workers of every endpoint.

        Raises:
            ArtifactError: the artifact can't be read.
            Invalid: the platform does not accept a value of the manifest.
            StoreError: a change can't be stored.
            OSError: the artifact can't be copied or moved.
        """
        key = self.control.artifacts.new_key()
        if artifact.is_dir():
            tree = self.control.artifacts.folder(key)
            tree.parent.mkdir(parents=True, exist_ok=True)
            artifact.rename(tree)
        else:
            archive = self.control.artifacts.archive(key)
            archive.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(shutil.copyfile, artifact, archive)
        return await deploy_artifact(
            self.control, app, environment, manifest, key, self.key, env or {}, least_workers
        )

    async def wait_until_ready(self, timeout: float, *, since: int = 0) -> None:
        """Wait until every endpoint whose minimum number of workers is not 0 has a ready worker.

        Only the journal's entries after the number `since` are read.

        Raises:
            WorkerFailed: a worker ended before it was ready.
            TimeoutError: an endpoint has no ready worker after `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            number = since
            while self._has_unready_endpoint():
                async for entries in self.journal.follow(number):
                    for entry in entries:
                        number = entry.number
                        if entry.kind == "worker" and entry.what["state"] == "crashed":
                            self._fail(entry.what)
                    if entries:
                        break

    def _has_unready_endpoint(self) -> bool:
        """Return whether an endpoint that needs workers has no ready worker."""
        return any(
            dispatcher.pool.limits.least > 0
            and not dispatcher.pool.closed
            and not any(True for _ in dispatcher.pool.ready())
            for dispatcher in self.core.dispatchers.values()
        )

    def _fail(self, what: dict[str, Any]) -> None:
        """Raise `WorkerFailed` for a worker that ended before it was ready; `what` is its entry of the journal."""
        label = self._name(what["endpoint"])
        raise WorkerFailed(label, what.get("reason", "it ended"), what["lines"])

    def _name(self, endpoint_id: str) -> str:
        """Return the name of an endpoint; if the endpoint is deleted, its id."""
        endpoint = self.control.endpoints.get(endpoint_id)
        return endpoint.name if endpoint is not None else endpoint_id

    async def close(self) -> None:
        """Stop the workers, close the port and the store, and export the last spans."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.core.faults.close()
        if self.fleet is not None:
            await self.fleet.close()
        self.journal.close()
        if self._port is not None:
            await self._port.close()
        self.upstream.close()
        if self.store.is_started:
            self.core.spans.flush()
        self.store.close()
        if self._exporter is not None:
            await self._exporter.close()


def ensure_key(folder: Path) -> str:
    """Read the API key from a state folder, and return it; make the key the first time.

    The key stays the same, because the variables of deployed endpoints contain it.

    Raises:
        OSError: the file of the key can't be read or written.
    """
    path = folder / "key"
    if not path.exists():
        with replacing(path, mode=0o600) as temporary:
            temporary.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return path.read_text(encoding="ascii")
