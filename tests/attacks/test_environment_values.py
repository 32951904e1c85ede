"""No value of an environment variable is written or printed, except as a name of the program."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flashc.api import build_project, lock_project
from flashc.report.json_report import render_json
from flashc_core.cache import Store
from tests.support.package_index import Package, package_index
from tests.support.projects import compile_files, opened, write

SECRET = "canary-7f3a-canary"
HEAD = "import os\nfrom runpod_flash import Endpoint, NetworkVolume, PodTemplate\nS = os.environ['ATTACK_SECRET']\n"


@pytest.mark.parametrize(
    "arguments",
    [
        "template=PodTemplate(startScript='echo ' + S)",
        "template=PodTemplate(dockerArgs=f'--token {S}')",
        "template=PodTemplate(containerRegistryAuthId=S[1:])",
        "template=PodTemplate(ports=S)",
        "template=PodTemplate(env=[{'key': S, 'value': '1'}])",
        "template=PodTemplate(env=[{'key': 'A', 'value': S.upper()}])",
        "env={'A': S[::-1]}",
        "env={S: 'x'}",
        "system_dependencies=['curl', S]",
        "dependencies=[f'six=={S}']",
        "dependencies=['six @ https://example.org/' + S.strip() + '/six-1.0-py3-none-any.whl']",
        "image='owner/' + S",
        "datacenter=S",
        "python_version=S",
        "gpu=S",
        "cpu=S",
        "min_cuda_version=S",
        "scaler_type=S",
        "workers=len(S) * 10 ** 9",
        "volume=NetworkVolume(name='v', datacenter=S)",
        "volume=NetworkVolume(id='<' + S + '>', datacenter='EU-RO-1')",
    ],
)
def test_a_value_is_in_no_parameter_and_in_no_message(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTACK_SECRET", SECRET)
    declared = "object = Endpoint" if "image" in arguments else "@Endpoint"
    text = f"{HEAD}{declared}(name='w', {arguments})\n"
    body = "" if "image" in arguments else "async def w(x: int): return x\n"
    result = compile_files(tmp_path, {"worker.py": text + body})
    printed = render_json(result.diagnostics)
    for form in (SECRET, SECRET.upper(), SECRET[1:], SECRET[::-1]):
        assert form not in printed.replace(arguments, "")
        assert form not in repr(result.program)
    assert result.program is None


def test_a_route_contains_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACK_SECRET", SECRET)
    text = f"{HEAD}api = Endpoint(name='a', cpu='cpu3c-1-2')\n@api.get('/' + S)\nasync def r(): return 1\n"
    result = compile_files(tmp_path, {"worker.py": text})
    assert "FC125" in result.codes
    assert SECRET not in render_json(result.diagnostics)


def test_a_variable_may_choose_among_texts_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text stands in the program; the variable only decides which one it is."""
    monkeypatch.setenv("ATTACK_SECRET", "large")
    text = f"{HEAD}w = Endpoint(name='w', image='o/large:1' if S == 'large' else 'o/small:1')\n"
    result = compile_files(tmp_path, {"worker.py": text})
    assert result.codes == []


def test_what_the_project_states_is_no_secret(tmp_path: Path) -> None:
    files = {
        "worker.py": f"{HEAD}w = Endpoint(name='w', image='o/' + S)\n",
        "pyproject.toml": "[tool.flashc.env]\nATTACK_SECRET = 'public'\n",
    }
    assert compile_files(tmp_path, files).codes == []


@pytest.fixture
def token_server() -> Iterator[str]:
    """The address of the folder with the wheel of `foo`."""
    with package_index({}, [Package("foo")]) as (index, _):
        yield index.replace("/simple", "/files")


@pytest.mark.parametrize("in_file", [True, False])
def test_a_token_in_the_url_of_a_package_stays_a_reference(
    in_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token_server: str
) -> None:
    url = token_server.replace("://", "://{os.environ['ATTACK_TOKEN']}@")
    text = (
        "import os\nfrom runpod_flash import Endpoint\n\n"
        f"@Endpoint(name='w', dependencies=[f\"foo @ {url}/foo-1.0-py3-none-any.whl\"])\n"
        "async def w(x: int): return x\n"
    )
    app = write(tmp_path / "app", {"worker.py": text})
    if in_file:
        write(app, {".env": f"ATTACK_TOKEN={SECRET}\n"})
    else:
        monkeypatch.setenv("ATTACK_TOKEN", SECRET)
    cache = Store(folder=tmp_path / "cache")
    result = build_project(opened(app, cache=cache))
    assert result.artifact is not None, [(d.message, d.notes) for d in result.diagnostics]
    locked = lock_project(opened(app, cache=cache))
    assert not locked.has_errors
    assert "${ATTACK_TOKEN}@" in (app / "flash.lock").read_text()
    everything = [*app.rglob("*"), *(tmp_path / "cache").rglob("*")]
    written = {f: f.read_bytes() for f in everything if f.is_file() and f.name != ".env"}
    assert not [f for f, content in written.items() if SECRET.encode() in content]
    with tarfile.open(result.artifact) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            assert stream is None or SECRET.encode() not in stream.read()
    assert SECRET not in json.dumps([d.message for d in result.diagnostics])
