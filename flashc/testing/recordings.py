"""Keep answers of endpoints in a file, and answer jobs and requests from it: tests then need no GPU and no cloud."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import httpx
import msgspec
from msgspec import UNSET, Struct, UnsetType

from flashc_backends.runtime.errors import RemoteError
from flashc_core.credentials import has_credentials, looks_like_credential
from flashc_core.files import write_file

from .jobs import Body, error_record
from .recorded_requests import recorded_response, response_of

_T = TypeVar("_T")
_SECRET_LENGTH = 8  # characters; shorter values of variables occur in harmless texts
_SHOWN, _LISTED = 300, 3  # characters of arguments, and number of recorded calls, in a message
_RECORD = (
    "record it with `pytest --flash-record=local`, `--flash-record=app`, or the name of the environment that it is "
    "deployed to"
)

Ask = Callable[[str, str, Any], Any]
"""A function that calls an endpoint: it gets the endpoint's name, the function's name and the input."""
KeyOf = Callable[[str, Any], tuple[str, Any]]
"""A function that returns the function's name and the arguments for the input of an endpoint's job."""
Send = Callable[[str, httpx.Request], httpx.Response]
"""A function that sends a request to the routes of an endpoint, whose name it gets."""
RequestKey = Callable[[str, httpx.Request], tuple[str, Any]]
"""A function that returns the route, and what the request has, for a request to an endpoint."""


class RecordingError(Exception):
    """An answer is not recorded, can't be recorded or is stale, or the file of recordings can't be used."""


class Failure(Struct, frozen=True, forbid_unknown_fields=True):
    """An exception that an endpoint raised: the qualified name of its class, and its message."""

    type: str
    message: str


class Recording(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An answer: either `output` or `error` is set.

    `function` is a function, a method, or a route as in `GET /items/{number}`.  `contract` changes with the
    contract of the function; it is empty if no code of the app runs it.
    """

    endpoint: str
    function: str
    arguments: Any
    contract: str = ""
    output: Any | UnsetType = UNSET
    error: Failure | UnsetType = UNSET

    @property
    def key(self) -> tuple[str, str, str]:
        """The key of the answer: endpoint, function, and arguments as text."""
        return self.endpoint, self.function, canonical(self.arguments)


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    version: Literal[1]
    answers: tuple[Recording, ...]


def name_of(endpoint: str, function: str) -> str:
    """Return how messages name a function or a route of an endpoint."""
    if not function:
        return endpoint
    return f"{endpoint}, {function if ' ' in function else f'{function}()'}"


def canonical(data: Any) -> str:
    """Return JSON text that is equal for equal JSON data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Recordings:
    """The answers in a file; `secrets` are texts that must not be in it, but those shorter than 8 characters are ignored."""

    def __init__(self, path: Path, secrets: Iterable[str] = ()) -> None:
        self._path = path
        self._secrets = tuple(text for text in secrets if len(text) >= _SECRET_LENGTH)
        self._lock = threading.Lock()
        self._answers = {each.key: each for each in self._read()}
        self._is_changed = False

    def _read(self) -> tuple[Recording, ...]:
        """Return the answers in the file; none if there is no file.

        Raises:
            RecordingError: the file can't be used.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise RecordingError(f"{self._path} can't be read: {error.strerror}") from error
        try:
            return msgspec.json.decode(data, type=_File).answers
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecordingError(
                f"{self._path} is no file of recorded answers: {error}; correct it, or delete it and record again"
            ) from error

    def find(self, endpoint: str, function: str, arguments: Any) -> Recording:
        """Return the answer to a call.

        Raises:
            RecordingError: it is not recorded; the message says how to record it.
        """
        found = self._answers.get((endpoint, function, canonical(arguments)))
        if found is None:
            raise RecordingError(
                f"{self._path.name} has no answer of {name_of(endpoint, function)} for "
                f"{canonical(arguments)[:_SHOWN]}; {self._what_is_recorded(endpoint, function)}; {_RECORD}"
            )
        return found

    def _what_is_recorded(self, endpoint: str, function: str) -> str:
        """Return what is recorded of a function, else of its endpoint."""
        own = [each for each in self.of(endpoint) if each.function == function]
        if own:
            given = [canonical(each.arguments)[:_SHOWN] for each in own[:_LISTED]]
            more = f" and {len(own) - _LISTED} more" if len(own) > _LISTED else ""
            return f"its recorded arguments are {', '.join(given)}{more}"
        others = dict.fromkeys(name_of(endpoint, each.function) for each in self.of(endpoint))
        return f"recorded are answers of {', '.join(others)}" if others else "none is recorded"

    def of(self, endpoint: str) -> tuple[Recording, ...]:
        """Return the answers of an endpoint."""
        return tuple(self._answers[key] for key in sorted(self._answers) if key[0] == endpoint)

    def remove(self, recordings: Iterable[Recording]) -> None:
        """Remove answers."""
        with self._lock:
            for recording in recordings:
                self._is_changed |= self._answers.pop(recording.key, None) is not None

    def add(self, recording: Recording) -> None:
        """Add an answer, or replace it.

        Raises:
            RecordingError: it has a text that looks like a credential, or contains a secret of this machine.
        """
        shown = {**msgspec.to_builtins(recording), "contract": ""}  # a digest is no credential
        parts = (recording.arguments, shown)
        secret = next((path for part in parts for path in self._find_secrets(part, "")), None)
        if secret is not None:
            raise RecordingError(
                f"the answer of {recording.endpoint} is not recorded, because a credential would be in the file: "
                f"{secret}; let the test send a placeholder, or leave the value out of the result"
            )
        with self._lock:
            self._answers[recording.key] = recording
            self._is_changed = True

    def _find_secrets(self, data: Any, path: str) -> Iterator[str]:
        """Yield the places of texts that look like credentials, or contain a secret of this machine."""
        if isinstance(data, Mapping):
            for name, value in cast("Mapping[str, Any]", data).items():
                yield from self._find_secrets(name, path)
                texts: list[Any] = value if isinstance(value, list) else [value]
                if any(isinstance(t, str) and looks_like_credential(str(name), t) for t in texts):
                    yield f"{path}.{name}".lstrip(".")
                else:
                    yield from self._find_secrets(value, f"{path}.{name}")
        elif isinstance(data, (list, tuple)):
            for number, value in enumerate(cast("list[Any]", data)):
                yield from self._find_secrets(value, f"{path}[{number}]")
        elif isinstance(data, str):
            if has_credentials(data) or any(secret in data for secret in self._secrets):
                yield path.lstrip(".")

    def save(self) -> None:
        """Write the file if the answers have changed; they are sorted, so that a diff is easy to review.

        Raises:
            OSError: the file can't be written.
        """
        if not self._is_changed:
            return
        answers = tuple(self._answers[key] for key in sorted(self._answers))
        document = msgspec.to_builtins(_File(version=1, answers=answers))
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_file(self._path, text.encode())


class Calls(Struct, frozen=True, kw_only=True):
    """Functions that name a call, and functions that get an answer to record (`ask`, `send`; None if nothing is recorded).

    `digest_of` returns the contract of a function, and `problem_of` why a recorded answer is stale.
    """

    key_of: KeyOf
    request_key: RequestKey
    ask: Ask | None = None
    send: Send | None = None
    digest_of: Callable[[str, str], str | None] = lambda _endpoint, _function: None
    problem_of: Callable[[Recording], str | None] = lambda _recording: None


class Replay:
    """Answers jobs and requests from recordings; if there is an endpoint to ask, its answers are recorded.

    `problems` are all errors; a test reports them even if the app's code caught them.
    """

    def __init__(self, recordings: Recordings, calls: Calls) -> None:
        self._recordings, self._calls = recordings, calls
        self.problems: list[str] = []

    def answer(self, endpoint: str, given: Any, put: Callable[[Any], None]) -> Future[Body]:
        """Answer a job; `put` gets each item of a list, for clients that read a stream."""
        return self._in_thread(lambda: self._answered(endpoint, given, put))

    def answer_request(self, endpoint: str, request: httpx.Request) -> Future[httpx.Response]:
        """Answer a request to a route."""
        return self._in_thread(lambda: self._response(endpoint, request))

    def _in_thread(self, answered: Callable[[], _T]) -> Future[_T]:
        """Run a function in a thread of its own, and return a future of its result."""
        future: Future[_T] = Future()

        def work() -> None:
            """Give the answer to the future."""
            try:
                future.set_result(answered())
            except BaseException as error:  # the waiting code gets the exception
                self.problems.append(str(error))
                future.set_exception(error)

        threading.Thread(target=work, name="flashc-replay", daemon=True).start()
        return future

    def _answered(self, endpoint: str, given: Any, put: Callable[[Any], None]) -> Body:
        """Return the answer to a job; an error that the caller has to see is an answer too."""
        try:
            body = self._body(endpoint, given)
        except (RecordingError, RemoteError) as error:
            self.problems.append(str(error))
            return {"error": error_record(error)}
        output = body.get("output")
        if isinstance(output, list):
            for item in output:
                put(item)
        return body

    def _body(self, endpoint: str, given: Any) -> Body:
        """Return the answer to a job as the platform shows it.

        Raises:
            RecordingError: there is none, or it can't be recorded.
        """
        function, arguments = self._calls.key_of(endpoint, given)
        ask = self._calls.ask
        if ask is not None:
            self._record(endpoint, function, arguments, lambda: ask(endpoint, function, given))
        found = self._find(endpoint, function, arguments)
        if isinstance(found.error, Failure):
            record = {"error_type": found.error.type, "error_message": found.error.message}
            return {"error": json.dumps(record)}
        return {"output": json.loads(json.dumps(found.output))}

    def _response(self, endpoint: str, request: httpx.Request) -> httpx.Response:
        """Return the answer to a request; its status is 500 after an error of the recordings, the endpoint or httpx."""
        route, arguments = self._calls.request_key(endpoint, request)
        send = self._calls.send
        try:
            if send is not None:
                answer = partial(send, endpoint, request)
                self._record(endpoint, route, arguments, lambda: recorded_response(answer()))
            return response_of(self._find(endpoint, route, arguments).output)
        except (RecordingError, RemoteError, httpx.HTTPError) as error:
            self.problems.append(str(error))
            return httpx.Response(500, json={"detail": str(error)})

    def _find(self, endpoint: str, function: str, arguments: Any) -> Recording:
        """Return the answer to a call.

        Raises:
            RecordingError: there is none, or it is stale.
        """
        found = self._recordings.find(endpoint, function, arguments)
        problem = self._calls.problem_of(found)
        if problem is not None:
            name = name_of(endpoint, function)
            raise RecordingError(
                f"the recorded answer of {name} for {canonical(arguments)[:_SHOWN]} is stale: {problem}; {_RECORD}"
            )
        return found

    def _record(
        self, endpoint: str, function: str, arguments: Any, answer: Callable[[], Any]
    ) -> None:
        """Ask an endpoint, and add its answer to the recordings.

        Raises:
            RecordingError: the answer has a text that looks like a credential, or contains a secret of this machine.
            RemoteError: there is no answer.
        """
        output: Any = UNSET
        error: Failure | UnsetType = UNSET
        try:
            output = answer()
        except RemoteError as raised:
            if not raised.remote_type:  # the call failed, and not the endpoint's code
                raise
            error = Failure(raised.remote_type, str(raised))
        self._recordings.add(
            Recording(
                endpoint=endpoint,
                function=function,
                arguments=arguments,
                contract=self._calls.digest_of(endpoint, function) or "",
                output=output,
                error=error,
            )
        )
