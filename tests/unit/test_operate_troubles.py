"""Every command that asks the platform says what is wrong: no key, a wrong one, no platform, a broken one."""

from __future__ import annotations

from collections.abc import Generator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.operated import Operated, Operator, operate, serving

KEY = "rpa_TheKeyThatNobodyMayEverSee"
COMMANDS = [
    ("app", "list"),
    ("app", "get", "x"),
    ("app", "create", "x"),
    ("app", "delete", "x", "--yes"),
    ("env", "list"),
    ("env", "get", "x"),
    ("env", "create", "x"),
    ("env", "delete", "x", "--yes"),
    ("undeploy", "x", "--yes"),
    ("undeploy", "--all", "--yes"),
    ("status",),
    ("status", "--watch"),
    ("logs",),
    ("logs", "x", "--follow"),
    ("secret", "list"),
    ("secret", "set", "X"),
    ("secret", "delete", "X", "--yes"),
    ("whoami",),
]
FORMATS = ["text", "json"]
_FEW = [("app", "list"), ("undeploy", "--all", "--yes"), ("secret", "set", "X")]


def _fails(done_output: str, code: str) -> None:
    assert f"error[{code}]" in done_output, done_output
    assert KEY not in done_output
    assert "Traceback" not in done_output


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("shown", FORMATS)
def test_without_a_key_nothing_is_asked(words: tuple[str, ...], shown: str, tmp_path: Path) -> None:
    operator = Operator(tmp_path, "http://127.0.0.1:9", "")
    done = operator.run(*words, "--format", shown, given="value")
    assert (done.code, done.stdout) == (3, "")
    _fails(done.stderr, "FC601")
    assert "flashc login" in done.stderr


def test_a_wrong_key_is_refused_and_its_source_is_named(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        for words in COMMANDS:
            done = await on.flashc(*words, given="value", RUNPOD_API_KEY=KEY)
            assert (done.code, done.stdout) == (3, ""), words
            _fails(done.stderr, "FC602")
            assert "the variable RUNPOD_API_KEY" in done.stderr

    operate(tmp_path, scene)


@pytest.mark.parametrize("words", _FEW, ids=" ".join)
def test_a_platform_that_is_gone_is_said(words: tuple[str, ...], tmp_path: Path) -> None:
    operator = Operator(tmp_path, "http://127.0.0.1:9", KEY)
    done = operator.run(*words, given="value")
    assert (done.code, done.stdout) == (3, "")
    _fails(done.stderr, "FC603")


@pytest.mark.parametrize(
    "address", ["http://api.example.com", "ftp://x", "api", "http://127.0.0.1:x", "https://u:p@h"]
)
def test_an_address_that_may_not_be_used_is_named(address: str, tmp_path: Path) -> None:
    done = Operator(tmp_path, address, KEY).run("app", "list")
    assert (done.code, done.stdout) == (3, "")
    _fails(done.stderr, "FC603")
    assert "`RUNPOD_API_BASE_URL`" in done.stderr


@pytest.fixture(
    params=[
        (200, "text/html", b"<html>"),
        (200, "application/json", b"[]"),
        (200, "application/json", b'{"data": null}'),
        (200, "application/json", b'{"data": {"myself": {"flashApps": [{"id": 7}]}}}'),
        (503, "text/plain", b"try again later"),
    ],
    ids=["no JSON", "a list", "no data", "another form", "busy"],
)
def broken(request: pytest.FixtureRequest) -> Generator[str]:
    status, kind, content = request.param

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with serving(Handler) as address:
        yield address


def test_an_answer_that_nobody_understands_is_a_failure_of_the_platform(
    broken: str, tmp_path: Path
) -> None:
    done = Operator(tmp_path, broken, KEY).run("app", "list")
    assert (done.code, done.stdout) == (3, "")
    _fails(done.stderr, "FC604")


def test_an_api_that_is_retired_is_said(tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(410)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with serving(Handler) as address:
        done = Operator(tmp_path, address, KEY).run("status")
    assert (done.code, done.stdout) == (3, "")
    _fails(done.stderr, "FC605")


@pytest.mark.parametrize("key", ["schlüssel", "two words", "tab\tkey", "new\nline"])
def test_a_text_that_cannot_be_a_key_is_not_sent(key: str, tmp_path: Path) -> None:
    done = Operator(tmp_path, "http://127.0.0.1:9", key).run("app", "list")
    assert (done.code, done.stdout) == (3, "")
    _fails(done.stderr, "FC616")
    assert key not in done.stderr


def test_a_folder_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    operator = Operator(tmp_path, "http://127.0.0.1:9", KEY)
    operator.project.rmdir()
    assert operator.run("app", "list").code == 2
