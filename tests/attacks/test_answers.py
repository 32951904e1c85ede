"""Answers that are not those of the protocol: each is a `RemoteError` that says what came, and in time."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flashc_backends.runtime import exchange, platform, replies, wire
from flashc_backends.runtime.client import Client
from flashc_backends.runtime.errors import RemoteError, RemoteTimeout
from flashc_backends.runtime.exchange import Conversation
from flashc_backends.runtime.platform import Location
from flashc_backends.runtime.web import Request
from tests.support.raw_server import SILENCE, RawServer, http, json_answer, serving

Run = Callable[[Conversation], Any]


def run_on_a_loop(conversation: Conversation) -> Any:
    """Run a conversation for code on an event loop."""
    return asyncio.run(exchange.run_async(conversation))


BOTH = pytest.mark.parametrize("run", [exchange.run, run_on_a_loop], ids=["blocking", "async"])
LIMIT = 2**20
DONE = {"id": "j", "status": "COMPLETED", "output": 1}
_GZIP = {"content_encoding": "gzip", "content_type": "application/json"}


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a body be large with less than the real limit."""
    monkeypatch.setattr(replies, "LARGEST_BODY", LIMIT)
    monkeypatch.setenv("FLASHC_CALL_TIMEOUT", "60")


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with serving() as running:
        yield running


def job(server: RawServer) -> Conversation:
    """Send a job to the server, as the stub of a function does."""
    location = Location(jobs=server.url, web=server.url, headers={}, sentinel=False)
    return wire.run_job(location, "gpu", "infer", {"x": 1})


def request(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> Conversation:
    """Send a request to a route, as the stub of a route does."""
    monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", server.url)
    return Request(resource="web", function="items", method="GET", path="/items").conversation()


def endless(first: bytes, part: bytes) -> Callable[[], Iterator[bytes]]:
    """Return an answer that never ends."""

    def answer() -> Iterator[bytes]:
        yield first
        while True:
            yield part

    return answer


def trickling(whole: bytes) -> Callable[[], Iterator[bytes]]:
    """Return an answer that arrives byte by byte, in five seconds or more."""

    def answer() -> Iterator[bytes]:
        for number in range(len(whole)):
            yield whole[number : number + 1]
            time.sleep(0.05)

    return answer


def silent(first: bytes) -> list[bytes | None]:
    """Return an answer of which nothing more comes after its beginning."""
    return [first, SILENCE]


STATUS = b"HTTP/1.1 200 OK\r\n"
CHUNKED = STATUS + b"Transfer-Encoding: chunked\r\n\r\n"
NESTED = b'{"output": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BOMB = gzip.compress(b"[" + b"0," * LIMIT + b"0]")

NO_JOB: dict[str, tuple[Any, str]] = {
    "a page": (http(b"<html>Sign in</html>", content_type="text/html"), "text/html .*Sign in"),
    "a redirect": (
        http(b"", "302 Found", location="https://elsewhere.example/login"),
        "answered 302, which leads to 'https://elsewhere.example/login'",
    ),
    "a permanent redirect": (http(b"moved", "308 Permanent Redirect"), "answered 308: moved"),
    "bad JSON": (http(b'{"status": "COMP', content_type="application/json"), "COMP"),
    "no body": (http(), "answered 200 with text"),
    "no content": ([b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"], "answered 204"),
    "a list": (json_answer([1, 2]), "application/json .*1, 2"),
    "a text": (json_answer("ready"), "application/json .*ready"),
    "a number": (json_answer(7), "application/json"),
    "null": (json_answer(None), "application/json"),
    "an empty object": (json_answer({}), "not the state of a job"),
    "another object": (json_answer({"message": "hello"}), "hello"),
    "a status of another type": (json_answer({"status": ["IN_QUEUE"], "id": "j"}), "IN_QUEUE"),
    "a status that is an object": (json_answer({"status": {}, "output": 1}), "not the state"),
    "an unknown status": (json_answer({"status": "BANANA", "id": "j"}), "BANANA"),
    "no id": (json_answer({"status": "IN_QUEUE"}), "not the state of a job"),
    "an id of another type": (json_answer({"status": "IN_QUEUE", "id": 7}), "not the state"),
    "an empty id": (json_answer({"status": "IN_QUEUE", "id": ""}), "not the state of a job"),
    "levels without end": (http(NESTED, content_type="application/json"), r"\[\[\["),
    "a number without end": (http(b'{"output": ' + b"9" * 100_000 + b"}"), "999"),
    "an error of many levels": (
        http(b'{"status": "FAILED", "error": ' + b"[" * 900 + b"]" * 900 + b"}"),
        r"\[\[\[|of many levels",
    ),
    "an error that is no text": (json_answer({"status": "FAILED", "error": {"a": [1]}}), "a"),
    "a type that is no text": (
        json_answer({"status": "FAILED", "error": {"error_type": [1], "error_message": {}}}),
        r"^\{\}$",
    ),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n"], "can't be read .*RemoteProtocolError"),
    "nothing": ([], "can't be read .*disconnected"),
    "half a head": ([b"HTTP/1.1 200 OK\r\nContent-Le"], "can't be read"),
    "a length that is no number": (http(b"1", content_length="many"), "can't be read"),
    "a length below zero": (http(b"1", content_length="-1"), "can't be read"),
    "two lengths": (
        [STATUS + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\n1"],
        "can't be read",
    ),
    "an end before the length": (http(b'{"output": 1}', content_length="99"), "can't be read"),
    "chunks that are none": ([CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"], "can't be read"),
    "a chunk that is too short": ([CHUNKED + b"ff\r\n{}\r\n"], "can't be read"),
    "chunks without an end": ([CHUNKED + b"2\r\n{}\r\n"], "can't be read"),
    "no gzip": (http(b"plain", **_GZIP), "can't be decompressed"),
    "half of gzip": (http(gzip.compress(b"1" * 99)[:-9], **_GZIP), "ends too early"),
    "another encoding": (http(b"1", content_encoding="br"), "the encoding 'br'"),
    "two encodings": (http(b"1", content_encoding="gzip, gzip"), "the encoding 'gzip, gzip'"),
    "a bomb": (http(BOMB, **_GZIP), f"larger than {LIMIT} bytes"),
    "a bomb of zlib": (
        http(zlib.compress(b"0" * 3 * LIMIT), content_encoding="deflate"),
        f"larger than {LIMIT} bytes",
    ),
    "a large body": (http(b"1" * (LIMIT + 1)), f"larger than {LIMIT} bytes"),
    "a body without end": (endless(STATUS + b"\r\n", b"1" * 65536), "larger than"),
    "chunks without end": (endless(CHUNKED, b"ffff\r\n" + b"1" * 65535 + b"\r\n"), "larger than"),
    "gzip without end": (
        endless(STATUS + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"1"), b"1" * 65536),
        "larger than",
    ),
    "headers without end": (endless(STATUS, b"X-More: " + b"1" * 65536 + b"\r\n"), "can't be read"),
    "a header without end": (endless(STATUS + b"X-More: ", b"1" * 65536), "can't be read"),
    "a status line without end": (endless(b"HTTP/1.1 200 ", b"1" * 65536), "can't be read"),
}

LATE: dict[str, Any] = {
    "a slow body": trickling(b"".join(http(json.dumps(DONE).encode()))),
    "a slow head": trickling(b"".join(http(b"1" * 99, x_more="1" * 99))),
    "only 1xx": endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 99),
    "silence": silent(b""),
    "silence in the body": silent(STATUS + b"\r\n1"),
}


@BOTH
@pytest.mark.parametrize(("answer", "words"), NO_JOB.values(), ids=list(NO_JOB))
def test_an_answer_that_is_no_job_says_what_came(
    run: Run, answer: Any, words: str, server: RawServer
) -> None:
    server.answer = answer
    with pytest.raises(RemoteError, match=words) as caught:
        run(job(server))
    assert not isinstance(caught.value, TimeoutError)
    assert (caught.value.endpoint, caught.value.function) == ("gpu", "infer")
    assert len(str(caught.value)) < 3000


@BOTH
@pytest.mark.parametrize("answer", LATE.values(), ids=list(LATE))
def test_the_limit_is_that_of_the_whole_exchange(
    run: Run, answer: Any, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASHC_CALL_TIMEOUT", "0.5")
    server.answer = answer
    with pytest.raises(RemoteTimeout, match="no complete answer within"):
        run(job(server))


@BOTH
def test_what_comes_instead_of_a_state_is_said_in_the_end(
    run: Run, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a job runs, the platform may fail for some time."""
    monkeypatch.setattr(wire, "_POLL_LONGEST", 0.01)
    monkeypatch.setattr(wire, "_POLL_FIRST", 0.01)
    answers = iter([json_answer({"id": "j", "status": "IN_QUEUE"}), *[NO_JOB["a page"][0]] * 5])
    server.answer = lambda: next(answers)
    with pytest.raises(RemoteError, match=r"state of job j on 'gpu' is unknown: .*Sign in"):
        run(job(server))


NO_ANSWER: dict[str, tuple[Any, str]] = {
    name: NO_JOB[name]
    for name in ("a redirect", "bad JSON", "no HTTP", "a bomb", "headers without end")
} | {
    "a page that says it is JSON": (
        http(b"<html>", content_type="application/problem+json"),
        "application/problem.json .*<html>.* not JSON",
    ),
    "lines that are no JSON": (
        http(b'{"a": 1}\nb\n', content_type="application/x-ndjson"),
        "not JSON",
    ),
}


@BOTH
@pytest.mark.parametrize(("answer", "words"), NO_ANSWER.values(), ids=list(NO_ANSWER))
def test_an_answer_that_is_none_of_a_route_says_what_came(
    run: Run, answer: Any, words: str, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = answer
    with pytest.raises(RemoteError, match=words) as caught:
        run(request(server, monkeypatch))
    assert caught.value.endpoint == "web"


@pytest.mark.parametrize("name", ["a page", "a redirect", "a list", "bad JSON", "a bomb"])
@pytest.mark.parametrize("method", ["run", "runsync", "status", "cancel"])
def test_an_answer_to_a_client_is_a_job(
    name: str, method: str, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", server.url)
    server.answer, words = NO_JOB[name]
    with pytest.raises(RemoteError, match=words.replace("the state of a job", "a job")):
        asyncio.run(getattr(Client(None, "e1"), method)("j"))


TABLE = {"resources_endpoints": {"gpu": "http://127.0.0.1:1/v2/e1"}}


@pytest.mark.parametrize(
    "answer",
    [
        *(answer for name, (answer, _) in NO_JOB.items() if name != "an unknown status"),
        json_answer({"data": {"flashEnvironment": []}}),
        json_answer({"data": {"flashEnvironment": {"activeBuildId": 1}, "flashBuild": 1}}),
        *(
            json_answer(
                {
                    "data": {
                        "flashEnvironment": {"activeBuildId": "b"},
                        "flashBuild": {"manifest": {"resources_endpoints": urls}},
                    }
                }
            )
            for urls in (7, ["gpu"], {"gpu": 7}, {"gpu": "ftp://x"}, {"gpu": "http://[x"})
        ),
        json_answer(
            {
                "data": {
                    "flashEnvironment": {"activeBuildId": "b"},
                    "flashBuild": {"manifest": {"resources_endpoints": {"gpu": "http://h:99999/"}}},
                }
            }
        ),
    ],
)
def test_a_table_that_is_none_leaves_the_sentinel(
    answer: Any, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "_urls", {})
    monkeypatch.setattr(platform, "_fresh_until", 0.0)
    monkeypatch.setattr(platform, "_STATE_TIMEOUT", 30.0)
    monkeypatch.setenv("RUNPOD_API_BASE_URL", server.url)
    monkeypatch.setenv("RUNPOD_API_KEY", "key")
    monkeypatch.setenv("FLASH_ENVIRONMENT_ID", "e")
    server.answer = answer
    assert exchange.run(platform.locate("gpu")).sentinel


# Arbitrary answers --------------------------------------------------------------------------------

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
_states = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("j") | _values,
        "status": st.sampled_from(["IN_QUEUE", "COMPLETED", "FAILED", "TIMED_OUT"]) | _values,
        "output": _values,
        "error": st.fixed_dictionaries(
            {},
            optional={
                "error_type": st.sampled_from(["<class 'KeyError'>", "os.error", "builtins."])
                | _values,
                "error_message": _values,
                "error_traceback": _values,
            },
        )
        | _values,
    },
)
_bodies = st.binary(max_size=200) | (_states | _values).map(lambda data: json.dumps(data).encode())
_header_texts = st.text(st.characters(codec="latin-1"), max_size=20)


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    """Draw bytes, or an answer whose parts need not fit each other, perhaps damaged."""
    if draw(st.booleans()) and draw(st.booleans()):
        return draw(st.binary(max_size=300))
    body = draw(_bodies)
    status = draw(st.sampled_from([200, 200, 200, 204, 302, 404, 429, 500, 100]) | st.integers())
    headers = {
        "Content-Type": draw(
            st.sampled_from(["application/json", "text/html; charset=zlib", "text/x; charset=\xff"])
            | _header_texts
        )
    }
    if draw(st.booleans()):
        headers["Content-Length"] = draw(
            st.just(str(len(body))) | st.integers().map(str) | _header_texts
        )
    if draw(st.booleans()):
        headers["Content-Encoding"] = draw(st.sampled_from(["gzip", "deflate", "identity", "br"]))
        body = draw(st.sampled_from([body, gzip.compress(body), zlib.compress(body)]))
    if draw(st.booleans()):
        headers["Transfer-Encoding"] = draw(st.sampled_from(["chunked", "gzip", "\x00"]))
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) + draw(st.sampled_from([0, 0, 1])), body)
    if draw(st.booleans()):
        headers["Location"] = draw(_header_texts)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    whole = f"HTTP/1.1 {status} \r\n{head}\r\n".encode("latin-1") + body
    if draw(st.booleans()):
        start = draw(st.integers(0, len(whole)))
        end = draw(st.integers(start, min(start + 20, len(whole))))
        whole = whole[:start] + draw(st.binary(max_size=20)) + whole[end:]
    return whole


@BOTH
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(answer=_answers())
def test_every_answer_is_a_result_or_a_remote_error(
    run: Run, answer: bytes, server: RawServer
) -> None:
    server.answer = [answer]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLASHC_CALL_TIMEOUT", "0.2")
        patch.setenv("RUNPOD_ENDPOINT_BASE_URL", server.url)
        failures = [
            failure_of(lambda: run(job(server))),
            failure_of(lambda: run(request(server, patch))),
            failure_of(lambda: asyncio.run(Client(None, "e1").status("j")).done),
        ]
    endpoints = [failure.endpoint for failure in failures if failure is not None]
    assert all(endpoints)


def failure_of(call: Callable[[], Any]) -> RemoteError | None:
    """Return the failure of a call; None if it has a result.  Other exceptions are not caught."""
    try:
        call()
    except RemoteError as error:
        return error
    return None
