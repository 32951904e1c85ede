"""What can go wrong in a deployment is a finding: a missing variable, workers that do not start, no place."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.operated import Operated, codes, operate, refusing
from tests.support.platform_stage import Wire, echo

WORKER = """\
import os
from flashc import Endpoint

@Endpoint(name="w", cpu="cpu3c-1-2", workers=(1, 1))
async def run(x: int):
    return {}
"""


def _write(on: Operated, returned: str = "x", parameters: str = "") -> None:
    source = WORKER.replace("{}", returned).replace("(1, 1)", f"(1, 1){parameters}")
    (on.operator.project / "worker.py").write_text(source)


@pytest.mark.parametrize("command", ["plan", "deploy"])
def test_a_variable_that_is_not_set_is_named_before_anything_is_done(
    command: str, tmp_path: Path
) -> None:
    async def scene(on: Operated) -> None:
        _write(on, parameters=', env={"TOKEN": os.environ["HF_TOKEN"]}')
        done = await on.flashc(command)
        assert (done.code, codes(done)) == (1, ["FC608"])
        assert "`TOKEN` of the endpoint `w` comes from `HF_TOKEN`" in done.stderr
        assert on.names()["apps"] == []
        done = await on.flashc(command, HF_TOKEN="pa55word")
        assert (done.code, codes(done)) == (0, [])
        assert "pa55word" not in done.output

    operate(tmp_path, scene, deployed=False)


class _Code:
    """The behaviour of workers of this test: they work, or they end at once."""

    def __init__(self) -> None:
        self.is_broken = False

    async def __call__(self, wire: Wire) -> None:
        if self.is_broken:
            raise RuntimeError("no module named pandas")
        await echo(wire)


def test_a_release_that_does_not_start_is_taken_back(tmp_path: Path) -> None:
    code = _Code()

    async def scene(on: Operated) -> None:
        _write(on)
        assert (await on.flashc("deploy")).code == 0
        before = (await on.json("status"))["build"]
        code.is_broken = True
        _write(on, returned="x + 1")
        done = await on.flashc("deploy")
        assert (done.code, codes(done)) == (1, ["FC611"])
        assert "no module named pandas" in done.stderr
        assert (await on.json("status"))["build"] == before

    operate(tmp_path, scene, behaviour=code, deployed=False)


def test_that_the_old_release_could_not_be_restored_is_said(tmp_path: Path) -> None:
    code = _Code()

    async def scene(on: Operated) -> None:
        _write(on)
        assert (await on.flashc("deploy")).code == 0
        before = (await on.json("status"))["build"]
        code.is_broken = True
        _write(on, returned="x + 1")
        words = ("mutation deployBuildToEnvironment", before)
        with refusing(on.stage.platform.base, *words) as between:
            done = await on.flashc("deploy", RUNPOD_API_BASE_URL=between)
        assert (done.code, codes(done)) == (1, ["FC606", "FC612"])
        assert "app/production could not be restored" in done.stderr

    operate(tmp_path, scene, behaviour=code, deployed=False)


def test_workers_that_need_longer_than_the_deployment_waits_are_a_warning(tmp_path: Path) -> None:
    async def never_ready(_wire: Wire) -> None:
        await asyncio.sleep(3600)

    async def scene(on: Operated) -> None:
        _write(on)
        done = await on.flashc("deploy", "--wait", "1")
        assert (done.code, codes(done)) == (0, ["FC613"])
        assert "flashc status --env production" in done.stderr
        assert on.names()["endpoints"] == ["w"]

    operate(tmp_path, scene, behaviour=never_ready, deployed=False)


def test_an_endpoint_that_no_data_centre_can_run_now_is_a_warning(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        source = WORKER.replace("{}", "x").replace("Endpoint\n", "Endpoint, GpuType\n")
        source = source.replace('cpu="cpu3c-1-2"', 'gpu=GpuType.NVIDIA_L4, datacenter="EU-NL-1"')
        (on.operator.project / "worker.py").write_text(source)
        done = await on.flashc("plan")
        assert (done.code, codes(done)) == (0, ["FC617", "FC110"])
        assert "`w` has no place now: no NVIDIA L4 in EU-NL-1" in done.stderr

    operate(tmp_path, scene, deployed=False)
