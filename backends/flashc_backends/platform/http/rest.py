"""Serve REST v1 and v2: volumes, endpoints with their workers and releases, and the lists of the catalogue."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from flashc_backends.platform.control import Control
from flashc_backends.platform.core import Core
from flashc_backends.platform.fields import Invalid, NotFound, get
from flashc_backends.platform.journal import Entry
from flashc_backends.platform.records import Endpoint, Volume
from flashc_backends.platform.workers import Phase, Worker

from .asgi import Refused, Request
from .catalogue import catalogue
from .decoding import decode
from .formats import timestamp
from .rest_requests import (
    EndpointChange,
    NewEndpoint,
    NewVolume,
    VolumeChange,
    scaling_fields,
    worker_fields,
)

V2_ROUTES = frozenset(["network-volumes", "global-volumes", "serverless", "catalog", "registries"])
_T = TypeVar("_T")
_LIMIT = 1024**2
_STATES = {
    Phase.STARTING: "INITIALIZING",
    Phase.INITIALIZING: "INITIALIZING",
    Phase.READY: "IDLE",
    Phase.DRAINING: "RUNNING",
    Phase.STOPPING: "UNHEALTHY",
}
_PAGE = {"pagination": {"hasNextPage": False}}


class Problem(Exception):
    """A request is refused; `status` is that of the answer of version 2, and the text says what is wrong."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class RestApi:
    """REST v1 and v2; if `retired` is set, v1 answers with status 410, as announced for the cloud."""

    def __init__(self, control: Control, core: Core, *, retired: bool = False) -> None:
        self._control = control
        self._core = core
        self._retired = retired

    async def serve_v1(self, request: Request, route: str) -> None:
        """Serve a request of version 1; `route` is the path after `/v1/`.

        Raises:
            Refused: the request is wrong, or version 1 is retired.
        """
        if self._retired:
            raise Refused(410, "REST v1 is retired; use v2")
        kind, _, volume_id = route.partition("/")
        if kind != "networkvolumes":
            raise Refused(404, "there is no such route")
        try:
            await self._serve_volumes_v1(request, volume_id.removesuffix("/update"))
        except NotFound as error:
            raise Refused(404, str(error)) from None
        except Invalid as error:
            raise Refused(400, str(error)) from None
        except Problem as error:  # version 1 has no status 422
            raise Refused(400 if error.status == 422 else error.status, str(error)) from None

    async def _serve_volumes_v1(self, request: Request, volume_id: str) -> None:
        """List, create, read, change or delete volumes, by the request's method, in the form of version 1."""
        match request.method, bool(volume_id):
            case "GET", False:
                volumes = self._control.account.volumes.values()
                await request.reply_json(200, [_volume_v1(volume) for volume in volumes])
            case "POST", False:
                created = await self._create_volume(request)
                await request.reply_json(200, _volume_v1(created))
            case _:
                changed = await self._serve_volume(request, volume_id)
                if changed is None:
                    await request.reply_nothing()
                else:
                    await request.reply_json(200, _volume_v1(changed))

    async def serve_v2(self, request: Request, route: str) -> None:
        """Serve a request of version 2; `route` is the path after `/v2/`."""
        try:
            await self._route_v2(request, route.rstrip("/").split("/"))
        except NotFound as error:
            await _send_problem(request, 404, str(error))
        except Invalid as error:
            await _send_problem(request, 422, str(error))
        except Problem as error:
            await _send_problem(request, error.status, str(error))

    async def _route_v2(self, request: Request, route: list[str]) -> None:
        """Serve a request of version 2 by its path; refuse unknown paths."""
        match route:
            case ["network-volumes", *rest] if len(rest) < 2:
                await self._serve_volumes_v2(request, rest[0] if rest else "")
            case ["global-volumes" | "registries" | "catalog", *_] if request.method != "GET":
                raise Problem(
                    405, "this platform can only list these resources: use the method GET"
                )
            case ["global-volumes"]:
                await request.reply_json(200, {"globalVolumes": [], **_PAGE})
            case ["registries"]:
                await request.reply_json(200, {"registries": [], **_PAGE})
            case ["catalog", *rest] if (part := catalogue(rest, self._control.limits)) is not None:
                await request.reply_json(200, part)
            case ["serverless", *rest]:
                await self._route_serverless(request, rest)
            case _:
                raise Problem(404, "there is no such route")

    async def _serve_volumes_v2(self, request: Request, volume_id: str) -> None:
        """List, create, read, change or delete volumes, by the request's method, in the form of version 2."""
        match request.method, bool(volume_id):
            case "GET", False:
                volumes = [_volume_v2(volume) for volume in self._control.account.volumes.values()]
                await request.reply_json(200, {"networkVolumes": volumes, **_PAGE})
            case "POST", False:
                await request.reply_json(201, _volume_v2(await self._create_volume(request)))
            case _:
                changed = await self._serve_volume(request, volume_id)
                if changed is None:
                    await request.reply_nothing()
                else:
                    await request.reply_json(200, _volume_v2(changed))

    async def _create_volume(self, request: Request) -> Volume:
        """Create the volume that a request describes."""
        given = await _read_body(request, NewVolume)
        center = given.data_center_id or given.data_center
        return await self._control.account.create_volume(given.name, given.size, center, given.type)

    async def _serve_volume(self, request: Request, volume_id: str) -> Volume | None:
        """Read, change or delete a volume, by the request's method; return the volume, None if it was deleted."""
        volume = get(self._control.account.volumes, volume_id, "network volume")
        match request.method:
            case "GET":
                return volume
            case "DELETE":
                await self._control.account.delete_volume(volume_id)
                return None
            case "PATCH" | "POST":
                given = await _read_body(request, VolumeChange)
                name, size = given.name or volume.name, given.size or volume.size_gb
                if size < volume.size_gb:
                    raise Invalid("a volume can't shrink")
                return await self._control.account.volumes.save(
                    replace(volume, name=name, size_gb=size)
                )
            case _:
                raise Problem(405, "there is no such method")

    # Endpoints -----------------------------------------------------------------------------------

    async def _route_serverless(self, request: Request, route: list[str]) -> None:
        """Serve a request to `/v2/serverless`: endpoints, and the workers, releases and logs of an endpoint."""
        if not route:
            await self._serve_endpoints(request)
            return
        endpoint = get(self._control.endpoints, route[0], "endpoint")
        match request.method, *route[1:]:
            case ["GET"]:
                await request.reply_json(200, self._view(endpoint))
            case ["GET", "workers"]:
                await request.reply_json(200, self._workers(endpoint))
            case ["GET", "releases"]:
                await request.reply_json(200, self._releases(endpoint))
            case ["GET", "workers", worker, "logs"]:
                await self._send_lines(request, endpoint.id, worker)
            case ["PATCH"]:
                await self._change_endpoint(request, endpoint)
            case ["DELETE"]:
                await self._control.delete_endpoint(endpoint.id)
                await request.reply_nothing()
            case _:
                raise Problem(404, "there is no such route")

    async def _send_lines(self, request: Request, endpoint: str, worker: str) -> None:
        """Send the lines of a worker as server-sent events.

        The old ones are sent, then the new ones until the worker ends or the client leaves.
        """
        last = request.header(b"last-event-id") or "0"
        if not last.isdecimal():
            raise Problem(422, "the id of the last event must be a number")
        await request.body(0)
        await request.start_events()
        async for entries in self._core.journal.follow(int(last)):
            if request.is_gone:
                return
            for entry in entries:
                line = _log_line(entry)
                if line is not None and entry.what["worker"] == worker:
                    line["ts"] = timestamp(entry.at)
                    await request.send_event(entry.number, msgspec.json.encode(line))
            dispatcher = self._core.dispatchers.get(endpoint)
            if dispatcher is None or worker not in dispatcher.pool.workers:
                break
            if not entries:
                await request.send_comment()
        await request.send_part(b"", more=False)

    async def _serve_endpoints(self, request: Request) -> None:
        """Answer with all endpoints, or create one, by the request's method."""
        if request.method == "GET":
            endpoints = [self._view(endpoint) for endpoint in self._control.endpoints.values()]
            await request.reply_json(200, {"endpoints": endpoints, **_PAGE})
            return
        if request.method != "POST":
            raise Problem(405, "there is no such method")
        given = await _read_body(request, NewEndpoint)
        if (given.image is None) == (given.template_id is None):
            raise Invalid("an endpoint needs either `image` or `templateId`")
        fields: dict[str, Any] = {
            "name": given.name,
            "type": {"QUEUE": "QB", "LOAD_BALANCER": "LB"}.get(given.type),
            "templateId": given.template_id,
            "executionTimeoutMs": given.timeout,
            **scaling_fields(given.scaling),
            **worker_fields(given.workers),
        }
        if fields["type"] is None:
            raise Invalid("`type` must be QUEUE or LOAD_BALANCER")
        if given.image is not None:
            fields["template"] = {
                "name": f"{given.name}-template",
                "imageName": given.image,
                "containerDiskInGb": given.disk,
                "env": [{"key": key, "value": value} for key, value in given.env.items()],
            }
        await request.reply_json(201, self._view(await self._control.save_endpoint(fields)))

    async def _change_endpoint(self, request: Request, endpoint: Endpoint) -> None:
        """Change an endpoint as a request says, and answer with the endpoint."""
        given = await _read_body(request, EndpointChange)
        fields: dict[str, Any] = {
            "id": endpoint.id,
            "name": given.name,
            "executionTimeoutMs": given.timeout,
            "flashBootType": given.flashboot,
            **(scaling_fields(given.scaling) if given.scaling is not None else {}),
            **(worker_fields(given.workers) if given.workers is not None else {}),
        }
        await request.reply_json(200, self._view(await self._control.save_endpoint(fields)))

    def _view(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return an endpoint as version 2 shows it."""
        limits = endpoint.limits
        return {
            "id": endpoint.id,
            "name": endpoint.name,
            "type": "LOAD_BALANCER" if endpoint.load_balanced else "QUEUE",
            "createdAt": timestamp(endpoint.created),
            "templateId": endpoint.template,
            "version": endpoint.version,
            "timeout": int(endpoint.timeout * 1000),
            "scaling": {"type": limits.scaler.value, "value": limits.scaler_value},
            "workers": {
                "min": limits.least,
                "max": limits.most,
                "idleTimeout": int(limits.idle_timeout),
            },
        }

    def _workers(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return the workers of an endpoint as version 2 shows them."""
        pool = self._core.dispatchers[endpoint.id].pool
        workers = list(pool.workers.values())
        found = [
            {
                "id": worker.id,
                "status": "THROTTLED" if self._core.is_throttled(worker) else _state(worker),
                "isStale": worker.release != pool.requested,
                "version": endpoint.version,
                "startedAt": timestamp(worker.since),
            }
            for worker in workers
        ]
        if pool.crashed is not None and (pool.crashes or pool.refused):
            failed = {"id": pool.crashed, "status": "UNHEALTHY", "isStale": False}
            found.append({**failed, "version": endpoint.version})
        states = [worker["status"] for worker in found]
        names = ("RUNNING", "IDLE", "INITIALIZING", "THROTTLED", "UNHEALTHY")
        return {
            "endpointVersion": endpoint.version,
            "summary": {name.lower(): states.count(name) for name in names}
            | {"total": len(states)},
            "workers": found,
        }

    def _releases(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return the releases of an endpoint, and how far its rollout is."""
        pool = self._core.dispatchers[endpoint.id].pool
        serving = [worker for worker in pool.workers.values() if worker.serves]
        newest = sum(1 for worker in serving if worker.release == pool.requested)
        total = len(serving)
        return {
            "endpointVersion": endpoint.version,
            "rollout": {
                "inProgress": pool.refused is None
                and (newest < total or (pool.candidate is not None and total > 0)),
                "workersOnLatest": newest,
                "workersTotal": total,
                "percentOnLatest": 100 * newest // total if total else 100,
            },
            "releases": [
                {"id": name, "version": endpoint.version, "source": "MANUAL", "diff": []}
                for name in (pool.refused or pool.candidate, pool.serving)
                if name is not None
            ],
        }


def _log_line(entry: Entry) -> dict[str, Any] | None:
    """Return a line of a worker's log: what it printed, or why it ended; None for another entry."""
    what = entry.what
    if entry.kind == "line":
        return {"source": what["stream"], "line": what["text"]}
    if entry.kind == "worker" and what.get("state") == "ended" and what.get("reason"):
        return {"source": "system", "line": what["reason"]}
    return None


def _state(worker: Worker) -> str:
    """Return the state of a worker that is not throttled, by its name in version 2."""
    return "RUNNING" if worker.phase is Phase.READY and worker.held else _STATES[worker.phase]


def _volume_v1(volume: Volume) -> dict[str, Any]:
    """Return a volume as version 1 shows it."""
    return {
        "id": volume.id,
        "name": volume.name,
        "size": volume.size_gb,
        "dataCenterId": volume.data_center,
    }


def _volume_v2(volume: Volume) -> dict[str, Any]:
    """Return a volume as version 2 shows it."""
    return {
        "id": volume.id,
        "name": volume.name,
        "size": volume.size_gb,
        "dataCenter": volume.data_center,
        "type": volume.kind,
    }


async def _read_body(request: Request, kind: type[_T]) -> _T:
    """Read and decode the body of a request.

    Raises:
        Problem: the body has another form.
    """
    try:
        return decode(await request.body(_LIMIT), msgspec.json.Decoder(kind), "request")
    except Refused as error:
        raise Problem(422 if error.status == 400 else error.status, str(error)) from None


async def _send_problem(request: Request, status: int, detail: str) -> None:
    """Answer that a request is refused, in the format of RFC 9457."""
    body = msgspec.json.encode({"title": "Error", "status": status, "detail": detail})
    await request.send_head(
        status,
        [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
        ],
    )
    await request.send_part(body, more=False)
