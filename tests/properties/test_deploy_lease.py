"""Laws of leases, for requests of several deployments that interleave in every order, in virtual time."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any, cast

from hypothesis import event, given, settings
from hypothesis import strategies as st

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.pace import Pace
from flashc_backends.cloud.port import Cloud
from flashc_backends.deploy.lease import Busy, Tenure, take_lease
from flashc_backends.deploy.lease_state import Holder
from flashc_backends.deploy.variables import Target
from tests.support.memory_cloud import MemoryCloud
from tests.support.profiles import examples

_Move = tuple[int, int] | float | str
_LASTS = 60.0
_PACE = Pace(lease=0.0, looks=())
_TARGET = Target("app", "production")
_FAULTS = (Trouble.SILENT, Trouble.BUSY, Trouble.BROKEN)

# What a deployment does, in this order: it takes the lease until it has it, works and renews, and
# ends by giving the lease back, or by being killed.
_works = st.lists(st.sampled_from(["work", "renew", "work"]), max_size=6)
_lives = st.lists(st.tuples(_works, st.sampled_from(["back", "killed"])), min_size=1, max_size=3)
# A deployment sends some requests, time passes, or the next request of any deployment fails.
_bursts = st.tuples(st.integers(0, 2), st.sampled_from([1, 2, 3, 5, 9]))
_moves = st.one_of(
    _bursts, _bursts, st.sampled_from([16.0, 31.0, 61.0]), st.sampled_from(["fails", "fails-acted"])
)


class _Ended(BaseException):
    """The test ends, and with it the thread."""


class _World:
    """Deployments in threads, of which one runs at a time, from one request to its next one."""

    def __init__(self) -> None:
        self.cloud = MemoryCloud()
        self.now = 1e9
        self.cloud.clock = lambda: self.now
        self.fault = ""
        self.problems: list[str] = []
        self.works = self.takes = 0
        self.worked: dict[int, float] = {}  # when a deployment that has not ended worked last
        self._threads: list[_Deployment] = []

    def begin(self, lives: list[list[tuple[list[str], str]]]) -> None:
        self._threads = [_Deployment(self, number, life) for number, life in enumerate(lives)]

    def move(self, move: _Move) -> None:
        if isinstance(move, str):
            self.fault = move
        elif isinstance(move, float):
            self.now += move
        elif move[0] < len(self._threads):
            for _ in range(move[1]):
                self._threads[move[0]].step()

    def end(self) -> None:
        for each in self._threads:
            each.end()

    def note_work(self, number: int) -> None:
        """Note that a deployment may work; nobody else may have worked for half of the time of a lease."""
        for other, at in self.worked.items():
            if other != number and self.now - at < _LASTS / 2:
                self.problems.append(f"{number} works {self.now - at} s after {other}")
        self.worked[number] = self.now
        self.works += 1


class _Deployment:
    """A deployment on a machine of its own, whose clock shows another time."""

    def __init__(self, world: _World, number: int, life: list[tuple[list[str], str]]) -> None:
        self._world = world
        self._number = number
        self._life = life
        self._goes = threading.Semaphore(0)
        self._stops = threading.Semaphore(0)
        self._ends = self._is_done = False
        self._tokens = itertools.count(1000 * number)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Let it run until its next request."""
        if not self._is_done:
            self._goes.release()
            self._stops.acquire()

    def end(self) -> None:
        self._ends = True
        self._goes.release()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def pause(self) -> None:
        """Wait for the next step."""
        self._stops.release()
        self._goes.acquire()
        if self._ends:
            raise _Ended

    def _run(self) -> None:
        try:
            self._goes.acquire()
            for work, end in [] if self._ends else self._life:
                self._live(work, end)
        except _Ended:
            pass
        except BaseException as error:
            self._world.problems.append(repr(error))
        finally:
            self._is_done = True
            self._stops.release()

    def _live(self, work: list[str], end: str) -> None:
        tenure = self._take()
        self._world.takes += 1
        for what in work:
            try:
                if what == "renew":
                    tenure.renew()
                else:
                    tenure.check()
                    self._world.note_work(self._number)
            except CloudError as error:
                if error.trouble is Trouble.LOST:
                    break
            self.pause()
        if end == "back":
            self._world.worked.pop(self._number, None)
            tenure.give_back()

    def _take(self) -> Tenure:
        token = f"{next(self._tokens):012x}"
        me = Holder(machine="m", system=f"s{self._number}", process=1, token=token, lasts=_LASTS)
        while True:
            try:
                found = take_lease(
                    cast(Cloud, _Interleaved(self._world, self.pause)),
                    _TARGET,
                    me,
                    patience=0.0,
                    pace=_PACE,
                    clock=lambda: self._world.now - 7777.0 * self._number,
                )
            except (Busy, CloudError):
                self.pause()
                continue
            assert found is not None
            return found


class _Interleaved:
    """A platform at each request to which other deployments go on, and which may fail."""

    def __init__(self, world: _World, pause: Callable[[], None]) -> None:
        self._world = world
        self._pause = pause

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._world.cloud, name)
        if name == "now":
            return operation

        def request(*given: Any) -> Any:
            self._pause()
            fault, self._world.fault = self._world.fault, ""
            if fault == "fails":
                raise CloudError(Trouble.BROKEN, "a fault", may_have_acted=True)
            answer = operation(*given)
            if fault:
                raise CloudError(Trouble.SILENT, "a fault", may_have_acted=True)
            return answer

        return request


@settings(max_examples=examples(300), deadline=None)
@given(
    lives=st.lists(_lives, min_size=2, max_size=3),
    moves=st.lists(_moves, min_size=20, max_size=100),
)
def test_one_deployment_works_at_a_time_and_the_lease_of_a_killed_one_ends(
    lives: list[list[tuple[list[str], str]]], moves: list[_Move]
) -> None:
    world = _World()
    world.begin(lives)
    try:
        for move in moves:
            world.move(move)
    finally:
        world.end()
    event(f"works {min(world.works, 9)}, takeovers {min(world.takes, 9)}")
    assert not world.problems
    world.now += _LASTS + 1
    me = Holder(machine="m", system="new", process=1, token="f" * 12, lasts=_LASTS)
    tenure = take_lease(world.cloud, _TARGET, me, patience=0.0, pace=_PACE)
    assert tenure is not None
    tenure.give_back()
    assert not world.cloud.secrets()
