"""Turn the answers of Runpod's APIs into what a platform holds."""

from __future__ import annotations

from typing import Any

from . import replies
from .model import App, Build, Environment, Secret, Volume


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
