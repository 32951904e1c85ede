"""`flashc preview --faults`: real workers die and results get lost, every job has one result, and it happens again."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.support.projects import write
from tests.support.sessions import command, environ, preview

_APP = """
import time
from runpod_flash import Endpoint

@Endpoint(name="double", cpu="cpu3c-1-2")
def double(number: int) -> int:
    time.sleep(0.3)
    return 2 * number
"""
_FAULTS = """
seed = 101

[[fault]]
kind = "death"
endpoint = "double"
at = [3, 7]
seconds = 0.05

[[fault]]
kind = "lost-result"
probability = 0.15

[[fault]]
kind = "late-result"
probability = 0.15
seconds = 4

[[fault]]
kind = "double-result"
probability = 0.3
seconds = 0.1
"""
_JOBS = 10


def _run(project: Path, faults: Path, state: Path) -> list[dict[str, Any]]:
    """Run jobs one after the other; return the faults that happened."""
    with (
        preview(project, "process", state, "--faults", str(faults)) as running,
        running.client() as client,
    ):
        url = running.url("double")
        jobs: set[str] = set()
        for number in range(_JOBS):
            answer = client.post(f"{url}/runsync", json={"input": {"number": number}}).json()
            assert (answer["status"], answer["output"]) == ("COMPLETED", 2 * number)
            jobs.add(answer["id"])
        health = client.get(f"{url}/health").json()["jobs"]
        assert (health["completed"], health["failed"]) == (_JOBS, 0)
        assert health["inQueue"] == health["inProgress"] == 0
        for job in jobs:
            running.wait("job", id=job, status="COMPLETED")
        final = [e for e in running.events if e["event"] == "job" and e["status"] == "COMPLETED"]
        assert sorted(entry["id"] for entry in final) == sorted(jobs)
        running.wait("fault", fault="death", endpoint="double")
        happened = client.get(f"{running.ready['url']}/faults").json()["happened"]
    return [{key: what[key] for key in what if key != "time"} for what in happened]


def test_every_job_has_one_result_and_the_same_seed_gives_the_same_faults(tmp_path: Path) -> None:
    project = write(tmp_path / "app", {"work.py": _APP})
    faults = tmp_path / "faults.toml"
    faults.write_text(_FAULTS, encoding="utf-8")
    first = _run(project, faults, tmp_path / "one")
    kinds = {what["fault"] for what in first}
    assert kinds == {"death", "lost-result", "late-result", "double-result"}
    assert _run(project, faults, tmp_path / "two") == first


def test_a_wrong_file_is_reported_before_anything_starts(tmp_path: Path) -> None:
    project = write(tmp_path / "app", {"work.py": _APP})
    (tmp_path / "faults.toml").write_text('[[fault]]\nkind = "deth"\n', encoding="utf-8")
    for words in (["preview", str(project)], ["dev", str(project)], ["platform"]):
        done = subprocess.run(
            command(*words, "--faults", "faults.toml"),
            env=environ(tmp_path / "state"),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert "FC525" in done.stderr
        assert "faults.toml:2:1" in done.stderr
        assert 'did you mean "death"?' in done.stderr
        assert "Traceback" not in done.stderr


def test_a_fault_for_no_endpoint_of_the_app_is_reported(tmp_path: Path) -> None:
    project = write(tmp_path / "app", {"work.py": _APP})
    text = '[[fault]]\nkind = "network"\nendpoint = "double"\ncaller = "duoble"\n'
    (tmp_path / "faults.toml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        command("preview", str(project), "--plan", "--faults", "faults.toml"),
        env=environ(tmp_path / "state"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "faults.toml:4:1" in done.stderr
    assert "did you mean `double`?" in done.stderr
