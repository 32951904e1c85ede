"""Call the endpoints of the contract app with the packages that `openapi-python-client` has made.

Usage: python openapi_client.py FOLDER JSON; FOLDER has a package for each endpoint.
"""

import asyncio
import datetime
import importlib
import json
import sys
import uuid
from collections.abc import Callable
from typing import Any

sys.path.insert(0, sys.argv[1])
GIVEN = json.loads(sys.argv[2])


def opened(name: str) -> tuple[Any, Callable[[str], Any], Any]:
    """Return a client of an endpoint, and what imports a function of its API and a model of it."""
    package = importlib.import_module(name)
    client = package.AuthenticatedClient(
        base_url=GIVEN["urls"][name],
        token=GIVEN["key"],
        timeout=120.0,
        raise_on_unexpected_status=True,
    )
    models = importlib.import_module(f"{name}.models")
    return client, lambda each: importlib.import_module(f"{name}.api.default.{each}"), models


def call_routes() -> None:
    """Call the routes of the load balancer."""
    client, api, models = opened("web")
    item = models.ItemInput(name="tea", size=2)
    put = api("put_item").sync(client=client, number=3, body=item, dry=True, x_who="me")
    assert [each.name for each in put] == ["tea 3 True me"], put
    refused = api("put_item").sync_detailed(
        client=client, number=3, body=models.ItemInput(name="", size=2)
    )
    assert refused.status_code == 422
    assert refused.parsed.detail[0].loc == ["body", "name"], refused.parsed
    found = api("search").sync("a b ä", client=client, kinds=models.SearchKinds.OLD)
    assert found.additional_properties["text"] == "a b ä", found
    when = datetime.datetime(2024, 1, 2, 3, 4, 5)
    order = models.OrderInput(
        id=uuid.UUID(int=7), when=when, lines=[item], colour=models.Colour.BLUE, size=[2, 3]
    )
    order.parent = models.OrderInput(id=uuid.UUID(int=8), when=when, lines=[])
    placed = api("place_order").sync(client=client, body=order)
    assert type(placed) is models.OrderOutput, placed
    assert (placed.id, placed.when, placed.lines[0].size) == (uuid.UUID(int=7), when, 2)
    assert (placed.colour, placed.parent.id) == (models.Colour.BLUE, uuid.UUID(int=8))
    order.lines = []
    sold_out = api("place_order").sync(client=client, body=order)
    assert type(sold_out) is models.Refusal, sold_out
    day = datetime.date(2024, 1, 2)
    listed = api("orders").sync(client=client, since=day, sizes=[1, 2])
    assert [line.size for line in listed[0].lines] == [1, 2], listed
    form = api("form").sync(client=client, body=models.FormBody(name="ab", count=2))
    assert form == "abab", form


async def call_jobs() -> None:
    """Run jobs of the class with several methods, and of the generator."""
    client, api, models = opened("offers")
    item = models.ItemInput(name="tea", size=2)
    inputs: dict[str, dict[str, Any]] = {
        "make": {"item": item.to_dict(), "until": "2024-01-02"},
        "size": {"data": "AQI="},
    }
    kinds = [getattr(models, name) for name in dir(models) if name.startswith("JobInputType")]
    outputs = {}
    for method, arguments in inputs.items():
        fitting = [kind for kind in kinds if takes(kind, {"method": method, **arguments})]
        (kind,) = fitting
        body = models.JobRequest(input_=kind.from_dict({"method": method, **arguments}))
        job = await api("runsync").asyncio(client=client, body=body)
        assert job.status == models.JobStatus.COMPLETED, job
        outputs[method] = job.output
    assert type(outputs["make"]) is models.Offer, outputs
    assert outputs["make"].until == datetime.date(2024, 1, 2)
    assert outputs["size"] == "AgE=", outputs
    client, api, models = opened("counter")
    body = models.JobRequest(input_=models.JobInput(until=3))
    job = await api("runsync").asyncio(client=client, body=body)
    assert job.output == [0, 1, 2], job
    seen = await api("status").asyncio(job.id, client=client)
    assert seen.output == [0, 1, 2], seen
    client, api, models = opened("plain")
    body = models.JobRequest(input_=models.JobInput(names=["a", "bc"]))
    job = await api("runsync").asyncio(client=client, body=body)
    assert job.output.additional_properties == {"a": 1, "bc": 2}, job
    health = await api("health").asyncio(client=client)
    assert health.workers.ready >= 0, health


def takes(kind: Any, data: dict[str, Any]) -> bool:
    """Return whether a model reads data."""
    try:
        kind.from_dict(data)
    except (KeyError, ValueError):
        return False
    return True


call_routes()
asyncio.run(call_jobs())
print("all calls are answered")
