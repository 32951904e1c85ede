"""Read the answers of a platform: their status, headers and errors."""

from __future__ import annotations

import json as encoding
import re
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from .errors import CloudError, Trouble

_SHORT = 300  # characters of an answer that an error shows
_PASSING = re.compile(
    "try again later|internal server error|service unavailable|too many requests"
    "|temporarily unavailable",
    re.IGNORECASE,
)
_ABSENT = re.compile("cannot query field|unknown (argument|type)", re.IGNORECASE)
_QUOTA = re.compile(r"\bquotas?\b|\b(account|spend) limit\b", re.IGNORECASE)
_WINDOW = re.compile(r"\br=(\d+)\s*;\s*t=(\d+)")
_RESET = re.compile(r"\b(?:t|reset)=(\d+)")
_LEAST_SECRET = 4  # characters; shorter values are not worth hiding, and hide everything else
_VALUE = "value"  # the key of a value in variables and secrets


def check_status(
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
        case _ if _QUOTA.search(text):
            trouble, says = Trouble.QUOTA, "the account may not have more"
        case _ if _ABSENT.search(text):
            trouble, says = Trouble.ABSENT, "the platform does not have this operation"
        case _:
            trouble, says = Trouble.REFUSED, "the platform refuses it"
    told = f"{name}: {says} (status {status}{': ' + text if text else ''})"
    wait = _wait(reply)
    if wait is not None:
        told += f"; it may be asked again in {wait:.0f} s"
    raise CloudError(trouble, told, wait=wait, may_have_acted=status >= 500)


def json_of(name: str, reply: httpx.Response) -> Any:
    """Return the JSON of an answer."""
    try:
        return reply.json()
    except (ValueError, RecursionError) as error:
        raise CloudError(
            Trouble.BROKEN, f"{name}: the answer is not JSON", may_have_acted=True
        ) from error


def graphql_data(name: str, document: Any, hidden: Iterable[str]) -> dict[str, Any]:
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
            else Trouble.QUOTA
            if _QUOTA.search(text)
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


def secret_values(document: Any) -> Iterator[str]:
    """Yield the values of variables and secrets that a request has."""
    if isinstance(document, Mapping):
        for name, part in document.items():
            if name == _VALUE and isinstance(part, str):
                yield part
            else:
                yield from secret_values(part)
    elif isinstance(document, list):
        for part in document:
            yield from secret_values(part)


def date_of(reply: httpx.Response) -> float | None:
    """Return when the server has sent an answer, by its own clock; None if it does not say that."""
    return _http_date(reply.headers.get("date", ""))


def _http_date(text: str) -> float | None:
    """Return a date of HTTP in seconds since the epoch; None if the text is no date."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _wait(reply: httpx.Response) -> float | None:
    """Return the seconds after which the server may be asked again (`Retry-After`, `RateLimit`)."""
    after: str = reply.headers.get("retry-after", "").strip()
    if after.isdecimal():
        return float(after)
    until, now = _http_date(after), date_of(reply)
    if until is not None and now is not None:
        return max(until - now, 0.0)
    if reply.status_code != 429:
        return None
    # There may be several windows, such as a minute and a day; one with no request left is decisive.
    limit = reply.headers.get("ratelimit", "")
    ended = [float(reset) for left, reset in _WINDOW.findall(limit) if not int(left)]
    if ended:
        return max(ended)
    found = _RESET.search(limit)
    return float(found[1]) if found else None
