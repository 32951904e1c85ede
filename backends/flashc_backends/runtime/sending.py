"""Send a message to another endpoint: blocking or on an event loop, for one result or for several."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any, Protocol

from . import exchange, platform
from .exchange import Conversation
from .parts import stream_job
from .wire import run_job


@dataclass
class Job:
    """Input for a queue-based endpoint."""

    resource: str
    function: str
    payload: dict[str, Any]

    def conversation(self) -> Conversation:
        """Send the job and return its result."""
        location = yield from platform.locate(self.resource)
        return (yield from run_job(location, self.resource, self.function, self.payload))

    def parts(self) -> Conversation:
        """Send the job and yield the results of its generator as they come."""
        location = yield from platform.locate(self.resource)
        yield from stream_job(location, self.resource, self.function, self.payload)


class Message(Protocol):
    """What can be sent to another endpoint: a `Job`, or a `Request` of `web.py`."""

    def conversation(self) -> Conversation:
        """Send the message and return the result."""

    def parts(self) -> Conversation:
        """Send the message to a generator, and yield its results."""


def send(message: Message) -> Any:
    """Send a message and wait for the result, blocking."""
    return exchange.run(message.conversation())


async def send_async(message: Message) -> Any:
    """Send a message and wait for the result on the running event loop."""
    return await exchange.run_async(message.conversation())


def stream(message: Message) -> Generator[Any, None, None]:
    """Send a message to a generator and yield its results, blocking."""
    return exchange.iterate(message.parts())


def stream_async(message: Message) -> AsyncGenerator[Any, None]:
    """Send a message to a generator and yield its results on the running event loop."""
    return exchange.iterate_async(message.parts())
