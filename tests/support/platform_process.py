"""A platform in a process of its own, for tests that kill it: `python -m tests.support.platform_process FOLDER KEY`.

It prints its port when it can be reached.  Its workers return their input after a short time.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support.platform_stage import CoroutineEngine, Wire, staged


async def _work(wire: Wire) -> None:
    while True:
        for job in await wire.take_batch(20):
            await asyncio.sleep(0.001)
            await wire.done(job["id"], {"output": job["input"]})


async def _main(folder: Path, key: str) -> None:
    deployed = not (folder / "state" / "platform.sqlite").exists()
    engine = CoroutineEngine(_work)
    async with staged(folder, engine, "queue", key=key, deployed=deployed) as stage:
        print(stage.platform.port, stage.ids["queue"], flush=True)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
