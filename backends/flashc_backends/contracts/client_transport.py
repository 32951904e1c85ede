"""Send the requests of a generated client: jobs of queues, and requests to routes.

This file is a part of the package that `flashc emit --target client` writes; it needs httpx alone.
"""

from __future__ import annotations

import asyncio
import enum
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import quote

import httpx

_QUEUES = "https://api.runpod.ai/v2"
_BALANCERS = "https://{}.api.runpod.ai"
_CONTROL = ("method", "__empty", "__arguments")
_WAITING = ("IN_QUEUE", "IN_PROGRESS")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds between two questions for a job


class Unset(enum.Enum):
    """The type of `UNSET`, which stands for an argument that is not sent."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class ApiError(Exception):
    """An endpoint refuses a request, or can't answer it; `status` is that of HTTP.

    `body` is the text of the answer, and `data` what it means if it is JSON, else None.
    """

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"the endpoint answers with the status {status}: {body[:500]}")
        self.status = status
        self.body = body
        self.data = _parsed(body)


class JobFailed(Exception):
    """A job has not given a result; `status` is that of the job, `error` what the platform says of it.

    If the code of the endpoint has raised an exception, `type` is the name of its class, `message` its
    text, and `traceback` where it was raised; else `type` and `traceback` are empty.
    """

    def __init__(self, job: str, status: str, error: Any) -> None:
        said = _parsed(error) if isinstance(error, str) else error
        record: Mapping[str, Any] = (
            cast("Mapping[str, Any]", said) if isinstance(said, dict) else {}
        )
        self.job = job
        self.status = status
        self.error = error
        self.type = str(record.get("error_type", "")).removeprefix("<class '").removesuffix("'>")
        self.message = str(record.get("error_message", "" if error is None else error))
        self.traceback = str(record.get("error_traceback", ""))
        super().__init__(f"the job {job} is {status}: {self.message}")


def _parsed(text: str) -> Any:
    """Return the data of a JSON text; None if it is another text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class Settings:
    """Where the endpoints are, and how to reach them.

    `endpoints` has the id or the URL of each endpoint by its name; for an endpoint that it does not name,
    the name is the id.  `timeout` is in seconds, and that of a whole call.
    """

    def __init__(
        self, api_key: str | None, endpoints: Mapping[str, str] | None, timeout: float
    ) -> None:
        self.api_key = api_key or os.environ.get("RUNPOD_API_KEY", "")
        self.endpoints = dict(endpoints or {})
        self.timeout = timeout

    def url(self, name: str, *, is_queue: bool) -> str:
        """Return the URL of an endpoint."""
        found = self.endpoints.get(name, name)
        if "://" in found:
            return found.rstrip("/")
        return f"{_QUEUES}/{found}" if is_queue else _BALANCERS.format(found)

    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are sent."""
    return {name: value for name, value in values.items() if value is not UNSET}


def input_of(values: Mapping[str, Any], method: str | None) -> dict[str, Any]:
    """Return the input of a job."""
    sent = given(values)
    control = {} if method is None else {"method": method}
    if any(key in sent for key in _CONTROL):
        return {**control, "__arguments": sent}
    return {**control, **(sent or {"__empty": True})}


def text_of(value: Any) -> str:
    """Return a value as a part of a path."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(str(value), safe="")


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a query or of headers; None is not sent."""
    return {name: value for name, value in given(values).items() if value is not None}


def _header_texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in _texts(values).items()}


def _answer(reply: httpx.Response) -> Any:
    """Return the data of an answer: of JSON, of a text, or bytes.

    Raises:
        ApiError: the endpoint refuses the request, or can't answer it.
    """
    if reply.status_code >= 400:
        raise ApiError(reply.status_code, reply.text)
    kind = reply.headers.get("content-type", "").partition(";")[0]
    if not reply.content:
        return None
    if kind.endswith("json"):
        return reply.json()
    return reply.text if kind.startswith("text/") or kind.endswith("jsonl") else reply.content


def _result(job: Mapping[str, Any]) -> Any:
    """Return the output of a job that has ended.

    Raises:
        JobFailed: it has no output.
    """
    if job["status"] != "COMPLETED":
        raise JobFailed(job.get("id", ""), job["status"], job.get("error"))
    return job.get("output")


class Transport:
    """Sends requests, and waits for the answers."""

    def __init__(self, settings: Settings, http: httpx.Client | None) -> None:
        self.settings = settings
        self._http = http or httpx.Client(timeout=settings.timeout)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send(self, method: str, url: str, **more: Any) -> Any:
        headers = {**self.settings.headers(), **more.pop("headers", {})}
        return _answer(self._http.request(method, url, headers=headers, **more))

    def job(self, endpoint: str, values: Mapping[str, Any], method: str | None) -> Any:
        """Run a job, and return its output."""
        url = self.settings.url(endpoint, is_queue=True)
        end = time.monotonic() + self.settings.timeout
        job = self._send("POST", f"{url}/runsync", json={"input": input_of(values, method)})
        pause = _FIRST_PAUSE
        while job["status"] in _WAITING and time.monotonic() < end:
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            job = self._send("GET", f"{url}/status/{job['id']}")
        return _result(job)

    def parts(self, endpoint: str, values: Mapping[str, Any], method: str | None) -> Iterator[Any]:
        """Run a job, and yield the parts of its output as they come."""
        url = self.settings.url(endpoint, is_queue=True)
        end = time.monotonic() + self.settings.timeout
        job = self._send("POST", f"{url}/run", json={"input": input_of(values, method)})
        pause, status = _FIRST_PAUSE, "IN_QUEUE"
        while status in _WAITING and time.monotonic() < end:
            found = self._send("GET", f"{url}/stream/{job['id']}")
            status = found["status"]
            pause = _FIRST_PAUSE if found["stream"] else min(pause * 1.5, _LONGEST_PAUSE)
            yield from (part["output"] for part in found["stream"])
            if status in _WAITING:
                time.sleep(pause)
        _result(self._send("GET", f"{url}/status/{job['id']}"))

    def request(
        self,
        endpoint: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any],
        headers: Mapping[str, Any],
        cookies: Mapping[str, Any],
        body: Mapping[str, Any],
    ) -> Any:
        """Send a request to a route, and return the data of the answer.

        `body` contains arguments for httpx, such as `json`.
        """
        url = self.settings.url(endpoint, is_queue=False) + path
        texts = {**_header_texts(headers), **_cookie_header(cookies)}
        return self._send(method, url, params=_texts(query), headers=texts, **given(body))


class AsyncTransport:
    """Sends requests, and waits for the answers without blocking."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient | None) -> None:
        self.settings = settings
        self._http = http or httpx.AsyncClient(timeout=settings.timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, method: str, url: str, **more: Any) -> Any:
        headers = {**self.settings.headers(), **more.pop("headers", {})}
        return _answer(await self._http.request(method, url, headers=headers, **more))

    async def job(self, endpoint: str, values: Mapping[str, Any], method: str | None) -> Any:
        """Run a job, and return its output."""
        url = self.settings.url(endpoint, is_queue=True)
        end = time.monotonic() + self.settings.timeout
        job = await self._send("POST", f"{url}/runsync", json={"input": input_of(values, method)})
        pause = _FIRST_PAUSE
        while job["status"] in _WAITING and time.monotonic() < end:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            job = await self._send("GET", f"{url}/status/{job['id']}")
        return _result(job)

    async def parts(
        self, endpoint: str, values: Mapping[str, Any], method: str | None
    ) -> AsyncIterator[Any]:
        """Run a job, and yield the parts of its output as they come."""
        url = self.settings.url(endpoint, is_queue=True)
        end = time.monotonic() + self.settings.timeout
        job = await self._send("POST", f"{url}/run", json={"input": input_of(values, method)})
        pause, status = _FIRST_PAUSE, "IN_QUEUE"
        while status in _WAITING and time.monotonic() < end:
            found = await self._send("GET", f"{url}/stream/{job['id']}")
            status = found["status"]
            pause = _FIRST_PAUSE if found["stream"] else min(pause * 1.5, _LONGEST_PAUSE)
            for part in found["stream"]:
                yield part["output"]
            if status in _WAITING:
                await asyncio.sleep(pause)
        _result(await self._send("GET", f"{url}/status/{job['id']}"))

    async def request(
        self,
        endpoint: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any],
        headers: Mapping[str, Any],
        cookies: Mapping[str, Any],
        body: Mapping[str, Any],
    ) -> Any:
        """Send a request to a route, and return the data of the answer.

        `body` contains arguments for httpx, such as `json`.
        """
        url = self.settings.url(endpoint, is_queue=False) + path
        texts = {**_header_texts(headers), **_cookie_header(cookies)}
        return await self._send(method, url, params=_texts(query), headers=texts, **given(body))


def _cookie_header(cookies: Mapping[str, Any]) -> dict[str, str]:
    """Return the header `Cookie` for these cookies; {} if there are none."""
    texts = [f"{name}={value}" for name, value in _header_texts(cookies).items()]
    return {"Cookie": "; ".join(texts)} if texts else {}
