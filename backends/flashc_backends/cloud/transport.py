"""Send requests to a platform: with its key, time limits and retries, and with errors of one kind."""

from __future__ import annotations

import json as encoding
import re
import ssl
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import httpx
import tenacity
from tenacity.wait import wait_random_exponential

from .errors import CloudError, Trouble
from .pace import STANDARD, Pace
from .port import Uploading

_T = TypeVar("_T")
_CHUNK = 1024**2  # bytes of an upload
_PAUSE = 0.5  # seconds
_SHORT = 300  # characters of an answer that an error shows
_PASSING = re.compile(
    "try again later|internal server error|service unavailable|too many requests"
    "|temporarily unavailable",
    re.IGNORECASE,
)
_ABSENT = re.compile("cannot query field|unknown (argument|type)", re.IGNORECASE)
_RESET = re.compile(r"\b(?:t|reset)=(\d+)")
_LEAST_SECRET = 4  # characters; shorter values are not worth hiding, and hide everything else
_VALUE = "value"  # the key of a value in variables and secrets
_WORTH_REPEATING = frozenset((Trouble.UNREACHABLE, Trouble.SILENT, Trouble.BUSY, Trouble.BROKEN))


class Transport:
    """One pool of connections to a platform, for any number of threads.

    Nothing here prints, logs or keeps the key; errors name requests by their operation or path.
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
        self._growing = wait_random_exponential(multiplier=pace.pause, max=pace.longest_pause)
        timeout = httpx.Timeout(pace.answer, connect=pace.connect)
        trust = httpx.create_ssl_context() if verify is True else verify
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            headers={**headers, "user-agent": user_agent},
            timeout=timeout,
            verify=trust,
            follow_redirects=False,  # a redirect must not take the key to another host
        )
        # It has no key, for the place to which artifacts are uploaded.
        self._bare = httpx.Client(
            headers={"user-agent": user_agent},
            timeout=timeout,
            verify=trust,
            follow_redirects=False,
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

        hidden = (self._key, *_values(variables))

        def send() -> dict[str, Any]:
            body = {"query": query, "variables": dict(variables)}
            reply = self._send(name, hidden, "POST", url, json=body)
            return _data(name, _json(name, reply), hidden)

        return self._repeated(send) if again else send()

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
            reply = self._send(name, (self._key,), method, url, json=json, params=params)
            return _json(name, reply) if reply.content else None

        return self._repeated(send) if again else send()

    def events(self, url: str, *, follow: bool) -> Iterator[tuple[str, str]]:
        """Yield the events of an endless answer (server-sent events) as pairs of id and data.

        Without `follow`, a pause of half a second ends it.

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
            if reply.status_code >= 400:
                reply.read()
            _check(name, reply, (self._key,))
            timeout["read"] = None if follow else _PAUSE  # from the first event on
            try:
                yield from _events(reply.iter_lines())
            except httpx.ReadTimeout:
                if follow:
                    raise

    def upload(self, url: str, file: Path, size: int, uploading: Uploading) -> None:
        """Upload a file of `size` bytes to a URL that the platform gave; the key is not sent.

        A failed attempt is repeated from the first byte, because the object is stored as a whole.
        Whoever knows the URL may upload, so no error shows it.

        Raises:
            CloudError: the upload failed.
        """
        headers = {"content-type": "application/gzip", "content-length": str(size)}

        def send() -> None:
            sent = _Sent(uploading)
            try:
                with file.open("rb") as stream, _explained("the upload", acts=True):
                    content = _chunks(stream, sent)
                    reply = self._bare.put(url, content=content, headers=headers)
                _check("the upload", reply, (url, *url.split("?")[1:]), with_key=False)
            except CloudError:
                sent.take_back()
                raise

        self._repeated(send)

    def _send(
        self, name: str, hidden: Iterable[str], method: str, url: str, **more: Any
    ) -> httpx.Response:
        with _explained(name, acts=method != "GET"):
            reply = self._client.request(method, url, **more)
        _check(name, reply, hidden)
        return reply

    def _repeated(self, send: Callable[[], _T]) -> _T:
        """Call a function several times, with growing random pauses, while a failure may pass."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, CloudError) and error.trouble in _WORTH_REPEATING
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
            return min(error.wait, self._pace.longest_asked)
        return self._growing(state)


class _Sent:
    """Counts what one attempt of an upload has sent, so that the next attempt can begin at zero."""

    def __init__(self, uploading: Uploading) -> None:
        self._uploading = uploading
        self._amount = 0

    def advance(self, amount: int = 0) -> None:
        """Count more bytes."""
        self._amount += amount
        self._uploading.advance(amount)

    def take_back(self) -> None:
        """Say that nothing is sent."""
        self._uploading.advance(-self._amount)


def _check(
    name: str, reply: httpx.Response, hidden: Iterable[str], *, with_key: bool = True
) -> None:
    """Raise if the status of an answer is that of a failure.

    The error shows none of the texts `hidden`.  `with_key`: the request had the key.
    """
    status = reply.status_code
    if status < 300:
        return
    text = _short(_reason(reply), hidden)
    match status:
        case 401 | 403 if with_key:
            trouble, says = Trouble.KEY, "the platform refuses the key"
        case 404:
            trouble, says = Trouble.MISSING, "there is no such thing"
        case 410:
            trouble, says = Trouble.RETIRED, "the platform has retired this API"
        case 429:
            trouble, says = Trouble.BUSY, "the platform gets too many requests"
        case status if status >= 500:
            trouble, says = Trouble.BROKEN, "the platform has failed"
        case _ if _ABSENT.search(text):
            trouble, says = Trouble.ABSENT, "the platform does not have this operation"
        case _:
            trouble, says = Trouble.REFUSED, "the platform refuses it"
    told = f"{name}: {says} (status {status}{': ' + text if text else ''})"
    raise CloudError(trouble, told, wait=_wait(reply), may_have_acted=status >= 500)


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
    except (httpx.InvalidURL, UnicodeError) as error:
        raise CloudError(Trouble.BROKEN, f"{name}: the URL is wrong") from error
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


def _data(name: str, document: Any, hidden: Iterable[str]) -> dict[str, Any]:
    """Return the `data` of an answer of GraphQL; an error shows none of the texts `hidden`."""
    if not isinstance(document, dict):
        raise CloudError(
            Trouble.BROKEN, f"{name}: the answer has another form", may_have_acted=True
        )
    errors = document.get("errors")
    if errors:
        whole = "; ".join(
            str(error.get("message", error)) if isinstance(error, dict) else str(error)
            for error in (errors if isinstance(errors, list) else [errors])
        )
        text = _short(whole, hidden)
        if _PASSING.search(text):
            raise CloudError(Trouble.BROKEN, f"{name}: {text}", may_have_acted=True)
        trouble = (
            Trouble.MISSING
            if "not found" in text.lower()
            else Trouble.ABSENT
            if _ABSENT.search(text)
            else Trouble.REFUSED
        )
        raise CloudError(trouble, f"{name}: {text}")
    data = document.get("data")
    if not isinstance(data, dict):
        raise CloudError(Trouble.BROKEN, f"{name}: the answer has no data", may_have_acted=True)
    return data


def _reason(reply: httpx.Response) -> str:
    """Return what an answer says about its failure."""
    try:
        document = reply.json()
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        parts = [document.get("detail") or document.get("error") or document.get("message") or ""]
        more = document.get("errors")
        parts += more if isinstance(more, list) else []
        return "; ".join(str(p.get("message", p) if isinstance(p, dict) else p) for p in parts if p)
    is_text = reply.headers.get("content-type", "").startswith("text/plain")
    return reply.text if is_text else ""


def _short(text: str, hidden: Iterable[str]) -> str:
    """Return a text as one short line, without the texts `hidden`, also where they are escaped."""
    for secret in sorted(hidden, key=len, reverse=True):
        for form in (secret, encoding.dumps(secret)[1:-1], repr(secret)[1:-1]):
            if len(form) >= _LEAST_SECRET:
                text = text.replace(form, "***")
    return " ".join(text.split())[:_SHORT]


def _values(document: Any) -> Iterator[str]:
    """Yield the values of variables and secrets that a request has."""
    if isinstance(document, Mapping):
        for name, part in document.items():
            if name == _VALUE and isinstance(part, str):
                yield part
            else:
                yield from _values(part)
    elif isinstance(document, list):
        for part in document:
            yield from _values(part)


def _wait(reply: httpx.Response) -> float | None:
    """Return the seconds after which the server may be asked again (`Retry-After`, `RateLimit`)."""
    after: str = reply.headers.get("retry-after", "")
    if after.isdecimal():
        return float(after)
    if reply.status_code != 429:
        return None
    reset = _RESET.search(reply.headers.get("ratelimit", ""))
    return float(reset[1]) if reset else None
