"""Define what a plan is executed with, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from flashc_backends.cloud.model import Endpoint
from flashc_backends.cloud.pace import STANDARD, Pace
from flashc_ir.smoke import SmokeCall

from .plan import Plan
from .rollout import Outcome, Watched
from .smoke import SmokeResult
from .variables import SecretValue
from .world import World


class Deployment(Struct, frozen=True, kw_only=True):
    """What a plan is executed with.

    Attributes:
        plan: the steps.
        world: what the plan was made from.
        manifest: the manifest of the build, with references to secrets.
        artifact: the artifact; None to run the existing build `build`.
        build: the id of the build to run, "" for a new one.
        secrets: the values of the secrets, by name.
        smoke: the calls that the new release must answer.
        seconds: the longest time to wait for workers; 0 does not wait.
        pace: how long to wait between looks.
    """

    plan: Plan
    world: World
    manifest: Mapping[str, Any]
    artifact: Path | None
    build: str = ""
    secrets: Mapping[str, SecretValue] = {}
    smoke: tuple[SmokeCall, ...] = ()
    seconds: float = 600.0
    pace: Pace = STANDARD


class Deployed(Struct, frozen=True, kw_only=True):
    """The result: the endpoints of the project, their URLs by name, and how rollouts and smoke calls ended."""

    build: str
    endpoints: tuple[Endpoint, ...]
    urls: Mapping[str, str]
    rollouts: tuple[Watched, ...]
    smoke: tuple[SmokeResult, ...] = ()

    @property
    def failed(self) -> tuple[Watched, ...]:
        """The rollouts whose workers did not start."""
        return tuple(found for found in self.rollouts if found.outcome is Outcome.FAILED)

    @property
    def has_failed(self) -> bool:
        """Whether the new release must not serve: its workers do not start, or do not answer as they should."""
        return bool(self.failed) or any(result.problem for result in self.smoke)


class NotRestored(Exception):
    """A deployment failed, and what ran before could not be restored; `cause` is the first failure."""

    def __init__(self, cause: BaseException, problem: BaseException) -> None:
        super().__init__(str(problem) or "it was interrupted")
        self.cause = cause
