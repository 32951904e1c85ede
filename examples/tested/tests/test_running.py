"""Endpoints on the local platform: workers are processes, as in the cloud, and faults can happen."""

import asyncio

import pytest

from flashc.testing import RemoteError, RunningApp, faults


def test_a_route_calls_other_endpoints(flash_app: RunningApp) -> None:
    answer = flash_app.request("tested-api", "POST", "/reviews", json={"texts": ["Good!", "Bad"]})
    assert answer.json() == {"stars": [3, 1], "mean": 2.0}


def test_a_generator_is_streamed(flash_app: RunningApp) -> None:
    assert list(flash_app.stream("tested-sentences", text="One. Two.")) == ["One", "Two"]


def test_values_and_errors_travel_by_their_types(flash_app: RunningApp) -> None:
    from models import EmptyReview, Review
    from rating import Model, mean

    assert flash_app.call(Model.rate, "Fine") == Review("Fine", 3)
    assert asyncio.run(flash_app.call_async(mean, [Review("a", 2), Review("b", 5)])) == 3.5
    with pytest.raises(EmptyReview) as caught:
        flash_app.call(Model.rate, "")
    assert "rating.py" in caught.value.remote_traceback


def test_new_workers_have_no_state(flash_fresh_app: RunningApp) -> None:
    assert flash_fresh_app.call("tested-model.count") == 1


@pytest.mark.flash_faults(faults.Death(endpoint="tested-model", at=(1,)))
def test_a_job_survives_the_death_of_its_worker(flash_app: RunningApp) -> None:
    assert flash_app.call("tested-model.rate", text="Good")["stars"] == 3


def test_a_caller_learns_that_its_key_is_refused(flash_app: RunningApp, flash_faults) -> None:
    flash_faults({"kind": "unauthorized", "endpoint": "tested-mean"})
    with pytest.raises(RemoteError, match="answered 401"):
        flash_app.call("tested-mean", reviews=[])
