"""Send final jobs to the webhooks of their clients, and send a job again if its webhook does not answer with 200."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import httpx

from .records import Job
from .statements import Statement
from .store import Store, StoreError

_TRIES = 3
_PAUSE = 10.0  # seconds between tries
_TIMEOUT = 10.0
_AT_ONCE = 32
_DUE = "SELECT job, url, tries FROM webhook WHERE next_at <= ? ORDER BY next_at LIMIT ?"


class Webhooks:
    """The deliveries to webhooks.  The store has all that are due, so that a restart loses none."""

    def __init__(self, store: Store, view: Callable[[Job], bytes]) -> None:
        self._store = store
        self._view = view
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Let `run` look for new deliveries now."""
        self._news.set()

    async def run(self) -> None:
        """Send the deliveries that are due, until this task is cancelled."""
        async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
            while True:
                self._news.clear()
                due: list[tuple[str, str, int]] = []
                with suppress(StoreError):
                    due = [
                        (str(job), str(url), int(tries))
                        for job, url, tries in self._store.query(_DUE, time.time(), _AT_ONCE)
                    ]
                await asyncio.gather(*(self._deliver(client, *item) for item in due))
                if len(due) < _AT_ONCE:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), 1.0)

    async def _deliver(self, client: httpx.AsyncClient, job_id: str, url: str, tries: int) -> None:
        """Send a job to its webhook; remove the delivery if it arrived or was tried too often, else put it off."""
        job = self._store.load_job(job_id)
        arrived = job is None  # the job's result has expired, so nothing is left to deliver
        if job is not None:
            headers = {"content-type": "application/json"}
            with suppress(httpx.HTTPError, httpx.InvalidURL, TimeoutError):
                # The status says all: a body that does not end is not read.
                async with (
                    asyncio.timeout(_TIMEOUT),
                    client.stream("POST", url, content=self._view(job), headers=headers) as reply,
                ):
                    arrived = reply.status_code == 200
        ends = arrived or tries + 1 >= _TRIES
        statement = (
            Statement("DELETE FROM webhook WHERE job=?", (job_id,))
            if ends
            else Statement(
                "UPDATE webhook SET tries=?, next_at=? WHERE job=?",
                (tries + 1, time.time() + _PAUSE, job_id),
            )
        )
        with suppress(StoreError):
            await self._store.write([statement])
