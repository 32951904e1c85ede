"""The job API and REST answer what their description says, and nothing without the key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from flashc_backends.platform.http import openapi
from tests.support.platform_stage import CoroutineEngine, Stage, echo, staged
from tests.support.profiles import examples

_CHECKS = [
    checks.not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
_DOCUMENT = schemathesis.openapi.from_dict(openapi.schema())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Run a platform in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = staged(tmp_path_factory.mktemp("platform"), CoroutineEngine(echo), "queue")
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def ids(stage: Stage) -> dict[str, str]:
    """Return things that exist by the names of the parameters, and an endpoint that may change."""
    headers = {"authorization": f"Bearer {stage.platform.key}"}
    with httpx.Client(base_url=stage.platform.base, headers=headers, trust_env=False) as client:
        job = client.post(f"/v2/{stage.ids['queue']}/run", json={"input": 1}).json()["id"]
        given = {
            "name": "other",
            "type": "QUEUE",
            "image": "x",
            "scaling": {"type": "QUEUE_DELAY", "queueDelay": 4},
        }
        other = client.post("/v2/serverless", json=given).json()["id"]
        volume = client.post("/v1/networkvolumes", json={"name": "data", "size": 5}).json()["id"]
    return {"endpoint": stage.ids["queue"], "job": job, "volume": volume, "other": other}


@_DOCUMENT.parametrize()
@settings(
    deadline=None,
    max_examples=examples(12),
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.filter_too_much,
        HealthCheck.too_slow,
    ],
)
def test_every_operation_answers_as_described_and_only_with_the_key(
    case: schemathesis.Case[Any], stage: Stage, ids: dict[str, str]
) -> None:
    given: dict[str, Any] = case.path_parameters or {}
    for name in given:
        if sum(str(given[name]).encode()) % 4:  # most of the time something that exists
            is_rest = case.path.startswith("/v2/serverless")
            given[name] = ids["other" if is_rest and name == "endpoint" else name]
    if isinstance(case.body, dict):
        case.body.pop("webhook", None)  # the platform would call it
    key = {"Authorization": f"Bearer {stage.platform.key}"}
    answer = case.call(base_url=stage.platform.base, headers=key)
    case.validate_response(answer, checks=_CHECKS)
    assert "Traceback" not in answer.text
    for wrong in ({}, {"Authorization": "Bearer x"}):
        refused = case.call(base_url=stage.platform.base, headers=wrong)
        assert refused.status_code == 401, refused.text
