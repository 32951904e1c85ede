"""Connect to the standard input and output of a container, and read the lines that the container prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

import requests
from docker.errors import DockerException
from docker.models.containers import Container
from docker.utils.socket import STDOUT, frames_iter

from .lines import LineSplitter

Stream = Literal["stdout", "stderr"]


class Attachment:
    """A connection that keeps a container's standard input open and carries what it prints.

    Make the connection before the container is started, so that no line is lost.
    """

    def __init__(self, container: Container) -> None:
        """Connect.

        Raises:
            DockerException, requests.RequestException: the daemon refuses, or does not answer.
        """
        params = dict.fromkeys(("stdin", "stdout", "stderr", "stream", "logs"), 1)
        self._socket: Any = container.attach_socket(params=params)

    def lines(self) -> Iterator[tuple[Stream, str]]:
        """Yield the lines that the container prints, until the container or the daemon ends."""
        splitters: dict[Stream, LineSplitter] = {
            "stdout": LineSplitter(),
            "stderr": LineSplitter(),
        }
        with suppress(requests.RequestException, DockerException, OSError, ValueError):
            for number, data in frames_iter(self._socket, tty=False):  # type: ignore[no-untyped-call]
                stream: Stream = "stdout" if number == STDOUT else "stderr"
                for text in splitters[stream].feed(data):
                    yield stream, text
        for stream, splitter in splitters.items():
            for text in splitter.end():
                yield stream, text

    def close(self) -> None:
        """Disconnect; the container then ends by itself."""
        # The library keeps the HTTP response in this attribute; closing the response ends `lines` too.
        getattr(self._socket, "_response", self._socket).close()
