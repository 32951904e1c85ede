"""Create what endpoints use before they get their settings: secrets and network volumes."""

from __future__ import annotations

from collections.abc import Mapping

from flashc_backends.base import Progress
from flashc_backends.cloud.model import Volume
from flashc_backends.cloud.pace import Pace
from flashc_backends.cloud.port import Cloud

from .creating import create_once
from .lease import VOLUMES, held
from .plan import Plan
from .variables import SecretValue
from .wanted import VolumeWish

_VOLUME_SECONDS = 60.0  # the longest time to wait for another deployment that creates volumes


def make_prerequisites(
    cloud: Cloud, plan: Plan, secrets: Mapping[str, SecretValue], progress: Progress, pace: Pace
) -> None:
    """Create the secrets and the volumes of a plan that do not exist; `secrets` are their values by name.

    Raises:
        CloudError: something can't be created.
        Busy: another deployment creates volumes, and does not end in time.
    """
    for name in plan.secrets:
        secret = secrets[name]
        progress.start(f"saving the secret for {secret.variable}")
        _make_secret(cloud, plan, secret, pace)
    if not plan.volumes:
        return
    # Volumes belong to the account, and the platform allows equal names.
    with held(cloud, VOLUMES, patience=_VOLUME_SECONDS, waiting=lambda _: None, pace=pace) as alone:
        for wish in plan.volumes:
            progress.start(f"creating the volume {wish.name}")
            _make_volume(alone, wish, pace)


def _make_secret(cloud: Cloud, plan: Plan, secret: SecretValue, pace: Pace) -> None:
    description = f"{secret.variable} of {plan.target}; made by flashc"
    create_once(
        lambda: cloud.create_secret(secret.name, secret.value, description),
        lambda: next((found for found in cloud.secrets() if found.name == secret.name), None),
        pace,
    )


def _make_volume(cloud: Cloud, wish: VolumeWish, pace: Pace) -> None:
    def find() -> Volume | None:
        wanted = (wish.name, wish.data_center)
        return next((v for v in cloud.volumes() if (v.name, v.data_center) == wanted), None)

    if find() is None:
        create_once(lambda: cloud.create_volume(wish.name, wish.size, wish.data_center), find, pace)
