"""Who may do what on the platform: its keys, logins, host names and uploads."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from flashc_backends.platform.http.graphql_root import Logins
from tests.support.platform_stage import Stage, play


def test_a_login_gets_the_key_when_the_user_approves_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        async with httpx.AsyncClient(base_url=stage.platform.base, trust_env=False) as stranger:
            query = (
                "mutation createFlashAuthRequest { createFlashAuthRequest { id status expiresAt } }"
            )
            begun = (await stranger.post("/graphql", json={"query": query})).json()["data"]
            login = begun["createFlashAuthRequest"]["id"]
            status = (
                "query flashAuthRequestStatus($flashAuthRequestId: String!) "
                "{ flashAuthRequestStatus(flashAuthRequestId: $flashAuthRequestId) { status apiKey } }"
            )
            asked = {"query": status, "variables": {"flashAuthRequestId": login}}
            seen = (await stranger.post("/graphql", json=asked)).json()["data"]
            assert seen["flashAuthRequestStatus"] == {"status": "PENDING", "apiKey": None}
            path = f"/console/flash/login?request={login}"
            assert (await stranger.get(path)).status_code == 401
            assert (await stage.client.get(path)).status_code == 200
            seen = (await stranger.post("/graphql", json=asked)).json()["data"]
            assert seen["flashAuthRequestStatus"]["apiKey"] == stage.platform.key

    play(tmp_path, scene)


def test_a_query_without_a_key_is_short(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        login = "mutation { createFlashAuthRequest { id status } }"
        async with httpx.AsyncClient(base_url=stage.platform.base, trust_env=False) as stranger:
            short = {"query": f"{login} # {'x' * 8 * 1024}"}
            begun = (await stranger.post("/graphql", json=short)).json()["data"]
            assert begun["createFlashAuthRequest"]["status"] == "PENDING"
            long = {"query": f"{login} # {'x' * 16 * 1024}"}
            refused = await stranger.post("/graphql", json=long)
            assert refused.status_code == 413
            assert refused.json() == {"error": "the body is larger than 16384 bytes"}
        with_key = (await stage.client.post("/graphql", json=long)).json()["data"]
        assert with_key["createFlashAuthRequest"]["status"] == "PENDING"

    play(tmp_path, scene)


def test_an_expired_login_request_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    logins = Logins("the-key")
    early, late = logins.create()["id"], logins.create()["id"]
    assert logins.approve(early)
    now += 601.0
    assert not logins.approve(late)
    assert logins.view(late).keys() == {"id", "status", "expiresAt"}
    assert logins.view(late)["status"] == "EXPIRED"
    assert logins.view(early)["apiKey"] == "the-key"
    assert not logins.approve("unheard-of")


PATHS = [
    ("POST", "/graphql"),
    ("GET", "/v1/networkvolumes"),
    ("GET", "/v2/network-volumes"),
    ("GET", "/v2/serverless"),
    ("POST", "/v2/flash/runsync"),
    ("POST", "/v2/{queue}/run"),
    ("GET", "/v2/{queue}/health"),
    ("GET", "/v2/{queue}/job-take/w?x=1"),
    ("GET", "/v2/{queue}/ping/w?x=1"),
    ("GET", "/v2/other/health"),
    ("GET", "/lb/{queue}/x"),
    ("GET", "/events"),
    ("GET", "/anything"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nothing_answers_without_the_key(tmp_path: Path, method: str, path: str) -> None:
    async def scene(stage: Stage) -> None:
        url = stage.platform.base + path.format(**stage.ids)
        async with httpx.AsyncClient(trust_env=False) as stranger:
            for headers in ({}, {"authorization": "Bearer wrong"}):
                reply = await stranger.request(
                    method, url, headers=headers, json={"query": "{ myself { id } }"}
                )
                assert reply.status_code == 401
            assert (await stranger.get(f"{stage.platform.base}/ping")).status_code == 200

    play(tmp_path, scene)


def test_a_key_of_an_endpoint_is_for_this_endpoint_only(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key = stage.platform.control.endpoints[stage.ids["queue"]].key
        headers = {"authorization": key}
        async with httpx.AsyncClient(
            base_url=stage.platform.base, headers=headers, trust_env=False
        ) as worker:
            assert (await worker.get(f"/v2/{stage.ids['queue']}/health")).status_code == 200
            assert (await worker.get("/v2/serverless")).status_code == 401
            assert (await worker.get("/v2/other/health")).status_code == 401

    play(tmp_path, scene)


def test_other_host_names_are_refused(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for host in ("evil.example", "localhost.evil.example", "192.168.1.1"):
            reply = await stage.client.get("/ping", headers={"host": host})
            assert reply.status_code == 421
        for host in ("localhost", "LOCALHOST:1", "[::1]:5", "x.localhost"):
            reply = await stage.client.get("/ping", headers={"host": host})
            assert reply.status_code == 200

    play(tmp_path, scene)


def test_uploads_are_taken_only_where_one_was_announced(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for key in ("abc.tar.gz", "..%2f..%2fx.tar.gz", "abc", ""):
            reply = await stage.client.put(f"/artifacts/{key}", content=b"x")
            assert reply.status_code == 404

    play(tmp_path, scene)
