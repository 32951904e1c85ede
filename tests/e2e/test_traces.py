"""One trace across workers: what an app's endpoints call is below what called them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.interpreters import oldest_worker_python
from tests.support.projects import EXAMPLES, built
from tests.support.running_app import running_app

PYTHON = oldest_worker_python().minor
TRACE, CLIENT = "c" * 32, "d" * 16


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    return built(EXAMPLES / "pipeline", folder / "a.tar.gz", python_version=PYTHON)


@pytest.mark.parametrize("how", ["sentinel", "state-manager"])
def test_a_request_and_the_jobs_that_it_causes_are_one_trace(
    pipeline: Path, how: str, cache_folder: Path, tmp_path: Path
) -> None:
    env = {"FLASH_ENVIRONMENT_ID": ""} if how == "sentinel" else {}
    with running_app(pipeline, tmp_path, cache_folder, env=env) as app, app.client() as client:
        url = f"{app.url('pipeline-api')}/analyse"
        headers = {"traceparent": f"00-{TRACE}-{CLIENT}-01"}
        client.post(url, json={"text": "A good day. Rain."}, headers=headers).raise_for_status()
        spans = client.get(f"/traces/{TRACE}").raise_for_status().json()["spans"]
    (root,) = (span for span in spans if span["parent"] == CLIENT)
    assert (root["label"], root["name"], root["status"]) == (
        "pipeline-api",
        "POST /analyse",
        "200",
    )
    below = [span for span in spans if span is not root]
    assert {span["parent"] for span in below} == {root["span"]}
    assert sorted(span["label"] for span in below) == [
        "pipeline-labels",
        "pipeline-score",
        "pipeline-score",
        "pipeline-splitter",
    ]
    assert {span["status"] for span in below} == {"COMPLETED"}
    assert all(root["start"] <= span["start"] <= span["end"] <= root["end"] for span in below)
