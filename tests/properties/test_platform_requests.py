"""No request makes the platform fail: it answers with what is wrong, never with an error of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis_graphql import mutations, nodes, queries

from flashc_backends.platform.http.graphql import read_schema
from tests.support.platform_stage import CoroutineEngine, Stage, echo, staged
from tests.support.profiles import examples

_METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
_OPERATIONS = st.sampled_from(
    "run runsync status stream cancel retry purge-queue health requests metrics job-take job-take-batch"
    " job-done job-stream job-stop ping other".split()
)
_SEGMENTS = st.text(
    st.characters(codec="ascii", min_codepoint=33, max_codepoint=126, exclude_characters="?#%/\\"),
    max_size=12,
)
_TARGETS = st.sampled_from(
    ["QUEUE", "flash", "serverless", "network-volumes", "catalog", "nothing"]
)
_PATHS = st.one_of(
    st.builds(
        lambda target, name, rest: f"/v2/{target}/{name}/{rest}", _TARGETS, _OPERATIONS, _SEGMENTS
    ),
    st.builds(lambda target, rest: f"/v2/{target}/{rest}", _TARGETS, _SEGMENTS),
    st.builds(
        lambda root, rest: f"/{root}/{rest}",
        st.sampled_from(
            ["v1/networkvolumes", "v1/pod/x", "lb/QUEUE", "graphql", "artifacts", "console", "v2"]
        ),
        _SEGMENTS,
    ),
)
_QUERIES = st.dictionaries(
    st.sampled_from(["wait", "ttl", "batch_size", "job_in_progress", "job_id", "gpu", "request"]),
    st.one_of(_SEGMENTS, st.integers(-10, 10**30).map(str), st.just("²")),
    max_size=3,
)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "input policy ttl executionTimeout webhook s3Config name size dataCenter type scaling workers image"
                " output error status stopPod query variables operationName x".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_BODIES = st.one_of(_JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=50))


@contextmanager
def _in_thread(folder: Path) -> Generator[Stage]:
    """Run a platform in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = staged(folder, CoroutineEngine(echo), "queue")
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with _in_thread(tmp_path_factory.mktemp("platform")) as found:
        yield found


@pytest.fixture(scope="module")
def client(stage: Stage) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {stage.platform.key}"}
    with httpx.Client(
        base_url=stage.platform.base, headers=headers, timeout=60, trust_env=False
    ) as found:
        yield found


def _check(reply: httpx.Response) -> None:
    assert reply.status_code < 500, reply.text
    assert "Traceback" not in reply.text
    if reply.status_code >= 400 and reply.request.method != "HEAD":
        assert isinstance(reply.json(), dict)


@given(_METHODS, _PATHS, _QUERIES, _BODIES)
@settings(deadline=None, max_examples=examples(300))
def test_any_request_is_answered(
    stage: Stage, client: httpx.Client, method: str, path: str, query: Any, body: bytes
) -> None:
    url = path.replace("QUEUE", stage.ids["queue"])
    _check(client.request(method, url, params={"wait": "1000", **query}, content=body))


@given(_METHODS, _PATHS, _BODIES)
@settings(deadline=None, max_examples=examples(100))
def test_any_request_without_the_key_is_refused(
    stage: Stage, client: httpx.Client, method: str, path: str, body: bytes
) -> None:
    url = path.replace("QUEUE", stage.ids["queue"])
    reply = client.request(method, url, content=body, headers={"authorization": "Bearer x"})
    assert reply.status_code in (401, 404, 405)
    assert reply.status_code == 401 or url.startswith(("/artifacts/", "/graphql"))


_SCALARS = {
    "JSON": st.text(max_size=5).map(nodes.String) | st.just(nodes.Object([])) | st.just(nodes.Null)
}


@given(
    queries(read_schema(), custom_scalars=_SCALARS)
    | mutations(read_schema(), custom_scalars=_SCALARS)
)
@settings(deadline=None, max_examples=examples(150))
def test_any_query_of_the_schema_is_answered(client: httpx.Client, query: str) -> None:
    reply = client.post("/graphql", json={"query": query})
    _check(reply)
    body = reply.json()
    assert set(body) <= {"data", "errors"}
    assert body.get("errors") != []
