"""Run a job with the handler of an artifact, as the platform's worker SDK does: facts are those of `runpod` 1.7 to 1.9."""

from __future__ import annotations

import inspect
import json
import traceback
from collections.abc import Callable
from typing import Any

Body = dict[str, Any]


async def run_job(handler: Any, job: Body, put: Callable[[Any], None]) -> Body:
    """Run a job and return its `output` or `error`; `put` gets each item of a generator."""
    streams = inspect.isasyncgenfunction(handler)
    return await (_run_generator if streams else _run_function)(handler, job, put)


async def _run_function(handler: Any, job: Body, _put: Callable[[Any], None]) -> Body:
    """Run a job whose handler returns the output, or an awaitable of it."""
    try:
        found = handler(job)
        output = await found if inspect.isawaitable(found) else found
    except Exception as error:  # what the user's code raises is the answer
        return {"error": error_record(error, traceback.format_exc())}
    body: Body = {"output": output}
    if isinstance(output, dict):
        kept: Body = {k: v for k, v in output.items() if k not in ("error", "refresh_worker")}
        body = {"output": kept} if kept else {}
        if output.get("error"):
            body["error"] = output["error"]
    return body


async def _run_generator(handler: Any, job: Body, put: Callable[[Any], None]) -> Body:
    """Run a job whose handler yields the parts of the output."""
    items: list[Any] = []
    try:
        async for item in handler(job):
            if isinstance(item, dict) and item.get("error"):
                return {"error": str(item["error"])}
            items.append(item)
            put(item)
    except Exception as error:  # what the user's code raises is the answer
        return {"error": f"handler: {error} \ntraceback: {traceback.format_exc()}"}
    return {"output": items}


def error_record(error: BaseException, shown: str = "") -> str:
    """Return an exception as the worker SDK reports one; `shown` is its traceback."""
    record = {"error_type": str(type(error)), "error_message": str(error)}
    return json.dumps({**record, "error_traceback": shown} if shown else record)
