"""Open pages in Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """The path of Chromium; without it the test is skipped, unless `FLASHC_BROWSER=required`."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        assert os.environ.get("FLASHC_BROWSER") != "required", "this machine has no Chromium"
        pytest.skip("this machine has no Chromium")
    return found


def is_problem(text: str, kind: str) -> bool:
    """Whether a message of the console is one; a connection that was cut, and wrong input of a user, are none."""
    return kind == "error" and not any(known in text for known in ("net::ERR_", "status of 400"))


@contextmanager
def opened(url: str) -> Iterator[Page]:
    """A page; no script may fail in it, and nothing may come from another host."""
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*_OPTIONS])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console", lambda m: problems.append(m.text) if is_problem(m.text, m.type) else None
        )
        origin = url.partition("/?")[0]
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(origin) else problems.append(request.url)
            ),
        )
        page.goto(url)
        yield page
        browser.close()
    assert problems == []
