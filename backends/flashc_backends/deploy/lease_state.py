"""Decide from an account's secrets who holds a lease, and whether that holder is dead.

Nothing here calls the platform.

A lease is a secret with a fixed name.  Its holder renews it: renewal number `k` is a secret whose
name has the holder's token and `k`.  To take over the lease of a dead holder, a process first creates
the next renewal under the holder's token.  Names are unique, so of holder and successor only one can
create it, and a holder that was only slow learns that it has lost the lease.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from msgspec import Struct, structs

from flashc_backends.cloud.model import Secret
from flashc_core.documents import UnreadableDocument, decode_json

from .variables import Target

_PREFIX = "flash_lease_"


class Holder(Struct, frozen=True, kw_only=True):
    """A deployment that holds or wants a lease.

    Attributes:
        machine: the name of the machine, for people.
        system: the system that `process` is a number of; see `this_system`.
        process: the number of the process.
        token: what tells this deployment from all others.
        lasts: seconds after its last renewal until it counts as dead.
    """

    machine: str
    system: str
    process: int
    token: str
    lasts: float

    def __str__(self) -> str:
        return f"process {self.process} on {self.machine}"


class Lease(Struct, frozen=True, kw_only=True):
    """A lease that exists, with all secrets that belong to it.

    Attributes:
        secret: the secret that is the lease.
        holder: who holds it, None if that is not readable.
        renewals: the secrets of its renewals by their numbers.
        strays: renewals of leases that do not exist any more.
    """

    secret: Secret
    holder: Holder | None
    renewals: dict[int, Secret]
    strays: tuple[Secret, ...]

    @property
    def number(self) -> int:
        """The number of the newest renewal, 0 for none."""
        return max(self.renewals, default=0)

    @property
    def newest(self) -> Secret:
        """The secret that was created last: the newest renewal, else the lease."""
        return self.renewals.get(self.number, self.secret)

    @property
    def is_taken_away(self) -> bool:
        """Whether another deployment created the newest renewal; also true if it or the lease is unreadable."""
        writer = read_holder(self.newest)
        return self.holder is None or writer is None or writer.token != self.holder.token

    @property
    def since(self) -> str:
        """When the lease was taken, in the platform's time, for people; "" if that is not known."""
        at = _seconds(self.secret.created)
        return "" if at is None else f"{datetime.fromtimestamp(at, UTC):%H:%M:%S UTC}"

    def __str__(self) -> str:
        who = "an unknown process" if self.holder is None else str(self.holder)
        return f"{who}, since {self.since}" if self.since else who


def lease_name(target: Target) -> str:
    """Return the name of the secret that is the lease of an environment."""
    return f"{_PREFIX}{target.digest[:16]}"


def renewal_name(lease: str, token: str, number: int) -> str:
    """Return the name of a renewal of a lease."""
    return f"{lease}_{token}_{number}"


def find_lease(name: str, secrets: Iterable[Secret]) -> tuple[Lease | None, tuple[Secret, ...]]:
    """Return (the lease with this name or None, further leases with the same name).

    There are several only if the platform allows equal names; then the oldest one counts.
    """
    named = [secret for secret in secrets if secret.name.startswith(name)]
    leases = sorted(
        (secret for secret in named if secret.name == name),
        key=lambda secret: (secret.created, secret.id),
    )
    if not leases:
        return None, ()
    holder = read_holder(leases[0])
    token = holder.token if holder is not None else ""
    found: dict[int, Secret] = {}
    strays: list[Secret] = []
    for secret in named:
        parts = secret.name.removeprefix(name).split("_")
        if len(parts) != 3 or parts[0] or not parts[2].isdecimal():
            continue
        if parts[1] == token:
            found[int(parts[2])] = secret
        else:
            strays.append(secret)
    lease = Lease(secret=leases[0], holder=holder, renewals=found, strays=tuple(strays))
    return lease, tuple(leases[1:])


def is_dead(lease: Lease, *, now: float | None, watched: float, here: Collection[str]) -> bool:
    """Return whether the holder of a lease has ended, or has not renewed it in time.

    The clocks of two machines are never compared: the age of a lease is the difference of two times
    of the platform, or how long this process has seen it without a renewal.

    Args:
        lease: the lease.
        now: the time of the platform, None if that is not known.
        watched: for how many seconds this process has seen the lease without a change.
        here: the tokens of the deployments of this process.
    """
    holder = lease.holder
    if holder is None or lease.is_taken_away:
        return True
    if holder.system == this_system() and _has_ended(holder, here):
        return True
    created = _seconds(lease.newest.created)
    age = now - created if now is not None and created is not None else 0.0
    return max(age, watched) > holder.lasts


def _has_ended(holder: Holder, here: Collection[str]) -> bool:
    """Return whether the holder's process, or the holder's deployment in this process, has ended."""
    if holder.process == os.getpid():
        return holder.token not in here
    try:
        os.kill(holder.process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # it runs, for another user
        pass
    return False


def this_holder(lasts: float) -> Holder:
    """Return a holder for a new deployment of this process."""
    return Holder(
        machine=socket.gethostname(),
        system=this_system(),
        process=os.getpid(),
        token=uuid.uuid4().hex[:12],
        lasts=lasts,
    )


@cache
def this_system() -> str:
    """Return an id of this boot and process namespace, because process numbers repeat elsewhere."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        boot, space = str(uuid.getnode()), ""
    text = "\0".join((socket.gethostname(), boot, space))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_holder(secret: Secret) -> Holder | None:
    """Return who has written a lease or a renewal; None if that is not readable."""
    try:
        found = decode_json(secret.description, Holder)
    except UnreadableDocument:
        return None
    return structs.replace(found, lasts=max(found.lasts, 0.0))


def _seconds(text: str) -> float | None:
    """Return a time of the platform in seconds since the epoch; None if it is not readable."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
