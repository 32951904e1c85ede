"""The screen of a preview shows what users care about: their own lines, requests, jobs and crashes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flashc.cli.preview_screen import JsonScreen, TextScreen, phases_of
from flashc.cli.progress import TerminalProgress
from flashc_backends.preview.preview import Happening
from flashc_backends.preview.registry import Address, Record

RECORD = Record(
    id="app-1",
    owner="boot/1/2",
    project="/app",
    app="app",
    started=1.0,
    state="ready",
    engine="docker",
    url="http://127.0.0.1:1",
    key="key",
    page="http://127.0.0.1:1/?token=t",
    addresses=(
        Address(endpoint="q", id="e1", kind="queue", url="u1", routes=(), curl="curl u1"),
        Address(endpoint="w", id="e2", kind="load-balanced", url="u2", routes=("GET /x",), curl=""),
    ),
    differences=("there is no GPU",),
    skipped=("llm",),
)


def happening(kind: str, **what: Any) -> Happening:
    return Happening(kind=kind, endpoint="q", at=2.0, what={"endpoint": "e1", **what})


def sdk(level: str, message: str) -> str:
    return json.dumps({"requestId": None, "message": message, "level": level})


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        (happening("line", text="hello"), "[q] hello\n"),
        (happening("line", text=""), ""),
        (happening("line", text='{"requestId": 1'), '[q] {"requestId": 1\n'),
        (happening("line", text=sdk("DEBUG", "poll")), ""),
        (happening("line", text=sdk("INFO", "Started.")), ""),
        (happening("line", text=sdk("DEBUG", "a") + sdk("ERROR", "b")), "[q] ERROR b\n"),
        (happening("line", text='INFO: 127.0.0.1:1 - "GET /ping HTTP/1.1" 200 OK'), ""),
        (
            happening("request", method="GET", path="/x", status=200, ms=1.4),
            "[q] GET /x 200 in 1 ms\n",
        ),
        (happening("job", id="j", status="IN_PROGRESS"), ""),
        (
            happening("job", id="j", status="COMPLETED", started=1.0, finished=1.5),
            "[q] job j COMPLETED in 500 ms\n",
        ),
        (happening("job", id="j", status="FAILED", error="bad"), "[q] job j FAILED: bad\n"),
        (happening("worker", state="ready"), ""),
        (
            happening("worker", state="crashed", pause=0.5, lines=["x"]),
            "[q] a worker ended; another starts in 0.5 s\n",
        ),
        (happening("release", state="rolled out"), ""),
    ],
)
def test_a_happening_is_a_line_or_nothing(
    what: Happening, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    TextScreen(lambda _text: None).show_entry(what)
    assert capsys.readouterr().out == shown


def test_a_line_takes_the_place_of_the_phase_that_a_terminal_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = TerminalProgress()
    screen = TextScreen(phases_of(progress))
    screen.show_phase("starting the workers")
    screen.show_entry(happening("line", text="ready"))
    screen.show_entry(happening("line", text="again"))
    progress.advance()
    progress.close()
    shown = capsys.readouterr()
    assert (
        shown.err == "\rstarting the workers ...\r"
    )  # it is removed once; click prints no colours here
    assert shown.out == "[q] ready\n[q] again\n"


def test_the_table_has_what_it_takes_to_call_the_endpoints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    TextScreen(lambda _text: None).show_ready(RECORD)
    assert capsys.readouterr().out == (
        "app runs at http://127.0.0.1:1 on the engine docker; Ctrl+C stops it\n"
        "web page (this link works once): http://127.0.0.1:1/?token=t\n"
        "\nload-balanced endpoints:\n  w  u2\n    GET    /x\n"
        "\nqueue-based endpoints:\n  q  u1\n    curl u1\n"
        "\nnot run: llm, which has a prebuilt image\n"
        "\nwhat differs from the cloud:\n  - there is no GPU\n\n"
    )


def test_a_preview_in_the_background_is_stopped_by_a_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    TextScreen(lambda _text: None, stopped_by="`flashc preview stop app-1`").show_ready(RECORD)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.endswith(" on the engine docker; `flashc preview stop app-1` stops it")


def test_programs_get_an_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    screen = JsonScreen()
    screen.show_phase("starting")
    screen.show_note("a note")
    screen.show_ready(RECORD)
    screen.show_entry(happening("line", text="hello", worker="w1"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["phase", "note", "ready", "line"]
    assert lines[2]["addresses"][0]["url"] == "u1"
    assert "owner" not in lines[2]
    assert lines[3] == {
        "event": "line",
        "endpoint": "q",
        "endpoint_id": "e1",
        "at": 2.0,
        "text": "hello",
        "worker": "w1",
    }
