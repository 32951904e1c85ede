"""Send requests to a platform, with its key, time limits and retries; every failure is a `CloudError`."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import httpx
import tenacity
from tenacity.wait import wait_random_exponential

from .answers import check_status, date_of, graphql_data, json_of, secret_values
from .errors import CloudError, Trouble
from .pace import STANDARD, Pace
from .port import Uploading

_T = TypeVar("_T")
_CHUNK = 1024**2  # bytes of an upload
_IDLE_TIMEOUT = 0.5  # seconds
_WORTH_REPEATING = frozenset((Trouble.UNREACHABLE, Trouble.SILENT, Trouble.BUSY, Trouble.BROKEN))


class Transport:
    """One pool of connections to a platform, for any number of threads.

    The key is never printed, logged or written to disk.  Errors name requests by their operation or path.
    """

    def __init__(
        self,
        key: str,
        *,
        user_agent: str,
        verify: ssl.SSLContext | bool = True,
        pace: Pace = STANDARD,
    ) -> None:
        self._key = key
        self._pace = pace
        self._date: tuple[float, float] | None = None  # the platform's time, and this machine's
        self._backoff = wait_random_exponential(multiplier=pace.pause, max=pace.longest_pause)
        timeout = httpx.Timeout(pace.answer, connect=pace.connect)
        trust = httpx.create_ssl_context() if verify is True else verify
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            headers={**headers, "user-agent": user_agent},
            timeout=timeout,
            verify=trust,
            follow_redirects=False,  # a redirect must not take the key to another host
        )
        # A client without the key, for uploads to the storage URL.
        self._client_without_key = httpx.Client(
            headers={"user-agent": user_agent},
            timeout=timeout,
            verify=trust,
            follow_redirects=False,
        )

    def now(self) -> float | None:
        """Return the platform's time in seconds since the epoch, from the date of its last answer; None without one."""
        if self._date is None:
            return None
        date, at = self._date
        return date + time.monotonic() - at

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._client_without_key.close()

    def graphql(
        self, url: str, query: str, variables: Mapping[str, Any], *, is_idempotent: bool
    ) -> dict[str, Any]:
        """Send an operation and return its `data`.

        Args:
            url: the URL of the API.
            query: the text of one named operation.
            variables: the operation's variables.
            is_idempotent: whether the operation may be retried: it only reads, or doing it twice is
                the same as doing it once.

        Raises:
            CloudError: the request failed, or the answer has errors.
        """
        name = query.split("(")[0].split("{")[0].split()[-1]

        hidden = (self._key, *secret_values(variables))

        def send() -> dict[str, Any]:
            body = {"query": query, "variables": dict(variables)}
            reply = self._send(name, hidden, "POST", url, json=body)
            return graphql_data(name, json_of(name, reply), hidden)

        return self.retry(send) if is_idempotent else send()

    def rest(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        is_idempotent: bool,
    ) -> Any:
        """Send a request and return the answer's JSON; None for an empty answer.

        `is_idempotent`: see `graphql`.

        Raises:
            CloudError: the request failed.
        """
        name = f"{method} {httpx.URL(url).path}"

        def send() -> Any:
            reply = self._send(name, (self._key,), method, url, json=json, params=params)
            return json_of(name, reply) if reply.content else None

        return self.retry(send) if is_idempotent else send()

    def request_once(self, method: str, url: str, *, json: Any, seconds: float) -> httpx.Response:
        """Send a request once, and return its answer whatever its status is.

        `json` is the body, None for none; `seconds` is the read timeout.

        Raises:
            CloudError: there is no answer.
        """
        timeout = httpx.Timeout(seconds, connect=self._pace.connect)
        with _explained(f"{method} {url}", acts=method != "GET"):
            return self._client.request(method, url, json=json, timeout=timeout)

    def events(self, url: str, *, follow: bool) -> Iterator[tuple[str, str]]:
        """Yield the events of a server-sent event stream as pairs of id and data.

        Without `follow`, the stream ends after half a second without data.

        Raises:
            CloudError: the request failed or the connection broke.
        """
        name = f"GET {httpx.URL(url).path}"
        headers = {"accept": "text/event-stream"}
        timeout = httpx.Timeout(self._pace.answer, connect=self._pace.connect).as_dict()
        extensions = {"timeout": timeout}
        with (
            _explained(name, acts=False),
            self._client.stream("GET", url, headers=headers, extensions=extensions) as reply,
        ):
            if reply.status_code >= 300:  # the error message contains the body
                reply.read()
            check_status(name, reply, (self._key,))
            timeout["read"] = None if follow else _IDLE_TIMEOUT  # applies to all reads of the body
            try:
                yield from _events(reply.iter_lines())
            except httpx.ReadTimeout:
                if follow:
                    raise

    def upload(self, url: str, file: Path, size: int, uploading: Uploading) -> None:
        """Upload a file of `size` bytes once, to a URL that the platform gave; the key is not sent.

        If it fails, the reported progress is reset: the storage keeps no partial object.
        Every client that knows the URL may upload, so no error shows it.

        Raises:
            CloudError: the upload failed.
        """
        headers = {"content-type": "application/gzip", "content-length": str(size)}

        sent = _UploadProgress(uploading)
        try:
            with file.open("rb") as stream, _explained("the upload", acts=True):
                content = _chunks(stream, sent)
                reply = self._client_without_key.put(url, content=content, headers=headers)
            check_status("the upload", reply, (url, *url.split("?")[1:]), with_key=False)
        except CloudError:
            sent.reset()
            raise

    def _send(
        self, name: str, hidden: Iterable[str], method: str, url: str, **more: Any
    ) -> httpx.Response:
        with _explained(name, acts=method != "GET"):
            reply = self._client.request(method, url, **more)
        date = date_of(reply)
        if date is not None:
            self._date = date, time.monotonic()
        check_status(name, reply, hidden)
        return reply

    def retry(self, send: Callable[[], _T]) -> _T:
        """Call a function; retry transient failures.

        The pauses grow exponentially, or are those that the server asks for.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: (
                    isinstance(error, CloudError)
                    and error.trouble in _WORTH_REPEATING
                    and self._pace.waits(error.wait)
                )
            ),
            stop=tenacity.stop_after_attempt(self._pace.attempts),
            wait=self._pause,
            reraise=True,
        )
        return retrying(send)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds before the next attempt: what the server asks for, else a random pause."""
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, CloudError) and error.wait is not None:
            return error.wait
        return self._backoff(state)


class _UploadProgress:
    """Counts what one attempt of an upload has sent, so that the next attempt can begin at zero."""

    def __init__(self, uploading: Uploading) -> None:
        self._uploading = uploading
        self._amount = 0

    def advance(self, amount: int = 0) -> None:
        """Count more bytes."""
        self._amount += amount
        self._uploading.advance(amount)

    def reset(self) -> None:
        """Reset the reported progress to zero."""
        self._uploading.advance(-self._amount)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the id and the data of server-sent events."""
    number, data = "", list[str]()
    for line in lines:
        field, _, value = line.partition(":")
        if field == "id":
            number = value.strip()
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            yield number, "\n".join(data)
            data = []


def _chunks(stream: IO[bytes], uploading: Uploading) -> Iterator[bytes]:
    """Yield the content of a file, and report each chunk when the next one is asked for."""
    while chunk := stream.read(_CHUNK):
        yield chunk
        uploading.advance(len(chunk))


@contextmanager
def _explained(name: str, *, acts: bool) -> Generator[None]:
    """Turn exceptions of httpx into `CloudError`; `acts`: the request may change something."""
    try:
        yield
    except httpx.ConnectError as error:
        if "CERTIFICATE" in str(error).upper():
            text = f"{name}: this machine does not trust the platform's certificate"
        else:
            text = f"{name}: the platform can't be reached: {error}"
        raise CloudError(Trouble.UNREACHABLE, text) from error
    except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise CloudError(
            Trouble.UNREACHABLE, f"{name}: no connection to the platform in time"
        ) from error
    except httpx.TimeoutException as error:
        raise CloudError(
            Trouble.SILENT, f"{name}: no answer in time", may_have_acted=acts
        ) from error
    except httpx.TransportError as error:
        text = f"{name}: the connection broke: {error or type(error).__name__}"
        raise CloudError(Trouble.SILENT, text, may_have_acted=acts) from error
    except (httpx.InvalidURL, UnicodeError) as error:
        raise CloudError(Trouble.BROKEN, f"{name}: the URL is wrong") from error
    except httpx.DecodingError as error:
        raise CloudError(
            Trouble.BROKEN, f"{name}: the answer is not readable", may_have_acted=acts
        ) from error
