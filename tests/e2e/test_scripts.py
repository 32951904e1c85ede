"""Scripts call what is deployed, as the guide of Flash says; a script of Flash's own SDK gets the same answers."""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import replace

import pytest

from tests.support.raw_server import json_answer, serving
from tests.support.shop import WORKER, Shop

RESULT = {"result": "processed", "data": {"input": "data"}, "scale": 2}
IMPORTING = """
import asyncio
import json
from worker import run_inference

async def main():
    print(json.dumps(await run_inference({"input": "data"})))

if __name__ == "__main__":
    asyncio.run(main())
"""
ASKING = IMPORTING.replace("run_inference", "call").replace('{"input": "data"}', "4")
BOTH = pytest.mark.parametrize("theirs", [False, True], ids=["flashc", "runpod_flash"])


# Calls between endpoints ------------------------------------------------------------------------


def test_the_caller_finds_the_target_in_the_manifest_of_its_build_through_the_state_manager(
    shop: Shop,
) -> None:
    script = shop.write("ask.py", ASKING)
    found = shop.answer(script)
    assert found["urls"]["double"].endswith(f"/v2/{shop.ids['double']}")


def test_the_caller_sends_its_request_directly_to_the_target(shop: Shop) -> None:
    method, url = shop.answer(shop.write("ask.py", ASKING))["sent"][-1]
    assert (method, url.partition("/v2/")[2]) == ("POST", f"{shop.ids['double']}/runsync")


def test_the_target_executes_the_function_and_the_caller_gets_its_result(shop: Shop) -> None:
    script = shop.write("ask.py", ASKING)
    assert shop.answer(script)["found"] == 8


def test_an_import_in_the_body_of_a_function_becomes_a_stub(shop: Shop) -> None:
    shown = shop.machine.ours("emit", "--target", "ir")
    assert "call worker:call -> await worker:double(_) on double" in shown


def test_the_stubs_of_imported_functions_are_generated(shop: Shop) -> None:
    with tarfile.open(shop.project / ".flash" / "artifact.tar.gz") as archive:
        stub = archive.extractfile("./_flashc/stubs/worker.py")
        assert stub is not None
        text = stub.read().decode()
    assert 'endpoint_function("double", "worker")' in text
    assert "return 2 * x" not in text


# Calls from scripts -----------------------------------------------------------------------------


@BOTH
def test_functions_can_be_called_from_scripts_after_a_deployment(shop: Shop, theirs: bool) -> None:
    script = shop.write("call_inference.py", IMPORTING)
    before = shop.run(script, theirs=theirs, FLASH_APP="not-deployed")
    assert (before.returncode, "not-deployed" in before.stderr) == (1, True)
    assert shop.answer(script, theirs=theirs) == RESULT


@BOTH
def test_in_most_cases_no_further_configuration_is_needed(shop: Shop, theirs: bool) -> None:
    """Not even a variable: the key is the one that `flashc login` saves."""
    variables = dict(shop.variables)
    home = shop.folder / "home"
    (home / ".runpod").mkdir(parents=True, exist_ok=True)
    saved = f'[default]\napi_key = "{variables.pop("RUNPOD_API_KEY")}"\n'
    (home / ".runpod" / "config.toml").write_text(saved)
    assert not variables.keys() & {"FLASH_APP", "FLASH_ENV", "RUNPOD_API_KEY"}
    machine = replace(shop, variables=variables)
    assert machine.answer(shop.project / "worker.py", theirs=theirs, HOME=str(home)) == RESULT


@BOTH
def test_an_endpoint_is_looked_up_by_its_name_within_the_app_and_the_environment(
    shop: Shop, theirs: bool
) -> None:
    script = shop.write("call_inference.py", IMPORTING)
    assert shop.run(script, theirs=theirs, FLASH_APP="other").returncode == 1
    assert shop.run(script, theirs=theirs, FLASH_ENV="staging").returncode == 1
    found = shop.answer(script, theirs=theirs, FLASH_APP="shop", FLASH_ENV="production")
    assert found == RESULT


@BOTH
def test_flash_app_and_flash_env_override_the_project(shop: Shop, theirs: bool) -> None:
    folder = shop.folder / "named_otherwise"
    script = shop.write("worker.py", (shop.project / "worker.py").read_text(), folder)
    (folder / "pyproject.toml").write_text('[tool.flashc]\napp = "other"\n')
    assert shop.run(script, cwd=folder, theirs=theirs).returncode == 1
    chosen = {"FLASH_APP": "shop", "FLASH_ENV": "production"}
    assert shop.answer(script, cwd=folder, theirs=theirs, **chosen) == RESULT


@BOTH
def test_a_call_is_routed_through_the_sentinel(shop: Shop, theirs: bool) -> None:
    script = shop.write("call_inference.py", IMPORTING)
    done = {"id": "j", "status": "COMPLETED", "output": {"from": "the sentinel"}}
    with serving(json_answer(done)) as server:
        base = {"RUNPOD_ENDPOINT_BASE_URL": f"{server.url}/v2"}
        assert shop.answer(script, theirs=theirs, **base) == {"from": "the sentinel"}
    (request,) = server.requests
    head, _, body = request.decode().lower().partition("\r\n\r\n")
    assert head.startswith("post /v2/flash/runsync")
    for header in ("app: shop", "environment: production", "endpoint: inference"):
        assert f"\r\nx-flash-{header}" in head
    assert json.loads(body) == {"input": {"data": {"input": "data"}}}


def test_a_script_gets_the_result_of_a_job_that_takes_longer_than_a_request(shop: Shop) -> None:
    """The platform holds a request for a while, and answers then with the state of the job."""
    text = "from more import sleep\nimport json\nprint(json.dumps(sleep(6.5)))\n"
    assert shop.answer(shop.write("long_job.py", text)) == "awake"


@BOTH
def test_the_definitions_of_the_deployed_app_work_unmodified(shop: Shop, theirs: bool) -> None:
    """The file that was deployed is the file that scripts run and import, byte for byte."""
    deployed = (shop.project / "worker.py").read_bytes()
    assert deployed == WORKER.encode()
    assert shop.answer(shop.project / "worker.py", theirs=theirs) == RESULT
    assert shop.answer(shop.write("call_inference.py", IMPORTING), theirs=theirs) == RESULT
    assert (shop.project / "worker.py").read_bytes() == deployed


@BOTH
def test_a_function_is_called_in_the_file_that_defines_it(shop: Shop, theirs: bool) -> None:
    assert shop.answer(shop.project / "worker.py", theirs=theirs) == RESULT


@BOTH
def test_a_function_is_imported_and_called_in_another_script(shop: Shop, theirs: bool) -> None:
    script = shop.write("call_inference.py", IMPORTING)
    assert shop.answer(script, theirs=theirs) == RESULT


@BOTH
def test_defaults_are_those_of_the_deployed_function(shop: Shop, theirs: bool) -> None:
    """A script with other defaults than the deployed ones does not send them."""
    text = (shop.project / "worker.py").read_text().replace("scale: int = 2", "scale: int = 99")
    script = shop.write("apart_version.py", text)
    assert shop.answer(script, theirs=theirs) == RESULT


def test_the_app_is_that_of_the_project_that_contains_the_script(shop: Shop) -> None:
    """The working directory does not matter, not even if it is another project."""
    elsewhere = shop.folder / "other"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "pyproject.toml").touch()
    assert shop.answer(shop.project / "worker.py", cwd=elsewhere) == RESULT
    nested = shop.write("apart_tools/deep/script.py", (shop.project / "worker.py").read_text())
    assert shop.answer(nested, cwd=elsewhere) == RESULT


def test_moving_the_script_changes_the_context(shop: Shop) -> None:
    folder = shop.folder / "moved"
    script = shop.write("worker.py", (shop.project / "worker.py").read_text(), folder)
    (folder / "requirements.txt").touch()
    done = shop.run(script, cwd=folder)
    assert done.returncode == 1
    assert "EndpointNotFound: the app 'moved' has no endpoint 'inference'" in done.stderr
    assert "in the environment 'production'" in done.stderr


@BOTH
def test_flash_app_keeps_the_target_of_a_moved_script(shop: Shop, theirs: bool) -> None:
    folder = shop.folder / "alone"
    script = shop.write("worker.py", (shop.project / "worker.py").read_text(), folder)
    found = shop.answer(script, cwd=folder, theirs=theirs, FLASH_APP="shop", FLASH_ENV="production")
    assert found == RESULT
    assert shop.answer(script, cwd=folder, theirs=theirs, FLASH_APP="shop") == RESULT


@BOTH
def test_flash_app_and_flash_env_may_be_in_a_file_of_variables(shop: Shop, theirs: bool) -> None:
    folder = shop.folder / "with_env"
    script = shop.write("worker.py", (shop.project / "worker.py").read_text(), folder)
    (folder / ".env").write_text("FLASH_APP=shop\nFLASH_ENV=production\n")
    assert shop.answer(script, cwd=folder, theirs=theirs) == RESULT


def test_a_moved_script_that_runs_in_the_project_calls_the_projects_app(shop: Shop) -> None:
    folder = shop.folder / "alone"
    script = shop.write("worker.py", (shop.project / "worker.py").read_text(), folder)
    assert shop.answer(script, cwd=shop.project) == RESULT


def test_without_a_context_there_is_the_documented_error(shop: Shop) -> None:
    folder = shop.folder / "alone"
    script = shop.write("worker.py", (shop.project / "worker.py").read_text(), folder)
    done = shop.run(script, cwd=folder)
    assert done.returncode == 1
    assert "NoContext: no flash context for endpoint 'inference'" in done.stderr
    assert "set FLASH_APP and FLASH_ENV to target a deployed environment" in done.stderr
    assert f"upward from {folder}" in done.stderr
    shutil.rmtree(folder)


def test_an_unknown_environment_is_named(shop: Shop) -> None:
    done = shop.run(shop.project / "worker.py", FLASH_ENV="staging")
    assert done.returncode == 1
    assert "has no endpoint 'inference' in the environment 'staging'" in done.stderr


@BOTH
def test_deployed_workers_know_their_app_and_environment(shop: Shop, theirs: bool) -> None:
    text = IMPORTING.replace("run_inference", "context_of_worker")
    script = shop.write("ask_context.py", text.replace('{"input": "data"}', ""))
    found = shop.answer(script, theirs=theirs)
    assert found == {"FLASH_APP": "shop", "FLASH_ENV": "production"}


def test_what_workers_get_makes_their_calls_of_each_other_work(shop: Shop) -> None:
    """No variable of the script reaches the worker that calls: it has its own."""
    script = shop.write("ask.py", ASKING)
    assert shop.answer(script, FLASH_APP="shop", FLASHC_CALL_TIMEOUT="60")["found"] == 8
