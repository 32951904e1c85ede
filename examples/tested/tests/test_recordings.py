"""Recorded answers take the place of an endpoint that needs a GPU; `pytest --flash-record=app` records them again."""

import pytest

from flashc.testing import LocalApp, RemoteError

pytestmark = pytest.mark.flash_replay("tested-model")


def test_a_route_works_without_the_model(flash_local: LocalApp) -> None:
    answer = flash_local.request("tested-api", "POST", "/reviews", json={"texts": ["Good!", "Bad"]})
    assert answer.json() == {"stars": [3, 1], "mean": 2.0}


def test_an_error_is_recorded_too(flash_local: LocalApp) -> None:
    with pytest.raises(RemoteError, match="the review is empty"):
        flash_local.call("tested-model.rate", text="")


@pytest.mark.flash_replay("tested-api")
def test_the_answer_of_a_route_is_recorded_too(flash_local: LocalApp) -> None:
    answer = flash_local.request("tested-api", "POST", "/reviews", json={"texts": ["Great."]})
    assert answer.json() == {"stars": [3], "mean": 3.0}
