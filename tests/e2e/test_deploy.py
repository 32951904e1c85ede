"""An app is deployed, changed, moved, rolled back and removed, with real workers, beside constant load."""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.support.client_machine import Machine, platform
from tests.support.deployed_app import (
    CRASHING,
    QUEUE,
    SLEEPING,
    SMOKE,
    STREAMING,
    deployed,
    load,
    plan_of,
    workers,
    write,
)
from tests.support.operated import without_rest_v2
from tests.support.projects import EXAMPLES
from tests.support.shown_curl import answer


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("deploy"), cache_folder)
    with platform(made):
        yield made


@pytest.fixture
def app(machine: Machine, request: pytest.FixtureRequest) -> Iterator[Path]:
    """An app of the test's own; at the end it has no endpoint any more."""
    machine.app = machine.folder / request.node.name.removeprefix("test_")[:40]
    machine.app.mkdir()
    write(machine.app)
    yield machine.app
    with machine.client() as client:
        for endpoint in client.get("/v2/serverless").json()["endpoints"]:
            client.delete(f"/v2/serverless/{endpoint['id']}")


def test_a_first_deployment_prints_requests_that_work(machine: Machine, app: Path) -> None:
    with (app / "pyproject.toml").open("a") as file:
        file.write(SMOKE)
    shown = machine.ours("deploy")
    assert "Smoke calls: 3 passed.\n" in shown
    assert "Queue-based endpoints:\n  adder  http" in shown
    assert "\n    POST /double\n" in shown
    requests = [line.strip() for line in shown.splitlines() if line.strip().startswith("curl ")]
    assert len(requests) == 2
    with machine.client() as client:
        key = client.headers["authorization"].removeprefix("Bearer ")
        ids = machine.endpoints()
        # This machine has no names for load-balanced endpoints: their URLs without names are equal.
        base = str(client.base_url).rstrip("/")
    for request in requests:
        local = request.replace("$RUNPOD_API_KEY", key)
        name = f"https://{ids['api']}.localhost:{base.rpartition(':')[2]}"
        assert "release" in answer(local.replace(name, f"{base}/lb/{ids['api']}"))
    write(app, release=2)
    with (app / "pyproject.toml").open("a") as file:
        file.write(SMOKE)
    machine.ours("deploy", status=1)
    told = machine.output.read_text()
    assert told.count("error[FC631]") == 2
    assert 'a smoke call of `api` failed: the answer is {"x": 4, "release": 2}, not' in told
    assert machine.runsync(ids["adder"], {"a": 1, "b": 2}) == {"sum": 3, "release": 1}


def test_a_second_deployment_changes_nothing(machine: Machine, app: Path) -> None:
    first = deployed(machine)
    before = {name: workers(machine, found) for name, found in first.items()}
    builds = machine.ours("history")
    assert machine.ours("plan").endswith("nothing to do\n")
    assert deployed(machine) == first
    assert machine.ours("history") == builds
    assert {name: workers(machine, found) for name, found in first.items()} == before


def test_another_machine_sees_the_same(machine: Machine, app: Path, tmp_path: Path) -> None:
    first = deployed(machine)
    elsewhere = tmp_path / app.name
    shutil.copytree(app, elsewhere, ignore=shutil.ignore_patterns(".flash"))
    machine.app = elsewhere
    assert set(plan_of(machine).values()) == {"unchanged"}
    write(elsewhere, release=2)
    assert deployed(machine) == first


def test_new_code_replaces_workers_without_a_failed_request(machine: Machine, app: Path) -> None:
    ids = deployed(machine)
    with load(machine, ids) as running:
        write(app, release=2)
        assert deployed(machine) == ids
        done = time.monotonic()
        time.sleep(0.5)
    assert running.failures == []
    for name in running.answers:
        releases = [release for _, release in running.answers[name]]
        assert releases[0] == 1
        assert releases[-1] == 2
        # When the command has ended, only the new release answers.
        assert running.last_of(name, 1) < done


def test_workers_tell_which_build_they_run_where_the_platform_does_not(
    machine: Machine, app: Path
) -> None:
    (app / "more.py").write_text(STREAMING)
    with machine.client() as client, without_rest_v2(str(client.base_url).rstrip("/")) as base:
        shown = json.loads(machine.ours("deploy", "--format", "json", RUNPOD_API_BASE_URL=base))
        ids = {found["name"]: found["id"] for found in shown["deployed"]["endpoints"]}
        assert "FC613" not in machine.output.read_text()
        with load(machine, ids) as running:
            write(app, release=2)
            machine.ours("deploy", RUNPOD_API_BASE_URL=base)
            done = time.monotonic()
            time.sleep(0.5)
        assert "FC613" not in machine.output.read_text()
        assert running.failures == []
        for name in running.answers:
            assert running.last_of(name, 1) < done
        reply = client.get(f"/lb/{ids['api']}/ping").json()
    manifest = json.loads((app / ".flash/flash_manifest.json").read_text())
    assert reply == {"status": "healthy", "build": manifest["identity"]}
    question = {"__flashc.identity": True}
    assert machine.runsync(ids["adder"], question) == manifest["identity"]
    assert machine.runsync(ids["numbers"], question) == [manifest["identity"]]
    assert machine.runsync(ids["numbers"], {"first": 3}) == [3, 4]


def test_limits_change_in_place(machine: Machine, app: Path) -> None:
    ids = deployed(machine)
    before = workers(machine, ids["adder"])
    (app / "queue_worker.py").write_text(
        QUEUE.format(release=1, mode="fast").replace("workers=(1, 2)", "workers=(1, 3)")
    )
    # The file is code too, so that the workers would be replaced for it.
    assert plan_of(machine) == {"adder": "restart", "api": "restart"}
    shown = json.loads(machine.ours("plan", "--format", "json"))
    changes = {c["setting"]: c for step in shown["steps"] for c in step["changes"]}
    assert changes["most workers"] == {
        "setting": "most workers",
        "before": "2",
        "after": "3",
        "restarts": False,
    }
    deployed(machine)
    assert len(workers(machine, ids["adder"]) & before) == 0


def test_an_endpoint_that_left_the_code_is_deleted_only_by_its_name(
    machine: Machine, app: Path
) -> None:
    (app / "more.py").write_text(SLEEPING)
    ids = deployed(machine)
    (app / "more.py").unlink()
    assert plan_of(machine)["later"] == "leave"
    deployed(machine)
    assert machine.endpoints() == ids
    machine.ours("deploy", "--prune", "later", status=1)
    assert "deleting endpoints needs a confirmation: later" in machine.output.read_text()
    assert "later" in machine.endpoints()
    machine.ours("deploy", "--prune", "later", "--yes")
    assert machine.endpoints().keys() == {"adder", "api"}


def test_a_renamed_endpoint_is_a_new_one_beside_the_old_one_until_that_is_deleted(
    machine: Machine, app: Path
) -> None:
    before = deployed(machine)
    source = app / "queue_worker.py"
    source.write_text(source.read_text().replace('"adder"', '"summer"'))
    assert plan_of(machine) == {"adder": "leave", "api": "restart", "summer": "create"}
    with load(machine, before, ("api",)) as running:  # which calls the renamed endpoint
        after = deployed(machine)
        assert after["api"] == before["api"]
        assert machine.endpoints() == {**before, **after}
        assert machine.runsync(before["adder"], {"a": 1, "b": 2})["sum"] == 3  # for old callers
        machine.ours("deploy", "--prune", "adder", "--yes")
        time.sleep(0.5)
    assert running.failures == []
    assert machine.endpoints() == after
    assert machine.runsync(after["summer"], {"a": 1, "b": 2})["sum"] == 3
    assert set(plan_of(machine).values()) == {"unchanged"}


def test_two_first_deployments_at_once_give_one_app(
    machine: Machine, app: Path, tmp_path: Path
) -> None:
    """The second one waits, and changes what the first one has made."""
    machines = []
    for release in (1, 2):
        other = copy.copy(machine)
        other.folder = tmp_path / str(release)
        other.app = other.folder / app.name
        other.output = other.folder / "output"
        other.app.mkdir(parents=True)
        write(other.app, release=release)
        machines.append(other)
    with ThreadPoolExecutor(2) as pool:
        ids = list(pool.map(deployed, machines))
    assert ids[0] == ids[1] == machine.endpoints()
    waited = ["waiting for another deployment" in m.output.read_text() for m in machines]
    assert waited in ([True, False], [False, True])
    last = waited.index(True)
    assert set(plan_of(machines[last]).values()) == {"unchanged"}
    assert set(plan_of(machines[1 - last]).values()) == {"restart"}
    assert machine.runsync(ids[0]["adder"], {"a": 1, "b": 2})["release"] == last + 1
    machine.app = machines[last].app
    assert len(machine.ours("history").splitlines()) == 2
    assert len(json.loads(machine.ours("env", "list", "--format", "json"))["environments"]) == 1
    assert "flash_lease" not in machine.ours("secret", "list", "--all")


def test_an_endpoint_that_gets_another_type_is_a_new_one(machine: Machine, app: Path) -> None:
    (app / "more.py").write_text(SLEEPING)
    ids = deployed(machine)
    (app / "more.py").write_text(
        'from flashc import Endpoint\n\nlater = Endpoint(name="later", cpu="cpu3c-1-2")\n'
        '\n@later.get("/")\nasync def get():\n    return 1\n'
    )
    assert plan_of(machine)["later"] == "recreate"
    machine.ours("deploy", status=1)
    assert machine.endpoints() == ids
    assert deployed(machine, "--yes")["later"] != ids["later"]
    assert machine.endpoints().keys() == ids.keys()


def test_two_environments_have_their_own_endpoints(machine: Machine, app: Path) -> None:
    first = deployed(machine, "--env", "staging")
    second = deployed(machine, "--env", "live")
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())
    machine.ours("deploy", status=1)
    assert "has 2 environments: live, staging" in machine.output.read_text()
    assert set(plan_of(machine, "--env", "staging").values()) == {"unchanged"}


def test_a_rollback_returns_to_the_code_and_the_settings(machine: Machine, app: Path) -> None:
    ids = deployed(machine)
    write(app, release=2, mode="slow")
    deployed(machine)
    with load(machine, ids) as running:
        machine.ours("rollback")
        done = time.monotonic()
        time.sleep(0.5)
    assert running.failures == []
    assert [running.answers[name][-1][1] for name in running.answers] == [1, 1]
    assert running.last_of("adder", 2) < done
    assert plan_of(machine) == {"adder": "restart", "api": "restart"}


def test_a_release_that_does_not_start_is_taken_back(machine: Machine, app: Path) -> None:
    ids = deployed(machine)
    with load(machine, ids) as running:
        write(app, release=2)
        with (app / "web_worker.py").open("a") as file:
            file.write(CRASHING)
        machine.ours("deploy", status=1)
        time.sleep(0.5)
    shown = machine.output.read_text()
    assert "error[FC611]: the workers of `api` end before they are ready" in shown
    assert "socket.gaierror" in shown
    assert running.failures == []
    assert {release for _, release in running.answers["api"]} == {1}
    assert running.answers["adder"][-1][1] == 1
    assert machine.endpoints() == ids


def test_a_saved_plan_is_done_exactly_or_not_at_all(machine: Machine, app: Path) -> None:
    deployed(machine)
    write(app, release=2)
    machine.ours("plan", "-o", "plan.json", status=2)  # it would be a file of the app
    saved = ".flash/plan.json"
    machine.ours("plan", "-o", saved)
    write(app, release=3)
    machine.ours("deploy", "--plan", saved, status=1)
    assert "FC609" in machine.output.read_text()
    write(app, release=2)
    deployed(machine, "--plan", saved)
    assert set(plan_of(machine).values()) == {"unchanged"}
    machine.ours("deploy", "--plan", saved, status=1)


def test_the_steps_of_the_example_workflow_run(machine: Machine, app: Path, tmp_path: Path) -> None:
    """Each command of flashc runs as GitHub runs it: with `bash -e`, from the folder of the app."""
    program = tmp_path / "flashc"
    path = machine.environ["PYTHONPATH"]
    program.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} -m flashc "$@"\n')
    program.chmod(0o755)
    jobs = yaml.safe_load((EXAMPLES / "github" / "flashc-deploy.yml").read_text())["jobs"]
    steps = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    commands = [step for step in steps if step.startswith("flashc ")]
    assert [step.split()[1] for step in commands] == ["check", "plan", "deploy"]
    given = {"RUNNER_TEMP": str(tmp_path), "FLASHC_ENV": "production", "GITHUB_ACTIONS": "true"}
    words = [f"{name}={value}" for name, value in given.items()]
    words.append(f"PATH={tmp_path}{os.pathsep}{os.environ['PATH']}")
    for step in commands:
        machine.run("env", *words, "bash", "-e", "-c", step)
    assert "`adder` | create |" in (tmp_path / "plan.md").read_text()
    shown = json.loads((tmp_path / "deployed.json").read_text())
    assert {e["name"]: e["id"] for e in shown["deployed"]["endpoints"]} == machine.endpoints()


def test_a_value_of_the_environment_is_only_a_secret_of_the_platform(
    machine: Machine, app: Path
) -> None:
    (app / "more.py").write_text(
        "import os\n" + SLEEPING.replace("workers=(0, 1)", 'env={"T": os.environ["T_VALUE"]}')
    )
    machine.ours("deploy", status=1)
    assert "comes from `T_VALUE`, which is not set" in machine.output.read_text()
    (app / "more.py").write_text(
        (app / "more.py").read_text().replace("return 1", 'return os.environ["T"]')
    )
    shown = machine.ours("deploy", T_VALUE="hidden-1")
    ids = machine.endpoints()
    assert machine.runsync(ids["later"], {"__empty": True}) == "hidden-1"
    shown += machine.ours("plan", "--format", "json", T_VALUE="hidden-2")
    shown += machine.ours("deploy", T_VALUE="hidden-2")
    assert machine.runsync(ids["later"], {"__empty": True}) == "hidden-2"
    files = (app / ".flash").rglob("*")
    kept = b"".join(file.read_bytes() for file in files if file.is_file())
    assert "hidden" not in shown + machine.output.read_text()
    assert b"hidden" not in kept
