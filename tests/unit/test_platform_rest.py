"""Both versions of REST, and the streams of events."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from flashc_backends.platform.assembly import LocalPlatform
from tests.support.platform_stage import Stage, play


def test_volumes_are_the_same_in_both_versions_of_rest(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        given = {"name": "data", "size": 20, "dataCenterId": "EU-RO-1"}
        created = (await stage.client.post("/v1/networkvolumes", json=given)).json()
        assert created == {"id": created["id"], **given}
        assert (await stage.client.get("/v1/networkvolumes")).json() == [created]
        second = (await stage.client.get("/v2/network-volumes")).json()
        assert second["networkVolumes"][0]["dataCenter"] == "EU-RO-1"
        assert second["pagination"] == {"hasNextPage": False}
        path = f"/v2/network-volumes/{created['id']}"
        assert (await stage.client.patch(path, json={"size": 30})).json()["size"] == 30
        shrunk = await stage.client.patch(path, json={"size": 5})
        assert shrunk.status_code == 422
        assert shrunk.headers["content-type"] == "application/problem+json"
        wrong = await stage.client.post("/v2/network-volumes", json={"name": "x", "colour": 1})
        assert wrong.status_code == 422
        assert (await stage.client.delete(path)).status_code == 204
        assert (await stage.client.get(path)).status_code == 404

    play(tmp_path, scene)


@pytest.mark.parametrize("path", ["registries", "registries/x", "global-volumes", "catalog/gpus"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_the_platform_does_not_keep_is_not_accepted(
    tmp_path: Path, path: str, method: str
) -> None:
    async def scene(stage: Stage) -> None:
        answer = await stage.client.request(method, f"/v2/{path}", json={"name": "x"})
        assert answer.status_code == 405
        assert "can only list" in answer.text

    play(tmp_path, scene)


def test_rest_shows_and_changes_endpoints(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": 1})
        path = f"/v2/serverless/{stage.ids['queue']}"
        assert (await stage.client.get(path)).json()["type"] == "QUEUE"
        workers = (await stage.client.get(f"{path}/workers")).json()
        assert workers["summary"]["total"] == 1
        assert workers["workers"][0]["isStale"] is False
        releases = (await stage.client.get(f"{path}/releases")).json()
        assert releases["rollout"]["percentOnLatest"] == 100
        changed = await stage.client.patch(path, json={"workers": {"min": 0, "max": 4}})
        assert changed.json()["workers"]["max"] == 4
        created = await stage.client.post(
            "/v2/serverless",
            json={
                "name": "made",
                "type": "LOAD_BALANCER",
                "image": "x",
                "scaling": {"type": "REQUEST_COUNT", "requestCount": 2},
            },
        )
        assert created.status_code == 201
        assert (await stage.client.delete(path)).status_code == 204
        assert (await stage.client.get(path)).status_code == 404
        assert (await stage.get("health")).status_code == 404

    play(tmp_path, scene)


def test_retired_interfaces_can_answer_410(tmp_path: Path) -> None:
    async def scene() -> None:
        retired = frozenset(["rest-v1", "graphql"])
        platform = await LocalPlatform.start(None, folder=tmp_path, retired=retired)
        try:
            headers = {"authorization": f"Bearer {platform.key}"}
            async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
                reply = await client.get(f"{platform.base}/v1/networkvolumes")
                assert reply.status_code == 410
                asked = {"query": "{ myself { id } }"}
                reply = await client.post(f"{platform.base}/graphql", json=asked)
                assert reply.status_code == 410
                assert (await client.get(f"{platform.base}/v2/network-volumes")).is_success
        finally:
            await platform.close()

    asyncio.run(scene())


def test_the_journal_can_be_followed_and_resumed(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": 1})
        url = f"{stage.platform.base}/events"
        seen: list[str] = []
        async with stage.client.stream("GET", url) as reply:
            async for line in reply.aiter_lines():
                seen.append(line)
                if '"status":"COMPLETED"' in line:
                    break
        ids = [int(line[4:]) for line in seen if line.startswith("id: ")]
        assert ids == sorted(set(ids))
        async with stage.client.stream(
            "GET", url, headers={"last-event-id": str(ids[-2])}
        ) as reply:
            async for line in reply.aiter_lines():
                assert line == f"id: {ids[-1]}"
                break

    play(tmp_path, scene)


def test_the_lines_of_a_worker_are_sent_as_events(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": 1})
        (worker,) = stage.engine.running
        stage.platform.journal.note("line", worker=worker, endpoint="", stream="stdout", text="hi")
        url = f"/v2/serverless/{stage.ids['queue']}/workers/{worker}/logs"
        async with stage.client.stream("GET", url) as reply:
            async for line in reply.aiter_lines():
                if line.startswith("data: "):
                    assert '"line":"hi"' in line
                    break

    play(tmp_path, scene)


def test_version_1_refuses_with_the_status_that_fits(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        given = {"name": "data", "size": 20, "dataCenterId": "EU-RO-1"}
        made = (await stage.client.post("/v1/networkvolumes", json=given)).json()
        path = f"/v1/networkvolumes/{made['id']}"
        assert (await stage.client.put(path)).status_code == 405
        assert (await stage.client.get(f"{path}x")).status_code == 404
        assert (await stage.client.patch(path, json={"size": "big"})).status_code == 400
        assert (await stage.client.patch(path, json={"size": 5})).status_code == 400
        large = await stage.client.patch(path, content=b" " * (1024**2 + 1))
        assert large.status_code == 413

    play(tmp_path, scene)


def test_an_endpoint_of_an_unknown_type_is_refused(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        scaling = {"type": "REQUEST_COUNT", "requestCount": 2}
        given = {"name": "made", "type": "CRON", "image": "x", "scaling": scaling}
        refused = await stage.client.post("/v2/serverless", json=given)
        assert refused.status_code == 422
        assert refused.json()["detail"] == "`type` must be QUEUE or LOAD_BALANCER"

    play(tmp_path, scene)
