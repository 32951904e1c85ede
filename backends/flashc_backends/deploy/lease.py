"""Let only one deployment change an environment at a time, also between machines.

The platform has no locks.  It has secrets, whose names are unique in an account: a secret with the
name of the lease exists while a deployment works.  Its description says who works.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Secret
from flashc_backends.cloud.port import Cloud

from .variables import Target

_STALE_SECONDS = 900.0  # a deployment that works for longer is taken for dead
_PAUSE = 1.0  # seconds


class Holder(Struct, frozen=True, kw_only=True):
    """Who deploys: the machine, the process, and when it began (seconds since the epoch)."""

    machine: str
    process: int
    since: float

    def __str__(self) -> str:
        began = datetime.fromtimestamp(self.since, UTC).strftime("%H:%M:%S UTC")
        return f"process {self.process} on {self.machine}, since {began}"


class Busy(Exception):
    """Another deployment changes the environment; `holder` is None if it can't be read."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(str(holder) if holder is not None else "an unknown process")
        self.holder = holder


@contextmanager
def held(
    cloud: Cloud, target: Target, *, patience: float, waiting: Callable[[Holder | None], None]
) -> Generator[None]:
    """Hold the lease of an environment; the platform may have no secrets, then nothing is held.

    Args:
        cloud: the platform.
        target: the app and the environment.
        patience: seconds to wait for another deployment to end.
        waiting: is called once if another deployment works.

    Raises:
        Busy: another deployment did not end in time.
        CloudError: the platform can't be asked.
    """
    lease = _taken(cloud, target, patience, waiting)
    try:
        yield
    finally:
        if lease is not None:
            cloud.delete_secret(lease.id)


def lease_name(target: Target) -> str:
    """Return the name of the secret that is the lease of an environment."""
    return f"flash_lease_{hashlib.sha256(str(target).encode()).hexdigest()[:16]}"


def _taken(
    cloud: Cloud, target: Target, patience: float, waiting: Callable[[Holder | None], None]
) -> Secret | None:
    """Return the lease, None if the platform has no secrets."""
    name = lease_name(target)
    me = Holder(machine=socket.gethostname(), process=os.getpid(), since=time.time())
    until = time.monotonic() + patience
    is_waiting = False
    while True:
        refusal: CloudError | None = None
        try:
            made = cloud.create_secret(name, "-", msgspec.json.encode(me).decode())
        except CloudError as error:
            if error.trouble is Trouble.RETIRED:
                return None
            if error.trouble is not Trouble.REFUSED and not error.may_have_acted:
                raise
            made, refusal = None, error
        leases = [secret for secret in cloud.secrets() if secret.name == name]
        # A platform that allows equal names: the oldest one holds.
        first = min(leases, key=lambda secret: (secret.created, secret.id), default=None)
        holder = _holder(first) if first is not None else None
        if first is not None and holder == me:
            return first
        if made is not None and first is not None and made.id != first.id:
            cloud.delete_secret(made.id)
        if first is None:
            if refusal is not None and refusal.trouble is Trouble.REFUSED:
                raise refusal  # not because of another lease
            continue
        if _is_dead(first, holder):
            cloud.delete_secret(first.id)
            continue
        if time.monotonic() >= until:
            raise Busy(holder)
        if not is_waiting:
            is_waiting = True
            waiting(holder)
        time.sleep(_PAUSE)


def _holder(lease: Secret) -> Holder | None:
    try:
        return msgspec.json.decode(lease.description, type=Holder)
    except msgspec.DecodeError:
        return None


def _is_dead(lease: Secret, holder: Holder | None) -> bool:
    """Return whether a deployment has ended without giving its lease back."""
    if holder is None:
        return True
    if holder.machine == socket.gethostname():
        try:
            os.kill(holder.process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it runs, for another user
            pass
    return time.time() - holder.since > _STALE_SECONDS
