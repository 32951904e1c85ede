"""Show plans and deployments as text, Markdown and JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from flashc_backends.cloud.model import Build, Environment, Kind
from flashc_backends.deploy.costs import Cost, total_of
from flashc_backends.deploy.deployment import Deployed
from flashc_backends.deploy.describe import Change
from flashc_backends.deploy.plan import Action, Code, Plan, Step
from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.preview.calls import SampleCall
from flashc_ir.platform.prices import prices

_SIGNS: Mapping[Action, str] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.RESTART: "~",
    Action.RECREATE: "!",
    Action.DELETE: "-",
    Action.LEAVE: "?",
    Action.NOTHING: " ",
}
_MEANINGS: Mapping[Action, str] = {
    Action.CREATE: "create",
    Action.UPDATE: "update in place",
    Action.RESTART: "update and replace workers",
    Action.RECREATE: "replace by a new endpoint with another URL",
    Action.DELETE: "delete",
    Action.LEAVE: "not declared by the project",
    Action.NOTHING: "unchanged",
}


_RECORDS = "the ids and URLs of the endpoints are written into the manifest of the build"


def plan_text(plan: Plan) -> str:
    """Return a plan as text for people, with a newline at the end."""
    return "".join(f"{line}\n" for line in _plan_lines(plan))


def _plan_lines(plan: Plan) -> Iterator[str]:
    yield f"{plan.target}: {_code(plan)}"
    if plan.new_app:
        yield f"  + create the app {plan.target.app}"
    if plan.new_environment:
        yield f"  + create the environment {plan.target.environment}"
    for wish in plan.volumes:
        yield f"  + create the volume {wish.name}: {wish.size} GB in {wish.data_center}"
    for name in plan.secrets:
        yield f"  + save the secret {name}"
    width = max((len(step.name) for step in plan.steps), default=0)
    for step in plan.steps:
        yield f"  {_SIGNS[step.action]} {step.name:<{width}}  {_meaning(step)}"
        if step.action is not Action.NOTHING:
            yield from (f"      {detail}" for detail in _details(step))
    for thing in plan.cleans:
        yield f"  - {thing.kind} {thing.name}  delete: made by flashc, and nothing uses it"
    for volume in plan.left_volumes:
        yield f"  ? volume {volume}  stays with its data; no endpoint here uses it any more"
    yield from _total(plan)
    if plan.is_empty:
        yield "nothing to do"
    elif plan.only_records:
        yield f"{_RECORDS}; nothing else is done"


def _total(plan: Plan) -> Iterator[str]:
    """Yield what all endpoints cost together, if any keeps a worker."""
    total = total_of(step.cost for step in plan.steps if step.cost is not None)
    if total is not None:
        yield f"Without any request: {_cost(total)}."


def _cost(cost: Cost) -> str:
    """Return a cost in words; workers whose price is not known are named as such."""
    workers, date = f"{_workers(cost.workers)} always running", prices().pools.date
    if cost.unpriced == cost.workers:
        them = "it" if cost.workers == 1 else "them"
        return f"{workers}; Runpod's documentation has no price for {them} (read on {date})"
    without = (
        f", without {_workers(cost.unpriced)} that {'has' if cost.unpriced == 1 else 'have'} no price"
        if cost.unpriced
        else ""
    )
    return f"{workers}, at most ${cost.hourly:.2f} an hour{without} (prices read on {date})"


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count != 1 else ''}"


def plan_markdown(plan: Plan) -> str:
    """Return a plan as Markdown, for a comment on a pull request."""
    rows = [
        f"| {_SIGNS[step.action]} | `{_cell(step.name)}` | {_cell(_meaning(step))} | "
        f"{'<br>'.join(map(_cell, _details(step)))} |"
        for step in plan.steps
        if step.action is not Action.NOTHING
    ]
    more = [
        *([f"the app `{plan.target.app}`"] if plan.new_app else []),
        *([f"the environment `{plan.target.environment}`"] if plan.new_environment else []),
        *(f"the volume `{wish.name}` ({wish.size} GB)" for wish in plan.volumes),
        *(f"the secret `{name}`" for name in plan.secrets),
    ]
    cleaned = [f"the {thing.kind} `{thing.name}`" for thing in plan.cleans]
    left = [f"the volume `{volume}`" for volume in plan.left_volumes]
    unchanged = sum(step.action is Action.NOTHING for step in plan.steps)
    parts = [
        f"### `flashc plan`: {plan.target}",
        f"Code: {plan.code}.",
        *([f"New: {', '.join(more)}."] if more else []),
        *(
            ["\n".join(["| | endpoint | step | changes |", "|---|---|---|---|", *rows])]
            if rows
            else []
        ),
        *([f"Deleted, because nothing uses it: {', '.join(cleaned)}."] if cleaned else []),
        *([f"No endpoint here uses it any more, and it stays: {', '.join(left)}."] if left else []),
        *([f"Endpoints without a change: {unchanged}."] if unchanged else []),
        *([f"Only {_RECORDS}."] if plan.only_records else []),
        *_total(plan),
    ]
    return "\n\n".join(parts) + "\n"


def _details(step: Step) -> Iterator[str]:
    """Yield the changes of an endpoint, how they affect its callers, and its cost."""
    yield from (_change(change) for change in step.changes)
    for difference in step.interface:
        yield f"{'breaks calls' if difference.breaks else 'keeps calls'}: {difference.text}"
    if step.cost is not None:
        yield f"costs: {_cost(step.cost)}"


def _cell(text: str) -> str:
    """Return a text for a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ").replace("`", "'")


def _code(plan: Plan) -> str:
    match plan.code:
        case Code.FIRST:
            return "the first build"
        case Code.CHANGED:
            return "the code changes"
        case Code.UNCHANGED:
            return "the code does not change"


def _meaning(step: Step) -> str:
    if step.action is Action.LEAVE:
        return f"{_MEANINGS[step.action]}; `--prune {step.name}` deletes it"
    return _MEANINGS[step.action]


def _change(change: Change) -> str:
    if change.setting == "code":
        return "code"
    before, after = change.before or "(none)", change.after or "(none)"
    return f"{change.setting}: {before} -> {after}"


def deployed_text(manifest: Manifest, deployed: Deployed, calls: Mapping[str, SampleCall]) -> str:
    """Return what is deployed: the endpoints by kind, their routes, and commands that call them.

    `calls` are requests by the names of endpoints; an endpoint without one has no command.
    """
    return "\n".join(_deployed_lines(manifest, deployed, calls)) + "\n"


def _deployed_lines(
    manifest: Manifest, deployed: Deployed, calls: Mapping[str, SampleCall]
) -> Iterator[str]:
    groups: tuple[tuple[str, Kind], ...] = (
        ("Queue-based endpoints", Kind.QUEUE),
        ("Load-balanced endpoints", Kind.BALANCED),
    )
    for title, kind in groups:
        found = [e for e in deployed.endpoints if e.settings.kind is kind]
        if found:
            yield f"{title}:"
        for endpoint in found:
            url = deployed.urls[endpoint.name]
            yield f"  {endpoint.name}  {url}{'/runsync' if kind is Kind.QUEUE else ''}"
            for route in sorted((manifest.routes or {}).get(endpoint.name, {})):
                yield f"    {route}"
            call = calls.get(endpoint.name)
            if call is not None:
                yield f"    {curl(url, call)}"
    yield from _smoke_lines(deployed)


def _smoke_lines(deployed: Deployed) -> Iterator[str]:
    """Yield how many smoke calls passed, and how many were not made."""
    made = sum(result.is_made for result in deployed.smoke)
    left = len(deployed.smoke) - made
    if made:
        yield f"Smoke calls: {made} passed."
    if left:
        yield f"Smoke calls that were not made, because old workers may answer them: {left}."


def curl(url: str, call: SampleCall) -> str:
    """Return a command that sends a request; the shell inserts the key."""
    words = ["curl", "-X", call.method, shlex.quote(url + call.path)]
    if call.body is not None:
        words += [
            "-H",
            "'Content-Type: application/json'",
            "-d",
            shlex.quote(json.dumps(call.body)),
        ]
    return f'{" ".join(words)} -H "Authorization: Bearer $RUNPOD_API_KEY"'


def deployed_json(plan: Plan | None, deployed: Deployed | None, manifest: Manifest | None) -> bytes:
    """Return the result of a deployment as one JSON document, with a newline at the end.

    `deployed` is null if nothing was deployed, or if the earlier release was restored.
    """
    endpoints = None
    if deployed is not None and manifest is not None:
        endpoints = [
            {
                "name": endpoint.name,
                "id": endpoint.id,
                "type": endpoint.settings.kind.value,
                "url": deployed.urls[endpoint.name],
                "routes": sorted((manifest.routes or {}).get(endpoint.name, {})),
            }
            for endpoint in deployed.endpoints
        ]
    document = {
        "app": plan.target.app if plan is not None else None,
        "environment": plan.target.environment if plan is not None else None,
        "deployed": None if deployed is None else {"build": deployed.build, "endpoints": endpoints},
        "smoke": [
            {"endpoint": result.call.resource, "made": result.is_made}
            for result in (deployed.smoke if deployed is not None else ())
        ],
        "plan": None if plan is None else msgspec.to_builtins(plan.masked()),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def history_text(builds: Iterable[Build], environments: Iterable[Environment]) -> str:
    """Return the builds of an app as text, in the given order, each with the environments that run it."""
    users: dict[str, list[str]] = {}
    for environment in environments:
        users.setdefault(environment.build, []).append(environment.name)
    lines = [
        f"{build.id}  {build.created}  {', '.join(sorted(users.get(build.id, [])))}".rstrip()
        for build in builds
    ]
    return "".join(f"{line}\n" for line in lines) or "no builds\n"
