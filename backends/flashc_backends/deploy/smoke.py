"""Make the smoke calls of a project, and say which of them its new release does not answer as declared."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from msgspec import Struct

from flashc_backends.base import Progress, Silent
from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Answer, Endpoint
from flashc_backends.cloud.pace import STANDARD, Pace
from flashc_backends.cloud.port import Cloud
from flashc_core.documents import parse_json
from flashc_ir.smoke import SmokeCall, SmokeJob, SmokeRequest

_PARALLEL = 8  # calls at once
_SHOWN = 300  # characters of an answer
_SILENCE = 10.0  # seconds until the state of a job must be told
_WAIT = 5000  # ms that the queue waits for the result of a job
_NOT_READY = 503  # the status if no worker is there in time
_BUSY, _BROKEN = 429, 500  # statuses of answers that may pass; those from 500 on
_PASSING = frozenset((Trouble.UNREACHABLE, Trouble.SILENT))
_UNFINISHED = ("IN_QUEUE", "IN_PROGRESS")
_SILENT = Silent()


class SmokeResult(Struct, frozen=True, kw_only=True):
    """What came of a call; `problem` is "" if the answer is as declared, or if the call was not made."""

    call: SmokeCall
    problem: str = ""
    is_made: bool = True


def make_calls(
    cloud: Cloud,
    calls: Iterable[SmokeCall],
    endpoints: Mapping[str, Endpoint],
    pace: Pace = STANDARD,
    progress: Progress = _SILENT,
) -> tuple[SmokeResult, ...]:
    """Make calls, several at once, and return what came of each, in their order.

    `endpoints` has endpoints by resource name; calls of others are not made.
    """
    results: list[SmokeResult] = []
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for result in pool.map(partial(_make, cloud, endpoints, pace), calls):
            results.append(result)
            progress.advance(1)
    return tuple(results)


def _make(
    cloud: Cloud, endpoints: Mapping[str, Endpoint], pace: Pace, call: SmokeCall
) -> SmokeResult:
    """Make one call."""
    endpoint = endpoints.get(call.resource)
    if endpoint is None:
        return SmokeResult(call=call, is_made=False)
    try:
        match call.call:
            case SmokeJob() as job:
                problem = _run_job(cloud, endpoint, job, call, pace)
            case SmokeRequest() as request:
                problem = _send_request(cloud, endpoint, request, call, pace)
    except CloudError as error:
        problem = f"there is no answer: {error}"
    return SmokeResult(call=call, problem=problem)


def _send_request(
    cloud: Cloud, endpoint: Endpoint, request: SmokeRequest, call: SmokeCall, pace: Pace
) -> str:
    """Send a request to a load balancer; return what is wrong with the answer.

    It is sent again as long as no worker is ready.
    """
    until = time.monotonic() + call.seconds
    while True:
        answer = cloud.call(
            endpoint, request.method, request.path, request.body, seconds=call.seconds
        )
        if answer.status != _NOT_READY or request.status == _NOT_READY or time.monotonic() > until:
            break
        time.sleep(pace.watch[1])
    if request.status is None:
        is_right, wanted = 200 <= answer.status < 300, "one of success"
    else:
        is_right, wanted = answer.status == request.status, str(request.status)
    if not is_right:
        return f"the status is {answer.status}, not {wanted}: {_shown(answer.body)}"
    return _misfit(answer.body, call)


def _run_job(cloud: Cloud, endpoint: Endpoint, job: SmokeJob, call: SmokeCall, pace: Pace) -> str:
    """Run a job; return what is wrong with its result.  A job that takes too long is cancelled."""
    until = time.monotonic() + call.seconds
    # The platform discards a job with an empty input.
    given = job.input or {"__empty": True}
    wait = int(min(_WAIT, max(call.seconds * 1000, 1000)))
    answer = cloud.call(
        endpoint, "POST", f"/runsync?wait={wait}", {"input": given}, seconds=_SILENCE + wait / 1000
    )
    if answer.status != 200:
        return f"the job is not accepted, status {answer.status}: {_shown(answer.body)}"
    state = _state(answer)
    job_id = str(state.get("id"))
    pause = pace.watch[0]
    while state.get("status") in _UNFINISHED and time.monotonic() < until:
        time.sleep(pause)
        pause = min(pause * 1.5, pace.watch[1])
        state = _looked_up(cloud, endpoint, job_id) or state
    status = state.get("status")
    if status in _UNFINISHED:
        cloud.call(endpoint, "POST", f"/cancel/{job_id}", seconds=_SILENCE)
        return f"the job is not done after {call.seconds:g} seconds"
    if status != "COMPLETED":
        return f"the job is {status}: {_reason(state.get('error', state.get('output')))}"
    return _misfit(state.get("output"), call)


def _looked_up(cloud: Cloud, endpoint: Endpoint, job: str) -> dict[str, Any]:
    """Return what the queue says of a job now; {} if it does not answer, which may pass."""
    try:
        answer = cloud.call(endpoint, "GET", f"/status/{job}", seconds=_SILENCE)
    except CloudError as error:
        if error.trouble in _PASSING:
            return {}
        raise
    return {} if answer.status == _BUSY or answer.status >= _BROKEN else _state(answer)


def _state(answer: Answer) -> dict[str, Any]:
    """Return what the queue says of a job."""
    return answer.body if isinstance(answer.body, dict) else {}


def _reason(error: object) -> str:
    """Return the message of a failed job: that of the exception, if the worker has told one."""
    try:
        record = parse_json(error) if isinstance(error, str) else error
    except ValueError:
        record = None
    if isinstance(record, dict) and "error_message" in record:
        kind = str(record.get("error_type", "")).removeprefix("<class '").removesuffix("'>")
        return _short(f"{kind}: {record['error_message']}")
    return _shown(error)


def _misfit(found: object, call: SmokeCall) -> str:
    """Return how an answer differs from the declared one; "" if it does not."""
    if call.output is None or _are_equal(found, call.output):
        return ""
    return f"the answer is {_shown(found)}, not {_shown(call.output)}"


def _are_equal(found: object, wanted: object) -> bool:
    """Return whether two values are the same JSON; other than in Python, `true` is not 1."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = found.keys()
        return keys == wanted.keys() and all(_are_equal(found[key], wanted[key]) for key in keys)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_are_equal, found, wanted))
    return isinstance(found, bool) == isinstance(wanted, bool) and found == wanted


def _shown(value: object) -> str:
    """Return an answer for a message."""
    return _short(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
