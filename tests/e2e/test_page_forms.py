"""The page's forms for routes put each argument where the route takes it from, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import chromium, opened
from tests.support.projects import write
from tests.support.sessions import Session, dev_session

WEB = """
from typing import TYPE_CHECKING
from fastapi import Cookie, Depends, Form, Header, Query, UploadFile
from runpod_flash import Endpoint

if TYPE_CHECKING:
    from nowhere import Thing

api = Endpoint(name="web", cpu="cpu3c-1-2")

def known(by: str = Header("nobody")):
    return by

@api.post("/marks")
async def marks(
    level: int = Query(1, alias="rank"), x_tag: str = Header("none"), mark: str = Cookie("none"),
    texts: list[str] = Form([]), by: str = Depends(known), image: UploadFile = None,
) -> list:
    size = len(await image.read()) if image else 0
    return [level, x_tag, mark, texts, by, size]

@api.put("/things/{name}")
async def things(name: str, thing: "Thing", count: int = 1) -> list:
    return [name, thing, count]
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    chromium()
    folder = tmp_path_factory.mktemp("page")
    with dev_session(write(folder / "app", {"web.py": WEB}), folder / "state") as running:
        assert running.ready["page"]
        yield running


@pytest.fixture
def page(session: Session) -> Iterator[Page]:
    with session.client() as client:
        link = client.post(f"{session.ready['url']}/page/link").json()["path"]
    with opened(f"{session.ready['url']}{link}") as found:
        expect(found.get_by_text("connected", exact=True)).to_be_visible()
        found.get_by_text("Send a request").click()
        yield found


def answer(page: Page) -> list[object]:
    """What the endpoint answers to the request of the form."""
    page.get_by_role("button", name="Send").click()
    status = page.get_by_role("article", name="web", exact=True).get_by_role("status")
    expect(status).to_contain_text("200")
    found: list[object] = json.loads(status.locator("pre").inner_text())
    return found


def test_headers_cookies_forms_and_files_are_sent(page: Page) -> None:
    page.get_by_label("Route").select_option("POST /marks")
    expect(page.get_by_label("x_tag")).to_have_accessible_description(re.compile("a header"))
    for name, text in (("level", "3"), ("x_tag", "t"), ("mark", "m"), ("texts", '["a", "b"]')):
        page.get_by_label(name, exact=True).fill(text)
    page.get_by_label("by.by", exact=True).fill("me")
    page.get_by_label("image", exact=True).set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"12345"}
    )
    assert answer(page) == [3, "t", "m", ["a", "b"], "me", 5]


def test_the_endpoint_says_what_the_source_does_not_show(page: Page) -> None:
    page.get_by_label("Route").select_option("PUT /things/{name}")
    page.get_by_label("name", exact=True).fill("b c")
    page.get_by_label("thing", exact=True).fill('{"a": 1}')
    page.get_by_label("count", exact=True).fill("2")
    assert answer(page) == ["b c", {"a": 1}, 2]
