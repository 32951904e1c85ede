"""Run an app while the user edits it: deploy each new version, which replaces only workers whose code has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct, structs

from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.platform.artifacts import ArtifactError
from flashc_backends.platform.assembly import LocalPlatform, WorkerFailed
from flashc_backends.platform.engines.process import ProcessEngine
from flashc_backends.platform.fields import Invalid
from flashc_backends.platform.releases import HELD
from flashc_backends.platform.state import state_folder
from flashc_backends.platform.store import StoreError

from .addresses import addresses_of
from .plan import PreviewPlan
from .preview import Listener, Preview, Settings


class ProjectVersion(Struct, frozen=True, kw_only=True):
    """A state of the project that compiles: its plan, its manifest and its unpacked artifact.

    `held` has the digest of what workers hold, by resource (see `contents.py`).
    """

    plan: PreviewPlan
    manifest: Manifest
    tree: Path
    held: Mapping[str, str]


class Reloaded(Struct, frozen=True, kw_only=True):
    """The result of a new version: the resources whose workers are replaced, are kept, or are removed.

    `saved` is when the files of the version were saved, in seconds since the epoch.
    """

    saved: float
    touched: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...]


class DevelopmentListener(Listener, Protocol):
    """Shows what a preview and a development session do."""

    def show_reload(self, reloaded: Reloaded) -> None:
        """Show which endpoints get workers of a new version; these workers are not ready yet."""
        ...

    def show_kept_old(self, reason: str) -> None:
        """Show why a new version can't be used; the old version keeps running."""
        ...


class Development(Preview):
    """A preview whose code can be replaced while it runs."""

    def __init__(
        self,
        *,
        version: ProjectVersion,
        project: Path,
        cache: Path,
        settings: Settings,
        listener: DevelopmentListener,
    ) -> None:
        super().__init__(
            plan=version.plan,
            manifest=version.manifest,
            artifact=version.tree,
            project=project,
            cache=cache,
            settings=settings,
            listener=listener,
        )
        self._held = version.held
        self._ids: dict[str, str] = {}
        self._is_deployed = asyncio.Event()
        self._reports = listener

    async def reload(
        self,
        version: ProjectVersion,
        environ: Mapping[str, str],
        saved: float,
        *,
        only_news: bool = False,
    ) -> None:
        """Deploy a new version; workers of the old version finish the jobs and requests that they have.

        `environ` has the values of the environment variables to which the program refers.  `saved` is when the files
        were saved.  With `only_news`, the listener is not called if the version equals the running one.
        """
        await self._is_deployed.wait()
        platform = self._platform
        assert platform is not None
        self._settings = structs.replace(self._settings, environ=environ)
        before, ids_before = self._releases(platform), dict(self._ids)
        self._plan, self._manifest = version.plan, version.manifest
        self._artifact, self._held = version.tree, version.held
        try:
            ids = await self._deploy(platform)
            removed = [name for name in ids_before if name not in ids]
            for name in removed:
                await platform.control.delete_endpoint(ids_before[name])
        except (ArtifactError, Invalid, StoreError, OSError) as error:
            self.keep_old(str(error))
            return
        self._update(addresses=addresses_of(self._plan, ids, platform.base, platform.key))
        after = self._releases(platform)
        touched = tuple(name for name in ids if after.get(name) != before.get(name))
        kept = tuple(name for name in ids if name not in touched)
        if touched or removed or not only_news:
            changed = ", ".join((*touched, *removed))
            text = f"New code of {changed}." if changed else "The newest code runs already."
            platform.journal.note("build", text=text, failed=False)
            self._reports.show_reload(
                Reloaded(saved=saved, touched=touched, kept=kept, removed=tuple(removed))
            )

    def keep_old(self, reason: str) -> None:
        """Report that new code can't be used; the old code keeps running."""
        if self._platform is not None:
            text = f"The code before the last change keeps running: {reason}."
            self._platform.journal.note("build", text=text, failed=True)
        self._reports.show_kept_old(reason)

    def _releases(self, platform: LocalPlatform) -> dict[str, str | None]:
        """Return the release that new workers of each endpoint start from, by resource."""
        dispatchers = platform.core.dispatchers
        return {
            name: dispatchers[found].pool.newest
            for name, found in self._ids.items()
            if found in dispatchers
        }

    async def _open(self) -> LocalPlatform:
        """Start the platform on an engine that forks workers from pre-started processes."""
        return await self._open_on(self._make_warm_engine())

    def _make_warm_engine(self) -> ProcessEngine:
        """Make the engine for processes, without sandboxes, with pre-started processes that fork workers."""
        workers = self._folder / "workers"
        workers.mkdir(exist_ok=True)
        return ProcessEngine(
            cache=self._cache,
            folder=workers,
            volumes=state_folder() / "volumes",
            report=self._listener.show_phase,
            sandbox=False,
            warm=True,
        )

    async def _deploy(self, platform: LocalPlatform) -> dict[str, str]:
        """Deploy the newest version, and start its rollout immediately."""
        self._ids = await super()._deploy(platform)
        platform.control.roll_now()
        self._is_deployed.set()
        return self._ids

    async def _wait_until_ready(self, platform: LocalPlatform) -> None:
        """Wait until the workers are ready; go on if a worker fails, because the user can correct its code."""
        try:
            await super()._wait_until_ready(platform)
        except WorkerFailed as error:
            self._reports.show_note(
                f"{error}; flashc restarts the worker after a pause, and again when you save a fix"
            )

    def _deployable_manifest(self) -> dict[str, Any]:
        """Return the manifest of the endpoints with code, with a digest for each of what its workers load."""
        document = super()._deployable_manifest()
        for name, entry in document["resources"].items():
            entry[HELD] = self._held[name]
        return document
