"""The GraphQL API, REST, uploads, secrets, and who may do what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from flashc_backends.platform.assembly import LocalPlatform
from tests.support.platform_stage import CoroutineEngine, Stage, archive, echo, staged


def play(folder: Path, scene: Callable[[Stage], Awaitable[None]], **more: Any) -> None:
    """Run a scene on a platform with one queue endpoint."""

    async def run() -> None:
        async with staged(folder, CoroutineEngine(echo), "queue", **more) as stage:
            await scene(stage)

    asyncio.run(run())


async def ask(stage: Stage, query: str, **variables: Any) -> Any:
    """Send a GraphQL query and return its data."""
    reply = await stage.client.post("/graphql", json={"query": query, "variables": variables})
    assert reply.status_code == 200
    body = reply.json()
    assert "errors" not in body, body
    return body["data"]


async def refused(stage: Stage, query: str, **variables: Any) -> str:
    """Send a GraphQL query that fails, and return the message."""
    reply = await stage.client.post("/graphql", json={"query": query, "variables": variables})
    return str(reply.json()["errors"][0]["message"])


CREATE_APP = "mutation createFlashApp($input: CreateFlashAppInput!) { createFlashApp(input: $input) { id name } }"
BY_NAME = (
    "query getFlashAppByName($flashAppName: String!) { flashAppByName(flashAppName: $flashAppName) "
    "{ id name flashEnvironments { id name state activeBuildId createdAt endpoints { id name } } "
    "flashBuilds { id objectKey createdAt } } }"
)
SAVE = (
    "mutation saveEndpoint($input: EndpointInput!) { saveEndpoint(input: $input) "
    "{ id name templateId aiKey type scalerType scalerValue workersMin workersMax version } }"
)


def test_an_app_is_deployed_by_the_steps_of_the_tools(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        app = (await ask(stage, CREATE_APP, input={"name": "shop"}))["createFlashApp"]["id"]
        environment = (
            await ask(
                stage,
                "mutation createFlashEnvironment($input: CreateFlashEnvironmentInput!) "
                "{ createFlashEnvironment(input: $input) { id name } }",
                input={"flashAppId": app, "name": "prod"},
            )
        )["createFlashEnvironment"]["id"]
        upload = (
            await ask(
                stage,
                "mutation PrepareArtifactUpload($input: PrepareFlashArtifactUploadInput!) "
                "{ prepareFlashArtifactUpload(input: $input) { uploadUrl objectKey expiresAt } }",
                input={"flashAppId": app, "tarballSize": 100},
            )
        )["prepareFlashArtifactUpload"]
        content = archive(tmp_path).read_bytes()
        async with httpx.AsyncClient(trust_env=False) as stranger:  # it has no key, as the tools
            put = await stranger.put(upload["uploadUrl"], content=content)
            assert put.status_code == 200
        manifest = {"resources": {"greet": {"is_load_balanced": False}}}
        build = (
            await ask(
                stage,
                "mutation FinalizeArtifactUpload($input: FinalizeFlashArtifactUploadInput!) "
                "{ finalizeFlashArtifactUpload(input: $input) { id manifest } }",
                input={
                    "flashAppId": app,
                    "objectKey": upload["objectKey"],
                    "manifest": manifest,
                },
            )
        )["finalizeFlashArtifactUpload"]
        assert build["manifest"] == manifest
        deployed = (
            await ask(
                stage,
                "mutation deployBuildToEnvironment($input: DeployBuildToEnvironmentInput!) "
                "{ deployBuildToEnvironment(input: $input) { id name activeArtifact "
                "{ objectKey downloadUrl expiresAt } } }",
                input={"flashEnvironmentId": environment, "flashBuildId": build["id"]},
            )
        )["deployBuildToEnvironment"]
        got = await stage.client.get(deployed["activeArtifact"]["downloadUrl"])
        assert got.content == content
        endpoint = (
            await ask(
                stage,
                SAVE,
                input={
                    "name": "greet",
                    "type": "QB",
                    "flashEnvironmentId": environment,
                    "workersMin": 0,
                    "workersMax": 2,
                    "template": {
                        "name": "t",
                        "imageName": "runpod/flash-cpu:py3.12-latest",
                        "env": [{"key": "A", "value": "b"}],
                    },
                },
            )
        )["saveEndpoint"]
        assert endpoint["workersMax"] == 2
        seen = (await ask(stage, BY_NAME, flashAppName="shop"))["flashAppByName"]
        assert seen["flashEnvironments"][0]["endpoints"] == [
            {"id": endpoint["id"], "name": "greet"}
        ]
        reply = await stage.client.post(f"/v2/{endpoint['id']}/runsync", json={"input": "hello"})
        assert reply.json()["output"] == "hello"
        spec = next(spec for spec in _engine(stage).specs if spec.endpoint == endpoint["id"])
        assert spec.environ["A"] == "b"
        assert spec.environ["RUNPOD_ENDPOINT_ID"] == endpoint["id"]
        assert (spec.artifact / "flash_manifest.json").exists()

    play(tmp_path, scene)


def _engine(stage: Stage) -> CoroutineEngine:
    engine = stage.platform.engine
    assert isinstance(engine, CoroutineEngine)
    return engine


def test_absent_things_are_said_in_the_words_that_tools_look_for(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert await refused(stage, BY_NAME, flashAppName="none") == "app not found"
        query = "query q($id: String!) { flashEnvironment(flashEnvironmentId: $id) { id } }"
        assert await refused(stage, query, id="x") == "environment not found"
        query = "mutation deleteEndpoint($id: String!) { deleteEndpoint(id: $id) }"
        assert await refused(stage, query, id="x") == "endpoint not found"
        query = 'query q { myself { endpoint(id: "x") { id } } }'
        assert (await ask(stage, query))["myself"]["endpoint"] is None

    play(tmp_path, scene)


def test_wrong_queries_are_answered_with_what_is_wrong(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert "Cannot query field" in await refused(stage, "{ nothing }")
        assert "Syntax Error" in await refused(stage, "{")
        assert "too deeply" in await refused(stage, "{myself" * 3000)
        wrong = await refused(stage, SAVE, input={"name": "x", "colour": "red"})
        assert "colour" in wrong
        assert "not a range" in await refused(
            stage, SAVE, input={"name": "x", "workersMin": 5, "workersMax": 1}
        )
        deep = b"[" * 5000 + b"]" * 5000
        for content in (b"[]", b'{"query": "{x}", "variables": {"a": ' + deep + b"}}"):
            reply = await stage.client.post("/graphql", content=content)
            assert reply.status_code == 400
        reply = await stage.client.post("/v2/network-volumes", content=b'{"a": ' + deep + b"}")
        assert reply.status_code == 422

    play(tmp_path, scene)


def test_a_saved_endpoint_keeps_the_fields_that_are_not_given(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        first = (
            await ask(
                stage,
                SAVE,
                input={"name": "x", "type": "LB", "workersMax": 3, "scalerType": "REQUEST_COUNT"},
            )
        )["saveEndpoint"]
        second = (await ask(stage, SAVE, input={"id": first["id"], "name": "x", "workersMin": 1}))[
            "saveEndpoint"
        ]
        assert second["type"] == "LB"
        assert (second["workersMin"], second["workersMax"]) == (1, 3)
        assert second["scalerType"] == "REQUEST_COUNT"
        assert second["version"] == first["version"] + 1
        assert second["aiKey"] == first["aiKey"]

    play(tmp_path, scene)


def test_templates_replace_their_variables(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        endpoint = stage.platform.control.endpoints[stage.ids["queue"]]
        query = (
            "mutation saveTemplate($input: SaveTemplateInput) { saveTemplate(input: $input) "
            "{ id env { key value } } }"
        )
        given = {"id": endpoint.template, "env": [{"key": "NEW", "value": "1"}]}
        saved = (await ask(stage, query, input=given))["saveTemplate"]
        assert saved["env"] == [{"key": "NEW", "value": "1"}]
        query = "query getTemplate($id: String!) { podTemplate(id: $id) { env { key value } imageName } }"
        assert (await ask(stage, query, id=endpoint.template))["podTemplate"]["env"] == saved["env"]

    play(tmp_path, scene)


def test_a_template_stays_as_long_as_an_endpoint_uses_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        control = stage.platform.control
        template = (await control.save_template({"name": "shared"})).id
        first, second = [
            await control.save_endpoint({"name": name, "templateId": template, "workersMax": 0})
            for name in ("first", "second")
        ]
        await control.delete_endpoint(first.id)
        assert (
            await control.save_endpoint({"id": second.id, "workersMax": 1})
        ).template == template
        await control.delete_endpoint(second.id)
        assert template not in control.templates

    play(tmp_path, scene)


def test_workers_get_the_secrets_that_their_variables_name(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        query = "mutation secretCreate($input: SecretCreateInput!) { secretCreate(input: $input) { id name } }"
        await ask(stage, query, input={"name": "token", "value": "s3cret"})
        shown = await ask(stage, "{ myself { secrets { id name description createdAt } } }")
        assert shown["myself"]["secrets"][0]["name"] == "token"
        assert "s3cret" not in str(shown)
        control = stage.platform.control
        endpoint = control.endpoints[stage.ids["queue"]]
        await control.save_template(
            {
                "id": endpoint.template,
                "env": [{"key": "TOKEN", "value": "{{ RUNPOD_SECRET_token }}"}],
            }
        )
        async with asyncio.timeout(10):
            while not any("TOKEN" in spec.environ for spec in _engine(stage).specs):
                await asyncio.sleep(0.05)
        assert _engine(stage).specs[-1].environ["TOKEN"] == "s3cret"

    play(tmp_path, scene)


def test_a_login_gets_the_key_when_the_user_approves_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        async with httpx.AsyncClient(base_url=stage.platform.base, trust_env=False) as stranger:
            query = (
                "mutation createFlashAuthRequest { createFlashAuthRequest { id status expiresAt } }"
            )
            begun = (await stranger.post("/graphql", json={"query": query})).json()["data"]
            login = begun["createFlashAuthRequest"]["id"]
            status = (
                "query flashAuthRequestStatus($flashAuthRequestId: String!) "
                "{ flashAuthRequestStatus(flashAuthRequestId: $flashAuthRequestId) { status apiKey } }"
            )
            asked = {"query": status, "variables": {"flashAuthRequestId": login}}
            seen = (await stranger.post("/graphql", json=asked)).json()["data"]
            assert seen["flashAuthRequestStatus"] == {"status": "PENDING", "apiKey": None}
            path = f"/console/flash/login?request={login}"
            assert (await stranger.get(path)).status_code == 401
            assert (await stage.client.get(path)).status_code == 200
            seen = (await stranger.post("/graphql", json=asked)).json()["data"]
            assert seen["flashAuthRequestStatus"]["apiKey"] == stage.platform.key

    play(tmp_path, scene)


def test_volumes_are_the_same_in_both_versions_of_rest(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        given = {"name": "data", "size": 20, "dataCenterId": "EU-RO-1"}
        created = (await stage.client.post("/v1/networkvolumes", json=given)).json()
        assert created == {"id": created["id"], **given}
        assert (await stage.client.get("/v1/networkvolumes")).json() == [created]
        second = (await stage.client.get("/v2/network-volumes")).json()
        assert second["networkVolumes"][0]["dataCenter"] == "EU-RO-1"
        assert second["pagination"] == {"hasNextPage": False}
        path = f"/v2/network-volumes/{created['id']}"
        assert (await stage.client.patch(path, json={"size": 30})).json()["size"] == 30
        shrunk = await stage.client.patch(path, json={"size": 5})
        assert shrunk.status_code == 422
        assert shrunk.headers["content-type"] == "application/problem+json"
        wrong = await stage.client.post("/v2/network-volumes", json={"name": "x", "colour": 1})
        assert wrong.status_code == 422
        assert (await stage.client.delete(path)).status_code == 204
        assert (await stage.client.get(path)).status_code == 404

    play(tmp_path, scene)


@pytest.mark.parametrize("path", ["registries", "registries/x", "global-volumes", "catalog/gpus"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_the_platform_does_not_keep_is_not_accepted(
    tmp_path: Path, path: str, method: str
) -> None:
    async def scene(stage: Stage) -> None:
        answer = await stage.client.request(method, f"/v2/{path}", json={"name": "x"})
        assert answer.status_code == 405
        assert "can only list" in answer.text

    play(tmp_path, scene)


def test_rest_shows_and_changes_endpoints(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": 1})
        path = f"/v2/serverless/{stage.ids['queue']}"
        assert (await stage.client.get(path)).json()["type"] == "QUEUE"
        workers = (await stage.client.get(f"{path}/workers")).json()
        assert workers["summary"]["total"] == 1
        assert workers["workers"][0]["isStale"] is False
        releases = (await stage.client.get(f"{path}/releases")).json()
        assert releases["rollout"]["percentOnLatest"] == 100
        changed = await stage.client.patch(path, json={"workers": {"min": 0, "max": 4}})
        assert changed.json()["workers"]["max"] == 4
        created = await stage.client.post(
            "/v2/serverless",
            json={
                "name": "made",
                "type": "LOAD_BALANCER",
                "image": "x",
                "scaling": {"type": "REQUEST_COUNT", "requestCount": 2},
            },
        )
        assert created.status_code == 201
        assert (await stage.client.delete(path)).status_code == 204
        assert (await stage.client.get(path)).status_code == 404
        assert (await stage.get("health")).status_code == 404

    play(tmp_path, scene)


def test_retired_interfaces_can_answer_410(tmp_path: Path) -> None:
    async def scene() -> None:
        retired = frozenset(["rest-v1", "graphql"])
        platform = await LocalPlatform.start(None, folder=tmp_path, retired=retired)
        try:
            headers = {"authorization": f"Bearer {platform.key}"}
            async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
                reply = await client.get(f"{platform.base}/v1/networkvolumes")
                assert reply.status_code == 410
                asked = {"query": "{ myself { id } }"}
                reply = await client.post(f"{platform.base}/graphql", json=asked)
                assert reply.status_code == 410
                assert (await client.get(f"{platform.base}/v2/network-volumes")).is_success
        finally:
            await platform.close()

    asyncio.run(scene())


def test_deleting_an_app_ends_its_workers_and_jobs(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": 1})
        assert len(_engine(stage).running) == 1
        app = stage.platform.control.app_named("app").id
        query = "mutation deleteFlashApp($id: String!) { deleteFlashApp(flashAppId: $id) }"
        assert (await ask(stage, query, id=app))["deleteFlashApp"] is True
        async with asyncio.timeout(5):
            while _engine(stage).running:
                await asyncio.sleep(0.02)
        assert not stage.platform.control.endpoints

    play(tmp_path, scene)


PATHS = [
    ("POST", "/graphql"),
    ("GET", "/v1/networkvolumes"),
    ("GET", "/v2/network-volumes"),
    ("GET", "/v2/serverless"),
    ("POST", "/v2/flash/runsync"),
    ("POST", "/v2/{queue}/run"),
    ("GET", "/v2/{queue}/health"),
    ("GET", "/v2/{queue}/job-take/w?x=1"),
    ("GET", "/v2/{queue}/ping/w?x=1"),
    ("GET", "/v2/other/health"),
    ("GET", "/lb/{queue}/x"),
    ("GET", "/events"),
    ("GET", "/anything"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nothing_answers_without_the_key(tmp_path: Path, method: str, path: str) -> None:
    async def scene(stage: Stage) -> None:
        url = stage.platform.base + path.format(**stage.ids)
        async with httpx.AsyncClient(trust_env=False) as stranger:
            for headers in ({}, {"authorization": "Bearer wrong"}):
                reply = await stranger.request(
                    method, url, headers=headers, json={"query": "{ myself { id } }"}
                )
                assert reply.status_code == 401
            assert (await stranger.get(f"{stage.platform.base}/ping")).status_code == 200

    play(tmp_path, scene)


def test_a_key_of_an_endpoint_is_for_this_endpoint_only(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key = stage.platform.control.endpoints[stage.ids["queue"]].key
        headers = {"authorization": key}
        async with httpx.AsyncClient(
            base_url=stage.platform.base, headers=headers, trust_env=False
        ) as worker:
            assert (await worker.get(f"/v2/{stage.ids['queue']}/health")).status_code == 200
            assert (await worker.get("/v2/serverless")).status_code == 401
            assert (await worker.get("/v2/other/health")).status_code == 401

    play(tmp_path, scene)


def test_other_host_names_are_refused(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for host in ("evil.example", "localhost.evil.example", "192.168.1.1"):
            reply = await stage.client.get("/ping", headers={"host": host})
            assert reply.status_code == 421
        for host in ("localhost", "LOCALHOST:1", "[::1]:5", "x.localhost"):
            reply = await stage.client.get("/ping", headers={"host": host})
            assert reply.status_code == 200

    play(tmp_path, scene)


def test_uploads_are_taken_only_where_one_was_announced(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for key in ("abc.tar.gz", "..%2f..%2fx.tar.gz", "abc", ""):
            reply = await stage.client.put(f"/artifacts/{key}", content=b"x")
            assert reply.status_code == 404

    play(tmp_path, scene)


def test_the_journal_can_be_followed_and_resumed(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": 1})
        url = f"{stage.platform.base}/events"
        seen: list[str] = []
        async with stage.client.stream("GET", url) as reply:
            async for line in reply.aiter_lines():
                seen.append(line)
                if '"status":"COMPLETED"' in line:
                    break
        ids = [int(line[4:]) for line in seen if line.startswith("id: ")]
        assert ids == sorted(set(ids))
        async with stage.client.stream(
            "GET", url, headers={"last-event-id": str(ids[-2])}
        ) as reply:
            async for line in reply.aiter_lines():
                assert line == f"id: {ids[-1]}"
                break

    play(tmp_path, scene)


def test_the_lines_of_a_worker_are_sent_as_events(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": 1})
        (worker,) = _engine(stage).running
        stage.platform.journal.note("line", worker=worker, endpoint="", stream="stdout", text="hi")
        url = f"/v2/serverless/{stage.ids['queue']}/workers/{worker}/logs"
        async with stage.client.stream("GET", url) as reply:
            async for line in reply.aiter_lines():
                if line.startswith("data: "):
                    assert '"line":"hi"' in line
                    break

    play(tmp_path, scene)


def test_a_deployed_app_finds_its_endpoints_in_the_state_managers_table(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        control = stage.platform.control
        (build,) = control.builds.values()
        id_ = stage.ids["queue"]
        assert build.manifest["resources_endpoints"] == {"queue": f"{stage.platform.base}/v2/{id_}"}
        (environment,) = control.environments.values()
        await stage.post("runsync", {"input": 1})
        assert _engine(stage).specs[0].environ["FLASH_ENVIRONMENT_ID"] == environment.id
        assert _engine(stage).specs[0].volume == "data"

    play(
        tmp_path,
        scene,
        makes_remote_calls=True,
        networkVolumes=[{"name": "data", "size": 10}],
    )
