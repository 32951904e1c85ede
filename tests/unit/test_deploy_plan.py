"""What a deployment plans: what a platform has and what a project wants in words, and the instructions."""

from __future__ import annotations

from textwrap import dedent

import pytest

from flashc.report.deployment import deployed_json, plan_markdown, plan_text
from flashc_backends.deploy.plan import Action
from tests.support.deployments import KEY, instructions, plan_of, world_of

SCENES = {
    "nothing exists": (
        "no app",
        "code A\n queue clf",
        "create clf",
    ),
    "the app exists, and not the environment": (
        "no environment",
        "code A\n queue clf\n balanced web",
        "create clf\ncreate web",
    ),
    "nothing changes": (
        "A runs\n queue clf code=A\n balanced web code=A",
        "code A\n queue clf\n balanced web",
        "unchanged clf\nunchanged web",
    ),
    "other code replaces the workers of all endpoints": (
        "A runs\n queue clf code=A\n balanced web code=A",
        "code B\n queue clf\n balanced web",
        "restart clf: code\nrestart web: code",
    ),
    "scaling changes in place": (
        "A runs\n queue clf code=A workers=0-1 idle=60 scale=4 limit=0",
        "code A\n queue clf workers=1-3 idle=5 scale=2 limit=5000",
        "update clf: least workers 0 > 1, most workers 1 > 3, idle timeout 60 s > 5 s, "
        "scaling QUEUE_DELAY 4 > QUEUE_DELAY 2, time limit default > 5000 ms",
    ),
    "another GPU replaces the workers": (
        "A runs\n queue clf code=A gpu=ADA_24",
        "code A\n queue clf gpu=AMPERE_48,ADA_80 count=2",
        "restart clf: gpu ADA_24 > AMPERE_48, ADA_80, gpu count 1 > 2",
    ),
    "another CPU replaces the workers": (
        "A runs\n queue clf code=A cpu=cpu3c-1-2",
        "code A\n queue clf cpu=cpu5c-4-8",
        "restart clf: cpu cpu3c-1-2 > cpu5c-4-8",
    ),
    "the container changes": (
        "A runs\n queue clf code=A",
        "code A\n queue clf image=mine disk=80 start=run registry=r1",
        "restart clf: image flash > mine, container disk 64 GB > 80 GB, start command - > run, "
        "registry credentials - > r1",
    ),
    "the machine changes": (
        "A runs\n queue clf code=A cuda=12.8",
        "code A\n queue clf flashboot=off in=EU-RO-1,US-CA-2",
        "restart clf: lowest CUDA version 12.8 > -, data centres - > EU-RO-1, US-CA-2, "
        "flashboot on > off",
    ),
    "a queue becomes a load balancer": (
        "A runs\n queue clf code=A",
        "code A\n balanced clf",
        "recreate clf: type QB > LB, scaling QUEUE_DELAY 4 > REQUEST_COUNT 4",
    ),
    "a load balancer becomes a queue": (
        "A runs\n balanced clf code=A",
        "code B\n queue clf",
        "recreate clf: type LB > QB, scaling REQUEST_COUNT 4 > QUEUE_DELAY 4, code",
    ),
    "a GPU becomes a CPU": (
        "A runs\n queue clf code=A",
        "code A\n queue clf cpu=cpu3c-1-2",
        "recreate clf: gpu ADA_24 > -, gpu count 1 > 0, cpu - > cpu3c-1-2",
    ),
    "a CPU becomes a GPU": (
        "A runs\n queue clf code=A cpu=cpu3c-1-2",
        "code A\n queue clf gpu=ADA_80",
        "recreate clf: gpu - > ADA_80, gpu count 0 > 1, cpu cpu3c-1-2 > -",
    ),
    "a replacement that was not finished is finished": (
        "A runs\n queue clf code=A id=old\n balanced clf code=A id=new",
        "code A\n balanced clf",
        "delete clf (old)\nunchanged clf (new)",
    ),
    "an endpoint that the project does not declare stays": (
        "A runs\n queue clf code=A\n queue old code=A",
        "code A\n queue clf",
        "unchanged clf\nleave old",
    ),
    "a renamed endpoint is a new one, and the old one stays": (
        "A runs\n queue clf code=A",
        "code B\n queue classify",
        "create classify\nleave clf",
    ),
    "of two with one name, the one that was recorded counts, and the other stays": (
        "A runs\n queue clf code=A id=b\n queue clf code=A id=a",
        "code A\n queue clf",
        "leave clf (a)\nunchanged clf (b)",
    ),
    "what flash has deployed is adopted: the key in clear text is no reason for a change": (
        "A runs by flash\n queue clf code=A key\n balanced web code=A key PORT=80 PORT_HEALTH=80",
        "code A\n queue clf\n balanced web",
        "unchanged clf\nunchanged web",
    ),
    "a change removes the key, and keeps the ports of the platform": (
        "A runs by flash\n balanced web code=A key PORT=80 PORT_HEALTH=80",
        "code A\n balanced web workers=0-5",
        "restart web: most workers 1 > 5, variable RUNPOD_API_KEY *** > -",
    ),
    "what flash has deployed gets new code": (
        "A runs by flash\n queue clf code=A",
        "code B\n queue clf",
        "restart clf: code",
    ),
    "a build became active, and the deployment ended before endpoints changed": (
        "B runs\n queue clf code=A\n balanced web code=B",
        "code B\n queue clf\n balanced web",
        "restart clf: code\nunchanged web",
    ),
    "an endpoint was created, and the deployment ended before it had workers": (
        "nothing runs\n queue clf code=A workers=0-3",
        "code A\n queue clf workers=1-3",
        "update clf: least workers 0 > 1",
    ),
    "a volume that does not exist is created": (
        "A runs\n queue clf code=A",
        "code A\n queue clf volume=data@EU-RO-1",
        "new volume data\nrestart clf: volumes - > data in EU-RO-1",
    ),
    "a volume that exists is used, also by its id": (
        "A runs\n volume data EU-RO-1\n queue clf code=A volume=data@EU-RO-1",
        "code A\n queue clf volume=id-of-data",
        "unchanged clf",
    ),
    "a volume of the same name in another data centre is another volume": (
        "A runs\n volume data EU-RO-1\n queue clf code=A",
        "code A\n queue clf volume=data@US-CA-2",
        "new volume data\nrestart clf: volumes - > data in US-CA-2",
    ),
    "a volume is taken away": (
        "A runs\n volume data EU-RO-1\n queue clf code=A volume=data@EU-RO-1",
        "code A\n queue clf",
        "restart clf: volumes data in EU-RO-1 > -",
    ),
    "literals are shown, secrets are not": (
        "A runs\n queue clf code=A LEVEL=1 TOKEN=secret:t1",
        "code A\n queue clf LEVEL=2 TOKEN=secret:t2",
        "new secret t2\nrestart clf: variable LEVEL 1 > 2, variable TOKEN a secret > a secret",
    ),
    "a variable that nobody declares any more is not shown": (
        "A runs\n queue clf code=A",
        "code A\n queue clf NEW=1",
        "restart clf: variable NEW - > 1",
    ),
    "what callers lose": (
        "A runs\n queue clf code=A has=classify,explain",
        "code B\n queue clf has=classify",
        "restart clf: code, breaks calls: method explain is removed",
    ),
}


@pytest.mark.parametrize("title", SCENES)
def test_instructions(title: str) -> None:
    world, wish, expected = SCENES[title]
    assert instructions(plan_of(world_of(world), wish)) == expected


def test_only_what_is_named_is_deleted() -> None:
    world = world_of("A runs\n queue a code=A\n queue b code=A\n queue b id=b2\n queue c code=A")
    assert instructions(plan_of(world, "code A\n queue a", "b2", "c")) == dedent(
        """\
        unchanged a
        delete b (b2)
        leave b
        delete c"""
    )
    assert [s.id for s in plan_of(world, "code A\n queue a", "b").destroys] == ["b", "b2"]


def test_what_is_declared_is_not_deleted_although_it_is_named() -> None:
    plan = plan_of(world_of("A runs\n queue a code=A"), "code A\n queue a", "a")
    assert [step.action for step in plan.steps] == [Action.NOTHING]


def test_a_plan_is_empty_if_nothing_has_to_be_done() -> None:
    world = world_of("A runs\n queue a code=A\n queue other code=A")
    assert plan_of(world, "code A\n queue a").is_empty
    assert not plan_of(world, "code B\n queue a").is_empty
    assert not plan_of(world, "code A\n queue a", "other").is_empty


def test_a_build_that_does_not_know_its_endpoints_gets_to_know_them() -> None:
    world = world_of("A runs\n queue a code=A")
    del world.manifest["resources"]["a"]["endpoint_id"]
    plan = plan_of(world, "code A\n queue a")
    assert plan.records
    assert not plan.is_empty
    recorded = "the ids and URLs of the endpoints are written into the manifest of the build"
    assert plan_text(plan).endswith(f"  a  unchanged\n{recorded}; nothing else is done\n")
    assert f"\n\nOnly {recorded}.\n" in plan_markdown(plan)
    assert recorded not in plan_text(plan_of(world, "code B\n queue a"))


COSTS = {
    "queue a workers=0-3": "",
    "queue a workers=2-3": "2 workers always running, at most $2.23 an hour (prices read on 2026-11-26)",
    "queue a workers=1-3 count=2": "1 worker always running, at most $2.23 an hour (prices read on 2026-11-26)",
    "queue a workers=1-1 cpu=cpu3c-1-2": "1 worker always running; Runpod's documentation has no price for it "
    "(read on 2026-11-26)",
    "queue a workers=1-1\n queue b workers=2-2 cpu=cpu3c-1-2": "3 workers always running, at most $1.12 an hour, "
    "without 2 workers that have no price (prices read on 2026-11-26)",
}


@pytest.mark.parametrize(("wish", "told"), COSTS.items())
def test_what_workers_cost_without_a_request(wish: str, told: str) -> None:
    text = plan_text(plan_of(world_of("no app"), f"code A\n {wish}"))
    assert (f"Without any request: {told}.\n" in text) is bool(told)
    assert bool(told) is ("costs" in text)


SECRETS = "planted-value-91c2"


def test_no_form_of_a_plan_shows_a_secret() -> None:
    """Values in clear text, which the program does not have as literals, are hidden, as is the key."""
    world = world_of(
        f"A runs by flash\n queue a code=A key\n queue b key\n queue c code=A key TOKEN={SECRETS}"
    )
    world.manifest["resources"]["c"]["env"].clear()  # its value came from the environment
    plan = plan_of(world, "code B\n queue a\n balanced b\n queue c TOKEN=secret:t1")
    text = plan_text(plan) + plan_markdown(plan) + plan.to_json().decode()
    text += deployed_json(plan, None, None).decode()
    assert "secret" in text
    assert KEY not in text
    assert SECRETS not in text
