"""Route each HTTP request to the API that serves it, after checks of its host name and its key."""

from __future__ import annotations

import msgspec

from flashc_backends.platform.control import Control
from flashc_backends.platform.core import EndpointGone
from flashc_backends.platform.journal import Journal
from flashc_backends.platform.records import Endpoint
from flashc_backends.platform.spans import Spans
from flashc_backends.platform.store import StoreError

from . import job_api, worker_api
from .asgi import Gone, Receive, Refused, Request, Scope, Send
from .auth import Gate
from .balance import Balancer
from .faults import FaultApi
from .graphql import GraphqlApi
from .graphql_root import Logins
from .job_api import JobApi
from .management import Management
from .page import Page
from .rest import V2_ROUTES, RestApi
from .uploads import serve_artifact
from .worker_api import WorkerApi


class PlatformApp:
    """The ASGI application of the platform."""

    def __init__(
        self,
        *,
        gate: Gate,
        control: Control,
        journal: Journal,
        spans: Spans,
        logins: Logins,
        jobs: JobApi,
        workers: WorkerApi,
        balancer: Balancer,
        graphql: GraphqlApi,
        rest: RestApi,
        page: Page,
        faults: FaultApi,
        management: Management,
    ) -> None:
        self._gate = gate
        self._control = control
        self._journal = journal
        self._spans = spans
        self._logins = logins
        self._jobs = jobs
        self._workers = workers
        self._balancer = balancer
        self._graphql = graphql
        self._rest = rest
        self._page = page
        self._faults = faults
        self._management = management

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1003})
            return
        request = Request(scope, receive, send)
        try:
            await self._route(request)
        except Refused as error:
            await request.refuse(error)
        except StoreError as error:
            await request.refuse(Refused(503, f"FC520: the state can't be stored: {error}"))
        except EndpointGone:
            await request.refuse(Refused(404, "endpoint not found"))
        except Gone:
            pass
        finally:
            request.stop_watching()

    async def _route(self, request: Request) -> None:
        """Find the API that a request is for, by its host name and its path, and let it serve the request."""
        host = self._gate.check_host(request)
        label, _, _ = host.partition(".")
        endpoint = self._control.endpoints.get(label)
        if endpoint is not None:
            await self._serve_balanced(request, endpoint, _request_target(request, 0))
            return
        first, _, rest = request.path[1:].partition("/")
        if first == "v2" and await self._serve_v2(request, rest):
            return
        if label == "flash" and host != label:
            await self._serve_balanced(
                request, self._endpoint_in_headers(request), _request_target(request, 0)
            )
            return
        match first:
            case "":
                await self._page.serve_root(request)
            case "page":
                await self._page.serve(request, rest)
            case "ping" | "health":
                await request.reply(200, b'{"status":"healthy"}')
            case "lb":
                endpoint_id, _, _ = rest.partition("/")
                self._gate.check_key(request)
                await self._serve_balanced(
                    request,
                    self._endpoint(endpoint_id),
                    _request_target(request, len(f"/lb/{endpoint_id}")),
                )
            case "graphql":
                await self._management.admit(request)
                await self._graphql.serve(request, self._gate)
            case "artifacts":
                await serve_artifact(request, self._control.artifacts, rest)
            case _:
                self._gate.check_key(request)
                await self._serve_others(request, first, rest)

    async def _serve_v2(self, request: Request, path: str) -> bool:
        """Serve the job API, the worker API and REST v2; return False if the path belongs to none of them."""
        target, _, rest = path.partition("/")
        operation, _, rest = rest.partition("/")
        if target == "flash":
            if operation not in job_api.OPERATIONS:
                return False
            named = self._endpoint_in_headers(request)
            await self._faults.apply(request, named.id)
            await self._jobs.serve(request, named, operation, rest)
            return True
        if target in V2_ROUTES:
            self._gate.check_key(request)
            await self._management.admit(request)
            await self._rest.serve_v2(request, path)
            return True
        endpoint = self._control.endpoints.get(target)
        self._gate.check_worker_key(request, endpoint.key if endpoint is not None else "")
        if endpoint is None:
            raise Refused(404, "endpoint not found")
        if operation in worker_api.OPERATIONS:
            if operation != "ping":
                self._faults.check_worker(endpoint.id)
            await self._workers.serve(request, endpoint, operation, rest)
        elif operation in job_api.OPERATIONS:
            await self._faults.apply(request, endpoint.id)
            await self._jobs.serve(request, endpoint, operation, rest)
        else:
            raise Refused(404, "there is no such operation")
        return True

    async def _serve_balanced(self, request: Request, endpoint: Endpoint, target: bytes) -> None:
        """Check the key, make faults happen, and pass a request on to a worker of a load-balanced endpoint."""
        self._gate.check_worker_key(request, endpoint.key)
        if not endpoint.load_balanced:
            raise Refused(404, "the endpoint has a queue: send jobs to /v2/ID/run")
        await self._faults.apply(request, endpoint.id)
        await self._balancer.serve(request, endpoint, target)

    async def _serve_others(self, request: Request, first: str, rest: str) -> None:
        """Serve the routes that need the platform's key and no more: REST v1, logs, faults, events, traces, approval of logins."""
        if first == "v1" and rest.startswith("pod/") and rest.endswith("/logs"):
            await self._serve_lines(request, rest.split("/")[1])
        elif first == "v1":
            await self._management.admit(request)
            await self._rest.serve_v1(request, rest)
        elif first == "faults":
            await self._faults.serve(request)
        elif first == "events":
            await self._serve_events(request)
        elif first == "traces":
            await self._serve_trace(request, rest)
        elif first == "console" and rest == "flash/login":
            if not self._logins.approve(request.query.get("request", "")):
                raise Refused(404, "there is no such login request")
            await request.reply(200, b'{"status":"APPROVED"}')
        else:
            raise Refused(404, "there is no such route")

    async def _serve_lines(self, request: Request, worker: str) -> None:
        """Answer with the lines that a worker printed, in the format of the cloud's log service."""
        lines = [
            entry.what["text"]
            for entry in self._journal.after(0)
            if entry.kind == "line" and entry.what["worker"] == worker
        ]
        await request.reply_json(200, {"container": lines, "system": []})

    async def _serve_trace(self, request: Request, trace: str) -> None:
        """Answer with the spans of a trace.

        Raises:
            Refused: no job or request of the trace has ended, or the store has deleted the spans.
            StoreError: the store can't be read.
        """
        spans = await self._spans.load_trace(trace)
        if not spans:
            raise Refused(404, "no span of this trace is known")
        await request.reply(200, msgspec.json.encode({"trace": trace, "spans": spans}))

    async def _serve_events(self, request: Request) -> None:
        """Send the journal as server-sent events, beginning with the entry after `Last-Event-ID`."""
        last = request.header(b"last-event-id") or request.query.get("after", "0")
        if not last.isdecimal():
            raise Refused(400, "the id of the last event must be a number")
        await request.body(0)
        await request.start_events()
        async for entries in self._journal.follow(int(last)):
            if request.is_gone:
                return
            text = b"".join(
                b"id: %d\nevent: %s\ndata: %s\n\n"
                % (entry.number, entry.kind.encode(), msgspec.json.encode(entry))
                for entry in entries
            )
            await request.send_part(text or b": nothing new\n\n")
        await request.send_part(b"", more=False)

    def _endpoint(self, endpoint_id: str) -> Endpoint:
        """Return the endpoint with this id; refuse the request with 404 if there is none."""
        endpoint = self._control.endpoints.get(endpoint_id)
        if endpoint is None:
            raise Refused(404, "endpoint not found")
        return endpoint

    def _endpoint_in_headers(self, request: Request) -> Endpoint:
        """Check the key, and return the endpoint that the headers of a request to the sentinel name.

        The sentinel is one URL for all endpoints (host or path `flash`).

        Raises:
            Refused: the key is wrong, or there is no such endpoint.
        """
        self._gate.check_key(request)
        app = request.header(b"x-flash-app")
        environment = request.header(b"x-flash-environment")
        name = request.header(b"x-flash-endpoint")
        found = self._control.resolve(app, environment, name)
        if found is None:
            raise Refused(
                404, f"endpoint {name!r} not found in app {app!r} environment {environment!r}"
            )
        return found


def _request_target(request: Request, skip: int) -> bytes:
    """Return the path from byte `skip` on, with `?` and the query, as one HTTP request target."""
    path: bytes = request.scope["raw_path"][skip:] or b"/"
    query: bytes = request.scope["query_string"]
    return path + b"?" + query if query else path
