"""The page in a real browser, during a run with calls, a job that fails, new code, and faults on request."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import chromium, inaccessible, opened
from tests.support.cable import cable
from tests.support.projects import write
from tests.support.sessions import Session, dev_session

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

@api.delete("/sums/{name}")
async def forget(name: str, seen: int) -> str:
    return f"{name}: {seen}"
""",
    "work.py": HEAD
    + """
@Endpoint(name="work", cpu="cpu3c-1-2")
async def halve(number: int, seconds: float = 0.0) -> float:
    import asyncio
    print("halving", number, flush=True)
    await asyncio.sleep(seconds)
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
    expect(page.get_by_label(re.compile("web calls work, [1-9][0-9]* times?"))).to_be_visible()
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
    web.get_by_label("number", exact=True).fill("5")
    web.get_by_role("button", name="Send").click()
    expect(web.get_by_role("status")).to_contain_text('"half": 2.5')
    web.get_by_text("OpenAPI").click()
    expect(web.get_by_role("heading", name="GET /halves/{number}")).to_be_visible()
    web.get_by_role("combobox").select_option("DELETE /sums/{name}")
    web.get_by_label("name", exact=True).fill("all")
    web.get_by_label("seen", exact=True).fill("7")
    web.get_by_role("button", name="Send").click()
    expect(web.get_by_role("status")).to_contain_text("all: 7")


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


def failing_request(session: Session) -> None:
    with session.client() as client:
        assert client.get(f"{session.url('web')}/halves/-6").status_code == 500


def test_a_request_shows_its_trace_and_leads_to_the_job_that_failed(
    session: Session, page: Page
) -> None:
    failing_request(session)
    line = page.get_by_role("button", name="GET /halves/-6").first
    line.press("Enter")
    request = page.get_by_role("dialog", name="Request of web")
    spans = request.get_by_role("list", name="Trace").get_by_role("listitem")
    expect(spans).to_have_count(2)
    expect(spans.first).to_have_attribute("aria-current", "true")
    expect(spans.first).to_contain_text(re.compile(r"web GET /halves/-6.*at 0 ms.*took.*✕ 500"))
    below = re.compile(r"work job\s*, called by web.*at \d+ ms.*took .*✕ failed.*worker w")
    expect(spans.last).to_contain_text(below)
    expect(request).to_contain_text("2 spans in")
    expect(request).to_contain_text("2 failed")
    assert bars(spans.first)[0] <= bars(spans.last)[0]
    assert bars(spans.first)[1] >= bars(spans.last)[1]
    spans.last.get_by_role("button", name="work").press("Enter")
    job = page.get_by_role("dialog", name="Job of work")
    expect(job).to_contain_text("ValueError: no halves below zero")
    expect(job.get_by_role("heading", name="Job of work")).to_be_focused()
    expect(job.get_by_role("listitem").last).to_have_attribute("aria-current", "true")
    job.get_by_role("button", name="Back to web").press("Enter")
    expect(request.get_by_role("heading", name="Request of web")).to_be_visible()
    page.keyboard.press("Escape")
    expect(line).to_be_focused()


def bars(span: Locator) -> tuple[float, float]:
    """Where the bar of a span begins and ends in the waterfall, in percent."""
    found: list[float] = span.evaluate(
        "s => [...s.querySelectorAll('rect')].flatMap(rect => {"
        "  const [x, width] = ['x', 'width'].map(name => parseFloat(rect.getAttribute(name)));"
        "  return [x, x + width]; })"
    )
    assert 0 <= min(found) <= max(found) <= 101
    return min(found), max(found)


def test_a_job_that_runs_is_in_its_trace_and_its_span_ends_there(
    session: Session, page: Page
) -> None:
    with session.client() as client:
        url = session.url("work")
        sent = client.post(f"{url}/run", json={"input": {"number": 4, "seconds": 2.5}}).json()
    page.get_by_role("button", name=f"job {sent['id'][:13]}").click()
    span = page.get_by_role("dialog").get_by_role("listitem")
    expect(span).to_contain_text("in progress")
    expect(span).to_contain_text("completed")
    expect(page.get_by_role("dialog")).to_contain_text("1 span in")


def test_faults_are_set_cleared_and_their_mistakes_shown_at_their_place(
    session: Session, page: Page
) -> None:
    faults = page.get_by_role("region", name="Faults on request")
    expect(faults).to_contain_text("No fault is active.")
    faults.get_by_role("button", name="Add a fault").press("Enter")
    first = faults.get_by_role("group", name="Fault 1")
    first.get_by_label("kind").select_option("network")
    first.get_by_label("caller").select_option("web")
    first.get_by_label("latency").fill("soon")
    faults.get_by_role("button", name="Add another fault").press("Enter")
    second = faults.get_by_role("group", name="Fault 2")
    faults.get_by_role("button", name="Set these faults").press("Enter")
    expect(faults.get_by_role("alert")).to_have_text("Not set: 2 mistakes.")
    expect(first.get_by_label("latency")).to_be_focused()
    expect(first.get_by_label("latency")).to_have_attribute("aria-invalid", "true")
    expect(first.get_by_label("latency")).to_have_accessible_description(
        re.compile("0 to 3600, default 0 expected `float`, got `str`")
    )
    expect(second.get_by_label("seconds")).to_have_accessible_description(
        re.compile("this fault has no key `seconds`")
    )
    expect(second.get_by_label("at", exact=True)).not_to_have_attribute("aria-invalid", "true")
    second.get_by_role("button", name="Remove Fault 2").press("Enter")
    first.get_by_label("latency").fill("0.4")
    first.get_by_label("latency").press("Enter")
    expect(faults.get_by_role("status")).to_contain_text("The faults are set")
    expect(page.get_by_text("1 fault active")).to_be_visible()
    expect(faults).to_contain_text(re.compile("network.*caller web.*latency 0.4.*happened 0 times"))
    assert session.get("/halves/10") == {"half": 5.0}
    expect(faults).to_contain_text("happened 1 time")
    faults.get_by_text("The last 1 fault that happened").click()
    expect(faults.get_by_role("listitem").last).to_contain_text("network at work, called by web")
    faults.get_by_text("As a file for --faults").click()
    shown = faults.locator("pre").inner_text()
    assert tomllib.loads(shown)["fault"] == [{"kind": "network", "caller": "web", "latency": 0.4}]
    faults.get_by_role("button", name="Clear all").press("Enter")
    expect(faults).to_contain_text("No fault is active any more.")
    expect(page.get_by_role("heading", name="Faults on request")).to_be_focused()
    with session.client() as client:
        assert client.get(f"{session.ready['url']}/faults").json()["fault"] == []


def test_a_fault_that_another_client_sets_shows_and_marks_the_job(
    session: Session, page: Page
) -> None:
    with session.client() as client:
        url = f"{session.ready['url']}/faults"
        client.put(url, json={"fault": [{"kind": "death", "endpoint": "work", "at": [1]}]})
        expect(page.get_by_text("1 fault active")).to_be_visible()
        assert session.job("work", number=2) == 1.0
        marked = page.get_by_role("row").filter(has_text="fault: death")
        expect(marked.first).to_contain_text("completed")
        marked.first.get_by_role("button").click()
        dialog = page.get_by_role("dialog", name="Job of work")
        expect(dialog.get_by_text("faults on request")).to_be_visible()
        expect(dialog.get_by_role("listitem")).to_contain_text("fault: death")
        client.put(url, json={})
    page.keyboard.press("Escape")
    expect(page.get_by_text("1 fault active")).to_be_hidden()


EVIL = "<img src=/page/evil onerror=alert(1)><script>alert(2)</script>"


def test_long_and_hostile_content_is_text_that_fits(session: Session, page: Page) -> None:
    shown: list[str] = []
    page.on("dialog", lambda dialog: shown.append(dialog.message))
    page.on("request", lambda request: shown.append(request.url) if "evil" in request.url else None)
    long = EVIL + "x" * 20_000
    with session.client() as client:
        sent = {"input": {"number": -1, EVIL: [long]}}
        client.post(f"{session.url('work')}/runsync", json={"input": {"number": long}})
        failed = client.post(f"{session.url('work')}/runsync", json=sent).json()
        client.get(f"{session.url('web')}/{'y' * 2000}<b>")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name=f"job {failed['id'][:13]}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(EVIL)
    assert overflow(page, "dialog") <= 0
    page.keyboard.press("Escape")
    line = page.get_by_role("button", name="GET /yyyy")
    expect(line).to_have_text(re.compile("y…$"))
    assert overflow(page, "body") <= 0
    assert shown == []
    assert page.locator("img").count() == 0


def overflow(page: Page, selector: str) -> int:
    found: int = page.locator(selector).evaluate("e => e.scrollWidth - e.clientWidth")
    return found


def test_of_five_hundred_jobs_the_page_shows_the_newest_and_more_on_request(
    session: Session, page: Page
) -> None:
    with session.client() as client:
        url = session.url("work")
        sent = [
            client.post(f"{url}/run", json={"input": {"number": number}}).json()["id"]
            for number in range(500)
        ]
        client.post(f"{url}/purge-queue")
    calls = page.get_by_role("region", name="Recent calls").first
    expect(calls.get_by_text("50 of 500")).to_be_visible()
    expect(calls.get_by_role("row")).to_have_count(51)  # so that the page stays quick
    page.get_by_role("button", name=f"job {sent[-1][:13]}").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 span in")
    page.keyboard.press("Escape")
    page.reload()
    expect(calls.get_by_text("50 of 500")).to_be_visible()
    calls.get_by_role("button", name="Show more").click()
    expect(calls.get_by_role("row")).to_have_count(201)


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


@pytest.mark.parametrize("part", ["app.js", "log.js", "state?recent=1"])
def test_the_page_loads_a_part_again_whose_request_failed(
    session: Session, page: Page, part: str
) -> None:
    url = f"{session.ready['url']}/page/{part}"
    page.route(url, lambda route: route.abort("connectionreset"), times=1)
    with page.expect_event("requestfailed", lambda request: request.url == url):
        page.reload(wait_until="commit")
    expect(page.get_by_text("connected", exact=True)).to_be_visible()
    expect(page.get_by_text("can't be reached")).to_be_hidden()


def test_new_code_and_errors_are_told(session: Session, page: Page) -> None:
    session.edit("work.py", "number / 2", "number / 2 +")
    told = page.get_by_text("The code before the last change keeps running: work.py:")
    expect(told).to_be_visible()
    page.reload()
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
    page.get_by_role("button", name="Add a fault").click()
    assert overflow(page, "body") <= 0


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_inaccessible(
    session: Session, page: Page, width: int, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    failing_request(session)
    page.get_by_role("button", name="GET /halves/-6").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("2 failed")
    assert inaccessible(page) == []
    page.get_by_role("dialog").get_by_role("button", name="work").click()
    expect(page.get_by_role("dialog", name="Job of work")).to_contain_text("Error")
    assert inaccessible(page) == []
    page.keyboard.press("Escape")
    for summary in page.locator("summary").all():
        summary.click()
    page.get_by_role("button", name="Add a fault").click()
    page.get_by_role("button", name="Set these faults").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert inaccessible(page) == []


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
