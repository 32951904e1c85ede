"""`--trace`: what only running the code can tell."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from flashc.lsp.analysis import analyse
from flashc_ir.endpoints import QueueFunction
from flashc_ir.printer import print_program
from tests.support.projects import compile_files, unpacked
from tests.support.tracing import TRACED
from tests.unit.test_rule_pages import example_of

BEYOND = """\
import os
import not_installed_anywhere as nia
from runpod_flash import Endpoint, GpuGroup, NetworkVolume

SIZES = eval("{'small': 1, 'large': 3}")

for size, most in SIZES.items():
    @Endpoint(
        name=f"w-{size}",
        gpu=[GpuGroup.ADA_24],
        workers=(0, most),
        volume=NetworkVolume(name="models", size=50),
        env={"TOKEN": os.environ["TOKEN_OF_TEST"], "URL": "x:" + os.environ["TOKEN_OF_TEST"]},
    )
    async def run(x: int):
        return nia.compute(x)

api = Endpoint(name=eval("'api'"), cpu="cpu3c-1-2", workers=(1, 2))

@api.get("/hälth/{é}")
async def health(é: int = 1):
    return {}

@Endpoint(name=eval("'model'"))
class Model:
    def predict(self, x: int) -> int:
        return x
"""
PLAIN = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="plain")\nasync def plain(): return 1\n'
)


def test_without_it_nothing_is_run(tmp_path: Path) -> None:
    text = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n" + BEYOND
    result = compile_files(tmp_path, {"worker.py": text}, env={"TOKEN_OF_TEST": "hunter2-hunter2"})
    assert "FC104" in result.codes
    assert not (tmp_path / "ran").exists()


def test_endpoints_beyond_reach_are_found_and_marked(tmp_path: Path) -> None:
    files = {"worker.py": BEYOND, "plain.py": PLAIN}
    result = compile_files(tmp_path, files, **TRACED, env={"TOKEN_OF_TEST": "hunter2-hunter2"})
    assert result.found("FC133").path == "worker.py"
    endpoints = {e.resource: e for e in result.valid.deployed}
    assert sorted(endpoints) == ["api", "model", "plain", "w-large", "w-small"]
    large = endpoints["w-large"]
    assert isinstance(large, QueueFunction)
    assert large.configuration.resources.workers.maximum == 3
    assert large.function.qualname == "run"
    assert {name for name, e in endpoints.items() if e.construction.traced} == {
        *("api", "model", "w-large", "w-small")
    }
    printed = print_program(result.valid)
    assert "env TOKEN = ${TOKEN_OF_TEST}" in printed
    assert 'env URL = "x:" + ${TOKEN_OF_TEST}' in printed
    assert "hunter2" not in printed
    assert "route GET /hälth/{é}" in printed


def test_an_editor_never_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user may have allowed it for all projects, but has only opened a file."""
    monkeypatch.setenv("FLASHC_TRACE", "1")
    monkeypatch.setenv("FLASHC_NO_SANDBOX", "1")
    assert (
        "FC133" in compile_files(tmp_path, {"worker.py": BEYOND}, env={"TOKEN_OF_TEST": "x"}).codes
    )
    codes = {found.rule.code for found in analyse(tmp_path, {}).diagnostics}
    assert "FC133" not in codes
    assert "FC104" in codes


def test_a_traced_project_becomes_an_artifact(tmp_path: Path) -> None:
    env = {"TOKEN_OF_TEST": "hunter2-hunter2"}
    compiled = compile_files(tmp_path / "app", {"worker.py": BEYOND}, **TRACED, env=env)
    target = unpacked(compiled, tmp_path / "out")
    files = [file for file in target.rglob("*") if file.is_file()]
    assert {"handler_w-large.py", "handler_api.py"} <= {file.name for file in files}
    assert not any(b"hunter2" in file.read_bytes() for file in files)


@pytest.mark.parametrize(
    "line",
    [
        "import socket; socket.create_connection(('127.0.0.1', PORT), 2)",
        "import subprocess; subprocess.run(['touch', 'RAN'])",
        "import os; os.system('touch RAN')",
        "open('RAN', 'w')",
        "import os; os.remove('precious')",
        "raise SystemExit",
        "1 / 0",
    ],
)
def test_what_the_code_may_not_do_fails_and_changes_nothing(line: str, tmp_path: Path) -> None:
    env = {"TOKEN_OF_TEST": "hunter2-hunter2"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        text = line.replace("PORT", str(server.getsockname()[1]))
        files = {"worker.py": f"{BEYOND}{text}\n", "precious": "x"}
        result = compile_files(tmp_path, files, **TRACED, env=env)
        with pytest.raises(BlockingIOError):  # nobody has connected
            server.accept()
    assert "FC132" in result.codes
    assert not (tmp_path / "RAN").exists()
    assert (tmp_path / "precious").exists()


def test_a_module_that_never_ends_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flashc.frontend.trace_process.LIMIT", 2)
    files = {"worker.py": BEYOND + "while True: pass\n"}
    result = compile_files(tmp_path, files, **TRACED, env={"TOKEN_OF_TEST": "x"})
    assert "more than 2 s" in result.found("FC132").message


@pytest.mark.parametrize("code", ["FC132", "FC133"])
def test_the_pages_examples(code: str, tmp_path: Path) -> None:
    assert code in compile_files(tmp_path, example_of(code), **TRACED).codes


def test_what_a_module_raises_is_told_without_the_values_of_variables(tmp_path: Path) -> None:
    text = BEYOND + "raise ValueError('no ' + os.environ['TOKEN_OF_TEST'])\n"
    result = compile_files(
        tmp_path, {"worker.py": text}, **TRACED, env={"TOKEN_OF_TEST": "hunter2-hunter2"}
    )
    assert "ValueError: no ${TOKEN_OF_TEST}" in result.found("FC132").message
