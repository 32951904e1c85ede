"""Turn the answers of Runpod's APIs into what a platform holds."""

from __future__ import annotations

from typing import Any

import httpx

from flashc_core.documents import UnreadableDocument, parse_json

from . import replies
from .errors import CloudError, Trouble
from .model import Answer, App, Build, Environment, Secret, Volume


def answer_of(reply: httpx.Response) -> Answer:
    """Return the answer of an endpoint."""
    try:
        body = reply.json()
    except (ValueError, RecursionError):
        body = reply.text
    return Answer(
        status=reply.status_code, body=body, worker=reply.headers.get("x-runpod-worker-id", "")
    )


def app_of(document: Any) -> App:
    """Return an app from an answer."""
    reply = replies.read("the app", replies.AppReply, document)
    builds = [
        Build(id=found.id, object_key=found.object_key or "", created=found.created_at or "")
        for found in reply.flash_builds
    ]
    return App(
        id=reply.id,
        name=reply.name,
        environments=tuple(_from_reply(found) for found in reply.flash_environments),
        builds=tuple(sorted(builds, key=lambda build: build.created, reverse=True)),
    )


def environment_of(document: Any) -> Environment:
    """Return an environment from an answer."""
    return _from_reply(replies.read("the environment", replies.EnvironmentReply, document))


def _from_reply(reply: replies.EnvironmentReply) -> Environment:
    return Environment(
        id=reply.id,
        name=reply.name,
        build=reply.active_build_id or "",
        created=reply.created_at or "",
    )


def volume_of(document: Any) -> Volume:
    """Return a network volume from an answer."""
    reply = replies.read("the volume", replies.VolumeReply, document)
    return Volume(id=reply.id, name=reply.name, size=reply.size, data_center=reply.data_center)


def secret_of(document: Any) -> Secret:
    """Return a secret from an answer."""
    reply = replies.read("the secret", replies.SecretReply, document)
    return Secret(
        id=reply.id,
        name=reply.name,
        description=reply.description or "",
        created=reply.created_at or "",
    )


def decoded(what: str, text: str) -> Any:
    """Return the JSON of an event."""
    try:
        return parse_json(text)
    except UnreadableDocument as error:
        raise CloudError(Trouble.BROKEN, f"{what}: an event is not JSON") from error
