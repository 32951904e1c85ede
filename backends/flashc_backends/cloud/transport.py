"""Send requests to a platform: with its key, time limits and retries, and with errors of one kind."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import httpx
import tenacity
from tenacity.wait import wait_random_exponential

from .errors import CloudError, Trouble
from .port import Uploading

_T = TypeVar("_T")
_CHUNK = 1024**2  # bytes of an upload
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)  # seconds
_ATTEMPTS = 5
_LONGEST_WAIT = 30.0  # seconds, before one more attempt
_PAUSE = 0.5  # seconds
_SHORT = 300  # characters of an answer that an error shows
_PASSING = re.compile(
    "try again later|internal server error|service unavailable|too many requests"
    "|temporarily unavailable",
    re.IGNORECASE,
)
_RESET = re.compile(r"\bt=(\d+)")
_WORTH_REPEATING = frozenset((Trouble.UNREACHABLE, Trouble.SILENT, Trouble.BUSY, Trouble.BROKEN))


class Transport:
    """One pool of connections to a platform, for any number of threads.

    Nothing here prints, logs or keeps the key; errors name requests by their operation or path.
    """

    def __init__(self, key: str, *, user_agent: str, verify: ssl.SSLContext | bool = True) -> None:
        self._key = key
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            headers={**headers, "user-agent": user_agent},
            timeout=_TIMEOUT,
            verify=verify,
            follow_redirects=False,  # a redirect must not take the key to another host
        )
        self._bare = httpx.Client(
            headers={"user-agent": user_agent}, timeout=_TIMEOUT, verify=verify
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._bare.close()

    def graphql(
        self, url: str, query: str, variables: Mapping[str, Any], *, again: bool
    ) -> dict[str, Any]:
        """Send an operation and return its `data`.

        Args:
            url: the URL of the API.
            query: the text of one named operation.
            variables: the operation's variables.
            again: whether the operation may be sent again after a failure: it only reads, or doing
                it twice is the same as doing it once.

        Raises:
            CloudError: the request failed, or the answer has errors.
        """
        name = query.split("(")[0].split("{")[0].split()[-1]

        def send() -> dict[str, Any]:
            body = {"query": query, "variables": dict(variables)}
            reply = self._send(name, "POST", url, json=body)
            return _data(name, _json(name, reply))

        return _repeated(send) if again else send()

    def rest(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        again: bool,
    ) -> Any:
        """Send a request and return the answer's JSON; None for an empty answer.

        `again` has the meaning that it has in `graphql`.

        Raises:
            CloudError: the request failed.
        """
        name = f"{method} {httpx.URL(url).path}"

        def send() -> Any:
            reply = self._send(name, method, url, json=json, params=params)
            return _json(name, reply) if reply.content else None

        return _repeated(send) if again else send()

    def events(self, url: str, *, follow: bool) -> Iterator[tuple[str, str]]:
        """Yield the events of an endless answer (server-sent events) as pairs of id and data.

        Without `follow`, a pause of half a second ends it.

        Raises:
            CloudError: the request failed or the connection broke.
        """
        name = f"GET {httpx.URL(url).path}"
        headers = {"accept": "text/event-stream"}
        timeout = _TIMEOUT.as_dict()
        extensions = {"timeout": timeout}
        with (
            _explained(name, acts=False),
            self._client.stream("GET", url, headers=headers, extensions=extensions) as reply,
        ):
            if reply.status_code >= 400:
                reply.read()
            self._check(name, reply)
            timeout["read"] = None if follow else _PAUSE  # from the first event on
            try:
                yield from _events(reply.iter_lines())
            except httpx.ReadTimeout:
                if follow:
                    raise

    def upload(self, url: str, file: Path, size: int, uploading: Uploading) -> None:
        """Upload a file of `size` bytes to a URL that the platform gave; the key is not sent.

        A failed attempt is repeated from the first byte, because the object is stored as a whole.

        Raises:
            CloudError: the upload failed.
        """
        headers = {"content-type": "application/gzip", "content-length": str(size)}

        def send() -> None:
            with file.open("rb") as stream, _explained("the upload", acts=True):
                reply = self._bare.put(url, content=_chunks(stream, uploading), headers=headers)
            self._check("the upload", reply)

        _repeated(send)

    def _send(self, name: str, method: str, url: str, **more: Any) -> httpx.Response:
        with _explained(name, acts=method != "GET"):
            reply = self._client.request(method, url, **more)
        self._check(name, reply)
        return reply

    def _check(self, name: str, reply: httpx.Response) -> None:
        """Raise if the status of an answer is that of a failure."""
        status = reply.status_code
        if status < 300:
            return
        text = self._without_key(_reason(reply))
        match status:
            case 401 | 403:
                trouble, says = Trouble.KEY, "the platform refuses the key"
            case 404:
                trouble, says = Trouble.MISSING, "there is no such thing"
            case 410:
                trouble, says = Trouble.RETIRED, "the platform has retired this API"
            case 429:
                trouble, says = Trouble.BUSY, "the platform gets too many requests"
            case status if status >= 500:
                trouble, says = Trouble.BROKEN, "the platform has failed"
            case _:
                trouble, says = Trouble.REFUSED, "the platform refuses it"
        told = f"{name}: {says} (status {status}{': ' + text if text else ''})"
        raise CloudError(trouble, told, wait=_wait(reply), may_have_acted=status >= 500)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _repeated(send: Callable[[], _T]) -> _T:
    """Call a function up to five times, with growing random pauses, while a failure may pass."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, CloudError) and error.trouble in _WORTH_REPEATING
        ),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=_pause,
        reraise=True,
    )
    return retrying(send)


_growing = wait_random_exponential(multiplier=0.2, max=5.0)


def _pause(state: tenacity.RetryCallState) -> float:
    """Return the seconds before the next attempt: what the server asks for, else a random pause."""
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, CloudError) and error.wait is not None:
        return min(error.wait, _LONGEST_WAIT)
    return _growing(state)


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
            text = f"{name}: the platform's certificate is not one that this machine trusts"
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
    except httpx.DecodingError as error:
        raise CloudError(
            Trouble.BROKEN, f"{name}: the answer is not readable", may_have_acted=acts
        ) from error


def _json(name: str, reply: httpx.Response) -> Any:
    """Return the JSON of an answer."""
    try:
        return reply.json()
    except (ValueError, RecursionError) as error:
        raise CloudError(
            Trouble.BROKEN, f"{name}: the answer is not JSON", may_have_acted=True
        ) from error


def _data(name: str, document: Any) -> dict[str, Any]:
    """Return the `data` of an answer of GraphQL."""
    if not isinstance(document, dict):
        raise CloudError(
            Trouble.BROKEN, f"{name}: the answer has another form", may_have_acted=True
        )
    errors = document.get("errors")
    if errors:
        text = "; ".join(
            str(error.get("message", error)) if isinstance(error, dict) else str(error)
            for error in (errors if isinstance(errors, list) else [errors])
        )[:_SHORT]
        if _PASSING.search(text):
            raise CloudError(Trouble.BROKEN, f"{name}: {text}", may_have_acted=True)
        missing = "not found" in text.lower()
        raise CloudError(Trouble.MISSING if missing else Trouble.REFUSED, f"{name}: {text}")
    data = document.get("data")
    if not isinstance(data, dict):
        raise CloudError(Trouble.BROKEN, f"{name}: the answer has no data", may_have_acted=True)
    return data


def _reason(reply: httpx.Response) -> str:
    """Return what an answer says about its failure, in one short line."""
    try:
        document = reply.json()
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        parts = [document.get("detail") or document.get("error") or document.get("message") or ""]
        more = document.get("errors")
        parts += more if isinstance(more, list) else []
        text = "; ".join(str(p.get("message", p) if isinstance(p, dict) else p) for p in parts if p)
    else:
        is_text = reply.headers.get("content-type", "").startswith("text/plain")
        text = reply.text if is_text else ""
    return " ".join(text.split())[:_SHORT]


def _wait(reply: httpx.Response) -> float | None:
    """Return the seconds after which the server may be asked again (`Retry-After`, `RateLimit`)."""
    after: str = reply.headers.get("retry-after", "")
    if after.isdecimal():
        return float(after)
    if reply.status_code != 429:
        return None
    reset = _RESET.search(reply.headers.get("ratelimit", ""))
    return float(reset[1]) if reset else None
