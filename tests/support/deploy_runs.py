"""Deploy a built app, in this process or in one that can be killed."""

from __future__ import annotations

import os
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from msgspec import Struct

from flashc.api.candidate import Candidate
from flashc.api.cloud import Session
from flashc.api.deploying import DeployOptions, DeployResult, deploy_candidate
from flashc.project.workspace import open_workspace
from flashc_backends.base import Silent
from flashc_backends.deploy.plan import Plan
from flashc_backends.manifest.documents import read_document
from flashc_backends.manifest.manifest_model import Manifest
from flashc_core.cache import disabled_cache
from flashc_core.diagnostics import Sink
from tests.support.deployments import FAST


class Built(Struct, frozen=True, kw_only=True):
    """A built app; `digest` is that of its artifact."""

    artifact: Path
    manifest: Path
    digest: str

    def candidate(self) -> Candidate:
        manifest = read_document(self.manifest.read_bytes(), Manifest)
        return Candidate(manifest=manifest, digest=self.digest, artifact=self.artifact)


class Agreeing:
    """Confirms everything; `plans` are those that were shown, `waits` who was waited for."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.waits: list[str] = []

    def show(self, plan: Plan) -> None:
        self.plans.append(plan)

    def confirm(self, plan: Plan) -> bool:
        return True

    def wait(self, holder: str) -> None:
        self.waits.append(holder)


def run(
    folder: Path,
    built: Built,
    *prune: str,
    environment: str = "production",
    audience: Agreeing | None = None,
    patience: float = 60.0,
) -> DeployResult:
    """Deploy with the platform and the key that the file `.env` in `folder` names."""
    workspace = open_workspace(folder, {"python_version": "3.12"}, cache=disabled_cache())
    options = DeployOptions(
        environment=environment,
        prune=frozenset(prune),
        seconds=60.0,
        patience=patience,
        pace=FAST,
    )

    def candidate(_session: Session, _sink: Sink) -> Candidate:
        return built.candidate()

    return deploy_candidate(workspace, options, audience or Agreeing(), candidate, Silent())


def start(
    folder: Path, built: Built, *prune: str, environment: str = "production"
) -> ForkServerProcess:
    """Begin to deploy in another process, which exits with 0 if there were no errors."""
    context = _context()
    process = context.Process(target=_main, args=(folder, built, prune, environment), daemon=True)
    process.start()
    return process


def _context() -> ForkServerContext:
    context = ForkServerContext()
    context.set_forkserver_preload([__name__])
    return context


def _main(folder: Path, built: Built, prune: tuple[str, ...], environment: str) -> None:
    try:
        result = run(folder, built, *prune, environment=environment)
    except KeyboardInterrupt:
        os._exit(130)
    for diagnostic in result.diagnostics:
        print(diagnostic.rule.code, diagnostic.message, *diagnostic.notes, flush=True)
    os._exit(1 if result.has_errors else 0)
