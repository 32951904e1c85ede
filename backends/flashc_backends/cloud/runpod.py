"""Provide the operations of a platform through Runpod's APIs: GraphQL, REST version 2 and version 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from . import queries, replies
from .addresses import Addresses, problem_of_upload
from .endpoint_fields import (
    endpoint_differs,
    endpoint_fields,
    endpoint_of,
    new_template,
    template_differs,
    template_fields,
    update_fields,
)
from .errors import CloudError, Trouble
from .fallbacks import first_of, unless_missing
from .model import (
    Answer,
    App,
    Build,
    Crew,
    DeviceKind,
    Endpoint,
    Environment,
    Jobs,
    Kind,
    LogLine,
    Manifest,
    Rollout,
    Secret,
    Settings,
    Volume,
    Worker,
    WorkerState,
)
from .port import Uploading
from .reading import answer_of, app_of, decoded, environment_of, secret_of, volume_of
from .transport import Transport

_PARALLEL = 8  # requests at once
_STATES: Mapping[str, WorkerState] = {
    "RUNNING": "RUNNING",
    "IDLE": "IDLE",
    "INITIALIZING": "INITIALIZING",
    "THROTTLED": "THROTTLED",
}
_NO_STOCK = (None, "", "NONE", "UNAVAILABLE")
_GONE = frozenset((Trouble.RETIRED, Trouble.MISSING))


class RunpodCloud:
    """Runpod, or a platform with the same APIs; see `port.Cloud` for the operations."""

    def __init__(self, addresses: Addresses, transport: Transport) -> None:
        self._addresses = addresses
        self._transport = transport

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _send_repeatable(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send a GraphQL operation; send it again after a failure, because twice does the same as once."""
        url = f"{self._addresses.api}/graphql"
        return self._transport.graphql(url, query, variables, is_idempotent=True)

    def _send_once(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send a GraphQL operation that creates something, only once: sent twice, it could create two."""
        url = f"{self._addresses.api}/graphql"
        return self._transport.graphql(url, query, variables, is_idempotent=False)

    def account(self) -> str:
        """Return the id of the account; see `Cloud.account`."""
        found = self._send_repeatable(queries.MYSELF).get("myself")
        if not isinstance(found, dict):
            raise CloudError(Trouble.KEY, "getMyself: the platform refuses the key")
        return str(found.get("id", ""))

    def now(self) -> float | None:
        """Return the time of the platform, as its last answer told it."""
        return self._transport.now()

    # Apps and environments -----------------------------------------------------------------------

    def apps(self) -> tuple[App, ...]:
        """Return all apps."""
        found = self._send_repeatable(queries.APPS).get("myself")
        apps = replies.read("getFlashApps", replies.MyApps, found).flash_apps
        return tuple(app_of(reply) for reply in apps)

    def app(self, name: str) -> App | None:
        """Return the app with a name; None if there is none."""
        try:
            found = self._send_repeatable(queries.APP_BY_NAME, flashAppName=name).get(
                "flashAppByName"
            )
        except CloudError as error:
            if error.trouble is Trouble.MISSING:
                return None
            raise
        return None if found is None else app_of(found)

    def create_app(self, name: str) -> App:
        """Create an app."""
        made = self._send_once(queries.CREATE_APP, input={"name": name}).get("createFlashApp")
        new = replies.read("the app", replies.NewApp, made)
        return App(id=new.id, name=new.name)

    def delete_app(self, app: str) -> None:
        """Delete an app."""
        unless_missing(lambda: self._send_repeatable(queries.DELETE_APP, flashAppId=app))

    def create_environment(self, app: str, name: str) -> Environment:
        """Create an environment of an app."""
        made = self._send_once(queries.CREATE_ENVIRONMENT, input={"flashAppId": app, "name": name})
        return environment_of(made.get("createFlashEnvironment"))

    def delete_environment(self, environment: str) -> None:
        """Delete an environment."""
        unless_missing(
            lambda: self._send_repeatable(
                queries.DELETE_ENVIRONMENT, flashEnvironmentId=environment
            )
        )

    # Builds --------------------------------------------------------------------------------------

    def manifest(self, build: str) -> Manifest:
        """Return the manifest of a build; {} if it has none."""
        found = self._send_repeatable(queries.BUILD, input=build).get("flashBuild")
        return replies.read("getFlashBuild", replies.ManifestReply, found).manifest or {}

    def upload(self, app: str, artifact: Path, uploading: Uploading) -> str:
        """Upload an artifact and return its object key.

        A URL takes one request with the whole object, so that nothing can be continued; and it is
        valid for some time only.  Each attempt begins from the first byte, with a new URL.
        """
        return self._transport.retry(lambda: self._upload_once(app, artifact, uploading))

    def _upload_once(self, app: str, artifact: Path, uploading: Uploading) -> str:
        size = artifact.stat().st_size
        answer = self._send_once(  # the whole attempt is repeated
            queries.PREPARE_UPLOAD, input={"flashAppId": app, "tarballSize": size}
        )
        found = answer.get("prepareFlashArtifactUpload")
        place = replies.read("PrepareArtifactUpload", replies.UploadReply, found)
        problem = problem_of_upload(place.upload_url, self._addresses)
        if problem is not None:
            raise CloudError(Trouble.BROKEN, f"PrepareArtifactUpload: {problem}")
        self._transport.upload(place.upload_url, artifact, size, uploading)
        return place.object_key

    def create_build(self, app: str, object_key: str, manifest: Manifest) -> Build:
        """Create a build from an uploaded artifact."""
        given = {"flashAppId": app, "objectKey": object_key, "manifest": dict(manifest)}
        answer = self._send_once(queries.FINALIZE_UPLOAD, input=given)
        found = answer.get("finalizeFlashArtifactUpload")
        made = replies.read("FinalizeArtifactUpload", replies.BuildReply, found)
        return Build(id=made.id, object_key=object_key, created=made.created_at or "")

    def set_manifest(self, build: str, manifest: Manifest) -> None:
        """Replace the manifest of a build."""
        self._send_repeatable(
            queries.SET_MANIFEST, input={"flashBuildId": build, "manifest": dict(manifest)}
        )

    def activate(self, environment: str, build: str) -> None:
        """Let new workers of an environment run a build."""
        self._send_repeatable(
            queries.ACTIVATE, input={"flashEnvironmentId": environment, "flashBuildId": build}
        )

    # Endpoints -----------------------------------------------------------------------------------

    def endpoints(self, environment: str) -> tuple[Endpoint, ...]:
        """Return the endpoints of an environment."""
        found = self._send_repeatable(queries.ENVIRONMENT_ENDPOINTS, flashEnvironmentId=environment)
        what = found.get("flashEnvironment")
        listed = replies.read("getFlashEnvironment", replies.EnvironmentEndpoints, what).endpoints
        with ThreadPoolExecutor(_PARALLEL) as pool:
            pairs = list(pool.map(self._endpoint, [item.id for item in listed]))
        uses_volumes = any(
            reply.network_volume_ids or reply.network_volume_id for reply, _ in pairs
        )
        volumes = {volume.id: volume for volume in self.volumes()} if uses_volumes else {}
        return tuple(
            sorted(
                (endpoint_of(reply, template, volumes) for reply, template in pairs),
                key=lambda endpoint: (endpoint.name, endpoint.id),
            )
        )

    def _endpoint(
        self, endpoint: str
    ) -> tuple[replies.EndpointReply, replies.TemplateReply | None]:
        """Return an endpoint and its template."""
        answer = (self._send_repeatable(queries.ENDPOINT, id=endpoint).get("myself") or {}).get(
            "endpoint"
        )
        reply = replies.read("getEndpoint", replies.EndpointReply, answer)
        if not reply.template_id:
            return reply, None
        found = self._send_repeatable(queries.TEMPLATE, id=reply.template_id).get("podTemplate")
        return reply, replies.read("getTemplate", replies.TemplateReply, found)

    def create_endpoint(self, environment: str, name: str, settings: Settings) -> Endpoint:
        """Create an endpoint of an environment."""
        volumes = self.volumes() if settings.volumes else ()
        fields = endpoint_fields(environment, name, settings, volumes)
        fields["template"] = new_template(name, settings)
        made = self._send_once(queries.SAVE_ENDPOINT, input=fields).get("saveEndpoint")
        reply = replies.read("saveEndpoint", replies.EndpointReply, made)
        return Endpoint(id=reply.id, name=name, settings=settings, template=reply.template_id or "")

    def change_endpoint(self, environment: str, before: Endpoint, settings: Settings) -> Endpoint:
        """Give an endpoint other settings, with the fewest requests."""
        if endpoint_differs(before.settings, settings):
            volumes = self.volumes() if settings.volumes else ()
            fields = update_fields(environment, before, settings, volumes)
            self._send_repeatable(queries.SAVE_ENDPOINT, input=fields)
            if before.settings.flashboot and not settings.flashboot:
                # GraphQL has no word for "off": leaving the field out keeps the old value.
                url = f"{self._addresses.api}/v2/serverless/{before.id}"
                self._transport.rest("PATCH", url, json={"flashboot": "OFF"}, is_idempotent=True)
        if template_differs(before.settings, settings):
            fields = {"id": before.template, **template_fields(settings)}
            self._send_repeatable(queries.SAVE_TEMPLATE, input=fields)
        return msgspec.structs.replace(before, settings=settings)

    def delete_endpoint(self, endpoint: str) -> None:
        """Delete an endpoint."""
        url = f"{self._addresses.api}/v2/serverless/{endpoint}"
        unless_missing(
            lambda: first_of(
                lambda: self._send_repeatable(queries.DELETE_ENDPOINT, id=endpoint),
                lambda: self._transport.rest("DELETE", url, is_idempotent=True),
                skip=frozenset((Trouble.RETIRED,)),
            )
        )

    def url(self, endpoint: Endpoint) -> str:
        """Return the URL to which clients of an endpoint send requests."""
        if endpoint.settings.kind is Kind.BALANCED:
            return self._addresses.balanced_url(endpoint.id)
        return self._addresses.queue_url(endpoint.id)

    # What endpoints use --------------------------------------------------------------------------

    def volumes(self) -> tuple[Volume, ...]:
        """Return the network volumes of the account."""
        found = first_of(
            lambda: self._transport.rest(
                "GET", f"{self._addresses.api}/v2/network-volumes", is_idempotent=True
            ),
            lambda: self._transport.rest(
                "GET", f"{self._addresses.rest}/networkvolumes", is_idempotent=True
            ),
            skip=_GONE,
        )
        if isinstance(found, list):  # version 1
            return tuple(volume_of(item) for item in found)
        listed = replies.read("network-volumes", replies.VolumesReply, found)
        if listed.pagination.has_next_page:  # what is not read must not be taken for missing
            raise CloudError(Trouble.BROKEN, "network-volumes: the answer has only the first page")
        return tuple(volume_of(reply) for reply in listed.network_volumes)

    def create_volume(self, name: str, size: int, data_center: str) -> Volume:
        """Create a network volume."""
        body = {"name": name, "size": size}
        made = first_of(
            lambda: self._transport.rest(
                "POST",
                f"{self._addresses.api}/v2/network-volumes",
                json={**body, "dataCenter": data_center},
                is_idempotent=False,
            ),
            lambda: self._transport.rest(
                "POST",
                f"{self._addresses.rest}/networkvolumes",
                json={**body, "dataCenterId": data_center},
                is_idempotent=False,
            ),
            skip=_GONE,
        )
        return volume_of(made)

    def secrets(self) -> tuple[Secret, ...]:
        """Return the secrets of the account, without their values."""
        found = self._send_repeatable(queries.SECRETS).get("myself")
        listed = replies.read("mySecrets", replies.MySecrets, found).secrets
        return tuple(secret_of(reply) for reply in listed)

    def create_secret(self, name: str, value: str, description: str) -> Secret:
        """Create a secret."""
        given = {"name": name, "value": value, "description": description}
        made = self._send_once(queries.CREATE_SECRET, input=given).get("secretCreate")
        return secret_of(made)

    def delete_secret(self, secret: str) -> None:
        """Delete a secret."""
        unless_missing(lambda: self._send_repeatable(queries.DELETE_SECRET, id=secret))

    def stock(self, kind: DeviceKind, count: int) -> Mapping[str, frozenset[str]]:
        """Return the data centres that can start workers now, by GPU model or CPU family."""
        number = "count" if kind == "gpus" else "vcpuCount"
        asked = {"include": "AVAILABILITY", "product": "SERVERLESS", number: str(count)}
        url = f"{self._addresses.api}/v2/catalog/{kind}"
        try:
            found = self._transport.rest("GET", url, params=asked, is_idempotent=True)
        except CloudError as error:
            if error.trouble in (*_GONE, Trouble.REFUSED):
                return {}
            raise
        reply = replies.read("the catalogue", replies.CatalogReply, found)
        return {
            device.id: frozenset(
                c.id for c in device.data_centers if c.availability not in _NO_STOCK
            )
            for device in (reply.gpus if kind == "gpus" else reply.cpus)
            if device.data_centers is not None
        }

    # Workers -------------------------------------------------------------------------------------

    def rollout(self, endpoint: str) -> Rollout:
        """Return how far the newest release of an endpoint has come."""
        url = f"{self._addresses.api}/v2/serverless/{endpoint}/releases"
        found = self._transport.rest("GET", url, is_idempotent=True)
        reply = replies.read("releases", replies.ReleasesReply, found)
        return Rollout(
            version=reply.endpoint_version,
            in_progress=reply.rollout.in_progress,
            on_latest=reply.rollout.workers_on_latest,
            total=reply.rollout.workers_total,
        )

    def workers(self, endpoint: str) -> tuple[Worker, ...]:
        """Return the workers of an endpoint."""
        url = f"{self._addresses.api}/v2/serverless/{endpoint}/workers"
        found = self._transport.rest("GET", url, is_idempotent=True)
        reply = replies.read("workers", replies.WorkersReply, found)
        return tuple(
            Worker(
                id=worker.id,
                state=_STATES.get(worker.status, "UNHEALTHY"),
                is_stale=worker.is_stale,
                started=worker.started_at or "",
            )
            for worker in reply.workers
        )

    def jobs(self, endpoint: str) -> Jobs:
        """Return how many jobs a queue endpoint has."""
        jobs = self._health(endpoint).jobs
        return Jobs(
            queued=jobs.in_queue,
            running=jobs.in_progress,
            completed=jobs.completed,
            failed=jobs.failed,
            retried=jobs.retried,
        )

    def crew(self, endpoint: str) -> Crew:
        """Return how many workers an endpoint has."""
        workers = self._health(endpoint).workers
        return Crew(idle=workers.idle, running=workers.running, starting=workers.initializing)

    def _health(self, endpoint: str) -> replies.HealthReply:
        """Return what the queue of an endpoint tells."""
        url = f"{self._addresses.queue_url(endpoint)}/health"
        return replies.read(
            "health", replies.HealthReply, self._transport.rest("GET", url, is_idempotent=True)
        )

    def call(
        self, endpoint: Endpoint, method: str, path: str, body: Any = None, *, seconds: float
    ) -> Answer:
        """Send a request to an endpoint as its clients do."""
        url = self.url(endpoint) + path
        return answer_of(self._transport.request_once(method, url, json=body, seconds=seconds))

    def log(self, endpoint: str, worker: str, *, follow: bool) -> Iterator[LogLine]:
        """Yield the lines of a worker."""
        url = f"{self._addresses.api}/v2/serverless/{endpoint}/workers/{worker}/logs"
        for _, data in self._transport.events(url, follow=follow):
            line = replies.read("logs", replies.LogReply, decoded("logs", data))
            yield LogLine(at=line.ts, source=line.source, text=line.line)
