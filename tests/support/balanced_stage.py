"""A platform with a load balancer for tests, whose worker is an ASGI app in the same process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from tests.support.platform_stage import CoroutineEngine, Stage, Wire, staged

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


hangs: list[bool] = []  # not empty: the worker does not answer `/ping`
left: list[str] = []  # the requests whose end the worker noticed before it had answered


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer as a worker's own code does; the path says how."""

    async def start(status: int = 200, *headers: tuple[bytes, bytes]) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def part(body: bytes, more: bool = False) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})

    match scope["path"]:
        case "/ping":
            while hangs:
                await asyncio.sleep(0.02)
            await start(200)
            await part(b"")
        case "/stream":
            await start(200, (b"content-type", b"text/event-stream"))
            for number in range(3):
                await part(b"data: %d\n\n" % number, more=True)
                await asyncio.sleep(0.05)
            await part(b"")
        case "/endless":
            await start()
            leaving = asyncio.ensure_future(receive())
            while not leaving.done() or leaving.result()["type"] != "http.disconnect":
                if leaving.done():
                    leaving = asyncio.ensure_future(receive())
                await part(b"x", more=True)
                await asyncio.sleep(0.01)
        case "/large":
            await start()
            for _ in range(64):
                await part(b"x" * 65536, more=True)
            await part(b"")
        case "/break":
            await start(200, (b"content-length", b"100"))
            await part(b"half", more=True)
            raise ConnectionAbortedError
        case "/error":
            await start(500, (b"content-length", b"2"))
            await part(b"no")
            await asyncio.sleep(0.3)  # such as for a long traceback
            raise RuntimeError  # after which uvicorn closes the connection
        case "/slow":
            await asyncio.sleep(1.0)
            await start()
            await part(b"slow")
        case "/silent":
            while (await receive())["type"] != "http.disconnect":
                pass
            left.append(scope["path"])
        case "/nothing":
            await start(204)
            await part(b"")
        case path:
            size = 0
            more = True
            while more:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
            shown = {name.decode(): value.decode() for name, value in scope["headers"]}
            query = scope["query_string"].decode()
            await start(200, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))
            await part(repr([scope["method"], path, query, size, sorted(shown)]).encode())


@asynccontextmanager
async def balanced(folder: Path, **fields: Any) -> AsyncGenerator[tuple[Stage, CoroutineEngine]]:
    """Run a platform whose load-balanced workers all are the server of this module."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))

        async def stay(_wire: Wire) -> None:
            await asyncio.sleep(3600)

        engine = CoroutineEngine(stay, address=("127.0.0.1", listener.getsockname()[1]))
        try:
            async with staged(folder, engine, "web", **fields) as stage:
                yield stage, engine
        finally:
            server.should_exit = True
            await serving


def play(folder: Path, scene: Callable[[Stage, str], Awaitable[None]], **fields: Any) -> None:
    """Run a scene with the URL of a load balancer."""

    async def run() -> None:
        async with balanced(folder, **fields) as (stage, _):
            await scene(stage, f"{stage.platform.base}/lb/{stage.ids['web']}")

    asyncio.run(run())
