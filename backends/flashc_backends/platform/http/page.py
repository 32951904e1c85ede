"""Serve the platform's page: its files, the data that it shows, and the link that admits a browser."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Raw

from flashc_backends.platform.client_jobs import ClientJobs
from flashc_backends.platform.control import Control
from flashc_backends.platform.core import Core
from flashc_backends.platform.dispatcher import Dispatcher
from flashc_backends.platform.faults import schema as schema_of_faults
from flashc_backends.platform.journal import Entry
from flashc_backends.platform.records import Endpoint, Job
from flashc_backends.platform.tracing import position_of
from flashc_core.documents import parse_json

from .asgi import Headers, Refused, Request
from .auth import Gate

SHAPE = "flashcShape"
"""The key of the manifest that describes how clients call a resource; see `flashc_backends.preview.forms`."""
_TYPES = {
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "svg": b"image/svg+xml",
}
_NAMES = (
    "index.html",
    "locked.html",
    "style.css",
    "icon.svg",
    "start.js",
    "app.js",
    "state.js",
    "graph.js",
    "form.js",
    "request.js",
    "words.js",
    "endpoint.js",
    "calls.js",
    "call.js",
    "trace.js",
    "faults.js",
    "log.js",
    "vendor/htm-preact.js",
)
_SECURITY: Headers = [
    (
        b"content-security-policy",
        b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_RECENT = 2000  # events of the past for a page that is opened
_RECENT_LINES = 500  # lines of workers among these events
_LINES = 200  # lines that are shown for a job
_HAPPENED = 50  # faults that are shown


class Page:
    """The page at the root of the platform."""

    def __init__(self, gate: Gate, control: Control, core: Core) -> None:
        self._gate, self._control, self._core = gate, control, core
        self._jobs = ClientJobs(core)

    async def serve_root(self, request: Request) -> None:
        """Answer with the page; if the query has a token, set a cookie and redirect to the page."""
        token = request.query.get("token")
        cookie = self._gate.sessions.redeem(token) if token else None
        if cookie is not None:
            headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), *_SECURITY]
            await request.send_head(303, headers)
            await request.send_part(b"see /", more=False)
            return
        admitted = self._gate.has_key(request)
        await self._send_page(request, 200 if admitted else 401, "index" if admitted else "locked")

    async def _send_page(self, request: Request, status: int, name: str) -> None:
        """Answer with the HTML file `NAME.html`."""
        await _send_file(request, status, f"{name}.html")

    async def serve(self, request: Request, path: str) -> None:
        """Answer with a file of the page, or with data for it.

        Raises:
            Refused: there is no such file or data, or the browser was not admitted.
            StoreError: the spans of a trace can't be read.
        """
        # `locked.html`, which browsers get that are not admitted, needs these files too.
        if path in ("style.css", "icon.svg"):
            await _send_file(request, 200, path)
            return
        self._gate.check_key(request)
        first, _, rest = path.partition("/")
        match first:
            case "link" if request.method == "POST":
                token = self._gate.sessions.new_token()
                await request.reply_json(200, {"path": f"/?token={token}"})
            case "state":
                state = self._state()
                if "recent" in request.query:
                    state["recent"] = _recent(self._core.journal.after(0))
                await request.reply(200, msgspec.json.encode(state))
            case "job":
                endpoint, _, job_id = rest.partition("/")
                await request.reply(200, msgspec.json.encode(self._job(endpoint, job_id)))
            case "trace":
                spans = await self._core.spans.load_trace(rest)
                await request.reply(200, msgspec.json.encode(spans))
            case "fault-schema":
                await request.reply(200, msgspec.json.encode(schema_of_faults()))
            case _ if path in _NAMES:
                await _send_file(request, 200, path)
            case _:
                raise Refused(404, "the page has no such part")

    # What the page shows -------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        """Return the present state of the endpoints and faults, and the number of the newest event."""
        faults = self._core.faults.view()
        return {
            "endpoints": [
                self._endpoint(endpoint, dispatcher)
                for endpoint in self._control.endpoints.values()
                if (dispatcher := self._core.dispatchers.get(endpoint.id)) is not None
            ],
            "faults": {**faults, "happened": faults["happened"][-_HAPPENED:]},
            "after": self._core.journal.last,
        }

    def _endpoint(self, endpoint: Endpoint, dispatcher: Dispatcher) -> dict[str, Any]:
        """Return what the page shows of an endpoint."""
        environment = self._control.environments.get(endpoint.environment or "")
        app = self._control.apps.get(environment.app) if environment is not None else None
        counts, limits = dispatcher.counts, dispatcher.pool.limits
        return {
            "id": endpoint.id,
            "name": endpoint.name,
            "app": app.name if app is not None else "",
            "environment": environment.name if environment is not None else "",
            "balanced": endpoint.load_balanced,
            "shape": self._shape(endpoint),
            "queued": len(dispatcher.queue),
            "running": len(dispatcher.jobs) - len(dispatcher.queue),
            "completed": counts.completed,
            "failed": counts.failed,
            "least": limits.least,
            "most": limits.most,
            "workers": [
                {"id": worker.id, "state": worker.phase.value, "held": worker.held}
                for worker in dispatcher.pool.workers.values()
            ],
        }

    def _shape(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return how clients call an endpoint.

        If another tool than flashc built the artifact, only the routes in its manifest are known.
        """
        environment = self._control.environments.get(endpoint.environment or "")
        build = self._control.builds.get((environment.build or "") if environment else "")
        resources = build.manifest.get("resources") if build is not None else None
        entry: Any = resources.get(endpoint.name) if isinstance(resources, dict) else None
        found: Any = entry.get(SHAPE) if isinstance(entry, dict) else None
        if isinstance(found, dict):
            return found
        routes: Any = (build.manifest.get("routes") or {}) if build is not None else {}
        named = routes.get(endpoint.name) or () if isinstance(routes, dict) else ()
        forms = [
            {"title": str(route), "method": method, "path": path, "summary": "", "fields": []}
            for route in named
            for method, _, path in [str(route).partition(" ")]
        ]
        return {"forms": forms, "callees": []}

    def _job(self, endpoint: str, job_id: str) -> dict[str, Any]:
        """Return the data of a job, with its input, its output and its lines.

        Raises:
            Refused: there is no such job.
        """
        job = self._jobs.find(endpoint, job_id)
        if job is None:
            raise Refused(404, "there is no such job")
        store = self._core.store
        position = position_of(job.traceparent or "", job.parent_span)
        return {
            "id": job.id,
            "trace": position.trace if position is not None else None,
            "status": job.status.value,
            "attempt": job.attempt,
            "worker": job.worker,
            "created": job.created,
            "started": job.started,
            "finished": job.finished,
            "input": Raw(store.read_body(job.input)),
            "output": None if job.output is None else Raw(store.read_body(job.output)),
            "error": _parsed_error(job.error),
            "lines": [entry.what["text"] for entry in self._lines(job)][-_LINES:],
        }

    def _lines(self, job: Job) -> list[Entry]:
        """Return the lines that the worker of a job printed while it had the job; other jobs may have caused some."""
        if job.started is None or job.worker is None:
            return []
        end = job.finished if job.finished is not None else float("inf")
        return [
            entry
            for entry in self._core.journal.after(0)
            if entry.kind == "line"
            and entry.what["worker"] == job.worker
            and job.started <= entry.at <= end + 0.2  # lines take a moment to arrive
        ]


def _recent(entries: list[Entry]) -> list[Entry]:
    """Return the events of the past for a page that is opened, without those that a later event replaces.

    Of the events of a job, only the newest is returned, at the position of the first.
    """
    jobs: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind == "job" and "endpoint" in entry.what:  # an expired job has no endpoint
            jobs[entry.what["id"]] = entry
    found: list[Entry] = []
    for entry in entries:
        newest = jobs.pop(entry.what["id"], None) if entry.kind == "job" else entry
        if newest is not None and newest.kind != "span":
            found.append(newest)
    lines = [entry.number for entry in found if entry.kind == "line"]
    since = lines[-_RECENT_LINES] if len(lines) > _RECENT_LINES else 0
    kept = [entry for entry in found if entry.kind != "line" or entry.number >= since]
    return kept[-_RECENT:]


def _parsed_error(error: str | None) -> Any:
    """Return an error that is JSON text as its value, because the SDK reports exceptions as JSON; else the text."""
    if error is None:
        return None
    try:
        return parse_json(error)
    except ValueError:
        return error


async def _send_file(request: Request, status: int, name: str) -> None:
    """Answer with a file of the page."""
    data, kind = _read(name)
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(data)), *_SECURITY]
    await request.send_head(status, headers)
    await request.send_part(data, more=False)


@cache
def _read(name: str) -> tuple[bytes, bytes]:
    """Read a file of the page; return its content and its content type."""
    folder = files("flashc_backends.platform").joinpath("page")
    return folder.joinpath(*name.split("/")).read_bytes(), _TYPES[name.rpartition(".")[2]]
