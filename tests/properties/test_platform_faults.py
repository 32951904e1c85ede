"""With faults on request every job still has one result, and the same seed gives the same faults."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from flashc_backends.platform.faults import (
    ColdStart,
    Death,
    DoubleResult,
    Event,
    Fault,
    Faults,
    IdleWorker,
    LateResult,
    LostResult,
    Network,
    NoStock,
    OldRelease,
    Point,
    Unauthorized,
    decide,
)
from flashc_backends.platform.records import Limits, Status
from tests.support.faulty_platform import FaultyPlatform

_SECONDS = st.floats(0, 40, width=16)
_TIMED: tuple[Callable[..., Fault], ...] = (ColdStart, IdleWorker, Death, LateResult, DoubleResult)
_FAULT: st.SearchStrategy[Fault] = st.one_of(
    *[
        st.builds(kind, probability=st.floats(0, 0.2), seconds=_SECONDS.filter(bool))
        for kind in _TIMED
    ],
    st.builds(LostResult, probability=st.floats(0, 0.2)),
    st.builds(Death, at=st.lists(st.integers(1, 60), min_size=1, max_size=9).map(tuple)),
)
_FAULTS = st.builds(
    Faults, seed=st.integers(0, 2**53 - 1), fault=st.lists(_FAULT, max_size=6).map(tuple)
)


def _run(faults: Faults, slots: int, most: int) -> FaultyPlatform:
    platform = FaultyPlatform(Limits(least=0, most=most), 1, slots=slots, faults=faults)
    platform.release("one")
    for round_ in range(2):
        platform.submit(40)
        platform.release(f"release {round_}")
        platform.run(platform.is_idle, 50_000.0)
    return platform


@given(_FAULTS, st.integers(1, 5), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_every_job_has_one_result_whatever_faults_happen_and_they_happen_again(
    faults: Faults, slots: int, most: int
) -> None:
    platform = _run(faults, slots, most)
    assert len(platform.settled) == 80
    assert set(platform.settled.values()) == {1}
    for job in platform.final.values():
        assert job.status in (Status.COMPLETED, Status.FAILED)
        if job.status is Status.COMPLETED:
            assert job.output == job.input
    assert _run(faults, slots, most).happened == platform.happened


_ANY = st.one_of(
    _FAULT,
    st.builds(NoStock, seconds=st.just(1.0), probability=st.floats(0, 1)),
    st.builds(OldRelease, endpoint=st.sampled_from(["a", "b"])),
    st.builds(Unauthorized, requests=st.sampled_from(["clients", "workers"])),
    st.builds(Network, caller=st.sampled_from([None, "a"]), probability=st.floats(0, 1)),
)
_EVENTS = st.lists(
    st.builds(
        Event,
        point=st.sampled_from(list(Point)),
        endpoint=st.sampled_from(["a", "b"]),
        number=st.integers(1, 1000),
        caller=st.sampled_from(["", "a", "b"]),
    ),
    max_size=30,
)


@given(st.integers(0, 2**53 - 1), st.lists(_ANY, max_size=6), _EVENTS)
def test_a_decision_depends_on_nothing_but_the_faults_and_the_event(
    seed: int, asked: list[Fault], events: list[Event]
) -> None:
    faults = Faults(seed=seed, fault=tuple(asked))
    found = [decide(faults, event) for event in events]
    assert [decide(faults, event) for event in reversed(events)] == found[::-1]
    for event, happened in zip(events, found, strict=True):
        for fault in happened:
            assert fault in asked
            assert fault.endpoint in (None, event.endpoint)
            assert fault.probability > 0
            assert isinstance(fault, Network) or sum(type(f) is type(fault) for f in happened) == 1
            assert not fault.at or event.number in fault.at


def test_chances_are_as_likely_as_asked_and_differ_by_seed() -> None:
    def happens(seed: int) -> list[int]:
        faults = Faults(seed=seed, fault=(LostResult(probability=0.3),))
        return [
            n
            for n in range(5000)
            if decide(faults, Event(point=Point.RESULT, endpoint="ep", number=n))
        ]

    assert 1350 < len(happens(1)) < 1650
    assert happens(1) != happens(2)
