"""Let only one deployment change an environment at a time, also between machines.

The platform has no locks.  It has secrets, whose names are unique in an account: a secret with the
name of the lease exists while a deployment works.  The deployment renews it, so that it may take as
long as it wants.  The lease of a deployment that was killed is taken over: on its own machine at
once, elsewhere when it was not renewed in time.  A deployment that has lost its lease, because its
machine was asleep, changes nothing any more.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from typing import Any, cast

import msgspec

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Secret
from flashc_backends.cloud.pace import STANDARD, Pace
from flashc_backends.cloud.port import Cloud

from .lease_state import Holder, Lease, find_lease, is_dead, lease_name, renewal_name, this_holder
from .variables import Target

VOLUMES = Target("", "volumes")
"""Stands for the volumes of the account, which only one deployment creates at a time."""
_MAY_PASS = frozenset((Trouble.REFUSED, Trouble.BUSY, Trouble.UNREACHABLE))
_ATTEMPTS = 3  # to renew a lease, or to give it back
_CHANGES = ("create", "change", "delete", "set", "activate", "upload")
_here = set[str]()  # the tokens of the deployments of this process


class Busy(Exception):
    """Another deployment, which holds `lease`, changes the environment."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(str(lease))
        self.lease = lease


@contextmanager
def held(
    cloud: Cloud,
    target: Target,
    *,
    patience: float,
    waiting: Callable[[Lease], None],
    pace: Pace = STANDARD,
) -> Generator[Cloud]:
    """Hold the lease of an environment, and yield the platform for changes under the lease.

    If the lease is lost, the yielded platform refuses further changes with `Trouble.LOST`.  A
    platform without secrets has no leases; then nothing is held.

    Args:
        cloud: the platform.
        target: the app and the environment.
        patience: seconds to wait for another deployment to end.
        waiting: is called once if another deployment works.
        pace: how long to wait between looks, and how long a lease lasts.

    Raises:
        Busy: another deployment did not end in time.
        CloudError: the platform can't be asked.
    """
    me = this_holder(pace.lease_lasts)
    _here.add(me.token)
    try:
        tenure = take_lease(cloud, target, me, patience=patience, waiting=waiting, pace=pace)
        if tenure is None:
            yield cloud
            return
        try:
            with _renewing(tenure):
                yield cast(Cloud, _Guarded(cloud, tenure.check))
        finally:
            tenure.give_back()
    finally:
        _here.discard(me.token)


def clear_dead(cloud: Cloud, target: Target, secrets: Iterable[Secret]) -> None:
    """Remove the lease of a deployment that has ended without giving it back; `secrets` are all."""
    lease, _ = find_lease(lease_name(target), secrets)
    if lease is not None and is_dead(lease, now=cloud.now(), watched=0.0, here=_here):
        remove_dead(cloud, lease, this_holder(STANDARD.lease_lasts))


def elapsed() -> float:
    """Return a time in seconds that also passes while the machine is asleep."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Tenure:
    """A lease that this process holds; `secret` is its id, `began` a time before it was created."""

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        secret: str,
        me: Holder,
        pace: Pace,
        *,
        began: float,
        clock: Callable[[], float] = elapsed,
    ) -> None:
        self._cloud = cloud
        self._name = name
        self._secret = secret
        self._me = me
        self._pace = pace
        self._clock = clock
        self._confirmed = began
        self._number = 0
        self._is_lost = False
        self._renewals = set[str]()
        self._lock = threading.Lock()

    @property
    def period(self) -> float:
        """The seconds between two renewals."""
        return self._me.lasts / 4

    def check(self) -> None:
        """Make sure that the lease is held still, before something is changed.

        A request of half the time that the lease lasts ends before anybody takes the lease over.

        Raises:
            CloudError: it is lost, with `Trouble.LOST`, or it can't be renewed.
        """
        with self._lock:
            for _ in range(_ATTEMPTS):
                if self._clock() - self._confirmed <= self._me.lasts / 2 and not self._is_lost:
                    return
                self._renew()
            raise CloudError(Trouble.SILENT, "the platform answers too slowly to keep the lease")

    def renew(self) -> None:
        """Renew the lease.

        Raises:
            CloudError: it is lost, with `Trouble.LOST`, or it can't be renewed.
        """
        with self._lock:
            self._renew()

    def _renew(self) -> None:
        if self._is_lost:
            raise _lost()
        began, number = self._clock(), self._number + 1
        refusal: CloudError | None = None
        try:
            _create(self._cloud, renewal_name(self._name, self._me.token, number), self._me)
        except CloudError as error:
            if error.trouble is not Trouble.REFUSED and not error.may_have_acted:
                raise
            refusal = error
        lease, _ = find_lease(self._name, self._cloud.secrets())
        if lease is None or lease.secret.id != self._secret or lease.is_taken_away:
            self._is_lost = True
            raise _lost()
        if lease.number < number and refusal is not None:
            raise refusal
        self._number = lease.number
        if refusal is None:  # else an earlier request has created it; how long ago is not known
            self._confirmed = began
        self._renewals = {secret.id for secret in lease.renewals.values()}
        _delete(self._cloud, (s for n, s in lease.renewals.items() if n < lease.number))

    def give_back(self) -> None:
        """Remove the lease; if that fails, it ends by itself, because this process no longer renews it."""
        with self._lock:
            own = [] if self._is_lost else [self._secret]
            for secret in (*own, *self._renewals):
                for _ in range(_ATTEMPTS):
                    with suppress(CloudError):
                        self._cloud.delete_secret(secret)
                        break
                    time.sleep(self._pace.lease)
            self._is_lost = True


@contextmanager
def _renewing(tenure: Tenure) -> Generator[None]:
    """Renew a lease regularly while the block runs; a failure is found by the next check."""
    ends = threading.Event()

    def renew() -> None:
        while not ends.wait(tenure.period):
            with suppress(CloudError):
                tenure.renew()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


class _Guarded:
    """A platform that checks something before each change."""

    def __init__(self, cloud: Cloud, check: Callable[[], None]) -> None:
        self._cloud = cloud
        self._check = check

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._cloud, name)
        if name.partition("_")[0] not in _CHANGES:
            return operation

        def checked(*given: Any) -> Any:
            self._check()
            return operation(*given)

        return checked


def take_lease(
    cloud: Cloud,
    target: Target,
    me: Holder,
    *,
    patience: float,
    waiting: Callable[[Lease], None] = lambda _: None,
    pace: Pace = STANDARD,
    clock: Callable[[], float] = elapsed,
) -> Tenure | None:
    """Return the lease of an environment, None if the platform has no secrets.

    The arguments are those of `held`; `me` is this deployment, and `clock` tells how time passes.

    Raises:
        Busy: another deployment did not end in time.
        CloudError: the platform can't be asked.
    """
    name = lease_name(target)
    until = clock() + patience
    is_waiting, failures = False, 0
    seen, seen_at = "", 0.0
    while True:
        began = clock()
        try:
            refusal = _ask(cloud, name, me)
            lease, others = find_lease(name, cloud.secrets())
        except CloudError as error:
            if error.trouble is Trouble.ABSENT:
                return None
            raise
        _delete(cloud, (other for other in others if _is_of(other, me)))
        if lease is None:  # refused for another reason, or the other lease has just gone
            failures += 1
            if refusal is not None and failures >= pace.attempts:
                raise refusal
            time.sleep(pace.lease)
            continue
        if _is_of(lease.secret, me) and not lease.is_taken_away:
            _delete(cloud, lease.strays)
            if refusal is not None:  # an earlier request has created it; how long ago is not known
                began = -math.inf
            return Tenure(cloud, name, lease.secret.id, me, pace, began=began, clock=clock)
        if lease.newest.id != seen:
            seen, seen_at = lease.newest.id, clock()
        if is_dead(lease, now=cloud.now(), watched=clock() - seen_at, here=_here):
            remove_dead(cloud, lease, me)
            continue
        if clock() >= until:
            raise Busy(lease)
        if not is_waiting:
            is_waiting = True
            waiting(lease)
        time.sleep(pace.lease)


def _ask(cloud: Cloud, name: str, me: Holder) -> CloudError | None:
    """Ask for a lease; return why there may be none."""
    try:
        _create(cloud, name, me)
    except CloudError as error:
        if error.trouble not in _MAY_PASS and not error.may_have_acted:
            raise
        return error
    return None


def remove_dead(cloud: Cloud, lease: Lease, me: Holder) -> None:
    """Remove the lease of a dead holder, unless the holder has just renewed it."""
    name, holder, marker = lease.secret.name, lease.holder, None
    if holder is not None and not lease.is_taken_away:
        try:
            marker = _create(cloud, renewal_name(name, holder.token, lease.number + 1), me)
        except CloudError as error:
            if error.trouble is not Trouble.REFUSED and not error.may_have_acted:
                raise
    now, _ = find_lease(name, cloud.secrets())
    if now is not None and now.secret.id == lease.secret.id and now.is_taken_away:
        cloud.delete_secret(now.secret.id)
        _delete(cloud, now.renewals.values())
    elif marker is not None:
        _delete(cloud, (marker,))


def _create(cloud: Cloud, name: str, writer: Holder) -> Secret:
    """Create a lease or a renewal."""
    return cloud.create_secret(name, "-", msgspec.json.encode(writer).decode())


def _is_of(secret: Secret, me: Holder) -> bool:
    """Return whether a deployment has written a secret."""
    return secret.description == msgspec.json.encode(me).decode()


def _delete(cloud: Cloud, secrets: Iterable[Secret]) -> None:
    """Delete secrets that no deployment needs; what can't be deleted now is deleted by a later deployment."""
    for secret in secrets:
        with suppress(CloudError):
            cloud.delete_secret(secret.id)


def _lost() -> CloudError:
    text = (
        "another deployment has taken the environment over, because this one seemed to have ended"
    )
    return CloudError(Trouble.LOST, text)
