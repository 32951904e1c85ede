"""Create and delete what the endpoints of all apps can use: network volumes and secrets."""

from __future__ import annotations

import time
from collections.abc import Iterable

from .fields import Invalid, get
from .records import Record, Secret, Volume
from .store import Store
from .tables import Table, new_id

_MOST_GB = 4096


class Account:
    """The network volumes and secrets of the management API."""

    def __init__(self, store: Store, records: Iterable[Record]) -> None:
        self.volumes = Table(Volume, store, records)
        self.secrets = Table(Secret, store, records)

    async def create_volume(self, name: str, size: int, center: str, kind: str = "") -> Volume:
        """Create a volume.

        Raises:
            Invalid: the name is empty, or the size is out of its range.
        """
        if not name.strip():
            raise Invalid("a volume needs a name")
        if not 1 <= size <= _MOST_GB:
            raise Invalid(f"the size of a volume must be between 1 and {_MOST_GB} GB")
        volume = Volume(
            id=new_id("vol"),
            name=name,
            size_gb=size,
            data_center=center,
            kind=kind or "STANDARD",
        )
        return await self.volumes.save(volume)

    async def delete_volume(self, volume_id: str) -> None:
        """Delete a volume.

        Raises:
            NotFound: there is no such volume.
        """
        await self.volumes.delete(get(self.volumes, volume_id, "network volume"))

    async def create_secret(self, name: str, value: str, description: str) -> Secret:
        """Create a secret.

        Raises:
            Invalid: another secret has the name, or the name has other characters than letters, digits, underscores.
        """
        if not name.replace("_", "").isalnum():
            raise Invalid("the name of a secret must have letters, digits and underscores only")
        async with self.secrets.lock:
            if any(secret.name == name for secret in self.secrets.values()):
                raise Invalid(f"a secret with the name {name!r} exists")
            secret = Secret(
                id=new_id("sec"),
                name=name,
                value=value,
                description=description,
                created=time.time(),
            )
            return await self.secrets.save(secret)

    async def delete_secret(self, secret_id: str) -> None:
        """Delete a secret.

        Raises:
            NotFound: there is no such secret.
        """
        await self.secrets.delete(get(self.secrets, secret_id, "secret"))
