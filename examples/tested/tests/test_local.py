"""Endpoints in the process of the test: fast, with breakpoints and coverage, without a network."""

import asyncio

import pytest

from flashc.testing import LocalApp, RemoteError


def test_an_endpoint_is_called_by_its_name(flash_local: LocalApp) -> None:
    assert flash_local.call("tested-model.rate", text="A great day") == {
        "text": "A great day",
        "stars": 3,
    }


def test_values_travel_by_their_annotations(flash_local: LocalApp) -> None:
    from models import Review
    from rating import mean

    assert flash_local.call(mean, [Review("a", 2), Review("b", 5)]) == 3.5


def test_a_generator_is_streamed(flash_local: LocalApp) -> None:
    assert list(flash_local.stream("tested-sentences", text="One. Two.")) == ["One", "Two"]


def test_a_route_calls_other_endpoints(flash_local: LocalApp) -> None:
    answer = flash_local.request("tested-api", "POST", "/reviews", json={"texts": ["Good!", "Bad"]})
    assert answer.json() == {"stars": [3, 1], "mean": 2.0}


def test_async_code_waits_for_several_calls(flash_local: LocalApp) -> None:
    async def rate() -> list[int]:
        texts = ("Good", "Bad")
        calls = [flash_local.call_async("tested-model.rate", text=text) for text in texts]
        return [review["stars"] for review in await asyncio.gather(*calls)]

    assert asyncio.run(rate()) == [3, 1]


def test_an_error_keeps_its_type_and_its_traceback(flash_local: LocalApp) -> None:
    from models import EmptyReview

    with pytest.raises(EmptyReview, match="the review is empty") as caught:
        flash_local.call("tested-model.rate", text=" ")
    assert isinstance(caught.value, RemoteError)
    assert "rating.py" in caught.value.remote_traceback


def test_a_part_of_one_endpoint_is_replaced(
    flash_local: LocalApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash_local.module("tested-model", "rating"), "GOOD", {"bad"})
    assert flash_local.call("tested-model.rate", text="Bad")["stars"] == 3
    assert "good" in flash_local.module("tested-api", "rating").GOOD


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_begins_with_fresh_endpoints(flash_local: LocalApp, turn: int) -> None:
    assert flash_local.call("tested-model.count") == 1
