"""The page in a real browser, during a run with calls, a job that fails, and new code."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import chromium, opened
from tests.support.cable import cable
from tests.support.dev_session import Session, dev_session
from tests.support.projects import write

HEAD = "from runpod_flash import Endpoint\n\n"
FILES = {
    "web.py": HEAD
    + """
api = Endpoint(name="web", cpu="cpu3c-1-2")

@api.get("/halves/{number}")
async def halves(number: int, digits: int = 1) -> dict:
    "Halve a number."
    from work import halve
    return {"half": round(await halve(number), digits)}
""",
    "work.py": HEAD
    + """
@Endpoint(name="work", cpu="cpu3c-1-2")
async def halve(number: int) -> float:
    print("halving", number, flush=True)
    if number < 0:
        raise ValueError("no halves below zero")
    return number / 2
""",
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    chromium()
    folder = tmp_path_factory.mktemp("page")
    with dev_session(write(folder / "app", FILES), folder / "state") as running:
        assert running.ready["page"]
        yield running


@pytest.fixture
def page(session: Session) -> Iterator[Page]:
    with opened(f"{session.ready['url']}{link(session)}") as found:
        expect(found.get_by_text("connected", exact=True)).to_be_visible()
        yield found


def link(session: Session) -> str:
    """The path of a new link to the page."""
    with session.client() as client:
        return str(client.post(f"{session.ready['url']}/page/link").json()["path"])


def card(page: Page, endpoint: str) -> Locator:
    return page.get_by_role("article", name=endpoint, exact=True)


def test_a_call_shows_in_the_graph_in_the_table_and_in_the_log(
    session: Session, page: Page
) -> None:
    assert session.get("/halves/3") == {"half": 1.5}
    expect(page.get_by_role("link", name=re.compile("^work: [1-9]"))).to_be_visible()
    expect(page.get_by_label(re.compile("web calls work, [1-9][0-9]* times"))).to_be_visible()
    called = page.get_by_role("row").filter(has_text="from web")
    expect(called.first).to_contain_text("completed")
    row = page.get_by_role("row").filter(has_text="GET /halves/3")
    expect(row.first).to_contain_text("200")
    expect(page.get_by_role("log")).to_contain_text("halving 3")
    expect(card(page, "work")).to_contain_text("ready")


def test_a_form_is_made_from_the_signature_of_a_route(page: Page) -> None:
    web = card(page, "web")
    web.get_by_text("Send a request").click()
    expect(web.get_by_text("Halve a number.")).to_be_visible()
    expect(web.get_by_label("digits")).to_have_accessible_description("int, default 1")
    web.get_by_label("number").fill("5")
    web.get_by_role("button", name="Send").click()
    expect(web.get_by_role("status")).to_contain_text('"half": 2.5')
    web.get_by_text("OpenAPI").click()
    expect(web.get_by_role("heading", name="GET /halves/{number}")).to_be_visible()


def test_a_failed_job_shows_its_input_its_traceback_and_its_log_by_keyboard(page: Page) -> None:
    work = card(page, "work")
    work.get_by_text("Send a request").click()
    work.get_by_label("number").fill("-4")
    work.get_by_label("number").press("Enter")
    expect(work.get_by_role("status")).to_contain_text("FAILED")
    job = page.get_by_role("row").filter(has_text="failed").first.get_by_role("button")
    job.focus()
    job.press("Enter")
    dialog = page.get_by_role("dialog", name="Job of work")
    expect(dialog).to_contain_text('"number": -4')
    expect(dialog).to_contain_text("ValueError: no halves below zero")
    expect(dialog).to_contain_text('File "work.py", line')
    expect(dialog).to_contain_text("halving -4")
    dialog.get_by_role("button", name="Run it again").click()
    expect(dialog.get_by_role("status")).to_contain_text("done")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(job).to_be_focused()


def test_the_stream_of_events_goes_on_where_it_was_cut(session: Session) -> None:
    port = int(session.ready["url"].rpartition(":")[2])
    with cable(port) as line, opened(f"http://127.0.0.1:{line.port}{link(session)}") as page:
        expect(page.get_by_text("connected", exact=True)).to_be_visible()
        line.cut()
        expect(page.get_by_text("not connected; trying again")).to_be_visible()
        assert session.get("/halves/777") == {"half": 388.5}
        line.mend()
        expect(page.get_by_text("connected", exact=True)).to_be_visible()
        rows = page.get_by_role("row").filter(has_text="GET /halves/777")
        expect(rows).to_have_count(1)


def test_new_code_and_errors_are_told(session: Session, page: Page) -> None:
    session.edit("work.py", "number / 2", "number / 2 +")
    told = page.get_by_text("The code before the last change goes on: work.py:")
    expect(told).to_be_visible()
    session.edit("work.py", "number / 2 +", "number / 4")
    expect(page.get_by_text("work answers with the newest code.")).to_be_visible()
    assert session.get("/halves/8") == {"half": 2.0}


def test_the_page_fits_a_phone_and_a_dark_room(page: Page) -> None:
    light = background(page)
    page.emulate_media(color_scheme="dark")
    assert background(page) != light
    page.set_viewport_size({"width": 390, "height": 844})
    card(page, "web").get_by_text("Send a request").click()
    card(page, "web").get_by_text("OpenAPI").click()
    wide = page.locator("body").evaluate("body => body.scrollWidth - innerWidth")
    assert wide <= 0


def background(page: Page) -> str:
    found: str = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    return found


def test_every_control_can_be_reached_by_keyboard_and_has_a_name(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the endpoints")).to_be_focused()
    for summary in page.locator("summary").all():
        summary.click()
    page.get_by_role("link", name=re.compile("^web: ")).focus()
    names: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate_handle("document.activeElement").as_element()
        assert focused is not None
        tag = focused.evaluate("element => element.localName")
        if tag == "body":
            break
        name = focused.evaluate(
            "e => e.ariaLabel || e.labels?.[0]?.textContent || e.textContent"
            " || document.getElementById(e.getAttribute('aria-labelledby'))?.textContent"
        )
        assert name.strip(), tag
        names.append(name.strip())
    assert any(name.startswith("work: ") for name in names)
    assert "number" in names
