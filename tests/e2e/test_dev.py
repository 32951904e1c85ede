"""`flashc dev` replaces what an edit touches and nothing else, loses no request, and leaves nothing."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.projects import write
from tests.support.sessions import SECONDS, Session, dev_session

HEAD = "from runpod_flash import Endpoint\n\n"
FILES = {
    "web.py": HEAD
    + """import asyncio
import os

api = Endpoint(name="web", cpu="cpu3c-1-2")

@api.get("/version")
async def version() -> dict:
    return {"version": 0, "pid": os.getpid()}

@api.get("/slow")
async def slow() -> dict:
    print("begun", flush=True)
    await asyncio.sleep(1.5)
    return {"version": 0}
""",
    "work.py": HEAD
    + """import asyncio
import os

@Endpoint(name="work", cpu="cpu3c-1-2")
async def work(seconds: float) -> dict:
    print("begun", seconds, flush=True)
    await asyncio.sleep(seconds)
    return {"version": 0, "pid": os.getpid()}
""",
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("dev")
    with dev_session(write(folder / "app", FILES), folder / "state") as running:
        assert running.ready["engine"] == "process"
        yield running
    assert list((folder / "state" / "previews").iterdir()) == []


def version_in(session: Session, path: str) -> int:
    text = (session.project / path).read_text(encoding="utf-8")
    return int(text.partition('"version": ')[2].partition(",")[0].partition("}")[0])


def replaced(session: Session, path: str, endpoint: str) -> int:
    """Increase the version in a file, and wait until it is there."""
    old = version_in(session, path)
    session.replaced(path, f'"version": {old}', f'"version": {old + 1}', endpoint)
    return old + 1


def test_a_request_that_is_answered_gets_the_old_code_and_the_next_one_the_new(
    session: Session,
) -> None:
    old = session.get("/version")["version"]
    number = len(session.events)
    with ThreadPoolExecutor() as pool:
        in_flight = pool.submit(session.get, "/slow")
        session.wait("line", number, text="begun")
        new = replaced(session, "web.py", "web")
        assert session.get("/version")["version"] == new == old + 1
        assert not in_flight.done()
        assert in_flight.result()["version"] == old
    assert session.get("/slow")["version"] == new


def test_a_job_that_runs_gets_the_old_code_and_the_next_one_the_new(session: Session) -> None:
    old = session.job("work", seconds=0)["version"]
    number = len(session.events)
    with ThreadPoolExecutor() as pool:
        in_flight = pool.submit(session.job, "work", seconds=1.5)
        session.wait("line", number, text="begun 1.5")
        new = replaced(session, "work.py", "work")
        assert session.job("work", seconds=0)["version"] == new == old + 1
        assert in_flight.result()["version"] == old


def test_an_endpoint_that_is_not_touched_keeps_its_worker(session: Session) -> None:
    web, work = session.get("/version"), session.job("work", seconds=0)
    number = len(session.events)
    replaced(session, "work.py", "work")
    reloaded = session.wait("reloaded", number)
    assert (reloaded["touched"], reloaded["kept"]) == (["work"], ["web"])
    assert session.get("/version")["pid"] == web["pid"]
    assert session.job("work", seconds=0)["pid"] != work["pid"]


def test_a_file_with_an_error_changes_nothing_until_it_is_corrected(session: Session) -> None:
    before = session.get("/version")
    number = session.edit("web.py", "async def version", "async dof version")
    (found,) = session.wait("findings", number)["findings"]
    assert (found["path"], found["severity"]) == ("web.py", "error")
    session.wait("kept-old", number)
    assert session.get("/version") == before
    number = session.edit("web.py", "async dof version", "async def version")
    assert session.wait("reloaded", number)["touched"] == []
    assert replaced(session, "web.py", "web") == session.get("/version")["version"]


def test_code_that_does_not_start_leaves_the_old_workers(session: Session) -> None:
    before = session.get("/version")
    number = session.edit("web.py", "import asyncio\n", "import asyncio\nopen('/no/model')\n")
    session.wait("worker", number, endpoint="web", state="crashed")
    session.wait("release", number, endpoint="web", state="rolled back")
    assert session.get("/version") == before
    session.edit("web.py", "open('/no/model')\n", "")
    replaced(session, "web.py", "web")


def test_an_endpoint_comes_and_goes(session: Session) -> None:
    number = len(session.events)
    write(session.project, {"more.py": FILES["work.py"].replace('"work"', '"more"')})
    session.wait("release", number, endpoint="more", state="rolled out")
    assert session.wait("reloaded", number)["touched"] == ["more"]
    number = len(session.events)
    (session.project / "more.py").unlink()
    assert session.wait("reloaded", number)["removed"] == ["more"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_when_it_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    with dev_session(write(tmp_path / "app", FILES), tmp_path / "state") as session:
        assert session.get("/version")["version"] == 0
        session.process.send_signal(number)
        expected = 0 if number == signal.SIGTERM else -number
        assert session.process.wait(SECONDS) == expected


def test_a_project_with_errors_runs_as_soon_as_they_are_corrected(tmp_path: Path) -> None:
    broken = {**FILES, "work.py": FILES["work.py"].replace("async def", "async dof")}
    with dev_session(write(tmp_path / "app", broken), tmp_path / "state") as session:
        session.wait("note", text="nothing runs until you correct the errors")
        session.edit("work.py", "async dof", "async def")
        assert session.job("work", seconds=0)["version"] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_workers_are_forked_unless_they_need_an_interpreter_of_their_own(tmp_path: Path) -> None:
    source = HEAD + (
        '@Endpoint(name="NAME", cpu="cpu3c-1-2", env=ENV)\n'
        "async def run() -> dict:\n"
        "    import os, sys\n"
        "    from pathlib import Path\n"
        "    import runpod\n"
        '    program = Path("/proc/self/cmdline").read_text().split(chr(0))\n'
        '    return {"program": next(Path(w).stem for w in program if w.endswith(".py")),\n'
        '            "given": os.environ.get("GIVEN"), "argv": sys.argv,\n'
        '            "seed": os.environ.get("PYTHONHASHSEED")}\n'
    )
    files = {
        "warm.py": source.replace("NAME", "warm").replace("ENV", "{'GIVEN': '1'}"),
        "cold.py": source.replace("NAME", "cold").replace("ENV", "{'PYTHONHASHSEED': '1'}"),
    }
    with dev_session(write(tmp_path / "app", files), tmp_path / "state") as session:
        warm, cold = session.job("warm", __empty=True), session.job("cold", __empty=True)
        assert (warm["program"], warm["given"], warm["argv"]) == ("zygote", "1", ["handler.py"])
        assert (cold["program"], cold["seed"], cold["argv"]) == ("worker", "1", ["handler.py"])
        number = len(session.events)
        write(
            session.project, {"fastapi.py": ""}
        )  # Python would find it before the image's package
        found = session.wait("findings", number)["findings"]
        assert ("FC404", "fastapi.py") in [(item["code"], item["path"]) for item in found]
        assert session.job("warm", __empty=True) == warm


@pytest.mark.parametrize("way", ["open", "closed"])
def test_it_goes_on_if_nobody_reads_what_it_prints(tmp_path: Path, way: str) -> None:
    with dev_session(write(tmp_path / "app", FILES), tmp_path / "state", is_read=False) as session:
        session.read_until("ready")
        stdout = session.process.stdout
        assert stdout is not None
        if way == "closed":
            stdout.close()
        for _ in range(20):
            with session.client() as client:  # each line of the log is larger than the pipe's rest
                client.get(f"{session.url('web')}/{'x' * 6000}")
        session.edit("web.py", '"version": 0, "pid"', '"version": 1, "pid"')
        deadline = time.monotonic() + SECONDS
        while session.get("/version")["version"] == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert session.get("/version")["version"] == 1
        if way == "open":  # a reader that was slow misses nothing
            session.read()
            session.wait("request", status=404)
            session.wait("release", endpoint="web", state="rolled out")
        assert session.end() == 0


def test_a_data_file_replaces_the_workers_that_open_it(tmp_path: Path) -> None:
    work = FILES["work.py"].replace('"version": 0', '"version": int(open("number.txt").read())')
    files = {**FILES, "work.py": work, "number.txt": "1\n", "README.md": "1\n"}
    with dev_session(write(tmp_path / "app", files), tmp_path / "state") as session:
        web, before = session.get("/version"), session.job("work", seconds=0)
        number = session.edit("README.md", "1", "2")
        assert session.wait("reloaded", number)["touched"] == []
        number = session.edit("number.txt", "1", "2")
        assert session.wait("reloaded", number)["touched"] == ["work"]
        session.wait("release", number, endpoint="work", state="rolled out")
        after = session.job("work", seconds=0)
        assert (before["version"], after["version"]) == (1, 2)
        assert before["pid"] != after["pid"]
        assert session.get("/version")["pid"] == web["pid"]
