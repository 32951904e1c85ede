"""Apps, builds, endpoints, templates and secrets by the GraphQL API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from tests.support.platform_stage import Stage, archive, play


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
        spec = next(spec for spec in stage.engine.specs if spec.endpoint == endpoint["id"])
        assert spec.environ["A"] == "b"
        assert spec.environ["RUNPOD_ENDPOINT_ID"] == endpoint["id"]
        assert (spec.artifact / "flash_manifest.json").exists()

    play(tmp_path, scene)


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


def test_a_refused_endpoint_leaves_no_template(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        control = stage.platform.control
        own = control.endpoints[stage.ids["queue"]]
        before = dict(control.templates)
        given = {"name": "x", "template": {"name": "t", "imageName": "other"}}
        wrong = {"flashEnvironmentId": "none"}, {"templateId": "none"}, {"workersMax": -1}
        for each in wrong:
            await refused(stage, SAVE, input={**given, **each})
            await refused(stage, SAVE, input={**given, "id": own.id, **each})
        assert dict(control.templates) == before
        saved = (await ask(stage, SAVE, input={**given, "id": own.id}))["saveEndpoint"]
        assert saved["templateId"] == own.template
        assert control.templates[saved["templateId"]].image == "other"

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
            while not any("TOKEN" in spec.environ for spec in stage.engine.specs):
                await asyncio.sleep(0.05)
        assert stage.engine.specs[-1].environ["TOKEN"] == "s3cret"

    play(tmp_path, scene)


def test_deleting_an_app_ends_its_workers_and_jobs(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": 1})
        assert len(stage.engine.running) == 1
        app = stage.platform.control.app_named("app").id
        query = "mutation deleteFlashApp($id: String!) { deleteFlashApp(flashAppId: $id) }"
        assert (await ask(stage, query, id=app))["deleteFlashApp"] is True
        async with asyncio.timeout(5):
            while stage.engine.running:
                await asyncio.sleep(0.02)
        assert not stage.platform.control.endpoints

    play(tmp_path, scene)


def test_a_deployed_app_finds_its_endpoints_in_the_state_managers_table(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        control = stage.platform.control
        (build,) = control.builds.values()
        id_ = stage.ids["queue"]
        assert build.manifest["resources_endpoints"] == {"queue": f"{stage.platform.base}/v2/{id_}"}
        (environment,) = control.environments.values()
        await stage.post("runsync", {"input": 1})
        assert stage.engine.specs[0].environ["FLASH_ENVIRONMENT_ID"] == environment.id
        assert stage.engine.specs[0].volume == "data"

    play(
        tmp_path,
        scene,
        makes_remote_calls=True,
        networkVolumes=[{"name": "data", "size": 10}],
    )


def test_of_equal_names_that_are_created_at_once_one_is_accepted(tmp_path: Path) -> None:
    secret = "mutation m($input: SecretCreateInput!) { secretCreate(input: $input) { id name } }"
    environment = (
        "mutation m($input: CreateFlashEnvironmentInput!) "
        "{ createFlashEnvironment(input: $input) { id name } }"
    )

    async def created(stage: Stage, query: str, given: dict[str, str]) -> int:
        body = {"query": query, "variables": {"input": given}}
        replies = await asyncio.gather(
            *(stage.client.post("/graphql", json=body) for _ in range(9))
        )
        return sum("errors" not in reply.json() for reply in replies)

    async def scene(stage: Stage) -> None:
        assert await created(stage, CREATE_APP, {"name": "shop"}) == 1
        app = (await ask(stage, BY_NAME, flashAppName="shop"))["flashAppByName"]["id"]
        assert await created(stage, environment, {"flashAppId": app, "name": "prod"}) == 1
        assert await created(stage, secret, {"name": "token", "value": "x"}) == 1

    play(tmp_path, scene)


def test_an_endpoint_that_the_manifest_gets_last_is_rolled_out(tmp_path: Path) -> None:
    """Tools that change no code create the endpoint first, and write the manifest of the running build last."""

    async def scene(stage: Stage) -> None:
        control = stage.platform.control
        control.roll_delay = 0.0
        (environment,) = control.environments.values()
        build = control.builds[environment.build or ""]
        resources = build.manifest["resources"]
        fields = {"name": "late", "flashEnvironmentId": environment.id, "workersMin": 1}
        endpoint = await control.save_endpoint(fields)
        await asyncio.sleep(0.05)  # it was rolled out without a release
        workers = stage.platform.core.dispatchers[endpoint.id].pool.workers
        assert not workers
        known = {**resources, "late": resources["queue"]}
        await control.set_manifest(build.id, {**build.manifest, "resources": known})
        async with asyncio.timeout(10):
            while not stage.platform.core.dispatchers[endpoint.id].pool.workers:
                await asyncio.sleep(0.01)

    play(tmp_path, scene)
