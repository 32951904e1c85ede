"""An app is deployed, changed, moved, rolled back and removed, with real workers, beside constant load."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.client_machine import Machine, platform
from tests.support.shown_curl import answer

QUEUE = """
from flashc import Endpoint

@Endpoint(name="adder", cpu="cpu3c-1-2", workers=(1, 2), env={{"MODE": "{mode}"}})
async def add(a: int, b: int):
    return {{"sum": a + b, "release": {release}}}
"""
BALANCED = """
from flashc import Endpoint

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=({least}, 2))

@api.post("/double")
async def double(x: int):
    from queue_worker import add
    return {{"x": (await add(x, x))["sum"], "release": {release}}}
"""
SLEEPING = """
from flashc import Endpoint

@Endpoint(name="later", cpu="cpu3c-1-2", workers=(0, 1))
async def later():
    return 1
"""
# Nothing in this source tells that the import fails on a worker.
CRASHING = '\nimport socket\nsocket.gethostbyname("no.such.name.invalid")\n'


def write(app: Path, *, release: int = 1, mode: str = "fast", least: int = 1) -> None:
    """Write the app: a queue endpoint, and a load-balanced one that calls it; for the Python of this machine."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    (app / "pyproject.toml").write_text(f'[tool.flashc]\npython-version = "{python}"\n')
    (app / "queue_worker.py").write_text(QUEUE.format(release=release, mode=mode))
    (app / "web_worker.py").write_text(BALANCED.format(release=release, least=least))


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


def plan_of(machine: Machine, *words: str) -> dict[str, str]:
    """Return what a plan does with each endpoint."""
    document = json.loads(machine.ours("plan", "--format", "json", *words))
    return {step["name"]: step["action"] for step in document["steps"]}


def deployed(machine: Machine, *words: str) -> dict[str, str]:
    """Deploy, and return the ids of the endpoints by name."""
    shown = json.loads(machine.ours("deploy", "--format", "json", *words))
    return {found["name"]: found["id"] for found in shown["deployed"]["endpoints"]}


def workers(machine: Machine, endpoint: str) -> set[str]:
    """Return the ids of the workers of an endpoint that serve."""
    with machine.client() as client:
        found = client.get(f"/v2/serverless/{endpoint}/workers").json()["workers"]
    return {worker["id"] for worker in found if worker["status"] in ("RUNNING", "IDLE")}


class Load:
    """Sends requests to an app all the time: `answers` are pairs of a time and a release, `failures` texts."""

    def __init__(self, machine: Machine, ids: dict[str, str]) -> None:
        self.answers: dict[str, list[tuple[float, int]]] = {"adder": [], "api": []}
        self.failures: list[str] = []
        self._machine = machine
        self._stop = threading.Event()
        self._calls = {
            "adder": (f"/v2/{ids['adder']}/runsync", {"input": {"a": 1, "b": 2}}),
            "api": (f"/lb/{ids['api']}/double", {"x": 2}),
        }

    def run(self, name: str) -> None:
        """Send requests to one endpoint until the load ends."""
        path, body = self._calls[name]
        with self._machine.client() as client:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    reply = client.post(path, json=body)
                    found: Any = reply.json()
                    output = found.get("output") if name == "adder" else found
                    self.answers[name].append((began, output["release"]))
                except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                    self.failures.append(f"{name}: {error!r}")

    def stop(self) -> None:
        """End the load."""
        self._stop.set()

    def last_of(self, name: str, release: int) -> float:
        """Return when the last request began that an endpoint answered with a release."""
        return max((at for at, found in self.answers[name] if found == release), default=0.0)


@contextmanager
def load(machine: Machine, ids: dict[str, str]) -> Generator[Load]:
    """Send requests to both endpoints while the block runs."""
    running = Load(machine, ids)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(running.run, name) for name in running.answers]
        try:
            time.sleep(0.5)
            yield running
        finally:
            running.stop()
    for each in done:
        each.result()


def test_a_first_deployment_prints_requests_that_work(machine: Machine, app: Path) -> None:
    shown = machine.ours("deploy")
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
