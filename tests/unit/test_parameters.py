"""The tables of parameters, and everything that is written, read or typed by them."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from parameters import DOCUMENTS

import flashc
from flashc.frontend.flash.parameters import TABLES
from flashc.frontend.parameter_table import Parameter, read_nothing
from flashc_backends.manifest.manifest import build_manifest
from flashc_backends.manifest.manifest_model import ManifestResource, copied_fields
from flashc_core.source import Span
from flashc_ir.endpoints import Configuration, ExistingEndpoint
from flashc_ir.resources import Resources
from tests.support.projects import ROOT, compile_files

# What the manifest says of an endpoint that no parameter decides.
NOT_PARAMETERS = {
    "resource_type",
    "file_path",
    "local_path_prefix",
    "module_path",
    "functions",
    "signatures",
    "is_load_balanced",
    "is_live_resource",
    "config_variable",
    "makes_remote_calls",
    "calls",
    "target_python_version",
    "handler_file",
    "endpoint_id",
    "aiKey",
}
# These decide what kind of endpoint it is, and other keys follow from the kind.
KINDS = {"name", "id", "image", "cpu"}
HEAD = (
    "import os\n"
    "from flashc import DataCenter, Endpoint, GpuGroup, NetworkVolume, PodTemplate, ServerlessScalerType\n"
)
ENDPOINT = TABLES["Endpoint"]
EXAMPLES = {parameter.name: parameter.example for parameter in ENDPOINT}


def program_with(**arguments: str) -> str:
    """A module with one endpoint of these arguments."""
    given = ", ".join(f"{name}={text}" for name, text in arguments.items())
    if arguments.keys() & {"id", "image"}:
        return f"{HEAD}client = Endpoint({given})\n@Endpoint(name='own')\nasync def run(x: int): return x\n"
    return f"{HEAD}@Endpoint({given})\nasync def run(x: int): return x\n"


def resource(tmp_path: Path, **arguments: str) -> dict[str, Any]:
    """What the manifest says of the endpoint `w` of these arguments."""
    program = compile_files(tmp_path, {"worker.py": program_with(**arguments)}).valid
    document = json.loads(build_manifest(program, "0", {}).to_json())
    found: dict[str, Any] = document["resources"]["w"]
    return found


@pytest.mark.parametrize("path", DOCUMENTS)
def test_what_is_written_from_the_tables_is_up_to_date(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert DOCUMENTS[path](text) == text, "run `python scripts/parameters.py`"


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, row.name) for kind in ("NetworkVolume", "PodTemplate") for row in TABLES[kind]],
)
def test_the_example_of_a_part_of_an_endpoint_is_accepted(
    kind: str, name: str, tmp_path: Path
) -> None:
    (row,) = (parameter for parameter in TABLES[kind] if parameter.name == name)
    given: dict[str, str] = {}
    if kind == "NetworkVolume":  # an existing one needs a data centre, another one a name
        given = {"datacenter": '"EU-RO-1"'} if name == "id" else {"name": '"v"'}
    text = ", ".join(f"{key}={value}" for key, value in {**given, name: row.example}.items())
    parameter = "volume" if kind == "NetworkVolume" else "template"
    files = {"worker.py": program_with(name='"w"', **{parameter: f"{kind}({text})"})}
    assert compile_files(tmp_path, files).codes == []


@pytest.mark.parametrize("name", ["<VOLUME-ID>", "${VOLUME}", "", "abc 123", "{{ id }}"])
def test_a_placeholder_is_no_id_of_a_volume(name: str, tmp_path: Path) -> None:
    volume = f"NetworkVolume(id={name!r}, datacenter='EU-RO-1')"
    found = compile_files(tmp_path, {"worker.py": program_with(name='"w"', volume=volume)})
    assert "`NetworkVolume.id` is not the id of a volume" in found.found("FC102").message


@pytest.mark.parametrize("kind", TABLES)
def test_every_parameter_is_documented(kind: str) -> None:
    for row in TABLES[kind]:
        assert all((row.type, row.annotation, row.example, row.doc)), row.name


def test_the_manifest_copies_only_fields_that_the_ir_has() -> None:
    fields = {
        field.name for of in (Configuration, Resources) for field in msgspec.structs.fields(of)
    }
    assert copied_fields() <= fields


@pytest.mark.parametrize("kind", TABLES)
def test_the_sdk_takes_what_the_table_says(kind: str) -> None:
    signature = inspect.signature(getattr(flashc, kind))
    assert set(signature.parameters) == {parameter.name for parameter in TABLES[kind]}
    for parameter in TABLES[kind]:
        found = signature.parameters[parameter.name]
        assert str(found.annotation) == parameter.annotation.replace('"', "'")
        assert found.default == eval(parameter.signature)
        first = kind == "Endpoint" and parameter.name == "name"
        assert (found.kind is inspect.Parameter.KEYWORD_ONLY) is not first


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in ("name", "id")])
def test_a_parameter_decides_its_keys_of_the_manifest_and_no_others(
    name: str, tmp_path: Path
) -> None:
    (row,) = (parameter for parameter in ENDPOINT if parameter.name == name)
    before = resource(tmp_path / "before", name='"w"')
    after = resource(tmp_path / "after", name='"w"', **{name: EXAMPLES[name]})
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    if name in KINDS:
        assert changed >= set(row.manifest)
    else:
        assert changed == set(row.manifest)


def test_the_keys_of_the_manifest_are_those_of_the_parameters() -> None:
    keys = {field.encode_name for field in msgspec.structs.fields(ManifestResource)}
    assert keys == NOT_PARAMETERS | {key for row in ENDPOINT for key in row.manifest}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_parameter_is_read(name: str, tmp_path: Path) -> None:
    given = {"name": '"w"', name: EXAMPLES[name]}
    plain = compile_files(tmp_path / "plain", {"worker.py": program_with(name='"w"')}).valid
    program = compile_files(tmp_path / "given", {"worker.py": program_with(**given)}).valid
    (endpoint,) = (e for e in program.endpoints if getattr(e, "name", "") != "own")
    if isinstance(endpoint, ExistingEndpoint):
        assert (name, endpoint.id) == ("id", "abc123")
    elif name in ("name", "image"):
        assert getattr(endpoint, name) == eval(EXAMPLES[name])
    else:
        (other,) = plain.deployed
        assert endpoint.configuration != other.configuration


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "id"])
def test_a_value_of_the_wrong_type_is_reported_by_the_parameters_name(
    name: str, tmp_path: Path
) -> None:
    given = {"name": '"w"', name: "1.5"}
    found = compile_files(tmp_path, {"worker.py": program_with(**given)}).diagnostics
    assert f"`{name}`" in next(d.message for d in found if d.severity.value == "error")


@pytest.mark.parametrize(
    ("written", "pointed_at"),
    [
        ("Endpoint(name='w', idle_timout=3)", "idle_timout"),
        ("Endpoint(name='w', gpu=GpuGroup.ANY, cpu='cpu3c-1-2')", "cpu"),
        ("Endpoint(name='w', id='abc', image='a/b')", "image"),
        ("Endpoint(name='w', volume=NetworkVolume(name='v', sise=10))", "sise"),
    ],
)
def test_what_is_wrong_with_a_name_is_shown_at_the_name(
    written: str, pointed_at: str, tmp_path: Path
) -> None:
    text = f"{HEAD}@{written}\nasync def run(x: int): return x\n"
    finding = next(iter(compile_files(tmp_path, {"worker.py": text}).diagnostics))
    assert isinstance(finding.location, Span)
    line = text.splitlines()[finding.location.line - 1]
    assert line[finding.location.column - 1 : finding.location.end_column - 1] == pointed_at


# Types ------------------------------------------------------------------------------------------------

RIGHT = """
import os
from flashc import (
    CpuInstanceType, DataCenter, Endpoint, GpuGroup, GpuType, NetworkVolume, PodTemplate,
)

@Endpoint(
    name="w", gpu=[GpuGroup.ADA_24, GpuType.NVIDIA_L4], workers=(0, 3), idle_timeout=5,
    dependencies=["torch"], datacenter=["EU-RO-1", DataCenter.US_CA_2], flashboot=False,
    env={"A": "1", "B": os.environ["B"], "C": os.getenv("C")}, scaler_type="REQUEST_COUNT",
    volume=NetworkVolume(name="v", size=20), template=PodTemplate(containerDiskInGb=20),
)
async def run(x: int) -> int:
    return x

api = Endpoint("api", cpu=CpuInstanceType.CPU3C_1_2, workers=3)

@api.get("/x")
def serve(y: str) -> str:
    return y

served: str = serve("a")
vllm = Endpoint(name="vllm", image="owner/image:1")

async def main() -> int:
    await vllm.runsync({"prompt": "x"})
    await vllm.post("/v1", {"prompt": "x"}, timeout=5.0)
    return await run(1)
"""
WRONG = [
    "Endpoint(name='w', idle_timout=3)",
    "Endpoint(name='w', workers='x')",
    "Endpoint(name='w', dependencies='torch')",
    "Endpoint('w', 'cpu3c-1-2')",
    "NetworkVolume(name='v', sise=10)",
]


def check_types(tool: list[str], path: Path) -> tuple[int, str]:
    """Run a type checker on a file of a user; the exit code and what it says."""
    search = os.pathsep.join([str(ROOT), str(ROOT / "ir"), str(ROOT / "backends")])
    run = subprocess.run(
        [*tool, str(path)],
        cwd=path.parent,
        env={**os.environ, "MYPYPATH": search, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def wrong_program() -> str:
    """One wrong call a line, from line 2 on."""
    return "from flashc import Endpoint, NetworkVolume\n" + "".join(f"{call}\n" for call in WRONG)


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_know_the_parameters(checker: str, tmp_path: Path) -> None:
    folder = tmp_path / checker
    folder.mkdir()
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text(wrong_program())
    if checker == "mypy":
        tool = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / ".cache")]
    else:
        paths = [str(ROOT), str(ROOT / "ir"), str(ROOT / "backends")]
        (folder / "pyrightconfig.json").write_text(
            json.dumps({"extraPaths": paths, "typeCheckingMode": "strict"})
        )
        tool = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    code, said = check_types(tool, folder / "right.py")
    assert code == 0, said
    code, said = check_types(tool, folder / "wrong.py")
    assert code == 1
    for number in range(2, 2 + len(WRONG)):
        assert f"wrong.py:{number}:" in said, said


# An id may be known at run time only, `dataCenterId` is read as `datacenter`, and nothing reads the others.
NOT_CHECKED = {
    ("Endpoint", "id"),
    ("NetworkVolume", "dataCenterId"),
    *(("PodTemplate", row.name) for row in TABLES["PodTemplate"] if row.reader is read_nothing),
}
WRONG_VALUES = ("3.5", "[]", "[3.5]", "{3: 'x'}", "{'A': []}", "(1, 2, 3)", "'x'", "True")


@pytest.mark.parametrize(
    ("kind", "row"), [(kind, row) for kind, table in TABLES.items() for row in table]
)
def test_a_value_of_a_wrong_type_is_reported_with_the_example_of_the_row(
    kind: str, row: Parameter[Any], tmp_path: Path
) -> None:
    helps = set[str]()
    for value in WRONG_VALUES:
        inner = f"{row.name}={value}"
        if kind == "Endpoint":
            text = program_with(**{"name": "'w'", row.name: value})
        else:
            holder = "volume" if kind == "NetworkVolume" else "template"
            text = program_with(name="'w'", **{holder: f"{kind}({inner})"})
        for found in compile_files(tmp_path, {"worker.py": text}).diagnostics:
            if found.rule.code == "FC102":
                assert found.help, found.message
                helps |= set(found.help)
    example = f"write, for example, `{row.name}={row.example}`"
    assert example in helps or (kind, row.name) in NOT_CHECKED


@pytest.mark.parametrize(
    ("arguments", "help"),
    [
        ("gpus=3", "write, for example, `gpus=[GpuGroup.ADA_24]`"),
        ("workersMax='x'", "write, for example, `workersMin=1, workersMax=3`"),
        ("idleTimeout='x'", "write, for example, `idleTimeout=5`"),
    ],
)
def test_the_older_dialect_shows_its_own_fields(arguments: str, help: str, tmp_path: Path) -> None:
    text = (
        "from runpod_flash import LiveServerless, remote\n\n"
        f"@remote(LiveServerless(name='w', {arguments}))\nasync def f(x: int) -> int: return x\n"
    )
    found = [
        d for d in compile_files(tmp_path, {"w.py": text}).diagnostics if d.rule.code == "FC102"
    ]
    assert [d.help for d in found] == [(help,)]


def test_a_path_that_is_no_text_is_reported_with_an_example(tmp_path: Path) -> None:
    text = (
        f"{HEAD}api = Endpoint(name='w', cpu='cpu3c-1-2')\n@api.get(3)\nasync def f(): return 1\n"
    )
    found = compile_files(tmp_path, {"w.py": text}).found("FC102")
    assert found.help == ('write, for example, `"/items"`',)
