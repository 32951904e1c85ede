"""Where the platform does not tell which release workers run, the workers are asked, if they understand it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from flashc_backends.runtime.identity import QUESTION
from tests.support.console import Done
from tests.support.operated import Operated, codes, operate, without_rest_v2
from tests.support.platform_stage import Wire

WORKER = """\
from flashc import Endpoint

@Endpoint(name="w", cpu="cpu3c-1-2", workers={workers}, env={{"MODE": "{mode}"}})
async def run(x: int):
    return {returned}
"""


def _write(on: Operated, returned: str = "x", workers: str = "(1, 1)", mode: str = "a") -> None:
    source = WORKER.format(returned=returned, workers=workers, mode=mode)
    (on.operator.project / "worker.py").write_text(source)


class _Workers:
    """The behaviour of workers that know their build, and tell it if they are asked; `asked` counts."""

    def __init__(self) -> None:
        self.builds: list[str] = []  # of the workers, in the order of their starts
        self.current = ""
        self.asked = 0

    async def __call__(self, wire: Wire) -> None:
        build = self.current
        self.builds.append(build)
        while True:
            job: dict[str, Any] | None = await wire.take()
            if job is not None:
                self.asked += job["input"] == QUESTION
                await wire.done(job["id"], {"output": build})


async def _deploy(on: Operated, workers: _Workers, *words: str, status: int = 410) -> Done:
    """Deploy without REST version 2; workers that start from now on run what is deployed."""
    assert (await on.flashc("build")).code == 0
    manifest = json.loads((on.operator.project / ".flash/flash_manifest.json").read_text())
    workers.current = manifest["identity"]
    with without_rest_v2(on.stage.platform.base, status) as base:
        return await on.flashc("deploy", *words, RUNPOD_API_BASE_URL=base)


@pytest.mark.parametrize("status", [410, 404])
def test_workers_are_asked_until_all_run_the_new_build(status: int, tmp_path: Path) -> None:
    workers = _Workers()

    async def scene(on: Operated) -> None:
        for returned in ("x", "x + 1"):
            _write(on, returned, workers="(2, 2)")
            done = await _deploy(on, workers, status=status)
            assert (done.code, codes(done)) == (0, [])
            assert len(workers.builds) - workers.builds.index(workers.current) >= 2
        assert workers.asked >= 4

    operate(tmp_path, scene, behaviour=workers, deployed=False)


def test_an_old_build_that_goes_on_is_a_warning_when_the_time_is_over(tmp_path: Path) -> None:
    workers = _Workers()

    async def scene(on: Operated) -> None:
        _write(on)
        assert codes(await _deploy(on, workers)) == []
        on.stage.platform.control.roll_delay = 3600.0
        _write(on, "x + 1")
        done = await _deploy(on, workers, "--wait", "1")
        assert (done.code, codes(done)) == (0, ["FC613"])
        assert "not every worker of `w` runs the new release yet" in done.stderr

    operate(tmp_path, scene, behaviour=workers, deployed=False)


def test_workers_that_would_take_the_question_for_an_input_are_not_asked(tmp_path: Path) -> None:
    workers = _Workers()

    async def scene(on: Operated) -> None:
        _write(on)
        assert (await on.flashc("deploy")).code == 0
        (build,) = on.stage.platform.control.builds.values()
        manifest = {k: v for k, v in build.manifest.items() if k != "identity"}
        await on.stage.platform.control.builds.save(structs.replace(build, manifest=manifest))
        _write(on, "x + 1")
        done = await _deploy(on, workers)
        assert (done.code, codes(done)) == (0, ["FC613"])
        assert "does not tell which release the workers of `w` run" in done.stderr
        assert workers.asked == 0

    operate(tmp_path, scene, behaviour=workers, deployed=False)


def test_an_endpoint_without_workers_is_not_woken(tmp_path: Path) -> None:
    workers = _Workers()

    async def scene(on: Operated) -> None:
        for returned in ("x", "x + 1"):
            _write(on, returned, workers="(0, 1)")
            assert codes(await _deploy(on, workers)) == []
        assert workers.builds == []

    operate(tmp_path, scene, behaviour=workers, deployed=False)
