"""Keep the records of the management API in memory and in the store, one table for each kind of record."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from typing import TypeVar

from .records import Record
from .statements import delete_record, save_record
from .store import Store

_R = TypeVar("_R", bound=Record)


class Table(dict[str, _R]):
    """The records of one kind by their ids.  A change is stored first; then `changed` is called.

    Other requests run while a record is being stored.  Who compares a new record with the others, as
    for unique names, holds `lock` from there until the record is saved.
    """

    def __init__(
        self,
        kind: type[_R],
        store: Store,
        records: Iterable[Record],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__({record.id: record for record in records if isinstance(record, kind)})
        self._store = store
        self._changed = changed
        self.lock = asyncio.Lock()

    async def save(self, record: _R) -> _R:
        """Store a record, in place of the record with the same id if there is one; return it.

        Raises:
            StoreError: the record can't be stored.
        """
        await self._store.write([save_record(record)])
        self[record.id] = record
        self._changed()
        return record

    async def delete(self, record: _R) -> None:
        """Delete a record.

        Raises:
            StoreError: the change can't be stored.
        """
        await self._store.write([delete_record(record)])
        self.pop(record.id, None)
        self._changed()


def new_id(prefix: str) -> str:
    """Return a new random id, which can also be part of a host name."""
    return prefix + secrets.token_hex(6)
