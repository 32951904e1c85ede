"""Let only one deployment change an environment at a time, also between machines.

The platform has no locks.  It has secrets, whose names are unique in an account: a secret with the
name of the lease exists while a deployment works.  Its description says who works, and until when
at most.  The lease of a process that has ended is taken over: on its own machine at once, elsewhere
when its time is over.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
import uuid
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Secret
from flashc_backends.cloud.pace import STANDARD, Pace
from flashc_backends.cloud.port import Cloud

from .variables import Target

VOLUMES = Target("", "volumes")
"""Stands for the volumes of the account, which only one deployment creates at a time."""
_MARGIN = 900.0  # seconds that a deployment may take beside its wait for workers
_MAY_PASS = frozenset((Trouble.REFUSED, Trouble.BUSY, Trouble.UNREACHABLE))
_RETURNS = 3  # attempts to give a lease back


class Holder(Struct, frozen=True, kw_only=True):
    """Who deploys.

    Attributes:
        machine: the name of the machine, for people.
        system: which running system the number of the process belongs to.
        process: the number of the process.
        since: when it began, in seconds since the epoch.
        until: when it has ended at the latest.
    """

    machine: str
    system: str
    process: int
    since: float
    until: float

    def __str__(self) -> str:
        began = datetime.fromtimestamp(self.since, UTC).strftime("%H:%M:%S UTC")
        return f"process {self.process} on {self.machine}, since {began}"


_here = set[Holder]()  # the deployments of this process


class Busy(Exception):
    """Another deployment changes the environment; `holder` is None if it can't be read."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(str(holder) if holder is not None else "an unknown process")
        self.holder = holder


@contextmanager
def held(
    cloud: Cloud,
    target: Target,
    *,
    patience: float,
    longest: float = 0.0,
    waiting: Callable[[Holder | None], None],
    pace: Pace = STANDARD,
) -> Generator[None]:
    """Hold the lease of an environment; the platform may have no secrets, then nothing is held.

    Args:
        cloud: the platform.
        target: the app and the environment.
        patience: seconds to wait for another deployment to end.
        longest: seconds that this deployment waits for workers at most.
        waiting: is called once if another deployment works.
        pace: how long to wait between looks.

    Raises:
        Busy: another deployment did not end in time.
        CloudError: the platform can't be asked.
    """
    now = time.time()
    me = Holder(
        machine=socket.gethostname(),
        system=this_system(),
        process=os.getpid(),
        since=now,
        until=now + patience + longest + _MARGIN,
    )
    _here.add(me)
    try:
        lease = _Wish(cloud, lease_name(target), me, pace).take(patience, waiting)
        try:
            yield
        finally:
            if lease is not None:
                _give_back(cloud, lease, pace)
    finally:
        _here.discard(me)


def clear_dead(cloud: Cloud, target: Target, secrets: Iterable[Secret]) -> None:
    """Remove the lease of a deployment that has ended without giving it back; `secrets` are all."""
    name = lease_name(target)
    for lease in secrets:
        if lease.name == name and _is_dead(_holder(lease)):
            cloud.delete_secret(lease.id)


def _give_back(cloud: Cloud, lease: Secret, pace: Pace) -> None:
    """Remove a lease; if that fails, the next deployment does it, because this one has ended."""
    for _ in range(_RETURNS):
        with suppress(CloudError):
            cloud.delete_secret(lease.id)
            return
        time.sleep(pace.lease)


def lease_name(target: Target) -> str:
    """Return the name of the secret that is the lease of an environment."""
    return f"flash_lease_{hashlib.sha256(str(target).encode()).hexdigest()[:16]}"


@cache
def this_system() -> str:
    """Return what tells this running system from others that may have equal names and processes.

    Containers of one machine count their processes separately.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        boot, space = str(uuid.getnode()), ""
    text = "\0".join((socket.gethostname(), boot, space))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Wish:
    """A process that wants a lease."""

    def __init__(self, cloud: Cloud, name: str, me: Holder, pace: Pace) -> None:
        self._cloud = cloud
        self._name = name
        self._me = me
        self._pace = pace

    def take(self, patience: float, waiting: Callable[[Holder | None], None]) -> Secret | None:
        """Return the lease, None if the platform has no secrets; the arguments are those of `held`."""
        until = time.monotonic() + patience
        is_waiting = False
        failures = 0
        while True:
            try:
                refusal = self._ask()
                first = self._first()
            except CloudError as error:
                if error.trouble is Trouble.ABSENT:
                    return None
                raise
            if first is None:  # not refused because of another lease
                failures += 1
                if refusal is not None and (
                    refusal.trouble is Trouble.REFUSED or failures >= self._pace.attempts
                ):
                    raise refusal
                time.sleep(self._pace.lease)
                continue
            holder = _holder(first)
            if holder == self._me:
                return first
            if _is_dead(holder):
                self._cloud.delete_secret(first.id)
                continue
            if time.monotonic() >= until:
                raise Busy(holder)
            if not is_waiting:
                is_waiting = True
                waiting(holder)
            time.sleep(self._pace.lease)

    def _ask(self) -> CloudError | None:
        """Ask for the lease; return why there may be none."""
        try:
            self._cloud.create_secret(self._name, "-", msgspec.json.encode(self._me).decode())
        except CloudError as error:
            if error.trouble not in _MAY_PASS and not error.may_have_acted:
                raise
            return error
        return None

    def _first(self) -> Secret | None:
        """Return the lease that counts.

        If the platform allows equal names, it is the oldest one; then a process that does not hold
        the lease gives its own back.
        """
        leases = sorted(
            (secret for secret in self._cloud.secrets() if secret.name == self._name),
            key=lambda secret: (secret.created, secret.id),
        )
        for other in leases[1:]:
            if _holder(other) == self._me:
                self._cloud.delete_secret(other.id)
        return leases[0] if leases else None


def _holder(lease: Secret) -> Holder | None:
    try:
        return msgspec.json.decode(lease.description, type=Holder)
    except msgspec.DecodeError:
        return None


def _is_dead(holder: Holder | None) -> bool:
    """Return whether a deployment has ended without giving its lease back."""
    if holder is None:
        return True
    if holder.system == this_system():
        if holder.process == os.getpid():
            return holder not in _here
        try:
            os.kill(holder.process, 0)
        except ProcessLookupError:
            return True
        except (PermissionError, OverflowError):  # it runs, for another user
            pass
    return time.time() > holder.until
