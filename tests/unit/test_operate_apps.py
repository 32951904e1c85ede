"""Apps and environments are listed, shown, created and deleted, and what can't be done is said."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from flashc.api import removal
from flashc_backends.deploy.lease_state import lease_name, this_holder
from flashc_backends.deploy.variables import Target, secret_name
from tests.support.operated import Operated, codes, operate, refusing

_HERE = Target("app", "production")


def test_apps_are_created_listed_shown_and_deleted(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        assert await on.good("app", "list") == "no apps\n"
        assert (await on.good("app", "create", "shop")).startswith("shop  app")
        assert "shop  app" in await on.good("app", "list")
        assert "no environments" in await on.good("app", "get", "shop")
        (shown,) = await on.json("app", "list")
        assert shown == await on.json("app", "get", "shop")
        assert (shown["name"], shown["environments"], shown["builds"]) == ("shop", [], [])
        assert (
            await on.good("app", "delete", "shop", "--yes") == f"deleted app shop ({shown['id']})\n"
        )
        assert on.names()["apps"] == []

    operate(tmp_path, scene, deployed=False)


def test_an_app_that_exists_or_does_not_exist_is_said(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        assert "an app `app` exists" in await on.bad("app", "create", "app", code="FC622")
        for words in (("get",), ("delete", "--yes")):
            shown = await on.bad("app", words[0], "nope", *words[1:], code="FC615")
            assert "the platform has no app `nope`" in shown
        await on.bad("app", "create", " ", code="FC606")
        assert on.names()["apps"] == ["app"]

    operate(tmp_path, scene)


def test_environments_are_created_with_their_app_listed_and_shown(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        assert "staging" in await on.good("env", "create", "staging", "--app", "shop")
        assert "staging" in await on.good("env", "list", "--app", "shop")
        assert "no endpoints" in await on.good("env", "get", "staging", "--app", "shop")
        shown = await on.json("env", "list", "--app", "shop")
        assert [found["name"] for found in shown["environments"]] == ["staging"]
        assert on.names()["apps"] == ["app", "shop"]
        assert "`staging`" in await on.bad(
            "env", "create", "staging", "--app", "shop", code="FC622"
        )
        shown = await on.bad("env", "get", "prod", "--app", "shop", code="FC607")
        assert "the app `shop` has no environment `prod`" in shown
        assert "its environments: staging" in shown
        await on.bad("env", "list", "--app", "nope", code="FC615")
        await on.bad("env", "delete", "nope", "--yes", code="FC607")

    operate(tmp_path, scene)


def test_an_environment_is_shown_with_the_addresses_of_its_endpoints_and_no_variable(
    tmp_path: Path,
) -> None:
    async def scene(on: Operated) -> None:
        name, base = on.stage.ids["queue"], on.stage.platform.base
        assert f"{base}/v2/{name}" in await on.good("env", "get", "production")
        shown = await on.json("env", "get", "production")
        queue, web = sorted(shown["endpoints"], key=lambda endpoint: str(endpoint["name"]))
        assert queue == {"name": "queue", "id": name, "type": "QB", "url": f"{base}/v2/{name}"}
        assert web["url"].startswith(f"https://{web['id']}.127.0.0.1")

    operate(tmp_path, scene, "queue", "web")


def test_endpoints_are_deleted_by_name_by_id_and_all(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        ids = on.stage.ids
        assert "  -  endpoint  a" in await on.good("undeploy", "a", "--dry-run")
        assert on.names()["endpoints"] == ["a", "b", "c", "d"]
        assert await on.good("undeploy", "a", "--yes") == f"deleted endpoint a ({ids['a']})\n"
        await on.good("undeploy", ids["b"], "-y", "--env", "production")
        assert on.names()["endpoints"] == ["c", "d"]
        shown = await on.json("undeploy", "--all", "--yes")
        assert [found["name"] for found in shown["removed"]["deleted"]] == ["c", "d"]
        assert on.names()["endpoints"] == []
        assert await on.good("undeploy", "--all", "--yes") == "nothing to delete\n"
        assert on.names()["environments"] == ["production"]

    operate(tmp_path, scene, "a", "b", "c", "d")


def test_nothing_is_deleted_without_a_name_a_known_name_and_a_confirmation(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        for names in ((), ("a", "--all")):
            done = await on.flashc("undeploy", *names, "--yes")
            assert (done.code, done.stdout) == (2, "")
        for option in ("--app", "--env"):
            done = await on.flashc("undeploy", "--all", "--yes", option, "")
            assert (done.code, "the name is empty" in done.stderr) == (2, True)
        shown = await on.bad("undeploy", "a", "nope", "--yes", code="FC615")
        assert "app/production has no endpoint `nope`" in shown
        for words in (("undeploy", "a"), ("env", "delete", "production"), ("app", "delete", "app")):
            assert on.stage.ids["a"] in await on.bad(*words, code="FC614")
            await on.bad(*words, "--format", "json", code="FC614")
        await on.good("env", "create", "second")
        assert "2 environments" in await on.bad("undeploy", "a", "--yes", code="FC607")
        assert on.names()["endpoints"] == ["a", "b"]

    operate(tmp_path, scene, "a", "b")


def test_an_environment_is_deleted_with_its_endpoints_and_its_secrets_only(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        account = on.stage.platform.control.account
        mine, other = secret_name(_HERE, "T", "1"), secret_name(Target("app", "other"), "T", "1")
        for name in (mine, other, "TOKEN"):
            await account.create_secret(name, "1", "")
        words = ("env", "delete", "production")
        shown = await on.json(*words, "--dry-run")
        assert shown["removed"] is None
        kinds = [thing["kind"] for thing in shown["things"]]
        assert kinds == ["endpoint", "endpoint", "environment", "secret"]
        assert len((await on.good(*words, "--yes")).splitlines()) == 4
        assert on.names() == {
            "apps": ["app"],
            "environments": [],
            "endpoints": [],
            "secrets": sorted([other, "TOKEN"]),
        }

    operate(tmp_path, scene, "a", "b")


def test_an_app_is_deleted_with_all_its_environments(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        await on.good("env", "create", "second")
        await on.good("app", "create", "other")
        shown = (await on.good("app", "delete", "app", "--yes")).splitlines()
        assert [line.split()[1] for line in shown] == [
            "endpoint",
            "environment",
            "environment",
            "app",
        ]
        assert on.names()["apps"] == ["other"]

    operate(tmp_path, scene)


def test_what_could_not_be_deleted_is_said_and_deleted_the_next_time(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        ids, base = on.stage.ids, on.stage.platform.base
        with refusing(base, "mutation deleteEndpoint", ids["b"]) as between:
            words = ("app", "delete", "app", "--yes", "--format", "json")
            done = await on.flashc(*words, RUNPOD_API_BASE_URL=between)
        assert done.code == 1
        assert codes(done) == ["FC620"]
        assert "3 of 5 could not be deleted" in done.stderr
        assert f"endpoint b ({ids['b']}): deleteEndpoint: it is in use" in done.stderr
        assert f"the endpoint b ({ids['b']}) is left" in done.stderr
        document = msgspec.json.decode(done.stdout)["removed"]
        assert [thing["name"] for thing in document["deleted"]] == ["a", "c"]
        assert [left["thing"]["kind"] for left in document["left"]] == [
            "endpoint",
            "environment",
            "app",
        ]
        assert on.names()["endpoints"] == ["b"]
        await on.good("app", "delete", "app", "--yes")
        assert on.names()["apps"] == []
        assert on.names()["secrets"] == []

    operate(tmp_path, scene, "a", "b", "c")


@pytest.mark.parametrize(
    ("file", "content", "code"),
    [
        ("pyproject.toml", b"[tool.flashc\napp = 'other'\n", "FC008"),
        ("pyproject.toml", b"[tool.flashc]\nap = 'other'\n", "FC008"),
        ("pyproject.toml", b"[tool.flashc]\napp = 7\n", "FC008"),
        (".env", b"RUNPOD_API_KEY=\xff\n", "FC003"),
    ],
)
def test_nothing_is_deleted_if_the_configuration_may_mean_another_app(
    tmp_path: Path, file: str, content: bytes, code: str
) -> None:
    async def scene(on: Operated) -> None:
        (on.operator.project / file).write_bytes(content)
        for words in (("undeploy", "--all", "--yes"), ("env", "delete", "production", "--yes")):
            await on.bad(*words, code=code)
        assert on.names()["endpoints"] == ["queue"]

    operate(tmp_path, scene)


@pytest.mark.parametrize("process", [1, 2**22 + 1], ids=["lives", "is dead"])
def test_nothing_is_deleted_while_another_process_deploys(
    tmp_path: Path, process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_LEASE_TIMEOUT", 0.0)

    async def scene(on: Operated) -> None:
        holder = msgspec.structs.replace(this_holder(60.0), process=process)
        account = on.stage.platform.control.account
        description = msgspec.json.encode(holder).decode()
        await account.create_secret(lease_name(_HERE), "-", description)
        words = ("undeploy", "--all", "--yes")
        if process == 1:
            shown = await on.bad(*words, code="FC610", status=3)
            assert f"process {process} on" in shown
            assert on.names()["endpoints"] == ["queue"]
        else:
            await on.good(*words)
            assert on.names() == {
                "apps": ["app"],
                "environments": ["production"],
                "endpoints": [],
                "secrets": [],
            }

    operate(tmp_path, scene)
