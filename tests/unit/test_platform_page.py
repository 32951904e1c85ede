"""The platform's page: who may see it, what it shows, and how its stream of events resumes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
import vendor_page

from flashc_backends.platform.http.auth import SESSION_PREFIX
from flashc_backends.platform.http.page import SHAPE
from tests.support.platform_stage import CoroutineEngine, Stage, Wire, staged

PARTS = ("page/state", "page/fault-schema", "page/app.js", "page/vendor/htm-preact.js", "events")
OWN = {"x-flashc-page": "1", "sec-fetch-site": "same-origin"}


@asynccontextmanager
async def browser(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A client without the key that has opened the link."""
    async with httpx.AsyncClient(base_url=stage.platform.base, trust_env=False) as client:
        reply = await client.get(stage.platform.page_link())
        assert (reply.status_code, reply.headers["location"]) == (303, "/")
        cookie = reply.headers["set-cookie"]
        assert cookie.startswith(SESSION_PREFIX)
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        yield client


def test_a_link_admits_one_browser_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with staged(tmp_path) as stage:
            link = stage.platform.page_link()
            async with httpx.AsyncClient(trust_env=False) as first:
                assert (await first.get(link, follow_redirects=True)).status_code == 200
            async with httpx.AsyncClient(trust_env=False) as second:
                locked = await second.get(link, follow_redirects=True)
                assert locked.status_code == 401
                assert "set-cookie" not in locked.headers
                assert "works once" in locked.text

    asyncio.run(scene())


def test_nothing_is_served_without_the_cookie_or_the_key(tmp_path: Path) -> None:
    async def scene() -> None:
        async with (
            staged(tmp_path) as stage,
            browser(stage) as admitted,
            httpx.AsyncClient(base_url=stage.platform.base, trust_env=False) as stranger,
        ):
            for path in ("", *PARTS):
                assert (await stranger.get(f"/{path}")).status_code == 401
                if path != "events":
                    assert (await admitted.get(f"/{path}")).status_code == 200
                    assert (await stage.client.get(f"/{path}")).status_code == 200
            for name in ("style.css", "icon.svg"):  # for the page that says how to get in
                assert (await stranger.get(f"/page/{name}")).status_code == 200
            assert (await admitted.get("/page/%2e%2e/auth.py")).status_code == 404
            assert (await admitted.get("/page/none.js")).status_code == 404
            assert (await stranger.post("/page/link")).status_code == 401
            fresh = (await stage.client.post("/page/link")).json()["path"]
            assert (await stranger.get(fresh)).status_code == 303

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OWN, 200),
        ({}, 401),  # a form of another page can't send the header
        ({**OWN, "sec-fetch-site": "cross-site"}, 401),
        ({**OWN, "sec-fetch-site": "same-site"}, 401),  # another port of this machine
        ({**OWN, "host": "evil.example"}, 421),
    ],
)
def test_the_cookie_counts_for_the_page_itself_only(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async def scene() -> None:
        async with staged(tmp_path) as stage, browser(stage) as admitted:
            path = f"/v2/{stage.ids['queue']}/runsync"
            reply = await admitted.post(path, json={"input": {"x": 1}}, headers=headers)
            assert reply.status_code == status

    asyncio.run(scene())


def test_a_page_of_an_app_is_not_shown_with_the_rights_of_this_page(tmp_path: Path) -> None:
    async def scene() -> None:
        async with staged(tmp_path) as stage, browser(stage) as admitted:
            path = f"/v2/{stage.ids['queue']}/health"
            assert (await admitted.get(path)).status_code == 401
            assert (await admitted.get(path, headers=OWN)).status_code == 200

    asyncio.run(scene())


def test_every_part_of_the_page_forbids_what_is_not_its_own(tmp_path: Path) -> None:
    async def scene() -> None:
        async with staged(tmp_path) as stage, browser(stage) as admitted:
            for path in ("/", "/page/app.js", "/page/style.css"):
                policy = (await admitted.get(path)).headers["content-security-policy"]
                assert policy.startswith("default-src 'self';")
                assert "unsafe" not in policy

    asyncio.run(scene())


def test_no_file_of_the_page_names_another_host() -> None:
    folder = Path(str(files("flashc_backends.platform").joinpath("page")))
    for file in folder.iterdir():
        if file.suffix in (".js", ".html", ".css"):
            hosts = set(re.findall(r"https?://([\w.]+)", file.read_text(encoding="utf-8")))
            assert hosts <= {"127.0.0.1", "www.w3.org"}, file


def test_the_vendored_files_are_those_of_the_record() -> None:
    assert vendor_page.check() == 0


def test_the_page_shows_the_endpoints_and_a_failed_job(tmp_path: Path) -> None:
    error = json.dumps({"error_type": "<class 'ValueError'>", "error_message": "no"})

    async def fail(wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is not None:
                await wire.done(job["id"], {"error": error})

    async def scene() -> None:
        async with staged(tmp_path, CoroutineEngine(fail)) as stage, browser(stage) as admitted:
            job = await stage.run({"x": 1})
            await stage.final(job)
            (shown,) = (await admitted.get("/page/state")).json()["endpoints"]
            assert (shown["name"], shown["app"], shown["failed"]) == ("queue", "app", 1)
            assert shown["shape"] == {"forms": [], "callees": []}
            assert [worker["state"] for worker in shown["workers"]] == ["ready"]
            found = (await admitted.get(f"/page/job/{stage.ids['queue']}/{job}")).json()
            assert (found["status"], found["input"]) == ("FAILED", {"x": 1})
            assert found["error"]["error_message"] == "no"
            assert (await admitted.get("/page/job/none/none")).status_code == 404

    asyncio.run(scene())


def test_a_page_that_opens_hears_of_each_job_once_with_its_trace(tmp_path: Path) -> None:
    async def scene() -> None:
        async with staged(tmp_path) as stage, browser(stage) as admitted:
            jobs = [await stage.run({"x": number}) for number in range(3)]
            for job in jobs:
                await stage.final(job)
            stage.platform.journal.note("job", id=jobs[1], status="EXPIRED")
            for number in range(700):
                stage.platform.journal.note("line", endpoint="x", worker="w", text=str(number))
            state = (await admitted.get("/page/state", params={"recent": 1})).json()
            told = [entry["what"] for entry in state["recent"] if entry["kind"] == "job"]
            assert [(what["id"], what["status"]) for what in told] == [
                (job, "COMPLETED") for job in jobs
            ]
            assert len({what["trace"] for what in told}) == 3
            path = f"/page/job/{stage.ids['queue']}/{jobs[0]}"
            assert (await admitted.get(path)).json()["trace"] == told[0]["trace"]
            lines = [e["what"]["text"] for e in state["recent"] if e["kind"] == "line"]
            assert lines == [str(number) for number in range(200, 700)]
            assert state["after"] == stage.platform.journal.after(0)[-1].number
            assert "recent" not in (await admitted.get("/page/state")).json()

    asyncio.run(scene())


def test_the_shape_of_an_endpoint_comes_from_the_manifest(tmp_path: Path) -> None:
    shape = {"forms": [{"title": "work"}], "callees": ["other"]}

    async def scene() -> None:
        members: Any = {SHAPE: shape}
        async with staged(tmp_path, **members) as stage:
            (shown,) = (await stage.client.get("/page/state")).json()["endpoints"]
            assert shown["shape"] == shape

    asyncio.run(scene())


async def read_events(client: httpx.AsyncClient, count: int, **how: Any) -> list[tuple[int, str]]:
    """The numbers and kinds of the next events."""
    found: list[tuple[int, str]] = []
    async with client.stream("GET", "/events", **how) as stream:
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                found.append((int(value), ""))
            elif name == "event":
                found[-1] = (found[-1][0], value)
                if len(found) == count:
                    break
    return found


def test_the_stream_of_events_resumes_without_a_gap_and_without_a_double(tmp_path: Path) -> None:
    async def scene() -> None:
        async with staged(tmp_path) as stage, browser(stage) as admitted:
            for number in range(3):
                await stage.final(await stage.run({"x": number}))
            everything = await read_events(admitted, 9)
            seen = everything[:4]
            again = {"headers": {"last-event-id": str(seen[-1][0])}, "params": {"after": 0}}
            rest = await read_events(admitted, 5, **again)
            assert [*seen, *rest] == everything
            wrong = await admitted.get("/events", headers={"last-event-id": "x"})
            assert wrong.status_code == 400

    asyncio.run(scene())
