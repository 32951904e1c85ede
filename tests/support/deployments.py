"""Describe in words what a platform has and what a project wants, and what a plan does.

A line is `queue NAME` or `balanced NAME` with settings, for example `queue clf gpu=ADA_24 X=1`.

| setting | meaning |
|---|---|
| `id=` | the id of an endpoint that exists; NAME without it |
| `code=A` | the code that its workers were started for |
| `gpu=ADA_24,A6000` `count=2` `cpu=cpu3c-1-2` | the hardware; a GPU without it |
| `workers=0-3` `idle=60` `scale=4` `limit=5000` | scaling and the time limit of jobs in ms |
| `image=` `disk=` `start=` `registry=` `flashboot=off` `cuda=12.8` | the container and its machine |
| `in=EU-RO-1` `volume=data@EU-RO-1` | data centres and network volumes |
| `calls=a,b` | the endpoints that it calls |
| `X=1` `X=secret:NAME` | a variable |
| `key` | the API key in clear text, as `flash` puts it there |

The first line of a world says what runs: `no app`, `no environment`, `nothing runs`, `A runs`, or
`A runs by flash`.  Lines `volume NAME CENTER` are the account's volumes.  The first line of a wish
is `code A`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flashc_backends.base import Silent
from flashc_backends.cloud.keys import VARIABLE as KEY_VARIABLE
from flashc_backends.cloud.model import (
    App,
    Endpoint,
    Environment,
    Kind,
    Settings,
    Volume,
    VolumeName,
)
from flashc_backends.cloud.pace import Pace
from flashc_backends.cloud.port import Cloud
from flashc_backends.deploy.apply import execute
from flashc_backends.deploy.deployment import Deployed, Deployment
from flashc_backends.deploy.plan import Plan, Step, code_state, make_plan
from flashc_backends.deploy.variables import (
    ENVIRONMENT_ID,
    FINGERPRINT,
    SecretValue,
    Target,
    reference,
    secrets_in,
)
from flashc_backends.deploy.wanted import VolumeWish, Wanted
from flashc_backends.deploy.world import World, read_world

KEY = "planted-key-8f3a"
FAST = Pace(
    connect=2.0,
    answer=0.5,
    pause=0.01,
    longest_pause=0.02,
    longest_asked=2.0,
    looks=(0.0, 0.01, 0.02),
    lease=0.02,
    settle=0.2,
    watch=(0.005, 0.02),
)
TARGET = Target("app", "production")
_SIZE = 100  # GB of a volume
_FIELDS = {
    "image": ("image", str),
    "disk": ("disk_gb", int),
    "start": ("start_command", str),
    "registry": ("registry", str),
    "idle": ("idle_timeout", int),
    "limit": ("timeout_ms", int),
    "count": ("gpu_count", int),
    "cuda": ("min_cuda", str),
}


def world_of(text: str) -> World:
    """Return the world that a text describes."""
    first, *lines = _lines(text)
    volumes = tuple(
        Volume(id=f"id-of-{line.split()[1]}", name=line.split()[1], size=_SIZE, data_center=center)
        for line in lines
        if line.startswith("volume ")
        for center in line.split()[2:]
    )
    if first in ("no app", "no environment"):
        app = App(id="app-1", name=TARGET.app) if first == "no environment" else None
        return World(app=app, volumes=volumes)
    by_flash = first.endswith(" by flash")
    code = "" if first == "nothing runs" else first.split()[0]
    endpoints = [_endpoint(line, by_flash) for line in lines if not line.startswith("volume ")]
    environment = Environment(id="env-1", name=TARGET.environment, build="build-1" if code else "")
    manifest = _manifest(code, lines, recorded=True) if code else {}
    if by_flash:
        del manifest["artifact_digest"]
    return World(
        app=App(id="app-1", name=TARGET.app, environments=(environment,)),
        environment=environment,
        manifest=manifest,
        endpoints=tuple(sorted(endpoints, key=lambda e: (e.name, e.id))),
        volumes=volumes,
    )


def wanted_of(text: str) -> tuple[str, tuple[Wanted, ...], dict[str, Any]]:
    """Return the code, the endpoints and the manifest that a text describes."""
    first, *lines = _lines(text)
    code = first.removeprefix("code ")
    wanted = []
    for line in lines:
        name, settings, found = _settings(line)
        variables = {**settings.environment, FINGERPRINT: code}
        calls = tuple(filter(None, found.get("calls", "").split(",")))
        if calls:
            variables["FLASH_ENVIRONMENT_ID"] = ENVIRONMENT_ID
        fields = {name: getattr(settings, name) for name in settings.__struct_fields__}
        changed = Settings(**{**fields, "environment": dict(sorted(variables.items()))})
        wanted.append(Wanted(name=name, settings=changed, calls=calls))
    manifest = _manifest(code, lines, recorded=False)
    return code, tuple(sorted(wanted, key=lambda item: item.name)), manifest


def plan_of(world: World, wish: str, *prune: str) -> Plan:
    """Return the plan from a world to what a text wishes."""
    code, wanted, manifest = wanted_of(wish)
    return make_plan(
        TARGET,
        wanted,
        world,
        manifest=manifest,
        artifact=code,
        code=code_state(manifest, code, world),
        volumes=sorted(wishes_of(wanted)),
        secrets={n for item in wanted for n in secrets_in(item.settings.environment)},
        prune=frozenset(prune),
        key=KEY,
    )


def seen(cloud: Cloud) -> World:
    """Return what a platform has of the target."""
    return read_world(cloud, TARGET, cloud.app(TARGET.app), volumes=True)


def deploy(cloud: Cloud, wish: str, artifact: Path, *prune: str) -> tuple[Plan, Deployed]:
    """Plan and execute what a text wishes."""
    world = seen(cloud)
    plan = plan_of(world, wish, *prune)
    given = Deployment(
        plan=plan,
        world=world,
        manifest=wanted_of(wish)[2],
        artifact=artifact,
        secrets={
            name: SecretValue(name=name, variable="X", value=f"value of {name}")
            for name in plan.secrets
        },
        pace=FAST,
    )
    return plan, execute(cloud, given, Silent())


def wishes_of(wanted: tuple[Wanted, ...]) -> set[VolumeWish]:
    """Return the volumes that endpoints name with their data centres."""
    return {
        VolumeWish(name=volume.name, data_center=volume.data_center, size=_SIZE)
        for item in wanted
        for volume in item.settings.volumes
        if volume.data_center
    }


def instructions(plan: Plan) -> str:
    """Return what a plan does, a line for each step."""
    return "\n".join(
        [
            *(f"new volume {wish.name}" for wish in plan.volumes),
            *(f"new secret {name}" for name in plan.secrets),
            *map(_instruction, plan.steps),
        ]
    )


def _instruction(step: Step) -> str:
    which = f"{step.name} ({step.id})" if step.id not in ("", step.name) else step.name
    found = [
        "code" if c.setting == "code" else f"{c.setting} {c.before or '-'} > {c.after or '-'}"
        for c in step.changes
    ]
    more = [f"{'breaks' if d.breaks else 'keeps'} calls: {d.text}" for d in step.interface]
    return f"{step.action} {which}{': ' if found or more else ''}{', '.join(found + more)}"


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


def _endpoint(line: str, by_flash: bool) -> Endpoint:
    name, settings, found = _settings(line)
    variables = dict(settings.environment)
    if "code" in found:
        variables[FINGERPRINT] = _source(found["code"]) if by_flash else found["code"]
    fields = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return Endpoint(
        id=found.get("id", name),
        name=name,
        settings=Settings(**{**fields, "environment": dict(sorted(variables.items()))}),
        template=f"template of {name}",
    )


def _manifest(code: str, lines: list[str], *, recorded: bool) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    for line in lines:
        if line.startswith("volume "):
            continue
        name, settings, found = _settings(line)
        resources.setdefault(name, {})
        variables = settings.environment
        literals = {n: v for n, v in variables.items() if n in found and "secret:" not in found[n]}
        resources[name] = {
            "env": literals,
            **({"endpoint_id": found.get("id", name)} if recorded else {}),
            "template": {"containerRegistryAuthId": found.get("registry", "")},
            "functions": [{"class_methods": [m]} for m in found.get("has", "").split(",") if m],
            **resources[name],
        }
    return {
        "source_fingerprint": _source(code),
        "artifact_digest": code,
        "resources": resources,
    }


def _source(code: str) -> str:
    """Return the digest of source files, for which the digest of the artifact is `code`."""
    return f"source of {code}"


def _settings(line: str) -> tuple[str, Settings, dict[str, str]]:
    """Return the name, the settings and all words of a line."""
    kind, name, *words = line.split()
    found = {key: value for key, _, value in (word.partition("=") for word in words)}
    return name, Settings(**dict(_fields(kind, name, found))), found


def _fields(kind: str, name: str, found: dict[str, str]) -> Iterator[tuple[str, Any]]:
    balanced = kind == "balanced"
    yield "kind", Kind.BALANCED if balanced else Kind.QUEUE
    values = {
        field: convert(found[word]) for word, (field, convert) in _FIELDS.items() if word in found
    }
    cpu = tuple(filter(None, found.get("cpu", "").split(",")))
    least, _, most = found.get("workers", "0-1").partition("-")
    value = int(found.get("scale", "4"))
    yield from {
        "image": "flash",
        "disk_gb": 64,
        "gpu_count": 1,
        **values,
        **({"gpu_count": 0, "min_cuda": ""} if cpu else {}),
    }.items()
    yield "instances", cpu
    yield "gpus", () if cpu else tuple(found.get("gpu", "ADA_24").split(","))
    yield "workers_min", int(least)
    yield "workers_max", int(most)
    yield "scaler", ("REQUEST_COUNT" if balanced else "QUEUE_DELAY", value)
    yield "flashboot", found.get("flashboot") != "off"
    yield "data_centers", tuple(filter(None, found.get("in", "").split(",")))
    yield (
        "volumes",
        tuple(
            sorted(
                VolumeName(name=volume, data_center=center)
                for volume, _, center in (
                    word.partition("@") for word in found.get("volume", "").split(",") if word
                )
            )
        ),
    )
    own = {key: _value(value) for key, value in found.items() if key.isupper()}
    if "key" in found:
        own[KEY_VARIABLE] = KEY
    own["FLASH_RESOURCE_NAME"] = name
    yield "environment", dict(sorted(own.items()))


def _value(text: str) -> str:
    return reference(text.removeprefix("secret:")) if text.startswith("secret:") else text
