"""What a script can call, and how: values, classes, routes, generators, clients, notebooks, many calls at once."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from tests.support.shop import Shop

BOTH = pytest.mark.parametrize("theirs", [False, True], ids=["flashc", "runpod_flash"])


def script(body: str, *, imports: str = "") -> str:
    """A script whose coroutine `main` has this body, and which prints what `main` returns as JSON."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return (
        f"import asyncio, dataclasses, datetime, json\n{imports}\n"
        f"async def main():\n{lines}\n\nif __name__ == '__main__':\n"
        "    print(json.dumps(asyncio.run(main()), default=str))\n"
    )


def answer(shop: Shop, body: str, *words: str, imports: str = "", **options: Any) -> Any:
    """What a coroutine with this body returns in a script of the project."""
    return shop.answer(
        shop.write("script_of_test.py", script(body, imports=imports)), *words, **options
    )


# Functions and classes ----------------------------------------------------------------------------


@BOTH
def test_arguments_are_passed_by_position_and_by_name(shop: Shop, theirs: bool) -> None:
    body = "return [await run_inference({'a': 1}, 5), await run_inference(scale=6, data={})]"
    found = answer(shop, body, imports="from worker import run_inference", theirs=theirs)
    assert [each["scale"] for each in found] == [5, 6]
    assert [each["data"] for each in found] == [{"a": 1}, {}]


@BOTH
def test_a_plain_function_is_awaited_too(shop: Shop, theirs: bool) -> None:
    imports = "from worker import double"
    assert answer(shop, "return await double(21)", imports=imports, theirs=theirs) == 42


@BOTH
def test_methods_of_a_class_run_on_its_endpoint(shop: Shop, theirs: bool) -> None:
    body = "model = Model()\nreturn [await model.describe('It is'), await model.add(1, b=2)]"
    found = answer(shop, body, imports="from more import Model", theirs=theirs)
    assert found == ["It is small", 3]


def test_a_plain_script_gets_the_result_of_a_plain_function_at_once(shop: Shop) -> None:
    text = "from worker import double\nfrom more import Model\nprint(double(2) + len(Model().describe()))\n"
    assert shop.answer(shop.write("plain.py", text)) == 4 + len("I am small")


def test_values_travel_by_their_annotations(shop: Shop) -> None:
    body = (
        "found = await widen(Box(1, datetime.date(2026, 1, 2)))\n"
        "return [type(found).__name__, found.width, type(found.made).__name__]"
    )
    assert answer(shop, body, imports="from more import *") == ["Box", 2, "date"]


def test_the_function_itself_runs_in_the_script_as_local(shop: Shop) -> None:
    body = "return [double.local(4), await run_inference.local({})]"
    found = answer(shop, body, imports="from worker import *")
    assert found == [8, {"result": "processed", "data": {}, "scale": 2}]


# Failures -------------------------------------------------------------------------------------------


def test_an_exception_keeps_its_type_its_message_and_its_traceback(shop: Shop) -> None:
    body = """
try:
    await order("tea")
except OutOfStock as error:
    assert isinstance(error, RemoteError)
    return [str(error), error.endpoint, error.function, error.remote_type, str(error.__cause__)]
"""
    found = answer(
        shop, body, imports="from more import OutOfStock, order\nfrom flashc import RemoteError"
    )
    assert found[:4] == ["no tea", "order", "order", "more.OutOfStock"]
    assert 'raise OutOfStock(f"no {what}")' in found[4]


def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(shop: Shop) -> None:
    body = """
found = []
for call in (lambda: run_inference(), lambda: run_inference({}, 1, 2), lambda: run_inference({}, other=1)):
    try:
        await call()
    except TypeError as error:
        found.append(str(error))
return found
"""
    missing, surplus, unknown = answer(shop, body, imports="from worker import run_inference")
    assert "missing a required argument: 'data'" in missing
    assert "too many positional arguments" in surplus
    assert "unexpected keyword argument 'other'" in unknown


def test_a_wrong_key_is_named(shop: Shop) -> None:
    done = shop.run(shop.project / "worker.py", RUNPOD_API_KEY="wrong")
    assert done.returncode == 1
    assert "RemoteError: run_inference on 'inference' answered 401" in done.stderr
    assert "RUNPOD_API_KEY" in done.stderr


def test_a_call_can_be_limited_in_time(shop: Shop) -> None:
    body = """
found = []
with flashc.timeout(1.5):
    try:
        await sleep(60)
    except TimeoutError as error:
        found.append(type(error).__name__)
try:
    await asyncio.wait_for(sleep(1), 0.5)
except TimeoutError as error:
    found.append(type(error).__name__)
return found
"""
    found = answer(shop, body, imports="import flashc\nfrom more import sleep")
    assert found == ["RemoteTimeout", "TimeoutError"]


def jobs_of(shop: Shop, endpoint: str) -> int:
    """How many jobs of an endpoint wait or run."""
    with shop.machine.client() as client:
        jobs = client.get(f"/v2/{shop.ids[endpoint]}/health").json()["jobs"]
    return int(jobs["inQueue"] + jobs["inProgress"])


def wait_for_jobs(shop: Shop, endpoint: str, number: int) -> None:
    """Wait until so many jobs of an endpoint wait or run."""
    deadline = time.monotonic() + 60
    while jobs_of(shop, endpoint) != number:
        assert time.monotonic() < deadline
        time.sleep(0.1)


CANCELLING = """
task = asyncio.create_task(sleep(600))
while not os.path.exists("apart_go"):
    await asyncio.sleep(0.1)
began = time.monotonic()
task.cancel()
try:
    await task
except asyncio.CancelledError:
    return time.monotonic() - began
"""
WAITING = "return await sleep(600)"


@pytest.mark.parametrize("body", [CANCELLING, WAITING], ids=["a task", "Ctrl+C"])
def test_who_gives_up_in_the_first_wait_cancels_the_job(shop: Shop, body: str) -> None:
    """The platform has not answered yet, so that the id of the job is not known."""
    wait_for_jobs(shop, "sleeper", 0)
    go = shop.project / "apart_go"
    text = script(body, imports="import os, time\nfrom more import sleep")
    asking = shop.write("script_of_test.py", text)
    with shop.started(asking) as process:
        wait_for_jobs(shop, "sleeper", 1)
        if body == WAITING:
            process.send_signal(signal.SIGINT)
        else:
            go.touch()
        output, errors = process.communicate(timeout=60)
    go.unlink(missing_ok=True)
    assert "KeyboardInterrupt" in errors if body == WAITING else float(output) >= 0
    wait_for_jobs(shop, "sleeper", 0)


# Generators -----------------------------------------------------------------------------------------


def test_results_of_generators_come_one_by_one(shop: Shop) -> None:
    """The first results are here long before the last: the whole takes hours."""
    text = """
import json
from more import ticks
found = []
for number in ticks(10_000):
    found.append(number)
    if len(found) == 2:
        break
print(json.dumps(found))
"""
    assert shop.answer(shop.write("some_ticks.py", text)) == [0, 1]


def test_async_generators_are_read_with_async_for(shop: Shop) -> None:
    body = "return [number async for number in squares(5)]"
    assert answer(shop, body, imports="from more import squares") == [0, 1, 4, 9, 16]


# Routes ---------------------------------------------------------------------------------------------


def test_routes_are_called_as_functions(shop: Shop) -> None:
    body = "return [await item(7), await item(number=8, colour='blue'), await add_item('tea', ['hot'])]"
    found = answer(shop, body, imports="from more import add_item, item")
    assert found == [
        {"number": 7, "colour": "red"},
        {"number": 8, "colour": "blue"},
        {"name": "tea", "tags": ["hot"]},
    ]


ORDERED = """
found = []
for what in ("tea", "milk", 7):
    try:
        await place_order(what)
    except RemoteError as error:
        found.append([type(error).__name__, str(error), error.endpoint, error.function, error.status,
                      error.remote_type, error.detail, str(error.__cause__)])
return found
"""


def test_an_exception_of_a_route_keeps_its_type_its_message_and_its_traceback(shop: Shop) -> None:
    """A caller of the app is one that has the build which the endpoint runs."""
    imports = "from flashc import RemoteError\nfrom more import OutOfStock, place_order"
    tea, milk, wrong = answer(shop, ORDERED, imports=imports)
    assert tea[:6] == ["OutOfStock", "no tea", "api", "place_order", "500", "more.OutOfStock"]
    assert 'raise OutOfStock(f"no {what}")' in tea[7]
    kind = "fastapi.exceptions.HTTPException"
    assert [milk[0], *milk[2:7]] == [
        *("HTTPException", "api", "place_order", "409", kind),
        {"sold": "milk"},
    ]
    assert 'raise HTTPException(409, {"sold": what})' in milk[7]
    assert (wrong[4], wrong[6][0]["loc"]) == ("422", ["body", "what"])


def test_a_stranger_learns_what_a_route_answers_and_nothing_else(shop: Shop) -> None:
    folder = shop.folder / "stranger"
    source = shop.write("more.py", (shop.project / "more.py").read_text(), folder)
    text = script(ORDERED, imports="from flashc import RemoteError\nfrom more import place_order")
    asking = shop.write("ask_orders.py", text, source.parent)
    tea, milk, _ = shop.answer(asking, cwd=folder, FLASH_APP="shop")
    assert tea[0] == "RemoteError"
    assert tea[1] == "place_order on 'api' answered 500: Internal Server Error"
    assert tea[5:] == ["", None, "None"]
    assert (milk[0], milk[4], milk[6], milk[7]) == ("RemoteError", "409", {"sold": "milk"}, "None")


def test_a_worker_catches_the_http_exception_of_a_route_of_another_endpoint(shop: Shop) -> None:
    found = answer(shop, 'return await take_order("milk")', imports="from more import take_order")
    assert found == ["HTTPException", 409, {"sold": "milk"}, 4]


# Clients --------------------------------------------------------------------------------------------

CLIENT = """
endpoint = Endpoint(id=ID)
job = await endpoint.run({"x": 21})
found = [bool(job.id), await job.wait() is job, job.done, job.output, job.error]
again = await endpoint.runsync({"x": 4})
found += [again.output, await again.status()]
slow = await Endpoint(id=SLOW).run({"seconds": 60.0})
await slow.cancel()
return found + [await slow.status(), slow.done]
"""


@BOTH
def test_a_client_of_an_endpoints_id_submits_jobs(shop: Shop, theirs: bool) -> None:
    ids = f"ID, SLOW = {shop.ids['double']!r}, {shop.ids['sleeper']!r}\n"
    imports = f"from runpod_flash import Endpoint\n{ids}"
    found = answer(shop, CLIENT, imports=imports, theirs=theirs)
    assert found == [True, True, True, 42, None, 8, "COMPLETED", "CANCELLED", True]


def test_a_client_works_without_await_in_a_plain_script(shop: Shop) -> None:
    text = f"""
import json
from flashc import Endpoint
job = Endpoint(id={shop.ids["numbers"]!r}).run({{"to": 3}})
parts = list(job.stream())
again = Endpoint(id={shop.ids["numbers"]!r}).runsync({{"to": 2}})
print(json.dumps([parts, job.done, job.status(), again.output]))
"""
    found = shop.answer(shop.write("plain_client.py", text))
    assert found == [[0, 1, 2], True, "COMPLETED", [0, 1]]


def test_a_client_sends_requests_to_the_routes_of_an_endpoint(shop: Shop) -> None:
    body = """
endpoint = Endpoint(id=ID)
named = Endpoint(name="api", image="some/image:1")
return [
    await endpoint.get("/items/3"),
    await endpoint.post("/items", {"name": "tea"}),
    await named.get("/items/4"),
]
"""
    imports = f"from runpod_flash import Endpoint\nID = {shop.ids['api']!r}"
    found = answer(shop, body, imports=imports)
    assert [each.get("number", each.get("name")) for each in found] == [3, "tea", 4]


# Notebooks, and many calls at once --------------------------------------------------------------------


def test_cells_of_a_notebook_call_with_and_without_await(shop: Shop) -> None:
    """A notebook runs each cell on an event loop that runs already; plain code in it blocks."""
    text = """
import ast, asyncio, json, types
CELLS = ["from worker import double, run_inference", "a = double(2)", "b = await double(3)",
         "c = (await run_inference({}))['scale']", "found = [a + 1, b, c]"]

async def kernel():
    space = {}
    for cell in CELLS:
        code = compile(cell, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        function = types.FunctionType(code, space)
        result = function()
        if asyncio.iscoroutine(result):
            await result
    print(json.dumps(space["found"]))

asyncio.run(kernel())
"""
    assert shop.answer(shop.write("notebook.py", text)) == [5, 6, 2]


_SOCKETS = """
import os
def sockets():
    found = 0
    for each in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{each}").startswith("socket:")
        except FileNotFoundError:  # another thread has closed it, or it was that of the folder
            pass
    return found
"""
"""A function for a script that counts the sockets of its process."""


def test_many_calls_at_once_share_a_bounded_set_of_connections(shop: Shop) -> None:
    body = f"""
{_SOCKETS}
async def call(x):
    global most
    found = await item(x)
    most = max(most, sockets())
    return found["number"]
found = await asyncio.gather(*map(call, range(400)))
return [found == list(range(400)), most]
"""
    found, most = answer(shop, body, imports="from more import item\nmost = 0")
    assert found
    assert most <= 110


def test_event_loops_share_the_connections_of_the_process(shop: Shop) -> None:
    text = f"""
import asyncio, json
from worker import double
{_SOCKETS}
found = [asyncio.run(double(0))]
before = sockets()
found += [asyncio.run(double(x)) for x in range(1, 5)]
print(json.dumps([found, sockets() - before]))
"""
    found, more = shop.answer(shop.write("loops.py", text))
    assert found == [0, 2, 4, 6, 8]
    assert more <= 0
