"""A platform in memory, which does what the local platform does; `tests/unit/test_deploy_cloud.py` compares both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from flashc_backends.cloud.endpoint_fields import volume_id, volume_name
from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import (
    Answer,
    App,
    Build,
    Crew,
    DeviceKind,
    Endpoint,
    Environment,
    Jobs,
    LogLine,
    Rollout,
    Secret,
    Settings,
    Volume,
    Worker,
)
from flashc_backends.cloud.port import Uploading

_T = TypeVar("_T")


class MemoryCloud:
    """See `flashc_backends.cloud.port.Cloud`; `done` are the changes, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.binding: dict[str, str] = {}  # endpoint -> environment
        self._apps: dict[str, App] = {}
        self._manifests: dict[str, Mapping[str, Any]] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._versions: dict[str, int] = {}
        self._volumes: dict[str, Volume] = {}
        self._secrets: dict[str, Secret] = {}
        self._uploads: set[str] = set()
        self._count = 0
        self.clock: Callable[[], float] = time.time

    @staticmethod
    def _kept(records: Mapping[str, _T], name: str) -> _T:
        """Return a record that there must be."""
        if name not in records:
            raise CloudError(Trouble.MISSING, f"{name} not found")
        return records[name]

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count:04}"

    def account(self) -> str:
        return "account"

    def now(self) -> float | None:
        return self.clock()

    def _time(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).isoformat()

    # Apps and environments

    def apps(self) -> tuple[App, ...]:
        return tuple(self._apps.values())

    def app(self, name: str) -> App | None:
        return next((app for app in self._apps.values() if app.name == name), None)

    def create_app(self, name: str) -> App:
        if not name.strip() or self.app(name) is not None:
            raise _refused("the name is taken")
        self.done.append(f"create the app {name}")
        made = App(id=self._new("app"), name=name)
        self._apps[made.id] = made
        return made

    def delete_app(self, app: str) -> None:
        self._apps.pop(app, None)

    def create_environment(self, app: str, name: str) -> Environment:
        owner = self._apps.get(app)
        if owner is None:
            raise CloudError(Trouble.MISSING, "app not found")
        if not name.strip() or owner.environment(name) is not None:
            raise _refused("the name is taken")
        self.done.append(f"create the environment {name}")
        made = Environment(id=self._new("env"), name=name)
        self._apps[app] = replace(owner, environments=(*owner.environments, made))
        return made

    def delete_environment(self, environment: str) -> None:
        for app in self._apps.values():
            kept = tuple(e for e in app.environments if e.id != environment)
            self._apps[app.id] = replace(app, environments=kept)

    # Builds

    def manifest(self, build: str) -> Mapping[str, Any]:
        return self._kept(self._manifests, build)

    def upload(self, app: str, artifact: Path, uploading: Uploading) -> str:
        uploading.advance(artifact.stat().st_size)
        self._uploads.add(self._new("object"))
        return f"object_{self._count:04}"

    def create_build(self, app: str, object_key: str, manifest: Mapping[str, Any]) -> Build:
        self.done.append("create a build")
        owner = self._kept(self._apps, app)
        if object_key not in self._uploads:
            raise _refused("nothing was uploaded")
        made = Build(id=self._new("build"), object_key=object_key, created=str(self._count))
        self._apps[app] = replace(owner, builds=(made, *owner.builds))
        self._manifests[made.id] = dict(manifest)
        return made

    def set_manifest(self, build: str, manifest: Mapping[str, Any]) -> None:
        self._kept(self._manifests, build)
        self._manifests[build] = dict(manifest)

    def activate(self, environment: str, build: str) -> None:
        self._kept(self._manifests, build)
        self.done.append("activate the build")
        for app in self._apps.values():
            changed = tuple(
                replace(e, build=build) if e.id == environment else e for e in app.environments
            )
            self._apps[app.id] = replace(app, environments=changed)

    # Endpoints

    def _check_environment(self, environment: str) -> None:
        if not any(environment == e.id for app in self._apps.values() for e in app.environments):
            raise CloudError(Trouble.MISSING, "environment not found")

    def endpoints(self, environment: str) -> tuple[Endpoint, ...]:
        self._check_environment(environment)
        found = (e for e in self._endpoints.values() if self.binding[e.id] == environment)
        return tuple(sorted(found, key=lambda endpoint: (endpoint.name, endpoint.id)))

    def create_endpoint(self, environment: str, name: str, settings: Settings) -> Endpoint:
        self._check_environment(environment)
        made = Endpoint(id=self._new("ep"), name=name, settings=self._told(settings), template="t")
        self.done.append(f"create {name}")
        self._endpoints[made.id] = made
        self.binding[made.id] = environment
        self._versions[made.id] = 1
        return replace(made, settings=settings)

    def change_endpoint(self, environment: str, before: Endpoint, settings: Settings) -> Endpoint:
        old = self._kept(self._endpoints, before.id).settings
        if old.kind is not settings.kind or bool(old.instances) != bool(settings.instances):
            raise _refused("neither type nor hardware family can change")
        self.done.append(f"change {before.name}")
        self._endpoints[before.id] = replace(before, settings=self._told(settings))
        self._versions[before.id] += 1
        return replace(before, settings=settings)

    def delete_endpoint(self, endpoint: str) -> None:
        gone = self._endpoints.pop(endpoint, None)
        if gone is not None:
            self.done.append(f"delete {gone.name}")

    def url(self, endpoint: Endpoint) -> str:
        return f"https://{endpoint.id}.example"

    def _told(self, settings: Settings) -> Settings:
        """Return settings as the platform tells them: volumes by their names, no registry."""
        known = {volume.id: volume_name(volume) for volume in self._volumes.values()}
        ids = [volume_id(volume, self._volumes.values()) for volume in settings.volumes]
        if any(found not in known for found in ids):
            raise _refused("there is no such volume")
        return replace(settings, volumes=tuple(sorted(known[i] for i in ids)), registry="")

    # What endpoints use

    def volumes(self) -> tuple[Volume, ...]:
        return tuple(self._volumes.values())

    def create_volume(self, name: str, size: int, data_center: str) -> Volume:
        self.done.append(f"create the volume {name}")
        made = Volume(id=self._new("vol"), name=name, size=size, data_center=data_center)
        self._volumes[made.id] = made
        return made

    def secrets(self) -> tuple[Secret, ...]:
        return tuple(self._secrets.values())

    def create_secret(self, name: str, value: str, description: str) -> Secret:
        if any(secret.name == name for secret in self._secrets.values()):
            raise _refused("the name is taken")
        made = Secret(id=self._new("sec"), name=name, description=description, created=self._time())
        self._secrets[made.id] = made
        return made

    def delete_secret(self, secret: str) -> None:
        self._secrets.pop(secret, None)

    def stock(self, kind: DeviceKind, count: int) -> Mapping[str, frozenset[str]]:
        return {}

    # Workers: each change replaces them at once

    def rollout(self, endpoint: str) -> Rollout:
        total = len(self.workers(endpoint))
        version = self._versions[endpoint]
        return Rollout(version=version, in_progress=False, on_latest=total, total=total)

    def workers(self, endpoint: str) -> tuple[Worker, ...]:
        version = self._versions.get(endpoint, 0)
        count = self._kept(self._endpoints, endpoint).settings.workers_min
        return tuple(Worker(id=f"{endpoint}-{version}-{n}", state="IDLE") for n in range(count))

    def jobs(self, endpoint: str) -> Jobs:
        return Jobs()

    def crew(self, endpoint: str) -> Crew:
        return Crew(idle=len(self.workers(endpoint)))

    def call(
        self, endpoint: Endpoint, method: str, path: str, body: Any = None, *, seconds: float
    ) -> Answer:
        return Answer(status=200, body={"status": "COMPLETED", "output": body})

    def log(self, endpoint: str, worker: str, *, follow: bool) -> Iterator[LogLine]:
        yield from ()


def _refused(text: str) -> CloudError:
    return CloudError(Trouble.REFUSED, text)
