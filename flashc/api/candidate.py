"""Find the build to deploy, and plan the steps of the environment to it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from flashc_backends.cloud.errors import CloudError
from flashc_backends.cloud.model import App
from flashc_backends.cloud.port import Cloud
from flashc_backends.deploy.cleaning import add_cleaning
from flashc_backends.deploy.placement import NoPlace, without_place
from flashc_backends.deploy.plan import Code, Plan, code_state, make_plan
from flashc_backends.deploy.variables import (
    Missing,
    SecretValue,
    Target,
    Variables,
    compute_variables,
    secrets_in,
)
from flashc_backends.deploy.wanted import wanted_endpoints, wanted_volumes
from flashc_backends.deploy.world import World, read_world
from flashc_backends.manifest.documents import InvalidDocument, known_part, read_document
from flashc_backends.manifest.manifest_model import Manifest
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_ir.smoke import SmokeCall

from .cloud import Session

_STANDARD_ENVIRONMENT = "production"
_HERE = WholeFile(".")


class Candidate(Struct, frozen=True, kw_only=True):
    """What is to run: a new artifact, or a build that the platform has.

    Attributes:
        manifest: the manifest of the artifact or of the build.
        digest: the SHA-256 of the artifact in hex; for the build of another tool, a digest of its
            source files.
        artifact: the path of the artifact, None for a build that the platform has.
        build: the id of that build, "" for a new artifact.
        smoke: the calls that it must answer.
    """

    manifest: Manifest
    digest: str
    artifact: Path | None = None
    build: str = ""
    smoke: tuple[SmokeCall, ...] = ()


class Planned(Struct, frozen=True, kw_only=True):
    """A plan, with everything that is needed to execute it.

    `document` is the manifest that the platform will keep: it has references to secrets in place of
    values.
    """

    plan: Plan
    world: World
    document: Mapping[str, Any]
    secrets: Mapping[str, SecretValue]


def choose_target(
    app_name: str, app: App | None, environment: str | None, sink: Sink
) -> Target | None:
    """Return the target of a deployment; None if it is not clear, which is reported.

    Without a name of an environment, it is the only one that the app has, or `production` if it has
    none.  `app` is None if the platform has no such app.
    """
    if environment is not None:
        return Target(app_name, environment)
    names = _environment_names(app)
    if len(names) <= 1:
        return Target(app_name, names[0] if names else _STANDARD_ENVIRONMENT)
    sink.report(
        rules.WHICH_ENVIRONMENT,
        _HERE,
        f"the app `{app_name}` has {len(names)} environments: {', '.join(names)}",
        help=(f"name one: `--env {names[0]}`",),
    )
    return None


def _environment_names(app: App | None) -> list[str]:
    return sorted(found.name for found in app.environments) if app is not None else []


def candidate_of_build(cloud: Cloud, build: str, sink: Sink) -> Candidate | None:
    """Return a build of the platform as a candidate; None if its manifest can't be used, which is reported."""
    document = known_part(cloud.manifest(build), Manifest)
    try:
        manifest = read_document(msgspec.json.encode(document), Manifest)
    except InvalidDocument as error:
        sink.report(
            rules.CLOUD_FAILED,
            _HERE,
            f"flashc can't read the manifest of the build {build}",
            notes=tuple(f"{path}: {problem}" for path, problem in error.problems[:5]),
            help=("deploy the project at the commit that the build was made from",),
        )
        return None
    digest = manifest.artifact_digest or manifest.source_fingerprint
    return Candidate(manifest=manifest, digest=digest, build=build)


def plan_candidate(
    session: Session,
    candidate: Candidate,
    target: Target,
    app: App | None,
    environ: Mapping[str, str],
    prune: frozenset[str],
    sink: Sink,
) -> Planned | None:
    """Return the plan for a candidate; None if a variable or a secret is missing, which is reported.

    Args:
        session: the platform.
        candidate: what is to run.
        target: where it is to run.
        app: the app; None if the platform does not have it.
        environ: the environment variables of the deployment.
        prune: names or ids of endpoints to delete if the candidate does not declare them.
        sink: gets the findings.

    Raises:
        CloudError: the platform can't be asked.
    """
    manifest = candidate.manifest
    has_volumes = any(resource.network_volumes for resource in manifest.resources.values())
    world = read_world(session.cloud, target, app, volumes=has_volumes)
    variables = compute_variables(
        manifest, target, environ, session.key.value, has_secrets=world.secrets is not None
    )
    for missing in variables.missing:
        _report_missing(missing, sink)
    unknown = prune - {endpoint.name for endpoint in world.endpoints}
    unknown -= {endpoint.id for endpoint in world.endpoints}
    for name in sorted(unknown):
        sink.report(
            rules.NOTHING_TO_PRUNE,
            _HERE,
            f"`--prune {name}`: {target} has no endpoint `{name}`",
            help=("leave the option out, unless it was deleted just now",),
        )
    lost = _lost_secrets(variables, world)
    for resource, secret in lost:
        _report_lost(resource, secret, sink)
    if variables.missing or lost:
        return None
    document = _document(candidate, target, variables)
    plan = make_plan(
        target,
        wanted_endpoints(manifest, variables.by_resource, candidate.digest),
        world,
        manifest=document,
        artifact="" if candidate.artifact is None else candidate.digest,
        code=_code(candidate, document, world),
        volumes=wanted_volumes(manifest),
        secrets=variables.secrets,
        prune=prune,
        key=session.key.value,
    )
    plan = add_cleaning(session.cloud, plan, world, document)
    return Planned(plan=plan, world=world, document=document, secrets=variables.secrets)


def _lost_secrets(variables: Variables, world: World) -> list[tuple[str, str]]:
    """Return the secrets that endpoints refer to and that do not exist, each with its endpoint."""
    known = {secret.name for secret in world.secrets or ()} | variables.secrets.keys()
    return [
        (resource, name)
        for resource, values in sorted(variables.by_resource.items())
        for name in sorted(set(secrets_in(values)) - known)
    ]


def _code(candidate: Candidate, document: Mapping[str, Any], world: World) -> Code:
    """Return how the code of a candidate differs from what runs."""
    if candidate.build and world.environment is not None:
        same = candidate.build == world.environment.build
        return Code.UNCHANGED if same else Code.CHANGED
    return code_state(document, candidate.digest, world)


def _document(candidate: Candidate, target: Target, variables: Variables) -> dict[str, Any]:
    """Return the manifest for the platform: with where it runs, and references to secrets.

    A value that is no reference, because the platform keeps no secrets, stays out of it.
    """
    document: dict[str, Any] = msgspec.to_builtins(candidate.manifest)
    document |= {"artifact_digest": candidate.digest, "environment": target.environment}
    for name, resource in document["resources"].items():
        kept = {
            variable: value
            for variable, value in variables.by_resource[name].items()
            if any(secrets_in({variable: value}))
            and (
                variable in (resource.get("env_references") or {})
                or variable in ((resource.get("template") or {}).get("env_references") or {})
            )
        }
        if kept:
            resource["env"] = {**(resource.get("env") or {}), **kept}
    return document


def check_places(cloud: Cloud, plan: Plan, sink: Sink) -> None:
    """Report the endpoints that no data centre can run now, if the platform tells.

    That it does not tell must not keep anybody from a deployment, or from a rollback.
    """
    with suppress(CloudError):
        for found in without_place(cloud, plan):
            _report_no_place(found, sink)


def _report_no_place(found: NoPlace, sink: Sink) -> None:
    places = ", ".join(found.centers) or "any data centre"
    if found.is_contradiction:
        sink.report(
            rules.NO_PLACE,
            _HERE,
            f"the volumes of `{found.endpoint}` are in none of its data centres ({places})",
            help=("name the data centre of the volume, or none",),
        )
        return
    sink.report(
        rules.NO_PLACE,
        _HERE,
        f"`{found.endpoint}` has no place now: no {' or '.join(found.devices)} in {places}",
        help=("allow more hardware or more data centres, or wait for stock",),
    )


def _report_lost(resource: str, secret: str, sink: Sink) -> None:
    sink.report(
        rules.NOT_DEPLOYED,
        _HERE,
        f"a variable of the endpoint `{resource}` is the secret `{secret}`, which the platform "
        "does not have",
        help=("create it: `flashc secret set`; or deploy the project in place of the build",),
    )


def _report_missing(missing: Missing, sink: Sink) -> None:
    sink.report(
        rules.VARIABLE_MISSING,
        _HERE,
        f"the variable `{missing.variable}` of the endpoint `{missing.resource}` comes from "
        f"`{missing.needs}`, which is not set",
        help=(f"set `{missing.needs}` in the environment or in `.env`",),
    )
