"""The port answers requests on connections that their clients may leave at any time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop

from flashc_backends.platform.http.asgi import CONNECTION
from flashc_backends.platform.http.port import Port, bind

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"


@pytest.mark.parametrize("number", [1, 2, 5])
def test_requests_that_a_client_pipelines_and_leaves_are_no_error(number: int) -> None:
    """Only the first of them is being served when the client closes the connection."""

    async def left() -> list[bool]:
        begun, gone, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()
        answers: list[bool] = []

        async def app(scope: Any, _receive: Any, _send: Any) -> None:
            connection = scope["extensions"][CONNECTION]
            connection.when_lost(gone.set)
            begun.set()
            await gone.wait()
            try:
                answers.append(connection.answer(HEAD, b""))
            finally:
                answered.set()

        port, listener = Port(app, None, "key"), bind("127.0.0.1", 0)
        port.listen(listener)
        _, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(REQUEST * number)
        await begun.wait()
        writer.close()
        await asyncio.wait_for(answered.wait(), 10)
        await port.close()
        return answers

    assert uvloop.run(left()) == [True]
