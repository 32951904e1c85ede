"""The plan of workers on this machine: data, from which nothing is started."""

from __future__ import annotations

from pathlib import Path

from flashc_backends.platform.local_workers import plan_workers
from flashc_backends.platform.service import Platform
from flashc_backends.write import unpack
from tests.support.projects import built, write

FILES = {
    "w.py": "from runpod_flash import Endpoint\n\n@Endpoint(name='q')\nasync def q(): ...\n\n"
    "api = Endpoint(name='api')\n\n@api.get('/x')\nasync def x(): ...\n"
    "llm = Endpoint(name='llm', image='org/llm:1')\n"
}


def test_each_worker_has_a_command_a_folder_and_variables_of_its_own(tmp_path: Path) -> None:
    app = write(tmp_path / "app", FILES)
    unpack(built(app, tmp_path / "a.tar.gz"), tmp_path / "unpacked")
    platform = Platform(app_dir=tmp_path / "unpacked")
    given = {"PATH": "/bin", "SECRET": "x", "HOME": "/root"}
    api, queue = plan_workers(platform, "/usr/bin/python3", given)
    assert (api.resource, queue.resource) == ("api", "q")
    assert api.command[:4] == ("/usr/bin/python3", "-m", "uvicorn", "handler_api:app")
    assert queue.command[:3] == ("/usr/bin/python3", "handler_q.py", "--rp_serve_api")
    for plan in (api, queue):
        assert plan.url.rpartition(":")[2] in plan.command
        assert plan.folder == tmp_path / "unpacked"
        assert plan.environment["FLASH_RESOURCE_NAME"] == plan.resource
        assert plan.environment["PATH"] == "/bin"
        assert "SECRET" not in plan.environment
        assert not plan.log.exists()
    assert ("FLASH_ENDPOINT_TYPE" in api.environment) > ("FLASH_ENDPOINT_TYPE" in queue.environment)
