"""What is over leaves the memory of the platform: endpoints that were deleted, and releases that were replaced."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from flashc_backends.platform.dispatcher import Dispatcher
from flashc_backends.platform.engines.base import WorkerSpec
from flashc_backends.platform.fleet import Fleet
from tests.support.platform_stage import CoroutineEngine, Stage, Wire, echo, staged


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not within some seconds.
    """
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


def play(folder: Path, engine: CoroutineEngine, scene: Callable[[Stage], Awaitable[None]]) -> None:
    """Run a scene on a platform with one queue endpoint."""

    async def run() -> None:
        async with staged(folder, engine, "queue") as stage:
            await scene(stage)

    asyncio.run(run())


def known_releases(stage: Stage) -> int:
    """Return how many releases the fleet keeps."""
    assert isinstance(stage.platform.fleet, Fleet)
    return len(stage.platform.fleet._releases)


def _is_other(dispatcher: Dispatcher, release: str | None) -> bool:
    return dispatcher.pool.serving != release


def test_a_deleted_endpoint_leaves_memory_when_its_last_worker_has_ended(tmp_path: Path) -> None:
    async def work(wire: Wire) -> None:
        await wire.take()
        await asyncio.sleep(3600)

    async def scene(stage: Stage) -> None:
        core, endpoint = stage.platform.core, stage.ids["queue"]
        waiting = [
            asyncio.ensure_future(stage.post("runsync", {"input": number})) for number in range(2)
        ]
        await until(lambda: len(core.dispatchers[endpoint].jobs) == 2)
        await stage.platform.control.delete_endpoint(endpoint)
        assert [reply.json()["status"] for reply in await asyncio.gather(*waiting)] == [
            "CANCELLED",
            "CANCELLED",
        ]
        await until(lambda: not core.dispatchers)
        assert not core.takes
        assert not core.results
        assert known_releases(stage) == 0
        for operation in ("run", "runsync", "purge-queue"):
            assert (await stage.post(operation, {"input": 1})).status_code == 404

    play(tmp_path, CoroutineEngine(work), scene)


def test_an_endpoint_without_workers_is_forgotten_at_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        control = stage.platform.control
        endpoint = await control.save_endpoint({"name": "made", "type": "QB"})
        assert endpoint.id in stage.platform.core.dispatchers
        await control.delete_endpoint(endpoint.id)
        assert endpoint.id not in stage.platform.core.dispatchers

    play(tmp_path, CoroutineEngine(echo), scene)


def test_only_the_releases_of_which_workers_can_start_are_kept(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        control, endpoint = stage.platform.control, stage.ids["queue"]
        pool = stage.platform.core.dispatchers[endpoint]
        for number in range(4):
            before = pool.pool.serving
            await control.save_endpoint(
                {
                    "id": endpoint,
                    "template": {"env": [{"key": "NUMBER", "value": str(number)}]},
                }
            )
            control.roll_now()
            await until(functools.partial(_is_other, pool, before))
        await until(lambda: len(pool.pool.workers) == 1)
        assert known_releases(stage) == 1
        assert (await stage.post("runsync", {"input": 7})).json()["output"] == 7

    play(tmp_path, CoroutineEngine(echo), scene)


def test_a_worker_that_is_stopped_while_it_is_prepared_does_not_start(tmp_path: Path) -> None:
    class SlowEngine(CoroutineEngine):
        """An engine that takes its time to prepare a worker."""

        def __init__(self) -> None:
            super().__init__(echo)
            self.may_go_on = asyncio.Event()
            self.prepares = 0

        async def prepare(self, specs: Sequence[WorkerSpec]) -> None:
            self.prepares += 1
            await self.may_go_on.wait()

    engine = SlowEngine()

    async def scene(stage: Stage) -> None:
        await until(lambda: engine.prepares == 1)
        await stage.platform.control.delete_endpoint(stage.ids["queue"])
        await asyncio.sleep(0.1)
        engine.may_go_on.set()
        await until(lambda: not stage.platform.core.dispatchers)
        assert not engine.specs

    play(tmp_path, engine, scene)
