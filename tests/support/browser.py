"""Open pages in Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import pytest
from playwright.sync_api import Page, expect, sync_playwright

_PATIENCE = 20_000  # milliseconds
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


def inaccessible(page: Page) -> list[str]:
    """What axe-core finds on a page as it is shown now: rules that are broken, and the elements that break them."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found: list[str] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(result => result.violations"
        ".flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html}`)))"
    )
    return found


@contextmanager
def opened(url: str) -> Iterator[Page]:
    """A page; no script may fail in it, and nothing may come from another host."""
    problems: list[str] = []
    program = chromium()  # first, so that nothing is started where there is none
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_OPTIONS])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(_PATIENCE)
        expect.set_options(timeout=_PATIENCE)
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
